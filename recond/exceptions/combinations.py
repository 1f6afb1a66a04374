"""Payments that are perhaps for several accounts of one payer: the one way in which they add up.

The accounts of a payer are those with its name, those that its bank account paid before, and
those with the mailing address of one of them. Sets that a business would pay are tried first
(everything that is owed, everything past due, everything due on one day); only then free choices
of whole accounts, and only the one choice there is. Suggested as a split, never posted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import Connection, Select, func, select

from recond.exceptions.evidence import Evidence
from recond.matching.combine import combine
from recond.money import format_cents
from recond.store import schema
from recond.store.engine import stage

MOST_ACCOUNTS = 40  # of one payer; an agency of more sends a list


@dataclass(frozen=True, slots=True)
class Combined:
    """A split that adds up: (account number, cents) in order, and why; no parts where the search
    came to nothing that can be said."""

    parts: tuple[tuple[str, int], ...]
    why: str

    @property
    def split(self) -> str:
        """As a clerk writes it into `to_account`."""
        return "; ".join(f"{number}={format_cents(cents)}" for number, cents in self.parts)


def combinations(connection: Connection, evidence: Evidence) -> dict[int, Combined]:
    """By exception_no, for questions whose amount no single account of the payer owes."""
    members = _members(connection, evidence)
    wanted = {key for keys in members.values() for key in keys}
    owed = _owed(connection, wanted)
    answer = {}
    for number, keys in members.items():
        asked = evidence.asked[number]
        mine = {key: owed[key] for key in keys if key in owed}
        dues = {key: sum(days.values()) for key, (_, days) in mine.items()}
        if len(mine) < 2 or asked.cents <= 0 or asked.cents in dues.values():
            continue
        found = _business(asked.cents, asked.received_date, mine)
        found = found or _free(asked.cents, mine, dues)
        if found is not None:
            answer[number] = found
    return answer


_Owed = Mapping[int, tuple[str, Mapping[str, int]]]  # account → its number, cents by due date


def _members(connection: Connection, evidence: Evidence) -> dict[int, set[int]]:
    """The accounts of the payer of each question, where there are several."""
    found: dict[int, set[int]] = {number: set() for number in evidence.asked}
    for number, key in evidence.others:
        name = evidence.asked[number].name_key
        same = name is not None and evidence.accounts[key].name_key == name
        if same or (number, key) in evidence.before:
            found[number].add(key)
    for (number, key), nearness in evidence.near.items():
        if nearness == 0:
            found[number].add(key)
    neighbours = _same_address(connection, {key for keys in found.values() for key in keys})
    for keys in found.values():
        keys |= {other for key in list(keys) for other in neighbours.get(key, ())}
    return {number: keys for number, keys in found.items() if 1 < len(keys) <= MOST_ACCOUNTS}


def _same_address(connection: Connection, keys: set[int]) -> dict[int, set[int]]:
    """Accounts with the mailing address of each account."""
    if not keys:
        return {}
    mine = _staged(connection, keys)
    one, other = schema.account.alias(), schema.account.alias()
    rows = connection.execute(
        select(one.c.account_key, other.c.account_key)
        .join(other, other.c.mailing_address == one.c.mailing_address)
        .where(one.c.account_key.in_(mine), one.c.mailing_address != "")
    )
    found: dict[int, set[int]] = {}
    for key, neighbour in rows:
        found.setdefault(key, set()).add(neighbour)
    return found


def _owed(connection: Connection, keys: set[int]) -> _Owed:
    if not keys:
        return {}
    mine = _staged(connection, keys)
    account, item, balance = schema.account.c, schema.item.c, schema.item_balance.c
    rows = connection.execute(
        select(account.account_key, account.account_number, item.due_date,
               func.sum(balance.open_cents))
        .join(schema.item, item.account_key == account.account_key)
        .join(schema.item_balance, balance.item_key == item.item_key)
        .where(account.account_key.in_(mine), balance.open_cents > 0,
               account.status.not_in(["closed", "bankruptcy"]))
        .group_by(account.account_key, account.account_number, item.due_date)
        .order_by(account.account_number, item.due_date)
    )  # fmt: skip
    found: dict[int, tuple[str, dict[str, int]]] = {}
    for key, number, due, cents in rows:
        found.setdefault(key, (number, {}))[1][due or ""] = int(cents)
    return found


def _staged(connection: Connection, keys: set[int]) -> Select[tuple[int]]:
    table = pa.table({"account_key": pa.array(sorted(keys), pa.int64())})
    return select(stage(connection, "combined_accounts", table, key=("account_key",)).c.account_key)


def _business(cents: int, received: str, owed: _Owed) -> Combined | None:
    """The one set that a payer would pay at once which is the payment."""
    days = sorted({day for _, mine in owed.values() for day in mine if day})
    choices = [("everything that these accounts owe", set(days) | {""})]
    choices.append(("everything past due", {day for day in days if day < received}))
    choices += [(f"everything due on {day}", {day}) for day in days]
    fits: dict[tuple[tuple[str, int], ...], str] = {}
    for why, chosen in choices:
        parts = tuple(
            (number, sum(cents for day, cents in mine.items() if day in chosen))
            for number, mine in owed.values()
        )
        parts = tuple(part for part in parts if part[1])
        if len(parts) > 1 and sum(part[1] for part in parts) == cents:
            fits.setdefault(parts, f"{why} adds up to the payment")
    if len(fits) != 1:
        return None
    return Combined(*next(iter(fits.items())))


def _free(cents: int, owed: _Owed, dues: Mapping[int, int]) -> Combined | None:
    """The one choice of whole accounts that adds up."""
    keys = list(owed)
    found = combine(cents, [dues[key] for key in keys])
    if found.outcome == "unique":
        parts = tuple((owed[keys[place]][0], dues[keys[place]]) for place in found.places)
        return Combined(parts, "only these accounts of the payer add up to the payment")
    if found.outcome == "gave up":
        return Combined((), f"too many ways to add up what {len(keys)} accounts owe: gave up")
    return None
