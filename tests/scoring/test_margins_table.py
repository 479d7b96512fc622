"""What the bootstrap resamples together: the questions on one premise, and the two of a minimal pair."""

import itertools
import json

from causal_tasks.files import MOST_QUESTIONS, read_jsonl
from causal_tasks.suites import build
from scoring.evaluation import margins_table


def test_questions_on_one_premise_are_one_graph_however_a_file_orders_them(tmp_path):
    names = "ABCDE"
    premises = [" ".join(f"{a} causes {b}." for a, b in itertools.pairwise(names)), "X causes Y."]
    asked = [(premises[0], f"Does {a} cause {b}?") for a in names for b in names if a != b]
    asked.insert(7, (premises[1], "Does X cause Y?"))
    lines = [json.dumps({"premise": p, "hypothesis": h, "label": "Yes"}) + "\n" for p, h in asked]
    (tmp_path / "file.jsonl").write_text("".join(lines))
    items = read_jsonl(tmp_path / "file.jsonl")
    assert len(items) == 3 and len(asked) > MOST_QUESTIONS
    table = margins_table(items, range(len(asked)), "transitivity", "file", "file")
    assert table["graph"].nunique() == 2
    assert (table["graph"] == table["graph"][7]).sum() == 1


def test_a_minimal_pair_is_one_graph():
    items = build("dseparation", "corrected", "adversarial", 20, 0)
    table = margins_table(items, range(20), "dseparation", "corrected", "adversarial")
    assert (table.groupby("graph").size() == 2).all()
    assert (table["graph"] == table["stratum/pair"]).all()
