"""A claim on a folder: of the processes that want to train one run, one does, and the others hear who."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from records.errors import UserError
from records.files import write_json
from records.reading import read_json


class Claimed(UserError, RuntimeError):
    """Another process works on the folder; the message names its machine, its number and since when."""


def is_first_process() -> bool:
    """Whether this process claims, writes and speaks for those that train one run together (torchrun, Slurm's tasks)."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def claim(folder: str | Path) -> Iterator[None]:
    """Hold ``folder``, which need not exist, until the block ends.

    The lock is the operating system's, on `.NAME.lock` beside the folder: it ends with the process, however that dies, so
    that no stale claim is left; who holds it stands in `.NAME.claim`.
    Raises Claimed at once if another process holds it.
    """
    folder = Path(folder).absolute()
    owner = folder.with_name(f".{folder.name}.claim")
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Claimed(f"{folder}: {_holder(owner)} works on it; wait for it, or choose another out=") from error
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(owner, {"host": socket.gethostname(), "pid": os.getpid(), "since": since})
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _holder(owner: Path) -> str:
    try:
        found = read_json(owner)
        return f"process {found['pid']} on {found['host']}, since {found['since']},"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun, or ends
        return "another process"
