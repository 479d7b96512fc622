"""A vector for a weighted directed graph that does not depend on the order or names of its nodes."""

from __future__ import annotations

import torch
from torch import Tensor

from schedulers.schedule import require_number


def katz_resolvent(weights: Tensor, nodes: Tensor, gamma: float) -> Tensor:
    """(I - g W)^-1 - I = g W + (g W)^2 + ..., with g = gamma / nodes; [..., N, N].

    Entry ij sums the paths from i to j, each edge discounted by g times its weight (Katz 1953).
    weights: [..., N, N] in [0, 1], zero diagonal and zero wherever a padding node is involved.
    nodes: [...] number of real nodes. gamma in (0, 1): since no row of W exceeds nodes - 1, the series
    converges for every such W, cyclic ones included, and no row or column of the result exceeds
    gamma / (1 - gamma).
    """
    identity = torch.eye(weights.shape[-1], dtype=weights.dtype, device=weights.device)
    discount = gamma / nodes.clamp(min=1).to(weights.dtype)[..., None, None]
    return torch.linalg.inv(identity - discount * weights) - identity


def embed(weights: Tensor, nodes: Tensor, gamma: float = 0.5) -> Tensor:
    """phi(W): [..., 28], differentiable in W, equal for isomorphic graphs.

    With K the Katz resolvent, every node gets seven features: 1, its sums of paths out (K 1) and in
    (K' 1), and the same two steps away (K K 1, K K' 1, K' K 1, K' K' 1). phi holds the sums over nodes
    of all products of two features. Renaming the nodes permutes the summands only.
    weights: [..., N, N] in [0, 1], as in ``katz_resolvent``; half precision is raised to float32.
    nodes: [...] number of real nodes; padding changes nothing.
    Each entry is in [0, nodes] at the default gamma.
    Raises ValueError unless 0 < gamma < 1.
    """
    require_number("gamma", gamma, 0, 1, open_low=True, open_high=True)
    weights = weights.to(torch.promote_types(weights.dtype, torch.float32))
    paths = katz_resolvent(weights, nodes, gamma)
    real = torch.arange(weights.shape[-1], device=weights.device) < nodes[..., None]
    one = real.to(weights.dtype)[..., None]
    out, into = paths @ one, paths.mT @ one
    two_steps = [step @ ends for step in (paths, paths.mT) for ends in (out, into)]
    features = torch.cat([one, out, into, *two_steps], -1)
    products = features.mT @ features
    row, column = torch.triu_indices(*products.shape[-2:], device=weights.device)
    return products[..., row, column]
