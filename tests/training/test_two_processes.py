"""Several processes train as one would: the same batches, one lambda, one set of learned loss weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.trained_by_two import trained

SCRIPT = Path(__file__).with_name("trained_by_two.py")
SMALL = ["scale=smoke", "model=tiny", "training.log_every=1", "model.precision=fp32"]
ADAPTIVE = [*SMALL, "loss=semantic", "schedule=relobralo"]
TWO_EPOCHS = [*SMALL, "loss=semantic", "training.epochs=2", "training.checkpoint_every=4", "lora.dropout=0.1"]
LEARNED = [
    *SMALL, "loss=semantic_distance", "loss.learned=true", "task.questions=families", "schedule=adaptive_collapse",
    "task.questions_per_graph=6", "training.samples=288", "training.batch_size=4",
]  # fmt: skip


def parsed(log):
    return [json.loads(line) for line in log.splitlines()]


@pytest.fixture(scope="module")
def by_two(tmp_path_factory):
    """Job → (what each of two processes ended with, the log). One torchrun for all: its start takes longer than they do."""
    folder = tmp_path_factory.mktemp("two")
    jobs = {
        "adaptive": {"folder": "adaptive", "overrides": ADAPTIVE, "delete": []},
        "whole": {"folder": "epochs", "overrides": TWO_EPOCHS, "delete": []},
        "resumed": {"folder": "epochs", "overrides": TWO_EPOCHS, "delete": ["checkpoints/checkpoint-12", "adapter"]},
        "learned": {"folder": "learned", "overrides": LEARNED, "delete": []},
    }
    for job in jobs.values():
        job["folder"] = str(folder / job["folder"])
    (folder / "jobs.json").write_text(json.dumps([*jobs.values()]))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    # what `accelerate launch --mixed_precision=bf16` sets: precision is model.precision, and nothing changes
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parents[2]), "ACCELERATE_MIXED_PRECISION": "bf16"}
    done = subprocess.run(
        [*launcher, str(SCRIPT), str(folder / "jobs.json")],
        env=environment | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    of_the_first = "\n".join(line for line in done.stderr.splitlines() if "[rank0]" in line)
    assert done.returncode == 0, f"{of_the_first[-3000:]}\n{done.stderr[-3000:]}"
    found = {}
    for name, processes in zip(jobs, zip(*(json.loads((folder / f"process{i}.json").read_text()) for i in (0, 1)))):
        ended = [process for process, _ in processes]
        written = [process.pop("checkpoints") for process in ended]
        assert written[0] and not written[1], "the first process alone writes checkpoints"
        kept = [process.pop("kept") for process in ended]
        assert kept[0] is None or kept[0] != kept[1], "each process draws its own dropout"
        found[name] = ended, parsed(processes[0][1]), written[0], kept[0]
    return found


def test_two_processes_train_as_one_would(composed, by_two, tmp_path):
    alone, log = trained(composed(*ADAPTIVE, f"out={tmp_path}"), tmp_path)
    both, shared_log, written, _ = by_two["adaptive"]
    assert alone["steps"] == 6 and both[0]["steps"] == both[1]["steps"] == 6
    assert both[0] == both[1] and alone["checkpoints"] == written
    for one, two in zip(parsed(log), shared_log, strict=True):
        for key in {"loss", "lambda", "loss/semantic", "prediction_entropy", "probe/auroc", "grad_norm"} & set(one):
            assert two[key] == pytest.approx(one[key], rel=1e-5), (one["step"], key)


def test_two_processes_go_on_in_the_middle_of_a_later_epoch_with_the_batches_that_are_left(by_two):
    whole, log, written, kept = by_two["whole"]
    resumed, resumed_log, written_later, _ = by_two["resumed"]
    assert whole[0]["steps"] == 12 and kept, "with dropout"
    assert 0 < written_later < written, "it goes on from a checkpoint"
    assert resumed == whole
    for one, two in zip(log, resumed_log, strict=True):
        for key in {"step", "loss", "lambda", "prediction_entropy", "probe/auroc", "grad_norm"} & set(one):
            assert two[key] == one[key], (one["step"], key)


def test_weights_that_a_loss_learns_stay_equal(by_two):
    both, log, *_ = by_two["learned"]
    assert both[0]["loss"] and both[0] == both[1]
    assert len({line["loss/weight_node"] for line in log if "loss" in line}) > 1, "they are learned"
