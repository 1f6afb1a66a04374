"""An X12 file in blocks of whole segments: interchanges, their delimiters, memory that is bounded.

A block ends where a loop ends, so that an ADX stands with its RMR and the lines of a payment with
their BPR, whatever the file's size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recond.parsers import columns
from recond.parsers.columns import CR, LONGEST, Readable
from recond.parsers.notes import Notes
from recond.parsers.x12_segments import ISA_ELEMENTS, Marks, Segments, code
from recond.parsers.x12_tokens import (
    ISA_LENGTH,
    even_lines,
    isa_marks,
    strange_breaks,
    tokenise,
)

# A set of twenty lines has as many columns as a line, and a column of a hundred rows costs nearly
# what one of a thousand does: blocks of one MiB need a tenth more time for their calls. Those of
# two touch more memory, and the first touch of a page costs more than what is done with it.
BLOCK = 3 * columns.BLOCK // 2
# Whether a block may end before a segment, and whether no set is open there.
_CUTS, _CUTS_823, _SETS = np.zeros((3, 128), dtype=np.bool_)
_SETS[code("ST")] = True
_CUTS[[code(tag) for tag in ("ISA", "GS", "ST", "ENT", "RMR", "BPR", "SE", "GE", "IEA")]] = True
_CUTS_823[[code(tag) for tag in ("ISA", "GS", "ST", "DEP", "BAT", "BPR", "SE", "GE", "IEA")]] = True
_TAIL = 256  # segments
_HEAD = 8 * ISA_LENGTH  # bytes in which an ISA must end
_MOST = 4 * BLOCK  # bytes of one loop
_AGAIN = "Ask the sender for the file again."
_BOM = b"\xef\xbb\xbf"


class Reader:
    """Reads one file; `lines` is the number of lines (or segments) so far."""

    def __init__(self, source: Readable, notes: Notes) -> None:
        self._source = source
        self._notes = notes
        self._marks: Marks | None = None
        self._offset = 0
        self._by_segment = False
        self._next_line = 1
        self._nul = -1  # the place of the one that was told
        self.payments = False  # an 823 was seen: the lines of a BPR stay together
        self.broken = False  # nothing behind this point can be read

    def blocks(self) -> Iterator[Segments]:
        """Blocks of segments in file order. What cannot be read at all ends the file."""
        held, ended, stuck = b"", False, False
        while not self.broken:
            wanted = max(BLOCK, _HEAD) if self._marks is None else BLOCK
            while not ended and (stuck or len(held) < wanted):
                stuck = False
                more = self._source.read(BLOCK)
                ended = not more
                held += more
                del more  # its memory is for what is made of the block
            if self._marks is None:
                if not held.strip(b" \r\n"):
                    return
                held = self._begin(held)
                if self._marks is None:
                    return
            block, held = self._block(held, ended)
            stuck = block is None
            if block is not None and len(block):
                yield block
            block = None  # its memory is for the next one
            if ended and (stuck or not held):
                return

    def _begin(self, held: bytes) -> bytes:
        """Read the delimiters of the ISA that stands first; returns the bytes from it on."""
        bare = held.removeprefix(_BOM) if self._offset == 0 else held
        body = bare.lstrip(b" \r\n")
        skipped = held[: len(held) - len(body)]
        marks, fault, length = isa_marks(body[:_HEAD])
        if marks is None:
            self._refuse(fault, self._offset + len(skipped))
            return b""
        if length != ISA_LENGTH:
            self._notes.add(
                "RECORD_DEVIATES",
                f"The ISA segment has {length} bytes and not {ISA_LENGTH}: its elements are not "
                "padded. It was read by counting its separators.",
                line=self._next_line,
                byte_offset=self._offset + len(skipped),
                field="ISA",
            )
        if self._offset == 0:
            behind = body[length : length + 1]
            newline = marks.segment in b"\r\n"
            self._by_segment = not newline and behind not in (b"\r", b"\n")
        self._next_line += 0 if self._by_segment else skipped.count(b"\n")
        self._offset += len(skipped)
        self._marks = marks
        return body

    def _block(self, held: bytes, ended: bool) -> tuple[Segments | None, bytes]:
        marks = self._marks
        if marks is None:
            return None, held
        cut = stop = held.rfind(bytes([marks.segment])) + 1
        whole = held
        if ended and held[cut:].strip(b" \r\n\x1a\0"):
            whole, cut = held + bytes([marks.segment]), len(held)  # the last terminator is missing
            stop = cut
        elif ended:
            whole, cut = held[:stop], len(held)
        elif len(held) - cut > LONGEST:
            self._refuse("a segment is longer than any may be", self._offset + cut, long=True)
            return None, b""
        if not stop:
            return None, b"" if ended else held
        before = self._next_line, self._offset
        found = even_lines(whole, marks, *before, by_segment=self._by_segment)
        if found is None:
            data = np.frombuffer(whole if ended else held[:cut], dtype=np.uint8)
            found = tokenise(data, marks, *before, by_segment=self._by_segment)
        last, marks_end = self._last_row(found, ended)
        taken = cut if last == len(found) else found.place(last)[1] - self._offset
        if taken == 0 and not ended:
            if len(held) > _MOST:
                self._refuse("a loop of segments has no end", self._offset, long=True)
            return None, held
        part = found if last == len(found) else found.part(0, last)
        self._check_breaks(part, marks)
        self._check_nul(held.find(b"\0", 0, stop))
        self._offset += taken
        if last < len(found):
            self._next_line = found.place(last)[0]
        elif self._by_segment:
            self._next_line += last
        else:
            self._next_line += held.count(b"\r" if marks.segment == CR else b"\n", 0, taken)
        if marks_end:
            self._marks = None
        return part, held[taken:]

    def _last_row(self, found: Segments, ended: bool) -> tuple[int, bool]:
        """How many rows may be taken now, and whether another ISA with its own delimiters
        follows them."""
        closes = np.flatnonzero(found.tag == code("IEA"))
        following = closes[closes + 1 < len(found)] + 1
        isa = (found.tag[following] == code("ISA")) & (found.count[following] == ISA_ELEMENTS)
        short = found.end[following] - found.bounds[found.low[following] + found.count[following]]
        strange = following[~isa | (short != 2)]
        for row in strange.tolist():  # seldom: delimiters change, or no ISA follows
            if found.data[int(found.start[row]) :][:3].tobytes() == b"ISA":
                return row, True
        if ended:
            return len(found), False
        if not self.payments:
            starts = found.rows("ST")
            self.payments = any(found.text(int(row), 1) == "823" for row in starts[:1])
        # Mostly a set ends among the last segments, and then none is open between two blocks.
        allowed, tail = _CUTS_823 if self.payments else _CUTS, found.tag[-_TAIL:]
        for part, wanted in ((tail, _SETS), (tail, allowed), (found.tag, allowed)):
            rows = np.flatnonzero(wanted[part])
            if len(rows) and (cut := len(found) - len(part) + int(rows[-1])):
                return cut, False
        return 0, False

    def _check_breaks(self, found: Segments, marks: Marks) -> None:
        strange = np.flatnonzero(strange_breaks(found, marks)) if not found.plain else np.zeros(0)
        for row in strange[: self._notes.kept].astype(np.int64).tolist():
            line, offset = found.place(row)
            self._notes.add(
                "RECORD_UNREADABLE",
                f"The segment {found.name(row)} has a line break inside. {_AGAIN}",
                line=line,
                byte_offset=offset,
            )
        self._notes.count_beyond("RECORD_UNREADABLE", len(strange))

    def _check_nul(self, place: int) -> None:
        """Tell the first NUL byte of a block, which may stand behind what is taken of it now."""
        if place >= 0 and self._offset + place != self._nul:
            self._nul = self._offset + place
            self._notes.add(
                "NUL_BYTES", f"The file holds NUL bytes. {_AGAIN}",
                line=self._next_line, byte_offset=self._nul,
            )  # fmt: skip

    def _refuse(self, fault: str, offset: int, *, long: bool = False) -> None:
        self.broken = True
        code_ = "RECORD_TOO_LONG" if long else "HEADER_WRONG"
        self._notes.add(
            code_, f"{fault[0].upper()}{fault[1:]}. {_AGAIN}", line=self._next_line,
            byte_offset=offset, field=None if long else "ISA",
        )  # fmt: skip
