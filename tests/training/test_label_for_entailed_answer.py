"""Audit A2 on a whole training: the label in the place of the entailed answer changes nothing on the released data."""

import pytest

from models.loading import load_answerer
from records.run_folder import RunFolder
from records.tracking import Tracker
from training.building import build_loss, build_schedule
from training.fine_tune import fine_tune


def weights_after_training(cfg, folder):
    answerer, _ = load_answerer(cfg.model, lora=cfg.lora, seed=cfg.seed)
    untrained = answerer.fingerprint()
    with Tracker({"mode": "disabled"}, folder, "", "train", {}) as tracker:
        fine_tune(cfg, answerer, build_loss(cfg), build_schedule(cfg), RunFolder(folder), tracker)
    return untrained, answerer.fingerprint()


@pytest.mark.parametrize("task", ["transitivity", "dseparation"])
def test_the_same_adapter_comes_of_it(composed, tmp_path, task):
    small = ["scale=smoke", f"experiment={task}_semantic", "training.samples=48"]
    ours, label, other = (
        weights_after_training(composed(*small, *changed), tmp_path / str(number))
        for number, changed in enumerate([(), ("loss.term=label",), ("schedule.end=0.9",)])
    )
    assert ours == label
    assert ours[0] == other[0] and len({ours[0], ours[1], other[1]}) == 3  # it was trained, and λ tells
