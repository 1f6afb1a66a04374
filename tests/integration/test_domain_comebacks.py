"""Worked examples of what comes back a second way: after a transfer, a refund, for several
accounts, twice, with change, late, and money that comes again (domain E21-E26, E32, E37)."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import (
    NOW,
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
from queueoffice import Desk, asker
from sqlalchemy import select
from test_monthend import statements

from recond import periods
from recond.exports.explain import explain
from recond.exports.statements import STATEMENTS
from recond.model import CREDIT, REFUNDED
from recond.pipeline import moves
from recond.pipeline.handover import export_refunds
from recond.pipeline.monthend import month_of
from recond.pipeline.moves import Move, Stand
from recond.store import schema
from tests.unit.achfiles import Batch, Entry, build, returned

MON, TUE, WED, THU, FRI = (dt.date(2026, 3, day) for day in (16, 17, 18, 19, 20))
NEXT = dt.date(2026, 3, 25)
X, Y = "1000456012", "1000456020"
MORE = """
[ach]
company_ids = ["1866000111"]

[[return_fee]]
codes = ["R01", "555"]
amount = "25.00"

[[cash_only]]
returns = 3
within_days = 365
for_days = 365
"""
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-28", 8800),
    receivable(Y, "YG1", "SANITATION", "2026-03-28", 8800),
    receivable("1000000003", "A1", "WATER", "2026-03-28", 10000),
    receivable("1000000004", "B1", "SEWER", "2026-03-28", 9400),
    receivable("1000000005", "C1", "STORM", "2026-03-28", 7000),
    receivable("1000000006", "D1", "WATER", "2026-03-28", 18870),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url, MORE)
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    made.prove()
    statements(made, "2026-03")  # every one ties
    made.close()


ask = asker(FRI)


def paid(office: Office, amount: int, *stubs: tuple[str, int | None]) -> None:
    """A check 4711 by lockbox, credited by the bank the same day."""
    office.take(
        "lockbox", "day.bai", lockbox_file([check(amount, *stubs, number="4711")], MON), MON
    )
    lines = [("115", amount, "LOCKBOX 0012345")]
    office.take("bank", "mon.bai2", statement(0, lines, MON), TUE)


def bounced(office: Office, amount: int, opening: int, day: dt.date, today: dt.date) -> None:
    lines = [("555", amount, "DEPOSITED ITEM RETURNED NSF CHECK 4711")]
    office.take("bank", f"{day}-back.bai2", statement(opening, lines, day), today)


def redeposited(office: Office, amount: int, day: dt.date, today: dt.date) -> None:
    lines = [("301", amount, "REDEPOSITED ITEM CHECK 4711")]
    office.take("bank", f"{day}-again.bai2", statement(0, lines, day), today)


def charged(office: Office) -> list[tuple[str, str, int]]:
    return [(r["account_number"], r["kind"], cents(r["amount"])) for r in office.rows("charges")]


def test_e21_a_check_of_several_accounts_comes_back_whole_with_one_fee(office: Office) -> None:
    before = office.open_cents()
    stubs = (("1000000003", 10000), ("1000000004", 9400), ("1000000005", 7000))
    paid(office, 26400, *stubs)
    assert office.applied() == {"A1": 10000, "B1": 9400, "C1": 7000}
    bounced(office, 26400, 26400, THU, FRI)
    assert office.open_cents() == before
    assert office.rows("receipts")[0]["state"] == "returned"
    assert charged(office) == [("1000000003", "RETURN_FEE", 2500)]
    (row,) = office.rows("returns")
    assert (row["state"], cents(row["reversed_amount"])) == ("debited", 26400)
    assert office.asked() == []


def test_e25_a_return_after_a_transfer_hits_where_the_money_stands(office: Office) -> None:
    paid(office, 8800, (X, None))
    receipt = str(office.rows("receipts")[0]["receipt_id"])
    ask(office, "jane", "transfer", receipt, Y, "customer showed the bill")
    (question,) = [r for r in office.rows("exceptions") if r["code"] == "TRANSFER_REQUESTED"]
    ask(office, "ken", "approve", str(question["exception_id"]), "")
    assert office.applied() == {"YG1": 8800}
    bounced(office, 8800, 8800, NEXT, dt.date(2026, 3, 26))
    assert office.applied() == {}
    assert office.open_cents()["XW1"] == office.open_cents()["YG1"] == 8800
    # Y lost the money in the return, X in the transfer: its item moved once
    moved = [r for r in office.rows("applications") if r["item_number"] == "XW1"]
    assert [cents(r["amount"]) for r in moved] == [8800, -8800]
    assert charged(office) == [(Y, "RETURN_FEE", 2500)]


def test_e26_a_return_after_a_refund_leaves_a_charge_for_the_payer(office: Office) -> None:
    paid(office, 19000, ("1000000006", None))
    assert office.applied() == {"D1": 18870}
    refund_credit(office)
    assert [cents(r["on_account_amount"]) for r in office.rows("receipts")] == [0]
    assert handed_on(office) == [("REFUND", 130)]
    bounced(office, 19000, 19000, THU, FRI)
    (receipt,) = office.rows("receipts")
    assert (receipt["state"], cents(receipt["applied_amount"])) == ("returned", 0)
    assert office.open_cents()["D1"] == 18870
    assert charged(office) == [
        ("1000000006", "REFUND_RECOVERY", 130),
        ("1000000006", "RETURN_FEE", 2500),
    ]
    assert office.asked() == [("RETURN_AFTER_REFUND", 130)]
    assert handed_on(office) == []  # whether it can still be stopped is a person's to find out
    assert office.rows("returns")[0]["state"] == "debited"
    assert ("100", "1080") not in office.journal()  # the whole check left, as the bank says


def handed_on(office: Office) -> list[tuple[str, int]]:
    """Type and cents of the lines of the file for accounts payable that is written now."""
    written = export_refunds(office.run(FRI))
    if written is None:
        return []
    lines = written.path.read_text().splitlines()[1:-1]
    return [(row["type"], cents(row["amount"])) for row in csv.DictReader(lines)]


def test_a_refund_that_never_left_is_stopped_when_its_payment_comes_back(office: Office) -> None:
    paid(office, 19000, ("1000000006", None))
    refund_credit(office)
    bounced(office, 19000, 19000, THU, FRI)
    assert charged(office) == [("1000000006", "RETURN_FEE", 2500)]
    assert office.asked() == []
    assert handed_on(office) == []
    assert ("100", "2120") not in office.journal()
    receipt = str(office.rows("receipts")[0]["receipt_id"])
    with office.run(FRI).store.read() as connection:
        told = explain(connection, receipt, lambda *_: b"")
    assert "refund of 1.30, in no file yet, is stopped" in str(told["decisions"])
    redeposited(office, 19000, FRI, FRI)  # the payment is good after all, and so is its refund
    assert handed_on(office) == [("REFUND", 130)]


def test_a_refund_that_left_is_no_charge_any_more_when_its_payment_comes_again(
    office: Office,
) -> None:
    paid(office, 19000, ("1000000006", None))
    refund_credit(office)
    handed_on(office)
    bounced(office, 19000, 19000, THU, FRI)
    redeposited(office, 19000, FRI, FRI)
    assert charged(office) == [
        ("1000000006", "REFUND_RECOVERY", 130),
        ("1000000006", "REFUND_RECOVERY_CANCELLED", 130),
        ("1000000006", "RETURN_FEE", 2500),
    ]
    assert handed_on(office) == []
    bounced(office, 19000, 19000, NEXT, dt.date(2026, 3, 26))  # and once more
    kinds = [kind for _, kind, _ in charged(office)]
    assert (kinds.count("REFUND_RECOVERY"), len(kinds)) == (2, 4)
    assert handed_on(office) == []


def test_a_refund_that_was_undone_is_stopped_though_its_payment_came_back(office: Office) -> None:
    paid(office, 19000, ("1000000006", None))
    refund_credit(office)
    handed_on(office)
    refund_credit(office, back=True)
    bounced(office, 19000, 19000, THU, FRI)
    assert charged(office) == [("1000000006", "RETURN_FEE", 2500)]
    assert handed_on(office) == [("STOP", -130)]
    assert handed_on(office) == []


def test_a_refund_that_nobody_approved_yet_is_asked_for_no_more(
    office: Office, tmp_path: Path
) -> None:
    desk = Desk(office, tmp_path / "clerk")
    paid(office, 9000, ("NOBODY", None))
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "refund", note="not ours")[0] == "PENDING_APPROVAL"
    bounced(office, 9000, 9000, THU, FRI)
    assert office.asked() == []
    assert (charged(office), handed_on(office)) == ([], [])


def refund_credit(office: Office, *, back: bool = False) -> None:
    """The 130 on account are refunded, or (`back`) are on account again."""
    here, there = (REFUNDED, CREDIT) if back else (CREDIT, REFUNDED)
    run = office.run(WED)
    with run.write() as connection:
        numbers = connection.scalars(select(schema.receipt.c.receipt_no))
        (owner,) = [
            one for one in moves.standing(connection, numbers).values() if one.in_bucket(here)
        ]
        credit = [stand for stand in owner.stands if stand.bucket == here]
        gone = [Stand(there, 130, credit[0].account_key)]
        move = Move(owner.receipt_no, "refund", "asked for", credit, gone)
        moves.write(connection, run, [move], "refund", "asked for")


def test_e23_a_check_that_is_redeposited_and_returned_again(office: Office) -> None:
    paid(office, 8800, (X, None))
    bounced(office, 8800, 8800, WED, THU)
    assert office.open_cents()["XW1"] == 8800
    redeposited(office, 8800, THU, FRI)
    assert "XW1" not in office.open_cents()
    assert office.rows("receipts")[0]["state"] == "applied"
    bounced(office, 8800, 8800, NEXT, dt.date(2026, 3, 26))
    assert office.open_cents()["XW1"] == 8800
    kinds = [(r["kind"], cents(r["reversed_amount"])) for r in office.rows("returns")]
    assert kinds == [("BANK_RETURN", 8800), ("REDEPOSIT", -8800), ("BANK_RETURN", 8800)]
    assert charged(office) == [(X, "RETURN_FEE", 2500)]  # once a check
    assert office.asked() == []
    journal = office.journal()
    assert ("100", "1010") not in journal
    assert ("100", "1080") not in journal


def test_e23_without_a_redeposit_the_second_return_is_asked_about(office: Office) -> None:
    paid(office, 8800, (X, None))
    bounced(office, 8800, 8800, WED, THU)
    bounced(office, 8800, 0, THU, FRI)
    office.process(dt.date(2026, 3, 27))
    assert office.asked() == [("RETURN_REPEATED", 8800)]
    assert len(office.rows("returns")) == 1


def test_a_redeposit_pays_on_account_what_is_not_open_any_more(office: Office) -> None:
    paid(office, 8800, (X, None))
    bounced(office, 8800, 8800, WED, THU)
    other = lockbox_file([check(8000, (X, None), number="9")], THU, time="1000")
    office.take("lockbox", "thu.bai", other, THU)
    redeposited(office, 8800, THU, FRI)
    first = office.rows("receipts")[0]
    assert (cents(first["applied_amount"]), cents(first["on_account_amount"])) == (800, 8000)


def test_a_redeposit_is_its_checks_though_a_deposit_has_the_amount(office: Office) -> None:
    paid(office, 8800, (X, None))
    bounced(office, 8800, 8800, WED, THU)
    other = lockbox_file([check(8800, ("1000000003", None), number="9")], THU, box="0099999")
    office.take("lockbox", "thu.bai", other, THU)
    redeposited(office, 8800, THU, FRI)
    assert [row["state"] for row in office.rows("receipts")] == ["applied", "applied"]
    assert [row["kind"] for row in office.rows("returns")] == ["BANK_RETURN", "REDEPOSIT"]
    waits = [row["reference"] for row in office.rows("deposits") if row["state"] == "in_transit"]
    assert waits == ["0099999"]


def test_a_bounced_check_and_a_returned_debit_of_one_amount_are_told_apart(office: Office) -> None:
    paid(office, 8800, (X, None))
    autopay(office)
    (trace,) = (row["trace_number"] for row in office.rows("receipts") if row["trace_number"])
    back(office, "ret", "R10", str(trace), WED)
    lines = [("557", 8800, "ACH RETURN"), ("555", 8800, "RETURNED NSF CHECK 4711")]
    office.take("bank", "wed.bai2", statement(8800, lines, WED), THU)
    assert sorted(str(row["state"]) for row in office.rows("receipts")) == ["returned"] * 2
    assert [row["state"] for row in office.rows("returns")] == ["debited", "debited"]
    assert office.asked() == []


def autopay(office: Office, effective: str = "260317", today: dt.date = TUE) -> str:
    entries = [Entry("27", 8800, X, "PAT PAYER", trace=1)]
    batch = Batch(entries, company_id="1866000111", effective=effective)
    office.take("ach", "autopay.ach", build([batch], date="260316"), today)
    return str(office.rows("receipts")[0]["trace_number"])


def back(office: Office, name: str, code: str, trace: str, day: dt.date) -> None:
    entry = Entry("26", 8800, X, "PAT PAYER", addenda=returned(code, trace))
    ymd = day.strftime("%y%m%d")
    batch = Batch([entry], company_id="1866000111", effective=ymd)
    office.take("ach", f"{name}.ach", build([batch], date=ymd), day)


def test_e22_both_dates_of_an_unauthorised_debit_that_comes_late(office: Office) -> None:
    trace = autopay(office)
    lines = [("142", 8800, "ACH SETTLEMENT 1866000111")]
    office.take("bank", "tue.bai2", statement(0, lines, TUE), WED)
    late = dt.date(2026, 4, 14)
    run = office.run(dt.date(2026, 4, 3))
    with run.write() as connection:
        periods.close(connection, "2026-03", periods.Who("ana", NOW, run.today), None)
    back(office, "r10", "R10", trace, late)
    (row,) = office.rows("returns")
    assert (row["received_date"], row["return_date"]) == (TUE, late)
    assert {r["effective_date"] for r in office.rows("applications")} == {TUE, late}
    (taken,) = [r for r in office.rows("applications") if cents(r["amount"]) < 0]
    assert taken["effective_date"] == late
    assert charged(office) == []  # the table names R01 and checks only


def test_a_refused_return_comes_again_and_a_contested_one_goes_again(office: Office) -> None:
    trace = autopay(office)
    told(office, "142", TUE)
    back(office, "r01", "R01", trace, WED)
    told(office, "557", WED)
    assert office.open_cents()["XW1"] == 8800
    back(office, "r68", "R68", trace, THU)
    told(office, "142", THU)
    assert "XW1" not in office.open_cents()
    back(office, "r73", "R73", trace, FRI)
    told(office, "557", FRI)
    assert office.open_cents()["XW1"] == 8800
    kinds = [(r["code"], cents(r["reversed_amount"])) for r in office.rows("returns")]
    assert kinds == [("R01", 8800), ("R68", -8800), ("R73", 8800)]
    journal = office.journal()
    assert ("100", "1010") not in journal
    assert ("100", "1081") not in journal
    assert office.questions() == []


def told(office: Office, code: str, day: dt.date) -> None:
    """The bank credits (142) or debits (557) the entry's amount."""
    opening = 0 if code == "142" else 8800
    content = statement(opening, [(code, 8800, f"ACH {day}")], day)
    office.take("bank", f"{day}.bai2", content, day)


def test_advice_stands_in_the_question_and_in_the_decision(office: Office) -> None:
    trace = autopay(office)
    back(office, "r07", "R07", trace, WED)
    back(office, "r01", "R01", "122099980000099", THU)
    office.process(FRI)
    (question,) = [r for r in office.rows("exceptions") if r["code"] == "RETURN_NOT_FOUND"]
    assert "not enough funds" in question["message"]
    receipt = office.rows("receipts")[0]
    run = office.run(FRI)
    with run.store.read() as connection:
        told = explain(connection, str(receipt["receipt_id"]), lambda *_: b"")
    assert "never try again" in str(told["decisions"])


def test_e24_the_third_return_makes_an_account_cash_only(office: Office) -> None:
    # the first is too long ago to count for the third
    days = (dt.date(2024, 11, 4), dt.date(2025, 6, 2), dt.date(2025, 11, 20), THU)
    for number, day in enumerate(days, 1):
        content = lockbox_file([check(100 * number, (X, None), number=f"700{number}")], day)
        office.take("lockbox", f"{number}.bai", content, day)
        lines = [("115", 100 * number, "LOCKBOX 0012345"),
                 ("555", 100 * number, f"RETURNED CHECK 700{number}")]  # fmt: skip
        office.take("bank", f"{number}.bai2", statement(0, lines, day), day)
    assert len(charged(office)) == 4
    with office.run(THU).store.read() as connection:
        until = list(connection.scalars(select(schema.cash_only.c.until_date)))
    assert until == ["2027-03-19"]
    april = dt.date(2026, 4, 2)
    content = lockbox_file([check(8800, (X, None), number="8000")], april)
    office.take("lockbox", "april.bai", content, april)
    assert office.applied() == {"XW1": 8800}
    (flag,) = [r for r in office.rows("exceptions") if r["code"] == "CASH_ONLY_ACCOUNT"]
    assert "2027-03-19" in flag["message"]


COUNTER = (
    "receipt_number", "drawer", "cashier", "business_date", "time", "account_number",
    "item_number", "tender", "amount", "check_number",
)  # fmt: skip


def test_e32_change_goes_back_with_its_check(office: Office) -> None:
    rows = [
        {"receipt_number": "000001", "drawer": "D1", "cashier": "amy",
         "business_date": "2026-03-16", "time": "09:00", "account_number": X, "tender": tender,
         "amount": money(amount), "check_number": number}
        for tender, amount, number in (("CHECK", 10000, "4711"), ("CASH", -1200, ""))
    ]  # fmt: skip
    office.take("cashier", "mon.csv", csv_text(rows, COUNTER), MON)
    assert "XW1" not in office.open_cents()
    bounced(office, 10000, 0, THU, FRI)
    assert office.open_cents()["XW1"] == 8800
    assert office.applied() == {}
    assert charged(office) == [(X, "REFUND_RECOVERY", 1200), (X, "RETURN_FEE", 2500)]


def test_e37_a_chargeback_that_was_won_pays_its_items_again(office: Office) -> None:
    head = (
        "merchant_id", "batch_number", "settlement_date", "brand", "transaction_id",
        "sale_date", "account_number", "gross_amount", "fee_amount", "net_amount", "type",
    )  # fmt: skip

    def take(batch: str, day: dt.date, number: str, gross: int, kind: str) -> None:
        values = ("WEB", batch, day, "VISA", number, day, X, money(gross), "0.00", money(gross),
                  kind)  # fmt: skip
        content = csv_text([dict(zip(head, map(str, values), strict=True))], head)
        office.take("card", f"{batch}.csv", content, day)

    take("CB16", MON, "T1", 8800, "SALE")
    take("CB18", WED, "T2", -8800, "CHARGEBACK")
    assert office.open_cents()["XW1"] == 8800
    take("CB19", THU, "T3", 8800, "CHARGEBACK_REVERSAL")
    assert "XW1" not in office.open_cents()
    assert [r["kind"] for r in office.rows("returns")] == ["CHARGEBACK", "CHARGEBACK_REVERSAL"]
    assert charged(office) == []
    assert "NOT_YET_HANDLED" not in office.questions()


def test_return_rates_against_the_thresholds(office: Office) -> None:
    trace = autopay(office)
    back(office, "r10", "R10", trace, WED)
    rows = office.rows("return_rates", FRI)
    assert [(r["measure"], r["returned"], r["debits"], r["state"]) for r in rows] == [
        ("unauthorised", 1, 1, "above"),
        ("administrative", 0, 1, "below"),
        ("overall", 1, 1, "above"),
    ]
    assert [str(r["threshold_percent"]) for r in rows] == ["0.50", "3.00", "15.00"]
    assert str(rows[0]["rate_percent"]) == "100.00"
    run = office.run(FRI)
    for month, counted in (("2026-03", {"month": 1, "60 days": 1}), ("2026-04", {"60 days": 1})):
        with run.store.read() as connection:
            made = STATEMENTS["return_rates"](month_of(connection, run, month, []))
        assert [tie.difference_cents for tie in made.ties] == [0, 0]
        told = made.table.to_pylist()
        codes = {row["window"]: row["returned"] for row in told if row["code"] == "R10"}
        assert codes == counted
        above = {row["window"] for row in told if row["state"] == "above"}
        assert above == set(counted)


# --- voids of what is gone ------------------------------------------------------------------------


def counter(office: Office, name: str, *rows: tuple[str, int, str]) -> None:
    """Checks at the counter on Monday, and approved voids of them: number, cents, the original."""
    drawer = {"drawer": "D1", "cashier": "ANA", "business_date": MON.isoformat(), "time": "09:00",
              "account_number": "1000000006", "item_number": "", "tender": "CHECK",
              "check_number": "4711", "approved_by": "BOB"}  # fmt: skip
    listed = [
        drawer | {"receipt_number": number, "amount": money(amount), "void_of": original}
        for number, amount, original in rows
    ]
    office.take("cashier", name, csv_text(listed), MON)


@pytest.mark.parametrize("files", [1, 2])
def test_a_receipt_is_voided_once(office: Office, files: int) -> None:
    voids = ("2", -18870, "1"), ("3", -18870, "1")
    counter(office, "a.csv", ("1", 18870, ""), *voids[: 3 - files])
    if files == 2:
        counter(office, "b.csv", voids[1])
    assert [r["state"] for r in office.rows("receipts")] == ["voided"]
    assert (office.applied(), office.asked()) == ({}, [("VOID_NOT_POSSIBLE", 18870)])
    (asked,) = office.rows("exceptions")
    assert "void 3: receipt 1 was voided before; nothing was voided" in asked["message"]


def test_a_receipt_that_came_back_is_not_voided_beside(office: Office) -> None:
    counter(office, "a.csv", ("1", 18870, ""))
    bounced(office, 18870, 0, TUE, WED)
    assert [r["state"] for r in office.rows("receipts")] == ["returned"]
    counter(office, "b.csv", ("2", -18870, "1"))
    assert [r["state"] for r in office.rows("receipts")] == ["returned"]
    assert ("VOID_NOT_POSSIBLE", 18870) in office.asked()


def test_a_receipt_whose_refund_left_is_not_voided_beside(office: Office, tmp_path: Path) -> None:
    counter(office, "a.csv", ("1", 19000, ""))
    refund_credit(office)
    assert handed_on(office) == [("REFUND", 130)]
    counter(office, "b.csv", ("2", -19000, "1"))
    assert office.applied() == {"D1": 18870}
    (asked,) = office.rows("exceptions")
    assert (asked["code"], asked["status"]) == ("VOID_NOT_POSSIBLE", "open")
    assert "was refunded (1.30 of it)" in asked["message"]
    receipt = str(office.rows("receipts")[0]["receipt_id"])
    desk = Desk(office, tmp_path / "queue")
    status, said = desk.answer(desk.row("VOID_NOT_POSSIBLE"), "link", receipt)
    assert status.startswith("ERROR")
    assert "was refunded" in said
