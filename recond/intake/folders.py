"""The folders of intake, the values it hands on, and what must hold before a file is taken."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from recond import durable
from recond.errors import RefusedError
from recond.model import Problem

OWN = ("work", "archive", "quarantine")
LATE = ".late"
NAME_BYTES = 255  # the longest name of Linux file systems


@dataclass(frozen=True, slots=True)
class Inbox:
    """A watched folder. A file is taken when it has not changed for `settle_seconds`."""

    name: str
    path: Path
    settle_seconds: int = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name in an inbox that may be claimed now; `name` as `os.fsdecode` gives it."""

    inbox: Inbox
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A name in an inbox that is not taken yet, and why.

    `settles_in_ns` says how long it still has to rest when nothing else is wrong; it is None
    when only a person or another file can end the waiting: then a reason is laid beside it.
    """

    inbox: Inbox
    name: str
    size: int
    reason: str
    settles_in_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Down:
    """An inbox that cannot be read now. It is tried again, and never made anew."""

    inbox: Inbox
    reason: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file that is recond's: `work/<inbox>/<number>/<name>` in the home.

    `number` is never used twice and is the arrival's `file_no`. `late` marks bytes that came
    after recond had begun to read the file: they are kept and held, never posted by themselves.
    """

    inbox: str
    number: int
    name: str
    folder: Path
    late: bool = False

    @property
    def path(self) -> Path:
        """Where the claimed file is."""
        return self.folder / self.name


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a file changed: identity, size and times of its inode."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a stat result."""
        return cls(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file kept for ever: parse only `path`, the archived copy.

    `name` is printable; `refusal` says why the file is held without being read. `stamp` is None
    when the claimed file was refused unread or was too young to tell a change by its times.
    """

    claimed: Claimed
    inbox: str
    name: str
    sha256: str
    size: int
    path: Path
    refusal: Problem | None = None
    stamp: Stamp | None = None

    @property
    def number(self) -> int:
        """The arrival's number, `file.file_no`."""
        return self.claimed.number


def archived(home: Path, sha256: str) -> Path:
    """Where the archive keeps the bytes of that SHA-256."""
    return home / "archive" / sha256[:2] / sha256


def prepare(home: Path, inboxes: tuple[Inbox, ...]) -> None:
    """Refuse a home in which files cannot be taken safely; finish what a crash left half made.

    RefusedError when a folder of recond's own is missing, a link, open to everybody, or on
    another file system than the home or a present inbox. A missing inbox is no refusal: it may be
    a mount that comes back (`scan` reports it).
    """
    device = _own(home, home).st_dev
    for name in OWN:
        status = _own(home, home / name)
        if status.st_dev != device:
            raise RefusedError(_other_device(home / name, home))
        if stat.S_IMODE(status.st_mode) & stat.S_IWOTH:
            raise RefusedError(f"{home / name} can be written by everybody; run chmod o-w on it.")
    for inbox in inboxes:
        try:
            inbox_device = inbox.path.stat().st_dev
        except OSError:
            continue
        if inbox_device != device:
            raise RefusedError(_other_device(inbox.path, home))
        _ensure_folder(home / "work" / inbox.name)
    _ensure_folder(home / "archive" / ".tmp")
    durable.fsync_folder(home / "archive")
    durable.fsync_folder(home / "work")


def _own(home: Path, path: Path) -> os.stat_result:
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise RefusedError(
            f"{path} is missing. Is a disk not mounted? `recond init` makes a new home."
        ) from None
    if not stat.S_ISDIR(status.st_mode) and not (path == home and path.is_dir()):
        raise RefusedError(f"{path} is no folder; recond does not follow links here.")
    return path.stat()


def _other_device(path: Path, home: Path) -> str:
    return (
        f"{path} is on another file system than {home}; inbox, work, archive and quarantine must"
        " be on one, so that a file can be taken by renaming it."
    )


def _ensure_folder(path: Path) -> None:
    try:
        durable.make_folder(path)
    except FileExistsError:
        if not path.is_dir() or path.is_symlink():
            raise RefusedError(f"{path} is in the way: recond needs a folder there.") from None
