"""Graphs with answers of given probability, and the exact semantic loss counted world by world."""

from itertools import product
from types import SimpleNamespace

import torch

from causal_tasks.families import constraint_queries
from losses import Answers, ExactSemantic


def brute_force(log_true, log_false, clauses):
    """log of the sum over satisfying worlds of the product of weights, one world at a time."""
    terms = []
    for world in product((False, True), repeat=len(log_true)):
        if all(any(world[abs(v) - 1] == (v > 0) for v in clause) for clause in clauses):
            terms.append(sum(log_true[i] if x else log_false[i] for i, x in enumerate(world)))
    return torch.stack(terms).logsumexp(0)


def batch(queries, log_yes, log_no, *, edges=(), nodes=4, labels=None, labelled=True, padding=0):
    """One graph asked ``queries`` (node indices), with ``padding`` further questions."""
    asked, total = len(queries), len(queries) + padding
    given = torch.zeros(1, total, nodes, dtype=torch.bool)
    for k, (_, _, z) in enumerate(queries):
        given[0, k, list(z)] = True
    adjacency = torch.zeros(1, nodes, nodes, dtype=torch.bool)
    for i, j in edges:
        adjacency[0, i, j] = True

    def index(side):
        return torch.tensor([[q[side] for q in queries] + [0] * padding])

    def pad(values):
        return torch.cat([values, values.new_zeros(padding)])[None]

    return Answers(
        log_yes=pad(log_yes),
        log_no=pad(log_no),
        labels=torch.zeros(1, total, dtype=torch.bool)
        if labels is None
        else torch.tensor([labels + [False] * padding]),
        valid=torch.arange(total)[None] < asked,
        source=index(0),
        target=index(1),
        given=given,
        adjacency=adjacency,
        nodes=torch.tensor([nodes]),
        labelled=torch.tensor([labelled]),
    )


def item(task, queries):
    questions = tuple(
        SimpleNamespace(label=True, question=SimpleNamespace(source=s, target=t, given=tuple(z))) for s, t, z in queries
    )
    return SimpleNamespace(task=task, questions=questions)


def prepared(task, size=3, **keys):
    loss = ExactSemantic(group_size=size, **keys)
    loss.prepare([item(task, constraint_queries(task, range(size)))])
    return loss


def random_logs(count, seed, dtype=torch.float64):
    logit = 3 * torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    logit.requires_grad_()
    return logit, torch.nn.functional.logsigmoid(logit), torch.nn.functional.logsigmoid(-logit)


def semantic_part(loss, answers):
    """The semantic part, with its gradient: the total at lambda = 1 less the total at 0."""
    return loss(answers, None, 1.0)["total"] - loss(answers, None, 0.0)["total"]
