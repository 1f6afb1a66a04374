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

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from recond.arrays import Bools, Ints, bools, ints
from recond.clearing import words
from recond.clearing.subsets import unique_subset
from recond.clearing.tables import PAIRS, Cleared, Doubt, Limits

ROUNDS = 3  # what one tier takes away may make another tier's candidate the only one


class _Table:
    """Deposits and lines as NumPy, and which of them are still open."""

    def __init__(self, deposits: pa.Table, lines: pa.Table, limits: Limits) -> None:
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
        self.own = _Tokens.of(deposits["own"], said)
        self.streams = _Tokens.of(deposits["streams"], said)

    def take(self, deposit: Ints, line: Ints, rule: str) -> None:
        """Pair these deposits and lines."""
        if len(deposit):
            self.made.append((deposit, line, rule))
            self.free_deposit[deposit] = False
            self.free_line[line] = False


def clear(deposits: pa.Table, lines: pa.Table, limits: Limits | None = None) -> Cleared:
    """Pair OPEN_DEPOSITS with OPEN_LINES. A line is paired whole or not at all; its cents go to
    its deposits as they fit, a difference to the one deposit that it names.

    Both tables are ordered by their key; so is what comes out.
    """
    table = _Table(deposits, lines, limits or Limits())
    pairs = _candidates(table)
    for _ in range(ROUNDS):
        before = len(table.made)
        _one_to_one(table, pairs)
        _together(table)
        _several(table)
        if len(table.made) == before:
            break
    _differing(table, pairs)
    _tied(table, pairs)
    return Cleared(_pairs(table), tuple(table.doubts[key] for key in sorted(table.doubts)))


class _Tokens:
    """Who says which token: rows (deposit, token) and (line, token), tokens as numbers. The two
    are never joined as a whole: a box that every line names would be all pairs."""

    def __init__(self, deposits: pd.DataFrame, lines: pd.DataFrame) -> None:
        self.deposits, self.lines = deposits, lines

    @classmethod
    def of(cls, own: pa.ChunkedArray, said: tuple[Ints, pa.Array]) -> _Tokens:
        """Tokens of deposits that some line says."""
        deposit, token = words.tokens(own.combine_chunks())
        line, word = said
        left, right = words.codes(token, word)
        known = np.isin(right, left)
        mine = pd.DataFrame({"deposit": deposit, "token": left})
        theirs = pd.DataFrame({"line": line[known], "token": right[known]})
        return cls(mine.drop_duplicates(), theirs.drop_duplicates())

    def say(self, deposit: Ints, line: Ints) -> Bools:
        """Whether each line says a token of its deposit."""
        pairs = pd.DataFrame({"deposit": deposit, "line": line, "pair": np.arange(len(line))})
        named = pairs.merge(self.deposits, on="deposit").merge(self.lines, on=["line", "token"])
        found = np.zeros(len(line), np.bool_)
        found[named["pair"].to_numpy(np.int64)] = True
        return found

    def pairs(self, table: _Table, *, day: bool) -> pd.DataFrame:
        """Open deposits and open lines that say their token, on the same day only with `day`.
        A token that too many say on both sides says nothing."""
        left = self.deposits[table.free_deposit[self.deposits["deposit"].to_numpy(np.int64)]]
        right = self.lines[table.free_line[self.lines["line"].to_numpy(np.int64)]]
        keys = ["token"]
        if day:
            keys = ["token", "day"]
            left = left.assign(day=table.deposit_day[left["deposit"].to_numpy(np.int64)])
            right = right.assign(day=table.line_day[right["line"].to_numpy(np.int64)])
        sizes = left.groupby(keys).size().mul(right.groupby(keys).size()).dropna()
        few = sizes[sizes <= table.limits.equal_pairs].index.to_frame(index=False)
        joined = left.merge(few, on=keys).merge(right, on=keys)
        return joined.drop_duplicates(["deposit", "line"])[["deposit", "line"]]


def _candidates(table: _Table) -> pd.DataFrame:
    """Pairs of equal amounts whose kind of money and days fit, with what speaks for them."""
    left = pd.DataFrame({"deposit": np.arange(len(table.deposit_no)), "cents": table.deposit_cents})
    right = pd.DataFrame({"line": np.arange(len(table.line_no)), "cents": table.line_cents})
    sizes = left.groupby("cents").size().mul(right.groupby("cents").size()).dropna()
    few = sizes.index[sizes <= table.limits.equal_pairs]
    found = left[left["cents"].isin(few)].merge(right, on="cents")
    deposit, line = found["deposit"].to_numpy(np.int64), found["line"].to_numpy(np.int64)
    found["days"] = table.line_day[line] - table.deposit_day[deposit]
    found["own"] = table.own.say(deposit, line)
    found["stream"] = table.streams.say(deposit, line)
    other = _names_another(table, deposit, line) & ~found["stream"].to_numpy(np.bool_)
    fits = (table.line_kinds[line] & table.deposit_kind[deposit]) != 0
    inside = found["days"].between(-table.limits.before, table.limits.after).to_numpy(np.bool_)
    found["against"] = other
    keep = found["own"].to_numpy(np.bool_) | (fits & inside)
    return found[keep].reset_index(drop=True)


def _names_another(table: _Table, deposit: Ints, line: Ints) -> Bools:
    """Whether a line names a stream of the deposit's kind of money (of another deposit)."""
    tokens = table.streams
    kind = table.deposit_kind[tokens.deposits["deposit"].to_numpy(np.int64)]
    kinds = pd.DataFrame({"token": tokens.deposits["token"], "kind": kind}).drop_duplicates()
    named = tokens.lines.merge(kinds, on="token")
    key = named["line"].to_numpy(np.int64) * 64 + named["kind"].to_numpy(np.int64)
    return np.isin(line * 64 + table.deposit_kind[deposit], np.unique(key))


def _one_to_one(table: _Table, pairs: pd.DataFrame) -> None:
    right = ~pairs["against"]
    tiers = (
        ("named", pairs["own"]),
        ("stream_day", pairs["stream"] & (pairs["days"] == 0)),
        ("stream", pairs["stream"]),
        ("day", right & (pairs["days"] == 0)),
        ("window", right),
    )
    for rule, chosen in tiers:
        part = _open(table, pairs[chosen])
        once = ~part.duplicated("deposit", keep=False) & ~part.duplicated("line", keep=False)
        part = part[once]
        table.take(part["deposit"].to_numpy(np.int64), part["line"].to_numpy(np.int64), rule)


def _open(table: _Table, pairs: pd.DataFrame) -> pd.DataFrame:
    deposit, line = pairs["deposit"].to_numpy(np.int64), pairs["line"].to_numpy(np.int64)
    return pairs[table.free_deposit[deposit] & table.free_line[line]]


def _together(table: _Table) -> None:
    """One line for all deposits of a stream and day, then of a kind of money and day."""
    _take_streams(table)
    free_deposit, free_line = np.flatnonzero(table.free_deposit), np.flatnonzero(table.free_line)
    for kind in np.unique(table.deposit_kind[free_deposit]):
        mine = free_deposit[table.deposit_kind[free_deposit] == kind]
        lines = free_line[(table.line_kinds[free_line] & kind) != 0]
        left = pd.DataFrame({"deposit": mine, "day": table.deposit_day[mine]})
        right = pd.DataFrame({"line": lines, "day": table.line_day[lines]})
        if len(left) * len(right) == 0:
            continue
        both = left.merge(right.drop_duplicates("day", keep=False), on="day")
        _take_groups(
            table, both["deposit"].to_numpy(np.int64), both["line"].to_numpy(np.int64)
        )  # fmt: skip


def _take_streams(table: _Table) -> None:
    """Sums of the open deposits of a stream and day against the lines that name it."""
    owners = table.streams.deposits
    owners = owners[table.free_deposit[owners["deposit"].to_numpy(np.int64)]]
    deposit = owners["deposit"].to_numpy(np.int64)
    owners = owners.assign(
        day=table.deposit_day[deposit],
        kind=table.deposit_kind[deposit],
        cents=table.deposit_cents[deposit],
    )
    keys = ["token", "kind", "day"]
    groups = owners.groupby(keys, sort=True)["cents"].agg(["sum", "size"]).reset_index()
    groups = groups[groups["size"] > 1]
    said = table.streams.lines
    said = said[table.free_line[said["line"].to_numpy(np.int64)]]
    line = said["line"].to_numpy(np.int64)
    said = said.assign(sum=table.line_cents[line], line_day=table.line_day[line])
    fits = groups.merge(said, on=["token", "sum"])
    days = fits["line_day"] - fits["day"]
    near = days.between(-table.limits.before, table.limits.subset_window)
    bits = table.line_kinds[fits["line"].to_numpy(np.int64)] & fits["kind"].to_numpy(np.int64)
    fits = fits[near & (bits != 0)]
    chosen = owners.merge(fits[[*keys, "line"]], on=keys).drop_duplicates(["deposit", "line"])
    _take_groups(table, chosen["deposit"].to_numpy(np.int64), chosen["line"].to_numpy(np.int64))


def _take_groups(table: _Table, deposit: Ints, line: Ints) -> None:
    """Lines that bring exactly the sum of the deposits of one expected day, two or more."""
    pairs = pd.DataFrame(
        {
            "deposit": deposit,
            "line": line,
            "day": table.deposit_day[deposit],
            "cents": table.deposit_cents[deposit],
        }
    )
    groups = pairs.groupby(["line", "day"], sort=True)["cents"].agg(["sum", "size"]).reset_index()
    groups = groups[
        (groups["size"] > 1)
        & (groups["sum"].to_numpy() == table.line_cents[groups["line"].to_numpy(np.int64)])
    ]
    groups = groups[~groups.duplicated("line", keep=False)]
    chosen = pairs.merge(groups[["line", "day"]], on=["line", "day"])
    # a deposit that two lines could bring in this way is brought by none of them
    tied = chosen[chosen.duplicated("deposit", keep=False)]["line"].unique()
    chosen = chosen[~chosen["line"].isin(tied)]
    table.take(chosen["deposit"].to_numpy(np.int64), chosen["line"].to_numpy(np.int64), "together")


def _several(table: _Table) -> None:
    """Lines (then deposits) one by one: only those that no tier before could explain."""
    limits = table.limits
    searched = 0
    for line in np.flatnonzero(table.free_line & (table.line_cents > 0)):
        if searched >= limits.subset_lines:
            break
        mask = table.free_deposit & ((table.line_kinds[line] & table.deposit_kind) != 0)
        mask &= table.deposit_cents <= table.line_cents[line]
        near = _near(table.deposit_day, mask, int(table.line_day[line]), limits)
        if len(near) < 2:
            continue
        searched += 1
        found = unique_subset(int(table.line_cents[line]), table.deposit_cents[near].tolist())
        if found is None:
            table.doubts[int(table.line_no[line])] = _doubt(table, int(line), near)
        elif found:
            chosen = near[list(found)]
            if not _splits_kinds(table, chosen):
                table.take(chosen, np.full(len(chosen), line), "several")
    for deposit in np.flatnonzero(table.free_deposit & (table.deposit_cents > 0)):
        if searched >= limits.subset_lines:
            break
        mask = table.free_line & ((table.line_kinds & table.deposit_kind[deposit]) != 0)
        mask &= table.line_cents <= table.deposit_cents[deposit]
        near = _near(table.line_day, mask, int(table.deposit_day[deposit]), limits)
        if len(near) < 2:
            continue
        searched += 1
        found = unique_subset(int(table.deposit_cents[deposit]), table.line_cents[near].tolist())
        if found:
            chosen = near[list(found)]
            table.take(np.full(len(chosen), deposit), chosen, "several")


def _near(days: Ints, mask: Bools, day: int, limits: Limits) -> Ints:
    """The open ones in the window, the nearest days first."""
    distance = np.abs(days - day)
    places: npt.NDArray[np.int64] = np.flatnonzero(mask & (distance <= limits.subset_window))
    order = np.lexsort((places, distance[places]))
    return places[order][: limits.subset_items]


def _splits_kinds(table: _Table, deposits: Ints) -> bool:
    """One credit brings one kind of money."""
    return len(np.unique(table.deposit_kind[deposits])) > 1


def _doubt(table: _Table, line: int, deposits: Ints) -> Doubt:
    numbers = tuple(int(table.deposit_no[one]) for one in deposits[:5])
    return Doubt(int(table.line_no[line]), "CLEARING_AMBIGUOUS", numbers)


def _differing(table: _Table, pairs: pd.DataFrame) -> None:
    """A credit that names the one open deposit it can be and brings another amount (E34); not one
    that has the very amount of another deposit: there the source may be wrong, not the amount."""
    elsewhere = np.unique(_open(table, pairs)["line"].to_numpy(np.int64))
    own = table.own.pairs(table, day=False)
    own = own[~own["line"].isin(elsewhere)]
    _take_differing(table, own["deposit"].to_numpy(np.int64), own["line"].to_numpy(np.int64))
    stream = table.streams.pairs(table, day=True)
    stream = stream[~stream["line"].isin(elsewhere)]
    deposit, line = stream["deposit"].to_numpy(np.int64), stream["line"].to_numpy(np.int64)
    fits = (table.line_kinds[line] & table.deposit_kind[deposit]) != 0
    _take_differing(table, deposit[fits], line[fits])


def _take_differing(table: _Table, deposit: Ints, line: Ints) -> None:
    sound = ~table.touched[deposit] & ~table.held[deposit]
    sound &= (table.deposit_cents[deposit] > 0) & (table.line_cents[line] > 0)
    pairs = pd.DataFrame({"deposit": deposit, "line": line, "sound": sound})
    once = ~pairs.duplicated("deposit", keep=False) & ~pairs.duplicated("line", keep=False)
    pairs = pairs[once & pairs["sound"]]
    table.take(pairs["deposit"].to_numpy(np.int64), pairs["line"].to_numpy(np.int64), "differs")


def _tied(table: _Table, pairs: pd.DataFrame) -> None:
    """Lines with candidates that nothing could tell apart, or that contradict them."""
    left = _open(table, pairs)
    for line, group in left.groupby("line", sort=True):
        number = int(table.line_no[int(line)])
        deposits = group["deposit"].to_numpy(np.int64)
        code = "CREDIT_ELSEWHERE" if group["against"].all() else "CLEARING_AMBIGUOUS"
        numbers = tuple(int(table.deposit_no[one]) for one in deposits[:5])
        table.doubts[number] = Doubt(number, code, numbers)
    for line in np.flatnonzero(~table.free_line):
        table.doubts.pop(int(table.line_no[line]), None)


def _pairs(table: _Table) -> pa.Table:
    """PAIRS in order of line and deposit; of several lines each gives what it brings."""
    if not table.made:
        return PAIRS.empty_table()
    deposit = np.concatenate([one for one, _, _ in table.made])
    line = np.concatenate([one for _, one, _ in table.made])
    rule = np.concatenate([np.repeat(name, len(one)) for one, _, name in table.made])
    lines_of = np.bincount(line, minlength=len(table.line_no))
    # a line for several deposits gives each its amount; any other line gives all it has
    cents = np.where(lines_of[line] > 1, table.deposit_cents[deposit], table.line_cents[line])
    days = table.line_day[line] - table.deposit_day[deposit]
    evidence = [_evidence(name, int(gap)) for name, gap in zip(rule, days, strict=True)]
    made = pa.table(
        {
            "deposit_no": table.deposit_no[deposit],
            "line_no": table.line_no[line],
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
