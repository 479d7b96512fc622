"""Every config composes, and settings that cannot be run are refused by name before any work."""

import contextlib
import math
import subprocess
from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf.errors import OmegaConfBaseException
from transformers import TrainingArguments

from input_output.errors import SettingsError
from schedulers import LearningState
from training.building import build_loss, build_schedule
from training.settings import check_settings, unlike_defaults
from training.start import unnamed_option

CONF = Path("conf").absolute()
EXPERIMENTS = sorted(
    str(p.relative_to(CONF / "experiment").with_suffix("")) for p in (CONF / "experiment").rglob("*.yaml")
)
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


@pytest.mark.parametrize(
    ("name", "scales"), [("train", ["demo", "smoke"]), ("sweep", ["paper", "smoke"]), ("evaluate", [])]
)
def test_what_is_tried_out_lies_where_git_does_not_look(composed, name, scales):
    for cfg in [composed(f"scale={scale}", name=name) for scale in scales] or [composed(name=name)]:
        ignored = subprocess.run(["git", "check-ignore", "--quiet", f"{cfg.results}/runs/x/run.json"], cwd=CONF.parent)
        assert ignored.returncode == 0
        assert cfg.out is None or cfg.out.startswith(f"{cfg.results}/runs/")


def test_default_is_semantic_transitivity_on_the_corrected_protocol(composed):
    cfg = composed()
    check_settings(cfg)
    assert (cfg.variant, cfg.protocol, cfg.scale, cfg.loss.base) == (
        "transitivity_answer_semantic",
        "corrected",
        "demo",
        "answer",
    )
    assert cfg.model.name == "smollm2_135m"


# docs/release.md: rank, alpha, dropout, clip, rate, its schedule, warm-up, batch, accumulation, examples, epochs, prompt
RELEASED = {
    "transitivity_ce": (16, 16, 0.0, 0.3, 2e-4, "cosine", 100, 16, 2, 47_500, 3, "benchmark"),
    "dseparation_ce": (64, 64, 0.1, 0.3, 2e-5, "cosine", 0.0481, 16, 4, 47_500, 7, "dseparation_released"),
    "transitivity_semantic": (32, 32, 0.1, 1.0, 2e-5, "constant", 0, 8, 1, 50_000, 3, "benchmark"),
    "dseparation_semantic": (32, 32, 0.1, 1.0, 2e-5, "constant", 0, 8, 1, 50_000, 3, "benchmark"),
}


@pytest.mark.parametrize("experiment", RELEASED)
def test_published_settings_stand_at_paper_scale(composed, experiment):
    cfg = composed(f"experiment={experiment}", "scale=paper", "model=gemma3_270m")
    check_settings(cfg)
    training, lora = cfg.training, cfg.lora
    settings = (lora.rank, lora.alpha, lora.dropout, training.max_gradient_norm, training.learning_rate)
    settings += (training.learning_rate_schedule, training.warmup_steps, training.batch_size, training.accumulation)
    assert (*settings, training.samples, training.epochs, cfg.prompt) == RELEASED[experiment]
    assert training.weight_decay == 0.01 and cfg.model.quantization == "nf4"
    semantic = experiment.endswith("semantic")
    assert (cfg.loss.base if semantic else cfg.loss.target) == ("released" if semantic else "sequence")
    assert not semantic or (cfg.schedule.start, cfg.schedule.end) == (0.05, 0.30)


def test_the_published_warm_up_is_its_share_of_a_shorter_training():
    share = RELEASED["dseparation_ce"][6]
    published, short = 7 * math.ceil(47_500 / 16), 8192 // 16
    steps = [TrainingArguments(output_dir=".", warmup_steps=share).get_warmup_steps(n) for n in (published, short)]
    assert published == 20_783 and steps == [1000, 25]


def test_the_controls_share_the_semantic_runs_settings(composed):
    for task in ("transitivity", "dseparation"):
        control, semantic = (composed(f"experiment={task}_{name}", "scale=paper") for name in ("answer_ce", "semantic"))
        assert (control.training, control.lora, control.faults) == (semantic.training, semantic.lora, semantic.faults)
        assert dict(control.loss) == {"_target_": "losses.CrossEntropy", "target": "answer", "class_weights": None}


def test_the_short_recipe_replaces_them_at_the_models_own_rate(composed):
    for model, rate in (("smollm2_135m", 5e-4), ("gemma3_270m", 2e-4)):
        cfg = composed("experiment=dseparation_ce", "scale=demo", f"model={model}")
        check_settings(cfg)
        assert (cfg.training.learning_rate, cfg.training.accumulation, cfg.training.max_gradient_norm) == (rate, 1, 1.0)
        assert cfg.training.learning_rate_schedule == "cosine" and cfg.lora.dropout == 0.0


def test_paper_scale_is_250_000_evaluation_samples(composed):
    cfg = composed("scale=paper")
    suites = sum(map(len, cfg.suites.published.splits.values()))
    assert 5 * suites * cfg.suites.published.samples == 250_000


def test_a_swept_key_reaches_a_nested_choice(composed):
    cfg = composed(
        "experiment=transitivity_semantic", "schedule=cosine", "protocol=corrected", "task.questions_per_graph=4"
    )
    check_settings(cfg)
    assert cfg.schedule._target_.endswith("Cosine") and cfg.protocol == "corrected"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["protocol=relased"], "protocol=relased: must be one of released, corrected"),
        (["task.questions_per_graph=0"], "task.questions_per_graph=0: must be greater than or equal to 1"),
        (["protocol=released", "task.questions_per_graph=4"], "task.questions_per_graph=4: protocol=released asks 1"),
        (["training.learning_rate=fast"], "training.learning_rate=fast: must be a number"),
        (["training.samples=2.5"], "training.samples=2.5: must be a whole number"),
        (["data.sampler=balanced", "task.questions_per_graph=4"], "data.sampler=balanced"),
        (["protocol=released", "data.yes_share=0.5"], "data.yes_share"),
        (["training.enabled=false", "data.unlabelled_fraction=0.5"], "data.unlabelled_fraction"),
        (["data.sampler=balanced", "data.unlabelled_fraction=0.5"], "data.sampler=balanced: reads every label"),
        (
            ["data.unlabelled_fraction=0.5", "training.accumulation=2"],
            "data.unlabelled_fraction=0.5: needs training.accumulation=1 and one process",
        ),
        (
            ["data.sampler=balanced", "loss=logit_adjusted"],
            "data.sampler=balanced: loss=logit_adjusted would correct again for the share of Yes",
        ),
        (["data.sampler=balanced", "loss=weighted_cross_entropy"], "give the one that is left, loss.yes_share=0.5"),
        (
            ["training.learning_rate_schedule=constant"],
            "training.warmup_steps=10: training.learning_rate_schedule=constant has no warm-up; use constant_with_warmup",
        ),
        (
            ["loss.base=none", "schedule=relobralo"],
            "schedule.base=cross_entropy: loss=semantic has no such part, only semantic, total",
        ),
        (["schedule=lagrangian", "schedule.violation=groups"], "schedule.violation=groups: loss=semantic has no such"),
        (["loss=focal", "schedule=cosine"], "schedule=cosine: losses.Focal has no lambda; leave it out"),
        (["loss=cross_entropy", "schedule.end=0.5"], "schedule.end=0.5: losses.CrossEntropy has no lambda"),
        (["schedule=linear", "schedule.hold=1"], "schedule.hold must be a number in [0, 1)"),
        (["training.batch_size=8", "training.accumulation=3"], "training.batch_size=8: must be a multiple"),
        (["model.quantization=8bit"], "model.quantization=8bit: must be one of none, nf4, 4bit"),
        (["tracking.mode=on"], "tracking.mode"),
        (["prompt=dseparation"], "prompt=dseparation: must be one of benchmark, dseparation_released"),
        (["weights=merged"], "weights=merged: must be one of adapter, merged_16bit, merged_4bit, empty"),
        (["verdict=words"], "verdict=words: must be one of logits, text"),
        (["faults.lost_separators=true"], "faults.lost_separators=true: protocol=corrected has none"),
        (["faults.lost_separators=maybe"], "faults.lost_separators='maybe': must be true or false"),
        (["training.enabled=false", "weights=merged_4bit"], "weights=merged_4bit: an untrained model has no adapter"),
        (["seed=-1"], "seed=-1"),
        (["resume=maybe"], "resume='maybe': must be true or false"),
        (["training.enabled=no"], "training.enabled='no': must be true or false"),
        (["training.enabled='false'"], "training.enabled='false': must be true or false"),
        (["lora.target_modules=[foo]"], "lora.target_modules: no layer foo; must be some of q_proj"),
        (["lora.target_modules=q_proj"], "lora.target_modules=q_proj: must be a list"),
        (["training=5"], "training=5: must be a group of keys"),
        (["+training.sampels=3"], "training.sampels: no such key; did you mean training.samples? (training has acc"),
        (["+faults.lost_separator=true"], "faults.lost_separator: no such key; did you mean faults.lost_separators?"),
        (
            ["+loss.bse=answer"],
            "loss.bse: no such key; did you mean loss.base? (loss has _target_, base, cla",
        ),
        (["+los=semantic"], "los: no such key; did you mean loss?"),
        (["+suite@suites.more=adversarial", "+suites.more.sample=4"], "suites.more.sample: no such key; did you mean"),
        (["data.yes_share=${nothing}"], "Interpolation key 'nothing' not found full_key: data.yes_share"),
    ],
)
def test_bad_settings_are_refused_by_key(composed, overrides, message):
    with pytest.raises(SettingsError) as refusal:
        check_settings(composed(*overrides))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["data.sampler=balanced", "loss=logit_adjusted", "loss.yes_share=0.5"],
        ["training.learning_rate_schedule=constant", "training.warmup_steps=0"],
        ["training.learning_rate_schedule=constant_with_warmup"],
        ["loss.base=none", "schedule=lagrangian"],
        ["loss=cross_entropy", "loss.class_weights={yes: 2, no: 1}"],
        ["schedule=lagrangian", "schedule.violation=total"],
        ["task=dseparation", "loss=exact_semantic", "task.questions_per_graph=3"],
    ],
    ids=lambda overrides: overrides[-1],
)
def test_their_neighbours_are_not(composed, overrides):
    check_settings(composed(*overrides))


@pytest.mark.parametrize("schedule", ["lagrangian", "relobralo", "adaptive_collapse", "linear"])
@pytest.mark.parametrize("loss", ["focal", "cross_entropy", "semantic"])
def test_a_loss_without_lambda_has_no_schedule(composed, loss, schedule):
    cfg = composed(f"loss={loss}", f"schedule={schedule}")
    made = build_schedule(cfg)
    made.observe(
        LearningState(step=1, progress=0.1, losses={"total": 0.7, **dict.fromkeys(build_loss(cfg).parts, 0.7)})
    )
    assert (made(0.1) > 0) == (loss == "semantic")


def test_a_loss_refusal_names_the_key(composed):
    with pytest.raises(SettingsError, match="target.*answer, sequence, turn, released"):
        build_loss(composed("loss=cross_entropy", "loss.target=everything"))


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("losses.Nothing", "loss._target_=losses.Nothing: Error loading 'losses.Nothing'"),
        ("no_such_module.Loss", "loss._target_=no_such_module.Loss: must be a class of losses/"),
        ("losses.ExactSemantic", "loss.knowledge must be one of axioms"),
    ],
)
def test_the_causes_of_a_loss_that_cannot_be_made_are_shown(composed, target, cause):
    cfg = composed("loss=exact_semantic", f"loss._target_={target}", "loss.knowledge=none")
    with pytest.raises(SettingsError) as refusal:
        build_loss(cfg)
    assert cause in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("override", ["training.leaning_rate=1e-3", "faults.no_such_fault=true", "faults=most"])
def test_unknown_keys_are_refused(composed, override):
    with pytest.raises((ConfigCompositionException, MissingConfigException), match="leaning_rate|no_such_fault|most"):
        composed(override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("faults=1", "faults=1: must be one of data, none, released"),
        ("faults=[data,1]", "faults=[data,1]: must be one of data, none, released"),
        ("+suite@suites.more=null", "+suite@suites.more=null: must be one of adversarial, closure"),
        ("faults=data", None),
        ("faults=data,none", None),
        ("faults=1,2", "faults=1,2: must be one of data, none, released"),
        ("faults=choice(data,2)", "faults=choice(data,2): must be one of data"),
        ("faults=range(1,3)", "faults=range(1,3): must be one of data"),
        ("faults=interval(0,1)", "faults=interval(0,1): must be one of data"),
        ("faults=glob(x*)", "faults=glob(x*): must be one of data"),
        ("faults=glob(*)", None),
        ("faults=[]", "faults=[]: must be one of data"),
        ("=3", "=3: expected KEY=VALUE"),
        ("~faults", None),
        ("seed=1", None),
        ("seed==", None),
    ],
)
def test_an_option_is_a_name(override, message):
    """Hydra answers a number where a name is wanted with a traceback."""
    refused = unnamed_option(["loss=focal", override, "--cfg=job"])
    assert refused == message if message is None else refused.startswith(message)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["seed=0", "-m", "seed=range(3)", "loss=nope"], "error: loss=nope: must be one of"),
        (["löss=semantic"], "error: löss=semantic: has characters that must stand in quotes"),
        (["~training"], "error: training: is missing"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_odd_command_lines_are_one_line(run_script, tmp_path, arguments, says):
    output = run_script("train.py", *arguments, cwd=tmp_path, expect=1)
    assert output.startswith(says) and output.count("\n") == 1


@pytest.mark.parametrize(
    ("script", "arguments", "says"),
    [
        ("train.py", ["scale=smoke", "tracking=none", f"out={'x' * 300}"], "File name too long"),
        ("evaluate.py", [f"run={'x' * 300}"], "File name too long"),
        ("evaluate.py", ["suite.splits=null"], "error: suite.splits=None: no split to score; give {TASK: [SPLIT, ...]}"),
        ("evaluate.py", ["suite=published", "suite.splits={dseparation: []}", "~suite.splits.transitivity"], "no split to"),
    ],
)  # fmt: skip
def test_what_names_no_folder_and_no_question_is_one_line(run_script, tmp_path, script, arguments, says):
    output = run_script(script, *arguments, cwd=tmp_path, expect=1)
    assert says in output.splitlines()[-1] and "Traceback" not in output


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["seed", "training.samples", "data.yes_share", "faults", "lora.target_modules", "~loss", "+x", "out"]),
    st.sampled_from(["", "0", "-1", "1e400", "nan", "null", "[1]", "{a: 1}", "${nothing}", "${out}", "???", "é", "a b", "'"]),
)  # fmt: skip
def test_any_override_is_composed_or_refused_by_the_documented_errors(composed, key, value):
    if unnamed_option([f"{key}={value}"]) is None:
        with contextlib.suppress(HydraException, OmegaConfBaseException, SettingsError):
            check_settings(composed(f"{key}={value}", "scale=smoke"))


def test_what_differs_from_the_defaults_is_shown_and_nothing_else(composed):
    assert unlike_defaults(composed()) == []
    cfg = composed("loss.class_weights={yes: 2, no: 1}", "model=tiny", "seed=3", "out=elsewhere")
    shown = unlike_defaults(cfg)
    assert "  seed=3" in shown and "  loss.class_weights: no=1 yes=2" in shown
    assert "  model: name=tiny precision=fp32 random_architecture=True" in shown and len(shown) == 3
