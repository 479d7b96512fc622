"""Graphs and questions in words, and back: `say_*` and `parse_*` are inverse to each other.

Wording of arXiv:2605.05438: `A causes B.` sentences joined by a space; `Does A cause C?`;
`Are A and C d-separated?`; `Are A and C d-separated given {X, Y}?` with the given names sorted.
The hidden-cause extension adds `A and B share a hidden cause.`
"""

import re
from dataclasses import dataclass

import networkx as nx

from causal_tasks.graphs import CausalGraph
from causal_tasks.spec import TASKS
from input_output.reading import shortened

# A question as the benchmark asks it.
PROMPT = "Given the following causal relationships:\n{premise}\n\n{hypothesis}\nPlease answer with only 'Yes' or 'No'."
LARGEST_GIVEN = 3  # nodes that a training question conditions on, at most

# Letters of any script with their combining marks, which \w lacks; none of the signs that the wording itself has.
_NAME = r"([^\s.,;:!?{}]+)"
_EDGE = re.compile(rf"{_NAME} causes {_NAME}")
_HIDDEN = re.compile(rf"{_NAME} and {_NAME} share a hidden cause")
_CAUSE = re.compile(rf"Does {_NAME} cause {_NAME}\?")
_SEPARATED = re.compile(rf"Are {_NAME} and {_NAME} d-separated(?: given \{{([^{{}}]*)\}})?\?")


class ParseError(ValueError):
    """A premise or hypothesis that is not in the wording above, or that asks what its graph cannot answer."""


@dataclass(frozen=True)
class Question:
    """`transitivity`: does source cause target? `dseparation`: are source and target d-separated given `given`?

    Args:
        task: one of TASKS.
        source, target: names.
        given: the conditioning set, kept sorted; empty for transitivity.
    """

    task: str
    source: str
    target: str
    given: tuple[str, ...] = ()

    def __post_init__(self):
        if self.task not in TASKS:
            raise ValueError(f"unknown task {self.task!r}; allowed: {', '.join(TASKS)}")
        if self.given and self.task == "transitivity":
            raise ValueError("a transitivity question has no conditioning set")
        object.__setattr__(self, "given", tuple(sorted(self.given)))


def say_premise(graph: CausalGraph) -> str:
    """The graph in words, one sentence per edge in the order stated, hidden common causes last."""
    sentences = [f"{cause} causes {effect}." for cause, effect in graph.edges]
    sentences += [f"{a} and {b} share a hidden cause." for a, b in graph.hidden]
    return " ".join(sentences)


def say_question(question: Question) -> str:
    if question.task == "transitivity":
        return f"Does {question.source} cause {question.target}?"
    given = f" given {{{', '.join(question.given)}}}" if question.given else ""
    return f"Are {question.source} and {question.target} d-separated{given}?"


def parse_premise(text: str) -> CausalGraph:
    """Read sentences into a graph. Cycles and repeated names are let through: see `parse` for the strict reading.

    Raises:
        ParseError: a sentence that is not one of the two wordings, or no sentence at all; the text is named.
    """
    edges, hidden = [], []
    for sentence in filter(None, map(str.strip, text.split("."))):
        if edge := _EDGE.fullmatch(sentence):
            edges.append(edge.groups())
        elif pair := _HIDDEN.fullmatch(sentence):
            hidden.append(pair.groups())
        else:
            raise ParseError(
                f"unparseable sentence {shortened(sentence)}: expected 'A causes B.' in premise {shortened(text)}"
            )
    if not edges and not hidden:
        raise ParseError(f"no sentence in premise {shortened(text)}")
    return CausalGraph(tuple(edges), tuple(hidden))


def parse_question(text: str) -> Question:
    """Read one hypothesis.

    Raises:
        ParseError: not one of the three wordings, or an empty or repeated name in the conditioning set.
    """
    text = text.strip()
    if match := _CAUSE.fullmatch(text):
        return Question("transitivity", *match.groups())
    if match := _SEPARATED.fullmatch(text):
        source, target, inside = match.groups()
        given = tuple(name.strip() for name in inside.split(",")) if inside is not None else ()
        if not all(re.fullmatch(_NAME, name) for name in given) or len(set(given)) < len(given):
            raise ParseError(f"the conditioning set is not a list of distinct names in {shortened(text)}")
        return Question("dseparation", source, target, given)
    raise ParseError(
        f"unparseable hypothesis {shortened(text)}: expected 'Does A cause B?' or 'Are A and B d-separated [given {{X, Y}}]?'"
    )


def parse(premise: str, hypothesis: str) -> tuple[CausalGraph, Question]:
    """Read and check one item.

    Raises:
        ParseError: naming the text, for an unparseable sentence, an unknown node, a question about a node and
            itself, a node asked about inside its own conditioning set, or a cycle.
    """
    graph, question = parse_premise(premise), parse_question(hypothesis)
    asked = (question.source, question.target)
    if unknown := [name for name in asked + question.given if name not in graph.nodes]:
        raise ParseError(
            f"unknown node {shortened(unknown[0])} in {shortened(hypothesis)}: the premise {shortened(premise)} never names it"
        )
    if question.source == question.target:
        raise ParseError(f"{shortened(hypothesis)} asks about a node and itself")
    if inside := [name for name in asked if name in question.given]:
        raise ParseError(f"node {shortened(inside[0])} is in its own conditioning set in {shortened(hypothesis)}")
    if not nx.is_directed_acyclic_graph(graph.to_networkx()):
        raise ParseError(f"the premise has a cycle: {shortened(premise)}")
    return graph, question
