"""Where the rows stand behind the totals of each statement: from a line of it to the rows of
another file of the pack, by columns that both have, and from there by ids to the bytes (`sources`).

A test makes the pack of a generated month and walks every way that stands here: no total without
rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Drill:
    """A way into `file`, a dataset or statement of the pack, or a folder of files handed on.

    `by`: columns of the statement, each with its column there; where all are empty a row leads
    nowhere this way. `adds`: what the rows there add up to, by column of the statement; where
    something is taken off (`-COLUMN`), what is left of a row is never below zero. Rows whose
    column has one of the values of `without` do not count.
    """

    file: str
    by: Mapping[str, str]
    adds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_RECEIPT = Drill("receipts", _same("receipt_id"))
_DEPOSIT = Drill("deposits", _same("deposit_id"))
_OPEN = ("open_amount", "-pending_amount")
_HELD = {"state": ("held",)}

DRILLS: Mapping[str, tuple[Drill, ...]] = {
    "daily_cash": (
        Drill("receipts", _same("channel", "tender"), {"amount": ("amount",)}, _HELD),
    ),
    "deposit_register": (_DEPOSIT, Drill("drawers", {"reference": "deposit_bag"})),
    "deposits_in_transit": (_DEPOSIT,),
    "bank_reconciliation": (Drill("deposits", {"reference": "deposit_id"}),
                            Drill("bank_lines", {"reference": "bank_line_id"}),
                            Drill("bank_lines", {"reference": "bank_account"})),
    "proof_of_cash": (Drill("bank_reconciliation", _same("side")),),
    "over_short": (Drill("drawers", _same("drawer", "business_date")),),
    "voids_and_gaps": (Drill("receipts", {"original": "sequence"}),),
    "card_settlements": (_DEPOSIT,),
    "returned_items": (_RECEIPT, Drill("returns", _same("receipt_id"))),
    "return_rates": (Drill("returns", {"code": "code"}),),
    "refunds": (_RECEIPT,),
    "write_offs": (Drill("adjustments", _same("account_number", "item_number")), _RECEIPT),
    "collections": (Drill("receivables", _same("account_number", "item_number")),),
    "decisions_by_person": (
        Drill("corrections", _same("decided_by", "rule"),
              {"placed": ("placed",), "taken": ("taken",)}),
    ),
    "posting_files": (Drill("exports/postings", {"file_id": ""}),),
    "files_handed_on": (Drill("exports", {"file_id": ""}),),
    "filings": (Drill("receivables", _same("account_number")),),
    "ar_roll_forward": (
        Drill("receivables", _same("fund", "charge_type"), {"tieout_items_gl": _OPEN}),
    ),
    "ar_by_billing": (
        Drill("receivables", _same("account_number", "item_number")),
        Drill("receivables", _same("fund", "charge_type"), {"pending": ("pending_amount",)}),
    ),
    "ar_ageing": (
        Drill("receivables", _same("account_number"), {"total": _OPEN}),
        Drill("unapplied_credit", _same("account_number"), {"credit": ("amount",)}),
    ),
    "gl_balances": (
        Drill("journal", _same("fund", "gl_account"), {"debit": ("debit",), "credit": ("credit",)}),
    ),
    "unapplied_credit": (_RECEIPT,),
    "unidentified": (_RECEIPT,),
    "closed_with_credit": (_RECEIPT,),
    "unclaimed_candidates": (_RECEIPT,),
    "corrections": (_RECEIPT, Drill("journal", _same("entry_id"))),
    "master_changes": (Drill("files", _same("file_id")),),
    "fraud_screens": (_RECEIPT, Drill("over_short", {"person": "cashier",
                                                     "date": "business_date"})),
    "exception_ageing": (
        Drill("exceptions", _same("code"), {"amount": ("amount",)}, {"status": ("resolved",)}),
    ),
    "statistics": (Drill("receipts", _same("channel"), {"amount": ("amount",)}, _HELD),),
    "close_checklist": (Drill("exceptions", {"found": "exception_id"}),
                        Drill("files", {"found": "file_id"})),
}  # fmt: skip
