"""Weak evidence that may decide what nothing else decides: repaired scan lines, payer memory,
words of a payment's free text.

A lead names an account for a payment whose own evidence failed (a scan line with a wrong digit,
a reference that the books do not know) or is missing. It posts only when the leads of the payment
lead to exactly one account, and that account takes payments and its due is the payment, when its
turn comes (domain examples E17, E18): an amount never chooses between two accounts. Which of the
others there are is an office's choice; a new home follows only words (contract section 4).

Words (remittances of kind WORD) are those of a text that could be numbers. They lead where all of
them are in the books: a number that stands beside one that nobody knows may be a street or a date.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.matching.openitems import OpenItems, find, int64
from recond.matching.resolve import FOUND, FREE_TEXT, LEADS, Resolved
from recond.matching.targets import CHECK, MISSING, NOT_FOUND, Targets

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Which failure each rule of BOOK_LEADS may heal, in the order of resolve.LEADS.
_HEALS = np.array([CHECK, MISSING, NOT_FOUND, MISSING], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Followed:
    """Payments that a lead decides, ascending: their account (position in OpenItems.keys), the
    rule (position in resolve.RULES), and the code that they have when the due differs."""

    payment: Ints
    account: Ints
    rule: Ints
    code: Ints


def of_words(word: Bools, payment: Ints, resolved: Resolved) -> tuple[Ints, Ints]:
    """(payment, account) of the rows of REMITTANCES that are words (`word`), of payments all whose
    words are in the books."""
    found = word & (resolved.outcome == FOUND)
    rows = np.flatnonzero(found & ~np.isin(payment, payment[word & ~found]))
    return payment[rows], resolved.account[rows]


def follow(
    leads: pa.Table,
    words: tuple[Ints, Ints],
    aims: Targets,
    ordinal: Ints,
    of_row: Ints,
    totals: Ints,
    said: Ints,
    refused: Bools,
    items: OpenItems,
) -> Followed:
    """The leads (BOOK_LEADS, and `words` as `of_words` answers them) that decide. `ordinal` and
    `of_row`: the receipt rows and their payments; `said`: how many references each payment gives:
    beside others a lead says nothing; `refused` accounts, by position, are led to by nothing."""
    order = np.argsort(ordinal, kind="stable")
    row = find(ordinal[order], int64(leads["ordinal"]))
    account = find(items.keys, int64(leads["account_key"]))
    rule = int64(pc.index_in(leads["rule"], value_set=pa.array([name for name, _ in LEADS])), -1)
    known = np.flatnonzero((row >= 0) & (account >= 0) & (rule >= 0))
    payment = np.concatenate([of_row[order[row[known]]], words[0]])
    account = np.concatenate([account[known], words[1]])
    rule = np.concatenate([rule[known], np.full(len(words[0]), FREE_TEXT)])
    heals = (aims.code[payment] == _HEALS[rule]) & (said[payment] <= 1)
    payment, account, rule = payment[heals], account[heals], rule[heals]
    width = np.int64(len(items.keys) + 1)
    pair, first = np.unique(payment * width + account, return_index=True)
    who = pair // width
    alone = np.bincount(who, minlength=len(totals))[who] == 1
    payment, account, rule = payment[first[alone]], account[first[alone]], rule[first[alone]]
    # Whether the account owes just the payment is known when its turn comes (allocate.EXACTLY).
    chosen = np.flatnonzero((totals[payment] > 0) & ~refused[account])
    named = np.array([number for _, number in LEADS], dtype=np.int64)
    return Followed(payment[chosen], account[chosen], named[rule[chosen]],
                    aims.code[payment[chosen]])  # fmt: skip
