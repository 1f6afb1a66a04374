"""One recond at a time: the lock of a home.

`flock` on HOME/recond.lock: the kernel frees it when the process ends, however it ends, so a
file that is left behind means nothing. Its content only says who holds it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recond.errors import LockedError, UnavailableError

NAME = "recond.lock"


@contextmanager
def locked(home: Path, verb: str) -> Iterator[None]:
    """Hold the home's lock; `verb` tells others what it is held for ("run", "process").

    Raises LockedError (exit code 75), with who holds it, when another recond does, and
    UnavailableError when the lock file cannot be opened.
    """
    path = home / NAME
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise UnavailableError(f"Cannot open {path}: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode("ascii", "replace").strip()
            raise LockedError(
                f"Another recond works in {home} ({holder or 'it has just begun'})."
                " Wait until it is done, or stop it; nothing was written."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}, recond {verb}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
