"""Rows of a query as Arrow columns, in bulk, the same on SQLite and PostgreSQL.

Both databases hand over lines of CSV, which pyarrow reads into columns: PostgreSQL by COPY, SQLite
by its own `printf`. A Python object a cell would cost twice the query itself. Quoted is text, the
empty text too, an unquoted nothing is NULL; there is no floating point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.csv
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Executable,
    Select,
    TextClause,
    column,
    func,
    select,
)

from recond.store import pgcopy

FETCH_ROWS = 65_536
THREADED = 65_536  # bytes from which on several threads read them sooner; a pass reads many few
Line: TypeAlias = ColumnElement[str]


def fetch_arrow(
    connection: Connection,
    statement: Executable,
    schema: pa.Schema,
    parameters: Mapping[str, Any] | None = None,
) -> pa.Table:
    """The rows of a query as an Arrow table of exactly `schema`, columns found by name.

    ISO text becomes date32 and 0/1 truth values where the schema says so. Raises ValueError when
    the query's columns are not those of the schema.
    """
    return pa.Table.from_batches(fetch_batches(connection, statement, schema, parameters), schema)


def fetch_batches(
    connection: Connection,
    statement: Executable,
    schema: pa.Schema,
    parameters: Mapping[str, Any] | None = None,
    *,
    rows: int = FETCH_ROWS,
    by_name: bool = True,
) -> Iterator[pa.RecordBatch]:
    """The same as record batches of at most `rows` rows, read while they are taken; columns by
    their position unless `by_name`.

    On PostgreSQL nothing else may run on the connection between the batches.
    """
    values = parameters or {}
    if connection.dialect.name == "postgresql":
        for found, data in pgcopy.copy_out(connection, statement, values, rows):
            names = _checked(found, schema) if by_name else schema.names
            yield _read_csv(data, names, schema, '"', "")
        return
    columns, query = _of_lines(statement, schema)
    names = _checked([c.key or "" for c in columns], schema) if by_name else schema.names
    line = _line(columns, [schema.field(name).type for name in names])
    for lines in _sqlite_blocks(connection, query(line), values, rows):
        yield _read_csv(lines, names, schema, "'", "NULL")


def _checked(names: Sequence[str], schema: pa.Schema) -> Sequence[str]:
    if sorted(names) != sorted(schema.names):
        raise ValueError(f"the query gives {names}, the schema wants {schema.names}")
    return names


def _of_lines(
    statement: Executable, schema: pa.Schema
) -> tuple[list[ColumnElement[Any]], Callable[[Line], Select[str]]]:
    """A query's columns, and the same query with one line of text a row in their place."""
    if isinstance(statement, Select):
        chosen: Select[Any] = statement
        # in the query itself, so that its order holds
        return list(chosen.selected_columns), chosen.with_only_columns
    if isinstance(statement, TextClause):
        inner = statement.columns(*(column(name) for name in schema.names)).subquery()
    elif isinstance(statement, CompoundSelect) and not statement._order_by_clauses:
        inner = statement.subquery()
    else:
        raise TypeError("a query of SQLAlchemy is needed; a union is put in order afterwards")
    return list(inner.c), lambda line: select(line).select_from(inner)


def _line(columns: Sequence[ColumnElement[Any]], kinds: Sequence[pa.DataType]) -> Line:
    """A row as a line of CSV quoted by `'`. `%Q` is SQLite's own quoting: quotes are doubled and
    NULL stands bare. A lone number goes the same way, for an empty line would be no row."""
    lone = len(columns) == 1
    marks = ["%Q" if lone or _is_text(kind) else "%s" for kind in kinds]
    line: Line = func.printf(",".join(marks), *columns)
    return line


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_date32(kind))


def _sqlite_blocks(
    connection: Connection, query: Select[str], values: Mapping[str, Any], rows: int
) -> Iterator[bytes]:
    """Lines from the driver itself: SQLAlchemy's row objects would double the time."""
    result = connection.execute(query, dict(values))
    cursor: Any = result.cursor
    while lines := cursor.fetchmany(rows):
        yield ("\n".join([line for (line,) in lines]) + "\n").encode()
    result.close()


def _read_csv(
    data: bytes | bytearray, names: Sequence[str], schema: pa.Schema, quote: str, null: str
) -> pa.RecordBatch:
    # A first line that is skipped, for at the beginning a byte order mark would be taken off; and
    # one block, whatever the length of a row.
    data = b"-\n" + data
    table = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        read_options=pyarrow.csv.ReadOptions(
            column_names=list(names),
            skip_rows=1,
            block_size=len(data) + 1,
            use_threads=len(data) > THREADED,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            quote_char=quote, newlines_in_values=True, ignore_empty_lines=False
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=schema,
            include_columns=schema.names,
            null_values=["", null],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return table.cast(schema).combine_chunks().to_batches()[0]
