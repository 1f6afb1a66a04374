"""Invariants of bytes: each that came is in the archive and had one effect (I3, I4, I5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select

from recond import intake
from recond.check.books import MAX_ROWS, Books, Broken, keys_of_file
from recond.store import schema

receipt, file = schema.receipt, schema.file


def repeated_bytes(books: Books) -> list[Broken]:
    """The same bytes with an effect twice, or a duplicate with receipts of its own."""
    twice = (
        select(file.c.sha256, func.count().label("arrivals"))
        .where(file.c.duplicate_of.is_(None), file.c.state != "rejected")
        .group_by(file.c.sha256)
        .having(func.count() > 1)
    )
    effective = (
        select(file.c.file_id, receipt.c.receipt_no)
        .join(receipt, receipt.c.receipt_no.between(*keys_of_file()))
        .where(file.c.state == "duplicate")
    )
    return books.rows(twice) + books.rows(effective)


def missing_originals(books: Books) -> list[Broken]:
    """Files whose bytes are not in the archive under their SHA-256 and size."""
    broken: list[Broken] = []
    gone = set(books.connection.scalars(select(schema.disposal.c.sha256)))
    for row in _files(books):
        if row.sha256 in gone:
            continue  # a certificate says so: `pipeline.retention`
        path = intake.archived(books.home.path, row.sha256)
        found: str | None = None
        if not path.is_file():
            found = "missing"
        elif path.stat().st_size != row.size:
            found = f"{path.stat().st_size} bytes instead of {row.size}"
        elif books.read_archive and intake.hash_of(path) != row.sha256:
            found = "other bytes than its name says"
        if found:
            broken.append({"file_id": row.file_id, "sha256": row.sha256, "found": found})
            if len(broken) >= MAX_ROWS:
                break
    return broken


def _files(books: Books) -> Iterator[Any]:
    seen: set[str] = set()
    rows = books.connection.execute(
        select(file.c.file_id, file.c.sha256, file.c.size).order_by(file.c.file_no)
    )
    for row in rows:
        if row.sha256 not in seen:
            seen.add(row.sha256)
            yield row


def lost_arrivals(books: Books) -> list[Broken]:
    """Numbers of arrivals that are neither in the books nor in work/."""
    known = set(books.connection.scalars(select(file.c.file_no)))
    work = books.home.path / "work"
    claimed = {
        int(folder.name.split(".")[0])
        for inbox in (work.iterdir() if work.is_dir() else ())
        if inbox.is_dir()
        for folder in inbox.iterdir()
        if folder.name.split(".")[0].isdecimal()
    }
    last = max(known | claimed, default=0)
    lost = sorted(set(range(1, last + 1)) - known - claimed)
    return [{"file_no": number} for number in lost[:MAX_ROWS]]
