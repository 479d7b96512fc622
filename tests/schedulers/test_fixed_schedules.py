import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers import Constant, Cosine, Cyclic, Exponential, LearningState, Linear, Step, WarmupLinear

MOVING = [Linear, Cosine, Exponential, Step, WarmupLinear]
positive = st.floats(1e-6, 1e3)
share = st.floats(0, 1)


@pytest.mark.parametrize("schedule", [*MOVING, Cyclic])
@given(start=positive, end=positive, hold=st.floats(0, 0.8))
def test_exact_at_both_ends_and_during_hold(schedule, start, end, hold):
    made = schedule(start, end, hold)
    assert made(0.0) == start
    assert made(1.0) == end
    assert made(hold) == start
    assert made(hold / 2) == start


@pytest.mark.parametrize("schedule", MOVING)
@given(start=positive, end=positive, hold=st.floats(0, 0.8), a=share, b=share)
def test_monotone_and_between_the_ends(schedule, start, end, hold, a, b):
    made = schedule(start, end, hold)
    first, second = made(min(a, b)), made(max(a, b))
    assert first <= second if start <= end else first >= second
    assert min(start, end) <= first <= max(start, end)


def test_values_by_hand():
    assert Linear(0.05, 0.30)(0.5) == pytest.approx(0.175)
    assert Linear(0.0, 1.0, hold=0.5)(0.75) == pytest.approx(0.5)
    assert Cosine(0.0, 1.0)(0.25) == pytest.approx((1 - math.sqrt(0.5)) / 2)
    assert Exponential(0.01, 1.0)(0.5) == pytest.approx(0.1)
    assert [Step(0.0, 1.0, steps=2)(p) for p in (0.3, 0.4, 0.6, 0.7)] == [0.0, 0.5, 0.5, 1.0]
    assert WarmupLinear(0.0, 1.0, hold=0.9, warmup=0.1)(0.95) == pytest.approx(0.5), "1 - 0.9 is less than 0.1"
    assert [WarmupLinear(0.0, 1.0, warmup=0.2)(p) for p in (0.1, 0.2, 0.9)] == [0.5, 1.0, 1.0]
    assert Constant(0.3)(0.0) == Constant(0.3)(1.0) == 0.3
    assert Linear(0.3, 0.0)(1.0) == 0.0


def test_cycles_by_hand():
    cyclic = Cyclic(0.0, 1.0, cycles=2, ramp=0.5)
    assert [cyclic(p) for p in (0.0, 0.125, 0.25, 0.4, 0.5, 0.625, 1.0)] == [0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0]


@given(share, share)
def test_cycles_repeat_and_stay_between_the_ends(position, start):
    cyclic = Cyclic(start, 1.0, cycles=4)
    values = [cyclic(position / 4 * 0.999 + cycle / 4) for cycle in range(4)]
    assert values == pytest.approx([values[0]] * 4, abs=1e-9)
    assert start <= min(values) <= max(values) <= 1.0


def test_fixed_schedules_ignore_the_learning_state():
    schedule = Linear(0.05, 0.30)
    schedule.observe(LearningState(step=1, progress=0.1, majority_share=1.0))
    assert schedule(0.5) == pytest.approx(0.175)
    assert schedule.state_dict() == {}
    schedule.load_state_dict({})
    with pytest.raises(ValueError, match="Linear: checkpoint has schedule state"):
        schedule.load_state_dict({"integral": 1.0})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Linear(-0.1, 0.3), r"schedule.start must be a number in \[0, inf\), got -0.1"),
        (lambda: Linear(0.1, float("inf")), "schedule.end must be"),
        (lambda: Cosine("0.1", 0.3), "schedule.start must be"),
        (lambda: Linear(0.1, 0.3, hold=1.0), r"schedule.hold must be a number in \[0, 1\)"),
        (lambda: Exponential(0.0, 0.3), r"schedule.start must be a number in \(0, inf\)"),
        (lambda: Exponential(0.3, 0.0), r"schedule.end must be a number in \(0, inf\)"),
        (lambda: Constant(0.3, 0.4), "schedule.end must equal schedule.start"),
        (lambda: Constant(0.3, hold=0.5), "schedule.hold must be 0 in a constant schedule, got 0.5"),
        (lambda: Step(0.1, 0.3, steps=0), "schedule.steps must be a whole number >= 1"),
        (
            lambda: WarmupLinear(0.1, 0.3, hold=0.5, warmup=0.6),
            "schedule.warmup=0.6: with schedule.hold=0.5 it must be at most 0.5",
        ),
        (lambda: Cyclic(0.1, 0.3, cycles=0), "schedule.cycles must be a whole number >= 1"),
        (lambda: Cyclic(0.1, 0.3, ramp=0.0), r"schedule.ramp must be a number in \(0, 1\]"),
        (lambda: Linear(0.1, 0.3)(1.5), r"progress must be a number in \[0, 1\]"),
    ],
)
def test_refusals(build, message):
    with pytest.raises(ValueError, match=message):
        build()
