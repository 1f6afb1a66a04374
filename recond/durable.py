"""The only calls by which intake changes the file system, each a point where it may be killed.

Every function here does one durable step and calls the fault hook before and after it. In
production there is no hook; the crash harness counts the steps and kills the process at each.
File names are whatever bytes a file system allows (`os.fsdecode`). An error of the disk becomes
`UnavailableError` with a sentence; FileExistsError and FileNotFoundError stay what they are,
since callers decide on them.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from recond.errors import InvariantError, RefusedError, UnavailableError

CHUNK = 1 << 20
RENAME_NOREPLACE = 1
UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

Hook = Callable[[str, str], None]
T = TypeVar("T")


class FsyncError(UnavailableError):
    """The disk did not take what was written; recond must start again from the source.

    After a failed fsync the kernel may call the lost pages clean, so a second fsync of the same
    descriptor proves nothing: there is no retry, and the copy in hand is given up.
    """


class _Seam:
    """Holds the hook of the crash harness; None in production."""

    hook: Hook | None = None


@contextmanager
def faults(hook: Hook) -> Iterator[None]:
    """Call `hook(moment, step)` around every durable step; `moment` is before, mid or after."""
    previous, _Seam.hook = _Seam.hook, hook
    try:
        yield
    finally:
        _Seam.hook = previous


def fault(moment: str, step: str) -> None:
    """A named point for the crash harness, e.g. around a commit; nothing in production."""
    if _Seam.hook is not None:
        _Seam.hook(moment, step)


def _step(step: str, where: Path | str, action: Callable[[], T]) -> T:
    fault("before", step)
    try:
        result = action()
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError as error:
        raise _unavailable(step, where, error) from error
    fault("after", step)
    return result


def _unavailable(step: str, where: Path | str, error: OSError) -> Exception:
    shown = printable(os.fspath(where))
    if error.errno in FULL:
        return UnavailableError(f"The disk is full ({step} {shown}); free space, nothing is lost.")
    if error.errno == errno.EXDEV:
        return RefusedError(
            f"{shown} is on another file system than the rest of the home; inbox, work, archive"
            " and quarantine must be on one, so that a file can be taken by renaming it."
        )
    reason = error.strerror or type(error).__name__
    return UnavailableError(f"Cannot {step} {shown}: {reason}.")


def printable(name: str) -> str:
    r"""A file name as text for tables, logs and CSV: bytes that are no text become `\xNN`.

    Control, format and unassigned characters become escapes too, so that a name can neither
    break a line nor turn a terminal around.
    """
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in name)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte that was not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def open_folder(path: Path) -> int:
    """A descriptor of a folder; a link in its place is refused (NotADirectoryError, ELOOP)."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def names(path: Path) -> list[str]:
    """The names in a folder, sorted; bytes that are no text survive."""
    return sorted(os.listdir(path))  # noqa: PTH208 - names, not paths


def create(path: Path, mode: int = 0o440) -> int:
    """A descriptor for writing a file that did not exist."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return _step("create", path, lambda: os.open(path, flags, mode))


def write(descriptor: int, data: bytes, where: Path) -> None:
    """Write all of `data`, however few bytes the system takes at a time."""
    if _Seam.hook is not None and len(data) > 1:  # let the harness die with half of it written
        half = len(data) // 2
        _step("write", where, lambda: _write_all(descriptor, data[:half]))
        fault("mid", "write")
        data = data[half:]
    _step("write", where, lambda: _write_all(descriptor, data))


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def fsync(descriptor: int, where: Path) -> None:
    """Make what was written durable; FsyncError when the disk did not take it."""
    fault("before", "fsync")
    try:
        os.fsync(descriptor)
    except OSError as error:
        shown = printable(os.fspath(where))
        raise FsyncError(f"The disk did not keep {shown}: {error.strerror}.") from error
    fault("after", "fsync")


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = open_folder(path)
    try:
        fsync(descriptor, path)
    finally:
        os.close(descriptor)


def make_folder(path: Path, mode: int = 0o700) -> None:
    """Make one folder; FileExistsError when the name is taken."""
    _step("mkdir", path, lambda: path.mkdir(mode))


def remove_folder(path: Path) -> None:
    """Remove an empty folder."""
    _step("rmdir", path, path.rmdir)


def remove(path: Path) -> None:
    """Remove one name. Callers have proved before that its bytes are somewhere else."""
    _step("unlink", path, path.unlink)


_libc = ctypes.CDLL(None, use_errno=True)


def _renameat2(old: bytes, new: bytes, old_folder: int, new_folder: int) -> None:
    call = getattr(_libc, "renameat2", None)
    if call is None:  # a C library older than glibc 2.28
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(old_folder, old, new_folder, new, RENAME_NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def rename(old: str, old_folder: int, new: str, new_folder: int, where: Path) -> None:
    """Rename a name in one open folder to a name in another, never replacing anything.

    FileExistsError when the new name is taken, FileNotFoundError when the old one is gone. Where
    the file system has no RENAME_NOREPLACE, a plain file is linked to the new name and then
    loses the old one: `link` refuses a taken name too, and a crash between leaves two names,
    never none. Anything but a plain file is refused there.
    """
    a, b = os.fsencode(old), os.fsencode(new)

    def action() -> None:
        try:
            _renameat2(a, b, old_folder, new_folder)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            _link_and_unlink(old, old_folder, new, new_folder)

    _step("rename", where, action)


def _link_and_unlink(old: str, old_folder: int, new: str, new_folder: int) -> None:
    os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, follow_symlinks=False)
    fault("mid", "rename")
    os.unlink(old, dir_fd=old_folder)


def move(old: Path, new: Path) -> None:
    """`rename` between two paths of recond's own folders."""
    old_folder = open_folder(old.parent)
    try:
        new_folder = open_folder(new.parent)
        try:
            rename(old.name, old_folder, new.name, new_folder, new)
        finally:
            os.close(new_folder)
    finally:
        os.close(old_folder)


def replace(old: Path, new: Path) -> None:
    """Rename over a file that recond wrote itself (a reason, a note); never for originals."""
    _step("replace", new, lambda: old.replace(new))


def publish(path: Path, data: bytes, mode: int = 0o640) -> None:
    """Write a new file complete or not at all: temporary name, fsync, rename, fsync folder.

    A file of that name with the same bytes is left as it is; with other bytes it is an
    InvariantError, for what was published once is never overwritten.
    """
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.unlink(missing_ok=True)
    descriptor = create(unfinished, mode)
    try:
        write(descriptor, data, unfinished)
        fsync(descriptor, unfinished)
    finally:
        os.close(descriptor)
    try:
        move(unfinished, path)
    except FileExistsError:
        if path.read_bytes() != data:
            raise InvariantError(
                f"{path} exists with other bytes; nothing is overwritten."
            ) from None
        remove(unfinished)
    fsync_folder(path.parent)
