"""What other training seeds would change: differences of two variants by a t interval, rates by how many seeds they need.

One seed is an anecdote. A difference is named only where at least three seeds were run, the t interval over them excludes
0 after Holm over the whole table, and the bootstrap over the questions' blocks excludes 0 on the same side. Where one
variant collapsed on more seeds than the other the difference is one of phases, of which no mean over few seeds tells:
then Fisher's exact test must tell the rates apart as well, which takes four seeds against four.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import fisher_exact, ttest_1samp

from scoring.intervals import Interval, holm

FEWEST_SEEDS = 3
ANECDOTE = "one seed: an anecdote"
TOO_FEW = "two seeds: too few"
UNDECIDED = "undecided"
PHASES = "undecided: seeds in two phases"
HIGHER, LOWER = "higher", "lower"
LEVEL = 0.05
# Differences of seeds that differ in their last digits alone are one difference.
ROUNDING = 1e-9
_MOST_SEEDS = 1000


def over_seeds(differences: Sequence[float]) -> tuple[Interval | None, float | None]:
    """95 % t interval of the mean of paired differences, one a seed, and the two-sided p of its being 0.

    Returns:
        (None, None) of one seed; interval None and p 1 where the seeds do not differ at all, which tells nothing of others.
    """
    if len(differences) < 2:
        return None, None
    if np.ptp(differences) <= ROUNDING:
        return None, 1.0
    test = ttest_1samp(differences, 0.0)
    low, high = test.confidence_interval(0.95)
    return (float(low), float(high)), float(test.pvalue)


def interval_over_seeds(values: Sequence[float]) -> Interval | None:
    """95 % t interval of the mean of values, one a seed; None of fewer than three seeds, or where one has no value (NaN).

    (v, v) where the seeds do not differ, as the bootstrap over blocks gives it of a constant answer.
    """
    if len(values) < FEWEST_SEEDS or np.isnan(values).any():
        return None
    same = round(float(values[0]), 9)  # last digits are no difference
    return over_seeds(values)[0] or (same, same)


def judged(contrasts: Sequence[Mapping], metrics: Sequence[str]) -> list[dict]:
    """Which differences of one table may be named.

    Args:
        contrasts: each with `<metric>_differences`, one a seed, and `<metric>_difference_interval` over blocks (or None),
            as `scoring.metrics.paired_differences` gives them, and if known `collapsed`, (ours, theirs): how many runs
            of either side.
    Returns:
        For each contrast and metric: `<metric>_seed_interval` and `<metric>_p` (None of one seed), `<metric>_p_holm`
        (over all contrasts and metrics of at least three seeds; None of fewer) and `<metric>_word`: higher, lower,
        undecided, undecided because of phases, or that there are too few seeds.
    """
    found: list[dict] = [{} for _ in contrasts]
    tests: list[tuple[int, str]] = []
    for place, (row, contrast) in enumerate(zip(found, contrasts, strict=True)):
        for name in metrics:
            differences = contrast[f"{name}_differences"]
            row[f"{name}_seed_interval"], row[f"{name}_p"] = over_seeds(differences)
            row[f"{name}_p_holm"] = None
            row[f"{name}_word"] = {1: ANECDOTE, 2: TOO_FEW}.get(len(differences), UNDECIDED)
            if len(differences) >= FEWEST_SEEDS:
                tests.append((place, name))
    corrected = holm([found[place][f"{name}_p"] for place, name in tests])
    for (place, name), p in zip(tests, corrected, strict=True):
        found[place] |= {f"{name}_p_holm": p, f"{name}_word": _word(contrasts[place], name, p)}
    return found


def _word(contrast: Mapping, name: str, p_holm: float) -> str:
    bounds = contrast[f"{name}_difference_interval"]
    mean = float(np.mean(contrast[f"{name}_differences"]))
    if p_holm >= LEVEL or bounds is None:
        return UNDECIDED
    seeds = len(contrast[f"{name}_differences"])
    ours, theirs = contrast.get("collapsed", (0, 0))
    if ours != theirs and rates_differ(ours, seeds, theirs, seeds) >= LEVEL:
        return PHASES
    if mean > 0 and bounds[0] > 0:
        return HIGHER
    return LOWER if mean < 0 and bounds[1] < 0 else UNDECIDED


def rates_differ(one: int, of: int, other: int, of_other: int) -> float:
    """Two-sided p of Fisher's exact test of two rates: `one` of `of` runs against `other` of `of_other`."""
    return float(fisher_exact([[one, of - one], [other, of_other - other]]).pvalue)


def seeds_needed(rate: float, other: float, tests: int = 1) -> int | None:
    """The fewest seeds a variant at which Fisher's exact test tells two rates, each in [0, 1], apart.

    4 for 100 % against 0 %. The counts are those nearest to the rates. None: not even with 1,000 seeds.

    Args:
        tests: comparisons in the table; each is held to 0.05 / tests.
    """
    for seeds in range(1, _MOST_SEEDS + 1):
        if rates_differ(round(rate * seeds), seeds, round(other * seeds), seeds) < LEVEL / tests:
            return seeds
    return None
