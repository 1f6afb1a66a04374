"""Money as int64 cents: strict text to cents and back, and splits that lose no cent.

Nothing here is ever a binary fraction, and nothing is rounded: a third decimal is refused
(reliability.md faults 42-45). Only ASCII digits are digits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MAX_CENTS: Final = 10**15  # larger amounts are refused; sums of 9,000 of them still fit an int64

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_OVERPUNCH = {
    **{letter: (digit, 1) for digit, letter in enumerate("{ABCDEFGHI")},
    **{letter: (digit, -1) for digit, letter in enumerate("}JKLMNOPQR")},
}
_SIGNED_DIGITS = re.compile(r"([+-]?)([0-9]{1,18})([+-]?)")
_PUNCHED = re.compile(r"([0-9]{0,17})([{}A-R])")
_NARROW = 2**31


def _decimal_pattern(decimals: int, *, exact: bool) -> str:
    if decimals == 0:
        return r"^[+-]?[0-9]{1,16}$"
    tail = rf"\.[0-9]{{{decimals}}}" if exact else rf"(\.[0-9]{{1,{decimals}}})?"
    return rf"^[+-]?[0-9]{{1,16}}{tail}$"


def parse_decimal(text: str, *, decimals: int = 2, exact: bool = True) -> int:
    """Cents of a decimal text such as "188.70", "-12.00" or "+5.00".

    Refused with ValueError: thousands separators, currency signs, blanks, exponents, `_`, digits
    that are not ASCII, a missing digit on either side of the point, another number of decimals
    than `decimals` (with `exact=False` fewer are allowed: "188.7"), more than 10**15 cents.
    Source: contract section 4, reliability.md fault 45.
    """
    # `$` of re.match also matches before a last line break; fullmatch does not.
    if re.fullmatch(_decimal_pattern(decimals, exact=exact).strip("^$"), text) is None:
        raise ValueError(f"'{text}' is not an amount with {decimals} decimals and a point")
    whole, _, fraction = text.partition(".")
    return _bounded(int(whole + fraction.ljust(decimals, "0")), text)


def parse_implied(text: str, decimals: int = 2) -> int:
    """Cents of digits whose point is implied: "0000018870", "-18870", "18870-", "1887{".

    The sign stands nowhere, in front, behind, or is punched over the last digit ({A-I plus,
    }J-R minus). `decimals` other than 2 scales to cents where that is exact. Blanks around are
    not allowed. Raises ValueError for anything else and for more than 10**15 cents.
    """
    plain = _SIGNED_DIGITS.fullmatch(text)
    punched = _PUNCHED.fullmatch(text)
    if plain is not None and not (plain[1] and plain[3]):
        value = int(plain[2]) * (-1 if "-" in (plain[1], plain[3]) else 1)
    elif punched is not None:
        digit, sign = _OVERPUNCH[punched[2]]
        value = sign * int(punched[1] + str(digit))
    else:
        raise ValueError(f"'{text}' is not an amount of digits with an implied point")
    if decimals <= 2:
        return _bounded(value * 10 ** (2 - decimals), text)
    cents, rest = divmod(abs(value), 10 ** (decimals - 2))
    if rest:
        raise ValueError(f"'{text}' has a part of a cent")
    return _bounded(cents if value >= 0 else -cents, text)


def _bounded(cents: int, text: str) -> int:
    if abs(cents) > MAX_CENTS:
        raise ValueError(f"'{text}' is more than any payment may be")
    return cents


def cents_from_text(
    values: pa.Array | pa.ChunkedArray, *, decimals: int = 2, exact: bool = True
) -> tuple[pa.Array, pa.Array]:
    """`parse_decimal` of a whole text column: (int64 cents, bool bad), both of its length.

    A null or bad value has null cents; only a value that is there and wrong is bad.
    """
    array = _one_array(values)
    right = pc.match_substring_regex(array, _decimal_pattern(decimals, exact=exact))
    # RE2's `$` is the end of the text; nulls stay null and are not bad.
    texts = pc.if_else(right, array, pa.scalar(None, pa.string()))
    cents = _joined_digits(texts, decimals, exact=exact)
    cents = pc.if_else(pc.less_equal(pc.abs(cents), MAX_CENTS), cents, pa.scalar(None, pa.int64()))
    return cents, pc.and_(pc.is_valid(array), pc.is_null(cents))


def _joined_digits(texts: pa.Array, decimals: int, *, exact: bool) -> pa.Array:
    if exact or decimals == 0:
        joined = pc.replace_substring(texts, ".", "") if decimals else texts
    else:
        parts = pc.extract_regex(texts, r"^(?P<whole>[+-]?[0-9]+)\.?(?P<part>[0-9]*)$")
        part = pc.utf8_rpad(pc.struct_field(parts, "part"), decimals, "0")
        joined = pc.binary_join_element_wise(pc.struct_field(parts, "whole"), part, "")
    # Arrow's cast takes a minus and no plus.
    return pc.cast(pc.replace_substring(joined, "+", ""), pa.int64())


def format_cents(cents: int) -> str:
    """Cents as decimal text: 18870 → "188.70", -5 → "-0.05"."""
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02d}"


def format_grouped(cents: int) -> str:
    """Cents for people, with thousands separators: 3418225 → "34,182.25"."""
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}.{part:02d}"


def decimal_from_cents(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """int64 cents as decimal128(18,2), exactly; nulls stay null."""
    whole = pc.cast(_one_array(values), pa.decimal128(19, 0))
    # The same integers read at scale 2: the buffers are those of the cents.
    wide = pa.Array.from_buffers(
        pa.decimal128(19, 2), len(whole), whole.buffers(), offset=whole.offset
    )
    return pc.cast(wide, pa.decimal128(18, 2))


def text_from_cents(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """int64 cents as decimal text ("188.70"), vectorised `format_cents`; nulls stay null."""
    return pc.cast(decimal_from_cents(values), pa.string())


def split(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in the ratio of `weights`, exact to the cent, by largest remainder.

    Each share is its quota rounded down, and the cents that are left go to the largest
    remainders, ties in the order given (domain examples E7, E36). A negative total is split as
    the positive one, with the sign put back. Raises ValueError for a negative weight, or for
    weights that sum to zero while the total does not.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is negative")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError("there is nothing to split by: all weights are zero")
        return [0] * len(weights)
    shares, rests = [], []
    for weight in weights:
        share, rest = divmod(abs(total) * weight, whole)
        shares.append(share)
        rests.append(rest)
    left = abs(total) - sum(shares)
    for position in sorted(range(len(weights)), key=lambda at: (-rests[at], at))[:left]:
        shares[position] += 1
    return shares if total >= 0 else [-share for share in shares]


def split_groups(totals: Ints, group_starts: Ints, weights: Ints) -> Ints:
    """`split` of many groups at once: int64 shares as long as `weights`.

    `totals[g]` cents are split over `weights[group_starts[g]:group_starts[g + 1]]` (the last
    group ends with `weights`; an empty group takes only a total of zero). Exact integers
    throughout; groups whose products could leave an int64 go one by one through `split`.
    Raises ValueError as `split` does.
    """
    counts = np.diff(np.append(group_starts, len(weights)))
    group = np.repeat(np.arange(len(totals)), counts)
    shares = np.zeros(len(weights), dtype=np.int64)
    narrow = _narrow_groups(totals, group, weights)
    rows = np.flatnonzero(narrow[group])
    shares[rows] = _split_narrow(totals, group[rows], weights[rows])
    bounds = np.append(group_starts, len(weights))
    empty = (counts == 0) & (totals != 0)
    if bool(empty.any()):
        raise ValueError("there is nothing to split by: a group is empty")
    for one in np.flatnonzero(~narrow):  # rare: more than 21 million in one payment
        low, high = int(bounds[one]), int(bounds[one + 1])
        shares[low:high] = split(int(totals[one]), weights[low:high].tolist())
    return shares


def _narrow_groups(totals: Ints, group: npt.NDArray[np.intp], weights: Ints) -> Mask:
    """Groups whose total and sum of weights are below 2**31: their products fit an int64."""
    if len(weights) and int(weights.min()) < 0:
        raise ValueError("a weight is negative")
    capped = np.minimum(weights, _NARROW)
    sums = np.zeros(len(totals), dtype=np.int64)
    np.add.at(sums, group, capped)
    narrow: Mask = (np.abs(totals) < _NARROW) & (sums < _NARROW)
    if bool(((sums == 0) & (totals != 0)).any()):
        raise ValueError("there is nothing to split by: all weights are zero")
    return narrow


def _split_narrow(totals: Ints, group: npt.NDArray[np.intp], weights: Ints) -> Ints:
    if not len(weights):
        return np.zeros(0, dtype=np.int64)
    sums = np.zeros(len(totals), dtype=np.int64)
    np.add.at(sums, group, weights)
    whole = np.maximum(sums, 1)[group]
    products = np.abs(totals)[group] * weights
    shares = products // whole
    rests = products - shares * whole
    given = np.zeros(len(totals), dtype=np.int64)
    np.add.at(given, group, shares)
    left = (np.abs(totals) - given)[group]
    # Rank of each row in its group by remainder, largest first, ties in the order given.
    order = np.lexsort((np.arange(len(rests)), -rests, group))
    first = np.searchsorted(group, group, side="left")
    rank = np.empty(len(rests), dtype=np.int64)
    rank[order] = np.arange(len(rests)) - first[order]
    shares += rank < left
    signed: Ints = np.where(totals[group] < 0, -shares, shares)
    return signed


def _one_array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
