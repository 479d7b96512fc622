"""Controllers against simulated learners: lambda rises, settles, does not oscillate or wind up."""

import itertools
import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers import AdaptiveCollapse, Lagrangian, LearningState, Linear, ReLoBRaLo
from schedulers.adaptive import majority_of_entropy

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


def test_turns_counts_direction_changes():
    assert turns([0, 0.5, 1]) == 0
    assert turns([0, 1, 0.999, 1, 0.5, 1]) == 2


# adaptive_collapse ----------------------------------------------------------------------------------


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
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_settles_above_the_lambda_a_learner_needs(needed, noise):
    schedule = AdaptiveCollapse()
    learner = CollapsingLearner(needed, noise)
    values = simulate(schedule, learner)
    last = values[-STEPS // 4 :]
    assert min(last) > 0.9 * needed
    assert learner.share < 0.6
    assert turns(values) <= 6 and turns(last) == 0
    assert max(values) <= 1.0


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


# lagrangian -----------------------------------------------------------------------------------------

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
    def peak(before, after):
        def step_change(step, value):
            return {"losses": {"semantic": before if step < 100 else after}}

        with_d, without = (
            simulate(Lagrangian(target=0.4, maximum=9.0, derivative=d), step_change, 200) for d in (1.0, 0.0)
        )
        return max(a - b for a, b in zip(with_d, without, strict=True))

    assert peak(0.4, 0.8) > 0.05
    assert peak(0.8, 0.4) == 0


def test_lagrangian_does_not_wind_up():
    """A violation that stays high pins lambda at its maximum; once it is met, lambda falls at once."""
    schedule = Lagrangian(target=0.1, maximum=0.5, smoothing=0.0)

    def learner(step, value):
        return {"losses": {"semantic": 2.0 if step <= 1500 else 0.0}}

    values = simulate(schedule, learner)
    assert values[1500] == 0.5
    assert values[1501] < 0.5
    assert min(values) >= 0.0


def test_lagrangian_needs_its_part():
    with pytest.raises(
        ValueError, match="schedule.violation=semantic: the loss has no such part, only cross_entropy, total"
    ):
        Lagrangian().observe(LearningState(step=1, progress=0.1, losses={"total": 1.0, "cross_entropy": 1.0}))


# relobralo ------------------------------------------------------------------------------------------


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


# all ------------------------------------------------------------------------------------------------


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
