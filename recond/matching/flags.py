"""What is posted and looked at all the same: flags never hold money (contract section 4).

A payment of ten times what is due or with two digits swapped was perhaps keyed wrongly; a check
for an account that only takes cash is in the bank already; a large payment and a broken
arrangement want a pair of eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recond.arrays import stable
from recond.matching.allocate import ACCOUNT_POOL, Applied, Claims
from recond.matching.openitems import OpenItems, among

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NOT_CASH = ("CHECK", "ACH")  # tenders that a bank can take back
DIGITS = 15  # of the largest amount in cents


@dataclass(frozen=True, slots=True)
class Due:
    """What each account (position in OpenItems.keys) owed before the call."""

    open: Ints

    @classmethod
    def before(cls, items: OpenItems) -> Due:
        """Before `settle` lowers what is open."""
        total = np.zeros(len(items.keys), dtype=np.int64)
        np.add.at(total, items.account, items.open)
        return cls(total)

    def at_turn(self, claims: Claims, applied: Applied) -> Ints:
        """What the account of each claim owed when its turn came."""
        size = len(claims.payment)
        paid = np.zeros(size, dtype=np.int64)
        np.add.at(paid, applied.claim, applied.amount)
        order = stable(claims.account)
        account, inline = claims.account[order], paid[order]
        before = np.cumsum(inline) - inline
        first = np.ones(size, dtype=np.bool_)
        first[1:] = account[1:] != account[:-1]
        start = np.flatnonzero(first)
        before -= np.repeat(before[start], np.diff(np.append(start, size)))
        answer = np.empty(size, dtype=np.int64)
        answer[order] = self.open[account] - before
        return answer


@dataclass(frozen=True, slots=True)
class Flags:
    """What flags are judged by: the due of each claim's account at its turn, the last day on
    which each account only takes cash, the items as the call leaves them, what was applied, which
    receipt rows are NOT_CASH, and from which amount a payment is large."""

    due: Ints
    cash_only: Ints
    items: OpenItems
    claims: Claims
    applied: Applied
    not_cash: Bools
    large_cents: int

    def keyed(self, totals: Ints, posted: Bools) -> tuple[Ints, Ints, Ints, Bools]:
        """Payments for an account as a whole that look keyed wrongly (domain example E13):
        payment, account, its due, and whether two digits are swapped (else a factor of ten)."""
        claims = self.claims
        lone = np.bincount(claims.payment, minlength=len(totals))[claims.payment] == 1
        at = np.flatnonzero(lone & (claims.pool == ACCOUNT_POOL) & posted[claims.payment])
        due, cents = self.due[at], totals[claims.payment[at]]
        tenfold = (due > 0) & ((cents == 10 * due) | (10 * cents == due))
        swapped = (due > 0) & _swapped(cents, due) & ~tenfold
        hit = np.flatnonzero(tenfold | swapped)
        where = at[hit]
        return claims.payment[where], claims.account[where], due[hit], swapped[hit]

    def at_risk(self, payment: Ints, account: Ints, day: Ints) -> tuple[Ints, Ints, Ints]:
        """Payments (positions in `payment`, which ascends and is for one account each) that leave
        an installment of an arrangement short: paid by them in part, or due by the payment's day
        and still open (domain E8); the item row of the first such installment, and its cents
        open. As things stood at their turn: how many payments one call has makes no difference."""
        items, none = self.items, np.zeros(0, dtype=np.int64)
        planned = np.flatnonzero(items.charges.arranged)
        judged = np.flatnonzero(among(account, items.account[planned]))
        if not len(judged):
            return none, none, none
        plans: dict[int, list[int]] = {}
        for item in planned[np.argsort(items.charges.due[planned], kind="stable")].tolist():
            plans.setdefault(int(items.account[item]), []).append(item)
        paid, left = self._installments(planned)
        turn = dict(zip(payment[judged].tolist(), judged.tolist(), strict=True))
        short: list[tuple[int, int, int]] = []
        for who in sorted({*paid, *turn}):  # payments of arrangements are few
            mine = paid.get(who, {})
            for item, cents in mine.items():
                left[item] -= cents
            if (at := turn.get(who)) is not None:
                plan = plans[int(account[at])]
                due = [item for item in plan if items.charges.due[item] <= day[at]]
                open_ = [item for item in (*mine, *due) if left[item] > 0]
                short.extend((at, item, left[item]) for item in open_[:1])
        rows = np.array(short, dtype=np.int64).reshape(-1, 3)
        return rows[:, 0], rows[:, 1], rows[:, 2]

    def _installments(self, planned: Ints) -> tuple[dict[int, dict[int, int]], dict[int, int]]:
        """What each payment paid of installments, by item; what was open of them before."""
        rows = np.flatnonzero(self.items.charges.arranged[self.applied.item])
        who, item = self.claims.payment[self.applied.claim[rows]], self.applied.item[rows]
        left = dict(zip(planned.tolist(), self.items.open[planned].tolist(), strict=True))
        paid: dict[int, dict[int, int]] = {}
        for one, what, cents in zip(
            who.tolist(), item.tolist(), self.applied.amount[rows].tolist(), strict=True
        ):
            mine = paid.setdefault(one, {})
            mine[what] = mine.get(what, 0) + cents
            left[what] += cents
        return paid, left


def _swapped(one: Ints, other: Ints) -> Bools:
    """Whether two amounts are the same digits but for two neighbours that changed places."""
    answer = np.zeros(len(one), dtype=np.bool_)
    apart = np.flatnonzero(one != other)  # nearly all pay what is due
    maybe = apart[(one[apart] - other[apart]) % 9 == 0]
    for place in range(DIGITS):
        low, high = np.int64(10**place), np.int64(10 ** (place + 1))
        right, left = other[maybe] // low % 10, other[maybe] // high % 10
        changed = other[maybe] + (left - right) * low + (right - left) * high
        answer[maybe] |= (changed == one[maybe]) & (left != right)
    return answer
