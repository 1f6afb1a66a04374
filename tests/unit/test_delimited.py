"""Delimited files: where records and fields stand, and what the fixtures read as."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.parsers.csvscan import read_records
from tests.unit.formatfiles import ROOT, read, shipped

CASES = sorted((ROOT / "fixtures" / "delimited").glob("*.csv"))
FIELDS = st.text(st.sampled_from('ab ,"\n\r;é'), max_size=8)


def scanned(data: bytes, block: int = 1 << 20) -> list[list[bytes]]:
    rows = []
    for records in read_records(io.BytesIO(data), ",", '"', block):
        fields = records.fields().to_pylist()
        bounds = records.first_field.tolist()
        rows += [fields[low:high] for low, high in pairwise(bounds)]
    return rows


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(FIELDS, min_size=2, max_size=4), max_size=6), st.integers(1, 60))
def test_records_are_those_of_the_csv_module_in_any_block(
    rows: list[list[str]], block: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows(rows)
    data = text.getvalue().encode()
    assert scanned(data, block) == [[field.encode() for field in row] for row in rows]


def test_a_stray_quote_costs_its_own_record() -> None:
    assert scanned(b'a,"b\nc,d\n')[-1] == [b"c", b"d"]
    assert scanned(b'a,b"b\nc,d\n') == [[b"a", b'b"b'], [b"c", b"d"]]


def summary(path: Path) -> dict[str, Any]:
    result = read(shipped(path.stem.split("-")[0]), path.read_bytes())
    tables = {
        name: [
            {
                k: v.isoformat() if isinstance(v, dt.date) else v
                for k, v in row.items()
                if v is not None
            }
            for row in table.to_pylist()
        ]
        for name, table in result.tables.items()
        if table.num_rows
    }
    return {**tables, "problems": [[p.code, p.line, p.field, p.batch_ord] for p in result.problems]}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_fixture_reads_as_expected(path: Path) -> None:
    assert summary(path) == json.loads(path.with_suffix(".expected.json").read_text())


def test_there_are_fixtures() -> None:
    assert len(CASES) >= 5
