"""Intervals and paired tests: Wilson, a bootstrap that resamples whole blocks, exact McNemar, Holm.

What a block is: scoring/blocks.py. Other training seeds: scoring/seeds.py.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy.stats import norm, t
from statsmodels.stats.contingency_tables import mcnemar

Interval = tuple[float, float]
FEW_BLOCKS = 50
_TAIL = (1 - 0.95) / 2  # every interval is one of 95 %; written so, Wilson's is that of statsmodels to the last digit
_Z = float(norm.isf(_TAIL))
_REMEMBERED = 50_000_000  # weights of at most 100 MB are kept for the next interval of the same suite


def wilson(successes: float, trials: float, design_effect: float = 1.0) -> Interval | None:
    """Wilson (1927) 95 % score interval of a proportion, in [0, 1]; None when there are no trials.

    Args:
        design_effect: variance of the proportion over its variance under independence. Several questions
            in one block are not independent, so successes and trials are both divided by it.
    Raises:
        ValueError: successes outside 0..trials, or a design effect below 1.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"wilson: {successes} successes in {trials} trials; allowed is 0 <= successes <= trials")
    if design_effect < 1:
        raise ValueError(f"wilson: design effect {design_effect}; allowed is >= 1")
    if trials == 0:
        return None
    # statsmodels' proportion_confint(method="wilson"), without its care for many proportions at once.
    share, size = successes / design_effect / (trials / design_effect), trials / design_effect
    scale = 1 + _Z**2 / size
    centre = (share + _Z**2 / (2 * size)) / scale
    half = _Z * np.sqrt(share * (1.0 - share) / size + _Z**2 / (4.0 * size**2)) / scale
    low, high = centre - half, centre + half
    # The formula leaves rounding errors of 1e-17 around exact 0 and 1.
    return float(max(0.0, low)), float(min(1.0, high))


@lru_cache
def _t_over_z(freedom: int) -> float:
    return float(t.isf(_TAIL, freedom) / _Z)


def widened(blocks: int) -> float:
    """In the place of the normal quantile 1.96 where a spread is estimated from `blocks` blocks: 2.53 for eight.

    Student's t times sqrt(n / (n - 1)): Hesterberg 2015 (The American Statistician 69(4)).
    """
    return float(t.isf(_TAIL, blocks - 1) * np.sqrt(blocks / (blocks - 1)))


def proportion_interval(outcomes: np.ndarray, blocks: np.ndarray) -> list[float] | None:
    """Wilson's interval of a mean of 0/1, corrected for questions that share a block; None without any, or of one block.

    Args:
        outcomes: [n] of 0/1 or bool. blocks: [n] integer codes from 0.
    """
    # Renumbered, because a subset of the items (all Yes labels, say) need not touch every block.
    present = np.bincount(blocks) > 0
    codes, count = (np.cumsum(present) - 1)[blocks], int(present.sum())
    if count == 0 or (count == 1 and len(outcomes) > 1):
        return None
    effect = _design_effect(np.asarray(outcomes, dtype=float), codes, count)
    if 1 < count < len(outcomes):  # the effect is estimated: Student's t in the place of the normal quantile
        effect *= _t_over_z(count - 1) ** 2
    return list(wilson(int(np.sum(outcomes)), len(outcomes), effect))


def _design_effect(outcomes: np.ndarray, codes: np.ndarray, count: int) -> float:
    """How much less a clustered sample tells about a mean than independent items would (Kish 1965).

    Args:
        outcomes: [n] of 0/1. codes: [n] integers 0..count-1, the block of each item.
    Returns:
        Linearised cluster variance of the mean over the binomial variance, never below 1: a design that happens
        to be better balanced than chance is not rewarded with an interval narrower than Wilson's. 1 when it
        cannot be estimated (a single cluster, all outcomes equal, or one item a cluster).
    """
    mean = outcomes.mean() if len(outcomes) else 0.0
    if count < 2 or count == len(outcomes) or mean in (0.0, 1.0):
        return 1.0
    totals = np.bincount(codes, weights=outcomes - mean, minlength=count)
    clustered = count / (count - 1) * np.sum(totals**2) / len(outcomes) ** 2
    independent = mean * (1 - mean) / len(outcomes)
    return max(1.0, float(clustered / independent))


def resample_weights(clusters: int, resamples: int, seed: int, chunk_elements: int = 250_000) -> Iterator[np.ndarray]:
    """Yield bootstrap weights [b, clusters] (float32), in chunks that fit the processor's cache; b sums to resamples.

    Row r says how often each cluster was drawn when `clusters` of them are drawn with replacement.
    """
    if clusters * resamples <= _REMEMBERED:
        for counts in _drawn(clusters, resamples, seed, chunk_elements):
            yield counts.astype(np.float32)
    else:
        yield from _draw(clusters, resamples, seed, chunk_elements)


@lru_cache(maxsize=2)
def _drawn(*key: int) -> list[np.ndarray]:
    """The weights in two bytes each: many runs are compared on the same suite, and drawing takes longer than using them."""
    return [counts.astype(np.uint16) for counts in _draw(*key)]


def _draw(clusters: int, resamples: int, seed: int, chunk_elements: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    rows = max(1, chunk_elements // clusters)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        drawn = generator.integers(0, clusters, size=(size, clusters))
        drawn += np.arange(size)[:, None] * clusters
        yield np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters).astype(np.float32)


def clustered_bootstrap(
    statistic: Callable[[np.ndarray], dict[str, np.ndarray]],
    clusters: int,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """95 % bootstrap intervals with the cluster, here the block, as what is resampled.

    Percentiles (Efron 1979), `widened`; below FEW_BLOCKS the bootstrap's standard error times the same quantile, because
    the far percentiles of a few blocks lie too close.

    Args:
        statistic: maps weights [b, clusters] to named values [b]; NaN where a resample leaves one undefined.
        clusters: number of clusters, at least 1.
        resamples: number of bootstrap resamples, at least 1.
    Returns:
        name -> (low, high) over the resamples where it is defined; None where it never is, or of a single cluster. Where all
        resamples agree the width is 0: right of a constant answer's balanced accuracy; of a perfect AUROC it says only that
        no question like those asked was ordered wrongly.
    Raises:
        ValueError: clusters or resamples below 1.
    """
    if clusters < 1 or resamples < 1:
        raise ValueError(f"clustered_bootstrap: {clusters} clusters, {resamples} resamples; both must be at least 1")
    chunks = [statistic(weights) for weights in resample_weights(clusters, resamples, seed)]
    intervals: dict[str, Interval | None] = {}
    whole = statistic(np.ones((1, clusters), dtype=np.float32)) if clusters < FEW_BLOCKS else {}
    for name in chunks[0]:
        values = np.concatenate([chunk[name] for chunk in chunks])
        values = values[~np.isnan(values)]
        if not len(values) or clusters == 1:
            intervals[name] = None
            continue
        quantile = widened(clusters)
        if clusters < FEW_BLOCKS:
            centre, half = whole[name][0], quantile * values.std(ddof=1) if len(values) > 1 else 0.0
            bounds = centre - half, centre + half
        else:
            bounds = np.quantile(values, [norm.sf(quantile), norm.cdf(quantile)])
        intervals[name] = float(bounds[0]), float(bounds[1])
    return intervals


def mcnemar_exact(a_correct: Sequence[bool], b_correct: Sequence[bool]) -> dict[str, float | int]:
    """Exact (binomial) McNemar test of two models on the same items.

    Args:
        a_correct, b_correct: [n], in the same item order.
    Returns:
        items, only_a and only_b (items that one of them alone answers correctly), and the two-sided p value.
    Raises:
        ValueError: the two differ in length.
    """
    a, b = np.asarray(a_correct, dtype=bool), np.asarray(b_correct, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"mcnemar_exact: {a.shape} against {b.shape} answers; both must cover the same items")
    only_a, only_b = int(np.sum(a & ~b)), int(np.sum(~a & b))
    table = [[int(np.sum(a & b)), only_a], [only_b, int(np.sum(~a & ~b))]]
    p = float(mcnemar(table, exact=True).pvalue) if only_a + only_b else 1.0
    return {"items": len(a), "only_a": only_a, "only_b": only_b, "p": p}


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for being tested together (Holm 1979), in the order given.

    statsmodels' multipletests(method="holm"), without its garbage collection, which takes longer than a whole table.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted.tolist()
