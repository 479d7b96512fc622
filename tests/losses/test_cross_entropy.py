import math
from dataclasses import replace

import pytest
import torch

from losses import Answers, CrossEntropy, FormattedText, Semantic
from losses.answers import LOG_OF_ZERO
from losses.cross_entropy import answer_cross_entropy, class_weighted_cross_entropy


def slow_answer(answers, yes=1.0, no=1.0):
    """One question at a time, in plain Python numbers until the last line."""
    terms = []
    for g in range(answers.labels.shape[0]):
        for k in range(answers.labels.shape[1]):
            if answers.valid[g, k] and answers.labelled[g]:
                terms.append(yes * -answers.log_yes[g, k] if answers.labels[g, k] else no * -answers.log_no[g, k])
    return sum(terms) / len(terms)


def slow_text(text, labelled):
    """One token at a time."""
    terms = [nats for nats, graph in zip(text.nats, text.graph, strict=True) if labelled[graph]]
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


@pytest.mark.parametrize("target", ["sequence", "turn", "released"])
def test_text_cross_entropy_and_gradient_equal_the_slow_reference(answers, text, target):
    loss = CrossEntropy(target)
    assert loss.text == target
    fast, slow = loss(answers, text, 0.0)["total"], slow_text(text, answers.labelled)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(gradients(fast, text.nats), gradients(slow, text.nats))


def test_the_text_of_an_unlabelled_graph_does_not_count(answers, text):
    text.nats.retain_grad()
    CrossEntropy("sequence")(answers, text, 0.0)["total"].backward()
    assert ((text.nats.grad != 0) == answers.labelled[text.graph]).all()


@pytest.mark.parametrize("base", ["answer", "sequence", "turn", "released"])
def test_semantic_adds_lambda_times_answer_cross_entropy(answers, text, base):
    result = Semantic(base)(answers, text, 0.3)
    expected = CrossEntropy(base)(answers, text, 0.0)["total"] + 0.3 * answer_cross_entropy(answers)
    torch.testing.assert_close(result["total"], expected)
    assert set(result) == {"total", "cross_entropy", "semantic"}
    assert result["total"].requires_grad and not result["semantic"].requires_grad


def test_the_semantic_term_alone(answers, text):
    result = Semantic("none")(answers, None, 0.3)
    torch.testing.assert_close(result["total"], 0.3 * answer_cross_entropy(answers))
    assert set(result) == {"total", "semantic"} and Semantic("none").text is None


def test_the_term_may_ask_for_the_label_where_the_oracle_says_otherwise(answers, text):
    answers = replace(answers, entailed=~answers.labels)
    semantic, label = (Semantic("answer", term=term)(answers, text, 0.3)["semantic"] for term in ("entailed", "label"))
    torch.testing.assert_close(label, answer_cross_entropy(answers).detach())
    torch.testing.assert_close(semantic, answer_cross_entropy(replace(answers, labels=~answers.labels)).detach())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"base": "nothing"}, "loss.base must be one of"),
        ({"term": "facts"}, "loss.term must be one of"),
        ({"base": "none", "class_weights": {"yes": 7.5, "no": 1.0}}, "loss.class_weights"),
    ],
)
def test_semantic_refuses(settings, named):
    with pytest.raises(ValueError, match=named):
        Semantic(**settings)


def test_semantic_with_the_published_class_weights(answers, text):
    result = Semantic("sequence", {"yes": 7.5, "no": 1.0})(answers, text, 0.05)
    expected = (
        CrossEntropy("sequence")(answers, text, 0.0)["total"]
        + slow_answer(answers, 7.5, 1.0)
        + 0.05 * slow_answer(answers)
    )
    torch.testing.assert_close(result["total"], expected)
    assert {"class_weighted_answer", "semantic", "cross_entropy"} < set(result)


@pytest.mark.parametrize("target", ["answer", "sequence", "turn", "released"])
def test_no_labelled_question_gives_zero_with_a_graph(answers, text, target):
    answers.labelled[:] = False
    total = Semantic(target, {"yes": 2.0, "no": 1.0})(answers, text, 0.3)["total"]
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
        (lambda: CrossEntropy("answers"), "loss.target must be one of answer, sequence, turn, released"),
        (lambda: Semantic("exact"), "loss.base must be one of"),
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


def test_wrong_shapes_are_refused(answers, text):
    with pytest.raises(ValueError, match=r"Answers.labels: shape must be \[3, 4\]"):
        Answers(**{**vars(answers), "labels": answers.labels[:, :2]})
    with pytest.raises(ValueError, match="nats and graph must both be"):
        FormattedText(text.nats, text.graph[:2])
    with pytest.raises(ValueError, match="needs the text"):
        CrossEntropy("sequence")(answers, None, 0.0)


def test_the_semantic_term_asks_for_what_is_entailed(answers):
    """Audit A2: the label, unless another oracle is given."""
    label = Semantic("answer")(answers, None, 0.3)
    wrong = Answers(**{**vars(answers), "entailed": ~answers.labels})
    opposite = Semantic("answer")(wrong, None, 0.3)
    assert opposite["cross_entropy"] == label["cross_entropy"] and opposite["semantic"] != label["semantic"]
    other = torch.where(answers.labels, answers.log_no, answers.log_yes)
    torch.testing.assert_close(opposite["semantic"], -other[answers.supervised].mean().detach())


@pytest.mark.parametrize("weight", [0.0627, 0.179, 0.2987])
def test_the_law_of_lambda_is_the_minimum_of_the_released_loss(weight):
    """Audit A1: at the newline a fifth of the cross-entropy asks for a newline and lambda for the answer."""
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)  # newline, Yes, No
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def loss():
        log_p = logits.log_softmax(0)
        answers = one_answer(log_p[1], log_p[2])
        # the other four tokens of the turn are copied without fault
        text = FormattedText(
            torch.cat([torch.zeros(4, dtype=torch.float64), -log_p[:1]]), torch.zeros(5, dtype=torch.long)
        )
        return Semantic("released")(answers, text, weight)

    def closure():
        optimizer.zero_grad()
        total = loss()["total"]
        total.backward()
        return total

    optimizer.step(closure)
    parts = loss()
    assert parts["semantic"].exp().reciprocal().item() == pytest.approx(weight / (weight + 0.2), abs=1e-4)
    assert parts["cross_entropy"].item() == pytest.approx(0.2 * math.log((weight + 0.2) / 0.2), abs=1e-4)


def one_answer(log_yes, log_no):
    one = torch.ones(1, 1, dtype=torch.bool)
    return Answers(
        log_yes=log_yes.view(1, 1), log_no=log_no.view(1, 1), labels=one, valid=one, source=one.long() * 0, target=one.long(),
        given=torch.zeros(1, 1, 2, dtype=torch.bool), adjacency=torch.zeros(1, 2, 2, dtype=torch.bool),
        nodes=torch.tensor([2]), labelled=torch.tensor([True]),
    )  # fmt: skip
