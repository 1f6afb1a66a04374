"""Reads bytes with a format that ships, as the corridor does, and sums up what was found."""

from __future__ import annotations

import datetime as dt
import io
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from recond.controls import compare
from recond.exceptions.codes import CODES
from recond.formats import load_format
from recond.model import TABLES, Format
from recond.parsers import GRAMMARS
from tests.unit.achfiles import Read

ROOT = Path(__file__).parents[2]
PLACES = {"line", "byte_offset", "byte_length"}


@cache
def shipped(name: str) -> Format:
    """A format that ships."""
    return load_format(ROOT / "formats" / f"{name}.toml")


def read(name: str, data: bytes) -> Read:
    """Tables, problems and transmission of bytes; every chunk has the schemas of the model."""
    fmt = shipped(name)
    chunks = list(GRAMMARS[fmt.grammar].parse(io.BytesIO(data), fmt))
    assert all(chunk.transmission is None for chunk in chunks[:-1])
    last = chunks[-1].transmission
    assert last is not None
    tables = {table: pa.concat_tables([c.table(table) for c in chunks]) for table in TABLES}
    assert all(tables[table].schema == schema for table, schema in TABLES.items())
    problems = [problem for chunk in chunks for problem in chunk.problems]
    problems += compare(tables["controls"], fmt.waives)
    return Read(tables, problems, last)


def flagged(result: Read) -> bool:
    """Whether anything of it is held or asked about."""
    return any(CODES[p.code].severity in {"error", "question"} for p in result.problems)


def rows(result: Read, *, places: bool = True) -> dict[str, list[dict[str, Any]]]:
    """All tables but the controls, nulls left out."""
    found = {}
    for name in TABLES:
        if name == "controls" or not result.tables[name].num_rows:
            continue
        found[name] = [
            {
                key: value.isoformat() if isinstance(value, dt.date) else value
                for key, value in row.items()
                if value is not None and (places or key not in PLACES)
            }
            for row in result.rows(name)
        ]
    return found


def summary(result: Read) -> dict[str, Any]:
    """What a golden file holds."""
    sent = result.transmission
    return {
        **rows(result),
        "problems": [[p.code, p.line, p.field, p.batch_ord] for p in result.problems],
        "transmission": {
            "identity": sent.identity,
            "declared": [sent.declared_count, sent.declared_cents],
            "found": [sent.found_count, sent.found_cents],
        },
    }
