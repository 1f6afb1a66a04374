"""What stands in the inboxes: which names may be taken now, which wait, and why.

The listing of a folder is the truth; events of the file system only say that a look may be worth
it (design/operations.md section 2.1). One listing and one stat a name, whatever their number.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from recond import durable
from recond.errors import UnavailableError
from recond.intake.folders import NAME_BYTES, Candidate, Down, Inbox, Stamp, Waiting

SECOND = 10**9
IGNORED = (
    ".*", "*.tmp", "*.part", "*.filepart", "*.crdownload", "~$*", "desktop.ini", "thumbs.db",
    "*.reason.txt",
)  # fmt: skip
REASON = ".reason.txt"
F_SETSIG = 10  # Linux; not in the fcntl module of Python 3.11

HoldBack = Callable[[Candidate], str | None]


def _takes_all(candidate: Candidate) -> str | None:
    return None


@dataclass(slots=True)
class Sightings:
    """What earlier scans of this process saw: stamp and first sight (ns) by inbox and name.

    Needed only where times of files cannot be trusted: clocks that jump, servers ahead of us.
    """

    seen: dict[tuple[str, str], tuple[Stamp, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at the inboxes: candidates by inbox and name, and everything that waits."""

    candidates: tuple[Candidate, ...]
    waiting: tuple[Waiting, ...]
    down: tuple[Down, ...]
    ignored: int
    reasons: tuple[Path, ...]  # files named *.reason.txt that stand there

    @property
    def settles_in_ns(self) -> int | None:
        """How long until the next waiting file has rested enough; None when none only rests."""
        return min((w.settles_in_ns for w in self.waiting if w.settles_in_ns is not None),
                   default=None)  # fmt: skip


def ignored(name: str) -> bool:
    """Whether a name is one that programs use while they write, or of recond's own notes."""
    lowered = name.lower()
    return any(fnmatchcase(lowered, pattern) for pattern in IGNORED)


def scan(
    inboxes: Sequence[Inbox],
    now_ns: int,
    sightings: Sightings | None = None,
    hold_back: HoldBack = _takes_all,
    at_once: Collection[tuple[str, str]] = (),
) -> Scan:
    """List the inboxes and say of each name whether it may be taken at `now_ns` (epoch, ns).

    A plain file may be taken when it can be opened, no program is seen to have it open for
    writing, and it has not changed for the inbox's `settle_seconds`. `at_once` names (inbox,
    name) that need not rest (FILE arguments). `hold_back` may say why a file that has settled
    must still wait (its manifest is missing). Links, pipes and devices become candidates too:
    they are claimed and refused there, so that they do not stand in the way for ever.
    """
    sightings = sightings or Sightings()
    found: list[Candidate] = []
    waiting: list[Waiting] = []
    down: list[Down] = []
    reasons: list[Path] = []
    sighted: dict[tuple[str, str], tuple[Stamp, int]] = {}
    skipped = 0
    for inbox in inboxes:
        try:
            listing = _listing(inbox.path)
        except OSError as error:
            down.append(Down(inbox, f"{inbox.path} cannot be read: {error.strerror}."))
            continue
        for name, status in listing:
            if ignored(name):
                skipped += 1
                if name.endswith(REASON):
                    reasons.append(inbox.path / name)
                continue
            key = (inbox.name, name)
            sighted[key] = _sight(sightings.seen.get(key), Stamp.of(status), now_ns)
            candidate = Candidate(inbox, name, status.st_size)
            wait = None if key in at_once else _wait(candidate, status, now_ns, sighted[key][1])
            if wait is None and (reason := hold_back(candidate)) is not None:
                wait = Waiting(inbox, name, status.st_size, reason)
            if wait is None:
                found.append(candidate)
            else:
                waiting.append(wait)
    sightings.seen = sighted
    return Scan(tuple(found), tuple(waiting), tuple(down), skipped, tuple(reasons))


def _listing(path: Path) -> list[tuple[str, os.stat_result]]:
    """Names with their own status (links not followed), sorted by name."""
    descriptor = durable.open_folder(path)
    try:
        with os.scandir(descriptor) as entries:
            names = sorted(entry.name for entry in entries)
        listing = []
        for name in names:
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:  # taken away since the listing
                continue
            listing.append((name, status))
        return listing
    finally:
        os.close(descriptor)


def _sight(last: tuple[Stamp, int] | None, stamp: Stamp, now_ns: int) -> tuple[Stamp, int]:
    return last if last is not None and last[0] == stamp else (stamp, now_ns)


def _wait(
    candidate: Candidate, status: os.stat_result, now_ns: int, unchanged_since: int
) -> Waiting | None:
    """Why a name must wait by the look of itself, or None."""
    inbox, name = candidate.inbox, candidate.name
    if stat.S_ISDIR(status.st_mode):
        reason = "This is a folder; only files are taken. Move its files up and remove it."
        return Waiting(inbox, name, 0, reason)
    if inbox.settle_seconds == 0:
        return None
    settle = inbox.settle_seconds * SECOND
    # The kernel's own time of the last change can be set by nobody, unlike the time of the last
    # write; the sighting covers clocks that stand behind the file server's.
    rest = min(settle - (now_ns - status.st_ctime_ns), settle - (now_ns - unchanged_since))
    writer = _writer(inbox.path / name) if stat.S_ISREG(status.st_mode) else None
    if isinstance(writer, str):
        return Waiting(inbox, name, candidate.size, writer)
    if writer:  # it may go on for ever, so what only waits for young files does not wait for it
        reason = "Another program still has the file open for writing."
        return Waiting(inbox, name, candidate.size, reason, rest if rest > 0 else None)
    if writer is False:  # the system vouches that nobody writes: the file's own time will do
        rest = min(rest, settle - (now_ns - status.st_mtime_ns))
    if rest > 0:
        return Waiting(inbox, name, candidate.size, "It may still be being written.", rest)
    return None


def _writer(path: Path) -> bool | str | None:
    """Whether a program has the file open for writing: True, False, None where the system does
    not say (only owner and root may ask), or a sentence when the file cannot be opened at all.

    Asked by a read lease, which the kernel grants only while nobody can write. A writer that
    comes at this moment makes the kernel send SIGURG, which is ignored by default.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"The file cannot be opened: {error.strerror}."
    try:
        fcntl.fcntl(descriptor, F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(descriptor)
    return False


def being_written(path: Path) -> bool:
    """Whether the system says that a program has the file open for writing."""
    return _writer(path) is True


def reason_name(name: str) -> str:
    """The name of the reason beside a file: NAME.reason.txt, cut where it would be too long."""
    raw = os.fsencode(name)
    return os.fsdecode(raw[: NAME_BYTES - len(REASON)]) + REASON


HEAD = "recond: "


def tell(seen: Scan) -> None:
    """Lay a reason beside each file that waits for a person or another file.

    A reason is rewritten only when it changes and removed when its file waits no more. A file of
    that name which recond did not write is left alone. An inbox that cannot be written to is no
    error: the reason is also in the database and on the list.
    """
    wanted = {
        w.inbox.path / reason_name(w.name): f"{HEAD}{durable.printable(w.name)}\n{w.reason}\n"
        for w in seen.waiting
        if w.settles_in_ns is None
    }
    standing = {path: text for path in seen.reasons if (text := _own_reason(path)) is not None}
    for path, text in wanted.items():
        if standing.get(path) == text or (path in seen.reasons and path not in standing):
            continue
        try:
            write_reason(path, text)
        except (OSError, UnavailableError):
            continue
    for path in standing:
        if path not in wanted:
            try:
                durable.remove(path)
            except (OSError, UnavailableError):
                continue


def _own_reason(path: Path) -> str | None:
    """The text of a reason that recond wrote; None when it is not ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        text = os.read(descriptor, 8192).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
    return text if text.startswith(HEAD) else None


def write_reason(path: Path, text: str) -> None:
    """Write a reason complete or not at all, over an earlier one of recond's."""
    unfinished = path.with_name(".recond-reason.tmp")
    unfinished.unlink(missing_ok=True)
    descriptor = durable.create(unfinished, 0o644)
    try:
        durable.write(descriptor, text.encode(), unfinished)
        durable.fsync(descriptor, unfinished)
    finally:
        os.close(descriptor)
    durable.replace(unfinished, path)
