import math

import pytest

from benchmarks.constraint_information import bits, table
from benchmarks.readme_table import README
from causal_tasks.families import constraint_queries
from causal_tasks.graphs import CausalGraph
from causal_tasks.items import Item, LabelledQuestion
from causal_tasks.questions import Question


def family(task, edges):
    """All questions about the three nodes a, b and c; labels are not read."""
    names = "abc"
    asked = (
        Question(task, names[i], names[j], tuple(names[k] for k in given))
        for i, j, given in constraint_queries(task, range(3))
    )
    questions = tuple(LabelledQuestion(str(k), "", False, question, {}) for k, question in enumerate(asked))
    return Item("item", "", questions, CausalGraph(tuple(edges)), task)


def test_a_chain_is_told_answer_by_answer():
    found = bits([family("transitivity", [("a", "b"), ("b", "c")])], 3)
    assert found["axioms"] == pytest.approx(math.log2(64 / 19))
    assert found["axioms_and_facts"] == pytest.approx(6)
    assert found["deduced"] == pytest.approx(6)


def test_a_collider_leaves_a_joint_part():
    # a and c cause b: four answers are certain, and of a before c, c before a not both.
    found = bits([family("transitivity", [("a", "b"), ("c", "b")])], 3)
    assert found["deduced"] == pytest.approx(4)
    assert found["axioms_and_facts"] == pytest.approx(4 + math.log2(4 / 3))


def test_d_separation_by_hand():
    # a - b - c: what is joined is never separated (two pairs, marginally and given the third); a and c are separated
    # marginally (collider), given b (chain, fork), or never (joined through others), but not both.
    found = bits([family("dseparation", [("a", "b"), ("c", "b")])], 3)
    assert found["axioms"] == pytest.approx(math.log2(64 / 11))
    assert found["deduced"] == pytest.approx(4)
    assert found["axioms_and_facts"] == pytest.approx(4 + math.log2(4 / 3))


def test_the_mean_is_over_families():
    chain, collider = ([("a", "b"), ("b", "c")], [("a", "b"), ("c", "b")])
    both = bits([family("transitivity", edges) for edges in (chain, collider)], 3)
    assert both["deduced"] == pytest.approx(5)


def test_the_table_is_in_the_readme():
    rows = [line for line in table(graphs=4).splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 4
    text = README.read_text()
    written = text.split("<!-- information: begin -->")[1].split("<!-- information: end -->")[0]
    for row in rows:
        task, nodes, answers = row.split(" | ")[:3]
        assert f"{task} | {nodes} | {answers} |" in written
