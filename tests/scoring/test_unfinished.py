"""An interrupted scoring goes on after the last split that it finished, and only with the same weights and items."""

import json
from contextlib import nullcontext
from itertools import count
from types import SimpleNamespace

import pandas as pd
import pytest
from omegaconf import OmegaConf

from input_output.errors import UserError
from models.loading import load_answerer
from scoring import evaluation
from scoring.evaluation import build_suite, evaluate_suite

SETTINGS = OmegaConf.create({"token_budget": None, "resamples": 20})


def suite(samples):
    splits = {"transitivity": ["length", "reversed"]}
    how = {"protocol": "corrected", "questions_per_graph": 1, "samples": samples, "seed": 0}
    return OmegaConf.create({"name": "corrected", "splits": splits, **how})


@pytest.fixture
def answerer(composed):
    return load_answerer(composed("model=tiny").model)[0]


@pytest.fixture
def scored(monkeypatch):
    """Runs a scoring that dies at its second split where `dies`; returns the splits that a model was asked about."""
    score = evaluation.score

    def run(answerer, folder, dies=False, samples=8):
        asked = []

        def counting(answerer, items, *arguments, description):
            if dies and asked:
                raise KeyboardInterrupt
            asked.append(description.split("/")[-1])
            return score(answerer, items, *arguments)

        monkeypatch.setitem(evaluation.SCORERS, "logits", counting)
        about = suite(samples)
        with pytest.raises(KeyboardInterrupt) if dies else nullcontext():
            evaluate_suite(answerer, about, build_suite(about), folder, SETTINGS)
        return asked

    return run


def test_it_goes_on_after_the_split_that_was_done(answerer, scored, tmp_path):
    assert scored(answerer, tmp_path / "whole") == ["length", "reversed"]
    assert scored(answerer, tmp_path / "broken", dies=True) == ["length"]
    assert not (tmp_path / "broken/metrics.json").exists()
    assert scored(answerer, tmp_path / "broken") == ["reversed"]
    whole, broken = (pd.read_parquet(tmp_path / name / "margins.parquet") for name in ("whole", "broken"))
    pd.testing.assert_frame_equal(whole, broken)
    assert {path.name for path in (tmp_path / "broken").iterdir()} == {"margins.parquet", "metrics.json"}


def test_a_threshold_from_validation_reaches_the_rows_of_its_task(answerer, tmp_path):
    about = suite(8)
    parts = build_suite(about)
    report = evaluate_suite(answerer, about, parts, tmp_path, SETTINGS, thresholds={"transitivity": 0.25})
    assert {row["threshold"] for row in report["rows"]} == {0.25}
    assert all(row["calibrated_accuracy"] is not None for row in report["rows"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_model_that_answers_no_number_is_refused_in_one_line_and_what_was_done_is_kept(
    answerer, scored, tmp_path, monkeypatch, bad
):
    about, score = suite(8), evaluation.score

    def broken(answerer, items, *arguments, description):
        margins = score(answerer, items, *arguments)
        margins[:3] = bad if "reversed" in description else margins[:3]
        return margins

    monkeypatch.setitem(evaluation.SCORERS, "logits", broken)
    with pytest.raises(UserError, match="transitivity/reversed: 3 of 8 margins are not finite .a diverged adapter"):
        evaluate_suite(answerer, about, build_suite(about), tmp_path, SETTINGS)
    assert scored(answerer, tmp_path) == ["reversed"]


def test_its_seconds_are_those_of_both(answerer, scored, tmp_path, monkeypatch):
    """Each look at the clock is a second later."""
    now = count()
    monkeypatch.setattr(evaluation, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    scored(answerer, tmp_path / "whole")
    scored(answerer, tmp_path / "broken", dies=True)
    scored(answerer, tmp_path / "broken")
    assert seconds(tmp_path / "whole") == 5.0  # two splits, begun and ended, and the end
    assert seconds(tmp_path / "broken") == 1.0 + 3.0


def seconds(folder):
    return json.loads((folder / "metrics.json").read_text())["seconds"]


def test_other_items_or_weights_are_scored_from_the_start(answerer, scored, tmp_path):
    scored(answerer, tmp_path, dies=True)
    assert scored(answerer, tmp_path, dies=True, samples=10) == ["length"]
    next(answerer.parameters()).data[0, 0] += 1
    assert scored(answerer, tmp_path, samples=10) == ["length", "reversed"]
