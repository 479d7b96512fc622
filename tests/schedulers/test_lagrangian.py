"""Lambda as a multiplier: it meets its target and settles."""

import math
from dataclasses import replace

import pytest

from schedulers import Lagrangian, LearningState
from tests.schedulers.learners import STEPS, ConstrainedLearner, simulate, turns

PLAIN = {"target": 0.2, "integral": 5.0}
PID = {**PLAIN, "proportional": 1.0, "derivative": 2.0}
NEEDED = (0.7 / 0.2 - 1) / 8  # lambda at which the simulated violation meets the target


@pytest.mark.parametrize("keys", [PLAIN, PID], ids=["dual_ascent", "pid"])
def test_lagrangian_meets_its_target_and_settles(keys):
    learner = ConstrainedLearner()
    values = simulate(Lagrangian(**keys), learner)
    assert values[100] > values[0]
    assert learner.violation == pytest.approx(0.2, abs=0.02)
    assert values[-1] == pytest.approx(NEEDED, rel=0.15)
    assert turns(values, 0.02) <= 2 and turns(values[-STEPS // 3 :], 0.02) == 0


def test_pid_damps_the_swings_of_dual_ascent():
    swings = {}
    for name, keys in (("dual_ascent", {}), ("pid", {"proportional": 2.0, "derivative": 2.0})):
        values = simulate(Lagrangian(target=0.2, integral=60.0, **keys), ConstrainedLearner(inertia=0.995))
        late = values[-STEPS // 4 :]
        swings[name] = max(late) - min(late)
    assert swings["pid"] < 0.2 * swings["dual_ascent"]


def test_the_derivative_answers_a_rise_and_not_a_fall():
    def most(before, after):
        def step_change(step, value):
            return {"losses": {"semantic": before if step < 100 else after}}

        with_d, without = (
            simulate(Lagrangian(target=0.4, maximum=9.0, derivative=d), step_change, 200) for d in (1.0, 0.0)
        )
        return max((a - b for a, b in zip(with_d, without, strict=True)), key=abs)

    assert most(0.4, 0.8) > 0.05
    assert most(0.8, 0.4) == 0


def test_two_steps_by_hand():
    schedule = Lagrangian(
        start=0.3, maximum=9.0, target=0.1, integral=5.0, proportional=2.0, derivative=4.0, smoothing=0.5
    )
    for step, seen in ((1, 0.2), (2, 0.8)):
        schedule.observe(LearningState(step=step, progress=0.1 * step, losses={"semantic": seen}))
    fresh = 1 - math.exp(-0.1 / 0.5)  # what an average takes on in a tenth of training
    violation = 0.2 + fresh * (0.8 - 0.2)
    past = 0.2 + fresh * (violation - 0.2)
    multiplier = 0.3 + 5 * (0.2 - 0.1) * 0.1 + 5 * (violation - 0.1) * 0.1
    assert schedule(0.2) == pytest.approx(multiplier + 2 * (violation - 0.1) + 4 * (violation - past))


def test_lagrangian_does_not_wind_up():
    """A violation that stays high pins lambda at its maximum; once it is met, lambda falls at once."""
    schedule = Lagrangian(target=0.1, maximum=0.5, smoothing=0.0)

    def learner(step, value):
        return {"losses": {"semantic": 2.0 if step <= 1500 else 0.0}}

    values = simulate(schedule, learner)
    assert values[1500] == 0.5
    assert values[1501] < 0.5
    assert min(values) >= 0.0


def test_a_step_that_did_not_measure_the_violation_does_not_count_as_one_that_met_the_target():
    schedule, every_second = Lagrangian(**PID), Lagrangian(**PID)
    for step in range(1, 41):
        state = LearningState(step=step, progress=step / 40, losses={"semantic": 0.7})
        every_second.observe(state if step % 2 == 0 else replace(state, losses={"total": 0.0}))
        before = every_second.state_dict()
        if step % 2 == 0:
            schedule.observe(state)
            assert every_second.state_dict() == schedule.state_dict()
    assert before["value"] > 1
