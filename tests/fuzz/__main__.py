"""Mutated inputs for one grammar, under caps of memory and time.

    python -m tests.fuzz nacha [--inputs 50000] [--seed 1] [--show]

Every input is read as the corridor reads it. Nothing may raise, take more than SECONDS, or more
memory than MEGABYTES above what the program takes to start. Of what is accepted a reader of our
own (resum.py) must find the same amounts and no total that does not hold. The last line is a
JSON object; exit 1 when an input failed, which is then printed as Python bytes.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pyarrow as pa

from recond.model import Format
from tests.fuzz import mutate, resum
from tests.fuzz.subjects import SUBJECTS, outcome, seeds, shipped

SECONDS = 10  # of processor time, for one input of at most some kilobytes
MEGABYTES = 600
SHOWN = 10  # failures printed


@contextmanager
def time_cap() -> Iterator[None]:
    """Raise TimeoutError when the block takes longer than SECONDS."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"longer than {SECONDS} s")

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def cap_memory() -> None:
    """No more address space than now and MEGABYTES."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def fault(grammar: str, fmt: Format, data: bytes, words: Counter[str]) -> str | None:
    """What is wrong with how recond takes an input, or None."""
    try:
        with time_cap():
            result = outcome(fmt, data)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"raised {error!r}\n{traceback.format_exc(limit=-3)}"
    words[result.word] += 1
    if result.word == "held":
        return None
    try:
        found, wrong = resum.READERS[grammar](data)
    except Exception as error:
        return f"{result.word}, and the second reader cannot read it: {error!r}"
    money = result.money()
    money.pop(0, None)  # nothing is no money, however it is written
    found.pop(0, None)
    if result.word == "a batch held":
        more = money - found
        return f"more money than there is: {dict(more)}" if more else None
    if wrong:
        return f"{result.word}, and {wrong}"
    if money != found:
        return f"{result.word}: too much {dict(money - found)}, too little {dict(found - money)}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("grammar", choices=SUBJECTS)
    parser.add_argument("--inputs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    subject = SUBJECTS[options.grammar]
    pa.set_cpu_count(1)
    files: dict[str, list[bytes]] = {}
    for name, data in seeds(subject):
        files.setdefault(name, []).append(data)
        outcome(shipped(name), data)  # what is loaded once is loaded before the cap
    gc.freeze()  # collections would go through all modules every few inputs, a tenth of the time
    cap_memory()
    dice = random.Random(f"{options.grammar} {options.seed}")
    names = list(files)
    words: Counter[str] = Counter()
    failed = 0
    started = time.perf_counter()
    for number in range(options.inputs):
        name = dice.choice(names)
        data = mutate.mutated(files[name], dice)
        told = fault(options.grammar, shipped(name), data, words)
        if told is not None:
            failed += 1
            if failed <= SHOWN:
                print(f"input {number}, {name}: {told}\n{data!r}\n")
    seconds = round(time.perf_counter() - started, 1)
    print(json.dumps({"inputs": options.inputs, "failed": failed, "seconds": seconds} | words))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
