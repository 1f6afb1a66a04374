"""Fields of equal width as numbers: `(n, width)` bytes to int64, and rows of bytes compared, by
arithmetic on words of eight bytes."""

from __future__ import annotations

import numpy as np

from recond.parsers.columns import Bytes, Ints, Mask
from recond.parsers.words import Words, word_digits

MOST_DIGITS = 18  # the largest number of decimal digits that always fits an int64


def digits(view: Bytes) -> tuple[Ints, Mask]:
    """Numbers of an `(n, width)` view of ASCII digits, and a mask of the rows that are not.

    Strict: a blank, a sign or a letter anywhere makes the row bad, and its number 0. `width` is
    at most 18, which always fits an int64. Two digits are looked up; eight are one 64-bit word,
    added up in three multiplications (first pairs, then fours, then all eight).
    """
    count, width = view.shape
    if width > MOST_DIGITS:
        raise ValueError(f"{width} digits do not fit an int64; at most {MOST_DIGITS} do")
    if not view.size:
        return np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    if view.strides[1] != 1:
        view = np.ascontiguousarray(view)
    total, bad = _figures(view, max(width - 8, 0), width)
    if width > 8:
        front, worse = _figures(view, max(width - 16, 0), width - 8)
        if width > 16:
            most, worst = _figures(view, 0, width - 16)
            front, worse = front + most * 10**8, worse | worst
        if front.any():
            total += front * 10**8
        bad |= worse
    if bad.any():
        total[bad] = 0
    return total, bad


def _pairs() -> Ints:
    found = np.full(1 << 16, -1, dtype=np.int64)
    found[[int.from_bytes(b"%02d" % value, "little") for value in range(100)]] = np.arange(100)
    return found


_PAIRS = _pairs()


def _figures(view: Bytes, start: int, stop: int) -> tuple[Ints, Mask]:
    """The numbers of columns `[start:stop]`, at most eight, and which are none (any number)."""
    if stop - start == 2:
        pairs = _PAIRS.take(view[:, start:stop].view("<u2")[:, 0])
        return pairs, pairs < 0
    return word_digits(_word(view, start, stop))


def _word(view: Bytes, start: int, stop: int) -> Words:
    """Columns `[start:stop]`, at most eight, as numbers of eight bytes, zeros put in front."""
    width = stop - start
    if width == 8:
        return view[:, start:stop].view("<u8")[:, 0].astype(np.uint64)
    # Two halves that overlap: no byte outside of the columns may be touched.
    half = 4 if width >= 4 else 2 if width >= 2 else 1
    kind = f"<u{half}"
    word = view[:, stop - half : stop].view(kind)[:, 0].astype(np.uint64)
    word <<= np.uint64(8 * (8 - half))
    if width > half:
        front = view[:, start : start + half].view(kind)[:, 0].astype(np.uint64)
        front <<= np.uint64(8 * (8 - width))
        word |= front
    word |= np.uint64(int.from_bytes(b"0" * (8 - width), "little"))
    return word


def word_of(view: Bytes) -> Words:
    """Rows of an `(n, width)` view, one to eight bytes wide, as words, the digit 0 put in front."""
    return _word(view, 0, view.shape[1])


def holds(view: Bytes, wanted: bytes) -> Mask:
    """Which rows of an `(n, width)` view are those bytes."""
    one = np.frombuffer(wanted, dtype=np.uint8).reshape(1, -1)
    same: Mask
    if one.shape[1] == view.shape[1] == 1:
        same = np.equal(view[:, 0], one[0, 0])
    elif one.shape[1] == view.shape[1] <= 8:
        same = np.equal(word_of(view), word_of(one))
    else:
        same = (view == one).all(axis=1)
    return same


def same_bytes(view: Bytes, other: Bytes, rows: Ints) -> Mask:
    """Which rows of an `(n, width)` view are the bytes of `other[rows[i]]`."""
    width = view.shape[1]
    same: Mask
    if width == other.shape[1] and 1 <= width <= 8:
        same = np.equal(_word(view, 0, width), _word(other, 0, width)[rows])
    else:
        same = (view == other[rows]).all(axis=1)
    return same


def alike(view: Bytes) -> bool:
    """Whether all rows of an `(n, width)` view, at least eight wide, are the same bytes."""
    last = view.shape[1] - 8
    words = (view[:, at : at + 8].view("<u8")[:, 0] for at in {*range(0, last, 8), last})
    return all(bool((word == word[:1]).all()) for word in words)
