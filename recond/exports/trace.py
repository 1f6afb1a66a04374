"""Find a payment by what a caller can say of it: "I paid" (domain section 1, function 1)."""

from __future__ import annotations

import datetime as dt
import re

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, func, literal, select, union_all

from recond import ids
from recond.exports.columns import fetch_table
from recond.exports.receipts import RECEIPTS, receipts
from recond.exports.scope import Scope
from recond.matching.names import normalise_name
from recond.matching.references import keys
from recond.money import parse_decimal
from recond.store import schema

LIMIT = 1_000  # receipts shown; a text that finds more is no help to find one
TRACE = pa.schema([*RECEIPTS, pa.field("found_by", pa.string())])
# Receipts and their states do not depend on which day it is.
ANY_DAY = Scope(dt.date.max)
_FOUND = pa.schema([("receipt_no", pa.int64()), ("found_by", pa.string())])


def trace(connection: Connection, text: str) -> pa.Table:
    """The receipts that a text names, in order of arrival: the columns of dataset `receipts` and
    `found_by` (account, name, check number, trace number, amount, reference, sequence, id).

    Numbers are compared without blanks, dashes and leading zeros, names without case, accents
    and order of words, references also in part. At most LIMIT receipts; none is no error.
    """
    wanted = text.encode("utf-8", "replace").decode().replace("\0", " ").strip()
    if not wanted:
        return TRACE.empty_table()
    hits: dict[int, dict[str, None]] = {}
    for search in _searches(connection, wanted):
        first = search.order_by(search.selected_columns[0]).distinct().limit(LIMIT)
        for row in fetch_table(connection, first, _FOUND).to_pylist():
            hits.setdefault(row["receipt_no"], {})[row["found_by"]] = None
    by = {number: hits[number] for number in sorted(hits)[:LIMIT]}
    if not by:
        return TRACE.empty_table()
    rows = pa.Table.from_batches(list(receipts(connection, ANY_DAY, list(by))), RECEIPTS)
    why = pa.array([", ".join(sorted(names)) for names in by.values()], pa.string())
    return rows.append_column("found_by", why)


def _searches(connection: Connection, wanted: str) -> list[Select[tuple[int, str]]]:
    receipt = schema.receipt.c
    searches = [_by("reference", _holds(receipt.reference, wanted)),
                _by("payer name", _holds(receipt.payer_name, wanted)),
                _by("account on item", _holds(receipt.account_on_item, wanted))]  # fmt: skip
    normal, _ = keys(pa.array([wanted]))
    number = normal[0].as_py().lstrip("0")
    if number:
        for name, column in (
            ("check number", receipt.check_number),
            ("trace number", receipt.trace_number),
            ("receipt number", receipt.sequence),
        ):
            searches.append(_by(name, func.ltrim(column, "0") == number))
    known = ids.find_receipt(connection, wanted)
    if known is not None:
        searches.append(_by("id", receipt.receipt_no == known))
    cents = _cents(wanted)
    if cents is not None:
        searches.append(_by("amount", receipt.amount_cents == cents))
    for name, accounts in _accounts(connection, wanted).items():
        searches += _on_accounts(name, accounts)
    return searches


def _by(name: str, found: ColumnElement[bool]) -> Select[tuple[int, str]]:
    return select(schema.receipt.c.receipt_no, literal(name).label("found_by")).where(found)


def _holds(column: ColumnElement[str], wanted: str) -> ColumnElement[bool]:
    """The column holds the text, whatever the case; `%` and `_` are themselves."""
    escaped = re.sub(r"([/%_])", r"/\1", wanted)
    # both sides in lower case by the database, which may know fewer capitals than Python
    return func.lower(column).like(func.lower(literal(f"%{escaped}%")), escape="/")


def _cents(wanted: str) -> int | None:
    """The text as an amount, None when it is none: `188.70`, `1,234.50`, `$188.70`, not `188`."""
    text = wanted.removeprefix("$").replace(",", "")
    if "." not in text:
        return None
    try:
        return parse_decimal(text)
    except ValueError:
        return None


def _accounts(connection: Connection, wanted: str) -> dict[str, list[int]]:
    """The accounts that the text names: by number or old number, and by customer's name."""
    account, alias = schema.account.c, schema.account_alias.c
    key = keys(pa.array([wanted]))[1][0].as_py()
    by_number = union_all(
        select(account.account_key).where(account.reference_key == key),
        select(alias.account_key).where(alias.reference_key == key),
    )
    found = {"account": sorted(connection.scalars(by_number))}
    name = normalise_name(wanted)
    if name is not None:
        by_name = select(account.account_key).where(account.name_key == name).limit(LIMIT)
        found["customer name"] = sorted(connection.scalars(by_name))
    return {reason: accounts for reason, accounts in found.items() if accounts}


def _on_accounts(name: str, accounts: list[int]) -> list[Select[tuple[int, str]]]:
    """Receipts that were decided for the accounts, or paid items of theirs among others."""
    decision, placed = schema.decision.c, schema.placement.c
    same = (decision.receipt_no == placed.receipt_no) & (decision.version == placed.version)
    return [
        select(decision.receipt_no, literal(name).label("found_by")).where(
            decision.account_key.in_(accounts)
        ),
        select(placed.receipt_no, literal(name).label("found_by"))
        .join(schema.decision, same)
        .where(decision.account_key.is_(None), placed.account_key.in_(accounts)),
    ]
