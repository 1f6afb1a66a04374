"""X12 decimal numbers (`6950.5`, `-143.76`, `.5`) as cents, one by one and as columns."""

from __future__ import annotations

import re

import numpy as np

from recond.parsers.columns import ZERO, Bytes, Ints, Mask
from recond.parsers.figures import digits
from recond.parsers.words import SIZE, tail_digits, words_before

_DECIMAL = re.compile(r"(-?)(0*[0-9]{0,13})(?:\.([0-9]{0,2})0*)?", re.ASCII)
_MOST = 10**15  # cents: thirteen digits before the point, zeros in front apart
_WIDE = 16  # bytes of a number that are read at once; longer ones are read one by one
_SHORTEST = len("1.00")  # of the numbers that are one word
_POINT, _MINUS = 46, 45
_POINT_THIRD = np.uint64(_POINT << 40)  # the third byte from the end
_BYTE_THIRD, _LAST_TWO = np.uint64(0xFF << 40), np.uint64(0xFFFF << 48)
_BEFORE_THIRD = np.uint64((1 << 40) - 1)


def decimal_cents(text: str) -> int | None:
    """Cents of an X12 decimal number, None when it is none.

    ASCII digits only, an explicit point, at most two places that are not zero, at most thirteen
    digits before it, zeros in front apart.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    cents = int(match[2] or "0") * 100 + int((match[3] or "").ljust(2, "0"))
    return -cents if match[1] else cents


def span_cents(data: Bytes, start: Ints, end: Ints) -> tuple[Ints, Mask]:
    """Cents of spans that hold X12 decimal numbers, and a mask of those that hold none (0)."""
    count = len(start)
    if not count:
        return np.zeros(0, dtype=np.int64), np.ones(0, dtype=np.bool_)
    length = end - start
    if int(length.min()) >= _SHORTEST and int(length.max()) <= SIZE:
        cents, bad = _word_cents(data, length, end)
    else:
        cents, bad = _word_cents(data, np.clip(length, _SHORTEST, SIZE), end)
        bad |= (length < _SHORTEST) | (length > SIZE)
    rows = np.flatnonzero(bad)
    if len(rows):
        cents[rows], bad[rows] = _wide_cents(data, start[rows], end[rows])
    return cents, bad


def _wide_cents(data: Bytes, start: Ints, end: Ints) -> tuple[Ints, Mask]:
    """As `span_cents`, for numbers of any length, without a point or with a sign."""
    count = len(start)
    cents = np.zeros(count, dtype=np.int64)
    bad: Mask = np.ones(count, dtype=np.bool_)
    negative = (end > start) & (data[np.minimum(start, len(data) - 1)] == _MINUS)
    first = start + negative
    length = end - first
    room = np.concatenate([np.full(_WIDE, ZERO, np.uint8), data])
    windows = np.lib.stride_tricks.sliding_window_view(room, _WIDE)[end]
    view = np.where(np.arange(_WIDE) >= (_WIDE - length)[:, None], windows, np.uint8(ZERO))
    short = (length > 0) & (length < _WIDE)
    for behind in (2, None, 1, 0):  # digits behind the point; None: there is no point
        if not bad.any():
            break
        if behind is None:
            rows = np.flatnonzero(short & bad & ~(view == _POINT).any(axis=1))
            figures = view[rows]
        else:
            point = _WIDE - 1 - behind
            rows = np.flatnonzero(short & bad & (view[:, point] == _POINT) & (length > behind + 1))
            figures = np.delete(view[rows], point, axis=1)
        if len(rows):
            value, wrong = digits(figures)
            cents[rows] = value * 10 ** (2 - (behind or 0))
            bad[rows] = wrong | (value >= _MOST // 10 ** (2 - (behind or 0)))
    cents = np.where(negative, -cents, cents)
    for row in np.flatnonzero(bad):  # what is no plain number: exactly, and seldom
        raw = data[int(start[row]) : int(end[row])].tobytes().decode("latin-1").strip(" ")
        exact = decimal_cents(raw) if len(raw) <= 40 else None
        bad[row] = exact is None
        cents[row] = exact or 0
    return cents, bad


def _word_cents(data: Bytes, length: Ints, end: Ints) -> tuple[Ints, Mask]:
    """Cents of spans of four to eight bytes that are digits with two places (`104.00`), and a
    mask of those that are not: a number is one 64-bit word, its point taken out by shifting."""
    word = words_before(data, end)
    pointed = (word & _BYTE_THIRD) == _POINT_THIRD
    figures = word & _BEFORE_THIRD
    figures <<= np.uint64(8)
    figures |= word & _LAST_TWO
    value, wrong = tail_digits(figures, length - 1)
    return value, wrong | ~pointed
