"""Random directed acyclic graphs over 0..n-1, as edges in the order in which they are told."""

import random
from collections.abc import Sequence
from functools import lru_cache

from causal_tasks.bitgraph import BitGraph
from causal_tasks.randomness import Stream, digits

_MOST_TARGETS = 5
_SMALL_DAG = 6  # nodes: of these there are a few thousand, of which training draws many a time


@lru_cache(maxsize=1 << 13)
def known_graph(n: int, edges: tuple[tuple[int, int], ...]) -> BitGraph:
    """The graph with what was already asked about it: a few hundred make up most of those with 3-6 nodes."""
    return BitGraph(n, edges)


def random_connected_dag(n: int, count: int, rng: random.Random) -> list[tuple[int, int]]:
    """`count` >= n-1 edges over 0..n-1: a random tree plus random extra ones, grouped by cause, causes in random order.

    Every edge points from the earlier to the later node of a random order that neither the tree nor the telling knows.
    """
    rank = rng.sample(range(n), n)
    pairs = [(rng.randrange(node), node) for node in range(1, n)]
    edges = {(a, b) if rank[a] < rank[b] else (b, a) for a, b in pairs}
    while len(edges) < count:
        a, b = rng.sample(range(n), 2)
        edges.add((a, b) if rank[a] < rank[b] else (b, a))
    told = rng.sample(range(n), n)
    return sorted(edges, key=lambda edge: (told[edge[0]], told[edge[1]]))


@lru_cache
def _edges_out(n: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For every node of 0..n-1 the edges to all later ones."""
    return tuple(tuple((node, target) for target in range(node + 1, n)) for node in range(n))


@lru_cache
def _counts(n: int, targets: int) -> tuple[tuple[int, int], ...]:
    """How many edges there are to choose from each time, node by node, and the bits of that number."""
    left = (count for out in _edges_out(n) for count in range(len(out), max(0, len(out) - targets), -1))
    return tuple((count, count.bit_length()) for count in left)


@lru_cache(maxsize=1 << 15)
def _small_dag(n: int, targets: int, drawn: int) -> tuple[tuple[int, int], ...]:
    """The edges that Stream.several_below drew from `_counts`: what sample_each draws, for graphs that come again."""
    places = iter(digits(drawn, _counts(n, targets)))
    edges = []
    for out in _edges_out(n):
        pool = list(out)
        for left in range(len(out) - 1, max(0, len(out) - targets) - 1, -1):
            place = next(places)
            edges.append(pool[place])
            pool[place] = pool[left]
    return tuple(_joined(n, edges))


def _joined(n: int, edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """With every node that has no outgoing edge joined to its successor, if there are fewer than n-1 edges."""
    if len(edges) < n - 1:
        causes = {cause for cause, _ in edges}
        edges += [(node, node + 1) for node in range(n - 1) if node not in causes]
    return edges


def random_dag(
    shortest: int, longest: int, lowest: float, highest: float, most_edges: int, rng: Stream
) -> tuple[int, Sequence[tuple[int, int]]]:
    """The released random DAG over 0..n-1, told cause by cause in topological order.

    Density d ~ U(lowest, highest); each node gets min(int(n*d), 5) random later targets; if that leaves fewer than
    n-1 edges, every node without an outgoing edge is joined to its successor; drawn again unless n-1..most_edges*n.
    """
    while True:
        n = rng.randint(shortest, longest)
        targets = min(int(n * rng.uniform(lowest, highest)), _MOST_TARGETS)
        if n <= _SMALL_DAG:
            edges = _small_dag(n, targets, rng.several_below(_counts(n, targets)))
        else:
            edges = _joined(n, rng.sample_each(_edges_out(n), targets))
        if n - 1 <= len(edges) <= most_edges * n:
            return n, edges
