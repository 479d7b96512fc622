"""Questions about published causal graphs with human names: real_graphs.json, cited there.

The edge lists are those of the bnlearn repository (https://www.bnlearn.com/bnrepository); where that abbreviates,
`names` gives the word told instead. Texts cannot occur in training: every graph has a name of more than three
characters or more nodes than a training graph.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations
from math import factorial
from pathlib import Path

from causal_tasks.bitgraph import BitGraph
from causal_tasks.evaluation_blocks import draw_block, looks_alike
from causal_tasks.evaluation_graphs import Group, Size
from causal_tasks.items import Item
from causal_tasks.naming import Draft, in_words, named_graph
from causal_tasks.randomness import Stream, generator
from causal_tasks.spec import BLOCK, Spec

_SMALLEST = {"transitivity": 11, "dseparation": 8}  # nodes
_APART = 10_200  # far enough that the orders of telling of different blocks do not meet, even about asia (720 in all)
_FILE = Path(__file__).with_name("real_graphs.json")


@dataclass(frozen=True)
class Network:
    """
    Args:
        name: lower case, as in the repository.
        citation: where the graph was published.
        nodes: the words told, in the order of the edge list.
        edges: (cause, effect) as indices into nodes.
        originals: the names of the repository, in the order of nodes.
    """

    name: str
    citation: str
    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    originals: tuple[str, ...]

    @cached_property
    def causes(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(cause for cause, _ in self.edges))

    def told(self, order: int) -> list[tuple[int, int]]:
        """The edges cause by cause, the causes in the order of this number: any len(causes)! that follow tell them differently."""
        left, place = list(self.causes), {}
        for count in range(len(left), 0, -1):
            order, at = divmod(order, count)
            place[left.pop(at)] = len(place)
        return sorted(self.edges, key=lambda edge: place[edge[0]])

    @cached_property
    def places(self) -> dict[bool, list[tuple[int, int]]]:
        """Are they neighbours? -> the ordered pairs of nodes that look like a pair of the other transitivity label."""
        graph = BitGraph(len(self.nodes), self.edges)
        alike: dict[tuple, tuple[list, list]] = defaultdict(lambda: ([], []))
        for source, target in permutations(range(graph.n), 2):
            if (distance := graph.distance(source, target)) is not None:
                key = (distance, *looks_alike(graph, source, target))
                alike[key][graph.causes(source, target)].append((source, target))
        found: dict[bool, list] = {True: [], False: []}
        for (distance, *_), (no, yes) in alike.items():
            if no and yes:
                found[distance == 1] += no + yes
        return found


@dataclass
class _Telling:
    """Graphs for evaluation_blocks: one network, every group told in orders of its own."""

    network: Network
    order: int

    def draw_size(self, rng: Stream) -> Size:
        self.order += _APART
        return {"network": self.network.name}

    def draw(self, size: Size, neighbours: bool, rng: Stream) -> Group:
        nodes, orders = len(self.network.nodes), (self.order, self.order + 1)
        graphs = tuple(BitGraph(nodes, self.network.told(order)) for order in orders)
        return Group(graphs, size, self.network.places[neighbours], only=True, loose=True)


@lru_cache(maxsize=1)
def networks() -> tuple[Network, ...]:
    """All networks, smallest first."""
    found = []
    for name, record in json.loads(_FILE.read_text(encoding="utf-8")).items():
        originals = tuple(dict.fromkeys(node for edge in record["edges"] for node in edge))
        index = {node: i for i, node in enumerate(originals)}
        nodes = tuple(record["names"].get(node, node) for node in originals)
        edges = tuple((index[a], index[b]) for a, b in record["edges"])
        found.append(Network(name, record["citation"], nodes, edges, originals))
    return tuple(sorted(found, key=lambda network: (len(network.nodes), network.name)))


@lru_cache
def asked_about(task: str) -> tuple[Network, ...]:
    """The networks that are large enough to have matched questions of this task, smallest first."""
    return tuple(network for network in networks() if len(network.nodes) >= _SMALLEST[task])


class RealGraphs:
    protocol, questions, whole = "corrected", "sampled", False
    splits = {task: {"real_graphs": "published causal graphs with human names"} for task in _SMALLEST}

    def check(self, spec: Spec) -> None:
        """Any K will do."""

    def item(self, spec: Spec, index: int) -> Item:
        """Each four in turn are about the next network."""
        block, place = divmod(index, BLOCK)
        turn, at = divmod(block, len(asked_about(spec.task)))
        network = asked_about(spec.task)[at]
        draft = _block(spec.task, network, spec.seed, turn, spec.questions_per_graph)[place]
        names = list(network.nodes)
        return in_words(draft, named_graph(draft.graph, names), names, spec.task, spec.item_id(index))


@lru_cache(maxsize=64)
def _block(task: str, network: Network, seed: int, turn: int, questions_per_graph: int) -> list[Draft]:
    first = generator("real_graphs", task, network.name, seed).randrange(factorial(len(network.causes)))
    rng = generator("real_graphs", task, network.name, seed, turn, questions_per_graph)
    return draw_block(task, _Telling(network, first + 2 * turn), questions_per_graph, rng)


CONSTRUCTION = RealGraphs()
