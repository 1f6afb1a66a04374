"""Reading one archived file: parse it once to judge it, keep it small or read it again.

A file's problems, totals and batches are known only at its trailer; nothing may post before. A
small file's chunks are kept, a large one is parsed a second time when its effect is written
(parsing is a tenth of the job, memory is bounded by the chunk).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond import controls
from recond.balances import Proof
from recond.exceptions.codes import CODES
from recond.model import BATCHES, CONTROLS, Format, Parsed, Problem, Transmission
from recond.parsers import GRAMMARS
from recond.pipeline import fingerprints
from recond.pipeline.unusual import FarFromToday

# NUL_BYTES holds the file; what is shown of it has this in place of a NUL.
_NUL_SHOWN = "\N{SYMBOL FOR NULL}"
MAX_PROBLEMS = 1_000  # rows kept of one file; the rest is counted


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as it was read and judged."""

    problems: tuple[Problem, ...]
    transmission: Transmission
    batches: pa.Table  # BATCHES
    chunks: Callable[[], Iterator[Parsed]]
    repeat_keys: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)  # by batch
    receipts: int = 0

    def errors(self, scope: str) -> list[Problem]:
        """Problems that hold what `scope` names."""
        return [p for p in self.problems if is_error(p.code, scope)]

    @property
    def held_batches(self) -> frozenset[int]:
        """The batches that are wrong by themselves."""
        return frozenset(p.batch_ord for p in self.errors("BATCH") if p.batch_ord is not None)


def is_error(code: str, scope: str) -> bool:
    """Whether a problem of this code holds what `scope` (FILE, BATCH, ITEM) names."""
    return CODES[code].severity == "error" and CODES[code].scope == scope


def read(
    open_source: Callable[[], BinaryIO],
    fmt: Format,
    hash_key: str,
    keep_receipts: int,
    today: dt.date | None = None,
) -> Reading:
    """Parse and judge a file; nothing of it is believed yet.

    `keep_receipts`: up to so many receipts the parsed chunks stay in memory. `today` is what the
    days of money are compared with.
    """
    kept: list[Parsed] | None = []
    problems: list[Problem] = []
    receipts = 0
    batches, declared = [BATCHES.empty_table()], [CONTROLS.empty_table()]
    keys: dict[int, list[npt.NDArray[np.int64]]] = {}
    transmission = Transmission()
    far, proof = FarFromToday(today), Proof(fmt)
    for chunk in _parse(open_source, fmt, hash_key):
        far.look(chunk)
        proof.look(chunk)
        receipts += chunk.table("receipts").num_rows
        _gather_problems(chunk.problems, problems)
        batches.append(chunk.table("batches"))
        declared.append(chunk.table("controls"))
        transmission = chunk.transmission or transmission
        _gather_keys(chunk.table("receipts"), keys)
        if kept is not None:
            kept.append(chunk)
            if receipts > keep_receipts:
                kept = None
    problems.extend(controls.compare(pa.concat_tables(declared), fmt.waives))
    problems.extend(proof.problems())
    problems.extend(far.problems(problems))
    stored = tuple(kept) if kept is not None else None
    return Reading(
        tuple(problems),
        transmission,
        pa.concat_tables(batches),
        (lambda: iter(stored))
        if stored is not None
        else (lambda: _parse(open_source, fmt, hash_key)),
        {batch: np.concatenate(parts) for batch, parts in keys.items()},
        receipts,
    )


def _parse(open_source: Callable[[], BinaryIO], fmt: Format, hash_key: str) -> Iterator[Parsed]:
    """The parser's chunks, their receipts with `fingerprints.KEYS`."""
    damaged = False
    with open_source() as source:
        for chunk in GRAMMARS[fmt.grammar].parse(source, fmt):
            damaged = damaged or any(problem.code == "NUL_BYTES" for problem in chunk.problems)
            kept = _without_nuls(chunk) if damaged else chunk
            receipts = fingerprints.with_keys(kept.table("receipts"), hash_key)
            yield replace(kept, tables={**kept.tables, "receipts": receipts})


def _without_nuls(chunk: Parsed) -> Parsed:
    """A chunk of a damaged file as a database can keep it: the file is held and shown."""
    tables = {
        name: pa.table(
            [
                pc.replace_substring(column, "\0", _NUL_SHOWN)
                if pa.types.is_string(column.type)
                else column
                for column in table.columns
            ],
            schema=table.schema,
        )
        for name, table in chunk.tables.items()
    }
    problems = tuple(
        replace(problem, message=_shown(problem.message), field=_shown(problem.field))
        for problem in chunk.problems
    )
    sent = chunk.transmission
    if sent is not None:
        sent = replace(sent, identity=_shown(sent.identity))
    return Parsed(tables, problems, sent)


@overload
def _shown(text: str) -> str: ...
@overload
def _shown(text: None) -> None: ...
def _shown(text: str | None) -> str | None:
    return None if text is None else text.replace("\0", _NUL_SHOWN)


def _gather_problems(found: tuple[Problem, ...], kept: list[Problem]) -> None:
    """Keep the first problems; of the others one a code and batch, so that nothing which holds
    a batch is left out."""
    room = max(0, MAX_PROBLEMS - len(kept))
    kept.extend(found[:room])
    if len(found) > room:
        known = {(p.code, p.batch_ord) for p in kept}
        for problem in found[room:]:
            if (problem.code, problem.batch_ord) not in known:
                known.add((problem.code, problem.batch_ord))
                kept.append(problem)


def _gather_keys(receipts: pa.Table, keys: dict[int, list[npt.NDArray[np.int64]]]) -> None:
    if receipts.num_rows == 0:
        return
    batch = receipts["batch_ord"].combine_chunks().to_numpy(zero_copy_only=False)
    # 0 stands for "no key": such an item can never be a repetition
    values = pc.fill_null(receipts["repeat_key"], 0).to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.r_[True, batch[1:] != batch[:-1]])
    for start, end in zip(starts, np.r_[starts[1:], len(batch)], strict=True):
        keys.setdefault(int(batch[start]), []).append(values[start:end])
