"""The headline by hand, and that the suites hold enough of it."""

import math
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from causal_tasks.headline import SEEN_STRUCTURE, UNSEEN_STRUCTURE, is_headline
from causal_tasks.questions import TASKS
from causal_tasks.spec import EVALUATION_SPLITS
from causal_tasks.suites import build

CONF = Path(__file__).parents[2] / "conf" / "scale"


def test_headline_by_hand():
    assert is_headline("length", 2) and is_headline("shuffled", 14.0)
    assert not is_headline("length", 1)
    assert not any(is_headline("branching", missing) for missing in (None, math.nan))
    assert not any(
        is_headline(split, 3) for split in (*SEEN_STRUCTURE, "train", "adversarial", "real_graphs", "pooled")
    )
    assert sorted(UNSEEN_STRUCTURE + SEEN_STRUCTURE) == sorted(EVALUATION_SPLITS)


@pytest.mark.parametrize("task", TASKS)
def test_from_cpu_on_a_scale_asks_6000_questions_of_the_headline(task):
    asked = [
        is_headline(split, question.strata.get("distance"))
        for split in UNSEEN_STRUCTURE
        for item in build(task, "corrected", split, 800, 0, 4)
        for question in item.questions
    ]
    smallest = min(OmegaConf.load(CONF / f"{scale}.yaml").suites.corrected.samples for scale in ("cpu", "paper"))
    assert sum(asked) / len(asked) * smallest * len(UNSEEN_STRUCTURE) >= 6000
