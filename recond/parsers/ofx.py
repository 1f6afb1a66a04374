"""OFX and QFX statements, version 1 (SGML) and 2 (XML): bank lines and balances
(formats.md section 9).

Tags are read one by one in Python: a download of a bank account has at most some thousand
transactions, and no bank puts millions of them into SGML. Memory is that of one block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from recond.model import BANK_BALANCES, BANK_LINES, Format, Parsed, Transmission
from recond.parsers.notes import Notes
from recond.parsers.ofx_reader import Reader
from recond.parsers.ofx_scan import tags


class Layout(BaseModel):
    """What a bank's profile of OFX may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    other_currency: Literal["hold", "show"] = Field(
        default="hold",
        description="accounts in another currency: hold the file, or show and never post them",
    )


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Read an OFX file into bank_lines and bank_balances, a chunk a block.

    Amounts are cents with the bank's sign. OFX has no totals: what is checked is that every
    transaction is whole, readable and has a FITID of its own, and that the file ends. The FITID
    is the line's identity, so overlapping downloads bring each line once.

    Problems that hold: FILE_TRUNCATED, FILE_STRUCTURE, RECORD_UNREADABLE, VALUE_UNREADABLE,
    LINE_REPEATED, BANK_REFUSED, NO_STATEMENT, CURRENCY_WRONG, AMOUNT_OUT_OF_RANGE, NUL_BYTES,
    ENCODING_WRONG, RECORD_TOO_LONG. Never raises for bad data.
    """
    layout = fmt.layout
    if not isinstance(layout, Layout):
        raise TypeError(f"format {fmt.name} has no OFX layout")
    notes = Notes()
    reader = Reader(layout, fmt.currency, fmt.encoding, notes)
    for block in tags(source, notes):
        for tag in block:
            reader.take(tag)
        yield Parsed(_tables(reader), notes.drain())
    reader.finish()
    yield Parsed(_tables(reader), notes.drain() + notes.rest(), Transmission())


def _tables(reader: Reader) -> dict[str, pa.Table]:
    lines, reader.lines = reader.lines, []
    balances, reader.balances = reader.balances, []
    return {
        "bank_lines": pa.Table.from_pylist(lines, schema=BANK_LINES),
        "bank_balances": pa.Table.from_pylist(balances, schema=BANK_BALANCES),
    }
