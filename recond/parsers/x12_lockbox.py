"""The 823: the detail of a lockbox, DEP > BAT > BPR > RMR (formats section 6).

    DEP deposit, with its total (AMT) and its counts (QTY 41 batches, 42 checks)
    BAT batch, with its total and its count of checks · BPR a check · RMR what it pays

Each BAT is a batch; the checks of a deposit without BAT are one. A batch total that is wrong holds
the batch, a deposit total that is wrong all batches of the deposit.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.controls import REQUIRED
from recond.model import RECEIPTS, REMITTANCES, Format
from recond.parsers.columns import Ints, Mask
from recond.parsers.dates import NO_DATE, date_column
from recond.parsers.notes import Notes
from recond.parsers.x12_amounts import decimal_cents, span_cents
from recond.parsers.x12_envelope import segment_place
from recond.parsers.x12_lines import NETTED, Lines, remittance_lines, verdict
from recond.parsers.x12_segments import Segments, code
from recond.parsers.x12_sets import LOCKBOX, Sets
from recond.parsers.x12_tables import day8, table_of

_LEVELS = ("ST", "DEP", "BAT", "BPR", "SE")
_BATCHES, _CHECKS = "41", "42"  # QTY01
_EPOCH = dt.date(1970, 1, 1)
_AGAIN = "Ask the bank for the file again."


@dataclass(slots=True)
class Slip:
    """A deposit or a batch of it: what it declares and what was found."""

    name: str
    line: int
    offset: int
    day: int
    ord: int = 0  # of a batch
    cents: int = 0
    checks: int = 0
    declared_cents: int | None = None
    declared_checks: int | None = None
    declared_batches: int | None = None
    batches: list[Slip] = field(default_factory=list)  # of a deposit


@dataclass(slots=True)
class Checks:
    """What the 823 of a file have come to so far. `ords` hands out batch numbers of the file."""

    fmt: Format
    notes: Notes
    ordinal: int = 0
    deposit: Slip | None = None
    batch: Slip | None = None
    by_set: dict[int, list[Slip]] = field(default_factory=dict)  # batches by the block's sets
    checks: int = 0
    cents: int = 0
    declared_cents: int | None = None
    declared_checks: int | None = None
    controls: list[tuple[Any, ...]] = field(default_factory=list)
    closed: list[Slip] = field(default_factory=list)
    _ended: list[Slip] = field(default_factory=list)
    _set: int = 0  # whose segments are walked

    def take(
        self, segments: Segments, sets: Sets, next_ord: int
    ) -> tuple[dict[str, pa.Table], int]:
        """Receipts and remittances of a block; batches are numbered from `next_ord` on."""
        chosen = sets.inside((LOCKBOX,))
        opener = np.zeros(len(segments), dtype=np.bool_)
        for tag in _LEVELS:
            opener |= segments.tag == code(tag)
        level = np.maximum.accumulate(np.where(opener, np.arange(len(segments)), -1))
        checks = np.flatnonzero((segments.tag == code("BPR")) & chosen)
        next_ord, batches = self._walk(segments, sets, (chosen, level), checks, next_ord)
        if not len(checks):
            return {}, next_ord
        is_check = np.zeros(len(segments), dtype=np.bool_)
        is_check[checks] = True
        group = np.cumsum(is_check) - 1  # a BPR that stands in no set is no check
        within = chosen & (level >= 0) & is_check[level]
        lines = remittance_lines(segments, np.maximum(group, 0), len(checks), chosen)
        return self._tables(segments, checks, group, within, lines, batches), next_ord

    # --- deposits and batches --------------------------------------------------------------------

    def _walk(
        self, segments: Segments, sets: Sets, rows: tuple[Mask, Ints], checks: Ints, next_ord: int
    ) -> tuple[int, list[Slip]]:
        """Open and close deposits and batches; the batch of each check. `rows` says which segments
        are an 823's, and which segment opened the level of each. A loop over deposits, batches and
        their totals, and over the first check of each."""
        (chosen, level), tags = rows, segments.tag
        above = np.where(level >= 0, tags[level], 0)
        total = ((tags == code("AMT")) | (tags == code("QTY"))) & (
            (above == code("DEP")) | (above == code("BAT"))
        )
        events = np.zeros(len(segments), dtype=np.bool_)
        for tag in ("DEP", "BAT", "SE"):
            events |= tags == code(tag)
        before = np.concatenate([np.zeros(1, np.int64), above[:-1]])
        leading = (tags == code("BPR")) & (before != code("BPR"))
        slips = [] if self.batch is None else [self.batch]
        at = [-1] * len(slips)
        for row in np.flatnonzero(chosen & (events | total | leading)).tolist():
            self._set = int(sets.of[row])
            match segments.name(row):
                case "DEP":
                    self.close_deposit()
                    self._open_deposit(segments, row)
                case "BAT":
                    next_ord = self._open_batch(segments, row, next_ord)
                case "SE":
                    self.close_deposit()
                case "BPR":
                    if self.batch is None:
                        next_ord = self._open_batch(segments, row, next_ord)
                case name:
                    self._declare(segments, row, name)
            if self.batch is not None and (not slips or slips[-1] is not self.batch):
                slips.append(self.batch)
                at.append(row)
        place = np.searchsorted(np.array(at, dtype=np.int64), checks, side="right") - 1
        return next_ord, [slips[one] for one in place.tolist()]

    def _day(self, segments: Segments, row: int, element: int) -> int:
        text = segments.text(row, element)
        date = day8(text)
        day = NO_DATE if date is None else (date - _EPOCH).days
        if day == NO_DATE and text:
            name = f"{segments.name(row)}{element:02d}"
            self.notes.add(
                "DATE_UNUSUAL", f"{name} reads '{text}' and is no date (CCYYMMDD).",
                **segment_place(segments, row, name),
            )  # fmt: skip
        return day

    def _open_deposit(self, segments: Segments, row: int) -> None:
        line, offset = segments.place(row)
        name = segments.text(row, 1) or "without a number"
        self.deposit = Slip(name, line, offset, self._day(segments, row, 2))

    def _open_batch(self, segments: Segments, row: int, next_ord: int) -> int:
        line, offset = segments.place(row)
        deposit = self.deposit
        if deposit is None:
            self.notes.add(
                "FILE_STRUCTURE", f"A {segments.name(row)} stands in no deposit (DEP). {_AGAIN}",
                **segment_place(segments, row, segments.name(row)),
            )  # fmt: skip
            deposit = self.deposit = Slip("without a number", line, offset, NO_DATE)
        if segments.name(row) == "BAT":
            day = self._day(segments, row, 1)
            name = segments.text(row, 3) or deposit.name
        else:
            day, name = deposit.day, deposit.name
        self.batch = Slip(name, line, offset, deposit.day if day == NO_DATE else day, next_ord)
        deposit.batches.append(self.batch)
        self.by_set.setdefault(self._set, []).append(self.batch)
        return next_ord + 1

    def _declare(self, segments: Segments, row: int, name: str) -> None:
        """AMT or QTY of the deposit or batch that is open."""
        batch = self.batch
        slip = batch or self.deposit
        if slip is None:
            return
        text, what = segments.text(row, 2), segments.text(row, 1)
        number = decimal_cents(text)
        if number is None or (name == "QTY" and number % 100):
            self.notes.add(
                "FILE_STRUCTURE",
                f"{name}02 reads '{text}' and is no {'amount' if name == 'AMT' else 'number'}. "
                f"{_AGAIN}",
                **segment_place(segments, row, f"{name}02"),
            )
        elif name == "AMT":
            again = slip.declared_cents is not None and slip.declared_cents != number
            slip.declared_cents = number
            if again:
                self._contradict(segments, row, "AMT02")
        elif what == _CHECKS or slip is batch:
            slip.declared_checks = number // 100
        elif what == _BATCHES:
            slip.declared_batches = number // 100
        else:
            self.notes.add(
                "CODE_UNKNOWN",
                f"QTY01 reads '{what}', which counts neither batches (41) nor checks (42); it was "
                "compared with nothing.",
                **segment_place(segments, row, "QTY01"),
            )

    def _contradict(self, segments: Segments, row: int, element: str) -> None:
        self.notes.add(
            "FILE_STRUCTURE", f"A second total contradicts the first. {_AGAIN}",
            **segment_place(segments, row, element),
        )  # fmt: skip

    def close_deposit(self) -> None:
        """End the open deposit, if there is one; `settle` judges it when its checks are counted."""
        if self.deposit is not None:
            self._ended.append(self.deposit)
        self.deposit = self.batch = None

    def settle(self) -> None:
        """The controls of the deposits that ended, and of their batches."""
        ended, self._ended = self._ended, []
        for deposit in ended:
            self._settle(deposit)

    def _settle(self, deposit: Slip) -> None:
        batches = deposit.batches
        for one in batches:
            self._close_batch(one)
        cents, checks = sum(one.cents for one in batches), sum(one.checks for one in batches)
        said = sum(one.cents if one.declared_cents is None else one.declared_cents
                   for one in batches)  # fmt: skip
        if deposit.declared_cents == said:
            cents = said  # right when it equals its batches' declared totals (contract 5)
        name = f"deposit {deposit.name}"
        where = (deposit.line, deposit.offset)
        total, count = ("DEPOSIT_TOTAL_WRONG", "DEPOSIT_COUNT_WRONG") if batches else (
            "FILE_TOTAL_WRONG", "FILE_COUNT_WRONG")  # fmt: skip
        for number in (one.ord for one in batches) if batches else (None,):
            self.controls += [
                (total, number, f"checks of {name}{REQUIRED}", "cents", deposit.declared_cents,
                 cents, *where, "AMT02"),
                (count, number, f"checks of {name}", "count", deposit.declared_checks, checks,
                 *where, "QTY02"),
                (count, number, f"batches of {name}", "count", deposit.declared_batches,
                 len(batches), *where, "QTY02"),
            ]  # fmt: skip
        if deposit.declared_cents is not None:
            self.declared_cents = (self.declared_cents or 0) + deposit.declared_cents
        if deposit.declared_checks is not None:
            self.declared_checks = (self.declared_checks or 0) + deposit.declared_checks

    def _close_batch(self, one: Slip) -> None:
        self.closed.append(one)
        where = (one.line, one.offset)
        name = f"checks of batch {one.name}"
        self.controls += [
            ("BATCH_TOTAL_WRONG", one.ord, name, "cents", one.declared_cents, one.cents, *where,
             "AMT02"),
            ("BATCH_COUNT_WRONG", one.ord, name, "count", one.declared_checks, one.checks, *where,
             "QTY02"),
        ]  # fmt: skip

    def carry(self, sets: Sets) -> None:
        """End a block: the batches of the set that goes on are those of the next block's first."""
        last = self.by_set.get(len(sets) - 1, []) if sets.still_open else []
        self.by_set = {0: last}

    # --- checks ----------------------------------------------------------------------------------

    def _tables(
        self, segments: Segments, checks: Ints, group: Ints, within: Mask, lines: Lines,
        batches: list[Slip],
    ) -> dict[str, pa.Table]:  # fmt: skip
        cents, bad = span_cents(segments.data, *segments.spans(checks, 2))
        bad |= cents < 0
        cents[bad] = 0
        sequence = _counted(batches)
        for one, count, amount in zip(batches, sequence.tolist(), cents.tolist(), strict=True):
            one.checks, one.cents = count, one.cents + amount
        self.checks += len(checks)
        self.cents += int(cents.sum())
        ords = np.array([one.ord for one in batches], dtype=np.int64)
        self._tell_wrong(segments, checks, bad, ords, lines)
        ordinal = self.ordinal + 1 + np.arange(len(checks))
        self.ordinal += len(checks)
        dates = date_column(np.array([one.day for one in batches], dtype=np.int64))
        references = segments.column(lines.row, 2)
        columns = {
            "ordinal": ordinal, **_place(segments, checks), "batch_ord": ords,
            "batch": pa.array([one.name for one in batches], pa.string()),
            "sequence": pa.array(sequence).cast(pa.string()),
            "channel": pa.repeat(self.fmt.channel or "LOCKBOX", len(checks)),
            "tender": pa.repeat(self.fmt.tender or "CHECK", len(checks)),
            "amount_cents": cents, "received_date": dates, "deposit_date": dates,
            "account_on_item": _joined(segments, lines, references, {"11", "AC"}),
            "reference": _joined(segments, lines, references, None),
            "check_number": self._check_numbers(segments, checks, group, within),
            "payer_name": _first(segments, checks, group, within, "N1", "PR", 2),
            "payer_account": _payer_accounts(segments, checks),
        }  # fmt: skip
        return {
            "receipts": table_of(RECEIPTS, columns, len(checks)),
            "remittances": _remittances(segments, lines, references, ordinal, cents),
        }

    def _check_numbers(
        self, segments: Segments, checks: Ints, group: Ints, within: Mask
    ) -> pa.Array:
        numbers = _first(segments, checks, group, within, "REF", "CK", 2)
        return pc.coalesce(numbers, _first(segments, checks, group, within, "TRN", None, 2))

    def _tell_wrong(
        self, segments: Segments, checks: Ints, bad: Mask, ords: Ints, lines: Lines
    ) -> None:
        wrong = [(int(checks[at]), "BPR02", int(ords[at])) for at in np.flatnonzero(bad)]
        wrong += [(row, element, int(ords[max(int(np.searchsorted(checks, row)) - 1, 0)]))
                  for row, element in lines.wrong]  # fmt: skip
        for row, element, batch_ord in wrong:
            text = segments.text(row, int(element[3:]))
            what = f"reads '{text}' and is no amount" if text else "is empty"
            self.notes.add(
                "BATCH_UNREADABLE", f"{element} {what}. {_AGAIN}", batch_ord=batch_ord,
                **segment_place(segments, row, element),
            )  # fmt: skip
        directions = segments.column(checks, 3)
        debit = pc.not_equal(pc.fill_null(directions, "C"), "C").to_numpy(zero_copy_only=False)
        for at in np.flatnonzero(debit).tolist():
            self.notes.add(
                "BATCH_STRUCTURE",
                f"BPR03 reads '{directions[at].as_py()}': a lockbox holds credits (C) only.",
                batch_ord=int(ords[at]), **segment_place(segments, int(checks[at]), "BPR03"),
            )  # fmt: skip


def _counted(batches: list[Slip]) -> Ints:
    """The number of each check in its batch, from 1, gone on from block to block."""
    numbers = np.zeros(len(batches), dtype=np.int64)
    last: Slip | None = None
    count = 0
    for at, one in enumerate(batches):
        count = count + 1 if one is last else one.checks + 1
        last = one
        numbers[at] = count
    return numbers


def _place(segments: Segments, rows: Ints) -> dict[str, Any]:
    return {
        "line": segments.lines(rows),
        "byte_offset": segments.offsets(rows),
        "byte_length": segments.end[rows] - segments.start[rows],
    }


def _first(
    segments: Segments, checks: Ints, group: Ints, within: Mask, tag: str, qualifier: str | None,
    element: int,
) -> pa.Array:  # fmt: skip
    """An element of the first segment of that name (and qualifier) behind each check."""
    at = np.flatnonzero((segments.tag == code(tag)) & within)
    if qualifier is not None and len(at):
        right = pc.fill_null(pc.equal(segments.column(at, 1), qualifier), False)
        at = at[right.to_numpy(zero_copy_only=False)]
    rows = np.full(len(checks), -1)
    rows[group[at[::-1]]] = at[::-1]
    return segments.column(rows, element)


def _payer_accounts(segments: Segments, checks: Ints) -> pa.Array:
    """Routing and account of the payer, BPR07 and BPR09, null where neither is given."""
    routing, account = (pc.fill_null(segments.column(checks, one), "") for one in (7, 9))
    both = pc.binary_join_element_wise(routing, account, "")
    return pc.if_else(pc.equal(both, ""), pa.scalar(None, pa.string()), both)


def _joined(
    segments: Segments, lines: Lines, references: pa.Array, kinds: set[str] | None
) -> pa.Array:
    """References of each check, several joined by ';', null where there is none."""
    group, texts = lines.group, references
    if kinds is not None:
        right = pc.is_in(segments.column(lines.row, 1), value_set=pa.array(sorted(kinds)))
        group = group[right.to_numpy(zero_copy_only=False)]
        texts = references.filter(right)
    valid = texts.is_valid().to_numpy(zero_copy_only=False)
    group, texts = group[valid], texts.drop_null()
    counts = np.bincount(group, minlength=len(lines.counts))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int32)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), texts), ";")
    return pc.if_else(pa.array(counts > 0), joined, pa.scalar(None, pa.string()))


def _remittances(
    segments: Segments, lines: Lines, references: pa.Array, ordinal: Ints, cents: Ints
) -> pa.Table:
    how = verdict(cents, lines.named, lines.inner, lines.outer)
    net = how[lines.group] == NETTED
    first = np.searchsorted(lines.group, lines.group, side="left")
    columns = {
        "ordinal": ordinal[lines.group],
        "sequence": np.arange(len(lines.row)) - first + 1,
        **_place(segments, lines.row),
        "kind": pa.repeat("REFERENCE", len(lines.row)),
        "reference": references,
        "amount_cents": pa.array(lines.cents + np.where(net, lines.adjusted, 0), mask=~lines.given),
    }
    return table_of(REMITTANCES, columns, len(lines.row))
