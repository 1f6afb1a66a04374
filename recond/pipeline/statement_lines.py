"""Lines of bank statements on their way into the books: each line once.

Downloads overlap and statements are sent again. A line that brings its own identity (`line_id`:
the FITID of OFX, the place in a numbered statement of MT940) is kept once: the same identity with
the same content is skipped and counted; with other content it is kept, shown and never posted,
and a person is asked (formats.md section 0: OFX account and FITID per row).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, and_, case, func, select

from recond.exceptions.desk import Question
from recond.money import format_cents
from recond.periods import Cutoff
from recond.store import schema
from recond.store.engine import insert_table, stage
from recond.store.withdrawals import is_withdrawn

_CONTENT = (
    "value_date", "amount_cents", "type_code", "reference", "customer_reference", "text",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """How many lines of a chunk were kept and skipped, and the questions about the others."""

    kept: int
    skipped: int
    questions: tuple[Question, ...]


def keep_lines(
    connection: Connection,
    cutoff: Cutoff,
    file_no: int,
    file_id: str,
    lines: pa.Table,
    repeated: pa.Array | None = None,
) -> Kept:
    """Insert the BANK_LINES of one file, each identity once; nothing is ever overwritten.
    `repeated`: ordinals of lines that stand already, of the statement that this one corrects."""
    told = lines.num_rows
    if repeated is not None:
        lines = lines.filter(pc.invert(pc.is_in(lines["ordinal"], value_set=repeated)))
    standing = told - lines.num_rows
    skipped, changed = _judge(connection, file_no, lines)
    questions = tuple(_ask(file_no, file_id, lines, changed))
    ordinal = lines["ordinal"]
    if len(changed):
        shown = pc.or_(lines["same_day"], pc.is_in(ordinal, value_set=changed))
        lines = lines.set_column(lines.schema.get_field_index("same_day"), "same_day", shown)
    if len(skipped):
        lines = lines.filter(pc.invert(pc.is_in(ordinal, value_set=skipped)))
    lines = lines.append_column("period", cutoff.months(lines["value_date"]))
    constants = {"file_no": file_no}
    kept = insert_table(connection, schema.bank_line, lines, constants=constants)
    return Kept(kept, standing + len(skipped), questions)


def _judge(connection: Connection, file_no: int, lines: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Ordinals of the lines that came before with the same, and only with other content."""
    nothing = pa.array([], pa.int64())
    named = lines.filter(pc.is_valid(lines["line_id"]))
    if not named.num_rows:
        return nothing, nothing
    staged = stage(
        connection, "bank_lines", named.select(["ordinal", "bank_account", "line_id", *_CONTENT])
    )
    known = schema.bank_line.c
    same = and_(*(staged.c[name].is_not_distinct_from(known[name]) for name in _CONTENT))
    rows = connection.execute(
        select(staged.c.ordinal, func.max(case((same, 1), else_=0)))
        .join(
            schema.bank_line,
            (known.bank_account == staged.c.bank_account) & (known.line_id == staged.c.line_id),
        )
        .where(known.line_id.is_not(None), known.file_no != file_no, ~is_withdrawn())
        .group_by(staged.c.ordinal)
        .order_by(staged.c.ordinal)
    ).all()
    return (
        pa.array([ordinal for ordinal, equal in rows if equal], pa.int64()),
        pa.array([ordinal for ordinal, equal in rows if not equal], pa.int64()),
    )


def _ask(file_no: int, file_id: str, lines: pa.Table, changed: pa.Array) -> list[Question]:
    if not len(changed):
        return []
    part = lines.filter(pc.is_in(lines["ordinal"], value_set=changed))
    return [
        Question(
            "BANK_LINE_CONFLICT",
            f"{file_id}/line/{row['ordinal']}",
            f"line {row['line']}: the bank's line {row['line_id']} of account"
            f" {row['bank_account']} over {format_cents(row['amount_cents'])} came before with"
            " other content; it is shown and not posted. Ask the bank which one is right.",
            row["amount_cents"],
            file_no=file_no,
        )
        for row in part.to_pylist()
    ]
