"""The four-column proof of cash (domain section 2.9, E61): balance at the beginning, receipts,
disbursements, balance at the end, from the bank's side and from the ledger's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import and_, case, select

from recond.exports.statements import transit
from recond.exports.statements.bank import Account, accounts_of, position, sums_of
from recond.exports.statements.base import Month, Statement, Tie, shown
from recond.exports.statements.cash import SAME
from recond.model import RETURNED
from recond.store import schema
from recond.store.sql import total

entry, receipt, line = schema.entry, schema.receipt, schema.bank_line
decision, placement = schema.decision, schema.placement
deposit, clearing = schema.deposit, schema.clearing
TEXT, INT = pa.string(), pa.int64()

Columns = tuple[int, int, int, int]
Item = tuple[str, Columns]


def proof_of_cash(month: Month) -> Statement:
    """The four columns, from the bank's side and from the ledger's; each column ties."""
    accounts = accounts_of(month)
    last, _, _ = position(month, accounts)
    first, _, _ = position(transit.before(month), accounts)
    sums = sums_of(month)
    gone = _gaps(month, accounts)
    credit = sum(one[1] for one in sums.values()) + gone[0]
    debit = sum(one[2] for one in sums.values()) + gone[1]
    fixed, misread = _taken_back(month), _misread(month)
    out = _returned(month)[0] + _fees(month)
    kept, undone = _withheld(month)
    come = last.ledger - first.ledger + out
    bank: list[Item] = [
        ("balance by the bank", (first.bank, credit, debit, last.bank)),
        *_ends("deposits in transit", first.transit, last.transit),
        *_ends("credited more than was deposited", -first.wrong, -last.wrong),
        *_ends("returned, not yet debited", first.returns, last.returns, out=True),
        ("corrected by a debit of the bank", (0, -fixed, -fixed, 0)),
        ("checks read over too much, credited as they are", (0, misread, misread, 0)),
    ]
    book: list[Item] = [
        ("balance by the ledger", (first.ledger, come, out, last.ledger)),
        *_ends("bank credits not in the books", first.credits, last.credits),
        *_ends("bank debits not in the books", first.debits, last.debits, out=True),
        ("withheld or returned, not in the books", (-first.kept, -kept, -undone, -last.kept)),
    ]
    return _proof(month, bank, book)


def _ends(says: str, first: int, last: int, *, out: bool = False) -> list[Item]:
    """An item at the beginning, which the month settles, and at the end, which the next will."""
    if out:
        return [
            (f"{says}, beginning", (-first, 0, -first, 0)), (f"{says}, end", (0, 0, last, -last)),
        ]  # fmt: skip
    return [(f"{says}, beginning", (first, -first, 0, 0)), (f"{says}, end", (0, last, 0, last))]


NAMES = ("beginning", "receipts", "disbursements", "end")


def _proof(month: Month, bank: list[Item], book: list[Item]) -> Statement:
    rows: list[dict[str, Any]] = []
    sums: dict[str, Columns] = {}
    for side, items in (("bank", bank), ("book", book)):
        a, b, c, d = (sum(one[place] for _, one in items) for place in range(4))
        sums[side] = (a, b, c, d)
        for says, columns in [*items, (f"ADJUSTED, {side.upper()}", sums[side])]:
            row = {f"{name}_cents": cents for name, cents in zip(NAMES, columns, strict=True)}
            rows.append({"side": side, "item": says, **row})
    shape = pa.schema([("side", TEXT), ("item", TEXT), *((f"{n}_cents", INT) for n in NAMES)])
    ties = [
        Tie(f"{name}: bank = ledger", sums["bank"][place], sums["book"][place])
        for place, name in enumerate(NAMES)
    ]
    start, came, went, end = sums["bank"]
    ties.append(Tie("beginning + receipts - disbursements = end", start + came - went, end))
    table = pa.Table.from_pylist(rows, schema=shape)
    return Statement("Proof of cash", shown(table), tuple(ties), end)


def _gaps(month: Month, accounts: Sequence[Account]) -> tuple[int, int]:
    """Credits and debits of the month that stand on no statement."""
    ends = [one.missing(month.last.isoformat()) for one in accounts]
    starts = [one.missing(transit.before(month).last.isoformat()) for one in accounts]
    more = sum(one[0] for one in ends) - sum(one[0] for one in starts)
    return more, sum(one[1] for one in ends) - sum(one[1] for one in starts)


def _returned(month: Month) -> tuple[int, int]:
    """Cents that entries of the month took back, and of those that came again."""
    plus = case((placement.c.cents > 0, placement.c.cents), else_=0)
    minus = case((placement.c.cents < 0, -placement.c.cents), else_=0)
    row = month.connection.execute(
        select(total(plus), total(minus))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket == RETURNED, receipt.c.channel != "BANK",
               entry.c.period == month.month)
    ).one()  # fmt: skip
    return int(row[0]), int(row[1])


def _fees(month: Month) -> int:
    """Fees that the bank took by lines of its own."""
    return month.number(
        select(-total(clearing.c.cents))
        .join(entry, entry.c.entry_no == clearing.c.entry_no)
        .where(clearing.c.deposit_no.is_(None), entry.c.period == month.month)
    )


def _taken_back(month: Month) -> int:
    """Debits by which the bank corrected what it had credited of deposits."""
    return month.number(
        select(-total(clearing.c.cents))
        .join(entry, entry.c.entry_no == clearing.c.entry_no)
        .join(deposit, deposit.c.deposit_no == clearing.c.deposit_no)
        .join(line, and_(line.c.file_no == clearing.c.file_no,
                         line.c.ordinal == clearing.c.ordinal))
        .where(deposit.c.kind != "return", line.c.amount_cents < 0,
               entry.c.period == month.month)
    )  # fmt: skip


def _misread(month: Month) -> int:
    """What left the books with checks that were read over too much, and the bank's credit never
    held."""
    return month.number(
        select(-total(deposit.c.amount_cents)).where(
            deposit.c.kind == "return", deposit.c.withdraws_no.is_not(None),
            deposit.c.amount_cents < 0, deposit.c.period == month.month,
        )
    )  # fmt: skip


def _withheld(month: Month) -> tuple[int, int]:
    """What processors kept of the month's card batches and was not put back in the books, and
    what was taken back in the books and the bank takes by no debit of its own."""
    kept = month.number(
        select(-total(deposit.c.aside_cents)).where(
            deposit.c.kind == "card", deposit.c.period == month.month
        )
    )
    taken, again = _returned(month)
    expected = {
        kind: month.number(
            select(total(deposit.c.amount_cents)).where(
                deposit.c.kind == kind, deposit.c.period == month.month
            )
        )
        for kind in transit.BACK
    }
    return kept + again - expected["redeposit"], taken + expected["return"]
