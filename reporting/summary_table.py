"""The table that opens the README: what the paper reports, what is measured here, and what it is worth."""

import pandas as pd

from causal_tasks.spec import TASKS
from input_output.writing import replace_between
from reporting.groups import CONTROL, GROUP, RUN, SETTING, VARIANTS, of_group
from reporting.metrics_tables import TREES
from reporting.published import PAPER_MODELS, paper_model_first
from reporting.table import Table, as_markdown
from scoring.seeds import interval_over_seeds

SHOWN = (*VARIANTS, *CONTROL.values())
BEGIN, END = "<!-- summary table: written by tables.py -->", "<!-- end of summary table -->"
NOTE = (
    "`paper` and `released`: mean accuracy over the five suites as the paper builds them, where always answering No "
    "scores 72 %. `balanced accuracy`, `MCC`, `AUROC`, `n`: the headline of the variant's own task (structure that training "
    "never saw, distance of two or more; corrected, half Yes and half No), with 95 % intervals over blocks of questions; a "
    "constant answer scores 50 %, 0 and 0.5. `seen`: balanced accuracy where the structure occurs in training. One row is one "
    "seed: an anecdote. `over yardstick`: AUROC less that of the best of the yardsticks that follow no path (shortcuts.md: trees on "
    "local counts, and rules that learn nothing, on transitivity most of all *two deep*) on the same questions, paired; – not measured on these questions. `local "
    "features`: those trees, learned from 20,000 questions, on the questions that the runs answered."
)


def summary_table(accuracy: pd.DataFrame, collapse: pd.DataFrame) -> Table:
    """One row a run and task, below the constant answers and the learned shortcut.

    accuracy: the frame of table 1. collapse: the frame of table 4.
    """
    paper = (
        accuracy[accuracy["source"] == "published"].drop_duplicates("variant").set_index("variant")["mean"].to_dict()
    )
    released = accuracy[accuracy["suites"] == "released"]
    measured = released[released["source"] == "measured"]
    constant = released[(released["source"] == "baseline") & released["variant"].isin(["always Yes", "always No"])]
    papers_own = accuracy[(accuracy["suites"] == "paper's own") & (accuracy["source"] == "baseline")]
    papers_own = papers_own.drop_duplicates("variant").set_index("variant")["mean"].to_dict()
    rows = [
        {name: row[name] for name in GROUP}
        | {"variant": row["variant"], "paper": papers_own.get(row["variant"]), "released": row["mean"]}
        | {"balanced_accuracy": 0.5, "mcc": 0.0, "auroc": 0.5, "yes_rate": float(row["variant"] == "always Yes")}
        | {"verdict": "constant answer"}
        for _, row in constant.iterrows()
    ]
    groups = constant[GROUP].drop_duplicates().to_dict("records")
    rows = _once(rows, len(groups))
    rows += [
        group | {"variant": "local features", "task": task, "verdict": "shortcut"} | trees
        for group in groups
        for task in TASKS
        if (trees := _trees(of_group(collapse, group), task))
    ]
    means = measured.drop_duplicates(RUN).set_index(RUN)["mean"]
    for _, row in collapse.iterrows():
        key = tuple(row[name] for name in RUN)
        intervals = [
            f"{name}{side}"
            for name in ("balanced_accuracy", "mcc", "auroc", "over_yardstick")
            for side in ("", "_low", "_high")
        ]
        rows.append(
            {name: row[name] for name in [*RUN, "task", "yes_rate", "verdict", "n", *intervals]}
            | {"seen": row["seen_balanced_accuracy"]}
            | {"paper": paper.get(row["variant"]), "released": means.get(key)}
        )
    if not rows:  # nothing measured yet: the paper's side stands alone
        rows = [{"variant": name, "paper": mean} for name, mean in (papers_own | paper).items()]
    order = [
        "variant",
        "setting",
        "task",
        "paper",
        "released",
        "balanced_accuracy",
        "seen",
        "mcc",
        "auroc",
        "yes_rate",
        "verdict",
    ]
    order += ["over_yardstick"]
    frame = pd.DataFrame(rows)
    frame = frame.reindex(
        columns=[*order, *sorted(c for c in frame if c.endswith(("_low", "_high"))), *GROUP, "seed", "n"]
    )
    return Table(
        "summary",
        "Summary: the paper's accuracy beside what the corrected suites show",
        NOTE,
        frame.sort_values(GROUP, kind="stable", na_position="first"),
        means_by=(*SETTING, "task"),
        averaged=("paper", "released", "balanced_accuracy", "seen", "auroc", "yes_rate", "over_yardstick"),
        percent=("paper", "released", "balanced_accuracy", "seen", "yes_rate"),
        decimal=("mcc", "auroc", "over_yardstick"),
    )


def _trees(collapse: pd.DataFrame, task: str) -> dict:
    """The local features on the headline questions that the runs of a group answered; {} where they were not measured, or
    the runs answered different ones."""
    found = collapse.loc[collapse["task"] == task, list(TREES.values())].dropna().drop_duplicates()
    if len(found) != 1:
        return {}
    return {name: found[column].iloc[0] for name, column in TREES.items()}


def _once(baselines: list[dict], groups: int) -> list[dict]:
    """Baselines that are the same in every group stand once, above them all and without a group's name."""
    bare = [{name: value for name, value in row.items() if name not in GROUP} for row in baselines]
    different = [row for i, row in enumerate(bare) if row not in bare[:i]]
    return different if len(different) * groups == len(baselines) else baselines


def readme_table(summary: Table) -> Table:
    """At most nine rows: always No, the shortcut, the paper's variants and their two controls, each from its longest run.

    Of the paper's model where it was run, on the questions that most of its runs answered; trained on released data rather
    than corrected; the mean over the seeds of that setting.
    """
    frame = summary.frame
    if "model" not in frame or frame["model"].isna().all():  # nothing measured yet
        return summary
    papers = frame[frame["model"].isin(PAPER_MODELS)]
    usual = papers.groupby("task")["n"].agg(
        lambda sizes: sizes.mode().max()
    )  # of the headline, which tells the suites apart
    rows = []
    for variant, task in (("always No", None), ("local features", TASKS[0]), *((name, None) for name in SHOWN)):
        own = frame[(frame["variant"] == variant) & ((task is None) | (frame["task"] == task))]
        if own.empty:
            continue
        own = own.assign(corrected=own["trained_on"].str.startswith("corrected"))
        own["other_questions"] = own["n"] != own["task"].map(usual)
        own["seeds"] = own.groupby([*SETTING, "task"], dropna=False)["seed"].transform("count")
        order = {"other_questions": True, "corrected": True, "samples": False, "seeds": False, "seed": True}
        first = paper_model_first(own, **order).head(1)
        same = own.merge(first[[*SETTING, "task"]])
        rows.append(_mean_of_seeds(same, summary.averaged) if len(same) > 1 else first)
    chosen = pd.concat(rows, ignore_index=True)
    named = chosen[["model", "samples", "seeds"]].itertuples(index=False)
    chosen["run"] = [None if variant == "always No" else _run(*of) for variant, of in zip(chosen["variant"], named)]
    shown = ["variant", "run", "seeds", "paper", "released", "balanced_accuracy", "yes_rate"]
    return Table(
        "readme",
        summary.title,
        "Scores in %. `run`: model and training questions, as released, and the seeds that a row is the mean of. `paper`, `released`: mean "
        "accuracy over the five suites as the paper builds them. `balanced_accuracy`: the headline of the own task "
        "(corrected, structure that training never saw; 95 % interval, of one seed over blocks of questions, of three or more "
        "over seeds); `yes_rate`: all corrected suites. `local features`: trees on counts around the two nodes, following no "
        f"path, on {TASKS[0]}, the questions of that run's group. Every run: "
        "[results/tables/summary.md](results/tables/summary.md).",
        chosen[[*shown, "balanced_accuracy_low", "balanced_accuracy_high"]],
        percent=summary.percent,
        hidden=("seeds",),
    )


def _run(model: str, samples: float, seeds: float) -> str:
    words = model, f"{samples:,.0f}" if samples else "", f"{seeds:.0f} seeds" if seeds > 1 else ""
    return ", ".join(filter(None, words))


def _mean_of_seeds(rows: pd.DataFrame, averaged: tuple[str, ...]) -> pd.DataFrame:
    """One row of several of one setting: means, of balanced accuracy with the t interval over at least three seeds."""
    mean = rows.head(1).assign(**rows[[*averaged]].astype(float).mean(skipna=False))
    low, high = interval_over_seeds(rows["balanced_accuracy"].astype(float).tolist()) or (None, None)
    return mean.assign(balanced_accuracy_low=low, balanced_accuracy_high=high)


def into_readme(text: str, summary: Table) -> str:
    """``text`` with `readme_table` between its two markers; ValueError if they are not there."""
    table = readme_table(summary)
    body = as_markdown(table.display())
    return replace_between(text, BEGIN, END, f"{body}\n\n{table.note}")
