"""Atomic writes of small files; they are read with input_output/reading.py."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd  # imported by whoever has a table


def write_text(path: str | Path, text: str) -> None:
    """Write whole or not at all: a reader never sees half a file."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: str | Path, value) -> None:
    """Indented JSON; NaN and infinity are refused (ValueError), undefined is null."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_parquet(path: str | Path, table: "pd.DataFrame") -> None:
    write_whole(path, lambda temporary: table.to_parquet(temporary, index=False, compression="zstd"))


def replace_between(text: str, begin: str, end: str, body: str) -> str:
    """``text`` with ``body`` on the lines between the two markers; ValueError if they are not there."""
    if begin not in text or end not in text:
        raise ValueError(f"the markers {begin} and {end} are missing")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{body}\n{end}{rest.split(end, 1)[1]}"


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, which then takes the place of ``path`` at once."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
