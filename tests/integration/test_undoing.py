"""Every kind of decision has a reversing one, or says what to do instead; and what the bank says
after a person said it first. The books balance by fund after each, and are what they were."""

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
from queueoffice import BOTH, Desk, asker, balanced, database, moved
from sqlalchemy import select
from test_monthend import statements

from recond.errors import RefusedError
from recond.store import schema
from tests.unit.achfiles import Batch, Entry, build, returned

X, Y = "1000456012", "1000456020"
MON, TUE, THU, FRI = (dt.date(2026, 3, day) for day in (16, 17, 19, 20))
LATER = dt.date(2026, 4, 2)
MORE = """
[ach]
company_ids = ["1866000111"]
[[return_fee]]
amount = "25.00"
"""
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-28", 8800),
    receivable(Y, "YG1", "SANITATION", "2026-03-28", 5000),
]


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request), MORE)
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    balanced(made)
    made.prove()
    statements(made, "2026-03", FRI)  # every one ties
    made.close()


ask = asker(FRI)


def approve(office: Office, said: str) -> str:
    return ask(office, "ken", "approve", said.rsplit("(", 1)[1].rstrip(")"), "")


def last(office: Office) -> str:
    """The id of the last decision."""
    made = schema.decision_made.c
    with office.run().store.read() as connection:
        return str(connection.scalars(
            select(made.decision_id).order_by(made.decision_no.desc())
        ).first())  # fmt: skip


def undo(office: Office, decision: str | None = None) -> str:
    return ask(office, "jane", "undo", decision or last(office), "a mistake")


def lockbox(office: Office, *checks: tuple[int, str], name: str = "day.bai") -> list[str]:
    made = [check(amount, (to, None), number=f"{4711 + n}") for n, (amount, to) in
            enumerate(checks)]  # fmt: skip
    content = lockbox_file(made, MON, time=f"09{len(office.rows('files')):02d}")
    assert office.take("lockbox", name, content, MON).state == "accepted"
    return [str(row["receipt_id"]) for row in office.rows("receipts")]


def bank(office: Office, *lines: tuple[str, int, str], day: dt.date = THU) -> None:
    opening = sum(cents(row["amount"]) for row in office.rows("bank_lines"))
    content = statement(opening, list(lines), day)
    assert office.take("bank", f"{day}-{opening}.bai2", content, FRI).state == "accepted"


def answer(desk: Desk, code: str, action: str, to: str = "", today: dt.date = FRI) -> str:
    """Answer the one question of a code; status and message."""
    (row,) = [row for row in desk.rows(today) if row["reason"] == code]
    row |= {"action": action, "to_account": to, "note": "n"}
    (found,) = desk.bring(desk.write([row]), "jane", today)
    return f"{found['status']}: {found['message']}"


# --- decisions of one person ----------------------------------------------------------------------


@BOTH
def test_a_credit_that_was_linked_to_the_wrong_deposit(office: Office, desk: Desk) -> None:
    lockbox(office, (5000, Y))
    bank(office, ("399", 4900, "MISC CREDIT"))
    (deposit,) = office.rows("deposits")
    before = balanced(office)
    for _ in range(2):  # linked, unlinked, linked and unlinked again
        assert answer(desk, "BANK_CREDIT_UNMATCHED", "link", deposit["deposit_id"])[:7] == "APPLIED"
        assert office.questions() == ["DEPOSIT_AMOUNT_DIFFERS"]
        assert "undone by jane" in undo(office)
        assert balanced(office) == before
        assert sorted(office.questions()) == ["BANK_CREDIT_UNMATCHED", "DEPOSIT_NOT_CREDITED"]
        assert office.rows("deposits") == [deposit]
        (line,) = office.rows("bank_lines")
        assert line["state"] == "suspense"
        office.prove()
    with pytest.raises(RefusedError, match="undone before"):
        undo(office, _decision(office, "link"))
    assert answer(desk, "BANK_CREDIT_UNMATCHED", "assign", Y)[:7] == "APPLIED"


def _decision(office: Office, action: str) -> str:
    made = schema.decision_made.c
    with office.run().store.read() as connection:
        return str(connection.scalars(
            select(made.decision_id).where(made.action == action).order_by(made.decision_no)
        ).first())  # fmt: skip


def test_a_deposit_that_was_linked_to_the_wrong_line(office: Office, desk: Desk) -> None:
    lockbox(office, (5000, Y))
    bank(office, ("399", 4900, "MISC CREDIT"))
    office.process(FRI)
    before = balanced(office)
    assert "DEPOSIT_NOT_CREDITED" in office.questions()
    (line,) = office.rows("bank_lines")
    said = answer(desk, "DEPOSIT_NOT_CREDITED", "link", line["bank_line_id"])
    assert said == f"APPLIED: 49.00 linked to {line['bank_line_id'].upper()}"
    decision = last(office)
    undo(office)
    assert balanced(office) == before
    assert sorted(office.questions()) == ["BANK_CREDIT_UNMATCHED", "DEPOSIT_NOT_CREDITED"]
    with pytest.raises(RefusedError, match="undone before"):
        undo(office, decision)


def counter(number: str, amount: str, **more: str) -> dict[str, str]:
    row = {"receipt_number": number, "drawer": "D1", "cashier": "kim", "business_date":
           "2026-03-16", "time": "09:00", "account_number": Y, "item_number": "", "tender": "CASH",
           "amount": amount, "void_of": "", "approved_by": ""}  # fmt: skip
    return row | more


def test_a_void_that_was_linked_to_the_wrong_receipt(office: Office, desk: Desk) -> None:
    rows = [counter("1", "50.00"), counter("2", "-50.00", void_of="9", approved_by="lee")]
    office.take("cashier", "c.csv", csv_text(rows), MON)
    before = balanced(office)
    (receipt,) = office.rows("receipts")
    assert answer(desk, "VOID_WITHOUT_ORIGINAL", "link", receipt["receipt_id"])[:7] == "APPLIED"
    assert office.rows("receipts")[0]["state"] == "voided"
    undo(office)
    assert balanced(office) == before
    assert office.rows("receipts")[0]["state"] == "applied"
    assert office.applied() == {"YG1": 5000}
    assert "VOID_WITHOUT_ORIGINAL" in office.questions()


def test_a_confirmation_and_a_hold_are_only_asked_again(office: Office, desk: Desk) -> None:
    lockbox(office, (800, "NOBODY"))
    before = balanced(office)
    assert answer(desk, "ACCOUNT_NOT_FOUND", "hold")[:7] == "APPLIED"
    undo(office)
    assert [r["status"] for r in office.rows("exceptions")] == ["open"]
    assert balanced(office) == before
    undone = last(office)
    with pytest.raises(RefusedError, match=r"\(undo\): answer its question again instead"):
        undo(office, undone)


# --- returned items -------------------------------------------------------------------------------


def charges(office: Office) -> list[str]:
    return [f"{row['kind']} {row['amount']}" for row in office.rows("charges", FRI)]


@BOTH
def test_a_debit_meets_the_payment_of_which_a_person_said_it_before(
    office: Office, desk: Desk
) -> None:
    lockbox(office, (8800, "NOBODY"), (5000, Y))
    bank(office, ("115", 13800, "LOCKBOX 0012345"), day=TUE)
    before = balanced(office)
    assert answer(desk, "ACCOUNT_NOT_FOUND", "return_item", today=TUE)[:7] == "APPLIED"
    decision = last(office)
    assert (charges(office), office.questions()) == ([], [])  # nobody's account: no fee
    undo(office, decision)  # it was a mistake …
    assert balanced(office) == before
    assert office.rows("returns") == []
    assert answer(desk, "ACCOUNT_NOT_FOUND", "return_item", today=TUE)[:7] == "APPLIED"  # … or not
    # the debit comes later than any window of days, and names the check
    content = statement(13800, [("555", 8800, "RETURNED CHECK 4711")], LATER)
    office.take("bank", "april.bai2", content, LATER)
    assert "RETURN_REPEATED" not in office.questions()
    (row,) = office.rows("returns", LATER)
    assert (row["kind"], row["state"]) == ("SAID", "debited")
    assert ("100", "1080") not in balanced(office)
    with pytest.raises(RefusedError, match="the bank's debit met it already"):
        undo(office)


def test_the_networks_record_meets_what_a_person_said(office: Office, desk: Desk) -> None:
    entries = [Entry("27", 8800, "nobody", "PAT PAYER", trace=1)]
    batch = Batch(entries, service="225", company_id="1866000111", effective="260316")
    office.take("ach", "autopay.ach", build([batch], date="260313"), MON)
    assert answer(desk, "ACCOUNT_NOT_FOUND", "return_item", today=TUE)[:7] == "APPLIED"
    trace = office.rows("receipts")[0]["trace_number"]
    back = Batch([Entry("26", 8800, addenda=returned("R01", trace))], company_id="1866000111",
                 effective="260319")  # fmt: skip
    office.take("ach", "back.ach", build([back], date="260319"), THU)
    office.process(FRI)
    assert "RETURN_REPEATED" not in office.questions()
    assert [(r["kind"], cents(r["reversed_amount"])) for r in office.rows("returns")] == [
        ("SAID", 8800), ("RETURN", 0),
    ]  # fmt: skip


def test_a_tied_return_is_untied_and_tied_to_the_right_payment(office: Office, desk: Desk) -> None:
    first, second = lockbox(office, (5000, Y), (5000, "NOBODY"))
    back = Batch([Entry("26", 5000, addenda=returned("R01", "122099980000001"))],
                 company_id="1866000111", effective="260317")  # fmt: skip
    office.take("ach", "back.ach", build([back], date="260317"), TUE)
    office.process(THU)
    before = balanced(office)
    assert answer(desk, "RETURN_NOT_FOUND", "link", first)[:7] == "APPLIED"
    assert office.applied() == {}
    assert charges(office) == ["RETURN_FEE 25.00"]
    undo(office)
    assert balanced(office) == before
    assert office.applied() == {"YG1": 5000}
    assert charges(office) == ["RETURN_FEE 25.00", "RETURN_FEE_CANCELLED 25.00"]
    assert "RETURN_NOT_FOUND" in office.questions()
    for _ in range(2):  # the same again is charged again, and cancelled again
        assert answer(desk, "RETURN_NOT_FOUND", "link", first)[:7] == "APPLIED"
        undo(office)
    assert len({row["charge_id"] for row in office.rows("charges", FRI)}) == 6
    assert answer(desk, "RETURN_NOT_FOUND", "link", second)[:7] == "APPLIED"
    assert office.applied() == {"YG1": 5000}
    assert "RETURN_NOT_FOUND" not in office.questions()


def test_change_is_back_with_its_check(office: Office, desk: Desk) -> None:
    """The check that a return was tied to had 12.00 of change: both go off, both come back."""
    rows = [counter("1", amount, account_number=X, tender=tender)
            for tender, amount in (("CHECK", "100.00"), ("CASH", "-12.00"))]  # fmt: skip
    office.take("cashier", "c.csv", csv_text(rows), MON)
    back = Batch([Entry("26", 10000, addenda=returned("R01", "122099980000001"))],
                 company_id="1866000111", effective="260317")  # fmt: skip
    office.take("ach", "back.ach", build([back], date="260317"), TUE)
    office.process(THU)
    before = balanced(office)
    assert office.applied() == {"XW1": 8800}
    (one,) = [r["receipt_id"] for r in office.rows("receipts") if r["tender"] == "CHECK"]
    assert answer(desk, "RETURN_NOT_FOUND", "link", one)[:7] == "APPLIED"
    assert (office.applied(), moved(before, balanced(office)) != {}) == ({}, True)
    undo(office)
    assert (office.applied(), balanced(office)) == ({"XW1": 8800}, before)


# --- debits that nothing explains -----------------------------------------------------------------


@BOTH
def test_a_debit_is_linked_to_the_payment_that_it_takes_back(office: Office, desk: Desk) -> None:
    (receipt,) = lockbox(office, (5000, Y))
    bank(office, ("115", 5000, "LOCKBOX 0012345"), day=TUE)
    bank(office, ("495", 5000, "DEBIT MEMO"), ("495", 777, "DEBIT MEMO"), day=THU)
    assert office.questions() == ["BANK_DEBIT_UNKNOWN"] * 2
    (row, other) = [r for r in desk.rows(FRI) if r["reason"] == "BANK_DEBIT_UNKNOWN"]
    for to, words in (("R1-1", "no receipt or"), ("", "needs to_account")):
        made = {**row, "action": "link", "to_account": to}
        (found,) = desk.bring(desk.write([made]), "jane", FRI)
        assert found["status"] == "ERROR_ACTION"
        assert words in found["message"]
    (found,) = desk.bring(
        desk.write([{**other, "action": "link", "to_account": receipt}]), "jane", FRI
    )
    assert "is not of that amount" in found["message"]
    (found,) = desk.bring(
        desk.write([{**row, "action": "link", "to_account": receipt}]), "jane", FRI
    )
    assert found["status"] == "APPLIED", found
    assert office.rows("receipts")[0]["state"] == "returned"
    assert charges(office) == ["RETURN_FEE 25.00"]
    assert office.questions() == ["BANK_DEBIT_UNKNOWN"]
    assert balanced(office).get(("100", "1010"), 0) == 0
    with pytest.raises(RefusedError, match="the bank's debit met it already"):
        undo(office)
    said = answer(desk, "BANK_DEBIT_UNKNOWN", "link", "fee")
    assert said == "APPLIED: 7.77 is a fee of the bank"
    assert balanced(office)["100", "5910"] == 777
    with pytest.raises(RefusedError, match="corrected in the general ledger"):
        undo(office)


def test_a_debit_is_linked_to_what_a_returned_item_lets_expect(office: Office, desk: Desk) -> None:
    lockbox(office, (5000, "NOBODY"))
    bank(office, ("115", 5000, "LOCKBOX 0012345"), day=TUE)
    assert answer(desk, "ACCOUNT_NOT_FOUND", "return_item", today=TUE)[:7] == "APPLIED"
    with office.run().store.read() as connection:
        expected = connection.scalars(
            select(schema.deposit.c.deposit_id).where(schema.deposit.c.kind == "return")
        ).one()
    content = statement(5000, [("495", 5000, "DEBIT MEMO"), ("495", 90, "OTHER")], LATER)
    office.take("bank", "april.bai2", content, LATER)
    rows = [r for r in desk.rows(LATER) if r["reason"] == "BANK_DEBIT_UNKNOWN"]
    made = [{**row, "action": "link", "to_account": expected} for row in rows[::-1]]
    found = desk.bring(desk.write(made), "jane", LATER)
    assert sorted(row["status"] for row in found) == ["APPLIED", "ERROR_ACTION"]
    assert any("is of another amount than the debit of 0.90" in row["message"] for row in found)
    decision = last(office)
    assert office.rows("returns", LATER)[0]["state"] == "debited"
    undo(office, decision)
    assert office.rows("returns", LATER)[0]["state"] == "reversed"
    assert office.questions().count("BANK_DEBIT_UNKNOWN") == 2


def test_a_line_is_linked_from_its_value_date_on(office: Office, desk: Desk) -> None:
    lockbox(office, (5000, Y))
    office.process(FRI)
    bank(office, ("399", 4900, "MISC CREDIT"), day=LATER)
    (line,) = office.rows("bank_lines", LATER)
    said = answer(desk, "DEPOSIT_NOT_CREDITED", "link", line["bank_line_id"])
    assert said.startswith("ERROR_ACTION")
    assert "has the value date 2026-04-02 and is in the books from that day on" in said


# --- what needed another person -------------------------------------------------------------------


@BOTH
def test_a_write_off_is_reinstated(office: Office) -> None:
    before = balanced(office)
    approve(office, ask(office, "jane", "write_off", X, None, "moved away"))
    decision = _decision(office, "write_off")
    said = undo(office, decision)
    assert said.startswith("PENDING_APPROVAL")
    assert office.open_cents() == {"YG1": 5000}
    approve(office, said)
    assert balanced(office) == before
    assert office.open_cents() == {"XW1": 8800, "YG1": 5000}
    assert [(r["kind"], cents(r["amount"])) for r in office.rows("adjustments", FRI)] == [
        ("write_off", -8800), ("reinstated", 8800),
    ]  # fmt: skip
    with pytest.raises(RefusedError, match="undone before"):
        undo(office, decision)
    approve(office, ask(office, "jane", "write_off", X, None, "moved away after all"))
    assert office.open_cents() == {"YG1": 5000}


def test_what_was_recovered_since_is_not_reinstated(office: Office, desk: Desk) -> None:
    approve(office, ask(office, "jane", "write_off", X, None, "moved away"))
    (receipt,) = lockbox(office, (1000, "AGENCY"))
    written = balanced(office)
    approve(office, ask(office, "jane", "recover", receipt, X, 500, "a third"))
    said = undo(office, _decision(office, "write_off"))
    with pytest.raises(RefusedError, match="would be recovered than written off"):
        approve(office, said)
    approve(office, undo(office, _decision(office, "recover")))
    assert balanced(office) == written
    assert office.rows("receipts")[0]["state"] == "unidentified"
    assert "REVERSED" in office.questions()  # its money waits again, so somebody is asked
    approve(office, said)
    assert office.open_cents() == {"XW1": 8800, "YG1": 5000}


def test_what_moved_a_payment_last_is_undone_first(office: Office, desk: Desk) -> None:
    (receipt,) = lockbox(office, (4000, "NOBODY"))
    assert answer(desk, "ACCOUNT_NOT_FOUND", "assign", X)[:7] == "APPLIED"
    assigned = last(office)
    approve(office, ask(office, "jane", "transfer", receipt, Y, "his neighbour's"))
    with pytest.raises(RefusedError, match="was moved since; undo what moved it first"):
        undo(office, assigned)
    approve(office, undo(office, _decision(office, "transfer")))
    assert office.applied() == {"XW1": 4000}
    undo(office, assigned)
    assert (office.applied(), office.questions()) == ({}, ["ACCOUNT_NOT_FOUND"])


def test_a_denial_is_not_undone(office: Office) -> None:
    said = ask(office, "jane", "write_off", X, None, "moved away")
    identity = said.rsplit("(", 1)[1].rstrip(")")
    ask(office, "ken", "approve", identity, "he pays", deny=True)
    with pytest.raises(RefusedError, match=r"\(deny\): ask for it again instead"):
        undo(office)
