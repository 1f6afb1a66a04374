"""Where an accountant looks for what was planted in a generated month: the file of the pack, and
which row of it shows the fault. A code that is planted and has no place here fails a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from oracle import cents

from recond.city.truth import Planted

Row = dict[str, str]
Shows = Callable[[Row, Planted], bool]


def _amount(column: str, sign: int = 1) -> Shows:
    return lambda row, one: bool(row[column]) and sign * cents(row[column]) == one.cents


def _is(column: str, value: str) -> Shows:
    return lambda row, _: row[column] == value


def _both(*shows: Shows) -> Shows:
    return lambda row, one: all(show(row, one) for show in shows)


def _code(row: Row, one: Planted) -> bool:
    return row["code"] == one.expected_code


def _named(row: Row, one: Planted) -> bool:
    return row["gate"] == "files" and f"{one.file} is {one.state}" in row["found"]


IN_SUSPENSE = ("unidentified", _amount("amount"))
ASKED = ("exception_ageing", _code)
HELD = ("close_checklist", _named)

# Faults of files, drawers, the bank and what comes back, by code; "" is none.
PLACES: Mapping[str, tuple[str, Shows]] = {
    "DRAWER_SHORT": ("over_short", _amount("short")),
    "DRAWER_OVER": ("over_short", _amount("over")),
    "DRAWER_COMPOSITION": (
        "fraud_screens", _both(_is("screen", "composition"), _amount("amount")),
    ),
    "DEPOSIT_LATE": ("over_short", lambda row, _: int(row["days_to_bank"] or 0) > 1),
    # its close came a day later, which answered the question
    "DRAWER_NOT_CLOSED": ("exceptions", _code),
    "RECEIPT_NUMBER_GAP": ("voids_and_gaps", _is("kind", "missing number")),
    "VOID_NOT_APPROVED": (
        "voids_and_gaps", lambda row, _: row["kind"].startswith("void") and not row["approved_by"],
    ),
    "DEPOSIT_NOT_CREDITED": ("deposits_in_transit", _amount("in_transit")),
    "DEPOSIT_AMOUNT_DIFFERS": ("deposits_in_transit", _amount("in_transit")),
    "BANK_CREDIT_UNMATCHED": IN_SUSPENSE,
    "BANK_CREDIT_REPEATED": IN_SUSPENSE,
    "CREDIT_ELSEWHERE": IN_SUSPENSE,
    "CLEARING_AMBIGUOUS": ASKED,
    "BANK_DEBIT_UNKNOWN": ("bank_reconciliation", _amount("amount", -1)),
    "FILE_MISSING": (
        "close_checklist", lambda row, _: row["gate"] == "expected files" and bool(row["found"]),
    ),
    "RETURN_NOT_FOUND": ASKED,
    "RETURN_REPEATED": ASKED,
    "NOTICE_OF_CHANGE": ASKED,
    "BATCH_TOTAL_WRONG": HELD,
    "DUPLICATE_BATCH": HELD,
    "FILE_TOTAL_WRONG": HELD,
    "FILE_TRUNCATED": HELD,
    "SUSPECTED_RESEND": HELD,
    "TRANSMISSION_CONFLICT": HELD,
    "": ("files", lambda row, one: (row["name"], row["state"]) == (one.file, one.state)),
}  # fmt: skip

# Payments that are posted all the same: the questions about them stand in the ageing.
FLAGGED = ("SUSPECTED_DUPLICATE_PAYMENT", "CASH_ONLY_ACCOUNT", "LARGE_AMOUNT", "KEYING_SUSPECTED",
           "ARRANGEMENT_AT_RISK")  # fmt: skip
# Faults that are only known by what they show in a screen.
SCREENED = {"lapping": "lapping"}
