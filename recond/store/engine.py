"""One database, SQLite or PostgreSQL, with two doors: `write` and `read`.

A write is one transaction and there is one writer at a time: SQLite takes its lock at BEGIN
(IMMEDIATE, so that reading first and writing later never loses the lock upgrade), PostgreSQL an
advisory lock. A read sees one moment of the books and is always rolled back.

A COMMIT that raises is UNKNOWN, not failed: its connection is dropped and the caller reads again
by key (`reliability.md` section 0, finding 3). Bulk work on a connection is in `bulk`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from recond.errors import (
    ConfigError,
    InvariantError,
    LockedError,
    RecondError,
    RefusedError,
    UnavailableError,
)
from recond.store.bulk import (
    along_keys,
    analyze,
    drop_staged,
    insert_table,
    stage,
    update_items,
)
from recond.store.fetching import fetch_arrow, fetch_batches
from recond.store.filesystem import filesystem_type, is_network

__all__ = [
    "Store",
    "along_keys",
    "analyze",
    "fetch_arrow",
    "fetch_batches",
    "insert_table",
    "open_store",
    "stage",
    "update_items",
]

BUSY_SECONDS = 30
WRITER_LOCK = 0x7265636F6E64  # "recond": the key of the advisory lock on PostgreSQL

# Pages of the write-ahead log (256 MiB) before it is copied back; each copy rewrites pages that the
# next file touches again, and it is the file's COMMIT that waits for it. The nightly checkpoint
# and the last connection that closes empty the log.
AUTOCHECKPOINT_PAGES = 65_536
CACHE_KIB = 65_536

# Of each session on PostgreSQL. Its statements are few, each over many rows; compiling them costs
# more than it saves. A sort or a hash table of one file's payments belongs into memory. What a
# page and a comparison cost is set to what was measured where the mirror lies in memory: to find
# a row by its key costs ten times as much as to pass over it in a scan, not fifty times.
_POSTGRESQL_SETTINGS = {
    "jit": "off",
    "work_mem": "64MB",
    "seq_page_cost": "0.2",
    "random_page_cost": "0.2",
    "cpu_operator_cost": "0.0005",
}

_DIALECTS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


@dataclass(frozen=True, slots=True)
class Store:
    """An open database. `dialect` is "sqlite" or "postgresql"."""

    engine: Engine
    dialect: str
    path: Path | None = None  # the file, SQLite only
    before_commit: Callable[[Connection], None] = lambda _connection: None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may change the books; committed at the end, rolled back if the
        block raises.

        Raises LockedError when another writer holds the database for `BUSY_SECONDS`, and
        UnavailableError when the database is away (nothing was written) or when COMMIT itself
        raised (the outcome is unknown: read again by key before doing anything).
        """
        with self._transaction("write") as connection:
            if self.dialect == "postgresql":
                # The lock is taken in READ COMMITTED, so that what is read after waiting for it
                # is what the writer before has left.
                connection.execute(text(f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"))
            yield connection
            self.before_commit(connection)
            drop_staged(connection)
            self._commit(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent moment of the books; whatever the block does is rolled back.

        Temporary tables (`stage`) are allowed, therefore the transaction is not READ ONLY.
        """
        with self._transaction("read") as connection:
            yield connection

    def checkpoint(self) -> None:
        """Copy the write-ahead log back into the database file (SQLite; when idle)."""
        if self.dialect == "sqlite":
            connection = self.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()

    @contextmanager
    def _transaction(self, purpose: str) -> Iterator[Connection]:
        options: dict[str, Any] = {"recond_purpose": purpose}
        if self.dialect == "postgresql":
            snapshot = purpose == "read"
            options["isolation_level"] = "REPEATABLE READ" if snapshot else "READ COMMITTED"
        try:
            connection = self.engine.connect()
        except DBAPIError as error:
            raise _refusal(error) or error from error
        try:
            connection = connection.execution_options(**options)
            connection.begin()
            yield connection
        except DBAPIError as error:
            _abandon(connection)
            refusal = _refusal(error)
            if refusal is None:
                raise
            raise refusal from error
        except BaseException:
            _abandon(connection)
            raise
        else:
            _abandon(connection)
        finally:
            connection.close()

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except IntegrityError:
            raise  # a constraint checked at COMMIT refused: this is known to be rolled back
        except DBAPIError as error:
            connection.invalidate()
            raise UnavailableError(
                "The database did not confirm the end of a transaction, so its outcome is"
                " unknown. Nothing may be repeated before the books are read again; start recond"
                " again when the database is reachable."
            ) from error


def open_store(url: str) -> Store:
    """Open `sqlite:////path/recond.db`, `postgresql://…` or `postgresql+psycopg://…`.

    Nothing is created but an empty SQLite file; tables come from `migrate.create_or_upgrade`.
    Raises ConfigError for an address that recond cannot use, RefusedError for SQLite on a
    network file system and UnavailableError when no connection can be made.
    """
    parsed = _address(url)
    if parsed.drivername.startswith("sqlite"):
        return _open_sqlite(parsed)
    return _open_postgresql(parsed)


def _address(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            "The database address cannot be read; write sqlite:////full/path/recond.db or"
            " postgresql://user@host/name."
        ) from error
    driver = _DIALECTS.get(parsed.drivername)
    if driver is None:
        raise ConfigError(
            f"The database address begins with {parsed.drivername!r}; recond knows sqlite and"
            " postgresql."
        )
    return parsed.set(drivername=driver)


def _open_sqlite(url: URL) -> Store:
    if not url.database or url.database == ":memory:":
        raise ConfigError("An SQLite address needs a file: sqlite:////full/path/recond.db.")
    path = Path(url.database)
    if is_network(path.parent):
        raise RefusedError(
            f"{path} lies on a network file system ({filesystem_type(path.parent)}), where SQLite"
            " can lose data. Put the home on a local disk or use PostgreSQL."
        )
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS, "uri": False}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return _tried(Store(engine, "sqlite", path))


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # None: the driver begins nothing by itself, so that BEGIN is ours and DDL is transactional.
    connection.isolation_level = None
    cursor = connection.cursor()
    mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise RefusedError(f"The database cannot keep a write-ahead log (it says {mode}).")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # Without this REPLACE would delete rows of money without asking the triggers.
    cursor.execute("PRAGMA recursive_triggers = ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}")
    cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    cursor.execute("PRAGMA trusted_schema = OFF")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("recond_purpose", "write") == "write"
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_postgresql(url: URL) -> Store:
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 10,
                "application_name": "recond",
                "client_encoding": "utf8",
            },
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            "PostgreSQL needs the psycopg package: pip install 'recond[postgres]'."
        ) from error
    event.listen(engine, "connect", _prepare_postgresql)
    return _tried(Store(engine, "postgresql"))


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        encoding = cursor.execute("SHOW server_encoding").fetchone()[0]
        if encoding != "UTF8":
            raise ConfigError(f"The PostgreSQL database must be UTF8; it is {encoding}.")
        # A server may be set up to acknowledge what a power cut can still lose.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        for setting, value in _POSTGRESQL_SETTINGS.items():
            cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
    connection.commit()


def _tried(store: Store) -> Store:
    """The store after one successful read, so that a wrong address is refused at once."""
    try:
        with store.read() as connection:
            connection.execute(text("SELECT 1"))
    except BaseException:
        store.close()
        raise
    return store


def _abandon(connection: Connection) -> None:
    """Roll back; a connection that cannot even do that is dropped."""
    try:
        connection.rollback()
    except DBAPIError:
        with suppress(DBAPIError):
            connection.invalidate()


def _refusal(error: DBAPIError) -> RecondError | None:
    """What an error of the driver means for recond, None where it is a fault of ours."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _sqlite_refusal(original)
    state: str = getattr(original, "sqlstate", None) or ""
    if state == "55P03":
        return LockedError(_LOCKED)
    # 08 connection, 53 resources (disk full), 57P shut down, 58 system error, 25006 read-only
    if state[:2] in {"08", "53", "58"} or state.startswith("57P") or state == "25006":
        return UnavailableError(f"{_AWAY} It says: {original}")
    if error.connection_invalidated or (not state and type(original).__name__ in _LOST):
        return UnavailableError(f"{_AWAY} It says: {original}")
    return None


_LOCKED = f"Another writer has held the database for {BUSY_SECONDS} seconds; try again."
_AWAY = "The database is not available and nothing was written; try again later."
_LOST = frozenset({"OperationalError", "ConnectionTimeout", "InterfaceError"})


def _sqlite_refusal(error: sqlite3.Error) -> RecondError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LockedError(_LOCKED)
    if code in {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    }:
        return UnavailableError(f"{_AWAY} It says: {error}")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return InvariantError(f"The database file is damaged; restore a backup. It says: {error}")
    return None
