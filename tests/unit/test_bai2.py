"""BAI2 statements: every record, the funds types, and what real banks deviate in (formats 1)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.exceptions.codes import CODES
from recond.parsers import bai2
from recond.parsers.bai2_records import logical_records
from recond.parsers.columns import LineBlock, line_blocks
from recond.parsers.notes import Notes
from tests.unit.achfiles import Read
from tests.unit.bankfiles import HEADER, account, group, one, profile, read, statement
from tests.unit.formatfiles import ROOT

CASES = sorted((ROOT / "fixtures" / "bai2").glob("*.bai2"))
PLACES = {"line", "byte_offset", "byte_length"}
LINES = (
    "16,115,45000,Z,LBX01,,LOCKBOX 0012345/",
    "16,475,100,0,BR1,000004711,CHECK PAID",
    "16,195,200,V,260314,1730,WIRE7,INV 12,FROM A/B, THE CITY",
    "88,second, line/",
    "88,/third line",
)
DAY = dt.date(2026, 3, 15)


def errors(result: Read) -> list[str]:
    return result.codes("error")


def lines(result: Read) -> list[tuple[Any, ...]]:
    names = ("type_code", "amount_cents", "value_date", "reference", "customer_reference", "text")
    return [tuple(row[name] for name in names) for row in result.rows("bank_lines")]


def content(result: Read) -> list[Any]:
    tables = ("bank_lines", "bank_balances")
    return [
        {k: v for k, v in row.items() if k not in PLACES}
        for name in tables
        for row in result.rows(name)
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

    return {
        **{name: kept(name) for name in ("bank_lines", "bank_balances")},
        "problems": [[p.code, p.line, p.field] for p in result.problems],
        "identity": result.transmission.identity,
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_fixture_reads_as_expected(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert summary(read(path.read_bytes())) == expected


def test_there_are_fixtures() -> None:
    assert len(CASES) >= 3


def test_a_statement_as_it_should_be() -> None:
    text = one(*LINES, total=45300)
    result = read(text)
    assert result.problems == []
    assert lines(result) == [
        ("115", 45000, DAY, "LBX01", None, "LOCKBOX 0012345"),
        ("475", -100, DAY, "BR1", "000004711", "CHECK PAID"),
        ("195", 200, dt.date(2026, 3, 14), "WIRE7", "INV 12",
         "FROM A/B, THE CITY second, line /third line"),
    ]  # fmt: skip
    rows = result.rows("bank_lines")
    assert {row["bank_account"] for row in rows} == {"0123456789"}
    assert [row["line"] for row in rows] == [4, 5, 6]
    for row in rows:
        begin = row["byte_offset"]
        assert text[begin : begin + row["byte_length"]].startswith(f"16,{row['type_code']}")
    assert text[rows[2]["byte_offset"] :][: rows[2]["byte_length"]] == "\n".join(LINES[2:])
    assert [row["same_day"] for row in rows] == [False] * 3
    sent = result.transmission
    assert sent.identity == "bai2:121140399:9999999999:260316:7"
    assert (sent.declared_count, sent.found_cents) == (None, None)


# funds types


@pytest.mark.parametrize(
    ("record", "day"),
    [
        ("16,142,500,,REF,CUST,TEXT/", DAY),
        ("16,142,500,Z,REF,CUST,TEXT/", DAY),
        ("16,142,500,z,REF,CUST,TEXT/", DAY),
        ("16,142,500,0,REF,CUST,TEXT/", DAY),
        ("16,142,500,1,REF,CUST,TEXT/", DAY),
        ("16,142,500,2,REF,CUST,TEXT/", DAY),
        ("16,142,500,S,200,-100,400,REF,CUST,TEXT/", DAY),
        ("16,142,500,S,,,,REF,CUST,TEXT/", DAY),
        ("16,142,500,V,260313,,REF,CUST,TEXT/", dt.date(2026, 3, 13)),
        ("16,142,500,V,260313,0930,REF,CUST,TEXT/", dt.date(2026, 3, 13)),
        ("16,142,500,V,,,REF,CUST,TEXT/", DAY),
        ("16,142,500,D,0,REF,CUST,TEXT/", DAY),
        ("16,142,500,D,2,0,100,1,9900,REF,CUST,TEXT/", DAY),
    ],
)
def test_funds_types_and_their_fields(record: str, day: dt.date) -> None:
    result = read(one(record, total=500))
    assert result.problems == []
    assert lines(result) == [("142", 500, day, "REF", "CUST", "TEXT")]


def test_funds_types_that_go_on_in_an_88() -> None:
    for parts in (
        ("16,142,500,D/", "88,2,0,100/", "88,1,9900,REF,CUST,TEXT"),
        ("16,142,500,S,200/", "88,100,200,REF/", "88,CUST,TEXT"),
        ("16,142,500/", "88,Z,REF,CUST/", "88,TEXT"),
        ("16,142/", "88,500,,REF,CUST,TEXT"),
        ("16,142,500,,REF,CUST,/", "88,TEXT"),
    ):
        result = read(one(*parts, total=500))
        assert result.problems == [], parts
        assert lines(result) == [("142", 500, DAY, "REF", "CUST", "TEXT")], parts


@pytest.mark.parametrize("funds", ["X", "ZZ", "D,x", "D,-1", "9"])
def test_a_funds_type_that_is_none_holds_the_file(funds: str) -> None:
    result = read(one(f"16,142,500,{funds},REF,CUST,TEXT/", total=500))
    assert result.told("RECORD_UNREADABLE").field == "funds type"
    assert lines(result) == []


def test_a_value_date_that_is_none_becomes_the_as_of_date() -> None:
    result = read(one("16,142,500,V,260230,,REF,,TEXT/", total=500))
    assert (result.codes(), lines(result)[0][2]) == (["DATE_UNUSUAL"], DAY)
    assert result.told("DATE_UNUSUAL").line == 4


# record 03


def test_balances_and_summaries_of_an_account() -> None:
    summary = "010,-100,,,015,+00000900,,,100,500,1,,400,000,0,"
    file = statement([group([account(["16,142,500,Z,,,/"], 1800, summary=summary)], 1800)], 1800)
    result = read(file)
    assert result.problems == []
    assert [(r["type_code"], r["amount_cents"], r["as_of_date"])
            for r in result.rows("bank_balances")] == [
        ("010", -100, DAY), ("015", 900, DAY),
    ]  # fmt: skip


def test_an_account_record_parted_anywhere_by_88s() -> None:
    fields = ["010", "900", "", "", "100", "500", "1", "S", "500", "0", "0", "045", "7", "", ""]
    for cut in range(1, len(fields)):
        first, second = ",".join(fields[:cut]), ",".join(fields[cut:])
        records = [f"88,{second}/", "16,142,500,Z,,,/"]
        file = account(records, 1907, summary=first)
        result = read(statement([group([file], 1907)], 1907))
        assert errors(result) == [], cut
        assert [r["amount_cents"] for r in result.rows("bank_balances")] == [900, 7], cut


@pytest.mark.parametrize("summary", ["015,900,,,", "015,900,,,,", ",,,015,900,,,", "015,900"])
def test_an_empty_field_too_many_is_skipped(summary: str) -> None:
    result = read(statement([group([account([], 900, summary=summary)], 900)], 900))
    assert errors(result) == []
    assert ("EXTRA_FIELD" in result.codes()) == (summary != "015,900")
    assert [r["amount_cents"] for r in result.rows("bank_balances")] == [900]


def test_the_field_too_many_of_a_second_group_is_told() -> None:
    summary = "010,900,,,,015,900,,"
    result = read(statement([group([account([], 1800, summary=summary)], 1800)], 1800))
    assert errors(result) == []
    assert result.told("EXTRA_FIELD").line == 3


@pytest.mark.parametrize(
    "summary", ["01,900,,", "010,9.00,,", "010,1e3,,", "010,900,x,", "010,900,,Q", "abc,1,,"]
)
def test_an_account_record_that_cannot_be_read(summary: str) -> None:
    result = read(statement([group([account([], 900, summary=summary)], 900)], 900))
    assert result.told("RECORD_UNREADABLE").line == 3


def test_an_account_without_a_number() -> None:
    file = statement([group([account(["16,142,500,Z,,,/"], 500, number="")], 500)], 500)
    assert result_field(file) == ("RECORD_UNREADABLE", "account number")


def result_field(file: str) -> tuple[str, str | None]:
    problem = next(p for p in read(file).problems if CODES[p.code].severity == "error")
    return problem.code, problem.field


# controls


@pytest.mark.parametrize(
    ("old", "new", "code", "field", "line"),
    [
        ("49,500,3", "49,501,3", "FILE_TOTAL_WRONG", "control total", 5),
        ("49,500,3", "49,500,4", "FILE_COUNT_WRONG", "number of records", 5),
        ("49,500,3", "49,500", "FILE_COUNT_WRONG", "number of records", 5),
        ("98,500,1,5", "98,499,1,5", "FILE_TOTAL_WRONG", "control total", 6),
        ("98,500,1,5", "98,500,2,5", "FILE_COUNT_WRONG", "number of accounts", 6),
        ("98,500,1,5", "98,500,1,6", "FILE_COUNT_WRONG", "number of records", 6),
        ("98,500,1,5", "98,500,5", "FILE_COUNT_WRONG", "number of accounts", 6),
        ("99,500,1,7", "99,5000,1,7", "FILE_TOTAL_WRONG", "control total", 7),
        ("99,500,1,7", "99,500,3,7", "FILE_COUNT_WRONG", "number of groups", 7),
        ("99,500,1,7", "99,500,1,8", "FILE_COUNT_WRONG", "number of records", 7),
        ("99,500,1,7", "99,5x0,1,7", "RECORD_UNREADABLE", "control total", 7),
    ],
)
def test_a_wrong_figure_is_named(
    old: str, new: str, code: str, field: str | None, line: int
) -> None:
    file = one("16,142,500,Z,,,/", total=500)
    assert file.count(f"{old}/") == 1
    result = read(file.replace(f"{old}/", f"{new}/"))
    assert (code, field, line) in {(p.code, p.field, p.line) for p in result.problems}


def test_debits_are_added_and_continuations_counted() -> None:
    """Control totals are sums of amounts without direction; records include 88s (section 1)."""
    result = read(one("16,142,500,Z,,,/", "88,MORE", "88,MORE", "16,451,300,Z,,,/", total=800))
    assert result.problems == []
    assert [row[1] for row in lines(result)] == [500, -300]
    assert (
        "FILE_TOTAL_WRONG" in read(one("16,142,500,Z,,,/", "16,451,300,Z,,,/", total=200)).codes()
    )


def test_one_wrong_account_does_not_make_its_group_wrong() -> None:
    good = account(["16,142,500,Z,,,/"], 500)
    wrong = account(["16,142,300,Z,,,/"], 301, number="2")
    result = read(statement([group([good, wrong], 801)], 801))
    assert [(p.code, "account 2" in p.message) for p in result.problems] == [
        ("FILE_TOTAL_WRONG", True)
    ]


def test_summaries_that_differ_from_their_details_are_a_warning() -> None:
    summary = "100,400,1,,400,300,1,"
    records = ["16,142,500,Z,,,/", "16,451,300,Z,,,/"]
    result = read(statement([group([account(records, 1500, summary=summary)], 1500)], 1500))
    assert result.codes() == ["SUMMARY_DIFFERS"]
    assert "100 says 400" in result.told("SUMMARY_DIFFERS").message


def test_an_empty_day_with_a_blank_total() -> None:
    file = one(total=0).replace("49,0,", "49,,")
    result = read(file)
    assert (result.codes(), result.transmission.detail_digest) == (["NO_ACTIVITY"], None)


def test_profiles_of_known_banks() -> None:
    summary = "010,900,,,100,500,1,"
    file = statement([group([account(["16,142,500,Z,,,/"], 500, summary=summary)], 500)], 500)
    assert errors(read(file)) == ["FILE_TOTAL_WRONG"]
    assert errors(read(file, profile("totals_without_summaries = true"))) == []
    file = one("16,142,500,Z,,,/", total=500).replace("98,500,1,5", "98,500,5")
    assert errors(read(file, profile("group_without_accounts = true"))) == []


# type codes


@pytest.mark.parametrize(
    ("code", "cents"),
    [("115", 500), ("399", 500), ("409", -500), ("699", -500), ("555", -500), ("155", 500),
     ("255", 500), ("933", 500), ("963", -500), ("200", None), ("100", None), ("010", None)],
)  # fmt: skip
def test_the_type_code_alone_says_the_direction(code: str, cents: int | None) -> None:
    result = read(one(f"16,{code},500,Z,,,/", total=500))
    assert [row[1] for row in lines(result)] == ([] if cents is None else [cents])
    assert errors(result) == []
    assert bool(result.codes()) == (cents is None or code in {"933", "963"})


def test_a_code_without_a_direction_and_with_money_is_never_guessed() -> None:
    result = read(one("16,777,500,Z,,,/", "16,165,100,Z,,,/", total=600))
    assert errors(result) == []
    assert "777" in result.told("CODE_UNKNOWN").message
    told = result.told("CODE_WITHOUT_DIRECTION")
    assert (told.field, "500" in told.message) == ("type code", True)
    assert CODES["CODE_WITHOUT_DIRECTION"].severity == "question"
    assert [row[1] for row in lines(result)] == [100], "the rest of the file is good"
    more = profile().layout.model_copy(  # type: ignore[attr-defined]
        update={"codes": profile().layout.codes.model_copy(  # type: ignore[attr-defined]
            update={"credit_detail": ("777",)})}
    )  # fmt: skip
    fmt = dataclasses.replace(profile(), layout=more)
    assert [row[1] for row in lines(read(one("16,777,500,Z,,,/", total=500), fmt))] == [500]


@pytest.mark.parametrize("code", ["010", "100", "400", "901", "820", "890"])
def test_a_balance_summary_or_text_with_money_in_a_transaction_is_asked_about(code: str) -> None:
    result = read(one(f"16,{code},500,Z,,,/", total=500))
    assert (lines(result), errors(result)) == ([], [])
    assert "CODE_WITHOUT_DIRECTION" in result.codes("question")
    silent = read(one(f"16,{code},,,,,/", total=0))
    assert "CODE_WITHOUT_DIRECTION" not in silent.codes()


def test_text_records_move_no_money() -> None:
    result = read(one("16,890,,,,,A MESSAGE OF THE BANK/", total=0))
    assert (lines(result), errors(result)) == ([], [])


@pytest.mark.parametrize("code", ["14", "1420", "abc", ""])
def test_a_type_code_has_three_digits(code: str) -> None:
    assert result_field(one(f"16,{code},500,Z,,,/", total=500)) == (
        "RECORD_UNREADABLE", "type code",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "code"),
    [("-500", "RECORD_UNREADABLE"), ("5.00", "RECORD_UNREADABLE"), ("5 00", "RECORD_UNREADABLE"),
     ("5e2", "RECORD_UNREADABLE"), ("٥٠٠", "RECORD_UNREADABLE"), ("99999999999999",
     "AMOUNT_OUT_OF_RANGE"), ("1" * 30, "AMOUNT_OUT_OF_RANGE")],
)  # fmt: skip
def test_amounts_of_transactions_are_unsigned_digits(amount: str, code: str) -> None:
    result = read(one(f"16,142,{amount},Z,,,/", total=500))
    assert code in errors(result)
    assert lines(result) == []


@pytest.mark.parametrize("record", ["16,", "16,1", "16,19592", "16,        ", "16,11512/"])
def test_a_file_that_ends_in_the_middle_of_a_record(record: str) -> None:
    # Only that record is in the last block: its fields would stand behind the bytes.
    result = read(one("16,142,500,Z,,,/", total=500).partition("49,")[0] + record)
    assert {"FILE_TRUNCATED", "RECORD_UNREADABLE"} <= set(errors(result))


@pytest.mark.parametrize("amount", ["+000000000000500", "000000000000500", "0500"])
def test_padded_and_plus_signed_amounts_are_read(amount: str) -> None:
    result = read(one(f"16,142,{amount},Z,,,/", total=500))
    assert (errors(result), lines(result)[0][1]) == ([], 500)
    assert result.codes() == (["RECORD_DEVIATES"] if amount[0] == "+" else [])


# groups


@pytest.mark.parametrize("modifier", ["3", "4"])
def test_same_day_reports_are_shown_and_never_posted(modifier: str) -> None:
    result = read(one("16,142,500,Z,,,/", total=500, modifier=modifier))
    assert (result.codes(), [r["same_day"] for r in result.rows("bank_lines")]) == ([], [True])


@pytest.mark.parametrize("modifier", ["", "1", "2"])
def test_prior_day_reports_are_to_be_posted(modifier: str) -> None:
    result = read(one("16,142,500,Z,,,/", total=500, modifier=modifier))
    assert (result.codes(), [r["same_day"] for r in result.rows("bank_lines")]) == ([], [False])


@pytest.mark.parametrize(
    ("status", "said"), [("2", "deletion"), ("3", "correction"), ("4", "test")]
)
def test_what_is_not_final_is_shown_and_asked_about(status: str, said: str) -> None:
    plain = group([account(["16,142,300,Z,,,/"], 300, number="2")], 300)
    other = group([account(["16,142,500,Z,,,/"], 500, summary="")], 500, status=status)
    result = read(statement([plain, other], 800))
    problem = result.told("STATEMENT_NOT_FINAL")
    assert (problem.line, problem.field, said in problem.message) == (7, "group status", True)
    assert errors(result) == []
    assert CODES["STATEMENT_NOT_FINAL"].severity == "question"
    assert [r["same_day"] for r in result.rows("bank_lines")] == [False, True]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [(",1,260315", ",5,260315", "group status"), (",1,260315", ",,260315", "group status"),
     ("260315", "260231", "as-of date"), ("260315", "", "as-of date"),
     (",2/\n03", ",7/\n03", "as-of date modifier"), ("7,,,2/", "7,,,3/", "version"),
     ("7,,,2/", "7/", "version")],
)  # fmt: skip
def test_headers_say_what_they_must(old: str, new: str, field: str) -> None:
    file = one("16,142,500,Z,,,/", total=500)
    assert old in file
    assert result_field(file.replace(old, new, 1)) == ("HEADER_WRONG", field)


@pytest.mark.parametrize("time", ["0000", "2400", "9999", "", "14:59:35"])
def test_times_of_any_kind(time: str) -> None:
    file = one("16,142,500,Z,,,/", total=500).replace("0630", time).replace("2400", time)
    assert read(file).problems == []


def test_another_currency_is_held_or_shown() -> None:
    for currency, scaled in (("GBP", 500), ("JPY", 50_000)):
        file = one("16,142,500,Z,,,/", total=500, currency=currency)
        held = read(file, profile('other_currency = "hold"'))
        assert held.told("CURRENCY_WRONG").field == "currency"
        shown = read(file)
        assert shown.codes() == ["CURRENCY_OTHER"]
        (row,) = shown.rows("bank_lines")
        assert (row["amount_cents"], row["same_day"]) == (scaled, True)
    file = one("16,142,500,Z,,,/", total=500, currency="KWD")
    assert errors(read(file)) == ["CURRENCY_WRONG"]


# the order of records


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        (HEADER + "\n", "", "HEADER_WRONG", 1),
        ("01,", "00,", "HEADER_WRONG", 1),
        ("49,500,3/\n", "", "FILE_STRUCTURE", 5),
        ("98,500,1,5/\n", "", "FILE_STRUCTURE", 6),
        ("03,0123456789,,/\n", "", "FILE_STRUCTURE", 3),
        ("99,500,1,7/\n", "", "FILE_TRUNCATED", 6),
        ("99,500,1,7/\n", "99,500,1,7/\n16,142,1,Z,,,/\n", "FILE_STRUCTURE", 8),
        ("99,500,1,7/\n", "99,500,1,7/\nGARBAGE\n", "FILE_STRUCTURE", 8),
        ("49,500,3/\n", "49,500,3/\n16,142,1,Z,,,/\n", "FILE_STRUCTURE", 6),
        ("49,500,3/\n", "49,500,3/\nWHAT IS THIS\n", "FILE_STRUCTURE", 6),
        (HEADER, HEADER + "\n" + HEADER, "FILE_STRUCTURE", 2),
    ],
)
def test_records_out_of_order_hold_the_file(old: str, new: str, code: str, line: int) -> None:
    file = one("16,142,500,Z,,,/", total=500)
    assert old in file
    result = read(file.replace(old, new, 1))
    assert line in {p.line for p in result.problems if p.code == code}
    assert errors(result)


def test_two_transmissions_in_one_file_are_held_and_told_apart() -> None:
    """They would share one identity: a part that comes again would not be recognised."""
    file = one("16,142,500,Z,,,/", total=500)
    result = read(file + file)
    problem = result.told("FILE_STRUCTURE")
    assert (problem.line, "second file" in problem.message) == (8, True)
    assert len(result.rows("bank_lines")) == 1


# wrappers and what banks really write


def test_the_wrapper_makes_no_difference() -> None:
    file = one(*LINES, total=45300)
    plain = read(file)
    for name, data in {
        "crlf": file.replace("\n", "\r\n").encode(),
        "cr": file.replace("\n", "\r").encode(),
        "padded to 80": "\n".join(line.ljust(80) for line in file.splitlines()).encode(),
        "end of file mark": file.encode() + b" \x1a",
        "blank lines": file.replace("\n", "\n\n").encode(),
        "byte order mark": b"\xef\xbb\xbf" + file.encode(),
        "no slashes at the end": file.replace("/\n", "\n").encode(),
    }.items():
        result = read(data)
        assert content(result) == content(plain), name
        assert result.problems == [], name
        assert result.transmission.identity == plain.transmission.identity
    padded = read("\n".join(line.ljust(80) for line in file.splitlines()))
    assert padded.transmission == plain.transmission


def test_the_digest_is_of_the_records_whatever_stands_between_them() -> None:
    details = [f"16,165,{cents},0,B{cents},C{cents},TEXT {cents}" for cents in range(1, 200)]
    plain = one(*details, total=sum(range(1, 200)))
    others = [plain.replace("\n", end) for end in ("\r\n", "\n\n")]
    others.append("\n".join(line.ljust(90) for line in plain.splitlines()))
    digests = {read(file).transmission.detail_digest for file in (plain, *others)}
    assert len(digests) == 1
    assert read(plain.replace("TEXT 7\n", "TEXT 8\n")).transmission.detail_digest not in digests
    joined = plain.replace("\n16,165,7,", " 16,165,7,")
    assert read(joined).transmission.detail_digest not in digests


def test_several_records_on_one_line() -> None:
    file = one(*LINES[:2], total=45100).replace("/\n", "/   ")
    result = read(file)
    assert (errors(result), result.codes()) == ([], ["RECORD_DEVIATES"])
    assert content(result) == content(read(one(*LINES[:2], total=45100)))


def test_text_on_a_line_without_a_code_is_text() -> None:
    file = one("16,142,500,Z,R,C,BEGINS", total=500).replace("BEGINS", "BEGINS\n   1111 GOES ON")
    result = read(file)
    assert (result.codes(), lines(result)[0][5]) == (["RECORD_DEVIATES"], "BEGINS 1111 GOES ON")
    assert result.told("RECORD_DEVIATES").line == 5


def test_slashes_commas_and_quotes_of_references_and_texts() -> None:
    record = '16,142,500,,SPB1,AB/GS/0001,"ACH, Credit" 1/2, Client: AB/ 16 X/'
    result = read(one(record, total=500))
    assert result.codes() == ["RECORD_DEVIATES"]
    assert (result.problems[0].line, result.problems[0].field) == (4, "reference")
    assert lines(result)[0][3:] == ("SPB1", "AB/GS/0001", '"ACH, Credit" 1/2, Client: AB/ 16 X')


def test_an_account_number_with_a_blank_is_kept() -> None:
    file = statement([group([account([], 0, number="88888888 600004")], 0)], 0)
    file = file.replace("49,0,2", "49,0,2")
    assert read(file.replace("03,88888888 600004,,/", "03,88888888 600004,,010,0,,/")).rows(
        "bank_balances"
    )[0]["bank_account"] == "88888888 600004"  # fmt: skip


def test_letters_that_are_not_of_the_encoding_are_replaced_with_a_warning() -> None:
    odd = one("16,142,500,D,1,0,500,R,C,CAF\xc9/", total=500).encode("latin-1")
    assert read(odd).codes() == ["CHARACTER_REPLACED"]
    number = one("16,142,500,Z,R,C,T/", total=500).replace("0123456789", "01234\xff6789")
    result = read(number.encode("latin-1"))
    assert (result.codes(), result.told("CHARACTER_REPLACED").line) == (["CHARACTER_REPLACED"], 3)
    data = one("16,142,500,Z,R,C,CAF\xc9/", total=500).encode("latin-1")
    result = read(data)
    assert result.codes() == ["CHARACTER_REPLACED"]
    assert lines(result)[0][5] == "CAF\ufffd"


def test_nuls_and_lines_without_end_hold_the_file() -> None:
    file = one("16,142,500,Z,R,C,TEXT/", total=500)
    assert errors(read(file.replace("TEXT", "TE\0T"))) == ["NUL_BYTES"]
    endless = file.replace("TEXT", "x" * 300_000)
    assert "RECORD_TOO_LONG" in errors(read(endless))
    notes = Notes()
    many = io.BytesIO(b"16,142,5,Z,,,X\n" + b"88,x\n" * 20_100)
    assert list(logical_records(many, notes, 1000)) == []
    assert [problem.code for problem in notes.drain()] == ["RECORD_TOO_LONG"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*LINES[:2], "16,142,7,S,1,2,3,R,C,T/", LINES[2], *LINES[3:]]),
                min_size=1, max_size=12), st.integers(30, 300))  # fmt: skip
def test_the_size_of_a_block_makes_no_difference(records: list[str], size: int) -> None:
    records = ["16,142,1,Z,,,X", *records]
    total = sum(int(r.split(",")[2]) for r in records if r.startswith("16"))
    data = one(*records, total=total)
    whole = read(data)
    assert errors(whole) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            bai2, "logical_records",
            lambda source, notes, length: logical_records(source, notes, size, length),
        )  # fmt: skip
        assert content(read(data)) == content(whole)


# --- physical records without line breaks ---------------------------------------------------------


def physical(text: str, length: int, said: str | None = None) -> str:
    """A file as records of one length without line breaks, which its header says."""
    text = text.replace("0630,7,,,2/", f"0630,7,{length if said is None else said},,2/")
    assert max(map(len, text.splitlines())) <= length
    return "".join(line.ljust(length) for line in text.splitlines())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*LINES[:2], "16,142,7,S,1,2,3,R,C,T/", *LINES[2:]]),
                min_size=1, max_size=12), st.integers(62, 90), st.integers(62, 400),
       st.sampled_from(["", "\n", "\r\n", "\x1a"]))  # fmt: skip
def test_records_of_one_length_read_as_lines_do(
    records: list[str], length: int, size: int, ending: str
) -> None:
    """The same rows, digest and identity, whatever the block; a record may fill its length."""
    full = "16,399,5,Z,,,".ljust(length - 1, "X") + "Y"
    records = ["16,142,1,Z,,,X", full, full, *records]
    total = sum(int(r.split(",")[2]) for r in records if r.startswith("16"))
    text = one(*records, total=total)
    lined = read(text)
    data = physical(text, length) + ending
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            bai2, "logical_records",
            lambda source, notes, length: logical_records(source, notes, size, length),
        )  # fmt: skip
        fixed = read(data)
    assert errors(fixed) == errors(lined) == []
    assert content(fixed) == content(lined)
    assert fixed.transmission == lined.transmission
    for row in fixed.rows("bank_lines"):
        assert row["byte_offset"] == (row["line"] - 1) * length
        assert data[row["byte_offset"] :].startswith("16,")


def test_records_that_are_not_of_the_length_that_the_header_says_are_held() -> None:
    """Bytes that were lost or added hold the file, but among padding, where money stays."""
    data = physical(one(*LINES, total=45300), 80)
    whole, held = [line[:3] for line in lines(read(data))], 0
    for place in range(80, len(data), 53):
        for changed in (
            data[:place] + data[place + 1 :], data[:place] + "/" + data[place:],
            data[:place] + "\n" + data[place:],
        ):  # fmt: skip
            result = read(changed)
            held += bool(errors(result))
            assert errors(result) or [line[:3] for line in lines(result)] == whole, place
    assert held >= 15
    (problem,) = [p for p in read(data[:400] + data[401:]).problems
                  if p.field == "physical record length"]  # fmt: skip
    assert (problem.code, problem.line, problem.byte_offset) == ("FILE_STRUCTURE", 6, 400)
    assert errors(read(physical(one(*LINES, total=45300), 80, "81")))


def test_a_line_break_inside_a_record_of_one_length_is_held() -> None:
    """One that stands far behind the header, too, by which lines are told from records."""
    for count in (1, 900):
        records = [*LINES[:1] * count, LINES[2]]
        data = physical(one(*records, total=45000 * count + 200), 80)
        inside = data.replace("THE CITY", "THE\nCITY")
        assert errors(read(data)) == []
        assert "FILE_STRUCTURE" in errors(read(inside))


def test_without_line_breaks_and_length_nothing_says_where_a_record_ends() -> None:
    text = one(*LINES[:2], total=45100)
    (problem,) = read(text.replace("\n", "")).problems
    assert (problem.code, problem.field) == ("FILE_STRUCTURE", "physical record length")
    assert "Ask the bank for a line break behind each record" in problem.message
    # where blanks part the records they are found, and that is told
    assert read(text.replace("/\n", "/   ").replace("PAID\n", "PAID/  ")).codes() == (
        ["RECORD_DEVIATES"]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 7))
def test_flipped_bits_are_survived_and_move_no_money_unseen(place: int, bit: int) -> None:
    data = bytearray(one(*LINES, total=45300).encode())
    data[place % len(data)] ^= 1 << bit
    result = read(bytes(data))
    if not errors(result):
        assert sum(abs(row[1]) for row in lines(result)) in (45300, 45300 - 100, 300, 45100)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_held(data: bytes) -> None:
    for content_ in (data, HEADER.encode() + b"\n" + data):
        assert errors(read(content_))


def test_records_know_their_place_in_the_file() -> None:
    assert LineBlock is not None
    data = b"\xef\xbb\xbf" + one(*LINES, total=45300).encode()
    for row in read(data).rows("bank_lines"):
        assert data[row["byte_offset"] :].startswith(b"16,")
    blocks = list(line_blocks(io.BytesIO(data)))
    assert blocks[0].offset == 3
    assert list(logical_records(io.BytesIO(b""), Notes())) == []
