"""What the graph entails: the correct oracle (networkx) and the one of the release, with its fault."""

from collections import deque

import networkx as nx

from causal_tasks.graphs import CausalGraph
from causal_tasks.questions import Question


def answer(graph: CausalGraph, question: Question) -> bool:
    """True = Yes. Transitivity: a directed path exists; d-separation: m-separation when causes are hidden.

    Raises:
        ValueError: a name the graph does not have, or d-separation asked of a cyclic graph, of a node and itself
            or of a node in the conditioning set (networkx's own reason is quoted).
    """
    for name in (question.source, question.target, *question.given):
        if name not in graph.nodes:
            raise ValueError(f"unknown node {name!r}: the graph has {', '.join(graph.nodes)}")
    if question.task == "transitivity":
        return nx.has_path(graph.to_networkx(), question.source, question.target)
    try:
        return nx.is_d_separator(graph.canonical_dag(), question.source, question.target, set(question.given))
    except nx.NetworkXError as error:
        raise ValueError(f"d-separation is undefined for {question}: {error}") from error


def released_answer(graph: CausalGraph, question: Question, unblocked_reversed_chain: bool = True) -> bool:
    """The oracle of the release, total on every graph: d-separation by looking at one path after another.

    Repeated names make cyclic graphs and questions about a node and itself; the released oracle answers those too:
    "Does P cause P?" is Yes, and P is not d-separated from P. A name without an edge is d-separated from the rest.

    Args:
        unblocked_reversed_chain: a path that walks a chain against its arrows (`C <- B <- A`) is never blocked by B,
            so that "Are C and A d-separated given {B}?" on `A causes B. B causes C.` is labelled No (audit A4).
            False blocks it, which is correct d-separation on a DAG.
    """
    if question.task == "transitivity":
        return question.target in _effects(question.source, graph.edges)
    source, target, given = question.source, question.target, set(question.given)
    parents = {name: set() for name in (*graph.nodes, source, target, *given)}
    children = {name: set() for name in parents}
    for cause, effect in graph.edges:
        parents[effect].add(cause)
        children[cause].add(effect)
    if source == target:
        return False
    opens_collider = _closure(given, parents)

    def blocks(before: str, node: str, after: str) -> bool:
        if before in parents[node] and after in parents[node]:
            return node not in opens_collider
        return node in given and (after in children[node] or not unblocked_reversed_chain)

    growing = deque([(source,)])  # open simple paths, shortest first; a path stops growing where it is blocked
    while growing:
        path = growing.popleft()
        for following in parents[path[-1]] | children[path[-1]]:
            if following in path or (len(path) > 1 and blocks(path[-2], path[-1], following)):
                continue
            if following == target:
                return False
            growing.append((*path, following))
    return True


def _effects(source: str, edges: tuple[tuple[str, str], ...]) -> set[str]:
    """The source and all that it causes. A chain told forwards takes one look at every sentence, then one more."""
    reached, before = {source}, 0
    while len(reached) > before:
        before = len(reached)
        for cause, effect in edges:
            if cause in reached:
                reached.add(effect)
    return reached


def _closure(start: set[str], step: dict[str, set[str]]) -> set[str]:
    """The start and everything reached from it along `step`."""
    reached, frontier = set(start), list(start)
    while frontier:
        new = step[frontier.pop()] - reached
        reached |= new
        frontier.extend(new)
    return reached
