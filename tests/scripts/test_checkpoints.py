"""An interrupted training goes on: from its own checkpoints to the same end, from a portable one as good as that."""

import json
import math
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file
from transformers import TrainerCallback

from losses import Semantic
from records.checkpoints import COMPLETE, UNFINISHED, publish
from training import fine_tune
from training.fine_tune import training_items
from training.trainer import CausalTrainer, CheckpointNotWritten

# Dropout draws from the generator whose state a checkpoint keeps.
SMALL = ["scale=smoke", "out=run", "tracking=none", "evaluation.resamples=50", "lora.dropout=0.1"]
# Of the scores only margins of one corrected split are compared.
SMALL += ["suites.published.splits=null", "suites.validation.samples=8", "suites.corrected.splits.dseparation=[]"]
SMALL += ["suites.corrected.splits.transitivity=[length]"]


@pytest.fixture(scope="module")
def whole(run_script, tmp_path_factory):
    """The folder of a run in one go."""
    folder = tmp_path_factory.mktemp("whole")
    run_script("train.py", *SMALL, cwd=folder)
    return folder / "run"


def stop_at(step, run_script, folder, monkeypatch):
    """The folder of the same run, stopped after its checkpoint of a step."""

    class Stop(TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            if state.global_step == step:
                raise RuntimeError("power cut")

    build = CausalTrainer.__init__

    def build_and_stop(self, *arguments, **settings):
        build(self, *arguments, **settings)
        self.add_callback(Stop())

    with monkeypatch.context() as patch:
        patch.setattr(CausalTrainer, "__init__", build_and_stop)
        run_script("train.py", *SMALL, cwd=folder, expect=1)
    names = [f"checkpoint-{saved}" for saved in range(3, step + 1, 3)]
    assert sorted(path.name for path in (folder / "run/checkpoints").iterdir()) == names
    return folder / "run"


@pytest.fixture(scope="module")
def stopped(run_script, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return stop_at(3, run_script, tmp_path_factory.mktemp("stopped"), patch)


@pytest.fixture
def interrupted(stopped, tmp_path):
    """A copy of it, to go on with."""
    return shutil.copytree(stopped, tmp_path / "run")


def logged(folder):
    lines = [json.loads(line) for line in (folder / "training_log.jsonl").read_text().splitlines()]
    return [(line["step"], line.get("lambda"), line.get("probe/auroc")) for line in lines], lines[-2]["loss/total"]


def margins(folder):
    return pd.read_parquet(folder / "evaluation/corrected/margins.parquet")


def test_a_resumed_run_ends_as_one_in_one_go(run_script, interrupted, whole):
    run_script("train.py", *SMALL, cwd=interrupted.parent, expect=1)  # refused without resume
    run_script("train.py", *SMALL, "resume=true", cwd=interrupted.parent)
    assert logged(interrupted) == logged(whole)
    pd.testing.assert_frame_equal(margins(interrupted), margins(whole))


def test_a_portable_checkpoint_goes_on_in_another_clone(run_script, interrupted, whole, tmp_path):
    assert "step 3" in run_script("training.portable", "run=run", cwd=tmp_path)
    exact = load_file(interrupted / "checkpoints/checkpoint-3/adapter_model.safetensors")
    shutil.rmtree(interrupted / "checkpoints")
    files = {path.suffix for path in (interrupted / "portable").iterdir()}
    assert files == {".safetensors", ".json"}, "no pickle"
    config = json.loads((interrupted / "portable/adapter_config.json").read_text())
    assert "/" not in config["base_model_name_or_path"]
    small = load_file(interrupted / "portable/adapter_model.safetensors")
    assert small.keys() == exact.keys() and all((small[k].float() - exact[k]).abs().max() < 1e-2 for k in exact)
    run_script("evaluate.py", "run=run", "suite=published", "suite.samples=4", "checkpoint=3", cwd=tmp_path)
    state = json.loads((interrupted / "portable/trainer_state.json").read_text())
    del state["stateful_callbacks"]["_Steps"]  # as of a version before it
    (interrupted / "portable/trainer_state.json").write_text(json.dumps(state))
    train = ["train.py", *SMALL, "resume=true"]
    output = run_script(*train, cwd=tmp_path, expect=1)
    assert (
        "run/portable: no checkpoint can be made of it (trainer_state.json has" in output and "Traceback" not in output
    )
    (interrupted / "portable" / COMPLETE).unlink()  # as of a version before it, too
    output = run_script(*train, cwd=tmp_path)
    assert "checkpoint-3" in output
    (steps, loss), (steps_whole, loss_whole) = logged(interrupted), logged(whole)
    assert [step[:2] for step in steps] == [step[:2] for step in steps_whole]
    assert loss == pytest.approx(loss_whole, rel=1e-3)
    assert np.abs(margins(interrupted)["margin"] - margins(whole)["margin"]).max() < 0.02


def test_packing_what_is_not_there_is_one_line(run_script, interrupted, tmp_path):
    assert "checkpoint=5: run has 3" in run_script("training.portable", "run=run", "step=5", cwd=tmp_path, expect=2)
    assert "no config.yaml there" in run_script("training.portable", "run=nowhere", cwd=tmp_path, expect=2)
    shutil.rmtree(interrupted / "checkpoints")
    assert "no checkpoints there" in run_script("training.portable", "run=run", cwd=tmp_path, expect=2)


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(run_script, tmp_path, monkeypatch, whole):
    run = stop_at(6, run_script, tmp_path, monkeypatch)
    (run / "checkpoints/checkpoint-6/optimizer.pt").unlink()
    output = run_script("train.py", *SMALL, "resume=true", cwd=tmp_path)
    assert "checkpoint-6 is damaged (optimizer.pt is missing)" in output
    assert "going on from run/checkpoints/checkpoint-3" in output
    pd.testing.assert_frame_equal(margins(run), margins(whole))


def test_without_a_whole_checkpoint_it_starts_again_and_says_so(run_script, interrupted, whole):
    (interrupted / "checkpoints/checkpoint-3/rng_state.pth").write_bytes(b"")
    output = run_script("train.py", *SMALL, "resume=true", cwd=interrupted.parent)
    assert "no checkpoint is whole; the training starts again from its first step" in output
    pd.testing.assert_frame_equal(margins(interrupted), margins(whole))


def test_other_training_questions_do_not_go_on_from_a_checkpoint_of_the_first(
    run_script, interrupted, tmp_path, monkeypatch
):
    def others(cfg):
        return training_items(OmegaConf.merge(cfg, {"seed": 1}))

    go_on = ["train.py", *SMALL, "resume=true"]
    with monkeypatch.context() as patch:  # as another version of the generators, or other lines in data.path
        patch.setattr(fine_tune, "training_items", others)
        refused = (
            "error: the generators of this version: not the training questions of run/checkpoints/checkpoint-3; "
            "put those back to go on, or train on the new ones in another out="
        )
        assert refused in run_script(*go_on, cwd=tmp_path, expect=1)
        run_script("training.portable", "run=run", cwd=tmp_path)
        shutil.rmtree(interrupted / "checkpoints")
        assert refused in run_script(*go_on, cwd=tmp_path, expect=1)
    assert "going on from run/checkpoints/checkpoint-3" in run_script(*go_on, cwd=tmp_path)


@pytest.mark.parametrize("first", [True, False])
def test_of_several_processes_the_first_alone_deletes_what_is_half_written(tmp_path, first):
    (tmp_path / UNFINISHED).mkdir()
    trainer = SimpleNamespace(
        args=SimpleNamespace(output_dir=tmp_path),
        state=SimpleNamespace(global_step=3),
        is_world_process_zero=lambda: first,
    )
    with (
        pytest.raises(CheckpointNotWritten, match="No space left"),
        CausalTrainer._naming_the_last_good_checkpoint(trainer),
    ):
        raise OSError(28, "No space left on device")
    assert (tmp_path / UNFINISHED).exists() != first


class Payload:
    """Unpickled without care, it makes a folder."""

    def __reduce__(self):
        return (os.mkdir, ("ran",))


def seal(checkpoint):
    """Give it sums that fit what it holds now."""
    publish(checkpoint.rename(checkpoint.with_name("aside")), checkpoint)


def test_code_planted_in_a_checkpoint_does_not_run(run_script, interrupted, whole):
    checkpoint, folder = interrupted / "checkpoints/checkpoint-3", interrupted.parent
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        honest = (checkpoint / name).read_bytes()
        torch.save({"state": Payload()}, checkpoint / name)
        seal(checkpoint)
        output = run_script("train.py", *SMALL, "resume=true", cwd=folder, expect=1)
        assert "none of it was run" in output.splitlines()[-1] and "Traceback" not in output
        (checkpoint / name).write_bytes(honest)
    torch.save(Payload(), checkpoint / "training_args.bin")  # which nothing reads
    seal(checkpoint)
    run_script("train.py", *SMALL, "resume=true", cwd=folder)
    assert not (folder / "ran").exists()
    pd.testing.assert_frame_equal(margins(interrupted), margins(whole))


def test_a_loss_of_nan_stops_at_once_and_says_where(run_script, tmp_path, monkeypatch):
    compute, calls = Semantic.forward, []

    def spoiled(self, answers, text, weight):
        calls.append(1)
        parts = compute(self, answers, text, weight)
        return parts | {"total": parts["total"] * math.nan} if len(calls) == 5 else parts

    with monkeypatch.context() as patch:
        patch.setattr(Semantic, "forward", spoiled)
        output = run_script("train.py", *SMALL, cwd=tmp_path, expect=1)
    error = output.splitlines()[-1]
    assert error.startswith("error: step 5: the loss is not finite (") and "total=nan" in error
    ids = error.split("on the items ")[1].split(";")[0].split(", ")
    assert len(ids) == 8 and all("transitivity" in name for name in ids)
    assert "last good checkpoint: run/checkpoints/checkpoint-3." in error
    assert "Traceback" not in output and (tmp_path / "run/checkpoints/checkpoint-3").is_dir()


def test_weights_that_are_not_finite_replace_no_checkpoint(run_script, tmp_path, monkeypatch):
    class Spoil(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            if state.global_step == 6:
                next(p for p in model.parameters() if p.requires_grad).data.fill_(math.inf)

    build = CausalTrainer.__init__

    def build_and_spoil(self, *arguments, **settings):
        build(self, *arguments, **settings)
        self.add_callback(Spoil())

    with monkeypatch.context() as patch:
        patch.setattr(CausalTrainer, "__init__", build_and_spoil)
        output = run_script("train.py", *SMALL, cwd=tmp_path, expect=1)
    assert "weights before it are not finite" in output and "checkpoint-3." in output
    assert [path.name for path in (tmp_path / "run/checkpoints").iterdir()] == ["checkpoint-3"]
    assert not (tmp_path / "run/adapter").exists()


def test_no_memory_for_a_step_is_one_line_with_a_smaller_batch(run_script, tmp_path, monkeypatch):
    def full(self, answers, text, weight):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    with monkeypatch.context() as patch:
        patch.setattr(Semantic, "forward", full)
        output = run_script("train.py", *SMALL, cwd=tmp_path, expect=1)
        for settings, advice in (
            (
                ["training.batch_size=9"],
                "with 9 graphs in a pass: try training.accumulation=3, which takes 3, in another out=",
            ),
            (
                ["training.accumulation=8"],
                "with 1 graph in a pass, the least: try task.questions_per_graph, model.precision=",
            ),
            (
                ["data.unlabelled_fraction=0.5"],
                "with 8 graphs in a pass: try training.batch_size, task.questions_per_graph",
            ),
        ):
            assert advice in run_script("train.py", *SMALL, *settings, cwd=tmp_path, expect=1)
    assert "error: out of memory at step 1, with 8 graphs in a pass: try training.accumulation=2" in output
    # nothing was computed, so that nothing blocks the command that follows the advice
    run_script("train.py", *SMALL, "training.accumulation=2", cwd=tmp_path)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["diverged"] is False and "twice what it was" in record["training"]["divergence"]
