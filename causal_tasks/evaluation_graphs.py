"""The graphs of the corrected evaluation suites, two of one size at a time.

The two of a group are told alike and differ in arrows, so that questions about them can be matched. In the first a directed
path leads between the group's `ends`; in the second the ends have as many causes and effects, but the arrows between
them are others.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations

from causal_tasks.bitgraph import BitGraph, bits
from causal_tasks.headline import SUMMARIES
from causal_tasks.random_graphs import known_graph, random_connected_dag, random_dag
from causal_tasks.randomness import Stream
from causal_tasks.transitivity import segment

Size = dict[str, int | str]  # what the strata say of a graph


@dataclass(frozen=True)
class Group:
    """
    Args:
        graphs: two of one size.
        places: the ordered pairs of nodes that a single transitivity question is about, or with `only`, all of them.
        loose: has too few d-separation questions that could be matched on all counts (causal_tasks.evaluation_blocks).
    """

    graphs: tuple[BitGraph, BitGraph]
    size: Size
    places: Sequence[tuple[int, int]] = ()
    only: bool = False
    loose: bool = False


@dataclass(frozen=True)
class Chains:
    """Chains of `shortest`..`longest` nodes; see transitivity.Chains."""

    shortest: int
    longest: int
    flips: tuple[float, ...] = (0.0, 0.3, 0.5)
    told: str = "forward"
    shuffled: bool = False

    def draw_size(self, rng: random.Random) -> Size:
        return {"chain_length": rng.randint(self.shortest, self.longest)}

    def draw(self, size: Size, neighbours: bool, rng: random.Random) -> Group:
        n = size["chain_length"]
        distance = 1 if neighbours else rng.randint(2, n - 1)
        left, flip = rng.randrange(n - distance), rng.choice(self.flips)
        along = [(rng.random() >= flip) == (self.told == "forward") for _ in range(n - 1)]
        order = rng.sample(range(n - 1), n - 1) if self.shuffled else range(n - 1)
        ends = rng.sample((left, left + distance), 2)
        along[left : left + distance] = [ends[0] == left] * distance
        told = (along, _turned(along, left, distance, rng))
        graphs = [BitGraph(n, [(i, i + 1) if arrows[i] else (i + 1, i) for i in order]) for arrows in told]
        return Group(tuple(graphs), size, [tuple(ends)])


def _turned(along: Sequence[bool], left: int, distance: int, rng: random.Random) -> list[bool]:
    """Some arrows turned between two nodes of a chain, `left` and the one `distance` further on.

    Where the first or the last of them turns, the arrow beyond turns too, so that the node has as many causes and effects
    as before; if there is none to turn, neither does.
    """
    turn = [not agrees for agrees in segment(distance, False, rng)]
    arrows = list(along)
    for inner, outer in ((left, left - 1), (left + distance - 1, left + distance)):
        if turn[inner - left]:
            if 0 <= outer < len(along) and along[outer] == along[inner]:
                arrows[outer] = not along[outer]
            else:
                turn[inner - left] = False
    for place, turned in enumerate(turn, start=left):
        arrows[place] ^= turned
    return arrows


@dataclass(frozen=True)
class Branching:
    """Connected DAGs of `shortest`..`longest` nodes with up to n * `dense` edges more than a tree.

    The sentences of one graph are grouped by cause, until arrows are drawn anew; the other is told in the same order.

    Args:
        hidden: fewest and most pairs that share a hidden common cause.
    """

    shortest: int
    longest: int
    dense: float = 0.5
    hidden: tuple[int, int] | None = None

    def draw_size(self, rng: random.Random) -> Size:
        n = rng.randint(self.shortest, self.longest)
        size = {"nodes": n, "edges": n - 1 + rng.randint(0, int(n * self.dense))}
        return size | ({"hidden": rng.randint(*self.hidden)} if self.hidden else {})

    def draw(self, size: Size, neighbours: bool, rng: random.Random) -> Group:
        n = size["nodes"]
        told = random_connected_dag(n, size["edges"], rng)
        hidden = [rng.sample(pair, 2) for pair in rng.sample(list(combinations(range(n), 2)), size.get("hidden", 0))]
        first = BitGraph(n, told, hidden)
        pairs = [pair for pair in combinations(range(n), 2) if (first.neighbours[pair[0]] >> pair[1] & 1) == neighbours]
        if not pairs:  # a hub with nothing but neighbours
            return Group((first, first), size)
        ends = tuple(rng.sample(rng.choice(pairs), 2))
        rank = [rng.random() for _ in range(n)]
        path = BitGraph(n, told).shortest_path(*ends)
        for node, place in zip(path, sorted(rank[node] for node in path)):
            rank[node] = place
        graphs = []
        for ranks in (rank, _ranked_anew(rank, first, ends, rng)):
            graphs.append(BitGraph(n, [(a, b) if ranks[a] < ranks[b] else (b, a) for a, b in told], hidden))
        return Group(tuple(graphs), size, [ends])


def _ranked_anew(rank: Sequence[float], skeleton: BitGraph, ends: tuple[int, int], rng: random.Random) -> list[float]:
    """New ranks; either end comes after as many of its neighbours as before, unless the ends are neighbours."""
    ranks = [rng.random() for _ in rank]
    for end in ends:
        near = [node for node in bits(skeleton.neighbours[end]) if node < skeleton.n]
        causes = sum(rank[node] < rank[end] for node in near)
        between = [0.0, *sorted(ranks[node] for node in near), 1.0]
        ranks[end] = (between[causes] + between[causes + 1]) / 2
    return ranks


@dataclass(frozen=True)
class Dense:
    """The released random DAG of `shortest`..`longest` nodes, told in topological order; the two are drawn apart."""

    shortest: int
    longest: int

    def draw_size(self, rng: Stream) -> Size:
        n, edges = random_dag(self.shortest, self.longest, 0.3, 0.6, 3, rng)
        return {"nodes": n, "edges": len(edges)}

    def draw(self, size: Size, neighbours: bool, rng: Stream) -> Group:
        graphs = []
        while len(graphs) < 2:
            n, edges = random_dag(size["nodes"], size["nodes"], 0.3, 0.6, 3, rng)
            if len(edges) == size["edges"]:
                graphs.append(known_graph(n, tuple(edges)))
        return Group(tuple(graphs), size, loose=True)


_PATHS = {
    "length": Chains(7, 15),
    "branching": Branching(7, 15),
    "reversed": Chains(7, 15, told="backward"),
    "shuffled": Chains(7, 15, flips=(0.5,), shuffled=True),
}
# Graphs of three nodes have no question that the counts around its nodes do not answer.
CONSTRUCTIONS = {
    "transitivity": {"in_distribution": Chains(4, 6), **_PATHS, "long_names": Chains(4, 6, flips=(0.5,))},
    "dseparation": {
        "in_distribution": Dense(4, 6),
        **_PATHS,
        "long_names": Dense(4, 6),
        "hidden": Branching(6, 12, dense=1 / 3, hidden=(1, 3)),
    },
}

# What a split of one's own may be made of (`own_graphs`), and the fewest nodes for which its questions can be drawn.
OWN = {"chains": (Chains, 4), "branching": (Branching, 6)}
_MOST_NODES = 64


def own_graphs(split: str, settings: Mapping) -> Chains | Branching:
    """The graphs of a split of one's own: `kind`, a key of OWN, and arguments of that class.

    Raises:
        ValueError: an unknown kind or argument, or a value of which no questions could be drawn; one line.
    """
    if split in SUMMARIES:
        raise ValueError(f"graphs.{split}: the name of a row over several splits; choose another")
    kind = settings.get("kind")
    if kind not in OWN:
        raise ValueError(f"graphs.{split}.kind={kind}: must be one of {', '.join(OWN)}")
    graphs, fewest = OWN[kind]
    given = {key: value for key, value in settings.items() if key != "kind" and value is not None}
    known = [field.name for field in fields(graphs)]
    if foreign := [key for key in given if key not in known]:
        raise ValueError(f"graphs.{split}.{foreign[0]}: kind={kind} has {', '.join(known)}")
    shortest, longest = (given.get(end) for end in ("shortest", "longest"))
    if shortest is None or longest is None or not fewest <= shortest <= longest <= _MOST_NODES:
        raise ValueError(
            f"graphs.{split}: kind={kind} needs {fewest} <= shortest <= longest <= {_MOST_NODES} nodes, not {shortest} and {longest}"
        )
    for name in ("flips", "hidden"):
        if name in given:
            given[name] = tuple(given[name])
    if (
        not all(0 <= share <= 1 for share in (*given.get("flips", (0,)), given.get("dense", 0)))
        or given.get("flips") == ()
    ):
        raise ValueError(f"graphs.{split}: flips (one or more) and dense lie within 0 and 1")
    if "hidden" in given and (len(given["hidden"]) != 2 or not 0 <= given["hidden"][0] <= given["hidden"][1] <= fewest):
        raise ValueError(f"graphs.{split}.hidden: two numbers, fewest and most pairs, 0 to {fewest}")
    return graphs(**given)
