"""Faults switched alone: which measurements are a pair, and which are not."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from reporting import tables
from reporting.explain import explain
from reporting.faults_table import not_switched
from reporting.report import build_tables
from reporting.report_page import report_page
from reporting.results import load

WEIGHTS = {"yes": 7.5, "no": 1.0}
RELEASED = {"_target_": "losses.Semantic", "base": "released"}


@pytest.fixture
def made(tmp_path, make_run):
    """A released semantic run, three that differ in one setting of the loss, and one that differs in two."""
    about = {"protocol": "released", "n": 40}
    make_run(tmp_path, "transitivity_semantic", **about, loss=RELEASED)
    for changed in ({"base": "turn"}, {"base": "none"}, {"term": "label"}, {"base": "turn", "class_weights": WEIGHTS}):
        make_run(tmp_path, "transitivity_semantic", **about, loss=RELEASED | changed, grid="ablation_faults")
    return tmp_path


def score_again(made, name, margin_sign, setting="", **keys):
    """A run's evaluation once more (the released one's), scored in another way, with all margins of one sign."""
    run = next(run.folder for run in load(made).runs if run.setting == setting)
    plain, other = run / "evaluation/published", run / "evaluation" / name
    other.mkdir()
    margins = pd.read_parquet(plain / "margins.parquet")
    margins.assign(margin=margin_sign * margins["margin"].abs()).to_parquet(other / "margins.parquet")
    metrics = json.loads((plain / "metrics.json").read_text())
    (other / "metrics.json").write_text(json.dumps(metrics | keys))
    return margins


def test_runs_that_differ_in_one_fault_are_paired(made):
    frame = tables(made)["faults"]
    assert frame["audit"].tolist() == ["A1", "A1", "A2"]
    assert frame["without"].str.contains("shifted|λ|label").all()
    assert frame["released_with"].nunique() == 1 and frame["balanced_with"].notna().all()
    assert (frame["n"] == 200).all()  # five suites of 40
    # synthetic runs of one variant and seed answer alike
    assert (frame["flips"] == 0).all() and (frame["constant_with"] == frame["constant_without"]).all()


def test_a_pair_says_whether_code_or_processor_differ_too(made):
    processors = {"": "one kind", "base=released, term=label": "another kind", "base=none": "one kind"}
    for run in load(made).runs:
        if run.setting in processors:
            path = run.folder / "run.json"
            info = json.loads(path.read_text()) | {"machine": {"processor": processors[run.setting]}}
            path.write_text(json.dumps(info | ({"commit": "fedcba9876543210"} if run.setting == "base=none" else {})))
    frame = tables(made)["faults"]
    also = dict(zip(frame["against"].str.split(", base=").str[1], frame["also_differs"], strict=True))
    # the first lacks a record of its processor, which counts as another one
    assert also == {"turn": "processor", "none": "code", "released, term=label": "processor"}


def test_flips_stand_beside_those_between_seeds(tmp_path, make_run):
    about = {"protocol": "released", "n": 40}
    make_run(tmp_path, "transitivity_semantic", loss=RELEASED | {"base": "turn"}, grid="ablation_faults", **about)
    for seed in range(3):
        folder = make_run(tmp_path, "transitivity_semantic", seed, loss=RELEASED, **about)
        path = folder / "evaluation/published/margins.parquet"
        margins = pd.read_parquet(path)
        margin = margins["margin"].abs().where(margins.index >= 50 * seed, -margins["margin"].abs())
        margins.assign(margin=margin).to_parquet(path)  # No to the first 0, 50 and 100 of 200, Yes to the others
    (row,) = tables(tmp_path)["faults"].to_dict("records")
    assert row["n"] == 200 and row["flips_of_seeds"] == pytest.approx((50 + 100) / 2 / 200)


def test_the_difference_of_two_trainings_is_paired_with_an_interval(made):
    run = next(run for run in load(made).runs if run.setting == "base=none")
    path = run.folder / "evaluation/corrected/margins.parquet"
    margins = pd.read_parquet(path)
    margins.assign(margin=np.where(margins["label"], 1.0, -1.0)).to_parquet(path)  # right on all
    faults = tables(made)["faults"]
    found = faults.set_index("without").filter(like="balanced_difference")
    same, right = found.loc["cross-entropy shifted"], found.loc["no cross-entropy: λ · answer cross-entropy"]
    assert (same == 0).all()
    assert right["balanced_difference"] == pytest.approx(1 - faults["balanced_with"].iloc[0])
    assert 0 < right["balanced_difference_low"] < right["balanced_difference"] < right["balanced_difference_high"]


def test_ways_of_scoring_are_paired_and_flips_counted(made):
    margins = score_again(made, "published-merged_4bit", 1, weights="merged_4bit")
    score_again(made, "published-text", -1, verdict="text")
    score_again(made, "published-merged_4bit-text", -1, verdict="text", weights="merged_4bit")  # two at once: no pair
    score_again(made, "published-without_lost_separators", 1, without="lost_separators")
    frame = tables(made)["faults"].set_index("audit")
    yes = (margins["margin"] >= 0).mean()
    assert frame.index.tolist() == ["A1", "A1", "A2", "A5", "A10", "A11"]
    assert frame.loc["A10", "flips"] == pytest.approx(1 - yes) and frame.loc["A11", "flips"] == pytest.approx(yes)
    # the fault is on in the plain suite
    assert frame.loc["A5", "flips"] == pytest.approx(1 - yes)
    changed = frame.loc["A5", ["questions_changed", "labels_changed"]].tolist()
    assert changed == [(margins["margin"] < 0).sum(), 0] and frame.loc["A10", "questions_changed":].isna().iloc[0]


def test_a_run_is_at_fault_where_it_is_asked_with_another_prompt_than_its_own(tmp_path, make_run):
    folder = make_run(tmp_path, "dseparation_ce", protocol="released", n=40)
    with (folder / "config.yaml").open("a") as config:
        config.write("prompt: dseparation_released\n")
    name = "published-dseparation_released"
    margins = score_again(tmp_path, name, 1, prompt="dseparation_released")
    right = margins.assign(margin=np.where(margins["label"], 1.0, -1.0))
    right.to_parquet(folder / f"evaluation/{name}/margins.parquet")
    row = tables(tmp_path)["faults"].set_index("audit").loc["A12"]
    assert row["released_without"] == 1.0 > row["released_with"]


def test_two_ways_are_compared_on_the_questions_that_both_were_asked(made):
    """Whatever its own metrics say of more of them."""
    margins = score_again(made, "published-merged_4bit", 1, weights="merged_4bit")
    path = next(made.glob("runs/tiny/*/*/seed0/evaluation/published-merged_4bit")) / "margins.parquet"
    half = margins[margins["id"].str[-1] == "0"]  # one question of each graph
    half.to_parquet(path)
    right = ((half["margin"] >= 0) == half["label"]).groupby(half["split"]).mean().mean()
    row = tables(made)["faults"].set_index("audit").loc["A10"]
    assert row["n"] == len(half) == len(margins) / 2
    assert row["released_with"] == row["released_without"] == pytest.approx(right)


def test_a_run_without_a_fault_that_has_a_name_of_its_own_is_paired(tmp_path, make_run):
    """`variant=without_A3`, as docs/training.md says."""
    weighted = {"_target_": "losses.Semantic", "base": "released", "class_weights": {"yes": 7.5, "no": 1.0}}
    about = {"protocol": "released", "n": 40, "task": "dseparation"}
    make_run(tmp_path, "dseparation_semantic", loss=weighted, **about)
    make_run(tmp_path, "without_A3", loss=weighted | {"class_weights": None}, **about)
    frame = tables(tmp_path)["faults"].set_index("audit")
    assert frame.loc["A3", "against"] == "without_A3"


def test_two_trainings_that_answered_other_questions_have_no_flips(made):
    for path in made.glob("runs/tiny/*/*/seed0/evaluation/published/metrics.json"):
        report = json.loads(path.read_text())
        asked = dict.fromkeys(report["data_fingerprint"], str(path.parents[2].parent))
        path.write_text(json.dumps(report | {"data_fingerprint": asked}))
    frame = tables(made)["faults"]
    assert set(frame["audit"]) == {"A1", "A2"} and frame["flips"].isna().all()


def test_a_fault_that_changes_no_question_is_no_null_effect(made):
    margins = score_again(made, "published-without_unblocked_reversed_chain", 1, without="unblocked_reversed_chain")
    without = next(made.glob("runs/tiny/*/*/seed0/evaluation/published-without_unblocked_reversed_chain"))
    margins.to_parquet(without / "margins.parquet")
    frame = tables(made)["faults"]
    row = frame.set_index("audit").loc["A4"]
    assert row["without"].endswith("(not exercised)") and (row["questions_changed"], row["labels_changed"]) == (0, 0)
    assert not_switched(frame) == (
        "Not measured yet: A3, A5, A6, A10, A11, A12, A13. Measured where nothing exercises it: A4. Measured on one variant "
        "only: A1, A2. Findings about published numbers, with nothing to switch: A7, A8, A9, A14."
    )
    assert not_switched(frame[:0]).startswith("Not measured yet: A1, A2, A3, A4, A5, A6, A10, A11, A12, A13. Findings")


def test_a_row_tells_its_run_from_others_of_the_variant_and_names_what_it_is_held_against(made):
    score_again(made, "published-merged_4bit", 1, weights="merged_4bit")
    score_again(made, "published-merged_4bit", 1, setting="base=released, term=label", weights="merged_4bit")
    table = build_tables(load(made))["faults"]
    merged = table.frame[table.frame["audit"] == "A10"]
    assert sorted(merged["setting"]) == ["", "base=released, term=label"] and merged["against"].isna().all()
    label = table.frame.index[table.frame["audit"] == "A2"][0]
    assert table.frame.loc[label, ["setting", "against"]].tolist() == [
        "",
        "transitivity_semantic, base=released, term=label",
    ]
    assert "| setting " in table.markdown() and "against" not in table.markdown()
    (made / "tables").mkdir()
    (made / "tables/faults.csv").write_text(table.csv())
    text = explain(made, f"faults:{label + 1}:flips")
    named = [line.split(": ")[0] for line in text.splitlines() if line.startswith("transitivity_semantic")]
    assert sorted(named) == [
        "transitivity_semantic, base=released, term=label, seed 0",
        "transitivity_semantic, seed 0",
    ]


def test_extra_runs_change_no_other_table(made, tmp_path_factory, make_run):
    """Runs of the faults' grid do not rename the run that they are held against."""
    alone = tmp_path_factory.mktemp("alone")
    make_run(alone, "transitivity_semantic", protocol="released", n=40, loss=RELEASED)
    for name in ("claims", "table4_collapse", "table1_accuracy"):
        pd.testing.assert_frame_equal(tables(made)[name], tables(alone)[name])


def test_the_constant_answer_names_the_prompt_of_probes_that_the_suites_do_not_share(tmp_path, make_run):
    for variant, prompt in (("transitivity_ce", "benchmark"), ("dseparation_ce", "dseparation_released")):
        path = make_run(tmp_path, variant, protocol="released", n=40) / "config.yaml"
        config = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump(config | {"prompt": prompt}))
    prompts = tables(tmp_path)["constant_answer"].set_index("variant")["prompt"].to_dict()
    assert prompts == {"transitivity_ce": "", "dseparation_ce": "dseparation_released"}


def test_the_constant_answer_is_left_where_no_later_probe_is_constant(tmp_path, make_run):
    shares = {0: [0.5, 1.0, 0.9, 0.8], 1: [1.0, 1.0, 1.0, 0.9], 2: [1.0, 0.9, 0.9, 1.0], 3: [0.9, 0.6, 0.5, 0.5]}
    for seed, probed in shares.items():
        run = make_run(tmp_path, "transitivity_ce", seed, protocol="released", n=40, steps=40)
        lines = [
            {"step": step, "progress": step / 40, "probe/majority_share": share, "probe/balanced_accuracy": 0.5}
            for step, share in zip((10, 20, 30, 40), probed, strict=True)
        ]
        (run / "training_log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    results = load(tmp_path)
    written = build_tables(results)
    (row,) = written["constant_answer"].frame.to_dict("records")
    # 100 questions in 40 steps: seed 0 leaves at step 30, seed 1 at 40, seed 2 is constant in the end, seed 3 never is.
    assert (row["runs"], row["never_left"], row["never_seen"], row["every"]) == (4, 1, 1, 25)
    assert (row["constant_probes"], row["probes"]) == ("1, 3, 2, 0", 4)
    assert (row["left_after_low"], row["left_after_high"], row["left_after"]) == (75, 100, 87.5)
    assert row["seconds"] == pytest.approx(600)  # 60 s for 100 questions
    report = report_page(results, written, [], tmp_path)
    assert "| transitivity_ce | 4 " in report.split("## What prevents the constant answer")[1]
