"""The records of a NACHA file, whatever their wrapper (formats section 5, deviations).

Records of 94 characters come on lines ended by LF, CRLF or CR, or glued together without any
line break; trailing blanks may be lost or added, `^Z` may end the file, and names may hold
Latin-1 or UTF-8. All of these become rows of 94 Latin-1 bytes with their place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recond.parsers import columns
from recond.parsers.columns import Bytes, Ints
from recond.parsers.notes import Notes

WIDTH = 94
BLOCK = columns.LARGE_BLOCK
HEAD = 1 << 14
FEW_BLANKS = 32
DELETE = 0x7F
MARK = 0x1A  # ^Z, which some systems write behind a file
MOST_GROUP = 20_000  # rows; an entry has at most 9,999 addenda
_BREAK = re.compile(rb"\r\n|\n|\r")
_SEND_AGAIN = "Ask the sender for the file again."


@dataclass(frozen=True)
class Rows:
    """Records as an `(n, 94)` byte view with line, byte offset and byte length of each.

    `plain`: every byte is printable ASCII, so none needs a second look.
    """

    view: Bytes
    line: Ints
    offset: Ints
    length: Ints
    plain: bool = False

    def __len__(self) -> int:
        return len(self.line)

    @cached_property
    def kinds(self) -> Bytes:
        """The first byte of each record, which says what it is."""
        return np.ascontiguousarray(self.view[:, 0])

    def part(self, start: int, stop: int) -> Rows:
        """Rows `start` to `stop`."""
        if stop - start == len(self):
            return self
        cut = slice(start, stop)
        return Rows(self.view[cut], self.line[cut], self.offset[cut], self.length[cut], self.plain)

    def text(self, row: int, start: int, stop: int) -> str:
        """Characters `[start:stop]` of one row."""
        return self.view[row, start:stop].tobytes().decode("latin-1")


def record_rows(source: columns.Readable, notes: Notes) -> Iterator[Rows]:
    """Every record that is not blank, in blocks; an entry and its addenda are never parted.

    Wrappers are told in `notes`: padding (RECORD_PADDED), characters that are not ASCII
    (RECORD_DEVIATES, CHARACTER_REPLACED), lines that are too long (RECORD_LENGTH), NUL_BYTES.
    """
    head = source.read(HEAD)
    stream = columns.Joined(head, source)
    first = re.split(rb"[\r\n]", head.lstrip(b"\r\n"), maxsplit=1)[0].rstrip(b" \x1a")
    if len(_characters(first)[0]) > WIDTH:
        blocks = _unbroken(stream, notes)
    else:
        blocks = _broken(stream, notes)
    yield from _whole_groups(_told(blocks, notes))


def _whole_groups(blocks: Iterator[Rows]) -> Iterator[Rows]:
    """The same rows, cut so that the addenda of an entry come with it."""
    held: Rows | None = None
    for block in blocks:
        if held is not None and block.view[0, 0] == ord("7"):
            cut = _last_entry(held)
            if cut:
                yield held.part(0, cut)
            held = _join(held.part(cut, len(held)), block) if cut < len(held) else block
            continue
        if held is not None:
            yield held
        held = block
    if held is not None:
        yield held


def _last_entry(rows: Rows) -> int:
    """Where the last entry begins that further addenda may belong to; behind the last row where
    there is none, or too many have come already."""
    kinds = rows.view[:, 0]
    others = np.flatnonzero(kinds != ord("7"))
    if len(others) and kinds[others[-1]] == ord("6") and len(rows) - others[-1] < MOST_GROUP:
        return int(others[-1])
    return len(rows)


def _join(*parts: Rows) -> Rows:
    return Rows(
        np.concatenate([part.view for part in parts]),
        np.concatenate([part.line for part in parts]),
        np.concatenate([part.offset for part in parts]),
        np.concatenate([part.length for part in parts]),
        all(part.plain for part in parts),
    )


def _told(blocks: Iterator[Rows], notes: Notes) -> Iterator[Rows]:
    """The rows that are not blank; NUL bytes are told once a file."""
    for block in blocks:
        rows = block
        blank = rows.kinds == columns.SPACE
        if blank.any():
            keep = ~(blank & (rows.view == columns.SPACE).all(axis=1))
            rows = Rows(
                rows.view[keep], rows.line[keep], rows.offset[keep], rows.length[keep], rows.plain
            )
        if not len(rows):
            continue
        if not rows.plain and not int(rows.view.min()):
            row = int(np.flatnonzero((rows.view == 0).any(axis=1))[0])
            notes.add(
                "NUL_BYTES",
                f"The record holds NUL bytes, which no record of this format does. {_SEND_AGAIN}",
                line=int(rows.line[row]),
                byte_offset=int(rows.offset[row]),
            )
        yield rows


def _broken(stream: columns.Joined, notes: Notes) -> Iterator[Rows]:
    """Rows of a file with line breaks."""
    for block in columns.line_blocks(stream, BLOCK, whole=_whole_entries, reuse=True):
        view, lengths = columns.fixed_view(block, WIDTH)
        if block.rows is None or block.rows.shape[1] != WIDTH:  # which are side by side already
            view = columns.packed_rows(view)
        line = np.arange(block.first_line, block.first_line + len(lengths), dtype=np.int64)
        even = int(lengths.min()) == int(lengths.max()) == WIDTH
        plain = even and int(view.min()) >= columns.SPACE and int(view.max()) < DELETE
        rows = Rows(view, line, block.starts + block.offset, lengths, plain)
        if not plain:
            high = int(block.data.max()) >= 128
            rows = _second_look(block, rows, high, notes) if high or not even else rows
        yield rows


def _whole_entries(data: Bytes, starts: Ints) -> int:
    """How many lines stand before the last entry, whose addenda may come in the next block;
    `_whole_groups` sees to what is too long for this."""
    kinds = data[starts]
    others = np.flatnonzero(kinds != ord("7"))
    if len(others) and kinds[others[-1]] == ord("6"):
        last = int(others[-1])
        if len(data) - int(starts[last]) < BLOCK:
            return last
    return len(starts)


def _second_look(block: columns.LineBlock, rows: Rows, high: bool, notes: Notes) -> Rows:
    """Rows with short lines padded, long ones judged, names decoded, blank lines left out."""
    view = rows.view.copy()
    ends = _without_trailing_blanks(block, block.starts, block.ends)
    special = np.flatnonzero(ends - block.starts > WIDTH)
    if high:
        special = np.union1d(special, np.flatnonzero(_rows_with_high(block)))
    for row in special:  # the few rows that need Python: not ASCII, or too long
        raw = block.data[int(block.starts[row]) : int(ends[row])].tobytes()
        _place_row(view, int(row), raw, rows, notes)
    keep = ~((view == columns.SPACE) | (view == MARK)).all(axis=1)
    for row in np.flatnonzero(keep)[-1:]:  # ^Z may stand behind the last record
        text = view[row].tobytes().rstrip(b" ")
        if text.endswith(b"\x1a"):
            view[row] = np.frombuffer(text.rstrip(b"\x1a").ljust(WIDTH), dtype=np.uint8)
    _tell_padding(rows, np.flatnonzero((rows.length < WIDTH) & keep), notes)
    return Rows(view[keep], rows.line[keep], rows.offset[keep], rows.length[keep])


def _tell_padding(rows: Rows, short: Ints, notes: Notes) -> None:
    if len(short) and notes.first("RECORD_PADDED"):
        row = int(short[0])
        notes.add(
            "RECORD_PADDED",
            f"The record has {int(rows.length[row])} characters in place of 94 and was padded "
            "with blanks, as others of the file may be; nothing needs doing.",
            line=int(rows.line[row]),
            byte_offset=int(rows.offset[row]),
        )


def _without_trailing_blanks(block: columns.LineBlock, starts: Ints, ends: Ints) -> Ints:
    """Ends of the lines, moved back over blanks beyond column 94."""
    ends = ends.copy()
    for _ in range(FEW_BLANKS):  # more are left to Python, row by row
        long = np.flatnonzero(ends - starts > WIDTH)
        if not len(long):
            break
        long = long[block.data[ends[long] - 1] == columns.SPACE]
        if not len(long):
            break
        ends[long] -= 1
    return ends


def _rows_with_high(block: columns.LineBlock) -> columns.Mask:
    place = np.flatnonzero(block.data >= 128)
    found = np.zeros(len(block.starts), dtype=np.bool_)
    found[np.searchsorted(block.starts, place, side="right") - 1] = True
    return found


def _place_row(view: Bytes, row: int, raw: bytes, rows: Rows, notes: Notes) -> None:
    """One record in Python: decoded, cut by characters, and told what was odd about it."""
    line, offset = int(rows.line[row]), int(rows.offset[row])
    text, encoding = _characters(raw)
    text = text.rstrip(" ")
    if len(text) > WIDTH and text[WIDTH:].strip(" \x1a"):
        notes.add(
            "RECORD_LENGTH",
            f"The record has {len(text)} characters; a record of this format has 94. {_SEND_AGAIN}",
            line=line,
            byte_offset=offset,
            field=f"95-{len(text)}",
        )
    view[row] = _latin(text[:WIDTH], encoding, line, offset, notes)


def _characters(raw: bytes) -> tuple[str, str]:
    """Text and its encoding: ASCII, UTF-8 where the bytes are valid UTF-8, else Latin-1."""
    for encoding in ("ascii", "utf-8"):
        try:
            return raw.decode(encoding).removeprefix("\ufeff"), encoding
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1"), "latin-1"


def _latin(text: str, encoding: str, line: int, offset: int, notes: Notes) -> Bytes:
    """94 Latin-1 bytes of a text, with its deviations told."""
    try:
        latin = text.encode("latin-1")
    except UnicodeEncodeError:
        latin = text.encode("latin-1", errors="replace")
        notes.add(
            "CHARACTER_REPLACED",
            "A character is outside Latin-1 and is shown as '?'; the archived bytes keep it.",
            line=line,
            byte_offset=offset,
        )
    if not text.isascii():
        name = "UTF-8" if encoding == "utf-8" else "Latin-1"
        notes.add(
            "RECORD_DEVIATES",
            f"The record holds characters that are not ASCII; they were read as {name} and "
            "columns are counted in characters.",
            line=line,
            byte_offset=offset,
        )
    return np.frombuffer(latin.ljust(WIDTH), dtype=np.uint8)


def _unbroken(stream: columns.Joined, notes: Notes) -> Iterator[Rows]:
    """Rows of a file whose records stand one behind the other without line breaks.

    Line breaks that come all the same (after the last record, or between blocks of records)
    end a record, so that a short last one is padded.
    """
    carry, offset, line = b"", 0, 1
    while True:
        chunk = stream.read(BLOCK)
        data = carry + chunk
        if chunk.endswith(b"\r"):
            data += stream.read(1)
        final = not chunk
        if final:
            data = data.rstrip(b"\r\n\x1a")
        start, parts = 0, []
        breaks = _BREAK.finditer(data) if b"\n" in data or b"\r" in data else ()
        for found in [*breaks, None]:
            stop = len(data) if found is None else found.start()
            whole = final or found is not None
            rows, used = _slices(data[start:stop], whole, offset + start, line, notes)
            line += len(rows)
            parts.append(rows)
            start = start + used if found is None else found.end()
        yield _join(*parts)
        carry, offset = data[start:], offset + start
        if final:
            return


def _slices(data: bytes, whole: bool, offset: int, line: int, notes: Notes) -> tuple[Rows, int]:
    """Records of 94 characters from glued bytes, and how many bytes they took.

    `whole`: the data end here, so a last short record is padded; else it waits for more bytes.
    """
    if not data.isascii():
        return _slices_by_character(data, whole, offset, line, notes)
    count, rest = divmod(len(data), WIDTH)
    used = count * WIDTH
    view = np.frombuffer(data, dtype=np.uint8, count=used).reshape(count, WIDTH)
    length = np.full(count, WIDTH, dtype=np.int64)
    tail = data[used:]
    if whole and tail.strip(b" \x1a"):
        row = np.frombuffer(tail.ljust(WIDTH), dtype=np.uint8)
        view = np.concatenate([view, row[None, :]])
        length = np.append(length, rest)
    lines = np.arange(line, line + len(view), dtype=np.int64)
    places = offset + WIDTH * np.arange(len(view), dtype=np.int64)
    plain = bool(len(view)) and int(view.min()) >= columns.SPACE and int(view.max()) < DELETE
    rows = Rows(view, lines, places, length, plain)
    _tell_padding(rows, np.flatnonzero(length < WIDTH), notes)
    return rows, len(data) if whole else used


def _slices_by_character(
    data: bytes, whole: bool, offset: int, line: int, notes: Notes
) -> tuple[Rows, int]:
    """The same for bytes that are not all ASCII: slower, and rare."""
    tail = 0
    if not whole:  # a character may be cut at the end of the block
        while tail < 4 and tail < len(data) and data[-1 - tail] >= 128:
            tail += 1
    text, encoding = _characters(data[: len(data) - tail])
    if tail and encoding == "latin-1":
        text = data.decode("latin-1")
    end = len(text) if whole else len(text) // WIDTH * WIDTH
    pieces = [text[at : at + WIDTH] for at in range(0, end, WIDTH)]
    pieces = [piece for piece in pieces if piece.strip(" \x1a")]
    width = "utf-8" if encoding != "latin-1" else "latin-1"
    length = np.array([len(piece.encode(width)) for piece in pieces], dtype=np.int64)
    places = offset + np.concatenate([[0], np.cumsum(length)])[: len(pieces)].astype(np.int64)
    view = np.full((len(pieces), WIDTH), columns.SPACE, dtype=np.uint8)
    for row, piece in enumerate(pieces):
        view[row] = _latin(piece, encoding, line + row, int(places[row]), notes)
    lines = np.arange(line, line + len(pieces), dtype=np.int64)
    return Rows(view, lines, places, length), len(data) if whole else int(length.sum())
