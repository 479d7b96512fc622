"""Cross-entropy on the answer, on the whole text, or as the published code computes it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from losses.answers import Answers, Sequence
from losses.loss import Loss, masked_mean, require_choice
from schedulers.schedule import require_number

TARGETS = ("answer", "sequence", "released")


def answer_cross_entropy(answers: Answers) -> Tensor:
    """Mean of -log p(labelled answer | prompt) over the supervised questions; scalar, nats."""
    return masked_mean(-answers.log_label, answers.supervised)


def class_weighted_cross_entropy(answers: Answers, yes: float, no: float) -> Tensor:
    """Answer cross-entropy with each question weighted by the weight of its labelled answer; scalar.

    The weighted sum is divided by the number of questions, not by the sum of their weights, so that a
    rare answer keeps its larger gradient also in a batch that holds nothing else (audit A3: the
    published d-separation runs use yes=7.5, no=1.0).
    """
    weights = torch.where(answers.labels, yes, no)
    return masked_mean(-weights * answers.log_label, answers.supervised)


def sequence_cross_entropy(sequence: Sequence, rows: Tensor) -> Tensor:
    """Next-token cross-entropy over the formatted texts; scalar, nats per token.

    Token t is predicted by the logits at ``sequence.parents[t]``; padding and tokens that nothing
    predicts do not count. rows: [B] bool, the texts that count.
    """
    mask = sequence.valid & (sequence.parents >= 0) & rows[:, None]
    loss = _TokenCrossEntropy.apply(sequence.logits, sequence.tokens, sequence.parents, mask)
    return loss.sum() / mask.sum().clamp(min=1)


def released_cross_entropy(sequence: Sequence, rows: Tensor) -> Tensor:
    """Cross-entropy of the logits at a position with the token at the *same* position, padding included.

    Audit A1: what the published semantic runs minimise. It teaches copying, not prediction, and is
    kept only to explain the published numbers. rows: [B] bool, the texts that count.
    """
    here = torch.arange(sequence.tokens.shape[1], device=sequence.tokens.device).expand_as(sequence.tokens)
    mask = rows[:, None].expand_as(sequence.tokens)
    loss = _TokenCrossEntropy.apply(sequence.logits, sequence.tokens, here, mask)
    return loss.sum() / mask.sum().clamp(min=1)


class CrossEntropy(Loss):
    """Cross-entropy alone; lambda is ignored.

    target: ``answer`` (the answer token only), ``sequence`` (every token of the text, shifted, padding
        masked) or ``released`` (audit A1).
    class_weights: None, or {"yes": w, "no": w}: *adds* an answer cross-entropy with these weights
        (audit A3).
    Texts and questions of graphs with ``labelled=False`` do not count: the text holds the answer.
    Raises ValueError for an unknown target and for weights that are missing or not positive.
    """

    name = "cross_entropy"

    def __init__(self, target: str = "answer", class_weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        require_choice("loss.target", target, TARGETS)
        self.target = target
        self.needs_sequence = target != "answer"
        self.class_weights = None if class_weights is None else read_class_weights(class_weights)

    def forward(self, answers: Answers, sequence: Sequence | None, weight: float) -> dict[str, Tensor]:
        if self.target == "answer":
            total = answer_cross_entropy(answers)
        else:
            if sequence is None:
                raise ValueError(f"cross-entropy on target={self.target} needs the whole text (sequence), got None")
            function = sequence_cross_entropy if self.target == "sequence" else released_cross_entropy
            total = function(sequence, labelled_rows(answers, sequence))
        parts = {"cross_entropy": total.detach()}
        if self.class_weights is not None:
            weighted = class_weighted_cross_entropy(answers, **self.class_weights)
            parts["class_weighted_answer"] = weighted.detach()
            total = total + weighted
        return {"total": total, **parts}


def read_class_weights(class_weights: Mapping[str, float]) -> dict[str, float]:
    """{"yes": w, "no": w} as floats; ValueError unless exactly these two are given and both are > 0."""
    if set(class_weights) != {"yes", "no"}:
        raise ValueError(f"loss.class_weights must have exactly the keys yes and no, got {sorted(class_weights)}")
    return {
        key: require_number(f"loss.class_weights.{key}", class_weights[key], open_low=True) for key in ("yes", "no")
    }


def labelled_rows(answers: Answers, sequence: Sequence) -> Tensor:
    """[B] bool: the texts of labelled graphs. ValueError if B is not a multiple of G."""
    graphs, rows = len(answers.labelled), len(sequence.tokens)
    if rows % graphs:
        raise ValueError(f"sequence has {rows} texts for {graphs} graphs; it must be one text, or K, for each graph")
    return answers.labelled.repeat_interleave(rows // graphs)


class _TokenCrossEntropy(torch.autograd.Function):
    """[B, T] cross-entropy of tokens[b, t] under logits[b, parents[b, t]] where mask, else 0.

    Holds no copy of the [B, T, V] logits beside the gradient that it returns: it works one text at a
    time, in float32, on the predicting positions only, and computes their softmax again on the way
    back.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, tokens: Tensor, parents: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(logits, tokens, parents, mask)
        exact = torch.promote_types(logits.dtype, torch.float32)
        loss = torch.zeros(tokens.shape, dtype=exact, device=logits.device)
        for row in range(len(tokens)):
            here = mask[row]
            # several branches may share the position that predicts their first token
            positions, which = parents[row][here].unique(return_inverse=True)
            predicting = logits[row, positions].to(exact)
            loss[row, here] = predicting.logsumexp(-1)[which] - predicting[which, tokens[row][here]]
        return loss

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        logits, tokens, parents, mask = ctx.saved_tensors
        result = torch.zeros_like(logits)
        for row in range(len(tokens)):
            here = mask[row]
            positions, which = parents[row][here].unique(return_inverse=True)
            upstream = gradient[row][here]
            share = torch.zeros(len(positions), dtype=upstream.dtype, device=upstream.device)
            share.index_add_(0, which, upstream)
            back = logits[row, positions].to(upstream.dtype).softmax(-1).mul_(share[:, None])
            back.index_put_((which, tokens[row][here]), -upstream, accumulate=True)
            result[row, positions] = back.to(result.dtype)
        return result, None, None, None
