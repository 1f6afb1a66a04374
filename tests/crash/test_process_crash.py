"""The whole of `process`, killed at each durable step and each commit: run again, the books are
the same to the last row as if nothing had happened."""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import office
import pytest

from recond.home import open_home
from recond.pipeline import process
from recond.session import AUTOMATIC, run_of

LOCKBOX = office.lockbox_file(
    [
        office.check(5000, ("1001", None)),
        office.check(7000, ("1002", 3000), ("1001", 4000)),
        office.check(123, ("NOBODY", None)),  # a question, and money in suspense
    ]
)
FILES = {
    "receivables/ar.csv": office.receivables_csv(
        [
            office.receivable("1001", "I1", "WATER", "2026-03-01", 9000),
            office.receivable("1002", "I2", "SEWER", "2026-03-02", 3000),
        ]
    ).encode(),
    "lockbox/day.bai": LOCKBOX.encode(),
    "lockbox/again.bai": LOCKBOX.encode(),  # a duplicate
    "lockbox/empty.bai": b"",  # held
}
TABLES_WITHOUT_ORDER = ("sqlite_sequence", "sqlite_stat1", "alembic_version")


class Process:
    """A day's files in a new home, processed at a fixed instant."""

    def __init__(self) -> None:
        self.books: dict[str, list[tuple[Any, ...]]] | None = None  # of a run without a crash

    def make(self, home: Path) -> None:
        def work() -> None:
            made = office.Office(home)
            made.run()
            made.close()

        assert faults.child(work) == 0
        for name, data in FILES.items():
            (home / "inbox" / name).write_bytes(data)

    def run(self, home: Path) -> None:
        opened = run_of(open_home(home), office.TODAY, AUTOMATIC, lambda: office.NOW)
        process(opened, wait=False)
        opened.store.close()

    def check(self, home: Path, complete: bool) -> list[str]:
        books = dump(home)
        wrong = lost(home) + contradictions(home, books)
        if complete:
            if self.books is None:
                self.books = books
            wrong += [
                f"table {name} differs from that of a run without a crash"
                for name in books
                if books[name] != self.books.get(name)
            ]
            for folder in ("inbox", "work", "archive/.tmp"):
                left = [p.name for p in (home / folder).rglob("*") if p.is_file()]
                wrong += [f"{folder} still has {left}"] if left else []
            if not list((home / "quarantine").rglob("empty.bai")):
                wrong.append("the held original is not in quarantine")
        return wrong


def dump(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, read without recond."""
    connection = sqlite3.connect(f"file:{home}/recond.db?mode=ro", uri=True)
    try:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for (name,) in names
            if name not in TABLES_WITHOUT_ORDER
        }
    finally:
        connection.close()


def lost(home: Path) -> list[str]:
    """Files whose bytes nobody would find."""
    archive = {p.name: p.read_bytes() for p in (home / "archive").glob("??/*")}
    wrong = [
        f"archive {name} has other bytes"
        for name, data in archive.items()
        if hashlib.sha256(data).hexdigest() != name
    ]
    findable = set(archive.values())
    for folder in ("inbox", "work", "quarantine"):
        findable |= {p.read_bytes() for p in (home / folder).rglob("*") if p.is_file()}
    wrong += [f"{name} is lost" for name, data in FILES.items() if data not in findable]
    connection = sqlite3.connect(f"file:{home}/recond.db?mode=ro", uri=True)
    try:
        posted = connection.execute("SELECT file_no, sha256 FROM file").fetchall()
    finally:
        connection.close()
    return wrong + [f"file {no} is not archived" for no, sha256 in posted if sha256 not in archive]


def contradictions(home: Path, books: dict[str, list[tuple[Any, ...]]]) -> list[str]:
    """What may never be seen, not even in the middle."""
    connection = sqlite3.connect(f"file:{home}/recond.db?mode=ro", uri=True)

    def one(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    try:
        unbalanced = one(
            "SELECT entry_no, fund FROM journal_line GROUP BY 1, 2"
            " HAVING sum(debit_cents) <> sum(credit_cents)"
        )
        misplaced = one(
            "SELECT receipt_no FROM decision d GROUP BY 1 HAVING"
            " (SELECT sum(cents) FROM placement p WHERE p.receipt_no = d.receipt_no)"
            " <> (SELECT amount_cents FROM receipt r WHERE r.receipt_no = d.receipt_no)"
        )
        received = one("SELECT coalesce(sum(amount_cents), 0), count(*) FROM receipt")
    finally:
        connection.close()
    wrong = [f"entry {row} does not balance" for row in unbalanced]
    wrong += [f"receipt {row} is not placed to the cent" for row in misplaced]
    if received not in ([(0, 0)], [(12123, 3)]):
        wrong.append(f"half of the file or twice: {received}")
    return wrong


@pytest.fixture
def place() -> Iterator[Path]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def undisturbed(scenario: Process, place: Path) -> None:
    """What the books are without a crash; every later check compares with it."""
    home = place / "undisturbed"
    scenario.make(home)
    assert faults.run_to(scenario, home, None) == 0
    assert scenario.check(home, complete=True) == []
    assert scenario.books is not None
    assert len(scenario.books["receipt"]) == 3
    assert len(scenario.books["file"]) == 4


class _Copy(Process):
    """Copies of one home, since every home has a secret key of its own."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self._first = place / "first"
        super().make(self._first)

    def make(self, home: Path) -> None:
        shutil.copytree(self._first, home)


def ready(place: Path) -> tuple[_Copy, Path, list[str]]:
    """The scenario, a home to copy and the points of its run."""
    scenario = _Copy(place)
    undisturbed(scenario, place)
    template, trial = place / "template", place / "trial"
    scenario.make(template)
    scenario.make(trial)
    return scenario, template, faults.points_of(scenario, trial)


def test_process_is_the_same_after_a_crash_at_any_point(place: Path) -> None:
    scenario, template, names = ready(place)
    commits = [k for k, name in enumerate(names, 1) if name.endswith(" commit")]
    assert len(commits) >= 8
    spread = range(1, len(names) + 1, len(names) // 6)
    for point in sorted({*commits[2::3], *spread}):
        assert faults.crash(scenario, template, place, (point,), ends=1) == [], names[point - 1]


def test_the_harness_finds_a_corridor_that_forgets_what_it_posted(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scenario, template, names = ready(place)
    posted = [k for k, name in enumerate(names, 1) if name == "after commit"][1]
    module = importlib.import_module("recond.pipeline.process")  # not the function
    monkeypatch.setattr(module, "_outcome", lambda run, number: None)
    assert faults.crash(scenario, template, place, (posted,), ends=1)
    capfd.readouterr()  # what it says when it dies


@pytest.mark.long
def test_process_is_the_same_after_crashes_at_all_points_and_pairs(place: Path) -> None:
    scenario = _Copy(place)
    undisturbed(scenario, place)
    assert faults.explore(scenario, place, double=500)["wrong"] == {}
