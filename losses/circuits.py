"""Weighted model counting: constraints compiled with PySDD, evaluated in log space with torch."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from pysdd.sdd import SddManager, SddNode, Vtree
from torch import Tensor, nn

# The log weight of what cannot be. Finite, so that no gradient is NaN, and far below any sum of
# log-probabilities (each at least ``losses.answers.LOG_OF_ZERO``).
LOG_IMPOSSIBLE = -1e9
FALSE, TRUE, FIRST_LITERAL = 0, 1, 2


class Circuit(nn.Module):
    """The worlds of a constraint as a sentential decision diagram (Darwiche 2011), level by level.

    Evaluates log sum over the worlds x that satisfy the constraint of the weight of x, for any batch
    of literal weights, with one gather and one logsumexp a level.

    variables: number of variables. clauses: a conjunction of disjunctions; +v is variable v (from 1),
    -v its negation.
    Raises ValueError for a clause that is empty or names no variable, and for a constraint that no
    world satisfies.
    """

    def __init__(self, variables: int, clauses: Iterable[tuple[int, ...]]) -> None:
        super().__init__()
        root = _compile(variables, list(clauses))
        self.worlds = int(root.global_model_count())  # number of worlds that satisfy the constraint
        levels, self.root = _flatten(root, variables)
        self.depth = len(levels)
        for level, (primes, subs) in enumerate(levels):
            # [nodes of the level, most elements], FALSE where a node has fewer
            self.register_buffer(f"primes_{level}", primes, persistent=False)
            self.register_buffer(f"subs_{level}", subs, persistent=False)

    def forward(self, log_true: Tensor, log_false: Tensor) -> Tensor:
        """log_true, log_false: [..., variables] log weights of the literals, finite. Returns [...]."""
        # The diagram leaves out variables that do not matter; with weights that sum to 1 they
        # contribute a factor of 1, so the weights are normalised here and their sums put back.
        total = torch.logaddexp(log_true, log_false)
        constants = log_true.new_tensor([LOG_IMPOSSIBLE, 0.0]).expand(*log_true.shape[:-1], 2)
        values = torch.cat([constants, log_true - total, log_false - total], -1)
        for level in range(self.depth):
            primes, subs = getattr(self, f"primes_{level}"), getattr(self, f"subs_{level}")
            values = torch.cat([values, (values[..., primes] + values[..., subs]).logsumexp(-1)], -1)
        return values[..., self.root] + total.sum(-1)


def _compile(variables: int, clauses: list[tuple[int, ...]]) -> SddNode:
    manager = SddManager.from_vtree(Vtree(var_count=variables, vtree_type="right"))
    root = manager.true()
    for clause in clauses:
        if not clause or not all(1 <= abs(literal) <= variables for literal in clause):
            raise ValueError(f"constraint cannot be compiled: clause {clause} must name variables 1 to {variables}")
        disjunction = manager.false()
        for literal in clause:
            disjunction |= manager.literal(literal)
        root &= disjunction
    if root.is_false():
        raise ValueError(f"constraint cannot be compiled: no world satisfies its {len(clauses)} clauses")
    root.ref()
    manager.minimize()  # a smaller diagram is a faster one
    return root


def _flatten(root: SddNode, variables: int) -> tuple[list[tuple[Tensor, Tensor]], int]:
    """Levels of (primes, subs), each [nodes, most elements] indices into the growing table of values
    (false, true, positive literals, negative literals, then the nodes level by level), and the root's.
    """
    heights: dict[int, int] = {}
    by_height: dict[int, list[SddNode]] = {}

    def height(node: SddNode) -> int:
        if not node.is_decision():
            return 0
        if node.id not in heights:
            heights[node.id] = 1 + max(height(child) for element in node.elements() for child in element)
            by_height.setdefault(heights[node.id], []).append(node)
        return heights[node.id]

    positions: dict[int, int] = {}

    def position(node: SddNode) -> int:
        if node.is_false():
            return FALSE
        if node.is_true():
            return TRUE
        if node.is_literal():
            return FIRST_LITERAL - 1 + (node.literal if node.literal > 0 else variables - node.literal)
        return positions[node.id]

    height(root)
    levels, size = [], FIRST_LITERAL + 2 * variables
    for _, nodes in sorted(by_height.items()):
        elements = [[(position(prime), position(sub)) for prime, sub in node.elements()] for node in nodes]
        width = max(map(len, elements))
        table = torch.tensor([row + [(FALSE, FALSE)] * (width - len(row)) for row in elements])
        levels.append((table[..., 0], table[..., 1]))
        positions.update((node.id, size + offset) for offset, node in enumerate(nodes))
        size += len(nodes)
    return levels, position(root)
