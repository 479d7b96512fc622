"""plan=true and status=true tell what a sweep would run and how far it is, and run nothing."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from reporting.sweep_plan import cell_of, recorded_speed

SMOKE = ["scale=smoke", "seed=0,1", "suites.published.samples=4"]


@pytest.fixture(scope="module")
def cells(run_script, tmp_path_factory):
    """(variant, seed) → folder of the cell, as the sweep would name it."""
    lines = run_script("sweep.py", *SMOKE, "status=true", cwd=tmp_path_factory.mktemp("cells")).splitlines()
    folders = [Path(line.split()[1]) for line in lines if line.startswith("new ")]
    return {(folder.parts[-3], folder.name): folder for folder in folders}


@pytest.fixture
def results(tmp_path, cells):
    """One finished run of the grid, one that failed, one interrupted before its first checkpoint."""
    record = {
        "status": "finished",
        "model": "tiny",
        "variant": "transitivity_ce",
        "training": {"samples": 40, "seconds": 10.0},
    }
    record |= {"machine": {"cores": 2, "processor": "Abacus", "accelerators": []}}
    done = tmp_path / cells["transitivity_ce", "seed0"]
    (done / "evaluation/published").mkdir(parents=True)
    (done / "run.json").write_text(json.dumps(record))
    (done / "config.yaml").write_text(
        "{variant: transitivity_ce, model: {name: tiny}, scale: smoke, seed: 0, task: {name: transitivity}, training: {epochs: 2}}\n"
    )
    (done / ".made_here").write_text("untrained")
    asked = {"length": 30, "reversed": 10, "headline": 10, "pooled": 40}
    rows = [
        {"task": "transitivity", "protocol": "released", "split": split, "n": n}
        | dict.fromkeys(("accuracy", "yes_rate", "label_yes_rate", "majority_share"), 0.5)
        for split, n in asked.items()
    ]
    (done / "evaluation/published/metrics.json").write_text(json.dumps({"rows": rows, "seconds": 2.0}))
    failed = tmp_path / cells["dseparation_ce", "seed1"]
    failed.mkdir(parents=True)
    (failed / "run.json").write_text(json.dumps({"status": "failed", "reason": "OSError: no space"}))
    interrupted = tmp_path / cells["dseparation_ce", "seed0"]
    interrupted.mkdir(parents=True)
    (interrupted / "config.yaml").write_text("{}\n")
    return tmp_path


def files(folder):
    return sorted(path for path in folder.rglob("*") if "multirun" not in path.parts)


def test_the_plan_counts_cells_and_questions_and_knows_the_hours(run_script, results):
    before = files(results)
    output = run_script("sweep.py", *SMOKE, "plan=true", cwd=results)
    # the untrained model is one cell, whatever the seeds
    assert "9 cells: 6 new, 1 finished, 1 unfinished, 1 failed" in output
    # 48 questions in each of eight cells, one of which is done; 2 x 16 + 5 x 4 + 12 x 16 scored in each of eight
    assert f"left to train: {7 * 48} questions" in output and "left to score: 1,952 evaluation samples" in output
    assert "tiny: 20.0 questions a second scored, by 1 runs in .smoke (2 cores of Abacus)" in output
    assert "transitivity_ce: 48 questions to train, 8.0 a second: 0.0 hours" in output
    assert "dseparation_semantic: 96 questions to train, 8.0 a second, the rate of other variants: 0.0 hours" in output
    assert f"about {(7 * 48 / 8 + 1952 / 20) / 3600:.1f} hours" in output
    assert files(results) == before


def test_the_status_says_how_each_cell_stands(run_script, results, cells):
    before = files(results)
    output = run_script("sweep.py", *SMOKE, "status=true", "hydra/launcher=slurm", cwd=results)
    assert f"failed     {cells['dseparation_ce', 'seed1']}: OSError: no space" in output
    assert f"unfinished {cells['dseparation_ce', 'seed0']}: no checkpoint yet" in output
    assert f"finished   {cells['transitivity_ce', 'seed0']}\n" in output
    assert files(results) == before


def test_without_a_record_no_time_is_made_up(run_script, tmp_path):
    output = run_script("sweep.py", "scale=smoke", "plan=true", cwd=tmp_path)
    assert "no time is known for tiny: no finished run of it in .smoke or results" in output and "hours" not in output


def config(out):
    untrained = {"training": {"enabled": False}, "model": {"name": "tiny"}, "variant": "pretrained", "suites": {}}
    return OmegaConf.create(untrained | {"out": str(out)})


def recorded(folder, **record):
    folder.mkdir(parents=True)
    about = {"status": "finished", "model": "tiny", "machine": {"cores": 2, "processor": "Abacus", "accelerators": []}}
    (folder / "run.json").write_text(json.dumps(about | record))
    return folder


def test_a_record_without_its_adapter_stands_where_it_lies(tmp_path):
    """A fresh clone with results=results; then the run is made anew beside it."""
    out = recorded(tmp_path / "runs/seed0")
    cell = cell_of(config(out))
    assert (cell.out, cell.state, cell.note) == (str(out), "recorded", "its adapter is not here")
    aside = out.with_name(".seed0.unfinished")
    aside.mkdir()
    (aside / "config.yaml").write_text("{}\n")
    cell = cell_of(config(out))
    assert (cell.out, cell.state, cell.note) == (str(out), "unfinished", "no checkpoint yet")


def test_what_a_portable_checkpoint_has_behind_it_is_not_planned_again(tmp_path):
    out = tmp_path / "runs/seed0"
    (out / "portable").mkdir(parents=True)
    (out / "config.yaml").write_text("{}\n")
    (out / "portable/trainer_state.json").write_text('{"global_step": 30, "max_steps": 120}')
    cfg = OmegaConf.merge(config(out), {"training": {"enabled": True, "samples": 100, "epochs": 2}})
    cell = cell_of(cfg)
    assert (cell.state, cell.note, cell.to_train) == ("unfinished", "step 30 of 120", 150)


def test_looking_moves_nothing_and_an_unreadable_record_is_said(tmp_path):
    """A process was killed between the two moves of `RunFolder.finish`; and a merge that git could not make."""
    aside = recorded(tmp_path / "runs/.seed0.unfinished")
    assert cell_of(config(tmp_path / "runs/seed0")).state == "new" and aside.is_dir()
    broken = recorded(tmp_path / "runs/seed1")
    (broken / "run.json").write_text("<<<<<<< HEAD\n{}\n")
    cell = cell_of(config(broken))
    assert cell.state == "failed" and "run.json:1: not JSON" in cell.note
    assert recorded_speed(tmp_path, "tiny").runs == 0


def test_records_that_were_replaced_give_no_rates(tmp_path):
    recorded(tmp_path / "runs/seed0")
    recorded(tmp_path / "runs/.seed0.replaced-1")
    assert recorded_speed(tmp_path, "tiny").runs == 1


def test_a_record_that_does_not_name_its_machine_gives_a_rate_all_the_same(tmp_path):
    path = recorded(tmp_path / "runs/seed0") / "run.json"
    whole = json.loads(path.read_text())
    for machine in ({}, {"machine": None}, {"machine": {"cores": 2}}):
        path.write_text(json.dumps({key: value for key, value in whole.items() if key != "machine"} | machine))
        assert recorded_speed(tmp_path, "tiny").machines == ("an unknown machine",)


@pytest.mark.parametrize("broken", ["config.yaml", "evaluation/published/metrics.json"])
def test_a_finished_run_that_cannot_be_read_gives_no_rates(results, cells, broken):
    done = results / cells["transitivity_ce", "seed0"]
    assert recorded_speed(results / ".smoke", "tiny").runs == 1
    (done / broken).write_text('{"rows": [3]}')
    assert recorded_speed(results / ".smoke", "tiny").runs == 0


def test_a_plan_that_cannot_be_run_is_refused(run_script, tmp_path):
    output = run_script("sweep.py", "scale=smoke", "plan=true", "training.epochs=0", cwd=tmp_path, expect=1)
    assert "error: training.epochs=0: must be greater than or equal to 1" in output and "Traceback" not in output
