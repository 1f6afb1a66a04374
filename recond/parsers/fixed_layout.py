"""The `[layout]` of a fixed width format: records, fields by printed columns, controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from recond.parsers.mapping import Rows, mistakes
from recond.parsers.typed import Value
from recond.tomlcheck import Strict, nearest

_WIDEST = 4096


def columns_of(value: object) -> object:
    """ "8-17" or "8", columns from 1, both ends included, as a slice's bounds (7, 17)."""
    if not isinstance(value, str):
        raise ValueError("write columns as text such as '8-17'")  # noqa: TRY004 - for pydantic
    first, dash, last = value.partition("-")
    last = last if dash else first
    if not all(part.isascii() and part.isdigit() and len(part) < 5 for part in (first, last)):
        raise ValueError(f"{value!r} is no range of columns such as '8-17'")
    if not 1 <= int(first) <= int(last) <= _WIDEST:
        raise ValueError(f"{value!r}: columns count from 1, the first comes before the last")
    return int(first) - 1, int(last)


Columns = Annotated[tuple[int, int], BeforeValidator(columns_of)]


class FixedField(Value):
    """A field: its columns, and how its value is written. `constant` must stand there."""

    columns: Columns
    constant: str | None = None

    @property
    def printed(self) -> str:
        """The columns as the bank prints them."""
        return f"{self.columns[0] + 1}-{self.columns[1]}"


class Record(Strict):
    """A kind of record. Without a tag it is found by its position in the file."""

    tag: str | None = None
    position: Literal["first", "last", "between"] | None = None
    required: bool = False  # the file must hold one
    fields: dict[str, FixedField] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _chosen(self) -> Self:
        if (self.tag is None) == (self.position is None):
            raise ValueError("give exactly one of tag and position")
        return self


class Control(Strict):
    """What a trailer's field declares of the file's detail records."""

    record: str  # the trailer
    field: str
    of: list[str] = Field(min_length=1)  # the records that are counted or added up
    sum: str | None = None  # the amount field that is added up; without it records are counted


class Layout(Rows):
    """The `[layout]` of a fixed width format."""

    width: int = Field(ge=1, le=_WIDEST)  # bytes of a record, without its line break
    line_breaks: bool = True  # false: records follow each other (always so in EBCDIC)
    tag_columns: Columns | None = None
    records: dict[str, Record] = Field(min_length=1)
    controls: list[Control] = Field(default_factory=list)

    @property
    def columns(self) -> dict[str, FixedField]:
        """All fields by name; fields of several records may share a name and then a type."""
        return {
            name: one for record in self.records.values() for name, one in record.fields.items()
        }

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = [*mistakes(self, self.columns, tuple(self.records)), *self._own_mistakes()]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _own_mistakes(self) -> Iterator[str]:
        spans = [(name, one.columns) for name, one in self.columns.items()]
        if self.tag_columns is not None:
            spans.append(("tag_columns", self.tag_columns))
        for name, (_, stop) in spans:
            if stop > self.width:
                yield f"{name}: column {stop} lies behind the width {self.width}"
        types: dict[str, tuple[str, pa.DataType]] = {}
        tags: dict[str, str] = {}
        for label, record in self.records.items():
            key = f"tag {record.tag}" if record.tag is not None else f"position {record.position}"
            if key in tags:
                yield f"records {label}: {key} is that of {tags[key]}"
            tags[key] = label
            if record.tag is not None and self.tag_columns is None:
                yield f"records {label}: a tag needs tag_columns"
            for name, one in record.fields.items():
                before = types.setdefault(name, (label, one.arrow))
                if before[1] != one.arrow:
                    yield f"records {label}: '{name}' has another type than in {before[0]}"
        yield from self._wrong_controls()

    def _wrong_controls(self) -> Iterator[str]:
        for number, control in enumerate(self.controls, 1):
            for label in (control.record, *control.of):
                if label not in self.records:
                    hint = nearest(label, list(self.records))
                    yield f"controls {number}: there is no record '{label}'{hint}"
            for label, name in [(control.record, control.field)] + [
                (label, control.sum) for label in control.of if control.sum is not None
            ]:
                one = self.records.get(label, Record(tag="")).fields.get(name)
                if one is None or one.arrow != pa.int64():
                    yield f"controls {number}: '{name}' is no number of record '{label}'"
