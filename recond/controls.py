"""Declared against found: the controls of a file become problems where they differ.

Source: reliability.md faults 32 and 33 (counts, hashes and totals at every level, all
differences at once), contract section 4 (a wrong batch holds the batch, a wrong file the file).
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from recond.exceptions.codes import CODES
from recond.model import Problem
from recond.money import format_grouped

# A measure that ends so must be declared; without it a blank trailer has nothing to compare.
REQUIRED: Final = " (required)"

_SCOPES = {"FILE": "the file", "BATCH": "the batch", "ITEM": "the record"}


def compare(controls: pa.Table, waived: frozenset[str]) -> list[Problem]:
    """The problems of a CONTROLS table, in its order: one for each figure that does not hold.

    A declared figure that is null is not compared, unless its measure ends with REQUIRED; then
    it is missing, which does not hold. A code in `waived` becomes the warning CONTROL_WAIVED.
    """
    if not controls.num_rows:  # most chunks of a large file
        return []
    return [_problem(row, waived) for row in _failing(controls).to_pylist()]


def _failing(controls: pa.Table) -> pa.Table:
    declared, found = controls["declared"], controls["found"]
    # Declared and not found does not hold either: what was not compared is not proved.
    differs = pc.if_else(
        pc.is_null(declared), False, pc.fill_null(pc.not_equal(declared, found), True)
    )
    required = pc.fill_null(pc.ends_with(controls["measure"], REQUIRED), False)
    return controls.filter(pc.or_(differs, pc.and_(pc.is_null(declared), required)))


def _problem(row: dict[str, object], waived: frozenset[str]) -> Problem:
    code = str(row["code"])
    what = f"{str(row['measure']).removesuffix(REQUIRED)}: {_figures(row)}"
    if code in waived:
        message = f"{what}; the format file waives {code}, so it is accepted"
    else:
        scope = _SCOPES[CODES[code].scope]
        message = f"{what}; ask the bank for a corrected file or accept {scope} as found"
    return Problem(
        code="CONTROL_WAIVED" if code in waived else code,
        message=message,
        line=_whole(row["line"]),
        byte_offset=_whole(row["byte_offset"]),
        field=None if row["field"] is None else str(row["field"]),
        batch_ord=_whole(row["batch_ord"]),
    )


def _figures(row: dict[str, object]) -> str:
    declared, found = _whole(row["declared"]), _whole(row["found"])
    unit = str(row["unit"])
    held = "nothing that can be compared" if found is None else _figure(found, unit)
    if declared is None:
        return f"declares nothing, holds {held}"
    text = f"declares {_figure(declared, unit)}, holds {held}"
    return text if found is None else f"{text}, difference {_figure(declared - found, unit)}"


def _figure(value: int, unit: str) -> str:
    if unit == "cents":
        return format_grouped(value)
    return f"{value:,}" if unit == "count" else str(value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
