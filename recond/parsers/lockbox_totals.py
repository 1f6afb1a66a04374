"""Totals of a lockbox file: records 7, 8 and 9, one by one, for a batch has one of each at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recond.parsers.columns import Bytes, Ints
from recond.parsers.lockbox_state import State, printed, text_of

if TYPE_CHECKING:
    from recond.parsers.lockbox import Columns


def take_totals(state: State, view: Bytes, kinds: Bytes, batch_ord: Ints) -> None:
    """Records 7 and 8, in their order: a loop over totals, of which a batch has one."""
    seven, eight = state.layout.batch_total, state.layout.box_total
    for row in np.flatnonzero((kinds == ord("7")) | (kinds == ord("8"))):
        record = seven if kinds[row] == ord("7") else eight
        line = int(state.lines[row])
        count, cents = (_figure(view, int(row), span) for span in (record.count, record.amount))
        number = int(batch_ord[row])
        if count is None or cents is None:
            here = kinds[row] == ord("7") and number > 0
            state.notes.add(
                "BATCH_UNREADABLE" if here else "RECORD_UNREADABLE",
                "A total cannot be read; ask the bank for the file again.",
                line=line,
                field=printed((record.count[0], record.amount[1])),
                batch_ord=number if here else None,
            )
            continue
        if kinds[row] == ord("8"):
            state.close_box(count, cents, line, number)
        elif number > 0:
            _take_batch_total(state, view, int(row), number, count, cents)


def _take_batch_total(
    state: State, view: Bytes, row: int, number: int, count: int, cents: int
) -> None:
    batch = state.batches[number - 1]
    line = int(state.lines[row])
    said = text_of(view, row, state.layout.batch_total.batch)
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


def _figure(view: Bytes, row: int, span: Columns) -> int | None:
    raw = view[row, span[0] : span[1]].tobytes()
    return int(raw) if raw.isdigit() else None


def take_trailer(state: State, view: Bytes, kinds: Bytes) -> None:
    """Record 9: how many records the file holds."""
    span = state.layout.trailer.records
    for row in np.flatnonzero(kinds == ord("9")):
        state.trailer = True
        declared = _figure(view, int(row), span)
        line = int(state.lines[row])
        if declared is None:
            state.notes.add("RECORD_UNREADABLE", "The record count cannot be read.", line=line,
                            field=printed(span))  # fmt: skip
        else:
            # Like other counts: a file may hold more records than the field can say.
            found = state.records % 10 ** (span[1] - span[0])
            state.control("FILE_COUNT_WRONG", "records of the file", "count", declared, found,
                          line, printed(span))  # fmt: skip
