"""What the quotes of a delimited block mean: which lines begin records, which fields are quoted.

A run of quotes is a step of a machine that is outside of a quoted field or inside one. Whether a
line begins inside of one is known only when the lines before it are: so what each line makes of
either beginning is found for all lines at once, and then where the records begin. The time is that
of the bytes, whatever they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from recond.arrays import Bools, Ints
from recond.parsers.columns import CR, LF, LONGEST, Bytes

_NONE = -1


@dataclass(frozen=True, slots=True)
class Runs:
    """Quotes that stand together, as one step each, in the order of the file, and the delimiters
    between them."""

    start: Ints
    end: Ints
    odd: Bools  # an odd number of quotes opens or closes; pairs are text
    opening: Bools  # stands where a field begins, if that is outside of quotes
    closing: Bools  # a field may end behind it
    opener: Ints  # where the field opened that it ends, or spoils
    marks: Ints  # the places of delimiters
    before: Ints  # how many runs stand before each of them


@dataclass(frozen=True, slots=True)
class Quoted:
    """The lines of a block as records, and their quoted fields.

    `inside` are lines that begin inside a quoted field, so that no record begins there; lines from
    `lines` on are left to the next block. `marks` are the delimiters outside of quoted fields;
    `drops` second quotes in them. `faulty` lines hold a field that opens at `places` and that no
    quote closes: each is a record of one field.
    """

    inside: Bools
    lines: int
    marks: Ints
    drops: Ints
    faulty: Ints
    places: Ints


def quote_runs(view: Bytes, quote: int, delimiter: int) -> Runs | None:
    """The quotes of a block of whole lines; None where none of them stands at the beginning of a
    field, so that all are characters like any other."""
    is_quote, is_mark = view == quote, view == delimiter
    apart = is_mark | (view == LF) | (view == CR)
    if not (is_quote[:1].any() or (is_quote[1:] & apart[:-1]).any()):
        return None
    quotes = np.flatnonzero(is_quote)
    alone = np.ones(len(quotes), dtype=np.bool_)  # no quote stands before it
    np.greater(quotes[1:] - quotes[:-1], 1, out=alone[1:])
    first = np.flatnonzero(alone)
    start = quotes[first]
    opening = apart[start - 1] | (start == 0)
    end = np.append(quotes[first[1:] - 1], quotes[-1]) + 1
    odd = (end - start) & 1 == 1
    opener = start.copy()
    at = np.flatnonzero(odd)  # between the quote that opens and the one that closes are pairs only
    opener[at[1:]] = start[at[:-1]]
    closing = np.append(apart, True)[end]
    closing &= end - opener <= LONGEST
    both = np.flatnonzero(is_quote | is_mark)
    at = np.flatnonzero(is_mark[both])
    before = at - np.arange(len(at))  # quotes, and from them runs
    if len(first) < len(quotes):
        before = np.append(0, np.cumsum(alone))[before]
    return Runs(start, end, odd, opening, closing, opener, both[at], before)


def read_quotes(runs: Runs, starts: Ints, ends: Ints, size: int, *, final: bool) -> Quoted:
    """What the runs of a block of `size` bytes mean whose lines are `starts` to `ends`.

    A field that no quote closes makes its record a fault, which ends with the line in which it
    began; of a block that is not the last one it is left to the next block, unless the record is
    longer than LONGEST.
    """
    first = np.searchsorted(runs.start, starts)
    whole = np.zeros(len(runs.start), dtype=np.bool_)
    whole[0] = True
    course = _Course(runs, whole, False)
    if course.faults[0] == _NONE and not course.after[0]:  # as in most files: one course to the end
        states = np.append(False, course.states)
        marks = runs.marks[~states[runs.before]]
        drops = _seconds(runs, course.before | runs.opening, course.before)
        return Quoted(states[first], len(starts), marks, drops, first[:0], first[:0])
    return _by_lines(runs, first, starts, ends, size, final=final)


def _by_lines(
    runs: Runs, first: Ints, starts: Ints, ends: Ints, size: int, *, final: bool
) -> Quoted:
    """The same of a block with faults, or with a record that it does not end."""
    line = np.repeat(np.arange(len(starts)), np.diff(first, append=len(runs.start)))
    lead = np.ones(len(line), dtype=np.bool_)
    np.not_equal(line[1:], line[:-1], out=lead[1:])
    lines = line[lead]
    outside, inside = _Course(runs, lead, False), _Course(runs, lead, True)
    heads, tails, faults, last = _joined(runs, outside, inside)
    goes_on = np.zeros(len(starts) + 1, dtype=np.int8)
    goes_on[lines[heads] + 1] = 1
    goes_on[lines[tails] + 1] -= 1
    within = np.cumsum(goes_on[:-1], dtype=np.int8).view(np.bool_)
    faults = np.where(within[lines], _NONE, faults)
    count = len(starts)
    if not final:  # of the records that end with the block the first one that is not too long
        open_ = lines[last]
        open_ = open_[size - starts[open_] <= LONGEST]
        count = int(open_[0]) if len(open_) else count
    live = ((lines < count) & (faults == _NONE))[np.cumsum(lead) - 1]
    wrong = (lines < count) & (faults != _NONE)
    states = np.where(within[line], inside.states, outside.states) & live
    marks = runs.marks[~np.append(False, states)[runs.before]]
    marks = marks[: np.searchsorted(marks, starts[count])] if count < len(starts) else marks
    marks = _without(marks, starts[lines[wrong]], ends[lines[wrong]])
    before = np.where(within[line], inside.before, outside.before)
    drops = _seconds(runs, live & (before | runs.opening), before)
    return Quoted(within, count, marks, drops, lines[wrong], faults[wrong])


def _without(marks: Ints, starts: Ints, ends: Ints) -> Ints:
    """The marks that stand in none of some lines."""
    if not len(starts):
        return marks
    spans = np.zeros(len(marks) + 1, dtype=np.int8)
    low, high = np.searchsorted(marks, starts), np.searchsorted(marks, ends)
    some = low < high
    spans[low[some]] += 1
    spans[high[some]] -= 1
    outside: Ints = marks[np.cumsum(spans[:-1], dtype=np.int8) == 0]
    return outside


def _states(turns: Bools, settled: Bools, value: Bools) -> Bools:
    """The state after each of many steps, of which some turn it, some set it to a value whatever
    it was and the others leave it; the first one sets it."""
    at = np.maximum.accumulate(np.where(settled, np.arange(len(turns)), 0))
    turned = np.bitwise_xor.accumulate((turns & ~settled).view(np.uint8)).view(np.bool_)
    return value[at] ^ turned ^ turned[at]


class _Course:
    """What happens in each line that holds quotes, if all of them begin in one state."""

    def __init__(self, runs: Runs, lead: Bools, inside: bool) -> None:
        swap = runs.odd & runs.opening & runs.closing
        put = runs.odd & ~swap
        value = np.where(put, runs.opening, swap ^ inside)
        self.states = _states(swap, put | lead, value)  # behind each run, and before it
        self.before: Bools = np.empty_like(self.states)
        self.before[1:], self.before[lead] = self.states[:-1], inside
        first = np.flatnonzero(lead)
        self.after: Bools = self.states[np.append(first[1:], len(lead)) - 1]  # behind each line
        wrong = ~runs.closing & np.where(self.before, runs.odd, runs.opening & ~runs.odd)
        # Where the field opened that makes the line a fault; the first one counts.
        self.faults: Ints = np.full(len(first), _NONE, dtype=np.int64)
        at = np.flatnonzero(wrong)[::-1]
        self.faults[np.searchsorted(first, at, side="right") - 1] = runs.opener[at]


def _joined(runs: Runs, outside: _Course, inside: _Course) -> tuple[Ints, Ints, Ints, Ints]:
    """Lines with quotes (by their number among those) that are the first and the last ones of
    records of several; faults of lines that begin a record; and the lines whose record goes on
    to the end of the block, which are faults too."""
    opens = (outside.faults == _NONE) & outside.after
    # A record that goes on ends in the first line behind it that does not end inside again.
    ending = (inside.faults != _NONE) | ~inside.after
    ends = np.flatnonzero(ending)
    sound = np.append(inside.faults[ends] == _NONE, False)  # one more: the end of the block
    rows = np.flatnonzero(opens)
    to = np.cumsum(ending)[rows]  # in which of `ends`
    at_end = ending[rows]  # it is itself the line before that ends a record, if one goes on there
    inner, edge = np.zeros(len(sound), dtype=np.bool_), np.zeros(len(sound), dtype=np.bool_)
    inner[to[~at_end]] = True
    edge[to[at_end]] = True
    turns = sound & edge & ~inner
    taken = _states(turns, ~turns, sound & inner)  # whether a record really goes on to that end
    begins = ~(at_end & taken[to - 1])
    rows, to = rows[begins], to[begins]
    whole = taken[to]
    heads = whole.copy()
    heads[1:] &= to[1:] != to[:-1]
    faults = outside.faults.copy()
    opened = runs.start[runs.odd][-1:]
    faults[rows[~whole]] = np.append(inside.faults[ends], opened)[to[~whole]]
    return rows[heads], ends[to[heads]], faults, rows[to == len(ends)]


def _seconds(runs: Runs, quoted: Bools, inside: Bools) -> Ints:
    """The places of second quotes inside of quoted fields, from the runs that stand in some."""
    length = runs.end - runs.start
    rows = np.flatnonzero(quoted & (length > 1))
    length = length[rows]
    place = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    second = np.repeat(inside[rows], length) ^ (place & 1 == 0)
    second &= place > 0
    return cast(Ints, (np.repeat(runs.start[rows], length) + place)[second])
