"""The card settlement of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from recond.city.counter import CardRow, card_fee, card_file
from recond.city.faults import FEE_ERROR
from recond.city.month import Month
from recond.city.payments import CARD, Payment
from recond.city.text import next_business_day
from recond.city.truth import Comeback

MERCHANT = "SAGUARO-WEB"
BRANDS = ("VISA", "MASTERCARD", "AMEX", "DISCOVER")
BACK = {"TAKEN": ("CHARGEBACK", -1, "K"), "BROUGHT": ("CHARGEBACK_REVERSAL", 1, "W")}


def settlement(
    month: Month,
    payments: Sequence[Payment],
    back: Sequence[tuple[str, Payment]],
    *,
    refund: bool,
    fee: bool,
    kept: bool,
) -> None:
    """Sales, of the weekend too; `back` are sales that are charged back (TAKEN) or won again
    (BROUGHT); on some days a refund of 25.00 that no sale explains, or the monthly fee, which are
    no payments. With `kept` the bank credits 5.00 less than the file says."""
    name = month.name("card", 1, "csv")
    rows = []
    monday = month.day.weekday() == 0 and len(month.truth.days) > 2  # a weekend of the month
    for payment in payments:
        sold = month.day - timedelta(days=payment.serial % 3 if monday else 0)
        rows.append(
            CardRow(
                f"T{payment.serial:09d}", BRANDS[payment.serial % 4], sold, payment.identity,
                payment.cents, card_fee(payment.cents),
            )
        )  # fmt: skip
        row = month.receipt(payment, name, len(rows) + 1, False)
        month.truth.receipts.append(replace(row, received_date=sold))
    for what, payment in back:
        kind, sign, letter = BACK[what]
        rows.append(
            CardRow(f"{letter}{payment.serial:09d}", BRANDS[payment.serial % 4], month.day,
                    payment.identity, sign * payment.cents, 0, kind)
        )  # fmt: skip
        made = Comeback(
            month.day, what, payment.name, CARD, payment.cents, kind, name, len(rows) + 1
        )
        month.truth.comebacks.append(made)
    if refund and payments:
        who, number = payments[0].identity, f"R{month.day:%y%m%d}"
        rows.append(CardRow(number, "VISA", month.day, who, -2500, 0, "REFUND"))
        month.plant("card_refund", "RETURN", "card", name, code="RETURN_NOT_FOUND", cents=2500)
    if fee:
        rows.append(CardRow(f"F{month.day:%y%m%d}", "VISA", month.day, "", 0, 1810, "FEE"))
    batch = f"CB{month.day:%y%m%d}"
    month.write("card", name, card_file(MERCHANT, batch, month.day, rows))
    cents = sum(row.gross - row.fee for row in rows)
    wrong = FEE_ERROR if kept and cents > FEE_ERROR else 0
    month.deposit(CARD, name, cents - wrong, month.day, f"CARD {batch}")
    if wrong:
        month.plant_later("net_fee_mismatch", next_business_day(month.day), name, -wrong)
