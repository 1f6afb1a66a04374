"""Suggestions: what agrees is said in words, guesses are none, refused accounts have a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office import Office, check, lockbox_file, receivable, receivables_csv
from sqlalchemy import delete, update

from recond.exceptions.evidence import NEARNESS, gather, neighbours, similar
from recond.exceptions.suggest import Suggestions, ranked, suggestions
from recond.matching.names import normalise_name
from recond.store import schema
from recond.store.engine import Store
from tests.integration.viewbooks import key, reference_key, rows, write_books


@pytest.fixture
def books(store: Store) -> Store:
    with store.write() as connection:
        write_books(connection)
    return store


def suggested(books: Store, *numbers: int) -> Suggestions:
    with books.read() as connection:
        return suggestions(connection, numbers or None)


def whys(found: Suggestions, number: int) -> list[str]:
    return [row["why"] for row in found.candidates.to_pylist() if row["exception_no"] == number]


def refused(found: Suggestions, number: int) -> list[str]:
    return [row["why"] for row in found.refused.to_pylist() if row["exception_no"] == number]


def test_what_agrees_is_said_in_words(books: Store) -> None:
    found = suggested(books)
    assert whys(found, 1) == [
        (
            "acct 0000456012: one digit differs, name is like 'SAMPLE, JANE',"
            " due 104.00 equals the amount"
        )
    ]
    assert found.candidates.to_pylist()[0]["score"] == 100 * 3 + 5 + 3 + 4


def test_a_closed_or_paid_account_is_refused_with_the_reason(books: Store) -> None:
    found = suggested(books)
    assert refused(found, 1) == [
        "acct 0000456312: name is like 'Jane Sample', due 0.00; not suggested: closed account"
    ]
    # 888-00l is read as 88800L: no digit variant; the name finds the account, which paid already
    assert whys(found, 4) == []
    assert refused(found, 4) == [
        "acct 0000888001: name agrees, due 0.00; not suggested: already paid 2026-03-16"
    ]


def test_what_was_paid_later_is_no_reason_against_an_account(books: Store) -> None:
    """Who sees that a payment was not credited pays again: the first is the account's too."""
    with books.read() as connection:
        evidence = gather(connection, [4])
    evidence.asked[4].received_date = "2026-03-02"
    found = ranked(evidence)
    assert refused(found, 4) == []
    (why,) = whys(found, 4)
    assert why.startswith("acct 0000888001: name agrees, due 0.00, but ")
    assert why.endswith(" was paid on 2026-03-16 already")


def test_names_spelt_alike_that_share_a_rare_word(books: Store) -> None:
    assert whys(suggested(books), 5) == [
        "acct 0000990001: name is like 'Ocotilo Trading', due 77.77 equals the amount",
        "acct 0000456021: name agrees, due 0.00",
    ]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("R VELASQUEZ", "RAMONA VELASQUEZ", True), ("R VELASQUEZ", "IRIS VELASQUEZ", False),
        ("GARCIA C", "CELIA GARCIA", True), ("A B GARCIA", "ANA GARCIA", True),
        ("ANA A DIAZ", "ANA B DIAZ", False), ("A DIAZ", "BOB DIAZ", False),
        ("C & A OCHOA", "BRIAN & ALICE OCHOA", False), ("B & A OCHOA", "BRIAN & ALICE OCHOA", True),
        ("OCOTILLO TRADING", "OCOTILO TRADING", True), ("A B", "ANA BOB", False),
        ("ANA DIAZ", "ANA FORD", False), (None, "ANA FORD", False),
    ],
)  # fmt: skip
def test_initials_stand_for_what_begins_with_them(
    one: str | None, other: str | None, alike: bool
) -> None:
    one, other = normalise_name(one), normalise_name(other)
    assert similar(one, other) is alike
    assert similar(other, one) is alike


def test_questions_that_take_no_suggestion_have_none(books: Store) -> None:
    found = suggested(books)
    assert set(found.candidates["exception_no"].to_pylist()) == {1, 5}
    assert suggested(books, 2).candidates.num_rows == 0
    one = suggested(books, 1)
    assert set(one.candidates["exception_no"].to_pylist()) == {1}


def _accounts(store: Store, count: int, *, cents: int, first: int = 100) -> None:
    with store.write() as connection:
        for number in range(first, first + count):
            account = f"55{number:08d}"
            rows(
                connection,
                "account",
                {"account_key": number, "account_number": account, "status": "active",
                 "customer_name": f"Payer N{number}",
                 "name_key": normalise_name(f"Payer N{number}"),
                 "reference_key": reference_key(account), "since_entry": 0},
            )  # fmt: skip
            rows(
                connection,
                "item",
                {"item_key": number, "account_key": number, "item_number": f"I{number}",
                 "item_reference": f"I{number}", "charge_type": "WATER", "fund": "510",
                 "original_cents": cents, "since_entry": 0},
            )  # fmt: skip
            rows(
                connection,
                "item_balance",
                {"item_key": number, "snapshot_cents": cents, "pending_cents": 0,
                 "open_cents": cents},
            )  # fmt: skip


@pytest.mark.parametrize(("count", "offered"), [(3, 3), (4, 0), (21, 0)])
def test_an_amount_that_many_owe_suggests_nobody(store: Store, count: int, offered: int) -> None:
    """Domain example E18: three accounts may be looked at, four are a guess."""
    _ask(store, cents=2680)
    _accounts(store, count, cents=2680)
    found = suggested(store)
    assert found.candidates.num_rows == offered
    if offered:
        assert found.candidates["account_number"].to_pylist() == [
            "5500000100", "5500000101", "5500000102",
        ]  # fmt: skip
        assert whys(found, 1)[0] == "acct 5500000100: due 26.80 equals the amount"
    elif count == 4:
        assert refused(found, 1)[0].endswith("only that amount agrees, as on other accounts")


def _ask(store: Store, **receipt: object) -> None:
    cents = receipt.pop("cents")
    with store.write() as connection:
        rows(
            connection,
            "file",
            {"file_no": 1, "file_id": "F" + "a" * 12, "inbox": "lockbox", "name": "a",
             "sha256": "a" * 64, "size": 1, "arrived_at": "2026-03-16T12:00:00Z",
             "business_date": "2026-03-16", "period": "2026-03", "posted_by": "recond",
             "state": "accepted", "message": ""},
        )  # fmt: skip
        rows(
            connection,
            "receipt",
            {"receipt_no": key(1, 1), "batch_ord": 1, "channel": "LOCKBOX", "tender": "CHECK",
             "amount_cents": cents, "received_date": "2026-03-16", **receipt},
        )  # fmt: skip
        rows(
            connection,
            "exception",
            {"exception_no": 1, "exception_id": "X1", "version": 1, "code": "NO_REFERENCE",
             "scope": "ITEM", "severity": "question", "receipt_no": key(1, 1), "file_no": 1,
             "opened_at": "2026-03-16T12:00:00Z", "opened_date": "2026-03-16", "status": "open",
             "message": "?"},
        )  # fmt: skip


def test_an_initial_singles_out_one_of_many_of_a_common_name(store: Store) -> None:
    _ask(store, cents=1, payer_name="Z PAYER")
    _accounts(store, 60, cents=2680)
    with store.write() as connection:
        name = {"customer_name": "Zoe Payer", "name_key": normalise_name("Zoe Payer")}
        connection.execute(
            update(schema.account).where(schema.account.c.account_key == 130).values(name)
        )
    assert whys(suggested(store), 1) == ["acct 5500000130: name is like 'Zoe Payer', due 26.80"]


READ = [
    ("5500000100", "is the number read"),
    ("55-0000 0100", "is the number read"),
    ("5500000200", "one digit differs"),
    ("5500001000", "two digits are swapped"),
    ("550000100", "a zero was lost"),
    ("55000000100", "a zero too many"),
    ("550000010003152600000999990", "is the number read"),
    ("55000001000315260000099999", "is the number read"),  # a scan line that lost its check digit
    ("I100", "is the number read"),
]


def test_numbers_that_are_nearly_an_account(store: Store) -> None:
    _ask(store, cents=1)
    _accounts(store, 1, cents=2680)
    for read, said in READ:
        with store.write() as connection:
            connection.execute(delete(schema.remittance))
            rows(
                connection,
                "remittance",
                {"receipt_no": key(1, 1), "sequence": 1, "kind": "REFERENCE", "reference": read},
            )
        assert whys(suggested(store), 1) == [f"acct 5500000100: {said}, due 26.80"], read


def test_bankruptcy_is_suggested_only_when_the_number_names_it(store: Store) -> None:
    _ask(store, cents=2680, account_on_item="5500000100;5500000201")
    _accounts(store, 2, cents=2680)
    with store.write() as connection:
        connection.execute(update(schema.account).values(status="bankruptcy"))
    found = suggested(store)
    assert whys(found, 1) == ["acct 5500000100: is the number read, due 26.80 equals the amount"]
    assert refused(found, 1)[0].endswith("not suggested: the account is in bankruptcy")


@given(st.text("0123456789", min_size=4, max_size=12))
def test_neighbours_are_near(text: str) -> None:
    found = neighbours(text)
    assert found[text] == 0
    assert all(0 <= nearness < len(NEARNESS) for nearness in found.values())
    assert all(abs(len(other) - len(text)) <= 1 for other in found)


def test_short_numbers_and_words_have_no_neighbours() -> None:
    assert neighbours("12") == {"12": 0}
    assert neighbours("ACCT-1") == {"ACCT-1": 0}
    assert neighbours("٣٣٣٣") == {"٣٣٣٣": 0}


def test_the_same_books_give_the_same_suggestions(books: Store) -> None:
    assert suggested(books).candidates.equals(suggested(books).candidates)


def test_a_bill_and_what_was_due_by_a_day_tell_accounts_of_one_name_apart(tmp_path: Path) -> None:
    """Payers pay a bill, not its items, and who is behind pays what is past due."""
    office = Office(tmp_path / "home")
    items = [
        receivable(f"100000000{n}", f"{n}{bill}{part}", "WATER", due, owed, name="ANN LEE",
                   bill=bill)
        for n in range(6)
        for bill, due in (("A", "2026-01-20"), ("B", "2026-02-20"), ("C", "2026-03-20"))
        for part, owed in ((1, 6000 + n), (2, 3125 + 10 * n))
    ]  # fmt: skip
    office.take("receivables", "receivables.csv", receivables_csv(items))
    checks = [check(9125 + 33, number="1", payer="ANN LEE"),
              check(2 * (9125 + 44), number="2", payer="LEE, ANN")]  # fmt: skip
    office.take("lockbox", "lb.bai", lockbox_file(checks))
    with office.run().store.read() as connection:
        found = suggestions(connection).candidates.to_pylist()
    office.close()
    assert [row["why"] for row in found] == [
        "acct 1000000003: name agrees, bill A of 91.58 equals the amount",
        "acct 1000000004: name agrees, what was due by 2026-02-20 of 183.38 equals the amount",
    ]
