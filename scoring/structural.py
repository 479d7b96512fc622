"""How far the causal relation that a run believes in is from the true graph, for suites that ask all ordered pairs.

Needs no torch: margins come from margins.parquet, graphs from the items of the suite (conf/suite/closure.yaml).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from causal_tasks.items import Item
from scoring.blocks import blocks
from scoring.intervals import clustered_bootstrap
from scoring.structural_distance import (
    Relation,
    ancestor_adjustment_distance,
    closure_shd,
    predicted_relation,
    transitive_closure,
)


def asks_everything(items: Sequence[Item]) -> bool:
    """Whether these are transitivity items that ask every ordered pair of nodes of their graph, once each."""
    return bool(items) and all(
        item.task == "transitivity"
        and item.graph is not None
        and all(labelled.question is not None for labelled in item.questions)
        and len(item.questions) == len(item.graph.nodes) * (len(item.graph.nodes) - 1)
        and len({(q.question.source, q.question.target) for q in item.questions}) == len(item.questions)
        for item in items
    )


def structural_measures(margins: pd.DataFrame, items: Sequence[Item], resamples: int = 1000, seed: int = 0) -> dict:
    """Means over graphs of the columns of `structural_distances`, as a JSON-able dict; {} unless `asks_everything`.

    `<measure>_interval` is a 95 % bootstrap interval over blocks of graphs (scoring/blocks.py; left out if `resamples` is 0). The mean of
    ancestor_adjustment_distance is over the graphs whose predicted relation is acyclic; None if there are none.
    """
    if not asks_everything(items):
        return {}
    values = structural_distances(margins, items).set_index("graph").drop(columns="nodes").astype(float)
    row = {name: None if np.isnan(mean) else float(mean) for name, mean in values.mean().items()}
    if resamples:
        measured = values.loc[:, ~values.columns.str.endswith("always_no")]
        block_of = dict(zip(margins["graph"], blocks(margins), strict=True))
        codes, names = pd.factorize(measured.index.map(block_of))
        means = _weighted_means(measured)
        intervals = clustered_bootstrap(lambda weights: means(weights[:, codes]), len(names), resamples, seed)
        # All but the count of pairs are shares.
        most = dict.fromkeys(intervals, 1.0) | {"shd": float("inf")}
        row |= {
            f"{name}_interval": bounds and [max(0.0, bounds[0]), min(most[name], bounds[1])]
            for name, bounds in intervals.items()
        }
    return row


def structural_distances(margins: pd.DataFrame, items: Sequence[Item], threshold: float = 0.0) -> pd.DataFrame:
    """One row a graph: graph, nodes, and the distances of the predicted from the true relation.

    shd: pairs of nodes related differently in the two closures; shd_share: over all pairs, in [0, 1].
    exact: whether the relations are equal. cyclic: whether the predicted one has a cycle.
    ancestor_adjustment_distance: in [0, 1], Henckel et al. 2024 (arXiv:2402.08616); NaN where cyclic.
    shd_share_always_no, ancestor_adjustment_distance_always_no: the same for a model that denies everything.

    Args:
        margins: columns id and margin, one row a question (margins.parquet).
        items: transitivity items that ask every ordered pair of their graph once.
        threshold: the verdict is Yes iff margin >= threshold.
    Raises:
        ValueError: naming the item, if its pairs are not all asked once, or a margin is missing.
    """
    found = dict(zip(margins["id"], margins["margin"], strict=True))
    return pd.DataFrame([_distances(item, found, threshold) for item in items])


def _distances(item: Item, margins: dict[str, float], threshold: float) -> dict:
    missing = [question.id for question in item.questions if question.id not in margins]
    if missing:
        raise ValueError(f"{item.id}: no margin for {missing[0]}")
    index = {name: node for node, name in enumerate(item.graph.nodes)}
    size = len(index)
    adjacency = np.zeros((size, size), dtype=bool)
    for cause, effect in item.graph.edges:
        adjacency[index[cause], index[effect]] = True
    source, target = ([index[getattr(q.question, end)] for q in item.questions] for end in ("source", "target"))
    verdicts = np.array([margins[question.id] >= threshold for question in item.questions])
    try:
        predicted = predicted_relation(np.array(source), np.array(target), verdicts, size)
    except ValueError as error:
        raise ValueError(f"{item.id}: {error}") from error
    nothing = _compare(np.zeros_like(adjacency), adjacency)
    constant = {f"{name}_always_no": nothing[name] for name in ("shd_share", "ancestor_adjustment_distance")}
    return {"graph": item.id, "nodes": size, **_compare(predicted, adjacency), **constant}


def _compare(predicted: Relation, adjacency: Relation) -> dict[str, float | bool]:
    pairs = len(adjacency) * (len(adjacency) - 1) // 2
    shd = closure_shd(predicted, transitive_closure(adjacency))
    distance = ancestor_adjustment_distance(predicted, adjacency)
    return {
        "shd": shd,
        "shd_share": shd / pairs,
        "exact": shd == 0,
        "cyclic": distance is None,
        "ancestor_adjustment_distance": np.nan if distance is None else distance,
    }


def _weighted_means(values: pd.DataFrame):
    """Weights [b, graphs] → name → means [b], NaN where a resample has no defined value."""
    matrix = values.to_numpy()
    defined = ~np.isnan(matrix)
    filled = np.where(defined, matrix, 0.0)

    def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
        with np.errstate(invalid="ignore"):
            means = (weights @ filled) / (weights @ defined)
        return dict(zip(values.columns, means.T, strict=True))

    return statistic
