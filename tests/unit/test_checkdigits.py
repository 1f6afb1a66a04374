"""Check-digit schemes as data, against the vectors of formats.md section 3 and python-stdnum."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stdnum import luhn
from stdnum.iso7064 import mod_97_10
from stdnum.us import rtn

from recond.matching.checkdigits import NAMED, Scheme, mod97, weighted
from recond.matching.policy import Rules, ScanLine
from recond.matching.references import digit_matrix, read
from recond.model import REMITTANCES


def judged(text: str, line: ScanLine) -> str:
    """What the matcher makes of a reference: good, failed, or no scan line at all."""
    table = pa.Table.from_pylist([{"kind": "REFERENCE", "reference": text}], schema=REMITTANCES)
    reading = read(table, Rules(scan_lines=(line,)))
    return "good" if reading.scanned[0] else "failed" if reading.failed[0] else "none"


def line(length: int, **more: object) -> ScanLine:
    """A scan line whose last column is its check digit."""
    given = {"length": length, "account": (1, 2), "due_date": None, "amount_due": None,
             "covered": (1, length - 1), "check_digit": length, **more}  # fmt: skip
    return ScanLine.model_validate(given)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("003456789011102960000000000100000000010008", True),
        ("1203547437000006715000017150000201611200000300000001", True),
        ("003456789011101960000000000100000000010008", False),  # printed so by its maker
    ],
)
def test_the_luhn_vectors(text: str, good: bool) -> None:
    assert judged(text, line(len(text))) == ("good" if good else "failed")
    assert luhn.is_valid(text) == good


def test_the_routing_number_vectors() -> None:
    for text, good in (("231380104", True), ("231380105", False)):
        assert judged(text, line(9, check="aba")) == ("good" if good else "failed")
        assert rtn.is_valid(text) == good


DIGITS = st.text("0123456789", min_size=1, max_size=30)


def check(base: str, scheme: Scheme) -> int:
    return int(weighted(digit_matrix(pa.array([base]), len(base)), scheme)[0])


@given(DIGITS)
def test_luhn_is_that_of_stdnum(base: str) -> None:
    assert check(base, NAMED["luhn"]) == int(luhn.calc_check_digit(base))


@given(st.text("0123456789", min_size=8, max_size=8))
def test_aba_is_that_of_stdnum(base: str) -> None:
    assert check(base, NAMED["aba"]) == int(rtn.calc_check_digit(base))


@given(DIGITS)
def test_mod97_is_that_of_stdnum(base: str) -> None:
    found = int(mod97(digit_matrix(pa.array([base]), len(base)))[0])
    assert f"{found:02d}" == mod_97_10.calc_check_digits(base)


@given(DIGITS, st.lists(st.integers(0, 99), min_size=1, max_size=7), st.booleans(),
       st.booleans(), st.sampled_from([10, 11]), st.booleans())  # fmt: skip
def test_any_scheme_is_what_it_says_digit_by_digit(
    base: str, weights: list[int], right: bool, digit_sum: bool, modulus: int, complement: bool
) -> None:
    total = 0
    for place, digit in enumerate(base[::-1] if right else base):
        product = int(digit) * weights[place % len(weights)]
        total += sum(map(int, str(product))) if digit_sum else product
    rest = total % modulus
    expected = (modulus - rest) % modulus if complement else rest
    scheme = Scheme(tuple(weights), right, digit_sum, modulus, complement, 77)
    assert check(base, scheme) == (77 if expected == 10 else expected)


@given(DIGITS, st.integers(0, 29), st.integers(1, 9))
def test_one_wrong_digit_never_passes_luhn_mod97_or_mod11(base: str, at: int, by: int) -> None:
    place = at % len(base)
    wrong = base[:place] + str((int(base[place]) + by) % 10) + base[place + 1 :]
    assert check(base, NAMED["luhn"]) != check(wrong, NAMED["luhn"])
    both = digit_matrix(pa.array([base, wrong]), len(base))
    assert len(set(mod97(both).tolist())) == 2
    eleven = Scheme((2, 3, 4, 5, 6, 7), True, modulus=11, ten=40)
    assert len(set(weighted(both, eleven).tolist())) == 2


@pytest.mark.parametrize(("ten", "printed", "judgement"), [
    ("X", "X", "good"), ("X", "0", "failed"), ("0", "0", "good"), ("0", "X", "none"),
    ("none", "0", "failed"), ("none", "X", "none"),
])  # fmt: skip
def test_a_mod11_digit_of_ten_is_as_declared(ten: str, printed: str, judgement: str) -> None:
    # 2*6 = 12, 12 % 11 = 1, 11 - 1 = 10
    eleven = line(3, check="weighted", weights=(2, 3, 4, 5, 6, 7), modulus=11, ten=ten)
    assert judged(f"06{printed}", eleven) == judgement
    assert judged("019", eleven) == "good"  # 2*1 = 2, 11 - 2 = 9


def test_mod97_has_two_digits() -> None:
    two = line(8, check="mod97", covered=(1, 6), check_digit=7)
    assert judged("123456" + mod_97_10.calc_check_digits("123456"), two) == "good"
    assert judged("12345699", two) == "failed"


def test_simple_mod10_without_complement() -> None:
    plain = line(4, check="weighted", weights=(1, 2), weights_from="left", complement=False)
    assert judged("1238", plain) == "good"  # 1 + 4 + 3
    assert judged("1232", plain) == "failed"


@pytest.mark.parametrize(
    "more",
    [
        {"check": "weighted"},
        {"weights": (1, 2)},
        {"check": "weighted", "weights": (100,)},
        {"check": "weighted", "weights": (1,), "ten": "X"},
        {"check": "mod97", "covered": (1, 8), "check_digit": 9},
        {"check": "mod97", "covered": (8, 9), "check_digit": 7},
        {"check": "mod12"},
        {"check": "weighted", "weights": (1,), "modulus": 12},
    ],
)
def test_a_scheme_that_cannot_be_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        line(9, **more)


def test_digits_are_of_bytes() -> None:
    assert weighted(np.zeros((0, 3), dtype=np.uint8), NAMED["luhn"]).tolist() == []
