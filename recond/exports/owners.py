"""Datasets about whose money it may be: `payers` and `do_not_disconnect`.

Both speak of today: what people decided, and what waits now. No earlier day is known of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from recond.errors import UsageError
from recond.exceptions.evidence import gather
from recond.exceptions.suggest import ranked
from recond.exports.columns import AMOUNT
from recond.exports.scope import Scope
from recond.model import SUSPENSE
from recond.money import decimal_from_cents
from recond.receivables.memory import fetch_memory
from recond.store import schema
from recond.store.engine import stage

TEXT, DATE, INT64 = pa.string(), pa.date32(), pa.int64()

PAYERS = pa.schema(
    [("kind", TEXT), ("key", TEXT), ("account_number", TEXT), ("confirmed", INT64),
     ("reversed", INT64), ("first_date", DATE), ("last_date", DATE), ("state", TEXT)]
)  # fmt: skip
DO_NOT_DISCONNECT = pa.schema(
    [("account_number", TEXT), ("customer_name", TEXT), ("status", TEXT), ("due_amount", AMOUNT),
     ("exception_id", TEXT), ("code", TEXT), ("waiting_amount", AMOUNT), ("received_date", DATE),
     ("score", INT64), ("why", TEXT)]
)  # fmt: skip

MANY = 1_000  # candidates of one question: nobody who may own the money is left out
FLOOR = 103  # of a candidate's score: one kind of evidence that agrees


def payers(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """What people's answers teach about payers, by kind, key and account, whether the office lets
    it lead payments or not. Of a key the last four characters are shown."""
    _only_today(scope, "payers")
    memory = fetch_memory(connection, scope.today, scope.memory_months)
    account = schema.account.c
    numbers: dict[int, str] = {}
    if memory.num_rows:
        staged = stage(
            connection, "remembered_accounts",
            pa.table({"account_key": pc.unique(memory["account_key"]).sort()}),
        )  # fmt: skip
        found = select(account.account_key, account.account_number).where(
            account.account_key.in_(select(staged.c.account_key))
        )
        numbers = {row.account_key: row.account_number for row in connection.execute(found)}
    masked = pc.binary_join_element_wise("…", pc.utf8_slice_codeunits(memory["key"], -4), "")
    owners = [numbers.get(key) for key in memory["account_key"].to_pylist()]
    memory = memory.append_column("account_number", pa.array(owners, TEXT))
    table = memory.drop_columns(["key"]).append_column("key", masked).select(PAYERS.names)
    yield from table.combine_chunks().to_batches()


def do_not_disconnect(connection: Connection, scope: Scope) -> Iterator[pa.RecordBatch]:
    """Accounts that plausibly own money waiting in suspense, by account and question: every
    candidate above FLOOR, not only the three that are suggested."""
    _only_today(scope, "do_not_disconnect")
    waiting = _waiting(connection)
    evidence = gather(connection, sorted(waiting)) if waiting else None
    candidates = ranked(evidence, MANY).candidates.to_pylist() if evidence else []
    rows: list[dict[str, Any]] = []
    for one in candidates:
        if one["score"] < FLOOR or evidence is None:
            continue
        account = evidence.accounts[one["account_key"]]
        rows.append(
            {
                **waiting[one["exception_no"]],
                "account_number": account.number,
                "customer_name": account.name,
                "status": account.status,
                "due_cents": one["due_cents"],
                "score": one["score"],
                "why": one["why"],
            }
        )
    rows.sort(key=lambda row: (row["account_number"], row["exception_id"]))
    cents = {"due_amount": "due_cents", "waiting_amount": "waiting_cents"}
    columns = [
        decimal_from_cents(pa.array([row[cents[f.name]] for row in rows], INT64))
        if f.name in cents
        else pa.array([row[f.name] for row in rows], TEXT).cast(f.type)
        if f.type == DATE
        else pa.array([row[f.name] for row in rows], f.type)
        for f in DO_NOT_DISCONNECT
    ]
    if rows:
        yield pa.record_batch(columns, schema=DO_NOT_DISCONNECT)


def _waiting(connection: Connection) -> dict[int, dict[str, Any]]:
    """Open questions about receipts of which cents stand in suspense."""
    question, receipt, placed = schema.exception.c, schema.receipt.c, schema.placement.c
    suspense = (
        select(placed.receipt_no, func.sum(placed.cents).label("cents"))
        .join(schema.exception, question.receipt_no == placed.receipt_no)
        .where(placed.bucket == SUSPENSE, question.status != "resolved")
        .group_by(placed.receipt_no, question.exception_no)
        .having(func.sum(placed.cents) > 0)
        .subquery()
    )
    rows = connection.execute(
        select(question.exception_no, question.exception_id, question.code,
               receipt.received_date, suspense.c.cents)
        .distinct()
        .join(schema.receipt, receipt.receipt_no == question.receipt_no)
        .join(suspense, suspense.c.receipt_no == question.receipt_no)
        .where(question.status != "resolved")
    )  # fmt: skip
    return {
        row.exception_no: {
            "exception_id": row.exception_id,
            "code": row.code,
            "received_date": row.received_date,
            "waiting_cents": int(row.cents),
        }
        for row in rows
    }


def _only_today(scope: Scope, name: str) -> None:
    if scope.as_of not in {None, scope.today} or scope.bounded:
        raise UsageError(f"{name} speaks of today; leave out --as-of, --from and --to.")
