"""Tiers of the cascade that add up: one line for several deposits, or several lines for one."""

from __future__ import annotations

import numpy as np

from recond.arrays import Bools, Ints
from recond.clearing import joins
from recond.clearing.sides import Sides
from recond.clearing.subsets import unique_subset


def together(sides: Sides) -> None:
    """One line for all deposits of a stream and day, then of a kind of money and day."""
    _streams(sides)
    free = np.flatnonzero(sides.free_deposit)
    for kind in np.unique(sides.deposit_kind[free]):
        mine = np.flatnonzero(sides.free_deposit & (sides.deposit_kind == kind))
        place, cents, _ = joins.sums(sides.deposit_day[mine], sides.deposit_cents[mine])
        lines = np.flatnonzero(sides.free_line & ((sides.line_kinds & kind) != 0))
        keys = joins.codes(
            np.concatenate([sides.deposit_day[mine[place]], sides.line_day[lines]]),
            np.concatenate([cents, sides.line_cents[lines]]),
        )
        _, j = joins.join(keys[: len(place)], keys[len(place) :])
        lines = lines[np.sort(j)]
        i, j = joins.join(sides.deposit_day[mine], sides.line_day[lines])
        _groups(sides, mine[i], lines[j])


def _streams(sides: Sides) -> None:
    """Sums of the open deposits of a stream and day against the lines that name it."""
    tokens = sides.streams
    free = sides.free_deposit[tokens.deposit]
    deposit, token = tokens.deposit[free], tokens.deposit_token[free]
    kind, day = sides.deposit_kind[deposit], sides.deposit_day[deposit]
    group = joins.codes(token, kind, day)
    place, sums, sizes = joins.sums(group, sides.deposit_cents[deposit])
    many = sizes > 1
    place, sums = place[many], sums[many]
    said = sides.free_line[tokens.line]
    line = tokens.line[said]
    keys = joins.codes(
        np.concatenate([token[place], tokens.line_token[said]]),
        np.concatenate([sums, sides.line_cents[line]]),
    )
    i, j = joins.join(keys[: len(place)], keys[len(place) :])
    place, line = place[i], line[j]
    days = sides.line_day[line] - day[place]
    near = (days >= -sides.limits.before) & (days <= sides.limits.subset_window)
    near &= sides.fits(deposit[place], line)
    place, line = place[near], line[near]
    i, j = joins.join(group, group[place])
    deposit, line = deposit[i], line[j]
    kept = joins.first(joins.codes(deposit, line))
    _groups(sides, deposit[kept], line[kept])


def _groups(sides: Sides, deposit: Ints, line: Ints) -> None:
    """Lines that bring exactly the sum of the deposits of one expected day, two or more."""
    if not len(deposit):
        return
    group = joins.codes(line, sides.deposit_day[deposit])
    place, sums, sizes = joins.sums(group, sides.deposit_cents[deposit])
    right = (sizes > 1) & (sums == sides.line_cents[line[place]])
    place = place[right]
    place = place[joins.once(line[place])]
    chosen = np.isin(group, group[place])
    deposit, line = deposit[chosen], line[chosen]
    # a deposit that two lines could bring in this way is brought by none of them
    tied = np.unique(line[~joins.once(deposit)])
    kept = ~np.isin(line, tied)
    sides.take(deposit[kept], line[kept], "together")


def several(sides: Sides) -> None:
    """Lines (then deposits) one by one: only those that no tier before could explain."""
    searched = 0
    near = _Near(sides.deposit_day, sides.free_deposit, sides)
    for line in np.flatnonzero(sides.free_line & (sides.line_cents > 0)):
        if searched >= sides.limits.subset_lines:
            break
        cents, kinds = int(sides.line_cents[line]), sides.line_kinds[line]
        found = near.of(int(sides.line_day[line]))
        found = found[((sides.deposit_kind[found] & kinds) != 0)]
        found = near.first(found[sides.deposit_cents[found] <= cents], int(sides.line_day[line]))
        if len(found) < 2:
            continue
        searched += 1
        chosen = unique_subset(cents, sides.deposit_cents[found])
        if chosen is None:
            sides.doubt(int(line), found)
        elif chosen and not _splits_kinds(sides, found[list(chosen)]):
            sides.take(found[list(chosen)], np.full(len(chosen), line), "several")
    near = _Near(sides.line_day, sides.free_line, sides)
    for deposit in np.flatnonzero(sides.free_deposit & (sides.deposit_cents > 0)):
        if searched >= sides.limits.subset_lines:
            break
        cents, day = int(sides.deposit_cents[deposit]), int(sides.deposit_day[deposit])
        found = near.of(day)
        found = found[((sides.line_kinds[found] & sides.deposit_kind[deposit]) != 0)]
        found = near.first(found[sides.line_cents[found] <= cents], day)
        if len(found) < 2:
            continue
        searched += 1
        chosen = unique_subset(cents, sides.line_cents[found])
        if chosen:
            sides.take(np.full(len(chosen), deposit), found[list(chosen)], "several")


class _Near:
    """Those that are open within the window of a day: sorted once, cut out for each day."""

    def __init__(self, days: Ints, free: Bools, sides: Sides) -> None:
        self.days, self.free, self.limits = days, free, sides.limits
        self.places = np.flatnonzero(free)
        self.places = self.places[np.argsort(days[self.places], kind="stable")]
        self.ranked = days[self.places]

    def of(self, day: int) -> Ints:
        """Places of the open ones near a day, in no order that means anything."""
        window = self.limits.subset_window
        low = np.searchsorted(self.ranked, day - window, "left")
        high = np.searchsorted(self.ranked, day + window, "right")
        places = self.places[low:high]
        return np.asarray(places[self.free[places]], np.int64)

    def first(self, places: Ints, day: int) -> Ints:
        """As many of them as are looked through, the nearest days first."""
        order = np.lexsort((places, np.abs(self.days[places] - day)))
        return places[order][: self.limits.subset_items]


def _splits_kinds(sides: Sides, deposits: Ints) -> bool:
    """One credit brings one kind of money."""
    return len(np.unique(sides.deposit_kind[deposits])) > 1
