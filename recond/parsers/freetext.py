"""Words of free text that could be references: letters, digits and dashes, at least one digit.

Texts of bank lines and of ACH addenda name accounts among dates, streets and invoices. Which of
these words mean anything is for matching to say; here they are only found, as columns.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.parsers.columns import Bytes, Ints
from recond.parsers.spans import gathered

MIN_LENGTH = 4  # shorter ones are parts of dates and amounts


def _classes() -> Bytes:
    """Of each byte: 0 ends a word, 1 is a letter or dash, 2 a digit."""
    found = np.zeros(256, dtype=np.uint8)
    found[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-")] = 1
    found[list(b"0123456789")] = 2
    return found


_CLASSES = _classes()


def words_with_digits(data: Bytes, edges: Ints) -> tuple[Ints, Ints, pa.StringArray]:
    """Words of the texts `data[edges[i]:edges[i + 1]]` that have a digit: the text of each, where
    it begins in `data`, and the word in upper case. No word reaches over an edge."""
    kind = _CLASSES[data]
    inside = np.zeros(len(data) + 1, dtype=np.bool_)
    inside[:-1] = kind > 0
    before = np.zeros(len(data) + 1, dtype=np.bool_)
    before[1:] = inside[:-1]
    before[edges[:-1]] = False  # a text begins a word of its own
    start = np.flatnonzero(inside & ~before)
    stops = np.union1d(np.flatnonzero(~inside), edges)
    end = stops[np.searchsorted(stops, start, side="right")]
    digits = np.concatenate([[0], np.cumsum(kind == 2)])
    kept = (end - start >= MIN_LENGTH) & (digits[end] > digits[start])
    start, end = start[kept], end[kept]
    owner = np.searchsorted(edges, start, side="right") - 1
    return owner, start, pc.utf8_upper(gathered(data, start, end).view(pa.string()))
