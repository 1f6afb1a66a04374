"""Samples for auditors, the same on every machine (domain E62), with the evidence of each item.

Attribute: ids in the order of sha256(seed|id), the first n. Monetary-unit: every interval-th cent
of the receipts in order, from a start that the seed gives; so an amount of an interval or more is
always in. No random number generator is used, whose versions differ.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa
from sqlalchemy import Connection, select

from recond import ids
from recond.errors import RefusedError
from recond.exports.columns import FileIds, fetch_table, int64s
from recond.exports.disposed import certificate_of
from recond.exports.explain import Told, explain
from recond.store import schema

ReadSource = Callable[[str, int, int], bytes]
EPOCH = (1980, 1, 1, 0, 0, 0)  # fixed: the same sample, the same bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One receipt of a population."""

    receipt_id: str
    amount_cents: int


Days = tuple[dt.date, dt.date]


def population(connection: Connection, days: Days | None) -> list[Item]:
    """Every receipt that is posted, in order of arrival; of some days by its first GL date."""
    receipt, decision, entry = schema.receipt, schema.decision, schema.entry
    query = (
        select(receipt.c.receipt_no, receipt.c.amount_cents)
        .join(decision, decision.c.receipt_no == receipt.c.receipt_no)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(decision.c.version == 1)
        .order_by(receipt.c.receipt_no)
    )
    if days is not None:
        first, last = (day.isoformat() for day in days)
        query = query.where(entry.c.effective_date >= first, entry.c.effective_date <= last)
    shape = pa.schema([("receipt_no", pa.int64()), ("amount_cents", pa.int64())])
    found = fetch_table(connection, query, shape)
    names = FileIds.load(connection).receipts(int64s(found["receipt_no"])).to_pylist()
    # one hash an id is what the sample is defined by; so rows become objects here
    return [Item(*pair) for pair in zip(names, found["amount_cents"].to_pylist(), strict=True)]


def attribute(items: Sequence[Item], n: int, seed: str) -> list[Item]:
    """The first n items in the order of sha256(seed|id)."""

    def rank(item: Item) -> tuple[str, str]:
        return sha256(f"{seed}|{item.receipt_id}".encode()).hexdigest(), item.receipt_id

    return sorted(items, key=rank)[:n]


def interval_of(items: Sequence[Item], n: int) -> int:
    """The interval that makes about n selections of positive amounts."""
    whole = sum(item.amount_cents for item in items if item.amount_cents > 0)
    return max(whole // n, 1)


def start_of(seed: str, interval: int) -> int:
    """The first selected cent, from 1 to the interval."""
    return int(sha256(f"{seed}|start".encode()).hexdigest(), 16) % interval + 1


def monetary(items: Sequence[Item], interval: int, start: int) -> list[Item]:
    """The items that hold the start-th cent and every interval-th after it; each once."""
    chosen, reached, following = [], 0, start
    for item in items:
        if item.amount_cents <= 0:
            continue
        reached += item.amount_cents
        if reached >= following:
            chosen.append(item)
            following += ((reached - following) // interval + 1) * interval
    return chosen


def choose(items: Sequence[Item], n: int, seed: str, method: str) -> list[Item]:
    """The sample. Raises RefusedError for an empty population."""
    if not items:
        raise RefusedError("there is no posted receipt to take a sample from")
    if method == "attribute":
        return attribute(items, n, seed)
    interval = interval_of(items, n)
    return monetary(items, interval, start_of(seed, interval))


def bundle(
    connection: Connection, items: Sequence[Item], told: Told, read_source: ReadSource
) -> bytes:
    """A ZIP with the evidence of each item: its explanation (decisions, approvals, journal lines)
    and the bytes that it was read from, or the certificate of their disposal; `sample.json` says
    how the sample was taken."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        listed = {**told, "items": [item.receipt_id for item in items]}
        archive.writestr(member("sample.json"), _json(listed))
        for item in items:
            for name, data in evidence(connection, item, read_source):
                archive.writestr(member(name), data)
    return out.getvalue()


def evidence(
    connection: Connection, item: Item, read_source: ReadSource
) -> Iterator[tuple[str, bytes]]:
    """The files that are the evidence of an item, each with its name."""
    story = explain(connection, item.receipt_id, read_source)
    yield f"{item.receipt_id}/explanation.json", _json(story)
    name, source = _source(connection, item, read_source)
    yield f"{item.receipt_id}/{name}", source


def number_of(connection: Connection, item: Item) -> int:
    """The receipt's key."""
    return ids.find_receipt(connection, item.receipt_id) or 0


def _source(connection: Connection, item: Item, read_source: ReadSource) -> tuple[str, bytes]:
    """The bytes that an item was read from, under the name that says so; of a file that was
    disposed of, the certificate."""
    number = number_of(connection, item)
    receipt, file = schema.receipt, schema.file
    row = connection.execute(
        select(file.c.file_no, file.c.sha256, receipt.c.byte_offset, receipt.c.byte_length)
        .join(file, file.c.file_no == number >> schema.ORDINAL_BITS)
        .where(receipt.c.receipt_no == number)
    ).one()
    try:
        return "source.bin", read_source(row.sha256, row.byte_offset, row.byte_length)
    except FileNotFoundError:
        gone = certificate_of(connection, row.file_no)
        if gone is None:
            raise
        return "disposed.txt", f"{gone}\n".encode()


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n").encode()


def member(name: str) -> zipfile.ZipInfo:
    """A file of a ZIP with nothing of clock or machine in it."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o640 << 16
    return info
