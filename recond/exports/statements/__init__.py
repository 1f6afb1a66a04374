"""The statements of a month (domain section 2.9), each with the tie-outs that prove it.

A statement is a function of a `Month` that reads the books up to that month's end, by the period
of entries: what is dated into a later month is not in it, whenever it was posted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from recond.exports.statements import (
    back,
    balances,
    bank,
    cash,
    collections,
    counter,
    filings,
    interfaces,
    proof,
    receivables,
    screens,
    transit,
    work,
)
from recond.exports.statements.base import Month, Statement, Tie

__all__ = ["STATEMENTS", "Month", "Statement", "Tie"]

STATEMENTS: Mapping[str, Callable[[Month], Statement]] = {
    "daily_cash": cash.daily_cash,
    "deposit_register": transit.register,
    "deposits_in_transit": transit.in_transit,
    "bank_reconciliation": bank.reconciliation,
    "proof_of_cash": proof.proof_of_cash,
    "over_short": counter.over_short,
    "voids_and_gaps": counter.voids_and_gaps,
    "card_settlements": counter.card_settlements,
    "returned_items": back.returns,
    "return_rates": back.return_rates,
    "refunds": back.refunds,
    "write_offs": back.write_offs,
    "collections": collections.collections,
    "decisions_by_person": back.adjustments,
    "posting_files": cash.posting_files,
    "files_handed_on": interfaces.handed_on,
    "filings": filings.filings_due,
    "ar_roll_forward": receivables.roll_forward,
    "ar_ageing": receivables.ageing,
    "ar_by_billing": interfaces.against_billing,
    "gl_balances": balances.gl_balances,
    "unapplied_credit": balances.unapplied,
    "unidentified": balances.unidentified,
    "closed_with_credit": balances.closed_with_credit,
    "unclaimed_candidates": balances.unclaimed,
    "corrections": work.corrections,
    "master_changes": interfaces.master_changes,
    "fraud_screens": screens.fraud_screens,
    "exception_ageing": work.exception_ageing,
    "statistics": work.statistics,
    "close_checklist": work.close_checklist,
}
