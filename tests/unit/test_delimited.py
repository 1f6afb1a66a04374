"""Delimited files: where records and fields stand, and what the fixtures read as."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.formats import read_format
from recond.model import Format
from recond.parsers.csvscan import read_records
from tests.unit.formatfiles import ROOT, read, shipped

CASES = sorted((ROOT / "fixtures" / "delimited").glob("*.csv"))
FIELDS = st.text(st.sampled_from('ab ,"\n\r;é'), max_size=8)


def scanned(data: bytes, block: int = 1 << 20) -> list[list[bytes]]:
    rows = []
    for records in read_records(io.BytesIO(data), ",", '"', block):
        fields = records.all_fields.to_pylist()
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


# one column of each type, read by a format of a bank's own

SHOP = """name = "shop"
title = "Shop"
grammar = "delimited"
kind = "payments"
inboxes = ["card"]
channel = "CARD"
tender = "CARD"

[layout]
EXTRA
[layout.columns]
id = { blank = false }
paid = { type = "cents", blank = false, MONEY }
payer = { type = "name", optional = true, aliases = ["customer"] }

[[layout.rows]]
table = "receipts"

[layout.rows.fill]
amount_cents = "paid"
trace_number = "id"
payer_name = "payer"
"""


@cache
def shop(extra: str = "", money: str = "exact = true") -> Format:
    return read_format(SHOP.replace("EXTRA", extra).replace("MONEY", money), "shop.toml")


def cents(text: str, money: str = "exact = true", delimiter: str = "") -> int | str:
    """The cents of one amount, or the code of why not."""
    extra = f'delimiter = "{delimiter}"' if delimiter else ""
    mark = delimiter or ","
    data = f"id{mark}paid\nA{mark}{text}\n".encode()
    result = read(shop(extra, money), data)
    found = result.rows("receipts")
    if found:
        assert result.codes("error") == []
        return int(found[0]["amount_cents"])
    problem = result.told(result.codes("error")[0])
    assert (problem.line, problem.field) == (2, "paid")
    return problem.code


@pytest.mark.parametrize(
    "text",
    ["$5", "5.", ".5", "1e5", "1_000", "٥.٠٠", "12.345", "1.234.56", '"1,234.56"', '"1.234,56"',
     "5", "5.0", "--1.00", "1.00-", "(1.00)", "NaN", "inf", "0x1.00", "1 000.00", "＄5.00", "",
     "5.00 USD", "1.00\x0b2"],
)  # fmt: skip
def test_forms_of_numbers_that_are_no_amount(text: str) -> None:
    """Reliability fault 45: nothing is guessed and nothing is rounded."""
    assert cents(text) == "VALUE_UNREADABLE"


@pytest.mark.parametrize(
    ("text", "money", "value"),
    [
        ("188.70", "exact = true", 18870),
        ('"188.70"', "exact = true", 18870),
        (" 188.70 ", "exact = true", 18870),
        ("+0.01", "exact = true", 1),
        ("-0.00", "exact = true", 0),
        ("10000000000000.00", "exact = true", 10**15),
        ("10000000000000.01", "exact = true", "AMOUNT_OUT_OF_RANGE"),
        ("188.7", "exact = false", 18870),
        ("188", "exact = false", 18800),
        ("188.705", "exact = false", "VALUE_UNREADABLE"),
        ("$188.70", 'currency_sign = "$"', 18870),
        ("- $188.70", 'currency_sign = "$"', -18870),
        ("-$188.70", 'currency_sign = "$"', -18870),
        ("(188.70)", "parentheses = true", -18870),
        ("(-188.70)", "parentheses = true", "VALUE_UNREADABLE"),
        ("(188.70", "parentheses = true", "VALUE_UNREADABLE"),
        ('"1,234.56"', 'thousands = ","', 123456),
        ('"1,234,567.89"', 'thousands = ","', 123456789),
        ('"12,34.56"', 'thousands = ","', "VALUE_UNREADABLE"),
        ('"1,23"', 'thousands = ","', "VALUE_UNREADABLE"),
        ('"1234,567.00"', 'thousands = ","', "VALUE_UNREADABLE"),
    ],
)
def test_forms_of_numbers_that_a_format_allows(text: str, money: str, value: int | str) -> None:
    assert cents(text, money) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.234,56", 123456), ("1234,56", 123456), ("-0,05", -5), ("1,234.56", "VALUE_UNREADABLE"),
     ("1234.56", "VALUE_UNREADABLE"), ("12.34,56", "VALUE_UNREADABLE")],
)  # fmt: skip
def test_a_decimal_comma(text: str, value: int | str) -> None:
    assert cents(text, 'point = ",", thousands = "."', ";") == value


def told(data: str | bytes, fmt: Format | None = None) -> list[tuple[str, int | None, str | None]]:
    raw = data.encode() if isinstance(data, str) else data
    return [(p.code, p.line, p.field) for p in read(fmt or shop(), raw).problems]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", [("EMPTY_FILE", None, None)]),
        ("\n\n", [("HEADER_WRONG", 1, None)]),
        ("id,paid\n", []),
        ("ID , Paid\nA,1.00\n", []),
        ("id\nA\n", [("COLUMN_MISSING", 1, "paid")]),
        ("id,paid,id\nA,1.00,B\n", [("HEADER_WRONG", 1, "id")]),
        ("id,paid,payer,customer\nA,1.00,B,C\n", [("HEADER_WRONG", 1, "payer")]),
        ("id,paid,x,y\nA,1.00,1,2\n", [("COLUMN_UNKNOWN", 1, None)]),
        ("id,paid\nA,1.00,\n", [("VALUE_UNREADABLE", 2, None)]),
        ("id,paid\nA\n", [("VALUE_UNREADABLE", 2, None)]),
        ("id,paid\n,1.00\n", [("VALUE_UNREADABLE", 2, "id")]),
        ("id,paid\nA,1.00\n\n\nB,x\n", [("VALUE_UNREADABLE", 5, "paid")]),
        ('id,paid\n"A\nB",1.00\nC,x\n', [("VALUE_UNREADABLE", 4, "paid")]),
        ('id,paid\n"A,1.00\nB,2.00\n', [("VALUE_UNREADABLE", 2, "id")]),
        ('id,paid\n"A"x,1.00\nB,2.00\n', [("VALUE_UNREADABLE", 2, "id")]),
        ("id,paid\nA\0,1.00\n", [("NUL_BYTES", 2, "id")]),
        ("id,paid\nA,1.00\n\x1a", []),
        ("id,paid\r\nA,1.00\r\n \t\r\n", []),
        (f"id,paid\n{'x' * 70_000},1.00\n", [("RECORD_TOO_LONG", 2, "id")]),
        (f'id,paid\n"{"x" * 70_000}",1.00\n', [("VALUE_UNREADABLE", 2, "id")]),
        ("id,paid\nA,1.00\nB,2.00".encode("utf-16"), [("ENCODING_WRONG", 1, None)]),
        (b"id,paid,payer\nA,1.00,CAF\xc9\n", [("CHARACTER_REPLACED", 2, "payer")]),
        (b"id,paid\nCAF\xc9,1.00\n", [("ENCODING_WRONG", 2, "id")]),
    ],
)
def test_shapes_and_damage_with_their_place(
    data: str | bytes, expected: list[tuple[str, int | None, str | None]]
) -> None:
    assert told(data) == expected


def test_a_line_without_an_end_stops_the_reading_in_bounded_memory() -> None:
    data = b"id,paid\nA,1.00\n" + b"x" * (3 << 20)
    result = read(shop(), data)
    assert [(p.code, p.line) for p in result.problems] == [("RECORD_TOO_LONG", 3)]
    assert len(result.rows("receipts")) == 1


def test_a_bad_row_costs_itself_alone() -> None:
    result = read(shop(), b'id,paid\nA,1.00\nB,"2.00\nC,3.00\nD,4.00\n')
    assert [row["trace_number"] for row in result.rows("receipts")] == ["A", "C", "D"]
    assert told('id,paid\nA,1.00\nB,"2.00\nC,3.00\n') == [("VALUE_UNREADABLE", 3, "paid")]


def test_title_lines_and_a_delimiter_too_many() -> None:
    data = "Posted Transactions\nas of today\n\nid;paid\nA;1.00;\nB;2.00\n"
    extra = 'delimiter = ";"\npreamble_lines = 2\ntrailing_delimiter = true'
    result = read(shop(extra), data.encode())
    assert [row["amount_cents"] for row in result.rows("receipts")] == [100, 200]
    assert result.problems == []


def test_places_count_in_the_file_behind_a_byte_order_mark() -> None:
    data = b'\xef\xbb\xbfid,paid\r\n"A",1.00\r\nB,2.00\r\n'
    rows = read(shop(), data).rows("receipts")
    assert [data[r["byte_offset"] :][: r["byte_length"]] for r in rows] == [b'"A",1.00', b"B,2.00"]
    assert [row["line"] for row in rows] == [2, 3]


def test_a_day_far_from_the_others_of_its_file_is_told_and_its_money_taken() -> None:
    data = (ROOT / "fixtures" / "problems" / "DATE_UNUSUAL.csv").read_text()
    fmt = shipped("cashier_receipts")
    assert told(data, fmt) == [("DATE_UNUSUAL", 3, "business_date")]
    assert told(data.replace("2062-11-02", "2027-11-03"), fmt) == []
    assert told(data.replace("2062-11-02", "2027-11-04"), fmt) != []
    assert told(data.replace("2062-11-02", "1926-11-02"), fmt) != []


def test_many_bad_rows_are_counted_and_not_listed() -> None:
    result = read(shop(), b"id,paid\n" + b"A,x\n" * 1000)
    assert len(result.problems) == 26
    assert "975 more" in result.problems[-1].message
