"""What the `formats` verbs say: which format would take a file, and what it would find in it.

Pure: nothing is processed, nothing is written (contract section 3).
"""

from __future__ import annotations

from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from recond import controls
from recond.balances import Proof
from recond.exceptions.codes import CODES
from recond.formats import Formats
from recond.model import CONTROLS, TABLES, Format, Problem
from recond.money import format_cents
from recond.parsers import GRAMMARS

# Kinds of set-aside records whose amounts are written without a sign and take money back.
_TAKEN_BACK = pa.array(["DEBIT", "RETURN"])


def sniff(formats: Formats, inbox: str | None, name: str, head: bytes) -> list[dict[str, Any]]:
    """One row a format that may arrive in the inbox (None: any): format, claims, reason."""
    rows = []
    for format_name, why in formats.refusals(inbox, name, head).items():
        reason = "claims the file" if why is None else why
        rows.append({"format": format_name, "claims": why is None, "reason": reason})
    return rows


def test(fmt: Format, source: BinaryIO) -> dict[str, Any]:
    """Read a file with a format and say what is in it: `{format, rows: {table: count},
    credit_amount, debit_amount, problems}`, amounts as decimal text (contract section 3).

    Receipts (change at the counter taken off) and credits of bank lines and of records set aside
    are credits. Debits, without their sign, are returns and debits that are set aside, and what
    is negative there or among bank lines. Problems include controls that do not hold, and balances
    that do not add up.
    """
    rows: dict[str, int] = {}
    credit_cents = debit_cents = 0
    problems: list[Problem] = []
    declared, proof = [CONTROLS.empty_table()], Proof(fmt)
    for chunk in GRAMMARS[fmt.grammar].parse(source, fmt):
        for table in TABLES:
            count = chunk.table(table).num_rows
            if count:
                rows[table] = rows.get(table, 0) + count
        credit_cents += int(pc.sum(chunk.table("receipts")["amount_cents"]).as_py() or 0)
        for cents in (chunk.table("bank_lines")["amount_cents"], _signed(chunk.table("set_aside"))):
            above, below = _sides(cents)
            credit_cents, debit_cents = credit_cents + above, debit_cents + below
        proof.look(chunk)
        problems.extend(chunk.problems)
        declared.append(chunk.table("controls"))
    problems.extend(controls.compare(pa.concat_tables(declared), fmt.waives))
    problems.extend(proof.problems())
    return {
        "format": fmt.name,
        "rows": rows,
        "credit_amount": format_cents(credit_cents),
        "debit_amount": format_cents(debit_cents),
        "problems": [_told(problem) for problem in problems],
    }


def _signed(set_aside: pa.Table) -> pa.ChunkedArray:
    """Cents of records set aside, negative where they take money back."""
    cents = set_aside["amount_cents"]
    back = pc.is_in(set_aside["kind"], value_set=_TAKEN_BACK)
    return pc.if_else(back, pc.negate(pc.abs(cents)), cents)


def _sides(cents: pa.ChunkedArray) -> tuple[int, int]:
    """(sum of what is above zero, sum of what is below zero without its sign) in cents."""
    above = pc.sum(cents.filter(pc.greater(cents, 0))).as_py() or 0
    below = pc.sum(cents.filter(pc.less(cents, 0))).as_py() or 0
    return int(above), -int(below)


def _told(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": CODES[problem.code].severity,
        "line": problem.line,
        "field": problem.field,
        "message": problem.message,
    }
