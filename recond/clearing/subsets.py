"""Sums of a few among many: is there exactly one subset that makes an amount?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

MOST_STEPS = 200_000


def unique_subset(target: int, amounts: Sequence[int]) -> tuple[int, ...] | None:
    """The places of the one subset of two or more amounts that sums to `target`.

    () when there is none; None when there are several, or too many to look through: then nothing
    is proved (capabilities 1.B: count solutions, stop at two). Subsets that differ only in which
    of equal amounts they take are different: nothing here tells equal amounts apart.
    """
    found: tuple[int, ...] = ()
    steps = 0
    half = len(amounts) // 2
    left, right = range(half), range(half, len(amounts))
    sums: dict[int, list[tuple[int, ...]]] = {}
    for chosen in _subsets(left):
        steps += 1
        sums.setdefault(sum(amounts[i] for i in chosen), []).append(chosen)
    for chosen in _subsets(right):
        steps += 1
        if steps > MOST_STEPS:
            return None
        rest = target - sum(amounts[i] for i in chosen)
        for other in sums.get(rest, ()):
            whole = other + chosen
            if len(whole) < 2:
                continue
            if found:
                return None
            found = whole
    return found


def _subsets(places: range) -> list[tuple[int, ...]]:
    return [one for size in range(len(places) + 1) for one in combinations(places, size)]
