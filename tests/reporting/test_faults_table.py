"""Faults switched alone: which measurements are a pair, and which are not."""

import json

import pandas as pd
import pytest

from reporting import tables, write_all

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


def score_again(made, name, margin_sign, **keys):
    """The released run's evaluation once more, scored in another way, with all margins of one sign."""
    run = next(
        path
        for path in made.glob("runs/tiny/transitivity_semantic/*/seed0")
        if "released" in (path / "config.yaml").read_text().split("loss:")[1].split("model:")[0]
    )
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


def test_extra_runs_change_no_other_table(made, tmp_path_factory, make_run):
    """Runs of the faults' grid do not rename the run that they are held against."""
    alone = tmp_path_factory.mktemp("alone")
    make_run(alone, "transitivity_semantic", protocol="released", n=40, loss=RELEASED)
    for name in ("claims", "table4_collapse", "table1_accuracy"):
        pd.testing.assert_frame_equal(tables(made)[name], tables(alone)[name])


def test_the_constant_answer_is_left_where_no_later_probe_is_constant(tmp_path, make_run):
    shares = {0: [0.5, 1.0, 0.9, 0.8], 1: [1.0, 1.0, 1.0, 0.9], 2: [1.0, 0.9, 0.9, 1.0]}
    for seed, probed in shares.items():
        run = make_run(tmp_path, "transitivity_ce", seed, protocol="released", n=40, steps=40)
        lines = [
            {"step": step, "progress": step / 40, "probe/majority_share": share, "probe/balanced_accuracy": 0.5}
            for step, share in zip((10, 20, 30, 40), probed, strict=True)
        ]
        (run / "training_log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (row,) = tables(tmp_path)["constant_answer"].to_dict("records")
    # 100 questions in 40 steps: seed 0 leaves at step 30, seed 1 at 40, seed 2 is constant in the end.
    assert (row["runs"], row["never_left"], row["every"]) == (3, 1, 25)
    assert (row["left_after_low"], row["left_after_high"], row["left_after"]) == (75, 100, 87.5)
    assert row["seconds"] == pytest.approx(600)  # 60 s for 100 questions
    write_all(tmp_path)
    report = (tmp_path / "REPORT.md").read_text(encoding="utf-8")
    assert "| transitivity_ce | 3 " in report.split("## What prevents the constant answer")[1]
