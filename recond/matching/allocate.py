"""Allocation: payments of accounts, bills and items laid along what is open, wave by wave.

A claim is cents that a payment asks to be put on a pool: one item, the items of a bill, or the
items of an account. Payments count strictly in their order, so a file that is split gives the
same balances as the whole (architecture: allocation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recond.arrays import stable
from recond.matching.openitems import OpenItems, distinct, find, grouped, int64
from recond.matching.ordering import Ordered, codes, days, order, policies_of, policy_numbers
from recond.matching.placing import Segments, placements
from recond.matching.policy import Policy, Rules
from recond.matching.rulers import before, lay
from recond.matching.structure import NO_STRUCTURE, ONE_BILL, ONE_ITEM, narrow
from recond.matching.waves import waves
from recond.model import CENTS, DATE, TEXT
from recond.money import split_groups

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ITEM_POOL, BILL_POOL, ACCOUNT_POOL = 0, 1, 2
OPEN_TOTAL = -1  # a claim without an amount: what its pool has open when its turn comes
EVERY_ITEM = -1  # a claim that does not ask since when an item stands in the books
# What a claim needs of its pool when its turn comes, or its payment waits: nothing; at least what
# is open (charges that are only paid in full); exactly what is open (weak evidence); where nothing
# but charges that are only paid in full is open, at least one of them; all of its item, or all of
# the bill (`other`) that has the same number: where both readings pay the same, anything.
NO_NEED, AT_LEAST, EXACTLY, ONE_WHOLE, ITEM_OR_BILL = range(5)
# What became of a payment: it was settled; claims without amounts do not add up to it; a charge
# would be paid in part; what is due is not what was paid; a number that means two things.
SETTLED, SUM_DIFFERS, IN_PART, DUE_DIFFERS, MEANS_TWO = range(5)

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
    `barred` claims are paid to no item. `need` is NO_NEED, AT_LEAST, EXACTLY, ONE_WHOLE or
    ITEM_OR_BILL, and then `other` the bill's code.
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
    need: Ints
    other: Ints | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """Applications in order of claim, then along the ruler; `cents` of each claim as it was
    asked in the end (0: its payment failed), and the structure that narrowed it (`shape`, see
    structure.py); `named` cents a payment whose claims had no amounts, and what became of each
    payment (`fate`: SETTLED or why it waits)."""

    claim: Ints
    item: Ints
    amount: Ints
    cents: Ints
    shape: Ints
    named: Ints
    fate: Ints


def settle(claims: Claims, totals: Ints, items: OpenItems, rules: Rules) -> Applied:
    """Decide every claim. `totals`: the cents of each payment; claims without amounts must add
    up to it, or the payment fails and touches nothing (contract section 4)."""
    cents, named = claims.cents.copy(), np.zeros(len(totals), dtype=np.int64)
    fate = np.full(len(totals), SETTLED, dtype=np.int64)
    shape = np.full(len(cents), NO_STRUCTURE, dtype=np.int64)
    wave = _waves(claims, len(totals), items, rules)[claims.payment]
    order_ = stable(wave)
    edges = np.flatnonzero(np.diff(wave[order_])) + 1
    parts: list[tuple[Ints, Ints, Ints]] = []
    if (claims.need == ITEM_OR_BILL).any():
        claims = replace(claims, pool=claims.pool.copy(), member=claims.member.copy())
    for rows in np.split(order_, edges) if len(order_) else []:
        _read_as(claims, rows, cents, shape, items, fate)
        _sum_up(claims, rows, cents, items)
        unknown = claims.cents[rows] == OPEN_TOTAL
        if unknown.any():
            _refuse(claims, rows, cents, totals, named, fate)
        if (claims.need[rows] != NO_NEED).any():
            _refuse_needy(claims, rows, cents, items, fate)
        live = rows[(cents[rows] > 0) & ~claims.barred[rows]]
        for pool in (ITEM_POOL, BILL_POOL, ACCOUNT_POOL):
            asked = live[claims.pool[live] == pool]
            if len(asked):
                parts.extend(_distribute(claims, asked, cents, shape, items, rules))
    empty = np.zeros(0, dtype=np.int64)
    claim, item, amount = (np.concatenate([empty, *(p[n] for p in parts)]) for n in range(3))
    if (claim[1:] < claim[:-1]).any():
        again = stable(claim)
        claim, item, amount = claim[again], item[again], amount[again]
    return Applied(claim, item, amount, cents, shape, named, fate)


def _waves(claims: Claims, payments: int, items: OpenItems, rules: Rules) -> Ints:
    policies = policies_of(rules)
    many = np.bincount(claims.payment, minlength=payments)[claims.payment] > 1
    dated = np.array([policy.dated for policy in policies])[claims.policy]
    shared = np.array([policy.alone for policy in policies])[claims.policy]
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
    alone = many | (ordered & shared) | (claims.need != NO_NEED)
    if items.charges.exact.any():  # whether such a charge can be paid in full is known one by one
        alone |= np.isin(claims.account, items.account[items.charges.exact])
    payment, account = claims.payment, claims.account
    if many.any():
        key = payment * np.int64(account.max() + 1) + account
        first = np.unique(key, return_index=True)[1]
        payment, account, code, alone = payment[first], account[first], code[first], alone[first]
    return waves(payment, account, code, alone, payments)


def _open_now(claims: Claims, rows: Ints, items: OpenItems) -> Ints:
    """What the pool of each claim has open now."""
    answer = np.zeros(len(rows), dtype=np.int64)
    for pool in (ITEM_POOL, BILL_POOL, ACCOUNT_POOL):
        at = np.flatnonzero(claims.pool[rows] == pool)
        if not len(at):
            continue
        group, found, member = _members(claims, rows[at], items)
        total = np.zeros(int(group.max()) + 1, dtype=np.int64)
        np.add.at(total, member, items.open[found])
        answer[at] = total[group]
    return answer


def _least_whole(claims: Claims, rows: Ints, items: OpenItems) -> Ints:
    """The smallest charge of each account claim that is only paid in full, where nothing else of
    its pool is open; 0 elsewhere."""
    answer = np.zeros(len(rows), dtype=np.int64)
    at = np.flatnonzero(claims.pool[rows] == ACCOUNT_POOL)
    if len(at):
        group, found, member = _members(claims, rows[at], items)
        none = np.iinfo(np.int64).max
        least = np.full(int(group.max()) + 1, none)
        np.minimum.at(least, member, items.open[found])
        least[member[~items.charges.exact[found]]] = 0
        answer[at] = np.where(least == none, 0, least)[group]
    return answer


def _sum_up(claims: Claims, rows: Ints, cents: Ints, items: OpenItems) -> None:
    """Give claims without an amount what their pool has open now."""
    unknown = rows[claims.cents[rows] == OPEN_TOTAL]
    if len(unknown):
        cents[unknown] = _open_now(claims, unknown, items)


def _read_as(
    claims: Claims, rows: Ints, cents: Ints, shape: Ints, items: OpenItems, fate: Ints
) -> None:
    """Read each number of this wave that means an item and a bill as the one that is paid to the
    cent, noted in `shape`; where neither is and they differ, its payment waits."""
    rows = rows[claims.need[rows] == ITEM_OR_BILL]
    if claims.other is None or not len(rows):
        return
    bills = replace(claims, pool=np.full_like(claims.pool, BILL_POOL), member=claims.other)
    item, bill = _open_now(claims, rows, items), _open_now(bills, rows, items)
    inside = items.bill[claims.member[rows]] == claims.other[rows]
    same = inside & (item == bill)
    part = same & items.charges.exact[claims.member[rows]] & (cents[rows] < item)
    fate[claims.payment[rows[part]]] = IN_PART
    is_item, is_bill = ((cents[rows] == due) & (due > 0) & ~same for due in (item, bill))
    shape[rows[is_item]], shape[rows[is_bill]] = ONE_ITEM, ONE_BILL
    claims.pool[rows[is_bill]] = BILL_POOL
    claims.member[rows[is_bill]] = claims.other[rows[is_bill]]
    fate[claims.payment[rows[~same & (is_item == is_bill)]]] = MEANS_TWO


def _refuse_needy(claims: Claims, rows: Ints, cents: Ints, items: OpenItems, fate: Ints) -> None:
    """Let payments of this wave wait whose claims need more, or something else, than they are."""
    needy = rows[(claims.need[rows] != NO_NEED) & (cents[rows] > 0)]
    if not len(needy):
        return
    due, need = _open_now(claims, needy, items), claims.need[needy]
    part = (need == AT_LEAST) & (cents[needy] < due)
    part |= (need == ONE_WHOLE) & (cents[needy] < _least_whole(claims, needy, items))
    fate[claims.payment[needy[part]]] = IN_PART
    fate[claims.payment[needy[(need == EXACTLY) & (cents[needy] != due)]]] = DUE_DIFFERS
    cents[rows[fate[claims.payment[rows]] != SETTLED]] = 0


def _refuse(claims: Claims, rows: Ints, cents: Ints, totals: Ints, named: Ints, fate: Ints) -> None:
    """Fail payments of this wave whose claims do not add up."""
    who = claims.payment[rows]
    asking = np.zeros(len(totals), dtype=np.bool_)
    asking[who[claims.cents[rows] == OPEN_TOTAL]] = True
    rows = rows[asking[who]]
    who = claims.payment[rows]
    np.add.at(named, who, cents[rows])
    fate[who[named[who] != totals[who]]] = SUM_DIFFERS
    cents[rows[fate[who] != SETTLED]] = 0


def _members(claims: Claims, rows: Ints, items: OpenItems) -> tuple[Ints, Ints, Ints]:
    """(group of each claim, dense; item rows with something open; their groups)."""
    pool = int(claims.pool[rows[0]])
    if pool == ITEM_POOL:
        known, group = grouped(claims.member[rows])
        live = np.flatnonzero((known >= 0) & (items.open[known] > 0))
        return group, known[live], live
    account = claims.account[rows]
    touched, group = grouped(account)
    found = items.rows_of(touched)
    if items.prior[found].any():
        leaves = np.zeros(len(touched), dtype=np.bool_)
        leaves[group] = items.leaves[claims.policy[rows]]
        found = found[~(items.prior[found] & leaves[find(touched, items.account[found])])]
    if pool == ACCOUNT_POOL:
        # A deposit that is held for a customer is no bill: only who names it pays it.
        found = found[~items.charges.deposit[found]]
        if (claims.since[rows] != EVERY_ITEM).any():
            least = np.empty(len(touched), dtype=np.int64)
            least[group] = claims.since[rows]
            found = found[items.since[found] > least[find(touched, items.account[found])]]
        return group, found, find(touched, items.account[found])
    bills = np.int64(max(int(items.bill.max(initial=0)), int(claims.member[rows].max())) + 2)
    wanted = account * bills + claims.member[rows] + 1
    known, group = grouped(wanted)
    # An item without a bill number belongs to no bill.
    member = np.where(
        items.bill[found] >= 0,
        find(known, items.account[found] * bills + items.bill[found] + 1),
        -1,
    )
    return group, found[member >= 0], member[member >= 0]


def _distribute(
    claims: Claims, rows: Ints, cents: Ints, shape: Ints, items: OpenItems, rules: Rules
) -> list[tuple[Ints, Ints, Ints]]:
    """Put the claims of one pool kind on their items: (claim, item row, cents) a policy. The
    structure that narrows a claim is written into `shape`."""
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
        if chosen.structures and int(claims.pool[rows[0]]) == ACCOUNT_POOL:
            paid = np.zeros(groups, dtype=np.int64)
            paid[pools] = cents[asked]  # such payments are alone in their wave
            kept, found_shape = narrow(chosen.structures, mine, theirs, paid, day, items)
            shape[asked] = found_shape[pools]
            mine, theirs = mine[kept], theirs[kept]
        answer.append(_whole_only(asked, pools, cents, mine, theirs, chosen, day, items, rules))
    return answer


def _whole_only(
    rows: Ints,
    group: Ints,
    cents: Ints,
    found: Ints,
    member: Ints,
    policy: Policy,
    day: Ints,
    items: OpenItems,
    rules: Rules,
) -> tuple[Ints, Ints, Ints]:
    """Claims on items in policy order; a charge that is only paid in full and would be paid in
    part is passed over, and what is left goes to the items behind it (domain example E11)."""
    while True:
        sequence = order(items.charges, found, member, policy, day[member], rules=rules)
        if policy.proportional:
            shared = np.array([tier.method == "proportional" for tier in policy.tiers])
            laid = _share(rows, group, cents, sequence, shared, items)
        else:
            laid = _lay(rows, group, cents, sequence.row, sequence.group, items)
        part = distinct(laid[1][items.charges.exact[laid[1]] & (items.open[laid[1]] > 0)])
        if not len(part):
            return laid
        items.give_back(laid[1], laid[2])
        kept = ~np.isin(found, part)
        found, member = found[kept], member[kept]


def _lay(
    rows: Ints, group: Ints, cents: Ints, found: Ints, member: Ints, items: OpenItems
) -> tuple[Ints, Ints, Ints]:
    """Two rulers: claims `rows` of `group` along items `found` of `member` (sorted)."""
    turn = stable(group)
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
        need=np.full(size, NO_NEED),
    )
    applied = settle(claims, claims.cents, book, rules)
    return placements(
        int64(payments["ordinal"]), Segments.of(claims.payment, account, applied), book
    )
