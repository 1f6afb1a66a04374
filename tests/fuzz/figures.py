"""Text and figures of a file, read in the plainest way: what the second readers share."""

from __future__ import annotations

import re
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal

Sums = tuple[Counter[int], list[str]]  # amounts in cents, what is wrong
UNREADABLE = 10**24


def text_of(data: bytes) -> str:
    """Bytes as text, whatever they are."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def lines_of(data: bytes, width: int = 0) -> list[str]:
    """Lines without their ends, blank ones left out; of a file that begins with a line of two and
    more times `width`, the pieces of that width of each."""
    lines = (line.removeprefix("\ufeff") for line in re.split(r"\r\n|\n|\r", text_of(data)))
    found = [line for line in lines if line.strip(" \x1a")]
    if width and found and len(found[0]) >= 2 * width:
        return [line[at : at + width] for line in found for at in range(0, len(line), width)]
    return found


def whole(text: str) -> int:
    """Digits, blank for none; UNREADABLE is no amount and makes every sum wrong."""
    bare = text.strip() or "0"
    return int(bare) if re.fullmatch(r"[+-]?[0-9]+", bare) else UNREADABLE


def cents(text: str) -> int:
    """A decimal with a point or a comma, halves of a cent away from zero."""
    try:
        value = Decimal(text.strip().replace(",", ".")) * 100
        return int(value.quantize(Decimal(1), ROUND_HALF_UP))
    except ArithmeticError:
        return UNREADABLE
