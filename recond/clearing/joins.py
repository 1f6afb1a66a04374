"""Joins and groups of columns of whole numbers, for tables of a few rows as for many.

A pass of every day clears some tens of rows: here such a join costs microseconds, where the
machinery of a data frame costs milliseconds (docs/performance.md).
"""

from __future__ import annotations

import numpy as np

from recond.arrays import Bools, Ints


def join(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Places (i, j) of all pairs of equal keys, ordered by i, then by j."""
    order = np.argsort(right, kind="stable")
    ranked = right[order]
    low, high = np.searchsorted(ranked, left, "left"), np.searchsorted(ranked, left, "right")
    counts = high - low
    first = np.cumsum(counts) - counts
    i = np.repeat(np.arange(len(left)), counts)
    within = np.arange(len(i)) - np.repeat(first, counts)
    return i, order[np.repeat(low, counts) + within]


def codes(*columns: Ints) -> Ints:
    """One number a row: equal rows have equal numbers, which rank as the rows do."""
    found: Ints = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        found = found * max(len(values), 1) + place
        found = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return found


def counts(keys: Ints) -> Ints:
    """How many rows have the key of each row."""
    _, place, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(sizes[place], np.int64)


def once(keys: Ints) -> Bools:
    """Which rows have a key that no other row has."""
    return np.asarray(counts(keys) == 1, np.bool_)


def first(keys: Ints) -> Bools:
    """Which rows are the first of their key."""
    found = np.zeros(len(keys), np.bool_)
    found[np.unique(keys, return_index=True)[1]] = True
    return found


def sums(keys: Ints, cents: Ints) -> tuple[Ints, Ints, Ints]:
    """A row a key, by rank: place of its first row, sum of its cents, number of its rows."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])[: len(keys)])
    if not len(starts):
        return starts, starts, starts
    totals = np.add.reduceat(cents[order], starts)
    return order[starts], totals, np.diff(np.append(starts, len(keys)))
