"""The semantic loss in its published form."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from losses.answers import Answers, Sequence
from losses.cross_entropy import CrossEntropy, answer_cross_entropy
from losses.loss import Loss


class Semantic(Loss):
    """L = L_base + lambda(t) * L_sem, L_sem = -log p(the answer the graph entails) (arXiv:2605.05438).

    The entailed answer *is* the label, so L_sem equals answer cross-entropy (audit A2): with
    base=answer the total is (1 + lambda) times answer cross-entropy, and with base=released L_sem is
    the only term that supervises the answer in its right place.

    base: answer | sequence | released, as in ``CrossEntropy``.
    class_weights: as in ``CrossEntropy``; the published d-separation runs add {yes: 7.5, no: 1.0}
        (audit A3).
    Raises ValueError for an unknown base and for weights that are missing or not positive.
    """

    name = "semantic"

    def __init__(self, base: str = "answer", class_weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self.base = CrossEntropy(base, class_weights)
        self.needs_sequence = self.base.needs_sequence

    def forward(self, answers: Answers, sequence: Sequence | None, weight: float) -> dict[str, Tensor]:
        parts = self.base(answers, sequence, weight)
        entailed = answer_cross_entropy(answers)
        total = parts.pop("total") + weight * entailed
        return {"total": total, **parts, "semantic": entailed.detach()}
