"""Checkpoints on disk: whole or not there, and looked at before a training goes on from one.

A checkpoint is written under another name; the sizes and SHA-256 of its files go into ``complete.json``, everything is
flushed to the disk, and one rename puts it in its place. What a kill leaves lies under a name that is never read.
"""

import hashlib
import os
import shutil
import zipfile
from pathlib import Path

from input_output.reading import FileFormatError, read_json, read_object, shortened
from input_output.writing import write_json

COMPLETE = "complete.json"
PREFIX = "checkpoint-"
# Under checkpoints/: what is being written.
UNFINISHED = ".unfinished"
# An adapter by peft, with the state of a loss and a schedule beside it.
ADAPTER_WEIGHTS, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
SCHEDULE_STATE, LOSS_WEIGHTS = "lambda_schedule.json", "loss_parameters.json"
TRAINER_STATE = "trainer_state.json"
# Without any of these a training would not go on as it would have: the Trainer passes over some of them in silence.
NEEDED = (
    ADAPTER_WEIGHTS,
    ADAPTER_CONFIG,
    SCHEDULE_STATE,
    LOSS_WEIGHTS,
    "optimizer.pt",
    "scheduler.pt",
    "rng_state*.pth",
    TRAINER_STATE,
)
_BLOCK = 2**20


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def publish(written: Path, target: Path) -> Path:
    """Seal the folder ``written`` and put it in the place of ``target``, in place of what is there; return ``target``."""
    files = sorted(path for path in written.iterdir() if path.is_file() and path.name != COMPLETE)
    sums = {path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in files}
    write_json(written / COMPLETE, sums)
    for path in [*files, written]:
        _flush(path)
    replaced = target.with_name(f".replaced-{target.name}")
    shutil.rmtree(replaced, ignore_errors=True)
    if target.is_dir():
        target.rename(replaced)
    written.rename(target)
    _flush(target.parent)
    shutil.rmtree(replaced, ignore_errors=True)
    return target


def damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint; None if it is whole.

    One that was sealed is held against its sums. One from before there were seals is whole if its files can be parsed;
    nothing is unpickled for that.
    """
    for pattern in NEEDED:
        if not any(checkpoint.glob(pattern)):
            return f"{pattern} is missing"
    try:
        sealed = (checkpoint / COMPLETE).is_file()
        if found := against_seal(checkpoint) if sealed else _unreadable(checkpoint):
            return found
        step = step_of(checkpoint)
        return None if checkpoint.name == f"{PREFIX}{step}" else f"{TRAINER_STATE} is of step {step}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def steps(folder: Path) -> dict[int, Path]:
    """Step → checkpoint under a run's checkpoints/, whole or not."""
    names = {path.name.removeprefix(PREFIX): path for path in folder.glob(f"{PREFIX}*") if path.is_dir()}
    return {int(step): names[step] for step in sorted(names) if step.isdigit()}


def newest_whole(folder: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint that is whole, None if there is none, and a line for each newer one that is damaged."""
    damaged = []
    for _, checkpoint in sorted(steps(folder).items(), reverse=True):
        reason = damage(checkpoint)
        if reason is None:
            return checkpoint, damaged
        damaged.append(f"{checkpoint.name} is damaged ({reason})")
    return None, damaged


def keep_newest(folder: Path, count: int) -> None:
    """Delete all but the checkpoints of the ``count`` latest steps; a clock that jumped back does not matter."""
    for _, checkpoint in sorted(steps(folder).items())[:-count]:
        shutil.rmtree(checkpoint)


def step_of(checkpoint: Path) -> int:
    """The optimisation step that a checkpoint, portable or not, was written after; FileFormatError if it does not say."""
    path = checkpoint / TRAINER_STATE
    step = read_object(path, "global_step")["global_step"]
    if type(step) is not int or step < 0:
        raise FileFormatError(f"{path}: global_step is {shortened(step)}; expected a whole number")
    return step


def against_seal(folder: Path) -> str | None:
    """What in a folder is not as it was published; None if all is, or if there is no seal."""
    if not (folder / COMPLETE).is_file():
        return None
    try:
        for name, sums in read_object(folder / COMPLETE).items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != sums["bytes"]:
                return f"{name} has {path.stat().st_size} of {sums['bytes']} bytes"
            if sha256(path) != sums["sha256"]:
                return f"{name} does not have its SHA-256"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _unreadable(checkpoint: Path) -> str | None:
    from safetensors import SafetensorError, safe_open  # late, as torch elsewhere here

    for path in sorted(checkpoint.iterdir()):
        if path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".safetensors":
            try:
                with safe_open(path, "np"):  # its header says how long the file must be
                    pass
            except SafetensorError as error:
                return f"{path.name}: {error}"
        elif path.suffix in (".pt", ".pth"):
            try:
                with zipfile.ZipFile(path) as archive:
                    if bad := archive.testzip():
                        return f"{path.name}: {bad} in it is damaged"
            except zipfile.BadZipFile as error:
                return f"{path.name}: {error}"
    return None


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
