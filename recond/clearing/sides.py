"""The two sides of the cascade: deposits and lines as NumPy, what is open of them, and by which
words a line names a deposit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from recond.arrays import Bools, Ints, bools, ints
from recond.clearing import joins, words
from recond.clearing.tables import SOURCES, Doubt, Limits

Pair = tuple[Ints, Ints]  # places of deposits and of lines


class Sides:
    """Deposits and lines, and which of them are still open."""

    def __init__(
        self, deposits: pa.Table, lines: pa.Table, sources: pa.Table, limits: Limits
    ) -> None:
        self.limits = limits
        self.deposit_no, self.line_no = ints(deposits["deposit_no"]), ints(lines["line_no"])
        self.deposit_kind, self.line_kinds = ints(deposits["kinds"]), ints(lines["kinds"])
        self.deposit_day, self.line_day = ints(deposits["day"]), ints(lines["day"])
        self.deposit_cents, self.line_cents = ints(deposits["cents"]), ints(lines["cents"])
        self.touched, self.held = bools(deposits["touched"]), bools(deposits["held"])
        self.free_deposit = np.ones(deposits.num_rows, np.bool_)
        self.free_line = np.ones(lines.num_rows, np.bool_)
        self.made: list[tuple[Ints, Ints, str]] = []
        self.doubts: dict[int, Doubt] = {}
        said = words.tokens(lines["words"].combine_chunks())
        self.own = Tokens.of(deposits["own"], said)
        self.streams = Tokens.of(deposits["streams"], said)
        # every known source, whether or not a deposit of it is open
        known = pa.concat_tables([sources, deposits.select(SOURCES.names)])
        self.sources, self.source_kind = Tokens.of(known["streams"], said), ints(known["kinds"])

    def take(self, deposit: Ints, line: Ints, rule: str) -> None:
        """Pair these deposits and lines."""
        if len(deposit):
            self.made.append((deposit, line, rule))
            self.free_deposit[deposit] = False
            self.free_line[line] = False

    def open(self, deposit: Ints, line: Ints) -> Bools:
        """Which pairs have both sides open."""
        return np.asarray(self.free_deposit[deposit] & self.free_line[line], np.bool_)

    def fits(self, deposit: Ints, line: Ints) -> Bools:
        """Which lines may bring that kind of money."""
        return np.asarray((self.line_kinds[line] & self.deposit_kind[deposit]) != 0, np.bool_)

    def doubt(self, line: int, deposits: Ints, code: str = "CLEARING_AMBIGUOUS") -> None:
        """Remember that somebody must be asked which of these deposits a line brings."""
        number = int(self.line_no[line])
        numbers = tuple(int(self.deposit_no[one]) for one in deposits[:5])
        self.doubts[number] = Doubt(number, code, numbers)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Who says which token: rows (deposit, token) and (line, token), each once, tokens as
    numbers. The two are never joined as a whole: a box that every line names would be all
    pairs."""

    deposit: Ints
    deposit_token: Ints
    line: Ints
    line_token: Ints

    @classmethod
    def of(cls, own: pa.ChunkedArray, said: tuple[Ints, pa.Array]) -> Tokens:
        """Tokens of deposits, and of the lines that say one of them."""
        deposit, token = words.tokens(own.combine_chunks())
        line, word = said
        left, right = words.codes(token, word)
        mine = joins.first(joins.codes(deposit, left))
        known = np.isin(right, left)
        line, right = line[known], right[known]
        theirs = joins.first(joins.codes(line, right))
        return cls(deposit[mine], left[mine], line[theirs], right[theirs])

    def say(self, deposit: Ints, line: Ints) -> Bools:
        """Whether each line says a token of its deposit."""
        pair, place = joins.join(deposit, self.deposit)
        span = int(max(self.deposit_token.max(initial=0), self.line_token.max(initial=0))) + 1
        said = np.isin(
            line[pair] * span + self.deposit_token[place], self.line * span + self.line_token
        )
        found = np.zeros(len(line), np.bool_)
        found[pair[said]] = True
        return found

    def pairs(self, sides: Sides, *, day: bool) -> Pair:
        """Open deposits and open lines that say their token, on the same day only with `day`.
        A token that too many say on both sides says nothing."""
        left, right = sides.free_deposit[self.deposit], sides.free_line[self.line]
        deposit, line = self.deposit[left], self.line[right]
        one, other = self.deposit_token[left], self.line_token[right]
        if day:
            days = np.concatenate([sides.deposit_day[deposit], sides.line_day[line]])
            keys = joins.codes(np.concatenate([one, other]), days)
            one, other = keys[: len(one)], keys[len(one) :]
        i, j = few(one, other, sides.limits)
        deposit, line = deposit[i], line[j]
        kept = joins.first(joins.codes(deposit, line))
        return deposit[kept], line[kept]


def few(left: Ints, right: Ints, limits: Limits) -> Pair:
    """`joins.join` without the keys of more pairs than `limits` allows: they say nothing."""
    keys, sizes = np.unique(left, return_counts=True)
    ranked = np.sort(right)
    others = np.searchsorted(ranked, keys, "right") - np.searchsorted(ranked, keys, "left")
    many = keys[sizes * others > limits.equal_pairs]
    if not len(many):
        return joins.join(left, right)
    mine, theirs = np.flatnonzero(~np.isin(left, many)), np.flatnonzero(~np.isin(right, many))
    i, j = joins.join(left[mine], right[theirs])
    return mine[i], theirs[j]
