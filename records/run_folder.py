"""A run's folder: its resolved config, whether it finished, and what it found."""

import itertools
import logging
import shutil
import traceback
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf

from causal_tasks.files import read_jsonl
from input_output.errors import UserError
from input_output.reading import PLAIN_NAME, FileFormatError, read_json, read_object, read_yaml
from input_output.writing import write_json, write_text
from records import checkpoints
from records.provenance import PROJECT, fingerprint, provenance
from records.run_settings import differing_keys, flat
from records.scored_suite import ScoredSuite

log = logging.getLogger(__name__)

# Facts about a training that ended, beside its adapter; an adapter without them is unfinished.
TRAINED = "training.json"


class RunFolderError(UserError, RuntimeError):
    """The folder holds another run, or an unfinished one that was not asked to go on."""


class RunFolder:
    """``config.yaml``, ``run.json``, ``training_log.jsonl``, ``adapter/``, ``checkpoints/``, ``evaluation/SUITE/``."""

    def __init__(self, path: str | Path):
        if not path or PROJECT.is_relative_to(Path(path).resolve()):
            raise RunFolderError(
                f"{path or 'an empty path'}: not a folder for a run; give one of its own, as out=outputs/mine"
            )
        self.final: Path | None = None  # where the run goes when it is finished, if that is not here
        self._lie_at(Path(path))

    def _lie_at(self, path: Path) -> None:
        self.path = path
        self.config = self.path / "config.yaml"
        self.record = self.path / "run.json"
        self.training_log = self.path / "training_log.jsonl"
        self.adapter = self.path / "adapter"
        self.checkpoints = self.path / "checkpoints"
        self.evaluations = self.path / "evaluation"
        self.portable = self.path / "portable"  # training/portable.py
        self._made_here = self.path / ".made_here"  # not committed

    def evaluation(self, suite: str) -> Path:
        """Folder of a scored suite; RunFolderError if the name is not one of a folder."""
        if not PLAIN_NAME.fullmatch(suite):
            raise RunFolderError(f"suite.name={suite}: must be letters, digits and .,+=@_- only")
        return self.evaluations / suite

    def scored(self) -> list[ScoredSuite]:
        """The suites that have metrics, by name."""
        return list(ScoredSuite.below(self.evaluations))

    def trained_with(self) -> DictConfig:
        """The resolved config of the run that lies here, as data; RunFolderError if there is none, or one that is not."""
        if not self.config.is_file():
            raise RunFolderError(f"run={self.path}: no config.yaml there; give the folder of a run of train.py")
        return _plain_config(self.config)

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
        """The folder with the finished adapter, or with that of a checkpoint; RunFolderError for one that is damaged, or not of
        this training. One that came without facts and sums, as by git, is taken as it is."""
        if step is None:
            self.trained()
            return self.adapter
        found = self.checkpoint(step)
        if reason := (checkpoints.against_seal if found == self.portable else checkpoints.damage)(found):
            raise RunFolderError(f"checkpoint={step}: {found} is damaged ({reason}); take another")
        return found

    def progress(self, step: int | None) -> dict:
        """step and steps (of the whole training) of a checkpoint, for the record; empty for the finished adapter."""
        if step is None:
            return {}
        return {
            "step": step,
            "steps": read_object(self.checkpoint(step) / checkpoints.TRAINER_STATE, "max_steps")["max_steps"],
        }

    def goes_on_from(self) -> dict:
        """`progress` of the checkpoint that a training would go on from: the newest whole one, else the portable one; empty if
        it would begin anew."""
        checkpoint, _ = checkpoints.newest_whole(self.checkpoints)
        if checkpoint is None and (self.portable / checkpoints.TRAINER_STATE).is_file():
            checkpoint = self.portable
        return {} if checkpoint is None else self.progress(checkpoints.step_of(checkpoint))

    def trained(self) -> dict | None:
        """The facts of the training that ended here, None if none did; RunFolderError if the adapter is not its own."""
        if not (self.adapter / TRAINED).is_file():
            return None
        facts = read_object(self.adapter / TRAINED)
        if facts.get("adapter_sha256") not in (None, self._adapter_sum()):
            raise RunFolderError(
                f"{self.adapter}: not the adapter of the training that is recorded there; move it away"
            )
        return facts

    @property
    def finished(self) -> bool:
        """Whether the run was finished in this checkout, and its adapter is the one of its training. A record that came
        with git does not count: its adapter is not there, and who runs the grid wants it run."""
        if not (self._recorded_as_finished and self._made_here.is_file()):
            return False
        return self._made_here.read_bytes() == self._adapter_sum().encode()

    @property
    def _recorded_as_finished(self) -> bool:
        return self.record.is_file() and self._record().get("status") == "finished"

    def _record(self) -> dict:
        record = read_json(self.record)
        return record if isinstance(record, dict) else {}

    def _adapter_sum(self) -> str:
        weights = self.adapter / checkpoints.ADAPTER_WEIGHTS
        return checkpoints.sha256(weights) if weights.is_file() else "untrained"

    @property
    def _computed(self) -> bool:
        """Whether there is something here that took time."""
        return (
            bool(self.scored())
            or self.adapter.is_dir()
            or self.portable.is_dir()
            or bool(checkpoints.steps(self.checkpoints))
        )

    @property
    def aside(self) -> "RunFolder":
        """Where the run is made anew while a record without its adapter lies here."""
        return RunFolder(self.path.with_name(f".{self.path.name}.unfinished"))

    @classmethod
    def for_training(cls, out: str | Path) -> "RunFolder":
        """The folder in which the run is made that is to lie in ``out``.

        That is ``out``; but while a finished record without its adapter lies there (it came with git), `.NAME.unfinished`
        beside it, and `finish` puts the run in the record's place; a process that was killed just then has left it there, maybe
        with nothing in ``out``. Only looks: what lies there may be renamed by who has the claim, and nobody else.
        """
        folder = cls(out)
        aside = folder.aside
        killed = not folder.path.exists() and aside.finished
        if killed or (folder._recorded_as_finished and not folder.finished):
            aside.final = folder.path
            return aside
        return folder

    def check(self, cfg: DictConfig) -> None:
        """Raise RunFolderError if a run of other or unknown settings lies here, an unfinished one and ``resume`` is false, or one
        that was finished on other lines of its file (an unfinished one says so where it goes on).

        Touches nothing. A start that computed nothing stands in nobody's way.
        """
        if not (self._computed or self._recorded_as_finished):
            return
        if not self.config.is_file():
            raise RunFolderError(
                f"out={self.path}: holds a run without its config.yaml, so nobody knows of which settings; put that back, "
                "choose another out= or move it away"
            )
        changed = differing_keys(self.trained_with(), cfg)
        if changed:
            raise RunFolderError(
                f"out={self.path}: holds a run with other settings ({', '.join(changed[:4])}); "
                "choose another out= or move it away"
            )
        if not self.finished and not cfg.resume:
            raise RunFolderError(f"out={self.path}: holds this run, unfinished; resume=true goes on, or move it away")
        if self.finished and cfg.data.path is not None:
            recorded = self._record().get("training", {}).get("data_fingerprint")
            if recorded not in (None, fingerprint(read_jsonl(cfg.data.path, cfg.task.name))):
                raise RunFolderError(
                    f"data.path={cfg.data.path}: not the training questions of the finished run {self.path}; put those back, choose "
                    "another out= or move it away"
                )

    def save_config(self, cfg: DictConfig) -> None:
        """Write the resolved config of a run that `check` let begin or go on."""
        if self.final:
            other = differing_keys(RunFolder(self.final).trained_with(), cfg)
            log.info(
                "%s: a record without its adapter%s; the run is made anew in %s and takes its place when it is finished",
                self.final,
                f" and of other settings ({', '.join(other[:4])})" if other else "",
                self.path,
            )
        write_text(self.config, OmegaConf.to_yaml(cfg, resolve=True))

    def finish(self, facts: dict) -> None:
        """Write the record, remove the checkpoints, which are of no more use, and take the place of an older record."""
        # The record last: with a record alone, a kill between the two would leave what looks as if it came with git.
        write_text(self._made_here, self._adapter_sum())
        write_json(self.record, {"status": "finished", **facts, **provenance()})
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        self.take_place()

    def take_place(self) -> None:
        """Move a finished run to where it is to lie, if it was made aside. The record there is moved to `.NAME.replaced-K`:
        nothing is deleted that was recorded. For who has the claim."""
        if self.final is None:
            return
        if self.final.exists():
            past = (self.final.with_name(f".{self.final.name}.replaced-{k}") for k in itertools.count(1))
            moved = next(path for path in past if not path.exists())
            self.final.rename(moved)
            log.info("%s: the record that lay there is now in %s", self.final, moved)
        self.path.rename(self.final)
        self._lie_at(self.final)
        self.final = None

    def fail(self, cfg: DictConfig, error: Exception) -> None:
        """Record that the run failed and why; what it computed stays, and so does a record that is finished."""
        if self._recorded_as_finished:
            return
        frames = traceback.extract_tb(error.__traceback__)[-1:]
        where = "".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        reason = {"reason": f"{type(error).__name__}: {error}", "where": where}
        try:
            write_json(self.record, {"status": "failed"} | reason | identity(cfg) | provenance())
        except OSError as full:
            log.error("%s: the failure cannot be recorded: %s", self.record, full)


def _plain_config(path: Path) -> DictConfig:
    """A saved config. It is data, and may come from elsewhere: one with an interpolation, which could read this machine's
    environment, is refused."""
    try:
        read_yaml(path)  # refuses what nests so deeply, or so endlessly, that no error could be caught
        config = OmegaConf.load(path)
    except (yaml.YAMLError, FileFormatError) as error:
        raise RunFolderError(f"{path}: not the config of a run: {' '.join(str(error).split())}") from error
    if not isinstance(config, DictConfig):
        raise RunFolderError(f"{path}: not the config of a run")
    for key, value in flat(OmegaConf.to_container(config, resolve=False)).items():
        if any("${" in str(text) for text in (key, value)):
            raise RunFolderError(
                f"{path}: {key}: a saved config holds values, not {value}; it is not one of train.py's"
            )
    return config


def identity(cfg: DictConfig) -> dict:
    """What run.json tells of config.yaml, so that it can be read alone: a sweep's plan takes model and variant from it, a
    model card the schedule, and audits/verify.py holds all of it against config.yaml, which the tables group runs by."""
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


def find_runs(folder: str | Path) -> list[Path]:
    """Every run folder at or below ``folder``, in order of the paths: one that holds a config.yaml or a run.json, and one
    that the disk does not let be read, which may, so that whoever reads it says so."""
    folder = Path(folder)
    run = RunFolder(folder)
    try:
        if run.config.is_file() or run.record.is_file():
            return [folder]
        below = [path for path in folder.iterdir() if _may_be_folder(path)] if folder.is_dir() else []
    except OSError:
        return [folder]
    return [found for path in sorted(below) if not path.name.startswith(".") for found in find_runs(path)]


def _may_be_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return True
