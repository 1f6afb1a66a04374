"""The queue through its verbs, as clerks and programs use it: a list out, answers back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from citymonth import Done
from citymonth import recond as run
from office import check, lockbox_file, receivable, receivables_csv

from recond.home import init

X = "1000456012"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECOND_NOW", "2026-03-16T18:00:00Z")
    made = init(tmp_path / "home", "America/Phoenix", "root", settle_seconds=0).path
    items = [receivable(X, "XW1", "WATER", "2026-03-28", 8800)]
    (made / "inbox/receivables/open.csv").write_text(receivables_csv(items))
    pay = lockbox_file([check(8800, ("NOBODY", None)), check(5000, ("NOONE", None))])
    (made / "inbox/lockbox/pay.bai").write_text(pay)
    assert recond(made, "process").code == 1
    return made


def recond(home: Path, *words: str) -> Done:
    """One command."""
    return run(*words, "--home", str(home))


def rows_of(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_day_at_the_queue(home: Path, tmp_path: Path) -> None:
    written = recond(home, "queue", "export").out.split()
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
    told = [json.loads(line) for line in tried.out.splitlines()]
    assert [row["status"] for row in told] == ["APPLIED", "PENDING_APPROVAL"]
    assert recond(home, "queue", "import", str(answers), "--dry-run").code == 1
    done = recond(home, "queue", "import", str(answers))
    assert done.code == 1, done.err
    result = home / "queue/out/answers.csv.result.csv"
    assert [row["status"] for row in rows_of(result)] == ["APPLIED", "PENDING_APPROVAL"]
    again = recond(home, "queue", "import", str(answers), "--json")
    statuses = [json.loads(line)["status"] for line in again.out.splitlines()]
    assert statuses == ["ALREADY_DONE", "PENDING_APPROVAL"]
    (waiting,) = [json.loads(line) for line in
                  recond(home, "queue", "approve", "--json").out.splitlines()]  # fmt: skip
    assert (waiting["action"], waiting["amount"]) == ("refund", "50.00")
    identity = waiting["exception_id"]
    itself = recond(home, "queue", "approve", identity)
    assert (itself.code, "ERROR_SELF" in itself.err) == (3, True)
    other = recond(home, "queue", "approve", identity, "--as", "ken")
    assert (other.code, "may not act as ken" in other.err) == (3, True)
    config = home / "recond.toml"
    me = waiting["decided_by"]
    config.write_text(
        config.read_text().replace("[roles]", f'[roles]\nacts_for = {{{me}=["ken"]}}')
    )
    assert recond(home, "queue", "approve", identity, "--as", "ken").code == 0
    assert recond(home, "status").code == 0
    assert recond(home, "check").code == 0
    stats = recond(home, "queue", "stats", "--json").out
    assert {json.loads(line)["decided_by"] for line in stats.splitlines()} == {me, "ken"}


def test_what_is_no_work_list_is_refused(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    refused = recond(home, "queue", "import", str(other))
    assert refused.code == 3
    assert "the header row was deleted or renamed" in refused.err
    assert recond(home, "queue", "import", str(tmp_path / "none.csv")).code == 3
    assert not list((home / "queue/out").iterdir())
