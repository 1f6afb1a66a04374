"""The bare set-based stand-in of the whole job: what the database itself costs.

The same file and parser with its controls, one payment row with a unique text key, a join on
account and cents, two ledger rows a payment, one commit, a CSV export. No archive, no questions,
no evidence, no open balances. Four rows a payment, the staged one included.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from recond import controls
from recond.formats import bundled, load_formats
from recond.parsers import GRAMMARS
from recond.store.engine import AUTOCHECKPOINT_PAGES, CACHE_KIB

ROWS_A_PAYMENT = 4
CHUNK = 50_000
STAGED = pa.schema([("no", pa.int64()), ("id", pa.string()), ("account", pa.string()),
                    ("cents", pa.int64()), ("trace", pa.string())])  # fmt: skip

TABLES = """
CREATE TABLE open_item (item_key BIGINT PRIMARY KEY, account TEXT NOT NULL, cents BIGINT NOT NULL);
CREATE TABLE stage (no BIGINT, id TEXT, account TEXT, cents BIGINT, trace TEXT);
CREATE TABLE payment (no BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE, item_key BIGINT,
    cents BIGINT NOT NULL, trace TEXT);
CREATE TABLE ledger (no BIGINT, side BIGINT, gl TEXT NOT NULL, cents BIGINT NOT NULL,
    PRIMARY KEY (no, side));
"""
INDEX = "CREATE INDEX open_item_by_account ON open_item (account, cents)"
POST = [
    """INSERT INTO payment SELECT s.no, s.id, i.item_key, s.cents, s.trace FROM stage s
       JOIN open_item i ON i.account = s.account AND i.cents = s.cents ORDER BY s.no""",
    """INSERT INTO ledger SELECT no, side, gl, sign * cents FROM payment
       CROSS JOIN (SELECT 1 AS side, '1081' AS gl, 1 AS sign UNION ALL SELECT 2, '1200', -1) sides
       ORDER BY no, side""",
]
EXPORT = """SELECT p.no, p.id, i.account, p.cents, p.trace FROM payment p
            JOIN open_item i ON i.item_key = p.item_key ORDER BY p.no"""


def staged(path: Path) -> Iterator[pa.Table]:
    """The file's payments, after all its controls, with a text key each."""
    fmt = load_formats([bundled()])["nacha"]
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()[:12]
        source.seek(0)
        for parsed in GRAMMARS["nacha"].parse(source, fmt):
            if parsed.problems or controls.compare(parsed.table("controls"), frozenset()):
                raise SystemExit("the generated file does not hold its controls")
            money = parsed.table("receipts")
            key = pc.binary_join_element_wise(
                pa.scalar(digest), money["ordinal"].cast(pa.string()), "-"
            )
            columns = [money["ordinal"], key, money["reference"], money["amount_cents"],
                       money["trace_number"]]  # fmt: skip
            yield pa.table(columns, schema=STAGED)


def items(receivables: Path) -> Iterator[list[tuple[int, str, int]]]:
    """Key, account and cents of the open items, in chunks."""
    types = {"account_number": pa.string(), "open_amount": pa.decimal128(18, 2)}
    convert = pyarrow.csv.ConvertOptions(column_types=types, include_columns=list(types))
    key = 0
    for batch in pyarrow.csv.open_csv(receivables, convert_options=convert):
        cents = pc.multiply(batch["open_amount"], pa.scalar(100)).cast(pa.int64())
        keys = range(key, key + batch.num_rows)
        yield list(zip(keys, batch["account_number"].to_pylist(), cents.to_pylist(), strict=True))
        key += batch.num_rows


def _export(batches: Iterator[pa.Table], out: Path) -> None:
    with pyarrow.csv.CSVWriter(out, STAGED) as writer:
        for batch in batches:
            writer.write_table(batch)


class Sqlite:
    """The stand-in on SQLite, by the driver itself, with recond's own settings for safety."""

    def __init__(self, place: str) -> None:
        self.connection = sqlite3.connect(place, isolation_level=None)
        for setting in ("journal_mode = WAL", "synchronous = FULL",
                        f"wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}",
                        f"cache_size = -{CACHE_KIB}"):  # fmt: skip
            self.connection.execute(f"PRAGMA {setting}")

    def load(self, receivables: Path) -> None:
        self.connection.execute("BEGIN")
        for statement in TABLES.split(";"):
            self.connection.execute(statement)
        for rows in items(receivables):
            self.connection.executemany("INSERT INTO open_item VALUES (?, ?, ?)", rows)
        self.connection.execute(INDEX)
        self.connection.execute("COMMIT")
        self.connection.execute("ANALYZE")

    def job(self, path: Path, out: Path) -> int:
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        for table in staged(path):
            rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
            self.connection.executemany("INSERT INTO stage VALUES (?, ?, ?, ?, ?)", rows)
        for statement in POST:
            run(statement)
        run("DELETE FROM stage")
        run("COMMIT")
        _export(self._read(), out)
        count: int = run("SELECT count(*) FROM payment").fetchone()[0]
        return count

    def _read(self) -> Iterator[pa.Table]:
        cursor = self.connection.execute(EXPORT)
        while rows := cursor.fetchmany(CHUNK):
            yield pa.table(list(zip(*rows, strict=True)), schema=STAGED)


class Postgresql:
    """The stand-in on PostgreSQL, by COPY and two statements."""

    def __init__(self, place: str) -> None:
        import psycopg

        self.connection: Any = psycopg.connect(place)

    def load(self, receivables: Path) -> None:
        run = self.connection.execute
        for statement in TABLES.strip().strip(";").split(";"):
            run(statement)
        with self.connection.cursor().copy("COPY open_item FROM STDIN") as copy:
            for rows in items(receivables):
                for row in rows:
                    copy.write_row(row)
        run(INDEX)
        run("ANALYZE open_item")
        self.connection.commit()

    def job(self, path: Path, out: Path) -> int:
        run = self.connection.execute
        options = pyarrow.csv.WriteOptions(include_header=False)
        with self.connection.cursor().copy("COPY stage FROM STDIN (FORMAT CSV)") as copy:
            for table in staged(path):
                sink = pa.BufferOutputStream()
                pyarrow.csv.write_csv(table, sink, options)
                copy.write(memoryview(sink.getvalue()))
        run("ANALYZE stage")
        for statement in POST:
            run(statement)
        run("TRUNCATE stage")
        self.connection.commit()
        statement = f"COPY ({EXPORT}) TO STDOUT (FORMAT CSV)"
        with out.open("wb") as file, self.connection.cursor().copy(statement) as copy:
            for block in copy:
                file.write(block)
        count: int = run("SELECT count(*) FROM payment").fetchone()[0]
        return count
