"""MT940 field 61 with its 86, as columns (formats.md section 7).

Plain lines are read by the places of their bytes. The others go one by one through `_exact`,
which also says what is wrong. Amounts are thousandths of the currency's unit until the statement
says which currency that is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from recond.parsers.columns import SPACE, Bytes, Ints, Mask, blank_to_null, raw_column
from recond.parsers.dates import NO_DATE, day_of, number_days
from recond.parsers.mt940_fields import INFORMATION
from recond.parsers.notes import Notes
from recond.parsers.records import Records
from recond.parsers.spans import either, either_text, gathered
from recond.parsers.words import (
    SIZE,
    Words,
    digits_run,
    first_bytes,
    last_bytes,
    word_digits,
    words_at,
)

LARGEST = 10**14  # thousandths: no payment of a city is larger, and a block of them fits int64
WRAPPED = 65  # characters: a line that is full goes on in the next one without a blank
_ZERO, _COMMA, _SLASH = 48, 44, 47
_CREDIT, _DEBIT, _REVERSAL = ord("C"), ord("D"), ord("R")
_UPPER = (np.arange(256) >= 65) & (np.arange(256) <= 90)
_KIND = (_UPPER | ((np.arange(256) >= _ZERO) & (np.arange(256) <= _ZERO + 9))).astype(np.uint8)
_NSF = np.isin(np.arange(256), np.frombuffer(b"NSF", dtype=np.uint8))
_BYTE = np.uint64(255)
_TWO_ZEROS, _FIVE_ZEROS = np.uint64(0x3030), np.uint64(0x3030303030)
_FOUR = np.uint32(0x01010101)
_EXACT = re.compile(
    r"^(?P<day>[0-9]{6})(?P<entry>[0-9]{4})? ?(?P<mark>[RE]?[CD])(?P<funds>[A-Z])? ?"
    r"(?P<whole>[0-9]{1,15})(?:(?P<point>[,.])(?P<part>[0-9]{0,15}))? ?"
    r"(?P<kind>[NSF][A-Z0-9]{3})(?P<rest>.*)$",
    re.ASCII | re.DOTALL,
)


@dataclass(slots=True)
class Lines:
    """The 61s of a chunk: `head` is the place of a line among the chunk's lines, `last` that of
    its last line of text. `milli` is unsigned, `sign` +1 or -1 by the mark, `by_letter` by its
    last letter alone; `expected` marks EC and ED, which are not booked. `day` is the value date
    (NO_DATE where it is none of the calendar, then `entry` is the entry date if that is one).
    Rows with `bad` could not be read and their problem is told."""

    head: Ints
    last: Ints
    day: Ints
    entry: Ints
    sign: Ints
    by_letter: Ints
    milli: Ints
    expected: Mask
    bad: Mask
    kind: pa.StringArray
    reference: pa.StringArray
    customer_reference: pa.StringArray
    text: pa.StringArray

    def take(self, rows: Ints) -> Lines:
        """Some of them."""
        at = pa.array(rows)
        return Lines(
            self.head[rows], self.last[rows], self.day[rows], self.entry[rows], self.sign[rows],
            self.by_letter[rows], self.milli[rows], self.expected[rows], self.bad[rows],
            self.kind.take(at), self.reference.take(at), self.customer_reference.take(at),
            self.text.take(at),
        )  # fmt: skip


@dataclass(slots=True)
class _Cut:
    """What the columns say of each 61, and where its references stand."""

    day: Ints
    entry: Ints
    sign: Ints
    by_letter: Ints
    milli: Ints
    expected: Mask
    odd: Mask
    kind_at: Ints
    customer: tuple[Ints, Ints]
    bank: tuple[Ints, Ints]


def read_lines(
    found: Records, heads: Ints, nexts: Ints, encoding: str, pivot: int, notes: Notes
) -> Lines:
    """Read the 61s at `heads`; each goes on, with its 86s, until the line at `nexts`.

    Problems: RECORD_UNREADABLE, AMOUNT_OUT_OF_RANGE (both hold), RECORD_DEVIATES, DATE_UNUSUAL,
    CHARACTER_REPLACED (warnings).
    """
    cut = _cut(found, heads, pivot)
    bad = np.zeros(len(heads), dtype=np.bool_)
    for row in np.flatnonzero(cut.odd):  # the exact path, for what the columns cannot tell
        bad[row] = not _exact(found, int(heads[row]), int(row), cut, (encoding, pivot), notes)
    if bad.any():
        for start, end in (cut.customer, cut.bank):
            start[bad], end[bad] = found.end[heads[bad]], found.end[heads[bad]]
    texts = {
        "customer_reference": gathered(found.data, *cut.customer),
        "reference": gathered(found.data, *cut.bank),
        "text": _texts(found, heads, nexts),
    }
    columns = {}
    for name, raw in texts.items():
        text, replaced = either_text(raw, encoding)
        for row in np.flatnonzero(replaced):
            _tell(
                notes, found, int(heads[row]), "CHARACTER_REPLACED",
                "A character of a reference or text could not be decoded and was replaced.",
            )  # fmt: skip
        columns[name] = blank_to_null(text)
    kinds = _bytes(words_at(found.data, cut.kind_at), 4)
    if bad.any():
        kinds = np.where(bad[:, None], np.uint8(SPACE), kinds)
    kind = raw_column(kinds)
    _warn_dates(found, heads, cut, bad, notes)
    return Lines(
        heads, nexts - 1, cut.day, cut.entry, cut.sign, cut.by_letter, cut.milli, cut.expected,
        bad, kind, **columns,
    )  # fmt: skip


def _cut(found: Records, heads: Ints, pivot: int) -> _Cut:
    data, end = found.data, found.end[heads]
    place = found.start[heads] + 4
    word = words_at(data, place)  # YYMMDD and what follows
    number, undated = word_digits(word << np.uint64(16) | _TWO_ZEROS)
    day, strange = number_days(number, undated, pivot)
    entered = (word >> np.uint64(48) & _BYTE) - np.uint64(_ZERO) < 10  # MMDD of the entry
    mark = place + np.where(entered, 10, 6)
    first, second = _marks(data, mark)
    reversal = first == _REVERSAL
    letter = np.where(reversal, second, first)
    by_letter = np.where(letter == _CREDIT, 1, -1)
    odd = strange | ((letter != _CREDIT) & (letter != _DEBIT))
    after = mark + 1 + reversal
    start = after + _UPPER[data[np.minimum(after, len(data) - 1)]]
    milli, kind_at, none = _amounts(data, np.minimum(start, len(data)))
    kinds = _bytes(words_at(data, kind_at), 4)
    odd |= none | (kind_at + 4 > end) | ~_NSF[kinds[:, 0]]
    odd |= _KIND[kinds].view(np.uint32)[:, 0] != _FOUR
    if entered.any():
        _, unread = word_digits(last_bytes(words_at(data, place + 2), np.full(1, 4)))
        odd |= entered & unread
    reference = np.minimum(kind_at + 4, end)
    slashes = np.flatnonzero(data[:-1] == _SLASH)
    slashes = slashes[data[slashes + 1] == _SLASH]
    slashes = np.append(slashes, len(data))
    split = np.minimum(slashes[np.searchsorted(slashes, reference)], end)
    bank = (np.minimum(split + 2, end), end.copy())
    return _Cut(
        day, np.full(len(heads), NO_DATE, dtype=np.int64),
        np.where(reversal, -by_letter, by_letter), by_letter, milli,
        np.zeros(len(heads), dtype=np.bool_), odd, kind_at, _trimmed(data, reference, split), bank,
    )  # fmt: skip


def _marks(data: Bytes, place: Ints) -> tuple[Bytes, Bytes]:
    last = len(data) - 1
    return data[np.minimum(place, last)], data[np.minimum(place + 1, last)]


def _bytes(word: Words, count: int) -> Bytes:
    """The first bytes of words, as an `(n, count)` view."""
    view: Bytes = word.astype("<u8").view(np.uint8).reshape(-1, SIZE)[:, :count]
    return np.ascontiguousarray(view)


def _trimmed(data: Bytes, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Spans without the blanks that pad a reference on its right."""
    end = end.copy()
    active = np.flatnonzero((start < end) & (data[np.maximum(end - 1, 0)] == SPACE))
    while len(active):
        end[active] -= 1
        active = active[(start[active] < end[active]) & (data[end[active] - 1] == SPACE)]
    return start, end


def _amounts(data: Bytes, start: Ints) -> tuple[Ints, Ints, Mask]:
    """Amounts in thousandths, where their type stands, and which the exact path must see: all but
    one to seven digits, a comma and at most three more."""
    word = words_at(data, start)
    whole = digits_run(word)
    comma = word >> (whole * 8).astype(np.uint64) & _BYTE
    odd = (comma != _COMMA) | (whole < 1) | (whole == SIZE)
    behind = np.minimum(start + whole + 1, len(data))
    part = words_at(data, behind)
    places = digits_run(part)
    odd |= places > 3
    places = np.minimum(places, 3)
    units, _ = word_digits(last_bytes(word << ((SIZE - whole) * 8).astype(np.uint64), whole))
    # Thousandths are three digits, those that are not written being zeros.
    milli, _ = word_digits(first_bytes(part, places) << np.uint64(40) | _FIVE_ZEROS)
    milli = np.where(odd, 0, units * 1000 + milli)
    return milli, np.minimum(behind + places, len(data)), odd


def _exact(
    found: Records, head: int, row: int, cut: _Cut, reading: tuple[str, int], notes: Notes
) -> bool:
    """Read one line that the columns could not; False when nobody can."""
    encoding, pivot = reading
    raw = found.content(head)[4:]
    # Latin-1 keeps one character a byte, so that places in the text are places in the file.
    match = _EXACT.match(raw.decode("latin-1"))
    if match is None:
        shown = either(raw[:40], encoding)
        _tell(
            notes, found, head, "RECORD_UNREADABLE",
            f"The statement line '{shown}' cannot be read: it is not value date, C or D, an amount "
            "with a decimal comma and a transaction type. Ask the bank for a new file.", "61",
        )  # fmt: skip
        return False
    whole, part = match["whole"], (match["part"] or "").rstrip("0")
    if len(part) > 3 or int(whole) * 1000 > LARGEST:
        code = "RECORD_UNREADABLE" if len(part) > 3 else "AMOUNT_OUT_OF_RANGE"
        amount = match[0][match.start("whole") : match.start("kind")]
        _tell(
            notes, found, head, code,
            f"The amount '{amount}' of a statement line is none that its currency can have.", "61",
        )  # fmt: skip
        return False
    day = day_of(match["day"], "YYMMDD", pivot)
    entry = day_of(match["day"][:2] + match["entry"], "YYMMDD", pivot) if match["entry"] else None
    mark = match["mark"]
    cut.day[row] = NO_DATE if day is None else day
    cut.entry[row] = NO_DATE if entry is None else entry
    cut.by_letter[row] = 1 if mark[-1] == "C" else -1
    cut.sign[row] = -cut.by_letter[row] if mark[0] == "R" else cut.by_letter[row]
    cut.expected[row] = mark[0] == "E"
    cut.milli[row] = int(whole) * 1000 + int((part + "000")[:3])
    base = int(found.start[head]) + 4
    cut.kind_at[row] = base + match.start("kind")
    rest = base + match.start("rest")
    split = match["rest"].find("//")
    end = int(found.end[head])
    middle = end if split < 0 else rest + split
    cut.customer[0][row], cut.customer[1][row] = rest, middle
    cut.bank[0][row], cut.bank[1][row] = min(middle + 2, end), end
    if match["point"] != "," or " " in match[0][: match.start("kind")]:
        _tell(
            notes, found, head, "RECORD_DEVIATES",
            "The amount of a statement line is not written with a decimal comma.", "61",
        )  # fmt: skip
    return True


def _warn_dates(found: Records, heads: Ints, cut: _Cut, bad: Mask, notes: Notes) -> None:
    for row in np.flatnonzero((cut.day == NO_DATE) & ~bad):
        text = found.content(int(heads[row]))[4:10].decode("latin-1")
        instead = "entry date" if cut.entry[row] != NO_DATE else "date of the opening balance"
        _tell(
            notes, found, int(heads[row]), "DATE_UNUSUAL",
            f"The value date '{text}' is no date of the calendar; the {instead} is taken.", "61",
        )  # fmt: skip


def _tell(
    notes: Notes, found: Records, index: int, code: str, message: str, field: str | None = None
) -> None:
    place = found.offset + int(found.start[index])
    notes.add(code, message, line=int(found.line[index]), byte_offset=place, field=field)


def _texts(found: Records, heads: Ints, nexts: Ints) -> pa.BinaryArray:
    """What stands behind each 61: its further lines and its 86s, wrapped lines put together."""
    sizes = nexts - heads - 1
    owner = np.repeat(np.arange(len(heads)), sizes)
    before = np.cumsum(sizes) - sizes
    member = np.arange(len(owner)) + (heads + 1 - before)[owner]
    informs = found.code[member] == INFORMATION
    begin, end = found.start[member] + 4 * informs, found.end[member]
    data = np.append(found.data, np.uint8(SPACE))
    start = begin
    while (blank := (start < end) & (data[start] == SPACE)).any():
        start = start + blank
    filled = start < end
    first = np.zeros(len(member), dtype=np.bool_)
    first[before[sizes > 0]] = True
    if not filled.all():
        told = np.cumsum(filled) - filled  # pieces with text before this one
        first = told == told[np.minimum(before, max(len(told) - 1, 0))][owner]
    # The byte before a line is its line break or the colon of its tag: it becomes the blank
    # between two lines, unless the line above is full and was wrapped in the middle of a word.
    spaced = filled & ~first
    if len(member):
        spaced[1:] &= informs[1:] | (end[:-1] - begin[:-1] < WRAPPED)
    data[start[spaced] - 1] = SPACE
    return gathered(data, start - spaced, end, sizes)
