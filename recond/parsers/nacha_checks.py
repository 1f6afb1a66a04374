"""What the entries of a NACHA file must agree on among themselves (formats section 5).

Each check is a mask over entries or addenda; `Teller` explains the rows that fail. Faults that
could put money in the wrong place hold their batch (BATCH_STRUCTURE, BATCH_UNREADABLE); what
banks are known to do is a warning.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from recond.parsers.columns import Bytes, Ints, Mask
from recond.parsers.figures import alike, digits
from recond.parsers.nacha_batches import ADVICES, ASK, Batch, Reading, number
from recond.parsers.nacha_entries import NOC, NOC_ADDENDA, RETURN, UNREADABLE, Block, Teller
from recond.parsers.nacha_records import Rows

# Entry classes whose entries declare how many addenda they have, in columns 55-58.
DECLARE_ADDENDA = ("CTX", "ATX", "TRX", "ENR")
ADDENDA_TYPES = (2, 5, *range(10, 19), 98, 99)
REMITTANCE = 5
IAT_PURPOSE, IAT_MANDATORY = 10, range(10, 17)
# Why an international payment was sent (addenda 10, columns 4-6).
IAT_PURPOSES = frozenset(
    ("ANN", "ARC", "BOC", "BUS", "DEP", "IAT", "LOA", "MIS", "MOR", "MTE", "PEN", "POP", "POS",
     "RCK", "REM", "RLS", "SAL", "SHR", "TAX", "TEL", "WEB")
)  # fmt: skip
# Reasons of returns (R), dishonored and contested ones, and notices of change (C).
REASONS = frozenset(
    [f"R{code:02d}" for code in (*range(1, 54), *range(61, 78), *range(80, 86), 90)]
    + [f"C{code:02d}" for code in (*range(1, 10), 13, 14, *range(61, 70))]
)
ROUTING_WEIGHTS = np.array([3, 7, 1] * 3, dtype=np.int64)
MOST_TRACES = 1_000_000  # a batch counts entries in six digits
TRACE_SEQUENCE = 10**7
_MOVES_NOTHING = np.array([code < 60 and code % 10 in (3, 4, 8, 9) for code in range(100)])


def check_text(rows: Rows, segment: Ints, teller: Teller) -> None:
    """No record holds control characters: one that does was damaged on its way."""
    if rows.plain or not len(rows):
        return
    view = rows.view
    bad = (view < 32) | (view == 127)
    found = bad.any(axis=1)
    for place in np.flatnonzero(found).tolist():
        column = int(np.flatnonzero(bad[place])[0])
        value = int(view[place, column])
        file_record = int(view[place, 0]) in b"19"
        one = np.zeros(len(rows), dtype=np.bool_)
        one[place] = True
        teller.tell(
            one,
            np.arange(len(rows)),
            segment,
            "RECORD_UNREADABLE" if file_record else "BATCH_UNREADABLE",
            f"{column + 1}-{column + 1}",
            lambda _, at=column, byte=value: (  # type: ignore[misc]
                f"Column {at + 1} holds the control character 0x{byte:02X}, so the record was "
                "damaged. Ask the sender for it again."
            ),
        )


def repeated_traces(reading: Reading, batch: Batch) -> None:
    """A trace number that stands twice in one batch holds the batch; called when it closes."""
    parts, batch.traces = batch.traces, []
    if batch.ascending or not parts:
        return
    traces = np.concatenate([part[0] for part in parts])
    lines = np.concatenate([part[1] for part in parts])
    order = np.argsort(traces, kind="stable")
    twice = order[1:][np.diff(traces[order]) == 0]
    for index in np.sort(twice)[: reading.notes.kept].tolist():
        reading.notes.add(
            "BATCH_STRUCTURE",
            f"Trace number {traces[index]:015d} stands twice in batch {batch.number}, so an "
            f"entry may be doubled. {ASK}",
            line=int(lines[index]),
            field="80-94",
            batch_ord=batch.ord,
        )


def check_block(block: Block, teller: Teller) -> None:
    """All checks of the entries and addenda of a block."""
    _routing(block, teller)
    _names(block, teller)
    _zero_amounts(block, teller)
    counts = block.addenda_counts()
    _indicator(block, counts, teller)
    traces = _traces(block, teller)
    if len(block.extra):
        _addenda(block, traces, teller)
        _declared_addenda(block, teller)
    _international(block, teller)


def _routing(block: Block, teller: Teller) -> None:
    """Columns 4-12 are an ABA routing number with its check digit: 3, 7, 1 repeated. The digit
    is in no hash and no total, so nothing else would show that it was damaged."""
    routing = block.view[:, 3:12]
    if len(routing) > 1 and alike(routing):
        routing = routing[:1]  # an incoming file names one bank in every entry: ours
    figures = routing - np.uint8(48)
    wrong = (figures @ ROUTING_WEIGHTS % 10 != 0) | (figures[:, 8] > 9)

    def say(index: int) -> str:
        text = block.view[index, 3:12].tobytes().decode("latin-1")
        return f"Routing number '{text}' of the entry fails its check digit. {ASK}"

    if wrong.any():
        teller.tell(
            wrong & (block.kind != UNREADABLE), block.place, block.seg,
            "BATCH_STRUCTURE", "4-12", say,
        )  # fmt: skip


def _names(block: Block, teller: Teller) -> None:
    """An entry made by telephone (TEL) names the person."""
    if "TEL" in block.classes:
        spoken = block.of_batch(lambda batch: batch.sec == "TEL")
        names = block.view[:, 54:76]
        blank = spoken & ((names == 32) | (names == 48)).all(axis=1)
        teller.tell(
            blank, block.place, block.seg, "BATCH_STRUCTURE", "55-76",
            lambda _: f"The name of an entry made by telephone (TEL) is blank or zeros. {ASK}",
        )  # fmt: skip


def _zero_amounts(block: Block, teller: Teller) -> None:
    """Prenotes and zero-dollar advices carry no amount."""
    zero = _MOVES_NOTHING.take(block.code)
    if not zero.any():
        return
    teller.tell(
        zero & (block.amount != 0) & (block.kind != RETURN), block.place, block.seg,
        "BATCH_STRUCTURE", "30-39",
        lambda index: f"Transaction code {block.code[index]:02d} moves no money and the entry "
        f"has an amount. {ASK}",
    )  # fmt: skip


def _indicator(block: Block, counts: Ints, teller: Teller) -> None:
    wrong = (block.view[:, 78] == ord("1")) != (counts > 0)
    teller.tell(
        wrong, block.place, block.seg, "BATCH_STRUCTURE", "79-79",
        lambda index: f"The addenda indicator reads '{chr(block.view[index, 78])}' and "
        f"{counts[index]} addenda follow. {ASK}",
    )  # fmt: skip


def _traces(block: Block, teller: Teller) -> Ints:
    """Trace numbers ascend within a batch and begin with its bank: else a warning.

    Returns the traces, -1 where there is none (advices have none). Batches keep theirs until
    they close, since a repeated one holds the batch (`repeated_traces`).
    """
    banks = np.array([_bank(batch) for batch in block.batches], dtype=np.int64)
    texts = np.array([batch.odfi.encode("latin-1") for batch in block.batches], dtype="S8")
    wanted = block.spread(texts.view("<u8"))
    usual = bool((banks >= 0).all() and (block.view[:, 79:87].view("<u8")[:, 0] == wanted).all())
    if usual:  # and then only the last digit of the bank need be read with the sequence
        traces, bad = digits(block.view[:, 86:94])
        traces += block.spread(banks // 10 * (10 * TRACE_SEQUENCE))
    else:
        bank, bad_bank = digits(block.view[:, 79:87])
        traces, bad = digits(block.view[:, 87:94])
        traces += bank * TRACE_SEQUENCE
        bad |= bad_bank
    none = bad
    if ADVICES in block.classes:
        none = bad | block.of_batch(lambda batch: batch.adv)
        bad &= ~block.of_batch(lambda batch: batch.adv)
    if none.any():
        traces[none] = -1
    teller.tell(
        bad, block.place, block.seg, "RECORD_DEVIATES", "80-94",
        lambda _: "The trace number of the entry is not all digits; it is kept as read.",
    )  # fmt: skip
    if not usual:
        said = block.spread(banks)
        teller.tell(
            (bank != said) & (traces >= 0) & (said >= 0),
            block.place, block.seg, "TRACE_REPEATED", "80-87",
            lambda index: f"Trace number {traces[index]:015d} does not begin with the bank of its "
            f"batch, {said[index]:08d}.",
        )  # fmt: skip
    _ascending(block, traces, ~none, teller)
    return traces


def _bank(batch: Batch) -> int:
    """The bank of a batch's header as traces begin with it, -1 where it is no number."""
    bank = number(batch.odfi)
    return -1 if bank is None else bank


def _ascending(block: Block, traces: Ints, given: Mask, teller: Teller) -> None:
    seg, held, place, cuts = block.seg, traces, block.place, block.cuts
    if not given.all():
        seg, held, place = seg[given], held[given], place[given]
        cuts = np.searchsorted(seg, np.arange(len(block.batches) + 1))
    lines = block.rows.line if len(place) == len(block.rows) else block.rows.line.take(place)
    falling = np.zeros(len(held), dtype=np.bool_)
    np.less_equal(held[1:], held[:-1], out=falling[1:])
    for batch, (start, stop) in zip(block.batches, pairwise(cuts.tolist()), strict=True):
        if start < stop:
            falling[start] = held[start] <= batch.last_trace
            batch.last_trace = int(held[stop - 1])
            if sum(len(part[0]) for part in batch.traces) < MOST_TRACES:
                batch.traces.append((held[start:stop], lines[start:stop]))
    if not falling.any():
        return
    for one in np.unique(seg[falling]).tolist():
        block.batches[one].ascending = False
    mask: Mask = np.zeros(len(traces), dtype=np.bool_)
    mask[np.flatnonzero(given)[falling]] = True
    teller.tell(
        mask, block.place, block.seg, "TRACE_REPEATED", "80-94",
        lambda index: f"Trace number {traces[index]:015d} does not ascend in its batch.",
    )  # fmt: skip


def _addenda(block: Block, traces: Ints, teller: Teller) -> None:
    """Types are known; 05 are numbered from 1; the entry's sequence is its own.

    International addenda 17 and 18 are numbered through the batch by some senders (a real file
    does so), hence only 05, which hold what is paid, are held to their numbers.
    """
    view, kinds = block.rows.view[block.extra], block.extra_type
    segment = block.segment[block.extra]
    teller.tell(
        ~np.isin(kinds, ADDENDA_TYPES), block.extra, segment, "BATCH_STRUCTURE", "2-3",
        lambda index: f"Addenda type '{view[index, 1:3].tobytes().decode('latin-1')}' is none "
        f"of the format. {ASK}",
    )  # fmt: skip
    _reasons(block, view, segment, teller)
    owned = block.owner >= 0
    chosen = np.flatnonzero((kinds == REMITTANCE) & owned)
    owner = block.owner[chosen]
    rank = np.arange(1, len(owner) + 1) - np.searchsorted(owner, owner)
    sequence, bad = digits(view[chosen, 83:87])
    wrong = np.zeros(len(kinds), dtype=np.bool_)
    wrong[chosen] = bad | (sequence != rank)
    teller.tell(
        wrong, block.extra, segment, "BATCH_STRUCTURE", "84-87",
        lambda _: f"The addenda of the entry are not numbered from 1 without a gap. {ASK}",
    )  # fmt: skip
    linked = np.flatnonzero(owned & ((kinds == REMITTANCE) | ((kinds >= 10) & (kinds <= 18))))
    entry, bad = digits(view[linked, 87:94])
    trace = traces[block.owner[linked]]
    apart = np.zeros(len(kinds), dtype=np.bool_)
    apart[linked] = bad | ((entry != 0) & (trace >= 0) & (entry != trace % TRACE_SEQUENCE))
    teller.tell(
        apart, block.extra, segment, "BATCH_STRUCTURE", "88-94",
        lambda _: f"The addenda names the sequence number of another entry. {ASK}",
    )  # fmt: skip


def _reasons(block: Block, view: Bytes, segment: Ints, teller: Teller) -> None:
    """Reasons of returns and notices of change are in Nacha's list, else a warning."""
    chosen = np.flatnonzero(block.extra_type >= NOC_ADDENDA)
    if not len(chosen):
        return
    packed = np.ascontiguousarray(view[chosen, 3:6]).view("S3")[:, 0]
    codes, inverse = np.unique(packed, return_inverse=True)
    odd = np.array([code.decode("latin-1") not in REASONS for code in codes.tolist()])
    mask = np.zeros(len(view), dtype=np.bool_)
    mask[chosen] = odd[inverse]
    teller.tell(
        mask, block.extra, segment, "CODE_UNKNOWN", "4-6",
        lambda index: f"Reason '{view[index, 3:6].tobytes().decode('latin-1')}' is not in the "
        "list of returns and notices of change; ask the bank what it means.",
    )  # fmt: skip


def _declared_addenda(block: Block, teller: Teller) -> None:
    """CTX, ATX, TRX and ENR entries declare the number of their addenda."""
    if block.classes.isdisjoint(DECLARE_ADDENDA):
        return
    declare = block.of_batch(lambda batch: batch.sec in DECLARE_ADDENDA)
    declare = declare & (block.kind != RETURN) & (block.kind != NOC)
    if not declare.any():
        return
    counts = block.addenda_counts(REMITTANCE)
    declared, bad = digits(block.view[:, 54:58])
    teller.tell(
        declare & (bad | (declared != counts)), block.place, block.seg,
        "BATCH_STRUCTURE", "55-58",
        lambda index: f"The entry declares {declared[index]} addenda, {counts[index]} follow. "
        f"{ASK}",
    )  # fmt: skip


def _international(block: Block, teller: Teller) -> None:
    """An international entry has addenda 10 to 16, and says in 10 why it was sent."""
    if "IAT" not in block.classes:
        return
    foreign = block.of_batch(lambda batch: batch.sec == "IAT")
    whole = foreign & (block.kind != RETURN) & (block.kind != NOC)
    held = np.ones(len(block.place), dtype=np.bool_)
    for kind in IAT_MANDATORY:
        held &= block.addenda_row(kind) >= 0
    teller.tell(
        whole & ~held, block.place, block.seg, "BATCH_STRUCTURE", "1-94",
        lambda _: f"The international entry lacks one of its addenda 10 to 16. {ASK}",
    )  # fmt: skip
    view = block.rows.view[block.extra]
    chosen = np.flatnonzero((block.extra_type == IAT_PURPOSE) & (block.owner >= 0))
    chosen = chosen[foreign[block.owner[chosen]]]
    wrong = np.zeros(len(view), dtype=np.bool_)
    texts = [view[index, 3:6].tobytes().decode("latin-1") for index in chosen.tolist()]
    wrong[chosen] = [text not in IAT_PURPOSES for text in texts]
    teller.tell(
        wrong, block.extra, block.segment[block.extra], "BATCH_STRUCTURE", "4-6",
        lambda index: f"The purpose '{view[index, 3:6].tobytes().decode('latin-1')}' of the "
        f"international payment is none of the format. {ASK}",
    )  # fmt: skip
