"""Rows of the database as Arrow columns: streamed, with ids and amounts as they leave recond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import CompoundSelect, Connection, Select, select

from recond.store import schema
from recond.store.engine import fetch_batches

ROWS = 131_072
AMOUNT = pa.decimal128(18, 2)  # as money.decimal_from_cents makes it
Int64 = npt.NDArray[np.int64]
Query = Select[*tuple[object, ...]] | CompoundSelect[*tuple[object, ...]]


def fetch(
    connection: Connection, statement: Query, to: pa.Schema, rows: int = ROWS
) -> Iterator[pa.RecordBatch]:
    """The rows of a query as record batches of schema `to`, at most `rows` in memory at once.

    The query's columns are `to`'s by position. ISO text becomes date32 where `to` says so. On
    PostgreSQL nothing else may run on the connection between the batches.
    """
    return fetch_batches(connection, statement, to, rows=rows, by_name=False)


def fetch_table(connection: Connection, statement: Query, to: pa.Schema) -> pa.Table:
    """All rows of a query as one table, each column in one chunk."""
    return pa.Table.from_batches(list(fetch(connection, statement, to)), to).combine_chunks()


def int64s(column: pa.Array | pa.ChunkedArray) -> Int64:
    """An integer column without nulls as NumPy."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    numbers: Int64 = array.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return numbers


@dataclass(frozen=True, slots=True)
class FileIds:
    """File numbers in ascending order and their ids: what every other id grows from."""

    numbers: Int64
    ids: pa.Array

    @classmethod
    def load(cls, connection: Connection, only: int | None = None) -> FileIds:
        """Read them, one row an arrival, or `only` that file's."""
        statement = select(schema.file.c.file_no, schema.file.c.file_id).order_by(
            schema.file.c.file_no
        )
        if only is not None:
            statement = statement.where(schema.file.c.file_no == only)
        to = pa.schema([("file_no", pa.int64()), ("file_id", pa.string())])
        table = fetch_table(connection, statement, to)
        return cls(int64s(table["file_no"]), table["file_id"].combine_chunks())

    def of_files(self, file_no: Int64) -> pa.Array:
        """The file id of each file number."""
        return self.ids.take(pa.array(np.searchsorted(self.numbers, file_no)))

    def of_receipts(self, receipt_no: Int64) -> pa.Array:
        """The id of the file that each receipt came in."""
        return self.of_files(receipt_no >> schema.ORDINAL_BITS)

    def receipts(self, receipt_no: Int64) -> pa.Array:
        """Receipt ids: `R` + file id without its letter + `-` + ordinal."""
        return pc.binary_join_element_wise("R", *self._stem(receipt_no), "")

    def applications(self, receipt_no: Int64, version: pa.Array, line: pa.Array) -> pa.Array:
        """Application ids: `A` + receipt id without its letter + `-` + version `.` line; null
        where the version is null."""
        return self._placed("A", receipt_no, version, line)

    def postings(self, receipt_no: Int64, version: pa.Array, line: pa.Array) -> pa.Array:
        """Posting ids: as application ids, with `P`."""
        return self._placed("P", receipt_no, version, line)

    def _placed(
        self, letter: str, receipt_no: Int64, version: pa.Array, line: pa.Array
    ) -> pa.Array:
        text = pa.string()
        parts = ("-", version.cast(text), ".", line.cast(text))
        return pc.binary_join_element_wise(letter, *self._stem(receipt_no), *parts, "")

    def _stem(self, receipt_no: Int64) -> tuple[pa.Array, str, pa.Array]:
        ordinal = pa.array(receipt_no & ((1 << schema.ORDINAL_BITS) - 1)).cast(pa.string())
        return pc.utf8_slice_codeunits(self.of_receipts(receipt_no), 1), "-", ordinal
