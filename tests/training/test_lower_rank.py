"""An adapter cut to a lower rank is the nearest of that rank, as numpy's singular values of the whole product say."""

import numpy as np
import pytest
import torch

from training.lower_rank import lower_rank

LAYER = "model.layers.{}.q_proj.lora_{}.weight"


def adapter(rank, *shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for place, (out, inner) in enumerate(shapes):
        weights[LAYER.format(place, "A")] = torch.randn(rank, inner, generator=generator)
        weights[LAYER.format(place, "B")] = torch.randn(out, rank, generator=generator)
    return weights


def product(weights, place):
    return (weights[LAYER.format(place, "B")] @ weights[LAYER.format(place, "A")]).double().numpy()


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_each_product_is_the_nearest_of_that_rank(rank):
    weights = adapter(6, (7, 11), (9, 8))
    cut, kept = lower_rank(weights, rank)
    assert {name: value.shape for name, value in cut.items()} == {
        name: (rank, value.shape[1]) if "lora_A" in name else (value.shape[0], rank) for name, value in weights.items()
    }
    norms = np.zeros(2)
    for place in (0, 1):
        left, values, right = np.linalg.svd(product(weights, place), full_matrices=False)
        np.testing.assert_allclose(product(cut, place), left[:, :rank] * values[:rank] @ right[:rank], atol=1e-5)
        norms += [np.square(values[:rank]).sum(), np.square(values).sum()]
    assert kept == pytest.approx(norms[0] / norms[1]) and (kept == pytest.approx(1)) == (rank == 6)


def test_an_adapter_that_changes_nothing_loses_nothing():
    weights = adapter(4, (5, 6))
    weights[LAYER.format(0, "B")].zero_()
    cut, kept = lower_rank(weights, 2)
    assert kept == 1.0 and not product(cut, 0).any()


@pytest.mark.parametrize("rank", [0, -3, 5])
def test_a_rank_that_a_pair_does_not_have_is_refused(rank):
    with pytest.raises(ValueError, match=rf"rank={rank}: must be 1 to 4 for model.layers.0.q_proj.lora_A"):
        lower_rank(adapter(4, (5, 6)), rank)
