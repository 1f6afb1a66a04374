"""Who may answer, what needs other people, and who they may be (contract section 6, domain E66).

A name is the operating-system user who runs the import or owns the dropped file. Cells never
say who somebody is.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ColumnElement, Connection, func, select

from recond.config import Settings
from recond.exceptions import pending
from recond.exceptions.decisions.case import (
    AUTOMATIC,
    DRAFTED,
    ERROR_SELF,
    Case,
    Plan,
    RefusedAnswerError,
    refuse,
)
from recond.money import format_cents
from recond.store import schema

made = schema.decision_made

ALWAYS = frozenset(
    {"refund", "write_off", "transfer", "recover", "release", "undo"}
)  # another person, whatever the amount
FROM_AMOUNT = frozenset(
    {"accept_1", "accept_2", "accept_3", "assign", "split", "on_account", "duplicate",
     "return_item", "link"}
)  # fmt: skip
# What the cashier who took the payment may not ask for either.
NOT_OF_ONES_OWN = ALWAYS - {"undo"} | {"duplicate", "return_item"}
SUMMED = ("refund", "write_off")  # with a most for one person in a day and in a month
SUM_DAYS = 30


def has_role(settings: Settings, person: str, role: str, today: dt.date) -> bool:
    """Whether a person has a role today, of their own or lent to them."""
    named: tuple[str, ...] = getattr(settings.roles, role)
    if person in named or "*" in named:
        return True
    return any(
        lent.taker == person
        and lent.role == role
        and lent.begin <= today <= lent.end
        and lent.giver in named
        for lent in settings.delegation
    )


def may_answer(case: Case) -> None:
    """Raise RefusedAnswerError unless the person may give this answer."""
    settings, person = case.run.home.settings, case.actor
    if is_draft(case):
        return
    if person in settings.roles.auditor or not any(
        has_role(settings, person, role, case.run.today) for role in ("clerk", "supervisor")
    ):
        raise refuse(f"{person} is no clerk of this home")
    if case.answer.action in NOT_OF_ONES_OWN and took_it(case, person):
        raise RefusedAnswerError(ERROR_SELF, f"{person} took this payment at the counter")


def may_approve(case: Case, asked_by: list[str]) -> None:
    """Raise RefusedAnswerError unless the person may approve or deny what others asked for."""
    settings, person = case.run.home.settings, case.actor
    if person in asked_by:
        raise RefusedAnswerError(
            ERROR_SELF, f"{person} asked for it or approved it already; another person has to"
        )
    if took_it(case, person):
        raise RefusedAnswerError(ERROR_SELF, f"{person} took this payment at the counter")
    if person in settings.roles.auditor or not any(
        has_role(settings, person, role, case.run.today) for role in ("approver", "supervisor")
    ):
        raise refuse(f"{person} is no approver of this home")


def is_draft(case: Case) -> bool:
    """Whether recond itself asks for the refund of money for a closed account."""
    asked = (case.actor, case.question.code, case.answer.action)
    return case.run.home.settings.queue.draft_refunds and asked == (AUTOMATIC, DRAFTED, "refund")


def took_it(case: Case, person: str) -> bool:
    """Whether the person is the cashier who took the payment."""
    taken_by = case.record.taken_by if case.record else None
    return taken_by is not None and taken_by.strip().casefold() == person.casefold()


def approvals_needed(case: Case, plan: Plan) -> int:
    """How many other people have to agree: 0, 1 or 2. Refused where a sum is over its limit."""
    action, limits = case.answer.action, case.run.home.settings.limits
    own = int(is_own(case, plan, case.actor))
    if action in ALWAYS:
        _within_sums(case, plan.cents)
        two = {"refund": limits.refund_two_over, "write_off": limits.write_off_two_over}
        over = two.get(action)
        if over is not None and _sum_of_days(case, plan) > over:
            return 2
        return 1
    if action in FROM_AMOUNT and _of_payment(case, plan) >= limits.approval_from:
        return 1
    return own


def is_own(case: Case, plan: Plan, person: str) -> bool:
    """Whether a plan changes something on an account that is the person's own."""
    numbers = case.run.home.settings.roles.own_accounts.get(person, ())
    if not numbers:
        return False
    keys = {plan.account_key}
    if plan.move is not None:
        keys |= {stand.account_key for stand in (*plan.move.taken, *plan.move.placed)}
    account = schema.account.c
    found = case.connection.scalars(
        select(account.account_number).where(account.account_key.in_(keys - {None}))
    )
    return not set(numbers).isdisjoint(found)


def not_own(case: Case, plan: Plan) -> None:
    """Raise RefusedAnswerError when a person would approve something about their own account."""
    if is_own(case, plan, case.actor):
        raise RefusedAnswerError(
            ERROR_SELF, f"it is about an account of {case.actor}; another person has to"
        )


def _asked(case: Case, *conditions: ColumnElement[bool]) -> int:
    """Cents that were asked for and not denied."""
    answering = made.alias()
    denied = (
        select(answering.c.decision_no)
        .where(
            answering.c.answers_id == made.c.decision_id,
            answering.c.action.in_(["deny", "undo"]),
        )
        .exists()
    )
    total = case.connection.scalar(
        select(func.sum(made.c.amount_cents)).where(~denied, *conditions)
    )
    return int(total or 0)


def _sum_of_days(case: Case, plan: Plan) -> int:
    """What this person, or this account, asked for within 30 days, with this: a large amount in
    small parts is a large amount (reliability fault 91)."""
    action = case.answer.action
    since = (case.run.today - dt.timedelta(days=SUM_DAYS - 1)).isoformat()
    recent = (made.c.action == action, made.c.decided_date >= since)
    # what recond drafts is no one person's
    sums = [] if is_draft(case) else [_asked(case, *recent, made.c.decided_by == case.actor)]
    if plan.account_key is not None:
        sums.append(_asked(case, *recent, made.c.account_key == plan.account_key))
    return max(sums, default=0) + plan.cents


def _of_payment(case: Case, plan: Plan) -> int:
    """The cents of an answer with the parts of the same payment that went without another person:
    a large payment in small parts is a large payment."""
    if case.record is None or plan.cents == 0:
        return plan.cents
    return plan.cents + _asked(
        case,
        made.c.receipt_no == case.record.receipt_no,
        made.c.action.in_(FROM_AMOUNT),
        made.c.amount_cents < case.run.home.settings.limits.approval_from,
    )


def _within_sums(case: Case, cents: int) -> None:
    """The most that one person may ask for in a day and in a month."""
    limits, today = case.run.home.settings.limits, case.run.today.isoformat()
    mine = (made.c.decided_by == case.actor, made.c.action.in_(SUMMED))
    if case.answer.action not in SUMMED or is_draft(case):
        return
    windows = (
        ("a day", limits.clerk_day, made.c.decided_date == today),
        ("a month", limits.clerk_month, made.c.decided_date >= f"{today[:7]}-01"),
    )
    for words, limit, within in windows:
        if limit is None:
            continue
        total = _asked(case, *mine, within) + cents
        if total > limit:
            raise refuse(
                f"{case.actor} would ask for {format_cents(total)} in {words},"
                f" more than {format_cents(limit)}"
            )


def open_request(connection: Connection, exception_no: int) -> str | None:
    """The id of the decision about a question that waits for approval."""
    return connection.scalar(
        pending.requests()
        .with_only_columns(made.c.decision_id)
        .where(made.c.exception_no == exception_no)
    )
