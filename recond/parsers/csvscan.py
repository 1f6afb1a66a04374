"""Where the records and fields of a delimited block stand (RFC 4180, and what files really do).

A quote opens only at the start of a field; inside, two quotes are one, and delimiters and line
breaks are text. A quote elsewhere is a character like any other. A record with a field that no
quote closes before a delimiter ends with the line in which it began, so that it costs itself and
not the records after it. tests/unit/csvoracle.py says the same record by record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from recond.parsers.columns import BLOCK, BOM, LONGEST, Bytes, Ints, split_lines
from recond.parsers.csvgrid import Fault, Fields, Grid, grid
from recond.parsers.csvquotes import Runs, quote_runs, read_quotes
from recond.parsers.spans import gathered

_UNCLOSED = "a quote opens a field that no quote closes before a delimiter"
_ENDLESS = f"a line is longer than {LONGEST:,} bytes; reading stops here"


@dataclass(frozen=True)
class Records(Fields):
    """Records of a block. Record r is `data[starts[r]:ends[r]]`, its fields are
    `first_field[r]:first_field[r + 1]` of `field_starts` and `field_ends`, quotes taken off.

    `drops` are the places of second quotes inside fields. `faulty` records have one field, because
    at `places` one opens that no quote closes; an `endless` last record is longer than any may be.
    `used` bytes of the block are read, the rest belongs to the next one.
    """

    data: Bytes
    starts: Ints
    ends: Ints
    lines: Ints
    first_field: Ints
    field_starts: Ints
    field_ends: Ints
    drops: Ints
    faulty: Ints
    places: Ints
    used: int
    physical_lines: int  # how many lines were read
    offset: int = 0
    endless: bool = False

    def counts(self) -> Ints:
        """How many fields each record has."""
        return np.diff(self.first_field)

    def fault(self, row: int) -> Fault | None:
        """Why a record cannot be read, if it cannot."""
        at = int(np.searchsorted(self.faulty, row))
        if at == len(self.faulty) or self.faulty[at] != row:
            return None
        if self.endless and row == len(self.starts) - 1:
            return Fault("RECORD_TOO_LONG", int(self.places[at]), _ENDLESS)
        return Fault("VALUE_UNREADABLE", int(self.places[at]), _UNCLOSED)

    def values(self, row: int) -> list[bytes]:
        """The fields of one record."""
        fields = self.all_fields[int(self.first_field[row]) : int(self.first_field[row + 1])]
        return [value or b"" for value in fields.to_pylist()]

    @cached_property
    def unquoted(self) -> Bytes:  # type: ignore[override]
        if not len(self.drops):
            return self.data
        kept = np.ones(len(self.data), dtype=np.bool_)
        kept[self.drops] = False
        return self.data[kept]

    @cached_property
    def _unquoted_fields(self) -> tuple[Ints, Ints]:
        """Where the fields stand in the bytes without second quotes."""
        if not len(self.drops):
            return self.field_starts, self.field_ends
        within = np.searchsorted(self.field_starts, self.drops, side="right") - 1
        before = np.cumsum(np.bincount(within, minlength=len(self.field_starts)))
        starts = self.field_starts.copy()
        starts[1:] -= before[:-1]
        return starts, self.field_ends - before

    def spans(self, rows: Ints, place: int) -> tuple[Ints, Ints]:
        at = self.first_field[rows] + place
        starts, ends = self._unquoted_fields
        return starts[at], ends[at]

    @cached_property
    def all_fields(self) -> pa.Array:
        """All fields of all records as one binary array, in order."""
        return gathered(self.unquoted, *self._unquoted_fields)


def read_records(
    source: BinaryIO, delimiter: str, quote: str, block: int = BLOCK
) -> Iterator[Records | Grid]:
    """The records of a file, block by block; a UTF-8 byte order mark is passed over.

    Memory is bounded: a record that does not end within LONGEST bytes comes as a fault
    RECORD_TOO_LONG and is the last one that is read.
    """
    carry, offset, line = b"", 0, 1
    first = True
    while True:
        chunk = source.read(block)
        data = carry + chunk
        while chunk and data.endswith(b"\r"):  # its \n may be the next byte
            chunk = source.read(1)
            data += chunk
        if first and data.startswith(BOM):
            data, offset = data[len(BOM) :], len(BOM)
        first = False
        cut = len(data) if not chunk else max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if chunk and len(data) - cut > LONGEST:
            yield _too_long(data, cut, offset, line, delimiter, quote)
            return
        if cut:
            view = np.frombuffer(data, dtype=np.uint8, count=cut)
            records: Records | Grid | None = None
            runs = None
            if quote and data.find(quote.encode(), 0, cut) >= 0:
                runs = quote_runs(view, ord(quote), ord(delimiter))
            if runs is None:
                returns = data.find(b"\r", 0, cut) >= 0
                records = grid(view, ord(delimiter), line, offset, returns=returns)
            if records is None:
                records = scan(view, delimiter, runs, final=not chunk, line=line, offset=offset)
            yield records
            line += records.physical_lines
            offset += records.used
            carry = data[records.used :]
        else:
            carry = data
        if not chunk:
            return


def _too_long(data: bytes, cut: int, offset: int, line: int, delimiter: str, quote: str) -> Records:
    """The whole records before a line without an end, and that line as a fault."""
    view = np.frombuffer(data, dtype=np.uint8, count=cut)
    runs = quote_runs(view, ord(quote), ord(delimiter)) if quote else None
    records = scan(view, delimiter, runs, final=True, line=line, offset=offset)
    end = np.array([cut], dtype=np.int64)
    return Records(
        np.frombuffer(data[: cut + 1], dtype=np.uint8),
        np.append(records.starts, end),
        np.append(records.ends, end),
        np.append(records.lines, line + records.physical_lines),
        np.append(records.first_field, records.first_field[-1] + 1),
        np.append(records.field_starts, end),
        np.append(records.field_ends, end),
        records.drops,
        np.append(records.faulty, len(records.starts)),
        np.append(records.places, end),
        len(data),
        records.physical_lines + 1,
        offset,
        True,
    )


def scan(
    view: Bytes, delimiter: str, runs: Runs | None, *, final: bool, line: int = 1, offset: int = 0
) -> Records:
    """Records of whole physical lines with such runs of quotes, None if none of them opens a
    field. With `final` an open quote is a fault; without, the record that it opens is left to the
    next block, unless it is longer than LONGEST."""
    line_starts, line_ends = split_lines(view)
    if runs is None:
        fields = _fields(line_starts, line_ends, np.flatnonzero(view == ord(delimiter)))
        lines = line + np.arange(len(line_starts), dtype=np.int64)
        none = lines[:0]
        return Records(
            view, line_starts, line_ends, lines, *fields, none, none, none, len(view), len(lines),
            offset,
        )  # fmt: skip
    said = read_quotes(runs, line_starts, line_ends, len(view), final=final)
    count = said.lines
    used = int(line_starts[count]) if count < len(line_starts) else len(view)
    begins = ~said.inside[:count]
    starts = line_starts[:count][begins]
    ends = line_ends[:count][np.append(begins[1:], True)] if count else starts
    first, low, high = _fields(starts, ends, said.marks)
    numbers = np.flatnonzero(begins)
    faulty = np.searchsorted(numbers, said.faulty)
    quoted = view[np.minimum(low, len(view) - 1)] == view[runs.start[0]]
    quoted[first[faulty]] = False
    low += quoted
    high -= quoted
    return Records(
        view[:used], starts, ends, line + numbers, first, low, high, said.drops, faulty,
        said.places, used, count, offset,
    )  # fmt: skip


def _fields(starts: Ints, ends: Ints, marks: Ints) -> tuple[Ints, Ints, Ints]:
    """(first_field, field_starts, field_ends) of records cut at `marks`."""
    first = np.append(np.searchsorted(marks, starts), len(marks)) + np.arange(len(starts) + 1)
    low = np.empty(first[-1], dtype=np.int64)
    high = np.empty(first[-1], dtype=np.int64)
    is_first = np.zeros(len(low), dtype=np.bool_)
    is_last = np.zeros(len(low), dtype=np.bool_)
    is_first[first[:-1]] = True
    is_last[first[1:] - 1] = True
    low[is_first], high[is_last] = starts, ends
    low[~is_first], high[~is_last] = marks + 1, marks
    return first, low, high
