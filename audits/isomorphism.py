"""How many test items repeat a training structure under other names."""

from collections import defaultdict
from collections.abc import Iterable

import networkx as nx
from networkx.algorithms.isomorphism import categorical_node_match

from causal_tasks.items import Item, LabelledQuestion

_SAME_ROLE = categorical_node_match("role", None)
# Roles: what renaming keeps. A hidden cause is a node of the canonical graph.
_ASKED, _TARGET, _GIVEN, _OTHER, _HIDDEN = "asked", "target", "given", "other", "hidden"


def structure(item: Item, question: LabelledQuestion) -> nx.DiGraph:
    """The graph with the role of every node in the question: what is left of both when the names are taken away.

    Two questions have isomorphic structures (roles included) iff a renaming turns one graph and query into the other. The
    order of sentences does not count, nor, for d-separation, which of the two nodes is named first.

    Raises:
        ValueError: the item or question is not parsed.
    """
    if item.graph is None or question.question is None:
        raise ValueError(f"{question.id} has no parsed graph and question")
    asked, graph = question.question, item.graph.canonical_dag()
    graph.add_nodes_from(asked.given)
    for node in graph:
        graph.nodes[node]["role"] = _HIDDEN if isinstance(node, tuple) else _GIVEN if node in asked.given else _OTHER
    graph.nodes[asked.source]["role"] = _ASKED
    graph.nodes[asked.target]["role"] = _TARGET if asked.task == "transitivity" else _ASKED
    graph.graph["task"] = asked.task
    return graph


def isomorphic(one: nx.DiGraph, other: nx.DiGraph) -> bool:
    """Whether two structures are the same but for names."""
    return one.graph["task"] == other.graph["task"] and nx.is_isomorphic(one, other, node_match=_SAME_ROLE)


class Structures:
    """The structures of all questions of some items; `in` says whether another has one of them."""

    def __init__(self, items: Iterable[Item]):
        self._known: dict[tuple, list[nx.DiGraph]] = defaultdict(list)
        for graph in _structures(items):
            if graph not in self:
                self._known[_invariant(graph)].append(graph)

    def __contains__(self, graph: nx.DiGraph) -> bool:
        return any(isomorphic(graph, other) for other in self._known[_invariant(graph)])


def shared_structures(tested: Iterable[Item], trained: Structures) -> tuple[int, int]:
    """(tested questions whose structure occurs among the trained, tested questions)."""
    found = [graph in trained for graph in _structures(tested)]
    return sum(found), len(found)


def _structures(items: Iterable[Item]) -> list[nx.DiGraph]:
    return [structure(item, question) for item in items for question in item.questions]


def _invariant(graph: nx.DiGraph) -> tuple:
    """Equal for isomorphic structures, and cheap: how many nodes of each role have how many causes and effects."""
    nodes = graph.nodes(data="role")
    return graph.graph["task"], *sorted((role, graph.in_degree(node), graph.out_degree(node)) for node, role in nodes)
