"""Accounts that say themselves what they owe: shares of gross without a bill, and sales tax (domain
examples E49 and E51). The cents are the page's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import (
    RECEIVABLE_COLUMNS,
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    receivable,
    receivables_csv,
    statement,
)
from queueoffice import BOTH, Desk, balanced, database, moved
from test_monthend import statements

from recond.errors import ConfigError
from recond.exports.datasets import stream
from recond.exports.scope import Scope
from recond.exports.statements import STATEMENTS
from recond.home import open_home
from recond.pipeline import corrections
from recond.pipeline.monthend import month_of
from recond.store.pastbooks import books_at

HANGAR, FILER, OTHER = "3000000001", "5000000001", "1000456012"
SHARES = f"""
[[filing]]
name = "concession"
begin = "2026-03"
charge_types = ["AIRPORT"]
accounts = ["{HANGAR}"]
self_assessed = true
"""
TAX = """
[[charge_type]]
code = "WATER"
fund = "510"
[[charge_type]]
code = "AIRPORT"
fund = "560"
[[charge_type]]
code = "TAX"
family = "SALES_TAX"
fund = "110"
[[charge_type]]
code = "INTEREST"
family = "SALES_TAX"
fund = "110"
[[charge_type]]
code = "TAXPENALTY"
family = "SALES_TAX"
fund = "110"
[[filing]]
name = "sales tax"
begin = "2026-01"
charge_types = ["TAX", "INTEREST", "TAXPENALTY"]
family = "SALES_TAX"
"""
ACCOUNTS = f"""account_number,customer_name,status,family
{HANGAR},WINGS,active,AIRPORT
{FILER},SHOP,active,SALES_TAX
{OTHER},SOMEBODY,active,UTILITY
"""
WATER = receivable(OTHER, "1W", "WATER", "2026-05-28", 10_000_00)
CODES = {"FILING_WITHOUT_PAYMENT", "PAYMENT_WITHOUT_FILING", "REMITTANCE_EXPECTED"}


def day(month: int, number: int) -> dt.date:
    return dt.date(2026, month, number)


def office_with(tmp_path: Path, url: str | None, more: str) -> Office:
    made = Office(tmp_path / "home", url)
    path = made.home.path / "recond.toml"
    text = path.read_text().replace("open_move_percent = 30", "open_move_percent = 100000")
    if "[[charge_type]]" in more:  # a list of one's own takes the place of a new home's
        text = text[: text.index("# Charge types")] + text[text.index("# Payments that") :]
    path.write_text(text + more)
    made.take("receivables", "accounts.csv", ACCOUNTS, day(1, 5))
    made.take("receivables", "water.csv", receivables_csv([WATER]), day(1, 6))
    return made


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    made = office_with(tmp_path, database(request), SHARES)
    yield made
    made.prove()
    made.close()


def pay(office: Office, amount: int, account: str, on: dt.date) -> str:
    text = lockbox_file([check(amount, (account, None), number=str(amount))], on)
    outcome = office.take("lockbox", f"{account}-{on}.bai", text, on)
    assert outcome.state == "accepted", outcome.message
    return str(office.rows("receipts", on)[-1]["receipt_id"])


def asked(office: Office, today: dt.date) -> list[tuple[str, int]]:
    return [(row["code"], cents(row["amount"])) for row in office.rows("exceptions", today)
            if row["code"] in CODES and row["status"] == "open"]  # fmt: skip


def told(office: Office, month: str, on: dt.date) -> list[dict[str, Any]]:
    return list(statements(office, month, on)["filings"].table.to_pylist())


def bill(item: str, kind: str, amount: int, period: str, account: str = HANGAR) -> dict[str, str]:
    return {**receivable(account, item, kind, "2026-05-20", amount), "period": period}


def snapshot(office: Office, on: dt.date, *rows: dict[str, str]) -> None:
    text = csv_text([WATER, *rows], (*RECEIVABLE_COLUMNS, "period"))
    outcome = office.take("receivables", f"{on}.csv", text, on)
    assert outcome.state == "accepted", outcome.message


# --- E49: a share of gross ------------------------------------------------------------------------


@BOTH
def test_e49_money_without_a_bill_makes_the_receivable_that_it_pays(office: Office) -> None:
    before = balanced(office)
    paid = pay(office, 118420, HANGAR, day(4, 15))
    book = balanced(office)
    assert moved(before, book) == {
        ("100", "1080"): 118420, ("100", "2080"): -118420, ("560", "1110"): 118420,
        ("560", "4000"): -118420,
    }  # fmt: skip
    assert ("560", "1200") not in book, "owed and paid the same day"
    number = f"SA-{HANGAR}-2026-03"
    assert office.applied() == {number: 118420}
    (receipt,) = office.rows("receipts", day(4, 15))
    assert (receipt["receipt_id"], receipt["state"], receipt["rule"]) == (
        paid, "applied", "self_assessed",
    )  # fmt: skip
    (item,) = [r for r in office.rows("receivables", day(4, 15)) if r["item_number"] == number]
    assert cents(item["open_amount"]) - cents(item["pending_amount"]) == 0
    (changed,) = office.rows("adjustments", day(4, 15))
    assert (changed["kind"], cents(changed["amount"])) == ("assessed", 118420)
    assert asked(office, day(4, 20)) == [], "its day has not passed"
    office.process(day(4, 21))
    assert asked(office, day(4, 21)) == [("PAYMENT_WITHOUT_FILING", 118420)]
    (row,) = told(office, "2026-04", day(4, 30))
    assert (row["period"], str(row["assessed_this_month"]), row["state"]) == (
        "2026-03", "1184.20", "no statement",
    )  # fmt: skip
    (rolled,) = [r for r in statements(office, "2026-04", day(4, 30))["ar_roll_forward"].table
                 .to_pylist() if r["fund"] == "560"]  # fmt: skip
    assert [cents(rolled[name]) for name in ("self_assessed", "payments", "closing")] == [
        118420, -118420, 0,
    ]  # fmt: skip


@BOTH
def test_e49_nothing_by_the_twentieth_is_expected_and_asked_once(
    office: Office, desk: Desk
) -> None:
    office.process(day(4, 20))
    assert asked(office, day(4, 20)) == []
    office.process(day(4, 21))
    assert asked(office, day(4, 21)) == [("REMITTANCE_EXPECTED", 0)]
    (row,) = told(office, "2026-04", day(4, 30))
    assert (row["due_date"], row["state"]) == (day(4, 20), "missing")
    pay(office, 50000, HANGAR, day(4, 24))  # late: what was missing is now a statement
    assert asked(office, day(4, 24)) == [("PAYMENT_WITHOUT_FILING", 50000)]
    row_ = desk.row("PAYMENT_WITHOUT_FILING")
    assert desk.answer(row_, "acknowledge", note="statement in binder 12")[0] == "APPLIED"
    office.process(day(4, 27))
    assert asked(office, day(4, 27)) == []


@BOTH
def test_the_statement_that_comes_later_takes_its_money_over(office: Office) -> None:
    pay(office, 118420, HANGAR, day(4, 15))
    snapshot(office, day(4, 22), bill("A03", "AIRPORT", 110000, "2026-03"))
    assert office.applied() == {"A03": 110000}
    (receipt,) = office.rows("receipts", day(4, 22))
    assert cents(receipt["on_account_amount"]) == 8420
    office.process(day(4, 23))
    assert cents(office.rows("receipts", day(4, 23))[0]["on_account_amount"]) == 8420, "not again"
    assert asked(office, day(4, 23)) == []
    assert balanced(office)["100", "2110"] == -8420
    (row,) = told(office, "2026-04", day(4, 30))
    assert [str(row[n]) for n in ("filed", "open", "self_assessed", "on_account", "state")] == [
        "1100.00", "0.00", "0.00", "84.20", "complete",
    ]  # fmt: skip


def test_a_payment_that_bounces_takes_its_receivable_with_it(office: Office) -> None:
    before = balanced(office)
    pay(office, 118420, HANGAR, day(4, 15))
    lines = [("115", 118420, "LOCKBOX 0012345"), ("555", 118420, "RETURNED NSF CHECK 118420")]
    office.take("bank", "b.bai2", statement(0, lines, day(4, 17)), day(4, 17))
    assert office.rows("receipts", day(4, 17))[0]["state"] == "returned"
    assert balanced(office) == before
    (row,) = told(office, "2026-04", day(4, 30))
    assert (str(row["self_assessed"]), row["state"]) == ("0.00", "missing")


def test_what_a_person_puts_on_account_stays_there(office: Office, desk: Desk) -> None:
    pay(office, 500, "NOBODY", day(4, 15))
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "on_account", HANGAR)[0] == "APPLIED"
    office.process(day(4, 16))
    assert office.applied() == {}


def test_reversing_the_application_takes_the_receivable_back(office: Office) -> None:
    pay(office, 118420, HANGAR, day(4, 15))
    (applied,) = office.rows("applications", day(4, 15))
    run = office.run(day(4, 16))
    with run.store.write() as connection:
        corrections.reverse(connection, run, applied["application_id"], "paid by mistake")
    assert office.applied() == {}
    assert balanced(office)["100", "2100"] == -118420
    assert ("560", "4000") not in balanced(office)


@BOTH
def test_a_months_statement_and_a_past_days_items_stay_as_they_were(office: Office) -> None:
    pay(office, 118420, HANGAR, day(4, 15))
    then, items = filings_at(office, day(4, 30)), items_at(office, day(4, 30))
    snapshot(office, day(5, 4), bill("A03", "AIRPORT", 118420, "2026-03"))
    assert told(office, "2026-04", day(5, 4)) != then, "the payment pays it from April on"
    assert filings_at(office, day(4, 30), day(5, 4)) == then
    assert items_at(office, day(4, 30)) == items != items_at(office, day(5, 4))


def filings_at(office: Office, on: dt.date, today: dt.date | None = None) -> list[dict[str, Any]]:
    run = office.run(today or on)
    with run.store.read() as connection, books_at(connection, on):
        made = STATEMENTS["filings"](month_of(connection, run, "2026-04", [], on))
    return list(made.table.to_pylist())


def items_at(office: Office, on: dt.date) -> list[dict[str, Any]]:
    with office.run(on).store.read() as connection:
        return list(stream(connection, "receivables", Scope(on, on)).read_all().to_pylist())


# --- E51: sales tax -------------------------------------------------------------------------------


@pytest.fixture
def taxes(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    made = office_with(tmp_path, database(request), TAX)
    yield made
    made.prove()
    made.close()


FILED = [
    bill("T02", "TAX", 125000, "2026-02", FILER),
    bill("I02", "INTEREST", 1250, "2026-02", FILER),
    bill("P02", "TAXPENALTY", 12500, "2026-02", FILER),
]


def test_e51_a_filing_without_payment_and_a_payment_without_filing_are_two_questions(
    taxes: Office,
) -> None:
    taxes.process(day(3, 2))
    assert asked(taxes, day(3, 2)) == [("REMITTANCE_EXPECTED", 0)], "January's"
    snapshot(taxes, day(3, 16), *FILED)
    pay(taxes, 130000, FILER, day(3, 18))
    taxes.process(day(3, 23))
    assert asked(taxes, day(3, 23))[1:] == [("FILING_WITHOUT_PAYMENT", 8750)]
    # April: money for March, and no filing
    pay(taxes, 8750 + 40000, FILER, day(4, 10))
    taxes.process(day(4, 21))
    assert asked(taxes, day(4, 21))[1:] == [("PAYMENT_WITHOUT_FILING", 40000)]
    found = {row["period"]: row["state"] for row in told(taxes, "2026-04", day(4, 30))}
    assert found == {"2026-03": "no statement"}
    assert taxes.journal()[("100", "2110")] == -40000


@pytest.mark.parametrize(("period", "left"), [("2026-03", 0), ("2026-04", 40000)])
def test_e51_credit_crosses_no_period_without_a_decision(
    taxes: Office, period: str, left: int
) -> None:
    pay(taxes, 40000, FILER, day(4, 10))  # March's
    snapshot(taxes, day(5, 4), bill("T", "TAX", 40000, period, FILER))
    taxes.process(day(5, 5))
    (receipt,) = taxes.rows("receipts", day(5, 5))
    assert cents(receipt["on_account_amount"]) == left
    assert taxes.applied() == ({} if left else {"T": 40000})


def test_a_filing_names_accounts_or_a_family(tmp_path: Path) -> None:
    made = Office(tmp_path / "home")
    path = made.home.path / "recond.toml"
    for more, why in (
        (SHARES.replace("accounts", "family = 'AIRPORT'\naccounts"), "either accounts or family"),
        (SHARES.replace('"AIRPORT"', '"NOTHING"'), "no charge type 'NOTHING'"),
    ):
        text = path.read_text()
        path.write_text(text + more)
        with pytest.raises(ConfigError, match=why):
            open_home(made.home.path)
        path.write_text(text)
    made.close()
