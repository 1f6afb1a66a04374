"""What an answer may do with money: each gate in a case that only it stops. Who may give it, what
needs how many people, and what is left of a payment that moved before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from office import TODAY, Office, check, csv_text, lockbox_file, receivable, receivables_csv
from queueoffice import BOTH, Desk, asker, database
from test_domain_decisions import limited
from test_restricted import AID
from test_undoing import last

from recond.errors import RefusedError
from recond.exceptions import bulk
from recond.exceptions.decisions.deciding import Verdict
from recond.exceptions.queue import Filters
from recond.pipeline.corrections import reverse

X, Y = "1000456012", "1000456020"
ITEMS = [
    receivable(X, "XW1", "WATER", "2026-03-01", 5000),
    receivable(X, "XS1", "SEWER", "2026-03-20", 3000),
    receivable(Y, "YG1", "SANITATION", "2026-03-10", 8800),
]


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", database(request), AID)
    made.take("receivables", "open.csv", receivables_csv(ITEMS))
    yield made
    made.prove()
    made.close()


ask = asker(TODAY)


def pay(office: Office, *checks: tuple[int, str], name: str = "pay.bai") -> None:
    """Checks of a lockbox: cents and what the stub says."""
    made = [check(amount, (stub, None)) for amount, stub in checks]
    content = lockbox_file(made, time=f"09{len(office.rows('files')):02d}")
    assert office.take("lockbox", name, content).state == "accepted"


def told(office: Office, account: str, **more: str) -> None:
    """What the billing system says of an account."""
    row = {"account_number": account, "customer_name": "SOMEBODY", "status": "active", **more}
    office.take("receivables", f"accounts-{account}.csv", csv_text([row]))


def configure(office: Office, old: str, new: str) -> None:
    path = office.home.path / "recond.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def waiting(desk: Desk) -> dict[str, str]:
    """The one row that another person has to answer."""
    (found,) = [row for row in desk.rows() if "approve" in row["allowed_actions"]]
    return found


# --- who ------------------------------------------------------------------------------------------


def test_an_auditor_only_looks_and_nobody_lends_a_role_that_is_not_his(
    office: Office, desk: Desk
) -> None:
    configure(office, 'clerk = ["*"]', 'clerk = ["jane", "ann"]\nauditor = ["ann"]')
    lent = 'giver = "mia"\ntaker = "lee"\nrole = "approver"\nbegin = 2026-03-16\nend = 2026-03-16\n'
    configure(office, 'approver = ["*"]', 'approver = ["ken", "ann"]')
    path = office.home.path / "recond.toml"
    path.write_text(f"{path.read_text()}\n[[delegation]]\n{lent}")
    pay(office, (8800, "NOBODY"), (6000, "NOONE"))
    one, two = desk.rows()
    assert desk.answer(one, "assign", X, person="ann")[0] == "ERROR_ACTION"
    assert desk.answer(two, "refund", note="payer asked")[0] == "PENDING_APPROVAL"
    for person in ("ann", "lee"):
        assert desk.answer(waiting(desk), "approve", person=person)[0] == "ERROR_ACTION"
    assert desk.answer(one, "assign", X)[0] == "APPLIED"
    decision = last(office)
    for person in ("ann", "mallory"):
        with pytest.raises(RefusedError, match="is no clerk of this home"):
            ask(office, person, "undo", decision, "not his")
    assert office.applied() == {"XW1": 5000, "XS1": 3000}


@BOTH
def test_what_several_people_ask_for_one_account_is_one_large_refund(
    office: Office, desk: Desk
) -> None:
    """60.00 and 61.00 of a closed account, of two clerks: over 100.00 two others have to agree."""
    limited(office, 'refund_two_over = "100.00"')
    told(office, X, status="closed")
    pay(office, (6000, X), (6100, X))
    small, large = desk.rows()
    said = desk.answer(small, "refund", note="moved away")
    assert said == ("PENDING_APPROVAL", "60.00 to be refunded; another person has to approve it")
    said = desk.answer(large, "refund", note="moved away", person="ken")
    assert said == ("PENDING_APPROVAL", "61.00 to be refunded; 2 other people have to approve it")


@BOTH
def test_a_large_payment_in_small_parts_needs_another_person(office: Office, desk: Desk) -> None:
    pay(office, (1_500_000, "NOBODY1"), (900_000, "NOBODY2"))
    small, large = sorted(desk.rows(), key=lambda row: row["amount"], reverse=True)
    assert desk.answer(large, "on_account", X, amount_to_apply="9000.00")[0] == "APPLIED"
    (rest,) = [row for row in desk.rows() if row["exception_id"] == large["exception_id"]]
    # 6,000.00 is below the limit, 15,000.00 of one payment is not
    assert desk.answer(rest, "on_account", X)[0] == "PENDING_APPROVAL"
    assert (
        desk.answer(waiting(desk), "deny", person="ken", note="one person a part")[0] == "APPLIED"
    )
    (again,) = [row for row in desk.rows() if row["exception_id"] == large["exception_id"]]
    assert desk.answer(again, "on_account", X, amount_to_apply="999.99")[0] == "APPLIED"
    # another payment is another amount
    assert desk.answer(small, "on_account", X)[0] == "APPLIED"


def test_a_part_for_ones_own_account_needs_another_person_of_none_of_them(
    office: Office, desk: Desk
) -> None:
    configure(office, "[roles]\n", f'[roles]\nown_accounts = {{ jane = ["{X}"], ken = ["{Y}"] }}\n')
    pay(office, (8000, "NOBODY"))
    parts = f"{X}=30.00; {Y}=50.00"
    assert desk.answer(desk.rows()[0], "split", parts)[0] == "PENDING_APPROVAL"
    assert desk.answer(waiting(desk), "approve", person="ken")[0] == "ERROR_SELF"
    assert desk.answer(waiting(desk), "approve", person="lee")[0] == "APPLIED"
    assert office.applied() == {"XW1": 3000, "YG1": 5000}


def test_an_answer_to_many_is_to_what_the_person_saw(office: Office, desk: Desk) -> None:
    """A colleague placed a part between looking and answering: what is left is another question."""
    pay(office, (8000, "NOBODY"))
    run = replace(office.run(), actor="ken")
    with run.store.read() as connection:
        rows = bulk.chosen(connection, run.home.secret(), Filters("ACCOUNT_NOT_FOUND"), TODAY)
    assert desk.answer(desk.rows()[0], "assign", Y, amount_to_apply="20.00")[0] == "APPLIED"
    done = bulk.answer_all(run, rows, bulk.answer_of("assign", X, ""), 8000)
    verdicts: list[Verdict] = [verdict for _, verdict in done]
    assert [verdict.status for verdict in verdicts] == ["STALE"]
    assert office.applied() == {"YG1": 2000}


# --- what is left of a payment -------------------------------------------------------------------


def test_money_that_is_applied_is_moved_by_no_answer(office: Office, desk: Desk) -> None:
    """A flagged payment stands on its items: its question moves nothing, to nobody else and to no
    refund. Once it is in suspense the same question is not just acknowledged."""
    told(office, Y, cash_only_until="2026-12-31")
    pay(office, (8800, Y))
    row = desk.row("CASH_ONLY_ACCOUNT")
    for action, to, words in (
        ("refund", "", "only money in suspense or on account can be refunded"),
        ("assign", X, "recond transfer moves what is applied"),
    ):
        status, message = desk.answer(row, action, to, note="n")
        assert (status, words in message) == ("ERROR_ACTION", True), message
    (only,) = office.rows("applications")
    run = office.run()
    with run.write() as connection:
        reverse(connection, run, only["application_id"], "not his")
    status, message = desk.answer(desk.row("CASH_ONLY_ACCOUNT"), "acknowledge", note="n")
    assert (status, message) == ("ERROR_ACTION", "money of it is in suspense; say where it belongs")
    assert desk.answer(desk.row("REVERSED"), "assign", X)[0] == "APPLIED"


def test_a_payment_that_came_twice_is_refunded_whole_or_not(office: Office, desk: Desk) -> None:
    pay(office, (1000, X), (1000, X))
    row = desk.row("SUSPECTED_DUPLICATE_PAYMENT")
    said = desk.answer(row, "refund", note="n", amount_to_apply="5.00")
    assert said == ("ERROR_ACTION", "the whole payment of 10.00 is refunded, or none of it")
    assert desk.answer(row, "refund", note="n")[0] == "PENDING_APPROVAL"
    assert desk.answer(waiting(desk), "approve", person="ken")[0] == "APPLIED"
    assert office.applied() == {"XW1": 1000}


def test_what_was_refunded_moves_no_more(office: Office, desk: Desk) -> None:
    """20.00 of 88.00 were refunded: the payment does not leave the books as a duplicate, and a
    transfer takes the other 68.00 alone."""
    pay(office, (8800, "NOBODY"))
    part = desk.answer(desk.rows()[0], "refund", note="n", amount_to_apply="20.00")
    assert part[0] == "PENDING_APPROVAL"
    assert desk.answer(waiting(desk), "approve", person="ken")[0] == "APPLIED"
    said = desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "duplicate")
    words = "a part of this payment has left the books; it cannot go as a whole"
    assert said == ("ERROR_ACTION", words)
    assert desk.answer(desk.row("ACCOUNT_NOT_FOUND"), "assign", X)[0] == "APPLIED"
    receipt = str(office.rows("receipts")[0]["receipt_id"])
    ask(office, "jane", "transfer", receipt, Y, "his neighbour's")
    assert desk.answer(waiting(desk), "approve", person="ken")[0] == "APPLIED"
    assert office.applied() == {"YG1": 6800}


def test_the_credit_of_the_account_in_question_is_refunded(office: Office, desk: Desk) -> None:
    """One check left 10.00 on account for X and 50.00 for Y, which is closed."""
    told(office, Y, status="closed")
    one = check(14000, (X, 9000), (Y, 5000))
    assert office.take("lockbox", "two.bai", lockbox_file([one])).state == "accepted"
    assert office.applied() == {"XW1": 5000, "XS1": 3000}
    status, message = desk.answer(desk.row("ACCOUNT_CLOSED"), "refund", note="moved away")
    assert (status, message.partition(";")[0]) == ("PENDING_APPROVAL", "50.00 to be refunded")


# --- where it goes --------------------------------------------------------------------------------


def test_an_item_and_its_account_share_what_is_owed(office: Office, desk: Desk) -> None:
    pay(office, (8500, "NOBODY"))
    said = desk.answer(desk.rows()[0], "split", f"XW1=50.00; {X}=35.00")
    assert said[0] == "APPLIED", said
    assert office.applied() == {"XW1": 5000, "XS1": 3000}
    (receipt,) = office.rows("receipts")
    assert str(receipt["on_account_amount"]) == "5.00"


def test_a_number_that_means_two_accounts_means_none(office: Office, desk: Desk) -> None:
    rows = [receivable(account, "SAME", "WATER", "2026-03-28", 700)
            for account in ("0000123457", "00123457")]  # fmt: skip
    office.take("receivables", "two.csv", receivables_csv([*ITEMS, *rows]))
    pay(office, (700, "NOBODY"))
    (row,) = desk.rows()
    for to, words in (("SAME", "is on several accounts (0000123457, 00123457)"),
                      ("123457", "could be 0000123457, 00123457; write the whole")):  # fmt: skip
        status, message = desk.answer(row, "assign", to)
        assert (status, words in message) == ("ERROR_ACTION", True), message
    assert desk.answer(row, "assign", "00123457")[0] == "APPLIED"


def test_restricted_money_recovers_no_other_debt(office: Office, desk: Desk) -> None:
    """The aid may pay water and sewer; what was written off is sanitation. And a clerk who names
    one item means that one."""
    for to in (Y, X):
        ask(office, "jane", "write_off", to, None, "moved away")
        assert desk.answer(waiting(desk), "approve", person="ken")[0] == "APPLIED"
    pay(office, (4000, "NOBODY"), name="aid.bai")
    receipt = str(office.rows("receipts")[0]["receipt_id"])
    for to, owed in ((Y, "0.00"), ("XS1", "30.00")):
        with pytest.raises(RefusedError, match=f"are more than the {owed} that were written off"):
            ask(office, "jane", "recover", receipt, to, None, "the agency's")
    assert ask(office, "jane", "recover", receipt, X, None, "the agency's").startswith("PENDING")
