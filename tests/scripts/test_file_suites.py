"""Files of questions, as evaluate.py scores them: what the reader accepts on purpose ends in no traceback."""

import json

import pytest


@pytest.mark.parametrize(
    ("premise", "hypotheses"),
    [
        ("A causes B. B causes C.", ["Does A cause C?", "Does A cause Z?"]),
        ("A causes B. B causes C.", ["Are A and C d-separated given {Z}?", "Are A and C d-separated?"]),
        ("A causes B.", ["Does A cause B?", "Does B cause Z?"]),  # as many questions as ordered pairs
        ("A causes B. B causes A.", ["Does A cause B?", "Does B cause A?"]),
        ("A causes A.", ["Does A cause A?", "Does A cause B?"]),
    ],
)
def test_questions_that_no_graph_answers_are_scored_and_listed(run_script, tmp_path, premise, hypotheses):
    lines = [{"premise": premise, "hypothesis": h, "label": a} for h, a in zip(hypotheses, ("Yes", "No"), strict=True)]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    few = ["evaluation.yardstick_questions=64", "evaluation.resamples=20"]
    run_script("evaluate.py", "model=tiny", "suite=file", "suite.path=odd.jsonl", "out=scored", *few, cwd=tmp_path)
    report = json.loads((tmp_path / "scored" / "metrics.json").read_text())
    assert report["rows"][0]["n"] == 2 and "shd_share" not in report["rows"][0]
    (check,) = report["label_check"].values()
    assert check["unanswerable"]
