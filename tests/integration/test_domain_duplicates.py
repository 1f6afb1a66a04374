"""Domain section 3 F: the same file, the same transmission, the same payments. And what is like
a duplicate but is two payments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import TODAY, Office, check, csv_text, lockbox_file, receivable, receivables_csv

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
