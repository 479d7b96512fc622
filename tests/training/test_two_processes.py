"""Several processes train as one would: the same batches, one lambda, one set of learned loss weights."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("trained_by_two.py")
SMALL = ["scale=smoke", "model=tiny", "training.log_every=1", "model.precision=fp32"]


def train(folder, processes, *overrides):
    """What each process ended with, and the log."""
    launcher = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    command = [*launcher, str(SCRIPT)] if processes > 1 else [sys.executable, str(SCRIPT)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[2])}
    done = subprocess.run(
        [*command, str(folder), *SMALL, *overrides], env=environment, capture_output=True, text=True, timeout=300
    )
    of_the_first = "\n".join(line for line in done.stderr.splitlines() if "[rank0]" in line)
    assert done.returncode == 0, f"{of_the_first[-3000:]}\n{done.stderr[-3000:]}"
    ended = [json.loads((folder / f"process{rank}.json").read_text()) for rank in range(processes)]
    written = [process.pop("checkpoints") for process in ended]
    assert written[0] and not any(written[1:]), "the first process alone writes checkpoints"
    kept = [process.pop("kept") for process in ended]
    assert kept[0] is None or processes == 1 or kept[0] != kept[1], "each process draws its own dropout"
    return ended, [json.loads(line) for line in (folder / "training_log.jsonl").read_text().splitlines()]


def test_two_processes_train_as_one_would(tmp_path, monkeypatch):
    settings = ("loss=semantic", "schedule=relobralo")
    (alone,), log = train(tmp_path / "one", 1, *settings)
    # what `accelerate launch --mixed_precision=bf16` sets: precision is model.precision, and nothing changes
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    both, shared_log = train(tmp_path / "two", 2, *settings)
    assert alone["steps"] == 6 and both[0]["steps"] == both[1]["steps"] == 6
    assert both[0] == both[1]
    for one, two in zip(log, shared_log, strict=True):
        for key in {"loss", "lambda", "loss/semantic", "prediction_entropy", "probe/auroc", "grad_norm"} & set(one):
            assert two[key] == pytest.approx(one[key], rel=1e-5), (one["step"], key)


def test_two_processes_go_on_in_the_middle_of_a_later_epoch_with_the_batches_that_are_left(tmp_path):
    settings = ("loss=semantic", "training.epochs=2", "training.checkpoint_every=4", "lora.dropout=0.1")
    whole, log = train(tmp_path, 2, *settings)
    assert whole[0]["steps"] == 12 and (tmp_path / "checkpoints/checkpoint-8").is_dir()
    shutil.rmtree(tmp_path / "checkpoints/checkpoint-12")
    shutil.rmtree(tmp_path / "adapter")
    resumed, resumed_log = train(tmp_path, 2, *settings)
    assert resumed == whole
    for one, two in zip(log, resumed_log, strict=True):
        for key in {"step", "loss", "lambda", "prediction_entropy", "probe/auroc", "grad_norm"} & set(one):
            assert two[key] == one[key], (one["step"], key)


def test_weights_that_a_loss_learns_stay_equal(tmp_path):
    settings = ("loss=semantic_distance", "loss.learned=true", "task.questions=families", "schedule=adaptive_collapse")
    both, log = train(
        tmp_path, 2, *settings, "task.questions_per_graph=6", "training.samples=288", "training.batch_size=4"
    )
    assert both[0]["loss"] and both[0] == both[1]
    assert len({line["loss/weight_node"] for line in log if "loss" in line}) > 1, "they are learned"
