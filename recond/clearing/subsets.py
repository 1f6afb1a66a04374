"""Sums of a few among many: is there exactly one subset that makes an amount?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recond.arrays import Ints

MOST_ITEMS = 32  # 65,536 sums on either side


def unique_subset(target: int, amounts: Sequence[int] | Ints) -> tuple[int, ...] | None:
    """The places of the one subset of two or more amounts that sums to `target`.

    () when there is none; None when there are several, or too many to look through: then nothing
    is proved (capabilities 1.B: count solutions, stop at two). Subsets that differ only in which
    of equal amounts they take are different: nothing here tells equal amounts apart.
    """
    items = np.asarray(amounts, np.int64)
    if len(items) > MOST_ITEMS:
        return None
    half = len(items) // 2
    left, right = _sums(items[:half]), _sums(items[half:])
    order = np.argsort(left, kind="stable")
    ranked, wanted = left[order], target - right
    low, high = np.searchsorted(ranked, wanted, "left"), np.searchsorted(ranked, wanted, "right")
    # one amount alone, or none, is no subset of two or more
    alone = int(np.count_nonzero(items == target)) + (target == 0)
    count = int((high - low).sum()) - alone
    if count != 1:
        return None if count else ()
    for place in np.flatnonzero(high > low):
        for mask in order[low[place] : high[place]]:
            whole = int(mask) | int(place) << half
            if whole.bit_count() > 1:
                return tuple(n for n in range(len(items)) if whole >> n & 1)
    raise AssertionError("a subset was counted that is not there")


def _sums(items: Ints) -> Ints:
    """The sum of each subset; the bits of its place say which items it takes."""
    found: Ints = np.zeros(1, np.int64)
    for cents in items:
        found = np.concatenate([found, found + cents])
    return found
