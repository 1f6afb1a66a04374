"""Worked examples of numbers at the counter, of money that is dated later than its file, and of
codes by which banks credit a lockbox (domain E30, E34, E43b)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, cents, check, lockbox_file, receivable, receivables_csv, statement
from queueoffice import BOTH, database
from test_domain_bank import clearing_balances, close
from test_monthend import rows, statements

from recond.exports.statements.base import Statement

MON, TUE = dt.date(2026, 3, 16), dt.date(2026, 3, 17)
MARCH, APRIL = dt.date(2026, 3, 31), dt.date(2026, 4, 2)
A, B = "1000000001", "1000000003"
HEAD = "receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,amount,void_of,approved_by\n"  # fmt: skip  # noqa: E501


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request))
    owed = [receivable(A, "W1", "WATER", "2026-04-28", 90000),
            receivable(B, "W3", "WATER", "2026-04-28", 90000)]  # fmt: skip
    made.take("receivables", "open.csv", receivables_csv(owed), MON)
    yield made
    made.prove()
    made.close()


@BOTH
def test_e30_a_void_keeps_its_number_and_one_that_nobody_approved_is_asked_about(
    office: Office,
) -> None:
    """000187 over 65.00 is voided by 000188 at 14:02 with a supervisor; 000190 voids 000189 with
    none. No number is missing, and what is not approved takes nothing out of the books."""
    lines = [
        f"000187,D1,amy,2026-03-16,09:00,{B},,CASH,65.00,,",
        f"000188,D1,amy,2026-03-16,14:02,{B},,CASH,-65.00,000187,lee",
        f"000189,D1,amy,2026-03-16,14:10,{B},,CASH,12.00,,",
        f"000190,D1,amy,2026-03-16,14:12,{B},,CASH,-12.00,000189,",
    ]
    office.take("cashier", "till.csv", HEAD + "\n".join(lines) + "\n", MON)
    assert office.asked() == [("VOID_NOT_APPROVED", 1200)]
    told = {row["sequence"]: row["state"] for row in office.rows("receipts")}
    assert told == {"000187": "voided", "000189": "applied"}
    close(office, 20000 + 1200, 0, MON)
    assert office.asked() == [("VOID_NOT_APPROVED", 1200)]  # neither short nor a gap
    assert clearing_balances(office) == {"1083": 1200}
    listed = rows(statements(office, "2026-03")["voids_and_gaps"])
    assert sorted(str(row["kind"]) for row in listed) == ["void", "void without effect"]


@pytest.mark.parametrize("code", ["115", "116", "118"])
def test_e34_every_code_of_a_lockbox_brings_its_deposit(office: Office, code: str) -> None:
    """118 is the lockbox credit of BAI2, beside 115 (deposit) and 116 (item in it)."""
    office.take("lockbox", "a.bai", lockbox_file([check(34182, (A, None))], MON), MON)
    content = statement(0, [(code, 34182, "LOCKBOX 0012345")], MON)
    office.take("bank", "a.bai2", content, TUE)
    (deposit,) = office.rows("deposits")
    assert (deposit["state"], clearing_balances(office)) == ("reconciled", {})
    assert [cents(row["amount"]) for row in office.rows("clearings")] == [34182]
    assert office.asked() == []


@BOTH
def test_e43b_money_of_a_later_day_waits_for_it_and_its_batch_still_counts(office: Office) -> None:
    """A file of 03-31 with a check dated 04-02: both batches agree with their totals, one check
    waits, and March knows nothing of it."""
    text = lockbox_file([[check(10400, (A, None))], [check(5000, (A, None))]], MARCH)
    for record in ("5002000", "7002000"):
        text = text.replace(f"{record}0012345260331", f"{record}0012345260402")
    outcome = office.take("lockbox", "a.bai", text, MARCH)
    assert (outcome.state, "1 wait" in outcome.message) == ("accepted", True), outcome.message
    (file,) = [row for row in office.rows("files", MARCH) if row["name"] == "a.bai"]
    assert (file["declared_count"], cents(file["found_amount"])) == (2, 15400)
    assert [row["state"] for row in office.rows("receipts", MARCH)] == ["applied", "held"]
    assert [cents(row["amount"]) for row in office.rows("deposits", MARCH)] == [10400]
    march = statements(office, "2026-03", MARCH)
    assert taken(march) == 10400
    office.process(APRIL)
    assert [row["state"] for row in office.rows("receipts", APRIL)] == ["applied", "applied"]
    days = [(row["business_date"], cents(row["amount"])) for row in office.rows("deposits", APRIL)]
    assert days == [(MARCH, 10400), (APRIL, 5000)]
    assert taken(statements(office, "2026-03", APRIL)) == 10400
    assert taken(statements(office, "2026-04", APRIL)) == 5000


def taken(made: dict[str, Statement]) -> int:
    """Cents of the deposits of a month."""
    return sum(cents(str(row["receipts"])) for row in rows(made["deposit_register"]))


@BOTH
def test_a_close_that_comes_again_moves_nothing_and_is_asked_about(office: Office) -> None:
    till = HEAD + f"1,D1,alvarez,{MON},09:00,{B},,CASH,65.00,,\n"
    office.take("cashier", "till.csv", till, MON)
    close(office, 20000 + 6500, 0, MON)
    before = (office.rows("deposits"), office.journal())
    close(office, 20000 + 6500, 0, MON, counts="100.00=2;50.00=1;5.00=3")  # the same count
    assert office.asked() == []
    close(office, 20000 + 6000, 500, TUE)  # a recount of the same bag: the same sum
    close(office, 20000 + 6400, 0, TUE)
    assert office.asked() == [("CLOSE_CONFLICT", 0), ("CLOSE_CONFLICT", -100)]
    assert (office.rows("deposits"), office.journal()) == before
    told = [row["message"] for row in office.rows("exceptions", TUE)][-1]
    assert "cash 264.00 and checks 0.00; it came before in close2026-03-16.csv, line 2, and" in told
    # a receipt that comes late is the first close's, and the others stay what they are
    office.take("cashier", "late.csv", HEAD + f"2,D1,alvarez,{MON},09:30,{B},,CASH,1.00,,\n", TUE)
    assert office.asked()[-1] == ("DRAWER_SHORT", -100)
    assert office.rows("deposits") == before[0]
