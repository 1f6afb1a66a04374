"""Allocation: payments of accounts, bills and items laid along what is open, wave by wave.

A claim is cents that a payment asks to be put on a pool: one item, the items of a bill, or the
items of an account. Payments count strictly in their order, so a file that is split gives the
same balances as the whole (architecture: allocation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recond.matching.openitems import OpenItems, distinct, find, int64
from recond.matching.ordering import Ordered, codes, days, order, policies_of, policy_numbers
from recond.matching.placing import Segments, placements
from recond.matching.policy import Rules
from recond.matching.rulers import before, lay
from recond.matching.waves import waves
from recond.model import CENTS, DATE, TEXT
from recond.money import split_groups

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ITEM_POOL, BILL_POOL, ACCOUNT_POOL = 0, 1, 2
OPEN_TOTAL = -1  # a claim without an amount: what its pool has open when its turn comes
EVERY_ITEM = -1  # a claim that does not ask since when an item stands in the books

PAYMENTS = pa.schema(
    [
        pa.field("ordinal", pa.int64()),
        pa.field("account_key", pa.int64()),
        pa.field("cents", CENTS),  # positive
        pa.field("received_date", DATE),
        pa.field("family", TEXT),  # of the account
    ]
)


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims in order of payment, then as named; at most one a payment and pool.

    `payment` is dense and ascending; `account` a position in OpenItems.keys; `member` the item's
    row or the bill's code, -1 for an account; `cents` more than zero, or OPEN_TOTAL; `policy` a
    position in `policies_of(rules)`; `since` an entry: only items that came later are paid.
    `barred` claims are paid to no item.
    """

    payment: Ints
    account: Ints
    pool: Ints
    member: Ints
    cents: Ints
    policy: Ints
    day: Ints
    since: Ints
    barred: Bools


@dataclass(frozen=True, slots=True)
class Applied:
    """Applications in order of claim, then along the ruler; `cents` of each claim as it was
    asked in the end (0: its payment failed); `named` cents a payment whose claims had no
    amounts, and `failed` where they do not add up to it."""

    claim: Ints
    item: Ints
    amount: Ints
    cents: Ints
    named: Ints
    failed: Bools


def settle(claims: Claims, totals: Ints, items: OpenItems, rules: Rules) -> Applied:
    """Decide every claim. `totals`: the cents of each payment; claims without amounts must add
    up to it, or the payment fails and touches nothing (contract section 4)."""
    cents, named = claims.cents.copy(), np.zeros(len(totals), dtype=np.int64)
    failed = np.zeros(len(totals), dtype=np.bool_)
    wave = _waves(claims, len(totals), rules)[claims.payment]
    order_ = np.argsort(wave, kind="stable")
    edges = np.flatnonzero(np.diff(wave[order_])) + 1
    parts: list[tuple[Ints, Ints, Ints]] = []
    for rows in np.split(order_, edges) if len(order_) else []:
        _sum_up(claims, rows, cents, items)
        unknown = claims.cents[rows] == OPEN_TOTAL
        if unknown.any():
            _refuse(claims, rows, cents, totals, named, failed)
        live = rows[(cents[rows] > 0) & ~claims.barred[rows]]
        for pool in (ITEM_POOL, BILL_POOL, ACCOUNT_POOL):
            asked = live[claims.pool[live] == pool]
            if len(asked):
                parts.extend(_distribute(claims, asked, cents, items, rules))
    empty = np.zeros(0, dtype=np.int64)
    claim, item, amount = (np.concatenate([empty, *(p[n] for p in parts)]) for n in range(3))
    if (claim[1:] < claim[:-1]).any():
        again = np.argsort(claim, kind="stable")
        claim, item, amount = claim[again], item[again], amount[again]
    return Applied(claim, item, amount, cents, named, failed)


def _waves(claims: Claims, payments: int, rules: Rules) -> Ints:
    policies = policies_of(rules)
    many = np.bincount(claims.payment, minlength=payments)[claims.payment] > 1
    dated = np.array([policy.dated for policy in policies])[claims.policy]
    shared = np.array([policy.proportional for policy in policies])[claims.policy]
    ordered = claims.pool != ITEM_POOL
    # The code says how a claim asks: pool, and for pools in policy order the policy and, where
    # it makes a difference, the day; for credits since when items count.
    parts = [
        claims.pool,
        np.where(ordered, claims.policy, 0),
        np.where(ordered & dated, claims.day, 0),
        claims.since,
    ]
    code = np.zeros(len(claims.payment), dtype=np.int64)
    for part in parts:
        if len(part) and part.min() != part.max():
            pairs = np.stack([code, part])
            code = np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1)
    alone = many | (ordered & shared) | (claims.cents == OPEN_TOTAL)
    payment, account = claims.payment, claims.account
    if many.any():
        key = payment * np.int64(account.max() + 1) + account
        first = np.unique(key, return_index=True)[1]
        payment, account, code, alone = payment[first], account[first], code[first], alone[first]
    return waves(payment, account, code, alone, payments)


def _sum_up(claims: Claims, rows: Ints, cents: Ints, items: OpenItems) -> None:
    """Give claims without an amount what their pool has open now."""
    unknown = rows[claims.cents[rows] == OPEN_TOTAL]
    for pool in (ITEM_POOL, BILL_POOL, ACCOUNT_POOL):
        asked = unknown[claims.pool[unknown] == pool]
        if not len(asked):
            continue
        group, rows_, member = _members(claims, asked, items)
        total = np.zeros(int(group.max()) + 1, dtype=np.int64)
        np.add.at(total, member, items.open[rows_])
        cents[asked] = total[group]


def _refuse(
    claims: Claims, rows: Ints, cents: Ints, totals: Ints, named: Ints, failed: Bools
) -> None:
    """Fail payments of this wave whose claims do not add up."""
    who = claims.payment[rows]
    asking = np.zeros(len(totals), dtype=np.bool_)
    asking[who[claims.cents[rows] == OPEN_TOTAL]] = True
    rows = rows[asking[who]]
    who = claims.payment[rows]
    np.add.at(named, who, cents[rows])
    failed[who] = named[who] != totals[who]
    cents[rows[failed[who]]] = 0


def _members(claims: Claims, rows: Ints, items: OpenItems) -> tuple[Ints, Ints, Ints]:
    """(group of each claim, dense; item rows with something open; their groups)."""
    pool = int(claims.pool[rows[0]])
    if pool == ITEM_POOL:
        known, group = np.unique(claims.member[rows], return_inverse=True)
        live = np.flatnonzero((known >= 0) & (items.open[known] > 0))
        return group.astype(np.int64), known[live], live
    account = claims.account[rows]
    touched, group = np.unique(account, return_inverse=True)
    found = items.rows_of(touched)
    if pool == ACCOUNT_POOL:
        if (claims.since[rows] != EVERY_ITEM).any():
            least = np.empty(len(touched), dtype=np.int64)
            least[group] = claims.since[rows]
            found = found[items.since[found] > least[find(touched, items.account[found])]]
        return group.astype(np.int64), found, find(touched, items.account[found])
    bills = np.int64(max(int(items.bill.max(initial=0)), int(claims.member[rows].max())) + 2)
    wanted = account * bills + claims.member[rows] + 1
    known, group = np.unique(wanted, return_inverse=True)
    # An item without a bill number belongs to no bill.
    member = np.where(
        items.bill[found] >= 0,
        find(known, items.account[found] * bills + items.bill[found] + 1),
        -1,
    )
    return group.astype(np.int64), found[member >= 0], member[member >= 0]


def _distribute(
    claims: Claims, rows: Ints, cents: Ints, items: OpenItems, rules: Rules
) -> list[tuple[Ints, Ints, Ints]]:
    """Put the claims of one pool kind on their items: (claim, item row, cents) a policy."""
    group, found, member = _members(claims, rows, items)
    if int(claims.pool[rows[0]]) == ITEM_POOL:
        return [_lay(rows, group, cents, found, member, items)]
    groups = int(group.max()) + 1
    policy, day = np.empty(groups, dtype=np.int64), np.empty(groups, dtype=np.int64)
    policy[group], day[group] = claims.policy[rows], claims.day[rows]
    answer = []
    for number in distinct(policy):
        chosen = policies_of(rules)[int(number)]
        mine, theirs, asked, pools = found, member, rows, group
        if len(policy) and (policy != number).any():
            inside = policy[member] == number
            mine, theirs = found[inside], member[inside]
            asked, pools = rows[policy[group] == number], group[policy[group] == number]
        sequence = order(items.charges, mine, theirs, chosen, day[theirs], rules=rules)
        if chosen.proportional:
            shared = np.array([tier.method == "proportional" for tier in chosen.tiers])
            answer.append(_share(asked, pools, cents, sequence, shared, items))
        else:
            answer.append(_lay(asked, pools, cents, sequence.row, sequence.group, items))
    return answer


def _lay(
    rows: Ints, group: Ints, cents: Ints, found: Ints, member: Ints, items: OpenItems
) -> tuple[Ints, Ints, Ints]:
    """Two rulers: claims `rows` of `group` along items `found` of `member` (sorted)."""
    turn = np.argsort(group, kind="stable")
    payment, item, amount = lay(member, items.open[found], group[turn], cents[rows[turn]])
    claim, item = rows[turn][payment], found[item]
    items.take(item, amount)
    return claim, item, amount


def _share(
    rows: Ints, group: Ints, cents: Ints, ordered: Ordered, shared: Bools, items: OpenItems
) -> tuple[Ints, Ints, Ints]:
    """One claim a group: whole tiers in order, the tier where it ends in proportion if the
    policy says so (domain examples E6, E7)."""
    claim_of, asked = np.full(int(group.max()) + 1, -1), np.zeros(int(group.max()) + 1, np.int64)
    claim_of[group], asked[group] = rows, cents[rows]
    weight = items.open[ordered.row]
    rest = np.maximum(asked[ordered.group] - before(ordered.group, weight), 0)
    paid = np.minimum(rest, weight).astype(np.int64)
    pool = ordered.group * np.int64(len(shared)) + ordered.tier
    inside = np.flatnonzero(shared[ordered.tier])
    if len(inside):
        start = np.unique(pool[inside], return_index=True)[1]
        amount = np.add.reduceat(paid[inside], start)
        paid[inside] = split_groups(amount, start, weight[inside])
    some = np.flatnonzero(paid > 0)
    item, amount = ordered.row[some], paid[some]
    items.take(item, amount)
    return claim_of[ordered.group[some]], item, amount


def allocate(items: pa.Table, payments: pa.Table, rules: Rules) -> pa.Table:
    """PLACEMENTS of PAYMENTS that are each for one account as a whole, in the given order.

    `items` is BOOK_ITEMS. Every payment pays the open items of its account in policy order as
    the payments before it left them; what is left over stands on account.
    """
    who = int64(payments["account_key"])
    book = OpenItems.of(items, who, rules)
    family, families = codes(payments["family"])
    day = days(payments["received_date"], 0)
    size, account = len(payments), find(book.keys, who)
    none = np.full(size, -1, dtype=np.int64)
    claims = Claims(
        payment=np.arange(size),
        account=account,
        pool=np.full(size, ACCOUNT_POOL),
        member=none,
        cents=int64(payments["cents"]),
        policy=policy_numbers(rules, families, family, day),
        day=day,
        since=np.full(size, EVERY_ITEM),
        barred=np.zeros(size, dtype=np.bool_),
    )
    applied = settle(claims, claims.cents, book, rules)
    return placements(
        int64(payments["ordinal"]), Segments.of(claims.payment, account, applied), book
    )
