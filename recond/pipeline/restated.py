"""A corrected bank statement in place of an earlier one (`files accept --replace`).

What both say stands as it is, with all that was done about it since. A line that only the earlier
one has is withdrawn: its money leaves the books, and nothing pairs with it any more. A line that
only the new one has is new.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, insert, select

from recond import ids
from recond.arrays import ints
from recond.errors import RefusedError
from recond.model import BANK_LINES
from recond.money import format_cents
from recond.pipeline import bankbook, moves, suspense, voids
from recond.pipeline.run import Run
from recond.posting import numbered_within
from recond.store import schema
from recond.store.engine import fetch_arrow
from recond.store.withdrawals import is_withdrawn, replaced_by

line, withdrawn = schema.bank_line, schema.withdrawn
_SAID = ("bank_account", "value_date", "type_code", "amount_cents", "reference",
         "customer_reference", "text", "same_day")  # fmt: skip
_KEY = pa.schema([pa.field("key", pa.int64()), *(BANK_LINES.field(name) for name in _SAID)])


@dataclass(frozen=True, slots=True)
class Restated:
    """What a corrected statement changes: how many lines were withdrawn, and the ordinals of its
    own lines that stand already."""

    withdrawn: int
    repeated: pa.Array


def restate(
    connection: Connection, run: Run, files: tuple[int, int], lines: pa.Table, words: str
) -> Restated:
    """Let the second of two statements, with these BANK_LINES, take the place of the first.

    Raises RefusedError when a line that it does not repeat is settled or its money has left: a
    person takes that back first.
    """
    earlier_no, file_no = files
    standing = [earlier_no, *replaced_by(connection, earlier_no)]
    before = fetch_arrow(
        connection,
        select((line.c.file_no * (1 << schema.ORDINAL_BITS) + line.c.ordinal).label("key"),
               *(line.c[name] for name in _SAID))
        .where(line.c.file_no.in_(standing), ~is_withdrawn())
        .order_by(line.c.file_no, line.c.ordinal),
        _KEY,
    )  # fmt: skip
    now = lines.select(["ordinal", *_SAID]).rename_columns(_KEY.names).cast(_KEY)
    old, new = _told_apart(before, now)
    left = before.filter(pa.array(~np.isin(old, new)))
    keys = ints(left["key"])
    _refuse(connection, keys)
    bankbook.close_lines(connection, keys)
    moves.take_out(connection, run, keys.tolist(), "replaced", words)
    gone = pa.table(
        {
            "file_no": keys >> schema.ORDINAL_BITS,
            "ordinal": keys & bankbook.LOW,
            "amount_cents": left["amount_cents"],
        }
    )
    suspense.answer_debits(connection, run, gone, words)
    _remember(connection, run, left, earlier_no, file_no)
    return Restated(len(keys), now["key"].filter(pa.array(np.isin(new, old))).combine_chunks())


def _told_apart(before: pa.Table, now: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """A number for what each line says, the second of two equal lines of a statement another."""
    texts = [
        pc.fill_null(pa.chunked_array([*before[name].cast(pa.string()).chunks,
                                       *now[name].cast(pa.string()).chunks], pa.string()), "\0")
        for name in _SAID
    ]  # fmt: skip
    said = pc.binary_join_element_wise(*texts, "\x1f").combine_chunks().dictionary_encode()
    code = said.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    found = []
    for part in (code[: before.num_rows], code[before.num_rows :]):
        order = np.argsort(part, kind="stable")
        place = np.empty(len(part), np.int64)
        place[order] = np.asarray(numbered_within(part[order]), np.int64)
        found.append((part << schema.ORDINAL_BITS) | place)
    return found[0], found[1]


def _refuse(connection: Connection, keys: np.ndarray) -> None:
    """Raise RefusedError about the first line whose cents are settled or have left."""
    if not len(keys):
        return
    clearing = schema.clearing.c
    files = np.unique(keys >> schema.ORDINAL_BITS).tolist()
    key = clearing.file_no * (1 << schema.ORDINAL_BITS) + clearing.ordinal
    settled = set(
        connection.scalars(
            select(key)
            .where(clearing.file_no.in_(files))
            .group_by(key)
            .having(func.sum(clearing.cents) != 0)
        )
    )
    left = {
        number: why
        for number, owner in moves.standing(connection, keys.tolist()).items()
        if (why := voids.gone(connection, owner)) is not None
    }
    for number in keys.tolist():
        why = "is settled" if number in settled else left.get(number)
        if why is not None:
            file_no, ordinal = number >> schema.ORDINAL_BITS, number & bankbook.LOW
            row = connection.execute(
                select(line.c.line, line.c.amount_cents).where(
                    line.c.file_no == file_no, line.c.ordinal == ordinal
                )
            ).one()
            name = ids.files_of(connection, {file_no})[file_no]
            raise RefusedError(
                f"the corrected statement has no line like L{name[1:]}-{ordinal}"
                f" ({format_cents(row.amount_cents)}, line {row.line}), which {why};"
                " take that back first (queue undo), then accept"
            )


def _remember(
    connection: Connection, run: Run, left: pa.Table, earlier_no: int, file_no: int
) -> None:
    cutoff = run.cutoff(connection)
    own = schema.statement.c  # its balances leave the month in whose reconciliation they stand
    day = connection.scalar(select(func.min(own.first_date)).where(own.file_no == earlier_no))
    last = connection.scalar(select(func.max(withdrawn.c.withdrawn_no))) or 0
    same = {"by_file_no": file_no, "business_date": run.today.isoformat()}
    rows = [{"file_no": earlier_no, "ordinal": None, "period": cutoff.month(day), **same}]
    periods = cutoff.months(left["value_date"]).to_pylist()
    for number, period in zip(left["key"].to_pylist(), periods, strict=True):
        place = {"file_no": number >> schema.ORDINAL_BITS, "ordinal": number & bankbook.LOW}
        rows.append({**place, "period": period, **same})
    numbered = [{"withdrawn_no": last + number, **row} for number, row in enumerate(rows, 1)]
    connection.execute(insert(withdrawn), numbered)
