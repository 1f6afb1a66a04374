"""`recond run` on a real home: files are posted as they come, and SIGTERM ends it well."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import office

PATIENCE = 30.0


def files_of(home: Path) -> list[tuple[str, str]]:
    path = home / "recond.db"
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT name, state FROM file ORDER BY file_no").fetchall()
    except sqlite3.OperationalError:  # the tables are being made
        return []
    finally:
        connection.close()


def expect(home: Path, files: list[tuple[str, str]]) -> None:
    end = time.monotonic() + PATIENCE
    while files_of(home) != files:
        assert time.monotonic() < end, files_of(home)
        time.sleep(0.05)


RUBBISH = {
    "random.bin": hashlib.shake_256(b"seed").digest(3000),
    "photo.png": b"\x89PNG\r\n\x1a\n" + hashlib.shake_256(b"png").digest(1000),
    "half.bai": office.lockbox_file([office.check(100, ("1001", None))]).encode()[:300],
    "zeros": bytes(500),
}


def expect_states(home: Path, states: dict[str, str]) -> None:
    end = time.monotonic() + PATIENCE
    while (found := dict(files_of(home))) | states != found:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def test_the_daemon_processes_what_comes_and_holds_the_lock(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = office.Office(home)
    made.run()
    made.close()
    recond = [sys.executable, "-c", "from recond.cli import main; main()"]
    environment = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
    items = [office.receivable("1001", "I1", "WATER", "2026-03-01", 9000)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*recond, "run", "--home", str(home), "--as-of", "2026-03-16"],
            stderr=log, env=environment,
        )  # fmt: skip
        try:
            (tmp_path / "ar.csv").write_text(office.receivables_csv(items))
            (tmp_path / "ar.csv").rename(home / "inbox" / "receivables" / "ar.csv")
            expect(home, [("ar.csv", "accepted")])
            (tmp_path / "empty").touch()
            (tmp_path / "empty").rename(home / "inbox" / "lockbox" / "empty")
            expect(home, [("ar.csv", "accepted"), ("empty", "held")])
            rubbish = {f"{inbox}-{name}": (inbox, data + inbox.encode())
                       for inbox in ("lockbox", "bank", "ach", "cashier", "card", "receivables")
                       for name, data in RUBBISH.items()}  # fmt: skip
            for name, (inbox, data) in rubbish.items():
                (tmp_path / name).write_bytes(data)
                (tmp_path / name).rename(home / "inbox" / inbox / name)
            expect_states(home, dict.fromkeys(rubbish, "held"))
            assert process.poll() is None
            second = subprocess.run(
                [*recond, "process", "--home", str(home)], capture_output=True, check=False
            )
            assert second.returncode == 75
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait()
    connection = sqlite3.connect(home / "recond.db")
    job = connection.execute("SELECT job, last_error FROM job").fetchall()
    assert connection.execute("SELECT count(*) FROM receipt WHERE receipt_no IN"
                              " (SELECT receipt_no FROM decision)").fetchone() == (0,)  # fmt: skip
    connection.close()
    assert job == [("checkpoint", None)]
