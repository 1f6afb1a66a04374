"""BAI2: bytes to physical records and whole logical records (formats.md section 1).

A record is `data[start:end]` with a code. The "/" that ends it and blanks around it are stripped
here, records that share a line are parted, so that the grammar sees none of these deviations.
Code 0 is a line that begins with no record code: text that a bank wrapped without an 88.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recond.parsers.bai2_physical import Whole, physical_blocks
from recond.parsers.columns import BLOCK, Bytes, Ints, LineBlock, Mask, Readable
from recond.parsers.notes import Notes
from recond.parsers.records import BLANK, Cutting, Records, trimmed, whole_records

CODES = (1, 2, 3, 16, 49, 88, 98, 99)
DETAIL, CONTINUATION = 16, 88
LONGEST = 1 << 18  # of one line: a bank that writes no line breaks at all fits, if it is small
_SLASH, _COMMA, _ZERO = 47, 44, 48
_DIGIT = (np.arange(256) >= _ZERO) & (np.arange(256) <= _ZERO + 9)
_OF_TWO = np.zeros(1 << 16, dtype=np.int64)  # the two bytes of a code, as they stand → the code
for _code in CODES:
    _OF_TWO[int.from_bytes(f"{_code:02d}".encode(), "little")] = _code


def logical_records(
    source: Readable, notes: Notes, block: int = BLOCK, length: int = 0
) -> Iterator[Records]:
    """The records of a file in chunks that never part a logical record from its 88s; `length` is
    that of physical records that no line breaks end, 0 where lines are records.

    Problems: NUL_BYTES, RECORD_TOO_LONG (reading stops there), RECORD_DEVIATES, FILE_STRUCTURE.
    """
    if not length:
        return whole_records(source, notes, Cutting(_records, begins_record, LONGEST), block)
    whole = Whole(length)

    def read(lines: LineBlock, data: Bytes, notes: Notes) -> Records:
        records = _records(lines, data, notes)
        whole.check(records, notes)
        return records

    def blocks(file: Readable, size: int) -> Iterator[LineBlock]:
        return physical_blocks(file, length, size)

    return whole_records(source, notes, Cutting(read, begins_record, LONGEST, None, blocks), block)


def begins_record(code: Ints) -> Mask:
    """Which records are no continuation of the one before."""
    begins: Mask = (code != CONTINUATION) & (code != 0)
    return begins


def _codes(data: Bytes, start: Ints, end: Ints) -> Ints:
    """The two digits before the first comma, 0 where no record begins so."""
    if not len(data):
        return np.zeros(len(start), dtype=np.int64)
    two = data.take(start, mode="clip").astype(np.uint16)
    two |= data.take(start + 1, mode="clip").astype(np.uint16) << np.uint16(8)
    good = (data.take(start + 2, mode="clip") == _COMMA) & (end - start >= 3)
    found: Ints = _OF_TWO.take(two) * good
    return found


def _records(lines: LineBlock, data: Bytes, notes: Notes) -> Records:
    offset = lines.offset
    start, stop = trimmed(data, lines.starts, lines.ends)
    line = lines.first_line + np.arange(len(start))
    filled = start < stop
    if not filled.all():
        start, stop, line = start[filled], stop[filled], line[filled]
    start, stop, line = _parted(data, offset, (start, stop, line), notes)
    slash = (stop > start) & (data[np.maximum(stop - 1, 0)] == _SLASH)
    end = stop
    if slash.any():
        start, end = _without_slash(data, start, stop, slash)
    return Records(data, offset, start, end, stop, _codes(data, start, end), line)


def _without_slash(data: Bytes, start: Ints, stop: Ints, slash: Mask) -> tuple[Ints, Ints]:
    """Start and end of the contents of records of which some end with a "/"."""
    rows = np.flatnonzero(slash)
    end = stop.copy()
    content, cut = trimmed(data, start[rows], stop[rows] - 1)
    # A record of blanks and a slash keeps its own place.
    content = np.where(cut > content, content, start[rows])
    end[rows] = np.maximum(cut, content)
    return start, end


def _parted(
    data: Bytes, offset: int, spans: tuple[Ints, Ints, Ints], notes: Notes
) -> tuple[Ints, Ints, Ints]:
    """Part lines that hold several records: "/", blanks, and the code of a next record."""
    start, stop, line = spans
    if not len(start):
        return spans
    slash = data[:-1] == _SLASH
    ending = (stop < len(data)) & (data[np.maximum(stop - 1, 0)] == _SLASH)
    if np.count_nonzero(slash) == np.count_nonzero(ending):  # each of them ends its line
        return spans
    slashes = np.flatnonzero(slash)
    slashes = slashes[BLANK[data[slashes + 1]]]
    owner = np.searchsorted(start, slashes, side="right") - 1
    inside = (owner >= 0) & (slashes + 4 < stop[np.maximum(owner, 0)])
    slashes, owner = slashes[inside], owner[inside]
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
