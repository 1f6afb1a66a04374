"""X9.37 image cash letters: totals, framings, damage, samples."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recond.formats import Formats
from tests.unit.reading import ROOT, read, rows, shipped, summary

FOLDER = ROOT / "fixtures" / "x937"
CASES = sorted(FOLDER.glob("*.x937"))
FRAMED = (FOLDER / "deposit-ebcdic.x937").read_bytes()
LINES = (FOLDER / "deposit-lines.x937").read_bytes()


def framed(lines: list[bytes]) -> bytes:
    return b"".join(len(line).to_bytes(4, "big") + line for line in lines)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_a_fixture_reads_as_expected(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert summary(read("x937", path.read_bytes())) == expected


def test_lengths_lines_ascii_and_ebcdic_tell_the_same() -> None:
    first = read("x937", FRAMED)
    lines = LINES.splitlines()
    for data in (LINES, LINES.replace(b"\n", b"\r\n"), LINES.rstrip(b"\n"), framed(lines)):
        other = read("x937", data)
        assert (other.codes(), other.transmission) == ([], first.transmission)
        assert rows(other, places=False) == rows(first, places=False)


def test_images_are_passed_over_and_counts_that_include_them_are_warned_of() -> None:
    lines = LINES.splitlines()
    at = next(row for row, line in enumerate(lines) if line[:2] == b"70")
    image = b"52" + b" " * 115 + b"\n99\x00" * 50_000
    deviates, wrong = ["RECORD_DEVIATES"], ["FILE_COUNT_WRONG"]
    for said, codes in ((b"0003", []), (b"0006", deviates), (b"0009", wrong)):
        control = b"70" + said + lines[at][6:]
        trailer = lines[-1][:8] + b"%08d" % (len(lines) + 1) + lines[-1][16:]
        data = framed([*lines[:at], image, control, *lines[at + 1 : -1], trailer])
        assert read("x937", data).codes() == codes


def test_credit_records_may_be_left_out_of_the_number_of_records() -> None:
    lines = LINES.splitlines()
    credit = b"61".ljust(80)
    data = framed([*lines[:2], credit, *lines[2:]])
    assert read("x937", data).codes() == ["RECORD_DEVIATES"]
    wrong = lines[-1][:8] + b"%08d" % 99 + lines[-1][16:]
    assert read("x937", framed([*lines[:-1], wrong])).codes() == ["FILE_COUNT_WRONG"]


@pytest.mark.parametrize(
    ("row", "columns", "text", "code"),
    [
        (3, (48, 57), b"000000000O", "RECORD_UNREADABLE"), (0, (5, 5), b"X", "HEADER_WRONG"),
        (3, (1, 2), b"zz", "RECORD_UNREADABLE"), (2, (1, 2), b"70", "FILE_STRUCTURE"),
        (8, (7, 18), b"000000000001", "FILE_TOTAL_WRONG"),
        (1, (23, 30), b"20260231", "DATE_UNUSUAL"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(
    row: int, columns: tuple[int, int], text: bytes, code: str
) -> None:
    lines = LINES.splitlines()
    lines[row] = lines[row][: columns[0] - 1] + text + lines[row][columns[1] :]
    problem = read("x937", framed(lines)).told(code)
    assert (problem.line, problem.byte_offset) == (row + 1, row * 84)


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    read("x937", data)
    read("x937", FRAMED[:84] + data)
    read("x937", LINES[:81] + data)


def test_every_sample_agrees_with_the_manifest(samples: Path) -> None:
    with (samples / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        manifest = [row for row in csv.DictReader(lines, delimiter="\t") if row["format"] == "x937"]
    formats = Formats(shipped(path.stem) for path in (ROOT / "formats").glob("*.toml"))
    assert manifest
    for row in manifest:
        data = (samples / row["path"]).read_bytes()
        facts = json.loads(row["expected_facts_json"])
        result = read("x937", data)
        sent = result.transmission
        assert (sent.found_cents, sent.found_count) == (facts["amt"], facts["items"])
        assert sent.declared_count == int(facts["file_ctl"]["items"])
        assert result.codes() == ["RECORD_DEVIATES"]  # all are marked as tests
        assert (len(result.problems) > 1) == (row["status"] == "inconsistent")
        for inbox in ("bank", "lockbox"):
            found = formats.identify(inbox, "a.icl", data)
            assert found.format is not None, found.reasons
            assert found.format.name == "x937"
