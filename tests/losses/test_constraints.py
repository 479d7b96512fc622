"""The axioms against the truth about real DAGs, and the search for groups against a slow one."""

from itertools import combinations, permutations, product

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_tasks.families import constraint_queries
from losses.constraints import Group, axioms, find_groups


def satisfies(world, clauses):
    return all(any(world[abs(v) - 1] == (v > 0) for v in clause) for clause in clauses)


def worlds_of(task, size):
    variables, clauses = axioms(task, size)
    return {world for world in product((False, True), repeat=variables) if satisfies(world, clauses)}


def truth(graph, task, statement):
    source, target, given = statement
    if task == "transitivity":
        return nx.has_path(graph, source, target)
    return nx.is_d_separator(graph, {source}, {target}, set(given))


def dag(order, edges):
    graph = nx.DiGraph()
    graph.add_nodes_from(order)
    graph.add_edges_from(edges)
    return graph


def all_dags(nodes):
    """Every labelled DAG on the nodes."""
    pairs = list(combinations(nodes, 2))
    for states in product((None, 1, -1), repeat=len(pairs)):
        edges = [pair[::state] for pair, state in zip(pairs, states, strict=True) if state]
        graph = dag(nodes, edges)
        if nx.is_directed_acyclic_graph(graph):
            yield graph


@st.composite
def random_dags(draw, most=6):
    order = draw(st.permutations(range(draw(st.integers(4, most)))))
    edges = [pair for pair in combinations(order, 2) if draw(st.booleans())]
    return dag(order, edges)


@pytest.mark.parametrize(("task", "worlds"), [("transitivity", 19), ("dseparation", 11)])
def test_on_three_nodes_the_worlds_are_exactly_those_of_dags(task, worlds):
    queries = constraint_queries(task, range(3))
    assert len(queries) == 6
    seen = {tuple(truth(graph, task, query) for query in queries) for graph in all_dags(range(3))}
    assert worlds_of(task, 3) == seen
    assert len(seen) == worlds


def test_on_four_nodes_the_orders_are_exactly_those_of_dags():
    queries = constraint_queries("transitivity", range(4))
    assert len(queries) == 12
    seen = {tuple(truth(graph, "transitivity", query) for query in queries) for graph in all_dags(range(4))}
    assert worlds_of("transitivity", 4) == seen
    assert len(seen) == 219


@given(random_dags(), st.data())
@settings(max_examples=60, deadline=None)
def test_the_truth_about_any_dag_satisfies_the_axioms_in_any_context(graph, data):
    size = data.draw(st.sampled_from([3, 4]))
    nodes = data.draw(st.permutations(sorted(graph)))
    members, context = nodes[:size], data.draw(st.sets(st.sampled_from(nodes[size:]))) if nodes[size:] else set()
    for task, around in (("transitivity", set()), ("dseparation", context)):
        _, clauses = axioms(task, size)
        world = [truth(graph, task, query) for query in constraint_queries(task, members, around)]
        assert satisfies(world, clauses)


def test_the_yes_counts_that_the_documentation_promises():
    assert {sum(world) for world in worlds_of("dseparation", 3)} == {0, 1, 4, 6}
    orders = worlds_of("transitivity", 3)
    assert max(map(sum, orders)) == 3
    # three Yes iff a total order: one for each permutation
    assert sum(sum(world) == 3 for world in orders) == 6


def test_constant_answers_and_the_axioms():
    # always-No is a strict partial order and a graphoid; always-Yes is only a graphoid
    assert (False,) * 6 in worlds_of("transitivity", 3) and (True,) * 6 not in worlds_of("transitivity", 3)
    assert {(False,) * 6, (True,) * 6} < worlds_of("dseparation", 3)


def test_every_answer_inverted_can_still_satisfy_the_axioms():
    # turning a total order round denies each of its answers: no label, no direction
    orders = worlds_of("transitivity", 3)
    inverted = {tuple(not answer for answer in world) for world in orders if sum(world) == 3}
    assert len(inverted) == 6 and inverted < orders


def slow_groups(task, questions, size):
    """Try every ordered choice of members and context; a family counts once."""
    nodes = {node for s, t, g in questions for node in (s, t, *g)}
    contexts = {frozenset(g) for _, _, g in questions}
    families = set()
    for members in combinations(sorted(nodes), size):
        for context in contexts:
            if context & set(members):
                continue
            rows = []
            for s, t, g in constraint_queries(task, members, context):
                orders = [(s, t)] if task == "transitivity" else [(s, t), (t, s)]
                rows.append(tuple(k for k, q in enumerate(questions) if (q[0], q[1]) in orders and q[2] == g))
            if all(rows):
                families.add(tuple(rows))
    return families


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_groups_are_those_of_a_slow_search(data):
    task = data.draw(st.sampled_from(["transitivity", "dseparation"]))
    nodes = range(5)
    family = constraint_queries(task, data.draw(st.permutations(nodes))[:3])
    pool = [
        (i, j, frozenset(g))
        for i, j in permutations(nodes, 2)
        for r in (0, 1)
        for g in combinations(set(nodes) - {i, j}, r)
    ]
    if task == "transitivity":
        pool = [query for query in pool if not query[2]]
    extra = data.draw(st.lists(st.sampled_from(pool), max_size=20, unique=True))
    questions = data.draw(st.permutations(list(dict.fromkeys(family + extra))))
    if data.draw(st.booleans()):
        questions = questions[1:]
    found = find_groups(task, questions, 3)
    assert {g.statements for g in found if not g.symmetric} == slow_groups(task, questions, 3)
    covered = {k for g in found if not g.symmetric for s in g.statements for k in s}
    mirrored = {
        frozenset((a, b))
        for (a, p), (b, q) in combinations(enumerate(questions), 2)
        if task == "dseparation" and (p[1], p[0], p[2]) == q and a not in covered
    }
    assert {frozenset(g.statements[0]) for g in found if g.symmetric} == mirrored


def test_a_question_in_both_orders_is_a_group_of_its_own():
    questions = [("B", "A", ("C",)), ("A", "C", ()), ("A", "B", ("C",))]
    assert find_groups("dseparation", questions, 3) == [Group(((0, 2),), symmetric=True)]
    assert find_groups("transitivity", [("B", "A", ()), ("A", "B", ())], 3) == []


def test_the_queries_of_a_family_in_a_context():
    queries = constraint_queries("dseparation", "XYZ", context=["W"])
    assert ("X", "Y", frozenset("W")) in queries and ("X", "Y", frozenset("WZ")) in queries
    assert len(constraint_queries("dseparation", "XYZV")) == 24


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: constraint_queries("order", "ABC"), "task must be one of transitivity, dseparation"),
        (lambda: constraint_queries("transitivity", "AB"), "at least 3 nodes, got 2"),
        (lambda: constraint_queries("transitivity", "ABA"), "must be different nodes"),
        (lambda: constraint_queries("dseparation", "ABC", "C"), "must be different nodes"),
        (lambda: constraint_queries("transitivity", "ABC", "D"), "context must be empty"),
        (lambda: axioms("dseparation", 5), "3 or 4 nodes, got 5"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
