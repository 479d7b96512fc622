"""The semantic loss in its published form."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from losses.answers import Answers, FormattedText
from losses.cross_entropy import CrossEntropy
from losses.loss import Loss, masked_mean


class Semantic(Loss):
    """L = L_base + lambda(t) * L_sem, L_sem = -log p(the answer the graph entails) (arXiv:2605.05438).

    Where the oracle of the labels also gives the entailed answer, that answer *is* the label, and L_sem equals answer
    cross-entropy (audit A2): with base=answer the total is (1 + lambda) times answer cross-entropy, and with base=released
    L_sem is the only term that supervises the answer. There p(answer) tends to lambda / (lambda + 1/T) with T tokens in the
    answer turn, and the cross-entropy to ln((lambda + 1/T) T) / T (audit A1).

    base: answer | sequence | turn | released, as in ``CrossEntropy``.
    class_weights: as in ``CrossEntropy``; the published d-separation runs add {yes: 7.5, no: 1.0}
        (audit A3).
    Raises ValueError for an unknown base and for weights that are missing or not positive.
    """

    name = "semantic"

    def __init__(self, base: str = "answer", class_weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.base = CrossEntropy(base, class_weights)
        self.text = self.base.text

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        parts = self.base(answers, text, weight)
        entailed = masked_mean(-answers.log_entailed, answers.supervised)
        total = parts.pop("total") + weight * entailed
        return {"total": total, **parts, "semantic": entailed.detach()}
