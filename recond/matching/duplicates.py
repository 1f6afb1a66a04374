"""Payments that look like another one: both post, the second is flagged (domain E56, E57)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recond.matching.openitems import find, int64
from recond.matching.ordering import days

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Standing:
    """Payments for one account, in the order in which they were taken: account (position in
    OpenItems.keys), cents, received day, and a number that names the record."""

    account: Ints
    cents: Ints
    day: Ints
    record: Ints

    @classmethod
    def of(cls, recent: pa.Table, keys: Ints) -> Standing:
        """BOOK_RECENT, by its receipt numbers."""
        record = int64(recent["receipt_no"])
        order = np.argsort(record, kind="stable")
        return cls(
            find(keys, int64(recent["account_key"]))[order],
            int64(recent["amount_cents"])[order],
            days(recent["received_date"], 0)[order],
            record[order],
        )


def earlier(before: Standing, now: Standing, window: int) -> Ints:
    """For each payment of `now` the position (over `before`, then `now`) of an earlier one of
    equal account and amount, received at most `window` days apart: the latest of them; else -1.

    A late file brings older payments, so the window counts on both sides.
    """
    account, cents, day = (
        np.concatenate([getattr(before, name), getattr(now, name)])
        for name in ("account", "cents", "day")
    )
    # Most accounts have one payment: only the others are put in order.
    crowd = np.flatnonzero(np.bincount(account + 1)[account + 1] > 1)
    order = crowd[np.lexsort((crowd, cents[crowd], account[crowd]))]
    same = np.zeros(len(order), dtype=np.int64)  # how many of its group stand before it
    if len(order) > 1:
        equal = (account[order][1:] == account[order][:-1]) & (
            cents[order][1:] == cents[order][:-1]
        )
        start = np.maximum.accumulate(np.where(np.append(False, equal), 0, np.arange(len(order))))
        same = np.arange(len(order)) - start
    answer = np.full(len(account), -1, dtype=np.int64)
    # One step back at a time, for all that are still looking: nearly always one step is enough.
    looking = np.flatnonzero((same > 0) & (order >= len(before.account)))
    back = 1
    while len(looking):
        mine, theirs = order[looking], order[looking - back]
        near = np.abs(day[mine] - day[theirs]) <= window
        answer[mine[near]] = theirs[near]
        back += 1
        looking = looking[~near & (same[looking] >= back)]
    return answer[len(before.account) :]
