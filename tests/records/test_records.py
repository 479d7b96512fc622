"""Run folders: claimed once, compared by settings, written whole."""

import json

import pandas as pd
import pytest
from omegaconf import OmegaConf

from records.files import read_json, write_json, write_parquet, write_text
from records.model_card import write_model_card
from records.provenance import provenance
from records.run_folder import RunFolder, RunFolderError, differing_keys
from records.tracking import Tracker


def config(**changes):
    base = {
        "variant": "v", "task": {"name": "transitivity", "questions_per_graph": 1}, "protocol": "corrected",
        "model": {"name": "tiny", "device": "cpu"}, "scale": "smoke", "seed": 0, "resume": False,
        "loss": {"target": "answer"}, "schedule": {"start": 0.1}, "training": {"enabled": True, "samples": 4},
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


def test_a_folder_is_not_claimed_twice_without_resume(tmp_path):
    RunFolder(tmp_path / "run").open(config())
    with pytest.raises(RunFolderError, match="resume=true"):
        RunFolder(tmp_path / "run").open(config())
    RunFolder(tmp_path / "run").open(config(resume=True))
    RunFolder(tmp_path / "run").finish({})
    RunFolder(tmp_path / "run").open(config())  # the same run, finished: nothing to do, nothing to refuse


def test_a_record_that_came_with_git_is_run_anew(tmp_path):
    """It has no adapter, and its scores must not pass for those of the new run."""
    folder = RunFolder(tmp_path / "run")
    folder.open(config())
    write_json(folder.evaluation("corrected") / "metrics.json", {})
    folder.finish({})
    (folder.path / ".made_here").unlink()
    assert not folder.finished
    folder.open(config(seed=7))
    assert not folder.record.exists() and not folder.evaluation("corrected").exists()
    assert OmegaConf.load(folder.config).seed == 7


def test_other_settings_are_refused_by_key_even_with_resume(tmp_path):
    RunFolder(tmp_path / "run").open(config())
    with pytest.raises(RunFolderError, match="training.samples"):
        RunFolder(tmp_path / "run").open(config(resume=True, training={"samples": 5}))


def test_where_and_how_may_differ():
    assert differing_keys(config(), config(resume=True, model={"device": "cuda"})) == []
    assert differing_keys(config(), config(seed=1, loss={"target": "sequence"})) == ["loss.target", "seed"]


def test_finish_and_fail_leave_a_record(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.open(config())
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


def test_provenance_says_commit_versions_and_machine():
    found = provenance()
    assert set(found["versions"]) >= {"python", "torch", "transformers"}
    assert found["machine"]["cores"] >= 1
    json.dumps(found)


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
        tracker.report({"suite": "s", "rows": []})
        tracker.tables({})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("terms", [None, "the Gemma Terms of Use, https://ai.google.dev/gemma/terms"])
def test_a_model_card_names_the_terms_of_its_base(tmp_path, terms):
    folder = RunFolder(tmp_path)
    training = {"samples": 8, "graphs": 8, "yes_share": 0.5, "data_fingerprint": "f", "steps": 1, "seconds": 1.0}
    loaded = {"source": "gemma", "commit": None, "revision": None, "precision": "fp32", "terms": terms}
    record = {"variant": "v", "seed": 0, "model": "m", "task": "t", "protocol": "released", "loss": {}, "schedule": {}}
    folder.record.write_text(json.dumps(record | {"commit": "c", "training": training, "loaded": loaded}))
    card = write_model_card(folder).read_text()
    assert ("Terms of Use" in card) == (terms is not None)
