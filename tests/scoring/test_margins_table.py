"""What the bootstrap resamples together: the questions on one premise, and the two of a minimal pair."""

import itertools
import json

import pandas as pd

from causal_tasks.files import MOST_QUESTIONS, read_jsonl
from causal_tasks.suites import build
from scoring.evaluation import margins_table
from scoring.pairs import of_pairs, pair_scores


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


def test_files_that_number_their_lines_alike_share_no_block():
    item = build("transitivity", "corrected", "in_distribution", 1, 0)
    one, other = (margins_table(item, [0.0], "transitivity", "file", split) for split in ("one", "other"))
    assert one["block"][0] != other["block"][0]
    pairs = build("dseparation", "corrected", "adversarial", 2, 0)
    one, other = (margins_table(pairs, [0.0, 0.0], "dseparation", "file", split) for split in ("one", "other"))
    assert one["block"].nunique() == 1 and one["block"][0] != other["block"][0]
    assert pair_scores(of_pairs(pd.concat([one, other])))["pairs"] == 2


def test_a_file_named_like_a_suite_is_not_drawn_in_blocks(tmp_path):
    lines = [
        json.dumps({"premise": f"{n} causes B.", "hypothesis": f"Does {n} cause B?", "label": "Yes"}) for n in "VWXYZ"
    ]
    path = tmp_path / "transitivity-corrected-mine-1.jsonl"
    path.write_text("\n".join(lines))
    table = margins_table(read_jsonl(path), 0.0, "transitivity", "file", path.stem)
    assert table["block"].nunique() == 5


def test_a_minimal_pair_is_one_graph():
    items = build("dseparation", "corrected", "adversarial", 20, 0)
    table = margins_table(items, range(20), "dseparation", "corrected", "adversarial")
    assert (table.groupby("graph").size() == 2).all()
    assert (table["graph"] == table["stratum/pair"]).all()
