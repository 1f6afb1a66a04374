"""Real BAI2 and lockbox files: what the samples' manifest says of them, and what must become of
each, read alone and through `process` in a home of its own."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bai2 import bai2 as peer

from recond.exceptions.codes import CODES
from tests import sampletable
from tests.unit.achfiles import Read
from tests.unit.formatfiles import ROOT, read, shipped

FOLDER = os.environ.get("RECOND_SAMPLES", "")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="RECOND_SAMPLES is not set: the folder of real sample files"
)
FORMATS = {"bai2": ("bai2", "bank"), "bai-lockbox": ("bai_lockbox", "lockbox")}
# What must name the fault of the invalid ones that we know.
REASONS = {
    "sample-parseError.txt": ("HEADER_WRONG", 1),
    "sample4-continuations-newline-delimited.txt": ("FILE_TOTAL_WRONG", 22),
}


@cache
def manifest() -> dict[str, dict[str, str]]:
    if not FOLDER:
        return {}
    with (Path(FOLDER) / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["path"]: row for row in rows if row["format"] in FORMATS}


def paths(*statuses: str, of: str = "") -> list[str]:
    found = [
        path
        for path, row in manifest().items()
        if row["status"] in statuses and row["format"].startswith(of)
    ]
    return found or ["no samples"]


@cache
def outcome(path: str) -> Read:
    if path not in manifest():
        pytest.skip("the samples have none of these")
    name, _ = FORMATS[manifest()[path]["format"]]
    return read(shipped(name), (Path(FOLDER) / path).read_bytes())


def expected(path: str) -> dict[str, Any]:
    return dict(json.loads(manifest()[path]["expected_facts_json"]))


_SIGNS = {"credit": 1, "debit": -1}


def told_by(file: Any) -> list[tuple[Any, ...]]:
    """What `bai2` reads of each transaction: type code, direction and amount, references."""
    return [
        (one.type_code.code, one.amount * _SIGNS[one.type_code.transaction.value],
         one.bank_reference or None, one.customer_reference or None)
        for group in file.children for account in group.children for one in account.children
    ]  # fmt: skip


def told_by_us(result: Read) -> list[tuple[Any, ...]]:
    names = ("type_code", "amount_cents", "reference", "customer_reference")
    return [tuple(row[name] for name in names) for row in result.rows("bank_lines")]


def found_of(result: Read, measure: str) -> list[int]:
    rows = result.rows("controls")
    return [row["found"] for row in rows if str(row["measure"]).startswith(measure)]


@pytest.mark.parametrize("path", paths("valid", of="bai2"))
def test_a_valid_statement_has_its_counts_and_totals(path: str) -> None:
    result, said = outcome(path), expected(path)
    assert result.codes("error") == []
    lines = result.rows("bank_lines")
    assert len(lines) == said["txns"]
    assert Counter(row["type_code"] for row in lines) == said["codes"]
    amounts = [row["amount_cents"] for row in lines]
    assert (sum(a for a in amounts if a > 0), sum(1 for a in amounts if a > 0)) == (
        said["cr"], said["credits"],
    )  # fmt: skip
    assert (-sum(a for a in amounts if a < 0), sum(1 for a in amounts if a < 0)) == (
        said["db"], said["debits"],
    )  # fmt: skip
    assert sum(found_of(result, "number of accounts")) == said["accounts"]
    assert found_of(result, "number of groups") == [said["groups"]]
    assert found_of(result, "control total of the file") == [said["control"]]


@pytest.mark.parametrize("path", paths("valid", of="bai2"))
def test_another_reader_of_bai2_finds_the_same_money(path: str) -> None:
    file = peer.parse_from_string((Path(FOLDER) / path).read_text(encoding="latin-1"))
    assert told_by(file) == told_by_us(outcome(path))


@pytest.mark.parametrize("path", paths("valid", of="bai-lockbox"))
def test_a_valid_lockbox_file_has_its_counts_and_totals(path: str) -> None:
    result, said = outcome(path), expected(path)
    assert result.codes("error") == []
    receipts = result.rows("receipts")
    assert (len(receipts), sum(r["amount_cents"] for r in receipts)) == (said["items"], said["amt"])
    assert len(result.rows("remittances")) == said["overflow"]
    assert found_of(result, "records of the file") == [said["recs"]]
    sent = result.transmission
    assert (sent.declared_count, sent.declared_cents) == (said["items"], said["amt"])


@pytest.mark.parametrize("path", paths("valid", "deviant"))
def test_the_wrapper_of_a_sample_makes_no_difference(path: str) -> None:
    plain = outcome(path)
    name, _ = FORMATS[manifest()[path]["format"]]
    lines = (Path(FOLDER) / path).read_bytes().splitlines()
    for data in (b"\r\n".join(lines), b"\xef\xbb\xbf" + b"\n".join(lines), b"\r".join(lines)):
        other = read(shipped(name), data)
        assert other.transmission == plain.transmission
        assert [p.code for p in other.problems] == [p.code for p in plain.problems]


@pytest.mark.parametrize("path", paths("invalid"))
def test_an_invalid_sample_is_held_with_a_reason(path: str) -> None:
    result, name = outcome(path), path.rsplit("/", 1)[-1]
    assert result.codes("error")
    if name in REASONS:
        assert REASONS[name] in {(p.code, p.line) for p in result.problems}


@pytest.mark.parametrize("path", paths("deviant", "inconsistent"))
def test_a_deviant_sample_is_warned_about_or_held(path: str) -> None:
    result = outcome(path)
    assert {CODES[code].severity for code in result.codes()} & {"error", "warning", "question"}


def test_the_table_in_the_docs_is_what_becomes_of_the_samples() -> None:
    docs = (ROOT / "docs" / "formats.md").read_text()
    if sampletable.digest(Path(FOLDER)) not in docs:
        pytest.skip("the table in docs/formats.md is of other samples")
    assert sampletable.table(Path(FOLDER)) in docs
