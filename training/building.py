"""The loss and the lambda schedule that a config names: classes of this project, and none else, are built from it."""

import inspect
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from input_output.errors import SettingsError
from records.provenance import PROJECT
from records.run_settings import WITHOUT_LAMBDA
from schedulers import Constant, Schedule

if TYPE_CHECKING:
    from losses.loss import Loss  # imports torch


def build_loss(cfg: DictConfig) -> "Loss":
    """Instantiate ``cfg.loss``; raises SettingsError if it refuses its settings."""
    return _instantiate("loss", cfg.loss)


def build_schedule(cfg: DictConfig) -> Schedule:
    """Instantiate ``cfg.schedule``, lambda = 0 for a loss that ignores it; raises SettingsError if it refuses its settings."""
    schedule = _instantiate("schedule", cfg.schedule)
    return Constant(0.0) if cfg.loss.get("_target_") in WITHOUT_LAMBDA else schedule


def _instantiate(group: str, node: DictConfig):
    _refuse_foreign_classes(group, OmegaConf.to_container(node, resolve=True))
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        causes = _causes(error)
        raise SettingsError(causes if causes.startswith(group) else f"{group}: {causes}") from error


def _causes(error: BaseException | None) -> str:
    """What went wrong, and what that came from, down to the first cause; Hydra's own frame around it is left out."""
    lines = []
    while error is not None:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        if not line.startswith("Error in call to target"):
            lines.append(line.split(", set env var")[0])
        error = error.__cause__
    return ": ".join(lines)


def _why_not_found(error: Exception, room: str) -> str:
    """What kept Hydra from a class: its own first line, then what importing the file raised and where in the room, if it did."""
    said, cause = str(error).splitlines()[0].removesuffix(":"), error.__cause__
    if cause is None:
        return said
    frames = traceback.extract_tb(cause.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(PROJECT / room)]
    where = f" ({ours[-1].filename}:{ours[-1].lineno})" if ours else ""
    return f"{said}: {type(cause).__name__}: {' '.join(str(cause).split())}{where}"


def _refuse_foreign_classes(key: str, node) -> None:
    """Raise SettingsError unless every ``_target_`` in the node is a loss or schedule of this project, with settings that it
    has: nothing else is built from a config, wherever it comes from."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if not isinstance(node, dict):
        return
    if "_target_" in node:
        name = str(node["_target_"])
        room, _, _ = name.partition(".")
        try:
            found = get_class(name) if room in ("losses", "schedulers") else None
        except (ImportError, ValueError) as error:
            raise SettingsError(f"{key}._target_={name}: {_why_not_found(error, room)}") from error
        if found is None or found.__module__.partition(".")[0] != room:
            raise SettingsError(f"{key}._target_={name}: must be a class of losses/ or schedulers/")
        parameters = inspect.signature(found).parameters.values()
        known = [one.name for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
        if unknown := [setting for setting in node if setting not in (*known, "_target_")]:
            experiment = HydraConfig.get().runtime.choices.get("experiment") if HydraConfig.initialized() else None
            whose = (
                f"; experiment={experiment} brings those of its own loss, leave it out (in a sweep: grid=own)"
                if experiment
                else ""
            )
            raise SettingsError(
                f"{key}.{unknown[0]}: {name} has no such setting; it has {', '.join(known) or 'none'}{whose}"
            )
    for name, child in node.items():
        _refuse_foreign_classes(f"{key}.{name}", child)
