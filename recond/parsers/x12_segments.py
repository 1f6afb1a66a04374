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

from recond.parsers.columns import CR, LF, SPACE, Bytes, Ints, Mask, blank_to_null, constant
from recond.parsers.spans import edged, gathered, span_text
from recond.parsers.words import SIZE, words_at

ISA_ELEMENTS = 16
ISA_LENGTH = 106  # bytes, its terminator included, when its elements are padded as they must be
_TRIMS = 4  # bytes of line break and blanks before a segment that are taken off at once
_ASCII_END = 128
_FEW = 4096  # rows: a column of more is looked at for being the same all over
_BYTE = np.uint32(0xFF)
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
# Three bytes of a name, the last one 0 where it has two → number. Few of its pages are ever used.
_BY_BYTES = np.zeros(1 << 24, dtype=np.int8)
for _name, _number in _NUMBERS.items():
    _BY_BYTES[int.from_bytes(_name.encode("ascii"), "little")] = _number


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

    `bounds[low[i] + k]` is the byte before element k (1 is the first), `bounds[low[i] + k + 1]`
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
        if len(rows) and int(count.min()) >= element:  # given everywhere
            low = self.low[rows] + element
            start, finish = self.bounds[low] + 1, self.bounds[low + 1]
            if self.marks.segment == LF:  # a CR before it is no part of the last element
                finish = np.minimum(finish, self.end[rows])
                start = np.minimum(start, finish)
            return start, finish
        end = self.end[rows]
        inner = count > element
        low = np.where(count >= element, self.low[rows] + element, 0)
        start = np.where(count >= element, self.bounds[low] + 1, end)
        finish = np.where(inner, self.bounds[np.where(inner, low + 1, 0)], end)
        return np.minimum(start, finish), finish

    def first_spans(self, rows: Ints, elements: int) -> list[tuple[Ints, Ints]]:
        """`spans` of the first elements of some rows, for many rows at once."""
        if not len(rows) or int(self.count[rows].min()) < elements or self.marks.segment == LF:
            return [self.spans(rows, one) for one in range(1, elements + 1)]
        size = (elements + 1) * self.bounds.itemsize
        count = len(self.bounds) - elements
        windows = np.ndarray((count,), f"V{size}", self.bounds, 0, self.bounds.strides)
        edges = windows[self.low[rows] + 1].view(np.int64).reshape(len(rows), -1)
        lasts = [edges[:, one].copy() for one in range(elements + 1)]  # bytes around the elements
        return [(lasts[one] + 1, lasts[one + 1]) for one in range(elements)]

    def column(self, rows: Ints, element: int) -> pa.StringArray:
        """An element of some ascending rows as text, blanks taken off, null where it is empty or
        the row is -1."""
        return self.texts(*self._known_spans(rows, element))

    def texts(self, start: Ints, end: Ints) -> pa.StringArray:
        """Spans in file order as text, blanks taken off, null where it is empty."""
        if len(start) > _FEW and (same := self._same(start, end)) is not None:
            return same
        if self.ascii:
            texts = gathered(self.data, start, end).view(pa.string())
        else:
            texts, _ = span_text(self.data, start, end, self.encoding)
        if edged(self.data, start, end):
            texts = pc.ascii_trim(texts, characters=" ")
        return blank_to_null(texts)

    def _known_spans(self, rows: Ints, element: int) -> tuple[Ints, Ints]:
        """As `spans`, with an empty span in its place where the row is -1."""
        known = rows >= 0
        if known.all():
            return self.spans(rows, element)
        start, end = np.zeros((2, len(rows)), dtype=np.int64)
        start[known], end[known] = self.spans(rows[known], element)
        end = np.maximum.accumulate(end)
        return np.where(known, start, end), end

    def _same(self, start: Ints, end: Ints) -> pa.StringArray | None:
        """The text of spans that are all alike and short (a qualifier), else None."""
        length = end - start
        first = int(length[0])
        if not 0 < first <= SIZE or not bool((length == first).all()):
            return None
        words = words_at(self.data, start) << np.uint64((SIZE - first) * 8)
        text = self.data[int(start[0]) : int(end[0])].tobytes()
        if not text.isalnum() or not bool((words == words[0]).all()):
            return None
        return constant(text.decode("ascii"), len(start))

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
    bounds = np.flatnonzero((data == marks.element) | (data == marks.segment))
    ending = np.flatnonzero(data[bounds] == marks.segment)
    end = bounds[ending]
    raw, low = np.zeros_like(end), np.full_like(ending, -1)
    raw[1:], low[1:] = end[:-1] + 1, ending[:-1]
    count = ending - low - 1
    start = _trimmed(data, raw, end)
    cut = end
    if marks.segment == LF:
        end = end - ((end > start) & (data[np.maximum(end - 1, 0)] == CR))
    lead = start - raw
    feeds, returns = (int(np.count_nonzero(data == one)) for one in (LF, CR))
    skipped = int(lead.sum()) + (0 if cut is end else int((cut - end).sum()))
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
        start, end, low, count, line = (one[kept] for one in (start, end, low, count, line))
    tags = _tags(data, start, marks)
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


def _tags(data: Bytes, start: Ints, marks: Marks) -> Tags:
    """The numbers of the segments' names: two or three bytes before a separator or the end."""
    word = words_at(data, start).astype(np.uint32)
    third, fourth = (word >> 16) & _BYTE, word >> 24
    short = (third == marks.element) | (third == marks.segment)
    long = (fourth == marks.element) | (fourth == marks.segment)
    name = np.where(short, word & np.uint32(0xFFFF), word & np.uint32(0xFFFFFF))
    return np.where(short | long, _BY_BYTES[name], np.int8(0))


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
