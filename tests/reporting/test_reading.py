"""Run folders from elsewhere: whatever their files hold, one line names file and reason, and the rest is still read."""

import errno
import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from input_output.errors import UserError
from records.run_folder import RunFolder, find_runs
from reporting.report import build_tables
from reporting.results import load
from reporting.sweep_plan import recorded_speed
from tests.reporting.conftest import write_run

METRICS = "evaluation/corrected/metrics.json"
MARGINS = "evaluation/corrected/margins.parquet"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A results folder with one run, scored on one suite."""
    results = tmp_path_factory.mktemp("small")
    run = write_run(results, "transitivity_ce", n=20, steps=5)
    for suite in ("published", "adversarial"):
        shutil.rmtree(run / "evaluation" / suite)
    return results


@pytest.fixture
def one_run(small, tmp_path):
    """The same, to be damaged."""
    return shutil.copytree(small, tmp_path / "results")


def run_in(results):
    (record,) = results.rglob("run.json")
    return record.parent


def damage(results, file, change):
    """Let `change` edit what the JSON file holds."""
    path = run_in(results) / file
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("file", "key", "value", "reason"),
    [
        ("run.json", "variant", "../../../outside", "variant is '../../../outside'; expected a plain name"),
        ("run.json", "model", "", "model is ''; expected a plain name"),
        ("run.json", "scale", "/etc", "scale is '/etc'; expected a plain name"),
        ("run.json", "task", "astrology", "task is 'astrology'; expected one of transitivity, dseparation"),
        ("run.json", "status", ["finished"], "status is a list; expected a text"),
        ("run.json", "seed", "0", "seed is a text; expected a number"),
        ("run.json", "seed", float("nan"), "seed is nan; expected a finite number"),
        ("run.json", "seconds", {"train": "long"}, "seconds.train is a text; expected a number or null"),
        ("run.json", "training", {"steps": [1]}, "training.steps is a list; expected a number or null"),
        ("run.json", "grid", 3, "grid is a number; expected a text or null"),
        (METRICS, "rows", {}, "rows is an object; expected a list or null"),
        (METRICS, "rows", [3], "a row is a number; expected an object"),
        (METRICS, "adapter", "merged", "adapter is a text; expected an object or null"),
        (METRICS, "data_fingerprint", {"x": []}, "data_fingerprint.x is a list; expected a text"),
        (METRICS, "weights", 4, "weights is a number; expected a text or null"),
    ],
)
def test_values_of_another_kind(one_run, file, key, value, reason):
    damage(one_run, file, lambda content: content.update({key: value}))
    (problem,) = load(one_run).problems
    assert f"seed0/{file}: {reason}" in problem and "\n" not in problem


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("n", None, "a row's n is null; expected a number"),
        ("task", "astrology", "a row's task is 'astrology'"),
        ("accuracy", "0.9", "a row's accuracy is a text; expected a number"),
        ("accuracy", float("inf"), "a row's accuracy is inf; expected a finite number"),
        ("mcc", True, "a row's mcc is true or false; expected a number or null"),
        ("mcc_interval", 0.5, "a row's mcc_interval is 0.5; expected two numbers or null"),
        ("mcc_interval", [0.1, None], "a row's mcc_interval is [0.1, None]; expected two numbers or null"),
    ],
)
def test_rows_of_metrics(one_run, key, value, reason):
    damage(one_run, METRICS, lambda content: content["rows"][0].update({key: value}))
    (problem,) = load(one_run).problems
    assert reason in problem and "\n" not in problem


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"step": 1, "progress": 1}\n[2]\n', "training_log.jsonl:2: expected a JSON object, not a list"),
        (b'{"step": 1, "progress": 1}\n{"step": 2}\n', "training_log.jsonl:2: no key 'progress'"),
        (b'{"step": 1, "progress": 1, "loss": "low"}\n', "training_log.jsonl:1: 'loss' is a text; expected a number"),
        (b'{"step": 1, "progress": 1}\n{"step": 2, "pro', "training_log.jsonl:2: not JSON"),
        (b'{"step": 1, "progress": 1}\n\xff\n', "training_log.jsonl:2: not UTF-8"),
        (b"[" * 50_000, "training_log.jsonl:1: nested too deeply"),
    ],
)
def test_lines_of_a_training_log(one_run, content, reason):
    (run_in(one_run) / "training_log.jsonl").write_bytes(content)
    (problem,) = load(one_run).problems
    assert reason in problem


def test_a_number_that_is_not_finite_may_be_logged(one_run):
    (run_in(one_run) / "training_log.jsonl").write_text('{"step": 1, "progress": 1, "loss": NaN}\n')
    assert load(one_run).problems == []


def test_columns_of_another_type(one_run):
    path = run_in(one_run) / MARGINS
    margins = pd.read_parquet(path)
    margins.assign(margin=margins["margin"].astype(str)).to_parquet(path)
    assert "the column margin holds" in load(one_run).problems[0]
    margins.assign(label=margins["label"].astype(float)).to_parquet(path)
    assert "the column label holds double; expected true or false" in load(one_run).problems[0]
    twice = pyarrow.Table.from_pandas(margins)
    parquet.write_table(twice.append_column("id", twice["id"]), path)
    assert "margins.parquet: has several columns id" in load(one_run).problems[0]


def test_damaged_pages_of_margins_name_their_file(one_run):
    path = run_in(one_run) / MARGINS
    content = bytearray(path.read_bytes())
    content[4:2000] = b"\x00" * 1996  # the schema stands at the end
    path.write_bytes(content)
    (problem,) = load(one_run).problems
    assert f"{path}: cannot be read" in problem


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_a_margin_that_is_not_finite_names_its_file_and_is_no_answer(one_run, bad):
    path = run_in(one_run) / MARGINS
    margins = pd.read_parquet(path)
    margins["margin"] = margins["margin"].astype(object).where(margins.index != 3, bad).astype(float)
    margins.to_parquet(path)
    results = load(one_run)
    assert results.problems == [f"{path}: 1 of {len(margins)} margins are not finite"]
    assert results.runs == [] and set(build_tables(results))


def test_a_suite_that_lost_its_metrics_is_named(one_run):
    lost = run_in(one_run) / "evaluation/hidden"
    shutil.copytree(run_in(one_run) / "evaluation/corrected", lost)
    (lost / "metrics.json").unlink()
    results = load(one_run)
    assert results.problems == [f"{lost}/metrics.json: missing beside margins.parquet; score the suite again"]
    assert len(results.runs) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested too deeply"),  # would end the process, without a traceback
        ("- " * 100_000 + "a", "nested too deeply"),
        ("variant: &a [*a]", "an alias"),
        ("seed: 2001-99-99", "month must be in 1..12"),
        ("seed: !!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_configs(one_run, text, reason):
    path = run_in(one_run) / "config.yaml"
    path.write_text(text)
    (problem,) = load(one_run).problems
    assert "config.yaml:" in problem and reason in problem and "\n" not in problem
    with pytest.raises(UserError, match=re.escape(reason)):
        RunFolder(path.parent).trained_with()


def test_a_list_of_objects_in_a_config(one_run):
    path = run_in(one_run) / "config.yaml"
    path.write_text(f"{path.read_text()}\nother: [{{a: 1}}]\n")
    (problem,) = load(one_run).problems
    assert "config.yaml: not the config of a run" in problem and "unhashable" in problem


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_json_in_any_place_is_read_or_gives_one_line(small, data):
    """One value of one file becomes any other; afterwards the folder is as it was."""
    file = data.draw(st.sampled_from(["run.json", METRICS]))
    path = run_in(small) / file
    before = path.read_text()
    content = json.loads(before)
    place = content["rows"][0] if file == METRICS and data.draw(st.booleans()) else content
    place[data.draw(st.sampled_from([*place, "other"]))] = data.draw(json_values)
    path.write_text(json.dumps(content))
    try:
        results = load(small)
    finally:
        path.write_text(before)
    assert len(results.runs) + len(results.problems) + len(results.unfinished) >= 1
    assert all("\n" not in problem for problem in results.problems)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["run.json", METRICS, MARGINS, "training_log.jsonl"]), st.binary(max_size=40), st.data())
def test_any_bytes_in_any_place_are_read_or_give_one_line(small, file, inserted, data):
    path = run_in(small) / file
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before)))
    path.write_bytes(before[:place] + inserted + before[data.draw(st.integers(place, len(before))) :])
    try:
        results = load(small)
    finally:
        path.write_bytes(before)
    assert len(results.runs) + len(results.problems) + len(results.unfinished) >= 1


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("place", ["", "run.json", "evaluation"])
def test_a_run_that_a_file_server_cannot_read_costs_no_other(one_run, monkeypatch, code, place):
    other = run_in(one_run)
    broken = shutil.copytree(other, other.with_name("seed9"))
    stat = Path.stat

    def of_the_server(path, **how):
        if path.is_relative_to(broken / place):
            raise OSError(code, os.strerror(code), str(path))
        return stat(path, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", of_the_server)
        found = find_runs(one_run)
        results = load(one_run)
        recorded_speed(one_run, "tiny")
    assert found == [other, broken] and [run.folder for run in results.runs] == [other]
    assert [line for line in results.problems if str(broken.name) in line and os.strerror(code) in line]
