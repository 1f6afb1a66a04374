"""What the books hold that could answer an open question: accounts near in number, name, amount.

Set-based: everything asked is staged once and joined, whatever the number of questions. What is
found is small (a few accounts a question), and only then rows become objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from rapidfuzz import fuzz
from sqlalchemy import Connection, Select, Table, func, select, union_all

from recond.arrays import ints
from recond.exceptions.accounts import Account, accounts_of, staged
from recond.exceptions.codes import CODES
from recond.exceptions.payers import Before, Payer, paid_before
from recond.exports.columns import fetch_table
from recond.matching.names import normalise_names
from recond.matching.namesearch import alikes
from recond.matching.openitems import find
from recond.matching.references import keys, variants
from recond.store import schema
from recond.store.engine import stage

NEAR_LENGTHS = range(4, 21)  # shorter numbers are near to everything, longer ones are no accounts
# A new home's scan line begins with the account (contract 4); readers lose a digit or two of it.
SCAN_LENGTHS, SCAN_ACCOUNT = range(25, 28), 10
CROWD = 50  # a name that is like so many tells nothing, but where the amount agrees
SIMILAR = 88  # rapidfuzz token_sort_ratio, of 100
MANY = 20  # accounts for one amount, beyond which the amount tells nothing

# Kinds of nearness of a number.
NEARNESS = ("is the number read", "one digit differs", "two digits are swapped", "a zero was lost",
            "a zero too many", "stands in the text")  # fmt: skip
IN_TEXT = 5  # of NEARNESS
_CLOSEST = (0, IN_TEXT, 1, 2, 3, 4)


@dataclass(slots=True)
class Asked:
    """An open question about a receipt, with what the payer gave."""

    exception_no: int
    cents: int
    payer_name: str
    name_key: str | None
    references: tuple[str, ...]  # normal form: upper case, no blanks or dashes
    receipt_no: int
    payer_key: int | None
    received_date: str
    words: tuple[str, ...] = ()  # of free text, in normal form


@dataclass(slots=True)
class Evidence:
    """What was found: per question and account the nearness of the number; who else to look at."""

    asked: dict[int, Asked]
    near: dict[tuple[int, int], int]  # (exception_no, account_key) → index into NEARNESS
    others: set[tuple[int, int]]  # candidates by name or amount
    accounts: dict[int, Account]
    before: dict[tuple[int, int], Before] = field(default_factory=dict)  # the payer's money


def gather(connection: Connection, exception_nos: Sequence[int] | None = None) -> Evidence:
    """Everything that speaks for an account as the answer of an open question.

    `exception_nos` limits the questions; only questions whose answers include a suggestion.
    """
    asked = {question.exception_no: question for question in _asked(connection, exception_nos)}
    near = _near_numbers(connection, asked)
    agreeing = _agreeing(connection, asked)
    others = _same_names(connection, asked) | _similar_names(connection, asked, agreeing)
    others |= _same_amounts(asked, agreeing)
    payers = {number: Payer(q.receipt_no, q.payer_key, q.references) for number, q in asked.items()}
    before = paid_before(connection, payers)
    others |= set(before)
    wanted = {key for _, key in near} | {key for _, key in others}
    return Evidence(
        asked,
        near,
        others,
        accounts_of(connection, wanted, {q.cents for q in asked.values()}),
        before,
    )


def _asked(connection: Connection, exception_nos: Sequence[int] | None) -> Iterator[Asked]:
    question, receipt, stub = schema.exception.c, schema.receipt.c, schema.remittance.c
    codes = [code.code for code in CODES.values() if "accept_1" in code.answers]
    statement = (
        select(
            question.exception_no,
            func.coalesce(question.amount_cents, receipt.amount_cents),
            receipt.payer_name,
            receipt.account_on_item,
            receipt.reference,
            receipt.receipt_no,
            receipt.payer_key,
            receipt.received_date,
        )
        .join(schema.receipt, receipt.receipt_no == question.receipt_no)
        .where(question.status != "resolved", question.code.in_(codes))
        .order_by(question.exception_no)
    )
    if exception_nos is not None:
        statement = statement.where(question.exception_no.in_(list(exception_nos)))
    rows = connection.execute(statement).all()
    stubs: dict[tuple[int, bool], list[str]] = {}
    if rows:
        owners = staged(connection, "asked_receipts", "receipt_no", [row[5] for row in rows])
        remittances = (
            select(stub.receipt_no, stub.reference, stub.kind)
            .join(owners, owners.c.receipt_no == stub.receipt_no)
            .where(stub.reference.is_not(None))
            .order_by(stub.receipt_no, stub.sequence)
        )
        for owner, reference, kind in connection.execute(remittances):
            stubs.setdefault((owner, kind == "WORD"), []).append(reference)
    payers = normalise_names(pa.array([row[2] for row in rows], pa.string())).to_pylist()
    for row, name_key in zip(rows, payers, strict=True):
        exception_no, cents, payer, account, reference, owner, payer_key, received = row
        told = stubs.get((owner, False), ())
        texts = [*(account or "").split(";"), *(reference or "").split(";"), *told]
        yield Asked(
            exception_no, cents, payer or "", name_key, _references(texts), owner, payer_key,
            received or "", _references(stubs.get((owner, True), [])),
        )  # fmt: skip


def _references(texts: list[str]) -> tuple[str, ...]:
    """Distinct normal forms, of a scan line its account field too."""
    normal, _ = keys(pa.array(texts, pa.string()))
    found = dict.fromkeys(text for text in normal.to_pylist() if text)
    for text in list(found):
        if len(text) in SCAN_LENGTHS and _digits(text):
            found[text[:SCAN_ACCOUNT]] = None
    return tuple(found)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def neighbours(text: str) -> dict[str, int]:
    """Texts near a number read → index into NEARNESS; the number itself is the nearest."""
    found = {text: 0}
    if not (_digits(text) and len(text) in NEAR_LENGTHS):
        return found
    for other in variants(text):
        differs = sum(a != b for a, b in zip(text, other, strict=True))
        found.setdefault(other, differs)
    for place in range(1, len(text) + 1):
        found.setdefault(text[:place] + "0" + text[place:], 3)
    for place, digit in enumerate(text):
        if digit == "0" and place:
            found.setdefault(text[:place] + text[place + 1 :], 4)
    return found


def _near_numbers(connection: Connection, asked: dict[int, Asked]) -> dict[tuple[int, int], int]:
    texts = [
        (question.exception_no, text, nearness)
        for question in asked.values()
        for reference in question.references
        for text, nearness in neighbours(reference).items()
    ]
    # A word of a text may be anything: only what it is itself.
    texts += [(q.exception_no, word, IN_TEXT) for q in asked.values() for word in q.words]
    _, near_keys = keys(pa.array([text for _, text, _ in texts], pa.string()))
    rows: dict[tuple[int, str], int] = {}
    for key, (number, _, nearness) in zip(near_keys.to_pylist(), texts, strict=True):
        rows[number, key] = _closer(nearness, rows.get((number, key), nearness))
    if not rows:
        return {}
    wanted = stage(
        connection,
        "asked_numbers",
        pa.table(
            {
                "reference_key": pa.array([key for _, key in rows], pa.string()),
                "exception_no": pa.array([number for number, _ in rows], pa.int64()),
                "nearness": pa.array(list(rows.values()), pa.int64()),
            }
        ),
        key=("reference_key", "exception_no"),
    ).c
    account, alias, item = schema.account, schema.account_alias, schema.item
    columns = (wanted.exception_no, wanted.nearness)
    meanings: list[Select[tuple[int, int, int]]] = [
        select(*columns, account.c.account_key).where(
            account.c.reference_key == wanted.reference_key
        ),
        select(*columns, alias.c.account_key).where(alias.c.reference_key == wanted.reference_key),
        # items and bills only as read: their numbers are too dense to look at near ones
        select(*columns, item.c.account_key).where(
            wanted.nearness.in_((0, IN_TEXT)), item.c.item_reference == wanted.reference_key
        ),
        select(*columns, item.c.account_key).where(
            wanted.nearness.in_((0, IN_TEXT)), item.c.bill_reference == wanted.reference_key
        ),
    ]
    near: dict[tuple[int, int], int] = {}
    for row in connection.execute(union_all(*meanings)):
        place = (row.exception_no, row.account_key)
        near[place] = _closer(row.nearness, near.get(place, row.nearness))
    return near


def _closer(one: int, other: int) -> int:
    """The closer of two kinds of nearness."""
    return min(one, other, key=_CLOSEST.index)


def _same_names(connection: Connection, asked: dict[int, Asked]) -> set[tuple[int, int]]:
    named = [(q.name_key, q.exception_no) for q in asked.values() if q.name_key]
    if not named:
        return set()
    wanted = _staged_pairs(connection, "asked_names", "name_key", named).c
    account = schema.account.c
    statement = select(wanted.exception_no, account.account_key).where(
        account.name_key == wanted.name_key
    )
    return _pairs(connection, statement)


def _similar_names(
    connection: Connection, asked: dict[int, Asked], agreeing: dict[int, set[int]]
) -> set[tuple[int, int]]:
    """Accounts whose name is spelt nearly like the payer's (see `namesearch`: which are compared).
    `agreeing`: by cents the accounts whose due, or one item, that is.

    One pass over the names of all accounts as columns: words have no index, and the pass costs
    less than a second a million accounts.
    """
    named = [question for question in asked.values() if question.name_key]
    if not named:
        return set()
    account = schema.account.c
    statement = select(account.account_key, account.name_key).where(account.name_key.is_not(None))
    statement = statement.order_by(account.account_key)
    to = pa.schema([("account_key", pa.int64()), ("name_key", pa.string())])
    known = fetch_table(connection, statement, to)
    keys_, names = ints(known["account_key"]), known["name_key"].combine_chunks()
    pairs = [
        (place, key)
        for place, question in enumerate(named)
        for key in agreeing.get(question.cents, ())
    ]
    place, key = (np.array(side, np.int64) for side in zip(*pairs, strict=True)) if pairs else (
        np.zeros(0, np.int64), np.zeros(0, np.int64))  # fmt: skip
    row = find(keys_, key)
    also = (place * len(keys_) + row)[row >= 0]
    one, other = alikes(pa.array([q.name_key for q in named], pa.string()), names, also)
    crowd = np.bincount(one, minlength=len(named))[one] > CROWD
    kept = ~crowd | np.isin(one * len(keys_) + other, also)
    one, other = one[kept], other[kept]
    numbers = np.array([question.exception_no for question in named], np.int64)
    return set(zip(numbers[one].tolist(), keys_[other].tolist(), strict=True))


def similar(one: str | None, other: str | None) -> bool:
    """Whether two normalised names are spelt nearly alike. An initial stands for a word that
    begins with it, and for no other: R VELASQUEZ is RAMONA and not IRIS."""
    if not one or not other:
        return False
    some, all_ = Counter(one.split()), Counter(other.split())
    left, right = list((some - all_).elements()), list((all_ - some).elements())
    if any(len(word) == 1 for word in (*left, *right)):
        return (some & all_).total() > 0 and _spelt_out(left, right)
    return fuzz.token_sort_ratio(one, other, score_cutoff=SIMILAR) > 0


def _spelt_out(left: list[str], right: list[str]) -> bool:
    """Whether what two names do not share is the initials of one and the words of the other; a
    middle initial may be missing."""
    for some, all_ in ((left, right), (right, left)):
        for initial in [word for word in some if len(word) == 1]:
            match = next((word for word in all_ if word.startswith(initial)), None)
            if match is not None:
                some.remove(initial)
                all_.remove(match)
    return not left or not right


def _agreeing(connection: Connection, asked: dict[int, Asked]) -> dict[int, set[int]]:
    """By cents that are asked about: the accounts whose due, or one open item, is the amount."""
    item, balance = schema.item.c, schema.item_balance.c
    paid = [q.cents for q in asked.values() if q.cents > 0]
    if not paid:
        return {}
    amounts = staged(connection, "asked_cents", "cents", paid)
    due = (
        select(item.account_key, func.sum(balance.open_cents).label("cents"))
        .select_from(schema.item_and_balance)
        .where(balance.open_cents > 0)
        .group_by(item.account_key)
        .subquery()
    )
    dues = select(due.c.cents, due.c.account_key).join(amounts, amounts.c.cents == due.c.cents)
    items = (
        select(balance.open_cents, item.account_key)
        .select_from(schema.item_and_balance)
        .join(amounts, amounts.c.cents == balance.open_cents)
    )
    accounts: dict[int, set[int]] = {}
    for cents, key in connection.execute(union_all(dues, items)):
        accounts.setdefault(int(cents), set()).add(key)
    return accounts


def _same_amounts(asked: dict[int, Asked], agreeing: dict[int, set[int]]) -> set[tuple[int, int]]:
    """Accounts that the amount alone speaks for; none where too many are."""
    return {
        (question.exception_no, key)
        for question in asked.values()
        if len(agreeing.get(question.cents, ())) <= MANY
        for key in agreeing.get(question.cents, ())
    }


def _staged_pairs(
    connection: Connection, name: str, column: str, pairs: list[tuple[str, int]]
) -> Table:
    table = pa.table(
        {
            column: pa.array([text for text, _ in pairs], pa.string()),
            "exception_no": pa.array([number for _, number in pairs], pa.int64()),
        }
    )
    return stage(connection, name, table, key=(column, "exception_no"))


def _pairs(connection: Connection, statement: Select[tuple[int, int]]) -> set[tuple[int, int]]:
    to = pa.schema([("exception_no", pa.int64()), ("account_key", pa.int64())])
    found = fetch_table(connection, statement, to)
    return set(
        zip(found["exception_no"].to_pylist(), found["account_key"].to_pylist(), strict=True)
    )
