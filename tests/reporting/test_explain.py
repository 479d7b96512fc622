"""A number in a table names the runs behind it."""

import pandas as pd
import pytest

from reporting import write_all
from reporting.explain import explain
from reporting.run_files import ResultsError
from tables import main


@pytest.fixture(scope="module")
def results(five_variants, tmp_path_factory):
    """The five variants' runs, and their tables."""
    folder = tmp_path_factory.mktemp("explained")
    (folder / "runs").symlink_to(five_variants / "runs")
    write_all(folder)
    return folder


def row_of(results, table, variant, **cells):
    frame = pd.read_csv(results / f"tables/{table}.csv").astype(str)
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
