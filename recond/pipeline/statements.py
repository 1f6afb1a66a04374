"""Bank statements on their way into the books: which lines count, and whether balances chain.

Prior-day lines count, same-day ones are shown. A line that is an item of another line's total
(BAI2 116 below 115) never counts beside it. A statement that does not open with the balance that
the one before closed with is accepted with a question (contract section 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from recond.exceptions.desk import Question
from recond.exceptions.questions import exception_id
from recond.model import Problem
from recond.money import format_cents
from recond.pipeline.reading import Reading
from recond.pipeline.run import Run
from recond.store import schema
from recond.store.engine import fetch_arrow, insert_table

OPENING, CLOSING = ("010", "60F", "60M", "OPBD", "PRCD"), ("015", "62F", "62M", "CLBD")
TOTAL, ITEM_OF_TOTAL = "115", "116"
CODE = "STATEMENT_CHAIN_BROKEN"

line, statement = schema.bank_line, schema.statement
_LINES = pa.schema(
    [
        pa.field("ordinal", pa.int64()),
        pa.field("bank_account", pa.string()),
        pa.field("value_date", pa.string()),
        pa.field("type_code", pa.string()),
        pa.field("amount_cents", pa.int64()),
        pa.field("same_day", pa.bool_()),
    ]
)
_BALANCES = pa.schema(
    [
        pa.field("line", pa.int64()),
        pa.field("byte_offset", pa.int64()),
        pa.field("bank_account", pa.string()),
        pa.field("as_of_date", pa.string()),
        pa.field("type_code", pa.string()),
        pa.field("amount_cents", pa.int64()),
    ]
)


def parts_of_totals(lines: pa.Table) -> pa.ChunkedArray:
    """Which lines are items of a total that stands beside them: on an account and day with lines
    of type 115, the 116 that come to no more than those."""
    key = pc.binary_join_element_wise(
        pc.fill_null(lines["bank_account"], ""), pc.fill_null(lines["value_date"], ""), "|"
    )
    code, cents = lines["type_code"], lines["amount_cents"]
    item, total = (pc.fill_null(pc.equal(code, one), False) for one in (ITEM_OF_TOTAL, TOTAL))
    sums = pa.table(
        {
            "key": key,
            "items": pc.if_else(item, cents, 0),
            "totals": pc.if_else(total, cents, 0),
        }
    ).group_by("key").aggregate([("items", "sum"), ("totals", "sum")])  # fmt: skip
    within = pc.and_(
        pc.greater(sums["totals_sum"], 0), pc.less_equal(sums["items_sum"], sums["totals_sum"])
    )
    chosen = sums["key"].filter(within)
    return pc.and_(item, pc.is_in(key, value_set=chosen.combine_chunks()))


def balance_problems(reading: Reading) -> list[Problem]:
    """Accounts whose opening balance and lines do not make their closing balance (domain E39).

    Only where the file gives both balances and at least one line of the account: a report of
    summaries alone proves nothing.
    """
    lines, balances = [], []
    for chunk in reading.chunks():
        lines.append(chunk.table("bank_lines"))
        balances.append(chunk.table("bank_balances"))
    if not lines or not any(table.num_rows for table in balances):
        return []
    problems = []
    every = _plain(pa.concat_tables(lines), _LINES)
    for one in _accounts(every, _plain(pa.concat_tables(balances), _BALANCES)):
        if one["opening"] is None or one["closing"] is None or not one["count"]:
            continue
        if one["opening"] + one["sum"] != one["closing"]:
            made = format_cents(one["opening"] + one["sum"])
            problems.append(
                Problem(
                    "BALANCE_WRONG",
                    f"account {one['account']}: opening {format_cents(one['opening'])} and lines"
                    f" of {format_cents(one['sum'])} make {made}, the statement closes with"
                    f" {format_cents(one['closing'])}; ask the bank",
                    line=one["place"][0],
                    byte_offset=one["place"][1],
                    field=f"balance {one['place'][2]}",
                )
            )
    return problems


def _plain(table: pa.Table, to: pa.Schema) -> pa.Table:
    columns = []
    for name in to.names:
        column = table[name]
        columns.append(column.cast(to.field(name).type))
    return pa.table(columns, schema=to)


def _accounts(lines: pa.Table, balances: pa.Table) -> Iterator[dict[str, Any]]:
    """Of each account with balances: first opening, last closing and its place, days, sum of its
    lines."""
    counted = lines.filter(pc.invert(pc.or_(lines["same_day"], parts_of_totals(lines))))
    shown = set(pc.unique(lines["bank_account"].filter(lines["same_day"])).to_pylist())
    sums = counted.group_by("bank_account").aggregate(
        [("amount_cents", "sum"), ("amount_cents", "count")]
    )
    of = {row["bank_account"]: row for row in sums.to_pylist()}
    found: dict[str, dict[str, Any]] = {}
    for row in balances.sort_by("as_of_date").to_pylist():  # a few rows an account and day
        account, day = row["bank_account"] or "", row["as_of_date"]
        if day is None or (account in shown and account not in of):
            continue
        one = found.setdefault(
            account,
            {"account": account, "first": day, "opening": None, "closing": None, "day": day,
             "sum": of.get(account, {}).get("amount_cents_sum") or 0,
             "count": of.get(account, {}).get("amount_cents_count") or 0},
        )  # fmt: skip
        one["day"] = day
        if row["type_code"] in OPENING and one["opening"] is None:
            one["opening"] = row["amount_cents"]
        if row["type_code"] in CLOSING:
            one["closing"] = row["amount_cents"]
            one["place"] = row["line"], row["byte_offset"], row["type_code"]
    yield from found.values()


def keep(connection: Connection, file_no: int) -> None:
    """Open the lines of a statement that was kept, and remember its balances."""
    lines = fetch_arrow(
        connection,
        select(*(line.c[name] for name in _LINES.names))
        .where(line.c.file_no == file_no)
        .order_by(line.c.ordinal),
        _LINES,
    )
    parts = parts_of_totals(lines)
    constants = {"file_no": file_no}
    insert_table(
        connection, schema.line_part, lines.filter(parts).select(["ordinal"]), constants=constants
    )
    counts = pc.invert(pc.or_(parts, lines["same_day"]))
    counts = pc.and_(counts, pc.not_equal(lines["amount_cents"], 0))
    insert_table(
        connection, schema.open_line, lines.filter(counts).select(["ordinal"]), constants=constants
    )
    balances = fetch_arrow(
        connection,
        select(*(schema.bank_balance.c[name] for name in _BALANCES.names))
        .where(schema.bank_balance.c.file_no == file_no)
        .order_by(schema.bank_balance.c.ordinal),
        _BALANCES,
    )
    rows = [
        {"bank_account": one["account"], "first_date": one["first"], "as_of_date": one["day"],
         "opening_cents": one["opening"], "closing_cents": one["closing"],
         "lines_cents": one["sum"]}
        for one in _accounts(lines, balances)
        if one["opening"] is not None or one["closing"] is not None
    ]  # fmt: skip
    if rows:
        kinds = {c.name: pa.int64() if c.type is schema.INT else pa.string() for c in statement.c}
        shape = pa.schema([pa.field(name, kinds[name]) for name in rows[0]])
        insert_table(
            connection, statement, pa.Table.from_pylist(rows, schema=shape), constants=constants
        )


def ask_chain(connection: Connection, run: Run) -> None:
    """Ask about each statement that does not open where the one before closed, and close the
    questions whose missing statement came since. The first statement of an account sets its
    opening balance."""
    rows = connection.execute(
        select(
            statement.c.file_no, schema.file.c.file_id, schema.file.c.name,
            statement.c.bank_account, statement.c.first_date, statement.c.as_of_date,
            statement.c.opening_cents, statement.c.closing_cents,
        )
        .join(schema.file, schema.file.c.file_no == statement.c.file_no)
        .order_by(statement.c.bank_account, statement.c.first_date, statement.c.file_no)
    ).all()  # fmt: skip
    desk = run.desk(connection)
    asked = _asked(connection)
    before: Any = None
    for row in rows:  # one a statement, not one a line
        key = f"{row.file_id}/{row.bank_account}"
        broken = (
            before is not None
            and before.bank_account == row.bank_account
            and before.closing_cents is not None
            and row.opening_cents is not None
            and before.closing_cents != row.opening_cents
        )
        number = asked.get(exception_id(CODE, key))
        if broken and number is None:
            desk.open([_chain_question(row, before, key)])
        elif not broken and number is not None:
            desk.resolve([number], "the statement that was missing came")
        before = row


def _asked(connection: Connection) -> dict[str, int]:
    """Chain questions that were ever asked and are not answered by a person."""
    question = schema.exception.c
    rows = connection.execute(
        select(question.exception_id, question.exception_no).where(question.code == CODE)
    )
    return {row.exception_id: row.exception_no for row in rows}


def _chain_question(row: Any, before: Any, key: str) -> Question:
    difference = row.opening_cents - before.closing_cents
    return Question(
        CODE,
        key,
        f"{row.name}: account {row.bank_account} opens {row.first_date} with"
        f" {format_cents(row.opening_cents)}; {before.name} closed {before.as_of_date} with"
        f" {format_cents(before.closing_cents)}. A statement between them may be missing.",
        difference,
        file_no=row.file_no,
    )
