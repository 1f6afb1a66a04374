"""The ids that leave recond: text, made from content (contract section 3, "Ids").

`F` + the first digits of the file's SHA-256 (a later arrival of the same bytes has `-2`, `-3` …
behind it); a receipt is its file's id and its ordinal, an application its receipt, version and
line. Integer keys of the database never leave it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from recond.store import schema

HEX_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ApplicationKey:
    """The key of a placement row."""

    receipt_no: int
    version: int
    line: int


def new_file_id(connection: Connection, sha256: str, *, anew: bool = False) -> str:
    """The id of the next arrival of these bytes; `anew` is one that may have receipts though
    others came before it."""
    file = schema.file.c
    arrivals = connection.scalar(
        select(func.count()).select_from(schema.file).where(file.sha256 == sha256)
    )
    digits = HEX_DIGITS
    if anew or not arrivals:
        # another file's SHA-256 may begin with the same digits, or these bytes have an id from
        # their first reading: then this one takes more of them
        while connection.scalar(select(file.file_no).where(file.file_id == f"F{sha256[:digits]}")):
            digits += 4
        return f"F{sha256[:digits]}"
    first = connection.scalar(
        select(file.file_id)
        .where(file.sha256 == sha256, file.duplicate_of.is_(None))
        .order_by(file.file_no)
        .limit(1)
    )
    return f"{first}-{arrivals + 1}"


def receipt_id(file_id: str, ordinal: int) -> str:
    """The id of a receipt."""
    return f"R{file_id[1:]}-{ordinal}"


def receipt_name(connection: Connection, receipt_no: int) -> str:
    """The id of one receipt by its key."""
    file_no = receipt_no >> schema.ORDINAL_BITS
    ordinal = receipt_no & ((1 << schema.ORDINAL_BITS) - 1)
    return receipt_id(files_of(connection, {file_no})[file_no], ordinal)


def application_id(file_id: str, key: ApplicationKey) -> str:
    """The id of an application."""
    ordinal = key.receipt_no & ((1 << schema.ORDINAL_BITS) - 1)
    return f"A{file_id[1:]}-{ordinal}-{key.version}.{key.line}"


def find_receipt(connection: Connection, text: str) -> int | None:
    """The key of the receipt with this id, None when there is none."""
    match = re.fullmatch(r"R([0-9a-f]{12,64})-([0-9]{1,10})", text)
    if match is None:
        return None
    receipt_no = _key(connection, match[1], match[2])
    known = select(schema.receipt.c.receipt_no).where(schema.receipt.c.receipt_no == receipt_no)
    return connection.scalar(known) if receipt_no is not None else None


def parse_application(connection: Connection, text: str) -> ApplicationKey | None:
    """The key of the application with this id, None when there is none."""
    return _parse(connection, "A", text)


def parse_posting(connection: Connection, text: str) -> ApplicationKey | None:
    """The key of the posting with this id (as an application's, with P), None when there is
    none."""
    return _parse(connection, "P", text)


def _parse(connection: Connection, letter: str, text: str) -> ApplicationKey | None:
    parts = r"([0-9a-f]{12,64})-([0-9]{1,10})-([0-9]{1,6})\.([0-9]{1,6})"
    match = re.fullmatch(letter + parts, text)
    if match is None:
        return None
    receipt_no = _key(connection, match[1], match[2])
    if receipt_no is None:
        return None
    placement = schema.placement.c
    key = ApplicationKey(receipt_no, int(match[3]), int(match[4]))
    known = select(placement.line).where(
        placement.receipt_no == key.receipt_no,
        placement.version == key.version,
        placement.line == key.line,
    )
    return key if connection.scalar(known) is not None else None


def _key(connection: Connection, file_digits: str, ordinal: str) -> int | None:
    file_no = connection.scalar(
        select(schema.file.c.file_no).where(schema.file.c.file_id == f"F{file_digits}")
    )
    return None if file_no is None else schema.receipt_key(file_no, int(ordinal))


def files_of(connection: Connection, file_nos: set[int]) -> dict[int, str]:
    """The ids of files by their arrival numbers."""
    file = schema.file.c
    rows = connection.execute(
        select(file.file_no, file.file_id).where(file.file_no.in_(sorted(file_nos)))
    )
    return {row.file_no: row.file_id for row in rows}
