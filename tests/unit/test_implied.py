"""Columns of amounts with an implied point, beside the reading of each alone."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond import money
from recond.parsers.implied import implied_cents

FIGURES = st.tuples(st.integers(0, 10**18), st.integers(1, 20)).map(
    lambda one: str(one[0]).zfill(one[1])
)
SIGNED = st.tuples(
    st.sampled_from(["", "", "+", "-"]), FIGURES, st.sampled_from([*"+-{}AIJRS", ""])
)
TEXTS = st.one_of(
    st.none(), FIGURES, SIGNED.map("".join), st.text("0189+-AJ{}S ", max_size=20), st.text()
)


def alone(text: str | None, decimals: int) -> int | None:
    try:
        return None if text is None else money.parse_implied(text, decimals)
    except ValueError:
        return None


@settings(deadline=None)
@given(st.lists(TEXTS), st.integers(0, 4), st.integers(0, 2))
def test_a_column_of_implied_amounts_is_read_as_each_alone(
    texts: list[str | None], decimals: int, cut: int
) -> None:
    column, texts = pa.array(texts, pa.string())[cut:], texts[cut:]
    cents, bad = implied_cents(column, decimals)
    assert cents.to_pylist() == [alone(text, decimals) for text in texts]
    assert bad.to_pylist() == [text is not None and alone(text, decimals) is None for text in texts]


@pytest.mark.parametrize(
    "texts", [["0000018870", "-5", None], ["}", "", "1887J", "18870-"], [None, ""], ["9" * 15]]
)
def test_signs_stand_in_front_behind_or_are_punched(texts: list[str | None]) -> None:
    cents, _ = implied_cents(pa.array(texts, pa.string()))
    assert cents.to_pylist() == [alone(text, 2) for text in texts]
