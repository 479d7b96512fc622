"""Memory: how much a process has taken, and out of memory told from other errors (the CPU's allocator has no class of its own)."""

import re
from pathlib import Path

import torch

_STATUS, _HIGH_WATER = Path("/proc/self/status"), re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def peak_memory() -> dict[str, int]:
    """Bytes that this process held at most so far, loading included: ``cpu`` (Linux alone tells) and ``gpu``, where there is one."""
    peak = {}
    # not getrusage's ru_maxrss, which also remembers the process that started this one
    if _STATUS.is_file() and (found := _HIGH_WATER.search(_STATUS.read_text())):
        peak["cpu"] = 1024 * int(found[1])
    if torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated()
    return peak


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that there was no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in said or "out of memory" in said)
