"""Rows of a delimited file that are no data: titles of sections, and totals as controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from recond.arrays import Ints
from recond.model import CONTROLS
from recond.parsers.csvgrid import Grid
from recond.parsers.csvscan import Records
from recond.parsers.notes import Notes
from recond.parsers.typed import Value, convert
from recond.tomlcheck import Strict

_COUNT = Value(type="integer")


class OtherRows(Strict):
    """Rows below the header that are no data: titles of sections, totals.

    Such a row begins with one of some words, case-blind. `count` and `total` say in which of its
    fields (from 1) the number of rows and the sum of column `of` stand; with `required` a file
    without such a row is truncated.
    """

    begins: list[str] = Field(min_length=1)
    count: int | None = Field(default=None, ge=1)
    total: int | None = Field(default=None, ge=1)
    of: str | None = None
    required: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.total is None) != (self.of is None):
            raise ValueError("total and of belong together")
        if "" in self.begins:
            raise ValueError("begins: every row begins with nothing")
        return self


@dataclass(slots=True)
class Totals:
    """What other rows declare, and what the data rows hold."""

    rules: Sequence[OtherRows]
    value_of: Callable[[str], Value]  # how the amounts of a column are written
    encoding: str
    notes: Notes
    _rows: int = 0
    _sums: dict[str, int] = field(default_factory=dict)
    _declared: list[dict[str, object]] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def take(self, records: Records | Grid, start: int) -> Ints:
        """The records from `start` on that are no data; their figures are kept."""
        others: set[int] = set()
        if self.rules and start < len(records.starts):
            first = records.all_fields.take(pa.array(records.first_field[start:-1]))
            for number, rule in enumerate(self.rules):
                for word in rule.begins:
                    found = pc.starts_with(first, word, ignore_case=True)
                    rows = {start + row for row in pc.indices_nonzero(found).to_pylist()} - others
                    others |= rows
                    if rows:
                        self._declare(number, rule, records, sorted(rows))
        return np.array(sorted(others), dtype=np.int64)

    def add(self, columns: Mapping[str, pa.Array], rows: int) -> None:
        """Count data rows and add up what totals are of."""
        self._rows += rows
        for name in {rule.of for rule in self.rules if rule.of is not None}:
            if name in columns:
                found = int(pc.sum(columns[name]).as_py() or 0)
                self._sums[name] = self._sums.get(name, 0) + found

    def controls(self) -> pa.Table:
        """Declared against found, when the whole file was read."""
        for number, rule in enumerate(self.rules):
            if rule.required and number not in self._seen:
                what = " or ".join(rule.begins)
                self.notes.add(
                    "FILE_TRUNCATED", f"no row begins with {what}, which every such file ends with;"
                    " ask for the whole file",
                )  # fmt: skip
        for row in self._declared:
            name = row.pop("of")
            row["found"] = self._rows if name is None else self._sums.get(str(name), 0)
        return pa.Table.from_pylist(self._declared, schema=CONTROLS)

    def _declare(
        self, number: int, rule: OtherRows, records: Records | Grid, rows: list[int]
    ) -> None:
        self._seen.add(number)
        wanted = (
            (rule.count, _COUNT, None, "FILE_COUNT_WRONG", "number of rows", "count"),
            (rule.total, None, rule.of, "FILE_TOTAL_WRONG", f"sum of {rule.of}", "cents"),
        )
        if rule.count is rule.total is None:
            return
        values = [[raw.decode(self.encoding, "replace") for raw in records.values(r)] for r in rows]
        declared: list[tuple[int, dict[str, object]]] = []
        for at, value, of, code, measure, unit in wanted:
            if at is None:
                continue
            texts = [found[at - 1].strip() if at <= len(found) else "" for found in values]
            column = pa.array([text or None for text in texts], pa.string())
            figures, _, _ = convert(column, value or self.value_of(of or ""), measure)
            for row, text, figure in zip(rows, texts, figures.to_pylist(), strict=True):
                line, field_ = int(records.lines[row]), f"field {at}"
                offset = int(records.offset + records.starts[row])
                if figure is None:
                    message = f"the {measure} cannot be read: '{text[:40]}'"
                    self.notes.add(
                        "VALUE_UNREADABLE", message, line=line, byte_offset=offset, field=field_
                    )
                    continue
                told = {
                    "code": code, "batch_ord": None, "measure": measure, "unit": unit,
                    "declared": figure, "found": None, "line": line, "byte_offset": offset,
                    "field": field_, "of": of,
                }  # fmt: skip
                declared.append((line, told))
        self._declared += [told for _, told in sorted(declared, key=lambda one: one[0])]
