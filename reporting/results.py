"""Read a results folder: the runs with their metrics, margins and logs, and the paper's published numbers.

Nothing is skipped in silence: a run that did not finish is listed under `unfinished`, a folder that cannot be read
gives one line under `problems`, and the rest is still reported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import parquet

from records.reading import FileFormatError
from reporting.run_files import (
    MEASURED,
    ResultsError,
    check_margins,
    read_evaluation,
    read_identity,
    read_log,
    read_record,
    read_shortcuts,
    read_table,
)

VARIANTS = ("pretrained", "transitivity_ce", "dseparation_ce", "transitivity_semantic", "dseparation_semantic")
TASKS = ("transitivity", "dseparation")
# The paper's five suites in its order, each with the task it asks about.
SUITES = {
    "length": "transitivity",
    "branching": "dseparation",
    "reversed": "transitivity",
    "shuffled": "transitivity",
    "long_names": "transitivity",
}
# Runs are only ever averaged or drawn together within one of these.
GROUP = ["scale", "model", "trained_on"]
RUN = [*GROUP, "variant", "seed"]
ABLATION = "ablation"  # grids of this name, and those whose names begin so
SCORED = ["evaluation", "suite", "weights", "verdict", "prompt", "step", "steps", "relative_size", "surviving_share"]


@dataclass(frozen=True)
class Run:
    """One run. `info` is its run.json; `trained_on` in `key` is the protocol of its training data and the number
    of questions a graph in it (released-k1): only runs that agree in it are compared.

    `log` has one row a logged step (step, progress, lambda, loss, loss/..., probe/...); None for an untrained model.
    """

    folder: Path
    info: dict
    log: pd.DataFrame | None = None

    @property
    def key(self) -> dict:
        info = self.info
        k = info.get("questions_per_graph")
        return {
            "scale": info["scale"],
            "model": info["model"],
            "trained_on": info["protocol"] if k is None else f"{info['protocol']}-k{k}",
            "variant": info["variant"],
            "seed": str(info["seed"]),
        }

    @property
    def ablation(self) -> bool:
        """Whether the run belongs to an ablation grid, which has a table of its own."""
        return str(self.info.get("grid") or "").startswith(ABLATION)

    @property
    def seconds(self) -> float:
        """Wall time of training and scoring together; the run's cost."""
        return float(sum(value for value in (self.info.get("seconds") or {}).values() if value is not None))

    @property
    def probes(self) -> pd.DataFrame:
        """The log's rows on the probe set since the first step: progress, step, probe/...; empty for an untrained model."""
        if self.log is None or "probe/majority_share" not in self.log:
            return pd.DataFrame(columns=["progress", "probe/majority_share"])
        rows = self.log.dropna(subset="probe/majority_share")
        return rows[rows["progress"] > 0]

    def margins(
        self, suite: str, columns: Callable[[str], bool] | None = None, categories: Callable[[str], bool] | None = None
    ) -> pd.DataFrame | None:
        """One row an item: id, graph, task, protocol, split, label, margin, stratum/...; None if not scored.

        Raises ResultsError if the file is damaged.

        Args:
            columns: says by its name whether a column is wanted, all by default; texts take long to read.
            categories: says which texts are to be read as categories, faster to compare, in no order.
        """
        path = self.folder / "evaluation" / suite / "margins.parquet"
        if not path.is_file():
            return None
        try:
            names = [name for name in parquet.read_schema(path).names if columns is None or columns(name)]
            return pd.read_parquet(
                path, columns=names, read_dictionary=[name for name in names if categories and categories(name)]
            )
        except (pyarrow.ArrowException, OSError, ValueError) as error:  # its schema was read, but not its pages
            raise ResultsError(f"{path}: cannot be read ({error})") from error

    def own_margins(self) -> pd.DataFrame | None:
        """id, graph, task, label, margin of the corrected suite on the task of the run's training; None if not scored."""
        margins = self.margins("corrected", ("id", "graph", "task", "label", "margin").__contains__)
        return None if margins is None else margins[margins["task"] == self.info["task"]]


@dataclass
class Results:
    """All that the tables and figures are made of.

    `measured` has one row for every metrics row of every finished run: the keys of RUN, then own_task, grid, commit
    and seconds of the run, suite (name of the evaluation), the row's task, split, protocol and metrics; the bounds of
    `<metric>_interval` are `<metric>_low` and `<metric>_high`. `shortcuts` is shortcuts.json by (task, split): what
    answers without following a path score on the corrected suites (audits/shortcuts.py).

    Two parts only tables that say so may use: `underway` holds the unfinished runs that left a log or evaluations,
    and `scored` has one row for every metrics row of these runs and of the finished ones, however they were scored:
    merged weights, the text rule, another prompt. Its columns: RUN, own_task, grid, SCORED and the row's.
    """

    folder: Path
    runs: list[Run] = field(default_factory=list)
    measured: pd.DataFrame = field(default_factory=pd.DataFrame)
    unfinished: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    shortcuts: dict[tuple[str, str], dict] = field(default_factory=dict)
    underway: list[Run] = field(default_factory=list)
    scored: pd.DataFrame = field(default_factory=pd.DataFrame)

    def local_features(self, task: str | None, split: str) -> float | None:
        """Accuracy of the learned shortcut on a corrected split, or on all of them (`pooled`); None if not measured."""
        return self.shortcuts.get((task, split), {}).get("local_features")

    def part(self, ablation: bool) -> "Results":
        """Only the runs of the ablation grid, or all the others; problems are still noted in the same list."""
        runs, underway = ([run for run in part if run.ablation is ablation] for part in (self.runs, self.underway))
        measured, scored = (
            table[table["grid"].fillna("").astype(str).str.startswith(ABLATION) == ablation]
            for table in (self.measured, self.scored)
        )
        return replace(self, runs=runs, underway=underway, measured=measured, scored=scored)

    def paired_margins(self, run: Run, against: Run) -> pd.DataFrame | None:
        """Two runs' answers to the same corrected suite of their task, by id: graph, label, ours, theirs.

        None, and a problem noted, if one of them is not scored on it or they were asked different questions.
        """
        tables = []
        for one in (run, against):
            margins = one.own_margins()
            if margins is None:
                self.problems.append(f"{one.folder}: not compared with others: its corrected suite is not scored")
                return None
            tables.append(margins.set_index("id"))
        ours, theirs = tables
        if ours.index.equals(theirs.index) and ours.index.is_unique:
            return ours[["graph", "label"]].assign(ours=ours["margin"], theirs=theirs["margin"])
        shared = len(set(ours.index) & set(theirs.index))
        if not shared == len(ours) == len(theirs):
            self.problems.append(
                f"{run.folder}: not compared with {against.folder}: {len(ours)} and {len(theirs)} items of the corrected "
                f"suite, of which {shared} are the same; score both on the same suite"
            )
            return None
        return ours[["graph", "label"]].assign(ours=ours["margin"], theirs=theirs["margin"].reindex(ours.index))

    def groups(self) -> list[tuple[dict, list[Run]]]:
        """Runs that may be compared: those of one scale, model and training protocol, in the order of VARIANTS."""
        return grouped(self.runs)


def grouped(runs: list[Run]) -> list[tuple[dict, list[Run]]]:
    """(group, its runs) for every scale, model and training protocol among `runs`."""
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(run.key[name] for name in GROUP), []).append(run)
    return [(dict(zip(GROUP, key, strict=True)), members) for key, members in sorted(groups.items())]


def load(folder: str | Path) -> Results:
    """Read `folder`/runs/<scale>/<model>/<protocol>/<variant>/seed<k>.

    Raises:
        ResultsError: `folder` is not a folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ResultsError(f"results={folder}: no such folder; expected one that holds runs/")
    results = Results(folder)
    measured: dict[Path, list[dict]] = {}
    scored: list[dict] = []
    for run_folder in sorted(path for path in folder.glob("runs/*/*/*/*/seed*") if path.is_dir()):
        try:
            measured[run_folder], rows = _add_run(results, run_folder)
            scored += rows
        except FileFormatError as error:
            results.problems.append(str(error))
    try:
        results.shortcuts = read_shortcuts(folder / "shortcuts.json")
    except FileFormatError as error:
        results.problems.append(str(error))
    results.runs.sort(key=_order)
    results.underway.sort(key=_order)
    pooled = [row for run in results.runs for row in _with_pooled(measured[run.folder])]
    # Without any run the tables still need the columns they select by.
    columns = None if pooled else [*RUN, "own_task", "grid", "commit", "seconds", "suite", *MEASURED]
    results.measured = pd.DataFrame(pooled, columns=columns)
    results.scored = pd.DataFrame(scored, columns=None if scored else [*RUN, "own_task", "grid", *SCORED, *MEASURED])
    return results


def variant_rank(variant: str) -> tuple[int, str]:
    """Sort key: the paper's five variants in its order, then the others by name."""
    return (VARIANTS.index(variant) if variant in VARIANTS else len(VARIANTS), variant)


@dataclass(frozen=True)
class Published:
    """The paper's numbers; see results/published/README.md."""

    confusion: pd.DataFrame  # variant, suite, tp, tn, fp, fn
    accuracy: pd.DataFrame  # variant, the five suites, mean, adversarial; in percent
    claims: pd.DataFrame  # id, claim, published
    training_sets: pd.DataFrame  # task, samples, yes_percent
    release_evaluations: (
        pd.DataFrame
    )  # model, variant, weights, method, prompt, n, the five suites, mean (percent), cell
    lambda_law: pd.DataFrame  # lambda, cross_entropy (nats), consistency (probability)


PUBLISHED = Path(__file__).resolve().parent.parent / "results" / "published"


def load_published(folder: Path = PUBLISHED) -> Published:
    """Read results/published/ of this repository, wherever the measured results lie.

    Raises:
        ResultsError: a file is missing, is not a CSV or lacks a column.
    """
    columns = {
        "confusion": ("variant", "suite", "tp", "tn", "fp", "fn"),
        "accuracy": ("variant", *SUITES, "mean", "adversarial"),
        "claims": ("id", "claim", "published"),
        "training_sets": ("task", "samples", "yes_percent"),
        "release_evaluations": ("model", "variant", "weights", "method", "prompt", "n", *SUITES, "mean", "cell"),
        "lambda_law": ("lambda", "cross_entropy", "consistency"),
    }
    files = {name: folder / f"{name}.csv" for name in columns} | {"confusion": folder / "confusion_10k.csv"}
    return Published(**{name: read_table(files[name], needed) for name, needed in columns.items()})


def _order(run: Run) -> tuple:
    key = run.key
    seed = key["seed"]
    return (*(key[name] for name in GROUP), variant_rank(key["variant"]), int(seed) if seed.isdigit() else 0, seed)


def _add_run(results: Results, folder: Path) -> tuple[list[dict], list[dict]]:
    """Put the folder's run where it belongs in `results`; return its rows of `measured` and of `scored`."""
    # train.py writes the record last.
    interrupted = (folder / "config.yaml").is_file() and not (folder / "run.json").is_file()
    info = {"status": "running or interrupted"} if interrupted else read_record(folder)
    finished = info["status"] == "finished"
    evaluated = sorted(folder.glob("evaluation/*/metrics.json"))
    name = str(folder.relative_to(results.folder))
    if not finished:
        results.unfinished.append((name, info["status"]))
        if not evaluated and not (folder / "training_log.jsonl").is_file():
            return [], []
    if interrupted:
        info |= read_identity(folder / "config.yaml")
    run = Run(folder, info, read_log(folder / "training_log.jsonl", complete=finished))
    evaluations = [read_evaluation(path) for path in evaluated]
    for path in sorted(folder.glob("evaluation/*/margins.parquet")):
        # The others' margins are never read, and need not hold logits.
        if all(one.plain for one in evaluations if one.name == path.parent.name):
            check_margins(path)
    (results.runs if finished else results.underway).append(run)
    about = run.key | {"own_task": info["task"], "grid": info.get("grid")}
    scored = [about | one.about | row for one in evaluations for row in one.rows]
    if not finished:
        return [], scored
    about |= {"commit": info.get("commit"), "seconds": run.seconds}
    measured = [about | {"suite": one.name} | row for one in evaluations if one.plain for row in one.rows]
    if not measured:
        results.problems.append(f"{name}: finished, but nothing under evaluation/")
    if info.get("diverged"):
        results.problems.append(
            f"{name}: reported, but its training diverged (training.divergence in run.json says how)"
        )
    return measured, scored


def _with_pooled(rows: list[dict]) -> list[dict]:
    """A task with a single split is its own pool: evaluate.py writes the row once, the tables look for "pooled"."""
    parts: dict[tuple, list[dict]] = {}
    for row in rows:
        parts.setdefault((row["suite"], row["task"], row["protocol"]), []).append(row)
    return [
        row
        for part in parts.values()
        for row in (part if any(r["split"] == "pooled" for r in part) else [*part, part[0] | {"split": "pooled"}])
    ]
