"""Domain section 3 F: the same file, the same transmission, the same payments. And what is like
a duplicate but is two payments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import TODAY, Office, check, csv_text, lockbox_file, receivable, receivables_csv
from queueoffice import asker

from recond.exceptions.decisions import requests
from recond.pipeline.corrections import reverse

ACCOUNTS = [f"20000000{n:02d}" for n in range(1, 26)]
TOMORROW = TODAY + dt.timedelta(days=1)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    rows = [receivable(a, f"W{a[-2:]}", "WATER", "2026-03-28", 10400) for a in ACCOUNTS]
    made.take("receivables", "open.csv", receivables_csv(rows))
    yield made
    made.close()


def day_file(time: str = "0900") -> str:
    return lockbox_file([[check(10400, (a, None)) for a in ACCOUNTS]], time=time)


def test_e53_the_same_bytes_again_have_no_effect(office: Office) -> None:
    first = office.take("lockbox", "a.bai", day_file())
    before = office.rows("journal")
    again = office.take("lockbox", "b.bai", day_file())
    assert (first.state, again.state) == ("accepted", "duplicate")
    assert first.file_id in again.message
    assert again.file_id == f"{first.file_id}-2"
    assert office.rows("journal") == before
    assert office.questions() == []
    assert [f["state"] for f in office.rows("files")] == ["accepted", "accepted", "duplicate"]
    office.prove()


def test_e54_the_same_transmission_with_one_other_byte_is_held(office: Office) -> None:
    office.take("lockbox", "a.bai", day_file())
    before = office.rows("applications")
    other = day_file().replace("A PAYER   ", "B PAYER   ", 1)
    held = office.take("lockbox", "b.bai", other)
    assert held.state == "held"
    assert "TRANSMISSION_CONFLICT" in held.message
    assert office.rows("applications") == before
    assert office.questions() == ["TRANSMISSION_CONFLICT"]
    office.prove()


def test_the_same_details_in_another_wrapper_are_held(office: Office) -> None:
    office.take("lockbox", "a.bai", day_file())
    wrapped = day_file(time="1130").replace("\n", "\r\n")
    held = office.take("lockbox", "b.bai", wrapped)
    assert (held.state, office.questions()) == ("held", ["SUSPECTED_RESEND"])
    office.prove()


def test_e55_a_batch_that_repeats_a_posted_one_is_held_as_one_question(office: Office) -> None:
    office.take("lockbox", "a.bai", day_file())
    fresh = [
        check(3000, (ACCOUNTS[0], None), number="77001"),
        check(3100, (ACCOUNTS[1], None), number="77002"),
    ]
    repeated = [check(10400, (a, None), number=str(1000 + n)) for n, a in enumerate(ACCOUNTS, 1)]
    outcome = office.take("lockbox", "b.bai", lockbox_file([fresh, repeated], TOMORROW), TOMORROW)
    assert outcome.state == "partly_held"
    codes = office.questions()
    assert codes.count("DUPLICATE_BATCH") == 1
    states = [r["state"] for r in office.rows("receipts")]
    assert states.count("held") == len(ACCOUNTS)
    assert states.count("on_account") == 2
    office.prove()


def card_sale(transaction: str, account: str, amount: str) -> str:
    return csv_text(
        [
            {
                "merchant_id": "M1", "batch_number": transaction, "settlement_date": "2026-03-16",
                "brand": "VISA", "transaction_id": transaction, "sale_date": "2026-03-16",
                "account_number": account, "gross_amount": amount, "fee_amount": "0.00",
                "net_amount": amount, "type": "SALE",
            }
        ]
    )  # fmt: skip


def test_e56_paid_on_the_web_and_by_check_both_post_and_the_second_is_flagged(
    office: Office,
) -> None:
    office.take("card", "web.csv", card_sale("T1", ACCOUNTS[0], "104.00"))
    office.take(
        "lockbox", "check.bai", lockbox_file([check(10400, (ACCOUNTS[0], None))], TOMORROW),
        TOMORROW,
    )  # fmt: skip
    web, paper = office.rows("receipts")
    assert (web["state"], web["exception_code"]) == ("applied", None)
    assert (paper["state"], str(paper["on_account_amount"])) == ("on_account", "104.00")
    assert paper["exception_code"] == "SUSPECTED_DUPLICATE_PAYMENT"
    office.prove()


def test_e57_two_equal_web_payments_are_both_real(office: Office) -> None:
    office.take("card", "one.csv", card_sale("T1", ACCOUNTS[0], "104.00"))
    office.take("card", "two.csv", card_sale("T2", ACCOUNTS[0], "104.00"))
    states = [r["state"] for r in office.rows("receipts")]
    assert states == ["applied", "on_account"]
    assert office.questions() == ["SUSPECTED_DUPLICATE_PAYMENT"]
    office.prove()


# --- equal to what ---------------------------------------------------------------------------

BOTH = pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
COUNTER = ("receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,"
           "amount\n")  # fmt: skip


def counter(*tenders: tuple[str, str, str]) -> str:
    """Receipt numbers, tenders and amounts, for the first account."""
    rows = [f"{number},D1,amy,{TODAY},10:00,{ACCOUNTS[0]},,{tender},{amount}\n"
            for number, tender, amount in tenders]  # fmt: skip
    return COUNTER + "".join(rows)


@BOTH
def test_a_payment_of_several_tenders_is_one_earlier_payment(
    tmp_path: Path, request: pytest.FixtureRequest, url: str
) -> None:
    """A check of 100.00 with 46.00 of cash given back and a coin is a payment of 54.01: equal to
    a check of 54.01 and not to one of 100.00, in a file of its own as in the same one."""
    office = Office(tmp_path / "home", None if url == "sqlite" else request.getfixturevalue(url))
    rows = [receivable(ACCOUNTS[0], "W1", "WATER", "2026-03-28", 90000)]
    office.take("receivables", "open.csv", receivables_csv(rows))
    mixed = [("1", "CHECK", "100.00"), ("1", "CASH", "-46.00"), ("1", "CASH", "0.01")]
    office.take("cashier", "a.csv", counter(*mixed, ("2", "CASH", "54.01")))
    office.take("cashier", "b.csv", counter(("3", "CASH", "54.01"), ("4", "CHECK", "100.00")))
    numbers = {row["receipt_id"]: row["sequence"] for row in office.rows("receipts")}
    asked = [(row["code"], numbers[row["receipt_id"]], str(row["amount"]))
             for row in office.rows("exceptions")]  # fmt: skip
    assert asked == [
        ("SUSPECTED_DUPLICATE_PAYMENT", "2", "54.01"),
        ("SUSPECTED_DUPLICATE_PAYMENT", "3", "54.01"),
    ]
    office.close()


@BOTH
def test_a_payment_that_was_taken_back_or_moved_is_no_earlier_one(
    tmp_path: Path, request: pytest.FixtureRequest, url: str
) -> None:
    """What replaces it is not paid twice; where it stands now an equal one is."""
    office = Office(tmp_path / "home", None if url == "sqlite" else request.getfixturevalue(url))
    rows = [receivable(a, f"W{a[-2:]}", "WATER", "2026-03-28", 10400) for a in ACCOUNTS[:3]]
    office.take("receivables", "open.csv", receivables_csv(rows))
    first = [check(10400, (a, None)) for a in ACCOUNTS[:2]]
    office.take("lockbox", "a.bai", lockbox_file([first]))
    one, two = office.rows("applications")
    with office.run().write() as connection:
        reverse(connection, office.run(), one["application_id"], "it is the neighbour's")
    ask = asker(TODAY)
    ask(office, "jane", "transfer", two["receipt_id"], ACCOUNTS[2], "the neighbour's")
    with office.run().store.read() as connection:
        (waiting,) = requests.pending(connection)
    ask(office, "ken", "approve", str(waiting["exception_id"]), "")
    again = [check(10400, (a, None), number=f"7{n}") for n, a in enumerate(ACCOUNTS[:3])]
    office.take("lockbox", "b.bai", lockbox_file([again], time="1000"))
    moved = [row["message"] for row in office.rows("exceptions")
             if row["code"] == "SUSPECTED_DUPLICATE_PAYMENT"]  # fmt: skip
    assert len(moved) == 1
    assert f"for account {ACCOUNTS[2]}" in moved[0]
    office.prove()
    office.close()


def test_a_transaction_that_came_before_is_skipped_or_held(office: Office) -> None:
    office.take("card", "one.csv", card_sale("T1", ACCOUNTS[0], "104.00"))
    again = office.take("card", "again.csv", card_sale("T1", ACCOUNTS[0], "104.00") + "\n")
    assert again.state == "accepted"
    assert "seen before" in again.message
    assert len(office.rows("receipts")) == 1
    office.take("card", "other.csv", card_sale("T1", ACCOUNTS[0], "99.00"))
    assert [r["state"] for r in office.rows("receipts")] == ["applied", "held"]
    assert office.questions() == ["RECEIPT_CONFLICT"]
    office.prove()
