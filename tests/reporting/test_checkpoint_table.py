"""What an unfinished run scored on the way stands in a table, with its step, and beside the claim."""

import json
import shutil

import pytest

from reporting import tables

SUITES = ("corrected", "adversarial", "published")


@pytest.fixture
def made(tmp_path, make_run, make_unfinished_run):
    """A finished run of one seed, and an unfinished one of another whose step 20 scored the same."""
    finished = make_run(tmp_path, "transitivity_semantic", 1, protocol="released")
    unfinished = make_unfinished_run(tmp_path, "transitivity_semantic")
    for suite in SUITES:
        for name, about in (
            (f"{suite}-step20", {}),
            (f"{suite}-merged_4bit-step30", {"weights": "merged_4bit", "step": 30}),
        ):
            shutil.copytree(finished / "evaluation" / suite, unfinished / "evaluation" / name)
            path = unfinished / "evaluation" / name / "metrics.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"step": 20, "steps": 40} | about))
    return tmp_path, finished


def test_a_checkpoint_has_the_columns_of_a_finished_run_and_its_step(made):
    frames = tables(made[0])
    (row,) = frames["checkpoints"].to_dict("records")
    assert (row["seed"], row["step"], row["steps"]) == ("0", 20, 40)
    judged, pairs = frames["table4_collapse"], frames["adversarial"]
    (finished,) = judged.to_dict("records")
    for name in ("balanced_accuracy", "auroc", "over_yardstick"):
        for column in (name, f"{name}_low", f"{name}_high"):
            assert row[column] == pytest.approx(finished[column]), column
    assert (row["seen"], row["n"], row["verdict"]) == tuple(
        finished[name] for name in ("seen_balanced_accuracy", "n", "verdict")
    )
    both = pairs[(pairs["family"] == "all") & (pairs["task"] == "transitivity")]["pair_accuracy"].item()
    assert row["pair_accuracy"] == pytest.approx(both)
    (released,) = frames["summary"].query("seed == '1'")["released"]
    assert row["released"] == pytest.approx(released)


def test_the_claim_gives_the_last_checkpoint_only_where_nothing_finished(made):
    folder, finished = made
    measured = tables(folder)["claims"].set_index("id").loc["C3", "measured"]
    assert "at step" not in measured and "corrected" in measured
    shutil.rmtree(finished)
    measured = tables(folder)["claims"].set_index("id").loc["C3", "measured"]
    assert "at step 20 of 40 corrected " in measured and " % [" in measured
