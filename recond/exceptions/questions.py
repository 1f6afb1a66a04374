"""Ids of questions and the keys by which a clerk's answer finds its question again. Pure.

Crockford's base32 has no I, L, O and U: nothing in an id can be misread or spell a word.
"""

from __future__ import annotations

import hashlib

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LENGTH = 12
KEY_LENGTH = 7


def base32(digest: bytes, length: int) -> str:
    """The first `length` Crockford base32 characters (5 bits each) of a digest."""
    bits = int.from_bytes(digest, "big") >> (8 * len(digest) - 5 * length)
    return "".join(CROCKFORD[bits >> (5 * place) & 31] for place in reversed(range(length)))


def exception_id(code: str, subject: str) -> str:
    """The id of the question `code` about `subject` (an id from content): X and 12 characters.

    The same question about the same thing has the same id in every home (contract section 3).
    """
    return "X" + base32(hashlib.sha256(f"{code}|{subject}".encode()).digest(), ID_LENGTH)


def _doubled(value: int) -> int:
    """`value` times x in GF(32) with x^5 + x^2 + 1."""
    value <<= 1
    return value ^ 0b100101 if value & 32 else value


def check_character(text: str) -> str:
    """One Crockford character that changes with every single wrong character and every swap of
    two different neighbours (a checksum in GF(32)). Raises ValueError for other characters."""
    total = 0
    for character in text:
        total = _doubled(total ^ CROCKFORD.index(character))
    return CROCKFORD[total]


def row_key(exception_id: str, version: int) -> str:
    """`RX-7K2M9QF4-3`: 7 characters of the id, a check character, the version of the question.

    Of a shape that no spreadsheet takes for a number or a date (clerk-sheet section 3.2). Two
    questions may share a row key; the sheet's `check` tells them apart.
    """
    stem = exception_id[1 : 1 + KEY_LENGTH]
    return f"RX-{stem}{check_character(stem)}-{version}"


def read_row_key(text: str) -> tuple[str, int] | None:
    """The beginning of the exception id (`X7K2M9QF`) and the version that a row key names.

    None when it is no row key or its check character is wrong.
    """
    parts = text.strip().upper().split("-")
    if len(parts) != 3 or parts[0] != "RX" or len(parts[1]) != KEY_LENGTH + 1:
        return None
    stem, check, version = parts[1][:-1], parts[1][-1], parts[2]
    if any(character not in CROCKFORD for character in stem) or check_character(stem) != check:
        return None
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        return None
    return "X" + stem, int(version)
