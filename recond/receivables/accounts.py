"""Accounts and old numbers of the mirror (contract section 4, accounts CSV)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    Connection,
    Integer,
    Table,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from recond.matching import references
from recond.matching.names import normalise_names
from recond.store import schema
from recond.store.engine import analyze, stage

account = schema.account
_NOT_TOLD = {"account_number", "old_account_number", "old_number_from", "old_number_until",
             "since_entry", "reference_key"}  # fmt: skip


def load_accounts(connection: Connection, rows: pa.Table, *, full: bool, entry_no: int) -> None:
    """Bring the mirror's accounts to what an accounts file (ACCOUNTS) says.

    Only the accounts that it names change; `full` (a manifest said so) closes all others.
    """
    keyed = rows.drop_columns(["ordinal", "line", "byte_offset", "byte_length"])
    keyed = keyed.append_column("reference_key", references.keys(rows["account_number"])[1])
    keyed = keyed.append_column("name_key", normalise_names(rows["customer_name"]))
    keyed = keyed.append_column("since_entry", pa.repeat(pa.scalar(entry_no), rows.num_rows))
    staged = stage(connection, "staged_accounts", keyed)
    told = [
        name
        for name in keyed.column_names
        if name not in _NOT_TOLD and keyed[name].null_count < keyed.num_rows
    ]
    connection.execute(
        update(account)
        .where(account.c.account_number == staged.c.account_number)
        .values({name: staged.c[name] for name in told})
    )
    insert_accounts(connection, staged, [*told, "account_number", "reference_key", "since_entry"])
    if full:
        named = exists().where(staged.c.account_number == account.c.account_number)
        connection.execute(update(account).where(~named).values(status="closed"))
    analyze(connection, ["account"], rows.num_rows)
    _load_old_numbers(connection, rows)


def insert_accounts(connection: Connection, staged: Table, names: Sequence[str]) -> None:
    base = connection.scalar(select(func.coalesce(func.max(account.c.account_key), 0)))
    values: dict[str, Any] = {name: staged.c[name] for name in names}
    values.setdefault("status", literal("active"))
    values["status"] = func.coalesce(values["status"], "active")
    missing = ~exists().where(account.c.account_number == staged.c.account_number)
    order = func.row_number().over(order_by=staged.c.account_number)
    connection.execute(
        insert(account).from_select(
            ["account_key", *values],
            select(literal(base, Integer) + order, *values.values()).where(missing),
        )
    )


def _load_old_numbers(connection: Connection, rows: pa.Table) -> None:
    """Replace the old numbers of the accounts that the file names; ';' separates several. They
    count for payments received in the days that the row gives, if it gives any."""
    if rows["old_account_number"].null_count == rows.num_rows:
        return
    told = rows.filter(pc.is_valid(rows["old_account_number"]))
    parts = pc.split_pattern(told["old_account_number"].combine_chunks(), ";")
    numbers = pc.utf8_trim_whitespace(pc.list_flatten(parts))
    owner = pc.list_parent_indices(parts)
    columns = {"alias": numbers, "reference_key": references.keys(numbers)[1]}
    for name in ("account_number", "old_number_from", "old_number_until"):
        columns[name] = told[name].combine_chunks().take(owner)
    table = pa.table(columns)
    table = table.filter(pc.not_equal(table["alias"], ""))
    staged = stage(connection, "staged_aliases", table)
    alias = schema.account_alias
    named = select(account.c.account_key).join(
        staged, staged.c.account_number == account.c.account_number
    )
    connection.execute(
        delete(alias).where(alias.c.kind == "OLD_NUMBER", alias.c.account_key.in_(named))
    )
    chosen = (
        select(
            staged.c.reference_key,
            account.c.account_key,
            literal("OLD_NUMBER"),
            func.min(staged.c.alias),
            func.min(staged.c.old_number_from),
            func.max(staged.c.old_number_until),
        )
        .join(account, staged.c.account_number == account.c.account_number)
        .group_by(staged.c.reference_key, account.c.account_key)
    )
    connection.execute(
        insert(alias).from_select(
            ["reference_key", "account_key", "kind", "alias", "valid_from", "valid_until"], chosen
        )
    )
    add_shapes(connection, "ALIAS", table["reference_key"])


def add_shapes(connection: Connection, kind: str, keys: pa.ChunkedArray | pa.Array) -> None:
    """Note the shapes of reference keys, so that others need not be looked up."""
    keys = pc.drop_null(keys)
    shapes = pa.table(
        {"length": pc.utf8_length(keys), "digits": pc.ascii_is_decimal(keys).cast(pa.int64())}
    )
    distinct = shapes.group_by(["length", "digits"], use_threads=False).aggregate([])
    shape = schema.reference_shape
    rows = connection.execute(select(shape.c.length, shape.c.digits).where(shape.c.kind == kind))
    known = {(row.length, row.digits) for row in rows}
    fresh = [
        {"kind": kind, **row}
        for row in distinct.sort_by("length").to_pylist()
        if (row["length"], row["digits"]) not in known
    ]
    if fresh:
        connection.execute(insert(schema.reference_shape), fresh)
