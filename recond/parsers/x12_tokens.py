"""X12 bytes cut into segments: delimiters, line breaks, names (formats section 6).

`tokenise` takes any bytes, `even_lines` those of files with one segment a line, quicker.
"""

from __future__ import annotations

import numpy as np

from recond.parsers.columns import CR, LF, SPACE, Bytes, Ints, Mask
from recond.parsers.words import Words, words_at
from recond.parsers.x12_segments import (
    ASCII_END,
    ISA_ELEMENTS,
    LATIN_1,
    NAMES,
    Marks,
    Segments,
    Tags,
    code,
)

ISA_LENGTH = 106  # bytes, its terminator included, when its elements are padded as they must be
_TRIMS = 4  # bytes of line break and blanks before a segment that are taken off at once
_LEADS = (b"\r\n", b"\n")
_BREAKS = (b"\r", b"\n")
_NAME = np.uint64(0xFFFFFF)  # bytes of a name in a word
_BLANK = np.zeros(256, dtype=np.bool_)
_BLANK[[LF, CR, SPACE]] = True

# Three bytes → the number of the name that they are, the negative number of the name of two letters
# that they begin with. Few of its pages are ever used.
_BY_BYTES = np.zeros(1 << 24, dtype=np.int8)
for _name in sorted(NAMES, key=len):
    _bytes = int.from_bytes(_name.encode("ascii"), "little")
    if len(_name) == 2:
        _BY_BYTES[_bytes :: 1 << 16] = -code(_name)
    else:
        _BY_BYTES[_bytes] = code(_name)


def _encoding(data: Bytes) -> str:
    """UTF-8 where the bytes are, else Latin-1."""
    try:
        if int(data.max(initial=0)) >= ASCII_END:
            data.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return LATIN_1
    return "utf-8"


def tokenise(
    data: Bytes, marks: Marks, first_line: int, offset: int, *, by_segment: bool
) -> Segments:
    """The segments of bytes that end with a terminator; empty segments are none.

    `by_segment`: the number of a segment stands for its line.
    """
    bounds, end, low, count = _ended(data, marks)
    raw = _behind(end)
    start, even = _starts(data, raw, end, marks)
    cut = end
    if marks.segment == LF:
        end = end - ((end > start) & (data[np.maximum(end - 1, 0)] == CR))
    between = int((start - raw).sum()) + int((cut - end).sum())
    breaks = between + (len(raw) if marks.segment in (LF, CR) else 0)
    # Bytes as low as a line break's are looked at as one first.
    plain = int(np.count_nonzero(data <= CR)) == breaks or _breaks(data) == breaks
    kept = start < end
    if by_segment:
        line: Ints | int = first_line
    elif even and plain and kept.all():
        line = first_line + (1 if start[0] else 0)
    else:
        feeds = np.flatnonzero(data == (CR if marks.segment == CR else LF))
        line = first_line + np.searchsorted(feeds, start)[kept]
    packed = plain and not between
    if not kept.all():
        start, end, low, count = (one[kept] for one in (start, end, low, count))
        packed = False
    head = words_at(data, start)
    return Segments(
        data, start, end, head, _tags(head, marks), bounds, low, count, line, offset, marks,
        plain, packed, _encoding(data),
    )  # fmt: skip


def even_lines(
    raw: bytes, marks: Marks, first_line: int, offset: int, *, by_segment: bool
) -> Segments | None:
    """As `tokenise`, for bytes where one line break, LF or CR LF, stands between each segment and
    the next one and nowhere else: taken out at once, they are not to be stepped over one by one,
    nor to be taken out for the digest. None for other bytes. What stands behind the last
    terminator is left alone.
    """
    ending = raw.find(marks.segment) + 1
    lead = next((one for one in _LEADS if raw.startswith(one, ending)), b"")
    if not ending or not lead or marks.segment in _LEADS[0]:
        return None
    if raw[ending + len(lead) : ending + len(lead) + 1] <= b" ":  # a line more, or the end
        return None
    bare = raw.replace(b"\n", b"")
    if lead == _LEADS[0]:
        bare = bare.replace(b"\r", b"")
    elif b"\r" in raw:
        return None
    data = np.frombuffer(bare, dtype=np.uint8)
    bounds, end, low, count = _ended(data, marks)
    data = data[: int(end[-1]) + 1]
    start, gap = _behind(end), len(lead)
    before = gap if raw.startswith(lead) else 0
    # Behind each terminator in `raw`: a break, and all that were taken out are these.
    behind = np.arange(before + 1, before + 1 + gap * len(end), gap)
    behind += end
    last = int(behind[-1])
    if len(raw) - len(bare) != last - int(end[-1]) - 1 + sum(map(raw[last:].count, _BREAKS)):
        return None
    whole = np.frombuffer(raw, dtype=np.uint8)
    for one in lead:
        if not bool((whole.take(behind[:-1]) == one).all()):
            return None
        behind += 1
    head = words_at(data, start)
    first = head.astype(np.uint8)
    if int(first.min()) <= SPACE or bool((first == marks.segment).any()):  # blanks, or empty
        return None
    line = first_line + (1 if before and not by_segment else 0)
    return Segments(
        data, start, end, head, _tags(head, marks), bounds, low, count, line, offset + before,
        marks, True, True, _encoding(data), gap,
    )  # fmt: skip


def _ended(data: Bytes, marks: Marks) -> tuple[Ints, Ints, Ints, Ints]:
    """Places of separators and terminators, ends of segments, and where and how many of the
    former each has: `bounds`, `end`, `low` and `count` of `Segments`."""
    marked = data == marks.element
    marked |= data == marks.segment
    bounds = np.flatnonzero(marked)
    ending = np.flatnonzero(data.take(bounds) == marks.segment)
    low = np.full_like(ending, -1)
    low[1:] = ending[:-1]
    count = ending - low
    count -= 1
    return bounds, bounds.take(ending), low, count


def _behind(end: Ints) -> Ints:
    """The places behind the terminators before each."""
    start = np.zeros_like(end)
    np.add(end[:-1], 1, out=start[1:])
    return start


def _breaks(data: Bytes) -> int:
    """How many LF and CR there are."""
    return int(np.count_nonzero(data == LF)) + int(np.count_nonzero(data == CR))


def _starts(data: Bytes, raw: Ints, end: Ints, marks: Marks) -> tuple[Ints, bool]:
    """Starts of segments behind the line breaks and blanks before them, and whether one line
    break, LF or CR LF, is all that stands before each but perhaps the first."""
    lead = b""
    if len(raw) > 1 and marks.segment not in (LF, CR):
        behind = data[int(raw[1]) :][:2].tobytes()
        lead = next((one for one in _LEADS if behind.startswith(one)), b"")
    start, inner = raw.copy(), raw[1:]
    start[:1] = _trimmed(data, raw[:1], end[:1])
    for one in lead:
        if not bool((data.take(inner) == one).all()):
            return _trimmed(data, raw, end), False
        inner = inner + 1
    if len(inner) and int(data.take(inner).min()) <= SPACE:
        return _trimmed(data, raw, end), False
    start[1:] = inner
    return start, bool(lead) and data[: int(start[0])].tobytes() in (b"", lead)


def _trimmed(data: Bytes, start: Ints, end: Ints) -> Ints:
    """Starts behind the line breaks and blanks that stand before a segment."""
    for _ in range(_TRIMS):
        first = data[np.minimum(start, len(data) - 1)]
        if len(first) and int(first.min()) > SPACE:
            return start
        blank = ((first == LF) | (first == CR) | (first == SPACE)) & (start < end)
        if not blank.any():
            return start
        start = start + blank
    for row in np.flatnonzero(_BLANK[data[np.minimum(start, len(data) - 1)]] & (start < end)):
        body = data[int(start[row]) : int(end[row])]
        solid = np.flatnonzero(~_BLANK[body])
        start[row] += int(solid[0]) if len(solid) else len(body)
    return start


def _tags(head: Words, marks: Marks) -> Tags:
    """The numbers of the segments' names: two or three bytes before a separator or the end."""
    found = _BY_BYTES.take((head & _NAME).view(np.int64))
    # Two letters have their number with any third byte, as a negative one.
    short = found < 0
    third, fourth = ((head >> np.uint64(8 * at)).astype(np.uint8) for at in (2, 3))
    good = (short & (third == marks.element)) | (~short & (fourth == marks.element))
    if not good.all():  # a name alone, or none that is known
        rows = np.flatnonzero(~good)
        closed = np.where(short[rows], third[rows], fourth[rows]) == marks.segment
        found[rows[~closed]] = 0
    return np.abs(found)


def strange_breaks(segments: Segments, marks: Marks) -> Mask:
    """Which segments have a line break inside: no element may hold one. None of plain ones has."""
    data = segments.data
    if marks.segment == LF:
        breaks = np.flatnonzero(data == CR)
    else:
        breaks = np.flatnonzero((data == LF) | (data == CR))
    if not len(breaks):
        return np.zeros(len(segments), dtype=np.bool_)
    first = np.searchsorted(breaks, segments.start)
    return np.searchsorted(breaks, segments.end) > first


def isa_marks(head: bytes) -> tuple[Marks | None, str, int]:
    """The delimiters that an ISA names, what is wrong with it, and its length in bytes.

    `head` begins with the ISA. The sixteen separators are counted, since real ISA are not always
    106 bytes long.
    """
    separator = head[3:4]
    if head[:3] != b"ISA" or not separator or separator.isalnum() or separator in b" \r\n":
        return None, "the file does not begin with an ISA segment", 0
    place = 2
    for _ in range(ISA_ELEMENTS):
        place = head.find(separator, place + 1)
        if place < 0 or place > 4 * ISA_LENGTH:
            return None, "the ISA segment ends before its sixteenth element", 0
    ending = head[place + 2 : place + 3]
    if head[place + 2 : place + 4] == b"\r\n":
        ending = b"\n"
    if len(ending) < 1 or ending.isalnum() or ending in (separator, b" ", b"\0"):
        return None, "no segment terminator stands behind the sixteenth element of the ISA", 0
    if ending in head[:place] or ending in b"-.":
        return None, "the segment terminator that the ISA names stands inside the ISA", 0
    return Marks(separator[0], ending[0]), "", place + 3
