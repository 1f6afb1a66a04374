"""Deposits whose file is replaced after the bank credited them, rests of linked lines, and money
that billing posts itself (contract sections 3 and 4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from office import Office, cents, check, lockbox_file, receivable, receivables_csv, statement
from queueoffice import Desk

from recond.pipeline import corrections
from recond.pipeline.clear import clear
from recond.pipeline.handover import export_postings

MON = dt.date(2026, 3, 16)
X = "1000456012"
ITEMS = [receivable(X, "1W", "WATER", "2026-03-28", 20000)]
MORE = '\n[[source]]\nname = "web"\nfiles = "web*"\nposted_by = "billing"\n'


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", more=MORE)
    made.take("receivables", "open.csv", receivables_csv(ITEMS), MON)
    yield made
    made.prove()
    made.close()


def replaced(office: Office, *checks: int, others: Sequence[str] = ()) -> None:
    """Monday's file of one check over 88.00, credited, and replaced by another of these checks;
    `others` come between."""
    first = lockbox_file([check(8800, (X, None), number="1")], MON)
    office.take("lockbox", "mon.bai", first, MON)
    lines = [("115", 8800, "LOCKBOX 0012345")]
    office.take("bank", "mon.bai2", statement(0, lines, MON), MON)
    for number, content in enumerate(others):
        office.take("lockbox", f"other{number}.bai", content, MON)
    made = [check(c, (X, None), number=str(n)) for n, c in enumerate(checks, 2)]
    again = office.take("lockbox", "again.bai", lockbox_file(made, MON), MON)
    assert again.state == "held"
    run = office.run(MON)
    with run.store.write() as connection:
        corrections.accept(connection, run, again.file_id, None, "corrected", replace=True)
        clear(connection, run)


def test_a_replaced_file_of_the_same_total_keeps_its_credit(office: Office) -> None:
    replaced(office, 5000, 3800)
    states = [(cents(d["amount"]), d["state"]) for d in office.rows("deposits")]
    assert states == [(8800, "withdrawn"), (8800, "reconciled")]
    assert [cents(c["amount"]) for c in office.rows("clearings")] == [8800, -8800, 8800]
    assert ("100", "1080") not in office.journal()
    office.process(dt.date(2026, 3, 27))
    assert office.asked() == []


def test_a_credit_is_carried_to_its_own_day_and_box(office: Office) -> None:
    """Deposits of another lockbox and of another day, which nothing has brought, are not in the
    place of the one that was withdrawn."""
    box = lockbox_file([check(8800, (X, None), number="7")], MON, box="0099999", time="0915")
    friday = lockbox_file([check(8800, (X, None))], MON - dt.timedelta(days=3))
    replaced(office, 5000, 3800, others=[box, friday])
    states = sorted(d["state"] for d in office.rows("deposits"))
    assert states == ["in_transit", "in_transit", "reconciled", "withdrawn"]


def test_a_credit_is_carried_only_from_what_was_withdrawn(office: Office) -> None:
    """The bank brought 2.00 more than a deposit: they are asked about, and are not the money of
    the next deposit of that day."""
    office.take("lockbox", "a.bai", lockbox_file([check(8800, (X, None), number="1")], MON), MON)
    lines = [("115", 9000, "LOCKBOX 0012345")]
    office.take("bank", "mon.bai2", statement(0, lines, MON), MON)
    office.process(MON + dt.timedelta(days=1))
    assert office.asked() == [("DEPOSIT_AMOUNT_DIFFERS", 200)]
    more = lockbox_file([check(5000, (X, None), number="2")], MON, time="1500")
    office.take("lockbox", "b.bai", more, MON)
    assert [cents(c["amount"]) for c in office.rows("clearings")] == [9000]
    assert office.asked() == [("DEPOSIT_AMOUNT_DIFFERS", 200)]


def test_a_replaced_file_of_another_total_is_asked_about(office: Office) -> None:
    replaced(office, 5000, 3900)
    states = [(cents(d["amount"]), d["state"]) for d in office.rows("deposits")]
    assert states == [(8800, "withdrawn"), (8900, "discrepant")]
    assert office.asked() == [("DEPOSIT_AMOUNT_DIFFERS", -100)]
    assert office.journal()["100", "1080"] == 100


def test_a_linked_line_of_another_amount_keeps_its_rest_asked(
    office: Office, tmp_path: Path
) -> None:
    first = lockbox_file([check(8800, (X, None), number="1")], MON)
    office.take("lockbox", "mon.bai", first, MON)
    office.take("bank", "mon.bai2", statement(0, [("399", 8700, "MISC CREDIT")], MON), MON)
    (deposit,) = office.rows("deposits")
    desk = Desk(office, tmp_path / "clerk")
    row = desk.row("BANK_CREDIT_UNMATCHED")
    said = desk.answer(row, "link", str(deposit["deposit_id"]), note="it is")
    assert said[0] == "APPLIED", said
    assert office.asked() == [("DEPOSIT_AMOUNT_DIFFERS", -100)]
    assert office.rows("deposits")[0]["state"] == "discrepant"


def test_money_that_billing_posts_is_deposited_cleared_and_never_handed_on(office: Office) -> None:
    content = lockbox_file([check(8800, (X, None), number="1")], MON)
    office.take("lockbox", "web-mon.bai", content, MON)
    office.take("bank", "mon.bai2", statement(0, [("115", 8800, "LOCKBOX 0012345")], MON), MON)
    (deposit,) = office.rows("deposits")
    assert (deposit["state"], cents(deposit["amount"])) == ("reconciled", 8800)
    assert ("100", "1080") not in office.journal()
    assert export_postings(office.run(MON)) is None
