"""From applications to placements: where every cent of every receipt stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recond.matching.openitems import OpenItems
from recond.matching.ordering import codes
from recond.matching.rulers import lay
from recond.matching.tables import PLACEMENTS
from recond.model import CREDIT, ITEM, SUSPENSE

if TYPE_CHECKING:
    from recond.matching.allocate import Applied

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Segments:
    """Stretches of an owner's ruler (a payment, later a receipt), in order of owner, then along
    the ruler. `account` is a position in OpenItems.keys, -1 for none; `item` an item row or -1."""

    owner: Ints
    bucket: Ints
    account: Ints
    item: Ints
    cents: Ints

    @classmethod
    def of(cls, claim_payment: Ints, claim_account: Ints, applied: Applied) -> Self:
        """Applications, then what each claim left over, on account: one line an account."""
        left = applied.cents.copy()
        np.subtract.at(left, applied.claim, applied.amount)
        over = np.flatnonzero(left)
        width = np.int64(int(claim_account.max(initial=0)) + 1)
        pair, first, at = np.unique(
            claim_payment[over] * width + claim_account[over],
            return_index=True,
            return_inverse=True,
        )
        credit = np.zeros(len(pair), dtype=np.int64)
        np.add.at(credit, at, left[over])
        over = over[first]
        none = np.full(len(over), -1, dtype=np.int64)
        parts = (
            (claim_payment[applied.claim], claim_payment[over]),
            (np.full(len(applied.claim), ITEM), np.full(len(over), CREDIT)),
            (claim_account[applied.claim], claim_account[over]),
            (applied.item, none),
            (applied.amount, credit),
        )
        owner, bucket, account, item, cents = (np.concatenate(pair) for pair in parts)
        return cls(owner, bucket, account, item, cents).sorted()

    @classmethod
    def joined(cls, *parts: Segments) -> Segments:
        """Several together, in order of owner; of one owner in the order given."""
        parts = tuple(part for part in parts if len(part.owner)) or parts[:1]
        if len(parts) == 1:
            return parts[0].sorted()
        columns = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("owner", "bucket", "account", "item", "cents")
        )
        return cls(*columns).sorted()

    def sorted(self) -> Self:
        """In order of owner, keeping the order along each ruler."""
        if (self.owner[1:] >= self.owner[:-1]).all():
            return self
        return self.rows(np.argsort(self.owner, kind="stable"))

    def rows(self, rows: Ints) -> Self:
        """Some of the segments."""
        return type(self)(
            self.owner[rows],
            self.bucket[rows],
            self.account[rows],
            self.item[rows],
            self.cents[rows],
        )


def tender(segments: Segments, owner: Ints, cents: Ints) -> Segments:
    """The segments of payments of several tenders, by tender.

    `owner` and `cents`: payment and amount of each tender, sorted by payment; the answer's owner
    is the tender's position. The positive tenders are laid along their payment's ruler, whose
    last segment is as much longer as change was given; change takes back from that segment, so
    that an item nets what it was meant to get (contract section 4: a negative row is change).
    """
    last = np.flatnonzero(np.append(segments.owner[1:] != segments.owner[:-1], True))
    payments = segments.owner[last]
    change = np.zeros(len(payments), dtype=np.int64)
    negative = np.flatnonzero(cents < 0)
    np.subtract.at(change, np.searchsorted(payments, owner[negative]), cents[negative])
    length = segments.cents.copy()
    length[last] += change
    positive = np.flatnonzero(cents > 0)
    paid, segment, amount = lay(segments.owner, length, owner[positive], cents[positive])
    back = last[np.searchsorted(payments, owner[negative])]
    rows = np.concatenate([segment, back])
    taken = segments.rows(rows)
    tenders = np.concatenate([positive[paid], negative])
    amounts = np.concatenate([amount, cents[negative]])
    return Segments(tenders, taken.bucket, taken.account, taken.item, amounts).sorted()


def placements(ordinals: Ints, segments: Segments, book: OpenItems) -> pa.Table:
    """PLACEMENTS of segments; `ordinals` by owner. Lines count from 1 within the owner."""
    size = len(segments.owner)
    first = np.ones(size, dtype=np.bool_)
    first[1:] = segments.owner[1:] != segments.owner[:-1]
    start = np.flatnonzero(first)
    line = np.arange(size) - np.repeat(start, np.diff(np.append(start, size))) + 1
    # Cents in suspense are nobody's yet, whatever account left them over.
    no_item = segments.item < 0
    no_account = (segments.account < 0) | (segments.bucket == SUSPENSE)
    charges = book.charges
    fund, funds = codes(book.table["fund"])
    item_key = book.table["item_key"].combine_chunks().to_numpy(zero_copy_only=False)
    return pa.table(
        [
            pa.array(ordinals[segments.owner]),
            pa.array(line.astype(np.int32)),
            pa.array(segments.bucket.astype(np.int32)),
            _taken(book.keys, segments.account, no_account),
            _taken(item_key, segments.item, no_item),
            _words(charges.charge, charges.charge_names, segments.item, no_item),
            _words(fund, funds, segments.item, no_item),
            pa.array(segments.cents),
        ],
        schema=PLACEMENTS,
    )


def _taken(values: Ints, rows: Ints, missing: npt.NDArray[np.bool_]) -> pa.Array:
    if not missing.any():
        return pa.array(values[rows])
    found = np.zeros(len(rows), dtype=np.int64)
    found[~missing] = values[rows[~missing]]
    return pa.array(found, mask=missing)


def _words(
    code: Ints, names: list[str | None], rows: Ints, missing: npt.NDArray[np.bool_]
) -> pa.Array:
    found = np.full(len(rows), -1, dtype=np.int64)
    found[~missing] = code[rows[~missing]]
    indices = pa.array(found.astype(np.int32), mask=found < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).cast(pa.string())
