"""Every measured number in README.md and losses/README.md stands in a committed table: none is typed in and forgotten."""

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
        "1.2": "questions_per_graph.md, a ratio of two of its cells",
        "1.4": "questions_per_graph.md, a ratio of two of its cells",
    },
}
# What is written by a program, quoted as a command, or a link's target.
GENERATED = re.compile(r"<!-- (?:.*?)(?:begin|written by).*?-->.*?<!-- .*?end.*?-->|```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\]\([^)]*\)|https?://\S+|arXiv:[\d.]+|<[^>]+>")
# Decimal fractions and percentages; whole numbers are counts and settings.
NUMBER = re.compile(r"(?<![\w.,−-])[+−-]?(\d+\.\d+|\d+(?= ?%))( ?%)?(?![\w]|\.\d)")


@cache
def cells() -> list[float]:
    """Every number in the committed tables and reports."""
    found: list[float] = []
    results = ROOT / "results"
    for path in [*results.glob("tables/*.csv"), *results.glob("published/*.csv")]:
        found += pd.read_csv(path).select_dtypes("number").stack().tolist()
    for path in [*results.glob("*.json"), *results.glob("benchmarks/*.json")]:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
        found += [float(number) for number in re.findall(r"(?<=[\s:\[])-?\d+(?:\.\d+)?(?:e-?\d+)?(?=[\s,\]}])", text)]
    return found


@cache
def rounded(digits: int) -> set[Decimal]:
    """The sizes of the cells, and of the cells in percent, rounded to so many digits."""
    unit = Decimal(1).scaleb(-digits)
    sizes = {abs(value) for value in cells() if abs(value) < 1e6}
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


def without_a_cell(text: str, allowed: dict[str, str]) -> list[str]:
    found = []
    for line, number in numbers(text):
        digits = number.removesuffix(" %")
        places = len(digits.partition(".")[2])
        if number not in allowed and digits not in allowed and Decimal(digits) not in rounded(places):
            found.append(f"line {line}: {number}")
    return found


@pytest.mark.parametrize("name", ALLOWED)
def test_every_number_has_a_cell(name):
    missing = without_a_cell((ROOT / name).read_text(encoding="utf-8"), ALLOWED[name])
    assert not missing, f"{name}: no table, report or published file holds\n" + "\n".join(missing)


def test_a_number_without_a_cell_is_found_and_named():
    text = "A 12.34567 % rise.\n| 98.76543 |\n```\n1.23456\n```\n[a](b_0.98765.md) and `0.87654` and 0.05, n = 512."
    assert numbers(text) == [(1, "12.34567 %"), (6, "0.05")]
    assert without_a_cell(text, {"0.05": "a setting"}) == ["line 1: 12.34567 %"]
