"""BAI2: bytes to physical records and whole logical records (formats.md section 1).

A record is `data[start:end]` with a code. The "/" that ends it and blanks around it are stripped
here, records that share a line are parted, so that the grammar sees none of these deviations.
Code 0 is a line that begins with no record code: text that a bank wrapped without an 88.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from recond.parsers.columns import BLOCK, Bytes, Ints, LineBlock, Mask, line_blocks
from recond.parsers.notes import Notes

CODES = (1, 2, 3, 16, 49, 88, 98, 99)
DETAIL, CONTINUATION = 16, 88
LONGEST = 1 << 18  # of one line: a bank that writes no line breaks at all fits, if it is small
MOST_PARTS = 20_000  # records of one logical record
_SLASH, _COMMA, _ZERO, _NUL = 47, 44, 48, 0
_KNOWN = np.isin(np.arange(100), CODES)
# Blank, tab, line breaks, and the ^Z that some systems put behind the last record.
_BLANK = np.isin(np.arange(256), (32, 9, 10, 13, 26))
_DIGIT = (np.arange(256) >= _ZERO) & (np.arange(256) <= _ZERO + 9)


@dataclass(frozen=True, slots=True)
class Records:
    """Physical records in file order. `end` is the end of the content, `stop` that of the record
    with its "/"; `offset` is the place of `data[0]` in the file."""

    data: Bytes
    offset: int
    start: Ints
    end: Ints
    stop: Ints
    code: Ints
    line: Ints

    def __len__(self) -> int:
        return len(self.start)

    def part(self, low: int, high: int) -> Records:
        """Records `low` to `high`, over the same bytes."""
        cut = slice(low, high)
        return Records(
            self.data, self.offset, self.start[cut], self.end[cut], self.stop[cut],
            self.code[cut], self.line[cut],
        )  # fmt: skip

    def content(self, index: int) -> bytes:
        """The bytes of one record, without its "/"."""
        return self.data[int(self.start[index]) : int(self.end[index])].tobytes()


def logical_records(source: BinaryIO, notes: Notes, block: int = BLOCK) -> Iterator[Records]:
    """The records of a file in chunks that never part a logical record from its 88s.

    Problems: NUL_BYTES, RECORD_TOO_LONG (reading stops there), RECORD_DEVIATES.
    """
    carry: Records | None = None
    for lines in line_blocks(source, block, LONGEST):
        lengths = lines.ends - lines.starts
        if len(lengths) and int(lengths.max()) > LONGEST:
            row = int(lengths.argmax())
            _too_long(notes, lines.first_line + row, lines.offset + int(lines.starts[row]))
            return
        found = _records(lines, notes)
        found = found if carry is None else _joined(carry, found)
        heads = np.flatnonzero((found.code != CONTINUATION) & (found.code != 0))
        cut = int(heads[-1]) if len(heads) else 0
        if len(found) - cut > MOST_PARTS:
            _too_long(notes, int(found.line[cut]), found.offset + int(found.start[cut]))
            return
        if cut:
            yield found.part(0, cut)
        carry = _alone(found.part(cut, len(found)))
    if carry is not None and len(carry):
        yield carry


def _too_long(notes: Notes, line: int, offset: int) -> None:
    notes.add(
        "RECORD_TOO_LONG",
        f"The record is longer than any record of a bank statement ({LONGEST} bytes a line, "
        f"{MOST_PARTS} lines a record). The file is not read any further; ask for it again.",
        line=line,
        byte_offset=offset,
    )


def _without_nuls(lines: LineBlock, notes: Notes) -> Bytes:
    data = lines.data
    nuls = np.flatnonzero(data == _NUL)
    if not len(nuls):
        return data
    place = lines.offset + int(nuls[0])
    row = int(np.searchsorted(lines.starts, nuls[0], side="right")) - 1
    notes.add(
        "NUL_BYTES",
        f"The file holds NUL bytes, the first at byte {place}: it was damaged on its way. Ask the "
        "bank to send it again.",
        line=lines.first_line + row,
        byte_offset=place,
    )
    clean = data.copy()
    clean[nuls] = 32
    return clean


def trimmed(data: Bytes, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """The same spans without blanks at either side; an empty span ends where it starts."""
    start, end = start.copy(), end.copy()
    for edge, step in ((end, -1), (start, 1)):
        active = np.flatnonzero(start < end)
        while len(active):
            place = edge[active] if step > 0 else edge[active] - 1
            active = active[_BLANK[data[place]]]
            edge[active] += step
            active = active[start[active] < end[active]]
    return start, end


def _codes(data: Bytes, start: Ints, end: Ints) -> Ints:
    # The two digits before the first comma; the place is clipped so that short records read 0.
    last = max(len(data) - 1, 0)
    first, second, third = (data[np.minimum(start + step, last)] for step in range(3))
    good = (end - start >= 3) & _DIGIT[first] & _DIGIT[second] & (third == _COMMA)
    code = np.where(good, (first.astype(np.int64) - _ZERO) * 10 + second - _ZERO, 0)
    return np.where(_KNOWN[np.clip(code, 0, 99)], code, 0)


def _records(lines: LineBlock, notes: Notes) -> Records:
    offset = lines.offset
    data = _without_nuls(lines, notes)
    start, stop = trimmed(data, lines.starts, lines.ends)
    filled = start < stop
    line = lines.first_line + np.flatnonzero(filled)
    start, stop, line = _parted(data, offset, (start[filled], stop[filled], line), notes)
    slash = (stop > start) & (data[np.maximum(stop - 1, 0)] == _SLASH)
    content, end = trimmed(data, start, stop - slash)
    # A record of blanks and a slash keeps its own place.
    content = np.where(end > content, content, start)
    end = np.maximum(end, content)
    return Records(data, offset, start, end, stop, _codes(data, start, end), line)


def _parted(
    data: Bytes, offset: int, spans: tuple[Ints, Ints, Ints], notes: Notes
) -> tuple[Ints, Ints, Ints]:
    """Part lines that hold several records: "/", blanks, and the code of a next record."""
    start, stop, line = spans
    if not len(start):
        return spans
    slashes = np.flatnonzero(data == _SLASH)
    owner = np.searchsorted(start, slashes, side="right") - 1
    inside = (owner >= 0) & (slashes + 4 < stop[np.maximum(owner, 0)])
    slashes, owner = slashes[inside], owner[inside]
    spaced = _BLANK[data[slashes + 1]]
    slashes, owner = slashes[spaced], owner[spaced]
    if not len(slashes):
        return start, stop, line
    after, _ = trimmed(data, slashes + 1, stop[owner])
    begins = _begins_record(data, after, stop[owner])
    slashes, owner, after = slashes[begins], owner[begins], after[begins]
    for row, place in zip(owner[:1], after[:1], strict=True):
        notes.add(
            "RECORD_DEVIATES",
            "Several records stand on one line; they were read as if each had its own.",
            line=int(line[row]),
            byte_offset=offset + int(place),
        )
    # Sorting pairs them again: a record begins where one was cut, and cuts are in file order.
    return (
        np.sort(np.concatenate([start, after])),
        np.sort(np.concatenate([stop, slashes + 1])),
        np.sort(np.concatenate([line, line[owner]])),
    )


def _begins_record(data: Bytes, place: Ints, stop: Ints) -> Mask:
    # "/ 16,5" in a text is no record: a 16 must go on with a type code and a comma.
    code = _codes(data, place, stop)
    last = len(data) - 1
    good = code != 0
    for step in (3, 4, 5):
        good &= (code != DETAIL) | _DIGIT[data[np.minimum(place + step, last)]]
    complete: Mask = good & ((code != DETAIL) | (data[np.minimum(place + 6, last)] == _COMMA))
    return complete


def _joined(carry: Records, found: Records) -> Records:
    # The two are neighbours in the file.
    shift = found.offset - carry.offset
    return Records(
        np.concatenate([carry.data[:shift], found.data]),
        carry.offset,
        np.concatenate([carry.start, found.start + shift]),
        np.concatenate([carry.end, found.end + shift]),
        np.concatenate([carry.stop, found.stop + shift]),
        np.concatenate([carry.code, found.code]),
        np.concatenate([carry.line, found.line]),
    )


def _alone(part: Records) -> Records:
    # Drops the bytes before the first record, so that what is carried on stays small.
    if not len(part):
        return Records(
            part.data[len(part.data) :], part.offset + len(part.data), part.start, part.end,
            part.stop, part.code, part.line,
        )  # fmt: skip
    first = int(part.start[0])
    return Records(
        part.data[first:], part.offset + first, part.start - first, part.end - first,
        part.stop - first, part.code, part.line,
    )  # fmt: skip
