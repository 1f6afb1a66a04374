"""Every prefix and every flipped bit of the smallest files; the table in docs/formats.md.

    python -m tests.fuzz.flips          prints which fields no control covers

A flip is seen when it holds the file or a batch of it, or adds a question or a warning. One that is
accepted without a word must be visible in a column, and that column is one that no control of
its format covers: the table lists them. A byte that no column shows is in the archive alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from recond.model import Format
from tests.fuzz.subjects import SUBJECTS, Outcome, outcome, shipped, smallest

# Where a row stands and what is only counted; figures that are compared say themselves.
_PLACES = {
    "ordinal", "line", "byte_offset", "byte_length", "lines", "batch_ord",
    "declared_count", "declared_cents", "found_count", "found_cents",
}  # fmt: skip
_TABLES = (
    "receipts", "remittances", "set_aside", "bank_lines", "bank_balances", "advices",
    "advice_lines", "image_deposits", "batches",
)  # fmt: skip
HELD = {"held", "a batch held"}
ONE, SOME, ALL = 1, 3, 8  # bits of a byte


@dataclass(slots=True)
class Flips:
    """What becomes of flipped bytes of one file."""

    seen: int = 0
    columns: dict[str, int] = field(default_factory=dict)  # "table.column": flips visible there
    unseen: list[int] = field(default_factory=list)  # places that no column shows
    money: list[int] = field(default_factory=list)  # places where it changes an amount


def told(result: Outcome) -> list[tuple[str, int | None, str | None]]:
    """Every problem with its place."""
    return [(p.code, p.line, p.field) for p in result.problems]


def values(result: Outcome) -> dict[str, list[Any]]:
    """Every column of every table, without places."""
    found = {}
    for name in _TABLES:
        table = result.tables.get(name)
        if table is None:
            continue
        for column in table.schema.names:
            if column not in _PLACES and table[column].null_count < len(table):
                found[f"{name}.{column}"] = table[column].to_pylist()
    found["transmission.identity"] = [result.transmission.identity]
    return found


def masks(place: int, bits: int) -> Iterable[int]:
    """Which bits of a byte are flipped: all eight, three (the lowest, the one that turns a type
    code from credit to debit, and another), or one."""
    if bits == ALL:
        return (1 << bit for bit in range(8))
    return (1, 4, 1 << (1, 3, 4, 5, 6, 7)[place % 6]) if bits == SOME else (1 << place % 8,)


def flipped(data: bytes, bits: int) -> Iterator[tuple[int, int, bytes]]:
    """(place, mask, bytes) of every flip."""
    for place in range(len(data)):
        for mask in masks(place, bits):
            other = bytearray(data)
            other[place] ^= mask
            yield place, mask, bytes(other)


def flips(fmt: Format, data: bytes, bits: int) -> Flips:
    """Read every flip of a file; raises what the parser raises."""
    found = Flips()
    whole = outcome(fmt, data)
    right, known = values(whole), told(whole)
    for place, _mask, other in flipped(data, bits):
        result = outcome(fmt, other)
        if result.word in HELD or told(result) != known:
            found.seen += 1
            continue
        read = values(result)
        changed = [name for name in read.keys() | right.keys() if read.get(name) != right.get(name)]
        for name in changed:
            found.columns[name] = found.columns.get(name, 0) + 1
        if result.money() != whole.money():
            found.money.append(place)
        if not changed:
            found.unseen.append(place)
    return found


def accepted_prefixes(fmt: Format, data: bytes) -> list[int]:
    """Lengths of the proper prefixes of a file that are not held."""
    return [size for size in range(len(data)) if outcome(fmt, data[:size]).word != "held"]


def table() -> str:
    """The table as it stands in docs/formats.md."""
    lines = [
        "| file | bytes | flips | seen | where the others are visible | bytes that none shows |",
        "|---|---|---|---|---|---|",
    ]
    for subject in SUBJECTS.values():
        for name in subject.smallest:
            data = smallest(subject, name)
            lines.append(row_of(name, data, flips(shipped(name), data, SOME)))
    return "\n".join(lines)


def row_of(name: str, data: bytes, found: Flips) -> str:
    """The row of one format."""
    every = sum(1 for _ in flipped(data, SOME))
    names = ", ".join(f"`{column}`" for column in sorted(found.columns)) or "none"
    return f"| {name} | {len(data)} | {every} | {found.seen} | {names} | {len(set(found.unseen))} |"


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
