"""Each family of minimal pairs changes what its name says, and nothing else."""

from collections import defaultdict
from itertools import pairwise

import networkx as nx
import pytest

from causal_tasks import counts
from causal_tasks.minimal_pairs import DIFFERENT_COUNTS, FAMILIES
from causal_tasks.questions import TASKS
from causal_tasks.suites import build
from scoring.local_features import features

ITEMS = 440  # 20 pairs of each of the eleven families of d-separation


@pytest.fixture(scope="module", params=TASKS)
def pairs(request):
    """Task, and family -> [(Yes item, No item)]."""
    by_pair, by_family = defaultdict(dict), defaultdict(list)
    for item in build(request.param, "corrected", "adversarial", ITEMS, 0):
        by_pair[item.questions[0].strata["pair"]][item.questions[0].label] = item
    for sides in by_pair.values():
        assert set(sides) == {True, False}
        by_family[sides[True].questions[0].strata["family"]].append((sides[True], sides[False]))
    assert len(by_pair) == ITEMS // 2
    return request.param, by_family


def test_there_are_eight_families_or_more_of_equal_size(pairs):
    task, by_family = pairs
    assert list(by_family) == list(FAMILIES[task]) == list(CHANGED[task]) and len(by_family) >= 8
    sizes = [len(found) for found in by_family.values()]
    assert max(sizes) - min(sizes) <= 1


def test_the_local_counts_of_a_pair_are_the_same(pairs):
    """But for what the family is about; where that is the order of mention, the Yes comes first as often as last."""
    for family, found in pairs[1].items():
        for yes, no in found:
            told = [features(item.graph, item.questions[0].question)[: len(counts.NAMES)] for item in (yes, no)]
            differing = {name for name, one, other in zip(counts.NAMES, *told) if one != other}
            assert differing <= DIFFERENT_COUNTS.get(family, set())


def asked(item):
    return item.questions[0].question


def ends(item):
    return {asked(item).source, asked(item).target}


def changed_sentences(yes, no):
    """(those of the Yes alone, those of the No alone); the others are told in one order, and the question is the same."""
    one, other = yes.graph.edges, no.graph.edges
    assert asked(yes) == asked(no)
    assert [edge for edge in one if edge in other] == [edge for edge in other if edge in one]
    return set(one) - set(other), set(other) - set(one)


def one_cut(yes, no):
    """A sentence that only one of the two has: (cause, effect), and the item that has it."""
    more, less = changed_sentences(yes, no)
    assert len(more | less) == 1
    return (*more, *less)[0], yes if more else no


def one_turned(yes, no):
    ((cause, effect),), other = changed_sentences(yes, no)
    assert other == {(effect, cause)}
    return cause, effect


def turned_away_from_the_ends(yes, no):
    assert not ends(yes) & set(one_turned(yes, no))


def cut_away_from_the_ends(yes, no):
    edge, longer = one_cut(yes, no)
    assert longer is yes and not ends(yes) & set(edge)


def exchanged(end):
    """One sentence has another cause (end 0) or effect (end 1); returns the two names."""

    def names(yes, no):
        (one,), (other,) = changed_sentences(yes, no)
        assert one[1 - end] == other[1 - end] and one[end] != other[end]
        return one[end], other[end]

    return names


def look_alike(one, other):
    different = sum(a != b for a, b in zip(one, other, strict=True))
    assert one != other and (different == 1 or (different == 2 and sorted(one) == sorted(other)))


def query_turned(yes, no):
    assert yes.graph == no.graph
    assert (asked(yes).source, asked(yes).target) == (asked(no).target, asked(no).source)
    assert ends(yes) not in map(set, yes.graph.edges)


def told_effects_first(item):
    graph = item.graph.to_networkx()
    below = [len(nx.descendants(graph, cause)) for cause, _ in item.graph.edges]
    assert below == sorted(below)


def in_a_part_of_its_own(item):
    """The nodes of the part of the graph that is not asked about."""
    parts = list(nx.weakly_connected_components(item.graph.to_networkx()))
    apart = [part for part in parts if not part & ends(item)]
    assert len(parts) == 2 and len(apart) == 1
    return apart[0]


def a_detour(yes, no):
    (cause, effect), direct = one_cut(yes, no)
    assert not ends(yes) & {cause, effect}
    detour = (no if direct is yes else yes).graph.to_networkx().to_undirected()
    assert nx.shortest_path_length(detour, cause, effect) >= 3


def given_exchanged(yes, no):
    """One node is conditioned on instead of another: that of the Yes, that of the No."""
    assert yes.graph == no.graph and (asked(yes).source, asked(yes).target) == (asked(no).source, asked(no).target)
    one, other = set(asked(yes).given), set(asked(no).given)
    (of_yes,), (of_no,) = one - other, other - one
    return of_yes, of_no


def shortest_paths(item):
    """(nodes, what stands on it: colliders, common causes) of all shortest paths, arrows ignored, between the ends."""
    graph = item.graph.to_networkx()
    for path in nx.all_shortest_paths(graph.to_undirected(), asked(item).source, asked(item).target):
        forward = [graph.has_edge(a, b) for a, b in pairwise(path)]
        turns = list(zip(path[1:], forward, forward[1:]))
        colliders = {node for node, before, after in turns if before and not after}
        yield path, colliders, {node for node, before, after in turns if after and not before}


def on_a_chain(item, node):
    return any(node in path and not colliders and not forks for path, colliders, forks in shortest_paths(item))


def under_a_common_cause(item, node):
    return any(node in path and not colliders and forks for path, colliders, forks in shortest_paths(item))


def a_collider(item, node):
    return any(node in colliders for _, colliders, _ in shortest_paths(item))


def below_a_collider(item, node):
    graph = item.graph.to_networkx()
    return any(
        node not in path and any(node in nx.descendants(graph, collider) for collider in colliders)
        for path, colliders, _ in shortest_paths(item)
    )


def a_step_of_a_path_cut(yes, no):
    edge, longer = one_cut(yes, no)
    assert any(set(edge) <= set(path) for path, _, _ in shortest_paths(longer))


def collider_for_chain(yes, no):
    turned = set(one_turned(yes, no))
    assert not turned & ends(yes)
    as_chain = [all(on_a_chain(item, node) for node in turned) for item in (yes, no)]
    as_collider = [any(a_collider(item, node) for node in turned) for item in (yes, no)]
    assert (as_chain[0] and as_collider[1]) or (as_chain[1] and as_collider[0])


def dseparation_told_effects_first(yes, no):
    given_exchanged(yes, no)
    told_effects_first(yes)


def transitivity_told_effects_first(yes, no):
    turned_away_from_the_ends(yes, no)
    told_effects_first(yes)


def turned_beside_a_component(yes, no):
    turned_away_from_the_ends(yes, no)
    assert in_a_part_of_its_own(yes) == in_a_part_of_its_own(no) and not set(
        one_turned(yes, no)
    ) & in_a_part_of_its_own(yes)


def given_from_a_component(yes, no):
    assert len(in_a_part_of_its_own(yes) & set(given_exchanged(yes, no))) == 1


CHANGED = {
    "transitivity": {
        "edge_cut": cut_away_from_the_ends,
        "edge_reversed": turned_away_from_the_ends,
        "cause_exchanged": exchanged(0),
        "effect_exchanged": exchanged(1),
        "names_look_alike": lambda yes, no: look_alike(*exchanged(1)(yes, no)),
        "query_reversed": query_turned,
        "effects_told_first": transitivity_told_effects_first,
        "irrelevant_component": turned_beside_a_component,
        "direct_edge_against_detour": a_detour,
    },
    "dseparation": {
        "edge_cut": a_step_of_a_path_cut,
        "edge_reversed": one_turned,
        "collider_for_chain": collider_for_chain,
        "collider_opened": given_exchanged,
        "descendant_of_collider": given_exchanged,
        "mediator_conditioned": given_exchanged,
        "common_cause_conditioned": given_exchanged,
        "names_look_alike": lambda yes, no: look_alike(*given_exchanged(yes, no)),
        "effects_told_first": dseparation_told_effects_first,
        "irrelevant_component": given_from_a_component,
        "direct_edge_against_detour": a_detour,
    },
}


def test_a_pair_differs_in_what_its_family_says(pairs):
    task, by_family = pairs
    for family, found in by_family.items():
        for yes, no in found:
            CHANGED[task][family](yes, no)


# What the node is that one side of a pair conditions on and the other does not, and of which side: separating is what a
# mediator and a common cause do, connecting what a collider and whatever is below it do.
PLACES = {
    "mediator_conditioned": (on_a_chain, 0),
    "common_cause_conditioned": (under_a_common_cause, 0),
    "collider_opened": (a_collider, 1),
    "descendant_of_collider": (below_a_collider, 1),
}


@pytest.mark.parametrize("pairs", ["dseparation"], indirect=True)
@pytest.mark.parametrize("family", PLACES)
def test_what_is_conditioned_on_stands_where_its_family_says(pairs, family):
    """Other paths may turn the answer round: rarely, and then it is the other side's."""
    stands, side = PLACES[family]
    found = []
    for yes, no in pairs[1][family]:
        placed = [stands(yes, node) for node in given_exchanged(yes, no)]
        assert any(placed)
        found.append(placed[side])
    assert sum(found) >= 0.9 * len(found)
