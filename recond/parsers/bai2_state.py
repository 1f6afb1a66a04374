"""BAI2: what is open while a file is read, and the figures that its trailers must meet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pyarrow as pa

from recond.controls import REQUIRED
from recond.model import CONTROLS

TOTAL = re.compile(r"^[+-]?[0-9]{1,18}$", re.ASCII)
COUNT = re.compile(r"^[0-9]{1,9}$", re.ASCII)
_NO_CONTROLS = CONTROLS.empty_table()  # made once: it costs more than it seems
LARGEST_TOTAL = 10**18  # fits int64; more than that is in no bank's books


@dataclass(slots=True)
class Sums:
    """What one level holds: `found` is the algebraic sum of the amounts in it, `declared` that
    of the totals its parts declare, `parts` their number, `records` its physical records."""

    found: int = 0
    declared: int = 0
    parts: int = 0
    records: int = 0


@dataclass(slots=True)
class Account:
    """An open account (03 to 49)."""

    number: str
    scale: int  # minor units to cents; 0: shown in no line, the file is held
    foreign: bool
    line: int
    sums: Sums = field(default_factory=Sums)
    summaries: dict[int, int] = field(default_factory=dict)  # 100 and 400, as declared
    credits: int = 0
    debits: int = 0
    details: int = 0


@dataclass(slots=True)
class Group:
    """An open group (02 to 98)."""

    number: int
    day: int
    same_day: bool  # or not final: shown, never posted
    currency: str
    sums: Sums = field(default_factory=Sums)


@dataclass(slots=True)
class Controls:
    """Rows of CONTROLS, gathered until a chunk is handed on."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, code: str, measure: str, unit: str, figures: tuple[int | None, int],
        place: tuple[int, int, str],
    ) -> None:  # fmt: skip
        """One declared figure and what was found, at file level: statements are held whole."""
        line, offset, name = place
        self.rows.append(
            {
                "code": code, "batch_ord": None, "measure": measure, "unit": unit,
                "declared": figures[0], "found": figures[1],
                "line": line, "byte_offset": offset, "field": name,
            }
        )  # fmt: skip

    def drain(self) -> pa.Table:
        """The rows since the last call."""
        if not self.rows:
            return _NO_CONTROLS
        rows, self.rows = self.rows, []
        return pa.Table.from_pylist(rows, schema=CONTROLS)


@dataclass(frozen=True, slots=True)
class Trailer:
    """A record 49, 98 or 99 as declared: None where a figure is blank or unreadable."""

    total: int | None
    parts: int | None  # 98: accounts, 99: groups
    records: int | None
    line: int
    offset: int


def close(controls: Controls, name: str, part: str | None, trailer: Trailer, sums: Sums) -> None:
    """Compare a trailer with what its level holds.

    A total is right when it equals what the parts declare or what was found, so that one wrong
    account does not make its group and the file wrong too (contract section 5). A blank total
    is zero (formats.md section 1: `49,,2/`).
    """
    declared = 0 if trailer.total is None else trailer.total
    found = sums.declared if part and declared == sums.declared else sums.found
    place = (trailer.line, trailer.offset)
    if abs(found) < LARGEST_TOTAL:
        controls.add(
            "FILE_TOTAL_WRONG", f"control total of {name}", "cents", (declared, found),
            (*place, "control total"),
        )  # fmt: skip
    if part:
        controls.add(
            "FILE_COUNT_WRONG", f"number of {part} in {name}{REQUIRED}", "count",
            (trailer.parts, sums.parts), (*place, f"number of {part}"),
        )  # fmt: skip
    controls.add(
        "FILE_COUNT_WRONG", f"number of records in {name}{REQUIRED}", "count",
        (trailer.records, sums.records), (*place, "number of records"),
    )  # fmt: skip
