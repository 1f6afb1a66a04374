"""Accounts that say themselves what they owe for a month: what they filed, paid and left open
(domain examples E49 and E51; `[[filing]]`).

A filing is a bill whose `period` is the month that it is for: the billing system brings it when
the taxpayer's or tenant's statement was taken in. What is paid without one is owed because it is
paid, where the office says so: an item that recond makes itself (`assessed`), or else stands on
account. Money is of the month before the one in which it was received.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from recond.adjusting import ASSESSED
from recond.calendar import Calendar
from recond.model import CREDIT, ITEM
from recond.store import schema
from recond.store.sql import total

if TYPE_CHECKING:
    from recond.sections import Filing

MONTHS = 13  # so far back a month is asked about
BARRED = ("closed", "bankruptcy")  # nothing is expected of them, and nothing done by itself
COMPLETE, UNPAID, NO_STATEMENT, MISSING = "complete", "unpaid", "no statement", "missing"

account, item, entry = schema.account, schema.item, schema.entry
placement, decision, receipt = schema.placement, schema.decision, schema.receipt
changed, past = schema.adjustment, schema.item_version


@dataclass(frozen=True, slots=True)
class Filer:
    """An account that files, and under which rule."""

    account_key: int
    account_number: str
    status: str
    since: str  # the month in which it was first named
    rule: Filing


@dataclass(frozen=True, slots=True)
class Filed:
    """A month of a filer: what bills of it say and leave open, what was paid without a bill."""

    filer: Filer
    period: str
    due: dt.date
    bills: int
    filed_cents: int
    open_cents: int
    assessed_cents: int
    credit_cents: int

    @property
    def state(self) -> str:
        """What is missing of it, if anything."""
        if self.bills:
            return UNPAID if self.open_cents > 0 else COMPLETE
        return NO_STATEMENT if self.paid_cents > 0 else MISSING

    @property
    def paid_cents(self) -> int:
        """What was paid and no bill says what for."""
        return self.assessed_cents + self.credit_cents - min(self.open_cents, 0)

    @property
    def subject(self) -> str:
        """What a question about it is about."""
        return f"{self.filer.rule.name}/{self.filer.account_number}/{self.period}"


def month_of_money(received: str) -> str:
    """The month (`2026-03`) that money is for: the one before it was received."""
    return (dt.date.fromisoformat(received[:7] + "-01") - dt.timedelta(days=1)).isoformat()[:7]


def due_date(period: str, day: int, calendar: Calendar) -> dt.date:
    """The day of the next month by which a month is filed and paid, rolled to a bank day."""
    after = dt.date.fromisoformat(period + "-28") + dt.timedelta(days=4)
    return calendar.bank_day(after.replace(day=day))


def filers(connection: Connection, rules: Sequence[Filing]) -> list[Filer]:
    """Every account that files, by rule and number."""
    version = schema.account_version.c
    found = []
    for rule in rules:
        rows = connection.execute(
            select(account.c.account_key, account.c.account_number, account.c.status,
                   func.min(version.since_date).label("since"))
            .join(schema.account_version, version.account_key == account.c.account_key)
            .where(_of(rule))
            .group_by(account.c.account_key, account.c.account_number, account.c.status)
            .order_by(account.c.account_number)
        )  # fmt: skip
        found += [Filer(*row[:3], row.since[:7], rule) for row in rows]
    return found


def _of(rule: Filing) -> Any:
    if rule.family:
        return account.c.family == rule.family
    return account.c.account_number.in_(rule.accounts)


def filed(
    connection: Connection, rules: Sequence[Filing], calendar: Calendar, month: str
) -> dict[tuple[str, int, str], Filed]:
    """What each filer filed, paid and left open of each month, by entries dated up to the end of
    `month`; keyed by the rule's name, account and period. Months of which nothing came have no
    row: `expected` adds them."""
    found: dict[tuple[str, int, str], Filed] = {}
    for rule in rules:
        known = {one.account_key: one for one in filers(connection, [rule])}
        sums: dict[tuple[int, str], dict[str, int]] = {}
        for key, period, name, cents in _sums(connection, rule, month):
            one = sums.setdefault((key, period), {})
            one[name] = one.get(name, 0) + cents
        for (key, period), one in sums.items():
            found[rule.name, key, period] = Filed(
                known[key], period, due_date(period, rule.due_day, calendar), one.get("bills", 0),
                *(one.get(name, 0) for name in ("filed", "open", "assessed", "credit")),
            )  # fmt: skip
    return found


def expected(
    connection: Connection, rules: Sequence[Filing], calendar: Calendar, month: str, until: dt.date
) -> list[Filed]:
    """Every month that was due before `until`, at most MONTHS back, by what came of it."""
    known = filed(connection, rules, calendar, month)
    made = []
    for filer in filers(connection, rules):
        if filer.status in BARRED:
            continue
        period, left = until.isoformat()[:7], MONTHS
        while left and period >= max(filer.rule.begin, filer.since):
            due = due_date(period, filer.rule.due_day, calendar)
            if due < until:
                left -= 1
                empty = Filed(filer, period, due, 0, 0, 0, 0, 0)
                made.append(known.get((filer.rule.name, filer.account_key, period), empty))
            period = month_of_money(period)
    return sorted(made, key=lambda one: (one.due, one.filer.rule.name, one.filer.account_number))


Sum = tuple[int, str, str, int]


def _sums(connection: Connection, rule: Filing, month: str) -> list[Sum]:
    """Account, period, what it is, and cents (or a count), of everything that came."""
    items = _items(rule)
    rows = connection.execute(items.add_columns(_known(month).label("known"))).all()
    owed = {row[0]: int(row[1]) for row in connection.execute(_owed(items, month))}
    sums: list[Sum] = []
    for row in rows:  # items of filers: a few a month and account
        if row.assessed:
            continue
        key = (row.account_key, row.period)
        if row.known:
            sums += [(*key, "bills", 1), (*key, "filed", row.original_cents)]
        # a payment that was received before the bill came pays it from its own day on
        sums.append((*key, "open", owed.get(row.item_key, 0)))
    for query, name in ((_assessed(rule, month), "assessed"), (_credit(rule, month), "credit")):
        for key, period, cents in connection.execute(query):
            told = period if name == "assessed" else month_of_money(period)
            sums.append((key, told, name, int(cents)))
    return sums


def bills(rule: Filing) -> Select[Any]:
    """Bills of a rule's filers that name a month, but for what recond assessed itself."""
    return _items(rule).where(item.c.assessed == 0)


def _items(rule: Filing) -> Select[Any]:
    """Items of a rule's charges that name a month, of its filers."""
    return (
        select(item.c.item_key, item.c.account_key, item.c.period, item.c.assessed,
               item.c.original_cents)
        .join(account, account.c.account_key == item.c.account_key)
        .where(_of(rule), item.c.charge_type.in_(rule.charge_types),
               item.c.period.like("____-__"))
        .order_by(item.c.item_key)
    )  # fmt: skip


def _known(month: str) -> Any:
    """SQL: how many entries up to a month's end told of an item."""
    return (
        select(func.count())
        .select_from(past)
        .join(entry, entry.c.entry_no == past.c.entry_no)
        .where(past.c.item_key == item.c.item_key, entry.c.period <= month)
        .scalar_subquery()
    )


def _owed(items: Select[Any], month: str) -> Select[Any]:
    """What each of these items owes at a month's end."""
    keys = select(items.subquery().c.item_key)
    parts = [
        select(past.c.item_key, past.c.change_cents.label("cents"))
        .join(entry, entry.c.entry_no == past.c.entry_no)
        .where(past.c.item_key.in_(keys), entry.c.period <= month),
        select(placement.c.item_key, (-placement.c.cents).label("cents"))
        .select_from(placement)
        .join(decision, _same())
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(placement.c.bucket == ITEM, placement.c.item_key.in_(keys), entry.c.period <= month),
        select(changed.c.item_key, changed.c.cents)
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .where(changed.c.item_key.in_(keys), entry.c.period <= month),
    ]
    every = parts[0].union_all(*parts[1:]).subquery()
    return select(every.c.item_key, total(every.c.cents)).group_by(every.c.item_key)


def _assessed(rule: Filing, month: str) -> Select[Any]:
    return (
        select(item.c.account_key, item.c.period, total(changed.c.cents))
        .select_from(changed)
        .join(item, item.c.item_key == changed.c.item_key)
        .join(account, account.c.account_key == item.c.account_key)
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .where(changed.c.kind == ASSESSED, _of(rule), entry.c.period <= month,
               item.c.charge_type.in_(rule.charge_types))
        .group_by(item.c.account_key, item.c.period)
    )  # fmt: skip


def _credit(rule: Filing, month: str) -> Select[Any]:
    """What stands on account, by the month in which it was received."""
    received = func.substr(receipt.c.received_date, 1, 7)
    return (
        select(placement.c.account_key, received, total(placement.c.cents))
        .select_from(placement)
        .join(decision, _same())
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .join(account, account.c.account_key == placement.c.account_key)
        .where(placement.c.bucket == CREDIT, _of(rule), entry.c.period <= month)
        .group_by(placement.c.account_key, received)
        .having(func.sum(placement.c.cents) != 0)
    )


def _same() -> Any:
    return and_(
        decision.c.receipt_no == placement.c.receipt_no, decision.c.version == placement.c.version
    )


def not_of_another_month(rules: Sequence[Filing], period: str) -> Any:
    """SQL on `item`: it is no filing, or one of this month; credit of filers pays no other."""
    codes = sorted({code for rule in rules for code in rule.charge_types})
    return or_(item.c.charge_type.not_in(codes), item.c.period.is_(None), item.c.period == period)
