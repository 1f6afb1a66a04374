"""Each invariant, broken on purpose by somebody with a database shell, is named by `check`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import (
    TODAY,
    Office,
    check,
    lockbox_file,
    receivable,
    receivables_csv,
    statement,
)

from recond.check import INVARIANTS, Books
from recond.check import check as prove
from recond.store import schema

OFF = "DROP TRIGGER IF EXISTS {name}"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    rows = [receivable(f"100000000{n}", f"W{n}", "WATER", "2026-03-28", 5000) for n in range(1, 5)]
    made.take("receivables", "open.csv", receivables_csv(rows))
    checks = [
        check(5000, ("1000000001", None)),
        check(7000, ("1000000002", None)),
        check(900, ("9999999999", None)),
        check(1000, ("1000000003", None)),
    ]
    made.take("lockbox", "day.bai", lockbox_file([checks]))
    made.take("lockbox", "more.bai", lockbox_file([check(55, ("1000000004", None))], time="1000"))
    lines = [("115", 13900, "LOCKBOX 0012345"), ("142", 777, "NOBODY KNOWS")]
    made.take("bank", "day.bai2", statement(0, lines))
    made.prove()
    yield made
    made.close()


def damage(office: Office, *statements: str) -> None:
    office.close()
    connection = sqlite3.connect(office.home.path / "recond.db")
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in names:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for one in statements:
        assert connection.execute(one).rowcount != 0, one
    connection.commit()
    connection.close()


def broken(office: Office, *, read_archive: bool = False) -> set[str]:
    run = office.run(TODAY)
    with run.store.read() as connection:
        books = Books(connection, run.home, run.chart, read_archive)
        return {invariant.name for invariant, rows in prove(books) if rows}


DAMAGE = {
    "I1.placed": "UPDATE placement SET cents = cents + 1 WHERE bucket = 2",
    "I1.owned": "DELETE FROM decision WHERE receipt_no IN (SELECT max(receipt_no) FROM receipt)",
    "I1.decided": "INSERT INTO receipt SELECT receipt_no + 50, line, byte_offset, byte_length,"
    " batch_ord, batch, sequence, channel, tender, amount_cents, received_date, deposit_date,"
    " account_on_item, reference, check_number, trace_number, payer_name, payer_key, repeat_key,"
    " drawer, taken_by, brand, payment FROM receipt LIMIT 1",
    "I1.clearing": "UPDATE journal_line SET debit_cents = debit_cents + 1"
    " WHERE gl_account = '1080'",
    "I1.deposited": "UPDATE deposit SET receipts_cents = receipts_cents + 1",
    "I1.bank": "UPDATE journal_line SET debit_cents = debit_cents + 1 WHERE gl_account = '1010'",
    "I1.lines": "UPDATE clearing SET cents = cents - 1",
    "I1.once": "UPDATE clearing SET ordinal = 2",
    "I1.withdrawn": "INSERT INTO withdrawn SELECT 1, file_no, ordinal, file_no, '2026-03-16',"
    " '2026-03' FROM clearing LIMIT 1",
    "I1.open": "UPDATE open_deposit SET left_cents = left_cents - 1",
    "I2.balanced": "UPDATE journal_line SET debit_cents = debit_cents + 1"
    " WHERE gl_account = '1080'",
    "I2.journal": "UPDATE journal_line SET fund = '520' WHERE fund = '510' AND entry_no = 2",
    "I2.suspense": "UPDATE journal_line SET credit_cents = credit_cents + 1"
    " WHERE gl_account = '2100'",
    "I2.asked": "UPDATE exception SET status = 'resolved'",
    "I2.on_account": "UPDATE placement SET bucket = 3 WHERE bucket = 2",
    "I2.receivables": "UPDATE item_balance SET snapshot_cents = 5001, open_cents = 5001"
    " WHERE item_key = (SELECT item_key FROM item WHERE item_number = 'W4')",
    "I2.pending": "UPDATE item_balance SET pending_cents = pending_cents + 1, snapshot_cents ="
    " snapshot_cents + 1 WHERE item_key = (SELECT item_key FROM item WHERE item_number = 'W3')",
    "I2.balances": "DELETE FROM item_balance WHERE open_cents = 0",
    "I3.versions": "UPDATE decision SET version = 3 WHERE receipt_no IN"
    " (SELECT min(receipt_no) FROM receipt)",
    "I6.log": "UPDATE entry SET description = 'another' WHERE entry_no = 1",
    "I8.closed": "INSERT INTO period_change VALUES (1, '2026-03', 'close', '2026-03', '', 1,"
    " '2026-03-16', '', 'ana', NULL, NULL)",
    "I5.arrivals": "UPDATE file SET file_no = 9 WHERE file_no = 1",
}


@pytest.mark.parametrize("name", sorted(DAMAGE))
def test_damage_is_named(office: Office, name: str) -> None:
    damage(office, DAMAGE[name])
    assert name in broken(office)


def test_the_same_bytes_with_two_effects_are_named(office: Office) -> None:
    columns = [column.name for column in schema.file.c]
    other = {"file_no": "30", "file_id": "file_id || '-2'", "duplicate_of": "NULL",
             "taken_no": "99"}  # fmt: skip
    values = [other.get(name, name) for name in columns]
    damage(
        office,
        "DROP INDEX ix_file_sha256",
        f"INSERT INTO file ({', '.join(columns)}) SELECT {', '.join(values)} FROM file"
        " WHERE file_no = 2",
    )
    assert "I3.bytes" in broken(office)


def test_a_flipped_byte_in_the_archive_is_found_when_it_is_read(office: Office) -> None:
    (path,) = [p for p in office.home.archive.rglob("*") if p.is_file() and p.stat().st_size > 300
               and b"9999999999" in p.read_bytes()]  # fmt: skip
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    assert "I4.originals" not in broken(office)
    assert "I4.originals" in broken(office, read_archive=True)
    path.unlink()
    assert "I4.originals" in broken(office)


def test_every_invariant_is_broken_by_some_test() -> None:
    # those of decisions and work lists are broken in test_check_queue
    queue = {"I2.written_off", "I3.answers", "I3.approvals", "I4.lists"}
    tested = {*DAMAGE, "I3.bytes", "I4.originals", *queue}
    assert {invariant.name for invariant in INVARIANTS} == tested
