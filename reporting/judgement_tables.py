"""Table 2 (metrics), table 4 (collapse), cross-task transfer and the paired tests: what the answers are worth."""

import itertools

import pandas as pd

from reporting.results import GROUP, RUN, SETTING, Results, Run
from reporting.suite_tables import COUNTS, OWN_TASK, PAPER, SUITES
from reporting.table import Table
from scoring.collapse import collapse_rate, is_collapsed, is_uninformative
from scoring.intervals import holm, mcnemar_exact
from scoring.metrics import from_confusion, paired_differences
from scoring.words import words

METRICS = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "auprc"]
DECIMAL = (*METRICS, "calibrated_accuracy", "majority_share", "yes_rate", "label_yes_rate", "rate")
BOUNDED = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "calibrated_accuracy"]
PROVENANCE = [*GROUP, "seed", "n", "commit", "seconds"]


def metrics_table(results: Results, published) -> Table:
    """Table 2: every metric with its 95 % interval, pooled over the suites of one task."""
    measured = _known_suites(results.measured)
    pooled = measured[measured["split"] == "pooled"]
    frame = pd.concat([_paper_metrics(published), _metrics_rows(pooled).assign(source="measured")], ignore_index=True)
    note = (
        "Pooled over all items of one task; 95 % intervals: Wilson for accuracy, precision and recall, bootstrap over "
        "graphs for the others. – is undefined (a metric that divides by an empty class) or, for the paper, not "
        "published. A constant answer has balanced accuracy 0.5, AUROC 0.5 and no MCC."
    )
    columns = ["variant", "setting", "source", "suites", "task", *_with_bounds(METRICS), *PROVENANCE]
    frame = frame.reindex(columns=columns)
    hidden = ("auprc",)
    means = {"means_by": (*SETTING, "source", "suites", "task"), "averaged": tuple(METRICS)}
    return Table("table2_metrics", "Table 2: metrics by task", note, frame, decimal=DECIMAL, hidden=hidden, **means)


def metrics_by_split_table(results: Results) -> Table:
    """Table 2 in full: every metric of every suite, split and task."""
    columns = ["variant", "setting", "suites", "task", "split", *_with_bounds(METRICS), "yes_rate", "label_yes_rate"]
    measured = results.measured
    frame = _metrics_rows(measured).reindex(columns=[*columns, *PROVENANCE])
    note = "As table 2, by split; AUPRC and the bounds of every interval are in the CSV."
    means = {"means_by": (*SETTING, "suites", "task", "split"), "averaged": tuple(METRICS)}
    return Table(
        "table2_metrics_by_split", "Table 2 by split", note, frame, decimal=DECIMAL, hidden=("auprc",), **means
    )


def collapse_table(results: Results) -> Table:
    """Table 4: did the run collapse on the pooled corrected suite of its task, and what does its margin still know?"""
    judged = judged_rows(results.measured)
    judged = judged.assign(above_shortcut=[_above_shortcut(results, row) for row in judged.to_dict("records")])
    columns = [
        "variant",
        "setting",
        "task",
        "collapsed",
        "uninformative",
        "verdict",
        "above_shortcut",
        "majority_share",
        "yes_rate",
    ]
    columns += _with_bounds(["balanced_accuracy", "mcc", "auroc", "calibrated_accuracy"])
    note = (
        "On the pooled corrected suite of the variant's own task (both tasks for the untrained model), where Yes and "
        "No are balanced. *collapsed*: one answer makes up at least 99 % of the verdicts. *uninformative*: the 95 % "
        "interval of MCC contains 0, or MCC is undefined. *calibrated accuracy*: at the threshold tuned on validation. "
        "*reasons*: AUROC of at least 0.75 and not collapsed; *knows but answers constantly*: the same AUROC, yet "
        "collapsed; *knows nothing*: the AUROC interval contains 0.5. *above shortcut*: the interval of the balanced "
        "accuracy lies above what trees on counts around the two nodes score on the same suites (shortcuts.md)."
    )
    frame = judged.reindex(columns=[*columns, *PROVENANCE])
    # The mean of "collapsed" is a rate and has a table of its own.
    averaged = ("majority_share", "yes_rate", "balanced_accuracy", "auroc", "calibrated_accuracy")
    means = {"means_by": (*SETTING, "task"), "averaged": averaged}
    return Table("table4_collapse", "Table 4: collapse, run by run", note, frame, decimal=DECIMAL, **means)


def collapse_rate_table(results: Results) -> Table:
    """Table 4, by variant: collapsed runs over runs, with the Wilson interval."""
    judged = judged_rows(results.measured)
    rows = []
    keys = [*SETTING, "task"]
    for key, runs in judged.groupby(keys, sort=False):
        rate = collapse_rate(runs["collapsed"].tolist())
        low, high = rate.pop("rate_interval")
        counts = {"uninformative": int(runs["uninformative"].sum()), "seeds": tuple(runs["seed"])}
        row = dict(zip(keys, key, strict=True)) | rate | {"rate_low": low, "rate_high": high} | counts
        rows.append(row | {"n": runs["n"].iloc[0], "seconds": runs["seconds"].sum()})
    columns = [
        "variant",
        "setting",
        "task",
        "runs",
        "collapsed",
        "rate",
        "rate_low",
        "rate_high",
        "uninformative",
        "seeds",
    ]
    frame = pd.DataFrame(rows, columns=[*columns, *GROUP, "n", "seconds"])
    note = "Collapsed runs over runs (one a seed), with its 95 % Wilson interval: few seeds leave it wide."
    return Table("table4_collapse_rate", "Table 4: collapse rate by variant", note, frame, decimal=DECIMAL)


def transfer_table(results: Results) -> Table:
    """Each variant on the task it was not trained on, beside its own: pooled corrected suites."""
    measured = results.measured
    rows = _pooled_corrected(measured)
    rows = rows.assign(trained_task=rows["own_task"].fillna("none"), asked_task=rows["task"])
    values = ["accuracy", "balanced_accuracy", "mcc", "auroc", "yes_rate"]
    columns = ["variant", "setting", "trained_task", "asked_task", *_with_bounds(values), *PROVENANCE]
    note = "Pooled corrected suites. Asked about the other task than it was trained on, a variant shows transfer."
    frame = rows.reindex(columns=columns)
    means = {"means_by": (*SETTING, "trained_task", "asked_task"), "averaged": tuple(values)}
    return Table("transfer", "Cross-task transfer", note, frame, decimal=DECIMAL, **means)


def paired_table(results: Results) -> Table:
    """Exact McNemar of every semantic variant against its cross-entropy counterparts, Holm-corrected in its group.

    Counterparts: cross-entropy on the whole text, as in the paper, and on the answer alone.
    """
    rows = []
    for group, runs in results.groups():
        tests = []
        for run, control in itertools.product(runs, runs):
            answers = results.paired_margins(run, control) if _is_control(control, run) else None
            if answers is not None:
                about = group | {"variant": run.name, "against": control.name, "seed": str(run.settings.seed)}
                tests.append(about | {"task": run.settings.task} | _paired(answers))
        corrected = holm([test["p"] for test in tests])
        rows += [test | {"p_holm": p} for test, p in zip(tests, corrected, strict=True)]
    columns = ["variant", "against", "task", "accuracy", "accuracy_against"]
    columns += [f"balanced_accuracy_difference{end}" for end in ("", "_low", "_high")]
    columns += ["only_variant", "only_against", "p", "p_holm", *GROUP, "seed", "n"]
    note = (
        "Same items: the pooled corrected suite of the task. *only variant* counts the items that it alone answers "
        "correctly. Exact McNemar; Holm over the tests of one model, scale and training protocol. The test takes "
        "items as independent; several questions on one graph make p somewhat too small. The interval of the "
        "difference (95 %, paired bootstrap over graphs) does not."
    )
    frame = pd.DataFrame(rows, columns=columns)
    decimal = (*DECIMAL, "accuracy_against", "balanced_accuracy_difference")
    title = "Semantic loss against cross-entropy, paired"
    return Table("paired_tests", title, note, frame, decimal=decimal, p_values=("p", "p_holm"))


def judged_rows(measured: pd.DataFrame) -> pd.DataFrame:
    """Pooled corrected rows of each run's own task (every task for the untrained model), with the judgement added."""
    rows = _pooled_corrected(measured)
    rows = rows[rows["own_task"].isna() | (rows["task"] == rows["own_task"])]
    records = [none_for_nan(row) for row in rows.to_dict("records")]
    two_classes = [0 < row["label_yes_rate"] < 1 for row in records]
    judged = list(zip(records, two_classes, strict=True))
    headlines = _rows_by_run(measured[(measured["suite"] == "corrected") & (measured["split"] == "headline")])
    pairs = _rows_by_run(measured[(measured["suite"] == "adversarial") & (measured["split"] == "pooled")])
    keys = [_run_and_task(row) for row in records]
    return rows.assign(
        collapsed=[is_collapsed(row) if both else None for row, both in judged],
        uninformative=[is_uninformative(row) if both else None for row, both in judged],
        verdict=[words(row, headlines.get(key), pairs.get(key)) for row, key in zip(records, keys, strict=True)],
    )


def _rows_by_run(rows: pd.DataFrame) -> dict[tuple, dict]:
    return {_run_and_task(row): none_for_nan(row) for row in rows.to_dict("records")}


def _run_and_task(row: dict) -> tuple:
    return tuple(row[name] for name in [*RUN, "task"])


def _pooled_corrected(measured: pd.DataFrame) -> pd.DataFrame:
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


def _is_control(control: Run, run: Run) -> bool:
    """Whether `run` has the published semantic loss and `control`, of the same task and seed, plain cross-entropy."""
    ours, theirs = run.settings, control.settings
    if (ours.task, ours.seed) != (theirs.task, theirs.seed) or None in (ours.loss, theirs.loss):
        return False
    plain = theirs.loss.name == "CrossEntropy" and theirs.loss.get("class_weights") is None
    return ours.loss.name == "Semantic" and plain and theirs.loss.get("target") in ("sequence", "answer")


def _paired(answers: pd.DataFrame) -> dict:
    """McNemar on the verdicts, and the difference with an interval that keeps the questions on a graph together."""
    correct = {side: (answers[side] >= 0) == answers["label"] for side in ("ours", "theirs")}
    test = mcnemar_exact(correct["ours"], correct["theirs"])
    margins = [answers["ours"]], [answers["theirs"]]
    found = paired_differences(answers["label"], *margins, answers["graph"], metrics=("balanced_accuracy",))
    low, high = found["balanced_accuracy_difference_interval"]
    return {
        "accuracy": correct["ours"].mean(),
        "accuracy_against": correct["theirs"].mean(),
        "balanced_accuracy_difference": found["balanced_accuracy_difference"],
        "balanced_accuracy_difference_low": low,
        "balanced_accuracy_difference_high": high,
        "only_variant": test["only_a"],
        "only_against": test["only_b"],
        "p": test["p"],
        "n": test["items"],
    }


def _with_bounds(names: list[str]) -> list[str]:
    return [
        column for name in names for column in ([name, f"{name}_low", f"{name}_high"] if name in BOUNDED else [name])
    ]


def _above_shortcut(results: Results, row: dict) -> bool | None:
    """None where either was not measured, or not all corrected suites were scored together."""
    shortcut = results.local_features(row["task"], "pooled")
    low = row.get("balanced_accuracy_low")
    return None if shortcut is None or low is None or pd.isna(low) else bool(low > shortcut)


def none_for_nan(row: dict) -> dict:
    """Back to the form `measure` writes: None where undefined, and intervals as pairs."""
    clean = {name: None if isinstance(value, float) and pd.isna(value) else value for name, value in row.items()}
    for name in [name.removesuffix("_low") for name in clean if name.endswith("_low")]:
        low = clean[f"{name}_low"]
        clean[f"{name}_interval"] = None if low is None else (low, clean[f"{name}_high"])
    return {"mcc_interval": None, "calibrated_balanced_accuracy": None} | clean
