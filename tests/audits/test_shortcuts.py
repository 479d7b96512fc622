"""Local counts by hand, thresholds by brute force, and the audit from end to end."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits import shortcuts
from causal_tasks.questions import TASKS, Question, parse_premise
from scoring.local_features import NAMES, features
from scoring.yardsticks import UNTRAINED


def of(premise: str, question: Question) -> dict[str, float]:
    return dict(zip(NAMES, features(parse_premise(premise), question), strict=True))


def nonzero(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if value}


def test_counts_of_a_transitivity_question_by_hand():
    found = of("A causes B. B causes C. D causes C. C causes E.", Question("transitivity", "D", "C"))
    assert nonzero(found) == {
        "nodes": 5,
        "edges": 4,
        "stated": 1,
        "source_effects": 1,
        "target_causes": 2,
        "target_effects": 1,
        "source_place": 3,
        "target_place": 2,
        "places_apart": 1,
    }


def test_counts_of_a_dseparation_question_by_hand():
    premise = "A causes B. B causes C. D causes C. C causes E. A and D share a hidden cause."
    found = of(premise, Question("dseparation", "A", "E", ("B", "C", "D")))
    ends = {"source_effects": 1, "source_hidden_causes": 1, "source_effects_given": 1, "source_hidden_causes_given": 1}
    ends |= {"target_causes": 1, "target_causes_given": 1}
    # into B, C (twice) and D (the hidden cause); out of B, C and D; A, B, D and the hidden cause are above a given node
    inside = {"given_colliders": 1, "causes_of_given": 4, "effects_of_given": 3, "given_joined": 2}
    around = {"with_given_effect": 4, "with_given_cause": 2}
    places = {"source_first": 1, "target_place": 4, "places_apart": -4}
    sizes = {"nodes": 5, "edges": 4, "hidden": 1, "given": 3}
    assert nonzero(found) == sizes | ends | inside | around | places
    backwards = of("B causes A.", Question("dseparation", "A", "B"))
    assert backwards["converse"] == 1 and backwards["stated"] == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 2), st.booleans()), min_size=1, max_size=12))
def test_best_threshold_is_the_best_of_all(pairs):
    values, labels = (np.array(column) for column in zip(*pairs))
    every = [(values > t) == labels for t in range(-3, 3)] + [(values <= t) == labels for t in range(-3, 3)]
    assert shortcuts.best_threshold_accuracy(values, labels) == pytest.approx(max(right.mean() for right in every))


def test_trees_are_never_refitted_on_the_network_or_pair_that_they_are_asked_about():
    networks = shortcuts._asked("transitivity", "real_graphs", 96, 0)
    assert networks["block"].nunique() == 4 and networks.groupby("block")["nodes"].nunique().eq(1).all()
    pairs = shortcuts._asked("dseparation", "adversarial", 12, 0)
    assert pairs.groupby("block")["label"].agg(["size", "mean"]).eq([2, 0.5]).all(axis=None)
    assert shortcuts._asked("dseparation", "length", 64, 0).groupby("block").size().eq(16).all()


def test_the_audit_is_the_same_each_time(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        assert shortcuts.main(["n=32", "training=100", f"out={out}"]) == 0
    rows, again = (json.loads((out / "shortcuts.json").read_text())["rows"] for out in (first, second))
    assert rows == again
    report = (second / "shortcuts.md").read_text()
    assert all(f"## {task}" in report for task in TASKS) and "| headline |" in report
    for row in rows:
        for column, kind in (("single", "count"), ("rule", "rule")):
            assert row[column] == max(row[f"{kind}s"].values()) == row[f"{kind}s"][row[f"best_{kind}"]]
        assert all(isinstance(row[name], str) or 0 <= row[name] <= 1 for name in shortcuts.COLUMNS)
        assert row["rules"].keys() == {rule.__name__ for rule in UNTRAINED[row["task"]]}
    assert shortcuts.main(["size=8"]) == 2
