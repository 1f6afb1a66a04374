"""Problems gathered while a file is read: all of them, or as many as anyone would read.

A file of a million bad lines must not make a million sentences. Of each code a file (and of each
batch, for faults that hold only a batch) the first few are kept and the others counted, so that
nothing that holds is ever lost. Problems of single receipts are all kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recond.arrays import Bools, Ints
from recond.exceptions.codes import CODES
from recond.model import Problem

KEPT = 25


class Notes:
    """Collects problems and hands them on chunk by chunk."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept  # of each kind
        self._seen: dict[tuple[str, int | None], int] = {}
        self._fresh: list[Problem] = []
        self._later: list[tuple[str, int, int | None]] = []

    def first(self, code: str) -> bool:
        """Whether no problem of that code was told yet, of the file as a whole."""
        return (code, None) not in self._seen

    def add(
        self,
        code: str,
        message: str,
        *,
        line: int | None = None,
        byte_offset: int | None = None,
        field: str | None = None,
        batch_ord: int | None = None,
        ordinal: int | None = None,
    ) -> None:
        """Keep a problem, or count it when enough of its kind were kept."""
        scope = CODES[code].scope
        key = (code, batch_ord if scope == "BATCH" else None)
        seen = self._seen.get(key, 0)
        self._seen[key] = seen + 1
        if seen < self.kept or scope == "ITEM":
            self._fresh.append(Problem(code, message, line, byte_offset, field, batch_ord, ordinal))

    def count(self, code: str, number: int, batch_ord: int | None = None) -> None:
        """Count further problems of a kind without a sentence for each."""
        key = (code, batch_ord if CODES[code].scope == "BATCH" else None)
        self._seen[key] = self._seen.get(key, 0) + number

    def count_beyond(self, code: str, number: int) -> None:
        """Count what is left of `number` problems of the file when the first `kept` were added."""
        if number > self.kept:
            self.count(code, number - self.kept)

    def each(self, code: str, rows: Bools) -> Iterator[int]:
        """The rows to add a problem for, one by one: of a problem of the whole file the first few,
        the others are counted when those were added."""
        found = np.flatnonzero(rows)
        told = found[: self.kept] if CODES[code].scope == "FILE" else found
        yield from told.tolist()
        self.count(code, len(found) - len(told))

    def first_of_each(self, code: str, batch_ord: Ints) -> list[int]:
        """The places that get a sentence, the first few of each batch; `count_others` counts the
        rest when those were added. `batch_ord` never falls."""
        if not len(batch_ord):
            return []
        starts = np.searchsorted(batch_ord, batch_ord)
        shown = np.arange(len(batch_ord)) - starts < self.kept
        places: list[int] = np.flatnonzero(shown).tolist()
        batches, counts = np.unique(batch_ord[~shown], return_counts=True)
        for batch, number in zip(batches.tolist(), counts.tolist(), strict=True):
            self._later.append((code, number, batch))
        return places

    def count_others(self) -> None:
        """Count what `first_of_each` left out."""
        for code, number, batch in self._later:
            self.count(code, number, batch)
        self._later.clear()

    def drain(self) -> tuple[Problem, ...]:
        """The problems since the last call, in the order of their lines."""
        fresh, self._fresh = self._fresh, []
        return tuple(sorted(fresh, key=lambda problem: problem.line or 0))

    def rest(self) -> tuple[Problem, ...]:
        """One problem for each kind of which more were found than kept."""
        return tuple(
            Problem(
                code,
                f"{seen - self.kept} more problems of this kind were found and are not listed.",
                batch_ord=batch_ord,
            )
            for (code, batch_ord), seen in self._seen.items()
            if seen > self.kept and CODES[code].scope != "ITEM"
        )
