"""Every real file through `process`, each in a home of its own: what becomes of it agrees with what
its collection says, or a reason stands here; then under other names, wrapped in other line ends,
and cut at every line."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import office as offices
import pytest

from recond.formats import HEAD, Formats, load_home_formats
from tests.fuzz.subjects import Outcome, outcome

FOLDER = Path(os.environ.get("RECOND_SAMPLES", ""))
pytestmark = pytest.mark.skipif(
    "RECOND_SAMPLES" not in os.environ,
    reason="RECOND_SAMPLES is not set: the folder of real sample files",
)
INBOXES = {  # of the manifest's formats
    "ach": "ach", "bai2": "bank", "bai-lockbox": "lockbox", "camt": "bank", "check-recon": "bank",
    "csv-bank": "bank", "mt940": "bank", "ofx": "bank", "x12": "ach", "x937": "bank",
}  # fmt: skip
STATES = {
    "valid": {"accepted"}, "deviant": {"accepted"}, "inconsistent": {"held"},
    "invalid": {"held", "partly_held"}, "fragment": {"held"}, "no-statement": {"held"},
}  # fmt: skip
# Where recond says something else than the collection, and why.
_NO_HEADER = (
    "returns without a file header or control: a bank that sends them so gets `partial = true`"
)
_COUNTS = "its file control declares other counts than the file holds, as its collection notes"
_REASON = "a reason that no list has: the returns move no money and go to a person (CODE_UNKNOWN)"
_ONE_OF_20 = "banks may show one payment of a batch of twenty; it is told (SUMMARY_DIFFERS)"
_NO_BALANCE = "made up: its balances are zero before and after a line of 250.01 (BALANCE_WRONG)"
ARGUED = {
    "daily_with_summary.bai2": ("held", _NO_BALANCE),
    "bh-ed-ad-bh-ed-ad-ed-ad.ach": ("held", _NO_HEADER),
    "neither_file_record.txt": ("held", _NO_HEADER),
    "no_control.txt": ("held", _NO_HEADER),
    "no_header.txt": ("held", _NO_HEADER),
    "nonascii-utf8.ach": ("held", _COUNTS),
    "nonascii.ach": ("held", _COUNTS),
    "pos-invalidReturnFile.ach": ("accepted", _REASON),
    "return-PPD-custom-reason-code.ach": ("accepted", _REASON),
    "camt052.v2.other-account.xml": ("accepted", _ONE_OF_20),
    "camt052.v2.xml": ("accepted", _ONE_OF_20),
    "gv_codes.sta": ("held", "it ends behind a transaction, as a file that was cut off would"),
    "835_mult_loops.txt": ("held", "health care remittance: nothing for a city, SET_NOT_READ"),
    "BNK20180905121042882-A.icl": (
        "accepted", "item counts that include images are told; its amounts agree to the cent",
    ),
}  # fmt: skip
# A file of these may end behind any row or statement: nothing says how many there are.
NO_END = {"mt940", "csv-bank", "check-recon"}
LARGE = 1 << 20  # bytes: only in the long mode


def manifest() -> list[dict[str, str]]:
    """The rows of the samples' manifest."""
    if not (FOLDER / "MANIFEST.tsv").is_file():
        return []
    with (FOLDER / "MANIFEST.tsv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


ROWS = {row["path"]: row for row in manifest()}


@cache
def content(path: str) -> bytes:
    """A sample, unpacked."""
    data = (FOLDER / path).read_bytes()
    return gzip.decompress(data) if path.endswith(".gz") else data


def cases() -> list[Any]:
    """Every sample, large ones only in the long mode."""
    return [
        pytest.param(path, marks=[] if len(content(path)) < LARGE else [pytest.mark.long], id=path)
        for path in ROWS
    ]


def small(*statuses: str) -> list[str]:
    """Samples of these statuses that are not large."""
    return [p for p, row in ROWS.items() if row["status"] in statuses and len(content(p)) < LARGE]


@cache
def formats() -> Formats:
    """The formats that ship."""
    return load_home_formats(None)


def judged(path: str, data: bytes, name: str | None = None) -> Outcome | None:
    """A file as its inbox judges it; None when no format claims it."""
    inbox = INBOXES[ROWS[path]["format"]]
    name = name or Path(path).name.removesuffix(".gz")
    fmt = formats().identify(inbox, name, data[:HEAD]).format
    return None if fmt is None else outcome(fmt, data)


def word(result: Outcome | None) -> str:
    """What becomes of it."""
    return "held" if result is None else result.word


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which nothing has happened yet, its database made."""
    folder = tmp_path_factory.mktemp("template") / "home"
    made = offices.Office(folder)
    made.process()
    made.close()
    return folder


@pytest.fixture
def office(template: Path, tmp_path: Path) -> Iterator[offices.Office]:
    """A home of its own."""
    shutil.copytree(template, tmp_path / "home")
    made = offices.Office.of(tmp_path / "home")
    yield made
    made.close()


@pytest.mark.parametrize("path", cases())
def test_process_does_what_the_status_of_a_sample_asks(path: str, office: offices.Office) -> None:
    row = ROWS[path]
    taken = office.take(INBOXES[row["format"]], Path(path).name, (FOLDER / path).read_bytes())
    name = Path(path).name
    wanted = {ARGUED[name][0]} if name in ARGUED else STATES[row["status"]]
    assert taken.state in wanted, taken.message
    if taken.state != "accepted":
        assert office.questions() != []
    if taken.state == "held":
        assert office.journal() == {}
        assert {r["state"] for r in office.rows("receipts")} <= {"held"}
        return  # there is nothing in the books that could be proved
    if taken.state == "accepted":
        assert_facts(row["format"], json.loads(row["expected_facts_json"]), office)
    office.prove()


def assert_facts(kind: str, said: dict[str, Any], office: offices.Office) -> None:
    """The datasets hold what the manifest counted."""
    (file,) = office.rows("files")
    amounts = [offices.cents(line["amount"]) for line in office.rows("bank_lines")]
    match kind:
        case "ach":
            assert file["found_count"] == said["entries"] + said["addenda"]
            assert offices.cents(file["found_amount"]) == said["credit"]
        case "bai-lockbox":
            assert (file["found_count"], offices.cents(file["found_amount"])) == (
                said["items"], said["amt"],
            )  # fmt: skip
        case "bai2" | "mt940" | "ofx" | "camt":
            assert sum(amount for amount in amounts if amount > 0) == said["cr"]
            assert -sum(amount for amount in amounts if amount < 0) == said["db"]
            assert len(amounts) == said.get("txns", said.get("ntry"))


@pytest.mark.parametrize("path", small(*STATES))
def test_a_name_changes_nothing(path: str) -> None:
    data = content(path)
    plain = judged(path, data)
    for name in ("X", "daily.2026-03-16.TXT", "a b;c.csv.xml"):
        other = judged(path, data, name)
        assert (word(other), other and other.money()) == (word(plain), plain and plain.money())


def breaks(kind: str, data: bytes) -> list[bytes]:
    """A file with other line ends; without any where its records have one width."""
    if kind == "x937" or b"\x00" in data:
        return []
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    found = [b"\n".join(lines), b"\r\n".join(lines)]
    whole = [line for line in lines if line.strip()]
    if kind == "ach" and all(len(line) == 94 and line.isascii() for line in whole):
        found.append(b"".join(whole))
    return found


@pytest.mark.parametrize("path", small("valid", "deviant"))
def test_line_ends_change_no_money(path: str) -> None:
    data, kind = content(path), ROWS[path]["format"]
    plain = judged(path, data)
    for other in (judged(path, data) for data in breaks(kind, data)):
        assert (word(other), other and other.money()) == (word(plain), plain and plain.money())


@pytest.mark.parametrize("path", small("valid", "deviant", "inconsistent"))
def test_a_file_that_is_cut_behind_a_line_is_held_or_whole(
    path: str, request: pytest.FixtureRequest
) -> None:
    data, kind = content(path), ROWS[path]["format"]
    plain = judged(path, data)
    if plain is None or plain.word == "held":
        return
    ends = [at + 1 for at in range(len(data) - 1) if data[at : at + 1] in b"\n\r"]
    most = len(ends) if request.config.getoption("--long") else 4
    for end in ends[:: max(1, len(ends) // most)] if ends else []:
        cut = judged(path, data[:end])
        if cut is None or cut.word == "held":
            continue
        assert cut.money() == plain.money() or kind in NO_END, end
        assert cut.money() <= plain.money()
