"""Words by which a statement line names a deposit.

A token is a run of letters and digits, upper case, without leading zeros: banks pad box and batch
numbers as they like. Short ones name nothing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import Ints, ints

MIN_LENGTH = 4


def tokens(texts: pa.Array) -> tuple[Ints, pa.Array]:
    """The tokens of each text: (row of the text, token), several a text."""
    upper = pc.utf8_upper(pc.fill_null(texts, ""))
    parts = pc.split_pattern_regex(upper, r"[^A-Z0-9]+")
    row = ints(pc.list_parent_indices(parts))
    word = pc.ascii_ltrim(pc.list_flatten(parts), "0")
    kept = pc.greater_equal(pc.binary_length(word), MIN_LENGTH)
    return row[kept.to_numpy(zero_copy_only=False)], word.filter(kept)


def token(*texts: str | None) -> str:
    """Tokens of some texts, separated by blanks, each once and in order."""
    _, words = tokens(pa.array([text or "" for text in texts], pa.string()))
    return " ".join(dict.fromkeys(words.to_pylist()))


def codes(first: pa.Array, second: pa.Array) -> tuple[Ints, Ints]:
    """Two columns of words as numbers: equal words have equal numbers."""
    both = pa.concat_arrays([first.cast(pa.string()), second.cast(pa.string())])
    coded = both.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return coded[: len(first)], coded[len(first) :]
