"""Which postings the billing system's last snapshot contains (contract section 4).

A posting (a placement row on an item) is pending until a snapshot contains it:

* up to the manifest's `last_posting_id`, in the order of posting files;
* without one, when billing had acknowledged it before the file arrived;
* where recond.toml says `acknowledgements = "none"`, when its file was written before;
* of a source that billing posts itself, when its entry was made before.

What billing rejected, and the row that took it back here, count nowhere: billing never had them.
What one snapshot contains, every later one contains.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from recond import ids
from recond.model import ITEM
from recond.receivables.manifest import Manifest
from recond.store import schema

WHOLE_FILE = 1 << 62  # an entry number behind every other: the position after a posting file
# PostgreSQL shifts a bigint by an integer only, and a bound number would be a bigint.
_BITS: ColumnElement[int] = literal_column(str(schema.ORDINAL_BITS), Integer)

placement, decision = schema.placement, schema.decision
ack, posted, snapshot = schema.acknowledgement, schema.posted_entry, schema.snapshot
adjustment = schema.adjustment


@dataclass(frozen=True, slots=True)
class Contained:
    """How far a snapshot contains recond's postings: a position in the posting files, and the
    last acknowledgement that counts. Zeros: the snapshot says nothing."""

    outbox: int = 0
    entry: int = 0
    receipt: int = 0
    version: int = 0
    line: int = 0
    ack: int = 0

    @property
    def position(self) -> tuple[int, int, int, int, int]:
        """The position in the order of posting files."""
        return self.outbox, self.entry, self.receipt, self.version, self.line


NOTHING = Contained()


def contained(
    connection: Connection, manifest: Manifest | None, acknowledgements: str
) -> Contained | None:
    """What a snapshot that arrives now contains; None when its `last_posting_id` is unknown."""
    if manifest is not None and manifest.last_posting_id:
        return _up_to(connection, manifest.last_posting_id)
    if acknowledgements == "none":
        outbox = schema.outbox.c
        last = connection.scalar(
            select(func.max(outbox.outbox_no)).where(outbox.kind == "postings")
        )
        return Contained(outbox=last or 0, entry=WHOLE_FILE if last else 0)
    return Contained(ack=connection.scalar(select(func.max(ack.c.ack_no))) or 0)


def _up_to(connection: Connection, posting_id: str) -> Contained | None:
    key = ids.parse_posting(connection, posting_id)
    if key is None:
        return None
    row = connection.execute(
        select(posted.c.outbox_no, decision.c.entry_no)
        .join(posted, posted.c.entry_no == decision.c.entry_no)
        .where(decision.c.receipt_no == key.receipt_no, decision.c.version == key.version)
    ).first()
    if row is None:
        return None
    return Contained(row.outbox_no, row.entry_no, key.receipt_no, key.version, key.line)


def in_force(connection: Connection) -> tuple[Contained, int]:
    """What the snapshots until now contain together, and the entry of the last one."""
    s = snapshot.c
    order = (s.contains_outbox, s.contains_entry, s.contains_receipt, s.contains_version,
             s.contains_line)  # fmt: skip
    furthest = connection.execute(
        select(*order).order_by(*(column.desc() for column in order)).limit(1)
    ).first()
    acks, entry = connection.execute(select(func.max(s.contains_ack), func.max(s.entry_no))).one()
    known = Contained(*furthest) if furthest else NOTHING
    return replace(known, ack=acks or 0), entry or 0


def billing_posts(connection: Connection) -> bool:
    """Whether any payment came that billing posts itself."""
    file = schema.file.c
    found = select(file.file_no).where(file.posted_by == "billing").limit(1)
    return connection.scalar(found) is not None


def adjusted(connection: Connection) -> bool:
    """Whether recond ever changed what is owed itself: it is pending until the next snapshot."""
    return connection.scalar(select(adjustment.c.item_key).limit(1)) is not None


def rejected(receipt_no: Any, version: Any, line: Any, known: Any = None) -> ColumnElement[bool]:
    """SQL: billing rejected this posting, by its answer `known` where one is given."""
    return exists().where(
        ack.c.receipt_no == receipt_no,
        ack.c.version == version,
        ack.c.posting_line == line,
        ack.c.status == "REJECTED",
        true() if known is None else ack.c.ack_no <= known,
    )


def takes_back_rejected(rows: Any, known: Any = None) -> ColumnElement[bool]:
    """SQL: a placement row (`rows`: the table's columns) that took back a rejected posting."""
    taken = rejected(rows.receipt_no, rows.reverses_version, rows.reverses_line, known)
    return and_(rows.reverses_version.is_not(None), rows.cents < 0, taken)


def undone(rows: Any, known: Any = None) -> ColumnElement[bool]:
    """SQL: a placement row that billing rejected and that was taken back here, or the row that
    took it back; `known` as in `rejected`."""
    refused = rejected(rows.receipt_no, rows.version, rows.line, known)
    return or_(and_(rows.cents > 0, refused), takes_back_rejected(rows, known))


REBILLED = "rebilled"  # the rule of money that a bill made anew for less gave back


def pending_sums(connection: Connection) -> Select[Any]:
    """A query of `item_key` and `cents`: what is posted on each item and in no snapshot yet."""
    known, last_entry = in_force(connection)
    rows = placement.c
    position = tuple_(
        func.coalesce(posted.c.outbox_no, WHOLE_FILE), decision.c.entry_no, rows.receipt_no,
        rows.version, rows.line,
    )  # fmt: skip
    acknowledged = exists().where(
        ack.c.receipt_no == rows.receipt_no,
        ack.c.version == rows.version,
        ack.c.posting_line == rows.line,
        ack.c.status.in_(["ACCEPTED", "DUPLICATE"]),
        ack.c.ack_no <= known.ack,
    )
    by_billing = select(schema.file.c.file_no).where(schema.file.c.posted_by == "billing")
    own = and_(
        decision.c.entry_no < last_entry,
        rows.receipt_no.bitwise_rshift(_BITS).in_(by_billing),
    )
    missing = and_(
        rows.bucket == ITEM, position > tuple_(*known.position), ~acknowledged, ~own,
        ~undone(rows),
        decision.c.rule != REBILLED,  # the snapshot that showed it contains it
    )  # fmt: skip
    applied = (
        select(rows.item_key, rows.cents)
        .join_from(placement, decision, _same_version())
        .outerjoin(posted, posted.c.entry_no == decision.c.entry_no)
        .where(missing)
    )
    # what goes along with a placement is in the same snapshot
    along = (
        select(adjustment.c.item_key, -adjustment.c.cents)
        .join_from(
            adjustment,
            placement,
            and_(
                rows.receipt_no == adjustment.c.receipt_no,
                rows.version == adjustment.c.version,
                rows.line == adjustment.c.placement_line,
            ),
        )
        .join(decision, _same_version())
        .outerjoin(posted, posted.c.entry_no == decision.c.entry_no)
        .where(missing)
    )
    # no posting file tells billing of the others: the next snapshot shows what it made of them
    alone = select(adjustment.c.item_key, -adjustment.c.cents).where(
        adjustment.c.receipt_no.is_(None), adjustment.c.entry_no > last_entry
    )
    every = union_all(applied, along, alone).subquery()
    total = cast(func.sum(every.c.cents), schema.INT).label("cents")
    return select(every.c.item_key, total).group_by(every.c.item_key)


def _same_version() -> ColumnElement[bool]:
    return and_(
        decision.c.receipt_no == placement.c.receipt_no, decision.c.version == placement.c.version
    )
