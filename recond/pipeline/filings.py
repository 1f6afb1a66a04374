"""What filers pay without a bill, and what they owe a word about (domain examples E49 and E51).

Money that an account of a `[[filing]]` with `self_assessed` has on account and no filing explains
makes the receivable that it pays, dated as the payment is. When the filing comes, the money moves
to its bills. Runs after every pass, behind the credits that pay later bills.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, cast, func, insert, select

from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.matching import references
from recond.model import CREDIT, ITEM
from recond.money import format_cents
from recond.pipeline import moves
from recond.pipeline.moves import Move, Stand
from recond.pipeline.run import Run
from recond.receivables import filings
from recond.receivables.filings import (
    BARRED,
    MISSING,
    NO_STATEMENT,
    UNPAID,
    Filed,
    Filer,
    due_date,
    month_of_money,
)
from recond.sections import Filing
from recond.store import schema
from recond.store.engine import insert_table

account, item, balance = schema.account, schema.item, schema.item_balance
placement, decision, receipt = schema.placement, schema.decision, schema.receipt
CODES = {UNPAID: "FILING_WITHOUT_PAYMENT", NO_STATEMENT: "PAYMENT_WITHOUT_FILING",
         MISSING: "REMITTANCE_EXPECTED"}  # fmt: skip
CAME = "what was missing came"  # why a question closes by itself
ASSESSED, FILED = "self_assessed", "filed"  # rules of decisions


def credits_by_month(
    connection: Connection, run: Run, lots: pa.Table
) -> Iterator[tuple[pa.Table, Any]]:
    """CREDITS with the condition on items that they may pay: credit of a filer pays filings of
    the month that it was received for and no others (None: every item)."""
    rules = run.home.settings.filing
    keys = {one.account_key for one in filings.filers(connection, rules)} if rules else set()
    own = pc.is_in(lots["account_key"], value_set=pa.array(sorted(keys), pa.int64()))
    others = lots.filter(pc.invert(own))
    if others.num_rows:
        yield others, None
    mine = lots.filter(own)
    periods = [month_of_money(day.isoformat()) for day in mine["received_date"].to_pylist()]
    for period in sorted(set(periods)):
        chosen = pc.equal(pa.array(periods, pa.string()), period)
        yield mine.filter(chosen), filings.not_of_another_month(rules, period)


def assess(connection: Connection, run: Run) -> int:
    """Let credit of self-assessing accounts pay what it is itself the word for; how many payments
    that were. What a person put on account stays there."""
    rules = [rule for rule in run.home.settings.filing if rule.self_assessed]
    made = 0
    for rule in rules:
        known = {one.account_key: one for one in filings.filers(connection, [rule])
                 if one.status not in BARRED}  # fmt: skip
        billed = _billed_months(connection, rule)
        placed: dict[int, list[Stand]] = {}
        for lot in _lots(connection, sorted(known)):
            period = month_of_money(lot.received_date)
            if period < rule.begin or (lot.account_key, period) in billed:
                continue
            key = _own_item(connection, run, known[lot.account_key], period)
            charge = rule.charge_types[0]
            stand = Stand(ITEM, lot.cents, lot.account_key, key, charge,
                          _fund(run, charge), adjusts=lot.cents)  # fmt: skip
            placed.setdefault(lot.receipt_no, []).append(stand)
        moved = [
            Move(number, ASSESSED, f"{rule.name}: owed because it is paid, by the payer's own word",
                 [Stand(CREDIT, s.cents, s.account_key) for s in stands], stands,
                 stands[0].account_key)
            for number, stands in placed.items()
        ]  # fmt: skip
        moves.write(connection, run, moved, "match", f"{rule.name} without a bill")
        made += len(moved)
    return made


def _billed_months(connection: Connection, rule: Filing) -> set[tuple[int, str]]:
    """Accounts and months of which a filing came."""
    rows = connection.execute(
        select(item.c.account_key, item.c.period)
        .where(item.c.assessed == 0, item.c.charge_type.in_(rule.charge_types),
               item.c.period.is_not(None))
        .distinct()
    )  # fmt: skip
    return {(row.account_key, row.period) for row in rows}


def _lots(connection: Connection, account_keys: Sequence[int]) -> Sequence[Any]:
    """What stands on account there and no person put there, by receipt."""
    made = schema.decision_made.c
    by_person = select(made.receipt_no).where(made.placed_version > 1)
    cents = cast(func.sum(placement.c.cents), schema.INT)
    return connection.execute(
        select(placement.c.receipt_no, placement.c.account_key, cents.label("cents"),
               func.min(receipt.c.received_date).label("received_date"))
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket == CREDIT, placement.c.account_key.in_(account_keys),
               placement.c.receipt_no.not_in(by_person))
        .group_by(placement.c.receipt_no, placement.c.account_key)
        .having(cents > 0)
        .order_by(placement.c.receipt_no, placement.c.account_key)
    ).all()  # fmt: skip


def _own_item(connection: Connection, run: Run, filer: Filer, period: str) -> int:
    """The item that recond keeps for a month of a filer; made when it is first needed, owing
    nothing: what is paid on it is what it owes."""
    number = f"SA-{filer.account_number}-{period}"
    known = connection.scalar(
        select(item.c.item_key).where(
            item.c.account_key == filer.account_key, item.c.item_number == number
        )
    )
    if known is not None:
        return int(known)
    key = int(connection.scalar(select(func.coalesce(func.max(item.c.item_key), 0))) or 0) + 1
    charge = filer.rule.charge_types[0]
    entry_no = run.ledger(connection).next_entry_no()
    told = {
        "charge_type": charge, "fund": _fund(run, charge), "original_cents": 0,
        "due_date": due_date(period, filer.rule.due_day, run.calendar).isoformat(),
    }  # fmt: skip
    (reference,) = references.keys(pa.array([number], pa.string()))[1].to_pylist()
    row = {"item_key": key, "account_key": filer.account_key, "item_number": number,
           "item_reference": reference, "period": period, "assessed": 1,
           "since_entry": entry_no}  # fmt: skip
    zero = {"item_key": key, "snapshot_cents": 0, "pending_cents": 0}
    insert_table(connection, item, row | told)
    insert_table(connection, balance, {**zero, "open_cents": 0})
    connection.execute(
        insert(schema.item_version), [{**told, **zero, "entry_no": entry_no, "change_cents": 0}]
    )
    return key


def _fund(run: Run, code: str) -> str:
    return next(charge.fund for charge in run.rules.charge_types if charge.code == code)


def settle_filed(connection: Connection, run: Run) -> int:
    """Move what was paid without a bill to the filing that came since, as far as it is open; the
    rest of it to the account. How many payments that were."""
    made: list[Move] = []
    for rule in run.home.settings.filing:
        for own in _assessed_since_filed(connection, rule):
            bills = _bills(connection, rule, own.account_key, own.period)
            made += _to_bills(connection, rule, own, bills)
    moves.write(connection, run, made, "match", "statement came after its payment")
    return len(made)


def _to_bills(
    connection: Connection, rule: Filing, own: Any, bills: Sequence[Any]
) -> Iterator[Move]:
    """The payments of one of recond's own items to the bills of its month."""
    left = {bill.item_key: bill.open_cents for bill in bills}
    owners = moves.standing(connection, _receipts_on(connection, own.item_key))
    for owner in owners.values():
        taken = [stand for stand in owner.stands if stand.item_key == own.item_key]
        cents, placed = sum(stand.cents for stand in taken), []
        for bill in bills:
            paid = min(cents, left[bill.item_key])
            left[bill.item_key] -= paid
            cents -= paid
            placed.append(
                Stand(ITEM, paid, own.account_key, bill.item_key, bill.charge_type, bill.fund)
            )
        placed.append(Stand(CREDIT, cents, own.account_key))
        words = f"{rule.name}: the statement of {own.period} came"
        yield Move(owner.receipt_no, FILED, words, taken, placed, own.account_key)


def _assessed_since_filed(connection: Connection, rule: Filing) -> Sequence[Any]:
    """Items of recond's own whose month was filed since."""
    bill = item.alias()
    return connection.execute(
        select(item.c.item_key, item.c.account_key, item.c.period)
        .where(
            item.c.assessed == 1, item.c.charge_type.in_(rule.charge_types),
            select(bill.c.item_key).where(
                bill.c.account_key == item.c.account_key, bill.c.period == item.c.period,
                bill.c.assessed == 0, bill.c.charge_type.in_(rule.charge_types),
            ).exists(),
        )
        .order_by(item.c.item_key)
    ).all()  # fmt: skip


def _bills(connection: Connection, rule: Filing, account_key: int, period: str) -> Sequence[Any]:
    rows = connection.execute(
        select(item.c.item_key, item.c.charge_type, item.c.fund, balance.c.open_cents)
        .select_from(schema.item_and_balance)
        .where(item.c.account_key == account_key, item.c.period == period, item.c.assessed == 0,
               item.c.charge_type.in_(rule.charge_types), balance.c.open_cents > 0)
        .order_by(item.c.item_number)
    ).all()  # fmt: skip
    return sorted(rows, key=lambda row: rule.charge_types.index(row.charge_type))


def _receipts_on(connection: Connection, item_key: int) -> list[int]:
    rows = (
        select(placement.c.receipt_no)
        .where(placement.c.item_key == item_key)
        .group_by(placement.c.receipt_no)
        .having(func.sum(placement.c.cents) > 0)
        .order_by(placement.c.receipt_no)
    )
    return list(connection.scalars(rows))


# --- what has to be asked -------------------------------------------------------------------------


def ask(connection: Connection, run: Run) -> None:
    """Ask what is missing of months whose day has passed, and close the questions about those of
    which it came. What somebody acknowledged is not asked again."""
    rules = run.home.settings.filing
    if not rules:
        return
    month = run.today.isoformat()[:7]
    found = filings.expected(connection, rules, run.calendar, month, run.today)
    wanted = {_identity(one): one for one in found if one.state in CODES}
    asked = schema.exception.c
    known = {
        row.exception_id: row
        for row in connection.execute(
            select(asked.exception_no, asked.exception_id, asked.status, asked.resolution).where(
                asked.code.in_(list(CODES.values()))
            )
        )
    }
    desk = run.desk(connection)
    desk.open(
        [
            Question(CODES[one.state], one.subject, _words(one), _cents(one),
                     account_key=one.filer.account_key)
            for identity, one in wanted.items()
            if identity not in known or known[identity].resolution == CAME
        ]
    )  # fmt: skip
    desk.resolve(
        [row.exception_no for identity, row in known.items()
         if row.status != "resolved" and identity not in wanted],
        CAME,
    )  # fmt: skip


def _identity(one: Filed) -> str:
    return exception_id(CODES[one.state], one.subject)


def _cents(one: Filed) -> int | None:
    if one.state == UNPAID:
        return one.open_cents
    return one.paid_cents if one.state == NO_STATEMENT else None


def _words(one: Filed) -> str:
    whose = f"{one.filer.rule.name} of {one.period}, account {one.filer.account_number}"
    due = f"due {one.due}"
    if one.state == UNPAID:
        return f"{whose}: filed, {format_cents(one.open_cents)} of it not paid ({due})"
    if one.state == NO_STATEMENT:
        paid = format_cents(one.paid_cents)
        return f"{whose}: {paid} paid and no statement of what it is for ({due})"
    return f"{whose}: neither a statement nor money ({due})"
