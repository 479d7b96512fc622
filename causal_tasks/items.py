"""One training or evaluation item: a graph in words with one or more labelled questions about it."""

from dataclasses import dataclass, field

from causal_tasks.graphs import CausalGraph
from causal_tasks.questions import Question


@dataclass(frozen=True)
class LabelledQuestion:
    """
    Args:
        id: unique within a suite.
        hypothesis: the question in words.
        label: True = Yes.
        question: the same question parsed; None where a file's text does not parse.
        strata: what makes it hard or groups it, for reports only: chain_length, nodes, edges, distance,
            given_size, pattern, family, pair; only the keys that apply. Split and distance say whether it counts as
            headline (causal_tasks/headline.py).
    """

    id: str
    hypothesis: str
    label: bool
    question: Question | None
    strata: dict[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """
    Args:
        id: unique within a suite.
        premise: the graph in words.
        questions: K >= 1 questions about the same premise.
        graph: the premise parsed; None where a file's text does not parse.
        task: "transitivity" or "dseparation".
    """

    id: str
    premise: str
    questions: tuple[LabelledQuestion, ...]
    graph: CausalGraph | None
    task: str
