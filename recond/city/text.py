"""Digits and text as banks and offices write them: check digits, dollars, dates, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache


def luhn(digits: str) -> str:
    """The Luhn check digit of `digits` (formats.md section 3, "mod10 Luhn style").

    The rightmost digit is doubled, then every second one to the left; the digits of the
    products are added.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = (ord(digit) - 48) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str((10 - total % 10) % 10)


def routing_number(first_eight: str) -> str:
    """A nine digit ABA routing number: weights 3, 7, 1, sum divisible by ten."""
    total = sum(
        (ord(digit) - 48) * weight
        for digit, weight in zip(first_eight, (3, 7, 1, 3, 7, 1, 3, 7), strict=True)
    )
    return first_eight + str((10 - total % 10) % 10)


def scan_line(account: str, due: date, cents: int) -> str:
    """27 digits: account 10, due date MMDDYY, amount due in cents 10, Luhn over the 26 before it
    (contract section 4, "scan line")."""
    body = f"{account}{due:%m%d%y}{cents:010d}"
    return body + luhn(body)


def dollars(cents: int) -> str:
    """Decimal dollars with two places, as files of our own carry them."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file in UTF-8 with `\\n` line ends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    """The `number`-th such weekday of a month; -1 the last."""
    if number < 0:
        day = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return day - timedelta(days=(day.weekday() - weekday) % 7)
    day = date(year, month, 1)
    return day + timedelta(days=(weekday - day.weekday()) % 7 + 7 * (number - 1))


@lru_cache
def bank_holidays(year: int) -> frozenset[date]:
    """Days on which the Federal Reserve is closed: a Sunday's is kept on Monday, a Saturday's is
    not."""
    fixed = [date(year, *day) for day in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))]
    fixed = [day + timedelta(days=1) if day.weekday() == 6 else day for day in fixed]
    floating = ((1, 0, 3), (2, 0, 3), (5, 0, -1), (9, 0, 1), (10, 0, 2), (11, 3, 4))
    return frozenset([*fixed, *(_nth(year, *rule) for rule in floating)])


def business_day(day: date) -> date:
    """The day itself, or the next day on which banks work."""
    while day.weekday() >= 5 or day in bank_holidays(day.year):
        day += timedelta(days=1)
    return day


def next_business_day(day: date) -> date:
    """The first business day after `day`."""
    return business_day(day + timedelta(days=1))


def later_business_day(day: date, count: int) -> date:
    """The business day `count` business days after `day`."""
    for _ in range(count):
        day = next_business_day(day)
    return day


def business_days(start: date, count: int) -> list[date]:
    """`count` business days, the first on or after `start`."""
    days = [business_day(start)]
    while len(days) < count:
        days.append(next_business_day(days[-1]))
    return days
