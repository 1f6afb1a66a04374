"""Days of money far from today: told and never held (contract section 4).

A grammar has no clock and compares the dates of a file with each other; whether all of them are
of another year only the day on which the file is taken says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import ints
from recond.model import Parsed, Problem
from recond.parsers.dates import iso

# Days: behind as between the dates of one file; ahead more than banks send before their day.
FAR, AHEAD = 366, 31
_DAYS = (
    ("receipts", "received_date"),
    ("bank_lines", "value_date"),
    ("drawer_closes", "business_date"),
)
_EPOCH = dt.date(1970, 1, 1)


class FarFromToday:
    """Remembers the first day of each kind that is FAR behind today or AHEAD of it."""

    def __init__(self, today: dt.date | None) -> None:
        self._today = None if today is None else (today - _EPOCH).days
        self._found: dict[str, Problem] = {}

    def look(self, chunk: Parsed) -> None:
        """Look through one chunk of a file."""
        if self._today is None:
            return
        for name, column in _DAYS:
            table = chunk.table(name)
            if not table.num_rows or column in self._found:
                continue
            given = table[column].combine_chunks().view(pa.int32())
            least, most = self._today - FAR, self._today + AHEAD
            bounds = pc.min_max(given).as_py()
            if bounds["min"] is None or (bounds["min"] >= least and bounds["max"] <= most):
                continue
            days = ints(pc.fill_null(given, self._today))
            at = int(np.argmax((days < least) | (days > most)))
            self._found[column] = self._problem(table, column, at, int(days[at]))

    def _problem(self, table: pa.Table, column: str, at: int, day: int) -> Problem:
        return Problem(
            "DATE_UNUSUAL",
            f"{column.replace('_', ' ')} {iso(day)} is far from today, {iso(self._today or 0)}; "
            "see whether its year and month are right",
            line=table["line"][at].as_py(),
            byte_offset=table["byte_offset"][at].as_py(),
            field=column,
        )

    def problems(self, told: Iterable[Problem]) -> Iterator[Problem]:
        """What was found, unless `told` says something of the same date already."""
        lines = {problem.line for problem in told if problem.code == "DATE_UNUSUAL"}
        return (one for one in self._found.values() if one.line not in lines)
