"""What each rule says of a receipt, strongest first, by the books and rules as they stand now.

A posted decision keeps its own evidence, which never changes. This is the second look that a
clerk takes: what every rule would say today, those that found nothing included.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond.matching.ordering import policies_of, policy_numbers
from recond.matching.policy import Rules
from recond.matching.references import keys, lookups, read
from recond.matching.repairs import repairs
from recond.model import REMITTANCES
from recond.receivables.book import meanings, repaired
from recond.receivables.memory import ACTIVE, CANDIDATE, RETIRED, fetch_memory
from recond.store import schema

SHOWN = 5  # references, or accounts of one rule; more would hide what matters

# Labels by kind of BOOK_REFERENCES and whether the number is the one read, strongest first.
_BY_NUMBER = (
    ("account number", "ACCOUNT", True),
    ("account number without its zeros", "ACCOUNT", False),
    ("old number", "ALIAS", None),
    ("item number", "ITEM", None),
    ("bill number", "BILL", None),
)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """By what the rules are asked: the office's rules, and today."""

    rules: Rules
    today: dt.date


def tried(
    connection: Connection,
    receipt_no: int,
    payer_key: int | None,
    references: Sequence[str],
    book: Rulebook,
) -> list[dict[str, str]]:
    """`{rule, says}` for every rule, strongest first. `references` as they were read."""
    told = _remittances(receipt_no, references)
    answer = []
    if references:
        answer.append({"rule": "scan line", "says": _scanned(told, book.rules)})
        answer += _numbers(connection, told, book.rules)
        repair = _repair(connection, told, book.rules)
        answer += [{"rule": "scan repair", "says": repair}] if repair else []
    else:
        says = "nothing was read that a rule by number could look up"
        answer.append({"rule": "any number", "says": says})
    memory = _memory(connection, payer_key, told, book)
    answer.append({"rule": "payer memory", "says": memory})
    return [*answer, {"rule": "name, amount", "says": "never post by themselves; they suggest"}]


def free_text(words: Sequence[str]) -> str:
    """What the rule of free text says of the words that could be numbers."""
    return (
        f"{_listed(words)}: decides only where nothing else was read, and all of this is known and"
        " names one account that owes just the payment"
    )


def orders(connection: Connection, account_keys: Sequence[int], day: str, rules: Rules) -> str:
    """Which application policies order the items of accounts for a payment of that day."""
    account = schema.account.c
    families = connection.scalars(
        select(account.family).where(account.account_key.in_(sorted(set(account_keys)))).distinct()
    ).all()
    names = sorted({family or "" for family in families})
    received = np.full(len(names), dt.date.fromisoformat(day).toordinal() - _EPOCH)
    numbers = policy_numbers(rules, names, np.arange(len(names)), received)
    chosen = [policies_of(rules)[number] for number in dict.fromkeys(numbers.tolist())]
    return "; ".join(
        f"policy {policy.name}" + (f" ({policy.cite})" if policy.cite else "") for policy in chosen
    )


_EPOCH = dt.date(1970, 1, 1).toordinal()


def _remittances(receipt_no: int, references: Sequence[str]) -> pa.Table:
    rows = [
        {"ordinal": receipt_no, "sequence": number, "kind": "REFERENCE", "reference": text}
        for number, text in enumerate(references, 1)
    ]
    return pa.Table.from_pylist(rows, REMITTANCES)


def _listed(words: Sequence[str]) -> str:
    more = len(words) - SHOWN
    return "; ".join(words[:SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _scanned(told: pa.Table, rules: Rules) -> str:
    reading = read(told, rules)
    words = []
    for row, text in enumerate(told["reference"].to_pylist()):
        if reading.scanned[row]:
            account = reading.normal[row].as_py()
            words.append(f"{text} has a good check digit and names account {account}")
        elif reading.failed[row]:
            words.append(f"{text} fails its check digit, so nothing in it is believed")
    return _listed(words) if words else "nothing that was read is a scan line"


def _numbers(connection: Connection, told: pa.Table, rules: Rules) -> list[dict[str, str]]:
    """What the books have under the numbers read, a line a kind of number; of kinds that have
    none one line for all."""
    found = meanings(connection, lookups(told, rules))
    if not len(lookups(told, rules)):
        return []
    states = _states(connection, found["account_key"].to_pylist())
    normal, _ = keys(found["number"])
    exact = pc.is_in(normal, value_set=read(told, rules).normal).to_pylist()
    answer, silent = [], []
    for label, kind, written in _BY_NUMBER:
        words = [
            f"the books have {states[row['account_key']]}"
            if kind == "ACCOUNT"
            else f"{row['number']} belongs to {states[row['account_key']]}{_days(row)}"
            for row, same in zip(found.to_pylist(), exact, strict=True)
            if row["kind"] == kind and (written is None or written == same)
        ]
        if words:
            answer.append({"rule": label, "says": _listed(list(dict.fromkeys(words)))})
        elif written is not False:
            silent.append(label)
    if silent:
        answer.append({"rule": ", ".join(silent), "says": "the books have none that was read"})
    return answer


def _days(row: Mapping[str, object]) -> str:
    """Of an old number: for payments of which days it counts."""
    begin, end = row["valid_from"], row["valid_until"]
    from_ = f" from {begin}" if begin else ""
    until = f" until {end}" if end else ""
    return f" for payments received{from_}{until}" if begin or end else ""


def _states(connection: Connection, account_keys: Sequence[int]) -> dict[int, str]:
    account = schema.account.c
    rows = connection.execute(
        select(account.account_key, account.account_number, account.status).where(
            account.account_key.in_(sorted(set(account_keys)))
        )
    )
    return {row.account_key: f"account {row.account_number} ({row.status})" for row in rows}


def _repair(connection: Connection, told: pa.Table, rules: Rules) -> str:
    asked = rules.model_copy(update={"ocr_repair": True})
    if not read(told, rules).failed.any():
        return ""
    leads = repaired(connection, repairs(told, asked))
    accounts = sorted(_states(connection, leads["account_key"].to_pylist()).values())
    off = "" if rules.ocr_repair else "off in this office; "
    if not accounts:
        return f"{off}no account is one wrong digit away"
    return f"{off}one other digit would name {_listed(accounts)}"


def _memory(connection: Connection, payer_key: int | None, told: pa.Table, book: Rulebook) -> str:
    """What people decided about the payer before; only counts, whatever the setting."""
    memory = fetch_memory(connection, book.today, book.rules.payer_memory_months)
    _, key = keys(told["reference"])
    mine = pc.and_(pc.equal(memory["kind"], "BANK"), pc.equal(memory["key"], str(payer_key or "")))
    named = pc.and_(pc.equal(memory["kind"], "REFERENCE"), pc.is_in(memory["key"], value_set=key))
    rows = memory.filter(pc.or_(mine, named)).to_pylist()
    states = _states(connection, [row["account_key"] for row in rows])
    off = "" if book.rules.payer_memory else "off in this office; "
    if not rows:
        return f"{off}nobody has said before whose money of this payer is"
    words = []
    for row in rows:
        what = "this payer's money" if row["kind"] == "BANK" else f"money for {row['key']}"
        undone = f", {row['reversed']} times undone" if row["reversed"] else ""
        words.append(
            f"people put {what} on {states[row['account_key']]} {_times(row['confirmed'])}"
            f" before{undone}: {_STATE[row['state']]}"
        )
    return off + _listed(words)


_STATE = {
    ACTIVE: "it may lead a payment of just what is due",
    CANDIDATE: "it leads nothing until two answers agree and none names another account",
    RETIRED: "it was undone or is too old, and leads nothing",
}


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
