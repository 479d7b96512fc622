"""Shortcuts by hand, and what they may score."""

from collections import Counter

import pytest

from causal_tasks import shortcuts
from causal_tasks.local_features import asked_in, features
from causal_tasks.questions import TASKS, Question, parse_premise
from causal_tasks.suites import EVALUATION_SPLITS, build


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


@pytest.fixture(scope="module")
def rows():
    found = {task: shortcuts.measure(task, 160, 400, 0) for task in TASKS}
    return {(task, row["split"]): row for task in TASKS for row in found[task]}


@pytest.mark.parametrize("split", EVALUATION_SPLITS)
def test_position_and_the_mere_presence_of_a_conditioning_set_score_half(rows, split):
    assert rows["transitivity", split]["source_first"] == pytest.approx(0.5, abs=0.02)
    assert rows["dseparation", split]["conditioned"] == pytest.approx(0.5, abs=0.02)


def test_adversarial_pairs_give_nothing_away_by_their_ends(rows):
    assert rows["transitivity", "adversarial"]["fitting_ends"] == 0.5


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("split", EVALUATION_SPLITS)
def test_where_every_no_has_fitting_ends_they_tell_nothing(split, count):
    right = Counter()
    for graph, labelled in asked_in(build("transitivity", "corrected", split, 320, 0, count)):
        ends = labelled.strata["ends"]
        right[ends, shortcuts.fitting_ends(graph, labelled.question) == labelled.label] += 1
    assert right["fitting", True] == pytest.approx(right["fitting", False], abs=count)
    assert right["fitting", True] + right["fitting", False] >= 0.2 * 320
    assert right["any", True] > 2 * right["any", False]


def test_local_features_by_hand():
    graph = parse_premise("A causes B. B causes C. D causes C. C causes E.")
    found = features(graph, Question("dseparation", "A", "C", ("B", "E")))
    sizes, order = [5, 4, 0, 2], [0 - 2, 0, 0]
    source, target = [0, 0, 1, 0, 0, 1], [2, 2, 1, 0, 1, 1]
    assert found == sizes + order + source + target + [2, 1]  # A and C have a conditioned effect, C a conditioned cause


def test_the_learned_shortcut_learns_and_is_the_same_each_time(rows):
    assert rows["transitivity", "in_distribution"]["local_features"] > 0.7
    again = shortcuts.measure("transitivity", 160, 400, 0)
    assert again == [row for (task, _), row in rows.items() if task == "transitivity"]
    pooled = rows["transitivity", "pooled"]
    assert pooled["n"] == 6 * 160
    assert pooled["stated_edge"] == pytest.approx(
        sum(rows["transitivity", split]["stated_edge"] for split in EVALUATION_SPLITS) / 6
    )


def test_report_names_every_shortcut(tmp_path):
    assert shortcuts.main(["n=8", "training=40", f"out={tmp_path / 'shortcuts'}"]) == 0
    report = (tmp_path / "shortcuts.md").read_text()
    assert all(s.__name__ in report for task in shortcuts.SHORTCUTS.values() for s in task)
    assert "local_features" in report
    assert shortcuts.main(["size=8"]) == 2
