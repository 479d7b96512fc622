"""Random batches of answers and texts, shared by the loss tests."""

import pytest
import torch

from losses import Answers, FormattedText


def random_answers(seed=0, graphs=3, questions=4, nodes=5, dtype=torch.float64):
    """Answers with some padding questions and one unlabelled graph, from random logits over 7 tokens."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(graphs, questions, 7, generator=generator, dtype=torch.float64)
    log_p = logits.log_softmax(-1).to(dtype)
    valid = torch.ones(graphs, questions, dtype=torch.bool)
    labelled = torch.ones(graphs, dtype=torch.bool)
    if questions > 1:
        valid[0, -1] = False
    if graphs > 1:
        labelled[1] = False
    source = torch.randint(nodes, (graphs, questions), generator=generator)
    return Answers(
        log_yes=log_p[..., 0].clone().requires_grad_(),
        log_no=log_p[..., 1].clone().requires_grad_(),
        labels=torch.rand(graphs, questions, generator=generator) < 0.5,
        valid=valid,
        source=source,
        target=(source + 1) % nodes,
        given=torch.zeros(graphs, questions, nodes, dtype=torch.bool),
        adjacency=torch.triu(torch.rand(graphs, nodes, nodes, generator=generator) < 0.5, 1),
        nodes=torch.full((graphs,), nodes),
        labelled=labelled,
    )


def random_text(seed=0, graphs=3, tokens=11, dtype=torch.float64):
    """Cross-entropy of eleven tokens of three texts."""
    generator = torch.Generator().manual_seed(seed)
    nats = 3 * torch.rand(tokens, generator=generator, dtype=torch.float64)
    return FormattedText(nats.to(dtype).requires_grad_(), torch.randint(graphs, (tokens,), generator=generator))


@pytest.fixture
def make_answers():
    return random_answers


@pytest.fixture
def answers():
    return random_answers()


@pytest.fixture
def text():
    return random_text()
