"""Blocks of delimited text without quoted fields whose every line has as many fields as the
first: the places of delimiters and line breaks are then a table, and a column is read at once.

What this cannot read plainly is left to `csvscan` and `typed`, which explain it; both ways say the
same of the same bytes (tests/unit/test_csvgrid.py).
"""

from __future__ import annotations

import codecs
import datetime as dt
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import Bools, Ints
from recond.parsers.columns import CR, LF, LONGEST, SPACE, Bytes, blank_to_null, rows_at
from recond.parsers.spans import gathered
from recond.parsers.texts import ASCII_LIKE
from recond.parsers.typed import Value, Wrong, convert, date_of
from recond.parsers.words import signed_cents

_EPOCH = dt.date(1970, 1, 1)
_TAB = 9
_ASCII_END = 128


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record cannot be read: a problem code, the place in the block, a sentence."""

    code: str
    position: int
    message: str


class Fields(ABC):
    """What the records of a block have in common: fields are spans of `unquoted`, the block
    without the second quotes inside of fields."""

    unquoted: Bytes

    @abstractmethod
    def spans(self, rows: Ints, place: int) -> tuple[Ints, Ints]:
        """Where a field of some records begins and ends."""

    def readable(self, encoding: str) -> bool:
        """Whether the bytes of the block are text of that encoding as they stand."""
        name = codecs.lookup(encoding).name
        if name not in ASCII_LIKE:
            return False
        return self._ascii or (name == "utf-8" and self._utf8)

    @cached_property
    def _ascii(self) -> bool:
        return int(self.unquoted.max(initial=0)) < _ASCII_END

    @cached_property
    def _utf8(self) -> bool:
        try:
            self.unquoted.tobytes().decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True

    def texts(self, start: Ints, end: Ints) -> pa.StringArray:
        """Text of spans of readable bytes without blanks around it, null where none is left."""
        length, data = end - start, self.unquoted
        if not len(length):
            return pa.array([], pa.string())
        low, high = int(length.min()), int(length.max())
        if high == 0:
            return pa.nulls(len(length), pa.string())
        last = data[end - 1]  # of an empty field a delimiter, or the byte before the block
        first = data.take(start, mode="clip")
        edges = (first == SPACE) | (first == _TAB) | (last == SPACE) | (last == _TAB)
        text = gathered(data, start, end).view(pa.string())
        if (edges & (length > 0)).any():
            return blank_to_null(pc.ascii_trim(text, characters=" \t"))
        return text if low else _null_where(text, length == 0)


class Grid(Fields):
    """The records of such a block, as `csvscan.Records` gives them; `marks[r, c]` is where field
    `c` of record `r` ends."""

    faulty: Ints = np.zeros(0, dtype=np.int64)
    endless = False
    drops: Ints = np.zeros(0, dtype=np.int64)

    def __init__(self, data: Bytes, marks: Ints, line: int, offset: int, breaks: int = 1) -> None:
        self.data = self.unquoted = data
        self.marks, self.offset = marks, offset
        self.used = len(data)
        self.ends: Ints = np.ascontiguousarray(marks[:, -1])
        self.starts: Ints = np.concatenate([np.zeros(1, dtype=np.int64), self.ends[:-1] + breaks])
        self.lines = np.arange(line, line + len(marks), dtype=np.int64)

    @property
    def width(self) -> int:
        """Fields of each record."""
        return int(self.marks.shape[1])

    @property
    def physical_lines(self) -> int:
        """How many lines were read."""
        return len(self.marks)

    @cached_property
    def sound(self) -> bool:
        """Whether no line is blank or very long and no byte is NUL."""
        lengths = self.ends - self.starts
        short = int(lengths.min()) > 0 and int(lengths.max()) <= LONGEST
        return short and int(self.data.min()) > 0

    @cached_property
    def first_field(self) -> Ints:
        return np.arange(0, self.marks.size + 1, self.width, dtype=np.int64)

    @cached_property
    def field_ends(self) -> Ints:
        return self.marks.reshape(-1)

    @cached_property
    def field_starts(self) -> Ints:
        starts = np.empty_like(self.marks)
        starts[:, 0], starts[:, 1:] = self.starts, self.marks[:, :-1] + 1
        return starts.reshape(-1)

    def counts(self) -> Ints:
        """How many fields each record has."""
        return np.full(len(self.marks), self.width, dtype=np.int64)

    def fault(self, row: int) -> Fault | None:
        """None: each of its records can be read."""
        return None

    def values(self, row: int) -> list[bytes]:
        """The fields of one record."""
        start, stop = int(self.starts[row]), int(self.ends[row])
        ends = self.marks[row] - start
        text = self.data[start:stop].tobytes()
        return [text[(ends[c - 1] + 1 if c else 0) : ends[c]] for c in range(self.width)]

    @cached_property
    def all_fields(self) -> pa.Array:
        """All fields of all records as one binary array, in order."""
        return gathered(self.data, self.field_starts, self.field_ends)

    def spans(self, rows: Ints, place: int) -> tuple[Ints, Ints]:
        if not len(rows):
            return rows, rows
        whole = len(rows) == len(self.marks)
        ends = self.marks[:, place] if whole else self.marks[rows, place]
        if not place:
            return (self.starts if whole else self.starts[rows]), np.ascontiguousarray(ends)
        before = self.marks[:, place - 1] if whole else self.marks[rows, place - 1]
        return before + 1, np.ascontiguousarray(ends)


def grid(
    data: Bytes, delimiter: int, line: int, offset: int, *, returns: bool = True
) -> Grid | None:
    r"""The block as a grid, or None where it is none. `data` has no quoted fields; its lines end
    with `\n`, or all with `\r\n`; without `returns` there are none of the latter."""
    if not len(data) or data[-1] != LF:
        return None
    feeds = data == LF
    first = data[: int(feeds.argmax())]
    width = int(np.count_nonzero(first == delimiter)) + 1
    marks = np.flatnonzero(feeds | (data == delimiter))
    if len(marks) % width:
        return None
    table = marks.reshape(-1, width)
    if np.count_nonzero(feeds) != len(table) or not feeds[table[:, -1]].all():
        return None
    if not returns:
        return Grid(data, table, line, offset)
    table[:, -1] -= 1
    if np.count_nonzero(data == CR) != len(table) or not (data[table[:, -1]] == CR).all():
        return None
    return Grid(data, table, line, offset, 2)


def _null_where(text: pa.StringArray, empty: Bools) -> pa.StringArray:
    _, offsets, data = text.buffers()
    valid = pa.py_buffer(np.packbits(~empty, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), len(text), [valid, offsets, data])


def typed_column(
    records: Fields, start: Ints, end: Ints, value: Value, name: str, kept: int
) -> tuple[pa.Array, list[Wrong], dict[str, Ints]]:
    """A column of readable bytes as its type, and what is wrong, as `typed.convert` says it."""
    data = records.unquoted
    if value.type == "cents" and value.plain:
        cents, plain = signed_cents(data, start, end, value.point)
        if plain.all():
            return pa.array(cents), [], {}
        return _patched(records, start, end, cents, np.flatnonzero(~plain), value, name, kept)
    if value.type == "date" and len(start) > 1:
        width = int(end[0] - start[0])
        if width and bool((end - start == width).all()):
            texts = rows_at(data, start, width)
            if bool((texts == texts[0]).all()):  # a file has few different dates
                date = date_of(texts[0].tobytes().decode("utf-8"), value.format)
                if date is not None:
                    days = np.full(len(start), (date - _EPOCH).days, dtype=np.int32)
                    return pa.array(days).view(pa.date32()), [], {}
    return convert(records.texts(start, end), value, name, kept)


def _patched(
    records: Fields, start: Ints, end: Ints, cents: Ints, doubtful: Ints, value: Value, name: str,
    kept: int,
) -> tuple[pa.Array, list[Wrong], dict[str, Ints]]:  # fmt: skip
    """Amounts of which some are not written plainly: those are read one way or another."""
    texts = records.texts(start[doubtful], end[doubtful])
    values, wrong, more = convert(texts, value, name, kept)
    cents[doubtful] = pc.fill_null(values, 0).to_numpy()
    missing = np.zeros(len(cents), dtype=np.bool_)
    missing[doubtful] = values.is_null().to_numpy(zero_copy_only=False)
    told = [Wrong(int(doubtful[fault.row]), fault.code, fault.message) for fault in wrong]
    rest = {code: doubtful[rows] for code, rows in more.items()}
    return pa.array(cents, mask=missing), told, rest
