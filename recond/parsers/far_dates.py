"""Dates of money far from the others of their file: a wrong year is told, and holds nothing.

A grammar has no clock: what is usual is the first date of the same column in the file.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import bools, ints
from recond.parsers.dates import iso
from recond.parsers.mapping import Fill, Rows
from recond.parsers.notes import Notes
from recond.parsers.pieces import Frame

FAR = 366  # days, as for the effective dates of ACH batches
# Columns of the model that say when money came; those of bills may be of any year.
_OF_MONEY = ("received_date", "deposit_date", "value_date", "effective_date")


class FarDates:
    """Knows the first date of each column that says when money came, through a whole file."""

    def __init__(self, layout: Rows) -> None:
        self._names: list[str] = []
        self._first: dict[str, int] = {}
        for rule in layout.rows:
            for target, source in rule.fill.items():
                names = source.first if isinstance(source, Fill) else [source]
                if target in _OF_MONEY:
                    self._names += [name for name in names if name not in self._names]

    def tell(self, frame: Frame, notes: Notes) -> None:
        """A DATE_UNUSUAL warning for each date that is more than a year from the first one."""
        for name in self._names:
            column = frame.columns[name]
            if column.type != pa.date32() or column.null_count == frame.size:
                continue
            given = bools(column.is_valid())
            days = ints(pc.fill_null(column.view(pa.int32()), 0))
            first = self._first.setdefault(name, int(days[given][0]))
            for row in np.flatnonzero(given & (np.abs(days - first) > FAR)):
                notes.add(
                    "DATE_UNUSUAL",
                    f"{name} {iso(int(days[row]))} is more than a year from the first one of the "
                    f"file, {iso(first)}; see whether its year is right",
                    line=int(frame.line[row]), byte_offset=int(frame.offset[row]), field=name,
                )  # fmt: skip
