"""The generator's own reading of evidence: what it calls an answer must be one."""

from __future__ import annotations

from datetime import date

import pytest

from recond.city.answers import Clerk, alike
from recond.city.lockbox import Stub
from recond.city.master import Account, Item
from recond.city.payments import Payment, whole


def account(number: str, name: str, cents: int = 0, old: tuple[str, ...] = ()) -> Account:
    made = Account(number, name, "1 A ST", "active", "UTILITY", old, "LOCKBOX", "general", {}, 0)
    due = date(2026, 11, 20)
    made.items.append(Item(f"I{number}", "WATER", f"B{number}", due, due, cents, cents))
    return made


ANA = account("1000456012", "ANA ABBOTT", 10400, ("7000001",))
ANA2 = account("2000456019", "ANA ABBOTT", 7000)
KIM = account("3000456016", "KIM FOODS LLC", 10400, ("7000001",))
CLERK = Clerk([ANA, ANA2, KIM])


def paid(payer: Account, *texts: str, cents: int = 10400, named: str = "") -> Payment:
    stubs = tuple(Stub(text) for text in texts)
    return Payment(1, "LOCKBOX", cents, payer, (whole(payer, cents),), stubs=stubs, named=named)


@pytest.mark.parametrize(
    ("payment", "answer"),
    [
        (paid(ANA, "1000456812", cents=1), "1000456012"),  # one digit misread
        (paid(ANA, "1000465012", cents=1), "1000456012"),  # two swapped
        (paid(ANA, "1000456012" + "1" * 16, cents=1), "1000456012"),  # a line that lost its end
        (paid(ANA), "1000456012"),  # two of that name, one owes the amount
        (paid(ANA, cents=999), ""),  # two of that name
        (paid(KIM, cents=999), "3000456016"),  # one of that name
        (paid(KIM, cents=999, named="K FOODS"), "3000456016"),
        (paid(KIM, cents=999, named="FOODS AND KIM"), "3000456016"),
        (paid(KIM, named="BOB NOBODY"), ""),  # the amount alone is no answer
        (paid(ANA, "7000001"), "1000456012"),  # a number of two, one of them of that name
        (paid(KIM, "1000456012"), ""),  # the evidence leads to somebody else
        (paid(ANA, "1000456012", "3000456016"), ""),  # two references
    ],
)
def test_an_answer_is_what_the_evidence_singles_out(payment: Payment, answer: str) -> None:
    assert CLERK.answer(payment) == answer


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A ABBOTT", "ANA ABBOTT", True), ("ABBOTT ANA", "ANA ABBOTT", True),
        ("ANA & BOB DIAZ", "BOB DIAZ", True), ("ANA ABBO", "ANA ABBOTT", True),
        ("ANA DIAZ", "ANA ABBOTT", False), ("A A", "ANA ABBOTT", False), ("", "ANA ABBOTT", False),
        ("BOB ABBOTT", "ANA ABBOTT", False),
    ],
)  # fmt: skip
def test_names_can_be_one_payers(one: str, other: str, same: bool) -> None:
    assert alike(one, other) is same
    assert alike(other, one) is same
