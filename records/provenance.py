"""Where a result comes from: commit, versions, machine, command, data."""

import hashlib
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
UNKNOWN = "unknown"
PACKAGES = ("torch", "transformers", "peft", "accelerate", "hydra-core", "networkx", "numpy", "scikit-learn")


def provenance() -> dict:
    """Commit, package versions, machine, command and time of this process."""
    return {
        "commit": commit(),
        "uncommitted_changes": _uncommitted_changes(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "machine": machine(),
        "command": shlex.join(["python", os.path.basename(sys.argv[0]), *sys.argv[1:]]),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def commit() -> str:
    """The commit of this project's own repository, wherever the process runs; "unknown" without git or repository."""
    return (_own_repository() and _git("rev-parse", "HEAD")) or UNKNOWN


def _uncommitted_changes() -> bool | str:
    changes = _git("status", "--porcelain", "--", "*.py", "*.yaml", ":(exclude)results") if _own_repository() else None
    return UNKNOWN if changes is None else bool(changes)


def _own_repository() -> bool:
    """Whether git knows this project's folder as a repository, not as a part of another one."""
    return _git("rev-parse", "--show-toplevel") == str(PROJECT)


def machine() -> dict:
    """Processor, cores, memory and accelerators; no host name."""
    import torch  # late: reading provenance must not need torch

    capabilities = torch.cpu.get_capabilities()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": str(capabilities.get("cpu_name", platform.processor())),
        "native_bf16": processor_computes_in_bf16(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def processor_computes_in_bf16() -> bool:
    """Whether the CPU has bf16 instructions; without them bf16 is emulated and slower than fp32."""
    import torch  # late, as above

    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(flag) for flag in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16"))


def fingerprint(items: Iterable) -> str:
    """SHA-256 (first 16 hex digits) over ids, texts and labels of items, in order."""
    digest = hashlib.sha256()
    for item in items:
        for question in item.questions:
            line = "\t".join((question.id, item.premise, question.hypothesis, str(question.label)))
            digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]


def fingerprints(parts: Mapping[tuple[str, str], Iterable]) -> dict[str, str]:
    """Of the items by task and split: "task/split" → `fingerprint`."""
    return {"/".join(part): fingerprint(items) for part, items in parts.items()}


def same_questions(
    one: Mapping[str, str] | None, other: Mapping[str, str] | None, task: str | None = None
) -> bool | None:
    """Whether two records of `fingerprints` are of the same questions, of one task or of all; None if one says nothing."""
    own = f"{task}/" if task else ""
    ours, theirs = ({part: asked[part] for part in asked or () if part.startswith(own)} for asked in (one, other))
    return ours == theirs if ours and theirs else None


def margins_fingerprint(table) -> str:
    """SHA-256 (first 16 hex digits) over id, label and margin (all its bits) of a margins table, in order."""
    digest = hashlib.sha256()
    for name, label, margin in zip(table["id"], table["label"], table["margin"], strict=True):
        digest.update(f"{name}\t{bool(label)}\t{float(margin).hex()}\n".encode())
    return digest.hexdigest()[:16]


def _git(*arguments: str) -> str | None:
    """Output of a git command in this project's folder; None outside a checkout or without git."""
    # A variable of a caller, such as a hook, would point to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"  # `git status` would hold the index, and a commit beside it would fail
    try:
        finished = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, check=True, env=environment
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return finished.stdout.strip()
