"""What every lambda schedule is."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LearningState:
    """What the trainer saw in one optimisation step.

    step: optimisation steps done. progress: share of training done, in [0, 1].
    majority_share: share of the more frequent verdict on the probe set, in [0.5, 1]; None on steps
        without a probe.
    prediction_entropy: entropy H(mean p) of the batch's answer distribution, averaged over the batch
        (all passes of the step) first, in nats, [0, ln 2]; None where it was not measured.
    losses: the parts of the last step's loss, as the loss returned them, each a mean over the passes that measured it; without
        those that none did. Empty at step 0, before any training.
    """

    step: int
    progress: float
    majority_share: float | None = None
    prediction_entropy: float | None = None
    losses: dict[str, float] = field(default_factory=dict)


class Schedule:
    """lambda as a function of training progress and, for adaptive schedules, of the learning state.

    follows: setting of the schedule → the part of the loss that it names.
    """

    follows: Mapping[str, str] = {}

    def __call__(self, progress: float) -> float:
        """lambda >= 0 at ``progress`` in [0, 1]."""
        raise NotImplementedError

    def observe(self, state: LearningState) -> None:
        """Take note of one optimisation step; fixed schedules ignore it."""

    def check_parts(self, loss: str, parts: Collection[str]) -> None:
        """Raise ValueError if a loss of these parts lacks one that the schedule follows. loss: what it is called."""
        for setting, part in self.follows.items():
            if part not in parts:
                raise ValueError(f"schedule.{setting}={part}: {loss} has no such part, only {', '.join(sorted(parts))}")

    def state_dict(self) -> dict[str, object]:
        """What a checkpoint must keep, as JSON values; fixed schedules have nothing to keep."""
        return {}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from ``state_dict()``; ValueError if it is not one of this schedule's."""
        expected = self.state_dict()
        if set(state) != set(expected):
            raise ValueError(
                f"{type(self).__name__}: checkpoint has schedule state {sorted(state)}, expected {sorted(expected)}"
            )


def require_number(
    key: str,
    value: object,
    low: float = 0.0,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """``value`` as a float; ValueError unless it is a finite number between ``low`` and ``high``."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < low or value > high or (open_low and value == low) or (open_high and value == high):
        left = "(" if open_low else "["
        right = ")" if open_high or math.isinf(high) else "]"
        raise ValueError(f"{key} must be a number in {left}{low:g}, {high:g}{right}, got {value!r}")
    return float(value)
