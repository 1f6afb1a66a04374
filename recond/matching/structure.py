"""What the amount of a payment says inside an account that is known already.

The account decides where the money goes; its amount may say for which of its items (a bill paid
to the cent, everything past due, one installment). A policy lists the structures that count, in
order; the first that fits exactly once narrows the payment to its items. What fits twice, or not
at all, says nothing, and the policy's tiers decide (capabilities section 1.B, AutoCash).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from recond.matching.openitems import OpenItems
from recond.matching.ordering import NO_DATE
from recond.matching.policy import STRUCTURES, Structure

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NO_STRUCTURE = -1
ONE_ITEM, ONE_BILL = STRUCTURES.index("item"), STRUCTURES.index("bill")


def narrow(
    structures: Sequence[Structure],
    found: Ints,
    member: Ints,
    cents: Ints,
    day: Ints,
    items: OpenItems,
) -> tuple[Bools, Ints]:
    """Which of the open items `found` (rows, of group `member`) each group's payment is for, and
    the structure (position in STRUCTURES) that says so, -1 for none.

    `cents` and `day`: what is paid and when, one payment a group. Groups that no structure fits
    keep all of their items.
    """
    keep = np.ones(len(found), dtype=np.bool_)
    shape = np.full(len(cents), NO_STRUCTURE, dtype=np.int64)
    for name in structures:
        chosen = _STRUCTURES[name](found, member, cents, day, items)
        fits = np.zeros(len(cents), dtype=np.bool_)
        fits[member[chosen]] = True
        fits &= shape == NO_STRUCTURE
        mine = fits[member]
        keep[mine] = chosen[mine]
        shape[fits] = STRUCTURES.index(name)
    return keep, shape


def _sums(member: Ints, values: Ints, groups: int) -> Ints:
    total = np.zeros(groups, dtype=np.int64)
    np.add.at(total, member, values)
    return total


def _whole(mask: Bools, found: Ints, member: Ints, cents: Ints, items: OpenItems) -> Bools:
    """The items of `mask` in groups where they add up to the payment."""
    total = _sums(member[mask], items.open[found[mask]], len(cents))
    return cast(Bools, mask & (total == cents)[member])


def _one(mask: Bools, found: Ints, member: Ints, cents: Ints, items: OpenItems) -> Bools:
    """The item of `mask` that is the payment, in groups where there is just one such."""
    hit = mask & (items.open[found] == cents[member])
    return cast(Bools, hit & (np.bincount(member[hit], minlength=len(cents)) == 1)[member])


def _installment(found: Ints, member: Ints, cents: Ints, day: Ints, items: OpenItems) -> Bools:
    """The earliest installment of the amount: installments of a plan are often equal."""
    del day
    hit = items.charges.arranged[found] & (items.open[found] == cents[member])
    due = items.charges.due[found]
    least = np.full(len(cents), NO_DATE + 1)
    np.minimum.at(least, member[hit], due[hit])
    first = hit & (due == least[member])
    return cast(Bools, first & (np.bincount(member[first], minlength=len(cents)) == 1)[member])


def _bill(found: Ints, member: Ints, cents: Ints, day: Ints, items: OpenItems) -> Bools:
    """All that is open of the one bill that is the payment."""
    del day
    billed = np.flatnonzero(items.bill[found] >= 0)
    width = np.int64(int(items.bill.max(initial=0)) + 1)
    pair, at = np.unique(member[billed] * width + items.bill[found[billed]], return_inverse=True)
    total = _sums(at, items.open[found[billed]], len(pair))
    fits = total == cents[pair // width]
    alone = np.bincount((pair // width)[fits], minlength=len(cents)) == 1
    chosen = np.zeros(len(found), dtype=np.bool_)
    chosen[billed] = (fits & alone[pair // width])[at]
    return chosen


def _past_due(found: Ints, member: Ints, cents: Ints, day: Ints, items: OpenItems) -> Bools:
    late = items.charges.penalty[found] | (items.charges.due[found] < day[member])
    return _whole(late, found, member, cents, items)


def _current(found: Ints, member: Ints, cents: Ints, day: Ints, items: OpenItems) -> Bools:
    late = items.charges.penalty[found] | (items.charges.due[found] < day[member])
    return _whole(~late, found, member, cents, items)


def _without_penalty(found: Ints, member: Ints, cents: Ints, day: Ints, items: OpenItems) -> Bools:
    """Paid just before the penalty run: everything but the late fees, else one bill but its."""
    fee = items.charges.penalty[found]
    chosen = _whole(~fee, found, member, cents, items)
    bill = member * np.int64(int(items.bill.max(initial=0)) + 1) + items.bill[found]
    charged = ~fee & np.isin(bill, bill[fee & (items.bill[found] >= 0)])
    none = np.bincount(member[chosen], minlength=len(cents)) == 0
    rest = np.flatnonzero(charged & none[member])
    chosen[rest] = _bill(found[rest], member[rest], cents, day, items)
    return chosen


def _item(found: Ints, member: Ints, cents: Ints, day: Ints, items: OpenItems) -> Bools:
    del day
    return _one(np.ones(len(found), dtype=np.bool_), found, member, cents, items)


_STRUCTURES: dict[Structure, Callable[[Ints, Ints, Ints, Ints, OpenItems], Bools]] = {
    "installment": _installment,
    "bill": _bill,
    "past_due": _past_due,
    "current": _current,
    "without_penalty": _without_penalty,
    "item": _item,
}
