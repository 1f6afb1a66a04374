"""Which of very many names could be a payer's: what two names must share to be compared at all.

Comparing every name with every other costs too much, and a rare word alone finds nobody whose
words are all common: a city of 65,000 accounts has hundreds of SMITHs and hundreds of JOHNs, and
few JOHN SMITHs. So two names are compared when they share a word that few names have, or a word
and the first letter of another one (an initial, a word cut off or misspelt behind its first two
letters), or a word and something else that the caller knows (the amount is what is due); and when
their letters are the same but for one, in whatever order: words run together, a blank that slid,
a common name whose other word is misspelt at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz, process

from recond.arrays import Bools, Ints, ints
from recond.matching.names import alike
from recond.matching.openitems import distinct, find

RARE = 50  # a word of more names than this tells nothing by itself
LETTERS = 3  # of a word that counts; initials and particles are everywhere
PAIRS = 4_000_000  # pairs that are looked at together
FAR = 50  # of 100: names whose letters differ more than that are never alike
LONG = 6  # letters of a name that tell something without a whole word
_FACTOR = 6_364_136_223_846_793_005  # odd: its powers are weights whose sums hardly ever agree


def alikes(asked: pa.Array, names: pa.Array, agreeing: Ints | None = None) -> tuple[Ints, Ints]:
    """Pairs (position in `asked`, position in `names`) of normalised names that may be one
    payer's, ascending. `agreeing`: see `sharing`."""
    one, other = sharing(asked, names, agreeing)
    left = asked.take(pa.array(one)).to_pylist()
    right = names.take(pa.array(other)).to_pylist()
    ratio = process.cpdist(left, right, scorer=fuzz.token_sort_ratio, dtype=np.uint8)
    near = np.flatnonzero(ratio >= FAR)
    kept = [row for row in near.tolist() if alike(left[row], right[row])]
    return one[kept], other[kept]


def sharing(asked: pa.Array, names: pa.Array, agreeing: Ints | None = None) -> tuple[Ints, Ints]:
    """Pairs (position in `asked`, position in `names`) of normalised names to be compared,
    ascending. `agreeing`: keys `asked * len(names) + name` of pairs that agree in something else;
    for them one shared word is enough."""
    more = np.zeros(0, np.int64) if agreeing is None else distinct(agreeing)
    words = _joined(_words(asked, letters=2), _words(names, letters=1), len(names), more)
    letters = _joined(_spellings(asked), _spellings(names), len(names), more)
    pairs = distinct(np.concatenate([words, letters]))
    return pairs // max(len(names), 1), pairs % max(len(names), 1)


def _joined(said: _Words, there: _Words, width: int, agreeing: Ints) -> Ints:
    """Keys `asked * width + name` of names that share a word that tells something."""
    known = pc.unique(said.text)
    mine, theirs = _coded(said, known), _coded(there, known)
    theirs = theirs.rows(np.argsort(theirs.word, kind="stable"))
    start = np.searchsorted(theirs.word, np.arange(len(known) + 1))
    parts = [np.zeros(0, np.int64)]
    for some in _pieces(mine.name, np.diff(start)[mine.word]):
        parts.append(_kept(mine.rows(some), theirs, start, width, agreeing))
    return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class _Words:
    """Words that count: the name of each, its text, and as bits the first letters (or the first
    two: they may be swapped, or the first be another) of the other words of its name."""

    name: Ints
    text: pa.Array
    beside: Ints


@dataclass(frozen=True, slots=True)
class _Coded:
    """The words that are known, each once a name, by name: `word` the place among the known."""

    name: Ints
    word: Ints
    beside: Ints

    def rows(self, rows: Ints | slice) -> _Coded:
        return _Coded(self.name[rows], self.word[rows], self.beside[rows])


def _words(names: pa.Array, letters: int) -> _Words:
    split = pc.split_pattern(names, " ")
    text, name = pc.list_flatten(split), ints(pc.list_parent_indices(split))
    beside = np.zeros(len(text), np.int64)
    for place in range(letters):
        beside |= _letters_beside(pc.utf8_slice_codeunits(text, place, place + 1), name, len(names))
    counts = pc.greater_equal(pc.utf8_length(text), LETTERS)
    mask = np.asarray(counts.to_numpy(zero_copy_only=False), np.bool_)
    return _Words(name[mask], text.filter(counts), beside[mask])


def _spellings(names: pa.Array) -> _Words:
    """As words the letters of each long name in no order, and what is left of them without one of
    them: two names of which one letter differs, is missing or too many share such a word."""
    text = pc.fill_null(pc.replace_substring(names, " ", ""), "")
    letters = ints(pc.binary_length(text))
    name = np.repeat(np.arange(len(text)), letters)
    byte = np.frombuffer("".join(text.to_pylist()).encode(), np.uint8)
    weight = np.cumprod(np.full(256, _FACTOR, np.int64))[byte]
    edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(weight)])
    stop = np.cumsum(letters)
    whole = edges[stop] - edges[stop - letters]
    long = letters >= LONG
    less = long[name]
    owner = np.concatenate([np.flatnonzero(long), name[less]])
    key = np.concatenate([whole[long], (whole[name] - weight)[less]])
    return _Words(owner, pa.array(key), np.ones(len(owner), np.int64))


def _letters_beside(letter: pa.Array, name: Ints, names: int) -> Ints:
    """As bits, for each word, the letters of the other words of its name."""
    coded = letter.dictionary_encode()
    bits = [_bit(one) for one in coded.dictionary.to_pylist()] or [0]
    bit = np.array(bits, np.int64)[ints(coded.indices)]
    whole = np.zeros(names, np.int64)
    np.bitwise_or.at(whole, name, bit)
    return np.where(_repeated(name, bit), whole[name], whole[name] & ~bit)


def _bit(letter: str) -> int:
    """A bit for a letter, 0 for none; others than A to Z share some, which compares a few names
    too many."""
    if not letter:
        return 0
    return 1 << (ord(letter) - ord("A") if "A" <= letter <= "Z" else 26 + sum(letter.encode()) % 36)


def _repeated(name: Ints, bit: Ints) -> Bools:
    """Whether another word of the name has the same first letter."""
    order = np.lexsort((bit, name))
    same = (name[order][1:] == name[order][:-1]) & (bit[order][1:] == bit[order][:-1])
    answer = np.zeros(len(name), np.bool_)
    answer[order[1:]] |= same
    answer[order[:-1]] |= same
    return answer


def _coded(words: _Words, known: pa.Array) -> _Coded:
    place = ints(pc.fill_null(pc.index_in(words.text, value_set=known), -1))
    hits = np.flatnonzero(place >= 0)
    width = np.int64(len(known) + 1)
    _, first = np.unique(words.name[hits] * width + place[hits], return_index=True)
    rows = hits[first]
    return _Coded(words.name[rows], place[rows], words.beside[rows])


def _pieces(name: Ints, frequency: Ints) -> Iterator[slice]:
    """Slices of the asked words, cut between names, of about PAIRS pairs each."""
    if not len(name):
        return
    turn = np.cumsum(frequency) // PAIRS
    last = np.flatnonzero(np.append(name[1:] != name[:-1], True))
    edges = last[np.flatnonzero(np.diff(turn[last]))] + 1
    for low, high in zip([0, *edges.tolist()], [*edges.tolist(), len(name)], strict=True):
        yield slice(low, high)


def _kept(mine: _Coded, theirs: _Coded, start: Ints, width: int, agreeing: Ints) -> Ints:
    count = start[mine.word + 1] - start[mine.word]
    shift = np.repeat(start[mine.word] - (np.cumsum(count) - count), count)
    row = np.arange(int(count.sum())) + shift
    pair = np.repeat(mine.name, count) * width + theirs.name[row]
    tells = np.repeat(count <= RARE, count)
    tells |= (np.repeat(mine.beside, count) & theirs.beside[row]) != 0
    if len(agreeing):
        tells |= find(agreeing, pair) >= 0
    return distinct(pair[tells])
