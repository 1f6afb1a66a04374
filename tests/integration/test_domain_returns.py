"""Worked examples of returned items and the office's own debits (domain section 3 B)."""

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
from queueoffice import Desk
from test_monthend import statements

from tests.unit.achfiles import Batch, Entry, build, changed, returned

MON, TUE, THU, FRI = (dt.date(2026, 3, day) for day in (16, 17, 19, 20))
ACCOUNT = "1000456012"
OWN = '\n[ach]\ncompany_ids = ["1866000111"]\n'
ITEMS = [
    receivable(ACCOUNT, "PW", "PENALTY", "2026-02-10", 200, service="WATER"),
    receivable(ACCOUNT, "1W", "WATER", "2026-02-10", 3150),
    receivable(ACCOUNT, "1S", "SEWER", "2026-02-10", 2240),
    receivable(ACCOUNT, "2W", "WATER", "2026-03-28", 4275),
    receivable(ACCOUNT, "2S", "SEWER", "2026-03-28", 3120),
    receivable("1000000002", "X1", "WATER", "2026-03-28", 8800),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url, OWN)
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    made.prove()
    statements(made, "2026-03")  # every one ties
    made.close()


def paid_by_check(office: Office, amount: int = 10000) -> dict[str, int]:
    before = office.open_cents()
    content = lockbox_file([check(amount, (ACCOUNT, None), number="4711")], MON)
    office.take("lockbox", "day.bai", content, MON)
    office.take("bank", "mon.bai2", statement(0, [("115", amount, "LOCKBOX 0012345")], MON), TUE)
    return before


def test_e20_a_check_that_the_bank_returns(office: Office) -> None:
    before = paid_by_check(office)
    journal = office.journal()
    applied = len(office.rows("applications"))
    lines = [("555", 10000, "DEPOSITED ITEM RETURNED NSF CHECK 4711")]
    office.take("bank", "thu.bai2", statement(10000, lines, THU), FRI)
    assert office.open_cents() == before
    (receipt,) = office.rows("receipts")
    assert receipt["state"] == "returned"
    rows = office.rows("applications")
    assert len(rows) == 2 * applied
    assert all(row["reverses_id"] for row in rows if row["amount"] < 0)
    after = office.journal()
    assert ("100", "1010") not in after  # credited, and taken back
    assert ("100", "1080") not in after
    assert journal["510", "1200"] != after["510", "1200"]
    (back,) = office.rows("returns")
    (debit,) = [row for row in office.rows("bank_lines") if row["amount"] < 0]
    assert (back["state"], back["bank_line_id"]) == ("debited", debit["bank_line_id"])
    assert debit["state"] == "cleared"
    assert office.asked() == []


def test_a_return_that_names_no_known_check_is_asked_after_some_days(office: Office) -> None:
    paid_by_check(office)
    lines = [("555", 10000, "RETURNED CHECK 9999")]
    office.take("bank", "thu.bai2", statement(10000, lines, THU), FRI)
    assert office.asked() == []
    office.process(dt.date(2026, 3, 24))
    assert office.asked() == [("BANK_DEBIT_UNKNOWN", 10000)]
    (receipt,) = office.rows("receipts")
    assert receipt["state"] == "applied"


def test_equal_checks_that_come_back_on_one_day_are_told_apart(office: Office) -> None:
    checks = [check(5000, (ACCOUNT, None), number=number) for number in ("4711", "4712")]
    office.take("lockbox", "day.bai", lockbox_file(checks, MON), MON)
    lines = [("115", 10000, "LOCKBOX 0012345"), ("555", 5000, "RETURNED CHECK 4711"),
             ("555", 5000, "RETURNED CHECK 4712")]  # fmt: skip
    office.take("bank", "mon.bai2", statement(0, lines, MON), TUE)
    assert [row["state"] for row in office.rows("returns")] == ["debited", "debited"]
    assert {row["state"] for row in office.rows("bank_lines")} == {"cleared"}
    assert office.asked() == []
    assert ("100", "1080") not in office.journal()


def test_a_lockbox_adjustment_takes_its_check_back_without_a_fee(office: Office) -> None:
    before = paid_by_check(office)
    lines = [("415", 10000, "LOCKBOX ADJUSTMENT CHECK 4711")]
    office.take("bank", "thu.bai2", statement(10000, lines, THU), FRI)
    assert office.open_cents() == before
    (row,) = office.rows("returns")
    assert (row["kind"], row["state"]) == ("LOCKBOX_ADJUSTMENT", "debited")
    assert office.rows("charges") == []
    assert office.asked() == []


def autopay(office: Office, today: dt.date = MON) -> None:
    entries = [
        Entry("27", 8800, "1000000002", "PAT PAYER", trace=1),
        Entry("27", 100, "nobody", "NO BODY", trace=2),
    ]
    batch = Batch(entries, service="225", company_id="1866000111", effective="260317")
    data = build([batch], date="260316")
    outcome = office.take("ach", "autopay.ach", data, today)
    assert outcome.state == "accepted", outcome.message


def test_own_debits_are_payments_on_their_effective_date(office: Office) -> None:
    autopay(office)
    assert {row["state"] for row in office.rows("receipts")} == {"held"}  # its day comes tomorrow
    office.process(TUE)
    paid, unknown = office.rows("receipts")
    assert (paid["channel"], paid["state"], paid["reference"]) == (
        "ACH_DEBIT", "applied", "1000000002",
    )  # fmt: skip
    assert (paid["received_date"], unknown["state"]) == (TUE, "unidentified")
    assert office.applied() == {"X1": 8800}
    (deposit,) = office.rows("deposits")
    assert (deposit["channel"], cents(deposit["amount"])) == ("ach", 8900)
    lines = [("142", 8900, "ACH SETTLEMENT 1866000111")]
    office.take("bank", "tue.bai2", statement(0, lines, TUE), THU)
    assert office.rows("deposits")[0]["state"] == "reconciled"
    assert "NOT_YET_HANDLED" not in office.questions()


def test_e22_a_returned_debit_is_found_by_its_trace(office: Office) -> None:
    autopay(office)
    office.process(TUE)
    (paid, _) = office.rows("receipts")
    entry = Entry(
        "26", 8800, "1000000002", "PAT PAYER", addenda=returned("R01", paid["trace_number"])
    )
    data = build([Batch([entry], company_id="1866000111", effective="260319")], date="260319")
    office.take("ach", "back.ach", data, THU)
    assert office.rows("receipts")[0]["state"] == "returned"
    assert office.open_cents()["X1"] == 8800
    (row,) = office.rows("returns")
    assert (row["code"], row["state"], cents(row["amount"])) == ("R01", "reversed", 8800)
    lines = [("142", 8900, "ACH SETTLEMENT"), ("557", 8800, "ACH RETURN")]
    office.take("bank", "thu.bai2", statement(0, lines, THU), FRI)
    assert office.rows("returns")[0]["state"] == "debited"
    assert ("100", "1081") not in office.journal()


def test_a_return_before_its_payment_waits_for_the_day_to_end(office: Office) -> None:
    entry = Entry("26", 8800, addenda=returned("R01", "122099980000001"))
    data = build([Batch([entry], company_id="1866000111", effective="260317")], date="260317")
    office.take("ach", "back.ach", data, TUE)
    assert office.asked() == []
    autopay(office, TUE)
    assert office.rows("receipts")[0]["state"] == "returned"
    assert [code for code, _ in office.asked()] == ["ACCOUNT_NOT_FOUND"]


def test_a_return_without_original_is_asked_the_next_day(office: Office) -> None:
    entry = Entry("26", 8800, addenda=returned("R01", "122099980000001"))
    data = build([Batch([entry], company_id="1866000111", effective="260317")], date="260317")
    office.take("ach", "back.ach", data, TUE)
    office.process(THU)
    assert office.asked() == [("RETURN_NOT_FOUND", 8800)]


def test_a_clerk_ties_a_payment_to_the_item_that_the_bank_returned(
    office: Office, tmp_path: Path
) -> None:
    """Answer `return_item`: where a returned item of the amount waits, it is that one."""
    desk = Desk(office, tmp_path / "clerk")
    checks = [check(8800, ("NOBODY", None)), check(100, ("NOONE", None))]
    office.take("lockbox", "day.bai", lockbox_file(checks, MON), MON)
    entry = Entry("26", 8800, addenda=returned("R01", "122099980000001"))
    data = build([Batch([entry], company_id="1866000111", effective="260317")], date="260317")
    office.take("ach", "back.ach", data, TUE)
    office.process(THU)
    assert ("RETURN_NOT_FOUND", 8800) in office.asked()
    rows = {row["amount"]: row for row in desk.rows(THU)
            if row["reason"] == "ACCOUNT_NOT_FOUND"}  # fmt: skip
    status, message = desk.answer(rows["88.00 USD"], "return_item")
    assert (status, "back.ach" in message) == ("APPLIED", True)
    assert desk.answer(rows["1.00 USD"], "return_item")[0] == "APPLIED"
    assert {row["state"] for row in office.rows("receipts")} == {"returned"}
    assert office.questions() == ["DEPOSIT_NOT_CREDITED"]
    back = {(row["kind"], cents(row["amount"])) for row in office.rows("returns")}
    assert back == {("RETURN", 8800), ("SAID", 100)}  # the second: the bank's debit will meet it


def test_a_second_return_of_the_same_payment_is_asked_about(office: Office) -> None:
    autopay(office, TUE)
    for number, reason in enumerate(("R01", "R09"), 1):
        entry = Entry("26", 8800, trace=number, addenda=returned(reason, "122099980000001"))
        batch = Batch([entry], company_id="1866000111", effective="260319", number=number)
        office.take("ach", f"back{number}.ach", build([batch], date=f"2603{18 + number}"), FRI)
    office.process(dt.date(2026, 3, 23))
    assert ("RETURN_REPEATED", 8800) in office.asked()
    assert len(office.rows("returns")) == 1


def test_a_notice_of_change_is_a_proposal(office: Office) -> None:
    entry = Entry("21", 0, addenda=changed("C01", "122099980000001", "1918171614"))
    data = build([Batch([entry], sec="COR", company_id="1866000111")], date="260317")
    office.take("ach", "noc.ach", data, TUE)
    assert office.questions() == ["NOTICE_OF_CHANGE"]


def test_e37_a_chargeback_takes_its_sale_back(office: Office) -> None:
    head = (
        "merchant_id", "batch_number", "settlement_date", "brand", "transaction_id",
        "sale_date", "account_number", "gross_amount", "fee_amount", "net_amount", "type",
    )  # fmt: skip

    def row(batch: str, day: str, number: str, gross: int, kind: str) -> dict[str, str]:
        values = ("WEB", batch, day, "VISA", number, day, "1000000002", money(gross), "0.00",
                  money(gross), kind)  # fmt: skip
        return dict(zip(head, values, strict=True))

    sale = [row("CB1600", "2026-03-16", "T1", 8800, "SALE")]
    office.take("card", "sale.csv", csv_text(sale, head), MON)
    other = [row("CB1900", "2026-03-19", "T2", -8800, "CHARGEBACK"),
             row("CB1900", "2026-03-19", "T3", 9900, "SALE")]  # fmt: skip
    office.take("card", "back.csv", csv_text(other, head), THU)
    states = [row_["state"] for row_ in office.rows("receipts")]
    assert states[0] == "returned"
    assert [cents(d["amount"]) for d in office.rows("deposits")] == [8800, 1100]
    (back,) = office.rows("returns")
    assert (back["kind"], back["state"]) == ("CHARGEBACK", "netted")
    lines = [("165", 8800, "MERCHANT CB1600"), ("165", 1100, "MERCHANT CB1900")]
    office.take("bank", "thu.bai2", statement(0, lines, THU), FRI)
    assert ("100", "1082") not in office.journal()
