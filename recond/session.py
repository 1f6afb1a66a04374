"""Opening a home for one verb: settings, database, formats, the day and the person."""

from __future__ import annotations

import datetime as dt
import logging
import os
import pwd
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select

from recond import audit, log
from recond.config import business_date
from recond.errors import UsageError
from recond.exceptions.desk import open_count
from recond.formats import load_home_formats
from recond.home import Home, open_home
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import Store, open_store
from recond.store.migrate import create_or_upgrade

AUTOMATIC = "recond"  # who decides what matching decides


def clock() -> dt.datetime:
    """Now, in UTC. RECOND_NOW (an ISO instant) stops the clock: two homes that are fed the same
    files at the same RECOND_NOW are equal byte for byte."""
    told = os.environ.get("RECOND_NOW")
    if not told:
        return dt.datetime.now(dt.UTC)
    try:
        now = dt.datetime.fromisoformat(told)
    except ValueError as error:
        raise UsageError(f"RECOND_NOW: {told!r} is no ISO instant") from error
    return now if now.tzinfo else now.replace(tzinfo=dt.UTC)


def user() -> str:
    """The person at the keyboard: the operating system's user."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid{os.getuid()}"


def open_run(
    path: Path | None,
    as_of: dt.date | None = None,
    actor: str | None = None,
    now: Callable[[], dt.datetime] = clock,
) -> Run:
    """Everything a verb works with; its logs go to stderr, from warnings on.

    Raises UsageError (no home), ConfigError, UnavailableError.
    """
    log.configure(level=logging.WARNING)
    run = run_of(open_home(path), as_of, actor or user(), now)
    _opened.append(run.store)
    return run


_opened: list[Store] = []  # by verbs of this process that have not ended yet


def close_stores() -> None:
    """Close the databases that `open_run` has opened: the end of a verb."""
    while _opened:
        _opened.pop().close()


def run_of(
    home: Home,
    as_of: dt.date | None,
    actor: str,
    now: Callable[[], dt.datetime] = clock,
    store: Store | None = None,
) -> Run:
    """`open_run` for a home that is open already, as its database may be (`store`): an open
    one keeps its statements compiled, which is half of what a small pass costs."""
    if store is None:
        store = open_store(home.database_url)
        create_or_upgrade(store)
    settings = home.settings
    store = replace(store, before_commit=audit.logger(settings.digest()))
    return Run(
        home=home,
        store=store,
        formats=load_home_formats(home.path),
        rules=settings.rules(),
        chart=settings.chart(),
        today=as_of or business_date(now(), settings),
        clock=now,
        actor=actor,
        hash_key=home.secret().hex()[:16],
        calendar=settings.bank_calendar(),
    )


def somebody_waits(run: Run) -> bool:
    """Whether something in the home waits for a person: an open question or a held file."""
    held = (
        select(func.count())
        .select_from(schema.file)
        .where(schema.file.c.state.in_(["held", "partly_held"]))
    )
    with run.store.read() as connection:
        return open_count(connection) > 0 or bool(connection.scalar(held))
