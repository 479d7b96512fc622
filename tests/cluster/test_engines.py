"""The engines that need no cluster: a killed cell stops no other, is named, and goes on when the sweep is started again."""

import importlib.util
import os
import re
import signal

import pytest
from sweeps import PATIENCE, Sweep, until, working_on

VICTIM, OTHER = "transitivity_ce", "pretrained"
TWO = f"experiment={VICTIM},{OTHER}"


def kill_in_training(sweep: Sweep, process) -> None:
    """SIGKILL for whoever trains the victim, once there is a checkpoint."""
    until(lambda: sweep.has_checkpoint(VICTIM))
    lock = sweep.cell(VICTIM).with_name(".seed0.lock")
    (worker, *_) = working_on(process.pid, lock)
    os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize("launcher", ["joblib", "local"])
def test_a_killed_cell_stops_no_other(launcher, tmp_path, assert_the_same):
    pytest.importorskip({"joblib": "joblib", "local": "submitit"}[launcher])
    sweep = Sweep(tmp_path / "sweep", f"hydra/launcher={launcher}", TWO)
    process = sweep.start()
    kill_in_training(sweep, process)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "1 failed:" in printed and re.search(rf"{VICTIM}/\w+/seed0: ended without a word", printed)
    finished = sweep.finished()
    assert set(finished) == {OTHER}
    printed = sweep.run()
    assert "2 cells: 1 finished, 1 skipped" in printed
    assert sweep.finished()[OTHER] == finished[OTHER]
    assert_the_same(sweep, variants=2)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="no ray here")
def test_ray_tries_a_killed_cell_again(tmp_path, assert_the_same):
    sweep = Sweep(tmp_path / "sweep", "hydra/launcher=ray", TWO)
    process = sweep.start()
    kill_in_training(sweep, process)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed[-3000:]
    assert "2 cells: 2 finished" in printed and "going on from" in printed
    assert_the_same(sweep, variants=2)


def test_each_cell_of_a_machine_with_several_gpus_sees_one(tmp_path):
    """Which one is told by the environment, which needs no GPU to be read."""
    pytest.importorskip("joblib")
    from hydra_plugins.joblib_launcher import JoblibLauncher

    class Note:
        def __init__(self, number):
            self.file = tmp_path / str(number)

        def __call__(self):
            import time

            time.sleep(0.5)
            self.file.write_text(os.environ["CUDA_VISIBLE_DEVICES"])

    JoblibLauncher(n_jobs=1, gpus=[2, 5]).run([Note(number) for number in range(4)])
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["2", "2", "5", "5"]
