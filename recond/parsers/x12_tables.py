"""Columns of X12 as tables of the model: what the 820 and the 823 share."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from recond.parsers.columns import Ints
from recond.parsers.dates import NO_DATE, PIVOT, number_days
from recond.parsers.words import Words, word_digits


def table_of(schema: pa.Schema, columns: dict[str, Any], count: int) -> pa.Table:
    """A table of that schema; columns that are missing or None are null."""
    arrays = []
    for one in schema:
        values = columns.get(one.name)
        array = pa.nulls(count, one.type) if values is None else pa.array(values)
        arrays.append(array if array.type == one.type else array.cast(one.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def word_days(words: Words) -> Ints:
    """Days of words that are CCYYMMDD, NO_DATE where they are none of 1970 to 2069."""
    number, bad = word_digits(words)
    century = number // 10**6
    number = number - century * 10**6  # YYMMDD
    bad |= np.where(number < PIVOT * 10**4, 20, 19) != century
    return number_days(number, bad, PIVOT)[0]


@lru_cache(maxsize=256)  # the batches of a file have few days
def day8(text: str) -> dt.date | None:
    """CCYYMMDD as a date, None where it is none of 1970 to 2069."""
    raw = text.encode("latin-1", "replace")
    if len(raw) != 8:
        return None
    day = int(word_days(np.frombuffer(raw, "<u8"))[0])
    return None if day == NO_DATE else dt.date(1970, 1, 1) + dt.timedelta(days=day)
