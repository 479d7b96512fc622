"""Items that ask whole families, against hand-worked graphs, networkx and the axioms."""

import subprocess
import sys

import pytest

from causal_tasks import suites
from causal_tasks.constructions.families import AIMS, ask_family
from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.labels import check_labels
from causal_tasks.questions import Question, say_premise, say_question
from causal_tasks.spec import Spec
from losses.constraints import axioms, find_groups

KINDS = [("transitivity", 6), ("transitivity", 12), ("transitivity", 30), ("dseparation", 6), ("dseparation", 24)]


def family(task, split="train", seed=0, k=6, n=1000):
    return Spec(task, "corrected", split, n, seed, k, questions="families")


def build(*key):
    return list(suites.items(family(*key)))


def about(task, *edges):
    """An item of the corrected protocol about a given graph."""
    graph = CausalGraph(edges)
    question = Question(task, *edges[0])
    labelled = LabelledQuestion("x-0", say_question(question), task == "transitivity", question, {"nodes": 3})
    return Item("x", say_premise(graph), (labelled,), graph, task)


def answers(item):
    """(pair in the given order, or sorted where order means nothing; conditioning set) → label."""
    found = {}
    for labelled in item.questions:
        question = labelled.question
        pair = question.source + question.target
        found[pair if item.task == "transitivity" else "".join(sorted(pair)), "".join(question.given)] = labelled.label
    return found


@pytest.mark.parametrize(
    ("task", "edges", "yes"),
    [
        ("transitivity", ["AB", "BC"], {("AB", ""), ("BC", ""), ("AC", "")}),
        ("transitivity", ["AB", "CB"], {("AB", ""), ("CB", "")}),
        ("transitivity", ["BA", "BC"], {("BA", ""), ("BC", "")}),
        ("dseparation", ["AB", "BC"], {("AC", "B")}),
        ("dseparation", ["BA", "BC"], {("AC", "B")}),
        ("dseparation", ["AB", "CB"], {("AC", "")}),
        ("dseparation", ["AB", "BC", "AC"], set()),
    ],
)
def test_all_questions_about_three_nodes_by_hand(task, edges, yes):
    item = about(task, *map(tuple, edges))
    asked = ask_family(family(task), 0, item)
    if task == "transitivity":
        expected = {(pair, "") for pair in ("AB", "BA", "AC", "CA", "BC", "CB")}
    else:
        expected = {("AB", ""), ("AB", "C"), ("AC", ""), ("AC", "B"), ("BC", ""), ("BC", "A")}
    assert set(answers(asked)) == expected and len(asked.questions) == 6
    assert {key for key, label in answers(asked).items() if label} == yes
    assert asked.premise == item.premise and asked.graph == item.graph


def test_a_family_all_of_whose_answers_are_yes_is_found_in_its_context():
    """B causes A, C and D: given B, and only given B, the three are pairwise separated, whatever else is given."""
    star = about("dseparation", ("B", "A"), ("B", "C"), ("B", "D"))
    asked = answers(ask_family(family("dseparation"), AIMS["dseparation"].index(1), star))
    assert all(asked.values())
    assert set(asked) == {("AC", "B"), ("AC", "BD"), ("AD", "B"), ("AD", "BC"), ("CD", "B"), ("CD", "AB")}


@pytest.mark.parametrize(("task", "k"), KINDS)
def test_labels_are_what_the_graph_entails_and_satisfy_the_axioms(task, k):
    items = build(task, "train", 3, k, 25 * k)
    report = check_labels(items)
    assert report.agreeing == report.questions >= 20 * k
    _statements, clauses = axioms(task, 3)
    for item in items:
        questions = [(q.question.source, q.question.target, q.question.given) for q in item.questions]
        groups = find_groups(task, questions, 3)
        assert groups and not any(group.symmetric for group in groups)
        for group in groups:
            world = [item.questions[asked].label for (asked,) in group.statements]
            assert all(any(world[abs(v) - 1] == (v > 0) for v in clause) for clause in clauses)


@pytest.mark.parametrize(("task", "k"), KINDS)
def test_an_item_depends_on_its_seed_and_index_alone(task, k):
    items = build(task, "train", 5, k, 8 * k)
    again = [suites.item(family(task, "train", 5, k), index) for index in reversed(range(len(items)))]
    assert items == again[::-1]
    assert items[0] != suites.item(family(task, "train", 6, k), 0)
    ids = [question.id for item in items for question in item.questions]
    assert len(set(ids)) == len(ids)


def test_graphs_are_those_of_the_corrected_protocol_and_splits_share_no_text():
    for task in ("transitivity", "dseparation"):
        told = {}
        for split in ("train", "validation", "in_distribution"):
            items = build(task, split, 0, 6, 40 * 6)
            sampled = [suites.item(Spec(task, "corrected", split, 1, 0), index) for index in range(len(items))]
            assert [item.premise for item in items] == [item.premise for item in sampled]
            # as sets of sentences: their order makes no other graph
            told[split] = {
                frozenset(item.graph.edges) for item in items + suites.build(task, "corrected", split, 60, 9)
            }
        assert not told["train"] & (told["validation"] | told["in_distribution"])
        assert not told["validation"] & told["in_distribution"]


@pytest.mark.parametrize(("task", "low", "high"), [("transitivity", 0.38, 0.46), ("dseparation", 0.46, 0.56)])
def test_answers_are_as_balanced_as_families_allow(task, low, high):
    items = build(task, "train", 0, 6, 240 * 6)
    assert low < suites.yes_share(items) < high
    counts = {sum(question.label for question in item.questions) for item in items}
    assert counts == ({1, 2, 3} if task == "transitivity" else {0, 1, 4, 6})


def test_smaller_graphs_are_asked_about_all_their_nodes_and_families_are_never_cut():
    items = build("transitivity", "train", 0, 30, 700)
    sizes = {len(item.graph.nodes) for item in items}
    assert sizes == {3, 4, 5, 6}
    assert all(len(item.questions) == len(item.graph.nodes) * (len(item.graph.nodes) - 1) for item in items)
    assert 700 - 30 < sum(len(item.questions) for item in items) <= 700


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build("transitivity", "train", 0, 8), "=8: a family of task=transitivity has 6, 12, 20"),
        (lambda: build("dseparation", "train", 0, 12), "=12: a family of task=dseparation has 6, 24, 80"),
        (lambda: build("transitivity", "train", 0, 6, 5), "n=5 questions are fewer than the 6"),
        (lambda: build("transitivity", "tests"), "unknown split 'tests'"),
    ],
)
def test_what_cannot_be_asked_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_neither_families_nor_closure_distances_need_torch():
    code = "import sys, causal_tasks.families, scoring.closure; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
