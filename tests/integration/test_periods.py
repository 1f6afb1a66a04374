"""Months: what a closed one refuses, where late money goes, who may open it again (contract
sections 3 and 5, domain E42–E44)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from office import NOW, Office, check, lockbox_file, receivable, receivables_csv, recond
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from recond import periods
from recond.closing import checklist
from recond.errors import PeriodClosedError, RefusedError, UsageError
from recond.exports.statements import STATEMENTS
from recond.pipeline import corrections
from recond.pipeline.handover import export_postings
from recond.pipeline.monthend import month_of
from recond.store import schema

A = "1000456012"
MARCH_30, APRIL_10, APRIL_12, APRIL_14 = (
    dt.date(2026, 3, 30), dt.date(2026, 4, 10), dt.date(2026, 4, 12), dt.date(2026, 4, 14),
)  # fmt: skip


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    rows = [receivable(A, "1W", "WATER", "2026-03-28", 3418225)]
    made.take("receivables", "open.csv", receivables_csv(rows), MARCH_30)
    yield made
    made.close()


def pay(office: Office, amount: int, day: dt.date, arrives: dt.date, account: str = A) -> str:
    text = lockbox_file([check(amount, (account, None))], day)
    return office.take("lockbox", f"{day}-{arrives}.bai", text, arrives).state


def close(office: Office, month: str, day: dt.date) -> None:
    run = office.run(day)
    with run.store.write() as connection:
        periods.close(connection, month, periods.Who("ana", NOW, day), None)


def reopen(office: Office, who: str, month: str = "2026-03") -> bool:
    run = office.run(APRIL_14)
    with run.store.write() as connection:
        return periods.reopen(connection, month, periods.Who(who, NOW, APRIL_14, "late file"))


def entries(office: Office) -> list[tuple[str, str]]:
    return [(str(r["effective_date"]), r["period"]) for r in office.rows("journal") if r["debit"]]


def test_e43_a_late_file_posts_in_the_open_month_with_its_own_received_date(
    office: Office,
) -> None:
    close(office, "2026-03", APRIL_10)
    assert pay(office, 3418225, MARCH_30, APRIL_12) == "accepted"
    (receipt,) = office.rows("receipts")
    assert receipt["received_date"] == receipt["deposit_date"] == MARCH_30
    (application,) = office.rows("applications")
    assert application["effective_date"] == APRIL_12
    assert entries(office)[-1] == ("2026-04-12", "2026-04")
    run = office.run()
    with run.store.read() as connection:
        dated = schema.entry.c
        query = periods.select(dated.original_date).order_by(dated.entry_no.desc()).limit(1)
        assert connection.scalar(query) == "2026-03-30"
    office.prove()


def test_e42_a_correction_after_close_is_dated_on_the_business_date(office: Office) -> None:
    pay(office, 5000, MARCH_30, MARCH_30)
    before = [row for row in office.rows("journal") if row["period"] == "2026-03"]
    close(office, "2026-03", APRIL_10)
    (application,) = office.rows("applications")
    run = office.run(APRIL_14)
    with run.store.write() as connection:
        corrections.reverse(connection, run, application["application_id"], "misapplied")
    after = office.rows("journal")
    assert [row for row in after if row["period"] == "2026-03"] == before
    assert {str(r["effective_date"]) for r in after if r["period"] == "2026-04"} == {"2026-04-14"}
    (_, back) = office.rows("applications")
    assert back["effective_date"] == APRIL_14


def test_a_later_decision_takes_the_receipts_date_while_its_month_is_open(office: Office) -> None:
    pay(office, 5000, MARCH_30, MARCH_30)
    (application,) = office.rows("applications")
    run = office.run(APRIL_14)
    with run.store.write() as connection:
        corrections.reverse(connection, run, application["application_id"], "misapplied")
    assert {row["effective_date"] for row in office.rows("applications")} == {MARCH_30}


def test_every_month_before_a_closed_one_is_closed(office: Office) -> None:
    close(office, "2026-03", APRIL_10)
    pay(office, 100, dt.date(2026, 2, 27), APRIL_12)
    assert entries(office)[-1] == ("2026-04-12", "2026-04")


def test_the_database_itself_refuses_an_entry_into_a_closed_month(office: Office) -> None:
    close(office, "2026-03", APRIL_10)
    run = office.run()
    row = dict.fromkeys(("entry_id", "source", "posted_at", "decided_by", "description"), "x")
    row |= {"entry_no": 99, "effective_date": "2026-03-31", "original_date": "2026-03-31",
            "business_date": "2026-04-12", "period": "2026-03"}  # fmt: skip
    refused = pytest.raises(IntegrityError, match="month of this entry is closed")
    with refused, run.store.write() as connection:
        connection.execute(insert(schema.entry), [row])
    with run.store.write() as connection:
        connection.execute(insert(schema.entry), [{**row, "period": "2026-04"}])


def test_a_file_that_comes_while_today_is_closed_is_held_and_accepted_later(
    office: Office,
) -> None:
    close(office, "2026-03", MARCH_30)
    assert pay(office, 5000, MARCH_30, MARCH_30) == "held"
    (_, row) = office.rows("files")
    assert "PERIOD_CLOSED" in row["message"]
    assert [r["state"] for r in office.rows("receipts")] == ["held"]
    run = office.run(MARCH_30)
    with pytest.raises(PeriodClosedError), run.store.write() as connection:
        corrections.accept(connection, run, row["file_id"], None, "post it")
    run = office.run(APRIL_12)
    with run.store.write() as connection:
        corrections.accept(connection, run, row["file_id"], None, "post it")
    assert entries(office)[-1] == ("2026-04-12", "2026-04")
    office.prove()


def test_only_the_last_closed_month_is_reopened_and_by_two_persons(office: Office) -> None:
    close(office, "2026-02", APRIL_10)
    close(office, "2026-03", APRIL_10)
    with pytest.raises(RefusedError, match="the last closed month is 2026-03"):
        reopen(office, "ana", "2026-02")
    assert not reopen(office, "ana")
    with pytest.raises(RefusedError, match="another person"):
        reopen(office, "ana")
    pay(office, 100, MARCH_30, APRIL_12)
    assert entries(office)[-1] == ("2026-04-12", "2026-04"), "asked is not reopened"
    assert reopen(office, "ben")
    run = office.run(APRIL_14)
    with run.store.read() as connection:
        states = [periods.state(connection, f"2026-0{n}", APRIL_14) for n in (2, 3, 4, 5)]
    assert states == ["closed", "reopened", "open", "future"]
    pay(office, 200, dt.date(2026, 3, 29), APRIL_14)
    assert entries(office)[-1] == ("2026-03-29", "2026-03")
    close(office, "2026-03", APRIL_14)
    office.prove()


def test_what_cannot_be_closed(office: Office) -> None:
    close(office, "2026-03", APRIL_10)
    for month in ("2026-03", "2026-02", "2026-05"):
        with pytest.raises(RefusedError):
            close(office, month, APRIL_10)
    with pytest.raises(UsageError):
        periods.parse_month("2026-13")


def blocked(office: Office, month: str, day: dt.date) -> list[str]:
    run = office.run(day)
    with run.store.read() as connection:
        return [gate.name for gate in checklist(connection, run, month) if gate.blocks]


def test_each_gate_blocks_for_its_own_reason(office: Office) -> None:
    assert blocked(office, "2026-03", APRIL_10) == []
    pay(office, 700, MARCH_30, MARCH_30, account="9999999999")
    assert blocked(office, "2026-03", APRIL_10) == ["questions", "suspense"]
    assert blocked(office, "2026-02", APRIL_10) == [], "March's question is not February's"
    office.take("lockbox", "bad.bai", "x", MARCH_30)
    assert blocked(office, "2026-03", APRIL_10) == ["files", "questions", "suspense"]
    pay(office, 5000, dt.date(2026, 3, 29), MARCH_30)
    assert export_postings(office.run(MARCH_30)) is not None
    assert "acknowledgements" in blocked(office, "2026-03", APRIL_10)
    run = office.run(APRIL_10)
    with run.store.write() as connection:
        line = schema.journal_line
        row = {"entry_no": 1, "line": 99, "fund": "510", "gl_account": "1200",
               "debit_cents": 1, "credit_cents": 0}  # fmt: skip
        connection.execute(insert(line), [row])
    assert "books" in blocked(office, "2026-03", APRIL_10)


def test_close_locks_once_and_says_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = Office(tmp_path / "home")
    rows = [receivable(A, "1W", "WATER", "2026-03-28", 5000)]
    office.take("receivables", "open.csv", receivables_csv(rows), MARCH_30)
    office.close()
    home = ["--home", tmp_path / "home", "--as-of", "2026-04-10"]
    assert recond("close", "2026-03", "--check", *home) == 0
    assert recond("close", "2026-03", "--dry-run", *home) == 0
    pay(office, 700, MARCH_30, MARCH_30, account="9999999999")
    assert recond("close", "2026-03", "--check", *home) == 1
    assert recond("close", "2026-03", *home) == 3
    assert "questions, suspense" in capsys.readouterr().err
    assert recond("close", "2026-02", *home) == 0
    assert recond("close", "2026-02", *home) == 3
    assert recond("close", "2026-2", *home) == 2
    assert recond("close", "2026-02", "--reopen", *home) == 2
    assert recond("close", "2026-02", "--reopen", "--reason", "late", *home) == 0
    assert recond("close", "2026-02", "--reopen", "--reason", "late", *home) == 3


def test_a_soft_closed_month_takes_only_what_people_decide(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    items = receivables_csv([receivable("1000456012", "1W", "WATER", "2026-03-28", 9000)])
    march, april = dt.date(2026, 3, 16), dt.date(2026, 4, 2)
    office.take("receivables", "open.csv", items, march)
    first = lockbox_file([check(4000, ("1000456012", None))], march)
    office.take("lockbox", "march.bai", first, march)
    run = office.run(april)
    who = periods.Who("ana", NOW, april)
    with run.store.write() as connection:
        periods.soft_close(connection, "2026-03", who)
        assert periods.state(connection, "2026-03", april) == "soft-closed"
        with pytest.raises(RefusedError, match="soft-closed"):
            periods.soft_close(connection, "2026-03", who)
    late = lockbox_file([check(1000, ("1000456012", None))], dt.date(2026, 3, 30), time="1000")
    office.take("lockbox", "late.bai", late, april)
    months = {row["description"]: row["period"] for row in office.rows("journal")}
    assert (months["march.bai"], months["late.bai"]) == ("2026-03", "2026-04")
    (deposit,) = [row for row in office.rows("deposits") if str(row["amount"]) == "10.00"]
    assert str(deposit["business_date"]) == "2026-03-30"
    application = office.rows("applications")[0]["application_id"]
    with run.store.write() as connection:
        corrections.reverse(connection, replace(run, actor="jane"), application, "misapplied")
    assert "2026-03" in {row["period"] for row in office.rows("journal")
                         if row["source"] == "reverse"}  # fmt: skip
    with run.store.read() as connection:
        for name in ("ar_roll_forward", "deposits_in_transit", "daily_cash"):
            for month in ("2026-03", "2026-04"):
                made = STATEMENTS[name](month_of(connection, run, month, []))
                assert [tie for tie in made.ties if tie.difference_cents] == [], (name, month)
    with run.store.write() as connection:
        assert periods.reopen(connection, "2026-03", replace(who, reason="more to come"))
        assert periods.state(connection, "2026-03", april) == "open"
        periods.soft_close(connection, "2026-03", who)
        periods.close(connection, "2026-03", who, None)
        assert periods.state(connection, "2026-03", april) == "closed"
    office.prove()
    office.close()
