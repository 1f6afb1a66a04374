"""Which account or item a clerk means by `to_account` (clerk-sheet section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import Connection, select

from recond.exceptions.evidence import similar
from recond.matching.names import normalise_name
from recond.matching.references import check_digits, keys
from recond.store import schema

account, alias = schema.account, schema.account_alias
item, balance = schema.item, schema.item_balance


class TargetError(ValueError):
    """`to_account` names nothing, or more than one thing; its text is the sentence."""


@dataclass(frozen=True, slots=True)
class Target:
    """An account, or one of its items. `read_as` is set where zeros were restored."""

    account_key: int
    account_number: str
    status: str
    item_key: int | None = None
    item_number: str | None = None
    read_as: str | None = None

    @property
    def words(self) -> str:
        """How results name it."""
        name = f"account {self.account_number}"
        if self.item_number is not None:
            name = f"item {self.item_number} of {name}"
        return f"{name} (read as {self.read_as})" if self.read_as else name


@dataclass(frozen=True, slots=True)
class Hints:
    """What the payment itself says: an account without its zeros must agree with some of it."""

    cents: int
    payer_name: str | None = None


def find_target(connection: Connection, text: str, hints: Hints) -> Target:
    """The account or item of that number.

    Exact numbers first: account, old number, item. A number that lost its leading zeros counts
    when exactly one account fits and its check digit, the payer's name or the amount agrees.
    Raises TargetError otherwise.
    """
    if not text:
        raise TargetError("to_account is empty: write the account or the item")
    normal, key = (one[0].as_py() for one in keys(pa.array([text], pa.string())))
    found = _accounts(connection, key)
    exact = [one for one in found if _normal(one.account_number) == normal]
    if len(exact) == 1:
        return exact[0]
    for candidates in (_olds(connection, key, normal), _items(connection, key, normal)):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            named = ", ".join(sorted({one.account_number for one in candidates}))
            raise TargetError(f"{text} is on several accounts ({named}); write the account")
    if not found:
        raise TargetError(f"there is no account or item {text}")
    return _restored(connection, text, found, hints)


def _restored(connection: Connection, text: str, found: list[Target], hints: Hints) -> Target:
    numbers = ", ".join(one.account_number for one in found)
    if len(found) > 1:
        raise TargetError(f"{text} could be {numbers}; write the whole number")
    (one,) = found
    if not _agrees(connection, one, hints):
        raise TargetError(
            f"there is no account {text}; if {numbers} is meant, write it with its zeros"
        )
    return Target(one.account_key, one.account_number, one.status, read_as=one.account_number)


def _agrees(connection: Connection, one: Target, hints: Hints) -> bool:
    """Whether something beside the number speaks for the account."""
    if _luhn_holds(one.account_number):
        return True
    name = connection.scalar(
        select(account.c.name_key).where(account.c.account_key == one.account_key)
    )
    payer = normalise_name(hints.payer_name)
    if payer and name and (payer == name or similar(payer, name)):
        return True
    owed = list(
        connection.scalars(
            select(balance.c.open_cents)
            .select_from(schema.item_and_balance)
            .where(item.c.account_key == one.account_key, balance.c.open_cents > 0)
        )
    )
    return hints.cents in owed or (bool(owed) and sum(owed) == hints.cents)


def _luhn_holds(number: str) -> bool:
    if not (number.isascii() and number.isdigit() and len(number) > 1):
        return False
    return int(check_digits(pa.array([number[:-1]]), "luhn")[0]) == int(number[-1])


def _normal(text: str) -> str:
    found: str = keys(pa.array([text], pa.string()))[0][0].as_py()
    return found


_SHOWN = (account.c.account_key, account.c.account_number, account.c.status)


def _accounts(connection: Connection, key: str) -> list[Target]:
    rows = connection.execute(
        select(*_SHOWN).where(account.c.reference_key == key).order_by(account.c.account_number)
    )
    return [Target(*row) for row in rows]


def _olds(connection: Connection, key: str, normal: str) -> list[Target]:
    rows = connection.execute(
        select(*_SHOWN, alias.c.alias)
        .join(alias, alias.c.account_key == account.c.account_key)
        .where(alias.c.reference_key == key)
        .order_by(account.c.account_number)
    )
    return [
        Target(row[0], row[1], row[2], read_as=row[1]) for row in rows if _normal(row[3]) == normal
    ]


def _items(connection: Connection, key: str, normal: str) -> list[Target]:
    rows = connection.execute(
        select(*_SHOWN, item.c.item_key, item.c.item_number, balance.c.open_cents)
        .select_from(schema.item_and_balance)
        .join(account, account.c.account_key == item.c.account_key)
        .where(item.c.item_reference == key)
        .order_by(account.c.account_number, item.c.item_number)
    ).all()
    exact = [row for row in rows if _normal(row[4]) == normal]
    owed = [row for row in exact if row[5] > 0]
    return [Target(*row[:5]) for row in (owed if len(owed) == 1 else exact)]
