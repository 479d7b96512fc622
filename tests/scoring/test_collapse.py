"""Collapse is judged by the verdicts alone, and only where both labels occur."""

import numpy as np
import pytest

from scoring.collapse import collapse_rate, is_collapsed, is_uninformative
from scoring.metrics import measure


def test_one_label_cannot_be_judged():
    row = measure([True] * 50, np.linspace(-1, 3, 50), resamples=20)
    with pytest.raises(ValueError, match="collapse cannot be judged"):
        is_collapsed(row)


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


def test_a_single_right_answer_of_a_hundred_says_nothing():
    """Where a resample lacks the one Yes its MCC counts as 0; left out, the interval would lie above 0 and call it informative."""
    labels = np.arange(100) < 50
    margins = np.where(np.arange(100) == 0, 1.0, -1.0)
    row = measure(labels, margins, resamples=1000)
    assert row["mcc"] > 0 and row["mcc_interval"][0] == 0 < row["mcc_interval"][1]
    assert is_collapsed(row) and is_uninformative(row)
