"""The benchmarks of data and tables run, and report what they say they do; how fast is not tested."""

import json

from benchmarks import data_speed, tables_speed


def test_data_speed_reports_every_case(tmp_path, capsys):
    assert data_speed.main(["questions=40", "repetitions=2", "written=8", f"out={tmp_path}"]) == 0
    report = json.loads((tmp_path / "data_speed.json").read_text())
    assert [(row["task"], row["protocol"], row["questions_per_graph"]) for row in report["drawn"]] == list(
        data_speed.CASES
    )
    assert all(
        len(row["questions_per_second"]) == 2 and row["random_numbers_a_question"] > 1 for row in report["drawn"]
    )
    assert [row["questions"] for row in report["written"]] == [56, 56]
    assert "| dseparation | corrected | 4 |" in capsys.readouterr().out


def test_tables_speed_makes_runs_that_the_tables_can_read(tmp_path, capsys):
    assert tables_speed.main(["seeds=2", "margins=3000", "repetitions=1", f"out={tmp_path}"]) == 0
    report = json.loads((tmp_path / "tables_speed.json").read_text())
    assert (report["runs"], report["problems"], len(report["seconds"])) == (
        9,
        0,
        1,
    )  # two seeds of four, and the untrained model
    assert report["margins_of_a_run"] > 2000 and report["tables"] > 10 and report["figures"] > 5
    assert "| 9 |" in capsys.readouterr().out
