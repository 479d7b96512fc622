"""Locks that end with the process that holds them, however it dies."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from input_output.errors import UserError

# What a file system without locks answers.
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}


@contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold the operating system's lock on a file, which is made, until the block ends. It ends with the process, however that
    dies; a file whose presence is the lock, which filelock would fall back on, would stay.

    timeout: seconds to wait for it, after which Timeout is raised; -1 waits without end.
    Raises UserError where the disk has no locks.
    """
    lock = FileLock(path, timeout=timeout, fallback_to_soft=False)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        raise UserError(
            f"the disk of {path.parent} has no locks ({error.strerror}); mount it with them, or use another (results=, out=, CAUSAL_CACHE)"
        ) from error
    try:
        yield
    finally:
        lock.release()
