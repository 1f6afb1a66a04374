"""Items of somebody who had the account before (domain section 2.1: owner current | prior).

Where a policy leaves them, no payment or credit for the account as a whole pays them (see
`allocate`), and a payment whose payer is by name the one who owes them is nobody's to place: its
number says the account, its name the owner before. Both are asked about.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from recond.arrays import Ints
from recond.matching.allocate import ITEM_POOL
from recond.matching.names import alike, normalise_name
from recond.matching.openitems import OpenItems
from recond.matching.targets import OK, PRIOR, Targets


def owed_before(items: OpenItems) -> dict[int, tuple[str, int]]:
    """Account (position in OpenItems.keys) → the name of the owner before, and the cents that
    its items have open: none, when they are paid. Few accounts have any."""
    answer: dict[int, tuple[str, int]] = {}
    rows = np.flatnonzero(items.prior)
    names = items.table["prior_owner"].combine_chunks().take(pa.array(rows)).to_pylist()
    for row, name in zip(rows.tolist(), names, strict=True):
        account = int(items.account[row])
        first, cents = answer.get(account, (name, 0))
        answer[account] = (first, cents + int(items.open[row]))
    return answer


def let_wait(
    aims: Targets, payers: pa.Array, policy: Ints, customers: Sequence[str | None], items: OpenItems
) -> None:
    """Give payments of owners before, by name, the code PRIOR. `payers`: names by payment;
    `policy`: of each claim; `customers`: names by account."""
    owed = owed_before(items)
    if not owed:
        return
    about = np.isin(aims.account, np.array(sorted(owed))) & (aims.pool != ITEM_POOL)
    about &= items.leaves[policy] & (aims.code[aims.payment] == OK)
    for claim in np.flatnonzero(about).tolist():  # payments for accounts with such items only
        account, payment = int(aims.account[claim]), int(aims.payment[claim])
        payer = normalise_name(payers[payment].as_py())
        owner, now = normalise_name(owed[account][0]), normalise_name(customers[account])
        if alike(payer, owner) and not alike(payer, now):
            aims.code[payment] = PRIOR
            aims.named[payment] = owed[account][1]
