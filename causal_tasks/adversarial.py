"""Minimal pairs: two items that differ in one edge, one arrow or one name of the question, and have opposite answers.

Items 2j and 2j+1 are a pair; any constant answer is right on exactly one of them. Each pair belongs to a family that
says what is changed (causal_tasks.adversarial_families). Both items of a pair have the same names and tell the
unchanged sentences in the same order.
"""

import random
from collections.abc import Callable
from functools import lru_cache

from causal_tasks.adversarial_families import FAMILIES, Edges, Side, Twins, graph_of
from causal_tasks.drafts import ALPHABET, Draft, DraftQuestion, distinct_names, dress, family, named_graph
from causal_tasks.items import Item
from causal_tasks.randomness import generator
from causal_tasks.transitivity import fitting_ends


def sample(task: str, seed: int, index: int, item_id: str) -> Item:
    """Item `index`: one side of pair `index // 2`."""
    drafts, names = _pair(task, seed, index // 2)
    draft = drafts[index % 2]
    return dress(draft, named_graph(draft, names), names, task, item_id)


@lru_cache(maxsize=64)
def _pair(task: str, seed: int, pair: int) -> tuple[list[Draft], list[str]]:
    rng = generator("adversarial", task, seed, pair)
    families = FAMILIES[task]
    name = list(families)[pair % len(families)]
    answer = _causes if task == "transitivity" else _separates
    while (drawn := _checked(families[name](rng), answer)) is None:
        pass
    twins, answers = drawn
    strata = {"family": name, "pair": f"{task}-{seed}-{pair:05d}", "nodes": graph_of(twins.before.edges).n}
    drafts = []
    for side, label in rng.sample(list(zip((twins.before, twins.after), answers)), 2):
        question = DraftQuestion(side.source, side.target, tuple(sorted(side.given)), label, strata)
        drafts.append(Draft(strata["nodes"], tuple(side.edges), (question,)))
    while True:
        names = _names(strata["nodes"], twins.alike, rng)
        if all(family(named_graph(draft, names)) == "test" for draft in drafts):
            return drafts, names


def _checked(twins: Twins | None, answer: Callable[[Side], bool]) -> tuple[Twins, tuple[bool, bool]] | None:
    """The twins with their answers, if these differ and both sides are well told.

    Well told: every node named, no sentence twice, no cycle. A cause and effect must look like one on both sides (the
    source causes something, something causes the target), or else that alone would give most answers away.
    """
    if twins is None:
        return None
    if answer is _causes and not all(fitting_ends(s.edges, s.source, s.target) for s in (twins.before, twins.after)):
        return None
    n = graph_of(twins.before.edges).n
    for edges in (twins.before.edges, twins.after.edges):
        if {node for edge in edges for node in edge} != set(range(n)) or len(set(edges)) < len(edges) or _cyclic(edges):
            return None
    answers = answer(twins.before), answer(twins.after)
    return (twins, answers) if answers[0] != answers[1] else None


def _cyclic(edges: Edges) -> bool:
    graph = graph_of(edges)
    return any(graph.causes(node, node) for node in range(graph.n))


def _causes(side: Side) -> bool:
    return graph_of(side.edges).causes(side.source, side.target)


def _separates(side: Side) -> bool:
    return graph_of(side.edges).d_separated(side.source, side.target, sum(1 << node for node in side.given))


def _names(count: int, alike: tuple[int, int] | None, rng: random.Random) -> list[str]:
    names = distinct_names(rng, count, 1 if alike is None else 2, 3)
    if alike is not None:
        original, double = names[alike[0]], names[alike[0]]
        while double in names:  # one character changed, or two that stand together exchanged
            at = rng.randrange(len(original))
            changed = original[:at] + rng.choice(ALPHABET) + original[at + 1 :]
            exchanged = original[: at - 1] + original[at] + original[at - 1] + original[at + 1 :] if at else original
            double = rng.choice((changed, exchanged))
        names[alike[1]] = double
    return names
