"""A step in several passes is the step in one: what its schedule sees, too."""

import json

import pytest

from models.loading import load_answerer
from records.run_folder import RunFolder
from records.tracking import Tracker
from training.building import build_loss, build_schedule
from training.fine_tune import fine_tune


def trained(cfg, folder):
    """The log of a training."""
    loss, schedule = build_loss(cfg), build_schedule(cfg)
    answerer, _ = load_answerer(cfg.model, lora=cfg.lora, seed=cfg.seed)
    with Tracker({"mode": "disabled"}, folder, "", "train", {}) as tracker:
        fine_tune(cfg, answerer, loss, schedule, RunFolder(folder), tracker)
    return [json.loads(line) for line in (folder / "training_log.jsonl").read_text().splitlines()]


def test_an_adaptive_schedule_sees_all_passes_of_a_step(composed, tmp_path):
    small = ["scale=smoke", "loss.base=turn", "schedule=relobralo", "training.log_every=1", "lora.dropout=0"]
    one, four = (
        trained(composed(*small, f"training.accumulation={passes}"), tmp_path / str(passes)) for passes in (1, 4)
    )
    steps = [(a, b) for a, b in zip(one, four, strict=True) if "loss" in a]
    assert len(steps) == 6 and len({a["lambda"] for a, _ in steps}) > 2
    for a, b in steps:
        for key in ("loss", "lambda", "loss/semantic", "prediction_entropy", "answer_probability"):
            assert b[key] == pytest.approx(a[key], rel=1e-5), (a["step"], key)
