"""The tables of the database: what is kept, and what the database itself refuses.

Money is BIGINT cents with a CHECK; dates are ISO text (`2026-03-16`), instants ISO text in UTC.
Tables of money (`IMMUTABLE`) are only ever added to: triggers refuse UPDATE and DELETE, and none
of them fires on an insert. Integer keys are internal; the ids that leave recond are text made
from content (`file.file_id`, receipt ordinal, decision version).

A receipt's key is `file_no << 32 | ordinal` (`receipt_key`). Its cents are placed by `placement`
rows: the first version of a receipt places its whole amount, every later version moves cents
between buckets and sums to zero. What a receipt's state is, is the sum of its placements.
"""

from __future__ import annotations

from recond.store.schema.adjustments import adjustment
from recond.store.schema.advice import advice, advice_line
from recond.store.schema.audit import audit_event, register_audit
from recond.store.schema.bank import (
    bank_balance,
    bank_line,
    drawer_close,
    image_deposit,
    line_limit,
    withdrawn,
)
from recond.store.schema.base import (
    INT,
    MAX_CENTS,
    ORDINAL_BITS,
    SCHEMA_REVISION,
    TEXT,
    metadata,
    receipt_key,
)
from recond.store.schema.billing import (
    acknowledgement,
    agency_line,
    drift,
    file_answer,
    journaled_entry,
    letter_line,
    outbox,
    posted_entry,
    refund_line,
)
from recond.store.schema.deposits import (
    cash_only,
    charge,
    clearing,
    deposit,
    drawer_session,
    line_part,
    open_deposit,
    open_line,
    return_item,
    statement,
    undeposited,
)
from recond.store.schema.intake import batch, file, file_past, job, meta, problem, waiting
from recond.store.schema.mirror import (
    account,
    account_alias,
    account_version,
    item,
    item_and_balance,
    item_balance,
    item_version,
    reference_shape,
    snapshot,
)
from recond.store.schema.money import (
    decision,
    entry,
    future_receipt,
    journal_line,
    numbered_record,
    placement,
    receipt,
    remittance,
    set_aside,
)
from recond.store.schema.periods import period_change
from recond.store.schema.queue import (
    comment,
    decision_made,
    exception,
    exception_past,
    work_file,
    work_row,
)
from recond.store.schema.retention import disposal, legal_hold

IMMUTABLE = (
    receipt,
    entry,
    decision,
    placement,
    journal_line,
    period_change,
    posted_entry,
    journaled_entry,
    refund_line,
    letter_line,
    agency_line,
    acknowledgement,
    file_answer,
    decision_made,
    adjustment,
    deposit,
    clearing,
    charge,
    item_version,
    account_version,
    legal_hold,
    disposal,
    audit_event,
    register_audit,
    exception_past,
    line_limit,
    withdrawn,
    file_past,
)

__all__ = [
    "IMMUTABLE",
    "INT",
    "MAX_CENTS",
    "ORDINAL_BITS",
    "SCHEMA_REVISION",
    "TEXT",
    "account",
    "account_alias",
    "account_version",
    "acknowledgement",
    "adjustment",
    "advice",
    "advice_line",
    "agency_line",
    "audit_event",
    "bank_balance",
    "bank_line",
    "batch",
    "cash_only",
    "charge",
    "clearing",
    "comment",
    "decision",
    "decision_made",
    "deposit",
    "disposal",
    "drawer_close",
    "drawer_session",
    "drift",
    "entry",
    "exception",
    "exception_past",
    "file",
    "file_answer",
    "file_past",
    "future_receipt",
    "image_deposit",
    "item",
    "item_and_balance",
    "item_balance",
    "item_version",
    "job",
    "journal_line",
    "journaled_entry",
    "legal_hold",
    "letter_line",
    "line_limit",
    "line_part",
    "meta",
    "metadata",
    "numbered_record",
    "open_deposit",
    "open_line",
    "outbox",
    "period_change",
    "placement",
    "posted_entry",
    "problem",
    "receipt",
    "receipt_key",
    "reference_shape",
    "refund_line",
    "register_audit",
    "remittance",
    "return_item",
    "set_aside",
    "snapshot",
    "statement",
    "undeposited",
    "waiting",
    "withdrawn",
    "work_file",
    "work_row",
]
