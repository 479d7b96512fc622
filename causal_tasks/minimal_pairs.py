"""The families of minimal pairs: what is changed between the two items of a pair.

FAMILIES names them: task -> family -> a function that draws one pair, or None where the graph drawn has no place for
it. Whether the answers of the two sides differ, and whether both sides are well told, is for constructions.adversarial
to check, which draws again.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

from causal_tasks.bitgraph import BitGraph, bits
from causal_tasks.counts import of_end, of_given_node
from causal_tasks.random_graphs import random_connected_dag

SMALLEST, LARGEST = 5, 10  # nodes, without an irrelevant component
Edges = list[tuple[int, int]]


@dataclass(frozen=True)
class Side:
    """One item of a pair: does `source` cause `target`, or are they d-separated given `given`?"""

    edges: Edges
    source: int
    target: int
    given: tuple[int, ...] = ()


@dataclass(frozen=True)
class Twins:
    """Two sides; `alike` names two nodes that are to be given names that look alike."""

    before: Side
    after: Side
    alike: tuple[int, int] | None = None


# --- graphs and edits


def graph_of(edges: Edges) -> BitGraph:
    """Over nodes 0 to the largest that is named."""
    return BitGraph(1 + max(max(edge) for edge in edges), edges)


def _base(rng: random.Random) -> Edges:
    n = rng.randint(SMALLEST, LARGEST)
    return random_connected_dag(n, n - 1 + rng.randint(0, 2), rng)


def _effects_first(edges: Edges, rng: random.Random) -> Edges:
    """Told against the order of causation: the last effects come first."""
    graph = graph_of(edges)
    return sorted(edges, key=lambda edge: (graph.descendants[edge[0]].bit_count(), edge))


def _with_component(edges: Edges, rng: random.Random) -> Edges:
    """A chain of three more nodes that nothing joins to the rest, its sentences anywhere among the others."""
    n = graph_of(edges).n
    told = list(edges)
    for edge in ((n, n + 1), (n + 1, n + 2)):
        told.insert(rng.randint(0, len(told)), edge)
    return told


def _replaced(edges: Edges, at: int, *edge: tuple[int, int]) -> Edges:
    """Sentence `at` replaced by another, or left out."""
    return [*edges[:at], *edge, *edges[at + 1 :]]


def _turned(edges: Edges, at: int) -> Edges:
    return _replaced(edges, at, edges[at][::-1])


def _a_cause(edges: Edges, rng: random.Random, shortest: int = 2) -> tuple[int, int] | None:
    """A random (cause, effect) at least `shortest` steps apart; None if there is none."""
    graph = graph_of(edges)
    pairs = [
        (s, t) for s, t in permutations(range(graph.n), 2) if graph.causes(s, t) and graph.distance(s, t) >= shortest
    ]
    return rng.choice(pairs) if pairs else None


# --- families of transitivity: a cause and its effect, and one sentence edited


def _edited(edit: Callable, tell: Callable | None = None):
    """A family that edits a sentence between the two that are asked about."""

    def draw(rng: random.Random) -> Twins | None:
        edges = tell(_base(rng), rng) if tell else _base(rng)
        asked = _a_cause(edges, rng, shortest=3)
        places = asked and _decisive(edges, asked)
        return Twins(Side(edges, *asked), Side(edit(edges, rng.choice(places)), *asked)) if places else None

    return draw


def _inside(edge: tuple[int, int], source: int, target: int) -> bool:
    """Whether an edit of this sentence leaves the two that are asked about with all their causes and effects."""
    return source not in edge and target not in edge


def _decisive(edges: Edges, asked: tuple[int, int]) -> list[int]:
    """The sentences that name neither of the two, and without which the one would not cause the other."""
    inside = (at for at, edge in enumerate(edges) if _inside(edge, *asked))
    return [at for at in inside if not graph_of(_replaced(edges, at)).causes(*asked)]


def _query_reversed(rng: random.Random) -> Twins | None:
    edges = _base(rng)
    graph = graph_of(edges)
    pairs = [
        (s, t)
        for s, t in permutations(range(graph.n), 2)
        if graph.causes(s, t) and of_end(graph, s, 0) == of_end(graph, t, 0) and not graph.neighbours[s] >> t & 1
    ]
    asked = rng.choice(pairs) if pairs else None
    return asked and Twins(Side(edges, *asked), Side(edges, *asked[::-1]))


def _name_exchanged(cause: bool, lookalike: bool = False) -> Callable:
    """One sentence names another cause, or another effect; with `lookalike` it looks like the one it replaces."""

    def draw(rng: random.Random) -> Twins | None:
        edges = _base(rng)
        asked = _a_cause(edges, rng, shortest=3)
        places = asked and _decisive(edges, asked)
        if not places:
            return None
        at = rng.choice(places)
        old, kept = edges[at] if cause else edges[at][::-1]
        new = rng.choice([node for node in range(graph_of(edges).n) if node not in (old, kept, *asked)])
        after = _replaced(edges, at, (new, kept) if cause else (kept, new))
        return Twins(Side(edges, *asked), Side(after, *asked), (old, new) if lookalike else None)

    return draw


def _direct_edge(ask: Callable[[Edges, random.Random], tuple[int, int] | None]) -> Callable:
    """A direct edge beside a detour of three steps or more, or the detour alone; neither of its nodes is asked about."""

    def draw(rng: random.Random) -> Twins | None:
        edges = _base(rng)
        if (asked := ask(edges, rng)) is None:
            return None
        places = [at for at, edge in enumerate(edges) if _inside(edge, *asked) and _has_detour(edges, at)]
        return Twins(Side(edges, *asked), Side(_replaced(edges, rng.choice(places)), *asked)) if places else None

    return draw


def _has_detour(edges: Edges, at: int) -> bool:
    """Does a path of three steps or more, but no shorter one, join the two nodes of a sentence besides it?"""
    return (BitGraph(graph_of(edges).n, _replaced(edges, at)).distance(*edges[at]) or 0) >= 3


# --- families of d-separation: two nodes that are not neighbours, and one sentence or conditioning node changed


@dataclass(frozen=True)
class _Asked:
    """A question drawn at random, and the shortest path between its two nodes."""

    edges: Edges
    graph: BitGraph
    path: list[int]
    given: tuple[int, ...]

    @property
    def free(self) -> list[int]:
        """Nodes neither asked about nor conditioned on."""
        return [node for node in range(self.graph.n) if node not in (self.path[0], self.path[-1], *self.given)]

    def separates(self, node: int) -> bool:
        """Given this node too?"""
        given = sum(1 << one for one in (*self.given, node))
        return self.graph.d_separated(self.path[0], self.path[-1], given)

    def like(self, node: int) -> list[int]:
        """The free nodes that would add the same to the local counts."""
        ends = self.path[0], self.path[-1]
        known = of_given_node(self.graph, *ends, node)
        return [other for other in self.free if other != node and of_given_node(self.graph, *ends, other) == known]

    def colliders(self) -> list[int]:
        into = self.graph.parents
        around = zip(self.path, self.path[1:], self.path[2:])
        return [node for a, node, b in around if into[node] >> a & 1 and into[node] >> b & 1]

    def side(self, given: tuple[int, ...], edges: Edges | None = None) -> Side:
        return Side(self.edges if edges is None else edges, self.path[0], self.path[-1], given)


def _ask(rng: random.Random, most_given: int, tell: Callable | None = None) -> _Asked | None:
    edges = tell(_base(rng), rng) if tell else _base(rng)
    graph = graph_of(edges)
    source, target = rng.sample(range(graph.n), 2)
    path = graph.shortest_path(source, target)
    if path is None or len(path) == 2:
        return None
    others = [node for node in range(graph.n) if node not in (source, target)]
    return _Asked(edges, graph, path, tuple(rng.sample(others, min(len(others), rng.randint(0, most_given)))))


def _sentence_changed(edit: Callable[[_Asked, random.Random], Edges | None]) -> Callable:
    def draw(rng: random.Random) -> Twins | None:
        if (asked := _ask(rng, most_given=2)) is None or (after := edit(asked, rng)) is None:
            return None
        return Twins(asked.side(asked.given), asked.side(asked.given, after))

    return draw


def _step_cut(asked: _Asked, rng: random.Random) -> Edges:
    step = set(rng.choice(list(zip(asked.path, asked.path[1:]))))
    return _replaced(asked.edges, next(at for at, edge in enumerate(asked.edges) if set(edge) == step))


def _chain_to_collider(asked: _Asked, rng: random.Random) -> Edges | None:
    """A step of a chain, but not its first or last, is turned."""
    if len(asked.path) < 4 or asked.graph.pattern(asked.path[0], asked.path[-1]) != "chain":
        return None
    step = set(rng.choice(list(zip(asked.path[1:], asked.path[2:-1]))))
    return _turned(asked.edges, next(at for at, edge in enumerate(asked.edges) if set(edge) == step))


def _exchanged_for(choose: Callable[[_Asked], list[int]], tell: Callable | None = None) -> Callable:
    """One of these nodes is conditioned on instead of another that looks the same from nearby."""

    def draw(rng: random.Random) -> Twins | None:
        if (asked := _ask(rng, most_given=1, tell=tell)) is None:
            return None
        pairs = [(old, new) for new in choose(asked) if new in asked.free for old in asked.like(new)]
        pairs = [(old, new) for old, new in pairs if asked.separates(old) != asked.separates(new)]
        if not pairs:
            return None
        old, new = rng.choice(pairs)
        return Twins(asked.side((*asked.given, old)), asked.side((*asked.given, new)))

    return draw


def _of_pattern(pattern: str) -> Callable[[_Asked], list[int]]:
    """The inner nodes of a path of this pattern."""
    return lambda asked: asked.path[1:-1] if asked.graph.pattern(asked.path[0], asked.path[-1]) == pattern else []


def _below_collider(asked: _Asked) -> list[int]:
    return [node for collider in asked.colliders() for node in bits(asked.graph.descendants[collider])]


def _node_exchanged(lookalike: bool = False, component: bool = False) -> Callable:
    """Another node is conditioned on instead: one whose name looks alike, or one that nothing joins to the rest."""

    def draw(rng: random.Random) -> Twins | None:
        if (asked := _ask(rng, most_given=1, tell=_with_component if component else None)) is None or not asked.given:
            return None
        (old,) = asked.given
        first = asked.graph.n - 3  # _with_component adds the last three nodes
        others = [node for node in asked.like(old) if not component or (node >= first) != (old >= first)]
        if not others:
            return None
        new = rng.choice(others)
        return Twins(asked.side((old,)), asked.side((new,)), (old, new) if lookalike else None)

    return draw


FAMILIES: dict[str, dict[str, Callable[[random.Random], Twins | None]]] = {
    "transitivity": {
        "edge_cut": _edited(_replaced),
        "edge_reversed": _edited(_turned),
        "cause_exchanged": _name_exchanged(cause=True),
        "effect_exchanged": _name_exchanged(cause=False),
        "names_look_alike": _name_exchanged(cause=False, lookalike=True),
        "query_reversed": _query_reversed,
        "effects_told_first": _edited(_turned, tell=_effects_first),
        "irrelevant_component": _edited(_turned, tell=_with_component),
        "direct_edge_against_detour": _direct_edge(_a_cause),
    },
    "dseparation": {
        "edge_cut": _sentence_changed(_step_cut),
        "edge_reversed": _sentence_changed(lambda asked, rng: _turned(asked.edges, rng.randrange(len(asked.edges)))),
        "collider_for_chain": _sentence_changed(_chain_to_collider),
        "collider_opened": _exchanged_for(_Asked.colliders),
        "descendant_of_collider": _exchanged_for(_below_collider),
        "mediator_conditioned": _exchanged_for(_of_pattern("chain")),
        "common_cause_conditioned": _exchanged_for(_of_pattern("fork")),
        "names_look_alike": _node_exchanged(lookalike=True),
        "effects_told_first": _exchanged_for(lambda asked: asked.free, tell=_effects_first),
        "irrelevant_component": _node_exchanged(component=True),
        "direct_edge_against_detour": _direct_edge(lambda edges, rng: tuple(rng.sample(range(graph_of(edges).n), 2))),
    },
}
# Of the local counts (causal_tasks.counts) both sides of a pair have the same, but for what their family is about.
DIFFERENT_COUNTS = {"edge_cut": {"edges"}, "direct_edge_against_detour": {"edges"}, "query_reversed": {"source_first"}}
