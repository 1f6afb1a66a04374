"""Debts with a collection agency: what it is told, and what a rejection does (domain examples E45
and E46). The cents are the page's."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from office import Office, check, csv_text, lockbox_file, receivable, receivables_csv
from office import recond as verb
from queueoffice import BOTH, Desk, asker, database

from recond.exports.statements import STATEMENTS
from recond.pipeline.handover import export_collections
from recond.pipeline.monthend import month_of

X = "1000456012"
MON, FRI = dt.date(2026, 3, 16), dt.date(2026, 3, 20)
DEBT = [
    receivable(X, "XW1", "WATER", "2025-08-28", 12000),
    receivable(X, "XG1", "SANITATION", "2025-09-28", 9370),
]
ask = asker(FRI)


@pytest.fixture
def office(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    """An office that wrote off 213.70 of an account which billing shows in collections."""
    made = Office(tmp_path / "home", database(request))
    status(made, "collections")
    made.take("receivables", "open.csv", receivables_csv(DEBT))
    said = ask(made, "jane", "write_off", X, None, "final for more than 180 days")
    ask(made, "ken", "approve", said.rsplit("(", 1)[1].rstrip(")"), "")
    yield made
    made.prove()
    made.close()


def status(office: Office, word: str) -> None:
    text = f"account_number,customer_name,status\n{X},GONE AWAY,{word}\n"
    office.take("receivables", f"{word}.csv", text, FRI)


def tell(office: Office) -> list[tuple[str, str, str]]:
    """What the next file for the agency says: type, item and amount of each line."""
    written = export_collections(office.run(FRI))
    if written is None:
        return []
    lines = list(csv.DictReader(written.path.read_text().splitlines()[1:-1]))
    assert [line["placement_id"] for line in lines] == [
        f"{written.file_id}-{number}" for number in range(1, len(lines) + 1)
    ]
    return [(line["type"], line["item_number"], line["amount"]) for line in lines]


def pay(office: Office, amount: int, to: str) -> str:
    made = [check(amount, (to, None), number=f"{amount}")]
    content = lockbox_file(made, MON, time=f"09{amount % 60:02d}")
    assert office.take("lockbox", f"{amount}.bai", content, FRI).state == "accepted"
    return str(office.rows("receipts")[-1]["receipt_id"])


def shown(office: Office) -> list[dict[str, Any]]:
    run = office.run(FRI)
    with run.store.read() as connection:
        made = STATEMENTS["collections"](month_of(connection, run, "2026-03", []))
    assert [tie.difference_cents for tie in made.ties] == [0, 0]
    return [{name: str(value) for name, value in row.items()} for row in made.table.to_pylist()]


@BOTH
def test_e45_e46_the_agency_is_told_each_difference_once(office: Office) -> None:
    assert tell(office) == [("PLACE", "XW1", "120.00"), ("PLACE", "XG1", "93.70")]
    assert tell(office) == []
    pay(office, 5000, X)  # E46: the debtor pays the office
    assert tell(office) == [("PAID", "XW1", "-50.00")]
    # the agency collects the rest, 163.70, and keeps 30 % of it
    receipt = pay(office, 11459, "THE AGENCY")
    said = ask(office, "jane", "recover", receipt, X, 4911, "30 % of 163.70")
    ask(office, "ken", "approve", said.rsplit("(", 1)[1].rstrip(")"), "")
    assert tell(office) == [], "it knows what it collected itself"
    water, trash = sorted(shown(office), key=lambda row: row["item_number"], reverse=True)
    assert [water[name] for name in ("placed", "paid_here", "collected", "closing")] == [
        "120.00", "-50.00", "-70.00", "0.00",
    ]  # fmt: skip
    assert [trash[name] for name in ("placed", "collected", "closing")] == [
        "93.70", "-93.70", "0.00",
    ]  # fmt: skip
    kept = [row["commission"] for row in (water, trash)]
    assert kept == ["21.00", "28.11"]


@BOTH
def test_a_rejected_debt_is_asked_about_and_told_again_after_the_answer(
    office: Office, desk: Desk
) -> None:
    written = export_collections(office.run(FRI))
    assert written is not None
    rows = [
        {"file_id": written.file_id, "posting_id": f"{written.file_id}-1", "status": "REJECTED",
         "code": "unknown account"},
        {"file_id": written.file_id, "posting_id": f"{written.file_id}-2", "status": "ACCEPTED",
         "code": ""},
        {"file_id": written.file_id, "posting_id": f"{written.file_id}-3", "status": "ACCEPTED",
         "code": ""},
    ]  # fmt: skip
    office.take("acks", "agency.csv", csv_text(rows), FRI)
    asked = {row["code"]: row for row in office.rows("exceptions")}
    assert str(asked["PLACEMENT_REJECTED"]["amount"]) == "120.00"
    assert "unknown account" in asked["PLACEMENT_REJECTED"]["message"]
    assert "POSTING_UNKNOWN" in asked, "the file has two lines"
    (row,) = shown(office)
    assert (row["item_number"], row["closing"]) == ("XG1", "93.70")
    assert tell(office) == [], "not before somebody answers"
    answer = desk.row("PLACEMENT_REJECTED")
    assert desk.answer(answer, "acknowledge", note="number put right")[0] == "APPLIED"
    assert tell(office) == [("PLACE", "XW1", "120.00")]


def test_an_account_that_leaves_collections_is_recalled(office: Office) -> None:
    tell(office)
    pay(office, 5000, X)
    status(office, "active")
    assert tell(office) == [("RECALL", "XW1", "-120.00"), ("RECALL", "XG1", "-93.70")]
    assert [row["closing"] for row in shown(office)] == ["0.00", "0.00"]
    status(office, "final")
    assert tell(office) == []


def test_the_verb_prints_the_file(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", office.home.path, "--as-of", FRI]
    assert verb("export", "collections", "--dry-run", *home) == 0
    capsys.readouterr()
    assert verb("export", "collections", *home) == 0
    path = Path(capsys.readouterr().out.strip())
    assert (path.parent.name, path.name[:2]) == ("collections", "CA")
