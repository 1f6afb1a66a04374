"""Records of several lines: what the grammars of bank statements share in cutting a file.

A record begins with its code and goes on in the lines behind it (an 88 of BAI2, the text of an
MT940 field). A file comes in chunks that never part one. Here are the reading, the blanks at the
edges of lines and the limits; what a code is, each grammar says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from recond.parsers.columns import Bytes, Ints, LineBlock, Mask, Readable, line_blocks
from recond.parsers.notes import Notes

MOST_LINES = 20_000  # of one record
_NUL, _SPACE = 0, 32
# Blank, tab, line breaks, the marks of SWIFT's envelopes (SOH, STX, ETX), and the ^Z that some
# systems put behind the last record.
BLANK = np.isin(np.arange(256), (_SPACE, 1, 2, 3, 9, 10, 13, 26))


@dataclass(frozen=True, slots=True)
class Records:
    """Lines that are not blank, in file order: `data[start:end]` without blanks around it.

    `stop` is the end with what ends the record (the "/" of BAI2); `code` what the line begins, in
    the grammar's own numbers, 0 where it begins nothing; `line` the physical line; `offset` the
    place of `data[0]` in the file.
    """

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
        """The bytes of one record, without what ends it."""
        return self.data[int(self.start[index]) : int(self.end[index])].tobytes()

    def place(self, index: int) -> tuple[int, int]:
        """(line, byte offset in the file) of a record."""
        return int(self.line[index]), self.offset + int(self.start[index])

    def _alone(self) -> Records:
        # Without the bytes before the first record, so that what is carried on stays small.
        first = int(self.start[0]) if len(self) else len(self.data)
        return Records(
            self.data[first:], self.offset + first, self.start - first, self.end - first,
            self.stop - first, self.code, self.line,
        )  # fmt: skip

    def _joined(self, found: Records) -> Records:
        # The two are neighbours in the file.
        shift = found.offset - self.offset
        return Records(
            np.concatenate([self.data[:shift], found.data]),
            self.offset,
            np.concatenate([self.start, found.start + shift]),
            np.concatenate([self.end, found.end + shift]),
            np.concatenate([self.stop, found.stop + shift]),
            np.concatenate([self.code, found.code]),
            np.concatenate([self.line, found.line]),
        )


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a grammar cuts: `read` makes records of lines and may tell problems of them; `begins`
    says before which records a chunk may end; `again` looks at a chunk with what was carried;
    a line of more than `longest` bytes ends the reading. `blocks` reads blocks of about so many
    bytes from a file whose records no line breaks end."""

    read: Callable[[LineBlock, Bytes, Notes], Records]
    begins: Callable[[Ints], Mask]
    longest: int
    again: Callable[[Records, Notes], Records] | None = None
    blocks: Callable[[Readable, int], Iterator[LineBlock]] | None = None


def whole_records(
    source: Readable, notes: Notes, cutting: Cutting, block: int
) -> Iterator[Records]:
    """The records of a file in chunks that never part one of them.

    Problems: NUL_BYTES, RECORD_TOO_LONG (reading stops there), and what `cutting` tells.
    """
    carry: Records | None = None
    cut_lines = cutting.blocks or (lambda file, size: line_blocks(file, size, cutting.longest))
    for lines in cut_lines(source, block):
        lengths = lines.ends - lines.starts
        if len(lengths) and int(lengths.max()) > cutting.longest:
            row = int(lengths.argmax())
            place = (lines.first_line + row, lines.offset + int(lines.starts[row]))
            _too_long(notes, place, cutting.longest)
            return
        found = cutting.read(lines, _without_nuls(lines, notes), notes)
        found = found if carry is None else carry._joined(found)
        if cutting.again is not None:
            found = cutting.again(found, notes)
        heads = np.flatnonzero(cutting.begins(found.code))
        cut = int(heads[-1]) if len(heads) else 0
        if len(found) - cut > MOST_LINES:
            _too_long(notes, found.place(cut), cutting.longest)
            return
        if cut:
            yield found.part(0, cut)
        carry = found.part(cut, len(found))._alone()
    if carry is not None and len(carry):
        yield carry


def _too_long(notes: Notes, place: tuple[int, int], longest: int) -> None:
    notes.add(
        "RECORD_TOO_LONG",
        f"The record is longer than any record of a bank statement ({longest} bytes a line, "
        f"{MOST_LINES} lines a record). The file is not read any further; ask for it again.",
        line=place[0],
        byte_offset=place[1],
    )


def _without_nuls(lines: LineBlock, notes: Notes) -> Bytes:
    data = lines.data
    if int(data.min(initial=_SPACE)) != _NUL:
        return data
    nuls = np.flatnonzero(data == _NUL)
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
    clean[nuls] = _SPACE
    return clean


def trimmed(data: Bytes, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """The same spans without blanks at either side; an empty span ends where it starts."""
    if not len(start) or not len(data):
        return start, end
    ending, beginning = data[np.maximum(end - 1, 0)], data.take(start, mode="clip")
    if min(int(ending.min()), int(beginning.min())) > _SPACE:
        return start, end
    last = BLANK[ending] & (start < end)
    if last.any():
        end = end.copy()
        active = np.flatnonzero(last)
        while len(active):
            end[active] -= 1
            active = active[start[active] < end[active]]
            active = active[BLANK[data[end[active] - 1]]]
    first = BLANK[data[np.minimum(start, len(data) - 1)]] & (start < end)
    if first.any():
        start = start.copy()
        active = np.flatnonzero(first)
        while len(active):
            start[active] += 1
            active = active[start[active] < end[active]]
            active = active[BLANK[data[start[active]]]]
    return start, end
