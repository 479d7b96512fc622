"""Table 4: which runs collapsed, what their answers are still worth, and the rate of collapse by variant."""

import pandas as pd

from reporting.groups import GROUP, RUN, SETTING
from reporting.metrics_tables import DECIMAL, METRICS, PROVENANCE, TREES, pooled_corrected, with_bounds
from reporting.results import Results, scored_as_usual
from reporting.table import Table
from scoring.collapse import collapse_rate, is_collapsed, is_uninformative
from scoring.intervals import FEW_BLOCKS, holm
from scoring.seeds import rates_differ, seeds_needed
from scoring.words import words

# Beside METRICS, what is said of the headline: the best path-blind yardstick there and the run's AUROC less its own.
OF_HEADLINE = ["n", "calibrated_balanced_accuracy", "yardstick"]
OF_HEADLINE += [f"calibrated_accuracy{end}" for end in ("", "_low", "_high")]
OF_HEADLINE += TREES.values()
OF_HEADLINE += [f"over_yardstick{end}" for end in ("", "_low", "_high")]


def collapse_table(results: Results) -> Table:
    """Table 4: did the run collapse on the pooled corrected suite of its task, and what does its margin still know?"""
    judged = judged_rows(results.measured)
    judged = judged.merge(_as_trained(results), how="left", on=RUN).fillna({"prompt": ""})
    columns = ["variant", "setting", "task", "prompt", "collapsed", "uninformative", "verdict", "above_shortcut"]
    columns += [
        "over_yardstick",
        "over_yardstick_low",
        "over_yardstick_high",
        "yardstick",
        "majority_share",
        "majority_as_trained",
        "yes_rate",
    ]
    columns += with_bounds(["balanced_accuracy", "mcc", "auroc", "calibrated_accuracy"])
    columns += [f"seen_{name}" for name in with_bounds(["balanced_accuracy"])]
    note = (
        "One row is one seed: an anecdote. On the variant's own task (both tasks for the untrained model), where Yes and "
        "No are balanced. *collapsed*: one answer makes up at least 99 % of the verdicts of all corrected suites, of which "
        "*majority share* and *yes rate* are. *uninformative*: the 95 % interval of MCC over these suites contains 0, or MCC is "
        "undefined. Everything is asked with the benchmark's prompt but *majority as trained*, which is of the same questions with the "
        "*prompt* of a run's training where that is another (A12; – not asked). All other numbers are of the headline: structure that training never saw "
        "(length, branching, reversed, shuffled), at a distance of two or more; *seen balanced accuracy* is of the suites "
        "whose structure occurs in training. "
        "*verdict*: *orders answers well* is an AUROC of at least 0.75, *weakly* one above 0.5; *follows paths* needs an "
        "AUROC above the best path-blind yardstick on the same questions (*over yardstick*, paired; – not measured on these "
        "questions) and both answers of more than 25 % of the minimal pairs. *calibrated accuracy*: at a threshold tuned "
        f"on validation, where that has {FEW_BLOCKS} blocks. Intervals: 95 %, over blocks."
    )
    frame = judged.reindex(columns=[*columns, *PROVENANCE, *TREES.values()])
    # The mean of "collapsed" is a rate and has a table of its own.
    averaged = (
        "majority_share",
        "majority_as_trained",
        "yes_rate",
        "balanced_accuracy",
        "auroc",
        "seen_balanced_accuracy",
        "over_yardstick",
    )
    means = {"means_by": (*SETTING, "task"), "averaged": averaged}
    decimal = (*DECIMAL, "over_yardstick", "seen_balanced_accuracy", "majority_as_trained")
    title = "Table 4: collapse, run by run"
    return Table("table4_collapse", title, note, frame, decimal=decimal, hidden=tuple(TREES.values()), **means)


def _as_trained(results: Results) -> pd.DataFrame:
    """RUN, prompt and majority_as_trained of the finished runs that were trained with another prompt than the benchmark's; the share
    of the more frequent answer on all corrected suites of the own task together, NaN where they were not asked with that prompt."""
    scored = results.scored
    rows = scored[
        scored_as_usual(scored, but="prompt")
        & (scored["suite"] == "corrected")
        & (scored["split"] == "pooled")
        & (scored["task"] == scored["own_task"])
        & scored["step"].isna()
    ]
    shares = rows.set_index([*RUN, "prompt"])["majority_share"].to_dict()
    found = [
        run.key
        | {"prompt": run.settings.prompt, "majority_as_trained": shares.get((*run.key.values(), run.settings.prompt))}
        for run in results.runs
        if run.settings.task is not None and run.settings.prompt != "benchmark"
    ]
    return pd.DataFrame(found, columns=[*RUN, "prompt", "majority_as_trained"])


def collapse_rate_table(results: Results) -> Table:
    """Table 4, by variant: collapsed runs over runs, with the Wilson interval."""
    judged = judged_rows(results.measured)
    judged = judged[judged["collapsed"].notna()]
    rows = []
    keys = [*SETTING, "task"]
    for key, runs in judged.groupby(keys, sort=False):
        rate = collapse_rate(runs["collapsed"].tolist())
        low, high = rate.pop("rate_interval")
        counts = {
            "uninformative": int(runs["uninformative"].fillna(False).astype(bool).sum()),
            "seeds": tuple(runs["seed"]),
        }
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


def judged_rows(measured: pd.DataFrame) -> pd.DataFrame:
    """One row for each run and its own task (every task for the untrained model), with the judgement added.

    Collapsed, uninformative, majority share and Yes-rate are of all corrected suites together; all other metrics, and n, of
    the headline (None where an older scorer did not measure it); `seen_balanced_accuracy` of seen structure.
    """
    rows = pooled_corrected(measured)
    rows = rows[rows["own_task"].isna() | (rows["task"] == rows["own_task"])]
    corrected = measured[measured["suite"] == "corrected"]
    headlines, seen = (_rows_by_run(corrected[corrected["split"] == split]) for split in ("headline", "seen"))
    pairs = _rows_by_run(measured[(measured["suite"] == "adversarial") & (measured["split"] == "pooled")])
    found = []
    for row in rows.to_dict("records"):
        pooled, key = _none_for_nan(row), _run_and_task(row)
        headline = headlines.get(key)
        both = 0 < pooled["label_yes_rate"] < 1
        found.append(
            row
            | {name: headline.get(name) if headline else None for name in [*with_bounds(METRICS), *OF_HEADLINE]}
            | {f"seen_{name}": seen.get(key, {}).get(name) for name in with_bounds(["balanced_accuracy"])}
            | {"collapsed": is_collapsed(pooled) if both else None}
            | {"uninformative": is_uninformative(pooled) if both else None}
            | {"verdict": words(pooled, headline, pairs.get(key))}
        )
        low = found[-1]["over_yardstick_low"]
        found[-1]["above_shortcut"] = None if low is None else low > 0
    added = ["collapsed", "uninformative", "verdict", "above_shortcut", *OF_HEADLINE]
    columns = [*rows, *with_bounds(METRICS), *(f"seen_{name}" for name in with_bounds(["balanced_accuracy"])), *added]
    return pd.DataFrame(found, columns=list(dict.fromkeys(columns)))


def _rows_by_run(rows: pd.DataFrame) -> dict[tuple, dict]:
    return {_run_and_task(row): _none_for_nan(row) for row in rows.to_dict("records")}


def _run_and_task(row: dict) -> tuple:
    return tuple(row[name] for name in [*RUN, "task"])


def _none_for_nan(row: dict) -> dict:
    """Back to the form `measure` writes: None where undefined, and intervals as pairs."""
    clean = {name: None if isinstance(value, float) and pd.isna(value) else value for name, value in row.items()}
    for name in [name.removesuffix("_low") for name in clean if name.endswith("_low")]:
        low = clean[f"{name}_low"]
        clean[f"{name}_interval"] = None if low is None else (low, clean[f"{name}_high"])
    return {"mcc_interval": None, "calibrated_balanced_accuracy": None} | clean
