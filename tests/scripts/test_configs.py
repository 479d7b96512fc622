"""Every config composes, and settings that cannot be run are refused by name before any work."""

from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException

from training.settings import SettingsError, build_loss, build_schedule, check_settings

CONF = Path("conf").absolute()
EXPERIMENTS = sorted(str(p.relative_to(CONF / "experiment").with_suffix("")) for p in (CONF / "experiment").rglob("*.yaml"))
SCALES = sorted(p.stem for p in (CONF / "scale").glob("*.yaml"))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes(composed, experiment):
    cfg = composed(f"experiment={experiment}", "scale=smoke")
    check_settings(cfg)
    build_loss(cfg)
    build_schedule(cfg)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experiment", ["transitivity_ce", "dseparation_semantic"])
def test_every_scale_composes(composed, experiment, scale):
    cfg = composed(f"experiment={experiment}", f"scale={scale}")
    check_settings(cfg)
    assert cfg.scale == scale


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_opens_with_its_own_command(experiment):
    lines = (CONF / "experiment" / f"{experiment}.yaml").read_text().splitlines()
    assert lines[0] == "# @package _global_"
    assert lines[1].startswith(f"# python train.py experiment={experiment}")


def test_default_is_semantic_transitivity_on_the_corrected_protocol(composed):
    cfg = composed()
    check_settings(cfg)
    assert (cfg.variant, cfg.protocol, cfg.scale, cfg.loss.base) == ("transitivity_semantic_linear", "corrected", "demo", "answer")
    assert cfg.model.name == "smollm2_135m"


def test_published_settings_stand_at_paper_scale_and_yield_to_the_short_recipe_elsewhere(composed):
    assert composed("experiment=dseparation_ce", "scale=paper").training.learning_rate == 2e-5
    assert composed("experiment=dseparation_ce", "scale=paper").training.warmup_steps == 1000
    assert composed("experiment=dseparation_ce", "scale=demo").training.learning_rate == 5e-4


def test_paper_scale_is_250_000_evaluation_samples(composed):
    cfg = composed("scale=paper")
    suites = sum(map(len, cfg.suites.published.splits.values()))
    assert 5 * suites * cfg.suites.published.samples == 250_000


def test_a_swept_key_reaches_a_nested_choice(composed):
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
        (["training.batch_size=8", "training.accumulation=3"], "training.batch_size=8: must be a multiple"),
        (["model.quantization=8bit"], "model.quantization=8bit: must be one of none, 4bit"),
        (["tracking.mode=on"], "tracking.mode"),
        (["seed=-1"], "seed=-1"),
    ],
)
def test_bad_settings_are_refused_by_key(composed, overrides, message):
    with pytest.raises(SettingsError) as refusal:
        check_settings(composed(*overrides))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_loss_refusal_names_the_key(composed):
    with pytest.raises(SettingsError, match="target.*answer, sequence, released"):
        build_loss(composed("loss=cross_entropy", "loss.target=everything"))


def test_unknown_keys_are_refused(composed):
    with pytest.raises(ConfigCompositionException, match="leaning_rate"):
        composed("training.leaning_rate=1e-3")
