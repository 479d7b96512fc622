"""The scripts as their users run them, at scale=smoke: train → resume → evaluate → sweep → tables."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from causal_tasks.headline import SEEN_STRUCTURE
from records import run_folder
from records.claim import claim
from scoring.blocks import in_headline

QUIET = ["tracking=none", "evaluation.resamples=50"]


def read(path):
    return json.loads(Path(path).read_text())


@pytest.fixture(scope="module")
def trained(run_script, tmp_path_factory):
    """One semantic run with wandb offline, as `python train.py scale=smoke` leaves it, and beside it what was printed."""
    folder = tmp_path_factory.mktemp("train")
    printed = run_script("train.py", "scale=smoke", "out=run", "evaluation.resamples=50", cwd=folder)
    (folder / "printed.txt").write_text(printed, encoding="utf-8")
    return folder / "run"


def test_a_run_leaves_a_full_record(trained):
    record = read(trained / "run.json")
    assert record["status"] == "finished" and record["variant"] == "transitivity_answer_semantic"
    assert record["training"]["steps"] == 6 and record["training"]["samples"] == 48
    assert {"commit", "versions", "machine", "command", "seconds", "loaded", "seed"} <= set(record)
    # Python with torch takes more than 100 MB, a test of the tiny model less than 10 GB.
    assert 10**8 < record["peak_memory"]["cpu"] < 10**10 and record["loaded"]["adapter_parameters"] > 0
    assert (trained / "adapter" / "adapter_model.safetensors").is_file()
    assert not (trained / "checkpoints").exists()
    assert list((trained / "wandb").glob("offline-run-*"))
    card = (trained / "adapter" / "README.md").read_text()
    assert "48 questions" in card and "| corrected | transitivity | pooled |" in card


def test_training_log_holds_lambda_loss_terms_and_probes(trained):
    lines = [json.loads(line) for line in (trained / "training_log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert steps[0]["lambda"] == pytest.approx(0.05) and steps[-1]["lambda"] == pytest.approx(0.30)
    assert all({"loss/total", "loss/semantic", "prediction_entropy"} <= set(line) for line in steps)
    probes = [line for line in lines if "probe/majority_share" in line]
    assert [line["step"] for line in probes] == [0, 3, 6]


def test_every_margin_is_stored_and_the_metrics_follow_from_them(trained):
    for suite in ("validation", "published", "corrected"):
        table = pd.read_parquet(trained / "evaluation" / suite / "margins.parquet")
        rows = read(trained / "evaluation" / suite / "metrics.json")["rows"]
        assert table["margin"].notna().all() and table["id"].is_unique
        for row in rows:
            part = table[table["task"] == row["task"]]
            if row["split"] == "headline":
                part = part[in_headline(part)]
            elif row["split"] != "pooled":
                splits = SEEN_STRUCTURE if row["split"] == "seen" else (row["split"],)
                part = part[part["split"].isin(splits)]
            assert row["n"] == len(part)
            assert row["accuracy"] == pytest.approx(((part["margin"] >= 0) == part["label"]).mean())


def test_what_is_printed_is_lines_for_people(trained):
    printed = trained.with_name("printed.txt").read_text(encoding="utf-8")
    assert "step 3 of 6; loss" in printed and "{'" not in printed and "question/s" not in printed


def test_evaluate_scores_a_saved_run_again_with_the_same_margins(run_script, trained, tmp_path):
    arguments = [f"run={trained}", "suite=published", "suite.samples=8", "evaluation.prior=0.632", f"out={tmp_path}"]
    assert "logit-adjusted" in run_script("evaluate.py", *arguments, cwd=tmp_path)
    first = pd.read_parquet(trained / "evaluation/published/margins.parquet")
    pd.testing.assert_frame_equal(first, pd.read_parquet(tmp_path / "margins.parquet"))
    assert read(tmp_path / "metrics.json")["rows"][0]["threshold"] is None, "16 validation questions tune no threshold"


def test_evaluate_scores_merged_weights_beside_the_adapter(run_script, trained, tmp_path):
    plain = pd.read_parquet(trained / "evaluation/published/margins.parquet")
    found = {}
    for weights in ("merged_16bit", "merged_4bit", "empty"):
        run_script(
            "evaluate.py", f"run={trained}", "suite=published", "suite.samples=8", f"weights={weights}", cwd=tmp_path
        )
        folder = trained / f"evaluation/published-{weights}"
        report = read(folder / "metrics.json")
        assert (report["suite"], report["weights"], report["verdict"]) == ("published", weights, "logits")
        found[weights] = pd.read_parquet(folder / "margins.parquet")
        assert found[weights]["id"].equals(plain["id"])
        if weights == "empty":
            assert report["adapter"] is None
        else:
            assert report["adapter"]["relative_size"] > 0 and -1 < report["adapter"]["surviving_share"] < 2
    assert (found["merged_16bit"]["margin"] - plain["margin"]).abs().max() < 1e-3
    assert (found["empty"]["margin"] - plain["margin"]).abs().max() > 1e-3


def test_scores_of_other_questions_are_not_overwritten_unasked(run_script, trained, tmp_path):
    command = ["evaluate.py", f"run={trained}", "suite=published", "suite.samples=4"]
    before = (trained / "evaluation/published/metrics.json").read_bytes()
    output = run_script(*command, cwd=tmp_path, expect=1)
    assert "evaluation/published: holds scores of other questions; choose another out=, or overwrite=true" in output
    assert (trained / "evaluation/published/metrics.json").read_bytes() == before
    run_script(*command, "out=few", cwd=tmp_path)
    run_script(*command, "out=few", "suite.samples=8", "overwrite=true", cwd=tmp_path)
    assert read(tmp_path / "few/metrics.json")["rows"][0]["n"] == 8
    assert "suite.name=../..: must be letters" in run_script(*command, "suite.name=../..", cwd=tmp_path, expect=1)


def test_two_do_not_score_into_one_folder_at_once(run_script, trained, tmp_path):
    command = ["evaluate.py", f"run={trained}", "suite=published", "suite.samples=4", "out=few", "overwrite=true"]
    with claim(tmp_path / "few"):
        output = run_script(*command, cwd=tmp_path, expect=1)
    assert f"error: {tmp_path}/few: process {os.getpid()} on" in output and not (tmp_path / "few").exists()
    assert (trained / "evaluation/.published.lock").is_file(), "train.py claims what it scores, too"


def test_scores_of_other_weights_or_another_way_are_not_overwritten_unasked(run_script, trained, tmp_path):
    command = ["evaluate.py", "suite=published", "suite.samples=4", "out=scored"]
    run_script(*command, f"run={trained}", cwd=tmp_path)
    before = (tmp_path / "scored/margins.parquet").read_bytes()
    for other, what in (
        (["model=tiny"], "of other weights or precision"),
        ([f"run={trained}", "verdict=text"], "made in another way"),
    ):
        output = run_script(*command, *other, cwd=tmp_path, expect=1)
        assert f"error: out=scored: holds scores {what}; choose another out=, or overwrite=true" in output
    assert (tmp_path / "scored/margins.parquet").read_bytes() == before
    run_script(*command, f"run={trained}", cwd=tmp_path)  # the same again
    report = read(tmp_path / "scored/metrics.json")
    for name in ("weights_sha256", "verdict"):  # as metrics.json was before it said so
        del report[name]
    (tmp_path / "scored/metrics.json").write_text(json.dumps(report))
    run_script(*command, "model=tiny", cwd=tmp_path)
    assert (tmp_path / "scored/margins.parquet").read_bytes() != before


def test_the_prompt_changes_the_margins_and_is_on_record(run_script, trained, tmp_path):
    command = ["evaluate.py", f"run={trained}", "suite=published", "suite.samples=8", "prompt=dseparation_released"]
    run_script(*command, cwd=tmp_path)
    other = trained / "evaluation/published-dseparation_released"
    assert read(other / "metrics.json")["prompt"] == "dseparation_released"
    plain, found = (pd.read_parquet(f / "margins.parquet") for f in (trained / "evaluation/published", other))
    assert found["id"].equals(plain["id"]) and (found["margin"] - plain["margin"]).abs().max() > 1e-4


def test_scores_of_an_earlier_adapter_are_made_anew_and_those_of_this_one_are_kept(run_script, tmp_path):
    command = ["train.py", "scale=smoke", "out=run", "data.path=d.jsonl", *QUIET, "resume=true"]
    command += [f"suites.{name}.samples=8" for name in ("validation", "published", "corrected")]
    command += ["+suite@suites.merged=published_merged_16bit", "suites.merged.samples=8"]

    def train():
        """When each suite was scored."""
        run_script(*command, cwd=tmp_path)
        found = {path.parent.name: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("margins.parquet")}
        assert len(found) == 4
        return found

    write_questions(tmp_path / "d.jsonl", "Yes")
    first = train()
    (tmp_path / "run/run.json").unlink()
    assert train() == first, "a kill after the last score"
    write_questions(tmp_path / "d.jsonl", "No")
    refused = "error: data.path=d.jsonl: not the training questions of the finished run run; put those back"
    assert refused in run_script(*command, cwd=tmp_path, expect=1)
    shutil.rmtree(tmp_path / "run/adapter")
    for name in ("run.json", ".made_here"):
        (tmp_path / "run" / name).unlink()
    assert all(when != first[name] for name, when in train().items())


def write_questions(path, label):
    """24 questions about transitivity, each on a graph of its own, all with one label."""
    lines = []
    for a, b, c in zip("ABCDEFGHIJKLMNOPQRSTUVWX", "BCDEFGHIJKLMNOPQRSTUVWXY", "CDEFGHIJKLMNOPQRSTUVWXYZ"):
        asked = f"Does {a} cause {c}?" if label == "Yes" else f"Does {c} cause {a}?"
        lines.append(json.dumps({"premise": f"{a} causes {b}. {b} causes {c}.", "hypothesis": asked, "label": label}))
    path.write_text("\n".join(lines) + "\n")


def test_the_text_rule_scores_the_share_of_yes_labels(run_script, trained, tmp_path):
    """Audit A11: the prompt holds a Yes, so any model answers Yes to everything."""
    run_script(
        "evaluate.py",
        f"run={trained}",
        "suite=published",
        "suite.samples=8",
        "faults.yes_anywhere_in_text=true",
        cwd=tmp_path,
    )
    report = read(trained / "evaluation/published-text/metrics.json")
    assert report["verdict"] == "text"
    assert all(row["accuracy"] == row["label_yes_rate"] and row["yes_rate"] == 1.0 for row in report["rows"])


def test_a_grid_scores_the_other_ways_and_an_unfinished_run_by_its_checkpoint(run_script, tmp_path, monkeypatch):
    suites = [
        "+suite@suites.merged=published_merged_4bit",
        "suites.merged.samples=4",
        "+suite@suites.text=published_text",
    ]
    suites += ["suites.text.samples=4", "suites.published.samples=4", "suites.corrected.samples=4"]
    with monkeypatch.context() as patch:
        # as if it were still running: what is under checkpoints/ stays
        patch.setattr(run_folder.shutil, "rmtree", lambda *arguments, **settings: None)
        suites.append("model.quantization=nf4")
        run_script("train.py", "scale=smoke", "out=run", *suites, *QUIET, cwd=tmp_path)
    log = [json.loads(line) for line in (tmp_path / "run/training_log.jsonl").read_text().splitlines()]
    growth = {row["step"]: row for row in log if "adapter/relative_size" in row}
    assert list(growth) == [1, 2, 4, 6]
    left = read(tmp_path / "run/evaluation/published-merged_4bit/metrics.json")["adapter"]
    assert {name: growth[6][f"adapter/{name}"] for name in left} == pytest.approx(left)
    names = {path.name for path in (tmp_path / "run/evaluation").glob("[!.]*")}
    assert names == {"validation", "published", "corrected", "published-merged_4bit", "published-text"}
    command = ["evaluate.py", "run=run", "suite=published", "suite.samples=4"]
    run_script(*command, "checkpoint=3", "weights=merged_16bit", cwd=tmp_path)
    report = read(tmp_path / "run/evaluation/published-merged_16bit-step3/metrics.json")
    assert (report["step"], report["steps"]) == (3, 6)
    assert "| published-merged_4bit | transitivity | pooled |" in (tmp_path / "run/adapter/README.md").read_text()
    assert "error: checkpoint=4: run has 3, 6" in run_script(*command, "checkpoint=4", cwd=tmp_path, expect=1)


def test_an_untrained_run_has_nothing_to_merge(run_script, tmp_path):
    output = run_script(
        "train.py", "experiment=pretrained", "scale=smoke", "out=run", "+suite@suites.merged=published_merged_4bit",
        "suites.published.samples=4", "suites.corrected.samples=4", *QUIET, cwd=tmp_path,
    )  # fmt: skip
    assert "suite merged: not scored, an untrained model has no adapter to merge" in output
    refused = run_script("evaluate.py", "run=run", "suite=published", "weights=merged_4bit", cwd=tmp_path, expect=1)
    assert "error: weights=merged_4bit: an untrained model has no adapter to merge" in refused


def test_evaluate_scores_a_bare_model_on_a_file(run_script, tmp_path):
    lines = [
        {"premise": "A causes B. B causes C.", "hypothesis": "Does A cause C?", "label": "Yes"},
        {"premise": "A causes B. B causes C.", "hypothesis": "Are A and C d-separated given {B}?", "label": "Yes"},
        {"premise": "A causes B. B causes C.", "hypothesis": "Does C cause A?", "label": "No"},
    ]
    (tmp_path / "some.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = ["evaluate.py", "model=tiny", "suite=file", "suite.path=some.jsonl", "out=scored"]
    run_script(*command, "evaluation.yardstick_questions=200", cwd=tmp_path)
    table = pd.read_parquet(tmp_path / "scored" / "margins.parquet")
    assert {"id", "label", "margin"} <= set(table) and len(table) == 3
    rows = {row["task"]: row for row in read(tmp_path / "scored" / "metrics.json")["rows"]}
    assert rows["dseparation"]["auroc"] is None, "one class only: undefined, not 0"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("train", ["scale=smoke", "protocol=wrong"], "error: protocol=wrong: must be one of released, corrected"),
        (
            "train",
            ["scale=smoke", "model.name_or_path=/nowhere"],
            "error: model.name_or_path=/nowhere: give model.name=",
        ),
        (
            "train",
            ["scale=smoke", "model.name_or_path=/nowhere", "model.name=mine"],
            "error: model.name_or_path=/nowhere: no such folder",
        ),
        (
            "train",
            ["scale=smoke", "task=dseparation", "protocol=released", "faults=released"],
            "error: faults.unshifted_cross_entropy=true: a fault of a published variant's loss or prompt; give its experiment=",
        ),
        (
            "train",
            ["scale=smoke", "training.enabled=false", "weights=empty"],
            "error: weights=empty: an untrained model has no adapter",
        ),
        (
            "train",
            ["scale=smoke", "experiment=transitivity_answer_ce", "loss=focal"],
            "error: loss.target: losses.Focal has no such setting; it has gamma",
        ),
        ("evaluate", ["suite=file", "model=tiny"], "error: suite.path: is missing; give suite.path=..."),
        ("evaluate", ["run=r", "suite=published", "model=tiny"], "error: model: run=r is scored with the model"),
        ("evaluate", ["verify=results", "run=r"], "error: run=r: means nothing with verify=results"),
        ("evaluate", ["suite=published", "+faults.lost_separators=true"], "error: faults.lost_separators: "),
        ("sweep", ["plan=true", "status=true"], "error: plan=true status=true: one at a time"),
        ("sweep", ["plan=true", "hydra/launcher=slurmm"], "error: hydra/launcher=slurmm: must be one of basic"),
        (
            "train",
            ["scale=smoke", "training.leaning_rate=1"],
            "error: training.leaning_rate: no such key; did you mean training.learning_rate? (training has acc",
        ),
        (
            "train",
            ["loss=exact_semantic", "loss.knowlege=axioms"],
            "error: loss.knowlege: no such key; did you mean loss.knowledge?",
        ),
        ("train", ["scale=smoke", "out=/"], "error: /: not a folder for a run"),
        ("train", ["scale=smoke", "out="], "error: an empty path: not a folder for a run"),
        ("train", ["loss=magic"], "error: loss=magic: must be one of cross_entropy, exact_semantic"),
        ("train", ["scale"], "error: Error parsing override 'scale' missing EQUAL"),
        ("evaluate", ["+suite.sample=3"], "error: suite.sample: no such key; did you mean suite.samples?"),
        ("evaluate", ["training.samples=3"], "error: training: no such key"),
        (
            "train",
            ["scale=smoke", "model=tiny", "+suite@suites.adversarial=adversarial", "suites.adversarial.samples=3"],
            "error: suite adversarial, transitivity/adversarial, samples=3: adversarial holds pairs: n must be even",
        ),
        (
            "evaluate",
            ["model=tiny", "suite=closure", "suite.samples=2", "out=o"],
            "error: suite closure, transitivity/in_distribution, samples=2: n=2 questions are fewer than",
        ),
        (
            "evaluate",
            ["suite=published", "prompt=mine"],
            "error: prompt=mine: must be one of benchmark, dseparation_released",
        ),
        (
            "evaluate",
            ["model=tiny", "suite=published", "prompt=dseparation_released", "+suite.prompt=benchmark", "out=o"],
            "error: prompt=dseparation_released: contradicts suite.prompt=benchmark; give one of them",
        ),
        ("evaluate", ["suite=published", "suite.faults.lost=true"], "error: suite.faults.lost: no such key"),
        (
            "evaluate",
            ["suite=published", "model=tiny", "out=o", "checkpoint=3"],
            "error: checkpoint=3: give the run=DIR",
        ),
        (
            "evaluate",
            ["model=tiny", "suite=published", "evaluation.prior=1"],
            "error: evaluation.prior=1: must be less than or equal to 0.999",
        ),
        ("evaluate", ["run=/nowhere", "suite=published"], "error: run=/nowhere: no config.yaml there"),
        ("evaluate", ["model=tiny", "suite=file", "suite.path=broken.jsonl", "out=o"], "broken.jsonl:2"),
    ],
)
def test_bad_input_is_one_clear_line(run_script, name, arguments, message, tmp_path):
    good = json.dumps({"premise": "A causes B.", "hypothesis": "Does A cause B?", "label": "Yes"})
    (tmp_path / "broken.jsonl").write_text(good + '\n{"premise": "A causes B."\n')
    output = run_script(f"{name}.py", *arguments, cwd=tmp_path, expect=1)
    assert message in output
    assert "Traceback" not in output
    assert not list(tmp_path.rglob("adapter")), "refused before any work"
    assert not (tmp_path.parent / f".{tmp_path.name}.lock").exists()


GRID = ["scale=smoke", "suites.published.samples=4", "suites.corrected.samples=8", "evaluation.resamples=50"]


@pytest.fixture(scope="module")
def swept(run_script, composed, tmp_path_factory):
    """The five-variant grid, one cell of which cannot work."""
    folder = tmp_path_factory.mktemp("sweep")
    blocked = folder / composed("experiment=dseparation_ce", *GRID).out
    blocked.mkdir(parents=True)
    (blocked / "adapter").write_text("a file where a folder must go")
    output = run_script("sweep.py", *GRID, cwd=folder, expect=1)
    return folder, output


def test_a_failed_cell_stops_no_other_and_is_named(swept):
    folder, output = swept
    assert "1 failed" in output and "dseparation_ce" in output.splitlines()[-1]
    finished = [
        p.parts[-4] for p in folder.glob(".smoke/runs/tiny/*/*/seed0/run.json") if read(p)["status"] == "finished"
    ]
    assert sorted(finished) == ["dseparation_semantic", "pretrained", "transitivity_ce", "transitivity_semantic"]


def test_started_again_only_what_is_missing_runs(run_script, swept):
    folder, _ = swept
    (blocked,) = folder.glob(".smoke/runs/tiny/dseparation_ce/*/seed0/adapter")
    blocked.unlink()
    before = {p: p.stat().st_mtime_ns for p in folder.glob(".smoke/runs/**/run.json") if "dseparation_ce" not in str(p)}
    output = run_script("sweep.py", *GRID, cwd=folder)
    assert output.count("finished before: ") == 4
    assert all(p.stat().st_mtime_ns == t for p, t in before.items())


def test_the_sweep_wrote_the_tables_and_tables_py_writes_them_again(run_script, swept):
    folder, _ = swept
    written = sorted((folder / ".smoke/tables").glob("*.csv"))
    assert written and list((folder / ".smoke/figures").rglob("*.png"))
    report = (folder / ".smoke/REPORT.md").read_text()
    assert "5 finished and 0 unfinished runs" in report and "](figures/" in report and "C8" in report
    contents = {p: p.read_text() for p in written}
    for path in written:
        path.unlink()
    run_script("tables.py", "results=.smoke", cwd=folder)
    assert {p: p.read_text() for p in written} == contents
