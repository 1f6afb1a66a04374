"""The posting file for the billing system (contract section 5).

A posting is a placement row on an item or on account, of a payment that recond posts to billing;
its id is that row's. An entry goes out once, in one file; a file is written complete beside its
name, then its row is committed, then it gets its name and is read back. Whatever a crash leaves
is finished by the next `export postings`: the file that waits has the committed SHA-256, or it is
made again from the same rows.

Type: PAYMENT for money that comes to an account; REVERSAL for money taken back; where a decision
moves money between an account's items, its credit, or accounts, all its rows are a TRANSFER and
sum to zero.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, and_, case, func, insert, literal, null, select, update

from recond import durable
from recond.errors import InvariantError
from recond.exports.columns import FileIds, fetch, int64s
from recond.exports.receipts import closes, deposit_dates
from recond.exports.scope import Scope
from recond.exports.writers import COMPARE_BYTES, cells, csv_lines
from recond.ledger import instant
from recond.model import CREDIT, ITEM
from recond.money import decimal_from_cents, format_cents
from recond.receivables.containment import undone
from recond.store import schema
from recond.store.engine import insert_table, stage

COLUMNS = (
    "posting_id", "type", "account_number", "item_number", "amount", "received_date",
    "deposit_date", "gl_date", "channel", "tender", "reference", "reverses_posting_id", "reason",
)  # fmt: skip
placement, decision, entry = schema.placement, schema.decision, schema.entry
outbox, posted = schema.outbox, schema.posted_entry

_RAW = pa.schema(
    [("receipt_no", pa.int64()), ("version", pa.int64()), ("line", pa.int64()),
     ("cents", pa.int64()), ("moved", pa.int64()), ("reverses_version", pa.int64()),
     ("reverses_line", pa.int64()), ("account_number", pa.string()),
     ("item_number", pa.string()), ("gl_date", pa.string()), ("rule", pa.string()),
     ("reason", pa.string()), ("received_date", pa.date32()), ("deposit_date", pa.date32()),
     ("channel", pa.string()), ("tender", pa.string()), ("reference", pa.string()),
     ("drawer", pa.string())]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """One posting file: its id, path, lines and total in cents."""

    file_id: str
    path: Path
    rows: int
    total_cents: int


@dataclass(slots=True)
class _Sums:
    """What the body of a file came to while it was written."""

    rows: int = 0
    cents: int = 0


def is_posting(rows: Any) -> Any:
    """SQL: a placement row (`rows`: the table's columns) that billing is told of, if its payment
    is one that recond posts."""
    return and_(rows.bucket.in_([ITEM, CREDIT]), rows.cents != 0, ~undone(rows))


def fresh_entries(connection: Connection, as_of: dt.date) -> list[tuple[int, str]]:
    """Number and id of the entries with postings that stand in no file yet, in order."""
    rows = placement.c
    known = (
        select(entry.c.entry_no, entry.c.entry_id)
        .outerjoin(posted, posted.c.entry_no == entry.c.entry_no)
        .where(posted.c.entry_no.is_(None), entry.c.business_date <= as_of.isoformat())
        .subquery()
    )
    wanted = (
        select(known.c.entry_no, known.c.entry_id)
        .distinct()
        .select_from(decision)
        .join(known, known.c.entry_no == decision.c.entry_no)
        .join(placement, _same_version())
        .join(schema.file, _owner())
        .where(is_posting(rows), schema.file.c.posted_by == "recond")
        .order_by(known.c.entry_no)
    )
    return [(row.entry_no, row.entry_id) for row in connection.execute(wanted)]


def _same_version() -> Any:
    return and_(
        decision.c.receipt_no == placement.c.receipt_no, decision.c.version == placement.c.version
    )


def _owner() -> Any:
    """The file of a decision, by the range of its receipts' keys."""
    size = 1 << schema.ORDINAL_BITS
    first = schema.file.c.file_no * size
    return decision.c.receipt_no.between(first, first + (size - 1))


def file_id(number: int, entry_ids: list[str]) -> str:
    """`PF000001-` and twelve digits of what the file holds: rising, and from content."""
    digest = sha256("\n".join(entry_ids).encode()).hexdigest()
    return f"PF{number:06d}-{digest[:12]}"


def body(
    connection: Connection, entry_nos: list[int], scope: Scope, sums: _Sums
) -> Iterator[bytes]:
    """The lines of the postings of some entries."""
    staged = stage(
        connection, "posted_now", pa.table({"entry_no": pa.array(entry_nos, pa.int64())})
    )
    files, known = FileIds.load(connection), closes(connection, scope)
    for found in fetch(connection, _rows(staged), _RAW):
        table = pa.Table.from_batches([found])
        yield csv_lines([cells(column) for column in _columns(table, files, known)], "\n")
        sums.rows += found.num_rows
        sums.cents += pc.sum(found["cents"]).as_py()


def _rows(staged: Any) -> Select[Any]:
    rows, receipt = placement.c, schema.receipt.c
    other = placement.alias()
    moved = (
        select(func.sum(other.c.cents))
        .where(
            other.c.receipt_no == rows.receipt_no, other.c.version == rows.version,
            other.c.bucket.in_([ITEM, CREDIT]),
        )
        .scalar_subquery()
    )  # fmt: skip
    reference = func.coalesce(
        receipt.check_number, receipt.trace_number, receipt.sequence, receipt.reference
    )
    return (
        select(
            rows.receipt_no, rows.version, rows.line, rows.cents,
            # a first placing is a payment whatever its sum; only later versions move money
            case((rows.version == 1, null()), else_=moved),
            rows.reverses_version, rows.reverses_line, schema.account.c.account_number,
            schema.item.c.item_number, entry.c.effective_date, decision.c.rule,
            case((rows.version == 1, literal("")), else_=decision.c.evidence),
            receipt.received_date, receipt.deposit_date, receipt.channel, receipt.tender,
            reference, receipt.drawer,
        )
        .select_from(decision)
        .join(staged, staged.c.entry_no == decision.c.entry_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(placement, _same_version())
        .join(schema.receipt, receipt.receipt_no == rows.receipt_no)
        .join(schema.file, _owner())
        .join(schema.account, schema.account.c.account_key == rows.account_key)
        .outerjoin(schema.item, schema.item.c.item_key == rows.item_key)
        .where(is_posting(rows), schema.file.c.posted_by == "recond")
        .order_by(decision.c.entry_no, rows.receipt_no, rows.version, rows.line)
    )  # fmt: skip


def _columns(found: pa.Table, files: FileIds, known: pa.Table) -> list[pa.Array]:
    one = {name: found[name].combine_chunks() for name in found.column_names}
    numbers = int64s(one["receipt_no"])
    transfer = pc.fill_null(pc.equal(one["moved"], 0), False)
    back = pc.and_(pc.greater(one["version"], 1), pc.less(one["cents"], 0))
    kind = pc.if_else(transfer, "TRANSFER", pc.if_else(back, "REVERSAL", "PAYMENT"))
    made = {
        "posting_id": files.postings(numbers, one["version"], one["line"]),
        "type": kind,
        "amount": decimal_from_cents(one["cents"]),
        "deposit_date": deposit_dates(found, known),
        "reverses_posting_id": files.postings(
            numbers, one["reverses_version"], one["reverses_line"]
        ),
    }
    return [made[name] if name in made else one[name] for name in COLUMNS]


# --- writing --------------------------------------------------------------------------------------


def deliver(connection: Connection, folder: Path) -> list[Path]:
    """Give every committed file its name, read it back and mark it delivered.

    Raises InvariantError when the bytes of a file that is not delivered yet are not those that
    were committed.
    """
    done = []
    rows = connection.execute(
        select(outbox).where(outbox.c.delivered == 0).order_by(outbox.c.outbox_no)
    ).all()
    for row in rows:
        path = folder / f"{row.file_id}.csv"
        if not path.exists():
            _finish(connection, row, path)
        if _digest(path) != row.sha256:
            raise InvariantError(f"{path} does not hold the bytes that were committed for it")
        connection.execute(
            update(outbox).where(outbox.c.outbox_no == row.outbox_no).values(delivered=1)
        )
        done.append(path)
    return done


def _finish(connection: Connection, row: Any, path: Path) -> None:
    waiting = partial(path)
    if not waiting.exists() or _digest(waiting) != row.sha256:
        waiting.unlink(missing_ok=True)
        numbers = list(
            connection.scalars(
                select(posted.c.entry_no)
                .where(posted.c.outbox_no == row.outbox_no)
                .order_by(posted.c.entry_no)
            )
        )
        write(connection, waiting, row.file_id, numbers, dt.date.fromisoformat(row.business_date))
    durable.move(waiting, path)
    durable.fsync_folder(path.parent)


def partial(path: Path) -> Path:
    """Where a file stands until its row is committed."""
    return path.with_name(f".{path.name}.partial")


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as source:
        while block := source.read(COMPARE_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write(
    connection: Connection, path: Path, name: str, entry_nos: list[int], day: dt.date
) -> tuple[_Sums, str]:
    """Write a posting file durably; returns its sums and the SHA-256 of all its bytes."""
    sums, digest = _Sums(), sha256()
    with path.open("wb") as out:
        _put(out, digest, f"#recond,{name},{day.isoformat()}\n{','.join(COLUMNS)}\n".encode())
        for lines in body(connection, entry_nos, Scope(day, day), sums):
            _put(out, digest, lines)
        total = format_cents(sums.cents)
        _put(out, digest, f"#end,{sums.rows},{total},{digest.hexdigest()}\n".encode())
        out.flush()
        durable.fsync(out.fileno(), path)
    return sums, digest.hexdigest()


def totals(connection: Connection, entry_nos: list[int], day: dt.date) -> _Sums:
    """What a file of these entries would come to."""
    sums = _Sums()
    for _ in body(connection, entry_nos, Scope(day, day), sums):
        pass
    return sums


def _put(out: BinaryIO, digest: Any, data: bytes) -> None:
    out.write(data)
    digest.update(data)


def record(
    connection: Connection,
    number: int,
    entry_nos: list[int],
    written: Written,
    digest: str,
    day: dt.date,
    now: dt.datetime,
    actor: str,
) -> None:
    """Write the file's row and which entries it holds: from here on it is written."""
    row = {
        "outbox_no": number,
        "kind": "postings",
        "file_id": written.file_id,
        "business_date": day.isoformat(),
        "written_at": instant(now),
        "written_by": actor,
        "rows": written.rows,
        "total_cents": written.total_cents,
        "sha256": digest,
        "delivered": 0,
    }
    connection.execute(insert(outbox), [row])
    insert_table(
        connection,
        posted,
        pa.table({"entry_no": pa.array(entry_nos, pa.int64())}),
        constants={"outbox_no": number},
    )


def next_number(connection: Connection) -> int:
    """The number of the next file that recond hands on."""
    return int(connection.scalar(select(func.max(outbox.c.outbox_no))) or 0) + 1
