"""The published files agree with each other, and docs/release.md with them."""

from pathlib import Path

import pandas as pd
import pytest

from reporting.groups import VARIANTS
from reporting.published import SUITES, load_published
from reporting.suite_tables import COUNTS
from scoring.metrics import from_confusion

SUITE_NAMES = list(SUITES)


@pytest.fixture(scope="module")
def published():
    return load_published()


def test_means_are_those_of_the_five_suites(published):
    records = published.release_evaluations.dropna(subset=SUITE_NAMES)
    assert len(records) == len(published.release_evaluations) - 1
    means = records[SUITE_NAMES].mean(axis=1)
    assert (means - records["mean"]).abs().max() < 0.051


def test_large_evaluations_are_the_published_counts(published):
    counts = published.confusion
    counts = counts.assign(accuracy=100 * from_confusion(*(counts[name] for name in COUNTS))["accuracy"])
    exact = counts.pivot(index="variant", columns="suite", values="accuracy")
    printed = published.release_evaluations.query("n == 10000").set_index("variant")
    assert set(printed.index) == set(exact.index)
    assert (printed[SUITE_NAMES] - exact.loc[printed.index, SUITE_NAMES]).abs().max(axis=None) < 0.051


def test_names_are_those_used_here(published):
    records = published.release_evaluations
    assert set(records["variant"].dropna()) == set(VARIANTS)
    assert set(records["weights"].dropna()) == {"adapter", "merged_4bit"}
    assert set(records["prompt"]) == {"benchmark", "dseparation_released"}


def test_the_documents_evaluations_are_those_of_the_file(published):
    """Each row of the table in docs/release.md, as numbers: five suites and the mean."""
    text = (Path(__file__).parents[2] / "docs" / "release.md").read_text(encoding="utf-8")
    section = text.split("## Every evaluation on record", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    found = [[cell.replace("*", "") for cell in row[-6:]] for row in rows]
    shown = published.release_evaluations[[*SUITE_NAMES, "mean"]]
    assert len(found) == len(shown)
    for cells, (_, record) in zip(found, shown.iterrows(), strict=True):
        assert [None if cell == "–" else float(cell) for cell in cells] == [None if pd.isna(v) else v for v in record]
