"""The fused vocabulary head against plain logits, and the text targets against what they say."""

import pytest
import torch
from torch import nn

from models import head as head_module
from models.head import log_probabilities, token_logits


def plain(head, hidden, tokens, cap):
    logits = head(hidden)
    logits = logits if cap is None else cap * torch.tanh(logits / cap)
    return logits.log_softmax(-1)[:, tokens]


@pytest.fixture(params=[False, True], ids=["no bias", "bias"])
def head(request):
    torch.manual_seed(0)
    return nn.Linear(16, 1300, bias=request.param).requires_grad_(False)


@pytest.mark.parametrize("cap", [None, 5.0])
@pytest.mark.parametrize("tokens", [[3, 1299, 700], [511, 512], list(range(0, 1300, 7))])
def test_log_probabilities_and_their_gradient_equal_the_plain_head(head, cap, tokens):
    hidden = (8 * torch.randn(9, 16)).requires_grad_()
    tokens = torch.tensor(tokens)
    found = [function(head, hidden, tokens, cap) for function in (log_probabilities, plain)]
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)
    weights = torch.randn(found[0].shape)
    gradients = [torch.autograd.grad((weights * value).sum(), hidden)[0] for value in found]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences():
    torch.manual_seed(0)
    head = nn.Linear(5, 600).double().requires_grad_(False)
    hidden = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    left_out = torch.tensor([4, 599])
    function = head_module._LogSumExp.apply
    assert torch.autograd.gradcheck(lambda h: function(h, head.weight, head.bias, left_out, 4.0), hidden)


def test_in_bf16_the_asked_tokens_are_exact_and_probabilities_stay_below_one():
    torch.manual_seed(0)
    head = nn.Linear(64, 3000, bias=False).to(torch.bfloat16).requires_grad_(False)
    hidden = (30 * head.weight[:50]).detach()  # each position is sure of its own word
    own = log_probabilities(head, hidden, torch.arange(50)).diagonal()
    exact = (hidden.double() @ head.weight.double().T).log_softmax(-1)[:, :50].diagonal()
    assert (own <= 0).all()
    torch.testing.assert_close(own.double(), exact, rtol=0.05, atol=1e-3)
    assert token_logits(head, hidden, torch.tensor([1, 2])).dtype == torch.float32


def test_the_slices_bounds_are_read_at_once(head, monkeypatch):
    """A GPU is waited for where its numbers are read: once, not once a slice."""
    read = []
    tolist = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda tensor: read.append(tensor) or tolist(tensor))
    monkeypatch.setattr(head_module, "_words_at_once", lambda positions, device: 100)
    hidden, tokens = torch.randn(9, 16), torch.tensor([0, 99, 100, 1299])
    found = log_probabilities(head, hidden, tokens)
    assert len(read) == 1
    torch.testing.assert_close(found, plain(head, hidden, tokens, None), rtol=1e-5, atol=1e-5)


def test_a_gpus_slices_are_larger():
    on = {name: head_module._words_at_once(2048, torch.device(name)) for name in ("cpu", "cuda")}
    assert on == {"cpu": 1024, "cuda": 65536}


def test_logits_are_never_held(monkeypatch):
    """Not even for a whole text: the widest product of the head has as many words as the buffer allows."""
    widest = []
    matmul = torch.Tensor.__matmul__

    def watched(a, b):
        widest.append((a.shape[0] * b.shape[-1]) if a.dim() == 2 else 0)
        return matmul(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", watched)
    head = nn.Linear(8, 20_000, bias=False).requires_grad_(False)
    hidden = torch.randn(2048, 8, requires_grad=True)
    log_probabilities(head, hidden, torch.tensor([0, 1])).sum().backward()
    assert max(widest) <= 2**21 < 2048 * 20_000
