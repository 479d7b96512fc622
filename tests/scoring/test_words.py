"""Simulated predictors whose nature is known must each get the right words, and no word says more than was measured."""

import numpy as np
import pytest

from scoring.collapse import is_collapsed, is_uninformative
from scoring.metrics import best_threshold, measure
from scoring.words import follows_paths, words

N = 2000


def row_of(strength, shift=0.0, noise=1.0, seed=0, calibrate=True):
    """Metrics of margins `strength` apart around `shift`, with a threshold tuned on separate items."""
    rng = np.random.default_rng(seed)

    def answers():
        labels = np.arange(N) % 2 == 0
        return labels, strength * (labels - 0.5) + noise * rng.normal(size=N) + shift

    threshold = best_threshold(*answers()) if calibrate else None
    return measure(*answers(), threshold=threshold, resamples=300)


PREDICTORS = {
    "perfect": (dict(strength=10), "orders answers well", False, False),
    "good": (dict(strength=2.5), "orders answers well", False, False),
    "always Yes, no order": (dict(strength=0, shift=50), "constant, does not order answers", True, True),
    "always No, no order": (dict(strength=0, shift=-50), "constant, does not order answers", True, True),
    "one margin": (dict(strength=0, shift=3, noise=0), "constant, does not order answers", True, True),
    "coin flip": (dict(strength=0), "does not order answers", False, True),
    "inverted": (dict(strength=-3), "orders answers backwards", False, False),
    "inverted, always Yes": (dict(strength=-3, shift=50), "constant, orders answers backwards", True, True),
    "threshold shifted up": (dict(strength=3, shift=20), "constant, orders answers well", True, True),
    "threshold shifted down": (dict(strength=3, shift=-20), "constant, orders answers well", True, True),
    "threshold shifted a little": (dict(strength=3, shift=2.6), "orders answers well, threshold off", False, False),
    "weak": (dict(strength=0.5), "orders answers weakly", False, False),
    "weak and always No": (dict(strength=0.5, shift=-30), "constant, orders answers weakly", True, True),
}


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictor_gets_its_words(name):
    settings, expected, collapsed, uninformative = PREDICTORS[name]
    row = row_of(**settings)
    assert words(row, row) == expected
    assert is_collapsed(row) is collapsed
    assert is_uninformative(row) is uninformative


def test_following_paths_needs_both_proofs_and_answers_that_differ():
    row = row_of(strength=2.5)
    above, equal = {"over_yardstick_interval": [0.01, 0.1]}, {"over_yardstick_interval": [-0.01, 0.1]}
    pairs, coin = {"pair_accuracy_interval": [0.26, 0.3]}, {"pair_accuracy_interval": [0.24, 0.3]}
    assert words(row, row | above, pairs) == "follows paths"
    assert words(row, row | equal, pairs) == words(row, row | above, coin) == "orders answers well"
    fooled = pairs | {"yardstick_pair_accuracy": 0.27}
    assert words(row, row | above, fooled) == "orders answers well"
    assert words(row, row | above, pairs | {"yardstick_pair_accuracy": 0.2}) == "follows paths"
    assert words(row, row | above) == words(row, row, pairs) == "orders answers well"
    assert words(row_of(strength=3, shift=20), row | above, pairs) == "constant, orders answers well"
    assert not follows_paths(row, None)


def test_without_a_headline_or_two_labels_nothing_is_said():
    row = row_of(strength=2.5)
    assert words(row, None) == "cannot be judged"
    assert words(row, measure([True] * 50, np.linspace(-1, 3, 50), resamples=20)) == "cannot be judged"
    assert words(row, measure([True, False] * 4, np.linspace(-1, 3, 8), ["one"] * 8)) == "cannot be judged"


def test_without_a_tuned_threshold_a_biased_model_is_judged_by_its_verdicts():
    row = row_of(strength=3, shift=2.6, calibrate=False)
    assert words(row, row) == "orders answers well"
