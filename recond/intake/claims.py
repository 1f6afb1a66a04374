"""Taking files and letting go of them, so that a crash at any moment loses and doubles nothing.

A claim is one rename from the inbox into a folder of its own, `work/<inbox>/<number>/`: a name of
255 bytes, a newline or no text at all survives as it is, and the folder's name is the arrival's
number. `work/` together with the database's `file` table is the journal of intake; there is no
other. Restart begins at the top with `recover`. The number must be above every number that the
database knows and every one in `work/` (`next_number`), so that it names one arrival for ever:
a claim whose number the database knows has been posted, and only `finish` is left to do.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from recond import durable
from recond.errors import InvariantError, RefusedError
from recond.intake.folders import LATE, Candidate, Claimed, Inbox, Stamp, archived
from recond.intake.keeping import hash_of
from recond.intake.scanning import HEAD, being_written, ignored, reason_name, write_reason

COPY = ".recond-copy-"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an arrival: the committed `file` row, as far as intake needs it."""

    file_id: str
    state: str  # accepted, partly_held, held, rejected, duplicate
    sha256: str
    size: int
    message: str


def next_number(home: Path, highest_posted: int) -> int:
    """The number of the next claim: above what the database knows and what `work/` holds."""
    numbers = [number for _, number, _ in _claim_folders(home)]
    return max([highest_posted, *numbers]) + 1


def _claim_folders(home: Path) -> list[tuple[Path, int, bool]]:
    found = []
    for inbox in sorted((home / "work").iterdir()):
        if inbox.is_symlink() or not inbox.is_dir():
            continue
        for name in durable.names(inbox):
            number, late = name.removesuffix(LATE), name.endswith(LATE)
            if number.isascii() and number.isdigit():
                found.append((inbox / name, int(number), late))
    return sorted(found, key=lambda claim: claim[1])


def claim(home: Path, candidates: Sequence[Candidate], first: int) -> list[Claimed]:
    """Take candidates, in the order given, under the numbers from `first` on.

    Names that vanished meanwhile are left out and use no number. All renames come first and are
    then made durable together: new folders, then `work/<inbox>`, then the inbox.
    """
    taken: list[Claimed] = []
    for _, group in groupby(candidates, key=lambda candidate: candidate.inbox.name):
        members = list(group)
        inbox = members[0].inbox
        work = home / "work" / inbox.name
        try:
            descriptor = durable.open_folder(inbox.path)
        except OSError as error:
            raise RefusedError(f"{inbox.path} cannot be opened: {error.strerror}.") from error
        try:
            new: list[Claimed] = []
            for candidate in members:
                number = first + len(taken) + len(new)
                one = _claim_one(work, descriptor, candidate.name, inbox.name, number)
                if one is not None:
                    new.append(one)
            if new:
                for one in new:
                    durable.fsync_folder(one.folder)
                durable.fsync_folder(work)
                durable.fsync(descriptor, inbox.path)
        finally:
            os.close(descriptor)
        taken += new
    return taken


def _claim_one(work: Path, inbox: int, name: str, inbox_name: str, number: int) -> Claimed | None:
    folder = work / f"{number:08d}"
    durable.make_folder(folder)
    target = durable.open_folder(folder)
    try:
        durable.rename(name, inbox, name, target, folder)
    except FileNotFoundError:
        durable.remove_folder(folder)
        return None
    finally:
        os.close(target)
    return Claimed(inbox_name, number, name, folder)


def recover(home: Path, inboxes: Sequence[Inbox]) -> list[Claimed]:
    """The claims that a stop or a crash left in `work/`, by number; called before every scan.

    Unfinished copies and empty claims are cleared away (their bytes are elsewhere or never
    came), and a rename that was left with two names gets its end.
    """
    for unfinished in sorted((home / "archive" / ".tmp").iterdir()):
        durable.remove(unfinished)
    return left_in_work(home, inboxes)


def left_in_work(home: Path, inboxes: Sequence[Inbox]) -> list[Claimed]:
    """`recover` without the archive: the claims below the `work/` of the home, by number."""
    paths = {inbox.name: inbox.path for inbox in inboxes}
    for path in paths.values():
        _sweep_copies(path)
    claims = []
    for folder, number, late in _claim_folders(home):
        names = durable.names(folder)
        if not names:
            durable.remove_folder(folder)
            continue
        if len(names) > 1:
            raise InvariantError(f"{folder} holds {len(names)} files; a claim is one file.")
        claimed = Claimed(folder.parent.name, number, names[0], folder, late)
        if claimed.inbox in paths:
            _end_rename(paths[claimed.inbox] / claimed.name, claimed.path)
        claims.append(claimed)
    return claims


def _end_rename(old: Path, new: Path) -> None:
    """Where renaming is linking and unlinking, a crash between leaves both names."""
    try:
        before, after = old.lstat(), new.lstat()
    except OSError:
        return
    if (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino):
        durable.remove(old)


def finish(
    home: Path, claimed: Claimed, sha256: str, size: int, stamp: Stamp | None, following: int
) -> Claimed | None:
    """Let go of a claimed file whose effect is committed; its bytes stay in the archive.

    The claimed name goes only when the archive has the file and the claimed one is still what
    was read: by its `stamp` (of the SourceFile), or by its hash where `stamp` is None, as after a
    crash. When it changed, it becomes a new claim numbered `following` and marked late, which is
    returned, to be kept and held: both versions stay. While a program is seen to have the file
    open for writing it stays in `work/` and the next `recover` brings it again.

    Raises InvariantError when the archived copy is missing or has another size.
    """
    kept = archived(home, sha256)
    try:
        kept_size = kept.lstat().st_size
    except FileNotFoundError:
        raise InvariantError(f"ARCHIVE_CORRUPT: {kept} is missing.") from None
    if kept_size != size:
        raise InvariantError(f"ARCHIVE_CORRUPT: {kept} has {kept_size} bytes, not {size}.")
    try:
        now = Stamp.of(claimed.path.lstat())
    except FileNotFoundError:
        return None
    if being_written(claimed.path):
        return None
    same = now == stamp if stamp is not None else hash_of(claimed.path) == sha256
    if not same and hash_of(claimed.path) != sha256:
        return _late(claimed, following)
    durable.remove(claimed.path)
    durable.remove_folder(claimed.folder)
    return None


def _late(claimed: Claimed, number: int) -> Claimed:
    folder = claimed.folder.with_name(f"{number:08d}{LATE}")
    durable.make_folder(folder)
    durable.move(claimed.path, folder / claimed.name)
    durable.fsync_folder(folder)
    durable.remove_folder(claimed.folder)
    durable.fsync_folder(folder.parent)
    return Claimed(claimed.inbox, number, claimed.name, folder, late=True)


def hold(home: Path, claimed: Claimed, outcome: Outcome) -> Path:
    """Move a held or rejected original to `quarantine/<file_id>/`, its reason beside it.

    Nothing there is ever overwritten: where another original stands under this id, the folder
    gets a number behind it. Returns where the original is now. Safe to repeat.
    """
    text = (
        f"{HEAD}{durable.printable(claimed.name)}\nstate: {outcome.state}\n"
        f"file: {outcome.file_id}\nsha256: {outcome.sha256}\n{outcome.message}\n"
    )
    folder = home / "quarantine" / outcome.file_id
    count = 1
    while _holds_an_original(folder):
        count += 1
        folder = folder.with_name(f"{outcome.file_id}.{count}")
    with suppress(FileExistsError):  # made before a crash, without the original yet
        durable.make_folder(folder)
    write_reason(folder / reason_name(claimed.name), text)
    durable.move(claimed.path, folder / claimed.name)
    durable.fsync_folder(folder)
    durable.fsync_folder(folder.parent)
    durable.remove_folder(claimed.folder)
    return folder / claimed.name


def _holds_an_original(folder: Path) -> bool:
    try:
        return any(not ignored(name) for name in durable.names(folder))
    except FileNotFoundError:
        return False


def release(
    home: Path, claimed: Claimed, outcome: Outcome, following: int, stamp: Stamp | None = None
) -> Claimed | None:
    """End a claim whose outcome is committed: `hold` what is held or rejected, `finish` the rest.

    The one door for both the normal way (with the SourceFile's `stamp`) and a claim that
    `recover` found and the database knows already (without). Returns a new late claim or None.
    """
    if outcome.state in {"held", "rejected"}:
        hold(home, claimed, outcome)
        return None
    return finish(home, claimed, outcome.sha256, outcome.size, stamp, following)


def copy_in(inbox: Inbox, path: Path) -> Candidate:
    """Copy a FILE argument into an inbox under its own name, numbered where the name is taken.

    It is written under a name that scans ignore, synced and then renamed, so nobody ever sees
    half of it. RefusedError when it is no plain file or has a name that inboxes ignore.
    """
    if ignored(path.name):
        raise RefusedError(
            f"{path.name} is a name that programs use for unfinished files; inboxes ignore it."
            " Rename the file."
        )
    try:
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedError(f"{path} cannot be opened: {error.strerror}.") from error
    unfinished = inbox.path / f"{COPY}{os.getpid()}.part"
    try:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise RefusedError(f"{path} is no plain file.")
        target = durable.create(unfinished, 0o640)
        try:
            size = 0
            while chunk := os.read(source, durable.CHUNK):
                durable.write(target, chunk, unfinished)
                size += len(chunk)
            durable.fsync(target, unfinished)
        finally:
            os.close(target)
    finally:
        os.close(source)
    name = _free_name(unfinished, path)
    durable.fsync_folder(inbox.path)
    return Candidate(inbox, name, size)


def _free_name(unfinished: Path, path: Path) -> str:
    count, name = 1, path.name
    while True:
        try:
            durable.move(unfinished, unfinished.with_name(name))
        except FileExistsError:
            count += 1
            name = f"{path.stem}-{count}{path.suffix}"
        else:
            return name


def _sweep_copies(inbox: Path) -> None:
    """Take away what `copy_in` left unfinished; the user still has the file itself."""
    try:
        left = [name for name in durable.names(inbox) if name.startswith(COPY)]
    except OSError:
        return
    for name in left:
        durable.remove(inbox / name)
