"""Writes what the counter and the card processor hand in (contract section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from recond.city.text import csv_bytes, dollars

RECEIPT_COLUMNS = (
    "receipt_number", "drawer", "cashier", "business_date", "time", "account_number",
    "item_number", "tender", "amount", "check_number", "payer_name", "void_of", "approved_by",
)  # fmt: skip
CLOSE_COLUMNS = (
    "drawer", "cashier", "business_date", "opening_float", "counted_cash", "counted_checks",
    "deposit_bag", "deposit_date", "verified_by", "counts",
)  # fmt: skip
CARD_COLUMNS = (
    "merchant_id", "batch_number", "settlement_date", "brand", "transaction_id", "sale_date",
    "account_number", "gross_amount", "fee_amount", "net_amount", "type",
)  # fmt: skip
PAPER = ("CHECK", "MONEY_ORDER", "CASHIERS_CHECK")
DENOMINATIONS = (10000, 5000, 2000, 1000, 500, 100, 25, 10, 5, 1)


@dataclass(frozen=True, slots=True)
class Tender:
    """One row of the cashier file: one tender of one receipt, or a void of a whole receipt."""

    receipt: str
    drawer: str
    cashier: str
    time: str
    account: str
    item: str
    tender: str
    cents: int
    check_number: str = ""
    payer_name: str = ""
    void_of: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """One drawer at the end of the day; `cash` and `checks` are what was taken, in cents."""

    drawer: str
    cashier: str
    opening: int
    cash: int
    checks: int
    bag: str
    verified_by: str
    deposit_date: date | None = None  # when it goes to the bank, where not with the others

    @property
    def deposit(self) -> int:
        """What the bag holds: counted cash less the float, and the checks."""
        return self.cash + self.checks


@dataclass(frozen=True, slots=True)
class CardRow:
    """One row of a card settlement; `gross` (negative where money leaves) and `fee` in cents."""

    transaction: str
    brand: str
    sale_date: date
    account: str
    gross: int
    fee: int
    kind: str = "SALE"


def cashier_file(day: date, rows: Sequence[Tender]) -> bytes:
    """The cashier receipts of a day; row n stands in physical line n + 1, n from 1."""
    return csv_bytes(
        RECEIPT_COLUMNS,
        [
            (
                row.receipt, row.drawer, row.cashier, day.isoformat(), row.time, row.account,
                row.item, row.tender, dollars(row.cents), row.check_number, row.payer_name,
                row.void_of, row.approved_by,
            )
            for row in rows
        ],
    )  # fmt: skip


def close_of(drawer: Close, rows: Sequence[Tender]) -> Close:
    """The close of a drawer from its rows: voids take out what their receipt brought in."""
    mine = [row for row in rows if row.drawer == drawer.drawer]
    return replace(
        drawer,
        cash=sum(row.cents for row in mine if row.tender == "CASH"),
        checks=sum(row.cents for row in mine if row.tender in PAPER),
    )


def _counts(cents: int) -> str:
    parts = []
    for value in DENOMINATIONS:
        if number := cents // value:
            parts.append(f"{dollars(value)}={number}")
            cents -= number * value
    return ";".join(parts)


def close_file(day: date, deposit_date: date, closes: Sequence[Close]) -> bytes:
    """The drawer closes of a day; counted cash includes the opening float."""
    return csv_bytes(
        CLOSE_COLUMNS,
        [
            (
                close.drawer, close.cashier, day.isoformat(), dollars(close.opening),
                dollars(close.opening + close.cash), dollars(close.checks), close.bag,
                (close.deposit_date or deposit_date).isoformat(), close.verified_by,
                _counts(close.opening + close.cash),
            )
            for close in closes
        ],
    )  # fmt: skip


def card_fee(cents: int) -> int:
    """2.15 % and 10 cents an item, half up (domain example E36)."""
    return (cents * 215 + 5000) // 10000 + 10


def card_file(merchant: str, batch: str, day: date, rows: Sequence[CardRow]) -> bytes:
    """One merchant's card settlement; row n stands in physical line n + 1, n from 1."""
    return csv_bytes(
        CARD_COLUMNS,
        [
            (
                merchant, batch, day.isoformat(), row.brand, row.transaction,
                row.sale_date.isoformat(), row.account, dollars(row.gross), dollars(row.fee),
                dollars(row.gross - row.fee), row.kind,
            )
            for row in rows
        ],
    )  # fmt: skip
