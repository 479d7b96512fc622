"""What is committed under results/ is what tables.py makes of the committed runs: no table, page or line was typed in."""

import re
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from reporting.forensics_page import forensics_page
from reporting.report import build_tables, merge_survival
from reporting.report_page import report_page
from reporting.results import load
from reporting.summary_table import into_readme

ROOT = Path(__file__).parents[2]
COMMITTED = Path("results")


@pytest.fixture(autouse=True, scope="module")
def in_the_clone():
    """As `python tables.py` is run: the pages name folders from there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield


@pytest.fixture(scope="module")
def made(in_the_clone):
    results = load(COMMITTED)
    return results, build_tables(results)


def test_every_table(made):
    tables = made[1]
    assert {path.stem for path in (COMMITTED / "tables").glob("*.csv")} == set(tables)
    for name, table in tables.items():
        found, expected = (pd.read_csv(text) for text in (COMMITTED / f"tables/{name}.csv", StringIO(table.csv())))
        pd.testing.assert_frame_equal(found, expected, rtol=1e-4, obj=name)


def test_both_pages_and_the_figures_they_show(made):
    results, tables = made
    report = (COMMITTED / "REPORT.md").read_text(encoding="utf-8")
    figures = [COMMITTED / place for place in re.findall(r"\((figures/[^)]+)\)", report)]
    assert set(figures) == set((COMMITTED / "figures").rglob("*.png"))
    assert report_page(results, tables, figures, COMMITTED) == report
    pages = tables["forensics"].frame, tables["adapter_growth"], tables["lambda_law"]
    page = forensics_page(*pages, merge_survival(results), figures, COMMITTED)
    assert page == (COMMITTED / "FORENSICS.md").read_text(encoding="utf-8")


def test_the_readmes_table(made):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert into_readme(readme, made[1]["summary"]) == readme
