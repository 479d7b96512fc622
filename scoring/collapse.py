"""Did a run collapse to a constant answer, and if so, was its knowledge lost or only its threshold?

Everything here reads one metrics row (`scoring.metrics.measure`) of the pooled corrected suite of the run's own
task, where Yes and No are balanced. On a suite with a single label a constant answer can be perfect, so collapse
is never judged there.
"""

from collections.abc import Mapping, Sequence

from scoring.intervals import wilson

COLLAPSED_SHARE = 0.99  # one answer makes up at least this share of the verdicts
KNOWS_AUROC = 0.75  # the margin orders Yes above No at least this well

REASONS = "reasons"
KNOWS_CONSTANT = "knows but answers constantly"
KNOWS_BIASED = "knows but its threshold is off"
LITTLE = "knows a little"
LITTLE_CONSTANT = "knows a little and answers constantly"
OPPOSITE = "answers the opposite"
AGAINST = "leans against the labels"
NOTHING = "knows nothing"
UNJUDGED = "cannot be judged"
VERDICTS = (
    REASONS,
    KNOWS_CONSTANT,
    KNOWS_BIASED,
    LITTLE,
    LITTLE_CONSTANT,
    OPPOSITE,
    AGAINST,
    NOTHING,
    UNJUDGED,
)


def is_collapsed(row: Mapping) -> bool:
    """True if one answer makes up at least 99 % of the verdicts.

    Raises:
        ValueError: the row's labels are all one class, where a constant answer may be correct.
    """
    if row["label_yes_rate"] in (0.0, 1.0):
        raise ValueError("collapse cannot be judged where all labels are the same; use the pooled corrected suite")
    return row["majority_share"] >= COLLAPSED_SHARE


def is_uninformative(row: Mapping) -> bool:
    """True if the verdicts say nothing about the labels: the 95 % interval of MCC contains 0, or MCC is 0/0."""
    interval = row["mcc_interval"]
    return interval is None or interval[0] <= 0 <= interval[1]


def collapse_rate(collapsed: Sequence[bool]) -> dict:
    """Collapsed runs over runs of one variant (one entry a seed), with the Wilson interval of that share.

    Returns:
        runs, collapsed, rate in [0, 1] and rate_interval; the last two None when there are no runs.
    """
    runs, count = len(collapsed), sum(bool(value) for value in collapsed)
    interval = wilson(count, runs)
    return {
        "runs": runs,
        "collapsed": count,
        "rate": count / runs if runs else None,
        "rate_interval": list(interval) if interval else None,
    }


def verdict(row: Mapping) -> str:
    """What a run can do, in words, from its metrics row on the pooled corrected suite of its task.

    In this order:
        cannot be judged: labels of one class only, or no bootstrap intervals.
        knows nothing: the AUROC interval contains 0.5. The margin does not order Yes above No.
        answers the opposite / leans against the labels: the AUROC interval lies below 0.5; AUROC <= 0.25 / above.
        knows but answers constantly / knows a little and answers constantly: collapsed; AUROC >= 0.75 / below.
        knows a little: above chance, AUROC below 0.75.
        knows but its threshold is off: AUROC >= 0.75, yet the verdicts show no information (MCC interval contains
            0), or the margin's zero keeps less than half of the advantage over chance that the threshold tuned on
            validation reaches: balanced accuracy - 0.5 < (calibrated balanced accuracy - 0.5) / 2.
        reasons: everything else, that is AUROC >= 0.75 and verdicts that follow the labels.
    """
    interval = row["auroc_interval"]
    if row["auroc"] is None or interval is None:
        return UNJUDGED
    if interval[0] <= 0.5 <= interval[1]:
        return NOTHING
    if interval[1] < 0.5:
        return OPPOSITE if row["auroc"] <= 1 - KNOWS_AUROC else AGAINST
    knows = row["auroc"] >= KNOWS_AUROC
    if is_collapsed(row):
        return KNOWS_CONSTANT if knows else LITTLE_CONSTANT
    if not knows:
        return LITTLE
    return KNOWS_BIASED if is_uninformative(row) or _threshold_is_off(row) else REASONS


def _threshold_is_off(row: Mapping) -> bool:
    calibrated = row["calibrated_balanced_accuracy"]
    return calibrated is not None and row["balanced_accuracy"] - 0.5 < (calibrated - 0.5) / 2
