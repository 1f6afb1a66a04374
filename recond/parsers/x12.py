r"""X12 segments, and what the 820 says a payment is for (formats section 6).

The 820 stands whole in the addenda of an ACH CTX entry, with or without its envelope, or as a
bare `RMR*IV*26801*PO*4408.75\` in the one addendum of a CCD or PPD entry. It explains a payment
and moves no money: amounts are int64 cents, text is as read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# How an 820 is known in free text: an envelope, a set header, a payment order or a remittance
# line. The element separator is whatever stands behind the segment's name.
_START = re.compile(
    r"(?<![A-Za-z0-9])(?:ISA(?P<isa>[^A-Za-z0-9 ])\d\d(?P=isa)"
    r"|ST(?P<st>[^A-Za-z0-9 ])820(?P=st)"
    r"|BPR(?P<bpr>[^A-Za-z0-9 ])[CDIPUXZ](?P=bpr)"
    r"|RMR(?P<rmr>[^A-Za-z0-9 ])[A-Z0-9]{0,3}(?P=rmr))"
)
_TERMINATORS = "\\~\n\r'|^"
_DECIMAL = re.compile(r"(-?)([0-9]{0,13})(?:\.([0-9]{0,2})0*)?", re.ASCII)
_ISA_ELEMENTS = 16


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its elements (the first is its name) and where it starts in the text."""

    elements: tuple[str, ...]
    position: int

    @property
    def name(self) -> str:
        """The segment's identifier, such as RMR."""
        return self.elements[0]

    def element(self, number: int) -> str:
        """Element `number` from 1, without outer blanks; empty where it is not given."""
        return self.elements[number].strip() if number < len(self.elements) else ""


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

    lines: tuple[RemittanceLine, ...]
    handling: str  # BPR01: C payment and remittance, I remittance only, …
    total_cents: int | None  # BPR02
    trace: str  # TRN02
    outside_cents: int  # sum of ADX that stand outside any RMR
    faults: tuple[str, ...]


def decimal_cents(text: str) -> int | None:
    """Cents of an X12 decimal number (`6950.5`, `-143.76`, `.5`), None when it is none.

    ASCII digits only, an explicit point, at most two places that are not zero.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    cents = int(match[2] or "0") * 100 + int((match[3] or "").ljust(2, "0"))
    return -cents if match[1] else cents


def segments(text: str) -> tuple[tuple[Segment, ...], str | None]:
    """The segments of an X12 text and what is wrong with its delimiters, if anything.

    With an ISA the delimiters are its own: the element separator behind its name, the segment
    terminator behind its sixteenth element (counted, since real ISA are not always 106 long).
    Without, the separator stands behind the first segment's name, and the terminator is the
    first of the usual ones that ends a segment.
    """
    start = _START.search(text)
    if start is None:
        return (), "no X12 segment was found"
    separator = next(group for group in start.groups() if group)
    if start["isa"]:
        pieces = text[start.start() :].split(separator, _ISA_ELEMENTS)
        if len(pieces) <= _ISA_ELEMENTS or len(pieces[-1]) < 2:
            return (), "the ISA segment ends before its sixteenth element"
        terminator: str | None = pieces[-1][1]
    else:
        terminator = _terminator(text[start.start() :], separator)
    found, position = [], start.start()
    for piece in text[position:].split(terminator) if terminator else [text[position:]]:
        lead = len(piece) - len(piece.lstrip(" \r\n"))
        body = piece.strip("\r\n") if lead == 0 else piece[lead:].strip("\r\n")
        if body.strip():
            found.append(Segment(tuple(body.rstrip(" ").split(separator)), position + lead))
        position += len(piece) + 1
    return tuple(found), None


@lru_cache(maxsize=64)
def _ends(separator: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The usual terminators, and how each looks where it ends a segment."""
    tag = rf"\s*(?:$|[A-Z][A-Z0-9]{{1,2}}{re.escape(separator)})"
    marks = [mark for mark in _TERMINATORS if mark != separator]
    return tuple((mark, re.compile(re.escape(mark) + tag)) for mark in marks)


def _terminator(text: str, separator: str) -> str | None:
    for mark, ending in _ends(separator):
        if mark in text and ending.search(text):
            return mark
    return None


def remittances_820(text: str) -> Remittances | None:
    """What an 820, whole or in part, says of a payment; None when the text is no X12 at all.

    `text` is the transaction as it stands, inner blanks kept. Faults are sentences without a
    full stop; with any of them the lines may not be all that the payer sent. Counts of the
    envelope (SE01, GE, IEA) are checked where the segments are there. Formats section 6.
    """
    if _START.search(text) is None:
        return None
    found, fault = segments(text)
    faults = [fault] if fault else []
    faults += _envelope_faults(found)
    lines: list[RemittanceLine] = []
    outside, inside = 0, False
    handling, total, trace = "", None, ""
    for segment in found:
        if segment.name == "RMR":
            lines.append(_line(segment, faults))
            inside = True
        elif segment.name in {"ENT", "SE", "ST"}:
            inside = False
        elif segment.name == "ADX":
            adjusted = decimal_cents(segment.element(1))
            if adjusted is None:
                faults.append(f"ADX01 reads '{segment.element(1)}' and is no amount")
            elif inside:
                lines[-1] = _adjusted(lines[-1], adjusted)
            else:
                outside += adjusted
        elif segment.name == "BPR":
            handling, total = segment.element(1), decimal_cents(segment.element(2))
            if total is None:
                faults.append(f"BPR02 reads '{segment.element(2)}' and is no amount")
        elif segment.name == "TRN" and not trace:
            trace = segment.element(2)
    return Remittances(tuple(lines), handling, total, trace, outside, tuple(faults))


def _line(segment: Segment, faults: list[str]) -> RemittanceLine:
    amount_text = segment.element(4)
    amount = decimal_cents(amount_text)
    reference = segment.element(2)
    if amount_text and amount is None:
        faults.append(f"RMR04 reads '{amount_text}' and is no amount")
    if not reference:
        faults.append("RMR02 is empty, so nothing says what is paid")
    return RemittanceLine(segment.element(1), reference, amount, 0, segment.position)


def _adjusted(line: RemittanceLine, cents: int) -> RemittanceLine:
    adjusted = line.adjusted_cents + cents
    return RemittanceLine(
        line.qualifier, line.reference, line.amount_cents, adjusted, line.position
    )


def _envelope_faults(found: tuple[Segment, ...]) -> list[str]:
    """What the envelope declares and the text does not hold."""
    faults: list[str] = []
    opened: int | None = None
    for index, segment in enumerate(found):
        if segment.name == "ST":
            opened = index
        elif segment.name == "SE" and opened is not None:
            held = index - opened + 1
            if segment.element(1).lstrip("0") != str(held):
                faults.append(f"SE01 declares {segment.element(1)} segments, {held} are there")
            if segment.element(2) != found[opened].element(2):
                faults.append("SE02 is not the number of its ST")
            opened = None
    if opened is not None:
        faults.append("the transaction set has no SE, so its end is missing")
    names = [segment.name for segment in found]
    for head, tail in (("ISA", "IEA"), ("GS", "GE")):
        if names.count(head) != names.count(tail):
            faults.append(f"{names.count(head)} {head} and {names.count(tail)} {tail} segments")
    return faults


def paid_lines(said: Remittances, cents: int) -> tuple[RemittanceLine, ...]:
    """The lines with the amounts that are paid for each, for a payment of `cents`.

    RMR04 is net of the ADX inside it when the RMR04 alone, or with the ADX outside, make the
    payment; only when all ADX together do, each line is netted of its own. Otherwise the lines
    stay as read and do not add up: that is for matching to ask (formats section 6).
    """
    named = sum(line.amount_cents or 0 for line in said.lines)
    inner = sum(line.adjusted_cents for line in said.lines)
    if cents in (named, named + said.outside_cents):
        return said.lines
    if not inner or named + inner + said.outside_cents != cents:
        return said.lines
    return tuple(
        RemittanceLine(
            line.qualifier,
            line.reference,
            None if line.amount_cents is None else line.amount_cents + line.adjusted_cents,
            line.adjusted_cents,
            line.position,
        )
        for line in said.lines
    )
