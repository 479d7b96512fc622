"""The exact semantic loss: -log of the probability that the answers satisfy a constraint."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Rows
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from causal_tasks.families import questions_in_family
from losses.answers import LOG_OF_ZERO, Answers, Sequence
from losses.circuits import Circuit
from losses.constraints import Group, axioms, find_groups
from losses.cross_entropy import CrossEntropy
from losses.loss import Loss, masked_mean, require_choice

if TYPE_CHECKING:
    from causal_tasks.items import Item

KNOWLEDGE = ("axioms", "axioms_and_facts", "entailed")


def entailed_loss(answers: Answers) -> Tensor:
    """Closed world: one world per graph, so L_s factorises into -log p(label) over {Yes, No}; its mean
    over the supervised questions. Differs from answer cross-entropy (audit A2) only in that p is
    normalised over the two answers instead of the vocabulary.
    """
    yes, no = answers.log_p
    return masked_mean(-torch.where(answers.labels, yes, no), answers.supervised)


def group_losses(log_yes: Tensor, log_no: Tensor, groups: Rows[Rows[Group]], circuit: Circuit) -> Tensor:
    """-log p(constraint) of each group, shape [number of groups] (families first), nats, >= 0.

    Xu et al. 2018 (arXiv:1711.11157), definition 1: -log sum over the worlds x that satisfy alpha of
    prod p_i over x_i true * prod (1 - p_i) over x_i false.
    log_yes, log_no: [G, K] log weights of the answers. groups: for each graph, its groups. A statement
    asked more than once weighs as the product of its answers: the other worlds contradict themselves.
    """
    yes, no = (torch.cat([log.flatten(), log.new_zeros(1)]) for log in (log_yes, log_no))
    families, symmetric = [], []
    for graph, found in enumerate(groups):
        for group in found:
            rows = [[graph * log_yes.shape[1] + k for k in asked] for asked in group.statements]
            (symmetric if group.symmetric else families).append(rows)
    losses = []
    if families:
        index = _padded(families, filler=len(yes) - 1).to(yes.device)
        losses.append(-circuit(yes[index].sum(-1), no[index].sum(-1)))
    if symmetric:
        index = _padded(symmetric, filler=len(yes) - 1).to(yes.device).squeeze(1)
        losses.append(-torch.logaddexp(yes[index].sum(-1), no[index].sum(-1)))
    return torch.cat(losses) if losses else yes[:0]


def add_facts(log_yes: Tensor, log_no: Tensor, answers: Answers, task: str) -> tuple[Tensor, Tensor]:
    """The log weights, [G, K] each, with the worlds that deny a stated edge ruled out.

    transitivity: X causes Y if the premise says so. dseparation: X and Y are not d-separated by
    anything if the premise joins them, in either direction.
    """
    graph = torch.arange(len(answers.nodes), device=log_yes.device)[:, None]
    stated = answers.adjacency[graph, answers.source, answers.target]
    if task == "transitivity":
        return log_yes, log_no.masked_fill(stated, LOG_OF_ZERO)
    joined = stated | answers.adjacency[graph, answers.target, answers.source]
    return log_yes.masked_fill(joined, LOG_OF_ZERO), log_no


class ExactSemantic(Loss):
    """L = L_base + lambda(t) * mean over groups of -log p(the group's answers satisfy the constraint).

    knowledge: what the constraint knows.
        axioms: what holds for every DAG (``losses.constraints``); reads neither labels nor edges.
        axioms_and_facts: also the stated edges; reads no labels.
        entailed: the closed world, that is the labels (``entailed_loss``).
        The first two also cover graphs with ``labelled=False``.
    group_size: nodes that a family of questions ties together, 3 or 4.
    base, class_weights: the cross-entropy beside it, as in ``CrossEntropy``.

    ``prepare`` compiles the constraint for the task of the training items, and raises ValueError if no
    item asks a group of questions that a constraint ties together.
    """

    name = "exact_semantic"

    def __init__(
        self,
        knowledge: str = "axioms",
        group_size: int = 3,
        base: str = "answer",
        class_weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        require_choice("loss.knowledge", knowledge, KNOWLEDGE)
        require_choice("loss.group_size", group_size, (3, 4))
        self.base = CrossEntropy(base, class_weights)
        self.needs_sequence = self.base.needs_sequence
        self.knowledge = knowledge
        self.group_size = group_size
        # two: the same d-separation statement asked in both orders
        self.minimum_questions = 1 if knowledge == "entailed" else 2
        self.circuit: Circuit | None = None

    def questions_needed(self, task: str) -> int:
        return 1 if self.knowledge == "entailed" else questions_in_family(task, self.group_size)

    def prepare(self, items: Rows[Item]) -> None:
        super().prepare(items)
        if self.knowledge == "entailed":
            return
        tasks = {item.task for item in items}
        if len(tasks) > 1:
            raise ValueError(f"loss={self.name} works on one task at a time, got {', '.join(sorted(tasks))}")
        self.task = tasks.pop()
        self.circuit = Circuit(*axioms(self.task, self.group_size))
        if not any(find_groups(self.task, _questions_of(item), self.group_size) for item in items):
            needed = questions_in_family(self.task, self.group_size)
            either = " or one question in both orders" if self.task == "dseparation" else ""
            raise ValueError(
                f"loss={self.name} knowledge={self.knowledge} on {self.task} needs items that ask all {needed} "
                f"questions of {self.group_size} nodes{either} (task.questions=families); none of the "
                f"{len(items)} training items does, with at most {max(len(item.questions) for item in items)} questions"
            )

    def forward(self, answers: Answers, sequence: Sequence | None, weight: float) -> dict[str, Tensor]:
        parts = self.base(answers, sequence, weight)
        if self.knowledge == "entailed":
            semantic = entailed_loss(answers)
        else:
            semantic, parts["groups"] = self._constraint_loss(answers)
        total = parts.pop("total") + weight * semantic
        return {"total": total, **parts, "semantic": semantic.detach()}

    def _constraint_loss(self, answers: Answers) -> tuple[Tensor, Tensor]:
        """The loss, and the number of groups in the batch; a batch without any has loss 0."""
        if self.circuit is None:
            raise ValueError(f"loss={self.name}: call prepare(items) before the first step")
        log_yes, log_no = answers.log_p
        if self.knowledge == "axioms_and_facts":
            log_yes, log_no = add_facts(log_yes, log_no, answers, self.task)
        losses = group_losses(log_yes, log_no, groups_in(answers, self.task, self.group_size), self.circuit)
        mean = losses.mean() if len(losses) else log_yes.sum() * 0
        return mean, torch.tensor(float(len(losses)))


def groups_in(answers: Answers, task: str, group_size: int) -> list[list[Group]]:
    """The groups of each graph of a batch; indices count the K questions, padding included."""
    sources, targets, valid = (tensor.tolist() for tensor in (answers.source, answers.target, answers.valid))
    given = [[frozenset() for _ in row] for row in sources]
    for graph, question, node in answers.given.nonzero().tolist():
        given[graph][question] |= {node}
    result = []
    for graph, row in enumerate(valid):
        real = [k for k, is_real in enumerate(row) if is_real]
        questions = [(sources[graph][k], targets[graph][k], given[graph][k]) for k in real]
        groups = find_groups(task, questions, group_size)
        result.append([Group(tuple(tuple(real[k] for k in s) for s in g.statements), g.symmetric) for g in groups])
    return result


def _questions_of(item: Item) -> list[tuple[str, str, frozenset]]:
    asked = (labelled.question for labelled in item.questions)
    return [(question.source, question.target, frozenset(question.given)) for question in asked if question]


def _padded(groups: list[list[list[int]]], filler: int) -> Tensor:
    """[groups, statements, most questions on a statement] long."""
    width = max(len(asked) for rows in groups for asked in rows)
    return torch.tensor([[asked + [filler] * (width - len(asked)) for asked in rows] for rows in groups])
