"""Trainings side by side are all asked, and their rates added up; how fast they are is not tested."""

import json

import pytest

from benchmarks import side_by_side


def test_every_process_takes_the_steps(tmp_path, capsys):
    assert side_by_side.main(["model=tiny", "pairs=2", "processes=2", f"out={tmp_path}"]) == 0
    report = json.loads((tmp_path / "side_by_side_tiny.json").read_text())
    (row,) = report["rows"]
    assert row["pairs"] == 2 and row["peer"] == "one training of 2 threads" and row["ratio"]["least"] > 0
    assert report["loaded"]["adapter_parameters"] > 0
    assert "2 trainings of 1 thread" in capsys.readouterr().out


def test_a_process_that_dies_is_an_error():
    training = side_by_side.Training("tiny", 1, 2)
    training.process.kill()
    with pytest.raises(EOFError):
        training.answer()
