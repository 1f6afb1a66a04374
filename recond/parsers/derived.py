"""Amounts that several columns make, running balances and identities of rows: what bank downloads
need beyond columns (formats.md section 14). State that outlives a chunk is kept here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import Bools, Ints, bools, ints
from recond.model import CONTROLS
from recond.parsers.columns import constant, raw_column
from recond.parsers.mapping import Balance, Derived
from recond.parsers.notes import KEPT, Notes

Columns = Mapping[str, pa.Array]
_SEPARATOR = "\x1f"
_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class Places:
    """Where rows stand in the file."""

    line: Ints
    offset: Ints


def derived_amount(
    name: str, rule: Derived, columns: Columns, at: Places, notes: Notes
) -> pa.Array:
    """The amount of each row in cents; null, and told, where the columns contradict each other."""
    count = len(at.line)
    total, used = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    given = np.zeros(count, dtype=np.bool_)
    for names, factor in ((rule.plus, 1), (rule.minus, -1)):
        for column in names:
            cents = ints(pc.fill_null(columns[column], 0))
            cents = np.abs(cents) if column in rule.absolute else cents
            total = total + factor * cents
            used += cents != 0
            given |= bools(columns[column].is_valid())
    words = " and ".join([*rule.plus, *rule.minus])
    wrong = ~given if words else np.zeros(count, dtype=np.bool_)
    _tell(wrong, f"{words} are blank; one of them must hold an amount", name, at, notes)
    if rule.one:
        twice = used > 1
        _tell(twice, f"{words} both hold an amount; a row has one of them", name, at, notes)
        wrong |= twice
    if rule.flag is not None:
        total, contrary = _flagged(rule, columns[rule.flag], total, at, notes)
        wrong |= contrary
    return pa.array(total, mask=wrong)


def _flagged(
    rule: Derived, flags: pa.Array, total: Ints, at: Places, notes: Notes
) -> tuple[Ints, Bools]:
    texts = pc.fill_null(flags, "")
    credit = bools(pc.is_in(texts, value_set=pa.array(rule.credit, pa.string())))
    debit = bools(pc.is_in(texts, value_set=pa.array(rule.debit, pa.string())))
    unknown = ~(credit ^ debit)
    known = ", ".join([*rule.credit, *rule.debit])
    _tell(unknown, f"{rule.flag} is none of {known}", rule.flag or "", at, notes)
    contrary = credit & (total < 0) & (rule.trust == "agree")
    words = f"{rule.flag} says credit and the amount is negative; say in the format which counts"
    _tell(contrary, words, rule.flag or "", at, notes)
    if rule.trust != "sign":
        total = np.where(credit, np.abs(total), -np.abs(total))
    return total, unknown | contrary


def _tell(rows: Bools, message: str, name: str, at: Places, notes: Notes) -> None:
    for row in notes.each("VALUE_UNREADABLE", rows):
        notes.add(
            "VALUE_UNREADABLE", message, line=int(at.line[row]), byte_offset=int(at.offset[row]),
            field=name,
        )  # fmt: skip


@dataclass(slots=True)
class BalanceChain:
    """Running balances of a file: each balance less all amounts so far is the same figure."""

    rule: Balance
    _sum: int = 0
    _last: int | None = None  # that figure at the last balance that was given
    _account: str | None = None
    _told: int = 0

    def controls(self, columns: Columns, at: Places) -> pa.Table:
        """The balances that do not follow from the row before, as controls."""
        amounts = ints(pc.fill_null(columns[self.rule.amount], 0))
        sums = self._sum + np.cumsum(amounts)
        if len(sums):
            self._sum = int(sums[-1])
        given = np.flatnonzero(bools(columns[self.rule.column].is_valid()))
        if not len(given):
            return CONTROLS.empty_table()
        balance = ints(pc.fill_null(columns[self.rule.column], 0))
        backward = self.rule.order == "backward"
        figure = (balance + (sums - amounts) if backward else balance - sums)[given]
        before = figure[0] if self._last is None else self._last
        difference = np.diff(figure, prepend=before)
        wrong = difference != 0
        wrong &= self._same_account(columns, given)
        self._last = int(figure[-1])
        rows = np.flatnonzero(wrong)[: KEPT - self._told]
        self._told += len(rows)
        controls = [
            self._control(int(balance[given[row]]), int(difference[row]), int(given[row]), at)
            for row in rows
        ]
        return pa.Table.from_pylist(controls, schema=CONTROLS)

    def _same_account(self, columns: Columns, rows: Ints) -> Bools:
        """Which rows are of the account of the row before."""
        same = np.ones(len(rows), dtype=np.bool_)
        if self.rule.account is None:
            return same
        accounts = columns[self.rule.account].cast(pa.string())
        codes = ints(accounts.dictionary_encode(null_encoding="encode").indices)[rows]
        same[1:] = codes[1:] == codes[:-1]
        same[0] = accounts[int(rows[0])].as_py() == self._account
        self._account = accounts[int(rows[-1])].as_py()
        return same

    def _control(self, balance: int, difference: int, row: int, at: Places) -> dict[str, object]:
        return {
            "code": "BALANCE_WRONG", "batch_ord": None,
            "measure": f"{self.rule.column} against the row above",
            "unit": "cents", "declared": balance, "found": balance - difference,
            "line": int(at.line[row]), "byte_offset": int(at.offset[row]),
            "field": self.rule.column,
        }  # fmt: skip


@dataclass(slots=True)
class LineIds:
    """Identities of rows without a number of their own: a hash of some columns, and how often
    the same stood in the file before."""

    names: list[str]
    _seen: dict[bytes, int] = field(default_factory=dict)

    def of(self, columns: Columns) -> pa.Array:
        """The identity of each row."""
        keys = joined_keys(columns, self.names).cast(pa.binary()).to_pylist()
        # Arrow has no SHA-256: here is one call of Python a row.
        names = [hashlib.sha256(key).digest()[:_ID_BYTES] for key in keys]
        texts = np.frombuffer(b"".join(names).hex().encode(), dtype=np.uint8)
        ids = raw_column(texts.reshape(len(names), 2 * _ID_BYTES), plain=True)
        return pc.binary_join_element_wise(ids, self._times(names), "-")

    def _times(self, names: list[bytes]) -> pa.Array:
        """How often each name has stood in the file, this time included."""
        fresh = dict.fromkeys(names, 1)
        if len(fresh) == len(names) and self._seen.keys().isdisjoint(fresh):
            self._seen |= fresh
            return constant("1", len(names))
        times = []
        for name in names:
            self._seen[name] = self._seen.get(name, 0) + 1
            times.append(self._seen[name])
        return pa.array(times, pa.int64()).cast(pa.string())


def joined_keys(columns: Columns, names: list[str]) -> pa.Array:
    """Columns as one text each row; a blank is a text too."""
    texts = [pc.fill_null(columns[name].cast(pa.string()), "") for name in names]
    return pc.binary_join_element_wise(*texts, _SEPARATOR)


@dataclass(slots=True)
class Stubs:
    """Rows that name the same receipt as the row before: its further remittances."""

    names: list[str]
    _key: str | None = None
    last: int = 0  # the last receipt
    _cents: int | None = None
    remittances: int = 0  # of the last receipt so far

    def leads(self, columns: Columns) -> Bools:
        """Which rows begin a receipt."""
        keys = joined_keys(columns, self.names)
        blank = bools(pc.equal(pc.replace_substring(keys, _SEPARATOR, ""), ""))
        codes = ints(keys.dictionary_encode().indices)
        lead = np.ones(len(keys), dtype=np.bool_)
        lead[1:] = (codes[1:] != codes[:-1]) | blank[1:]
        if len(keys):
            lead[0] = blank[0] or self._key is None or keys[0].as_py() != self._key
            self._key = None if blank[-1] else keys[-1].as_py()
        return lead

    def ordinals(self, lead: Bools, own: Ints) -> Ints:
        """The receipt of each row: `own` where it begins one, else that of the row before."""
        places = np.where(lead, np.arange(len(lead)), -1)
        at = np.maximum.accumulate(places) if len(lead) else places
        found = np.where(at >= 0, own[np.maximum(at, 0)], self.last)
        if len(found):
            self.last = int(found[-1])
        return found

    def check(self, lead: Bools, cents: pa.Array, at: Places, name: str, notes: Notes) -> None:
        """Tell of rows whose amount is another than that of their receipt; blank is the same."""
        given = bools(cents.is_valid())
        values = ints(pc.fill_null(cents, 0))
        places = np.where(lead, np.arange(len(lead)), -1)
        first = np.maximum.accumulate(places) if len(lead) else places
        carried = 0 if self._cents is None else self._cents
        wanted = np.where(first >= 0, values[np.maximum(first, 0)], carried)
        wrong = given & (values != wanted) & ~lead
        _tell(wrong, f"{name} is another than in the receipt's first row", name, at, notes)
        if len(lead):
            self._cents = int(wanted[-1])
