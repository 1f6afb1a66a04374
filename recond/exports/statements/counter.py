"""The counter: over and short by cashier, voids and missing receipt numbers, card settlements."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import and_, case, func, literal_column, select, union_all

from recond.clearing.drawers import missing_numbers
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.exports.statements.cash import SAME
from recond.exports.statements.transit import booked, credited
from recond.model import VOIDED
from recond.pipeline.deposits import CONVENIENCE, FEE, NETTED
from recond.pipeline.numbered import HELD, VOID
from recond.store import schema
from recond.store.sql import total

entry, journal, receipt, aside = (
    schema.entry, schema.journal_line, schema.receipt, schema.set_aside,
)  # fmt: skip
decision, placement, deposit = schema.decision, schema.placement, schema.deposit
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()


def over_short(month: Month) -> Statement:
    """Every comparison of a drawer's close with its receipts, by cashier, with what the cashier
    has run up in the month: net, and gross, where over and short do not cancel (domain E29); and
    the bank days until the bag was at the bank."""
    session, close = schema.drawer_session, schema.drawer_close
    last = session.alias()
    earlier = and_(last.c.file_no == session.c.file_no, last.c.ordinal == session.c.ordinal,
                   last.c.version == session.c.version - 1)  # fmt: skip
    over = session.c.over_cents - func.coalesce(last.c.over_cents, 0)
    short = session.c.short_cents - func.coalesce(last.c.short_cents, 0)
    cashier = func.coalesce(close.c.cashier, "")
    query = (
        select(
            cashier.label("cashier"), close.c.drawer, close.c.business_date, session.c.version,
            session.c.expected_cash_cents, session.c.expected_checks_cents,
            (close.c.counted_cash_cents - close.c.opening_float_cents).label("counted_cash_cents"),
            close.c.counted_checks_cents, session.c.swapped_cents,
            over.label("over_cents"), short.label("short_cents"), close.c.deposit_date,
        )
        .select_from(session)
        .join(close, and_(close.c.file_no == session.c.file_no,
                          close.c.ordinal == session.c.ordinal))
        .join(deposit, deposit.c.deposit_no == session.c.deposit_no)
        .outerjoin(last, earlier)
        .where(deposit.c.period == month.month)
        .order_by(cashier, close.c.business_date, close.c.drawer, session.c.file_no,
                  session.c.ordinal, session.c.version)
    )  # fmt: skip
    money = ("expected_cash", "expected_checks", "counted_cash", "counted_checks", "swapped",
             "over", "short")  # fmt: skip
    shape = {"cashier": TEXT, "drawer": TEXT, "business_date": DATE, "version": INT,
             **{f"{name}_cents": INT for name in money}, "deposit_date": DATE}  # fmt: skip
    table = month.rows(query, shape)
    net, gross = _running(table)
    days = [
        to_bank and month.calendar.bank_days_between(taken, to_bank)
        for taken, to_bank in zip(
            table["business_date"].to_pylist(), table["deposit_date"].to_pylist(), strict=True
        )
    ]
    table = table.append_column("days_to_bank", pa.array(days, INT))
    table = table.append_column("running_net_cents", net).append_column(
        "running_gross_cents", gross
    )
    chart = month.chart
    ties = (
        Tie("over = cash over in the ledger", summed(table, "over_cents"),
            -booked(month, chart.cash_over)),
        Tie("short = cash short in the ledger", summed(table, "short_cents"),
            booked(month, chart.cash_short)),
    )  # fmt: skip
    return Statement("Over and short by cashier", shown(table), ties, summed(table, "over_cents"))


def _running(table: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Sums by cashier up to each close; closes are a few a day."""
    sums: dict[str, tuple[int, int]] = {}
    net, gross = [], []
    columns = (table[name].to_pylist() for name in ("cashier", "over_cents", "short_cents"))
    for cashier, over, short in zip(*columns, strict=True):
        before = sums.get(cashier, (0, 0))
        sums[cashier] = (before[0] + over - short, before[1] + over + short)
        net.append(sums[cashier][0])
        gross.append(sums[cashier][1])
    return pa.array(net, INT), pa.array(gross, INT)


# --- voids and gaps -------------------------------------------------------------------------------


def voids_and_gaps(month: Month) -> Statement:
    """Voids of the month with the receipts that they took out, voids that took out nothing, and
    receipt numbers that are missing. What was voided ties to the counter's clearing account."""
    taken = _voided(month)
    rows: list[dict[str, Any]] = []
    used = set()
    for row in _records(month):  # voids: a handful a day
        key = (row["drawer"], row["original"])
        cents = taken.get(key, 0)
        if not cents and not month.first <= row["date"] <= month.last:
            continue
        used.add(key)
        kind = "void" if cents else "void without effect"
        rows.append({**row, "kind": kind, "voided_cents": cents})
        taken[key] = 0
    for drawer, number in sorted(key for key, cents in taken.items() if cents and key not in used):
        rows.append({"kind": "void", "drawer": drawer, "original": number,
                     "voided_cents": taken[drawer, number]})  # fmt: skip
    amount = sum(row["voided_cents"] for row in rows)
    rows += missing(month)
    shape = pa.schema([("kind", TEXT), ("drawer", TEXT), ("date", DATE), ("number", TEXT),
                       ("original", TEXT), ("void_cents", INT), ("voided_cents", INT),
                       ("approved_by", TEXT)])  # fmt: skip
    clearing = dict(month.chart.clearing)["CASHIER"]
    book = month.number(
        select(total(journal.c.credit_cents) - total(journal.c.debit_cents))
        .join(entry, entry.c.entry_no == journal.c.entry_no)
        .where(entry.c.source == "void", entry.c.period == month.month,
               journal.c.gl_account == clearing)
    )  # fmt: skip
    tie = Tie("voided receipts = what voids took off the counter's clearing account", amount, book)
    table = pa.Table.from_pylist(rows, schema=shape)
    return Statement("Voids and missing numbers", shown(table), (tie,), amount)


def _voided(month: Month) -> dict[tuple[str, str], int]:
    """Cents that voids of the month took out of the books, by drawer and receipt number."""
    rows = month.connection.execute(
        select(receipt.c.drawer, receipt.c.sequence, total(placement.c.cents))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket == VOIDED, entry.c.source == "void",
               entry.c.period == month.month)
        .group_by(receipt.c.drawer, receipt.c.sequence)
    )  # fmt: skip
    return {(row[0] or "", row[1] or ""): int(row[2]) for row in rows}


def _records(month: Month) -> list[dict[str, Any]]:
    """Records of voids that arrived by the month's end, oldest first, one a void; behind them
    those that are held because their number is another record's."""
    day = func.coalesce(aside.c.effective_date, schema.file.c.business_date)
    keys = (day.label("date"), aside.c.drawer, aside.c.trace_number.label("number"),
            aside.c.original, aside.c.approved_by)  # fmt: skip
    query = (
        select(*keys, total(aside.c.amount_cents).label("void_cents"))
        .select_from(aside)
        .join(schema.file, schema.file.c.file_no == aside.c.file_no)
        .where(aside.c.kind.in_((VOID, VOID + HELD)),
               schema.file.c.state.in_(["accepted", "partly_held"]),
               day <= month.last.isoformat())
        .group_by(aside.c.kind, aside.c.file_no, day, aside.c.drawer, aside.c.trace_number,
                  aside.c.original, aside.c.approved_by)
        .order_by(aside.c.kind, day, aside.c.drawer, aside.c.trace_number, aside.c.file_no)
    )  # fmt: skip
    shape = {"date": DATE, "drawer": TEXT, "number": TEXT, "original": TEXT, "approved_by": TEXT,
             "void_cents": INT}  # fmt: skip
    rows = month.rows(query, shape).to_pylist()
    return [{**row, "drawer": row["drawer"] or "", "original": row["original"] or ""}
            for row in rows]  # fmt: skip


def missing(month: Month) -> list[dict[str, Any]]:
    """Numbers that no receipt and no void of the month has, by drawer; numbers that another
    drawer gave are not missing. A month's counter numbers are looked through once."""
    first, last = month.first.isoformat(), month.last.isoformat()
    given = (
        select(receipt.c.drawer, receipt.c.sequence)
        .where(
            receipt.c.drawer.is_not(None),
            receipt.c.received_date >= first,
            receipt.c.received_date <= last,
        )
        .distinct()
    )
    voids = select(aside.c.drawer, aside.c.trace_number).where(
        aside.c.kind == VOID, aside.c.drawer.is_not(None),
        aside.c.effective_date >= first, aside.c.effective_date <= last,
    )  # fmt: skip
    numbers: dict[str, set[str]] = {}
    for query in (given, voids):
        for drawer, number in month.connection.execute(query):
            if number:
                numbers.setdefault(drawer, set()).add(number)
    every = set().union(*numbers.values()) if numbers else set()
    return [
        {"kind": "missing number", "drawer": drawer, "number": number, "voided_cents": None}
        for drawer in sorted(numbers)
        for number in missing_numbers(sorted(numbers[drawer]), None, every)
    ]


# --- cards ----------------------------------------------------------------------------------------


def card_settlements(month: Month) -> Statement:
    """Card batches that settled in the month: sales, what the processor kept, its fees, and what
    the bank credited by the month's end. Records of the files tie to the deposits, fees to the
    ledger."""
    sums = _netted()
    earlier = schema.deposit.alias()
    again = select(earlier.c.deposit_no).where(
        earlier.c.file_no == deposit.c.file_no, earlier.c.kind == "card",
        earlier.c.reference == deposit.c.reference, earlier.c.deposit_no < deposit.c.deposit_no,
    )  # fmt: skip
    once = and_(sums.c.file_no == deposit.c.file_no, sums.c.reference == deposit.c.reference,
                ~again.exists())  # fmt: skip
    brought = credited(month)
    query = (
        select(
            deposit.c.deposit_id, deposit.c.reference.label("merchant_and_batch"),
            deposit.c.business_date.label("settlement_date"),
            deposit.c.receipts_cents.label("sales_cents"),
            *(func.coalesce(sums.c[name], 0).label(name)
              for name in ("refunds_cents", "chargebacks_cents", "reversals_cents",
                           "stated_fees_cents")),
            deposit.c.fee_cents.label("deducted_fees_cents"),
            deposit.c.amount_cents.label("net_cents"),
            func.coalesce(brought.c.cents, 0).label("credited_cents"),
        )
        .select_from(deposit)
        .outerjoin(sums, once)
        .outerjoin(brought, brought.c.deposit_no == deposit.c.deposit_no)
        .where(deposit.c.kind == "card", deposit.c.period == month.month)
        .order_by(deposit.c.business_date, deposit.c.deposit_no)
    )  # fmt: skip
    money = ("sales", "refunds", "chargebacks", "reversals", "stated_fees", "deducted_fees", "net",
             "credited")  # fmt: skip
    shape = {"deposit_id": TEXT, "merchant_and_batch": TEXT, "settlement_date": DATE,
             **{f"{name}_cents": INT for name in money}}  # fmt: skip
    table = month.rows(query, shape)
    of = {name: summed(table, f"{name}_cents") for name in money}
    kept = of["refunds"] + of["chargebacks"] + of["reversals"]
    ties = (
        Tie("sales + withheld + deducted fees = net", of["sales"] + kept + of["deducted_fees"],
            of["net"]),
        Tie("deducted fees = expense in the ledger", -of["deducted_fees"],
            booked(month, month.chart.fees, month.chart.convenience_fees)),
    )  # fmt: skip
    return Statement("Card settlements and fees", shown(table), ties, of["net"])


def _netted() -> Any:
    """A subquery of what the records say was taken from a batch, and from its brands."""
    batch = schema.batch
    kinds = dict(zip(("refunds_cents", "chargebacks_cents", "reversals_cents"), NETTED,
                     strict=True))  # fmt: skip
    fees = aside.c.kind.in_([FEE, CONVENIENCE])
    sums = [
        *(total(case((aside.c.kind == kind, aside.c.amount_cents), else_=0)).label(name)
          for name, kind in kinds.items()),
        total(case((fees, aside.c.amount_cents), else_=0)).label("stated_fees_cents"),
    ]  # fmt: skip
    of_brand = batch.c.batch.concat(literal_column("' '")).concat(
        aside.c.code
    )  # of deposits by brand
    parts = [
        select(aside.c.file_no, name.label("reference"), *sums)
        .join(batch, and_(batch.c.file_no == aside.c.file_no,
                          batch.c.batch_ord == aside.c.batch_ord))
        .where(aside.c.kind.in_([*NETTED, FEE, CONVENIENCE]), batch.c.state == "accepted")
        .group_by(aside.c.file_no, name)
        for name in (batch.c.batch, of_brand)
    ]  # fmt: skip
    return union_all(*parts).subquery()
