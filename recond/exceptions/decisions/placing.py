"""Where the cents of an answer stand, and where they go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from recond import adjusting
from recond.exceptions.decisions.case import Case, Plan, refuse
from recond.exceptions.decisions.targets import Target, TargetError, find_target
from recond.matching.allocate import PAYMENTS, allocate
from recond.matching.policy import Rules
from recond.matching.tables import BOOK_REFERENCES
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED
from recond.money import format_cents
from recond.pipeline import sources
from recond.pipeline.moves import Move, Stand, Standing
from recond.receivables.book import book_of_accounts

GONE = (RETURNED, REFUNDED, VOIDED)


@dataclass(frozen=True, slots=True)
class Pool:
    """The cents that a question is about: in one bucket, of one account or none."""

    bucket: int
    stands: tuple[Stand, ...]
    account_key: int | None = None

    @property
    def cents(self) -> int:
        """How many."""
        return sum(stand.cents for stand in self.stands)


@dataclass(frozen=True, slots=True)
class Share:
    """Cents for a target; with `on_account` they pay no item."""

    target: Target
    cents: int
    on_account: bool = False


def standing_of(case: Case) -> Standing:
    """The receipt of the question. Refused when there is none or it is posted nowhere."""
    if case.standing is None or case.standing.version == 0:
        raise refuse("this question is about no posted payment, so no money can be moved")
    return case.standing


def pool_of(case: Case) -> Pool | None:
    """The undecided cents of the receipt: suspense, else credit (of the question's account)."""
    owner = standing_of(case)
    suspense = tuple(stand for stand in owner.stands if stand.bucket == SUSPENSE)
    if sum(stand.cents for stand in suspense) > 0:
        return Pool(SUSPENSE, suspense)
    credit = [stand for stand in owner.stands if stand.bucket == CREDIT]
    about = case.question.account_key
    for key in sorted({stand.account_key for stand in credit}, key=lambda key: key != about):
        mine = tuple(stand for stand in credit if stand.account_key == key)
        if sum(stand.cents for stand in mine) > 0:
            return Pool(CREDIT, mine, key)
    return None


def live_cents(owner: Standing) -> int:
    """Cents that stand on items, on account or in suspense."""
    return sum(stand.cents for stand in owner.stands if stand.bucket not in GONE)


def on_accounts(owner: Standing) -> set[int | None]:
    """The accounts on which live cents stand."""
    sums: dict[int | None, int] = {}
    for stand in owner.stands:
        if stand.bucket in {ITEM, CREDIT}:
            sums[stand.account_key] = sums.get(stand.account_key, 0) + stand.cents
    return {key for key, cents in sums.items() if cents}


def asked_cents(case: Case, pool: Pool) -> int:
    """`amount_to_apply`, else all of the pool. Refused when it is more than there is."""
    cents = pool.cents if case.answer.cents is None else case.answer.cents
    if cents > pool.cents:
        raise refuse(
            f"{format_cents(cents)} is more than the {format_cents(pool.cents)} in question"
        )
    return cents


def target_of(case: Case, text: str) -> Target:
    """The account or item that the clerk means. Refused when none or several are."""
    try:
        return find_target(case.connection, text, case.hints)
    except TargetError as error:
        raise refuse(str(error)) from None


def place(case: Case, shares: Sequence[Share], received: str) -> list[Stand]:
    """Where shares of a receipt go: items named, items in policy order, the rest on account.

    A closed account takes its money on account (contract section 6). Money of a source that may
    only pay some charges pays no others, whoever decides.
    """
    rules = rules_of(case)
    wanted = pa.array(sorted({share.target.account_key for share in shares}), pa.int64())
    book = book_of_accounts(
        case.connection, wanted, BOOK_REFERENCES.empty_table(), dt.date.fromisoformat(received)
    )
    family = dict(
        zip(
            book.accounts["account_key"].to_pylist(),
            book.accounts["family"].to_pylist(),
            strict=True,
        )
    )
    items = {row["item_key"]: row for row in book.items.to_pylist()}
    stands: list[Stand] = []
    rest: list[tuple[Share, int]] = []
    for share in shares:
        left = share.cents
        closed = share.target.status.lower() == "closed"
        named = items.get(share.target.item_key) if share.target.item_key is not None else None
        if named is not None and not closed and not share.on_account:
            _may_pay(rules, named)
            paid = min(left, named["open_cents"])
            named["open_cents"] -= paid
            left -= paid
            stands.append(_on_item(named, paid))
            # what was written off of an item that somebody names is paid after all
            after_all = min(left, adjusting.left_of(case.connection, named["item_key"]))
            left -= after_all
            stands.append(replace(_on_item(named, after_all), adjusts=after_all))
        if closed or share.on_account or named is not None:
            stands.append(Stand(CREDIT, left, share.target.account_key))
        else:
            rest.append((share, left))
    stands += _allocated(rules, list(items.values()), rest, family, received, book.items.schema)
    return _merged(stands)


def rules_of(case: Case) -> Rules:
    """The rules of the case's money: some may only pay some charges."""
    number = case.question.receipt_no
    if number is None:
        return case.run.rules
    return sources.of_receipt(case.connection, case.run, number).rules


def _may_pay(rules: Rules, item: dict[str, object]) -> None:
    if rules.pays_only and item["charge_type"] not in rules.pays_only:
        only = ", ".join(rules.pays_only)
        raise refuse(f"this money may only pay {only}; {item['item_number']} is none of them")


def _on_item(row: dict[str, object], cents: int) -> Stand:
    return Stand(
        ITEM, cents, row["account_key"], row["item_key"], row["charge_type"], row["fund"]  # type: ignore[arg-type]
    )  # fmt: skip


def _allocated(
    rules: Rules,
    items: list[dict[str, object]],
    rest: list[tuple[Share, int]],
    family: dict[int, str | None],
    received: str,
    shape: pa.Schema,
) -> list[Stand]:
    if not rest:
        return []
    payments = [
        {
            "ordinal": number,
            "account_key": share.target.account_key,
            "cents": cents,
            "received_date": dt.date.fromisoformat(received),
            "family": family.get(share.target.account_key),
        }
        for number, (share, cents) in enumerate(rest, 1)
    ]
    owed = [row for row in items if row["open_cents"]]
    placements = allocate(
        pa.Table.from_pylist(owed, schema=shape),
        pa.Table.from_pylist(payments, schema=PAYMENTS),
        rules,
    )
    return [
        Stand(
            row["bucket"], row["cents"], row["account_key"], row["item_key"], row["charge_type"],
            row["fund"],
        )
        for row in placements.to_pylist()
    ]  # fmt: skip


def _merged(stands: Sequence[Stand]) -> list[Stand]:
    """One stand a place, in the order in which places were first named; none of zero cents."""
    sums: dict[tuple[int, int | None, int | None], Stand] = {}
    for stand in stands:
        key = (stand.bucket, stand.account_key, stand.item_key)
        before = sums.get(key, replace(stand, cents=0, adjusts=0))
        sums[key] = replace(
            stand, cents=before.cents + stand.cents, adjusts=before.adjusts + stand.adjusts
        )
    return [stand for stand in sums.values() if stand.cents]


def placing_plan(case: Case, pool: Pool, shares: Sequence[Share], words: str) -> Plan:
    """Move shares of a pool to their targets; what is not asked for stays where it stands.

    Cents that would only go where they stand already do not move: the answer confirms them.
    """
    owner = standing_of(case)
    cents = sum(share.cents for share in shares)
    placed = place(case, shares, owner.received_date)
    accounts = {share.target.account_key for share in shares}
    single = next(iter(accounts)) if len(accounts) == 1 else None
    staying = Stand(pool.bucket, pool.cents - cents, pool.account_key)
    if pool.bucket == CREDIT and all(
        stand.bucket == CREDIT and stand.account_key == pool.account_key for stand in placed
    ):
        return confirmed(f"confirmed: {format_cents(cents)} stand {words} already", single)
    move = Move(
        owner.receipt_no,
        case.answer.action,
        evidence_of(case, words),
        pool.stands,
        [*placed, staying],
        single,
    )
    left = staying.cents if pool.bucket == SUSPENSE else 0
    kept = f"; {format_cents(staying.cents)} stay where they were" if staying.cents else ""
    return Plan(
        f"{format_cents(cents)} {words}{_told(placed)}{kept}", cents, move, single, left=left
    )


def _told(placed: Sequence[Stand]) -> str:
    """How much pays items and how much stands on account."""
    items = sum(stand.cents for stand in placed if stand.bucket == ITEM)
    credit = sum(stand.cents for stand in placed if stand.bucket == CREDIT)
    if not credit:
        return ""
    if not items:
        return ", on account"
    return f" ({format_cents(items)} on items, {format_cents(credit)} on account)"


def confirmed(words: str, account_key: int | None = None) -> Plan:
    """The question closes, nothing moves."""
    return Plan(words, account_key=account_key)


def evidence_of(case: Case, words: str) -> str:
    """What stays in the books beside the move."""
    note = f": {case.answer.note}" if case.answer.note else ""
    return f"{case.actor} decided {case.question.exception_id}: {case.answer.action} {words}{note}"
