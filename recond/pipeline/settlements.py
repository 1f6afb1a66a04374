"""What the bank shall credit for the files of a pass: one deposit a lockbox and day of a file, an
ACH file and its day, a merchant's card batch (or its brands), less what the processor keeps.

Money of the counter waits for the drawer's close (`pipeline.drawers`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, case, delete, func, select, true

from recond import posting
from recond.clearing.words import token
from recond.model import ITEM
from recond.money import split
from recond.pipeline.deposits import (
    CONVENIENCE,
    COUNTER,
    FEE,
    NETTED,
    Expected,
    book,
    left_of,
    set_left,
    stem,
    write,
)
from recond.pipeline.run import Run
from recond.store import schema

undeposited, deposit, aside = schema.undeposited, schema.deposit, schema.set_aside
# Money that is in the bank already, and money that waits for a drawer's close.
NOT_HERE = ("BANK", COUNTER)
KINDS = {"LOCKBOX": "lockbox", "ACH_CREDIT": "ach", "ACH_DEBIT": "ach", "CARD": "card"}


def make(connection: Connection, run: Run) -> int:
    """Make the deposits of everything posted that no deposit holds yet; counter money stays."""
    rows = connection.execute(
        select(undeposited)
        .where(undeposited.c.channel.not_in(NOT_HERE))
        .order_by(undeposited.c.undeposited_no)
    ).all()
    if not rows:
        return 0
    sources = _sources(connection, {row.file_no for row in rows})
    groups: dict[tuple[Any, ...], Expected] = {}
    for row in rows:  # one a batch, never one a receipt
        source = sources.get((row.file_no, row.batch_ord)) or ""
        day = row.deposit_date or row.received_date
        key = (row.file_no, row.channel, _label(run, row, source), day)
        made = groups.get(key)
        if made is None:
            made = groups[key] = _expected(run, row, source, dt.date.fromisoformat(day))
        elif source:
            made.streams = " ".join(dict.fromkeys(f"{made.streams} {token(source)}".split()))
        made.receipts_cents += row.cents
        made.batches.add(row.batch_ord)
    chosen = [made for made in groups.values() if made.receipts_cents or made.kind == "card"]
    netted: set[tuple[int, str]] = set()  # batches of this pass whose fees went with a deposit
    for made in chosen:
        if made.receipts_cents < 0:
            _withdraw(connection, made)
        if made.kind == "card" and (made.file_no, made.reference) not in netted:
            netted.add((made.file_no, made.reference))
            _net_of_fees(connection, run, made)
    connection.execute(delete(undeposited).where(undeposited.c.channel.not_in(NOT_HERE)))
    return write(connection, run, chosen)


def _label(run: Run, row: Any, source: str) -> str:
    """What tells deposits of one file and day apart: the lockbox, the card batch, its brand."""
    if row.channel == "CARD":
        merchant, _, _ = row.batch.partition(" ")
        return f"{row.batch} {row.brand}" if run.merchant(merchant).by_brand else row.batch
    return "" if row.channel.startswith("ACH") else source


def _sources(connection: Connection, files: set[int]) -> dict[tuple[int, int], str | None]:
    batch = schema.batch.c
    rows = connection.execute(
        select(batch.file_no, batch.batch_ord, batch.source).where(batch.file_no.in_(sorted(files)))
    )
    return {(row.file_no, row.batch_ord): row.source for row in rows}


def _expected(run: Run, row: Any, source: str, day: dt.date) -> Expected:
    calendar, lag, brand = run.calendar, 0, ""
    own, streams, reference = "", token(source), source
    if row.channel == "CARD":
        merchant, _, number = row.batch.partition(" ")
        chosen = run.merchant(merchant)
        brand = row.brand if chosen.by_brand else ""
        reference = f"{row.batch} {brand}".strip()
        own, streams = token(number), token(merchant, brand)
        lag = chosen.lag_days
    return Expected(
        row.file_no, row.batch_ord, KINDS[row.channel], row.channel, day,
        calendar.bank_day(day, lag), reference=reference, own=own, streams=streams, brand=brand,
    )  # fmt: skip


# --- what a card processor keeps ------------------------------------------------------------------


def _net_of_fees(connection: Connection, run: Run, made: Expected) -> None:
    """What the processor keeps: refunds and chargebacks within the batch, and, where it settles
    net, its fees (domain E36); what it passes on of convenience fees it brings (E38)."""
    before = connection.scalar(
        select(deposit.c.deposit_no).where(
            deposit.c.file_no == made.file_no, deposit.c.batch_ord == made.batch_ord,
            deposit.c.reference == made.reference,
        )
    )  # fmt: skip
    if before is not None:  # a later part of a batch: its fees went with the first
        return
    cents = aside.c.amount_cents
    rows = connection.execute(
        select(
            aside.c.kind,
            func.sum(case((cents < 0, cents), else_=0)),
            func.sum(case((cents > 0, cents), else_=0)),
        )
        .where(
            aside.c.file_no == made.file_no, aside.c.batch_ord.in_(sorted(made.batches)),
            func.coalesce(aside.c.code, "") == made.brand if made.brand else true(),
        )
        .group_by(aside.c.kind)
    )  # fmt: skip
    sums = {kind: (int(minus or 0), int(plus or 0)) for kind, minus, plus in rows}
    made.aside_cents = sum(sum(sums.get(kind, (0, 0))) for kind in NETTED)
    merchant = run.merchant(made.reference.partition(" ")[0])
    kept, given = sums.get(FEE, (0, 0))
    given += sum(sums.get(CONVENIENCE, (0, 0)))
    passed_on = given if merchant.convenience_fees == "passed_on" else 0
    fees = kept + given - passed_on if merchant.model == "net" else 0
    made.fee_cents = fees + passed_on
    if fees or passed_on:
        words = f"card fees of {made.reference}"
        key = f"fees-{made.batch_ord}" + (f"-{made.brand}" if made.brand else "")
        made.entry_no = book_fees(connection, run, made, key, words, passed_on)


def _funds(connection: Connection, made: Expected) -> dict[str, int]:
    """Cents by fund of the receipts of a deposit's batches, as they were first applied."""
    placement, receipt = schema.placement.c, schema.receipt.c
    low = schema.receipt_key(made.file_no, 0)
    rows = connection.execute(
        select(placement.fund, func.sum(placement.cents))
        .join(schema.receipt, receipt.receipt_no == placement.receipt_no)
        .where(
            placement.receipt_no.between(low, schema.receipt_key(made.file_no + 1, 0) - 1),
            placement.bucket == ITEM,
            placement.version == 1,
            receipt.batch_ord.in_(sorted(made.batches)),
        )
        .group_by(placement.fund)
        .order_by(placement.fund)
    )
    return {fund: int(cents) for fund, cents in rows if cents > 0}


def book_fees(
    connection: Connection, run: Run, made: Expected, key: str, words: str, passed_on: int = 0
) -> int:
    """Book a deposit's fees: expense in the funds whose money was paid, by largest remainder,
    convenience fees that are passed on as revenue, against the channel's clearing account.
    Returns the entry."""
    chart, ledger = run.chart, run.ledger(connection)
    shares = _funds(connection, made)
    rest = made.receipts_cents - sum(shares.values())
    if rest > 0 or not shares:
        shares[chart.pool_fund] = shares.get(chart.pool_fund, 0) + max(rest, 1)
    names, fees = sorted(shares), passed_on - made.fee_cents
    parts = split(abs(fees), [shares[name] for name in names])
    clearing = posting.clearing_account(pa.array([made.channel]), chart)[0].as_py()
    legs = [
        (chart.pool_fund, clearing, made.fee_cents),
        (chart.pool_fund, chart.convenience_fees, -passed_on),
    ]
    for fund, part in zip(names, parts, strict=True):
        cents = part if fees > 0 else -part
        legs.append((fund, chart.fees, cents))
        if fund != chart.pool_fund:
            legs.append((fund, chart.equity_in_pool, -cents))
            legs.append((chart.pool_fund, chart.due_to_funds, cents))
    entry_no = ledger.next_entry_no()
    key = f"{stem(connection, made.file_no)}-{key}"
    book(connection, run, key, made.business_date, legs, words, made)
    return entry_no


def round_off(connection: Connection, run: Run, deposit_no: int, left: int) -> bool:
    """Book what a card batch was credited more or less by rounding to the fees, as far as its
    merchant allows (domain E36). Returns whether it did; nothing of the deposit is left then."""
    row = connection.execute(select(deposit).where(deposit.c.deposit_no == deposit_no)).one()
    merchant = run.merchant(row.reference.partition(" ")[0])
    if row.kind != "card" or not 0 < abs(left) <= merchant.rounding:
        return False
    made = Expected(
        row.file_no, row.batch_ord, "card", row.channel, run.today, run.today,
        fee_cents=-left, reference=row.reference, withdraws_no=deposit_no,
    )  # fmt: skip
    made.batches = {row.batch_ord}
    words = f"rounding of {row.reference}"
    made.entry_no = book_fees(connection, run, made, f"rounding-{row.deposit_id}", words)
    write(connection, run, [made])
    set_left(connection, {deposit_no: 0})
    return True


# --- deposits that are taken back -----------------------------------------------------------------


def _withdraw(connection: Connection, made: Expected) -> None:
    """Receipts of a deposit left the books (their file was replaced): less is expected of it.
    What the bank brought already is then too much; the deposit that follows takes it over."""
    one_a_day = made.channel.startswith("ACH")  # of a file, whichever of its batches
    found = connection.execute(
        select(deposit.c.deposit_no)
        .where(
            deposit.c.file_no == made.file_no,
            deposit.c.channel == made.channel,
            deposit.c.kind == made.kind,
            deposit.c.business_date == made.business_date.isoformat(),
            true() if one_a_day else deposit.c.reference == made.reference,
            deposit.c.withdraws_no.is_(None),
        )
        .order_by(deposit.c.deposit_no)
    ).first()
    if found is None:
        return
    made.withdraws_no = found.deposit_no
    left = left_of(connection, found.deposit_no) + made.receipts_cents
    set_left(connection, {found.deposit_no: left})
