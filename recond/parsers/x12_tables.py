"""Columns of X12 as tables of the model: what the 820 and the 823 share."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa

from recond.parsers.columns import Bytes, Ints
from recond.parsers.dates import NO_DATE, days


def table_of(schema: pa.Schema, columns: dict[str, Any], count: int) -> pa.Table:
    """A table of that schema; columns that are missing or None are null."""
    arrays = []
    for one in schema:
        values = columns.get(one.name)
        array = pa.nulls(count, one.type) if values is None else pa.array(values)
        arrays.append(array if array.type == one.type else array.cast(one.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def days8(view: Bytes) -> Ints:
    """Days of an `(n, 8)` view of CCYYMMDD, NO_DATE where they are none of 1970 to 2069."""
    century = view[:, 0].astype(np.int64) * 10 + view[:, 1] - 11 * 48
    found, bad = days(view[:, 2:], pivot=70)
    years = view[:, 2].astype(np.int64) * 10 + view[:, 3] - 11 * 48
    right = np.where(years < 70, 20, 19) == century
    return np.where(bad | ~right, NO_DATE, found)


def day8(text: str) -> dt.date | None:
    """CCYYMMDD as a date, None where it is none of 1970 to 2069."""
    raw = text.encode("latin-1", "replace")
    if len(raw) != 8:
        return None
    day = int(days8(np.frombuffer(raw, np.uint8).reshape(1, 8))[0])
    return None if day == NO_DATE else dt.date(1970, 1, 1) + dt.timedelta(days=day)
