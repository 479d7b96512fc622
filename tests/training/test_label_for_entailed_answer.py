"""Audit A2 on a whole training: the label in the place of the entailed answer changes nothing on the released data.

There the oracle that made the labels is the one that is asked. The correct one disagrees with a label of d-separation among
these questions and with none of transitivity, so that it is seen to be asked.
"""

import pytest

from models.loading import load_answerer


@pytest.mark.parametrize("task", ["transitivity", "dseparation"])
def test_the_same_adapter_comes_of_it(composed, fine_tuned, tmp_path, task):
    small = ["scale=smoke", f"experiment={task}_semantic", "training.samples=48"]
    changes = [(), ("loss.term=label",), ("schedule.end=0.9",), ("faults.oracle_of_the_labels=false",)]
    settings = [composed(*small, *changed) for changed in changes]
    before = [load_answerer(cfg.model, lora=cfg.lora, seed=cfg.seed)[0].fingerprint() for cfg in settings]
    ours, label, other, correct = (fine_tuned(cfg, tmp_path / str(at)).fingerprint() for at, cfg in enumerate(settings))
    assert len({*before}) == 1 and ours == label
    assert len({before[0], ours, other}) == 3  # it was trained, and λ tells
    assert (correct == ours) == (task == "transitivity")
