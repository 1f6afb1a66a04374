"""The little that a payment leaves open, written off where a policy says so (domain example E10).

Approved by rule and never silent: each is a decision like any other, of recond itself and with
the policy's reason, in the register of write-offs, in the log, and told beside the payment that
left it. It is judged at the end of a pass, when every payment of the pass has been laid.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from sqlalchemy import Connection, Row, Select, case, cast, func, select

from recond import ids
from recond.adjusting import WRITE_OFF, WRITTEN_OFF, write_off
from recond.exceptions.answers import Answer, decision_id
from recond.exceptions.decisions.case import APPLIED, AUTOMATIC, Plan, open_case, question_of
from recond.exceptions.decisions.records import record
from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.ledger import Source, closed_through
from recond.matching.policy import Policy
from recond.model import ITEM
from recond.money import format_cents
from recond.pipeline.run import Run
from recond.store import schema

CODE = "SMALL_BALANCE_WRITTEN_OFF"
ASKED_FOR = ("active", "final")  # statuses of accounts whose debts are nobody else's business
LOW = (1 << schema.ORDINAL_BITS) - 1

account, item, balance = schema.account.c, schema.item.c, schema.item_balance.c


def write_off_small(connection: Connection, run: Run) -> int:
    """Write off what payments of today left open, where it is all that the account owes and no
    more than its policy forgives; how many accounts."""
    most = max((policy.small_balance for policy in run.rules.policies), default=0)
    if not most or run.today.isoformat()[:7] <= closed_through(connection):
        return 0
    done = 0
    for row in connection.execute(_left_open(run, most)).all():  # small rests of today's payments
        policy = run.rules.policy_of(row.family, run.today)
        subject = _subject(connection, row)
        if (
            row.cents <= policy.small_balance
            and not _kept(connection, run, row.account_key)
            and not _told(connection, subject)
        ):
            _forgive(connection, run, row, policy, subject)
            done += 1
    return done


def _subject(connection: Connection, row: Row[tuple[int, str, str | None, int, int]]) -> str:
    """What a write-off is about: the payment that left the rest, and its account."""
    file_no = row.receipt_no >> schema.ORDINAL_BITS
    (file_id,) = ids.files_of(connection, {file_no}).values()
    return f"{ids.receipt_id(file_id, row.receipt_no & LOW)}/{row.account_number}"


def _told(connection: Connection, subject: str) -> bool:
    """Whether it was written off before: what a person took back no rule forgives again."""
    exception = schema.exception.c
    known = select(exception.exception_no).where(
        exception.exception_id == exception_id(CODE, subject)
    )
    return connection.scalar(known) is not None


def _left_open(run: Run, most: int) -> Select[tuple[int, str, str | None, int, int]]:
    """Accounts that owe something, at most so much, with the last receipt that paid one of their
    items in today's entries."""
    placed, decided, entry = schema.placement.c, schema.decision.c, schema.entry.c
    paid = (
        select(placed.account_key, func.max(placed.receipt_no).label("receipt_no"))
        .select_from(schema.placement)
        .join(
            schema.decision,
            (decided.receipt_no == placed.receipt_no) & (decided.version == placed.version),
        )
        .join(schema.entry, entry.entry_no == decided.entry_no)
        .where(entry.business_date == run.today.isoformat(), placed.bucket == ITEM,
               placed.cents > 0)
        .group_by(placed.account_key)
        .subquery()
    ).c  # fmt: skip
    cents = cast(func.sum(balance.open_cents), schema.INT)
    return (
        select(account.account_key, account.account_number, account.family, paid.receipt_no,
               cents.label("cents"))
        .select_from(schema.item_and_balance)
        .join(schema.account, account.account_key == item.account_key)
        .join(paid.account_key.table, paid.account_key == item.account_key)
        .where(balance.open_cents > 0, account.status.in_(ASKED_FOR))
        .group_by(account.account_key, account.account_number, account.family, paid.receipt_no)
        .having(cents <= most)
        .order_by(account.account_number)
    )  # fmt: skip


def _kept(connection: Connection, run: Run, account_key: int) -> bool:
    """Whether something open there is never forgiven by rule: charges that are only paid in full,
    deposits, installments, what is disputed, and what a prior owner owes."""
    kinds = [c.code for c in run.rules.charge_types if c.exact_only or c.kind == "DEPOSIT"]
    special = case(
        (item.charge_type.in_(kinds), 1),
        (func.coalesce(item.arrangement_number, "") != "", 1),
        (func.lower(func.coalesce(item.disputed, "")).not_in(["", "0", "n", "no", "false"]), 1),
        (item.prior_owner.is_not(None), 1),
        else_=0,
    )
    count = (
        select(func.count())
        .select_from(schema.item_and_balance)
        .where(item.account_key == account_key, balance.open_cents > 0, special == 1)
    )
    return bool(connection.scalar(count))


def _forgive(
    connection: Connection, run: Run, row: Row[tuple[int, str, str | None, int, int]],
    policy: Policy, subject: str,
) -> None:  # fmt: skip
    cents, name = int(row.cents), format_cents(int(row.cents))
    words = (
        f"{name} of account {row.account_number} written off by policy {policy.name}:"
        f" {policy.small_balance_reason}; a payment left no more than"
        f" {format_cents(policy.small_balance)} open"
    )
    file_no = row.receipt_no >> schema.ORDINAL_BITS
    told = Question(CODE, subject, words, cents, file_no=file_no, receipt_no=row.receipt_no,
                    account_key=row.account_key)  # fmt: skip
    asking = replace(run, actor=AUTOMATIC)
    desk = asking.desk(connection)
    desk.open([told])
    key = exception_id(CODE, told.subject)
    exception = schema.exception.c
    number = connection.scalars(
        select(exception.exception_no).where(exception.exception_id == key)
    ).one()
    answer = Answer("write_off", row.account_number, cents, policy.small_balance_reason)
    asked = open_case(connection, asking, question_of(connection, number), answer, AUTOMATIC)
    identity = decision_id(key, asked.question.version, "write_off", answer.args())
    source = Source(WRITE_OFF, identity, "written off")
    write_off(asking.ledger(connection), _items(connection, row.account_key), source,
              policy.small_balance_gl or None)  # fmt: skip
    record(asked, identity, APPLIED, Plan(words, cents, account_key=row.account_key))
    desk.resolve([number], words)


def _items(connection: Connection, account_key: int) -> pa.Table:
    rows = connection.execute(
        select(item.item_key, item.charge_type, item.fund, balance.open_cents)
        .select_from(schema.item_and_balance)
        .where(item.account_key == account_key, balance.open_cents > 0)
        .order_by(item.item_key)
    ).all()
    told = [dict(zip(WRITTEN_OFF.names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(told, schema=WRITTEN_OFF)
