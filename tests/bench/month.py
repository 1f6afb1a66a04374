"""A month of a generated city: every day's files dropped and processed, then exported and checked.

    python -m tests.bench.month [--accounts 5000 --days 20 --payments 300] [--profile]

Seconds and processor time of each day, so that a day which grows with the books is seen;
`--profile` says which functions took the processor's time.
"""

from __future__ import annotations

import argparse
import cProfile
import datetime as dt
import io
import os
import pstats
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recond.check import Books, check
from recond.city import generate
from recond.exports.datasets import DATASETS, stream
from recond.exports.scope import Scope
from recond.exports.writers import write_csv
from recond.home import init, open_home
from recond.pipeline import process
from recond.pipeline.monthend import export_month_end
from recond.session import run_of

START = dt.date(2026, 11, 2)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what the block took."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"  {what:<12}{wall:>8.2f} s {cpu:>8.2f} s of processor time")


def month(folder: Path, options: argparse.Namespace) -> None:
    """Generate the city and take it through recond, in this process."""
    truth = generate(
        options.seed, options.accounts, START, options.days, options.payments, folder / "files"
    )
    home = folder / "home"
    init(home, "UTC", "bench", None)
    with (home / "recond.toml").open("a", encoding="utf-8") as settings:
        settings.write(truth.settings)
    with timed("the month"):
        for day in truth.days:
            run = run_of(open_home(home), day.as_of, "bench", lambda: dt.datetime.now(dt.UTC))
            for path in sorted(day.folder.glob("*/*")):
                target = run.home.inbox(path.parent.name) / path.name
                shutil.copyfile(path, target)
                os.utime(target, (1_750_000_000, 1_750_000_000))  # settled long ago
            with timed(day.as_of.isoformat()):
                process(run)
    with timed("export"), run.store.read() as connection:
        for name in DATASETS:
            write_csv(stream(connection, name, Scope(run.today)), io.BytesIO())
    with timed("pack"):
        export_month_end(run, truth.days[-1].as_of.isoformat()[:7])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"  peak memory {peak} MB so far")
    with timed("check"), run.store.read() as connection:
        books = Books(connection, run.home, run.chart)
        broken = [invariant.name for invariant, rows in check(books) if rows]
    if broken:
        raise SystemExit(f"the books are broken: {broken}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--payments", type=int, default=300, help="a day")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    profile = cProfile.Profile(time.process_time)
    with tempfile.TemporaryDirectory(prefix="recond-bench-") as name:
        if options.profile:
            profile.runcall(month, Path(name), options)
            pstats.Stats(profile).sort_stats("cumulative").print_stats("recond/", 40)
        else:
            month(Path(name), options)


if __name__ == "__main__":
    main()
