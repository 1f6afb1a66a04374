"""What verbs print: data on stdout, words on stderr; JSON where it is asked for."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def plain(value: object) -> object:
    """A value as JSON and people read it: money and dates as text."""
    if isinstance(value, decimal.Decimal | dt.date):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def json_line(value: object) -> None:
    """One JSON object on one line of stdout."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")


def json_lines(rows: Iterable[object]) -> None:
    """One JSON object a line."""
    for row in rows:
        json_line(row)


def say(words: str) -> None:
    """Words for a person, on stderr."""
    sys.stderr.write(words + "\n")


def text(words: str) -> None:
    """Data as text, on stdout."""
    sys.stdout.write(words + "\n")


def columns(
    rows: Sequence[Mapping[str, Any]], names: Iterable[str], *, right: Iterable[str] = ()
) -> str:
    """Rows as aligned columns under their names; `right` names those that are figures."""
    names = list(names)
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells), 0) for i, name in enumerate(names)]
    figures = set(right)

    def line(values: list[str]) -> str:
        padded = [
            value.rjust(width) if name in figures else value.ljust(width)
            for value, width, name in zip(values, widths, names, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), *(line(row) for row in cells)])


def _cell(value: object) -> str:
    shown = "" if value is None else str(plain(value))
    return "".join(c if c.isprintable() else "·" for c in shown)
