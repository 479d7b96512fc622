"""A number in a table names the runs behind it."""

import pandas as pd
import pytest

from reporting.explain import explain
from reporting.report import build_tables
from reporting.results import load
from reporting.run_files import ResultsError
from reporting.verdicts import JUDGED_BY, RULES
from tables import main
from tests.reporting.conftest import write_run, write_unfinished_run


def write_tables(folder):
    """The CSV files as tables.py writes them; figures and pages are not asked for."""
    (folder / "tables").mkdir()
    for name, table in build_tables(load(folder)).items():
        (folder / f"tables/{name}.csv").write_text(table.csv(), encoding="utf-8")


@pytest.fixture(scope="module")
def results(five_variants, tmp_path_factory):
    """The five variants' runs, and their tables."""
    folder = tmp_path_factory.mktemp("explained")
    (folder / "runs").symlink_to(five_variants / "runs")
    write_tables(folder)
    return folder


def row_of(results, table, variant, **cells):
    frame = pd.read_csv(results / f"tables/{table}.csv", keep_default_na=False).astype(str)
    wanted = (frame["variant"] == variant) & (frame[list(cells)] == pd.Series(cells)).all(axis=1)
    return frame.index[wanted][0] + 1


def test_a_row_of_one_seed_names_its_run_commit_config_and_fingerprints(results):
    row = row_of(results, "table4_collapse", "transitivity_ce", seed="1")
    text = explain(results, f"table4_collapse:{row}:mcc")
    (folder,) = [line.split(": ")[1] for line in text.splitlines() if line.startswith("transitivity_ce")]
    assert "seed1" in folder and f"{folder}/config.yaml" in text
    assert "0123456789abcdef" in text and "python train.py" in text
    assert "corrected: questions" in text


def test_a_rate_over_seeds_names_all_of_them(results):
    row = row_of(results, "table4_collapse_rate", "transitivity_ce")
    text = explain(results, f"table4_collapse_rate:{row}:rate")
    assert (
        "transitivity_ce, seed 0:" in text and "transitivity_ce, seed 1:" in text and "dseparation_ce, seed" not in text
    )


@pytest.mark.parametrize(
    ("claim", "variants"),
    [("C1", {"transitivity_ce", "dseparation_ce"}), ("C4", {"dseparation_ce", "dseparation_semantic"})],
)
def test_a_claim_names_the_runs_of_its_group_that_it_is_judged_by(results, claim, variants):
    text = explain(results, f"claims:{claim}:verdict")
    named = {line.split(",")[0] for line in text.splitlines() if ", seed 0: " in line}
    assert named == variants and "No run here" not in text
    assert set(JUDGED_BY) == set(RULES)


def test_a_published_number_has_no_run(results):
    assert "No run here stands behind it" in explain(results, "summary:always Yes:paper")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("summary", "must be TABLE:ROW:COLUMN"),
        ("nothing:1:mcc", "no table nothing; there are ablation"),
        ("../summary:1:mcc", "no table ../summary"),
        ("summary:1:mmc", "summary has no column mmc; it has variant"),
        ("summary:0:mcc", "the table has rows 1 to"),
        ("summary:nobody:mcc", "nobody is in none of"),
    ],
)
def test_what_there_is_not_is_one_line(results, number, message, capsys):
    with pytest.raises(ResultsError, match=message):
        explain(results, number)
    assert main([f"results={results}", f"explain={number}"]) == 1
    assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Two settings of one variant, the untrained model at two scales, and an unfinished run; with the tables' CSV files."""
    folder = tmp_path_factory.mktemp("mixed")
    for keys in ({}, {"data": {"yes_share": 0.5}}):
        write_run(folder, "transitivity_ce", n=40, **keys)
    for scale in ("smoke", "demo"):
        write_run(folder, "pretrained", n=40, scale=scale)
    unfinished = write_unfinished_run(folder, "transitivity_semantic")
    (unfinished / "training_log.jsonl").write_text('{"step": 1, "progress": 0.1}\n')
    write_tables(folder)
    return folder


def folders(text):
    """Of the runs that an explanation names."""
    return [line.split(": ")[1] for line in text.splitlines() if ", seed 0: " in line]


@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ("table4_collapse", {"variant": "transitivity_ce", "setting": "50 % Yes"}),
        ("table4_collapse", {"variant": "transitivity_ce", "setting": ""}),
        ("table4_collapse", {"variant": "pretrained", "scale": "demo", "task": "dseparation"}),
        ("runs", {"variant": "transitivity_semantic"}),
    ],
)
def test_only_the_run_of_that_setting_and_scale_is_named_an_unfinished_one_too(mixed, table, cells):
    row = row_of(mixed, table, **cells)
    (found,) = folders(explain(mixed, f"{table}:{row}:seed"))
    for run in load(mixed).runs + load(mixed).underway:
        same = run.settings.variant == cells["variant"] and run.settings.scale == cells.get("scale", "smoke")
        assert (str(run.folder) == found) is (same and run.setting == cells.get("setting", ""))


def test_the_untuned_model_stands_behind_its_rows_of_forensics_and_behind_no_constant_answer(mixed):
    row = row_of(mixed, "forensics", "transitivity_ce", source="untuned model", scale="smoke")
    (found,) = folders(explain(mixed, f"forensics:{row}:mean"))
    assert "/pretrained/" in found
    row = row_of(mixed, "table1_accuracy", "always No", suites="released", scale="demo")
    assert folders(explain(mixed, f"table1_accuracy:{row}:mean")) == []


def test_a_released_number_names_the_scores_on_the_released_suites_alone(mixed):
    row = row_of(mixed, "table1_accuracy", "transitivity_ce", source="measured", suites="released")
    text = explain(mixed, f"table1_accuracy:{row}:mean")
    assert "scored     published:" in text and "scored     corrected:" not in text
