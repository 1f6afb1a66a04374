"""A corrected bank statement in place of an earlier one: what both say stands, with all that was
done about it; only the rest leaves and comes (`files accept --replace`, contract section 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import (
    Office,
    cents,
    check,
    lockbox_file,
    receivable,
    receivables_csv,
    statement,
)
from queueoffice import Desk
from test_bank_statements import STATEMENT
from test_monthend import statements

from recond import audit
from recond.errors import RefusedError
from recond.exports.statements.bank import accounts_of
from recond.pipeline.corrections import accept
from recond.pipeline.monthend import month_of

MON, TUE, WED = (dt.date(2026, 3, day) for day in (16, 17, 18))
X = "1000456012"
Line = tuple[str, int, str]
MISC: Line = ("399", 4900, "MISC")
OTHER: Line = ("399", 700, "OTHER")
RIGHT: Line = ("399", 800, "OTHER")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    rows = [receivable(X, "W1", "WATER", "2026-03-28", 90000)]
    made.take("receivables", "open.csv", receivables_csv(rows), MON)
    yield made
    made.process(WED)
    made.prove()
    statements(made, "2026-03")  # every one ties, the bank's with the ledger
    with made.run(WED).store.read() as connection:
        assert list(audit.verify(connection)) == []
    made.close()


def bank(office: Office, name: str, *lines: Line) -> str:
    """The statement of Monday, or that statement again; a changed one is held."""
    return office.take("bank", name, statement(1000, lines, MON), TUE).file_id


def replaced(office: Office, file_id: str) -> str:
    run = office.run(TUE)
    with run.store.write() as connection:
        said = accept(connection, run, file_id, None, "the bank corrected it", replace=True)
    office.process(TUE)
    return said


def states(office: Office, day: dt.date = TUE) -> list[tuple[int, str]]:
    return [(cents(row["amount"]), row["state"]) for row in office.rows("bank_lines", day)]


def test_what_both_say_stands_and_the_rest_leaves_and_comes(office: Office, tmp_path: Path) -> None:
    bank(office, "a.bai2", MISC, OTHER)
    office.process(TUE)
    desk = Desk(office, tmp_path / "queue")
    (row,) = [row for row in desk.rows(TUE) if row["amount"] == "49.00 USD"]
    (told,) = desk.bring(desk.write([{**row, "action": "assign", "to_account": X}]), today=TUE)
    assert told["status"] == "APPLIED"
    file_id = bank(office, "b.bai2", MISC, RIGHT)
    said = replaced(office, file_id)
    assert said.endswith(
        "1 bank lines, 2 bank balances, 1 bank lines seen before and skipped;"
        " 1 lines of the earlier statement are withdrawn"
    )
    assert states(office) == [(4900, "receipt"), (700, "withdrawn"), (800, "suspense")]
    assert office.applied() == {"W1": 4900}
    assert [r["state"] for r in office.rows("receipts")] == ["applied", "voided", "unidentified"]
    assert office.asked() == [("BANK_CREDIT_UNMATCHED", 800)]
    assert office.journal()["100", "1010"] == 4900 + 800


def test_a_line_that_brought_a_deposit_stands_where_it_is_repeated(office: Office) -> None:
    office.take("lockbox", "day.bai", lockbox_file([check(4900, (X, None))], MON), MON)
    bank(office, "a.bai2", ("115", 4900, "LOCKBOX 0012345"), OTHER)
    assert office.rows("deposits", TUE)[0]["state"] == "reconciled"
    replaced(office, bank(office, "b.bai2", ("115", 4900, "LOCKBOX 0012345"), RIGHT))
    assert office.rows("deposits", TUE)[0]["state"] == "reconciled"
    assert states(office) == [(4900, "cleared"), (700, "withdrawn"), (800, "suspense")]


def test_a_settled_line_that_is_not_repeated_is_taken_back_by_a_person_first(
    office: Office,
) -> None:
    office.take("lockbox", "day.bai", lockbox_file([check(4900, (X, None))], MON), MON)
    bank(office, "a.bai2", ("115", 4900, "LOCKBOX 0012345"), OTHER)
    before = states(office)
    file_id = bank(office, "b.bai2", ("115", 4800, "LOCKBOX 0012345"), OTHER)
    with pytest.raises(RefusedError, match=r"-1 \(49.00, line 4\), which is settled"):
        replaced(office, file_id)
    assert states(office) == before


def test_a_debit_that_is_not_repeated_is_asked_about_no_more(office: Office) -> None:
    bank(office, "a.bai2", MISC, ("699", 700, "WHO KNOWS"))
    office.process(TUE)
    assert ("BANK_DEBIT_UNKNOWN", 700) in office.asked()
    replaced(office, bank(office, "b.bai2", MISC))
    assert states(office) == [(4900, "suspense"), (-700, "withdrawn")]
    assert office.asked() == [("BANK_CREDIT_UNMATCHED", 4900)]


def test_of_two_equal_lines_one_may_go(office: Office) -> None:
    bank(office, "a.bai2", MISC, ("399", 700, "OTHER"))
    again = statement(1000, [MISC], MON)
    twice = statement(1000, [MISC, MISC], MON).replace("REF0002", "REF0001")
    file_id = office.take("bank", "b.bai2", twice, TUE).file_id
    replaced(office, file_id)
    assert states(office) == [(4900, "suspense"), (700, "withdrawn"), (4900, "suspense")]
    replaced(office, office.take("bank", "c.bai2", again, TUE).file_id)
    assert [state for _, state in states(office)].count("suspense") == 1
    assert office.journal()["100", "1010"] == 4900


def test_a_statement_that_is_corrected_twice(office: Office) -> None:
    bank(office, "a.bai2", MISC, OTHER)
    replaced(office, bank(office, "b.bai2", MISC, RIGHT))
    replaced(office, bank(office, "c.bai2", MISC, ("399", 900, "OTHER")))
    assert states(office) == [
        (4900, "suspense"), (700, "withdrawn"), (800, "withdrawn"), (900, "suspense"),
    ]  # fmt: skip
    assert office.asked() == [("BANK_CREDIT_UNMATCHED", 4900), ("BANK_CREDIT_UNMATCHED", 900)]


def test_a_statement_of_the_month_before_that_is_corrected_in_the_next(office: Office) -> None:
    march, april = dt.date(2026, 3, 31), dt.date(2026, 4, 1)
    office.take("bank", "a.bai2", statement(1000, (MISC, OTHER), march), april)
    held = office.take("bank", "b.bai2", statement(1000, (MISC, RIGHT), march), april)
    run = office.run(april)
    with run.store.write() as connection:
        accept(connection, run, held.file_id, None, "the bank corrected it", replace=True)
    office.process(april)
    for month in ("2026-03", "2026-04"):
        statements(office, month)
        with run.store.read() as connection:
            (account,) = accounts_of(month_of(connection, run, month, ()))
        assert (account.opening_cents, account.gaps) == (1000, ())
    assert office.journal()["100", "1010"] == 4900 + 800


def test_a_line_with_an_identity_of_its_own_is_taken_with_its_new_amount(office: Office) -> None:
    office.take("bank", "a.sta", STATEMENT, TUE)
    changed = STATEMENT.replace("104,00", "105,00").replace("1020,35", "1021,35")
    held = office.take("bank", "b.sta", changed, TUE)
    assert held.state == "held"
    replaced(office, held.file_id)
    assert sorted(states(office)) == [(-8365, "open"), (10400, "withdrawn"), (10500, "suspense")]
    assert "BANK_LINE_CONFLICT" not in office.questions()
