"""Names as they are compared: the same payer written by a bank, a billing system or a person.

Case, accents, punctuation, the order of words, and words that say nothing about who it is (legal
forms, titles) do not count. A name alone never posts money (contract section 4): what is equal
here is a suggestion for a clerk.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz

STOP_WORDS = (
    "AND", "OR", "THE", "OF", "MR", "MRS", "MS", "DR", "JR", "SR", "ESQ",
    "LLC", "LLP", "LP", "INC", "INCORPORATED", "CO", "COMPANY", "CORP", "CORPORATION", "LTD",
    "LIMITED", "PLC", "PA", "PC", "DBA",
)  # fmt: skip


def normalise_names(names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The names' comparable forms: words in upper case without marks, sorted, one blank between.

    Null stays null; a name without any word that counts becomes null too, so that two such names
    are never equal.
    """
    array = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    words = words_of(array)
    lengths = pc.fill_null(pc.list_value_length(words), 0).to_numpy(zero_copy_only=False)
    owner = np.repeat(np.arange(len(array)), lengths)
    table = pa.table({"owner": owner, "word": words.flatten()})
    table = table.filter(_counts(table["word"])).sort_by(
        [("owner", "ascending"), ("word", "ascending")]
    )
    kept = np.bincount(table["owner"].to_numpy(), minlength=len(array))
    offsets = pa.array(np.r_[0, np.cumsum(kept)], pa.int32())
    lists = pa.ListArray.from_arrays(offsets, table["word"].combine_chunks())
    joined = pc.binary_join(lists, " ")
    return pc.if_else(pa.array(kept > 0), joined, pa.scalar(None, pa.string()))


def normalise_name(name: str | None) -> str | None:
    """The comparable form of one name, as `normalise_names` makes it."""
    text: str | None = normalise_names(pa.array([name], pa.string()))[0].as_py()
    return text


def words_of(names: pa.Array) -> pa.Array:
    """The words of each name as lists of text, stop words and empty words included."""
    text = pc.utf8_normalize(names, form="NFKD")
    text = pc.utf8_upper(pc.replace_substring_regex(text, r"[\p{Mn}'’.`]", ""))
    text = pc.replace_substring(text, "ẞ", "SS")  # Arrow's capital of ß is one letter
    return pc.split_pattern_regex(text, r"[^\p{L}\p{N}]+")


def _counts(words: pa.ChunkedArray) -> pa.ChunkedArray:
    stops = pc.is_in(words, value_set=pa.array(STOP_WORDS))
    return pc.and_(pc.invert(stops), pc.not_equal(words, ""))


SPELT = 88  # of 100 (rapidfuzz token_sort_ratio): names as wholes are spelt nearly alike
WORD_SPELT = 85  # of 100: two words are
WHOLE = 3  # letters of a word that can stand for somebody, or that was cut off


def alike(one: str | None, other: str | None) -> bool:
    """Whether two normalised names may be one payer's: spelt nearly alike as wholes, or word by
    word with initials, cut-off ends (banks keep 22 letters) and a second person left out.

    Of the shorter name at least two words must stand in the longer one, one of them whole.
    """
    if not one or not other:
        return False
    if fuzz.token_sort_ratio(one, other, score_cutoff=SPELT):
        return True
    short, long = sorted((one.split(), other.split()), key=len)
    if len(short) < 2:
        return False
    left, whole = list(long), 0
    for word in sorted(short, key=len, reverse=True):  # whole words first, initials last
        fits = max(left, key=lambda there: _fits(word, there), default="")
        degree = _fits(word, fits)
        if not degree:
            return False
        whole += degree > 1 and len(word) >= WHOLE
        left.remove(fits)
    return whole > 0


def _fits(word: str, there: str) -> int:
    """3 the same word, 2 spelt nearly alike, 1 an initial or cut off, 0 another word."""
    if word == there:
        return 3
    short, long = sorted((word, there), key=len)
    if long.startswith(short) and (len(short) == 1 or len(short) >= WHOLE):
        return 1
    if len(short) > WHOLE and fuzz.ratio(word, there, score_cutoff=WORD_SPELT):
        return 2
    return 0
