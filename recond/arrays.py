"""Arrow columns as NumPy arrays: the two conversions that every vectorised room needs."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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
