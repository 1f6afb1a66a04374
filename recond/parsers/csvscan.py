"""Where the records and fields of a delimited block stand (RFC 4180, and what files really do).

A quote opens only at the start of a field; inside, two quotes are one, and delimiters and line
breaks are text. A quote elsewhere is a character like any other. Blocks whose quotes pair up are
scanned with NumPy; only a block with a stray quote is read record by record, so that one bad
record costs itself and not the records after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from recond.parsers.columns import BLOCK, BOM, LONGEST, Bytes, Ints, split_lines
from recond.parsers.csvgrid import Fault, Fields, Grid, grid
from recond.parsers.spans import gathered

_INT8 = np.int8


@dataclass(frozen=True)
class Records(Fields):
    """Records of a block. Record r is `data[starts[r]:ends[r]]`, its fields are
    `first_field[r]:first_field[r + 1]` of `field_starts` and `field_ends`, quotes taken off.

    `drops` are the places of second quotes inside fields; `faults` are by record; a record with
    a fault has one field. `used` bytes of the block are read, the rest belongs to the next one.
    """

    data: Bytes
    starts: Ints
    ends: Ints
    lines: Ints
    first_field: Ints
    field_starts: Ints
    field_ends: Ints
    drops: Ints
    used: int
    offset: int = 0
    faults: dict[int, Fault] = field(default_factory=dict)

    def counts(self) -> Ints:
        """How many fields each record has."""
        return np.diff(self.first_field)

    @property
    def physical_lines(self) -> int:
        """How many lines were read."""
        return len(split_lines(self.data[: self.used])[0])

    def values(self, row: int) -> list[bytes]:
        """The fields of one record."""
        fields = self.all_fields[int(self.first_field[row]) : int(self.first_field[row + 1])]
        return [value or b"" for value in fields.to_pylist()]

    @cached_property
    def unquoted(self) -> Bytes:  # type: ignore[override]
        return np.delete(self.data, self.drops) if len(self.drops) else self.data

    @cached_property
    def _unquoted_fields(self) -> tuple[Ints, Ints]:
        """Where the fields stand in the bytes without second quotes."""
        if not len(self.drops):
            return self.field_starts, self.field_ends
        starts = self.field_starts - np.searchsorted(self.drops, self.field_starts)
        return starts, self.field_ends - np.searchsorted(self.drops, self.field_ends)

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
            records: Records | Grid | None = None
            if not quote or data.find(quote.encode(), 0, cut) < 0:
                view = np.frombuffer(data, dtype=np.uint8, count=cut)
                returns = data.find(b"\r", 0, cut) >= 0
                records = grid(view, ord(delimiter), line, offset, returns=returns)
            if records is None:
                whole = data[:cut]
                records = scan(whole, delimiter, quote, final=not chunk, line=line, offset=offset)
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
    message = f"a line is longer than {LONGEST:,} bytes; reading stops here"
    records = scan(data[:cut], delimiter, quote, final=True, line=line, offset=offset)
    tail = np.array([cut], dtype=np.int64)
    fields = len(records.field_starts)
    return Records(
        np.frombuffer(data[: cut + 1], dtype=np.uint8),
        np.append(records.starts, tail),
        np.append(records.ends, tail),
        np.append(records.lines, line + len(split_lines(records.data)[0])),
        np.append(records.first_field, fields + 1),
        np.append(records.field_starts, tail),
        np.append(records.field_ends, tail),
        records.drops,
        len(data),
        offset,
        {**records.faults, len(records.starts): Fault("RECORD_TOO_LONG", cut, message)},
    )


def scan(
    data: bytes, delimiter: str, quote: str, *, final: bool, line: int = 1, offset: int = 0
) -> Records:
    """Records of whole physical lines. With `final` an open quote is a fault; without, the
    record that it opens is left to the next block, unless it is longer than LONGEST."""
    view = np.frombuffer(data, dtype=np.uint8)
    starts, ends = split_lines(view)
    marks = np.flatnonzero(view == ord(delimiter))
    quotes = np.flatnonzero(view == ord(quote)) if quote else marks[:0]
    if not len(quotes):
        lines = line + np.arange(len(starts), dtype=np.int64)
        first, low, high = _fields(starts, ends, marks)
        return Records(view, starts, ends, lines, first, low, high, quotes, len(data), offset)
    found = _paired(view, starts, ends, marks, quotes, line, offset, quote)
    if found is not None:
        rest = len(data) - found.used
        if rest == 0 or (not final and rest <= LONGEST):
            return found
    return _exact(data, starts, ends, delimiter, quote, final, line, offset)


def _fields(starts: Ints, ends: Ints, marks: Ints) -> tuple[Ints, Ints, Ints]:
    """(first_field, field_starts, field_ends) of records cut at `marks`."""
    counts = np.searchsorted(marks, ends) - np.searchsorted(marks, starts) + 1
    first = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    low = np.empty(first[-1], dtype=np.int64)
    high = np.empty(first[-1], dtype=np.int64)
    is_first = np.zeros(len(low), dtype=np.bool_)
    is_last = np.zeros(len(low), dtype=np.bool_)
    is_first[first[:-1]] = True
    is_last[first[1:] - 1] = True
    low[is_first], high[is_last] = starts, ends
    low[~is_first], high[~is_last] = marks + 1, marks
    return first, low, high


def _paired(
    view: Bytes,
    line_starts: Ints,
    line_ends: Ints,
    marks: Ints,
    quotes: Ints,
    line: int,
    offset: int,
    quote: str,
) -> Records | None:
    """Records of a block whose quotes all open or close a field or stand twice inside one;
    None when a quote stands elsewhere. An open record at the end is left."""
    whole = np.searchsorted(quotes, line_ends) % 2 == 0
    if not whole.any():
        return None
    last = int(np.flatnonzero(whole)[-1])
    used = int(line_starts[last + 1]) if last + 1 < len(line_starts) else len(view)
    ends = line_ends[whole]
    begins = np.concatenate([np.ones(1, dtype=np.bool_), whole[:-1]])
    begins[last + 1 :] = False
    starts = line_starts[begins]
    quotes = quotes[quotes < used]
    marks = _outside(marks[marks < used], quotes)
    first, low, high = _fields(starts, ends, marks)
    quoted = np.flatnonzero((view[np.minimum(low, used - 1)] == ord(quote)) & (low < high))
    inner_low, inner_high = low[quoted], high[quoted]
    begin, end = np.searchsorted(quotes, inner_low), np.searchsorted(quotes, inner_high)
    if int((end - begin).sum()) != len(quotes):  # one stands in a field that begins without
        return None
    sound = ((end - begin) % 2 == 0) & (quotes[begin] == inner_low)
    sound &= (quotes[end - 1] == inner_high - 1) & (inner_high - inner_low <= LONGEST)
    if not sound.all():
        return None
    # Inside a field the second and third, fourth and fifth … quotes must be pairs.
    place = np.arange(len(quotes)) - np.repeat(begin, end - begin)
    opener = (place % 2 == 1) & (np.arange(len(quotes)) != np.repeat(end - 1, end - begin))
    pairs = np.flatnonzero(opener)
    if not bool((quotes[pairs + 1] - quotes[pairs] == 1).all()):
        return None
    low[quoted] += 1
    high[quoted] -= 1
    lines = line + np.flatnonzero(begins).astype(np.int64)
    drops = quotes[pairs + 1]
    return Records(view[:used], starts, ends, lines, first, low, high, drops, used, offset)


def _outside(marks: Ints, quotes: Ints) -> Ints:
    """The marks before which an even number of quotes stands."""
    both = np.concatenate([marks, quotes])
    order = np.argsort(both, kind="stable")  # two runs that ascend: merged, not sorted
    is_quote = order >= len(marks)
    even = np.bitwise_xor.accumulate(is_quote.view(np.uint8)) == 0
    outside: Ints = both[order[even & ~is_quote]]
    return outside


class _Builder:
    """Collects records for the exact scanner."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.first: list[int] = [0]
        self.low: list[int] = []
        self.high: list[int] = []
        self.drops: list[int] = []
        self.faults: dict[int, Fault] = {}

    def add(self, start: int, end: int, fields: list[tuple[int, int]]) -> None:
        self.starts.append(start)
        self.ends.append(end)
        for low, high in fields:
            self.low.append(low)
            self.high.append(high)
        self.first.append(len(self.low))


def _exact(
    data: bytes,
    line_starts: Ints,
    line_ends: Ints,
    delimiter: str,
    quote: str,
    final: bool,
    line: int,
    offset: int,
) -> Records:
    """Record by record: only for blocks with a stray quote, where exactness beats speed."""
    built = _Builder()
    mark, sign = re.escape(delimiter.encode()), re.escape(quote.encode())
    plain = re.compile(rb"[^%b\r\n]*+" % mark)
    quoted = re.compile(rb"%b(?:[^%b]++|%b%b)*+%b(?=[%b\r\n]|\Z)" % (*[sign] * 5, mark))
    position, row = 0, 0
    while position < len(data):
        row = int(np.searchsorted(line_starts, position, side="right")) - 1
        end = _one(data, position, plain, quoted, delimiter, quote, built)
        if end < 0:
            if not final and len(data) - position <= LONGEST and _open(data, -end - 1, quote):
                break
            message = "a quote opens a field that no quote closes before a delimiter"
            built.faults[len(built.starts)] = Fault("VALUE_UNREADABLE", -end - 1, message)
            end = int(line_ends[row])
            built.add(position, end, [(position, end)])
        position = end + (2 if data[end : end + 2] == b"\r\n" else 1)
    starts = np.array(built.starts, dtype=np.int64)
    rows = np.searchsorted(line_starts, starts, side="right") - 1
    used = min(position, len(data))
    return Records(
        np.frombuffer(data[:used], dtype=np.uint8),
        starts,
        np.array(built.ends, dtype=np.int64),
        line + rows.astype(np.int64),
        np.array(built.first, dtype=np.int64),
        np.array(built.low, dtype=np.int64),
        np.array(built.high, dtype=np.int64),
        np.array(built.drops, dtype=np.int64),
        used,
        offset,
        built.faults,
    )


def _open(data: bytes, position: int, quote: str) -> bool:
    """Whether the quoted field at `position` could be closed by bytes still to come."""
    sign = re.escape(quote.encode())
    match = re.compile(rb"%b(?:[^%b]++|%b%b)*+\Z" % (*[sign] * 4,)).match(data, position)
    return match is not None


def _one(
    data: bytes,
    start: int,
    plain: re.Pattern[bytes],
    quoted: re.Pattern[bytes],
    delimiter: str,
    quote: str,
    built: _Builder,
) -> int:
    """Add the record at `start`; its end, or minus one more than the place of a wrong quote."""
    fields: list[tuple[int, int]] = []
    drops: list[int] = []
    position = start
    sign, mark = quote.encode(), delimiter.encode()
    while True:
        if data.startswith(sign, position):
            match = quoted.match(data, position)
            if match is None or match.end() - position > LONGEST:
                return -position - 1
            end = match.end()
            fields.append((position + 1, end - 1))
            at = data.find(sign * 2, position + 1, end - 1)
            while at >= 0:
                drops.append(at + 1)
                at = data.find(sign * 2, at + 2, end - 1)
        else:
            match = plain.match(data, position)
            end = len(data) if match is None else match.end()
            fields.append((position, end))
        if not data.startswith(mark, end):
            break
        position = end + 1
    built.drops += drops
    built.add(start, end, fields)
    return end
