"""Corrected transitivity questions: unique names, no cycles, and nothing but the arrows decides the answer.

Drafts come in blocks of four that share their strata: (Yes, No) x (source told before target, after). Hence labels
are balanced within every stratum and within either order of mention, and position alone scores 50 %.
"""

import random
from dataclasses import dataclass

from causal_tasks.bitgraph import BitGraph
from causal_tasks.drafts import Draft, DraftQuestion

# (label, source is mentioned before target) of the four drafts of a block
_CELLS = ((True, True), (False, True), (True, False), (False, False))


@dataclass(frozen=True)
class Chains:
    """Chains of `shortest`..`longest` nodes.

    Args:
        flips: the probability of a flipped edge is drawn from these.
        told: "forward" tells a chain along its main direction, "backward" against it, "either" tosses a coin.
        shuffled: sentences in random order.
    """

    shortest: int
    longest: int
    flips: tuple[float, ...] = (0.0, 0.3, 0.5)
    told: str = "either"
    shuffled: bool = False


@dataclass(frozen=True)
class Branching:
    """Connected DAGs of `shortest`..`longest` nodes with up to n/2 edges more than a tree, told cause by cause."""

    shortest: int
    longest: int


_TRAINING = Chains(3, 6)
CONSTRUCTIONS = {
    "train": _TRAINING,
    "validation": _TRAINING,
    "in_distribution": _TRAINING,
    "length": Chains(7, 15, told="forward"),
    "branching": Branching(7, 15),
    "reversed": Chains(7, 15, told="backward"),
    "shuffled": Chains(7, 15, flips=(0.5,), shuffled=True),
    "long_names": Chains(3, 6, flips=(0.5,)),
}


def draw_block(split: str, questions_per_graph: int, rng: random.Random) -> list[Draft]:
    """Four drafts, labels Yes, No, Yes, No.

    Raises:
        KeyError: a split that is not in CONSTRUCTIONS.
    """
    construction = CONSTRUCTIONS[split]
    draw = _chain_block if isinstance(construction, Chains) else _branching_block
    return [_with_more_questions(draft, questions_per_graph, rng) for draft in draw(construction, rng)]


def _chain_block(chains: Chains, rng: random.Random) -> list[Draft]:
    length = rng.randint(chains.shortest, chains.longest)
    distance = rng.randint(1, length - 1)
    flip = rng.choice(chains.flips)
    forward = chains.told == "forward" or (chains.told == "either" and rng.random() < 0.5)
    return [_chain(chains, length, distance, flip, forward, *cell, rng) for cell in _CELLS]


def _chain(
    chains: Chains, length: int, distance: int, flip: float, forward: bool, label: bool, first: bool, rng: random.Random
) -> Draft:
    """A chain 0 - 1 - ... and a pair `distance` apart, redrawn until `first` holds for the order of mention."""
    while True:
        left = rng.randrange(length - distance)
        along = [(rng.random() >= flip) == forward for _ in range(length - 1)]  # does edge i point to i + 1?
        along[left : left + distance] = [agrees == first for agrees in _segment(distance, label, rng)]
        edges = [(i, i + 1) if ahead else (i + 1, i) for i, ahead in enumerate(along)]
        if chains.shuffled:
            rng.shuffle(edges)
        source, target = (left, left + distance) if first else (left + distance, left)
        if _mentioned_first(edges, source, target) == first:
            question = DraftQuestion(source, target, (), label, {"chain_length": length, "distance": distance})
            return Draft(length, tuple(edges), (question,))


def _segment(distance: int, label: bool, rng: random.Random) -> list[bool]:
    """Which edges between the pair point from source to target: all for Yes, not all for No.

    A No is anything from one edge turned to the whole segment turned, which is the converse of a Yes.
    """
    if label:
        return [True] * distance
    turn = rng.choice((0.3, 0.5, 1.0))
    agrees = [rng.random() >= turn for _ in range(distance)]
    if all(agrees):
        agrees[rng.randrange(distance)] = False
    return agrees


def _branching_block(branching: Branching, rng: random.Random) -> list[Draft]:
    n = rng.randint(branching.shortest, branching.longest)
    edges = n - 1 + rng.randint(0, n // 2)
    distance = rng.randint(1, 3)
    return [_branching(n, edges, distance, *cell, rng) for cell in _CELLS]


def _branching(n: int, count: int, distance: int, label: bool, first: bool, rng: random.Random) -> Draft:
    while True:
        edges = random_connected_dag(n, count, rng)
        graph = BitGraph(n, edges)
        pairs = [
            (source, target)
            for source in range(n)
            for target in range(n)
            if source != target
            and graph.causes(source, target) == label
            and _mentioned_first(edges, source, target) == first
            and graph.distance(source, target) == distance
        ]
        if pairs:
            strata = {"nodes": n, "edges": count, "distance": distance}
            return Draft(n, tuple(edges), (DraftQuestion(*rng.choice(pairs), (), label, strata),))


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


def _mentioned_first(edges: list[tuple[int, int]], source: int, target: int) -> bool:
    for edge in edges:
        for node in edge:
            if node in (source, target):
                return node == source
    raise ValueError(f"neither {source} nor {target} is on an edge")


def _with_more_questions(draft: Draft, count: int, rng: random.Random) -> Draft:
    """Up to `count` distinct questions on the draft's graph, half Yes and half No."""
    if count == 1:
        return draft
    graph = BitGraph(draft.nodes, draft.edges)
    shared = {key: value for key, value in draft.questions[0].strata.items() if key != "distance"}
    pool = [
        DraftQuestion(s, t, (), graph.causes(s, t), shared | {"distance": graph.distance(s, t)})
        for s in range(draft.nodes)
        for t in range(draft.nodes)
        if s != t
    ]
    return draft.with_more_questions(pool, count, rng)
