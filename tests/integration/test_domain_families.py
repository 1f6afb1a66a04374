"""The worked examples of the domain, sections 3 D and E, of families other than water: cut-offs,
meters, airport, damage, sales tax, and a bill that was made anew. The cents are the page's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import (
    TODAY,
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    receivable,
    receivables_csv,
    statement,
)
from queueoffice import Desk

from recond.exports.statements import STATEMENTS
from recond.pipeline import corrections
from recond.pipeline.handover import export_postings
from recond.pipeline.monthend import month_of

A, METER, HANGAR, PARTY, FILER = (
    "1000456012",
    "2000000001",
    "3000000001",
    "4000000001",
    "5000000001",
)
NEXT = TODAY + dt.timedelta(days=1)


def settings(office: Office, more: str = "") -> None:
    path = office.home.path / "recond.toml"
    text = path.read_text().replace("open_move_percent = 30", "open_move_percent = 100000")
    text = text.replace("accounts_fall_percent = 5", "accounts_fall_percent = 100")
    path.write_text(text + more)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    settings(made)
    yield made
    made.close()


def bills(office: Office, day: dt.date, *rows: dict[str, str]) -> None:
    text = receivables_csv(rows)
    outcome = office.take("receivables", f"{day}-{len(text)}.csv", text, day)
    assert outcome.state == "accepted", outcome.message


def pay(office: Office, amount: int, reference: str, day: dt.date = TODAY) -> None:
    text = lockbox_file([check(amount, (reference, None))], day, time=f"09{amount % 60:02d}")
    name = f"{reference}-{amount}-{day}.bai"
    assert office.take("lockbox", name, text, day).state == "accepted"


# --- D: cut-offs ----------------------------------------------------------------------------------

COUNTER = ("receipt_number", "drawer", "cashier", "business_date", "time", "account_number",
           "item_number", "tender", "amount")  # fmt: skip
CLOSE = ("drawer", "cashier", "business_date", "opening_float", "counted_cash", "counted_checks",
         "deposit_bag", "deposit_date")  # fmt: skip


@pytest.mark.parametrize("credited", ["2026-03-31", "2026-04-01"])
def test_e41_the_counters_business_date_is_the_drop_boxs_cut_off(
    office: Office, credited: str
) -> None:
    """A drop box emptied on 04-01 at 06:50: which day it is credited is the office's rule, and it
    reaches recond as the business date of the receipt; the bag goes to the bank on 04-01."""
    april = dt.date(2026, 4, 1)
    bills(office, dt.date(2026, 3, 1), receivable(A, "2W", "WATER", "2026-03-31", 10400))
    receipt = dict(zip(COUNTER, ("1", "BOX", "ana", credited, "06:50", A, "", "CHECK", "104.00"),
                       strict=True))  # fmt: skip
    close = dict(zip(CLOSE, ("BOX", "ana", credited, "0.00", "0.00", "104.00", "B1", "2026-04-01"),
                     strict=True))  # fmt: skip
    office.drop("cashier", "receipts.csv", csv_text([receipt], COUNTER))
    office.drop("cashier", "close.csv", csv_text([close], CLOSE))
    assert [one.state for one in office.process(april)] == ["accepted", "accepted"]
    (row,) = office.rows("receipts", april)
    assert (str(row["received_date"]), str(row["deposit_date"])) == (credited, "2026-04-01")
    (applied,) = office.rows("applications", april)
    assert str(applied["effective_date"]) == credited


def test_e41_a_lockbox_item_of_the_evening_is_a_deposit_of_its_own_day(office: Office) -> None:
    """Record 5 of 04-01 with checks that the box took on 03-31 after 14:00: the bank's day is the
    deposit's and the books' day; on 03-31 nothing of it is in transit."""
    march, april = dt.date(2026, 3, 31), dt.date(2026, 4, 1)
    bills(office, march, receivable(A, "2W", "WATER", "2026-03-31", 10400))
    pay(office, 10400, A, april)
    bank = statement(1_000_00, [("115", 10400, "LOCKBOX 0012345")], april)
    office.take("bank", "april.bai2", bank, april)
    run = office.run(april)
    with run.store.read() as connection:
        asked = month_of(connection, run, "2026-03", [])
        way = STATEMENTS["deposits_in_transit"](asked)
        rolled = STATEMENTS["ar_roll_forward"](asked)
    assert way.table.num_rows == 0
    assert [str(row["closing"]) for row in rolled.table.to_pylist()] == ["104.00"]
    (deposit,) = office.rows("deposits", april)
    assert (str(deposit["business_date"]), deposit["state"]) == ("2026-04-01", "reconciled")


def test_e43b_money_of_april_in_a_file_of_march_waits_for_its_day(office: Office) -> None:
    """Record of 04-02 in a file of 03-31: the file is accepted, one record of it waits and is in
    none of March's totals."""
    march, april = dt.date(2026, 3, 31), dt.date(2026, 4, 2)
    bills(office, march, receivable(A, "2W", "WATER", "2026-03-31", 10400))
    rows = [
        dict(zip(COUNTER, (number, "D1", "ana", day.isoformat(), "09:00", A, "", "CHECK", amount),
                 strict=True))
        for number, day, amount in (("1", march, "100.00"), ("2", april, "4.00"))
    ]  # fmt: skip
    outcome = office.take("cashier", "receipts.csv", csv_text(rows, COUNTER), march)
    assert outcome.state == "accepted"
    assert "1 waiting for their day" in outcome.message
    assert office.open_cents() == {"2W": 400}

    def marchs() -> tuple[list[str], int]:
        run = office.run(april)
        with run.store.read() as connection:
            asked = month_of(connection, run, "2026-03", [])
            cash, rolled = (STATEMENTS[name](asked) for name in ("daily_cash", "ar_roll_forward"))
        return [str(row["amount"]) for row in cash.table.to_pylist()], rolled.cents

    assert marchs() == (["100.00"], 400)
    office.process(april)
    assert office.open_cents() == {}
    assert marchs() == (["100.00"], 400), "April's money pays in April"


# --- E: hydrant meters, airport, damage, sales tax ------------------------------------------------

METERS = """
[[charge_type]]
code = "METERDEP"
family = "HYDRANT"
fund = "510"
kind = "DEPOSIT"
gl_account = "2200"
priority = 99
"""


@pytest.mark.parametrize(
    ("usage", "damage", "refund", "owed"), [(42315, 18500, 89185, 0), (160000, 0, 0, 10000)]
)
def test_e48_a_meters_deposit_is_kept_until_the_meter_comes_back(
    office: Office, desk: Desk, usage: int, damage: int, refund: int, owed: int
) -> None:
    settings(office, METERS)
    deposit = receivable(METER, "DEP1", "METERDEP", "2026-03-28", 150000)
    bills(office, TODAY, deposit)
    pay(office, 150000, "DEP1")
    assert office.applied() == {"DEP1": 150000}
    due = [receivable(METER, "USE1", "HYDRANT", "2026-04-28", usage)]
    due += [receivable(METER, "DMG1", "DAMAGE", "2026-04-28", damage)] if damage else []
    bills(office, NEXT, {**deposit, "open_amount": "0.00"}, *due)
    assert "USE1" in office.open_cents(), "a deposit is never netted with a bill by itself"
    (held,) = office.rows("applications")
    run = office.run(NEXT)
    with run.store.write() as connection:
        corrections.reverse(connection, run, held["application_id"], "meter returned")
    used = min(usage, 150000)
    parts = f"USE1={used / 100:.2f}" + (f"; DMG1={damage / 100:.2f}" if damage else "")
    kept = {"action": "split", "to_account": parts}
    kept["amount_to_apply"] = f"{(used + damage) / 100:.2f}"
    row = desk.row("REVERSED")
    assert desk.bring(desk.write([{**row, **kept}]))[0]["status"] in {"APPLIED", "PENDING_APPROVAL"}
    if refund:
        left = desk.row("REVERSED")
        assert desk.answer(left, "refund", note="rest of the deposit")[0] == "PENDING_APPROVAL"
        assert desk.answer(desk.row("REVERSED"), "approve", person="ken")[0] == "APPLIED"
        assert office.journal()[("100", "2120")] == -refund
    open_cents = {item: left for item, left in office.open_cents().items() if item != "DEP1"}
    assert open_cents == ({"USE1": owed} if owed else {})


def test_e49_a_prepaid_hangar_is_consumed_month_by_month(office: Office) -> None:
    bills(office, dt.date(2026, 4, 1), receivable(HANGAR, "H04", "AIRPORT", "2026-04-15", 32500))
    pay(office, 390000, HANGAR, dt.date(2026, 4, 2))
    assert office.applied() == {"H04": 32500}
    assert office.journal()[("100", "2110")] == -357500
    for month, left in ((5, 325000), (6, 292500)):
        item = receivable(HANGAR, f"H{month:02d}", "AIRPORT", f"2026-{month:02d}-15", 32500)
        bills(office, dt.date(2026, month, 1), item)
        office.process(dt.date(2026, month, 1))
        assert office.applied()[f"H{month:02d}"] == 32500
        assert office.journal()[("100", "2110")] == -left


def test_e50_an_insurers_part_leaves_the_rest_with_the_party(office: Office, desk: Desk) -> None:
    bills(office, TODAY, receivable(PARTY, "PD-2026-0042", "DAMAGE", "2026-03-28", 348720))
    pay(office, 300000, "CLAIM 00-77")
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", "PD-2026-0042")[0] == "APPLIED"
    assert office.open_cents() == {"PD-2026-0042": 48720}
    assert office.applied() == {"PD-2026-0042": 300000}


TAX = """
[[charge_type]]
code = "TAX"
family = "SALES_TAX"
fund = "110"
priority = 1
[[charge_type]]
code = "INTEREST"
family = "SALES_TAX"
fund = "110"
priority = 2
[[charge_type]]
code = "TAXPENALTY"
family = "SALES_TAX"
fund = "110"
priority = 3
[[policy]]
name = "sales tax"
cite = "Model City Tax Code 540"
[[policy.tiers]]
charge_types = [{order}]
order = ["charge_type"]
"""


@pytest.mark.parametrize(
    ("order", "left"),
    [('"TAX", "INTEREST", "TAXPENALTY"', {"P02": 8750}),
     ('"TAXPENALTY", "INTEREST", "TAX"', {"T02": 8750})],
)  # fmt: skip
def test_e51_a_tax_payment_in_the_order_of_the_code(
    tmp_path: Path, order: str, left: dict[str, int]
) -> None:
    office = Office(tmp_path / "home")
    settings(office, TAX.replace("{order}", order))
    bills(
        office, TODAY,
        receivable(FILER, "T02", "TAX", "2026-03-20", 125000),
        receivable(FILER, "I02", "INTEREST", "2026-03-20", 1250),
        receivable(FILER, "P02", "TAXPENALTY", "2026-03-20", 12500),
    )  # fmt: skip
    pay(office, 130000, FILER)
    assert office.open_cents() == left
    office.close()


# --- G: a bill made anew --------------------------------------------------------------------------


def test_e65_a_bill_made_anew_for_less_leaves_the_rest_on_account(office: Office) -> None:
    paid = receivable(A, "2W", "WATER", "2026-03-28", 4275)
    other = receivable(METER, "9W", "WATER", "2026-03-28", 10000)
    bills(office, TODAY, paid, other)
    pay(office, 4275, A)
    written = export_postings(office.run(), TODAY)
    assert written is not None
    posting = written.path.read_text().splitlines()[2].split(",")[0]
    answer = {"file_id": written.file_id, "posting_id": posting, "status": "ACCEPTED"}
    office.take("acks", "a.csv", csv_text([answer]))
    anew = {**paid, "original_amount": "41.00", "open_amount": "0.00"}
    bills(office, NEXT, anew, other)
    (receipt,) = office.rows("receipts")
    assert (cents(receipt["applied_amount"]), cents(receipt["on_account_amount"])) == (4100, 175)
    assert receipt["rule"] == "rebilled"
    assert office.open_cents() == {"9W": 10000}
    assert office.journal()[("100", "2110")] == -175
    assert office.journal()[("510", "4000")] == -14100, "billed 42.75, then 1.75 less"
    assert office.questions() == []
    office.prove()
    told = export_postings(office.run(NEXT), NEXT)
    assert told is not None
    assert told.total_cents == 0, "billing is told by a transfer of sum zero"
    bills(
        office,
        NEXT + dt.timedelta(days=1),
        anew,
        other,
        receivable(A, "3W", "WATER", "2026-04-28", 100),
    )
    office.process(NEXT + dt.timedelta(days=1))
    assert office.applied() == {"2W": 4100, "3W": 100}, "the credit pays the next bill"
    office.prove()
