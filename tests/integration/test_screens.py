"""Screens for a second look, changes of master data, files handed on: what is planted is found
where an accountant would look, and nothing else is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from office import Office, check, csv_text, lockbox_file, receivable, receivables_csv
from queueoffice import Desk
from sqlalchemy import select

from recond import adjusting
from recond.exports.statements import STATEMENTS
from recond.ledger import Source
from recond.pipeline.handover import export_journals, export_refunds
from recond.pipeline.monthend import month_of
from recond.store import schema

A, B, C = "1000456012", "1000456013", "1000456014"
MARCH = dt.date(2026, 3, 16)
COUNTER = ("receipt_number", "drawer", "cashier", "business_date", "time", "account_number",
           "item_number", "tender", "amount", "payer_name", "void_of", "approved_by")  # fmt: skip
CLOSE = ("drawer", "cashier", "business_date", "opening_float", "counted_cash", "counted_checks",
         "deposit_bag")  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    path = made.home.path / "recond.toml"
    text = path.read_text().replace("open_move_percent = 30", "open_move_percent = 100000")
    path.write_text(text.replace("accounts_fall_percent = 5", "accounts_fall_percent = 100"))
    named = ((A, "ANN ADAMS"), (B, "BOB BROWN"), (C, "CAL CLARK"))
    items = [
        receivable(number, f"I{number[-1]}", "WATER", "2026-03-28", 100000, name=name)
        for number, name in named
    ]
    made.take("receivables", "open.csv", receivables_csv(items), MARCH)
    yield made
    made.close()


def statement(office: Office, name: str) -> list[dict[str, object]]:
    run = office.run(dt.date(2026, 4, 2))
    with run.store.read() as connection:
        made = STATEMENTS[name](month_of(connection, run, "2026-03", []))
    for tie in made.ties:
        assert tie.difference_cents == 0, tie
    assert made.ties
    rows: list[dict[str, object]] = made.table.to_pylist()
    return rows


def counter(office: Office, day: dt.date, *rows: tuple[str, str, str, str, str]) -> None:
    """Rows of number, account, tender, amount, payer."""
    found = [
        {"receipt_number": number, "drawer": "D1", "cashier": "ana", "business_date": str(day),
         "time": "10:00", "account_number": account, "tender": tender, "amount": amount,
         "payer_name": payer}
        for number, account, tender, amount, payer in rows
    ]  # fmt: skip
    outcome = office.take("cashier", f"{day}-{rows[0][0]}.csv", csv_text(found, COUNTER), day)
    assert outcome.state == "accepted", outcome.message


def close(office: Office, day: dt.date, cash: str, checks: str) -> None:
    row = dict(zip(CLOSE, ("D1", "ana", str(day), "0.00", cash, checks, f"B{day}"), strict=True))
    office.take("cashier", f"close-{day}.csv", csv_text([row], CLOSE), day)


def found(office: Office, screen: str) -> list[dict[str, object]]:
    return [row for row in statement(office, "fraud_screens") if row["screen"] == screen]


def test_checks_in_place_of_cash_are_found(office: Office) -> None:
    counter(office, MARCH, ("1", A, "CASH", "100.00", ""), ("2", B, "CHECK", "50.00", ""))
    close(office, MARCH, "70.00", "80.00")
    (row,) = found(office, "composition")
    assert (row["person"], str(row["amount"])) == ("ana", "30.00")
    assert "checks stand in place of cash" in str(row["says"])


def test_a_void_after_the_drawer_was_closed_is_found(office: Office) -> None:
    next_day = MARCH + dt.timedelta(days=1)
    counter(office, MARCH, ("1", A, "CASH", "100.00", ""), ("2", B, "CASH", "50.00", ""))
    void = {"receipt_number": "3", "drawer": "D1", "cashier": "ana", "business_date": str(MARCH),
            "time": "11:00", "account_number": B, "tender": "CASH", "amount": "-50.00",
            "void_of": "2", "approved_by": "sue"}  # fmt: skip
    office.take("cashier", "void.csv", csv_text([void], COUNTER), MARCH)
    close(office, MARCH, "100.00", "0.00")
    assert found(office, "void after close") == []
    late = {**void, "receipt_number": "4", "account_number": A, "amount": "-100.00", "void_of": "1"}
    office.take("cashier", "late.csv", csv_text([late], COUNTER), next_day)
    (row,) = found(office, "void after close")
    assert (row["date"], str(row["amount"])) == (next_day, "100.00")


def test_a_chain_of_borrowed_payments_is_found_link_by_link(office: Office) -> None:
    days = [MARCH + dt.timedelta(days=number) for number in range(3)]
    counter(office, days[0], ("1", C, "CHECK", "40.00", "ANN ADAMS"))
    counter(office, days[1], ("2", A, "CHECK", "41.00", "BOB BROWN"))
    counter(office, days[2], ("3", B, "CHECK", "42.00", "CAL CLARK"), ("4", C, "CASH", "1.00", ""))
    rows = found(office, "lapping")
    assert [(row["account_number"], str(row["amount"])) for row in rows] == [
        (A, "41.00"), (B, "42.00"),
    ]  # fmt: skip
    assert [str(row["says"])[:6] for row in rows] == ["link 2", "link 3"]


def test_a_payer_who_pays_for_another_once_is_no_chain(office: Office) -> None:
    counter(office, MARCH, ("1", C, "CHECK", "40.00", "ANN ADAMS"))
    counter(office, MARCH, ("2", A, "CHECK", "41.00", "ANN ADAMS"))
    assert found(office, "lapping") == []


def test_a_refund_after_a_change_of_address_is_found(office: Office) -> None:
    day = dt.date(2026, 3, 30)
    names = f"account_number,customer_name,status,mailing_address\n{A},ANN ADAMS,active,1 OLD RD\n"
    office.take("receivables", "a1.csv", names, MARCH)
    office.take("receivables", "a2.csv", names.replace("1 OLD RD", "PO BOX 9"),
                dt.date(2026, 3, 20))  # fmt: skip
    text = lockbox_file([check(20000, ("NOBODY", None))], day)
    office.take("lockbox", "day.bai", text, day)
    run = office.run(day)
    with run.store.write() as connection:
        from recond.model import REFUNDED
        from recond.pipeline import moves
        from recond.pipeline.moves import Move, Stand
        from recond.store import schema

        key = connection.scalar(
            schema.account.select().where(schema.account.c.account_number == A)
            .with_only_columns(schema.account.c.account_key)
        )  # fmt: skip
        (number,) = connection.scalars(
            schema.receipt.select().with_only_columns(schema.receipt.c.receipt_no)
        )
        owner = moves.standing(connection, [number])[number]
        back = Move(number, "refund", "x", owner.stands, [Stand(REFUNDED, 20000, key)], key)
        moves.write(connection, replace(run, actor="jane"), [back], "refund", "x")
    (moved,) = found(office, "refund after change")
    assert (moved["account_number"], str(moved["amount"])) == (A, "200.00")
    assert "2026-03-20" in str(moved["says"])


def test_a_round_adjustment_before_the_cut_off_is_found(office: Office, desk: Desk) -> None:
    for day, amount in ((dt.date(2026, 3, 30), 30000), (dt.date(2026, 3, 31), 12345),
                        (dt.date(2026, 3, 20), 10000)):  # fmt: skip
        text = lockbox_file([check(amount, ("NOBODY", None))], day)
        office.take("lockbox", f"{day}.bai", text, day)
        (row,) = [r for r in desk.rows(day) if r["allowed_actions"].count("refund")][-1:]
        status = desk.bring(
            desk.write([{**row, "action": "refund", "note": "asked"}]), "jane", day
        )[0]["status"]
        assert status == "PENDING_APPROVAL"
    rows = found(office, "round adjustment")
    assert [(row["person"], str(row["amount"])) for row in rows] == [("jane", "300.00")]


def test_debt_forgiven_after_cash_is_found(office: Office) -> None:
    counter(office, dt.date(2026, 3, 17), ("1", A, "CASH", "400.00", "ANN ADAMS"))
    counter(office, dt.date(2026, 3, 17), ("2", B, "CHECK", "400.00", "BOB BROWN"))
    run = replace(office.run(dt.date(2026, 3, 20)), actor="jane")
    with run.store.write() as connection:
        for number in (A, B):
            rows = connection.execute(
                select(schema.item.c.item_key, schema.item.c.charge_type, schema.item.c.fund)
                .join(schema.account, schema.account.c.account_key == schema.item.c.account_key)
                .where(schema.account.c.account_number == number)
            ).all()
            debts = pa.Table.from_pylist(
                [{**row._mapping, "cents": 60000} for row in rows], schema=adjusting.WRITTEN_OFF
            )
            source = Source("write_off", f"Dtest{number}", "written off")
            adjusting.write_off(run.ledger(connection), debts, source)
    (forgiven,) = found(office, "forgiven after cash")
    assert (forgiven["account_number"], str(forgiven["amount"])) == (A, "600.00")
    assert (forgiven["person"], forgiven["receipt_id"] is not None) == ("jane", True)
    assert forgiven["says"] == "written off after ana took cash for the account on 2026-03-17"


def test_changes_of_master_data_stand_with_before_and_after(office: Office) -> None:
    head = "account_number,customer_name,status\n"
    for day, status in ((MARCH, "closed"), (dt.date(2026, 3, 20), "active")):
        office.take("receivables", f"{day}.csv", f"{head}{A},ANN ADAMS,{status}\n", day)
    rows = statement(office, "master_changes")
    told = [(row["field"], row["old"], row["new"], row["flips_back"]) for row in rows]
    assert told == [("status", "active", "closed", "no"), ("status", "closed", "active", "yes")]
    assert all(str(row["file_id"]).startswith("F") for row in rows)


def test_files_handed_on_tie_to_what_they_hold(office: Office) -> None:
    counter(office, MARCH, ("1", A, "CASH", "100.00", ""))
    written = export_journals(office.run(MARCH), "day", MARCH)
    assert written is not None
    assert export_refunds(office.run(MARCH), MARCH) is None
    (row,) = statement(office, "files_handed_on")
    assert (row["kind"], row["layout"], row["rows"]) == ("journals", "day", written.rows)
    answer = {
        "file_id": written.file_id,
        "posting_id": f"{written.file_id}-1",
        "status": "ACCEPTED",
    }
    office.take("acks", "a.csv", csv_text([answer]), dt.date(2026, 4, 2))
    (row,) = statement(office, "files_handed_on")
    assert row["accepted"] == 0, "answered after the month's end"
