"""The questions of the corrected evaluation suites: every Yes has a No that looks the same to whoever follows no path.

Questions are matched (causal_tasks.matching) within groups of two graphs. What cannot be matched on all local counts is
kept to a tenth of the groups: those about neighbours, where the sentence that joins them is left out of the matching.

transitivity   Candidates are all ordered pairs of either graph.
dseparation    Candidates are pairs of nodes given two sets that differ in one node, of which one separates (exchanges), and
    pairs given nothing. The strata of the latter leave the pattern out, which in a chain is the answer. Groups about
    neighbours, which nothing separates, set them against pairs that are separated, without distance and pattern.
    Where there are hidden causes, half of the groups have a No that would be a Yes without these.
    Graphs of up to six nodes and published ones have too few exchanges. There (`loose`) other questions are candidates
    too, and only some counts are matched.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, combinations, permutations

from causal_tasks.bitgraph import BitGraph, bits
from causal_tasks.counts import NAMES, SENTENCES, counts, of_end, of_given_node
from causal_tasks.evaluation_graphs import Group
from causal_tasks.matching import Candidate, choose
from causal_tasks.naming import Draft
from causal_tasks.questions import LARGEST_GIVEN
from causal_tasks.randomness import Stream
from causal_tasks.transitivity import order_of_mention

NEIGHBOURS = 0.1  # share of the groups that ask about neighbours
_MARGINAL = 0.5  # share of the groups in which pairs given nothing are candidates too
_HIDDEN = 0.5  # share of the groups in which hidden causes decide, where there are any
_TRIES = 8  # groups of one size that are drawn before fewer questions are asked about a graph, or another size is drawn
_PAIRS = 100  # pairs of nodes looked at in one graph
_LOOSE_PAIRS, _LOOSE_SETS = 15, 8  # pairs of nodes, and conditioning sets for each, where matching is loose
_TOLD = slice(NAMES.index(SENTENCES[0]), NAMES.index(SENTENCES[-1]) + 1)
_LOOSE = ("causes", "effects", "causes_given", "effects_given")
_SETS = 6  # exchanges looked at for one pair of nodes


def draw_block(task: str, construction, questions_per_graph: int, rng: Stream) -> list[Draft]:
    """Four drafts in two groups, each balanced in itself; with one question each, the labels are Yes, No, Yes, No.

    Args:
        construction: draws groups of graphs (causal_tasks.evaluation_graphs).
    """
    return [draft for _ in range(2) for draft in _draw_group(task, construction, questions_per_graph, rng)]


def _draw_group(task: str, construction, count: int, rng: Stream) -> list[Draft]:
    while True:
        neighbours = rng.random() < NEIGHBOURS
        candidates = _CANDIDATES[task, neighbours]
        size, asked = construction.draw_size(rng), count
        while asked:
            for _ in range(_TRIES):
                group = construction.draw(size, neighbours, rng)
                if drafts := _chosen(candidates(group, asked, rng), asked, rng):
                    return drafts
            # An odd number is had by chance only, where every Yes has its No about the same graph: one less will do.
            asked = asked - 1 if asked % 2 and asked > 1 else asked // 2


def _chosen(candidates: Iterable[Candidate], count: int, rng: random.Random) -> list[Draft] | None:
    """Two drafts with `count` matched questions each. A single question is a Yes in the first, a No in the second."""
    if count == 1:  # whichever graph it is about
        candidates = (one._replace(item=int(not one.label)) for one in candidates)
    more, less = (count + 1) // 2, count // 2
    chosen = choose(candidates, {(0, True): more, (0, False): less, (1, True): less, (1, False): more}, rng)
    if chosen is None:
        return None
    drafts = []
    for item in (0, 1):
        drafts.append(Draft(chosen[item][0].graph, tuple(one.draft() for one in chosen[item])))
    return drafts


def _ordered_pairs(group: Group, count: int, rng: Stream, neighbours: bool = False) -> Iterator[Candidate]:
    """Does one cause the other? A single question is about one of the group's places."""
    first, size = group.graphs[0], tuple(group.size.items())
    places = group.places if count == 1 or group.only else permutations(range(first.n), 2)
    places = [(s, t) for s, t in places if first.neighbours[s] >> t & 1 == neighbours]
    strata = {place: (*size, ("distance", first.distance(*place))) for place in places}
    for item, graph in enumerate(group.graphs):
        mention = order_of_mention(graph.edges)
        for place in places:
            s, t = place
            alike = (*looks_alike(graph, s, t), mention[s] < mention[t])
            yield Candidate(item, graph, graph.causes(s, t), alike, strata[place], s, t)


def looks_alike(graph: BitGraph, source: int, target: int) -> tuple:
    """The local counts of a transitivity question, but for the sentences that join the two."""
    return of_end(graph, source, 0), of_end(graph, target, 0)


def _separations(group: Group, count: int, rng: Stream) -> Iterator[Candidate]:
    if group.loose:
        return _some_sets(group, rng)
    if group.graphs[0].hidden and rng.random() < _HIDDEN:
        return _exchanges(group, count, rng, decisive=True)
    marginal = _marginal(group, rng) if rng.random() < _MARGINAL else ()
    return chain(_exchanges(group, count, rng), marginal)


def _marginal(group: Group, rng: Stream) -> Iterator[Candidate]:
    """Pairs given nothing."""
    size = tuple(group.size.items())
    for item, graph in enumerate(group.graphs):
        mention = order_of_mention(graph.edges)
        for s, t in _apart(graph, rng):
            strata = (*size, ("distance", graph.distance(s, t)), ("given_size", 0))
            alike = (*looks_alike(graph, s, t), mention[s] < mention[t])
            yield Candidate(item, graph, graph.d_separated(s, t, 0), alike, strata, s, t)


def _exchanges(group: Group, count: int, rng: Stream, decisive: bool = False) -> Iterator[Candidate]:
    """As many pairs of a Yes and a No about either graph as are asked for, if there are so many."""
    for item, graph in enumerate(group.graphs[:count]):
        left = (count + 1) // 2
        for s, t in _apart(graph, rng):
            if exchange := _exchange(graph, s, t, rng, decisive):
                distance, pattern = graph.place(s, t)
                size = ("given_size", exchange[0].bit_count())
                strata = (*group.size.items(), ("distance", distance), ("pattern", pattern), size)
                for label, given in enumerate(exchange):
                    yield Candidate(item, graph, bool(label), (item, s, t), strata, s, t, bits(given))
                left -= 1
                if not left:
                    break


def _exchange(graph: BitGraph, source: int, target: int, rng: Stream, decisive: bool = False) -> tuple[int, int] | None:
    """Two sets that differ in one node and have the same local counts, of which the second separates and the first does not.

    None if a few tries find none. With `decisive`, the first would separate if there were no hidden causes.
    """
    like: dict[tuple, list[int]] = defaultdict(list)
    for node in range(graph.n):
        if node not in (source, target):
            like[of_given_node(graph, source, target, node)].append(node)
    several = [nodes for nodes in like.values() if len(nodes) > 1]
    for _ in range(_SETS if several else 0):
        one, other = rng.sample(rng.choice(several), 2)
        rest = [node for node in range(graph.n) if node not in (source, target, one, other)]
        shared = sum(1 << node for node in rng.sample(rest, rng.randint(0, min(LARGEST_GIVEN - 1, len(rest)))))
        by_label = {graph.d_separated(source, target, shared | 1 << node): shared | 1 << node for node in (one, other)}
        if len(by_label) < 2:
            continue
        no, yes = by_label[False], by_label[True]
        if counts(graph, source, target, no, True) != counts(graph, source, target, yes, True):
            continue
        if not decisive or BitGraph(graph.n, graph.edges).d_separated(source, target, no):
            return no, yes
    return None


def _some_sets(group: Group, rng: Stream) -> Iterator[Candidate]:
    """Pairs that are not neighbours, each given some sets of up to LARGEST_GIVEN nodes."""
    size = tuple(group.size.items())
    for item, graph in enumerate(group.graphs):
        for s, t in _apart(graph, rng)[:_LOOSE_PAIRS]:
            others = [node for node in range(graph.n) if node not in (s, t)]
            distance, pattern = graph.place(s, t)
            sizes = [rng.randint(0, min(LARGEST_GIVEN, len(others))) for _ in range(_LOOSE_SETS)]
            for members in {tuple(sorted(rng.sample(others, given_size))) for given_size in sizes}:
                place = (("distance", distance), ("pattern", pattern)) if members else (("distance", distance),)
                strata = (*size, *place, ("given_size", len(members)))
                given = sum(1 << node for node in members)
                alike = _loosely(counts(graph, s, t, given, True))
                yield Candidate(item, graph, graph.d_separated(s, t, given), alike, strata, s, t, members)


def _neighbours_given(group: Group, count: int, rng: Stream) -> Iterator[Candidate]:
    """Neighbours, a No whatever is given, and other pairs where these are separated."""
    given_size = rng.randint(0, min(2, group.graphs[0].n - 3))
    strata = (*group.size.items(), ("given_size", given_size))
    for item, graph in enumerate(group.graphs):
        mention = order_of_mention(graph.edges)
        pairs = list(combinations(range(graph.n), 2))
        for pair in rng.sample(pairs, min(len(pairs), _PAIRS)):
            s, t = rng.sample(pair, 2)
            others = [node for node in range(graph.n) if node not in pair]
            members = tuple(sorted(rng.sample(others, given_size)))
            given = sum(1 << node for node in members)
            label = graph.d_separated(s, t, given)
            if label or graph.neighbours[s] >> t & 1:
                found = counts(graph, s, t, given, mention[s] < mention[t])
                alike = _loosely(found) if group.loose else found[: _TOLD.start] + found[_TOLD.stop :]
                yield Candidate(item, graph, label, alike, strata, s, t, members)


def _loosely(found: tuple[int, ...]) -> tuple[int, ...]:
    """Of all counts those that alone tell most: how many ends have causes, effects and conditioned neighbours; colliders."""
    of = dict(zip(NAMES, found))
    ends = [(of[f"source_{name}"] > 0) + (of[f"target_{name}"] > 0) for name in _LOOSE]
    return (*ends, min(of["given_colliders"], 2))


def _apart(graph: BitGraph, rng: Stream) -> list[tuple[int, int]]:
    """Pairs of nodes that a path joins, but no sentence, in random order, and either of two first."""
    pairs = [pair for pair in combinations(range(graph.n), 2) if not graph.neighbours[pair[0]] >> pair[1] & 1]
    some = rng.sample(pairs, min(len(pairs), _PAIRS))
    return [tuple(rng.sample(pair, 2)) for pair in some if graph.distance(*pair) is not None]


_CANDIDATES = {  # by task, and whether the ends of the groups are neighbours
    ("transitivity", False): _ordered_pairs,
    ("transitivity", True): partial(_ordered_pairs, neighbours=True),
    ("dseparation", False): _separations,
    ("dseparation", True): _neighbours_given,
}
