"""Metrics against hand-worked tables, scikit-learn, and brute force."""

import json
import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.metrics import _Auroc, best_threshold, from_confusion, measure, paired_differences

REAL = st.floats(-20, 20, allow_nan=False, width=16)
ANSWERS = st.lists(st.tuples(st.booleans(), REAL), min_size=1, max_size=60)


def split(answers):
    return np.array([label for label, _ in answers]), np.array([margin for _, margin in answers])


def from_table(tp, tn, fp, fn):
    """Labels and margins with this confusion table."""
    labels = [True] * tp + [False] * tn + [False] * fp + [True] * fn
    return labels, [1.0] * tp + [-1.0] * tn + [2.0] * fp + [-2.0] * fn


def test_hand_worked_confusion_table():
    row = measure(*from_table(tp=6, tn=3, fp=1, fn=2), resamples=20)
    assert (row["n"], row["tp"], row["tn"], row["fp"], row["fn"]) == (12, 6, 3, 1, 2)
    assert row["accuracy"] == pytest.approx(9 / 12)
    assert row["precision"] == pytest.approx(6 / 7)
    assert row["recall"] == pytest.approx(6 / 8)
    assert row["f1"] == pytest.approx(12 / 15)
    assert row["balanced_accuracy"] == pytest.approx((6 / 8 + 3 / 4) / 2)
    assert row["mcc"] == pytest.approx((6 * 3 - 1 * 2) / np.sqrt(8 * 4 * 7 * 5))
    assert row["yes_rate"] == pytest.approx(7 / 12)
    assert row["label_yes_rate"] == pytest.approx(8 / 12)
    assert row["majority_share"] == pytest.approx(7 / 12)
    # 6 Yes at 1 beat the 3 No at -1; the 2 Yes at -2 beat none; the No at 2 is beaten by none.
    assert row["auroc"] == pytest.approx(6 * 3 / (8 * 4))


def test_the_published_mean_f1_is_reproduced_from_the_published_counts():
    """26.8 % for the semantic transitivity model: the mean over suites, 0 where there is no correct Yes."""
    counts = np.array([[6464, 0, 0, 3536], [1, 9788, 16, 195], [89, 5599, 4175, 137], [9, 6962, 3023, 6],
                       [1864, 4411, 2153, 1572]])  # fmt: skip
    f1 = from_confusion(*counts.T)["f1"]
    assert round(100 * f1.mean(), 1) == 26.8
    assert round(100 * f1[1], 1) == 0.9


@given(ANSWERS)
@settings(max_examples=150, deadline=None)
def test_agrees_with_sklearn(answers):
    labels, margins = split(answers)
    verdicts = margins >= 0
    row = measure(labels, margins, resamples=0)
    assert row["accuracy"] == pytest.approx(reference.accuracy_score(labels, verdicts))
    if verdicts.any():
        assert row["precision"] == pytest.approx(reference.precision_score(labels, verdicts))
    if labels.any():
        assert row["recall"] == pytest.approx(reference.recall_score(labels, verdicts))
        assert row["f1"] == pytest.approx(reference.f1_score(labels, verdicts))
    if labels.any() and not labels.all():
        assert row["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(labels, verdicts))
        assert row["auroc"] == pytest.approx(reference.roc_auc_score(labels, margins))
        assert row["auprc"] == pytest.approx(reference.average_precision_score(labels, margins))
        if verdicts.any() and not verdicts.all():
            assert row["mcc"] == pytest.approx(reference.matthews_corrcoef(labels, verdicts))


@given(ANSWERS)
@settings(max_examples=80, deadline=None)
def test_undefined_is_none_and_the_row_is_json(answers):
    row = measure(*split(answers), resamples=10)
    json.dumps(row, allow_nan=False)
    one_label, one_verdict = row["label_yes_rate"] in (0, 1), row["yes_rate"] in (0, 1)
    for name in ("balanced_accuracy", "auroc", "auprc"):
        assert (row[name] is None) == one_label
    assert (row["mcc"] is None) == (one_label or one_verdict)
    assert (row["precision"] is None) == (row["yes_rate"] == 0)
    assert (row["recall"] is None) == (row["f1"] is None) == (row["label_yes_rate"] == 0)
    for name in ("mcc", "auroc", "balanced_accuracy", "f1"):
        assert row[f"{name}_interval"] is None or row[name] is not None


def test_verdict_is_yes_at_margin_zero():
    row = measure([True, False], [0.0, -1e-9], resamples=0)
    assert (row["tp"], row["tn"]) == (1, 1)


def test_weighted_auroc_with_ties_against_repeated_items():
    """A bootstrap weight of w must count as w copies of the item."""
    rng = np.random.default_rng(0)
    labels, margins = rng.random(80) < 0.4, rng.integers(0, 6, 80).astype(float)
    clusters = np.repeat(np.arange(20), 4)
    weights = rng.integers(0, 3, size=(15, 20)).astype(float)
    for row, value in zip(weights, _Auroc(labels, margins, clusters)(weights), strict=True):
        copies = np.repeat(np.arange(80), row[clusters].astype(int))
        assert value == pytest.approx(reference.roc_auc_score(labels[copies], margins[copies]))


@pytest.mark.parametrize("decimals", [1, 9])
def test_auroc_of_few_clusters_is_that_of_many_to_the_last_digit(monkeypatch, decimals):
    rng = np.random.default_rng(3)
    labels = rng.random(600) < 0.5
    margins = (rng.normal(size=600) + labels).round(decimals)
    weights = rng.integers(0, 4, size=(50, 30)).astype(np.float32)
    weights[0] = 0  # undefined
    clusters = np.arange(600) % 30
    found = _Auroc(labels, margins, clusters)(weights)
    monkeypatch.setattr(_Auroc, "FEW", 0)
    expected = _Auroc(labels, margins, clusters)(weights)
    assert np.isnan(found[0]) and np.array_equal(found, expected, equal_nan=True)


@given(ANSWERS)
@settings(max_examples=100, deadline=None)
def test_best_threshold_against_brute_force(answers):
    labels, margins = split(answers)
    if labels.all() or not labels.any():
        with pytest.raises(ValueError, match="one class"):
            best_threshold(labels, margins)
        return
    score = lambda threshold: reference.balanced_accuracy_score(labels, margins >= threshold)  # noqa: E731
    candidates = [*margins, margins.max() + 1]
    assert score(best_threshold(labels, margins)) == pytest.approx(max(map(score, candidates)))


def test_threshold_restores_a_shifted_predictor():
    rng = np.random.default_rng(1)
    labels = rng.random(2000) < 0.5
    margins = 3 * (labels - 0.5) + rng.normal(size=2000) + 9
    row = measure(labels, margins, threshold=best_threshold(labels, margins), resamples=0)
    assert row["accuracy"] < 0.53
    assert row["calibrated_accuracy"] > 0.9 and row["calibrated_balanced_accuracy"] > 0.9
    assert row["threshold"] == pytest.approx(9, abs=0.5)


def test_post_hoc_logit_adjustment_undoes_the_training_prior():
    """The log-odds of a Bayes classifier that was trained on 90 % Yes, asked where half are Yes."""
    rng = np.random.default_rng(2)
    labels = rng.random(4000) < 0.5
    evidence = rng.normal(loc=np.where(labels, 1.0, -1.0))
    margins = 2 * evidence + np.log(0.9 / 0.1)  # log-likelihood ratio of the two normals, and the prior's log-odds
    row = measure(labels, margins, resamples=0, prior=0.9)
    assert row["balanced_accuracy"] < 0.75
    assert (
        row["logit_adjusted_balanced_accuracy"] == measure(labels, 2 * evidence, resamples=0)["balanced_accuracy"] > 0.8
    )
    assert measure(labels, margins, resamples=0, prior=0.5)["logit_adjusted_accuracy"] == row["accuracy"]
    assert "logit_adjusted_accuracy" not in measure(labels, margins, resamples=0)


def test_perfect_threshold_zero_is_kept():
    assert best_threshold([True, True, False], [2.0, 3.0, -5.0]) == 0.0


@pytest.mark.parametrize(
    ("labels", "margins", "graphs", "message"),
    [
        ([], [], None, "no items"),
        ([True], [1.0, 2.0], None, "same length"),
        ([True, False], [1.0, float("nan")], None, "1 of 2 margins are not finite, the first at position 1"),
        ([True, False], [float("inf"), 0.0], None, "not finite"),
        (["Yes", "No"], [1.0, 2.0], None, "labels must be True/False"),
        ([True, False], [1.0, 2.0], ["a"], "one block for each"),
    ],
)
def test_bad_input_is_refused(labels, margins, graphs, message):
    with pytest.raises(ValueError, match=message):
        measure(labels, margins, graphs)


def test_same_seed_same_intervals():
    rng = np.random.default_rng(3)
    labels, margins = rng.random(200) < 0.5, rng.normal(size=200)
    assert measure(labels, margins, resamples=50, seed=4) == measure(labels, margins, resamples=50, seed=4)
    assert measure(labels, margins, resamples=50, seed=4) != measure(labels, margins, resamples=50, seed=5)


def test_scoring_statistics_import_no_torch():
    code = (
        "import sys, scoring.metrics, scoring.intervals, scoring.words, scoring.rows; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_paired_differences_by_hand():
    labels = np.array([True, True, False, False])
    constant, perfect, ranked = [1.0, 1.0, 1.0, 1.0], [1.0, 2.0, -1.0, -2.0], [4.0, 3.0, 2.0, 1.0]
    found = paired_differences(labels, [perfect, ranked], [constant, constant], range(4), resamples=200)
    assert found["balanced_accuracy_differences"] == [0.5, 0.0] and found["balanced_accuracy_difference"] == 0.25
    assert found["auroc_differences"] == [0.5, 0.5]
    # whichever items are drawn, both seeds together gain half of what a perfect model gains, and rank perfectly
    assert found["balanced_accuracy_difference_interval"] == [0.25, 0.25]
    assert found["auroc_difference_interval"] == [0.5, 0.5]


def test_paired_differences_draw_the_same_graphs_for_both():
    rng = np.random.default_rng(0)
    labels, graphs = rng.random(400) < 0.5, np.arange(400) // 4
    noise = rng.normal(size=400)
    ours, theirs = noise + labels, noise + 0.9 * labels
    same = paired_differences(labels, [theirs], [theirs], graphs)
    assert same["auroc_difference_interval"] == [0.0, 0.0]
    paired = np.diff(paired_differences(labels, [ours], [theirs], graphs)["auroc_difference_interval"])
    alone = np.diff(measure(labels, ours, graphs)["auroc_interval"])
    assert 0 < paired < alone / 3, "what both get wrong must cancel"


@pytest.mark.parametrize(
    ("ours", "theirs", "labels", "message"),
    [
        ([[1.0, 2.0]], [], [True, False], "1 and 0 seeds"),
        ([], [], [True, False], "0 and 0 seeds"),
        ([[1.0, 2.0]], [[1.0, 2.0]], [True, True], "all one class"),
        ([[1.0]], [[1.0, 2.0]], [True, False], "same length"),
    ],
)
def test_paired_differences_refuse(ours, theirs, labels, message):
    with pytest.raises(ValueError, match=message):
        paired_differences(labels, ours, theirs, [0, 1])
