"""What the answers to several questions on one graph must satisfy together (no torch here).

A *family* is the set of statements about ``size`` nodes that the axioms tie together; what statements and
families are, and how items come to ask them, is told in ``causal_tasks.families``. Its axioms hold for the
truth about any DAG, whatever the names of the nodes and whatever else is in the graph, so they need neither
the graph nor labels.

| task | family of nodes M (|M| = size) | questions, size 3 / 4 | worlds |
|---|---|---|---|
| transitivity | all ordered pairs of M | 6 / 12 | 19 of 64 / 219 of 4,096: the strict partial orders |
| dseparation | all pairs i, j of M given L + K, K a subset of M without i, j | 6 / 24 | 11 of 64 / 679 of 2**24 |

L is a *context* of nodes outside M (often empty), the same for the whole family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from causal_tasks.families import Statement, constraint_queries, subsets
from causal_tasks.questions import TASKS

Clause = tuple[int, ...]  # a disjunction: +v is statement v (from 1), -v its negation


@dataclass(frozen=True)
class Group:
    """Questions on one graph that a constraint ties together.

    statements: for each statement, in the family's order, the indices of the questions that ask it.
    symmetric: True if it is one statement asked more than once, which no family of the graph holds;
        the only constraint is that its answers agree.
    """

    statements: tuple[tuple[int, ...], ...]
    symmetric: bool = False


def axioms(task: str, size: int) -> tuple[int, list[Clause]]:
    """(number of statements, clauses over them) of a family of ``size`` nodes.

    Statement v (from 1) is the v-th of ``constraint_queries(task, nodes)``.
    transitivity: asymmetry i<j -> not j<i, and transitivity i<j, j<k -> i<k.
    dseparation, with <ij|L> for "i and j are d-separated given L", for all i, j, k and L
    (Pearl 1988, section 3.3 and theorem 11; symmetry is in the statements themselves):
        <ij|kL>, <ik|L>  <->  <ij|L>, <ik|jL>   decomposition, weak union and contraction
        <ij|kL>, <ik|jL>  ->  <ij|L>, <ik|L>    intersection
        <ij|L>, <ik|L>    ->  <ij|kL>, <ik|jL>  composition
        <ij|L>, <ij|kL>   ->  <ik|L> or <jk|L>  weak transitivity
    On three nodes these leave exactly the 11 patterns that some DAG has.
    """
    _check(task, size)
    nodes = range(size)
    number = {statement: v for v, statement in enumerate(constraint_queries(task, nodes), start=1)}
    clauses = _order_axioms(nodes, number) if task == "transitivity" else _graphoid_axioms(nodes, number)
    return len(number), sorted(set(clauses))


def find_groups(task: str, questions: Sequence[Statement], size: int) -> list[Group]:
    """The groups among the questions asked on one graph.

    questions: (source, target, given) with comparable node indices or names, in the item's order.
    Finds every family of ``size`` nodes all of whose statements are asked, and each d-separation
    statement asked more than once outside all of them.
    """
    _check(task, size)
    asked: dict[Statement, list[int]] = {}
    contexts: dict[frozenset, set] = {}
    for index, (source, target, given) in enumerate(questions):
        given = frozenset(given)
        if task == "dseparation" and target < source:
            source, target = target, source
        asked.setdefault((source, target, given), []).append(index)
        contexts.setdefault(given, set()).update((source, target))
    groups, covered = [], set()
    for context, nodes in contexts.items():
        for members in combinations(sorted(nodes), size):
            family = constraint_queries(task, members, context) if not context & set(members) else None
            if family and all(statement in asked for statement in family):
                groups.append(Group(tuple(tuple(asked[statement]) for statement in family)))
                covered.update(family)
    if task == "dseparation":
        repeated = (s for s, indices in asked.items() if len(indices) > 1 and s not in covered)
        groups += [Group((tuple(asked[statement]),), symmetric=True) for statement in repeated]
    return groups


def _order_axioms(nodes: Sequence[int], number: dict[Statement, int]) -> Iterator[Clause]:
    none = frozenset()
    for i, j in combinations(nodes, 2):
        yield -number[i, j, none], -number[j, i, none]
    for i, j, k in permutations(nodes, 3):
        yield -number[i, j, none], -number[j, k, none], number[i, k, none]


def _graphoid_axioms(nodes: Sequence[int], number: dict[Statement, int]) -> Iterator[Clause]:
    for i, j, k in permutations(nodes, 3):
        for inner in subsets(set(nodes) - {i, j, k}, nodes):
            name = _namer(number, inner)
            ij, ik, jk = name(i, j), name(i, k), name(j, k)
            ij_k, ik_j = name(i, j, k), name(i, k, j)
            # either side of the equivalence, both conditionals, or both marginals: each yields all four
            for premises in ((ij_k, ik), (ij_k, ik_j), (ij, ik)):
                for conclusion in {ij, ik, ij_k, ik_j} - set(premises):
                    yield (*sorted(-v for v in premises), conclusion)
            yield (*sorted((-ij, -ij_k)), *sorted((ik, jk)))


def _namer(number: dict[Statement, int], inner: frozenset) -> Callable[..., int]:
    return lambda a, b, *more: number[min(a, b), max(a, b), inner.union(more)]


def _check(task: str, size: int) -> None:
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    if size not in (3, 4):
        raise ValueError(f"a constraint family has 3 or 4 nodes, got {size!r}")
