"""Table 2 (metrics), table 4 (collapse), cross-task transfer and the paired tests: what the answers are worth."""

import itertools

import pandas as pd

from reporting.results import GROUP, RUN, SETTING, Results, Run
from reporting.suite_tables import COUNTS, OWN_TASK, PAPER, SUITES
from reporting.table import Table
from scoring.collapse import collapse_rate, is_collapsed, is_uninformative
from scoring.intervals import holm, mcnemar_exact
from scoring.metrics import from_confusion, paired_differences
from scoring.seeds import rates_differ, seeds_needed
from scoring.words import words

METRICS = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "auprc"]
DECIMAL = (*METRICS, "calibrated_accuracy", "majority_share", "yes_rate", "label_yes_rate", "rate")
BOUNDED = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "auroc", "calibrated_accuracy"]
# Beside METRICS, what is said of the headline: the best path-blind yardstick there and the run's AUROC less its own.
OF_HEADLINE = ["n", "calibrated_balanced_accuracy", "yardstick"]
OF_HEADLINE += [f"calibrated_accuracy{end}" for end in ("", "_low", "_high")]
# The trees among the yardsticks, as a row of the summary.
TREES = [f"yardstick_local_features_{name}" for name in ("auroc", "balanced_accuracy")]
OF_HEADLINE += TREES
OF_HEADLINE += [f"over_yardstick{end}" for end in ("", "_low", "_high")]
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
    columns = ["variant", "setting", "task", "collapsed", "uninformative", "verdict", "above_shortcut"]
    columns += [
        "over_yardstick",
        "over_yardstick_low",
        "over_yardstick_high",
        "yardstick",
        "majority_share",
        "yes_rate",
    ]
    columns += _with_bounds(["balanced_accuracy", "mcc", "auroc", "calibrated_accuracy"])
    columns += [f"seen_{name}" for name in _with_bounds(["balanced_accuracy"])]
    note = (
        "One row is one seed: an anecdote. On the variant's own task (both tasks for the untrained model), where Yes and "
        "No are balanced. *collapsed*: one answer makes up at least 99 % of the verdicts of all corrected suites, of which "
        "*majority share* and *yes rate* are. All other numbers are of the headline: structure that training never saw "
        "(length, branching, reversed, shuffled), at a distance of two or more; *seen balanced accuracy* is of the suites "
        "whose structure occurs in training. *uninformative*: the 95 % interval of MCC contains 0, or MCC is undefined. "
        "*verdict*: *orders answers well* is an AUROC of at least 0.75, *weakly* one above 0.5; *follows paths* needs an "
        "AUROC above the best path-blind yardstick on the same questions (*over yardstick*, paired; – not measured on these "
        "questions) and both answers of more than 25 % of the minimal pairs. *calibrated accuracy*: at a threshold tuned "
        "on validation, where that has 500 blocks. Intervals: 95 %, over blocks."
    )
    frame = judged.reindex(columns=[*columns, *PROVENANCE, *TREES])
    # The mean of "collapsed" is a rate and has a table of its own.
    averaged = ("majority_share", "yes_rate", "balanced_accuracy", "auroc", "seen_balanced_accuracy", "over_yardstick")
    means = {"means_by": (*SETTING, "task"), "averaged": averaged}
    decimal = (*DECIMAL, "over_yardstick", "seen_balanced_accuracy")
    title = "Table 4: collapse, run by run"
    return Table("table4_collapse", title, note, frame, decimal=decimal, hidden=tuple(TREES), **means)


def collapse_rate_table(results: Results) -> Table:
    """Table 4, by variant: collapsed runs over runs, with the Wilson interval."""
    judged = judged_rows(results.measured)
    judged = judged[judged["collapsed"].notna()]
    rows = []
    keys = [*SETTING, "task"]
    for key, runs in judged.groupby(keys, sort=False):
        rate = collapse_rate(runs["collapsed"].tolist())
        low, high = rate.pop("rate_interval")
        counts = {"uninformative": int(runs["uninformative"].sum()), "seeds": tuple(runs["seed"])}
        row = dict(zip(keys, key, strict=True)) | rate | {"rate_low": low, "rate_high": high} | counts
        rows.append(row | {"n": runs["n"].iloc[0], "seconds": runs["seconds"].sum()})
    _compare_rates(rows)
    columns = ["variant", "setting", "task", "runs", "collapsed", "rate", "rate_low", "rate_high", "uninformative"]
    columns += ["seeds", "against", "p_holm", "seeds_needed"]
    frame = pd.DataFrame(rows, columns=[*columns, *GROUP, "n", "seconds"])
    note = (
        "Collapsed runs over runs (one a seed), with its 95 % Wilson interval: few seeds leave it wide. *against*: plain "
        "cross-entropy of the same task and group; *p holm*: Fisher's exact test of the two rates, Holm over this table; "
        "*seeds needed*: seeds of either at which rates like these would differ (– none), by the same test alone. "
        f"{seeds_needed(1.0, 0.0)} seeds against {seeds_needed(1.0, 0.0)} tell 100 % from 0 %, fewer tell nothing."
    )
    title = "Table 4: collapse rate by variant"
    return Table("table4_collapse_rate", title, note, frame, decimal=DECIMAL, p_values=("p_holm",))


def _compare_rates(rows: list[dict]) -> None:
    """Add against, p_holm and seeds_needed to the rows that have a plain cross-entropy beside them."""
    tests = []
    for row in rows:
        beside = {"variant": f"{row['task']}_ce", "setting": "", "task": row["task"]} | {n: row[n] for n in GROUP}
        control = next((one for one in rows if beside.items() <= one.items() and one is not row), None)
        if control is not None:
            row["against"] = control["variant"]
            row["seeds_needed"] = seeds_needed(row["rate"], control["rate"])
            p = rates_differ(row["collapsed"], row["runs"], control["collapsed"], control["runs"])
            tests.append((row, p))
    for (row, _), p in zip(tests, holm([p for _, p in tests]), strict=True):
        row["p_holm"] = p


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
            answers = results.paired_margins(run, control) if is_control(control, run) else None
            if answers is not None and answers["headline"].any():
                about = group | {"variant": run.name, "against": control.name, "seed": str(run.settings.seed)}
                tests.append(about | {"task": run.settings.task} | _paired(answers))
        corrected = holm([test["p"] for test in tests])
        rows += [test | {"p_holm": p} for test, p in zip(tests, corrected, strict=True)]
    columns = ["variant", "against", "task", "accuracy", "accuracy_against"]
    columns += [f"balanced_accuracy_difference{end}" for end in ("", "_low", "_high")]
    columns += ["only_variant", "only_against", "p", "p_holm", *GROUP, "seed", "n"]
    note = (
        "Same questions: the headline of the task. One row is one seed: an anecdote, whatever its p. *only variant* counts "
        "the questions that it alone answers correctly. Exact McNemar; Holm over the tests of one group. The test takes "
        "questions as independent; those of one block make p somewhat too small. The interval of the difference (95 %, "
        "paired bootstrap over blocks) does not."
    )
    frame = pd.DataFrame(rows, columns=columns)
    decimal = (*DECIMAL, "accuracy_against", "balanced_accuracy_difference")
    title = "Semantic loss against cross-entropy, paired"
    return Table("paired_tests", title, note, frame, decimal=decimal, p_values=("p", "p_holm"))


def judged_rows(measured: pd.DataFrame) -> pd.DataFrame:
    """One row for each run and its own task (every task for the untrained model), with the judgement added.

    Collapse, majority share and Yes-rate are of all corrected suites together; all other metrics, and n, of the headline
    (None where an older scorer did not measure it); `seen_balanced_accuracy` of seen structure.
    """
    rows = _pooled_corrected(measured)
    rows = rows[rows["own_task"].isna() | (rows["task"] == rows["own_task"])]
    corrected = measured[measured["suite"] == "corrected"]
    headlines, seen = (_rows_by_run(corrected[corrected["split"] == split]) for split in ("headline", "seen"))
    pairs = _rows_by_run(measured[(measured["suite"] == "adversarial") & (measured["split"] == "pooled")])
    found = []
    for row in rows.to_dict("records"):
        pooled, key = none_for_nan(row), _run_and_task(row)
        headline = headlines.get(key)
        both = 0 < pooled["label_yes_rate"] < 1
        found.append(
            row
            | {name: headline.get(name) if headline else None for name in [*_with_bounds(METRICS), *OF_HEADLINE]}
            | {f"seen_{name}": seen.get(key, {}).get(name) for name in _with_bounds(["balanced_accuracy"])}
            | {"collapsed": is_collapsed(pooled) if both else None}
            | {"uninformative": is_uninformative(headline) if headline else None}
            | {"verdict": words(pooled, headline, pairs.get(key))}
        )
        low = found[-1]["over_yardstick_low"]
        found[-1]["above_shortcut"] = None if low is None else low > 0
    added = ["collapsed", "uninformative", "verdict", "above_shortcut", *OF_HEADLINE]
    columns = [*rows, *_with_bounds(METRICS), *(f"seen_{name}" for name in _with_bounds(["balanced_accuracy"])), *added]
    return pd.DataFrame(found, columns=list(dict.fromkeys(columns)))


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


def is_control(control: Run, run: Run) -> bool:
    """Whether `run` has the published semantic loss and `control`, of the same task and seed, plain cross-entropy."""
    ours, theirs = run.settings, control.settings
    if (ours.task, ours.seed) != (theirs.task, theirs.seed) or None in (ours.loss, theirs.loss):
        return False
    plain = theirs.loss.name == "CrossEntropy" and theirs.loss.get("class_weights") is None
    return ours.loss.name == "Semantic" and plain and theirs.loss.get("target") in ("sequence", "answer")


def _paired(answers: pd.DataFrame) -> dict:
    """Of the headline: McNemar on the verdicts, and the difference with an interval that keeps a block's questions together."""
    answers = answers[answers["headline"]]
    correct = {side: (answers[side] >= 0) == answers["label"] for side in ("ours", "theirs")}
    test = mcnemar_exact(correct["ours"], correct["theirs"])
    margins = [answers["ours"]], [answers["theirs"]]
    found = paired_differences(answers["label"], *margins, answers["block"], metrics=("balanced_accuracy",))
    low, high = found["balanced_accuracy_difference_interval"] or (None, None)
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


def none_for_nan(row: dict) -> dict:
    """Back to the form `measure` writes: None where undefined, and intervals as pairs."""
    clean = {name: None if isinstance(value, float) and pd.isna(value) else value for name, value in row.items()}
    for name in [name.removesuffix("_low") for name in clean if name.endswith("_low")]:
        low = clean[f"{name}_low"]
        clean[f"{name}_interval"] = None if low is None else (low, clean[f"{name}_high"])
    return {"mcc_interval": None, "calibrated_balanced_accuracy": None} | clean
