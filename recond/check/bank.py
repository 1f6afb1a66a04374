"""Invariants of the bank: clearing accounts, deposits, statement lines (see `check`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, exists, func, or_, select

from recond.check.books import Books, Broken
from recond.model import RETURNED, VOIDED
from recond.store import schema
from recond.store.sql import total

receipt, placement, line = schema.receipt, schema.placement, schema.journal_line
# Entries that place no receipt: they are proved by what they say of deposits and lines.
SOURCES = ("deposit", "clear")


def clearing_differs(books: Books) -> list[Broken]:
    """Clearing accounts whose balance is not the list of what is not reconciled: what deposits
    still expect, receipts that no deposit holds yet, and what returned items and withheld money
    wait for (domain section 2.7)."""
    deposit, clearing = schema.deposit, schema.clearing
    wanted: dict[str, int] = {}
    accounts = dict(books.chart.clearing)
    bank = books.chart.bank

    def add(rows: Any, sign: int = 1) -> None:
        for channel, cents in books.connection.execute(rows):
            account = accounts[channel]
            if account != bank:
                wanted[account] = wanted.get(account, 0) + sign * int(cents)

    add(select(deposit.c.channel, total(deposit.c.amount_cents)).group_by(deposit.c.channel))
    brought = (
        select(deposit.c.channel, total(clearing.c.cents))
        .join(deposit, deposit.c.deposit_no == clearing.c.deposit_no)
        .group_by(deposit.c.channel)
    )
    add(brought, -1)
    item = schema.return_item
    # what a person took back without an item of the bank is expected from nobody: it left
    named = exists().where(item.c.receipt_no == receipt.c.receipt_no)
    posted = (
        select(receipt.c.channel, total(placement.c.cents))
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket != VOIDED, or_(placement.c.bucket != RETURNED, named))
        .group_by(receipt.c.channel)
    )
    add(posted)
    add(select(deposit.c.channel, total(deposit.c.receipts_cents)).group_by(deposit.c.channel), -1)
    # refunds and chargebacks of a card batch: the bank kept them, the journal waits for their
    # receipts, and the receipts that were found are returned
    aside = select(deposit.c.channel, total(deposit.c.aside_cents)).where(deposit.c.kind == "card")
    add(aside.group_by(deposit.c.channel), -1)
    booked = select(receipt.c.channel, total(item.c.reversed_cents))
    booked = booked.join(receipt, receipt.c.receipt_no == item.c.receipt_no)
    add(booked.where(item.c.deposit_no.is_(None)).group_by(receipt.c.channel), -1)
    found = {account: -books.credit_of(account) for account in set(accounts.values()) - {bank}}
    return [
        {"gl_account": account, "journal": found[account], "not_reconciled": wanted.get(account, 0)}
        for account in sorted(found)
        if found[account] != wanted.get(account, 0)
    ]


def undeposited(books: Books) -> list[Broken]:
    """Channels whose posted receipts are neither in a deposit nor waiting for one."""
    waiting = schema.undeposited
    sums: dict[str, list[int]] = {}
    queries = (
        select(receipt.c.channel, total(placement.c.cents))
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket != VOIDED, receipt.c.channel != "BANK")
        .group_by(receipt.c.channel),
        select(schema.deposit.c.channel, total(schema.deposit.c.receipts_cents)).group_by(
            schema.deposit.c.channel
        ),
        select(waiting.c.channel, total(waiting.c.cents)).group_by(waiting.c.channel),
    )
    for place, query in enumerate(queries):
        for channel, cents in books.connection.execute(query):
            sums.setdefault(channel, [0, 0, 0])[place] = int(cents)
    return [
        {"channel": channel, "posted": a, "deposited": b, "waiting": c}
        for channel, (a, b, c) in sorted(sums.items())
        if a != b + c
    ]


def bank_differs(books: Books) -> list[Broken]:
    """The bank account in the journal is what lines brought, and bank receipts that stand."""
    cleared = books.number(select(total(schema.clearing.c.cents)))
    standing = books.number(
        select(total(placement.c.cents))
        .join(receipt, receipt.c.receipt_no == placement.c.receipt_no)
        .where(placement.c.bucket != VOIDED, receipt.c.channel == "BANK")
    )
    journal = -books.credit_of(books.chart.bank)
    if journal == cleared + standing:
        return []
    return [{"bank": journal, "cleared": cleared, "in_receipts": standing}]


def lines_differ(books: Books) -> list[Broken]:
    """Lines that brought something, but not what they are over."""
    clearing, line_ = schema.clearing.c, schema.bank_line.c
    return books.rows(
        select(
            line_.file_no,
            line_.ordinal,
            line_.amount_cents,
            total(clearing.cents).label("cleared"),
        )
        .join(
            schema.clearing,
            and_(clearing.file_no == line_.file_no, clearing.ordinal == line_.ordinal),
        )
        .group_by(line_.file_no, line_.ordinal, line_.amount_cents)
        .having(func.sum(clearing.cents).not_in([0, line_.amount_cents]))
    )


def twice(books: Books) -> list[Broken]:
    """Lines that are a deposit's money and a receipt's at once: a credit counted twice."""
    clearing = schema.clearing.c
    key = clearing.file_no * (1 << schema.ORDINAL_BITS) + clearing.ordinal
    return books.rows(
        select(receipt.c.receipt_no, total(placement.c.cents).label("standing"))
        .join(placement, placement.c.receipt_no == receipt.c.receipt_no)
        .where(
            receipt.c.channel == "BANK",
            placement.c.bucket != VOIDED,
            receipt.c.receipt_no.in_(
                select(key).group_by(key).having(func.sum(clearing.cents) != 0)
            ),
        )
        .group_by(receipt.c.receipt_no)
        .having(func.sum(placement.c.cents) != 0)
    )


def withdrawn_bring(books: Books) -> list[Broken]:
    """Lines that a corrected statement does not have, and that brought something all the same or
    wait for a deposit."""
    gone, opened, clearing = schema.withdrawn.c, schema.open_line.c, schema.clearing.c
    waits = exists().where(opened.file_no == gone.file_no, opened.ordinal == gone.ordinal)
    brought = (
        select(total(clearing.cents))
        .where(clearing.file_no == gone.file_no, clearing.ordinal == gone.ordinal)
        .scalar_subquery()
    )
    return books.rows(
        select(gone.file_no, gone.ordinal, brought.label("cleared")).where(
            gone.ordinal.is_not(None), or_(waits, brought != 0)
        )
    )


def left_differs(books: Books) -> list[Broken]:
    """Deposits whose open rest is not their amount less what lines brought."""
    deposit, opened = schema.deposit.c, schema.open_deposit.c
    brought = (
        select(total(schema.clearing.c.cents))
        .where(schema.clearing.c.deposit_no == deposit.deposit_no)
        .scalar_subquery()
    )
    withdrawal = schema.deposit.alias()
    withdrawn = (
        select(total(withdrawal.c.amount_cents))
        .where(withdrawal.c.withdraws_no == deposit.deposit_no)
        .scalar_subquery()
    )
    left = deposit.amount_cents + withdrawn - brought
    return books.rows(
        select(deposit.deposit_id, left.label("left"), opened.left_cents)
        .outerjoin(schema.open_deposit, opened.deposit_no == deposit.deposit_no)
        .where(deposit.withdraws_no.is_(None), func.coalesce(opened.left_cents, 0) != left)
    )
