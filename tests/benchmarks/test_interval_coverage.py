"""The promises of the intervals, held by a few hundred simulations with a fixed seed; more: benchmarks/interval_coverage.py."""

import json

import pytest

from benchmarks import interval_coverage
from benchmarks.interval_coverage import CORRELATIONS, block_coverage, main, markdown, seed_coverage, share_with_a_word

LEAST, MOST = 0.93, 0.97


@pytest.mark.parametrize("spread", CORRELATIONS.values(), ids=CORRELATIONS)
@pytest.mark.parametrize(("blocks", "size"), [(60, 4), (8, 12)])
def test_intervals_over_blocks_hold_what_they_promise(blocks, size, spread):
    found = block_coverage(blocks, size, spread, simulations=500, seed=2, resamples=300)
    # Wilson's interval is never made narrower than that of independent questions: it may hold more.
    assert found.pop("accuracy") >= LEAST
    assert all(LEAST <= coverage <= MOST for coverage in found.values()), found


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_over_seeds_hold_what_they_promise(seeds):
    assert LEAST <= seed_coverage(seeds, simulations=600, seed=1) <= MOST


def test_a_null_effect_gets_a_word_in_at_most_five_percent_of_tables():
    assert share_with_a_word(tables=100, seeds=3, seed=1, phases=False, resamples=50) <= 0.05


def test_the_report_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(interval_coverage, "SUITES", {"networks": (8, 12)})
    assert main(["simulations=4", "tables=2", f"out={tmp_path}"]) == 0
    report = json.loads((tmp_path / "interval_coverage.json").read_text())
    assert (tmp_path / "interval_coverage.md").read_text() == markdown(report)
    assert {row["suite"] for row in report["blocks"]} == {"networks"} and len(report["null_tables"]) == 4
