"""Families: all the questions about a few nodes of one graph, which the axioms of their task tie together.

A *statement* is what a question asks, (source, target, given):
  transitivity  "source causes target": ordered, `given` is empty;
  dseparation   "source and target are d-separated given `given`": unordered, so the questions (X, Y | Z) and
                (Y, X | Z) ask the same statement.
A family of m nodes M holds
  transitivity  all m (m - 1) ordered pairs of M;
  dseparation   every pair of M given L and every subset of the rest of M: 6 statements for m = 3, 24 for m = 4.
                The *context* L is a set of nodes outside M, often empty, the same for the whole family.
What the axioms are: losses/constraints.py, which also finds families in given questions. Items that ask whole families:
constructions/families.py.
"""

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations, permutations
from math import comb

from causal_tasks.questions import TASKS

Node = Hashable
Statement = tuple[Node, Node, frozenset]  # source, target, given

SMALLEST_FAMILY = 3
LARGEST_FAMILY = 15  # nodes of the largest graphs


def constraint_queries(task: str, nodes: Sequence[Node], context: Iterable[Node] = ()) -> list[Statement]:
    """The questions an item must ask so that they form a family.

    Args:
        nodes: at least 3 nodes of the graph, in any order.
        context: further nodes, conditioned on throughout (d-separation only).
    Returns:
        (source, target, given), one for each statement of the family, in the order in which the axioms number them.
        A d-separation statement may be asked in either order, or in both: the second question adds the symmetry axiom.
    Raises:
        ValueError: an unknown task, too few or repeated nodes, a context that overlaps them, or one given for
            transitivity.
    """
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    context = frozenset(context)
    if len(nodes) < SMALLEST_FAMILY:
        raise ValueError(f"a family has at least {SMALLEST_FAMILY} nodes, got {len(nodes)}")
    if len(set(nodes)) < len(nodes) or context & set(nodes):
        raise ValueError(
            f"nodes and context must be different nodes, got {list(nodes)} and {sorted(map(str, context))}"
        )
    if task == "transitivity":
        if context:
            raise ValueError("transitivity questions have no conditioning set, so context must be empty")
        return [(i, j, context) for i, j in permutations(nodes, 2)]
    return [(i, j, context | inner) for i, j in combinations(nodes, 2) for inner in subsets(set(nodes) - {i, j}, nodes)]


def subsets(members: set, order: Sequence) -> list[frozenset]:
    """All subsets of `members`, small ones first, in the order of `order`."""
    ordered = [node for node in order if node in members]
    return [frozenset(subset) for length in range(len(ordered) + 1) for subset in combinations(ordered, length)]


def questions_in_family(task: str, size: int) -> int:
    """How many statements a family of `size` nodes has."""
    return size * (size - 1) if task == "transitivity" else comb(size, 2) * 2 ** (size - 2)


def family_size(task: str, questions_per_graph: int) -> int:
    """How many nodes a family of this many questions has.

    Raises:
        ValueError: no family of the task has exactly so many; those that exist are named.
    """
    sizes = {questions_in_family(task, size): size for size in range(SMALLEST_FAMILY, LARGEST_FAMILY + 1)}
    if questions_per_graph not in sizes:
        raise ValueError(
            f"questions_per_graph={questions_per_graph}: a family of task={task} has "
            f"{', '.join(map(str, list(sizes)[:4]))}, ... questions ({', '.join(map(str, list(sizes.values())[:4]))}, "
            "... nodes)"
        )
    return sizes[questions_per_graph]
