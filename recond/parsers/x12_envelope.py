"""The envelope of X12: interchanges ISA … IEA, groups GS … GE, sets ST … SE (formats section 6).

What holds an interchange or a group together holds the file when it is wrong: ISA13 = IEA02,
GS06 = GE02, and the counts that IEA01 and GE01 declare. A set's own control is `x12_sets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from recond.parsers.columns import CR, LF, Ints
from recond.parsers.notes import Notes
from recond.parsers.spans import fixed_rows, gathered
from recond.parsers.x12_segments import ISA_ELEMENTS, NAMES, Segments, code

_ENVELOPE = NAMES[:6]  # ISA, GS, ST, SE, GE, IEA
_ISA, _GS, _ST, _SE, _GE, _IEA = range(6)
_START = 6
_FOLLOWS = {
    _START: {_ISA}, _ISA: {_GS, _IEA}, _GS: {_ST, _GE}, _ST: {_SE}, _SE: {_ST, _GE},
    _GE: {_GS, _IEA}, _IEA: {_ISA},
}  # fmt: skip
_ALLOWED = np.array([[b in _FOLLOWS[a] for b in range(6)] for a in range(7)])
_AGAIN = "Ask the sender for the file again."


def same_number(one: str, other: str) -> bool:
    """Whether two control numbers are one: leading zeros may be left out, nothing else."""
    return one == other or (one.lstrip("0") == other.lstrip("0") and bool(one) and bool(other))


def segment_place(segments: Segments, row: int, field_name: str) -> dict[str, Any]:
    """Where a problem stands, as `Notes.add` takes it."""
    line, offset = segments.place(row)
    return {"line": line, "byte_offset": offset, "field": field_name}


@dataclass(slots=True)
class _Open:
    """An interchange or a group that is not closed yet."""

    number: str
    line: int
    offset: int
    before: int  # groups or sets of the file before it


@dataclass(slots=True)
class _Numbers:
    """The numbers of sets so far. While each is as long as the one before it and greater, none
    stands there twice, and they are not looked at one by one."""

    last: bytes = b""
    risen: list[pa.StringArray] = field(default_factory=list)
    known: set[str] | None = None  # once they have not risen

    def before(self, texts: pa.StringArray) -> set[str] | None:
        """Take numbers that rise; of others the numbers before them, which the caller adds to."""
        if self.known is None:
            if self._rise(texts):
                return None
            self.known = {text for texts in self.risen for text in texts.to_pylist()}
            self.risen = []
        return self.known

    def _rise(self, texts: pa.StringArray) -> bool:
        rows = fixed_rows(texts)
        if rows is None:
            return not len(texts)
        width = rows.shape[1]
        numbers = rows.view(f"S{width}")[:, 0]
        if (self.last and len(self.last) != width) or not numbers[0] > self.last:
            return False
        if not bool((numbers[1:] > numbers[:-1]).all()):
            return False
        self.risen.append(texts)
        self.last = bytes(numbers[-1])
        return True


@dataclass(slots=True)
class Envelope:
    """What the envelope has come to so far; one instance a file."""

    notes: Notes
    last: int = _START
    sets: int = 0
    groups: int = 0
    interchanges: list[str] = field(default_factory=list)  # sender and number
    seen: set[str] = field(default_factory=set)
    numbers: _Numbers = field(default_factory=_Numbers)  # ST02 of the open group
    test: tuple[int, int] | None = None  # (line, byte offset) of an ISA with test data
    isa: _Open | None = None
    gs: _Open | None = None
    declared_sets: int | None = None
    controls: list[tuple[Any, ...]] = field(default_factory=list)
    end: tuple[int | None, int | None] = (None, None)  # (line, byte offset) of the last segment

    def take(self, segments: Segments) -> None:
        """Check the envelope of a block."""
        rows = np.flatnonzero((segments.tag > 0) & (segments.tag <= len(_ENVELOPE)))
        kinds = segments.tag[rows].astype(np.int64) - 1
        self._order(segments, kinds, rows)
        starts = kinds == _ST
        inner = np.flatnonzero(~(starts | (kinds == _SE)))
        for at, row in zip(inner.tolist(), rows[inner].tolist(), strict=True):
            sets = self.sets + int(np.count_nonzero(starts[:at]))
            match int(kinds[at]):
                case 0:
                    self._open_interchange(segments, row)
                case 1:
                    self.gs = self._opened(segments, row, 6, sets)
                    self.groups += 1
                case 4:
                    self._close_group(segments, row, sets)
                case _:
                    self._close_interchange(segments, row)
        self._set_numbers(segments, rows[kinds == _GS], rows[starts])
        self.sets += int(np.count_nonzero(starts))
        if len(segments):
            self.end = segments.place(len(segments) - 1)

    def _order(self, segments: Segments, kinds: Ints, rows: Ints) -> None:
        """Envelope segments in their order, all others inside a set (a TA1 behind its ISA)."""
        before = np.concatenate([np.array([self.last]), kinds])
        wrong = rows[~_ALLOWED[before[:-1], before[1:]]] if len(rows) else rows
        gaps = np.diff(np.concatenate([np.array([-1]), rows, np.array([len(segments)])])) > 1
        if len(wrong) or bool((gaps & (before != _ST)).any()):
            self._tell_order(segments, rows, before, wrong)
        self.last = int(before[-1])

    def _tell_order(self, segments: Segments, rows: Ints, before: Ints, wrong: Ints) -> None:
        inside = before[np.searchsorted(rows, np.arange(len(segments)), side="right")]
        loose = (inside != _ST) & (segments.tag != code("TA1"))
        loose[rows] = False
        rows = np.union1d(wrong, np.flatnonzero(loose))
        for row in rows[: self.notes.kept].tolist():
            self.notes.add(
                "FILE_STRUCTURE",
                f"The segment {segments.name(row)} stands where the format does not allow it: "
                f"ISA (GS (ST … SE) GE) IEA. {_AGAIN}",
                **segment_place(segments, row, segments.name(row)),
            )
        self.notes.count_beyond("FILE_STRUCTURE", len(rows))

    def _set_numbers(self, segments: Segments, groups: Ints, rows: Ints) -> None:
        """The number of a set is its own inside its group (X12.5): one that stands there twice may
        be the same set again. Numbers of a group are compared at once."""
        numbers = segments.named_text("ST", 2)
        edges = np.searchsorted(rows, groups).tolist()
        for at, (start, end) in enumerate(pairwise([0, *edges, len(rows)])):
            if at:
                self.numbers = _Numbers()
            mine = numbers.slice(start, end - start)
            known = self.numbers.before(mine)
            if known is not None:
                self._tell_repeated(segments, rows[start:end].tolist(), mine.to_pylist(), known)

    def _tell_repeated(
        self, segments: Segments, rows: list[int], numbers: list[str | None], known: set[str]
    ) -> None:
        """Tell numbers that are `known`, and add the others to them."""
        fresh = {number for number in numbers if number is not None}
        if len(fresh) == len(numbers) and known.isdisjoint(fresh):
            known |= fresh
            return
        told = 0
        for row, number in zip(rows, numbers, strict=True):
            if number is not None and number in known:
                told += 1
                if told <= self.notes.kept:
                    self.notes.add(
                        "SET_REPEATED",
                        f"The number {number} of this transaction set stands twice in its group: "
                        f"what the set holds may count twice. {_AGAIN}",
                        **segment_place(segments, row, "ST02"),
                    )
            elif number is not None:
                known.add(number)
        self.notes.count_beyond("SET_REPEATED", told)

    def _opened(self, segments: Segments, row: int, element: int, before: int) -> _Open:
        line, offset = segments.place(row)
        return _Open(segments.text(row, element), line, offset, before)

    def _open_interchange(self, segments: Segments, row: int) -> None:
        self.isa = self._opened(segments, row, 13, self.groups)
        sender = f"{segments.text(row, 5)}/{segments.text(row, 6)}"
        name = f"{sender}/{self.isa.number}"
        if name in self.seen:
            self.notes.add(
                "TRANSMISSION_CONFLICT",
                f"Interchange {self.isa.number} of {sender} stands twice in the file: what it "
                f"holds would count twice. {_AGAIN}",
                **segment_place(segments, row, "ISA13"),
            )
        self.seen.add(name)
        self.interchanges.append(name)
        if segments.count[row] != ISA_ELEMENTS:
            self._wrong(segments, row, "ISA", f"has {segments.count[row]} elements and not 16")
        if not self.isa.number.isdigit() or not self.isa.number.isascii():
            self._wrong(segments, row, "ISA13", f"reads '{self.isa.number}' and is no number")
        usage = segments.text(row, 15)
        if usage == "T":
            self.test = self.test or segments.place(row)
        elif usage not in {"P", "I"}:
            self._wrong(segments, row, "ISA15", f"reads '{usage}' and is none of P, I, T")

    def _wrong(self, segments: Segments, row: int, name: str, fault: str) -> None:
        self.notes.add(
            "HEADER_WRONG", f"{name} {fault}. {_AGAIN}", **segment_place(segments, row, name)
        )

    def _close_group(self, segments: Segments, row: int, sets: int) -> None:
        if self.gs is None:
            return
        said = segments.text(row, 1)
        self._count(segments, row, "GROUP_COUNT_WRONG", "GE01", said, sets - self.gs.before,
                    f"transaction sets of group {self.gs.number}")  # fmt: skip
        if said.isdigit() and said.isascii():
            self.declared_sets = (self.declared_sets or 0) + int(said[:15])
        self._number(segments, row, "GROUP_NUMBER_WRONG", ("GE02", "GS06"), self.gs)
        self.gs = None

    def _close_interchange(self, segments: Segments, row: int) -> None:
        if self.isa is None:
            return
        self._count(segments, row, "INTERCHANGE_COUNT_WRONG", "IEA01", segments.text(row, 1),
                    self.groups - self.isa.before,
                    f"groups of interchange {self.isa.number}")  # fmt: skip
        self._number(segments, row, "INTERCHANGE_NUMBER_WRONG", ("IEA02", "ISA13"), self.isa)
        self.isa = None

    def _count(
        self, segments: Segments, row: int, what: str, name: str, said: str, found: int, words: str
    ) -> None:
        if not (said.isdigit() and said.isascii() and len(said) <= 15):
            self._wrong(segments, row, name, f"reads '{said}' and is no number")
            return
        line, offset = segments.place(row)
        self.controls.append(
            (what, None, words, "count", int(said), found, line, offset, name)
        )  # fmt: skip

    def _number(
        self, segments: Segments, row: int, what: str, names: tuple[str, str], opened: _Open
    ) -> None:
        said = segments.text(row, 2)
        if not same_number(said, opened.number):
            self.notes.add(
                what,
                f"{names[0]} reads '{said}', but {names[1]} in line {opened.line} is "
                f"'{opened.number}'. {_AGAIN}",
                **segment_place(segments, row, names[0]),
            )

    def finish(self) -> None:
        """What only the end of the file shows."""
        if self.last == _START:
            self.notes.add("EMPTY_FILE", f"The file has no segments. {_AGAIN}")
        elif self.last != _IEA:
            self.notes.add(
                "FILE_TRUNCATED",
                f"The file ends behind {_ENVELOPE[self.last]} and has no IEA for its last "
                f"interchange. {_AGAIN}",
                line=self.end[0],
                byte_offset=self.end[1],
            )

    @property
    def identity(self) -> str | None:
        """The senders' own identity of the transmission: ISA05, ISA06 and ISA13 of each
        interchange."""
        if not self.interchanges:
            return None
        joined = "|".join(self.interchanges)
        if len(joined) > 200:
            joined = f"{len(self.interchanges)}:{sha256(joined.encode()).hexdigest()}"
        return f"x12:{joined}"


class Detail:
    """A digest over the sets, the same for other delimiters, line ends and envelopes."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._inside = False
        self.any = False

    def add(self, segments: Segments) -> None:
        """Take the segments from ST to SE of a block."""
        element, segment = segments.marks.element, segments.marks.segment
        # Delimiters change places with the usual ones, so no two texts become one.
        table = bytearray(range(256))
        for mark, usual in ((element, ord("*")), (segment, ord("~"))):
            other = table.index(usual)
            table[mark], table[other] = table[other], table[mark]
        usual_marks = table == bytes(range(256))
        drop = [bytes([one]) for one in (CR, LF) if one != segment]
        opens, closes = segments.rows("ST"), segments.rows("GE", "GS", "ISA", "IEA")
        marks = sorted([(int(row), True) for row in _firsts(opens, closes)]
                       + [(int(row), False) for row in closes])  # fmt: skip
        at = 0
        for row, opening in [*marks, (len(segments), not self._inside)]:
            if self._inside and row > at:
                body = _content(segments.part(at, row), drop)
                self._hash.update(body if usual_marks else bytes(body).translate(table))
                self._hash.update(b"~")
                self.any = True
            if row < len(segments):
                self._inside, at = opening, row

    def hexdigest(self) -> str | None:
        """None for a file without sets."""
        return self._hash.hexdigest() if self.any else None


def _content(segments: Segments, drop: Sequence[bytes]) -> bytes | memoryview:
    """Segments with nothing but one terminator between them, `drop` taken out."""

    def bare(body: bytes) -> bytes:
        for one in drop:
            body = body.replace(one, b"")
        return body

    data, start, end = segments.data, segments.start, segments.end
    if segments.packed:
        return data[int(start[0]) : int(end[-1])].data
    body = bare(data[int(start[0]) : int(end[-1])].tobytes())
    size = int((end - start).sum())
    if len(body) == size + len(start) - 1:
        return body
    data = data.copy()  # blanks or empty segments stand between them
    data[end] = segments.marks.segment
    packed = gathered(data, start, end + 1, np.array([len(start)], dtype=np.int64))
    return bare(packed.buffers()[2].to_pybytes()[: size + len(start) - 1])


def _firsts(opens: Ints, closes: Ints) -> Ints:
    """The first ST behind each closing segment (and the first of all)."""
    if not len(opens):
        return opens
    part = np.searchsorted(closes, opens)
    first: Ints = opens[np.concatenate([np.array([True]), part[1:] != part[:-1]])]
    return first
