"""The overflow records of a lockbox file (record 4): what a check's stubs say it is for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recond.model import REMITTANCES
from recond.parsers.columns import Bytes, Ints, LineBlock, Mask, constant, digits, text_column
from recond.parsers.lockbox_state import State, field_of, printed, text_of


def remittances_of(
    state: State, block: LineBlock, view: Bytes, kinds: Bytes, ordinal: Ints, batch_ord: Ints
) -> tuple[pa.Table, list[int]]:
    """REMITTANCES of a chunk's overflow records, and the ordinals of checks that have one which
    cannot be read: of such a check no remittance is believed."""
    rows = np.flatnonzero(kinds == ord("4"))
    layout = state.layout.overflow
    if not len(rows):
        return REMITTANCES.empty_table(), []
    owner_row = _owners(kinds == ord("6"), state.layout.overflow_first)[rows]
    owner = ordinal[owner_row]
    sequence, unread = digits(field_of(view, rows, layout.sequence))
    place = _place_within(owner_row)
    own, check = state.layout.overflow, state.layout.check
    same = (field_of(view, rows, own.batch) == field_of(view, owner_row, check.batch)).all(axis=1)
    same &= (field_of(view, rows, own.item) == field_of(view, owner_row, check.item)).all(axis=1)
    same &= owner_row >= 0
    last = np.concatenate([owner_row[1:] != owner_row[:-1], np.array([True])])
    ended = field_of(view, rows, own.indicator)[:, 0] == ord("9")
    kind = field_of(view, rows, own.overflowed)[:, 0] == ord("6")
    wrap = 10 ** (layout.sequence[1] - layout.sequence[0])
    wrong = unread | (sequence != place % wrap) | ~same | (ended != last) | ~kind
    _note_overflow(state, view, rows, wrong, same, batch_ord)
    amount_view = field_of(view, rows, own.amount)
    blank = (amount_view == ord(" ")).all(axis=1)
    cents, garbled = digits(amount_view)
    garbled &= ~blank
    spoiled = _note_amounts(state, view, rows[garbled], owner[garbled])
    table = pa.table(
        {
            "ordinal": pa.array(owner),
            "sequence": pa.array(place.astype(np.int32)),
            "line": pa.array(state.lines[rows]),
            "byte_offset": pa.array(block.offset + block.starts[rows]),
            "byte_length": pa.array(block.ends[rows] - block.starts[rows]),
            "kind": constant("REFERENCE", len(rows)),
            "reference": text_column(field_of(view, rows, own.reference)),
            "amount_cents": pa.array(cents, mask=blank | garbled),
        },
        schema=REMITTANCES,
    )
    return table if same.all() else table.filter(pa.array(same)), spoiled


def _owners(is_check: Mask, overflow_first: bool) -> Ints:
    """The row of each record's check: the one before it, or behind it where overflow records
    come first; -1 where there is none."""
    places = np.arange(len(is_check))
    if not overflow_first:
        return np.maximum.accumulate(np.where(is_check, places, -1))
    after = np.minimum.accumulate(np.where(is_check, places, len(is_check))[::-1])[::-1]
    return np.where(after == len(is_check), -1, after)


def _place_within(owner: Ints) -> Ints:
    """1, 2, 3 … within each run of equal owners."""
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    lengths = np.diff(np.r_[starts, len(owner)])
    return np.arange(len(owner)) - np.repeat(starts, lengths) + 1


def _note_overflow(
    state: State, view: Bytes, rows: Ints, wrong: Mask, same: Mask, batch_ord: Ints
) -> None:
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


def _note_amounts(state: State, view: Bytes, rows: Ints, owner: Ints) -> list[int]:
    span = state.layout.overflow.amount
    for row, check in zip(rows, owner, strict=True):
        state.notes.add(
            "REMITTANCE_UNREADABLE",
            f"The amount of a stub reads {text_of(view, int(row), span)!r}; the whole check waits.",
            line=int(state.lines[row]),
            field=printed(span),
            ordinal=int(check),
        )
    return sorted({int(number) for number in owner})
