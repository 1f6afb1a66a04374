"""Damage to every grammar: every prefix, every flipped byte, and thousands of mutated files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.fuzz import flips
from tests.fuzz.subjects import ROOT, SUBJECTS, outcome, shipped, smallest

SMALLEST = [(s.grammar, name) for s in SUBJECTS.values() for name in s.smallest]
DOCS = (ROOT / "docs" / "formats.md").read_text().splitlines()
# Formats without a trailer: a file that is cut behind a whole row is a whole file, and the next
# control is the bank's own line. All others hold every proper prefix but that without its end.
NO_TRAILER = {"bank_csv", "card_settlement", "cashier_receipts"}
# What these formats cannot prove: amounts that nothing repeats. docs/formats.md argues each.
NO_TOTALS = {"ofx", "cashier_receipts", "bank_csv"}  # bank_csv: of its first row
INPUTS = sum(subject.inputs for subject in SUBJECTS.values())

Runs = dict[str, "Future[subprocess.CompletedProcess[str]]"]


@pytest.mark.parametrize(("grammar", "name"), SMALLEST)
def test_every_prefix_is_held_or_lacks_only_its_end(grammar: str, name: str) -> None:
    fmt, data = shipped(name), smallest(SUBJECTS[grammar], name)
    whole = outcome(fmt, data)
    assert whole.word != "held"
    for size in flips.accepted_prefixes(fmt, data):
        cut = outcome(fmt, data[:size])
        if name in NO_TRAILER:
            assert cut.money() <= whole.money(), size
        else:
            # Padding, filler and the mark of an end: nothing that a record says.
            assert len(data[size:].strip(b" 9\r\n-~")) <= 2, size
            assert cut.money() == whole.money(), size


def documented(name: str) -> set[str]:
    """The fields that the docs name for a format: no control covers them."""
    (row,) = [line for line in DOCS if line.startswith(f"| {name} | ") and "`" in line]
    return set(re.findall(r"`([a-z_]+\.[a-z_]+)`", row))


@pytest.mark.parametrize(("grammar", "name"), SMALLEST)
def test_every_flip_is_seen_or_in_a_field_that_the_docs_name(grammar: str, name: str) -> None:
    found = flips.flips(shipped(name), smallest(SUBJECTS[grammar], name), flips.ONE)
    assert set(found.columns) <= documented(name)
    if name not in NO_TOTALS:
        assert found.money == []


@pytest.mark.long
@pytest.mark.parametrize(("grammar", "name"), SMALLEST)
def test_every_bit_of_every_byte(grammar: str, name: str) -> None:
    data = smallest(SUBJECTS[grammar], name)
    assert flips.row_of(name, data, flips.flips(shipped(name), data, flips.SOME)) in DOCS
    found = flips.flips(shipped(name), data, flips.ALL)
    assert set(found.columns) <= documented(name)
    if name not in NO_TOTALS:
        assert found.money == []


def _fuzz(grammar: str, inputs: int, seed: int) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "tests.fuzz", grammar, "--inputs", str(inputs), "--seed", str(seed),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """A process for each grammar, as many at a time as there are cores."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield {s.grammar: pool.submit(_fuzz, s.grammar, s.inputs, 1) for s in SUBJECTS.values()}


def test_there_are_twenty_thousand_inputs() -> None:
    assert INPUTS >= 20_000


@pytest.mark.parametrize("grammar", SUBJECTS)
def test_what_is_accepted_of_mutated_files_adds_up(runs: Runs, grammar: str) -> None:
    done = runs[grammar].result()
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["inputs"] == SUBJECTS[grammar].inputs
    assert told["failed"] == 0
    # Damage that is too coarse would prove nothing: a part of it must get through.
    assert told["held"] < told["inputs"]
    assert told["held"] > told["inputs"] // 10


# A piece of a million is a seed of its own, so that all cores work on a grammar and a piece that
# fails can be run again alone.
PIECES, PIECE = 20, 50_000


@pytest.mark.long
@pytest.mark.parametrize("grammar", SUBJECTS)
def test_a_million_mutated_files(grammar: str) -> None:
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        pieces = pool.map(lambda seed: _fuzz(grammar, PIECE, seed), range(2, 2 + PIECES))
        failed = [done.stdout + done.stderr for done in pieces if done.returncode]
    assert not failed, "\n".join(failed)
