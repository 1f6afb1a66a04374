"""Records with a number of their own: counter receipts and card transactions.

A number that was seen before with the same content is skipped and counted; with other content it
is a conflict, and the record is held (contract section 4). A refund or chargeback may carry the
number of its sale: its numbers are its kind's own, and several over other amounts all count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond.arrays import bools
from recond.store import schema
from recond.store.engine import insert_table, stage

if TYPE_CHECKING:
    from recond.pipeline.payments import Arrival

NUMBERED_CHANNELS = ("CASHIER", "CARD")
Bools = npt.NDArray[np.bool_]

_KINDS = ("REFUND", "CHARGEBACK", "CHARGEBACK_REVERSAL", "FEE", "CONVENIENCE_FEE")
_CONTENT = (
    "tender", "amount_cents", "received_date", "account_on_item", "reference", "check_number",
    "trace_number", "payer_name", "taken_by",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """Which rows of a chunk were seen before (skipped) or contradict what was (conflicting)."""

    skipped: Bools
    conflicting: Bools
    skipped_aside: Bools


def judge(
    connection: Connection, arrival: Arrival, receipts: pa.Table, set_aside: pa.Table
) -> Seen:
    """Tell repetitions from conflicts and remember the numbers that are new.

    A held file remembers nothing: its numbers are not taken until somebody accepts it.
    """
    nothing = Seen(
        np.zeros(receipts.num_rows, np.bool_),
        np.zeros(receipts.num_rows, np.bool_),
        np.zeros(set_aside.num_rows, np.bool_),
    )
    if arrival.held:
        return nothing
    rows = [_of_receipts(receipts), _of_set_aside(set_aside, receipts)]
    twice, other = _sales_again(rows[0], receipts.num_rows)
    again = _on_lines(receipts, twice | other, set_aside)
    for row in np.flatnonzero(again).tolist():
        rows[1][0].pop(row, None)
    if not any(keys for keys, _ in rows):
        return nothing
    digests = _digests(rows)
    known = _known(connection, digests)
    # a payment whose rows fall into two chunks of this very file is no repetition
    own = {k for k, (_, file_no) in known.items() if file_no == arrival.file_no}
    before = {k: content for k, (content, _) in known.items() if k not in own}
    _remember(connection, arrival.file_no, {k: d for k, d in digests.items() if k not in known})
    same = {k for k in before if before[k] == digests[k]}
    return Seen(
        _mark(rows[0][0], receipts.num_rows, same) | twice,
        _mark(rows[0][0], receipts.num_rows, set(before) - same) | other,
        _mark(rows[1][0], set_aside.num_rows, {k for k in before if k in same or not _kinded(k)})
        | again,
    )


Key = tuple[str, str]  # source and number
Keyed = tuple[dict[int, Key], dict[int, str]]  # row → key, row → content


def _of_receipts(receipts: pa.Table) -> Keyed:
    """Counter and card receipts, by drawer or merchant and number. Rows become objects here:
    the rows of one number are one content, and only counters and cards have numbers."""
    chosen = pc.is_in(receipts["channel"], value_set=pa.array(NUMBERED_CHANNELS))
    places = np.flatnonzero(chosen.combine_chunks().to_numpy(zero_copy_only=False))
    if not len(places):
        return {}, {}
    part = receipts.take(pa.array(places))
    contents = pc.binary_join_element_wise(
        *(pc.fill_null(part[name].cast(pa.string()), "") for name in _CONTENT), "\x1f"
    ).to_pylist()
    keys = list(_receipt_keys(part))
    rows = [int(place) for place in places]
    return (
        {row: key for row, key in zip(rows, keys, strict=True) if key},
        dict(zip(rows, contents, strict=True)),
    )


def _receipt_keys(part: pa.Table) -> Iterator[Key | None]:
    for channel, drawer, sequence, batch, trace in zip(
        *(part[name].to_pylist() for name in ("channel", "drawer", "sequence", "batch",
                                               "trace_number")),
        strict=True,
    ):  # fmt: skip
        if channel == "CASHIER":
            yield (f"cashier:{drawer}", sequence) if sequence else None
        else:
            yield (f"card:{_merchant(batch)}", trace) if trace else None


def _merchant(batch: str | None) -> str:
    """The merchant of a card batch, whose number stands behind it."""
    return (batch or "").split(" ", 1)[0]


def _sales_again(sales: Keyed, count: int) -> tuple[Bools, Bools]:
    """Card sales whose number stands twice in the chunk, with the same and with other content;
    they are left out of `sales`. The rows of one counter receipt are its tenders."""
    keys, contents = sales
    twice, other = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    first: dict[Key, str] = {}
    for row, key in sorted(keys.items()):
        if key[0].startswith("card:") and key in first:
            (twice if first[key] == contents[row] else other)[row] = True
            del keys[row]
        first.setdefault(key, contents[row])
    return twice, other


def _on_lines(receipts: pa.Table, chosen: Bools, set_aside: pa.Table) -> Bools:
    """What is set aside from the lines of some receipts: the fees of those sales."""
    if not chosen.any() or not set_aside.num_rows:
        return np.zeros(set_aside.num_rows, np.bool_)
    lines = receipts["line"].filter(pa.array(chosen)).combine_chunks()
    return bools(pc.is_in(set_aside["line"], value_set=lines))


def _kinded(key: Key) -> bool:
    """Whether a number is that of a refund, chargeback or fee and not of a sale or void."""
    return key[0].startswith("card:") and key[0].rsplit(":", 1)[1] in _KINDS


def _of_set_aside(set_aside: pa.Table, receipts: pa.Table) -> Keyed:
    keys: dict[int, Key] = {}
    contents: dict[int, str] = {}
    names = ("kind", "trace_number", "drawer", "original", "amount_cents", "approved_by")
    records = set_aside.select([*names, "line"]).to_pylist()
    # A fee that stands beside a sale, refund or chargeback is of that one's number.
    owners = {one["line"]: f":{one['kind']}" for one in records if one["kind"] in _KINDS[:3]}
    owners |= dict.fromkeys(receipts["line"].to_pylist() if records else (), "")
    for row, record in enumerate(records):
        if record["kind"] not in ("VOID", *_KINDS) or not record["trace_number"]:
            continue
        counter = record["kind"] == "VOID"
        of = owners.get(record["line"], f":{record['kind']}")
        source = f"cashier:{record['drawer']}" if counter else f"card:{record['drawer'] or ''}{of}"
        keys[row] = (source, record["trace_number"])
        contents[row] = "\x1f".join(str(record[name]) for name in names)
    return keys, contents


def _digests(parts: list[Keyed]) -> dict[Key, str]:
    texts: dict[Key, list[str]] = {}
    for keys, contents in parts:
        for row, key in keys.items():
            texts.setdefault(key, []).append(contents[row])
    return {k: sha256("\x1e".join(t).encode()).hexdigest()[:32] for k, t in texts.items()}


def _known(connection: Connection, digests: dict[Key, str]) -> dict[Key, tuple[str, int]]:
    """Content and file of the numbers that were seen before."""
    wanted = pa.table(
        {
            "source": pa.array([key[0] for key in digests], pa.string()),
            "number": pa.array([key[1] for key in digests], pa.string()),
        }
    )
    staged = stage(connection, "numbers", wanted)
    record = schema.numbered_record
    rows = connection.execute(
        select(record.c.source, record.c.number, record.c.content, record.c.file_no).join(
            staged,
            (staged.c.source == record.c.source) & (staged.c.number == record.c.number),
        )
    )
    return {(row.source, row.number): (row.content, row.file_no) for row in rows}


def _remember(connection: Connection, file_no: int, fresh: dict[Key, str]) -> None:
    table = pa.table(
        {
            "source": pa.array([key[0] for key in fresh], pa.string()),
            "number": pa.array([key[1] for key in fresh], pa.string()),
            "content": pa.array(list(fresh.values()), pa.string()),
        }
    )
    insert_table(connection, schema.numbered_record, table, constants={"file_no": file_no})


def _mark(keys: dict[int, Key], count: int, chosen: set[Key]) -> Bools:
    marks = np.zeros(count, np.bool_)
    for row, key in keys.items():
        marks[row] = key in chosen
    return marks
