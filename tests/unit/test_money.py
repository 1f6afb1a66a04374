"""Money: strict text to cents and back, and splits to the cent."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recond import money

WRONG = [
    "", " ", "1,234.56", "1.234,56", "$5", "$5.00", "5.", ".5", "5", "5.0", "1e5", "1e5.00",
    "1_000.00", "12.345", "--5.00", "+-5.00", "5.00-", " 5.00", "5.00 ", "5.00\n", "٥.٠٠", "²5.00",
    "１.００", "nan", "inf", "0x10.00", "10000000000000.01", "99999999999999999999.00", "(5.00)",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "cents"),
    [("188.70", 18870), ("-12.00", -1200), ("+5.00", 500), ("0.00", 0), ("-0.00", 0),
     ("007.10", 710), ("10000000000000.00", 10**15)],
)  # fmt: skip
def test_a_decimal_amount_is_read_exactly(text: str, cents: int) -> None:
    assert money.parse_decimal(text) == cents
    assert money.cents_from_text(pa.array([text]))[0].to_pylist() == [cents]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_strict_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        money.parse_decimal(text)
    cents, bad = money.cents_from_text(pa.array([text]))
    assert cents.to_pylist() == [None]
    assert bad.to_pylist() == [True]


def test_fewer_decimals_only_where_the_format_says_so() -> None:
    assert money.parse_decimal("188.7", exact=False) == 18870
    assert money.parse_decimal("188", exact=False) == 18800
    assert money.parse_decimal("188", decimals=0) == 188
    texts = pa.array(["188.7", "-188", "1.", "1.234", "+0.5"])
    cents, bad = money.cents_from_text(texts, exact=False)
    assert cents.to_pylist() == [18870, -18800, None, None, 50]
    assert bad.to_pylist() == [False, False, True, True, False]


def test_nulls_are_neither_read_nor_bad() -> None:
    cents, bad = money.cents_from_text(pa.chunked_array([["1.00", None], [None]]))
    assert cents.to_pylist() == [100, None, None]
    assert bad.to_pylist() == [False, False, False]


@pytest.mark.parametrize(
    ("text", "cents"),
    [("0000018870", 18870), ("-18870", -18870), ("+18870", 18870), ("18870-", -18870),
     ("18870+", 18870), ("1887{", 18870), ("1887}", -18870), ("1887A", 18871), ("1887I", 18879),
     ("1887J", -18871), ("1887R", -18879), ("0", 0), ("}", 0)],
)  # fmt: skip
def test_an_implied_amount_has_its_sign_anywhere(text: str, cents: int) -> None:
    assert money.parse_implied(text) == cents


@pytest.mark.parametrize("text", ["", "-", "-5-", "5.00", "1 8", "18S", "A8", "1_0", "٥", "9" * 18])
def test_an_implied_amount_refuses_the_rest(text: str) -> None:
    with pytest.raises(ValueError):
        money.parse_implied(text)


def test_other_decimals_are_scaled_only_exactly() -> None:
    assert money.parse_implied("5", decimals=0) == 500
    assert money.parse_implied("-12340", decimals=3) == -1234
    with pytest.raises(ValueError):
        money.parse_implied("12345", decimals=3)


@given(st.lists(st.one_of(st.none(), st.integers(-(10**15), 10**15))))
def test_cents_survive_text_and_decimal(values: list[int | None]) -> None:
    cents = pa.array(values, type=pa.int64())
    texts = money.text_from_cents(cents)
    assert texts.to_pylist() == [None if v is None else money.format_cents(v) for v in values]
    assert money.cents_from_text(texts)[0].to_pylist() == values
    decimals = money.decimal_from_cents(pa.chunked_array([cents]))
    assert decimals.type == pa.decimal128(18, 2)
    assert [None if d is None else int(d.scaleb(2)) for d in decimals.to_pylist()] == values


@given(st.text(max_size=24))
def test_the_vector_and_the_scalar_agree_on_any_text(text: str) -> None:
    try:
        expected: int | None = money.parse_decimal(text)
    except ValueError:
        expected = None
    assert money.cents_from_text(pa.array([text], type=pa.string()))[0].to_pylist() == [expected]


def test_a_sliced_column_keeps_its_place() -> None:
    column = pa.array([1, None, -7, 1234567], type=pa.int64())[1:]
    assert money.text_from_cents(column).to_pylist() == [None, "-0.07", "12345.67"]


def test_amounts_for_people_are_grouped() -> None:
    assert money.format_grouped(3418225) == "34,182.25"
    assert money.format_grouped(-100) == "-1.00"


def test_domain_examples_of_splits() -> None:
    current_bill = [4275, 3120, 2680, 325]  # 2W 2S 2G 2T
    # E6: two cents go to the largest remainders, .91 and .81.
    assert money.split(1530, current_bill) == [629, 459, 394, 48]
    # E7: naive rounding gives 4999; the lost cent goes to the largest remainder, 2G .46.
    assert money.split(5000, current_bill) == [2055, 1500, 1289, 156]
    assert money.split(10000, [1, 1, 1]) == [3334, 3333, 3333]
    # E36: the card fee over three funds.
    assert money.split(1810, [41000, 25376, 15000]) == [912, 564, 334]


@given(
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(0, 10**12), min_size=1, max_size=9).filter(any),
)
def test_a_split_loses_no_cent_and_is_fair(total: int, weights: list[int]) -> None:
    shares = money.split(total, weights)
    whole = sum(weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * whole - total * weight) < whole  # within a cent of the quota


@given(
    st.lists(
        st.tuples(
            st.integers(-(10**13), 10**13) | st.integers(-(10**5), 10**5),
            st.lists(st.integers(0, 10**13) | st.integers(0, 9), min_size=1, max_size=5).filter(
                any
            ),
        ),
        max_size=8,
    )
)
def test_groups_split_as_one_by_one(groups: list[tuple[int, list[int]]]) -> None:
    starts = np.cumsum([0, *[len(w) for _, w in groups]])[: len(groups)].astype(np.int64)
    totals = np.array([t for t, _ in groups], dtype=np.int64)
    weights = np.array([w for _, ws in groups for w in ws], dtype=np.int64)
    shares = money.split_groups(totals, starts, weights)
    assert shares.tolist() == [s for t, w in groups for s in money.split(t, w)]


def test_impossible_splits_are_refused() -> None:
    with pytest.raises(ValueError):
        money.split(1, [0, 0])
    with pytest.raises(ValueError):
        money.split(1, [])
    with pytest.raises(ValueError):
        money.split(5, [2, -1])
    assert money.split(0, [0, 0]) == [0, 0]
    one, none = np.array([1]), np.array([], dtype=np.int64)
    with pytest.raises(ValueError):
        money.split_groups(one, np.array([0]), none)
    with pytest.raises(ValueError):
        money.split_groups(one, np.array([0]), np.array([0, 0]))
