"""Oracles on graphs worked by hand, and against networkx and slow reference code on random ones."""

from itertools import combinations, permutations, product

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_tasks.bitgraph import BitGraph, bits
from causal_tasks.graphs import CausalGraph
from causal_tasks.oracles import answer, released_answer
from causal_tasks.questions import Question, parse_premise
from causal_tasks.transitivity import chain_fits, fitting_ends, mentioned_first, order_of_mention


def cause(graph, source, target):
    return answer(graph, Question("transitivity", source, target))


def separated(graph, source, target, *given_names, oracle=answer, **switches):
    return oracle(graph, Question("dseparation", source, target, given_names), **switches)


CHAIN = parse_premise("A causes B. B causes C.")
FORK = parse_premise("B causes A. B causes C.")
COLLIDER = parse_premise("A causes B. C causes B.")
DESCENDANT = parse_premise("A causes B. C causes B. B causes D.")
# Pearl's M-graph: two hidden-looking roots, one collider between the pair.
M_GRAPH = parse_premise("U causes X. U causes M. V causes M. V causes Y.")


@pytest.mark.parametrize(
    "graph, source, target, given_names, expected",
    [
        (CHAIN, "A", "C", (), False),
        (CHAIN, "A", "C", ("B",), True),
        (CHAIN, "C", "A", ("B",), True),
        (FORK, "A", "C", (), False),
        (FORK, "A", "C", ("B",), True),
        (COLLIDER, "A", "C", (), True),
        (COLLIDER, "A", "C", ("B",), False),
        (DESCENDANT, "A", "C", (), True),
        (DESCENDANT, "A", "C", ("D",), False),
        (DESCENDANT, "A", "D", ("B",), True),
        (M_GRAPH, "X", "Y", (), True),
        (M_GRAPH, "X", "Y", ("M",), False),
        (M_GRAPH, "X", "Y", ("M", "U"), True),
        (M_GRAPH, "X", "Y", ("M", "U", "V"), True),
        (CHAIN, "A", "B", ("C",), False),
    ],
)
def test_d_separation_by_hand(graph, source, target, given_names, expected):
    assert separated(graph, source, target, *given_names) is expected


@pytest.mark.parametrize(
    "source, target, expected", [("A", "B", True), ("A", "C", True), ("C", "A", False), ("B", "A", False)]
)
def test_transitivity_by_hand(source, target, expected):
    assert cause(CHAIN, source, target) is expected
    assert cause(COLLIDER, "A", "C") is False


def test_hidden_common_causes_by_hand():
    """A <-> B -> C: the hidden cause opens A to B and C; conditioning on the collider A of D -> A <-> B opens D to B."""
    graph = CausalGraph((("B", "C"), ("D", "A")), hidden=(("A", "B"),))
    assert not separated(graph, "A", "B")
    assert not separated(graph, "A", "C")
    assert separated(graph, "A", "C", "B")
    assert separated(graph, "D", "B")
    assert not separated(graph, "D", "B", "A")
    assert not cause(graph, "A", "B")


def test_oracle_refuses_what_it_cannot_answer():
    with pytest.raises(ValueError, match="unknown node 'Z'"):
        cause(CHAIN, "A", "Z")
    with pytest.raises(ValueError, match="undefined"):
        separated(parse_premise("A causes B. B causes A. B causes C."), "A", "C")


def test_fault_a4_on_the_chain_walked_against_its_arrows():
    assert separated(CHAIN, "A", "C", "B", oracle=released_answer) is True
    assert separated(CHAIN, "C", "A", "B", oracle=released_answer) is False
    assert separated(CHAIN, "C", "A", "B", oracle=released_answer, unblocked_reversed_chain=False) is True
    # Forks and colliders are right in the release.
    assert separated(FORK, "C", "A", "B", oracle=released_answer) is True
    assert separated(COLLIDER, "C", "A", oracle=released_answer) is True
    assert separated(DESCENDANT, "C", "A", "D", oracle=released_answer) is False


def test_released_oracle_is_total_on_repeated_names():
    loop = parse_premise("P causes P. P causes Q. Q causes P.")
    assert released_answer(loop, Question("transitivity", "P", "P")) is True
    assert released_answer(loop, Question("transitivity", "Q", "P")) is True
    assert released_answer(loop, Question("dseparation", "P", "P")) is False
    assert released_answer(loop, Question("dseparation", "P", "R", ("Q",))) is True


@st.composite
def dags(draw, smallest=2, largest=7):
    """(n, edges) with edges from smaller to larger numbers, in random order."""
    n = draw(st.integers(smallest, largest))
    pairs = list(combinations(range(n), 2))
    return n, draw(st.permutations(draw(st.lists(st.sampled_from(pairs), unique=True))))


@st.composite
def separation_questions(draw):
    n, edges = draw(dags())
    source, target = draw(st.permutations(range(n)))[:2]
    others = [node for node in range(n) if node not in (source, target)]
    inside = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
    return n, edges, source, target, inside


def as_networkx(n, edges):
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(range(n))
    return graph


@settings(max_examples=300, deadline=None)
@given(separation_questions())
def test_fast_d_separation_equals_networkx(question):
    n, edges, source, target, inside = question
    expected = nx.is_d_separator(as_networkx(n, edges), source, target, set(inside))
    mask = sum(1 << node for node in inside)
    assert BitGraph(n, edges).d_separated(source, target, mask) is expected
    assert BitGraph(n, edges).d_separated(target, source, mask) is expected


@settings(max_examples=150, deadline=None)
@given(separation_questions())
def test_released_oracle_without_its_fault_equals_networkx(question):
    n, edges, source, target, inside = question
    graph = CausalGraph(tuple((f"n{a}", f"n{b}") for a, b in edges))
    asked = Question("dseparation", f"n{source}", f"n{target}", tuple(f"n{node}" for node in inside))
    expected = nx.is_d_separator(as_networkx(n, edges), source, target, set(inside))
    assert released_answer(graph, asked, unblocked_reversed_chain=False) is expected
    # The fault only ever opens paths: it may turn Yes into No, never No into Yes.
    if released_answer(graph, asked):
        assert expected


@settings(max_examples=150, deadline=None)
@given(dags())
def test_bit_graph_reachability_and_distance_equal_networkx(dag):
    n, edges = dag
    graph, reference = BitGraph(n, edges), as_networkx(n, edges)
    lengths = dict(nx.all_pairs_shortest_path_length(reference.to_undirected()))
    for a in range(n):
        assert set(bits(graph.descendants[a])) == nx.descendants(reference, a)
        for b in range(n):
            if a != b:
                assert graph.causes(a, b) is nx.has_path(reference, a, b)
                assert graph.distance(a, b) == lengths[a].get(b)


def test_patterns_by_hand():
    assert BitGraph(3, [(0, 1), (1, 2)]).pattern(0, 2) == "chain"
    assert BitGraph(3, [(1, 0), (2, 1)]).pattern(0, 2) == "chain"
    assert BitGraph(3, [(1, 0), (1, 2)]).pattern(0, 2) == "fork"
    assert BitGraph(3, [(0, 1), (2, 1)]).pattern(0, 2) == "collider"
    assert BitGraph(4, [(0, 1), (2, 1), (1, 3)]).pattern(0, 2) == "descendant"
    # fork then collider: the collider names the path
    assert BitGraph(4, [(1, 0), (1, 2), (3, 2)]).pattern(0, 3) == "collider"
    assert BitGraph(2, [(0, 1)]).pattern(0, 1) == "direct"
    assert BitGraph(4, [(0, 1), (2, 3)]).pattern(0, 3) == "apart"


@settings(max_examples=60, deadline=None)
@given(separation_questions(), st.data())
def test_m_separation_equals_d_separation_with_the_causes_spelt_out(question, data):
    """Hidden pairs as explicit extra nodes, d-separation by the fast implementation."""
    n, edges, source, target, inside = question
    pairs = data.draw(st.lists(st.sampled_from(list(combinations(range(n), 2))), unique=True, max_size=3))
    spelt = list(edges) + [(n + i, node) for i, pair in enumerate(pairs) for node in pair]
    fast = BitGraph(n + len(pairs), spelt).d_separated(source, target, sum(1 << node for node in inside))
    names = [f"n{node}" for node in range(n)]
    # every node must be named by something
    named = tuple((names[a], names[b]) for a, b in edges), tuple((names[a], names[b]) for a, b in pairs)
    graph = CausalGraph(*named)
    asked = (names[source], names[target], *(names[node] for node in inside))
    if all(name in graph.nodes for name in asked):
        assert separated(graph, asked[0], asked[1], *asked[2:]) is fast


@settings(max_examples=100, deadline=None)
@given(dags(), st.data())
def test_released_reachability_equals_networkx_where_names_repeat(dag, data):
    """Nodes of equal names are one node, so that the graph may be cyclic."""
    n, edges = dag
    names = data.draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n))
    graph = CausalGraph(tuple((names[a], names[b]) for a, b in edges))
    source, target = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    reference = graph.to_networkx()
    reference.add_nodes_from(names)
    asked = Question("transitivity", source, target)
    assert released_answer(graph, asked) is nx.has_path(reference, source, target)


def test_ends_and_order_of_mention_of_every_chain_of_five():
    for along in product((True, False), repeat=4):
        edges = [(i, i + 1) if ahead else (i + 1, i) for i, ahead in enumerate(along)]
        mention = order_of_mention(edges)
        for source, target in permutations(range(5), 2):
            assert chain_fits(along, source, target) == fitting_ends(edges, source, target)
            assert mentioned_first(edges, source, target) == (mention[source] < mention[target])
