"""Memory does not grow with a file: one of any size streamed through its grammar.

    python -m tests.bench.large nacha|bai2|camt|lockbox|mt940 [--megabytes 1000]

The file is never on the disk: pieces of it are written as often as needed, with totals that hold.
Every control is compared, no problem may be found, and every cent must be.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator

from recond import controls
from recond.formats import bundled, load_formats
from recond.parsers import GRAMMARS
from tests.bench import generators, measure

RECORDS = generators.BAI2_ACCOUNT  # of the piece that is repeated: one batch, account, statement


class Pieces(io.RawIOBase):
    """A file made of pieces of bytes, read once from its beginning."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest, self.size = pieces, b"", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = next(self._pieces, b"")
        taken = self._rest[: len(buffer)]
        self._rest = self._rest[len(taken) :]
        buffer[: len(taken)] = taken
        self.size += len(taken)
        return len(taken)


def _bytes(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def nacha(city: generators.City, times: int) -> Iterator[bytes]:
    """One batch, `times` times: 945 MB are the most that a block count of six digits can say."""
    lines = list(generators.nacha(city))
    batch = [line for line in lines if line[0] in "568"]
    yield _bytes(lines[:1])
    yield from (_bytes(batch) for _ in range(times))
    count = len(batch) - 2
    records = times * len(batch) + 2
    blocks = -(-records // 10)
    hashes = times * count * 2100002 % 10**10
    tail = f"{times * count:08d}{hashes:010d}{0:012d}{times * city.total:012d}{'':39}"
    yield _bytes([f"9{times:06d}{blocks:06d}{tail}"] + ["9" * 94] * (blocks * 10 - records))


def bai2(city: generators.City, times: int) -> Iterator[bytes]:
    """One account, `times` times."""
    lines = list(generators.bai2(city))
    account = lines[2:-2]
    yield _bytes(lines[:2])
    yield from (_bytes(account) for _ in range(times))
    total, records = times * city.total, times * len(account)
    yield _bytes([f"98,{total},{times},{records + 2}/", f"99,{total},1,{records + 4}/"])


def camt(city: generators.City, times: int) -> Iterator[bytes]:
    """One statement whose entries come `times` times."""
    lines = list(generators.camt(city))
    first = next(i for i, line in enumerate(lines) if line.startswith("<Ntry>"))
    decimal = generators._decimal
    head = [
        line.replace(decimal(city.total), decimal(times * city.total)).replace(
            f"<NbOfNtries>{len(city.cents)}<", f"<NbOfNtries>{times * len(city.cents)}<"
        )
        for line in lines[:first]
    ]
    yield _bytes(head)
    entries = _bytes(lines[first:-1])
    yield from (entries for _ in range(times))
    yield _bytes(lines[-1:])


FILES: dict[str, Callable[[generators.City, int], Iterator[bytes]]] = {
    "nacha": nacha,
    "bai2": bai2,
    "camt": camt,
}
_INBOXES = {"nacha": "ach", "bai2": "bank", "camt": "bank"}


def one(kind: str, megabytes: int) -> dict[str, object]:
    """Read such a file and say what it took."""
    city = generators.city(RECORDS, RECORDS, 1)
    piece = sum(len(part) for part in FILES[kind](city, 1))
    times = max(1, megabytes * 1_000_000 // piece)
    formats = load_formats([bundled()])
    head = next(FILES[kind](city, times))
    fmt = formats.identify(_INBOXES[kind], f"{kind}.txt", head).format
    if fmt is None:
        raise SystemExit("no format claims the file")
    raw = Pieces(FILES[kind](city, times))
    count = cents = 0
    started = time.process_time()
    for parsed in GRAMMARS[fmt.grammar].parse(io.BufferedReader(raw, 1 << 20), fmt):
        problems = [*parsed.problems, *controls.compare(parsed.table("controls"), fmt.waives)]
        if problems:
            raise SystemExit(f"{problems[0].code}: {problems[0].message}")
        money = parsed.table("receipts" if kind == "nacha" else "bank_lines")
        count += money.num_rows
        cents += int(money["amount_cents"].to_numpy().sum(dtype="int64"))
    if (count, cents) != (times * RECORDS, times * city.total):
        raise SystemExit(f"found {count} records of {cents} cents")
    return {
        "records": count,
        "megabytes": raw.size // 1_000_000,
        "processor_seconds": round(time.process_time() - started, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=FILES)
    parser.add_argument("--megabytes", type=int, default=1000)
    options = parser.parse_args()
    measure.report(lambda: one(options.kind, options.megabytes))


if __name__ == "__main__":
    main()
