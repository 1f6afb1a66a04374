"""How long the clearing cascade takes: `python -m tests.bench.clearing --deposits 100000`.

As many deposits as lines, over 250 days, four kinds of money, three streams; every fourth deposit
has a bag that its line names, and every second line comes a day late.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pyarrow as pa

from recond.clearing.cascade import clear
from recond.clearing.tables import OPEN_DEPOSITS, OPEN_LINES

SEED = 7


def tables(count: int) -> tuple[pa.Table, pa.Table, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Deposits, the lines that bring them in another order, and which line brings which."""
    rng = np.random.default_rng(SEED)
    cents, day = rng.integers(1_000, 5_000_000, count), rng.integers(0, 250, count)
    kinds = rng.choice([1, 2, 4, 8], count)
    bags = [f"BAG{n:07d}" if n % 4 == 3 else "" for n in range(count)]
    nothing = np.zeros(count, np.bool_)
    deposits = pa.table(
        {
            "deposit_no": np.arange(count), "kinds": kinds, "day": day, "cents": cents,
            "own": bags, "streams": [str(4471 + n % 3) for n in range(count)],
            "touched": nothing, "held": nothing,
        },
        schema=OPEN_DEPOSITS,
    )  # fmt: skip
    order = rng.permutation(count)
    lines = pa.table(
        {
            "line_no": np.arange(count), "kinds": kinds[order],
            "day": day[order] + rng.integers(0, 2, count), "cents": cents[order],
            "words": [f"REF{n:06d} {bags[n]} DEPOSIT {4471 + n % 3}" for n in order],
        },
        schema=OPEN_LINES,
    )  # fmt: skip
    return deposits, lines, order


def main() -> None:
    """Print processor time, pairs, and how many of them are right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--deposits", type=int, default=100_000)
    deposits, lines, order = tables(parser.parse_args().deposits)
    begun = time.process_time()
    found = clear(deposits, lines)
    seconds = time.process_time() - begun
    pairs = found.pairs
    right = int((order[pairs["line_no"].to_numpy()] == pairs["deposit_no"].to_numpy()).sum())
    print(f"{seconds:.2f} s, {pairs.num_rows} pairs, {right} right, {len(found.doubts)} doubts")


if __name__ == "__main__":
    main()
