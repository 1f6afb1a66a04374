r"""The 820 in the addenda of ACH entries (formats sections 5 and 6).

It stands whole in a CTX, with or without its envelope, or as a bare `RMR*IV*26801*PO*4408.75\` in
the one addendum of a CCD or PPD entry. It explains a payment and moves no money. The texts of
many entries are read at once by the segments and the rule of sums that files are read with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow.compute as pc

from recond.arrays import bools
from recond.parsers.columns import Ints, Mask
from recond.parsers.spans import span_digits
from recond.parsers.x12_amounts import decimal_cents, span_cents
from recond.parsers.x12_envelope import same_number
from recond.parsers.x12_lines import NETTED, Lines, remittance_lines, verdict
from recond.parsers.x12_segments import Marks, Segments
from recond.parsers.x12_tokens import isa_marks, tokenise

# How an 820 is known in free text: an envelope, a set header, a payment order, a trace or a
# remittance line. The element separator is whatever stands behind the segment's name.
_START = re.compile(
    rb"(?<![A-Za-z0-9])(?:ISA(?P<isa>[^A-Za-z0-9 ])\d\d(?P=isa)"
    rb"|ST(?P<st>[^A-Za-z0-9 ])820(?P=st)"
    rb"|BPR(?P<bpr>[^A-Za-z0-9 ])[CDIPUXZ](?P=bpr)"
    rb"|RMR(?P<rmr>[^A-Za-z0-9 ])[A-Z0-9]{0,3}(?P=rmr))"
)
_TERMINATORS = b"\\~\n\r'|^"
_NEVER = 0  # ends no segment: the text is one
_PAIRS = (("ISA", "IEA"), ("GS", "GE"))


@dataclass(frozen=True, slots=True)
class RemittanceLine:
    """One RMR: what is paid, and how much of the payment is for it.

    `amount_cents` is RMR04, None where it is empty. `adjusted_cents` is the sum of the ADX that
    stand inside the RMR: RMR04 is usually net of them already.
    """

    qualifier: str
    reference: str
    amount_cents: int | None
    adjusted_cents: int
    position: int  # of the segment in the text


@dataclass(frozen=True, slots=True)
class Remittances:
    """What an 820 says: its lines, its own total, and what could not be read."""

    lines: tuple[RemittanceLine, ...] = ()
    handling: str = ""  # BPR01: C payment and remittance, I remittance only, …
    total_cents: int | None = None  # BPR02
    trace: str = ""  # TRN02
    outside_cents: int = 0  # sum of ADX that stand outside any RMR
    faults: tuple[str, ...] = ()


def remittances_820(texts: Sequence[bytes]) -> list[Remittances | None]:
    """What each text, an 820 whole or in part, says of a payment; None where it is no X12 at all.

    A text is the transaction as it stands, inner blanks kept. Faults are sentences without a
    full stop; with any of them the lines may not be all that the payer sent. Counts and numbers
    of the envelope are checked where the segments are there.
    """
    said: list[Remittances | None] = [None] * len(texts)
    # By their delimiters: texts, and where the X12 in them begins.
    alike: dict[tuple[int, int], tuple[Marks, list[tuple[int, int]]]] = {}
    for number, text in enumerate(texts):
        start = _START.search(text)
        if start is None:
            continue
        marks, fault = _marks(text, start)
        if marks is None:
            said[number] = Remittances(faults=(fault,))
        else:
            key = marks.element, marks.segment
            if key not in alike:
                alike[key] = marks, []
            alike[key][1].append((number, start.start()))
    for marks, members in alike.values():
        for (number, _), one in zip(members, _read(texts, members, marks), strict=True):
            said[number] = one
    return said


def _marks(text: bytes, start: re.Match[bytes]) -> tuple[Marks | None, str]:
    """The delimiters: an ISA's own; else the separator stands behind the first segment's name,
    and the terminator is the first of the usual ones that ends a segment."""
    if start["isa"]:
        marks, fault, _ = isa_marks(text[start.start() :])
        return marks, fault
    separator = start[start.lastgroup or 0]  # the one name that was found
    return _usual(separator[0], _terminator(text[start.start() :], separator)), ""


@lru_cache(maxsize=64)
def _usual(element: int, segment: int) -> Marks:
    return Marks(element, segment)


@lru_cache(maxsize=64)
def _ends(separator: bytes) -> tuple[tuple[int, re.Pattern[bytes]], ...]:
    """The usual terminators, and how each looks where it ends a segment."""
    tag = rb"\s*(?:$|[A-Z][A-Z0-9]{1,2}" + re.escape(separator) + rb")"
    marks = [bytes([mark]) for mark in _TERMINATORS if mark != separator[0]]
    return tuple((mark[0], re.compile(re.escape(mark) + tag)) for mark in marks)


def _terminator(text: bytes, separator: bytes) -> int:
    for mark, ending in _ends(separator):
        if mark in text and ending.search(text):
            return mark
    return _NEVER


def _read(
    texts: Sequence[bytes], members: Sequence[tuple[int, int]], marks: Marks
) -> list[Remittances]:
    """The texts that have the same delimiters, all at once."""
    ending = bytes([marks.segment])
    # Blanks fill up the last of the addenda.
    bodies = [texts[number][start:].rstrip(b" ") + ending for number, start in members]
    begins = np.cumsum([0, *map(len, bodies)])[:-1]
    data = np.frombuffer(b"".join(bodies), dtype=np.uint8)
    found = tokenise(data, marks, 1, 0, by_segment=True)
    owner = np.searchsorted(begins, found.start, side="right") - 1
    lines = remittance_lines(found, owner, len(bodies), np.ones(len(found), dtype=np.bool_))
    faults = _faults(found, owner, lines, len(bodies))
    heads = _heads(found, owner)
    rows = _rows(found, lines, [start - int(at) for (_, start), at in
                                zip(members, begins, strict=True)])  # fmt: skip
    cuts = np.searchsorted(lines.group, np.arange(len(bodies) + 1)).tolist()
    return [
        Remittances(tuple(rows[cuts[one] : cuts[one + 1]]), *heads.get(one, ("", None, "")),
                    int(lines.outer[one]), tuple(faults[one]))
        for one in range(len(bodies))
    ]  # fmt: skip


def _rows(found: Segments, lines: Lines, shift: Sequence[int]) -> list[RemittanceLine]:
    kinds, references = found.column(lines.row, 1), found.column(lines.row, 2)
    columns = (kinds.to_pylist(), references.to_pylist(), lines.cents.tolist(),
               lines.given.tolist(), lines.adjusted.tolist(), found.start[lines.row].tolist(),
               lines.group.tolist())  # fmt: skip
    return [
        RemittanceLine(kind or "", name or "", cents if given else None, adjusted, at + shift[one])
        for kind, name, cents, given, adjusted, at, one in zip(*columns, strict=True)
    ]


def _heads(found: Segments, owner: Ints) -> dict[int, tuple[str, int | None, str]]:
    """BPR01, BPR02 and the first TRN02 of each text."""
    traces: dict[int, str] = {}
    rows = found.rows("TRN")
    for one, trace in zip(owner[rows].tolist(), found.column(rows, 2).to_pylist(), strict=True):
        traces[one] = traces.get(one) or trace or ""
    heads: dict[int, tuple[str, int | None, str]] = {
        one: ("", None, trace) for one, trace in traces.items()
    }
    rows = found.rows("BPR")
    totals, bad = _totals(found, rows)
    columns = (owner[rows], found.column(rows, 1), totals, bad)
    for one, handling, total, wrong in zip(*(part.tolist() for part in columns), strict=True):
        heads[one] = handling or "", None if wrong else total, traces.get(one, "")
    return heads


def _totals(found: Segments, rows: Ints) -> tuple[Ints, Mask]:
    """BPR02 of some rows in cents, and which are no amount."""
    totals, bad = span_cents(found.data, *found.spans(rows, 2))
    for at in np.flatnonzero(bad).tolist():
        exact = decimal_cents(found.text(int(rows[at]), 2))
        totals[at], bad[at] = exact or 0, exact is None
    return totals, bad


def _faults(found: Segments, owner: Ints, lines: Lines, count: int) -> list[list[str]]:
    faults: list[list[str]] = [[] for _ in range(count)]
    for row, element in lines.wrong:
        text = found.text(row, int(element[3:]))
        empty = "RMR02 is empty, so nothing says what is paid"
        words = f"{element} reads '{text}' and is no amount"
        faults[owner[row]].append(words if text or element != "RMR02" else empty)
    orders = found.rows("BPR")
    _, bad = _totals(found, orders)
    for row in orders[bad].tolist():
        faults[owner[row]].append(f"BPR02 reads '{found.text(row, 2)}' and is no amount")
    envelope = found.rows("ST", "SE", "ISA", "IEA", "GS", "GE")
    cuts = np.searchsorted(owner[envelope], np.arange(count + 1))
    for one in np.flatnonzero(~_sound_envelopes(found, owner, count)).tolist():
        faults[one] += _envelope_faults(found, envelope[cuts[one] : cuts[one + 1]].tolist())
    return faults


def _sound_envelopes(found: Segments, owner: Ints, count: int) -> Mask:
    """The texts with one set, or none, whose SE says what is there and whose other segments of
    the envelope come in pairs: as most are, and then no sentence is to be looked for."""
    opened, closed = found.rows("ST"), found.rows("SE")
    sets, ends = (np.bincount(owner[rows], minlength=count) for rows in (opened, closed))
    sound: Mask = (sets == ends) & (sets <= 1)
    opened, closed = opened[sound[owner[opened]]], closed[sound[owner[closed]]]
    said, bad = span_digits(found.data, *found.spans(closed, 1))
    same = pc.fill_null(pc.equal(found.column(opened, 2), found.column(closed, 2)), False)
    bad |= (said != closed - opened + 1) | ~bools(same)
    sound[owner[closed[bad]]] = False
    for head, tail in _PAIRS:
        heads, tails = (
            np.bincount(owner[found.rows(one)], minlength=count) for one in (head, tail)
        )
        sound &= heads == tails
    return sound


def _envelope_faults(found: Segments, rows: Iterable[int]) -> list[str]:
    """What the envelope of one text declares and the text does not hold."""
    faults: list[str] = []
    opened: int | None = None
    names = []
    for row in rows:
        name = found.name(row)
        names.append(name)
        if name == "ST":
            opened = row
        elif name == "SE" and opened is not None:
            held, said = row - opened + 1, found.text(row, 1)
            if said.lstrip("0") != str(held):
                faults.append(f"SE01 declares {said} segments, {held} are there")
            if not same_number(found.text(row, 2), found.text(opened, 2)):
                faults.append("SE02 is not the number of its ST")
            opened = None
    if opened is not None:
        faults.append("the transaction set has no SE, so its end is missing")
    for head, tail in _PAIRS:
        if names.count(head) != names.count(tail):
            faults.append(f"{names.count(head)} {head} and {names.count(tail)} {tail} segments")
    return faults


def paid_lines(said: Remittances, cents: int) -> tuple[RemittanceLine, ...]:
    """The lines with the amounts that are paid for each, for a payment of `cents`.

    By the rule of sums (`x12_lines.verdict`): as read where RMR04 is net of the ADX inside, each
    netted of its own where only that makes the payment. Otherwise the lines stay as read and do
    not add up: that is for matching to ask.
    """
    inner = sum([line.adjusted_cents for line in said.lines])
    if not inner:
        return said.lines
    named = sum(line.amount_cents or 0 for line in said.lines)
    sums = (np.array([one], dtype=np.int64) for one in (cents, named, inner, said.outside_cents))
    if verdict(*sums)[0] != NETTED:
        return said.lines
    return tuple(
        replace(line, amount_cents=line.amount_cents + line.adjusted_cents)
        if line.amount_cents is not None
        else line
        for line in said.lines
    )
