"""Lambda by relative progress: the term that lags weighs more."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers import LearningState, ReLoBRaLo
from tests.schedulers.learners import STEPS, simulate


def two_terms(base_rate, term_rate):
    return lambda step, value: {
        "losses": {
            "cross_entropy": math.exp(-base_rate * step / STEPS),
            "semantic": 2 * math.exp(-term_rate * step / STEPS),
        }
    }


def test_relobralo_keeps_start_while_both_terms_progress_alike():
    values = simulate(ReLoBRaLo(start=0.3), two_terms(2.0, 2.0))
    assert all(value == pytest.approx(0.3) for value in values)


def test_relobralo_favours_the_term_that_lags():
    lagging = simulate(ReLoBRaLo(start=0.3, lookback=0.2), two_terms(3.0, 0.0))
    leading = simulate(ReLoBRaLo(start=0.3, lookback=0.2), two_terms(0.0, 3.0))
    assert lagging[-1] > 0.33 and leading[-1] < 0.27


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=2, max_size=20), st.floats(0, 1))
def test_relobralo_stays_within_its_bounds(losses, lookback):
    schedule = ReLoBRaLo(start=0.3, minimum=0.1, maximum=0.5, temperature=0.1, lookback=lookback)
    for step, (base, term) in enumerate(losses):
        schedule.observe(LearningState(step=step, progress=0.0, losses={"cross_entropy": base, "semantic": term}))
        assert 0.1 <= schedule(0.0) <= 0.5


def test_relobralo_by_hand():
    # no lookback, memory 0.5: w = (0.5 + 0.5 b), b = 2 softmax(0.5 / 1, 1 / 1)
    schedule = ReLoBRaLo(start=1.0, memory_share=0.5, lookback=0.0)
    for step, (base, term) in enumerate([(1.0, 1.0), (0.5, 1.0)]):
        schedule.observe(LearningState(step=step, progress=0.0, losses={"cross_entropy": base, "semantic": term}))
    a, b = math.exp(0.5), math.exp(1.0)
    expected = (0.5 + b / (a + b)) / (0.5 + a / (a + b))
    assert schedule(0.0) == pytest.approx(expected)


def test_relobralo_compares_with_the_step_before_at_its_temperature():
    # 2 softmax over what each term has of its value at the step before, halved by the temperature
    schedule = ReLoBRaLo(start=1.0, memory_share=0.5, lookback=0.0, temperature=2.0)
    for step, (base, term) in enumerate([(1.0, 1.0), (0.5, 1.0), (0.5, 0.5)]):
        schedule.observe(LearningState(step=step, progress=0.0, losses={"cross_entropy": base, "semantic": term}))
    weights = [1.0, 1.0]
    for left in ((0.5, 1.0), (1.0, 0.5)):
        raised = [math.exp(share / 2) for share in left]
        weights = [0.5 * old + 0.5 * 2 * one / sum(raised) for old, one in zip(weights, raised, strict=True)]
    assert schedule(0.0) == pytest.approx(weights[1] / weights[0])


def test_relobralo_passes_over_steps_that_did_not_measure_both_terms():
    """A first step without a label would be a base loss of 0, and every later one infinitely worse."""
    labelled, mixed = ReLoBRaLo(lookback=0.3), ReLoBRaLo(lookback=0.3)
    for step in range(1, 60):
        both = LearningState(step=step, progress=step / 60, losses={"cross_entropy": 1 / step, "semantic": 0.5})
        mixed.observe(replace(both, losses={"semantic": 0.5}) if step % 3 == 1 else both)
        if step % 3 != 1:
            labelled.observe(both)
        assert mixed.state_dict() == labelled.state_dict()
    assert mixed(1.0) != mixed.start
