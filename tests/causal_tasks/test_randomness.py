"""The fast stream against Python's own: the same numbers from the same seed."""

import itertools
import random

import pytest

from causal_tasks import random_graphs
from causal_tasks.randomness import Stream, digits, generator

SEEDS = range(40)


@pytest.mark.parametrize("count", [*range(2, 24), 40, 100])
def test_samples_and_pairs_are_pythons(count):
    for seed in SEEDS:
        fast, slow = Stream(seed), random.Random(seed)
        for k in {0, 1, 2, min(count, 6), count - 1, count}:
            assert fast.sample(range(count), k) == slow.sample(range(count), k)
        assert list(fast.two_of(count)) == slow.sample(range(count), 2)
        assert fast.getstate() == slow.getstate()


def test_samples_one_after_another_are_pythons():
    populations = ("abcd", "abc", "ab", "a", "")
    for seed in SEEDS:
        fast, slow = Stream(seed), random.Random(seed)
        expected = [letter for p in populations for letter in slow.sample(p, min(2, len(p)))]
        assert fast.sample_each(populations, 2) == expected
        assert fast.getstate() == slow.getstate()


def test_several_numbers_in_one_are_those_drawn_one_by_one():
    counts = tuple((count, count.bit_length()) for count in (5, 1, 3, 64, 2))
    for seed in SEEDS:
        fast, slow = Stream(seed), Stream(seed)
        assert digits(fast.several_below(counts), counts) == [slow.below(count) for count, _ in counts]
        assert fast.getstate() == slow.getstate()


def test_small_graphs_are_those_that_sample_each_draws():
    for seed in SEEDS:
        fast, slow = Stream(seed), Stream(seed)
        for n, targets in itertools.product(range(2, 7), range(1, 5)):
            small = random_graphs._small_dag(n, targets, fast.several_below(random_graphs._counts(n, targets)))
            assert list(small) == random_graphs._joined(n, slow.sample_each(random_graphs._edges_out(n), targets))
        assert fast.getstate() == slow.getstate()


def test_whole_numbers_and_choices_are_pythons():
    for seed in SEEDS:
        fast, slow = Stream(seed), random.Random(seed)
        for count in range(1, 70):
            assert fast.randint(3, 3 + count) == slow.randint(3, 3 + count)
            assert fast.randrange(count) == slow.randrange(count)
            assert fast.choice(range(count)) == slow.choice(range(count))
        assert fast.getstate() == slow.getstate()


def test_what_cannot_be_drawn_is_refused():
    stream = generator("x", 1)
    with pytest.raises(ValueError):
        stream.sample("abc", 4)
    with pytest.raises(ValueError):
        stream.randint(2, 1)
    with pytest.raises(ValueError):
        stream.randrange(0)
    with pytest.raises(IndexError):
        stream.choice([])
