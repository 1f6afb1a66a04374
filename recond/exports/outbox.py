"""Files that recond hands on: postings for billing, refunds for accounts payable, journals for the
ERP. Line 1 `#recond,FILE_ID,BUSINESS_DATE`, line 2 the columns, then the lines, last
`#end,COUNT,TOTAL,SHA256` (contract section 5).

A file is written complete beside its name, then its row is committed, then it gets its name and is
read back. Whatever a crash leaves is finished by the next export of the same kind: the file that
waits has the committed SHA-256, or it is made again from the same rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
from sqlalchemy import Connection, Row, func, insert, select, update

from recond import durable
from recond.errors import InvariantError
from recond.exports.writers import COMPARE_BYTES, cells, csv_lines
from recond.ledger import instant
from recond.money import decimal_from_cents, format_cents
from recond.store import schema

outbox = schema.outbox


@dataclass(frozen=True, slots=True)
class Written:
    """One file handed on: its id, path, lines and total in cents."""

    file_id: str
    path: Path
    rows: int
    total_cents: int


@dataclass(slots=True)
class Sums:
    """What the lines of a file came to while they were written."""

    rows: int = 0
    cents: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """A file's own number, id and business date."""

    number: int
    file_id: str
    day: dt.date


class Content(Protocol):
    """What one file holds, read from the books again whenever it is asked for."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""

    def names(self) -> list[str]:
        """What the file's id grows from: the same content, the same id."""

    def lines(self, connection: Connection, head: Head, sums: Sums) -> Iterator[bytes]:
        """The lines between the columns and the end; `sums` grows with them."""

    def remember(self, connection: Connection, number: int) -> None:
        """Write down which file holds them, so that none goes out twice."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: `name` in the table `outbox` and of its folder below `exports/`, the letters
    that its ids begin with, and how its content is found again."""

    name: str
    letters: str
    again: Callable[[Connection, Row[Any]], Content]

    def file_id(self, number: int, content: Content) -> str:
        """`PF000001-` and twelve digits of what the file holds: rising, and from content."""
        digest = sha256("\n".join(content.names()).encode()).hexdigest()
        return f"{self.letters}{number:06d}-{digest[:12]}"


def few_lines(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], sums: Sums
) -> Iterator[bytes]:
    """Rows as lines of a file of some columns, their `amount` in cents; added to its sums.

    For what people decide one by one: a row at a time, so few that it does not matter.
    """
    shape = [(name, pa.int64() if name == "amount" else pa.string()) for name in columns]
    table = pa.Table.from_pylist(rows, schema=pa.schema(shape))
    amounts = decimal_from_cents(table["amount"].combine_chunks())
    texts = [amounts if name == "amount" else table[name].combine_chunks() for name in columns]
    yield csv_lines([cells(text) for text in texts], "\n")
    sums.rows += len(rows)
    sums.cents += sum(row["amount"] for row in rows)


def next_number(connection: Connection) -> int:
    """The number of the next file that recond hands on."""
    return int(connection.scalar(select(func.max(outbox.c.outbox_no))) or 0) + 1


def partial(path: Path) -> Path:
    """Where a file stands until its row is committed."""
    return path.with_name(f".{path.name}.partial")


def totals(connection: Connection, content: Content, head: Head) -> Sums:
    """What a file of this content would come to."""
    sums = Sums()
    for _ in content.lines(connection, head, sums):
        pass
    return sums


def write(connection: Connection, path: Path, content: Content, head: Head) -> tuple[Sums, str]:
    """Write a file durably; returns its sums and the SHA-256 of all its bytes."""
    sums, digest = Sums(), sha256()
    day = head.day.isoformat()
    with path.open("wb") as out:
        first = f"#recond,{head.file_id},{day}\n{','.join(content.columns)}\n"
        _put(out, digest, first.encode())
        for lines in content.lines(connection, head, sums):
            _put(out, digest, lines)
        total = format_cents(sums.cents)
        _put(out, digest, f"#end,{sums.rows},{total},{digest.hexdigest()}\n".encode())
        out.flush()
        durable.fsync(out.fileno(), path)
    return sums, digest.hexdigest()


def _put(out: BinaryIO, digest: Any, data: bytes) -> None:
    out.write(data)
    digest.update(data)


def record(
    connection: Connection,
    kind: Kind,
    head: Head,
    written: Written,
    digest: str,
    now: dt.datetime,
    actor: str,
    layout: str | None = None,
) -> None:
    """Write the file's row: from here on it is written."""
    row = {
        "outbox_no": head.number,
        "kind": kind.name,
        "file_id": head.file_id,
        "business_date": head.day.isoformat(),
        "written_at": instant(now),
        "written_by": actor,
        "rows": written.rows,
        "total_cents": written.total_cents,
        "sha256": digest,
        "layout": layout,
        "known_ack": connection.scalar(select(func.max(schema.acknowledgement.c.ack_no))) or 0,
        "delivered": 0,
    }
    connection.execute(insert(outbox), [row])


def deliver(connection: Connection, kind: Kind, folder: Path) -> list[Path]:
    """Give every committed file of a kind its name, read it back and mark it delivered.

    Raises InvariantError when the bytes of a file that is not delivered yet are not those that
    were committed.
    """
    done = []
    rows = connection.execute(
        select(outbox)
        .where(outbox.c.delivered == 0, outbox.c.kind == kind.name)
        .order_by(outbox.c.outbox_no)
    ).all()
    for row in rows:
        path = folder / f"{row.file_id}.csv"
        if not path.exists():
            _finish(connection, kind, row, path)
        if _digest(path) != row.sha256:
            raise InvariantError(f"{path} does not hold the bytes that were committed for it")
        connection.execute(
            update(outbox).where(outbox.c.outbox_no == row.outbox_no).values(delivered=1)
        )
        done.append(path)
    return done


def _finish(connection: Connection, kind: Kind, row: Row[Any], path: Path) -> None:
    waiting = partial(path)
    if not waiting.exists() or _digest(waiting) != row.sha256:
        waiting.unlink(missing_ok=True)
        head = Head(row.outbox_no, row.file_id, dt.date.fromisoformat(row.business_date))
        write(connection, waiting, kind.again(connection, row), head)
    durable.move(waiting, path)
    durable.fsync_folder(path.parent)


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as source:
        while block := source.read(COMPARE_BYTES):
            digest.update(block)
    return digest.hexdigest()
