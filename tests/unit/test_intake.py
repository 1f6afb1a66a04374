"""Durable intake: what is taken, what waits, what is refused, and that no byte is ever lost."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
import socket
import tempfile
import time
from pathlib import Path

import pytest

from recond import durable, intake
from recond.errors import InvariantError, RefusedError, UnavailableError
from recond.exceptions.codes import CODES
from recond.intake import keeping, scanning

SECOND = 10**9
NOW = 2 * 10**18  # far after every file that a test makes
WRITABLE = os.O_WRONLY | os.O_APPEND


class Home:
    """A home with one inbox, `lockbox`, and the shortest way through intake."""

    def __init__(self, path: Path, settle_seconds: int = 0) -> None:
        self.path = path
        for name in ("inbox/lockbox", "work", "archive", "quarantine"):
            (path / name).mkdir(parents=True)
        self.inbox = intake.Inbox("lockbox", path / "inbox" / "lockbox", settle_seconds)
        self.number = 0
        intake.prepare(path, (self.inbox,))

    def drop(self, name: str, data: bytes = b"bytes") -> Path:
        path = self.inbox.path / name
        path.write_bytes(data)
        return path

    def scan(self, now: int = NOW) -> intake.Scan:
        return intake.scan([self.inbox], now)

    def take(self) -> list[intake.Claimed]:
        first = intake.next_number(self.path, self.number)
        taken = intake.claim(self.path, self.scan().candidates, first)
        self.number = first + len(taken) - 1
        return taken

    def keep(self) -> intake.SourceFile:
        (claimed,) = self.take()
        return intake.keep(self.path, claimed)

    def release(self, source: intake.SourceFile, state: str = "accepted") -> intake.Claimed | None:
        return intake.release(
            self.path, source.claimed, outcome(source, state), source.number + 1, source.stamp
        )

    def bytes_kept(self) -> set[bytes]:
        """All bytes that a person could still find."""
        return {p.read_bytes() for p in self.path.rglob("*") if p.is_file() and not p.is_symlink()}


def outcome(source: intake.SourceFile, state: str) -> intake.Outcome:
    return intake.Outcome(
        f"F{source.sha256[:12]}", state, source.sha256, source.size, "why it is so"
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# the plain way


def test_a_file_goes_from_the_inbox_to_the_archive(home: Home) -> None:
    dropped = home.drop("deposit.bai", b"one cent")
    source = home.keep()
    assert (source.inbox, source.name, source.size) == ("lockbox", "deposit.bai", 8)
    assert source.sha256 == sha(b"one cent")
    assert source.path == home.path / "archive" / source.sha256[:2] / source.sha256
    assert source.path.read_bytes() == b"one cent"
    assert source.refusal is None
    assert not dropped.exists()
    assert source.claimed.path == home.path / "work" / "lockbox" / "00000001" / "deposit.bai"
    assert home.release(source) is None
    assert list((home.path / "work" / "lockbox").iterdir()) == []
    assert source.path.stat().st_mode & 0o222 == 0


def test_the_same_bytes_again_are_one_archived_file_and_two_arrivals(home: Home) -> None:
    home.drop("a", b"same")
    first = home.keep()
    home.release(first)
    home.drop("b", b"same")
    second = home.keep()
    assert (first.number, second.number) == (1, 2)
    assert first.path == second.path
    home.release(second, "duplicate")
    assert [p for p in (home.path / "archive").rglob("*") if p.is_file()] == [first.path]


def test_claims_are_numbered_in_the_order_given_and_above_what_the_database_knows(
    home: Home,
) -> None:
    for name in ("c", "a", "b"):
        home.drop(name, name.encode())
    home.number = 41
    taken = home.take()
    assert [(c.number, c.name) for c in taken] == [(42, "a"), (43, "b"), (44, "c")]
    assert intake.next_number(home.path, 7) == 45


def test_a_name_that_vanished_uses_no_number(home: Home) -> None:
    for name in ("a", "b"):
        home.drop(name)
    seen = home.scan()
    (home.inbox.path / "a").unlink()
    taken = intake.claim(home.path, seen.candidates, 1)
    assert [(c.number, c.name) for c in taken] == [(1, "b")]


def test_a_big_file_is_copied_whole_and_beats(home: Home) -> None:
    data = os.urandom(1000) * 3000
    home.drop("big", data)
    (claimed,) = home.take()
    beats: list[int] = []
    source = intake.keep(home.path, claimed, beat=lambda: beats.append(1))
    assert source.path.read_bytes() == data
    assert len(beats) == 3


# what waits


def test_a_young_file_waits_and_says_how_long(tmp_path: Path) -> None:
    home = Home(tmp_path, settle_seconds=10)
    status = home.drop("a").stat()
    (wait,) = home.scan(status.st_ctime_ns + 4 * SECOND).waiting
    assert wait.settles_in_ns == 6 * SECOND
    seen = home.scan(status.st_ctime_ns + 10 * SECOND)
    assert [c.name for c in seen.candidates] == ["a"]
    assert seen.waiting == ()


def test_a_file_that_grew_between_two_looks_waits_again(tmp_path: Path) -> None:
    home = Home(tmp_path, settle_seconds=10)
    path = home.drop("a", b"half")
    sightings = intake.Sightings()
    long_ago = path.stat().st_ctime_ns - 1000 * SECOND  # a clock behind that of the file server
    assert intake.scan([home.inbox], long_ago, sightings).candidates == ()
    path.write_bytes(b"half and half")
    later = long_ago + 11 * SECOND
    assert intake.scan([home.inbox], later, sightings).candidates == ()
    assert intake.scan([home.inbox], later + 9 * SECOND, sightings).candidates == ()
    seen = intake.scan([home.inbox], later + 10 * SECOND, sightings)
    assert [c.name for c in seen.candidates] == ["a"]


def test_a_file_dated_back_is_young_while_the_system_does_not_vouch_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, settle_seconds=10)
    path = home.drop("a")
    os.utime(path, (1, 1))
    monkeypatch.setattr(scanning, "_writer", lambda path: None)
    assert home.scan(path.stat().st_ctime_ns + SECOND).candidates == ()
    monkeypatch.setattr(scanning, "_writer", lambda path: False)
    assert len(home.scan(path.stat().st_ctime_ns + SECOND).candidates) == 1


def test_a_file_that_is_open_for_writing_waits_however_old(tmp_path: Path) -> None:
    home = Home(tmp_path, settle_seconds=10)
    path = home.drop("a")
    if scanning._writer(path) is None:
        pytest.skip("this file system does not say who writes (no leases)")
    with path.open("ab"):
        (wait,) = home.scan().waiting
        assert "open for writing" in wait.reason
    assert len(home.scan().candidates) == 1


def test_file_arguments_do_not_wait(tmp_path: Path) -> None:
    home = Home(tmp_path, settle_seconds=10)
    now = home.drop("a").stat().st_ctime_ns
    seen = intake.scan([home.inbox], now, at_once={("lockbox", "a")})
    assert [c.name for c in seen.candidates] == ["a"]


@pytest.mark.parametrize(
    "name",
    [".hidden", "a.TMP", "a.part", "a.filepart", "a.crdownload", "~$book.xlsx", ".~lock.a.csv#",
     "desktop.ini", "Thumbs.db", "a.reason.txt"],
)  # fmt: skip
def test_names_of_unfinished_files_are_ignored(home: Home, name: str) -> None:
    home.drop(name)
    seen = home.scan()
    assert (seen.candidates, seen.waiting, seen.ignored) == ((), (), 1)


def test_a_folder_waits_with_a_reason_beside_it(home: Home) -> None:
    (home.inbox.path / "sub").mkdir()
    seen = home.scan()
    assert [w.name for w in seen.waiting] == ["sub"]
    intake.tell(seen)
    reason = home.inbox.path / "sub.reason.txt"
    assert "folder" in reason.read_text()
    before = reason.stat()
    intake.tell(home.scan())
    assert reason.stat().st_ino == before.st_ino, "an unchanged reason is not rewritten"
    (home.inbox.path / "sub").rmdir()
    intake.tell(home.scan())
    assert not reason.exists()


def test_a_file_waits_for_what_the_caller_misses_and_the_reason_goes_when_it_came(
    home: Home,
) -> None:
    home.drop("ar.csv")
    missing: list[str] = ["It waits for ar.csv.manifest.json."]

    def hold_back(candidate: intake.Candidate) -> str | None:
        return missing[0] if missing and candidate.name == "ar.csv" else None

    def look() -> intake.Scan:
        seen = intake.scan([home.inbox], NOW, hold_back=hold_back)
        intake.tell(seen)
        return seen

    assert look().candidates == ()
    reason = home.inbox.path / "ar.csv.reason.txt"
    assert "manifest" in reason.read_text()
    missing[0] = "It waits since yesterday."
    look()
    assert "yesterday" in reason.read_text()
    missing.clear()
    assert len(look().candidates) == 1
    assert not reason.exists()


def test_a_file_that_looks_like_a_reason_but_is_not_ours_is_left_alone(home: Home) -> None:
    theirs = home.drop("sub.reason.txt", b"a sender wrote this")
    other = home.drop("x.reason.txt", b"and this")
    (home.inbox.path / "sub").mkdir()
    intake.tell(home.scan())
    assert theirs.read_bytes() == b"a sender wrote this"
    assert other.read_bytes() == b"and this"


def test_a_reason_that_is_a_link_is_not_followed(home: Home) -> None:
    target = home.path / "target"
    target.write_text("recond: not to be touched")
    (home.inbox.path / "sub.reason.txt").symlink_to(target)
    (home.inbox.path / "sub").mkdir()
    intake.tell(home.scan())
    assert target.read_text() == "recond: not to be touched"
    assert (home.inbox.path / "sub.reason.txt").is_symlink()


def test_a_file_that_cannot_be_opened_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, settle_seconds=10)
    home.drop("a")
    real = os.open

    def refuse(path: object, *args: object, **kw: object) -> int:
        if str(path).endswith("/a"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **kw)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    (wait,) = home.scan().waiting
    assert wait.reason == "The file cannot be opened: Permission denied."


def test_a_missing_inbox_is_down_and_is_not_made(home: Home) -> None:
    other = intake.Inbox("ach", home.path / "inbox" / "ach")
    home.drop("a")
    seen = intake.scan([other, home.inbox], NOW)
    assert [d.inbox.name for d in seen.down] == ["ach"]
    assert "No such file" in seen.down[0].reason
    assert [c.name for c in seen.candidates] == ["a"]
    assert not other.path.exists()


# what is refused


def refusal(source: intake.SourceFile) -> str:
    assert source.refusal is not None
    assert CODES[source.refusal.code].severity == "error"
    return source.refusal.code


def test_a_link_is_refused_and_its_target_never_opened(home: Home, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"shadow")
    (home.inbox.path / "a").symlink_to(secret)
    before = secret.stat().st_atime_ns
    source = home.keep()
    assert refusal(source) == "NOT_A_FILE"
    assert b"shadow" not in source.path.read_bytes()
    assert secret.stat().st_atime_ns == before
    assert home.release(source, "held") is None
    held = home.path / "quarantine" / f"F{source.sha256[:12]}" / "a"
    assert held.is_symlink()
    assert secret.read_bytes() == b"shadow"


def test_a_second_name_of_somebody_elses_file_is_refused_unread(home: Home) -> None:
    theirs = home.path / "theirs"
    theirs.write_bytes(b"private")
    os.link(theirs, home.inbox.path / "a")
    source = home.keep()
    assert refusal(source) == "NOT_A_FILE"
    assert b"private" not in source.path.read_bytes()


def test_pipes_and_sockets_are_refused_and_block_nothing(home: Home) -> None:
    os.mkfifo(home.inbox.path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(home.inbox.path, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{folder}/sock")
        os.close(folder)
        sources = [intake.keep(home.path, claimed) for claimed in home.take()]
    assert [refusal(s) for s in sources] == ["NOT_A_FILE", "NOT_A_FILE"]
    assert sources[0].sha256 != sources[1].sha256, "every arrival has bytes of its own"


def test_an_empty_and_a_too_large_file_are_refused(home: Home) -> None:
    home.drop("a", b"")
    home.drop("b", b"12345")
    empty, large = (intake.keep(home.path, claimed, max_bytes=4) for claimed in home.take())
    assert (refusal(empty), empty.sha256) == ("EMPTY_FILE", sha(b""))
    assert refusal(large) == "FILE_TOO_LARGE"
    home.release(large, "held")
    kept = home.path / "quarantine" / f"F{large.sha256[:12]}" / "b"
    assert kept.read_bytes() == b"12345"


def test_another_file_system_is_refused(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Path("/proc/self")
    with pytest.raises(RefusedError, match="another file system"):
        intake.prepare(home.path, (intake.Inbox("odd", elsewhere),))
    home.drop("a")

    def exdev(*args: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(durable, "_renameat2", exdev)
    with pytest.raises(RefusedError, match="another file system"):
        home.take()
    assert (home.inbox.path / "a").exists()


def test_a_home_without_its_folders_or_open_to_everybody_is_refused(home: Home) -> None:
    (home.path / "archive").chmod(0o777)
    with pytest.raises(RefusedError, match="written by everybody"):
        intake.prepare(home.path, (home.inbox,))
    (home.path / "archive").chmod(0o700)
    (home.path / "quarantine").rmdir()
    with pytest.raises(RefusedError, match="is missing"):
        intake.prepare(home.path, (home.inbox,))
    (home.path / "quarantine").symlink_to(home.path)
    with pytest.raises(RefusedError, match="no folder"):
        intake.prepare(home.path, (home.inbox,))


def test_an_inbox_that_became_a_link_is_not_entered(home: Home) -> None:
    home.drop("a")
    seen = home.scan()
    home.inbox.path.rename(home.path / "moved")
    home.inbox.path.symlink_to(home.path / "moved")
    assert [d.inbox.name for d in home.scan().down] == ["lockbox"]
    with pytest.raises(RefusedError, match="cannot be opened"):
        intake.claim(home.path, seen.candidates, 1)


# writers that do not stop


def test_bytes_that_come_while_reading_hold_the_file_and_keep_both_versions(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home.drop("a", b"AAAA")
    writer = os.open(path, WRITABLE)
    (claimed,) = home.take()
    real, calls = keeping._stream, []

    def late(*args: object) -> tuple[str, int, int]:
        result = real(*args)  # type: ignore[arg-type]
        if not calls:
            os.write(writer, b"BBBB")
        calls.append(1)
        return result

    monkeypatch.setattr(keeping, "_stream", late)
    source = intake.keep(home.path, claimed)
    os.close(writer)
    assert refusal(source) == "LATE_BYTES"
    assert source.sha256 == sha(b"AAAABBBB")
    assert {b"AAAA", b"AAAABBBB"} <= home.bytes_kept()
    (again,) = intake.recover(home.path, [home.inbox])
    assert again.late, "the mark outlives a crash"
    assert refusal(intake.keep(home.path, again)) == "LATE_BYTES"


@pytest.mark.parametrize("young", [True, False])
def test_bytes_that_come_after_posting_become_a_held_arrival_of_their_own(
    home: Home, young: bool
) -> None:
    path = home.drop("a", b"AAAA")
    writer = os.open(path, WRITABLE)
    if not young:
        time.sleep(0.08)
    source = home.keep()
    assert source.refusal is None
    os.write(writer, b"BBBB")
    os.close(writer)
    late = home.release(source)
    assert late is not None
    assert (late.number, late.late) == (2, True)
    second = intake.keep(home.path, late)
    assert refusal(second) == "LATE_BYTES"
    assert {b"AAAA", b"AAAABBBB"} <= home.bytes_kept()
    assert [c.number for c in intake.recover(home.path, [home.inbox])] == [2]


def test_a_change_that_leaves_size_and_times_alone_is_seen_in_a_young_file(home: Home) -> None:
    path = home.drop("a", b"AAAA")
    writer = os.open(path, os.O_WRONLY)
    source = home.keep()
    assert source.stamp is None, "too young to be told by its times"
    os.pwrite(writer, b"B", 0)
    os.close(writer)
    late = home.release(source)
    assert late is not None
    assert {b"AAAA", b"BAAA"} <= home.bytes_kept()


def test_a_claimed_file_stays_while_a_program_can_still_write_to_it(home: Home) -> None:
    path = home.drop("a", b"AAAA")
    if scanning._writer(path) is None:
        pytest.skip("this file system does not say who writes (no leases)")
    writer = os.open(path, WRITABLE)
    source = home.keep()
    assert home.release(source) is None
    assert source.claimed.path.exists()
    os.close(writer)
    (again,) = intake.recover(home.path, [home.inbox])
    assert intake.release(home.path, again, outcome(source, "accepted"), 2) is None
    assert not source.claimed.path.exists()


def test_touching_a_file_is_no_change_of_its_bytes(home: Home) -> None:
    home.drop("a", b"AAAA")
    source = home.keep()
    os.utime(source.claimed.path, (5, 5))
    assert home.release(source) is None
    assert not source.claimed.path.exists()


def test_a_file_renamed_over_the_name_is_a_new_file(home: Home) -> None:
    home.drop("a", b"old")
    source = home.keep()
    home.drop(".new", b"new").rename(home.inbox.path / "a")
    home.release(source)
    assert source.path.read_bytes() == b"old"
    assert home.keep().path.read_bytes() == b"new"


# names


NAMES = [
    b"-rf", b"new\nline", b"\xff\xfe not text", b"x" * 255, b"\xc3\xa9", b"e\xcc\x81",
    b"\x1b[31mred", "\N{RIGHT-TO-LEFT OVERRIDE}evil".encode(), b"back\\slash", b"work", b"00000001",
]  # fmt: skip


def test_every_name_survives_and_none_is_dangerous_to_show(home: Home) -> None:
    folder = os.fsencode(home.inbox.path)
    for number, name in enumerate(NAMES):
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(b"%d" % number)
    sources = [intake.keep(home.path, claimed) for claimed in home.take()]
    assert {os.fsencode(s.claimed.name) for s in sources} == set(NAMES)
    for source in sources:
        assert source.name.isprintable()
        source.name.encode()
        assert home.release(source, "held") is None
    held = {os.fsencode(p.name) for p in (home.path / "quarantine").rglob("*") if p.is_file()}
    assert set(NAMES) <= held
    assert len(held) == 2 * len(NAMES), "one reason a file"


def test_bytes_that_are_no_text_are_shown_as_escapes() -> None:
    assert durable.printable("a\udcff\n\u202e€\U000e0001") == "a\\xff\\x0a\\u202e€\\U000e0001"


def test_a_folder_with_the_longest_name_gets_its_reason(home: Home) -> None:
    (home.inbox.path / ("d" * 255)).mkdir()
    intake.tell(home.scan())
    (reason,) = (p for p in home.inbox.path.iterdir() if p.is_file())
    assert len(reason.name) == 255


# quarantine, FILE arguments, the archive


def test_quarantine_keeps_every_original_under_one_id(home: Home) -> None:
    folder = home.path / "quarantine"
    for name, data in (("a", b"1"), ("a", b"2"), ("b", b"3")):
        home.drop(name, data)
        (claimed,) = home.take()
        source = intake.keep(home.path, claimed)
        intake.hold(home.path, claimed, intake.Outcome("F1", "held", source.sha256, 1, "no"))
    originals = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("[ab]")}
    assert originals == {"F1/a": b"1", "F1.2/a": b"2", "F1.3/b": b"3"}
    text = (folder / "F1.2" / "a.reason.txt").read_text()
    assert "state: held" in text
    assert sha(b"2") in text


def test_a_file_argument_is_copied_and_numbered_when_its_name_is_taken(
    home: Home, tmp_path: Path
) -> None:
    home.drop("day.csv", b"there first")
    given = tmp_path / "day.csv"
    given.write_bytes(b"given")
    one, two = intake.copy_in(home.inbox, given), intake.copy_in(home.inbox, given)
    assert (one.name, two.name, one.size) == ("day-2.csv", "day-3.csv", 5)
    assert (home.inbox.path / "day.csv").read_bytes() == b"there first"
    assert (home.inbox.path / "day-3.csv").read_bytes() == b"given"
    assert given.exists()


def test_file_arguments_that_no_inbox_would_take_are_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.tmp").write_bytes(b"")
    with pytest.raises(RefusedError, match="Rename the file"):
        intake.copy_in(home.inbox, tmp_path / "a.tmp")
    with pytest.raises(RefusedError, match="cannot be opened"):
        intake.copy_in(home.inbox, tmp_path / "missing")
    with pytest.raises(RefusedError, match="no plain file"):
        intake.copy_in(home.inbox, tmp_path)
    assert list(home.inbox.path.iterdir()) == []


def test_an_archive_that_lost_its_bytes_stops_everything(home: Home) -> None:
    home.drop("a", b"right")
    first = home.keep()
    home.release(first)
    first.path.chmod(0o600)
    first.path.write_bytes(b"wrong")
    home.drop("a", b"right")
    (claimed,) = home.take()
    with pytest.raises(InvariantError, match="ARCHIVE_CORRUPT"):
        intake.keep(home.path, claimed)
    assert claimed.path.read_bytes() == b"right"


@pytest.mark.parametrize("damage", ["missing", "short"])
def test_a_claimed_file_stays_when_its_archived_copy_is_not_there(home: Home, damage: str) -> None:
    home.drop("a", b"right")
    source = home.keep()
    source.path.unlink()
    if damage == "short":
        source.path.write_bytes(b"r")
    with pytest.raises(InvariantError, match="ARCHIVE_CORRUPT"):
        home.release(source)
    assert source.claimed.path.read_bytes() == b"right"


# disks that fail


def test_a_full_disk_leaves_the_file_in_work_and_the_next_try_takes_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop("a", b"bytes")
    (claimed,) = home.take()

    def full(descriptor: int, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable, "_write_all", full)
    with pytest.raises(UnavailableError, match="disk is full"):
        intake.keep(home.path, claimed)
    monkeypatch.undo()
    (again,) = intake.recover(home.path, [home.inbox])
    assert intake.keep(home.path, again).path.read_bytes() == b"bytes"


def test_a_failed_fsync_is_never_tried_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.drop("a", b"bytes")
    (claimed,) = home.take()
    calls: list[int] = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(durable.FsyncError, match="did not keep"):
        intake.keep(home.path, claimed)
    assert len(calls) == 1
    assert not intake.archived(home.path, sha(b"bytes")).exists()


def test_short_writes_are_continued(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    home.drop("a", b"0123456789")
    # write_bytes of the test itself does not use os.write
    assert home.keep().path.read_bytes() == b"0123456789"


def test_without_rename_noreplace_nothing_is_replaced_and_a_crash_is_healed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*args: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(durable, "_renameat2", unsupported)
    home.drop("a", b"bytes")
    source = home.keep()
    with pytest.raises(FileExistsError):
        durable.move(source.claimed.path, source.path)
    assert home.release(source) is None

    home.drop("b", b"other")

    def crash(moment: str, step: str) -> None:
        if (moment, step) == ("mid", "rename"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), durable.faults(crash):
        home.take()
    (claimed,) = intake.recover(home.path, [home.inbox])
    assert not (home.inbox.path / "b").exists()
    assert intake.keep(home.path, claimed).refusal is None


def test_what_was_published_once_is_never_overwritten(tmp_path: Path) -> None:
    durable.publish(tmp_path / "out.csv", b"one")
    durable.publish(tmp_path / "out.csv", b"one")
    with pytest.raises(InvariantError, match="nothing is overwritten"):
        durable.publish(tmp_path / "out.csv", b"two")
    assert (tmp_path / "out.csv").read_bytes() == b"one"


def test_work_that_is_not_recond_s_is_refused(home: Home) -> None:
    home.drop("a")
    (claimed,) = home.take()
    (claimed.folder / "b").write_bytes(b"who put this here")
    with pytest.raises(InvariantError, match="one file"):
        intake.recover(home.path, [home.inbox])


def test_twenty_thousand_files_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # the machine's disk is not tested
    count = 20_000
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        home = Home(Path(folder) / "home")
        for number in range(count):
            (home.inbox.path / f"{number:05d}").write_bytes(b"%d" % number)
        gc.collect()  # what other tests left open may be closed at any time
        open_before = len(os.listdir("/proc/self/fd"))
        taken = home.take()
        assert [claimed.number for claimed in taken] == list(range(1, count + 1))
        for claimed in taken[::4]:
            home.release(intake.keep(home.path, claimed))
        assert len(os.listdir("/proc/self/fd")) <= open_before
        left = intake.recover(home.path, [home.inbox])
        assert len(left) == count - count // 4
        kept = sum(len(files) for _, _, files in os.walk(home.path / "archive"))
        assert kept == count // 4
