"""Corrected d-separation questions: unique names, no cycles, and answers balanced within every stratum.

Drafts come in blocks of four (Yes, No, Yes, No) whose labels are balanced for every value of every stratum key.
Three kinds of block:

pivotal    a pair of nodes asked twice: given a set that separates it, and given one of the same size that does not.
contrast   the pair that needs conditioning and the pair that must not have it: a chain or fork given nothing (No)
           and given a separating set (Yes); a collider as far apart in a graph of the same size given nothing (Yes)
           and given an opening set (No).
direct     neighbours, which nothing separates (No), beside a separated pair (Yes); without distance and pattern.
"""

import random
from dataclasses import dataclass
from itertools import combinations

from causal_tasks.bitgraph import BitGraph, bits
from causal_tasks.drafts import Draft, DraftQuestion
from causal_tasks.released import LARGEST_GIVEN, random_dag
from causal_tasks.transitivity import random_connected_dag

_KINDS = {"pivotal": 0.5, "contrast": 0.4, "direct": 0.1}  # shares of the blocks
_NEEDS_CONDITIONING = ("chain", "fork")
_LARGEST_POOL = 400  # conditioning sets looked at per graph when more questions are asked about it


@dataclass(frozen=True)
class Paths:
    """Paths of `shortest`..`longest` nodes; as transitivity.Chains."""

    shortest: int
    longest: int
    flips: tuple[float, ...] = (0.0, 0.3, 0.5)
    told: str = "either"
    shuffled: bool = False
    patterns = ("chain", "fork", "collider")

    def draw(self, rng: random.Random, like: BitGraph | None = None) -> BitGraph:
        n, flip = like.n if like else rng.randint(self.shortest, self.longest), rng.choice(self.flips)
        forward = self.told == "forward" or (self.told == "either" and rng.random() < 0.5)
        edges = [(i, i + 1) if (rng.random() >= flip) == forward else (i + 1, i) for i in range(n - 1)]
        if self.shuffled:
            rng.shuffle(edges)
        return BitGraph(n, edges)


@dataclass(frozen=True)
class Dense:
    """The released random DAG of `shortest`..`longest` nodes, told in topological order."""

    shortest: int
    longest: int
    patterns = ("chain", "fork", "collider", "descendant")

    def draw(self, rng: random.Random, like: BitGraph | None = None) -> BitGraph:
        sizes = (like.n, like.n) if like else (self.shortest, self.longest)
        return BitGraph(*random_dag(*sizes, lowest=0.3, highest=0.6, most_edges=3, rng=rng))


@dataclass(frozen=True)
class Branching:
    """Connected DAGs of `shortest`..`longest` nodes with up to n/2 edges more than a tree.

    The released branching suite has about four edges a node, where 98 % of all pairs cannot be separated at all.
    """

    shortest: int
    longest: int
    patterns = ("chain", "fork", "collider", "descendant")

    def draw(self, rng: random.Random, like: BitGraph | None = None) -> BitGraph:
        n = like.n if like else rng.randint(self.shortest, self.longest)
        count = len(like.edges) if like else n - 1 + rng.randint(0, n // 2)
        return BitGraph(n, random_connected_dag(n, count, rng))


_TRAINING = Dense(3, 6)
CONSTRUCTIONS = {
    "train": _TRAINING,
    "validation": _TRAINING,
    "in_distribution": _TRAINING,
    "length": Paths(7, 15, told="forward"),
    "branching": Branching(7, 15),
    "reversed": Paths(7, 15, told="backward"),
    "shuffled": Paths(7, 15, flips=(0.5,), shuffled=True),
    "long_names": _TRAINING,
}


def draw_block(split: str, questions_per_graph: int, rng: random.Random) -> list[Draft]:
    """Four drafts, labels Yes, No, Yes, No.

    Raises:
        KeyError: a split that is not in CONSTRUCTIONS.
    """
    construction = CONSTRUCTIONS[split]
    (kind,) = rng.choices(list(_KINDS), list(_KINDS.values()))
    if kind == "contrast":
        drafts = _contrast(construction, rng)
    else:
        twins = {"pivotal": _pivotal_twins, "direct": _direct_twins}[kind]
        drafts = twins(construction, rng) + twins(construction, rng)
    return [_with_more_questions(draft, questions_per_graph, rng) for draft in drafts]


def _pivotal_twins(construction, rng: random.Random) -> list[Draft]:
    pattern = rng.choice(construction.patterns)
    while True:
        graph = construction.draw(rng)
        pair = _pair(graph, rng)
        if pair is None or graph.n < 4 or graph.pattern(*pair) != pattern:
            continue
        size = rng.randint(1, min(LARGEST_GIVEN, graph.n - 3))
        separating, opening = (_given(graph, *pair, size, label, rng) for label in (True, False))
        if separating is not None and opening is not None:
            strata = _strata(construction, graph, *pair)
            return [
                _draft(graph, pair, separating, True, strata, rng),
                _draft(graph, pair, opening, False, strata, rng),
            ]


def _contrast(construction, rng: random.Random) -> list[Draft]:
    pattern = rng.choice(_NEEDS_CONDITIONING)
    while True:
        graph = construction.draw(rng)
        pair = _pair(graph, rng)
        if pair is None or graph.pattern(*pair) != pattern:
            continue
        size = rng.randint(1, min(LARGEST_GIVEN, graph.n - 2))
        separating = _given(graph, *pair, size, True, rng)
        rival = separating is not None and _rival(construction, graph, graph.distance(*pair), size, rng)
        if rival:
            strata = _strata(construction, graph, *pair)
            return [
                _draft(graph, pair, separating, True, strata, rng),
                _draft(graph, pair, 0, False, strata, rng),
                *rival,
            ]


def _rival(construction, graph: BitGraph, distance: int, size: int, rng: random.Random) -> list[Draft] | None:
    """A collider as far apart in a graph of the same size: Yes given nothing, No given a set of `size`."""
    for _ in range(200):  # some sizes have no such pair, hence the bound
        other = construction.draw(rng, like=graph)
        pair = _pair(other, rng)
        if pair is None or len(other.edges) != len(graph.edges) or other.distance(*pair) != distance:
            continue
        if other.pattern(*pair) in _NEEDS_CONDITIONING or not other.d_separated(*pair, 0):
            continue
        opening = _given(other, *pair, size, False, rng)
        if opening is not None:
            strata = _strata(construction, other, *pair)
            return [_draft(other, pair, 0, True, strata, rng), _draft(other, pair, opening, False, strata, rng)]
    return None


def _direct_twins(construction, rng: random.Random) -> list[Draft]:
    while True:
        graph = construction.draw(rng)
        pair = _pair(graph, rng)
        if pair is None:
            continue
        size = rng.randint(0, min(LARGEST_GIVEN, graph.n - 2))
        separating = _given(graph, *pair, size, True, rng)
        if separating is not None:
            neighbours = rng.choice(graph.edges)
            any_set = _given(graph, *neighbours, size, False, rng)
            strata = {k: v for k, v in _strata(construction, graph, *pair).items() if k not in ("distance", "pattern")}
            return [
                _draft(graph, pair, separating, True, strata, rng),
                _draft(graph, neighbours, any_set, False, strata, rng),
            ]


def _pair(graph: BitGraph, rng: random.Random) -> tuple[int, int] | None:
    """Two nodes that are not neighbours; None if a few tries find none."""
    for _ in range(5):
        source, target = rng.sample(range(graph.n), 2)
        if not graph.neighbours[source] >> target & 1:
            return source, target
    return None


def _given(graph: BitGraph, source: int, target: int, size: int, label: bool, rng: random.Random) -> int | None:
    """A random conditioning set of this size, as a mask, that gives this answer; None if a few tries find none."""
    others = [node for node in range(graph.n) if node not in (source, target)]
    for _ in range(10):
        given = sum(1 << node for node in rng.sample(others, size))
        if graph.d_separated(source, target, given) == label:
            return given
    return None


def _strata(construction, graph: BitGraph, source: int, target: int) -> dict[str, int | str]:
    if isinstance(construction, Paths):
        size = {"chain_length": graph.n}
    else:
        size = {"nodes": graph.n, "edges": len(graph.edges)}
    return size | {"distance": graph.distance(source, target), "pattern": graph.pattern(source, target)}


def _draft(
    graph: BitGraph, pair: tuple[int, int], given: int, label: bool, strata: dict[str, int | str], rng: random.Random
) -> Draft:
    source, target = rng.sample(pair, 2)
    members = tuple(bits(given))
    question = DraftQuestion(source, target, members, label, strata | {"given_size": len(members)})
    return Draft(graph.n, graph.edges, (question,))


def _with_more_questions(draft: Draft, count: int, rng: random.Random) -> Draft:
    """Up to `count` distinct questions on the draft's graph, half Yes and half No."""
    if count == 1:
        return draft
    graph = BitGraph(draft.nodes, draft.edges)
    size = {k: v for k, v in draft.questions[0].strata.items() if k in ("chain_length", "nodes", "edges")}
    pairs = list(combinations(range(graph.n), 2))
    apart = [pair for pair in pairs if not graph.neighbours[pair[0]] >> pair[1] & 1]
    asked = {}
    for _ in range(min(_LARGEST_POOL, 20 * count)):
        # neighbours are never separated, so only one question in ten is about them
        source, target = rng.sample(rng.choice(apart if apart and rng.random() < 0.9 else pairs), 2)
        others = [node for node in range(graph.n) if node not in (source, target)]
        given = sorted(rng.sample(others, rng.randint(0, min(LARGEST_GIVEN, len(others)))))
        asked[source, target, tuple(given)] = None
    pool = []
    for source, target, given in asked:
        strata = size | {"given_size": len(given)}
        if not graph.neighbours[source] >> target & 1:
            strata |= {"distance": graph.distance(source, target), "pattern": graph.pattern(source, target)}
        label = graph.d_separated(source, target, sum(1 << node for node in given))
        pool.append(DraftQuestion(source, target, given, label, strata))
    return draft.with_more_questions(pool, count, rng)
