"""What `link` may tie a question to, by the kind of id in `to_account`.

Each kind registers one function: rooms that know deposits, bank lines or returns add theirs with
`register`. It answers a plan, or None when the id is not of its kind.
"""

from __future__ import annotations

from collections.abc import Callable

from recond import ids
from recond.exceptions.decisions import bank_links
from recond.exceptions.decisions.case import Case, Plan, refuse
from recond.money import format_cents
from recond.pipeline import moves, voids

Linker = Callable[[Case, str], Plan | None]

_LINKERS: dict[str, Linker] = {}


def register(kind: str, linker: Linker) -> None:
    """Add a kind of thing that questions can be linked to; `kind` stands in refusals."""
    _LINKERS[kind] = linker


def link(case: Case) -> Plan:
    """The plan of the one kind that knows the id. Raises RefusedAnswerError."""
    target = case.answer.target
    if not target:
        raise refuse(f"link needs to_account: the id of a {' or '.join(_LINKERS)}")
    for linker in _LINKERS.values():
        planned = linker(case, target)
        if planned is not None:
            return planned
    raise refuse(f"there is no {' or '.join(_LINKERS)} {target} that this could belong to")


def _void_of_receipt(case: Case, target: str) -> Plan | None:
    """A void at the counter is the void of that receipt: it leaves the books."""
    if not case.question.code.startswith("VOID_"):
        return None
    number = ids.find_receipt(case.connection, target[:1] + target[1:].lower())
    if number is None:
        return None
    owner = moves.standing(case.connection, [number])[number]
    cents = sum(stand.cents for stand in owner.stands)
    if owner.version == 0 or cents == 0:
        raise refuse(f"{target} was never posted")
    if (why := voids.gone(case.connection, owner)) is not None:
        raise refuse(f"{target} {why}")
    reason = f"voided: {case.question.message}; {case.actor} linked it: {case.answer.note}"

    def void(done: Case, _identity: str) -> None:
        moves.take_out(done.connection, done.run, [number], "voided", reason)

    words = f"{format_cents(cents)} of {target} voided"
    return Plan(words, cents, effects=(void,), moved=number)


register("receipt", _void_of_receipt)
register("deposit", bank_links.deposit_of_credit)
register("bank line", bank_links.line_of_deposit)
register("returned receipt", bank_links.receipt_of_return)
register("check that was read over too much", bank_links.check_of_deposit)
register("expected debit", bank_links.deposit_of_debit)
register("fee", bank_links.fee_of_debit)
