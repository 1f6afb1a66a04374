"""A copy of the database that was proved before it got its name."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from recond import durable
from recond.check import INVARIANTS, Books
from recond.errors import InvariantError, RefusedError, UnavailableError
from recond.home import Home
from recond.posting import Chart
from recond.store.engine import Store, open_store


def backup(store: Store, home: Home, chart: Chart, target: Path) -> str:
    """Copy the books into `target` and prove the copy; returns a sentence.

    SQLite: an online copy, on which every invariant is proved. PostgreSQL: `pg_dump`, whose file
    `pg_restore` can list. Raises RefusedError when the target exists or pg_dump is not there,
    InvariantError when the copy does not hold what it promises.
    """
    if target.exists():
        raise RefusedError(f"{target} exists; nothing was written")
    if not target.parent.is_dir():
        raise RefusedError(f"{target.parent} is no folder; nothing was written")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if store.dialect == "sqlite":
            says = _copy_sqlite(store, home, chart, partial)
        else:
            says = _dump_postgresql(home, partial)
        with partial.open("rb") as written:
            durable.fsync(written.fileno(), partial)
        durable.move(partial, target)
        durable.fsync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)
    return f"{target}: {says}. Copy archive/, recond.toml and secret.key beside it"


def _copy_sqlite(store: Store, home: Home, chart: Chart, partial: Path) -> str:
    if store.path is None:
        raise RefusedError("the database is no file")
    with closing(sqlite3.connect(store.path)) as source, closing(sqlite3.connect(partial)) as copy:
        source.backup(copy)
        (found,) = copy.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise InvariantError(f"the copy is damaged: {found}")
    opened = open_store(f"sqlite:///{partial.resolve()}")
    try:
        with opened.read() as connection:
            books = Books(connection, home, chart)
            broken = [one.name for one in INVARIANTS if one.broken(books)]
    finally:
        opened.close()
    with closing(sqlite3.connect(partial)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without its log beside it
    if broken:
        raise InvariantError(f"the books in the copy break {', '.join(broken)}")
    return f"a copy in which all {len(INVARIANTS)} invariants hold"


def _dump_postgresql(home: Home, partial: Path) -> str:
    dump, restore = shutil.which("pg_dump"), shutil.which("pg_restore")
    if dump is None or restore is None:
        raise RefusedError(
            "this machine has no pg_dump and pg_restore; install the client programs of"
            " PostgreSQL, or back the database up where it runs"
        )
    url = make_url(home.database_url).set(drivername="postgresql")
    # The password goes by the environment: arguments of a program are everybody's to see.
    secret = {"PGPASSWORD": str(url.password)} if url.password else {}
    address = url._replace(password=None).render_as_string(hide_password=False)
    for command in (
        [dump, "--format=custom", f"--file={partial}", f"--dbname={address}"],
        [restore, "--list", str(partial)],
    ):
        done = subprocess.run(  # noqa: S603 - both programs by their full path, no shell
            command, env={**os.environ, **secret}, capture_output=True, check=False
        )
        if done.returncode:
            raise UnavailableError(f"{command[0]} failed: {done.stderr.decode(errors='replace')}")
    return "a dump that pg_restore reads"
