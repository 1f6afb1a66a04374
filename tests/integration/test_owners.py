"""Whose money it may be: what the payer did before, combinations, and who must not be cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import Office, check, lockbox_file, receivable, receivables_csv
from queueoffice import Desk

from recond.errors import UsageError
from recond.exports.datasets import dataset

A, B, C, D = "1000456012", "1000456020", "1000456038", "1000990011"
LANDLORD = "MESA VIEW RENTALS LLC"
NAMES = {A: "SAMPLE, JANE", B: LANDLORD, C: LANDLORD, D: LANDLORD}
OPEN = [
    receivable(A, "1", "WATER", "2026-02-10", 9100, name=NAMES[A]),
    receivable(B, "2", "WATER", "2026-02-10", 3100, name=NAMES[B]),
    receivable(B, "3", "WATER", "2026-03-28", 2900, name=NAMES[B]),
    receivable(C, "4", "WATER", "2026-02-10", 4700, name=NAMES[C]),
    receivable(D, "5", "WATER", "2026-03-28", 5300, name=NAMES[D]),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    url = None if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url")
    made = Office(tmp_path / "home", url)
    made.take("receivables", "open.csv", receivables_csv(OPEN))
    yield Desk(made, tmp_path / "clerk")
    made.prove()
    made.close()


def pay(desk: Desk, *checks: dict[str, Any], time: str = "0900") -> None:
    data = lockbox_file(list(checks), time=time)
    assert desk.office.take("lockbox", f"c{time}.bai", data).state == "accepted"


def asked(desk: Desk) -> list[str]:
    return [row["reason_text"] for row in desk.rows()]


def test_payers_are_suggested_and_shown_masked_and_accounts_are_spared(desk: Desk) -> None:
    """A bank account that paid twice before and now gives no number, beside one nobody knows."""
    jane = {"payer": "J J", "bank": "0000000007"}
    for number in (1, 2):
        pay(desk, check(1000, (A, None), number=str(number), **jane), time=f"080{number}")
    pay(desk, check(7000, **jane), check(1234, payer="NOBODY KNOWN", bank="0000000099"))
    rows = {row["payer"]: row for row in desk.rows() if row["reason"] == "NO_REFERENCE"}
    why = (
        "acct 1000456012: this payer paid it twice before, last 2026-03-16,"
        " name there is 'SAMPLE, JANE', due 71.00"
    )
    assert rows["J J"]["suggest_1_why"] == why
    assert rows["NOBODY KNOWN"]["suggest_1"] == ""
    (spared,) = desk.office.rows("do_not_disconnect")
    assert [spared[name] for name in ("account_number", "code", "why")] == [A, "NO_REFERENCE", why]
    assert [str(spared[name]) for name in ("due_amount", "waiting_amount")] == ["71.00", "70.00"]
    assert desk.office.rows("payers") == [], "nobody has decided anything"
    assert desk.answer(rows["J J"], "accept_1")[0] == "APPLIED"
    assert desk.office.rows("do_not_disconnect") == []
    (payer,) = desk.office.rows("payers")
    assert (payer["kind"], payer["account_number"], payer["state"]) == ("BANK", A, "candidate")
    assert payer["key"][0] == "…"
    assert len(payer["key"]) == 5


def test_the_payment_itself_is_no_earlier_payment(desk: Desk) -> None:
    pay(desk, check(91000, (A, None), number="1", bank="0000000007"))
    (row,) = [row for row in desk.rows() if row["reason"] == "KEYING_SUSPECTED"]
    assert "before" not in row["suggest_1_why"]


def test_a_paying_agent_says_nothing_of_the_account(desk: Desk) -> None:
    more = [
        receivable(f"10001110{n:02d}", f"x{n}", "WATER", "2026-03-28", 100 + n) for n in range(6)
    ]
    desk.office.take("receivables", "more.csv", receivables_csv([*OPEN, *more]))
    agent = {"bank": "0000000050", "payer": "BILLPAY"}
    pay(desk, *(check(50, (row["account_number"], None), **agent) for row in more))
    pay(desk, check(7777, **agent), time="1000")
    (row,) = [row for row in desk.rows() if row["reason"] == "NO_REFERENCE"]
    assert row["suggest_1"] == ""


def test_no_earlier_day_is_known(desk: Desk) -> None:
    run = desk.office.run()
    for name in ("payers", "do_not_disconnect"):
        with run.store.read() as connection, pytest.raises(UsageError, match="speaks of today"):
            dataset(connection, name, today=run.today, date_from=run.today)


@pytest.mark.parametrize(
    ("cents", "split", "why"),
    [
        (16000, f"{B}=60.00; {C}=47.00; {D}=53.00", "everything that these accounts owe"),
        (7800, f"{B}=31.00; {C}=47.00", "everything past due"),
        (8200, f"{B}=29.00; {D}=53.00", "everything due on 2026-03-28"),
        (10000, f"{C}=47.00; {D}=53.00", "only these accounts of the payer"),
    ],
)
def test_accounts_of_one_payer_that_add_up(desk: Desk, cents: int, split: str, why: str) -> None:
    pay(desk, check(cents, payer=LANDLORD))
    (text,) = asked(desk)
    assert f"Could be split {split} ({why}" in text
    (row,) = desk.rows()
    assert desk.answer(row, "split", split)[0] == "APPLIED", "as it is written it can be answered"


@pytest.mark.parametrize("cents", [6000, 10001, 91_00])
def test_what_one_account_owes_or_nothing_makes_is_no_combination(desk: Desk, cents: int) -> None:
    pay(desk, check(cents, payer=LANDLORD))
    assert "Could be split" not in asked(desk)[0]


def test_two_ways_to_add_up_are_none(desk: Desk) -> None:
    equal = [
        receivable(f"10001110{n:02d}", f"x{n}", "WATER", f"2026-03-{10 + n}", cents, name=LANDLORD)
        for n, cents in enumerate([1000, 2000, 3000])
    ]
    desk.office.take("receivables", "more.csv", receivables_csv([*OPEN, *equal]))
    pay(desk, check(1000 + 2000 + 6000, payer=LANDLORD))  # 60 + 10 + 20 or 60 + 30
    assert "Could be split" not in asked(desk)[0]


def test_a_near_number_and_the_name_are_suggested_although_it_was_paid(desk: Desk) -> None:
    """People pay twice: the warning stands in the reason."""
    pay(desk, check(9100, (A, None), number="1", bank="0000000001"), time="0800")
    pay(desk, check(9100, ("1000456013", None), payer="JANE SAMPLE", bank="0000000002"))
    (row,) = [row for row in desk.rows() if row["reason"] == "ACCOUNT_NOT_FOUND"]
    assert row["suggest_1_why"] == (
        "acct 1000456012: one digit differs, name agrees, due 0.00,"
        " but 91.00 was paid on 2026-03-16 already"
    )
