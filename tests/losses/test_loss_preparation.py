from types import SimpleNamespace

import pytest

from losses import CrossEntropy, Loss
from losses.loss import yes_share


def item(*labels, task="transitivity"):
    return SimpleNamespace(task=task, questions=tuple(SimpleNamespace(label=label) for label in labels))


class Demanding(Loss):
    name = "demanding"
    task = "transitivity"

    def questions_needed(self, task):
        return 3


def test_items_that_fit_are_accepted():
    Demanding().prepare([item(True, False, False), item(True)])
    CrossEntropy().prepare([item(True, task="dseparation")])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "loss=demanding: there are no training items"),
        ([item(True, True, True, task="dseparation")], "works on task=transitivity only, got dseparation"),
        ([item(True, False)], "needs at least 3 questions on a graph .* got at most 2"),
    ],
)
def test_items_that_do_not_fit_are_refused(items, message):
    with pytest.raises(ValueError, match=message):
        Demanding().prepare(items)


def test_yes_share():
    assert yes_share([item(True, False), item(False, False)]) == 0.25
    with pytest.raises(ValueError, match="all No"):
        yes_share([item(False)])
