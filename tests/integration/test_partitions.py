"""The history of closed months as partitioned Parquet: read by DuckDB as it is, every row once,
never written again while its close is in force."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest
from office import NOW, Office, check, lockbox_file, receivable, receivables_csv, recond, statement

from recond import periods
from recond.exports.datasets import DATASETS
from recond.pipeline.partitions import BY_OWN_DATE, BY_PERIOD, NAMES, write_history

A, B = "1000456012", "1000456013"
FEB, MARCH, APRIL = dt.date(2026, 2, 10), dt.date(2026, 3, 16), dt.date(2026, 4, 14)
CLOSED, AGAIN = dt.date(2026, 4, 2), dt.date(2026, 5, 4)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    bills = [receivable(A, "1W", "WATER", "2026-03-28", 9000),
             receivable(B, "2S", "SEWER", "2026-03-28", 9000)]  # fmt: skip
    made.take("receivables", "open.csv", receivables_csv(bills), FEB)
    for day, cents in ((FEB, 1000), (MARCH, 2000)):
        made.take("lockbox", f"{day}.bai", lockbox_file([check(cents, (A, None))], day), day)
    yield made
    made.close()


def change(office: Office, what: str, day: dt.date, actor: str = "ana") -> None:
    with office.run(day).store.write() as connection:
        who = periods.Who(actor, NOW, day, "late file")
        if what == "reopen":
            periods.reopen(connection, "2026-03", who)
        else:
            periods.close(connection, what, who, None)


def files(office: Office) -> dict[str, tuple[str, int]]:
    """The hash and the inode of every partition."""
    folder = office.home.path / "exports" / "history"
    return {
        str(path.relative_to(folder)): (sha256(path.read_bytes()).hexdigest(), path.stat().st_ino)
        for path in sorted(folder.glob("*/*/*.parquet"))
    }


def read(office: Office, name: str, columns: str) -> list[tuple[object, ...]]:
    place = office.home.path / "exports" / "history" / name / "*" / "*.parquet"
    found: list[tuple[object, ...]] = duckdb.sql(
        f"SELECT {columns} FROM read_parquet('{place}', hive_partitioning = true) ORDER BY ALL"
    ).fetchall()
    return found


def later(office: Office) -> None:
    """March is closed (February with it), what is late comes in April, then April is closed."""
    change(office, "2026-03", CLOSED)
    write_history(office.run(CLOSED + dt.timedelta(days=1)))
    late = lockbox_file([check(3000, (B, None))], dt.date(2026, 3, 30))
    office.take("lockbox", "late.bai", late, APRIL)
    lines = [("115", 3000, "LOCKBOX 0012345")]
    office.take("bank", "march.bai2", statement(100, lines, dt.date(2026, 3, 31)), APRIL)
    change(office, "2026-04", AGAIN)
    write_history(office.run(dt.date(2026, 5, 5)))


def test_duckdb_reads_every_row_once_whatever_came_late(office: Office) -> None:
    later(office)
    assert read(office, "receipts", "month, receipt_id IS NULL, amount::VARCHAR") == [
        ("2026-03", False, "10.00"), ("2026-03", False, "20.00"), ("2026-04", False, "30.00"),
    ]  # fmt: skip
    lines = read(office, "bank_lines", "month, value_date, amount::VARCHAR")
    assert lines == [("2026-04", dt.date(2026, 3, 31), "30.00")]
    for name in (*BY_PERIOD, *BY_OWN_DATE):
        names = DATASETS[name].schema.names
        held = sorted(str(row) for row in read(office, name, f'"{names[0]}"'))
        rows = sorted(str((row[names[0]],)) for row in office.rows(name, AGAIN))
        assert held == rows, name
    assert len(read(office, "deposits", "*")) == 3
    journal = "(SELECT month, sum(debit) = sum(credit) FROM entries GROUP BY month ORDER BY month)"
    place = office.home.path / "exports" / "history" / "journal" / "*" / "*.parquet"
    duckdb.sql(f"CREATE OR REPLACE VIEW entries AS SELECT * FROM read_parquet('{place}')")
    assert duckdb.sql(journal).fetchall() == [("2026-03", True), ("2026-04", True)]


def test_a_closed_month_is_never_written_again(office: Office) -> None:
    change(office, "2026-03", CLOSED)
    assert write_history(office.run(CLOSED))[1:] == ([], []), "that day may still bring something"
    run = office.run(CLOSED + dt.timedelta(days=1))
    assert write_history(run)[1:] == (["2026-03"], [])
    first = files(office)
    assert len(first) == len(NAMES)
    with (office.home.path / "exports" / "history" / "_closed.csv").open(newline="") as source:
        listed = {row["name"]: row["sha256"] for row in csv.DictReader(source)}
    assert listed == {name.split("/")[0]: digest for name, (digest, _) in first.items()}
    late = lockbox_file([check(3000, (B, None))], dt.date(2026, 3, 30))
    office.take("lockbox", "late.bai", late, APRIL)
    change(office, "2026-04", AGAIN)
    after = office.run(dt.date(2026, 5, 5))
    assert write_history(after)[1:] == (["2026-04"], ["2026-03"])
    second = files(office)
    assert {name: second[name] for name in first} == first
    shutil.rmtree(office.home.path / "exports" / "history")
    assert write_history(after)[1:] == (["2026-03", "2026-04"], [])
    again = files(office)
    assert {n: digest for n, (digest, _) in again.items()} == {
        n: digest for n, (digest, _) in second.items()
    }


def test_a_reopened_month_goes_and_comes_back_with_its_next_close(office: Office) -> None:
    change(office, "2026-03", CLOSED)
    day = CLOSED + dt.timedelta(days=1)
    write_history(office.run(day))
    change(office, "reopen", day, "ana")
    change(office, "reopen", day, "ben")
    assert write_history(office.run(day))[1:] == ([], [])
    assert files(office) == {}
    late = lockbox_file([check(3000, (B, None))], dt.date(2026, 3, 30))
    office.take("lockbox", "late.bai", late, day)
    change(office, "2026-03", day)
    assert write_history(office.run(APRIL))[1] == ["2026-03"]
    assert len(read(office, "receipts", "receipt_id")) == 3


def test_the_verb(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    change(office, "2026-03", CLOSED)
    home = ["--home", office.home.path, "--as-of", "2026-04-14"]
    capsys.readouterr()
    assert recond("export", "history", "--dry-run", *home) == 0
    assert not (office.home.path / "exports" / "history").exists()
    assert recond("export", "history", "--json", *home) == 0
    assert '"written": ["2026-03"]' in capsys.readouterr().out
