"""Working the queue day after day: what is overdue, lists by the clock, results that were lost,
lists that nobody could read, and a crash before the result was written."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import TODAY, Office, check, lockbox_file, receivable, receivables_csv
from queueoffice import Desk

from recond import durable
from recond.errors import RefusedError
from recond.pipeline import worklists
from recond.service import _Service
from recond.status import status
from recond.verbs.queue import queue_list_verb, queue_results_verb

X = "1000456012"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    items = [receivable(X, "XW1", "WATER", "2026-03-28", 8800)]
    made.take("receivables", "open.csv", receivables_csv(items))
    checks = [check(99_999, ("NOBODY", None)), check(1_000_00, ("NOONE", None))]
    made.take("lockbox", "pay.bai", lockbox_file(checks))
    yield made
    made.prove()
    made.close()


def answers(desk: Desk, to: str = X) -> list[dict[str, str]]:
    return [{**row, "action": "assign", "to_account": to} for row in desk.rows()]


def test_large_questions_are_overdue_sooner_and_held_ones_never(
    office: Office, desk: Desk, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def overdue(days: int) -> list[str]:
        day = TODAY + dt.timedelta(days=days)
        queue_list_verb(office.home.path, True, day, "ACCOUNT_NOT_FOUND", overdue=True)
        told = capsysbinary.readouterr().out.decode().splitlines()
        return [json.loads(line)["amount"] for line in told]

    capsysbinary.readouterr()
    assert overdue(2) == []
    assert overdue(3) == ["1000.00"]
    assert overdue(6) == ["999.99", "1000.00"]
    small = next(row for row in desk.rows() if row["amount"] == "999.99 USD")
    desk.answer(small, "hold", note="waits")
    capsysbinary.readouterr()
    assert overdue(6) == ["1000.00"]
    queue_list_verb(office.home.path, False, TODAY + dt.timedelta(days=6), None)
    lines = [line for line in capsysbinary.readouterr().out.decode().splitlines() if X not in line]
    assert sum(" overdue " in line for line in lines) == 1


def test_the_daemon_writes_the_list_at_its_time(office: Office) -> None:
    path = office.home.path / "recond.toml"
    path.write_text(path.read_text().replace('export_at = ""', 'export_at = "06:30"'))
    service = _Service(office.home.path, TODAY)
    try:
        (job,) = [job for job in service.load().jobs if job.name == "queue export"]
        assert job.when == {"hour": "6", "minute": "30"}
        job.run()
        job.run()
        out = sorted(p.suffix for p in (office.home.path / "queue" / "out").iterdir())
        assert out == [".csv", ".xlsx"]
    finally:
        service.close()


def test_a_lost_result_is_written_again(office: Office, desk: Desk) -> None:
    path = desk.write(answers(desk))
    desk.bring(path)
    result = office.home.path / "queue" / "out" / f"{path.name}.result.csv"
    told = result.read_bytes()
    result.unlink()
    queue_results_verb(office.home.path, path.name, dry_run=True)
    assert not result.exists()
    queue_results_verb(office.home.path, str(path), dry_run=False)
    assert result.read_bytes() == told
    with pytest.raises(RefusedError, match=r"no work list other\.csv came back"):
        queue_results_verb(office.home.path, "other.csv", dry_run=False)


def test_a_list_that_nobody_could_read_is_told_until_it_comes_again(
    office: Office, desk: Desk
) -> None:
    def refused(day: dt.date = TODAY) -> list[str]:
        run = office.run(day)
        with run.store.read() as connection:
            return status(connection, day).lists_refused

    target = office.home.path / "queue" / "in" / "monday.csv"
    target.write_text("account,amount\n1,2\n")
    office.process()
    (told,) = refused()
    assert told.startswith("monday.csv of ")
    assert "the header row was deleted or renamed" in told
    assert refused(TODAY + dt.timedelta(days=8)) == []
    with pytest.raises(RefusedError, match=r"monday\.csv was refused"):
        queue_results_verb(office.home.path, "monday.csv", dry_run=False)
    target.write_bytes(desk.write(answers(desk)).read_bytes())
    office.process()
    assert refused() == []


class _CrashError(BaseException):
    """The process is gone."""


def test_a_crash_before_the_result_repeats_it_exactly(tmp_path: Path) -> None:
    """Whatever durable step is the last one: the second pass writes the very bytes that an
    undisturbed one writes, and no answer counts twice."""
    wanted, steps = _result_after(tmp_path, 0)
    assert steps > 20
    for at in (2, steps // 4, steps // 2, 3 * steps // 4, steps - 4, steps):
        assert _result_after(tmp_path, at)[0] == wanted, at


def _result_after(folder: Path, at: int) -> tuple[bytes, int]:
    """The result file of two answers whose first pass died at that durable step (0: never), and
    how many steps it made."""
    office = Office(folder / f"home{at}")
    try:
        items = [receivable(X, "XW1", "WATER", "2026-03-28", 8800)]
        office.take("receivables", "open.csv", receivables_csv(items))
        checks = [check(5000, ("NOBODY", None)), check(6000, ("NOONE", None))]
        office.take("lockbox", "pay.bai", lockbox_file(checks))
        one, two = answers(Desk(office, folder / f"clerk{at}"))
        path = Desk(office, folder / f"clerk{at}").write([one, {**two, "to_account": "999"}])
        steps = _drop_and_die(office, path, at)
        out = office.home.path / "queue" / "out"
        assert (out / f"{path.name}.fix.xlsx").exists()
        assert office.applied() == {"XW1": 5000}
        office.prove()
        # `check` differs between homes, and is no column of a result
        return (out / f"{path.name}.result.csv").read_bytes(), steps
    finally:
        office.close()


def _drop_and_die(office: Office, path: Path, at: int) -> int:
    """Drop a list, die at that durable step (0: never), and look again. How many steps."""
    (office.home.path / "queue" / "in" / path.name).write_bytes(path.read_bytes())
    steps = 0

    def hook(moment: str, name: str) -> None:
        nonlocal steps
        steps += 1
        if steps == at:
            raise _CrashError

    try:
        with durable.faults(hook):
            worklists.take_dropped(office.run())
    except _CrashError:
        worklists.take_dropped(office.run())
    return steps
