"""What every loss is, and the reduction and refusals they share."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from losses.answers import Answers, Sequence


class Loss(nn.Module):
    """A loss over the answers of a batch.

    An ``nn.Module`` so that a loss with learned weights hands them to the optimiser by
    ``loss.parameters()`` and to the checkpoint by ``loss.state_dict()``; most losses have neither.
    """

    name: str = ""
    needs_sequence: bool = False  # also reads ``Sequence``
    minimum_questions: int = 1  # smallest number of questions per graph it can work with
    task: str | None = None  # the only task it is meant for; None = any
    needs_prior: bool = False  # ``set_training_prior`` must be called before the first step

    def set_training_prior(self, yes_share: float) -> None:
        """Tell the loss the measured share of Yes among the training labels, in (0, 1).

        The trainer calls it once, before the first step; a loss that does not use it ignores it.
        """

    def check_questions(self, questions_per_graph: int, task: str) -> None:
        """Refuse, before any work, data this loss cannot work with.

        Raises ValueError if there are too few questions on a graph, or the task is not the loss's.
        """
        if questions_per_graph < self.minimum_questions:
            raise ValueError(
                f"loss={self.name} needs task.questions_per_graph >= {self.minimum_questions}, "
                f"got {questions_per_graph}"
            )
        if self.task is not None and task != self.task:
            raise ValueError(f"loss={self.name} works on task={self.task} only, got task={task}")

    def forward(self, answers: Answers, sequence: Sequence | None, weight: float) -> dict[str, Tensor]:
        """The loss of a batch.

        answers: G graphs with K questions each. sequence: the texts, where ``needs_sequence``.
        weight: lambda(t) >= 0, the weight of the semantic term; losses without one ignore it.
        Returns {"total": scalar with gradient, "<part>": detached scalars for the log}.
        """
        raise NotImplementedError


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``values`` where ``mask`` (same shape); 0, still attached to the graph, where nothing is."""
    return values.where(mask, 0.0).sum() / mask.sum().clamp(min=1)


def require_choice(key: str, value: object, allowed: Iterable[object]) -> None:
    """Raise ValueError unless ``value`` is one of ``allowed``."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{key} must be one of {', '.join(map(str, allowed))}, got {value!r}")
