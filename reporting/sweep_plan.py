"""What a sweep would run and how far it has come: read from the cells' configs and folders. Nothing is run or written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from records.files import read_json
from records.published import PUBLISHED
from records.run_folder import RunFolder, RunFolderError

# The committed record: its rates stand in until a model has run here.
RECORD = PUBLISHED.parent


@dataclass(frozen=True)
class Cell:
    """One run of the grid.

    state: finished | unfinished | failed | recorded (without its adapter, so that it is run again) | new.
    note: how far it came, or what it failed of. trained, scored: questions, all epochs and suites counted.
    """

    out: str
    model: str
    state: str
    note: str
    trained: int
    scored: int

    @property
    def done(self) -> bool:
        return self.state == "finished"


def cell_of(cfg: DictConfig) -> Cell:
    """The cell of a composed config."""
    folder = RunFolder.for_training(cfg.out)
    trained = cfg.training.samples * cfg.training.epochs if cfg.training.enabled else 0
    scored = sum(
        suite.samples * sum(map(len, suite.splits.values())) for suite in cfg.suites.values() if suite.get("splits")
    )
    return Cell(str(folder.path), cfg.model.name, *_state(folder), trained, scored)


def _state(folder: RunFolder) -> tuple[str, str]:
    if folder.finished:
        return "finished", ""
    if folder.record.is_file():
        record = read_json(folder.record)
        failed = record["status"] == "failed"
        return ("failed", record["reason"]) if failed else ("recorded", "its adapter is not here")
    if not folder.config.is_file():
        return "new", ""
    try:
        return "unfinished", "step {step} of {steps}".format(**folder.progress(folder.last_checkpoint()))
    except RunFolderError:
        return "unfinished", "no checkpoint yet"


def plan(cells: Iterable[Cell], results: str | Path) -> str:
    """How many cells are left, what they cost, and on what record that estimate rests."""
    cells = list(cells)
    left = [cell for cell in cells if not cell.done]
    trained, scored = sum(cell.trained for cell in left), sum(cell.scored for cell in left)
    lines = [
        f"{len(cells)} cells: {_counted(cells)}",
        f"left to train: {trained:,} questions, all epochs counted; left to score: {scored:,} evaluation samples",
    ]
    seconds, unknown = 0.0, set()
    for model in dict.fromkeys(cell.model for cell in left):
        of_model = [cell for cell in left if cell.model == model]
        speed = recorded_speed(results, model)
        speed = speed if speed.runs else recorded_speed(RECORD, model)
        wanted = [sum(cell.trained for cell in of_model), sum(cell.scored for cell in of_model)]
        if any(questions and not rate for questions, rate in zip(wanted, (speed.trained, speed.scored))):
            unknown.add(model)
            continue
        seconds += sum(questions / rate for questions, rate in zip(wanted, (speed.trained, speed.scored)) if questions)
        lines.append(
            f"{model}: {speed.trained:.1f} questions a second trained, {speed.scored:.1f} scored, by {speed.runs} runs in "
            f"{speed.results} ({', '.join(speed.machines)})"
        )
    if unknown:
        lines.append(
            f"no time is known for {', '.join(sorted(unknown))}: no finished run of it in {results} or {RECORD.name}"
        )
    if len(unknown) < len({cell.model for cell in left}):
        lines.append(f"about {seconds / 3600:.1f} hours one after the other, at these rates")
    return "\n".join(lines)


def status(cells: Iterable[Cell]) -> str:
    """One line a cell, and how many are in which state."""
    cells = list(cells)
    lines = [f"{cell.state:<10} {cell.out}{': ' * bool(cell.note)}{cell.note}" for cell in cells]
    return "\n".join([*lines, f"{len(cells)} cells: {_counted(cells)}"])


def _counted(cells: list[Cell]) -> str:
    return ", ".join(f"{count} {state}" for state, count in Counter(cell.state for cell in cells).most_common())


@dataclass(frozen=True)
class Speed:
    """Questions a second over all finished runs of a model; 0 if there are none. machines: what they ran on. results: the folder."""

    trained: float
    scored: float
    runs: int
    machines: tuple[str, ...]
    results: str


def recorded_speed(results: str | Path, model: str) -> Speed:
    """From run.json, config.yaml and metrics.json of every finished run of ``model`` under ``results``/runs."""
    trained = scored = training_seconds = scoring_seconds = 0.0
    machines: dict[str, None] = {}
    runs = 0
    for path in sorted(Path(results, "runs").rglob("run.json")):
        record = read_json(path)
        if record["status"] != "finished" or record["model"] != model:
            continue
        runs += 1
        machine = record["machine"]
        machines[", ".join(machine["accelerators"]) or f"{machine['cores']} cores of {machine['processor']}"] = None
        if record.get("training"):
            epochs = OmegaConf.load(RunFolder(path.parent).config).training.epochs
            trained += record["training"]["samples"] * epochs
            training_seconds += record["training"]["seconds"]
        for metrics in map(read_json, path.parent.glob("evaluation/*/metrics.json")):
            scored += sum(row["n"] for row in metrics["rows"] if row["split"] != "pooled")
            scoring_seconds += metrics["seconds"]
    where = RECORD.name if results == RECORD else str(results)
    return Speed(_rate(trained, training_seconds), _rate(scored, scoring_seconds), runs, tuple(machines), where)


def _rate(questions: float, seconds: float) -> float:
    return questions / seconds if seconds else 0.0
