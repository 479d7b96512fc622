"""The losses on items of the data room, batched by the training room: the truth costs nothing."""

from dataclasses import replace

import pytest
import torch

from benchmarks.constraint_information import undecided
from causal_tasks.suites import build
from losses import ExactSemantic, SemanticDistance
from losses.exact_semantic import groups_in
from losses.semantic_distance import PARTS, semantic_distance


def certain(items, *, truthful=True):
    """Answers given with certainty: the right ones, or random ones."""
    answers = undecided(items)
    coins = torch.rand(answers.labels.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    margin = torch.where(answers.labels if truthful else coins, 1e3, -1e3)
    logsigmoid = torch.nn.functional.logsigmoid
    return replace(answers, log_yes=logsigmoid(margin), log_no=logsigmoid(-margin))


@pytest.mark.parametrize("task", ["transitivity", "dseparation"])
@pytest.mark.parametrize("knowledge", ["axioms", "axioms_and_facts"])
def test_true_answers_satisfy_every_constraint(task, knowledge):
    items = build(task, "corrected", "train", 600, 0, 16)
    loss = ExactSemantic(knowledge)
    loss.prepare(items)
    result = loss(certain(items), None, 1.0)
    assert result["semantic"].item() == pytest.approx(0.0, abs=1e-6)
    assert loss(certain(items, truthful=False), None, 1.0)["semantic"] > 1
    assert result["groups"] == sum(map(len, groups_in(certain(items), task, 3))) > 10


@pytest.mark.parametrize("task", ["transitivity", "dseparation"])
def test_deduced_answers_are_true(task):
    items = build(task, "corrected", "train", 600, 0, 6, questions="families")
    loss = ExactSemantic("deduced")
    loss.prepare(items)
    result = loss(certain(items), None, 1.0)
    assert result["semantic"].item() == pytest.approx(0.0, abs=1e-6)
    assert 0.2 < result["deduced"] < 0.8
    assert loss(certain(items, truthful=False), None, 1.0)["semantic"] > 1


@pytest.mark.parametrize(("task", "satisfied"), [("transitivity", False), ("dseparation", True)])
def test_constant_no_satisfies_axioms_and_facts_on_dseparation_alone(task, satisfied):
    """Stated edges only ever deny a d-separation, so nothing that follows from them opposes a model that always denies."""
    items = build(task, "corrected", "train", 600, 0, 6, questions="families")
    denied = torch.full_like(undecided(items).log_yes, -1e3)
    answers = replace(undecided(items), log_yes=denied, log_no=torch.zeros_like(denied))
    for knowledge in ("axioms_and_facts", "deduced"):
        loss = ExactSemantic(knowledge)
        loss.prepare(items)
        semantic = loss(answers, None, 1.0)["semantic"].item()
        assert semantic == pytest.approx(0.0, abs=1e-6) if satisfied else semantic > 1


def test_true_answers_have_no_semantic_distance():
    items = build("transitivity", "corrected", "train", 300, 0, 12)
    loss = SemanticDistance(dict.fromkeys(PARTS, 1.0))
    loss.prepare(items)
    assert loss(certain(items), None, 1.0)["total"].item() == pytest.approx(0.0, abs=1e-9)
    random = semantic_distance(certain(items, truthful=False), 0.5)
    assert all(value > 0 for value in random.values())


def test_two_generated_d_separation_questions_are_never_one_in_both_orders():
    """Three can be, by chance; questions_needed says so."""
    two, three = (build("dseparation", "corrected", "train", 300, 0, asked) for asked in (2, 3))
    with pytest.raises(ValueError, match="none of the 150 training items does"):
        ExactSemantic().prepare(two)
    ExactSemantic().prepare(three)


def test_one_question_a_graph_is_refused_by_losses_that_need_several():
    items = build("transitivity", "corrected", "train", 20, 0, 1)
    for loss, needed in ((ExactSemantic(), 6), (SemanticDistance(dict.fromkeys(PARTS, 1.0)), 2)):
        with pytest.raises(ValueError, match=f"needs at least {needed} questions on a graph"):
            loss.prepare(items)
