"""A shared adapter is scored as the run that it comes from."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file

from input_output.reading import read_json
from models.loading import terms_of
from records.model_card import model_card
from records.run_folder import RunFolder
from training import export_adapter

QUIET = ["tracking=none", "evaluation.resamples=50"]


@pytest.fixture(scope="module")
def run(run_script, tmp_path_factory):
    """A trained run."""
    folder = tmp_path_factory.mktemp("trained")
    few = ["suites.published.samples=4", "suites.corrected.samples=8", "suites.validation.samples=8"]
    run_script("train.py", "scale=smoke", "out=run", *few, *QUIET, cwd=folder)
    return folder / "run"


def test_a_shared_adapter_is_scored_without_its_run(run_script, run, tmp_path, capsys):
    assert export_adapter.main([f"run={run}", f"out={tmp_path / 'adapters'}"]) == 0
    shared = tmp_path / "adapters/transitivity_answer_semantic"
    assert capsys.readouterr().out.strip() == str(shared)
    weights = load_file(shared / "adapter/adapter_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.bfloat16}
    card = (shared / "README.md").read_text()
    assert "transitivity_answer_semantic, seed 0 (finished)" in card and str(run.parent) not in card
    assert "comes under" not in card
    few = ["suite=corrected", "suite.samples=8", "evaluation.yardstick_questions=200", "tracking.mode=disabled"]
    run_script("evaluate.py", f"run={shared}", *few, cwd=tmp_path)
    found = pd.read_parquet(shared / "evaluation/corrected/margins.parquet")
    run_script("evaluate.py", f"run={run}", *few, "out=own", cwd=tmp_path)
    expected = pd.read_parquet(tmp_path / "own/margins.parquet")
    np.testing.assert_allclose(found["margin"], expected["margin"], atol=0.01)
    assert not np.array_equal(found["margin"], expected["margin"])  # bf16


def test_one_of_a_lower_rank_says_what_was_kept_and_is_scored_as_any(run_script, run, tmp_path, capsys):
    own = RunFolder(run).trained_with().lora
    assert export_adapter.main([f"run={run}", "rank=2", f"out={tmp_path}"]) == 0
    shared = RunFolder(tmp_path / "transitivity_answer_semantic")
    config, peft = shared.trained_with().lora, read_json(shared.adapter / "adapter_config.json")
    assert (config.rank, config.alpha) == (peft["r"], peft["lora_alpha"]) == (2, own.alpha * 2 / own.rank)
    assert re.search(
        rf"\(finished; rank {own.rank} cut to 2, \d+\.\d\d % of its", (shared.path / "README.md").read_text()
    )
    few = ["suite=corrected", "suite.samples=8", "evaluation.yardstick_questions=200", "tracking.mode=disabled"]
    run_script("evaluate.py", f"run={shared.path}", *few, cwd=tmp_path)
    for rank in (own.rank, own.rank + 1, 0):
        assert export_adapter.main([f"run={run}", f"rank={rank}", f"out={tmp_path}"]) == 2
        assert f"rank={rank}: must be " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ({"wheel": {"terms": None}}, False),  # of an earlier version
        ({"wheel": {"terms": "the Terms of Use"}}, True),
        ({"wheel": {"terms": "the Terms of Use"}, "name_or_path": "another"}, False),
        ({"wheel": {"parts": []}, "terms": None}, False),
        ({"wheel": None, "name_or_path": "hub/model", "terms": "the Terms of Use"}, True),
    ],
)
def test_a_card_names_the_terms_of_its_base_if_there_are_any(run, model, named):
    settings = RunFolder(run).trained_with()
    settings.model = {"name": "base", "name_or_path": None, "quantization": "none"} | model
    card = model_card(settings, terms_of(settings.model), "finished")
    assert ("comes under the Terms of Use, and so" in card) == ("comes under" in card) == named


@pytest.mark.parametrize("variant", ["../victim", "..", "", "a/b", 3])
def test_a_foreign_run_names_no_other_folder(run, tmp_path, variant, capsys):
    hostile, victim = tmp_path / "hostile", tmp_path / "victim"
    shutil.copytree(run, hostile)
    settings = RunFolder(run).trained_with()
    settings.variant = variant
    OmegaConf.save(settings, hostile / "config.yaml")
    victim.mkdir()
    assert export_adapter.main([f"run={hostile}", f"out={tmp_path / 'exported'}"]) == 2
    assert "config.yaml: variant is " in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile", "victim"]


def test_only_an_exported_adapter_is_replaced(run, tmp_path, capsys):
    for _ in range(2):
        assert export_adapter.main([f"run={run}", f"out={tmp_path / 'adapters'}"]) == 0
    precious = tmp_path / "transitivity_answer_semantic"
    precious.mkdir()
    assert export_adapter.main([f"run={run}", f"out={tmp_path}"]) == 2
    assert "no exported adapter, so it is not replaced" in capsys.readouterr().err and precious.is_dir()


def test_what_is_not_there_is_one_line(run, tmp_path, capsys):
    assert export_adapter.main([f"run={run}", "step=7", f"out={tmp_path}"]) == 2
    assert "checkpoint=7" in capsys.readouterr().err and not list(tmp_path.iterdir())
