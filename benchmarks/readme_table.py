"""A table that a benchmark prints and, on request, puts into losses/README.md."""

import argparse
from collections.abc import Callable
from pathlib import Path

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
    readme = README.read_text()
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    if begin not in readme or end not in readme:
        raise ValueError(f"{README}: the markers {begin} and {end} are missing")
    before, rest = readme.split(begin, 1)
    README.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}")
