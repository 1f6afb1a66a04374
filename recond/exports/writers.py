"""Arrow tables as files: the same data gives the same bytes, and a file is complete or absent.

CSV: UTF-8, LF, one header line, quotes only where a comma, a quote or a line break needs them,
an empty cell for nothing. Datasets are for programs: cells are as they are, without the guard
against formulas that a clerk's work list has (`exceptions.sheet`).
Parquet: row groups of a fixed size whatever the batches were; nothing of clock or machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from recond import durable
from recond.errors import RefusedError

GROUP_ROWS = 65_536
_UNQUOTED = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
COMPARE_BYTES = 1 << 20


def write_csv(batches: pa.RecordBatchReader, out: BinaryIO) -> int:
    """Write a header and every row as CSV; returns the number of rows."""
    out.write((",".join(_quoted_name(name) for name in batches.schema.names) + "\n").encode())
    rows = 0
    for batch in batches:
        if batch.num_rows:
            out.write(_lines(batch))
            rows += batch.num_rows
    return rows


def write_parquet(batches: pa.RecordBatchReader, out: BinaryIO) -> int:
    """Write every row as Parquet in row groups of GROUP_ROWS; returns the number of rows."""
    rows = 0
    with pq.ParquetWriter(out, batches.schema, compression="zstd", version="2.6") as writer:
        for group in _groups(batches):
            writer.write_table(group, row_group_size=GROUP_ROWS)
            rows += group.num_rows
    return rows


def publish(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """Write a file that is complete or absent, and durable when this returns what `write` did.

    An existing file is never replaced: it stays when its bytes are the same, else RefusedError.
    Raises UnavailableError when the disk does not take it.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as out:
            rows = write(out)
            out.flush()
            durable.fsync(out.fileno(), partial)
        try:
            durable.move(partial, path)
        except FileExistsError:
            if not _same_bytes(partial, path):
                raise RefusedError(
                    f"{path} exists with other contents; nothing was written. Move it away or"
                    " give another name."
                ) from None
    finally:
        partial.unlink(missing_ok=True)
    durable.fsync_folder(path.parent)
    return rows


def _lines(batch: pa.RecordBatch) -> bytes | pa.Buffer:
    """The rows as CSV: by pyarrow, which refuses where a cell needs quotes, then cell by cell."""
    sink = pa.BufferOutputStream()
    try:
        pyarrow.csv.write_csv(batch, sink, _UNQUOTED)
    except pa.ArrowInvalid:
        return csv_lines([cells(column) for column in batch.columns], "\n")
    return sink.getvalue()


def csv_lines(columns: list[pa.Array], end: str) -> bytes:
    """Lines of ready cells (text arrays without nulls), joined by commas, each ended by `end`."""
    ended = pc.binary_join_element_wise(*columns, ",")
    ended = pc.binary_join_element_wise(ended, end, "")
    _, offsets, data = ended.buffers()
    if data is None:
        return b""
    places = memoryview(offsets).cast("i")
    first, last = places[ended.offset], places[ended.offset + len(ended)]
    return memoryview(data)[first:last].tobytes()


def cells(column: pa.Array) -> pa.Array:
    """Each value as the text of a CSV cell."""
    text = column if pa.types.is_string(column.type) else column.cast(pa.string())
    text = pc.fill_null(text, "")
    needs = pc.match_substring_regex(text, '[",\r\n]')
    if not pc.any(needs).as_py():
        return text
    return pc.if_else(needs, quoted(text), text)


def quoted(text: pa.Array) -> pa.Array:
    """Every text in quotes, the quotes in it doubled."""
    return pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")


def _quoted_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(c in name for c in '",\r\n') else name


def _groups(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Tables of exactly GROUP_ROWS rows, the last one shorter."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        rest = batch
        while rest.num_rows:
            taken = rest.slice(0, GROUP_ROWS - count)
            waiting.append(taken)
            count += taken.num_rows
            rest = rest.slice(taken.num_rows)
            if count == GROUP_ROWS:
                yield pa.Table.from_batches(waiting)
                waiting, count = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def _same_bytes(one: Path, other: Path) -> bool:
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(COMPARE_BYTES):
            if block != right.read(COMPARE_BYTES):
                return False
    return True
