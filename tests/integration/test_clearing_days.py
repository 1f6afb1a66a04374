"""A week at all channels: every evening the clearing accounts are the list of what is not
reconciled, the proof of cash has no difference, and a past evening shows the same later on."""

from __future__ import annotations

import datetime as dt
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
    statement,
)
from queueoffice import BOTH, database

from recond.exports.datasets import dataset
from tests.unit.achfiles import Batch, Entry, build

X, Y = "1000456012", "1000456020"
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-28", 9_000_000),
    receivable(Y, "YG1", "SANITATION", "2026-03-28", 9_000_000),
]
MON, TUE, WED, THU, FRI = (dt.date(2026, 3, day) for day in (16, 17, 18, 19, 20))
CARD = ("merchant_id", "batch_number", "settlement_date", "brand", "transaction_id", "sale_date",
        "account_number", "gross_amount", "fee_amount", "net_amount", "type")  # fmt: skip
GL = {"lockbox": "1080", "ach": "1081", "card": "1082", "cashier": "1083"}
STATES = {"proved", "in_transit", "bank_error", "missing"}


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request))
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    made.prove()
    made.close()


def day_of(office: Office, day: dt.date, lines: list[tuple[str, int, str]], opening: int) -> int:
    """One day's files at every channel, amounts told apart by the day, and its statement."""
    base = 1000 * day.day
    drop = office.drop
    drop(
        "lockbox",
        f"{day}.bai",
        lockbox_file([check(base + 1, (X, None), number=f"{day.day}01")], day),
    )
    ymd = day.strftime("%y%m%d")
    drop("ach", f"{day}.ach", build([Batch([Entry("22", base + 2, Y)], effective=ymd)], date=ymd))
    values = ("WEB", f"CB{day.day}", day, "VISA", f"T{day.day}", day, X, money(base + 3), "0.10",
              money(base - 7), "SALE")  # fmt: skip
    drop("card", f"{day}.csv", csv_text([dict(zip(CARD, map(str, values), strict=True))], CARD))
    receipt = {
        "receipt_number": f"{day.day:06d}", "drawer": "D1", "cashier": "amy",
        "business_date": str(day), "time": "09:00", "account_number": Y, "item_number": "",
        "tender": "CASH", "amount": money(base + 4),
    }  # fmt: skip
    drop("cashier", f"{day}-a.csv", csv_text([receipt]))
    if day != THU:  # Thursday's drawer is never closed
        close = {
            "drawer": "D1", "cashier": "amy", "business_date": str(day), "opening_float": "0.00",
            "counted_cash": money(base + 4 - (5 if day == TUE else 0)), "counted_checks": "0.00",
            "deposit_bag": f"BAG{day:%m%d}",
        }  # fmt: skip
        drop("cashier", f"{day}-b.csv", csv_text([close]))
    if lines:
        drop("bank", f"{day}.bai2", statement(opening, lines, day))
    assert {done.state for done in office.process(day)} == {"accepted"}
    return opening + sum(c if code < "400" else -c for code, c, _ in lines)


def not_reconciled(office: Office, day: dt.date) -> dict[str, int]:
    """What deposits still expect, and counter money that no drawer's close has deposited."""
    left = dict.fromkeys(GL, 0)
    for row in office.rows("deposits", day):
        if row["state"] != "reconciled":
            left[row["channel"]] += cents(row["amount"]) - cents(row["credited_amount"])
    closed = {row["business_date"] for row in office.rows("drawers", day)}
    left["cashier"] += sum(
        cents(row["amount"])
        for row in office.rows("receipts", day)
        if row["channel"] == "CASHIER" and row["received_date"] not in closed
    )
    return left


def evening(office: Office, day: dt.date) -> dict[str, Any]:
    """What holds every evening; the datasets as they stand."""
    journal = office.journal()
    balances = {channel: journal.get(("100", account), 0) for channel, account in GL.items()}
    assert balances == not_reconciled(office, day)
    proofs = office.rows("proof_of_cash", day)
    assert all(cents(row["difference"]) == 0 and row["state"] in STATES for row in proofs)
    opened = sum(
        cents(row["in_transit"]) + cents(row["missing"]) + cents(row["bank_error"])
        + cents(row["not_deposited"])
        for row in proofs
    )  # fmt: skip
    assert opened == sum(balances.values())
    in_bank = sum(cents(row["bank"]) for row in proofs)
    assert in_bank == sum(cents(row["amount"]) for row in office.rows("bank_lines", day))
    assert journal.get(("100", "1010"), 0) == in_bank
    return {name: office.rows(name, day) for name in ("deposits", "clearings", "bank_lines")}


@BOTH
def test_every_evening_of_a_week(office: Office) -> None:
    seen = {}
    at_bank = day_of(office, MON, [], 0)
    seen[MON] = evening(office, MON)
    lines = [("115", 16001, "LOCKBOX 0012345"), ("142", 16002, "ACH SETTLEMENT"),
             ("174", 16004, "DEPOSIT BAG0316")]  # fmt: skip
    at_bank = day_of(office, TUE, lines, at_bank)
    seen[TUE] = evening(office, TUE)
    # Tuesday's lockbox is credited 1.00 short, two card batches come in one line, a wire comes
    lines = [("115", 16901, "LOCKBOX 0012345"), ("165", 15993 + 16993, "MERCHANT SETTLEMENT"),
             ("195", 777, "WIRE FROM NOBODY"), ("661", 250, "FEE")]  # fmt: skip
    at_bank = day_of(office, WED, lines, at_bank)
    seen[WED] = evening(office, WED)
    # what was short is corrected, Monday's check comes back
    lines = [("399", 100, "CORRECTION LOCKBOX"), ("555", 16001, "RETURNED CHECK 1601")]
    at_bank = day_of(office, THU, lines, at_bank)
    seen[THU] = evening(office, THU)
    at_bank = day_of(office, FRI, [("142", 17002, "ACH SETTLEMENT")], at_bank)
    seen[FRI] = evening(office, FRI)
    office.process(FRI + dt.timedelta(days=7))
    assert "DEPOSIT_NOT_CREDITED" in office.questions()
    for day, before in seen.items():
        with office.run(FRI).store.read() as connection:
            for name, rows in before.items():
                assert dataset(connection, name, today=FRI, as_of=day).to_pylist() == rows
