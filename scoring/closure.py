"""How far the causal relation that a run believes in is from the true graph, for suites that ask all ordered pairs.

Needs no torch: margins come from margins.parquet, graphs from the items of the suite (conf/suite/closure.yaml).
"""

from collections.abc import Sequence

import gadjid
import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causal_tasks.items import Item
from scoring.blocks import blocks
from scoring.intervals import clustered_bootstrap

Relation = NDArray[np.bool_]  # [i, j]: i causes j


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


def closure_measures(margins: pd.DataFrame, items: Sequence[Item], resamples: int = 1000, seed: int = 0) -> dict:
    """Means over graphs of the columns of `closure_distances`, as a JSON-able dict; {} unless `asks_everything`.

    `<measure>_interval` is a 95 % bootstrap interval over blocks of graphs (scoring/blocks.py; left out if `resamples` is 0). The mean of
    ancestor_adjustment_distance is over the graphs whose predicted relation is acyclic; None if there are none.
    """
    if not asks_everything(items):
        return {}
    values = closure_distances(margins, items).set_index("graph").drop(columns="nodes").astype(float)
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


def closure_distances(margins: pd.DataFrame, items: Sequence[Item], threshold: float = 0.0) -> pd.DataFrame:
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


def predicted_relation(source: NDArray, target: NDArray, verdicts: NDArray, nodes: int) -> Relation:
    """[nodes, nodes] relation from the answers to all ordered pairs of one graph.

    source, target: [K] node indices; verdicts: [K] True = "source causes target".
    Raises ValueError unless each of the nodes * (nodes - 1) ordered pairs was asked exactly once: a
    distance over part of the pairs would not be one between graphs.
    """
    pairs = set(zip(np.asarray(source).tolist(), np.asarray(target).tolist(), strict=True))
    expected = {(i, j) for i in range(nodes) for j in range(nodes) if i != j}
    if pairs != expected or len(source) != len(expected):
        raise ValueError(
            f"all {len(expected)} ordered pairs of {nodes} nodes must be asked exactly once, "
            f"got {len(source)} questions on {len(pairs & expected)} of them"
        )
    relation = np.zeros((nodes, nodes), dtype=bool)
    relation[source, target] = verdicts
    return relation


def transitive_closure(adjacency: Relation) -> Relation:
    """Reachability by one or more edges, [n, n]; the diagonal is True only on cycles."""
    graph = nx.from_numpy_array(np.asarray(adjacency, dtype=int), create_using=nx.DiGraph)
    return nx.to_numpy_array(nx.transitive_closure(graph, reflexive=False), dtype=int).astype(bool)


def closure_shd(predicted: Relation, true: Relation) -> int:
    """Structural Hamming distance of two relations: pairs of nodes related differently, in [0, n(n-1)/2].

    A relation missing, added or turned round counts one. ``predicted`` need not be acyclic.
    """
    predicted, true = _checked(predicted, true)
    differs = predicted != true
    return int(np.triu(differs | differs.T, 1).sum())


def ancestor_adjustment_distance(predicted: Relation, adjacency: Relation) -> float | None:
    """Ancestor adjustment identification distance (Henckel et al. 2024, arXiv:2402.08616), in [0, 1].

    The share of ordered pairs (t, y) for which adjusting for the *predicted* ancestors of t does not
    identify the effect of t on y in the true graph. 0 if ``predicted`` is the true reachability.
    predicted: [n, n] predicted reachability; adjacency: [n, n] edges of the true acyclic graph.
    Returns None where ``predicted`` has a cycle and so is no causal order: the distance is undefined.
    Raises ValueError for a true graph with a cycle.
    """
    predicted, adjacency = _checked(predicted, adjacency)
    if transitive_closure(adjacency).diagonal().any():
        raise ValueError("the true graph must be acyclic")
    if transitive_closure(predicted).diagonal().any():
        return None
    if len(adjacency) < 2:
        return 0.0
    normalised, _ = gadjid.ancestor_aid(
        adjacency.astype(np.int8), predicted.astype(np.int8), edge_direction="from row to column"
    )
    return float(normalised)


def _checked(predicted: Relation, true: Relation) -> tuple[Relation, Relation]:
    predicted, true = np.asarray(predicted, dtype=bool), np.asarray(true, dtype=bool)
    if predicted.shape != true.shape or predicted.ndim != 2 or predicted.shape[0] != predicted.shape[1]:
        raise ValueError(f"relations must be square and of one size, got {predicted.shape} and {true.shape}")
    return predicted, true
