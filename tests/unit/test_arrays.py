"""Columns of text joined row by row, and integers in order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.arrays import edges, joined_texts, stable
from recond.matching.openitems import distinct, grouped

CELLS = st.one_of(st.none(), st.text("ab", max_size=2))


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS)))
def test_joined_texts_stay_in_their_rows(rows: list[tuple[str | None, ...]]) -> None:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(3)]
    given = ["-".join(cell for cell in row if cell is not None) for row in rows]
    assert joined_texts(columns, "-").to_pylist() == [text or None for text in given]


LIMIT = 2**63 - 1
NEAR, FAR = st.integers(-4, 9), st.integers(-LIMIT - 1, LIMIT)
NUMBERS = st.one_of(
    st.lists(NEAR, max_size=12),
    st.lists(NEAR, max_size=12, unique=True),
    st.lists(st.integers(10**9, 10**11), max_size=12),
    st.lists(st.one_of(NEAR, FAR), max_size=12),
)


@settings(deadline=None)
@given(NUMBERS)
def test_integers_in_order_keep_the_order_of_equal_ones(numbers: list[int]) -> None:
    values = np.array(numbers, dtype=np.int64)
    assert stable(values).tolist() == sorted(range(len(numbers)), key=lambda row: numbers[row])
    assert distinct(values).tolist() == sorted(set(numbers))
    known, place = grouped(values)
    assert known[place].tolist() == numbers


@given(st.lists(st.integers(0, 6), max_size=12))
def test_edges_of_groups(numbers: list[int]) -> None:
    edge = edges(np.array(sorted(numbers), dtype=np.int64), 7).tolist()
    assert [sorted(numbers)[edge[n] : edge[n + 1]] for n in range(7)] == [
        [number for number in numbers if number == n] for n in range(7)
    ]
