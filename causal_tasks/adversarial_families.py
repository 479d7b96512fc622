"""The families of minimal pairs: what is changed between the two items of a pair.

FAMILIES names them: task -> family -> a function that draws one pair, or None where the graph drawn has no place for
it. Whether the answers of the two sides differ, and whether both sides are well told, is for causal_tasks.adversarial
to check, which draws again.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

from causal_tasks.bitgraph import BitGraph, bits
from causal_tasks.transitivity import random_connected_dag

SMALLEST, LARGEST = 4, 7  # nodes, without an irrelevant component
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


def _edited(allowed: Callable[[tuple[int, int], int, int], bool], edit: Callable, tell: Callable | None = None):
    """A family that edits one of the sentences that are `allowed`(edge, source, target)."""

    def draw(rng: random.Random) -> Twins | None:
        edges = tell(_base(rng), rng) if tell else _base(rng)
        asked = _a_cause(edges, rng)
        places = [at for at, edge in enumerate(edges) if asked and allowed(edge, *asked)]
        return Twins(Side(edges, *asked), Side(edit(edges, rng.choice(places)), *asked)) if places else None

    return draw


def _any(edge: tuple[int, int], source: int, target: int) -> bool:
    return True


def _inside(edge: tuple[int, int], source: int, target: int) -> bool:
    return source not in edge and target not in edge


def _out_of_source(edge: tuple[int, int], source: int, target: int) -> bool:
    return edge[0] == source


def _into_target(edge: tuple[int, int], source: int, target: int) -> bool:
    return edge[1] == target


def _query_reversed(rng: random.Random) -> Twins | None:
    edges = _base(rng)
    asked = _a_cause(edges, rng)
    return asked and Twins(Side(edges, *asked), Side(edges, *asked[::-1]))


def _effect_exchanged(lookalike: bool) -> Callable:
    """One sentence names another effect; with `lookalike` that name looks like the one it replaces."""

    def draw(rng: random.Random) -> Twins | None:
        edges = _base(rng)
        asked = _a_cause(edges, rng)
        at = rng.randrange(len(edges))
        cause, effect = edges[at]
        new = rng.choice([node for node in range(graph_of(edges).n) if node not in (cause, effect)])
        if asked is None or (lookalike and new in asked):
            return None
        after = _replaced(edges, at, (cause, new))
        return Twins(Side(edges, *asked), Side(after, *asked), (effect, new) if lookalike else None)

    return draw


def _direct_edge(rng: random.Random) -> Twins | None:
    """A direct edge beside a detour of three steps or more, or the detour alone; d-separation conditions on a node."""
    edges = _base(rng)
    at = rng.randrange(len(edges))
    after = _replaced(edges, at)
    if graph_of(after).n != graph_of(edges).n or (graph_of(after).distance(*edges[at]) or 0) < 3:
        return None
    return Twins(Side(edges, *edges[at]), Side(after, *edges[at]))


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


def _any_turned(asked: _Asked, rng: random.Random) -> Edges:
    return _turned(asked.edges, rng.randrange(len(asked.edges)))


def _chain_to_collider(asked: _Asked, rng: random.Random) -> Edges | None:
    if len(asked.path) != 3 or asked.graph.pattern(asked.path[0], asked.path[-1]) != "chain":
        return None
    middle = asked.path[1]
    out = (at for at, (cause, effect) in enumerate(asked.edges) if cause == middle and effect in asked.path)
    return _turned(asked.edges, next(out))


def _node_added(choose: Callable[[_Asked], list[int]], tell: Callable | None = None) -> Callable:
    """One more node is conditioned on."""

    def draw(rng: random.Random) -> Twins | None:
        if (asked := _ask(rng, most_given=1, tell=tell)) is None:
            return None
        nodes = [node for node in choose(asked) if node in asked.free]
        return Twins(asked.side(asked.given), asked.side((*asked.given, rng.choice(nodes)))) if nodes else None

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
        new = rng.choice([node for node in asked.free if not component or (node >= first) != (old >= first)])
        return Twins(asked.side((old,)), asked.side((new,)), (old, new) if lookalike else None)

    return draw


FAMILIES: dict[str, dict[str, Callable[[random.Random], Twins | None]]] = {
    "transitivity": {
        "edge_cut": _edited(_any, _replaced),
        "edge_reversed": _edited(_inside, _turned),
        "fork_for_chain": _edited(_out_of_source, _turned),
        "collider_for_chain": _edited(_into_target, _turned),
        "effect_exchanged": _effect_exchanged(lookalike=False),
        "names_look_alike": _effect_exchanged(lookalike=True),
        "query_reversed": _query_reversed,
        "effects_told_first": _edited(_any, _turned, tell=_effects_first),
        "irrelevant_component": _edited(_any, _turned, tell=_with_component),
        "direct_edge_against_detour": _direct_edge,
    },
    "dseparation": {
        "edge_cut": _sentence_changed(_step_cut),
        "edge_reversed": _sentence_changed(_any_turned),
        "collider_for_chain": _sentence_changed(_chain_to_collider),
        "collider_opened": _node_added(_Asked.colliders),
        "descendant_of_collider": _node_added(_below_collider),
        "mediator_conditioned": _node_added(_of_pattern("chain")),
        "common_cause_conditioned": _node_added(_of_pattern("fork")),
        "names_look_alike": _node_exchanged(lookalike=True),
        "effects_told_first": _node_added(lambda asked: asked.free, tell=_effects_first),
        "irrelevant_component": _node_exchanged(component=True),
        "direct_edge_against_detour": _direct_edge,
    },
}
