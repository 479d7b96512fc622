import json

from benchmarks import questions_per_graph as benchmark


def test_both_ways_ask_the_same_and_agree(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "QUESTIONS", (1, 4))
    assert benchmark.main(["model=tiny", "graphs=3", "repetitions=1", f"out={tmp_path}"]) == 0
    result = json.loads((tmp_path / "questions_per_graph.json").read_text())
    assert [(row["task"], row["questions_per_graph"]) for row in result["rows"]] == [
        (task, k) for task in ("transitivity", "dseparation") for k in (1, 4)
    ]
    for row in result["rows"]:
        assert row["questions"] == 3 * row["questions_per_graph"]
        assert row["largest_margin_difference"] <= 1e-4
        assert row["packed_queries_per_second"] > 0 and row["separate_queries_per_second"] > 0
    table = (tmp_path / "questions_per_graph.md").read_text()
    assert table.count("\n| transitivity") == 2 and "model=tiny" in table and table in capsys.readouterr().out


def test_bad_arguments_are_one_clear_line(capsys):
    assert benchmark.main(["modle=tiny"]) == 2
    assert "unknown argument 'modle=tiny'; allowed: model=, graphs=, repetitions=, out=" in capsys.readouterr().err
    assert benchmark.main(["graphs=none"]) == 2
