"""The list of goals: medians of the reports that are there, held against what was wanted."""

import json
from pathlib import Path

from benchmarks import goals

RESULTS = Path(__file__).parents[2] / "results/benchmarks"


def test_a_goal_is_held_against_the_median_and_what_is_not_there_is_not_measured(tmp_path):
    (tmp_path / "tables_speed.json").write_text(json.dumps({"seconds": [9.0, 30.0, 8.0]}))
    for model, median in (("gemma3_270m", 12.0), ("smollm2_135m", 11.9)):
        row = {"case": "training, answer cross-entropy", "peer": "", "ours": {"median": median}, "share_of_peak": 0.7}
        others = [row | {"case": f"training, {case}"} for case in ("published", "whole", "8")]
        report = {"rows": [row, *others], "memory": {"head": 2**29}}
        (tmp_path / f"training_speed_{model}.json").write_text(json.dumps(report))
    found = {what: cells for what, *cells in goals.rows(tmp_path)}
    tables = "tables and figures of 100 runs × 250,000 margins, processor seconds"
    assert found[tables] == ["≤ 10", "9", "yes"]
    answer = "training, answer cross-entropy, questions/s"
    assert found[answer] == ["≥ 12", "12 gemma3_270m, 11.9 smollm2_135m", "gemma3_270m"]
    assert found["head and loss of 64 × 128 tokens, GiB"][2] == "no"
    assert found["training against TRL's SFTTrainer"] == ["≥ 2", "–", "not measured"]


def test_scoring_is_held_against_peers_in_the_models_own_precision(tmp_path):
    rows = [
        {
            "case": f"scoring, {p}, 85 to 95 tokens",
            "peer": "released way, fp32",
            "ours": {"median": r},
            "ratio": {"median": r},
        }
        for p, r in (("bf16", 14.0), ("fp32", 4.0))
    ]
    rows += [
        {"case": f"scoring, {t}, K = 12 on", "peer": "", "ratio": {"median": 2}}
        for t in ("transitivity", "dseparation")
    ]
    verdicts = {"released": {"flips": 0}}
    for model, own, measured in (("gemma3_270m", "bf16", rows), ("smollm2_135m", "fp32", rows[1:])):
        written = {"rows": measured, "loaded": {"precision": own}, "verdicts": verdicts}
        (tmp_path / f"scoring_speed_{model}.json").write_text(json.dumps(written))
    found = {what: cells for what, *cells in goals.rows(tmp_path)}
    assert found["scoring against the released way"] == ["≥ 10", "14 gemma3_270m, 4 smollm2_135m", "gemma3_270m"]
    assert found["scoring in bf16, questions/s"] == ["≥ 18", "14 gemma3_270m", "no"]
    assert found["scoring against the lm-evaluation-harness"] == ["≥ 2", "–", "not measured"]


def test_the_readme_lists_what_the_committed_reports_say():
    assert goals.table(RESULTS) in goals.README.read_text(encoding="utf-8")
