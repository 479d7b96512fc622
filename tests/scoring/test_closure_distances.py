from itertools import combinations, permutations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.closure import (
    ancestor_adjustment_distance,
    closure_shd,
    predicted_relation,
    transitive_closure,
)

CHAIN = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)


@st.composite
def dags(draw, size=None):
    size = size or draw(st.integers(2, 6))
    order = draw(st.permutations(range(size)))
    adjacency = np.zeros((size, size), dtype=bool)
    for i, j in combinations(order, 2):
        adjacency[i, j] = draw(st.booleans())
    return adjacency


def test_closure_shd_by_hand():
    closure = transitive_closure(CHAIN)
    assert closure.tolist() == [[False, True, True], [False, False, True], [False] * 3]
    assert closure_shd(closure, closure) == 0
    assert closure_shd(CHAIN, closure) == 1  # 0 -> 2 is missing
    assert closure_shd(closure.T, closure) == 3  # every relation turned round counts one
    assert closure_shd(np.zeros((3, 3)), closure) == 3
    assert closure_shd(~np.eye(3, dtype=bool), closure) == 3  # cyclic predictions are counted, not refused


@given(st.data())
@settings(deadline=None)
def test_closure_shd_counts_pairs_and_is_symmetric(data):
    first = data.draw(dags())
    second = data.draw(dags(size=len(first)))
    slow = sum(
        (first[i, j], first[j, i]) != (second[i, j], second[j, i]) for i, j in combinations(range(len(first)), 2)
    )
    assert closure_shd(first, second) == closure_shd(second, first) == slow


@given(dags())
@settings(deadline=None)
def test_the_true_reachability_identifies_every_effect(adjacency):
    assert ancestor_adjustment_distance(transitive_closure(adjacency), adjacency) == 0


def slow_ancestor_distance(predicted, adjacency):
    """Share of ordered pairs that the predicted ancestors fail to identify, by the adjustment criterion."""
    true, size = nx.from_numpy_array(adjacency.astype(int), create_using=nx.DiGraph), len(adjacency)
    guess = nx.from_numpy_array(predicted.astype(int), create_using=nx.DiGraph)
    wrong = 0
    for t, y in permutations(range(size), 2):
        if y not in nx.descendants(guess, t):
            # the guess says: no effect
            wrong += y in nx.descendants(true, t)
            continue
        adjust = nx.ancestors(guess, t)
        causal = {v for v in nx.descendants(true, t) if v == y or y in nx.descendants(true, v)}
        forbidden = set().union(*(nx.descendants(true, v) | {v} for v in causal)) if causal else set()
        backdoor = true.copy()
        backdoor.remove_edges_from([(t, v) for v in causal if true.has_edge(t, v)])
        valid = y not in adjust and not adjust & forbidden and nx.is_d_separator(backdoor, {t}, {y}, adjust)
        wrong += not valid
    return wrong / (size * (size - 1))


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_ancestor_distance_equals_the_adjustment_criterion(data):
    adjacency = data.draw(dags())
    predicted = transitive_closure(data.draw(dags(size=len(adjacency))))
    expected = slow_ancestor_distance(predicted, adjacency)
    assert ancestor_adjustment_distance(predicted, adjacency) == pytest.approx(expected)


def test_a_cyclic_prediction_has_no_ancestor_distance():
    assert ancestor_adjustment_distance(CHAIN | CHAIN.T, CHAIN) is None


def test_the_relation_from_the_answers():
    pairs = np.array(list(permutations(range(3), 2)))
    verdicts = transitive_closure(CHAIN)[pairs[:, 0], pairs[:, 1]]
    assert (predicted_relation(pairs[:, 0], pairs[:, 1], verdicts, 3) == transitive_closure(CHAIN)).all()
    with pytest.raises(ValueError, match="all 6 ordered pairs of 3 nodes .* got 5 questions on 5"):
        predicted_relation(pairs[1:, 0], pairs[1:, 1], verdicts[1:], 3)


def test_refusals():
    with pytest.raises(ValueError, match="true graph must be acyclic"):
        ancestor_adjustment_distance(CHAIN, CHAIN | CHAIN.T)
    with pytest.raises(ValueError, match="square and of one size"):
        closure_shd(CHAIN, np.zeros((2, 2)))
