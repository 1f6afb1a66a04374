"""The overflow records of a lockbox file (record 4): what a check's stubs say it is for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recond.model import REMITTANCES
from recond.parsers.columns import (
    Ints,
    LineBlock,
    Mask,
    blank_from,
    constant,
    nothing,
    text_column,
)
from recond.parsers.figures import digits, same_bytes
from recond.parsers.lockbox_state import Picked, State, printed

_NONE = REMITTANCES.empty_table()


def remittances_of(
    state: State, block: LineBlock, checks: Picked, stubs: Picked, ordinal: Ints, batch_ord: Ints
) -> tuple[pa.Table, list[int]]:
    """REMITTANCES of a chunk's overflow records, and the ordinals of checks that have one which
    cannot be read: of such a check no remittance is believed."""
    rows = stubs.rows
    layout, check = state.layout.overflow, state.layout.check
    if not len(rows):
        return _NONE, []
    of = _checks_of(checks.rows, rows, state.layout.overflow_first)
    owner = ordinal[checks.rows[of]] if len(checks.rows) else ordinal[rows]
    sequence, unread = digits(stubs.field(layout.sequence))
    last = np.ones(len(of), dtype=np.bool_)
    np.not_equal(of[1:], of[:-1], out=last[:-1])
    place = _place_within(last)
    same = of >= 0
    if same.any():
        same &= same_bytes(stubs.field(layout.batch), checks.field(check.batch), of)
        same &= same_bytes(stubs.field(layout.item), checks.field(check.item), of)
    ended = stubs.field(layout.indicator)[:, 0] == ord("9")
    kind = stubs.field(layout.overflowed)[:, 0] == ord("6")
    wrap = 10 ** (layout.sequence[1] - layout.sequence[0])
    number = place if int(place.max()) < wrap else place % wrap
    wrong = unread | (sequence != number) | ~same | (ended != last) | ~kind
    _note_overflow(state, rows, wrong, same, batch_ord)
    amounts = stubs.field(layout.amount)
    spoiled: list[int] = []
    if blank_from(amounts, 0):  # as where the whole check is meant
        said = nothing(pa.int64(), len(rows))
    else:
        blank = (amounts == ord(" ")).all(axis=1)
        cents, garbled = digits(amounts)
        garbled &= ~blank
        spoiled = _note_amounts(state, stubs, garbled, owner)
        said = pa.array(cents, mask=blank | garbled)
    starts = block.starts.take(rows)
    columns = {
        "ordinal": pa.array(owner),
        "sequence": pa.array(place.astype(np.int32)),
        "line": pa.array(state.lines.take(rows)),
        "byte_offset": pa.array(starts + block.offset),
        "byte_length": pa.array(block.ends.take(rows) - starts),
        "kind": constant("REFERENCE", len(rows)),
        "reference": text_column(stubs.field(layout.reference)),
        "amount_cents": said,
    }
    table = pa.Table.from_arrays([columns[name] for name in REMITTANCES.names], schema=REMITTANCES)
    return table if same.all() else table.filter(pa.array(same)), spoiled


def _checks_of(checks: Ints, rows: Ints, overflow_first: bool) -> Ints:
    """The number of each record's check: the one before it, or behind it where overflow records
    come first; -1 where there is none."""
    of = np.searchsorted(checks, rows) - (not overflow_first)
    return np.where(of == len(checks), -1, of)


def _place_within(last: Mask) -> Ints:
    """1, 2, 3 … within each run, from which rows are the last one of theirs."""
    if last.all():  # one a check, as most have
        return np.ones(len(last), dtype=np.int64)
    lengths: Ints = np.diff(np.flatnonzero(last), prepend=-1)
    return np.arange(len(last)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + 1


def _note_overflow(state: State, rows: Ints, wrong: Mask, same: Mask, batch_ord: Ints) -> None:
    own = state.layout.overflow
    found = np.flatnonzero(wrong)
    few = state.notes.first_of_each("BATCH_STRUCTURE", batch_ord[rows[found]])
    for row in found[few]:  # of every batch, for each of them must be held
        words = (
            "An overflow record belongs to another check than the one beside it"
            if not same[row]
            else "Overflow records of a check do not count 01, 02 … to a last one marked 9"
        )
        state.notes.add(
            "BATCH_STRUCTURE",
            f"{words}; ask the bank, or accept the batch as found.",
            line=int(state.lines[rows[row]]),
            field=printed((own.batch[0], own.indicator[1])),
            batch_ord=int(batch_ord[rows[row]]),
        )
    state.notes.count_others()


def _note_amounts(state: State, stubs: Picked, garbled: Mask, owner: Ints) -> list[int]:
    span = state.layout.overflow.amount
    rows = np.flatnonzero(garbled).tolist()
    for row in rows:
        state.notes.add(
            "REMITTANCE_UNREADABLE",
            f"The amount of a stub reads {stubs.text(row, span)!r}; the whole check waits.",
            line=int(state.lines[stubs.rows[row]]),
            field=printed(span),
            ordinal=int(owner[row]),
        )
    return sorted({int(owner[row]) for row in rows})
