"""How far a predicted causal relation is from the true graph; for reports, not for training.

Pure functions of numpy arrays; "i causes j" is [i, j] = True.
"""

from __future__ import annotations

import gadjid
import networkx as nx
import numpy as np
from numpy.typing import NDArray

Relation = NDArray[np.bool_]


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
