from itertools import combinations, permutations, product

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from losses.graph_embedding import embed, katz_resolvent

CLASSES = {2: 2, 3: 6, 4: 31, 5: 302}  # non-isomorphic DAGs (OEIS A003087)


def non_isomorphic_dags(size):
    """One [size, size] adjacency of each isomorphism class, found by networkx."""
    pairs = list(combinations(range(size), 2))
    found = {}
    for bits in product((0, 1), repeat=len(pairs)):
        graph = nx.DiGraph(pair for pair, bit in zip(pairs, bits, strict=True) if bit)
        graph.add_nodes_from(range(size))
        degrees = tuple(sorted((graph.in_degree(node), graph.out_degree(node)) for node in graph))
        alike = found.setdefault(degrees, [])
        if not any(nx.is_isomorphic(graph, other) for other in alike):
            alike.append(graph)
    graphs = [graph for alike in found.values() for graph in alike]
    return torch.tensor(np.stack([nx.to_numpy_array(graph, nodelist=range(size)) for graph in graphs]))


@st.composite
def weighted_graphs(draw):
    size = draw(st.integers(2, 6))
    values = draw(st.lists(st.floats(0, 1), min_size=size**2, max_size=size**2))
    weights = torch.tensor(values, dtype=torch.float64).view(size, size).fill_diagonal_(0)
    return weights, draw(st.permutations(range(size)))


@given(weighted_graphs())
@settings(deadline=None)
def test_renaming_the_nodes_changes_nothing(case):
    weights, order = case
    size = torch.tensor(len(order))
    renamed = weights[order][:, order]
    torch.testing.assert_close(embed(weights, size), embed(renamed, size), atol=1e-9, rtol=0)


@given(weighted_graphs(), st.integers(1, 3))
@settings(deadline=None)
def test_padding_changes_nothing(case, padding):
    weights, order = case
    padded = torch.nn.functional.pad(weights, (0, padding, 0, padding))
    size = torch.tensor(len(order))
    torch.testing.assert_close(embed(weights, size), embed(padded, size), atol=1e-12, rtol=0)


@given(weighted_graphs())
@settings(deadline=None)
def test_bounded_by_the_number_of_nodes(case):
    weights, order = case
    phi = embed(weights, torch.tensor(len(order)))
    assert phi.isfinite().all() and phi.min() >= -1e-12 and phi.max() <= len(order) + 1e-9


def test_resolvent_of_a_chain_by_hand():
    # 0 -> 1 -> 2 with gamma / n = 0.5 / 3: one path of length one each, one of length two
    weights = torch.tensor([[0.0, 1, 0], [0, 0, 1], [0, 0, 0]])
    g = 0.5 / 3
    expected = torch.tensor([[0, g, g * g], [0, 0, g], [0, 0, 0]])
    torch.testing.assert_close(katz_resolvent(weights, torch.tensor(3), 0.5), expected)


def test_resolvent_equals_the_series_of_powers():
    weights = torch.rand(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).fill_diagonal_(0)
    step, total = weights * 0.5 / 4, torch.zeros(4, 4, dtype=torch.float64)
    power = torch.eye(4, dtype=torch.float64)
    for _ in range(200):
        power = power @ step
        total = total + power
    torch.testing.assert_close(katz_resolvent(weights, torch.tensor(4), 0.5), total)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", range(2, 6))
def test_every_two_non_isomorphic_dags_up_to_five_nodes_are_separated(size, dtype):
    graphs = non_isomorphic_dags(size).to(dtype)
    assert len(graphs) == CLASSES[size]
    nodes = torch.full((len(graphs),), size)
    phi = embed(graphs, nodes).double()
    # separated means: further apart than rounding can put two copies of one graph, with room to spare
    rounding = max(
        (phi - embed(graphs[:, order][:, :, order], nodes)).norm(dim=1).max() for order in permutations(range(size))
    )
    share = (torch.pdist(phi) > 50 * rounding).double().mean()
    assert share == 1.0, f"separated {share:.6f}; nearest {torch.pdist(phi).min():.2e}, rounding {rounding:.2e}"


def test_a_chain_and_its_reversal_are_isomorphic():
    # phi alone cannot see direction here; the other parts of the distance do
    chain = torch.tensor(nx.to_numpy_array(nx.path_graph(4, create_using=nx.DiGraph)))
    torch.testing.assert_close(embed(chain, torch.tensor(4)), embed(chain.T, torch.tensor(4)))


def test_gradient_is_that_of_finite_differences():
    weights = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: embed(w, torch.tensor([3, 3])), weights)


def test_bf16_is_computed_in_float32():
    assert embed(torch.eye(3, dtype=torch.bfloat16).roll(1, 0), torch.tensor(3)).dtype == torch.float32


@pytest.mark.parametrize("gamma", [0.0, 1.0, -0.5])
def test_gamma_outside_its_range_is_refused(gamma):
    with pytest.raises(ValueError, match=r"gamma must be a number in \(0, 1\)"):
        embed(torch.zeros(2, 2), torch.tensor(2), gamma)
