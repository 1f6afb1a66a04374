"""Bytes of columns as text: together, and as each value is read alone."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.parsers.texts import decoded, trimmed

VALUES = st.one_of(
    st.sampled_from([b"", b"\xe2\x82", b"\xe2\x82\xac", b"\xef\xbf\xbd", b"\xff", b"A\xe9"]),
    st.binary(max_size=4),
)


@settings(deadline=None)
@given(
    st.lists(VALUES, max_size=8),
    st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252", "cp037", "shift_jis"]),
    st.booleans(),
)
def test_values_are_read_as_each_alone(values: list[bytes], encoding: str, full: bool) -> None:
    if full:  # no byte is free to stand between them
        values = [*values, bytes(range(32))]
    texts, wrong, rest = decoded(pa.array(values, pa.binary()), encoding, "name", lenient=True)
    assert texts.to_pylist() == [value.decode(encoding, "replace") for value in values]
    assert ([fault.row for fault in wrong], rest) == (strange(values, encoding), {})


def strange(values: list[bytes], encoding: str) -> list[int]:
    found = []
    for row, value in enumerate(values):
        try:
            value.decode(encoding)
        except UnicodeDecodeError:
            found.append(row)
    return found


def test_only_the_first_wrong_values_get_a_sentence() -> None:
    raw = pa.array([b"\xe9", b"A", b"\xe9", b"\xe9"], pa.binary())
    _, wrong, rest = decoded(raw, "utf-8", "code", lenient=False, kept=2)
    assert [(fault.row, fault.code) for fault in wrong] == [
        (0, "ENCODING_WRONG"), (2, "ENCODING_WRONG"),
    ]  # fmt: skip
    assert "0xe9" in wrong[0].message
    assert {code: rows.tolist() for code, rows in rest.items()} == {"ENCODING_WRONG": [3]}


@pytest.mark.parametrize("start", [0, 1])
@given(st.lists(st.text(" \ta", max_size=3), min_size=1))
def test_blanks_are_taken_off(start: int, texts: list[str]) -> None:
    found = trimmed(pa.array(texts, pa.string()).slice(start))
    assert found.to_pylist() == [text.strip(" \t") or None for text in texts[start:]]
