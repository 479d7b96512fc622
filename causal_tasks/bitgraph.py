"""A small directed acyclic graph as bit masks: fast enough to draw questions by rejection.

Labels come from here while drawing; the tests hold every method against networkx.
"""

from functools import cached_property, lru_cache


@lru_cache(maxsize=1 << 16)
def bits(mask: int) -> tuple[int, ...]:
    """The positions of the set bits, ascending."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return tuple(found)


class BitGraph:
    """Nodes 0..n-1; in every mask, bit v stands for node v.

    Each hidden pair is one more node, n and up, that causes both of the pair: the canonical DAG, in which
    d-separation is m-separation. It counts as a step of a path, and is never asked about or conditioned on.
    """

    def __init__(self, n: int, edges, hidden=()):
        self.n = n
        self.edges = tuple(edges)
        self.hidden = tuple(hidden)
        self.total = n + len(self.hidden)
        self.parents = [0] * self.total
        self.children = [0] * self.total
        spelt = [(n + i, node) for i, pair in enumerate(self.hidden) for node in pair]
        for cause, effect in (*self.edges, *spelt):
            self.parents[effect] |= 1 << cause
            self.children[cause] |= 1 << effect
        self.neighbours = [p | c for p, c in zip(self.parents, self.children)]
        self._places: dict[tuple[int, int], tuple[int | None, str]] = {}
        self._separated: dict[tuple[int, int, int], bool] = {}

    @cached_property
    def descendants(self) -> list[int]:
        """Per node the mask of what it causes, itself excluded."""
        reached = list(self.children)
        for middle in range(self.total):
            for node in range(self.total):
                if reached[node] >> middle & 1:
                    reached[node] |= reached[middle]
        return reached

    def causes(self, source: int, target: int) -> bool:
        return bool(self.descendants[source] >> target & 1)

    @property
    def cyclic(self) -> bool:
        return any(self.causes(node, node) for node in range(self.n))

    def distance(self, source: int, target: int) -> int | None:
        """Hops between two nodes when arrows are ignored; None if no path joins them."""
        if (source, target) in self._places:
            return self._places[source, target][0]
        path = self.shortest_path(source, target)
        return None if path is None else len(path) - 1

    def shortest_path(self, source: int, target: int) -> list[int] | None:
        """The shortest path ignoring arrows; among equals the one through the smallest nodes, read from the target."""
        layers, seen = [1 << source], 1 << source
        while not layers[-1] >> target & 1:
            following = 0
            for node in bits(layers[-1]):
                following |= self.neighbours[node]
            following &= ~seen
            if not following:
                return None
            seen |= following
            layers.append(following)
        path = [target]
        for layer in reversed(layers[:-1]):
            near = layer & self.neighbours[path[-1]]
            path.append((near & -near).bit_length() - 1)
        return path[::-1]

    def d_separated(self, source: int, target: int, given: int) -> bool:
        """Does `given` cut every path that carries dependence? Worked out once for each question."""
        asked = source, target, given
        known = self._separated.get(asked)
        if known is None:
            known = self._separated[asked] = self._cuts(source, target, given)
        return known

    def _cuts(self, source: int, target: int, given: int) -> bool:
        """Moralised ancestral graph (Lauritzen et al. 1990, Networks 20): separated iff `given` cuts it."""
        ancestral = frontier = given | 1 << source | 1 << target
        while frontier:
            new = 0
            for node in bits(frontier):
                new |= self.parents[node]
            frontier = new & ~ancestral
            ancestral |= frontier
        moral = [0] * self.total
        for node in bits(ancestral):
            family = self.parents[node] | 1 << node
            for member in bits(family):
                moral[member] |= family
        seen = frontier = 1 << source
        while frontier:
            new = 0
            for node in bits(frontier):
                new |= moral[node]
            if new >> target & 1:
                return False
            frontier = new & ~seen & ~given
            seen |= frontier
        return True

    def pattern(self, source: int, target: int) -> str:
        """What stands between two nodes on their shortest path: its hardest element names it.

        descendant: a collider that itself causes something; collider; fork; chain (all arrows one way).
        `direct` for neighbours, `apart` where no path joins them.
        """
        return self.place(source, target)[1]

    def place(self, source: int, target: int) -> tuple[int | None, str]:
        """Distance and pattern of two nodes, worked out once."""
        known = self._places.get((source, target))
        if known is None:
            path = self.shortest_path(source, target)
            known = (None, "apart") if path is None else (len(path) - 1, self._pattern_along(path))
            self._places[source, target] = known
        return known

    def _pattern_along(self, path: list[int]) -> str:
        if len(path) == 2:
            return "direct"
        found = "chain"
        for before, node, after in zip(path, path[1:], path[2:]):
            into = self.parents[node] >> before & 1, self.parents[node] >> after & 1
            if all(into):
                if self.children[node]:
                    return "descendant"
                found = "collider"
            elif not any(into) and found == "chain":
                found = "fork"
        return found
