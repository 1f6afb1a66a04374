"""The questions that a match leaves, each a sentence that a clerk understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.matching import words
from recond.matching.duplicates import Standing, earlier
from recond.matching.flags import Flags
from recond.matching.owners import owed_before
from recond.matching.placing import Segments
from recond.matching.resolve import Resolved
from recond.matching.tables import QUESTIONS
from recond.matching.targets import CODES, NOT_POSITIVE, OK, Targets
from recond.model import CREDIT, SUSPENSE
from recond.money import text_from_cents

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the questions are about: payments and their receipt rows (see cascade.Payments), the
    accounts by position in `keys`, the evidence of each payment, the references as read."""

    aims: Targets
    first: Ints
    of_row: Ints
    cents: Ints
    totals: Ints
    day: Ints
    ordinal: Ints
    account: Ints
    bankrupt: Ints
    closed: Bools
    numbers: pa.Array
    keys: Ints
    said: pa.Array
    reference: pa.Array
    resolved: Resolved


def questions(
    asked: Asked, segments: Segments, flags: Flags, recent: pa.Table, window: int,
    pays_only: Sequence[str],
) -> pa.Table:  # fmt: skip
    """QUESTIONS in order of receipt row: why money waits, credit on closed accounts, suspected
    duplicates, and what is posted and looked at all the same. `pays_only`: the charge types that
    this money may pay, none: all."""
    parts = [
        _suspense(asked),
        _closed(asked, segments),
        _duplicates(asked, recent, window),
        _keyed(asked, flags),
        _cash_only(asked, flags),
        _large(asked, flags),
        _at_risk(asked, flags),
        _left_over(asked, segments, pays_only),
        _prior_owners(asked, segments, flags),
    ]
    row = np.concatenate([part[0] for part in parts])
    order = pa.array(np.argsort(row, kind="stable"))
    table = pa.concat_tables([part[1] for part in parts])
    return table.take(order).combine_chunks()


def _table(
    asked: Asked, rows: Ints, code: pa.Array | str, cents: Ints, account: Ints, message: pa.Array,
    other: Ints | None = None,
) -> tuple[Ints, pa.Table]:  # fmt: skip
    codes = pa.repeat(code, len(rows)) if isinstance(code, str) else code
    key = np.append(asked.keys, 0)[account]
    columns = [
        pa.array(asked.ordinal[rows]),
        codes,
        pa.array(cents),
        pa.array(key, mask=account < 0),
        message,
        pa.nulls(len(rows), pa.int64()) if other is None else pa.array(other),
    ]
    return rows, pa.table(columns, schema=QUESTIONS)


def _suspense(asked: Asked) -> tuple[Ints, pa.Table]:
    """One question for every receipt row that waits, so that none waits unasked."""
    code = asked.aims.code[asked.of_row]
    # A tender of nothing beside others that wait has nothing to ask about.
    alone = np.bincount(asked.of_row, minlength=len(asked.first))[asked.of_row] == 1
    rows = np.flatnonzero((code != OK) & ((asked.cents != 0) | alone))
    aims = asked.aims
    reasons = words.suspense_reasons(
        aims.code, aims.fault, aims.named, asked.totals, asked.reference, asked.numbers,
        asked.said, asked.bankrupt,
        words.ambiguous(asked.resolved, asked.keys, asked.numbers),
    )  # fmt: skip
    payment = asked.of_row[rows]
    waits = words.joined("; ", text_from_cents(pa.array(asked.cents[rows])), " waits in suspense.")
    nothing = pa.array((asked.cents[rows] == 0) & (code[rows] == NOT_POSITIVE))
    message = words.joined(
        reasons.take(pa.array(payment)), pc.if_else(nothing, "; nothing is placed.", waits)
    )
    names = pa.array(CODES).take(pa.array(code[rows]))
    return _table(asked, rows, names, asked.cents[rows], asked.bankrupt[payment], message)


def _closed(asked: Asked, segments: Segments) -> tuple[Ints, pa.Table]:
    """Credit that a receipt puts on a closed account (domain example E14)."""
    closed = np.append(asked.closed, False)[segments.account]
    at = np.flatnonzero((segments.bucket == CREDIT) & closed & (segments.cents > 0))
    rows, account, cents = segments.owner[at], segments.account[at], segments.cents[at]
    message = words.joined(
        "Account ", asked.numbers.take(pa.array(account)), " is closed; ",
        text_from_cents(pa.array(cents)), " stands on account.",
    )  # fmt: skip
    return _table(asked, rows, "ACCOUNT_CLOSED", cents, account, message)


def _duplicates(asked: Asked, recent: pa.Table, window: int) -> tuple[Ints, pa.Table]:
    """Equal amounts for one account a short time apart; both are posted."""
    before = Standing.of(recent, asked.keys)
    mine = np.flatnonzero((asked.aims.code == OK) & (asked.account >= 0))
    now = Standing(
        asked.account[mine], asked.totals[mine], asked.day[mine], asked.ordinal[asked.first[mine]]
    )
    found = earlier(before, now, window)
    hit = np.flatnonzero(found >= 0)
    mine = mine[hit]
    record = np.concatenate([before.record, now.record])[found[hit]]
    day = np.concatenate([before.day, now.day])[found[hit]]
    date = pa.array(day.astype(np.int32)).cast(pa.date32()).cast(pa.string())
    account = asked.account[mine]
    message = words.joined(
        "A payment of ", text_from_cents(pa.array(asked.totals[mine])), " for account ",
        asked.numbers.take(pa.array(account)), " was received on ", date,
        " already ({other}); this equal one is posted too.",
    )  # fmt: skip
    rows = asked.first[mine]
    code = "SUSPECTED_DUPLICATE_PAYMENT"
    return _table(asked, rows, code, asked.cents[rows], account, message, record)


def _keyed(asked: Asked, flags: Flags) -> tuple[Ints, pa.Table]:
    """Payments that look like the due amount keyed wrongly (domain example E13)."""
    payment, account, due, swapped = flags.keyed(asked.totals, asked.aims.code == OK)
    looks = pc.if_else(
        pa.array(swapped), "is that with two digits swapped", "is that with a digit too many or few"
    )
    message = words.joined(
        "Account ", asked.numbers.take(pa.array(account)), " owed ", text_from_cents(pa.array(due)),
        "; the payment of ", text_from_cents(pa.array(asked.totals[payment])), " ", looks,
        ". It is posted as read; look at the item's image.",
    )  # fmt: skip
    rows = asked.first[payment]
    return _table(asked, rows, "KEYING_SUSPECTED", asked.cents[rows], account, message)


def _cash_only(asked: Asked, flags: Flags) -> tuple[Ints, pa.Table]:
    """Checks and ACH payments for accounts that only take cash for a time (domain, E24)."""
    payment, account = _posted(asked)
    until = np.append(flags.cash_only, 0)[account]
    hit = (until >= asked.day[payment]) & flags.not_cash[asked.first[payment]]
    payment, account, until = payment[hit], account[hit], until[hit]
    date = pa.array(until.astype(np.int32)).cast(pa.date32()).cast(pa.string())
    message = words.joined(
        "Account ", asked.numbers.take(pa.array(account)), " takes only cash until ", date,
        "; this payment is deposited and posted all the same.",
    )  # fmt: skip
    rows = asked.first[payment]
    return _table(asked, rows, "CASH_ONLY_ACCOUNT", asked.cents[rows], account, message)


def _large(asked: Asked, flags: Flags) -> tuple[Ints, pa.Table]:
    payment, account = _posted(asked)
    hit = asked.totals[payment] >= flags.large_cents
    payment, account = payment[hit], account[hit]
    message = words.joined(
        "A payment of ", text_from_cents(pa.array(asked.totals[payment])), " for account ",
        asked.numbers.take(pa.array(account)), " is unusually large; it is posted.",
    )  # fmt: skip
    rows = asked.first[payment]
    return _table(asked, rows, "LARGE_AMOUNT", asked.cents[rows], account, message)


def _at_risk(asked: Asked, flags: Flags) -> tuple[Ints, pa.Table]:
    """Arrangements whose installment a payment leaves short (domain example E8)."""
    payment, account = _posted(asked)
    hit, item, left = flags.at_risk(payment, account, asked.day[payment])
    payment, account = payment[hit], account[hit]
    message = words.joined(
        "The payment leaves ", text_from_cents(pa.array(left)), " of item ",
        flags.items.charges.number.take(pa.array(item)),
        " open, an installment of the arrangement of account ",
        asked.numbers.take(pa.array(account)), "; the arrangement is at risk, not broken.",
    )  # fmt: skip
    rows = asked.first[payment]
    return _table(asked, rows, "ARRANGEMENT_AT_RISK", asked.cents[rows], account, message)


def _left_over(asked: Asked, segments: Segments, pays_only: Sequence[str]) -> tuple[Ints, pa.Table]:
    """Cents of a posted payment that found nothing to pay and wait in suspense."""
    posted = asked.aims.code[asked.of_row[segments.owner]] == OK
    at = np.flatnonzero((segments.bucket == SUSPENSE) & posted & (segments.cents > 0))
    rows, account, cents = segments.owner[at], segments.account[at], segments.cents[at]
    only = f"of {', '.join(pays_only)}, which is all that this money may pay"
    code = "RESTRICTED_MONEY_LEFT" if pays_only else "OVERPAID"
    message = words.joined(
        "Account ", asked.numbers.take(pa.array(account)), " owes no more",
        f" {only}" if pays_only else " of what the payment is for", "; ",
        text_from_cents(pa.array(cents)), " is left over and waits in suspense.",
    )  # fmt: skip
    return _table(asked, rows, code, cents, account, message)


def _prior_owners(asked: Asked, segments: Segments, flags: Flags) -> tuple[Ints, pa.Table]:
    """Credit beside items of somebody who had the account before, which are left alone."""
    items = flags.items
    known = owed_before(items) if items.leaves.any() else {}
    owed = {account: told for account, told in known.items() if told[1]}
    credit = np.flatnonzero((segments.bucket == CREDIT) & (segments.cents > 0))
    at = credit[np.isin(segments.account[credit], np.array(sorted(owed), dtype=np.int64))]
    at = at[~asked.closed[segments.account[at]]]
    rows, account, cents = segments.owner[at], segments.account[at], segments.cents[at]
    told = [owed[number] for number in account.tolist()]
    message = words.joined(
        "Account ", asked.numbers.take(pa.array(account)), " owes ",
        text_from_cents(pa.array([left for _, left in told], pa.int64())), " of ",
        pa.array([name for name, _ in told], pa.string()),
        ", who had it before; the payment leaves that alone, and ",
        text_from_cents(pa.array(cents)), " stands on account.",
    )  # fmt: skip
    return _table(asked, rows, "PRIOR_OWNER_BALANCE", cents, account, message)


def _posted(asked: Asked) -> tuple[Ints, Ints]:
    """Payments that post to one account, and the account."""
    payment = np.flatnonzero((asked.aims.code == OK) & (asked.account >= 0))
    return payment, asked.account[payment]
