"""Bank downloads and lockboxes as CSV, by column map (formats.md sections 4 and 14)."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from recond.errors import ConfigError
from recond.exceptions.codes import CODES
from recond.formats import read_format
from recond.model import Format
from recond.parsers import delimited
from tests.office import Office
from tests.unit.achfiles import Read
from tests.unit.formatfiles import ROOT, read, shipped

HEADER = "Date,Description,Amount,Currency,Balance,Account,Reference\n"
ROWS = (
    "2026-11-02,LOCKBOX,188.70,USD,1188.70,4711,R1\n"
    "2026-11-03,FEE,-12.00,USD,1176.70,4711,R2\n"
    "2026-11-03,LOCKBOX,104.00,USD,1280.70,4711,R3\n"
)


def shipped_as(name: str, *changes: tuple[str, str]) -> Format:
    """A shipped format with pieces of its text replaced, as a bank's own copy."""
    text = (ROOT / "formats" / f"{name}.toml").read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return read_format(text, f"{name}.toml")


def bank(text: str | bytes, *changes: tuple[str, str]) -> Read:
    return read(
        shipped_as("bank_csv", *changes), text if isinstance(text, bytes) else text.encode()
    )


def cents(result: Read, table: str = "bank_lines") -> list[int]:
    return [row["amount_cents"] for row in result.rows(table)]


def held(result: Read) -> list[str]:
    return [p.code for p in result.problems if CODES[p.code].severity == "error"]


def test_a_download_is_lines_with_their_places() -> None:
    result = bank(HEADER + ROWS)
    assert result.problems == []
    assert cents(result) == [18870, -1200, 10400]
    first = result.rows("bank_lines")[0]
    assert (first["bank_account"], first["reference"], first["text"]) == ("4711", "R1", "LOCKBOX")
    assert (first["line"], first["byte_offset"]) == (2, len(HEADER))
    assert not first["same_day"]


def test_the_header_is_searched_below_title_lines() -> None:
    titles = '"Activity of the account"\n\nExported 2026-11-04,by,nobody\n'
    result = bank(titles + HEADER + ROWS)
    assert result.problems == []
    assert [row["line"] for row in result.rows("bank_lines")] == [5, 6, 7]
    assert held(bank("x\n" * 20 + HEADER + ROWS)) == ["COLUMN_MISSING"] * 4
    name = shipped("bank_csv").name
    from recond.formats import load_formats

    formats = load_formats([ROOT / "formats"])
    found = formats.identify("bank", "x.csv", (titles + HEADER + ROWS).encode())
    assert found.format is not None
    assert found.format.name == name


def test_a_row_above_the_header_is_never_passed_over_as_a_title() -> None:
    result = bank(ROWS.splitlines()[0] + "\n" + HEADER + ROWS)
    assert held(result) == ["HEADER_WRONG"]
    assert (result.told("HEADER_WRONG").line, result.rows("bank_lines")) == (1, [])
    padded = "Statement 2026,,7,,,12,\n"  # digits where a row has its date, amount and account
    assert held(bank(padded + HEADER + ROWS)) == []
    assert held(bank("2026-11-02,a,188.70,b,c,4711\n" + HEADER + ROWS)) == []  # another width


def test_names_of_columns_may_be_others() -> None:
    other = HEADER.replace("Date", "Posting Date").replace("Balance", "Running Balance")
    assert bank(other + ROWS).problems == []


@pytest.mark.parametrize(
    ("written", "found"),
    [("$1,234.56", 123456), ("($12.00)", -1200), ("-$12.00", -1200), ("1234.56", 123456),
     ('"1,234.56"', 123456), ("12,34.56", None), ("1.234,56", None), ("12.5", None), ("", None)],
)  # fmt: skip
def test_amounts_as_banks_write_them(written: str, found: int | None) -> None:
    text = written if written.startswith('"') else f'"{written}"'
    result = bank(f"{HEADER}2026-11-02,X,{text},USD,,4711,R1\n")
    assert cents(result) == ([] if found is None else [found])
    assert bool(held(result)) == (found is None)


def test_a_trailing_comma_is_no_column() -> None:
    assert bank(HEADER + ROWS.replace("\n", ",\n")).problems == []


def test_dates_are_read_as_declared_and_never_guessed() -> None:
    us = ('format = "YYYY-MM-DD"', 'format = "MM/DD/YYYY"')
    rows = ROWS.replace("2026-11-02", "11/02/2026").replace("2026-11-03", "11/03/2026")
    assert bank(HEADER + rows, us).problems == []
    assert held(bank(HEADER + rows)) == ["VALUE_UNREADABLE"] * 3
    assert (
        held(bank(HEADER + rows.replace("11/02", "13/02"), us))
        == ["VALUE_UNREADABLE", "BALANCE_WRONG"][:1]
    )


# -- running balance -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [("188.70,USD", "188.71,USD", None), ("-12.00", "-12.01", 3), ("1176.70", "1176.71", 3),
     ("2026-11-03,FEE,-12.00,USD,1176.70,4711,R2\n", "", 3), ("104.00", "104.01", 4)],
)  # fmt: skip
def test_the_running_balance_proves_each_row_but_the_first(
    old: str, new: str, line: int | None
) -> None:
    result = bank(HEADER + ROWS.replace(old, new))
    if line is None:
        assert result.problems == []  # nothing stands before the first row
    else:
        assert result.told("BALANCE_WRONG").line == line


def test_the_newest_row_may_come_first() -> None:
    rows = "".join(reversed(ROWS.splitlines(keepends=True)))
    backward = ('order = "forward"', 'order = "backward"')
    assert bank(HEADER + rows, backward).problems == []
    assert held(bank(HEADER + rows)) == ["BALANCE_WRONG"] * 2
    broken = rows.replace("1176.70", "1176.71")
    assert [p.line for p in bank(HEADER + broken, backward).problems] == [3, 4]


def test_rows_without_a_balance_are_passed_over() -> None:
    assert bank(HEADER + ROWS.replace("1176.70", "")).problems == []
    wrong = ROWS.replace("1176.70", "").replace("1280.70", "1280.71")
    assert bank(HEADER + wrong).told("BALANCE_WRONG").line == 4


def test_the_chain_begins_anew_with_another_account() -> None:
    other = ROWS.replace("4711", "4712").replace("1188.70", "288.70")
    other = other.replace("1176.70", "276.70").replace("1280.70", "380.70")
    assert bank(HEADER + ROWS + other).problems == []


def test_the_chain_holds_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    import functools

    small = functools.partial(delimited.read_records, block=64)
    monkeypatch.setattr(delimited, "read_records", small)
    assert bank(HEADER + ROWS).problems == []
    assert bank(HEADER + ROWS.replace("1280.70", "1280.71")).told("BALANCE_WRONG").line == 4
    same = HEADER + ROWS.replace("LOCKBOX,188.70,USD,1188.70", "A,1.00,USD,")
    ids = [row["line_id"] for row in bank(same).rows("bank_lines")]
    assert len(set(ids)) == 3


# -- signs ---------------------------------------------------------------------------------------

TWO = "Booking Date;Details;Credit;Debit;CCY;Running Balance;IBAN;Ref\n"


def two(rows: str, *changes: tuple[str, str]) -> Read:
    return read(shipped_as("bank_csv_two_columns", *changes), (TWO + rows).encode())


@pytest.mark.parametrize(
    ("credit", "debit", "found"),
    [("1.250,50", "", 125050), ("", "200,25", -20025), ("", "-200,25", -20025),
     ("-13,50", "", -1350), ("", "", None), ("1,00", "2,00", None), ("1,00", "0,00", 100),
     ("0,00", "0,00", 0)],
)  # fmt: skip
def test_credit_and_debit_columns(credit: str, debit: str, found: int | None) -> None:
    result = two(f"2026-11-02;X;{credit};{debit};USD;;DE1;R1\n")
    if found is None:
        assert result.told("VALUE_UNREADABLE").field == "amount"
    else:
        assert result.problems == []
        assert cents(result) == [found]


FLAGGED = """
[layout.derived.signed]
plus = ["Amount"]
flag = "Type"
credit = ["C", "CR"]
debit = ["D"]
"""


def flagged(amount: str, flag: str, trust: str = "agree") -> Read:
    changes = (
        ("[layout.columns]", f'{FLAGGED}trust = "{trust}"\n\n[layout.columns]\nType = {{}}'),
        ('amount_cents = "Amount"', 'amount_cents = "signed"'),
        ('amount = "Amount"', 'amount = "signed"'),
    )
    header = HEADER.replace("Reference", "Reference,Type")
    return bank(f'{header}2026-11-02,X,"{amount}",USD,,4711,R1,{flag}\n', *changes)


@pytest.mark.parametrize(
    ("amount", "flag", "trust", "found"),
    [("5.00", "C", "agree", 500), ("5.00", "D", "agree", -500), ("-5.00", "D", "agree", -500),
     ("-1,533.50", "C", "agree", None), ("-1,533.50", "C", "flag", 153350),
     ("-1,533.50", "C", "sign", -153350), ("5.00", "D", "sign", 500), ("5.00", "X", "agree", None),
     ("5.00", "", "flag", None)],
)  # fmt: skip
def test_a_flag_that_may_contradict_the_sign(
    amount: str, flag: str, trust: str, found: int | None
) -> None:
    result = flagged(amount, flag, trust)
    if found is None:
        assert held(result) == ["VALUE_UNREADABLE"]
    else:
        assert result.problems == []
        assert cents(result) == [found]


# -- other rows, currency, identity --------------------------------------------------------------

TOTALS = """
[[layout.other_rows]]
begins = ["Total", "Posted"]
count = 2
total = 3
of = "Amount"
required = true

"""


def test_totals_below_the_rows_are_controls() -> None:
    change = ("[layout.columns]", TOTALS + "[layout.columns]")
    good = bank(f"{HEADER}{ROWS}TOTAL,3,$280.70\n", change)
    assert good.problems == []
    assert len(good.rows("bank_lines")) == 3
    wrong = bank(f"{HEADER}{ROWS}TOTAL,4,$280.71\n", change)
    assert held(wrong) == ["FILE_COUNT_WRONG", "FILE_TOTAL_WRONG"]
    assert wrong.told("FILE_TOTAL_WRONG").line == 5
    assert held(bank(f"{HEADER}{ROWS}TOTAL,3,many\n", change)) == ["VALUE_UNREADABLE"]
    assert held(bank(HEADER + ROWS, change)) == ["FILE_TRUNCATED"]


def test_rows_in_another_currency_are_shown_only() -> None:
    result = bank(HEADER + ROWS.replace("USD", "eur", 1))
    assert result.told("CURRENCY_OTHER").line == 2
    assert [row["same_day"] for row in result.rows("bank_lines")] == [True, False, False]


def test_overlapping_downloads_bring_each_row_once(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    twice = "2026-11-03,COFFEE,-1.00,USD,,4711,\n" * 2
    more = "2026-11-04,LOCKBOX,9.00,USD,,4711,R4\n"
    try:
        first = office.take("bank", "a.csv", HEADER + ROWS + twice)
        assert "5 bank lines" in first.message
        second = office.take("bank", "b.csv", HEADER + ROWS.splitlines(True)[2] + twice + more)
        assert "1 bank lines, 3 bank lines seen before and skipped" in second.message
    finally:
        office.close()


# -- lockbox -------------------------------------------------------------------------------------

LOCKBOX = (
    "lockbox,deposit_date,batch,item,check_number,routing,payer_account,check_amount,remitter,"
    "reference,reference_amount\n"
)
STUBS = (
    "9001,2026-11-02,1,1,5001,021000021,777,188.70,ANN LEE,1000000001,100.00\n"
    "9001,2026-11-02,1,1,5001,021000021,777,,ANN LEE,1000000002,88.70\n"
    "9001,2026-11-02,1,2,5002,021000021,778,104.00,BO RAY,1000000003,\n"
)
TOTAL = "TOTAL,3,,,,,,292.70\n"


def lockbox(text: str) -> Read:
    return read(shipped("lockbox_csv"), (LOCKBOX + text).encode())


def test_rows_of_one_check_are_its_stubs() -> None:
    result = lockbox(STUBS + TOTAL)
    assert result.problems == []
    assert cents(result, "receipts") == [18870, 10400]
    told = [(r["ordinal"], r["sequence"], r["reference"], r["amount_cents"])
            for r in result.rows("remittances")]  # fmt: skip
    assert told == [(1, 1, "1000000001", 10000), (1, 2, "1000000002", 8870),
                    (2, 1, "1000000003", None)]  # fmt: skip
    (batch,) = result.rows("batches")
    assert (batch["batch"], batch["found_count"], batch["found_cents"]) == (
        "9001 2026-11-02 1", 2, 29270,
    )  # fmt: skip


def test_stubs_go_on_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    import functools

    monkeypatch.setattr(
        delimited, "read_records", functools.partial(delimited.read_records, block=40)
    )
    result = lockbox(STUBS + TOTAL)
    assert result.problems == []
    assert cents(result, "receipts") == [18870, 10400]
    assert [(r["ordinal"], r["sequence"]) for r in result.rows("remittances")] == [
        (1, 1), (1, 2), (2, 1),
    ]  # fmt: skip


def test_a_lockbox_total_that_is_wrong_holds() -> None:
    assert held(lockbox(STUBS + TOTAL.replace("292.70", "292.71"))) == ["FILE_TOTAL_WRONG"]
    assert held(lockbox(STUBS + TOTAL.replace(",3,", ",2,"))) == ["FILE_COUNT_WRONG"]


def test_a_check_cannot_have_two_amounts_nor_come_twice() -> None:
    other = STUBS.replace("777,,ANN", "777,188.71,ANN")
    assert held(lockbox(other)) == ["VALUE_UNREADABLE"]
    same = STUBS.replace("777,,ANN", "777,188.70,ANN")
    assert not held(lockbox(same))
    again = STUBS + STUBS.splitlines(True)[0]
    assert held(lockbox(again)) == ["ROW_REPEATED"]


def test_a_lockbox_csv_posts(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    try:
        outcome = office.take(
            "lockbox", "lb.csv", (LOCKBOX + STUBS + TOTAL).replace("-11-", "-01-")
        )
        assert outcome.state == "accepted", outcome.message
        assert len(office.rows("receipts")) == 2
    finally:
        office.close()


# -- format files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('amount = "amount", order', 'amount = "Details", order', "'Details' is no amount"),
        ('plus = ["Credit"]', 'plus = ["Credi"]', "there is no column 'Credi'"),
        ('absolute = ["Debit"]', 'absolute = ["Ref"]', "absolute names columns"),
        ("[layout.derived.amount]", "[layout.derived.Credit]", "is a column of the file already"),
        ('currency_column = "CCY"', 'currency_column = "Coin"', "there is no column 'Coin'"),
        ('"Details", "Running', '"Detail", "Running', "there is no column 'Detail'"),
    ],
)
def test_a_wrong_map_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        shipped_as("bank_csv_two_columns", (old, new))


# -- real files ----------------------------------------------------------------------------------

FOLDER = os.environ.get("RECOND_SAMPLES", "")
SAMPLES = {
    "csv-bank/sebastienrousseau_bankstatementparser/sample_statement.csv": ("bank_csv", 2),
    "csv-bank/sebastienrousseau_bankstatementparser/sample_split_amounts.csv":
        ("bank_csv_two_columns", 2),
    "check-recon/CU-CommunityApps_cu-kfs/jpmc_check_success2.txt": ("paid_checks", 4),
    "check-recon/CU-CommunityApps_cu-kfs/jpmc_check_bad.txt": ("paid_checks", 5),
}  # fmt: skip


@pytest.mark.skipif(not FOLDER, reason="RECOND_SAMPLES is not set: the folder of real samples")
@pytest.mark.parametrize("path", SAMPLES)
def test_real_samples(path: str) -> None:
    name, rows = SAMPLES[path]
    with (Path(FOLDER) / "MANIFEST.tsv").open(newline="") as source:
        entry = next(r for r in csv.DictReader(source, delimiter="\t") if r["path"] == path)
    result = read(shipped(name), (Path(FOLDER) / path).read_bytes())
    facts = json.loads(entry["expected_facts_json"])
    assert rows in {facts.get("lines"), facts.get("nonblank_rows", 0) - 1}
    if entry["status"] == "valid":
        assert not held(result)
        assert len(result.rows("bank_lines")) == rows
    else:
        assert {(p.code, p.line) for p in result.problems if p.code in held(result)} == {
            ("VALUE_UNREADABLE", 1), ("VALUE_UNREADABLE", 2),
        }  # fmt: skip


def test_a_check_without_an_amount_is_told_and_brings_no_money() -> None:
    data = (ROOT / "fixtures" / "delimited" / "lockbox_csv-small.csv").read_bytes()
    result = read(
        shipped("lockbox_csv"),
        data.replace(b"9001,2026-11-02,1,1", b"9002,2026-11-02,1,1", 2).replace(
            b"9002", b"9001", 1
        ),
    )
    (told,) = result.problems
    assert (told.code, told.line, told.field) == ("VALUE_UNREADABLE", 3, "check_amount")
    assert [row["amount_cents"] for row in result.rows("receipts")] == [18870, 10400]
    assert [row["found_cents"] for row in result.rows("batches")] == [29270, 0]
