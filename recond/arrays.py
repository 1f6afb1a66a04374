"""Arrow columns: the conversions to NumPy that every vectorised room needs, integers in order, and
texts joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def ints(column: pa.Array | pa.ChunkedArray) -> Ints:
    """An integer column without nulls as int64."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return cast(Ints, array.cast(pa.int64()).to_numpy(zero_copy_only=False))


def bools(column: pa.Array | pa.ChunkedArray) -> Bools:
    """A truth column without nulls as booleans."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return cast(Bools, array.to_numpy(zero_copy_only=False))


def stable(values: Ints) -> Ints:
    """Positions of integers in ascending order, equal ones as given: what a stable argsort gives.

    Values that lie close together are put in their places (a tenth of the cost); others are sorted
    with their position in the low bits, as plain values sort twice as fast as positions.
    """
    size, rows = len(values), np.arange(len(values))
    if (values[1:] >= values[:-1]).all():
        return rows
    least = int(values.min())
    span, bits = int(values.max()) - least, size.bit_length()
    if span < 4 * size:
        places = np.full(span + 1, -1, dtype=np.int64)
        places[values - least] = rows
        order = places[places >= 0]
        if len(order) == size:  # no two are equal
            return order
    if span.bit_length() + bits <= 62:
        packed = np.sort(((values - least) << bits) | rows)
        return cast(Ints, packed & ((1 << bits) - 1))
    return np.argsort(values, kind="stable")


def edges(groups: Ints, size: int) -> Ints:
    """Where each of `size` groups begins among ascending group numbers, and where the last ends."""
    return np.append(0, np.cumsum(np.bincount(groups, minlength=size)))


def joined_texts(texts: Sequence[pa.Array], between: str) -> pa.Array:
    """Text columns joined row by row, nulls left out; null where all are null or nothing is left.

    Arrow alone would drop a row of nulls, and so move the texts behind it to other rows.
    """
    none = texts[0].is_null()
    for text in texts[1:]:
        none = pc.and_(none, text.is_null())
    first = pc.if_else(none, "", texts[0])
    joined = pc.binary_join_element_wise(first, *texts[1:], between, null_handling="skip")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
