"""The semantic loss in its published form."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from losses.answers import Answers, FormattedText
from losses.baselines import margin_cross_entropy
from losses.cross_entropy import TARGETS, CrossEntropy
from losses.loss import Loss, masked_mean, measured, require_choice


class Semantic(Loss):
    """L = L_base + lambda(t) * L_sem, L_sem = -log p(the answer the graph entails) (arXiv:2605.05438).

    Where the oracle of the labels also gives the entailed answer, that answer *is* the label, and L_sem equals answer
    cross-entropy (audit A2): with base=answer the total is (1 + lambda) times answer cross-entropy, and with base=released
    L_sem is the only term that supervises the answer. There p(answer) tends to lambda / (lambda + 1/T) with T tokens in the
    answer turn, and the cross-entropy to ln((lambda + 1/T) T) / T (audit A1).

    base: answer | sequence | turn | released, as in ``CrossEntropy``, or none: the semantic term alone.
    term: ``entailed``, or its control of audit A2: ``label``, the labelled answer in place of the entailed one. ``margin``:
        -log of the labelled answer's probability among Yes and No alone, which is the exact semantic loss of the closed
        world (``ExactSemantic``, one world a graph), and equals ``Margin``.
    class_weights: as in ``CrossEntropy``; the published d-separation runs add {yes: 7.5, no: 1.0}
        (audit A3).
    Raises ValueError for an unknown base or term, and for weights that are missing, not positive or without a base.
    """

    name = "semantic"

    def __init__(
        self, base: str = "answer", class_weights: Mapping[str, float] | None = None, term: str = "entailed"
    ) -> None:
        super().__init__()
        require_choice("loss.base", base, (*TARGETS, "none"))
        require_choice("loss.term", term, ("entailed", "label", "margin"))
        if base == "none" and class_weights is not None:
            raise ValueError("loss.class_weights: belong to a cross-entropy, and loss.base=none has none")
        self.base = None if base == "none" else CrossEntropy(base, class_weights)
        self.term = term
        self.text = None if self.base is None else self.base.text
        self.parts = ("semantic",) if self.base is None else (*self.base.parts, "semantic")

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        parts = {"total": 0.0} if self.base is None else self.base(answers, text, weight)
        if self.term == "margin":
            semantic = margin_cross_entropy(answers)
        else:
            log_probability = answers.log_entailed if self.term == "entailed" else answers.log_label
            semantic = masked_mean(-log_probability, answers.supervised)
        total = parts.pop("total") + weight * semantic
        return {"total": total, **parts, **measured(answers, semantic=semantic)}
