"""A loss that ends far above where it began is a diverged training, whatever lambda did."""

import pytest

from training.divergence import divergence


def log(*losses, weight=1.0, **terms):
    lines = [{"loss": weight * value, "step": i} for i, value in enumerate(losses)]
    for name, values in terms.items():
        for line, value in zip(lines, values, strict=True):
            line |= {} if value is None else {f"loss/{name}": value}
    return [line for pair in zip(lines, [{"probe/auroc": 0.5}] * len(lines)) for line in pair]


@pytest.mark.parametrize(
    ("history", "diverged"),
    [
        (log(2.0, 1.0, 0.5), False),
        (log(2.0, 30.0, 35.0), True),
        (log(0.01, 0.02, 0.5), False),  # many times as much, and still next to nothing
        (log(1.0, 9.0, 1.2), False),  # it came back
        (log(1.0, 3.0, 6.0, cross_entropy=[1.0, 0.9, 0.8], semantic=[1.0, 0.9, 0.9]), False),  # only lambda rose
        (log(1.0, 1.0, 1.0, cross_entropy=[1.0, 0.9, 0.8], semantic=[1.0, 4.0, 9.0]), True),
        # no label in the first step: the term is left out, in older logs 0
        (log(2.0, 3.0, 4.0, cross_entropy=[None, 0.7, 0.6], semantic=[1.0, 0.9, 0.8]), False),
        (log(0.0, 0.0, 0.9, 0.7), False),
        (log(*[1.0] * 20, cross_entropy=[0.7] * 18 + [2.5, 0.0]), True),  # nor is it 0 at the end
        ([], False),
    ],
)
def test_the_rule(history, diverged):
    found = divergence(history)
    assert found["diverged"] is diverged and "ln 2" in found["divergence"]
