"""`check` finds what is wrong with decisions, approvals and work lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, check, lockbox_file, receivable, receivables_csv
from queueoffice import Desk
from sqlalchemy import text

from recond import intake
from recond.check import Books
from recond.check import check as prove

X = "1000456012"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    items = [receivable(X, "XW1", "WATER", "2026-03-01", 5000)]
    made.take("receivables", "open.csv", receivables_csv(items))
    checks = [check(3000, ("NOBODY", None)), check(4000, ("NOONE", None))]
    made.take("lockbox", "pay.bai", lockbox_file(checks))
    desk = Desk(made, tmp_path / "clerk")
    first, second = desk.rows()
    assert desk.answer(first, "assign", X)[0] == "APPLIED"
    assert desk.answer(second, "refund", note="x")[0] == "PENDING_APPROVAL"
    yield made
    made.close()


def broken(office: Office, *statements: str) -> set[str]:
    run = office.run()
    with run.store.write() as connection:
        for statement in statements:
            connection.execute(text(statement))
    with run.store.read() as connection:
        books = Books(connection, run.home, run.chart, read_archive=True)
        return {one.name for one, rows in prove(books) if rows}


def test_all_is_well(office: Office) -> None:
    assert broken(office) == set()


def test_approvals_and_requests_belong_together(office: Office) -> None:
    wrong = "UPDATE exception SET status = 'open' WHERE status = 'pending_approval'"
    assert broken(office, wrong) == {"I3.approvals"}


def test_effects_have_their_versions(office: Office) -> None:
    again = (
        "INSERT INTO decision_made SELECT decision_no + 9, 'D9', exception_no, version, action,"
        " args, note, receipt_no, account_key, 7, amount_cents, decided_by, decided_at,"
        " decided_date, status, approvals, answers_id, result FROM decision_made"
        " WHERE status = 'APPLIED'"
    )
    assert broken(office, again) == {"I3.answers"}


def test_lists_stay_in_the_archive(office: Office) -> None:
    run = office.run()
    with run.store.read() as connection:
        sha = str(connection.scalar(text("SELECT sha256 FROM work_file LIMIT 1")))
    intake.archived(run.home.path, sha).unlink()
    assert broken(office) == {"I4.lists"}


def test_decisions_are_never_changed(office: Office) -> None:
    with pytest.raises(Exception, match="decision_made"), office.run().store.write() as connection:
        connection.execute(text("UPDATE decision_made SET decided_by = 'nobody'"))


def test_what_is_written_off_stands_in_the_journal(office: Office) -> None:
    forged = (
        "INSERT INTO adjustment (entry_no, line, item_key, charge_type, fund, kind,"
        " gl_account, cents)"
        " VALUES (1, 1, 1, 'WATER', '510', '{}', '1290', {})"
    )
    assert "I2.written_off" in broken(office, forged.format("write_off", -70))


def test_no_more_is_recovered_than_was_written_off(office: Office) -> None:
    forged = (
        "INSERT INTO adjustment (entry_no, line, item_key, charge_type, fund, kind,"
        " gl_account, cents) VALUES"
        " (1, 1, 1, 'WATER', '510', 'recovered', '1290', 70),"
        " (1, 2, 2, 'WATER', '510', 'write_off', '1290', -70)"
    )
    assert "I2.written_off" in broken(office, forged)  # the allowance alone would not tell
