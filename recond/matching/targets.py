"""From resolved references to what each payment claims, or the reason why it claims nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.matching.allocate import ACCOUNT_POOL, EXACTLY, ITEM_OR_BILL, NO_NEED, OPEN_TOTAL
from recond.matching.openitems import among, int64
from recond.matching.resolve import (
    AMBIGUOUS,
    BLANK,
    ELSEWHERE,
    FAILED,
    FOUND,
    NONE,
    SEVERAL,
    UNKNOWN,
    UNNAMED,
    Resolved,
)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

POSTED = ""
CODES = (
    POSTED,
    "NO_REFERENCE",
    "ACCOUNT_NOT_FOUND",
    "CHECK_DIGIT_FAILED",
    "AMBIGUOUS_REFERENCE",
    "REFERENCES_CONTRADICT",
    "REMITTANCE_SUM_WRONG",
    "ACCOUNT_IN_BANKRUPTCY",
    "AMOUNT_NOT_POSITIVE",
    "EXACT_AMOUNT_REQUIRED",
    "PRIOR_OWNER_BALANCE",
)
(OK, MISSING, NOT_FOUND, CHECK, TWO, CONTRADICT, SUM_WRONG, BANKRUPT, NOT_POSITIVE, IN_FULL,
 PRIOR) = range(11)  # fmt: skip
_CODE_OF_OUTCOME = np.zeros(7, dtype=np.int64)
_CODE_OF_OUTCOME[[UNKNOWN, FAILED, AMBIGUOUS, ELSEWHERE, UNNAMED]] = (
    NOT_FOUND, CHECK, TWO, CONTRADICT, MISSING,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Targets:
    """Per payment: `code` (position in CODES), `rule` (position in resolve.RULES), the remittance
    at `fault` (-1) and what its amounts `named`. Per claim, ascending by payment: payment,
    account, pool, member, cents (OPEN_TOTAL where none is given), need and other (see allocate),
    and the remittance that it was read from (`row`, -1)."""

    code: Ints
    rule: Ints
    fault: Ints
    named: Ints
    payment: Ints
    account: Ints
    pool: Ints
    member: Ints
    cents: Ints
    need: Ints
    other: Ints
    row: Ints

    def with_claims(self, payment: Ints, account: Ints, cents: Ints) -> Targets:
        """The targets with claims of further payments on all that is due of an account."""
        order = np.argsort(np.concatenate([self.payment, payment]), kind="stable")
        size = len(payment)
        added = (
            payment, account, np.full(size, ACCOUNT_POOL), np.full(size, -1), cents,
            np.full(size, EXACTLY), np.full(size, -1), np.full(size, -1),
        )  # fmt: skip
        mine = (self.payment, self.account, self.pool, self.member, self.cents, self.need,
                self.other, self.row)  # fmt: skip
        columns = (np.concatenate(pair)[order] for pair in zip(mine, added, strict=True))
        return Targets(self.code, self.rule, self.fault, self.named, *columns)


def targets(remittances: pa.Table, payment: Ints, totals: Ints, resolved: Resolved) -> Targets:
    """What payments of `totals` cents claim. REMITTANCES ascend by payment, then as written.

    One reference that nothing contradicts gets the whole payment; several need amounts that sum
    to it, or are summed up when their turn comes (contract section 4).
    """
    size = len(totals)
    known = pa.array(["ACCOUNT", "ITEM", "HINT", "WORD"])
    kind = int64(pc.index_in(remittances["kind"], value_set=known), -1)
    outcome = resolved.outcome
    word = kind == 3  # of free text: no reference
    counted = (outcome != BLANK) & ~word
    strong = counted & (kind != 2)
    firm = np.zeros(size, dtype=np.bool_)
    firm[payment[strong]] = True
    weak = counted & (kind == 2) & firm[payment]
    counted &= ~weak
    code, fault = np.full(size, MISSING, dtype=np.int64), np.full(size, -1, dtype=np.int64)
    code[payment[counted]] = OK
    _first_fault(np.flatnonzero(counted & (outcome != FOUND)), outcome, payment, code, fault)
    usable = np.flatnonzero(counted & (code[payment] == OK))
    # Numbers of items and bills are short: a year or a street is soon one of somebody else's.
    weak |= word & (resolved.pool == ACCOUNT_POOL)
    _contradictions(usable, np.flatnonzero(weak & (outcome == FOUND)), kind, payment, resolved,
                    code, fault)  # fmt: skip
    usable = usable[code[payment[usable]] == OK]
    amount = int64(remittances["amount_cents"])
    given = pc.is_valid(remittances["amount_cents"]).to_numpy()
    rows, cents, valued = _merged(usable, payment, resolved, amount, given)
    keep = _no_context(rows, payment, resolved, valued)
    return _checked(rows[keep], cents[keep], valued[keep], payment, totals, resolved, code, fault)


def _first_fault(bad: Ints, outcome: Ints, payment: Ints, code: Ints, fault: Ints) -> None:
    """A reference that means nothing stops its whole payment; the first one says why."""
    who, first = np.unique(payment[bad], return_index=True)
    code[who] = _CODE_OF_OUTCOME[outcome[bad[first]]]
    fault[who] = bad[first]


def _contradictions(
    usable: Ints, hints: Ints, kind: Ints, payment: Ints, resolved: Resolved, code: Ints,
    fault: Ints,
) -> None:  # fmt: skip
    """Items of other accounts than a named ACCOUNT; known hints that nothing else names."""
    width = np.int64(int(resolved.account.max(initial=0)) + 1)
    pair = payment * width + resolved.account
    columns = usable[kind[usable] == 0]
    bound = np.zeros(len(code), dtype=np.bool_)
    bound[payment[columns]] = True
    things = usable[(resolved.pool[usable] != ACCOUNT_POOL) & bound[payment[usable]]]
    wrong = things[~among(pair[things], pair[columns])]
    hints = hints[code[payment[hints]] == OK]
    wrong = np.concatenate([wrong, hints[~among(pair[hints], pair[usable])]])
    wrong = np.sort(wrong)[::-1]  # the first of a payment is written last
    code[payment[wrong]] = CONTRADICT
    fault[payment[wrong]] = wrong


def _merged(
    usable: Ints, payment: Ints, resolved: Resolved, amount: Ints, given: Bools
) -> tuple[Ints, Ints, Bools]:
    """One row a payment and pool: (first remittance, cents, whether an amount was given).

    The same thing named again without an amount says nothing new; amounts for it add up.
    """
    who = payment[usable]
    if len(who) < 2 or (who[1:] != who[:-1]).all():
        return usable, amount[usable], given[usable]
    columns = (resolved.member[usable], resolved.pool[usable], resolved.account[usable], who)
    order = np.lexsort((usable, *columns))
    change = np.zeros(len(order), dtype=np.bool_)
    change[:1] = True
    for column in columns:
        change[1:] |= column[order][1:] != column[order][:-1]
    start = np.flatnonzero(change)
    cents = np.add.reduceat(np.where(given, amount, 0)[usable][order], start)
    valued = np.logical_or.reduceat(given[usable][order], start)
    rows = usable[order][start]
    again = np.argsort(rows, kind="stable")
    return rows[again], cents[again], valued[again]


def _no_context(rows: Ints, payment: Ints, resolved: Resolved, valued: Bools) -> Bools:
    """Leave out what only says where to look: an account, without an amount, of which the payment
    also names items or bills."""
    who = payment[rows]
    keep = np.ones(len(rows), dtype=np.bool_)
    if len(who) < 2 or (who[1:] != who[:-1]).all():
        return keep
    pool, account = resolved.pool[rows], resolved.account[rows]
    width = np.int64(int(account.max()) + 1)
    pair = who * width + account
    inside = among(pair, pair[pool != ACCOUNT_POOL])
    keep &= ~((pool == ACCOUNT_POOL) & ~valued & inside)
    return cast(Bools, keep)


def _checked(
    rows: Ints, cents: Ints, valued: Bools, payment: Ints, totals: Ints, resolved: Resolved,
    code: Ints, fault: Ints,
) -> Targets:  # fmt: skip
    """Give a single reference the whole payment, and refuse amounts that do not add up."""
    size = len(totals)
    who = payment[rows]
    count = np.bincount(who, minlength=size)
    named = np.zeros(size, dtype=np.int64)
    np.add.at(named, who, cents)
    some, every = np.zeros(size, dtype=np.bool_), np.ones(size, dtype=np.bool_)
    some[who[valued]] = True
    every[who[~valued]] = False
    negative = np.zeros(size, dtype=np.bool_)
    negative[who[valued & (cents <= 0)]] = True
    live = (count > 0) & (code == OK)
    code[live & some & every & ((named != totals) | negative)] = SUM_WRONG
    code[live & some & negative] = SUM_WRONG
    rule = np.full(size, NONE, dtype=np.int64)
    rule[who] = resolved.rule[rows]
    rule[count > 1] = SEVERAL
    asked = np.where(valued, cents, np.where(count[who] > 1, OPEN_TOTAL, totals[who]))
    alive = code[who] == OK
    rows, who, asked = rows[alive], who[alive], asked[alive]
    return Targets(
        code, rule, fault, named, who, resolved.account[rows], resolved.pool[rows],
        resolved.member[rows], asked, np.where(resolved.other[rows] >= 0, ITEM_OR_BILL, NO_NEED),
        resolved.other[rows], rows,
    )  # fmt: skip
