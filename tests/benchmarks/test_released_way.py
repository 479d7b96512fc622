"""The product's path gives what the released way gives, in fp32: verdicts, losses and gradients."""

import json

import pytest

from benchmarks import released_way
from benchmarks.measuring import configuration
from benchmarks.training_cases import CASES, ProductStep

RELATIVE = 1e-5


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_the_same(case):
    found = released_way.gradient_differences("tiny", case, batch=3)
    assert found["case"] == case
    assert max(found["largest"], found["whole"], found["loss_difference"]) < RELATIVE


def test_the_cases_are_what_they_are_called():
    steps = {
        case: ProductStep(configuration("tiny", *overrides, "training.batch_size=16"), 1)
        for case, overrides in CASES.items()
    }
    read = {
        case: (step.target, step.weight > 0, max(len(one.item.questions) for one in step.batches[0]))
        for case, step in steps.items()
    }
    assert read == {
        "answer cross-entropy": ("answer", False, 1),
        "published semantic loss": ("released", True, 1),
        "whole-text cross-entropy": ("sequence", False, 1),
        "8 questions a graph": ("answer", False, 8),
    }


def test_a_wrong_gradient_would_be_seen(monkeypatch):
    plain = released_way.ReleasedWay.accumulate
    monkeypatch.setattr(
        released_way.ReleasedWay, "accumulate", lambda self, items, target, weight: plain(self, items, "turn", weight)
    )
    assert released_way.gradient_differences("tiny", "published semantic loss", batch=2)["largest"] > 100 * RELATIVE


def test_the_report(tmp_path, monkeypatch, capsys):
    case = "answer cross-entropy"
    monkeypatch.setattr(released_way, "CASES", {case: CASES[case]})
    assert released_way.main(["model=tiny", "n=6", "batch=2", f"out={tmp_path}"]) == 0
    result = json.loads((tmp_path / "released_way_tiny.json").read_text())
    assert result["questions"] == result["verdicts_that_agree"] == 12
    assert result["largest_margin_difference"] < 1e-5
    text = (tmp_path / "released_way_tiny.md").read_text()
    assert "12 of 12 verdicts agree" in text and f"| {case} |" in text and text in capsys.readouterr().out
    assert str(tmp_path) not in text + (tmp_path / "released_way_tiny.json").read_text()
