"""What a held file or batch does when somebody accepts it: all that it would have done at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import (
    NOW,
    Office,
    check,
    csv_text,
    lockbox_file,
    money,
    receivable,
    receivables_csv,
)
from sqlalchemy import select

from recond import periods
from recond.errors import RefusedError
from recond.pipeline import moves
from recond.pipeline.corrections import accept
from recond.pipeline.reading import Reading
from recond.store import schema
from tests.unit.achfiles import Batch, Entry, build

X = "1000456012"
MARCH_30, APRIL_10, APRIL_12 = dt.date(2026, 3, 30), dt.date(2026, 4, 10), dt.date(2026, 4, 12)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    rows = [receivable(X, "W1", "WATER", "2026-03-28", 90000)]
    made.take("receivables", "open.csv", receivables_csv(rows), MARCH_30)
    yield made
    made.prove()
    made.close()


def held(office: Office, inbox: str, name: str, text: str | bytes) -> str:
    """A file that comes for a day whose month is closed: held whole, whatever it holds."""
    run = office.run(APRIL_10)
    with run.store.write() as connection:
        if periods.state(connection, "2026-03", APRIL_10) != "closed":
            periods.close(connection, "2026-03", periods.Who("ana", NOW, APRIL_10), None)
    taken = office.take(inbox, name, text, MARCH_30)
    assert (taken.state, taken.message.split(":")[0]) == ("held", "PERIOD_CLOSED")
    return taken.file_id


def accepted(office: Office, file_id: str) -> str:
    run = office.run(APRIL_12)
    with run.store.write() as connection:
        return accept(connection, run, file_id, None, "as found")


def counter(*rows: tuple[str, int, str]) -> str:
    """Approved rows of drawer D1: number, cents, the receipt that they void."""
    same = {"drawer": "D1", "cashier": "ANA", "business_date": MARCH_30.isoformat(), "time":
            "09:00", "account_number": X, "item_number": "", "tender": "CASH",
            "approved_by": "BOB"}  # fmt: skip
    return csv_text(
        [
            same | {"receipt_number": number, "amount": money(cents), "void_of": original}
            for number, cents, original in rows
        ]
    )


def test_voids_of_a_file_are_taken_with_its_receipts(office: Office) -> None:
    file_id = held(
        office, "cashier", "a.csv", counter(("1", 500, ""), ("2", 700, ""), ("3", -500, "1"))
    )
    assert office.applied() == {}
    assert accepted(office, file_id).endswith("accepted as found: 2 receipts posted; 1 voided")
    assert office.applied() == {"W1": 700}
    assert [r["state"] for r in office.rows("receipts")] == ["voided", "applied"]
    assert office.asked() == []


def test_a_void_that_came_before_is_refused_with_its_file(office: Office) -> None:
    file_id = held(office, "cashier", "a.csv", counter(("1", 500, ""), ("3", -500, "1")))
    office.take("cashier", "b.csv", counter(("3", -700, "2")), APRIL_12)
    with pytest.raises(RefusedError, match="came before"):
        accepted(office, file_id)


def test_a_void_of_what_is_held_is_asked_about(office: Office) -> None:
    file_id = held(office, "cashier", "a.csv", counter(("1", 500, "")))
    office.take("cashier", "b.csv", counter(("2", -500, "1")), APRIL_12)
    assert [code for code, _ in office.asked()] == ["PERIOD_CLOSED", "VOID_WITHOUT_ORIGINAL"]
    accepted(office, file_id)
    assert office.applied() == {"W1": 500}
    assert [code for code, _ in office.asked()] == ["VOID_WITHOUT_ORIGINAL"]


def test_a_void_of_a_held_batch_waits_with_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = (Path(__file__).parents[2] / "formats" / "cashier_receipts.toml").read_text()
    mine = 'name = "by_drawer"\ninstead_of = ["cashier_receipts"]'
    by_drawer = '[layout]\nbatch = { join = ["drawer", "business_date"] }\n\n[layout.columns]'
    own = office.home.path / "formats" / "by_drawer.toml"
    own.parent.mkdir(exist_ok=True)
    shipped = shipped.replace('name = "cashier_receipts"', mine, 1)
    own.write_text(shipped.replace("[layout.columns]", by_drawer, 1))
    office.take("cashier", "a.csv", counter(("1", 500, "")), MARCH_30)
    monkeypatch.setattr(Reading, "held_batches", frozenset({1}))
    taken = office.take("cashier", "b.csv", counter(("2", -500, "1")), MARCH_30)
    assert (taken.state, office.applied()) == ("partly_held", {"W1": 500})
    assert accepted(office, taken.file_id).endswith("no receipts; 1 voided")
    assert office.applied() == {}


def test_what_left_before_does_not_leave_again_with_its_file(office: Office) -> None:
    both = [check(500, (X, None), number="1"), check(500, (X, None), number="2")]
    office.take("lockbox", "a.bai", lockbox_file(both, MARCH_30), MARCH_30)
    run = office.run(MARCH_30)
    with run.store.write() as connection:
        (_, second) = connection.scalars(select(schema.receipt.c.receipt_no)).all()
        moves.take_out(connection, run, [second], "duplicate", "recorded twice")
    again = office.take("lockbox", "b.bai", lockbox_file(both[:1], MARCH_30), MARCH_30)
    with run.store.write() as connection:
        said = accept(connection, run, again.file_id, None, "corrected", replace=True)
    assert said.endswith("; 1 receipts of the earlier file left the books")
    assert office.applied() == {"W1": 500}


CARD = ("merchant_id,batch_number,settlement_date,brand,transaction_id,sale_date,account_number,"
        "gross_amount,fee_amount,net_amount,type\n")  # fmt: skip


def test_a_card_batch_without_a_sale_makes_its_deposit(office: Office) -> None:
    row = f"WEB,B1,2026-04-12,VISA,T1,2026-04-12,{X},-5.00,0.10,-5.20,REFUND\n"
    taken = office.take("card", "a.csv", CARD + row, APRIL_12)
    assert (taken.state, office.rows("deposits")) == ("partly_held", [])
    accepted(office, taken.file_id)
    office.process(APRIL_12)
    assert [str(r["amount"]) for r in office.rows("deposits")] == ["-5.10"]


def test_what_waits_in_a_batch_is_asked_about(office: Office) -> None:
    entries = [Entry(cents=500, identity=X), Entry(cents=0, identity=X, code="23")]
    file_id = held(office, "ach", "a.ach", build([Batch(entries, effective="260330")]))
    accepted(office, file_id)
    assert [code for code, _ in office.asked()] == ["NOT_YET_HANDLED"]
