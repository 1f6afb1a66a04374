"""BAI lockbox, records 1 2 5 6 4 7 8 9 (formats section 2): not BAI2, a different, older format.

    1 header · 2 service · 5 batch header · 6 check · 4 overflow of the check before it
    7 batch total · 8 lockbox total · 9 trailer

Which columns a field has is data (`Layout`, from the format file). A check that cannot be read
stays in its place as a record set aside, so that its overflow records do not attach to its
neighbour; its batch is held. Checks of one batch are held alone (record 7), totals of the file
(8, 9) hold it whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, BinaryIO, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict

from recond.model import Format, Parsed
from recond.parsers.columns import (
    CR,
    LARGE_BLOCK,
    LF,
    LONGEST,
    SPACE,
    Bytes,
    Ints,
    LineBlock,
    Whole,
    fixed_view,
    line_blocks,
)
from recond.parsers.lockbox_checks import checks_of
from recond.parsers.lockbox_state import State

END_OF_FILE = 26  # ^Z, which some programs write behind the last record
NUL = 0


def _columns(value: object) -> object:
    """ "8-17", columns from 1, both ends included, as a slice's bounds (7, 17)."""
    if not isinstance(value, str):
        return value
    first, _, last = value.partition("-")
    if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
        raise ValueError(f"{value!r} is no range of columns such as '8-17'")
    if not 1 <= int(first) <= int(last) <= 1000:
        raise ValueError(f"{value!r}: columns count from 1, the first comes before the last")
    return int(first) - 1, int(last)


Columns = Annotated[tuple[int, int], BeforeValidator(_columns)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Header(_Record):
    """Record 1."""

    date: Columns


class Batch(_Record):
    """Record 5."""

    batch: Columns
    lockbox: Columns
    date: Columns


class Check(_Record):
    """Record 6."""

    batch: Columns
    item: Columns
    amount: Columns
    routing: Columns
    account: Columns
    number: Columns
    remitter: Columns
    date: Columns | None = None  # written on the check, MMDDYY


class Overflow(_Record):
    """Record 4."""

    batch: Columns
    item: Columns
    overflowed: Columns
    sequence: Columns
    indicator: Columns
    reference: Columns
    amount: Columns


class BatchTotal(_Record):
    """Record 7."""

    batch: Columns
    count: Columns
    amount: Columns


class BoxTotal(_Record):
    """Record 8."""

    count: Columns
    amount: Columns


class Trailer(_Record):
    """Record 9."""

    records: Columns


class Layout(_Record):
    """The `[layout]` table of a lockbox format: the columns of each record's fields.

    `batch_total_required = false` lets a bank leave record 7 out; `header_per = "lockbox"` is a
    bank that writes record 5 once for all batches of a lockbox; `overflow_first` one whose
    records 4 stand before their check; `date_order` is that of records 1 and 5.
    """

    header: Header
    batch: Batch
    check: Check
    overflow: Overflow
    batch_total: BatchTotal
    box_total: BoxTotal
    trailer: Trailer
    batch_total_required: bool = True
    header_per: Literal["batch", "lockbox"] = "batch"
    overflow_first: bool = False
    date_order: str = "YYMMDD"

    @property
    def width(self) -> int:
        """The columns that any record of the layout needs."""
        records = (
            self.header, self.batch, self.check, self.overflow, self.batch_total, self.box_total,
            self.trailer,
        )  # fmt: skip
        spans = [span for record in records for span in record.model_dump().values()]
        return int(max(span[1] for span in spans))


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Read a lockbox file in chunks: receipts, remittances, batches, controls, problems.

    Every chunk holds whole checks with their overflow records. The last one brings the
    transmission: identity is record 1 as it stands, the detail digest covers records 6 and 4.
    """
    layout = fmt.layout
    if not isinstance(layout, Layout):
        raise TypeError(f"format {fmt.name} is not of grammar lockbox")
    state, width = State(layout, fmt), layout.width
    whole = _whole_checks(layout.overflow_first)
    for block in line_blocks(source, LARGE_BLOCK, whole=whole, reuse=True):
        kept = _records(block, state)
        if len(kept.starts):
            view, lengths = fixed_view(kept, width)
            yield checks_of(state, kept, view, lengths)
    yield state.finish()


def _whole_checks(overflow_first: bool) -> Whole:
    """Where blocks are cut so that no check is parted from its overflow records: before the last
    record of another kind, or behind it where overflow records come first."""

    def whole(data: Bytes, starts: Ints) -> int:
        first = data[starts]
        others = np.flatnonzero((first != ord("4")) & (first != LF) & (first != CR))
        cut = int(others[-1]) + overflow_first if len(others) else 0
        return len(starts) if cut == 0 and len(data) >= LONGEST * 16 else cut

    return whole


def _records(block: LineBlock, state: State) -> LineBlock:
    """The lines that are records: blank ones and a final ^Z are none. Notes bytes that no line
    of this format may hold."""
    lengths = block.ends - block.starts
    state.note_bytes(block, lengths, NUL, LONGEST)
    blank = lengths == 0
    first = block.data[np.minimum(block.starts, len(block.data) - 1)]
    suspects = np.flatnonzero(((first == SPACE) | (first == END_OF_FILE)) & ~blank)
    for row in suspects:  # lines that begin with a blank or ^Z: at most a few behind the trailer
        text = block.data[block.starts[row] : block.ends[row]]
        blank[row] = bool(np.isin(text, (SPACE, END_OF_FILE)).all())
    state.lines = block.first_line + np.flatnonzero(~blank)
    if not blank.any():
        return block
    return LineBlock(
        block.data, block.starts[~blank], block.ends[~blank], block.first_line, block.offset
    )
