"""The CSV files of the contract (section 4): shape makes no difference, damage is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recond.exceptions.codes import CODES
from tests.unit.achfiles import Read
from tests.unit.formatfiles import ROOT, read, shipped

NAMES = (
    "accounts",
    "receivables",
    "cashier_receipts",
    "drawer_close",
    "card_settlement",
    "acknowledgements",
)
FILES = {
    "accounts": "account_number,customer_name,status,credit_balance\n"
    '1000456021,"IBARRA, IRIS",active,0.00\n'
    '1000412207,"JONES ""JJ"" JAMES\nATTN DESK",closed,12.50\n',
    "receivables": "account_number,customer_name,item_number,charge_type,bill_number,bill_date,"
    "due_date,original_amount,open_amount\n"
    "1000456021,IRIS IBARRA,I1,WATER,B1,2026-10-01,2026-11-01,104.00,104.00\n"
    "1000456021,IRIS IBARRA,I2,SEWER,B1,2026-10-01,2026-11-01,83.65,3.65\n",
    "cashier_receipts": "receipt_number,drawer,cashier,business_date,time,account_number,"
    "item_number,tender,amount,void_of,approved_by\n"
    "R1,D1,ANA,2026-11-02,09:00,1000456021,,CASH,200.00,,\n"
    "R1,D1,ANA,2026-11-02,09:00,1000456021,,CASH,-12.35,,\n"
    "R2,D1,ANA,2026-11-02,09:05,1000412207,I2,CHECK,83.65,,\n"
    "R3,D1,ANA,2026-11-02,09:10,1000412207,I2,CHECK,-83.65,R2,BOB\n",
    "drawer_close": "drawer,cashier,business_date,opening_float,counted_cash,counted_checks,"
    "deposit_bag\nD1,ANA,2026-11-02,100.00,287.65,83.65,BAG7\n",
    "card_settlement": "merchant_id,batch_number,settlement_date,brand,transaction_id,sale_date,"
    "account_number,gross_amount,fee_amount,net_amount,type\n"
    "M1,7,2026-11-03,VISA,T1,2026-11-02,1000456021,104.00,2.10,101.90,SALE\n"
    "M1,7,2026-11-03,VISA,T2,2026-11-02,1000412207,-20.00,0.00,-20.00,REFUND\n"
    "M1,7,2026-11-03,VISA,T3,2026-11-02,1000412207,-9.00,0.00,-9.00,CHARGEBACK\n",
    "acknowledgements": "file_id,posting_id,status,code,billing_transaction_id\n"
    "PF000001-0123456789ab,P0123456789ab-1-1.1,ACCEPTED,,B77\n"
    "PF000001-0123456789ab,P0123456789ab-1-1.2,REJECTED,MOVED,\n",
}
PLACES = {"line", "byte_offset", "byte_length"}


def outcome(name: str, text: str | bytes) -> Read:
    return read(shipped(name), text.encode() if isinstance(text, str) else text)


def content(result: Read) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{k: v for k, v in row.items() if k not in PLACES} for row in table.to_pylist()]
        for name, table in result.tables.items()
    }


def reordered(text: str) -> str:
    """The columns from right to left; no field of these files holds a comma or a line break."""
    return "".join(",".join(reversed(row.split(","))) + "\n" for row in text.splitlines())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", ["bom", "crlf", "cr", "no end"])
def test_the_wrapper_makes_no_difference(name: str, shape: str) -> None:
    text = FILES[name].replace("\nATTN DESK", " ATTN DESK")
    data = {
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "cr": text.replace("\n", "\r").encode(),
        "no end": text.encode()[:-1],
    }[shape]
    expected = outcome(name, text)
    assert expected.codes("error") == []
    assert content(outcome(name, data)) == content(expected)


@pytest.mark.parametrize("name", NAMES[1:])
def test_columns_stand_in_any_order(name: str) -> None:
    assert content(outcome(name, reordered(FILES[name]))) == content(outcome(name, FILES[name]))


def test_quoted_text_holds_delimiters_quotes_and_line_breaks() -> None:
    rows = outcome("accounts", FILES["accounts"]).rows("accounts")
    assert [row["customer_name"] for row in rows] == ["IBARRA, IRIS", 'JONES "JJ" JAMES\nATTN DESK']
    assert [row["line"] for row in rows] == [2, 3]
    assert [row["credit_balance_cents"] for row in rows] == [0, 1250]


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_column_is_told_once(name: str) -> None:
    text = "".join(f"new,{row}\n" for row in FILES[name].replace("\nATTN", " ATTN").splitlines())
    result = outcome(name, text)
    assert [p.line for p in result.problems if p.code == "COLUMN_UNKNOWN"] == [1]
    assert result.codes("error") == []


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "field"),
    [
        ("open_amount", "opened", "COLUMN_MISSING", 1, "open_amount"),
        ("104.00\n", '"1,000.00"\n', "VALUE_UNREADABLE", 2, "open_amount"),
        ("104.00\n", "12.345\n", "VALUE_UNREADABLE", 2, "open_amount"),
        ("104.00\n", "١٠.٠٠\n", "VALUE_UNREADABLE", 2, "open_amount"),
        ("104.00\n", "1_0.00\n", "VALUE_UNREADABLE", 2, "open_amount"),
        ("104.00\n", "99999999999999.00\n", "AMOUNT_OUT_OF_RANGE", 2, "open_amount"),
        ("2026-10-01", "2026-02-30", "VALUE_UNREADABLE", 2, "bill_date"),
        ("2026-10-01", "10/01/2026", "VALUE_UNREADABLE", 2, "bill_date"),
        ("I1,", "I1,,", "VALUE_UNREADABLE", 2, None),
        ("I1", "I\0", "NUL_BYTES", 2, "item_number"),
        ("I1", '"I1', "VALUE_UNREADABLE", 2, "item_number"),
        ("I2", "I1", "ROW_REPEATED", 3, "item_number"),
    ],
)
def test_damage_is_told_with_its_place(
    old: str, new: str, code: str, line: int, field: str | None
) -> None:
    result = outcome("receivables", FILES["receivables"].replace(old, new, 1))
    problem = result.told(code)
    assert (problem.line, problem.field) == (line, field)
    assert CODES[code].severity == "error"


def test_tenders_change_and_voids() -> None:
    result = outcome("cashier_receipts", FILES["cashier_receipts"])
    assert [row["amount_cents"] for row in result.rows("receipts")] == [20000, -1235, 8365]
    payments = [row["payment"] for row in result.rows("receipts")]
    assert payments[0] == payments[1] != payments[2]
    (void,) = result.rows("set_aside")
    assert (void["kind"], void["original"], void["amount_cents"]) == ("VOID", "R2", -8365)
    assert void["approved_by"] == "BOB"


def test_card_sales_are_receipts_and_the_rest_waits_once_a_batch() -> None:
    result = outcome("card_settlement", FILES["card_settlement"])
    assert [row["amount_cents"] for row in result.rows("receipts")] == [10400]
    kinds = [(row["kind"], row["amount_cents"]) for row in result.rows("set_aside")]
    assert sorted(kinds) == [("CHARGEBACK", -900), ("FEE", -210), ("REFUND", -2000)]
    (asked,) = [p for p in result.problems if p.code == "NOT_YET_HANDLED"]
    assert asked.batch_ord == 1


def test_a_card_row_that_does_not_add_up_holds_its_batch() -> None:
    result = outcome("card_settlement", FILES["card_settlement"].replace("101.90", "101.91"))
    assert result.told("BATCH_STRUCTURE").batch_ord == 1


@pytest.mark.parametrize("name", NAMES)
def test_any_flipped_byte_is_survived(name: str) -> None:
    data = FILES[name].encode()
    fmt = shipped(name)
    for place in range(0, len(data), 2):
        flipped = bytearray(data)
        flipped[place] ^= 1 << (place % 8)
        result = read(fmt, bytes(flipped))
        assert all(CODES[problem.code] for problem in result.problems)


PROBLEMS = sorted((ROOT / "fixtures" / "problems").glob("*.csv"))


@pytest.mark.parametrize("path", PROBLEMS, ids=lambda path: path.stem)
def test_a_problem_fixture_raises_its_problem(path: Path) -> None:
    data = path.read_bytes()
    marks = {
        b"merchant_id": "card_settlement", b"tender": "cashier_receipts",
        b"posting_id": "acknowledgements",
    }  # fmt: skip
    name = next((found for mark, found in marks.items() if mark in data), "accounts")
    assert outcome(name, data).told(path.stem).message


def test_there_are_problem_fixtures() -> None:
    assert len(PROBLEMS) >= 12


def test_columns_that_are_joined_may_all_be_blank_in_a_row() -> None:
    """Such a row must not move the texts of the rows behind it."""
    head = FILES["cashier_receipts"].partition("\n")[0]
    rows = (
        "R1,D1,ANA,2026-11-02,09:00,,,CARD,-1.00,,\n"
        "R2,D1,ANA,2026-11-02,09:01,1000456021,,CARD,-2.00,,\n"
        "R3,D1,ANA,2026-11-02,09:02,1000412207,I3,CARD,-3.00,,\n"
    )
    found = outcome("cashier_receipts", f"{head}\n{rows}").rows("set_aside")
    assert [(row["amount_cents"], row["reference"]) for row in found] == [
        (-100, None), (-200, "1000456021"), (-300, "1000412207;I3"),
    ]  # fmt: skip
