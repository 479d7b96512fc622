"""What a training is probed with."""

import numpy as np

from causal_tasks.naming import partition
from scoring.evaluation import build_suite
from training import fine_tune


def test_it_asks_balanced_validation_questions_of_its_task_that_tune_no_threshold(composed, monkeypatch):
    asked = []

    def right(answerer, items, token_budget):
        asked.extend(items)
        return np.array([1.0 if question.label else -1.0 for item in items for question in item.questions])

    monkeypatch.setattr(fine_tune, "score", right)
    cfg = composed("scale=smoke", "task=dseparation", "probe.samples=64", "suites.validation.samples=256")
    assert fine_tune._probe(cfg)(None) == {
        "yes_rate": 0.5, "balanced_accuracy": 1.0, "majority_share": 0.5, "auroc": 1.0
    }  # fmt: skip
    assert sum(len(item.questions) for item in asked) == 64
    assert {partition(item.graph) for item in asked} == {"validation"}
    assert all("d-separated" in question.hypothesis for item in asked for question in item.questions)
    tuned_on = [item for items in build_suite(cfg.suites.validation).values() for item in items]
    assert tuned_on and not {item.premise for item in asked} & {item.premise for item in tuned_on}
