"""Looking again at what waits: receipts whose day has come, money in suspense that later data
identifies, and credits for which a new bill has appeared. Runs after every pass and by `match`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    cast,
    delete,
    exists,
    func,
    select,
    true,
)

from recond.ledger import Source, closed_through
from recond.matching.cascade import match
from recond.matching.credits import CREDITS, apply_credits
from recond.matching.tables import BOOK_ACCOUNTS, BOOK_ITEMS, Matched
from recond.model import CREDIT, ITEM, RECEIPTS, REMITTANCES
from recond.pipeline import filings, moves, recoveries, sources
from recond.pipeline.moves import Move, Stand
from recond.pipeline.payments import ask, place
from recond.pipeline.run import Run
from recond.pipeline.turns import identities, in_turn
from recond.receivables.book import fetch_book, item_columns
from recond.store import schema
from recond.store.engine import fetch_arrow, stage

receipt, decision, placement = schema.receipt, schema.decision, schema.placement
exception, future = schema.exception, schema.future_receipt
item, balance = schema.item, schema.item_balance

UNDECIDED = "none"  # the rule of a receipt that matching could not place


@dataclass(frozen=True, slots=True)
class Rematched:
    """How many receipts were placed because their day came, identified, and credits applied."""

    due: int
    identified: int
    credits: int


def rematch(connection: Connection, run: Run) -> Rematched:
    """Place what can be placed now. What stays undecided stays as it is, and so does everything
    while the month of the business date is closed."""
    run.desk(connection).wake()
    if run.today.isoformat()[:7] <= closed_through(connection):
        return Rematched(0, 0, 0)
    due = _place_due(connection, run)
    identified = _identify(connection, run)
    credited = filings.settle_filed(connection, run) + _apply_credits(connection, run)
    credited += recoveries.recover(connection, run) + filings.assess(connection, run)
    return Rematched(due, identified, credited)


def stored_receipts(connection: Connection, chosen: pa.Array) -> tuple[pa.Table, pa.Table]:
    """RECEIPTS and REMITTANCES of stored receipts by their keys (`ordinal` is the key)."""
    staged = stage(connection, "chosen", pa.table({"receipt_no": chosen.sort()}))
    columns = [
        receipt.c[name] for name in RECEIPTS.names if name not in {"ordinal", "payer_account"}
    ]
    receipts = fetch_arrow(
        connection,
        select(receipt.c.receipt_no.label("ordinal"), *columns)
        .join(staged, staged.c.receipt_no == receipt.c.receipt_no)
        .order_by(receipt.c.receipt_no),
        pa.schema([f for f in RECEIPTS if f.name != "payer_account"]),
    )
    hidden = RECEIPTS.get_field_index("payer_account")
    receipts = receipts.add_column(
        hidden, RECEIPTS.field(hidden), pa.nulls(receipts.num_rows, pa.string())
    )
    told = schema.remittance.c
    remittances = fetch_arrow(
        connection,
        select(
            told.receipt_no.label("ordinal"),
            *(told[name] for name in REMITTANCES.names if name != "ordinal"),
        )
        .join(staged, staged.c.receipt_no == told.receipt_no)
        .order_by(told.receipt_no, told.sequence),
        REMITTANCES,
    )
    return receipts, remittances


def _keys(connection: Connection, wanted: Select[tuple[int]]) -> pa.Array:
    return pa.array(list(connection.scalars(wanted)), pa.int64())


def _place_due(connection: Connection, run: Run) -> int:
    """Receipts that were received after an earlier business date, and whose day has come."""
    keys = _keys(
        connection,
        select(future.c.receipt_no)
        .where(future.c.due_date <= run.today.isoformat())
        .order_by(future.c.receipt_no),
    )
    if not len(keys):
        return 0
    return place_stored(connection, run, keys, f"due-{run.today.isoformat()}", "their day has come")


def place_stored(
    connection: Connection, run: Run, keys: pa.Array, key: str, description: str
) -> int:
    """Match and post receipts that were listed as held until now; returns how many."""
    for number, (allowed, mine) in enumerate(sources.by_restriction(connection, run, keys)):
        receipts, remittances = stored_receipts(connection, mine)
        part = f"{key}.{number}" if number else key
        place(connection, allowed, receipts, remittances, Source("match", part, description))
    staged = stage(connection, "placed", pa.table({"receipt_no": keys}))
    connection.execute(delete(future).where(future.c.receipt_no.in_(select(staged.c.receipt_no))))
    return len(keys)


def _identify(connection: Connection, run: Run) -> int:
    """Receipts in suspense because nothing decided them: look at them with today's books."""
    every = decision.alias()
    last = select(func.max(every.c.version)).where(every.c.receipt_no == exception.c.receipt_no)
    keys = _keys(
        connection,
        select(exception.c.receipt_no)
        .distinct()
        .join(decision, decision.c.receipt_no == exception.c.receipt_no)
        .where(
            exception.c.status.in_(["open", "assigned"]),
            decision.c.rule == UNDECIDED,
            decision.c.version == last.scalar_subquery(),
        )
        .order_by(exception.c.receipt_no),
    )
    if not len(keys):
        return 0
    found = 0
    for allowed, mine in sources.by_restriction(connection, run, keys):
        receipts, remittances = stored_receipts(connection, mine)
        receipts, rules = in_turn(connection, receipts, run.today), allowed.rules
        book = fetch_book(connection, receipts, remittances, rules, run.since(), run.today)
        matched = match(receipts, remittances, book, rules, run.today)
        found += _move_identified(connection, run, matched)
    return found


def _move_identified(connection: Connection, run: Run, matched: Matched) -> int:
    """Move what is placed now out of suspense; its questions are answered by later data."""
    placements = matched.placements
    found = {
        row["ordinal"]: row for row in matched.decisions.to_pylist() if row["rule"] != UNDECIDED
    }
    if not found:
        return 0
    owners = moves.standing(connection, found)
    placed: dict[int, list[Stand]] = {number: [] for number in found}
    for row in placements.to_pylist():
        if row["ordinal"] in placed:
            placed[row["ordinal"]].append(
                Stand(
                    row["bucket"], row["cents"], row["account_key"], row["item_key"],
                    row["charge_type"], row["fund"],
                )
            )  # fmt: skip
    made = [
        Move(number, row["rule"], row["evidence"], owners[number].stands, placed[number],
             row["account_key"])
        for number, row in found.items()
    ]  # fmt: skip
    moves.write(connection, run, made, "match", "identified by later data")
    desk = run.desk(connection)
    desk.resolve(desk.open_of_receipts(sorted(found)), "answered by later data")
    kept = pc.is_in(matched.questions["ordinal"], value_set=pa.array(list(found), pa.int64()))
    ask(connection, run, Matched(matched.decisions, placements, matched.questions.filter(kept)))
    return len(found)


# --- credits --------------------------------------------------------------------------------------


def _apply_credits(connection: Connection, run: Run) -> int:
    """Credits on account pay items that appeared after the credit was placed (domain E12)."""
    lots = _lots()
    newer = (
        exists()
        .select_from(schema.item_and_balance)
        .where(
            item.c.account_key == lots.c.account_key,
            balance.c.open_cents > 0,
            item.c.since_entry > lots.c.placed_entry,
        )
    )
    return _apply(connection, run, _in_order(lots).where(newer))


def pay_reopened(connection: Connection, run: Run, voided: Sequence[int]) -> int:
    """Credits on account pay what receipts had paid that were voided just now.

    A voided receipt never was: a payment of its file or a later one that found the bill paid,
    above all the corrected entry of the same cash, would have paid it. Credit that stood there
    before stays, and no item takes more than the void has given back.
    """
    lots, gone = _lots(), placement.alias()
    before_file = gone.c.receipt_no - gone.c.receipt_no % (1 << schema.ORDINAL_BITS)
    since = exists().where(
        gone.c.receipt_no.in_(voided), gone.c.bucket == ITEM,
        gone.c.account_key == lots.c.account_key, lots.c.ordinal >= before_file,
    )  # fmt: skip
    return _apply(connection, run, _in_order(lots).where(since), _given_back(connection, voided))


_REOPENED = pa.schema([pa.field("item_key", pa.int64()), pa.field("cents", pa.int64())])


def _given_back(connection: Connection, voided: Sequence[int]) -> pa.Table:
    """Cents by item that the last decision of these receipts took off it."""
    every = decision.alias()
    last = select(func.max(every.c.version)).where(every.c.receipt_no == placement.c.receipt_no)
    found = (
        select(placement.c.item_key, cast(-func.sum(placement.c.cents), schema.INT).label("cents"))
        .where(
            placement.c.receipt_no.in_(voided), placement.c.bucket == ITEM,
            placement.c.version == last.scalar_subquery(),
        )
        .group_by(placement.c.item_key)
        .order_by(placement.c.item_key)
    )  # fmt: skip
    return fetch_arrow(connection, found, _REOPENED)


def _apply(
    connection: Connection, run: Run, chosen: Select[Any], reopened: pa.Table | None = None
) -> int:
    lots = _available(fetch_arrow(connection, chosen, LOTS))
    if lots.num_rows == 0:
        return 0
    applied = 0
    lots = lots.append_column("identity", identities(connection, lots["ordinal"].combine_chunks()))
    keys = pc.unique(lots["ordinal"]).sort()
    for allowed, mine in sources.by_restriction(connection, run, keys):
        some = lots.filter(pc.is_in(lots["ordinal"], value_set=mine))
        for credit, only in filings.credits_by_month(connection, allowed, some):
            applied += _apply_lots(connection, allowed, credit, reopened, only)
    return applied


def _apply_lots(
    connection: Connection,
    run: Run,
    credits_: pa.Table,
    reopened: pa.Table | None,
    only: ColumnElement[bool] | None,
) -> int:
    """Credits of money that may pay the same charges, and of them what `only` takes; with
    `reopened` only those items, as if so many cents of them had appeared now."""
    staged = stage(
        connection,
        "credited",
        pa.table({"account_key": pc.unique(credits_["account_key"]).sort()}),
    )
    items = fetch_arrow(
        connection,
        select(*item_columns())
        .select_from(schema.item_and_balance)
        .join(staged, staged.c.account_key == item.c.account_key)
        .where(balance.c.open_cents > 0, true() if only is None else only)
        .order_by(item.c.item_key),
        BOOK_ITEMS,
    )
    if reopened is not None:
        items = _as_new(items, reopened)
    accounts = fetch_arrow(
        connection,
        select(*(schema.account.c[name] for name in BOOK_ACCOUNTS.names))
        .join(staged, staged.c.account_key == schema.account.c.account_key)
        .order_by(schema.account.c.account_key),
        BOOK_ACCOUNTS,
    )
    placements = apply_credits(credits_, items, run.rules, accounts)
    why = "a bill that appeared later" if reopened is None else "what a voided receipt had paid"
    return _move_credits(connection, run, placements, why)


_NOW = 2**62  # later than every entry


def _as_new(items: pa.Table, reopened: pa.Table) -> pa.Table:
    """The items (BOOK_ITEMS) that were reopened, no more open than that and newer than all."""
    place_of = pc.index_in(items["item_key"], value_set=reopened["item_key"].combine_chunks())
    items = items.append_column("given_back", reopened["cents"].take(place_of))
    items = items.filter(pc.is_valid(place_of))
    columns = {name: items[name] for name in BOOK_ITEMS.names}
    columns["open_cents"] = pc.min_element_wise(items["open_cents"], items["given_back"])
    columns["since_entry"] = pa.repeat(pa.scalar(_NOW, pa.int64()), items.num_rows)
    return pa.table(columns, schema=BOOK_ITEMS)


LOTS = pa.schema([f for f in CREDITS if f.name != "identity"] + [pa.field("payment", pa.string())])
_LOT = [name for name in LOTS.names if name != "payment"]


def _available(lots: pa.Table) -> pa.Table:
    """The lots that can be used: CREDITS but for the identity. Change that was given back takes
    from the credit of its own payment, the last tender first; only payments with change are looked
    at row by row."""
    rows = lots.to_pylist() if pc.any(pc.less(lots["cents"], 0)).as_py() else None
    if rows is None:
        return lots.select(_LOT)
    key = schema.ORDINAL_BITS
    back: dict[tuple[int, str | None, int], int] = {}
    for row in rows:
        if row["cents"] < 0:
            owner = (row["ordinal"] >> key, row["payment"], row["account_key"])
            back[owner] = back.get(owner, 0) - row["cents"]
    for row in reversed(rows):
        owner = (row["ordinal"] >> key, row["payment"], row["account_key"])
        if row["cents"] > 0 and back.get(owner):
            taken = min(row["cents"], back[owner])
            row["cents"] -= taken
            back[owner] -= taken
    left = [row for row in rows if row["cents"] > 0]
    return pa.Table.from_pylist(left, schema=LOTS).select(_LOT)


def _lots() -> Subquery:
    """What stands on account, by receipt and account, with the entry that placed it last."""
    same = and_(
        decision.c.receipt_no == placement.c.receipt_no,
        decision.c.version == placement.c.version,
    )
    return (
        select(
            placement.c.receipt_no.label("ordinal"),
            placement.c.account_key,
            cast(func.sum(placement.c.cents), schema.INT).label("cents"),
            func.min(receipt.c.received_date).label("received_date"),
            func.max(decision.c.entry_no).label("placed_entry"),
            func.min(receipt.c.payment).label("payment"),
        )
        .join(decision, same)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket == CREDIT)
        .group_by(placement.c.receipt_no, placement.c.account_key)
        .having(func.sum(placement.c.cents) != 0)
        .subquery()
    )


def _in_order(lots: Subquery) -> Select[Any]:
    return select(*lots.c).order_by(lots.c.account_key, lots.c.received_date, lots.c.ordinal)


def _move_credits(connection: Connection, run: Run, placements: pa.Table, why: str) -> int:
    placed: dict[int, list[Stand]] = {}
    for row in placements.to_pylist():
        placed.setdefault(row["ordinal"], []).append(
            Stand(
                row["bucket"], row["cents"], row["account_key"], row["item_key"],
                row["charge_type"], row["fund"],
            )
        )  # fmt: skip
    made = [
        Move(
            number,
            "credit_applied",
            f"credit on account pays {why}",
            _used(stands),
            stands,
            stands[0].account_key,
        )
        for number, stands in placed.items()
    ]
    moves.write(connection, run, made, "match", f"credit pays {why}")
    return len(made)


def _used(stands: list[Stand]) -> list[Stand]:
    """The credit that pays these items, by account."""
    sums: dict[int | None, int] = {}
    for stand in stands:
        sums[stand.account_key] = sums.get(stand.account_key, 0) + stand.cents
    return [Stand(CREDIT, cents, account_key) for account_key, cents in sums.items()]
