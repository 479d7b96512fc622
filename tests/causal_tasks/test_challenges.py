"""Adversarial minimal pairs (families: test_minimal_pairs.py), published graphs, hidden causes."""

from collections import Counter, defaultdict

import networkx as nx
import pytest

from causal_tasks import suites
from causal_tasks.constructions.real_graphs import asked_about, networks
from causal_tasks.graphs import CausalGraph
from causal_tasks.oracles import answer
from causal_tasks.questions import TASKS, parse, say_premise
from causal_tasks.spec import Spec
from causal_tasks.suites import available_splits, build, yes_share

CHALLENGES = [(task, split) for task in TASKS for split in ("adversarial", "real_graphs", "hidden")]
CHALLENGES.remove(("transitivity", "hidden"))


@pytest.mark.parametrize("task, split", CHALLENGES)
def test_challenges_are_parseable_correct_balanced_and_reproducible(task, split):
    items = build(task, "corrected", split, 96, 0)
    strata = defaultdict(Counter)
    for item in items:
        (question,) = item.questions
        graph, asked = parse(item.premise, question.hypothesis)
        assert (graph, asked) == (item.graph, question.question)
        assert len(set(graph.edges)) == len(graph.edges)
        assert answer(graph, asked) == question.label
        for stratum in question.strata.items():
            strata[stratum][question.label] += 1
    assert yes_share(items) == 0.5
    assert all(labels[True] == labels[False] for labels in strata.values())
    assert items[::7] == [suites.item(Spec(task, "corrected", split, 96, 0), index) for index in range(0, 96, 7)]
    assert {item.premise for item in items} != {item.premise for item in build(task, "corrected", split, 96, 1)}


def test_pairs_need_an_even_number_and_one_question_each():
    with pytest.raises(ValueError, match="n must be even"):
        build("transitivity", "corrected", "adversarial", 7, 0)
    with pytest.raises(ValueError, match="one question per graph"):
        build("transitivity", "corrected", "adversarial", 8, 0, 2)
    with pytest.raises(ValueError, match="unknown split 'hidden'"):
        build("transitivity", "corrected", "hidden", 8, 0)
    assert "adversarial" not in available_splits("transitivity", "released")


SIZES = {  # nodes, edges as the bnlearn repository states them
    "cancer": (5, 4),
    "earthquake": (5, 4),
    "survey": (6, 6),
    "asia": (8, 8),
    "sachs": (11, 17),
    "child": (20, 25),
    "insurance": (27, 52),
    "alarm": (37, 46),
}


def test_published_graphs_have_their_published_sizes_and_human_names():
    assert {n.name: (len(n.nodes), len(n.edges)) for n in networks()} == SIZES
    for network in networks():
        graph = nx.DiGraph(network.edges)
        assert nx.is_directed_acyclic_graph(graph) and len(set(network.edges)) == len(network.edges)
        assert len(set(network.nodes)) == len(network.nodes) and network.citation
        assert max(map(len, network.nodes)) > 3  # no training text can name it
        told = tuple((network.nodes[a], network.nodes[b]) for a, b in network.edges)
        assert parse(say_premise(CausalGraph(told)), f"Does {told[0][0]} cause {told[0][1]}?")


@pytest.mark.parametrize("name", SIZES)
def test_published_graphs_equal_pgmpy_s_copy(name):
    utils = pytest.importorskip("pgmpy.utils", reason="pgmpy is not installed: make test-peers")
    (network,) = (n for n in networks() if n.name == name)
    ours = {(network.originals[a], network.originals[b]) for a, b in network.edges}
    assert ours == set(utils.get_example_model(name).edges())


def test_real_graphs_asks_about_every_network_that_has_matched_questions():
    for task in TASKS:
        asked = Counter(item.questions[0].strata["network"] for item in build(task, "corrected", "real_graphs", 80, 0))
        assert asked == {network.name: 80 / len(asked_about(task)) for network in asked_about(task)}
    assert [network.name for network in asked_about("transitivity")] == ["sachs", "child", "insurance", "alarm"]


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("task", TASKS)
def test_real_graphs_asks_no_question_twice(task, count):
    items = build(task, "corrected", "real_graphs", 800, 0, count)
    assert len({(item.premise, question.hypothesis) for item in items for question in item.questions}) == 800


def test_every_order_of_telling_is_another():
    asia = next(network for network in networks() if network.name == "asia")
    assert len({tuple(asia.told(order)) for order in range(1000, 1000 + 720)}) == 720
    assert sorted(asia.told(5)) == sorted(asia.edges)


def test_several_questions_about_published_and_hidden_graphs():
    for task, split in CHALLENGES:
        if split != "adversarial":
            items = build(task, "corrected", split, 64, 0, 4)
            assert len(items) < 32
            assert all(answer(item.graph, q.question) == q.label for item in items for q in item.questions)
            assert abs(yes_share(items) - 0.5) * 64 <= 2


def test_hidden_causes_decide_many_answers():
    """A reader who skips the hidden causes is wrong on about half of the No items, and only on those."""
    wrong = Counter()
    items = build("dseparation", "corrected", "hidden", 200, 0)
    for item in items:
        (question,) = item.questions
        assert 1 <= len(item.graph.hidden) <= 3
        visible = nx.DiGraph(item.graph.edges)
        asked = question.question
        visible.add_nodes_from(item.graph.nodes)
        seen = nx.is_d_separator(visible, asked.source, asked.target, set(asked.given))
        wrong[question.label] += seen != question.label
    assert wrong[True] == 0
    assert 30 <= wrong[False] <= 70
