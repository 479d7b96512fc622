"""Lambda rises on collapse, settles, does not oscillate or wind up."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers import AdaptiveCollapse, LearningState
from schedulers.adaptive import majority_of_entropy
from tests.schedulers.learners import STEPS, CollapsingLearner, entropy, simulate, turns


def test_turns_counts_direction_changes():
    assert turns([0, 0.5, 1]) == 0
    assert turns([0, 1, 0.999, 1, 0.5, 1]) == 2


@pytest.mark.parametrize("signal", ["probe", "entropy", "both"])
def test_collapse_raises_lambda_and_recovery_lowers_it(signal):
    def learner(step, value):
        share = 1.0 if 500 <= step < 1000 else 0.55
        return {"majority_share": share if step % 50 == 0 else None, "prediction_entropy": entropy(share)}

    values = simulate(AdaptiveCollapse(start=0.2, minimum=0.05, maximum=1.0, signal=signal), learner)
    assert values[499] < 0.1  # nothing wrong: it falls to the minimum
    assert values[1000] > 0.95
    assert values[-1] < 0.1
    assert all(a <= b for a, b in itertools.pairwise(values[550:1000]))
    assert all(a >= b for a, b in itertools.pairwise(values[1080:]))


@pytest.mark.parametrize(("signal", "recovers"), [("probe", True), ("entropy", False), ("both", False)])
def test_right_answers_to_published_d_separation_end_the_alarm_where_the_probe_is_read(signal, recovers):
    """11.7 % Yes in training: a model that answers all of it right says No as often as one that has hardly recovered."""
    yes = random.Random(0)

    def learner(step, value):
        if step <= 200:  # collapsed to No
            return {"majority_share": 1.0, "prediction_entropy": entropy(0.999)}
        answered = sum(yes.random() < 0.117 for _ in range(8)) / 8
        return {"majority_share": 0.5 if step % 50 == 0 else None, "prediction_entropy": entropy(answered)}

    values = simulate(AdaptiveCollapse(signal=signal), learner)
    assert values[200] > 0.8 and (values[-1] < 0.1) == recovers
    if recovers:
        yes.seed(0)
        assert simulate(AdaptiveCollapse(), learner) == values, "the default"


def test_no_wind_up_after_a_long_collapse():
    """However long lambda was at its maximum, it falls as soon and as fast after recovery."""

    def after(length):
        def learner(step, value):
            return {"majority_share": 1.0 if step <= length else 0.55}

        values = simulate(AdaptiveCollapse(), learner)
        return values[length : length + 200]

    short, long = after(600), after(1600)
    assert long[0] == pytest.approx(1.0, abs=1e-3)
    assert long[1] < long[0]
    assert short[100] == pytest.approx(long[100], abs=5e-3)


def test_hysteresis_ignores_a_share_between_the_thresholds():
    def wobble(step, value):
        return {"majority_share": 0.82 + 0.06 * (-1) ** step}

    calm = AdaptiveCollapse(start=0.05)
    assert set(simulate(calm, wobble)) == {0.05}
    alarmed = AdaptiveCollapse(start=0.05)
    alarmed.observe(LearningState(step=0, progress=0.0, majority_share=0.95))
    values = simulate(alarmed, wobble)
    assert all(a <= b for a, b in itertools.pairwise(values)) and values[-1] > 0.99


@pytest.mark.parametrize("needed", [0.1, 0.3, 0.6])
@pytest.mark.parametrize(("signal", "noise"), [("probe", 0.0), ("entropy", 0.05)])
def test_settles_above_the_lambda_a_learner_needs(needed, signal, noise):
    schedule = AdaptiveCollapse(signal=signal)
    learner = CollapsingLearner(needed, noise)
    values = simulate(schedule, learner)
    last = values[-STEPS // 4 :]
    assert min(last) > 0.9 * needed
    assert learner.share < 0.6
    assert turns(values) <= 6 and turns(last) == 0
    assert max(values) <= 1.0


def test_the_share_of_the_batches_is_an_average_over_them():
    schedule = AdaptiveCollapse(signal="entropy", smoothing=0.9)
    for step, share in ((1, 0.6), (2, 1.0)):
        schedule.observe(LearningState(step=step, progress=step / 10, prediction_entropy=entropy(share)))
    assert schedule.memory["batch_share"] == pytest.approx(0.64)


def test_a_learner_that_cannot_be_helped_leaves_lambda_at_its_maximum():
    values = simulate(AdaptiveCollapse(maximum=0.8), CollapsingLearner(needed=2.0))
    assert values[-1] == pytest.approx(0.8, abs=1e-3) and turns(values) == 0


def test_the_curve_does_not_depend_on_the_number_of_steps():
    def learner(step, value):
        return {"majority_share": 1.0}

    coarse, fine = simulate(AdaptiveCollapse(), learner, 100), simulate(AdaptiveCollapse(), learner, 10_000)
    assert coarse[10] == pytest.approx(fine[1000], rel=1e-9)


@given(st.floats(0.5, 1.0))
def test_majority_of_entropy_inverts_the_binary_entropy(share):
    assert entropy(majority_of_entropy(entropy(share))) == pytest.approx(entropy(share), abs=1e-9)


def test_majority_of_entropy_at_its_ends():
    assert majority_of_entropy(math.log(2)) == pytest.approx(0.5, abs=1e-5)
    assert majority_of_entropy(0.0) == pytest.approx(1.0)
