"""The book: what matching takes of the mirror, only what some receipts could touch.

One staged table of reference keys, one indexed join a kind of number; then the open items of the
accounts found, through a staged table of their keys. The cost follows the receipts, never the
number of open items (performance section 4).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Join,
    Select,
    Table,
    case,
    func,
    literal,
    null,
    select,
    union_all,
)

from recond.arrays import Bools, Ints, bools, ints, stable
from recond.matching import references
from recond.matching.openitems import distinct, find
from recond.matching.policy import Rules
from recond.matching.repairs import repairs
from recond.matching.tables import (
    BOOK_ACCOUNTS,
    BOOK_ITEMS,
    BOOK_LEADS,
    BOOK_RECENT,
    BOOK_REFERENCES,
    Book,
)
from recond.model import CREDIT, DATE, ITEM
from recond.receivables.memory import remembered
from recond.store import schema
from recond.store.engine import along_keys, fetch_arrow, stage

account, alias = schema.account, schema.account_alias
item, balance = schema.item, schema.item_balance


def fetch_book(
    connection: Connection,
    receipts: pa.Table,
    remittances: pa.Table,
    rules: Rules,
    since: dt.date,
    today: dt.date,
) -> Book:
    """The book for RECEIPTS (`ordinal` is the key) and their REMITTANCES. `since`: how far back
    payments count for duplicates."""
    found, named = _looked_up(connection, references.lookups(remittances, rules))
    known = found["reference_key"].combine_chunks()
    ordinals = receipts["ordinal"].combine_chunks()
    told, word = remittances, pc.equal(remittances["kind"], "WORD")
    if pc.any(word).as_py():  # they are no references
        told = remittances.filter(pc.invert(word))
    leads = pa.concat_tables(
        [
            repaired(connection, repairs(told, rules)),
            remembered(connection, ordinals, told, known, rules, today),
        ]
    )
    keys = pa.array(distinct(np.append(ints(found["account_key"]), ints(leads["account_key"]))))
    return replace(book_of_accounts(connection, keys, found, since, named), leads=leads)


def repaired(connection: Connection, repaired: pa.Table) -> pa.Table:
    """BOOK_LEADS of scan lines that one other digit repairs: the accounts that there are."""
    if repaired.num_rows == 0:
        return BOOK_LEADS.empty_table()
    staged = stage(connection, "repaired", repaired)
    found = (
        select(staged.c.ordinal, account.c.account_key, literal("scan_repair").label("rule"))
        .join(account, account.c.reference_key == staged.c.reference_key)
        .distinct()
        .order_by(staged.c.ordinal, account.c.account_key)
    )
    return fetch_arrow(connection, found, BOOK_LEADS)


def book_of_accounts(
    connection: Connection,
    keys: pa.Array,
    found: pa.Table,
    since: dt.date,
    known: pa.Table | None = None,
) -> Book:
    """The book of accounts whose keys are known; `known`: rows of them that were read already."""
    if not len(keys):
        return Book(
            BOOK_ACCOUNTS.empty_table(), BOOK_ITEMS.empty_table(), found, BOOK_RECENT.empty_table()
        )
    wanted = ints(keys)
    wanted = wanted[stable(wanted)]
    touched = stage(connection, "touched", pa.table({"account_key": wanted}), key=["account_key"])
    with along_keys(connection):
        accounts = _accounts_of(connection, wanted, touched, known)
        items = fetch_arrow(connection, _items(touched), BOOK_ITEMS)
    return Book(accounts, items, found, _recent(connection, touched, since))


def _accounts_of(
    connection: Connection, keys: Ints, touched: Table, known: pa.Table | None
) -> pa.Table:
    """BOOK_ACCOUNTS in order of their keys, which ascend."""
    if known is None or not known.num_rows:
        return fetch_arrow(connection, _accounts(touched), BOOK_ACCOUNTS)
    known = _taken(known, stable(ints(known["account_key"])))
    rest = keys[find(ints(known["account_key"]), keys) < 0]
    if not len(rest):
        return known
    others = stage(connection, "touched_too", pa.table({"account_key": rest}), key=["account_key"])
    both = pa.concat_tables([known, fetch_arrow(connection, _accounts(others), BOOK_ACCOUNTS)])
    return _taken(both, stable(ints(both["account_key"])))


def _taken(table: pa.Table, rows: Ints) -> pa.Table:
    """Some rows of a table; the table itself where they are all of it, as they stand."""
    if np.array_equal(rows, np.arange(table.num_rows)):
        return table
    return table.combine_chunks().take(pa.array(rows))


def meanings(connection: Connection, lookups: pa.Table) -> pa.Table:
    """BOOK_REFERENCES: everything that the keys could mean."""
    return _looked_up(connection, lookups)[0]


def _looked_up(connection: Connection, lookups: pa.Table) -> tuple[pa.Table, pa.Table]:
    """BOOK_REFERENCES of LOOKUPS and, as far as they name accounts by their own number,
    BOOK_ACCOUNTS: the rows of the mirror are read once."""
    if lookups.num_rows == 0:
        return BOOK_REFERENCES.empty_table(), BOOK_ACCOUNTS.empty_table()
    shapes, keys = _shapes(connection), lookups["reference_key"].combine_chunks()
    named, parts = _NAMED.empty_table(), []
    for number, (kind, flag) in enumerate(_KINDS):
        place = np.flatnonzero(bools(lookups[flag]))
        if kind != "ACCOUNT":
            place = place[_of_shapes(keys.take(pa.array(place)), shapes.get(kind, frozenset()))]
        if not len(place):
            continue
        # They stand in order, so neighbours in an index are looked up one after the other.
        wanted = pa.table({"place": place, "reference_key": keys.take(pa.array(place))})
        staged = stage(connection, f"wanted_{number}", wanted)
        if kind == "ACCOUNT":
            named = fetch_arrow(connection, _named(staged), _NAMED)
        else:
            parts.append(_MEANING[kind](staged))
    found = _as_meanings(named)
    if parts:
        others = fetch_arrow(connection, union_all(*parts), _MEANT)
        found = pa.concat_tables([found, others])
    found = _in_order(found)
    spelled = keys.take(found["place"].combine_chunks())
    found = found.drop_columns("place").add_column(0, BOOK_REFERENCES.field(0), spelled)
    return found, named.select(BOOK_ACCOUNTS.names)


def _in_order(found: pa.Table) -> pa.Table:
    """_MEANT in order of key and kind, then account, item and number."""
    kind = ints(pc.index_in(found["kind"], value_set=pa.array(sorted(k for k, _ in _KINDS))))
    rank = ints(found["place"]) * len(_KINDS) + kind
    order = stable(rank)
    if (rank[order[1:]] == rank[order[:-1]]).any():
        columns = ("place", "kind", "account_key", "item_key", "number")
        return found.sort_by([(name, "ascending") for name in columns])
    return _taken(found, order)


_KINDS = (("ACCOUNT", "accounts"), ("ALIAS", "accounts"), ("ITEM", "items"), ("BILL", "items"))
# A reference key by its place among the lookups: a number comes back sooner than a text.
_PLACE = pa.field("place", pa.int64())
_NAMED = BOOK_ACCOUNTS.append(_PLACE)
_MEANT = BOOK_REFERENCES.set(0, _PLACE)


def _named(staged: Table) -> Select[Any]:
    rows, columns = _accounts_and_cash_only()
    same = account.c.reference_key == staged.c.reference_key
    return select(*columns, staged.c.place).select_from(rows.join(staged, same))


def _as_meanings(named: pa.Table) -> pa.Table:
    """_MEANT of accounts that are named by their own number."""
    columns = {
        "place": named["place"],
        "kind": pa.repeat(pa.scalar("ACCOUNT"), named.num_rows),
        "number": named["account_number"],
        "account_key": named["account_key"],
        "item_key": pa.nulls(named.num_rows, pa.int64()),
        "valid_from": pa.nulls(named.num_rows, DATE),
        "valid_until": pa.nulls(named.num_rows, DATE),
    }
    return pa.table(columns, schema=_MEANT)


# Account, item and bill numbers mean the same on every day.
_ALWAYS = (null().label("valid_from"), null().label("valid_until"))


def _alias_meaning(staged: Table) -> Select[Any]:
    return select(
        staged.c.place,
        literal("ALIAS").label("kind"),
        alias.c.alias.label("number"),
        alias.c.account_key,
        null().label("item_key"),
        alias.c.valid_from,
        alias.c.valid_until,
    ).join(alias, alias.c.reference_key == staged.c.reference_key)


def _item_meaning(staged: Table) -> Select[Any]:
    return select(
        staged.c.place,
        literal("ITEM").label("kind"),
        item.c.item_number.label("number"),
        item.c.account_key,
        item.c.item_key,
        *_ALWAYS,
    ).join(item, item.c.item_reference == staged.c.reference_key)


def _bill_meaning(staged: Table) -> Select[Any]:
    return select(
        staged.c.place,
        literal("BILL").label("kind"),
        item.c.bill_number.label("number"),
        item.c.account_key,
        item.c.item_key,
        *_ALWAYS,
    ).join(item, item.c.bill_reference == staged.c.reference_key)


_MEANING = {
    "ALIAS": _alias_meaning,
    "ITEM": _item_meaning,
    "BILL": _bill_meaning,
}


def _shapes(connection: Connection) -> dict[str, frozenset[tuple[int, int]]]:
    rows = connection.execute(select(schema.reference_shape)).all()
    kinds = {row.kind for row in rows}
    return {
        kind: frozenset((row.length, row.digits) for row in rows if row.kind == kind)
        for kind in kinds
    }


def _of_shapes(keys: pa.Array, shapes: frozenset[tuple[int, int]]) -> Bools:
    """Whether each key has the length and alphabet of some number of that kind."""
    codes = pa.array([length * 2 + digits for length, digits in sorted(shapes)], pa.int64())
    length = pc.utf8_length(keys).cast(pa.int64())
    digits = pc.ascii_is_decimal(keys).cast(pa.int64())
    return bools(pc.is_in(pc.add(pc.multiply(length, 2), digits), value_set=codes))


# `IN (SELECT …)` rather than a join: SQLite would otherwise read the whole table and look each
# row up among the touched accounts.


def _accounts_and_cash_only() -> tuple[Join, list[ColumnElement[Any]]]:
    """What the columns of BOOK_ACCOUNTS are selected from, and they. An account is cash only until
    billing's day, or recond's own after returned items where that is later."""
    own = schema.cash_only.c
    latest = (
        select(own.account_key, func.max(own.until_date).label("until_date"))
        .group_by(own.account_key)
        .subquery("latest")
    )
    billing = func.coalesce(account.c.cash_only_until, "")
    later = case(
        (latest.c.until_date > billing, latest.c.until_date), else_=account.c.cash_only_until
    )
    columns = [
        later.label(name) if name == "cash_only_until" else account.c[name]
        for name in BOOK_ACCOUNTS.names
    ]
    rows = account.outerjoin(latest, latest.c.account_key == account.c.account_key)
    return rows, columns


def _accounts(touched: Table) -> Select[Any]:
    rows, columns = _accounts_and_cash_only()
    return (
        select(*columns)
        .select_from(rows)
        .where(account.c.account_key.in_(select(touched.c.account_key)))
        .order_by(account.c.account_key)
    )


def item_columns() -> list[Column[Any]]:
    """The columns of BOOK_ITEMS, to be selected from `schema.item_and_balance`."""
    return [(balance if n == "open_cents" else item).c[n] for n in BOOK_ITEMS.names]


def _items(touched: Table) -> Select[Any]:
    return (
        select(*item_columns())
        .select_from(schema.item_and_balance)
        .where(item.c.account_key.in_(select(touched.c.account_key)))
        .order_by(item.c.item_key)
    )


def _recent(connection: Connection, touched: Table, since: dt.date) -> pa.Table:
    """Payments that stand on the touched accounts and were received since a day, tenders of one
    payment as one. What came back, was voided or moved to another account stands no more."""
    decision, receipt, placement = schema.decision, schema.receipt, schema.placement
    standing = (
        select(func.coalesce(func.sum(placement.c.cents), 0))
        .where(
            placement.c.receipt_no == decision.c.receipt_no,
            placement.c.account_key == decision.c.account_key,
            placement.c.bucket.in_([ITEM, CREDIT]),
        )
        .scalar_subquery()
    )
    recent = (
        select(
            decision.c.account_key,
            receipt.c.amount_cents,
            receipt.c.received_date,
            receipt.c.receipt_no,
            receipt.c.payment,
        )
        .select_from(decision)
        .join(receipt, receipt.c.receipt_no == decision.c.receipt_no)
        .where(
            decision.c.account_key.in_(select(touched.c.account_key)),
            receipt.c.received_date >= since.isoformat(),
            standing != 0,  # change that was given back stands below zero
        )
        .distinct()
        .order_by(receipt.c.receipt_no, decision.c.account_key)
    )
    return _whole(fetch_arrow(connection, recent, _TENDERS))


_TENDERS = BOOK_RECENT.append(pa.field("payment", pa.string()))


def _whole(tenders: pa.Table) -> pa.Table:
    """BOOK_RECENT of receipts: those of one payment (within its file) by their sum."""
    if tenders["payment"].null_count == tenders.num_rows:
        return tenders.select(BOOK_RECENT.names)
    bits = pa.scalar(schema.ORDINAL_BITS, pa.int64())
    file_no = pc.shift_right(tenders["receipt_no"], bits)
    own = pc.if_else(pc.is_null(tenders["payment"]), tenders["receipt_no"], file_no)
    grouped = (
        tenders.append_column("own", own)
        .group_by(["account_key", "payment", "own"], use_threads=False)
        .aggregate([("amount_cents", "sum"), ("received_date", "min"), ("receipt_no", "min")])
    )
    names = ["account_key", "amount_cents_sum", "received_date_min", "receipt_no_min"]
    whole = grouped.select(names).rename_columns(BOOK_RECENT.names).cast(BOOK_RECENT)
    return whole.sort_by([("receipt_no", "ascending"), ("account_key", "ascending")])
