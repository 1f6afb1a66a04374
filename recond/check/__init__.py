"""Every invariant, proved by reading: from the database, and from the archive where it is one of
bytes (reliability section 3, I1–I5). Each has a name; a broken one comes with its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from recond.audit import verify
from recond.check import bank, cents, journal, originals, queue
from recond.check.books import MAX_ROWS, Books, Broken

__all__ = ["INVARIANTS", "Books", "Broken", "Invariant", "check"]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise: its name, what it says, and the search for rows that break it."""

    name: str
    says: str
    broken: Callable[[Books], list[Broken]]


def _log_differs(books: Books) -> list[Broken]:
    """Where the tamper-evident log and the books disagree."""
    return [{"event": one.seq, "says": one.says} for one in verify(books.connection)][:MAX_ROWS]


INVARIANTS = (
    Invariant("I1.placed", "every cent of every receipt is in exactly one place", cents.unplaced),
    Invariant("I1.owned", "every placement has its decision, receipt and entry", cents.orphans),
    Invariant("I1.decided", "every receipt of an accepted file is placed or waits for a reason",
              cents.undecided),
    Invariant("I1.clearing", "each clearing account is the list of what is not reconciled",
              bank.clearing_differs),
    Invariant("I1.deposited", "every posted receipt is in a deposit or waits for one",
              bank.undeposited),
    Invariant("I1.bank", "the bank account is what statement lines brought",
              bank.bank_differs),
    Invariant("I1.lines", "every statement line that brought something brought its amount",
              bank.lines_differ),
    Invariant("I1.once", "no statement line is a deposit's money and a receipt's at once",
              bank.twice),
    Invariant("I1.withdrawn", "no statement line that was withdrawn brings anything",
              bank.withdrawn_bring),
    Invariant("I1.open", "what is open of deposits is what lines have not brought",
              bank.left_differs),
    Invariant("I2.balanced", "every entry balances in total and inside each fund",
              journal.unbalanced),
    Invariant("I2.journal", "the journal is the sum of the placements by entry, fund and account",
              journal.journal_differs),
    Invariant("I2.suspense", "suspense in the journal is the suspense of receipts",
              journal.suspense_differs),
    Invariant("I2.asked", "every receipt in suspense has an open question", journal.unasked),
    Invariant("I2.on_account", "customer credit in the journal is the credit of receipts",
              journal.credit_differs),
    Invariant("I2.receivables", "receivables of each fund are the sum of its effective open items",
              journal.receivables_differ),
    Invariant("I2.balances", "every item has a balance and every balance an item",
              journal.balances_differ),
    Invariant("I2.pending", "pending amounts of items are the applications that stand on them",
              journal.pending_differs),
    Invariant("I6.log", "the log is whole and every object is what it was when it was logged",
              _log_differs),
    Invariant("I2.written_off", "the allowance in the journal is what is written off, and nothing"
              " more is recovered",
              queue.written_off_differs),
    Invariant("I3.answers", "every question has at most one effect a version, and its decision",
              queue.effects_differ),
    Invariant("I3.approvals", "what waits for approval is what somebody asked for",
              queue.unasked_approvals),
    Invariant("I4.lists", "every work list that came back is in the archive",
              queue.missing_lists),
    Invariant("I8.closed", "no entry was dated into a month after it was closed",
              journal.dated_into_closed),
    Invariant("I3.bytes", "the same bytes have one effect", originals.repeated_bytes),
    Invariant("I3.versions", "every receipt has one decision a version", cents.broken_versions),
    Invariant("I4.originals", "every byte that came is in the archive under its SHA-256",
              originals.missing_originals),
    Invariant("I5.arrivals", "every arrival is in the books or in work/", originals.lost_arrivals),
)  # fmt: skip  # fmt: skip


def check(books: Books) -> Iterator[tuple[Invariant, list[Broken]]]:
    """Every invariant with the rows that break it (none: it holds)."""
    for invariant in INVARIANTS:
        yield invariant, invariant.broken(books)
