import json

import pytest

from benchmarks.harness_agreement import agreement, harness_margins, main


def test_margins_are_read_from_the_newest_log_of_the_task(tmp_path):
    def sample(question, yes, no):
        return json.dumps({"doc": {"id": question}, "filtered_resps": [[str(yes), "False"], [str(no), "True"]]}) + "\n"

    folder = tmp_path / "answers" / "model"
    folder.mkdir(parents=True)
    (folder / "samples_causal_a_2026.jsonl").write_text(sample("x", -1.5, -0.5) + sample("y", -0.25, -2.25))
    (folder / "samples_causal_b_2026.jsonl").write_text(sample("x", 0, -9))
    assert harness_margins(tmp_path, "causal_a") == {"x": -1.0, "y": 2.0}


def test_agreement_counts_verdicts_and_refuses_other_questions():
    found = agreement({"x": -1.0, "y": 0.0, "z": 3.0}, {"x": -1.5, "y": -0.1, "z": 2.0})
    assert found == {"questions": 3, "verdicts_that_agree": 2, "largest_margin_difference": 1.0}
    with pytest.raises(ValueError, match="2 questions were answered by one of the two only"):
        agreement({"x": 1.0}, {"y": 1.0})


def test_bad_arguments_are_one_clear_line(capsys):
    assert main(["n=many"]) == 2
    assert capsys.readouterr().err == "harness_agreement: n= is a whole number, not 'many'\n"


def test_a_missing_harness_is_one_clear_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 2
    assert capsys.readouterr().err == "harness_agreement: the command lm_eval is not on the PATH\n"
