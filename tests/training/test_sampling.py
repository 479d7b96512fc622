"""Batches of similar length in an order that depends only on seed and epoch."""

import numpy as np
import pytest

from training.sampling import LengthGroupedSampler, class_balance_weights

LENGTHS = np.random.default_rng(0).integers(20, 200, size=403)


def test_every_example_once_an_epoch():
    assert sorted(LengthGroupedSampler(LENGTHS, 8, seed=0)) == list(range(403))


def test_order_depends_on_seed_and_epoch_only():
    def order(seed, epoch):
        sampler = LengthGroupedSampler(LENGTHS, 8, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 2) == order(0, 2)
    assert order(0, 2) != order(0, 1)
    assert order(0, 2) != order(1, 2)


def test_batches_hold_similar_lengths():
    order = list(LengthGroupedSampler(LENGTHS, 8, seed=0))
    spread = [np.ptp(LENGTHS[order[i : i + 8]]) for i in range(0, 400, 8)]
    assert np.mean(spread) < np.ptp(LENGTHS) / 6


def test_the_short_batch_is_last():
    order = list(LengthGroupedSampler(np.arange(10), 4, seed=0))
    assert len(order) == 10
    grouped = {frozenset(order[i : i + 4]) for i in range(0, 8, 4)}
    assert grouped == {frozenset(range(4)), frozenset(range(4, 8))}


def test_balanced_weights_draw_both_classes_equally():
    labels = [True] * 40 + [False] * 363
    order = list(LengthGroupedSampler(LENGTHS, 8, seed=0, weights=class_balance_weights(labels)))
    yes = sum(labels[i] for i in order)
    assert 150 < yes < 250


def test_balance_needs_both_classes():
    with pytest.raises(ValueError, match="data.sampler=balanced.*0 No"):
        class_balance_weights([True, True])
