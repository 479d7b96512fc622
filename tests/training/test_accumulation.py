"""What a schedule and the log see of a step: all of its passes, and nothing that they did not measure."""

import json
from itertools import pairwise

import pytest


@pytest.fixture
def trained(fine_tuned):
    """(config, run folder) → the log of a training."""

    def train(cfg, folder):
        fine_tuned(cfg, folder)
        return [json.loads(line) for line in (folder / "training_log.jsonl").read_text().splitlines()]

    return train


def test_an_adaptive_schedule_sees_all_passes_of_a_step(composed, trained, tmp_path):
    small = ["scale=smoke", "loss.base=turn", "schedule=relobralo", "training.log_every=1", "lora.dropout=0"]
    one, four = (
        trained(composed(*small, f"training.accumulation={passes}"), tmp_path / str(passes)) for passes in (1, 4)
    )
    steps = [(a, b) for a, b in zip(one, four, strict=True) if "loss" in a]
    assert len(steps) == 6 and len({a["lambda"] for a, _ in steps}) > 2
    for a, b in steps:
        for key in ("loss", "lambda", "loss/semantic", "prediction_entropy", "answer_probability"):
            assert b[key] == pytest.approx(a[key], rel=1e-5), (a["step"], key)


def test_a_step_without_a_label_says_nothing_of_the_cross_entropy(composed, trained, tmp_path):
    """It is not 0 there: an adaptive schedule would take the next labelled step for a term that exploded."""
    settings = (
        "experiment=ablation/families",
        "loss=exact_semantic",
        "schedule=relobralo",
        "data.unlabelled_fraction=0.75",
    )
    small = ("scale=smoke", "training.samples=96", "training.batch_size=2", "training.log_every=1", "lora.dropout=0")
    steps = [line for line in trained(composed(*small, *settings), tmp_path) if "loss" in line]
    with_labels = [line["step"] for line in steps if "loss/cross_entropy" in line]
    assert 0 < len(with_labels) < len(steps) == 8
    assert all(line["loss/semantic"] > 0 and line.get("loss/cross_entropy") != 0 for line in steps)
    # ReLoBRaLo compares two steps that have both terms; what it finds is in the next.
    changed = [a["step"] for a, b in pairwise(steps) if a["lambda"] != b["lambda"]]
    assert changed == [step for step in with_labels[1:] if step < 8]


def test_a_schedule_sees_the_probe_before_the_first_step(composed, trained, tmp_path):
    alarm = ("schedule=adaptive_collapse", "schedule.collapsed_above=0.52", "schedule.recovered_below=0.51")
    cfg = composed("scale=smoke", "training.log_every=1", "probe.every=100", *alarm)
    probe, first, second, *_ = trained(cfg, tmp_path)
    assert probe["step"] == 0 and probe["probe/majority_share"] > 0.52
    assert first["lambda"] == cfg.schedule.start < second["lambda"]
