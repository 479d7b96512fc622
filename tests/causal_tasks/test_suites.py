"""Training sets and suites: labels, balance, determinism, disjointness, the released faults."""

from collections import Counter, defaultdict
from itertools import product

import networkx as nx
import pytest

from audits.faithfulness import published_shares, two_sample_z, unblocked_chain_shares
from audits.isomorphism import Structures, shared_structures
from causal_tasks import suites
from causal_tasks.faults import ALL_FAULTS, Faults
from causal_tasks.oracles import answer
from causal_tasks.questions import TASKS, parse
from causal_tasks.spec import EVALUATION_SPLITS, SPLITS, Spec
from causal_tasks.suites import available_splits, build, yes_share

CORRECTED = list(product(TASKS, SPLITS))
ALL = [
    (task, protocol, split)
    for task in TASKS
    for protocol in ("released", "corrected")
    for split in available_splits(task, protocol)
]


def with_faults(task, split, n, **switched):
    return list(suites.items(Spec(task, "released", split, n, 0, faults=Faults(**switched))))


def questions(items):
    return [(item, question) for item in items for question in item.questions]


@pytest.mark.parametrize("task, protocol, split", ALL)
def test_sample_depends_only_on_its_key(task, protocol, split):
    count = 2 if split == "symmetric" else 1  # questions a graph: there it has no choice
    items = build(task, protocol, split, 10 * count, 3, count)
    assert items == build(task, protocol, split, 10 * count, 3, count)
    assert items[:6] == build(task, protocol, split, 6 * count, 3, count)
    assert items[7] == suites.item(Spec(task, protocol, split, 10 * count, 3, count), 7)
    assert [i.premise for i in items] != [i.premise for i in build(task, protocol, split, 10 * count, 4, count)]
    assert items[7].id == f"{task}-{protocol}-{split}-3-000007"
    assert len({question.id for _, question in questions(items)}) == 10 * count


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("task, split", CORRECTED)
def test_corrected_suite_is_parseable_acyclic_correct_and_balanced(task, split, count):
    items = build(task, "corrected", split, 160, 0, count)
    strata = defaultdict(Counter)
    for item, question in questions(items):
        graph, asked = parse(item.premise, question.hypothesis)  # unique names, no cycle, no self-query
        assert (graph, asked) == (item.graph, question.question)
        assert answer(graph, asked) == question.label
        for stratum in question.strata.items():
            strata[stratum][question.label] += 1
    # Only the last block and the last item of the sample may be cut in two.
    most = 0 if count == 1 else count
    assert abs(yes_share(items) - 0.5) * 160 <= most / 2
    assert all(abs(labels[True] - labels[False]) <= most for labels in strata.values())
    assert sum(labels[True] != labels[False] for labels in strata.values()) <= len(strata) / 4
    assert all(len({q.hypothesis for q in item.questions}) == len(item.questions) <= count for item in items)
    assert sum(len(item.questions) for item in items) == 160


@pytest.mark.parametrize("count", [1, 2, 4, 8])
@pytest.mark.parametrize("split", SPLITS)
def test_order_of_mention_tells_nothing_about_transitivity(split, count):
    tally = Counter()
    for item, question in questions(build("transitivity", "corrected", split, 320, 1, count)):
        nodes = item.graph.nodes
        first = nodes.index(question.question.source) < nodes.index(question.question.target)
        tally[first, question.label] += 1
    for first in (True, False):
        assert abs(tally[first, True] - tally[first, False]) <= count


def test_three_questions_per_graph_are_as_balanced_as_three_can_be():
    for task in TASKS:
        for split in ("train", "branching"):
            full = [item for item in build(task, "corrected", split, 90, 0, 3)[:-1] if len(item.questions) == 3]
            assert len(full) > 10
            assert all(Counter(q.label for q in item.questions)[True] in (1, 2) for item in full)


@pytest.mark.parametrize("split", ["length", "branching"])
def test_where_an_odd_number_cannot_be_matched_one_less_is_asked(split):
    """Exchanges come in pairs about one graph, so that three questions are had by chance only: two, then, not one."""
    items = build("dseparation", "corrected", split, 90, 0, 3)[:-1]
    assert sum(len(item.questions) >= 2 for item in items) >= 0.8 * len(items)


@pytest.mark.parametrize(
    "split, nodes, name_lengths",
    [("in_distribution", (3, 6), (1, 3)), ("length", (7, 15), (1, 3)), ("long_names", (3, 6), (8, 10))],
)
@pytest.mark.parametrize("task", TASKS)
def test_sizes(task, split, nodes, name_lengths):
    for item in build(task, "corrected", split, 100, 0):
        assert nodes[0] <= len(item.graph.nodes) <= nodes[1]
        assert all(name_lengths[0] <= len(name) <= name_lengths[1] for name in item.graph.nodes)


def test_chains_are_chains_and_told_as_their_split_says():
    def along(item):  # is each sentence told towards the following one?
        return [edge[1] in following for edge, following in zip(item.graph.edges, item.graph.edges[1:])]

    for task in TASKS:
        for split in ("length", "reversed", "shuffled"):
            for item in build(task, "corrected", split, 40, 0):
                skeleton = item.graph.to_networkx().to_undirected()
                assert nx.is_connected(skeleton) and sorted(d for _, d in skeleton.degree)[-1] == 2
    forward, backward = (
        sum(sum(along(item)) for item in build("dseparation", "corrected", split, 200, 0))
        for split in ("length", "reversed")
    )
    assert forward > 1.5 * backward


def test_no_text_is_shared_between_train_validation_and_test():
    for task in TASKS:
        told = {}
        for split in SPLITS:
            items = build(task, "corrected", split, 400, 0) + build(task, "corrected", split, 200, 1, 4)
            told[split] = {frozenset(item.premise.rstrip(".").split(". ")) for item in items}
        tests = set().union(*(told[split] for split in EVALUATION_SPLITS))
        assert not told["train"] & told["validation"]
        assert not told["train"] & tests
        assert not told["validation"] & tests


def test_disjointness_holds_where_names_run_out():
    """By construction, not by luck: every graph over two one-character names belongs to exactly one partition."""
    from causal_tasks.graphs import CausalGraph
    from causal_tasks.naming import ALPHABET, partition

    partitions = Counter(partition(CausalGraph(((a, b),))) for a in ALPHABET for b in ALPHABET if a != b)
    assert set(partitions) == {"train", "validation", "test"}
    assert min(partitions.values()) > 0.2 * partitions.total()
    ab, bc = ("a", "b"), ("b", "c")
    assert partition(CausalGraph((ab, bc))) == partition(CausalGraph((bc, ab)))


def test_structural_overlap():
    for task in TASKS:
        trained = Structures(build(task, "corrected", "train", 3000, 0))
        shared, total = shared_structures(build(task, "corrected", "in_distribution", 200, 0), trained)
        assert total == 200 and shared > 80
        assert shared_structures(build(task, "corrected", "length", 100, 0), trained) == (0, 100)


@pytest.mark.parametrize("row", published_shares(), ids=lambda row: f"{row['task']}-{row['split']}")
def test_released_label_shares_agree_with_the_published_ones(row):
    n = 4000
    measured = yes_share(build(row["task"], "released", row["split"], n, 0))
    error, z = two_sample_z(measured, n, row["yes"], row["n"])
    assert abs(z) <= 3, f"{measured:.4f} against {row['yes']:.4f}, SE {error:.4f}"


def test_fault_a4_takes_a_quarter_of_the_separated_training_queries():
    shares = unblocked_chain_shares(build("dseparation", "released", "train", 6000, 0))
    assert shares["separated_labelled_no"] == pytest.approx(0.26, abs=0.045)
    assert shares["labels_wrong"] == pytest.approx(0.04, abs=0.01)
    without = with_faults("dseparation", "train", 500, unblocked_reversed_chain=False)
    assert unblocked_chain_shares(without)["labels_wrong"] == 0


def test_fault_a5_loses_the_separators_and_all_but_self_questions_answered_yes():
    faulty = build("transitivity", "released", "shuffled", 3000, 0)
    for item, question in questions(faulty):
        assert item.premise.count(".") == 1
        assert question.label == (question.question.source == question.question.target)
    kept = with_faults("transitivity", "shuffled", 500, lost_separators=False)
    assert all(item.premise.count(".") == len(item.graph.edges) for item in kept)
    assert 0.1 < yes_share(kept) < 0.3


def test_fault_a6_repeated_names_make_cycles_and_the_only_yes_labels_of_reversed():
    items = build("transitivity", "released", "reversed", 1500, 0)
    repeated = [len(item.graph.nodes) <= len(item.graph.edges) for item in items]
    cyclic = [not nx.is_directed_acyclic_graph(item.graph.to_networkx()) for item in items]
    assert repeated == cyclic
    assert sum(cyclic) / len(items) == pytest.approx(0.10, abs=0.025)
    assert all(merged for item, merged in zip(items, repeated) if item.questions[0].label)
    unique = with_faults("transitivity", "reversed", 300, repeated_names=False)
    assert yes_share(unique) == 0


def test_fault_a6_ordered_queries_make_length_single_class():
    assert yes_share(build("transitivity", "released", "length", 300, 0)) == 1
    either = with_faults("transitivity", "length", 600, ordered_queries=False, repeated_names=False)
    assert yes_share(either) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (("counterfactual", "corrected", "train", 5, 0), "unknown task 'counterfactual'; allowed: transitivity"),
        (("transitivity", "draft", "train", 5, 0), "unknown protocol 'draft'; allowed: released, corrected"),
        (("transitivity", "corrected", "longer", 5, 0), "unknown split 'longer'.*allowed: train"),
        (("transitivity", "released", "branching", 5, 0), "unknown split 'branching'.*released"),
        (("dseparation", "released", "length", 5, 0), "unknown split 'length'"),
        (("transitivity", "released", "train", 5, 0, 4), "one question per graph"),
        (("transitivity", "corrected", "train", 0, 0), "n is a number of questions"),
        (("transitivity", "corrected", "train", 5, 0, 0), "questions_per_graph >= 1"),
        (("transitivity", "corrected", "train", 5, 0, 1, ALL_FAULTS), "no released faults"),
    ],
)
def test_bad_requests_are_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        suites.items(Spec(*arguments))
