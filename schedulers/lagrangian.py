"""lambda as the Lagrange multiplier of a constraint on a part of the loss."""

from __future__ import annotations

from schedulers.adaptive import AdaptiveSchedule, blend
from schedulers.schedule import LearningState, require_number


class Lagrangian(AdaptiveSchedule):
    """Dual ascent on "violation <= target", optionally with the other two terms of a PID controller.

    lambda = clip(I + proportional * e + derivative * (v - v')_+), e = v - target, where v is the
    violation averaged with time constant ``smoothing`` and v' the same averaged once more (so v - v' is
    its recent rise), and the multiplier I grows by integral * e * (share of training passed), clipped
    to the same bounds: it does not wind up while lambda is at its limit. proportional = derivative = 0 is plain
    dual ascent; the other two damp its oscillations (Stooke, Achiam & Abbeel 2020, arXiv:2007.03964,
    algorithm 2).

    violation: name of the loss part that is to fall to the target; "semantic" is the part that lambda
        weights. target: where it is to fall, in the part's unit (nats).
    integral > 0: by how much a violation of 1 raises lambda in a whole training.
    smoothing >= 0: a share of training.
    A step that did not measure the violation changes nothing; its share of training counts at the next that did.
    Raises ValueError for values outside these ranges.
    """

    def __init__(
        self,
        start: float = 0.05,
        minimum: float = 0.0,
        maximum: float = 2.0,
        violation: str = "semantic",
        target: float = 0.1,
        integral: float = 5.0,
        proportional: float = 0.0,
        derivative: float = 0.0,
        smoothing: float = 0.02,
    ) -> None:
        super().__init__(start, minimum, maximum)
        self.follows = {"violation": violation}
        self.target = require_number("schedule.target", target)
        self.integral = require_number("schedule.integral", integral, open_low=True)
        self.proportional = require_number("schedule.proportional", proportional)
        self.derivative = require_number("schedule.derivative", derivative)
        self.smoothing = require_number("schedule.smoothing", smoothing)
        self.memory |= {"multiplier": self.start, "violation": None, "past_violation": None}

    def observe(self, state: LearningState) -> None:
        followed = self.followed(state)
        if followed is None:
            return
        (seen,) = followed
        passed = self.elapsed(state)
        memory = self.memory
        memory["violation"] = blend(memory["violation"], seen, passed, self.smoothing)
        memory["past_violation"] = blend(memory["past_violation"], memory["violation"], passed, self.smoothing)
        excess = memory["violation"] - self.target
        rise = max(0.0, memory["violation"] - memory["past_violation"])
        multiplier = memory["multiplier"] + self.integral * excess * passed
        memory["multiplier"] = min(max(multiplier, self.minimum), self.maximum)
        self.set_value(memory["multiplier"] + self.proportional * excess + self.derivative * rise)
