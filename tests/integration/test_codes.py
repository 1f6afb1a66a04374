"""Codes that no single file can raise: what must have come before, and what then becomes of it."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import (
    TODAY,
    Office,
    check,
    csv_text,
    lockbox_file,
    money,
    receivable,
    receivables_csv,
)

from recond.errors import RefusedError
from recond.parsers import lockbox
from recond.pipeline.process import FileOutcome
from recond.verbs.common import problems_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
ROWS = [receivable("1001", "I1", "WATER", "2026-03-01", 9000)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    yield made
    made.close()


def problems(office: Office, outcome: FileOutcome) -> list[str]:
    with office.run().store.read() as connection:
        return [str(row["code"]) for row in problems_of(connection, outcome.file_no)]


def test_a_lockbox_day_and_batch_that_came_before_is_a_warning(office: Office) -> None:
    office.take("receivables", "open.csv", receivables_csv(ROWS))
    first = office.take("lockbox", "a.bai", lockbox_file([check(100, ("1001", None))]))
    assert problems(office, first) == []
    again = lockbox_file([check(200, ("1001", None))], time="1700")
    second = office.take("lockbox", "b.bai", again)
    assert (second.state, problems(office, second)) == ("accepted", ["REPEATED_BOX_DAY"])
    other = lockbox_file([check(300, ("1001", None))], box="0077777", time="1800")
    assert problems(office, office.take("lockbox", "c.bai", other)) == []
    later = lockbox_file([check(400, ("1001", None))], day=TODAY - dt.timedelta(1), time="1900")
    assert problems(office, office.take("lockbox", "d.bai", later)) == []
    assert office.applied() == {"I1": 1000}
    office.prove()


def test_a_file_that_recond_fails_on_is_held_and_the_next_one_is_taken(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take("receivables", "open.csv", receivables_csv(ROWS))
    monkeypatch.setattr(lockbox, "parse", fail)
    held = office.take("lockbox", "a.bai", lockbox_file([check(100, ("1001", None))]))
    assert (held.state, held.message.split(":")[0]) == ("held", "FILE_FAILED")
    assert office.questions() == ["FILE_FAILED"]
    assert office.applied() == {}
    office.prove()


NUL_IN = {
    "ach": ("nacha/ppd-credits.ach", "x12/advice.820"),
    "bank": (
        "bai2/two-accounts.bai2", "camt/smallest.xml", "mt940/smallest.sta", "ofx/smallest.ofx",
        "delimited/bank_csv-small.csv",
    ),
    "cashier": ("delimited/cashier_receipts-small.csv",),
    "lockbox": ("lockbox/two-batches.bai", "x12/lockbox.823"),
}  # fmt: skip


def test_a_nul_byte_holds_its_file_and_no_other(office: Office) -> None:
    office.take("receivables", "open.csv", receivables_csv(ROWS))
    for inbox, names in NUL_IN.items():
        for name in names:
            data = (FIXTURES / name).read_bytes()
            for eighth in (3, 5, 7):
                at = len(data) * eighth // 8
                damaged = data[:at] + b"\0" + data[at + 1 :]
                office.drop(inbox, f"{eighth}-{Path(name).name}", damaged)
    outcomes = office.process()
    assert len(outcomes) == 3 * sum(map(len, NUL_IN.values()))
    assert {one.state for one in outcomes} == {"held"}
    found = {one.name: problems(office, one) for one in outcomes}
    assert {name for name, codes in found.items() if "NUL_BYTES" not in codes} == set()
    assert {code for codes in found.values() for code in codes} >= {"RECORD_UNREADABLE"}
    assert office.rows("applications") == []
    office.prove()


def test_a_day_of_another_year_is_told_and_holds_nothing(office: Office) -> None:
    office.take("receivables", "open.csv", receivables_csv(ROWS))
    near = lockbox_file([check(100, ("1001", None))], day=TODAY - dt.timedelta(366))
    assert problems(office, office.take("lockbox", "near.bai", near)) == []
    far = lockbox_file([check(300, ("1001", None))], day=TODAY - dt.timedelta(367))
    taken = office.take("lockbox", "far.bai", far)
    assert (taken.state, problems(office, taken)) == ("accepted", ["DATE_UNUSUAL"])
    with office.run().store.read() as connection:
        (told,) = problems_of(connection, taken.file_no)
    assert (told["line"], told["field"]) == (4, "received_date")
    assert "is far from today, 2026-03-16" in told["message"]
    soon = lockbox_file([check(500, ("1001", None))], day=TODAY + dt.timedelta(31))
    assert problems(office, office.take("lockbox", "soon.bai", soon)) == []
    bank = (FIXTURES / "bai2" / "two-accounts.bai2").read_bytes().replace(b",2603", b",2605")
    taken = office.take("bank", "next.bai2", bank)
    assert (taken.state, problems(office, taken)) == ("accepted", ["DATE_UNUSUAL"])
    assert office.applied() == {"I1": 400}


def test_a_file_that_is_refused_below_is_held_and_the_next_one_is_taken(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take("receivables", "open.csv", receivables_csv(ROWS))
    monkeypatch.setattr(lockbox, "parse", refuse)
    office.drop("lockbox", "a.bai", lockbox_file([check(100, ("1001", None))]))
    office.drop("cashier", "b.csv", counter(("R1", 500, "", "")))
    by_name = {one.name: one for one in office.process()}
    assert by_name["a.bai"].message.startswith("FILE_FAILED: recond failed on this file")
    assert "no database keeps" in by_name["a.bai"].message
    assert (by_name["b.csv"].state, office.applied()) == ("accepted", {"I1": 500})


def refuse(*_: object) -> Iterator[None]:
    raise RefusedError("Text of payer_name holds a NUL byte, which no database keeps.")
    yield


def fail(*_: object) -> Iterator[None]:
    raise RuntimeError("the parser has a mistake")
    yield


def manifest(**more: object) -> str:
    return json.dumps({"snapshot": "S1", "mode": "full", "rows": 1, "open_cents": 9000, **more})


def taken(office: Office, name: str, content: str) -> FileOutcome:
    """What becomes of a receivables file that is dropped beside its manifest."""
    office.drop("receivables", name, content)
    return next(one for one in office.process() if one.name == name)


def test_a_snapshot_that_does_not_follow_the_last_one_is_held(office: Office) -> None:
    office.drop("receivables", "1.csv.manifest.json", manifest(previous_snapshot="S0"))
    assert taken(office, "1.csv", receivables_csv(ROWS)).state == "accepted"  # a new home begins
    rows = [receivable("1001", "I1", "WATER", "2026-03-01", 9000, open_cents="8000")]
    said = manifest(snapshot="S3", previous_snapshot="S2", open_cents=8000)
    office.drop("receivables", "3.csv.manifest.json", said)
    held = taken(office, "3.csv", receivables_csv(rows))
    assert (held.state, held.message.split(":")[0]) == ("held", "SNAPSHOT_SEQUENCE")


def test_a_manifest_that_cannot_be_read_or_does_not_hold(office: Office) -> None:
    for name, text in (("a", "{not json"), ("b", '{"mode": "half"}'), ("c", '{"rows": "many"}')):
        held = office.take("receivables", f"{name}.csv.manifest.json", text)
        assert (held.state, held.message.split(":")[0]) == ("held", "MANIFEST_WRONG")
    for name, said in (("1.csv", manifest(rows=2)), ("2.csv", manifest(open_cents=8999))):
        office.drop("receivables", f"{name}.manifest.json", said)
        held = taken(office, name, receivables_csv(ROWS) + "\n" * (name == "2.csv"))
        assert (held.state, held.message.split(":")[0]) == ("held", "SNAPSHOT_TOTAL_WRONG")


def test_a_file_without_its_manifest_waits_an_hour_and_is_held(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.drop("receivables", "1.csv.manifest.json", manifest())
    taken(office, "1.csv", receivables_csv(ROWS))
    office.drop("receivables", "2.csv", receivables_csv([*ROWS]) + "\n")
    os.utime(office.home.inbox("receivables") / "2.csv", (1, 1))  # how old its sender says it is
    assert office.process() == []
    assert [r["state"] for r in office.rows("files") if r["name"] == "2.csv"] == ["waiting"]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 59 * 60)
    assert office.process() == []
    monkeypatch.setattr(time, "time", lambda: real() + 61 * 60)
    (held,) = office.process()
    assert (held.state, held.message.split(":")[0]) == ("held", "MANIFEST_MISSING")


def counter(*rows: tuple[str, int, str, str]) -> str:
    return csv_text(
        [
            {"receipt_number": number, "drawer": "D1", "cashier": "ANA",
             "business_date": TODAY.isoformat(), "time": "09:00", "account_number": "1001",
             "item_number": "", "tender": "CASH", "amount": money(cents), "void_of": void,
             "approved_by": by}
            for number, cents, void, by in rows
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("void", "code", "applied"),
    [
        (("R2", -500, "R1", "BOB"), None, {}),
        (("R2", -500, "R1", ""), "VOID_NOT_APPROVED", {"I1": 500}),
        (("R2", -499, "R1", "BOB"), "VOID_AMOUNT_WRONG", {"I1": 500}),
        (("R2", -500, "R9", "BOB"), "VOID_WITHOUT_ORIGINAL", {"I1": 500}),
    ],
)
def test_voids_take_back_what_they_name_and_nothing_else(
    office: Office, void: tuple[str, int, str, str], code: str | None, applied: dict[str, int]
) -> None:
    office.take("receivables", "open.csv", receivables_csv(ROWS))
    office.take("cashier", "a.csv", counter(("R1", 500, "", ""), void))
    assert office.questions() == ([code] if code else [])
    assert office.applied() == applied
    office.prove()
