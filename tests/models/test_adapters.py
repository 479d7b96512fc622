"""Adapters: their dropout, and what is left of them when they are merged."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from models.adapters import Dropout, add_adapters, lora_layers
from models.errors import ModelError
from models.loading import load_answerer
from training.trainer import save_adapter

LORA = SimpleNamespace(rank=4, alpha=4, dropout=0.1, target_modules=["q_proj", "down_proj"])


def test_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    dropout, values = Dropout(0.1), torch.ones(1000, 999)
    dropped = dropout(values)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.002)
    assert dropped.max().item() == pytest.approx(1 / 0.9, rel=1e-4)
    assert dropped.mean().item() == pytest.approx(1, abs=0.002)
    # neither neighbours nor the places that share 64 random bits hang together
    mask = (dropped == 0).float().flatten()
    for lag in (1, 2, 3, 4, 999):
        assert torch.corrcoef(torch.stack([mask[:-lag], mask[lag:]]))[0, 1].abs() < 0.01


def test_dropout_is_off_in_evaluation_and_follows_the_seed():
    dropout, values = Dropout(0.5), torch.randn(7, 5, requires_grad=True)
    torch.manual_seed(1)
    first = dropout(values)
    torch.manual_seed(1)
    torch.testing.assert_close(dropout(values), first)
    (gradient,) = torch.autograd.grad(first.sum(), values)
    torch.testing.assert_close(gradient, torch.where(first == 0, 0.0, 2.0), rtol=1e-4, atol=0)
    assert dropout.eval()(values) is values
    assert Dropout(0.0)(values) is values


def test_every_adapter_gets_it(tiny):
    answerer, _ = load_answerer(tiny())
    adapted = add_adapters(answerer.language_model, LORA)
    kinds = {type(dropout) for _, layer in lora_layers(adapted) for dropout in layer.lora_dropout.values()}
    assert kinds == {Dropout} and not any(type(module) is nn.Dropout for module in adapted.modules())


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
def test_a_small_adapter_is_rounded_away_by_the_merge_and_a_large_one_is_not(tmp_path, size, survives, scored, tiny, margins):
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
    assert left["relative_size"] == pytest.approx(size, rel=0.01)
    assert survives[0] <= left["surviving_share"] <= survives[1]
    base = margins(load_answerer(model)[0])
    with_adapter, _ = scored(tmp_path, "adapter", quantization="nf4")
    if size == 1.0:
        assert (found - base).abs().max() > (found - with_adapter).abs().max()


def test_an_adapter_that_is_not_there_is_refused(tmp_path, tiny):
    with pytest.raises(ModelError, match="train the run first"):
        load_answerer(tiny(), adapter=tmp_path, weights="merged_16bit")
