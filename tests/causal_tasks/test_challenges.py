"""Adversarial minimal pairs, published graphs, hidden causes."""

from collections import Counter, defaultdict

import networkx as nx
import pytest

from audits.local_features import features
from causal_tasks import counts, suites
from causal_tasks.adversarial_families import DIFFERENT_COUNTS, FAMILIES
from causal_tasks.constructions.real_graphs import asked_about, networks
from causal_tasks.graphs import CausalGraph
from causal_tasks.oracles import answer
from causal_tasks.questions import TASKS, parse, say_premise
from causal_tasks.spec import Spec
from causal_tasks.suites import available_splits, build, yes_share

CHALLENGES = [(task, split) for task in TASKS for split in ("adversarial", "real_graphs", "hidden")]
CHALLENGES.remove(("transitivity", "hidden"))


@pytest.mark.parametrize("task, split", CHALLENGES)
def test_challenges_are_parseable_correct_balanced_and_reproducible(task, split):
    items = build(task, "corrected", split, 96, 0)
    strata = defaultdict(Counter)
    for item in items:
        (question,) = item.questions
        graph, asked = parse(item.premise, question.hypothesis)
        assert (graph, asked) == (item.graph, question.question)
        assert len(set(graph.edges)) == len(graph.edges)
        assert answer(graph, asked) == question.label
        for stratum in question.strata.items():
            strata[stratum][question.label] += 1
    assert yes_share(items) == 0.5
    assert all(labels[True] == labels[False] for labels in strata.values())
    assert items[::7] == [suites.item(Spec(task, "corrected", split, 96, 0), index) for index in range(0, 96, 7)]
    assert {item.premise for item in items} != {item.premise for item in build(task, "corrected", split, 96, 1)}


@pytest.fixture(scope="module", params=TASKS)
def pairs(request):
    """family -> [(Yes item, No item)] over 1,000 adversarial items."""
    by_pair, by_family = defaultdict(dict), defaultdict(list)
    for item in build(request.param, "corrected", "adversarial", 1000, 0):
        by_pair[item.questions[0].strata["pair"]][item.questions[0].label] = item
    for sides in by_pair.values():
        assert set(sides) == {True, False}
        by_family[sides[True].questions[0].strata["family"]].append((sides[True], sides[False]))
    assert len(by_pair) == 500
    return request.param, by_family


def test_there_are_eight_families_or_more_of_equal_size(pairs):
    task, by_family = pairs
    assert list(by_family) == list(FAMILIES[task]) and len(by_family) >= 8
    sizes = [len(found) for found in by_family.values()]
    assert max(sizes) - min(sizes) <= 1


def test_the_two_items_differ_in_one_edge_one_arrow_or_one_name(pairs):
    _, by_family = pairs
    for found in by_family.values():
        for yes, no in found:
            one, other = set(yes.graph.edges), set(no.graph.edges)
            asked, other_asked = yes.questions[0].question, no.questions[0].question
            if one != other:
                assert max(len(one - other), len(other - one)) == 1
                assert asked == other_asked
                kept = [edge for edge in yes.graph.edges if edge in one & other]
                assert kept == [edge for edge in no.graph.edges if edge in one & other]
            else:
                assert yes.graph == no.graph
                reversed_query = (asked.source, asked.target) == (other_asked.target, other_asked.source)
                given, other_given = set(asked.given), set(other_asked.given)
                assert (reversed_query and given == other_given) or max(
                    len(given - other_given), len(other_given - given)
                ) == 1


def test_families_hold_what_their_names_say(pairs):
    task, by_family = pairs
    for yes, no in by_family["edge_cut"]:
        assert abs(len(yes.graph.edges) - len(no.graph.edges)) == 1
    for yes, _ in by_family["names_look_alike"]:
        assert any(
            len(a) == len(b) and a != b and (sum(x != y for x, y in zip(a, b)) == 1 or sorted(a) == sorted(b))
            for a in yes.graph.nodes
            for b in yes.graph.nodes
        )
    for yes, _ in by_family["irrelevant_component"]:
        assert nx.number_weakly_connected_components(yes.graph.to_networkx()) >= 2
    for yes, no in by_family["direct_edge_against_detour"]:
        direct, detour = sorted((yes.graph.to_networkx(), no.graph.to_networkx()), key=nx.Graph.size, reverse=True)
        ((cause, effect),) = direct.edges - detour.edges
        assert nx.shortest_path_length(detour.to_undirected(), cause, effect) >= 3
    against = Counter()
    for yes, no in by_family["effects_told_first"]:
        for item in (yes, no) if task == "dseparation" else ():
            causes = [cause for cause, _ in item.graph.edges]
            graph = item.graph.to_networkx()
            against[any(a != b and nx.has_path(graph, a, b) for i, a in enumerate(causes) for b in causes[i:])] += 1
    assert not against[True]
    if task == "dseparation":
        for yes, no in by_family["collider_opened"]:
            (opened,) = set(no.questions[0].question.given) - set(yes.questions[0].question.given)
            assert yes.graph.to_networkx().in_degree(opened) >= 2
        for yes, no in by_family["mediator_conditioned"] + by_family["common_cause_conditioned"]:
            assert set(yes.questions[0].question.given) - set(no.questions[0].question.given)


def test_the_local_counts_of_a_pair_are_the_same(pairs):
    """But for what the family is about; where that is the order of mention, the Yes comes first as often as last."""
    for family, found in pairs[1].items():
        for yes, no in found:
            told = [features(item.graph, item.questions[0].question)[: len(counts.NAMES)] for item in (yes, no)]
            differing = {name for name, one, other in zip(counts.NAMES, *told) if one != other}
            assert differing <= DIFFERENT_COUNTS.get(family, set())


def test_pairs_need_an_even_number_and_one_question_each():
    with pytest.raises(ValueError, match="n must be even"):
        build("transitivity", "corrected", "adversarial", 7, 0)
    with pytest.raises(ValueError, match="one question per graph"):
        build("transitivity", "corrected", "adversarial", 8, 0, 2)
    with pytest.raises(ValueError, match="unknown split 'hidden'"):
        build("transitivity", "corrected", "hidden", 8, 0)
    assert "adversarial" not in available_splits("transitivity", "released")


SIZES = {  # nodes, edges as the bnlearn repository states them
    "cancer": (5, 4),
    "earthquake": (5, 4),
    "survey": (6, 6),
    "asia": (8, 8),
    "sachs": (11, 17),
    "child": (20, 25),
    "insurance": (27, 52),
    "alarm": (37, 46),
}


def test_published_graphs_have_their_published_sizes_and_human_names():
    assert {n.name: (len(n.nodes), len(n.edges)) for n in networks()} == SIZES
    for network in networks():
        graph = nx.DiGraph(network.edges)
        assert nx.is_directed_acyclic_graph(graph) and len(set(network.edges)) == len(network.edges)
        assert len(set(network.nodes)) == len(network.nodes) and network.citation
        assert max(map(len, network.nodes)) > 3  # no training text can name it
        told = tuple((network.nodes[a], network.nodes[b]) for a, b in network.edges)
        assert parse(say_premise(CausalGraph(told)), f"Does {told[0][0]} cause {told[0][1]}?")


@pytest.mark.parametrize("name", SIZES)
def test_published_graphs_equal_pgmpy_s_copy(name):
    utils = pytest.importorskip("pgmpy.utils")
    (network,) = (n for n in networks() if n.name == name)
    ours = {(network.originals[a], network.originals[b]) for a, b in network.edges}
    assert ours == set(utils.get_example_model(name).edges())


def test_real_graphs_asks_about_every_network_that_has_matched_questions():
    for task in TASKS:
        asked = Counter(item.questions[0].strata["network"] for item in build(task, "corrected", "real_graphs", 80, 0))
        assert asked == {network.name: 80 / len(asked_about(task)) for network in asked_about(task)}
    assert [network.name for network in asked_about("transitivity")] == ["sachs", "child", "insurance", "alarm"]


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("task", TASKS)
def test_real_graphs_asks_no_question_twice(task, count):
    items = build(task, "corrected", "real_graphs", 800, 0, count)
    assert len({(item.premise, question.hypothesis) for item in items for question in item.questions}) == 800


def test_every_order_of_telling_is_another():
    asia = next(network for network in networks() if network.name == "asia")
    assert len({tuple(asia.told(order)) for order in range(1000, 1000 + 720)}) == 720
    assert sorted(asia.told(5)) == sorted(asia.edges)


def test_several_questions_about_published_and_hidden_graphs():
    for task, split in CHALLENGES:
        if split != "adversarial":
            items = build(task, "corrected", split, 64, 0, 4)
            assert len(items) < 32
            assert all(answer(item.graph, q.question) == q.label for item in items for q in item.questions)
            assert abs(yes_share(items) - 0.5) * 64 <= 2


def test_hidden_causes_decide_many_answers():
    """A reader who skips the hidden causes is wrong on about half of the No items, and only on those."""
    wrong = Counter()
    items = build("dseparation", "corrected", "hidden", 200, 0)
    for item in items:
        (question,) = item.questions
        assert 1 <= len(item.graph.hidden) <= 3
        visible = nx.DiGraph(item.graph.edges)
        asked = question.question
        visible.add_nodes_from(item.graph.nodes)
        seen = nx.is_d_separator(visible, asked.source, asked.target, set(asked.given))
        wrong[question.label] += seen != question.label
    assert wrong[True] == 0
    assert 30 <= wrong[False] <= 70
