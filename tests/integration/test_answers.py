"""Answers of clerks become entries: every action, every row status, in the contract's order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, cents, check, lockbox_file, receivable, receivables_csv
from queueoffice import BOTH, Desk, database, state

X, Y, ZEROS = "1000456012", "1000456020", "0000123450"
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-01", 5000),
    receivable(X, "XS1", "SEWER", "2026-03-20", 3000),
    receivable(Y, "YG1", "SANITATION", "2026-03-10", 8800),
    receivable(ZEROS, "ZW1", "WATER", "2026-03-10", 700),
]


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request))
    made.take("receivables", "open.csv", receivables_csv(ITEMS))
    yield made
    made.prove()
    made.close()


def pay(office: Office, *checks: tuple[int, str], name: str = "pay.bai") -> None:
    """Checks of a lockbox: cents and what the stub says."""
    made = [check(amount, (stub, None), payer="WHITE MAIL") for amount, stub in checks]
    assert office.take("lockbox", name, lockbox_file(made)).state == "accepted"


def suspense(office: Office, amount: int = 8000) -> None:
    pay(office, (amount, "NOBODY"))


def test_assign_pays_the_accounts_items_in_order_and_the_rest_on_account(
    office: Office, desk: Desk
) -> None:
    suspense(office, 8800)
    assert desk.waits()
    status, message = desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", X)
    assert status == "APPLIED"
    assert "80.00 on items, 8.00 on account" in message
    assert office.applied() == {"XW1": 5000, "XS1": 3000}
    assert state(office) == {
        "state": "partial", "applied_amount": "80.00", "on_account_amount": "8.00",
        "suspense_amount": "0.00",
    }  # fmt: skip
    assert office.questions() == []
    assert not desk.waits()
    (row, _) = office.rows("applications")
    assert (row["decided_by"], row["rule"]) == ("jane", "assign")
    journal = office.journal()
    assert ("100", "2100") not in journal
    assert (journal[("100", "2110")], journal[("510", "1110")]) == (-800, 5000)


def test_assign_to_an_item_pays_that_item(office: Office, desk: Desk) -> None:
    suspense(office, 3500)
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", "XS1")[0] == "APPLIED"
    assert office.applied() == {"XS1": 3000}
    assert state(office)["on_account_amount"] == "5.00"


@BOTH
def test_a_part_is_applied_and_the_rest_stays_asked(office: Office, desk: Desk) -> None:
    suspense(office, 8000)
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "assign", Y, amount_to_apply="$1,000.00") == (
        "ERROR_ACTION", "1000.00 is more than the 80.00 in question",
    )  # fmt: skip
    status, message = desk.answer(row, "assign", Y, amount_to_apply="20.5")
    assert (status, "59.50 stay" in message) == ("APPLIED", True)
    assert state(office)["suspense_amount"] == "59.50"
    (again,) = desk.rows()
    assert again["amount"] == "59.50 USD"
    assert desk.answer(row, "assign", Y)[0] == "STALE"
    assert desk.answer(again, "assign", Y)[0] == "APPLIED"
    assert office.applied() == {"YG1": 8000}


def test_split_over_accounts_and_items(office: Office, desk: Desk) -> None:
    suspense(office, 8410)
    row = desk.row("ACCOUNT_NOT_FOUND")
    status, message = desk.answer(row, "split", f"{Y}=50.00; XW1=34.00")
    assert status == "ERROR_ACTION"
    assert "84.00, not to 84.10 (difference 0.10)" in message
    assert desk.answer(row, "split", f"{Y} 50.00")[0] == "ERROR_ACTION"
    assert desk.answer(row, "split", f"acct {Y}=50.00; item XW1=34.10")[0] == "APPLIED"
    assert office.applied() == {"YG1": 5000, "XW1": 3410}


def test_on_account_needs_to_know_whose(office: Office, desk: Desk) -> None:
    suspense(office)
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "on_account")[0] == "ERROR_ACTION"
    assert desk.answer(row, "on_account", X)[0] == "APPLIED"
    assert state(office)["on_account_amount"] == "80.00"
    assert office.applied() == {}


@BOTH
def test_accept_takes_the_suggestion(office: Office, desk: Desk) -> None:
    pay(office, (8800, "1000456090"))  # one digit differs, the amount is due
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert row["suggest_1"].startswith(f"acct {Y}")
    assert desk.answer(row, "accept_2")[0] == "ERROR_ACTION"
    edited = {**row, "suggest_1": f"acct {X} due 1.00 USD"}
    assert desk.answer(edited, "Accept-1")[0] == "APPLIED"
    assert office.applied() == {"YG1": 8800}


def test_changed_suggestions_make_an_accept_stale(office: Office, desk: Desk) -> None:
    pay(office, (8800, "1000456090"))
    row = desk.row("ACCOUNT_NOT_FOUND")
    more = [*ITEMS, receivable("1000456070", "N1", "WATER", "2026-03-10", 4000)]
    office.take("receivables", "more.csv", receivables_csv(more))
    assert desk.answer(row, "accept_1")[0] == "STALE"
    assert desk.answer(row, "assign", Y)[0] == "APPLIED"


def closed_account(office: Office) -> None:
    office.take("receivables", "accounts.csv",
                f"account_number,customer_name,status\n{X},Somebody,closed\n")  # fmt: skip


def test_a_closed_account_takes_the_money_on_account_and_confirming_moves_nothing(
    office: Office, desk: Desk
) -> None:
    closed_account(office)
    pay(office, (24286, X))
    before = office.rows("journal")
    row = desk.row("ACCOUNT_CLOSED")
    assert desk.answer(row, "on_account")[0] == "APPLIED"
    assert office.rows("journal") == before
    assert office.questions() == []


@pytest.mark.parametrize(("action", "to"), [("assign", X), ("on_account", X), ("accept_1", "")])
def test_confirming_in_every_way(office: Office, desk: Desk, action: str, to: str) -> None:
    closed_account(office)
    pay(office, (24286, X))
    before = office.rows("journal")
    assert desk.answer(desk.row("ACCOUNT_CLOSED"), action, to)[0] == "APPLIED"
    assert office.rows("journal") == before


def test_a_clerk_may_name_a_closed_account(office: Office, desk: Desk) -> None:
    closed_account(office)
    suspense(office, 8800)
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", X)[0] == "APPLIED"
    assert state(office)["state"] == "on_account"
    assert office.applied() == {}


def test_money_of_a_closed_account_goes_to_another(office: Office, desk: Desk) -> None:
    closed_account(office)
    pay(office, (8800, X))
    assert desk.answer(desk.row("ACCOUNT_CLOSED"), "assign", Y)[0] == "APPLIED"
    assert office.applied() == {"YG1": 8800}


@BOTH
def test_hold_keeps_the_version_and_ends_on_its_day(office: Office, desk: Desk) -> None:
    import datetime as dt

    suspense(office)
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "hold")[0] == "ERROR_ACTION"
    assert desk.answer(row, "hold", note="asked the bank, until 2026-03-18")[0] == "APPLIED"
    (held,) = office.rows("exceptions")
    assert (held["status"], held["version"]) == ("on_hold", 1)
    assert desk.answer(row, "hold", note="until 2026-03-18")[0] == "ALREADY_DONE"
    office.process(dt.date(2026, 3, 17))
    assert office.rows("exceptions")[0]["status"] == "on_hold"
    office.process(dt.date(2026, 3, 18))
    assert office.rows("exceptions")[0]["status"] == "open"
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", Y)[0] == "APPLIED"


def test_a_held_question_is_answered_at_the_same_version(office: Office, desk: Desk) -> None:
    suspense(office)
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "hold", note="later")[0] == "APPLIED"
    assert desk.answer(row, "assign", Y)[0] == "APPLIED"


@BOTH
def test_twice_is_once(office: Office, desk: Desk) -> None:
    suspense(office)
    row = desk.row("ACCOUNT_NOT_FOUND")
    path = desk.write([{**row, "action": "assign", "to_account": Y}])
    assert [r["status"] for r in desk.bring(path)] == ["APPLIED"]
    before = office.rows("journal")
    (again,) = desk.bring(path, "ken")
    assert (again["status"], "jane" in again["message"]) == ("ALREADY_DONE", True)
    assert desk.answer(row, "assign", X)[0] == "STALE"
    assert desk.answer({**row, "check": row["check"].lower()}, "ASSIGN ", f" {Y}\u00a0")[0] == (
        "ALREADY_DONE"
    )
    assert office.rows("journal") == before


def test_the_same_row_twice_in_one_file(office: Office, desk: Desk) -> None:
    suspense(office)
    row = desk.row("ACCOUNT_NOT_FOUND")
    one, other = (
        {**row, "action": "assign", "to_account": X},
        {**row, "action": "assign", "to_account": Y},
    )
    assert [r["status"] for r in desk.bring(desk.write([one, other]))] == ["CONFLICT"] * 2
    assert office.applied() == {}
    blank = {**row, "action": ""}
    found = desk.bring(desk.write([one, blank, one]))
    assert [r["status"] for r in found] == ["APPLIED", "NOT_DECIDED", "ALREADY_DONE"]


def test_keys_that_are_wrong(office: Office, desk: Desk) -> None:
    pay(office, (100, "NOBODY"), (200, "NOONE"))
    first, second = desk.rows()
    key = first["row_key"]
    other = "A" if key[3] != "A" else "B"
    for wrong in ("", key[:-3], f"RX-{other}{key[4:]}", "MAR-3"):
        assert desk.answer({**first, "row_key": wrong}, "assign", X)[0] == "ERROR_KEY", wrong
    filled = {**second, "row_key": first["row_key"]}
    assert desk.answer(filled, "assign", X)[0] == "ERROR_EDITED"
    assert desk.answer({**first, "row_key": f"{key[:-1]}9"}, "assign", X)[0] == "ERROR_EDITED"
    assert desk.answer({**first, "check": ""}, "assign", X)[0] == "ERROR_EDITED"
    # evidence columns sorted apart from the keys
    apart = {**second, "row_key": first["row_key"], "check": first["check"]}
    assert desk.answer(apart, "assign", X)[0] == "ERROR_EDITED"
    assert desk.answer({**first, "amount": "9,999.00 USD"}, "assign", X)[0] == "ERROR_EDITED"
    assert office.applied() == {}
    bare = {name: first[name] for name in ("row_key", "check")}
    assert desk.answer(bare, "assign", X)[0] == "APPLIED"


def test_accounts_that_are_wrong(office: Office, desk: Desk) -> None:
    suspense(office)
    row = desk.row("ACCOUNT_NOT_FOUND")
    for to in ("", "999", "XW1=5"):
        assert desk.answer(row, "assign", to)[0] == "ERROR_ACTION", to
    assert desk.answer(row, "sell", X)[0] == "ERROR_ACTION"
    assert desk.answer(row, "assign", X, amount_to_apply="1.234")[0] == "ERROR_ACTION"
    assert desk.answer(row, "assign", X, amount_to_apply="-5")[0] == "ERROR_ACTION"
    assert desk.answer(row, "acknowledge", note="seen")[0] == "ERROR_ACTION"


@BOTH
def test_lost_zeros_are_restored_when_something_agrees(office: Office, desk: Desk) -> None:
    pay(office, (500, "NOBODY"), (700, "NOONE"))
    five, seven = desk.rows()
    status, message = desk.answer(five, "assign", "123450")
    assert (status, ZEROS in message) == ("ERROR_ACTION", True)
    status, message = desk.answer(seven, "assign", "123450")
    assert (status, f"read as {ZEROS}" in message) == ("APPLIED", True)
    assert desk.answer(five, "assign", f"acct {ZEROS}")[0] == "APPLIED"


@BOTH
def test_good_rows_apply_beside_bad_ones_or_none(office: Office, desk: Desk) -> None:
    pay(office, (100, "NOBODY"), (200, "NOONE"))
    first, second = desk.rows()
    good = {**first, "action": "assign", "to_account": X}
    bad = {**second, "action": "assign", "to_account": "nowhere"}
    found = desk.bring(desk.write([good, bad]), check=True)
    assert [r["status"] for r in found] == ["APPLIED", "ERROR_ACTION"]
    assert office.applied() == {}
    found = desk.bring(desk.write([good, bad]), all_or_nothing=True)
    assert [r["status"] for r in found] == ["NOT_DECIDED", "ERROR_ACTION"]
    assert office.applied() == {}
    found = desk.bring(desk.write([good, bad]))
    assert [r["status"] for r in found] == ["APPLIED", "ERROR_ACTION"]
    assert office.applied() == {"XW1": 100}
    assert desk.waits()


@BOTH
def test_duplicates(office: Office, desk: Desk) -> None:
    pay(office, (1000, X), (1000, X), (1000, X))
    first, second = [r for r in desk.rows() if r["reason"] == "SUSPECTED_DUPLICATE_PAYMENT"]
    assert desk.answer(first, "not_duplicate")[0] == "APPLIED"
    assert office.applied() == {"XW1": 3000}
    assert desk.answer(second, "duplicate")[0] == "APPLIED"
    assert office.applied() == {"XW1": 2000}
    assert sorted(row["state"] for row in office.rows("receipts")) == [
        "applied", "applied", "voided",
    ]  # fmt: skip


def test_a_refund_needs_another_person(office: Office, desk: Desk) -> None:
    suspense(office, 5940)
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "refund")[0] == "ERROR_ACTION"
    assert desk.answer(row, "refund", note="payer asked")[0] == "PENDING_APPROVAL"
    assert desk.answer(row, "refund", note="payer asked")[0] == "PENDING_APPROVAL"
    assert desk.answer(row, "assign", X)[0] == "STALE"
    assert state(office)["state"] == "unidentified"
    assert office.rows("exceptions")[0]["status"] == "pending_approval"
    (waiting,) = desk.rows()
    assert waiting["allowed_actions"] == "approve deny"
    assert desk.answer(waiting, "approve", person="jane")[0] == "ERROR_SELF"
    assert desk.answer(waiting, "deny", person="ken")[0] == "ERROR_ACTION"
    assert desk.answer(waiting, "approve", person="ken")[0] == "APPLIED"
    assert state(office)["state"] == "refunded"
    assert office.journal()[("100", "2120")] == -5940
    assert not desk.waits()
    assert desk.answer(row, "refund", note="payer asked")[0] == "ALREADY_DONE"


@BOTH
def test_a_denied_refund_is_asked_again(office: Office, desk: Desk) -> None:
    suspense(office, 5940)
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "refund", note="payer asked")[0] == "PENDING_APPROVAL"
    (waiting,) = desk.rows()
    assert desk.answer(waiting, "deny", person="ken", note="no proof")[0] == "APPLIED"
    (again,) = desk.rows()
    assert "denied by ken: no proof" in again["reason_text"]
    assert desk.answer(row, "refund", note="payer asked")[0] == "ALREADY_DONE"
    assert desk.answer(again, "assign", Y)[0] == "APPLIED"


def test_ten_thousand_needs_another_person(office: Office, desk: Desk) -> None:
    suspense(office, 1_000_000)
    row = desk.row("ACCOUNT_NOT_FOUND")
    assert desk.answer(row, "assign", X)[0] == "PENDING_APPROVAL"
    (waiting,) = desk.rows()
    assert desk.answer(waiting, "approve", person="ken")[0] == "APPLIED"
    assert state(office)["applied_amount"] == "80.00"
    assert {row["decided_by"] for row in office.rows("applications")} == {"jane"}


def test_just_below_needs_nobody(office: Office, desk: Desk) -> None:
    suspense(office, 999_999)
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", X)[0] == "APPLIED"
    assert sum(cents(str(row["amount"])) for row in office.rows("applications")) == 8000
