"""The clearing cascade, from its tables alone."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.calendar import Calendar
from recond.clearing import words
from recond.clearing.cascade import clear
from recond.clearing.drawers import Count, Outcome, judge, missing_numbers, sum_of_counts
from recond.clearing.kinds import kinds_of
from recond.clearing.subsets import unique_subset
from recond.clearing.tables import (
    ACH,
    ANY,
    CARD,
    COUNTER,
    LOCKBOX,
    OPEN_DEPOSITS,
    OPEN_LINES,
    RETURN,
)

Deposit = tuple[int, int, int, str, str]  # kind, day, cents, own, streams
Line = tuple[int, int, int, str]  # kinds, day, cents, words


def run(
    deposits: list[Deposit], lines: list[Line], held: bool = False
) -> list[tuple[int, int, int, str]]:
    left = [
        {"deposit_no": n, "kinds": kind, "day": day, "cents": cents, "own": own,
         "streams": streams, "touched": False, "held": held}
        for n, (kind, day, cents, own, streams) in enumerate(deposits, 1)
    ]  # fmt: skip
    right = [
        {"line_no": n, "kinds": kinds, "day": day, "cents": cents, "words": text}
        for n, (kinds, day, cents, text) in enumerate(lines, 1)
    ]
    found = clear(
        pa.Table.from_pylist(left, schema=OPEN_DEPOSITS),
        pa.Table.from_pylist(right, schema=OPEN_LINES),
    )
    return [
        (row["deposit_no"], row["line_no"], row["cents"], row["rule"])
        for row in found.pairs.to_pylist()
    ]


def test_a_bag_tells_equal_amounts_apart() -> None:
    deposits = [(COUNTER, 10, 500, "BAG1001", ""), (COUNTER, 10, 500, "BAG1002", "")]
    lines = [(ANY, 10, 500, "deposit bag1002"), (ANY, 10, 500, "deposit bag1001")]
    assert run(deposits, lines) == [(2, 1, 500, "named"), (1, 2, 500, "named")]


def test_the_day_tells_equal_amounts_apart() -> None:
    deposits = [(LOCKBOX, 10, 500, "", ""), (LOCKBOX, 11, 500, "", "")]
    lines = [(LOCKBOX, 11, 500, ""), (LOCKBOX, 10, 500, "")]
    assert run(deposits, lines) == [(2, 1, 500, "day"), (1, 2, 500, "day")]


def test_what_nothing_tells_apart_stays_open() -> None:
    deposits = [(LOCKBOX, 10, 500, "", ""), (LOCKBOX, 10, 500, "", "")]
    lines = [(LOCKBOX, 10, 500, ""), (LOCKBOX, 10, 500, "")]
    assert run(deposits, lines) == []


def test_a_wire_brings_no_deposit() -> None:
    assert run([(ACH, 10, 500, "", "")], [(0, 10, 500, "WIRE")]) == []


def test_a_line_that_names_another_box_contradicts() -> None:
    deposits = [(LOCKBOX, 10, 500, "", "4471"), (LOCKBOX, 10, 900, "", "9999")]
    assert run(deposits, [(LOCKBOX, 10, 500, "LOCKBOX 0009999")]) == []


def test_one_credit_for_all_batches_of_a_box() -> None:
    deposits = [(LOCKBOX, 10, 500, "", "4471"), (LOCKBOX, 10, 700, "", "4471"),
                (LOCKBOX, 10, 1200, "", "5500")]  # fmt: skip
    lines = [(LOCKBOX, 10, 1200, "BOX 4471"), (LOCKBOX, 10, 1200, "BOX 5500")]
    assert run(deposits, lines) == [
        (1, 1, 500, "together"), (2, 1, 700, "together"), (3, 2, 1200, "stream_day")
    ]  # fmt: skip


def test_one_debit_for_all_returns_of_a_day_beside_another_debit() -> None:
    back = [(RETURN, 10, -500, "", ""), (RETURN, 10, -700, "", "")]
    both = [(RETURN, 10, -1200, "ACH RETURN"), (RETURN, 10, -900, "ACH RETURN")]
    assert run(back, both) == [(1, 1, -500, "together"), (2, 1, -700, "together")]
    assert run(back, [both[0], both[0]]) == []  # either of two could bring them


def test_sums_are_looked_for_two_bank_days_around() -> None:
    deposits = [(LOCKBOX, 10, 500, "", "4471"), (LOCKBOX, 10, 700, "", "4471")]
    assert len(run(deposits, [(LOCKBOX, 12, 1200, "BOX 4471")])) == 2
    assert run(deposits, [(LOCKBOX, 13, 1200, "BOX 4471")]) == []


def test_e35_one_ach_credit_for_two_settlements() -> None:
    deposits = [(ACH, 9, 803250, "", ""), (ACH, 10, 442350, "", "")]
    assert run(deposits, [(ACH | CARD, 10, 1245600, "ACH")]) == [
        (1, 1, 803250, "several"), (2, 1, 442350, "several")
    ]  # fmt: skip


def test_e35_two_possible_sums_are_none() -> None:
    deposits = [(ACH, 10, 300, "", ""), (ACH, 10, 700, "", ""), (ACH, 9, 400, "", ""),
                (ACH, 9, 600, "", "")]  # fmt: skip
    assert run(deposits, [(ACH, 11, 1000, "ACH")]) == []
    assert unique_subset(1000, [300, 700, 400, 600]) is None


def test_e37_a_weekend_in_one_credit() -> None:
    deposits = [(CARD, 9, 81376, "", "web"), (CARD, 10, 20000, "", "web"),
                (CARD, 10, 15500, "", "web")]  # fmt: skip
    assert [pair[3] for pair in run(deposits, [(ACH | CARD, 10, 116876, "CARDS")])] == [
        "several"
    ] * 3  # fmt: skip


def test_one_deposit_in_two_lines() -> None:
    lines = [(LOCKBOX, 10, 400, ""), (LOCKBOX, 11, 600, ""), (LOCKBOX, 11, 77, "")]
    assert run([(LOCKBOX, 10, 1000, "", "")], lines) == [
        (1, 1, 400, "several"), (1, 2, 600, "several")
    ]  # fmt: skip


def test_e34_another_amount_of_the_one_box_of_the_day() -> None:
    deposits = [(LOCKBOX, 10, 3418225, "", "12345")]
    lines = [(LOCKBOX, 10, 3417225, "LOCKBOX 0012345")]
    assert run(deposits, lines) == [(1, 1, 3417225, "differs")]
    assert run(deposits, lines, held=True) == []
    assert run(deposits, [(LOCKBOX, 10, 3417225, "LOCKBOX")]) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=0, max_size=8),
    st.lists(st.integers(1, 90), min_size=0, max_size=6),
)
def test_nothing_is_paired_twice_and_sums_agree(left: list[int], right: list[int]) -> None:
    deposits = [(LOCKBOX, 10 + n % 2, cents, "", "") for n, cents in enumerate(left)]
    lines = [(ANY, 10, cents, "") for cents in right]
    pairs = run(deposits, lines)
    by_line: dict[int, int] = {}
    by_deposit: dict[int, int] = {}
    for deposit, line, cents, _ in pairs:
        by_line[line] = by_line.get(line, 0) + cents
        by_deposit[deposit] = by_deposit.get(deposit, 0) + cents
    assert len({(deposit, line) for deposit, line, _, _ in pairs}) == len(pairs)
    assert all(right[line - 1] == cents for line, cents in by_line.items())
    assert all(left[deposit - 1] == cents for deposit, cents in by_deposit.items())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=0, max_size=9), st.integers(1, 120))
def test_the_one_subset_is_the_one_that_counting_finds(amounts: list[int], target: int) -> None:
    every = [
        [place for place in range(len(amounts)) if mask >> place & 1]
        for mask in range(1 << len(amounts))
    ]
    sums = [one for one in every if len(one) > 1 and sum(amounts[i] for i in one) == target]
    found = unique_subset(target, amounts)
    if len(sums) == 1:
        assert found is not None
        assert sorted(found) == sums[0]
    else:
        assert found == (() if not sums else None)


@pytest.mark.parametrize(
    ("code", "cents", "kinds"),
    [("115", 1, LOCKBOX), ("147", 1, CARD), ("142", 1, ACH | CARD), ("174", 1, COUNTER | LOCKBOX),
     ("195", 1, 0), ("399", 1, ANY), (None, 1, ANY), ("NMSC", 1, ANY),
     ("555", -1, RETURN), ("415", -1, LOCKBOX), ("695", -1, COUNTER | LOCKBOX),
     ("466", -1, ACH | CARD | RETURN), ("699", -1, ANY | RETURN), ("661", -1, RETURN),
     (None, -1, RETURN), ("NMSC", -1, RETURN), ("115", -1, RETURN)],
)  # fmt: skip
def test_what_a_code_may_bring_or_take(code: str | None, cents: int, kinds: int) -> None:
    found = kinds_of(pa.array([code], pa.string()), np.array([cents]))
    assert found.tolist() == [kinds]


def test_what_was_credited_too_much_is_taken_back() -> None:
    left = [(LOCKBOX, 10, -1000, "", "4471")]
    assert run(left, [(LOCKBOX, 12, -1000, "DEPOSIT CORRECTION")]) == [(1, 1, -1000, "window")]
    assert run(left, [(RETURN, 12, -1000, "ANALYSIS FEE")]) == []


def test_tokens_lose_padding_and_case() -> None:
    assert words.token("Box 0004471", "bag-77", "BAG261102d1") == "4471 BAG261102D1"


def test_bank_days_are_those_of_the_federal_reserve() -> None:
    calendar = Calendar.of("FED", [dt.date(2026, 3, 31)])
    assert calendar.bank_day(dt.date(2026, 7, 3)) == dt.date(2026, 7, 3)  # observed by offices
    assert calendar.bank_day(dt.date(2026, 3, 14)) == dt.date(2026, 3, 16)
    assert calendar.bank_day(dt.date(2026, 3, 30), 1) == dt.date(2026, 3, 31)
    assert calendar.office_day(dt.date(2026, 3, 31)) == dt.date(2026, 4, 1)
    assert calendar.bank_days_between(dt.date(2026, 3, 12), dt.date(2026, 3, 17)) == 3


def test_e27_a_drawer_that_agrees() -> None:
    counts = "100=7;50=11;20=43;10=18;5=22;1=61;0.25=34;0.10=21;0.05=16;0.01=27"
    assert sum_of_counts(counts) == 247267
    count = Count(20000, 247267, 318450)
    assert count.deposit_cents == 545717
    assert judge(count, 227267, 318450) == Outcome(0, 0, 0)


def test_e28_e29_short_and_over_are_not_netted() -> None:
    assert judge(Count(20000, 247267, 318450), 227767, 318450) == Outcome(0, 500, 0)
    assert judge(Count(20000, 247267, 318450), 226767, 318450) == Outcome(500, 0, 0)


def test_e31_the_sum_is_right_and_the_composition_is_not() -> None:
    assert judge(Count(20000, 237267, 328450), 227267, 318450) == Outcome(0, 0, 10000)
    # 100.00 swapped, and 5.00 missing beside it
    assert judge(Count(20000, 236767, 328450), 227267, 318450) == Outcome(0, 500, 10000)


def test_e30_a_missing_receipt_number() -> None:
    own = ["000186", "000187", "000189"]
    assert missing_numbers(own, "000185", set()) == ["000188"]
    assert missing_numbers(own, "000183", {"000188"}) == ["000184", "000185"]
    assert missing_numbers(["A-1", "B-2"], None, set()) == []
