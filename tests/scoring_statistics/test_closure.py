"""Distances between believed and true relations, by hand."""

import networkx as nx
import pandas as pd
import pytest

from causal_tasks import suites
from scoring.closure import asks_everything, closure_distances, closure_measures


def closure_items(n=200, k=30):
    return suites.build("transitivity", "corrected", "in_distribution", n, 0, k, questions="families")


def answered(items, verdict):
    """Margins table: +1 where verdict(item, question) is Yes, else -1."""
    rows = [(q.id, item.id, 1.0 if verdict(item, q) else -1.0) for item in items for q in item.questions]
    return pd.DataFrame(rows, columns=["id", "graph", "margin"]).sample(frac=1, random_state=0)


def test_the_truth_is_at_distance_zero():
    items = closure_items()
    row = closure_measures(answered(items, lambda item, q: q.label), items, resamples=50)
    assert (row["shd"], row["ancestor_adjustment_distance"], row["cyclic"], row["exact"]) == (0, 0, 0, 1)
    assert row["shd_share_interval"] == [0, 0]


def test_always_no_misses_every_related_pair_and_always_yes_is_cyclic():
    items = closure_items()
    table = closure_distances(answered(items, lambda item, q: False), items)
    related = [sum(q.label for q in item.questions) for item in items]
    assert table["shd"].tolist() == related
    assert (table["shd_share"] == table["shd_share_always_no"]).all()
    assert (table["ancestor_adjustment_distance"] == table["ancestor_adjustment_distance_always_no"]).all()
    row = closure_measures(answered(items, lambda item, q: True), items, resamples=20)
    assert row["cyclic"] == 1 and row["exact"] == 0 and row["shd_share"] == 1
    assert row["ancestor_adjustment_distance"] is None and row["ancestor_adjustment_distance_interval"] is None


def test_reversing_one_graph_counts_its_related_pairs():
    items = closure_items()
    turned = items[0]
    table = closure_distances(
        answered(items, lambda item, q: q.label if item is not turned else _reversed(item, q)), items
    )
    expected = len(nx.transitive_closure(turned.graph.to_networkx()).edges)
    assert table["shd"].tolist() == [expected] + [0] * (len(items) - 1)
    assert 0 < table["ancestor_adjustment_distance"][0] <= 1


def _reversed(item, labelled):
    return nx.has_path(item.graph.to_networkx(), labelled.question.target, labelled.question.source)


def test_a_threshold_moves_the_verdicts():
    items = closure_items(60)
    margins = answered(items, lambda item, q: q.label).assign(margin=lambda table: table["margin"] + 5)
    assert closure_distances(margins, items)["cyclic"].all()
    assert closure_distances(margins, items, threshold=5.0)["exact"].all()


def test_suites_that_do_not_ask_all_pairs_have_no_structure():
    for items in (closure_items(60, 6), suites.build("transitivity", "corrected", "validation", 8, 0, 4), []):
        assert not asks_everything(items)
        assert closure_measures(pd.DataFrame({"id": [], "margin": []}), items) == {}
    assert not asks_everything(
        suites.build("dseparation", "corrected", "in_distribution", 60, 0, 6, questions="families")
    )


def test_missing_answers_are_named():
    items = closure_items(60)
    margins = answered(items, lambda item, q: q.label)
    with pytest.raises(ValueError, match=f"no margin for {items[-1].questions[0].id}"):
        closure_distances(margins[margins["id"] != items[-1].questions[0].id], items)
    with pytest.raises(ValueError, match="all 30 ordered pairs of 6 nodes must be asked"):
        partial = next(item for item in closure_items(600, 6) if len(item.graph.nodes) == 6)
        closure_distances(answered([partial], lambda item, q: q.label), [partial])
