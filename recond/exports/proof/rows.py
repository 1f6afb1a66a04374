"""The rows of the proof: of a day, a bank account and a channel, and their sums by account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import NamedTuple


class Key(NamedTuple):
    """Where cents belong before their account is known: `stream` is the lockbox or the merchant
    that they came through, `account` the bank's where a line of the bank is all there is."""

    date: str
    channel: str
    stream: str = ""
    account: str | None = None


@dataclass(slots=True)
class Proof:
    """A day, bank account and channel ("" for all); everything in cents but counts and age."""

    date: str
    channel: str
    bank_account: str = ""
    files: set[int] = field(default_factory=set)
    records: int = 0
    receipts: int = 0
    received: int = 0
    applied: int = 0
    on_account: int = 0
    suspense: int = 0
    returned: int = 0
    refunded: int = 0
    over_short: int = 0
    fees: int = 0
    withheld: int = 0
    taken_back: int = 0
    not_deposited: int = 0
    deposited: int = 0
    bank: int = 0
    in_transit: int = 0
    bank_error: int = 0
    missing: int = 0
    elsewhere: int = 0  # of `bank`: credited to another account
    apart: int = 0  # what the three sums of single channels differ by, without signs
    age_days: int = 0

    @property
    def difference(self) -> int:
        """What nothing explains: each of the three sums of each channel, so that they cannot
        offset."""
        placed = self.applied + self.on_account + self.suspense + self.returned + self.refunded
        due = self.received + self.over_short + self.fees + self.withheld + self.taken_back
        open_ = self.in_transit + self.bank_error + self.missing
        own = (
            abs(self.received - placed)
            + abs(due - self.not_deposited - self.deposited)
            + abs(self.deposited - self.bank - open_)
        )
        return max(own, self.apart)

    @property
    def state(self) -> str:
        """The worst of what is open: different, missing, bank_error, elsewhere, in_transit, or
        proved."""
        if self.difference:
            return "different"
        for name in ("missing", "bank_error", "elsewhere", "in_transit"):
            if getattr(self, name):
                return name
        return "in_transit" if self.not_deposited else "proved"

    def add(self, other: Proof) -> None:
        """Add another row's sums."""
        self.files |= other.files
        for name in (*COUNTS, *CENTS):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.age_days = max(self.age_days, other.age_days)


COUNTS = ("records", "receipts")
CENTS = [
    f.name
    for f in fields(Proof)
    if f.type == "int" and f.name not in (*COUNTS, "age_days", "apart")
]


def by_channel(rows: Iterable[Proof]) -> list[Proof]:
    """One row a day, bank account and channel, in order."""
    made: dict[tuple[str, str, str], Proof] = {}
    for row in rows:
        key = (row.date, row.bank_account, row.channel)
        made.setdefault(key, Proof(row.date, row.channel, row.bank_account)).add(row)
    return [made[key] for key in sorted(made)]


def by_account(rows: Iterable[Proof]) -> list[Proof]:
    """One row a day and bank account, in order; its difference is that of its channels."""
    made: dict[tuple[str, str], Proof] = {}
    for row in by_channel(rows):
        key = (row.date, row.bank_account)
        whole = made.setdefault(key, Proof(row.date, "", row.bank_account))
        whole.add(row)
        whole.apart += row.difference
    return [made[key] for key in sorted(made)]
