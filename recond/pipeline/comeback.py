"""One item that comes back, as its record or its bank line says it, and what it is about."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from recond import ids
from recond.clearing import return_codes
from recond.model import RETURNED
from recond.pipeline.moves import Standing

CARD = ("REFUND", "CHARGEBACK", "CHARGEBACK_REVERSAL")
SAID = "SAID"  # by a person; the bank's own word may follow
BOUNCED = ("RETURN", "BANK_RETURN", SAID)  # what a payer's bank refused to pay
ADJUSTMENT = "LOCKBOX_ADJUSTMENT"  # the bank corrects what it read of a check
NOT_FOUND, REFUNDED_BEFORE = "RETURN_NOT_FOUND", "RETURN_AFTER_REFUND"
AGAIN = "RETURN_REPEATED"


@dataclass(frozen=True, slots=True)
class Back:
    """One item that comes back: its place (of its record or bank line), cents and day."""

    file_no: int
    ordinal: int
    kind: str
    code: str
    cents: int
    day: str
    originals: tuple[int, ...]  # receipts that it could be
    words: str
    file_day: str

    @property
    def restores(self) -> bool:
        """Whether it brings money again that was taken back before."""
        again = self.kind in {"CHARGEBACK_REVERSAL", "REDEPOSIT"}
        return again or (self.kind == "RETURN" and self.code in return_codes.DISHONORED)

    @property
    def told(self) -> str:
        """Its words, with what to do about its code."""
        advice = return_codes.advice(self.code)
        return f"{self.words}; {advice}" if advice else self.words


def subject(connection: Connection, one: Back) -> str:
    """What a question about the item is about."""
    file_id = ids.files_of(connection, {one.file_no})[one.file_no]
    return f"{file_id}/return/{one.ordinal}"


def worth(owner: Standing) -> int:
    """Cents of a payment that did not come back: of a check whose reading the bank corrected,
    what it is really over."""
    return owner.amount_cents - owner.in_bucket(RETURNED)
