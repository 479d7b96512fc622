import math
from types import SimpleNamespace

import pytest
import torch

from losses import CrossEntropy, Focal, LabelSmoothing, LogitAdjusted, Margin, WeightedCrossEntropy
from losses.answers import Answers

PI = 0.2


def slow_weighted(yes, no, label):
    return (1 / (2 * PI)) * -yes if label else (1 / (2 * (1 - PI))) * -no


def slow_focal(yes, no, label, gamma=2.0):
    log_p = yes if label else no
    return -((1 - log_p.exp()) ** gamma) * log_p


def slow_adjusted(yes, no, label):
    # softmax over {Yes, No} of the logits plus tau * log prior (Menon et al. 2021, eq. 10)
    yes, no = yes + math.log(PI), no + math.log(1 - PI)
    return torch.logaddexp(yes, no) - (yes if label else no)


def slow_smoothed(yes, no, label):
    right, wrong = (yes, no) if label else (no, yes)
    return -0.9 * right - 0.1 * wrong


def slow_margin(yes, no, label):
    return torch.log1p(torch.exp(-(yes - no) if label else (yes - no)))


CASES = {
    "weighted_cross_entropy": (lambda: WeightedCrossEntropy(yes_share=PI), slow_weighted),
    "focal": (lambda: Focal(2.0), slow_focal),
    "focal_root": (lambda: Focal(0.5), lambda y, n, label: slow_focal(y, n, label, 0.5)),
    "logit_adjusted": (lambda: LogitAdjusted(yes_share=PI), slow_adjusted),
    "label_smoothing": (lambda: LabelSmoothing(0.1), slow_smoothed),
    "margin": (lambda: Margin(), slow_margin),
}
cases = pytest.mark.parametrize(("build", "slow"), CASES.values(), ids=CASES.keys())


@cases
@pytest.mark.parametrize("seed", range(3))
def test_value_and_gradient_equal_the_slow_reference(build, slow, seed, make_answers):
    answers = make_answers(seed)
    total = build()(answers, None, 0.3)["total"]
    terms = [
        slow(answers.log_yes[g, k], answers.log_no[g, k], bool(answers.labels[g, k]))
        for g in range(3)
        for k in range(4)
        if answers.valid[g, k] and answers.labelled[g]
    ]
    expected = sum(terms) / len(terms)
    torch.testing.assert_close(total, expected)
    inputs = (answers.log_yes, answers.log_no)
    for a, b in zip(
        torch.autograd.grad(total, inputs, retain_graph=True, allow_unused=True),
        torch.autograd.grad(expected, inputs, allow_unused=True),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@cases
def test_no_labelled_question_gives_zero_with_a_graph(build, slow, answers):
    answers.labelled[:] = False
    total = build()(answers, None, 0.3)["total"]
    assert total.item() == 0
    (gradient,) = torch.autograd.grad(total, answers.log_yes)
    assert (gradient == 0).all()


@cases
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("label", [True, False])
def test_finite_at_probability_zero_and_one(build, slow, dtype, label):
    logits = torch.tensor([[[float("-inf"), 0.0], [0.0, float("-inf")], [200.0, 0.0]]], dtype=dtype, requires_grad=True)
    log_p = logits.log_softmax(-1)
    shape = (1, 3)
    answers = Answers(
        log_yes=log_p[..., 0],
        log_no=log_p[..., 1],
        labels=torch.full(shape, label),
        valid=torch.ones(shape, dtype=torch.bool),
        source=torch.zeros(shape, dtype=torch.long),
        target=torch.ones(shape, dtype=torch.long),
        given=torch.zeros(1, 3, 2, dtype=torch.bool),
        adjacency=torch.zeros(1, 2, 2, dtype=torch.bool),
        nodes=torch.tensor([2]),
        labelled=torch.tensor([True]),
    )
    total = build()(answers, None, 1.0)["total"]
    assert total.isfinite() and total > 0
    total.backward()
    assert logits.grad.isfinite().all()


def test_neutral_settings_are_answer_cross_entropy(answers):
    expected = CrossEntropy("answer")(answers, None, 0.0)["total"]
    for loss in (Focal(0.0), LabelSmoothing(0.0), WeightedCrossEntropy(yes_share=0.5)):
        torch.testing.assert_close(loss(answers, None, 0.0)["total"], expected)


def test_the_prior_is_measured_on_the_training_items(answers):
    questions = tuple(SimpleNamespace(label=label) for label in (True, False, False, False, False))
    items = [SimpleNamespace(task="transitivity", questions=questions)]
    for measured, given in (
        (WeightedCrossEntropy(), WeightedCrossEntropy(yes_share=PI)),
        (LogitAdjusted(), LogitAdjusted(yes_share=PI)),
    ):
        with pytest.raises(ValueError, match="does not know the share of Yes"):
            measured(answers, None, 0.0)
        measured.prepare(items)
        torch.testing.assert_close(measured(answers, None, 0.0)["total"], given(answers, None, 0.0)["total"])
    withheld = SimpleNamespace(task="transitivity", questions=(SimpleNamespace(label=True),) * 5)
    partly = WeightedCrossEntropy()
    partly.prepare([withheld, *items], labelled=[False, True])
    assert partly.yes_share == PI, "withheld labels are not read"
    chosen = WeightedCrossEntropy(yes_share=0.4)
    chosen.prepare(items)
    assert chosen.yes_share == 0.4


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: WeightedCrossEntropy(yes_share=0.0), r"loss.yes_share must be a number in \(0, 1\), got 0.0"),
        (lambda: LogitAdjusted(tau=-1), r"loss.tau must be a number in \[0, inf\)"),
        (lambda: LogitAdjusted(yes_share=1.0), "loss.yes_share"),
        (lambda: Focal(gamma=-0.5), "loss.gamma must be"),
        (lambda: LabelSmoothing(0.5), r"loss.smoothing must be a number in \[0, 0.5\)"),
    ],
)
def test_constructors_refuse_bad_values(build, message):
    with pytest.raises(ValueError, match=message):
        build()
