"""What the tests of bank statements share: a file's tables and problems as plain values."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

from recond.model import Format
from tests.unit.achfiles import Read
from tests.unit.formatfiles import ROOT, read, shipped

FIXTURES = ROOT / "fixtures"
PLACES = {"line", "byte_offset", "byte_length"}


@cache
def _format(name: str) -> Format:
    return shipped(name)


def outcome(name: str, data: bytes | str) -> Read:
    """A file read with the format of that name."""
    return read(_format(name), data.encode() if isinstance(data, str) else data)


def rows(result: Read, table: str, without: set[str] | None = None) -> list[dict[str, Any]]:
    """Rows of a table without nulls, dates as text."""
    return [
        {
            key: value.isoformat() if isinstance(value, dt.date) else value
            for key, value in row.items()
            if value is not None and key not in (without or set())
        }
        for row in result.rows(table)
    ]


def content(result: Read) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines and balances without their places."""
    return rows(result, "bank_lines", PLACES), rows(result, "bank_balances", PLACES)


def summary(result: Read) -> dict[str, Any]:
    """What a fixture's expected file holds."""
    return {
        "bank_lines": rows(result, "bank_lines"),
        "bank_balances": rows(result, "bank_balances"),
        "problems": [[p.code, p.line, p.field] for p in result.problems],
        "identity": result.transmission.identity,
    }


def cases(folder: str) -> list[Path]:
    """The fixtures of a grammar."""
    found = sorted((FIXTURES / folder).iterdir())
    return [path for path in found if not path.name.endswith((".json", ".md"))]


def faults(ending: str) -> list[Path]:
    """The problem fixtures of a grammar."""
    return sorted((FIXTURES / "problems").glob(f"*.{ending}"))
