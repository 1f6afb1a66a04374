"""What each event means in the books: journal legs by entry, fund and GL account. Pure.

Cash is pooled: money arrives in the pool fund's clearing account of its channel. What is applied
to an item of another fund leaves the pool through due-to-funds and reaches that fund through its
equity in the pool, so that every entry balances in total *and* inside each fund (domain section
2.7). Suspense and customer credit stand in the pool fund the same day.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.errors import InvariantError
from recond.model import CREDIT, ITEM, REFUNDED, RETURNED, SUSPENSE, VOIDED

# What changed: one row a placement, or an arrival of money (bucket 0).
ARRIVAL = 0
MOVEMENTS = pa.schema(
    [
        pa.field("entry_no", pa.int64()),
        pa.field("channel", pa.string()),
        pa.field("bucket", pa.int32()),
        pa.field("charge_type", pa.string()),
        pa.field("fund", pa.string()),
        pa.field("cents", pa.int64()),
    ]
)

JOURNAL = pa.schema(
    [
        pa.field("entry_no", pa.int64()),
        pa.field("line", pa.int32()),
        pa.field("fund", pa.string()),
        pa.field("gl_account", pa.string()),
        pa.field("debit_cents", pa.int64()),
        pa.field("credit_cents", pa.int64()),
    ]
)

LEGS = pa.schema(
    [
        pa.field("entry_no", pa.int64()),
        pa.field("fund", pa.string()),
        pa.field("gl_account", pa.string()),
        pa.field("cents", pa.int64()),  # debit +, credit -
    ]
)


@dataclass(frozen=True, slots=True)
class Chart:
    """The GL accounts that recond posts to (contract section 4, "Charge types and accounts")."""

    pool_fund: str = "100"
    bank: str = "1010"
    clearing: tuple[tuple[str, str], ...] = (
        ("LOCKBOX", "1080"),
        ("ACH_CREDIT", "1081"),
        ("ACH_DEBIT", "1081"),
        ("CARD", "1082"),
        ("CASHIER", "1083"),
        ("BANK", "1010"),  # money that came as a bank line is in the bank already
    )
    due_to_funds: str = "2080"
    suspense: str = "2100"
    customer_credit: str = "2110"
    refunds_payable: str = "2120"
    cash_over: str = "4900"
    cash_short: str = "5900"
    fees: str = "5910"
    convenience_fees: str = "4910"
    equity_in_pool: str = "1110"
    receivables: str = "1200"
    billing_contra: str = "4000"
    write_off: str = "1290"
    collection_fees: str = "5920"
    customer_deposits: str = "2300"
    # charge type → receivables account, where it is not `receivables`
    receivables_of: tuple[tuple[str, str], ...] = field(default=())
    # charge types of deposits that are held for customers: what is billed is a liability
    deposits: tuple[str, ...] = field(default=())


def receivable_account(charge_types: pa.Array, chart: Chart) -> pa.Array:
    """The receivables GL account of each charge type."""
    result = pa.array([chart.receivables] * len(charge_types), pa.string())
    for code, account in chart.receivables_of:
        chosen = pc.fill_null(pc.equal(charge_types, code), False)
        result = pc.if_else(chosen, account, result)
    return result


def _legs(entry_no: pa.Array, fund: pa.Array, gl_account: pa.Array, cents: pa.Array) -> pa.Table:
    return pa.table([entry_no, fund, gl_account, cents], schema=LEGS)


def _constant(value: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), length)


def clearing_account(channels: pa.Array, chart: Chart) -> pa.Array:
    """The pool's clearing account of each channel; an unknown channel is a bug."""
    names = pa.array([name for name, _ in chart.clearing], pa.string())
    accounts = pa.array([account for _, account in chart.clearing], pa.string())
    found = pc.take(accounts, pc.index_in(channels, value_set=names))
    if found.null_count:
        unknown = pc.unique(channels.filter(pc.is_null(found))).to_pylist()
        raise InvariantError(f"no clearing account for channel {unknown}")
    return found


def _pool_legs(movements: pa.Table, chart: Chart) -> list[pa.Table]:
    """Arrivals, voids, returns, refunds, credit and suspense: all in the pool fund. What the
    bank takes back leaves the clearing account that it came through; a refund is owed to its
    payer until accounts payable has paid it."""
    legs = []
    fixed = (
        (CREDIT, chart.customer_credit),
        (SUSPENSE, chart.suspense),
        (REFUNDED, chart.refunds_payable),
    )
    for bucket, account in fixed:
        rows = movements.filter(pc.equal(movements["bucket"], bucket))
        count = rows.num_rows
        legs.append(
            _legs(
                rows["entry_no"].combine_chunks(),
                _constant(chart.pool_fund, count),
                _constant(account, count),
                pc.negate(rows["cents"]).combine_chunks(),
            )
        )
    for bucket, sign in ((ARRIVAL, 1), (VOIDED, -1), (RETURNED, -1)):
        rows = movements.filter(pc.equal(movements["bucket"], bucket))
        legs.append(
            _legs(
                rows["entry_no"].combine_chunks(),
                _constant(chart.pool_fund, rows.num_rows),
                clearing_account(rows["channel"].combine_chunks(), chart),
                pc.multiply(rows["cents"], sign).combine_chunks(),
            )
        )
    return legs


def _item_legs(movements: pa.Table, chart: Chart) -> list[pa.Table]:
    """Money on items: receivables of the item's fund, and its way there out of the pool."""
    rows = movements.filter(pc.equal(movements["bucket"], ITEM))
    entry_no = rows["entry_no"].combine_chunks()
    fund = rows["fund"].combine_chunks()
    cents = rows["cents"].combine_chunks()
    owed = receivable_account(rows["charge_type"].combine_chunks(), chart)
    legs = [_legs(entry_no, fund, owed, pc.negate(cents))]
    outside = pc.not_equal(fund, chart.pool_fund)
    entry_no, fund, cents = entry_no.filter(outside), fund.filter(outside), cents.filter(outside)
    count = len(cents)
    legs.append(_legs(entry_no, fund, _constant(chart.equity_in_pool, count), cents))
    pool, due = _constant(chart.pool_fund, count), _constant(chart.due_to_funds, count)
    legs.append(_legs(entry_no, pool, due, pc.negate(cents)))
    return legs


def movement_legs(movements: pa.Table, chart: Chart) -> pa.Table:
    """Journal legs (LEGS: debit +, credit -) of MOVEMENTS rows."""
    return pa.concat_tables(_pool_legs(movements, chart) + _item_legs(movements, chart))


def snapshot_legs(entry_no: int, changes: pa.Table, chart: Chart) -> pa.Table:
    """Legs of a change of open amounts that comes from the billing system.

    `changes` has `charge_type`, `fund` and `cents` (effective open after − before). Receivables
    move against the fund's billing contra, so that receivables in the journal are the effective
    open amounts of the fund (reliability section 3, I2); those of deposits that are held for
    customers against the liability (domain section 2.4).
    """
    number = pa.repeat(pa.scalar(entry_no, pa.int64()), changes.num_rows)
    return _owed_legs(number, changes, _contra(changes, chart.billing_contra, chart), chart)


def adjustment_legs(changes: pa.Table, chart: Chart) -> pa.Table:
    """Legs of what recond itself changes of what is owed: receivables against the GL account of
    each row. `changes` has `entry_no`, `charge_type`, `fund`, `gl_account`, `cents` (owed more +).
    """
    entry_no, contra = (changes[n].combine_chunks() for n in ("entry_no", "gl_account"))
    return _owed_legs(entry_no, changes, contra, chart)


def allowance(changes: pa.Table, chart: Chart) -> pa.Array:
    """The GL account that debts of `changes` (`charge_type`) are forgiven against: the fund's
    allowance; for deposits the liability that was booked when they were billed."""
    return _contra(changes, chart.write_off, chart)


def _contra(changes: pa.Table, usual: str, chart: Chart) -> pa.Array:
    held = pc.is_in(changes["charge_type"], value_set=pa.array(chart.deposits, pa.string()))
    return pc.if_else(held.combine_chunks(), chart.customer_deposits, usual)


def _owed_legs(entry_no: pa.Array, changes: pa.Table, contra: pa.Array, chart: Chart) -> pa.Table:
    fund = changes["fund"].combine_chunks()
    cents = changes["cents"].combine_chunks()
    owed = receivable_account(changes["charge_type"].combine_chunks(), chart)
    return pa.concat_tables(
        [_legs(entry_no, fund, owed, cents), _legs(entry_no, fund, contra, pc.negate(cents))]
    )


def journal(legs: pa.Table) -> pa.Table:
    """JOURNAL lines: legs summed by entry, fund and GL account, numbered from 1 in an entry.

    Raises InvariantError when an entry does not balance inside each of its funds.
    """
    prove_balanced(legs)
    sums = legs.group_by(["entry_no", "fund", "gl_account"]).aggregate([("cents", "sum")])
    sums = sums.filter(pc.not_equal(sums["cents_sum"], 0))
    sums = sums.sort_by([(name, "ascending") for name in ("entry_no", "fund", "gl_account")])
    cents = sums["cents_sum"].combine_chunks()
    entry_no = sums["entry_no"].combine_chunks()
    return pa.table(
        {
            "entry_no": entry_no,
            "line": numbered_within(entry_no.to_numpy(zero_copy_only=False)),
            "fund": sums["fund"],
            "gl_account": sums["gl_account"],
            "debit_cents": pc.max_element_wise(cents, 0),
            "credit_cents": pc.max_element_wise(pc.negate(cents), 0),
        },
        schema=JOURNAL,
    )


def prove_balanced(legs: pa.Table) -> None:
    """Raise InvariantError unless every entry sums to zero inside each fund."""
    sums = legs.group_by(["entry_no", "fund"]).aggregate([("cents", "sum")])
    wrong = sums.filter(pc.not_equal(sums["cents_sum"], 0))
    if wrong.num_rows:
        raise InvariantError(f"entries do not balance: {wrong.slice(0, 5).to_pylist()}")


def numbered_within(groups: npt.NDArray[np.int64]) -> pa.Array:
    """1, 2, 3 … within each run of equal values of a sorted array."""
    if not len(groups):
        return pa.array([], pa.int32())
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    lengths = np.diff(np.r_[starts, len(groups)])
    position = np.arange(len(groups)) - np.repeat(starts, lengths)
    return pa.array(position + 1, pa.int32())
