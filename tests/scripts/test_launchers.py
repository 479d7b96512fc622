"""The launchers' settings and the account they keep of a sweep; the engines themselves: tests/cluster."""

import importlib.util
import time
from pathlib import Path

import pytest
from hydra.conf import HydraConf
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from hydra_plugins import cells as hydra_cells
from hydra_plugins import slurm_launcher
from hydra_plugins.joblib_launcher import JoblibLauncher
from input_output.reading import FileFormatError
from records.claim import Claimed
from records.run_folder import RunFolder
from records.sweep_status import cells, failures, note, waiting
from reporting.sweep_callback import WriteTables, exit_of_sweep


@pytest.mark.parametrize(
    ("launcher", "package"),
    [("joblib", "joblib"), ("ray", "ray"), ("slurm", "submitit"), ("local", "submitit")],
)
def test_a_missing_package_is_one_line_that_names_the_remedy(launcher, package, run_script, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *where: None if name == package else found(name, *where)
    )
    output = run_script("sweep.py", "scale=smoke", f"hydra/launcher={launcher}", cwd=tmp_path, expect=1)
    assert f"hydra/launcher={launcher}: needs {package}; pip install -r requirements-cluster.txt" in output
    assert "Traceback" not in output


def test_a_misspelt_setting_is_refused(run_script, tmp_path):
    output = run_script("sweep.py", "hydra/launcher=joblib", "hydra.launcher.jobs=3", cwd=tmp_path, expect=1)
    assert "jobs" in output and "Traceback" not in output


def test_batches_that_nobody_waits_for_are_refused(run_script, tmp_path, monkeypatch):
    """Their tables would be written while later cells are waiting, which would pass for failed."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *where: name == "submitit" or found(name, *where))
    monkeypatch.setattr(slurm_launcher.shutil, "which", lambda name: None)  # submits nothing, wherever this runs
    command = ["sweep.py", "scale=smoke", "hydra/launcher=slurm", "hydra.sweeper.max_batch_size=2"]
    (line,) = run_script(*command, cwd=tmp_path, expect=1).splitlines()
    assert line.startswith("error: hydra.sweeper.max_batch_size=2: not with hydra.launcher.wait=false")
    assert "no sbatch here" in run_script(*command, "hydra.launcher.wait=true", cwd=tmp_path, expect=1)


@pytest.mark.parametrize("setting", ["n_jobs=0", "n_jobs=-1", "n_jobs=x", "gpus=[]"])
def test_no_cell_at_a_time_is_refused(setting, run_script, tmp_path):
    output = run_script("sweep.py", "hydra/launcher=joblib", f"hydra.launcher.{setting}", cwd=tmp_path, expect=1)
    assert output == f"error: hydra.launcher.{setting}: at least one cell must run at a time\n"


def test_no_gpu_has_two_cells_in_a_later_batch(monkeypatch):
    """hydra.sweeper.max_batch_size: the launcher runs several times."""
    busy, shared = [], []

    class Process:
        def __init__(self, max_workers, env):
            self.gpu = env["CUDA_VISIBLE_DEVICES"]

        def __enter__(self):
            shared.extend(gpu for gpu in busy if gpu == self.gpu)
            busy.append(self.gpu)
            return self

        def __exit__(self, *error):
            time.sleep(0.05)
            busy.remove(self.gpu)

        def submit(self, cell):
            return self

        def result(self):
            pass

    monkeypatch.setattr("joblib.externals.loky.ProcessPoolExecutor", Process)
    launcher = JoblibLauncher(n_jobs=1, gpus=[0, 1])
    for _ in range(3):
        launcher.run([None] * 4)
    assert shared == [] == busy


def test_evaluations_are_cells_each_for_itself(run_script, tmp_path, monkeypatch):
    """They have no folder of their own, by which a run would be known for the same as another."""
    sent = []

    class Process:
        def __init__(self, max_workers, env):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def submit(self, cell):
            sent.append((cell.config.run, cell.config.suite.name))
            return self

        def result(self):
            pass

    monkeypatch.setattr("joblib.externals.loky.ProcessPoolExecutor", Process)
    command = ["evaluate.py", "-m", "run=a,b", "suite=published,corrected", "hydra/launcher=joblib"]
    run_script(*command, cwd=tmp_path)
    assert sorted(sent) == [(run, suite) for run in "ab" for suite in ("corrected", "published")]


@pytest.mark.parametrize("callbacks", [{"tables": {}}, None])
def test_a_refused_job_of_tables_leaves_the_cells_submitted(callbacks, monkeypatch, caplog):
    submitted = []

    def submit(launcher, functions, settings):
        if "dependency" in settings:
            raise CompactHydraException("hydra/launcher=slurm: invalid partition")
        submitted.extend(functions)
        return "7"

    monkeypatch.setattr(slurm_launcher.SlurmLauncher, "_submit", submit)
    monkeypatch.setattr(slurm_launcher, "_submitted", lambda cell: cell)
    launcher = slurm_launcher.SlurmLauncher("jobs", False, 3, OmegaConf.create({}), OmegaConf.create({}))
    launcher.config = OmegaConf.create({"results": "outputs", "hydra": {"callbacks": callbacks}})
    with caplog.at_level("INFO"):
        launcher.run(["cell"])
    assert submitted == ["cell"]
    said = "invalid partition: the tables' job; the cells are submitted" in caplog.text
    assert said is (callbacks is not None)  # without it, as in evaluate.py -m, none is asked for


GIT_CONFLICT = "<<<<<<< HEAD\n{}\n"


def test_a_cell_whose_record_cannot_be_read_fails_alone(tmp_path, monkeypatch):
    import sweep

    noted = []
    monkeypatch.setattr(sweep, "note_cell", lambda *said: noted.append(said))
    (tmp_path / "seed0").mkdir()
    (tmp_path / "seed0/run.json").write_text(GIT_CONFLICT)
    sweep.main.__wrapped__(OmegaConf.create({"out": str(tmp_path / "seed0")}))
    assert [status for status, *_ in noted] == ["started", "failed"] and "run.json:1: not JSON" in noted[1][2]
    assert (tmp_path / "seed0/run.json").read_text() == GIT_CONFLICT


def test_a_cell_that_cannot_be_noted_fails_alone_and_is_listed(tmp_path, monkeypatch):
    """Its file in the sweep's folder cannot be written: a full disk."""
    import sweep

    def full(*said):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sweep, "note_cell", full)
    monkeypatch.setattr(sweep, "UNNOTED", [])
    sweep.main.__wrapped__(OmegaConf.create({"out": str(tmp_path / "seed0")}))
    (line,) = sweep.UNNOTED
    assert line.startswith(f"{tmp_path}/seed0: OSError: ") and "cannot be noted" in line


def test_a_cell_whose_note_of_this_checkout_is_damaged_is_not_taken_for_finished(tmp_path):
    run = RunFolder(tmp_path)
    run.finish({})
    (tmp_path / ".made_here").write_bytes(b"\xff")
    config = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf), "out": str(tmp_path)})
    assert not run.finished and hydra_cells._state(config) == (str(tmp_path), False)


def test_a_cell_on_a_disk_that_fails_stops_no_launcher(tmp_path, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    config = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf), "out": str(tmp_path)})
    monkeypatch.setattr(Path, "is_file", broken)
    assert hydra_cells._state(config) == (str(tmp_path), False)


@pytest.mark.parametrize(("rank", "error", "status"), [(1, RuntimeError, "started"), (0, Claimed, "elsewhere")])
def test_of_a_cells_processes_one_that_dies_ends_and_leaves_the_record_to_the_first(
    rank, error, status, composed, tmp_path, monkeypatch
):
    """Its exit ends the others, which would wait for it for ever: tests/cluster/test_torchrun.py."""
    import sweep

    def dies(cfg):
        RunFolder(cfg.out).save_config(cfg)  # past what settings are refused by
        raise error("it dies")

    monkeypatch.setattr(sweep, "run", dies)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", str(rank))
    run, noted = tmp_path / "run", tmp_path / "sweep"
    noted.mkdir()
    note(noted, 0, "started", str(run))  # by the first process
    cfg = composed("scale=smoke", f"out={run}", f"hydra.sweep.dir={noted}", name="sweep")
    with pytest.raises(SystemExit) as ended:
        sweep.main.__wrapped__(cfg)
    (cell,) = cells(noted)
    assert ended.value.code == 1 and cell["status"] == status
    assert (run / "config.yaml").is_file() and not (run / "run.json").exists()


@pytest.mark.parametrize("override", ["training.epochs=0", "~training"])
def test_refused_settings_are_a_line_and_leave_no_record(override, run_script, tmp_path):
    output = run_script(
        "sweep.py",
        "scale=smoke",
        "experiment=transitivity_ce",
        "seed=0,1",
        override,
        "out=run${seed}",
        cwd=tmp_path,
        expect=1,
    )
    assert "2 failed:\nrun0: SettingsError: training" in output and "Traceback" not in output
    assert not list(tmp_path.rglob("run.json"))


def test_settings_refused_where_a_run_lies_do_not_stop_the_sweep(run_script, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("seed: 0\n")
    output = run_script("sweep.py", "scale=smoke", "~training", "out=run", cwd=tmp_path, expect=1)
    assert "5 failed:\nrun: SettingsError: training" in output


def test_a_sweep_whose_end_raises_has_failed(tmp_path, monkeypatch):
    """Hydra swallows what a callback raises."""
    monkeypatch.setattr(WriteTables, "failed", [])
    config = OmegaConf.create({"hydra": {"launcher": {}, "sweep": {"dir": str(tmp_path)}}})
    (tmp_path / "cell-0000.json").write_text(GIT_CONFLICT)
    WriteTables().on_multirun_start(config)
    with pytest.raises(FileFormatError):
        WriteTables().on_multirun_end(config)
    assert "1 failed" in exit_of_sweep(WriteTables.failed)


def test_a_launcher_leaves_an_unreadable_record_to_its_cell(tmp_path):
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / "run.json").write_text(GIT_CONFLICT)
    config = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf), "out": str(tmp_path), "seed": 0})
    assert hydra_cells._state(config) == (str(tmp_path), False)


def test_cells_that_never_ended_are_failures(tmp_path):
    note(tmp_path, 0, "finished", "a")
    note(tmp_path, 1, "failed", "b", "ValueError: no")
    assert not waiting(tmp_path)
    note(tmp_path, 2, "submitted", "c")
    note(tmp_path, 3, "started", "d", job="7_3")
    assert waiting(tmp_path) and len(cells(tmp_path)) == 4
    assert failures(tmp_path) == [
        "b: ValueError: no",
        "c: never started (cancelled?)",
        "d: ended without a word (killed, cancelled or out of time?) [job 7_3]",
    ]


@pytest.mark.parametrize("end", ["exit 0", "echo slurm_load_jobs error: Invalid job id specified >&2; exit 1"])
def test_who_waits_outlasts_a_silent_slurm(end, tmp_path, monkeypatch):
    """The queue is asked, not the accounting: in the queue, no answer, and then gone or long forgotten."""
    answers = [
        "echo 7_1 RUNNING",
        "echo slurm_load_jobs error: Unable to contact slurm controller >&2; exit 1",
        "echo 7_1 RUNNING",
        end,
    ]
    cases = "\n".join(f"{number}) {answer};;" for number, answer in enumerate(answers, 1))
    squeue = tmp_path / "squeue"
    squeue.write_text(f"#!/bin/sh\necho >> {tmp_path}/asked\ncase $(wc -l < {tmp_path}/asked) in\n{cases}\nesac\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(slurm_launcher, "SECONDS_BETWEEN_LOOKS", 0)
    slurm_launcher._wait_for("7")
    assert (tmp_path / "asked").read_text().count("\n") == len(answers)
