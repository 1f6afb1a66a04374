"""From a claimed file to bytes that are kept for ever: `archive/<ab>/<sha256>`.

The archive is a store of byte strings by their own hash: a file enters it complete, synced and
by renaming, and is never written again. Only the archived copy is ever parsed, so what a writer
still does to the claimed file changes nothing that was read (design/reliability.md section 3).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recond import durable
from recond.errors import InvariantError, UnavailableError
from recond.intake.folders import LATE, Claimed, SourceFile, Stamp, archived
from recond.model import Problem

RACY_NS = 50_000_000  # times of files are as coarse as the kernel's tick
TRIES = 3  # copies of a file that changes while it is read


@dataclass(frozen=True, slots=True)
class _Copy:
    sha256: str
    size: int
    before: Stamp
    after: Stamp
    racy: bool  # so young that a change could leave its times as they are


def _nothing() -> None:
    """No heartbeat asked for."""


def keep(
    home: Path,
    claimed: Claimed,
    max_bytes: int | None = None,
    beat: Callable[[], None] = _nothing,
) -> SourceFile:
    """Copy a claimed file into the archive and say what it is; the claimed file stays.

    What is no plain file with one name (NOT_A_FILE), larger than `max_bytes` (FILE_TOO_LARGE),
    empty (EMPTY_FILE) or changed while or after it was read (LATE_BYTES) gets a refusal. Of what
    is not read at all a description is archived, so that every arrival has bytes and a hash;
    the original itself stays for `hold`. `beat` is called once a chunk. Safe to repeat.

    Raises UnavailableError when the disk is full or down, FsyncError when it lost what was
    written, InvariantError when the archive holds other bytes under that hash.
    """
    try:
        status = claimed.path.lstat()
    except OSError as error:
        raise _cannot_read(claimed, error) from error
    refusal = _not_plain(claimed, status, max_bytes)
    if refusal is not None:
        return _described(home, claimed, status, refusal)
    copies: list[_Copy] = []
    for _ in range(TRIES):
        copy = _copy(home, claimed, beat)
        copies.append(copy)
        if copy.before == copy.after and copy.size == copy.after.size:
            break
        claimed = mark_late(claimed)
    return _source(home, claimed, copies)


def _source(home: Path, claimed: Claimed, copies: list[_Copy]) -> SourceFile:
    last = copies[-1]
    refusal = None
    if claimed.late:
        others = ", ".join(c.sha256 for c in copies[:-1] if c.sha256 != last.sha256)
        refusal = Problem(
            "LATE_BYTES",
            f"The file changed after it was taken (this version: {last.size} bytes, SHA-256"
            f" {last.sha256}" + (f"; kept too: {others}" if others else "") + "). Ask the sender"
            " which version counts, and let files arrive under a temporary name.",
        )
    elif last.size == 0:
        refusal = Problem("EMPTY_FILE", "The file has no bytes. Ask the sender to send it again.")
    return SourceFile(
        claimed,
        claimed.inbox,
        durable.printable(claimed.name),
        last.sha256,
        last.size,
        archived(home, last.sha256),
        refusal,
        None if last.racy else last.after,
    )


def _not_plain(claimed: Claimed, status: os.stat_result, max_bytes: int | None) -> Problem | None:
    kinds = (
        (stat.S_ISLNK, "a symbolic link"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
        (stat.S_ISBLK, "a device"), (stat.S_ISCHR, "a device"), (stat.S_ISDIR, "a folder"),
    )  # fmt: skip
    for test, what in kinds:
        if test(status.st_mode):
            return Problem("NOT_A_FILE", f"This is {what}; it was not opened. Send a plain file.")
    if status.st_nlink != 1:
        return Problem(
            "NOT_A_FILE",
            f"The file has {status.st_nlink} names (hard links), so somebody else can change it;"
            " it was not opened. Send a copy.",
        )
    if max_bytes is not None and status.st_size > max_bytes:
        return Problem(
            "FILE_TOO_LARGE",
            f"The file has {status.st_size} bytes, more than the {max_bytes} that this home"
            " allows; it was not read. It waits in quarantine.",
        )
    return None


def _described(
    home: Path, claimed: Claimed, status: os.stat_result, refusal: Problem
) -> SourceFile:
    """Archive a description of what was refused unread; each arrival's is its own bytes."""
    text = (
        f"recond did not read this file: {refusal.message}\n"
        f"arrival {claimed.number}, inbox {claimed.inbox}\n"
        f"name {durable.printable(claimed.name)}\n"
        f"mode {status.st_mode:o}, owner {status.st_uid}, links {status.st_nlink},"
        f" size {status.st_size}\n"
    ).encode()
    sha256 = hashlib.sha256(text).hexdigest()
    unfinished = home / "archive" / ".tmp" / f"{claimed.number:08d}"
    descriptor = _create_over(unfinished)
    try:
        durable.write(descriptor, text, unfinished)
        durable.fsync(descriptor, unfinished)
    finally:
        os.close(descriptor)
    _admit(home, unfinished, sha256, len(text))
    name = durable.printable(claimed.name)
    path = archived(home, sha256)
    return SourceFile(claimed, claimed.inbox, name, sha256, len(text), path, refusal)


def _copy(home: Path, claimed: Claimed, beat: Callable[[], None]) -> _Copy:
    """Copy the claimed file into the archive under its hash, with its stamps around the copy."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        source = os.open(claimed.path, flags)
    except OSError as error:
        raise _cannot_read(claimed, error) from error
    try:
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode):
            raise UnavailableError(f"{durable.printable(str(claimed.path))} was exchanged.")
        unfinished = home / "archive" / ".tmp" / f"{claimed.number:08d}"
        sha256, size, made_ns = _stream(source, unfinished, beat)
        after = Stamp.of(os.fstat(source))
    except OSError as error:
        raise _cannot_read(claimed, error) from error
    finally:
        os.close(source)
    _admit(home, unfinished, sha256, size)
    racy = max(after.modified_ns, after.changed_ns) + RACY_NS > made_ns
    return _Copy(sha256, size, Stamp.of(status), after, racy)


def _cannot_read(claimed: Claimed, error: OSError) -> UnavailableError:
    shown = durable.printable(str(claimed.path))
    return UnavailableError(f"Cannot read {shown}: {error.strerror}.")


def _create_over(unfinished: Path) -> int:
    """A new unfinished file; what a crash left under this name was never a file of the archive."""
    try:
        return durable.create(unfinished)
    except FileExistsError:
        durable.remove(unfinished)
        return durable.create(unfinished)


def _stream(source: int, unfinished: Path, beat: Callable[[], None]) -> tuple[str, int, int]:
    """Copy to an unfinished file: its hash, size and the time (ns) by the disk's own clock."""
    digest = hashlib.sha256()
    size = 0
    target = _create_over(unfinished)
    try:
        made_ns = os.fstat(target).st_ctime_ns
        while chunk := os.read(source, durable.CHUNK):
            digest.update(chunk)
            durable.write(target, chunk, unfinished)
            size += len(chunk)
            beat()
        durable.fsync(target, unfinished)
    finally:
        os.close(target)
    return digest.hexdigest(), size, made_ns


def _admit(home: Path, unfinished: Path, sha256: str, size: int) -> None:
    """Give a finished copy its name in the archive, or find the same bytes there already."""
    path = archived(home, sha256)
    try:
        durable.make_folder(path.parent)
        durable.fsync_folder(path.parent.parent)
    except FileExistsError:
        pass
    try:
        durable.move(unfinished, path)
    except FileExistsError:
        if path.lstat().st_size != size or hash_of(path) != sha256:
            raise InvariantError(
                f"ARCHIVE_CORRUPT: {path} does not have the bytes of its name. Restore it from a"
                " backup; nothing more is posted."
            ) from None
        durable.remove(unfinished)
    durable.fsync_folder(path.parent)


def hash_of(path: Path) -> str:
    """The SHA-256 of a plain file's bytes; links are not followed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def mark_late(claimed: Claimed) -> Claimed:
    """Write into the claim's own name that its file changed after it was taken.

    The mark outlives a crash: the claim will be held whenever it is taken up again.
    """
    if claimed.late:
        return claimed
    folder = claimed.folder.with_name(claimed.folder.name + LATE)
    durable.move(claimed.folder, folder)
    durable.fsync_folder(folder.parent)
    return Claimed(claimed.inbox, claimed.number, claimed.name, folder, late=True)
