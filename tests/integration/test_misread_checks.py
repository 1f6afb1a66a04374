"""Checks that were read over too much (domain E61: 90.00 encoded as 900.00): the bank corrects a
part of one, a person says which, and its cents leave the books with the deposit's."""

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
    receivable,
    receivables_csv,
    statement,
)
from queueoffice import Desk, balanced
from sqlalchemy import select
from test_monthend import statements

from recond.model import CREDIT, REFUNDED
from recond.pipeline import moves
from recond.pipeline.handover import export_refunds
from recond.pipeline.moves import Move, Stand
from recond.store import schema

MON, TUE, THU, FRI = (dt.date(2026, 3, day) for day in (16, 17, 19, 20))
LATE = dt.date(2026, 3, 26)
A, B = "1000456012", "1000456020"
ITEMS = [
    receivable(A, "A1", "WATER", "2026-02-10", 5000),
    receivable(A, "A2", "SEWER", "2026-03-28", 20000),
    receivable(B, "B1", "WATER", "2026-03-28", 100000),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url, '\n[[return_fee]]\ncodes = ["555"]\namount = "25.00"\n')
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    balanced(made)
    made.prove()
    statements(made, "2026-03")  # every one ties
    proved = [cents(row["difference"]) for row in made.rows("proof_of_cash", LATE)]
    assert set(proved) == {0}
    made.close()


def paid(office: Office, credited: int, *checks: tuple[int, str, str]) -> None:
    """Checks of one lockbox (cents, account, number), and what the bank credits that day."""
    some = [check(amount, (account, None), number=number) for amount, account, number in checks]
    office.take("lockbox", "mon.bai", lockbox_file(some, MON), MON)
    lines = [("115", credited, "LOCKBOX 0012345")]
    office.take("bank", "mon.bai2", statement(0, lines, MON), TUE)


def corrected(office: Office, opening: int, amount: int, code: str = "415") -> None:
    lines = [(code, amount, "LOCKBOX ADJUSTMENT CHECK 4711")]
    office.take("bank", "thu.bai2", statement(opening, lines, THU), FRI)


def of(office: Office, number: str) -> dict[str, object]:
    """The receipt of a check."""
    (found,) = [r for r in office.rows("receipts") if str(r["check_number"]).lstrip("0") == number]
    return found


def buckets(office: Office, number: str = "4711") -> dict[str, int]:
    row = of(office, number)
    names = ("applied", "on_account", "suspense")
    return {name: cents(row[f"{name}_amount"]) for name in names if row[f"{name}_amount"]}  # type: ignore[arg-type]


def link(office: Office, tmp_path: Path, code: str, number: str = "4711") -> tuple[str, str]:
    return answer(office, tmp_path, code, "link", str(of(office, number)["receipt_id"]))


def answer(
    office: Office, tmp_path: Path, code: str, action: str, to: str, day: dt.date = FRI
) -> tuple[str, str]:
    """Status and message of an answer to the one question of that code."""
    desk = Desk(office, tmp_path / "clerk")
    (row,) = [row for row in desk.rows(day) if row["reason"] == code]
    path = desk.write([{**row, "action": action, "to_account": to}])
    (done,) = desk.bring(path, today=day)
    return done["status"], done["message"]


def test_e61_the_bank_corrects_a_part_and_a_person_names_the_check(
    office: Office, tmp_path: Path
) -> None:
    paid(office, 90000, (90000, A, "4711"))
    assert buckets(office) == {"applied": 25000, "on_account": 65000}
    corrected(office, 90000, 81000)
    assert office.asked() == [("BANK_DEBIT_UNKNOWN", 81000)]
    (told,) = [r["message"] for r in office.rows("exceptions") if r["code"] == "BANK_DEBIT_UNKNOWN"]
    assert "it corrects check 0000004711 over 900.00" in told
    assert office.rows("returns") == []  # nobody guesses
    status, words = link(office, tmp_path, "BANK_DEBIT_UNKNOWN")
    assert (status, "810.00" in words) == ("APPLIED", True)
    # as if it had been read right: the older item in full, the next one in part
    assert office.applied() == {"A1": 5000, "A2": 4000}
    assert buckets(office) == {"applied": 9000}
    (row,) = office.rows("returns")
    assert (row["kind"], row["state"], cents(row["reversed_amount"])) == (
        "LOCKBOX_ADJUSTMENT", "debited", 81000,
    )  # fmt: skip
    journal = office.journal()
    assert journal["100", "1010"] == 9000
    assert ("100", "1080") not in journal
    assert (office.rows("charges"), office.asked()) == ([], [])


def test_the_rest_of_a_corrected_check_bounces_and_comes_again(
    office: Office, tmp_path: Path
) -> None:
    paid(office, 90000, (90000, A, "4711"))
    corrected(office, 90000, 81000)
    link(office, tmp_path, "BANK_DEBIT_UNKNOWN")
    for code, amount, opening, text in (
        ("555", 9000, 9000, "RETURNED CHECK 4711"), ("301", 9000, 0, "REDEPOSITED CHECK 4711"),
    ):  # fmt: skip
        lines = [(code, amount, text)]
        office.take("bank", f"{code}.bai2", statement(opening, lines, FRI), FRI)
        if code == "555":
            assert office.open_cents() == {"A1": 5000, "A2": 20000, "B1": 100000}
    assert office.applied() == {"A1": 5000, "A2": 4000}
    kinds = [row["kind"] for row in office.rows("returns")]
    assert kinds == ["LOCKBOX_ADJUSTMENT", "BANK_RETURN", "REDEPOSIT"]
    assert [cents(row["amount"]) for row in office.rows("charges")] == [2500]
    assert office.asked() == []


def test_a_corrected_check_comes_again_only_over_what_it_is_worth(
    office: Office, tmp_path: Path
) -> None:
    """Another check of the amount that it was first read over came back too."""
    paid(office, 180000, (90000, A, "4711"), (90000, B, "4712"))
    corrected(office, 180000, 81000)
    link(office, tmp_path, "BANK_DEBIT_UNKNOWN")
    lines = [("555", 9000, "RETURNED CHECK 4711"), ("555", 90000, "RETURNED CHECK 4712"),
             ("301", 90000, "REDEPOSITED CHECK 4711")]  # fmt: skip
    office.take("bank", "fri.bai2", statement(99000, lines, FRI), FRI)
    assert (of(office, "4711")["state"], of(office, "4712")["state"]) == ("returned", "returned")
    kinds = [row["kind"] for row in office.rows("returns")]
    assert kinds == ["LOCKBOX_ADJUSTMENT", "BANK_RETURN", "BANK_RETURN"]
    assert ("BANK_CREDIT_UNMATCHED", 90000) in office.asked()


def test_money_that_waits_is_corrected_first_and_what_is_left_still_waits(
    office: Office, tmp_path: Path
) -> None:
    paid(office, 90000, (90000, "NOBODY", "4711"))
    corrected(office, 90000, 81000)
    assert link(office, tmp_path, "BANK_DEBIT_UNKNOWN")[0] == "APPLIED"
    assert buckets(office) == {"suspense": 9000}
    assert office.asked() == [("ACCOUNT_NOT_FOUND", 9000)]
    assert answer(office, tmp_path, "ACCOUNT_NOT_FOUND", "assign", A)[0] == "APPLIED"
    assert office.applied() == {"A1": 5000, "A2": 4000}


def test_a_correction_is_of_no_more_than_the_check_and_of_no_returned_item(
    office: Office, tmp_path: Path
) -> None:
    paid(office, 99000, (90000, A, "4711"), (9000, A, "4712"))
    corrected(office, 99000, 9500)
    status, words = link(office, tmp_path, "BANK_DEBIT_UNKNOWN", "4712")
    assert (status, "not of that amount" in words) == ("ERROR_ACTION", True)
    assert link(office, tmp_path, "BANK_DEBIT_UNKNOWN")[0] == "APPLIED"
    # a returned item goes back as a whole (domain E21)
    lines = [("555", 500, "RETURNED CHECK 4711")]
    office.take("bank", "fri.bai2", statement(89500, lines, FRI), FRI)
    office.process(LATE)
    receipt = str(of(office, "4711")["receipt_id"])
    status, words = answer(office, tmp_path, "BANK_DEBIT_UNKNOWN", "link", receipt, LATE)
    assert (status, "not of that amount" in words) == ("ERROR_ACTION", True)
    assert buckets(office) == {"applied": 25000, "on_account": 55500}


def test_the_credit_is_right_and_a_check_of_the_file_was_read_over_too_much(
    office: Office, tmp_path: Path
) -> None:
    """E34 the other way: no correction will come, for the bank credited what the checks are."""
    paid(office, 29000, (90000, A, "4711"), (20000, B, "4712"))
    assert office.asked() == [("DEPOSIT_AMOUNT_DIFFERS", -81000)]
    status, words = link(office, tmp_path, "DEPOSIT_AMOUNT_DIFFERS", "4712")
    assert (status, "no more than the difference" in words) == ("ERROR_ACTION", True)
    other = lockbox_file([check(99000, (B, None), number="4713")], MON, box="0099999", time="1000")
    office.take("lockbox", "other.bai", other, TUE)
    till = [{"receipt_number": "1", "drawer": "D1", "cashier": "amy", "time": "09:00",
             "business_date": str(MON), "account_number": B, "item_number": "",
             "tender": "CHECK", "amount": "990.00", "check_number": "4714"}]  # fmt: skip
    office.take("cashier", "till.csv", csv_text(till), TUE)
    for number, why in (("4713", "no check of that deposit"), ("4714", "only a check of a lock")):
        status, words = link(office, tmp_path, "DEPOSIT_AMOUNT_DIFFERS", number)
        assert (status, why in words) == ("ERROR_ACTION", True), words
    status, words = link(office, tmp_path, "DEPOSIT_AMOUNT_DIFFERS")
    assert (status, "810.00 less" in words) == ("APPLIED", True)
    assert office.applied() == {"A1": 5000, "A2": 4000, "B1": 100000}
    (deposit,) = [row for row in office.rows("deposits") if row["reference"] == "0012345"]
    assert (deposit["state"], cents(deposit["credited_amount"])) == ("reconciled", 29000)
    journal = office.journal()
    assert (journal["100", "1010"], journal["100", "1080"]) == (29000, 99000)
    assert "DEPOSIT_AMOUNT_DIFFERS" not in office.questions()
    (row,) = office.rows("returns")
    assert (row["kind"], cents(row["reversed_amount"])) == ("LOCKBOX_ADJUSTMENT", 81000)


def test_what_came_back_of_a_refund_is_charged_once(office: Office, tmp_path: Path) -> None:
    """300.00 left as a refund, 100.00 more are in no file yet; the bank takes a part of the check
    back, then the rest: the payer owes the 300.00 that he had, and no cent of the other."""
    paid(office, 90000, (90000, A, "4711"))
    refunded(office, 30000)
    assert export_refunds(office.run(TUE)) is not None
    refunded(office, 10000)
    corrected(office, 90000, 50000)  # 250.00 on account, then 250.00 of what was refunded
    assert link(office, tmp_path, "BANK_DEBIT_UNKNOWN")[0] == "APPLIED"
    assert buckets(office) == {"applied": 25000}
    lines = [("555", 40000, "RETURNED CHECK 4711")]
    office.take("bank", "fri.bai2", statement(40000, lines, FRI), FRI)
    charged = [cents(r["amount"]) for r in office.rows("charges") if r["kind"] != "RETURN_FEE"]
    assert charged == [25000, 5000]
    assert export_refunds(office.run(LATE)) is None


def refunded(office: Office, amount: int) -> None:
    """So much of what the one check left on account is owed to its payer."""
    run = office.run(TUE)
    with run.write() as connection:
        (number,) = connection.scalars(select(schema.receipt.c.receipt_no))
        (owner,) = moves.standing(connection, [number]).values()
        (credit,) = [stand for stand in owner.stands if stand.bucket == CREDIT]
        there = [Stand(REFUNDED, amount, credit.account_key),
                 Stand(CREDIT, credit.cents - amount, credit.account_key)]  # fmt: skip
        move = Move(number, "refund", "asked for", [credit], there)
        moves.write(connection, run, [move], "refund", "asked for")


def test_a_check_that_the_bank_did_not_credit_at_all_was_not_read_over_too_much(
    office: Office, tmp_path: Path
) -> None:
    paid(office, 90000, (90000, A, "4711"), (20000, B, "4712"))
    status, words = link(office, tmp_path, "DEPOSIT_AMOUNT_DIFFERS", "4712")
    assert (status, "no more than the difference" in words) == ("ERROR_ACTION", True)
