"""Corrected transitivity questions of training and validation: unique names, no cycles, balanced within every stratum.

Drafts come in blocks of four that share their strata: (Yes, No) x (source mentioned before target, after). Hence
labels are balanced within every stratum and within either order of mention, and position alone scores 50 %. The same
holds with several questions per graph: see _draw_several.

A source that is no cause in any sentence, or a target that is no effect, gives a No away without a path being followed.
In the blocks of the stratum `ends: fitting` every No has a source that is a cause and a target that is an effect; in
those of `ends: any` it may have.
"""

import random
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations

from causal_tasks.bitgraph import BitGraph
from causal_tasks.matching import ask_in_pairs
from causal_tasks.naming import Draft, DraftQuestion
from causal_tasks.random_graphs import known_graph

# (label, source is mentioned before target)
_CELLS = ((True, True), (False, True), (True, False), (False, False))

FITTING = 0.5  # share of the blocks whose No answers have fitting ends, where the graph is large enough for that
_SMALLEST_FITTING = 4  # nodes: a path of three has no such No


@dataclass(frozen=True)
class Chains:
    """Chains of `shortest`..`longest` nodes.

    Args:
        flips: the probability of a flipped edge is drawn from these.
    """

    shortest: int
    longest: int
    flips: tuple[float, ...] = (0.0, 0.3, 0.5)

    def draw(self, cells: Sequence[tuple[bool, bool]], rng: random.Random) -> list[Draft]:
        """Drafts that ask at the same place of the chain; those of one order also share the arrows elsewhere."""
        length = rng.randint(self.shortest, self.longest)
        distance = rng.randint(1, length - 1)
        strata = {"chain_length": length, "distance": distance, "ends": draw_ends(rng, length)}
        while True:
            left, flip = rng.randrange(length - distance), rng.choice(self.flips)
            draw = rng.random
            elsewhere = {first: [draw() >= flip for _ in range(length - 1)] for first in (True, False)}
            chains = [self._draw_one(left, elsewhere[first], label, first, strata, rng) for label, first in cells]
            if None not in chains:  # most often one is: drafts are written of those that stay
                return [_draft(left, *drawn, strata) for drawn in zip(chains, cells)]

    def _draw_one(self, left: int, along: list[bool], label: bool, first: bool, strata: dict, rng) -> list[bool] | None:
        """Does edge i of the chain 0 - 1 - ... point to node i + 1? None if it breaks a condition.

        Args:
            along: the same before the edges from `left` to the node `distance` further on, the two asked about, are
                redrawn.
        """
        distance = strata["distance"]
        along = list(along)
        along[left : left + distance] = [agrees == first for agrees in segment(distance, label, rng)]
        ends = (left, left + distance) if first else (left + distance, left)
        if strata["ends"] != "any" and not chain_fits(along, *ends):
            return None
        # A chain is told from node 0 on: `left` comes first, unless both stand in the first sentence and that names it last.
        return None if left == 0 and distance == 1 and not along[0] else along


def _draft(left: int, along: list[bool], cell: tuple[bool, bool], strata: dict) -> Draft:
    """The chain in edges, asked about `left` and the node `distance` further on."""
    label, first = cell
    right = left + strata["distance"]
    asked = DraftQuestion(*((left, right) if first else (right, left)), (), label, strata)
    edges = tuple([(i, i + 1) if ahead else (i + 1, i) for i, ahead in enumerate(along)])
    return Draft(known_graph(len(along) + 1, edges), (asked,))


_TRAINING = Chains(3, 6)


def draw_block(questions_per_graph: int, rng: random.Random) -> list[Draft]:
    """Four drafts; with one question each, the labels are Yes, No, Yes, No."""
    if questions_per_graph == 1:
        return _TRAINING.draw(_CELLS, rng)
    return [draft for _ in range(2) for draft in _draw_several(_TRAINING, questions_per_graph, rng)]


def draw_ends(rng: random.Random, nodes: int) -> str:
    """The stratum `ends` of a block."""
    return "fitting" if rng.random() < FITTING and nodes >= _SMALLEST_FITTING else "any"


def fitting_ends(edges: Iterable[tuple[Hashable, Hashable]], source: Hashable, target: Hashable) -> bool:
    """Is the source some sentence's cause and the target some sentence's effect? True of every Yes."""
    return any(cause == source for cause, _ in edges) and any(effect == target for _, effect in edges)


def chain_fits(along: Sequence[bool], source: int, target: int) -> bool:
    """`fitting_ends` of the chain whose edge i points to node i + 1 where `along[i]`."""
    last = len(along)
    causes = (source < last and along[source]) or (source > 0 and not along[source - 1])
    return causes and ((target < last and not along[target]) or (target > 0 and along[target - 1]))


def segment(distance: int, label: bool, rng: random.Random) -> list[bool]:
    """Which edges between the pair point from source to target: all for Yes, not all for No.

    A No is anything from one edge turned to the whole segment turned, which is the converse of a Yes.
    """
    if label:
        return [True] * distance
    turn = rng.choice((0.3, 0.5, 1.0))
    draw = rng.random
    agrees = [draw() >= turn for _ in range(distance)]
    if all(agrees):
        agrees[rng.randrange(distance)] = False
    return agrees


def order_of_mention(edges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Node -> its place among the nodes, by where the telling first names them."""
    return {node: place for place, node in enumerate(dict.fromkeys(node for edge in edges for node in edge))}


def mentioned_first(edges: Iterable[tuple[int, int]], one: int, other: int) -> bool:
    """Is `one` named before `other`? One of them is named."""
    for edge in edges:
        for node in edge:
            if node in (one, other):
                return node == one
    raise ValueError(f"neither {one} nor {other} is named in {edges}")


def _draw_several(construction, count: int, rng: random.Random) -> list[Draft]:
    """Two drafts of up to `count` distinct questions each that together balance labels at every distance and order.

    Where some graph has no question of the stratum `ends: fitting`, both are asked as `ends: any`.
    """
    first, last = construction.draw(((True, True), (True, False)), rng)
    for ends in (first.questions[0].strata["ends"], "any"):
        drafts = _ask_several(first, last, ends, count, rng)
        if all(draft.questions for draft in drafts):
            return drafts
    raise AssertionError("a Yes and its converse are always there to be asked")


def _ask_several(first: Draft, last: Draft, ends: str, count: int, rng: random.Random) -> list[Draft]:
    """Two drafts, of which one has its own Yes in the order of mention and one against it.

    Each asks pairs of one Yes and one No at one distance and in one order of mention and, where any No will do, its own
    Yes and the converse No. A chain whose arrows nearly all point one way has too few such pairs: it is asked freely,
    and again with every arrow and question turned round.
    """
    apart = [_ask_pairs(draft, ends, count, rng) for draft in (first, last)]
    if all(len(draft.questions) == count for draft in apart):
        return apart
    mirrored = _ask_mirrored(first, ends, count, rng)
    return max(apart, mirrored, key=lambda drafts: sorted(len(draft.questions) for draft in drafts))


def _ask_pairs(draft: Draft, ends: str, count: int, rng: random.Random) -> Draft:
    pool, mention = _every_question(draft, ends), order_of_mention(draft.graph.edges)
    certain = []
    if ends == "any":
        source, target, _ = draft.questions[0].key
        here = {question.key: question for question in pool}
        certain = [here[source, target, ()], here[target, source, ()]]

    def alike(question: DraftQuestion) -> tuple[int, bool]:
        return question.strata["distance"], mention[question.source] < mention[question.target]

    return Draft(draft.graph, ask_in_pairs(certain, pool, count, rng, alike))


def _ask_mirrored(draft: Draft, ends: str, count: int, rng: random.Random) -> list[Draft]:
    turned = known_graph(draft.graph.n, tuple((b, a) for a, b in draft.graph.edges))
    here, there = order_of_mention(draft.graph.edges), order_of_mention(turned.edges)
    pool = [  # a question turned round changes its order of mention, unless turning its sentence changed that too
        question
        for question in _every_question(draft, ends)
        if (here[question.source] < here[question.target]) == (there[question.source] < there[question.target])
    ]
    asked = ask_in_pairs([], pool, count, rng, lambda question: question.strata["distance"])
    again = tuple(replace(question, source=question.target, target=question.source) for question in asked)
    return [Draft(draft.graph, asked), Draft(turned, again)]


def _every_question(draft: Draft, ends: str) -> tuple[DraftQuestion, ...]:
    """All ordered pairs of the stratum `ends`, with the other strata of the draft's own question but for the distance."""
    return _questions(draft.graph, tuple((draft.questions[0].strata | {"ends": ends}).items()))


@lru_cache(maxsize=256)  # there are 60 chains of 3 to 6 nodes
def _questions(graph: BitGraph, strata: tuple) -> tuple[DraftQuestion, ...]:
    strata = dict(strata)
    return tuple(
        DraftQuestion(s, t, (), graph.causes(s, t), strata | {"distance": graph.distance(s, t)})
        for s, t in permutations(range(graph.n), 2)
        if strata["ends"] == "any" or fitting_ends(graph.edges, s, t)
    )
