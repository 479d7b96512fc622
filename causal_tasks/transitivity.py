"""Corrected transitivity questions: unique names, no cycles, and nothing but the arrows decides the answer.

Drafts come in blocks of four that share their strata: (Yes, No) x (source mentioned before target, after). Hence
labels are balanced within every stratum and within either order of mention, and position alone scores 50 %. The same
holds with several questions per graph: see _draw_several.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from causal_tasks.bitgraph import BitGraph
from causal_tasks.drafts import Draft, DraftQuestion, ask_in_twins

# (label, source is mentioned before target)
_CELLS = ((True, True), (False, True), (True, False), (False, False))


@dataclass(frozen=True)
class Chains:
    """Chains of `shortest`..`longest` nodes.

    Args:
        flips: the probability of a flipped edge is drawn from these.
        told: "forward" tells a chain along its main direction, causes first; "backward" against it.
        shuffled: sentences in random order.
    """

    shortest: int
    longest: int
    flips: tuple[float, ...] = (0.0, 0.3, 0.5)
    told: str = "forward"
    shuffled: bool = False

    def draw(self, cells: Sequence[tuple[bool, bool]], rng: random.Random) -> list[Draft]:
        length = rng.randint(self.shortest, self.longest)
        distance = rng.randint(1, length - 1)
        flip = rng.choice(self.flips)
        return [self._draw_one(length, distance, flip, *cell, rng) for cell in cells]

    def _draw_one(self, length: int, distance: int, flip: float, label: bool, first: bool, rng: random.Random) -> Draft:
        """A chain 0 - 1 - ... and a pair `distance` apart, redrawn until `first` holds for the order of mention."""
        forward = self.told == "forward"
        while True:
            left = rng.randrange(length - distance)
            along = [(rng.random() >= flip) == forward for _ in range(length - 1)]  # does edge i point to i + 1?
            along[left : left + distance] = [agrees == first for agrees in _segment(distance, label, rng)]
            edges = [(i, i + 1) if ahead else (i + 1, i) for i, ahead in enumerate(along)]
            if self.shuffled:
                rng.shuffle(edges)
            source, target = (left, left + distance) if first else (left + distance, left)
            mention = order_of_mention(edges)
            if (mention[source] < mention[target]) == first:
                question = DraftQuestion(source, target, (), label, {"chain_length": length, "distance": distance})
                return Draft(length, tuple(edges), (question,))


@dataclass(frozen=True)
class Branching:
    """Connected DAGs of `shortest`..`longest` nodes with up to n/2 edges more than a tree, told cause by cause."""

    shortest: int
    longest: int

    def draw(self, cells: Sequence[tuple[bool, bool]], rng: random.Random) -> list[Draft]:
        n = rng.randint(self.shortest, self.longest)
        edges = n - 1 + rng.randint(0, n // 2)
        strata = {"nodes": n, "edges": edges, "distance": rng.randint(1, 3)}
        return [ask_one(lambda: random_connected_dag(n, edges, rng), strata, *cell, rng) for cell in cells]


_TRAINING = Chains(3, 6)
CONSTRUCTIONS = {
    "train": _TRAINING,
    "validation": _TRAINING,
    "in_distribution": _TRAINING,
    "length": Chains(7, 15),
    "branching": Branching(7, 15),
    "reversed": Chains(7, 15, told="backward"),
    "shuffled": Chains(7, 15, flips=(0.5,), shuffled=True),
    "long_names": Chains(3, 6, flips=(0.5,)),
}


def draw_block(construction, questions_per_graph: int, rng: random.Random) -> list[Draft]:
    """Four drafts; with one question each, the labels are Yes, No, Yes, No.

    Args:
        construction: draws one draft of one question for each (label, source is mentioned first) it is given; the
            drafts share their strata.
    """
    if questions_per_graph == 1:
        return construction.draw(_CELLS, rng)
    return [draft for _ in range(2) for draft in _draw_several(construction, questions_per_graph, rng)]


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


def ask_one(draw_edges: Callable, strata: dict, label: bool, first: bool, rng: random.Random) -> Draft:
    """Draw edges until some pair at `strata["distance"]` has this label and order of mention; ask about one such."""
    while True:
        edges = draw_edges()
        mention = order_of_mention(edges)
        n = len(mention)
        graph = BitGraph(n, edges)
        pairs = [
            (source, target)
            for source, target in permutations(range(n), 2)
            if graph.causes(source, target) == label
            and (mention[source] < mention[target]) == first
            and graph.distance(source, target) == strata["distance"]
        ]
        if pairs:
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


def order_of_mention(edges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Node -> its place among the nodes, by where the telling first names them."""
    return {node: place for place, node in enumerate(dict.fromkeys(node for edge in edges for node in edge))}


def _draw_several(construction, count: int, rng: random.Random) -> list[Draft]:
    """Two drafts of up to `count` distinct questions each that together balance labels at every distance and order.

    Each asks its Yes, the converse No, and pairs of one Yes and one No at one distance and in one order of mention; of
    the two drafts, one has its Yes in the order of mention and one against it. A chain whose arrows nearly all point
    one way has too few such pairs: it is asked freely, and again with every arrow and question turned round.
    """
    first, last = construction.draw(((True, True), (True, False)), rng)
    apart = [_ask_pairs(draft, count, rng) for draft in (first, last)]
    if all(len(draft.questions) == count for draft in apart):
        return apart
    mirrored = _ask_mirrored(first, count, rng)
    return max(apart, mirrored, key=lambda drafts: sum(len(draft.questions) for draft in drafts))


def _ask_pairs(draft: Draft, count: int, rng: random.Random) -> Draft:
    pool, mention = _every_question(draft), order_of_mention(draft.edges)
    (asked,) = draft.questions
    converse = next(question for question in pool if question.key == (asked.target, asked.source, ()))

    def alike(question: DraftQuestion) -> tuple[int, bool]:
        return question.strata["distance"], mention[question.source] < mention[question.target]

    return Draft(draft.nodes, draft.edges, ask_in_twins([asked, converse], pool, count, rng, alike))


def _ask_mirrored(draft: Draft, count: int, rng: random.Random) -> list[Draft]:
    turned = tuple((b, a) for a, b in draft.edges)
    here, there = order_of_mention(draft.edges), order_of_mention(turned)
    pool = [  # a question turned round changes its order of mention, unless turning its sentence changed that too
        question
        for question in _every_question(draft)
        if (here[question.source] < here[question.target]) == (there[question.source] < there[question.target])
    ]
    asked = ask_in_twins([], pool, count, rng, lambda question: question.strata["distance"])
    again = tuple(replace(question, source=question.target, target=question.source) for question in asked)
    return [Draft(draft.nodes, draft.edges, asked), Draft(draft.nodes, turned, again)]


def _every_question(draft: Draft) -> list[DraftQuestion]:
    """All ordered pairs, with the strata of the draft's own question but for the distance."""
    graph, strata = BitGraph(draft.nodes, draft.edges), draft.questions[0].strata
    return [
        DraftQuestion(s, t, (), graph.causes(s, t), strata | {"distance": graph.distance(s, t)})
        for s, t in permutations(range(draft.nodes), 2)
    ]
