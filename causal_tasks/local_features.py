"""The learned shortcut: what can be answered from counts around the two nodes that are asked about, no path followed."""

from collections.abc import Iterable

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.questions import Question
from causal_tasks.suites import build


def features(graph: CausalGraph, question: Question) -> list[float]:
    """21 numbers: sizes of graph and conditioning set, order of mention, whether a sentence joins source and target;
    for each of the two its place of mention, its causes, effects and hidden causes, and how many of its causes and
    effects are conditioned on; and how many nodes have a conditioned effect or cause.
    """
    edges, nodes, given = set(graph.edges), graph.nodes, set(question.given)
    ends = (question.source, question.target)
    found = [len(nodes), len(edges), len(graph.hidden), len(given)]
    found += [nodes.index(ends[0]) - nodes.index(ends[1]), ends in edges, ends[::-1] in edges]
    for end in ends:
        causes = {cause for cause, effect in edges if effect == end}
        effects = {effect for cause, effect in edges if cause == end}
        found += [nodes.index(end), len(causes), len(effects), sum(end in pair for pair in graph.hidden)]
        found += [len(causes & given), len(effects & given)]
    found += [len({c for c, e in edges if e in given}), len({e for c, e in edges if c in given})]
    return [float(value) for value in found]


def learn(task: str, n: int, seed: int) -> HistGradientBoostingClassifier:
    """Gradient-boosted trees on the features of n corrected training questions; predicts labels (bool)."""
    asked = asked_in(build(task, "corrected", "train", n, seed))
    return HistGradientBoostingClassifier(random_state=seed).fit(table(asked), [q.label for _, q in asked])


def asked_in(items: Iterable[Item]) -> list[tuple[CausalGraph, LabelledQuestion]]:
    """Every question with its graph."""
    return [(item.graph, question) for item in items for question in item.questions]


def table(asked: Iterable[tuple[CausalGraph, LabelledQuestion]]) -> np.ndarray:
    """[questions, features]"""
    return np.array([features(graph, labelled.question) for graph, labelled in asked])
