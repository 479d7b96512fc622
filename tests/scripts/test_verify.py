"""Whoever changes one number of a record is found."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from audits.verify import verify
from input_output.writing import write_json, write_parquet
from records.scored_suite import ScoredSuite
from scoring import again
from scoring.rows import SCORER_VERSION, metrics_rows


@pytest.fixture(scope="module")
def made(run_script, tmp_path_factory):
    """A run at scale=smoke, with a suite that was scored later."""
    folder = tmp_path_factory.mktemp("verified")
    few = ["suites.published.samples=8", "suites.corrected.samples=16", "suites.validation.samples=16"]
    quick = ["evaluation.resamples=30", "evaluation.yardstick_questions=200", "tracking=none"]
    run_script("train.py", "scale=smoke", "out=results/run", *few, *quick, cwd=folder)
    run_script("evaluate.py", "run=results/run", "suite=adversarial", "suite.samples=8", *quick, cwd=folder)
    closure = ["suite=closure", "suite.samples=50", "evaluation.prior=0.3"]
    run_script("evaluate.py", "run=results/run", *closure, *quick, cwd=folder)
    return folder / "results"


@pytest.fixture
def record(made, tmp_path):
    shutil.copytree(made, tmp_path / "results")
    return tmp_path / "results"


def test_an_honest_record_is_found_so(made):
    found = verify(made)
    assert found.differences == []
    (line,) = found.unverified
    assert line.startswith(f"{made}/run/run.json: loaded, seconds") and "relative_size" in line
    record, report = (
        json.loads((made / "run" / name).read_text()) for name in ("run.json", "evaluation/closure/metrics.json")
    )
    assert all(key in line for key in ("provenance", "weights_sha256", *(record.keys() & report["provenance"].keys())))
    assert (found.runs, found.suites) == (1, 5) and found.numbers > 500 and found.fingerprints > 20
    assert "5 scored suites of 1 runs" in str(found) and "0 differ" in str(found)


def test_a_committed_run_from_before_the_faults_were_settings_is_verified(tmp_path):
    for name in ("config.yaml", "run.json"):
        shutil.copy(Path("results/runs/smollm2_135m/transitivity_ce/8029a28a/seed0", name), tmp_path)
    assert "faults" not in OmegaConf.load(tmp_path / "config.yaml")
    found = verify(tmp_path)
    assert found.differences == [] and found.runs == found.fingerprints == 1


def test_scores_in_another_folder_keep_the_thresholds_of_their_run(tmp_path):
    """Those of out=ELSEWHERE have no validation beside them: thresholds are taken as recorded, what follows from them is not."""
    table = pd.DataFrame(
        {
            "id": [f"q{k}" for k in range(8)],
            "graph": [f"g{k}" for k in range(8)],
            "task": "transitivity",
            "protocol": "file",
            "split": "mine",
            "label": [True, False] * 4,
            "margin": [0.1 * k for k in range(8)],
        }
    )
    rows = metrics_rows(table, {"transitivity": 0.35}, resamples=30)
    assert rows[0]["calibrated_accuracy"] == 0.5
    write_parquet(ScoredSuite(tmp_path / "mine").margins, table)
    report = {"suite": "mine", "scorer": SCORER_VERSION, "rows": rows, "resamples": 30}
    write_json(ScoredSuite(tmp_path / "mine").metrics, report)
    assert verify(tmp_path).differences == []
    rows[0]["calibrated_accuracy"] = 0.75
    write_json(ScoredSuite(tmp_path / "mine").metrics, report)
    (difference,) = verify(tmp_path).differences
    assert "calibrated_accuracy is 0.75; the margins give 0.5" in difference


@pytest.mark.parametrize("recorded", [{}, {"transitivity": 0.35}])
def test_validation_that_was_scored_later_tunes_nothing_of_what_was_scored_before(tmp_path, recorded):
    """A record without thresholds is as honest as before; one with others than validation tunes is not."""
    table = pd.DataFrame({"id": map(str, range(120)), "graph": map(str, range(120)), "task": "transitivity"})
    table = table.assign(protocol="file", split="mine", label=table.index % 2 == 0, margin=table.index % 2 * -1.0 + 3)
    rows = metrics_rows(table, recorded, resamples=30)
    report = {"suite": "mine", "scorer": SCORER_VERSION, "rows": rows, "resamples": 30}
    write_json(ScoredSuite(tmp_path / "mine").metrics, report)
    for name in ("mine", "validation"):
        write_parquet(ScoredSuite(tmp_path / name).margins, table)
    write_json(ScoredSuite(tmp_path / "validation").metrics, report | {"rows": metrics_rows(table, resamples=30)})
    found = verify(tmp_path).differences
    assert bool(found) is bool(recorded) and all("0.35" in line or "calibrated" in line for line in found)


SEED = 7


def change_json(path, *keys, value):
    content = json.loads(path.read_text())
    node = content
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    path.write_text(json.dumps(content))


def change_table(path, column, value):
    table = pd.read_parquet(path)
    table.loc[3, column] = value(table.loc[3, column])
    table.to_parquet(path, index=False)


TAMPERED = {
    "an accuracy": (
        "in_distribution: accuracy is 0.99",
        lambda run: change_json(run / "evaluation/corrected/metrics.json", "rows", 0, "accuracy", value=0.99),
    ),
    "a count": (
        ": tp is 1000",
        lambda run: change_json(run / "evaluation/published/metrics.json", "rows", 1, "tp", value=1000),
    ),
    "an interval": (
        "accuracy_interval is [0.4, 0.6]",
        lambda run: change_json(
            run / "evaluation/corrected/metrics.json", "rows", 0, "accuracy_interval", value=[0.4, 0.6]
        ),
    ),
    "a structural distance": (
        "closure/metrics.json: transitivity/pooled: shd_share is 0.125; the margins give",
        lambda run: change_json(run / "evaluation/closure/metrics.json", "rows", 2, "shd_share", value=0.125),
    ),
    "an accuracy with the prior taken out": (
        "logit_adjusted_accuracy is 0.875; the margins give",
        lambda run: change_json(
            run / "evaluation/closure/metrics.json", "rows", 0, "logit_adjusted_accuracy", value=0.875
        ),
    ),
    "the last digits of a margin": (
        "corrected/margins.parquet: ",
        lambda run: change_table(run / "evaluation/corrected/margins.parquet", "margin", lambda m: m * 1.000001),
    ),
    "a label": (
        "published/margins.parquet: transitivity/length: other ids or labels",
        lambda run: change_table(run / "evaluation/published/margins.parquet", "label", lambda label: not label),
    ),
    "a fingerprint": (
        "data_fingerprint transitivity/length: 0000",
        lambda run: change_json(
            run / "evaluation/published/metrics.json", "data_fingerprint", "transitivity/length", value="0" * 16
        ),
    ),
    "the seed of a run": (
        f"run.json: seed is {SEED}; config.yaml says 0",
        lambda run: change_json(run / "run.json", "seed", value=SEED),
    ),
    "whether it diverged": (
        "run.json: diverged is True; training_log.jsonl says False",
        lambda run: change_json(run / "run.json", "diverged", value=True),
    ),
    "its steps": (
        "run.json: training.steps is 9000; training_log.jsonl says",
        lambda run: change_json(run / "run.json", "training", "steps", value=9000),
    ),
    "its sampler": (
        "run.json: training.sampler is balanced; config.yaml says shuffled",
        lambda run: change_json(run / "run.json", "training", "sampler", value="balanced"),
    ),
    "its training data": (
        "training.data_fingerprint: 0000",
        lambda run: change_json(run / "run.json", "training", "data_fingerprint", value="0" * 16),
    ),
    "the weights of a suite": (
        "validation/metrics.json: weights_sha256, of the same weights as in",
        lambda run: change_json(run / "evaluation/validation/metrics.json", "weights_sha256", value="0" * 64),
    ),
    "its adapter": (
        "not the adapter of the training",
        lambda run: (run / "adapter/adapter_model.safetensors").write_bytes(b"another's"),
    ),
    "a whole file": (
        "validation: cannot be computed again",
        lambda run: (run / "evaluation/validation/margins.parquet").unlink(),
    ),
    "a suite's metrics": (
        "adversarial/metrics.json: missing beside margins.parquet",
        lambda run: (run / "evaluation/adversarial/metrics.json").unlink(),
    ),
}


def test_whatever_is_tampered_with_is_found(run_script, record):
    """All of it at once, each in a place of its own."""
    for _, tamper in TAMPERED.values():
        tamper(record / "run")
    output = run_script("evaluate.py", "verify=results", cwd=record.parent, expect=1)
    lines = output.splitlines()
    for what, (named, _) in TAMPERED.items():
        assert any(named in line for line in lines), what


def test_a_changed_training_log_is_found(record):
    log = record / "run/training_log.jsonl"
    log.write_text(log.read_text().replace('"loss/cross_entropy": ', '"loss/cross_entropy": 1'))
    (difference,) = verify(record).differences
    assert "run.json: training.divergence is loss/cross_entropy" in difference
    log.unlink()
    found = verify(record)
    assert found.differences == [] and "diverged, training.steps: no training_log.jsonl beside it" in str(found)


def test_a_failed_run_is_listed_and_its_seed_still_held_against_its_config(record):
    change_json(record / "run/run.json", "status", value="failed")
    assert "run.json: failed, so without results" in verify(record).unverified[0]
    change_json(record / "run/run.json", "seed", value=SEED)
    (difference,) = verify(record).differences
    assert f"seed is {SEED}" in difference


def test_an_older_scorer_does_not_excuse_rows_beside_a_seal(record):
    change_json(record / "run/evaluation/closure/metrics.json", "scorer", value=1)
    (difference,) = verify(record).differences
    assert "closure/metrics.json: of an older scorer" in difference


def test_a_file_of_another_kind_is_one_line_and_the_rest_is_verified(record):
    change_json(record / "run/run.json", "training", value=[1])
    found = verify(record)
    (difference,) = found.differences
    assert "run: cannot be computed again: " in difference and found.suites == 5


def test_a_path_of_one_component_is_verified(record, monkeypatch):
    monkeypatch.chdir(record / "run/evaluation")
    assert verify("published").differences == []


def test_what_cannot_be_computed_again_is_listed(record):
    """An older record does not say the prior, and a key may be one that nobody knows any more."""
    path = record / "run/evaluation/closure/metrics.json"
    report = json.loads(path.read_text())
    del report["prior"]
    report["rows"][0]["graphs"] = 9
    write_json(path, report)
    found = verify(record)
    assert found.differences == []
    line, _ = found.unverified
    assert line.startswith(f"{path}: graphs, logit_adjusted_accuracy, logit_adjusted_balanced_accuracy: not to be had")


def test_a_number_of_an_earlier_version_is_computed_anew(record, capsys):
    """Of this scorer, but for a mended number; the margins and whatever is as it should be are not written."""
    path = record / "run/evaluation/closure/metrics.json"
    honest = json.loads(path.read_text())
    for key in ("shd_share", "logit_adjusted_accuracy"):
        change_json(path, "rows", 0, key, value=0.125)
    files = [file for file in record.rglob("*") if file.is_file() and file != path]
    before = [file.stat().st_mtime_ns for file in files]
    assert again.main([str(record)]) == 0 and "0 evaluations scored again, 5 were up to date" in capsys.readouterr().out
    assert again.main([str(record), "anew=true"]) == 0
    assert "1 evaluations scored again, 4 were up to date" in capsys.readouterr().out
    assert json.loads(path.read_text())["rows"] == honest["rows"]
    assert verify(record).differences == [] and before == [file.stat().st_mtime_ns for file in files]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("resample=10", "unknown argument 'resample=10'; allowed: resamples=, anew="),
        ("resamples=x", "resamples= is a whole number, not 'x'"),
        ("resamples=0", "resamples= must be at least 1"),
        ("anew=yes", "anew= is true or false, not 'yes'"),
        ("--anew", "unknown argument '--anew'"),
    ],
)
def test_scoring_again_refuses_what_it_does_not_know(argument, message, tmp_path, capsys):
    assert again.main([str(tmp_path), argument]) == 2
    assert message in capsys.readouterr().err
    assert again.main([str(tmp_path)]) == 1 and "no metrics.json beside" in capsys.readouterr().out


def test_where_there_is_no_record_it_says_so(run_script, tmp_path):
    output = run_script("evaluate.py", "verify=nowhere", cwd=tmp_path, expect=1)
    assert "error: verify=nowhere: no run.json and no metrics.json there" in output
