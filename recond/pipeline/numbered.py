"""Records with a number of their own: counter receipts, voids and card transactions.

A number that was seen before with the same content, in another file or further up in this one, is
skipped and counted; with other content it is a conflict, and the record is held (contract
section 4). A refund or chargeback may carry the number of its sale, and several of them one
number: their numbers are those of their kind and amount.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

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
VOID, HELD = "VOID", "_HELD"  # a kind of what is set aside; behind the kind of what is held
Bools = npt.NDArray[np.bool_]

_OWNERS = ("REFUND", "CHARGEBACK", "CHARGEBACK_REVERSAL")  # whose fee may stand beside them
_KINDS = (*_OWNERS, "FEE", "CONVENIENCE_FEE")
_CONTENT = (
    "tender", "amount_cents", "received_date", "account_on_item", "reference", "check_number",
    "trace_number", "payer_name", "taken_by",
)  # fmt: skip
_ASIDE_CONTENT = ("kind", "trace_number", "drawer", "original", "amount_cents", "approved_by")
_ASIDE = (*_ASIDE_CONTENT, "line", "batch_ord")


@dataclass(frozen=True, slots=True)
class Seen:
    """Which rows of a chunk were seen before (skipped) or contradict what was (conflicting), of
    its receipts and of what it sets aside; and how many of its lines were skipped."""

    skipped: Bools
    conflicting: Bools
    skipped_aside: Bools
    conflicting_aside: Bools
    skipped_rows: int = 0

    @classmethod
    def nothing(cls, receipts: int, aside: int) -> Seen:
        """Chunks of so many rows of which none was seen."""
        one, two, three, four = (
            np.zeros(size, np.bool_) for size in (receipts, receipts, aside, aside)
        )
        return cls(one, two, three, four)


Key = tuple[str, str]  # source and number


class _Row(NamedTuple):
    """A row of a record, in the order of lines: what is set aside stands behind the receipts of
    its line. `part` tells records of one number apart. A tuple: cards make many of them."""

    line: int
    aside: bool
    place: int
    key: Key
    part: object
    content: str


def judge(
    connection: Connection, arrival: Arrival, receipts: pa.Table, set_aside: pa.Table
) -> Seen:
    """Tell repetitions from conflicts and remember the numbers that are new.

    What is held, a file or a batch of it, remembers nothing: its numbers are not taken until
    somebody accepts it. The first of several records of a chunk with one number stands.
    """
    seen = Seen.nothing(receipts.num_rows, set_aside.num_rows)
    if arrival.held:
        return seen
    records = _records(receipts, set_aside, arrival.held_batches)
    if not records:
        return seen
    known = _known(connection, {rows[0].key for rows in records})
    fresh: dict[Key, str] = {}
    lines = 0
    for rows in records:
        key, digest = rows[0].key, _digest(rows)
        before = known.get(key)
        if before is None:
            known[key] = fresh[key] = digest
            continue
        same = before == digest
        lines += len({row.line for row in rows}) if same else 0
        ours, aside = (
            (seen.skipped, seen.skipped_aside) if same
            else (seen.conflicting, seen.conflicting_aside)
        )  # fmt: skip
        for row in rows:
            (aside if row.aside else ours)[row.place] = True
    _remember(connection, arrival.file_no, fresh)
    return replace(seen, skipped_rows=lines)


def with_held(set_aside: pa.Table, seen: Seen) -> pa.Table:
    """What a chunk sets aside (SET_ASIDE) without what was skipped; a void that conflicts, or the
    fee of a sale that does, is kept under a kind that nothing acts on (VOID_HELD, FEE_HELD)."""
    if not set_aside.num_rows:
        return set_aside
    held = pc.binary_join_element_wise(set_aside["kind"], HELD, "")
    kind = pc.if_else(pa.array(seen.conflicting_aside), held, set_aside["kind"])
    at = set_aside.schema.get_field_index("kind")
    told = set_aside.set_column(at, set_aside.schema.field(at), kind)
    return told.filter(pa.array(~seen.skipped_aside))


def _records(receipts: pa.Table, set_aside: pa.Table, held: frozenset[int]) -> list[list[_Row]]:
    """The numbered records of a chunk in the order of their first lines, each as its rows: a
    counter receipt is all rows of its number, a void too; a card transaction is one line.

    Rows become objects here: the rows of one number are one content, and only counters and cards
    have numbers.
    """
    found: dict[tuple[Key, object], list[_Row]] = {}
    for row in sorted((*_of_receipts(receipts, held), *_of_set_aside(set_aside, receipts, held))):
        found.setdefault((row.key, row.part), []).append(row)
    return list(found.values())


def _digest(rows: list[_Row]) -> str:
    return sha256("\x1e".join([row.content for row in rows]).encode()).hexdigest()[:32]


def _of_receipts(receipts: pa.Table, held: frozenset[int]) -> Iterator[_Row]:
    """Counter and card receipts, by drawer or merchant and number."""
    chosen = pc.is_in(receipts["channel"], value_set=pa.array(NUMBERED_CHANNELS))
    places = np.flatnonzero(bools(chosen) & ~_in_batches(receipts, held))
    if not len(places):
        return
    part = receipts.take(pa.array(places))
    contents = pc.binary_join_element_wise(
        *(pc.fill_null(part[name].cast(pa.string()), "") for name in _CONTENT), "\x1f"
    ).to_pylist()
    names = ("channel", "drawer", "sequence", "batch", "trace_number", "line")
    columns = [part[name].to_pylist() for name in names]
    for place, content, channel, drawer, sequence, batch, trace, line in zip(
        places.tolist(), contents, *columns, strict=True
    ):
        if channel == "CASHIER" and sequence:
            yield _Row(line, False, place, (f"cashier:{drawer}", sequence), None, content)
        elif channel == "CARD" and trace:
            yield _Row(line, False, place, (f"card:{_merchant(batch)}", trace), line, content)


def _in_batches(table: pa.Table, held: frozenset[int]) -> Bools:
    if not held:
        return np.zeros(table.num_rows, np.bool_)
    return bools(pc.is_in(table["batch_ord"], value_set=pa.array(sorted(held), pa.int32())))


def _merchant(batch: str | None) -> str:
    """The merchant of a card batch, whose number stands behind it."""
    return (batch or "").split(" ", 1)[0]


def _of_set_aside(set_aside: pa.Table, receipts: pa.Table, held: frozenset[int]) -> Iterator[_Row]:
    """Voids, and what is no sale of a card. A fee that stands beside a sale, refund or chargeback
    belongs to that one."""
    records = set_aside.select(_ASIDE).to_pylist()
    owners: dict[int, Any] = {one["line"]: one for one in records if one["kind"] in _OWNERS}
    sales = set(receipts["line"].to_pylist()) if records else set()
    for place, one in enumerate(records):
        number, line = one["trace_number"], one["line"]
        if one["kind"] not in (VOID, *_KINDS) or not number or one["batch_ord"] in held:
            continue
        source, part = f"card:{one['drawer'] or ''}", line
        if one["kind"] == VOID:
            source, part = f"cashier:{one['drawer']}", (VOID, one["original"])
        elif line not in sales:
            owner = owners.get(line, one)
            source = f"{source}:{owner['kind']}"
            number = f"{number} {owner['amount_cents']}"
        content = "\x1f".join(str(one[name]) for name in _ASIDE_CONTENT)
        yield _Row(line, True, place, (source, number), part, content)


def _known(connection: Connection, keys: set[Key]) -> dict[Key, str]:
    """Content of the numbers that were seen before."""
    ordered = sorted(keys)
    wanted = pa.table(
        {
            "source": pa.array([key[0] for key in ordered], pa.string()),
            "number": pa.array([key[1] for key in ordered], pa.string()),
        }
    )
    staged = stage(connection, "numbers", wanted)
    record = schema.numbered_record
    rows = connection.execute(
        select(record.c.source, record.c.number, record.c.content).join(
            staged,
            (staged.c.source == record.c.source) & (staged.c.number == record.c.number),
        )
    )
    return {(row.source, row.number): row.content for row in rows}


def _remember(connection: Connection, file_no: int, fresh: dict[Key, str]) -> None:
    table = pa.table(
        {
            "source": pa.array([key[0] for key in fresh], pa.string()),
            "number": pa.array([key[1] for key in fresh], pa.string()),
            "content": pa.array(list(fresh.values()), pa.string()),
        }
    )
    insert_table(connection, schema.numbered_record, table, constants={"file_no": file_no})
