"""Questions about published causal graphs with human names: real_graphs.json, cited there.

The edge lists are those of the bnlearn repository (https://www.bnlearn.com/bnrepository); where that abbreviates,
`names` gives the word told instead. Texts cannot occur in training: every graph has a name of more than three
characters or more nodes than a training graph.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations
from pathlib import Path

from causal_tasks import dseparation, transitivity
from causal_tasks.bitgraph import BitGraph
from causal_tasks.drafts import Draft, dress, named_graph
from causal_tasks.items import Item
from causal_tasks.randomness import generator

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

    def told(self, rng: random.Random) -> list[tuple[int, int]]:
        """The edges cause by cause, causes in random order."""
        place = rng.sample(range(len(self.nodes)), len(self.nodes))
        return sorted(self.edges, key=lambda edge: (place[edge[0]], place[edge[1]]))


@dataclass(frozen=True)
class _Causes:
    """A construction for transitivity.draw_block."""

    network: Network

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Stratum `ends` -> the distances at which some pair is a cause and its effect, and some is a No of that kind."""
        graph = BitGraph(len(self.network.nodes), self.network.edges)
        found: dict[str | bool, set] = {True: set(), "any": set(), "fitting": set()}
        for source, target in permutations(range(graph.n), 2):
            distance = graph.distance(source, target)
            if graph.causes(source, target):
                found[True].add(distance)
            else:
                found["any"].add(distance)
                if transitivity.fitting_ends(graph.edges, source, target):
                    found["fitting"].add(distance)
        return {ends: sorted(found[True] & found[ends]) for ends in ("any", "fitting")}

    def draw(self, cells: Sequence[tuple[bool, bool]], rng: random.Random) -> list[Draft]:
        ends = transitivity.draw_ends(rng, len(self.network.nodes))
        ends = ends if self.places[ends] else "any"  # a small network may have no such No
        strata = {"network": self.network.name, "distance": rng.choice(self.places[ends]), "ends": ends}
        return [transitivity.ask_one(lambda: self.network.told(rng), strata, *cell, rng) for cell in cells]


@dataclass(frozen=True)
class _Separation:
    """A construction for dseparation.draw_block. Not every network has every pattern, so none is asked for."""

    network: Network
    patterns = (dseparation.ANY_PATTERN,)
    kinds = {"pivotal": 0.8, "direct": 0.2}

    def draw(self, rng: random.Random, like: BitGraph | None = None) -> BitGraph:
        return BitGraph(len(self.network.nodes), self.network.told(rng))

    def size(self, graph: BitGraph) -> dict[str, str]:
        return {"network": self.network.name}


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


def sample(task: str, seed: int, index: int, questions_per_graph: int, item_id: str) -> Item:
    """Item `index`; each four in turn are about the next network."""
    block, place = divmod(index, 4)
    network = networks()[block % len(networks())]
    draft = _block(task, network, seed, block, questions_per_graph)[place]
    names = list(network.nodes)
    return dress(draft, named_graph(draft, names), names, task, item_id)


@lru_cache(maxsize=64)
def _block(task: str, network: Network, seed: int, block: int, questions_per_graph: int) -> list[Draft]:
    rng = generator("real_graphs", task, seed, block, questions_per_graph)
    if task == "transitivity":
        return transitivity.draw_block(_construction(network), questions_per_graph, rng)
    return dseparation.draw_block(_Separation(network), questions_per_graph, rng)


@lru_cache
def _construction(network: Network) -> _Causes:
    return _Causes(network)
