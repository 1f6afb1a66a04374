"""Bytes to columns: what the line-based and fixed-width grammars share.

A file is read in blocks of about one MiB of whole lines (cache-sized: twice as fast as 16 MiB),
a line is two offsets into the block, a field is a slice of columns of an `(n, width)` byte view,
a number is arithmetic on its bytes. No Python object is made a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BLOCK = 1 << 20
LARGE_BLOCK = 2 << 20  # of fixed records: few passes over them, so that calls are what is to spare
LONGEST = 1 << 16
_ROWS = BLOCK >> 4  # more than a block has, of any format but the shortest records

LF, CR, SPACE, ZERO = 10, 13, 32, 48
BOM = b"\xef\xbb\xbf"
_ASCII_END = 128
_SPACES = np.uint64(0x2020202020202020)

_BLANKS = pc.TrimOptions(" ")

# The C library asks the system for each array of a block anew, and a fault a page costs more than
# what is done with the page; once so large an array was freed, it keeps that much (mallopt(3),
# M_MMAP_THRESHOLD). No page of this one is ever touched.
np.empty(31 << 20, dtype=np.uint8)

Whole = Callable[[Bytes, Ints], int]


class Readable(Protocol):
    """Whatever bytes can be read from: an open file, a stream of a test."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""


@runtime_checkable
class Filling(Readable, Protocol):
    """Whatever can also read into memory that is there already."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer, as far as there are bytes; how many came, none at the end."""


class Joined:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head, self._rest = head, rest
        self._fill = rest.readinto if isinstance(rest, Filling) else None

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._rest.read(size)

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._head and self._fill is not None:
            return self._fill(buffer)
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines of a file: `data[starts[i]:ends[i]]` is line `first_line + i`, without its
    line break. `offset` is the place of `data[0]` in the file. `rows` are the lines as an
    `(n, width)` array where all of them have one length."""

    data: Bytes
    starts: Ints
    ends: Ints
    first_line: int
    offset: int
    rows: Bytes | None = None


def line_blocks(
    source: Readable,
    block: int = BLOCK,
    longest: int = LONGEST,
    *,
    whole: Whole | None = None,
    reuse: bool = False,
) -> Iterator[LineBlock]:
    r"""Read `source` in blocks of whole lines; `\n`, `\r\n` and `\r` end a line.

    Blank lines are lines, a UTF-8 byte order mark is passed over. A line of more than `longest`
    bytes comes in pieces, each of them longer than `longest` but the last, so that memory stays
    bounded whatever the file holds: who sees such a line refuses the file (RECORD_TOO_LONG).

    `whole(data, starts)` says how many of a block's lines end what belongs together; the
    lines behind those begin the next block. With none of them more is read, so it is `whole` that
    has to bound what waits. With `reuse` a block's `data` stand only until the next block is
    asked for: fresh memory for each costs more than to read it.
    """
    fill = _filler(source)
    data, size = bytearray(block), 0  # what was read and not yet handed on
    offset, line = 0, 1
    first = True
    ended = False
    while not ended:
        if not reuse or len(data) < size + block:
            data = _grown(data, size, size + block)
        more = _filled(fill, data, size, block)
        size += more
        # A small file is one block: what is paid for each is paid once.
        ended = more < block
        while not ended and data[size - 1] == CR:  # its \n may be the next byte
            data = _grown(data, size, size + 1) if len(data) == size else data
            more = fill(data, size, 1)
            size += more
            ended = not more
        if first and data.startswith(BOM):
            size, offset = size - len(BOM), len(BOM)
            data[:size] = data[len(BOM) : len(BOM) + size]
        first = False
        if not size:
            return
        cut = size
        if not ended:
            cut = max(data.rfind(b"\n", 0, size), data.rfind(b"\r", 0, size)) + 1
            if cut == 0 and size > longest:
                cut = size
        lines = _lines(data, cut, line, offset, None if ended else whole)
        if len(lines.starts):
            yield lines
        cut = len(lines.data)
        offset, line = offset + cut, line + len(lines.starts)
        size -= cut
        rest = data[cut : cut + size]
        if reuse:
            data[:size] = rest
        else:
            data = rest


def _lines(data: bytearray, cut: int, line: int, offset: int, whole: Whole | None) -> LineBlock:
    """The lines of `data[:cut]`, or as many of them as `whole` says."""
    view = np.frombuffer(data, dtype=np.uint8, count=cut)
    found = _even_lines(data, cut)
    rows, starts, ends = found or (None, *split_lines(view, data.find(b"\r", 0, cut) >= 0))
    kept = len(starts) if whole is None or not cut else whole(view, starts)
    if kept < len(starts):
        view, starts, ends = view[: starts[kept]], starts[:kept], ends[:kept]
        rows = None if rows is None else rows[:kept]
    return LineBlock(view, starts, ends, line, offset, rows)


def _grown(data: bytearray, size: int, room: int) -> bytearray:
    grown = bytearray(room)
    grown[:size] = data[:size]
    return grown


def _filler(source: Readable) -> Callable[[bytearray, int, int], int]:
    """What reads at most so many bytes into `data[at:]` and says how many came, none at the end."""

    def filled(data: bytearray, at: int, most: int) -> int:
        chunk = source.read(most)
        data[at : at + len(chunk)] = chunk
        return len(chunk)

    if not isinstance(source, Filling):
        return filled
    readinto = source.readinto
    return lambda data, at, most: readinto(memoryview(data)[at : at + most])


def _filled(fill: Callable[[bytearray, int, int], int], data: bytearray, at: int, most: int) -> int:
    """Read until `most` bytes came or the source ended: unpacking may give less at a time."""
    size = 0
    while size < most and (more := fill(data, at + size, most - size)):
        size += more
    return size


def split_lines(data: Bytes, carriage: bool = True) -> tuple[Ints, Ints]:
    r"""Starts and ends of the lines of `data`, without line breaks (`\n`, `\r\n` or `\r`).

    A last line without a break is a line; nothing after a last break is none. `carriage` is false
    where no `\r` is known to stand anywhere.
    """
    feeds = np.flatnonzero(data == LF)
    ends, nexts = feeds, feeds + 1
    returns = np.flatnonzero(data == CR) if carriage else feeds[:0]
    if len(returns):
        paired = np.zeros(len(returns), dtype=np.bool_)
        inner = returns + 1 < len(data)
        paired[inner] = data[returns[inner] + 1] == LF
        lone = returns[~paired]
        trimmed = feeds - ((feeds > 0) & (data[np.maximum(feeds - 1, 0)] == CR))
        ends = np.concatenate([trimmed, lone])
        nexts = np.concatenate([feeds + 1, lone + 1])
        order = np.argsort(nexts, kind="stable")
        ends, nexts = ends[order], nexts[order]
    starts = np.concatenate([np.zeros(1, dtype=np.int64), nexts])
    if len(data) and (len(nexts) == 0 or nexts[-1] < len(data)):
        ends = np.concatenate([ends, np.array([len(data)], dtype=np.int64)])
    return starts[: len(ends)].astype(np.int64, copy=False), ends.astype(np.int64, copy=False)


def _even_lines(data: bytearray, cut: int) -> tuple[Bytes, Ints, Ints] | None:
    r"""The lines of `data[:cut]` as rows without their breaks, and what `split_lines` says of them,
    when they are all of one length and break (`\n` or `\r\n`): found by looking only where the
    breaks must stand, for a byte as low as theirs may stand nowhere else. None for other blocks.
    """
    step = data.find(b"\n", 0, min(cut, LONGEST)) + 1
    if not step or cut % step:
        return None
    lines = np.frombuffer(data, dtype=np.uint8, count=cut).reshape(-1, step)
    paired = step > 1 and lines[0, -2] == CR
    width = step - 1 - paired
    if not width or not (lines[:, -1] == LF).all() or (paired and not (lines[:, -2] == CR).all()):
        return None
    rows = packed_rows(lines[:, :width])
    if int(rows.min()) <= CR:
        return None
    starts = np.arange(0, cut, step, dtype=np.int64)
    return rows, starts, starts + width


def fixed_view(block: LineBlock, width: int) -> tuple[Bytes, Ints]:
    """Lines as an `(n, width)` byte view, and the length of each line in bytes.

    Without copying when all lines are of one length. Shorter lines are padded with blanks, longer
    ones are cut: the lengths say which rows need a second look.
    """
    lengths = block.ends - block.starts
    count = len(lengths)
    if block.rows is not None and block.rows.shape[1] >= width:
        return block.rows[:, :width], lengths
    view = np.full((count, width), SPACE, dtype=np.uint8)
    full = np.flatnonzero(lengths >= width)
    _put(view, full, rows_at(block.data, block.starts[full], width))
    # Few lengths are usual; the lines of each are placed at once.
    for length in _short(lengths, width) if len(full) < count else ():
        if length:
            rows = np.flatnonzero(lengths == length)
            _put(view, rows, rows_at(block.data, block.starts[rows], length))
    return view, lengths


def _put(view: Bytes, rows: Ints, found: Bytes) -> None:
    """Write to the first columns of some rows: one element a row, as `rows_at` reads them."""
    kind = f"V{found.shape[1]}"
    if len(rows):
        starts = np.ndarray((len(view),), kind, view, 0, view.strides[:1])
        starts[rows] = found.view(kind)[:, 0]


def _short(lengths: Ints, width: int) -> list[int]:
    """The lengths below a width that there are, ascending."""
    counts = np.bincount(np.minimum(lengths, width), minlength=width)
    lower: list[int] = np.flatnonzero(counts[:width]).tolist()
    return lower


def rows_at(data: Bytes, starts: Ints, width: int) -> Bytes:
    """The `width` bytes from each start, as an `(n, width)` array; all of them are in the data."""
    if not len(starts):
        return np.empty((0, width), dtype=np.uint8)
    # One element a row: copying bytes one by one takes ten times as long.
    windows = np.ndarray((len(data) - width + 1,), f"V{width}", data, 0, (1,))
    return windows[starts].view(np.uint8).reshape(len(starts), width)


def rows_of(view: Bytes, rows: Ints, start: int, stop: int) -> Bytes:
    """Columns `[start:stop]` of some rows of a view."""
    part = view[:, start:stop]
    if stop - start < 2 or view.strides[1] != 1:
        return part[rows]
    packed = part.view(f"V{stop - start}")[:, 0][rows]
    return packed.view(np.uint8).reshape(len(rows), stop - start)


def packed_rows(view: Bytes) -> Bytes:
    """The same `(n, width)` bytes without gaps between the rows."""
    count, width = view.shape
    if width < 2 or view.strides[1] != 1:
        return np.ascontiguousarray(view)
    # A row at a time is twice as fast as a byte at a time.
    return view.view(f"V{width}").copy().view(np.uint8).reshape(count, width)


@lru_cache(32)
def _repeated(text: str) -> pa.StringArray:
    return pa.repeat(text, _ROWS)


@lru_cache(16)
def _missing(kind: pa.DataType) -> pa.Array:
    return pa.nulls(_ROWS, kind)


def nothing(kind: pa.DataType, count: int) -> pa.Array:
    """A column of nulls; those of a type share its memory."""
    return pa.nulls(count, kind) if count > _ROWS else _missing(kind).slice(0, count)


def constant(text: str | None, count: int) -> pa.StringArray:
    """A column of one text, null for None; columns of a text share its memory."""
    if text is None:
        return nothing(pa.string(), count)
    if count > _ROWS:
        return pa.repeat(text, count)
    return _repeated(text).slice(0, count)


def text_column(view: Bytes, *, plain: bool = False) -> pa.StringArray:
    """Text of an `(n, width)` view, blanks stripped on both sides, blank rows null.

    Bytes above 127 are read as Latin-1: a grammar that decodes UTF-8 does so before. `plain`:
    there are known to be none.
    """
    if view.size and view[0, -1] == SPACE:
        view = _narrowed(view)
        if not view.size:
            return nothing(pa.string(), len(view))
    packed = packed_rows(view)
    text = _packed_column(packed, plain=plain)
    if packed.size and not _edged(packed):
        return text
    return blank_to_null(pc.ascii_trim(text, options=_BLANKS))


def _edged(packed: Bytes) -> bool:
    """Whether a blank stands first or last in any row; mostly there is none anywhere."""
    if int(packed.min()) > SPACE:
        return False
    return bool((packed[:, -1] == SPACE).any()) or bool((packed[:, 0] == SPACE).any())


def _narrowed(view: Bytes) -> Bytes:
    """The view without columns that are blank in every row, where a few rows say that all texts
    may be of one length: then nothing needs stripping, or nothing is there."""
    few = view[:: max(len(view) // 4, 1)]
    filled = np.flatnonzero((few != SPACE).any(axis=0))
    stop = int(filled[-1]) + 1 if len(filled) else 0
    if (stop and (few[:, stop - 1] == SPACE).any()) or not blank_from(view, stop):
        return view
    return view[:, :stop]


def blank_from(view: Bytes, stop: int) -> bool:
    """Whether all columns of an `(n, width)` view from `stop` on are blank in every row."""
    last = view.shape[1] - 8
    if last < 0:
        return bool((view[:, stop:] == SPACE).all())
    for at in (*range(stop, last, 8), last):
        word = view[:, at : at + 8].view("<u8")[:, 0] ^ _SPACES
        if at < stop:
            word >>= np.uint64(8 * (stop - at))
        if word.any():
            return False
    return True


def raw_column(view: Bytes, *, plain: bool = False) -> pa.StringArray:
    """Text of an `(n, width)` view as it stands, blanks kept; bytes above 127 are Latin-1."""
    return _packed_column(packed_rows(view), plain=plain)


def _packed_column(packed: Bytes, *, plain: bool) -> pa.StringArray:
    count, width = packed.shape
    if not plain and count and width and int(packed.max()) >= _ASCII_END:
        return pa.array([row.tobytes().decode("latin-1") for row in packed], type=pa.string())
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32) if width else None
    if offsets is None:
        return pa.array([""] * count, type=pa.string())
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(packed))


def blank_to_null(text: pa.StringArray) -> pa.StringArray:
    """The same text with null where it is empty."""
    offsets = np.frombuffer(text.buffers()[1], dtype=np.int32)
    ends = offsets[text.offset : text.offset + len(text) + 1]
    filled = ends[1:] > ends[:-1]
    if bool(filled.all()):
        return text
    if not text.offset and not text.null_count:  # the same bytes, and which of them are text
        valid = pa.py_buffer(np.packbits(filled, bitorder="little"))
        _, offsets_, data = text.buffers()
        return pa.StringArray.from_buffers(len(text), offsets_, data, valid)
    empty = pc.equal(text, "")
    return pc.if_else(empty, pa.scalar(None, pa.string()), text)
