"""Adapters: their dropout, and what is left of them when they are merged."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from models import adapters
from models.adapters import Dropout, adapter_size, add_adapters, lora_layers
from models.errors import ModelError
from models.loading import load_answerer
from models.tiny import tiny_tokenizer
from training.trainer import save_adapter

WITHOUT_DROPOUT = SimpleNamespace(rank=4, alpha=8, dropout=0.0, target_modules=["q_proj", "down_proj"])
LORA = SimpleNamespace(rank=4, alpha=4, dropout=0.1, target_modules=["q_proj", "down_proj"])


def test_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    dropout = Dropout(0.1)
    dropped = (~dropout(torch.empty(1000, 999))).float().flatten()
    assert dropped.mean().item() == pytest.approx(0.1, abs=0.002)
    assert dropout.scale == pytest.approx(1 / 0.9, rel=1e-4)
    # neither neighbours nor the places that share 64 random bits hang together
    for lag in (1, 2, 3, 4, 999):
        assert torch.corrcoef(torch.stack([dropped[:-lag], dropped[lag:]]))[0, 1].abs() < 0.01


def test_dropout_follows_the_seed_and_is_off_in_evaluation(tiny, margins):
    lora = SimpleNamespace(**vars(WITHOUT_DROPOUT) | {"dropout": 0.5})
    answerer, _ = load_answerer(tiny(), lora=lora, seed=0)
    for name, parameter in answerer.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)

    def read(training, seed):
        torch.manual_seed(seed)
        return margins(answerer.train(training))

    torch.testing.assert_close(read(True, 1), read(True, 1), rtol=0, atol=0)
    assert (read(True, 1) - read(True, 2)).abs().max() > 1e-4
    torch.testing.assert_close(read(False, 1), read(False, 2), rtol=0, atol=0)


def test_dropout_and_its_gradients_are_those_of_plain_products():
    """One layer by hand: base + scale · scaling · ((x ⊙ kept) Aᵀ) Bᵀ."""
    torch.manual_seed(0)
    x, a, b = (torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3, 6), (4, 6), (5, 4)))
    weight, kept = torch.randn(5, 6, dtype=torch.float64), torch.rand(2, 3, 6) < 0.7
    ours = adapters._LowRankUpdate.apply(x @ weight.T, x, kept, a, b, 1.5)
    plain = x @ weight.T + 1.5 * (x * kept) @ a.T @ b.T
    torch.testing.assert_close(ours, plain)
    upstream = torch.randn_like(plain)
    for found, expected in zip(
        *(torch.autograd.grad((upstream * y).sum(), (x, a, b)) for y in (ours, plain)), strict=True
    ):
        torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)


def test_every_adapter_gets_it(tiny):
    answerer, _ = load_answerer(tiny())
    adapted = add_adapters(answerer.language_model, LORA)
    kinds = {type(dropout) for _, layer in lora_layers(adapted) for dropout in layer.lora_dropout.values()}
    assert kinds == {Dropout} and not any(type(module) is nn.Dropout for module in adapted.modules())


@pytest.fixture
def that_sees(tiny, tmp_path):
    """The folder of a tiny Gemma 3 with a tower for images, whose layers have names of the decoder's."""
    config = Gemma3Config(
        text_config=load_answerer(tiny())[0].config.to_dict(),
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 28, "patch_size": 14,
        },
        mm_tokens_per_image=4,
    )  # fmt: skip
    torch.manual_seed(0)
    Gemma3ForConditionalGeneration(config).save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_what_reads_images_gets_none(that_sees, tiny, margins, tmp_path):
    """An adapter there would be dead weight, and several processes would wait for its gradient."""
    model = tiny(name_or_path=str(that_sees))
    answerer, _ = load_answerer(model, lora=LORA, seed=0)
    names = [name for name, _ in lora_layers(answerer.language_model)]
    assert len(names) == 6 and all(".language_model.layers." in name for name in names), "three layers of two each"
    torch.manual_seed(5)
    for name, parameter in answerer.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.5)
    save_adapter(answerer.eval(), tmp_path / "adapter")
    again, _ = load_answerer(model, adapter=tmp_path / "adapter")
    assert [name for name, _ in lora_layers(again.language_model)] == names
    torch.testing.assert_close(margins(again), margins(answerer), rtol=0, atol=0)


def test_of_an_ordinary_model_the_names_are_saved_as_they_were_given(saved):
    assert set(json.loads((saved[0] / "adapter_config.json").read_text())["target_modules"]) == {"q_proj", "down_proj"}


def test_a_model_without_such_layers_is_refused(tiny):
    lora = SimpleNamespace(**vars(LORA) | {"target_modules": ["qkv_proj"]})
    with pytest.raises(ModelError, match=r"lora.target_modules=\[qkv_proj\]: the model has no such layers"):
        load_answerer(tiny(), lora=lora)


def adapted(tiny, dtype, fuse, monkeypatch):
    """The tiny model in a precision with adapters of some size, and a function text → gradients of the adapters."""
    with monkeypatch.context() as patch:
        if not fuse:
            patch.setattr(adapters, "_fuse", lambda model: model)
        answerer, _ = load_answerer(tiny(), lora=WITHOUT_DROPOUT, seed=0)
    torch.manual_seed(5)
    for name, parameter in answerer.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.5)
        elif not parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)
    return answerer.train()


def gradients(answerer, margins):
    """[all adapter weights] of the sum of squared margins; they stay in fp32."""
    answerer.zero_grad()
    margins(answerer, grad=True).square().sum().backward()
    found = [parameter.grad for parameter in answerer.parameters() if parameter.requires_grad]
    assert {gradient.dtype for gradient in found} == {torch.float32}
    return torch.cat([gradient.flatten() for gradient in found])


def test_one_function_for_both_products_has_pefts_gradients(tiny, margins, monkeypatch):
    ours, theirs = (gradients(adapted(tiny, torch.float32, fuse, monkeypatch), margins) for fuse in (True, False))
    assert theirs.norm() > 1e-3
    assert (ours - theirs).norm() / theirs.norm() < 1e-5


def test_adapters_in_fp32_compute_in_the_bases_bf16(tiny, margins, monkeypatch):
    half = adapted(tiny, torch.bfloat16, True, monkeypatch)
    seen = set()
    update = adapters._LowRankUpdate.apply
    monkeypatch.setattr(
        adapters._LowRankUpdate, "apply", lambda *args: seen.add((args[1].dtype, args[3].dtype)) or update(*args)
    )
    found = gradients(half, margins)
    assert seen == {(torch.bfloat16, torch.float32)}
    exact = gradients(adapted(tiny, torch.float32, True, monkeypatch), margins)
    assert torch.cosine_similarity(found, exact, dim=0) > 0.98


@pytest.fixture(scope="module")
def saved(tmp_path_factory, tiny, margins):
    """The folder of an adapter of some size, and the margins that it gives."""
    folder = tmp_path_factory.mktemp("adapter")
    answerer, _ = load_answerer(tiny(), lora=LORA, seed=0)
    torch.manual_seed(5)
    for name, parameter in answerer.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.5)
    save_adapter(answerer.eval(), folder)
    return folder, margins(answerer)


@pytest.fixture
def scored(tiny, margins):
    """Margins of a saved adapter, and what is left of it."""

    def read(folder, weights, **model):
        answerer, loaded = load_answerer(tiny(**model), adapter=folder, weights=weights)
        return margins(answerer), loaded["adapter"]

    return read


def test_merged_in_16_bit_is_the_adapter(saved, scored):
    folder, expected = saved
    found, left = scored(folder, "merged_16bit")
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert left["surviving_share"] == pytest.approx(1, abs=1e-5) and left["relative_size"] > 0.1


def test_empty_is_the_untuned_model(saved, scored, tiny, margins):
    untuned = margins(load_answerer(tiny())[0])
    found, left = scored(saved[0], "empty")
    torch.testing.assert_close(found, untuned)
    assert left is None and (found - saved[1]).abs().max() > 1e-3


@pytest.mark.parametrize(("size", "survives"), [(0.002, (0, 0.2)), (0.02, (0, 0.6)), (1.0, (0.86, 1.05))])
def test_a_small_adapter_is_rounded_away_by_the_merge_and_a_large_one_is_not(
    tmp_path, size, survives, scored, tiny, margins
):
    """Audit A10, on the 4-bit base: sizes are std(ΔW) / std(W); the audit has 81–86 % survive at 0.10."""
    pytest.importorskip("bitsandbytes")
    model = tiny(quantization="nf4")
    answerer, _ = load_answerer(model, lora=LORA, seed=0)
    torch.manual_seed(5)
    for _, layer in lora_layers(answerer.language_model):
        b = layer.lora_B["default"].weight
        b.data.normal_()
        change = layer.get_delta_weight("default")
        b.data.mul_(size * layer.get_base_layer().weight.std() / change.std())
    save_adapter(answerer, tmp_path)
    found, left = scored(tmp_path, "merged_4bit", quantization="nf4")
    assert adapter_size(answerer.language_model) == pytest.approx(left)
    assert left["relative_size"] == pytest.approx(size, rel=0.01)
    assert survives[0] <= left["surviving_share"] <= survives[1]
    base = margins(load_answerer(model)[0])
    with_adapter, _ = scored(tmp_path, "adapter", quantization="nf4")
    if size == 1.0:
        assert (found - base).abs().max() > (found - with_adapter).abs().max()


def test_an_adapter_that_is_not_there_is_refused(tmp_path, tiny):
    with pytest.raises(ModelError, match="train the run first"):
        load_answerer(tiny(), adapter=tmp_path, weights="merged_16bit")
