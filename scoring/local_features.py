"""The learned shortcut: what can be answered from counts around the nodes that are asked about, no path followed."""

from collections.abc import Iterable

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from causal_tasks import counts
from causal_tasks.bitgraph import BitGraph
from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.questions import Question
from causal_tasks.suites import build

# The local counts, then the place of mention of either node, from the first and from each other.
NAMES = (*counts.NAMES, "source_place", "target_place", "places_apart")


def features(graph: CausalGraph, question: Question) -> list[float]:
    """One number for each of NAMES: counts, 0 or more, and places, of which the last may be negative.

    Raises KeyError for a question about a node that the graph lacks.
    """
    place = {name: number for number, name in enumerate(graph.nodes)}
    numbered = BitGraph(
        len(place), *([(place[a], place[b]) for a, b in pairs] for pairs in (graph.edges, graph.hidden))
    )
    source, target = place[question.source], place[question.target]
    given = sum(1 << place[name] for name in question.given)
    found = counts.counts(numbered, source, target, given, source < target)
    return [float(value) for value in (*found, source, target, source - target)]


def learn(task: str, n: int, seed: int) -> HistGradientBoostingClassifier:
    """Gradient-boosted trees on the features of n corrected training questions; predicts labels (bool)."""
    asked = asked_in(build(task, "corrected", "train", n, seed))
    return trees(seed).fit(table(asked), [q.label for _, q in asked])


def trees(seed: int) -> HistGradientBoostingClassifier:
    """The classifier, untrained."""
    return HistGradientBoostingClassifier(random_state=seed)


def asked_in(items: Iterable[Item]) -> list[tuple[CausalGraph, LabelledQuestion]]:
    """Every question with its graph."""
    return [(item.graph, question) for item in items for question in item.questions]


def table(asked: Iterable[tuple[CausalGraph, LabelledQuestion]]) -> np.ndarray:
    """[questions, features]"""
    return np.array([features(graph, labelled.question) for graph, labelled in asked])
