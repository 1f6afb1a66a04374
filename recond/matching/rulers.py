"""The arithmetic of allocation: two rulers side by side.

Everything works on groups (an account, a bill, an item). Items and payments of a group are
intervals of cents, end to end, in order; an application is where an item and a payment overlap
(architecture: allocation). All arrays are int64 and sorted by group (a small number), then by
order.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from recond.arrays import edges

Ints = npt.NDArray[np.int64]

_LIMIT = 2**62


def _exact(values: Ints) -> Ints:
    """The values, as Python integers where sums of them could leave int64."""
    bound = int(values.max(initial=0)) * len(values)
    # Slow exact path: only sums above 4.6e18 cents come here.
    return values.astype(object) if bound >= _LIMIT else values


def _starts(group: Ints) -> Ints:
    """For each row, the position of the first row of its group."""
    first = np.ones(len(group), dtype=np.bool_)
    np.not_equal(group[1:], group[:-1], out=first[1:])
    position = np.flatnonzero(first)
    return np.repeat(position, np.diff(np.append(position, len(group))))


def before(group: Ints, cents: Ints) -> Ints:
    """The cents of the rows before each row in its own group."""
    if not len(group):
        return np.zeros(0, dtype=np.int64)
    values = _exact(cents)
    total = np.cumsum(values) - values
    return cast(Ints, total - total[_starts(group)])


def lay(
    item_group: Ints, item_cents: Ints, pay_group: Ints, pay_cents: Ints
) -> tuple[Ints, Ints, Ints]:
    """Lay the payments of each group along its items: (payment, item, cents), positions in the
    given arrays, by payment, then along the ruler. Cents are positive; what of a payment finds
    no item is not in the answer. Rows of zero cents are allowed and get nothing.
    """
    empty = np.zeros(0, dtype=np.int64)
    if not len(item_group) or not len(pay_group):
        return empty, empty, empty
    item_values = _exact(item_cents)
    item_end = np.cumsum(item_values)
    item_start = item_end - item_values
    edge = edges(item_group, int(max(item_group[-1], pay_group[-1])) + 1)
    mark = np.append(item_start, item_end[-1])
    low, high = mark[edge[pay_group]], mark[edge[pay_group + 1]]
    offset = before(pay_group, pay_cents)
    pay_start = np.minimum(low + offset, high)
    pay_end = np.minimum(pay_start + pay_cents, high)
    paid = np.flatnonzero((pay_end > pay_start).astype(np.bool_))
    first = np.searchsorted(item_end, pay_start[paid], "right")
    last = np.searchsorted(item_end, pay_end[paid], "left")
    count = last - first + 1
    payment = np.repeat(paid, count)
    item = np.arange(len(payment)) + np.repeat(first - (np.cumsum(count) - count), count)
    cents = np.minimum(item_end[item], pay_end[payment]) - np.maximum(
        item_start[item], pay_start[payment]
    )
    some = np.flatnonzero((cents > 0).astype(np.bool_))  # items of zero cents overlap nothing
    if len(some) < len(cents):
        payment, item, cents = payment[some], item[some], cents[some]
    return payment, item, cents.astype(np.int64)
