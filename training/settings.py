"""Refuse settings that are unknown, out of range or contradict each other, before any work."""

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from causal_tasks.families import family_size
from causal_tasks.faults import OF_DATA, OF_VARIANTS
from input_output.errors import SettingsError
from records.published import published_yes_share
from records.run_settings import WITHOUT_LAMBDA, differing_keys, loss_name, seed_of_training, settings_hash
from training.building import build_loss, build_schedule
from training.labelled_file import read_training_file
from training.schema import Model, Train, Training

CONF = Path(__file__).parents[1] / "conf"

# Conditions in configs: ${if:CONDITION,THEN,ELSE} and ${equal:ONE,OTHER}.
OmegaConf.register_new_resolver("if", lambda condition, then, otherwise: then if condition else otherwise, replace=True)
OmegaConf.register_new_resolver("equal", lambda one, other: one == other, replace=True)
# ${loss_name:${loss}}, ${published_yes_share:${task.name}} and, of the whole config, ${settings_hash:} and ${seed_of_training:}.
OmegaConf.register_new_resolver("loss_name", loss_name, replace=True)
OmegaConf.register_new_resolver("published_yes_share", published_yes_share, replace=True)
OmegaConf.register_new_resolver("settings_hash", lambda *, _root_: settings_hash(_root_), replace=True)
OmegaConf.register_new_resolver("seed_of_training", lambda *, _root_: seed_of_training(_root_), replace=True)


# The layers of the models in conf/model/ that an adapter can stand beside.
ADAPTED_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def check_settings(cfg: DictConfig, schema: type[BaseModel] = Train) -> None:
    """Raise SettingsError for the first setting of a composed config that is not in ``schema`` or cannot be run."""
    try:
        settings = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise SettingsError(f"{error.full_key}: is missing; give {error.full_key}=...") from error
    except OmegaConfBaseException as error:
        raise SettingsError(" ".join(str(error).split())) from error
    known = set(dotted_keys(settings))
    added = {override.key_or_group for override in given() if override.is_add()}
    if added := added & {key for key in known if key.startswith(("loss.", "schedule."))}:
        raise SettingsError(unknown_key(min(added), known - added))
    try:
        schema.model_validate(settings)
    except ValidationError as error:
        problems = [(".".join(map(str, problem["loc"])), problem) for problem in error.errors()]
        unknown = {key.removesuffix(".[key]") for key, problem in problems if _is_unknown(key, problem)}
        if unknown:
            raise SettingsError(unknown_key(min(unknown), known - unknown)) from None
        raise SettingsError(_refusal(*problems[0])) from None
    if schema is Train:
        _check_combinations(cfg)
    suite = settings.get("suite")
    if suite and "path" not in suite and not any((suite.get("splits") or {}).values()):
        raise SettingsError(f"suite.splits={suite.get('splits')}: no split to score; give {{TASK: [SPLIT, ...]}}")


def check_saved(config: DictConfig, path: Path) -> None:
    """Raise SettingsError for the first setting in a saved config's model or training that is none of this version.

    Keys that the run's version had, or had not, do not matter.
    """
    saved = OmegaConf.to_container(config)
    for group, schema in (("model", Model), ("training", Training)):
        try:
            schema.model_validate(saved.get(group))
        except ValidationError as error:
            for problem in error.errors():
                if problem["type"] not in ("missing", "extra_forbidden"):
                    key = ".".join(map(str, (group, *problem["loc"])))
                    raise SettingsError(f"{path}: {_refusal(key, problem)}") from None


def composed(config: str, overrides: Sequence[str] = ()) -> DictConfig:
    """What Hydra makes of ``config`` with these overrides, inside a script that it started and outside."""
    if GlobalHydra.instance().is_initialized():
        return compose(config, list(overrides))
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(config, list(overrides))


def unlike_defaults(cfg: DictConfig) -> list[str]:
    """What of ``cfg`` differs from `python train.py` alone: one line a group, key=value of each setting in it."""
    groups: dict[str, list[str]] = {}
    default = composed("train")
    for key in differing_keys(default, cfg):
        value = OmegaConf.select(cfg, key, default=...)
        # The keys of a group stand for it; those of a training differ for a model that is not trained, whatever they are.
        if value not in (..., OmegaConf.select(default, key)) and not isinstance(value, DictConfig):
            group, _, name = key.rpartition(".")
            groups.setdefault(group, []).append(f"{name}={value}")
    return [f"  {group + ': ' if group else ''}{' '.join(settings)}" for group, settings in groups.items()]


def dotted_keys(node, prefix: str = "") -> Iterator[str]:
    """Every key of a nested dict, inner ones as parent.child."""
    for name, child in node.items() if isinstance(node, dict) else ():
        yield f"{prefix}{name}"
        yield from dotted_keys(child, f"{prefix}{name}.")


def given() -> list[Override]:
    """What the command line sets, adds (+key=value) and chooses (group=option)."""
    task = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    return OverridesParser.create().parse_overrides(list(task))


def unknown_key(key: str, known: set[str]) -> str:
    """The refusal of a key: the nearest one that there is, and those beside which it stands."""
    parent = key.rpartition(".")[0]
    beside = sorted(k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == parent)
    meant = get_close_matches(key, known - {parent}, n=1)
    nearest = f"; did you mean {meant[0]}?" if meant else ""
    where = f"{parent} has {', '.join(beside)}" if parent else f"there are {', '.join(beside)}"
    return f"{key}: no such key{nearest} ({where})"


def _is_unknown(key: str, problem) -> bool:
    return problem["type"] == "extra_forbidden" or key.endswith(".[key]")


def _refusal(key: str, problem) -> str:
    if problem["type"] == "missing":
        return f"{key}: is missing"
    value = problem["input"] if problem["type"] != "bool_type" else repr(problem["input"])
    return f"{key}={value}: {_expected(problem)}"


_KINDS = {"bool_type": "true or false", "int_type": "a whole number", "float_type": "a number", "string_type": "text"}
_KINDS |= {"list_type": "a list, [a,b]", "dict_type": "a group of keys", "model_type": "a group of keys"}


def _expected(problem) -> str:
    """What pydantic would have taken, in the words of a config."""
    if problem["type"] == "literal_error":
        return "must be one of " + problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
    if kind := _KINDS.get(problem["type"]):
        return f"must be {kind}"
    return problem["msg"].replace("Input should be", "must be")


def _check_combinations(cfg: DictConfig) -> None:
    questions = cfg.task.questions_per_graph
    if cfg.protocol == "corrected" and (on := [name for name in OF_DATA if cfg.faults[name]]):
        raise SettingsError(
            f"faults.{on[0]}=true: protocol=corrected has none of the data's faults; use protocol=released"
        )
    if not cfg.training.enabled and cfg.weights != "adapter":
        raise SettingsError(f"weights={cfg.weights}: an untrained model has no adapter; use weights=adapter")
    _check_given(cfg)
    if cfg.protocol == "released":
        if questions != 1:
            raise SettingsError(
                f"task.questions_per_graph={questions}: protocol=released asks 1 question a graph; use protocol=corrected"
            )
        if cfg.data.yes_share is not None:
            raise SettingsError("data.yes_share: protocol=released has its own label shares; use protocol=corrected")
    if cfg.data.unlabelled_fraction and not cfg.training.enabled:
        raise SettingsError("data.unlabelled_fraction: means nothing with training.enabled=false")
    if cfg.data.unlabelled_fraction and cfg.data.sampler == "balanced":
        raise SettingsError("data.sampler=balanced: reads every label; needs data.unlabelled_fraction=0")
    foreign = [name for name in cfg.lora.target_modules if name not in ADAPTED_LAYERS]
    if foreign and not cfg.model.name_or_path:
        raise SettingsError(f"lora.target_modules: no layer {foreign[0]}; must be some of {', '.join(ADAPTED_LAYERS)}")
    asked = f"task.questions_per_graph={questions}"
    if cfg.data.path is not None:
        questions = _check_file(cfg)
        asked = f"data.path={cfg.data.path} (most lines in a row on one graph: {questions})"
    if cfg.data.sampler == "balanced" and questions != 1:
        raise SettingsError(f"data.sampler=balanced: needs one question a graph, not {asked}")
    if graphs_in_a_pass(cfg) < cfg.training.batch_size and cfg.data.unlabelled_fraction:
        raise SettingsError(
            f"data.unlabelled_fraction={cfg.data.unlabelled_fraction}: needs training.accumulation=1 and one process; the passes "
            "of a step count alike, even one whose graphs have no label"
        )
    if cfg.task.questions == "families":
        _check_families(cfg)
    if cfg.training.enabled:
        _check_warmup(cfg)
        _check_loss(cfg, questions, asked)


def _check_given(cfg: DictConfig) -> None:
    """What the command line asks for must not be passed over."""
    keys = {override.key_or_group: override.value() for override in given()}
    asked = [name for name in OF_VARIANTS if cfg.faults[name] and keys.get(f"faults.{name}")]
    if keys.get("faults") == "released":
        asked += OF_VARIANTS
    if asked and HydraConfig.get().runtime.choices.get("experiment") is None:
        raise SettingsError(
            f"faults.{asked[0]}=true: a fault of a published variant's loss or prompt; give its experiment=, or faults=data"
        )
    if keys.get("model.name_or_path") and "model.name" not in keys:
        raise SettingsError(
            f"model.name_or_path={cfg.model.name_or_path}: give model.name=, too; runs and scores are filed under it "
            f"(now {cfg.model.name})"
        )
    scheduled = [key for key in keys if key.partition(".")[0] == "schedule"]
    if scheduled and cfg.loss.get("_target_") in WITHOUT_LAMBDA:
        raise SettingsError(f"{scheduled[0]}={keys[scheduled[0]]}: {cfg.loss._target_} has no lambda; leave it out")
    if cfg.data.wrong_labels and cfg.data.path is None:
        raise SettingsError(f"data.wrong_labels={cfg.data.wrong_labels}: concerns a file; give data.path")


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


def _check_warmup(cfg: DictConfig) -> None:
    if cfg.training.warmup_steps and cfg.training.learning_rate_schedule == "constant":
        raise SettingsError(
            f"training.warmup_steps={cfg.training.warmup_steps}: training.learning_rate_schedule=constant has no warm-up; use "
            "constant_with_warmup"
        )


def _check_file(cfg: DictConfig) -> int:
    """The largest number of questions that the file asks about a graph."""
    if cfg.data.yes_share is not None:
        raise SettingsError("data.yes_share: a file has its own share of Yes; leave it out with data.path")
    if cfg.task.questions == "families":
        raise SettingsError("task.questions=families: a file has its own questions; use task.questions=sampled")
    if not Path(cfg.data.path).is_file():
        raise SettingsError(f"data.path={cfg.data.path}: no such file")
    # Raises for a file that cannot be trained on, before a model is loaded.
    items = read_training_file(cfg.data.path, cfg.task.name, cfg.data.wrong_labels == "keep")
    return max(len(item.questions) for item in items)


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


def _check_loss(cfg: DictConfig, questions: int, asked: str) -> None:
    """questions: most on a graph. asked: where they come from, in words."""
    loss = build_loss(cfg)
    if loss.task not in (None, cfg.task.name):
        raise SettingsError(f"task={cfg.task.name}: loss={loss.name} works on task={loss.task} only")
    needed = loss.questions_needed(cfg.task.name, generated=cfg.data.path is None)
    if questions < needed:
        generated = ", best with task.questions=families" if cfg.data.path is None else ""
        raise SettingsError(f"{asked}: loss={loss.name} needs at least {needed} questions on a graph{generated}")
    if cfg.data.sampler == "balanced" and getattr(loss, "yes_share", ...) is None:
        raise SettingsError(
            f"data.sampler=balanced: loss={loss.name} would correct again for the share of Yes; give the one that is left, "
            "loss.yes_share=0.5, or use data.sampler=shuffled"
        )
    try:
        build_schedule(cfg).check_parts(f"loss={loss.name}", ("total", *loss.parts))
    except ValueError as error:
        raise SettingsError(str(error)) from error
