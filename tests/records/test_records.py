"""Run folders: claimed once, compared by settings, written whole."""

import errno
import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
import threading
import time

import pandas as pd
import pytest
from omegaconf import OmegaConf

from input_output.errors import UserError
from input_output.reading import FileFormatError, read_json, read_object
from input_output.writing import write_json, write_parquet, write_text
from records import run_folder
from records.claim import Claimed, claim
from records.model_card import write_model_card
from records.provenance import PROJECT, provenance, same_questions
from records.run_folder import RunFolder, RunFolderError
from records.tracking import Tracker


def config(**changes):
    base = {
        "variant": "v", "task": {"name": "transitivity", "questions_per_graph": 1}, "protocol": "corrected",
        "model": {"name": "tiny", "device": "cpu"}, "scale": "smoke", "seed": 0, "resume": False,
        "loss": {"target": "answer"}, "schedule": {"start": 0.1}, "training": {"enabled": True, "samples": 4}, "data": {"path": None},
    }  # fmt: skip
    return OmegaConf.merge(base, changes)


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert read_json(tmp_path / "a.json") == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_parquet_round_trip(tmp_path):
    table = pd.DataFrame({"id": ["a", "b"], "margin": [0.5, -1.0]})
    write_parquet(tmp_path / "t.parquet", table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table, check_dtype=False)


def test_broken_json_names_file_and_line(tmp_path):
    write_text(tmp_path / "b.json", '{\n "x": \n}')
    with pytest.raises(ValueError, match=r"b\.json:3"):
        read_json(tmp_path / "b.json")


def scored(folder):
    """Make a run folder one in which something was computed."""
    write_json(folder.evaluation("corrected") / "metrics.json", {})
    return folder


def test_a_run_that_computed_something_is_not_begun_twice_without_resume(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.save_config(config())
    scored(folder)
    with pytest.raises(RunFolderError, match="resume=true"):
        RunFolder(tmp_path / "run").check(config())
    RunFolder(tmp_path / "run").check(config(resume=True))
    RunFolder(tmp_path / "run").finish({})
    RunFolder(tmp_path / "run").check(config())  # the same run, finished: nothing to do, nothing to refuse


def test_a_start_that_computed_nothing_blocks_no_other(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.save_config(config(model={"name": "tinny"}))
    assert folder.config.is_file()
    RunFolder(tmp_path / "run").check(config())
    RunFolder(tmp_path / "run").save_config(config())
    assert OmegaConf.load(folder.config).model.name == "tiny"


def tree(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_record_that_came_with_git_stays_until_the_new_run_is_finished(tmp_path):
    """It has no adapter, and its scores must not pass for those of the new run, nor be lost."""
    out = tmp_path / "seed0"
    folder = RunFolder(out)
    folder.save_config(config())
    scored(folder)
    folder.finish({"note": "old"})
    (out / ".made_here").unlink()
    before = tree(out)
    assert not RunFolder(out).finished

    new = RunFolder.for_training(out)
    new.save_config(config())
    assert new.path != out and tree(out) == before
    new.fail(config(), ValueError("on the way"))
    assert tree(out) == before and read_json(new.record)["status"] == "failed"

    again = RunFolder.for_training(out)
    assert again.path == new.path
    scored(again)
    again.finish({"note": "new"})
    assert again.path == out and read_json(out / "run.json")["note"] == "new" and RunFolder(out).finished
    assert tree(tmp_path / ".seed0.replaced-1") == before
    assert RunFolder.for_training(out).path == out


@pytest.mark.parametrize("renames", [0, 1])
def test_a_kill_before_or_between_the_two_renames_is_helped_to_its_end_by_who_has_the_claim(tmp_path, renames):
    """And by nobody else: a second sweep that looks in between would take the folder from the one that is at it."""
    scored(RunFolder(tmp_path / ".seed0.unfinished")).finish({"note": "new"})
    old = RunFolder(tmp_path / "seed0")
    if not renames:
        old.finish({"note": "old"})
        (old.path / ".made_here").unlink()
    before = tree(tmp_path)
    folder = RunFolder.for_training(tmp_path / "seed0")
    assert folder.finished and tree(tmp_path) == before
    folder.take_place()
    assert RunFolder(tmp_path / "seed0").finished and not folder.aside.path.exists()
    assert read_json(tmp_path / "seed0/run.json")["note"] == "new"
    assert (tmp_path / ".seed0.replaced-1/run.json").is_file() == (not renames)


@pytest.mark.parametrize("file", ["adapter/adapter_model.safetensors", "run.json", "evaluation/corrected/metrics.json"])
def test_what_lost_its_config_is_not_taken_for_a_run_of_these_settings(tmp_path, file):
    write_json(tmp_path / "run" / file, {"status": "finished"})
    with pytest.raises(RunFolderError, match="holds a run without its config.yaml"):
        RunFolder(tmp_path / "run").check(config(resume=True))
    assert not (tmp_path / "run/config.yaml").exists()


def test_a_kill_while_a_run_is_finished_loses_nothing(tmp_path, monkeypatch):
    """Wherever it comes, the run is finished, or goes on where it lies: it is not made anew beside it."""
    folder = RunFolder(tmp_path / "run")
    folder.save_config(config())
    scored(folder)
    for write in ("write_text", "write_json"):
        with monkeypatch.context() as patch:
            patch.setattr(run_folder, write, killed)
            with pytest.raises(KeyboardInterrupt):
                folder.finish({})
        assert RunFolder.for_training(tmp_path / "run").path == folder.path
        RunFolder(tmp_path / "run").check(config(resume=True))
    folder.finish({})
    assert folder.finished


def killed(*arguments):
    raise KeyboardInterrupt


def test_an_empty_note_vouches_for_no_adapter(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.finish({})
    (tmp_path / "run/.made_here").write_text("")
    assert not folder.finished


def test_another_trainings_adapter_is_not_this_runs(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.save_config(config())
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").write_bytes(b"its own")
    folder.finish({})
    assert folder.finished
    (folder.adapter / "adapter_model.safetensors").write_bytes(b"another's")
    assert not folder.finished
    write_json(folder.adapter / "training.json", {"adapter_sha256": "of its own"})
    for look in (folder.trained, lambda: folder.adapter_of(None)):  # what evaluate.py would score
        with pytest.raises(RunFolderError, match="not the adapter of the training"):
            look()


def test_a_damaged_checkpoint_is_not_scored_in_silence(tmp_path):
    folder = RunFolder(tmp_path)
    write_json(folder.checkpoints / "checkpoint-3/trainer_state.json", {"global_step": 3})
    with pytest.raises(RunFolderError, match="checkpoint=3: .* is damaged .adapter_model.safetensors is missing"):
        folder.adapter_of(3)


@pytest.mark.parametrize("path", ["", None, PROJECT, PROJECT.parent, PROJECT / "conf/.."])
def test_no_run_is_made_in_the_project_itself(path):
    with pytest.raises(RunFolderError, match="not a folder for a run"):
        RunFolder(path)


def test_a_saved_config_is_data(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    folder = RunFolder(tmp_path)
    for text in ("model: {name: '${oc.env:SECRET}'}", "'${oc.env:SECRET}': 1", "a: [b, '${a}']"):
        folder.config.write_text(text)
        with pytest.raises(RunFolderError, match=r"config\.yaml: .*a saved config holds values") as refused:
            folder.trained_with()
        assert "hunter2" not in str(refused.value)
    for text in ("a: [", "- 1\n- 2", "!!python/object/apply:os.system ['true']"):
        folder.config.write_text(text)
        with pytest.raises(RunFolderError, match="not the config of a run"):
            folder.trained_with()


@pytest.mark.parametrize("name", ["../..", "a/b", "", ".hidden", "a b"])
def test_a_suites_name_does_not_leave_the_run(tmp_path, name):
    with pytest.raises(RunFolderError, match="suite.name="):
        RunFolder(tmp_path).evaluation(name)


def test_one_process_claims_a_run_and_the_next_hears_which(tmp_path):
    with claim(tmp_path / "seed0"):
        other = multiprocessing.get_context("fork").Process(target=_claim_and_die, args=(tmp_path / "seed1",))
        other.start()
        other.join()
        with claim(tmp_path / "seed1"):  # what a killed process left does not count
            pass
        with (
            pytest.raises(Claimed, match=rf"seed0: process {os.getpid()} on .* works on it"),
            claim(tmp_path / "seed0"),
        ):
            pass
    with claim(tmp_path / "seed0"):
        pass


def test_who_waits_has_the_claim_once_it_is_free(tmp_path, caplog):
    caplog.set_level("INFO")
    order = []

    def wait():
        with claim(tmp_path / "suite", wait=True):
            order.append("second")

    other = threading.Thread(target=wait)
    with claim(tmp_path / "suite"):
        other.start()
        while "works on it; waiting for it" not in caplog.text:
            time.sleep(0.01)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_one_line_and_gets_no_lock_that_outlives_its_holder(tmp_path, monkeypatch, code):
    def none(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(UserError, match=f"the disk of {tmp_path} has no locks"), claim(tmp_path / "seed0"):
        pass


def _claim_and_die(folder):
    with claim(folder):
        os.kill(os.getpid(), signal.SIGKILL)


def test_other_settings_are_refused_by_key_even_with_resume(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.save_config(config())
    scored(folder)
    with pytest.raises(RunFolderError, match="training.samples"):
        RunFolder(tmp_path / "run").check(config(resume=True, training={"samples": 5}))


def test_finish_and_fail_leave_a_record(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.save_config(config())
    try:
        raise RuntimeError("out of luck")
    except RuntimeError as error:
        folder.fail(config(), error)
    record = read_json(folder.record)
    assert record["status"] == "failed" and record["reason"] == "RuntimeError: out of luck"
    assert record["variant"] == "v" and not folder.finished
    folder.checkpoints.mkdir()
    folder.finish({"variant": "v"})
    assert folder.finished and not folder.checkpoints.exists()


def test_questions_are_the_same_where_every_part_has_one_fingerprint():
    asked = {"transitivity/length": "1", "transitivity/shuffled": "2", "dseparation/branching": "3"}
    other = asked | {"dseparation/branching": "4"}
    assert same_questions(asked, dict(reversed(asked.items()))) is True
    assert same_questions(asked, other) is same_questions(asked, other, "dseparation") is False
    assert same_questions(asked, other, "transitivity") is True
    assert same_questions(asked, {"transitivity/length": "1"}) is False
    assert same_questions(asked, None) is same_questions(asked, {}) is same_questions(asked, other, "causes") is None


def test_provenance_says_commit_versions_and_machine():
    found = provenance()
    assert set(found["versions"]) >= {"python", "torch", "transformers"}
    assert found["machine"]["cores"] >= 1
    json.dumps(found)


def test_the_commit_is_this_projects_wherever_it_runs_and_unknown_without_git(tmp_path, monkeypatch):
    here = provenance()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert provenance()["commit"] == here["commit"]
    monkeypatch.setenv("PATH", str(tmp_path))
    found = provenance()
    assert found["commit"] == "unknown" and found["uncommitted_changes"] == "unknown"


def test_wandb_offline_needs_no_account_and_resumes_the_same_run(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    settings = {"mode": "offline", "project": "p", "entity": None, "group": "g"}
    ids = []
    for _ in range(2):
        with Tracker(OmegaConf.create(settings), tmp_path, "name", "train", {"a": 1}) as tracker:
            tracker.log({"loss": 1.0, "text": "left out"}, step=1)
            ids.append(tracker.run.id)
    assert ids[0] == ids[1]
    assert list((tmp_path / "wandb").glob("offline-run-*"))


def test_tracking_disabled_does_nothing(tmp_path):
    with Tracker({"mode": "disabled"}, tmp_path / "none", "name", "train", {}) as tracker:
        tracker.log({"loss": 1.0})
        tracker.report("s", {"rows": []})
        tracker.tables({})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("terms", [None, "the Gemma Terms of Use, https://ai.google.dev/gemma/terms"])
def test_a_model_card_names_the_terms_of_its_base(tmp_path, terms):
    folder = RunFolder(tmp_path)
    folder.save_config(OmegaConf.load("results/adapters/transitivity_ce/config.yaml"))
    training = {"samples": 8, "graphs": 8, "yes_share": 0.5, "data_fingerprint": "f", "steps": 1, "seconds": 1.0}
    loaded = {"source": "gemma", "commit": None, "revision": None, "precision": "fp32", "terms": terms}
    record = {"variant": "v", "seed": 0, "model": "m", "task": "t", "protocol": "released", "loss": {}, "schedule": {}}
    folder.record.write_text(json.dumps(record | {"commit": "c", "training": training, "loaded": loaded}))
    card = write_model_card(folder).read_text()
    assert ("Terms of Use" in card) == (terms is not None)


@pytest.mark.parametrize(
    ("text", "reason"), [("[]", "holds a list; expected one JSON object"), ("{}", "lacks max_steps")]
)
def test_an_object_that_is_none_or_lacks_a_key_is_refused(tmp_path, text, reason):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(FileFormatError, match=f"state.json: {reason}"):
        read_object(tmp_path / "state.json", "max_steps")
