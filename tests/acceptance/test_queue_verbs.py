"""The queue through its verbs, as clerks and programs use it: a list out, answers back."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from office import check, lockbox_file, receivable, receivables_csv

from recond.home import init

X = "1000456012"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = init(tmp_path / "home", "America/Phoenix", "root", settle_seconds=0).path
    items = [receivable(X, "XW1", "WATER", "2026-03-28", 8800)]
    (made / "inbox/receivables/open.csv").write_text(receivables_csv(items))
    pay = lockbox_file([check(8800, ("NOBODY", None)), check(5000, ("NOONE", None))])
    (made / "inbox/lockbox/pay.bai").write_text(pay)
    assert recond(made, "process").returncode == 1
    return made


def recond(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One command at a fixed instant."""
    environment = {**os.environ, "RECOND_NOW": "2026-03-16T18:00:00Z"}
    return subprocess.run(
        [str(Path(sys.executable).with_name("recond")), *words, "--home", str(home)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_day_at_the_queue(home: Path, tmp_path: Path) -> None:
    written = recond(home, "queue", "export").stdout.split()
    assert [Path(path).suffix for path in written] == [".csv", ".xlsx"]
    first, second = rows_of(Path(written[0]))
    first |= {"action": "assign", "to_account": X}
    second |= {"action": "refund", "note": "sent by mistake"}
    answers = tmp_path / "answers.csv"
    with answers.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(first))
        writer.writeheader()
        writer.writerows([first, second])
    tried = recond(home, "queue", "import", str(answers), "--check", "--json")
    told = [json.loads(line) for line in tried.stdout.splitlines()]
    assert [row["status"] for row in told] == ["APPLIED", "PENDING_APPROVAL"]
    assert recond(home, "queue", "import", str(answers), "--dry-run").returncode == 1
    done = recond(home, "queue", "import", str(answers))
    assert done.returncode == 1, done.stderr
    result = home / "queue/out/answers.csv.result.csv"
    assert [row["status"] for row in rows_of(result)] == ["APPLIED", "PENDING_APPROVAL"]
    again = recond(home, "queue", "import", str(answers), "--json")
    statuses = [json.loads(line)["status"] for line in again.stdout.splitlines()]
    assert statuses == ["ALREADY_DONE", "PENDING_APPROVAL"]
    (waiting,) = [json.loads(line) for line in
                  recond(home, "queue", "approve", "--json").stdout.splitlines()]  # fmt: skip
    assert (waiting["action"], waiting["amount"]) == ("refund", "50.00")
    identity = waiting["exception_id"]
    itself = recond(home, "queue", "approve", identity)
    assert (itself.returncode, "ERROR_SELF" in itself.stderr) == (3, True)
    other = recond(home, "queue", "approve", identity, "--as", "ken")
    assert (other.returncode, "may not act as ken" in other.stderr) == (3, True)
    config = home / "recond.toml"
    me = waiting["decided_by"]
    config.write_text(
        config.read_text().replace("[roles]", f'[roles]\nacts_for = {{{me}=["ken"]}}')
    )
    assert recond(home, "queue", "approve", identity, "--as", "ken").returncode == 0
    assert recond(home, "status").returncode == 0
    assert recond(home, "check").returncode == 0
    stats = recond(home, "queue", "stats", "--json").stdout
    assert {json.loads(line)["decided_by"] for line in stats.splitlines()} == {me, "ken"}


def test_what_is_no_work_list_is_refused(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    refused = recond(home, "queue", "import", str(other))
    assert refused.returncode == 3
    assert "the header row was deleted or renamed" in refused.stderr
    assert recond(home, "queue", "import", str(tmp_path / "none.csv")).returncode == 3
    assert not list((home / "queue/out").iterdir())
