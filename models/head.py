"""The vocabulary head, read without ever holding its logits.

With 262,144 words the logits of a batch are larger than everything else in a training step. Losses need of them only
the logarithm of their sum of exponentials and a few tokens' own logits; both come from here.
"""

import torch
from torch import Tensor, nn

_FEWEST_WORDS = 512


def log_probabilities(head: nn.Module, hidden: Tensor, tokens: Tensor, cap: float | None = None) -> Tensor:
    """float32 [N, U], log p of each of the ``tokens`` [U] (distinct) at each of N positions; full-vocabulary softmax.

    head: the output embedding, its weight [V, H] frozen. hidden: [N, H]. cap: soft cap of the logits, if any.
    The logits of ``tokens`` are computed in float32 whatever the head's precision: a bf16 logit near 20 is a multiple of
    1/8, and a log-probability would be off by that much. The others only enter the sum.
    """
    exact = token_logits(head, hidden, tokens, cap)
    others = _LogSumExp.apply(hidden, head.weight, getattr(head, "bias", None), tokens, cap)
    return exact - torch.logaddexp(exact.logsumexp(-1), others)[:, None]


def token_logits(head: nn.Module, hidden: Tensor, tokens: Tensor, cap: float | None = None) -> Tensor:
    """float32 [N, U], the logits of ``tokens`` [U] at each of N positions [N, H]."""
    logits = hidden.float() @ head.weight[tokens].float().T
    if getattr(head, "bias", None) is not None:
        logits = logits + head.bias[tokens].float()
    return logits if cap is None else cap * torch.tanh(logits / cap)


def _words_at_once(positions: int, device: torch.device) -> int:
    """Words in a slice of the vocabulary: few enough that a CPU's caches hold their logits, or half a gigabyte of a GPU."""
    numbers, most = (2**21, 2**14) if device.type == "cpu" else (2**27, 2**27)
    return max(_FEWEST_WORDS, min(most, numbers // max(positions, 1)))


class _LogSumExp(torch.autograd.Function):
    """float32 [N], log of the sum of exp(logit) over the whole vocabulary but ``left_out``.

    Goes through the vocabulary once, a slice at a time, with a running maximum (as in online softmax, Milakov &
    Gimelshein 2018, arXiv:1805.02867), and takes the gradient with respect to ``hidden`` along: sum of p * weight.
    """

    @staticmethod
    def forward(
        ctx, hidden: Tensor, weight: Tensor, bias: Tensor | None, left_out: Tensor, cap: float | None
    ) -> Tensor:
        positions, width = hidden.shape
        hidden = hidden.to(weight.dtype)
        exact = torch.promote_types(weight.dtype, torch.float32)
        differentiated = ctx.needs_input_grad[0]
        largest = hidden.new_full((positions, 1), -torch.inf, dtype=exact)
        total = hidden.new_zeros((positions, 1), dtype=exact)
        gradient = hidden.new_zeros((positions, width), dtype=exact) if differentiated else None
        words = _words_at_once(positions, hidden.device)
        left_out = left_out.sort().values
        # Which of them each slice holds, of all slices at once: a GPU is waited for once.
        starts = range(0, len(weight), words)
        bounds = torch.searchsorted(left_out, torch.arange(len(starts) + 1, device=left_out.device) * words).tolist()
        for start, low, high in zip(starts, bounds, bounds[1:]):
            rows = weight[start : start + words]
            logits = (hidden @ rows.T).to(exact)
            if bias is not None:
                logits += bias[start : start + words].to(exact)
            slope = None
            if cap is not None:
                logits = torch.tanh(logits / cap)
                slope = 1 - logits.square()
                logits = logits * cap
            logits.index_fill_(1, left_out[low:high] - start, -torch.inf)
            before, largest = largest, torch.maximum(largest, logits.amax(1, keepdim=True))
            rescale = torch.exp(before - largest)
            shares = logits.sub_(largest).exp_()
            total = total * rescale + shares.sum(1, keepdim=True)
            if differentiated:
                if slope is not None:
                    shares = shares * slope
                gradient.mul_(rescale).add_(shares.to(rows.dtype) @ rows)
        if differentiated:
            ctx.save_for_backward(gradient / total)
        return (largest + total.log()).squeeze(1)

    @staticmethod
    def backward(ctx, upstream: Tensor):
        (gradient,) = ctx.saved_tensors
        return upstream[:, None] * gradient, None, None, None, None
