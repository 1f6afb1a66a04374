"""An office whose questions are answered: work lists out, edited as clerks do, and back."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from office import TODAY, Office, cents

from recond.exceptions.decisions import requests
from recond.exceptions.queue import export
from recond.exceptions.sheet import COLUMNS
from recond.pipeline.worklists import import_file
from recond.session import somebody_waits

Cells = dict[str, str]
# Decisions whose SQL is worth a run on both databases: their fixture `office` asks `database`.
BOTH = pytest.mark.parametrize(
    "office",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)],
    indirect=True,
)


def database(request: pytest.FixtureRequest) -> str | None:
    """The address of the database that BOTH asks for; None is the home's own SQLite."""
    wanted = getattr(request, "param", "sqlite")
    return None if wanted == "sqlite" else str(request.getfixturevalue("postgres_url"))


class Desk:
    """The clerk's side of an office."""

    def __init__(self, office: Office, folder: Path) -> None:
        self.office = office
        self.folder = folder
        self.count = 0

    def rows(self, today: Any = TODAY) -> list[Cells]:
        """The rows of a fresh work list."""
        run = self.office.run(today)
        with run.store.read() as connection:
            out = self.office.home.path / "queue" / "out"
            paths = export(connection, out, today=run.today, key=run.home.secret())
        if not paths:
            return []
        text = paths[0].read_bytes().decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def row(self, code: str) -> Cells:
        """The one row of this reason."""
        (found,) = [row for row in self.rows() if row["reason"] == code]
        return found

    def write(self, rows: Iterable[Mapping[str, str]]) -> Path:
        """A work list as a clerk saves it."""
        self.count += 1
        path = self.folder / f"answers-{self.count}.csv"
        self.folder.mkdir(exist_ok=True)
        with path.open("w", newline="") as out:
            writer = csv.DictWriter(out, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        return path

    def bring(
        self, path: Path, person: str = "jane", today: Any = TODAY, **options: bool
    ) -> list[Cells]:
        """Import a file as a person; the rows of the result file."""
        run = replace(self.office.run(today), actor=person)
        done = import_file(run, path, person, **options)
        assert done.result is not None
        text = done.result.read_bytes().decode("utf-8-sig")
        found = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(found) == len(done.rows)
        return found

    def answer(
        self, row: Cells, action: str, to: str = "", person: str = "jane", **more: str
    ) -> tuple[str, str]:
        """Answer one row; its status and message."""
        cells = {**row, "action": action, "to_account": to, **more}
        (found,) = self.bring(self.write([cells]), person)
        return found["status"], found["message"]

    def answer_all(
        self, change: Callable[[Cells], Mapping[str, str]], person: str = "jane"
    ) -> list[str]:
        """Answer every row of a fresh list; the statuses in order."""
        rows = [{**row, **change(row)} for row in self.rows()]
        return [found["status"] for found in self.bring(self.write(rows), person)]

    def waits(self) -> bool:
        """Whether something in the home waits for a person."""
        return somebody_waits(self.office.run())


def balanced(office: Office) -> dict[tuple[str, str], int]:
    """The journal by fund and GL account, after proof: every entry and the whole book balance
    inside each fund, and each fund's receivables are what its items owe."""
    book = office.journal()  # asserts it of each entry
    funds = {fund for fund, _ in book}
    assert {
        f: sum(c for (fund, _), c in book.items() if fund == f) for f in funds
    } == dict.fromkeys(funds, 0)
    owed: dict[str, int] = {}
    for row in office.rows("receivables"):
        left = cents(row["open_amount"]) - cents(row["pending_amount"])
        owed[row["fund"]] = owed.get(row["fund"], 0) + max(left, 0)
    for fund, left in owed.items():
        assert book.get((fund, "1200"), 0) == left, fund
    return book


def moved(before: Mapping[Any, int], after: Mapping[Any, int]) -> dict[Any, int]:
    """What changed between two books."""
    sums = {key: after.get(key, 0) - before.get(key, 0) for key in {*before, *after}}
    return {key: value for key, value in sums.items() if value}


def state(office: Office) -> dict[str, Any]:
    """The one receipt's state and buckets."""
    (row,) = office.rows("receipts")
    return {
        name: str(row[name])
        for name in ("state", "applied_amount", "on_account_amount", "suspense_amount")
    }


def asker(usual: dt.date) -> Callable[..., str]:
    """What calls a verb of `requests` as a person, in one transaction, on the usual day."""

    def ask(
        office: Office, person: str, verb: str, *words: object, day: dt.date = usual, **more: object
    ) -> str:
        run = replace(office.run(day), actor=person)
        with run.write() as connection:
            said: str = getattr(requests, verb)(connection, run, *words, **more)
        return said

    return ask
