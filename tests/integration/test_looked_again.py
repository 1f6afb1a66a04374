"""What is looked at again when the books change, and what is not: each gate of `rematch`, and of
files that repeat, correct or replace others, in a case that only it stops."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import NOW, TODAY, Office, check, csv_text, lockbox_file, receivable, receivables_csv
from queueoffice import BOTH, Desk, database

from recond import periods
from recond.errors import RefusedError
from recond.pipeline import corrections

TOMORROW = TODAY + dt.timedelta(days=1)
A, NEW = "1000000001", "1000000002"
OLD = [receivable(A, "W1", "WATER", "2026-03-28", 10000),
       receivable("1000000009", "W9", "WATER", "2026-03-28", 90000)]  # fmt: skip
LATER = [receivable(NEW, "W2", "WATER", "2026-03-28", 10000)]


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request))
    made.take("receivables", "open.csv", receivables_csv(OLD))
    yield made
    made.prove()
    made.close()


def posted(office: Office) -> set[tuple[str, str]]:
    """Item and amount of every application that was ever made."""
    return {(row["item_number"], str(row["amount"])) for row in office.rows("applications")}


def versions(office: Office) -> list[tuple[str, str, int]]:
    """Code, amount and version of every open question."""
    return [
        (row["code"], str(row["amount"]), row["version"])
        for row in office.rows("exceptions")
        if row["status"] != "resolved"
    ]


@BOTH
def test_only_what_waits_undecided_is_looked_at_again(office: Office, desk: Desk) -> None:
    """Three checks name an account that comes later. One waits: it is identified. One is on hold
    and of one a person placed a part: both stay as they are. Two equal ones for A are placed and
    only asked about: nothing of them is written anew. One names nobody still: its question is the
    same that it was."""
    checks = [check(cents, (NEW, None)) for cents in (2000, 3000, 4000)]
    checks += [check(1100, (A, None)), check(1100, (A, None)), check(500, ("NOBODY", None))]
    office.take("lockbox", "six.bai", lockbox_file(checks))
    rows = {row["amount"]: row for row in desk.rows()}
    assert desk.answer(rows["30.00 USD"], "hold", note="asked the payer")[0] == "APPLIED"
    part = rows["40.00 USD"]
    assert desk.answer(part, "assign", A, amount_to_apply="10.00")[0] == "APPLIED"
    before = {("W1", "11.00"), ("W1", "10.00")}
    assert posted(office) == before
    asked = versions(office)
    office.take("receivables", "more.csv", receivables_csv([*OLD, *LATER]))
    assert posted(office) == {*before, ("W2", "20.00")}
    assert versions(office) == [one for one in asked if one[1] != "20.00"]


def test_what_waits_for_its_day_waits_until_a_month_is_open(office: Office) -> None:
    """The day comes in a month that is closed already: the pass posts nothing, and does not end."""
    last, april = dt.date(2026, 3, 31), dt.date(2026, 4, 12)
    office.take("lockbox", "early.bai", lockbox_file([check(5000, (A, None))], last))
    run = office.run(TODAY)
    with run.write() as connection:
        periods.close(connection, "2026-03", periods.Who("ana", NOW, TODAY), None)
    office.process(last)
    assert [row["state"] for row in office.rows("receipts", last)] == ["held"]
    office.process(april)
    assert office.applied() == {"W1": 5000}


def test_change_that_was_given_back_pays_no_later_bill(office: Office) -> None:
    """A check of 150.00 pays 100.00, 20.00 are given back in cash: 30.00 are left for the bill
    that comes, which owes 50.00."""
    tenders = [
        {"receipt_number": "1", "drawer": "D1", "cashier": "kim", "business_date": "2026-03-16",
         "time": "09:00", "account_number": A, "item_number": "", "tender": tender,
         "amount": amount}
        for tender, amount in (("CHECK", "150.00"), ("CASH", "-20.00"))
    ]  # fmt: skip
    office.take("cashier", "till.csv", csv_text(tenders))
    assert office.applied() == {"W1": 10000}
    more = receivable(A, "W3", "WATER", "2026-04-28", 5000)
    office.take("receivables", "more.csv", receivables_csv([*OLD, more]))
    assert office.applied() == {"W1": 10000, "W3": 3000}


def test_a_batch_that_was_never_posted_is_not_repeated(office: Office) -> None:
    """A batch whose total was wrong is rejected; its correction comes in a file of another day."""
    batch = [check(1000 * number, (A, None), number=f"77{number}") for number in (1, 2)]
    wrong = office.take("lockbox", "wrong.bai", lockbox_file([batch], totals={1: 3100}))
    assert wrong.state == "partly_held"
    with office.run().write() as connection:
        corrections.reject(connection, office.run(), wrong.file_id, "the bank sends it again")
    again = office.take("lockbox", "again.bai", lockbox_file([batch], TOMORROW), TOMORROW)
    assert again.state == "accepted", again.message
    assert office.applied() == {"W1": 3000}


def decide(office: Office, verb: str, file_id: str, *words: str | None, **more: bool) -> str:
    with office.run().write() as connection:
        said: str = getattr(corrections, verb)(
            connection, office.run(), file_id, *words, "n", **more
        )
    return said


def test_what_was_rejected_is_no_earlier_transmission(office: Office) -> None:
    """The bank corrects a file whose total was wrong: nothing of the first one counts."""
    right = lockbox_file([check(3000, (A, None))])
    wrong = office.take("lockbox", "wrong.bai", right.replace("00010000003000", "00010000003100"))
    assert wrong.state == "held"
    decide(office, "reject", wrong.file_id)
    assert office.take("lockbox", "right.bai", right).state == "accepted"
    assert office.applied() == {"W1": 3000}


def later_and_wrong() -> str:
    """Three batches: one of today, one of tomorrow, and one of tomorrow whose total is wrong."""
    batches = [[check(cents, (A, None))] for cents in (1000, 2000, 4000)]
    text = lockbox_file(batches, totals={3: 4100})
    ymd, next_ymd = TODAY.strftime("%y%m%d"), TOMORROW.strftime("%y%m%d")
    for number in ("002", "003"):
        for record in ("5", "7"):
            head = f"{record}{number}0000012345"
            text = text.replace(f"{head}{ymd}", f"{head}{next_ymd}")
    return text


@BOTH
def test_what_is_accepted_before_its_day_waits_for_it(office: Office) -> None:
    file = office.take("lockbox", "a.bai", later_and_wrong())
    assert (file.state, office.applied()) == ("partly_held", {"W1": 1000})
    said = decide(office, "accept", file.file_id, None)
    assert said.endswith("0 receipts posted; 1 wait for their day")
    office.prove()
    assert office.applied() == {"W1": 1000}
    office.process(TOMORROW)
    assert office.applied() == {"W1": 7000}


@BOTH
def test_what_waits_of_a_file_that_was_replaced_never_posts(office: Office) -> None:
    """Neither what waits for its day nor what is held: another file has their money."""
    first = office.take("lockbox", "a.bai", later_and_wrong())
    again = office.take("lockbox", "b.bai", lockbox_file([check(6900, (A, None))]))
    assert again.state == "held"
    said = decide(office, "accept", again.file_id, None, replace=True)
    assert said.endswith("2 receipts of the earlier file left the books")
    assert (office.applied(), office.questions()) == ({"W1": 6900}, [])
    with pytest.raises(RefusedError, match="only what is held can be decided"):
        decide(office, "accept", first.file_id, None)
    office.process(TOMORROW)
    states = [row["state"] for row in office.rows("receipts", TOMORROW)]
    assert (office.applied(), states) == ({"W1": 6900}, ["voided", "voided", "held", "applied"])


def counter(*rows: tuple[str, str, str, str], day: dt.date = TODAY) -> str:
    """Receipt numbers, amounts, what they void, and who approved that."""
    return csv_text(
        [
            {"receipt_number": number, "drawer": "D1", "cashier": "kim", "business_date": str(day),
             "time": "09:00", "account_number": A, "item_number": "", "tender": "CASH",
             "amount": amount, "void_of": void, "approved_by": who}
            for number, amount, void, who in rows
        ]
    )  # fmt: skip


def test_a_void_of_what_waits_for_its_day(office: Office) -> None:
    rows = counter(("1", "50.00", "", ""), ("2", "-50.00", "1", "lee"), day=TOMORROW)
    office.take("cashier", "till.csv", rows)
    office.process(TOMORROW)
    assert [row["state"] for row in office.rows("receipts", TOMORROW)] == ["voided"]
    assert office.applied() == {}


def test_a_receipt_is_voided_once(office: Office) -> None:
    """A second void of it, in a later file, takes nothing more out of its deposit."""
    first = counter(("1", "50.00", "", ""), ("2", "20.00", "", ""), ("3", "-50.00", "1", "lee"))
    office.take("cashier", "a.csv", first)
    deposits = office.rows("deposits")
    assert office.applied() == {"W1": 2000}
    office.take("cashier", "b.csv", counter(("4", "-50.00", "1", "lee")))
    assert (office.rows("deposits"), office.applied()) == (deposits, {"W1": 2000})


def test_one_batch_is_accepted_alone(office: Office) -> None:
    batches = [[check(cents, (A, None))] for cents in (1000, 2000)]
    text = lockbox_file(batches, totals={1: 1100, 2: 2100})
    file = office.take("lockbox", "two.bai", text)
    decide(office, "accept", file.file_id, "002")
    assert office.applied() == {"W1": 2000}
    assert office.rows("files")[-1]["state"] == "partly_held"
