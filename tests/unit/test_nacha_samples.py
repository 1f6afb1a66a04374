"""Real ACH files: what the samples' manifest says of them, and what must become of each."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from recond.exceptions.codes import CODES
from recond.parsers import x12_addenda as x12
from tests.unit.achfiles import Read, make_format, read

FOLDER = os.environ.get("RECOND_SAMPLES", "")
pytestmark = pytest.mark.skipif(
    not FOLDER, reason="RECOND_SAMPLES is not set: the folder of real sample files"
)

# Samples that the manifest calls invalid and the table of deviations accepts: a return reason
# that is not in the list goes to a person with the rest of its batch (docs/formats.md says why).
ASKED = {
    "pos-invalidReturnFile.ach": "CODE_UNKNOWN",
    "return-PPD-custom-reason-code.ach": "CODE_UNKNOWN",
}
# What must name the fault of the other invalid ones.
REASONS = {
    "1e5RecordBefore1or8.txt": ("FILE_STRUCTURE", 1),
    "1k8RecordFollowing9Record.txt": ("FILE_STRUCTURE", 10),
    "1qFormatCodeIncorrect.txt": ("HEADER_WRONG", 1),
    "20110729A-invalid.ach": ("FILE_COUNT_WRONG", None),
    "3fTELIndvNameAllBlank.txt": ("BATCH_STRUCTURE", 8),
    "3fTELIndvNameAllZeros.txt": ("BATCH_STRUCTURE", 8),
    "Iat-invalidAddenda13.ach": ("BATCH_UNREADABLE", 7),
    "adv-invalidBatchEntries.ach": ("FILE_STRUCTURE", 3),
    "adv-invalidFileControl.ach": ("FILE_COUNT_WRONG", 6),
    "adv-noFileControl.ach": ("FILE_TRUNCATED", None),
    "file_parsing_missing_file_control.txt": ("RECORD_UNREADABLE", 5),
    "flattenADVBatchesMultipleBatchHeaders.ach": ("FILE_TOTAL_WRONG", None),
    "iat-batchHeaderErr.ach": ("FILE_STRUCTURE", 4),
    "iat-invalidAddenda10.ach": ("BATCH_STRUCTURE", 4),
    "iat-invalidAddenda11.ach": ("BATCH_UNREADABLE", 5),
    "iat-invalidAddenda12.ach": ("BATCH_UNREADABLE", 6),
    "iat-invalidAddenda14.ach": ("BATCH_UNREADABLE", 8),
    "iat-invalidAddenda15.ach": ("BATCH_UNREADABLE", 9),
    "iat-invalidAddenda16.ach": ("BATCH_UNREADABLE", 10),
    "iat-invalidAddenda17.ach": ("BATCH_UNREADABLE", 11),
    "iat-invalidAddenda18.ach": ("BATCH_UNREADABLE", 12),
    "iat-invalidBatchHeader.ach": ("BATCH_STRUCTURE", 2),
    "issue1620.ach": ("FILE_COUNT_WRONG", 5),
    "pos-invalidEntryDetail.ach": ("BATCH_UNREADABLE", 3),
    "ppd-debit-fixedLengthInvalid.ach": ("HEADER_WRONG", 1),
    "ppd-debit-invalid-entryDetail-checkDigit.ach": ("BATCH_STRUCTURE", 3),
    "txp-debit.ach": ("BLOCKING_WRONG", None),
}


@cache
def manifest() -> dict[str, dict[str, str]]:
    if not FOLDER:
        return {}
    with (Path(FOLDER) / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["path"]: row for row in rows if row["format"] == "ach"}


def paths(status: str) -> list[str]:
    found = [path for path, row in manifest().items() if row["status"] == status]
    return found or ["no samples"]


@cache
def content(path: str) -> bytes:
    data = (Path(FOLDER) / path).read_bytes()
    return gzip.decompress(data) if path.endswith(".gz") else data


@cache
def outcome(path: str) -> Read:
    return read(content(path))


def facts(result: Read) -> dict[str, Any]:
    """What the manifest's recount counts, from our tables."""
    aside = result.rows("set_aside")
    controls = result.rows("controls")
    found = {
        name: sum(row["found"] for row in controls if row["measure"].startswith(name + " in batch"))
        for name in ("debits", "credits", "entries and addenda")
    }
    entries = len(aside) + result.tables["receipts"].num_rows
    return {
        "entries": entries,
        "addenda": found["entries and addenda"] - entries,
        "batches": result.tables["batches"].num_rows,
        "credit": found["credits"],
        "debit": found["debits"],
        "returns": Counter(r["code"] for r in aside if str(r["code"]).startswith("R")),
        "nocs": Counter(r["code"] for r in aside if str(r["code"]).startswith("C")),
    }


def expected(path: str) -> dict[str, Any]:
    said = json.loads(manifest()[path]["expected_facts_json"])
    numbers = ("entries", "addenda", "batches", "credit", "debit")
    return {
        **{name: said[name] for name in numbers},
        "returns": Counter(said["returns"]),
        "nocs": Counter(said["nocs"]),
    }


@pytest.mark.parametrize("path", paths("valid"))
def test_a_valid_sample_is_accepted_with_its_facts(path: str) -> None:
    result = outcome(path)
    assert result.codes("error") == []
    assert facts(result) == expected(path)
    sent = result.transmission
    assert (sent.declared_count, sent.declared_cents) == (sent.found_count, sent.found_cents)
    assert sent.found_cents == expected(path)["credit"]


@pytest.mark.parametrize("path", paths("valid"))
def test_the_wrapper_of_a_valid_sample_makes_no_difference(path: str) -> None:
    lines = content(path).decode("ascii").splitlines()
    for version in ("\r\n".join(lines), "".join(lines), "\n".join(line.rstrip() for line in lines)):
        other = read(version.encode())
        assert facts(other) == facts(outcome(path))
        assert other.transmission == outcome(path).transmission
        assert other.codes("error") == []


@pytest.mark.parametrize("path", paths("invalid"))
def test_an_invalid_sample_is_held_with_a_reason(path: str) -> None:
    result, name = outcome(path), path.rsplit("/", 1)[-1]
    if name in ASKED:
        assert {ASKED[name], "NOT_YET_HANDLED"} <= set(result.codes())
        assert result.rows("receipts") == []
        return
    assert result.codes("error")
    code, line = REASONS[name]
    assert line is None or line in {p.line for p in result.problems if p.code == code}
    assert code in result.codes()


@pytest.mark.parametrize("path", paths("deviant"))
def test_a_deviant_sample_is_accepted_with_a_warning_or_held(path: str) -> None:
    result = outcome(path)
    assert result.codes()
    held = bool(result.codes("error"))
    fragments = ("bh-ed", "neither_file", "no_control", "no_header", "nonascii")
    assert held == path.rsplit("/", 1)[-1].startswith(fragments)
    if not held:
        said = {**expected(path), "addenda": facts(result)["addenda"]}
        assert facts(result) == said


def test_a_return_fragment_is_read_where_the_format_allows_it() -> None:
    path = next(path for path in manifest() if "bh-ed-ad" in path)
    result = read(content(path), make_format(partial=True))
    assert result.codes("error") == []
    assert [row["code"] for row in result.rows("set_aside")] == ["R02", "R03", "R03"]


def test_an_820_with_broken_bars_reads_from_utf8_and_latin1_alike() -> None:
    texts = []
    for ending in ("nonascii.ach", "nonascii-utf8.ach"):
        path = next(path for path in manifest() if path.endswith(ending))
        encoding = "utf-8" if "utf8" in ending else "latin-1"
        lines = content(path).decode(encoding).splitlines()
        texts.append("".join(line[3:83].ljust(80) for line in lines if line[0] == "7"))
        assert outcome(path).told("RECORD_DEVIATES").line == 3
    said = x12.remittances_820([text.encode("latin-1") for text in texts])
    assert said[0] == said[1]
    assert said[0] is not None
    assert said[0].faults == ()
    assert (said[0].total_cents, said[0].trace) == (135288, "M4986O3TM2")
    assert [(line.qualifier, line.amount_cents) for line in said[0].lines] == [("IK", None)] * 2


def test_the_real_820_is_net_of_the_adjustment_inside_its_line() -> None:
    text = (Path(FOLDER) / "x12/indice-co_EDI.Net/x12.820.issue140.edi").read_bytes()
    (said,) = x12.remittances_820([text])
    assert said is not None
    assert (said.total_cents, said.handling, said.outside_cents) == (2129897, "I", 0)
    assert said.lines[0].adjusted_cents == -14376
    assert x12.paid_lines(said, 2129897) == said.lines
    assert sum(line.amount_cents or 0 for line in said.lines) == 2129897


def test_every_problem_of_every_sample_can_be_explained() -> None:
    for path in manifest():
        for problem in outcome(path).problems:
            assert problem.code in CODES
            assert problem.message.endswith((".", "as found"))
            if CODES[problem.code].scope == "BATCH":
                assert problem.batch_ord is not None
