"""camt: what a statement declares, and the figures that its entries must meet."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from recond.parsers.bai2_state import Controls
from recond.parsers.columns import Ints

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_SUM = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,2}0*)?", re.ASCII)
Place = tuple[int, int, int]  # line, byte offset, byte length


@dataclass(slots=True)
class Balance:
    """A Bal: its code, cents with sign, day, currency and place; `fault` names what is wrong."""

    place: Place
    code: str = ""
    cents: int | None = None
    sign: int = 0
    day: dt.date | None = None
    currency: str = ""


@dataclass(slots=True)
class Side:
    """Entries of one direction: number and unsigned cents, of all and of those booked."""

    count: int = 0
    cents: int = 0
    booked_count: int = 0
    booked_cents: int = 0

    def add(self, cents: Ints, *, booked: bool) -> None:
        """Count entries of these cents."""
        if booked:
            self.booked_count += len(cents)
            self.booked_cents += total(cents)
        else:
            self.count += len(cents)
            self.cents += total(cents)


@dataclass(slots=True)
class Statement:
    """A Stmt, Rpt or Ntfctn while it is read."""

    line: int
    offset: int
    id: str = ""
    account: str = ""
    currency: str = ""
    day: dt.date | None = None
    page: str = ""
    last_page: str = ""
    balances: list[Balance] = field(default_factory=list)
    summary: dict[str, tuple[str, int, int]] = field(default_factory=dict)  # text, line, offset
    credit: Side = field(default_factory=Side)
    debit: Side = field(default_factory=Side)
    reversed_cents: int = 0  # booked entries with RvslInd, signed by CdtDbtInd
    lines: int = 0
    currencies: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"account {self.account or '?'} (statement {self.id or '?'})"

    @property
    def booked(self) -> int:
        """Signed cents of the booked entries."""
        return self.credit.booked_cents - self.debit.booked_cents

    def balance(self, *codes: str) -> Balance | None:
        """The first balance of one of the codes, in their order."""
        return next((b for code in codes for b in self.balances if b.code == code), None)


def total(cents: Ints) -> int:
    """The sum, exact even where it leaves int64."""
    if len(cents) * int(np.abs(cents).max(initial=0)) < 1 << 62:
        return int(cents.sum())
    return sum(cents.tolist())


def partial(statement: Statement, page: str, last: str) -> bool:
    """Whether other pages belong to the statement; `page` and `last` are the message's."""
    pages, ends = (statement.page or page, statement.last_page or last)
    return pages not in ("", "1") or ends in ("false", "0")


def summaries(statement: Statement, controls: Controls) -> Iterator[str]:
    """Compare TxsSummry with the entries; yields a sentence for each figure that is none.

    Banks count all entries or only the booked ones, and sum them unsigned or net: any of these
    that the declared figure meets proves it, else it is compared with all entries, unsigned.
    """
    credit, debit = statement.credit, statement.debit
    both = Side(
        credit.count + debit.count, credit.cents + debit.cents,
        credit.booked_count + debit.booked_count, credit.booked_cents + debit.booked_cents,
    )  # fmt: skip
    nets = (abs(credit.cents - debit.cents), abs(statement.booked))
    for group, side, words, others in (
        ("TtlNtries", both, "entries", nets), ("TtlCdtNtries", credit, "credit entries", ()),
        ("TtlDbtNtries", debit, "debit entries", ()),
    ):  # fmt: skip
        for name, found in (
            ("NbOfNtries", (side.count, side.booked_count)),
            ("Sum", (side.cents, side.booked_cents, *others)),
        ):
            key = f"TxsSummry/{group}/{name}"
            if key not in statement.summary:
                continue
            text, line, offset = statement.summary[key]
            declared = _count(text) if name == "NbOfNtries" else _cents(text)
            if declared is None:
                yield f"the figure '{text[:30]}' of {group}/{name} cannot be read"
                continue
            counted = name == "NbOfNtries"
            controls.add(
                "FILE_COUNT_WRONG" if counted else "FILE_TOTAL_WRONG",
                f"{'number' if counted else 'sum'} of {words} of {statement.name}",
                "count" if counted else "cents",
                (declared, declared if declared in found else found[0]),
                (line, offset, f"{group}/{name}"),
            )  # fmt: skip


def _count(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _cents(text: str) -> int | None:
    """Unsigned cents: some banks give the sum of debits a minus."""
    if not _SUM.fullmatch(text):
        return None
    whole, _, part = text.lstrip("-").partition(".")
    return int(whole + (part + "00")[:2])
