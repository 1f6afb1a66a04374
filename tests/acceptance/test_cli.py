"""The outside: verbs, exit codes, JSON (contract section 3)."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from office import TODAY, Office, check, lockbox_file, receivable, receivables_csv, recond

from recond.lock import locked

FILES = ["file_id", "inbox", "name", "sha256", "size", "format", "arrived_at", "state",
         "declared_count", "declared_amount", "found_count", "found_amount", "message"]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    office = Office(tmp_path / "home")
    office.drop("receivables", "open.csv", receivables_csv(
        [receivable("1000000001", "W1", "WATER", "2026-03-28", 5000)]))  # fmt: skip
    office.drop("lockbox", "day.bai", lockbox_file([check(5000, ("1000000001", None)),
                                                    check(700, ("9999999999", None))]))  # fmt: skip
    office.close()
    return tmp_path / "home"


def as_of(home: Path) -> list[str]:
    return ["--home", str(home), "--as-of", TODAY.isoformat()]


def test_process_prints_one_object_a_file_and_says_that_somebody_waits(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recond("process", "--json", *as_of(home)) == 1
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(second) == [*FILES, "problems"]
    assert (first["state"], second["state"]) == ("accepted", "accepted")
    assert second["found_amount"] == "57.00"
    assert recond("process", *as_of(home)) == 1, "the question still waits"
    assert recond("check", "--home", home, "--read-archive") == 0


def test_a_file_argument_is_copied_in_and_not_waited_for(home: Path, tmp_path: Path) -> None:
    recond("process", *as_of(home))
    more = tmp_path / "more.bai"
    more.write_text(lockbox_file([check(100, ("1000000001", None))], time="1000"))
    assert recond("process", more, *as_of(home)) == 1
    assert more.exists()
    assert recond("process", tmp_path / "nothing.bai", *as_of(home)) == 2


def test_json_of_a_held_file_has_its_problems(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recond("process", *as_of(home))
    bad = tmp_path / "bad.bai"
    bad.write_text(lockbox_file([check(100, ("1000000001", None))], time="1000")[:-90])
    capsys.readouterr()
    assert recond("process", bad, "--inbox", "lockbox", "--json", *as_of(home)) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "held"
    assert {"code", "severity", "line", "field", "message"} <= set(told["problems"][0])
    assert "FILE_TRUNCATED" in {problem["code"] for problem in told["problems"]}


def test_exit_codes(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recond("init", home) == 3
    assert recond("status", "--home", tmp_path / "nowhere") == 2
    assert recond("export", "nothing", "--home", home) == 2
    assert recond("nonsense") == 2
    with locked(home, "test"):
        assert recond("process", *as_of(home)) == 75
        assert "recond test" in capsys.readouterr().err
    config = home / "recond.toml"
    text = config.read_text()
    config.write_text(text.replace("settle_seconds", "settle_second"))
    assert recond("status", "--home", home) == 5
    said = capsys.readouterr().err
    assert re.search(r"recond\.toml, line \d+: settle_second: .*'settle_seconds'", said)
    config.write_text(text.replace("sqlite:///recond.db", "postgresql://nobody@127.0.0.1:1/none"))
    assert recond("status", "--home", home) == 69


def test_status_and_lists(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recond("process", *as_of(home))
    capsys.readouterr()
    assert recond("status", "--json", *as_of(home)) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["tie_out"]["difference"] == "0.00"
    assert told["tie_out"]["received"] == "57.00"
    assert recond("files", "list", "--json", *as_of(home)) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(row) for row in rows] == [FILES, FILES]
    assert recond("files", "show", rows[1]["file_id"], "--json", *as_of(home)) == 0
    assert json.loads(capsys.readouterr().out)["batches"][0]["found_amount"] == "57.00"
    assert recond("files", "show", "F000", *as_of(home)) == 2
    assert recond("queue", "list", "--json", *as_of(home)) == 0
    (question,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert question["code"] == "ACCOUNT_NOT_FOUND"
    assert recond("queue", "show", question["exception_id"], *as_of(home)) == 0
    assert recond("explain", question["receipt_id"], "--home", home) == 0
    assert "9999999999" in capsys.readouterr().out
    assert recond("trace", "9999999999", "--json", "--home", home) == 0
    assert json.loads(capsys.readouterr().out)["receipt_id"] == question["receipt_id"]
    assert recond("queue", "export", *as_of(home)) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert {path.parent for path in paths} == {home / "queue" / "out"}
    assert [path.suffix for path in paths] == [".csv", ".xlsx"]
    for verb in (["formats", "list"], ["doctor"], ["status"], ["files", "list"]):
        assert recond(*verb, "--home", home) in (0, 1)


def test_exports_are_complete_or_absent(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recond("process", *as_of(home))
    capsys.readouterr()
    assert recond("export", "applications", "--home", home) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["amount"], row["item_number"]) == ("50.00", "W1")
    out = tmp_path / "applications.parquet"
    assert (
        recond("export", "applications", "--format", "parquet", "--out", out, "--home", home) == 0
    )
    assert (
        recond("export", "applications", "--format", "parquet", "--out", out, "--home", home) == 0
    )
    out.write_bytes(b"something else")
    assert (
        recond("export", "applications", "--format", "parquet", "--out", out, "--home", home) == 3
    )


def test_a_dry_run_writes_nothing_and_reverse_does(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recond("process", "--dry-run", *as_of(home)) == 0
    recond("process", *as_of(home))
    capsys.readouterr()
    recond("export", "applications", "--home", home)
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    identity = row["application_id"]
    assert recond("reverse", identity, "--reason", "try", "--dry-run", *as_of(home)) == 0
    assert recond("reverse", identity, "--reason", "wrong", *as_of(home)) == 0
    assert recond("reverse", identity, "--reason", "again", *as_of(home)) == 3
    assert recond("reverse", "A0-1-1.1", "--reason", "none", *as_of(home)) == 2
    assert recond("match", *as_of(home)) == 1
    assert recond("check", "--home", home) == 0
