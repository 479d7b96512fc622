"""What wandb's offline files hold: `wandb sync` sends these records."""

import json
import shutil
import struct

import pandas as pd
import pytest
from omegaconf import OmegaConf
from wandb.proto.wandb_internal_pb2 import Record

from records.tracking import Tracker


def records_in(content):
    """The records of a .wandb file: LevelDB's log format behind a header of seven bytes.

    A record is one piece (type 1) or several (2, 3 ..., 4), each behind seven bytes of checksum, length and type; no
    piece crosses a block of 32 KiB.
    """
    assert content[:4] == b":W&B"
    at, pieces = 7, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        pieces += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield pieces
            pieces = b""


def read_back(folder):
    """One dict for each offline run under a folder: id, group, job_type, history (rows) and summary (nested keys flat)."""
    runs = []
    for path in sorted(folder.rglob("offline-run-*/*.wandb")):
        found = {"history": [], "summary": {}}
        for data in records_in(path.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                found |= {"id": record.run.run_id, "group": record.run.run_group, "job_type": record.run.job_type}
            elif kind == "history":
                found["history"].append(
                    {i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}
                )
            elif kind == "summary":
                for item in record.summary.update:
                    found["summary"][item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
        runs.append(found)
    return runs


@pytest.fixture(scope="module")
def swept(run_script, tmp_path_factory):
    """A sweep of one cell, wandb offline, the released suites scored in two ways."""
    folder = tmp_path_factory.mktemp("tracked")
    cells = ["experiment=transitivity_semantic", "scale=smoke", "results=results", "evaluation.resamples=50"]
    few = ["suites.published.samples=4", "suites.corrected.samples=8", "suites.validation.samples=8"]
    merged = ["+suite@suites.merged=published_merged_4bit", "suites.merged.samples=4"]
    run_script("sweep.py", *cells, *few, *merged, cwd=folder)
    return folder


def test_accuracy_lambda_and_collapse_of_a_run_are_numbers(swept):
    (run,) = [run for run in read_back(swept / "results/runs") if run["job_type"] == "train"]
    summary = run["summary"]
    assert 0 <= summary["accuracy"] <= 1 and summary["collapsed"] in (0, 1) and summary["diverged"] == 0
    assert summary["lambda"] == pytest.approx(0.3)
    for way in ("published", "published-merged_4bit"):
        path = next((swept / "results/runs").rglob(f"evaluation/{way}/metrics.json"))
        (pooled,) = (
            row
            for row in json.loads(path.read_text())["rows"]
            if (row["task"], row["split"]) == ("transitivity", "pooled")
        )
        assert summary[f"{way}/transitivity/pooled/yes_rate"] == pooled["yes_rate"]
    logged = [row["lambda"] for row in run["history"] if "lambda" in row]
    assert logged[0] == pytest.approx(0.05) and logged[-1] == pytest.approx(0.3)


def test_the_sweeps_run_holds_each_variants_collapse_rate_and_is_of_its_cells_group(swept):
    runs = {run["job_type"]: run for run in read_back(swept)}
    assert set(runs) == {"train", "tables"}
    assert runs["train"]["group"] == runs["tables"]["group"] == "sweep-five_variants"
    rates = {k: v for k, v in runs["tables"]["summary"].items() if k.startswith("collapse_rate/")}
    (name,) = rates
    assert name.endswith("/transitivity_semantic/transitivity") and rates[name] in (0, 1)


def test_the_sweeps_run_holds_the_tables_row_by_row(swept):
    (run,) = [run for run in read_back(swept) if run["job_type"] == "tables"]
    for name in ("summary", "table4_collapse", "claims"):
        kept = {key: run["summary"][f"{name}.{key}"] for key in ("_type", "path", "nrows")}
        assert kept["_type"] == "table-file"
        (path,) = swept.rglob(f"offline-run-*/files/{kept['path']}")
        table = json.loads(path.read_text())
        written = pd.read_csv(swept / f"results/tables/{name}.csv")
        assert table["columns"] == [*written] and len(table["data"]) == len(written) == kept["nrows"] > 0


def start(folder, part=None):
    settings = OmegaConf.create({"mode": "offline", "project": "p", "entity": None, "group": "g"})
    with Tracker(settings, folder, "name", "train", {}, part) as tracker:
        return tracker.run.id


def test_ids_are_stable_in_a_run_and_never_those_of_another_checkout(tmp_path):
    first = start(tmp_path / "one")
    assert start(tmp_path / "one") == first
    assert start(tmp_path / "two") != first
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    assert start(tmp_path / "copy") != first


def test_two_grids_on_one_folder_have_an_id_each(tmp_path):
    grids = [start(tmp_path, part) for part in ("five_variants", "ablation", "five_variants")]
    assert grids[0] == grids[2] != grids[1]
