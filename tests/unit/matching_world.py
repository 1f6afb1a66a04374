"""A small world for matching tests: accounts, items and receipts written as plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pyarrow as pa

from recond.matching.cascade import match
from recond.matching.policy import Rules
from recond.matching.references import keys
from recond.matching.tables import (
    BOOK_ACCOUNTS,
    BOOK_ITEMS,
    BOOK_LEADS,
    BOOK_RECENT,
    BOOK_REFERENCES,
    Book,
    Matched,
)
from recond.model import CREDIT, ITEM, RECEIPTS, REMITTANCES

DAY = dt.date(2026, 3, 16)
PAST, CURRENT = dt.date(2026, 2, 10), dt.date(2026, 3, 28)
FUNDS = {"WATER": "510", "SEWER": "520", "SANITATION": "530", "STORM": "550", "PENALTY": "510",
         "METERDEP": "510"}  # fmt: skip


@dataclass(frozen=True)
class Item:
    number: str
    account: str
    cents: int
    charge: str = "WATER"
    due: dt.date | None = CURRENT
    bill: str | None = None
    service: str | None = None
    arrangement: str | None = None
    owner: str | None = None  # before the account's customer of today


@dataclass(frozen=True)
class Receipt:
    ordinal: int
    cents: int
    told: tuple[tuple[str, str | None, int | None], ...] = ()  # kind, reference, amount
    day: dt.date = DAY
    payment: str | None = None
    tender: str = "CHECK"
    payer: str | None = None


@dataclass
class World:
    """`accounts`: number to status; `aliases`: old number to account, `days` when they count."""

    accounts: dict[str, str]
    items: list[Item] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    recent: list[tuple[str, int, dt.date, int]] = field(default_factory=list)
    cash_only: dict[str, dt.date] = field(default_factory=dict)
    leads: list[tuple[int, str, str]] = field(default_factory=list)  # ordinal, account, rule
    names: dict[str, str] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)
    days: dict[str, tuple[dt.date | None, dt.date | None]] = field(
        default_factory=dict
    )  # of aliases

    def key(self, account: str) -> int:
        return list(self.accounts).index(account) + 1

    def book(self) -> Book:
        accounts = [
            {"account_key": self.key(number), "account_number": number, "status": status,
             "cash_only_until": self.cash_only.get(number),
             "customer_name": self.names.get(number), "family": self.families.get(number)}
            for number, status in self.accounts.items()
        ]  # fmt: skip
        items = [
            {
                "item_key": row,
                "account_key": self.key(item.account),
                "item_number": item.number,
                "charge_type": item.charge,
                "fund": FUNDS[item.service or item.charge],
                "service": item.service,
                "bill_number": item.bill,
                "due_date": item.due,
                "open_cents": item.cents,
                "since_entry": 0,
                "arrangement_number": item.arrangement,
                "prior_owner": item.owner,
            }
            for row, item in enumerate(self.items)
        ]
        recent = [
            {"account_key": self.key(a), "amount_cents": c, "received_date": d, "receipt_no": n}
            for a, c, d, n in self.recent
        ]
        return Book(
            pa.Table.from_pylist(accounts, BOOK_ACCOUNTS),
            pa.Table.from_pylist(items, BOOK_ITEMS),
            self._references(),
            pa.Table.from_pylist(recent, BOOK_RECENT),
            pa.Table.from_pylist(
                [{"ordinal": o, "account_key": self.key(a), "rule": r} for o, a, r in self.leads],
                BOOK_LEADS,
            ),
        )

    def _references(self) -> pa.Table:
        rows = [("ACCOUNT", number, self.key(number), None) for number in self.accounts]
        rows += [("ALIAS", old, self.key(account), None) for old, account in self.aliases.items()]
        for row, item in enumerate(self.items):
            rows.append(("ITEM", item.number, self.key(item.account), row))
            if item.bill is not None:
                rows.append(("BILL", item.bill, self.key(item.account), row))
        _, made = keys(pa.array([row[1] for row in rows], pa.string()))
        table = pa.Table.from_pylist(
            [
                {"reference_key": key, "kind": r[0], "number": r[1], "account_key": r[2],
                 "item_key": r[3], "valid_from": self.days.get(r[1], (None, None))[0],
                 "valid_until": self.days.get(r[1], (None, None))[1]}
                for r, key in zip(rows, made.to_pylist(), strict=True)
            ],
            BOOK_REFERENCES,
        )  # fmt: skip
        return table.sort_by([("reference_key", "ascending"), ("kind", "ascending")])

    def match(self, receipts: Iterable[Receipt], rules: Rules | None = None) -> Matched:
        rows = list(receipts)
        return match(*tables(rows), self.book(), rules or Rules(), DAY)

    def after(self, receipts: list[Receipt], matched: Matched) -> World:
        """The world when these receipts have posted, as a second call would be given it."""
        taken: dict[int, int] = {}
        standing = set()
        for row in matched.placements.to_pylist():
            if row["bucket"] == ITEM:
                taken[row["item_key"]] = taken.get(row["item_key"], 0) + row["cents"]
            if row["bucket"] in (ITEM, CREDIT):
                standing.add(row["ordinal"])
        items = [
            replace(item, cents=item.cents - taken.get(row, 0))
            for row, item in enumerate(self.items)
        ]
        recent, seen = list(self.recent), set()
        numbers = dict(enumerate(self.accounts, 1))
        decided = {row["ordinal"]: row for row in matched.decisions.to_pylist()}
        for receipt in receipts:
            key = decided[receipt.ordinal]["account_key"]
            name = receipt.payment or f"#{receipt.ordinal}"
            if key is None or name in seen or receipt.ordinal not in standing:
                continue
            seen.add(name)  # tenders of one payment stand as one
            total = sum(r.cents for r in receipts if (r.payment or f"#{r.ordinal}") == name)
            recent.append((numbers[key], total, receipt.day, receipt.ordinal))
        return replace(self, items=items, recent=recent)


def tables(receipts: list[Receipt]) -> tuple[pa.Table, pa.Table]:
    """RECEIPTS and REMITTANCES."""
    rows = [
        {"ordinal": r.ordinal, "amount_cents": r.cents, "received_date": r.day,
         "payment": r.payment, "tender": r.tender, "payer_name": r.payer}
        for r in receipts
    ]  # fmt: skip
    told = [
        {"ordinal": r.ordinal, "sequence": number, "kind": kind, "reference": reference,
         "amount_cents": cents}
        for r in receipts
        for number, (kind, reference, cents) in enumerate(r.told, 1)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, RECEIPTS), pa.Table.from_pylist(told, REMITTANCES)


# Two bills of one account and the penalties of the first: the worked examples of domain 2.1.
SAGUARO = [
    Item("PW", "1000456012", 200, "PENALTY", PAST, "B1", "WATER"),
    Item("PS", "1000456012", 150, "PENALTY", PAST, "B1", "SEWER"),
    Item("PG", "1000456012", 150, "PENALTY", PAST, "B1", "SANITATION"),
    Item("1W", "1000456012", 3150, "WATER", PAST, "B1"),
    Item("1S", "1000456012", 2240, "SEWER", PAST, "B1"),
    Item("1G", "1000456012", 2580, "SANITATION", PAST, "B1"),
    Item("2W", "1000456012", 4275, "WATER", CURRENT, "B2"),
    Item("2S", "1000456012", 3120, "SEWER", CURRENT, "B2"),
    Item("2G", "1000456012", 2680, "SANITATION", CURRENT, "B2"),
    Item("2T", "1000456012", 325, "STORM", CURRENT, "B2"),
]
