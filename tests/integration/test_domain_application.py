"""The worked examples of the domain, section 3 A: application. The cents are the page's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import (
    Office,
    check,
    lockbox_file,
    receivable,
    receivables_csv,
    scan_line,
)

ACCOUNT = "1000456012"
PAST, CURRENT = "2026-02-10", "2026-03-28"

# Penalties, past-due and current bill of the fixture account: 500 + 7970 + 10400 = 18870.
ITEMS = [
    receivable(ACCOUNT, "PW", "PENALTY", PAST, 200, service="WATER"),
    receivable(ACCOUNT, "PS", "PENALTY", PAST, 150, service="SEWER"),
    receivable(ACCOUNT, "PG", "PENALTY", PAST, 150, service="SANITATION"),
    receivable(ACCOUNT, "1W", "WATER", PAST, 3150, bill="B1"),
    receivable(ACCOUNT, "1S", "SEWER", PAST, 2240, bill="B1"),
    receivable(ACCOUNT, "1G", "SANITATION", PAST, 2580, bill="B1"),
    receivable(ACCOUNT, "2W", "WATER", CURRENT, 4275, bill="B2"),
    receivable(ACCOUNT, "2S", "SEWER", CURRENT, 3120, bill="B2"),
    receivable(ACCOUNT, "2G", "SANITATION", CURRENT, 2680, bill="B2"),
    receivable(ACCOUNT, "2T", "STORM", CURRENT, 325, bill="B2"),
]

AGE_FIRST = """
[[policy]]
name = "age-first"
cite = "Pasco WA 3.65.030"
[[policy.tiers]]
status = ["penalty"]
services = ["WATER", "SEWER", "SANITATION"]
order = ["service"]
[[policy.tiers]]
order = ["due_date", "charge_type"]
charge_types = ["STORM", "WATER", "SEWER", "SANITATION"]
"""
SERVICE_FIRST = """
[[policy]]
name = "service-first"
cite = "Morgantown IN"
[[policy.tiers]]
services = ["WATER", "STORM", "SANITATION", "SEWER"]
status = ["penalty", "past_due", "current"]
order = ["service", "status"]
"""
CURRENT_FIRST = """
[[policy]]
name = "current-first"
cite = "Atlanta IN"
[[policy.tiers]]
status = ["current"]
charge_types = ["WATER", "SANITATION", "SEWER", "STORM"]
order = ["charge_type"]
[[policy.tiers]]
order = ["due_date"]
"""
ARREARS_FIRST = """
[[policy]]
name = "arrears-first"
cite = "Ingalls IN 52.09"
[[policy.tiers]]
status = ["past_due"]
services = ["SANITATION", "WATER", "SEWER", "STORM"]
order = ["service"]
[[policy.tiers]]
status = ["penalty"]
services = ["SANITATION", "WATER", "SEWER", "STORM"]
order = ["service"]
[[policy.tiers]]
services = ["SANITATION", "WATER", "SEWER", "STORM"]
order = ["service"]
"""
PROPORTIONAL = """
[[policy]]
name = "proportional"
cite = "Caselle"
[[policy.tiers]]
status = ["penalty"]
method = "proportional"
[[policy.tiers]]
status = ["past_due"]
method = "proportional"
[[policy.tiers]]
method = "proportional"
"""

E2 = {"PW": 200, "PS": 150, "PG": 150, "1W": 3150, "1S": 2240, "1G": 2580, "2T": 325, "2W": 1205}


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    made = Office(tmp_path / "home", more=getattr(request, "param", ""))
    made.take("receivables", "open.csv", receivables_csv(ITEMS))
    yield made
    made.close()


def pay(office: Office, amount: int) -> None:
    outcome = office.take(
        "lockbox", f"pay{amount}.bai", lockbox_file([check(amount, (ACCOUNT, None))])
    )
    assert outcome.state == "accepted", outcome.message


def test_e1_exact_payment_closes_all_ten_items(office: Office) -> None:
    pay(office, 18870)
    assert office.open_cents() == {}
    assert len(office.rows("applications")) == 10
    (receipt,) = office.rows("receipts")
    assert (receipt["state"], str(receipt["applied_amount"])) == ("applied", "188.70")
    assert office.journal()[("100", "1080")] == 18870
    office.prove()


@pytest.mark.parametrize("office", [AGE_FIRST], indirect=True)
def test_e2_age_first(office: Office) -> None:
    pay(office, 10000)
    assert office.applied() == E2
    by_fund: dict[str, int] = {}
    for row in office.rows("applications"):
        by_fund[row["fund"]] = by_fund.get(row["fund"], 0) + int(row["amount"] * 100)
    assert by_fund == {"510": 4555, "520": 2390, "530": 2730, "550": 325}
    journal = office.journal()
    assert journal[("100", "1080")] == 10000
    assert journal[("100", "2080")] == -10000
    assert {fund: journal[(fund, "1110")] for fund in by_fund} == by_fund
    office.prove()


@pytest.mark.parametrize(
    ("office", "expected"),
    [
        (SERVICE_FIRST, {"PW": 200, "1W": 3150, "2W": 4275, "2T": 325, "PG": 150, "1G": 1900}),
        (CURRENT_FIRST, {"2W": 4275, "2G": 2680, "2S": 3045}),
        (
            ARREARS_FIRST,
            {"1G": 2580, "1W": 3150, "1S": 2240, "PG": 150, "PW": 200, "PS": 150, "2G": 1530},
        ),
        (
            PROPORTIONAL,
            {
                "PW": 200, "PS": 150, "PG": 150, "1W": 3150, "1S": 2240, "1G": 2580,
                "2W": 629, "2S": 459, "2G": 394, "2T": 48,
            },
        ),
    ],
    ids=["E3 service first", "E4 current first", "E5 arrears first", "E6 proportional"],
    indirect=["office"],
)  # fmt: skip
def test_e3_to_e6_ordinances(office: Office, expected: dict[str, int]) -> None:
    pay(office, 10000)
    assert office.applied() == expected
    assert sum(expected.values()) == 10000
    office.prove()


def test_e7_pure_proportional_loses_no_cent(tmp_path: Path) -> None:
    office = Office(tmp_path / "home", more=PROPORTIONAL)
    current = [row for row in ITEMS if row["item_number"].startswith("2")]
    office.take("receivables", "open.csv", receivables_csv(current))
    pay(office, 5000)
    assert office.applied() == {"2W": 2055, "2S": 1500, "2G": 1289, "2T": 156}
    office.close()


def test_e12_small_overpayment_waits_for_the_next_bill(office: Office) -> None:
    pay(office, 19000)
    (receipt,) = office.rows("receipts")
    assert receipt["state"] == "partial"
    assert str(receipt["on_account_amount"]) == "1.30"
    assert office.journal()[("100", "2110")] == -130
    later = [*ITEMS, receivable(ACCOUNT, "3W", "WATER", "2026-04-28", 4000)]
    office.take("receivables", "next.csv", receivables_csv(later))
    assert office.applied()["3W"] == 130
    assert office.open_cents() == {"3W": 3870}
    (receipt,) = office.rows("receipts")
    assert (receipt["state"], str(receipt["on_account_amount"])) == ("applied", "0.00")
    office.prove()


def three_accounts(office: Office) -> None:
    rows = [
        receivable("1000000001", "A", "WATER", CURRENT, 10000),
        receivable("1000000002", "B", "WATER", CURRENT, 9400),
        receivable("1000000003", "C", "WATER", CURRENT, 7000),
    ]
    office.take("receivables", "three.csv", receivables_csv(rows))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    yield made
    made.close()


def test_e15_one_check_three_stubs(plain: Office) -> None:
    three_accounts(plain)
    stubs = [("1000000001", 10000), ("1000000002", 9400), ("1000000003", 7000)]
    plain.take("lockbox", "stubs.bai", lockbox_file([check(26400, *stubs)]))
    assert plain.applied() == {"A": 10000, "B": 9400, "C": 7000}
    assert len(plain.rows("receipts")) == 1
    plain.prove()


def test_e15_stubs_that_do_not_add_up_apply_nothing(plain: Office) -> None:
    three_accounts(plain)
    stubs = [("1000000001", 10000), ("1000000002", 9400), ("1000000003", 6900)]
    plain.take("lockbox", "stubs.bai", lockbox_file([check(26400, *stubs)]))
    assert plain.applied() == {}
    (receipt,) = plain.rows("receipts")
    assert (receipt["state"], str(receipt["suspense_amount"])) == ("unidentified", "264.00")
    assert plain.questions() == ["REMITTANCE_SUM_WRONG"]
    assert plain.journal()[("100", "2100")] == -26400
    plain.prove()


def test_e16_two_checks_for_one_stub_apply_in_check_sequence(plain: Office) -> None:
    plain.take(
        "receivables", "o.csv",
        receivables_csv([receivable("1000000001", "D1", "WATER", PAST, 4000),
                         receivable("1000000001", "D2", "WATER", CURRENT, 6400)]),
    )  # fmt: skip
    checks = [check(5000, ("1000000001", None)), check(5400, ("1000000001", None))]
    plain.take("lockbox", "two.bai", lockbox_file([checks]))
    assert plain.open_cents() == {}
    applied = [
        (r["receipt_id"][-2:], r["item_number"], str(r["amount"]))
        for r in plain.rows("applications")
    ]
    assert applied == [("-1", "D1", "40.00"), ("-1", "D2", "10.00"), ("-2", "D2", "54.00")]


def test_e17_a_scan_line_that_fails_its_check_digit_is_never_repaired_by_itself(
    office: Office,
) -> None:
    due = dt.date(2026, 3, 28)
    good = scan_line(ACCOUNT, due, 18870)
    bad = good[:4] + ("6" if good[4] != "6" else "5") + good[5:]
    office.take("lockbox", "bad.bai", lockbox_file([check(18870, (bad, None))]))
    assert office.questions() == ["CHECK_DIGIT_FAILED"]
    assert office.applied() == {}
    office.take("lockbox", "good.bai", lockbox_file([check(18870, (good, None))], time="1000"))
    assert office.open_cents() == {}
    assert office.rows("receipts")[1]["rule"] == "scan_line"
    office.prove()


def test_e17_an_office_may_let_the_amount_repair_a_misread_line(plain: Office) -> None:
    config = plain.home.path / "recond.toml"
    config.write_text(config.read_text().replace("ocr_repair = false", "ocr_repair = true"))
    plain.take("receivables", "open.csv", receivables_csv(ITEMS))
    good = scan_line(ACCOUNT, dt.date(2026, 3, 28), 18870)
    bad = good[:4] + ("6" if good[4] != "6" else "5") + good[5:]
    checks = [check(18871, (bad, None), number="1"), check(18870, (bad, None), number="2")]
    plain.take("lockbox", "bad.bai", lockbox_file(checks))
    assert plain.questions() == ["CHECK_DIGIT_FAILED"]
    assert plain.open_cents() == {}
    assert [row["rule"] for row in plain.rows("receipts")] == ["none", "scan_repair"]
    plain.prove()


def test_e18_an_amount_alone_never_posts(plain: Office) -> None:
    rows = [receivable(f"100000000{n}", f"W{n}", "WATER", CURRENT, 10400) for n in range(1, 4)]
    plain.take("receivables", "three.csv", receivables_csv(rows))
    plain.take("lockbox", "white.bai", lockbox_file([check(10400, payer="J SAMPLE")]))
    assert plain.questions() == ["NO_REFERENCE"]
    assert plain.applied() == {}
    plain.prove()


def test_e9_a_budget_payment_asks_nothing_and_carries_the_rest(plain: Office) -> None:
    """150.00 is the budget amount, 188.70 is what the meter says: 38.70 stay open for the
    true-up, and nobody is asked."""
    header = "account_number,customer_name,status,budget_amount"
    plain.take("receivables", "1-accounts.csv", f"{header}\n{ACCOUNT},JANE SAMPLE,active,150.00\n")
    plain.take("receivables", "2-open.csv", receivables_csv(ITEMS))
    pay(plain, 15000)
    assert sum(plain.open_cents().values()) == 3870
    assert plain.questions() == []
