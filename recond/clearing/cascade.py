"""The cascade: deposits on the left, statement lines on the right, strongest evidence first.

    named       the line names the deposit itself (bag, card batch) and brings its amount
    stream_day  the line names where it comes from (box, originator, merchant), amount and day
    stream      the same within the window of days
    day         amount, kind of money and day
    window      amount and kind of money within the window
    together    one line brings all deposits of a stream, or of a kind of money, of a day
    several     one line brings the only set of deposits that makes its amount, or the reverse
    differs     a line that names the deposit brings another amount

Three laws as in matching: an amount alone never pairs (kind of money and days must fit), two
candidates mean none, and a line that names another stream contradicts. What is tied stays open.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from recond.arrays import Bools, Ints
from recond.clearing import joins, sums
from recond.clearing.sides import Sides, few
from recond.clearing.tables import PAIRS, SOURCES, Cleared, Limits

ROUNDS = 3  # what one tier takes away may make another tier's candidate the only one


def clear(
    deposits: pa.Table,
    lines: pa.Table,
    limits: Limits | None = None,
    sources: pa.Table | None = None,
) -> Cleared:
    """Pair OPEN_DEPOSITS with OPEN_LINES. A line is paired whole or not at all; its cents go to
    its deposits as they fit, a difference to the one deposit that it names. SOURCES: where money
    came from before.

    Both tables are ordered by their key; so is what comes out.
    """
    known = SOURCES.empty_table() if sources is None else sources
    sides = Sides(deposits, lines, known, limits or Limits())
    pairs = _candidates(sides)
    for _ in range(ROUNDS):
        before = len(sides.made)
        _one_to_one(sides, pairs)
        sums.together(sides)
        sums.several(sides)
        if len(sides.made) == before:
            break
    _differing(sides, pairs)
    _tied(sides, pairs)
    return Cleared(_pairs(sides), tuple(sides.doubts[key] for key in sorted(sides.doubts)))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Pairs of equal amounts, with what speaks for them and against."""

    deposit: Ints
    line: Ints
    days: Ints  # bank days by which the line is late
    own: Bools  # the line names the deposit
    stream: Bools  # the line names where it comes from
    against: Bools  # the line names another source of that kind of money


def _candidates(sides: Sides) -> _Candidates:
    """Pairs of equal amounts whose kind of money and days fit, with what speaks for them."""
    deposit, line = few(sides.deposit_cents, sides.line_cents, sides.limits)
    days = sides.line_day[line] - sides.deposit_day[deposit]
    own, stream = sides.own.say(deposit, line), sides.streams.say(deposit, line)
    against = _names_another(sides, deposit, line) & ~stream
    inside = (days >= -sides.limits.before) & (days <= sides.limits.after)
    kept = own | (sides.fits(deposit, line) & inside)
    return _Candidates(
        deposit[kept], line[kept], days[kept], own[kept], stream[kept], against[kept]
    )


def _names_another(sides: Sides, deposit: Ints, line: Ints) -> Bools:
    """Whether a line names a source of the deposit's kind of money."""
    tokens = sides.sources
    kind = sides.source_kind[tokens.deposit]
    mine = joins.first(joins.codes(tokens.deposit_token, kind))
    i, j = joins.join(tokens.line_token, tokens.deposit_token[mine])
    key = tokens.line[i] * 64 + kind[mine][j]
    return np.asarray(np.isin(line * 64 + sides.deposit_kind[deposit], key), np.bool_)


def _one_to_one(sides: Sides, pairs: _Candidates) -> None:
    same_day, right = pairs.days == 0, ~pairs.against
    tiers = (
        ("named", pairs.own),
        ("stream_day", pairs.stream & same_day),
        ("stream", pairs.stream),
        ("day", right & same_day),
        ("window", right),
    )
    for rule, chosen in tiers:
        part = chosen & sides.open(pairs.deposit, pairs.line)
        deposit, line = pairs.deposit[part], pairs.line[part]
        once = joins.once(deposit) & joins.once(line)
        sides.take(deposit[once], line[once], rule)


def _differing(sides: Sides, pairs: _Candidates) -> None:
    """A credit that names the one open deposit it can be and brings another amount (E34); not one
    that has the very amount of another deposit: there the source may be wrong, not the amount."""
    elsewhere = np.unique(pairs.line[sides.open(pairs.deposit, pairs.line)])
    deposit, line = sides.own.pairs(sides, day=False)
    kept = ~np.isin(line, elsewhere)
    _take_differing(sides, deposit[kept], line[kept])
    deposit, line = sides.streams.pairs(sides, day=True)
    kept = ~np.isin(line, elsewhere) & sides.fits(deposit, line)
    _take_differing(sides, deposit[kept], line[kept])


def _take_differing(sides: Sides, deposit: Ints, line: Ints) -> None:
    sound = ~sides.touched[deposit] & ~sides.held[deposit]
    sound &= (sides.deposit_cents[deposit] > 0) & (sides.line_cents[line] > 0)
    kept = joins.once(deposit) & joins.once(line) & sound
    sides.take(deposit[kept], line[kept], "differs")


def _tied(sides: Sides, pairs: _Candidates) -> None:
    """Lines with candidates that nothing could tell apart, or that contradict them."""
    left = sides.open(pairs.deposit, pairs.line)
    deposit, line, against = pairs.deposit[left], pairs.line[left], pairs.against[left]
    for one in np.unique(line):  # lines about which somebody is asked: a few
        mine = line == one
        code = "CREDIT_ELSEWHERE" if against[mine].all() else "CLEARING_AMBIGUOUS"
        sides.doubt(int(one), deposit[mine], code)
    for one in np.flatnonzero(~sides.free_line):
        sides.doubts.pop(int(sides.line_no[one]), None)


def _pairs(sides: Sides) -> pa.Table:
    """PAIRS in order of line and deposit; of several lines each gives what it brings."""
    if not sides.made:
        return PAIRS.empty_table()
    deposit = np.concatenate([one for one, _, _ in sides.made])
    line = np.concatenate([one for _, one, _ in sides.made])
    rule = np.concatenate([np.repeat(name, len(one)) for one, _, name in sides.made])
    lines_of = np.bincount(line, minlength=len(sides.line_no))
    # a line for several deposits gives each its amount; any other line gives all it has
    cents = np.where(lines_of[line] > 1, sides.deposit_cents[deposit], sides.line_cents[line])
    days = sides.line_day[line] - sides.deposit_day[deposit]
    evidence = [_evidence(name, int(gap)) for name, gap in zip(rule, days, strict=True)]
    made = pa.table(
        {
            "deposit_no": sides.deposit_no[deposit],
            "line_no": sides.line_no[line],
            "cents": cents,
            "rule": pa.array(rule.tolist(), pa.string()),
            "evidence": pa.array(evidence, pa.string()),
        },
        schema=PAIRS,
    )
    return made.sort_by([("line_no", "ascending"), ("deposit_no", "ascending")])


_WORDS = {
    "named": "the line names the deposit",
    "stream_day": "the line names where it comes from, on the expected day",
    "stream": "the line names where it comes from",
    "day": "amount and kind of money on the expected day",
    "window": "amount and kind of money near the expected day",
    "together": "all deposits of the day in one line",
    "several": "the only sum that fits",
    "differs": "the line names the deposit and brings another amount",
}


def _evidence(rule: str, gap: int) -> str:
    when = "" if gap == 0 else f", {abs(gap)} bank days {'after' if gap > 0 else 'before'}"
    return f"{_WORDS[rule]}{when}"
