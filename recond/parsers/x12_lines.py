"""The lines of an 820 or 823: what each RMR pays, and the sum rule of RMR and ADX.

One rule for every place where remittance stands: a transaction set of a file, a payment of a
lockbox, the addenda of an ACH entry. Each of them is a *group* of segments here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recond.parsers.columns import Ints, Mask
from recond.parsers.x12_amounts import span_cents
from recond.parsers.x12_segments import Segments, code

# Segments that end an RMR loop: an ADX behind them stands outside any RMR.
OPENERS = ("RMR", "ENT", "ST", "SE", "BPR", "DEP", "BAT")
AS_SAID, NETTED, DIFFERS = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Lines:
    """The RMR of some segments: `row` is the segment, from `start` to `end`, `group` its group,
    `qualifier` and `reference` are the places of RMR01 and RMR02.

    `cents` is RMR04, 0 where it is not `given`; `adjusted` is the sum of the ADX inside the RMR.
    `named`, `inner`, `outer` and `bare` are of groups: sums of RMR04, of ADX inside and outside
    any RMR, and the number of RMR without an amount. `wrong` are segments (with the element) that
    cannot be read.
    """

    row: Ints
    start: Ints
    end: Ints
    group: Ints
    qualifier: tuple[Ints, Ints]
    reference: tuple[Ints, Ints]
    cents: Ints
    given: Mask
    adjusted: Ints
    named: Ints
    inner: Ints
    outer: Ints
    bare: Ints
    counts: Ints
    wrong: tuple[tuple[int, str], ...]


def remittance_lines(segments: Segments, group: Ints, groups: int, chosen: Mask) -> Lines:
    """The lines of the chosen segments; `group` is that of each segment, below `groups`."""
    row = np.flatnonzero((segments.tag == code("RMR")) & chosen)
    place = segments.start.take(row), segments.end.take(row)
    qualifier, (first, last), (start, end) = segments.spans_of(row, (1, 2, 4), place, len("RMR"))
    given = end > start
    cents, bad = span_cents(segments.data, start, end)
    wrong = [(int(row[at]), "RMR04") for at in np.flatnonzero(bad & given)]
    wrong += [(int(row[at]), "RMR02") for at in np.flatnonzero(first == last)]
    adx = np.flatnonzero((segments.tag == code("ADX")) & chosen)
    adjusted = np.zeros(len(row), dtype=np.int64)
    outer = np.zeros(groups, dtype=np.int64)
    if len(adx):
        change, bad = span_cents(segments.data, *segments.spans(adx, 1))
        wrong += [(int(adx[at]), "ADX01") for at in np.flatnonzero(bad)]
        opener = np.zeros(len(segments), dtype=np.bool_)
        for tag in OPENERS:
            opener |= segments.tag == code(tag)
        before = np.maximum.accumulate(np.where(opener, np.arange(len(segments)), -1))[adx]
        inside = (before >= 0) & (segments.tag[before] == code("RMR"))
        np.add.at(adjusted, np.searchsorted(row, before[inside]), change[inside])
        np.add.at(outer, group[adx[~inside]], change[~inside])
    of = group.take(row)
    # Rows of a group stand together: the first of each.
    firsts = np.flatnonzero(np.concatenate([np.ones(min(len(of), 1), np.bool_), of[1:] != of[:-1]]))
    sums = _Sums(of.take(firsts), firsts, groups)
    bare = sums.of(~given) if not given.all() else np.zeros(groups, dtype=np.int64)
    inner = sums.of(adjusted) if len(adx) else np.zeros(groups, dtype=np.int64)
    return Lines(
        row, *place, of, qualifier, (first, last), cents, given, adjusted, sums.of(cents), inner,
        outer, bare, sums.counts(len(of)), tuple(sorted(wrong)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Sums:
    """Exact sums by group of values in the order of their groups: `firsts` are the places of the
    first value of each of the `there`."""

    there: Ints
    firsts: Ints
    groups: int

    def of(self, values: Ints | Mask) -> Ints:
        """The sums of values, in cents or as a count."""
        total = np.zeros(self.groups, dtype=np.int64)
        if len(self.firsts):
            total[self.there] = np.add.reduceat(values, self.firsts, dtype=np.int64)
        return total

    def counts(self, number: int) -> Ints:
        """How many of `number` values each group has."""
        total = np.zeros(self.groups, dtype=np.int64)
        total[self.there] = np.concatenate([self.firsts[1:], np.array([number])]) - self.firsts
        return total


def verdict(total: Ints, named: Ints, inner: Ints, outer: Ints) -> Ints:
    """How the lines of each group make its total (formats section 6).

    AS_SAID: the RMR04 alone, or with the ADX outside any RMR, make it: RMR04 is net of the ADX
    inside. NETTED: only all ADX together make it, so each line is netted of its own. DIFFERS:
    neither.
    """
    said = (total == named) | (total == named + outer)
    netted = ~said & (inner != 0) & (total == named + inner + outer)
    result: Ints = np.where(said, AS_SAID, np.where(netted, NETTED, DIFFERS))
    return result
