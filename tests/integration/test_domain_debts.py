"""Debts that were written off and are paid after all, and deposits that are held for customers
(domain examples E45, E46 and E48). The cents are the page's; the books balance by fund after each
step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, cents, check, lockbox_file, receivable, receivables_csv, statement
from queueoffice import BOTH, Desk, asker, balanced, database, moved
from test_monthend import statements
from test_restricted import AID

from recond.errors import RefusedError
from recond.pipeline import corrections

X, Y = "1000456012", "1000456020"
MON, THU, FRI = (dt.date(2026, 3, day) for day in (16, 19, 20))
DEBT = [
    receivable(X, "XW1", "WATER", "2025-08-28", 12000),
    receivable(X, "XG1", "SANITATION", "2025-09-28", 9370),
]
ACCOUNTS = f"account_number,customer_name,status\n{X},GONE AWAY,collections\n"
DEPOSIT = """
[[charge_type]]
code = "HYDDEP"
family = "HYDRANT"
fund = "510"
kind = "DEPOSIT"
"""


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request))
    made.take("receivables", "accounts.csv", ACCOUNTS)
    made.take("receivables", "open.csv", receivables_csv(DEBT))
    yield made
    made.prove()
    statements(made, "2026-03")  # every one ties
    made.close()


ask = asker(FRI)


def asked_for(office: Office, verb: str, *words: object) -> str:
    """Ask as jane; the id of the question that ken and lee may answer."""
    return ask(office, "jane", verb, *words).rsplit("(", 1)[1].rstrip(")")


def write_off(office: Office, to: str = X, amount: int | None = None) -> dict[tuple[str, str], int]:
    identity = asked_for(office, "write_off", to, amount, "final for more than 180 days")
    ask(office, "ken", "approve", identity, "")
    return balanced(office)


def pay(office: Office, amount: int, to: str, name: str = "pay.bai", day: dt.date = MON) -> str:
    made = [check(amount, (to, None), number=f"{amount}")]
    content = lockbox_file(made, day, time=f"09{len(office.rows('files')):02d}")
    assert office.take("lockbox", name, content, day).state == "accepted"
    return str(office.rows("receipts")[-1]["receipt_id"])


@BOTH
def test_e45_an_agency_recovers_less_its_commission(office: Office) -> None:
    before = write_off(office)
    receipt = pay(office, 14959, "THE AGENCY")
    assert office.questions() == ["ACCOUNT_NOT_FOUND"]
    arrived = balanced(office)
    with pytest.raises(RefusedError, match=r"149\.59 and 64\.12 are more than the 213\.70"):
        ask(office, "jane", "recover", receipt, X, 6412, "30 %")
    identity = asked_for(office, "recover", receipt, X, 6411, "30 % of 213.70")
    assert "RECOVERY_REQUESTED" in [row["code"] for row in office.rows("exceptions")]
    assert balanced(office) == arrived
    with pytest.raises(RefusedError, match="ERROR_SELF"):
        ask(office, "jane", "approve", identity, "")
    said = ask(office, "ken", "approve", identity, "")
    assert "149.59 recovered of account 1000456012, 64.11 kept by the agency" in said
    # 30 % of each item: 12000 - 3600 and 9370 - 2811
    assert office.applied() == {"XW1": 8400, "XG1": 6559}
    assert office.open_cents() == {}
    assert moved(before, balanced(office)) == {
        ("100", "1080"): 14959, ("100", "2080"): -14959,
        ("510", "1110"): 8400, ("510", "5920"): 3600, ("510", "1290"): -12000,
        ("530", "1110"): 6559, ("530", "5920"): 2811, ("530", "1290"): -9370,
    }  # fmt: skip
    assert office.questions() == []
    (row,) = office.rows("receipts")
    assert (row["state"], cents(row["applied_amount"])) == ("applied", 14959)
    rolled = {
        row["fund"]: row
        for row in statements(office, "2026-03")["ar_roll_forward"].table.to_pylist()
    }
    told = [
        [cents(rolled[fund][name]) for name in
         ("payments", "write_offs", "reinstated", "recoveries", "commissions", "closing")]
        for fund in ("510", "530")
    ]  # fmt: skip
    assert told == [[0, -12000, 12000, -8400, -3600, 0], [0, -9370, 9370, -6559, -2811, 0]]
    with pytest.raises(RefusedError, match="no money of it waits"):
        ask(office, "jane", "recover", receipt, X, None, "again")


@BOTH
def test_e46_a_payment_for_an_account_with_an_agency_pays_written_off_debt(
    office: Office, desk: Desk
) -> None:
    before = write_off(office)
    receipt = pay(office, 5000, X)
    assert office.applied() == {"XW1": 5000}
    assert office.open_cents() == {}
    assert moved(before, balanced(office)) == {
        ("100", "1080"): 5000, ("100", "2080"): -5000,
        ("510", "1110"): 5000, ("510", "1290"): -5000,
    }  # fmt: skip
    (asked,) = office.rows("exceptions")[-1:]
    assert (asked["code"], cents(asked["amount"])) == ("WRITTEN_OFF_PAID", 5000)
    (told,) = [r for r in office.rows("adjustments") if r["kind"] == "recovered"]
    assert (told["receipt_id"], told["item_number"], cents(told["amount"])) == (
        receipt, "XW1", 5000,
    )  # fmt: skip
    row = desk.row("WRITTEN_OFF_PAID")
    assert desk.answer(row, "acknowledge", note="agency told")[0] == "APPLIED"
    # the rest of it, more than is left, and then nothing is left
    pay(office, 20000, X, "more.bai")
    assert office.applied() == {"XW1": 12000, "XG1": 9370}
    assert cents(office.rows("receipts")[-1]["on_account_amount"]) == 3630
    office.process()
    assert office.applied() == {"XW1": 12000, "XG1": 9370}
    balanced(office)


def test_a_recovery_that_bounces_is_written_off_again(office: Office) -> None:
    before = write_off(office)
    pay(office, 5000, X)
    lines = [("115", 5000, "LOCKBOX 0012345"), ("555", 5000, "RETURNED NSF CHECK 5000")]
    office.take("bank", "thu.bai2", statement(0, lines, THU), THU)
    assert office.rows("receipts")[-1]["state"] == "returned"
    assert office.open_cents() == {}
    assert balanced(office) == before
    assert [cents(row["amount"]) for row in office.rows("adjustments")] == [
        -12000, -9370, 5000, -5000,
    ]  # fmt: skip


def test_other_accounts_and_earlier_money_recover_nothing(office: Office) -> None:
    more = [receivable(Y, "YW1", "WATER", "2026-03-28", 100)]
    office.take("receivables", "next.csv", receivables_csv([*DEBT, *more]))
    pay(office, 22000, X, "early.bai")  # 630 on account before anything is written off
    write_off(office, Y)
    pay(office, 5000, Y)  # active: it stays on account
    assert office.applied() == {"XW1": 12000, "XG1": 9370}
    assert [q for q in office.questions() if q == "WRITTEN_OFF_PAID"] == []


def test_each_pays_the_written_off_debt_of_its_own_account(tmp_path: Path) -> None:
    """Two accounts are with an agency: what comes for Y is none of X's, though X's debt is older.
    And aid that may pay water and sewer pays no written-off storm water."""
    office = Office(tmp_path / "home", None, AID)
    more = [receivable(Y, "YT1", "STORM", "2026-03-01", 8800)]
    office.take("receivables", "accounts.csv", f"{ACCOUNTS}{Y},GONE TOO,collections\n")
    office.take("receivables", "open.csv", receivables_csv([*DEBT, *more]))
    for account in (X, Y):
        write_off(office, account)
    pay(office, 5000, Y, "aid.bai")
    assert office.applied() == {}
    pay(office, 4000, Y)
    assert office.applied() == {"YT1": 4000}
    office.prove()
    office.close()


def test_credit_that_stood_there_before_stays_credit(office: Office, desk: Desk) -> None:
    pay(office, 1000, "NOBODY")
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "on_account", X)[0] == "APPLIED"
    write_off(office)
    office.process()
    assert office.applied() == {}
    pay(office, 500, X, "later.bai")
    assert office.applied() == {"XW1": 500}
    assert [cents(row["on_account_amount"]) for row in office.rows("receipts")] == [1000, 0]


def test_a_clerk_puts_money_on_an_item_that_was_written_off(office: Office, desk: Desk) -> None:
    write_off(office, "XW1")
    pay(office, 13000, "NOBODY")
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", "XW1")[0] == "APPLIED"
    assert office.applied() == {"XW1": 12000}
    assert cents(office.rows("receipts")[0]["on_account_amount"]) == 1000
    balanced(office)


def accept_all(office: Office) -> None:
    for row in office.rows("files"):
        if row["state"] == "held":
            with office.run(FRI).write() as connection:
                corrections.accept(connection, office.run(FRI), str(row["file_id"]), None, "yes")


def test_what_billing_shows_as_open_again_is_owed_and_not_recovered(office: Office) -> None:
    write_off(office)
    pay(office, 5000, X)
    zero = [{**row, "open_amount": "0.00"} for row in DEBT]
    office.take("receivables", "zero.csv", receivables_csv(zero))  # billing wrote it off too
    accept_all(office)
    assert (office.open_cents(), office.applied()) == ({}, {"XW1": 5000})
    pay(office, 1000, X, "b.bai")
    assert office.applied() == {"XW1": 6000}
    office.take("receivables", "again.csv", receivables_csv(DEBT[::-1]))
    accept_all(office)
    balanced(office)
    opened = sum(office.open_cents().values())
    assert opened == 12000 + 9370
    pay(office, opened + 700, X, "c.bai")
    assert office.open_cents() == {}
    assert cents(office.rows("receipts")[-1]["on_account_amount"]) == 700
    balanced(office)


# --- E48 ------------------------------------------------------------------------------------------


def hydrant(tmp_path: Path, charges: list[dict[str, str]]) -> tuple[Office, str]:
    """An office that holds a hydrant meter's deposit of 1,500.00, when its charges are billed."""
    office = Office(tmp_path / "home", None, DEPOSIT)
    held = receivable(X, "HD1", "HYDDEP", "2026-03-01", 150000)
    office.take("receivables", "deposit.csv", receivables_csv([held]))
    receipt = pay(office, 150000, "HD1")
    book = balanced(office)
    assert book[("510", "2300")] == -150000
    office.take("receivables", "meter.csv", receivables_csv([held, *charges]))
    accept_all(office)
    office.process()
    assert book[("510", "2300")] == -150000  # kept apart: it pays no charge by itself
    return office, receipt


def test_e48_a_deposit_pays_usage_and_damage_and_the_rest_is_refunded(tmp_path: Path) -> None:
    charges = [
        receivable(X, "HU1", "HYDRANT", "2026-03-28", 42315),
        receivable(X, "HX1", "DAMAGE", "2026-03-28", 18500),
    ]
    office, receipt = hydrant(tmp_path, charges)
    try:
        before = balanced(office)
        identity = asked_for(office, "release", receipt, "meter came back")
        assert "DEPOSIT_RELEASE_REQUESTED" in [row["code"] for row in office.rows("exceptions")]
        assert balanced(office) == before
        with pytest.raises(RefusedError, match="ERROR_SELF"):
            ask(office, "jane", "approve", identity, "")
        assert "891.85 to be refunded" in ask(office, "ken", "approve", identity, "")
        assert moved(before, balanced(office)) == {
            ("510", "2300"): 150000, ("510", "1110"): -150000 + 42315, ("510", "1200"): -42315,
            ("110", "1110"): 18500, ("110", "1200"): -18500,
            ("100", "2080"): 150000 - 42315 - 18500, ("100", "2120"): -89185,
        }  # fmt: skip
        assert office.applied() == {"HU1": 42315, "HX1": 18500}
        assert office.open_cents() == {}
        office.prove()
        statements(office, "2026-03")
        with pytest.raises(RefusedError, match="nothing of this payment is a deposit"):
            ask(office, "jane", "release", receipt, "again")
    finally:
        office.close()


def test_e48_usage_beyond_the_deposit_stays_owed(tmp_path: Path) -> None:
    office, receipt = hydrant(tmp_path, [receivable(X, "HU1", "HYDRANT", "2026-03-28", 160000)])
    try:
        ask(office, "ken", "approve", asked_for(office, "release", receipt, "meter is back"), "")
        book = balanced(office)
        assert ("510", "2300") not in book
        assert ("100", "2120") not in book
        assert (office.open_cents(), office.applied()) == ({"HU1": 10000}, {"HU1": 150000})
        office.prove()
        statements(office, "2026-03")
    finally:
        office.close()
