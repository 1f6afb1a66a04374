"""Jobs by the clock: the scheduler only wakes the loop, the database says what is due.

A job is due when a time of its trigger lies between its last success and now. A machine that
slept, a daemon that was down or a scheduler that missed its moment therefore all end the same
way: the job runs once, late. A job that never succeeded is due at once.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from structlog import get_logger

from recond.errors import ConfigError

log = get_logger(__name__)

DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
FIELDS = frozenset({"year", "month", "day", "week", "day_of_week", "hour", "minute", "second"})


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do at times: `when` are cron fields, e.g. {"day_of_week": "mon-fri",
    "hour": "6", "minute": "30"}. Days of the week are names: numbers mean other days elsewhere."""

    name: str
    when: Mapping[str, str]
    run: Callable[[], None]

    def trigger(self, zone: ZoneInfo) -> CronTrigger:
        """The job's times in a zone; ConfigError when they make no sense."""
        unknown = sorted(set(self.when) - FIELDS)
        if unknown or not self.when:
            raise ConfigError(f"job {self.name}: {unknown or 'no'} is no field of a time.")
        if any(c.isdigit() for c in self.when.get("day_of_week", "")):
            raise ConfigError(f"job {self.name}: day_of_week takes names (mon, tue …), no numbers.")
        try:
            return CronTrigger(timezone=zone, **self.when)
        except ValueError as error:
            raise ConfigError(f"job {self.name}: {error}.") from error


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of jobs, in the table `job`; all instants are UTC."""

    last_success: Callable[[str], dt.datetime | None]
    started: Callable[[str, dt.datetime], None]
    ended: Callable[[str, dt.datetime, str | None], None]  # None: it succeeded; else its error


def forgetful() -> Memory:
    """A memory of this process only, for homes without jobs and for tests."""
    successes: dict[str, dt.datetime] = {}

    def ended(name: str, at: dt.datetime, error: str | None) -> None:
        if error is None:
            successes[name] = at

    return Memory(successes.get, lambda name, at: None, ended)


def due(job: Job, zone: ZoneInfo, last_success: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether a time of the job lies after its last success and not after now."""
    if last_success is None:
        return True
    after = last_success + dt.timedelta(microseconds=1)
    fires: dt.datetime | None = job.trigger(zone).get_next_fire_time(None, after.astimezone(zone))
    return fires is not None and fires <= now


@dataclass(slots=True)
class Schedule:
    """The running scheduler: wakes the loop at the times of the jobs and ticks in between."""

    wake: Callable[[], None]
    tick_seconds: int
    ticked: float = field(default=0.0, init=False)  # time.monotonic() of the last tick
    _scheduler: BackgroundScheduler | None = field(default=None, init=False)

    def start(self, jobs: Sequence[Job], zone: ZoneInfo) -> None:
        """(Re)start with these jobs. Nothing is stored: jobs come from the configuration."""
        triggers = [job.trigger(zone) for job in jobs]
        self.stop()
        scheduler = BackgroundScheduler(job_defaults=DEFAULTS, timezone=zone, daemon=True)
        for job, trigger in zip(jobs, triggers, strict=True):
            scheduler.add_job(self.wake, trigger, id=job.name)
        scheduler.add_job(self._tick, "interval", seconds=self.tick_seconds, id="recond-tick")
        scheduler.add_listener(_missed, EVENT_JOB_MISSED)
        scheduler.start()
        self._scheduler = scheduler
        self._tick()

    def _tick(self) -> None:
        self.ticked = time.monotonic()

    def alive(self) -> bool:
        """Whether the scheduler ticked lately."""
        return time.monotonic() - self.ticked <= 3 * self.tick_seconds

    def stop(self) -> None:
        """End the scheduler, if it runs."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None


def _missed(event: JobExecutionEvent) -> None:
    log.error("job missed", job=event.job_id, scheduled=str(event.scheduled_run_time))
