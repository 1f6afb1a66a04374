r"""X12 bytes as segments and elements, in columns (formats section 6).

A segment ends at the terminator that its own ISA names, elements stand between the separator
that it names. Nothing is a Python object a segment: `Segments` holds places in the bytes. Files
and the 820 that stands in ACH addenda go through the same `tokenise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.parsers.columns import LF, Bytes, Ints, Mask, blank_to_null, constant
from recond.parsers.spans import blanks_inside, edged, gathered, text_spans
from recond.parsers.words import SIZE, Words, words_at

ISA_ELEMENTS = 16
LATIN_1, ASCII_END = "latin-1", 128
_SHORT = 3  # bytes that are looked at one by one
_FEW = 64  # rows: a column of more is looked at for being the same all over


# The names of segments that mean something here, the envelope's first; a segment has the number
# of its name from 1, 0 when it is none of them. Those behind REF only may stand in a set.
NAMES = (
    "ISA", "GS", "ST", "SE", "GE", "IEA", "TA1", "BPR", "TRN", "CUR", "N1", "ENT", "RMR", "ADX",
    "DEP", "BAT", "AMT", "QTY", "REF", "NTE", "DTM", "N2", "N3", "N4", "N9", "PER", "RDM", "NM1",
    "IT1", "RPA", "PID", "RPO", "SAC", "TXI", "SLN", "LOC", "FA1", "FA2", "TXP", "DED", "LX",
    "PEN", "AIN", "INV", "RYL", "PSC", "SDQ", "LS", "LE", "AVA", "PWK", "DMG", "ITA", "SMR", "PAY",
)  # fmt: skip
_NUMBERS = {name: number for number, name in enumerate(NAMES, 1)}


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
    the byte behind it; `count` elements follow the name. `head` are its first eight bytes.
    `line` is the physical line, or the number of the segment where a file has no line breaks: of
    the first row where each row is the next line, else of each. `offset` is the place of
    `data[0]`. Of the file's bytes `gap` are left out of `data` before each row but the first one:
    the line break that stands before every segment.
    """

    data: Bytes
    start: Ints
    end: Ints
    head: Words
    tag: Tags
    bounds: Ints
    low: Ints
    count: Ints
    line: Ints | int
    offset: int
    marks: Marks
    plain: bool  # no segment has a line break inside
    packed: bool  # and nothing stands between segments but the terminator
    encoding: str  # UTF-8 where the bytes are, else Latin-1, which reads anything
    gap: int = 0
    _kept_rows: dict[str, Ints] = field(default_factory=dict)
    _kept_texts: dict[tuple[str, int], pa.StringArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.start)

    def rows(self, *tags: str) -> Ints:
        """The rows with one of these names."""
        if len(tags) == 1 and tags[0] in self._kept_rows:
            return self._kept_rows[tags[0]]
        mask = self.tag == code(tags[0])
        for tag in tags[1:]:
            mask |= self.tag == code(tag)
        found = np.flatnonzero(mask)
        if len(tags) == 1:
            self._kept_rows[tags[0]] = found
        return found

    def named_text(self, tag: str, element: int) -> pa.StringArray:
        """`column` of all rows with this name."""
        if (tag, element) not in self._kept_texts:
            self._kept_texts[tag, element] = self.column(self.rows(tag), element)
        return self._kept_texts[tag, element]

    def spans(self, rows: Ints, element: int) -> tuple[Ints, Ints]:
        """Places of an element of some rows; an empty span at its end where it is not given."""
        return self.spans_of(rows, (element,))[0]

    def spans_of(
        self, rows: Ints, elements: Sequence[int], place: tuple[Ints, Ints] | None = None,
        name: int = 0,
    ) -> list[tuple[Ints, Ints]]:  # fmt: skip
        """`spans` of some elements, ascending, of the same rows. Where their `place`, start and
        end, and the length of their `name` are known, less is looked up."""
        count = self.count.take(rows)
        if not len(rows) or int(count.min()) < elements[-1]:
            return [self._spans(rows, count, one) for one in elements]
        low = self.low.take(rows)  # given everywhere
        edges: dict[int, Ints] = {}
        if place is not None:
            edges[1] = place[0] + name
            if int(count.max()) == elements[-1] and self.marks.segment != LF:
                edges[elements[-1] + 1] = place[1]
        before = 0
        for at in sorted({at for one in elements for at in (one, one + 1)} - set(edges)):
            low += at - before
            before = at
            edges[at] = self.bounds.take(low)
        found = [(edges[one] + 1, edges[one + 1]) for one in elements]
        if self.marks.segment == LF:  # a CR before it is no part of the last element
            stop = self.end.take(rows)
            cut = [np.minimum(finish, stop) for _, finish in found]
            found = [(np.minimum(start, finish), finish)
                     for (start, _), finish in zip(found, cut, strict=True)]  # fmt: skip
        return found

    def _spans(self, rows: Ints, count: Ints, element: int) -> tuple[Ints, Ints]:
        end = self.end[rows]
        inner = count > element
        low = np.where(count >= element, self.low[rows] + element, 0)
        start = np.where(count >= element, self.bounds[low] + 1, end)
        finish = np.where(inner, self.bounds[np.where(inner, low + 1, 0)], end)
        return np.minimum(start, finish), finish

    def column(self, rows: Ints, element: int) -> pa.StringArray:
        """An element of some ascending rows as text, blanks taken off, null where it is empty or
        the row is -1."""
        return self.texts(*self.known_spans_of(rows, (element,))[0])

    def texts(self, start: Ints, end: Ints) -> pa.StringArray:
        """Spans in file order as text, blanks taken off, null where it is empty."""
        if len(start) > _FEW and (same := self._same(start, end)) is not None:
            return same
        raw = gathered(self.data, start, end)
        texts = raw.view(pa.string())
        if self.encoding == LATIN_1 and int(text_spans(texts)[0].max(initial=0)) >= ASCII_END:
            texts = pa.array([one.decode(LATIN_1) for one in raw.to_pylist()], pa.string())
        if blanks_inside(texts) and edged(self.data, start, end):
            texts = pc.ascii_trim(texts, characters=" ")
        return blank_to_null(texts)

    def first_text(self, rows: Ints, tag: str, start: Ints, end: Ints) -> pa.StringArray:
        """The first element of rows that have that name, from its places, as `texts`: mostly a
        qualifier that is the same everywhere, as the heads of the rows say."""
        text = self.text(int(rows[0]), 1) if len(rows) > _FEW else ""
        short = len(tag) + len(text) + 2 <= SIZE and text.isalnum() and text.isascii()
        if short and bool(self.begins(rows, tag, text).all()):
            return constant(text, len(rows))
        return self.texts(start, end)

    def begins(self, rows: Ints, tag: str, first: str) -> Mask:
        """Which of these rows, which have that name, have that first element; the name and the
        element, which is not padded, are at most six bytes."""
        text = f"{tag}*{first}*".encode("ascii").replace(b"*", bytes([self.marks.element]))
        beyond = np.uint64(8 * (SIZE - len(text)))
        found: Mask = self.head.take(rows) << beyond == np.uint64(
            int.from_bytes(text, "little") << int(beyond)
        )
        return found

    def known_spans_of(self, rows: Ints, elements: Sequence[int]) -> list[tuple[Ints, Ints]]:
        """As `spans_of`, with an empty span in its place where the row is -1."""
        known = rows >= 0
        if known.all():
            return self.spans_of(rows, elements)
        found = []
        for one in self.spans_of(rows[known], elements):
            start, end = np.zeros((2, len(rows)), dtype=np.int64)
            start[known], end[known] = one
            end = np.maximum.accumulate(end)
            found.append((np.where(known, start, end), end))
        return found

    def _same(self, start: Ints, end: Ints) -> pa.StringArray | None:
        """The text of spans that are all alike and short (a qualifier), else None."""
        length = end - start
        first = int(length[0])
        if not 0 < first <= SIZE or not bool((length == first).all()):
            return None
        text = self.data[int(start[0]) : int(end[0])].tobytes()
        if not text.isalnum() or not self._all_read(start, text):
            return None
        return constant(text.decode("ascii"), len(start))

    def _all_read(self, start: Ints, text: bytes) -> bool:
        """Whether this text stands at each start."""
        if len(text) > _SHORT:
            words = words_at(self.data, start) << np.uint64((SIZE - len(text)) * 8)
            return bool((words == words[0]).all())
        return all(bool((self.data.take(start + at) == one).all()) for at, one in enumerate(text))

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
        line = self.line + row if isinstance(self.line, int) else int(self.line[row])
        return line, self.offset + int(self.start[row]) + self.gap * row

    def lines(self, rows: Ints) -> Ints:
        """The lines of rows."""
        return rows + self.line if isinstance(self.line, int) else self.line.take(rows)

    def offsets(self, rows: Ints) -> Ints:
        """Byte offsets in the file of rows."""
        return self.in_file(self.start.take(rows), rows)

    def in_file(self, start: Ints, rows: Ints) -> Ints:
        """Byte offsets in the file of places in rows."""
        found = start + self.offset
        if self.gap:
            found += rows if self.gap == 1 else self.gap * rows
        return found

    def part(self, first: int, last: int) -> Segments:
        """Some of the rows."""
        one = slice(first, last)
        return replace(
            self, start=self.start[one], end=self.end[one], head=self.head[one], tag=self.tag[one],
            low=self.low[one], count=self.count[one],
            line=self.line + first if isinstance(self.line, int) else self.line[one],
            offset=self.offset + self.gap * first, _kept_rows={}, _kept_texts={},
        )  # fmt: skip
