"""The daemon: one loop that looks, works, remembers what is due and says that it is alive.

Work happens in the loop's own thread, file by file, so SIGTERM finds a transaction either
committed or not begun, and a hang stops the heartbeat and nothing hides it. Threads of watchdog
and APScheduler only wake the loop.
"""

from __future__ import annotations

import datetime as dt
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo

from structlog import get_logger

from recond.daemon.notify import Notifier
from recond.daemon.schedule import Job, Memory, Schedule, due, forgetful
from recond.daemon.watch import Watch
from recond.durable import FsyncError
from recond.errors import ConfigError, InvariantError, UnavailableError
from recond.lock import locked

log = get_logger(__name__)

LOOK_SECONDS = 5  # how often folders and their observers are looked after
PAUSE_SECONDS = 0.3  # between two passes, however many events come
LONGEST_BACKOFF = 60
CLOCK_JUMP_SECONDS = 300
FATAL = (InvariantError, FsyncError, MemoryError)  # nothing more may be posted


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to watch, by the name of its inbox."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Turn:
    """What the loop lends to a pass: `beat` says that it is alive (call it between files and
    chunks), `stopping` whether it must end after the transaction in hand."""

    beat: Callable[[], None]
    stopping: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass says: words for the status line, and after how many seconds there is more to
    do (the youngest file has settled, say)."""

    status: str = ""
    again_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the configuration says: read whole at the start and on SIGHUP."""

    folders: Sequence[Folder]
    process_once: Callable[[Turn], Report]
    jobs: Sequence[Job] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    rescan_seconds: int = 60
    watch: str = "auto"  # auto, inotify, poll


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def run(
    home: Path,
    load: Callable[[], Plan],
    memory: Memory | None = None,
    notifier: Notifier | None = None,
    clock: Callable[[], dt.datetime] = _utc_now,
) -> int:
    """Watch and work until SIGTERM or SIGINT; returns the exit code.

    `load` reads the configuration: at the start, where its ConfigError ends the daemon, and on
    SIGHUP, where the old plan stays in force when the new one is wrong. Holds the home's lock all
    the time (LockedError). Exit codes: 0 told to stop · 4 the books contradict themselves, which
    no restart mends · 69 the disk lost a write or memory ran out: start again from the files.
    """
    notifier = notifier or Notifier.from_environment(os.environ, os.getpid())
    with locked(home, "run"):
        loop = Loop(load, memory or forgetful(), notifier, clock)
        with loop.signals():
            return loop.run()


class _Waker:
    """Wakes the loop from any thread and from signal handlers: a byte in a pipe, no lock."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wake(self) -> None:
        try:
            os.write(self._write, b"w")
        except OSError:  # full: it is awake; closed: it has ended
            return

    def wait(self, seconds: float) -> bool:
        """Whether somebody woke it within that time."""
        ready, _, _ = select.select([self._read], [], [], max(seconds, 0))
        if ready:
            os.read(self._read, 65536)
        return bool(ready)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


class _Signals:
    """The handlers of the loop while it runs; those of before come back after it."""

    def __init__(self, handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]]):
        self._handlers = handlers
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                self._before[number] = signal.signal(number, handler)

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


class Loop:
    """The state of a running daemon."""

    def __init__(
        self,
        load: Callable[[], Plan],
        memory: Memory,
        notifier: Notifier,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._load = load
        self._plan = load()
        self._memory = memory
        self._notifier = notifier
        self._clock = clock
        self._waker = _Waker()
        self._stop = False
        self._reload = False
        self._hinted = True
        self._watches: list[Watch] = []
        self._down: dict[str, str] = {}
        pinged_every = notifier.watchdog_seconds or 4 * LOOK_SECONDS
        self._look_seconds = min(LOOK_SECONDS, max(pinged_every // 4, 1))
        self._schedule = Schedule(self._waker.wake, self._look_seconds)
        self._next_pass = 0.0  # time.monotonic() values
        self._not_before = 0.0
        self._pinged = 0.0
        self._failures = 0
        self._job_not_before: dict[str, float] = {}
        self._job_failures: dict[str, int] = {}
        self._status = "starting"

    def signals(self) -> _Signals:
        """SIGTERM and SIGINT stop, SIGHUP reads the configuration again."""
        return _Signals(
            {
                signal.SIGTERM: lambda number, frame: self.stop(),
                signal.SIGINT: lambda number, frame: self.stop(),
                signal.SIGHUP: lambda number, frame: self.reload(),
            }
        )

    def stop(self) -> None:
        """End after the transaction in hand."""
        self._stop = True
        self._waker.wake()

    def reload(self) -> None:
        """Read the configuration again before the next pass."""
        self._reload = True
        self._waker.wake()

    def run(self) -> int:
        """The loop; returns the exit code."""
        try:
            self._adopt(self._plan)
            self._look()
            self._notifier.ready()
            log.info("ready", folders=len(self._plan.folders), jobs=len(self._plan.jobs))
            while not self._stop:
                if self._reload:
                    self._read_again()
                self._look()
                code = self._work()
                if code is None:
                    code = self._jobs()
                if code is not None:
                    return code
                self._beat()
                self._rest()
            log.info("stopped")
            return 0
        finally:
            self._notifier.stopping()
            for watch in self._watches:
                watch.stop()
            self._schedule.stop()
            self._waker.close()

    def _adopt(self, plan: Plan) -> None:
        self._schedule.start(plan.jobs, plan.zone)  # refuses wrong times before anything changes
        for watch in self._watches:
            watch.stop()
        self._plan = plan
        self._watches = [
            Watch(folder.name, folder.path, self._hint, plan.watch) for folder in plan.folders
        ]
        self._down = {}
        self._next_pass = 0.0

    def _hint(self) -> None:
        self._hinted = True
        self._waker.wake()

    def _read_again(self) -> None:
        self._reload = False
        self._notifier.reloading()
        try:
            self._adopt(self._load())
        except ConfigError as error:
            log.error("configuration refused, the old one stays", error=str(error))  # noqa: TRY400
        else:
            log.info("configuration read", folders=len(self._plan.folders))
        self._notifier.ready()

    def _look(self) -> None:
        """Look after folders and observers; a folder that is missing or back is told once."""
        for watch in self._watches:
            reason = watch.check()
            if reason != self._down.get(watch.name):
                if reason is None:
                    log.warning("inbox is back", inbox=watch.name)
                    self._hinted = True
                else:
                    log.error("inbox is down", inbox=watch.name, reason=reason)
            if reason is None:
                self._down.pop(watch.name, None)
            else:
                self._down[watch.name] = reason
        self._tell()

    def _tell(self) -> None:
        count, down = len(self._watches), len(self._down)
        words = f"{count} inboxes" + (f", {down} DOWN ({', '.join(self._down)})" if down else "")
        self._notifier.status(f"{words}, {self._status}" if self._status else words)

    def _work(self) -> int | None:
        """One pass when it is time for one; an exit code when the daemon must end."""
        now = time.monotonic()
        if now < self._not_before or not (self._hinted or now >= self._next_pass):
            return None
        self._hinted = False
        again = self._plan.rescan_seconds
        try:
            report = self._plan.process_once(Turn(self._beat, lambda: self._stop))
        except FATAL as error:
            return self._end(error)
        except Exception as error:
            self._failed(error)
        else:
            self._failures = 0
            self._status = report.status
            self._not_before = time.monotonic() + PAUSE_SECONDS
            if report.again_seconds is not None:
                again = min(again, report.again_seconds)
        self._next_pass = max(time.monotonic() + again, self._not_before)
        if self._failures:
            self._next_pass = self._not_before
        self._tell()
        return None

    def _end(self, error: BaseException) -> int:
        contradiction = isinstance(error, InvariantError)
        log.critical("posting stops", error=str(error) or type(error).__name__)
        self._notifier.status(f"posting stopped: {str(error) or type(error).__name__}")
        return InvariantError.exit_code if contradiction else UnavailableError.exit_code

    def _failed(self, error: Exception) -> None:
        """A pass failed: the files stay where they are; the next try comes later each time."""
        self._failures += 1
        seconds = min(2 ** (self._failures - 1), LONGEST_BACKOFF)
        self._not_before = time.monotonic() + seconds
        self._hinted = True
        self._status = f"failing, next try in {seconds} s: {error}"
        if isinstance(error, UnavailableError):
            log.error("pass failed", error=str(error), next_try_seconds=seconds)
        else:
            log.error("pass failed", exc_info=error, next_try_seconds=seconds)

    def _jobs(self) -> int | None:
        """Run what is due by the database, one after the other; an exit code as `_work`."""
        for job in self._plan.jobs:
            if self._stop or time.monotonic() < self._job_not_before.get(job.name, 0.0):
                continue
            try:
                last = self._memory.last_success(job.name)
                if due(job, self._plan.zone, last, self._clock()):
                    self._run_job(job)
            except FATAL as error:
                return self._end(error)
            except UnavailableError as error:
                log.error("job memory is down", job=job.name, error=str(error))  # noqa: TRY400
                self._job_not_before[job.name] = time.monotonic() + LONGEST_BACKOFF
        return None

    def _run_job(self, job: Job) -> None:
        self._memory.started(job.name, self._clock())
        self._beat()
        try:
            job.run()
        except FATAL:
            raise
        except Exception as error:
            count = self._job_failures[job.name] = self._job_failures.get(job.name, 0) + 1
            seconds = min(2**count, LONGEST_BACKOFF)
            self._job_not_before[job.name] = time.monotonic() + seconds
            log.exception("job failed", job=job.name, next_try_seconds=seconds)
            self._memory.ended(job.name, self._clock(), str(error) or type(error).__name__)
        else:
            self._job_failures.pop(job.name, None)
            log.info("job done", job=job.name)
            self._memory.ended(job.name, self._clock(), None)

    def _beat(self) -> None:
        """Tell systemd that the loop works and saw the scheduler tick; else stay silent, and
        systemd ends us."""
        every = self._notifier.watchdog_seconds
        now = time.monotonic()
        if every is None or now - self._pinged < min(every / 4, LOOK_SECONDS):
            return
        if not self._schedule.alive():
            log.error("the scheduler does not tick")
            return
        self._pinged = now
        self._notifier.watchdog()

    def _rest(self) -> None:
        """Wait for a hint, the next pass, or the next look at the folders."""
        if self._stop or self._reload:
            return
        now, wall = time.monotonic(), self._clock()
        until = self._not_before if self._hinted else max(self._next_pass, self._not_before)
        self._waker.wait(min(until - now, self._look_seconds))
        jump = (self._clock() - wall).total_seconds() - (time.monotonic() - now)
        if abs(jump) > CLOCK_JUMP_SECONDS:
            log.error("the clock jumped", seconds=round(jump))
