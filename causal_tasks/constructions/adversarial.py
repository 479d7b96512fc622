"""Minimal pairs: two items that differ in one edge, one arrow or one name of the question, and have opposite answers.

Items 2j and 2j+1 are a pair; any constant answer is right on exactly one of them. Each pair belongs to a family that
says what is changed (causal_tasks.minimal_pairs). Both items of a pair have the same names and tell the
unchanged sentences in the same order.
"""

import random
from collections.abc import Callable
from functools import lru_cache

from causal_tasks import counts
from causal_tasks.bitgraph import BitGraph
from causal_tasks.items import Item
from causal_tasks.minimal_pairs import DIFFERENT_COUNTS, FAMILIES, Side, Twins, graph_of
from causal_tasks.naming import ALPHABET, Draft, DraftQuestion, distinct_names, in_words, named_graph, partition
from causal_tasks.randomness import generator
from causal_tasks.spec import Spec
from causal_tasks.transitivity import mentioned_first


class Adversarial:
    protocol, questions, whole = "corrected", "sampled", False
    splits = {
        task: {"adversarial": "minimal pairs: one edge, arrow or name changed, opposite answers"} for task in FAMILIES
    }

    def check(self, spec: Spec) -> None:
        if spec.questions_per_graph != 1:
            raise ValueError(f"adversarial pairs ask one question per graph, not {spec.questions_per_graph}")
        if spec.samples % 2:
            raise ValueError(f"adversarial holds pairs: n must be even, not {spec.samples}")

    def item(self, spec: Spec, index: int) -> Item:
        """One side of pair `index // 2`."""
        drafts, names = _pair(spec.task, spec.seed, index // 2)
        draft = drafts[index % 2]
        return in_words(draft, named_graph(draft.graph, names), names, spec.task, spec.item_id(index))


@lru_cache(maxsize=64)
def _pair(task: str, seed: int, pair: int) -> tuple[list[Draft], list[str]]:
    rng = generator("adversarial", task, seed, pair)
    families = FAMILIES[task]
    name = list(families)[pair % len(families)]
    answer = _causes if task == "transitivity" else _separates
    first = rng.random() < 0.5
    while (drawn := _checked(families[name](rng), answer, DIFFERENT_COUNTS.get(name, set()), first)) is None:
        pass
    twins, answers = drawn
    nodes = graph_of(twins.before.edges).n
    strata = {"family": name, "pair": f"{task}-{seed}-{pair:05d}", "nodes": nodes}
    drafts = []
    for side, label in rng.sample(list(zip((twins.before, twins.after), answers)), 2):
        question = DraftQuestion(side.source, side.target, tuple(sorted(side.given)), label, strata)
        drafts.append(Draft(BitGraph(nodes, side.edges), (question,)))
    while True:
        names = _names(nodes, twins.alike, rng)
        if all(partition(named_graph(draft.graph, names)) == "test" for draft in drafts):
            return drafts, names


def _checked(
    twins: Twins | None, answer: Callable[[BitGraph, Side], bool], different: set[str], first: bool
) -> tuple[Twins, tuple[bool, bool]] | None:
    """The twins with their answers, if these differ and both sides are well told.

    Well told: every node named, no sentence twice, no cycle, and the same local counts on both sides, but for those in
    `different`, since else a count would give the answer away. Where the order of mention differs, the source of the Yes
    is named first if `first`.
    """
    if twins is None:
        return None
    sides = (twins.before, twins.after)
    graphs = [graph_of(side.edges) for side in sides]
    n = graphs[0].n
    if graphs[1].n != n:
        return None
    told = [_counts(graph, side) for graph, side in zip(graphs, sides)]
    if any(one != other and name not in different for name, one, other in zip(counts.NAMES, *told)):
        return None
    answers = tuple(answer(graph, side) for graph, side in zip(graphs, sides))
    if answers[0] == answers[1]:
        return None
    if told[0][_FIRST] != told[1][_FIRST] and told[answers.index(True)][_FIRST] != first:
        return None
    for graph in graphs:
        named = {node for edge in graph.edges for node in edge}
        if named != set(range(n)) or len(set(graph.edges)) < len(graph.edges) or graph.cyclic:
            return None
    return twins, answers


_FIRST = counts.NAMES.index("source_first")


def _counts(graph: BitGraph, side: Side) -> tuple[int, ...]:
    first = mentioned_first(side.edges, side.source, side.target)
    return counts.counts(graph, side.source, side.target, sum(1 << node for node in side.given), first)


def _causes(graph: BitGraph, side: Side) -> bool:
    return graph.causes(side.source, side.target)


def _separates(graph: BitGraph, side: Side) -> bool:
    return graph.d_separated(side.source, side.target, sum(1 << node for node in side.given))


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


CONSTRUCTION = Adversarial()
