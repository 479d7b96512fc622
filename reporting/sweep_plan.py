"""What a sweep would run and how far it has come: read from the cells' configs and folders. Nothing is run or written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from causal_tasks.headline import SUMMARIES
from input_output.reading import FileFormatError, read_object
from records.published import PUBLISHED
from records.run_folder import RunFolder, find_runs
from reporting.run_files import read_evaluation, read_record, read_settings

# The committed record: its rates stand in until a model has run here.
RECORD = PUBLISHED.parent


@dataclass(frozen=True)
class Cell:
    """One run of the grid.

    state: finished | unfinished | failed | recorded (without its adapter, so that it is run again) | new.
    note: how far it came, or what it failed of. to_train, to_score: questions that are left, all epochs and suites counted;
    what was trained before the checkpoint that the cell would go on from is not.
    """

    out: str
    model: str
    variant: str
    state: str
    note: str
    to_train: int
    to_score: int


def cell_of(cfg: DictConfig) -> Cell:
    """The cell of a composed config."""
    folder = RunFolder(cfg.out)
    to_train = cfg.training.samples * cfg.training.epochs if cfg.training.enabled else 0
    to_score = sum(
        suite.samples * sum(map(len, suite.splits.values())) for suite in cfg.suites.values() if suite.get("splits")
    )
    try:
        state, note, left = _state(folder)
    except (FileFormatError, OSError) as error:  # as the cell itself would
        state, note, left = "failed", str(error), 1.0
    to_score = 0 if state == "finished" else to_score
    return Cell(str(folder.path), cfg.model.name, cfg.variant, state, note, round(left * to_train), to_score)


def _state(folder: RunFolder) -> tuple[str, str, float]:
    """State, note and the share of the training that is left."""
    if folder.finished:
        return "finished", "", 0.0
    progress = folder.goes_on_from()
    left = 1 - progress["step"] / progress["steps"] if progress else 1.0
    if folder.record.is_file():
        record = read_object(folder.record, "status")
        if record["status"] == "failed":
            return "failed", str(record.get("reason")), left
        anew = _state(folder.aside)
        return ("recorded", "its adapter is not here", 1.0) if anew[0] == "new" else anew
    if not folder.config.is_file():
        return "new", "", 1.0
    return "unfinished", "step {step} of {steps}".format(**progress) if progress else "no checkpoint yet", left


def plan(cells: Iterable[Cell], results: str | Path) -> str:
    """How many cells are left, what they cost, and on what record that estimate rests."""
    cells = list(cells)
    left = [cell for cell in cells if cell.state != "finished"]
    trained, scored = sum(cell.to_train for cell in left), sum(cell.to_score for cell in left)
    lines = [
        f"{len(cells)} cells: {_counted(cells)}",
        f"left to train: {trained:,} questions, all epochs counted; left to score: {scored:,} evaluation samples",
    ]
    seconds, unknown = 0.0, set()
    for model in dict.fromkeys(cell.model for cell in left):
        of_model = [cell for cell in left if cell.model == model]
        speed = recorded_speed(results, model)
        speed = speed if speed.runs else recorded_speed(RECORD, model)
        found = _cost(of_model, speed)
        if found is None:
            unknown.add(model)
            continue
        seconds += found[0]
        lines += found[1]
    if unknown:
        lines.append(
            f"no time is known for {', '.join(sorted(unknown))}: no finished run of it in {results} or {RECORD.name}"
        )
    if len(unknown) < len({cell.model for cell in left}):
        lines.append(f"about {seconds / 3600:.1f} hours one after the other, at these rates")
    return "\n".join(lines)


def _cost(cells: list[Cell], speed: "Speed") -> tuple[float, list[str]] | None:
    """Seconds of the cells of one model, and lines that say what they rest on; None if a rate is missing."""
    scored = sum(cell.to_score for cell in cells)
    if scored and not speed.scored:
        return None
    seconds = scored / speed.scored if scored else 0.0
    lines = [
        f"{cells[0].model}: {speed.scored:.1f} questions a second scored, by {speed.runs} runs in {speed.results} "
        f"({', '.join(speed.machines)})"
    ]
    for variant in dict.fromkeys(cell.variant for cell in cells if cell.to_train):
        rate = speed.trained.get(variant) or speed.trained_any
        if not rate:
            return None
        questions = sum(cell.to_train for cell in cells if cell.variant == variant)
        seconds += questions / rate
        other = "" if variant in speed.trained else ", the rate of other variants"
        lines.append(
            f"  {variant}: {questions:,} questions to train, {rate:.1f} a second{other}: {questions / rate / 3600:.1f} hours"
        )
    return seconds, lines


def status(cells: Iterable[Cell]) -> str:
    """One line a cell, and how many are in which state."""
    cells = list(cells)
    lines = [f"{cell.state:<10} {cell.out}{': ' * bool(cell.note)}{cell.note}" for cell in cells]
    return "\n".join([*lines, f"{len(cells)} cells: {_counted(cells)}"])


def _counted(cells: list[Cell]) -> str:
    return ", ".join(f"{count} {state}" for state, count in Counter(cell.state for cell in cells).most_common())


@dataclass(frozen=True)
class Speed:
    """Questions a second over all finished runs of a model; 0 if there are none.

    trained: by variant; trained_any: of all together. machines: what they ran on. results: the folder.
    """

    trained: dict[str, float]
    trained_any: float
    scored: float
    runs: int
    machines: tuple[str, ...]
    results: str


def recorded_speed(results: str | Path, model: str) -> Speed:
    """From run.json, config.yaml and metrics.json of every finished run of ``model`` under ``results``/runs that can be read;
    the tables name what cannot."""
    questions, seconds = Counter(), Counter()
    scored = scoring_seconds = 0.0
    machines: dict[str, None] = {}
    runs = 0
    for folder in map(RunFolder, find_runs(Path(results, "runs"))):
        try:
            record = read_record(folder.record) if folder.record.is_file() else {}
            if record.get("status") != "finished" or record.get("model") != model:
                continue
            training = record.get("training") or {}
            epochs = read_settings(folder.config).epochs if training else 0
            evaluations = [read_evaluation(one.metrics) for one in folder.scored()]
        except (FileFormatError, OSError):  # an estimate can do without it
            continue
        runs += 1
        machines[_named(record.get("machine") or {})] = None
        if training.get("seconds") and epochs:
            questions[record["variant"]] += training["samples"] * epochs
            seconds[record["variant"]] += training["seconds"]
        for one in evaluations:
            if one.seconds:
                scored += sum(row["n"] for row in one.rows if row["split"] not in SUMMARIES)
                scoring_seconds += one.seconds
    where = RECORD.name if results == RECORD else str(results)
    trained = {variant: _rate(questions[variant], seconds[variant]) for variant in questions}
    trained_any = _rate(questions.total(), seconds.total())
    return Speed(trained, trained_any, _rate(scored, scoring_seconds), runs, tuple(machines), where)


def _named(machine: dict) -> str:
    """What a run ran on, as far as its record says."""
    if accelerators := machine.get("accelerators"):
        return ", ".join(accelerators)
    known = machine.get("cores") and machine.get("processor")
    return f"{machine['cores']} cores of {machine['processor']}" if known else "an unknown machine"


def _rate(questions: float, seconds: float) -> float:
    return questions / seconds if seconds else 0.0
