"""The cascade: what each payment is for, where its cents stand, and what to ask a clerk.

Three laws: an amount alone or a name alone never posts; two candidates mean none; a reference
that contradicts another is a veto. What is undecided waits in suspense, whole (contract
section 4, "Decisions of a new home").
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.matching import owners, words
from recond.matching.allocate import (
    ACCOUNT_POOL,
    AT_LEAST,
    BILL_POOL,
    DUE_DIFFERS,
    EVERY_ITEM,
    IN_PART,
    ITEM_OR_BILL,
    ITEM_POOL,
    MEANS_TWO,
    NO_NEED,
    ONE_WHOLE,
    SUM_DIFFERS,
    Applied,
    Claims,
    settle,
)
from recond.matching.flags import NOT_CASH, Due, Flags
from recond.matching.leads import Followed, follow, of_words
from recond.matching.openitems import OpenItems, distinct, find, int64
from recond.matching.ordering import codes, days, policies_of, policy_numbers
from recond.matching.placing import Segments, placements, tender
from recond.matching.policy import Rules
from recond.matching.questions import Asked, questions
from recond.matching.references import read
from recond.matching.resolve import (
    BLANK,
    NONE,
    OF_BILL,
    OF_ITEM,
    RULES,
    UNKNOWN,
    Resolved,
    resolve,
)
from recond.matching.structure import ONE_BILL
from recond.matching.tables import DECISIONS, Book, Matched
from recond.matching.targets import (
    BANKRUPT,
    IN_FULL,
    NOT_POSITIVE,
    OK,
    SUM_WRONG,
    TWO,
    Targets,
    targets,
)
from recond.model import CREDIT, SUSPENSE

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_EPOCH = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Payments:
    """Receipts as payments: rows of equal `payment` text are tenders of one, matched by their
    sum. `of_row` is the payment of each receipt row; payments stand in the order of their first
    rows (`first`); `day` is the received day."""

    ordinal: Ints
    cents: Ints
    of_row: Ints
    first: Ints
    totals: Ints
    day: Ints

    @classmethod
    def of(cls, receipts: pa.Table, today: dt.date) -> Payments:
        cents, size = int64(receipts["amount_cents"]), len(receipts)
        code, names = codes(receipts["payment"])
        if (code < 0).all():
            of_row = first = np.arange(size)
        else:
            code = np.where(code < 0, len(names) + np.arange(size), code)
            _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
            turn = np.argsort(first, kind="stable")
            rank = np.empty(len(turn), dtype=np.int64)
            rank[turn] = np.arange(len(turn))
            of_row, first = rank[inverse], first[turn]
        totals = np.zeros(len(first), dtype=np.int64)
        np.add.at(totals, of_row, cents)
        day = days(receipts["received_date"], today.toordinal() - _EPOCH)
        return cls(int64(receipts["ordinal"]), cents, of_row, first, totals, day[first])


@dataclass(frozen=True, slots=True)
class _Accounts:
    """What the book says of accounts, in the order of OpenItems.keys."""

    numbers: pa.Array
    closed: Bools
    bankrupt: Bools
    cash_only: Ints  # the last day on which only cash is taken; before every date: never
    family: Ints
    families: list[str | None]

    @classmethod
    def of(cls, accounts: pa.Table, keys: Ints) -> _Accounts:
        status, names = words.texts_of(accounts, keys, "status")
        family, families = words.texts_of(accounts, keys, "family")
        closed, bankrupt = (
            np.array([(name or "").lower() == word for name in names] + [False])[status]
            for word in ("closed", "bankruptcy")
        )
        cash_only = words.days_of(accounts, keys, "cash_only_until")
        return cls(
            words.account_numbers(accounts, keys), closed, bankrupt, cash_only, family, families
        )


def match(
    receipts: pa.Table, remittances: pa.Table, book: Book, rules: Rules, today: dt.date
) -> Matched:
    """Decide RECEIPTS with their REMITTANCES against a Book, strictly in their order.

    Payments of one call see what those before them left open; the tenders of one payment belong
    in one call. Receipts without a received date count as received `today`. Answers one
    decision a receipt in the receipts' order, placements that sum to each receipt's amount, and
    questions. Pure: the same arguments give the same tables.
    """
    payments = Payments.of(receipts, today)
    remittances, payment = _sorted(remittances, payments)
    keys = distinct(
        np.append(int64(book.accounts["account_key"]), int64(book.references["account_key"]))
    )
    items = OpenItems.of(book.items, keys, rules)
    accounts = _Accounts.of(book.accounts, items.keys)
    resolved = resolve(
        remittances, payment, read(remittances, rules), book.references, items, payments.day
    )
    aims = targets(remittances, payment, payments.totals, resolved)
    bankrupt = _overrule(aims, payments, accounts)
    word = pc.equal(remittances["kind"], "WORD").to_numpy()
    led = _followed(book.leads, aims, payment, resolved, word, payments, accounts, items)
    aims = _led(aims, led, payments)
    _let_prior_owners_wait(aims, receipts, payments, book.accounts, accounts, items, rules)
    due = Due.before(items)
    claims = _claims(aims, payments, accounts, items, rules)
    applied = settle(claims, payments.totals, items, rules)
    _wait(aims, applied, led, claims)
    posted = _left_over(Segments.of(claims.payment, claims.account, applied), payments, accounts,
                        rules)  # fmt: skip
    segments = _by_row(posted, aims.code, payments)
    account = _one_account(aims, payments)
    said = words.led_to(
        _evidence(remittances, payment, resolved, payments, accounts, word),
        led.payment[aims.code[led.payment] == OK], aims.rule, account, accounts.numbers,
    )  # fmt: skip
    said = words.narrowed(said, claims, applied, accounts.numbers)
    asked = Asked(
        aims, payments.first, payments.of_row, payments.cents, payments.totals, payments.day,
        payments.ordinal, account, bankrupt, accounts.closed, accounts.numbers, items.keys, said,
        words.quoted(remittances), resolved,
    )  # fmt: skip
    flags = Flags(
        due.at_turn(claims, applied), accounts.cash_only, items, claims, applied,
        int64(pc.is_in(receipts["tender"], value_set=pa.array(NOT_CASH)).cast(pa.int64())) > 0,
        rules.large_cents,
    )  # fmt: skip
    return Matched(
        _decisions(payments, aims, account, items.keys, said),
        placements(payments.ordinal, segments, items),
        questions(
            asked, segments, flags, book.recent, rules.duplicate_window_days, rules.pays_only
        ),
    )


def _followed(
    leads: pa.Table, aims: Targets, payment: Ints, resolved: Resolved, word: Bools,
    payments: Payments, accounts: _Accounts, items: OpenItems,
) -> Followed:  # fmt: skip
    """The leads that decide, and words of free text (`word` of the remittances) that lead."""
    refused = np.append(accounts.closed | accounts.bankrupt, False)
    told = (resolved.outcome != BLANK) & ~word
    counted = np.bincount(payment[told], minlength=len(payments.totals))
    return follow(
        leads, of_words(word, payment, resolved), aims, payments.ordinal, payments.of_row,
        payments.totals, counted, refused, items,
    )  # fmt: skip


def _led(aims: Targets, led: Followed, payments: Payments) -> Targets:
    """Targets with what the leads decide."""
    if not len(led.payment):
        return aims
    aims.code[led.payment] = OK
    aims.rule[led.payment] = led.rule
    return aims.with_claims(led.payment, led.account, payments.totals[led.payment])


def _wait(aims: Targets, applied: Applied, led: Followed, claims: Claims) -> None:
    """Give payments that could not be settled the code that says why, and those whose number was
    read as a bill's the rule of bills."""
    twice = np.flatnonzero((aims.other >= 0) & (applied.fate[aims.payment] == MEANS_TWO))[::-1]
    aims.code[aims.payment[twice]], aims.fault[aims.payment[twice]] = TWO, aims.row[twice]
    bills = claims.payment[(claims.need == ITEM_OR_BILL) & (applied.shape == ONE_BILL)]
    aims.rule[bills[aims.rule[bills] == OF_ITEM]] = OF_BILL
    differs = applied.fate == SUM_DIFFERS
    aims.code[differs] = SUM_WRONG
    aims.named[differs] = applied.named[differs]
    aims.code[applied.fate == IN_PART] = IN_FULL
    lost = applied.fate[led.payment] == DUE_DIFFERS
    aims.code[led.payment[lost]] = led.code[lost]


def _sorted(remittances: pa.Table, payments: Payments) -> tuple[pa.Table, Ints]:
    """REMITTANCES of these receipts by payment, receipt row and sequence; the payment of each."""
    ordinal = int64(remittances["ordinal"])
    turn = np.argsort(payments.ordinal, kind="stable")
    place = find(payments.ordinal[turn], ordinal)
    known = np.flatnonzero(place >= 0)
    row = turn[place[known]]
    order = np.lexsort((int64(remittances["sequence"])[known], row, payments.of_row[row]))
    chosen = known[order]
    if not np.array_equal(chosen, np.arange(len(ordinal))):
        remittances = remittances.take(pa.array(chosen))
    return remittances.combine_chunks(), payments.of_row[row[order]]


def _overrule(aims: Targets, payments: Payments, accounts: _Accounts) -> Ints:
    """Codes that no reference can heal: amounts that are no payment, accounts in bankruptcy.
    Answers the account in bankruptcy of each payment, -1."""
    who = np.full(len(payments.totals), -1, dtype=np.int64)
    hit = np.flatnonzero(accounts.bankrupt[aims.account] & (aims.code[aims.payment] == OK))[::-1]
    who[aims.payment[hit]] = aims.account[hit]
    aims.code[aims.payment[hit]] = BANKRUPT
    aims.code[payments.totals <= 0] = NOT_POSITIVE
    return who


def _let_prior_owners_wait(
    aims: Targets, receipts: pa.Table, payments: Payments, known: pa.Table, accounts: _Accounts,
    items: OpenItems, rules: Rules,
) -> None:  # fmt: skip
    if not items.prior.any():
        return
    day = payments.day[aims.payment]
    policy = policy_numbers(rules, accounts.families, accounts.family[aims.account], day)
    payers = receipts["payer_name"].combine_chunks().take(pa.array(payments.first))
    place, names = words.texts_of(known, items.keys, "customer_name")
    customers = [names[number] if number >= 0 else None for number in place.tolist()]
    owners.let_wait(aims, payers, policy, customers, items)


def _claims(
    aims: Targets, payments: Payments, accounts: _Accounts, items: OpenItems, rules: Rules
) -> Claims:
    live = np.flatnonzero(aims.code[aims.payment] == OK)
    payment, account = aims.payment[live], aims.account[live]
    day = payments.day[payment]
    return Claims(
        payment=payment,
        account=account,
        pool=aims.pool[live],
        member=aims.member[live],
        cents=aims.cents[live],
        policy=policy_numbers(rules, accounts.families, accounts.family[account], day),
        day=day,
        since=np.full(len(live), EVERY_ITEM),
        barred=accounts.closed[account],
        need=_needs(aims, live, accounts, items),
        other=aims.other[live],
    )


def _needs(aims: Targets, live: Ints, accounts: _Accounts, items: OpenItems) -> Ints:
    """A charge that is only paid in full needs all of it, named by itself or by its bill. A
    payment for an account that owes nothing else needs to pay one such charge (example E11)."""
    need = aims.need[live].copy()
    need[accounts.closed[aims.account[live]] & (need == ITEM_OR_BILL)] = NO_NEED
    exact = items.charges.exact
    if not exact.any():
        return need
    pool, member, account = aims.pool[live], aims.member[live], aims.account[live]
    whole = (pool == ITEM_POOL) & np.append(exact, False)[member]
    width = np.int64(int(items.bill.max(initial=0)) + 2)
    bills = items.account[exact] * width + items.bill[exact] + 1
    whole |= (pool == BILL_POOL) & np.isin(account * width + member + 1, bills)
    need[whole & (need == NO_NEED) & ~accounts.closed[account]] = AT_LEAST
    alone = (pool == ACCOUNT_POOL) & np.isin(account, items.account[exact]) & (need == NO_NEED)
    need[alone & ~accounts.closed[account]] = ONE_WHOLE
    return need


def _left_over(posted: Segments, payments: Payments, accounts: _Accounts, rules: Rules) -> Segments:
    """Segments with what finds nothing to pay where the policy says: on account, or in suspense.
    Money that may only pay some charges never stands on account, where it would pay others."""
    waits = np.array([policy.overpayment == "suspense" for policy in policies_of(rules)])
    if not waits.any() and not rules.pays_only:
        return posted
    over = (posted.bucket == CREDIT) & ~accounts.closed[posted.account]
    day = payments.day[posted.owner]
    number = policy_numbers(rules, accounts.families, accounts.family[posted.account], day)
    over &= waits[number] | bool(rules.pays_only)
    bucket = np.where(over, SUSPENSE, posted.bucket)
    return replace(posted, bucket=bucket)


def _by_row(posted: Segments, code: Ints, payments: Payments) -> Segments:
    """Where each receipt row's cents stand: payments by tender, the undecided in suspense."""
    rows = np.arange(len(payments.of_row))
    waits = rows[(code[payments.of_row] != OK) & (payments.cents != 0)]
    none = np.full(len(waits), -1, dtype=np.int64)
    bucket = np.full(len(waits), SUSPENSE, dtype=np.int64)
    suspense = Segments(waits, bucket, none, none, payments.cents[waits])
    count = np.bincount(payments.of_row, minlength=len(payments.first))
    single = count[posted.owner] == 1
    one = posted if single.all() else posted.rows(np.flatnonzero(single))
    parts = [Segments(payments.first[one.owner], one.bucket, one.account, one.item, one.cents)]
    if not single.all():
        several = posted.rows(np.flatnonzero(~single))
        mine = rows[(code[payments.of_row] == OK) & (count[payments.of_row] > 1)]
        mine = mine[np.argsort(payments.of_row[mine], kind="stable")]
        split = tender(several, payments.of_row[mine], payments.cents[mine])
        parts.append(
            Segments(mine[split.owner], split.bucket, split.account, split.item, split.cents)
        )
    return Segments.joined(*parts, suspense)


def _one_account(aims: Targets, payments: Payments) -> Ints:
    """The account of each payment that names just one and is decided or waits for its
    bankruptcy; -1."""
    size = len(payments.totals)
    least = np.full(size, np.iinfo(np.int64).max)
    most = np.full(size, -1, dtype=np.int64)
    np.minimum.at(least, aims.payment, aims.account)
    np.maximum.at(most, aims.payment, aims.account)
    known = (least == most) & ((aims.code == OK) | (aims.code == BANKRUPT))
    return np.where(known, most, -1)


def _evidence(
    remittances: pa.Table,
    payment: Ints,
    resolved: Resolved,
    payments: Payments,
    accounts: _Accounts,
    word: Bools,
) -> pa.Array:
    """What the payments say, in words; words of free text that nobody knows say nothing."""
    phrase = words.phrases(remittances, resolved, accounts.numbers)
    silent = (resolved.outcome == BLANK) | (word & (resolved.outcome == UNKNOWN))
    counted = np.flatnonzero(~silent)
    return words.evidence(phrase, counted, payment, len(payments.totals))


def _decisions(
    payments: Payments, aims: Targets, account: Ints, keys: Ints, said: pa.Array
) -> pa.Table:
    """DECISIONS, one a receipt row; a row of no cents decides nothing."""
    row, money = payments.of_row, payments.cents != 0
    rule = np.where(aims.code == OK, aims.rule, NONE)
    rule = np.where(money, rule[row], NONE)
    who = np.where(money, account[row], -1)
    known = np.flatnonzero(who >= 0)
    key = np.zeros(len(row), dtype=np.int64)
    key[known] = keys[who[known]]
    names = pa.DictionaryArray.from_arrays(pa.array(rule.astype(np.int32)), pa.array(RULES))
    if not np.array_equal(row, np.arange(len(row))):
        said = said.take(pa.array(row))
    return pa.table(
        [payments.ordinal, pa.array(key, mask=who < 0), names.cast(pa.string()), said],
        schema=DECISIONS,
    )
