"""Names of payers against names of customers: recall at a precision, and time.

    python -m tests.bench.names --payments 10000 --customers 100000

Invented customers whose words are as common as people's are (a few hundred SMITHs, a long tail),
written by banks as banks do: initials, swapped, cut at 22 letters, misspelt, a second person. For
each payment the best customer, and none where the two best are alike; the threshold is the lowest
at which 98 % of the answers are right. Beside it the same choice from all pairs (rapidfuzz
`cdist`), and both where only customers count who owe the amount. Processor time of the process.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from rapidfuzz import fuzz, process
from rapidfuzz.utils import default_process

from recond.matching.names import normalise_names
from recond.matching.namesearch import sharing

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
SYLLABLES = ("BA", "RE", "LO", "MI", "TAN", "SON", "VER", "DEN", "KU", "PEL", "GAR", "SCH", "ORT",
             "WIN", "HAL", "EZ", "MAR", "CO", "NI", "STE")  # fmt: skip
TRADES = ("TRADING", "LANDSCAPE", "RENTALS", "HOLDINGS", "CLEANING", "PROPERTIES", "MOTORS")
PRECISION = 0.98
MARGIN = 3  # of 100: so much better than the second has to be


def word(dice: random.Random) -> str:
    return "".join(dice.choices(SYLLABLES, k=dice.choice((2, 2, 3))))


def customers(dice: random.Random, count: int) -> list[str]:
    """Names by Zipf's law: the most common surname is one in a hundred."""
    first, last = [word(dice) for _ in range(400)], [word(dice) for _ in range(20_000)]
    weights = [1 / (rank + 12) for rank in range(len(last))]
    often = [1 / (rank + 5) for rank in range(len(first))]
    people = zip(
        dice.choices(first, often, k=count), dice.choices(first, often, k=count),
        dice.choices(last, weights, k=count), strict=True,
    )  # fmt: skip
    return [
        f"{surname} {dice.choice(TRADES)} LLC" if dice.random() < 0.08
        else f"{given} {middle[0]} {surname}" if dice.random() < 0.5 else f"{given} {surname}"
        for given, middle, surname in people
    ]  # fmt: skip


def written(dice: random.Random, name: str) -> str:
    """A customer's name as a bank writes it."""
    parts = name.split()
    kind = dice.random()
    if kind < 0.35:
        return name
    if kind < 0.5:
        return f"{parts[-1]} {' '.join(parts[:-1])}"
    if kind < 0.6:
        return f"{parts[0][0]} {' '.join(parts[1:])}"
    if kind < 0.7:
        return f"{parts[0]} & {word(dice)} {parts[-1]}"[:22]
    if kind < 0.85:
        place = dice.randrange(len(name) - 1)
        return name[:place] + dice.choice("AEIOTRN") + name[place + 1 :]
    if kind < 0.95:
        place = dice.randrange(len(name) - 1)
        return name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    return name[:22]


Best = tuple[Ints, Ints, Ints]  # of each payment: the best customer, its score, the second's


def chosen(one: Ints, other: Ints, score: Ints, count: int) -> Best:
    """The best customer of each payment and the score of the second best."""
    order = np.lexsort((-score, one))
    one, other, score = one[order], other[order], score[order]
    first = np.flatnonzero(np.append(True, one[1:] != one[:-1])) if len(one) else one
    best, top, second = (np.full(count, -1), np.full(count, -1), np.full(count, -1))
    best[one[first]], top[one[first]] = other[first], score[first]
    after = first + 1
    after = after[(after < len(one))]
    after = after[one[after] == one[after - 1]]
    second[one[after]] = score[after]
    return best, top, second


def ours(asked: pa.Array, names: pa.Array) -> Best:
    """What recond compares, by the same scorer."""
    return scored(asked, names, *sharing(asked, names))


def every(asked: pa.Array, names: pa.Array) -> Best:
    """All pairs, in pieces that fit the memory."""
    texts, known, parts = asked.to_pylist(), names.to_pylist(), []
    known = [text or "" for text in known]
    for low in range(0, len(texts), 500):
        piece = [text or "" for text in texts[low : low + 500]]
        ratio = process.cdist(piece, known, scorer=fuzz.token_sort_ratio, dtype=np.uint8,
                              score_cutoff=60, workers=1)  # fmt: skip
        two = np.argpartition(-ratio.astype(np.int16), 2, axis=1)[:, :2].astype(np.int64)
        row = np.repeat(np.arange(len(piece)), 2)
        flat = two.reshape(-1)
        parts.append((row + low, flat, ratio[row, flat].astype(np.int64)))
    one, other, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    return chosen(one, other, score, len(texts))


def recall(found: Best, truth: Ints) -> tuple[float, float, int]:
    """(recall, precision, threshold) at the lowest threshold that reaches the precision."""
    best, top, second = found
    sure = (best >= 0) & (top - second >= MARGIN)
    for threshold in range(60, 101):
        told = sure & (top >= threshold)
        right = int((best[told] == truth[told]).sum())
        if told.any() and right / int(told.sum()) >= PRECISION:
            return right / len(truth), right / int(told.sum()), threshold
    return 0.0, 0.0, 101


def measured(name: str, work: Callable[[], Best], truth: Ints) -> None:
    cpu = -time.process_time()
    found = work()
    cpu += time.process_time()
    share, precision, threshold = recall(found, truth)
    print(f"| {name} | {share:.3f} | {precision:.3f} | {threshold} | {cpu:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--payments", type=int, default=10_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    known = customers(dice, asked.customers)
    truth = np.array(dice.choices(range(len(known)), k=asked.payments), np.int64)
    payers = pa.array([default_process(written(dice, known[row])).upper() for row in truth])
    dues = np.array([dice.choice((6225, 8920, 9575, 10400, 12785)) + dice.choice((0, 0, 0, 325))
                     for _ in known])  # fmt: skip
    one, other = normalise_names(payers), normalise_names(pa.array(known))
    print("| way | recall | precision | threshold | processor seconds |\n|---|---|---|---|---|")
    measured("words and letters, then spelling (recond)", lambda: ours(one, other), truth)
    measured("all pairs (rapidfuzz cdist)", lambda: every(one, other), truth)

    def with_amount() -> Best:
        left, right = sharing(one, other)
        fits = dues[right] == dues[truth[left]]
        left, right = left[fits], right[fits]
        return scored(one, other, left, right)

    measured("recond, of those who owe the amount", with_amount, truth)


def scored(asked: pa.Array, names: pa.Array, one: Ints, other: Ints) -> Best:
    left = asked.take(pa.array(one)).to_pylist()
    right = names.take(pa.array(other)).to_pylist()
    ratio = process.cpdist(left, right, scorer=fuzz.token_sort_ratio, dtype=np.uint8)
    return chosen(one, other, ratio.astype(np.int64), len(asked))


if __name__ == "__main__":
    main()
