"""What a person who sets up a bank's format needs to see: claims with reasons, and a trial
reading with tables, totals and problems (contract section 3, `formats sniff` and `test`)."""

from __future__ import annotations

from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from recond import controls
from recond.exceptions.codes import CODES
from recond.formats import Formats, refusal
from recond.model import CONTROLS, TABLES, Format, Problem
from recond.money import format_cents
from recond.parsers import GRAMMARS

# Tables that a reader of a report asks about; controls and batches are recond's own.
COUNTED = tuple(name for name in TABLES if name != "controls")


def sniff(formats: Formats, inbox: str | None, name: str, head: bytes) -> list[dict[str, Any]]:
    """One row a format that may arrive in `inbox` (None: any): whether it claims a file of that
    name which begins with `head`, and why not."""
    rows = []
    for fmt in formats.of_inbox(inbox):
        why = refusal(fmt, name, head)
        rows.append({"format": fmt.name, "claims": why is None, "reason": why or "claims the file"})
    return rows


def test(fmt: Format, source: BinaryIO) -> dict[str, Any]:
    """Read a file and write nothing: `{format, rows, credit_amount, debit_amount, problems}`.

    Credits are receipts and bank lines with a plus sign, debits bank lines with a minus sign and
    records set aside as debits or returns; amounts are decimal dollars.
    """
    rows = dict.fromkeys(COUNTED, 0)
    credit_cents = debit_cents = 0
    problems: list[Problem] = []
    declared = [CONTROLS.empty_table()]
    for chunk in GRAMMARS[fmt.grammar].parse(source, fmt):
        for name in COUNTED:
            rows[name] += chunk.table(name).num_rows
        credit_cents += _sum(chunk.table("receipts")["amount_cents"])
        lines = chunk.table("bank_lines")["amount_cents"]
        credit_cents += _sum(lines.filter(pc.greater(lines, 0)))
        debit_cents -= _sum(lines.filter(pc.less(lines, 0)))
        debit_cents += _debits(chunk.table("set_aside"))
        problems.extend(chunk.problems)
        declared.append(chunk.table("controls"))
    problems.extend(controls.compare(pa.concat_tables(declared), fmt.waives))
    return {
        "format": fmt.name,
        "rows": {name: count for name, count in rows.items() if count},
        "credit_amount": format_cents(credit_cents),
        "debit_amount": format_cents(debit_cents),
        "problems": [_told(problem) for problem in problems],
    }


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)


def _debits(set_aside: pa.Table) -> int:
    kinds = pa.array(["DEBIT", "RETURN", "REFUND", "CHARGEBACK", "FEE"])
    chosen = set_aside.filter(pc.is_in(set_aside["kind"], value_set=kinds))
    return _sum(chosen["amount_cents"])


def _told(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": CODES[problem.code].severity,
        "line": problem.line,
        "field": problem.field,
        "message": problem.message,
    }
