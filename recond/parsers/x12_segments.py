r"""X12 bytes as segments and elements, in columns (formats section 6).

A segment ends at the terminator that its own ISA names, elements stand between the separator
that it names. Nothing is a Python object a segment: `Segments` holds places in the bytes. Files
and the 820 that stands in ACH addenda go through the same `tokenise`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.parsers.columns import CR, LF, SPACE, Bytes, Ints, Mask, blank_to_null
from recond.parsers.spans import span_text

ISA_ELEMENTS = 16
ISA_LENGTH = 106  # bytes, its terminator included, when its elements are padded as they must be
_TRIMS = 4  # bytes of line break and blanks before a segment that are taken off at once
_ASCII_END = 128
_BLANK = np.zeros(256, dtype=np.bool_)
_BLANK[[LF, CR, SPACE]] = True


# The names of segments that mean something here, the envelope's first; a segment has the number
# of its name from 1, 0 when it is none of them. Those behind REF only may stand in a set.
NAMES = (
    "ISA", "GS", "ST", "SE", "GE", "IEA", "TA1", "BPR", "TRN", "CUR", "N1", "ENT", "RMR", "ADX",
    "DEP", "BAT", "AMT", "QTY", "REF", "NTE", "DTM", "N2", "N3", "N4", "N9", "PER", "RDM", "NM1",
    "IT1", "RPA", "PID", "RPO", "SAC", "TXI", "SLN", "LOC", "FA1", "FA2", "TXP", "DED", "LX",
    "PEN", "AIN", "INV", "RYL", "PSC", "SDQ", "LS", "LE", "AVA", "PWK", "DMG", "ITA", "SMR", "PAY",
)  # fmt: skip
_NUMBERS = {name: number for number, name in enumerate(NAMES, 1)}
_BY_BYTES = np.zeros(1 << 24, dtype=np.int8)  # three bytes of a name → number
for _name, _number in _NUMBERS.items():
    _BY_BYTES[int.from_bytes(_name.ljust(3).encode("ascii"), "big")] = _number


def code(tag: str) -> int:
    """The number of a segment's name."""
    return _NUMBERS[tag]


Tags = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Marks:
    """The bytes that separate elements and end segments."""

    element: int
    segment: int


@dataclass(frozen=True, slots=True)
class Segments:
    """Segments of `data`: row i is `data[start[i]:end[i]]`, without line breaks around it.

    `bounds[low[i] + k]` is the byte before element k (0 is the name), `bounds[low[i] + k + 1]`
    the byte behind it; `count` elements follow the name. `line` is the physical line, or the
    number of the segment where a file has no line breaks; `offset` is the place of `data[0]`.
    """

    data: Bytes
    start: Ints
    end: Ints
    tag: Tags
    bounds: Ints
    low: Ints
    count: Ints
    line: Ints
    offset: int
    marks: Marks
    plain: bool  # no segment has a line break inside
    ascii: bool
    encoding: str  # UTF-8 where the bytes are, else Latin-1, which reads anything

    def __len__(self) -> int:
        return len(self.start)

    def rows(self, *tags: str) -> Ints:
        """The rows with one of these names."""
        mask = self.tag == code(tags[0])
        for tag in tags[1:]:
            mask |= self.tag == code(tag)
        return np.flatnonzero(mask)

    def spans(self, rows: Ints, element: int) -> tuple[Ints, Ints]:
        """Places of an element of some rows; an empty span at its end where it is not given."""
        count = self.count[rows]
        if len(rows) and int(count.min()) > element:  # given everywhere, and never the last
            low = self.low[rows] + element
            return self.bounds[low] + 1, self.bounds[low + 1]
        end = self.end[rows]
        inner = count > element
        low = np.where(count >= element, self.low[rows] + element, 0)
        start = np.where(count >= element, self.bounds[low] + 1, end)
        finish = np.where(inner, self.bounds[np.where(inner, low + 1, 0)], end)
        return np.minimum(start, finish), finish

    def column(self, rows: Ints, element: int) -> pa.StringArray:
        """An element of some ascending rows as text, blanks taken off, null where it is empty or
        the row is -1."""
        known = rows >= 0
        if not known.all():
            place = np.cumsum(known) - 1
            found = self.column(rows[known], element)
            return found.take(pa.array(place, mask=~known))
        start, end = self.spans(rows, element)
        if self.ascii:
            texts = _plain_text(self.data, start, end)
        else:
            texts, _ = span_text(self.data, start, end, self.encoding)
        edges = self.data[np.minimum(start, len(self.data) - 1)], self.data[end - 1]
        if bool((edges[0] == SPACE).any() or (edges[1] == SPACE).any()):
            texts = pc.ascii_trim(texts, characters=" ")
        return blank_to_null(texts)

    def text(self, row: int, element: int) -> str:
        """One element of one row as text, blanks taken off; empty where it is not given."""
        if element > self.count[row]:
            return ""
        low = int(self.low[row]) + element
        end = int(self.end[row] if self.count[row] == element else self.bounds[low + 1])
        raw = self.data[int(self.bounds[low]) + 1 : end].tobytes()
        return raw.decode(self.encoding, "replace").strip(" ")

    def name(self, row: int) -> str:
        """The name of a segment as it stands."""
        end = int(self.bounds[self.low[row] + 1]) if self.count[row] else int(self.end[row])
        return self.data[int(self.start[row]) : end][:20].tobytes().decode("latin-1")

    def place(self, row: int) -> tuple[int, int]:
        """(line, byte offset in the file) of a row."""
        return int(self.line[row]), self.offset + int(self.start[row])

    def part(self, first: int, last: int) -> Segments:
        """Some of the rows."""
        one = slice(first, last)
        return Segments(
            self.data, self.start[one], self.end[one], self.tag[one], self.bounds, self.low[one],
            self.count[one], self.line[one], self.offset,
            self.marks, self.plain, self.ascii, self.encoding,
        )  # fmt: skip


def _plain_text(data: Bytes, start: Ints, end: Ints) -> pa.StringArray:
    """Text of ascending spans of ASCII: spans and the gaps between them are one array."""
    bounds = np.empty(2 * len(start) + 1, dtype=np.int32)
    bounds[0:-1:2], bounds[1::2] = start, end
    bounds[-1] = end[-1] if len(end) else 0
    both = pa.StringArray.from_buffers(2 * len(start), pa.py_buffer(bounds), pa.py_buffer(data))
    return both.take(pa.array(np.arange(0, 2 * len(start), 2)))


def _encoding(data: Bytes) -> str:
    """UTF-8 where the bytes are UTF-8, else Latin-1."""
    try:
        data.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def tokenise(
    data: Bytes, marks: Marks, first_line: int, offset: int, *, by_segment: bool
) -> Segments:
    """The segments of bytes that end with a terminator; empty segments are none.

    `by_segment`: the number of a segment stands for its line.
    """
    places = np.flatnonzero((data == marks.element) | (data == marks.segment))
    ending = np.flatnonzero(data[places] == marks.segment)
    bounds = np.concatenate([np.array([-1]), places])
    high = ending + 1
    low = np.concatenate([np.zeros(1, np.int64), high[:-1]]) if len(high) else high
    raw, end = bounds[low] + 1, bounds[high]
    start = _trimmed(data, raw, end)
    cut = end
    if marks.segment == LF:
        end = end - ((end > start) & (data[np.maximum(end - 1, 0)] == CR))
    lead = start - raw
    feeds, returns = (int(np.count_nonzero(data == one)) for one in (LF, CR))
    skipped = int(lead.sum()) + int((cut - end).sum())
    plain = feeds + returns == skipped + (len(raw) if marks.segment in (LF, CR) else 0)
    kept = start < end
    if by_segment:
        line = first_line + np.cumsum(kept) - 1
    elif plain and _a_line_each(lead, feeds, skipped, marks):
        line = first_line + np.arange(len(raw)) + (1 if lead[0] else 0)
    else:
        breaks = np.flatnonzero(data == (CR if marks.segment == CR else LF))
        line = first_line + np.searchsorted(breaks, start)
    if not kept.all():
        start, end, low, high, line = (one[kept] for one in (start, end, low, high, line))
    count = high - low - 1
    named = np.where(count > 0, bounds[np.minimum(low + 1, len(bounds) - 1)], end) - start
    tags = _tags(data, start, named)
    ascii_ = not len(data) or int(data.max()) < _ASCII_END
    coding = "utf-8" if ascii_ else _encoding(data)
    return Segments(
        data, start, end, tags, bounds, low, count, line, offset, marks, plain, ascii_, coding
    )  # fmt: skip


def _a_line_each(lead: Ints, feeds: int, skipped: int, marks: Marks) -> bool:
    """Whether one line break, LF or CR LF, stands before each segment but perhaps the first."""
    if marks.segment in (LF, CR) or len(lead) < 2 or feeds * int(lead[1]) != skipped:
        return False
    return bool((lead[1:] == lead[1]).all()) and int(lead[0]) in (0, int(lead[1]))


def _trimmed(data: Bytes, start: Ints, end: Ints) -> Ints:
    """Starts behind the line breaks and blanks that stand before a segment."""
    for _ in range(_TRIMS):
        blank = _BLANK[data[np.minimum(start, len(data) - 1)]] & (start < end)
        if not blank.any():
            return start
        start = start + blank
    for row in np.flatnonzero(_BLANK[data[np.minimum(start, len(data) - 1)]] & (start < end)):
        body = data[int(start[row]) : int(end[row])]
        solid = np.flatnonzero(~_BLANK[body])
        start[row] += int(solid[0]) if len(solid) else len(body)
    return start


def _tags(data: Bytes, start: Ints, length: Ints) -> Tags:
    last = len(data) - 1
    first, second, third = (
        data[np.minimum(start + place, last)].astype(np.int32) for place in range(3)
    )
    third = np.where(length == 2, SPACE, third)
    tags = _BY_BYTES[first << 16 | second << 8 | third]
    return np.where((length == 2) | (length == 3), tags, np.int8(0))


def strange_breaks(segments: Segments, marks: Marks) -> Mask:
    """Which segments have a line break inside: no element may hold one."""
    data = segments.data
    if segments.plain:
        return np.zeros(len(segments), dtype=np.bool_)
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
