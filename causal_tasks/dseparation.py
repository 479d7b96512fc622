"""Corrected d-separation questions: unique names, no cycles, and answers balanced within every stratum.

Drafts come in blocks of four whose labels are balanced for every value of every stratum key. Questions are drawn as
pairs of one Yes and one No about one graph, which two drafts share out or, with several questions per graph, one
draft holds. Kinds of pair:

pivotal    a pair of nodes asked twice: given a set that separates it, and given one of the same size that does not.
contrast   two pairs that balance each other: a chain or fork given nothing (No) and given a separating set (Yes);
           a collider as far apart in a graph of the same size given nothing (Yes) and given an opening set (No).
direct     neighbours, which nothing separates (No), beside a separated pair (Yes); without distance and pattern.
hidden     a pivotal pair whose No would be a Yes but for a hidden common cause (split `hidden` only).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from causal_tasks.bitgraph import BitGraph, bits
from causal_tasks.drafts import Draft, DraftQuestion, ask_in_twins
from causal_tasks.randomness import Stream
from causal_tasks.released import LARGEST_GIVEN, random_dag
from causal_tasks.transitivity import random_connected_dag

KINDS = {"pivotal": 0.5, "contrast": 0.4, "direct": 0.1}  # shares of the blocks
ANY_PATTERN = "any"
_NEEDS_CONDITIONING = ("chain", "fork")
_POOL = 20  # questions drawn for each one wanted, when more questions are asked about a graph

Pair = tuple[BitGraph, DraftQuestion, DraftQuestion]  # a graph, a question answered Yes, one answered No


@dataclass(frozen=True)
class Paths:
    """Paths of `shortest`..`longest` nodes; as transitivity.Chains."""

    shortest: int
    longest: int
    flips: tuple[float, ...] = (0.0, 0.3, 0.5)
    told: str = "forward"
    shuffled: bool = False
    patterns = ("chain", "fork", "collider")
    kinds = KINDS

    def draw(self, rng: Stream, like: BitGraph | None = None) -> BitGraph:
        n, flip = like.n if like else rng.randint(self.shortest, self.longest), rng.choice(self.flips)
        forward = self.told == "forward"
        edges = [(i, i + 1) if (rng.random() >= flip) == forward else (i + 1, i) for i in range(n - 1)]
        if self.shuffled:
            rng.shuffle(edges)
        return BitGraph(n, edges)

    def size(self, graph: BitGraph) -> dict[str, int]:
        return {"chain_length": graph.n}


@dataclass(frozen=True)
class Dense:
    """The released random DAG of `shortest`..`longest` nodes, told in topological order."""

    shortest: int
    longest: int
    patterns = ("chain", "fork", "collider", "descendant")
    kinds = KINDS

    def draw(self, rng: Stream, like: BitGraph | None = None) -> BitGraph:
        sizes = (like.n, like.n) if like else (self.shortest, self.longest)
        n, edges = random_dag(*sizes, 0.3, 0.6, 3, rng)
        return _graph(n, tuple(edges))

    def size(self, graph: BitGraph) -> dict[str, int]:
        return {"nodes": graph.n, "edges": len(graph.edges)}


@dataclass(frozen=True)
class Branching:
    """Connected DAGs of `shortest`..`longest` nodes with up to n/2 edges more than a tree.

    The released branching suite has about four edges a node, where 98 % of all pairs cannot be separated at all.
    """

    shortest: int
    longest: int
    patterns = ("chain", "fork", "collider", "descendant")
    kinds = KINDS

    def draw(self, rng: Stream, like: BitGraph | None = None) -> BitGraph:
        n = like.n if like else rng.randint(self.shortest, self.longest)
        count = len(like.edges) if like else n - 1 + rng.randint(0, n // 2)
        return BitGraph(n, random_connected_dag(n, count, rng))

    def size(self, graph: BitGraph) -> dict[str, int]:
        return {"nodes": graph.n, "edges": len(graph.edges)}


@dataclass(frozen=True)
class Hidden:
    """Connected DAGs of `shortest`..`longest` nodes, and one to three pairs that share a hidden common cause."""

    shortest: int
    longest: int
    patterns = ("chain", "fork", "collider", "descendant")
    kinds = {"hidden": 0.5, "pivotal": 0.25, "contrast": 0.15, "direct": 0.1}

    def draw(self, rng: Stream, like: BitGraph | None = None) -> BitGraph:
        n = like.n if like else rng.randint(self.shortest, self.longest)
        count = len(like.edges) if like else n - 1 + rng.randint(0, n // 3)
        hidden = len(like.hidden) if like else rng.randint(1, 3)
        pairs = rng.sample(list(combinations(range(n), 2)), hidden)
        return BitGraph(n, random_connected_dag(n, count, rng), [rng.sample(pair, 2) for pair in pairs])

    def size(self, graph: BitGraph) -> dict[str, int]:
        return {"nodes": graph.n, "edges": len(graph.edges), "hidden": len(graph.hidden)}


@lru_cache(maxsize=1 << 13)
def _graph(n: int, edges: tuple[tuple[int, int], ...]) -> BitGraph:
    """The graph with what was already asked about it: a few hundred make up most of what Dense(3, 6) draws."""
    return BitGraph(n, edges)


_TRAINING = Dense(3, 6)
CONSTRUCTIONS = {
    "train": _TRAINING,
    "validation": _TRAINING,
    "in_distribution": _TRAINING,
    "length": Paths(7, 15),
    "branching": Branching(7, 15),
    "reversed": Paths(7, 15, told="backward"),
    "shuffled": Paths(7, 15, flips=(0.5,), shuffled=True),
    "long_names": _TRAINING,
    "hidden": Hidden(4, 8),
}


def draw_block(construction, questions_per_graph: int, rng: Stream) -> list[Draft]:
    """Four drafts; with one question each, the labels are Yes, No, Yes, No.

    Args:
        construction: draws graphs (on demand of the size of another) and names their size; `patterns` and `kinds`
            say what can be asked about them.
    """
    if questions_per_graph == 1:
        pairs = _two_pairs(construction, rng)
        return [_draft(graph, (question,)) for graph, yes, no in pairs for question in (yes, no)]
    pairs = _two_pairs(construction, rng) + _two_pairs(construction, rng)
    return [_ask_more(construction, *pair, questions_per_graph, rng) for pair in pairs]


def _two_pairs(construction, rng: Stream) -> list[Pair]:
    (kind,) = rng.choices(list(construction.kinds), list(construction.kinds.values()))
    if kind == "contrast":
        return _contrast(construction, rng)
    draw = {"pivotal": _pivotal, "direct": _direct, "hidden": _hidden}[kind]
    return [draw(construction, rng), draw(construction, rng)]


def _pivotal(construction, rng: Stream) -> Pair:
    pattern = rng.choice(construction.patterns)
    while True:
        graph = construction.draw(rng)
        ends = _ends(graph, rng)
        if ends is None or graph.n < 4 or pattern not in (ANY_PATTERN, graph.pattern(*ends)):
            continue
        size = rng.randint(1, min(LARGEST_GIVEN, graph.n - 3))
        separating, opening = (_given(graph, *ends, size, label, rng) for label in (True, False))
        if separating is not None and opening is not None:
            ask = _asker(construction, graph, ends, rng)
            return graph, ask(separating, True), ask(opening, False)


def _hidden(construction, rng: Stream) -> Pair:
    while True:
        graph = construction.draw(rng)
        visible = BitGraph(graph.n, graph.edges)
        ends = _ends(graph, rng)
        if ends is None or graph.n < 4:
            continue
        size = rng.randint(1, min(LARGEST_GIVEN, graph.n - 3))
        separating, opening = (_given(graph, *ends, size, label, rng) for label in (True, False))
        if separating is not None and opening is not None and visible.d_separated(*ends, opening):
            ask = _asker(construction, graph, ends, rng)
            return graph, ask(separating, True), ask(opening, False)


def _contrast(construction, rng: Stream) -> list[Pair]:
    pattern = rng.choice(_NEEDS_CONDITIONING)
    while True:
        graph = construction.draw(rng)
        ends = _ends(graph, rng)
        if ends is None or graph.pattern(*ends) != pattern:
            continue
        size = rng.randint(1, min(LARGEST_GIVEN, graph.n - 2))
        separating = _given(graph, *ends, size, True, rng)
        if separating is None:
            continue
        rival = _rival(construction, graph, graph.distance(*ends), size, rng)
        if rival is not None:
            ask = _asker(construction, graph, ends, rng)
            return [(graph, ask(separating, True), ask(0, False)), rival]


def _rival(construction, graph: BitGraph, distance: int, size: int, rng: Stream) -> Pair | None:
    """A collider as far apart in a graph of the same size: Yes given nothing, No given a set of `size`."""
    for _ in range(200):  # some sizes have no such pair, hence the bound
        other = construction.draw(rng, like=graph)
        ends = _ends(other, rng)
        if ends is None or len(other.edges) != len(graph.edges) or other.distance(*ends) != distance:
            continue
        if other.pattern(*ends) in _NEEDS_CONDITIONING or not other.d_separated(*ends, 0):
            continue
        opening = _given(other, *ends, size, False, rng)
        if opening is not None:
            ask = _asker(construction, other, ends, rng)
            return other, ask(0, True), ask(opening, False)
    return None


def _direct(construction, rng: Stream) -> Pair:
    while True:
        graph = construction.draw(rng)
        ends = _ends(graph, rng)
        if ends is None:
            continue
        size = rng.randint(0, min(LARGEST_GIVEN, graph.n - 2))
        separating = _given(graph, *ends, size, True, rng)
        if separating is not None:
            neighbours = rng.choice(graph.edges)
            any_set = _given(graph, *neighbours, size, False, rng)
            yes = _asker(construction, graph, ends, rng, place=False)(separating, True)
            return graph, yes, _asker(construction, graph, neighbours, rng, place=False)(any_set, False)


def _ends(graph: BitGraph, rng: Stream) -> tuple[int, int] | None:
    """Two nodes that are not neighbours; None if a few tries find none."""
    for _ in range(5):
        source, target = rng.two_of(graph.n)
        if not graph.neighbours[source] >> target & 1:
            return source, target
    return None


def _given(graph: BitGraph, source: int, target: int, size: int, label: bool, rng: Stream) -> int | None:
    """A random conditioning set of this size, as a mask, that gives this answer; None if a few tries find none."""
    others = [1 << node for node in range(graph.n) if node not in (source, target)]
    for _ in range(10):
        given = sum(rng.sample(others, size))
        if graph.d_separated(source, target, given) == label:
            return given
    return None


def _strata(about: dict[str, int | str], graph: BitGraph, ends: tuple[int, int], size: int, place: bool) -> dict:
    """`about` the graph's size, then where the pair stands and how many nodes are given."""
    if not place:
        return {**about, "given_size": size}
    distance, pattern = graph.place(*ends)
    return {**about, "distance": distance, "pattern": pattern, "given_size": size}


def _asker(construction, graph: BitGraph, ends: tuple[int, int], rng: Stream, place: bool = True):
    """(given as a mask, label) -> a question about `ends` in either order; `place` names distance and pattern."""

    def ask(given: int, label: bool) -> DraftQuestion:
        members = bits(given)
        strata = _strata(construction.size(graph), graph, ends, len(members), place)
        return DraftQuestion(*rng.sample(ends, 2), members, label, strata)

    return ask


def _ask_more(construction, graph: BitGraph, yes: DraftQuestion, no: DraftQuestion, count: int, rng) -> Draft:
    """Up to `count` distinct questions on one graph, the two given ones among them."""
    place = "pattern" in yes.strata
    nodes = {node: 1 << node for node in range(graph.n)}
    pairs = [
        (pair, [mask for node, mask in nodes.items() if node not in pair])
        for pair in combinations(nodes, 2)
        if not (place and graph.neighbours[pair[0]] >> pair[1] & 1)
    ]
    most = min(LARGEST_GIVEN, graph.n - 2)
    asked = {}
    for _ in range(_POOL * count):
        ends, others = rng.choice(pairs)
        source, target = rng.sample(ends, 2)
        asked[source, target, sum(rng.sample(others, rng.randint(0, most)))] = None
    size, pool = construction.size(graph), []
    for source, target, given in asked:
        members = bits(given)
        strata = _strata(size, graph, (source, target), len(members), place)
        pool.append(DraftQuestion(source, target, members, graph.d_separated(source, target, given), strata))
    return _draft(graph, ask_in_twins([yes, no], pool, count, rng, _alike))


def _draft(graph: BitGraph, questions: tuple[DraftQuestion, ...]) -> Draft:
    return Draft(graph.n, graph.edges, questions, graph.hidden)


def _alike(question: DraftQuestion) -> tuple:
    return tuple(question.strata.values())
