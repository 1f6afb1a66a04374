"""A small program on the real intake, right in one version and wrong in several.

Its files are lines `ACCOUNT CENTS`; posting writes one row a line into SQLite. The wrong versions
are the mistakes that intake programs make; the harness is worth nothing unless it finds each.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

import faults

from recond import durable, intake

FILES = {
    "a.txt": b"1001 18870\n1002 2500\n1003 1\n",
    "b.txt": b"2001 999\n2002 1\n",
    "c.txt": b"1001 18870\n1002 2500\n1003 1\n",  # the bytes of a.txt again
    "d.txt": b"",
}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Right:
    """The protocol as it is meant to be."""

    unique = True

    def make(self, home: Path) -> None:
        for folder in ("inbox/box", "work", "archive", "quarantine"):
            (home / folder).mkdir(parents=True)
        for name, data in FILES.items():
            (home / "inbox" / "box" / name).write_bytes(data)
        with sqlite3.connect(home / "db") as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            rule = "WHERE state = 'accepted'" if self.unique else "WHERE 0"
            connection.execute("CREATE TABLE file(no INTEGER, sha TEXT, state TEXT, size INTEGER)")
            connection.execute(f"CREATE UNIQUE INDEX once ON file(sha) {rule}")
            if self.unique:
                connection.execute("CREATE UNIQUE INDEX number ON file(no)")
            connection.execute("CREATE TABLE money(no INTEGER, line INTEGER, cents INTEGER)")
        connection.close()

    def run(self, home: Path) -> None:
        inbox = intake.Inbox("box", home / "inbox" / "box", settle_seconds=0)
        intake.prepare(home, (inbox,))
        connection = sqlite3.connect(home / "db")
        try:
            todo: list[intake.Claimed] = []
            for claimed in intake.recover(home, [inbox]):
                outcome = self.known(connection, claimed.number)
                if outcome is None:
                    todo.append(claimed)
                else:
                    intake.release(home, claimed, outcome, self.following(home, connection))
            seen = intake.scan([inbox], time.time_ns())
            todo += self.claim(home, seen.candidates, self.following(home, connection))
            for claimed in todo:
                self.take(home, connection, claimed)
        finally:
            connection.close()

    def claim(
        self, home: Path, candidates: Iterable[intake.Candidate], first: int
    ) -> list[intake.Claimed]:
        return intake.claim(home, list(candidates), first)

    def following(self, home: Path, connection: sqlite3.Connection) -> int:
        highest = connection.execute("SELECT max(no) FROM file").fetchone()[0]
        return intake.next_number(home, highest or 0)

    def known(self, connection: sqlite3.Connection, number: int) -> intake.Outcome | None:
        row = connection.execute(
            "SELECT sha, state, size FROM file WHERE no = ?", (number,)
        ).fetchone()
        return intake.Outcome(f"F{number}", row[1], row[0], row[2], "") if row else None

    def take(self, home: Path, connection: sqlite3.Connection, claimed: intake.Claimed) -> None:
        source = self.keep(home, claimed)
        outcome = self.post(home, connection, source)
        self.release(home, connection, source, outcome)

    def keep(self, home: Path, claimed: intake.Claimed) -> intake.SourceFile:
        return intake.keep(home, claimed)

    def state(self, connection: sqlite3.Connection, source: intake.SourceFile) -> str:
        before = connection.execute(
            "SELECT 1 FROM file WHERE sha = ? AND state = 'accepted'", (source.sha256,)
        ).fetchone()
        if source.refusal is not None:
            return "held"
        return "duplicate" if before else "accepted"

    def post(
        self, home: Path, connection: sqlite3.Connection, source: intake.SourceFile
    ) -> intake.Outcome:
        connection.execute("BEGIN IMMEDIATE")
        state = self.state(connection, source)
        connection.execute(
            "INSERT INTO file VALUES(?, ?, ?, ?)",
            (source.number, source.sha256, state, source.size),
        )
        if state == "accepted":
            self.lines(connection, source)
        faults.commit(connection)
        return intake.Outcome(f"F{source.number}", state, source.sha256, source.size, "")

    def lines(self, connection: sqlite3.Connection, source: intake.SourceFile) -> None:
        for line, text in enumerate(source.path.read_text().splitlines(), 1):
            cents = int(text.split()[1])
            connection.execute("INSERT INTO money VALUES(?, ?, ?)", (source.number, line, cents))

    def release(
        self,
        home: Path,
        connection: sqlite3.Connection,
        source: intake.SourceFile,
        outcome: intake.Outcome,
    ) -> None:
        intake.release(
            home, source.claimed, outcome, self.following(home, connection), source.stamp
        )

    def check(self, home: Path, complete: bool) -> list[str]:
        return check(home, complete)


def check(home: Path, complete: bool) -> list[str]:
    """What is wrong with a home, from its files and its database alone."""
    wrong: list[str] = []
    kept = {p.name: p.read_bytes() for p in (home / "archive").glob("??/*")}
    wrong += [f"archive {name} has other bytes" for name, data in kept.items() if sha(data) != name]
    findable = set(kept.values())
    for folder in ("inbox", "work", "quarantine"):
        findable |= {p.read_bytes() for p in (home / folder).rglob("*") if p.is_file()}
    wrong += [f"{name} is lost" for name, data in FILES.items() if data not in findable]
    connection = sqlite3.connect(f"file:{home}/db?mode=ro", uri=True)
    try:
        files = connection.execute("SELECT no, sha, state FROM file").fetchall()
        money = connection.execute("SELECT no, cents FROM money ORDER BY no, line").fetchall()
    finally:
        connection.close()
    wrong += [f"file {no} is posted but not archived" for no, name, _ in files if name not in kept]
    truth = {sha(data): [int(x.split()[1]) for x in data.splitlines()] for data in FILES.values()}
    posted = dict[str, list[list[int]]]()
    for no, name, state in files:
        if state == "accepted":
            posted.setdefault(name, []).append([cents for of, cents in money if of == no])
    for name, times in posted.items():
        if times != [truth.get(name)]:
            wrong.append(f"{name[:8]} is posted as {times}")
    if sum(cents for _, cents in money) != sum(sum(lines) for t in posted.values() for lines in t):
        wrong.append("there is money without a file")
    if complete:
        states = sorted(state for _, _, state in files)
        if states != ["accepted", "accepted", "duplicate", "held"]:
            wrong.append(f"the arrivals ended as {states}")
        for folder in ("inbox", "work", "archive/.tmp"):
            left = [p.name for p in (home / folder).rglob("*") if p.is_file()]
            if left:
                wrong.append(f"{folder} still has {left}")
        if [p.name for p in (home / "quarantine").rglob("d.txt")] != ["d.txt"]:
            wrong.append("the held original is not in quarantine")
    return wrong


class ReleasesBeforePosting(Right):
    """The claimed file goes before its effect is committed."""

    def take(self, home: Path, connection: sqlite3.Connection, claimed: intake.Claimed) -> None:
        source = self.keep(home, claimed)
        state = self.state(connection, source)
        outcome = intake.Outcome(f"F{source.number}", state, source.sha256, source.size, "")
        self.release(home, connection, source, outcome)
        self.post(home, connection, source)


class PostsBeforeArchiving(Right):
    """The effect is committed while the bytes are not in the archive yet."""

    def take(self, home: Path, connection: sqlite3.Connection, claimed: intake.Claimed) -> None:
        data = claimed.path.read_bytes()
        source = intake.SourceFile(
            claimed, "box", claimed.name, sha(data), len(data), claimed.path,
            None if data else intake.keep(home, claimed).refusal,
        )  # fmt: skip
        outcome = self.post(home, connection, source)
        self.release(home, connection, self.keep(home, claimed), outcome)


class CommitsByChunk(Right):
    """A file's lines are committed one by one."""

    def lines(self, connection: sqlite3.Connection, source: intake.SourceFile) -> None:
        for line, text in enumerate(source.path.read_text().splitlines(), 1):
            faults.commit(connection)
            connection.execute(
                "INSERT INTO money VALUES(?, ?, ?)", (source.number, line, int(text.split()[1]))
            )


class ForgetsWhatItPosted(Right):
    """Nothing in the database says that an arrival or its bytes were posted."""

    unique = False

    def known(self, connection: sqlite3.Connection, number: int) -> intake.Outcome | None:
        return None

    def state(self, connection: sqlite3.Connection, source: intake.SourceFile) -> str:
        if source.refusal is not None:
            return "held"
        return "duplicate" if source.name == "c.txt" else "accepted"


class ArchivesInPlace(Right):
    """The archived copy is written under its final name, and a file there is believed."""

    def keep(self, home: Path, claimed: intake.Claimed) -> intake.SourceFile:
        data = claimed.path.read_bytes()
        if not data:
            return intake.keep(home, claimed)
        path = intake.archived(home, sha(data))
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            descriptor = durable.create(path)
            durable.write(descriptor, data, path)
            os.close(descriptor)
        return intake.SourceFile(claimed, "box", claimed.name, path.name, len(data), path)


class UnlinksBeforeCopying(Right):
    """The file is read into memory and unlinked before the archive has it."""

    def keep(self, home: Path, claimed: intake.Claimed) -> intake.SourceFile:
        data = claimed.path.read_bytes()
        durable.remove(claimed.path)
        descriptor = durable.create(claimed.path, 0o600)
        durable.write(descriptor, data, claimed.path)
        os.close(descriptor)
        return intake.keep(home, claimed)


class ReusesNumbers(Right):
    """The number of a claim is only above what the database knows, not above `work/`."""

    def following(self, home: Path, connection: sqlite3.Connection) -> int:
        highest: int | None = connection.execute("SELECT max(no) FROM file").fetchone()[0]
        return (highest or 0) + 1


WRONG: tuple[type[Right], ...] = (
    ReleasesBeforePosting,
    PostsBeforeArchiving,
    CommitsByChunk,
    ForgetsWhatItPosted,
    ArchivesInPlace,
    UnlinksBeforeCopying,
    ReusesNumbers,
)
