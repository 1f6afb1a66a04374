"""What people would rather look at than read, of a month: receivables by age, receipts by channel,
open questions by code. The workbook and the certificate draw the same few figures, and each is a
sum of a statement's own rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from recond.exports.statements import Statement

AGES = ("not_due", "days_0_30", "days_31_60", "days_61_90", "days_91_120", "over_120")


@dataclass(frozen=True, slots=True)
class Picture:
    """A bar for each name: of cents, or of numbers of things where it `counts`."""

    title: str
    bars: tuple[tuple[str, int], ...]
    counts: bool = False

    def figure(self, value: int) -> Decimal | int:
        """A bar's length as a spreadsheet holds it."""
        return value if self.counts else Decimal(value).scaleb(-2)


def pictures(statements: Mapping[str, Statement]) -> tuple[Picture, ...]:
    """The pictures of a month, in the order in which they stand."""
    ageing, cash = statements["ar_ageing"].table, statements["daily_cash"].table
    asked = statements["exception_ageing"].table
    owed = [(name.replace("_", " "), _cents(ageing[name].to_pylist())) for name in AGES]
    codes = zip(asked["code"].to_pylist(), asked["questions"].to_pylist(), strict=True)
    return (
        Picture("Receivables by days since due", tuple(owed)),
        Picture(
            "Receipts by channel", _by(cash["channel"].to_pylist(), cash["amount"].to_pylist())
        ),
        Picture("Open questions by code", tuple(codes), counts=True),
    )


def _cents(values: Sequence[Decimal]) -> int:
    return sum(int(value.scaleb(2)) for value in values)


def _by(names: Sequence[str], amounts: Sequence[Decimal]) -> tuple[tuple[str, int], ...]:
    sums: dict[str, int] = {}
    for name, amount in zip(names, amounts, strict=True):
        sums[name] = sums.get(name, 0) + int(amount.scaleb(2))
    return tuple(sorted(sums.items()))
