"""The record of a run's settings: what it holds of every committed run, what it tells apart, what it says."""

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from records.component import Component
from records.run_folder import find_runs
from records.run_settings import KEYS, RunSettings, differing_keys, loss_name, science, settings_hash

RUNS = find_runs(Path(__file__).parents[2] / "results" / "runs")
CONFIGS = {path: yaml.safe_load((path / "config.yaml").read_text()) for path in RUNS}
PAPER = "results/runs/paper"  # written to while a training goes on, and moved when it has ended


def config(**changes):
    base = {
        "variant": "v", "task": {"name": "transitivity", "questions_per_graph": 1}, "protocol": "corrected",
        "model": {"name": "tiny", "device": "cpu"}, "scale": "smoke", "seed": 0, "out": "${settings_hash:}",
        "loss": {"_target_": "losses.Semantic", "base": "answer"},
        "schedule": {"_target_": "schedulers.Linear", "start": 0.1}, "training": {"enabled": True, "samples": 4096},
    }  # fmt: skip
    return OmegaConf.merge(base, changes)


@pytest.mark.parametrize("path", RUNS, ids=lambda path: "-".join(path.parts[-3:]))
def test_every_committed_run_is_read_without_loss(path):
    """What decides its result stands in the record, and so does every other key that is not known to be of no account."""
    settings, kept = RunSettings.of(CONFIGS[path]), science(CONFIGS[path])
    found = {key: getattr(settings, name) for name, key in KEYS.items()} | dict(settings.others)
    for group in ("loss", "schedule"):
        part = getattr(settings, group)
        found |= {f"{group}._target_": part.target} if part else {}
        for key, value in part.settings if part else ():
            below = dict(value) if isinstance(value, tuple) else None
            found |= {f"{group}.{key}.{k}": v for k, v in below.items()} if below else {f"{group}.{key}": value}
    assert {key: found[key] for key in kept} == kept
    assert settings.hash == settings_hash(CONFIGS[path])
    if PAPER not in str(path):
        assert path.parts[-4:] == (settings.model, settings.variant, settings.hash, f"seed{settings.seed}")


@pytest.fixture(autouse=True, scope="module")
def resolvers():
    import training.settings  # noqa: F401  (what configs compute with)


def test_committed_runs_of_all_ages_are_what_the_configs_would_make_today(composed):
    """Keys that configs have got or lost since do not make another run of it: resume=true goes on with it."""
    asked = {
        ("transitivity_semantic", "gemma3_270m", "paper"): "experiment=transitivity_semantic",
        ("transitivity_ce", "smollm2_135m", "demo"): "experiment=transitivity_ce",
        ("dseparation_semantic", "smollm2_135m", "demo"): "experiment=dseparation_semantic",
        ("pretrained", "smollm2_135m", "demo"): "experiment=pretrained",
    }
    for (variant, model, scale), experiment in asked.items():
        samples = {
            RunSettings.of(c).samples for c in CONFIGS.values() if (c["variant"], c["scale"]) == (variant, scale)
        }
        hashes = set()
        for count in samples:
            override = [] if count is None else [f"training.samples={count}"]
            hashes.add(settings_hash(composed(experiment, f"model={model}", f"scale={scale}", *override)))
        mine = {
            h for c in CONFIGS.values() if (c["variant"], c["scale"]) == (variant, scale) for h in [settings_hash(c)]
        }
        assert hashes == mine, variant


def test_where_and_how_make_no_other_run_and_a_seed_no_other_setting():
    assert differing_keys(config(), config(resume=True, model={"device": "cuda"}, out="x", grid="g")) == []
    assert differing_keys(config(), config(seed=1, loss={"base": "sequence"})) == ["loss.base", "seed"]
    assert settings_hash(config()) == settings_hash(config(seed=1)) != settings_hash(config(loss={"base": "sequence"}))


def test_a_key_that_a_config_lacks_is_its_usual_value():
    late = {
        "prompt": "benchmark",
        "data": {"yes_share": None, "sampler": "shuffled"},
        "faults": {"lost_separators": False},
    }
    assert differing_keys(config(), config(**late)) == []
    assert differing_keys(config(), config(prompt="mine", data={"yes_share": 0.5})) == ["data.yes_share", "prompt"]
    assert differing_keys(config(protocol="released"), config(protocol="released", **late)) == [
        "faults.lost_separators"
    ]


def test_what_means_nothing_is_no_setting():
    plain = {"loss": {"_target_": "losses.CrossEntropy", "target": "answer", "base": None}}
    cosine = {"schedule": {"_target_": "schedulers.Cosine"}}
    assert differing_keys(config(**plain), config(**plain, **cosine)) == []
    assert RunSettings.of(config(**plain)).schedule is None
    assert "schedule._target_" in differing_keys(config(), config(**cosine))
    untrained = RunSettings.of(config(training={"enabled": False}))
    assert (untrained.task, untrained.loss, untrained.samples, untrained.trained_on) == (None, None, None, "nothing")
    assert untrained.hash == RunSettings.of(config(training={"enabled": False, "samples": 7}, **cosine)).hash


def test_losses_without_lambda_are_those_that_ignore_it(composed):
    import inspect

    import losses
    from records.run_settings import WITHOUT_LAMBDA

    classes = {f"losses.{name}": c for name, c in vars(losses).items() if inspect.isclass(c) and c.__name__ != "Loss"}
    classes = {name: c for name, c in classes.items() if issubclass(c, losses.Loss)}
    assert {name for name, c in classes.items() if "weight *" not in inspect.getsource(c.forward)} == set(
        WITHOUT_LAMBDA
    )


def test_a_sweep_of_a_setting_has_a_folder_for_each(composed):
    folders = {
        composed("scale=smoke", override).out
        for override in ("training.learning_rate=1e-3", "training.learning_rate=2e-3", "loss.base=sequence", "seed=0")
    }
    assert len(folders) == 4
    assert composed("scale=smoke", "schedule=cosine", "loss=margin").out == composed("scale=smoke", "loss=margin").out


def test_a_label_says_what_differs_among_peers_and_is_not_usual():
    def told(*changes):
        records = [RunSettings.of(config(**change)) for change in changes]
        return [record.differences(records) for record in records]

    assert told({}, {"seed": 1}) == ["", ""]
    assert told({}, {"data": {"yes_share": 0.632}}, {"data": {"yes_share": 0.632, "unlabelled_fraction": 0.9}}) == [
        "",
        "63.2 % Yes",
        "63.2 % Yes, 90 % unlabelled",
    ]
    assert told({}, {"training": {"samples": 1020}}) == ["4,096 questions", "1,020 questions"]
    weights = {"loss": {"class_weights": {"yes": 7.5, "no": 1.0}}}
    assert told({}, weights) == ["", "class weights=(no=1, yes=7.5)"]
    assert told({}, {"schedule": {"_target_": "schedulers.Cosine"}}) == ["Linear", "Cosine"]
    assert told({}, {"schedule": {"start": 0.2}}) == ["start=0.1", "start=0.2"]
    assert told({}, {"lora": {"rank": 64}}) == ["", "lora.rank=64"]
    fast, slow = {"training": {"learning_rate": 1e-3}}, {"training": {"learning_rate": 1e-4}}
    assert told(fast, slow) == ["rate 0.001", "rate 0.0001"], "neither is usual"
    assert told(fast, slow, fast | {"seed": 1}) == ["", "rate 0.0001", ""]


def test_a_file_has_its_own_questions():
    record = RunSettings.of(config(data={"path": "folder/own.jsonl"}))
    assert (record.trained_on, record.samples, record.questions_per_graph) == ("own.jsonl", None, None)


def test_a_run_is_named_after_its_loss():
    assert loss_name({"_target_": "losses.CrossEntropy", "target": "sequence"}) == "sequence_ce"
    assert loss_name({"_target_": "losses.Semantic", "base": "released"}) == "released_semantic"
    assert loss_name({"_target_": "losses.ExactSemantic", "base": "answer"}) == "exact_semantic"
    assert str(Component("losses.Semantic").but(base="answer", class_weights=None)) == "Semantic(base=answer)"


def test_the_config_of_something_else_is_refused_by_the_key_that_it_lacks():
    with pytest.raises(KeyError, match=r"model\.name"):
        RunSettings.of({"variant": "v", "seed": 0, "scale": "demo"})
