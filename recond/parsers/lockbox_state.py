"""What a lockbox file has come to so far: its batches, boxes, totals and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from recond.model import BATCHES, CONTROLS, Format, Parsed, Transmission
from recond.parsers.columns import Bytes, Ints, LineBlock, Mask, rows_of
from recond.parsers.dates import iso
from recond.parsers.notes import Notes

if TYPE_CHECKING:
    from recond.parsers.lockbox import Columns, Layout

# Which record may follow which; "" is the beginning of the file.
FOLLOWS = {
    "": "1",
    "1": "259",
    "2": "589",
    "5": "678",
    "6": "4678",
    "4": "4678",
    "7": "58",
    "8": "2589",
    "9": "",
}


@dataclass(frozen=True, slots=True)
class Picked:
    """The records of one kind: their places among the chunk's records, and their bytes."""

    rows: Ints
    view: Bytes

    def field(self, span: Columns) -> Bytes:
        """One field of all of them, as bytes."""
        return self.view[:, span[0] : span[1]]

    def text(self, index: int | np.integer[Any], span: Columns) -> str:
        """One field of one of them, as text without blanks around it."""
        return text_of(self.view, index, span)

    def kept(self, mask: Mask) -> Picked:
        """Some of them."""
        return Picked(self.rows[mask], self.view[mask])


def picked(view: Bytes, mask: Mask) -> Picked:
    """Those of a chunk's records, copied once: their fields stand beside each other then."""
    rows = np.flatnonzero(mask)
    return Picked(rows, rows_of(view, rows, 0, view.shape[1]))


def text_of(view: Bytes, row: int | np.integer[Any], span: Columns) -> str:
    """One field of one record, as text without blanks around it."""
    return bytes(view[row, span[0] : span[1]]).decode("latin-1").strip()


def printed(span: Columns) -> str:
    """Columns as banks print them: from 1, both ends included."""
    return f"{span[0] + 1}-{span[1]}"


def follows(layout: Layout) -> Mapping[str, str]:
    """Which record may follow which, in a bank's own order (formats section 2, deviations)."""
    allowed = dict(FOLLOWS)
    if layout.overflow_first:
        allowed |= {"5": "4678", "4": "46", "6": "4678"}
    if layout.header_per == "lockbox":
        allowed["7"] += "46" if layout.overflow_first else "6"
    return allowed


NAMES = {
    "1": "header", "2": "service record", "5": "batch header", "6": "check", "4": "overflow record",
    "7": "batch total", "8": "lockbox total", "9": "trailer",
}  # fmt: skip


class Once:
    """What is told once a file for each code and columns, whatever the size of the blocks: what
    the first one reads and where it stands, and how many there are."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[str, int, int]] = {}

    def add(self, code: str, text: str, number: int, line: int, field: str) -> None:
        """Count those of a block; `text` and `line` are the first one's."""
        text, before, line = self._found.get((code, field), (text, 0, line))
        self._found[code, field] = (text, before + number, line)

    def tell(self, notes: Notes) -> None:
        """At the end of the file."""
        for (code, field), (text, number, line) in self._found.items():
            others = f"{number - 1} others" if number > 2 else "one other"
            if code == "CHECK_DIGIT_WRONG":
                more = f", as {'do' if number > 2 else 'does'} {others}" if number > 1 else ""
                message = f"The routing number {text} fails its check digit{more}."
            else:
                more = f", as is that of {others}" if number > 1 else ""
                message = (
                    f"The {text} of a check was not read by the bank's machine and is left"
                    f" blank{more}."
                )
            notes.add(code, message, line=line, field=field)


@dataclass(slots=True)
class OneBatch:
    """A batch as its records 5 and 7 tell it, and what was found in it."""

    number: str
    line: int
    day: int | None
    lockbox: str
    found_count: int = 0
    found_cents: int = 0
    declared_count: int | None = None
    declared_cents: int | None = None
    total_line: int | None = None
    last_item: int | None = None

    def take_number(self, said: str) -> None:
        """Some banks leave 000 in record 5: then the batch's first check or total names it."""
        if not self.number.strip("0"):
            self.number = said

    @property
    def identity(self) -> str | None:
        """The bank's own identity of the batch: lockbox, day and number (formats section 0)."""
        return None if self.day is None else f"{self.lockbox}:{iso(self.day)}:{self.number}"


class State:
    """Carried from chunk to chunk; one instance a file."""

    def __init__(self, layout: Layout, fmt: Format) -> None:
        self.layout = layout
        self.fmt = fmt
        self.notes = Notes()
        self.once = Once()
        self.lines: Ints = np.zeros(0, np.int64)  # physical line of each record of the chunk
        self.batches: list[OneBatch] = []
        self.controls: list[dict[str, object]] = []
        self.checks = 0
        self.cents = 0
        self.records = 0
        self.ordinal = 0
        self.unreadable = 0
        self.last = ""  # type of the record before
        self.header: str | None = None
        self.header_day: int | None = None
        self.declared: tuple[int, int] | None = None  # of all lockbox totals
        self.box_first = 0  # the first batch of the lockbox that is open
        self.trailer = False
        self.details = sha256()
        # Whether a record may follow another, by both their first bytes.
        self.follows = np.zeros(1 << 16, np.bool_)
        for first, following in follows(layout).items():
            self.follows[[ord(first or "\0") << 8 | ord(kind) for kind in following]] = True
        self.any_details = False

    def note_bytes(self, block: LineBlock, lengths: Ints, nul: int, longest: int) -> None:
        """Note NUL bytes and lines that are longer than any record."""
        if len(block.data) and int(block.data.min()) == nul and self.notes.first("NUL_BYTES"):
            found = np.flatnonzero(block.data == nul)
            row = int(np.searchsorted(block.starts, found[0], side="right")) - 1
            self.notes.add(
                "NUL_BYTES",
                "The line holds NUL bytes; ask the bank for the file again.",
                line=block.first_line + row,
                byte_offset=block.offset + int(found[0]),
            )
        too_long = np.flatnonzero(lengths > longest)
        if len(too_long):
            row = int(too_long[0])
            self.notes.add(
                "RECORD_TOO_LONG",
                f"The line has more than {longest} bytes; a record has about 80.",
                line=block.first_line + row,
                byte_offset=block.offset + int(block.starts[row]),
            )

    def control(
        self,
        code: str,
        measure: str,
        unit: str,
        declared: int | None,
        found: int,
        line: int | None,
        field: str,
        batch_ord: int | None = None,
    ) -> None:
        """Keep a declared figure beside what was found."""
        self.controls.append(
            {
                "code": code, "batch_ord": batch_ord, "measure": measure, "unit": unit,
                "declared": declared, "found": found, "line": line, "byte_offset": None,
                "field": field,
            }
        )  # fmt: skip

    def between(self, batch_ord: Ints) -> list[OneBatch]:
        """The batches from the first to the last of these numbers, which never fall; number 0 is
        a batch without a name."""
        if not len(batch_ord):
            return []
        first, last = int(batch_ord[0]), int(batch_ord[-1])
        none = [] if first else [OneBatch("", 0, None, "")]
        return [*none, *self.batches[max(first - 1, 0) : last]]

    def add_details(self, view: Bytes, kept: Mask) -> None:
        """Digest records 6 and 4, padded to the layout's width: line ends, trailing blanks and
        everything around them may differ."""
        edges = np.flatnonzero(np.diff(kept, prepend=False, append=False)).tolist()
        view = np.ascontiguousarray(view)
        for first, last in zip(edges[::2], edges[1::2], strict=True):  # runs of them, as they stand
            self.details.update(view[first:last].data)
        self.any_details |= bool(edges)

    def close_box(self, count: int, cents: int, line: int, last: int) -> None:
        """Record 8 behind batch number `last`: right when it equals the declared totals of its
        batches or what was found in them."""
        batches = self.batches[self.box_first : last]
        self.box_first = last
        before = self.declared or (0, 0)
        self.declared = (before[0] + count, before[1] + cents)
        said = [(b.found_count, b.found_cents) if b.declared_count is None or
                b.declared_cents is None else (b.declared_count, b.declared_cents)
                for b in batches]  # fmt: skip
        said_count, said_cents = (sum(figures) for figures in zip((0, 0), *said, strict=True))
        found_count = sum(b.found_count for b in batches)
        found_cents = sum(b.found_cents for b in batches)
        box = batches[0].lockbox if batches else "without batches"
        span = self.layout.box_total.count
        width = 10 ** (span[1] - span[0])  # a count may be larger than its field can say
        right = {said_count, said_count % width, found_count % width}
        counted = count if count in right else found_count
        added = cents if cents == said_cents else found_cents
        name = f"lockbox {box}"
        self.control(
            "FILE_COUNT_WRONG", f"checks of {name}", "count", count, counted, line, "21-24"
        )
        self.control("FILE_TOTAL_WRONG", f"checks of {name}", "cents", cents, added, line, "25-34")

    @property
    def last_line(self) -> int | None:
        """The line of the last record, where there is one."""
        return int(self.lines[-1]) if len(self.lines) else None

    def finish(self) -> Parsed:
        """The last chunk: batches, controls, the transmission and what is missing."""
        notes = self.notes
        self.once.tell(notes)
        if self.header is None and not self.records:
            notes.add("FILE_STRUCTURE", "The file has no records.", line=1)
        elif not self.trailer:
            notes.add(
                "FILE_TRUNCATED",
                f"The file ends behind a {NAMES.get(self.last, 'line')} and has no trailer"
                " (record 9); ask the bank for the whole file.",
                line=self.last_line,
            )
        if not self.checks and not self.unreadable and self.trailer:
            notes.add("NO_ACTIVITY", "The file holds no checks.")
        if self.box_first < len(self.batches) and self.trailer:
            message = "The last batches have no lockbox total (record 8)."
            notes.add("FILE_STRUCTURE", message, line=self.last_line)
        for number, batch in enumerate(self.batches, 1):
            self._close_batch(number, batch)
        declared = self.declared
        transmission = Transmission(
            identity=f"lockbox:{self.header}" if self.header else None,
            detail_digest=self.details.hexdigest() if self.any_details else None,
            declared_count=declared[0] if declared else None,
            declared_cents=declared[1] if declared else None,
            found_count=self.checks if declared else None,
            found_cents=self.cents if declared else None,
        )
        tables = {
            "batches": pa.Table.from_pylist(
                [_row(number, batch) for number, batch in enumerate(self.batches, 1)],
                schema=BATCHES,
            ),
            "controls": pa.Table.from_pylist(self.controls, schema=CONTROLS),
        }
        return Parsed(tables, (*notes.drain(), *notes.rest()), transmission)

    def _close_batch(self, number: int, batch: OneBatch) -> None:
        name = f"checks of batch {batch.number}"
        total = self.layout.batch_total
        if batch.declared_count is None:
            if self.layout.batch_total_required and self.trailer:
                self.notes.add(
                    "BATCH_STRUCTURE",
                    f"Batch {batch.number} has no total (record 7); ask the bank, or accept it"
                    " as found.",
                    line=batch.line,
                    batch_ord=number,
                )
            return
        width = 10 ** (total.count[1] - total.count[0])
        found = batch.found_count
        if found >= width:
            self.notes.add(
                "RECORD_DEVIATES",
                f"Batch {batch.number} has {found} checks, more than its count can say.",
                line=batch.total_line,
            )
        fields = [f"{span[0] + 1}-{span[1]}" for span in (total.count, total.amount)]
        self.control("BATCH_COUNT_WRONG", name, "count", batch.declared_count, found % width,
                     batch.total_line, fields[0], number)  # fmt: skip
        self.control("BATCH_TOTAL_WRONG", name, "cents", batch.declared_cents, batch.found_cents,
                     batch.total_line, fields[1], number)  # fmt: skip


def _row(number: int, batch: OneBatch) -> dict[str, object]:
    return {
        "batch_ord": number,
        "batch": batch.number,
        "identity": batch.identity,
        "line": batch.line,
        "declared_count": batch.declared_count,
        "declared_cents": batch.declared_cents,
        "found_count": batch.found_count,
        "found_cents": batch.found_cents,
        "source": batch.lockbox or None,
    }
