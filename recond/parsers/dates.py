"""Dates with two-digit years, as columns and one by one.

A year is windowed (formats.md section 0): below the pivot it is 20xx, from the pivot on 19xx.
Days count from 1970-01-01, as Arrow's date32 does.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import numpy as np
import pyarrow as pa

from recond.parsers.columns import Bytes, Ints, Mask
from recond.parsers.figures import digits

PIVOT = 70
NO_DATE = -(2**31)  # stands for null in a column of days


def days(view: Bytes, order: str = "YYMMDD", pivot: int = PIVOT) -> tuple[Ints, Mask]:
    """Days of an `(n, 6)` view of digits, and a mask of the rows that are no date.

    `order` is YYMMDD or MMDDYY. A bad row has the day NO_DATE.
    """
    number, bad = digits(view)
    if order != "YYMMDD":
        front = number // 100
        number = (number - front * 100) * 10_000 + front
    return number_days(number, bad, pivot)


def number_days(number: Ints, bad: Mask, pivot: int = PIVOT) -> tuple[Ints, Mask]:
    """Days of numbers YYMMDD, and a mask of those that are no date or are `bad` already (0)."""
    if bad.any():
        number = np.where(bad, 0, number)  # what was no number can be any
    month = number // 100
    day = number - month * 100
    first, length = _months(pivot)
    bad = bad | (day < 1) | (day > length.take(month))
    found = first.take(month) + day - 1
    return np.where(bad, NO_DATE, found) if bad.any() else found, bad


@lru_cache(maxsize=128)
def _months(pivot: int) -> tuple[Ints, Ints]:
    """First day and number of days of each month YYMM, 0 days where it is no month."""
    year, month = np.divmod(np.arange(10_000), 100)
    real = (month >= 1) & (month <= 12)
    year = np.where(year < pivot, 2000, 1900) + year
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[D]").astype(np.int64)
    return first, np.where(real, after - first, 0)


@lru_cache(maxsize=1024)
def day_of(text: str, order: str = "YYMMDD", pivot: int = PIVOT) -> int | None:
    """The day of six digits, or None where they are no date of the calendar."""
    raw = text.encode("ascii", "replace")
    if len(raw) != 6:
        return None
    found, bad = days(np.frombuffer(raw, dtype=np.uint8).reshape(1, 6), order, pivot)
    return None if bool(bad[0]) else int(found[0])


def iso(day: int) -> str:
    """A day as people read it."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()


def date_column(found: Ints) -> pa.Array:
    """Days as an Arrow date32 column, NO_DATE as null."""
    none = found == NO_DATE
    days_ = pa.array(found.astype(np.int32), mask=none if none.any() else None)
    return days_.view(pa.date32())
