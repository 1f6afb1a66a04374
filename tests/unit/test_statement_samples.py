"""Real MT940 and OFX files: what the samples' manifest says, and what must become of each."""

from __future__ import annotations

import csv
import json
import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import mt940
import pytest

from recond.exceptions.codes import CODES
from tests.unit.achfiles import Read
from tests.unit.statementfiles import content, outcome

FOLDER = os.environ.get("RECOND_SAMPLES", "")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="RECOND_SAMPLES is not set: the folder of real sample files"
)

# Valid in the manifest and held here: it ends behind a transaction, without a closing balance. A
# file that was cut off there looks the same, and nothing proves that its lines are all of them.
WITHOUT_CLOSING = "gv_codes.sta"
# What must name the fault of the invalid ones.
REASONS = {
    "cef_malformed_decimal.ofx": ("VALUE_UNREADABLE", 39),
    "ofxdata-banking-xml200.ofx": ("RECORD_UNREADABLE", 32),
    "date_missing.ofx": ("RECORD_UNREADABLE", 33),
    "decimal_error.ofx": ("VALUE_UNREADABLE", 34),
    "ofx-v102-empty-tags.ofx": ("RECORD_UNREADABLE", 23),
}
REFUSED = {"FILE_STRUCTURE", "NO_STATEMENT", "BANK_REFUSED", "FILE_TRUNCATED"}
# Where mt-940 5.1.1 is wrong or gives up: it raises for these wrapped or impossible fields.
PEER_RAISES = {
    "mt940-iso8859-1.txt": "closing balance of 31 November",
    "mt940.txt": "closing balance of 31 November",
    "mt940-deutsche_bank.txt": "closing balance of 31 November",
}


@cache
def manifest() -> dict[str, dict[str, str]]:
    if not FOLDER:
        return {}
    with (Path(FOLDER) / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["path"]: row for row in rows if row["format"] in ("mt940", "ofx")}


def paths(*statuses: str, kind: str = "") -> list[str]:
    found = [
        path
        for path, row in manifest().items()
        if row["status"] in statuses and kind in row["format"]
    ]
    return found or ["no samples"]


def name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def data(path: str) -> bytes:
    return (Path(FOLDER) / path).read_bytes()


@cache
def read(path: str) -> Read:
    return outcome(manifest()[path]["format"], data(path))


def facts(result: Read) -> dict[str, int]:
    cents = [row["amount_cents"] for row in result.rows("bank_lines")]
    return {
        "txns": len(cents),
        "cr": sum(amount for amount in cents if amount > 0),
        "db": -sum(amount for amount in cents if amount < 0),
    }


def expected(path: str) -> dict[str, Any]:
    return dict(json.loads(manifest()[path]["expected_facts_json"]))


@pytest.mark.parametrize("path", paths("valid"))
def test_a_valid_sample_is_accepted_with_its_facts(path: str) -> None:
    result = read(path)
    said = expected(path)
    assert facts(result) == {key: said[key] for key in ("txns", "cr", "db")}
    held = ["FILE_TRUNCATED", "NO_STATEMENT"] if name(path) == WITHOUT_CLOSING else []
    assert result.codes("error") == held


@pytest.mark.parametrize("path", paths("inconsistent"))
def test_an_inconsistent_sample_is_held_by_its_balance(path: str) -> None:
    result = read(path)
    assert "BALANCE_WRONG" in result.codes("error")
    said = expected(path)
    assert facts(result) == {key: said[key] for key in ("txns", "cr", "db")}
    first = manifest()[path]["why_not_valid"].split("line ")[1].split(" ")[0]
    assert int(first) in {p.line for p in result.problems if p.code == "BALANCE_WRONG"}


@pytest.mark.parametrize("path", paths("invalid"))
def test_an_invalid_sample_is_held_with_its_line(path: str) -> None:
    code, line = REASONS[name(path)]
    problem = read(path).told(code)
    assert (CODES[code].severity, problem.line) == ("error", line)


@pytest.mark.parametrize("path", paths("fragment", "no-statement"))
def test_what_is_no_statement_is_refused(path: str) -> None:
    assert REFUSED & set(read(path).codes("error"))


@pytest.mark.parametrize("path", paths("valid", "inconsistent", "invalid"))
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_make_no_difference(path: str, end: bytes) -> None:
    lines = data(path).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    other = outcome(manifest()[path]["format"], end.join(lines))
    assert content(other) == content(read(path))
    assert other.codes() == read(path).codes()


@pytest.mark.parametrize("path", paths("valid"))
def test_a_sample_that_is_cut_after_any_line_brings_no_other_money(path: str) -> None:
    """A whole statement in front of the cut is a whole statement: MT940 counts no statements."""
    whole = data(path).splitlines(keepends=True)
    lines = content(read(path))[0]
    for count in range(1, len(whole)):
        result = outcome(manifest()[path]["format"], b"".join(whole[:count]))
        if result.codes("error"):
            continue
        kept = content(result)[0]
        money = [(row["bank_account"], row["amount_cents"]) for row in kept]
        assert money == [(r["bank_account"], r["amount_cents"]) for r in lines[: len(money)]]


@pytest.mark.parametrize("path", paths("valid", kind="mt940"))
def test_another_reader_finds_the_same_money(path: str) -> None:
    if name(path) in PEER_RAISES:
        with pytest.raises(ValueError, match=r"day|date"):
            mt940.parse(str(Path(FOLDER) / path))
        return
    found = mt940.parse(str(Path(FOLDER) / path), encoding="latin-1")
    amounts = [int(Decimal(t.data["amount"].amount) * 100) for t in found]
    assert amounts == [row["amount_cents"] for row in read(path).rows("bank_lines")]
