"""Bytes to columns: lines, views, digits and text."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.parsers import columns, figures


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


class Trickle(io.RawIOBase):
    """A source that gives some bytes at a time, as unpacking does."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = io.BytesIO(data), size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._data.readinto(buffer[: self._size])


@given(st.lists(st.sampled_from([b"a", b"bc", b"\r\n"])), st.integers(1, 3), st.integers(8, 20))
def test_a_file_within_a_block_is_one_block(parts: list[bytes], size: int, block: int) -> None:
    data = b"".join(parts)[: block - 1]
    found = list(columns.line_blocks(Trickle(data, size), block))
    assert [len(lines.starts) for lines in found] == [len(naive(data))] * bool(data)


def test_a_line_without_end_comes_in_pieces() -> None:
    found = lines(b"x" * 10_000 + b"\nab\n", 100, 50)
    assert b"".join(found) == b"x" * 10_000 + b"ab"
    assert max(len(line) for line in found) <= 200


WIDE = st.lists(st.sampled_from([b"ab", b"a\r", b"a\n", b"\r\n", b"\x0c-"]), max_size=3)


@given(
    st.lists(WIDE.map(b"".join), min_size=1, max_size=9),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.integers(1, 40),
    st.booleans(),
)
def test_lines_of_one_length_are_split_as_any_others(
    texts: list[bytes], ending: bytes, size: int, reuse: bool
) -> None:
    width = max(len(text) for text in texts)
    data = b"".join(text.ljust(width) + ending for text in texts)
    found = [
        (block.first_line + row, block.data[start:end].tobytes())
        for block in columns.line_blocks(io.BytesIO(data), size, reuse=reuse)
        for row, (start, end) in enumerate(zip(block.starts, block.ends, strict=True))
        if block.rows is None or block.rows[row].tobytes() == block.data[start:end].tobytes()
    ]
    assert found == list(enumerate(naive(data), 1))


@given(st.lists(st.sampled_from([b"6", b"7", b"8a", b""]), max_size=30), st.integers(1, 20))
def test_lines_that_belong_together_come_together(texts: list[bytes], size: int) -> None:
    def whole(data: columns.Bytes, starts: columns.Ints) -> int:
        others = np.flatnonzero(data[starts] != ord("7"))
        return int(others[-1]) if len(others) else 0

    data = b"".join(text + b"\n" for text in texts)
    blocks = [
        [
            block.data[start:end].tobytes()
            for start, end in zip(block.starts, block.ends, strict=True)
        ]
        for block in columns.line_blocks(io.BytesIO(data), size, whole=whole, reuse=True)
    ]
    assert [line for block in blocks for line in block] == naive(data)
    assert all(block[0] != b"7" for block in blocks[1:])


@pytest.mark.parametrize("breaks", [b"\n", b"\r\n"])
def test_a_fixed_view_pads_short_lines_and_cuts_long_ones(breaks: bytes) -> None:
    (block,) = columns.line_blocks(io.BytesIO(breaks.join([b"abcd", b"", b"ab", b"abcdef", b""])))
    view, lengths = columns.fixed_view(block, 4)
    assert [row.tobytes() for row in view] == [b"abcd", b"    ", b"ab  ", b"abcd"]
    assert lengths.tolist() == [4, 0, 2, 6]


def test_a_fixed_view_of_even_lines_is_not_copied_again() -> None:
    (block,) = columns.line_blocks(io.BytesIO(b"abcd\nefgh\nijkl\n"))
    view, _ = columns.fixed_view(block, 4)
    assert [row.tobytes() for row in view] == [b"abcd", b"efgh", b"ijkl"]
    assert block.rows is not None
    assert np.shares_memory(view, block.rows)


@given(st.integers(0, 18).flatmap(lambda n: st.lists(st.binary(min_size=n, max_size=n))))
def test_digits_are_ascii_digits_and_nothing_else(rows: list[bytes]) -> None:
    width = len(rows[0]) if rows else 3
    view = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), width)
    values, bad = figures.digits(view)
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
    values, bad = figures.digits(view)
    assert values.tolist() == [int(text) for text in texts]
    assert not bad.any()


@pytest.mark.parametrize("text", [b"1_0", b" 10", b"+10", b"10 ", b"1.0", b"\xb2\xb3\xb9", b"/10"])
def test_traps_of_int_are_no_digits(text: bytes) -> None:
    _, bad = figures.digits(np.frombuffer(text, dtype=np.uint8).reshape(1, 3))
    assert bad.tolist() == [True]


def test_nineteen_digits_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 18"):
        figures.digits(np.zeros((1, 19), dtype=np.uint8))


@settings(deadline=None)  # the first array of Python objects looks for pandas
@given(st.lists(st.binary(min_size=5, max_size=5)))
def test_text_is_stripped_of_blanks_and_empty_is_null(rows: list[bytes]) -> None:
    view = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(rows), 5)
    expected = [row.decode("latin-1").strip(" ") or None for row in rows]
    assert columns.text_column(view).to_pylist() == expected


@given(
    st.integers(1, 20).flatmap(
        lambda width: st.lists(
            st.text("ab ", max_size=width).map(lambda text: text.ljust(width).encode())
        )
    ),
    st.integers(0, 12),
)
def test_text_of_one_length_is_not_stripped_and_is_the_same(rows: list[bytes], more: int) -> None:
    wide = len(rows[0]) + more if rows else 9
    packed = b"".join(row.ljust(wide) for row in rows)
    view = np.frombuffer(packed, dtype=np.uint8).reshape(len(rows), wide)
    expected = [row.decode().strip(" ") or None for row in rows]
    assert columns.text_column(view).to_pylist() == expected
    assert columns.text_column(view, plain=True).to_pylist() == expected


@given(
    st.integers(8, 20).flatmap(
        lambda width: st.lists(
            st.text("ab", min_size=width, max_size=width), min_size=1, max_size=4
        )
    )
)
def test_rows_are_alike_or_not(texts: list[str]) -> None:
    view = np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(len(texts), -1)
    assert figures.alike(view) == (len(set(texts)) == 1)


@given(st.integers(1, 11), st.lists(st.text("ab", min_size=11, max_size=11), min_size=1), st.data())
def test_rows_have_the_same_bytes_or_not(width: int, texts: list[str], dice: st.DataObject) -> None:
    view = np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(len(texts), -1)
    rows = dice.draw(st.lists(st.integers(0, len(texts) - 1), min_size=len(texts)))[: len(texts)]
    same = figures.same_bytes(view[:, :width], view[:, 11 - width :], np.array(rows))
    pairs = zip(texts, rows, strict=True)
    assert same.tolist() == [text[:width] == texts[row][11 - width :] for text, row in pairs]


@pytest.mark.parametrize("count", [0, 1, columns.LARGE_BLOCK >> 5, (columns.LARGE_BLOCK >> 5) + 1])
def test_a_constant_column_has_its_text_in_every_row(count: int) -> None:
    assert columns.constant("x", count).equals(pa.array(["x"] * count, pa.string()))
    assert columns.constant(None, count).null_count == count


def test_text_of_one_case_each() -> None:
    rows = [b" ab ", b"    ", b"abcd", b"a  b", b"\xc9x  "]
    view = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(5, 4)
    assert columns.text_column(view).to_pylist() == ["ab", None, "abcd", "a  b", "Éx"]
    assert columns.raw_column(view[:2]).to_pylist() == [" ab ", "    "]
