"""Read the files of one run folder; what cannot be read gives one line that names the file."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from input_output.reading import FileFormatError, json_lines, kind, read_object, read_text, read_yaml
from records.run_settings import RunSettings
from reporting.expected import METRICS, check_columns, check_kinds, check_logged, check_record, check_row
from scoring.ways import Way

NEEDED = ("status",)
# Fields of RunSettings.
NUMBERS = dict.fromkeys(
    ("questions_per_graph", "samples", "epochs", "learning_rate", "yes_share", "unlabelled_fraction"),
    ("a number", "null"),
)
MARGINS = ("id", "graph", "task", "protocol", "split", "label", "margin")
MEASURED = ("task", "split", "protocol", "n", "accuracy", "yes_rate", "label_yes_rate", "majority_share")
# How a model was scored if its metrics.json does not say so: files older than the choice.
SCORED_AS = vars(Way())


class ResultsError(FileFormatError):
    """A results folder, or a file in it, that cannot be reported; the message names the file."""


@dataclass(frozen=True)
class Evaluation:
    """One evaluation/<name>/metrics.json.

    about: evaluation (the name) and suite; weights, verdict, prompt (how it was scored); step, steps (optimisation step of the checkpoint and
        those the run will have; None if the file does not say); relative_size, surviving_share (in 0..1, None unless
        an adapter was merged).
    rows: one dict a split, its intervals flat.
    scorer: version of the scorer that made them (scoring/blocks.py). fingerprints: of the questions, by part. seconds: what
        the scoring took, None if the file does not say.
    """

    name: str
    about: dict
    rows: list[dict]
    scorer: int = 1
    fingerprints: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None

    @property
    def plain(self) -> bool:
        """Whether it was scored as every run is: adapter, larger logit, and no prompt or checkpoint of its own, which
        scoring/ways.py puts behind the suite in the folder's name. Tables that do not say how they were scored show no other."""
        scored = self.about["weights"], self.about["verdict"]
        unusual = self.name.startswith(f"{self.about['suite']}-")
        return scored == (SCORED_AS["weights"], SCORED_AS["verdict"]) and not unusual


def read_record(path: Path) -> dict:
    """A run.json. Raises FileFormatError if it is not JSON, lacks a key of NEEDED or holds what no run writes."""
    info = read_object(path, *NEEDED)
    check_record(path, info)
    return info


def read_settings(path: Path) -> RunSettings:
    """The record of a run's settings, from its config.yaml.

    Raises:
        FileFormatError: it is missing, is not YAML, lacks a key, or a value is of another kind.
    """
    if not path.is_file():
        raise ResultsError(f"{path}: missing; a run folder needs it")
    config = read_yaml(path)  # it was saved resolved: nothing in it needs more than plain YAML
    try:
        settings = RunSettings.of(config)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ResultsError(f"{path}: not the config of a run ({type(error).__name__}: {error})") from None
    named = {name: getattr(settings, name) for name in ("variant", "model", "scale", "seed", "task")}
    check_record(path, named | {"protocol": settings.protocol or "corrected"})
    check_kinds(path, vars(settings), NUMBERS)
    return settings


def read_evaluation(path: Path) -> Evaluation:
    """An evaluation's metrics.json. Raises FileFormatError if it is not JSON, a row lacks a key of MEASURED, or a value
    is of another kind."""
    metrics = read_object(path)
    check_kinds(path, metrics, METRICS)
    rows, merged = metrics.get("rows") or [], metrics.get("adapter") or {}
    check_kinds(path, merged, dict.fromkeys(("relative_size", "surviving_share"), ("a number", "null")), "adapter.")
    for row in rows:
        if not isinstance(row, dict):
            raise ResultsError(f"{path}: a row is {kind(row)}; expected an object")
        _require(path, row, MEASURED, "a row ")
        check_row(path, row)
    about = {"evaluation": path.parent.name, "suite": metrics.get("suite") or path.parent.name}
    about |= vars(Way.recorded(metrics))
    about |= {name: metrics.get(name) for name in ("step", "steps")}
    about |= {name: merged.get(name) for name in ("relative_size", "surviving_share")}
    scorer, fingerprints = metrics.get("scorer") or 1, metrics.get("data_fingerprint") or {}
    check_kinds(path, fingerprints, dict.fromkeys(fingerprints, ("a text",)), "data_fingerprint.")
    return Evaluation(
        path.parent.name, about, [_flat(row) for row in rows], scorer, fingerprints, metrics.get("seconds")
    )


def read_log(path: Path, complete: bool = True) -> pd.DataFrame | None:
    """training_log.jsonl, one row a line; None if there is none. complete: false where a run may still be writing
    its last line. Raises FileFormatError naming the line that is not JSON, or not an object of numbers."""
    if not path.is_file():
        return None
    text = read_text(path)
    lines = list(json_lines(path, text if complete else text[: text.rfind("\n") + 1]))
    for number, line in lines:
        check_logged(path, number, line)
    return pd.DataFrame([line for _, line in lines])


def check_margins(path: Path) -> None:
    """Whether all of the file can be read where it is needed: its columns' names and types, its pages, and that every margin is a
    finite number. Raises ResultsError."""
    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # a ValueError: names that are no text
        raise ResultsError(f"{path}: not a parquet file ({error})") from None
    _require(path, file.schema_arrow.names, MARGINS, columns="the columns ")
    check_columns(path, file.schema_arrow)
    try:
        table = file.read()
        table.validate(full=True)  # texts that are none
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ResultsError(f"{path}: cannot be read ({error})") from None
    if unlabelled := table["label"].null_count:
        raise ResultsError(f"{path}: {unlabelled} of {len(table)} questions have no label")
    if broken := len(table) - int(np.isfinite(table["margin"].to_numpy()).sum()):
        raise ResultsError(f"{path}: {broken} of {len(table)} margins are not finite")


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A CSV with at least these columns. Raises ResultsError if it is missing, cannot be parsed or lacks one."""
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise ResultsError(f"{path}: missing") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path}: not a CSV ({' '.join(str(error).split())})") from None
    _require(path, table.columns, columns, columns="the columns ")
    return table


def _require(path: Path, present, names: tuple[str, ...], what: str = "", columns: str = "") -> None:
    missing = [name for name in names if name not in present]
    if missing:
        raise ResultsError(f"{path}: {what}lacks {columns}{', '.join(missing)}")


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
