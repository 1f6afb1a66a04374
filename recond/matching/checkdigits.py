"""Check digits of scan lines, as data: every scheme is weights, a modulus and what is done with it
(formats.md section 3).

`luhn`, `731` and `aba` are names for weighted schemes that everybody has:

    luhn   weights 2, 1 from the right, digits of the products summed, modulus 10, complement
    731    weights 7, 3, 1 from the left, modulus 10, complement
    aba    weights 3, 7, 1 from the left, modulus 10, complement (US routing numbers)
    mod97  two digits: 98 less the remainder of the number with two zeros behind it, by 97
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from recond.arrays import Bools, Ints
from recond.matching.policy import ScanLine

Digits = npt.NDArray[np.uint8]  # 0-9, and LETTER_X in the place of a check digit

LETTER_X = ord("X") - ord("0")
_NEVER = -1  # no digit is right: the number is not issued


@dataclass(frozen=True, slots=True)
class Scheme:
    """A weighted check digit: weights repeat over the covered columns, from one end."""

    weights: tuple[int, ...]
    from_right: bool
    digit_sum: bool = False  # the digits of each product are summed, not the products
    modulus: int = 10
    complement: bool = True  # modulus less the remainder; else the remainder itself
    ten: int = _NEVER  # what stands for a check digit of 10


NAMED = {
    "luhn": Scheme((2, 1), True, digit_sum=True),
    "731": Scheme((7, 3, 1), False),
    "aba": Scheme((3, 7, 1), False),
}
_TENS = {"X": LETTER_X, "0": 0, "none": _NEVER}


def scheme_of(line: ScanLine) -> Scheme:
    """The scheme of a scan line other than mod97."""
    return NAMED.get(line.check) or Scheme(
        line.weights, line.weights_from == "right", line.digit_sum, line.modulus,
        line.complement, _TENS[line.ten],
    )  # fmt: skip


def weighted(digits: Digits, scheme: Scheme) -> Ints:
    """The check digit over each row of digits (n, m); LETTER_X and -1 stand for themselves."""
    count = digits.shape[1]
    weights = np.resize(np.array(scheme.weights, dtype=np.int64), count)
    if scheme.from_right:
        weights = weights[::-1]
    products = digits.astype(np.int64) * weights
    if scheme.digit_sum:  # weights are below 100, so products have three digits at most
        products = products // 100 + products // 10 % 10 + products % 10
    rest = products.sum(axis=1) % scheme.modulus
    found = (scheme.modulus - rest) % scheme.modulus if scheme.complement else rest
    return cast(Ints, np.where(found == 10, scheme.ten, found))


def mod97(digits: Digits) -> Ints:
    """The two check digits (ISO 7064 97-10) over each row, as a number from 2 to 98."""
    rest = np.zeros(len(digits), dtype=np.int64)
    for column in range(digits.shape[1]):
        rest = (rest * 10 + digits[:, column]) % 97
    return cast(Ints, 98 - rest * 100 % 97)


def good_digits(digits: Digits, line: ScanLine) -> Bools:
    """Whether each row of digits (n, line.length) has the check digit that its line asks for."""
    covered = digits[:, line.covered[0] - 1 : line.covered[1]]
    at = line.check_digit - 1
    given = digits[:, at].astype(np.int64)
    if line.check == "mod97":
        return cast(Bools, given * 10 + digits[:, at + 1] == mod97(covered))
    return cast(Bools, given == weighted(covered, scheme_of(line)))
