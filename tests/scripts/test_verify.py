"""Whoever changes one number of a record is found."""

import json
import shutil

import pandas as pd
import pytest

from scoring.verify import verify


@pytest.fixture(scope="module")
def made(run_script, tmp_path_factory):
    """A run at scale=smoke, with a suite that was scored later."""
    folder = tmp_path_factory.mktemp("verified")
    few = ["suites.published.samples=8", "suites.corrected.samples=16", "suites.validation.samples=16"]
    run_script(
        "train.py", "scale=smoke", "out=results/run", "tracking=none", "evaluation.resamples=30", *few, cwd=folder
    )
    run_script(
        "evaluate.py", "run=results/run", "suite=adversarial", "suite.samples=8", "evaluation.resamples=30", cwd=folder
    )
    return folder / "results"


@pytest.fixture
def record(made, tmp_path):
    shutil.copytree(made, tmp_path / "results")
    return tmp_path / "results"


def test_an_honest_record_is_found_so(run_script, made):
    found = verify(made)
    assert found.differences == [] and found.unverified == []
    assert (found.runs, found.suites) == (1, 4) and found.numbers > 500 and found.fingerprints > 20
    output = run_script("evaluate.py", "verify=results/", cwd=made.parent)
    assert "4 scored suites of 1 runs" in output and "0 differ" in output


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
        "accuracy",
        lambda run: change_json(run / "evaluation/corrected/metrics.json", "rows", 0, "accuracy", value=0.99),
    ),
    "a count": ("tp", lambda run: change_json(run / "evaluation/published/metrics.json", "rows", 1, "tp", value=1000)),
    "an interval": (
        "accuracy_interval",
        lambda run: change_json(
            run / "evaluation/corrected/metrics.json", "rows", 0, "accuracy_interval", value=[0.4, 0.6]
        ),
    ),
    "the last digits of a margin": (
        "margins.parquet",
        lambda run: change_table(run / "evaluation/corrected/margins.parquet", "margin", lambda m: m * 1.000001),
    ),
    "a label": (
        "other ids or labels",
        lambda run: change_table(run / "evaluation/adversarial/margins.parquet", "label", lambda label: not label),
    ),
    "a fingerprint": (
        "data_fingerprint",
        lambda run: change_json(
            run / "evaluation/published/metrics.json", "data_fingerprint", "transitivity/length", value="0" * 16
        ),
    ),
    "the seed of a run": ("seed", lambda run: change_json(run / "run.json", "seed", value=7)),
    "its training data": (
        "training.data_fingerprint",
        lambda run: change_json(run / "run.json", "training", "data_fingerprint", value="0" * 16),
    ),
    "its adapter": ("adapter", lambda run: (run / "adapter/adapter_model.safetensors").write_bytes(b"another's")),
    "a whole file": ("cannot be computed again", lambda run: (run / "evaluation/validation/margins.parquet").unlink()),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_is_found(record, what):
    names, tamper = TAMPERED[what]
    tamper(record / "run")
    differences = verify(record).differences
    assert differences and any(names in line for line in differences), differences


def test_the_script_names_it_and_fails(run_script, record):
    change_json(record / "run/run.json", "variant", value="another")
    output = run_script("evaluate.py", "verify=results", cwd=record.parent, expect=1)
    assert "run.json: variant is another; config.yaml says transitivity_semantic_linear" in output
    assert "no run.json and no metrics.json there" in run_script(
        "evaluate.py", "verify=nowhere", cwd=record.parent, expect=1
    )
