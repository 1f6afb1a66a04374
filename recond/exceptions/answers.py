"""What a clerk answered: the columns that are read back, made plain. Pure.

Only `row_key`, `check` and the four columns that clerks fill count. A spreadsheet or a hand may
have put quotes, blanks, capitals or a currency around a value; none of them changes what it
says. What cannot be read is no answer, and the sentence says why.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from recond.exceptions.questions import base32
from recond.money import parse_decimal

ACCEPTS = ("accept_1", "accept_2", "accept_3")
NOTED = frozenset({"refund", "write_off", "hold", "acknowledge", "deny"})  # not without a note
WORDS = re.compile(r"(?:ACCT|ACCOUNT|ITEM|CHK|CHECK|TRACE|DEPOSIT|RECEIPT)\.?[\s:]+", re.IGNORECASE)
SUGGESTED = re.compile(r"(\S+)\s+due\s+[-0-9,.]+(?:\s+[A-Z]{3})?", re.IGNORECASE)
UNTIL = re.compile(r"\buntil\s+([0-9]{4}-[0-9]{2}-[0-9]{2})\b", re.IGNORECASE)
_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u2032\u2033\"'`"))
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u2009\u200b\ufeff\t\r\n"), " ")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")


class AnswerError(ValueError):
    """An answer that cannot be read; its text is the sentence for the clerk."""


@dataclass(frozen=True, slots=True)
class Part:
    """One target of a split and its cents."""

    target: str
    cents: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `target` is `to_account` made plain; `parts` those of a split."""

    action: str
    target: str = ""
    cents: int | None = None
    note: str = ""
    parts: tuple[Part, ...] = field(default=())

    @property
    def until(self) -> dt.date | None:
        """The day on which a hold ends: `until 2026-12-01` in the note."""
        found = UNTIL.search(self.note)
        try:
            return dt.date.fromisoformat(found[1]) if found else None
        except ValueError:
            return None

    def args(self) -> dict[str, object]:
        """What the answer says beside its action, without the note."""
        made: dict[str, object] = {}
        if self.parts:
            made["parts"] = [[part.target, part.cents] for part in self.parts]
        elif self.target:
            made["to"] = self.target
        if self.cents is not None:
            made["cents"] = self.cents
        if self.action == "hold" and self.until:
            made["until"] = self.until.isoformat()
        return made


def plain(text: object) -> str:
    """A cell without what spreadsheets and hands put around it."""
    shown = "" if text is None else str(text)
    shown = shown.translate(_SPACES).translate(_DASHES).strip()
    # one apostrophe is the guard against formulas; what is typed may have quotes around it
    return " ".join(shown.translate(_QUOTES).split())


def action_of(text: object) -> str:
    """`Accept 1`, `“ACCEPT-1”` and `accept_1` are the same answer; empty is none."""
    return re.sub(r"[\s\-]+", "_", plain(text).lower().rstrip(".")).strip("_")


def note_of(text: object) -> str:
    """A note as it was written, on one line, without the guard against formulas."""
    shown = "" if text is None else str(text)
    return " ".join(shown.removeprefix("'").split())


def target_of(text: object) -> str:
    """An account, item or id as typed or copied from the list: `acct 00123` is `00123`."""
    shown = WORDS.sub("", plain(text), count=1)
    found = SUGGESTED.fullmatch(shown)
    return (found[1] if found else shown).upper()


def cents_of(text: object) -> int | None:
    """Cents of `amount_to_apply`: `1,234.50 USD`, `$50`, `50.1`; None when it is empty.

    Raises AnswerError for anything that could be read in two ways.
    """
    shown = plain(text)
    if not shown:
        return None
    bare = re.sub(r"^\$\s*|\s*(?:USD|\$)$", "", shown, flags=re.IGNORECASE).strip()
    if re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,2})?", bare):
        bare = bare.replace(",", "")
    try:
        cents = parse_decimal(bare, exact=False)
    except ValueError:
        raise AnswerError(f"amount_to_apply {shown!r} is no amount such as 1234.50") from None
    if cents <= 0:
        raise AnswerError(f"amount_to_apply {shown!r} is not more than zero")
    return cents


def read_answer(row: Mapping[str, object]) -> Answer:
    """The answer of a row (its columns by name); `action` is "" where nothing is decided.

    Raises AnswerError when an amount or a split cannot be read.
    """
    action = action_of(row.get("action"))
    note = note_of(row.get("note"))
    cents = cents_of(row.get("amount_to_apply"))
    if action == "split":
        return Answer(action, "", cents, note, parts_of(row.get("to_account")))
    return Answer(action, target_of(row.get("to_account")), cents, note)


def parts_of(text: object) -> tuple[Part, ...]:
    """`00456789=50.00; ITEM=34.10` as parts. Raises AnswerError."""
    parts = []
    for piece in re.split(r"[;\n]", plain(text)):
        if not piece.strip():
            continue
        name, equals, amount = piece.rpartition("=")
        cents = cents_of(amount)
        if not equals or not name.strip() or cents is None:
            raise AnswerError(f"{piece.strip()!r} is not ACCOUNT=AMOUNT, as 00456789=50.00")
        parts.append(Part(target_of(name), cents))
    if not parts:
        raise AnswerError("split needs to_account such as 00456789=50.00; 00456790=34.10")
    return tuple(parts)


def decision_id(exception_id: str, version: int, action: str, args: Mapping[str, object]) -> str:
    """The id of a decision, from its content: the same answer is the same decision for ever."""
    told = json.dumps([exception_id, version, action, args], sort_keys=True)
    return "D" + base32(sha256(told.encode()).digest(), 12)
