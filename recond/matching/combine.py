"""Combinations: which few of many open amounts add up to a payment, if just one choice does.

A free subset is a weak thing: with tariff prices most sums have several answers, and then none is
proved (performance section 2). So the search stops at the second answer, and says so when it gave
up. What it finds is suggested to people and never posts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

MOST_PARTS = 8  # a check that pays more than so many bills comes with a list
MOST_STEPS = 20_000  # about 20 ms

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
    found: list[tuple[int, ...]]  # how often each value is taken; at most two answers
    blurred: bool = False  # an answer takes some of several equal amounts: which is not known

    def done(self) -> bool:
        return len(self.found) > 1 or self.blurred or self.steps <= 0

    def look(self, at: int, left: int, parts: int, taken: tuple[int, ...]) -> None:
        """Answers that take `left` more from the values at `at` and behind."""
        if left == 0:
            self.found.append(taken)
            chosen = zip(taken, self.counts, strict=False)
            self.blurred |= any(0 < take < count for take, count in chosen)
            return
        self.steps -= 1
        if at == len(self.values) or left > self.behind[at] or parts == self.most_parts:
            return
        most = min(self.counts[at], left // self.values[at], self.most_parts - parts)
        for take in range(most, -1, -1):
            if self.done():
                return
            self.look(at + 1, left - take * self.values[at], parts + take, (*taken, take))


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
        search.look(0, target, 0, ())
    if len(search.found) > 1 or search.blurred:
        return Combination("several")
    if search.steps <= 0:
        return Combination("gave up")
    if not search.found:
        return Combination("none")
    chosen = zip(values, search.found[0], strict=False)
    taken = [place for value, take in chosen if take for place in places[value]]
    return Combination("unique", tuple(sorted(taken)))
