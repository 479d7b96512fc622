"""A checkpoint small enough for git: a long training goes on from it in another clone.

    python -m training.portable run=results/runs/... [step=2000]     RUN/checkpoints/ → RUN/portable/

Adapter and AdamW's moments are rounded to bf16, a quarter of what the checkpoint takes; the state of PyTorch's random
generators (the CPU's and the GPU's that trained), of lambda and of the learning rate is kept exactly. No pickle:
safetensors and JSON. `train.py resume=true` goes on from RUN/portable where RUN/checkpoints is empty, and `evaluate.py
run=RUN checkpoint=STEP` scores its adapter. On the machine that trains, the checkpoints themselves are better: they are exact.

Order and content of the batches depend on the seed alone. Dropout draws from the generator of the device that trains: gone on
with on another kind of device, or by several processes, a training has another dropout from there on. A training of several
processes has a generator each, and no portable form.
"""

import pickle
import random
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers.trainer_pt_utils import safe_globals

from input_output.command_line import read_settings, whole
from input_output.errors import UserError
from input_output.reading import read_object
from input_output.writing import write_json
from records.checkpoints import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    LOSS_WEIGHTS,
    PREFIX,
    SCHEDULE_STATE,
    TRAINER_STATE,
    UNFINISHED,
    against_seal,
    publish,
    step_of,
)
from records.run_folder import RunFolder, RunFolderError
from training.export_adapter import write_adapter

MOMENTS, STATE = "moments.safetensors", "state.json"
# Random generators of the Trainer's rng_state.pth → their tensors. The second is there if a GPU trained.
_GENERATORS = {"cpu": "torch_generator", "cuda": "cuda_generator"}


class NotUnpacked(UserError, RuntimeError):
    """A portable checkpoint that is damaged, or no room for what is made of it; the message says what to do."""


def pack_checkpoint(checkpoint: Path, target: Path) -> Path:
    """Write the portable form of one of the Trainer's checkpoints to ``target``, in place of what was there."""
    optimizer = _load(checkpoint / "optimizer.pt")
    moments = {
        f"{number}/{name}": value.to(torch.bfloat16)
        for number, state in optimizer["state"].items()
        for name, value in state.items()
        if name != "step"
    }
    with safe_globals():
        generators = _load(checkpoint / "rng_state.pth")
    for device in _GENERATORS.keys() & generators.keys():
        state = generators[device]  # under torchrun, even of one process, a list over the devices, the own first
        moments[_GENERATORS[device]] = state[0] if isinstance(state, list) else state
    aside = target.with_name(f".{target.name}-unfinished")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    write_adapter(checkpoint, aside)
    save_file(moments, aside / MOMENTS)
    for name in (SCHEDULE_STATE, LOSS_WEIGHTS, TRAINER_STATE):
        shutil.copy(checkpoint / name, aside / name)
    write_json(aside / STATE, {"groups": optimizer["param_groups"], "scheduler": _load(checkpoint / "scheduler.pt")})
    return publish(aside, target)


def _load(file: Path) -> dict:
    """On the CPU, wherever it was saved: the machine that packs may have no GPU."""
    return torch.load(file, map_location="cpu", weights_only=True)


def unpack_checkpoint(portable: Path, checkpoints: Path) -> Path:
    """Make the Trainer's checkpoint of a portable one, in fp32 again; return its folder.

    Raises NotUnpacked, and leaves nothing, if the portable one is damaged or the disk is full.
    """
    aside = checkpoints / f"{UNFINISHED}-portable"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        if reason := against_seal(portable):
            raise ValueError(reason)
        aside.mkdir(parents=True)
        step = _unpack(portable, aside)
        return publish(aside, checkpoints / f"{PREFIX}{step}")
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        reason = (
            str(error).splitlines()[0]
            if isinstance(error, ValueError | OSError)
            else f"{type(error).__name__}: {error}"
        )
        raise NotUnpacked(
            f"{portable}: no checkpoint can be made of it ({reason}). If the disk is full, make room; else put it back as it "
            "was, by git, or move it away, and the training starts from its first step"
        ) from error


def _unpack(portable: Path, aside: Path) -> int:
    """Write the files of the Trainer's checkpoint; return its step."""
    step = step_of(portable)
    weights = {name: value.float() for name, value in _tensors(portable / ADAPTER_WEIGHTS).items()}
    save_file(weights, aside / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    moments, state = _tensors(portable / MOMENTS), read_object(portable / STATE, "groups", "scheduler")
    kept = {device: moments.pop(name) for device, name in _GENERATORS.items() if name in moments}
    # Nothing draws from Python's and numpy's during a training; the Trainer wants to set them.
    torch.save({"python": random.getstate(), "numpy": np.random.get_state()} | kept, aside / "rng_state.pth")
    by_parameter: dict[int, dict] = {}
    for name, value in moments.items():
        number, kind = name.split("/")
        by_parameter.setdefault(int(number), {"step": torch.tensor(float(step))})[kind] = value.float()
    torch.save({"state": by_parameter, "param_groups": state["groups"]}, aside / "optimizer.pt")
    torch.save(state["scheduler"], aside / "scheduler.pt")
    for name in (ADAPTER_CONFIG, SCHEDULE_STATE, LOSS_WEIGHTS, TRAINER_STATE):
        shutil.copy(portable / name, aside / name)
    return step


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(file)
    except SafetensorError as error:  # which does not name it
        raise ValueError(f"{file.name}: {error}") from error


def main(arguments: Sequence[str]) -> int:
    try:
        settings = read_settings(arguments, {"step": "-1"}, required=("run",), usage=__doc__)
        run, step = RunFolder(settings["run"]), whole(settings, "step")
        run.trained_with()
        checkpoint = run.checkpoint(run.last_checkpoint() if step < 0 else step)
        print(f"step {step_of(checkpoint)}: {pack_checkpoint(checkpoint, run.portable)}")
    except (ValueError, OSError, RunFolderError, SafetensorError, pickle.UnpicklingError) as error:
        print(f"portable: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
