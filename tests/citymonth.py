"""A generated month taken through recond's outside: dropped, processed day by day, exported."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import oracle

from recond.city import Truth, generate
from recond.city.truth import Day, TruthReceipt
from recond.cli import main

DATASETS = ("files", "receipts", "applications", "receivables", "journal", "exceptions", "returns")
START = date(2026, 11, 2)
# Seed, accounts, first day, days and payments a day of the cities that the suite knows.
CITIES = {
    "week": (20261102, 5_000, START, 6, 120),
    "other": (88, 5_000, date(2026, 2, 9), 6, 120),
    "big": (5, 5_000, START, 20, 300),
}
Row = dict[str, str]


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


def recond(*arguments: str) -> Done:
    """Run the command line in this process: to start Python for each day would be most of it."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    code: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(arguments))
        except SystemExit as leaving:
            code = leaving.code
    texts = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        texts.append(stream.read())
    return Done(code if isinstance(code, int) else int(bool(code)), *texts)


@dataclass
class Month:
    """What a month came to: its truth, recond's datasets, what the runs said."""

    truth: Truth
    home: Path
    exits: list[int] = field(default_factory=list)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)  # by file name
    data: dict[str, list[Row]] = field(default_factory=dict)
    _books: oracle.Books | None = None

    def export(self, name: str, as_of: date | None = None) -> list[Row]:
        """The rows of a dataset, as the books stood at the end of a day where one is given."""
        day = ["--as-of", as_of.isoformat()] if as_of else []
        wrote = recond("export", name, "--format", "csv", "--home", str(self.home), *day)
        assert wrote.code == 0, wrote.err
        return list(csv.DictReader(io.StringIO(wrote.out, newline="")))

    def receipts(self) -> dict[tuple[str, int], Row]:
        """Rows of dataset receipts by file name and line."""
        names = {row["file_id"]: row["name"] for row in self.data["files"]}
        return {(names[r["file_id"]], int(r["line"])): r for r in self.data["receipts"]}

    def pairs(self) -> Iterator[tuple[TruthReceipt, Row]]:
        """Each truth receipt with its row; all of them must be there."""
        found = self.receipts()
        for true in self.truth.receipts:
            yield true, found[true.file, true.line]

    def gone(self) -> set[str]:
        """Payments that were taken back and did not come again."""
        last = {one.payment: one.what for one in self.truth.comebacks}
        return {name for name, what in last.items() if what == "TAKEN"}

    def books(self) -> oracle.Books:
        """What the oracle says, worked out once: whoever takes it changes nothing of it."""
        if self._books is None:
            self._books = oracle.expected(self.truth.root, self.suspended())
        return self._books

    def suspended(self) -> set[str]:
        """Payments of class EITHER that recond did not post."""
        return {
            true.payment
            for true, row in self.pairs()
            if true.kind == "EITHER" and oracle.cents(row["suspense_amount"])
        }


def begin(truth: Truth, home: Path) -> Month:
    """A new home for a month, with the settings that its city needs."""
    done = recond("init", str(home))
    assert done.code == 0, done.err
    with (home / "recond.toml").open("a", encoding="utf-8") as settings:
        settings.write((truth.root / "settings.toml").read_text(encoding="utf-8"))
    return Month(truth, home)


def drop(month: Month, day: Day, other: Mapping[str, bytes] | None = None) -> None:
    """Drop the files of a day and process them as of that day; `other` contents by INBOX/NAME
    take the place of the day's own, or come beside them."""
    found = {f"{p.parent.name}/{p.name}": p.read_bytes() for p in day.folder.glob("*/*")}
    for name, content in sorted((found | dict(other or {})).items()):
        target = month.home / "inbox" / name
        target.write_bytes(content)
        os.utime(target, (1_750_000_000, 1_750_000_000))  # settled long ago
    as_of = day.as_of.isoformat()
    run = recond("process", "--home", str(month.home), "--as-of", as_of, "--json")
    assert run.code in (0, 1), f"{day.as_of}: {run.err[-3000:]}"
    month.exits.append(run.code)
    for line in run.out.splitlines():
        told = json.loads(line)
        month.said[told["name"]] = told


def read(month: Month) -> Month:
    """Export every dataset as of the last day."""
    for name in DATASETS:
        month.data[name] = month.export(name)
    return month


def process_month(truth: Truth, home: Path) -> Month:
    """Drop the files day by day, process each day as of its date, export everything."""
    month = begin(truth, home)
    for day in truth.days:
        drop(month, day)
    return read(month)


def process_city(name: str, folder: Path) -> Month:
    """One of CITIES, generated and processed below a folder."""
    return process_month(generate(*CITIES[name], folder / "files"), folder / "home")
