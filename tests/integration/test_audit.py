"""The tamper-evident log, samples with their evidence, and copies that were proved (reliability
section 3 I6, domain E62)."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office import NOW, TODAY, Office, check, lockbox_file, receivable, receivables_csv, recond
from sqlalchemy import text

from recond import periods
from recond.audit import GENESIS, head, verify
from recond.exports.sampling import (
    Item,
    attribute,
    interval_of,
    monetary,
    population,
    start_of,
)
from recond.pipeline import corrections
from recond.pipeline.handover import export_postings

A, B = "1000456012", "1000456013"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    filled(made)
    yield made
    made.close()


def filled(office: Office) -> None:
    rows = [receivable(A, "1W", "WATER", "2026-03-28", 5000),
            receivable(B, "2S", "SEWER", "2026-03-28", 7000)]  # fmt: skip
    office.take("receivables", "open.csv", receivables_csv(rows))
    checks = [check(5130, (A, None)), check(2000, (B, None)), check(700, ("9999999999", None))]
    office.take("lockbox", "day.bai", lockbox_file(checks))


def faults(office: Office, noted: str | None = None) -> list[str]:
    with office.run().store.read() as connection:
        return [fault.says for fault in verify(connection, noted)]


def head_of(office: Office) -> str:
    with office.run().store.read() as connection:
        return head(connection)


def test_the_log_holds_and_grows_with_every_change(office: Office) -> None:
    heads = [head_of(office)]
    assert heads[0] != GENESIS
    office.run()
    assert head_of(office) == heads[0], "opening a home changes nothing"
    export_postings(office.run())
    heads.append(head_of(office))
    run = office.run()
    with run.store.write() as connection:
        (one, *_) = office.rows("applications")
        corrections.reverse(connection, run, one["application_id"], "wrong")
    heads.append(head_of(office))
    with run.store.write() as connection:
        periods.close(connection, "2026-02", periods.Who("ana", NOW, TODAY), None)
    heads.append(head_of(office))
    path = office.home.path / "recond.toml"
    path.write_text(
        path.read_text().replace("duplicate_window_days = 10", "duplicate_window_days = 9")
    )
    office.process()
    heads.append(head_of(office))
    assert len(set(heads)) == len(heads)
    assert all(faults(office, noted) == [] for noted in (GENESIS, *heads))


ADDED = (
    "INSERT INTO period_change VALUES (1, '2026-01', 'close', '2026-01', '', 0, '', '', '',"
    " NULL, NULL)"
)
TAMPERED = {
    "entry": ("UPDATE entry SET description = 'nothing'", "entry 1 was changed"),
    "amount": ("UPDATE journal_line SET debit_cents = debit_cents + 1 WHERE debit_cents > 0",
               "entry 1 was changed"),
    "placement": ("UPDATE placement SET cents = cents + 1 WHERE bucket = 2",
                  "placements of entry"),
    "account": ("UPDATE placement SET account_key = 2 WHERE bucket = 1 AND account_key = 1",
                "placements of entry"),
    "file": ("UPDATE file SET name = 'other'", "file 1 was changed"),
    "gone": ("DELETE FROM journal_line WHERE entry_no = 2", "entry 2 was changed"),
    "added": (ADDED, "month 1 has no event"),
    "event": ("UPDATE audit_event SET digest = 'x' WHERE seq = 2", "the chain is broken here"),
    "cut": ("DELETE FROM audit_event WHERE seq = (SELECT max(seq) FROM audit_event)",
            "it was cut"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TAMPERED))
def test_whoever_changes_a_row_is_found(tmp_path: Path, name: str) -> None:
    office = Office(tmp_path / "home")
    filled(office)
    noted = head_of(office)
    office.close()
    statement, says = TAMPERED[name]
    connection = sqlite3.connect(office.home.path / "recond.db")
    for (trigger,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    assert connection.execute(statement).rowcount > 0
    connection.commit()
    connection.close()
    assert any(says in fault for fault in faults(office, noted)), faults(office, noted)
    office.close()


def test_the_database_refuses_to_change_the_log(office: Office) -> None:
    run = office.run()
    with pytest.raises(Exception, match="only ever added to"), run.store.write() as connection:
        connection.execute(text("DELETE FROM audit_event"))


def test_what_is_rolled_back_leaves_no_event(office: Office) -> None:
    before = head_of(office)
    run = office.run()
    with run.write(dry_run=True) as connection:
        periods.close(connection, "2026-02", periods.Who("ana", NOW, TODAY), None)
    assert head_of(office) == before


# --- samples --------------------------------------------------------------------------------------


def test_a_population_is_of_the_days_by_gl_date(office: Office) -> None:
    day = dt.timedelta(days=1)
    with office.run().store.read() as connection:
        assert len(population(connection, None)) == 3
        assert len(population(connection, (TODAY, TODAY))) == 3
        assert population(connection, (TODAY - 9 * day, TODAY - day)) == []
        assert population(connection, (TODAY + day, TODAY + 9 * day)) == []


def items(**amounts: int) -> list[Item]:
    return [Item(name, cents) for name, cents in amounts.items()]


def test_e62_monetary_unit_selection() -> None:
    population = items(A=120000, B=400000, C=60000, D=250000, E=170000)
    chosen = monetary(population, 250000, 87500)
    assert [one.receipt_id for one in chosen] == ["A", "B", "D", "E"]
    assert interval_of(population, 4) == 250000


def test_e62_attribute_selection_is_the_order_of_the_hashes() -> None:
    population = [Item(f"R{number}", number) for number in range(200)]
    chosen = attribute(population, 5, "7")
    # sha256("7|R…") of all 200 ids, the five smallest: computed by sha256sum
    assert [one.receipt_id for one in chosen] == ["R12", "R152", "R45", "R22", "R158"]
    assert attribute(list(reversed(population)), 5, "7") == chosen
    assert attribute(population, 5, "8") != chosen


@given(
    st.lists(st.integers(-50, 300), min_size=1, max_size=12), st.integers(1, 6), st.integers(0, 9)
)
def test_monetary_selection_takes_every_large_amount_and_no_item_twice(
    amounts: list[int], n: int, seed: int
) -> None:
    population = [Item(f"R{number}", cents) for number, cents in enumerate(amounts)]
    interval = interval_of(population, n)
    start = start_of(str(seed), interval)
    assert 1 <= start <= interval
    chosen = monetary(population, interval, start)
    assert len({one.receipt_id for one in chosen}) == len(chosen)
    large = [one for one in population if one.amount_cents >= interval]
    assert all(one in chosen for one in large)
    # from the definition: the cents that are selected, one by one
    reached, expected = 0, []
    for one in population:
        width = max(one.amount_cents, 0)
        if any((cent - start) % interval == 0 and cent >= start
               for cent in range(reached + 1, reached + width + 1)):  # fmt: skip
            expected.append(one)
        reached += width
    assert chosen == expected


@pytest.fixture
def home(tmp_path: Path) -> Path:
    office = Office(tmp_path / "home")
    filled(office)
    office.close()
    return office.home.path


def test_a_sample_comes_with_its_evidence(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sample.zip"
    capsys.readouterr()
    arguments = ["audit", "sample", "--n", 2, "--seed", "7", "--home", home, "--json"]
    assert recond(*arguments, "--out", out) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 2
    bundle = zipfile.ZipFile(out)
    for row in rows:
        story = json.loads(bundle.read(f"{row['receipt_id']}/explanation.json"))
        assert story["decisions"][0]["journal"]
        assert b"6001" in bundle.read(f"{row['receipt_id']}/source.bin")
    assert json.loads(bundle.read("sample.json"))["population"] == 3
    first = out.read_bytes()
    out.unlink()
    assert recond(*arguments, "--out", out) == 0
    assert out.read_bytes() == first
    assert (
        recond("audit", "sample", "--n", 1, "--seed", "7", "--method", "monetary", "--home", home)
        == 0
    )
    assert recond("audit", "sample", "--n", 1, "--seed", "7", "--method", "x", "--home", home) == 2
    assert (
        recond("audit", "sample", "--n", 1, "--seed", "7", "--month", "2026-02", "--home", home)
        == 3
    )


def test_verify_prints_the_head_and_finds_a_cut(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert recond("audit", "verify", "--home", home) == 0
    noted = capsys.readouterr().out.strip()
    assert len(noted) == 64
    assert recond("audit", "verify", "--head", noted, "--home", home) == 0
    assert recond("audit", "verify", "--head", "f" * 64, "--home", home, "--json") == 4
    assert "it was cut" in capsys.readouterr().out


# --- backup ---------------------------------------------------------------------------------------


def test_a_backup_is_a_home_again(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert recond("backup", copy, "--dry-run", "--home", home) == 0
    assert not copy.exists()
    assert recond("backup", copy, "--home", home) == 0
    assert recond("backup", copy, "--home", home) == 3, "an existing file is never replaced"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["copy.db"]
    again = tmp_path / "again"
    shutil.copytree(home, again, ignore=shutil.ignore_patterns("recond.db*"))
    shutil.copy(copy, again / "recond.db")
    assert recond("check", "--read-archive", "--home", again) == 0
    assert recond("audit", "verify", "--home", again) == 0


def test_a_copy_with_broken_books_gets_no_name(home: Path, tmp_path: Path) -> None:
    connection = sqlite3.connect(home / "recond.db")
    connection.execute("DROP TRIGGER journal_line_no_update")
    connection.execute(
        "UPDATE journal_line SET debit_cents = debit_cents + 1 WHERE debit_cents > 0"
    )
    connection.commit()
    connection.close()
    assert recond("backup", tmp_path / "copy.db", "--home", home) == 4
    assert not list(tmp_path.glob("*copy*"))


@pytest.mark.postgres
def test_postgresql_needs_its_own_programs(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(tmp_path / "home", postgres_url)
    office.close()
    monkeypatch.setenv("PATH", "")
    assert recond("backup", tmp_path / "copy.dump", "--home", office.home.path) == 3
