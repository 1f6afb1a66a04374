"""Delimited bytes to columns: numbers and text from spans `data[start:end]`, without a Python
object a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.parsers.columns import Bytes, Ints, Mask, rows_at
from recond.parsers.words import SIZE, tail_digits, words_before

MOST_DIGITS = 18  # the largest number of decimal digits that always fits an int64
_SPACE, _ASCII_END = 32, 128
_RUNS = 64  # so many runs are put together one by one, more are taken row by row


def span_digits(data: Bytes, start: Ints, end: Ints, most: int = 15) -> tuple[Ints, Mask]:
    """Numbers of spans of ASCII digits, and a mask of those that are not (number 0).

    Strict: an empty span, a sign, a blank, or more than `most` digits (at most 18) makes a row bad.
    """
    if most > MOST_DIGITS:
        raise ValueError(f"{most} digits do not fit an int64; at most {MOST_DIGITS} do")
    length = end - start
    last = words_before(data, end)
    if len(length) and int(length.min()) > 0 and int(length.max()) <= min(most, SIZE):
        total, bad = tail_digits(last, length)
        if bad.any():
            total[bad] = 0
        return total, bad
    bad = (length < 1) | (length > most)
    total, wrong = tail_digits(last, np.clip(length, 0, SIZE))
    for read in (SIZE, 2 * SIZE):  # what stands before the last eight digits, the last sixteen
        rows = np.flatnonzero((length > read) & ~bad)
        if not len(rows):
            break
        before = words_before(data, end[rows] - read)
        upper, strange = tail_digits(before, np.minimum(length[rows] - read, SIZE))
        total[rows] += upper * 10**read
        wrong[rows] |= strange
    bad |= wrong
    if bad.any():
        total[bad] = 0
    return total, bad


def text_spans(texts: pa.StringArray) -> tuple[Bytes, Ints, Ints]:
    """The bytes of a text column and where each text starts and ends; what a null spans means
    nothing."""
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)
    ends = offsets[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8), ends[:-1], ends[1:]


def fixed_rows(text: pa.Array) -> Bytes | None:
    """The bytes of texts of one length as an `(n, length)` array; None where they differ or one
    is null or empty."""
    if text.null_count or not len(text):
        return None
    offsets = np.frombuffer(text.buffers()[1], dtype=np.int32)
    ends = offsets[text.offset : text.offset + len(text) + 1]
    width = int(ends[1] - ends[0])
    if not width or not bool((ends[1:] - ends[:-1] == width).all()):
        return None
    size = len(text) * width
    data = np.frombuffer(text.buffers()[2], dtype=np.uint8, count=size, offset=int(ends[0]))
    return data.reshape(len(text), width)


def span_view(data: Bytes, start: Ints, width: int) -> Bytes:
    """`width` bytes from each start, as an `(n, width)` view; clipped at the end of the data."""
    place = start[:, None] + np.arange(width)
    view: Bytes = data[np.clip(place, 0, max(len(data) - 1, 0))]
    return view


def edged(data: Bytes, start: Ints, end: Ints) -> bool:
    """Whether any span may have white space at an edge, so that its text must be trimmed."""
    if not len(start) or not len(data):
        return False
    edges = np.minimum(data.take(start, mode="clip"), data[end - 1])
    return int(edges.min()) <= _SPACE and bool(((edges <= _SPACE) & (start < end)).any())


def blanks_inside(texts: pa.StringArray) -> bool:
    """Whether texts that were just gathered hold any white space: else none is at their edges,
    and to look at all bytes costs less than to look at the edges."""
    data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    return int(data.min(initial=_ASCII_END)) <= _SPACE


def span_text(data: Bytes, start: Ints, end: Ints, encoding: str) -> tuple[pa.StringArray, Mask]:
    """Text of spans in file order, and a mask of those with characters that were replaced."""
    count = len(start)
    replaced = np.zeros(count, dtype=np.bool_)
    plain = not len(data) or int(data.max()) < _ASCII_END
    if plain or _is_utf8(data, encoding):
        return gathered(data, start, end).view(pa.string()), replaced
    texts = []  # a block with bytes that do not decode as a whole: each text by itself
    for row in range(count):
        text = data[int(start[row]) : int(end[row])].tobytes().decode(encoding, "replace")
        replaced[row] = "\ufffd" in text
        texts.append(text)
    return pa.array(texts, type=pa.string()), replaced


def _is_utf8(data: Bytes, encoding: str) -> bool:
    if encoding.lower().replace("-", "") not in {"utf8", "ascii"}:
        return False
    try:
        data.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def joined_text(pieces: pa.StringArray, counts: Ints) -> pa.StringArray:
    """Texts of several pieces each, a blank between: `counts[i]` pieces make text i."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int32)
    np.cumsum(counts, out=offsets[1:])
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), pieces), " ")


def gathered(data: Bytes, start: Ints, end: Ints, counts: Ints | None = None) -> pa.BinaryArray:
    """Bytes of several spans each, put together: `counts[i]` spans in file order make value i;
    each span is a value where there are no counts."""
    count = len(start)
    length = end - start
    if count and (width := int(length[0])) and bool((length == width).all()):
        rows = rows_at(data, start, width)  # one length, as references have: in half the time
        places = np.arange(0, (count + 1) * width, width, dtype=np.int32)
        packed = pa.BinaryArray.from_buffers(
            pa.binary(), count, [None, pa.py_buffer(places), pa.py_buffer(rows)]
        )
    else:
        packed = _taken(data, start, end)
    if counts is None:
        return packed
    places = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(length, out=places[1:])
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(counts), [None, pa.py_buffer(places[offsets]), packed.buffers()[2]]
    )


def _taken(data: Bytes, start: Ints, end: Ints) -> pa.BinaryArray:
    """Bytes of spans in file order, each a value."""
    count = len(start)
    bounds = np.empty(2 * count + 1, dtype=np.int32)
    bounds[0:-1:2], bounds[1::2] = start, end
    bounds[-1] = end[-1] if count else 0
    # Spans and the gaps between them are one array over the block; every second is taken.
    both = pa.BinaryArray.from_buffers(
        pa.binary(), 2 * count, [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    )
    return both.take(pa.array(np.arange(0, 2 * count, 2)))


def either_text(raw: pa.BinaryArray, encoding: str) -> tuple[pa.StringArray, Mask]:
    """Bytes as text: UTF-8 where they are valid UTF-8, else `encoding`, and a mask of values with
    characters that were replaced. For formats whose files never say truly what they are."""
    replaced = np.zeros(len(raw), dtype=np.bool_)
    try:
        return raw.cast(pa.string()), replaced
    except pa.ArrowInvalid:
        pass
    texts = []  # a block that is not UTF-8 as a whole: each value by itself
    for row, value in enumerate(raw.to_pylist()):
        texts.append(either(value, encoding))
        replaced[row] = "\ufffd" in texts[-1]
    return pa.array(texts, type=pa.string()), replaced


def either(value: bytes, encoding: str) -> str:
    """One value as `either_text` reads it."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode(encoding, "replace")


def repeated(values: Sequence[str | None], sizes: Ints) -> pa.StringArray:
    """Text that is the same for many rows: value i stands `sizes[i]` times."""
    if len(values) > _RUNS:
        rows = np.repeat(np.arange(len(values)), sizes)
        return pa.array(values, type=pa.string()).take(pa.array(rows))
    if not values:
        return pa.array([], type=pa.string())
    raw = [b"" if value is None else value.encode() for value in values]
    count, lengths = int(sizes.sum()), {len(one) for one in raw}
    if len(lengths) == 1 and (width := lengths.pop()):
        offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    else:
        offsets = np.zeros(count + 1, dtype=np.int32)
        np.cumsum(np.repeat([len(one) for one in raw], sizes), out=offsets[1:])
    data = b"".join(one * size for one, size in zip(raw, sizes.tolist(), strict=True))
    valid = None
    if None in values:
        given = np.repeat([value is not None for value in values], sizes)
        valid = pa.py_buffer(np.packbits(given, bitorder="little"))
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data), valid)
