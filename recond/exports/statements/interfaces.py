"""What came over from billing and what was handed on: changes of master data, refund and journal
files with their answers."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from sqlalchemy import Select, and_, case, func, literal, select

from recond.exports.columns import FileIds, int64s
from recond.exports.statements.base import Month, Statement, Tie, shown, summed
from recond.exports.statements.receivables import item_movements
from recond.receivables.history import ACCOUNT
from recond.store import schema
from recond.store.engine import stage
from recond.store.sql import total

account, version, item = schema.account, schema.account_version, schema.item
outbox, answer = schema.outbox, schema.file_answer
TEXT, INT, DATE = pa.string(), pa.int64(), pa.date32()
# Columns whose changes are told; the key of a name follows from the name.
TOLD = tuple(name for name in ACCOUNT if name != "name_key")


def master_changes(month: Month) -> Statement:
    """What files of the month changed of accounts: field, before, after; a status that goes back
    to what it was earlier is marked, for it can hide a bill (domain section 2.9). Ties to the
    accounts that there are."""
    old, older = version.alias(), version.alias()
    names = [column for name in TOLD for column in
             (old.c[name].label(f"old_{name}"), version.c[name].label(f"new_{name}"))]  # fmt: skip
    here = and_(version.c.since_date >= month.first.isoformat(),
                version.c.since_date <= month.last.isoformat())  # fmt: skip
    back = (
        select(older.c.version)
        .where(older.c.account_key == version.c.account_key,
               older.c.version < version.c.version - 1, older.c.status == version.c.status)
        .exists()
    )  # fmt: skip
    query = (
        select(version.c.since_date, account.c.account_number, version.c.file_no,
               case((back, 1), else_=0).label("back"), *names)
        .join(old, and_(old.c.account_key == version.c.account_key,
                        old.c.version == version.c.version - 1))
        .join(account, account.c.account_key == version.c.account_key)
        .where(here)
        .order_by(version.c.since_date, account.c.account_number, version.c.version)
    )  # fmt: skip
    money = {name for name in TOLD if name.endswith("_cents")}
    shape = {"since_date": DATE, "account_number": TEXT, "file_no": INT, "back": INT}
    shape |= {f"{when}_{name}": INT if name in money else TEXT
              for name in TOLD for when in ("old", "new")}  # fmt: skip
    found = month.rows(query, shape)
    table = _told(month, found)
    known = func.count(version.c.account_key.distinct())
    before = month.number(select(known).where(version.c.since_date < month.first.isoformat()))
    fresh = month.number(select(func.count()).where(here, version.c.version == 1))
    after = month.number(select(known).where(version.c.since_date <= month.last.isoformat()))
    changed = month.number(select(func.count()).where(here, version.c.version > 1))
    ties = (
        Tie("accounts before + new ones = accounts", before + fresh, after, counts=True),
        Tie("changed accounts listed = changes that files made", found.num_rows, changed,
            counts=True),
    )  # fmt: skip
    return Statement("Changes of master data", table, ties)


def _told(month: Month, found: pa.Table) -> pa.Table:
    """One row a field that changed; changes of a day are few."""
    files = FileIds.load(month.connection)
    numbers = int64s(found["file_no"].fill_null(0))
    ids = files.of_files(numbers).to_pylist() if found.num_rows else []
    rows: list[dict[str, Any]] = []
    for row, file_id in zip(found.to_pylist(), ids, strict=True):
        for name in TOLD:
            old, new = row[f"old_{name}"], row[f"new_{name}"]
            if old != new:
                flip = name == "status" and row["back"]
                rows.append({
                    "date": row["since_date"], "account_number": row["account_number"],
                    "field": name.removesuffix("_cents"), "old": _text(name, old),
                    "new": _text(name, new), "flips_back": "yes" if flip else "no",
                    "file_id": file_id if row["file_no"] is not None else None,
                })  # fmt: skip
    shape = pa.schema([("date", DATE), ("account_number", TEXT), ("field", TEXT), ("old", TEXT),
                       ("new", TEXT), ("flips_back", TEXT), ("file_id", TEXT)])  # fmt: skip
    return pa.Table.from_pylist(rows, schema=shape)


def _text(name: str, value: Any) -> str | None:
    if value is None or not name.endswith("_cents"):
        return value if value is None else str(value)
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) // 100}.{abs(value) % 100:02d}"


def handed_on(month: Month) -> Statement:
    """Refund and journal files of the month's business dates with what was answered by its end.
    Ties to the refunds and the entries that they hold."""
    last = month.last.isoformat()
    answered = (
        select(
            answer.c.outbox_no,
            *(func.sum(case((answer.c.status == status, 1), else_=0)).label(status.lower())
              for status in ("ACCEPTED", "DUPLICATE", "REJECTED")),
        )
        .join(schema.file, schema.file.c.file_no == answer.c.file_no)
        .where(schema.file.c.business_date <= last)
        .group_by(answer.c.outbox_no)
        .subquery()
    )  # fmt: skip
    mine = and_(outbox.c.kind != "postings", outbox.c.business_date >= month.first.isoformat(),
                outbox.c.business_date <= last)  # fmt: skip
    told = ("accepted", "duplicate", "rejected")
    query = (
        select(outbox.c.kind, outbox.c.file_id, outbox.c.business_date, outbox.c.layout,
               outbox.c.rows, *(func.coalesce(answered.c[n], 0).label(n) for n in told),
               outbox.c.total_cents.label("amount_cents"), outbox.c.sha256)
        .outerjoin(answered, answered.c.outbox_no == outbox.c.outbox_no)
        .where(mine)
        .order_by(outbox.c.outbox_no)
    )  # fmt: skip
    shape = {"kind": TEXT, "file_id": TEXT, "business_date": DATE, "layout": TEXT, "rows": INT,
             **dict.fromkeys(told, INT), "amount_cents": INT, "sha256": TEXT}  # fmt: skip
    table = month.rows(query, shape)
    asked, lines, written = schema.refund_line, schema.journal_line, schema.journaled_entry
    refunds = month.number(
        select(total(asked.c.cents))
        .join(outbox, outbox.c.outbox_no == asked.c.outbox_no)
        .where(mine)
    )
    debits, credits_ = (
        month.number(
            select(total(side))
            .join(written, written.c.entry_no == lines.c.entry_no)
            .join(outbox, outbox.c.outbox_no == written.c.outbox_no)
            .where(mine)
        )
        for side in (lines.c.debit_cents, lines.c.credit_cents)
    )
    amounts = {
        kind: summed(table.filter(pa.compute.equal(table["kind"], kind)), "amount_cents")
        for kind in ("refunds", "journals")
    }
    ties = (
        Tie("refund files = the refunds that they ask for", amounts["refunds"], refunds),
        Tie("journal files = debits of their entries", amounts["journals"], debits),
        Tie("debits of their entries = credits", debits, credits_),
    )
    return Statement("Files for payables and the ledger", shown(table), ties)


def against_billing(month: Month) -> Statement:
    """Items of which billing's last snapshot of the month shows another open amount than the books
    owe, with the posting file that is on its way and its answer (domain E60, E65); of those that no
    file holds yet the sums. Billing's total less what is listed is the ledger's receivables."""
    billing = _by_billing(month)
    differs = stage(month.connection, "against_billing", _differing(month, billing), ["item_key"])
    query = (
        select(account.c.account_number, item.c.item_number, item.c.charge_type, item.c.fund,
               differs.c.item_key, differs.c.billing_cents, differs.c.books_cents)
        .join(item, item.c.item_key == differs.c.item_key)
        .join(account, account.c.account_key == item.c.account_key)
        .order_by(account.c.account_number, item.c.item_number)
    )  # fmt: skip
    names = ("account_number", "item_number", "charge_type", "fund")
    shape = {**dict.fromkeys(names, TEXT), "item_key": INT, "billing_cents": INT,
             "books_cents": INT}  # fmt: skip
    found = month.rows(query, shape)
    files = {row.item_key: row for row in month.connection.execute(_on_the_way(month, differs))}
    told = [files.get(key) for key in found["item_key"].to_pylist()]
    pending = pa.compute.subtract(found["billing_cents"], found["books_cents"])
    table = found.drop_columns(["item_key"]).append_column("pending_cents", pending)
    table = table.append_column("items", pa.array([1] * found.num_rows, INT))
    table = table.append_column("posting_file", pa.array([t and t.file_id for t in told], TEXT))
    table = table.append_column("answer", pa.array([t and t.status for t in told], TEXT))
    on_the_way = pa.compute.is_valid(table["posting_file"])
    table = pa.concat_tables(
        [_not_written(table.filter(pa.compute.invert(on_the_way))), table.filter(on_the_way)]
    ).combine_chunks()
    shows = billing.subquery()
    total_ = month.number(select(total(shows.c.cents)))
    listed = summed(table, "pending_cents")
    ties = (
        Tie("open by billing less what it does not show yet = receivables in the ledger",
            total_ - listed, month.gl(*month.receivable_accounts)),
    )  # fmt: skip
    return Statement("Receivables by billing and by the books", shown(table), ties, listed)


def _not_written(rows: pa.Table) -> pa.Table:
    """Rows of items that no posting file holds, by fund and charge type: before the day's export
    these are all that was paid."""
    money = ("billing_cents", "books_cents", "pending_cents", "items")
    sums = rows.group_by(["fund", "charge_type"]).aggregate([(name, "sum") for name in money])
    sums = sums.rename_columns({f"{name}_sum": name for name in money})
    sums = sums.sort_by([("fund", "ascending"), ("charge_type", "ascending")])
    words = {"answer": "in no posting file yet"}
    for name in rows.column_names:
        if name not in sums.column_names:
            value = pa.scalar(words.get(name), TEXT)
            sums = sums.append_column(name, pa.repeat(value, sums.num_rows))
    return sums.select(rows.column_names)


def _by_billing(month: Month) -> Select[Any]:
    """A query of `item_key` and `cents`: open amounts of billing's last snapshot of the month."""
    past = schema.item_version
    last = (
        select(past.c.item_key, func.max(past.c.entry_no).label("entry_no"))
        .join(schema.entry, schema.entry.c.entry_no == past.c.entry_no)
        .where(schema.entry.c.period <= month.month)
        .group_by(past.c.item_key)
        .subquery()
    )
    return select(past.c.item_key, past.c.snapshot_cents.label("cents")).join(
        last, and_(last.c.item_key == past.c.item_key, last.c.entry_no == past.c.entry_no)
    )


def _differing(month: Month, billing: Select[Any]) -> pa.Table:
    """Items of which billing shows another amount than the books owe, in one pass over both."""
    owed, shows = item_movements(month).subquery(), billing.subquery()
    both = (
        select(shows.c.item_key, shows.c.cents.label("billing"), literal(0).label("books"))
        .union_all(select(owed.c.item_key, literal(0), owed.c.cents))
        .subquery()
    )
    query = (
        select(both.c.item_key, total(both.c.billing).label("billing_cents"),
               total(both.c.books).label("books_cents"))
        .group_by(both.c.item_key)
        .having(func.sum(both.c.billing) != func.sum(both.c.books))
    )  # fmt: skip
    return month.rows(query, {"item_key": INT, "billing_cents": INT, "books_cents": INT})


def _on_the_way(month: Month, differs: Any) -> Any:
    """The last posting file about each of these items, and what billing answered of it."""
    placement, decision, posted = schema.placement, schema.decision, schema.posted_entry
    ack, file = schema.acknowledgement, schema.file
    day = month.last.isoformat()
    last = (
        select(placement.c.item_key, func.max(posted.c.outbox_no).label("outbox_no"))
        .join(decision, and_(decision.c.receipt_no == placement.c.receipt_no,
                             decision.c.version == placement.c.version))
        .join(posted, posted.c.entry_no == decision.c.entry_no)
        .join(outbox, outbox.c.outbox_no == posted.c.outbox_no)
        .join(differs, differs.c.item_key == placement.c.item_key)
        .where(outbox.c.business_date <= day)
        .group_by(placement.c.item_key)
        .subquery()
    )  # fmt: skip
    answered = (
        select(placement.c.item_key, posted.c.outbox_no, func.max(ack.c.status).label("status"))
        .join(decision, and_(decision.c.receipt_no == placement.c.receipt_no,
                             decision.c.version == placement.c.version))
        .join(posted, posted.c.entry_no == decision.c.entry_no)
        .join(ack, and_(ack.c.receipt_no == placement.c.receipt_no,
                        ack.c.version == placement.c.version,
                        ack.c.posting_line == placement.c.line))
        .join(file, file.c.file_no == ack.c.file_no)
        .join(differs, differs.c.item_key == placement.c.item_key)
        .where(file.c.business_date <= day)
        .group_by(placement.c.item_key, posted.c.outbox_no)
        .subquery()
    )  # fmt: skip
    return (
        select(last.c.item_key, outbox.c.file_id,
               func.coalesce(answered.c.status, "not answered").label("status"))
        .join(outbox, outbox.c.outbox_no == last.c.outbox_no)
        .outerjoin(answered, and_(answered.c.item_key == last.c.item_key,
                                  answered.c.outbox_no == last.c.outbox_no))
    )  # fmt: skip
