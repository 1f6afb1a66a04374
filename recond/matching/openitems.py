"""The open items of a book as arrays, with what is still open while payments are laid on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import edges, stable
from recond.matching.ordering import Charges, codes, policies_of
from recond.matching.policy import Rules

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def int64(values: pa.Array | pa.ChunkedArray, missing: int = 0) -> Ints:
    """A column as int64, nulls as `missing`."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return cast(Ints, whole.cast(pa.int64()).fill_null(missing).to_numpy(zero_copy_only=False))


def distinct(values: Ints) -> Ints:
    """The distinct values, ascending. Those that lie close together are ticked off; others are
    sorted, which for integers beats numpy's hashing."""
    if len(values):
        least, span = int(values.min()), int(values.max()) - int(values.min())
        if span < 4 * len(values):
            seen = np.zeros(span + 1, dtype=np.bool_)
            seen[values - least] = True
            return np.flatnonzero(seen) + least
    ordered = np.sort(values)
    keep = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]


def grouped(values: Ints) -> tuple[Ints, Ints]:
    """The distinct values, ascending, and the position of each value among them."""
    known = distinct(values)
    return known, find(known, values)


def among(values: Ints, pool: Ints) -> npt.NDArray[np.bool_]:
    """Which values stand in the pool; free where there is nothing to ask. By sorting: `np.isin`
    hashes both sides, at ten times the cost where most values differ."""
    if not len(values):
        return np.zeros(0, dtype=np.bool_)
    return find(distinct(pool), values) >= 0


def find(keys: Ints, values: Ints) -> Ints:
    """Positions of values in ascending distinct keys, -1 where they are not among them."""
    if not len(keys):
        return np.full(len(values), -1, dtype=np.int64)
    least, span = int(keys[0]), int(keys[-1]) - int(keys[0])
    if span < 8 * (len(keys) + len(values)):  # dense keys: a table beats a binary search
        table = np.full(span + 2, -1, dtype=np.int64)
        table[keys - least] = np.arange(len(keys))
        offset = values - least
        offset[(offset < 0) | (offset > span)] = span + 1
        return table[offset]
    place = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
    return np.where(keys[place] == values, place, -1)


@dataclass(slots=True)
class OpenItems:
    """BOOK_ITEMS in its own rows. `open` falls as payments are applied; everything else stays.

    Accounts are positions in `keys` (ascending account keys); bills are codes of their numbers.
    """

    keys: Ints
    account: Ints
    open: Ints
    since: Ints
    bill: Ints
    charges: Charges
    prior: Bools  # of somebody who had the account before
    leaves: Bools  # by policy (position in `policies_of`): whether it leaves those alone
    table: pa.Table
    _by_account: Ints | None = field(default=None)
    _start: Ints | None = field(default=None)

    @classmethod
    def of(cls, items: pa.Table, account_keys: Ints, rules: Rules) -> OpenItems:
        """`account_keys`: every account that may be asked for, items or not."""
        owner = int64(items["account_key"])
        keys = distinct(account_keys)
        account = find(keys, owner)
        if (account < 0).any():
            keys = distinct(np.concatenate([keys, owner]))
            account = find(keys, owner)
        bill, _ = codes(items["bill_number"])
        charges = Charges.of(items, rules)
        open_ = int64(items["open_cents"]).copy()
        if rules.pays_only:  # for this money nothing else is open
            allowed = [name in rules.pays_only for name in charges.charge_names]
            open_[~np.array([*allowed, False])[charges.charge]] = 0
        return cls(
            keys=keys,
            account=account,
            open=open_,
            since=int64(items["since_entry"]),
            bill=bill,
            charges=charges,
            prior=pc.is_valid(items["prior_owner"]).to_numpy(),
            leaves=np.array([p.prior_owner == "leave" for p in policies_of(rules)]),
            table=items,
        )

    def rows_of(self, accounts: Ints) -> Ints:
        """Rows with something open of these accounts (distinct, ascending), ascending."""
        if 8 * len(accounts) > len(self.keys):
            wanted = np.zeros(len(self.keys), dtype=np.bool_)
            wanted[accounts] = True
            return np.flatnonzero(wanted[self.account] & (self.open > 0))
        if self._by_account is None or self._start is None:
            self._by_account = stable(self.account)
            self._start = edges(self.account, len(self.keys))
        start, stop = self._start[accounts], self._start[accounts + 1]
        count = stop - start
        shift = np.repeat(start - (np.cumsum(count) - count), count)
        rows = np.sort(self._by_account[np.arange(int(count.sum())) + shift])
        return cast(Ints, rows[self.open[rows] > 0])

    def take(self, rows: Ints, cents: Ints) -> None:
        """Lower what is open. Rows may repeat."""
        np.subtract.at(self.open, rows, cents)

    def give_back(self, rows: Ints, cents: Ints) -> None:
        """Undo `take`."""
        np.add.at(self.open, rows, cents)
