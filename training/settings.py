"""Refuse settings that are out of range or contradict each other, before any work."""

import os
from typing import TYPE_CHECKING

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from causal_tasks.families import family_size
from models.prompts import PROMPTS
from records.errors import UserError
from schedulers import Schedule
from scoring.ways import VERDICTS, WEIGHTS

if TYPE_CHECKING:
    from losses.loss import Loss  # imports torch


# Conditions in configs: ${if:CONDITION,THEN,ELSE} and ${equal:ONE,OTHER}.
OmegaConf.register_new_resolver("if", lambda condition, then, otherwise: then if condition else otherwise, replace=True)
OmegaConf.register_new_resolver("equal", lambda one, other: one == other, replace=True)


class SettingsError(UserError, ValueError):
    """One line that names the key and what is allowed."""


CHOICES = {
    "task.name": ("transitivity", "dseparation"),
    "task.questions": ("sampled", "families"),
    "protocol": ("released", "corrected"),
    "data.sampler": ("shuffled", "balanced"),
    "model.device": ("auto", "cuda", "cpu"),
    "model.precision": ("auto", "bf16", "fp32"),
    "model.attention": ("auto", "eager", "sdpa"),
    "model.quantization": ("none", "nf4", "4bit"),
    "prompt": tuple(PROMPTS),
    "weights": WEIGHTS,
    "verdict": VERDICTS,
    "training.learning_rate_schedule": ("cosine", "linear", "constant", "constant_with_warmup"),
    "show": (None, "errors"),
    "tracking.mode": ("online", "offline", "disabled"),
}
# key: (low, high, whole number?)
RANGES = {
    "seed": (0, 2**31 - 1, True),
    "task.questions_per_graph": (1, 64, True),
    "data.unlabelled_fraction": (0.0, 0.999, False),
    "data.yes_share": (0.001, 0.999, False),
    "lora.rank": (1, 1024, True),
    "lora.alpha": (0.001, 4096, False),
    "lora.dropout": (0.0, 0.999, False),
    "training.samples": (1, 10**8, True),
    "training.epochs": (1, 1000, True),
    "training.batch_size": (1, 10**5, True),
    "training.accumulation": (1, 10**4, True),
    "training.learning_rate": (1e-9, 1.0, False),
    "training.warmup_steps": (0, 10**7, True),
    "training.weight_decay": (0.0, 1.0, False),
    "training.max_gradient_norm": (1e-6, 1e6, False),
    "training.log_every": (1, 10**7, True),
    "training.checkpoint_every": (1, 10**7, True),
    "probe.samples": (2, 10**6, True),
    "probe.every": (1, 10**7, True),
    "evaluation.token_budget": (1, 10**8, True),
    "evaluation.resamples": (0, 10**6, True),
    "evaluation.prior": (0.001, 0.999, False),
}
NULLABLE = {"data.yes_share", "evaluation.prior", "evaluation.token_budget"}


# Of the faults, those that only the released construction can have.
DATA_FAULTS = ("unblocked_reversed_chain", "lost_separators", "repeated_names", "ordered_queries")


def check_settings(cfg: DictConfig) -> None:
    """Raise SettingsError for the first setting of a composed config that cannot be run.

    Keys that the config does not have (evaluate.py has fewer) are not looked at.
    """
    try:
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise SettingsError(str(error).splitlines()[0]) from error
    for key, allowed in CHOICES.items():
        value = OmegaConf.select(cfg, key, default=allowed[0])
        if value not in allowed:
            raise SettingsError(f"{key}={value}: must be one of {', '.join(map(str, allowed))}")
    for name, value in cfg.get("faults", {}).items():
        if not isinstance(value, bool):
            raise SettingsError(f"faults.{name}={value}: must be true or false")
    for key, (low, high, whole) in RANGES.items():
        value = OmegaConf.select(cfg, key, default=low)
        if value is None and key in NULLABLE:
            continue
        number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise SettingsError(f"{key}={value}: must be {kind} from {low} to {high}")
    if "training" in cfg:
        _check_combinations(cfg)


def _check_combinations(cfg: DictConfig) -> None:
    questions = cfg.task.questions_per_graph
    if cfg.protocol == "corrected" and (on := [name for name in DATA_FAULTS if cfg.faults[name]]):
        raise SettingsError(
            f"faults.{on[0]}=true: protocol=corrected has none of the data's faults; use protocol=released"
        )
    if not cfg.training.enabled and cfg.weights.startswith("merged"):
        raise SettingsError(f"weights={cfg.weights}: an untrained model has no adapter to merge; use weights=adapter")
    if cfg.protocol == "released":
        if questions != 1:
            raise SettingsError(
                f"task.questions_per_graph={questions}: protocol=released asks 1 question a graph; use protocol=corrected"
            )
        if cfg.data.yes_share is not None:
            raise SettingsError("data.yes_share: protocol=released has its own label shares; use protocol=corrected")
    if cfg.data.sampler == "balanced" and questions != 1:
        raise SettingsError(f"data.sampler=balanced: needs task.questions_per_graph=1, not {questions}")
    if not cfg.training.enabled and cfg.data.unlabelled_fraction:
        raise SettingsError("data.unlabelled_fraction: means nothing with training.enabled=false")
    graphs_in_a_pass(cfg)
    if cfg.task.questions == "families":
        _check_families(cfg)
    if cfg.training.enabled:
        _check_loss(cfg)


def graphs_in_a_pass(cfg: DictConfig) -> int:
    """Graphs in one forward pass of one process; raises SettingsError if they do not share the batch evenly."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    graphs, rest = divmod(cfg.training.batch_size, cfg.training.accumulation * processes)
    if rest:
        raise SettingsError(
            f"training.batch_size={cfg.training.batch_size}: must be a multiple of training.accumulation="
            f"{cfg.training.accumulation} x {processes} processes"
        )
    return graphs


def _check_families(cfg: DictConfig) -> None:
    if cfg.protocol != "corrected":
        raise SettingsError(f"task.questions=families: needs protocol=corrected, not {cfg.protocol}")
    if cfg.data.yes_share is not None:
        raise SettingsError("data.yes_share: a whole family has its own share of Yes; use task.questions=sampled")
    try:
        family_size(cfg.task.name, cfg.task.questions_per_graph)
    except ValueError as error:
        raise SettingsError(f"task.{error}") from error
    if cfg.training.samples < cfg.task.questions_per_graph:
        raise SettingsError(
            f"training.samples={cfg.training.samples}: a family has task.questions_per_graph="
            f"{cfg.task.questions_per_graph} questions; ask for at least as many"
        )


def _check_loss(cfg: DictConfig) -> None:
    loss = build_loss(cfg)
    if loss.task not in (None, cfg.task.name):
        raise SettingsError(f"task={cfg.task.name}: loss={loss.name} works on task={loss.task} only")
    needed, questions = loss.questions_needed(cfg.task.name), cfg.task.questions_per_graph
    if questions < needed:
        raise SettingsError(
            f"task.questions_per_graph={questions}: loss={loss.name} needs at least {needed} questions on a graph, "
            "best with task.questions=families"
        )


def build_loss(cfg: DictConfig) -> "Loss":
    """Instantiate ``cfg.loss``; raises SettingsError if it refuses its settings."""
    return _instantiate("loss", cfg.loss)


def build_schedule(cfg: DictConfig) -> Schedule:
    """Instantiate ``cfg.schedule``; raises SettingsError if it refuses its settings."""
    return _instantiate("schedule", cfg.schedule)


def _instantiate(group: str, node: DictConfig):
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__ or error
        raise SettingsError(f"{group}: {str(cause).splitlines()[0]}") from error
