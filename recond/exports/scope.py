"""Which days of the books a dataset shows (contract section 3, `--as-of`, `--from`, `--to`)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, true

from recond.posting import Chart

DEFAULT_CHART = Chart()


@dataclass(frozen=True, slots=True)
class Scope:
    """`today`: the day from which ages count. `as_of`: only what was in the books at the end of
    that day. `date_from`, `date_to`: both inclusive; of which date, the dataset says."""

    today: dt.date
    as_of: dt.date | None = None
    date_from: dt.date | None = None
    date_to: dt.date | None = None
    memory_months: int = 24  # how long what people said of payers counts (`[matching]`)
    # a record of the day: without what only today's look can say (suggestions, files on their way)
    record: bool = False
    # the rows of the pack of this month: those that were recorded as the month's, and what came
    # after it was closed in the month that was open then; `date_from`, `date_to` are its days
    month: str | None = None
    chart: Chart = DEFAULT_CHART  # by which `sources` names accounts

    @property
    def day(self) -> dt.date:
        """The day the dataset speaks of."""
        return self.as_of or self.today

    def known(self, business_date: ColumnElement[str]) -> ColumnElement[bool]:
        """SQL: the row was in the books at the end of `as_of`."""
        return true() if self.as_of is None else business_date <= self.as_of.isoformat()

    def within(self, date: ColumnElement[str]) -> ColumnElement[bool]:
        """SQL: the date lies between `date_from` and `date_to`."""
        first = true() if self.date_from is None else date >= self.date_from.isoformat()
        last = true() if self.date_to is None else date <= self.date_to.isoformat()
        return and_(first, last)

    def of_month(self, date: ColumnElement[str], period: ColumnElement[str]) -> ColumnElement[bool]:
        """SQL: the row is of the pack's month by its `period`; elsewhere `within` its own date."""
        return self.within(date) if self.month is None else period == self.month

    @property
    def bounded(self) -> bool:
        """Whether `date_from` or `date_to` is given."""
        return self.date_from is not None or self.date_to is not None
