"""A checkpoint is whole or is passed over, whatever happened to it."""

import json
import os
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from records import checkpoints
from records.checkpoints import COMPLETE, UNFINISHED, damage, keep_newest, newest_whole, publish

FILES = (
    "adapter_model.safetensors", "adapter_config.json", "lambda_schedule.json", "loss_parameters.json",
    "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json",
)  # fmt: skip


def write(folder, step):
    """What the Trainer writes, in small."""
    folder.mkdir(parents=True)
    save_file({"w": np.arange(64, dtype=np.float32)}, folder / "adapter_model.safetensors")
    for name in FILES:
        if name.endswith(".json"):
            (folder / name).write_text(json.dumps({"global_step": step, "filled": "x" * 100}))
        elif name.endswith((".pt", ".pth")):
            with zipfile.ZipFile(folder / name, "w") as archive:
                archive.writestr("data", bytes(200))
    return folder


@pytest.fixture(params=["sealed", "older"])
def run(request, tmp_path):
    """checkpoints/ with steps 3 and 6; the older ones have no seal."""
    for step in (3, 6):
        publish(write(tmp_path / "aside", step), tmp_path / f"checkpoint-{step}")
        if request.param == "older":
            (tmp_path / f"checkpoint-{step}" / COMPLETE).unlink()
    return tmp_path


def test_the_newest_is_taken(run):
    assert newest_whole(run) == (run / "checkpoint-6", [])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["missing", "empty", "half"])
def test_a_damaged_one_is_passed_over_and_named(run, name, how):
    path = run / "checkpoint-6" / name
    content = path.read_bytes()
    path.unlink() if how == "missing" else path.write_bytes(content[: len(content) // 2] if how == "half" else b"")
    whole, damaged = newest_whole(run)
    assert whole == run / "checkpoint-3"
    assert len(damaged) == 1 and damaged[0].startswith("checkpoint-6 is damaged") and name.split(".")[0] in damaged[0]


def test_one_flipped_bit_is_found(tmp_path):
    publish(write(tmp_path / "aside", 3), tmp_path / "checkpoint-3")
    path = tmp_path / "checkpoint-3/adapter_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert damage(tmp_path / "checkpoint-3") == "adapter_model.safetensors does not have its SHA-256"


@pytest.mark.parametrize(
    "state", [{}, [], {"global_step": "6"}, {"global_step": -6}, {"global_step": 6.0}, {"global_step": 7}]
)
def test_a_state_of_no_step_or_another_is_damage(run, state):
    (run / "checkpoint-6/trainer_state.json").write_text(json.dumps(state))
    if (run / "checkpoint-6" / COMPLETE).exists():  # as a folder from elsewhere may be
        publish(run / "checkpoint-6", run / "checkpoint-6-again").rename(run / "checkpoint-6")
    whole, (line,) = newest_whole(run)
    assert whole == run / "checkpoint-3" and "trainer_state.json" in line


def test_a_seal_that_is_none_is_damage(run):
    (run / "checkpoint-6" / COMPLETE).write_text("[]")
    assert newest_whole(run)[0] == run / "checkpoint-3"


def test_what_a_kill_left_aside_is_never_read(run):
    write(run / UNFINISHED / "checkpoint-9", 9)
    (run / "checkpoint-12").mkdir()
    whole, damaged = newest_whole(run)
    assert whole == run / "checkpoint-6" and len(damaged) == 1


def test_none_whole(tmp_path):
    write(tmp_path / "checkpoint-3", 3)
    (tmp_path / "checkpoint-3/optimizer.pt").unlink()
    whole, damaged = newest_whole(tmp_path)
    assert whole is None and damaged == ["checkpoint-3 is damaged (optimizer.pt is missing)"]
    assert newest_whole(tmp_path / "nowhere") == (None, [])


def test_the_same_step_again_replaces_the_damaged_one(run):
    (run / "checkpoint-6/optimizer.pt").unlink()
    publish(write(run / "aside", 6), run / "checkpoint-6")
    assert newest_whole(run) == (run / "checkpoint-6", [])
    assert sorted(path.name for path in run.iterdir()) == ["checkpoint-3", "checkpoint-6"]


def test_the_latest_steps_are_kept_even_if_the_clock_jumped_back(tmp_path):
    for step, hour in ((3, 9), (6, 8), (12, 1)):
        publish(write(tmp_path / "aside", step), tmp_path / f"checkpoint-{step}")
        os.utime(tmp_path / f"checkpoint-{step}", (3600 * hour, 3600 * hour))
    keep_newest(tmp_path, 2)
    assert set(checkpoints.steps(tmp_path)) == {6, 12}
