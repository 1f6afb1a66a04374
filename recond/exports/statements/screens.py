"""Screens that auditors would otherwise make by hand (domain section 2.9, capabilities 3.11).

A finding is no accusation: it says where somebody should look, and why. Each screen says how many
rows it looked at, and that ties to the rows that there are, so that an empty list means something.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import and_, cast, func, or_, select

from recond.exports.columns import FileIds, int64s
from recond.exports.statements.base import Month, Statement, Tie
from recond.exports.statements.cash import SAME
from recond.matching.names import normalise_names
from recond.model import REFUNDED, VOIDED
from recond.money import decimal_from_cents
from recond.store import schema
from recond.store.sql import total

entry, receipt, decision = schema.entry, schema.receipt, schema.decision
placement, account, version = schema.placement, schema.account, schema.account_version
session, close, deposit = schema.drawer_session, schema.drawer_close, schema.deposit
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()

ROUND_CENTS = 100_00
CUT_OFF_DAYS = 3  # before the month's end
MOVED_DAYS = 30  # between a change of name or address and a refund
LAPPING_DAYS = 30  # between two links of a chain
CASH_DAYS = 30  # between cash at the counter and debt that is forgiven on the same account
ADJUSTMENTS = ("refund", "write_off", "transfer", "reverse", "on_account", "duplicate")

_SHAPE = pa.schema(
    [("screen", TEXT), ("date", DATE), ("person", TEXT), ("account_number", TEXT),
     ("receipt_no", INT), ("amount_cents", INT), ("says", TEXT)]
)  # fmt: skip
Row = dict[str, Any]
Screen = tuple[list[Row], Tie]


def fraud_screens(month: Month) -> Statement:
    """Findings of every screen, in order, with how much each of them looked at."""
    made: Sequence[Callable[[Month], Screen]] = (
        _composition, _void_after_close, _round_adjustments, _forgiven_after_cash,
        _refund_after_move, _lapping,
    )  # fmt: skip
    rows: list[Row] = []
    ties = []
    for screen in made:
        found, tie = screen(month)
        rows += found
        ties.append(tie)
    table = pa.Table.from_pylist(rows, schema=_SHAPE)
    ids = FileIds.load(month.connection)
    known = table["receipt_no"].combine_chunks()
    named = ids.receipts(int64s(known.fill_null(0))) if len(ids.numbers) else known.cast(TEXT)
    shown = pa.table(
        {
            **{name: table[name] for name in ("screen", "date", "person", "account_number")},
            "receipt_id": pa.compute.if_else(known.is_valid(), named, None).cast(TEXT),
            "amount": decimal_from_cents(table["amount_cents"]),
            "says": table["says"],
        }
    )
    return Statement("Screens for a second look", shown, tuple(ties))


def _looked(month: Month, what: str, looked: int, query: Any) -> Tie:
    return Tie(f"{what} looked at = {what} of the month", looked, month.number(query), counts=True)


def _composition(month: Month) -> Screen:
    """Cash and checks of a drawer swapped against its receipts, the sum right (domain E31)."""
    here = deposit.c.period == month.month
    query = (
        select(close.c.business_date.label("date"), close.c.cashier, close.c.drawer,
               session.c.swapped_cents)
        .select_from(session)
        .join(close, and_(close.c.file_no == session.c.file_no,
                          close.c.ordinal == session.c.ordinal))
        .join(deposit, deposit.c.deposit_no == session.c.deposit_no)
        .where(here)
        .order_by(close.c.business_date, close.c.drawer, session.c.version)
    )  # fmt: skip
    shape = {"date": DATE, "cashier": TEXT, "drawer": TEXT, "swapped_cents": INT}
    found = month.rows(query, shape).to_pylist()
    rows = [
        {"screen": "composition", "date": row["date"], "person": row["cashier"],
         "amount_cents": abs(row["swapped_cents"]),
         "says": f"drawer {row['drawer']}: "
                 + ("checks stand in place of cash" if row["swapped_cents"] > 0
                    else "cash stands in place of checks")}
        for row in found if row["swapped_cents"]
    ]  # fmt: skip
    every = select(func.count()).select_from(session).join(
        deposit, deposit.c.deposit_no == session.c.deposit_no
    )  # fmt: skip
    return rows, _looked(month, "closes of drawers", len(found), every.where(here))


def _void_after_close(month: Month) -> Screen:
    """Voids of receipts whose drawer had been closed and counted before (capabilities 3.11)."""
    here = and_(entry.c.source == "void", entry.c.period == month.month)
    voided = (
        select(placement.c.receipt_no, decision.c.entry_no, total(placement.c.cents).label("cents"))
        .select_from(placement)
        .join(decision, SAME)
        .where(placement.c.bucket == VOIDED)
        .group_by(placement.c.receipt_no, decision.c.entry_no)
        .subquery()
    )
    settled = (
        select(func.min(session.c.settled_date))
        .select_from(session)
        .join(close, and_(close.c.file_no == session.c.file_no,
                          close.c.ordinal == session.c.ordinal))
        .where(close.c.drawer == receipt.c.drawer,
               close.c.business_date == receipt.c.received_date)
        .correlate(receipt)
        .scalar_subquery()
    )  # fmt: skip
    query = (
        select(entry.c.business_date.label("date"), receipt.c.taken_by,
               voided.c.receipt_no, voided.c.cents, receipt.c.drawer, settled.label("settled"))
        .select_from(voided)
        .join(entry, entry.c.entry_no == voided.c.entry_no)
        .join(receipt, receipt.c.receipt_no == voided.c.receipt_no)
        .where(here)
        .order_by(entry.c.entry_no, voided.c.receipt_no)
    )  # fmt: skip
    shape = {"date": TEXT, "taken_by": TEXT, "receipt_no": INT, "cents": INT, "drawer": TEXT,
             "settled": TEXT}  # fmt: skip
    found = month.rows(query, shape).to_pylist()
    rows = [
        {"screen": "void after close", "date": dt.date.fromisoformat(row["date"]),
         "person": row["taken_by"], "receipt_no": row["receipt_no"], "amount_cents": row["cents"],
         "says": f"drawer {row['drawer']} was closed on {row['settled']}, the void came after"}
        for row in found if row["settled"] and row["date"] > row["settled"]
    ]  # fmt: skip
    every = (
        select(func.count(decision.c.receipt_no.distinct()))
        .select_from(decision)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(here)
    )
    return rows, _looked(month, "voided receipts", len(found), every)


def _round_adjustments(month: Month) -> Screen:
    """What people adjusted by whole hundreds in the last days before the cut-off."""
    made = schema.decision_made
    first = (month.last - dt.timedelta(days=CUT_OFF_DAYS - 1)).isoformat()
    here = and_(
        made.c.action.in_(ADJUSTMENTS), made.c.amount_cents > 0,
        made.c.decided_date >= first, made.c.decided_date <= month.last.isoformat(),
    )  # fmt: skip
    query = (
        select(made.c.decided_date.label("date"), made.c.decided_by.label("person"),
               account.c.account_number, made.c.receipt_no,
               made.c.amount_cents, made.c.action, made.c.note)
        .outerjoin(account, account.c.account_key == made.c.account_key)
        .where(here)
        .order_by(made.c.decision_no)
    )  # fmt: skip
    shape = {"date": DATE, "person": TEXT, "account_number": TEXT, "receipt_no": INT,
             "amount_cents": INT, "action": TEXT, "note": TEXT}  # fmt: skip
    found = month.rows(query, shape).to_pylist()
    rows = [
        {"screen": "round adjustment", **{name: row[name] for name in
         ("date", "person", "account_number", "receipt_no", "amount_cents")},
         "says": f"{row['action']} of a round amount before the cut-off: {row['note']}"}
        for row in found if row["amount_cents"] % ROUND_CENTS == 0
    ]  # fmt: skip
    what = "adjustments before the cut-off"
    return rows, _looked(
        month, what, len(found), select(func.count()).select_from(made).where(here)
    )


def _forgiven_after_cash(month: Month) -> Screen:
    """Debt written off on an account that paid cash at the counter shortly before: a write-off
    covers cash that was taken and not recorded whole (reliability section 2, fault 92)."""
    made = schema.adjustment
    here = and_(made.c.kind == "write_off", made.c.cents < 0, entry.c.period == month.month)
    query = (
        select(entry.c.effective_date.label("date"), entry.c.decided_by.label("person"),
               schema.item.c.account_key, account.c.account_number,
               cast(-func.sum(made.c.cents), schema.INT).label("amount_cents"))
        .select_from(made)
        .join(entry, entry.c.entry_no == made.c.entry_no)
        .join(schema.item, schema.item.c.item_key == made.c.item_key)
        .join(account, account.c.account_key == schema.item.c.account_key)
        .where(here)
        .group_by(entry.c.entry_no, entry.c.effective_date, entry.c.decided_by,
                  schema.item.c.account_key, account.c.account_number)
        .order_by(entry.c.entry_no, schema.item.c.account_key)
    )  # fmt: skip
    shape = {"date": DATE, "person": TEXT, "account_key": INT, "account_number": TEXT,
             "amount_cents": INT}  # fmt: skip
    found = month.rows(query, shape).to_pylist()
    rows = []
    for row in found:  # write-offs are decided by people, so they are few
        cash = _last_cash(month, row["account_key"], row["date"])
        if cash is not None:
            rows.append({
                "screen": "forgiven after cash", "receipt_no": cash.receipt_no,
                "says": f"written off after {cash.taken_by or 'the counter'} took cash for the"
                        f" account on {cash.received_date}",
                **{name: row[name] for name in
                   ("date", "person", "account_number", "amount_cents")},
            })  # fmt: skip
    looked = sum(row["amount_cents"] for row in found)
    every = select(-func.sum(made.c.cents)).select_from(made).join(
        entry, entry.c.entry_no == made.c.entry_no
    )  # fmt: skip
    return rows, Tie("write-offs looked at = write-offs of the month", looked,
                     month.number(every.where(here)))  # fmt: skip


def _last_cash(month: Month, account_key: int, day: dt.date) -> Any:
    """The last cash for an account within CASH_DAYS before a day."""
    return month.connection.execute(
        select(receipt.c.receipt_no, receipt.c.taken_by, receipt.c.received_date)
        .join(decision, decision.c.receipt_no == receipt.c.receipt_no)
        .where(
            decision.c.account_key == account_key, receipt.c.tender == "CASH",
            receipt.c.amount_cents > 0, receipt.c.received_date <= day.isoformat(),
            receipt.c.received_date >= (day - dt.timedelta(days=CASH_DAYS)).isoformat(),
        )
        .order_by(receipt.c.received_date.desc(), receipt.c.receipt_no.desc())
    ).first()  # fmt: skip


def _refund_after_move(month: Month) -> Screen:
    """Refunds for accounts whose name or address changed shortly before."""
    here = and_(placement.c.bucket == REFUNDED, placement.c.cents > 0,
                entry.c.period == month.month)  # fmt: skip
    query = (
        select(entry.c.business_date.label("date"), entry.c.decided_by.label("person"),
               placement.c.receipt_no,
               placement.c.account_key, account.c.account_number,
               placement.c.cents.label("amount_cents"))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .outerjoin(account, account.c.account_key == placement.c.account_key)
        .where(here)
        .order_by(decision.c.entry_no, placement.c.receipt_no, placement.c.line)
    )  # fmt: skip
    shape = {"date": TEXT, "person": TEXT, "receipt_no": INT, "account_key": INT,
             "account_number": TEXT, "amount_cents": INT}  # fmt: skip
    found = month.rows(query, shape).to_pylist()
    rows = []
    for row in found:  # refunds are decided by people, so they are few
        moved = _moved(month, row["account_key"], row["date"]) if row["account_key"] else None
        if moved is not None:
            rows.append({
                "screen": "refund after change", "date": dt.date.fromisoformat(row["date"]),
                "says": f"name or address of the account changed on {moved}",
                **{name: row[name] for name in
                   ("person", "account_number", "receipt_no", "amount_cents")},
            })  # fmt: skip
    every = (
        select(func.count())
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(here)
    )
    return rows, _looked(month, "refunds", len(found), every)


def _moved(month: Month, account_key: int, day: str) -> str | None:
    """The last day within MOVED_DAYS before a refund on which its payee changed."""
    before = version.alias()
    since = dt.date.fromisoformat(day) - dt.timedelta(days=MOVED_DAYS)
    found: str | None = month.connection.scalar(
        select(func.max(version.c.since_date))
        .join(before, and_(before.c.account_key == version.c.account_key,
                           before.c.version == version.c.version - 1))
        .where(
            version.c.account_key == account_key, version.c.since_date <= day,
            version.c.since_date >= since.isoformat(),
            or_(*(version.c[name].is_distinct_from(before.c[name])
                  for name in ("customer_name", "mailing_address"))),
        )
    )  # fmt: skip
    return found


def _lapping(month: Month) -> Screen:
    """Chains at one cashier: money of one payer on the account of another, whose own money then
    pays a third. Only payments whose payer has the name of exactly one other account are links."""
    until, since = month.last, month.first - dt.timedelta(days=LAPPING_DAYS)
    named = (
        receipt.c.channel == "CASHIER", receipt.c.payer_name.is_not(None),
        receipt.c.received_date <= until.isoformat(),
    )  # fmt: skip
    query = (
        select(receipt.c.receipt_no, receipt.c.received_date.label("date"), receipt.c.taken_by,
               receipt.c.payer_name, receipt.c.amount_cents.label("cents"), decision.c.account_key,
               account.c.account_number, account.c.name_key)
        .join(decision, and_(decision.c.receipt_no == receipt.c.receipt_no,
                             decision.c.version == 1))
        .join(account, account.c.account_key == decision.c.account_key)
        .where(*named, receipt.c.received_date >= since.isoformat())
        .order_by(receipt.c.received_date, receipt.c.receipt_no)
    )  # fmt: skip
    shape = {"receipt_no": INT, "date": DATE, "taken_by": TEXT, "payer_name": TEXT, "cents": INT,
             "account_key": INT, "account_number": TEXT, "name_key": TEXT}  # fmt: skip
    table = month.rows(query, shape)
    payers = normalise_names(table["payer_name"])
    found = table.append_column("payer_key", payers).to_pylist()
    strangers = [row for row in found if row["payer_key"] != row["name_key"]]
    owners = _owners(month, {row["payer_key"] for row in strangers})
    links: dict[tuple[str | None, int], Row] = {}  # whose money went elsewhere, by cashier
    rows = []
    for row in strangers:
        own = owners.get(row["payer_key"] or "")
        if own is None or own == row["account_key"]:
            continue
        earlier = links.get((row["taken_by"], row["account_key"]))
        if earlier is not None and (row["date"] - earlier["date"]).days <= LAPPING_DAYS:
            row["links"] = earlier["links"] + 1
            if row["date"] >= month.first:
                rows.append({
                    "screen": "lapping", "date": row["date"], "person": row["taken_by"],
                    "account_number": row["account_number"], "receipt_no": row["receipt_no"],
                    "amount_cents": row["cents"],
                    "says": f"link {row['links']} of a chain: {row['payer_name']} pays an account"
                            f" whose own money of {earlier['date']} went to another",
                })  # fmt: skip
        links[row["taken_by"], own] = {**row, "links": row.get("links", 1)}
    looked = sum(row["date"] >= month.first for row in found)
    every = (
        select(func.count())
        .select_from(receipt)
        .join(decision, and_(decision.c.receipt_no == receipt.c.receipt_no,
                             decision.c.version == 1, decision.c.account_key.is_not(None)))
        .where(*named, receipt.c.received_date >= month.first.isoformat())
    )  # fmt: skip
    return rows, _looked(month, "payments at the counter with a payer's name", looked, every)


def _owners(month: Month, names: set[str | None]) -> dict[str, int]:
    """Accounts by name, where exactly one has it."""
    wanted = sorted(name for name in names if name)
    found: dict[str, int] = {}
    for start in range(0, len(wanted), 500):
        rows = month.connection.execute(
            select(account.c.name_key, func.min(account.c.account_key), func.count())
            .where(account.c.name_key.in_(wanted[start : start + 500]))
            .group_by(account.c.name_key)
        )
        found |= {row[0]: row[1] for row in rows if row[2] == 1}
    return found
