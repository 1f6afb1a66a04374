"""Transaction sets ST … SE: which are there, what kind each is, and the control of each.

A set may be larger than a block: what is known of an open one is carried on. Sets of a block are
numbered from 0, the one that was open before the block (`OpenSet`), then one for each ST.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.parsers.columns import Ints, Mask, rows_at
from recond.parsers.notes import Notes
from recond.parsers.spans import fixed_rows, span_digits
from recond.parsers.x12_envelope import same_number, segment_place
from recond.parsers.x12_segments import Segments

ADVICE, LOCKBOX, ACKNOWLEDGEMENT = 820, 823, 997
_KINDS = {"820": ADVICE, "823": LOCKBOX} | dict.fromkeys(
    ("997", "999", "824", "864"), ACKNOWLEDGEMENT
)
_AGAIN = "Ask the sender for the file again."


@dataclass(slots=True)
class OpenSet:
    """A set that is not closed yet, as far as it was read. `ord` is its batch for an 820, 0 for
    all others; `firsts` are the first values of an 820's heading (`x12_advice`)."""

    kind: int = 0
    number: str = ""
    line: int = 0
    offset: int = 0
    segments: int = 0
    ord: int = 0
    firsts: dict[str, Any] = field(default_factory=dict)
    sums: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sets:
    """The sets of a block. `of` is the set of each segment; `start` and `end` are its ST and SE
    rows, -1 where they stand in another block; `kind` is 820, 823, 997 or 0."""

    before: OpenSet
    of: Ints
    start: Ints
    end: Ints
    kind: Ints

    def __len__(self) -> int:
        return len(self.start)

    def inside(self, kinds: tuple[int, ...]) -> Mask:
        """Which segments stand in a set of these kinds, from ST to SE."""
        following = np.append(self.start[1:], len(self.of))
        wanted = following == np.maximum(self.start, 0)  # no segments
        for kind in kinds:
            wanted |= self.kind == kind
        mask: Mask = np.ones(len(self.of), dtype=np.bool_) if wanted.all() else wanted[self.of]
        # What stands behind an SE belongs to no set: the envelope, a few segments a file.
        for one in np.flatnonzero((self.end >= 0) & (following - self.end > 1)).tolist():
            mask[int(self.end[one]) + 1 : int(following[one])] = False
        return mask

    def numbers(self, segments: Segments, sets: Ints) -> pa.StringArray:
        """The numbers (ST02) of sets that begin in the block."""
        found = segments.named_text("ST", 2)
        return found if len(sets) == len(found) else found.take(pa.array(sets - 1))

    @property
    def still_open(self) -> bool:
        """Whether the last set goes on in the next block."""
        return bool(self.end[-1] < 0 and (self.start[-1] >= 0 or self.before.segments))


def sets_of(segments: Segments, before: OpenSet) -> Sets:
    """The sets of a block behind `before`."""
    starts, ends = segments.rows("ST"), segments.rows("SE")
    count = len(starts) + 1
    edges = np.concatenate([np.zeros(1, np.int64), starts, np.array([len(segments)])])
    of = np.repeat(np.arange(count), np.diff(edges))
    end = np.full(count, -1)
    end[of[ends]] = ends
    kind = np.zeros(count, dtype=np.int64)
    kind[0] = before.kind
    if len(starts):
        for name in dict.fromkeys((segments.text(int(starts[0]), 1), *_KINDS)):
            if name in _KINDS:
                kind[1:][segments.begins(starts, "ST", name)] = _KINDS[name]
            if kind[1:].all():  # mostly all sets are what the first one is
                break
        else:
            for row in np.flatnonzero(kind[1:] == 0).tolist():
                kind[row + 1] = _KINDS.get(segments.text(int(starts[row]), 1), 0)
    return Sets(before, of, np.concatenate([np.array([-1]), starts]), end, kind)


def carried(segments: Segments, sets: Sets) -> OpenSet:
    """The last set of a block as it goes on, with its segments counted; a new, empty one where
    it is closed."""
    if not sets.still_open:
        return OpenSet()
    first = int(sets.start[-1])
    if first < 0:
        one = sets.before
        one.segments += len(segments)
        return one
    line, offset = segments.place(first)
    return OpenSet(
        int(sets.kind[-1]), segments.text(first, 2), line, offset, len(segments) - first
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """A set whose own control does not hold: `number` is the set's in its block."""

    number: int
    code: str  # SET_COUNT_WRONG or SET_NUMBER_WRONG
    row: int
    declared: int
    found: int
    words: str


def set_faults(segments: Segments, sets: Sets) -> list[Fault]:
    """What the SE of the sets say and the sets do not hold. Numbers are compared as columns;
    only what differs is looked at one by one."""
    closed = np.flatnonzero(sets.end >= 0)
    rows, starts = sets.end[closed], sets.start[closed]
    counts, numbers = segments.spans_of(rows, (1, 2))
    said, bad = span_digits(segments.data, *counts, most=10)
    held = np.where(starts >= 0, rows - starts + 1, sets.before.segments + rows + 1)
    faults = []
    for at in np.flatnonzero(bad | (said != held)).tolist():
        text = segments.text(int(rows[at]), 1)
        words = f"SE01 reads '{text}' and is no number" if bad[at] else ""
        faults.append(
            Fault(int(closed[at]), "SET_COUNT_WRONG", int(rows[at]), int(said[at]),
                  int(held[at]), words)
        )  # fmt: skip
    whole = starts >= 0
    differ = ~whole
    if whole.any():
        opened = sets.numbers(segments, closed[whole])
        differ[whole] = _differ(segments, opened, numbers[0][whole], numbers[1][whole])
    for at in np.flatnonzero(differ).tolist():
        first, row = int(starts[at]), int(rows[at])
        number = segments.text(first, 2) if first >= 0 else sets.before.number
        text = segments.text(row, 2)
        if not same_number(text, number):
            words = f"SE02 reads '{text}', but ST02 is '{number}'. {_AGAIN}"
            faults.append(Fault(int(closed[at]), "SET_NUMBER_WRONG", row, 0, 0, words))
    return faults


def _differ(segments: Segments, opened: pa.StringArray, start: Ints, end: Ints) -> Mask:
    """Which ST02, as texts, and SE02, from their places, are not the same, or are not given."""
    numbers = fixed_rows(opened)
    if numbers is not None and bool((end - start == numbers.shape[1]).all()):
        said = rows_at(segments.data, start, numbers.shape[1])
        if np.array_equal(numbers, said):  # nearly always
            return np.zeros(len(start), dtype=np.bool_)
    same = pc.fill_null(pc.equal(opened, segments.texts(start, end)), False)
    differ: Mask = ~same.to_numpy(zero_copy_only=False)
    return differ


def check_kinds(segments: Segments, sets: Sets, notes: Notes) -> int:
    """Tell sets that hold no remittance; returns how many acknowledgements begin here."""
    starts = np.flatnonzero(sets.start >= 0)
    strange = starts[sets.kind[starts] == 0]
    for one in strange[: notes.kept].tolist():
        row = int(sets.start[one])
        name = segments.text(row, 1)
        health = " It is health care data, which does not belong here." if (
            name in {"835", "837", "270", "271", "276", "277", "834"}) else ""  # fmt: skip
        notes.add(
            "SET_NOT_READ",
            f"The transaction set {name} is neither 820 nor 823 and holds no remittance that is "
            f"read.{health} Reject the file.",
            **segment_place(segments, row, "ST01"),
        )
    notes.count_beyond("SET_NOT_READ", len(strange))
    return int((sets.kind[starts] == ACKNOWLEDGEMENT).sum())
