"""What clearing takes and gives: the Arrow tables of the room.

`day` counts bank days (`calendar.Calendar.bank_day_numbers`), so that a difference of days is one
of bank days. `streams` name where money of a kind comes from (a lockbox number, an originator, a
merchant), `own` the one deposit (a bag, a card batch); both are tokens as `words.tokens` makes
them, separated by blanks.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

# Kinds of money as bits: a line's type code says which kinds it may bring.
LOCKBOX, ACH, CARD, COUNTER, RETURN = 1, 2, 4, 8, 16
ANY = LOCKBOX | ACH | CARD | COUNTER

OPEN_DEPOSITS = pa.schema(
    [
        pa.field("deposit_no", pa.int64()),
        pa.field("kinds", pa.int64()),  # one bit
        pa.field("day", pa.int64()),  # expected
        pa.field("cents", pa.int64()),  # not yet brought; negative: more came than expected
        pa.field("own", pa.string()),
        pa.field("streams", pa.string()),
        pa.field("touched", pa.bool_()),  # a line brought some of it before
        pa.field("held", pa.bool_()),  # batches of its file are held: the bank has more
    ]
)

OPEN_LINES = pa.schema(
    [
        pa.field("line_no", pa.int64()),
        pa.field("kinds", pa.int64()),
        pa.field("day", pa.int64()),  # value date
        pa.field("cents", pa.int64()),  # signed
        pa.field("words", pa.string()),  # references and text
    ]
)

# Where money of each kind came from so far: a line that names one of these is not another's,
# whether or not a deposit of it is open.
SOURCES = pa.schema([pa.field("kinds", pa.int64()), pa.field("streams", pa.string())])

PAIRS = pa.schema(
    [
        pa.field("deposit_no", pa.int64()),
        pa.field("line_no", pa.int64()),
        pa.field("cents", pa.int64()),  # signed as the line
        pa.field("rule", pa.string()),
        pa.field("evidence", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a line may lie from the expected day, in bank days, and how much is searched."""

    before: int = 2
    after: int = 5
    subset_window: int = 2
    subset_items: int = 24  # deposits (or lines) among which a sum is looked for
    subset_lines: int = 2_000  # lines for which it is looked for in one run
    equal_pairs: int = 4_096  # candidates of one amount; more of them say nothing


@dataclass(frozen=True, slots=True)
class Doubt:
    """A line that several deposits fit equally well, or that contradicts the one that it fits."""

    line_no: int
    code: str
    deposits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What the cascade decides: PAIRS, and the lines about which somebody must be asked."""

    pairs: pa.Table
    doubts: tuple[Doubt, ...]
