"""What people's answers teach about payers, and when it may decide (domain example E18)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import TODAY, Office, check, lockbox_file, receivable, receivables_csv
from queueoffice import Desk

from recond.pipeline.corrections import reverse
from recond.receivables.memory import fetch_memory

A, B, C = "1000456012", "1000456020", "1000456038"
DUE = 10400


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """An office that trusts its memory; three accounts owe the same."""
    url = None if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url")
    made = Office(tmp_path / "home", url)
    config = made.home.path / "recond.toml"
    config.write_text(config.read_text().replace("payer_memory = false", "payer_memory = true"))
    bills(made, 1)
    yield Desk(made, tmp_path / "clerk")
    made.prove()
    made.close()


def bills(office: Office, month: int) -> None:
    """Every account owes one bill of 104.00, whatever it paid before."""
    rows = [
        receivable(account, f"{account[-2:]}-{month}", "WATER", f"2026-0{month}-28", DUE)
        for account in (A, B, C)
    ]
    office.take("receivables", f"open{month}.csv", receivables_csv(rows))


def pay(desk: Desk, number: int, *stubs: str, amount: int = DUE, bank: str = "0000555555") -> str:
    """A check of one payer; the rule that placed it."""
    one = check(amount, *((stub, None) for stub in stubs), number=str(number), bank=bank)
    data = lockbox_file([one], time=f"{number:04d}")
    assert desk.office.take("lockbox", f"c{number}.bai", data).state == "accepted"
    rows = desk.office.rows("receipts")
    (found,) = [row for row in rows if int(row["check_number"]) == number]
    return str(found["rule"])


def told(desk: Desk, account: str, code: str = "NO_REFERENCE") -> None:
    """A clerk knows whose money it is."""
    assert desk.answer(desk.row(code), "assign", account)[0] == "APPLIED"


def memory(desk: Desk, today: dt.date = TODAY, months: int = 24) -> list[tuple[object, ...]]:
    with desk.office.run(today).store.write() as connection:
        rows = fetch_memory(connection, today, months).to_pylist()
    return [(r["kind"], r["confirmed"], r["reversed"], r["state"]) for r in rows]


def test_two_agreeing_decisions_lead_the_third_payment(desk: Desk) -> None:
    assert pay(desk, 1) == "none"
    told(desk, A)
    assert memory(desk) == [("BANK", 1, 0, "candidate")]
    bills(desk.office, 2)
    assert pay(desk, 2) == "none", "once is not enough"
    told(desk, A)
    assert memory(desk) == [("BANK", 2, 0, "active")]
    bills(desk.office, 3)
    assert pay(desk, 3) == "payer_memory"
    assert "NO_REFERENCE" not in desk.office.questions()
    assert memory(desk) == [("BANK", 2, 0, "active")], "what stands where it led is no mistake"
    assert pay(desk, 4, bank="0000777777") == "none", "another payer"


def test_another_amount_does_not_post(desk: Desk) -> None:
    for number in (1, 2):
        pay(desk, number)
        told(desk, A)
        bills(desk.office, number + 1)
    assert pay(desk, 3, amount=DUE - 1) == "none"
    assert pay(desk, 4, B) == "account_number", "a reference is stronger"


def test_two_accounts_of_one_payer_are_no_answer(desk: Desk) -> None:
    for number, account in enumerate((A, B, A), 1):
        pay(desk, number)
        told(desk, account)
        bills(desk.office, number + 1)
    assert memory(desk) == [("BANK", 2, 0, "candidate"), ("BANK", 1, 0, "candidate")]
    assert pay(desk, 9) == "none"


def test_one_reversal_retires(desk: Desk) -> None:
    for number in (1, 2):
        pay(desk, number)
        told(desk, A)
        bills(desk.office, number + 1)
    (last,) = [
        row for row in desk.office.rows("applications")
        if row["item_number"] == "12-2" and row["reverses_id"] is None
    ]  # fmt: skip
    run = desk.office.run()
    with run.store.write() as connection:
        reverse(connection, run, last["application_id"], "it was the neighbour's")
    assert memory(desk) == [("BANK", 1, 1, "retired")]
    assert pay(desk, 3) == "none"


@pytest.mark.parametrize(
    ("stubs", "code", "rule"),
    [
        ((), "NO_REFERENCE", "payer_memory"),
        (("CLAIM 77",), "ACCOUNT_NOT_FOUND", "reference_memory"),
    ],
)
def test_taking_back_what_memory_led_retires(
    desk: Desk, stubs: tuple[str, ...], code: str, rule: str
) -> None:
    """People say that the memory was wrong: it does not lead the next payment there again."""
    for number in (1, 2):
        pay(desk, number, *stubs)
        told(desk, A, code)
        bills(desk.office, number + 1)
    assert pay(desk, 3, *stubs) == rule
    (led,) = [row for row in desk.office.rows("applications") if row["rule"] == rule]
    run = desk.office.run()
    with run.store.write() as connection:
        reverse(connection, run, led["application_id"], "it was the neighbour's")
    bank, reference = ("BANK", 2, 0, "active"), ("REFERENCE", 2, 1, "retired")
    assert memory(desk) == ([bank, reference] if stubs else [("BANK", 2, 1, "retired")])
    bills(desk.office, 4)
    assert pay(desk, 4, *stubs) == "none"


def test_a_reference_that_people_know_leads_too(desk: Desk) -> None:
    """An insurer quotes its own claim number (domain example E50)."""
    for number in (1, 2):
        assert pay(desk, number, "CLAIM 00-77") == "none"
        told(desk, C, "ACCOUNT_NOT_FOUND")
        bills(desk.office, number + 1)
    assert ("REFERENCE", 2, 0, "active") in memory(desk)
    assert pay(desk, 3, "claim-0077", bank="0000888888") == "reference_memory"
    assert pay(desk, 4, "CLAIM 78", bank="0000888888") == "none"


def test_what_a_reference_decided_teaches_nothing(desk: Desk) -> None:
    """A person who looks at a flag and lets the money stand has not said whose payer it is."""
    assert pay(desk, 1, A, amount=10 * DUE) == "account_number"
    told(desk, A, "KEYING_SUSPECTED")
    assert memory(desk) == []


def test_a_payment_that_was_recorded_twice_says_nothing_about_its_payer(desk: Desk) -> None:
    """From 10,000.00 on another person has to agree, and agrees to that: it is taken out, and not
    that anybody's payer was mistaken."""
    for number in (1, 2):
        assert pay(desk, number, A, amount=1_000_000) == "account_number"
    code = "SUSPECTED_DUPLICATE_PAYMENT"
    assert desk.answer(desk.row(code), "duplicate")[0] == "PENDING_APPROVAL"
    assert desk.answer(desk.row(code), "approve", person="ken")[0] == "APPLIED"
    assert [row["state"] for row in desk.office.rows("receipts")].count("voided") == 1
    assert memory(desk) == []


def test_what_another_person_agreed_to_counts(desk: Desk) -> None:
    large = 1_000_000
    assert pay(desk, 1, amount=large) == "none"
    assert desk.answer(desk.row("NO_REFERENCE"), "assign", A)[0] == "PENDING_APPROVAL"
    assert memory(desk) == [], "nobody has agreed yet"
    assert desk.answer(desk.row("NO_REFERENCE"), "approve", person="ken")[0] == "APPLIED"
    assert memory(desk) == [("BANK", 1, 0, "candidate")]


def test_a_payment_confirms_only_the_account_on_which_it_stands(desk: Desk) -> None:
    """It was taken off A and a clerk said that it is B's: that says nothing for A any more."""
    pay(desk, 1)
    told(desk, A)
    (only,) = desk.office.rows("applications")
    run = desk.office.run()
    with run.store.write() as connection:
        reverse(connection, run, only["application_id"], "it was the neighbour's")
    told(desk, B, "REVERSED")
    assert memory(desk) == [("BANK", 0, 1, "retired"), ("BANK", 1, 0, "candidate")]
    pay(desk, 2)
    told(desk, B)
    assert memory(desk)[1] == ("BANK", 2, 0, "active"), "A is no rival any more"


def test_memory_expires(desk: Desk) -> None:
    for number in (1, 2):
        pay(desk, number)
        told(desk, A)
        bills(desk.office, number + 1)
    assert memory(desk, TODAY.replace(year=TODAY.year + 2))[0][3] == "active"
    later = TODAY.replace(year=TODAY.year + 2, day=TODAY.day + 1)
    assert memory(desk, later)[0][3] == "retired"
    assert memory(desk, later, months=25)[0][3] == "active"
    short = dt.date(2026, 9, 30)  # a month of fewer days: its last day counts
    assert memory(desk, short, months=6)[0][3] == "retired"
    assert memory(desk, short, months=7)[0][3] == "active"


def test_a_new_home_does_not_remember(tmp_path: Path) -> None:
    made = Office(tmp_path / "home")
    bills(made, 1)
    desk = Desk(made, tmp_path / "clerk")
    for number in (1, 2):
        pay(desk, number)
        told(desk, A)
        bills(made, number + 1)
    assert pay(desk, 3) == "none"
    made.close()
