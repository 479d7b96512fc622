"""A claim on a folder: of the processes that want to make what lies in it, one does, and the others hear who."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout

from input_output.errors import UserError
from input_output.locks import locked
from input_output.reading import read_json
from input_output.writing import write_json

log = logging.getLogger(__name__)


class Claimed(UserError, RuntimeError):
    """Another process works on the folder; the message names its machine, its number and since when."""


def is_first_process() -> bool:
    """Whether this process claims, writes and speaks for those that train one run together (torchrun, Slurm's tasks)."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def claim(folder: str | Path, wait: bool = False) -> Iterator[None]:
    """Hold ``folder``, which need not exist, until the block ends.

    The lock is on `.NAME.lock` beside the folder: no stale claim is left; who holds it stands in `.NAME.claim`.
    Raises Claimed at once if another process holds it, unless it is to ``wait`` for that.
    """
    folder = Path(folder).absolute()
    owner = folder.with_name(f".{folder.name}.claim")
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_name(f".{folder.name}.lock")
    with ExitStack() as held:
        try:
            held.enter_context(locked(path, timeout=0))
        except Timeout as error:
            works = f"{folder}: {_holder(owner)} works on it"
            if not wait:
                raise Claimed(f"{works}; wait for it, or choose another out=") from error
            log.info("%s; waiting for it", works)
            held.enter_context(locked(path))
        held.callback(owner.unlink, missing_ok=True)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(owner, {"host": socket.gethostname(), "pid": os.getpid(), "since": since})
        yield


def _holder(owner: Path) -> str:
    try:
        found = read_json(owner)
        return f"process {found['pid']} on {found['host']}, since {found['since']},"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun, or ends
        return "another process"
