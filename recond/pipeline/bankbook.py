"""What the bank brought, in the books: entries, clearings, and lines that are explained."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, func, select

from recond import ids, posting
from recond.arrays import Ints, ints
from recond.ledger import BOOKED, Source, instant
from recond.pipeline.run import Run
from recond.posting import LEGS
from recond.store import schema
from recond.store.engine import insert_table, stage

clearing = schema.clearing
LOW = (1 << schema.ORDINAL_BITS) - 1


def book(connection: Connection, run: Run, rows: pa.Table, accounts: pa.Array, words: str) -> Ints:
    """Dr bank, Cr `accounts` (one a row), the reverse for debits: one entry a statement file and
    value date. Returns the entry of each row."""
    names = ids.files_of(connection, set(pc.unique(rows["file_no"]).to_pylist()))
    coded = pc.binary_join_element_wise(
        rows["file_no"].cast(pa.string()), rows["value_date"].cast(pa.string()), "|"
    ).combine_chunks().dictionary_encode()  # fmt: skip
    place = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    ledger = run.ledger(connection)
    first = ledger.next_entry_no()
    entry_no: Ints = first + place
    again = _again(connection, rows)
    heads = []
    for number, label in enumerate(coded.dictionary.to_pylist()):  # one a file and day
        file_no, day = label.split("|")
        mine = rows.filter(pa.array(place == number))
        digest = sha256(
            ",".join(
                f"{a}:{b}"
                for a, b in zip(
                    mine["ordinal"].to_pylist(), mine["deposit_no"].to_pylist(), strict=True
                )
            ).encode()
        ).hexdigest()[: ids.HEX_DIGITS] + again.get(int(file_no), "")
        heads.append(
            {
                "entry_no": first + number,
                "key": f"clear-{names[int(file_no)][1:]}-{day}-{digest}",
                "effective_date": dt.date.fromisoformat(day),
            }
        )
    chart, cents, count = run.chart, rows["cents"], rows.num_rows
    pool = pa.repeat(pa.scalar(chart.pool_fund), count)
    bank = pa.repeat(pa.scalar(chart.bank), count)
    numbers = pa.array(entry_no, pa.int64())
    legs = pa.concat_tables(
        [
            pa.table([numbers, pool, bank, cents], schema=LEGS),
            pa.table([numbers, pool, accounts, pc.negate(cents)], schema=LEGS),
        ]
    )
    entries = pa.Table.from_pylist(heads, schema=BOOKED)
    ledger.book(entries, legs, Source("clear", "", words))
    return entry_no


def _again(connection: Connection, rows: pa.Table) -> dict[int, str]:
    """By file: what tells an entry from earlier ones of the same lines (they were linked and
    unlinked before)."""
    keys = (ints(rows["file_no"]) << schema.ORDINAL_BITS) | ints(rows["ordinal"])
    most: dict[int, int] = {}
    for key, count in _counts(connection, keys).items():
        file_no = key >> schema.ORDINAL_BITS
        most[file_no] = max(count, most.get(file_no, 0))
    return {file_no: f"-{count}" for file_no, count in most.items()}


def open_line(connection: Connection, key: int) -> None:
    """Put a line back on the list of what is not explained."""
    row = {"file_no": key >> schema.ORDINAL_BITS, "ordinal": key & LOW}
    insert_table(connection, schema.open_line, row)


def remember(connection: Connection, run: Run, rows: pa.Table) -> None:
    """Write `clearing` rows: line (file_no, ordinal), deposit_no, cents, rule, evidence, entry."""
    names = ids.files_of(connection, set(pc.unique(rows["file_no"]).to_pylist()))
    file_no, ordinal = ints(rows["file_no"]), ints(rows["ordinal"])
    last = connection.scalar(select(func.max(clearing.c.clearing_no))) or 0
    key = (file_no << schema.ORDINAL_BITS) | ordinal
    before = _counts(connection, key)
    place = np.array([before.get(int(one), 0) for one in key], np.int64)
    place += np.asarray(posting.numbered_within(key))
    texts = [
        f"C{names[int(a)][1:]}-{b}-{n}" for a, b, n in zip(file_no, ordinal, place, strict=True)
    ]
    table = rows.select(["file_no", "ordinal", "deposit_no", "cents", "rule", "evidence",
                         "entry_no"])  # fmt: skip
    table = table.append_column("clearing_id", pa.array(texts, pa.string()))
    numbers = np.arange(last + 1, last + 1 + len(key))
    table = table.append_column("clearing_no", pa.array(numbers, pa.int64()))
    constants = {"business_date": run.today.isoformat(), "cleared_at": instant(run.clock())}
    insert_table(connection, clearing, table, constants=constants)


def _counts(connection: Connection, keys: Ints) -> dict[int, int]:
    """How many clearings lines have already."""
    numbers = pa.array(np.unique(keys), pa.int64())
    table = pa.table(
        {
            "file_no": pc.shift_right(numbers, schema.ORDINAL_BITS),
            "ordinal": pc.bit_wise_and(numbers, LOW),
        }
    )
    staged = stage(connection, "cleared_lines", table)
    rows = connection.execute(
        select(clearing.c.file_no, clearing.c.ordinal, func.count())
        .join(
            staged,
            (staged.c.file_no == clearing.c.file_no) & (staged.c.ordinal == clearing.c.ordinal),
        )
        .group_by(clearing.c.file_no, clearing.c.ordinal)
    )
    return {schema.receipt_key(row[0], row[1]): row[2] for row in rows}


def close_lines(connection: Connection, keys: Ints) -> None:
    """Take lines off the list of what is not explained."""
    numbers = pa.array(np.sort(keys), pa.int64())
    table = pa.table(
        {
            "file_no": pc.shift_right(numbers, schema.ORDINAL_BITS),
            "ordinal": pc.bit_wise_and(numbers, LOW),
        }
    )
    opened = schema.open_line
    staged = stage(connection, "closed_lines", table, key=("file_no", "ordinal"))
    found = select(staged.c.ordinal).where(
        staged.c.file_no == opened.c.file_no, staged.c.ordinal == opened.c.ordinal
    )
    connection.execute(delete(opened).where(found.exists()))
