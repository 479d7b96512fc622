"""Path-blind yardsticks: what answers without following a path from one node to the other make of the questions that a run answered.

Their scores stand in margins.parquet beside the run's margins (columns `yardstick/<name>`, larger = rather Yes), so that
run and yardstick are compared question by question, and tables need no texts.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from causal_tasks import transitivity
from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item
from causal_tasks.questions import Question
from scoring.blocks import PAIR, blocks
from scoring.local_features import asked_in, learn, table
from scoring.metrics import measure, paired_differences

COLUMN = "yardstick/"
LEARNED = "local_features"
# What it learns from where no config says it.
YARDSTICK_QUESTIONS = 20_000


def fitting_ends(graph: CausalGraph, question: Question) -> float:
    """1 iff some sentence has the source as its cause and some sentence has the target as its effect, else 0."""
    return float(transitivity.fitting_ends(graph.edges, question.source, question.target))


def untrained_count(graph: CausalGraph, question: Question) -> float:
    """Stated edge, less the sentences with the target as cause, less those with the source as effect."""
    source, target = question.source, question.target
    against = sum(cause == target for cause, _ in graph.edges) + sum(effect == source for _, effect in graph.edges)
    return float(((source, target) in graph.edges) - against)


def order_of_telling(graph: CausalGraph, question: Question) -> float:
    """By how many sentences the telling goes along the arrows (a sentence's cause is the effect of the one before) rather than against
    them; its sign turned where the target is named before the source.

    In a text told along its arrows whoever is named first tends to be the cause.
    """
    one_after_another = list(zip(graph.edges, graph.edges[1:]))
    along = sum(before[1] == after[0] for before, after in one_after_another)
    against = sum(before[0] == after[1] for before, after in one_after_another)
    source_first = graph.nodes.index(question.source) < graph.nodes.index(question.target)
    return (along - against + 0.5) * (1 if source_first else -1)


def two_deep(graph: CausalGraph, question: Question) -> float:
    """1 iff an effect of the source has an effect, and a cause of the target has a cause, else 0: two sentences are joined at
    either end, and the ends never to each other."""
    causes, effects = {cause for cause, _ in graph.edges}, {effect for _, effect in graph.edges}
    onwards = any(cause == question.source and effect in causes for cause, effect in graph.edges)
    return float(onwards and any(effect == question.target and cause in effects for cause, effect in graph.edges))


def passing_names(graph: CausalGraph, question: Question) -> float:
    """Share of all names that are both a cause and an effect, whatever is asked."""
    causes, effects = {cause for cause, _ in graph.edges}, {effect for _, effect in graph.edges}
    return len(causes & effects) / len(graph.nodes)


def given_between(graph: CausalGraph, question: Question) -> float:
    """1 iff a conditioned node with fewer than two stated causes is first named between the two nodes, else 0."""
    place = {name: number for number, name in enumerate(graph.nodes)}
    low, high = sorted((place[question.source], place[question.target]))
    between = [name for name in question.given if low < place[name] < high]
    return float(any(sum(effect == name for _, effect in graph.edges) < 2 for name in between))


def given_colliders(graph: CausalGraph, question: Question) -> float:
    """Less the conditioned nodes with several stated causes, less a stated edge between the two nodes."""
    source, target = question.source, question.target
    colliders = sum(sum(effect == node for _, effect in graph.edges) > 1 for node in question.given)
    return -float(colliders + ((source, target) in graph.edges or (target, source) in graph.edges))


UNTRAINED = {
    "transitivity": (fitting_ends, untrained_count, order_of_telling, two_deep, passing_names),
    "dseparation": (given_colliders, given_between),
}


def yardstick_scores(items: Sequence[Item], task: str, training_questions: int) -> dict[str, np.ndarray]:
    """Name -> score of every question, float32 [questions], in the order of items and their questions.

    Args:
        training_questions: corrected training questions that the boosted trees on counts around the two nodes
            (scoring/local_features.py) learn from; 0 leaves them out.
    Returns:
        {} where a text does not parse, or asks about a node that its premise does not name.
    """
    asked = asked_in(items)
    if not all(_understood(graph, labelled.question) for graph, labelled in asked):
        return {}
    found = {one.__name__: [one(graph, labelled.question) for graph, labelled in asked] for one in UNTRAINED[task]}
    if training_questions:
        found[LEARNED] = _learned(task, training_questions).decision_function(table(asked))
    return {name: np.asarray(values, dtype=np.float32) for name, values in found.items()}


def _understood(graph: CausalGraph | None, question: Question | None) -> bool:
    if graph is None or question is None:
        return False
    return {question.source, question.target, *question.given} <= set(graph.nodes)


def held_against(margins: pd.DataFrame, resamples: int) -> dict:
    """A run's margins beside the yardsticks on the same questions, as a JSON-able dict.

    Args:
        margins: rows of one task of a margins table; {} without yardsticks or with labels of one class.
    Returns:
        `yardstick_<name>_auroc` of each, `yardstick_local_features_balanced_accuracy`, `yardstick` (the name of the best), and `over_yardstick` with
        `over_yardstick_interval`: AUROC of the run less that of the best, paired over blocks (None without resamples). Of minimal
        pairs also `yardstick_pair_accuracy`, the share that the best of them answers whole (`whole_pairs`).
    """
    columns = [name for name in margins if name.startswith(COLUMN) and margins[name].notna().all()]
    if not columns or margins["label"].nunique() < 2:
        return {}
    scores = {name.removeprefix(COLUMN): margins[name].to_numpy(dtype=float) for name in columns}
    labels = margins["label"]
    measured = {name: measure(labels, values, resamples=0) for name, values in scores.items()}
    auroc = {name: row["auroc"] for name, row in measured.items()}
    best = max(auroc, key=auroc.__getitem__)
    found = paired_differences(
        labels, [margins["margin"]], [scores[best]], blocks(margins), max(resamples, 1), metrics=("auroc",)
    )
    # The others are counts: no threshold of theirs was learned.
    learned = {
        f"yardstick_{name}_balanced_accuracy": row["balanced_accuracy"]
        for name, row in measured.items()
        if name == LEARNED
    }
    of_pairs = {}
    if PAIR in margins and margins[PAIR].notna().all():
        of_pairs = {"yardstick_pair_accuracy": max(whole_pairs(margins, values) for values in scores.values())}
    return (
        {f"yardstick_{name}_auroc": value for name, value in auroc.items()}
        | learned
        | of_pairs
        | {
            "yardstick": best,
            "over_yardstick": found["auroc_difference"],
            "over_yardstick_interval": found["auroc_difference_interval"] if resamples else None,
        }
    )


def whole_pairs(margins: pd.DataFrame, scores: np.ndarray) -> float:
    """Share of the minimal pairs both of whose questions are answered by "Yes iff score >= t", at the t that answers most of these
    very pairs; 0..1.

    margins: columns label and stratum/pair, one Yes and one No a pair (of one split: pairs of several may be named alike).
    """
    pairs = [margins[name] for name in ("split", PAIR) if name in margins]
    table = pd.DataFrame({"pair": list(zip(*pairs)), "label": margins["label"].to_numpy(), "score": scores})
    both = table.pivot(index="pair", columns="label", values="score")
    yes, no = both[True].to_numpy(), both[False].to_numpy()
    return float(max(((no < threshold) & (threshold <= yes)).mean() for threshold in np.unique(yes)))


@lru_cache
def _learned(task: str, questions: int):
    return learn(task, questions, seed=0)
