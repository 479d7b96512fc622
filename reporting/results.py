"""Read a results folder: the runs with their metrics, margins and logs, and the paper's published numbers.

Nothing is skipped in silence: a run that did not finish is listed under `unfinished`, a folder that cannot be read
gives one line under `problems`, and the rest is still reported.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import pyarrow
from pyarrow import parquet

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
NEEDED = ("status", "variant", "task", "protocol", "model", "scale", "seed")
MARGINS = ("id", "graph", "task", "protocol", "split", "label", "margin")
MEASURED = ("task", "split", "protocol", "n", "accuracy", "yes_rate", "label_yes_rate", "majority_share")


class ResultsError(ValueError):
    """A results folder, or a file in it, that cannot be reported; the message names the file."""


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

    def margins(self, suite: str) -> pd.DataFrame | None:
        """One row an item: id, graph, task, protocol, split, label, margin, stratum/...; None if not scored."""
        path = self.folder / "evaluation" / suite / "margins.parquet"
        return pd.read_parquet(path) if path.is_file() else None

    def own_margins(self) -> pd.DataFrame | None:
        """The margins of the corrected suite on the task that the run was trained on; None if not scored."""
        margins = self.margins("corrected")
        return None if margins is None else margins[margins["task"] == self.info["task"]]


@dataclass
class Results:
    """All that the tables and figures are made of.

    `measured` has one row for every metrics row of every finished run: the keys of RUN, then own_task, grid, commit
    and seconds of the run, suite (name of the evaluation), the row's task, split, protocol and metrics; the bounds of
    `<metric>_interval` are `<metric>_low` and `<metric>_high`. `shortcuts` is shortcuts.json by (task, split): what
    answers without following a path score on the corrected suites (causal_tasks/shortcuts.py).
    """

    folder: Path
    runs: list[Run] = field(default_factory=list)
    measured: pd.DataFrame = field(default_factory=pd.DataFrame)
    unfinished: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    shortcuts: dict[tuple[str, str], dict] = field(default_factory=dict)

    def local_features(self, task: str | None, split: str) -> float | None:
        """Accuracy of the learned shortcut on a corrected split, or on all of them (`pooled`); None if not measured."""
        return self.shortcuts.get((task, split), {}).get("local_features")

    def part(self, ablation: bool) -> "Results":
        """Only the runs of the ablation grid, or all the others; problems are still noted in the same list."""
        runs = [run for run in self.runs if run.ablation is ablation]
        grid = self.measured["grid"].fillna("").astype(str)
        measured = self.measured[grid.str.startswith(ABLATION) == ablation]
        return replace(self, runs=runs, measured=measured)

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
        grouped: dict[tuple, list[Run]] = {}
        for run in self.runs:
            grouped.setdefault(tuple(run.key[name] for name in GROUP), []).append(run)
        return [(dict(zip(GROUP, key, strict=True)), runs) for key, runs in sorted(grouped.items())]


def load(folder: str | Path) -> Results:
    """Read `folder`/runs/<scale>/<model>/<protocol>/<variant>/seed<k>.

    Raises:
        ResultsError: `folder` is not a folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ResultsError(f"results={folder}: no such folder; expected one that holds runs/")
    results = Results(folder)
    rows: dict[Path, list[dict]] = {}
    for run_folder in sorted(path for path in folder.glob("runs/*/*/*/*/seed*") if path.is_dir()):
        if (run_folder / "config.yaml").is_file() and not (run_folder / "run.json").is_file():
            # train.py writes the record last.
            results.unfinished.append((str(run_folder.relative_to(folder)), "running or interrupted"))
            continue
        try:
            run, run_rows = _read_run(run_folder)
        except ResultsError as error:
            results.problems.append(str(error))
            continue
        if run.info["status"] != "finished":
            results.unfinished.append((str(run_folder.relative_to(folder)), run.info["status"]))
            continue
        results.runs.append(run)
        rows[run_folder] = run_rows
        if not run_rows:
            results.problems.append(f"{run_folder.relative_to(folder)}: finished, but nothing under evaluation/")
    if (folder / "shortcuts.json").is_file():
        shortcuts = json.loads((folder / "shortcuts.json").read_text(encoding="utf-8"))
        results.shortcuts = {(row["task"], row["split"]): row for row in shortcuts}
    results.runs.sort(key=_order)
    pooled = [row for run in results.runs for row in _with_pooled(rows[run.folder])]
    # Without any run the tables still need the columns they select by.
    columns = None if pooled else [*RUN, "own_task", "grid", "commit", "seconds", "suite", *MEASURED]
    results.measured = pd.DataFrame(pooled, columns=columns)
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


def load_published() -> Published:
    """Read results/published/ of this repository, wherever the measured results lie."""
    folder = Path(__file__).resolve().parent.parent / "results" / "published"
    names = {"confusion": "confusion_10k", "accuracy": "accuracy", "claims": "claims", "training_sets": "training_sets"}
    return Published(**{name: pd.read_csv(folder / f"{file}.csv") for name, file in names.items()})


def _order(run: Run) -> tuple:
    key = run.key
    seed = key["seed"]
    return (*(key[name] for name in GROUP), variant_rank(key["variant"]), int(seed) if seed.isdigit() else 0, seed)


def _read_run(folder: Path) -> tuple[Run, list[dict]]:
    info = _read_json(folder / "run.json")
    missing = [name for name in NEEDED if name not in info]
    if missing:
        raise ResultsError(f"{folder / 'run.json'}: lacks {', '.join(missing)}")
    if info["status"] != "finished":
        return Run(folder, info), []
    run = Run(folder, info, _read_log(folder / "training_log.jsonl"))
    for path in sorted(folder.glob("evaluation/*/margins.parquet")):
        _check_margins(path)
    about = run.key | {
        "own_task": info["task"],
        "grid": info.get("grid"),
        "commit": info.get("commit"),
        "seconds": run.seconds,
    }
    rows = []
    for path in sorted(folder.glob("evaluation/*/metrics.json")):
        metrics = _read_json(path)
        for row in metrics.get("rows", ()):
            missing = [name for name in MEASURED if name not in row]
            if missing:
                raise ResultsError(f"{path}: a row lacks {', '.join(missing)}")
            rows.append(about | {"suite": path.parent.name} | _flat(row))
    return run, rows


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


def _flat(row: dict) -> dict:
    """`<metric>_interval: [low, high]` becomes `<metric>_low` and `<metric>_high`."""
    flat = {}
    for name, value in row.items():
        if name.endswith("_interval"):
            metric = name.removesuffix("_interval")
            flat[f"{metric}_low"], flat[f"{metric}_high"] = value if value is not None else (None, None)
        elif not isinstance(value, dict | list):
            flat[name] = value
    return flat


def _read_log(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    lines = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ResultsError(f"{path}:{number}: not JSON ({error.msg})") from None
    return pd.DataFrame(lines)


def _check_margins(path: Path) -> None:
    """Look at the column names only; the margins themselves are read where they are needed."""
    try:
        names = parquet.read_schema(path).names
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise ResultsError(f"{path}: not a parquet file ({error})") from None
    missing = [name for name in MARGINS if name not in names]
    if missing:
        raise ResultsError(f"{path}: lacks the columns {', '.join(missing)}")


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultsError(f"{path}: missing; a run folder needs it") from None
    except json.JSONDecodeError as error:
        raise ResultsError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise ResultsError(f"{path}: holds {type(content).__name__}; expected one JSON object")
    return content
