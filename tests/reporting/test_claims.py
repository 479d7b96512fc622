"""The claims: what is measured beside the published figure, and the evidence that decides them."""

import json
import math
import shutil

import pandas as pd
import pytest
import yaml

from reporting import tables
from reporting.evidence import evidence, last_merges, paired_by_seed
from reporting.table import percentage
from scoring.seeds import interval_over_seeds


def test_phrases_round_as_the_tables_do():
    assert (percentage(0.6295), percentage(0.0605), percentage(0.2775)) == ("63.0", "6.1", "27.8")
    assert (percentage(0.0105, "+"), percentage(-0.0105, "+")) == ("+1.1", "-1.1")


def test_claims_put_the_measurement_beside_the_published_figure(made):
    frame = made["claims"].set_index("id")
    assert list(frame.index) == [f"C{i}" for i in range(1, 9)]
    assert "transitivity_ce collapsed in 2 of 2 runs" in frame.loc["C1", "measured"]
    assert frame.loc["C3", "published"] == "70.4 % accuracy"
    assert "points" in frame.loc["C5", "measured"] and "(seed 0)" in frame.loc["C8", "measured"]
    assert frame["verdict"].to_dict() == {
        "C1": "not settled", "C2": "replicates", "C3": "not settled", "C4": "not settled", "C5": "not settled",
        "C6": "not settled", "C7": "not settled", "C8": "not settled",
    }  # fmt: skip
    assert frame["runs"].unique().tolist() == [6] and frame["unfinished"].unique().tolist() == [0]


def test_only_runs_whose_answers_are_counted_are_counted(tmp_path, make_run):
    for variant in ("transitivity_ce", "transitivity_semantic"):
        folder = make_run(tmp_path, variant, n=40)
    shutil.rmtree(folder / "evaluation/published")
    claims = tables(tmp_path)["claims"].set_index("id")
    assert claims.loc["C7", "measured"] == "200 answers by 1 of the five variants"


def test_enough_seeds_decide_what_fewer_do_not(tmp_path, make_run):
    """The evidence is read from the tables: constant runs, paired gains over seeds, answers to the published suites."""
    for seed in range(4):
        for variant in ("transitivity_ce", "transitivity_semantic"):
            make_run(tmp_path, variant, seed, protocol="released")
    verdict = tables(tmp_path)["claims"].set_index("id")["verdict"]
    assert verdict["C1"] == "transitivity: replicates; dseparation: not settled"  # d-separation was not run
    assert verdict["C3"] == verdict["C5"] == "replicates"
    assert verdict["C2"] == "not settled"  # what a constant answer would score is no measurement


def test_a_run_trained_with_another_prompt_is_asked_with_both(tmp_path, make_run):
    """Three seeds, constant with the benchmark's prompt: with their own the first is too, the second is not, the third was not
    asked."""
    for seed, majority in enumerate((1.0, 0.6, None)):
        folder = make_run(tmp_path, "dseparation_ce", seed, n=100, protocol="released")
        config = yaml.safe_load((folder / "config.yaml").read_text())
        (folder / "config.yaml").write_text(yaml.safe_dump(config | {"prompt": "dseparation_released"}))
        if majority is not None:
            report = json.loads((folder / "evaluation/corrected/metrics.json").read_text())
            for row in report["rows"]:
                row["majority_share"] = majority
            again = folder / "evaluation/corrected-dseparation_released"
            again.mkdir()
            (again / "metrics.json").write_text(json.dumps(report | {"prompt": "dseparation_released"}))
    make_run(tmp_path, "transitivity_ce", n=100, protocol="released")
    made = tables(tmp_path)
    judged = made["table4_collapse"].set_index(["variant", "seed"])
    assert judged["prompt"].tolist() == ["", *["dseparation_released"] * 3]
    assert judged.loc["dseparation_ce", "majority_as_trained"].tolist() == pytest.approx(
        [1.0, 0.6, math.nan], nan_ok=True
    )
    (claim,) = made["claims"].query("id == 'C1'").to_dict("records")
    assert "; with the prompt of training in 1 of 2, one answer 100.0, 60.0 %" in claim["measured"]
    assert claim["verdict"] == "not settled"
    found = evidence(made, made["forensics"], made["adapter_growth"])
    assert found.constant["dseparation_ce"] == [True, None, None] and found.constant["transitivity_ce"] == [True]
    strict = evidence(made, made["forensics"], made["adapter_growth"], share=1.01)
    assert strict.constant["dseparation_ce"] == [False, False, None]


@pytest.mark.parametrize(("model", "explained"), [("tiny", False), ("gemma3_270m", True), ("gemma3_270m_it", True)])
def test_only_the_papers_model_says_what_explains_its_figures(tmp_path, make_run, model, explained):
    for seed in range(3):
        folder = make_run(tmp_path, "transitivity_ce", seed, n=40, protocol="released", model=model)
        path = folder / "evaluation/corrected/metrics.json"
        report = json.loads(path.read_text())
        for row in report["rows"]:
            row["majority_share"] = 0.6
        path.write_text(json.dumps(report))
    (claim,) = tables(tmp_path)["claims"].query("id == 'C1'").to_dict("records")
    assert claim["verdict"] == "transitivity: does not replicate; dseparation: not settled"
    assert claim["published_figure"] == ("explained by A11" if explained else "")


def test_the_merge_that_kept_most_is_the_one_that_counts():
    """Of each seed the last step at which adapter and merge were compared."""
    columns = ["seed", "step", "adapter", "merged_4bit", "flips", "margins_left"]
    rows = [("0", 1, 0.9, 0.3, 0.5, 0.5), ("0", 2, 0.9, 0.3, 0.001, 0.0001), ("0", 3, 0.9, None, None, None)]
    rows += [("1", 2, 0.9, 0.3, 0.002, -0.02)]
    growth = pd.DataFrame(rows, columns=columns).assign(variant="transitivity_semantic", of=9, flips_n=10)
    merges = last_merges(growth, "transitivity_semantic")
    assert merges["step"].tolist() == [2, 2]
    assert (merges["flips"].max(), merges["margins_left"].abs().max()) == (0.002, 0.02)


@pytest.mark.parametrize(("ours", "gained"), [(0.5, 0.0), (1.0, 0.5), (0.5 + 1e-12, 0.0)])
def test_three_seeds_that_do_not_differ_show_the_gain_of_each(ours, gained):
    """Two variants that both give the constant answer gained nothing; one that is perfect in every seed did."""
    rows = pd.DataFrame({"variant": ["a"] * 3 + ["b"] * 3, "seed": ["0", "1", "2"] * 2, "mcc": [ours] * 3 + [0.5] * 3})
    assert interval_over_seeds(paired_by_seed(rows, "mcc", "a", "b")) == (gained, gained)
    assert interval_over_seeds(paired_by_seed(rows[rows["seed"] != "2"], "mcc", "a", "b")) is None
