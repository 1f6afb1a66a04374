"""Whole books as they were at the end of a past day.

For as long as `books_at` lasts, views that live in the connection alone stand before the tables of
the same names: rows that came later are not in them, rows that changed are as they were. So every
statement of a month is made of a past day's books by the very queries that made it then. Only what
statements read is covered; whoever writes reads the tables.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Table

from recond.store import schema

# Rows that carry the business date on which they came into the books.
_DATED = {
    "entry": "business_date", "deposit": "made_date", "clearing": "business_date",
    "drawer_session": "settled_date", "return_item": "taken_date", "charge": "made_date",
    "outbox": "business_date", "account_version": "since_date",
    "period_change": "business_date", "decision_made": "decided_date",
}  # fmt: skip
_OF_FILES = ("acknowledgement", "file_answer")  # rows that came with a file
ITEM_THEN = ("charge_type", "fund", "bill_number", "due_date", "original_cents")


@contextmanager
def books_at(connection: Connection, day: dt.date | None) -> Iterator[None]:
    """Show the books of the end of a day on this connection (None: as they are). Only for
    reading, inside one transaction."""
    if day is None:
        yield
        return
    made = views(connection, day)
    if connection.dialect.name == "postgresql":
        # a statement that is kept prepared would go on reading the tables
        connection.connection.driver_connection.prepare_threshold = None  # type: ignore[union-attr]
    for name, query in made.items():
        connection.exec_driver_sql(f"CREATE TEMPORARY VIEW {_quoted(name)} AS {query}")
    try:
        yield
    finally:
        for name in reversed(made):
            connection.exec_driver_sql(f"DROP VIEW {_place(connection)[1]}{_quoted(name)}")


def views(connection: Connection, day: dt.date) -> dict[str, str]:
    """The view that stands before each table, by the table's name."""
    main, _ = _place(connection)
    date = f"'{day.isoformat()}'"
    known = f"SELECT file_no FROM {main}file WHERE business_date <= {date}"
    made = {
        name: f"SELECT * FROM {main}{name} WHERE {column} <= {date}"
        for name, column in _DATED.items()
    }
    made |= {name: f"SELECT * FROM {main}{name} WHERE file_no IN ({known})" for name in _OF_FILES}
    bits = schema.ORDINAL_BITS
    made["receipt"] = f"SELECT * FROM {main}receipt WHERE (receipt_no >> {bits}) IN ({known})"
    made["file"] = _as_then(main, schema.file, schema.file_past, "file_no", "business_date", date)
    made["exception"] = _as_then(
        main, schema.exception, schema.exception_past, "exception_no", "opened_date", date
    )
    made["account"] = _accounts(main, date)
    made["item"], made["item_balance"] = _items(main, date)
    return made


def _quoted(name: str) -> str:
    return f'"{name}"'


def _place(connection: Connection) -> tuple[str, str]:
    """What stands before the names of tables, and of views that live in the connection."""
    if connection.dialect.name == "postgresql":
        schema_name = connection.exec_driver_sql("SELECT current_schema()").scalar()
        return f'"{schema_name}".', "pg_temp."
    return "main.", "temp."


def _as_then(main: str, table: Table, past: Table, key: str, dated: str, date: str) -> str:
    """Rows with what they were before their first change after the day."""
    kept = [name for name in past.c.keys() if name not in {key, "change_no", "until_date"}]  # noqa: SIM118
    columns = [
        f"CASE WHEN p.{key} IS NULL THEN t.{name} ELSE p.{name} END AS {name}"
        if name in kept
        else f"t.{name}"
        for name in table.c.keys()  # noqa: SIM118
    ]
    first = (
        f"SELECT {key}, MIN(change_no) AS change_no FROM {main}{_quoted(past.name)}"
        f" WHERE until_date > {date} GROUP BY {key}"
    )
    return (
        f"SELECT {', '.join(columns)} FROM {main}{_quoted(table.name)} t"
        f" LEFT JOIN ({first}) f ON f.{key} = t.{key}"
        f" LEFT JOIN {main}{_quoted(past.name)} p ON p.{key} = f.{key}"
        f" AND p.change_no = f.change_no WHERE t.{dated} <= {date}"
    )


def _accounts(main: str, date: str) -> str:
    versioned = schema.account_version.c.keys()
    columns = [
        f"v.{name}" if name in versioned and name != "account_key" else f"t.{name}"
        for name in schema.account.c.keys()  # noqa: SIM118
    ]
    last = (
        f"SELECT account_key, MAX(version) AS version FROM {main}account_version"
        f" WHERE since_date <= {date} GROUP BY account_key"
    )
    return (
        f"SELECT {', '.join(columns)} FROM {main}account t"
        f" JOIN ({last}) n ON n.account_key = t.account_key"
        f" JOIN {main}account_version v ON v.account_key = n.account_key AND v.version = n.version"
    )


def _items(main: str, date: str) -> tuple[str, str]:
    """What items were, and what was open of them: their last version, and what payments and
    adjustments of later entries took off them."""
    last = (
        f"SELECT v.item_key, MAX(v.entry_no) AS entry_no FROM {main}item_version v"
        f" JOIN {main}entry e ON e.entry_no = v.entry_no WHERE e.business_date <= {date}"
        " GROUP BY v.item_key"
    )
    joined = (
        f" JOIN ({last}) n ON n.item_key = t.item_key"
        f" JOIN {main}item_version v ON v.item_key = n.item_key AND v.entry_no = n.entry_no"
    )
    columns = [f"v.{n}" if n in ITEM_THEN else f"t.{n}" for n in schema.item.c.keys()]  # noqa: SIM118
    items = f"SELECT {', '.join(columns)} FROM {main}item t{joined}"
    placed = (
        "SELECT p.item_key, SUM(p.cents) AS cents"
        f" FROM {main}placement p JOIN {main}decision d ON d.receipt_no = p.receipt_no"
        f" AND d.version = p.version JOIN {main}entry e ON e.entry_no = d.entry_no"
        f" JOIN ({last}) n ON n.item_key = p.item_key"
        f" WHERE p.bucket = 1 AND e.business_date <= {date} AND d.entry_no > n.entry_no"
        " GROUP BY p.item_key"
    )
    gone = (
        f"SELECT w.item_key, -SUM(w.cents) AS cents FROM {main}adjustment w"
        f" JOIN {main}entry e ON e.entry_no = w.entry_no"
        f" JOIN ({last}) n ON n.item_key = w.item_key"
        f" WHERE e.business_date <= {date} AND w.entry_no > n.entry_no GROUP BY w.item_key"
    )
    pending = "(v.pending_cents + COALESCE(a.cents, 0) + COALESCE(g.cents, 0))"
    balances = (
        f"SELECT t.item_key, v.snapshot_cents, CAST({pending} AS BIGINT) AS pending_cents,"
        f" CAST(CASE WHEN v.snapshot_cents > {pending} THEN v.snapshot_cents - {pending}"
        f" ELSE 0 END AS BIGINT) AS open_cents FROM {main}item_balance t{joined}"
        f" LEFT JOIN ({placed}) a ON a.item_key = t.item_key"
        f" LEFT JOIN ({gone}) g ON g.item_key = t.item_key"
    )
    return items, balances
