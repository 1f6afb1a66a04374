"""The parts of the daemon: what is due, which mounts are polled, when it says that it lives."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog

from recond import daemon, log
from recond.daemon import loop as loop_module
from recond.daemon.loop import Loop
from recond.daemon.schedule import due
from recond.daemon.watch import Watch, on_network
from recond.errors import ConfigError, InvariantError, UnavailableError

CHICAGO = ZoneInfo("America/Chicago")


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def nothing() -> None:
    """Do nothing."""


MORNING = daemon.Job("morning", {"day_of_week": "mon-fri", "hour": "6", "minute": "30"}, nothing)


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        (None, "2026-03-16T00:00", True),  # what never ran is due
        ("2026-03-16T11:30", "2026-03-17T11:29", False),
        ("2026-03-16T11:30", "2026-03-17T11:30", True),
        ("2026-03-13T11:31", "2026-03-15T20:00", False),  # Saturday and Sunday
        ("2026-03-13T11:31", "2026-03-30T20:00", True),  # down for a fortnight: once, late
    ],
)
def test_due_is_computed_from_the_last_success(last: str | None, now: str, expected: bool) -> None:
    assert due(MORNING, CHICAGO, utc(last) if last else None, utc(now)) is expected


def test_a_job_in_the_hour_that_the_clocks_skip_or_repeat_runs_once() -> None:
    night = daemon.Job("night", {"hour": "1", "minute": "30"}, nothing)
    ran = utc("2026-11-01T06:30")  # 01:30 CDT; 01:30 comes again at 07:30 UTC
    assert not due(night, CHICAGO, ran + dt.timedelta(seconds=5), utc("2026-11-01T07:00"))
    skipped = daemon.Job("skipped", {"hour": "2", "minute": "30"}, nothing)
    assert due(skipped, CHICAGO, utc("2026-03-07T08:31"), utc("2026-03-09T12:00"))


@pytest.mark.parametrize(
    "when",
    [{}, {"hours": "6"}, {"hour": "25"}, {"day_of_week": "1", "hour": "6"}],
)
def test_times_that_make_no_sense_are_refused(when: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="job wrong"):
        daemon.Job("wrong", when, nothing).trigger(CHICAGO)


MOUNTS = (
    "/dev/sda1 / ext4 rw 0 0\n"
    "server:/x /srv/share nfs4 rw 0 0\n"
    "u@h: /srv/with\\040blank fuse.sshfs rw 0 0\n"
    "tmpfs /srv/share/local tmpfs rw 0 0\n"
    "short\n"
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/share", True), ("/srv/share/in", True), ("/srv/shared", False),
        ("/srv/share/local/in", False), ("/srv/with blank/in", True), ("/var", False),
    ],
)  # fmt: skip
def test_network_mounts_are_polled(path: str, expected: bool) -> None:
    assert on_network(Path(path), MOUNTS) is expected


@pytest.mark.parametrize("mode", ["inotify", "poll"])
def test_an_observer_that_died_is_made_anew(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recond.daemon.watch.POLL_SECONDS", 0.1)
    woken = threading.Event()
    watch = Watch("a", tmp_path, woken.set, mode)
    try:
        assert watch.check() is None
        observer = watch._observer
        assert observer is not None
        assert watch.check() is None
        assert watch._observer is observer, "what lives is left alone"
        for emitter in observer.emitters:
            emitter.stop()
            emitter.join(5)
        woken.clear()
        assert watch.check() is None
        assert watch._observer is not observer
        assert woken.is_set(), "nobody knows what came while nobody watched"
        woken.clear()
        (tmp_path / "new").write_bytes(b"")
        assert woken.wait(10)
    finally:
        watch.stop()


def test_a_handler_that_raises_does_not_end_the_watching(tmp_path: Path) -> None:
    calls: list[int] = []

    def wake() -> None:
        calls.append(1)
        if len(calls) == 2:  # the first is the start's own
            raise ZeroDivisionError

    watch = Watch("a", tmp_path, wake, "inotify")
    try:
        watch.check()
        (tmp_path / "one").write_bytes(b"")
        end = time.monotonic() + 10
        while len(calls) < 3 and time.monotonic() < end:
            time.sleep(0.01)
            (tmp_path / "two").write_bytes(b"")
        assert len(calls) >= 3
    finally:
        watch.stop()


class Ear(daemon.Notifier):
    """A notifier that remembers."""

    def __init__(self) -> None:
        super().__init__(None, 4)
        self.sent: list[str] = []

    def _send(self, text: str) -> None:
        self.sent.append(text)


@pytest.fixture
def ear() -> Ear:
    return Ear()


def run_in_thread(
    ear: Ear, plan: daemon.Plan, until: Callable[[], bool], memory: daemon.Memory | None = None
) -> int:
    loop = Loop(lambda: plan, memory or daemon.forgetful(), ear, lambda: utc("2026-03-16T12:00"))
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(loop.run()))
    thread.start()
    end = time.monotonic() + 20
    while not until() and time.monotonic() < end and thread.is_alive():
        time.sleep(0.01)
    assert until()
    loop.stop()
    thread.join(20)
    return codes[0]


def test_no_heartbeat_when_the_scheduler_does_not_tick(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []

    def work(turn: daemon.Turn) -> daemon.Report:
        passes.append(1)
        turn.beat()
        return daemon.Report(again_seconds=0)

    plan = daemon.Plan([], work)
    run_in_thread(ear, plan, lambda: "WATCHDOG=1" in ear.sent)
    ear.sent.clear()
    monkeypatch.setattr(loop_module.Schedule, "alive", lambda schedule: False)
    passes.clear()
    run_in_thread(ear, plan, lambda: len(passes) > 3)
    assert "WATCHDOG=1" not in ear.sent
    assert ear.sent[-1] == "STOPPING=1"


def test_a_hang_ends_the_heartbeat(ear: Ear) -> None:
    beats: list[int] = []

    def work(turn: daemon.Turn) -> daemon.Report:
        beats.append(ear.sent.count("WATCHDOG=1"))
        time.sleep(1.3)  # longer than a beat is apart
        beats.append(ear.sent.count("WATCHDOG=1"))
        return daemon.Report()

    run_in_thread(ear, daemon.Plan([], work), lambda: len(beats) > 1)
    assert beats[0] == beats[1]


def test_a_database_that_is_down_is_tried_again_later_each_time(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def work(turn: daemon.Turn) -> daemon.Report:
        tries.append(1)
        if len(tries) == 1:
            raise UnavailableError("the database is down")
        return daemon.Report("well again")

    code = run_in_thread(
        ear, daemon.Plan([], work), lambda: "STATUS=0 inboxes, well again" in ear.sent
    )
    assert code == 0
    assert any("failing, next try in 1 s: the database is down" in text for text in ear.sent)


def test_memory_that_ran_out_ends_the_process_for_a_fresh_start(ear: Ear) -> None:
    def work(turn: daemon.Turn) -> daemon.Report:
        raise MemoryError

    loop = Loop(lambda: daemon.Plan([], work), daemon.forgetful(), ear, lambda: utc("2026-03-16"))
    assert loop.run() == 69


def test_jobs_run_once_and_a_failed_job_is_remembered_and_tried_again(ear: Ear) -> None:
    told: list[tuple[str, str | None]] = []
    successes: dict[str, dt.datetime] = {}

    def ended(name: str, at: dt.datetime, error: str | None) -> None:
        told.append((name, error))
        if error is None:
            successes[name] = at

    memory = daemon.Memory(successes.get, lambda name, at: None, ended)

    def fail() -> None:
        if not told or told[-1][0] != "flaky":
            raise ZeroDivisionError("no luck")

    jobs = (
        daemon.Job("steady", {"hour": "6"}, nothing),
        daemon.Job("flaky", {"hour": "6"}, fail),
    )
    plan = daemon.Plan([], lambda turn: daemon.Report(again_seconds=1), jobs=jobs)
    run_in_thread(ear, plan, lambda: ("flaky", None) in told, memory)
    assert told == [("steady", None), ("flaky", "no luck"), ("flaky", None)]


def test_a_job_that_finds_a_contradiction_stops_everything(ear: Ear) -> None:
    def proof() -> None:
        raise InvariantError("debits are not credits")

    plan = daemon.Plan(
        [], lambda turn: daemon.Report(), jobs=(daemon.Job("proof", {"hour": "3"}, proof),)
    )
    loop = Loop(lambda: plan, daemon.forgetful(), ear, lambda: utc("2026-03-16"))
    assert loop.run() == 4
    assert "STATUS=posting stopped: debits are not credits" in ear.sent


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "120000000"}, 120),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "7"}, 120),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
    ],
)
def test_how_often_systemd_wants_to_hear(environment: dict[str, str], expected: int | None) -> None:
    assert daemon.Notifier.from_environment(environment, 7).watchdog_seconds == expected


def test_a_deaf_service_manager_is_no_error(tmp_path: Path) -> None:
    daemon.Notifier(str(tmp_path / "nobody")).ready()


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored_logging")
def test_recond_and_its_libraries_log_in_one_shape() -> None:
    stream = io.StringIO()
    log.configure(stream)
    structlog.get_logger("recond.test").info("taken", name="a\nb\x1b[31m", file_id="F1")
    logging.getLogger("apscheduler").warning("late by %s", "an hour")
    try:
        {}["nothing"]
    except KeyError:
        structlog.get_logger("recond.test").exception("failed")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["taken", "late by an hour", "failed"]
    assert lines[0]["name"] == "a\nb\x1b[31m"
    assert "\x1b" not in stream.getvalue()
    assert lines[1]["level"] == "warning"
    assert lines[2]["exception"][0]["exc_type"] == "KeyError"


@pytest.mark.usefixtures("restored_logging")
def test_people_get_plain_lines() -> None:
    stream = io.StringIO()
    log.configure(stream, json=False)
    structlog.get_logger("recond.test").info("taken", file_id="F1")
    assert "taken" in stream.getvalue()
    assert "file_id=F1" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
