"""A run in words that describe its measurements, and nothing behind them.

The words read rows of metrics.json (`scoring.rows`) on the task of the run: whether one answer makes up the verdicts on
all corrected suites together, how the margin orders the answers on the headline, and whether both questions of the
minimal pairs are answered.
"""

from collections.abc import Mapping

from scoring.collapse import is_collapsed, is_uninformative

WELL_FROM = 0.75  # AUROC
COIN_PAIRS = 0.25  # both questions of a minimal pair, by a fair coin

CONSTANT = "constant"
WELL = "orders answers well"
WEAKLY = "orders answers weakly"
NOT = "does not order answers"
BACKWARDS = "orders answers backwards"
FOLLOWS_PATHS = "follows paths"
THRESHOLD_OFF = "threshold off"
UNJUDGED = "cannot be judged"


def words(pooled: Mapping, headline: Mapping | None, pairs: Mapping | None = None) -> str:
    """What was measured of a run.

    Args:
        pooled, headline: rows of the corrected suites of the task; pairs: that of its minimal pairs, if they were asked.
    Returns:
        "constant" where one answer makes up at least 99 % of all verdicts; then, of the headline: "follows paths" (see
        there), or how the margin orders Yes above No: well (AUROC >= 0.75), weakly, not at all (the interval holds
        0.5), backwards (below it). "threshold off" follows "well" where the verdicts do not show it: MCC's interval
        holds 0, or less than half of the advantage over 0.5 that the threshold tuned on validation reaches is kept.
        "cannot be judged": no headline row with an AUROC interval (one label, one block, an older scorer).
    """
    if headline is None or headline["auroc"] is None or headline.get("auroc_interval") is None:
        return UNJUDGED
    said = [CONSTANT] if is_collapsed(pooled) else []
    if not said and follows_paths(headline, pairs):
        return FOLLOWS_PATHS
    order = _order(headline)
    said.append(order)
    if order == WELL and len(said) == 1 and (is_uninformative(headline) or _threshold_is_off(headline)):
        said.append(THRESHOLD_OFF)
    return ", ".join(said)


def follows_paths(headline: Mapping, pairs: Mapping | None) -> bool:
    """Whether a run lies above the best path-blind yardstick on the same headline questions (paired, AUROC) and answers
    both questions of more minimal pairs than a coin, and than the best yardstick does: both 95 % intervals exclude equality."""
    over = headline.get("over_yardstick_interval")
    both = pairs.get("pair_accuracy_interval") if pairs is not None else None
    if over is None or both is None:
        return False
    return over[0] > 0 and both[0] > max(COIN_PAIRS, pairs.get("yardstick_pair_accuracy") or 0)


def _order(row: Mapping) -> str:
    low, high = row["auroc_interval"]
    if low <= 0.5 <= high:
        return NOT
    if high < 0.5:
        return BACKWARDS
    return WELL if row["auroc"] >= WELL_FROM else WEAKLY


def _threshold_is_off(row: Mapping) -> bool:
    calibrated = row["calibrated_balanced_accuracy"]
    return calibrated is not None and row["balanced_accuracy"] - 0.5 < (calibrated - 0.5) / 2
