"""What the files of a run folder must hold for the tables: a folder from elsewhere is data, and may hold anything.

Every check raises FileFormatError, one line that names file, key and what stands there instead.
"""

import math
from pathlib import Path

import pyarrow

from causal_tasks.spec import TASKS
from input_output.reading import PLAIN_NAME, FileFormatError, kind, shortened

_TEXT, _NUMBER, _MAYBE_NUMBER = ("a text",), ("a number",), ("a number", "null")
_SETTINGS = ("an object", "a text", "null")
# Names of a run that become a part of file names.
NAMES = ("variant", "protocol", "model", "scale")
RECORD = dict.fromkeys((*NAMES, "status"), _TEXT) | {
    "task": ("a text", "null"),
    "seed": _NUMBER,
    "questions_per_graph": _MAYBE_NUMBER,
    "loss": _SETTINGS,
    "schedule": _SETTINGS,
    "grid": ("a text", "null"),
    "commit": ("a text", "null"),
    "seconds": ("an object", "null"),
    "training": ("an object", "null"),
    "loaded": ("an object", "null"),
}
TRAINING = dict.fromkeys(
    ("samples", "graphs", "steps", "yes_share", "unlabelled_fraction", "unlabelled_graphs", "seconds", "turn_tokens"),
    _MAYBE_NUMBER,
)
METRICS = {
    "suite": ("a text", "null"),
    "rows": ("a list", "null"),
    "adapter": ("an object", "null"),
    **dict.fromkeys(("weights", "verdict", "prompt"), ("a text", "null")),
    **dict.fromkeys(("step", "steps", "scorer", "seconds"), _MAYBE_NUMBER),
    "data_fingerprint": ("an object", "null"),
}
# Of a row of metrics; everything else in it is a number, null, an object, or an interval of two numbers.
ROW = dict.fromkeys(("task", "split", "protocol", "yardstick"), _TEXT) | dict.fromkeys(
    ("n", "accuracy", "yes_rate"), _NUMBER
)
# Of a table of margins: what pyarrow says of the column's type.
_TEXTS = (pyarrow.types.is_string, pyarrow.types.is_large_string, pyarrow.types.is_dictionary)
_COLUMNS = dict.fromkeys(("id", "graph", "task", "protocol", "split"), ("texts", _TEXTS)) | {
    "label": ("true or false", (pyarrow.types.is_boolean,)),
    "margin": ("numbers", (pyarrow.types.is_floating,)),
}


def check_kinds(where: Path | str, found: dict, expected: dict[str, tuple[str, ...]], what: str = "") -> None:
    """Every key of `expected` that is there has a value of one of its kinds (input_output.reading.kind), numbers finite."""
    for name, kinds in expected.items():
        value = found.get(name)
        if name in found and kind(value) not in kinds:
            raise FileFormatError(f"{where}: {what}{name} is {kind(value)}; expected {' or '.join(kinds)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise FileFormatError(f"{where}: {what}{name} is {value}; expected a finite number")


def check_record(path: Path, info: dict) -> None:
    """The record of a run: its keys, its names and its task."""
    check_kinds(path, info, RECORD)
    for name in NAMES:
        if name in info and not PLAIN_NAME.fullmatch(info[name]):
            raise FileFormatError(f"{path}: {name} is {shortened(info[name])}; expected a plain name, as of a folder")
    if info.get("task") is not None and info["task"] not in TASKS:
        raise FileFormatError(f"{path}: task is {shortened(info['task'])}; expected one of {', '.join(TASKS)}")
    seconds, training = info.get("seconds") or {}, info.get("training") or {}
    check_kinds(path, seconds, dict.fromkeys(seconds, _MAYBE_NUMBER), "seconds.")
    # What was trained on is compared between runs: nothing else in it may be an object or a list.
    check_kinds(
        path, training, dict.fromkeys(training, ("a number", "a text", "true or false", "null")) | TRAINING, "training."
    )


def check_row(path: Path, row: dict) -> None:
    """One row of metrics.json."""
    check_kinds(path, row, ROW, "a row's ")
    if row["task"] not in TASKS:
        raise FileFormatError(f"{path}: a row's task is {shortened(row['task'])}; expected one of {', '.join(TASKS)}")
    for name, value in row.items():
        if name.endswith("_interval"):
            bounds = value if isinstance(value, list) and len(value) == 2 else [value]
            if value is not None and (len(bounds) < 2 or any(kind(bound) != "a number" for bound in bounds)):
                raise FileFormatError(f"{path}: a row's {name} is {shortened(value)}; expected two numbers or null")
        elif name not in ROW and not isinstance(value, dict | list):
            check_kinds(path, row, {name: _MAYBE_NUMBER}, "a row's ")


def check_logged(path: Path, number: int, line: object) -> None:
    """Line `number` of a training log: an object of numbers, step and progress among them."""
    where = f"{path}:{number}"
    if not isinstance(line, dict):
        raise FileFormatError(f"{where}: expected a JSON object, not {kind(line)}")
    if missing := [name for name in ("step", "progress") if name not in line]:
        raise FileFormatError(f"{where}: no key {missing[0]!r}")
    allowed = dict.fromkeys(line, _MAYBE_NUMBER) | {"step": _NUMBER, "progress": _NUMBER}
    for name, kinds in allowed.items():  # a run that diverged may have logged what is no finite number
        if kind(line[name]) not in kinds:
            raise FileFormatError(f"{where}: {shortened(name)} is {kind(line[name])}; expected a number")


def check_columns(path: Path, schema: pyarrow.Schema) -> None:
    """The types of the columns of a table of margins."""
    for name, (what, tests) in _COLUMNS.items():
        if schema.names.count(name) > 1:
            raise FileFormatError(f"{path}: has several columns {name}")
        if not any(test(schema.field(name).type) for test in tests):
            raise FileFormatError(f"{path}: the column {name} holds {schema.field(name).type}; expected {what}")
