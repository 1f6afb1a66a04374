"""`recond run`: the daemon on a home, with the corridor as its work."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from sqlalchemy import delete, insert, select

from recond import daemon, intake, log
from recond.config import business_date
from recond.exceptions.desk import open_count
from recond.exceptions.queue import export
from recond.home import open_home
from recond.pipeline.process import inboxes_of, process
from recond.pipeline.run import Run
from recond.session import AUTOMATIC, clock, run_of
from recond.store import schema
from recond.store.engine import Store


def serve(path: Path | None, as_of: dt.date | None) -> int:
    """Run until SIGTERM; the exit codes of `daemon.run`. `as_of` stops the business date."""
    log.configure()
    home = open_home(path)
    service = _Service(home.path, as_of)
    try:
        return daemon.run(home.path, service.load, service.memory(), clock=clock)
    finally:
        service.close()


class _Service:
    """The run that is in force; a reload puts another in its place."""

    def __init__(self, home: Path, as_of: dt.date | None) -> None:
        self._home = home
        self._as_of = as_of
        self._run: Run | None = None
        self._sightings = intake.Sightings()

    def load(self) -> daemon.Plan:
        """Read the home's configuration whole; ConfigError leaves the old run in force."""
        home = open_home(self._home)
        run = run_of(home, self._as_of, AUTOMATIC)
        folders = [daemon.Folder(inbox.name, inbox.path) for inbox in inboxes_of(run)]
        folders.append(daemon.Folder("queue", home.path / "queue" / "in"))
        self.close()
        self._run = run
        jobs = []
        if run.store.dialect == "sqlite":
            jobs.append(daemon.Job("checkpoint", {"hour": "2"}, run.store.checkpoint))
        if home.settings.queue.export_at:
            hour, minute = home.settings.queue.export_at.split(":")
            when = {"hour": str(int(hour)), "minute": str(int(minute))}
            jobs.append(daemon.Job("queue export", when, self.export_queue))
        return daemon.Plan(
            folders,
            self.work,
            jobs=tuple(jobs),
            zone=home.settings.zone,
            rescan_seconds=home.settings.rescan_seconds,
        )

    def work(self, turn: daemon.Turn) -> daemon.Report:
        """One pass over the inboxes, on today's business date."""
        run = self._current()
        settings = run.home.settings
        today = self._as_of or business_date(clock(), settings)
        done = process(
            dataclasses.replace(run, today=today),
            wait=False,
            progress=lambda words, count, of: turn.beat(),
            stop=turn.stopping,
            sightings=self._sightings,
        )
        with run.store.read() as connection:
            questions = open_count(connection)
        status = f"{questions} exceptions" + (f", {done.waiting} waiting" if done.waiting else "")
        again = max(settings.settle_seconds, 1) if done.waiting else None
        return daemon.Report(status, again)

    def export_queue(self) -> None:
        """Write the work list of what waits, as `recond queue export` does."""
        run = self._current()
        today = self._as_of or business_date(clock(), run.home.settings)
        out = run.home.path / "queue" / "out"
        with run.store.read() as connection:
            export(connection, out, today=today, key=run.home.secret())

    def memory(self) -> daemon.Memory:
        """What the table `job` remembers."""

        def last_success(name: str) -> dt.datetime | None:
            with self._store().read() as connection:
                column = schema.job.c.last_success_at
                found = connection.scalar(select(column).where(schema.job.c.job == name))
            return dt.datetime.fromisoformat(found) if found else None

        def started(name: str, at: dt.datetime) -> None:
            self._note(name, last_started_at=at.isoformat())

        def ended(name: str, at: dt.datetime, error: str | None) -> None:
            success = {} if error else {"last_success_at": at.isoformat()}
            self._note(name, last_error=error, **success)

        return daemon.Memory(last_success, started, ended)

    def close(self) -> None:
        """Close the database, if it is open."""
        if self._run is not None:
            self._run.store.close()
            self._run = None

    def _current(self) -> Run:
        if self._run is None:
            raise RuntimeError("the service works only between load and close")
        return self._run

    def _store(self) -> Store:
        return self._current().store

    def _note(self, name: str, **values: str | None) -> None:
        job = schema.job
        with self._store().write() as connection:
            row = connection.execute(select(job).where(job.c.job == name)).first()
            before = row._asdict() if row is not None else {"job": name}
            connection.execute(delete(job).where(job.c.job == name))
            connection.execute(insert(job).values({**before, **values}))
