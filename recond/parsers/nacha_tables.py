"""Receipts, remittances and records set aside, as tables, from the entries of a NACHA file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.model import RECEIPTS, SET_ASIDE, Format
from recond.parsers.columns import SPACE, Bytes, Ints, constant, text_column
from recond.parsers.nacha_batches import Reading
from recond.parsers.nacha_checks import DECLARE_ADDENDA
from recond.parsers.nacha_entries import (
    ADVICE,
    CREDIT,
    DEBIT,
    NOC,
    NOC_ADDENDA,
    PRENOTE,
    RECEIPT,
    RETURN,
    RETURN_ADDENDA,
    UNREADABLE,
    Block,
)
from recond.parsers.nacha_said import Said, dollars, of_those, place_of, table_of, view_of
from recond.parsers.spans import repeated

KIND_NAMES = {
    CREDIT: "CREDIT",
    DEBIT: "DEBIT",
    RETURN: "RETURN",
    NOC: "NOC",
    PRENOTE: "PRENOTE",
    ADVICE: "ADVICE",
    UNREADABLE: "UNREADABLE",
}
_WORDS = {
    CREDIT: "credit",
    DEBIT: "debit",
    RETURN: "return",
    NOC: "notice of change",
    PRENOTE: "prenote",
    ADVICE: "advice",
}


def block_tables(reading: Reading, block: Block, fmt: Format) -> dict[str, pa.Table]:
    """The `model.TABLES` that a block of entries fills, numbered on from the last block."""
    tables: dict[str, pa.Table] = {}
    received = block.kind == RECEIPT
    chosen = np.flatnonzero(received)
    if len(chosen):
        ordinal = np.arange(reading.ordinal + 1, reading.ordinal + 1 + len(chosen))
        reading.ordinal += len(chosen)
        said = Said(reading, block, chosen, ordinal)
        tables["receipts"] = _receipts(block, chosen, ordinal, said, fmt)
        tables["remittances"] = said.table()
    if len(chosen) < len(received):
        aside = np.flatnonzero(~received)
        ordinal = np.arange(reading.aside + 1, reading.aside + 1 + len(aside))
        reading.aside += len(aside)
        tables["set_aside"] = _set_aside(block, aside, ordinal)
    return tables


def _by_batch(block: Block, chosen: Ints, values: list[Any], kind: pa.DataType) -> pa.Array:
    """For each chosen entry the value of its batch."""
    cuts = block.cuts
    if len(chosen) != len(block.seg):
        cuts = np.searchsorted(block.seg[chosen], np.arange(len(block.batches) + 1))
    counts = np.diff(cuts)
    if kind == pa.string():
        return repeated(values, counts)
    if None not in values:
        return pa.array(np.repeat(np.array(values, dtype=np.int32), counts), type=kind)
    return pa.array(values, type=kind).take(pa.array(np.repeat(np.arange(len(values)), counts)))


def _payers(block: Block, chosen: Ints, view: Bytes) -> pa.Array:
    """Names of entries, the company of the batch where an entry has none."""
    names = _names(block, chosen, view)
    if not names.null_count:
        return names
    companies = [batch.company or None for batch in block.batches]
    return pc.coalesce(names, _by_batch(block, chosen, companies, pa.string()))


def _names(block: Block, chosen: Ints, view: Bytes) -> pa.Array:
    """Names of entries, columns 55-76; 59-74 where the number of addenda stands before."""
    if block.classes.isdisjoint(DECLARE_ADDENDA):
        return text_column(view[:, 54:76], plain=block.rows.plain)
    short = block.of_batch(lambda batch: batch.sec in DECLARE_ADDENDA)[chosen]
    if not short.any():
        return text_column(view[:, 54:76], plain=block.rows.plain)
    names = view[:, 54:76].copy()
    names[short, :4] = SPACE
    names[short, 20:] = SPACE
    return text_column(names)


def _receipts(block: Block, chosen: Ints, ordinal: Ints, said: Said, fmt: Format) -> pa.Table:
    view = view_of(block, chosen)
    count, plain = len(chosen), block.rows.plain
    days = _by_batch(block, chosen, [batch.effective for batch in block.batches], pa.int32())
    dates = days.view(pa.date32())
    columns = {
        "ordinal": ordinal,
        **said.place,
        "batch_ord": _by_batch(block, chosen, [batch.ord for batch in block.batches], pa.int32()),
        "batch": _by_batch(block, chosen, [batch.number for batch in block.batches], pa.string()),
        "sequence": text_column(view[:, 87:94], plain=plain),
        "channel": constant(fmt.channel or "ACH_CREDIT", count),
        "tender": constant(fmt.tender or "ACH", count),
        "amount_cents": of_those(block.amount, chosen),
        "received_date": dates,
        "deposit_date": dates,
        "account_on_item": said.identity,
        "reference": said.references(),
        "trace_number": text_column(view[:, 79:94], plain=plain),
        "payer_name": _payers(block, chosen, view),
        "payer_account": text_column(view[:, 3:29], plain=plain),
    }
    return table_of(RECEIPTS, columns, count)


def _set_aside(block: Block, chosen: Ints, ordinal: Ints) -> pa.Table:
    """Returns, notices, debits, prenotes and advices: kept and asked about."""
    view, count = block.view[chosen], len(chosen)
    kind = block.kind[chosen]
    names = np.array(["", *(KIND_NAMES.get(one, "") for one in range(1, 9))], dtype=object)
    foreign = block.of_batch(lambda batch: batch.sec == "IAT")[chosen]
    adv = block.of_batch(lambda batch: batch.adv)[chosen]
    none = pa.scalar(None, pa.string())
    code, original = text_column(view[:, 1:3]), pa.nulls(count, pa.string())
    for addenda in (NOC_ADDENDA, RETURN_ADDENDA):
        first = block.addenda_row(addenda)[chosen]
        last = block.addenda_row(addenda, last=True)[chosen]
        held = pa.array(first >= 0)
        if (first >= 0).any():
            reasons = text_column(block.rows.view[last, 3:6])
            code = pc.if_else(held, reasons, code)
            original = pc.if_else(held, text_column(block.rows.view[first, 6:21]), original)
    days = _by_batch(block, chosen, [batch.effective for batch in block.batches], pa.int32())
    columns = {
        "ordinal": ordinal,
        **place_of(block, block.place[chosen]),
        "batch_ord": _by_batch(block, chosen, [batch.ord for batch in block.batches], pa.int32()),
        "kind": pa.array(names[kind]),
        "code": code,
        "amount_cents": pa.array(block.amount[chosen], mask=kind == UNREADABLE),
        "trace_number": pc.if_else(pa.array(adv), none, text_column(view[:, 79:94])),
        "original": original,
        "reference": pc.if_else(pa.array(adv | foreign), none, text_column(view[:, 39:54])),
        "payer_name": pc.if_else(pa.array(foreign), none, _names(block, chosen, view)),
        "effective_date": days.view(pa.date32()),
    }
    return table_of(SET_ASIDE, columns, count)


def _plural(word: str, count: int) -> str:
    first, *rest = word.split(" ")
    return word if count == 1 else " ".join([first + "s", *rest])


def waiting_sentence(kinds: dict[int, list[int]]) -> str | None:
    """What of a batch waits, in words, from records and cents by kind; None when nothing does."""
    parts = [
        f"{records} {_plural(_WORDS[kind], records)} of {dollars(cents)}"
        for kind, (records, cents) in sorted(kinds.items())
        if kind in _WORDS
    ]
    return ", ".join(parts) if parts else None
