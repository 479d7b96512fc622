"""Tokens of packed questions, counted by hand from the encoded prompts."""

import json

from benchmarks import packed_tokens
from benchmarks.packed_tokens import main
from benchmarks.scoring_speed import graphs_with
from models.loading import load_answerer


def test_the_bound_is_the_ratio_of_the_tokens(composed, tmp_path, monkeypatch):
    monkeypatch.setattr(packed_tokens, "QUESTIONS", (1, 4))
    assert main(["model=tiny", "graphs=2", f"out={tmp_path}"]) == 0
    rows = json.loads((tmp_path / "packed_tokens.json").read_text())["rows"]
    assert [(row["task"], row["questions_per_graph"]) for row in rows] == [("transitivity", 4), ("dseparation", 4)]
    encoded = load_answerer(composed("model=tiny").model)[0].prompt_format.encode(graphs_with("transitivity", 4, 2))
    prefix, row = rows[0]["prefix_tokens"], rows[0]
    assert row["packed_tokens"] == prefix + sum(one.length - prefix for one in encoded)
    assert row["separate_tokens"] == sum(len(one.shared) + len(tail) for one in encoded for tail in one.branches)
    assert row["bound"] == row["separate_tokens"] / row["packed_tokens"] > 1


def test_bad_settings_are_one_line(capsys):
    assert main(["graphs=0"]) == 2 and main(["model=none"]) == 2
    assert capsys.readouterr().err.count("packed_tokens: ") == 2
