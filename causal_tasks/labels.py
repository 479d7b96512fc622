"""Labels held against the oracle: disagreements are counted and listed, never dropped."""

from dataclasses import dataclass

from causal_tasks.items import Item
from causal_tasks.oracles import answer
from causal_tasks.questions import ParseError, parse


@dataclass(frozen=True)
class LabelReport:
    """
    Args:
        questions: how many there are.
        agreeing: how many labels are what the graph entails.
        disagreeing: (id, label, what the graph entails).
        unanswerable: (id, reason) of texts the strict reading refuses.
    """

    questions: int
    agreeing: int
    disagreeing: tuple[tuple[str, bool, bool], ...]
    unanswerable: tuple[tuple[str, str], ...]


def check_labels(items: list[Item]) -> LabelReport:
    """Parse every question strictly and compare its label with networkx's answer."""
    agreeing, disagreeing, unanswerable = 0, [], []
    for item in items:
        for question in item.questions:
            try:
                entailed = answer(*parse(item.premise, question.hypothesis))
            except ParseError as error:
                unanswerable.append((question.id, str(error)))
                continue
            if entailed == question.label:
                agreeing += 1
            else:
                disagreeing.append((question.id, question.label, entailed))
    total = agreeing + len(disagreeing) + len(unanswerable)
    return LabelReport(total, agreeing, tuple(disagreeing), tuple(unanswerable))
