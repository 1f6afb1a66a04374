"""Receipts, remittances and records set aside, as tables, from the entries of a NACHA file."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.model import RECEIPTS, REMITTANCES, SET_ASIDE, Format
from recond.parsers import x12_addenda as x12
from recond.parsers.columns import SPACE, Bytes, Ints, constant, nothing, text_column
from recond.parsers.nacha_batches import Reading
from recond.parsers.nacha_checks import DECLARE_ADDENDA, REMITTANCE
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
PART = 80  # characters of payment related information in one addenda
_X12 = re.compile(rb"(?:ISA|ST|BPR|RMR)[^A-Za-z0-9 ]")


def block_tables(reading: Reading, block: Block, fmt: Format) -> dict[str, pa.Table]:
    """The `model.TABLES` that a block of entries fills, numbered on from the last block."""
    tables: dict[str, pa.Table] = {}
    received = block.kind == RECEIPT
    chosen = np.flatnonzero(received)
    if len(chosen):
        ordinal = np.arange(reading.ordinal + 1, reading.ordinal + 1 + len(chosen))
        reading.ordinal += len(chosen)
        said = _Said(reading, block, chosen, ordinal)
        tables["receipts"] = _receipts(block, chosen, ordinal, said, fmt)
        tables["remittances"] = said.table()
    if len(chosen) < len(received):
        aside = np.flatnonzero(~received)
        ordinal = np.arange(reading.aside + 1, reading.aside + 1 + len(aside))
        reading.aside += len(aside)
        tables["set_aside"] = _set_aside(block, aside, ordinal)
    return tables


def _table(schema: pa.Schema, columns: dict[str, Any], count: int) -> pa.Table:
    """A table of that schema; columns that are not given are null."""
    arrays = [
        nothing(field.type, count) if values is None
        else values if isinstance(values, pa.Array)
        else pa.array(values, type=field.type)
        for field in schema
        for values in (columns.get(field.name),)
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=schema)


def _place(block: Block, row: Ints | None) -> dict[str, Any]:
    """Where some rows stand in the file; None: all of them."""
    rows = block.rows
    columns = {"line": rows.line, "byte_offset": rows.offset, "byte_length": rows.length}
    return {
        name: pa.array(whole if row is None else whole.take(row)) for name, whole in columns.items()
    }


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


def _of(values: Ints, chosen: Ints) -> Ints:
    """Those of the chosen entries, which mostly are all."""
    return values if len(chosen) == len(values) else values.take(chosen)


def _view(block: Block, chosen: Ints) -> Bytes:
    return block.view if len(chosen) == len(block.view) else block.view.take(chosen, axis=0)


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


def _receipts(block: Block, chosen: Ints, ordinal: Ints, said: _Said, fmt: Format) -> pa.Table:
    view = _view(block, chosen)
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
        "amount_cents": _of(block.amount, chosen),
        "received_date": dates,
        "deposit_date": dates,
        "account_on_item": said.identity,
        "reference": said.references(),
        "trace_number": text_column(view[:, 79:94], plain=plain),
        "payer_name": _payers(block, chosen, view),
        "payer_account": text_column(view[:, 3:29], plain=plain),
    }
    return _table(RECEIPTS, columns, count)


class _Said:
    """What the payers of a block's receipts say they pay.

    Each RMR of an 820 in the addenda is a reference, and the entry's individual id then only a
    hint; without any RMR the id is the reference. An 820 that cannot be read makes the id a hint
    too, so that nothing is posted on half of what was said.
    """

    def __init__(self, reading: Reading, block: Block, chosen: Ints, ordinal: Ints) -> None:
        self._block, self._chosen, self._ordinal = block, chosen, ordinal
        self.identity = text_column(_view(block, chosen)[:, 39:54], plain=block.rows.plain)
        whole = len(chosen) == len(block.rows)
        self.place = _place(block, None if whole else _of(block.place, chosen))
        # Of each line that pays: index of its receipt, its row, reference and cents.
        self._lines: list[tuple[int, int, str, int | None]] = []
        self._joined: dict[int, str] = {}  # index: its references, several joined by ';'
        self._hinted = np.zeros(len(chosen), dtype=np.bool_)
        likely = _with_x12(block, chosen)
        if not len(likely):
            return
        remittance = np.flatnonzero((block.extra_type == REMITTANCE) & (block.owner >= 0))
        entries, owner, extra = chosen[likely], block.owner[remittance], block.extra[remittance]
        cuts = np.searchsorted(owner, np.stack([entries, entries + 1])).T.tolist()
        parts = np.ascontiguousarray(block.rows.view[extra, 3 : 3 + PART]).tobytes()
        told = x12.remittances_820([parts[first * PART : last * PART] for first, last in cuts])
        cents = block.amount[entries].tolist()
        # A loop over receipts with an 820, which were read all at once.
        for index, (first, last), amount, said in zip(
            likely.tolist(), cuts, cents, told, strict=True
        ):
            if said is not None:
                self._read(reading, index, said, extra[first:last], amount)

    def _read(
        self, reading: Reading, index: int, said: x12.Remittances, parts: Ints, cents: int
    ) -> None:
        """Judge the 820 of one receipt, which stands in the addenda `parts`."""
        if said.faults or said.total_cents not in (None, cents):
            self._tell(reading, index, said, int(parts[0]), cents)
        self._hinted[index] = bool(said.faults or said.lines)
        if said.lines and not said.faults:
            self._keep(index, parts.tolist(), x12.paid_lines(said, cents))

    def _tell(
        self, reading: Reading, index: int, said: x12.Remittances, row: int, cents: int
    ) -> None:
        place: dict[str, Any] = {
            "line": int(self._block.rows.line[row]),
            "byte_offset": int(self._block.rows.offset[row]),
            "field": "4-83",
            "ordinal": int(self._ordinal[index]),
        }
        if said.total_cents not in (None, cents):
            reading.notes.add(
                "SUMMARY_DIFFERS",
                f"BPR02 of the remittance says {_dollars(said.total_cents or 0)} and the entry is "
                f"of {_dollars(cents)}; the entry's amount is the money.",
                **place,
            )
        if said.faults:
            reading.notes.add(
                "REMITTANCE_UNREADABLE",
                f"The remittance in the addenda cannot be trusted: {'; '.join(said.faults)}. Read "
                "the addenda and say what the payment is for.",
                **place,
            )

    def _keep(self, index: int, parts: list[int], lines: tuple[x12.RemittanceLine, ...]) -> None:
        self._joined[index] = ";".join([line.reference for line in lines])
        self._lines += [
            (index, parts[line.position // PART], line.reference, line.amount_cents)
            for line in lines
        ]

    def references(self) -> pa.Array:
        """The references of each receipt as read: its RMR lines, else its individual id."""
        if not self._joined:
            return self.identity
        chosen = np.zeros(len(self._chosen), dtype=np.bool_)
        chosen[list(self._joined)] = True
        texts = pa.array(self._joined.values(), type=pa.string())
        return pc.replace_with_mask(self.identity, pa.array(chosen), texts)

    def table(self) -> pa.Table:
        """All remittances, in the order of their receipts."""
        lines, counts = self._paying()
        identities = _table(
            REMITTANCES,
            {
                "ordinal": self._ordinal,
                "sequence": counts + 1,
                **self.place,
                "kind": _hint_kinds(self._hinted),
                "reference": self.identity,
            },
            len(self._chosen),
        )
        if self.identity.null_count:
            identities = identities.filter(self.identity.is_valid())
        if not self._lines:
            return identities
        both = pa.concat_tables([lines, identities])
        return both.sort_by([("ordinal", "ascending"), ("sequence", "ascending")]).combine_chunks()

    def _paying(self) -> tuple[pa.Table, npt.NDArray[np.int32]]:
        """The lines of all 820, and how many each receipt has."""
        if not self._lines:
            return REMITTANCES.empty_table(), np.zeros(len(self._chosen), dtype=np.int32)
        indexes, rows, references, cents = zip(*self._lines, strict=True)
        index = np.array(indexes)
        counts = np.bincount(index, minlength=len(self._chosen))
        before = np.cumsum(counts) - counts
        columns = {
            "ordinal": self._ordinal[index],
            "sequence": (np.arange(1, len(index) + 1) - before[index]).astype(np.int32),
            **_place(self._block, np.array(rows)),
            "kind": constant("REFERENCE", len(index)),
            "reference": references,
            "amount_cents": cents,
        }
        return _table(REMITTANCES, columns, len(index)), counts.astype(np.int32)


def _hint_kinds(hinted: npt.NDArray[np.bool_]) -> pa.Array:
    if not hinted.any():
        return constant("REFERENCE", len(hinted))
    return pc.if_else(pa.array(hinted), "HINT", "REFERENCE")


def _with_x12(block: Block, chosen: Ints) -> Ints:
    """Which receipts have addenda that may hold X12: several 05, or one that looks like it."""
    if not len(block.extra):
        return np.empty(0, dtype=np.int64)
    counts = block.addenda_counts(REMITTANCE)
    likely = counts > 1
    view = np.ascontiguousarray(block.rows.view[block.extra])
    width = view.shape[1]
    places = [found.start() for found in _X12.finditer(view.tobytes())]
    owners = block.owner[np.array(places, dtype=np.int64) // width]
    owners = owners[owners >= 0]
    likely[owners] |= counts[owners] > 0
    return np.flatnonzero(likely[chosen])


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
        **_place(block, block.place[chosen]),
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
    return _table(SET_ASIDE, columns, count)


def _dollars(cents: int) -> str:
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100}.{cents % 100:02d}"


def _plural(word: str, count: int) -> str:
    first, *rest = word.split(" ")
    return word if count == 1 else " ".join([first + "s", *rest])


def waiting_sentence(kinds: dict[int, list[int]]) -> str | None:
    """What of a batch waits, in words, from records and cents by kind; None when nothing does."""
    parts = [
        f"{records} {_plural(_WORDS[kind], records)} of {_dollars(cents)}"
        for kind, (records, cents) in sorted(kinds.items())
        if kind in _WORDS
    ]
    return ", ".join(parts) if parts else None
