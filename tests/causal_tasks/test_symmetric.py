"""Symmetric questions: the two of a graph differ in what joins their nodes, and in nothing that is seen from one of them."""

from collections import Counter
from collections.abc import Iterable

import networkx as nx
import pytest

from causal_tasks.constructions.symmetric import STEPS
from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.oracles import answer
from causal_tasks.questions import TASKS, parse
from causal_tasks.suites import build
from scoring.yardsticks import fitting_ends, given_colliders, passing_names, two_deep, untrained_count

FAR = 99  # steps: the whole graph


@pytest.fixture(scope="module", params=TASKS)
def items(request) -> list[Item]:
    return build(request.param, "corrected", "symmetric", 240, 0, 2)


def seen(graph: CausalGraph, starts: Iterable[str], steps: int, marks: dict[str, str]) -> nx.DiGraph:
    """The sentences that are read on walks of so many steps, arrows ignored, with these marks on their names."""
    joined = graph.to_networkx().to_undirected()
    far = [nx.single_source_shortest_path_length(joined, start) for start in starts]
    near = {name: min(steps[name] for steps in far) for name in joined}
    found = nx.DiGraph([edge for edge in graph.edges if min(near[name] for name in edge) < steps])
    nx.set_node_attributes(found, {name: marks.get(name, "") for name in found}, "mark")
    return found


def alike(one: nx.DiGraph, other: nx.DiGraph) -> bool:
    return nx.is_isomorphic(one, other, node_match=lambda a, b: a["mark"] == b["mark"])


def marks(question: LabelledQuestion, *ends: str) -> dict[str, str]:
    asked = question.question
    return dict.fromkeys(asked.given, "given") | {getattr(asked, end): end for end in ends}


def test_each_graph_has_a_yes_and_a_no_with_one_node_in_common(items):
    lengths, given = Counter(), Counter()
    for item in items:
        yes, no = sorted(item.questions, key=lambda question: not question.label)
        assert (yes.label, no.label) == (True, False)
        for question in (yes, no):
            graph, asked = parse(item.premise, question.hypothesis)
            assert (graph, asked) == (item.graph, question.question)
            assert answer(graph, asked) == question.label
            joined = graph.to_networkx().to_undirected()
            assert nx.shortest_path_length(joined, asked.source, asked.target) == question.strata["distance"]
        one, other = yes.question, no.question
        assert (one.source == other.source) + (one.target == other.target) == 1 and one.given == other.given
        assert yes.strata == no.strata and yes.strata["nodes"] == len(item.graph.nodes)
        lengths[yes.strata["distance"]] += 1
        given[len(one.given)] += 1
    assert set(lengths) == set(range(STEPS[0], STEPS[1] + 1)) and min(lengths.values()) > len(items) / 6
    assert len({item.premise for item in items}) == len(items)
    assert given.keys() == ({0, 2} if item.task == "dseparation" else {0})
    first = Counter(item.questions[0].label for item in items)
    assert min(first.values()) > len(items) / 4


def test_from_either_node_alone_the_whole_graph_is_the_same(items):
    for item in items:
        one, other = item.questions
        for end in ("source", "target"):
            views = [seen(item.graph, [getattr(q.question, end)], FAR, marks(q, end)) for q in (one, other)]
            assert views[0].number_of_edges() == len(item.graph.edges) and alike(*views)
        both = [seen(item.graph, [q.question.source], FAR, marks(q, "source", "target")) for q in (one, other)]
        assert not alike(*both), "what joins the two is the answer"


def test_from_both_nodes_at_once_less_than_half_a_path_is_the_same(items):
    for item in items:
        one, other = item.questions
        steps = (one.strata["distance"] - 1) // 2
        views = [
            seen(item.graph, [q.question.source, q.question.target], steps, marks(q, "source", "target"))
            for q in (one, other)
        ]
        assert alike(*views)


def test_rules_that_follow_no_path_give_both_questions_one_score(items):
    for rule in (fitting_ends, untrained_count, two_deep, passing_names, given_colliders):
        for item in items:
            assert len({rule(item.graph, question.question) for question in item.questions}) == 1


def test_pairs_need_an_even_number_and_two_questions_a_graph():
    with pytest.raises(ValueError, match="two questions per graph, not 1"):
        build("transitivity", "corrected", "symmetric", 8, 0)
    with pytest.raises(ValueError, match="n must be even, not 7"):
        build("transitivity", "corrected", "symmetric", 7, 0, 2)
