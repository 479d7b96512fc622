"""What every loss is, and the reduction and refusals they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from causal_tasks import suites
from losses.answers import Answers, FormattedText

if TYPE_CHECKING:
    from causal_tasks.items import Item


class Loss(nn.Module):
    """A loss over the answers of a batch.

    An ``nn.Module`` so that a loss with learned weights hands them to the optimiser by
    ``loss.parameters()`` and to the checkpoint by ``loss.state_dict()``; most losses have neither.
    """

    name: str = ""
    text: str | None = None  # also reads these tokens of the text: sequence | turn | released (``CrossEntropy``)
    parts: tuple[str, ...] = ()  # what `forward` returns beside the total, for schedules that follow a part of the loss
    task: str | None = None  # the only task it is meant for; None = any

    def prepare(self, items: Sequence[Item], labelled: Sequence[bool] | None = None) -> None:
        """Show the loss the training items, once, before any work.

        Here a loss measures what it needs to know of them (the share of Yes, which questions form
        groups) and refuses items that it cannot work with.
        labelled: whether an item's labels may be read, one an item; None: all.
        Raises ValueError if there are none, if they belong to another task than the loss's, or if no
        graph has enough questions.
        """
        if not items:
            raise ValueError(f"loss={self.name}: there are no training items")
        tasks = {item.task for item in items}
        if self.task is not None and tasks != {self.task}:
            raise ValueError(f"loss={self.name} works on task={self.task} only, got {', '.join(sorted(tasks))}")
        most = max(len(item.questions) for item in items)
        needed = max(map(self.questions_needed, tasks))
        if most < needed:
            raise ValueError(
                f"loss={self.name} needs at least {needed} questions on a graph (task.questions_per_graph), "
                f"got at most {most}"
            )

    def questions_needed(self, task: str, generated: bool = False) -> int:
        """Smallest number of questions per graph with which it can do anything on ``task``.

        generated: on questions that are drawn, of which the first two on a graph are one Yes and one No.
        """
        return 1

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        """The loss of a batch.

        answers: G graphs with K questions each. text: the texts' tokens, where it names some.
        weight: lambda(t) >= 0, the weight of the semantic term; losses without one ignore it.
        Returns {"total": scalar with gradient, "<part>": detached scalars for the log}. The part that
        lambda weights is always called "semantic", the cross-entropy beside it "cross_entropy", so
        that adaptive schedules find them; all of them are named in `parts`. One that nothing in the batch
        measures (no label may be read, no group was asked) adds 0 to the total and is left out: it is not 0.
        """
        raise NotImplementedError


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` where ``mask`` (same shape); 0, still attached to the graph, where nothing is."""
    return values.where(mask, 0.0).sum() / mask.sum().clamp(min=1)


def measured(answers: Answers, **parts: Tensor) -> dict[str, Tensor]:
    """Parts of a loss that read labels, detached for the log; {} where no label of the batch may be read: they are not 0."""
    return {name: value.detach() for name, value in parts.items()} if answers.supervised.any() else {}


def yes_share(items: Sequence[Item]) -> float:
    """Share of Yes among the labels of ``items``; ValueError unless both answers occur."""
    share = suites.yes_share(items)
    if not 0 < share < 1:
        raise ValueError(
            f"the training labels are all {'Yes' if share else 'No'}; a loss that reweights them needs both"
        )
    return share


def require_choice(key: str, value: object, allowed: Iterable[object]) -> None:
    """Raise ValueError unless ``value`` is one of ``allowed``."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{key} must be one of {', '.join(map(str, allowed))}, got {value!r}")
