"""A run's folder: its resolved config, whether it finished, and what it found."""

import logging
import shutil
import traceback
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from records import checkpoints
from records.errors import UserError
from records.files import read_json, write_json, write_text
from records.provenance import provenance

log = logging.getLogger(__name__)

# Settings that say where and how, not what: a run may be resumed with others.
# (The short rate is in training.learning_rate where it is used.)
NOT_SCIENCE = (
    "results",
    "out",
    "resume",
    "tracking",
    "grid",
    "model.device",
    "model.short_learning_rate",
    "evaluation.token_budget",
)


class RunFolderError(UserError, RuntimeError):
    """The folder holds another run, or an unfinished one that was not asked to go on."""


class RunFolder:
    """``config.yaml``, ``run.json``, ``training_log.jsonl``, ``adapter/``, ``checkpoints/``, ``evaluation/SUITE/``."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.record = self.path / "run.json"
        self.training_log = self.path / "training_log.jsonl"
        self.adapter = self.path / "adapter"
        self.checkpoints = self.path / "checkpoints"
        self.portable = self.path / "portable"  # training/portable.py
        self._made_here = self.path / ".made_here"  # not committed

    def evaluation(self, suite: str) -> Path:
        return self.path / "evaluation" / suite

    def trained_with(self) -> DictConfig:
        """The resolved config of the run that lies here; RunFolderError if there is none."""
        if not self.config.is_file():
            raise RunFolderError(f"run={self.path}: no config.yaml there; give the folder of a run of train.py")
        return OmegaConf.load(self.config)

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint of one step; RunFolderError, naming those that there are, if it is not one of them."""
        found = checkpoints.steps(self.checkpoints)
        if (self.portable / checkpoints.TRAINER_STATE).is_file():
            found.setdefault(checkpoints.step_of(self.portable), self.portable)
        if step not in found:
            raise RunFolderError(
                f"checkpoint={step}: {self.path} has {', '.join(map(str, sorted(found))) or 'no checkpoints'}"
            )
        return found[step]

    def last_checkpoint(self) -> int:
        """The step of the newest whole checkpoint under checkpoints/; RunFolderError if there is none."""
        checkpoint, damaged = checkpoints.newest_whole(self.checkpoints)
        if checkpoint is None:
            raise RunFolderError(f"{self.checkpoints}: no checkpoints there {'; '.join(damaged)}".rstrip())
        return checkpoints.step_of(checkpoint)

    def adapter_of(self, step: int | None) -> Path:
        """The folder with the finished adapter, or with that of a checkpoint."""
        return self.adapter if step is None else self.checkpoint(step)

    def progress(self, step: int | None) -> dict:
        """step and steps (of the whole training) of a checkpoint, for the record; empty for the finished adapter."""
        if step is None:
            return {}
        return {"step": step, "steps": read_json(self.checkpoint(step) / checkpoints.TRAINER_STATE)["max_steps"]}

    @property
    def finished(self) -> bool:
        """Whether the run was finished in this checkout. A record that came with git does not count: its adapter is
        not there, and who runs the grid wants it run."""
        return self._made_here.is_file() and self._recorded_as_finished

    @property
    def _recorded_as_finished(self) -> bool:
        return self.record.is_file() and read_json(self.record)["status"] == "finished"

    def changed(self, cfg: DictConfig) -> list[str]:
        """Keys of settings in which ``cfg`` differs from the run that lies here."""
        return differing_keys(OmegaConf.load(self.config), cfg)

    def open(self, cfg: DictConfig) -> None:
        """Claim the folder for ``cfg`` and save the resolved config; a finished run of the same settings stays as it is.

        Raises RunFolderError if it holds a run with other settings, or an unfinished one and ``resume`` is false.
        """
        if self._recorded_as_finished and not self._made_here.is_file():
            log.info("%s: a record without its adapter; running it anew in its place", self.path)
            shutil.rmtree(self.path)
        if self.config.is_file():
            changed = self.changed(cfg)
            if changed:
                raise RunFolderError(
                    f"out={self.path}: holds a run with other settings ({', '.join(changed[:4])}); "
                    "choose another out= or delete it"
                )
            if self.finished:
                return
            if not cfg.resume:
                raise RunFolderError(f"out={self.path}: holds this run, unfinished; resume=true goes on, or delete it")
        write_text(self.config, OmegaConf.to_yaml(cfg, resolve=True))

    def finish(self, facts: dict) -> None:
        """Write the record and remove the checkpoints, which are of no more use."""
        write_json(self.record, {"status": "finished", **facts, **provenance()})
        self._made_here.touch()
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    def fail(self, cfg: DictConfig, error: Exception) -> None:
        """Record that the run failed and why; what it computed stays."""
        last = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error}"
        write_json(
            self.record,
            {"status": "failed", "reason": reason, "where": f"{Path(last.filename).name}:{last.lineno}"}
            | identity(cfg)
            | provenance(),
        )


def identity(cfg: DictConfig) -> dict:
    """What the result tables group runs by."""
    return {
        "variant": cfg.variant,
        "task": cfg.task.name if cfg.training.enabled else None,
        "protocol": cfg.protocol,
        "model": cfg.model.name,
        "scale": cfg.scale,
        "seed": cfg.seed,
        "questions_per_graph": cfg.task.questions_per_graph,
        "loss": OmegaConf.to_container(cfg.loss, resolve=True) if cfg.training.enabled else None,
        "schedule": OmegaConf.to_container(cfg.schedule, resolve=True) if cfg.training.enabled else None,
        "grid": cfg.get("grid"),
    }


def differing_keys(one: DictConfig, other: DictConfig) -> list[str]:
    """Dotted keys of settings that differ, those in NOT_SCIENCE left out."""
    flat_one, flat_other = (_flat(OmegaConf.to_container(c, resolve=True)) for c in (one, other))
    missing = object()
    return [
        key
        for key in sorted(flat_one.keys() | flat_other.keys())
        if flat_one.get(key, missing) != flat_other.get(key, missing)
        and not any(key == skip or key.startswith(f"{skip}.") for skip in NOT_SCIENCE)
    ]


def _flat(node, prefix: str = "") -> dict:
    if not isinstance(node, dict):
        return {prefix: node}
    return {
        key: value
        for name, child in node.items()
        for key, value in _flat(child, f"{prefix}.{name}" if prefix else str(name)).items()
    }
