from pathlib import Path

import pytest

from benchmarks import losses as benchmark
from benchmarks import readme_table


def test_the_table_has_a_row_for_each_case(monkeypatch):
    monkeypatch.setattr(benchmark, "MEASURE_SECONDS", 0.001)
    cases = [benchmark.CASES[0], *(case for case in benchmark.CASES if "exact" in case[0] and case[3] == 6)]
    monkeypatch.setattr(benchmark, "CASES", cases)
    rows = [line for line in benchmark.table().splitlines() if line.startswith("| `")]
    assert len(rows) == len(cases)
    assert all(float(row.split("|")[3]) > 0 for row in rows)


def test_the_table_goes_between_its_markers(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- cost: begin -->\nold\n<!-- cost: end -->\nafter\n")
    monkeypatch.setattr(readme_table, "README", readme)
    readme_table.write("new", "cost")
    assert readme.read_text() == "before\n<!-- cost: begin -->\nnew\n<!-- cost: end -->\nafter\n"
    readme.write_text("no markers")
    with pytest.raises(ValueError, match="the markers .* are missing"):
        readme_table.write("new", "cost")


def test_the_command_writes_only_where_it_is_told_to(tmp_path, monkeypatch, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- cost: begin -->\nold\n<!-- cost: end -->\n")
    monkeypatch.setattr(readme_table, "README", readme)
    assert readme_table.command([], "losses", lambda: "new", "cost") == 0
    assert "old" in readme.read_text() and capsys.readouterr().out == "new\n"
    assert readme_table.command(["write=true"], "losses", lambda: "new", "cost") == 0
    assert "new" in readme.read_text()
    assert readme_table.command(["write=yes"], "losses", lambda: "new", "cost") == 2
    assert "losses: write= is true or false, not 'yes'" in capsys.readouterr().err


def test_every_loss_is_described_and_its_cost_listed():
    text = readme_table.README.read_text()
    described, cost = text.split("<!-- cost: begin -->")
    for path in Path("conf/loss").glob("*.yaml"):
        assert f"| `{path.stem}`" in described, path.stem
        assert f"| `{path.stem}`" in cost, path.stem
