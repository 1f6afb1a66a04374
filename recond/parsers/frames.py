"""Rows of a declarative format as tables of the model: rules, remittances, checks and batches.

State that must outlive a chunk (ordinals, batches, keys that no two rows share) is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import Bools, Ints, bools, ints
from recond.model import BATCHES, Format
from recond.parsers.derived import BalanceChain, LineIds, Places, Stubs, derived_amount, joined_keys
from recond.parsers.far_dates import FarDates
from recond.parsers.mapping import Rows, Rule
from recond.parsers.notes import Notes
from recond.parsers.pieces import (
    NO_CONTROLS,
    Frame,
    chosen,
    in_order,
    remittances_of,
    sums_of,
    tell_repeated,
)
from recond.parsers.pieces import (
    piece as piece_of,
)


@dataclass(slots=True)
class _Asked:
    """A question that is asked once a batch, when the file is read."""

    message: str
    line: int
    offset: int
    counts: dict[str, int]


@dataclass(slots=True)
class _Batch:
    name: str
    line: int
    count: int = 0
    cents: int = 0


_MONEY = ("receipts", "bank_lines")


class Assembler:
    """Turns frames into tables, chunk after chunk."""

    def __init__(self, layout: Rows, fmt: Format, notes: Notes) -> None:
        self._layout = layout
        self._fmt = fmt
        self._notes = notes
        self._ordinals: dict[str, int] = {}
        self._batches: dict[str, int] = {}
        self._found: list[_Batch] = []
        self._asked: dict[tuple[int, str], _Asked] = {}
        self._unique = [*layout.unique, *([layout.same_receipt] if layout.same_receipt else [])]
        self._keys: list[list[tuple[pa.Array, Ints, Ints]]] = [[] for _ in self._unique]
        self._chain = BalanceChain(layout.balance) if layout.balance else None
        self._line_ids = LineIds(layout.line_identity) if layout.line_identity else None
        self.columns: Mapping[str, pa.Array] = {}  # of the last frame, derived ones too
        self._stubs = Stubs(layout.same_receipt)
        self._far_dates = FarDates(layout)

    def batches_of(self, texts: pa.Array, lines: Ints) -> Ints:
        """The ordinals of batches by their names, numbered from 1 as they first appear."""
        coded = texts.dictionary_encode()
        first = np.full(len(coded.dictionary), len(texts), dtype=np.int64)
        valid = np.flatnonzero(coded.indices.is_valid().to_numpy(zero_copy_only=False))
        codes = ints(pc.fill_null(coded.indices, 0)).copy()
        np.minimum.at(first, codes[valid], valid)
        numbers = np.zeros(len(coded.dictionary) + 1, dtype=np.int64)
        for code, name in enumerate(coded.dictionary.to_pylist()):
            if name not in self._batches:
                self._batches[name] = len(self._found) + 1
                self._found.append(_Batch(name, int(lines[first[code]])))
            numbers[code] = self._batches[name]
        codes[np.setdiff1d(np.arange(len(texts)), valid)] = len(numbers) - 1  # no batch: 0
        return numbers[codes]

    def tables(self, frame: Frame) -> dict[str, pa.Table]:
        """The tables of a frame; problems go to the notes."""
        if frame.size == 0:
            return {}
        frame, controls = self._completed(frame)
        self.columns = frame.columns
        self._check(frame)
        self._far_dates.tell(frame, self._notes)
        lead = self._leads(frame)
        self._keep_keys(frame, lead)
        own = self._own_columns(frame)
        parts: dict[str, list[tuple[Ints, pa.Table]]] = {}
        masks = [chosen(rule, frame) for rule in self._layout.rows]
        sound = self._claimed(frame, masks)
        for rule, mask in zip(self._layout.rows, masks, strict=True):
            if rule.table == "ignored":
                continue
            taken = mask & sound
            rows = np.flatnonzero(taken & lead if rule.table == "receipts" else taken)
            if len(rows):
                rows, piece = self._priced(rule, frame, rows, own)
                if len(rows):
                    parts.setdefault(rule.table, []).append((rows, piece))
                    self._ask(rule, frame, rows, piece)
        tables = {"controls": controls}
        if self._layout.sums:
            tables["controls"] = pa.concat_tables([sums_of(self._layout, frame), controls])
        receipts = np.zeros(frame.size, dtype=np.int64)
        for name, pieces in parts.items():
            rows, table = in_order(pieces)
            tables[name] = self._numbered(name, table)
            if name == "receipts":
                self._count_batches(frame.batch_ord[rows], ints(table["amount_cents"]))
                receipts[rows] = ints(tables[name]["ordinal"])
        tables["remittances"] = self._remittances(frame, lead, receipts)
        return {name: table for name, table in tables.items() if table.num_rows}

    def _priced(
        self, rule: Rule, frame: Frame, rows: Ints, own: Mapping[str, pa.Array]
    ) -> tuple[Ints, pa.Table]:
        """Rows of a rule and their table; one that brings money and says no amount is told and
        left out, as the first row of a check whose amount is blank."""
        piece = piece_of(rule, frame, rows, self._fmt, own)
        if rule.table not in _MONEY or not piece["amount_cents"].null_count:
            return rows, piece
        given = bools(piece["amount_cents"].combine_chunks().is_valid())
        source = rule.fill.get("amount_cents")
        field = source if isinstance(source, str) else "amount_cents"
        # An amount that is made of others was told when it was made.
        for row in rows[~given] if field not in self._layout.derived else ():
            self._notes.add(
                "VALUE_UNREADABLE", "the amount is blank; a row that brings money must say how much"
                ", ask for a corrected file", line=int(frame.line[row]), field=field,
                byte_offset=int(frame.offset[row]), batch_ord=int(frame.batch_ord[row]) or None,
            )  # fmt: skip
        return rows[given], piece.filter(pa.array(given))

    def finish(self) -> pa.Table:
        """The batches of the file; questions that are asked once a batch and keys that stand
        twice go to the notes."""
        for (batch_ord, code), asked in self._asked.items():
            counts = ", ".join(f"{n} {kind}" for kind, n in sorted(asked.counts.items()))
            batch = f"batch {self._found[batch_ord - 1].name}" if batch_ord else "the file"
            self._notes.add(
                code, f"{batch}: {counts}; {asked.message}", line=asked.line,
                byte_offset=asked.offset, batch_ord=batch_ord or None,
            )  # fmt: skip
        for names, parts in zip(self._unique, self._keys, strict=True):
            tell_repeated(names, parts, self._notes)
        rows = [
            {"batch_ord": number, "batch": b.name, "line": b.line, "found_count": b.count,
             "found_cents": b.cents}
            for number, b in enumerate(self._found, 1)
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=BATCHES)

    def _claimed(self, frame: Frame, masks: list[Bools]) -> Bools:
        """Rows that exactly one rule takes: money must not vanish, nor stand in two places."""
        claims = np.zeros(frame.size, dtype=np.int64)
        for rule, mask in zip(self._layout.rows, masks, strict=True):
            if not rule.beside:
                claims += mask
        for row in self._notes.each("RECORD_UNREADABLE", claims != 1):
            words = "no rule" if claims[row] == 0 else "more than one rule"
            self._notes.add(
                "RECORD_UNREADABLE",
                f"{words} of the format {self._fmt.name} takes this row; the format file must "
                "say what it is",
                line=int(frame.line[row]),
                byte_offset=int(frame.offset[row]),
            )
        return cast(Bools, claims == 1)

    def _check(self, frame: Frame) -> None:
        for check in self._layout.checks:
            for row in self._notes.each(check.code, chosen(check, frame)):
                self._notes.add(
                    check.code, check.message, line=int(frame.line[row]), field=check.column,
                    byte_offset=int(frame.offset[row]), batch_ord=int(frame.batch_ord[row]) or None,
                )  # fmt: skip

    def _ask(self, rule: Rule, frame: Frame, rows: Ints, piece: pa.Table) -> None:
        ask = rule.ask
        if ask is None:
            return
        if ask.once == "row":
            for row in rows:
                self._notes.add(
                    ask.code, ask.message, line=int(frame.line[row]),
                    byte_offset=int(frame.offset[row]), batch_ord=int(frame.batch_ord[row]) or None,
                )  # fmt: skip
            return
        kinds = piece["kind"].to_pylist() if "kind" in piece.column_names else None
        for place, row in enumerate(rows):  # set aside rows are few beside the receipts
            kind = str(kinds[place]) if kinds is not None else rule.table
            key = (int(frame.batch_ord[row]), ask.code)
            asked = self._asked.get(key)
            if asked is None:
                line, offset = int(frame.line[row]), int(frame.offset[row])
                asked = self._asked[key] = _Asked(ask.message, line, offset, {})
            asked.counts[kind] = asked.counts.get(kind, 0) + 1

    def _numbered(self, name: str, table: pa.Table) -> pa.Table:
        start = self._ordinals.get(name, 0)
        self._ordinals[name] = start + table.num_rows
        numbers = pa.array(np.arange(start + 1, start + table.num_rows + 1))
        place = table.schema.get_field_index("ordinal")
        return table.set_column(place, "ordinal", numbers)

    def _count_batches(self, batch_ord: Ints, cents: Ints) -> None:
        if not batch_ord.any():
            return
        numbers, inverse = np.unique(batch_ord, return_inverse=True)
        counts = np.zeros(len(numbers), dtype=np.int64)
        totals = np.zeros(len(numbers), dtype=np.int64)
        np.add.at(counts, inverse, 1)
        np.add.at(totals, inverse, cents)
        for number, count, total in zip(numbers, counts, totals, strict=True):
            if number:
                self._found[number - 1].count += int(count)
                self._found[number - 1].cents += int(total)

    def _keep_keys(self, frame: Frame, lead: Bools) -> None:
        for place, (names, parts) in enumerate(zip(self._unique, self._keys, strict=True)):
            key = joined_keys(frame.columns, names)
            rows = lead if place == len(self._layout.unique) else np.ones(frame.size, np.bool_)
            parts.append((key.filter(pa.array(rows)), frame.line[rows], frame.offset[rows]))

    def _completed(self, frame: Frame) -> tuple[Frame, pa.Table]:
        """The frame with its derived columns, and the running balances that do not hold."""
        layout, at = self._layout, Places(frame.line, frame.offset)
        if layout.derived:
            more = {
                name: derived_amount(name, rule, frame.columns, at, self._notes)
                for name, rule in layout.derived.items()
            }
            frame = replace(frame, columns={**frame.columns, **more})
        if self._chain is None:
            return frame, NO_CONTROLS
        return frame, self._chain.controls(frame.columns, at)

    def _leads(self, frame: Frame) -> Bools:
        """Rows that begin a receipt: all, unless rows may share one."""
        if not self._layout.same_receipt:
            return np.ones(frame.size, dtype=np.bool_)
        lead = self._stubs.leads(frame.columns)
        for rule in self._layout.rows:
            source = rule.fill.get("amount_cents")
            if rule.table == "receipts" and isinstance(source, str):
                at = Places(frame.line, frame.offset)
                self._stubs.check(lead, frame.columns[source], at, source, self._notes)
                break
        return lead

    def _own_columns(self, frame: Frame) -> dict[str, pa.Array]:
        """Columns of bank lines that no fill gives: shown only, and the line's identity."""
        foreign = np.zeros(frame.size, dtype=np.bool_)
        name = self._layout.currency_column
        if name is not None:
            given = pc.fill_null(frame.columns[name].cast(pa.string()), self._fmt.currency)
            texts = pc.utf8_upper(given)
            foreign = ~bools(pc.equal(texts, self._fmt.currency))
            code = "CURRENCY_OTHER" if self._fmt.kind == "bank" else "CURRENCY_WRONG"
            for row in self._notes.each(code, foreign):
                self._notes.add(
                    code, f"the row is in {texts[row]} and not in {self._fmt.currency}",
                    line=int(frame.line[row]), byte_offset=int(frame.offset[row]), field=name,
                )  # fmt: skip
        own = {"same_day": pa.array(foreign)}
        if self._line_ids is not None:
            own["line_id"] = self._line_ids.of(frame.columns)
        return own

    def _remittances(self, frame: Frame, lead: Bools, receipts: Ints) -> pa.Table:
        """What receipts are for; numbered on over the rows and chunks of one receipt."""
        stubs, before = self._stubs, self._stubs.last
        if self._layout.same_receipt:
            receipts = stubs.ordinals(lead, receipts)
        table = remittances_of(self._layout, frame, receipts, (before, stubs.remittances))
        if self._layout.same_receipt and frame.size:
            ordinals = ints(table["ordinal"])
            fresh = int((ordinals == stubs.last).sum())
            stubs.remittances = fresh + (stubs.remittances if before == stubs.last else 0)
        return table
