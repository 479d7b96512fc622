"""The exact semantic loss with the stated edges: as facts, and as what all worlds share."""

import math
from itertools import product

import pytest
import torch

from causal_tasks.families import constraint_queries
from losses.constraints import axioms
from tests.losses.worlds import batch, brute_force, prepared, random_logs, semantic_part


def test_facts_rule_out_the_worlds_that_deny_a_stated_edge():
    queries = constraint_queries("transitivity", range(3))
    _, yes, no = random_logs(6, 3)
    semantic = semantic_part(
        prepared("transitivity", knowledge="axioms_and_facts"), batch(queries, yes, no, edges=[(0, 1)])
    )
    clauses = [*axioms("transitivity", 3)[1], (1 + queries.index((0, 1, frozenset())),)]
    torch.testing.assert_close(semantic, -brute_force(yes, no, clauses))


def test_facts_of_d_separation_forbid_separating_neighbours():
    queries = constraint_queries("dseparation", range(3))
    _, yes, no = random_logs(6, 4)
    # the edge runs against the order in which the question names its nodes
    semantic = semantic_part(
        prepared("dseparation", knowledge="axioms_and_facts"), batch(queries, yes, no, edges=[(1, 0)])
    )
    denied = [(-(v + 1),) for v, (i, j, _) in enumerate(queries) if {i, j} == {0, 1}]
    torch.testing.assert_close(semantic, -brute_force(yes, no, [*axioms("dseparation", 3)[1], *denied]))


@pytest.mark.parametrize(
    ("task", "size", "edges"),
    [
        ("transitivity", 3, [(0, 1)]),
        ("transitivity", 3, [(0, 1), (1, 2)]),
        ("transitivity", 4, [(0, 1), (1, 2), (3, 2)]),
        ("dseparation", 3, [(1, 0)]),
        ("dseparation", 3, [(0, 1), (1, 2)]),
        ("transitivity", 3, []),
    ],
)
def test_deduced_are_the_answers_that_all_worlds_share(task, size, edges):
    queries = constraint_queries(task, range(size))
    _, yes, no = random_logs(len(queries), 8)
    result = prepared(task, size, knowledge="deduced")(batch(queries, yes, no, edges=edges, padding=1), None, 1.0)
    if task == "transitivity":
        facts = [(queries.index((i, j, frozenset())), True) for i, j in edges]
    else:
        joined = [set(edge) for edge in edges]
        facts = [(v, False) for v, (i, j, _) in enumerate(queries) if {i, j} in joined]
    worlds = [
        world
        for world in product((False, True), repeat=len(queries))
        if all(any(world[abs(v) - 1] == (v > 0) for v in clause) for clause in axioms(task, size)[1])
        and all(world[v] == value for v, value in facts)
    ]
    terms = []
    for v, answers in enumerate(zip(*worlds, strict=True)):
        if len(set(answers)) == 1:
            terms.append(-(yes if answers[0] else no)[v])
    expected = torch.stack(terms).sum() if terms else torch.zeros((), dtype=yes.dtype)
    exact = prepared(task, size, knowledge="axioms_and_facts")(batch(queries, yes, no, edges=edges), None, 1.0)
    assert expected <= exact["semantic"], "a weaker constraint"
    torch.testing.assert_close(result["semantic"], expected.detach())
    assert result["deduced"] == pytest.approx(len(terms) / len(queries))
    assert (len(terms) > 0) == bool(edges)


def test_deduced_by_hand():
    # A causes B, B causes C: three Yes and, no cause being its own effect, three No
    queries = constraint_queries("transitivity", range(3))
    even = torch.full((6,), math.log(0.5))
    chain = prepared("transitivity", knowledge="deduced")(batch(queries, even, even, edges=[(0, 1), (1, 2)]), None, 1.0)
    assert chain["deduced"] == 1 and chain["semantic"] == pytest.approx(6 * math.log(2))
    edge = prepared("transitivity", knowledge="deduced")(batch(queries, even, even, edges=[(0, 1)]), None, 1.0)
    assert edge["deduced"] == pytest.approx(2 / 6)
