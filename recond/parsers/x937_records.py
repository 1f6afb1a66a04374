"""Records of an X9.37 file: four bytes of length and the record, or a line each (section 10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recond.parsers.columns import LONGEST, Readable, line_blocks
from recond.parsers.notes import Notes

_WIDTH = 80
_IMAGE = "52"
_HEAD = 120  # bytes of a record that are kept: what stands behind is an image or nothing
_MOST = 64 << 20  # bytes of a record, image and all
_PIECE = 1 << 16
_AGAIN = "Ask the sender for the file again."


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its text without any image, and where it stands."""

    kind: str
    text: str
    line: int  # the record's number; the physical line where records are lines
    offset: int
    length: int  # bytes, that of its length field included


class _Source:
    """Bytes in pieces, with the place in the file."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._held = b""
        self.offset = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end of the file."""
        while len(self._held) < size:
            more = self._source.read(_PIECE)
            if not more:
                break
            self._held += more
        found, self._held = self._held[:size], self._held[size:]
        self.offset += len(found)
        return found

    def read(self, size: int = _PIECE, /) -> bytes:
        """As a file: whatever was looked at already comes first."""
        return self.take(max(size, 1))

    def peek(self, size: int) -> bytes:
        """The next bytes, left where they are."""
        found = self.take(size)
        self._held = found + self._held
        self.offset -= len(found)
        return found

    def skip(self, size: int) -> int:
        """Pass over bytes without keeping them; returns how many there were."""
        passed = 0
        while passed < size:
            piece = self.take(min(size - passed, _PIECE))
            if not piece:
                break
            passed += len(piece)
        return passed


def records(source: Readable, notes: Notes) -> Iterator[Record]:
    """The records of a file, images passed over; what cannot be read ends it with a problem.

    A loop over records: the place of each follows from the length of the one before it.
    """
    stream = _Source(source)
    head = stream.peek(6)
    if head[:2] in (b"01", b"\xf0\xf1"):
        yield from _lines(stream, notes, "ascii" if head[:1] == b"0" else "cp037")
        return
    encoding = "cp037" if head[4:5] == b"\xf0" else "ascii"
    number = 0
    while True:
        offset = stream.offset
        prefix = stream.take(4)
        if not prefix:
            return
        number += 1
        size = int.from_bytes(prefix, "big")
        if len(prefix) < 4 or size < 2 or size > _MOST:
            what = "ends inside a length" if len(prefix) < 4 else f"has a record of {size} bytes"
            code = "FILE_TRUNCATED" if len(prefix) < 4 else "RECORD_LENGTH"
            notes.add(code, f"The file {what}. {_AGAIN}", line=number, byte_offset=offset)
            return
        body = stream.take(min(size, _HEAD))
        rest = stream.skip(size - len(body))
        if len(body) + rest < size:
            notes.add(
                "FILE_TRUNCATED", f"The file ends inside record {number}. {_AGAIN}", line=number,
                byte_offset=offset,
            )  # fmt: skip
            return
        yield _record(body, encoding, (number, offset, size + 4), notes)


def _lines(stream: _Source, notes: Notes, encoding: str) -> Iterator[Record]:
    """Records of a file with line breaks; an image cannot be passed over there."""
    for block in line_blocks(stream):
        for row, (start, end) in enumerate(
            zip(block.starts.tolist(), block.ends.tolist(), strict=True)
        ):
            line, offset = block.first_line + row, block.offset + start
            if end - start > LONGEST:
                notes.add("RECORD_TOO_LONG", f"The line has {end - start} bytes. {_AGAIN}",
                          line=line, byte_offset=offset)  # fmt: skip
                return
            body = block.data[start:end].tobytes()
            if body.strip(b" \x1a"):
                yield _record(body[:_HEAD], encoding, (line, offset, end - start), notes)


def _record(body: bytes, encoding: str, place: tuple[int, int, int], notes: Notes) -> Record:
    text = body[:_WIDTH].decode(encoding, "replace")
    kind = text[:2]
    if len(text) < _WIDTH and kind != _IMAGE:
        notes.add(
            "RECORD_PADDED", f"The record {kind} has {len(text)} bytes; it was read with blanks.",
            line=place[0], byte_offset=place[1],
        )  # fmt: skip
    return Record(kind, text.ljust(_WIDTH), *place)
