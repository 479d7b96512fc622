"""Did a run collapse to a constant answer, and how often does a variant?

Everything here reads one metrics row (`scoring.metrics.measure`) of the pooled corrected suite of the run's own
task, where Yes and No are balanced. On a suite with a single label a constant answer can be perfect, so collapse
is never judged there. What the margin is still worth: scoring/words.py.
"""

from collections.abc import Mapping, Sequence

from scoring.intervals import wilson

COLLAPSED_SHARE = 0.99  # one answer makes up at least this share of the verdicts


def is_collapsed(row: Mapping) -> bool:
    """True if one answer makes up at least 99 % of the verdicts.

    Raises:
        ValueError: the row's labels are all one class, where a constant answer may be correct.
    """
    if row["label_yes_rate"] in (0.0, 1.0):
        raise ValueError("collapse cannot be judged where all labels are the same; use the pooled corrected suite")
    return row["majority_share"] >= COLLAPSED_SHARE


def is_uninformative(row: Mapping) -> bool | None:
    """True if the verdicts say nothing about the labels: the 95 % interval of MCC contains 0, or MCC is 0/0. None if there is no
    interval (a single block, or no resamples)."""
    if row["mcc"] is None:
        return True
    interval = row.get("mcc_interval")
    return None if interval is None else interval[0] <= 0 <= interval[1]


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
