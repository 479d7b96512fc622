"""What tests of a training share: one, in this process and mirrored nowhere."""

import pytest

from models.loading import load_answerer
from records.run_folder import RunFolder
from records.tracking import Tracker
from training.building import build_loss, build_schedule
from training.fine_tune import fine_tune


@pytest.fixture(scope="session")
def fine_tuned():
    """(config, run folder) → the model after its training."""

    def train(cfg, folder):
        loss, schedule = build_loss(cfg), build_schedule(cfg)
        answerer, _ = load_answerer(cfg.model, lora=cfg.lora, seed=cfg.seed)
        with Tracker({"mode": "disabled"}, folder, "", "train", {}) as tracker:
            fine_tune(cfg, answerer, loss, schedule, RunFolder(folder), tracker)
        return answerer

    return train
