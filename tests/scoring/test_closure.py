"""Distances between believed and true relations, by hand."""

from itertools import permutations

import networkx as nx
import pandas as pd
import pytest

from causal_tasks import suites
from causal_tasks.files import read_parts
from scoring.closure import add_closures, asks_everything, closure_distances, closure_measures
from scoring.evaluation import margins_table
from tests.causal_tasks.example_files import write


def closure_items(n=200, k=30):
    return suites.build("transitivity", "corrected", "in_distribution", n, 0, k, questions="families")


def answered(items, verdict):
    """Margins table: +1 where verdict(item, question) is Yes, else -1."""
    rows = [(q.id, item.id, 1.0 if verdict(item, q) else -1.0) for item in items for q in item.questions]
    return pd.DataFrame(rows, columns=["id", "graph", "margin"]).sample(frac=1, random_state=0)


def test_the_truth_is_at_distance_zero():
    items = closure_items()
    row = closure_measures(closure_distances(answered(items, lambda item, q: q.label), items), resamples=50)
    assert (row["shd"], row["ancestor_adjustment_distance"], row["cyclic"], row["exact"]) == (0, 0, 0, 1)
    assert row["shd_share_interval"] == [0, 0]


def test_always_no_misses_every_related_pair_and_always_yes_is_cyclic():
    items = closure_items()
    table = closure_distances(answered(items, lambda item, q: False), items)
    related = [sum(q.label for q in item.questions) for item in items]
    assert table["shd"].tolist() == related
    assert (table["shd_share"] == table["shd_share_always_no"]).all()
    assert (table["ancestor_adjustment_distance"] == table["ancestor_adjustment_distance_always_no"]).all()
    row = closure_measures(closure_distances(answered(items, lambda item, q: True), items), resamples=20)
    assert row["cyclic"] == 1 and row["exact"] == 0 and row["shd_share"] == 1
    assert row["ancestor_adjustment_distance"] is None and row["ancestor_adjustment_distance_interval"] is None
    assert row["ancestor_adjustment_distance_always_no"] is None, "over the same graphs, and there are none"


def test_always_no_is_averaged_over_the_graphs_of_the_run():
    """A run that denies everything but for one graph, where it is cyclic, is no better and no worse than always No."""
    items = closure_items()
    table = closure_distances(answered(items, lambda item, q: item is items[0]), items)
    row = closure_measures(table, resamples=0)
    expected = table["ancestor_adjustment_distance_always_no"][1:].mean()
    assert expected != pytest.approx(table["ancestor_adjustment_distance_always_no"].mean())
    assert row["ancestor_adjustment_distance"] == row["ancestor_adjustment_distance_always_no"] == expected


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


def file_of(path, *premises):
    """Questions about all ordered pairs of A, B and C, once for every premise."""
    lines = [
        {"id": f"{k}-{a}{b}", "premise": premise, "hypothesis": f"Does {a} cause {b}?", "label": "Yes"}
        for k, premise in enumerate(premises)
        for a, b in permutations("ABC", 2)
    ]
    return write(path, *lines)


def test_suites_that_do_not_ask_all_pairs_have_no_structure(tmp_path):
    asked_about_others = file_of(tmp_path / "others.jsonl", "A causes B. B causes D.")
    cyclic = file_of(tmp_path / "cyclic.jsonl", "A causes B. B causes C. C causes A.")
    for items in (
        closure_items(60, 6),
        suites.build("transitivity", "corrected", "validation", 8, 0, 4),
        suites.build("dseparation", "corrected", "in_distribution", 60, 0, 6, questions="families"),
        *read_parts(asked_about_others).values(),
        *read_parts(cyclic).values(),
        [],
    ):
        assert not asks_everything(items)
    rows = [{"task": "transitivity", "split": "x"}]
    items = suites.build("transitivity", "corrected", "validation", 8, 0, 4)
    add_closures(rows, margins_table(items, 0.0, "transitivity", "corrected", "x"), {("transitivity", "x"): items}, 10)
    assert rows == [{"task": "transitivity", "split": "x"}]


def test_items_with_one_premise_or_one_id_keep_their_own_blocks_and_answers(tmp_path):
    """A file may tell one premise twice, and the files of a folder may number their questions alike."""
    chain, fork = "A causes B. B causes C.", "A causes B. A causes C."
    parts, tables = {}, []
    for name, premises, verdict in (("one", [chain, fork, chain], 1.0), ("other", [fork, chain, fork], -1.0)):
        ((part, items),) = read_parts(file_of(tmp_path / f"{name}.jsonl", *premises)).items()
        parts[part] = items
        tables.append(margins_table(items, verdict, *part[:1], "file", part[1]))
        table = closure_distances(tables[-1], items)
        assert table["block"].tolist() == [f"{name}/{items[i].id}" for i in (0, 1, 0)]
    assert asks_everything(items) and len(items) == 3
    rows = [{"task": "transitivity", "split": split} for split in ("one", "other", "pooled")]
    add_closures(rows, pd.concat(tables), parts, 10)
    assert [row["cyclic"] for row in rows] == [1, 0, 0.5]


def test_a_graph_with_more_questions_than_an_item_holds_is_one_graph(tmp_path):
    premise = "A causes B. B causes C. C causes D. D causes E."
    asked = [
        {"premise": premise, "hypothesis": f"Does {a} cause {b}?", "label": "Yes"} for a, b in permutations("ABCDE", 2)
    ]
    ((part, items),) = read_parts(write(tmp_path / "five.jsonl", *asked)).items()
    rows = [{"task": "transitivity", "split": "five"}]
    add_closures(rows, margins_table(items, -1.0, "transitivity", "file", "five"), {part: items}, 10)
    assert len(items) == 2 and rows[0]["shd"] == 10


def test_hidden_causes_leave_the_relation_and_no_adjustment_set(tmp_path):
    """Adjusting for nothing, as the chain alone says, does not identify the effect of A on B if they share a hidden cause."""
    chain = "A causes B. B causes C."
    (items,) = read_parts(file_of(tmp_path / "x.jsonl", chain, f"{chain} A and B share a hidden cause.")).values()
    true = {("A", "B"), ("B", "C"), ("A", "C")}
    answers = answered(items, lambda item, q: (q.question.source, q.question.target) in true)
    told, hidden = closure_distances(answers, items).to_dict("records")
    assert told["shd"] == hidden["shd"] == 0 and told["exact"] and hidden["exact"] and not hidden["cyclic"]
    assert told["ancestor_adjustment_distance"] == 0 < told["ancestor_adjustment_distance_always_no"]
    assert pd.isna([hidden[f"ancestor_adjustment_distance{end}"] for end in ("", "_always_no")]).all()


def test_missing_answers_are_named():
    items = closure_items(60)
    margins = answered(items, lambda item, q: q.label)
    with pytest.raises(ValueError, match=f"no margin for {items[-1].questions[0].id}"):
        closure_distances(margins[margins["id"] != items[-1].questions[0].id], items)
    with pytest.raises(ValueError, match="all 30 ordered pairs of 6 nodes must be asked"):
        partial = next(item for item in closure_items(600, 6) if len(item.graph.nodes) == 6)
        closure_distances(answered([partial], lambda item, q: q.label), [partial])
