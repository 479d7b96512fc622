"""Families: all the questions about a few nodes of one graph, which the axioms of their task tie together.

A *statement* is what a question asks, (source, target, given):
  transitivity  "source causes target": ordered, `given` is empty;
  dseparation   "source and target are d-separated given `given`": unordered, so the questions (X, Y | Z) and
                (Y, X | Z) ask the same statement.
A family of m nodes M holds
  transitivity  all m (m - 1) ordered pairs of M;
  dseparation   every pair of M given L and every subset of the rest of M: 6 statements for m = 3, 24 for m = 4.
                The *context* L is a set of nodes outside M, often empty, the same for the whole family.
What the axioms are: losses/constraints.py, which also finds families in given questions. Here items are made that ask
whole families, about the graphs of the corrected protocol.
"""

import random
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations, count, permutations
from math import comb

from causal_tasks import suites
from causal_tasks.bitgraph import BitGraph
from causal_tasks.drafts import Draft, DraftQuestion, dress
from causal_tasks.items import Item
from causal_tasks.questions import TASKS
from causal_tasks.randomness import generator
from causal_tasks.released import LARGEST_GIVEN

Node = Hashable
Statement = tuple[Node, Node, frozenset]  # source, target, given

SMALLEST_FAMILY = 3
LARGEST_FAMILY = 15  # nodes of the largest graphs
# Shares of Yes that items aim at in turn: every answer pattern comes up, and the whole is as balanced as families
# allow. Of a transitivity family at most half is Yes; of three d-separation nodes 0, 1, 4 or 6 statements of 6, and
# the larger shares exist in few graphs.
AIMS = {"transitivity": (1 / 2, 1 / 3, 1 / 2, 1 / 6, 1 / 2, 1 / 3), "dseparation": (2 / 3, 1, 0, 1, 2 / 3, 1)}
_CANDIDATES = 100  # families of a graph that are looked at for one of the wanted share


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


def sample(task: str, split: str, seed: int, index: int, questions_per_graph: int) -> Item:
    """Item `index` alone: a whole family about the graph of `suites.sample(task, "corrected", split, seed, index)`.

    So graphs are distributed as in the corrected split, and no text is shared between splits. Among families drawn at
    random, the one whose share of Yes is nearest to the item's aim is asked, its questions in random order. Over the
    training split, 42 % of the answers about three nodes are Yes in transitivity, 51 % in d-separation (as the tests
    hold); all ordered pairs being asked, Yes is more frequent where the source is mentioned first, since a sentence
    names its cause first.

    Args:
        questions_per_graph: the size of the family. A graph with fewer nodes is asked the family of all its nodes, so
            30 asks all ordered pairs of every graph of up to 6 nodes.
    Raises:
        ValueError: no family has so many questions, or as `suites.sample`.
    """
    size = family_size(task, questions_per_graph)
    told = suites.sample(task, "corrected", split, seed, index)
    names = told.graph.nodes
    number = {name: node for node, name in enumerate(names)}
    graph = BitGraph(len(names), [(number[cause], number[effect]) for cause, effect in told.graph.edges])
    about = {key: value for key, value in told.questions[0].strata.items() if key in ("chain_length", "nodes", "edges")}
    rng = generator("families", task, split, seed, index, questions_per_graph)
    aim = AIMS[task][index % len(AIMS[task])]
    looked_at = _CANDIDATES if size < graph.n else 1
    candidates = (_draw_family(task, graph, min(size, graph.n), about, rng) for _ in range(looked_at))
    asked = min(candidates, key=lambda questions: abs(_yes_share(questions) - aim))
    draft = Draft(graph.n, graph.edges, tuple(rng.sample(asked, len(asked))))
    return dress(draft, told.graph, list(names), task, f"{task}-families-{split}-{seed}-{index:06d}")


def build(task: str, split: str, n: int, seed: int, questions_per_graph: int) -> list[Item]:
    """The first items that together hold at most `n` questions; families are never cut.

    Raises:
        ValueError: `n` is less than the first family, or as `sample`.
    """
    items: list[Item] = []
    left = n
    for index in count():
        item = sample(task, split, seed, index, questions_per_graph)
        left -= len(item.questions)
        if left < 0:
            break
        items.append(item)
    if not items:
        raise ValueError(f"n={n} questions are fewer than the {len(item.questions)} of the first family")
    return items


def _draw_family(task: str, graph: BitGraph, size: int, about: dict, rng: random.Random) -> list[DraftQuestion]:
    members = rng.sample(range(graph.n), size)
    context = []
    if task == "dseparation":
        # No question is given more nodes than those of the sampled training questions.
        others = [node for node in range(graph.n) if node not in members]
        context = rng.sample(others, rng.randint(0, max(0, min(len(others), LARGEST_GIVEN - (size - 2)))))
    return [_ask(task, graph, *statement, about, rng) for statement in constraint_queries(task, members, context)]


def _ask(task: str, graph: BitGraph, source: int, target: int, given, about: dict, rng: random.Random) -> DraftQuestion:
    strata = dict(about)
    if (distance := graph.distance(source, target)) is not None:
        strata["distance"] = distance
    if task == "transitivity":
        return DraftQuestion(source, target, (), graph.causes(source, target), strata)
    source, target = rng.sample((source, target), 2)
    label = graph.d_separated(source, target, sum(1 << node for node in given))
    strata |= {"pattern": graph.pattern(source, target), "given_size": len(given)}
    return DraftQuestion(source, target, tuple(sorted(given)), label, strata)


def _yes_share(questions: list[DraftQuestion]) -> float:
    return sum(question.label for question in questions) / len(questions)
