"""Columns of text, joined row by row."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.arrays import joined_texts

CELLS = st.one_of(st.none(), st.text("ab", max_size=2))


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS)))
def test_joined_texts_stay_in_their_rows(rows: list[tuple[str | None, ...]]) -> None:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(3)]
    given = ["-".join(cell for cell in row if cell is not None) for row in rows]
    assert joined_texts(columns, "-").to_pylist() == [text or None for text in given]
