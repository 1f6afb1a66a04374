"""COPY in and out of PostgreSQL: the bulk path of `bulk` there.

Tables of integers go in binary, built by NumPy; everything else as CSV, in which PostgreSQL and
pyarrow agree that an unquoted nothing is NULL and a quoted one is the empty text.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement

CHUNK_ROWS = 8_192  # the server takes in one chunk while the next is made
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
_TRAILER = b"\xff\xff"


def copy_in(connection: Connection, name: str, columns: Sequence[str], arrow: pa.Table) -> None:
    """COPY `arrow` (int64 and text columns, in the order of `columns`) into the table `name`."""
    binary = all(pa.types.is_int64(field.type) for field in arrow.schema)
    kind = "BINARY" if binary else "CSV"
    statement = f"COPY {name} ({', '.join(columns)}) FROM STDIN (FORMAT {kind})"
    chunks = _binary(arrow) if binary else _csv(arrow)
    with (
        _driver(connection, statement) as driver,
        driver.cursor() as cursor,
        cursor.copy(statement) as stream,
    ):
        for chunk in chunks:
            stream.write(chunk)


def copy_out(
    connection: Connection, statement: Executable, parameters: Mapping[str, Any], rows: int
) -> Iterator[tuple[list[str], bytearray]]:
    """The rows of a query as CSV, at most `rows` at once, each time with the query's columns."""
    if not isinstance(statement, ClauseElement):
        raise TypeError("a query of SQLAlchemy is needed")
    compiled = statement.compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    values = compiled.construct_params(dict(parameters))
    with _driver(connection, compiled.string) as driver, driver.cursor() as cursor:
        # COPY takes no parameters: the driver writes them into the text, quoted by libpq.
        client = _module(connection).ClientCursor(driver)
        query = client.mogrify(compiled.string, values)
        with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT CSV, HEADER)"):
            # the server sends a message a row, whatever line breaks stand in it
            blocks = _blocks(driver, _module(connection).errors, rows)
            names = next(blocks).decode().rstrip("\n").replace('"', "").split(",")
            for data in blocks:
                yield names, data


def _blocks(driver: Any, errors: Any, rows: int) -> Iterator[bytearray]:
    """What the server sends in a COPY that has begun: the first message, then `rows` together.

    Taken from libpq itself: the driver's own `Copy.read` waits for each row and hands out a view
    that keeps a buffer of libpq alive, which together cost eight times as much; an object a row
    would double what is left. Raises the driver's error when the server ends with one. A reader
    that stops early leaves the rest to the driver, which cancels the query.
    """
    libpq = driver.pgconn
    take = libpq.get_copy_data
    ready = select.poll()
    ready.register(libpq.socket, select.POLLIN)
    block, left = bytearray(), 1
    while True:
        size, data = take(1)
        if size > 0:
            block += data
            left -= 1
            if not left:
                yield block
                block, left = bytearray(), rows
        elif size == 0:
            ready.poll()
            libpq.consume_input()
        else:
            break
    while result := libpq.get_result():
        if result.error_message:
            raise errors.error_from_result(result, encoding="utf-8")
    if block:
        yield block


def _module(connection: Connection) -> Any:
    """psycopg, which is an optional package: taken from the dialect that has imported it."""
    return connection.dialect.dbapi


@contextmanager
def _driver(connection: Connection, statement: str) -> Iterator[Any]:
    """The driver's connection; its errors come out as those of SQLAlchemy, without the values."""
    driver: Any = connection.connection.driver_connection
    base: type[Exception] = _module(connection).Error
    try:
        yield driver
    except base as error:
        raise DBAPIError.instance(
            statement,
            None,
            error,
            base,
            hide_parameters=True,
            connection_invalidated=bool(driver.closed),
            dialect=connection.dialect,
        ) from error


def _csv(arrow: pa.Table) -> Iterator[memoryview]:
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    for start in range(0, arrow.num_rows, CHUNK_ROWS):
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(arrow.slice(start, CHUNK_ROWS), sink, options)
        yield memoryview(sink.getvalue())


def _binary(arrow: pa.Table) -> Iterator[bytes]:
    """PostgreSQL's binary format (documentation of COPY): a count of fields in int16, then for
    each its length in int32, -1 for NULL, and its bytes; big-endian throughout."""
    yield _SIGNATURE
    width = arrow.num_columns
    layout = [("fields", ">i2")]
    for index in range(width):
        layout += [(f"length{index}", ">i4"), (f"value{index}", ">i8")]
    for start in range(0, arrow.num_rows, CHUNK_ROWS):
        part = arrow.slice(start, CHUNK_ROWS)
        rows = np.zeros(part.num_rows, dtype=layout)
        rows["fields"] = width
        keep = np.ones((part.num_rows, rows.itemsize), dtype=bool)
        for index, column in enumerate(part.columns):
            valid = column.is_valid().to_numpy()
            rows[f"length{index}"] = np.where(valid, 8, -1)
            rows[f"value{index}"] = column.fill_null(0).to_numpy()
            place = 2 + 12 * index + 4
            keep[:, place : place + 8] = valid[:, None]
        if keep.all():
            yield rows.tobytes()
        else:
            flat = rows.view(np.uint8).reshape(part.num_rows, rows.itemsize)
            yield flat[keep].tobytes()
    yield _TRAILER
