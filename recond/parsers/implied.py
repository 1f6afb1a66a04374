"""Columns of amounts whose point is implied: `money.parse_implied` of all texts at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recond.arrays import bools
from recond.money import MAX_CENTS
from recond.parsers.columns import Ints, Mask
from recond.parsers.spans import MOST_DIGITS, span_digits, text_spans

_SIGN = np.zeros(256, dtype=np.int64)  # what a last character says: + and -, or a punched digit
_SIGN[[ord(mark) for mark in "+{ABCDEFGHI"]] = 1
_SIGN[[ord(mark) for mark in "-}JKLMNOPQR"]] = -1
_FRONT = np.where(np.isin(np.arange(256), (ord("+"), ord("-"))), _SIGN, 0)
_PUNCHED = np.full(256, -1, dtype=np.int64)  # the digit under a sign that is punched over it
for _signs in ("{ABCDEFGHI", "}JKLMNOPQR"):
    _PUNCHED[[ord(mark) for mark in _signs]] = np.arange(10)


def implied_cents(texts: pa.Array, decimals: int = 2) -> tuple[pa.Array, pa.Array]:
    """Cents of a text column of digits with a sign nowhere, in front, behind or punched over the
    last digit, and which texts are no amount: (int64 cents, bool bad), both of its length.

    A null or bad text has null cents; only a text that is there and wrong is bad. What is an
    amount, `money.parse_implied` says.
    """
    count = len(texts)
    given = bools(texts.is_valid())
    data, start, end = text_spans(texts)
    if not len(data):
        return pa.nulls(count, pa.int64()), pa.array(given)
    front = _FRONT[data.take(start, mode="clip")]
    last = data.take(end - 1, mode="clip")
    back, punched = _SIGN[last], _PUNCHED[last]
    blank = start == end
    start, end = start + (front != 0), end - (back != 0)
    number, bad = span_digits(data, start, end, MOST_DIGITS)
    if back.any():
        over = punched >= 0
        bad &= ~(over & (start == end))  # a punched digit may stand alone
        bad |= (back != 0) & (front != 0)
        bad |= over & (end - start >= MOST_DIGITS)
        number = np.where(over & ~bad, number * 10 + punched, number)
    number, broken = _scaled(number, decimals)
    bad = (bad | broken | blank) & given
    cents = np.where(front + back < 0, -number, number)
    return pa.array(cents, mask=bad | ~given), pa.array(bad)


def _scaled(number: Ints, decimals: int) -> tuple[Ints, Mask]:
    """Numbers with so many decimals as cents, and which are more than any payment or hold a part
    of a cent."""
    if decimals <= 2:
        factor = 10 ** (2 - decimals)
        large: Mask = number > MAX_CENTS // factor
        return np.where(large, 0, number) * factor, large
    cents, rest = np.divmod(number, 10 ** (decimals - 2))
    return cents, (rest != 0) | (cents > MAX_CENTS)
