"""What the books know of the payer of an open question: whom its money went to before.

Two sources. The bank account that pays, by its keyed hash: on which accounts its payments stand.
And what people said about a reference that nothing else knows (receivables/memory.py). Both only
suggest here; whether they may lead a payment is an office's setting (matching/leads.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from recond.matching.references import keys
from recond.model import CREDIT, ITEM
from recond.receivables.memory import count_memory
from recond.store import schema
from recond.store.engine import stage

FEW = 5  # a bank account that paid more accounts than this is a paying agent's: it says nothing


@dataclass(frozen=True, slots=True)
class Payer:
    """Of a question: its receipt, the payer's hash, and the references as read (normal form)."""

    receipt_no: int
    payer_key: int | None
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """How often the payer's money went to an account, and when last (ISO date)."""

    count: int
    last: str
    reference: str = ""  # by what it wrote; empty: by its bank account

    @property
    def words(self) -> str:
        """For the reason of a suggestion."""
        times = {1: "once", 2: "twice"}.get(self.count, f"{self.count} times")
        if self.reference:
            return f"people put {self.reference} on it {times} before, last {self.last}"
        return f"this payer paid it {times} before, last {self.last}"


def paid_before(
    connection: Connection, payers: Mapping[int, Payer]
) -> dict[tuple[int, int], Before]:
    """What went before by (exception_no, account_key)."""
    return {**_told(connection, payers), **_paid(connection, payers)}


def _paid(connection: Connection, payers: Mapping[int, Payer]) -> dict[tuple[int, int], Before]:
    wanted: dict[int, list[int]] = {}
    for number, payer in payers.items():
        if payer.payer_key is not None:
            wanted.setdefault(payer.payer_key, []).append(number)
    if not wanted:
        return {}
    keys_of = pa.table({"payer_key": pa.array(sorted(wanted), pa.int64())})
    staged = stage(connection, "asked_payers", keys_of, key=("payer_key",)).c
    owners = pa.array(sorted({payer.receipt_no for payer in payers.values()}), pa.int64())
    own = stage(connection, "asked_owners", pa.table({"receipt_no": owners}), key=("receipt_no",))
    receipt, placed = schema.receipt.c, schema.placement.c
    standing = (
        select(receipt.payer_key, placed.account_key, receipt.receipt_no, receipt.received_date)
        .join(staged.payer_key.table, staged.payer_key == receipt.payer_key)
        .join(schema.placement, placed.receipt_no == receipt.receipt_no)
        .where(placed.bucket.in_([ITEM, CREDIT]), placed.account_key.is_not(None))
        .where(receipt.receipt_no.not_in(select(own.c.receipt_no)))  # not what is asked about
        .group_by(receipt.payer_key, placed.account_key, receipt.receipt_no, receipt.received_date)
        .having(func.sum(placed.cents) > 0)
        .subquery()
    ).c
    counted = select(
        standing.payer_key, standing.account_key, func.count(), func.max(standing.received_date)
    ).group_by(standing.payer_key, standing.account_key)
    of_payer: dict[int, list[tuple[int, Before]]] = {}
    for payer_key, account_key, count, last in connection.execute(counted):
        found = of_payer.setdefault(payer_key, [])
        if len(found) <= FEW:
            found.append((account_key, Before(count, last or "")))
    return {
        (number, account_key): before
        for payer_key, found in of_payer.items()
        if len(found) <= FEW
        for account_key, before in found
        for number in wanted[payer_key]
    }


def _told(connection: Connection, payers: Mapping[int, Payer]) -> dict[tuple[int, int], Before]:
    pairs = [(text, number) for number, payer in payers.items() for text in payer.references]
    if not pairs:
        return {}
    _, key = keys(pa.array([text for text, _ in pairs], pa.string()))
    wanted: dict[str, list[int]] = {}
    for one, (_, number) in zip(key.to_pylist(), pairs, strict=True):
        wanted.setdefault(one, []).append(number)
    memory = count_memory(connection)
    mine = pc.and_(
        pc.equal(memory["kind"], "REFERENCE"),
        pc.is_in(memory["key"], value_set=pa.array(sorted(wanted), pa.string())),
    )
    alive = pc.and_(pc.greater(memory["confirmed"], 0), pc.equal(memory["reversed"], 0))
    return {
        (number, row["account_key"]): Before(row["confirmed"], str(row["last_date"]), row["key"])
        for row in memory.filter(pc.and_(mine, alive)).to_pylist()
        for number in wanted[row["key"]]
    }
