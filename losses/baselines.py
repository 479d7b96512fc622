"""Answer losses that a semantic term must beat: reweighted, focused, adjusted, smoothed, binary.

None uses lambda. All reduce over the questions whose labels may be used. pi is the share of Yes among
the training labels that are not withheld: measured by ``prepare``, or given as ``yes_share``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from losses.answers import Answers, FormattedText
from losses.cross_entropy import class_weighted_cross_entropy
from losses.loss import Loss, masked_mean, yes_share
from schedulers.schedule import require_number

if TYPE_CHECKING:
    from causal_tasks.items import Item


def focal_cross_entropy(answers: Answers, gamma: float) -> Tensor:
    """Mean of -(1 - p)**gamma * log p, p = p(labelled answer); scalar. Lin et al. 2017, eq. 4.

    p is the full-vocabulary probability, so that gamma = 0 is answer cross-entropy.
    """
    # 1 - p as -expm1(log p) keeps its digits near p = 1; the clamp keeps the slope of x**gamma
    # finite at p = 1 exactly, where a gamma below 1 would make it infinite.
    miss = (-torch.expm1(answers.log_label)).clamp(min=torch.finfo(answers.log_label.dtype).tiny ** 0.5)
    return masked_mean(-(miss**gamma) * answers.log_label, answers.supervised)


def smoothed_cross_entropy(answers: Answers, smoothing: float) -> Tensor:
    """Mean of -(1 - e) log p(label) - e log p(other answer); scalar. Szegedy et al. 2016, section 7,
    with the smoothed mass on the other answer instead of on the whole vocabulary.
    """
    log_other = torch.where(answers.labels, answers.log_no, answers.log_yes)
    return masked_mean(-(1 - smoothing) * answers.log_label - smoothing * log_other, answers.supervised)


def margin_cross_entropy(answers: Answers, offset: float = 0.0) -> Tensor:
    """Mean binary cross-entropy of sigmoid(m + offset), m = log p(Yes) - log p(No); scalar."""
    margin = answers.margin + offset
    loss = binary_cross_entropy_with_logits(margin, answers.labels.to(margin.dtype), reduction="none")
    return masked_mean(loss, answers.supervised)


class _WithPrior(Loss):
    """A loss that needs pi; ValueError for a ``yes_share`` outside (0, 1), or if pi is never learnt."""

    def __init__(self, yes_share: float | None = None) -> None:
        super().__init__()
        if yes_share is not None:
            yes_share = require_number("loss.yes_share", yes_share, 0, 1, open_low=True, open_high=True)
        self.yes_share = yes_share

    def prepare(self, items: Sequence[Item], labelled: Sequence[bool] | None = None) -> None:
        super().prepare(items, labelled)
        if self.yes_share is None:
            self.yes_share = yes_share(items if labelled is None else list(compress(items, labelled)))

    def prior(self) -> float:
        if self.yes_share is None:
            raise ValueError(
                f"loss={self.name} does not know the share of Yes in training: "
                "set loss.yes_share, or call prepare(items) before the first step"
            )
        return self.yes_share


class WeightedCrossEntropy(_WithPrior):
    """Answer cross-entropy with inverse-frequency weights: Yes 1 / (2 pi), No 1 / (2 (1 - pi)).

    The weights average to 1 over the training set and give both answers half of the loss.
    """

    name = "weighted_cross_entropy"

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        share = self.prior()
        return {"total": class_weighted_cross_entropy(answers, yes=0.5 / share, no=0.5 / (1 - share))}


class LogitAdjusted(_WithPrior):
    """Binary cross-entropy of m + tau * log(pi / (1 - pi)); verdicts use the plain m.

    Menon et al. 2021 (arXiv:2007.07314), eq. 10, for two classes: the margin has to overcome the
    training prior, and without it in evaluation it is calibrated to balanced accuracy.
    tau: strength >= 0, else ValueError; 1 is the consistent choice, 0 is ``Margin``.
    """

    name = "logit_adjusted"

    def __init__(self, tau: float = 1.0, yes_share: float | None = None) -> None:
        super().__init__(yes_share)
        self.tau = require_number("loss.tau", tau)

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        share = self.prior()
        return {"total": margin_cross_entropy(answers, self.tau * math.log(share / (1 - share)))}


class Focal(Loss):
    """Focal loss (Lin et al. 2017, arXiv:1708.02002). gamma >= 0, else ValueError: how much easy answers are
    discounted; 0 is answer cross-entropy."""

    name = "focal"

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = require_number("loss.gamma", gamma)

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        return {"total": focal_cross_entropy(answers, self.gamma)}


class LabelSmoothing(Loss):
    """Answer cross-entropy against smoothed labels. smoothing in [0, 0.5), else ValueError: mass of the
    other answer."""

    name = "label_smoothing"

    def __init__(self, smoothing: float = 0.1) -> None:
        super().__init__()
        self.smoothing = require_number("loss.smoothing", smoothing, 0, 0.5, open_high=True)

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        return {"total": smoothed_cross_entropy(answers, self.smoothing)}


class Margin(Loss):
    """Binary cross-entropy on m: only the difference of the two answers, nothing on the vocabulary."""

    name = "margin"

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        return {"total": margin_cross_entropy(answers)}
