"""What holds for every schedule: its state survives a resume, and wrong settings are refused."""

import json
import math
import random

import pytest

from schedulers import AdaptiveCollapse, Lagrangian, LearningState, Linear, ReLoBRaLo
from tests.schedulers.learners import entropy, simulate


def full_learner():
    """A learner that shows every signal and does not depend on earlier calls."""

    def learner(step, value):
        noise = random.Random(step)
        share = 0.75 + 0.24 * math.sin(step / 40)
        return {
            "majority_share": share if step % 7 == 0 else None,
            "prediction_entropy": entropy(min(1.0, share + 0.01 * noise.random())),
            "losses": {"cross_entropy": 0.5 + 0.3 * noise.random(), "semantic": 0.1 + 0.5 * noise.random()},
        }

    return learner


@pytest.mark.parametrize(
    "build",
    [
        lambda: AdaptiveCollapse(),
        lambda: Lagrangian(proportional=0.5, derivative=0.5),
        lambda: ReLoBRaLo(lookback=0.3),
        lambda: Linear(0.05, 0.3),
    ],
    ids=["adaptive_collapse", "lagrangian", "relobralo", "linear"],
)
def test_a_resumed_run_continues_the_same_lambda_sequence(build):
    learner, whole = full_learner(), build()
    expected = simulate(whole, learner, 300)
    first = build()
    for step in range(1, 151):
        first.observe(LearningState(step=step, progress=step / 300, **learner(step, 0)))
    resumed = build()
    resumed.load_state_dict(json.loads(json.dumps(first.state_dict())))
    values = [resumed(0.5)]
    for step in range(151, 301):
        resumed.observe(LearningState(step=step, progress=step / 300, **learner(step, 0)))
        values.append(resumed(step / 300))
    assert values == expected[150:]
    assert json.loads(json.dumps(resumed.state_dict())) == whole.state_dict()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AdaptiveCollapse(start=0.01), r"schedule.start must be a number in \[0.05, 1\], got 0.01"),
        (
            lambda: AdaptiveCollapse(minimum=0.5, maximum=0.1, start=0.1),
            r"schedule.maximum must be a number in \[0.5, inf\)",
        ),
        (lambda: AdaptiveCollapse(recovered_below=0.9), r"schedule.recovered_below must be a number in \[0.5, 0.9\)"),
        (lambda: AdaptiveCollapse(collapsed_above=1.1), r"schedule.collapsed_above must be a number in \(0.5, 1\]"),
        (lambda: AdaptiveCollapse(rise=0), "schedule.rise"),
        (lambda: AdaptiveCollapse(signal="loss"), "schedule.signal must be one of probe, entropy, both"),
        (lambda: Lagrangian(start=3.0), r"schedule.start must be a number in \[0, 2\], got 3.0"),
        (lambda: Lagrangian(integral=0.0), "schedule.integral"),
        (lambda: Lagrangian(proportional=-1.0), "schedule.proportional"),
        (lambda: ReLoBRaLo(temperature=0.0), "schedule.temperature"),
        (lambda: ReLoBRaLo(start=0.001), "schedule.start"),
        (lambda: ReLoBRaLo(lookback=1.5), r"schedule.lookback must be a number in \[0, 1\]"),
        (lambda: AdaptiveCollapse()(2.0), "progress must be"),
        (lambda: Lagrangian().load_state_dict({"value": 0.1}), "Lagrangian: checkpoint has schedule state"),
    ],
)
def test_refusals(build, message):
    with pytest.raises(ValueError, match=message):
        build()
