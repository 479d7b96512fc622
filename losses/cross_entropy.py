"""Cross-entropy on the answer, on the whole text, or as the published code computes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from losses.answers import Answers, FormattedText
from losses.loss import Loss, masked_mean, measured, require_choice
from schedulers.schedule import require_number

TARGETS = ("answer", "sequence", "turn", "released")


def answer_cross_entropy(answers: Answers) -> Tensor:
    """Mean of -log p(labelled answer | prompt) over the supervised questions; scalar, nats."""
    return masked_mean(-answers.log_label, answers.supervised)


def class_weighted_cross_entropy(answers: Answers, yes: float, no: float) -> Tensor:
    """Answer cross-entropy with each question weighted by the weight of its labelled answer; scalar.

    The weighted sum is divided by the number of questions, not by the sum of their weights, so that a
    rare answer keeps its larger gradient also in a batch that holds nothing else (audit A3: the
    published d-separation runs use yes=7.5, no=1.0).
    """
    weights = torch.where(answers.labels, yes, no)
    return masked_mean(-weights * answers.log_label, answers.supervised)


def text_cross_entropy(text: FormattedText, labelled: Tensor) -> Tensor:
    """Mean of -log p(token) over the tokens of the texts of labelled graphs; scalar, nats per token.

    labelled: [G] bool; the text of the others holds an answer that may not be used.
    """
    return masked_mean(text.nats, labelled[text.graph])


class CrossEntropy(Loss):
    """Cross-entropy alone; lambda is ignored.

    target: ``answer`` (the answer token only), ``sequence`` (every token of the text, shifted, padding masked), ``turn``
        (the tokens of the answer turn, shifted) or ``released`` (audit A1: the tokens of the answer turn, each under the
        logits at its *own* position. It asks for a newline where the answer begins, with weight 1/T beside whatever
        supervises the answer there, T being the tokens of the turn, 5 in Gemma's).
    class_weights: None, or {"yes": w, "no": w}: *adds* an answer cross-entropy with these weights
        (audit A3).
    Texts and questions of graphs with ``labelled=False`` do not count: the text holds the answer.
    Raises ValueError for an unknown target and for weights that are missing or not positive.
    """

    name = "cross_entropy"

    def __init__(self, target: str = "answer", class_weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        require_choice("loss.target", target, TARGETS)
        self.target = target
        self.text = None if target == "answer" else target
        self.class_weights = None if class_weights is None else read_class_weights(class_weights)
        self.parts = ("cross_entropy",) if class_weights is None else ("cross_entropy", "class_weighted_answer")

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        if self.target == "answer":
            total = answer_cross_entropy(answers)
        elif text is None:
            raise ValueError(f"cross-entropy on target={self.target} needs the text, got None")
        else:
            total = text_cross_entropy(text, answers.labelled)
        parts = {"cross_entropy": total}
        if self.class_weights is not None:
            weighted = class_weighted_cross_entropy(answers, **self.class_weights)
            parts["class_weighted_answer"] = weighted
            total = total + weighted
        return {"total": total, **measured(answers, **parts)}


def read_class_weights(class_weights: Mapping[str, float]) -> dict[str, float]:
    """{"yes": w, "no": w} as floats; ValueError unless exactly these two are given and both are > 0."""
    if set(class_weights) != {"yes", "no"}:
        quoted = ' (in a YAML file they must stand in quotes: {"yes": w, "no": w})' if True in class_weights else ""
        raise ValueError(f"loss.class_weights must have exactly the keys yes and no, got {[*class_weights]}{quoted}")
    return {
        key: require_number(f"loss.class_weights.{key}", class_weights[key], open_low=True) for key in ("yes", "no")
    }
