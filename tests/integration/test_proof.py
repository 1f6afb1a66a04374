"""Proof of cash: every day from the records of files to the lines of the bank, each difference
named (domain E28, E34, E36, E40, E61)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import Office, cents, check, csv_text, lockbox_file, money, receivable, receivables_csv
from office import statement as bank_statement

from recond.exports.daily_proof import Proof
from recond.exports.datasets import dataset
from recond.status import status

MON, TUE, WED, FRI = (dt.date(2026, 3, day) for day in (16, 17, 18, 20))
X = "1000456012"
ITEMS = [receivable(X, "1W", "WATER", "2026-03-28", 8800)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    made.prove()
    made.close()


def proof(office: Office, today: dt.date, channel: str) -> dict[str, Any]:
    """The amounts of a channel's rows that are not zero, its state, age and accounts."""
    (row,) = [row for row in office.rows("proof_of_cash", today) if row["channel"] == channel]
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
        (row,) = dataset(connection, "proof_of_cash", today=WED, as_of=MON).to_pylist()
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
    first, second = [r for r in office.rows("proof_of_cash", WED) if r["channel"] == "LOCKBOX"]
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


def test_status_has_a_line_of_it(office: Office) -> None:
    lockbox(office)
    with office.run(MON).store.read() as connection:
        assert status(connection, MON).proof_of_cash == "difference 0.00, in transit 88.00"
    office.process(FRI)
    with office.run(FRI).store.read() as connection:
        said = status(connection, FRI).proof_of_cash
    assert said == "difference 0.00, missing 88.00, oldest 4 days after it was expected"
