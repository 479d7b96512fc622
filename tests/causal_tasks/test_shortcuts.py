"""Shortcuts by hand, and what they may score."""

import pytest

from causal_tasks import shortcuts
from causal_tasks.questions import Question, parse_premise
from causal_tasks.suites import EVALUATION_SPLITS


def test_shortcuts_by_hand():
    graph = parse_premise("A causes B. B causes C. D causes C.")
    causes = [Question("transitivity", *pair) for pair in ("AC", "AB", "CA", "DC", "AD", "BA")]
    assert [shortcuts.source_first(graph, q) for q in causes] == [True, True, False, False, True, False]
    assert [shortcuts.fitting_ends(graph, q) for q in causes] == [True, True, False, True, False, False]
    assert [shortcuts.stated_edge(graph, q) for q in causes] == [False, True, False, True, False, False]
    separated = [Question("dseparation", "A", "C", given) for given in ((), ("B",), ("D",))]
    assert [shortcuts.conditioned(graph, q) for q in separated] == [False, True, True]
    assert [shortcuts.neighbour_given(graph, q) for q in separated] == [False, True, True]
    assert shortcuts.no_stated_edge(graph, separated[0])
    assert not shortcuts.no_stated_edge(graph, Question("dseparation", "B", "A"))


@pytest.mark.parametrize("split", EVALUATION_SPLITS)
def test_position_and_the_mere_presence_of_a_conditioning_set_score_half(split):
    assert shortcuts.accuracies("transitivity", split, 400, 0)["source_first"] == 0.5
    assert shortcuts.accuracies("dseparation", split, 400, 0)["conditioned"] == 0.5


def test_adversarial_pairs_give_nothing_away_by_their_ends():
    assert shortcuts.accuracies("transitivity", "adversarial", 400, 0)["fitting_ends"] == 0.5


def test_report_names_every_shortcut(tmp_path):
    assert shortcuts.main(["n=8", f"out={tmp_path / 'shortcuts'}"]) == 0
    report = (tmp_path / "shortcuts.md").read_text()
    assert all(s.__name__ in report for task in shortcuts.SHORTCUTS.values() for s in task)
    assert shortcuts.main(["size=8"]) == 2
