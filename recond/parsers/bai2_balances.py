"""BAI2 record 03: its groups of type code, amount, item count and funds type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from recond.model import Problem
from recond.parsers.bai2_details import funds_subfields
from recond.parsers.dates import NO_DATE

_CODE = re.compile(r"^[0-9]{3}$", re.ASCII)
_AMOUNT = re.compile(r"^[+-]?0*[0-9]{1,15}$", re.ASCII)
_COUNT = re.compile(r"^[0-9]{0,9}$", re.ASCII)


@dataclass(slots=True)
class Balances:
    """Rows of BANK_BALANCES, gathered until a chunk is handed on."""

    count: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, place: tuple[int, int, int], account: str, day: int, amount: tuple[int, int]
    ) -> None:
        """A balance of an account: (line, byte offset, byte length), as-of day, (code, cents)."""
        self.count += 1
        line, offset, length = place
        self.rows.append(
            {
                "ordinal": self.count, "line": line, "byte_offset": offset, "byte_length": length,
                "bank_account": account, "as_of_date": None if day == NO_DATE else day,
                "type_code": f"{amount[0]:03d}", "amount_cents": amount[1],
            }
        )  # fmt: skip

    def drain(self) -> list[dict[str, object]]:
        """The rows since the last call."""
        rows, self.rows = self.rows, []
        return rows


def amount_groups(fields: list[str]) -> Iterator[tuple[int, int] | Problem]:
    """Type codes and amounts, in order; blank amounts are left out, faults are problems.

    Where a type code is expected, an empty field is skipped (formats.md section 1: banks emit a
    comma too many or too few); four of them are a group that says nothing, which is allowed.
    """
    place, blanks, groups = 0, 0, 0
    while place < len(fields):
        if not fields[place]:
            place, blanks = place + 1, blanks + 1
            continue
        if blanks % 4:
            yield _extra_field()
        blanks = 0
        code, amount, count, funds = [*fields[place : place + 4], "", "", ""][:4]
        extra = funds_subfields(funds.upper(), fields[place + 4 :])
        wrong = _wrong(code, amount, count, extra)
        if wrong is not None or extra is None:
            yield Problem(
                "RECORD_UNREADABLE",
                f"An account record (03) cannot be read: {wrong}. Ask the bank for a new file.",
                field="amount groups",
            )
            return
        if amount:
            yield int(code), int(amount)
        place, groups = place + 4 + extra, groups + 1
    if groups and blanks % 4:
        yield _extra_field()


def _extra_field() -> Problem:
    return Problem(
        "EXTRA_FIELD",
        "A record 03 has an empty field too many, which was skipped.",
        field="type code",
    )


def _wrong(code: str, amount: str, count: str, extra: int | None) -> str | None:
    if not _CODE.match(code):
        return f"'{code[:20]}' stands where a type code of 3 digits is expected"
    if amount and not _AMOUNT.match(amount):
        return f"the amount '{amount[:30]}' of type code {code} is no whole number of 15 digits"
    if not _COUNT.match(count):
        return f"the item count '{count[:20]}' of type code {code} is not a whole number"
    if extra is None:
        return f"the funds type of type code {code} is none of Z 0 1 2 S V D"
    return None
