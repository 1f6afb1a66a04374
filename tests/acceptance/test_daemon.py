"""The daemon as a process: events, folders that vanish, signals, the notify protocol, failures."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fake_daemon.py")
PATIENCE = 20.0


def wait_for(what: Callable[[], bool], words: str) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, f"it never happened: {words}"
        time.sleep(0.02)


class Daemon:
    """A running daemon on a home of its own; `heard` collects what it tells systemd."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for folder in ("inbox/lockbox", "inbox/ach", "done"):
            (home / folder).mkdir(parents=True)
        (home / "plan").write_text("lockbox ach")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.heard: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, address: str) -> None:
        environment = os.environ | {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "4000000"}
        environment.pop("WATCHDOG_PID", None)
        with (self.home / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(SCRIPT), str(self.home)], env=environment, stderr=log
            )
        self.expect("READY=1")

    def listen(self) -> None:
        self.socket.setblocking(False)
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return

    def expect(self, line: str) -> None:
        def told() -> bool:
            self.listen()
            return any(heard.startswith(line) for heard in self.heard)

        wait_for(told, line)

    def forget(self) -> None:
        self.listen()
        self.heard.clear()

    def drop(self, name: str, inbox: str = "lockbox") -> None:
        """The atomic way: nothing but a rename shows that the file came."""
        unfinished = self.home / name
        unfinished.write_bytes(b"x")
        unfinished.rename(self.home / "inbox" / inbox / name)

    def seen(self) -> list[str]:
        path = self.home / "seen"
        return path.read_text().splitlines() if path.exists() else []

    def expect_done(self, name: str) -> None:
        wait_for(lambda: f"ended {name}" in self.seen(), f"{name} is processed")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def exit_code(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def log(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.home / "log").read_text().splitlines()]

    def events(self) -> list[object]:
        return [line["event"] for line in self.log()]


@contextmanager
def running(home: Path, *, abstract: bool = False) -> Iterator[Daemon]:
    daemon = Daemon(home)
    with daemon.socket:
        address = f"@recond-test-{os.getpid()}-{home.name}" if abstract else str(home / "notify")
        daemon.socket.bind("\0" + address[1:] if abstract else address)
        daemon.start(address)
        try:
            yield daemon
        finally:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "h") as one:
        yield one


def test_files_are_seen_at_once_and_sigterm_ends_it(daemon: Daemon) -> None:
    daemon.drop("one")  # the next rescan is an hour away: only an event can bring it
    daemon.expect_done("one")
    daemon.drop("two", "ach")
    daemon.expect_done("two")
    daemon.expect("STATUS=2 inboxes, 0 exceptions")
    daemon.expect("WATCHDOG=1")
    daemon.signal(signal.SIGTERM)
    assert daemon.exit_code() == 0
    daemon.expect("STOPPING=1")


def test_sigterm_finishes_the_file_in_hand_and_begins_no_other(daemon: Daemon) -> None:
    for name in ("slow", "tomorrow"):
        daemon.drop(name)
    wait_for(lambda: "began slow" in daemon.seen(), "slow begins")
    daemon.signal(signal.SIGTERM)
    assert daemon.exit_code() == 0
    assert "ended slow" in daemon.seen()
    assert "began tomorrow" not in daemon.seen()
    assert (daemon.home / "inbox" / "lockbox" / "tomorrow").exists()


def test_a_folder_that_is_deleted_is_told_and_watched_again_when_it_is_back(
    daemon: Daemon,
) -> None:
    inbox = daemon.home / "inbox" / "lockbox"
    inbox.rmdir()
    daemon.expect("STATUS=2 inboxes, 1 DOWN (lockbox)")
    daemon.drop("meanwhile", "ach")
    daemon.expect_done("meanwhile")
    assert not inbox.exists(), "a folder that is missing may be a mount; it is never made"
    inbox.mkdir()
    wait_for(lambda: "inbox is back" in daemon.events(), "the folder is watched again")
    daemon.drop("after")
    daemon.expect_done("after")


def test_sighup_takes_a_new_configuration_whole_or_not_at_all(daemon: Daemon) -> None:
    (daemon.home / "plan").write_text("lockbox nonsense")
    daemon.forget()
    daemon.signal(signal.SIGHUP)
    daemon.expect("RELOADING=1")
    daemon.expect("MONOTONIC_USEC=")
    daemon.expect("READY=1")
    assert any("configuration refused" in str(event) for event in daemon.events())
    daemon.drop("one", "ach")
    daemon.expect_done("one")
    (daemon.home / "inbox" / "card").mkdir()
    (daemon.home / "plan").write_text("lockbox ach card")
    daemon.signal(signal.SIGHUP)
    daemon.expect("STATUS=3 inboxes")
    daemon.drop("two", "card")
    daemon.expect_done("two")


def test_a_bad_file_stops_neither_the_daemon_nor_the_next_file(daemon: Daemon) -> None:
    daemon.drop("bad")
    daemon.drop("good")
    daemon.expect_done("good")
    failed = [line for line in daemon.log() if line["event"] == "pass failed"]
    assert [line["next_try_seconds"] for line in failed] == [1]
    assert "ZeroDivisionError" in json.dumps(failed), "with its traceback"


@pytest.mark.parametrize(("name", "code"), [("contradiction", 4), ("lost", 69)])
def test_books_that_contradict_and_disks_that_lose_stop_everything(
    daemon: Daemon, name: str, code: int
) -> None:
    daemon.drop(name)
    assert daemon.exit_code() == code
    daemon.expect("STATUS=posting stopped")
    assert "posting stops" in daemon.events()


def test_a_job_that_never_ran_runs_at_the_start_and_once(daemon: Daemon) -> None:
    wait_for(lambda: "job" in daemon.seen(), "the job runs")
    daemon.drop("one")
    daemon.expect_done("one")
    assert daemon.seen().count("job") == 1


def test_a_second_daemon_is_told_that_the_first_runs(daemon: Daemon) -> None:
    assert daemon.process is not None
    second = subprocess.run(
        [sys.executable, str(SCRIPT), str(daemon.home)],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert second.returncode == 75
    assert f"process {daemon.process.pid}, recond run" in second.stderr


def test_abstract_notify_sockets_are_understood(tmp_path: Path) -> None:
    with running(tmp_path / "h", abstract=True) as daemon:
        daemon.signal(signal.SIGTERM)
        assert daemon.exit_code() == 0
