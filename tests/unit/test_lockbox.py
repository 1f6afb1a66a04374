"""BAI lockbox files: what is read, what is refused, and at which level (formats section 2)."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.errors import ConfigError
from recond.exceptions.codes import CODES
from recond.formats import read_format
from recond.model import Parsed
from recond.parsers import lockbox
from recond.parsers.lockbox_state import State
from recond.parsers.lockbox_totals import take_trailer
from recond.pipeline.reading import read as judge
from tests.unit.achfiles import Read
from tests.unit.formatfiles import ROOT
from tests.unit.lockboxfiles import (
    BOX,
    Batch,
    Check,
    box_total,
    check_records,
    closing,
    header,
    opening,
    profile,
    read,
    records,
    service,
    text,
    trailer,
)

CASES = sorted((ROOT / "fixtures" / "lockbox").glob("*.bai"))
PLACES = {"line", "byte_offset", "byte_length"}
TWO = [
    Batch([Check(), Check("0000007000", (("1002", "0000003000"), ("1001", "0000004000")))]),
    Batch([Check("0000000123", ())], "002"),
]


def summary(result: Read) -> dict[str, Any]:
    def kept(name: str) -> list[dict[str, Any]]:
        return [
            {
                k: v.isoformat() if isinstance(v, dt.date) else v
                for k, v in row.items()
                if v is not None
            }
            for row in result.rows(name)
        ]

    sent = result.transmission
    return {
        **{name: kept(name) for name in ("receipts", "remittances", "set_aside", "batches")},
        "problems": [[p.code, p.line, p.field, p.batch_ord] for p in result.problems],
        "declared": [sent.declared_count, sent.declared_cents],
        "found": [sent.found_count, sent.found_cents],
    }


def content(result: Read) -> dict[str, Any]:
    """The rows without the places where they stood."""
    return {
        name: [{k: v for k, v in row.items() if k not in PLACES} for row in result.rows(name)]
        for name in ("receipts", "remittances", "set_aside", "batches")
    }


def held(result: Read) -> set[int | None]:
    """Batches (None: the file) that a problem holds."""
    return {p.batch_ord for p in result.problems if CODES[p.code].severity == "error"}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_fixture_reads_as_expected(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert summary(read(path.read_bytes())) == expected


def test_there_are_fixtures() -> None:
    assert len(CASES) >= 4


# the slices of the contract (section 4), written out once more as they stand there


def test_fields_stand_where_the_contract_says() -> None:
    check = list(" " * 82)
    for place, value in (
        (0, "6"), (1, "003"), (4, "001"), (7, "0000018870"), (17, "091000019"), (26, "ACCT567890"),
        (36, "0000004711"), (46, "031426"), (52, "JOSE RIVERA"),
    ):  # fmt: skip
        check[place : place + len(value)] = value
    stub = list(" " * 51)
    for place, value in (
        (0, "4"), (1, "003"), (4, "001"), (7, "6"), (8, "01"), (10, "9"), (11, "100004711"),
        (41, "0000018870"),
    ):  # fmt: skip
        stub[place : place + len(value)] = value
    batch = Batch([Check("0000018870")], "003")
    lines = [header(), service(), opening(batch), "".join(check), "".join(stub), closing(batch)]
    lines.append(box_total([batch]))
    result = read([*lines, trailer(lines)])
    (receipt,), (told,) = result.rows("receipts"), result.rows("remittances")
    assert receipt["batch"], receipt["sequence"] == ("003", "001")
    assert receipt["amount_cents"] == told["amount_cents"] == 18870
    assert receipt["payer_name"] == "JOSE RIVERA"
    assert receipt["check_number"] == "0000004711"
    assert (receipt["channel"], receipt["tender"]) == ("LOCKBOX", "CHECK")
    assert receipt["received_date"] == receipt["deposit_date"] == dt.date(2026, 3, 16)
    assert receipt["account_on_item"] == receipt["reference"] == told["reference"] == "100004711"
    # letters in the payer's account are what a machine could not read
    assert receipt["payer_account"] == "091000019:"
    assert result.told("CHARACTER_REPLACED").field == "27-36"
    assert (receipt["line"], receipt["byte_offset"], receipt["byte_length"]) == (4, 243, 82)
    assert (told["line"], told["byte_offset"], told["byte_length"]) == (5, 326, 51)


def test_two_batches_with_stubs() -> None:
    result = read(TWO)
    assert result.problems == []
    assert [row["amount_cents"] for row in result.rows("receipts")] == [5000, 7000, 123]
    assert [row["reference"] for row in result.rows("receipts")] == ["1001", "1002;1001", None]
    assert [(r["ordinal"], r["sequence"], r["reference"], r["amount_cents"])
            for r in result.rows("remittances")] == [
        (1, 1, "1001", None), (2, 1, "1002", 3000), (2, 2, "1001", 4000),
    ]  # fmt: skip
    assert [row["identity"] for row in result.rows("batches")] == [
        f"{BOX}:2026-03-16:001",
        f"{BOX}:2026-03-16:002",
    ]
    sent = result.transmission
    assert (sent.declared_count, sent.declared_cents) == (3, 12123)
    assert (sent.found_count, sent.found_cents) == (3, 12123)
    assert sent.identity == "lockbox:" + header().rstrip()


def test_the_wrapper_makes_no_difference() -> None:
    lines, plain = records(TWO), read(TWO)
    versions = {
        "crlf": "\r\n".join(lines).encode(),
        "cr": "\r".join(lines).encode(),
        "trimmed": "\n".join(line.rstrip() for line in lines).encode(),
        "blank lines": "\n\n".join(lines).encode() + b"\n\n",
        "end of file mark": text(lines) + b"\x1a",
        "byte order mark": b"\xef\xbb\xbf" + text(lines),
        "longer": "\n".join(line.ljust(104) for line in lines).encode(),
    }
    for name, data in versions.items():
        result = read(data)
        assert content(result) == content(plain), name
        assert result.transmission == plain.transmission, name
        assert result.problems == [], name
    marked = read(versions["byte order mark"]).rows("receipts")[0]
    assert versions["byte order mark"][marked["byte_offset"] :].startswith(b"6001001")


def test_a_new_header_time_is_another_transmission_with_the_same_details() -> None:
    lines = records(TWO)
    other = read([header("1705"), *lines[1:]]).transmission
    assert other.identity != read(TWO).transmission.identity
    assert other.detail_digest == read(TWO).transmission.detail_digest
    less = records([Batch([Check()])])
    assert read(less).transmission.detail_digest != other.detail_digest


# amounts of checks and stubs


@pytest.mark.parametrize("blank", ["", " " * 10])
def test_a_blank_stub_amount_is_no_amount(blank: str) -> None:
    result = read([Batch([Check(stubs=(("1001", blank),))])])
    assert result.rows("remittances")[0]["amount_cents"] is None
    assert result.problems == []


@pytest.mark.parametrize("amount", ["0000000000", " " * 10])
def test_a_check_without_an_amount_is_a_receipt_of_zero(amount: str) -> None:
    result = read([Batch([Check(amount), Check()])])
    assert [row["amount_cents"] for row in result.rows("receipts")] == [0, 5000]
    assert held(result) == set()


@pytest.mark.parametrize("amount", ["00000O5000", "     50.00", "-000005000", "     5000 "])
def test_a_check_whose_amount_cannot_be_read_keeps_its_place(amount: str) -> None:
    lost = Check(amount, (("1002", "0000003000"),), payer="A LOST ONE")
    result = read([Batch([Check(), lost, Check()]), Batch(number="002")])
    assert held(result) == {1}
    problem = result.told("BATCH_UNREADABLE")
    assert (problem.line, problem.field, problem.batch_ord) == (6, "8-17", 1)
    (aside,) = result.rows("set_aside")
    assert (aside["kind"], aside["line"], aside["payer_name"]) == ("UNREADABLE", 6, "A LOST ONE")
    # the stub of the lost check stays with nobody
    assert [(row["ordinal"], row["reference"]) for row in result.rows("remittances")] == [
        (1, "1001"),
        (3, "1001"),
        (4, "1001"),
    ]


def test_a_stub_amount_that_cannot_be_read_spoils_its_check_alone() -> None:
    wrong = Check("0000007000", (("1002", "0000003000"), ("1001", "00000040 0")))
    result = read([Batch([Check(), wrong, Check()])])
    problem = result.told("REMITTANCE_UNREADABLE")
    assert (problem.ordinal, problem.line, problem.field) == (2, 8, "42-51")
    assert [row["ordinal"] for row in result.rows("remittances")] == [1, 3]
    assert result.rows("receipts")[1]["reference"] == "1002;1001"  # as read
    assert held(result) == set()


# overflow records


def test_many_stubs_and_their_sequence_wraps() -> None:
    stubs = tuple((f"I{n}", "0000000010") for n in range(1, 131))
    result = read([Batch([Check("0000001300", stubs)])])
    assert result.problems == []
    assert [row["sequence"] for row in result.rows("remittances")] == list(range(1, 131))


def stubs_of(change: str) -> list[str]:
    three = Check("0000006000", tuple((f"100{n}", "0000002000") for n in (1, 2, 3)))
    lines = records([Batch([three]), Batch(number="002")])
    one, two, last = (next(i for i, x in enumerate(lines) if x.startswith(f"40010016{n}"))
                      for n in ("01", "02", "03"))  # fmt: skip
    match change:
        case "gap":
            del lines[two]
            lines[-1] = trailer(lines[:-1])
        case "no last":
            lines[last] = lines[last][:10] + "0" + lines[last][11:]
        case "last too early":
            lines[one] = lines[one][:10] + "9" + lines[one][11:]
        case "swapped":
            lines[one], lines[two] = lines[two], lines[one]
        case "other item":
            lines[two] = lines[two][:4] + "002" + lines[two][7:]
        case "other batch":
            lines[two] = "4002" + lines[two][4:]
        case "of another record":
            lines[two] = lines[two][:7] + "5" + lines[two][8:]
    return lines


@pytest.mark.parametrize(
    "change",
    ["gap", "no last", "last too early", "swapped", "other item", "other batch",
     "of another record"],
)  # fmt: skip
def test_overflow_records_that_do_not_count_hold_their_batch(change: str) -> None:
    result = read(stubs_of(change))
    assert held(result) == {1}
    assert {p.code for p in result.problems} == {"BATCH_STRUCTURE"}
    assert result.told("BATCH_STRUCTURE").field == "2-11"
    assert len(result.rows("receipts")) == 2


def test_a_stub_of_another_check_is_not_this_ones() -> None:
    assert [r["reference"] for r in read(stubs_of("other item")).rows("remittances")] == [
        "1001", "1003", "1001",
    ]  # fmt: skip


def test_a_bank_that_writes_the_stubs_first() -> None:
    fmt = profile("overflow_first = true")
    result = read(text(records(TWO, overflow_first=True)), fmt)
    assert result.problems == []
    assert content(result)["remittances"] == content(read(TWO))["remittances"]
    # without saying so it is an order that the format does not know
    assert "FILE_STRUCTURE" in read(records(TWO, overflow_first=True)).codes()
    # and stubs behind their check are not those of the next one
    assert 1 in held(read(text(records(TWO)), fmt))


# batches and lockboxes


def test_a_wrong_batch_is_held_alone() -> None:
    wrong = Batch(number="002", said_cents=5001)
    result = read([Batch(number="001"), wrong, Batch(number="003")])
    assert held(result) == {2}
    problem = result.told("BATCH_TOTAL_WRONG")
    assert (problem.line, problem.field) == (10, "24-33")
    assert "declares 50.01, holds 50.00, difference 0.01" in problem.message
    assert result.codes() == ["BATCH_TOTAL_WRONG"]  # the file is right by its batches' totals


def test_a_wrong_count_holds_its_batch_alone() -> None:
    result = read([Batch(said_count=2), Batch(number="002")])
    assert (held(result), result.codes()) == ({1}, ["BATCH_COUNT_WRONG"])
    assert result.told("BATCH_COUNT_WRONG").field == "21-23"


@pytest.mark.parametrize(
    ("off", "code", "field"),
    [((0, 1), "FILE_TOTAL_WRONG", "25-34"), ((1, 0), "FILE_COUNT_WRONG", "21-24")],
)
def test_a_wrong_lockbox_total_holds_the_file(off: tuple[int, int], code: str, field: str) -> None:
    result = read(records(TWO, off))
    assert (held(result), result.codes()) == ({None}, [code])
    assert result.told(code).field == field


def test_a_lockbox_total_may_say_what_was_found() -> None:
    """Right when it equals its batches' declared totals or what was found (contract section 5)."""
    wrong = Batch(said_cents=4999)
    assert held(read(records([wrong], (0, 1)))) == {1}
    assert held(read(records([wrong], (0, 2)))) == {1, None}


def test_a_wrong_record_count_holds_the_file() -> None:
    lines = records(TWO)
    lines[-1] = trailer(lines[:-1], off=1)
    result = read(lines)
    assert (result.codes(), result.told("FILE_COUNT_WRONG").line) == (["FILE_COUNT_WRONG"], 14)


def test_all_differences_are_told_at_once() -> None:
    lines = records([Batch(said_cents=1, said_count=3), Batch(number="002")], (5, 7))
    lines[-1] = trailer(lines[:-1], off=2)
    assert read(lines).codes() == [
        "BATCH_COUNT_WRONG", "BATCH_TOTAL_WRONG", "FILE_COUNT_WRONG", "FILE_TOTAL_WRONG",
    ]  # fmt: skip


def test_several_lockboxes_have_their_own_totals() -> None:
    one, two = Batch(), Batch([Check("0000000700")], "001", box="0077777")
    lines = [header(), service(), opening(one), *check_records(one), closing(one)]
    lines += [box_total([one]), opening(two), *check_records(two), closing(two), box_total([two])]
    result = read([*lines, trailer(lines)])
    assert result.problems == []
    assert (result.transmission.declared_count, result.transmission.declared_cents) == (2, 5700)
    assert [row["identity"].split(":")[0] for row in result.rows("batches")] == [BOX, "0077777"]
    wrong = [*lines[:-1], box_total([two], (0, 1))]
    problem = read([*wrong, trailer(wrong)]).told("FILE_TOTAL_WRONG")
    assert "lockbox 0077777" in problem.message


def test_the_first_check_names_a_batch_whose_header_leaves_000() -> None:
    result = read([Batch(number="007", header="000")])
    assert result.problems == []
    assert result.rows("batches")[0]["batch"] == result.rows("receipts")[0]["batch"] == "007"


@pytest.mark.parametrize("record", ["6", "7"])
def test_a_record_of_another_batch_holds_the_batch(record: str) -> None:
    lines = records(TWO)
    place = next(i for i, line in enumerate(lines) if line[0] == record)
    lines[place] = f"{record}009{lines[place][4:]}"
    result = read(lines)
    assert held(result) == {1}
    assert place + 1 in {p.line for p in result.problems}


@pytest.mark.parametrize("items", [(1, 1), (2, 1), (5, 4)])
def test_items_that_do_not_ascend_hold_the_batch(items: tuple[int, int]) -> None:
    result = read([Batch([Check(item=n) for n in items]), Batch(number="002")])
    assert held(result) == {1}
    assert "item number" in result.told("BATCH_STRUCTURE").message


def test_items_may_leave_gaps() -> None:
    assert read([Batch([Check(item=n) for n in (3, 10, 500)])]).problems == []


def test_counts_and_items_wrap_at_a_thousand() -> None:
    checks = [Check("0000000001", ()) for _ in range(1203)]
    result = read([Batch(checks)])
    assert held(result) == set()
    assert "1203 checks" in result.told("RECORD_DEVIATES").message
    assert result.rows("batches")[0]["declared_count"] == 203
    assert held(read([Batch(checks, said_count=204)])) >= {1}


def test_a_header_once_for_all_batches_of_a_lockbox() -> None:
    fmt = profile('header_per = "lockbox"')
    batches = [Batch(), Batch([Check("0000000700")], "002"), Batch(number="003", said_cents=1)]
    lines = [header(), service(), opening(batches[0])]
    for batch in batches:
        lines += [*check_records(batch), closing(batch)]
    lines.append(box_total(batches))
    result = read(text([*lines, trailer(lines)]), fmt)
    assert held(result) == {3}
    assert [row["batch"] for row in result.rows("batches")] == ["001", "002", "003"]
    assert [row["batch_ord"] for row in result.rows("receipts")] == [1, 2, 3]
    assert {row["received_date"] for row in result.rows("receipts")} == {dt.date(2026, 3, 16)}
    assert "FILE_STRUCTURE" in read([*lines, trailer(lines)]).codes()


def test_a_batch_total_may_be_missing_only_where_the_profile_says_so() -> None:
    lines = records([Batch(total=False)])
    result = read(lines)
    assert (held(result), result.told("BATCH_STRUCTURE").line) == ({1}, 3)
    assert read(text(lines), profile("batch_total_required = false")).problems == []


def test_an_empty_day() -> None:
    batch = Batch([])
    result = read([batch])
    assert result.codes() == ["NO_ACTIVITY"]
    assert (result.transmission.declared_count, result.transmission.found_cents) == (0, 0)
    assert result.transmission.detail_digest is None
    lines = [header(), service(), box_total([])]
    assert read([*lines, trailer(lines)]).codes() == ["NO_ACTIVITY"]


# dates


def test_a_date_that_is_none_becomes_that_of_the_file() -> None:
    result = read([Batch(day="260230")])
    assert result.told("DATE_UNUSUAL").line == 3
    assert result.rows("receipts")[0]["received_date"] == dt.date(2026, 3, 16)


def test_without_any_date_the_batch_is_held() -> None:
    lines = records([Batch(day="      "), Batch(number="002")])
    lines[0] = lines[0].replace("2603160900", "2699990900")
    result = read(lines)
    assert held(result) == {1}
    assert result.rows("receipts")[0]["received_date"] is None


# machine-read numbers and names


@pytest.mark.parametrize("mark", ["*", "?", "@", " "])
def test_numbers_that_a_machine_could_not_read_are_left_blank(mark: str) -> None:
    bad = Check(routing=f"0910{mark}0019", account=f"00{mark * 3}23456", number=mark * 10)
    result = read([Batch([bad, Check()])])
    assert held(result) == set()
    first, second = result.rows("receipts")
    assert first["check_number"] is None
    assert second["check_number"] == "0000000777"
    assert second["payer_account"] == "091000019:0000123456"
    if mark != " ":
        assert first["payer_account"] is None
        assert {p.field for p in result.problems if p.code == "CHARACTER_REPLACED"} == {
            "18-26", "27-36", "37-46",
        }  # fmt: skip


def test_a_routing_number_that_fails_its_check_digit_is_a_warning() -> None:
    result = read([Batch([Check(routing="091000018"), Check(routing="091000018"), Check()])])
    assert result.codes() == ["CHECK_DIGIT_WRONG"]
    assert "as does one other." in result.told("CHECK_DIGIT_WRONG").message
    assert len(result.rows("receipts")) == 3


def test_names_are_read_as_utf8_or_latin1() -> None:
    lines = records([Batch([Check(payer="JOSE")])])
    for name in ("JOSÉ".encode(), "JOSÉ".encode("latin-1")):
        data = text(lines).replace(b"JOSE ", name.ljust(5))
        assert read(data).rows("receipts")[0]["payer_name"] == "JOSÉ"


# order, truncation, damage


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (lambda x: x[1:], "FILE_STRUCTURE", 1),
        (lambda x: x[:2] + x[3:], "FILE_STRUCTURE", 3),
        (lambda x: [*x[:3], x[2], *x[3:]], "FILE_STRUCTURE", 4),
        (lambda x: [*x[:-2], x[-1]], "FILE_STRUCTURE", 13),
        (lambda x: [*x, x[0]], "FILE_STRUCTURE", 15),
        (lambda x: [*x[:5], "GARBAGE", *x[5:]], "FILE_STRUCTURE", 6),
        (lambda x: x[:-1], "FILE_TRUNCATED", 13),
        (lambda x: x[:6], "FILE_TRUNCATED", 6),
        (lambda x: [*x[:-1], "9      "], "RECORD_UNREADABLE", 14),
        (lambda x: [*x[:-2], "8000000" + " " * 30, x[-1]], "RECORD_UNREADABLE", 13),
        (lambda x: [*x[:3], x[3] + "x" * 70_000, *x[4:]], "RECORD_TOO_LONG", 4),
        (lambda x: [*x[:3], x[3][:60] + "\0" + x[3][61:], *x[4:]], "NUL_BYTES", 4),
        (lambda x: [], "FILE_STRUCTURE", 1),
    ],
)
def test_a_damaged_file_is_held_with_its_place(change: Any, code: str, line: int | None) -> None:
    result = read(text(change(records(TWO))))
    assert None in held(result)
    assert line in {p.line for p in result.problems if p.code == code}


def test_a_total_that_cannot_be_read_holds_its_batch() -> None:
    lines = records(TWO)
    place = next(i for i, line in enumerate(lines) if line[0] == "7")
    lines[place] = lines[place][:20] + "0X2" + lines[place][23:]
    result = read(lines)
    assert 1 in held(result)
    assert result.told("BATCH_UNREADABLE").line == place + 1


def test_every_faulty_batch_is_held_however_many_there_are() -> None:
    many = 120
    wrong = [Batch([Check(), Check(item=1)], f"{n:03d}") for n in range(1, many + 1)]
    assert held(read(wrong)) == set(range(1, many + 1))
    unread = [Batch([Check("00000X5000")], f"{n:03d}") for n in range(1, many + 1)]
    assert held(read(unread)) >= set(range(1, many + 1))
    gap = [Batch([Check(stubs=(("1", ""), ("2", "")))], f"{n:03d}") for n in range(1, many + 1)]
    lines = [line.replace("602900", "603900") if line[0] == "4" else line for line in records(gap)]
    lines = [line[:8] + "03" + line[10:] if line[8:10] == "02" and line[0] == "4" else line
             for line in lines]  # fmt: skip
    assert held(read(lines)) == set(range(1, many + 1))


def test_the_corridor_holds_them_too() -> None:
    """Behind the first thousand problems one of each batch is kept."""
    wrong = [Batch([Check() for _ in range(30)], f"{n:03d}") for n in range(1, 101)]
    for batch in wrong:
        for check in batch.checks:
            check.item = 5
    reading = judge(lambda: io.BytesIO(text(records(wrong))), profile(), "0" * 16, 100_000)
    assert reading.held_batches == frozenset(range(1, 101))


def test_what_a_machine_could_not_read_is_told_once_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many checks and blocks: the first one's line, and how many there are."""
    checks = [Check(number="12?4567890" if n % 2 else "0000000777", routing="091000018")
              for n in range(40)]  # fmt: skip
    data = text(records([Batch(checks)]))
    told = []
    for size in (300, 1000, 1 << 21):
        monkeypatch.setattr(lockbox, "LARGE_BLOCK", size)
        found = read(data).problems
        told.append([(p.code, p.line, p.field, p.message) for p in found])
    assert told[0] == told[1] == told[2]
    assert [(code, line, field) for code, line, field, _ in told[0]] == [
        ("CHECK_DIGIT_WRONG", 4, "18-26"), ("CHARACTER_REPLACED", 6, "37-46"),
    ]  # fmt: skip
    assert told[0][0][3].endswith("fails its check digit, as do 39 others.")
    assert told[0][1][3].endswith("left blank, as is that of 19 others.")


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), min_size=1, max_size=4),
       st.integers(90, 700))  # fmt: skip
def test_the_size_of_a_block_makes_no_difference(shape: list[list[int]], size: int) -> None:
    batches = [
        Batch(
            [Check(stubs=tuple((f"10{n}{k}", "0000000007") for k in range(n))) for n in row],
            f"{number:03d}",
        )
        for number, row in enumerate(shape, 1)
    ]
    for first in (False, True):
        fmt = profile(f"overflow_first = {str(first).lower()}")
        data = text(records(batches, overflow_first=first))
        whole = read(data, fmt)
        assert held(whole) == set()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lockbox, "LARGE_BLOCK", size)
            parts: list[Parsed] = list(lockbox.parse(io.BytesIO(data), fmt))
            assert content(read(data, fmt)) == content(whole)
        assert parts[-1].transmission == whole.transmission


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_never_accepted_as_checks(data: bytes) -> None:
    result = read(data)
    assert held(result)


def test_columns_of_a_layout_are_checked() -> None:
    shipped = (ROOT / "formats" / "bai_lockbox.toml").read_text()
    for old, new, said in (
        ('amount = "8-17"', 'amount = "17-8"', "columns count from 1"),
        ('amount = "8-17"', 'amount = "8"', "no range of columns"),
        ('amount = "8-17"', 'amont = "8-17"', "amount"),
        ("[layout.trailer]", "[layout.trailers]", "trailer"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_format(shipped.replace(old, new, 1), "bank.toml")


@pytest.mark.parametrize(
    ("dated", "said"),
    [
        ("031726", "is dated after the day on which it came, 2026-03-16"),
        ("091725", "is 180 days old or older, 2026-03-16"),
        ("091825", ""),
        ("031626", ""),
        ("000000", ""),
        ("      ", ""),
        ("023026", "is no date of the calendar"),
    ],
)
def test_a_check_dated_oddly_is_told_and_posted(dated: str, said: str) -> None:
    result = read([Batch([Check(), Check(dated=dated)])])
    assert [row["amount_cents"] for row in result.rows("receipts")] == [5000, 5000]
    assert result.codes() == (["DATE_UNUSUAL"] if said else [])
    if said:
        told = result.told("DATE_UNUSUAL")
        assert (told.line, told.field) == (6, "47-52")
        assert said in told.message


def test_a_file_of_more_records_than_its_trailer_can_say_is_no_wrong_file() -> None:
    path = ROOT / "formats" / "bai_lockbox.toml"
    fmt = read_format(path.read_text(), str(path))
    assert isinstance(fmt.layout, lockbox.Layout)
    state = State(fmt.layout, fmt)
    state.records, state.lines = 1_000_007, np.array([1_000_007])
    line = np.frombuffer(b"9000007".ljust(fmt.layout.width), dtype=np.uint8)
    take_trailer(state, line.reshape(1, -1), line[:1])
    assert [(c["declared"], c["found"]) for c in state.controls] == [(7, 7)]
