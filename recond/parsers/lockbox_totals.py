"""Totals of a lockbox file: records 7, 8 and 9, one by one, for a batch has one of each at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recond.parsers.columns import Bytes, Ints
from recond.parsers.lockbox_state import State, printed

if TYPE_CHECKING:
    from recond.parsers.lockbox import Columns


def take_totals(state: State, view: Bytes, kinds: Bytes, batch_ord: Ints) -> None:
    """Records 7 and 8, in their order: a loop over totals, of which a batch has one."""
    seven, eight = state.layout.batch_total, state.layout.box_total
    rows = np.flatnonzero((kinds == ord("7")) | (kinds == ord("8")))
    places = zip(state.lines[rows].tolist(), batch_ord[rows].tolist(), strict=True)
    for raw, (line, number) in zip(view[rows], places, strict=True):
        text = raw.tobytes()
        of_batch = text[0] == ord("7")
        record = seven if of_batch else eight
        count, cents = _figure(text, record.count), _figure(text, record.amount)
        if count is None or cents is None:
            here = of_batch and number > 0
            state.notes.add(
                "BATCH_UNREADABLE" if here else "RECORD_UNREADABLE",
                "A total cannot be read; ask the bank for the file again.",
                line=line,
                field=printed((record.count[0], record.amount[1])),
                batch_ord=number if here else None,
            )
            continue
        if not of_batch:
            state.close_box(count, cents, line, number)
        elif number > 0:
            _take_batch_total(state, text, line, number, count, cents)


def _take_batch_total(
    state: State, text: bytes, line: int, number: int, count: int, cents: int
) -> None:
    batch = state.batches[number - 1]
    first, last = state.layout.batch_total.batch
    said = text[first:last].decode("latin-1").strip()
    batch.take_number(said)
    if said != batch.number:
        state.notes.add(
            "BATCH_STRUCTURE",
            f"The total is of batch {said}, its header of batch {batch.number}.",
            line=line,
            field=printed(state.layout.batch_total.batch),
            batch_ord=number,
        )
    batch.declared_count, batch.declared_cents, batch.total_line = count, cents, line


def _figure(text: bytes, span: Columns) -> int | None:
    raw = text[span[0] : span[1]]
    return int(raw) if raw.isdigit() else None


def take_trailer(state: State, view: Bytes, kinds: Bytes) -> None:
    """Record 9: how many records the file holds."""
    span = state.layout.trailer.records
    for row in np.flatnonzero(kinds == ord("9")):
        state.trailer = True
        declared = _figure(view[row].tobytes(), span)
        line = int(state.lines[row])
        if declared is None:
            state.notes.add("RECORD_UNREADABLE", "The record count cannot be read.", line=line,
                            field=printed(span))  # fmt: skip
        else:
            # Like other counts: a file may hold more records than the field can say.
            found = state.records % 10 ** (span[1] - span[0])
            state.control("FILE_COUNT_WRONG", "records of the file", "count", declared, found,
                          line, printed(span))  # fmt: skip
