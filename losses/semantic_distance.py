"""The semantic distance between the reachability a model believes in and the true one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from losses.answers import Answers, FormattedText
from losses.baselines import margin_cross_entropy
from losses.cross_entropy import CrossEntropy
from losses.graph_embedding import embed
from losses.loss import Loss, masked_mean, measured
from schedulers.schedule import require_number

if TYPE_CHECKING:
    from causal_tasks.items import Item

PARTS = ("node", "direction", "transitivity", "embedding")
OF_LABELS = ("node", "embedding")  # the parts that read labels
# Learned weights stay within exp(-3) to exp(3) times the fixed ones: a part that reaches exactly 0, as
# direction and transitivity can, would otherwise drive its own weight to infinity.
LOG_VARIANCE_LIMIT = 3.0


def reachability(answers: Answers) -> tuple[Tensor, Tensor, Tensor]:
    """Soft reachability Q, true reachability R and which pairs were asked, each [G, N, N].

    Q_ij = p(Yes) over {Yes, No} for "does i cause j?", R_ij its label; both are 0 where ``asked`` is
    False, so that pairs nobody asked about add nothing to any part of the distance. Of a pair asked more than once, means.
    """
    graph, question = answers.valid.nonzero(as_tuple=True)
    where = (graph, answers.source[graph, question], answers.target[graph, question])
    empty = answers.margin.new_zeros(answers.adjacency.shape)
    said, labels = torch.sigmoid(answers.margin[graph, question]), answers.labels[graph, question].to(empty.dtype)
    times, believed, true = (empty.index_put(where, v, accumulate=True) for v in (torch.ones_like(said), said, labels))
    return believed / times.clamp(min=1), true / times.clamp(min=1), times > 0


def direction_loss(believed: Tensor, asked: Tensor) -> Tensor:
    """Mean of Q_ij Q_ji over the pairs asked in both directions: nothing is its own effect's effect."""
    both = (asked & asked.mT).triu(1)
    return masked_mean(believed * believed.mT, both)


def transitivity_loss(believed: Tensor, asked: Tensor) -> Tensor:
    """Mean of relu(Q_ij + Q_jk - 1 - Q_ik) over the triples of which all three pairs were asked.

    The Lukasiewicz relaxation of "i causes j and j causes k implies i causes k".
    """
    ij, jk, ik = believed[..., :, :, None], believed[..., None, :, :], believed[..., :, None, :]
    known = asked[..., :, :, None] & asked[..., None, :, :] & asked[..., :, None, :]
    return masked_mean(torch.relu(ij + jk - 1 - ik), known)


def embedding_loss(believed: Tensor, true: Tensor, answers: Answers, gamma: float) -> Tensor:
    """Mean of ||phi(Q) - phi(R)||^2 over labelled graphs; phi sees the asked pairs only."""
    difference = embed(believed, answers.nodes, gamma) - embed(true, answers.nodes, gamma)
    return masked_mean(difference.square().sum(-1), answers.labelled)


def semantic_distance(answers: Answers, gamma: float) -> dict[str, Tensor]:
    """The four parts of d(Q, R), scalars >= 0.

    node: binary cross-entropy of Q against R, from the margin. direction, transitivity: as above; they
    read no labels, so they also cover graphs with ``labelled=False``. embedding: as above.
    All are 0 iff Q = R on the asked pairs, provided R is the reachability of an acyclic graph.
    """
    believed, true, asked = reachability(answers)
    return {
        "node": margin_cross_entropy(answers),
        "direction": direction_loss(believed, asked),
        "transitivity": transitivity_loss(believed, asked),
        "embedding": embedding_loss(believed, true, answers, gamma),
    }


class SemanticDistance(Loss):
    """L = L_base + lambda(t) * d(Q, R), d = sum over the four parts of w * part.

    weights: {node, direction, transitivity, embedding}, each >= 0 and not all 0.
    learned: learn the weights by homoscedastic uncertainty (Kendall et al. 2018, arXiv:1705.07115):
        d = sum of w exp(-s) * part + s / 2, with one log-variance s for each part with w > 0, starting
        at 0, that is from the fixed weights, and held within +-LOG_VARIANCE_LIMIT. The s are in
        ``parameters()``. d may then be negative.
    learning_rate_factor: how much faster than the model the weights learn (Adam moves every parameter
        by about its learning rate a step, which for a fine-tuned model would leave s where it is).
    gamma: discount of paths in phi, in (0, 1).
    base, class_weights: the cross-entropy beside it, as in ``CrossEntropy``.

    Logged: the four parts, "semantic" = their sum with the fixed weights, and with ``learned`` the
    weight of each part.
    """

    name = "semantic_distance"
    task = "transitivity"

    def __init__(
        self,
        weights: Mapping[str, float],
        learned: bool = False,
        learning_rate_factor: float = 100.0,
        gamma: float = 0.5,
        base: str = "answer",
        class_weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        if set(weights) != set(PARTS):
            raise ValueError(f"loss.weights must have exactly the keys {', '.join(PARTS)}, got {sorted(weights)}")
        self.weights = {part: require_number(f"loss.weights.{part}", weights[part]) for part in PARTS}
        if not any(self.weights.values()):
            raise ValueError("loss.weights must have at least one weight above 0")
        self.gamma = require_number("loss.gamma", gamma, 0, 1, open_low=True, open_high=True)
        self.learning_rate_factor = require_number("loss.learning_rate_factor", learning_rate_factor, open_low=True)
        self.base = CrossEntropy(base, class_weights)
        self.text = self.base.text
        self.active = [part for part in PARTS if self.weights[part] > 0]
        self.raw_log_variance = nn.Parameter(torch.zeros(len(self.active))) if learned else None
        learned_weights = (f"weight_{part}" for part in self.active) if learned else ()
        self.parts = (*self.base.parts, "semantic", *PARTS, *learned_weights)

    @property
    def log_variance(self) -> Tensor | None:
        """The s of each active part, [number of parts], or None if the weights are fixed."""
        if self.raw_log_variance is None:
            return None
        return LOG_VARIANCE_LIMIT * torch.tanh(self.raw_log_variance * self.learning_rate_factor / LOG_VARIANCE_LIMIT)

    def questions_needed(self, task: str, generated: bool = False) -> int:
        return 2

    def prepare(self, items: Sequence[Item], labelled: Sequence[bool] | None = None) -> None:
        """Also refuses items on which a part with a weight above 0 could never do anything."""
        super().prepare(items, labelled)
        asked = [{(q.question.source, q.question.target) for q in item.questions if q.question} for item in items]
        if self.weights["direction"] and not any((j, i) in pairs for pairs in asked for i, j in pairs):
            raise ValueError(
                f"loss={self.name}: no training item asks a pair of nodes in both directions; "
                "raise task.questions_per_graph or set loss.weights.direction=0"
            )
        if self.weights["transitivity"] and not any(_has_triple(pairs) for pairs in asked):
            raise ValueError(
                f"loss={self.name}: no training item asks i->j, j->k and i->k of three nodes; "
                "raise task.questions_per_graph or set loss.weights.transitivity=0"
            )

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        result = self.base(answers, text, weight)
        parts = semantic_distance(answers, self.gamma)
        weighted = torch.stack([self.weights[part] * parts[part] for part in self.active])
        distance = weighted.sum()
        log_variance = self.log_variance
        of_labels = {part: parts[part] for part in OF_LABELS}
        others = {part: parts[part] for part in PARTS if part not in OF_LABELS}
        # A sum is measured only where all that it adds up is.
        (of_labels if {*OF_LABELS} & {*self.active} else others)["semantic"] = distance
        logged = {name: value.detach() for name, value in others.items()} | measured(answers, **of_labels)
        if log_variance is not None:
            distance = (weighted * torch.exp(-log_variance) + log_variance / 2).sum()
            for part, s in zip(self.active, log_variance.detach(), strict=True):
                logged[f"weight_{part}"] = self.weights[part] * torch.exp(-s)
        return {"total": result.pop("total") + weight * distance, **result, **logged}


def _has_triple(pairs: set[tuple[str, str]]) -> bool:
    effects: dict[str, set[str]] = {}
    for i, j in pairs:
        effects.setdefault(i, set()).add(j)
    return any(effects[i] & effects.get(j, set()) for i, j in pairs)
