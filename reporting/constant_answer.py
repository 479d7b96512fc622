"""Which runs left the constant answer, after how many questions, and what that cost: one row a setting, seeds together."""

import numpy as np
import pandas as pd

from reporting.collapse_tables import judged_rows
from reporting.groups import RUN, SETTING
from reporting.metrics_tables import TREES
from reporting.results import Results
from reporting.run import Run
from reporting.table import Table
from scoring.collapse import COLLAPSED_SHARE

TREES_BALANCED = TREES["balanced_accuracy"]
NOTE = (
    "The constant answer as a phase of training, seen by probes *every* so many questions; at a *constant probe* one answer makes up "
    f"{100 * COLLAPSED_SHARE:g} % of the verdicts: how many of the *probes*, a seed each (a probe asks so few questions that a single other "
    "answer can make the difference). A run has *left for good* at the first probe after its last constant one; *left after*: "
    "questions trained on until then, median over the seeds that did, with the least and the most in brackets. *never seen* constant, "
    "*never left*, the last probe constant: of the seeds; neither has a number. *collapsed*: of the seeds, by the corrected suites after training; – "
    "where a seed was not judged there. "
    "The probes are asked with the prompt of training, the corrected suites with the benchmark's: *prompt* is the former where it "
    "is another, and there *left* and *collapsed* are answers to two prompts. "
    "*balanced*: balanced accuracy on the headline of the own task, mean over seeds; *trees*: that of trees on counts around the "
    "two nodes, which follow no path, on the same *n* questions. Other questions, other trees: rows compare where *n* and *trees* do. "
    "*seconds*: of training, a thousand "
    "questions, median; on machines that also did other things, so that only large differences mean something."
)


def constant_answer_table(results: Results) -> Table:
    """One row a setting of trained, finished runs that were probed."""
    judged = judged_rows(results.measured)
    judged = judged[judged["task"] == judged["own_task"]].set_index(RUN)
    rows = []
    for run in results.runs:
        if run.probes.empty:
            continue
        key = tuple(run.key.values())
        after = judged.loc[key] if key in judged.index else {}
        rows.append(
            run.key
            | {
                "task": run.settings.task,
                "prompt": "" if run.settings.prompt == "benchmark" else run.settings.prompt,
                "constant_probes": int(constant_probes(run).sum()),
                "probes": len(run.probes),
                "left_after": left_after(run),
                "every": _questions(run, run.probes["progress"].iloc[0]),
            }
            | {name: after.get(name) for name in ("collapsed", "balanced_accuracy", TREES_BALANCED, "n")}
            | {"seconds": _seconds(run)}
        )
    found = []
    for key, seeds in pd.DataFrame(rows, columns=None if rows else [*RUN, "task"]).groupby(
        [*SETTING, "task"], sort=False
    ):
        left = seeds["left_after"].astype(float)
        row = dict(zip([*SETTING, "task"], key, strict=True))
        never_seen = seeds["constant_probes"] == 0
        row |= {"runs": len(seeds), "never_seen": int(never_seen.sum())}
        row |= {"never_left": int((left.isna() & ~never_seen).sum())}
        row |= {"constant_probes": ", ".join(map(str, seeds["constant_probes"])), "probes": seeds["probes"].max()}
        row |= {"left_after": left.median(), "left_after_low": left.min(), "left_after_high": left.max()}
        row |= {name: seeds[name].iloc[0] for name in ("every", "prompt")}
        # Some seeds of several say nothing of the others.
        row["collapsed"] = seeds["collapsed"].sum() if seeds["collapsed"].notna().all() else None
        means = seeds[["balanced_accuracy", TREES_BALANCED]].astype(float).mean()
        row |= {"balanced": means["balanced_accuracy"], "trees": means[TREES_BALANCED], "n": seeds["n"].iloc[0]}
        row |= {"seconds": seeds["seconds"].median()}
        found.append(row)
    columns = [
        "variant",
        "setting",
        "task",
        "prompt",
        "runs",
        "collapsed",
        "constant_probes",
        "probes",
        "never_seen",
        "never_left",
        "left_after",
        "left_after_low",
    ]
    columns += ["left_after_high", "every", "balanced", "trees", "n", "seconds"]
    columns += ["model", "scale", "samples", "trained_on"]
    frame = pd.DataFrame(found).reindex(columns=columns)
    title = "The constant answer: who leaves it, when, and what it costs"
    return Table("constant_answer", title, NOTE, frame, percent=("balanced", "trees"))


def constant_probes(run: Run) -> np.ndarray:
    """Of each probe, whether one answer makes up COLLAPSED_SHARE."""
    return (run.probes["probe/majority_share"] >= COLLAPSED_SHARE).to_numpy()


def left_after(run: Run) -> int | None:
    """Questions trained on at the first probe after the last constant one; None if there is none of either."""
    constant = constant_probes(run)
    if constant[-1] or not constant.any():
        return None
    first = len(constant) - constant[::-1].argmax()
    return _questions(run, run.probes["progress"].iloc[first])


def _questions(run: Run, progress: float = 1.0) -> int:
    """Trained on until then, all epochs counted."""
    return round(progress * run.group["samples"] * (run.settings.epochs or 1))


def _seconds(run: Run) -> float | None:
    seconds = (run.info.get("seconds") or {}).get("train")
    return 1000 * seconds / _questions(run) if seconds and _questions(run) else None
