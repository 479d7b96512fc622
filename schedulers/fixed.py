"""Schedules that depend on training progress alone.

Each moves from ``start`` to ``end`` after staying at ``start`` for the first ``hold`` share of
training. At progress 0 lambda is exactly ``start``, at progress 1 exactly ``end``, and it never leaves
the interval between them. All but ``Cyclic`` are monotone.
"""

from __future__ import annotations

import math

from schedulers.schedule import Schedule, require_number


class FixedSchedule(Schedule):
    """lambda = start + (end - start) * shape(x), x = (progress - hold) / (1 - hold) cut to [0, 1].

    start, end: lambda >= 0 at the first and last step. hold: share of training, in [0, 1).
    Raises ValueError for values outside these ranges, and for a progress outside [0, 1].
    """

    def __init__(self, start: float, end: float, hold: float = 0.0) -> None:
        self.start = require_number("schedule.start", start)
        self.end = require_number("schedule.end", end)
        self.hold = require_number("schedule.hold", hold, 0, 1, open_high=True)

    def __call__(self, progress: float) -> float:
        progress = require_number("progress", progress, 0, 1)
        x = max(0.0, (progress - self.hold) / (1 - self.hold))
        if x <= 0:
            return self.start
        if x >= 1:
            return self.end
        value = self.between(x)
        # rounding may step over an end by one unit in the last place
        return min(max(value, min(self.start, self.end)), max(self.start, self.end))

    def between(self, x: float) -> float:
        """lambda at x in (0, 1)."""
        share = self.shape(x)
        return self.end if share >= 1 else self.start + (self.end - self.start) * share

    def shape(self, x: float) -> float:
        """Share of the way from start to end at x in (0, 1)."""
        raise NotImplementedError


class Constant(FixedSchedule):
    """lambda = start throughout. ``end`` and ``hold`` do nothing, and must say so: they stand in the settings of recorded
    runs, which would be other runs without them.
    """

    def __init__(self, start: float, end: float | None = None, hold: float = 0.0) -> None:
        super().__init__(start, start if end is None else end, hold)
        if self.end != self.start:
            raise ValueError(f"schedule.end must equal schedule.start ({start}) in a constant schedule, got {end}")
        if self.hold:
            raise ValueError(f"schedule.hold must be 0 in a constant schedule, got {hold}")

    def shape(self, x: float) -> float:
        return 0.0


class Linear(FixedSchedule):
    """A straight line; 0.05 to 0.30 is the published schedule (arXiv:2605.05438)."""

    def shape(self, x: float) -> float:
        return x


class Cosine(FixedSchedule):
    """Half a cosine: slow, fast, slow."""

    def shape(self, x: float) -> float:
        return (1 - math.cos(math.pi * x)) / 2


class Exponential(FixedSchedule):
    """lambda = start * (end / start) ** x: the same factor in every step. Both ends must be > 0."""

    def __init__(self, start: float, end: float, hold: float = 0.0) -> None:
        super().__init__(start, end, hold)
        require_number("schedule.start", start, open_low=True)
        require_number("schedule.end", end, open_low=True)

    def between(self, x: float) -> float:
        return self.start * (self.end / self.start) ** x


class Step(FixedSchedule):
    """``steps`` jumps of equal height between ``steps + 1`` plateaus of equal length."""

    def __init__(self, start: float, end: float, hold: float = 0.0, steps: int = 4) -> None:
        super().__init__(start, end, hold)
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise ValueError(f"schedule.steps must be a whole number >= 1, got {steps!r}")
        self.steps = steps

    def shape(self, x: float) -> float:
        return math.floor(x * (self.steps + 1)) / self.steps


class WarmupLinear(FixedSchedule):
    """A straight line from start to end within the ``warmup`` share of training after ``hold``, then flat.

    Raises ValueError unless warmup > 0 and hold + warmup <= 1.
    """

    def __init__(self, start: float, end: float, hold: float = 0.0, warmup: float = 0.1) -> None:
        super().__init__(start, end, hold)
        self.warmup = require_number("schedule.warmup", warmup, 0, 1, open_low=True)
        if self.hold + self.warmup > 1:  # 1 - 0.9 is less than 0.1
            raise ValueError(
                f"schedule.warmup={warmup}: with schedule.hold={hold} it must be at most {1 - self.hold:g}"
            )

    def shape(self, x: float) -> float:
        return min(1.0, x * (1 - self.hold) / self.warmup)


class Cyclic(FixedSchedule):
    """``cycles`` equal cycles, each rising in a straight line from start to end and then staying there.

    Cyclical annealing (Fu et al. 2019, arXiv:1903.10145). ramp: share of a cycle that the rise takes,
    in (0, 1]. lambda jumps back to start at the beginning of each cycle.
    """

    def __init__(self, start: float, end: float, hold: float = 0.0, cycles: int = 4, ramp: float = 0.5) -> None:
        super().__init__(start, end, hold)
        if not isinstance(cycles, int) or isinstance(cycles, bool) or cycles < 1:
            raise ValueError(f"schedule.cycles must be a whole number >= 1, got {cycles!r}")
        self.cycles = cycles
        self.ramp = require_number("schedule.ramp", ramp, 0, 1, open_low=True)

    def shape(self, x: float) -> float:
        return min(1.0, (x * self.cycles) % 1.0 / self.ramp)
