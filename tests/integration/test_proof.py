"""Proof of cash: every day from the records of files to the lines of the bank, each difference
named (domain E28, E34, E36, E40, E61)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import (
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    money,
    receivable,
    receivables_csv,
    recond,
)
from office import statement as bank_statement

from recond.exports.datasets import dataset
from recond.exports.proof.page import pages
from recond.exports.proof.rows import Proof, by_account
from recond.exports.scope import Scope
from recond.status import status

MON, TUE, WED, FRI = (dt.date(2026, 3, day) for day in (16, 17, 18, 20))
X = "1000456012"
TYPES = ("missing", "bank_error", "elsewhere", "in_transit", "not_deposited", "over_short", "fees",
         "withheld", "taken_back")  # fmt: skip
ITEMS = [receivable(X, "1W", "WATER", "2026-03-28", 8800)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    made.prove()
    drilled(made)
    made.close()


def drilled(office: Office, day: dt.date = dt.date(2026, 3, 27)) -> None:
    """Rows by account are the sums of their channels, and each sum is that of its items, all of
    which say where to look; what the lines of an account bring is what its days say."""
    channels, whole = office.rows("proof_by_channel", day), office.rows("proof_of_cash", day)
    sums: dict[Any, int] = {}
    for row in channels:
        for name in (*TYPES, "received", "bank"):
            key = (row["date"], row["bank_account"], name)
            sums[key] = sums.get(key, 0) + cents(row[name])
    for row in whole:
        assert cents(row["difference"]) == 0
        for name in (*TYPES, "received", "bank"):
            assert cents(row[name]) == sums.pop((row["date"], row["bank_account"], name))
    assert sums == {}
    listed: dict[Any, int] = {}
    for item in office.rows("proof_items", day):
        assert item["deposit_id"] or item["bank_line_id"] or item["file_id"]
        key = (item["date"], item["bank_account"], item["channel"], item["type"])
        listed[key] = listed.get(key, 0) + cents(item["amount"])
    for row in channels:
        for name in TYPES:
            key = (row["date"], row["bank_account"], row["channel"], name)
            assert cents(row[name]) == listed.pop(key, 0), key
    assert listed == {}
    total = sum(cents(row["bank"]) for row in whole)
    assert total == sum(cents(row["amount"]) for row in office.rows("bank_lines", day))


def proof(office: Office, today: dt.date, channel: str) -> dict[str, Any]:
    """The amounts of a channel's rows that are not zero, its state, age and accounts."""
    (row,) = [row for row in office.rows("proof_by_channel", today) if row["channel"] == channel]
    assert cents(row["difference"]) == 0
    plain = {"date", "channel", "files", "records", "receipts"}
    shown = {}
    for name, value in row.items():
        if name in {"state", "age_days", "bank_account"}:
            shown[name] = value
        elif name not in plain and cents(value):
            shown[name] = cents(value)
    return shown


def lockbox(office: Office, amount: int = 8800) -> None:
    office.take(
        "lockbox", "mon.bai", lockbox_file([check(amount, (X, None), number="4711")], MON), MON
    )


def bank(office: Office, day: dt.date, opening: int, *lines: tuple[str, int, str]) -> None:
    office.take("bank", f"{day}.bai2", bank_statement(opening, lines, day), day)


def test_a_deposit_is_in_transit_until_the_bank_credits_it(office: Office) -> None:
    lockbox(office)
    assert proof(office, MON, "LOCKBOX") == {
        "received": 8800, "applied": 8800, "deposited": 8800, "in_transit": 8800,
        "bank_account": "", "age_days": 0, "state": "in_transit",
    }  # fmt: skip
    bank(office, TUE, 0, ("115", 8800, "LOCKBOX 0012345"))
    assert proof(office, TUE, "LOCKBOX") == {
        "received": 8800, "applied": 8800, "deposited": 8800, "bank": 8800,
        "bank_account": "0044012345", "age_days": 0, "state": "proved",
    }  # fmt: skip


def test_a_past_day_shows_what_was_known_then(office: Office) -> None:
    lockbox(office)
    bank(office, TUE, 0, ("115", 8800, "LOCKBOX 0012345"))
    with office.run(WED).store.read() as connection:
        (row,) = dataset(connection, "proof_by_channel", today=WED, as_of=MON).to_pylist()
    assert (row["state"], cents(row["in_transit"]), cents(row["bank"])) == ("in_transit", 8800, 0)


def test_e34_another_amount_is_the_banks_error_until_it_is_corrected(office: Office) -> None:
    lockbox(office)
    bank(office, MON, 0, ("115", 8700, "LOCKBOX 0012345"))
    shown = proof(office, MON, "LOCKBOX")
    assert (shown["state"], shown["bank_error"], shown["bank"]) == ("bank_error", 100, 8700)


def test_e40_a_deposit_that_never_came_is_missing_and_ages(office: Office) -> None:
    lockbox(office)
    office.process(FRI)
    shown = proof(office, FRI, "LOCKBOX")
    assert (shown["state"], shown["missing"], shown["age_days"]) == ("missing", 8800, 4)
    assert "in_transit" not in shown


def test_a_returned_check_is_in_the_proof_of_both_days(office: Office) -> None:
    lockbox(office)
    bank(office, TUE, 0, ("115", 8800, "LOCKBOX 0012345"))
    bank(office, WED, 8800, ("555", 8800, "RETURNED CHECK 4711"))
    first, second = [r for r in office.rows("proof_by_channel", WED) if r["channel"] == "LOCKBOX"]
    assert (cents(first["returned"]), cents(first["bank"]), first["state"]) == (
        8800,
        8800,
        "proved",
    )
    assert (cents(second["taken_back"]), cents(second["bank"])) == (-8800, -8800)
    assert (second["date"], second["state"]) == (WED, "proved")


def test_fees_bank_receipts_and_debits_that_nothing_explains(office: Office) -> None:
    lines = (("195", 5000, "WIRE FROM NOBODY"), ("661", 1500, "FEES"), ("699", 700, "WHO KNOWS"))
    bank(office, TUE, 0, *lines)
    assert proof(office, TUE, "BANK") == {
        "received": 5000, "suspense": 5000, "deposited": 5000, "bank": 5000,
        "bank_account": "0044012345", "age_days": 0, "state": "proved",
    }  # fmt: skip
    assert proof(office, TUE, "FEE")["fees"] == -1500
    unknown = proof(office, TUE, "UNEXPLAINED")
    assert (unknown["bank"], unknown["bank_error"], unknown["state"]) == (-700, 700, "bank_error")
    total = sum(cents(row["bank"]) for row in office.rows("proof_of_cash", TUE))
    assert total == sum(cents(row["amount"]) for row in office.rows("bank_lines", TUE)) == 2800


def test_e28_a_drawer_that_is_short_says_so(office: Office) -> None:
    receipts = [
        {"receipt_number": "1", "drawer": "D1", "cashier": "amy", "business_date": str(MON),
         "time": "09:00", "account_number": X, "item_number": "", "tender": "CASH",
         "amount": money(8800)}
    ]  # fmt: skip
    office.take("cashier", "mon.csv", csv_text(receipts), MON)
    waits = proof(office, MON, "CASHIER")
    assert (waits["not_deposited"], waits["state"]) == (8800, "in_transit")
    close = [
        {"drawer": "D1", "cashier": "amy", "business_date": str(MON), "opening_float": "200.00",
         "counted_cash": money(20000 + 8300), "counted_checks": "0.00", "deposit_bag": "BAG77001"}
    ]  # fmt: skip
    office.take("cashier", "close.csv", csv_text(close), MON)
    shown = proof(office, MON, "CASHIER")
    assert (shown["received"], shown["over_short"], shown["deposited"]) == (8800, -500, 8300)
    assert "not_deposited" not in shown


def test_e36_fees_that_the_processor_keeps(office: Office) -> None:
    head = (
        "merchant_id", "batch_number", "settlement_date", "brand", "transaction_id",
        "sale_date", "account_number", "gross_amount", "fee_amount", "net_amount", "type",
    )  # fmt: skip
    values = ("WEB", "CB16", str(MON), "VISA", "T1", str(MON), X, "88.00", "1.99", "86.01", "SALE")
    office.take("card", "mon.csv", csv_text([dict(zip(head, values, strict=True))], head), MON)
    shown = proof(office, MON, "CARD")
    assert (shown["received"], shown["fees"], shown["deposited"]) == (8800, -199, 8601)


def test_what_does_not_tie_is_shown(office: Office) -> None:
    one = Proof("2026-03-16", "LOCKBOX", received=100, applied=90, deposited=110, bank=110)
    assert (one.difference, one.state) == (20, "different")
    other = Proof("2026-03-16", "CARD", received=100, applied=110, deposited=90, bank=90)
    (whole,) = by_account([one, other])  # the two do not offset each other
    assert (whole.difference, whole.state, whole.received) == (40, "different", 200)


def test_two_lockboxes_of_two_accounts_are_two_rows(office: Office) -> None:
    for box, account in (("0012345", "0044012345"), ("0099999", "0077000001")):
        content = lockbox_file(
            [check(5000, (X, None), number=box)], MON, box=box, time=f"08{box[-2:]}"
        )
        office.take("lockbox", f"{box}.bai", content, MON)
        lines = [("115", 5000, f"LOCKBOX {box}")]
        content = bank_statement(0, lines, MON, account=account)
        office.take("bank", f"{box}.bai2", content, MON)
    rows = {row["bank_account"]: row for row in office.rows("proof_of_cash", MON)}
    assert set(rows) == {"0044012345", "0077000001"}
    for row in rows.values():
        assert (cents(row["received"]), cents(row["bank"]), row["state"]) == (5000, 5000, "proved")
        assert (row["files"], row["receipts"]) == (1, 1)
    # the next day's money is the account's by which the box was credited before
    content = lockbox_file([check(700, (X, None), number="3")], TUE, box="0099999", time="0700")
    office.take("lockbox", "tue.bai", content, TUE)
    (row,) = [row for row in office.rows("proof_of_cash", TUE) if row["date"] == TUE]
    assert (row["bank_account"], cents(row["in_transit"])) == ("0077000001", 700)


def test_a_page_for_each_account_with_every_item_and_what_is_still_open(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    lockbox(office, 8800)
    bank(office, TUE, 0, ("115", 8700, "LOCKBOX 0012345"), ("661", 1500, "FEES"))
    content = lockbox_file([check(300, (X, None), number="9")], WED, time="0700")
    office.take("lockbox", "wed.bai", content, WED)
    with office.run(WED).store.read() as connection:
        (page,) = pages(connection, Scope(WED))
    lines = page.splitlines()
    assert lines[0] == "Proof of cash of 2026-03-18, account 0044012345: in transit"
    assert lines[1] == "1 files, 1 records, 1 receipts"
    assert [line.split() for line in lines[4:9]] == [
        ["received", "3.00", "3.00"], ["on", "account", "3.00", "3.00"],
        ["deposited", "3.00", "3.00"],
        ["in", "the", "bank", "0.00", "0.00"], ["in", "transit", "3.00", "3.00"],
    ]  # fmt: skip
    today = lines.index("Items")
    (item,) = lines[today + 1 : today + 2]
    assert "in transit" in item
    assert "3.00  LOCKBOX: lockbox 0012345, expected 2026-03-18 (D" in item
    (old,) = lines[lines.index("Still open of the days before") + 1 :]
    assert old.startswith("  2026-03-16  ")
    assert "2 days" in old
    home = ["status", "--proof", "--home", office.home.path, "--as-of", WED]
    capsys.readouterr()
    assert recond(*home) == 1  # the deposit of Monday waits for a person
    assert capsys.readouterr().out.rstrip() == page
    assert recond(*home, "--json") == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = ["proof_of_cash", "proof_by_channel", "proof_items"]
    assert [(one["dataset"], len(one["rows"])) for one in told] == [(n, 1) for n in names]


def test_a_deposit_that_is_credited_to_the_wrong_account_is_named(office: Office) -> None:
    """What one city missed for ten months: the money is there, in the wrong account."""
    lockbox(office, 8800)
    bank(office, MON, 0, ("115", 8800, "LOCKBOX 0012345"))
    for number, amount in (("5", 3000), ("6", 400)):
        content = lockbox_file([check(amount, (X, None), number=number)], TUE, time=f"090{number}")
        office.take("lockbox", f"{number}.bai", content, TUE)
    bank(office, TUE, 8800, ("115", 3000, "LOCKBOX 0012345"))
    lines = [("115", 400, "LOCKBOX 0012345")]
    other = bank_statement(0, lines, TUE, account="0077000001")
    office.take("bank", "other.bai2", other, TUE)
    (row,) = [row for row in office.rows("proof_of_cash", TUE) if row["date"] == TUE]
    assert (row["bank_account"], cents(row["elsewhere"]), row["state"]) == (
        "0044012345", 400, "elsewhere",
    )  # fmt: skip
    (item,) = office.rows("proof_items", TUE)
    assert (item["type"], item["text"]) == ("elsewhere", "credited to account 0077000001")
    assert all(item[name] for name in ("bank_line_id", "deposit_id"))


def test_rounding_and_returns_are_of_the_days_of_their_deposits(office: Office) -> None:
    lockbox(office, 8800)
    bank(office, TUE, 0, ("115", 8700, "LOCKBOX 0012345"))
    bank(office, WED, 8700, ("399", 100, "CORRECTION LOCKBOX 0012345"))
    bank(office, FRI, 8800, ("555", 8800, "RETURNED CHECK 4711"))
    rows = {row["date"]: row for row in office.rows("proof_of_cash", FRI)}
    assert {day: row["state"] for day, row in rows.items()} == {MON: "proved", FRI: "proved"}
    (item,) = office.rows("proof_items", FRI)
    assert (item["date"], item["type"], cents(item["amount"])) == (FRI, "taken_back", -8800)


def test_status_has_a_line_of_it(office: Office) -> None:
    lockbox(office)
    with office.run(MON).store.read() as connection:
        assert status(connection, MON).proof_of_cash == "difference 0.00, in transit 88.00"
    office.process(FRI)
    with office.run(FRI).store.read() as connection:
        said = status(connection, FRI).proof_of_cash
    assert said == "difference 0.00, missing 88.00, oldest 4 days after it was expected"
