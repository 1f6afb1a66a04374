"""Bytes to columns: lines, views, digits and text."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recond.parsers import columns


def lines(data: bytes, block: int = columns.BLOCK, longest: int = columns.LONGEST) -> list[bytes]:
    return [
        block_of.data[start:end].tobytes()
        for block_of in columns.line_blocks(io.BytesIO(data), block, longest)
        for start, end in zip(block_of.starts, block_of.ends, strict=True)
    ]


def naive(data: bytes) -> list[bytes]:
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text.removesuffix(b"\n").split(b"\n") if text else []


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n"])), st.integers(1, 9))
def test_lines_are_those_of_a_naive_reader_at_any_block_size(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    assert lines(data, size) == naive(data)


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n"])), st.integers(1, 9))
def test_lines_know_their_number_and_place(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    number = 1
    for block in columns.line_blocks(io.BytesIO(data), size):
        assert block.first_line == number
        number += len(block.starts)
        for start, end in zip(block.starts, block.ends, strict=True):
            at = block.offset + int(start)
            assert data[at : at + int(end - start)] == block.data[start:end].tobytes()


def test_a_line_without_end_comes_in_pieces() -> None:
    found = lines(b"x" * 10_000 + b"\nab\n", 100, 50)
    assert b"".join(found) == b"x" * 10_000 + b"ab"
    assert max(len(line) for line in found) <= 200


@pytest.mark.parametrize("breaks", [b"\n", b"\r\n"])
def test_a_fixed_view_pads_short_lines_and_cuts_long_ones(breaks: bytes) -> None:
    (block,) = columns.line_blocks(io.BytesIO(breaks.join([b"abcd", b"", b"ab", b"abcdef", b""])))
    view, lengths = columns.fixed_view(block, 4)
    assert [row.tobytes() for row in view] == [b"abcd", b"    ", b"ab  ", b"abcd"]
    assert lengths.tolist() == [4, 0, 2, 6]


def test_a_fixed_view_of_even_lines_is_not_copied() -> None:
    (block,) = columns.line_blocks(io.BytesIO(b"abcd\nefgh\nijkl\n"))
    view, _ = columns.fixed_view(block, 4)
    assert [row.tobytes() for row in view] == [b"abcd", b"efgh", b"ijkl"]
    assert np.shares_memory(view, block.data)


@given(st.integers(0, 18).flatmap(lambda n: st.lists(st.binary(min_size=n, max_size=n))))
def test_digits_are_ascii_digits_and_nothing_else(rows: list[bytes]) -> None:
    width = len(rows[0]) if rows else 3
    view = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), width)
    values, bad = columns.digits(view)
    good = [all(byte in b"0123456789" for byte in row) for row in rows]
    assert bad.tolist() == [not fine for fine in good]
    assert values.tolist() == [
        int(row or b"0") if fine else 0 for row, fine in zip(rows, good, strict=True)
    ]


@given(st.integers(1, 18).flatmap(lambda n: st.lists(st.integers(0, 10**n - 1).map(
    lambda value: f"{value:0{n}d}"
), min_size=1)))  # fmt: skip
def test_digits_are_exact_up_to_eighteen(texts: list[str]) -> None:
    view = np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(len(texts), -1)
    values, bad = columns.digits(view)
    assert values.tolist() == [int(text) for text in texts]
    assert not bad.any()


@pytest.mark.parametrize("text", [b"1_0", b" 10", b"+10", b"10 ", b"1.0", b"\xb2\xb3\xb9", b"/10"])
def test_traps_of_int_are_no_digits(text: bytes) -> None:
    _, bad = columns.digits(np.frombuffer(text, dtype=np.uint8).reshape(1, 3))
    assert bad.tolist() == [True]


def test_nineteen_digits_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 18"):
        columns.digits(np.zeros((1, 19), dtype=np.uint8))


@given(st.lists(st.binary(min_size=5, max_size=5)))
def test_text_is_stripped_of_blanks_and_empty_is_null(rows: list[bytes]) -> None:
    view = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), 5)
    expected = [row.decode("latin-1").strip(" ") or None for row in rows]
    assert columns.text_column(view).to_pylist() == expected


def test_text_of_one_case_each() -> None:
    rows = [b" ab ", b"    ", b"abcd", b"a  b", b"\xc9x  "]
    view = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(5, 4)
    assert columns.text_column(view).to_pylist() == ["ab", None, "abcd", "a  b", "Éx"]
    assert columns.raw_column(view[:2]).to_pylist() == [" ab ", "    "]
