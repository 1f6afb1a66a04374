"""Files that have to come: asked about when late, in `status`, a gate of the close."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, check, lockbox_file, receivable, receivables_csv
from office import statement as bai2
from sqlalchemy import select
from test_monthend import recond

from recond.closing import checklist
from recond.pipeline import expected
from recond.store import schema

THURSDAY, FRIDAY, MONDAY, TUESDAY = (dt.date(2026, 3, day) for day in (26, 27, 30, 31))
EXPECT = """
[[expect]]
name = "statement"
inbox = "bank"
begin = 2026-03-27
after_days = 1
by = 09:00:00

[[expect]]
name = "lockbox"
inbox = "lockbox"
begin = 2026-03-27
files = "*.BAI"
by = 13:00:00
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url, EXPECT)
    owed = [receivable("1000000001", "W1", "WATER", "2026-03-28", 9_000)]
    made.take("receivables", "open.csv", receivables_csv(owed), THURSDAY)
    yield made
    made.close()


def states(office: Office, today: dt.date, now: dt.datetime) -> dict[str, str]:
    run = office.run(today, now)
    with run.store.read() as connection:
        return {one.subject: one.state for one in expected.days(connection, run)}


def at(day: dt.date, hour: int, minute: int = 0) -> dt.datetime:
    """A time of the office, which is seven hours behind UTC."""
    return dt.datetime.combine(day, dt.time(hour, minute), dt.UTC) + dt.timedelta(hours=7)


def gate(office: Office, today: dt.date) -> tuple[str, ...]:
    run = office.run(today)
    with run.store.read() as connection:
        gates = {one.name: one.found for one in checklist(connection, run, "2026-03")}
    return gates["expected files"]


def test_a_day_is_expected_late_and_missing_by_the_banks_calendar(office: Office) -> None:
    assert states(office, FRIDAY, at(FRIDAY, 12, 59)) == {
        "lockbox/2026-03-27": "expected", "statement/2026-03-27": "expected",
    }  # fmt: skip
    assert states(office, FRIDAY, at(FRIDAY, 13))["lockbox/2026-03-27"] == "late"
    sunday = dt.date(2026, 3, 29)
    assert states(office, sunday, at(sunday, 20)) == {
        "lockbox/2026-03-27": "late", "statement/2026-03-27": "expected",
    }  # fmt: skip
    assert states(office, MONDAY, at(MONDAY, 8, 59))["statement/2026-03-27"] == "expected"
    monday = states(office, MONDAY, at(MONDAY, 13))
    assert monday["statement/2026-03-27"] == "late"
    assert monday["lockbox/2026-03-27"] == "missing"
    assert monday["lockbox/2026-03-30"] == "late"


def test_the_clock_says_nothing_of_another_day(office: Office) -> None:
    """Processed as of Friday, at whatever hour of another day: nothing of Friday is late yet."""
    for now in (at(MONDAY, 0), at(MONDAY, 23), at(dt.date(2026, 3, 2), 23)):
        assert set(states(office, FRIDAY, now).values()) == {"expected"}
        assert states(office, dt.date(2026, 3, 28), now)["lockbox/2026-03-27"] == "late"


def test_a_file_is_of_the_day_that_it_speaks_of(office: Office) -> None:
    office.process(TUESDAY)
    assert office.questions().count("FILE_MISSING") == 3  # Tuesday's times pass on Tuesday
    content = lockbox_file([check(9_000, ("1000000001", None))], FRIDAY)
    office.take("lockbox", "late.bai", content, TUESDAY)
    office.take("bank", "b.bai2", bai2(0, [("115", 9_000, "LOCKBOX 0012345")], FRIDAY), TUESDAY)
    found = states(office, TUESDAY, at(TUESDAY, 8))
    assert found["lockbox/2026-03-27"] == found["statement/2026-03-27"] == "received"
    assert found["lockbox/2026-03-31"] == "expected", "Friday's file is not Tuesday's"
    assert office.questions().count("FILE_MISSING") == 1, "what came is asked no more"


def test_a_missing_day_blocks_the_close_until_it_is_waived(office: Office) -> None:
    for day in (FRIDAY, MONDAY, TUESDAY):
        office.take("bank", f"{day}.bai2", bai2(0, [], day), day)
        if day != MONDAY:
            content = lockbox_file([check(100, ("1000000001", None))], day)
            office.take("lockbox", f"{day}.bai", content, day)
    april = dt.date(2026, 4, 2)
    office.process(april)
    (found,) = gate(office, april)
    assert found.startswith("lockbox of 2026-03-30 is missing")
    (row,) = [row for row in office.rows("exceptions", april) if row["code"] == "FILE_MISSING"
              and "2026-03-30" in row["message"]]  # fmt: skip
    run = office.run(april)
    with run.store.write() as connection:
        numbers = run.desk(connection)
        number = connection.scalar(
            select(schema.exception.c.exception_no).where(
                schema.exception.c.exception_id == row["exception_id"]
            )
        )
        numbers.resolve([number], "acknowledged: the bank was closed")
    assert gate(office, april) == ()
    office.process(april)
    assert states(office, april, at(april, 8))["lockbox/2026-03-30"] == "waived"


def test_a_new_home_expects_nothing_and_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = Office(tmp_path / "home")
    office.close()
    home = ["--home", office.home.path, "--as-of", "2026-03-31"]
    capsys.readouterr()
    assert recond("status", "--json", *home) == 0
    told = json.loads(capsys.readouterr().out)["expected_files"]
    assert told == {"expected": [], "received": [], "late": [], "missing": []}
