"""Corrected d-separation questions of training and validation: unique names, no cycles, balanced within every stratum.

Drafts come in blocks of four whose labels are balanced for every value of every stratum key. Questions are drawn as
pairs of one Yes and one No about one graph, which two drafts share out or, with several questions per graph, one
draft holds. Kinds of pair:

pivotal    a pair of nodes asked twice: given a set that separates it, and given one of the same size that does not.
contrast   two pairs that balance each other: a chain or fork given nothing (No) and given a separating set (Yes);
           a collider as far apart in a graph of the same size given nothing (Yes) and given an opening set (No).
direct     neighbours, which nothing separates (No), beside a separated pair (Yes); without distance and pattern.
"""

from itertools import combinations

from causal_tasks.bitgraph import BitGraph, bits
from causal_tasks.matching import ask_in_pairs
from causal_tasks.naming import Draft, DraftQuestion
from causal_tasks.questions import LARGEST_GIVEN
from causal_tasks.random_graphs import known_graph, random_dag
from causal_tasks.randomness import Stream

KINDS = {"pivotal": 0.5, "contrast": 0.4, "direct": 0.1}  # shares of the blocks
_PATTERNS = ("chain", "fork", "collider", "descendant")
_NEEDS_CONDITIONING = ("chain", "fork")
_POOL = 20  # questions drawn for each one wanted, when more questions are asked about a graph

Pair = tuple[BitGraph, DraftQuestion, DraftQuestion]  # a graph, a question answered Yes, one answered No


def _draw_graph(rng: Stream, like: BitGraph | None = None) -> BitGraph:
    """The released random DAG of 3-6 nodes, or of as many as `like`, told in topological order."""
    sizes = (like.n, like.n) if like else (3, 6)
    n, edges = random_dag(*sizes, 0.3, 0.6, 3, rng)
    return known_graph(n, tuple(edges))


def draw_block(questions_per_graph: int, rng: Stream) -> list[Draft]:
    """Four drafts; with one question each, the labels are Yes, No, Yes, No."""
    if questions_per_graph == 1:
        pairs = _two_pairs(rng)
        return [Draft(graph, (question,)) for graph, yes, no in pairs for question in (yes, no)]
    pairs = _two_pairs(rng) + _two_pairs(rng)
    return [_ask_more(*pair, questions_per_graph, rng) for pair in pairs]


def _two_pairs(rng: Stream) -> list[Pair]:
    (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
    if kind == "contrast":
        return _contrast(rng)
    draw = {"pivotal": _pivotal, "direct": _direct}[kind]
    return [draw(rng), draw(rng)]


def _pivotal(rng: Stream) -> Pair:
    pattern = rng.choice(_PATTERNS)
    while True:
        graph = _draw_graph(rng)
        ends = _ends(graph, rng)
        if ends is None or graph.n < 4 or pattern != graph.pattern(*ends):
            continue
        size = rng.randint(1, min(LARGEST_GIVEN, graph.n - 3))
        separating, opening = (_given(graph, *ends, size, label, rng) for label in (True, False))
        if separating is not None and opening is not None:
            ask = _asker(graph, ends, rng)
            return graph, ask(separating, True), ask(opening, False)


def _contrast(rng: Stream) -> list[Pair]:
    pattern = rng.choice(_NEEDS_CONDITIONING)
    while True:
        graph = _draw_graph(rng)
        ends = _ends(graph, rng)
        if ends is None or graph.pattern(*ends) != pattern:
            continue
        size = rng.randint(1, min(LARGEST_GIVEN, graph.n - 2))
        separating = _given(graph, *ends, size, True, rng)
        if separating is None:
            continue
        rival = _rival(graph, graph.distance(*ends), size, rng)
        if rival is not None:
            ask = _asker(graph, ends, rng)
            return [(graph, ask(separating, True), ask(0, False)), rival]


def _rival(graph: BitGraph, distance: int, size: int, rng: Stream) -> Pair | None:
    """A collider as far apart in a graph of the same size: Yes given nothing, No given a set of `size`."""
    for _ in range(200):  # some sizes have no such pair, hence the bound
        other = _draw_graph(rng, like=graph)
        ends = _ends(other, rng)
        if ends is None or len(other.edges) != len(graph.edges) or other.distance(*ends) != distance:
            continue
        if other.pattern(*ends) in _NEEDS_CONDITIONING or not other.d_separated(*ends, 0):
            continue
        opening = _given(other, *ends, size, False, rng)
        if opening is not None:
            ask = _asker(other, ends, rng)
            return other, ask(0, True), ask(opening, False)
    return None


def _direct(rng: Stream) -> Pair:
    while True:
        graph = _draw_graph(rng)
        ends = _ends(graph, rng)
        if ends is None:
            continue
        size = rng.randint(0, min(LARGEST_GIVEN, graph.n - 2))
        separating = _given(graph, *ends, size, True, rng)
        if separating is not None:
            neighbours = rng.choice(graph.edges)
            any_set = _given(graph, *neighbours, size, False, rng)
            yes = _asker(graph, ends, rng, place=False)(separating, True)
            return graph, yes, _asker(graph, neighbours, rng, place=False)(any_set, False)


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


def _size(graph: BitGraph) -> dict[str, int]:
    return {"nodes": graph.n, "edges": len(graph.edges)}


def _strata(about: dict[str, int | str], graph: BitGraph, ends: tuple[int, int], size: int, place: bool) -> dict:
    """`about` the graph's size, then where the pair stands and how many nodes are given."""
    if not place:
        return {**about, "given_size": size}
    distance, pattern = graph.place(*ends)
    return {**about, "distance": distance, "pattern": pattern, "given_size": size}


def _asker(graph: BitGraph, ends: tuple[int, int], rng: Stream, place: bool = True):
    """(given as a mask, label) -> a question about `ends` in either order; `place` names distance and pattern."""

    def ask(given: int, label: bool) -> DraftQuestion:
        members = bits(given)
        strata = _strata(_size(graph), graph, ends, len(members), place)
        return DraftQuestion(*rng.sample(ends, 2), members, label, strata)

    return ask


def _ask_more(graph: BitGraph, yes: DraftQuestion, no: DraftQuestion, count: int, rng) -> Draft:
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
    size, pool = _size(graph), []
    for source, target, given in asked:
        members = bits(given)
        strata = _strata(size, graph, (source, target), len(members), place)
        pool.append(DraftQuestion(source, target, members, graph.d_separated(source, target, given), strata))
    return Draft(graph, ask_in_pairs([yes, no], pool, count, rng, _alike))


def _alike(question: DraftQuestion) -> tuple:
    return tuple(question.strata.values())
