"""Whom an attentive person would take for the payer, from nothing but what the payment says.

This is the generator's own reading of the evidence that survived the noise. It shares no code
with recond, so that recond's suggestions can be scored against it. It answers an account only
where the evidence singles one out, and then only where that account is the true one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from recond.city.master import Account, restore_key
from recond.city.payments import Payment

SCAN_ACCOUNT = 10  # a scan line begins with the account
SILENT = {"AND", "OR", "LLC", "INC", "DBA", "THE", "MR", "MRS"}


class Clerk:
    """Knows all accounts by their numbers and by the words of their names."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._number: dict[str, list[Account]] = defaultdict(list)
        self._word: dict[str, list[Account]] = defaultdict(list)
        for account in accounts:
            for text in (account.number, *account.old):
                self._number[restore_key(text)].append(account)
            for word in set(words(account.name)):
                self._word[word].append(account)

    def answer(self, payment: Payment) -> str:
        """The number of the account that the payment's evidence singles out, or empty."""
        texts = _texts(payment)
        if len(texts) > 1:  # several references that disagree name nobody
            return ""
        found = self._numbered(texts[0]) if texts else []
        if len(found) != 1:
            named = found or self._named(payment.name_given)
            found = [one for one in named if alike(payment.name_given, one.name)]
        if len(found) > 1:
            found = [one for one in found if one.open == payment.cents]
        if len(found) != 1 or found[0] is not payment.payer:
            return ""
        return payment.payer.number

    def _numbered(self, text: str) -> list[Account]:
        """Accounts with this number, else with one that differs by a digit or a swap of two."""
        text = restore_key(text)
        exact = self._number.get(text, [])
        if exact or not text.isdigit():
            return exact
        near = {restore_key(other) for other in _near(text.zfill(SCAN_ACCOUNT))} - {text}
        return [account for other in sorted(near) for account in self._number.get(other, [])]

    def _named(self, name: str) -> list[Account]:
        """Accounts that are not closed and share a word of the name."""
        found = {
            account.number: account
            for word in words(name)
            for account in self._word.get(word, ())
            if len(word) > 2 and account.status != "closed"
        }
        return [found[number] for number in sorted(found)]


def _texts(payment: Payment) -> list[str]:
    """What stands where a number should; of a scan line its account field."""
    read = [stub.reference for stub in payment.stubs]
    read += [payment.identity, payment.item]
    read += re.findall(r"RMR\*\w\w\*([^*]+)", payment.info)
    texts = [text.replace(" ", "").replace("-", "") for text in read]
    return [text[:SCAN_ACCOUNT] if len(text) > 20 else text for text in texts if text]


def _near(text: str) -> set[str]:
    one = {
        text[:at] + digit + text[at + 1 :]
        for at in range(len(text))
        for digit in "0123456789"
        if digit != text[at]
    }
    swapped = {text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(len(text) - 1)}
    return one | swapped


def words(name: str) -> list[str]:
    """The words of a name that say who it is."""
    return [word for word in re.findall(r"[A-Z0-9]+", name.upper()) if word not in SILENT]


def alike(one: str, other: str) -> bool:
    """Whether two names can be one payer's: the words of one are all in the other, whole, as
    initials or cut short, and at least one of them whole."""
    first, second = words(one), words(other)
    return _covers(first, second) or _covers(second, first)


def _covers(some: list[str], all_: list[str]) -> bool:
    left, whole = list(all_), False
    for word in sorted(some, key=len, reverse=True):
        match = next((w for w in left if w == word), None)
        whole = whole or (match is not None and len(word) > 2)
        match = match or next((w for w in left if w.startswith(word) or word.startswith(w)), None)
        if match is None:
            return False
        left.remove(match)
    return whole
