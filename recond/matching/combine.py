"""Combinations: which few of many open amounts add up to a payment, if just one choice does.

A free subset is a weak thing: with tariff prices most sums have several answers, and then none is
proved (performance section 2). So the search stops at the second answer, and says so when it gave
up. What it finds is suggested to people and never posts.

Choices of at most four amounts are looked at first and all at once, as pairs of pairs: they are
what payers make, and mostly they settle it, because two of them fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recond.arrays import Ints

MOST_PARTS = 8  # a check that pays more than so many bills comes with a list
MOST_STEPS = 80_000  # about 30 ms, of the 50 ms that a receipt may take
FEW = 4  # parts that are looked at as pairs of pairs
MOST_PAIRED = 200  # amounts, of which there are twenty thousand pairs
BLOCK = 1 << 20  # pairs of pairs that are held at a time

Outcome = Literal["unique", "none", "several", "gave up"]


@dataclass(frozen=True, slots=True)
class Combination:
    """What the search came to; `places` of the amounts where the answer is unique."""

    outcome: Outcome
    places: tuple[int, ...] = ()


@dataclass(slots=True)
class _Search:
    """Depth first over distinct amounts, the largest first, each with how often it occurs."""

    values: list[int]
    counts: list[int]
    behind: list[int]  # the sum of all amounts from here on
    most_parts: int
    steps: int
    found: list[tuple[int, ...]]  # places of the values that an answer takes whole; at most two
    blurred: bool = False  # an answer takes some of several equal amounts: which is not known

    def done(self) -> bool:
        return len(self.found) > 1 or self.blurred or self.steps <= 0

    def look(self, at: int, left: int, parts: int, taken: tuple[int, ...], whole: bool) -> None:
        """Answers that take `left` more from the values at `at` and behind, in at most `parts`
        amounts. `whole`: of every value so far all amounts are taken."""
        for place in range(at, len(self.values)):
            self.steps -= 1
            value = self.values[place]
            if left > self.behind[place] or left > value * parts or self.done():
                return
            for take in range(min(self.counts[place], left // value), 0, -1):
                rest = left - take * value
                every = whole and take == self.counts[place]
                if rest:
                    self.look(place + 1, rest, parts - take, (*taken, place), every)
                elif every:
                    self.found.append((*taken, place))
                else:
                    self.blurred = True


def combine(
    target: int,
    amounts: Sequence[int],
    most_parts: int = MOST_PARTS,
    most_steps: int = MOST_STEPS,
) -> Combination:
    """The one choice of two to `most_parts` positive amounts (cents) that sums to `target`.

    Equal amounts are different things: an answer that takes some of them and not all is one of
    several. A single amount that is the target is no combination and is left out.
    """
    few = _few(target, amounts, min(most_parts, FEW))
    if few is not None and (len(few) > 1 or most_parts <= FEW):
        if len(few) > 1:
            return Combination("several")
        return Combination("unique", few[0]) if few else Combination("none")
    places: dict[int, list[int]] = {}
    for place, amount in enumerate(amounts):
        if 0 < amount < target:
            places.setdefault(amount, []).append(place)
    values = sorted(places, reverse=True)
    counts = [len(places[value]) for value in values]
    behind = [0] * (len(values) + 1)
    for at in range(len(values) - 1, -1, -1):
        behind[at] = behind[at + 1] + values[at] * counts[at]
    search = _Search(values, counts, behind, most_parts, most_steps, [])
    if target > 0:
        search.look(0, target, most_parts, (), True)
    if len(search.found) > 1 or search.blurred:
        return Combination("several")
    if search.steps <= 0:
        return Combination("gave up")
    if not search.found:
        return Combination("none")
    taken = [place for number in search.found[0] for place in places[values[number]]]
    return Combination("unique", tuple(sorted(taken)))


def _few(target: int, amounts: Sequence[int], most_parts: int) -> list[tuple[int, ...]] | None:
    """Choices of two to `most_parts` (at most FEW) amounts, as places, the first two that there
    are; None where there are too many amounts for that."""
    usable = [place for place, amount in enumerate(amounts) if 0 < amount < target]
    if len(usable) > MOST_PAIRED:
        return None
    values = np.array([amounts[place] for place in usable], np.int64)
    first, second = (side.astype(np.int64) for side in np.triu_indices(len(values), 1))
    two = values[first] + values[second]
    at = np.flatnonzero(two == target)[:2] if most_parts > 1 else np.zeros(0, np.int64)
    found: list[tuple[int, ...]] = [(int(first[row]), int(second[row])) for row in at]
    ahead = np.stack([first, second])
    if most_parts > 2 and len(found) < 2:
        found += _behind(target - two, ahead, values, np.arange(len(values))[None])
    if most_parts > 3 and len(found) < 2:
        found += _behind(target - two, ahead, two, ahead)
    return [tuple(usable[place] for place in one) for one in found[:2]]


def _behind(left: Ints, ahead: Ints, sums: Ints, parts: Ints) -> list[tuple[int, ...]]:
    """The first two ways to complete `ahead` (places of pairs, by column) by parts of the sum
    that is left, each behind the pair, so that no choice is seen twice."""
    order = np.argsort(sums, kind="stable")
    low = np.searchsorted(sums[order], left, "left")
    count = np.searchsorted(sums[order], left, "right") - low
    rows = np.flatnonzero(count)
    found: list[tuple[int, ...]] = []
    turn = np.cumsum(count[rows]) // BLOCK
    for block in np.split(rows, np.flatnonzero(np.diff(turn)) + 1) if len(rows) else []:
        many = count[block]
        shift = np.repeat(low[block] - (np.cumsum(many) - many), many)
        pair, part = np.repeat(block, many), order[np.arange(int(many.sum())) + shift]
        for at in np.flatnonzero(parts[0][part] > ahead[1][pair])[:2].tolist():
            found.append((*ahead[:, pair[at]].tolist(), *parts[:, part[at]].tolist()))
        if len(found) > 1:
            break
    return found[:2]
