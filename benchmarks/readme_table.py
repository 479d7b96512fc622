"""A table that a benchmark prints and, on request, puts into losses/README.md."""

import argparse
from collections.abc import Callable
from pathlib import Path

from input_output.writing import replace_between, write_text

README = Path(__file__).parents[1] / "losses" / "README.md"


def command(description: str, table: Callable[[], str], section: str) -> None:
    """Print the table; with --write also put it between the markers of its section."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="also put the table into losses/README.md")
    arguments = parser.parse_args()
    text = table()
    print(text)
    if arguments.write:
        write(text, section)


def write(text: str, section: str) -> None:
    """Replace what lies between the markers of the section; ValueError if they are missing."""
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    try:
        written = replace_between(README.read_text(encoding="utf-8"), begin, end, text)
    except ValueError as error:
        raise ValueError(f"{README}: {error}") from error
    write_text(README, written)
