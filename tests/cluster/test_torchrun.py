"""Two processes under torchrun train as one does, one of them writes what they found, and none outlives the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sweeps import Sweep, assert_equal_within

TWO = ("-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", "train.py")


def test_two_processes_leave_what_one_leaves(tmp_path, undisturbed):
    run = Sweep(tmp_path / "two", "experiment=transitivity_semantic", script=TWO)
    printed = run.run()
    assert printed.count("run: ") == 1, "one process writes"
    assert set(run.finished()) == {"transitivity_semantic"}
    one, two = (sweep.cell("transitivity_semantic") for sweep in (undisturbed, run))
    assert {path.relative_to(two) for path in two.rglob("*")} == {path.relative_to(one) for path in one.rglob("*")}
    assert_equal_within(1e-5, run, undisturbed)


@pytest.mark.parametrize(("rank", "error", "status"), [(1, "RuntimeError", "started"), (0, "Claimed", "elsewhere")])
def test_of_a_cells_processes_none_waits_for_one_that_is_gone(rank, error, status, tmp_path):
    """The other would wait for ever; and only the first writes the record."""
    (tmp_path / ".smoke/runs").mkdir(parents=True)  # so that the tables of a sweep that goes on to its end do not fail
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    script = Path(__file__).with_name("swept_by_two.py")
    command = [*launcher, str(script), str(rank), error, "scale=smoke", "experiment=transitivity_ce", "out=run"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(script.parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 1 and "it dies" in done.stdout + done.stderr
    (cell,) = tmp_path.glob("multirun/**/cell-*.json")
    assert json.loads(cell.read_text())["status"] == status
    assert not (tmp_path / "run/run.json").exists()
