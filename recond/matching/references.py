"""How references are compared, and what a scan line says.

Two forms of every reference: its *normal* form (upper case, blanks and dashes removed) decides
whether two references are the same; its *key* (the normal form without leading zeros) finds
everything that could be meant, because spreadsheets and banks lose leading zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import stable
from recond.matching.checkdigits import NAMED, Digits, good_digits, weighted
from recond.matching.policy import Columns, Rules, ScanLine

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Blanks and dashes as people and programs write them, the typographical ones too.
SEPARATORS = r"[\s\x{a0}\x{2007}\x{202f}\-\x{2010}-\x{2015}\x{2212}]+"

_DIGITS = 18  # of which every number fits into int64

LOOKUPS = pa.schema(
    [
        pa.field("reference_key", pa.string()),
        pa.field("accounts", pa.bool_()),  # it may be an account number or an old number
        pa.field("items", pa.bool_()),  # it may be an item or bill number
    ]
)


def keys(references: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(normal, key) of references, both strings of the same length; null stays null.

    normal: upper case, blanks and dashes removed. key: normal without leading zeros, "0" where
    there are only zeros. The keys are what the database keeps as `reference_key`,
    `item_reference` and `bill_reference` (contract section 4: blanks and dashes removed).
    """
    text = _one_array(references)
    if text.type != pa.string():
        text = text.cast(pa.string())
    normal = text
    if not _is_plain(text):
        normal = pc.replace_substring_regex(pc.utf8_upper(text), SEPARATORS, "")
    key = pc.ascii_ltrim(normal, "0")
    zeros = pc.and_(pc.equal(key, ""), pc.not_equal(normal, ""))
    return normal, pc.if_else(zeros, "0", key)


def _is_plain(text: pa.Array) -> bool:
    """Whether no byte of the column can be a separator or lower case: nearly always, and one
    look at the bytes is much cheaper than two passes over the texts."""
    if text.buffers()[2] is None:
        return True
    offsets = np.frombuffer(
        text.buffers()[1], np.int32, count=len(text) + 1, offset=4 * text.offset
    )
    low, high = int(offsets[0]), int(offsets[-1])
    data = np.frombuffer(text.buffers()[2], dtype=np.uint8, count=high - low, offset=low)
    upper = (data >= ord(".")) & (data <= ord("Z"))
    return bool(upper.all())


def _one_array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)
    return values


def digit_matrix(texts: pa.Array, length: int) -> Digits:
    """The digits of texts that all hold exactly `length` ASCII digits: (n, length) of 0..9."""
    size = len(texts)
    if not size:
        return np.zeros((0, length), dtype=np.uint8)
    joined = pa.concat_arrays([texts])  # a copy starts at offset 0 of its own buffer
    offsets = np.frombuffer(joined.buffers()[1], dtype=np.int32, count=joined.offset + size + 1)
    start = int(offsets[joined.offset])
    data = np.frombuffer(joined.buffers()[2], dtype=np.uint8, count=size * length, offset=start)
    return data.reshape(size, length) - np.uint8(ord("0"))


def check_digits(texts: pa.Array, name: str) -> Ints:
    """The check digit of each text by a named scheme; all are ASCII digits of one length."""
    length = len(texts[0].as_py()) if len(texts) else 1
    return weighted(digit_matrix(texts, length), NAMED[name])


@dataclass(frozen=True, slots=True)
class Reading:
    """Remittances as they are looked up: `normal` and `key` (of a good scan line those of its
    account field), `scanned` where a scan line was good, `failed` where its check digit was not,
    `blank` where nothing stands."""

    normal: pa.Array
    key: pa.Array
    scanned: Bools
    failed: Bools
    blank: Bools


def read(remittances: pa.Table, rules: Rules) -> Reading:
    """Read every reference of REMITTANCES once: scan lines by length and digits, then keys.

    Only kinds REFERENCE and HINT can be scan lines: where a format says that a column holds an
    account or item number, it does.
    """
    size = len(remittances)
    normal, key = keys(remittances["reference"])
    blank = _mask(pc.or_kleene(pc.is_null(normal), pc.equal(normal, "")))
    scanned, failed = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    free = pc.is_in(remittances["kind"], value_set=pa.array(["ACCOUNT", "ITEM"]))
    lengths = pc.fill_null(pc.binary_length(normal), 0).to_numpy(zero_copy_only=False)
    for line in rules.scan_lines:
        rows = np.flatnonzero((lengths == line.length) & ~_mask(free))
        if not len(rows):
            continue
        texts = normal.take(pa.array(rows))
        digits = _mask(pc.match_substring_regex(texts, line.pattern))
        rows, texts = rows[digits], texts.filter(pa.array(digits))
        good = _check(texts, line)
        scanned[rows[good]] = True
        failed[rows[~good]] = True
        if good.any():
            normal, key = _replace(normal, key, rows[good], texts.filter(pa.array(good)), line)
    return Reading(normal, key, scanned, failed, blank)


def _mask(values: pa.Array | pa.ChunkedArray) -> Bools:
    return cast(Bools, pc.fill_null(_one_array(values), False).to_numpy(zero_copy_only=False))


def _slice(columns: Columns) -> slice:
    return slice(columns[0] - 1, columns[1])


def _check(texts: pa.Array, line: ScanLine) -> Bools:
    return good_digits(digit_matrix(texts, line.length), line)


def _replace(
    normal: pa.Array, key: pa.Array, rows: Ints, texts: pa.Array, line: ScanLine
) -> tuple[pa.Array, pa.Array]:
    part = _slice(line.account)
    account, account_key = keys(pc.utf8_slice_codeunits(texts, part.start, part.stop))
    mask = np.zeros(len(normal), dtype=np.bool_)
    mask[rows] = True
    return (
        pc.replace_with_mask(normal, pa.array(mask), account),
        pc.replace_with_mask(key, pa.array(mask), account_key),
    )


def lookups(remittances: pa.Table, rules: Rules) -> pa.Table:
    """LOOKUPS: the distinct keys to look for in the books, in order of the key.

    A good scan line contributes its account field, a failing one nothing (contract section 4).
    `accounts` and `items` say in which columns a key can be at all.
    """
    reading = read(remittances, rules)
    kind = _one_array(remittances["kind"])
    wanted = ~(reading.failed | reading.blank)
    accounts = wanted & ~_mask(pc.equal(kind, "ITEM"))
    items = wanted & ~reading.scanned & ~_mask(pc.equal(kind, "ACCOUNT"))
    rows = np.flatnonzero(wanted)
    rows = rows[in_order(reading.key.take(pa.array(rows)))]
    key = reading.key.take(pa.array(rows))
    if not len(rows):
        return LOOKUPS.empty_table()
    start = np.flatnonzero(np.append(True, ~_mask(pc.equal(key[1:], key[:-1]))))
    flags = [np.logical_or.reduceat(given[rows], start) for given in (accounts, items)]
    if len(start) < len(rows):
        key = key.take(pa.array(start))
    return pa.table([key, *(pa.array(flag) for flag in flags)], schema=LOOKUPS)


def in_order(texts: pa.Array) -> Ints:
    """Positions of texts (no nulls) in the order of their bytes; of equal ones as given.

    Numbers of one length, as references nearly always are, are sorted as numbers: a quarter of
    the cost.
    """
    numbers = as_numbers(texts)
    if numbers is not None and len(pc.unique(pc.binary_length(texts))) <= 1:
        return stable(numbers.to_numpy())
    return cast(Ints, pc.sort_indices(texts).to_numpy().astype(np.int64))


def as_numbers(texts: pa.Array) -> pa.Array | None:
    """Texts as int64, nulls as they are, where each is a decimal number without leading zeros that
    fits: two of them are equal only where the texts are. None where one is not."""
    shape = pc.and_(pc.ascii_is_decimal(texts), pc.invert(pc.starts_with(texts, "0")))
    fits = pc.and_(shape, pc.less_equal(pc.binary_length(texts), _DIGITS))
    if not pc.all(fits, min_count=0).as_py():
        return None
    return texts.cast(pa.int64())


def variants(text: str) -> list[str]:
    """Every text that one wrong digit or one swap of neighbours would turn into this one.

    For suggestions only, never for posting (domain example E17: a check digit alone cannot
    repair: one wrong digit of eleven leaves eleven candidates). Sorted, without `text` itself.
    """
    found: set[str] = set()
    for place, char in enumerate(text):
        if "0" <= char <= "9":
            found.update(text[:place] + digit + text[place + 1 :] for digit in "0123456789")
        swapped = text[place : place + 2][::-1]
        found.add(text[:place] + swapped + text[place + 2 :])
    return sorted(found - {text})
