"""A held file that could not be read, accepted after its format or the settings were put right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import TODAY, Office, cents, receivable, receivables_csv, recond
from sqlalchemy import func, select

from recond.store import schema
from tests.unit.formatfiles import BANK, ROOT

TAKINGS = (
    "HSAGUARO                                \n"
    "D1000000001031626000010400ANN LEE       \n"
    "D1000000002031626000008365BO RAY        \n"
    "T0000020000018765                       \n"
)
CHARGE = '\n[[charge_type]]\ncode = "GOLF"\nname = "Golf"\nfamily = "OTHER"\nfund = "100"\n'


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    on_postgres = request.param == "postgresql"
    made = Office(
        tmp_path / "home", request.getfixturevalue("postgres_url") if on_postgres else None
    )
    yield made
    made.close()


def accept(office: Office, file_id: str, *more: str, reason: str = "put right") -> int:
    return recond(
        "files", "accept", file_id, *more, "--reason", reason, "--home", office.home.path,
        "--as-of", TODAY.isoformat(),
    )  # fmt: skip


def write_format(office: Office, text: str) -> None:
    folder = office.home.path / "formats"
    folder.mkdir(exist_ok=True)
    (folder / "saguaro_walk_in.toml").write_text(text)


def states(office: Office, today: dt.date = TODAY) -> list[str]:
    return [row["state"] for row in office.rows("files", today)]


def test_a_mainframe_file_in_ebcdic_goes_from_the_inbox_to_the_exports(office: Office) -> None:
    """The walk-through's file in cp037 without line breaks: money, names, places; then one byte of
    an amount, of the trailer's count, and of an amount that is none then."""
    write_format(office, BANK.replace("ENCODING", "cp037"))
    data = TAKINGS.replace("\n", "").encode("cp037")
    taken = office.take("lockbox", "SAG0316.txt", data)
    assert taken.state == "accepted"
    rows = office.rows("receipts")
    assert [(cents(row["amount"]), row["payer_name"], row["account_on_item"]) for row in rows] == [
        (10400, "ANN LEE", "1000000001"), (8365, "BO RAY", "1000000002"),
    ]  # fmt: skip
    assert [(row["line"], row["byte_offset"], row["byte_length"]) for row in rows] == [
        (2, 40, 40), (3, 80, 40),
    ]  # fmt: skip
    assert data[40:80].decode("cp037").startswith("D1000000001")
    for name, place, code in (
        ("SAG1.txt", 40 + 25, "FILE_TOTAL_WRONG"), ("SAG2.txt", 120 + 6, "FILE_COUNT_WRONG"),
    ):  # fmt: skip
        flipped = bytearray(data)
        flipped[place] ^= 1
        held = office.take("lockbox", name, bytes(flipped))
        assert held.state == "held"
        assert code in held.message
    flipped = bytearray(data)
    flipped[40 + 17] = 0x5A  # "!" among the digits of an amount
    assert office.take("lockbox", "SAG3.txt", bytes(flipped)).state == "held"
    assert sum(cents(row["amount"]) for row in rows) == 18765
    office.prove()


def test_a_format_that_was_written_since_reads_the_file(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    first = office.take("lockbox", "SAG0316.txt", TAKINGS)
    assert (first.state, office.questions()) == ("held", ["UNKNOWN_FORMAT"])
    assert accept(office, first.file_id) == 3  # nothing was put right
    assert (
        "can only be rejected. Read again today it says UNKNOWN_FORMAT" in capsys.readouterr().err
    )
    assert states(office) == ["held"]
    write_format(office, BANK.replace("ENCODING", "ascii"))
    assert accept(office, first.file_id) == 0
    assert "read again as" in capsys.readouterr().err
    old, new = office.rows("files")
    assert (old["state"], new["state"], new["name"]) == ("rejected", "accepted", "SAG0316.txt")
    assert new["file_id"].startswith(first.file_id)
    assert "-" not in new["file_id"]
    assert [cents(row["amount"]) for row in office.rows("receipts")] == [10400, 8365]
    assert "UNKNOWN_FORMAT" not in office.questions()
    assert accept(office, first.file_id) == 3  # it is decided
    again = office.take("lockbox", "SAG0317.txt", TAKINGS)
    assert again.state == "duplicate"
    assert new["file_id"] in again.message
    assert len(office.rows("receipts")) == 2
    office.prove()


def test_what_the_wrong_reading_listed_as_held_stays_held(office: Office) -> None:
    right = BANK.replace("ENCODING", "ascii")
    write_format(office, right.replace('format = "MMDDYY"', 'format = "DDMMYY"'))
    first = office.take("lockbox", "SAG0316.txt", TAKINGS)
    assert first.state == "held"
    listed = len(office.rows("receipts"))
    write_format(office, right)
    assert accept(office, first.file_id, "--replace") == 3  # it corrects no other file
    assert accept(office, first.file_id) == 0
    found = [(row["file_id"] == first.file_id, row["state"]) for row in office.rows("receipts")]
    assert [state for old, state in found if old] == ["held"] * listed
    assert [state for old, state in found if not old] == ["unidentified"] * 2
    office.prove()


def test_a_charge_type_that_was_added_since_loads_the_snapshot(office: Office) -> None:
    rows = [receivable("1000", "I1", "GOLF", "2026-03-20", 4500)]
    first = office.take("receivables", "receivables_20260316.csv", receivables_csv(rows))
    assert (first.state, office.questions()) == ("held", ["CHARGE_TYPE_UNKNOWN"])
    settings = office.home.path / "recond.toml"
    settings.write_text(settings.read_text() + CHARGE)
    assert accept(office, first.file_id) == 0
    assert office.open_cents() == {"I1": 4500}
    assert office.questions() == []
    office.prove()


def test_nothing_is_written_when_it_would_be_held_again(office: Office) -> None:
    data = (ROOT / "fixtures" / "problems" / "COLUMN_MISSING.csv").read_bytes()
    first = office.take("cashier", "receipts.csv", data)
    assert first.state == "held"
    with office.run().store.read() as connection:
        before = connection.execute(
            select(func.count(), func.max(schema.file_past.c.change_no)).select_from(
                schema.file_past
            )
        ).one()
    assert accept(office, first.file_id) == 3
    assert states(office) == ["held"]
    with office.run().store.read() as connection:
        after = connection.execute(
            select(func.count(), func.max(schema.file_past.c.change_no)).select_from(
                schema.file_past
            )
        ).one()
    assert tuple(after) == tuple(before)
