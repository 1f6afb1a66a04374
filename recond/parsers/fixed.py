"""Fixed width text by declaration: records told apart by a tag, fields by their columns.

Columns count from 1, both ends included, as banks print them ("17-26"). A record is chosen by
the text in `tag_columns`, or by its position: the first record of the file, its last one, or any
other. Trailers declare counts and totals of detail records (formats.md section 0, reliability.md
faults 26, 28, 32). EBCDIC has no line breaks that could be trusted: it is cut by record length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import Bools, Ints, ints
from recond.controls import REQUIRED
from recond.exceptions.codes import CODES
from recond.model import CONTROLS, Format, Parsed, Transmission
from recond.parsers.columns import (
    LARGE_BLOCK,
    LONGEST,
    Bytes,
    LineBlock,
    fixed_view,
    line_blocks,
    rows_of,
)
from recond.parsers.figures import holds
from recond.parsers.fixed_layout import Control, FixedField, Layout
from recond.parsers.fixed_values import field_texts, is_plain, latin_table, plain_column
from recond.parsers.frames import Assembler
from recond.parsers.notes import Notes
from recond.parsers.pieces import Frame
from recond.parsers.typed import convert

_ENDS = (10, 13, 26)  # line breaks, and the end-of-file mark of old systems


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Read a fixed width file in chunks of about two MiB: tables as the layout's rules say.

    A record that is too short is padded with blanks and told once (RECORD_PADDED); one that is
    too long is left out (RECORD_LENGTH). Rows with a wrong value are left out and told. The file
    declares what its first file-level control of each sort declares. Never raises for data.
    """
    layout = fmt.layout
    if not isinstance(layout, Layout):
        raise TypeError(f"format {fmt.name} is not of grammar fixed")
    reader = _Reader(layout, fmt)
    held: LineBlock | None = None
    for block in _blocks(source, layout, fmt.encoding):
        if held is not None:
            yield reader.take(held, final=False)
            if reader.hopeless:
                break
        held = block
    if held is not None and not reader.hopeless:
        yield reader.take(held, final=True)
    yield reader.finish()


def _blocks(source: BinaryIO, layout: Layout, encoding: str) -> Iterator[LineBlock]:
    """Blocks of records that hold something; each `starts` is a record's first byte."""
    if layout.line_breaks and " ".encode(encoding) == b" ":
        yield from line_blocks(source, LARGE_BLOCK)
        return
    width, first, offset = layout.width, 1, 0
    size = max(LARGE_BLOCK // width, 1) * width
    carry = b""
    while True:
        chunk = source.read(size - len(carry))
        data = carry + chunk
        whole = len(data) // width * width if chunk else len(data)
        if whole:
            starts = np.arange(0, whole, width, dtype=np.int64)
            ends = np.minimum(starts + width, whole)
            view = np.frombuffer(data, dtype=np.uint8, count=whole)
            rows = None if whole % width else view.reshape(-1, width)
            yield LineBlock(view, starts, ends, first, offset, rows)
            first, offset = first + len(starts), offset + whole
        carry = data[whole:]
        if not chunk:
            return


@dataclass(slots=True)
class _Sum:
    """A control while the file is read."""

    found: int = 0
    declared: int | None = None
    line: int | None = None
    offset: int | None = None
    unsure: bool = False  # a record that counts could not be read
    trailers: int = 0


@dataclass(slots=True)
class _Seen:
    records: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    padded: int = 0


class _Reader:
    """One file: records of each block become a frame."""

    def __init__(self, layout: Layout, fmt: Format) -> None:
        self.notes = Notes()
        self.hopeless = False
        self._layout, self._fmt = layout, fmt
        self._assembler = Assembler(layout, fmt, self.notes)
        self._names = tuple(layout.records)
        self._sums = [_Sum() for _ in layout.controls]
        self._seen = _Seen()
        self._plain = False  # whether a block is of printable ASCII
        self._blank = " ".encode(fmt.encoding)[0]
        self._table = latin_table(fmt.encoding)
        # That of the records as they are read here.
        self._encoding = "latin-1" if self._table else fmt.encoding
        self._tags = [
            (number, _tag(record.tag, layout, self._encoding))
            for number, record in enumerate(layout.records.values())
            if record.tag is not None
        ]
        self._by_position = any(record.position for record in layout.records.values())

    def take(self, block: LineBlock, *, final: bool) -> Parsed:
        """The tables of a block."""
        keep = self._real(block, final=final)
        lines = block.first_line + np.flatnonzero(keep)
        if len(lines) < len(keep):
            block = LineBlock(
                block.data, block.starts[keep], block.ends[keep], block.first_line, block.offset
            )
        if not len(lines):
            return Parsed({}, self.notes.drain())
        view, lengths = fixed_view(block, self._layout.width)
        if self._blank != 32 and bool((lengths < self._layout.width).any()):
            inside = np.arange(self._layout.width) < lengths[:, None]
            view = np.where(inside, view, np.uint8(self._blank))
        if self._table is not None:
            read = view.tobytes().translate(self._table)
            view = np.frombuffer(read, dtype=np.uint8).reshape(view.shape)
        self._plain = is_plain(view, self._encoding)
        sound = self._sound(block, lines, view, lengths)
        kind = self._kinds(view, final=final)
        self._note_unknown(block, lines, kind, sound)
        frame = self._frame(block, lines, view, kind, sound)
        self._seen.records += len(lines)
        return Parsed(self._assembler.tables(frame), self.notes.drain())

    def _real(self, block: LineBlock, *, final: bool) -> Bools:
        """Lines that are records: blank lines, and line breaks or ^Z behind the last, are none."""
        real: Bools = block.ends > block.starts
        if final:
            for row in np.flatnonzero(real)[-1:]:
                rest = block.data[block.starts[row] : block.ends[row]]
                real[row] = not bool(np.isin(rest, _ENDS).all())
        return real

    def _sound(self, block: LineBlock, lines: Ints, view: Bytes, lengths: Ints) -> Bools:
        width = self._layout.width
        sound: Bools = lengths <= width
        for row in np.flatnonzero(~sound):
            code = "RECORD_TOO_LONG" if lengths[row] > LONGEST else "RECORD_LENGTH"
            self.hopeless |= code == "RECORD_TOO_LONG"
            self._tell(code, f"the record has {lengths[row]} bytes, the format says {width}",
                       block, lines, int(row))  # fmt: skip
        none = self._plain or int(view.min(initial=1)) > 0
        nul = ~sound & False if none else (view == 0).any(axis=1)
        for row in np.flatnonzero(nul & sound):
            self._tell("NUL_BYTES", "a NUL byte stands here; the file is damaged, ask for it again",
                       block, lines, int(row), int(np.argmax(view[row] == 0)))  # fmt: skip
        short = np.flatnonzero(lengths < width)
        if len(short) and not self._seen.padded:
            self._tell("RECORD_PADDED", f"records are shorter than {width} bytes and are read as "
                       "if blanks followed", block, lines, int(short[0]))  # fmt: skip
        self._seen.padded += len(short)
        sound &= ~nul
        return sound

    def _kinds(self, view: Bytes, *, final: bool) -> Ints:
        """The number of each row's record in the layout, -1 where there is none."""
        kind = np.full(len(view), -1, dtype=np.int64)
        if self._by_position:
            self._place(kind, final=final)
        if self._layout.tag_columns is not None:  # a tag wins over a position
            begin, stop = self._layout.tag_columns
            for number, tag in self._tags:
                kind[holds(view[:, begin:stop], tag)] = number
        return kind

    def _place(self, kind: Ints, *, final: bool) -> None:
        rows = np.arange(len(kind))
        first = (rows == 0) & (self._seen.records == 0)
        last = (rows == len(kind) - 1) & final
        wheres = {"first": first, "last": last & ~first, "between": ~first & ~last}
        if "first" not in {r.position for r in self._layout.records.values()}:
            wheres["between"] = ~last
        for number, record in enumerate(self._layout.records.values()):
            if record.position is not None:
                kind[wheres[record.position]] = number

    def _note_unknown(self, block: LineBlock, lines: Ints, kind: Ints, sound: Bools) -> None:
        tags = [repr(r.tag) for r in self._layout.records.values() if r.tag is not None]
        for row in np.flatnonzero((kind < 0) & sound):
            self._tell("RECORD_UNREADABLE", "no record of the format begins like this one; its "
                       f"tag is none of {', '.join(tags)}", block, lines, int(row),
                       (self._layout.tag_columns or (0, 0))[0])  # fmt: skip

    def _frame(self, block: LineBlock, lines: Ints, view: Bytes, kind: Ints, sound: Bools) -> Frame:
        """The typed columns of all good rows; a column is null in records without it."""
        good = sound & (kind >= 0)
        pieces: dict[str, list[tuple[Ints, pa.Array]]] = {name: [] for name in self._layout.columns}
        for number, name in enumerate(self._names):
            rows = np.flatnonzero(sound & (kind == number))
            self._seen.counts[name] = self._seen.counts.get(name, 0) + len(rows)
            for label, one in self._layout.records[name].fields.items():
                if len(rows):
                    values = self._values(block, lines, view, rows, label, one, good)
                    pieces[label].append((rows, values))
        columns = {
            name: _spread(parts, len(view), self._layout.columns[name].arrow)
            for name, parts in pieces.items()
        }
        self._add_up(block, lines, columns, kind, sound, good)
        keep = np.flatnonzero(good)
        if len(keep) < len(view):
            taken = pa.array(keep)
            columns = {name: column.take(taken) for name, column in columns.items()}
        return self._framed(block, lines, columns, kind, keep)

    def _framed(
        self, block: LineBlock, lines: Ints, columns: dict[str, pa.Array], kind: Ints, keep: Ints
    ) -> Frame:
        starts = block.starts[keep]
        frame = Frame(
            columns, lines[keep], block.offset + starts, block.ends[keep] - starts,
            np.zeros(len(keep), dtype=np.int64), pa.nulls(len(keep), pa.string()),
            kind[keep], self._names,
        )  # fmt: skip
        key = self._layout.batch
        if key is None or not len(keep):
            return frame
        batch = frame.joined(key.join, key.between)
        numbers = self._assembler.batches_of(batch, lines[keep])
        return Frame(columns, frame.line, frame.offset, frame.length, numbers, batch,
                     frame.records, self._names)  # fmt: skip

    def _values(
        self, block: LineBlock, lines: Ints, view: Bytes, rows: Ints, label: str,
        one: FixedField, good: Bools,
    ) -> pa.Array:  # fmt: skip
        """A field of some rows; rows with a wrong value are marked in `good` and told."""
        begin, stop = one.columns
        whole = len(rows) == len(view)
        field = view[:, begin:stop] if whole else rows_of(view, rows, begin, stop)
        plain = self._plain or is_plain(field, self._encoding)
        values = plain_column(field, one) if plain and one.constant is None else None
        if values is not None:
            return values
        kept = self.notes.kept
        texts, wrong, rest = field_texts(field, one, label, self._encoding, plain=plain, kept=kept)
        told = [(fault.row, fault.code, fault.message) for fault in wrong]
        if one.constant is not None:
            same = pc.equal(pc.fill_null(texts, ""), one.constant.strip())
            must = f"{label} must be {one.constant!r} here"
            differing = pc.indices_nonzero(pc.invert(same)).to_pylist()
            told += [(row, "RECORD_UNREADABLE", must) for row in differing]
        values, more, others = convert(texts, one, label, kept)
        told += [(fault.row, fault.code, fault.message) for fault in more]
        for code, at_ in (*rest.items(), *others.items()):  # without a sentence
            if CODES[code].severity == "error":
                good[rows[at_]] = False
            self.notes.count(code, len(at_))
        for row, code, message in told:
            at = int(rows[row])
            if CODES[code].severity == "error":
                good[at] = False
            self._tell(code, message, block, lines, at, begin, one.printed)
        return values

    def _add_up(
        self, block: LineBlock, lines: Ints, columns: dict[str, pa.Array], kind: Ints,
        sound: Bools, good: Bools,
    ) -> None:  # fmt: skip
        for control, found in zip(self._layout.controls, self._sums, strict=True):
            details = np.isin(kind, [self._names.index(name) for name in control.of]) & sound
            if control.sum is None:
                found.found += int(details.sum())
            else:
                cents = columns[control.sum]
                found.unsure |= bool((details & ~good).any())
                found.found += int(ints(pc.fill_null(cents, 0))[details].sum())
            for row in np.flatnonzero((kind == self._names.index(control.record)) & sound):
                self._declare(control, found, block, lines, columns, int(row))

    def _declare(
        self, control: Control, found: _Sum, block: LineBlock, lines: Ints,
        columns: dict[str, pa.Array], row: int,
    ) -> None:  # fmt: skip
        """A trailer speaks for the whole file, so there is one."""
        found.trailers += 1
        if found.trailers == 1:
            found.declared = columns[control.field][row].as_py()
            found.line = int(lines[row])
            found.offset = int(block.offset + block.starts[row])
            return
        first = next(c for c in self._layout.controls if c.record == control.record)
        if control is first:
            self._tell(
                "FILE_STRUCTURE",
                f"a second record '{control.record}', which says what the whole file holds, stands "
                f"already in line {found.line}; ask the bank for one file each", block, lines, row,
            )  # fmt: skip

    def _tell(
        self, code: str, message: str, block: LineBlock, lines: Ints, row: int, at: int = 0,
        printed: str | None = None,
    ) -> None:  # fmt: skip
        self.notes.add(
            code, message, line=int(lines[row]), field=printed,
            byte_offset=int(block.offset + block.starts[row]) + at,
        )  # fmt: skip

    def finish(self) -> Parsed:
        """The last chunk: batches, controls, missing records, the transmission."""
        if not self._seen.records:
            self.notes.add("EMPTY_FILE", "the file has no records; ask for it again")
        elif not self.hopeless:
            for name, record in self._layout.records.items():
                if record.required and not self._seen.counts.get(name):
                    self.notes.add("FILE_TRUNCATED", f"the file has no record '{name}'; it was cut "
                                   "off, ask for it again")  # fmt: skip
        batches = self._assembler.finish()
        tables = {"batches": batches, "controls": self._controls()}
        tables = {name: table for name, table in tables.items() if table.num_rows}
        problems = self.notes.drain() + self.notes.rest()
        return Parsed(tables, problems, self._transmission())

    def _controls(self) -> pa.Table:
        rows = []
        for control, found in zip(self._layout.controls, self._sums, strict=True):
            one = self._layout.records[control.record].fields[control.field]
            of = ", ".join(control.of)
            # A trailer that says nothing proves nothing; one that may be missing says nothing.
            required = REQUIRED if found.trailers else ""
            measure = f"records {of}" if control.sum is None else f"{control.sum} of {of}"
            rows.append({
                "code": "FILE_COUNT_WRONG" if control.sum is None else "FILE_TOTAL_WRONG",
                "measure": f"{measure}{required}",
                "unit": "count" if control.sum is None else "cents",
                "declared": found.declared, "found": None if found.unsure else found.found,
                "line": found.line, "byte_offset": found.offset, "field": one.printed,
            })  # fmt: skip
        return pa.Table.from_pylist(rows, schema=CONTROLS)

    def _transmission(self) -> Transmission:
        told: dict[bool, _Sum] = {}
        for control, found in zip(self._layout.controls, self._sums, strict=True):
            told.setdefault(control.sum is None, found)
        count, cents = told.get(True), told.get(False)
        return Transmission(
            declared_count=count.declared if count else None,
            declared_cents=cents.declared if cents else None,
            found_count=count.found if count else None,
            found_cents=cents.found if cents else None,
        )


def _tag(tag: str, layout: Layout, encoding: str) -> bytes:
    begin, stop = layout.tag_columns or (0, 0)
    return tag.ljust(stop - begin).encode(encoding, "replace")[: stop - begin]


def _spread(parts: list[tuple[Ints, pa.Array]], size: int, type_: pa.DataType) -> pa.Array:
    """Values of some rows as a column of all rows, null elsewhere."""
    if not parts:
        return pa.nulls(size, type_)
    if len(parts[0][0]) == size:
        return parts[0][1].cast(type_)
    values = pa.concat_arrays([part.cast(type_) for _, part in parts])
    place = np.full(size, -1, dtype=np.int64)
    place[np.concatenate([rows for rows, _ in parts])] = np.arange(len(values))
    return values.take(pa.array(place, mask=place < 0))
