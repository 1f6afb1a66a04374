"""Drawers: each close against its receipts, over and short, the deposit that follows.

A close that comes before its receipts waits to the end of its day before anybody is asked. Over
and short go to their own accounts and are never netted; the customers' receipts stay as they are
(domain E27-E33).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, delete, func, select

from recond import ids, posting
from recond.clearing.drawers import Count, Outcome, judge, missing_numbers, sum_of_counts
from recond.clearing.words import token
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.money import format_cents
from recond.pipeline.deposits import COUNTER, Expected, book, write
from recond.pipeline.drawer_closes import conflict, to_compare
from recond.pipeline.numbered import VOID
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import insert_table

close, session, undeposited = schema.drawer_close, schema.drawer_session, schema.undeposited
CASH, PAPER = ("CASH",), ("CHECK", "MONEY_ORDER", "CASHIERS_CHECK")
SHORT, OVER, SWAPPED = "DRAWER_SHORT", "DRAWER_OVER", "DRAWER_COMPOSITION"
WITHOUT, UNCLOSED = "CLOSE_WITHOUT_RECEIPTS", "DRAWER_NOT_CLOSED"


@dataclass(slots=True)
class _Sums:
    """Receipts of a close that no deposit holds yet."""

    rows: list[Any]

    def of(self, tenders: Sequence[str]) -> int:
        return sum(row.cents for row in self.rows if row.tender in tenders)

    @property
    def other(self) -> list[Any]:
        return [row for row in self.rows if row.tender not in (*CASH, *PAPER)]


def settle(connection: Connection, run: Run) -> int:
    """Compare every close with the receipts that came since; returns how many deposits follow."""
    waiting = connection.execute(select(undeposited).where(undeposited.c.channel == COUNTER)).all()
    closes, repeats = to_compare(connection, {row.received_date for row in waiting})
    days: dict[tuple[str, str], list[Any]] = {}
    for one in closes:
        days.setdefault((one.drawer, one.business_date), []).append(one)
    made = 0
    for one in closes:
        shared = len(days[one.drawer, one.business_date]) > 1
        mine = [
            row
            for row in waiting
            if (row.drawer, row.received_date) == (one.drawer, one.business_date)
            and (not shared or row.taken_by == (one.cashier or ""))
        ]
        made += _settle(connection, run, one, _Sums(mine))
    for one, first in repeats:
        _ask_again(connection, run, one, first)
    _ask_unclosed(connection, run, waiting, set(days))
    return made


def _settle(connection: Connection, run: Run, one: Any, sums: _Sums) -> int:
    count = Count(one.opening_float_cents, one.counted_cash_cents, one.counted_checks_cents)
    if not sums.rows and (one.done or _waits(connection, run, one, count)):
        return 0
    last = _last(connection, one)
    cash = sums.of(CASH) + (last.expected_cash_cents if last else 0)
    checks = sums.of(PAPER) + (last.expected_checks_cents if last else 0)
    outcome = judge(count, cash, checks)
    before = Outcome(last.over_cents, last.short_cents, 0) if last else Outcome(0, 0, 0)
    version = last.version + 1 if last else 1
    over = outcome.over_cents - before.over_cents
    short = outcome.short_cents - before.short_cents
    entry_no = _book(connection, run, one, version, over, short)
    deposit_no = _deposits(connection, run, one, sums, count, entry_no, over - short, version)
    row = {
        "file_no": one.file_no,
        "ordinal": one.ordinal,
        "version": version,
        "expected_cash_cents": cash,
        "expected_checks_cents": checks,
        "over_cents": outcome.over_cents,
        "short_cents": outcome.short_cents,
        "swapped_cents": outcome.swapped_cents,
        "deposit_no": deposit_no,
        "settled_date": run.today.isoformat(),
    }
    insert_table(connection, session, row)
    for used in sums.rows:
        connection.execute(
            delete(undeposited).where(undeposited.c.undeposited_no == used.undeposited_no)
        )
    _ask(connection, run, one, outcome, count, cash, checks)
    return 1


def _waits(connection: Connection, run: Run, one: Any, count: Count) -> bool:
    """A close without receipts: an empty drawer is in order, any other waits for its day to end
    and is asked about then."""
    if count.deposit_cents == 0 and count.checks_cents == 0:
        return False
    if run.today.isoformat() > one.business_date:
        words = f"{_name(one)} came without any receipt; drop the receipts of that drawer"
        _once(connection, run, Question(WITHOUT, _key(one), words, count.deposit_cents,
                                        file_no=one.file_no))  # fmt: skip
    return True


def _last(connection: Connection, one: Any) -> Any:
    return connection.execute(
        select(session)
        .where(session.c.file_no == one.file_no, session.c.ordinal == one.ordinal)
        .order_by(session.c.version.desc())
        .limit(1)
    ).first()


def _key(one: Any) -> str:
    return f"{one.file_id}/close/{one.ordinal}"


def _name(one: Any) -> str:
    return f"{one.name}, line {one.line}: the close of drawer {one.drawer} of {one.business_date}"


def _book(
    connection: Connection, run: Run, one: Any, version: int, over: int, short: int
) -> int | None:
    """Over to its revenue, short to its expense, both against the counter's clearing account."""
    if not over and not short:
        return None
    chart = run.chart
    clearing = posting.clearing_account(pa.array([COUNTER]), chart)[0].as_py()
    legs = [
        (chart.pool_fund, clearing, over - short),
        (chart.pool_fund, chart.cash_over, -over),
        (chart.pool_fund, chart.cash_short, short),
    ]
    entry_no = run.ledger(connection).next_entry_no()
    stem = ids.files_of(connection, {one.file_no})[one.file_no][1:]
    made = Expected(one.file_no, one.ordinal, "drawer", COUNTER, _day(one), _day(one))
    key = f"{stem}-close-{one.ordinal}.{version}"
    words = f"over and short of drawer {one.drawer}"
    book(connection, run, key, _day(one), legs, words, made)
    return entry_no


def _day(one: Any) -> dt.date:
    return dt.date.fromisoformat(one.business_date)


def _deposits(
    connection: Connection,
    run: Run,
    one: Any,
    sums: _Sums,
    count: Count,
    entry_no: int | None,
    over: int,
    version: int,
) -> int | None:
    """The bag, and beside it what cards and other tenders of the counter will bring. Receipts
    that come after their close change no bag: what they explain was over before."""
    day = _day(one)
    later = dt.date.fromisoformat(one.deposit_date) if one.deposit_date else None
    expected = run.calendar.bank_day(later or day, 0 if later else 1)
    if later is None and run.calendar.bank_day(day) != day:
        expected = run.calendar.bank_day(day)
    bag = Expected(
        one.file_no, one.ordinal, "drawer", COUNTER, day, expected,
        receipts_cents=sums.of((*CASH, *PAPER)), over_cents=over, reference=one.deposit_bag or "",
        own=token(one.deposit_bag), entry_no=entry_no,
    )  # fmt: skip
    made = [bag]
    other = sum(row.cents for row in sums.other)
    if other:
        made.append(
            Expected(
                one.file_no, one.ordinal, "drawer_other", COUNTER, day,
                run.calendar.bank_day(day, 1), receipts_cents=other,
                reference=f"cards of drawer {one.drawer}",
            )
        )  # fmt: skip
    if version == 1 and bag.amount_cents != count.deposit_cents:
        raise AssertionError(f"{_name(one)}: {bag.amount_cents} != {count.deposit_cents}")
    first = (connection.scalar(select(func.max(schema.deposit.c.deposit_no))) or 0) + 1
    write(connection, run, made)
    return first


# --- questions ------------------------------------------------------------------------------------


def _ask(
    connection: Connection,
    run: Run,
    one: Any,
    outcome: Outcome,
    count: Count,
    cash: int,
    checks: int,
) -> None:
    """What the close leaves to ask: open, restated or closed as it stands now."""
    counted = f"counted {format_cents(count.cash_cents - count.float_cents)} in cash and"
    counted += f" {format_cents(count.checks_cents)} in checks"
    said = f"receipts say {format_cents(cash)} and {format_cents(checks)}"
    words = f"{_name(one)}: {counted}; {said}"
    stand = {
        SHORT: outcome.short_cents,
        OVER: outcome.over_cents,
        SWAPPED: abs(outcome.swapped_cents),
        WITHOUT: 0,
    }
    amounts = {SHORT: -outcome.short_cents}
    for code, cents in stand.items():
        question = Question(code, _key(one), words, amounts.get(code, cents), file_no=one.file_no)
        _state(connection, run, question, stands=cents != 0)
    _ask_counts(connection, run, one)
    _ask_late(connection, run, one)
    _ask_gaps(connection, run, one)
    _state(
        connection, run,
        Question(UNCLOSED, f"{one.drawer}/{one.business_date}", ""), stands=False,
    )  # fmt: skip


def _state(connection: Connection, run: Run, question: Question, *, stands: bool) -> None:
    """Open a question that stands, say it anew when it is open, close it when it does not."""
    table = schema.exception.c
    key = exception_id(question.code, question.subject)
    found = connection.execute(
        select(table.exception_no, table.status, table.amount_cents).where(
            table.exception_id == key
        )
    ).first()
    desk = run.desk(connection)
    if stands and found is None:
        desk.open([question])
    elif found is None or found.status == "resolved":
        return
    elif not stands:
        desk.resolve([found.exception_no], "what came later explains it")
    elif found.amount_cents != question.amount_cents:
        desk.restate(found.exception_no, question.message, question.amount_cents)


def _once(connection: Connection, run: Run, question: Question) -> None:
    _state(connection, run, question, stands=True)


def _ask_again(connection: Connection, run: Run, one: Any, first: Any) -> None:
    """A close that came before: with the same money it may bring its deposit date late."""
    found = conflict(one, first)
    if found is None:
        _ask_late(connection, run, one)
        return
    words, cents = found
    _once(connection, run, Question("CLOSE_CONFLICT", _key(one), f"{_name(one)} {words}", cents,
                                    file_no=one.file_no))  # fmt: skip


def _ask_counts(connection: Connection, run: Run, one: Any) -> None:
    """The denominations must sum to the counted cash."""
    if not one.counts:
        return
    total = sum_of_counts(one.counts)
    if total == one.counted_cash_cents:
        return
    found = "cannot be read" if total is None else f"come to {format_cents(total)}"
    words = f"{_name(one)}: denominations {found}, counted cash is"
    words += f" {format_cents(one.counted_cash_cents)}"
    difference = None if total is None else total - one.counted_cash_cents
    _once(connection, run, Question("DRAWER_COUNT_WRONG", _key(one), words, difference,
                                    file_no=one.file_no))  # fmt: skip


def _ask_late(connection: Connection, run: Run, one: Any) -> None:
    """The bag must go to the bank within the office's days (domain E33)."""
    if not one.deposit_date:
        return
    after = _day(one) + dt.timedelta(days=1)
    days = run.home.settings.clearing.deposit_days
    limit = run.calendar.office_day(after, max(days - 1, 0)) if days else _day(one)
    if one.deposit_date <= limit.isoformat():
        return
    words = f"{_name(one)}: deposited {one.deposit_date}, due by {limit.isoformat()}"
    count = one.counted_cash_cents - one.opening_float_cents + one.counted_checks_cents
    _once(connection, run, Question("DEPOSIT_LATE", _key(one), words, count, file_no=one.file_no))


def _ask_gaps(connection: Connection, run: Run, one: Any) -> None:
    """Receipt numbers are a sequence; each that is missing must be explained (domain E30)."""
    own = _numbers(connection, one.drawer, one.business_date)
    receipt = schema.receipt.c
    before = connection.scalar(
        select(func.max(receipt.sequence)).where(
            receipt.drawer == one.drawer,
            receipt.received_date
            == select(func.max(receipt.received_date))
            .where(receipt.drawer == one.drawer, receipt.received_date < one.business_date)
            .scalar_subquery(),
        )
    )
    missing = missing_numbers(own, before, set())
    if not missing:
        return
    record = schema.numbered_record.c
    taken = set(
        connection.scalars(
            select(record.number).where(
                record.source.like("cashier:%"), record.number.in_(missing[:500])
            )
        )
    )
    missing = [number for number in missing if number not in taken]
    if not missing:
        return
    words = f"{_name(one)}: receipt numbers {', '.join(missing[:10])} are missing"
    if len(missing) > 10:
        words += f" and {len(missing) - 10} more"
    _once(connection, run, Question("RECEIPT_NUMBER_GAP", f"{one.drawer}/{one.business_date}",
                                    words, file_no=one.file_no))  # fmt: skip


def _numbers(connection: Connection, drawer: str, day: str) -> list[str]:
    receipt, aside = schema.receipt.c, schema.set_aside.c
    own = set(
        connection.scalars(
            select(receipt.sequence).where(receipt.drawer == drawer, receipt.received_date == day)
        )
    )
    own |= set(
        connection.scalars(
            select(aside.trace_number).where(
                aside.drawer == drawer, aside.effective_date == day, aside.kind == VOID
            )
        )
    )
    return sorted(number for number in own if number)


def _ask_unclosed(
    connection: Connection, run: Run, waiting: Sequence[Any], closed: set[tuple[str, str]]
) -> None:
    """Drawers whose day has ended without a close."""
    sums: dict[tuple[str, str], int] = {}
    for row in waiting:
        key = (row.drawer, row.received_date)
        if key not in closed and row.received_date < run.today.isoformat():
            sums[key] = sums.get(key, 0) + row.cents
    for (drawer, day), cents in sorted(sums.items()):
        words = f"drawer {drawer} of {day}: receipts of {format_cents(cents)} and no close"
        _once(connection, run, Question(UNCLOSED, f"{drawer}/{day}", words, cents))
