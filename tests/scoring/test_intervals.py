"""Intervals: hand-worked values, coverage on simulated predictors, and what clusters do to them."""

import numpy as np
import pytest
from scipy.stats import binom, norm, t
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from scoring.intervals import clustered_bootstrap, holm, mcnemar_exact, proportion_interval, resample_weights, wilson
from scoring.metrics import measure


def test_wilson_hand_worked():
    # p = 0.8, n = 10, z = 1.96: centre (0.8 + z²/20) / (1 + z²/10), half-width z·sqrt(0.016 + z²/400) / (1 + z²/10)
    z = norm.ppf(0.975)
    centre, scale = (0.8 + z**2 / 20), 1 + z**2 / 10
    half = z * np.sqrt(0.8 * 0.2 / 10 + z**2 / 400)
    assert wilson(8, 10) == pytest.approx(((centre - half) / scale, (centre + half) / scale))


def test_wilson_is_that_of_statsmodels_to_the_last_digit():
    for successes, trials, effect in (
        (3, 7, 1.0),
        (0, 12, 1.3),
        (128, 128, 1.0),
        (411, 768, 2.7),
        (59_999, 120_000, 1.05),
    ):
        low, high = proportion_confint(successes / effect, trials / effect, alpha=1 - 0.95, method="wilson")
        assert wilson(successes, trials, effect) == (max(0.0, low), min(1.0, high))


def test_wilson_at_the_ends():
    low, high = wilson(0, 5)
    assert low == 0 and 0.4 < high < 0.45
    assert wilson(5, 5)[1] == 1
    assert wilson(0, 0) is None
    with pytest.raises(ValueError, match="6 successes in 5 trials"):
        wilson(6, 5)
    with pytest.raises(ValueError, match="design effect"):
        wilson(1, 5, design_effect=0.5)


def test_copies_within_a_block_tell_nothing_new():
    rng = np.random.default_rng(0)
    outcomes, blocks = rng.random(3000) < 0.3, np.repeat(np.arange(3000), 8)
    once = wilson(outcomes.sum(), 3000)
    assert proportion_interval(outcomes, np.arange(3000)) == pytest.approx(once)
    assert proportion_interval(np.repeat(outcomes, 8), blocks) == pytest.approx(once, abs=1e-4)
    independent = rng.random(24_000) < 0.3
    assert proportion_interval(independent, blocks) == pytest.approx(wilson(independent.sum(), 24_000), abs=5e-4)
    # Better balanced than chance: no narrower than independent items, with Student's t for 50 blocks.
    widened = (t.isf(0.025, 49) / norm.isf(0.025)) ** 2
    balanced = proportion_interval(np.tile([True, False], 50), np.repeat(np.arange(50), 2))
    assert balanced == pytest.approx(wilson(50, 100, widened))
    assert proportion_interval(outcomes, np.zeros(3000, dtype=int)) is None


def test_resample_weights_are_multinomial_counts():
    weights = np.concatenate(list(resample_weights(30, resamples=4000, seed=1, chunk_elements=1000)))
    assert weights.shape == (4000, 30)
    assert (weights.sum(axis=1) == 30).all()
    assert weights.mean() == pytest.approx(1)
    assert weights.var() == pytest.approx(1 - 1 / 30, rel=0.03)


def test_bootstrap_of_a_mean_matches_the_textbook_standard_error():
    values = np.random.default_rng(2).normal(size=400)
    mean = lambda weights: {"mean": weights @ values / weights.sum(axis=1)}  # noqa: E731
    low, high = clustered_bootstrap(mean, 400, resamples=4000)["mean"]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)


def test_correlated_items_of_a_graph_widen_every_interval():
    rng = np.random.default_rng(3)
    labels = rng.random(300) < 0.5
    margins = 1.5 * (labels - 0.5) + rng.normal(size=300)
    copies, graphs = 9, np.repeat(np.arange(300), 9)
    labels, margins = np.repeat(labels, copies), np.repeat(margins, copies)
    clustered, naive = measure(labels, margins, graphs), measure(labels, margins)
    for name in ("accuracy", "balanced_accuracy", "f1", "mcc", "auroc", "precision", "recall"):
        width, naive_width = (np.diff(row[f"{name}_interval"])[0] for row in (clustered, naive))
        assert width / naive_width == pytest.approx(3, rel=0.2), name  # sqrt(9)


def covered(intervals, truth):
    return np.mean([low <= truth <= high for low, high in intervals])


def test_wilson_covers_a_known_accuracy():
    """Exact: the coverage at n, p is a sum of binomial probabilities; its mean over p must be 93-97 %."""
    n = 200
    bounds = np.array([wilson(k, n) for k in range(n + 1)])
    coverage = []
    for p in np.linspace(0.05, 0.95, 91):
        hit = (bounds[:, 0] <= p) & (p <= bounds[:, 1])
        coverage.append(binom.pmf(np.arange(n + 1), n, p)[hit].sum())
    assert 0.93 <= np.mean(coverage) <= 0.97
    assert np.min(coverage) > 0.91


def test_accuracy_interval_covers_when_questions_of_a_graph_are_correlated():
    """Six questions a graph, whose chance of a right answer varies by graph with mean 0.75."""
    rng = np.random.default_rng(6)
    graphs = np.repeat(np.arange(80), 6)
    intervals, naive = [], []
    for _ in range(600):
        correct = rng.random(480) < np.repeat(rng.beta(3, 1, size=80), 6)
        intervals.append(proportion_interval(correct, graphs))
        naive.append(wilson(correct.sum(), 480))
    assert 0.93 <= covered(intervals, 0.75) <= 0.97
    assert covered(naive, 0.75) < 0.90


def test_mcnemar_hand_worked():
    a = [True] * 9 + [False] * 1 + [True] * 5 + [False] * 2
    b = [False] * 9 + [True] * 1 + [True] * 5 + [False] * 2
    test = mcnemar_exact(a, b)
    assert (test["items"], test["only_a"], test["only_b"]) == (17, 9, 1)
    assert test["p"] == pytest.approx(2 * (1 + 10) / 2**10)  # two-sided binomial: P(X <= 1) of 10 fair coins
    assert mcnemar_exact(b, a)["p"] == pytest.approx(test["p"])
    assert mcnemar_exact(a, a)["p"] == 1.0
    with pytest.raises(ValueError, match="same items"):
        mcnemar_exact([True], [True, False])


def test_holm_hand_worked():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    values = np.random.default_rng(0).random(30) ** 3
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1].tolist())
