"""Killed processes, a full disk, a foreign home: what a run does, and that its margins stay the same (docs/reliability.md)."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import wandb

from records.claim import claim

ROOT = Path(__file__).parents[2]
FEW = ["suites.published.samples=4", "suites.corrected.samples=8", "suites.validation.samples=8"]
SMALL = ["scale=smoke", "out=run", "evaluation.resamples=20", *FEW]


@pytest.fixture(scope="module")
def undisturbed(run_script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    run_script("train.py", *SMALL, "tracking=none", cwd=folder)
    found = margins(folder / "run")
    assert set(found) == {"validation", "published", "corrected"} and all(found.values())
    return found


def margins(run):
    return {path.parent.name: pd.read_parquet(path)["margin"].tolist() for path in run.rglob("margins.parquet")}


def test_kills_at_random_moments_change_no_margin(tmp_path):
    """A few; `make test-faults` makes twenty for each script."""
    command = [sys.executable, "-m", "benchmarks.kill_campaign", "kills=2", "scripts=train", f"out={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (row,) = json.loads((tmp_path / "kill_campaign.json").read_text())["rows"]
    assert row["kills"] == 2 and row["lost"] == 0
    assert row["margin_files"] >= 3, "of nothing, no margin is lost"


def test_the_page_shows_the_counts_of_the_last_campaign():
    from benchmarks.kill_campaign import PAGE, table

    report = json.loads((ROOT / "results/benchmarks/kill_campaign.json").read_text())
    assert table(report) in PAGE.read_text()
    assert all(row["kills"] >= 20 and row["lost"] == 0 for row in report["rows"])


def test_without_home_and_git_and_from_another_folder_the_run_is_the_same(tmp_path, undisturbed):
    environment = {"PATH": str(tmp_path), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, str(ROOT / "train.py"), *SMALL]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert margins(tmp_path / "run") == undisturbed
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["commit"] == "unknown" and record["uncommitted_changes"] == "unknown"


@pytest.mark.parametrize("size", [2_000, 60_000])
def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    run_script, tmp_path, small_files, undisturbed, size
):
    small_files(size)
    output = run_script("train.py", *SMALL, "tracking=none", cwd=tmp_path, expect=1)
    small_files(resource.RLIM_INFINITY)
    assert "Traceback" not in output and "resume=true goes on" in output.splitlines()[-1]
    run_script("train.py", *SMALL, "tracking=none", "resume=true", cwd=tmp_path)
    assert margins(tmp_path / "run") == undisturbed


@pytest.fixture
def small_disk(tmp_path):
    """A function that gives a file system of its own so many KiB, and where it lies. Only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(*options):
        return subprocess.run(["mount", *options, str(disk)], capture_output=True, text=True)

    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root on Linux can mount a small disk; RLIMIT_FSIZE above stands for it")
    if (mounted := mount("-t", "tmpfs", "-o", "size=64k", "tmpfs")).returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")

    def sized(kib):
        assert mount("-o", f"remount,size={kib}k").returncode == 0
        return disk

    yield sized
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_small_disk_that_is_full_costs_nothing_that_was_computed(run_script, tmp_path, small_disk, undisturbed):
    """A real one, with room for one checkpoint, then for both but not the adapter, then for no scores."""
    train = ["train.py", *SMALL, "out=disk/run", "tracking=none", "resume=true"]
    kept = {}
    for room in (700, 1400):
        disk = small_disk(room)
        output = run_script(*train, cwd=tmp_path, expect=1)
        assert "resume=true goes on" in output.splitlines()[-1] and "Traceback" not in output
        kept[room] = sorted(path.name for path in (disk / "run/checkpoints").iterdir())
    assert kept == {700: ["checkpoint-3"], 1400: ["checkpoint-3", "checkpoint-6"]}
    small_disk(64_000)
    run_script(*train, cwd=tmp_path)
    assert margins(disk / "run") == undisturbed

    score = ["evaluate.py", "run=disk/run", "suite=corrected", "suite.samples=40", "out=disk/scored", "tracking=none"]
    score += ["evaluation.resamples=20", "evaluation.yardstick_questions=200"]
    small_disk(shutil.disk_usage(disk).used // 1024 + 8)
    output = run_script(*score, cwd=tmp_path, expect=1)
    assert "No space left on device" in output.splitlines()[-1] and "Traceback" not in output
    assert not (disk / "scored/metrics.json").exists() and margins(disk / "run") == undisturbed
    small_disk(64_000)
    run_script(*score, cwd=tmp_path)
    assert (disk / "scored/metrics.json").is_file()


def test_results_that_cannot_be_written_are_one_line(run_script, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    output = run_script("train.py", *SMALL, "out=file/run", "tracking=none", cwd=tmp_path, expect=1)
    assert output.splitlines()[-1].startswith("error: ") and "file: File exists" in output and "Traceback" not in output


def test_a_clock_that_runs_backwards_changes_nothing(run_script, tmp_path, monkeypatch, undisturbed):
    now = iter(range(2_000_000_000, 0, -60))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: float(next(now)))
        run_script("train.py", *SMALL, "tracking=none", cwd=tmp_path)
    assert margins(tmp_path / "run") == undisturbed
    assert json.loads((tmp_path / "run/run.json").read_text())["seconds"]["train"] >= 0


@pytest.mark.parametrize("when", ["init", "log"])
def test_wandb_out_of_reach_costs_the_mirror_only(run_script, tmp_path, monkeypatch, undisturbed, when):
    def dead(*arguments, **settings):
        raise wandb.errors.CommError("no route to host")

    with monkeypatch.context() as patch:
        patch.setattr(*((wandb, "init") if when == "init" else (wandb.Run, "log")), dead)
        output = run_script("train.py", *SMALL, cwd=tmp_path)
    assert output.count("wandb: CommError: no route to host; going on without it") == 1
    assert margins(tmp_path / "run") == undisturbed


def test_an_interrupted_training_says_so_in_one_line_and_goes_on(run_script, tmp_path, monkeypatch, undisturbed):
    from training import fine_tune

    def interrupted(message, *arguments):
        if message.startswith("training on"):
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(fine_tune.log, "info", interrupted)
        output = run_script("train.py", *SMALL, "tracking=none", cwd=tmp_path, expect=130)
    assert output.splitlines()[-1] == "interrupted: what was computed stays, resume=true goes on"
    assert "Traceback" not in output
    run_script("train.py", *SMALL, "tracking=none", "resume=true", cwd=tmp_path)
    assert margins(tmp_path / "run") == undisturbed


def test_a_cell_that_another_sweep_trains_is_left_to_it(run_script, tmp_path):
    command = ["sweep.py", "scale=smoke", "results=results", "tracking=none", "evaluation.resamples=20", *FEW]
    command += ["experiment=transitivity_ce"]
    run_script(*command, cwd=tmp_path)
    (run,) = (path.parent for path in (tmp_path / "results/runs").rglob("run.json"))
    shutil.rmtree(run)
    with claim(run):
        output = run_script(*command, cwd=tmp_path)
    assert f"process {os.getpid()} on" in output and "left to another process" in output
    assert not run.exists(), "nothing is computed twice"
    assert "1 elsewhere" in output
    (tmp_path / "results/tables/summary.csv").unlink()
    (tmp_path / "results/tables/summary.csv").mkdir()
    output = run_script(*command, cwd=tmp_path, expect=1)
    assert "1 failed:" in output and "tables: IsADirectoryError" in output.splitlines()[-1]


def test_a_planted_secret_reaches_no_file(run_script, tmp_path, monkeypatch):
    secret = "hunter2-planted"
    for name in ("WANDB_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "SECRET"):
        monkeypatch.setenv(name, secret)
    run_script("train.py", *SMALL, cwd=tmp_path)
    run_script(
        "evaluate.py",
        "run=run",
        "suite=corrected",
        "suite.samples=8",
        "evaluation.yardstick_questions=200",
        "out=scored",
        cwd=tmp_path,
    )
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not [path for path in files if secret.encode() in path.read_bytes()]
