"""The exact semantic loss: -log of the probability that the answers satisfy a constraint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from causal_tasks.families import questions_in_family
from losses.answers import LOG_OF_ZERO, Answers, FormattedText
from losses.circuits import Circuit
from losses.constraints import Group, axioms, find_groups
from losses.cross_entropy import CrossEntropy
from losses.loss import Loss, require_choice

if TYPE_CHECKING:
    from causal_tasks.items import Item

KNOWLEDGE = ("axioms", "axioms_and_facts", "deduced")

# A marginal this close to 0 or 1 is certain: over at most 679 equally likely worlds others are farther away.
CERTAIN = 1e-4


def group_losses(log_yes: Tensor, log_no: Tensor, groups: Sequence[Sequence[Group]], circuit: Circuit) -> Tensor:
    """-log p(constraint) of each group, shape [number of groups] (families first), nats, >= 0.

    Xu et al. 2018 (arXiv:1711.11157), definition 1: -log sum over the worlds x that satisfy alpha of
    prod p_i over x_i true * prod (1 - p_i) over x_i false.
    log_yes, log_no: [G, K] log weights of the answers. groups: for each graph, its groups. A statement
    asked more than once weighs as the product of its answers: the other worlds contradict themselves.
    """
    losses = []
    if families := _rows(groups, log_yes.shape[1], symmetric=False):
        losses.append(-circuit(*_statement_weights(families, log_yes, log_no)))
    if repeated := _rows(groups, log_yes.shape[1], symmetric=True):
        yes, no = _statement_weights(repeated, log_yes, log_no)
        losses.append(-torch.logaddexp(yes, no).squeeze(1))
    return torch.cat(losses) if losses else log_yes.new_zeros(0)


def deduced_loss(
    log_yes: Tensor, log_no: Tensor, facts: tuple[Tensor, Tensor], groups: Sequence[Sequence[Group]], circuit: Circuit
) -> tuple[Tensor, Tensor]:
    """Mean over groups of the summed -log p of the answers that the constraint decides one by one, and their share.

    It is the exact loss of a weaker constraint, which may only say "this answer is Yes" or "this one is No":
    cross-entropy on labels that a reader of the stated edges alone can write down, never above the exact loss.
    log_yes, log_no: [G, K] log weights of the answers. facts: the same for equally likely answers, with the worlds
    that deny a fact ruled out. groups: as in `group_losses`.
    """
    families = _rows(groups, log_yes.shape[1], symmetric=False)
    if not families:
        return log_yes.sum() * 0, log_yes.new_zeros(())
    yes, no, fact_yes, fact_no = _statement_weights(families, log_yes, log_no, *facts)
    with torch.enable_grad():
        fact_yes = fact_yes.detach().requires_grad_()
        (marginal,) = torch.autograd.grad(circuit(fact_yes, fact_no).sum(), fact_yes)
    is_yes, is_no = marginal > 1 - CERTAIN, marginal < CERTAIN
    decided = is_yes | is_no
    wrong = -torch.where(is_yes, yes, no).where(decided, 0.0)
    return wrong.sum(-1).mean(), decided.float().mean()


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
        deduced: of these only the answers that they decide one by one (``deduced_loss``): the control that tells
            what the exact loss adds to labels that cost nothing. Reads no labels.
        All cover graphs with ``labelled=False``, too. The closed world, in which the constraint is the labels, is
        ``Semantic`` with term=margin.
    group_size: nodes that a family of questions ties together, 3 or 4.
    base, class_weights: the cross-entropy beside it, as in ``CrossEntropy``.

    ``prepare`` compiles the constraint for the task of the training items, and raises ValueError if no
    item asks a group of questions that a constraint ties together. One d-separation question in both orders
    is such a group, but not of ``deduced``: that the two agree decides neither.
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
        self.text = self.base.text
        self.knowledge = knowledge
        self.group_size = group_size
        deduced = ("deduced",) if knowledge == "deduced" else ()
        self.parts = (*self.base.parts, "groups", *deduced, "semantic")
        self.circuit: Circuit | None = None

    def questions_needed(self, task: str, generated: bool = False) -> int:
        if not self._ties_orders(task):
            return questions_in_family(task, self.group_size)
        return 3 if generated else 2  # a Yes and a No are not one question in both orders

    def _ties_orders(self, task: str) -> bool:
        """Whether it reads one question asked in both orders, without a family."""
        return task == "dseparation" and self.knowledge != "deduced"

    def prepare(self, items: Sequence[Item], labelled: Sequence[bool] | None = None) -> None:
        super().prepare(items, labelled)
        tasks = {item.task for item in items}
        if len(tasks) > 1:
            raise ValueError(f"loss={self.name} works on one task at a time, got {', '.join(sorted(tasks))}")
        self.task = tasks.pop()
        self.circuit = Circuit(*axioms(self.task, self.group_size))
        if not any(self._read(find_groups(self.task, _questions_of(item), self.group_size)) for item in items):
            needed = questions_in_family(self.task, self.group_size)
            either = " or one question in both orders" if self._ties_orders(self.task) else ""
            raise ValueError(
                f"loss={self.name} knowledge={self.knowledge} on {self.task} needs items that ask all {needed} "
                f"questions of {self.group_size} nodes{either} (generated ones do with task.questions=families); none of the "
                f"{len(items)} training items does, with at most {max(len(item.questions) for item in items)} questions"
            )

    def _read(self, groups: list[Group]) -> list[Group]:
        """Those of the groups that the loss reads."""
        return [group for group in groups if not group.symmetric or self._ties_orders(self.task)]

    def forward(self, answers: Answers, text: FormattedText | None, weight: float) -> dict[str, Tensor]:
        parts = self.base(answers, text, weight)
        semantic, measured = self._constraint_loss(answers)
        total = parts.pop("total") + weight * semantic
        return {"total": total, **parts, **measured}

    def _constraint_loss(self, answers: Answers) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and what the log should say of the batch; one without any group has loss 0, and no semantic part."""
        if self.circuit is None:
            raise ValueError(f"loss={self.name}: call prepare(items) before the first step")
        log_yes, log_no = answers.log_p
        groups = [self._read(found) for found in groups_in(answers, self.task, self.group_size)]
        measured = {"groups": torch.tensor(float(sum(map(len, groups))))}
        if not any(groups):
            return log_yes.sum() * 0, measured
        if self.knowledge == "deduced":
            even = torch.full_like(log_yes, math.log(0.5))
            facts = add_facts(even, even, answers, self.task)
            loss, measured["deduced"] = deduced_loss(log_yes, log_no, facts, groups, self.circuit)
        else:
            if self.knowledge == "axioms_and_facts":
                log_yes, log_no = add_facts(log_yes, log_no, answers, self.task)
            loss = group_losses(log_yes, log_no, groups, self.circuit).mean()
        return loss, measured | {"semantic": loss.detach()}


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


def _rows(groups: Sequence[Sequence[Group]], width: int, symmetric: bool) -> list[list[list[int]]]:
    """For each group of this kind, for each statement, where its questions lie in the flattened batch [G * width]."""
    return [
        [[graph * width + k for k in asked] for asked in group.statements]
        for graph, found in enumerate(groups)
        for group in found
        if group.symmetric == symmetric
    ]


def _statement_weights(rows: list[list[list[int]]], *logs: Tensor) -> list[Tensor]:
    """[groups, statements] log weights, one tensor for each of [G, K]; questions on one statement multiply."""
    width = max(len(asked) for statements in rows for asked in statements)
    filler = logs[0].numel()
    padded = [[asked + [filler] * (width - len(asked)) for asked in statements] for statements in rows]
    index = torch.tensor(padded, device=logs[0].device)
    return [torch.cat([log.flatten(), log.new_zeros(1)])[index].sum(-1) for log in logs]
