"""A causal graph as it is told: directed edges in the order of their sentences."""

from dataclasses import dataclass
from functools import cached_property

import networkx as nx


@dataclass(frozen=True)
class CausalGraph:
    """Directed edges in the order stated. A node is whatever an edge or a hidden pair names.

    Args:
        edges: (cause, effect) names, one per sentence; a repeated name is the same node.
        hidden: pairs of names that share a hidden common cause (a bidirected edge of an ADMG).
    """

    edges: tuple[tuple[str, str], ...]
    hidden: tuple[tuple[str, str], ...] = ()

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Names in the order of first mention."""
        return tuple(dict.fromkeys(name for pair in self.edges + self.hidden for name in pair))

    def to_networkx(self) -> nx.DiGraph:
        """The stated edges over `nodes`; hidden causes are left out."""
        graph = nx.DiGraph()
        graph.add_nodes_from(self.nodes)
        graph.add_edges_from(self.edges)
        return graph

    def canonical_dag(self) -> nx.DiGraph:
        """The stated edges and, for each hidden pair, one parentless node that causes both.

        d-separation in this graph is m-separation in the mixed graph (Richardson & Spirtes 2002, Ann. Statist. 30(4)).
        A hidden node is a `("hidden", i)` tuple, so that it can never equal a name.
        """
        graph = self.to_networkx()
        for i, pair in enumerate(self.hidden):
            graph.add_edges_from((("hidden", i), name) for name in pair)
        return graph
