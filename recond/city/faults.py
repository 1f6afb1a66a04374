"""What goes wrong at the counter and at the bank, on purpose, and on which day.

One fault a day of each kind of place, so that each can be told from the others in what a file is
asked about. Short months have the first of each list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recond.city.bank import StatementLine
from recond.city.counter import Close

# Domain section 6, step 8: drawer short (6), over (4), composition swap (1), receipt gap (2),
# unapproved void (1), late deposit (2), lost deposit (1), bank amount error (2, one corrected).
COUNTER = (
    "drawer_short", "receipt_gap", "drawer_over", "late_deposit", "lost_deposit",
    "composition_swap", "void_not_approved", "bank_amount_corrected", "drawer_short",
    "drawer_over", "receipt_gap", "bank_amount_wrong", "drawer_short", "late_deposit",
    "drawer_over", "drawer_short", "drawer_short", "drawer_over", "drawer_short",
)  # fmt: skip
# Lines of statements that bring no deposit: stray credits (3), a credit twice, a sweep, fees.
BANK = ("stray_credit", "credit_repeated", "stray_credit", "sweep", "fee", "stray_credit")
CODES = {
    "drawer_short": "DRAWER_SHORT",
    "drawer_over": "DRAWER_OVER",
    "composition_swap": "DRAWER_COMPOSITION",
    "late_deposit": "DEPOSIT_LATE",
    "lost_deposit": "DEPOSIT_NOT_CREDITED",
    "receipt_gap": "RECEIPT_NUMBER_GAP",
    "bank_amount_wrong": "DEPOSIT_AMOUNT_DIFFERS",
    "bank_amount_corrected": "DEPOSIT_AMOUNT_DIFFERS",
    "stray_credit": "BANK_CREDIT_UNMATCHED",
    "credit_repeated": "BANK_CREDIT_REPEATED",
    "sweep": "BANK_DEBIT_UNKNOWN",
    "fee": "",
    "held_money_at_bank": "BANK_CREDIT_UNMATCHED",
    "held_money_late": "DEPOSIT_NOT_CREDITED",
    "late_file_credit": "BANK_CREDIT_UNMATCHED",
    "missing_file": "FILE_MISSING",
    "wrong_box": "CREDIT_ELSEWHERE",
    "wrong_box_late": "DEPOSIT_NOT_CREDITED",
    "net_fee_mismatch": "DEPOSIT_AMOUNT_DIFFERS",
    "late_close": "DRAWER_NOT_CLOSED",
    "return_unknown": "RETURN_NOT_FOUND",
    "return_again": "RETURN_REPEATED",
    "notice_of_change": "NOTICE_OF_CHANGE",
    "debit_unknown": "BANK_DEBIT_UNKNOWN",
    "tie": "CLEARING_AMBIGUOUS",
}
# Questions about a statement as a whole, with no line of it.
OF_STATEMENT = ("sweep", "debit_unknown", "tie")
# Business days after the value date on which a debit of these is asked about: a file of returns may
# come as late.
PATIENCE = {"debit_unknown": 3, "tie": 3}
BANK_ERROR = 1000  # what the bank credits too little, in cents
FEE_ERROR = 500  # what a card processor keeps too much


def of_day(faults: Sequence[str], index: int, every: int) -> str:
    """The fault of the day with that index, one every `every` days from the second on; empty."""
    place, rest = divmod(index - 1, every)
    return faults[place] if index and not rest and place < len(faults) else ""


def miscounted(close: Close, fault: str, serial: int) -> tuple[Close, int]:
    """The close of a drawer with the fault, and the cents in question; 0 where the drawer is too
    empty for it."""
    if not close.cash and not close.checks:
        return close, 0  # nobody paid there: the close is asked about as one without receipts
    cents = min(500 + 5 * (serial % 200), close.cash - 100)
    if fault == "drawer_over":
        return replace(close, cash=close.cash + 500), 500
    if cents <= 0:
        return close, 0
    if fault == "drawer_short":
        return replace(close, cash=close.cash - cents), cents
    if fault == "composition_swap":
        return replace(close, cash=close.cash - cents, checks=close.checks + cents), cents
    return close, 0


def line_of(fault: str, stamp: str, before: StatementLine | None) -> StatementLine | None:
    """The statement line of a fault; `before` is a credit of the day before."""
    if fault == "stray_credit":
        return StatementLine(
            "142", 150_000 + int(stamp) % 9_973, f"ST{stamp}", "STATE OF AZ WARRANT"
        )
    if fault == "credit_repeated":
        return before
    if fault == "sweep":
        return StatementLine("575", 5_000_000, f"ZB{stamp}", "ZBA TRANSFER")
    if fault == "fee":
        return StatementLine("698", 18_100, f"FE{stamp}", "ANALYSIS FEE")
    return None
