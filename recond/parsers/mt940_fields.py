"""MT940 and MT942: bytes to lines and the fields that they begin (formats.md section 7).

A field begins with its tag (`:61:`) at the start of a line; what follows without a tag belongs to
it. A line that merely looks like a tag (`:26:37` of a time that the bank wrapped) is text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from recond.parsers.columns import BLOCK, Bytes, Ints, LineBlock, Mask
from recond.parsers.notes import Notes
from recond.parsers.records import Cutting, Records, trimmed, whole_records
from recond.parsers.words import words_at

LONGEST = 1 << 12  # of one line: SWIFT allows 65 characters, banks that do not wrap some hundred
_BYTE = np.uint64(255)
_COLON, _DASH, _BRACE, _ZERO = 58, 45, 125, 48


def tag(name: str) -> int:
    """The number of a tag such as "61" or "60F" in `Records.code`."""
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


def fields(source: BinaryIO, notes: Notes, block: int = BLOCK) -> Iterator[Records]:
    """The lines of a file in chunks that never part a transaction (61) from its text (86).

    `code` is the tag of a line that begins a field, TEXT or END.
    Problems: NUL_BYTES, RECORD_TOO_LONG (reading stops there), RECORD_DEVIATES.
    """
    return whole_records(source, notes, Cutting(_lines, _begins, LONGEST, _checked), block)


def _begins(tags: Ints) -> Mask:
    return _CUT[tags]


def _lines(lines: LineBlock, data: Bytes, notes: Notes) -> Records:
    start, end = trimmed(data, lines.starts, lines.ends)
    line = lines.first_line + np.arange(len(start))
    filled = start < end
    if not filled.all():
        start, end, line = start[filled], end[filled], line[filled]
    return Records(data, lines.offset, start, end, end, _tags(data, start, end), line)


def _tags(data: Bytes, start: Ints, end: Ints) -> Ints:
    found = np.zeros(len(start), dtype=np.int64)
    begins = data[start]
    rows = np.flatnonzero(begins == _COLON)
    word = words_at(data, start[rows])
    first, second, third, fourth = (
        (word >> np.uint64(8 * step) & _BYTE).astype(np.int64) - _ZERO for step in range(1, 5)
    )
    colon, letter = _COLON - _ZERO, third - (ord("A") - _ZERO)
    lettered = (letter >= 0) & (letter < 26) & (fourth == colon)
    good = (first >= 0) & (first < 10) & (second >= 0) & (second < 10)
    good &= lettered | (third == colon)
    number = np.where(good, (first * 10 + second) * 32 + np.where(lettered, letter + 1, 0), 0)
    found[rows] = np.where(_KNOWN[number], number, TEXT)
    dashes = np.flatnonzero(begins == _DASH)
    if len(dashes):
        # "-", "-}" and what banks put behind: a control character, letters X, the next message.
        after = words_at(data, start[dashes]) >> np.uint64(8) & _BYTE
        size = end[dashes] - start[dashes]
        ends = (size == 1) | (after == _BRACE) | (after < 32)
        found[dashes[ends | ((size == 4) & (after == ord("X")))]] = END
    return found


def _checked(found: Records, notes: Notes) -> Records:
    """The same lines, what only looks like a tag between transactions taken as text.

    The last field is judged when the next one is known: a chunk is never cut behind it.
    """
    heads = np.flatnonzero(found.code != TEXT)
    tags = found.code[heads]
    doubtful = np.flatnonzero(_DOUBTFUL[tags])
    doubtful = doubtful[(doubtful > 0) & (doubtful < len(heads) - 1)]
    if not len(doubtful):
        return found
    wrong = heads[doubtful[_INNER[tags[doubtful - 1]] & _CLOSING[tags[doubtful + 1]]]]
    if not len(wrong):
        return found
    for row in wrong:
        notes.add(
            "RECORD_DEVIATES",
            "A line inside a statement begins like a field and is none; it was read as text.",
            line=int(found.line[row]),
            byte_offset=found.offset + int(found.start[row]),
        )
    kept = found.code.copy()
    kept[wrong] = TEXT
    return replace(found, code=kept)


def heads_of(found: Records) -> tuple[Ints, Ints, Mask]:
    """Where fields begin and the next ones do, and which are transactions (61).

    Informations (86) are no heads of their own behind a 61: they belong to it.
    """
    heads = np.flatnonzero(found.code != TEXT)
    tags = found.code[heads]
    # The tag of the last field that is no information, for each field.
    own = np.maximum.accumulate(np.where(tags != INFORMATION, np.arange(len(heads)), -1))
    apart = tags != INFORMATION
    of_line = (own >= 0) & (tags[np.maximum(own, 0)] == LINE)
    heads = heads[apart | ~of_line]
    nexts = np.append(heads[1:], len(found))
    return heads, nexts, found.code[heads] == LINE
