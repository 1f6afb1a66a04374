"""Bank days: when money can move, and when the office is open. Pure.

Banks follow the Federal Reserve: a holiday on a Saturday is none for them, one on a Sunday is kept
on Monday. The city's own closing days count for what the office does (deposits at the counter),
not for what a bank does (domain section 2.10).
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from holidays.financial.federal_reserve import FederalReserve

from recond.arrays import Ints

YEARS = range(2000, 2071)
Days = npt.NDArray[np.datetime64]
EPOCH = np.datetime64("1970-01-01", "D")


@lru_cache(maxsize=4)
def _federal_reserve() -> Days:
    closed = FederalReserve(years=YEARS)  # type: ignore[no-untyped-call]
    return np.array(sorted(closed), dtype="datetime64[D]")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days of banks (`bank_days`) and of the office (bank days less the city's own)."""

    bank_closed: Days
    office_closed: Days

    @classmethod
    def of(cls, bank_holidays: str, city_holidays: Iterable[dt.date]) -> Calendar:
        """`bank_holidays`: "FED" or "none"; `city_holidays`: the city's own closing days."""
        bank = _federal_reserve() if bank_holidays == "FED" else np.array([], "datetime64[D]")
        own = np.array(sorted(city_holidays), dtype="datetime64[D]")
        return cls(bank, np.union1d(bank, own))

    def bank_day(self, day: dt.date, after: int = 0) -> dt.date:
        """The bank day `after` bank days behind the first one on or after `day`."""
        return _date(_shifted(day, after, self.bank_closed))

    def office_day(self, day: dt.date, after: int = 0) -> dt.date:
        """The same for days on which the office works."""
        return _date(_shifted(day, after, self.office_closed))

    def bank_day_numbers(self, days: Ints) -> Ints:
        """Days since 1970 as the count of bank days before them: differences are bank days; a
        day without banking has the number of the next one."""
        ends = EPOCH + days.astype("timedelta64[D]")
        counted = np.busday_count(EPOCH, ends, holidays=self.bank_closed)
        return counted.astype(np.int64)

    def bank_days_between(self, first: dt.date, last: dt.date) -> int:
        """How many bank days lie between two days, the first counted and the last not."""
        return int(np.busday_count(first, last, holidays=self.bank_closed))


def day_of_year(year: int, month_day: str) -> dt.date:
    """The day `MM-DD` of a year; a day that the month has not is its last one."""
    month, day = int(month_day[:2]), int(month_day[3:])
    return dt.date(year, month, min(day, monthrange(year, month)[1]))


def _shifted(day: dt.date, after: int, closed: Days) -> np.datetime64:
    return np.busday_offset(np.datetime64(day, "D"), after, roll="forward", holidays=closed)


def _date(value: np.datetime64) -> dt.date:
    found: dt.date = value.astype(dt.date)
    return found
