"""What a loss is given: the answers to K questions on each of G graphs, and the texts they stand in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

# Stands for the log of a probability of exactly 0, so that every loss stays finite when a logit is -inf.
LOG_OF_ZERO = -1e4


@dataclass
class Answers:
    """Answers to K questions on each of G graphs with at most N nodes (shorter ones are padded).

    log_yes, log_no: [G, K] log p(answer token | prompt) in (-inf, 0], full-vocabulary softmax, nats.
        Half precision is raised to float32 and -inf to ``LOG_OF_ZERO``, so that losses and their
        gradients stay finite.
    labels: [G, K] bool, True = Yes.
    valid: [G, K] bool, False = padding question.
    source, target: [G, K] long, node indices of the question (0 where padding).
    given: [G, K, N] bool, conditioning set of the question.
    adjacency: [G, N, N] bool, the stated edges, [g, i, j] = "i causes j".
    nodes: [G] long, number of real nodes (the rest of N is padding).
    labelled: [G] bool, False = a graph whose labels may not be used.
    entailed: [G, K] bool, the answers that the oracle of the semantic term gives; the labels if left out (audit A2).

    Raises ValueError if a tensor's shape does not fit the others.
    """

    log_yes: Tensor
    log_no: Tensor
    labels: Tensor
    valid: Tensor
    source: Tensor
    target: Tensor
    given: Tensor
    adjacency: Tensor
    nodes: Tensor
    labelled: Tensor
    entailed: Tensor | None = None

    def __post_init__(self) -> None:
        if self.log_yes.dim() != 2 or self.given.dim() != 3:
            raise ValueError(
                f"Answers: log_yes must be [G, K] and given [G, K, N], got {list(self.log_yes.shape)} "
                f"and {list(self.given.shape)}"
            )
        if self.entailed is None:
            self.entailed = self.labels
        graphs, questions = self.log_yes.shape
        nodes = self.given.shape[2]
        shapes = dict.fromkeys(
            ("log_yes", "log_no", "labels", "valid", "source", "target", "entailed"), (graphs, questions)
        )
        shapes |= dict.fromkeys(("nodes", "labelled"), (graphs,))
        shapes |= {"given": (graphs, questions, nodes), "adjacency": (graphs, nodes, nodes)}
        for name, shape in shapes.items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f"Answers.{name}: shape must be {list(shape)}, got {list(found)}")
        self.log_yes = _finite(self.log_yes)
        self.log_no = _finite(self.log_no)

    @property
    def margin(self) -> Tensor:
        """[G, K] log p(Yes) - log p(No); the verdict is Yes iff it is >= 0."""
        return self.log_yes - self.log_no

    @property
    def log_p(self) -> tuple[Tensor, Tensor]:
        """Two [G, K] tensors: log p(Yes) and log p(No), normalised over {Yes, No}."""
        return logsigmoid(self.margin), logsigmoid(-self.margin)

    @property
    def log_label(self) -> Tensor:
        """[G, K] log p(the labelled answer), full-vocabulary softmax."""
        return torch.where(self.labels, self.log_yes, self.log_no)

    @property
    def log_entailed(self) -> Tensor:
        """[G, K] log p(the answer that the graph entails), full-vocabulary softmax."""
        return torch.where(self.entailed, self.log_yes, self.log_no)

    @property
    def supervised(self) -> Tensor:
        """[G, K] bool: real questions whose label may be used."""
        return self.valid & self.labelled[:, None]


@dataclass
class FormattedText:
    """Cross-entropy of tokens of the texts that the answers stand in; only given to losses that name a ``text``.

    nats: [N] -log p(token) of the tokens that the loss's ``text`` covers.
    graph: [N] long, the graph whose text each stands in.
    """

    nats: Tensor
    graph: Tensor

    def __post_init__(self) -> None:
        if self.nats.dim() != 1 or self.nats.shape != self.graph.shape:
            raise ValueError(
                f"FormattedText: nats and graph must both be [N], got {list(self.nats.shape)} and {list(self.graph.shape)}"
            )


def _finite(log_probability: Tensor) -> Tensor:
    if log_probability.dtype in (torch.bfloat16, torch.float16):
        log_probability = log_probability.float()
    return log_probability.masked_fill(torch.isneginf(log_probability), LOG_OF_ZERO)
