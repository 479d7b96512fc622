"""Seeds: hand-worked intervals, the words a difference may have, and what rates need."""

import numpy as np
import pytest
from scipy.stats import t

from scoring.seeds import interval_over_seeds, judged, over_seeds, rates_differ, seeds_needed


def test_t_interval_by_hand():
    (low, high), p = over_seeds([0.1, 0.2, 0.3])
    half = t.isf(0.025, 2) * 0.1 / np.sqrt(3)
    assert (low, high) == pytest.approx((0.2 - half, 0.2 + half))
    assert p == pytest.approx(2 * t.sf(0.2 / (0.1 / np.sqrt(3)), 2))
    assert over_seeds([0.4]) == (None, None)
    assert over_seeds([0.0, 0.0, 0.0]) == (None, 1.0), "equal seeds say nothing of others"
    assert over_seeds([0.3 - 0.1, 0.5 - 0.3, 0.7 - 0.5]) == (None, 1.0), "nor do those that differ by rounding"


def test_an_interval_needs_three_seeds_and_a_value_of_each():
    values = [0.1, 0.2, 0.3]
    assert interval_over_seeds(values) == over_seeds(values)[0]
    assert interval_over_seeds(values[:2]) is None
    assert interval_over_seeds([*values, float("nan")]) is None
    assert interval_over_seeds([0.5, 0.5, 0.5 + 1e-12]) == (0.5, 0.5)


def contrast(differences, interval=(0.01, 0.4)):
    return {"mcc_differences": differences, "mcc_difference_interval": interval}


def words_of(*contrasts):
    return [row["mcc_word"] for row in judged(contrasts, ("mcc",))]


def test_a_difference_gets_a_word_only_from_three_seeds_that_agree():
    assert words_of(contrast([0.3])) == ["one seed: an anecdote"]
    assert words_of(contrast([0.3, 0.3001])) == ["two seeds: too few"]
    assert words_of(contrast([0.30, 0.31, 0.32])) == ["higher"]
    assert words_of(contrast([-0.30, -0.31, -0.32], (-0.4, -0.1))) == ["lower"]
    assert words_of(contrast([0.3, 0.0, -0.1])) == ["undecided"]
    assert words_of(contrast([0.30, 0.31, 0.32], (-0.1, 0.6))) == ["undecided"], "other questions could undo it"
    assert words_of(contrast([0.30, 0.31, 0.32], None)) == ["undecided"], "a single block of questions"


def test_three_collapsed_seeds_against_none_are_phases_and_four_are_a_difference():
    three, four = contrast([0.30, 0.31, 0.32]), contrast([0.30, 0.31, 0.32, 0.31])
    assert words_of(three | {"collapsed": (0, 3)}) == ["undecided: seeds in two phases"]
    assert words_of(four | {"collapsed": (0, 4)}) == words_of(three | {"collapsed": (1, 1)}) == ["higher"]


def test_holm_counts_every_contrast_of_the_table():
    close, null = contrast([0.10, 0.14, 0.16]), contrast([0.1, -0.1, 0.02])
    alone = judged([close], ("mcc",))[0]
    assert alone["mcc_p"] == alone["mcc_p_holm"] < 0.05 and alone["mcc_word"] == "higher"
    among = judged([close, null, null, null], ("mcc",))
    assert among[0]["mcc_p_holm"] == pytest.approx(4 * alone["mcc_p"]) and among[0]["mcc_word"] == "undecided"
    single = judged([close, contrast([0.2])], ("mcc",))
    assert single[0]["mcc_p_holm"] == alone["mcc_p"] and single[1]["mcc_p_holm"] is None


def test_all_against_none_needs_four_seeds_each():
    assert seeds_needed(1.0, 0.0) == seeds_needed(0.0, 1.0) == 4
    assert rates_differ(4, 4, 0, 4) == pytest.approx(2 / 70) and rates_differ(3, 3, 0, 3) == pytest.approx(0.1)
    assert seeds_needed(0.5, 0.5) is None
    assert seeds_needed(1.0, 0.0, tests=10) == 6
