"""What a drawer's count says against its receipts (domain E27-E31). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from recond.money import parse_decimal


@dataclass(frozen=True, slots=True)
class Count:
    """A drawer as it was counted: the float is part of the counted cash."""

    float_cents: int
    cash_cents: int
    checks_cents: int

    @property
    def deposit_cents(self) -> int:
        """What goes into the bag."""
        return self.cash_cents - self.float_cents + self.checks_cents


@dataclass(frozen=True, slots=True)
class Outcome:
    """Over and short, never netted against each other; `swapped_cents` of cash stand as checks
    in the bag (negative: of checks as cash): the sum is right and the composition is not."""

    over_cents: int
    short_cents: int
    swapped_cents: int


def judge(count: Count, cash_cents: int, checks_cents: int) -> Outcome:
    """Compare a count with the cash and the checks that the receipts say."""
    cash = count.cash_cents - count.float_cents - cash_cents
    checks = count.checks_cents - checks_cents
    swapped = 0
    if cash * checks < 0:
        swapped = min(abs(cash), abs(checks)) * (1 if checks > 0 else -1)
        cash, checks = cash + swapped, checks - swapped
    parts = (cash, checks)
    over = sum(part for part in parts if part > 0)
    return Outcome(over, -sum(part for part in parts if part < 0), swapped)


def sum_of_counts(text: str) -> int | None:
    """Cents of `100.00=7;50.00=11;…`; None when it cannot be read."""
    total = 0
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        value, equals, number = part.partition("=")
        if not equals or not number.strip().isdecimal():
            return None
        try:
            total += parse_decimal(value.strip(), exact=False) * int(number)
        except ValueError:
            return None
    return total


def missing_numbers(own: list[str], before: str | None, taken: set[str]) -> list[str]:
    """Receipt numbers that are missing in a drawer's day.

    `own`: the numbers of the day, voids too; `before`: the drawer's last number on an earlier
    day; `taken`: numbers that other drawers of the same series gave. Numbers are a series when
    they differ only in the digits at their end; where they are none, nothing is missing.
    """
    series = {_series(number) for number in own}
    if len(series) != 1 or None in series:
        return []
    prefix, width = next(iter(series)) or ("", 0)
    values = sorted(int(number[len(prefix) :]) for number in own)
    first = values[0]
    if before is not None and _series(before) == (prefix, width):
        last = int(before[len(prefix) :])
        first = last + 1 if last < first else first
    if values[-1] - first > MOST:
        return []
    given = set(values)
    wanted = (f"{prefix}{value:0{width}d}" for value in range(first, values[-1]) if
              value not in given)  # fmt: skip
    return [number for number in wanted if number not in taken]


MOST = 5_000


def _series(number: str) -> tuple[str, int] | None:
    prefix = number.rstrip("0123456789")
    width = len(number) - len(prefix)
    return (prefix, width) if width else None
