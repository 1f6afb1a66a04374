"""Numbers in the free text of ACH addenda: weak evidence. They suggest and contradict, and decide
only where the entry says nothing and the one account that all of them name owes just the money."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import TODAY, Office, cents, receivable, receivables_csv
from queueoffice import Desk
from sqlalchemy import select

from recond.exports.explain import explain, render
from recond.exports.tried import Rulebook
from recond.intake.containers import slice_of
from recond.store import schema
from tests.unit import achfiles, x12files

DUE = 3150 + 4275
SILENT, UNKNOWN, AGAINST = "NO_REFERENCE", "ACCOUNT_NOT_FOUND", "REFERENCES_CONTRADICT"

# Of each case the individual id, the cents, the text of the addenda, and what comes of it: the rule
# that posts, or the question. {a} owes 74.25 (items {a}-1W and {a}-2W), {b} 31.20.
CASES = {
    "due": ("", DUE, "ACCT {a} WATER JUNE", "free_text"),
    "in lower case": ("", DUE, "acct:{a}.", "free_text"),
    "with dashes": ("", DUE, "ACCT {dashed}", "free_text"),
    "cut in two": ("", DUE, f"{'PAYMENT OF WATER ACCOUNT':<75}{{a}}", "free_text"),
    "item of all that is due": ("", 3120, "INVOICE {b}-5S", "free_text"),
    "another amount": ("", DUE - 1, "ACCT {a} WATER JUNE", SILENT),
    "item of a part": ("", 4275, "INVOICE {a}-2W", SILENT),
    "beside an unknown number": ("", DUE, "ACCT {a} INV 77812345", SILENT),
    "two accounts": ("", DUE, "ACCTS {a} {b}", SILENT),
    "nothing but words": ("", DUE, "THANK YOU 77812345", SILENT),
    "id agrees": ("{a}", 5000, "ACCT {a} INV 77812345", "account_number"),
    "id beside somebody's bill": ("{a}", 5000, "WATER JUNE 2026", "account_number"),
    "id contradicted": ("{a}", DUE, "ACCT {b}", AGAINST),
    "id unknown": ("VENDOR 0042", DUE, "ACCT {a}", UNKNOWN),
    "lines": ("PAY 1", 3150, "RMR*IV*{a}-1W*PI*31.50\\", "item_reference"),
    "lines and a text": ("{a}", 3150, "RMR*IV*{a}-1W*PI*31.50\\ ACCT {b}", SILENT),
}
NUMBERS = {
    name: {"a": f"10004{place:04d}1", "b": f"10004{place:04d}2", "dashed": f"1000-4{place:04d}-1"}
    for place, name in enumerate(CASES)
}


def entry(identity: str, amount: int, text: str, number: int) -> achfiles.Entry:
    return achfiles.Entry("22", amount, identity, trace=number, addenda=achfiles.info(text))


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], scope="module"
)
def paid(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """One office that was sent one file with an entry a case."""
    url = request.getfixturevalue("postgres_module_url") if request.param == "postgres" else None
    made = Office(tmp_path_factory.mktemp("text") / "home", url)
    items = [receivable("1000999999", "9M", "MISC", "2026-03-28", 100, bill="2026")]
    entries = []
    for place, (name, (identity, amount, text, _)) in enumerate(CASES.items(), 1):
        told = NUMBERS[name]
        items += [
            receivable(told["a"], f"{told['a']}-1W", "WATER", "2026-02-10", 3150),
            receivable(told["a"], f"{told['a']}-2W", "WATER", "2026-03-28", 4275),
            receivable(told["b"], f"{told['b']}-5S", "SEWER", "2026-03-28", 3120),
        ]
        entries.append(entry(identity.format(**told), amount, text.format(**told), place))
    made.take("receivables", "r.csv", receivables_csv(items))
    batch = achfiles.Batch(entries, sec="CCD", effective="260316")
    assert made.take("ach", "a.ach", achfiles.build([batch])).state == "accepted"
    yield made
    made.close()


def receipt(office: Office, name: str) -> dict[str, Any]:
    place = list(CASES).index(name) + 1
    (row,) = [r for r in office.rows("receipts") if r["trace_number"].endswith(f"{place:07d}")]
    return row


@pytest.mark.parametrize("name", CASES)
def test_what_the_text_may_do(paid: Office, name: str) -> None:
    _, amount, _, expected = CASES[name]
    row, told = receipt(paid, name), NUMBERS[name]
    applied = {
        one["item_number"]: cents(one["amount"])
        for one in paid.rows("applications")
        if one["receipt_id"] == row["receipt_id"]
    }
    if expected in (SILENT, UNKNOWN, AGAINST):
        assert (row["state"], row["exception_code"], applied) == ("unidentified", expected, {})
        return
    assert (row["state"], row["rule"]) == ("applied", expected)
    first = f"{told['b']}-5S" if name == "item of all that is due" else f"{told['a']}-1W"
    assert (sum(applied.values()), first in applied) == (amount, True)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("another amount", "stands in the text, name there"),
        ("item of a part", "stands in the text, name there"),
        ("beside an unknown number", "due 74.25 equals the amount"),
        ("two accounts", "due 74.25 equals the amount"),  # the other one owes 31.20
        ("id unknown", "due 74.25 equals the amount"),
    ],
)
def test_the_text_suggests(paid: Office, tmp_path: Path, name: str, why: str) -> None:
    row = receipt(paid, name)
    (asked,) = [r for r in Desk(paid, tmp_path).rows() if r["receipt_id"] == row["receipt_id"]]
    assert asked["suggest_1"].startswith(f"acct {NUMBERS[name]['a']} ")
    assert "stands in the text" in asked["suggest_1_why"]
    assert why in asked["suggest_1_why"]


def explained(office: Office, name: str) -> str:
    run = office.run()

    def read_source(sha256: str, offset: int, length: int) -> bytes:
        return slice_of(run.archived(sha256), offset, length)

    with run.store.read() as connection:
        identity = receipt(office, name)["receipt_id"]
        return render(explain(connection, identity, read_source, Rulebook(run.rules, TODAY)))


def test_explain_tells_what_the_text_said(paid: Office) -> None:
    a = NUMBERS["due"]["a"]
    says = f"account number {a} in the text; the text names one account alone, and {a} owes exactly"
    assert says in explained(paid, "due")
    told = explained(paid, "another amount")
    line = 2 + 2 * list(CASES).index("another amount") + 3  # one piece of text is cut in two
    a = NUMBERS["another amount"]["a"]
    assert f"word of the text on line {line}: {a}" in told
    assert "Nothing but its text says what the payment is for: account number" in told
    assert "free text" in told


def test_the_books_hold(paid: Office) -> None:
    paid.prove()


LATER = "1000456012"


def silent(number: int, text: str) -> bytes:
    return sent(entry("", DUE, text, number))


def sent(one: achfiles.Entry) -> bytes:
    batch = achfiles.Batch([one], effective="260316")
    return achfiles.build([batch], date=f"26050{one.trace}")


def test_it_is_identified_when_its_account_comes(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    office.take("ach", "a.ach", silent(1, f"ACCT {LATER}"))
    assert office.questions() == [SILENT]
    office.take("receivables", "r.csv", receivables_csv(
        [receivable(LATER, "1W", "WATER", "2026-03-28", DUE)]))  # fmt: skip
    assert (office.questions(), office.applied()) == ([], {"1W": DUE})
    office.prove()
    office.close()


def test_a_payer_is_remembered_beside_a_text_that_says_nothing(tmp_path: Path) -> None:
    """And the words of the text are nobody's: another bank's payment with the same is not led."""
    office = Office(tmp_path / "home")
    config = office.home.path / "recond.toml"
    config.write_text(config.read_text().replace("payer_memory = false", "payer_memory = true"))
    desk = Desk(office, tmp_path / "clerk")
    rows = [receivable(LATER, f"{n}W", "WATER", "2026-03-28", DUE) for n in (1, 2, 3)]
    office.take("receivables", "r.csv", receivables_csv(rows))
    for number in (1, 2):
        office.take("ach", f"{number}.ach", silent(number, "INVOICE 77812345"))
        asked = [row for row in desk.rows() if row["reason"] == SILENT]
        assert [desk.answer(row, "assign", LATER)[0] for row in asked] == ["APPLIED"]
    with office.run().store.read() as connection:
        assert "WORD" in set(connection.scalars(select(schema.remittance.c.kind)))
    stranger = entry("", DUE, "INVOICE 77812345", 8)
    stranger.account = "777000111"
    office.take("ach", "8.ach", sent(stranger))
    assert SILENT in office.questions()
    office.take("ach", "9.ach", silent(9, "INVOICE 77812345"))
    led = [row["rule"] for row in office.rows("receipts") if row["trace_number"].endswith("9")]
    assert led == ["payer_memory"]
    office.close()


@pytest.mark.parametrize("first", ["advice", "payment"])
def test_an_advice_rules_over_the_text(tmp_path: Path, first: str) -> None:
    office = Office(tmp_path / "home")
    rows = [receivable(LATER, "1W", "WATER", "2026-02-10", DUE),
            receivable(LATER, "2W", "WATER", "2026-03-28", DUE),
            receivable("1000456020", "3W", "WATER", "2026-03-28", 100)]  # fmt: skip
    office.take("receivables", "r.csv", receivables_csv(rows))
    lines = x12files.advice("RMR*IV*2W*PI*74.25", total="74.25")
    files = {"a.820": x12files.interchange(lines), "b.ach": silent(1, "ACCT 1000456020 X77812345")}
    for name in sorted(files, reverse=first == "payment"):
        office.take("ach", name, files[name])
    assert (office.applied(), office.questions()) == ({"2W": DUE}, [])
    office.prove()
    office.close()
