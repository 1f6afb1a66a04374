"""Real camt files: what the samples' manifest says of them, and what must become of each."""

from __future__ import annotations

import csv
import json
import os
from functools import cache
from pathlib import Path

import pytest

from recond.exceptions.codes import CODES
from tests.unit.achfiles import Read
from tests.unit.formatfiles import read, shipped

FOLDER = os.environ.get("RECOND_SAMPLES", "")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="RECOND_SAMPLES is not set: the folder of real sample files"
)

# The manifest calls a batch of 20 that shows one payment inconsistent; banks may send it so
# (formats.md section 8), and it is flagged by a warning.
WARNED = {"camt052.v2.other-account.xml", "camt052.v2.xml"}
FORMAT = shipped("camt")


@cache
def manifest() -> dict[str, dict[str, str]]:
    with (Path(FOLDER) / "MANIFEST.tsv").open(newline="") as source:
        rows = csv.DictReader(source, delimiter="\t")
        return {row["path"]: row for row in rows if row["format"] == "camt"}


def held(result: Read) -> bool:
    return any(CODES[problem.code].severity == "error" for problem in result.problems)


@pytest.mark.parametrize("path", sorted(manifest()) if FOLDER else [])
def test_a_sample_is_read_as_the_manifest_says(path: str) -> None:
    row = manifest()[path]
    result = read(FORMAT, (Path(FOLDER) / path).read_bytes())
    facts = json.loads(row["expected_facts_json"])
    cents = [line["amount_cents"] for line in result.rows("bank_lines")]
    assert len(cents) == facts["ntry"]
    assert sum(c for c in cents if c > 0) == facts["cr"]
    assert -sum(c for c in cents if c < 0) == facts["db"]
    if Path(path).name in WARNED:
        assert result.told("SUMMARY_DIFFERS")
        assert not held(result)
    else:
        assert held(result) == (row["status"] != "valid"), result.problems
    if row["status"] == "invalid":
        assert result.told("NO_STATEMENT")


@pytest.mark.parametrize("path", sorted(manifest()) if FOLDER else [])
def test_no_sample_that_is_cut_at_a_line_is_accepted(path: str) -> None:
    data = (Path(FOLDER) / path).read_bytes().rstrip()
    lines = data.split(b"\n")
    for count in range(0, len(lines), max(len(lines) // 25, 1)):
        assert held(read(FORMAT, b"\n".join(lines[:count]))) or count == len(lines)
