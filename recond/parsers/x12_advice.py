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
from recond.parsers.dates import NO_DATE, date_column
from recond.parsers.notes import Notes
from recond.parsers.spans import fixed_rows, text_spans
from recond.parsers.words import SIZE, words_at
from recond.parsers.x12_amounts import span_cents
from recond.parsers.x12_envelope import segment_place
from recond.parsers.x12_lines import AS_SAID, DIFFERS, NETTED, Lines, remittance_lines, verdict
from recond.parsers.x12_segments import Segments, code
from recond.parsers.x12_sets import ADVICE, OpenSet, Sets
from recond.parsers.x12_tables import table_of, word_days

# The first value of each in a set, by segment: name → element, ascending.
_FIRSTS = {
    "BPR": {"handling": 1, "total": 2, "direction": 3, "method": 4, "date": 16},
    "TRN": {"trace": 2}, "N1": {"payer": 2},
}  # fmt: skip
_HANDLING = ("C", "D", "I", "P", "U", "X", "Z")
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
        table = _lines_table(segments, sets, ords, lines)
        self._tell_wrong(segments, sets, ords, lines, table["reference"].chunk(0))
        done = np.flatnonzero((sets.kind == ADVICE) & (sets.end >= 0))
        tables = {"advice_lines": table}
        if len(done):
            tables |= self._finished(segments, sets, ords, done, sums, rows)
        return tables, _open_firsts(segments, sets, rows), tuple(int(one[-1]) for one in sums)

    def _firsts(self, segments: Segments, sets: Sets, chosen: Mask) -> dict[str, Ints]:
        """The first row of each segment that says something of its whole set, -1 where a set has
        none in this block."""
        rows = {}
        for tag in ("BPR", "TRN", "N1"):
            at = np.flatnonzero((segments.tag == code(tag)) & chosen)
            if tag == "N1":
                at = _payers(segments, at)
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

    def _tell_wrong(
        self, segments: Segments, sets: Sets, ords: Ints, lines: Lines, references: pa.Array
    ) -> None:
        for row, element in lines.wrong:
            text = segments.text(row, int(element[3:]))
            what = f"reads '{text}' and is no amount" if text else "is empty: nothing is named"
            self.notes.add(
                "BATCH_UNREADABLE", f"{element} {what}. {_SAY}",
                batch_ord=int(ords[sets.of[row]]), **segment_place(segments, row, element),
            )  # fmt: skip
        data, _, _ = text_spans(references)
        if not bool((data == ord("?")).any()):
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
        total, unreadable = _totals(said["total"])
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
        missing, untied = _nulls(said["total"]), _nulls(said["trace"])
        credit = _reads(said["direction"], "C")
        masked = np.zeros(len(done), dtype=np.bool_)
        if bool((text_spans(said["trace"])[0] == ord("?")).any()):
            masked = pc.fill_null(pc.match_substring(said["trace"], "?"), False).to_numpy(False)
        odd = ~_reads(said["handling"], *_HANDLING)
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


def _payers(segments: Segments, rows: Ints) -> Ints:
    """The N1 of those that pay (N101 is PR)."""
    payer = segments.begins(rows, "N1", "PR")
    if not payer.all():
        other = np.flatnonzero(~payer)
        payer[other] = _reads(segments.column(rows[other], 1), "PR")
    return rows[payer]


def _sums(lines: Lines, before: OpenSet) -> tuple[Ints, ...]:
    """Sums by set, those of the open set gone on: named, inner, outer, bare, counts."""
    found = (lines.named, lines.inner, lines.outer, lines.bare, lines.counts)
    for one, earlier in zip(found, before.sums, strict=bool(before.sums)):
        one[0] += earlier
    return found


def _said(segments: Segments, sets: Sets, done: Ints, rows: dict[str, Ints]) -> dict[str, pa.Array]:
    """The first values of some sets, null where they have none."""
    found = {}
    for tag, elements in _FIRSTS.items():
        at = rows[tag][done]
        # The set that was open before the block: mostly all of it was said there.
        open_, earlier = int(done[0] == 0), int(at[0] < 0)
        spans = segments.known_spans_of(at[earlier:], tuple(elements.values()))
        for name, (start, end) in zip(elements, spans, strict=True):
            values = segments.texts(start, end)
            before = sets.before.firsts.get(name) if open_ else None
            if earlier or before is not None:
                first = pa.array([before], pa.string())
                values = pa.concat_arrays([first, values if earlier else values.slice(1)])
            found[name] = values
    return found


def _nulls(texts: pa.Array) -> Mask:
    if not texts.null_count:
        return np.zeros(len(texts), dtype=np.bool_)
    found: Mask = texts.is_null().to_numpy(zero_copy_only=False)
    return found


def _reads(texts: pa.Array, *values: str) -> Mask:
    """Which texts are one of these values; null is none."""
    rows = fixed_rows(texts)
    if rows is not None and bool((rows == rows[0]).all()):  # nearly always: all say the same
        return np.full(len(texts), rows[0].tobytes().decode() in values)
    found: Mask = pc.is_in(texts, value_set=pa.array(values, pa.string())).to_numpy(False)
    return found


def _open_firsts(segments: Segments, sets: Sets, rows: dict[str, Ints]) -> dict[str, str | None]:
    """The first values of the last set of a block, as far as it was read."""
    last = len(sets) - 1
    found = {} if last else dict(sets.before.firsts)
    for tag, elements in _FIRSTS.items():
        row = int(rows[tag][last])
        for name, element in elements.items():
            if found.get(name) is None:
                found[name] = segments.text(row, element) or None if row >= 0 else None
    return found


def _totals(texts: pa.Array) -> tuple[Ints, Mask]:
    """BPR02 as cents, and which of them are no amount."""
    offsets = _offsets(texts)
    cents, bad = span_cents(np.frombuffer(texts.buffers()[2] or b"\0", np.uint8),
                            offsets[:-1], offsets[1:])  # fmt: skip
    bad |= cents < 0
    return np.where(bad, 0, cents), bad


def _offsets(texts: pa.Array) -> Ints:
    """Where texts stand in their bytes, and where the last one ends."""
    found = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    return found.astype(np.int64)


def _dates(texts: pa.Array) -> pa.Array:
    """CCYYMMDD as dates, null where they are none."""
    offsets = _offsets(texts)
    whole = np.diff(offsets) == SIZE
    if not whole.any():
        return pa.nulls(len(texts), pa.date32())
    # A null may have bytes of its own behind it, and they are none.
    words = words_at(np.frombuffer(texts.buffers()[2], np.uint8), offsets[:-1])
    found = np.where(whole, word_days(words), NO_DATE)
    if texts.null_count:
        found[texts.is_null().to_numpy(False)] = NO_DATE
    return date_column(found)


def _places(
    segments: Segments, sets: Sets, done: Ints
) -> tuple[Ints, Ints, Ints, pa.Array]:  # fmt: skip
    """Line, offset, length and number of sets that end here: from ST to SE."""
    start, end = sets.start[done], sets.end[done]
    inside = start >= 0
    before = sets.before
    line = np.where(inside, segments.lines(start), before.line)
    offset = np.where(inside, segments.offsets(start), before.offset)
    length = segments.offsets(end) + segments.end[end] - segments.start[end] - offset
    number = sets.numbers(segments, done[inside])
    if not inside[0]:  # only the first one may have begun before
        number = pa.concat_arrays([pa.array([before.number], pa.string()), number])
    return line, offset, length, number


def _lines_table(segments: Segments, sets: Sets, ords: Ints, lines: Lines) -> pa.Table:
    row, of = lines.row, lines.group
    # The lines of a set are counted with those that it had in blocks before.
    earlier = sets.before.sums[4] if sets.before.sums else 0
    first = np.cumsum(lines.counts) - lines.counts
    sequence = np.arange(earlier + 1, earlier + 1 + len(row)) - first.take(of)
    columns = {
        "ordinal": ords.take(of), "sequence": sequence.astype(np.int32),
        "line": segments.lines(row), "byte_offset": segments.in_file(lines.start, row),
        "byte_length": lines.end - lines.start,
        "qualifier": segments.first_text(row, "RMR", *lines.qualifier),
        "reference": segments.texts(*lines.reference),
        "amount_cents": pa.array(lines.cents, mask=None if lines.given.all() else ~lines.given),
        "adjusted_cents": lines.adjusted,
    }  # fmt: skip
    return table_of(ADVICE_LINES, columns, len(row))
