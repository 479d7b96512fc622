"""Simulated predictors whose nature is known must each land in the right verdict."""

import numpy as np
import pytest

from scoring.collapse import VERDICTS, collapse_rate, is_collapsed, is_uninformative, verdict
from scoring.metrics import best_threshold, measure

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
    "perfect": (dict(strength=10), "reasons", False, False),
    "good": (dict(strength=2.5), "reasons", False, False),
    "always Yes, no knowledge": (dict(strength=0, shift=50), "knows nothing", True, True),
    "always No, no knowledge": (dict(strength=0, shift=-50), "knows nothing", True, True),
    "always Yes, constant margin": (dict(strength=0, shift=3, noise=0), "knows nothing", True, True),
    "coin flip": (dict(strength=0), "knows nothing", False, True),
    "inverted": (dict(strength=-3), "answers the opposite", False, False),
    "inverted and always Yes": (dict(strength=-3, shift=50), "answers the opposite", True, True),
    "inverted weakly": (dict(strength=-0.4), "leans against the labels", False, False),
    "threshold shifted up": (dict(strength=3, shift=20), "knows but answers constantly", True, True),
    "threshold shifted down": (dict(strength=3, shift=-20), "knows but answers constantly", True, True),
    "threshold shifted a little": (dict(strength=3, shift=2.6), "knows but its threshold is off", False, False),
    "weak": (dict(strength=0.5), "knows a little", False, False),
    "weak and always No": (dict(strength=0.5, shift=-30), "knows a little and answers constantly", True, True),
}


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictor_lands_in_its_verdict(name):
    settings, expected, collapsed, uninformative = PREDICTORS[name]
    row = row_of(**settings)
    assert verdict(row) == expected
    assert is_collapsed(row) is collapsed
    assert is_uninformative(row) is uninformative


def test_every_verdict_is_reached_or_named():
    reached = {expected for _, expected, _, _ in PREDICTORS.values()}
    assert set(VERDICTS) - reached == {"cannot be judged"}


def test_one_label_cannot_be_judged():
    row = measure([True] * 50, np.linspace(-1, 3, 50), resamples=20)
    assert verdict(row) == "cannot be judged"
    with pytest.raises(ValueError, match="collapse cannot be judged"):
        is_collapsed(row)


def test_without_a_tuned_threshold_a_biased_model_is_judged_by_its_verdicts():
    assert verdict(row_of(strength=3, shift=2.6, calibrate=False)) == "reasons"


@pytest.mark.parametrize(("same", "collapsed"), [(989, False), (990, True), (1000, True)])
def test_collapsed_from_99_percent_on(same, collapsed):
    margins = np.array([1.0] * same + [-1.0] * (1000 - same))
    labels = np.arange(1000) % 2 == 0
    assert is_collapsed(measure(labels, margins, resamples=0)) is collapsed
    assert is_collapsed(measure(labels, -margins, resamples=0)) is collapsed


def test_collapse_rate():
    rate = collapse_rate([True, True, False, True])
    assert (rate["runs"], rate["collapsed"], rate["rate"]) == (4, 3, 0.75)
    low, high = rate["rate_interval"]
    assert 0.29 < low < 0.32 and 0.94 < high < 0.97
    assert collapse_rate([])["rate"] is None and collapse_rate([])["rate_interval"] is None
