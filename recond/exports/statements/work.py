"""What people and rules did: corrections, questions, rates, and the checklist itself."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import case, func, or_, select

from recond.exports.columns import FileIds, int64s
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.exports.statements.cash import SAME, first_placed
from recond.store import schema
from recond.store.sql import total

entry, receipt = schema.entry, schema.receipt
decision, placement, asked = schema.decision, schema.placement, schema.exception
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()
AGES = (("days_0_5", 5), ("days_6_30", 30), ("days_31_90", 90))


def corrections(month: Month) -> Statement:
    """Every later decision about money that was placed before, with who made it and why. What it
    takes from items, credit and suspense is what it places somewhere."""
    minus = case((placement.c.cents < 0, placement.c.cents), else_=0)
    plus = case((placement.c.cents > 0, placement.c.cents), else_=0)
    query = (
        select(decision.c.receipt_no, decision.c.version, entry.c.effective_date,
               entry.c.original_date, entry.c.business_date, entry.c.decided_by, decision.c.rule,
               decision.c.evidence.label("reason"), total(minus).label("taken_cents"),
               total(plus).label("placed_cents"), entry.c.entry_id)
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(decision.c.version > 1, entry.c.period == month.month)
        .group_by(decision.c.receipt_no, decision.c.version, entry.c.effective_date,
                  entry.c.original_date, entry.c.business_date, entry.c.decided_by,
                  decision.c.rule, decision.c.evidence, entry.c.entry_id)
        .order_by(decision.c.receipt_no, decision.c.version)
    )  # fmt: skip
    shape = {"receipt_no": INT, "version": INT, "effective_date": TEXT, "original_date": TEXT,
             "business_date": TEXT, "decided_by": TEXT, "rule": TEXT, "reason": TEXT,
             "taken_cents": INT, "placed_cents": INT, "entry_id": TEXT}  # fmt: skip
    found = month.rows(query, shape)
    ids = FileIds.load(month.connection).receipts(int64s(found["receipt_no"]))
    table = found.drop_columns(["receipt_no"]).add_column(0, "receipt_id", ids)
    placed = summed(table, "placed_cents")
    tie = Tie("what is taken = what is placed", placed, -summed(table, "taken_cents"))
    return Statement("Corrections and later decisions", shown(table), (tie,), placed)


def exception_ageing(month: Month) -> Statement:
    """Questions that were open at the month's end, by code and age in days."""
    day = month.last.isoformat()
    query = (
        select(asked.c.code, asked.c.opened_date,
               func.coalesce(asked.c.amount_cents, 0).label("amount_cents"))
        .where(asked.c.opened_date <= day,
               or_(asked.c.status != "resolved", asked.c.resolved_date > day))
    )  # fmt: skip
    found = month.rows(query, {"code": TEXT, "opened_date": DATE, "amount_cents": INT})
    days = pc.days_between(found["opened_date"], pa.scalar(month.last)).cast(INT)
    table = found.select(["code"])
    floor = -1
    for name, limit in (*AGES, ("over_90", 1 << 30)):
        here = pc.and_(pc.greater(days, floor), pc.less_equal(days, limit))
        table = table.append_column(name, here.cast(INT))
        floor = limit
    table = table.append_column("questions", pa.array([1] * found.num_rows, INT))
    table = table.append_column("amount_cents", found["amount_cents"])
    names = [name for name in table.column_names if name != "code"]
    grouped = table.group_by("code").aggregate([(name, "sum") for name in names])
    grouped = grouped.rename_columns({f"{name}_sum": name for name in names}).sort_by("code")
    ages = sum(summed(grouped, name) for name in names if name not in {"questions", "amount_cents"})
    ties = (
        Tie("questions by age = questions", ages, found.num_rows, counts=True),
        Tie(
            "questions by code = questions",
            summed(grouped, "questions"),
            found.num_rows,
            counts=True,
        ),
    )
    return Statement("Exception ageing", shown(grouped), ties, summed(grouped, "amount_cents"))


def statistics(month: Month) -> Statement:
    """Receipts of the month by channel and by the rule that placed them first."""
    receipts = func.count(placement.c.receipt_no.distinct()).label("receipts")
    table = first_placed(month, (receipt.c.channel, decision.c.rule), receipts)
    amount = summed(table, "amount_cents")
    parts = sum(summed(table, n) for n in ("applied_cents", "on_account_cents", "suspense_cents"))
    tie = Tie("applied + on account + suspense = receipts", parts, amount)
    return Statement("Volumes and automatic posting", shown(table), (tie,), amount)


def close_checklist(month: Month) -> Statement:
    """What was looked at before the month was closed."""
    table = pa.table(
        {
            "gate": pa.array([gate.name for gate in month.gates], TEXT),
            "says": pa.array([gate.says for gate in month.gates], TEXT),
            "blocks": pa.array(["yes" if gate.blocks else "no" for gate in month.gates], TEXT),
            "found": pa.array(["; ".join(gate.found) for gate in month.gates], TEXT),
            "cleared_by": pa.array([gate.clears for gate in month.gates], TEXT),
        }
    )
    gates = [gate for gate in month.gates if gate.cents is not None]
    book = -month.gl(month.chart.suspense, fund=month.chart.pool_fund)
    ties = tuple(
        Tie("suspense that blocks = suspense in the ledger", gate.cents or 0, book)
        for gate in gates
    )
    return Statement("Close checklist", table, ties)
