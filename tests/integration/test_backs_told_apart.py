"""Returned items that are not what they look like: nothing is taken back on a likeness."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

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

from tests.unit.achfiles import Batch, Entry, build, returned

MON, TUE, WED, THU, FRI = (dt.date(2026, 3, day) for day in (16, 17, 18, 19, 20))
X, Y = "1000456012", "1000456020"
MORE = """
[ach]
company_ids = ["1866000111"]

[[return_fee]]
codes = ["555"]
amount = "25.00"
"""
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-28", 8800),
    receivable(Y, "YG1", "SANITATION", "2026-03-28", 8800),
]
CARD = (
    "merchant_id", "batch_number", "settlement_date", "brand", "transaction_id", "sale_date",
    "account_number", "gross_amount", "fee_amount", "net_amount", "type",
)  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", None, MORE)
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    made.prove()
    made.close()


def states(office: Office) -> list[str]:
    return [str(row["state"]) for row in office.rows("receipts")]


def autopay(office: Office, day: dt.date) -> str:
    """The office's own debit of 88.00, always under the same trace; that trace."""
    ymd = day.strftime("%y%m%d")
    entries = [Entry("27", 8800, X, trace=1), Entry("27", day.day, Y, trace=2)]
    batch = Batch(entries, company_id="1866000111", effective=ymd)
    outcome = office.take("ach", f"{day}.ach", build([batch], date=ymd), day)
    assert outcome.state == "accepted", outcome.message
    return str(office.rows("receipts")[0]["trace_number"])


def back(trace: str, amount: int = 8800, number: int = 1, **more: dict[str, int]) -> Batch:
    entry = Entry("26", amount, X, addenda=returned("R01", trace))
    return Batch([entry], company_id="1866000111", effective="260318", number=number, **more)


def test_a_return_is_found_by_trace_and_amount_together(office: Office) -> None:
    trace = autopay(office, MON)
    batches = [back(trace, 8700), back("122099980000777", number=2)]  # and of another trace
    office.take("ach", "back.ach", build(batches, date="260318"), WED)
    office.process(THU)
    assert "returned" not in states(office)
    asked = [one for one in office.asked() if one[0].startswith("RETURN")]
    assert asked == [("RETURN_NOT_FOUND", 8700), ("RETURN_NOT_FOUND", 8800)]


def test_a_return_of_a_trace_that_two_debits_have_is_asked_about(office: Office) -> None:
    trace = autopay(office, MON)
    autopay(office, TUE)
    office.take("ach", "back.ach", build([back(trace)], date="260318"), WED)
    office.process(THU)
    assert ("RETURN_NOT_FOUND", 8800) in office.asked()
    assert "returned" not in states(office)


def test_a_return_of_a_held_batch_waits_with_it(office: Office) -> None:
    trace = autopay(office, MON)
    batches = [back("122099980000777", 100), back(trace, number=2, off={"debit": 1})]
    outcome = office.take("ach", "back.ach", build(batches, date="260318"), WED)
    assert outcome.state == "partly_held"
    office.process(THU)
    assert (states(office), office.rows("returns")) == (["applied"] * 2, [])
    assert ("RETURN_NOT_FOUND", 100) in office.asked()


def test_a_chargeback_takes_the_one_sale_of_its_account_and_amount(office: Office) -> None:
    def rows(batch: str, *lines: tuple[str, str, int, str]) -> str:
        made = [
            dict(zip(CARD, ("WEB", batch, "2026-03-16", "VISA", number, "2026-03-16", account,
                            money(gross), "0.00", money(gross), kind), strict=True))
            for number, account, gross, kind in lines
        ]  # fmt: skip
        return csv_text(made, CARD)

    sales = [("T1", X, 5000, "SALE"), ("T2", X, 5000, "SALE"), ("T3", X, 6000, "SALE")]
    office.take("card", "sales.csv", rows("CB1", *sales), MON)
    gone = [("T4", X, -5000, "CHARGEBACK"), ("T5", X, -7000, "CHARGEBACK"),
            ("T6", Y, -6000, "CHARGEBACK"), ("T7", Y, 99900, "SALE")]  # fmt: skip
    office.take("card", "back.csv", rows("CB2", *gone), TUE)
    assert "returned" not in states(office)
    asked = [one for one in office.asked() if one[0].startswith("RETURN")]
    # two could be it; none is of the amount; none is of the account
    assert asked == [("RETURN_NOT_FOUND", amount) for amount in (5000, 7000, 6000)]


def bank(office: Office, code: str, amount: int, text: str = "CHECK 4711") -> None:
    office.take("bank", "thu.bai2", statement(0, [(code, amount, text)], THU), FRI)


def test_two_checks_of_one_number_and_amount_are_not_told_apart_by_it(office: Office) -> None:
    checks = [check(8800, (to, None), number="4711", bank=to) for to in (X, Y)]
    office.take("lockbox", "day.bai", lockbox_file(checks, MON), MON)
    bank(office, "555", 8800)
    assert states(office) == ["applied", "applied"]


def counter(office: Office, *rows: tuple[str, str, int, str, str]) -> None:
    """Rows of a drawer: receipt number, tender, cents, check number, and what it voids."""
    made = [
        {"receipt_number": number, "drawer": "D1", "cashier": "amy", "business_date": str(MON),
         "time": "09:00", "account_number": X, "item_number": "", "tender": tender,
         "amount": money(amount), "check_number": paper, "void_of": void,
         "approved_by": "lee" if void else ""}
        for number, tender, amount, paper, void in rows
    ]  # fmt: skip
    office.take("cashier", "mon.csv", csv_text(made), MON)


def test_a_lockbox_adjustment_takes_back_no_check_of_the_counter(office: Office) -> None:
    counter(office, ("1", "CHECK", 8800, "4711", ""))
    bank(office, "415", 8800)
    assert states(office) == ["applied"]


def test_a_voided_check_does_not_come_back(office: Office) -> None:
    counter(office, ("1", "CHECK", 8800, "4711", ""), ("2", "CHECK", -8800, "4711", "1"))
    bank(office, "555", 8800)
    office.process(dt.date(2026, 3, 26))
    assert (states(office), office.rows("returns")) == (["voided"], [])
    assert ("RETURN_REPEATED", 8800) in office.asked()


def test_change_stays_where_cash_was_given_beside_the_check(office: Office) -> None:
    counter(office, ("1", "CHECK", 4000, "4711", ""), ("1", "CASH", 6000, "", ""),
            ("1", "CASH", -1200, "", ""))  # fmt: skip
    assert "XW1" not in office.open_cents()
    bank(office, "555", 4000)
    assert office.open_cents()["XW1"] == 4000
    assert [cents(row["amount"]) for row in office.rows("charges")] == [2500]
