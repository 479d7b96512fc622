import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from losses import Answers, CrossEntropy, Semantic, Sequence
from losses.answers import LOG_OF_ZERO
from losses.cross_entropy import answer_cross_entropy, class_weighted_cross_entropy, sequence_cross_entropy


def slow_answer(answers, yes=1.0, no=1.0):
    """One question at a time, in plain Python numbers until the last line."""
    terms = []
    for g in range(answers.labels.shape[0]):
        for k in range(answers.labels.shape[1]):
            if answers.valid[g, k] and answers.labelled[g]:
                terms.append(yes * -answers.log_yes[g, k] if answers.labels[g, k] else no * -answers.log_no[g, k])
    return sum(terms) / len(terms)


def slow_sequence(sequence, rows, shifted=True):
    """One token at a time with torch's own cross-entropy."""
    terms = []
    for b in range(sequence.tokens.shape[0]):
        for t in range(sequence.tokens.shape[1]):
            parent = int(sequence.parents[b, t]) if shifted else t
            if rows[b] and (not shifted or (sequence.valid[b, t] and parent >= 0)):
                terms.append(cross_entropy(sequence.logits[b, parent].double(), sequence.tokens[b, t]))
    return sum(terms) / len(terms)


def gradients(value, *tensors):
    return torch.autograd.grad(value, tensors, allow_unused=True, retain_graph=True)


def test_answer_cross_entropy_and_gradient_equal_the_slow_reference(answers):
    inputs = (answers.log_yes, answers.log_no)
    fast, slow = answer_cross_entropy(answers), slow_answer(answers)
    torch.testing.assert_close(fast, slow)
    for a, b in zip(gradients(fast, *inputs), gradients(slow, *inputs), strict=True):
        torch.testing.assert_close(a, b)


def test_class_weights_equal_the_slow_reference(answers):
    fast, slow = class_weighted_cross_entropy(answers, 7.5, 1.0), slow_answer(answers, 7.5, 1.0)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(gradients(fast, answers.log_yes), gradients(slow, answers.log_yes))


@pytest.mark.parametrize("target", ["sequence", "released"])
def test_text_cross_entropy_and_gradient_equal_the_slow_reference(answers, sequence, target):
    fast = CrossEntropy(target)(answers, sequence, 0.0)["total"]
    slow = slow_sequence(sequence, answers.labelled, shifted=target == "sequence")
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(gradients(fast, sequence.logits), gradients(slow, sequence.logits))


def test_released_counts_padding_and_sequence_does_not(answers, sequence):
    answers.labelled[:] = True
    before = {t: CrossEntropy(t)(answers, sequence, 0.0)["total"].item() for t in ("sequence", "released")}
    sequence.tokens[1, -1] = (sequence.tokens[1, -1] + 1) % sequence.logits.shape[-1]
    after = {t: CrossEntropy(t)(answers, sequence, 0.0)["total"].item() for t in ("sequence", "released")}
    assert before["sequence"] == after["sequence"]
    assert before["released"] != after["released"]


def test_sequence_cross_entropy_by_hand():
    # one text of two tokens, uniform logits over 4 tokens: -log(1/4)
    text = Sequence(
        torch.zeros(1, 2, 4), torch.tensor([[3, 1]]), torch.tensor([[-1, 0]]), torch.ones(1, 2, dtype=torch.bool)
    )
    assert sequence_cross_entropy(text, torch.tensor([True])).item() == pytest.approx(math.log(4))


def test_sequence_cross_entropy_in_bf16_is_computed_in_float32(make_sequence):
    sequence = make_sequence(dtype=torch.bfloat16)
    rows = torch.ones(3, dtype=torch.bool)
    loss = sequence_cross_entropy(sequence, rows)
    torch.testing.assert_close(loss.double(), slow_sequence(sequence, rows), rtol=1e-6, atol=1e-6)
    loss.backward()
    assert sequence.logits.grad.dtype == torch.bfloat16
    assert sequence.logits.grad.isfinite().all()


def test_one_text_per_question_follows_its_graphs_labelled_flag(answers, make_sequence):
    sequence = make_sequence(rows=12)  # 3 graphs with 4 questions each
    loss = CrossEntropy("sequence")(answers, sequence, 0.0)["total"]
    loss.backward()
    used = sequence.logits.grad.abs().sum((1, 2)) > 0
    assert used.tolist() == [True] * 4 + [False] * 4 + [True] * 4


@pytest.mark.parametrize("base", ["answer", "sequence", "released"])
def test_semantic_adds_lambda_times_answer_cross_entropy(answers, sequence, base):
    result = Semantic(base)(answers, sequence, 0.3)
    expected = CrossEntropy(base)(answers, sequence, 0.0)["total"] + 0.3 * answer_cross_entropy(answers)
    torch.testing.assert_close(result["total"], expected)
    assert set(result) == {"total", "cross_entropy", "semantic"}
    assert result["total"].requires_grad and not result["semantic"].requires_grad


def test_semantic_with_the_published_class_weights(answers, sequence):
    result = Semantic("sequence", {"yes": 7.5, "no": 1.0})(answers, sequence, 0.05)
    expected = (
        CrossEntropy("sequence")(answers, sequence, 0.0)["total"]
        + slow_answer(answers, 7.5, 1.0)
        + 0.05 * slow_answer(answers)
    )
    torch.testing.assert_close(result["total"], expected)
    assert {"class_weighted_answer", "semantic", "cross_entropy"} < set(result)


@pytest.mark.parametrize("target", ["answer", "sequence", "released"])
def test_no_labelled_question_gives_zero_with_a_graph(answers, sequence, target):
    answers.labelled[:] = False
    total = Semantic(target, {"yes": 2.0, "no": 1.0})(answers, sequence, 0.3)["total"]
    assert total.item() == 0
    (gradient,) = gradients(total, answers.log_yes)
    assert (gradient == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_finite_at_probability_zero_and_one(dtype):
    logits = torch.tensor([[[float("-inf"), 0.0], [0.0, float("-inf")]]], dtype=dtype, requires_grad=True)
    log_p = logits.log_softmax(-1)
    shape = (1, 2)
    answers = Answers(
        log_yes=log_p[..., 0],
        log_no=log_p[..., 1],
        labels=torch.tensor([[True, True]]),
        valid=torch.ones(shape, dtype=torch.bool),
        source=torch.zeros(shape, dtype=torch.long),
        target=torch.ones(shape, dtype=torch.long),
        given=torch.zeros(1, 2, 2, dtype=torch.bool),
        adjacency=torch.zeros(1, 2, 2, dtype=torch.bool),
        nodes=torch.tensor([2]),
        labelled=torch.tensor([True]),
    )
    assert answers.log_yes.dtype == torch.float32
    total = Semantic("answer")(answers, None, 1.0)["total"]
    assert total.item() == pytest.approx(-LOG_OF_ZERO)
    total.backward()
    assert not logits.grad.isnan().any()


def test_log_p_is_normalised_over_yes_and_no(answers):
    yes, no = answers.log_p
    torch.testing.assert_close(yes.exp() + no.exp(), torch.ones_like(yes))
    torch.testing.assert_close(yes - no, answers.margin)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CrossEntropy("answers"), "loss.target must be one of answer, sequence, released"),
        (lambda: Semantic("exact"), "loss.target must be one of"),
        (
            lambda: CrossEntropy("answer", {"yes": -1.0, "no": 1.0}),
            r"loss.class_weights.yes must be a number in \(0, inf\)",
        ),
        (lambda: CrossEntropy("answer", {"yes": 1.0}), "exactly the keys yes and no"),
        (lambda: Semantic("answer", {"yes": 1.0, "no": float("nan")}), "loss.class_weights.no"),
    ],
)
def test_constructors_refuse_bad_values(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_wrong_shapes_are_refused(answers, sequence):
    with pytest.raises(ValueError, match=r"Answers.labels: shape must be \[3, 4\]"):
        Answers(**{**vars(answers), "labels": answers.labels[:, :2]})
    with pytest.raises(ValueError, match="Sequence.tokens"):
        Sequence(sequence.logits, sequence.tokens[:, :2], sequence.parents, sequence.valid)
    with pytest.raises(ValueError, match="needs the whole text"):
        CrossEntropy("sequence")(answers, None, 0.0)
    with pytest.raises(ValueError, match="2 texts for 3 graphs"):
        CrossEntropy("sequence")(answers, Sequence(*(t[:2] for t in vars(sequence).values())), 0.0)
