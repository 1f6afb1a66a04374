"""The 820 of a file: advices of payments that the bank brings, and their lines. It moves no money.

Each set is a batch and one advice. The values of a set's heading and its sums go on from block to
block; a set is judged at its SE.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.model import ADVICE_LINES, ADVICES, BATCHES, Format
from recond.money import format_cents
from recond.parsers.columns import Ints, Mask
from recond.parsers.dates import date_column
from recond.parsers.notes import Notes
from recond.parsers.x12_amounts import decimal_cents, span_cents
from recond.parsers.x12_envelope import segment_place
from recond.parsers.x12_lines import AS_SAID, DIFFERS, NETTED, Lines, remittance_lines, verdict
from recond.parsers.x12_segments import Segments, code
from recond.parsers.x12_sets import ADVICE, OpenSet, Sets
from recond.parsers.x12_tables import days8, table_of

# The first value of each in a set: name → segment, element.
_FIRSTS = {
    "handling": ("BPR", 1), "total": ("BPR", 2), "direction": ("BPR", 3), "method": ("BPR", 4),
    "date": ("BPR", 16), "trace": ("TRN", 2), "payer": ("N1", 2),
}  # fmt: skip
_HANDLING = pa.array(["C", "D", "I", "P", "U", "X", "Z"])
_SAY = "Ask the sender for the set again, or read it and say what it pays."


@dataclass(slots=True)
class Advices:
    """What the 820 of a file have come to so far."""

    fmt: Format
    notes: Notes
    count: int = 0
    declared_cents: int = 0
    found_cents: int = 0
    firsts: dict[str, pa.Array] = field(default_factory=dict)

    def take(
        self, segments: Segments, sets: Sets, ords: Ints
    ) -> tuple[dict[str, pa.Table], dict[str, Any], tuple[int, ...]]:
        """Tables of a block, and what the open set has so far: first values and sums.

        `ords` are the batches of the sets; those that are no 820 have 0.
        """
        chosen = sets.inside((ADVICE,))
        lines = remittance_lines(segments, sets.of, len(sets), chosen)
        sums = _sums(lines, sets.before)
        rows = self._firsts(segments, sets, chosen)
        self._tell_wrong(segments, sets, ords, lines)
        done = np.flatnonzero((sets.kind == ADVICE) & (sets.end >= 0))
        tables = {"advice_lines": _lines_table(segments, sets, ords, lines)}
        if len(done):
            tables |= self._finished(segments, sets, ords, done, sums, rows)
        return tables, _open_firsts(segments, sets, rows), tuple(int(one[-1]) for one in sums)

    def _firsts(self, segments: Segments, sets: Sets, chosen: Mask) -> dict[str, Ints]:
        """The first row of each segment that says something of its whole set, -1 where a set has
        none in this block."""
        rows = {}
        for tag in ("BPR", "TRN", "N1"):
            at = np.flatnonzero((segments.tag == code(tag)) & chosen)
            if tag == "N1" and len(at):
                payers = pc.fill_null(pc.equal(segments.column(at, 1), "PR"), False)
                at = at[payers.to_numpy(zero_copy_only=False)]
            if tag == "BPR":
                self._second(segments, sets, at)
            first = np.full(len(sets), -1)
            first[sets.of[at[::-1]]] = at[::-1]
            rows[tag] = first
        return rows

    def _second(self, segments: Segments, sets: Sets, rows: Ints) -> None:
        again = rows[1:][sets.of[rows[1:]] == sets.of[rows[:-1]]].tolist()
        if len(rows) and sets.of[rows[0]] == 0 and sets.before.firsts.get("total") is not None:
            again.insert(0, int(rows[0]))
        for row in again:
            self.notes.add(
                "FILE_STRUCTURE", f"A second BPR stands in one 820. {_SAY}",
                **segment_place(segments, row, "BPR"),
            )  # fmt: skip

    def _tell_wrong(self, segments: Segments, sets: Sets, ords: Ints, lines: Lines) -> None:
        for row, element in lines.wrong:
            text = segments.text(row, int(element[3:]))
            what = f"reads '{text}' and is no amount" if text else "is empty: nothing is named"
            self.notes.add(
                "BATCH_UNREADABLE", f"{element} {what}. {_SAY}",
                batch_ord=int(ords[sets.of[row]]), **segment_place(segments, row, element),
            )  # fmt: skip
        if not bool((segments.data == ord("?")).any()):
            return
        for row in lines.row.tolist():  # only where a '?' stands in the block at all
            if "?" in segments.text(row, 2):
                self._masked(segments, row, "RMR02", int(ords[sets.of[row]]))

    def _masked(self, segments: Segments, row: int, element: str, batch_ord: int) -> None:
        self.notes.add(
            "BATCH_UNREADABLE", f"{element} is masked with '?'. {_SAY}",
            batch_ord=batch_ord, **segment_place(segments, row, element),
        )  # fmt: skip

    def _finished(
        self, segments: Segments, sets: Sets, ords: Ints, done: Ints,
        sums: tuple[Ints, ...], rows: dict[str, Ints],
    ) -> dict[str, pa.Table]:  # fmt: skip
        """The advices that end in this block, and their batches."""
        named, inner, outer, bare, counts = (one[done] for one in sums)
        said = _said(segments, sets, done, rows)
        total, unreadable = _totals(segments, sets, done, rows["BPR"])
        how = verdict(total, named, inner, outer)
        how[bare == counts] = AS_SAID  # no amounts: the payment is not split
        self._judge(segments, sets, ords, done, said, unreadable, rows)
        found = np.where(how == DIFFERS, named + outer, total)
        differ = np.flatnonzero((how == DIFFERS) & ~unreadable)
        for at in differ.tolist():
            self._tell_sum(
                segments,
                sets,
                int(done[at]),
                int(ords[done[at]]),
                (int(total[at]), int(named[at]), int(inner[at]), int(outer[at])),
            )
        self.count += len(done)
        self.declared_cents += int(total.sum())
        self.found_cents += int(found.sum())
        line, offset, length, number = _places(segments, sets, done)
        batch_ord = ords[done]
        batches = {
            "batch_ord": batch_ord, "batch": number, "line": line, "declared_count": None,
            "declared_cents": total, "found_count": counts, "found_cents": found,
        }  # fmt: skip
        advices = {
            "ordinal": batch_ord, "line": line, "byte_offset": offset, "byte_length": length,
            "batch_ord": batch_ord, "handling": said["handling"], "method": said["method"],
            "amount_cents": total, "trace_number": said["trace"], "payer_name": said["payer"],
            "effective_date": _dates(said["date"]), "netted": how == NETTED, "lines": counts,
        }  # fmt: skip
        return {"batches": table_of(BATCHES, batches, len(done)),
                "advices": table_of(ADVICES, advices, len(done))}  # fmt: skip

    def _judge(
        self, segments: Segments, sets: Sets, ords: Ints, done: Ints, said: dict[str, pa.Array],
        unreadable: Mask, rows: dict[str, Ints],
    ) -> None:  # fmt: skip
        """Sets whose heading cannot be believed."""
        missing = said["total"].is_null().to_numpy(zero_copy_only=False)
        credit = pc.fill_null(pc.equal(said["direction"], "C"), False).to_numpy(False)
        masked = pc.fill_null(pc.match_substring(said["trace"], "?"), False).to_numpy(False)
        handling = pc.fill_null(pc.is_in(said["handling"], value_set=_HANDLING), False)
        odd = ~handling.to_numpy(zero_copy_only=False)
        untied = said["trace"].is_null().to_numpy(zero_copy_only=False)
        for at in np.flatnonzero(unreadable | ~credit | masked | odd | untied).tolist():
            one = int(done[at])
            row = int(rows["BPR"][one]) if rows["BPR"][one] >= 0 else int(sets.end[one])
            where = {"batch_ord": int(ords[one]), **segment_place(segments, row, "BPR02")}
            if unreadable[at]:
                text = said["total"][at].as_py()
                words = "The 820 has no BPR02" if missing[at] else f"BPR02 reads '{text}'"
                self.notes.add("BATCH_UNREADABLE", f"{words}: no amount. {_SAY}", **where)
            if masked[at]:
                self._masked(segments, row, "TRN02", int(ords[one]))
            if not credit[at] and not unreadable[at]:
                where["field"] = "BPR03"
                words = f"BPR03 reads '{said['direction'][at].as_py() or ''}' and is no credit"
                self.notes.add("BATCH_STRUCTURE", f"{words}. {_SAY}", **where)
            if odd[at] and not unreadable[at]:
                where["field"] = "BPR01"
                words = f"BPR01 reads '{said['handling'][at].as_py() or ''}' and is not known"
                self.notes.add("BATCH_WARNING", f"{words}; an 820 moves no money.", **where)
            if untied[at]:
                where["field"] = "TRN02"
                self.notes.add("BATCH_WARNING", "The 820 has no TRN02, so no payment can be tied "
                               "to it by its trace number.", **where)  # fmt: skip

    def _tell_sum(
        self, segments: Segments, sets: Sets, one: int, batch_ord: int, sums: tuple[int, ...]
    ) -> None:
        total, named, inner, outer = (format_cents(cents) for cents in sums)
        self.notes.add(
            "ADVICE_SUM_WRONG",
            f"BPR02 is {total}, but the RMR04 add up to {named}, with ADX of {inner} inside and "
            f"{outer} outside of them. The payment will wait in suspense when the bank brings it.",
            batch_ord=batch_ord, **segment_place(segments, int(sets.end[one]), "BPR02"),
        )  # fmt: skip


def _sums(lines: Lines, before: OpenSet) -> tuple[Ints, ...]:
    """Sums by set, those of the open set gone on: named, inner, outer, bare, counts."""
    found = (lines.named, lines.inner, lines.outer, lines.bare, lines.counts)
    for one, earlier in zip(found, before.sums, strict=bool(before.sums)):
        one[0] += earlier
    return found


def _said(segments: Segments, sets: Sets, done: Ints, rows: dict[str, Ints]) -> dict[str, pa.Array]:
    """The first values of some sets, null where they have none."""
    found = {}
    for name, (tag, element) in _FIRSTS.items():
        values = segments.column(rows[tag][done], element)
        before = sets.before.firsts.get(name)
        if before is not None and int(done[0]) == 0:  # said in a block before this one
            values = pa.concat_arrays([pa.array([before], pa.string()), values.slice(1)])
        found[name] = values
    return found


def _open_firsts(segments: Segments, sets: Sets, rows: dict[str, Ints]) -> dict[str, str | None]:
    """The first values of the last set of a block, as far as it was read."""
    last = len(sets) - 1
    found = {} if last else dict(sets.before.firsts)
    for name, (tag, element) in _FIRSTS.items():
        row = int(rows[tag][last])
        if found.get(name) is None:
            found[name] = segments.text(row, element) or None if row >= 0 else None
    return found


def _totals(segments: Segments, sets: Sets, done: Ints, rows: Ints) -> tuple[Ints, Mask]:
    """BPR02 of the sets that end here, and which of them are no amount."""
    here = rows[done] >= 0
    cents = np.zeros(len(done), dtype=np.int64)
    bad = np.ones(len(done), dtype=np.bool_)
    spans = segments.spans(rows[done][here], 2)
    cents[here], bad[here] = span_cents(segments.data, *spans)
    if len(done) and done[0] == 0 and not here[0]:
        before = decimal_cents(sets.before.firsts.get("total") or "")
        cents[0], bad[0] = before or 0, before is None
    bad |= cents < 0
    return np.where(bad, 0, cents), bad


def _dates(texts: pa.Array) -> pa.Array:
    """CCYYMMDD as dates, null where they are none."""
    whole = pc.fill_null(pc.equal(pc.binary_length(texts), 8), False)
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset)
    if pc.all(whole).as_py() and len(texts):  # the bytes as they stand
        raw = np.frombuffer(texts.buffers()[2], np.uint8)[int(offsets[0]) : int(offsets[-1])]
        return date_column(days8(raw.reshape(-1, 8)))
    packed = pc.if_else(whole, texts, "00000000")
    raw = np.frombuffer("".join(packed.to_pylist()).encode("latin-1", "replace"), np.uint8)
    return date_column(days8(raw.reshape(-1, 8)))


def _places(
    segments: Segments, sets: Sets, done: Ints
) -> tuple[Ints, Ints, Ints, pa.Array]:  # fmt: skip
    """Line, offset, length and number of sets that end here: from ST to SE."""
    start, end = sets.start[done], sets.end[done]
    inside = start >= 0
    before = sets.before
    line = np.where(inside, segments.line[start], before.line)
    offset = np.where(inside, segments.offset + segments.start[start], before.offset)
    length = segments.offset + segments.end[end] - offset
    number = segments.column(start, 2)
    if len(done) and not inside[0]:
        number = pa.concat_arrays([pa.array([before.number], pa.string()), number.slice(1)])
    return line, offset, length, number


def _lines_table(segments: Segments, sets: Sets, ords: Ints, lines: Lines) -> pa.Table:
    row, of = lines.row, lines.group
    counts = np.bincount(of, minlength=len(sets))
    first = np.cumsum(counts) - counts
    first[0] -= sets.before.sums[4] if sets.before.sums else 0
    sequence = np.arange(len(row)) - first[of] + 1
    columns = {
        "ordinal": ords[of], "sequence": sequence, "line": segments.line[row],
        "byte_offset": segments.offset + segments.start[row],
        "byte_length": segments.end[row] - segments.start[row],
        "qualifier": segments.texts(*lines.qualifier),
        "reference": segments.texts(*lines.reference),
        "amount_cents": pa.array(lines.cents, mask=None if lines.given.all() else ~lines.given),
        "adjusted_cents": lines.adjusted,
    }  # fmt: skip
    return table_of(ADVICE_LINES, columns, len(row))
