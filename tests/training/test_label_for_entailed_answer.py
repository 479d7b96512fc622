"""Audit A2 on a whole training: the label in the place of the entailed answer changes nothing on the released data."""

import pytest

from models.loading import load_answerer


@pytest.mark.parametrize("task", ["transitivity", "dseparation"])
def test_the_same_adapter_comes_of_it(composed, fine_tuned, tmp_path, task):
    small = ["scale=smoke", f"experiment={task}_semantic", "training.samples=48"]
    settings = [composed(*small, *changed) for changed in ((), ("loss.term=label",), ("schedule.end=0.9",))]
    before = [load_answerer(cfg.model, lora=cfg.lora, seed=cfg.seed)[0].fingerprint() for cfg in settings]
    ours, label, other = (fine_tuned(cfg, tmp_path / str(at)).fingerprint() for at, cfg in enumerate(settings))
    assert len({*before}) == 1 and ours == label
    assert len({before[0], ours, other}) == 3  # it was trained, and λ tells
