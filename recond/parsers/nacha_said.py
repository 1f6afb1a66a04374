"""What the payers of a NACHA file say they pay: an 820 in the addenda, words of free text in them,
or the individual id of the entry."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.model import REMITTANCES
from recond.parsers import x12_addenda as x12
from recond.parsers.columns import Bytes, Ints, constant, nothing, text_column
from recond.parsers.freetext import words_with_digits
from recond.parsers.nacha_batches import Reading
from recond.parsers.nacha_checks import REMITTANCE
from recond.parsers.nacha_entries import Block

PART = 80  # characters of payment related information in one addenda
_X12 = re.compile(rb"(?:ISA|ST|BPR|RMR)[^A-Za-z0-9 ]")


def table_of(schema: pa.Schema, columns: dict[str, Any], count: int) -> pa.Table:
    """A table of that schema; columns that are not given are null."""
    arrays = [
        nothing(field.type, count) if values is None
        else values if isinstance(values, pa.Array)
        else pa.array(values, type=field.type)
        for field in schema
        for values in (columns.get(field.name),)
    ]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=schema)


def place_of(block: Block, row: Ints | None) -> dict[str, Any]:
    """Where some rows stand in the file; None: all of them."""
    rows = block.rows
    columns = {"line": rows.line, "byte_offset": rows.offset, "byte_length": rows.length}
    return {
        name: pa.array(whole if row is None else whole.take(row)) for name, whole in columns.items()
    }


def of_those(values: Ints, chosen: Ints) -> Ints:
    """Those of the chosen entries, which mostly are all."""
    return values if len(chosen) == len(values) else values.take(chosen)


def view_of(block: Block, chosen: Ints) -> Bytes:
    return block.view if len(chosen) == len(block.view) else block.view.take(chosen, axis=0)


class Said:
    """What the payers of a block's receipts say they pay.

    Each RMR of an 820 in the addenda is a reference, and the entry's individual id then only a
    hint; without any RMR the id is the reference. An 820 that cannot be read makes the id a hint
    too, beside a line that names nothing: nothing is posted on half of what was said. Addenda that
    hold no X12 are free text: words of it that could be references stand behind the id (WORD).
    """

    def __init__(self, reading: Reading, block: Block, chosen: Ints, ordinal: Ints) -> None:
        self._block, self._chosen, self._ordinal = block, chosen, ordinal
        self.identity = text_column(view_of(block, chosen)[:, 39:54], plain=block.rows.plain)
        whole = len(chosen) == len(block.rows)
        self.place = place_of(block, None if whole else of_those(block.place, chosen))
        # Of each line that pays: index of its receipt, its row, reference and cents.
        self._lines: list[tuple[int, int, str | None, int | None]] = []
        self._joined: dict[int, str] = {}  # index: its references, several joined by ';'
        self._hinted = np.zeros(len(chosen), dtype=np.bool_)
        self._words: pa.Table | None = None
        if not len(block.extra):
            return
        counts = block.addenda_counts(REMITTANCE)
        free = counts[chosen] > 0
        likely = _with_x12(block, chosen, counts)
        if len(likely):
            free[self._read_x12(reading, likely)] = False
        if free.any():
            self._words = self._read_words(np.flatnonzero(free), counts)

    def _read_x12(self, reading: Reading, likely: Ints) -> list[int]:
        """Read the 820 of receipts that may have one; which had any."""
        block = self._block
        remittance = np.flatnonzero((block.extra_type == REMITTANCE) & (block.owner >= 0))
        entries, owner, extra = (
            self._chosen[likely], block.owner[remittance], block.extra[remittance],
        )  # fmt: skip
        cuts = np.searchsorted(owner, np.stack([entries, entries + 1])).T.tolist()
        parts = np.ascontiguousarray(block.rows.view[extra, 3 : 3 + PART]).tobytes()
        told = x12.remittances_820([parts[first * PART : last * PART] for first, last in cuts])
        cents = block.amount[entries].tolist()
        found = []
        # A loop over receipts with an 820, which were read all at once.
        for index, (first, last), amount, said in zip(
            likely.tolist(), cuts, cents, told, strict=True
        ):
            if said is not None:
                found.append(index)
                self._read(reading, index, said, extra[first:last], amount)
        return found

    def _read_words(self, index: Ints, counts: Ints) -> pa.Table:
        """REMITTANCES of the words in the addenda of some receipts (by index). An addenda that is
        full goes on in the next one, so a word may stand in both."""
        block, entries = self._block, self._chosen[index]
        mine = np.zeros(len(block.place), dtype=np.bool_)
        mine[entries] = True
        owned = (block.extra_type == REMITTANCE) & (block.owner >= 0)
        row = block.extra[np.flatnonzero(owned & mine[block.owner])]
        data = np.ascontiguousarray(block.rows.view[row, 3 : 3 + PART]).reshape(-1)
        edges = np.concatenate([[0], np.cumsum(counts[entries])]) * PART
        owner, start, words = words_with_digits(data, edges)
        whose = index[owner]
        behind = self.identity.is_valid().to_numpy(zero_copy_only=False)[whose]
        number = np.arange(len(owner)) - np.searchsorted(owner, owner) + 1 + behind
        columns = {
            "ordinal": self._ordinal[whose],
            "sequence": number.astype(np.int32),
            **place_of(block, row[start // PART]),
            "kind": constant("WORD", len(owner)),
            "reference": words,
        }
        return table_of(REMITTANCES, columns, len(owner))

    def _read(
        self, reading: Reading, index: int, said: x12.Remittances, parts: Ints, cents: int
    ) -> None:
        """Judge the 820 of one receipt, which stands in the addenda `parts`."""
        if said.faults or said.total_cents not in (None, cents):
            self._tell(reading, index, said, int(parts[0]), cents)
        self._hinted[index] = bool(said.faults or said.lines)
        if said.faults:  # an amount that nothing stands beside: the payment waits for a person
            self._lines.append((index, int(parts[0]), None, cents))
        elif said.lines:
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
                f"BPR02 of the remittance says {dollars(said.total_cents or 0)} and the entry is "
                f"of {dollars(cents)}; the entry's amount is the money.",
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
        identities = table_of(
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
        more = [part for part in (lines, self._words) if part is not None and part.num_rows]
        if not more:
            return identities
        both = pa.concat_tables([*more, identities])
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
            **place_of(self._block, np.array(rows)),
            "kind": constant("REFERENCE", len(index)),
            "reference": references,
            "amount_cents": cents,
        }
        return table_of(REMITTANCES, columns, len(index)), counts.astype(np.int32)


def _hint_kinds(hinted: npt.NDArray[np.bool_]) -> pa.Array:
    if not hinted.any():
        return constant("REFERENCE", len(hinted))
    return pc.if_else(pa.array(hinted), "HINT", "REFERENCE")


def _with_x12(block: Block, chosen: Ints, counts: Ints) -> Ints:
    """Which receipts have addenda that may hold X12: several 05, or one that looks like it."""
    likely = counts > 1
    view = np.ascontiguousarray(block.rows.view[block.extra])
    width = view.shape[1]
    places = [found.start() for found in _X12.finditer(view.tobytes())]
    owners = block.owner[np.array(places, dtype=np.int64) // width]
    owners = owners[owners >= 0]
    likely[owners] |= counts[owners] > 0
    return np.flatnonzero(likely[chosen])


def dollars(cents: int) -> str:
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100}.{cents % 100:02d}"
