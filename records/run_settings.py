"""The settings of a run as one record: what its folder is named after, and what tables group, pair and label it by.

No torch: the reporting reads the record of every run from its config.yaml, old ones too.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from causal_tasks.faults import OF_SCORING, OF_VARIANTS
from records.component import Component, differences, nested, take

# Settings that say where, how fast and in whose name, not what: a run may be resumed with others.
# (A short rate is in training.learning_rate where it is used; a wheel holds the model that is named, which has its terms.)
NOT_SCIENCE = (
    "ablation",
    "evaluation.token_budget",
    "evaluation.yardstick_questions",
    "grid",
    "hydra",
    "model.device",
    "model.gguf_package",
    "model.short_learning_rate",
    "model.terms",
    "model.wheel",
    "out",
    "released_class_weights",
    "results",
    "resume",
    "tracking",
)
# Keys that configs got after the first runs, with the value that those ran with; not needed where it is null or the
# default of a field of RunSettings. A new key that is missing here makes every earlier run another one.
ADDED_SINCE: dict[str, object] = {"loss.term": "entailed"}
# A model that is not trained has none of these.
OF_TRAINING = ("data", "faults", "lora", "loss", "probe", "prompt", "protocol", "schedule", "seed", "task", "training")
# What ablations are about: told of every run where runs differ in it.
ALWAYS_TOLD = ("yes_share", "loss", "schedule")
# Losses without a term that lambda weighs: the schedule is no setting of theirs.
WITHOUT_LAMBDA = tuple(
    f"losses.{name}"
    for name in ("CrossEntropy", "Focal", "LabelSmoothing", "LogitAdjusted", "Margin", "WeightedCrossEntropy")
)
# What these faults change is a setting of its own: loss, prompt, weights, verdict.
FAULTS_SEEN_ELSEWHERE = OF_SCORING + OF_VARIANTS


@dataclass(frozen=True)
class RunSettings:
    """What was done in a run. Of two runs whose records differ in the seed alone, one repeats the other.

    Args:
        variant: name of the row in the tables. model, scale: names of their configs.
        seed: of the training; 0 for a model as it is, which has none.
        task: what was trained on; None for a model as it is, which has no settings of a training.
        protocol, questions (sampled or families), questions_per_graph, samples (questions, as asked for), yes_share (as
            asked for; None: the protocol's own), sampler, unlabelled_fraction: of the training data. A file has its own
            questions_per_graph and samples, which are None here.
        faults: those of the data that are not as the protocol has them, ``(("lost_separators", False),)``.
        loss, schedule: a loss without a term that lambda weighs has no schedule.
        prompt: of training. weights, verdict: how the run is scored.
        others: (dotted key, value) of every other setting that decides what comes out.
        hash: `settings_hash`, the name of the folder that holds the run and its repetitions.
    """

    variant: str
    model: str
    scale: str
    seed: int = 0
    task: str | None = None
    protocol: str | None = None
    questions: str = "sampled"
    questions_per_graph: int | None = None
    samples: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    yes_share: float | None = None
    sampler: str = "shuffled"
    unlabelled_fraction: float = 0
    faults: tuple[tuple[str, bool], ...] = ()
    loss: Component | None = None
    schedule: Component | None = None
    prompt: str = "benchmark"
    weights: str = "adapter"
    verdict: str = "logits"
    others: tuple[tuple[str, object], ...] = ()
    hash: str = ""

    @classmethod
    def of(cls, config: Mapping) -> "RunSettings":
        """The record of a config: a script's, or what a config.yaml holds.

        Raises:
            KeyError: it is the config of something else; the key that it lacks.
            TypeError: a list in it holds an object; records are compared, so every value of one must be hashable.
        """
        left = science(config)
        known = {name: left.pop(key) for name, key in KEYS.items() if key in left}
        for field in fields(cls):
            if field.default is MISSING and field.name not in known:
                raise KeyError(KEYS[field.name])
        for name in ("loss", "schedule"):
            settings = take(left, name)
            if settings:
                known[name] = Component(settings.pop("_target_", "?"), nested(settings))
        if left.get("data.path"):
            known |= {"questions_per_graph": None, "samples": None}
        faults = nested(take(left, "faults"))
        found = cls(**known, faults=faults, others=tuple(sorted(left.items())), hash=settings_hash(config))
        hash(found)
        return found

    @property
    def trained_on(self) -> str:
        """Construction of the training data in a word: ``released-k1`` (1 question a graph), ``corrected-k6-families``, or the
        name of the file."""
        if self.task is None:
            return "nothing"
        if file := dict(self.others).get("data.path"):
            return Path(file).name
        return f"{self.protocol}-k{self.questions_per_graph}" + "-families" * (self.questions == "families")

    def differences(self, peers: Sequence["RunSettings"]) -> str:
        """In words, the settings in which runs of one variant, this one among them, are not all alike; empty if there are none.

        ``4,096 questions, 50 % Yes``. What a table says anyway is left out: model, scale, trained_on, task and seed. What is
        usual goes without saying: a field's default, or where no run has that, but for ALWAYS_TOLD, the value of most runs, if
        no other is as frequent.
        """
        words = []
        for field in fields(self):
            mine, theirs = getattr(self, field.name), Counter(getattr(peer, field.name) for peer in peers)
            usual = field.default
            if usual not in theirs and field.name not in ALWAYS_TOLD:
                (most, count), (_, next_count) = [*theirs.most_common(2), (None, 0)][:2]
                usual = most if count > next_count else usual
            if len(theirs) == 1 or mine == usual:
                continue
            if field.name in WORDS:
                words.append(WORDS[field.name](mine))
            elif field.name in ("faults", "others"):
                words.append(differences(mine, {*theirs}))
            elif field.name in ("loss", "schedule"):
                words.append(mine.differences({*theirs}))
        return ", ".join(filter(None, words))


# Field → key of the config.
KEYS = {
    "variant": "variant",
    "model": "model.name",
    "scale": "scale",
    "seed": "seed",
    "task": "task.name",
    "protocol": "protocol",
    "questions": "task.questions",
    "questions_per_graph": "task.questions_per_graph",
    "samples": "training.samples",
    "epochs": "training.epochs",
    "learning_rate": "training.learning_rate",
    "yes_share": "data.yes_share",
    "sampler": "data.sampler",
    "unlabelled_fraction": "data.unlabelled_fraction",
    "prompt": "prompt",
    "weights": "weights",
    "verdict": "verdict",
}
# What a label says of a field in which runs differ.
WORDS: dict[str, Callable[[object], str]] = {
    "samples": lambda samples: f"{samples:,} questions",
    "epochs": lambda epochs: f"{epochs} epochs",
    "yes_share": lambda share: f"{100 * share:.3g} % Yes",
    "unlabelled_fraction": lambda fraction: f"{100 * fraction:.3g} % unlabelled",
    "sampler": lambda sampler: f"{sampler} sampling",
    "learning_rate": lambda rate: f"rate {rate:g}",
    "prompt": lambda prompt: f"prompt {prompt}",
    "weights": lambda weights: f"weights {weights}",
    "verdict": lambda verdict: f"verdict {verdict}",
}


def science(config: Mapping) -> dict[str, object]:
    """The settings of a config that decide what comes out: dotted key → value, resolved.

    Left out are NOT_SCIENCE, what is null or has the value that a config without the key stands for, suites without
    splits (they are not scored), and what means nothing in this config: the settings of a training that there is not,
    and the schedule of a loss that ignores it. So configs of different ages can be compared.
    """
    tree = {key: _resolved(config, key) for key in config if key not in NOT_SCIENCE}
    suites = {name: _group(_group(tree, "suites"), name) for name in _group(tree, "suites")}
    tree["suites"] = {name: suite for name, suite in suites.items() if suite.get("splits", True)}
    if not _group(tree, "training").get("enabled", True):
        tree = {key: value for key, value in tree.items() if key not in OF_TRAINING} | {"training": {"enabled": False}}
    elif _group(tree, "loss").get("_target_") in WITHOUT_LAMBDA:
        tree.pop("schedule", None)
    released = {"": tree.get("protocol") == "released"}
    released |= {f"suites.{name}.": suite.get("protocol") == "released" for name, suite in tree["suites"].items()}
    usual = ADDED_SINCE | {KEYS[field.name]: field.default for field in fields(RunSettings) if field.name in KEYS}
    usual |= {"training.enabled": True}
    found = {}
    for key, value in flat(tree).items():
        group, fault, name = key.rpartition("faults.")
        if value is None or value == usual.get(key) or any(_within(key, skip) for skip in NOT_SCIENCE):
            continue
        if fault and (name in FAULTS_SEEN_ELSEWHERE or value == released.get(group)):
            continue
        found[key] = _plain(value)
    return found


def flat(node: Mapping, prefix: str = "") -> dict[str, object]:
    """Dotted key → value of a tree of settings."""
    found = {}
    for name, child in node.items():
        found |= flat(child, f"{prefix}{name}.") if isinstance(child, Mapping) else {f"{prefix}{name}": child}
    return found


def differing_keys(one: Mapping, other: Mapping) -> list[str]:
    """Dotted keys of the settings, `science`, in which two configs differ."""
    ours, theirs = science(one), science(other)
    return [key for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key)]


def settings_hash(config: Mapping) -> str:
    """Eight hexadecimal digits of all settings but the seed: equal for a run and its repetitions, and for no other."""
    settings = {key: value for key, value in science(config).items() if key != "seed"}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def seed_of_training(config: Mapping) -> int:
    """0 of a model as it is, which has no seeds."""
    return science(config).get("seed", RunSettings.seed)


def loss_name(loss: Mapping) -> str:
    """What a run is called by its loss where nobody names it: ``answer_ce``, ``released_semantic``, ``exact_semantic``."""
    if not isinstance(loss, Mapping) or "_target_" not in loss:
        return "unknown"  # refused elsewhere
    name = str(loss["_target_"]).rsplit(".", 1)[-1]
    if name == "CrossEntropy":
        return f"{loss.get('target')}_ce"
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return f"{loss.get('base')}_{snake}" if name == "Semantic" else snake


def _group(tree: Mapping, name: str) -> Mapping:
    """A group of keys; empty if something else stands there, which a check of its own refuses."""
    return tree[name] if isinstance(tree.get(name), Mapping) else {}


def _plain(value):
    """Hashable, and equal where a config means the same: 1.0 and 1."""
    if isinstance(value, list):
        return tuple(map(_plain, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _resolved(config: Mapping, key: str):
    if not isinstance(config, DictConfig):
        return config[key]
    if OmegaConf.is_missing(config, key):
        return None
    value = config[key]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _within(key: str, group: str) -> bool:
    return key == group or key.startswith(f"{group}.")
