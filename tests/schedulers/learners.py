"""Learners that answer to lambda, for schedules that watch them."""

import math
import random

from schedulers import LearningState

STEPS = 2000


def entropy(share):
    return -sum(p * math.log(p) for p in (share, 1 - share) if p > 0)


def simulate(schedule, learner, steps=STEPS):
    """lambda at each step; the learner maps (step, lambda) to the rest of a learning state."""
    values = [schedule(0.0)]
    for step in range(1, steps + 1):
        progress = step / steps
        schedule.observe(LearningState(step=step, progress=progress, **learner(step, values[-1])))
        values.append(schedule(progress))
    return values


class CollapsingLearner:
    """Its majority share moves towards 0.99 while lambda is below ``needed``, else towards 0.55."""

    def __init__(self, needed, noise=0.0, inertia=0.98, probe_every=50):
        self.needed, self.noise, self.inertia, self.probe_every = needed, noise, inertia, probe_every
        self.share, self.random = 0.6, random.Random(0)

    def __call__(self, step, value):
        goal = 0.99 if value < self.needed else 0.55
        self.share = self.inertia * self.share + (1 - self.inertia) * goal
        batch = min(max(self.share + self.random.gauss(0, self.noise), 0.5), 1.0)
        probe = self.share if step % self.probe_every == 0 else None
        return {"majority_share": probe, "prediction_entropy": entropy(batch)}


class ConstrainedLearner:
    """Its violation follows 0.7 / (1 + 8 lambda) with a lag."""

    def __init__(self, inertia=0.99, floor=0.0):
        self.inertia, self.floor, self.violation = inertia, floor, 0.7

    def __call__(self, step, value):
        goal = max(self.floor, 0.7 / (1 + 8 * value))
        self.violation = self.inertia * self.violation + (1 - self.inertia) * goal
        return {"losses": {"semantic": self.violation}}


def turns(values, least=0.005):
    """How often a sequence changes direction, counting only swings larger than ``least``."""
    count, extreme, direction = 0, values[0], 0
    for value in values:
        if abs(value - extreme) > least and (value > extreme) != (direction > 0):
            count, direction = count + (direction != 0), 1 if value > extreme else -1
            extreme = value
        elif direction == 0 or (value > extreme) == (direction > 0):
            extreme = value if direction else extreme
    return count
