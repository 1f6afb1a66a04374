"""X12 820 and 823 files: payment order and remittance advice, lockbox (formats section 6).

    ISA interchange > GS group > ST transaction set > … > SE > GE > IEA

An 820 explains money that the bank brings and moves none (`x12_advice`); an 823 is a lockbox's
detail and brings receipts (`x12_lockbox`). Acknowledgements (997, 999) are kept and say nothing
about money. Any other set holds the file. What stands in ACH addenda is read by the same segments
and the same rule of sums (`x12_addenda`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from recond.model import BATCHES, CONTROLS, Format, Parsed, Transmission
from recond.parsers.columns import Ints
from recond.parsers.notes import Notes
from recond.parsers.x12_advice import Advices
from recond.parsers.x12_envelope import Detail, Envelope, segment_place
from recond.parsers.x12_lockbox import Checks
from recond.parsers.x12_reader import Reader
from recond.parsers.x12_segments import Segments
from recond.parsers.x12_sets import (
    ADVICE,
    LOCKBOX,
    Fault,
    OpenSet,
    Sets,
    carried,
    check_kinds,
    set_faults,
    sets_of,
)


class Layout(BaseModel):
    """The `[layout]` table of an X12 format. It has no keys: an interchange says itself how it is
    delimited, and a set what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Tables and problems of an X12 file, in blocks of about one and a half MiB.

    The last chunk has the transmission: its identity is sender and number (ISA05, ISA06, ISA13),
    its digest covers the sets without their envelope. Declared are the deposits' checks and
    totals (823), else the sets (GE01) and their BPR02. Bad data never raises.
    """
    if not isinstance(fmt.layout, Layout):
        raise TypeError(f"format {fmt.name} has no layout of the x12 grammar")
    file = _File(fmt)
    reader = Reader(source, file.notes)
    for segments in reader.blocks():
        tables = file.take(segments)
        del segments  # its memory is for the next block
        yield Parsed(tables, file.notes.drain())
    tables, transmission = file.finish(broken=reader.broken)
    yield Parsed(tables, (*file.notes.drain(), *file.notes.rest()), transmission)


class _File:
    """One file: the envelope, the open set, and what its two kinds of sets came to."""

    def __init__(self, fmt: Format) -> None:
        self.notes = Notes()
        self.currency = fmt.currency
        self.envelope = Envelope(self.notes)
        self.detail = Detail()
        self.advices = Advices(fmt, self.notes)
        self.checks = Checks(fmt, self.notes)
        self.open = OpenSet()
        self.next_ord = 1
        self.acknowledgements = 0
        self.payments = False  # whether any set is an 820 or 823

    def take(self, segments: Segments) -> dict[str, pa.Table]:
        """The tables of a block."""
        self.envelope.take(segments)
        sets = sets_of(segments, self.open)
        self.acknowledgements += check_kinds(segments, sets, self.notes)
        money = (sets.kind == ADVICE) | (sets.kind == LOCKBOX)
        following = carried(segments, sets)
        tables: dict[str, pa.Table] = {}
        if money.any():
            self.payments = True
            self.detail.add(segments)
            self._check_names(segments, sets)
            self._currencies(segments, sets)
            tables = self._money(segments, sets, following)
        self.open = following
        return {name: table for name, table in tables.items() if table.num_rows}

    def _money(
        self, segments: Segments, sets: Sets, following: OpenSet
    ) -> dict[str, pa.Table]:  # fmt: skip
        fresh = sets.start >= 0
        ords = np.zeros(len(sets), dtype=np.int64)
        numbered = fresh & (sets.kind == ADVICE)
        ords[numbered] = self.next_ord + np.arange(int(numbered.sum()))
        ords[0] = self.open.ord
        self.next_ord += int(numbered.sum())
        tables: dict[str, pa.Table] = {}
        if (sets.kind == ADVICE).any():
            tables, firsts, sums = self.advices.take(segments, sets, ords)
            if sets.still_open and sets.kind[-1] == ADVICE:
                following.ord, following.firsts, following.sums = int(ords[-1]), firsts, sums
        if (sets.kind == LOCKBOX).any():
            found, self.next_ord = self.checks.take(segments, sets, self.next_ord)
            tables |= found
            self.checks.settle()
        for fault in set_faults(segments, sets):
            self._fault(segments, sets, fault, ords)
        self.checks.carry(sets)
        return self._with_controls(tables)

    def _fault(self, segments: Segments, sets: Sets, fault: Fault, ords: Ints) -> None:
        """A set's own control that does not hold: it holds the batches of that set, and the file
        where a lockbox set (823) has none, for then its batches may be what is missing."""
        kind = int(sets.kind[fault.number])
        if kind not in (LOCKBOX, ADVICE):
            return
        batches: list[int | None] = [int(ords[fault.number])]
        if kind == LOCKBOX:
            batches = [slip.ord for slip in self.checks.by_set.get(fault.number, [])]
        counted = fault.code == "SET_COUNT_WRONG"
        name, code = ("SE01" if counted else "SE02"), fault.code
        if not batches:
            code, batches = ("FILE_COUNT_WRONG" if counted else "FILE_STRUCTURE"), [None]
        place = segment_place(segments, fault.row, name)
        number = segments.text(fault.row, 2)
        for batch_ord in batches:
            if fault.words:
                self.notes.add(code, fault.words, batch_ord=batch_ord, **place)
                continue
            self.envelope.controls.append(
                (code, batch_ord, f"segments of transaction set {number}", "count",
                 fault.declared, fault.found, place["line"], place["byte_offset"], name)
            )  # fmt: skip

    def _check_names(self, segments: Segments, sets: Sets) -> None:
        """Tell segments of an 820 or 823 that these sets do not have."""
        rows = np.flatnonzero(segments.tag == 0)
        if not len(rows):
            return
        # a name that was misread would take its amount with it
        rows = rows[sets.inside((ADVICE, LOCKBOX))[rows]]
        for row in rows[: self.notes.kept].tolist():
            name = segments.name(row)
            self.notes.add(
                "CODE_UNKNOWN",
                f"The segment {name} is none of the transaction set; it was not read.",
                **segment_place(segments, row, name),
            )
        self.notes.count_beyond("CODE_UNKNOWN", len(rows))

    def _currencies(self, segments: Segments, sets: Sets) -> None:
        rows = segments.rows("CUR")
        if not len(rows):
            return
        rows = rows[sets.inside((ADVICE, LOCKBOX))[rows]]
        said = segments.column(rows, 2)
        other = pc.fill_null(pc.not_equal(said, self.currency), True)
        for at in np.flatnonzero(other.to_numpy(zero_copy_only=False)).tolist():
            self.notes.add(
                "CURRENCY_WRONG",
                f"CUR02 reads '{said[at].as_py() or ''}' and the format is of {self.currency}; "
                "amounts of two currencies are never added up. Reject the file.",
                **segment_place(segments, int(rows[at]), "CUR02"),
            )

    def _with_controls(self, tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
        rows = self.envelope.controls + self.checks.controls
        self.envelope.controls, self.checks.controls = [], []
        if rows:
            columns = zip(CONTROLS, zip(*rows, strict=True), strict=True)
            arrays = [pa.array(values, type=one.type) for one, values in columns]
            tables["controls"] = pa.Table.from_arrays(arrays, schema=CONTROLS)
        closed, self.checks.closed = self.checks.closed, []
        if closed:
            slips = [
                {"batch_ord": one.ord, "batch": one.name, "line": one.line,
                 "declared_count": one.declared_checks, "declared_cents": one.declared_cents,
                 "found_count": one.checks, "found_cents": one.cents}
                for one in closed
            ]  # fmt: skip
            batches = pa.Table.from_pylist(slips, schema=BATCHES)
            known = tables.get("batches", BATCHES.empty_table())
            tables["batches"] = pa.concat_tables([known, batches])
        return tables

    def finish(self, *, broken: bool) -> tuple[dict[str, pa.Table], Transmission]:
        """What only the end of the file shows."""
        notes = self.notes
        self.checks.close_deposit()
        self.checks.settle()
        if not broken:
            self.envelope.finish()
        if self.payments and self.envelope.test is not None:
            line, offset = self.envelope.test
            notes.add(
                "HEADER_WRONG",
                "ISA15 says that the interchange is a test; nothing of it is believed. Ask the "
                "sender for production data.",
                line=line, byte_offset=offset, field="ISA15",
            )  # fmt: skip
        if self.acknowledgements:
            notes.add(
                "ACKNOWLEDGEMENT",
                f"{self.acknowledgements} acknowledgements (997, 999) are kept; they hold no "
                "payments.",
            )
        elif not self.envelope.sets and self.envelope.interchanges:
            notes.add("NO_ACTIVITY", "The file has no transaction set of payments.")
        return self._with_controls({}), self._transmission()

    def _transmission(self) -> Transmission:
        counts: tuple[Any, ...] = (None, None, None, None)
        checks, advices = self.checks, self.advices
        if checks.declared_cents is not None:
            counted = None if checks.declared_checks is None else checks.checks
            counts = (checks.declared_checks, checks.declared_cents, counted, checks.cents)
        elif advices.count:
            counts = (self.envelope.declared_sets, advices.declared_cents, self.envelope.sets,
                      advices.found_cents)  # fmt: skip
        return Transmission(self.envelope.identity, self.detail.hexdigest(), *counts)
