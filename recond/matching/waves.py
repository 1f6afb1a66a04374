"""Which payments can be decided at the same time.

Payments are decided strictly in their order on every account. Consecutive payments of an account
that ask in the same way form a *run*, which the two rulers decide at once; a payment that must
see exact residuals is a run of its own. Runs of different accounts do not touch each other, so
the first run of every account can be decided together, then the second … A payment that names
several accounts ties their runs together.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from recond.arrays import stable

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def waves(payment: Ints, account: Ints, code: Ints, alone: Bools, payments: int) -> Ints:
    """The wave of each payment, from 0.

    One row a (payment, account) that the payment touches, ascending by payment; `payment` is
    dense below `payments`, `account` dense. Rows of one account with equal `code` may share a
    wave unless they are `alone`. Every payment has a later wave than those before it on any of
    its accounts, except inside a run.
    """
    if not len(payment):
        return np.zeros(payments, dtype=np.int64)
    order = stable(account)
    who, where, what, single = payment[order], account[order], code[order], alone[order]
    first = np.ones(len(who), dtype=np.bool_)
    first[1:] = where[1:] != where[:-1]
    breaks = first.copy()
    breaks[1:] |= (what[1:] != what[:-1]) | single[1:] | single[:-1]
    number = np.cumsum(breaks)
    start = np.flatnonzero(first)
    step: Ints = number - np.repeat(number[start], np.diff(np.append(start, len(who))))
    answer = np.zeros(payments, dtype=np.int64)
    np.maximum.at(answer, who, step)
    if (payment[1:] != payment[:-1]).all():
        return answer
    # The shift that a payment of several accounts brings is carried on along its accounts until
    # nothing moves; one round for each such payment in the longest chain of them.
    lane = np.cumsum(first) * np.int64(len(who) + 1)
    while True:
        shift = np.maximum.accumulate(answer[who] - step + lane) - lane
        moved = step + shift
        if np.array_equal(moved, answer[who]):
            return cast(Ints, answer)
        np.maximum.at(answer, who, moved)
