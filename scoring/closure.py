"""How far the causal relation that a run believes in is from the true graph, for suites that ask all ordered pairs.

Needs no torch: margins come from margins.parquet, graphs from the items of the suite (conf/suite/closure.yaml).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import gadjid
import networkx as nx
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causal_tasks.headline import POOLED
from causal_tasks.items import Item
from scoring.blocks import blocks
from scoring.intervals import clustered_bootstrap

Relation = NDArray[np.bool_]  # [i, j]: i causes j
Part = tuple[str, str]  # task, split
ANCESTORS = "ancestor_adjustment_distance"


def asks_everything(items: Sequence[Item]) -> bool:
    """Whether these are transitivity items that ask every ordered pair of nodes of an acyclic graph, once each."""
    return bool(items) and all(map(_asks_everything, items))


def _asks_everything(item: Item) -> bool:
    if item.task != "transitivity" or item.graph is None or any(one.question is None for one in item.questions):
        return False
    asked = sorted((one.question.source, one.question.target) for one in item.questions)
    return asked == sorted(permutations(item.graph.nodes, 2)) and nx.is_directed_acyclic_graph(item.graph.to_networkx())


def add_closures(rows: list[dict], table: pd.DataFrame, parts: Mapping[Part, Sequence[Item]], resamples: int) -> None:
    """Add `closure_measures` to those of the rows whose questions ask everything.

    Args:
        rows: `scoring.rows.metrics_rows` of the table.
        table: the margins table of a suite.
        parts: task and split -> its items.
    """
    distances = {}
    for (task, split), items in parts.items():
        # A premise that is told twice is two graphs; one whose questions are too many for an item of a file is one.
        graphs = next(filter(asks_everything, (items, _by_graph(items))), None)
        if graphs is not None:
            rows_of_part = table[(table["task"] == task) & (table["split"] == split)]
            distances[task, split] = closure_distances(rows_of_part, graphs)
    for row in rows:
        of_row = [part for part in parts if part[0] == row["task"] and row["split"] in (part[1], POOLED)]
        if of_row and all(part in distances for part in of_row):
            row |= closure_measures(pd.concat([distances[part] for part in of_row]), resamples)


def _by_graph(items: Sequence[Item]) -> list[Item]:
    """One item a premise: a file's long ones are several (causal_tasks.files.MOST_QUESTIONS)."""
    found: dict[str, Item] = {}
    for item in items:
        earlier = found.get(item.premise)
        found[item.premise] = replace(earlier, questions=earlier.questions + item.questions) if earlier else item
    return list(found.values())


def closure_measures(distances: pd.DataFrame, resamples: int = 1000) -> dict:
    """Means over graphs of `closure_distances`, as a JSON-able dict.

    `<measure>_interval` is a 95 % bootstrap interval over blocks of graphs (scoring/blocks.py; left out if `resamples` is 0).
    The means of ancestor_adjustment_distance, the run's and that of always No, are over the graphs whose predicted relation
    is acyclic and whose causes are all told; None if there are none.
    """
    values = distances.drop(columns=["graph", "block", "nodes"]).astype(float)
    values[f"{ANCESTORS}_always_no"] = values[f"{ANCESTORS}_always_no"].where(values[ANCESTORS].notna())
    row = {name: None if np.isnan(mean) else float(mean) for name, mean in values.mean().items()}
    if resamples:
        codes, names = pd.factorize(distances["block"])
        assert (codes >= 0).all(), "a graph without a block"
        means = _weighted_means(values.loc[:, ~values.columns.str.endswith("always_no")])
        intervals = clustered_bootstrap(lambda weights: means(weights[:, codes]), len(names), resamples)
        # All but the count of pairs are shares.
        most = dict.fromkeys(intervals, 1.0) | {"shd": float("inf")}
        row |= {
            f"{name}_interval": bounds and [max(0.0, bounds[0]), min(most[name], bounds[1])]
            for name, bounds in intervals.items()
        }
    return row


def closure_distances(margins: pd.DataFrame, items: Sequence[Item]) -> pd.DataFrame:
    """One row a graph: graph, block, nodes, and the distances of the predicted from the true relation.

    shd: pairs of nodes related differently in the two closures; shd_share: over all pairs, in [0, 1].
    exact: whether the relations are equal. cyclic: whether the predicted one has a cycle.
    ancestor_adjustment_distance: in [0, 1], Henckel et al. 2024 (arXiv:2402.08616); NaN where cyclic, and where the
        premise tells of hidden causes: it asks for adjustment sets in a graph without any.
    shd_share_always_no, ancestor_adjustment_distance_always_no: the same for a model that denies everything.

    Args:
        margins: the rows of one split of a margins table. The verdict is Yes iff margin >= 0.
        items: transitivity items that ask every ordered pair of their graph once.
    Raises:
        ValueError: naming the item, if its pairs are not all asked once, or a margin is missing.
    """
    found = dict(zip(margins["id"], margins["margin"], strict=True))
    # By question: items of a file may share a premise, and the "graph" of all their rows is the first of them.
    block_of = dict(zip(margins["id"], blocks(margins), strict=True))
    return pd.DataFrame([{"block": block_of.get(item.questions[0].id)} | _distances(item, found) for item in items])


def _distances(item: Item, margins: dict[str, float]) -> dict:
    missing = [question.id for question in item.questions if question.id not in margins]
    if missing:
        raise ValueError(f"{item.id}: no margin for {missing[0]}")
    index = {name: node for node, name in enumerate(item.graph.nodes)}
    size = len(index)
    adjacency = np.zeros((size, size), dtype=bool)
    for cause, effect in item.graph.edges:
        adjacency[index[cause], index[effect]] = True
    source, target = ([index[getattr(q.question, end)] for q in item.questions] for end in ("source", "target"))
    verdicts = np.array([margins[question.id] >= 0 for question in item.questions])
    try:
        predicted = predicted_relation(np.array(source), np.array(target), verdicts, size)
    except ValueError as error:
        raise ValueError(f"{item.id}: {error}") from error
    nothing = _compare(np.zeros_like(adjacency), adjacency)
    constant = {f"{name}_always_no": nothing[name] for name in ("shd_share", ANCESTORS)}
    distances = {**_compare(predicted, adjacency), **constant}
    if item.graph.hidden:
        distances |= {ANCESTORS: np.nan, f"{ANCESTORS}_always_no": np.nan}
    return {"graph": item.id, "nodes": size, **distances}


def _compare(predicted: Relation, adjacency: Relation) -> dict[str, float | bool]:
    pairs = len(adjacency) * (len(adjacency) - 1) // 2
    shd = closure_shd(predicted, transitive_closure(adjacency))
    distance = ancestor_adjustment_distance(predicted, adjacency)
    return {
        "shd": shd,
        "shd_share": shd / pairs,
        "exact": shd == 0,
        "cyclic": distance is None,
        ANCESTORS: np.nan if distance is None else distance,
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
