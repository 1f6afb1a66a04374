"""Delimited text (CSV) by declaration: columns are found by name, in any order, and the format
file says what each row is. RFC 4180 with line ends of any kind, contract section 4, formats.md
section 14.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from recond.arrays import Bools, Ints
from recond.exceptions.codes import CODES
from recond.model import Format, Parsed, Transmission
from recond.parsers.columns import LONGEST
from recond.parsers.csvgrid import Grid, typed_column
from recond.parsers.csvscan import Records, read_records
from recond.parsers.frames import Assembler
from recond.parsers.mapping import Rows, columns_read, mistakes
from recond.parsers.notes import Notes
from recond.parsers.pieces import Frame
from recond.parsers.spans import gathered
from recond.parsers.texts import decoded, is_plain, trimmed
from recond.parsers.totals import OtherRows, Totals
from recond.parsers.typed import Value, Wrong, convert

_BLANK = b" \t\x1a"
_BLANK_MARKS = "\t \x1a"  # a row of such delimiters alone is a blank line
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Column(Value):
    """A column by its name in the header."""

    optional: bool = False  # the header may do without it
    aliases: list[str] = Field(default_factory=list)  # other names in the header


class Layout(Rows):
    """The `[layout]` of a delimited format."""

    delimiter: str = ","
    quote: str = '"'
    preamble_lines: int = Field(default=0, ge=0, le=100)  # lines above the header
    # The header is looked for in so many records: the first that has every required column.
    header_within: int = Field(default=0, ge=0, le=100)
    other_rows: list[OtherRows] = Field(default_factory=list)
    trailing_delimiter: bool = False  # rows may end in one delimiter more than the header
    columns: dict[str, Column] = Field(min_length=1)

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_character(cls, text: str) -> str:
        if len(text) > 1 or not text.isascii() or text in "\r\n\0":
            if text == "":
                return text
            raise ValueError("this must be one ASCII character")
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.delimiter or self.delimiter == self.quote:
            raise ValueError("delimiter and quote must be two different characters")
        wrong = list(mistakes(self, self.columns, ()))
        for other in self.other_rows:
            if other.of is not None and self._arrow(other.of) != pa.int64():
                wrong.append(f"other_rows: '{other.of}' is no amount")
        if self.header_within and all(column.optional for column in self.columns.values()):
            wrong.append("header_within: no column is required, so no row can be the header")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def written(self, name: str) -> Value:
        """How amounts of a column are written; a derived one as what it is made of."""
        derived = self.derived.get(name)
        made_of = [name] if derived is None else [*derived.plus, *derived.minus]
        return next((self.columns[n] for n in made_of if n in self.columns), Value(type="cents"))

    def _arrow(self, name: str) -> pa.DataType | None:
        if name in self.derived:
            return pa.int64()
        return self.columns[name].arrow if name in self.columns else None


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Read a delimited file in chunks of about one MiB: tables as the layout's rules say, and
    every problem with line, byte offset and column. Rows with a wrong value are left out of the
    tables and keep their line; the file has no identity and no digest of its own, because its
    rows carry theirs. Never raises for what the file holds.
    """
    reader = _Reader(fmt)
    layout = fmt.layout
    assert isinstance(layout, Layout)  # noqa: S101 - formats.py validated it as this class
    for records in read_records(source, layout.delimiter, layout.quote):
        tables = reader.take(records)
        yield Parsed(tables, reader.notes.drain())
        if reader.hopeless:
            break
    yield reader.finish()


class _Reader:
    """One file: finds the header, then turns records into frames."""

    def __init__(self, fmt: Format) -> None:
        assert isinstance(fmt.layout, Layout)  # noqa: S101 - as above
        self.layout = fmt.layout
        self.notes = Notes()
        self.hopeless = False
        self._fmt = fmt
        self._assembler = Assembler(fmt.layout, fmt, self.notes)
        self._place: dict[str, int] = {}  # where each column stands in a row
        self._width = 0  # columns of the header; 0: the header was not found yet
        self._to_skip = fmt.layout.preamble_lines
        self._above: list[tuple[list[str], int, int]] = []  # above the header, their line, offset
        self._totals = Totals(fmt.layout.other_rows, fmt.layout.written, fmt.encoding, self.notes)
        self._records = 0
        self._rows = 0
        self._unread = frozenset(
            name
            for name, column in fmt.layout.columns.items()
            if column.type in ("text", "name") and column.blank and not column.values
        ) - columns_read(fmt.layout)  # of a readable block nothing can be wrong with these

    def take(self, records: Records | Grid) -> dict[str, pa.Table]:
        """The tables of a block."""
        if self._records == 0 and records.data[:2].tobytes() in _WIDE_MARKS:
            self.hopeless = True
            self._records = 1
            self.notes.add(
                "ENCODING_WRONG", "the file is UTF-16; save it as UTF-8 and drop it again",
                line=1, byte_offset=0,
            )  # fmt: skip
            return {}
        self._records += len(records.starts)
        start = 0
        if not self._width:
            start = self._find_header(records)
            if self.hopeless or not self._width:
                return {}
        others = self._totals.take(records, start)
        rows = self._whole_rows(records, start, others)
        frame = self._frame(records, rows)
        self._rows += frame.size
        tables = self._assembler.tables(frame)
        if frame.size:
            self._totals.add(self._assembler.columns, frame.size)
        return tables

    def finish(self) -> Parsed:
        """The last chunk: batches, what can only be said of the whole file, the transmission."""
        if self._records == 0:
            self.notes.add("EMPTY_FILE", "the file has no bytes; ask for it again")
        elif not self._width and not self.hopeless:
            self.notes.add("HEADER_WRONG", "the file has no header line with column names", line=1)
        batches = self._assembler.finish()
        tables = {"batches": batches} if batches.num_rows else {}
        if self._width and not self.hopeless:
            tables["controls"] = self._totals.controls()
        problems = self.notes.drain() + self.notes.rest()
        return Parsed(tables, problems, Transmission())

    def _find_header(self, records: Records | Grid) -> int:
        """Read the header in this block; the first record behind it."""
        for row in range(len(records.starts)):
            if self._to_skip:
                self._to_skip -= 1
                continue
            if records.starts[row] == records.ends[row]:
                continue
            names = [
                value.decode(self._fmt.encoding, "replace").strip() for value in records.values(row)
            ]
            line, offset = int(records.lines[row]), int(records.offset + records.starts[row])
            if self._looks_on(names):
                self._above.append((names, line, offset))
                continue
            self._width = len(names)
            self._read_names(names, line, offset)
            self._rows_above()
            return row + 1
        return len(records.starts)

    def _looks_on(self, names: list[str]) -> bool:
        """Whether a record above the header is passed over because the header is looked for."""
        if len(self._above) + 1 >= self.layout.header_within:
            return False
        given = {name.casefold() for name in names}
        return any(
            not column.optional and not given & {n.casefold() for n in (name, *column.aliases)}
            for name, column in self.layout.columns.items()
        )

    def _rows_above(self) -> None:
        """A payment above the header is no title: its own header was lost, and it would be too."""
        typed = {
            name: self._place[name]
            for name, column in self.layout.columns.items()
            if name in self._place and column.type not in ("text", "name") and not column.blank
        }
        for values, line, offset in self._above:
            # A title that is padded with delimiters has few values, whatever they are.
            sparse = 2 * sum(map(bool, values)) < self._width
            if len(values) != self._width or sparse or not typed:
                continue
            if all(any(map(str.isdigit, values[place])) for place in typed.values()):
                self.hopeless = True
                self.notes.add(
                    "HEADER_WRONG",
                    f"the line has values of {', '.join(typed)} and stands above the header, "
                    "where nothing is read; put the header above it or ask for the file again",
                    line=line, byte_offset=offset,
                )  # fmt: skip
                return

    def _read_names(self, names: list[str], line: int, offset: int) -> None:
        if any("\0" in name for name in names):
            message = "a NUL byte stands in the header; the file is damaged, ask for it again"
            self.notes.add("NUL_BYTES", message, line=line, byte_offset=offset)
        place: dict[str, int] = {}
        for position, name in enumerate(names):
            if name and name.casefold() in place:
                self._header_wrong(f"the column '{name}' stands twice", name, line, offset)
            place.setdefault(name.casefold(), position)
        known: set[str] = set()
        for name, column in self.layout.columns.items():
            wanted = [alias.casefold() for alias in (name, *column.aliases)]
            found = [alias for alias in wanted if alias in place]
            if len(found) > 1:
                self._header_wrong(f"two columns are called '{name}'", name, line, offset)
            known.update(found)
            if found:
                self._place[name] = place[found[0]]
            elif not column.optional:
                self.hopeless = True
                self.notes.add(
                    "COLUMN_MISSING", f"the column '{name}' is missing in the header",
                    line=line, byte_offset=offset, field=name,
                )  # fmt: skip
        unknown = [name for name in names if name and name.casefold() not in known]
        if unknown:
            self.notes.add(
                "COLUMN_UNKNOWN", f"columns that are ignored: {', '.join(unknown)[:400]}",
                line=line, byte_offset=offset,
            )  # fmt: skip

    def _header_wrong(self, what: str, field: str, line: int, offset: int) -> None:
        self.hopeless = True
        self.notes.add(
            "HEADER_WRONG", f"{what} in the header; keep one of them", line=line,
            byte_offset=offset, field=field,
        )  # fmt: skip

    def _whole_rows(self, records: Records | Grid, start: int, others: Ints) -> Ints:
        """Records behind the header with as many fields as the header; the others are told."""
        if isinstance(records, Grid) and records.width == self._width and records.sound:
            rows = np.arange(start, len(records.starts), dtype=np.int64)
            return np.setdiff1d(rows, others) if len(others) else rows
        counts = records.counts()
        good: Bools = (counts == self._width) & (records.ends > records.starts)
        long = np.flatnonzero(records.field_ends - records.field_starts > LONGEST)
        good[np.searchsorted(records.first_field, long, side="right") - 1] = False
        if self.layout.trailing_delimiter:
            good |= self._trailing(records, counts)
        zeros = np.flatnonzero(records.data == 0)
        if len(zeros):
            good[np.searchsorted(records.starts, zeros, side="right") - 1] = False
        good[records.faulty] = False
        good[others] = True
        doubtful = np.flatnonzero(~good[start:]) + start
        good[others] = False
        told = self._told_rows(records, doubtful, counts)
        for row in told.tolist():
            self._tell_row(records, row, int(counts[row]))
        self.notes.count("VALUE_UNREADABLE", len(doubtful) - len(told))
        good[:start] = False
        return np.flatnonzero(good).astype(np.int64)

    def _told_rows(self, records: Records | Grid, doubtful: Ints, counts: Ints) -> Ints:
        """The rows that are told of, or blank lines: not the many with a quote that is not
        closed or with another number of fields, which are counted when a few were told."""
        counted = counts[doubtful] != self._width
        counted &= counts[doubtful] > 1  # a blank line has one field
        if self.layout.delimiter in _BLANK_MARKS or not int(records.data.min(initial=1)):
            counted[:] = False
        unclosed = np.zeros(len(counts), dtype=np.bool_)
        unclosed[records.faulty[: len(records.faulty) - records.endless]] = True
        counted |= unclosed[doubtful]
        told: Ints = doubtful[~counted | (np.cumsum(counted) <= self.notes.kept)]
        return told

    def _tell_row(self, records: Records | Grid, row: int, count: int) -> None:
        """Why a record is no row, unless it is a blank line."""
        start, end = int(records.starts[row]), int(records.ends[row])
        data = records.data[start:end].tobytes()
        fault = records.fault(row)
        code, at, message = "VALUE_UNREADABLE", start, ""
        if fault is not None:
            code, at, message = fault.code, fault.position, fault.message
        elif not data.strip(_BLANK):
            return  # a blank line, or the end-of-file mark of old systems
        elif b"\0" in data:
            code, at = "NUL_BYTES", start + data.index(b"\0")
            message = "a NUL byte stands here; the file is damaged, ask for it again"
        elif count == self._width:
            code, message = "RECORD_TOO_LONG", f"a field is longer than {LONGEST:,} bytes"
        else:
            message = (
                f"the row has {count} fields, the header {self._width}; put text that holds "
                f"'{self.layout.delimiter}' in quotes"
            )
        self.notes.add(
            code, message, line=int(records.lines[row]), byte_offset=records.offset + at,
            field=self._field_at(records, row, at),
        )  # fmt: skip

    def _trailing(self, records: Records | Grid, counts: Ints) -> Bools:
        """Rows that end in one delimiter more than the header and hold more than blanks."""
        last = records.first_field[1:] - 1
        more: Bools = records.field_starts[last] == records.field_ends[last]
        more &= counts == self._width + 1
        if self.layout.delimiter in _BLANK_MARKS:
            marks = np.flatnonzero(~np.isin(records.data, list(_BLANK)))
            more &= np.searchsorted(marks, records.starts) < np.searchsorted(marks, records.ends)
        return more

    def _field_at(self, records: Records | Grid, row: int, position: int) -> str | None:
        """The name of the column that holds a byte, as far as fields can be told apart."""
        if records.fault(row) is not None:
            before = records.data[records.starts[row] : position]
            index = int(np.count_nonzero(before == ord(self.layout.delimiter)))
        else:
            first, last = records.first_field[row], records.first_field[row + 1]
            ends = records.field_ends[first:last]
            index = int(np.searchsorted(ends, position, side="right"))
            if last - first != self._width:
                return None
        names = {place: name for name, place in self._place.items()}
        return names.get(index)

    def _frame(self, records: Records | Grid, rows: Ints) -> Frame:
        """The typed columns of good rows; rows with a value that holds the file are left out."""
        keep = np.ones(len(rows), dtype=np.bool_)
        columns: dict[str, pa.Array] = {}
        for name, column in self.layout.columns.items():
            place = self._place.get(name)
            if place is None:
                columns[name] = pa.nulls(len(rows), column.arrow)
                continue
            columns[name], wrong, more = self._column(records, rows, place, name, column)
            for fault in wrong:
                if CODES[fault.code].severity == "error":
                    keep[fault.row] = False
                self._tell(records, int(rows[fault.row]), place, fault, name)
            for code, others in more.items():
                if CODES[code].severity == "error":
                    keep[others] = False
                self.notes.count(code, len(others))
        return self._framed(records, rows[keep], _kept(columns, keep))

    def _column(
        self, records: Records | Grid, rows: Ints, place: int, name: str, column: Column
    ) -> tuple[pa.Array, list[Wrong], dict[str, Ints]]:
        """A column of good rows, what is wrong with it, and the rows of wrong values without a
        sentence by their code."""
        encoding, kept = self._fmt.encoding, self.notes.kept
        start, end = records.spans(rows, place)
        readable = records.readable(encoding)
        raw = None if readable else gathered(records.unquoted, start, end)
        if raw is None or is_plain(raw, encoding):
            if name in self._unread:
                return pa.nulls(len(rows), column.arrow), [], {}
            return typed_column(records, start, end, column, name, kept)
        texts, wrong, rest = decoded(raw, encoding, name, lenient=column.type == "name", kept=kept)
        values, more, others = convert(trimmed(texts), column, name, kept)
        for code, also in others.items():
            rest[code] = np.union1d(rest[code], also) if code in rest else also
        return values, wrong + more, rest

    def _tell(self, records: Records | Grid, row: int, place: int, wrong: Wrong, name: str) -> None:
        field = int(records.first_field[row]) + place
        self.notes.add(
            wrong.code, wrong.message, line=int(records.lines[row]),
            byte_offset=records.offset + int(records.field_starts[field]), field=name,
        )  # fmt: skip

    def _framed(self, records: Records | Grid, rows: Ints, columns: dict[str, pa.Array]) -> Frame:
        starts = records.starts[rows]
        lines = records.lines[rows]
        numbers, batch = np.zeros(len(rows), dtype=np.int64), pa.nulls(len(rows), pa.string())
        frame = Frame(
            columns, lines, records.offset + starts, records.ends[rows] - starts, numbers, batch
        )
        key = self.layout.batch
        if key is None or not len(rows):
            return frame
        batch = frame.joined(key.join, key.between)
        numbers = self._assembler.batches_of(batch, lines)
        return Frame(columns, lines, frame.offset, frame.length, numbers, batch)


def _kept(columns: dict[str, pa.Array], keep: Bools) -> dict[str, pa.Array]:
    if bool(keep.all()):
        return columns
    mask = pa.array(keep)
    return {name: pc.filter(column, mask) for name, column in columns.items()}
