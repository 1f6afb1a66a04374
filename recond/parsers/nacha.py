"""NACHA ACH files: 94-character records, blocked by ten (formats section 5).

Every entry class is read for structure and totals; credits of the classes that `Layout` names
are receipts. Returns, notices of change, debits, prenotes and advices move no money: they are
set aside, one question a batch. Files of any size stream in blocks of about two MiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from recond.model import BATCHES, CONTROLS, Format, Parsed, Transmission
from recond.parsers.columns import Ints
from recond.parsers.nacha_batches import (
    Batch,
    Reading,
    blocking,
    close_batch,
    file_control,
    file_header,
    leave_batch,
    open_batch,
)
from recond.parsers.nacha_checks import check_block, check_text, repeated_traces
from recond.parsers.nacha_entries import RECEIPT, Block, Teller, read_entries
from recond.parsers.nacha_records import Rows, record_rows
from recond.parsers.nacha_tables import block_tables, waiting_sentence
from recond.parsers.notes import Notes

HEADER, BATCH, ENTRY, ADDENDA, CONTROL, TRAILER = (ord(kind) for kind in "156789")
_KNOWN = np.zeros(256, dtype=np.bool_)
_KNOWN[[HEADER, BATCH, ENTRY, ADDENDA, CONTROL, TRAILER]] = True
_AGAIN = "Ask the sender for the file again."


class Layout(BaseModel):
    """The `[layout]` table of a NACHA format.

    `receipts`: entry classes whose credits are money received; credits of other classes are set
    aside. `partial`: return files may come without file header and control and without batch
    controls (nothing declares their totals, so credits in them are held).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    receipts: tuple[str, ...] = ("PPD", "CCD", "CTX", "WEB", "TEL", "CIE")
    partial: bool = False


def _order(partial: bool) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which record may follow which: 1 (5 6 7* 8)* 9, and 0 before the first."""
    allowed = np.zeros((256, 256), dtype=np.bool_)
    pairs = ["01", "15", "19", "56", "58", "66", "67", "68", "76", "77", "78", "85", "89"]
    if partial:
        pairs += ["05", "55", "65", "75", "69", "79"]
    for pair in pairs:
        allowed[0 if pair[0] == "0" else ord(pair[0]), ord(pair[1])] = True
    return allowed


_ORDERS = {partial: _order(partial) for partial in (False, True)}
_FOLLOWS = {partial: order.reshape(-1) for partial, order in _ORDERS.items()}
_ROWS = 64  # batches and controls of a file come in tables of so many, and the rest at its end


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Tables and problems of a NACHA file, in chunks of about twenty thousand records.

    The last chunk has the transmission: its identity is the file header's (destination, origin,
    date, time, modifier), its digest is over entries and addenda padded to 94 characters without
    line breaks; counts are of entries and addenda, cents of credits (contract section 5). Bad
    data never raises: it becomes problems, each with line, byte offset and columns.
    """
    layout = fmt.layout
    if not isinstance(layout, Layout):
        raise TypeError(f"format {fmt.name} has no layout of the nacha grammar")
    reading = Reading(Notes(), layout.partial)
    for rows in record_rows(source, reading.notes):
        tables = _read_block(reading, rows, layout, fmt)
        yield _parsed(reading, tables)
    _finish(reading)
    yield _parsed(reading, {}, _transmission(reading))


def _parsed(
    reading: Reading, tables: dict[str, pa.Table], transmission: Transmission | None = None
) -> Parsed:
    for name, schema, taken in (
        ("batches", BATCHES, reading.batch_rows),
        ("controls", CONTROLS, reading.controls),
    ):
        if len(taken) >= _ROWS or (taken and transmission is not None):
            columns = zip(schema, zip(*taken, strict=True), strict=True)
            arrays = [pa.array(values, type=field.type) for field, values in columns]
            tables[name] = pa.Table.from_arrays(arrays, schema=schema)
            taken.clear()
    problems = reading.notes.drain()
    if transmission is not None:
        problems += reading.notes.rest()
    return Parsed(tables, problems, transmission)


def _read_block(reading: Reading, rows: Rows, layout: Layout, fmt: Format) -> dict[str, pa.Table]:
    """One block of records: its body, and what stands at and behind the file control."""
    reading.records += len(rows)
    reading.end = int(rows.line[-1]), int(rows.offset[-1])
    if _plain_body(reading, rows):
        return _body(reading, rows, layout, fmt)
    rows = _known(reading, rows)
    if reading.ended:
        _filler(reading, rows)
        return {}
    kinds = rows.view[:, 0]
    trailers = np.flatnonzero(kinds == TRAILER)
    end = int(trailers[0]) if len(trailers) else len(rows)
    _check_order(reading, rows.part(0, end + 1))
    tables = _body(reading, rows.part(0, end), layout, fmt) if end else {}
    if end < len(rows):
        _trailer(reading, rows, end)
        _filler(reading, rows.part(end + 1, len(rows)))
    return tables


def _plain_body(reading: Reading, rows: Rows) -> bool:
    """Whether all records are of the body and in order: then nothing is to be told of them."""
    if reading.ended:
        return False
    kinds = rows.kinds
    pairs = np.empty(len(kinds), dtype=np.uint16)
    pairs[0] = reading.last
    pairs[1:] = kinds[:-1]
    pairs <<= 8
    pairs |= kinds
    if int(kinds.max()) >= TRAILER or not _FOLLOWS[reading.partial].take(pairs).all():
        return False
    reading.last = int(kinds[-1])
    return True


def _known(reading: Reading, rows: Rows) -> Rows:
    """The records whose type is one of the format; others are told and left where they stand."""
    known = _KNOWN[rows.view[:, 0]]
    if known.all():
        return rows
    unknown = np.flatnonzero(~known)
    for row in unknown[: reading.notes.kept].tolist():
        reading.notes.add(
            "RECORD_UNREADABLE",
            f"The record begins with '{rows.text(row, 0, 1)}', which is no record of this format. "
            f"{_AGAIN}",
            line=int(rows.line[row]),
            byte_offset=int(rows.offset[row]),
            field="1-1",
        )
    reading.notes.count("RECORD_UNREADABLE", max(len(unknown) - reading.notes.kept, 0))
    return Rows(rows.view[known], rows.line[known], rows.offset[known], rows.length[known])


def _check_order(reading: Reading, rows: Rows) -> None:
    """Records come as 1 (5 6 7* 8)* 9."""
    if not len(rows):
        return
    kinds = rows.view[:, 0]
    before = np.concatenate([np.array([reading.last], dtype=np.uint8), kinds[:-1]])
    reading.last = int(kinds[-1])
    wrong = np.flatnonzero(~_ORDERS[reading.partial][before, kinds])
    for row in wrong[: reading.notes.kept].tolist():
        after = f"behind a {chr(before[row])}" if before[row] else "first"
        orphan = before[row] == BATCH and kinds[row] == ADDENDA
        reading.notes.add(
            "FILE_STRUCTURE",
            f"A record {chr(kinds[row])} stands {after}, where the format does not allow it"
            f"{': an addenda without an entry' if orphan else ''}. {_AGAIN}",
            line=int(rows.line[row]),
            byte_offset=int(rows.offset[row]),
            field="1-1",
        )
    reading.notes.count("FILE_STRUCTURE", max(len(wrong) - reading.notes.kept, 0))


def _body(reading: Reading, rows: Rows, layout: Layout, fmt: Format) -> dict[str, pa.Table]:
    """File header, batches, entries and addenda of a block."""
    kinds = rows.kinds
    heads = np.flatnonzero(kinds == BATCH)
    for row in np.flatnonzero(kinds == HEADER).tolist():
        file_header(reading, rows, row)
    segment: Ints = np.cumsum(kinds == BATCH)
    continued = reading.open or Batch(ord=0)
    batches = [continued, *(open_batch(reading, rows, row) for row in heads.tolist())]
    teller = Teller(reading, rows, batches)
    check_text(rows, segment, teller)
    block = read_entries(rows, batches, segment, frozenset(layout.receipts), teller)
    check_block(block, teller)
    _digest(reading, block)
    tables = block_tables(reading, block, fmt)
    controls = np.flatnonzero(kinds == CONTROL)
    starts = [0, *heads.tolist(), len(rows)]
    first = np.searchsorted(controls, starts).tolist()
    for index, batch in enumerate(batches):
        reading.open = batch if batch.ord else None
        if first[index] < first[index + 1] and batch.ord:
            _close(reading, batch, rows, int(controls[first[index]]))
        elif index + 1 < len(batches) and batch.ord:
            _close(reading, batch)
    return tables


def _close(reading: Reading, batch: Batch, rows: Rows | None = None, row: int = 0) -> None:
    """End a batch, with its control or without one, and ask once about what it set aside."""
    repeated_traces(reading, batch)
    waits = waiting_sentence(batch.kinds)
    if waits is not None:
        reading.notes.add(
            "NOT_YET_HANDLED",
            f"Batch {batch.number} ({batch.sec}, {batch.company}) holds {waits}. They are kept "
            "and move no money yet.",
            line=batch.line,
            byte_offset=batch.offset,
            batch_ord=batch.ord,
        )
    if rows is not None:
        close_batch(reading, batch, rows, row)
        return
    leave_batch(reading, batch)
    if RECEIPT in batch.kinds:
        reading.notes.add(
            "BATCH_STRUCTURE",
            f"Batch {batch.number} has no control, so nothing declares what its credits add up "
            f"to. {_AGAIN}",
            line=batch.line,
            byte_offset=batch.offset,
            batch_ord=batch.ord,
        )


def _digest(reading: Reading, block: Block) -> None:
    """Add entries and addenda, 94 characters each, to the digest of the file's detail."""
    view = block.view
    if len(block.extra):
        kinds = block.rows.kinds
        detail = np.flatnonzero((kinds == ENTRY) | (kinds == ADDENDA))
        view = block.rows.view.take(detail, axis=0)
    reading.detail += len(view)
    reading.digest.update(np.ascontiguousarray(view).data)


def _trailer(reading: Reading, rows: Rows, row: int) -> None:
    """The file control, or the filler that stands where it should be."""
    reading.ended = True
    if reading.open is not None:
        _close(reading, reading.open)
    if bool((rows.view[row] == TRAILER).all()):
        _truncated(reading, "Filler stands where the file control (record 9) belongs")
        return
    one = rows.part(row, row + 1)
    check_text(one, np.zeros(1, dtype=np.int64), Teller(reading, one, [Batch()]))
    file_control(reading, rows, row)


def _filler(reading: Reading, rows: Rows) -> None:
    """Nothing but filler, records of nines, stands behind the file control."""
    nines = (rows.view == TRAILER) | (rows.view == ord(" "))
    wrong = np.flatnonzero(~nines.all(axis=1) | (rows.view[:, 0] != TRAILER))
    for row in wrong[: reading.notes.kept].tolist():
        reading.notes.add(
            "FILE_STRUCTURE",
            f"A record {rows.text(row, 0, 1)} stands behind the file control, where only filler "
            f"may stand. {_AGAIN}",
            line=int(rows.line[row]),
            byte_offset=int(rows.offset[row]),
            field="1-1",
        )
    reading.notes.count("FILE_STRUCTURE", max(len(wrong) - reading.notes.kept, 0))


def _truncated(reading: Reading, what: str) -> None:
    if reading.partial:
        reading.notes.add("RECORD_DEVIATES", f"{what}, as this source is allowed to.")
    else:
        line, offset = reading.end
        message = f"{what}, so its end may be missing. {_AGAIN}"
        reading.notes.add("FILE_TRUNCATED", message, line=line, byte_offset=offset)


def _finish(reading: Reading) -> None:
    """What only the end of the file shows."""
    notes = reading.notes
    if not reading.records:
        notes.add("EMPTY_FILE", f"The file has no records. {_AGAIN}")
        return
    if not reading.ended:
        if reading.open is not None:
            _close(reading, reading.open)
        _truncated(reading, f"The file ends after {reading.records} records without a file control")
        return
    if not reading.batches:
        notes.add("NO_ACTIVITY", "The file has no batches: a day without activity.")
    if reading.declared:
        blocking(reading)


def _transmission(reading: Reading) -> Transmission:
    declared = bool(reading.declared)
    return Transmission(
        identity=reading.identity,
        detail_digest=reading.digest.hexdigest() if reading.detail else None,
        declared_count=reading.declared.get("count"),
        declared_cents=reading.declared.get("credit"),
        found_count=reading.found.count if declared else None,
        found_cents=reading.found.credit if declared else None,
    )
