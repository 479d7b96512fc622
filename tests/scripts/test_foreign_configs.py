"""A run's config that comes from elsewhere, or from an earlier version."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from evaluate import evaluate
from input_output.errors import SettingsError
from training.settings import check_saved


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("model.precision", "fp64", "model.precision=fp64: must be one of auto, bf16, fp32"),
        ("model.attention", "weird", "model.attention=weird: must be one of"),
        ("model.device", "tpu", "model.device=tpu: must be one of"),
        ("model", 3, "model=3: must be a group of keys"),
        ("training", 3, "training=3: must be a group of keys"),
    ],
)
def test_a_foreign_runs_config_is_checked_before_its_model_is_loaded(composed, tmp_path, key, value, says):
    saved = OmegaConf.create(OmegaConf.to_container(composed("scale=smoke"), resolve=True))
    OmegaConf.update(saved, key, value, merge=False)
    OmegaConf.save(saved, tmp_path / "config.yaml")
    with pytest.raises(SettingsError) as refusal:
        evaluate(composed(f"run={tmp_path}", name="evaluate"))
    assert str(refusal.value).startswith(f"{tmp_path}/config.yaml: {says}")


@pytest.mark.parametrize("path", sorted(Path("results/runs").rglob("config.yaml"))[::9], ids=str)
def test_committed_runs_of_earlier_versions_pass_it(path):
    check_saved(OmegaConf.load(path), path)
