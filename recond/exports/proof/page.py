"""The proof of cash of one day as pages for people: one a bank account, with every item of what is
not plain, and what is still open of the days before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
from sqlalchemy import Connection

from recond import ids
from recond.exports.bank import line_ids
from recond.exports.columns import FileIds
from recond.exports.proof.gather import gather
from recond.exports.proof.items import Item, items
from recond.exports.proof.rows import Proof, by_account, by_channel
from recond.exports.scope import Scope
from recond.money import format_cents

# What each line of a page says; those of zero are left out, but for the first of each sum.
LINES = (
    ("received", "received"), ("applied", "  applied"), ("on_account", "  on account"),
    ("suspense", "  suspense"), ("returned", "  returned"), ("refunded", "  refunded"),
    ("over_short", "over and short"), ("fees", "fees"), ("withheld", "withheld"),
    ("taken_back", "taken back"), ("not_deposited", "not deposited yet"),
    ("deposited", "deposited"), ("bank", "in the bank"), ("elsewhere", "  in another account"),
    ("in_transit", "in transit"), ("bank_error", "bank error"), ("missing", "missing"),
    ("difference", "difference"),
)  # fmt: skip
ALWAYS = ("received", "deposited", "bank", "difference")
OPEN = ("missing", "bank_error", "elsewhere", "in_transit", "not_deposited")
WIDTH = 16


def pages(connection: Connection, scope: Scope) -> Iterator[str]:
    """One page an account of the scope's day, in order: the accounts that have money of the day or
    something open of the days before."""
    day = scope.day.isoformat()
    today = replace(scope, date_from=scope.day, date_to=scope.day)
    rows = gather(connection, today)
    every = items(connection, replace(scope, date_from=None, date_to=scope.day))
    mine = [one for one in every if one.date == day]
    before = [one for one in every if one.date < day and one.type in OPEN]
    whole = {row.bank_account: row for row in by_account(rows)}
    parts = by_channel(rows)
    for account in sorted({*whole, *(one.bank_account for one in before)}):
        row = whole.get(account, Proof(day, "", account))
        channels = [part for part in parts if part.bank_account == account]
        told = [one for one in mine if one.bank_account == account]
        old = [one for one in before if one.bank_account == account]
        yield "\n".join(_page(connection, row, channels, told, old))


def _page(
    connection: Connection, row: Proof, channels: Sequence[Proof], mine: Sequence[Item],
    before: Sequence[Item],
) -> Iterator[str]:  # fmt: skip
    account = f"account {row.bank_account}" if row.bank_account else "no account known yet"
    yield f"Proof of cash of {row.date}, {account}: {row.state.replace('_', ' ')}"
    yield f"{len(row.files)} files, {row.records} records, {row.receipts} receipts"
    yield ""
    yield " " * 24 + "".join(f"{one.channel:>{WIDTH}}" for one in channels) + f"{'all':>{WIDTH}}"
    for name, words in LINES:
        cents = [getattr(one, name) for one in (*channels, row)]
        if any(cents) or name in ALWAYS:
            yield f"{words:<24}" + "".join(f"{format_cents(one):>{WIDTH}}" for one in cents)
    for title, found in (("Items", mine), ("Still open of the days before", before)):
        if found:
            yield ""
            yield title
            yield from _listed(connection, found)


def _listed(connection: Connection, found: Sequence[Item]) -> Iterator[str]:
    files = FileIds.load(connection)
    keys = pa.array([one.line_key for one in found], pa.int64())
    lines = line_ids(files, keys).to_pylist()
    numbers = {one.file_no for one in found if one.file_no is not None}
    named = ids.files_of(connection, numbers) if numbers else {}
    for one, line in zip(found, lines, strict=True):
        where = [one.deposit_id, line, named.get(one.file_no or 0)]
        age = f", {one.age_days} days" if one.age_days > 0 else ""
        yield (
            f"  {one.date}  {one.type.replace('_', ' '):<14}{format_cents(one.cents):>{WIDTH}}"
            f"  {one.channel}: {one.words}{age} ({' '.join(part for part in where if part)})"
        )
