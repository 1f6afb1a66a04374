"""To accounts payable and the ERP and back: refund files, journal files and their answers
(contract sections 2 and 5, domain E44, E47)."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from office import (
    NOW,
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    receivable,
    receivables_csv,
    recond,
)
from queueoffice import Desk

from recond import periods
from recond.exceptions.decisions import requests
from recond.exports import outbox
from recond.pipeline import handover
from recond.store import schema

A, B = "1000456012", "1000456013"
DAY = dt.date(2026, 3, 16)
NEXT = DAY + dt.timedelta(days=1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    made = Office(tmp_path / "home", url)
    path = made.home.path / "recond.toml"
    text = path.read_text().replace("open_move_percent = 30", "open_move_percent = 1000")
    path.write_text(text.replace("[limits]", '[limits]\nrefund_two_over = "600.00"'))
    yield made
    made.close()


def lines(path: Path) -> list[dict[str, str]]:
    """The lines of a file that recond handed on, its frame proved."""
    data = path.read_bytes()
    text = data.decode().splitlines()
    assert text[0].startswith(f"#recond,{path.stem},")
    rows = list(csv.DictReader(io.StringIO("\n".join(text[1:-1]))))
    before = data[: data.rindex(b"#end")]
    _, count, total, digest = text[-1].split(",")
    assert (int(count), digest) == (len(rows), sha256(before).hexdigest())
    name = "amount" if "amount" in rows[0] else "debit"
    assert cents(total) == sum(cents(row[name]) for row in rows)
    return rows


def pay(
    office: Office,
    *checks: tuple[int, str],
    day: dt.date = DAY,
    name: str = "d",
    arrives: dt.date | None = None,
) -> None:
    found = [check(amount, (reference, None), payer="J SAMPLE") for amount, reference in checks]
    text = lockbox_file(found, day, time=f"09{len(name):02d}")
    outcome = office.take("lockbox", f"{name}.bai", text, max(day, arrives or day))
    assert outcome.state == "accepted", outcome.message


def refunded(office: Office, desk: Desk, *amounts: int) -> None:
    """Payments whose refund was asked for by jane and approved by ken (and lee)."""
    pay(office, *((amount, f"NOBODY{number}") for number, amount in enumerate(amounts)))
    for row in desk.rows():
        assert desk.answer(row, "refund", note="payer asked")[0] == "PENDING_APPROVAL"
    for person in ("ken", "lee"):
        for row in desk.rows():
            if "approve" in row["allowed_actions"]:
                desk.answer(row, "approve", person=person)


def refunds(office: Office, day: dt.date = DAY) -> list[dict[str, str]]:
    written = handover.export_refunds(office.run(day), day)
    if written is None:
        return []
    return [{**row, "file_id": written.file_id} for row in lines(written.path)]


def answer(office: Office, row: dict[str, str], status: str, name: str = "ap.csv") -> str:
    code = "NO VENDOR" if status == "REJECTED" else ""
    told = {"file_id": row["file_id"], "posting_id": row["refund_id"], "status": status,
            "code": code, "billing_transaction_id": "V1"}  # fmt: skip
    outcome = office.take("acks", name, csv_text([told]), NEXT)
    assert outcome.state == "accepted", outcome.message
    return outcome.message


# --- refunds --------------------------------------------------------------------------------------


def test_e47_approved_refunds_go_to_accounts_payable_once(office: Office, desk: Desk) -> None:
    refunded(office, desk, 5940, 68000)
    rows = refunds(office)
    assert [(r["type"], r["amount"], r["payee_name"]) for r in rows] == [
        ("REFUND", "59.40", "J SAMPLE"), ("REFUND", "680.00", "J SAMPLE"),
    ]  # fmt: skip
    assert [(r["requested_by"], r["approved_by"], r["reason"]) for r in rows] == [
        ("jane", "ken", "payer asked"), ("jane", "ken; lee", "payer asked"),
    ]  # fmt: skip
    assert {(r["fund"], r["gl_account"], r["gl_date"]) for r in rows} == {
        ("100", "2120", "2026-03-16")
    }
    assert {r["receipt_id"] for r in rows} == {r["receipt_id"] for r in office.rows("receipts")}
    assert refunds(office) == [], "asked for once"


def test_a_refund_that_waits_for_approval_never_leaves(office: Office, desk: Desk) -> None:
    pay(office, (5940, "NOBODY"))
    assert desk.answer(desk.rows()[0], "refund", note="asked")[0] == "PENDING_APPROVAL"
    assert refunds(office) == []


def test_e47_a_refund_is_confirmed_only_by_an_answer(office: Office, desk: Desk) -> None:
    refunded(office, desk, 5940)
    (row,) = refunds(office)
    assert answer(office, row, "PENDING", "wait.csv") == "1 pending"
    assert answer(office, row, "ACCEPTED") == "1 accepted"
    assert answer(office, row, "DUPLICATE", "again.csv") == "1 answered before"
    assert answer(office, row, "REJECTED", "no.csv") == "no answers"
    assert office.questions() == ["ACK_CONTRADICTS"]
    (receipt,) = office.rows("receipts")
    assert receipt["state"] == "refunded"
    office.prove()


def test_a_rejected_refund_comes_back_and_can_be_refunded_again(office: Office, desk: Desk) -> None:
    refunded(office, desk, 5940)
    (row,) = refunds(office)
    assert answer(office, row, "REJECTED") == "1 rejected"
    assert office.questions() == ["REFUND_REJECTED"]
    assert office.journal()[("100", "2100")] == -5940
    assert ("100", "2120") not in office.journal()
    assert refunds(office, NEXT) == []
    asked = desk.row("REFUND_REJECTED")
    desk.answer(asked, "refund", note="vendor made")
    desk.answer(desk.row("REFUND_REJECTED"), "approve", person="ken")
    (again,) = refunds(office, NEXT)
    assert (again["type"], again["amount"]) == ("REFUND", "59.40")
    assert again["refund_id"] != row["refund_id"]
    office.prove()


def undone(office: Office, desk: Desk) -> None:
    run = office.run(NEXT)
    with run.store.write() as connection:
        made = schema.decision_made.c
        (identity,) = connection.scalars(
            periods.select(made.decision_id).where(made.action == "refund")
        )
        requests.undo(connection, replace(run, actor="jane"), identity, "wrong payee")
    assert desk.answer(desk.row("UNDO_REQUESTED"), "approve", person="ken")[0] == "APPLIED"


def test_a_refund_that_is_undone_is_stopped_or_never_sent(office: Office, desk: Desk) -> None:
    refunded(office, desk, 5940)
    (row,) = refunds(office)
    undone(office, desk)
    (stop,) = refunds(office, NEXT)
    assert (stop["type"], stop["amount"]) == ("STOP", "-59.40")
    assert stop["stops_refund_id"] == row["refund_id"]
    assert refunds(office, NEXT) == []
    assert answer(office, stop, "REJECTED") == "1 rejected"
    assert "STOP_REJECTED" in office.questions()
    assert refunds(office, NEXT) == [], "a stop that came too late is not sent again"


def test_a_refund_undone_before_it_was_sent_tells_nobody(office: Office, desk: Desk) -> None:
    refunded(office, desk, 5940)
    undone(office, desk)
    assert refunds(office, NEXT) == []


def test_a_returned_payment_is_not_refunded_by_file(office: Office, desk: Desk) -> None:
    refunded(office, desk, 5940)
    run = office.run(NEXT)
    with run.store.write() as connection:
        from recond.model import RETURNED
        from recond.pipeline import moves
        from recond.pipeline.moves import Move, Stand

        (number,) = connection.scalars(periods.select(schema.receipt.c.receipt_no))
        owner = moves.standing(connection, [number])[number]
        back = Move(number, "returned", "NSF", owner.stands, [Stand(RETURNED, 5940)])
        moves.write(connection, run, [back], "return", "NSF")
    assert refunds(office, NEXT) == []


def test_a_crash_leaves_a_refund_file_that_is_made_again(office: Office, desk: Desk) -> None:
    refunded(office, desk, 5940)
    (row,) = refunds(office)
    path = office.home.path / "exports" / "refunds" / f"{row['file_id']}.csv"
    data = path.read_bytes()
    path.unlink()
    run = office.run()
    with run.store.write() as connection:
        connection.execute(outbox.update(schema.outbox).values(delivered=0))
    assert refunds(office) == []
    assert path.read_bytes() == data


def test_answers_about_refunds_that_do_not_exist_are_told(office: Office, desk: Desk) -> None:
    refunded(office, desk, 5940)
    (row,) = refunds(office)
    answer(office, {**row, "refund_id": row["refund_id"] + "7"}, "ACCEPTED")
    answer(office, {**row, "refund_id": "X"}, "REJECTED", "x.csv")
    assert office.questions() == ["POSTING_UNKNOWN", "POSTING_UNKNOWN"]


# --- journals -------------------------------------------------------------------------------------


def two_days(office: Office) -> None:
    rows = [receivable(A, "1W", "WATER", "2026-03-28", 9000),
            receivable(B, "2S", "SEWER", "2026-03-28", 7000)]  # fmt: skip
    office.take("receivables", "open.csv", receivables_csv(rows), DAY)
    pay(office, (4275, A), (1000, B))
    pay(office, (725, A), day=NEXT, name="next")


def journal(office: Office, layout: str, day: dt.date = NEXT) -> list[dict[str, str]]:
    written = handover.export_journals(office.run(day), layout, day)
    return [] if written is None else lines(written.path)


def sums(rows: list[dict[str, str]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["fund"], row["gl_account"])
        found[key] = found.get(key, 0) + cents(row["debit"]) - cents(row["credit"])
    return {key: value for key, value in found.items() if value}


@pytest.mark.parametrize("layout", ["entry", "day", "month", "day detailed", "month detailed"])
def test_journals_add_up_to_the_ledger_and_balance_in_each_fund(
    office: Office, layout: str
) -> None:
    two_days(office)
    rows = journal(office, layout)
    assert sums(rows) == office.journal()
    funds: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["journal_id"], row["fund"])
        funds[key] = funds.get(key, 0) + cents(row["debit"]) - cents(row["credit"])
        assert (cents(row["debit"]) == 0) != (cents(row["credit"]) == 0)
    assert set(funds.values()) == {0}
    by, _, detailed = layout.partition(" ")
    groups = {row["journal_id"]: row["gl_date"] for row in rows}
    dates = {"entry": ["2026-03-16", "2026-03-16", "2026-03-17"], "month": ["2026-03-31"],
             "day": ["2026-03-16", "2026-03-17"]}[by]  # fmt: skip
    assert list(groups.values()) == dates
    assert [int(row["line"]) for row in rows][:2] == [1, 2]
    known = {row["entry_id"] for row in office.rows("journal")}
    shown = {row["entry_id"] for row in rows}
    assert shown == (known if detailed or by == "entry" else {""})
    assert journal(office, layout) == [], "every entry goes out once"


def test_a_day_is_summed_by_fund_account_and_side(office: Office) -> None:
    two_days(office)
    rows = [row for row in journal(office, "day") if row["gl_date"] == "2026-03-16"]
    pool = [(r["gl_account"], r["debit"], r["credit"], r["entries"])
            for r in rows if r["fund"] == "100"]  # fmt: skip
    assert pool == [("1080", "52.75", "0.00", "1"), ("2080", "0.00", "52.75", "1")]
    water = {(r["gl_account"], r["debit"], r["credit"]) for r in rows if r["fund"] == "510"}
    assert ("1200", "90.00", "0.00") in water
    assert ("1200", "0.00", "42.75") in water, "sides are not netted"


def test_a_later_entry_of_the_same_day_is_a_journal_of_its_own(office: Office) -> None:
    two_days(office)
    first = journal(office, "day", DAY)
    assert {row["gl_date"] for row in first} == {"2026-03-16"}
    pay(office, (1000, A), day=DAY, name="late")
    again = [r for r in journal(office, "day") if r["gl_date"] == "2026-03-16"]
    assert sum(cents(row["debit"]) for row in again) == 2 * 1000
    assert {r["journal_id"] for r in again}.isdisjoint({r["journal_id"] for r in first})


def test_e44_money_of_july_stays_julys_and_the_fiscal_year_keeps_its_receivable(
    office: Office,
) -> None:
    june, july = dt.date(2026, 6, 30), dt.date(2026, 7, 2)
    bill = receivables_csv([receivable(A, "1W", "WATER", "2026-07-10", 10400)])
    office.take("receivables", "june.csv", bill, june)
    pay(office, (10400, A), day=july)
    owed = {"2026-06": 0, "2026-07": 0}
    for row in office.rows("journal"):
        if (row["fund"], row["gl_account"]) == ("510", "1200"):
            owed[row["period"]] += cents(row["debit"]) - cents(row["credit"])
    assert owed == {"2026-06": 10400, "2026-07": -10400}
    rows = journal(office, "month", july)
    water = {(r["period"], r["debit"], r["credit"]) for r in rows
             if (r["fund"], r["gl_account"]) == ("510", "1200")}  # fmt: skip
    assert water == {("2026-06", "104.00", "0.00"), ("2026-07", "0.00", "104.00")}
    run = office.run(july)
    with run.store.write() as connection:
        periods.close(connection, "2026-06", periods.Who("ana", NOW, july), None)
    pay(office, (500, A), day=june, name="late in june", arrives=july)
    with run.store.read() as connection:
        last = connection.execute(
            periods.select(schema.entry).order_by(schema.entry.c.entry_no.desc()).limit(1)
        ).one()
    assert (last.original_date, last.period) == ("2026-06-30", "2026-07")


def test_the_erp_answers_a_journal(office: Office) -> None:
    two_days(office)
    rows = journal(office, "day")
    ids = sorted({row["journal_id"] for row in rows})
    told = [{"file_id": ids[0].rpartition("-")[0], "posting_id": one, "status": status,
             "code": "", "billing_transaction_id": ""}
            for one, status in zip([*ids, ids[0][:-1] + "9"], ("ACCEPTED", "REJECTED", "ACCEPTED"),
                                   strict=True)]  # fmt: skip
    outcome = office.take("acks", "erp.csv", csv_text(told), NEXT)
    assert outcome.message == "1 accepted, 1 rejected"
    assert sorted(office.questions()) == ["JOURNAL_REJECTED", "POSTING_UNKNOWN"]


def test_the_verbs_and_the_dataset_beside_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = Office(tmp_path / "home")
    two_days(office)
    office.close()
    home = ["--home", office.home.path, "--as-of", NEXT.isoformat()]
    capsys.readouterr()
    assert recond("export", "journal", *home) == 0
    assert capsys.readouterr().out.startswith("entry_id,line,effective_date,period,")
    assert recond("export", "journal", "--by", "day", "--dry-run", *home) == 0
    assert not (office.home.path / "exports" / "journals").exists()
    assert recond("export", "journal", "--by", "week", *home) == 2
    assert recond("export", "receipts", "--by", "day", *home) == 2
    assert recond("export", "journal", "--detailed", *home) == 2
    capsys.readouterr()
    assert recond("export", "journal", "--by", "day", "--detailed", *home) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.parent == office.home.path / "exports" / "journals"
    assert lines(path)
    assert recond("export", "refunds", *home) == 0
    assert capsys.readouterr().out == ""
