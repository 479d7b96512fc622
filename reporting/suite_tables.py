"""Tables 1 and 3: one row a variant and protocol, one column a suite; published, measured and constant answers."""

import pandas as pd

from causal_tasks.spec import TASKS
from reporting.groups import GROUP, RUN, SETTING, VARIANTS, of_group
from reporting.published import PAPER_MODELS, SUITES, Published, mean_of_suites, on_suites
from reporting.results import Results
from reporting.run import Run
from reporting.table import Table
from scoring.metrics import from_confusion

COUNTS = ["tp", "tn", "fp", "fn"]
IN_FULL = "released in full"
# What the tables call the rows of a suite that have this protocol.
CALLED = {
    ("published", "released"): "released",
    ("published_in_full", "released"): IN_FULL,
    ("corrected", "corrected"): "corrected",
}
VALUES = [*SUITES, "mean", "own_task", "adversarial"]
COLUMNS = ["variant", "setting", "source", "suites", *VALUES, *GROUP, "seed", "n", "commit", "seconds"]
MEANS = {"means_by": (*SETTING, "source", "suites"), "averaged": tuple(VALUES)}
PAPER = {
    "model": PAPER_MODELS[-1],
    "scale": "published",
    "trained_on": "released",
    "samples": None,
    "source": "published",
}
OWN_TASK = dict.fromkeys(VARIANTS) | {f"{task}_{loss}": task for task in TASKS for loss in ("ce", "semantic")}
READING = (
    "`suites`: *paper's own* are the released files, *released* is their construction rebuilt with its faults, "
    f"*{IN_FULL}* the same at the paper's 10,000 questions a suite, *corrected* is the same five suites without the faults "
    "and balanced to 50 % Yes. "
    "`mean` is over the five suites, `own task` over all items of the variant's task, `adversarial` over its minimal "
    "pairs. `trained on` is the protocol of the training data and its questions a graph (k), `samples` the number of questions "
    "that were asked for (of 47,500 at the paper's scale, the 50,000 of which they are the training part), `seconds` the wall time of "
    "training and scoring. "
)


def accuracy_table(results: Results, published: Published) -> Table:
    """Table 1: accuracy by suite, published beside measured, below the constant-answer baselines."""
    note = (
        READING + "*training majority* gives each suite the answer that is more frequent in the training set of its "
        "task (Yes if both are equally frequent). What counting around the two nodes scores on a run's own questions: the "
        "yardsticks of table 4."
    )
    frame = _by_suite(results, published, "accuracy", _baselines)
    return Table("table1_accuracy", "Table 1: accuracy by suite", note, frame, percent=tuple(VALUES), **MEANS)


def prediction_table(results: Results, published: Published) -> Table:
    """Table 3: share of Yes verdicts by suite, below the share of Yes labels."""
    note = READING + "Each cell is the share of Yes verdicts; the rows *labels* give the share of Yes labels."
    frame = _by_suite(results, published, "yes_rate", _label_rows)
    return Table("table3_predictions", "Table 3: prediction distribution", note, frame, percent=tuple(VALUES), **MEANS)


def measured_by_suite(measured: pd.DataFrame, value: str) -> pd.DataFrame:
    """One row a run and kind of suites (CALLED): the keys of RUN, suites, n, commit, seconds and VALUES.

    Args:
        value: the metric in the cells, e.g. "accuracy" or "yes_rate"; NaN where a suite was not scored.
    """
    keys = [*RUN, "suites", "commit", "seconds"]
    suites = pd.Series(zip(measured["suite"], measured["protocol"]), measured.index, dtype=object).map(CALLED)
    rows = measured.assign(suites=suites)[suites.notna()][[*keys, "task", "own_task", "split", value, "n"]]
    # The released suites of all runs first, each run's rows under one number: groups of many runs are slow to cut out.
    rows = rows.sort_values("suites", ascending=False, kind="stable")
    rows["run"] = rows.groupby(keys, sort=False, dropna=False).ngroup()
    table = rows.drop_duplicates("run").set_index("run")[keys]
    cells = on_suites(rows)
    of_run = cells.groupby("run")
    table["n"] = of_run["n"].sum().reindex(table.index, fill_value=0)
    suites = cells.drop_duplicates(["run", "split"], keep="last").pivot(index="run", columns="split", values=value)
    table[list(SUITES)] = suites.reindex(index=table.index, columns=list(SUITES))
    table["mean"] = mean_of_suites(cells, "run", value)
    pooled = rows[(rows["split"] == "pooled") & (rows["task"] == rows["own_task"])].drop_duplicates("run")
    table["own_task"] = pooled.set_index("run")[value]
    pairs = _adversarial(measured, value)
    corrected = table["suites"] == "corrected"
    found = [pairs.get(key) for key in table.loc[corrected, RUN].itertuples(index=False, name=None)]
    table.loc[corrected, "adversarial"] = pd.Series(found, index=table.index[corrected], dtype=float)
    return table.reindex(columns=[*keys, "n", *VALUES]).reset_index(drop=True)


def label_shares(measured: pd.DataFrame) -> pd.DataFrame:
    """Share of Yes labels of the five suites: columns suites, n and the suites; one row a kind of suites (CALLED).

    Where runs were scored on different numbers of items, the largest scoring counts.
    """
    table = measured_by_suite(measured, "label_yes_rate").sort_values("n", ascending=False, kind="stable")
    table = table.drop_duplicates("suites").sort_values("suites", ascending=False)
    return table[["suites", "n", *SUITES, "adversarial"]]


def constant_answer(shares: pd.Series, answers: dict[str, bool]) -> dict[str, float | None]:
    """Accuracy by suite, and mean, of answering `answers[task]` to every question of a task.

    Args:
        shares: share of Yes labels by suite, 0..1.
        answers: task -> constant answer (True = Yes), or None for a task whose answer is unknown.
    """
    scores = {}
    for suite, task in SUITES.items():
        known = answers[task] is not None and pd.notna(shares[suite])
        scores[suite] = None if not known else shares[suite] if answers[task] else 1 - shares[suite]
    complete = None not in scores.values()
    return scores | {"mean": sum(scores.values()) / len(scores) if complete else None}


def _by_suite(results: Results, published: Published, value: str, reference_rows) -> pd.DataFrame:
    """Blocks of one group each: reference rows, then every variant's published and measured rows."""
    paper = _paper_rows(published, value)
    blocks = []
    for group, runs in results.groups():
        measured = results.measured
        measured = of_group(measured, group)
        own = measured_by_suite(measured, value).assign(source="measured")
        references = reference_rows(results, measured, runs, published, group)
        block = pd.concat([references, paper, own], ignore_index=True)
        order = {name: rank for rank, name in enumerate(dict.fromkeys([*VARIANTS, *own["variant"]]))}
        # References first (no rank), then the variants in their order; a stable sort keeps published above measured.
        block["rank"] = block["variant"].map(order).fillna(-1)
        blocks.append(block.sort_values("rank", kind="stable"))
    if not blocks:
        blocks = [pd.concat([reference_rows(results, None, [], published, {}), paper], ignore_index=True)]
    # What is the paper's own, and the untrained model, stand once, in the first of the blocks that they belong to.
    return pd.concat(blocks, ignore_index=True).reindex(columns=COLUMNS).drop_duplicates(ignore_index=True)


def _paper_rows(published: Published, value: str) -> pd.DataFrame:
    rows = []
    accuracy = published.accuracy.set_index("variant")
    for variant in VARIANTS:
        row = PAPER | {"variant": variant, "suites": "paper's own"} | dict.fromkeys(VALUES)
        counts = published.confusion[published.confusion["variant"] == variant].set_index("suite")
        if len(counts):
            metrics = from_confusion(*(counts[name] for name in COUNTS))
            row |= dict(zip(counts.index, metrics[value], strict=True))
            row |= {"mean": metrics[value].mean(), "n": counts[COUNTS].to_numpy().sum()}
            own = counts[counts.index.map(SUITES) == OWN_TASK[variant]]
            if len(own):
                row["own_task"] = float(from_confusion(*(own[name].sum() for name in COUNTS))[value])
        if value == "accuracy":
            row["mean"] = row["mean"] if row["mean"] is not None else accuracy.loc[variant, "mean"] / 100
            row["adversarial"] = accuracy.loc[variant, "adversarial"] / 100
        rows.append(row)
    return pd.DataFrame(rows)


def _paper_shares(published: Published) -> pd.Series:
    counts = published.confusion.drop_duplicates("suite").set_index("suite")
    shares = (counts["tp"] + counts["fn"]) / counts[COUNTS].sum(axis=1)
    return pd.concat([shares, pd.Series({"suites": "paper's own", "n": counts[COUNTS].to_numpy().sum()})])


def _reference_shares(measured: pd.DataFrame | None, published: Published) -> list[pd.Series]:
    shares = [_paper_shares(published)]
    return shares if measured is None else shares + [row for _, row in label_shares(measured).iterrows()]


def _baselines(results: Results, measured, runs: list[Run], published: Published, group: dict) -> pd.DataFrame:
    rows = []
    paper_training = published.training_sets.set_index("task")["yes_percent"] / 100
    for shares in _reference_shares(measured, published):
        paper = shares["suites"] == "paper's own"
        training = paper_training.to_dict() if paper else training_shares(runs)
        majority = {task: None if share is None else share >= 0.5 for task, share in training.items()}
        baselines = {
            "always Yes": dict.fromkeys(training, True),
            "always No": dict.fromkeys(training, False),
            "training majority": majority,
        }
        for name, answers in baselines.items():
            about = PAPER if paper else group
            row = about | {"variant": name, "source": "baseline", "suites": shares["suites"], "n": shares["n"]}
            rows.append(row | constant_answer(shares, answers))
    return pd.DataFrame(rows)


def _label_rows(results: Results, measured, runs: list[Run], published: Published, group: dict) -> pd.DataFrame:
    rows = []
    for shares in _reference_shares(measured, published):
        about = PAPER if shares["suites"] == "paper's own" else group
        rows.append(about | {"variant": "labels", "source": "labels"} | shares.to_dict())
        present = [shares[suite] for suite in SUITES]
        rows[-1]["mean"] = sum(present) / len(present) if pd.notna(present).all() else None
    return pd.DataFrame(rows)


def training_shares(runs: list[Run]) -> dict[str, float | None]:
    """Mean share of Yes labels in the training data of the runs of each task; None where no run trained on it."""
    shares: dict[str, list[float]] = {task: [] for task in dict.fromkeys(SUITES.values())}
    for run in runs:
        share = run.training.get("yes_share")
        if run.settings.task in shares and share is not None:
            shares[run.settings.task].append(share)
    return {task: sum(values) / len(values) if values else None for task, values in shares.items()}


def _adversarial(measured: pd.DataFrame, value: str) -> dict[tuple, float]:
    """Key of RUN -> the run's pooled adversarial value: on its own task, or over both for the untrained model."""
    found = measured[(measured["suite"] == "adversarial") & (measured["split"] == "pooled")]
    own = found[found["own_task"].isna() | (found["task"] == found["own_task"])]
    return {key: rows[value].mean() for key, rows in own.groupby(RUN, sort=False)}
