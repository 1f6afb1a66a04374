"""What is owed: the roll-forward of receivables with its tie to the ledger, and their ageing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import CompoundSelect, Select, and_, case, exists, func, literal, not_, select

from recond.adjusting import ASSESSED, COMMISSION, RECOVERED, REINSTATED, WRITE_OFF
from recond.exports.statements.base import Month, Statement, Tie, shown
from recond.exports.statements.cash import SAME
from recond.model import CREDIT, ITEM, RETURNED, VOIDED
from recond.posting import receivable_account
from recond.store import schema
from recond.store.sql import total

entry, item, past = schema.entry, schema.item, schema.item_version
balance, changed = schema.item_balance, schema.adjustment
decision, placement = schema.decision, schema.placement
TEXT, INT = pa.string(), pa.int64()

MOVEMENTS = (
    "go_live", "billings", "penalties", "billing_changes", "payments", "credits_applied",
    "returns", "voids", "corrections", "self_assessed", "write_offs", "reinstated", "recoveries",
    "commissions", "prior_period",
)  # fmt: skip
BUCKETS = ("not_due", "days_0_30", "days_31_60", "days_61_90", "days_91_120", "over_120")


def _billed(month: Month) -> Select[Any]:
    """Changes that came with snapshots, by fund, charge type, period and movement."""
    first = select(func.min(schema.snapshot.c.entry_no)).scalar_subquery()
    other = past.alias()
    before = exists().where(other.c.item_key == past.c.item_key, other.c.entry_no < past.c.entry_no)
    late = [charge.code for charge in month.rules.charge_types if charge.kind == "PENALTY"]
    movement = case(
        (past.c.entry_no == first, literal("go_live")),
        (before, literal("billing_changes")),
        (past.c.charge_type.in_(late), literal("penalties")),
        else_=literal("billings"),
    ).label("movement")
    keys = (past.c.fund, past.c.charge_type)
    return (
        select(*keys, _when(month), movement, total(past.c.change_cents).label("cents"))
        .join(entry, entry.c.entry_no == past.c.entry_no)
        .where(entry.c.period <= month.month, past.c.change_cents != 0)
        .group_by(*keys, _when(month), movement)
    )


def _when(month: Month) -> Any:
    return case((entry.c.period == month.month, 1), else_=0).label("now")


def _in_version(bucket: int) -> Any:
    other = placement.alias()
    return exists().where(
        other.c.receipt_no == placement.c.receipt_no, other.c.version == placement.c.version,
        other.c.bucket == bucket, other.c.cents != 0,
    )  # fmt: skip


def _movement() -> Any:
    """SQL: which movement a placement on an item is."""
    return case(
        (func.substr(entry.c.original_date, 1, 7) < entry.c.period, literal("prior_period")),
        (decision.c.version == 1, literal("payments")),
        (decision.c.rule == "credit_applied", literal("credits_applied")),
        (_in_version(RETURNED), literal("returns")),
        (_in_version(VOIDED), literal("voids")),
        (and_(placement.c.reverses_version.is_(None), not_(_takes_back_items())),
         literal("payments")),
        else_=literal("corrections"),
    ).label("movement")  # fmt: skip


def _placed(month: Month) -> Select[Any]:
    """Money on items, by fund, charge type, period and movement; what lowers is negative."""
    movement, keys = _movement(), (placement.c.fund, placement.c.charge_type)
    return (
        select(*keys, _when(month), movement, (-total(placement.c.cents)).label("cents"))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(placement.c.bucket == ITEM, entry.c.period <= month.month)
        .group_by(*keys, _when(month), movement)
    )


# What recond itself changed of what is owed, by the movement that it is. A released deposit is
# none: what its item owes is what it owed before.
_OWN = {WRITE_OFF: "write_offs", REINSTATED: "write_offs", RECOVERED: "reinstated",
        COMMISSION: "commissions", ASSESSED: "self_assessed"}  # fmt: skip


def _adjusted(month: Month) -> Select[Any]:
    """What was written off, paid after all and kept by agencies, by fund, charge type, period and
    movement."""
    keys = (changed.c.fund, changed.c.charge_type)
    movement = case(*((changed.c.kind == kind, literal(name)) for kind, name in _OWN.items()),
                    else_=literal("")).label("movement")  # fmt: skip
    return (
        select(*keys, _when(month), movement, total(changed.c.cents).label("cents"))
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .where(entry.c.period <= month.month, changed.c.kind.in_(list(_OWN)))
        .group_by(*keys, _when(month), movement)
    )


def _along(month: Month) -> Select[Any]:
    """What went along with placements, by the movement that the placement is: those cents are no
    payment but a recovery, or a deposit given back."""
    movement, keys = _movement(), (placement.c.fund, placement.c.charge_type)
    return (
        select(*keys, _when(month), movement, total(changed.c.cents).label("cents"), changed.c.kind)
        .select_from(changed)
        .join(
            placement,
            and_(
                placement.c.receipt_no == changed.c.receipt_no,
                placement.c.version == changed.c.version,
                placement.c.line == changed.c.placement_line,
            ),
        )
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(entry.c.period <= month.month, changed.c.kind != ASSESSED)
        .group_by(*keys, _when(month), movement, changed.c.kind)
    )


def _takes_back_items() -> Any:
    """SQL: the decision moves money off another item, so what it places is no new payment."""
    other = placement.alias()
    return exists().where(
        other.c.receipt_no == placement.c.receipt_no, other.c.version == placement.c.version,
        other.c.bucket == ITEM, other.c.reverses_version.is_not(None),
    )  # fmt: skip


_SHAPE = {"fund": TEXT, "charge_type": TEXT, "now": INT, "movement": TEXT, "cents": INT}
Key = tuple[str, str]


def roll_forward(month: Month) -> Statement:
    """Opening, signed movements, closing by fund and charge type.

    `tieout_items_gl` is what the items owe at the month's end, derived backwards from the mirror
    as it stands; `tieout_gl` the ledger's balance, which knows a fund's receivables by GL account
    only: what it has more or less than the closings of that account stands on its first row.
    """
    sums: dict[Key, dict[str, int]] = {}

    def add(row: dict[str, Any], movement: str, cents: int) -> None:
        one = sums.setdefault((row["fund"], row["charge_type"]), {})
        name = movement if row["now"] else "opening"
        one[name] = one.get(name, 0) + cents

    for query in (_billed(month), _placed(month), _adjusted(month)):
        for row in month.rows(query, _SHAPE).to_pylist():
            add(row, row["movement"], row["cents"])
    for row in month.rows(_along(month), {**_SHAPE, "kind": TEXT}).to_pylist():
        add(row, row["movement"], row["cents"])
        if row["kind"] == RECOVERED:
            add(row, "recoveries", -row["cents"])
    owed = _owed(month)
    keys = sorted(sums | owed)
    closing = {key: sum(sums.get(key, {}).values()) for key in keys}
    ledger = _ledger(month, closing)
    rows = []
    for key in keys:
        moved, items = sums.get(key, {}), owed.get(key, 0)
        row = {"fund": key[0], "charge_type": key[1], "opening_cents": moved.get("opening", 0)}
        row |= {f"{name}_cents": moved.get(name, 0) for name in MOVEMENTS}
        differs = (closing[key] - ledger[key]) or (closing[key] - items)
        row |= {"closing_cents": closing[key], "tieout_gl_cents": ledger[key],
                "tieout_items_gl_cents": items, "difference_cents": differs}  # fmt: skip
        rows.append(row)
    names = ["opening", *MOVEMENTS, "closing", "tieout_gl", "tieout_items_gl", "difference"]
    shape = pa.schema(
        [("fund", TEXT), ("charge_type", TEXT), *((f"{name}_cents", INT) for name in names)]
    )
    book = month.gl(*month.receivable_accounts)
    ties = (
        Tie("closing receivables = the ledger", sum(closing.values()), book),
        Tie("closing receivables = open items", sum(closing.values()), sum(owed.values())),
    )
    table = pa.Table.from_pylist(rows, schema=shape)
    return Statement("Receivables roll-forward", shown(table), ties, sum(closing.values()))


def _owed(month: Month) -> dict[Key, int]:
    """What items owe at the month's end: what is open now, less what later months changed."""
    found: dict[Key, int] = {}
    for query, sign in _later(month):
        for fund, charge_type, cents in month.connection.execute(query):
            key = (fund, charge_type)
            found[key] = found.get(key, 0) + sign * int(cents)
    return {key: cents for key, cents in found.items() if cents}


def _later(month: Month) -> Iterator[tuple[Select[Any], int]]:
    open_now = select(item.c.fund, item.c.charge_type, total(balance.c.open_cents)).select_from(
        schema.item_and_balance
    )
    yield open_now.group_by(item.c.fund, item.c.charge_type), 1
    billed = select(past.c.fund, past.c.charge_type, total(past.c.change_cents)).join(
        entry, entry.c.entry_no == past.c.entry_no
    )
    later = entry.c.period > month.month
    yield billed.where(later).group_by(past.c.fund, past.c.charge_type), -1
    placed = (
        select(placement.c.fund, placement.c.charge_type, total(placement.c.cents))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(placement.c.bucket == ITEM, later)
    )
    yield placed.group_by(placement.c.fund, placement.c.charge_type), 1
    own = select(changed.c.fund, changed.c.charge_type, total(changed.c.cents)).join(
        entry, entry.c.entry_no == changed.c.entry_no
    )
    yield own.where(later).group_by(changed.c.fund, changed.c.charge_type), -1


def _ledger(month: Month, closing: dict[Key, int]) -> dict[Key, int]:
    """The ledger's receivables as the closings split them; see `roll_forward`."""
    split = dict(closing)
    first: dict[Key, Key] = {}
    sums: dict[Key, int] = {}
    for key in sorted(closing):
        (account,) = receivable_account(pa.array([key[1]], TEXT), month.chart).to_pylist()
        own = (key[0], account)
        first.setdefault(own, key)
        sums[own] = sums.get(own, 0) + closing[key]
    for own, key in first.items():
        split[key] += month.gl(own[1], fund=own[0]) - sums[own]
    return split


def item_balances(month: Month) -> Select[Any]:
    """A query of `item_key` and `cents`: what each item owes at the month's end."""
    both = item_movements(month).subquery()
    return (
        select(both.c.item_key, total(both.c.cents).label("cents"))
        .group_by(both.c.item_key)
        .having(func.sum(both.c.cents) != 0)
    )


def item_movements(month: Month) -> CompoundSelect[Any]:
    """A query of `item_key` and `cents`: all that changed what items owe by the month's end."""
    billed = (
        select(past.c.item_key, past.c.change_cents.label("cents"))
        .join(entry, entry.c.entry_no == past.c.entry_no)
        .where(entry.c.period <= month.month)
    )
    placed = (
        select(placement.c.item_key, (-placement.c.cents).label("cents"))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .where(placement.c.bucket == ITEM, entry.c.period <= month.month)
    )
    own = (
        select(changed.c.item_key, changed.c.cents)
        .join(entry, entry.c.entry_no == changed.c.entry_no)
        .where(entry.c.period <= month.month)
    )
    return billed.union_all(placed, own)


def ageing(month: Month) -> Statement:
    """Receivables by account and days since they were due, at the month's end; credit stands in
    its own column and is netted nowhere (domain E63)."""
    owed = item_balances(month).subquery()
    account = schema.account
    query = (
        select(account.c.account_number, account.c.status, item.c.due_date, owed.c.cents)
        .join(item, item.c.item_key == owed.c.item_key)
        .join(account, account.c.account_key == item.c.account_key)
    )
    shape = {"account_number": TEXT, "status": TEXT, "due_date": pa.date32(), "cents": INT}
    found = month.rows(query, shape)
    table = _bucketed(found, month)
    credit = month.rows(_credit_by_account(month), {"account_number": TEXT, "status": TEXT,
                                                    "credit_cents": INT})  # fmt: skip
    table = _with_credit(table, credit)
    book = month.gl(*month.receivable_accounts)
    held = -month.gl(month.chart.customer_credit, fund=month.chart.pool_fund)
    owing, credits_ = _sum(table, "total_cents"), _sum(table, "credit_cents")
    ties = (
        Tie("aged receivables = the ledger", owing, book),
        Tie("credit of accounts = customer credit in the ledger", credits_, held),
    )
    return Statement("Receivables ageing", shown(table), ties, owing)


def _sum(table: pa.Table, name: str) -> int:
    return sum(table[name].to_pylist())


def _bucketed(found: pa.Table, month: Month) -> pa.Table:
    days = pc.days_between(found["due_date"], pa.scalar(month.last))
    # an item without a due date is taken as due today
    days = pc.fill_null(days, 0).cast(INT)
    limits = (-1, 30, 60, 90, 120)
    which = pa.array([0] * found.num_rows, INT)
    for limit in limits:
        which = pc.add(which, pc.greater(days, limit).cast(INT))
    table = found.select(["account_number", "status"])
    for number, name in enumerate(BUCKETS):
        here = pc.if_else(pc.equal(which, number), found["cents"], 0)
        table = table.append_column(f"{name}_cents", here)
    table = table.append_column("total_cents", found["cents"])
    names = [*(f"{name}_cents" for name in BUCKETS), "total_cents"]
    grouped = table.group_by(["account_number", "status"]).aggregate([(n, "sum") for n in names])
    return grouped.rename_columns({f"{n}_sum": n for n in names})


def _credit_by_account(month: Month) -> Select[Any]:
    account = schema.account
    return (
        select(account.c.account_number, account.c.status,
               total(placement.c.cents).label("credit_cents"))
        .select_from(placement)
        .join(decision, SAME)
        .join(entry, entry.c.entry_no == decision.c.entry_no)
        .join(account, account.c.account_key == placement.c.account_key)
        .where(placement.c.bucket == CREDIT, entry.c.period <= month.month)
        .group_by(account.c.account_number, account.c.status)
        .having(func.sum(placement.c.cents) != 0)
    )  # fmt: skip


def _with_credit(table: pa.Table, credit: pa.Table) -> pa.Table:
    joined = table.join(credit, ["account_number", "status"], join_type="full outer")
    columns = [
        joined[name] if name in {"account_number", "status"} else pc.fill_null(joined[name], 0)
        for name in joined.column_names
    ]
    return pa.table(columns, names=joined.column_names).sort_by("account_number")
