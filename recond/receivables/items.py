"""Open items of the mirror: full snapshots and deltas (contract section 4, receivables CSV).

The billing system stays the system of record. A snapshot replaces the mirror in one transaction;
`effective open = snapshot − what recond posted and the snapshot does not contain`, never below
zero. Every change of effective open is booked against the fund's billing contra, so that
receivables in the journal stay the sum of effective open items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from recond.arrays import ints
from recond.ledger import Ledger, Source
from recond.matching import references
from recond.matching.names import alike, normalise_name, normalise_names
from recond.matching.policy import ChargeType
from recond.model import TEXT
from recond.receivables import drift, history
from recond.receivables.accounts import add_shapes
from recond.receivables.containment import (
    NOTHING,
    Contained,
    adjusted,
    billing_posts,
    pending_sums,
)
from recond.receivables.manifest import Manifest
from recond.store import schema
from recond.store.engine import analyze, fetch_arrow, insert_table, stage
from recond.store.sql import total

item, balance, account = schema.item, schema.item_balance, schema.account
_SUMS = pa.schema([("item_key", pa.int64()), ("cents", pa.int64())])
_NUMBERED = pa.schema([("account_number", pa.string()), ("account_key", pa.int64())])
_FOUND = pa.schema([("row", pa.int64()), ("item_key", pa.int64())])

# What a later snapshot may tell anew of an item.
_TOLD = (
    "original_cents", "charge_type", "fund", "service", "bill_number", "bill_reference",
    "bill_date", "due_date", "period", "disputed", "service_address", "reference",
    "arrangement_number", "installment", "prior_owner",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a snapshot did: rows, accounts, open total of the file; how far recond's postings
    exceed what billing shows as open, in cents, more than before; and the items that it shows
    with more open than acknowledged postings leave, for the second time, and those that were
    made anew for less than is paid on them."""

    rows: int
    accounts: int
    open_cents: int
    below_zero_cents: int = 0
    drifted: tuple[drift.Drifted, ...] = ()
    rebilled: tuple[drift.Rebilled, ...] = ()


def load_items(
    connection: Connection,
    rows: pa.Table,
    manifest: Manifest | None,
    charge_types: Sequence[ChargeType],
    ledger: Ledger,
    source: Source,
    contains: Contained = NOTHING,
    *,
    owners: bool = False,
) -> Loaded:
    """Replace the mirror by a snapshot (RECEIVABLES), or change it by a delta.

    Items that a full snapshot does not name are closed by billing; `contains` says which postings
    it contains; with `owners` items are kept apart that bear another name than their account.
    Posts one entry for the change of effective open amounts by charge type and fund.
    """
    entry_no = ledger.next_entry_no()
    before, excess = _open_by_fund(connection), _below_zero(connection)
    copy = history.stage_before(connection)
    told = _told(connection, rows, charge_types, entry_no)
    before_now = _prior_owners(connection, rows, told) if owners else pa.nulls(rows.num_rows, TEXT)
    told = told.append_column("prior_owner", before_now)
    full = (manifest.mode if manifest else "full") == "full"
    named = _write_items(connection, told, full=full)
    analyze(connection, ["account", "item", "item_balance"], told.num_rows)
    loaded = Loaded(
        rows.num_rows,
        len(pc.unique(rows["account_number"])),
        int(pc.sum(rows["open_cents"]).as_py() or 0),
    )
    mode = "full" if full else "delta"
    _record(connection, manifest, mode, loaded, source.file_no, contains, entry_no)
    if contains != NOTHING or billing_posts(connection) or adjusted(connection):
        recount_pending(connection)
    loaded = replace(
        loaded,
        below_zero_cents=_below_zero(connection) - excess,
        drifted=drift.judge(connection, copy, named, source.file_no or 0, full=full),
        rebilled=drift.rebilled(connection, copy),
    )
    history.record(connection, copy, entry_no)
    ledger.post_snapshot(entry_no, _changes(before, _open_by_fund(connection)), source)
    return loaded


def _told(
    connection: Connection, rows: pa.Table, charge_types: Sequence[ChargeType], entry_no: int
) -> pa.Table:
    """What the file says of each item, as columns of `item` and its `snapshot_cents`; accounts
    that it names first are made."""
    codes = pa.array([charge.code for charge in charge_types], pa.string())
    funds = pa.array([charge.fund for charge in charge_types], pa.string())
    usual = pc.take(funds, pc.index_in(rows["charge_type"], value_set=codes))
    late = pa.array([c.code for c in charge_types if c.kind == "PENALTY"], pa.string())
    penalty = pc.is_in(rows["charge_type"], value_set=late)
    of_service = pc.take(funds, pc.index_in(rows["service"], value_set=codes))
    # a penalty belongs to the fund of the service that it is charged for
    usual = pc.coalesce(pc.if_else(penalty, of_service, None), usual)
    given = pc.if_else(pc.equal(rows["fund"], ""), None, rows["fund"])
    columns = {name: rows[name] for name in rows.column_names if name in item.c}
    columns["fund"] = pc.coalesce(given, usual)
    columns["snapshot_cents"] = rows["open_cents"]
    columns["item_reference"] = references.keys(rows["item_number"])[1]
    columns["bill_reference"] = references.keys(rows["bill_number"])[1]
    columns["since_entry"] = pa.repeat(pa.scalar(entry_no), rows.num_rows)
    add_shapes(connection, "ITEM", columns["item_reference"])
    add_shapes(connection, "BILL", columns["bill_reference"])
    columns["account_key"] = _account_keys(connection, rows, entry_no)
    return pa.table(columns)


def _prior_owners(connection: Connection, rows: pa.Table, told: pa.Table) -> pa.Array:
    """The name on each row where it is another customer's than the account's: somebody had the
    account before. Names that may be one payer's, spelt in two ways, are one."""
    known = fetch_arrow(
        connection,
        select(account.c.account_key, account.c.customer_name).order_by(account.c.account_key),
        pa.schema([("account_key", pa.int64()), ("customer_name", TEXT)]),
    )
    place = pc.index_in(told["account_key"], value_set=known["account_key"].combine_chunks())
    now = known["customer_name"].combine_chunks().take(place.combine_chunks())
    name = rows["customer_name"].combine_chunks()
    other = np.flatnonzero(pc.fill_null(pc.not_equal(name, now), False).to_numpy(False))
    pairs = {
        row: (name[row].as_py(), now[row].as_py())
        for row in other.tolist()  # rows with another name: a few accounts that changed hands
    }
    same = {pair: alike(*map(normalise_name, pair)) for pair in set(pairs.values())}
    found: list[str | None] = [None] * rows.num_rows
    for row, pair in pairs.items():
        found[row] = None if same[pair] else pair[0]
    return pa.array(found, TEXT)


def _account_keys(connection: Connection, rows: pa.Table, entry_no: int) -> pa.Array:
    """The account of each row. New ones get the first name that they have in the file."""
    owners = (
        rows.select(["account_number", "customer_name"])
        .group_by("account_number", use_threads=False)
        .aggregate([("customer_name", "first")])
        .rename_columns({"customer_name_first": "customer_name"})
    )
    known = _known_accounts(connection, owners["account_number"])
    old = pc.is_in(owners["account_number"], value_set=known["account_number"].combine_chunks())
    fresh = owners.filter(pc.invert(old)).sort_by("account_number")
    last = connection.scalar(select(func.coalesce(func.max(account.c.account_key), 0))) or 0
    fresh = fresh.append_column("account_key", _following(last, fresh.num_rows))
    numbered = pa.concat_tables([known, fresh.select(known.column_names)])
    fresh = fresh.append_column("reference_key", references.keys(fresh["account_number"])[1])
    fresh = fresh.append_column("name_key", normalise_names(fresh["customer_name"]))
    insert_table(connection, account, fresh, {"status": "active", "since_entry": entry_no})
    numbers = numbered["account_number"].combine_chunks()
    place = pc.index_in(rows["account_number"], value_set=numbers)
    return numbered["account_key"].combine_chunks().take(place)


def _known_accounts(connection: Connection, numbers: pa.ChunkedArray) -> pa.Table:
    if connection.scalar(select(account.c.account_key).limit(1)) is None:
        return _NUMBERED.empty_table()
    staged = stage(connection, "named_accounts", pa.table({"account_number": numbers}))
    found = select(account.c.account_number, account.c.account_key).join(
        staged, staged.c.account_number == account.c.account_number
    )
    return fetch_arrow(connection, found, _NUMBERED)


def _following(last: int, count: int) -> pa.Array:
    """The next keys after the last one."""
    return pa.array(np.arange(last + 1, last + 1 + count), pa.int64())


def _write_items(connection: Connection, told: pa.Table, *, full: bool) -> Table:
    """Bring the mirror to what `told` says. Returns the staged items that were there before."""
    known = _known_keys(connection, told)
    old = pc.is_valid(known)
    changed = told.append_column("item_key", known).filter(old).drop_columns(["since_entry"])
    staged = stage(connection, "staged_items", changed, ["item_key"])
    if full:
        named = select(staged.c.item_key)
        connection.execute(
            update(balance)
            .where(balance.c.snapshot_cents != 0, balance.c.item_key.not_in(named))
            .values(snapshot_cents=0, open_cents=_effective(literal(0)))
        )
    if changed.num_rows:
        _change(connection, staged)
    last = connection.scalar(select(func.coalesce(func.max(item.c.item_key), 0))) or 0
    fresh = told.filter(pc.invert(old))
    keys = _following(last, fresh.num_rows)
    insert_table(
        connection, item, fresh.drop_columns(["snapshot_cents"]).append_column("item_key", keys)
    )
    cents = fresh["snapshot_cents"]
    balances = {
        "item_key": keys,
        "snapshot_cents": cents,
        "pending_cents": pa.repeat(pa.scalar(0, pa.int64()), len(keys)),
        "open_cents": pc.max_element_wise(cents, pa.scalar(0, pa.int64())),
    }
    insert_table(connection, balance, pa.table(balances))
    return staged


def _known_keys(connection: Connection, told: pa.Table) -> pa.Array:
    """The key of each row's item, null where the mirror does not have it."""
    if connection.scalar(select(item.c.item_key).limit(1)) is None:
        return pa.nulls(told.num_rows, pa.int64())
    asked = told.select(["account_key", "item_number"])
    asked = asked.append_column("row", pa.array(np.arange(told.num_rows), pa.int64()))
    staged = stage(connection, "asked_items", asked, ["row"])
    found = fetch_arrow(
        connection,
        select(staged.c.row, item.c.item_key).join(
            item,
            and_(
                item.c.account_key == staged.c.account_key,
                item.c.item_number == staged.c.item_number,
            ),
        ),
        _FOUND,
    )
    keys = np.full(told.num_rows, -1, np.int64)
    keys[ints(found["row"])] = ints(found["item_key"])
    return pa.array(keys, mask=keys < 0)


def _effective(snapshot_cents: ColumnElement[int]) -> ColumnElement[int]:
    left = snapshot_cents - balance.c.pending_cents
    return case((left > 0, left), else_=0)


def _change(connection: Connection, staged: Table) -> None:
    """Items that the file names again: only what is another than before is written, which of a
    day's snapshot is little."""
    connection.execute(
        update(item)
        .where(
            item.c.item_key == staged.c.item_key,
            or_(*(item.c[name].is_distinct_from(staged.c[name]) for name in _TOLD)),
        )
        .values({name: staged.c[name] for name in _TOLD})
    )
    connection.execute(
        update(balance)
        .where(
            balance.c.item_key == staged.c.item_key,
            balance.c.snapshot_cents != staged.c.snapshot_cents,
        )
        .values(
            snapshot_cents=staged.c.snapshot_cents, open_cents=_effective(staged.c.snapshot_cents)
        )
    )


def _open_by_fund(connection: Connection) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        select(item.c.charge_type, item.c.fund, cast(func.sum(balance.c.open_cents), schema.INT))
        .select_from(schema.item_and_balance)
        .where(balance.c.open_cents > 0)
        .group_by(item.c.charge_type, item.c.fund)
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def _changes(before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]) -> pa.Table:
    moved = {key: after.get(key, 0) - before.get(key, 0) for key in sorted(before | after)}
    rows = [(charge, fund, cents) for (charge, fund), cents in moved.items() if cents]
    return pa.table(
        {
            "charge_type": pa.array([row[0] for row in rows], pa.string()),
            "fund": pa.array([row[1] for row in rows], pa.string()),
            "cents": pa.array([row[2] for row in rows], pa.int64()),
        }
    )


def _below_zero(connection: Connection) -> int:
    """By how many cents recond's postings exceed what billing shows as open."""
    excess = balance.c.pending_cents - case(
        (balance.c.snapshot_cents > 0, balance.c.snapshot_cents), else_=0
    )
    wanted = select(total(excess)).where(balance.c.pending_cents > 0, excess > 0)
    return int(connection.scalar(wanted) or 0)


def recount_pending(connection: Connection) -> None:
    """Pending amounts after a snapshot that contains more postings than the ones before."""
    pending = fetch_arrow(connection, pending_sums(connection), _SUMS)
    _set_pending(connection, stage(connection, "staged_pending", pending))


def settle_rejected(connection: Connection, ledger: Ledger, item_keys: Sequence[int]) -> None:
    """Bring items whose rejected postings were taken back to what billing shows: a posting that
    a snapshot seemed to contain was never there, so taking it back opens nothing."""
    if not item_keys:
        return
    before, copy = _open_by_fund(connection), history.stage_before(connection)
    recount_pending(connection)
    changes = _changes(before, _open_by_fund(connection))
    if changes.num_rows:
        number = ledger.next_entry_no()
        history.record(connection, copy, number)
        key = f"rejected-{number}-contra"
        ledger.post_snapshot(number, changes, Source("rejected", key, "shown as open by billing"))


def _set_pending(connection: Connection, staged: Table) -> None:
    counted = exists().where(staged.c.item_key == balance.c.item_key)
    open_cents = case((balance.c.snapshot_cents > 0, balance.c.snapshot_cents), else_=0)
    connection.execute(
        update(balance)
        .where(balance.c.pending_cents != 0, ~counted)
        .values(pending_cents=0, open_cents=open_cents)
    )
    left = balance.c.snapshot_cents - staged.c.cents
    connection.execute(
        update(balance)
        .where(balance.c.item_key == staged.c.item_key)
        .values(pending_cents=staged.c.cents, open_cents=case((left > 0, left), else_=0))
    )


def _record(
    connection: Connection,
    manifest: Manifest | None,
    mode: str,
    loaded: Loaded,
    file_no: int | None,
    contains: Contained,
    entry_no: int,
) -> None:
    row = {
        "file_no": file_no,
        "source": manifest.source if manifest else None,
        "snapshot": manifest.snapshot if manifest else None,
        "previous_snapshot": manifest.previous_snapshot if manifest else None,
        "mode": mode,
        "as_of": manifest.as_of if manifest else None,
        "manifest": int(manifest is not None),
        "rows": loaded.rows,
        "accounts": loaded.accounts,
        "open_cents": loaded.open_cents,
        "entry_no": entry_no,
        "contains_outbox": contains.outbox,
        "contains_entry": contains.entry,
        "contains_receipt": contains.receipt,
        "contains_version": contains.version,
        "contains_line": contains.line,
        "contains_ack": contains.ack,
    }
    connection.execute(insert(schema.snapshot), [row])
