"""How long bytes are kept (domain E59): minimum and maximum after the fiscal year, legal holds,
certificates of disposal."""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from office import NOW, Office, check, lockbox_file, receivable, receivables_csv, recond

from recond import periods
from recond.errors import RefusedError, UsageError
from recond.pipeline import retention
from recond.pipeline.retention import fiscal_end
from recond.pipeline.run import Run
from recond.store import schema

A = "1000456012"
DAY = dt.date(2025, 10, 3)
SCHEDULE = """
[[retention]]
series = "receipts"
inboxes = ["lockbox"]
years = 3
most_years = 4
cite = "AZ local records, accounts receivable"
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home", more=SCHEDULE)
    bill = receivables_csv([receivable(A, "1W", "WATER", "2025-10-28", 10400)])
    made.take("receivables", "open.csv", bill, DAY)
    made.take("lockbox", "day.bai", lockbox_file([check(10400, (A, None))], DAY), DAY)
    yield made
    made.close()


def closed(office: Office, month: str = "2025-10") -> None:
    run = office.run(dt.date(2026, 1, 5))
    with run.store.write() as connection:
        periods.close(connection, month, periods.Who("ana", NOW, run.today), None)


def states(office: Office, day: dt.date) -> dict[str, str]:
    run = office.run(day)
    with run.store.read() as connection:
        return {one.name: one.state for one in retention.schedule(connection, run)}


def person(office: Office, day: dt.date) -> Run:
    (name,) = office.home.settings.roles.supervisor
    return replace(office.run(day), actor=name)


@pytest.mark.parametrize(
    ("day", "end"),
    [(dt.date(2025, 10, 3), dt.date(2026, 6, 30)), (dt.date(2026, 6, 30), dt.date(2026, 6, 30)),
     (dt.date(2026, 7, 1), dt.date(2027, 6, 30))],
)  # fmt: skip
def test_a_fiscal_year_is_named_by_its_end(day: dt.date, end: dt.date) -> None:
    assert fiscal_end(day, "06-30") == end


def test_e59_a_record_of_october_2025_may_go_from_july_2029_on(office: Office) -> None:
    closed(office)
    assert states(office, dt.date(2029, 6, 30))["day.bai"] == "kept"
    assert states(office, dt.date(2029, 7, 1))["day.bai"] == "disposable"
    assert states(office, dt.date(2030, 6, 30))["day.bai"] == "disposable"
    assert states(office, dt.date(2030, 7, 1))["day.bai"] == "overdue"
    assert states(office, dt.date(2040, 1, 1))["open.csv"] == "kept", "no schedule names it"


def test_a_file_of_an_open_month_is_kept(office: Office) -> None:
    assert states(office, dt.date(2030, 7, 1))["day.bai"] == "kept"


def test_e59_a_legal_hold_stops_disposal_until_it_ends(office: Office) -> None:
    closed(office)
    day = dt.date(2030, 7, 1)
    run = person(office, day)
    with run.store.write() as connection:
        number = retention.place_hold(connection, run, "receipts", None, "lawsuit 2030-17")
    assert states(office, day)["day.bai"] == "on hold"
    assert retention.dispose(run, "schedule") == (None, [])
    with run.store.write() as connection:
        retention.release(connection, run, number, "dismissed")
        with pytest.raises(UsageError, match="no hold"):
            retention.release(connection, run, number, "again")
    assert states(office, day)["day.bai"] == "overdue"
    with run.store.write() as connection, pytest.raises(UsageError, match="one of them"):
        retention.place_hold(connection, run, None, None, "x")


def test_e59_disposal_takes_the_bytes_and_leaves_a_certificate(office: Office) -> None:
    closed(office)
    run = person(office, dt.date(2029, 7, 1))
    before = office.rows("receipts")
    path, found = retention.dispose(run, "schedule AR-3")
    assert path is not None
    assert [one.name for one in found] == ["day.bai"]
    lines = path.read_text().splitlines()
    (row,) = csv.DictReader(lines[1:-1])
    assert (row["name"], row["disposable_from"], row["reason"]) == (
        "day.bai", "2029-07-01", "schedule AR-3",
    )  # fmt: skip
    assert not run.archived(row["sha256"]).exists()
    assert states(office, run.today)["day.bai"] == "disposed"
    assert office.rows("receipts") == before, "the books keep their rows"
    office.prove()
    assert retention.dispose(run, "again") == (None, [])
    data = path.read_bytes()
    path.unlink()
    with run.store.write() as connection:
        connection.execute(schema.outbox.update().values(delivered=0))
    retention.dispose(run, "again")
    assert path.read_bytes() == data, "a lost certificate is made again"


def test_explain_and_samples_name_the_certificate_where_the_bytes_stood(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed(office)
    home = ["--home", office.home.path]
    receipt = office.rows("receipts")[0]["receipt_id"]
    assert recond("explain", receipt, *home) == 0
    before = capsys.readouterr().out
    assert ("6001" in before, "disposed" in before) == (True, False)
    path, _ = retention.dispose(person(office, dt.date(2029, 7, 1)), "schedule AR-3")
    assert path is not None
    gone = (f"disposed of on 2029-07-01 by certificate {path.stem}"
            f" (exports/disposals/{path.name}), series receipts: schedule AR-3")  # fmt: skip
    assert recond("explain", receipt, *home) == 0
    assert f"({gone})" in capsys.readouterr().out
    out = tmp_path / "sample.zip"
    assert recond("audit", "sample", "--n", 1, "--seed", "7", "--out", out, *home) == 0
    bundle = zipfile.ZipFile(out)
    assert bundle.read(f"{receipt}/disposed.txt").decode() == f"{gone}\n"
    assert gone in bundle.read(f"{receipt}/explanation.json").decode()
    assert f"{receipt}/source.bin" not in bundle.namelist()


def test_only_a_supervisor_disposes(office: Office) -> None:
    closed(office)
    with pytest.raises(RefusedError, match="no supervisor"):
        retention.dispose(replace(office.run(dt.date(2030, 1, 1)), actor="jane"), "schedule")


def test_equal_bytes_are_kept_as_long_as_their_last_arrival(office: Office) -> None:
    closed(office)
    text = lockbox_file([check(10400, (A, None))], DAY)
    office.take("lockbox", "again.bai", text, dt.date(2026, 8, 1))
    found = states(office, dt.date(2029, 7, 1))
    assert (found["day.bai"], found["again.bai"]) == ("kept", "kept")


def test_the_verbs(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    closed(office)
    home = ["--home", str(office.home.path), "--as-of", "2029-07-01"]
    assert recond("audit", "hold", "--series", "receipts", "--reason", "audit", *home) == 0
    assert recond("audit", "dispose", "--reason", "schedule", *home) in {0, 3}
    capsys.readouterr()
    assert recond("audit", "retention", "--state", "on hold", *home) == 0
    assert "day.bai" in capsys.readouterr().out
    assert recond("audit", "hold", "--end", "1", "--reason", "over", *home) == 0
    assert recond("audit", "hold", "--series", "other", "--reason", "x", *home) == 2
    assert recond("audit", "retention", "--json", *home) == 0
    assert '"state": "disposable"' in capsys.readouterr().out
