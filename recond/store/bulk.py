"""Arrow tables into the database, in bulk, the same on SQLite and PostgreSQL.

Columns go by name. Dates are ISO text in the database, truth values 0 and 1; there are no other
conversions, and no floating point at all. SQLite takes tuples (`executemany`), PostgreSQL COPY.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Column, Connection, MetaData, Table, text

from recond.errors import InvariantError, RefusedError
from recond.store import pgcopy
from recond.store.schema import INT, TEXT

CHUNK_ROWS = 50_000
ANALYZE_ROWS = 1_000  # PostgreSQL plans larger changes of a table badly without new statistics
_STAGED = "recond_staged"

Rows: TypeAlias = pa.Table | Mapping[str, int | str | bool | None]


def insert_table(
    connection: Connection,
    table: Table,
    rows: Rows,
    constants: Mapping[str, int | str | None] | None = None,
) -> int:
    """Insert every row into `table` and return how many there were.

    `rows` is an Arrow table, or one row as a dict of constants; `constants` are columns with the
    same value in each row. Columns that are not named become NULL. Raises ValueError for a column
    that `table` does not have or a type that the database does not keep, RefusedError for text
    with a NUL byte, and SQLAlchemy's IntegrityError where a constraint refuses.
    """
    plain = _plain(_as_arrow(rows), constants or {})
    _known(table, plain)
    count = int(plain.num_rows)
    if count == 0:
        return 0
    # A column without any value is the same as a column that is not named.
    plain = plain.select([n for n in plain.column_names if plain[n].null_count < count])
    if plain.num_columns == 0:
        raise ValueError(f"{count} rows for table {table.name} hold no value at all")
    name = connection.dialect.identifier_preparer.format_table(table)
    columns = [connection.dialect.identifier_preparer.quote(n) for n in plain.column_names]
    if connection.dialect.name == "postgresql":
        pgcopy.copy_in(connection, name, columns, plain)
    else:
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        for chunk in _tuples(plain):
            connection.exec_driver_sql(statement, chunk)
    return count


def update_items(connection: Connection, item_keys: pa.Array, cents: pa.Array) -> int:
    """Take `cents[i]` from the open amount of item `item_keys[i]` and add them to its pending ones.

    Keys ascend strictly (each item once). Negative cents give back: the open amount is then what
    the snapshot leaves after the rest of the pending cents. Returns the number of items. Raises
    InvariantError when an item is unknown, ValueError for keys that do not ascend, and
    SQLAlchemy's IntegrityError when an item would be over-applied (CHECK not_over_applied).
    """
    changes = pa.table(
        {"item_key": pa.chunked_array(item_keys), "cents": pa.chunked_array(cents)}
        if isinstance(item_keys, pa.ChunkedArray)
        else {"item_key": item_keys, "cents": cents},
        schema=pa.schema([("item_key", pa.int64()), ("cents", pa.int64())]),
    )
    if changes["item_key"].null_count or changes["cents"].null_count:
        raise ValueError("an item to be updated has no key or no cents")
    keys = changes["item_key"].combine_chunks()
    if len(keys) > 1 and not pc.all(pc.less(keys[:-1], keys[1:])).as_py():
        raise ValueError("keys of items to be updated must ascend, each item once")
    if connection.dialect.name == "postgresql":
        staged = stage(connection, "item_change", changes, key=("item_key",))
        statement = _UPDATE.format(cents="c.cents", key="c.item_key", extra=f"FROM {staged.name} c")
        found = connection.execute(text(statement)).rowcount
    else:
        statement = _UPDATE.format(cents="?1", key="?2", extra="")
        found = 0
        for chunk in _tuples(changes.select(["cents", "item_key"])):
            found += connection.exec_driver_sql(statement, chunk).rowcount
    if found != changes.num_rows:
        raise InvariantError(
            f"{changes.num_rows} open items were to be updated and {found} are there;"
            " nothing was posted."
        )
    return found


# Taking cents subtracts them, so that the CHECK refuses more than is open; giving back restores.
_UPDATE = """
UPDATE item_balance SET
    open_cents = CASE
        WHEN {cents} > 0 THEN open_cents - {cents}
        WHEN snapshot_cents > pending_cents + {cents} THEN snapshot_cents - pending_cents - {cents}
        ELSE 0 END,
    pending_cents = pending_cents + {cents}
{extra} WHERE item_balance.item_key = {key}"""


def stage(connection: Connection, name: str, arrow: pa.Table, key: Sequence[str] = ()) -> Table:
    """A temporary table `stage_NAME` filled with `arrow`, to be joined on this connection.

    It is gone when the transaction ends; staging the same name again replaces it. `key` names the
    columns of its primary key. Types: integers and truth values BIGINT, text and dates TEXT.
    """
    full = f"stage_{name}"
    sqlite = connection.dialect.name == "sqlite"
    columns = [
        Column(
            field.name,
            INT if _is_integer(field.type) else TEXT,
            primary_key=sqlite and field.name in key,
            autoincrement=False,
        )
        for field in arrow.schema
    ]
    table = Table(full, MetaData(), *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
    quoted = connection.dialect.identifier_preparer.quote(full)
    prefix = "temp." if sqlite else "pg_temp."
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {prefix}{quoted}")
    table.create(connection, checkfirst=False)
    if sqlite:
        connection.info.setdefault(_STAGED, set()).add(full)
    insert_table(connection, table, arrow)
    if key and not sqlite:  # the index of rows that are there costs half of one that grows
        names = ", ".join(connection.dialect.identifier_preparer.quote(name) for name in key)
        connection.exec_driver_sql(f"ALTER TABLE {prefix}{quoted} ADD PRIMARY KEY ({names})")
    if not key:  # a key says as much: how many rows there are, and that they differ
        analyze(connection, [f"{prefix}{quoted}"], arrow.num_rows)
    return table


def analyze(connection: Connection, tables: Sequence[str], changed: int) -> None:
    """Renew PostgreSQL's statistics of tables of which `changed` rows are new: its own renewal of
    them comes a minute later, and not at all to temporary tables. SQLite plans without."""
    if connection.dialect.name == "postgresql" and changed > ANALYZE_ROWS:
        for name in tables:
            connection.exec_driver_sql(f"ANALYZE {name}")


@contextmanager
def along_keys(connection: Connection) -> Iterator[None]:
    """Joins in this block go along the keys' indexes, merged or looked up, never by hashing.

    For the rows of many keys that are staged in order: PostgreSQL would scan the whole table and
    look each of its rows up in a hash table larger than the processor's cache, which waits for
    memory at every row (measured: twice the time). SQLite joins so by itself.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_hashjoin = off")
    yield
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_hashjoin TO DEFAULT")


def drop_staged(connection: Connection) -> None:
    """Drop what `stage` left on this connection (PostgreSQL does so at COMMIT by itself)."""
    for name in sorted(connection.info.pop(_STAGED, ())):
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{quoted}")


def _is_integer(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _as_arrow(rows: Rows) -> pa.Table:
    if isinstance(rows, Mapping):
        return pa.table({name: pa.array([value]) for name, value in rows.items()})
    return rows


def _known(table: Table, arrow: pa.Table) -> None:
    unknown = [name for name in arrow.column_names if name not in table.c]
    if unknown:
        raise ValueError(f"table {table.name} has no column {', '.join(unknown)}")
    if len(set(arrow.column_names)) < arrow.num_columns:
        raise ValueError(f"a column of table {table.name} is given twice")


def _plain(arrow: pa.Table, constants: Mapping[str, int | str | None]) -> pa.Table:
    """The table with integers and text only, and the constants as columns."""
    columns = {}
    for name in arrow.column_names:
        if arrow.schema.get_all_field_indices(name)[1:] or name in constants:
            raise ValueError(f"column {name} is given twice")
        columns[name] = _plain_column(name, arrow[name])
    for name, value in constants.items():
        if value is not None:
            columns[name] = _plain_column(name, pa.repeat(pa.scalar(value), arrow.num_rows))
    return pa.table(columns) if columns else pa.table({})


def _plain_column(name: str, column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.int64())
    if pa.types.is_date32(kind):
        return column.cast(pa.string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # PostgreSQL cannot keep it, and what one database refuses the other must refuse too.
        if pc.any(pc.match_substring(column, "\0")).as_py():
            raise RefusedError(f"Text of {name} holds a NUL byte, which no database keeps.")
        return column
    raise ValueError(f"column {name} is {kind}; the database keeps integers, text and dates")


def _tuples(arrow: pa.Table) -> Iterator[list[tuple[Any, ...]]]:
    """Rows as tuples, at most CHUNK_ROWS a list: what the driver of SQLite takes."""
    for start in range(0, arrow.num_rows, CHUNK_ROWS):
        part = arrow.slice(start, CHUNK_ROWS)
        # The one place where rows become objects: sqlite3 has no other way in.
        yield list(zip(*(column.to_pylist() for column in part.columns), strict=True))
