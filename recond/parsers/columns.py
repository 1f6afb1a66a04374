"""Bytes to columns: what the line-based and fixed-width grammars share.

A file is read in blocks of about one MiB of whole lines (cache-sized: twice as fast as 16 MiB),
a line is two offsets into the block, a field is a slice of columns of an `(n, width)` byte view,
a number is arithmetic on its bytes. No Python object is made a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.parsers.words import word_digits

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BLOCK = 1 << 20
LONGEST = 1 << 16
MOST_DIGITS = 18  # the largest number of decimal digits that always fits an int64

LF, CR, SPACE, ZERO = 10, 13, 32, 48
BOM = b"\xef\xbb\xbf"
_ASCII_END = 128


class Readable(Protocol):
    """Whatever bytes can be read from: an open file, a stream of a test."""

    def read(self, size: int = ..., /) -> bytes:
        """At most `size` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines of a file: `data[starts[i]:ends[i]]` is line `first_line + i`, without its
    line break. `offset` is the place of `data[0]` in the file."""

    data: Bytes
    starts: Ints
    ends: Ints
    first_line: int
    offset: int


def line_blocks(
    source: Readable, block: int = BLOCK, longest: int = LONGEST
) -> Iterator[LineBlock]:
    r"""Read `source` in blocks of whole lines; `\n`, `\r\n` and `\r` end a line.

    Blank lines are lines, a UTF-8 byte order mark is passed over. A line of more than `longest`
    bytes comes in pieces, each of them longer than `longest` but the last, so that memory stays
    bounded whatever the file holds: who sees such a line refuses the file (RECORD_TOO_LONG).
    """
    carry = b""
    offset, line = 0, 1
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
        if not data:
            return
        cut = len(data)
        if chunk:
            cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            if cut == 0 and len(data) > longest:
                cut = len(data)
        if cut:
            view = np.frombuffer(data, dtype=np.uint8, count=cut)
            starts, ends = split_lines(view)
            yield LineBlock(view, starts, ends, line, offset)
            offset += cut
            line += len(starts)
        carry = data[cut:]
        if not chunk:
            return


def split_lines(data: Bytes) -> tuple[Ints, Ints]:
    r"""Starts and ends of the lines of `data`, without line breaks (`\n`, `\r\n` or `\r`).

    A last line without a break is a line; nothing after a last break is none.
    """
    feeds = np.flatnonzero(data == LF)
    ends, nexts = feeds, feeds + 1
    carriage = data == CR
    if carriage.any():
        returns = np.flatnonzero(carriage)
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
    return starts[: len(ends)].astype(np.int64), ends.astype(np.int64)


def fixed_view(block: LineBlock, width: int) -> tuple[Bytes, Ints]:
    """Lines as an `(n, width)` byte view, and the length of each line in bytes.

    Without copying when all lines are of one length and break. Shorter lines are padded with
    blanks, longer ones are cut: the lengths say which rows need a second look.
    """
    lengths = block.ends - block.starts
    count = len(lengths)
    if count > 1 and int(lengths.min()) >= width:
        steps = np.diff(block.starts)
        step = int(steps[0])
        if bool((steps == step).all()):
            first = int(block.starts[0])
            shape, strides = (count, width), (step, 1)
            view = np.lib.stride_tricks.as_strided(block.data[first:], shape, strides)
            return view, lengths
    view = np.full((count, width), SPACE, dtype=np.uint8)
    full = lengths >= width
    view[full] = block.data[block.starts[full][:, None] + np.arange(width)]
    short = np.flatnonzero(~full & (lengths > 0))
    if len(short):
        place = block.starts[short][:, None] + np.arange(width)
        inside = np.arange(width) < lengths[short][:, None]
        padded = block.data[np.minimum(place, len(block.data) - 1)]
        view[short] = np.where(inside, padded, np.uint8(SPACE))
    return view, lengths


def digits(view: Bytes) -> tuple[Ints, Mask]:
    """Numbers of an `(n, width)` view of ASCII digits, and a mask of the rows that are not.

    Strict: a blank, a sign or a letter anywhere makes the row bad, and its number 0. `width` is
    at most 18, which always fits an int64. Eight digits are one word.
    """
    count, width = view.shape
    if width > MOST_DIGITS:
        raise ValueError(f"{width} digits do not fit an int64; at most {MOST_DIGITS} do")
    words = max(-(-width // 8), 1)
    padded = np.full((count, words * 8), ZERO, dtype=np.uint8)
    if width:
        padded[:, words * 8 - width :] = view
    columns = padded.view("<u8")
    total = np.zeros(count, dtype=np.int64)
    bad: Mask = np.zeros(count, dtype=np.bool_)
    for part in range(words):
        figure, wrong = word_digits(np.ascontiguousarray(columns[:, part]))
        bad |= wrong
        total = figure if part == 0 else total * 10**8 + figure
    if bad.any():
        total[bad] = 0
    return total, bad


def text_column(view: Bytes) -> pa.StringArray:
    """Text of an `(n, width)` view, blanks stripped on both sides, blank rows null.

    Bytes above 127 are read as Latin-1: a grammar that decodes UTF-8 does so before.
    """
    text = raw_column(view)
    if view.size and not ((view[:, 0] == SPACE) | (view[:, -1] == SPACE)).any():
        return text
    return blank_to_null(pc.ascii_trim(text, characters=" "))


def raw_column(view: Bytes) -> pa.StringArray:
    """Text of an `(n, width)` view as it stands, blanks kept; bytes above 127 are Latin-1."""
    count, width = view.shape
    packed = np.ascontiguousarray(view)
    if count and width and int(packed.max()) >= _ASCII_END:
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
