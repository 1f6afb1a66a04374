"""Eight bytes of each row as one 64-bit word: numbers and codes of delimited bytes in a few steps.

A word is little-endian: its lowest byte is the first one in the file.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
_Bytes = npt.NDArray[np.uint8]
_Ints = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]

SIZE = 8  # bytes of a word
_MANY = 512  # words that are worth taking by aligned ones
_WORD_BITS, _THREE = np.uint64(64), np.uint64(3)
_ADDITIONS = [
    (np.uint64(mask), np.uint64(factor), np.uint64(shift))
    for mask, factor, shift in (
        (0x0F0F0F0F0F0F0F0F, 2561, 8),
        (0x00FF00FF00FF00FF, 6553601, 16),
        (0x0000FFFF0000FFFF, 42949672960001, 32),
    )
]
_ZEROS = np.uint64(0x3030303030303030)
_ONE = np.uint64(1)
_TO_HIGH = np.uint64(0x7676767676767676)  # lifts 10 and more to the high bit of its byte
_HIGH_BITS = np.uint64(0x8080808080808080)


def _windows(data: _Bytes) -> Words:
    """The word at every byte of `data` but the last seven; nothing is copied but short data."""
    if len(data) < SIZE:
        data = np.concatenate([data, np.zeros(SIZE - len(data), dtype=np.uint8)])
    return np.ndarray((len(data) - SIZE + 1,), "<u8", buffer=np.ascontiguousarray(data), strides=1)


def _words(data: _Bytes, place: _Ints) -> Words:
    """The words at places of which each has eight bytes from it on."""
    windows = _windows(data)
    if len(place) < _MANY or len(data) < 2 * SIZE or _address(data) % SIZE:
        return windows[place]
    # NumPy takes words one by one where they are not aligned: both aligned ones that a word is
    # in, shifted together, take two thirds of the time.
    whole = data[: len(data) // SIZE * SIZE].view("<u8")
    at, shift = place >> 3, (place & 7).view(np.uint64)
    shift <<= _THREE
    word: Words = whole.take(at, mode="clip")
    word >>= shift
    at += 1
    after = whole.take(at, mode="clip")
    after <<= np.subtract(_WORD_BITS, shift, out=shift)  # by 64 bits nothing is left
    word |= after
    last = np.flatnonzero(place > len(data) - 2 * SIZE)
    if len(last):
        word[last] = windows[place[last]]
    return word


def _address(data: _Bytes) -> int:
    return int(data.__array_interface__["data"][0])


def words_at(data: _Bytes, place: _Ints) -> Words:
    """The eight bytes from each place (0 to `len(data)`); what is behind the data reads 0."""
    last = max(len(data) - SIZE, 0)
    if len(place) and int(place.max()) > last:
        inside = np.minimum(place, last)
        return _words(data, inside) >> ((place - inside) * 8).astype(np.uint64)
    return _words(data, place)


def words_before(data: _Bytes, end: _Ints) -> Words:
    """The eight bytes before each end (0 to `len(data)`); what is before the data reads 0."""
    if len(end) and int(end.min()) < SIZE:
        missing = np.maximum(SIZE - end, 0)
        return _words(data, np.maximum(end - SIZE, 0)) << (missing * 8).astype(np.uint64)
    return _words(data, end - SIZE)


def word_digits(word: Words) -> tuple[_Ints, _Mask]:
    """Numbers of words of eight ASCII digits, and which words hold anything else.

    Three multiplications add up first pairs, then fours, then all eight.
    """
    return _summed(word ^ _ZEROS)


def tail_digits(word: Words, length: _Ints) -> tuple[_Ints, _Mask]:
    """`word_digits` of the last `length` bytes (0 to 8) of words, whatever stands before them."""
    blank = (SIZE - length).view(np.uint64)
    blank <<= _THREE
    figures = word ^ _ZEROS
    figures >>= blank
    figures <<= blank
    return _summed(figures)


def _summed(figures: Words) -> tuple[_Ints, _Mask]:
    """Numbers of words of eight figures 0 to 9, and which hold anything else. Takes the words."""
    other = figures + _TO_HIGH
    other |= figures
    other &= _HIGH_BITS
    for mask, factor, shift in _ADDITIONS:
        figures &= mask
        figures *= factor
        figures >>= shift
    return figures.view(np.int64), other != 0


def last_bytes(word: Words, length: _Ints) -> Words:
    """The words with all but their last `length` bytes (0 to 8) made the digit 0."""
    blank = ((SIZE - length) * 8).astype(np.uint64)
    return (word >> blank) << blank | (_ZEROS & ((_ONE << blank) - _ONE))


def first_bytes(word: Words, length: _Ints) -> Words:
    """The words with all but their first `length` bytes (0 to 7) made the digit 0."""
    kept = (_ONE << (length * 8).astype(np.uint64)) - _ONE
    part: Words = (word & kept) | (_ZEROS & ~kept)
    return part


def digits_run(word: Words) -> _Ints:
    """How many bytes of each word are digits before the first one that is none."""
    figures = word ^ _ZEROS
    # The high bit of the first byte that is no digit; a carry reaches only bytes behind it.
    other = (figures + _TO_HIGH | figures) & _HIGH_BITS
    below = (other & (~other + _ONE)) - _ONE  # all ones where there is none
    return np.bitwise_count(below).astype(np.int64) // SIZE


def plain_cents(data: _Bytes, start: _Ints, end: _Ints, point: str = ".") -> tuple[_Ints, _Mask]:
    """Cents of the texts `data[start[i]:end[i]]` that are written plainly, one to thirteen digits,
    a point and two digits ("188.70"), and which those are; the others have 0 and are for
    `money.parse_decimal` to judge.
    """
    length = end - start
    word = last_bytes(words_before(data, end), np.clip(length, 0, SIZE))
    plain: _Mask = (length >= 4) & (length <= 2 * SIZE)
    plain &= (word >> np.uint64(40)) & np.uint64(0xFF) == np.uint64(ord(point))
    # Without the point: a zero, five digits before it, two behind.
    number = (word & np.uint64(0xFFFFFFFFFF)) << np.uint64(8)
    number |= (word & np.uint64(0xFFFF000000000000)) | np.uint64(ord("0"))
    cents, other = word_digits(number)
    plain &= ~other
    long = np.flatnonzero(plain & (length > SIZE))
    if len(long):
        word = words_before(data, end[long] - SIZE)
        front, other = word_digits(last_bytes(word, length[long] - SIZE))
        cents[long] += front * 10**7
        plain[long] &= ~other
    if not plain.all():
        cents[~plain] = 0
    return cents, plain


def signed_cents(data: _Bytes, start: _Ints, end: _Ints, point: str = ".") -> tuple[_Ints, _Mask]:
    """The same, of texts that may have a sign in front ("-188.70")."""
    first = data.take(start, mode="clip")
    minus = first == ord("-")
    signs = (minus | (first == ord("+"))) & (start < end)
    if not signs.any():
        return plain_cents(data, start, end, point)
    cents, plain = plain_cents(data, start + signs, end, point)
    return np.where(minus & signs, -cents, cents), plain
