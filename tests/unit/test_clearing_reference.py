"""The clearing cascade against a plain reading of its rules: loops over pairs, one at a time."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pyarrow as pa

from recond.clearing.cascade import clear
from recond.clearing.tables import OPEN_DEPOSITS, OPEN_LINES, SOURCES, Limits

KINDS = (1, 2, 4, 8, 16)
Row = dict[str, Any]
Pair = tuple[int, int]  # places of a deposit and of a line


def tokens(text: str) -> set[str]:
    return {word.lstrip("0") for word in text.split() if len(word.lstrip("0")) >= 4}


@dataclass
class Naive:
    """The rules as `recond.clearing.cascade` says them in words."""

    deposits: list[Row]
    lines: list[Row]
    limits: Limits
    sources: list[Row]

    def __post_init__(self) -> None:
        self.open_d, self.open_l = set(range(len(self.deposits))), set(range(len(self.lines)))
        self.made: list[tuple[int, int, str]] = []
        self.doubts: dict[int, tuple[str, tuple[int, ...]]] = {}
        self.words = [tokens(line["words"]) for line in self.lines]
        self.own = [tokens(d["own"]) for d in self.deposits]
        self.streams = [tokens(d["streams"]) for d in self.deposits]

    def fits(self, d: int, n: int) -> bool:
        return bool(self.deposits[d]["kinds"] & self.lines[n]["kinds"])

    def days(self, d: int, n: int) -> int:
        return int(self.lines[n]["day"] - self.deposits[d]["day"])

    def another(self, d: int, n: int) -> bool:
        """The line names a source of that kind of money, and not this deposit's."""
        kind = self.deposits[d]["kinds"]
        known = {t for row in (*self.deposits, *self.sources) if row["kinds"] == kind
                 for t in tokens(row["streams"])}  # fmt: skip
        return bool(known & self.words[n]) and not self.streams[d] & self.words[n]

    def take(self, pairs: Iterable[Pair], rule: str) -> None:
        for d, n in list(pairs):
            self.made.append((d, n, rule))
            self.open_d.discard(d)
            self.open_l.discard(n)

    def left(self, pairs: Iterable[Pair]) -> list[Pair]:
        return [(d, n) for d, n in pairs if d in self.open_d and n in self.open_l]

    def alone(self, pairs: Iterable[Pair]) -> list[Pair]:
        pairs = list(pairs)
        left, right = Counter(d for d, _ in pairs), Counter(n for _, n in pairs)
        return [(d, n) for d, n in pairs if left[d] == right[n] == 1]

    def run(self) -> None:
        pairs = self.candidates()
        for _ in range(3):
            before = len(self.made)
            self.one_to_one(pairs)
            self.together()
            self.several()
            if len(self.made) == before:
                break
        self.differing(pairs)
        left = self.left(pairs)
        for n in sorted({n for _, n in left}):
            mine = [d for d, other in left if other == n]
            against = all(self.another(d, n) for d in mine)
            self.doubt(n, mine, "CREDIT_ELSEWHERE" if against else "CLEARING_AMBIGUOUS")
        self.doubts = {n: said for n, said in self.doubts.items() if n in self.open_l}

    def doubt(self, n: int, deposits: list[int], code: str = "CLEARING_AMBIGUOUS") -> None:
        self.doubts[n] = (code, tuple(deposits[:5]))

    def candidates(self) -> list[Pair]:
        left = Counter(d["cents"] for d in self.deposits)
        right = Counter(n["cents"] for n in self.lines)
        found = []
        for d, deposit in enumerate(self.deposits):
            for n, line in enumerate(self.lines):
                cents = deposit["cents"]
                if cents != line["cents"] or left[cents] * right[cents] > self.limits.equal_pairs:
                    continue
                near = -self.limits.before <= self.days(d, n) <= self.limits.after
                if self.own[d] & self.words[n] or (self.fits(d, n) and near):
                    found.append((d, n))
        return found

    def one_to_one(self, pairs: list[Pair]) -> None:
        def stream(d: int, n: int) -> bool:
            return bool(self.streams[d] & self.words[n])

        tiers = {
            "named": lambda d, n: bool(self.own[d] & self.words[n]),
            "stream_day": lambda d, n: stream(d, n) and self.days(d, n) == 0,
            "stream": stream,
            "day": lambda d, n: not self.another(d, n) and self.days(d, n) == 0,
            "window": lambda d, n: not self.another(d, n),
        }
        for rule, chosen in tiers.items():
            self.take(self.alone(p for p in self.left(pairs) if chosen(*p)), rule)

    def together(self) -> None:
        found: set[Pair] = set()
        groups: dict[tuple[str, int, int], list[int]] = defaultdict(list)
        for d in sorted(self.open_d):
            for token in self.streams[d]:
                groups[token, self.deposits[d]["kinds"], self.deposits[d]["day"]].append(d)
        for (token, _, _), mine in groups.items():
            total = sum(self.deposits[d]["cents"] for d in mine)
            for n in self.open_l:
                near = -self.limits.before <= self.days(mine[0], n) <= self.limits.subset_window
                if (len(mine) > 1 and token in self.words[n] and self.lines[n]["cents"] == total
                        and near and self.fits(mine[0], n)):  # fmt: skip
                    found |= {(d, n) for d in mine}
        self.groups(found)
        for kind in KINDS:
            lines = [n for n in self.open_l if self.lines[n]["kinds"] & kind]
            self.groups(
                {(d, n) for d in self.open_d if self.deposits[d]["kinds"] == kind
                 for n in lines if self.days(d, n) == 0}
            )  # fmt: skip

    def groups(self, pairs: set[Pair]) -> None:
        by: dict[tuple[int, int], list[int]] = defaultdict(list)
        for d, n in sorted(pairs):
            by[n, self.deposits[d]["day"]].append(d)
        good = {
            key: mine
            for key, mine in by.items()
            if len(mine) > 1
            and sum(self.deposits[d]["cents"] for d in mine) == self.lines[key[0]]["cents"]
        }
        lines = Counter(n for n, _ in good)
        chosen = [(d, n) for (n, _), mine in good.items() if lines[n] == 1 for d in mine]
        brought = Counter(d for d, _ in chosen)
        tied = {n for d, n in chosen if brought[d] > 1}
        self.take([(d, n) for d, n in chosen if n not in tied], "together")

    def near(self, places: Iterable[int], rows: list[Row], day: int) -> list[int]:
        near = [p for p in places if abs(rows[p]["day"] - day) <= self.limits.subset_window]
        ranked = sorted(near, key=lambda p: (abs(rows[p]["day"] - day), p))
        return ranked[: self.limits.subset_items]

    def several(self) -> None:
        for n, line in enumerate(self.lines):
            if n in self.open_l and line["cents"] > 0:
                fit = [d for d in self.open_d if self.fits(d, n)]
                fit = [d for d in fit if self.deposits[d]["cents"] <= line["cents"]]
                near = self.near(fit, self.deposits, line["day"])
                sums = self.sums(near, self.deposits, line["cents"])
                if len(sums) > 1:
                    self.doubt(n, near)
                elif sums and len({self.deposits[d]["kinds"] for d in sums[0]}) == 1:
                    self.take([(d, n) for d in sums[0]], "several")
        for d, deposit in enumerate(self.deposits):
            if d in self.open_d and deposit["cents"] > 0:
                fit = [n for n in self.open_l if self.fits(d, n)]
                fit = [n for n in fit if self.lines[n]["cents"] <= deposit["cents"]]
                near = self.near(fit, self.lines, deposit["day"])
                sums = self.sums(near, self.lines, deposit["cents"])
                if len(sums) == 1:
                    self.take([(d, n) for n in sums[0]], "several")

    @staticmethod
    def sums(places: list[int], rows: list[Row], cents: int) -> list[tuple[int, ...]]:
        if len(places) < 2:
            return []
        return [
            one
            for size in range(2, len(places) + 1)
            for one in combinations(places, size)
            if sum(rows[p]["cents"] for p in one) == cents
        ]

    def differing(self, pairs: list[Pair]) -> None:
        elsewhere = {n for _, n in self.left(pairs)}
        every = [(d, n) for d in range(len(self.deposits)) for n in range(len(self.lines))]
        for said, more in (
            (self.own, lambda d, n: True),
            (self.streams, lambda d, n: self.fits(d, n) and self.days(d, n) == 0),
        ):
            named = [(d, n) for d, n in self.left(every) if n not in elsewhere
                     and said[d] & self.words[n] and more(d, n)]  # fmt: skip
            sound = [
                (d, n)
                for d, n in self.alone(named)
                if not self.deposits[d]["touched"] and not self.deposits[d]["held"]
                and self.deposits[d]["cents"] > 0 and self.lines[n]["cents"] > 0
            ]  # fmt: skip
            self.take(sound, "differs")


def world(rng: random.Random) -> tuple[list[Row], list[Row]]:
    """Deposits, and lines that are made from them or near them: alone, together, of another day,
    another amount, without words, and of nothing."""
    count = rng.randrange(9)
    deposits = [
        {"deposit_no": 3 * n + 1, "kinds": rng.choice(KINDS), "day": rng.randrange(6),
         "cents": rng.choice((100, 300, 300, 500, 700, 1100, -300)),
         "own": rng.choice(("", "", f"BAG{n:04d}")),
         "streams": rng.choice(("", "4471", "4471", "5500", "4471 5500")),
         "touched": rng.random() < 0.1, "held": rng.random() < 0.1}
        for n in range(count)
    ]  # fmt: skip
    lines = []
    for n in range(rng.randrange(8)):
        some = rng.sample(deposits, min(count, rng.choice((1, 1, 1, 2, 2, 3))))
        if rng.random() < 0.4 and some:
            some = [d for d in deposits if (d["kinds"], d["day"]) == (
                some[0]["kinds"], some[0]["day"])]  # fmt: skip
        words = [str(some[0][rng.choice(("own", "streams"))]) if some else "",
                 rng.choice(("REF17", "REF17", "BOX 007700"))]  # fmt: skip
        lines.append(
            {"line_no": 2 * n + 5,
             "kinds": rng.choice((15, 15, some[0]["kinds"] if some else 1, 6, 0, 16)),
             "day": (some[0]["day"] if some else 3) + rng.choice((0, 0, 0, 1, 2, -3, 7)),
             "cents": sum(d["cents"] for d in some) + rng.choice((0, 0, 0, 0, 100)),
             "words": " ".join(rng.sample(words, 2))}
        )  # fmt: skip
    return deposits, lines


def test_the_cascade_does_what_its_rules_say() -> None:
    rng, rules = random.Random(20260316), Counter[str]()
    for _ in range(400):
        deposits, lines = world(rng)
        limits = Limits(equal_pairs=rng.choice((4, 4096)), subset_items=rng.choice((3, 24)))
        sources = [{"kinds": rng.choice(KINDS), "streams": "7700"} for _ in range(rng.randrange(3))]
        naive = Naive(deposits, lines, limits, sources)
        naive.run()
        found = clear(
            pa.Table.from_pylist(deposits, schema=OPEN_DEPOSITS),
            pa.Table.from_pylist(lines, schema=OPEN_LINES),
            limits,
            pa.Table.from_pylist(sources, schema=SOURCES),
        )
        pairs = {(r["deposit_no"], r["line_no"], r["rule"]) for r in found.pairs.to_pylist()}
        assert pairs == {
            (deposits[d]["deposit_no"], lines[n]["line_no"], rule) for d, n, rule in naive.made
        }, (deposits, lines)
        doubts = {one.line_no: (one.code, one.deposits) for one in found.doubts}
        assert doubts == {
            lines[n]["line_no"]: (code, tuple(deposits[d]["deposit_no"] for d in mine))
            for n, (code, mine) in naive.doubts.items()
        }
        rules.update(rule for *_, rule in pairs)
        rules.update(code for code, _ in doubts.values())
    told = {"named", "stream_day", "stream", "day", "window", "together", "several", "differs",
            "CLEARING_AMBIGUOUS", "CREDIT_ELSEWHERE"}  # fmt: skip
    assert set(rules) == told
    assert min(rules.values()) >= 2, rules
