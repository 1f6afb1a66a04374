"""Credit on account pays the items that appear later (domain example E12)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.matching.allocate import ACCOUNT_POOL, NO_NEED, Applied, Claims, settle
from recond.matching.openitems import OpenItems, find, int64
from recond.matching.ordering import days, policy_numbers
from recond.matching.placing import Segments, placements
from recond.matching.policy import Rules
from recond.matching.tables import BOOK_ACCOUNTS
from recond.matching.words import texts_of
from recond.model import CENTS, DATE, ITEM, TEXT

Ints = npt.NDArray[np.int64]

# What stands on account, one row a receipt and account; `placed_entry` is the entry that put it
# there: items that came with a later entry are the ones that it may pay. `identity` is what tells
# the receipt from others by its own content, never by when or in which file it arrived.
CREDITS = pa.schema(
    [
        pa.field("ordinal", pa.int64()),
        pa.field("account_key", pa.int64()),
        pa.field("cents", CENTS),
        pa.field("received_date", DATE),
        pa.field("placed_entry", pa.int64()),
        pa.field("identity", TEXT),
    ]
)

# Credit of these accounts stays where it is until a person decides.
BARRED = ("closed", "bankruptcy")


def apply_credits(
    credit_lots: pa.Table, items: pa.Table, rules: Rules, accounts: pa.Table | None = None
) -> pa.Table:
    """Let CREDITS pay BOOK_ITEMS that came after them, oldest received date first; of one day the
    smallest first, then by identity.

    Answers the PLACEMENTS that credit moves to, all of them items; the same cents leave the
    receipt's credit on that account. `accounts` (BOOK_ACCOUNTS) tells families and statuses:
    credit of closed accounts and of those in bankruptcy is left alone.
    """
    known = BOOK_ACCOUNTS.empty_table() if accounts is None else accounts
    day = days(credit_lots["received_date"], 0)
    ordinal, cents = int64(credit_lots["ordinal"]), int64(credit_lots["cents"])
    who = int64(pc.rank(credit_lots["identity"], tiebreaker="dense").cast(pa.int64()))
    turn = np.lexsort((ordinal, who, cents, day))
    turn = turn[cents[turn] > 0]
    owner = int64(credit_lots["account_key"])[turn]
    book = OpenItems.of(items, owner, rules)
    account = find(book.keys, owner)
    status, statuses = texts_of(known, book.keys, "status")
    family, families = texts_of(known, book.keys, "family")
    barred = np.array([(name or "").lower() in BARRED for name in statuses] + [False])
    size = len(turn)
    claims = Claims(
        payment=np.arange(size),
        account=account,
        pool=np.full(size, ACCOUNT_POOL),
        member=np.full(size, -1),
        cents=cents[turn],
        policy=policy_numbers(rules, families, family[account], day[turn]),
        day=day[turn],
        since=int64(credit_lots["placed_entry"])[turn],
        barred=barred[status[account]],
        need=np.full(size, NO_NEED),
    )
    applied = settle(claims, claims.cents, book, rules)
    return placements(*_by_receipt(applied, claims, ordinal[turn]), book)


def _by_receipt(applied: Applied, claims: Claims, ordinal: Ints) -> tuple[Ints, Segments]:
    """Applications by receipt: one may have credit on several accounts."""
    receipts, number = np.unique(ordinal, return_inverse=True)
    segments = Segments(
        number[applied.claim].astype(np.int64),
        np.full(len(applied.claim), ITEM),
        claims.account[applied.claim],
        applied.item,
        applied.amount,
    )
    return receipts, segments.sorted()
