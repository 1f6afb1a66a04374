"""Rows of a declarative format as tables of the model: rules, remittances, checks and batches.

State that must outlive a chunk (ordinals, batches, keys that no two rows share) is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import Bools, Ints, ints
from recond.model import BATCHES, CONTROLS, REMITTANCES, TABLES, Format
from recond.parsers.mapping import Condition, Fill, Rows, Rule
from recond.parsers.notes import Notes

_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Frame:
    """Good rows of a chunk: typed columns by name, and where each row stands in the file.

    `records` is the record's number of each row in a fixed format. `batch_ord` is 0 and `batch`
    null where there is none.
    """

    columns: Mapping[str, pa.Array]
    line: Ints
    offset: Ints
    length: Ints
    batch_ord: Ints
    batch: pa.Array
    records: Ints | None = None
    record_names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.line)

    def joined(self, names: list[str], between: str) -> pa.Array:
        """Columns as text, joined; blanks are left out, null where all are blank."""
        texts = [self.columns[name].cast(pa.string()) for name in names]
        if all(text.null_count == self.size for text in texts):
            return pa.nulls(self.size, pa.string())  # Arrow joins nulls alone to no rows at all
        joined = pc.binary_join_element_wise(*texts, between, null_handling="skip")
        return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def chosen(condition: Condition, frame: Frame) -> Bools:
    """Which rows a condition means."""
    mask = np.ones(frame.size, dtype=np.bool_)
    if condition.record is not None and frame.records is not None:
        mask &= frame.records == frame.record_names.index(condition.record)
    for words, wanted in ((condition.when, True), (condition.unless, False)):
        for name, values in words.items():
            text = pc.fill_null(frame.columns[name].cast(pa.string()), "")
            found = pc.is_in(text, value_set=pa.array(values, pa.string()))
            mask &= found.to_numpy(zero_copy_only=False) == wanted
    for name, sign in condition.sign.items():
        cents = ints(pc.fill_null(frame.columns[name], 0))
        match sign:
            case "positive":
                mask &= cents > 0
            case "negative":
                mask &= cents < 0
            case "zero":
                mask &= cents == 0
            case "not_positive":
                mask &= cents <= 0
            case "not_negative":
                mask &= cents >= 0
            case _:
                mask &= cents != 0
    return mask


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
        self._keys: list[list[tuple[pa.Array, Ints, Ints]]] = [[] for _ in layout.unique]

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
        self._check(frame)
        self._keep_keys(frame)
        parts: dict[str, list[tuple[Ints, pa.Table]]] = {}
        sound = self._claimed(frame)
        for rule in self._layout.rows:
            if rule.table == "ignored":
                continue
            rows = np.flatnonzero(chosen(rule, frame) & sound)
            if len(rows):
                piece = _piece(rule, frame, rows, self._fmt)
                parts.setdefault(rule.table, []).append((rows, piece))
                self._ask(rule, frame, rows, piece)
        tables: dict[str, pa.Table] = {"controls": _sums(self._layout, frame)}
        for name, pieces in parts.items():
            rows, table = _in_order(pieces)
            tables[name] = self._numbered(name, table)
            if name == "receipts":
                self._count_batches(frame.batch_ord[rows], ints(table["amount_cents"]))
                ordinals = ints(tables[name]["ordinal"])
                tables["remittances"] = _remittances(self._layout, frame, rows, ordinals)
        return {name: table for name, table in tables.items() if table.num_rows}

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
        for names, parts in zip(self._layout.unique, self._keys, strict=True):
            _repeated(names, parts, self._notes)
        rows = [
            {"batch_ord": number, "batch": b.name, "line": b.line, "found_count": b.count,
             "found_cents": b.cents}
            for number, b in enumerate(self._found, 1)
        ]  # fmt: skip
        return pa.Table.from_pylist(rows, schema=BATCHES)

    def _claimed(self, frame: Frame) -> Bools:
        """Rows that exactly one rule takes: money must not vanish, nor stand in two places."""
        claims = np.zeros(frame.size, dtype=np.int64)
        for rule in self._layout.rows:
            if not rule.beside:
                claims += chosen(rule, frame)
        for row in np.flatnonzero(claims != 1):
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
            for row in np.flatnonzero(chosen(check, frame)):
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
        numbers, inverse = np.unique(batch_ord, return_inverse=True)
        counts = np.zeros(len(numbers), dtype=np.int64)
        totals = np.zeros(len(numbers), dtype=np.int64)
        np.add.at(counts, inverse, 1)
        np.add.at(totals, inverse, cents)
        for number, count, total in zip(numbers, counts, totals, strict=True):
            if number:
                self._found[number - 1].count += int(count)
                self._found[number - 1].cents += int(total)

    def _keep_keys(self, frame: Frame) -> None:
        for names, parts in zip(self._layout.unique, self._keys, strict=True):
            texts = [pc.fill_null(frame.columns[n].cast(pa.string()), "") for n in names]
            key = pc.binary_join_element_wise(*texts, _SEPARATOR)
            parts.append((key, frame.line, frame.offset))


def _piece(rule: Rule, frame: Frame, rows: Ints, fmt: Format) -> pa.Table:
    schema = TABLES[rule.table]
    whole = len(rows) == frame.size
    chosen_rows = None if whole else pa.array(rows)
    place = {
        "ordinal": np.zeros(frame.size, dtype=np.int64), "line": frame.line,
        "byte_offset": frame.offset, "byte_length": frame.length, "batch_ord": frame.batch_ord,
    }  # fmt: skip
    constants = {"channel": fmt.channel, "tender": fmt.tender}
    columns = []
    for column in schema:
        source = rule.fill.get(column.name)
        if column.name in place:
            array = pa.array(place[column.name]).cast(column.type)
        elif source is not None:
            array = _filled(source, frame)
        elif column.name == "batch":
            array = frame.batch
        elif _same_name(frame, column):
            array = frame.columns[column.name]
        else:
            array = _constant(constants.get(column.name), column.type, frame.size)
        columns.append(array if chosen_rows is None else array.take(chosen_rows))
    return pa.Table.from_arrays(columns, schema=schema)


def _same_name(frame: Frame, column: pa.Field) -> bool:
    found = frame.columns.get(column.name)
    return found is not None and bool(found.type == column.type)


def _constant(text: str | None, type_: pa.DataType, size: int) -> pa.Array:
    return pa.nulls(size, type_) if text is None else pa.repeat(pa.scalar(text, type_), size)


def _filled(source: str | Fill, frame: Frame) -> pa.Array:
    if isinstance(source, str):
        return frame.columns[source]
    if source.constant is not None:
        return _constant(source.constant, pa.string(), frame.size)
    if source.join:
        return frame.joined(source.join, source.between)
    if source.first:
        return pc.coalesce(*(frame.columns[name] for name in source.first))
    return pc.negate(frame.columns[source.negative or ""])


def _in_order(pieces: list[tuple[Ints, pa.Table]]) -> tuple[Ints, pa.Table]:
    """Pieces of one table in the order of the file's rows."""
    if len(pieces) == 1:
        return pieces[0]
    rows = np.concatenate([part for part, _ in pieces])
    order = np.argsort(rows, kind="stable")
    table = pa.concat_tables([piece for _, piece in pieces])
    return rows[order], table.take(pa.array(order)).combine_chunks()


def _remittances(layout: Rows, frame: Frame, rows: Ints, ordinals: Ints) -> pa.Table:
    ordinal_of = np.zeros(frame.size, dtype=np.int64)
    ordinal_of[rows] = ordinals
    pieces: list[tuple[Ints, pa.Table]] = []
    for rule in layout.remittances:
        given = frame.columns[rule.reference].is_valid().to_numpy(zero_copy_only=False)
        at = np.flatnonzero(chosen(rule, frame) & given & (ordinal_of > 0))
        if not len(at):
            continue
        take = pa.array(at)
        amount = pa.nulls(len(at), pa.int64())
        if rule.amount is not None:
            amount = frame.columns[rule.amount].take(take)
        arrays = [
            pa.array(ordinal_of[at]), pa.array(np.zeros(len(at), dtype=np.int32)),
            pa.array(frame.line[at]), pa.array(frame.offset[at]), pa.array(frame.length[at]),
            _constant(rule.kind, pa.string(), len(at)),
            frame.columns[rule.reference].cast(pa.string()).take(take), amount,
        ]  # fmt: skip
        pieces.append((at, pa.Table.from_arrays(arrays, schema=REMITTANCES)))
    if not pieces:
        return REMITTANCES.empty_table()
    at, table = _in_order(pieces)
    first = np.searchsorted(at, at, side="left")
    sequence = pa.array((np.arange(len(at)) - first + 1).astype(np.int32))
    return table.set_column(1, "sequence", sequence)


def _sums(layout: Rows, frame: Frame) -> pa.Table:
    """The rows whose identity does not hold, as controls."""
    parts = [CONTROLS.empty_table()]
    for rule in layout.sums:
        found = np.zeros(frame.size, dtype=np.int64)
        for names, factor in ((rule.plus, 1), (rule.minus, -1)):
            for name in names:
                found += factor * ints(pc.fill_null(frame.columns[name], 0))
        declared = ints(pc.fill_null(frame.columns[rule.total], 0))
        names = frame.columns[rule.name].cast(pa.string())
        for row in np.flatnonzero((declared != found) & chosen(rule, frame)):
            control = {
                "code": rule.code, "batch_ord": int(frame.batch_ord[row]) or None,
                "measure": f"{rule.total} of {rule.name} {names[row]}", "unit": "cents",
                "declared": int(declared[row]), "found": int(found[row]),
                "line": int(frame.line[row]), "byte_offset": int(frame.offset[row]),
                "field": rule.total,
            }  # fmt: skip
            parts.append(pa.Table.from_pylist([control], schema=CONTROLS))
    return pa.concat_tables(parts)


def _repeated(names: list[str], parts: list[tuple[pa.Array, Ints, Ints]], notes: Notes) -> None:
    if not parts:
        return
    keys = pa.chunked_array([key for key, _, _ in parts]).combine_chunks()
    codes = ints(keys.dictionary_encode().indices)
    order = np.argsort(codes, kind="stable")
    again = np.flatnonzero(codes[order][1:] == codes[order][:-1]) + 1
    if not len(again):
        return
    lines = np.concatenate([line for _, line, _ in parts])
    offsets = np.concatenate([offset for _, _, offset in parts])
    for place in again:
        row, before = int(order[place]), int(order[place - 1])
        values = str(keys[row]).split(_SEPARATOR)
        what = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
        notes.add(
            "ROW_REPEATED", f"{what} stands already in line {lines[before]}; each may stand once",
            line=int(lines[row]), byte_offset=int(offsets[row]), field=names[-1],
        )  # fmt: skip
