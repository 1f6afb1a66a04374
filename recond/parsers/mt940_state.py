"""MT940 and MT942: what is known of a statement while it is read, and the figures it declares."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pyarrow as pa

from recond.model import BANK_BALANCES, CONTROLS
from recond.parsers.dates import NO_DATE

LARGEST = 10**15  # thousandths of a balance: a million millions fit the database and any city
BALANCE = re.compile(
    r"^(?P<mark>[CD])(?P<day>[0-9]{6})(?P<currency>[A-Z]{3})? ?"
    r"(?P<whole>[0-9]{1,18})(?:[,.](?P<part>[0-9]{0,3}))?$",
    re.ASCII,
)
SUM = re.compile(
    r"^(?P<count>[0-9]{1,5})(?P<currency>[A-Z]{3})(?P<whole>[0-9]{1,18})(?:[,.](?P<part>[0-9]{0,3}))?$",
    re.ASCII,
)
FLOOR = re.compile(r"^(?P<currency>[A-Z]{3})[CD]?[0-9]{1,15}(?:[,.][0-9]{0,3})?$", re.ASCII)
NUMBER = re.compile(r"^(?P<number>[0-9]{1,10})(?:/(?P<page>[0-9]{1,5}))?$", re.ASCII)
ACCOUNT_CURRENCY = re.compile(r"[0-9 /.-]([A-Z]{3})$", re.ASCII)
# Made once: an empty table costs more than it seems.
_NO_CONTROLS, _NO_BALANCES = CONTROLS.empty_table(), BANK_BALANCES.empty_table()
# Balances are named as BAI2 names them, whatever format brings them (BANK_BALANCES.type_code).
OPENING, CLOSING, AVAILABLE = "010", "015", "045"


def numbered(text: str) -> tuple[int, int] | None:
    """Number and page (1 where none is given) of a statement; None where it is not numbered."""
    found = NUMBER.match(text)
    if found is None or not int(found["number"]):
        return None
    return int(found["number"]), int(found["page"] or 1)


def follows(before: tuple[int, int], this: tuple[int, int]) -> bool:
    """Whether a statement's number and page follow those of the one before: the next number, the
    next page of the same one, or 1, with which numbers begin anew (each year, or when the bank
    pleases)."""
    return this[0] in (before[0] + 1, 1) or this == (before[0], before[1] + 1)


@dataclass(slots=True)
class Balance:
    """A balance as declared: thousandths, signed."""

    milli: int
    day: int
    text: str  # the date as written
    currency: str | None
    intermediate: bool  # 60M and 62M: one page of several


@dataclass(slots=True)
class Total:
    """What one side of an MT942 holds: entries and thousandths, by effect and by letter alone."""

    count: int = 0
    milli: int = 0
    letter_count: int = 0
    letter_milli: int = 0


@dataclass(slots=True)
class Statement:
    """A message from its :20: to its end."""

    place: tuple[int, int]  # line and byte offset
    account: str | None = None
    number: str | None = None
    reported: str | None = None  # 13D, as written
    interim: bool = False  # an MT942
    currency: str | None = None
    scale: int = 10  # thousandths in a minor unit of the currency
    factor: int = 1  # minor units to hundredths; 0: shown in no line, the file is held
    foreign: bool = False
    opening: Balance | None = None
    closing: Balance | None = None
    entries: int = 0
    milli: int = 0  # of all entries that are booked
    credit: Total = field(default_factory=Total)
    debit: Total = field(default_factory=Total)
    declared: bool = False  # 90C or 90D was there
    ended: bool = False  # by a "-"

    @property
    def day(self) -> int:
        """The date of the opening balance."""
        return NO_DATE if self.opening is None else self.opening.day

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"statement {self.number or '?'} of account {self.account or '?'}"

    @property
    def key(self) -> str:
        """Its identity within its account: number, page and opening date; the opening balance as
        well where the bank does not number."""
        if self.opening is None:
            return self.number or ""
        numbered = (self.number or "").split("/")[0].strip("0")
        return f"{self.number}:{self.opening.text}" + ("" if numbered else f":{self.opening.milli}")


@dataclass(slots=True)
class Gathered:
    """Rows of CONTROLS and BANK_BALANCES until a chunk is handed on."""

    controls: list[dict[str, object]] = field(default_factory=list)
    balances: list[dict[str, object]] = field(default_factory=list)
    count: int = 0

    def control(
        self, code: str, measure: str, unit: str, figures: tuple[int | None, int],
        place: tuple[int, int, str],
    ) -> None:  # fmt: skip
        """One declared figure and what was found; statements hold their file."""
        self.controls.append(
            {
                "code": code, "batch_ord": None, "measure": measure, "unit": unit,
                "declared": figures[0], "found": figures[1],
                "line": place[0], "byte_offset": place[1], "field": place[2],
            }
        )  # fmt: skip

    def balance(
        self, place: tuple[int, int, int], statement: Statement, day: int, kind: tuple[str, int],
        number: str | None,
    ) -> None:  # fmt: skip
        """A balance: (line, byte offset, byte length), its statement, day, (type code, cents), and
        the statement's number where those of the account follow each other."""
        self.count += 1
        line, offset, length = place
        self.balances.append(
            {
                "ordinal": self.count, "line": line, "byte_offset": offset, "byte_length": length,
                "bank_account": statement.account, "as_of_date": None if day == NO_DATE else day,
                "type_code": kind[0], "amount_cents": kind[1], "statement_number": number,
            }
        )  # fmt: skip

    def drain(self) -> tuple[pa.Table, pa.Table]:
        """Controls and balances since the last call."""
        controls, self.controls = self.controls, []
        balances, self.balances = self.balances, []
        return (
            pa.Table.from_pylist(controls, schema=CONTROLS) if controls else _NO_CONTROLS,
            pa.Table.from_pylist(balances, schema=BANK_BALANCES) if balances else _NO_BALANCES,
        )
