"""Every measured number in README.md, losses/README.md, docs/findings.md and what docs/release.md says was measured here stands in
a committed table: none is typed in and forgotten. In findings.md that table is one which the same section links."""

import json
import re
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
# Numbers that are settings, definitions or the paper's own words, with the reason why no table of results holds them.
ALLOWED = {
    "README.md": {
        "3.11": "the Python that is needed",
        "0.05": "the published schedule of lambda",
        "0.30": "the published schedule of lambda",
        "7.5": "the published class weight of Yes (A3)",
        "1.0": "the published class weight of No (A3)",
        "0.632": "the published share of Yes in training",
        "99.85 %": "audit A5, counted from the released files",
        "97.7 %": "audit A6, counted from the released files",
        "0.75": "from which AUROC on answers are said to be ordered well",
        "0.5": "AUROC and balanced accuracy of a constant answer",
        "95 %": "the level of every interval",
        "99 %": "from which share on a run is called constant",
        "50 %": "a constant answer on balanced labels",
        "25 %": "a coin on minimal pairs",
        "100 %": "all",
        "10 %": "audit A6: cyclic graphs",
        "26 %": "audit A4: separated queries labelled No",
    },
    "losses/README.md": {
        "7.5": "the published class weight of Yes (A3)",
        "1.0": "the published class weight of No (A3)",
        "0.05": "the published schedule of lambda",
        "0.3": "the published schedule of lambda",
        "2.7": "seconds of a training step, on the machine named beside it",
        "3.3": "seconds of a training step, on the machine named beside it",
    },
    "docs/findings.md": {
        "7.5": "the published class weight of Yes (A3)",
        "0.75": "from which AUROC on answers are said to be ordered well",
        "99 %": "from which share on a run is called constant",
        "100 %": "the paper's own collapse rate, C1",
        "25 %": "a coin on minimal pairs",
        "68.6 %": "published, C4",
        "73.9 %": "published, C2",
        "27.7 %": "published, C1",
    },
    "docs/release.md": {},
}
# A page of which one part alone is about our own numbers, and the heading of that part.
MEASURED = {"docs/release.md": "## Measured here"}
LINKED_ALONE = "docs/findings.md"
# Pages that show several tables.
PAGES = {
    "FORENSICS.md": ("forensics", "adapter_growth", "lambda_law"),
    "REPORT.md": ("claims", "faults", "constant_answer"),
}
INTERVAL = re.compile(r"(\d+\.\d+)(?: ?%)?\s\[([−-]?[\d.]+), ([−-]?[\d.]+)\]")
# What is written by a program, quoted as a command, or a link's target.
GENERATED = re.compile(r"<!-- (?:.*?)(?:begin|written by).*?-->.*?<!-- .*?end.*?-->|```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\]\([^)]*\)|https?://\S+|arXiv:[\d.]+|<[^>]+>")
# Decimal fractions and percentages; whole numbers are counts and settings.
NUMBER = re.compile(r"(?<![\w.,−-])[+−-]?(\d+\.\d+|\d+(?= ?%))( ?%)?(?![\w]|\.\d)")


@cache
def committed() -> tuple[Path, ...]:
    """Every table and report."""
    results = ROOT / "results"
    places = ("tables/*.csv", "published/*.csv", "*.json", "benchmarks/*.json")
    return tuple(sorted(path for place in places for path in results.glob(place)))


def linked(text: str, folder: Path) -> tuple[Path, ...]:
    """The tables and reports that a text links."""
    found = set()
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        path = (folder / target).resolve()
        named = [path.parent / f"tables/{name}.csv" for name in PAGES.get(path.name, ())]
        found |= {one for one in (path, path.with_suffix(".csv"), path.with_suffix(".json"), *named) if one.is_file()}
    return tuple(sorted(path for path in found if path.suffix in (".csv", ".json")))


@cache
def cells(path: Path) -> list[float]:
    """Every number in it."""
    if path.suffix == ".csv":
        return pd.read_csv(path).select_dtypes("number").stack().tolist()
    text = path.read_text(encoding="utf-8")
    json.loads(text)
    return [float(number) for number in re.findall(r"(?<=[\s:\[])-?\d+(?:\.\d+)?(?:e-?\d+)?(?=[\s,\]}])", text)]


@cache
def rounded(digits: int, sources: tuple[Path, ...]) -> set[Decimal]:
    """The sizes of the cells, and of the cells in percent, rounded to so many digits."""
    unit = Decimal(1).scaleb(-digits)
    sizes = {abs(value) for path in sources for value in cells(path) if abs(value) < 1e6}
    return {
        Decimal(str(round(value * scale, 9))).quantize(unit, ROUND_HALF_UP) for value in sizes for scale in (1, 100)
    }


def numbers(text: str) -> list[tuple[int, str]]:
    """(line, number as it stands there) of the prose; what a program wrote, code, links and table rows are left out."""
    text = GENERATED.sub(lambda match: "\n" * match.group().count("\n"), text)
    lines = (LINK.sub("]", line) for line in text.splitlines())
    return [
        (number, match.group(1) + (" %" if match.group(2) else ""))
        for number, line in enumerate(lines, start=1)
        if not line.startswith("|")
        for match in NUMBER.finditer(line)
    ]


def without_a_row(text: str, sources: tuple[Path, ...]) -> list[str]:
    """The values with an interval that no row shows so; what a program wrote has tests of its own."""
    rows = "".join(path.with_suffix(".md").read_text(encoding="utf-8") for path in sources if path.suffix == ".csv"
                   and path.parent.name == "tables").replace("| -", "| ")  # fmt: skip
    prose = GENERATED.sub("", text).replace("−", "-")
    shown = [" ".join(match.groups()) for match in INTERVAL.finditer(prose)]
    return [one for one in shown if "{} [{}, {}]".format(*one.split()) not in rows]


def sections(text: str) -> list[str]:
    """Parts that begin with a heading or a paragraph whose first words are bold; lines keep their numbers."""
    starts = [match.start() for match in re.finditer(r"^(?=#|\*\*)", text, re.MULTILINE)]
    return ["\n" * text.count("\n", 0, a) + text[a:b] for a, b in zip([0, *starts], [*starts, None], strict=True)]


def without_a_cell(text: str, allowed: dict[str, str], sources: tuple[Path, ...]) -> list[str]:
    found = []
    for line, number in numbers(text):
        digits = number.removesuffix(" %")
        places = len(digits.partition(".")[2])
        if number not in allowed and digits not in allowed and Decimal(digits) not in rounded(places, sources):
            found.append(f"line {line}: {number}")
    return found


@pytest.mark.parametrize("name", ALLOWED)
def test_every_number_has_a_cell(name):
    text, missing = (ROOT / name).read_text(encoding="utf-8"), []
    if heading := MEASURED.get(name):
        before, text = text.split(f"\n{heading}\n")
        text = "\n" * (before.count("\n") + 2) + text.split("\n## ")[0]
    for part in sections(text) if name == LINKED_ALONE else [text]:
        sources = linked(part, (ROOT / name).parent) if name == LINKED_ALONE else committed()
        missing += without_a_cell(part, ALLOWED[name], sources) + without_a_row(part, sources)
    assert not missing, f"{name}: no table, report or published file holds\n" + "\n".join(missing)


def test_a_number_without_a_cell_is_found_and_named():
    text = "A 12.34567 % rise.\n| 98.76543 |\n```\n1.23456\n```\n[a](b_0.98765.md) and `0.87654` and 0.05, n = 512."
    assert numbers(text) == [(1, "12.34567 %"), (6, "0.05")]
    assert without_a_cell(text, {"0.05": "a setting"}, committed()) == ["line 1: 12.34567 %"]


def test_a_number_of_another_sections_table_and_an_interval_of_another_row_are_found():
    summary, closure = "[s](../results/tables/summary.md)", "[c](../results/tables/closure.md)"
    first, second = sections(f"{summary}: 49.6 % [47.9, 51.4].\n**Second** {closure}: 95.3 %, 49.6 % [1.0, 2.0].")
    of_first, of_second = (linked(part, ROOT / "docs") for part in (first, second))
    assert [path.name for path in of_first + of_second] == ["summary.csv", "closure.csv"]
    assert not without_a_cell(first, {}, of_first) and not without_a_row(first, of_first)
    assert "line 2: 95.3 %" in without_a_cell(second, {}, of_second)
    assert without_a_row(second, of_second) == ["49.6 1.0 2.0"]
