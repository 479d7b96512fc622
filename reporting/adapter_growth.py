"""How large an adapter becomes in training, what a merge leaves of it, and what the merged model answers (audit A10)."""

import pandas as pd

from records.provenance import same_questions
from reporting.groups import RUN
from reporting.published import SUITES, mean_of_suites, on_released_suites
from reporting.results import Results, scored_as_usual
from reporting.run import Run
from reporting.table import Table

SIZES = ["relative_size", "surviving_share"]
LOGGED = [f"adapter/{name}" for name in SIZES]
WAYS = ("adapter", "merged_16bit", "merged_4bit")
LEFT = ["margins_left", "margins_correlation"]


def adapter_growth_table(results: Results) -> Table:
    """One row a run and step at which its adapter was measured, unfinished runs included."""
    untuned: dict[str, list[Run]] = {}
    for run in results.runs:
        if run.settings.task is None:
            untuned.setdefault(run.settings.model, []).append(run)
    scored = dict(list(_released(results.scored).groupby(RUN)))
    rows = []
    for run in results.runs + results.underway:
        if run.settings.task is not None:
            own = scored.get(tuple(run.key.values()), results.scored[:0])
            rows += _growth(run, own, untuned.get(run.settings.model, []))
    columns = ["variant", "step", "of", *SIZES, *WAYS, "flips", "flips_n", *LEFT]
    frame = pd.DataFrame(rows).reindex(columns=[*columns, *(name for name in RUN if name != "variant")])
    note = (
        "*step* of *of*: the optimisation step, and how many the run has when it is finished. *relative size*: standard deviation of the adapter's change of a weight matrix over that of the matrix. *surviving "
        "share*: how much of the change, along its own direction, is left when it is merged into the base and rounded to 4 "
        "bit again. Both are means over modules. *adapter*, *merged 16bit*, *merged 4bit*: mean accuracy over the five "
        "released suites with these weights, where that step was scored, on the questions that all of them were asked. *flips*: share of the verdicts of the 4-bit merge "
        "that differ from the untuned model's on the same *flips n* questions. *margins left*: slope of the change that the "
        "4-bit merge makes to their margins on the change that the adapter makes, both from the untuned model's: 1 if the merge "
        "keeps it, 0 if nothing of it is left; *margins correlation*: that of the two changes."
    )
    return Table(
        "adapter_growth",
        "Adapters along training: their size, and what a merge leaves",
        note,
        frame,
        percent=(*WAYS, "flips"),
        fine=(*SIZES, *LEFT),
    )


def logged_growth(run: Run) -> pd.DataFrame:
    """step, relative_size, surviving_share of the log's lines that hold them."""
    if run.log is None or not set(LOGGED) <= set(run.log):
        return pd.DataFrame(columns=["step", *SIZES])
    return run.log.dropna(subset=LOGGED)[["step", *LOGGED]].rename(columns=dict(zip(LOGGED, SIZES, strict=True)))


def _released(scored: pd.DataFrame) -> pd.DataFrame:
    """The released suites' rows of `Results.scored`, with whatever weights, but otherwise scored as usual."""
    return on_released_suites(scored[scored_as_usual(scored, but="weights")])


def _growth(run: Run, own: pd.DataFrame, untuned: list[Run]) -> list[dict]:
    """Rows by step: what the log says of the adapter, and what its scored merges do. own: its rows of `_released`."""
    by_step = {int(row["step"]): dict(row) for row in logged_growth(run).to_dict("records")}
    scored_as: dict[tuple[int, str], str] = {}
    means = mean_of_suites(own, "evaluation").dropna()
    for (evaluation, way), part in own.groupby(["evaluation", "weights"], sort=False):
        step = part["step"].iloc[0]
        if pd.isna(step):  # after the training; a run that was interrupted while it was scored has only its log
            step = run.training.get("steps") or (run.log["step"].max() if run.log is not None else None)
        if step is None:
            continue
        step = int(step)
        row = by_step.setdefault(step, {"step": step})
        scored_as[step, way] = evaluation
        if evaluation in means:
            row[way] = means[evaluation]
        if way == "merged_4bit":
            row |= {name: part[name].iloc[0] for name in SIZES}
    for step, row in by_step.items():
        row |= {way: mean for way, mean in _on_shared_questions(run, step, scored_as).items() if way in row}
    for (step, way), evaluation in scored_as.items():
        if way == "merged_4bit" and (one := asked_alike(run, untuned, evaluation)):
            by_step[step] |= differing_verdicts((run, evaluation), (one, "published"))
            if (step, "adapter") in scored_as:
                by_step[step] |= margins_left(run, evaluation, scored_as[step, "adapter"], one)
    about = run.key | {"of": run.training.get("steps") or own["steps"].max()}
    return [about | row for _, row in sorted(by_step.items()) if row.get("relative_size") is not None]


def _on_shared_questions(run: Run, step: int, scored_as: dict[tuple[int, str], str]) -> dict[str, float]:
    """Way → mean accuracy over the released suites at that step, on the questions that every way was asked."""
    ways = {way: evaluation for (at, way), evaluation in scored_as.items() if at == step}
    return dict(zip(ways, means_on_shared_questions(run, *ways.values()), strict=False))


def means_on_shared_questions(run: Run, *evaluations: str) -> list[float]:
    """Of each evaluation, the mean accuracy over the five released suites, a share in 0..1, on the questions that all of them
    have; [] where one has no margins, or a suite has no such question."""
    if len(evaluations) < 2:  # as at most steps: nothing to read
        return []
    wanted = ("id", "split", "label", "margin").__contains__
    tables = [run.margins(evaluation, wanted) for evaluation in evaluations]
    if any(table is None for table in tables):
        return []
    shared = set.intersection(*(set(table["id"]) for table in tables))
    means = []
    for table in tables:
        table = table[table["id"].isin(shared) & table["split"].isin([*SUITES])]
        right = ((table["margin"] >= 0) == table["label"]).groupby(table["split"]).mean()
        if len(right) < len(SUITES):
            return []
        means.append(float(right.mean()))
    return means


def asked_alike(run: Run, untuned: list[Run], evaluation: str) -> Run | None:
    """The untuned model that answered the same questions: the run of the same scale, or another with some of them."""
    for one in sorted(untuned, key=lambda one: one.settings.scale != run.settings.scale):
        same = same_questions(run.asked.get(evaluation), one.asked.get("published"))
        if same is None:  # records of an early date do not say
            same = one.settings.scale == run.settings.scale
        if same and not _margins((run, evaluation), (one, "published")).empty:
            return one
    return None


def margins_left(run: Run, merged: str, adapter: str, untuned: Run) -> dict:
    """margins_left and margins_correlation, as the table's note says them. merged, adapter: the run's two evaluations."""
    margins = _margins((run, merged), (run, adapter), (untuned, "published"))
    changed, left = (margins[place] - margins[2] for place in (1, 0))
    if margins.empty or not changed.std():
        return {}
    correlation = float(left.corr(changed)) if left.std() else 0.0
    return {"margins_left": correlation * left.std() / changed.std(), "margins_correlation": correlation}


def _margins(*evaluations: tuple[Run, str]) -> pd.DataFrame:
    """Margins by id, a column 0, 1, … for each evaluation, on the questions that all of them have."""
    tables = [run.margins(evaluation, ("id", "margin").__contains__) for run, evaluation in evaluations]
    if any(table is None for table in tables):
        return pd.DataFrame(columns=range(len(tables)))
    return pd.concat(
        [table.set_index("id")["margin"] for table in tables], axis=1, join="inner", keys=range(len(tables))
    )


def differing_verdicts(one: tuple[Run, str], other: tuple[Run, str]) -> dict:
    """flips, a share in 0..1, and flips_n of two evaluations, each named by its run and its folder; {} if they share no question."""
    margins = _margins(one, other)
    if margins.empty:
        return {}
    return {"flips": float(((margins[0] >= 0) != (margins[1] >= 0)).mean()), "flips_n": len(margins)}
