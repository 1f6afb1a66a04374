"""The history of closed months as Parquet files that DuckDB, Spark and others read as they are:
`exports/history/NAME/month=2026-03/NAME.parquet`.

A partition holds what its month's close locked, as the books stood at the end of the day on which
it was closed: rows dated up to the month's end that no earlier partition holds. So each row stands
in one partition, a row that comes late in that of the next close, and the months that a later
one's close took along in that one's. It is never written again while that close is in force;
after a reopening it goes, and the next close makes another. `_closed.csv` says which close each
file is of, with its rows and SHA-256.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, select

from recond import durable, periods
from recond.exports.datasets import stream
from recond.exports.scope import Scope
from recond.exports.writers import COMPARE_BYTES, publish, write_parquet
from recond.pipeline.run import Run
from recond.store import schema

LISTED = "_closed.csv"  # readers of partitioned files pass over names that begin so
COLUMNS = ("month", "change_no", "closed_on", "name", "rows", "sha256")
# Datasets whose days are those of entries and runs: nothing comes into a closed month any more.
BY_PERIOD = ("receipts", "applications", "journal", "sources", "files", "adjustments")
# Datasets whose rows keep dates of their own, with what names a row: one may come after the close.
BY_OWN_DATE: Mapping[str, tuple[str, ...]] = {
    "deposits": ("deposit_id",), "bank_lines": ("bank_line_id",), "clearings": ("clearing_id",),
    "returns": ("return_id",), "charges": ("charge_id",),
    "drawers": ("drawer", "cashier", "business_date", "deposit_bag"),
}  # fmt: skip
NAMES = (*BY_PERIOD, *BY_OWN_DATE, "receivables")  # items as they stood at the month's end


@dataclass(frozen=True, slots=True)
class Close:
    """A close that is in force."""

    month: str
    change_no: int
    closed_on: dt.date


def closes(connection: Connection) -> list[Close]:
    """Those in force, by month: a reopening takes the last one away."""
    change = schema.period_change
    found: list[Close] = []
    for row in connection.execute(select(change).order_by(change.c.change_no)):
        if row.action == "close":
            day = dt.date.fromisoformat(row.business_date)
            found.append(Close(row.month, row.change_no, day))
        elif row.action == "reopen":
            found.pop()
    return found


def write_history(run: Run, *, dry_run: bool = False) -> tuple[Path, list[str], list[str]]:
    """Write the partitions of closed months that are not there yet; the folder, the months that
    were written, and those that were there. A month is written from the day after its close on,
    when what that day holds is known for ever."""
    folder = run.home.path / "exports" / "history"
    with run.store.read() as connection:
        wanted = [one for one in closes(connection) if one.closed_on < run.today]
        kept = _kept(folder, wanted)
        there = {int(row["change_no"]) for row in kept}
        fresh = [one for one in wanted if one.change_no not in there]
        if not dry_run:
            folder.mkdir(parents=True, exist_ok=True)
            _clear(folder, {one.month for one in wanted} - {one.month for one in fresh})
            if fresh or kept != _listed(folder):
                _list(folder, kept)
            for one in fresh:
                kept += _write(connection, run, one, wanted, folder)
                _list(folder, kept)
    return (
        folder,
        [one.month for one in fresh],
        [one.month for one in wanted if one.change_no in there],
    )


# --- what is there --------------------------------------------------------------------------------


def _listed(folder: Path) -> list[dict[str, str]]:
    path = folder / LISTED
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def _kept(folder: Path, wanted: list[Close]) -> list[dict[str, str]]:
    """The rows of partitions whose close is in force and whose files are all there."""
    rows = _listed(folder)
    lost = {
        row["change_no"] for row in rows if not _place(folder, row["name"], row["month"]).exists()
    }
    good = {str(one.change_no) for one in wanted} - lost
    return [row for row in rows if row["change_no"] in good]


def _place(folder: Path, name: str, month: str) -> Path:
    return folder / name / f"month={month}" / f"{name}.parquet"


def _clear(folder: Path, months: set[str]) -> None:
    """Take away partitions of no close in force."""
    for path in sorted(folder.glob("*/month=*")):
        if path.name.removeprefix("month=") not in months:
            shutil.rmtree(path)


def _list(folder: Path, rows: list[dict[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    partial = folder / f".{LISTED}.partial"
    partial.unlink(missing_ok=True)
    durable.publish(partial, out.getvalue().encode(), 0o640)
    durable.replace(partial, folder / LISTED)
    durable.fsync_folder(folder)


# --- writing --------------------------------------------------------------------------------------


def _write(
    connection: Connection, run: Run, close: Close, wanted: list[Close], folder: Path
) -> list[dict[str, str]]:
    earlier = [one.month for one in wanted if one.month < close.month]
    rows = []
    for name in NAMES:
        path = _place(folder, name, close.month)
        path.parent.mkdir(parents=True, exist_ok=True)
        for above in (path.parent.parent, folder):
            durable.fsync_folder(above)
        found = _rows(connection, run, name, close, earlier, folder)

        def write(out: BinaryIO, found: pa.RecordBatchReader = found) -> int:
            return write_parquet(found, out)

        count = publish(path, write)
        rows.append({"month": close.month, "change_no": str(close.change_no),
                     "closed_on": close.closed_on.isoformat(), "name": name,
                     "rows": str(count), "sha256": _sha256(path)})  # fmt: skip
    return rows


def _rows(
    connection: Connection,
    run: Run,
    name: str,
    close: Close,
    earlier: list[str],
    folder: Path,
) -> pa.RecordBatchReader:
    last = periods.last_day(close.month)
    if name == "receivables":
        return stream(connection, name, Scope(today=last, as_of=last, record=True))
    own = name in BY_OWN_DATE
    before = periods.last_day(earlier[-1]) + dt.timedelta(days=1) if earlier else None
    scope = Scope(
        today=close.closed_on, as_of=close.closed_on, date_from=None if own else before,
        date_to=last, record=True, chart=run.chart,
    )  # fmt: skip
    found = stream(connection, name, scope)
    if not own or not earlier:
        return found
    columns = list(BY_OWN_DATE[name])
    known = pa.chunked_array(
        [_key(pq.read_table(_place(folder, name, month), columns=columns, partitioning=None))
         for month in earlier]
    )  # fmt: skip
    table = found.read_all()
    left = table.filter(pc.invert(pc.is_in(_key(table.select(columns)), value_set=known)))
    return left.to_reader()


def _key(rows: pa.Table) -> pa.Array:
    """What names each row, as one text."""
    texts = [pc.fill_null(column.cast(pa.string()), "") for column in rows.columns]
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, "\x1f")
    return joined.combine_chunks()


def _sha256(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as source:
        while block := source.read(COMPARE_BYTES):
            digest.update(block)
    return digest.hexdigest()
