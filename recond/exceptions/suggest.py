"""Ranked suggestions for open questions: a view, computed when somebody looks, never stored.

A suggestion posts nothing; a person accepts it or not (contract section 4: a name alone, an
amount alone, two candidates never post). It is ranked by how many kinds of evidence agree
(number, name, amount), then by how well, then by account number. Where only one weak kind speaks
and more than three accounts fit, none of them is suggested: that is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
from sqlalchemy import Connection

from recond.exceptions.accounts import Account
from recond.exceptions.combinations import Combined, combinations
from recond.exceptions.evidence import (
    IN_TEXT,
    NEARNESS,
    Asked,
    Evidence,
    gather,
)
from recond.exceptions.payers import Before
from recond.matching.names import alike
from recond.money import format_cents

SHOWN = 3
GUESSES = 3

CANDIDATES = pa.schema(
    [
        pa.field("exception_no", pa.int64()),
        pa.field("rank", pa.int64()),  # from 1
        pa.field("account_key", pa.int64()),
        pa.field("account_number", pa.string()),
        pa.field("due_cents", pa.int64()),  # effective open of the account
        pa.field("score", pa.int64()),
        pa.field("why", pa.string()),
    ]
)
REFUSED = pa.schema(
    [
        pa.field("exception_no", pa.int64()),
        pa.field("account_number", pa.string()),
        pa.field("why", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Suggestions:
    """CANDIDATES in order of question and rank; REFUSED in order of question and account; by
    exception_no the splits that add up."""

    candidates: pa.Table
    refused: pa.Table
    combined: dict[int, Combined] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Candidate:
    account: Account
    kinds: tuple[str, ...]
    strength: int
    why: str
    refusal: str | None
    certain: bool  # the number as it was read, or several kinds

    @property
    def score(self) -> int:
        return 100 * len(self.kinds) + self.strength


def suggestions(connection: Connection, exception_nos: Sequence[int] | None = None) -> Suggestions:
    """Suggestions for the open questions about receipts (all, or those given)."""
    evidence = gather(connection, exception_nos)
    return replace(ranked(evidence), combined=combinations(connection, evidence))


def ranked(evidence: Evidence, shown: int = SHOWN) -> Suggestions:
    """Weigh the evidence: at most `shown` suggestions a question, and why others are none."""
    of_question: dict[int, list[_Candidate]] = {number: [] for number in evidence.asked}
    for number, key in sorted(set(evidence.near) | evidence.others):
        asked, account = evidence.asked[number], evidence.accounts[key]
        place = (number, key)
        candidate = _weigh(asked, account, evidence.near.get(place), evidence.before.get(place))
        of_question[number].append(candidate)
    accepted: list[dict[str, object]] = []
    refused: list[dict[str, object]] = []
    for number, found in of_question.items():
        good = [c for c in found if c.refusal is None]
        guesses = _guesses(good)
        good = [c for c in good if c not in guesses]
        good.sort(key=lambda c: (-c.score, c.account.number))
        accepted += [_row(number, rank, c) for rank, c in enumerate(good[:shown], 1)]
        rest = [(c, c.refusal or "") for c in found if c.refusal is not None]
        rest += [(c, "others agree better") for c in good[shown:]]
        rest += [(c, f"only that {c.kinds[0]} agrees, as on other accounts") for c in guesses]
        refused += [
            {"exception_no": number, "account_number": c.account.number, "why": _refusal(c, why)}
            for c, why in sorted(rest, key=lambda pair: pair[0].account.number)
        ]
    return Suggestions(
        pa.Table.from_pylist(accepted, CANDIDATES), pa.Table.from_pylist(refused, REFUSED)
    )


def _weigh(
    asked: Asked, account: Account, nearness: int | None, before: Before | None
) -> _Candidate:
    kinds, words, strength = [], [], 0
    if nearness is not None:
        kinds.append("number")
        words.append(NEARNESS[nearness])
        strength += 9 if nearness == 0 else 7 if nearness == IN_TEXT else 6 - nearness
    if before is not None:
        kinds.append("payer")
        words.append(before.words)
        strength += 2 + min(before.count, 4)
    if asked.name_key and asked.name_key == account.name_key:
        kinds.append("name")
        words.append("name agrees")
        strength += 5
    elif alike(asked.name_key, account.name_key):
        kinds.append("name")
        words.append(f"name is like {account.name!r}")
        strength += 3
    elif asked.name_key and account.name_key:
        words.append(f"name there is {account.name!r}")
    amount = format_cents(asked.cents)
    if account.due_cents == asked.cents:
        kinds.append("amount")
        words.append(f"due {amount} equals the amount")
        strength += 4
    elif asked.cents in account.open_parts:
        kinds.append("amount")
        words.append(f"{account.open_parts[asked.cents]} of {amount} equals the amount")
        strength += 3
    else:
        words.append(f"due {format_cents(account.due_cents)}")
    certain = nearness == 0 or len(kinds) > 1
    named = {"number", "name"} <= set(kinds)
    refusal = _refused(asked, account, exact=nearness == 0, named=named)
    fits = account.due_cents == asked.cents or asked.cents in account.open_parts
    paid = account.paid_before(asked.cents, asked.receipt_no)
    if refusal is None and paid and not fits:
        words.append(f"but {amount} was paid on {paid} already")
    why = f"acct {account.number}: {', '.join(words)}"
    return _Candidate(account, tuple(kinds), strength, why, refusal, certain)


def _refused(asked: Asked, account: Account, *, exact: bool, named: bool) -> str | None:
    """Why an account is no answer although something agrees. A number and a name that agree
    (`named`) outweigh that it was paid before: people pay twice. What was paid later says nothing
    against it either: who sees that a payment was not credited pays again."""
    if account.status == "closed":
        return "closed account"
    if account.status == "bankruptcy" and not exact:
        return "the account is in bankruptcy"
    fits = account.due_cents == asked.cents or asked.cents in account.open_parts
    paid = account.paid_before(asked.cents, asked.receipt_no)
    if paid and not fits and not named and paid <= (asked.received_date or paid):
        return f"already paid {paid}"
    return None


def _guesses(candidates: list[_Candidate]) -> list[_Candidate]:
    """Candidates that one weak kind of evidence names beside too many others."""
    weak = [c for c in candidates if not c.certain]
    groups: dict[str, list[_Candidate]] = {}
    for candidate in weak:
        groups.setdefault(candidate.kinds[0], []).append(candidate)
    return [c for group in groups.values() if len(group) > GUESSES for c in group]


def _row(number: int, rank: int, candidate: _Candidate) -> dict[str, object]:
    return {
        "exception_no": number,
        "rank": rank,
        "account_key": candidate.account.account_key,
        "account_number": candidate.account.number,
        "due_cents": candidate.account.due_cents,
        "score": candidate.score,
        "why": candidate.why,
    }


def _refusal(candidate: _Candidate, why: str) -> str:
    return f"{candidate.why}; not suggested: {why}"
