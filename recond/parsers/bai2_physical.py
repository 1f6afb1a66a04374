"""BAI2 files without line breaks: physical records of one length, padded with blanks.

The header says how long they are (record 01, physical record length; formats.md section 1). A file
that has no line breaks and says no length is read only where blanks part its records: where "/"
and a record code stand side by side, nothing says whether a text goes on there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from recond.parsers.columns import BOM, CR, LF, Joined, LineBlock, Readable
from recond.parsers.notes import Notes
from recond.parsers.records import Records

UNKNOWN: Final = -1  # no line breaks, no length, and no blanks between the records
_HEAD = 1 << 16
_SHORTEST, _LONGEST = 16, 1 << 14
_FIELD = 6  # of record 01, behind its code
_NEXT = re.compile(rb"\A[^/]*/(?:02|88|99),")


def physical_length(source: Readable) -> tuple[Joined, int]:
    """The file from its beginning, and the length of its physical records: 0 where lines end
    them, UNKNOWN where nothing does."""
    head = source.read(_HEAD)
    while 0 < len(head) < _HEAD and (more := source.read(_HEAD - len(head))):
        head += more
    stream = Joined(head, source)
    begin = head.removeprefix(BOM).lstrip(b" ")
    body = begin.rstrip(b" \r\n\x1a")
    if not body.startswith(b"01,") or b"\n" in body or b"\r" in body:
        return stream, 0
    fields = body[:256].split(b"/")[0].split(b",")
    said = fields[_FIELD].strip() if len(fields) > _FIELD else b""
    if said.isdigit() and _SHORTEST <= int(said[:9]) <= _LONGEST:
        return stream, int(said)
    return stream, UNKNOWN if _NEXT.match(body) else 0


def physical_blocks(source: Readable, length: int, block: int) -> Iterator[LineBlock]:
    """Blocks of whole physical records; the last one of the file may be short."""
    held, number, offset, ended = b"", 1, 0, False
    wanted = max(block // length, 1) * length
    first = True
    while not ended or held:
        while not ended and len(held) < wanted:
            more = source.read(wanted - len(held))
            ended = not more
            held += more
        if first and held.startswith(BOM):
            held, offset = held[len(BOM) :], len(BOM)
        first = False
        cut = len(held) if ended else len(held) // length * length
        if cut:
            data = np.frombuffer(bytearray(held[:cut]), dtype=np.uint8)
            starts = np.arange(0, cut, length, dtype=np.int64)
            yield LineBlock(data, starts, np.minimum(starts + length, cut), number, offset)
            number, offset = number + len(starts), offset + cut
        held = held[cut:]


class Whole:
    """Tells, once a file, where its physical records are not what the header says: what was lost
    or added between two of them moves all that follow."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._told = False

    def check(self, records: Records, notes: Notes) -> None:
        """Every record begins with a code, and no line break stands inside one."""
        if self._told or not len(records):
            return
        data = records.data
        breaks = np.flatnonzero((data == LF) | (data == CR))
        owner = np.searchsorted(records.start, breaks, side="right") - 1
        inside = owner[(owner >= 0) & (breaks < records.stop[np.maximum(owner, 0)])]
        wrong = np.union1d(inside, np.flatnonzero(records.code == 0))
        if len(wrong):
            self._told = True
            line, offset = records.place(int(wrong[0]))
            notes.add(
                "FILE_STRUCTURE",
                f"The file has no line breaks, and the header (01) says records of {self._length} "
                f"bytes: record {line} is none. Something was lost or added before it. Ask the "
                "bank for the file again.",
                line=line,
                byte_offset=offset,
                field="physical record length",
            )
