"""Table 2 (every metric, pooled and by split) and cross-task transfer."""

import pandas as pd

from reporting.groups import GROUP, SETTING
from reporting.results import Results
from reporting.suite_tables import COUNTS, OWN_TASK, PAPER, SUITES
from reporting.table import Table
from scoring.metrics import from_confusion

METRICS = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "auprc"]
DECIMAL = (*METRICS, "calibrated_accuracy", "majority_share", "yes_rate", "label_yes_rate", "rate", "trees_auroc")
BOUNDED = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "calibrated_accuracy"]
# Of the yardsticks, the trees on local counts: a metric and its column in the rows of metrics.json.
TREES = {name: f"yardstick_local_features_{name}" for name in ("auroc", "balanced_accuracy")}
PROVENANCE = [*GROUP, "seed", "n", "commit", "seconds"]


def metrics_table(results: Results, published) -> Table:
    """Table 2: every metric with its 95 % interval, pooled over the suites of one task."""
    measured = _known_suites(results.measured)
    pooled = measured[measured["split"] == "pooled"]
    frame = pd.concat([_paper_metrics(published), _metrics_rows(pooled).assign(source="measured")], ignore_index=True)
    note = (
        "Pooled over all items of one task; 95 % intervals: Wilson for accuracy, precision and recall, bootstrap over "
        "blocks for the others. – is undefined (a metric that divides by an empty class) or, for the paper, not "
        "published. A constant answer has balanced accuracy 0.5, AUROC 0.5 and no MCC."
    )
    columns = ["variant", "setting", "source", "suites", "task", *with_bounds(METRICS), *PROVENANCE]
    frame = frame.reindex(columns=columns)
    hidden = ("auprc",)
    means = {"means_by": (*SETTING, "source", "suites", "task"), "averaged": tuple(METRICS)}
    return Table("table2_metrics", "Table 2: metrics by task", note, frame, decimal=DECIMAL, hidden=hidden, **means)


def metrics_by_split_table(results: Results) -> Table:
    """Table 2 in full: every metric of every suite, split and task."""
    columns = ["variant", "setting", "suites", "task", "split", *with_bounds(METRICS), "trees_auroc"]
    columns += ["yes_rate", "label_yes_rate"]
    rows = _metrics_rows(results.measured).rename(columns={TREES["auroc"]: "trees_auroc"})
    frame = rows.reindex(columns=[*columns, *PROVENANCE])
    note = (
        "As table 2, by split; AUPRC and the bounds of every interval are in the CSV. *trees auroc*: that of trees on counts "
        "around the two nodes, which follow no path, on the same questions; – not measured on these."
    )
    means = {"means_by": (*SETTING, "suites", "task", "split"), "averaged": tuple(METRICS)}
    return Table(
        "table2_metrics_by_split", "Table 2 by split", note, frame, decimal=DECIMAL, hidden=("auprc",), **means
    )


def transfer_table(results: Results) -> Table:
    """Each variant on the task it was not trained on, beside its own: pooled corrected suites."""
    measured = results.measured
    rows = pooled_corrected(measured)
    rows = rows.assign(trained_task=rows["own_task"].fillna("none"), asked_task=rows["task"])
    values = ["accuracy", "balanced_accuracy", "mcc", "auroc", "yes_rate"]
    columns = ["variant", "setting", "trained_task", "asked_task", *with_bounds(values), *PROVENANCE]
    note = "Pooled corrected suites. Asked about the other task than it was trained on, a variant shows transfer."
    frame = rows.reindex(columns=columns)
    means = {"means_by": (*SETTING, "trained_task", "asked_task"), "averaged": tuple(values)}
    return Table("transfer", "Cross-task transfer", note, frame, decimal=DECIMAL, **means)


def pooled_corrected(measured: pd.DataFrame) -> pd.DataFrame:
    return measured[(measured["suite"] == "corrected") & (measured["split"] == "pooled")]


def _known_suites(measured: pd.DataFrame) -> pd.DataFrame:
    return measured[measured["suite"].isin(["published", "corrected"])]


def _metrics_rows(measured: pd.DataFrame) -> pd.DataFrame:
    return measured.assign(suites=measured["suite"].replace({"published": "released"}))


def _paper_metrics(published) -> pd.DataFrame:
    """The paper's confusion counts, pooled over the suites of one task."""
    rows = []
    counts = published.confusion.assign(task=published.confusion["suite"].map(SUITES))
    for variant in dict.fromkeys(OWN_TASK):
        for task, part in counts[counts["variant"] == variant].groupby("task", sort=False):
            sums = [part[name].sum() for name in COUNTS]
            about = PAPER | {"variant": variant, "task": task, "suites": "paper's own", "n": sum(sums)}
            rows.append(about | {name: float(value) for name, value in from_confusion(*sums).items()})
    return pd.DataFrame(rows)


def with_bounds(names: list[str]) -> list[str]:
    return [
        column for name in names for column in ([name, f"{name}_low", f"{name}_high"] if name in BOUNDED else [name])
    ]
