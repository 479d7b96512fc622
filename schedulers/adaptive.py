"""Schedules that follow the learning state; lambda lies between bounds and survives a restart."""

from __future__ import annotations

import math

from schedulers.schedule import LearningState, Schedule, require_number

SIGNALS = ("probe", "entropy", "both")


class AdaptiveSchedule(Schedule):
    """A schedule whose lambda is ``memory["value"]``, changed by ``observe``.

    start: lambda before the first observation. minimum, maximum: its bounds, 0 <= minimum <= start <=
    maximum. memory: everything a checkpoint must keep, JSON values only.
    Raises ValueError for a start outside its bounds, and for a progress outside [0, 1].
    """

    def __init__(self, start: float, minimum: float, maximum: float) -> None:
        self.minimum = require_number("schedule.minimum", minimum)
        self.maximum = require_number("schedule.maximum", maximum, self.minimum)
        self.start = require_number("schedule.start", start, self.minimum, self.maximum)
        self.memory: dict[str, object] = {"value": self.start, "progress": 0.0}

    def __call__(self, progress: float) -> float:
        require_number("progress", progress, 0, 1)
        return self.memory["value"]

    def elapsed(self, state: LearningState) -> float:
        """Share of training since the last observation, >= 0; remembers this one."""
        passed = max(0.0, state.progress - self.memory["progress"])
        self.memory["progress"] = state.progress
        return passed

    def followed(self, state: LearningState) -> list[float] | None:
        """The parts of the loss that the schedule follows; None if the step did not measure them all."""
        parts = [state.losses.get(part) for part in self.follows.values()]
        return None if None in parts else parts

    def set_value(self, value: float) -> None:
        self.memory["value"] = min(max(value, self.minimum), self.maximum)

    def state_dict(self) -> dict[str, object]:
        return dict(self.memory)

    def load_state_dict(self, state: dict[str, object]) -> None:
        super().load_state_dict(state)
        self.memory = dict(state)


def blend(old: float | None, new: float, passed: float, time: float) -> float:
    """Exponential moving average with a time constant; ``new`` itself if there is no old value."""
    return new if old is None or time == 0 else old - (new - old) * math.expm1(-passed / time)


class AdaptiveCollapse(AdaptiveSchedule):
    """lambda rises towards ``maximum`` while the model collapses and falls again once it recovers.

    How collapsed the model is, is the share of its more frequent answer, in [0.5, 1]. signal: where it is read.
        probe: the latest probe's majority share; of its questions half are Yes.
        entropy: the share that the entropy of the training batch's mean answer amounts to, an average over batches.
        both: the larger of the two.
    entropy and both suit only training sets with about as many Yes as No: of published d-separation data 88 % are
    No, which a model that answers all of them right says as often, and the alarm would never be cleared.

    Hysteresis: the alarm is raised at ``collapsed_above`` and cleared only at ``recovered_below``.
    lambda moves exponentially, to ``maximum`` with time constant ``rise`` while there is alarm, else to
    a floor with time constant ``fall`` (both are shares of training, so a longer training is the same
    curve); nothing accumulates, so there is nothing to wind up. The floor is ``minimum`` at first; when
    the alarm comes back, lambda has fallen too low, and the floor moves half-way from there to where
    lambda was when the model had last recovered. Relapses thus bisect to the lambda that is needed.

    smoothing: weight of the past in the average over batches, a step, in [0, 1).
    Raises ValueError for values outside these ranges, and unless
    0.5 <= recovered_below < collapsed_above <= 1.
    """

    def __init__(
        self,
        start: float = 0.05,
        minimum: float = 0.05,
        maximum: float = 1.0,
        collapsed_above: float = 0.9,
        recovered_below: float = 0.75,
        rise: float = 0.05,
        fall: float = 0.1,
        smoothing: float = 0.9,
        signal: str = "probe",
    ) -> None:
        super().__init__(start, minimum, maximum)
        self.collapsed_above = require_number("schedule.collapsed_above", collapsed_above, 0.5, 1, open_low=True)
        self.recovered_below = require_number(
            "schedule.recovered_below", recovered_below, 0.5, self.collapsed_above, open_high=True
        )
        self.rise = require_number("schedule.rise", rise, open_low=True)
        self.fall = require_number("schedule.fall", fall, open_low=True)
        self.smoothing = require_number("schedule.smoothing", smoothing, 0, 1, open_high=True)
        if signal not in SIGNALS:
            raise ValueError(f"schedule.signal must be one of {', '.join(SIGNALS)}, got {signal!r}")
        self.signal = signal
        self.memory |= {
            "alarm": False,
            "floor": self.minimum,
            "recovered_at": None,  # lambda when the alarm was last cleared
            "probe_share": None,
            "batch_share": None,
        }

    def observe(self, state: LearningState) -> None:
        passed = self.elapsed(state)
        self._notice(state)
        share = self._share()
        if share is None:
            return
        memory = self.memory
        if not memory["alarm"] and share >= self.collapsed_above:
            memory["alarm"] = True
            if memory["recovered_at"] is not None:
                memory["floor"] = max(memory["floor"], (memory["value"] + memory["recovered_at"]) / 2)
        elif memory["alarm"] and share <= self.recovered_below:
            memory["alarm"] = False
            memory["recovered_at"] = memory["value"]
        goal, time = (self.maximum, self.rise) if memory["alarm"] else (memory["floor"], self.fall)
        self.set_value(blend(memory["value"], goal, passed, time))

    def _notice(self, state: LearningState) -> None:
        memory = self.memory
        if state.majority_share is not None:
            memory["probe_share"] = state.majority_share
        if state.prediction_entropy is not None:
            share = majority_of_entropy(state.prediction_entropy)
            old = memory["batch_share"]
            memory["batch_share"] = share if old is None else self.smoothing * old + (1 - self.smoothing) * share

    def _share(self) -> float | None:
        seen = {"probe": self.memory["probe_share"], "entropy": self.memory["batch_share"]}
        shares = seen.values() if self.signal == "both" else [seen[self.signal]]
        return max((share for share in shares if share is not None), default=None)


def majority_of_entropy(entropy: float) -> float:
    """The share p >= 0.5 of the more frequent of two answers whose entropy is H(p), in nats."""
    low, high = 0.5, 1.0
    for _ in range(40):  # halves the interval down to 1e-12
        middle = (low + high) / 2
        binary = -middle * math.log(middle) - (1 - middle) * math.log1p(-middle)
        low, high = (middle, high) if binary > entropy else (low, middle)
    return (low + high) / 2
