"""BAI2 records 16 with their 88s, as columns (formats.md section 1).

Plain records (funds type blank, Z, 0, 1, 2 or V, no field left to an 88) are cut by the places of
their commas. The others go one by one through `_exact`, which also says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.parsers.bai2_records import CONTINUATION, DETAIL
from recond.parsers.columns import Bytes, Ints, Mask, blank_to_null
from recond.parsers.dates import NO_DATE, day_of, days
from recond.parsers.notes import Notes
from recond.parsers.records import Records, trimmed
from recond.parsers.spans import (
    blanks_inside,
    edged,
    joined_text,
    span_digits,
    span_text,
    span_view,
)
from recond.parsers.words import words_at

LARGEST = 10**13  # minor units: no payment of a city is larger, and a block of them fits int64
_COMMA, _SLASH = 44, 47
_PLAIN_FUNDS = np.isin(np.arange(256), np.frombuffer(b"Z012", dtype=np.uint8))
_V = ord("V")
_CODE_COMMA = len("16")
_HEAD = len("16,165,")  # what stands before the amount
_DATED = len(",YYMMDD")
_BEYOND = 9  # commas that are taken to stand at the end of the bytes
_AMOUNT = re.compile(r"^\+?([0-9]+)$", re.ASCII)
REPLACED = "A character is not of the declared encoding and was replaced."
_CODE = re.compile(r"^[0-9]{3}$", re.ASCII)
SUBFIELDS = {"": 0, "Z": 0, "0": 0, "1": 0, "2": 0, "S": 3, "V": 2}


@dataclass(frozen=True, slots=True)
class Details:
    """The 16 records of a chunk: `head` and `last` are the places of a record and of its last
    88 among the chunk's records. `amount` is unsigned
    minor units, 0 where it is blank; `day` the value date of funds type V or NO_DATE; rows with
    `bad` could not be read and their problem is told."""

    head: Ints
    last: Ints
    code: Ints
    amount: Ints
    day: Ints
    bad: Mask
    reference: pa.StringArray
    customer_reference: pa.StringArray
    text: pa.StringArray

    def take(self, rows: Ints) -> Details:
        """Some of them."""
        at = pa.array(rows)
        return Details(
            self.head[rows], self.last[rows], self.code[rows], self.amount[rows], self.day[rows],
            self.bad[rows], self.reference.take(at), self.customer_reference.take(at),
            self.text.take(at),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    code: int
    amount: int
    day: int
    reference: str
    customer_reference: str
    text: str


@dataclass(slots=True)
class _Cut:
    """Where the fields of each record 16 stand, in bytes of the chunk."""

    code: Ints
    amount: Ints
    day: Ints
    odd: Mask
    spans: dict[str, tuple[Ints, Ints]]


def read_details(
    records: Records, heads: Ints, nexts: Ints, encoding: str, pivot: int, notes: Notes
) -> Details:
    """Read the records 16 at `heads`; each goes on until the record at `nexts`.

    Problems: RECORD_UNREADABLE, AMOUNT_OUT_OF_RANGE (both hold), RECORD_DEVIATES, DATE_UNUSUAL,
    CHARACTER_REPLACED (warnings).
    """
    cut = _cut(records, heads, pivot)
    rows: dict[int, _Row] = {}
    bad = np.zeros(len(heads), dtype=np.bool_)
    for row in np.flatnonzero(cut.odd):  # the exact path, for what the columns cannot tell
        exact = _exact(records, int(heads[row]), int(nexts[row]), (encoding, pivot), notes)
        if exact is None:
            bad[row] = True
        else:
            rows[int(row)] = exact
            cut.code[row], cut.amount[row], cut.day[row] = exact.code, exact.amount, exact.day
    columns, blanks = {}, {}
    for name in ("reference", "customer_reference"):
        columns[name], replaced = span_text(records.data, *cut.spans[name], encoding)
        blanks[name] = blanks_inside(columns[name]) and edged(records.data, *cut.spans[name])
        _tell_replaced(records, heads[replaced], notes)
    columns["text"], blanks["text"] = _texts(records, heads, nexts, cut, encoding, notes)
    slow = np.zeros(len(heads), dtype=np.bool_)
    slow[list(rows)] = True
    for name, column in columns.items():
        whole = column
        if rows:
            values = pa.array([getattr(row, name) for row in rows.values()], type=pa.string())
            whole = pc.replace_with_mask(column, pa.array(slow), values)
        if rows or blanks[name]:
            whole = pc.ascii_trim_whitespace(whole)
        columns[name] = blank_to_null(whole)
        if name != "text":
            _tell_slash(records, heads, columns[name], notes)
    return Details(heads, nexts - 1, cut.code, cut.amount, cut.day, bad, **columns)


def _cut(records: Records, heads: Ints, pivot: int) -> _Cut:
    data, start, end = records.data, records.start[heads], records.end[heads]
    marked = np.ones(len(data) + _BEYOND, dtype=np.bool_)  # so that places always follow
    np.equal(data, _COMMA, out=marked[: len(data)])
    commas = np.flatnonzero(marked)
    commas[-_BEYOND:] = len(data)  # no span reaches behind the bytes
    first = _first_commas(commas, start, len(marked))
    code, odd = _type_codes(data, start)
    second, third, fourth, fifth = (commas.take(first + step) for step in (2, 3, 4, 5))
    begin = start + _HEAD
    if odd.any():
        begin = np.where(odd, commas[first + 1] + 1, begin)
    amount, no_amount = span_digits(data, begin, second)
    width = third - second - 1  # of the funds type
    odd |= no_amount | (amount > LARGEST) | (width > 1)
    day = np.full(len(heads), NO_DATE, dtype=np.int64)
    given = np.flatnonzero(width == 1)
    if len(given):
        funds = data[np.minimum(second[given] + 1, max(len(data) - 1, 0))]
        odd[given] |= ~_PLAIN_FUNDS[funds] & (funds != _V)
        dated = given[funds == _V]
        if len(dated):  # its date and time stand before the references
            view = span_view(data, third[dated] + 1, 6)
            day[dated], wrong = days(view, "YYMMDD", pivot)
            odd[dated] |= wrong | (fourth[dated] - third[dated] != _DATED)
            third[dated], fourth[dated], fifth[dated] = (
                commas[first[dated] + step] for step in (5, 6, 7)
            )
    # A record that ends before its customer reference may go on in an 88: not for columns.
    odd |= fourth >= end
    fifth = np.minimum(fifth, end)
    spans = {
        "reference": (third + 1, fourth),
        "customer_reference": (fourth + 1, fifth),
        "text": (np.minimum(fifth + 1, end), end),
    }
    if odd.any():
        for name, (begin, stop) in spans.items():
            spans[name] = (np.where(odd, end, begin), np.where(odd, end, stop))
    return _Cut(code, amount, day, odd, spans)


def _first_commas(commas: Ints, start: Ints, size: int) -> Ints:
    """Which of the commas is the first one of each record."""
    behind = np.zeros(size, dtype=np.bool_)
    behind[start + _CODE_COMMA] = True
    first = np.flatnonzero(behind.take(commas))
    if len(first) == len(start):  # as records 16 have it, "16,"; half the time of a search
        return first
    return np.searchsorted(commas, start)


def _type_codes(data: Bytes, start: Ints) -> tuple[Ints, Mask]:
    """The type codes of records `16,ddd,`, and which records do not begin so."""
    word = (words_at(data, start) >> np.uint64(24)).astype(np.uint32)
    figures = (word & np.uint32(0xFFFFFF)) - np.uint32(0x303030)
    code = (figures & 255) * 100 + (figures >> 8 & 255) * 10 + (figures >> 16)
    digits = (word & np.uint32(0xF0F0F0)) == 0x303030
    digits &= ((figures + np.uint32(0x060606)) & np.uint32(0xF0F0F0)) == 0
    good = digits & (word >> 24 == _COMMA)
    return np.where(good, code, 0).astype(np.int64), ~good


def _texts(
    records: Records, heads: Ints, nexts: Ints, cut: _Cut, encoding: str, notes: Notes
) -> tuple[pa.StringArray, bool]:
    """Text of each record: what stands behind the customer reference, and its continuations; and
    whether any may have blanks at its edges."""
    sizes = nexts - heads
    if not len(sizes) or int(sizes.max()) == 1:
        text, replaced = span_text(records.data, *cut.spans["text"], encoding)
        _tell_replaced(records, heads[replaced], notes)
        return text, edged(records.data, *cut.spans["text"])
    owner = np.repeat(np.arange(len(heads)), sizes)
    offset = np.cumsum(sizes) - sizes
    member = heads[owner] + np.arange(len(owner)) - offset[owner]
    start = records.start[member] + np.where(records.code[member] == CONTINUATION, 3, 0)
    end = records.end[member]
    start[offset], end[offset] = cut.spans["text"]
    start, end = trimmed(records.data, np.minimum(start, end), end)
    kept = (start < end) & ~cut.odd[owner]
    pieces, replaced = span_text(records.data, start[kept], end[kept], encoding)
    _tell_replaced(records, member[kept][replaced], notes)
    return joined_text(pieces, np.bincount(owner[kept], minlength=len(heads))), True


def _tell_replaced(records: Records, members: Ints, notes: Notes) -> None:
    for member in members:
        notes.add(
            "CHARACTER_REPLACED",
            REPLACED,
            line=int(records.line[member]),
            byte_offset=records.offset + int(records.start[member]),
        )


def _tell_slash(records: Records, heads: Ints, column: pa.StringArray, notes: Notes) -> None:
    """Some banks write slashes inside references, where the specification would end the record
    (formats.md section 1). Told of the first in a chunk."""
    held = column.buffers()[2]
    if held is None or not (np.frombuffer(held, dtype=np.uint8) == _SLASH).any():
        return
    slashed = np.flatnonzero(pc.match_substring(column, "/").to_numpy(zero_copy_only=False))
    for member in heads[slashed[:1]]:
        notes.add(
            "RECORD_DEVIATES",
            "A reference has a slash inside; it was read as part of the reference.",
            line=int(records.line[member]),
            byte_offset=records.offset + int(records.start[member]),
            field="reference",
        )


def logical_fields(records: Records, head: int, after: int, encoding: str) -> list[str]:
    """The contents of a logical record's parts, the code of each 88 cut off."""
    parts = []
    for index in range(head, after):
        text = records.content(index).decode(encoding, "replace")
        parts.append(text[3:] if int(records.code[index]) == CONTINUATION else text)
    return parts


def funds_subfields(funds: str, after: Sequence[str]) -> int | None:
    """How many fields belong to a funds type, None where it is none of the specification."""
    if funds == "D":
        pairs = after[0].strip() if after else ""
        # Two digits of pairs are more than any bank gives.
        return 1 + 2 * int(pairs) if re.fullmatch(r"[0-9]{1,2}", pairs, re.ASCII) else None
    return SUBFIELDS.get(funds)


def _fields_and_text(parts: list[str]) -> tuple[list[str], str] | None:
    """Part the fields of a 16 from its text, taking from the 88s what the fields still need."""
    fields = parts[0].split(",")
    used = 1
    while True:
        funds = fields[3].strip().upper() if len(fields) > 3 else ""
        waiting = funds == "D" and len(fields) <= 4 and used < len(parts)
        extra = 0 if waiting else funds_subfields(funds, fields[4:])
        if extra is None:
            return None
        wanted = 6 + extra
        if used < len(parts) and (waiting or len(fields) < wanted):
            fields += parts[used].split(",")
            used += 1
            continue
        fields += [""] * (wanted - len(fields))
        pieces = [",".join(fields[wanted:]), *parts[used:]]
        text = " ".join(piece.strip() for piece in pieces if piece.strip())
        return [field.strip() for field in fields[:wanted]], text


def _exact(
    records: Records, head: int, after: int, reading: tuple[str, int], notes: Notes
) -> _Row | None:
    encoding, pivot = reading
    place = (int(records.line[head]), records.offset + int(records.start[head]))
    parted = _fields_and_text(logical_fields(records, head, after, encoding))
    if parted is None:
        _unreadable(notes, place, "funds type", "its funds type is none of Z 0 1 2 S V D")
        return None
    fields, text = parted
    if "\N{REPLACEMENT CHARACTER}" in "".join((*fields, text)):
        notes.add("CHARACTER_REPLACED", REPLACED, line=place[0], byte_offset=place[1])
    if not _CODE.match(fields[1]):
        _unreadable(notes, place, "type code", f"its type code '{fields[1][:20]}' has no 3 digits")
        return None
    amount = _amount(fields[2], place, notes)
    if amount is None:
        return None
    day = NO_DATE
    if len(fields) > 6 and fields[3].upper() == "V" and fields[4]:
        found = day_of(fields[4], "YYMMDD", pivot)
        day = NO_DATE if found is None else found
        if found is None:
            notes.add(
                "DATE_UNUSUAL",
                f"The value date '{fields[4][:20]}' is no date of the calendar; the as-of date "
                "of the group is taken.",
                line=place[0],
                byte_offset=place[1],
                field="value date",
            )
    return _Row(int(fields[1]), amount, day, fields[-2], fields[-1], text)


def _amount(text: str, place: tuple[int, int], notes: Notes) -> int | None:
    if not text:
        return 0
    found = _AMOUNT.match(text)
    if found is None:
        _unreadable(
            notes, place, "amount",
            f"its amount '{text[:30]}' is not unsigned digits (direction comes from the type code)",
        )  # fmt: skip
        return None
    digits = found.group(1).lstrip("0")
    amount = int(digits[:18] or "0")
    if amount > LARGEST:
        notes.add(
            "AMOUNT_OUT_OF_RANGE",
            f"The amount {text[:30]} of a transaction is larger than any payment may be.",
            line=place[0],
            byte_offset=place[1],
            field="amount",
        )
        return None
    if text.startswith("+"):
        notes.add(
            "RECORD_DEVIATES",
            "The amount of a transaction has a sign, which the specification does not allow.",
            line=place[0],
            byte_offset=place[1],
            field="amount",
        )
    return amount


def _unreadable(notes: Notes, place: tuple[int, int], field: str, why: str) -> None:
    notes.add(
        "RECORD_UNREADABLE",
        f"A transaction (record {DETAIL}) cannot be read: {why}. Ask the bank for a new file.",
        line=place[0],
        byte_offset=place[1],
        field=field,
    )
