"""What people's answers teach about payers: whose money it was, the last times.

A view, never a score that is kept: every row is counted anew from decisions that were approved
and not undone. A payer is known by the bank account that pays (its keyed hash) or by the
reference that it writes (a bill-pay id, a claim number of an insurer). Two agreeing decisions
make a row active; a decision for another account, or one that was undone, retires it; so does
a payment that it led and that was taken off again, and time (capabilities section 1.K). Active
rows are leads (matching/leads.py), never answers.
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    Connection,
    ScalarSelect,
    Select,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    select,
)

from recond.matching.policy import Rules
from recond.matching.references import keys
from recond.matching.tables import BOOK_LEADS
from recond.model import CREDIT, DATE, ITEM, TEXT
from recond.store import schema
from recond.store.engine import fetch_arrow, stage

CONFIRMATIONS = 2  # agreeing decisions that make a row active
# Answers that say whose money it is. An approval says what was asked for.
TELLING = ("accept_1", "accept_2", "accept_3", "assign", "on_account", "transfer")

ACTIVE, CANDIDATE, RETIRED = "active", "candidate", "retired"
PAYER, WRITTEN = "payer_memory", "reference_memory"  # the rules that memory leads by

MEMORY = pa.schema(
    [
        pa.field("kind", TEXT),  # BANK: a payer's bank account; REFERENCE: what it writes
        pa.field("key", TEXT),
        pa.field("account_key", pa.int64()),
        pa.field("confirmed", pa.int64()),
        pa.field("reversed", pa.int64()),
        pa.field("first_date", DATE),
        pa.field("last_date", DATE),
        pa.field("state", TEXT),
    ]
)
_COUNTED = pa.schema([field for field in MEMORY if field.name not in {"kind", "state"}])


def fetch_memory(connection: Connection, today: dt.date, months: int) -> pa.Table:
    """MEMORY: every payer and account that people have put together, in order of kind, key and
    account. `months`: how long a row stays active after its last confirmation."""
    table = count_memory(connection)
    table = table.append_column("state", _states(table, today, months)).select(MEMORY.names)
    order = [(name, "ascending") for name in ("kind", "key", "account_key")]
    return table.cast(MEMORY).sort_by(order)


def count_memory(connection: Connection) -> pa.Table:
    """The rows of MEMORY without their state: what was confirmed and undone, whenever it was."""
    receipt = schema.receipt.c
    payer, wrote = cast(receipt.payer_key, Text), schema.remittance.c.reference
    written = func.coalesce(func.nullif(receipt.reference, ""), receipt.account_on_item)
    banks = [_counted(payer), _taken_back(payer, PAYER)]
    told = [_counted(wrote), _taken_back(written, WRITTEN)]
    bank, reference = (
        pa.concat_tables([fetch_arrow(connection, part, _COUNTED) for part in parts])
        for parts in (banks, told)
    )
    _, key = keys(reference["key"])
    reference = reference.set_column(0, "key", key)
    reference = reference.filter(pc.not_equal(pc.fill_null(key, ""), ""))
    parts = [_of_kind("BANK", _summed(bank)), _of_kind("REFERENCE", _summed(reference))]
    return pa.concat_tables(parts)


def _stands(receipt_no: Any, account_key: Any) -> ScalarSelect[Any]:
    """The cents of a receipt that stand on an account."""
    placement = schema.placement.c
    return (
        select(func.coalesce(func.sum(placement.cents), 0))
        .where(
            placement.receipt_no == receipt_no,
            placement.account_key == account_key,
            placement.bucket.in_([ITEM, CREDIT]),
        )
        .scalar_subquery()
    )


def _counted(key: Select[str] | object) -> Select[tuple[object, ...]]:
    """Decisions by key and account, one a receipt: confirmed while the receipt's cents stand on
    the account, else reversed."""
    made, receipt = schema.decision_made.c, schema.receipt.c
    asked = schema.decision_made.alias("asked")
    stands = _stands(made.receipt_no, made.account_key)
    decided = (
        select(
            key.label("key"),  # type: ignore[union-attr]
            made.account_key,
            made.receipt_no,
            func.max(case((stands > 0, 1), else_=0)).label("live"),
            func.max(made.decided_date).label("day"),
        )
        .select_from(schema.decision_made)
        .join(schema.receipt, receipt.receipt_no == made.receipt_no)
        .outerjoin(
            schema.remittance,
            (schema.remittance.c.receipt_no == made.receipt_no)
            & (schema.remittance.c.kind != "WORD"),  # of free text: nobody's name for anything
        )
        .outerjoin(asked, (asked.c.decision_id == made.answers_id) & (made.action == "approve"))
        .where(
            made.placed_version.is_not(None),  # what waits for another person placed nothing
            made.account_key.is_not(None),
            func.coalesce(asked.c.action, made.action).in_(TELLING),
            key.is_not(None),  # type: ignore[union-attr]
        )
        .group_by(key, made.account_key, made.receipt_no)  # type: ignore[arg-type]
        .subquery()
    ).c
    return (
        select(
            decided.key,
            decided.account_key,
            cast(func.sum(decided.live), schema.INT).label("confirmed"),
            cast(func.sum(1 - decided.live), schema.INT).label("reversed"),
            func.min(decided.day).label("first_date"),
            func.max(decided.day).label("last_date"),
        )
        .group_by(decided.key, decided.account_key)
        .order_by(decided.key, decided.account_key)
    )


def _taken_back(key: Any, rule: str) -> Select[tuple[object, ...]]:
    """Payments that memory led (`rule`) and that do not stand where it led them, by key and
    account: each one is a lesson undone. No other account than one that people named is led to."""
    made, led, receipt = schema.decision_made.c, schema.decision.c, schema.receipt.c
    named = select(made.account_key).where(made.action.in_([*TELLING, "approve"]))
    return (
        select(
            key.label("key"),
            led.account_key,
            cast(literal(0), schema.INT).label("confirmed"),
            cast(func.count(), schema.INT).label("reversed"),
            cast(null(), Text).label("first_date"),
            cast(null(), Text).label("last_date"),
        )
        .select_from(schema.decision)
        .join(schema.receipt, receipt.receipt_no == led.receipt_no)
        .where(
            led.rule == rule,
            led.account_key.in_(named),
            key.is_not(None),
            _stands(led.receipt_no, led.account_key) <= 0,
        )
        .group_by(key, led.account_key)
        .order_by(key, led.account_key)
    )


def _summed(told: pa.Table) -> pa.Table:
    """One row a key and account; references that differ only in blanks, dashes and zeros are
    one."""
    grouped = told.group_by(["key", "account_key"]).aggregate(
        [("confirmed", "sum"), ("reversed", "sum"), ("first_date", "min"), ("last_date", "max")]
    )
    names = ["key", "account_key", "confirmed_sum", "reversed_sum", "first_date_min",
             "last_date_max"]  # fmt: skip
    return grouped.select(names).rename_columns(_COUNTED.names).cast(_COUNTED)


def _of_kind(kind: str, table: pa.Table) -> pa.Table:
    return table.add_column(0, "kind", pa.repeat(kind, table.num_rows))


def _states(table: pa.Table, today: dt.date, months: int) -> pa.Array:
    """active, candidate (too few decisions, or another account has some too) or retired."""
    alive = table.filter(pc.greater(table["confirmed"], 0))
    rivals = alive.group_by(["kind", "key"]).aggregate([("account_key", "count")])
    both = pc.binary_join_element_wise(table["kind"], table["key"], "|")
    shared = rivals.filter(pc.greater(rivals["account_key_count"], 1))
    conflict = pc.is_in(
        both, value_set=pc.binary_join_element_wise(shared["kind"], shared["key"], "|")
    )
    since = _months_before(today, months)
    old = pc.fill_null(pc.less(table["last_date"], pa.scalar(since, DATE)), True)
    retired = pc.or_(pc.greater(table["reversed"], 0), old)
    few = pc.less(table["confirmed"], CONFIRMATIONS)
    waits = pc.if_else(pc.or_(few, conflict), CANDIDATE, ACTIVE)
    return pc.if_else(retired, RETIRED, waits)


def _months_before(day: dt.date, months: int) -> dt.date:
    """The same day of an earlier month, or that month's last day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = max(index // 12, 1), index % 12 + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def remembered(
    connection: Connection, ordinals: pa.Array, remittances: pa.Table, known: pa.Array,
    rules: Rules, today: dt.date,
) -> pa.Table:  # fmt: skip
    """BOOK_LEADS of what people's answers teach about receipts (by key, `ordinals`).

    A receipt without any reference is led by its payer's bank account; one whose references are
    not among the `known` reference keys by those references.
    """
    if not rules.payer_memory or not len(ordinals):
        return BOOK_LEADS.empty_table()
    memory = fetch_memory(connection, today, rules.payer_memory_months)
    active = memory.filter(pc.equal(memory["state"], ACTIVE))
    if active.num_rows == 0:
        return BOOK_LEADS.empty_table()
    _, key = keys(remittances["reference"])
    says = pc.fill_null(pc.not_equal(key, ""), False)
    silent = ordinals.filter(
        pc.invert(pc.is_in(ordinals, value_set=remittances["ordinal"].filter(says)))
    )
    unknown = pc.and_(says, pc.invert(pc.is_in(key, value_set=known)))
    told = pa.table({"ordinal": remittances["ordinal"], "key": key}).filter(unknown)
    return pa.concat_tables(
        [
            _leads(_banks(connection, silent), active, "BANK", PAYER),
            _leads(told, active, "REFERENCE", WRITTEN),
        ]
    )


def _banks(connection: Connection, receipts: pa.Array) -> pa.Table:
    """The payers' bank accounts of receipts, as text."""
    receipt = schema.receipt.c
    staged = stage(connection, "silent", pa.table({"receipt_no": receipts.sort()}))
    found = (
        select(receipt.receipt_no.label("ordinal"), cast(receipt.payer_key, Text).label("key"))
        .join(staged, staged.c.receipt_no == receipt.receipt_no)
        .where(receipt.payer_key.is_not(None))
        .order_by(receipt.receipt_no)
    )
    return fetch_arrow(
        connection, found, pa.schema([pa.field("ordinal", pa.int64()), pa.field("key", TEXT)])
    )


def _leads(receipts: pa.Table, active: pa.Table, kind: str, rule: str) -> pa.Table:
    mine = active.filter(pc.equal(active["kind"], kind)).select(["key", "account_key"])
    if not receipts.num_rows or not mine.num_rows:
        return BOOK_LEADS.empty_table()
    found = receipts.join(mine, "key", join_type="inner").sort_by(
        [("ordinal", "ascending"), ("account_key", "ascending")]
    )
    return pa.table(
        [found["ordinal"], found["account_key"], pa.repeat(rule, found.num_rows)],
        schema=BOOK_LEADS,
    )
