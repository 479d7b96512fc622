"""Every config composes, and settings that cannot be run are refused by name before any work."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException

from training.settings import SettingsError, build_loss, build_schedule, check_settings

CONF = Path("conf").absolute()
EXPERIMENTS = sorted(str(p.relative_to(CONF / "experiment").with_suffix("")) for p in (CONF / "experiment").rglob("*.yaml"))
SCALES = sorted(p.stem for p in (CONF / "scale").glob("*.yaml"))


def composed(*overrides, name="train"):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose(name, overrides=list(overrides), return_hydra_config=True)
    # What Hydra sets at the start of a job.
    cfg.hydra.runtime.output_dir = "."
    cfg.hydra.job.num = 0
    cfg.hydra.job.id = "0"
    from hydra.core.hydra_config import HydraConfig

    HydraConfig.instance().set_config(cfg)
    from omegaconf import open_dict

    with open_dict(cfg):
        del cfg["hydra"]
    return cfg


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes(experiment):
    cfg = composed(f"experiment={experiment}", "scale=smoke")
    check_settings(cfg)
    build_loss(cfg)
    build_schedule(cfg)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", ["transitivity_ce", "dseparation_semantic"])
def test_every_scale_composes(experiment, scale):
    cfg = composed(f"experiment={experiment}", f"scale={scale}")
    check_settings(cfg)
    assert cfg.scale == scale


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_opens_with_its_own_command(experiment):
    lines = (CONF / "experiment" / f"{experiment}.yaml").read_text().splitlines()
    assert lines[0] == "# @package _global_"
    assert lines[1].startswith(f"# python train.py experiment={experiment}")


def test_default_is_semantic_transitivity_on_the_corrected_protocol():
    cfg = composed()
    check_settings(cfg)
    assert (cfg.variant, cfg.protocol, cfg.scale, cfg.loss.base) == ("transitivity_semantic_linear", "corrected", "demo", "answer")
    assert cfg.model.name == "smollm2_135m"


def test_published_settings_stand_at_paper_scale_and_yield_to_the_short_recipe_elsewhere():
    assert composed("experiment=dseparation_ce", "scale=paper").training.learning_rate == 2e-5
    assert composed("experiment=dseparation_ce", "scale=paper").training.warmup_steps == 1000
    assert composed("experiment=dseparation_ce", "scale=demo").training.learning_rate == 5e-4


def test_paper_scale_is_250_000_evaluation_samples():
    cfg = composed("scale=paper")
    suites = sum(map(len, cfg.suites.published.splits.values()))
    assert 5 * suites * cfg.suites.published.samples == 250_000


def test_a_swept_key_reaches_a_nested_choice():
    cfg = composed("experiment=transitivity_semantic", "schedule=cosine", "protocol=corrected", "task.questions_per_graph=4")
    check_settings(cfg)
    assert cfg.schedule._target_.endswith("Cosine") and cfg.protocol == "corrected"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["protocol=relased"], "protocol=relased: must be one of released, corrected"),
        (["task.questions_per_graph=0"], "task.questions_per_graph=0: must be a whole number from 1"),
        (["protocol=released", "task.questions_per_graph=4"], "task.questions_per_graph=4: protocol=released asks 1"),
        (["training.learning_rate=fast"], "training.learning_rate=fast: must be a number"),
        (["training.samples=2.5"], "training.samples=2.5: must be a whole number"),
        (["data.sampler=balanced", "task.questions_per_graph=4"], "data.sampler=balanced"),
        (["protocol=released", "data.yes_share=0.5"], "data.yes_share"),
        (["training.enabled=false", "data.unlabelled_fraction=0.5"], "data.unlabelled_fraction"),
        (["model.quantization=8bit"], "model.quantization=8bit: must be one of none, 4bit"),
        (["tracking.mode=on"], "tracking.mode"),
        (["seed=-1"], "seed=-1"),
    ],
)
def test_bad_settings_are_refused_by_key(overrides, message):
    with pytest.raises(SettingsError) as refusal:
        check_settings(composed(*overrides))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_loss_refusal_names_the_key():
    with pytest.raises(SettingsError, match="target.*answer, sequence, released"):
        build_loss(composed("loss=cross_entropy", "loss.target=everything"))


def test_unknown_keys_are_refused():
    with pytest.raises(ConfigCompositionException, match="leaning_rate"):
        composed("training.leaning_rate=1e-3")
