"""Committed scores are what the scorer of today computes of the margins beside them: whoever changes it raises SCORER_VERSION."""

from pathlib import Path

import pandas as pd
import pytest

from input_output.reading import read_json
from records.scored_suite import ScoredSuite
from scoring.blocks import SCORER_VERSION
from scoring.recomputed import rows_again
from scoring.rows import same_numbers

RUNS = Path(__file__).parents[2] / "results/runs/gemma3_270m"
# One that is nearly constant, one on released data, one of minimal pairs.
SUITES = (
    "dseparation_answer_ce/a7072eb3/seed0/evaluation/corrected",
    "transitivity_ce/*/seed1/evaluation/published",
    "transitivity_semantic/*/seed1/evaluation/adversarial",
)


@pytest.mark.parametrize("place", SUITES)
def test_they_come_out_again(place):
    (folder,) = RUNS.glob(place)
    suite = ScoredSuite(folder)
    report = read_json(suite.metrics)
    assert report["scorer"] == SCORER_VERSION
    again = rows_again(suite, report, pd.read_parquet(suite.margins), {})
    assert len(again) == len(report["rows"]) > 1
    for recorded, computed in zip(report["rows"], again, strict=True):
        assert recorded.keys() >= computed.keys() > {"mcc_interval", "auroc_interval"}
        different = [name for name, value in computed.items() if not same_numbers(recorded[name], value)]
        assert not different, (recorded["task"], recorded["split"], different)
