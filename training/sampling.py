"""The order in which graphs are trained on."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

# Batches are formed by length within blocks of this many batches; blocks and batches stay shuffled.
BATCHES_PER_BLOCK = 16


class LengthGroupedSampler(Sampler[int]):
    """Shuffled indices with batches of similar length; the order depends only on (seed, epoch).

    transformers has a sampler of this name, but its order follows the global random state, so a resumed
    run would see other batches.

    lengths: tokens of each example.
    weights: relative frequency of each example (drawn with replacement), or None: each once an epoch.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, weights: Sequence[float] | None = None):
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.weights = None if weights is None else np.asarray(weights, dtype=float) / np.sum(weights)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.seed, self.epoch])
        count = len(self.lengths)
        if self.weights is None:
            order = generator.permutation(count)
        else:
            order = generator.choice(count, size=count, p=self.weights)
        block = self.batch_size * BATCHES_PER_BLOCK
        batches = []
        for start in range(0, count, block):
            by_length = order[start : start + block]
            by_length = by_length[np.argsort(self.lengths[by_length], kind="stable")]
            batches += [by_length[i : i + self.batch_size] for i in range(0, len(by_length), self.batch_size)]
        # A last, shorter batch must stay last.
        last = [batches.pop()] if batches and len(batches[-1]) < self.batch_size else []
        shuffled = [batches[i] for i in generator.permutation(len(batches))]
        return iter(np.concatenate(shuffled + last).tolist())


def class_balance_weights(labels: Sequence[bool]) -> list[float]:
    """Weights with which Yes and No are drawn equally often. Raises ValueError if a class is missing."""
    yes = sum(labels)
    no = len(labels) - yes
    if not yes or not no:
        raise ValueError(f"data.sampler=balanced: the training set has {yes} Yes and {no} No; both are needed")
    return [0.5 / yes if label else 0.5 / no for label in labels]
