"""Rows of a declarative format and the pieces of tables that they become, without any state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import Bools, Ints, bools, ints, joined_texts
from recond.model import CONTROLS, REMITTANCES, TABLES, Format
from recond.parsers.columns import constant, raw_column
from recond.parsers.mapping import Condition, Fill, Rows, Rule
from recond.parsers.notes import Notes
from recond.parsers.spans import fixed_rows

SEPARATOR = "\x1f"
NO_CONTROLS = CONTROLS.empty_table()


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
        joined = joined_rows(texts, between)
        return joined_texts(texts, between) if joined is None else joined


def chosen(condition: Condition, frame: Frame) -> Bools:
    """Which rows a condition means."""
    mask = np.ones(frame.size, dtype=np.bool_)
    if condition.record is not None and frame.records is not None:
        mask &= frame.records == frame.record_names.index(condition.record)
    for name, sign in condition.sign.items():
        column = frame.columns[name]
        cents = ints(pc.fill_null(column, 0) if column.null_count else column)
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
    for words, wanted in ((condition.when, True), (condition.unless, False)):
        for name, values in words.items():
            if not mask.any():
                return mask
            mask &= _is_one_of(frame.columns[name], values) == wanted
    return mask


def _is_one_of(column: pa.Array, values: list[str]) -> Bools | np.bool_:
    """Where a column is one of some words; a blank is the word ""."""
    if column.null_count == len(column):
        return np.bool_("" in values)
    found = bools(pc.is_in(column.cast(pa.string()), value_set=pa.array(values, pa.string())))
    if "" in values and column.null_count:
        found = found | bools(column.is_null())
    return found


def piece(
    rule: Rule, frame: Frame, rows: Ints, fmt: Format, own: Mapping[str, pa.Array]
) -> pa.Table:
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
        elif column.name == "same_day" and rule.shown:
            array = pa.repeat(pa.scalar(True), frame.size)
        elif column.name in own:
            array = own[column.name]
        elif column.name == "batch":
            array = frame.batch
        elif _same_name(frame, column):
            array = frame.columns[column.name]
        else:
            array = _constant(constants.get(column.name), column.type, frame.size)
        columns.append(array if chosen_rows is None else array.take(chosen_rows))
    return pa.Table.from_arrays(columns, schema=schema)


def joined_rows(texts: list[pa.Array], between: str) -> pa.Array | None:
    """Columns joined where each has texts of one length and no blanks; None for others."""
    parts = [fixed_rows(text) for text in texts]
    if not between.isascii() or any(part is None for part in parts):
        return None
    names: list[tuple[str, str]] = []
    for number, part in enumerate(parts):
        if number and between:
            names.append((f"gap {number}", f"S{len(between)}"))
        if part is not None:
            names.append((f"text {number}", f"V{part.shape[1]}"))
    packed = np.empty(len(texts[0]), dtype=names)
    for name, kind in names:
        word, _, place = name.partition(" ")
        part = parts[int(place)]
        gap = word == "gap" or part is None
        packed[name] = between.encode() if gap or part is None else part.view(kind)[:, 0]
    return raw_column(packed.view(np.uint8).reshape(len(packed), -1), plain=True)


def _same_name(frame: Frame, column: pa.Field) -> bool:
    found = frame.columns.get(column.name)
    return found is not None and bool(found.type == column.type)


def _constant(text: str | None, type_: pa.DataType, size: int) -> pa.Array:
    if text is None or type_ == pa.string():
        return pa.nulls(size, type_) if text is None else constant(text, size)
    return pa.repeat(pa.scalar(text, type_), size)


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


def in_order(pieces: list[tuple[Ints, pa.Table]]) -> tuple[Ints, pa.Table]:
    """Pieces of one table in the order of the file's rows."""
    if len(pieces) == 1:
        return pieces[0]
    rows = np.concatenate([part for part, _ in pieces])
    order = np.argsort(rows, kind="stable")
    table = pa.concat_tables([piece for _, piece in pieces])
    return rows[order], table.take(pa.array(order)).combine_chunks()


def remittances_of(
    layout: Rows, frame: Frame, ordinal_of: Ints, before: tuple[int, int]
) -> pa.Table:
    """The remittances of rows whose receipt is `ordinal_of` (0: none); `before` is a receipt of
    an earlier chunk and how many it has already."""
    pieces: list[tuple[Ints, pa.Table]] = []
    for rule in layout.remittances:
        given = frame.columns[rule.reference].is_valid().to_numpy(zero_copy_only=False)
        at = np.flatnonzero(chosen(rule, frame) & given & (ordinal_of > 0))
        if not len(at):
            continue
        take = None if len(at) == frame.size else pa.array(at)
        amount = pa.nulls(len(at), pa.int64())
        if rule.amount is not None:
            amount = frame.columns[rule.amount]
            amount = amount if take is None else amount.take(take)
        told = frame.columns[rule.reference].cast(pa.string())
        arrays = [
            pa.array(ordinal_of[at]), pa.array(np.zeros(len(at), dtype=np.int32)),
            pa.array(frame.line[at]), pa.array(frame.offset[at]), pa.array(frame.length[at]),
            constant(rule.kind, len(at)), told if take is None else told.take(take), amount,
        ]  # fmt: skip
        pieces.append((at, pa.Table.from_arrays(arrays, schema=REMITTANCES)))
    if not pieces:
        return REMITTANCES.empty_table()
    at, table = in_order(pieces)
    ordinals = ordinal_of[at]
    begins = np.ones(len(at), dtype=np.bool_)
    np.not_equal(ordinals[1:], ordinals[:-1], out=begins[1:])
    place = np.arange(len(at))
    number = place - np.maximum.accumulate(np.where(begins, place, 0)) + 1
    number += before[1] * (ordinals == before[0])
    sequence = pa.array(number.astype(np.int32))
    return table.set_column(1, "sequence", sequence)


def sums_of(layout: Rows, frame: Frame) -> pa.Table:
    """The rows whose identity does not hold, as controls."""
    parts = [NO_CONTROLS]
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
    return pa.concat_tables(parts) if len(parts) > 1 else NO_CONTROLS


def tell_repeated(names: list[str], parts: list[tuple[pa.Array, Ints, Ints]], notes: Notes) -> None:
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
        values = str(keys[row]).split(SEPARATOR)
        what = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
        notes.add(
            "ROW_REPEATED", f"{what} stands already in line {lines[before]}; each may stand once",
            line=int(lines[row]), byte_offset=int(offsets[row]), field=names[-1],
        )  # fmt: skip
