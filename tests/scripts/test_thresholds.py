"""The thresholds that validation tunes are those of every other suite, scored with the training or later."""

import pandas as pd

from input_output.reading import read_json
from scoring.rows import tuned_thresholds
from train import run, suites_to_score


def thresholds(folder):
    return {row["task"]: row["threshold"] for row in read_json(folder / "metrics.json")["rows"]}


def test_they_reach_the_other_suites(composed, run_script, tmp_path):
    folder = tmp_path / "run"
    few = ["evaluation.resamples=0", "evaluation.yardstick_questions=50"]
    untrained = ["scale=smoke", "training.enabled=false", "tracking=none", f"out={folder}", *few]
    sizes = [f"suites.{name}.samples={n}" for name, n in (("validation", 1000), ("corrected", 8), ("published", 4))]
    run(composed(*untrained, *sizes))
    tuned = tuned_thresholds(pd.read_parquet(folder / "evaluation/validation/margins.parquet"))
    assert len(tuned) == 2 and 0.0 not in tuned.values()
    assert thresholds(folder / "evaluation/corrected") == thresholds(folder / "evaluation/published") == tuned
    again = [f"run={folder}", "suite=corrected", "suite.samples=8", "tracking.mode=disabled", *few]
    run_script("evaluate.py", *again, f"out={tmp_path / 'again'}", cwd=tmp_path)
    assert thresholds(tmp_path / "again") == tuned


def test_validation_is_scored_first_wherever_it_stands(composed):
    cfg = composed("scale=smoke")
    cfg.suites = {name: cfg.suites[name] for name in sorted(cfg.suites, key=lambda name: name == "validation")}
    assert [*cfg.suites][-1] == "validation" and next(iter(suites_to_score(cfg))) == "validation"
