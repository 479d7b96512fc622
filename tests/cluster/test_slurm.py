"""The grid under a real Slurm of one node: cancelled, requeued and killed, it finishes, and computes nothing twice."""

import contextlib
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
import slurm
from sweeps import PATIENCE, Sweep, assert_equal_within, until

pytestmark = pytest.mark.skipif(slurm.why_not() is not None, reason=f"no Slurm here: {slurm.why_not()}")

NO_GPU = ["hydra/launcher=slurm", "hydra.launcher.job.gpus_per_node=null", "hydra.launcher.job.cpus_per_task=1"]
NO_GPU += ["hydra.launcher.job.mem_gb=null", "hydra.launcher.tables.mem_gb=null"]
TWO, ONE = (f"hydra.launcher.job.array_parallelism={n}" for n in (2, 1))
VARIANTS = ["pretrained", "transitivity_ce", "dseparation_ce", "transitivity_semantic", "dseparation_semantic"]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        try:
            environment = stack.enter_context(slurm.one_node(tmp_path_factory.mktemp("slurm")))
        except RuntimeError as error:  # in some containers its daemons cannot run
            pytest.skip(str(error))
        yield environment


@pytest.fixture(scope="module")
def ask(node):
    """Runs a command of Slurm, returns what it printed."""

    def run(*command: str) -> str:
        return subprocess.run(command, env=node, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout

    return run


def jobs_of(printed: str) -> list[str]:
    """The numbers of the jobs that a sweep says it has submitted: the cells' and, if it left, that of the tables."""
    return re.findall(r"\bjob (\d+)[.,]", printed)


def requeued(sweep: Sweep, node, array: str) -> Path:
    """Tell transitivity_ce, once it trains, to requeue itself; the log that says that it did."""
    until(lambda: sweep.has_checkpoint("transitivity_ce"))
    log = next(sweep.folder.glob(f"multirun/**/jobs/{array}_1_0_log.out"))
    # Slurm may answer that the job, which is already on its way back into the queue, cannot be signalled now; scancel would then
    # send the signal again, to the process that starts next, before that knows what to do with it.
    with subprocess.Popen(["scancel", "--signal=USR2", f"{array}_1"], env=node, stderr=subprocess.DEVNULL) as telling:
        until(lambda: "this job is preempted" in log.read_text())
        telling.kill()
    return log


def test_the_grid_finishes_whatever_is_done_to_it(node, ask, tmp_path, undisturbed, assert_the_same):
    # The sweep that waits is killed once its jobs are in the queue. They go on.
    first = Sweep(tmp_path / "sweep", *NO_GPU, TWO, "hydra.launcher.wait=true", environment=node)
    process = first.start()
    printed = ""
    while "Logs:" not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line
    process.send_signal(signal.SIGKILL)
    process.wait()
    (array,) = jobs_of(printed)
    # One cell is told to requeue itself, one is killed while it trains, one is cancelled before it begins.
    ask("scancel", f"{array}_4")

    def kill_while_it_trains() -> None:
        until(lambda: first.has_checkpoint("dseparation_ce"))
        # Which nobody handles. A job that is cancelled does not heed SIGTERM and computes on for five seconds, in which a quick
        # core may finish it.
        ask("scancel", "--signal=USR1", f"{array}_2")

    # At once, whatever the other cell is doing: its training takes seconds.
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill_while_it_trains)
        log = requeued(first, node, array)
        killing.result()
    until(lambda: not ask("squeue", "--noheader", "--format=%F").count(array))
    finished = first.finished()
    assert set(finished) == {"pretrained", "transitivity_ce", "transitivity_semantic"}
    printed = log.read_text()
    assert "going on from" in printed and printed.count("Starting with JobEnvironment") == 2, "requeued, and resumed"

    # Started again, it leaves at once; a cancelled cell stops neither the others nor the tables, and is named.
    second = Sweep(first.folder, *NO_GPU, ONE, environment=node)
    cells, tables = jobs_of(second.run())
    ask("scancel", f"{cells}_1")  # of the two that are left
    until(lambda: not ask("squeue", "--noheader", "--format=%A").count(tables))
    assert "JobState=FAILED" in ask("scontrol", "show", "job", tables)
    (output,) = (path.read_text() for path in second.folder.glob(f"multirun/**/jobs/{tables}_0_log.out"))
    assert "5 cells: 3 skipped, 1 finished, 1 submitted" in output
    (errors,) = (path.read_text() for path in second.folder.glob(f"multirun/**/jobs/{tables}_0_log.err"))
    assert "1 failed:" in errors and re.search(r"dseparation_semantic/\w+/seed0: never started \(cancelled\?\)", errors)
    assert (second.folder / ".smoke/tables/summary.csv").is_file()

    # Once more, waiting: nothing is left to do but the last cell, and the tables are written here.
    third = Sweep(first.folder, *NO_GPU, TWO, "hydra.launcher.wait=true", environment=node)
    assert "5 cells: 4 skipped, 1 finished" in third.run()
    records = third.finished()
    assert set(records) == set(VARIANTS)
    assert {variant: records[variant] for variant in finished} == finished, "no finished cell was computed again"
    assert_the_same(third)
    expected, found = undisturbed.tables(), third.tables()
    assert expected.keys() == found.keys()
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table)


def test_two_processes_train_a_cell_as_one_does(node, tmp_path, undisturbed):
    """tasks_per_node=2: what torchrun would set comes from Slurm."""
    two = [*NO_GPU, "hydra.launcher.wait=true", "hydra.launcher.job.tasks_per_node=2"]
    sweep = Sweep(tmp_path / "two", *two, "experiment=transitivity_semantic", environment=node)
    sweep.run()
    assert set(sweep.finished()) == {"transitivity_semantic"}
    log = next(sweep.folder.glob("multirun/**/jobs/*_0_log.out")).read_text()
    other = next(sweep.folder.glob("multirun/**/jobs/*_1_log.out")).read_text()
    assert "local_rank=1(2)" in other and log.count("run: ") == 1 and "run: " not in other, "one process writes"
    assert_equal_within(1e-5, sweep, undisturbed)
