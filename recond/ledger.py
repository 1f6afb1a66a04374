"""The only writer of money. Everything that an event does to the books is written here, in the
caller's one transaction, and proved before it returns.

A receipt's cents are placed by versions: version 1 places its whole amount, every later version
moves cents between buckets and sums to zero. Rows are only ever added. Over-application is
refused by the database (`item_balance.open_cents >= 0`), repetition by primary keys.

An entry's GL date is the date that it is given while that month is open, else the business date
(contract section 5); `original_date` keeps what was given. Every entry passes `_heads`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from recond import adjusting, posting
from recond.arrays import ints
from recond.audit import placed_sha256
from recond.errors import InvariantError, PeriodClosedError
from recond.matching.tables import Matched
from recond.model import ITEM
from recond.posting import ARRIVAL, MOVEMENTS, Chart
from recond.store import schema
from recond.store.engine import insert_table, update_items

# What is posted, beside the decisions: one row a receipt, in ascending order of receipt_no.
FACTS = pa.schema(
    [
        pa.field("receipt_no", pa.int64()),
        pa.field("amount_cents", pa.int64()),
        pa.field("channel", pa.string()),
        pa.field("batch_ord", pa.int32()),
        pa.field("effective_date", pa.date32()),
    ]
)

# Entries that place no receipt. Ids grow from `key`: from content, unique for ever.
BOOKED = pa.schema(
    [
        pa.field("entry_no", pa.int64()),
        pa.field("key", pa.string()),
        pa.field("effective_date", pa.date32()),
    ]
)


AUTOMATIC = "recond"  # who decides where no person does


@dataclass(frozen=True, slots=True)
class Source:
    """Why an entry is made: its kind, the id that its entry ids grow from, and words."""

    kind: str  # file, match, reverse, transfer, accept, snapshot, void
    key: str  # unique for ever: from content, never from clock or chance
    description: str
    file_no: int | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Writes money rows on one connection, inside the caller's transaction."""

    connection: Connection
    chart: Chart
    now: dt.datetime  # posted_at, UTC
    today: dt.date  # the business date
    actor: str

    def next_entry_no(self) -> int:
        """The number of the next entry."""
        last = self.connection.scalar(select(func.max(schema.entry.c.entry_no)))
        return (last or 0) + 1

    def receive(self, receipts: pa.Table) -> None:
        """Write receipts (columns of the `receipt` table): facts, placed nowhere yet."""
        insert_table(self.connection, schema.receipt, receipts)

    def post(self, facts: pa.Table, matched: Matched, source: Source) -> int:
        """Place receipts for the first time.

        `facts` (FACTS) and `matched.decisions` have one row a receipt in the same order of
        receipt_no (`ordinal` in the matched tables); placements sum to each receipt's amount.
        One entry a batch, channel and effective date. Returns the number of entries.
        """
        return self._write(facts, matched, source, versions=None)

    def move(self, facts: pa.Table, matched: Matched, source: Source, versions: pa.Array) -> int:
        """Move cents of receipts that are placed already: `versions` are their new versions,
        the placements of each sum to zero. No money arrives."""
        return self._write(facts, matched, source, versions=versions)

    def _write(
        self, facts: pa.Table, matched: Matched, source: Source, versions: pa.Array | None
    ) -> int:
        if facts.num_rows == 0:
            return 0
        receipts = ints(facts["receipt_no"])
        owner = _rows_of(receipts, ints(matched.placements["ordinal"]))
        expected = ints(facts["amount_cents"]) if versions is None else 0 * receipts
        _prove_placed(receipts, expected, owner, ints(matched.placements["cents"]))
        entry_of, heads = self._entries(facts, source)
        version = pa.repeat(pa.scalar(1, pa.int64()), len(receipts))
        if versions is not None:
            version = versions
        placements = matched.placements.rename_columns(
            {"ordinal": "receipt_no"}
        ).append_column("version", pc.take(version, pa.array(owner)))  # fmt: skip
        tied = adjusting.tied(self.connection, placements, entry_of[owner], self.chart)
        placements = placements.select([n for n in placements.column_names if n != "adjusts"])
        digests = _digests(placements, entry_of[owner], heads["entry_no"].to_pylist())
        heads = heads.append_column("placed_sha256", digests)
        insert_table(self.connection, schema.entry, heads)
        self._insert(facts, matched, entry_of, placements, version)
        self._apply(matched.placements, tied, source)
        adjusting.insert(self.connection, tied)
        moved = _movements(facts, matched.placements, entry_of, owner, arrival=versions is None)
        legs = [
            posting.movement_legs(moved, self.chart), posting.adjustment_legs(tied, self.chart)
        ]  # fmt: skip
        lines = posting.journal(pa.concat_tables(legs))
        insert_table(self.connection, schema.journal_line, lines)
        return int(heads.num_rows)

    def _entries(self, facts: pa.Table, source: Source) -> tuple[npt.NDArray[np.int64], pa.Table]:
        """The entry number of each receipt, and the entry rows."""
        keys = ["batch_ord", "channel", "effective_date"]
        heads = facts.group_by(keys, use_threads=False).aggregate([("receipt_no", "min")])
        heads = heads.sort_by("receipt_no_min")
        first = self.next_entry_no()
        numbers = np.arange(first, first + heads.num_rows)
        dates = heads["effective_date"].cast(pa.string())
        names = [
            f"{source.key}-{batch}-{channel}-{date}"
            for batch, channel, date in zip(
                heads["batch_ord"].to_pylist(),
                heads["channel"].to_pylist(),
                dates.to_pylist(),
                strict=True,
            )
        ]
        table = self._heads(numbers, names, dates, source)
        if heads.num_rows == 1:
            return np.full(facts.num_rows, first, np.int64), table
        numbered = heads.append_column("entry_no", pa.array(numbers)).drop(["receipt_no_min"])
        joined = facts.select(["receipt_no", *keys]).join(numbered, keys).sort_by("receipt_no")
        return ints(joined["entry_no"]), table

    def _heads(
        self,
        numbers: npt.NDArray[np.int64],
        names: list[str],
        dates: pa.ChunkedArray | pa.Array,
        source: Source,
    ) -> pa.Table:
        count = len(numbers)
        constants = {
            "file_no": pa.scalar(source.file_no, pa.int64()),
            "source": pa.scalar(source.kind),
            "business_date": pa.scalar(self.today.isoformat()),
            "posted_at": pa.scalar(instant(self.now)),
            "decided_by": pa.scalar(self.actor),
            "description": pa.scalar(source.description),
        }
        columns = {name: pa.repeat(value, count) for name, value in constants.items()}
        columns["entry_no"] = pa.array(numbers, pa.int64())
        columns["entry_id"] = pa.array([f"E{name}" for name in names], pa.string())
        columns["original_date"] = dates
        columns["effective_date"] = self._open_dates(dates)
        columns["period"] = pc.utf8_slice_codeunits(columns["effective_date"], 0, 7)
        return pa.table(columns)

    def _open_dates(self, dates: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
        """The dates whose month is open, the business date for the others.

        Raises PeriodClosedError when the business date's month is closed as well.
        """
        through = shut_through(self.connection, self.actor, self.today)
        today = self.today.isoformat()
        late = pc.less_equal(pc.utf8_slice_codeunits(dates, 0, 7), through)
        if not pc.any(late).as_py():
            return dates
        if today[:7] <= through:
            raise PeriodClosedError(
                f"{today[:7]} is closed, so nothing can be posted on {today}; reopen the month"
                " with another person, or post on a day of an open one"
            )
        return pc.if_else(late, today, dates)

    def _insert(
        self,
        facts: pa.Table,
        matched: Matched,
        entry_of: npt.NDArray[np.int64],
        placements: pa.Table,
        version: pa.Array,
    ) -> None:
        decisions = matched.decisions
        if not decisions["ordinal"].equals(facts["receipt_no"]):
            raise InvariantError("decisions and receipts are not the same rows")
        insert_table(
            self.connection,
            schema.decision,
            pa.table(
                {
                    "receipt_no": facts["receipt_no"],
                    "version": version,
                    "entry_no": pa.array(entry_of),
                    "account_key": decisions["account_key"],
                    "rule": decisions["rule"],
                    "evidence": decisions["evidence"],
                }
            ),
        )
        insert_table(self.connection, schema.placement, placements)

    def _apply(self, placements: pa.Table, tied: pa.Table, source: Source) -> None:
        """Bring items' open amounts to what the new placements make them; money that comes off
        an item (negative cents) reopens it, but never above the billing system's figure. What
        is `tied` (ADJUSTED) changes what is owed by the cents that are placed."""
        rows = placements.filter(pc.equal(placements["bucket"], ITEM)).select(["item_key", "cents"])
        if rows.num_rows == 0:
            return
        if tied.num_rows:
            owed = tied.select(["item_key", "cents"])
            owed = owed.set_column(1, "cents", pc.negate(owed["cents"]))
            rows = pa.concat_tables([rows, owed])
        sums = rows.group_by("item_key").aggregate([("cents", "sum")]).sort_by("item_key")
        sums = sums.filter(pc.not_equal(sums["cents_sum"], 0))
        # reversals: as many rows as people reverse, never a whole file's
        reopened = {
            row["item_key"]: -row["cents_sum"]
            for row in sums.filter(pc.less(sums["cents_sum"], 0)).to_pylist()
        }
        before = self._open_of(list(reopened))
        try:
            update_items(self.connection, sums["item_key"], sums["cents_sum"])
        except IntegrityError as error:
            raise InvariantError(f"an item would be over-applied: {error.orig}") from error
        after = self._open_of(list(reopened))
        clipped = {key: after[key] - before[key] - cents for key, cents in reopened.items()}
        self._book_clipped({key: cents for key, cents in clipped.items() if cents}, source)

    def _open_of(self, keys: list[int]) -> dict[int, int]:
        balance = schema.item_balance.c
        rows = self.connection.execute(
            select(balance.item_key, balance.open_cents).where(balance.item_key.in_(keys))
        )
        return {row.item_key: row.open_cents for row in rows}

    def _book_clipped(self, clipped: dict[int, int], source: Source) -> None:
        """An item that billing shows as paid does not reopen when recond takes its money off it:
        the receivable that the reversal books goes back to the billing contra."""
        if not clipped:
            return
        item, balance = schema.item.c, schema.item_balance.c
        rows = self.connection.execute(
            select(schema.item, balance.snapshot_cents, balance.pending_cents)
            .select_from(schema.item_and_balance)
            .where(item.item_key.in_(list(clipped)))
            .order_by(item.item_key)
        ).all()
        changes = pa.table(
            {
                "charge_type": pa.array([row.charge_type for row in rows], pa.string()),
                "fund": pa.array([row.fund for row in rows], pa.string()),
                "cents": pa.array([clipped[row.item_key] for row in rows], pa.int64()),
            }
        )
        contra = Source(source.kind, f"{source.key}-contra", "shown as paid", source.file_no)
        number = self.next_entry_no()
        self.post_snapshot(number, changes, contra)
        told = schema.item_version.c.keys()
        kept = [name for name in told if name not in {"entry_no", "change_cents"}]
        past = [
            {"entry_no": number, "change_cents": clipped[row.item_key]}
            | {name: row._mapping[name] for name in kept}
            for row in rows
        ]
        self.connection.execute(insert(schema.item_version), past)

    def post_snapshot(self, entry_no: int, changes: pa.Table, source: Source) -> None:
        """Book what a snapshot changed in open amounts: one entry, `entry_no`, dated today.

        `changes`: `charge_type`, `fund`, `cents` (effective open after − before).
        """
        entries = pa.table(
            {"entry_no": [entry_no], "key": [source.key], "effective_date": [self.today]},
            schema=BOOKED,
        )
        self.book(entries, posting.snapshot_legs(entry_no, changes, self.chart), source)

    def book(self, entries: pa.Table, legs: pa.Table, source: Source) -> None:
        """Write entries that place no receipt: deposits that clear, drawers, fees, write-offs.

        `entries` (BOOKED) are numbered from `next_entry_no()` on; `legs` (posting.LEGS) balance
        inside each fund of each entry, or InvariantError is raised and nothing is written.
        """
        if entries.num_rows == 0:
            return
        heads = self._heads(
            entries["entry_no"].to_numpy(),
            entries["key"].to_pylist(),
            entries["effective_date"].cast(pa.string()),
            source,
        )
        lines = posting.journal(legs)
        insert_table(self.connection, schema.entry, heads)
        insert_table(self.connection, schema.journal_line, lines)


def closed_through(connection: Connection) -> str:
    """The last closed month (`2026-03`); every month before it is closed too; empty: none."""
    change = schema.period_change.c
    last = select(change.closed_through).order_by(change.change_no.desc()).limit(1)
    return connection.scalar(last) or ""


def shut_through(connection: Connection, actor: str, today: dt.date) -> str:
    """The last month that an actor's entries are not dated into: the closed ones, and for what no
    person decides the soft-closed ones before the business date's."""
    through, soft = closed_through(connection), soft_through(connection)
    return soft if actor == AUTOMATIC and through < soft < today.isoformat()[:7] else through


def soft_through(connection: Connection) -> str:
    """The last month into which files and rules date nothing any more; empty: none."""
    change = schema.period_change.c
    last = select(change.soft_through).order_by(change.change_no.desc()).limit(1)
    return connection.scalar(last) or ""


def instant(now: dt.datetime) -> str:
    """An instant as recond writes it: ISO, UTC, to the second, with Z."""
    return now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _digests(placements: pa.Table, entry_of: npt.NDArray[np.int64], entries: list[int]) -> pa.Array:
    """The digest of each entry's placements, for the audit log; rows are in order already."""
    if len(entries) == 1:
        return pa.array([placed_sha256(placements)], pa.string())
    of_rows = pa.array(entry_of)
    parts = [placements.filter(pc.equal(of_rows, number)) for number in entries]
    return pa.array([placed_sha256(part) for part in parts], pa.string())


def _rows_of(
    receipts: npt.NDArray[np.int64], owners: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """For each placement the row of its receipt; both are in ascending order."""
    rows = np.searchsorted(receipts, owners)
    if len(owners) and (
        rows.max(initial=0) >= len(receipts) or not np.array_equal(receipts[rows], owners)
    ):
        raise InvariantError("a placement belongs to no receipt of this posting")
    return rows


def _prove_placed(
    receipts: npt.NDArray[np.int64],
    expected: npt.NDArray[np.int64],
    owner: npt.NDArray[np.int64],
    cents: npt.NDArray[np.int64],
) -> None:
    """Every cent of every receipt is in exactly one place."""
    placed = np.zeros(len(receipts), np.int64)
    np.add.at(placed, owner, cents)
    wrong = np.flatnonzero(placed != expected)
    if len(wrong):
        first = int(wrong[0])
        raise InvariantError(
            f"receipt {receipts[first]}: {expected[first]} cents expected, {placed[first]} placed"
        )


def _movements(
    facts: pa.Table,
    placements: pa.Table,
    entry_of: npt.NDArray[np.int64],
    owner: npt.NDArray[np.int64],
    *,
    arrival: bool,
) -> pa.Table:
    channel = facts["channel"].combine_chunks()
    moved = pa.table(
        {
            "entry_no": pa.array(entry_of[owner]),
            "channel": pc.take(channel, pa.array(owner)),
            "bucket": placements["bucket"],
            "charge_type": placements["charge_type"],
            "fund": placements["fund"],
            "cents": placements["cents"],
        },
        schema=MOVEMENTS,
    )
    if not arrival:
        return moved
    count = facts.num_rows
    arrived = pa.table(
        {
            "entry_no": pa.array(entry_of),
            "channel": channel,
            "bucket": pa.repeat(pa.scalar(ARRIVAL, pa.int32()), count),
            "charge_type": pa.nulls(count, pa.string()),
            "fund": pa.nulls(count, pa.string()),
            "cents": facts["amount_cents"],
        },
        schema=MOVEMENTS,
    )
    return pa.concat_tables([arrived, moved])
