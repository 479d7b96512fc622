"""Which runs stand together in a table, and what is never mixed."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from records.run_settings import RunSettings
from reporting import tables
from reporting.groups import CONTROL, VARIANTS, grouped, of_group
from reporting.report import build_tables
from reporting.results import load
from reporting.run import Run
from reporting.table import percentage
from scoring.seeds import over_seeds
from training.settings import composed


def test_paired_test_refuses_different_items(tmp_path, make_run):
    make_run(tmp_path, "transitivity_ce", n=40)
    folder = make_run(tmp_path, "transitivity_semantic", n=40)
    path = folder / "evaluation/corrected/margins.parquet"
    margins = pd.read_parquet(path)
    margins.assign(id=margins["id"] + "x").to_parquet(path)
    results = load(tmp_path)
    assert build_tables(results)["paired_tests"].frame.empty
    assert len(results.problems) == 1
    assert "not compared with" in results.problems[0] and "0 are the same" in results.problems[0]


def run_of(variant: str, scale: str) -> Run:
    config = composed("train", [f"experiment={variant}", f"scale={scale}"])
    return Run(Path(variant), RunSettings.of(config), {"status": "finished"})


@pytest.mark.parametrize("scale", ["paper", "paper_start", "cpu", "demo"])
def test_the_variants_and_controls_of_a_scale_are_one_group(scale):
    (found,) = grouped([run_of(variant, scale) for variant in (*VARIANTS, *CONTROL.values())])
    group, runs = found
    assert [run.settings.variant for run in runs] == [*VARIANTS, *CONTROL.values()]
    assert scale != "paper" or group["samples"] == 50_000


@pytest.mark.parametrize("told_by", ["fingerprint", "labels"])
def test_paired_tests_refuse_other_questions_of_the_same_names(tmp_path, make_run, told_by):
    make_run(tmp_path, "transitivity_ce", n=40)
    folder = make_run(tmp_path, "transitivity_semantic", n=40)
    for suite in ("corrected", "adversarial"):
        if told_by == "fingerprint":
            path = folder / f"evaluation/{suite}/metrics.json"
            report = json.loads(path.read_text())
            report["data_fingerprint"] = dict.fromkeys(report["data_fingerprint"], "other")
            path.write_text(json.dumps(report))
    path = folder / "evaluation/corrected/margins.parquet"
    if told_by == "labels":
        margins = pd.read_parquet(path)
        margins.assign(label=~margins["label"]).to_parquet(path)
    results = load(tmp_path)
    made = build_tables(results)
    assert made["paired_tests"].frame.empty
    assert made["adversarial_contrasts"].frame.empty is (told_by == "fingerprint")
    assert all("not compared with" in problem and "other questions" in problem for problem in results.problems)
    assert len(results.problems) == (2 if told_by == "fingerprint" else 1)


def test_a_headline_of_one_label_is_compared_with_none(tmp_path, make_run):
    loss = {"_target_": "losses.CrossEntropy", "target": "answer", "class_weights": None}
    training = {"data_fingerprint": "the same", "steps": 64, "samples": 100}
    folders = [make_run(tmp_path, f"transitivity_{name}", n=40) for name in ("ce", "semantic")]
    about = {"task": "transitivity", "training": training, "grid": "ablation", "n": 40}
    folders += [make_run(tmp_path, "transitivity_answer_ce", loss=loss, **about)]
    folders += [make_run(tmp_path, "transitivity_semantic", samples=200, **about)]
    folders += [make_run(tmp_path, "transitivity_answer_ce", samples=200, loss=loss, **about)]
    for folder in folders:
        path = folder / "evaluation/corrected/margins.parquet"
        margins = pd.read_parquet(path)
        margins.assign(label=margins["split"] == "in_distribution").to_parquet(path)
    made = tables(tmp_path)
    assert made["paired_tests"].empty and made["ablation_contrasts"].empty


def test_scales_models_protocols_and_k_never_mix(tmp_path, make_run):
    make_run(tmp_path, "transitivity_ce", 0, n=40)
    make_run(tmp_path, "transitivity_ce", 1, n=40, scale="demo")
    make_run(tmp_path, "transitivity_ce", 2, n=40, model="other")
    make_run(tmp_path, "transitivity_ce", 3, n=40, protocol="released")
    make_run(tmp_path, "transitivity_ce", 4, n=40, questions_per_graph=8)
    made = tables(tmp_path)
    assert len(made["table4_collapse_rate"]) == 5 and (made["table4_collapse_rate"]["runs"] == 1).all()
    assert "mean of" not in build_tables(load(tmp_path))["table1_accuracy"].markdown()
    assert "corrected-k8" in set(made["table1_accuracy"]["trained_on"])


def test_baselines_stand_once_and_claims_where_a_variant_of_the_paper_was_run(tmp_path, make_run):
    make_run(tmp_path, "transitivity_ce", 0, n=40)
    make_run(tmp_path, "transitivity_ce", 0, n=40, scale="demo")
    make_run(tmp_path, "transitivity_ce", 0, n=40, scale="demo", samples=200)
    make_run(tmp_path, "pretrained", 0, n=40)
    made = tables(tmp_path)
    summary = made["summary"]
    assert summary["variant"].tolist()[:2] == ["always Yes", "always No"] and summary["scale"].isna().sum() == 2
    assert set(summary["scale"].iloc[2:]) == {"demo", "smoke"}
    assert made["claims"][["scale", "samples"]].drop_duplicates().values.tolist() == [
        ["demo", 100],
        ["demo", 200],
        ["smoke", 100],
    ]
    assert made["claims"]["trained_on"].unique().tolist() == ["corrected-k1"]


def test_the_untrained_model_stands_in_every_group_of_its_scale_and_once_where_rows_are_runs(tmp_path, make_run):
    for samples in (100, 200):
        make_run(tmp_path, "transitivity_ce", n=40, samples=samples)
    make_run(tmp_path, "pretrained", n=40)
    make_run(tmp_path, "pretrained", n=40, scale="demo")
    results = load(tmp_path)
    members = {(group["scale"], group["samples"]): [run.name for run in runs] for group, runs in results.groups()}
    trained = ["pretrained", "transitivity_ce"]
    assert members == {("demo", 0): ["pretrained"], ("smoke", 100): trained, ("smoke", 200): trained}
    for group, runs in results.groups():
        assert set(of_group(results.measured, group)["variant"]) == {run.name for run in runs}
    assert (tables(tmp_path)["summary"]["variant"] == "pretrained").sum() == 2 * 2  # scales, tasks


def test_runs_that_differ_in_a_setting_are_neither_averaged_nor_called_alike(tmp_path, make_run):
    for seed in (0, 1):
        make_run(tmp_path, "transitivity_ce", seed, n=40)
    make_run(tmp_path, "transitivity_ce", n=40, data={"yes_share": 0.5})
    make_run(tmp_path, "transitivity_semantic", n=40)
    rates = tables(tmp_path)["table4_collapse_rate"]
    assert rates[["variant", "setting", "runs"]].values.tolist() == [
        ["transitivity_ce", "", 2],
        ["transitivity_ce", "50 % Yes", 1],
        ["transitivity_semantic", "", 1],
    ]


def ask_others(folder, which, suite="corrected"):
    path = folder / f"evaluation/{suite}/metrics.json"
    report = json.loads(path.read_text())
    path.write_text(json.dumps(report | {"data_fingerprint": dict.fromkeys(report["data_fingerprint"], which)}))


def test_runs_of_other_questions_than_most_are_averaged_only_with_those_of_the_same(tmp_path, make_run):
    folders = [make_run(tmp_path, "transitivity_ce", seed, n=40) for seed in range(6)]
    for folder, which in zip(folders[3:], ("one", "another", "another"), strict=True):
        ask_others(folder, which)
    rates = tables(tmp_path)["table4_collapse_rate"].set_index("setting")["seeds"]
    assert sorted(rates) == [("0", "1", "2"), ("3",), ("4", "5")]
    assert rates[""] == ("0", "1", "2") and rates.index.str.startswith("other questions in corrected (").sum() == 2


def test_seeds_of_a_contrast_that_answered_other_questions_are_a_problem_and_no_end(tmp_path, make_run):
    """Of records without fingerprints nothing else tells them."""
    loss = {"_target_": "losses.CrossEntropy", "target": "answer", "class_weights": None}
    for seed in (0, 1):
        about = {"task": "transitivity", "n": 40, "grid": "ablation", "training": {"data_fingerprint": f"of {seed}"}}
        for variant, of in (("transitivity_answer_ce", loss), ("transitivity_focal", {"_target_": "losses.Focal"})):
            folder = make_run(tmp_path, variant, seed, loss=of, **about)
            for path in folder.glob("evaluation/corrected/*"):
                if path.suffix == ".json":
                    report = json.loads(path.read_text())
                    path.write_text(json.dumps(report | {"data_fingerprint": {}}))
                elif seed:
                    margins = pd.read_parquet(path)
                    margins.assign(id=margins["id"] + "x").to_parquet(path)
    results = load(tmp_path)
    made = build_tables(results)
    assert made["ablation_contrasts"].frame.empty and len(made["ablation"].frame) == 2
    (problem,) = results.problems
    assert "not compared with" in problem and "their other seeds answered other questions" in problem


def test_seeds_in_two_precisions_are_averaged_and_that_is_said(tmp_path, make_run):
    for seed, precision in enumerate(("bf16", "fp32", "bf16")):
        make_run(tmp_path, "transitivity_ce", seed, n=40, loaded={"precision": precision})
    results = load(tmp_path)
    assert results.problems == [
        "tiny smoke 100 corrected-k1 transitivity_ce: averaged, though loaded in bf16 (seed 0, 2) and fp32 (seed 1)"
    ]
    assert build_tables(results)["table4_collapse_rate"].frame["runs"].tolist() == [3]


def test_claims_name_the_runs_that_they_leave_out(tmp_path, make_run):
    for share in (0.5, 0.7):
        make_run(tmp_path, "transitivity_ce", n=40, data={"yes_share": share})
    make_run(tmp_path, "transitivity_semantic", n=40)
    measured = tables(tmp_path)["claims"].set_index("id")["measured"]
    left_out = (
        "; left out, with a setting of their own: transitivity_ce, 50 % Yes (1 run); transitivity_ce, 70 % Yes (1 run)"
    )
    assert measured["C1"] == "not measured" + left_out and measured["C5"] == "not measured" + left_out
    assert "left out" not in measured["C4"]


def test_another_schedule_beside_the_published_seeds_takes_nothing_from_the_claims(tmp_path, make_run):
    for seed in range(4):
        make_run(tmp_path, "transitivity_ce", seed, n=40)
        make_run(tmp_path, "transitivity_semantic", seed, n=40)
    before = tables(tmp_path)["claims"].set_index("id")
    cosine = {"_target_": "schedulers.Cosine", "start": 0.05, "end": 0.3}
    make_run(tmp_path, "transitivity_semantic", n=40, schedule=cosine)
    after = tables(tmp_path)["claims"].set_index("id")
    left_out = "; left out, with a setting of their own: transitivity_semantic, Cosine (1 run)"
    assert after.loc["C3", "measured"] == before.loc["C3", "measured"] + left_out
    assert "not settled" not in {*before.loc[["C3", "C5"], "verdict"]}
    assert after["verdict"].tolist() == before["verdict"].tolist()


def test_differences_of_claims_are_over_the_seeds_that_both_have(tmp_path, make_run):
    for seed in range(3):
        make_run(tmp_path, "transitivity_ce", seed, n=40)
    for seed in range(4):
        make_run(tmp_path, "transitivity_semantic", seed, n=40)
    made = tables(tmp_path)
    judged = made["table4_collapse"].set_index(["variant", "seed"])["balanced_accuracy"].astype(float)
    differences = judged["transitivity_semantic"].sub(judged["transitivity_ce"]).dropna()
    low, high = over_seeds(differences.tolist())[0]
    words = f"corrected {percentage(differences.mean(), '+')} points [{percentage(low)}, {percentage(high)}] over 3 paired seeds"
    measured = made["claims"].set_index("id")["measured"]
    assert words in measured["C5"] and words.replace("corrected", ", mean") in measured["C8"]
    assert "transitivity_semantic against transitivity_ce: pairs " in measured["C6"]


def test_what_constant_runs_score_is_said_of_these_alone(tmp_path, make_run):
    """The claim is that a collapsed model can look accurate; its other seed says nothing of that."""
    make_run(tmp_path, "dseparation_ce", 0, n=200)
    second = make_run(tmp_path, "dseparation_ce", 1, n=200)
    path = second / "evaluation/corrected/metrics.json"
    report = json.loads(path.read_text())
    for row in report["rows"]:
        row["majority_share"] = row["yes_rate"] = 0.6
    path.write_text(json.dumps(report))
    made = tables(tmp_path)
    score = made["table1_accuracy"].query("variant == 'dseparation_ce' and suites == 'released' and seed == '0'")[
        "mean"
    ]
    words = f"dseparation_ce collapsed in 1 of 2 runs, these released {percentage(float(score.iloc[0]))} %"
    assert words in made["claims"].set_index("id").loc["C2", "measured"]


def test_an_untrained_model_has_no_seeds(tmp_path, make_run):
    for seed in (0, 1):
        make_run(tmp_path, "pretrained", seed, n=40)
    results = load(tmp_path)
    (problem,) = results.problems
    assert len(results.runs) == 1 and "left out: the same run as" in problem


def test_a_task_with_one_split_is_its_own_pool(tmp_path, make_run):
    """evaluate.py writes no pooled row for a task with a single split, such as branching."""
    folder = make_run(tmp_path, "dseparation_semantic", n=40)
    path = folder / "evaluation/published/metrics.json"
    report = json.loads(path.read_text())
    report["rows"] = [r for r in report["rows"] if not (r["task"] == "dseparation" and r["split"] == "pooled")]
    path.write_text(json.dumps(report))
    frame = tables(tmp_path)["table1_accuracy"]
    row = frame[(frame["source"] == "measured") & (frame["suites"] == "released")]
    assert row["own_task"].tolist() == row["branching"].tolist() and row["own_task"].notna().all()


def test_a_run_of_the_ablation_is_never_called_as_another_run_of_other_settings(tmp_path, make_run):
    """They share variant, group and seed, and each is the only one of its variant in its own grid."""
    make_run(tmp_path, "transitivity_ce", n=40)
    for seed in (0, 1):
        make_run(
            tmp_path, "transitivity_ce", seed, n=40, questions_per_graph=1, data={"weight_decay": 0.1}, grid="ablation"
        )
    made = tables(tmp_path)
    assert made["constant_answer"][["setting", "runs"]].values.tolist() == [["", 1], ["data.weight decay=0.1", 2]]
    assert set(made["ablation"]["setting"]) == {"data.weight decay=0.1"}


def test_a_run_whose_words_are_another_runs_is_called_by_its_hash(tmp_path, make_run):
    """Three digits of a share are shown."""
    folders = [
        make_run(tmp_path, "transitivity_ce", n=40, data={"yes_share": share}, grid="ablation")
        for share in (0.50001, 0.50002)
    ]
    first, second = sorted(run.setting for run in load(tmp_path).runs)
    assert first == "50 % Yes"
    assert second in {f"{first}, settings {folder.parent.name}" for folder in folders}


def test_a_copy_of_a_run_is_left_out_and_named(tmp_path, make_run):
    folder = make_run(tmp_path, "transitivity_ce", n=40)
    shutil.copytree(folder, tmp_path / "runs/tiny/transitivity_ce/zz_copy/seed0")
    results = load(tmp_path)
    assert [run.folder for run in results.runs] == [folder]
    (problem,) = results.problems
    assert problem == (
        f"runs/tiny/transitivity_ce/zz_copy/seed0: left out: the same run as {folder.relative_to(tmp_path)}"
    )
    assert build_tables(results)["table4_collapse_rate"].frame["runs"].tolist() == [1]
