"""Which bank account the money of a lockbox, a merchant or a channel belongs to.

No file says it. It is the account whose lines brought the day's deposits of that stream; before a
line did, the one that brought the last deposits before (or, of a new stream, after); else the one
that brought the channel's; else the only account that there is.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from recond.clearing.words import token
from recond.exports.scope import Scope
from recond.store import schema
from recond.store.sql import total

deposit, clearing, line = schema.deposit, schema.clearing, schema.bank_line
BEFORE = dt.timedelta(days=60)  # how long before the days that are shown it is looked for


@dataclass(frozen=True, slots=True)
class Credited:
    """Cents of the deposits of a stream and day that an account brought."""

    date: str
    channel: str
    stream: str
    account: str
    cents: int


def stream_of(channel: str, streams: str, reference: str) -> str:
    """The stream of a deposit: its lockbox, its merchant, else the channel alone."""
    if channel == "LOCKBOX":
        return streams
    return token(reference.partition(" ")[0]) if channel == "CARD" else ""


def credited(connection: Connection, scope: Scope) -> Iterator[Credited]:
    """What lines brought of the deposits of each stream, day and account, from a while before the
    days of the scope on."""
    first = scope.date_from and (scope.date_from - BEFORE)
    known = Scope(scope.today, scope.as_of, first, scope.date_to)
    keys = (deposit.c.business_date, deposit.c.channel, deposit.c.streams, deposit.c.reference)
    account = func.coalesce(line.c.bank_account, "")
    rows = connection.execute(
        select(*keys, account.label("account"), total(clearing.c.cents).label("cents"))
        .join(clearing, clearing.c.deposit_no == deposit.c.deposit_no)
        .join(line, (line.c.file_no == clearing.c.file_no)
              & (line.c.ordinal == clearing.c.ordinal))
        .where(scope.known(clearing.c.business_date), known.within(deposit.c.business_date))
        .group_by(*keys, line.c.bank_account)
        .order_by(*keys, line.c.bank_account)
    )  # fmt: skip
    for row in rows:
        stream = stream_of(row.channel, row.streams, row.reference)
        yield Credited(row.business_date, row.channel, stream, row.account, int(row.cents))


@dataclass(slots=True)
class Homes:
    """Accounts by stream and day."""

    days: dict[tuple[str, str], dict[str, dict[str, int]]] = field(default_factory=dict)
    order: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    only: str = ""

    @classmethod
    def of(cls, connection: Connection, rows: list[Credited]) -> Homes:
        """From what lines brought."""
        made = cls()
        for row in rows:
            for stream in dict.fromkeys((row.stream, "*")):  # "*": the channel's
                sums = made.days.setdefault((row.channel, stream), {}).setdefault(row.date, {})
                sums[row.account] = sums.get(row.account, 0) + abs(row.cents)
        made.order = {key: sorted(days) for key, days in made.days.items()}
        known = select(line.c.bank_account).where(line.c.same_day == 0).distinct().limit(2)
        accounts = list(connection.scalars(known))
        if len(accounts) == 1:
            made.only = accounts[0] or ""
        return made

    def account(self, channel: str, stream: str, date: str) -> str:
        """The account of a stream on a day; "" where nothing says it."""
        for name in (stream, "*"):
            days = self.order.get((channel, name))
            if not days:
                continue
            place = max(0, bisect_right(days, date) - 1)
            sums = self.days[channel, name][days[place]]
            return min(sums, key=lambda account: (-sums[account], account))
        return self.only
