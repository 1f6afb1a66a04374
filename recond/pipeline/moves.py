"""Later decisions: moving cents of receipts that stand somewhere already.

Every move is a new version of its receipt: what stood is taken back row by row (each new row
names the row that it reverses), and the same cents are placed anew. The sum is zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import pyarrow as pa
from sqlalchemy import Connection, delete, select

from recond import adjusting, ids
from recond.ledger import FACTS, Source
from recond.matching.tables import DECISIONS, PLACEMENTS, QUESTIONS, Matched
from recond.model import VOIDED
from recond.pipeline import deposits
from recond.pipeline.payments import DATED_BY_RECEIPT
from recond.pipeline.run import Run
from recond.store import schema

placement, receipt, decision = schema.placement, schema.receipt, schema.decision
future = schema.future_receipt

CHUNK = 500
MOVED = pa.schema(
    [*PLACEMENTS, pa.field("reverses_version", pa.int64()), pa.field("reverses_line", pa.int64()),
     pa.field("adjusts", pa.int64())]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stand:
    """Cents of a receipt where they stand, or where they shall stand."""

    bucket: int
    cents: int
    account_key: int | None = None
    item_key: int | None = None
    charge_type: str | None = None
    fund: str | None = None
    version: int | None = None  # of the row that stands; None for one to be made
    line: int | None = None
    adjusts: int = 0  # cents that the item owes more with it, because they were written off


@dataclass(frozen=True, slots=True)
class Move:
    """One receipt's next version: what is taken back, what is placed, why."""

    receipt_no: int
    rule: str
    evidence: str
    taken: Sequence[Stand]
    placed: Sequence[Stand]
    account_key: int | None = None


@dataclass(slots=True)
class Standing:
    """A receipt with its standing rows, in order, and its last version."""

    receipt_no: int
    amount_cents: int
    channel: str
    batch_ord: int
    received_date: str
    deposit_date: str | None
    version: int = 0
    stands: list[Stand] = field(default_factory=list)

    @property
    def effective_date(self) -> str:
        """The receipt's effective date: what a later decision takes while its month is open."""
        if self.channel in DATED_BY_RECEIPT:
            return self.received_date
        return self.deposit_date or self.received_date

    def in_bucket(self, bucket: int) -> int:
        """Cents of the receipt in one bucket."""
        return sum(stand.cents for stand in self.stands if stand.bucket == bucket)


def standing(connection: Connection, receipt_nos: Iterable[int]) -> dict[int, Standing]:
    """Receipts with the rows that stand: neither reversed nor reversing. Rows become objects:
    people and later data move single receipts, never a whole file's."""
    found: dict[int, Standing] = {}
    wanted = sorted(set(receipt_nos))
    for start in range(0, len(wanted), CHUNK):
        part = wanted[start : start + CHUNK]
        rows = connection.execute(
            select(
                receipt.c.receipt_no, receipt.c.amount_cents, receipt.c.channel,
                receipt.c.batch_ord, receipt.c.received_date, receipt.c.deposit_date,
            )
            .where(receipt.c.receipt_no.in_(part))
            .order_by(receipt.c.receipt_no)
        )  # fmt: skip
        found.update({row.receipt_no: Standing(*row) for row in rows})
        _add_stands(connection, part, found)
    return found


def _add_stands(connection: Connection, part: list[int], found: dict[int, Standing]) -> None:
    rows = connection.execute(
        select(placement)
        .where(placement.c.receipt_no.in_(part))
        .order_by(placement.c.receipt_no, placement.c.version, placement.c.line)
    ).all()
    reversed_rows = {
        (row.receipt_no, row.reverses_version, row.reverses_line)
        for row in rows
        if row.reverses_version is not None
    }
    adjusts = adjusts_of(connection, part)
    for row in rows:
        owner = found[row.receipt_no]
        owner.version = max(owner.version, row.version)
        gone = (row.receipt_no, row.version, row.line) in reversed_rows
        if row.reverses_version is None and not gone:
            owner.stands.append(
                Stand(
                    row.bucket, row.cents, row.account_key, row.item_key, row.charge_type,
                    row.fund, row.version, row.line,
                    adjusts.get((row.receipt_no, row.version, row.line), 0),
                )
            )  # fmt: skip
    # a receipt may have a decision without a placement (an amount of zero)
    versions = connection.execute(
        select(decision.c.receipt_no, decision.c.version).where(decision.c.receipt_no.in_(part))
    )
    for row in versions:
        found[row.receipt_no].version = max(found[row.receipt_no].version, row.version)


adjusts_of = adjusting.of_receipts


def write(
    connection: Connection, run: Run, moves: Sequence[Move], kind: str, description: str
) -> None:
    """Write moves as entries; `standing` must have been read in the same transaction."""
    if not moves:
        return
    ordered = sorted(moves, key=lambda move: move.receipt_no)
    owners = standing(connection, [move.receipt_no for move in ordered])
    facts = [_fact(owners[move.receipt_no]) for move in ordered]
    versions = [owners[move.receipt_no].version + 1 for move in ordered]
    decisions = [
        {
            "ordinal": move.receipt_no,
            "account_key": move.account_key,
            "rule": move.rule,
            "evidence": move.evidence,
        }
        for move in ordered
    ]
    matched = Matched(
        pa.Table.from_pylist(decisions, schema=DECISIONS),
        pa.Table.from_pylist([row for move in ordered for row in _rows(move)], schema=MOVED),
        QUESTIONS.empty_table(),
    )
    key = _key(connection, kind, [move.receipt_no for move in ordered], versions)
    run.ledger(connection).move(
        pa.Table.from_pylist(facts, schema=pa.schema([*_TEXT_FACTS])).cast(FACTS),
        matched,
        Source(kind, key, description),
        pa.array(versions, pa.int64()),
    )


_TEXT_FACTS = [
    pa.field("effective_date", pa.string()) if f.name == "effective_date" else f for f in FACTS
]


def _fact(owner: Standing) -> dict[str, object]:
    return {
        "receipt_no": owner.receipt_no,
        "amount_cents": owner.amount_cents,
        "channel": owner.channel,
        "batch_ord": owner.batch_ord,
        "effective_date": owner.effective_date,
    }


def _rows(move: Move) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for stand, sign in [(s, -1) for s in move.taken] + [(s, 1) for s in move.placed]:
        if stand.cents == 0:
            continue
        rows.append(
            {
                "ordinal": move.receipt_no,
                "line": len(rows) + 1,
                "bucket": stand.bucket,
                "account_key": stand.account_key,
                "item_key": stand.item_key,
                "charge_type": stand.charge_type,
                "fund": stand.fund,
                "cents": sign * stand.cents,
                "reverses_version": stand.version if sign < 0 else None,
                "reverses_line": stand.line if sign < 0 else None,
                "adjusts": sign * stand.adjusts or None,
            }
        )
    return rows


def _key(
    connection: Connection, kind: str, receipt_nos: Sequence[int], versions: Sequence[int]
) -> str:
    """A key from content: the receipts and their new versions."""
    names = ids.files_of(connection, {number >> schema.ORDINAL_BITS for number in receipt_nos})
    low = (1 << schema.ORDINAL_BITS) - 1
    digest = sha256()
    for number, version in zip(receipt_nos, versions, strict=True):
        file_id = names[number >> schema.ORDINAL_BITS]
        digest.update(f"{ids.receipt_id(file_id, number & low)}.{version};".encode())
    return f"{kind}-{digest.hexdigest()[: ids.HEX_DIGITS]}"


def take_out(
    connection: Connection, run: Run, receipt_nos: Sequence[int], rule: str, reason: str
) -> int:
    """Take receipts out of the books: they were voided, or another file replaces theirs.

    What waits for its day never comes to it. Their open questions close with the reason. Returns
    how many receipts that were.
    """
    owners = standing(connection, receipt_nos)
    waiting = _void_waiting(connection, run, owners, rule, reason)
    moves = []
    for owner in owners.values():
        if owner.version == 0 or owner.in_bucket(VOIDED):
            continue
        left = sum(stand.cents for stand in owner.stands)
        moves.append(Move(owner.receipt_no, rule, reason, owner.stands, [Stand(VOIDED, left)]))
    write(connection, run, moves, rule, reason)
    if moves:
        gone = deposits.of_receipts(connection, [move.receipt_no for move in moves])
        deposits.note(connection, gone, sign=-1)
    desk = run.desk(connection)
    desk.resolve(desk.open_of_receipts([move.receipt_no for move in moves]), reason)
    return len(moves) + len(waiting)


def _void_waiting(
    connection: Connection, run: Run, owners: dict[int, Standing], rule: str, reason: str
) -> list[int]:
    """Place receipts that wait for their day for the first time, as voided; returns which."""
    every, waiting = sorted(owners), list[int]()
    for start in range(0, len(every), CHUNK):
        part = future.c.receipt_no.in_(every[start : start + CHUNK])
        waiting += sorted(connection.scalars(select(future.c.receipt_no).where(part)))
        connection.execute(delete(future).where(part))
    if not waiting:
        return []
    today = run.today.isoformat()
    facts = [{**_fact(owners[number]), "effective_date": today} for number in waiting]
    matched = Matched(
        pa.Table.from_pylist(
            [{"ordinal": number, "rule": rule, "evidence": reason} for number in waiting],
            schema=DECISIONS,
        ),
        pa.Table.from_pylist(
            [{"ordinal": number, "line": 1, "bucket": VOIDED, "cents": owners[number].amount_cents}
             for number in waiting],
            schema=PLACEMENTS,
        ),
        QUESTIONS.empty_table(),
    )  # fmt: skip
    key = _key(connection, rule, waiting, [1] * len(waiting))
    table = pa.Table.from_pylist(facts, schema=pa.schema([*_TEXT_FACTS])).cast(FACTS)
    run.ledger(connection).post(table, matched, Source(rule, key, reason))
    return waiting
