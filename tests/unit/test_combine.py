"""Combinations: the one choice of amounts that adds up, or an honest no."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recond.matching.combine import combine


def brute(target: int, amounts: list[int]) -> list[tuple[int, ...]]:
    """Every choice of two or more places, by looking at them all."""
    return [
        chosen
        for size in range(2, len(amounts) + 1)
        for chosen in combinations(range(len(amounts)), size)
        if sum(amounts[place] for place in chosen) == target
    ]


@given(
    st.lists(st.integers(1, 40), max_size=8),
    st.integers(0, 120),
)
def test_it_is_what_looking_at_all_choices_says(amounts: list[int], target: int) -> None:
    found = combine(target, amounts, most_parts=8)
    every = brute(target, amounts)
    if not every:
        assert found.outcome == "none"
    elif len(every) == 1:
        assert (found.outcome, found.places) == ("unique", every[0])
    else:
        assert (found.outcome, found.places) == ("several", ())


@given(
    st.lists(st.integers(1, 30), max_size=8),
    st.integers(0, 100),
    st.integers(2, 4),
)
def test_few_parts_are_what_looking_at_all_choices_says(
    amounts: list[int], target: int, most: int
) -> None:
    found = combine(target, amounts, most_parts=most)
    every = [one for one in brute(target, amounts) if len(one) <= most]
    assert found.outcome == ("none", "unique", "several")[min(len(every), 2)]
    assert found.places == (every[0] if len(every) == 1 else ())


@pytest.mark.parametrize(
    ("amounts", "outcome"), [([100] * 150, "several"), ([100, 3] * 60, "none")]
)
def test_very_many_ways_are_looked_at_in_blocks(amounts: list[int], outcome: str) -> None:
    assert combine(400 if outcome == "several" else 4001, amounts, most_parts=4).outcome == outcome


def test_many_amounts_are_searched_in_depth() -> None:
    amounts = [1000 + 7 * n for n in range(250)]
    assert combine(1000 + 1007, amounts, most_parts=2).places == (0, 1)


def test_equal_amounts_are_different_accounts() -> None:
    assert combine(300, [100, 200, 200]).outcome == "several"
    assert combine(500, [100, 200, 200]).places == (0, 1, 2)


def test_one_amount_is_no_combination() -> None:
    assert combine(200, [200, 100]).outcome == "none"


def test_no_more_parts_than_allowed() -> None:
    assert combine(10, [1, 2, 3, 4], most_parts=3).outcome == "none"
    assert combine(10, [1, 2, 3, 4], most_parts=4).places == (0, 1, 2, 3)


def test_it_says_when_it_gave_up() -> None:
    """Odd target, even amounts: nothing adds up, and only looking at everything would prove it."""
    amounts = [2 * n for n in range(50, 90)]
    assert combine(1001, amounts, most_steps=1_000).outcome == "gave up"
    assert combine(1001, amounts[:4]).outcome == "none"


def test_a_wide_search_is_decided_or_given_up_within_its_steps() -> None:
    """100 open amounts: the steps bound the time (performance section 2), whatever they are."""
    amounts = [501 + 37 * n for n in range(100)]
    assert combine(sum(amounts[3:7]), amounts, most_parts=4).outcome == "several"
    assert combine(sum(amounts[-8:]), amounts).places == tuple(range(92, 100))
