"""A table that a benchmark prints and, on request, puts into losses/README.md."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from input_output.command_line import flag, read_settings
from input_output.errors import SettingsError
from input_output.writing import replace_between, write_text

README = Path(__file__).parents[1] / "losses" / "README.md"


def command(arguments: Sequence[str], name: str, table: Callable[[], str], section: str) -> int:
    """Print the table; with write=true also put it between the markers of its section. The exit status, 2 if refused.

    name: of the benchmark, for the line that refuses its arguments.
    """
    try:
        wanted = flag(read_settings(arguments, {"write": "false"}), "write")
    except SettingsError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    text = table()
    print(text)
    if wanted:
        write(text, section)
    return 0


def write(text: str, section: str) -> None:
    """Replace what lies between the markers of the section; ValueError if they are missing."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    try:
        written = replace_between(README.read_text(encoding="utf-8"), begin, end, text)
    except ValueError as error:
        raise ValueError(f"{README}: {error}") from error
    write_text(README, written)
