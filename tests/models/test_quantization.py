"""nf4: our rounded dense weights, bitsandbytes' own layers, and the two held against each other."""

import importlib.util
import json
import shutil
from types import SimpleNamespace

import pytest
import torch

from models import quantization
from models.errors import ModelError
from models.loading import load_answerer
from models.quantization import on_nf4_grid

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)

# The 16 values of nf4 (Dettmers et al. 2023, appendix E), which bitsandbytes scales by the largest of each block of 64.
NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_each_weight_goes_to_the_nearest_value_of_its_block(dtype):
    torch.manual_seed(0)
    weight = (torch.randn(32, 64) * 0.03).to(dtype)
    rounded = on_nf4_grid(weight)
    assert rounded.dtype == dtype and rounded.shape == weight.shape
    scale = weight.float().abs().amax(1, keepdim=True)
    grid = torch.tensor(NF4)
    nearest = grid[(weight.float() / scale)[..., None].sub(grid).abs().argmin(-1)] * scale
    torch.testing.assert_close(rounded.float(), nearest, rtol=0.01 if dtype == torch.bfloat16 else 1e-6, atol=1e-6)
    torch.testing.assert_close(on_nf4_grid(rounded), rounded, rtol=0, atol=0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tiny):
    """The tiny model as a folder, its weights large enough that its margins differ."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    answerer, _ = load_answerer(tiny())
    for name, parameter in answerer.language_model.named_parameters():
        if parameter.dim() == 2 and "embed" not in name:
            parameter.data.mul_(8)
    answerer.language_model.save_pretrained(folder)
    answerer.prompt_format.tokenizer.save_pretrained(folder)
    return folder


def test_rounded_weights_and_bitsandbytes_own_layers_agree(checkpoint, tiny, margins):
    """4bit holds what nf4 computes with: on the CPU, too."""
    read = {}
    for name in ("none", "nf4", "4bit"):
        model = tiny(name_or_path=str(checkpoint), quantization=name)
        answerer, loaded = load_answerer(model)
        assert loaded["quantization"] == name
        read[name] = margins(answerer)
        layer = answerer.language_model.model.layers[0].self_attn.q_proj
        assert type(layer).__name__ == ("Linear4bit" if name == "4bit" else "Linear")
    torch.testing.assert_close(read["4bit"], read["nf4"], rtol=1e-4, atol=1e-4)
    assert (read["nf4"] - read["none"]).abs().max() > 1e-2


def test_an_adapter_trains_on_either(checkpoint, tiny, margins):
    lora = SimpleNamespace(rank=2, alpha=2, dropout=0.0, target_modules=["q_proj"])
    gradients = []
    for name in ("nf4", "4bit"):
        model = tiny(name_or_path=str(checkpoint), quantization=name)
        answerer, _ = load_answerer(model, lora=lora, seed=3)
        margins(answerer, grad=True).square().sum().backward()
        gradients.append([p.grad for p in answerer.parameters() if p.requires_grad and "lora_B" in _name(answerer, p)])
    assert gradients[0][0].abs().max() > 0
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def _name(module, wanted):
    return next(name for name, parameter in module.named_parameters() if parameter is wanted)


@pytest.fixture(scope="module")
def packed(checkpoint, tiny, tmp_path_factory):
    """A checkpoint that was saved with its weights in nf4, and that would compute in bf16."""
    folder = tmp_path_factory.mktemp("packed")
    answerer, _ = load_answerer(tiny(name_or_path=str(checkpoint), quantization="4bit"))
    answerer.language_model.save_pretrained(folder)
    answerer.prompt_format.tokenizer.save_pretrained(folder)
    change(folder, bnb_4bit_compute_dtype="bfloat16")
    return folder


def change(folder, **settings):
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] |= settings
    (folder / "config.json").write_text(json.dumps(config))


def test_a_checkpoint_in_nf4_is_read_as_4bit_and_in_the_precision_asked_for(checkpoint, packed, tiny, margins):
    found, expected = (
        margins(load_answerer(tiny(name_or_path=str(folder), quantization="4bit"))[0])
        for folder in (packed, checkpoint)
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("quantization", "weights"), [("none", "adapter"), ("nf4", "adapter"), ("4bit", "merged_4bit")]
)
def test_a_quantised_checkpoint_is_refused_where_its_full_precision_is_wanted(packed, tiny, quantization, weights):
    model = tiny(name_or_path=str(packed), quantization=quantization)
    with pytest.raises(ModelError, match=r"model.name_or_path=.*: its weights are quantised already \(nf4\)"):
        load_answerer(model, weights=weights)


def test_4bit_takes_no_other_quantisation(packed, tiny, tmp_path):
    shutil.copytree(packed, tmp_path, dirs_exist_ok=True)
    change(tmp_path, bnb_4bit_quant_type="fp4")
    with pytest.raises(ModelError, match=r"quantised already \(bitsandbytes\)"):
        load_answerer(tiny(name_or_path=str(tmp_path), quantization="4bit"))


def test_embeddings_and_head_are_left_alone(checkpoint, tiny):
    plain, rounded = (
        load_answerer(tiny(name_or_path=str(checkpoint), quantization=name))[0] for name in ("none", "nf4")
    )
    embeddings = [a.language_model.get_input_embeddings().weight for a in (plain, rounded)]
    torch.testing.assert_close(*embeddings, rtol=0, atol=0)


def test_without_bitsandbytes_it_is_one_line(monkeypatch, tiny):
    monkeypatch.setattr(quantization.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="model.quantization=nf4: needs the package bitsandbytes"):
        load_answerer(tiny(quantization="nf4"))
    with pytest.raises(ModelError, match="weights=merged_4bit: needs the package bitsandbytes"):
        load_answerer(tiny(), weights="merged_4bit")
