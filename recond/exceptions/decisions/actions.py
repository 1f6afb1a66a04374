"""What each answer of a work list would do: one function an action, all of them only plan.

A plan is carried out (or asked of another person) by `deciding`; here nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import select

from recond.exceptions.answers import ACCEPTS, NOTED
from recond.exceptions.codes import CODES
from recond.exceptions.decisions import bank_links
from recond.exceptions.decisions.case import REQUESTS, Case, Effect, Plan, refuse
from recond.exceptions.decisions.links import link
from recond.exceptions.decisions.placing import (
    GONE,
    Share,
    asked_cents,
    confirmed,
    evidence_of,
    live_cents,
    on_accounts,
    place,
    placing_plan,
    pool_of,
    standing_of,
    target_of,
)
from recond.exceptions.decisions.recovering import plan_recover
from recond.exceptions.decisions.releasing import plan_release
from recond.exceptions.decisions.targets import Target
from recond.exceptions.decisions.undoing import plan_undo
from recond.exceptions.decisions.writeoffs import plan_write_off
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED
from recond.money import format_cents
from recond.pipeline import announced, deposits
from recond.pipeline.moves import Move, Stand
from recond.store import schema

Planner = Callable[[Case], Plan]


def plan(case: Case) -> Plan:
    """What the answer of a case would do. Raises RefusedAnswerError (ERROR_ACTION)."""
    action = case.answer.action
    allowed = allowed_of(case)
    if action not in allowed:
        raise refuse(f"{action!r} is no answer to this question; allowed: {' '.join(allowed)}")
    if action in NOTED and not case.answer.note:
        raise refuse(f"{action} needs a note that says why")
    return PLANNERS[action](case)


def allowed_of(case: Case) -> list[str]:
    """The actions that the question takes now."""
    asked = REQUESTS.get(case.question.code)
    if asked is not None:
        return [asked]
    return allowed_actions(case.question.code, len(case.suggested), _placed(case))


def allowed_actions(code: str, suggested: int, placed: bool = False) -> list[str]:
    """The actions that a row of the work list takes; `suggested` suggestions can be accepted.
    Where the money is `placed` already, `accept_1` confirms it without a suggestion."""
    known = CODES.get(code)
    answers = [answer for answer in known.answers if answer in PLANNERS] if known else []
    offered = {f"accept_{rank}" for rank in range(1, suggested + 1)}
    offered |= {"accept_1"} if placed else set()
    kept = [a for a in answers if not a.startswith("accept_") or a in offered]
    return kept if "hold" in kept else [*kept, "hold"]


def _placed(case: Case) -> bool:
    owner = case.standing
    if owner is None or owner.version == 0:
        return False
    return owner.in_bucket(SUSPENSE) == 0 and live_cents(owner) > 0


def _to(case: Case, target: Target, *, on_account: bool = False) -> Plan:
    """Money to one account or item; what stands there already is confirmed."""
    owner, pool = standing_of(case), pool_of(case)
    if pool is None:
        if on_accounts(owner) == {target.account_key}:
            return confirmed(f"confirmed: it stands on {target.words}", target.account_key)
        raise refuse("no money of it waits any more; recond transfer moves what is applied")
    there = pool.bucket != SUSPENSE and pool.account_key == target.account_key
    if there and (on_account or target.item_key is None):
        return confirmed(f"confirmed: on account of {target.words}", target.account_key)
    share = Share(target, asked_cents(case, pool), on_account)
    return placing_plan(case, pool, [share], f"to {target.words}")


def _accept(case: Case) -> Plan:
    rank = int(case.answer.action[-1])
    if rank > len(case.suggested):
        return confirmed("confirmed as it stands")
    return _to(case, target_of(case, case.suggested[rank - 1]))


def _assign(case: Case) -> Plan:
    return _to(case, target_of(case, case.answer.target))


def _on_account(case: Case) -> Plan:
    if case.answer.target:
        return _to(case, target_of(case, case.answer.target), on_account=True)
    pool = pool_of(case)
    if pool is None or pool.bucket != SUSPENSE:
        if live_cents(standing_of(case)) <= 0:
            raise refuse("no money of this payment is left")
        return confirmed("confirmed as it stands", pool.account_key if pool else None)
    if case.question.account_key is None:
        raise refuse("on_account needs to_account: whose credit is it?")
    number = _number_of(case, case.question.account_key)
    return _to(case, target_of(case, number), on_account=True)


def _number_of(case: Case, account_key: int) -> str:
    account = schema.account.c
    return str(
        case.connection.scalar(
            select(account.account_number).where(account.account_key == account_key)
        )
    )


def _split(case: Case) -> Plan:
    pool = pool_of(case)
    if pool is None:
        raise refuse("no money of it waits any more; recond transfer moves what is applied")
    shares = [Share(target_of(case, part.target), part.cents) for part in case.answer.parts]
    total, asked = sum(share.cents for share in shares), asked_cents(case, pool)
    if total != asked:
        raise refuse(
            f"the parts add up to {format_cents(total)}, not to {format_cents(asked)}"
            f" (difference {format_cents(asked - total)})"
        )
    words = ", ".join(f"{format_cents(s.cents)} to {s.target.words}" for s in shares)
    return placing_plan(case, pool, shares, f"split: {words}")


def _refund(case: Case) -> Plan:
    owner, pool = standing_of(case), pool_of(case)
    if pool is None and case.question.code != "SUSPECTED_DUPLICATE_PAYMENT":
        raise refuse("only money in suspense or on account can be refunded")
    taken = pool.stands if pool else tuple(s for s in owner.stands if s.bucket not in GONE)
    whole = sum(stand.cents for stand in taken)
    cents = asked_cents(case, pool) if pool else whole
    if not pool and case.answer.cents not in {None, whole}:
        raise refuse(f"the whole payment of {format_cents(whole)} is refunded, or none of it")
    _refundable(case, cents)
    account_key = pool.account_key if pool else case.question.account_key
    words = f"{format_cents(cents)} to be refunded"
    placed = [Stand(REFUNDED, cents, account_key)]
    if pool:
        placed.append(Stand(pool.bucket, pool.cents - cents, pool.account_key))
    left = pool.cents - cents if pool and pool.bucket == SUSPENSE else 0
    move = Move(owner.receipt_no, "refund", evidence_of(case, words), taken, placed, account_key)
    return Plan(words, cents, move, account_key, left=left)


def _refundable(case: Case, cents: int) -> None:
    """The office's limits on single refunds (domain example E47)."""
    limits, record = case.run.home.settings.limits, case.record
    if cents <= 0:
        raise refuse("there is nothing to refund")
    if cents < limits.refund_minimum:
        raise refuse(
            f"{format_cents(cents)} is less than the smallest refund,"
            f" {format_cents(limits.refund_minimum)};"
            " the credit is carried"
        )
    if record is not None and record.tender == "CHECK" and limits.refund_wait_days:
        first = dt.date.fromisoformat(record.received_date)
        first += dt.timedelta(days=limits.refund_wait_days)
        if case.run.today < first:
            raise refuse(f"a check is refunded from {first} on, so that its return can arrive")


def _leave_deposit(case: Case, _identity: str) -> None:
    """What was recorded twice is in no deposit."""
    numbers = [standing_of(case).receipt_no]
    deposits.note(case.connection, deposits.of_receipts(case.connection, numbers), sign=-1)


def _return_item(case: Case) -> Plan:
    """The bank took the payment back: tied to the item that it returned where that is known and
    waits for its payment, else the bank's debit is expected; it nets what it keeps of cards
    within their batches. Refused where several items could be meant."""
    waiting = bank_links.returns_of(case)
    if len(waiting) > 1:
        raise refuse(
            f"{len(waiting)} returned items of that amount wait for their payment; answer the"
            " right one with link and this payment's id"
        )
    if waiting:
        return bank_links.take_back(waiting[0], standing_of(case).receipt_no)
    owner = standing_of(case)
    if owner.channel == "CARD":
        return _out(RETURNED, "returned by the bank")(case)
    gone = any(stand.bucket in {RETURNED, VOIDED} for stand in owner.stands)
    if gone or live_cents(owner) <= 0:
        raise refuse("no money of this payment is left")
    one = announced.said(replace(case.run, actor=case.actor), owner)
    return bank_links.take_back(one, owner.receipt_no)


def _out(bucket: int, words: str, *effects: Effect) -> Planner:
    """All live cents of the payment leave the books' open places for one bucket."""

    def planned(case: Case) -> Plan:
        owner = standing_of(case)
        taken = tuple(stand for stand in owner.stands if stand.bucket not in GONE)
        cents = sum(stand.cents for stand in taken)
        if cents <= 0:
            raise refuse("no money of this payment is left")
        if any(stand.bucket in GONE for stand in owner.stands):
            raise refuse("a part of this payment has left the books; it cannot go as a whole")
        told = f"{format_cents(cents)} {words}"
        evidence = evidence_of(case, told)
        move = Move(
            owner.receipt_no, case.answer.action, evidence, taken, [Stand(bucket, cents)], None
        )
        return Plan(told, cents, move, case.question.account_key, effects=effects)

    return planned


def _not_duplicate(case: Case) -> Plan:
    return confirmed("both payments are real; nothing moves", case.question.account_key)


def _hold(case: Case) -> Plan:
    until = case.answer.until
    if until is not None and until <= case.run.today:
        raise refuse(f"{until} has passed; hold until a later day")
    return Plan(f"on hold until {until}" if until else "on hold", status="on_hold")


def _acknowledge(case: Case) -> Plan:
    owner = case.standing
    # a bank credit without a deposit may wait in suspense for one (contract section 5)
    waits = case.question.scope == "BANK"
    if owner is not None and owner.in_bucket(SUSPENSE) and not waits:
        raise refuse("money of it is in suspense; say where it belongs")
    return confirmed(f"acknowledged by {case.actor}: {case.answer.note}")


def _transfer(case: Case) -> Plan:
    """Everything of a payment that stands elsewhere goes to one account or item, with the date
    on which it was received (domain example E19)."""
    owner, target = standing_of(case), target_of(case, case.answer.target)
    taken = tuple(
        stand
        for stand in owner.stands
        if stand.bucket in {ITEM, CREDIT} and stand.account_key != target.account_key
    )
    cents = sum(stand.cents for stand in taken)
    if cents <= 0:
        raise refuse(f"nothing of it stands on another account than {target.words}")
    words = f"{format_cents(cents)} transferred to {target.words}"
    placed = place(case, [Share(target, cents)], owner.received_date)
    move = Move(
        owner.receipt_no, "transfer", evidence_of(case, words), taken, placed, target.account_key
    )
    return Plan(words, cents, move, target.account_key)


PLANNERS: Mapping[str, Planner] = {
    **dict.fromkeys(ACCEPTS, _accept),
    "assign": _assign,
    "split": _split,
    "on_account": _on_account,
    "refund": _refund,
    "return_item": _return_item,
    "duplicate": _out(VOIDED, "recorded twice; the second record left the books", _leave_deposit),
    "not_duplicate": _not_duplicate,
    "hold": _hold,
    "acknowledge": _acknowledge,
    "link": link,
    "transfer": _transfer,
    "recover": plan_recover,
    "release": plan_release,
    "write_off": plan_write_off,
    "undo": plan_undo,
}
