"""MT940 and MT942: bytes to lines and the fields that they begin (formats.md section 7).

A field begins with its tag (`:61:`) at the start of a line; what follows without a tag belongs to
it. A line that merely looks like a tag (`:26:37` of a time that the bank wrapped) is text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from recond.parsers.bai2_records import trimmed
from recond.parsers.columns import BLOCK, Bytes, Ints, LineBlock, Mask, line_blocks
from recond.parsers.notes import Notes

LONGEST = 1 << 12  # of one line: SWIFT allows 65 characters, banks that do not wrap some hundred
MOST_LINES = 20_000  # of one field
PAD = 64  # bytes behind a chunk, so that a window over its last line stays inside
_COLON, _DASH, _LF, _BRACE, _ZERO = 58, 45, 10, 125, 48
_DIGIT = (np.arange(256) >= _ZERO) & (np.arange(256) <= _ZERO + 9)


def tag(name: str) -> int:
    """The number of a tag such as "61" or "60F" in `Fields.tag`."""
    return int(name[:2]) * 32 + (ord(name[2]) - 64 if len(name) > 2 else 0)


TEXT, END = 0, 1  # a line without a tag; the "-" that ends a message
LINE, INFORMATION = tag("61"), tag("86")
_TAGS = (
    "12", "13", "13D", "20", "21", "25", "25P", "28", "28C", "34F", "60F", "60M", "61", "62F",
    "62M", "64", "65", "86", "90C", "90D",
)  # fmt: skip
_KNOWN = np.zeros(100 * 32, dtype=np.bool_)
_KNOWN[[tag(name) for name in _TAGS]] = True
# Tags that may be minutes and seconds of a time, or the wrong tag, inside a statement's lines.
_DOUBTFUL = np.zeros(100 * 32, dtype=np.bool_)
_DOUBTFUL[[tag(name) for name in ("12", "13", "20", "21", "25", "28")]] = True
_INNER = np.zeros(100 * 32, dtype=np.bool_)
_INNER[[LINE, INFORMATION]] = True
_CLOSING = _INNER.copy()
_CLOSING[[tag("62F"), tag("62M")]] = True
# A chunk is cut before one of these, so that a transaction never parts from its information.
_CUT = np.zeros(100 * 32, dtype=np.bool_)
_CUT[[LINE, tag("60F"), tag("60M"), tag("62F"), tag("62M"), tag("34F"), tag("90C"), tag("90D")]] = (
    True
)


@dataclass(frozen=True, slots=True)
class Fields:
    """Lines that are not blank, in file order: `data[start:end]` without blanks around it.

    `tag` is that of a line which begins a field, TEXT or END; `place` where the field's value
    begins; `line` the physical line; `offset` the place of `data[0]` in the file. PAD bytes that
    belong to no line stand behind the last one.
    """

    data: Bytes
    offset: int
    start: Ints
    end: Ints
    tag: Ints
    line: Ints

    def __len__(self) -> int:
        return len(self.start)

    def content(self, index: int) -> bytes:
        """The bytes of one line."""
        return self.data[int(self.start[index]) : int(self.end[index])].tobytes()


def fields(source: BinaryIO, notes: Notes, block: int = BLOCK) -> Iterator[Fields]:
    """The fields of a file in chunks that never part a transaction (61) from its text (86).

    Problems: NUL_BYTES, RECORD_TOO_LONG (reading stops there), RECORD_DEVIATES.
    """
    carry: Fields | None = None
    for lines in line_blocks(source, block, LONGEST):
        lengths = lines.ends - lines.starts
        if len(lengths) and int(lengths.max()) > LONGEST:
            row = int(lengths.argmax())
            _too_long(notes, lines.first_line + row, lines.offset + int(lines.starts[row]))
            return
        found = _lines(lines, notes)
        found = _checked(found if carry is None else _joined(carry, found), notes)
        cuts = np.flatnonzero(_CUT[found.tag])
        cut = int(cuts[-1]) if len(cuts) else 0
        if len(found) - cut > MOST_LINES:
            _too_long(notes, int(found.line[cut]), found.offset + int(found.start[cut]))
            return
        if cut:
            yield _part(found, 0, cut)
        carry = _alone(_part(found, cut, len(found)))
    if carry is not None and len(carry):
        yield carry


def _too_long(notes: Notes, line: int, offset: int) -> None:
    notes.add(
        "RECORD_TOO_LONG",
        f"The field is longer than any field of a bank statement ({LONGEST} bytes a line, "
        f"{MOST_LINES} lines a field). The file is not read any further; ask for it again.",
        line=line,
        byte_offset=offset,
    )


def _lines(lines: LineBlock, notes: Notes) -> Fields:
    data = np.concatenate([lines.data, np.full(PAD, _LF, dtype=np.uint8)])
    nuls = np.flatnonzero(lines.data == 0)
    if len(nuls):
        place = lines.offset + int(nuls[0])
        notes.add(
            "NUL_BYTES",
            f"The file holds NUL bytes, the first at byte {place}: it was damaged on its way. Ask "
            "the bank to send it again.",
            byte_offset=place,
        )
        data[nuls] = 32
    start, end = trimmed(data, lines.starts, lines.ends)
    filled = start < end
    start, end = start[filled], end[filled]
    line = lines.first_line + np.flatnonzero(filled)
    return Fields(data, lines.offset, start, end, _tags(data, start, end), line)


def _tags(data: Bytes, start: Ints, end: Ints) -> Ints:
    found = np.zeros(len(start), dtype=np.int64)
    rows = np.flatnonzero(data[start] == _COLON)
    at = start[rows]
    first, second, third, fourth = (data[at + step].astype(np.int64) for step in range(1, 5))
    letter = (third >= 65) & (third <= 90) & (fourth == _COLON)
    good = _DIGIT[first] & _DIGIT[second] & (letter | (third == _COLON))
    number = ((first - _ZERO) * 10 + second - _ZERO) * 32 + np.where(letter, third - 64, 0)
    number = np.where(good, number, 0)
    found[rows] = np.where(_KNOWN[number], number, TEXT)
    dashes = np.flatnonzero(data[start] == _DASH)
    # "-", "-}" and what banks put behind: a control character, XXX, the next message's blocks.
    after = data[start[dashes] + 1]
    short = end[dashes] - start[dashes] == 1
    ends = short | (after == _BRACE) | (after < 32)
    marked = (end[dashes] - start[dashes] == 4) & (after == ord("X"))
    found[dashes[ends | marked]] = END
    return found


def _checked(found: Fields, notes: Notes) -> Fields:
    """The same lines, what only looks like a tag between transactions taken as text.

    The last field is judged when the next one is known: a chunk is never cut behind it.
    """
    heads = np.flatnonzero(found.tag != TEXT)
    if len(heads) < 3:
        return found
    tags = found.tag[heads]
    odd = np.zeros(len(heads), dtype=np.bool_)
    odd[1:-1] = _DOUBTFUL[tags[1:-1]] & _INNER[tags[:-2]] & _CLOSING[tags[2:]]
    wrong = heads[odd]
    if not len(wrong):
        return found
    for row in wrong:
        notes.add(
            "RECORD_DEVIATES",
            "A line inside a statement begins like a field and is none; it was read as text.",
            line=int(found.line[row]),
            byte_offset=found.offset + int(found.start[row]),
        )
    kept = found.tag.copy()
    kept[wrong] = TEXT
    return Fields(found.data, found.offset, found.start, found.end, kept, found.line)


def _part(found: Fields, low: int, high: int) -> Fields:
    cut = slice(low, high)
    return Fields(
        found.data, found.offset, found.start[cut], found.end[cut], found.tag[cut], found.line[cut]
    )


def _joined(carry: Fields, found: Fields) -> Fields:
    shift = found.offset - carry.offset
    return Fields(
        np.concatenate([carry.data[:shift], found.data]),
        carry.offset,
        np.concatenate([carry.start, found.start + shift]),
        np.concatenate([carry.end, found.end + shift]),
        np.concatenate([carry.tag, found.tag]),
        np.concatenate([carry.line, found.line]),
    )


def _alone(part: Fields) -> Fields:
    # Drops the bytes before the first line, so that what is carried on stays small.
    first = int(part.start[0]) if len(part) else len(part.data) - PAD
    return Fields(
        part.data[first:], part.offset + first, part.start - first, part.end - first, part.tag,
        part.line,
    )  # fmt: skip


def heads_of(found: Fields) -> tuple[Ints, Ints, Mask]:
    """Where fields begin and the next ones do, and which are transactions (61).

    Informations (86) are no heads of their own behind a 61: they belong to it.
    """
    heads = np.flatnonzero(found.tag != TEXT)
    tags = found.tag[heads]
    # The tag of the last field that is no information, for each field.
    own = np.maximum.accumulate(np.where(tags != INFORMATION, np.arange(len(heads)), -1))
    apart = tags != INFORMATION
    of_line = (own >= 0) & (tags[np.maximum(own, 0)] == LINE)
    heads = heads[apart | ~of_line]
    nexts = np.append(heads[1:], len(found))
    return heads, nexts, found.tag[heads] == LINE
