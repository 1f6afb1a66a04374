"""Entries and addenda of a NACHA file as columns: what they are and what they add up to.

One call takes a block of records in which every entry has its addenda with it. Everything is
arithmetic on columns; only rows that fail a check are looked at in Python, to say why
(`nacha_checks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from recond.parsers.columns import Bytes, Ints, Mask
from recond.parsers.figures import alike, digits
from recond.parsers.nacha_batches import ADVICES, ASK, Batch, Reading, Totals
from recond.parsers.nacha_records import Rows

Small = npt.NDArray[np.int8]

# Kinds of entries, by what recond does with them.
RECEIPT, CREDIT, DEBIT, RETURN, NOC, PRENOTE, ADVICE, UNREADABLE = range(1, 9)
KINDS = 9
FEW = 8  # batches of a block that are added up one by one
RETURN_ADDENDA, NOC_ADDENDA = 99, 98


def _codes() -> tuple[Small, Small]:
    """Kind and direction (credit +1, debit -1) of each transaction code, 0 where unknown."""
    kinds, directions = np.zeros(100, dtype=np.int8), np.zeros(100, dtype=np.int8)
    by_credit = {1: RETURN, 2: CREDIT, 3: PRENOTE, 4: ADVICE}
    by_debit = {6: RETURN, 7: DEBIT, 8: PRENOTE, 9: ADVICE}
    table = {a * 10 + d: (k, 1) for a in (2, 3, 4, 5) for d, k in by_credit.items()}
    table |= {a * 10 + d: (k, -1) for a in (2, 3, 4) for d, k in by_debit.items()}
    table |= {55: (DEBIT, -1), 56: (RETURN, -1)}  # loans: a debit is a reversal
    for code, (kind, direction) in table.items():
        kinds[code], directions[code] = kind, direction
    return kinds, directions


_KINDS, _DIRECTIONS = _codes()


@dataclass(slots=True)
class Block:
    """The body of some records: their batches, entries, and the addenda of those."""

    rows: Rows
    batches: list[Batch]
    segment: Ints  # of each row: index into batches
    cuts: Ints  # where the entries of each batch begin, and where they all end
    place: Ints  # row of each entry
    view: Bytes  # (n, 94) the entries
    seg: Ints  # of each entry: index into batches
    extra: Ints  # row of each addenda
    owner: Ints  # of each addenda: index of its entry, -1 where none goes before
    extra_type: Ints  # of each addenda: 5, 99, ..., -1 where it cannot be read
    kind: Small
    code: Ints  # transaction code
    amount: Ints
    classes: frozenset[str]  # entry classes of the batches: few rules are for all of them

    def of_batch(self, says: Callable[[Batch], bool]) -> Mask:
        """For each entry whether its batch is such a one; not to be written to."""
        told = np.array([says(batch) for batch in self.batches], dtype=np.bool_)
        return self.spread(told)

    def spread(self, values: np.ndarray[tuple[int], Any]) -> np.ndarray[tuple[int], Any]:
        """For each entry the value of its batch; not to be written to."""
        if len(values) == 1 or (values == values[0]).all():
            # One element for all, as `np.broadcast_to` has it at ten times the cost.
            return np.ndarray((len(self.seg),), values.dtype, values[:1].copy(), 0, (0,))
        return np.repeat(values, np.diff(self.cuts))

    def addenda_counts(self, kind: int | None = None) -> Ints:
        """How many addenda (of one type) each entry has."""
        if not len(self.extra):
            return np.zeros(len(self.place), dtype=np.int64)
        owner = self.owner if kind is None else self.owner[self.extra_type == kind]
        return np.bincount(owner[owner >= 0], minlength=len(self.place)).astype(np.int64)

    def addenda_row(self, kind: int, *, last: bool = False) -> Ints:
        """Row of the first (or last) addenda of a type of each entry, -1 where there is none."""
        row = np.full(len(self.place), -1, dtype=np.int64)
        found = np.flatnonzero((self.extra_type == kind) & (self.owner >= 0))
        found = found if last else found[::-1]
        row[self.owner[found]] = self.extra[found]
        return row


class Teller:
    """Turns masks into problems: the first few rows of each batch, the others counted."""

    def __init__(self, reading: Reading, rows: Rows, batches: list[Batch]) -> None:
        self._notes, self._rows, self._batches = reading.notes, rows, batches

    def tell(
        self,
        mask: Mask,
        place: Ints,
        segment: Ints,
        code: str,
        columns: str,
        say: Callable[[int], str],
    ) -> None:
        """A problem for each index in `mask`; `say(index)` makes its sentence.

        `place` and `segment` give the row and the batch of each index.
        """
        if not mask.any():
            return
        found = np.flatnonzero(mask)
        found = found[np.argsort(segment[found], kind="stable")]
        groups = np.split(found, np.flatnonzero(np.diff(segment[found])) + 1)
        for group in groups:
            batch_ord = self._batches[int(segment[group[0]])].ord or None
            for index in group[: self._notes.kept].tolist():
                row = int(place[index])
                self._notes.add(
                    code,
                    say(index),
                    line=int(self._rows.line[row]),
                    byte_offset=int(self._rows.offset[row]),
                    field=columns,
                    batch_ord=batch_ord,
                )
            self._notes.count(code, max(len(group) - self._notes.kept, 0), batch_ord)


def read_entries(
    rows: Rows, batches: list[Batch], segment: Ints, receipts: frozenset[str], teller: Teller
) -> Block:
    """Entries of a block with kinds and amounts; unreadable ones told, batch totals added.

    `segment` is the index into `batches` of each row; `receipts` the entry classes whose
    credits are money for us. Formats section 5.
    """
    types = rows.kinds
    place = np.flatnonzero(types == ord("6"))
    extra = np.flatnonzero(types == ord("7"))
    view = rows.view if len(place) == len(rows) else rows.view.take(place, axis=0)
    seg = segment[place]
    code, bad_code = digits(view[:, 1:3])
    routing, bad_routing = _banks(view)
    amount, bad_amount = digits(view[:, 29:39])
    extra_type, bad_type = digits(rows.view[extra, 1:3])
    extra_type[bad_type] = -1
    owner = np.searchsorted(place, extra) - 1
    kind, direction = _KINDS.take(code), _DIRECTIONS.take(code)
    cuts = np.searchsorted(seg, np.arange(len(batches) + 1))
    block = Block(
        rows, batches, segment, cuts, place, view, seg, extra, owner, extra_type, kind, code,
        amount, frozenset([batch.sec for batch in batches]),
    )  # fmt: skip
    if ADVICES in block.classes:
        # Amounts of twelve digits; codes 81 to 88, credits odd, debits even.
        adv = block.of_batch(lambda batch: batch.adv)
        amount[adv], bad_amount[adv] = digits(view[adv, 27:39])
        known = adv & (code >= 81) & (code <= 88)
        kind[known] = ADVICE
        direction[known] = np.where(code[known] % 2 == 1, 1, -1)
    unknown = kind == 0
    unreadable = unknown | bad_code | bad_routing | bad_amount
    _decide_kinds(block, receipts)
    if unreadable.any():
        bad = {"2-3": bad_code, "4-11": bad_routing, "30-39": bad_amount}
        _tell_unreadable(block, teller, bad, unknown & ~bad_code)
        kind[unreadable] = UNREADABLE
    _add_totals(block, routing, direction)
    return block


def _banks(view: Bytes) -> tuple[Ints, Mask]:
    """The receiving banks of entries, columns 4-11, and which are not digits: in an incoming file
    mostly one bank, ours, in every entry."""
    banks = view[:, 3:11]
    if len(view) < 2 or not alike(banks):
        return digits(banks)
    (one,), (bad,) = digits(banks[:1])
    return np.full(len(view), one), np.full(len(view), bad)


def _tell_unreadable(block: Block, teller: Teller, bad: dict[str, Mask], unknown: Mask) -> None:
    for columns, mask in bad.items():
        start, stop = (int(part) for part in columns.split("-"))

        def not_digits(index: int, start: int = start, stop: int = stop) -> str:
            text = block.view[index, start - 1 : stop].tobytes().decode("latin-1")
            return (
                f"Columns {start}-{stop} of the entry read '{text}' and are not all digits. "
                "Ask the sender for the batch again."
            )

        teller.tell(mask, block.place, block.seg, "BATCH_UNREADABLE", columns, not_digits)

    def no_code(index: int) -> str:
        return (
            f"Transaction code {block.code[index]:02d} is none of the format, so nothing says "
            f"whether the entry is a credit or a debit. {ASK}"
        )

    teller.tell(unknown, block.place, block.seg, "BATCH_UNREADABLE", "2-3", no_code)


def _decide_kinds(block: Block, receipts: frozenset[str]) -> None:
    """Returns and notices by their addenda, advices by a zero amount, receipts by their class."""
    kind = block.kind
    credit = kind == CREDIT
    ours = credit
    if not block.classes <= receipts:
        ours = credit & block.of_batch(lambda batch: batch.sec in receipts)
    np.putmask(kind, ours, RECEIPT)
    np.putmask(kind, credit & (block.amount == 0), ADVICE)
    if "COR" in block.classes:
        np.putmask(kind, block.of_batch(lambda batch: batch.sec == "COR"), NOC)
    if not len(block.extra):
        return
    owned = block.owner >= 0
    for addenda, told in ((NOC_ADDENDA, NOC), (RETURN_ADDENDA, RETURN)):
        kind[block.owner[owned & (block.extra_type == addenda)]] = told


def _add_totals(block: Block, routing: Ints, direction: Small) -> None:
    """Add the block's figures to its batches: prefix sums, cut where a batch begins."""
    cuts = block.cuts
    incoming = block.amount if (direction > 0).all() else np.where(direction > 0, block.amount, 0)
    outgoing = np.where(direction < 0, block.amount, 0) if incoming is not block.amount else None
    hashes, debits, credits_ = (_cut_sums(part, cuts) for part in (routing, outgoing, incoming))
    counts = np.diff(cuts)
    addenda = counts
    if len(block.extra):
        edges = np.arange(len(block.batches) + 1)
        addenda = counts + np.diff(np.searchsorted(block.segment[block.extra], edges))
    figures = zip(addenda.tolist(), hashes, debits, credits_, strict=True)
    for batch, found in zip(block.batches, figures, strict=True):
        batch.found.add(Totals(*found))
    if len(block.kind) and (block.kind == block.kind[0]).all():
        sums = credits_ if incoming is block.amount else _cut_sums(block.amount, cuts)
        for batch, count, cents in zip(block.batches, counts.tolist(), sums, strict=True):
            if count:
                batch.add_kind(int(block.kind[0]), count, cents)
        return
    _add_kinds(block)


def _cut_sums(figures: Ints | None, cuts: Ints) -> list[int]:
    """Sums of the figures from each cut to the next; zeros without figures."""
    if figures is None:
        return [0] * (len(cuts) - 1)
    if len(cuts) <= FEW:
        edges = cuts.tolist()
        return [int(figures[start:stop].sum()) for start, stop in pairwise(edges)]
    sums = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(figures)])[cuts]
    found: list[int] = np.diff(sums).tolist()
    return found


def _add_kinds(block: Block) -> None:
    """Count records and cents of each kind by batch."""
    key = block.seg * KINDS + block.kind
    size = len(block.batches) * KINDS
    cents = np.zeros(size, dtype=np.int64)
    np.add.at(cents, key, block.amount)
    records = np.bincount(key, minlength=size)
    for one in np.flatnonzero(records).tolist():
        batch, kind = divmod(one, KINDS)
        block.batches[batch].add_kind(kind, int(records[one]), int(cents[one]))
