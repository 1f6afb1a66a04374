"""The tamper-evident log (reliability section 3, I6): a chain of hashes over everything that
changes the books or who may change them.

At the end of every transaction `append` adds one event for each new file, entry, decision of a
person, change of a month, limit of what the lines of a bank account may pay, file handed on,
register audit, and change of the settings. An event
names its object and the digest of the object's rows; its hash covers the event before it. A bulk
posting is one event an entry, whose digest covers all its placements (`entry.placed_sha256`).

`verify` makes every digest again from the rows and follows the chain. A head that was noted
outside (`--head`) must be one of its hashes: so a log whose end was cut off is found too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Column, Connection, Table, func, insert, select

from recond.store import schema
from recond.store.engine import fetch_arrow

event = schema.audit_event
GENESIS = "0" * 64
SETTINGS = "settings"
CHUNK = 1000

# Kind, table, key, columns that never change once the row is written.
_FILE = ("taken_no", "file_no", "file_id", "inbox", "name", "sha256", "size", "format_digest",
         "arrived_at", "business_date", "posted_by", "pays_only")  # fmt: skip
_OUTBOX = ("outbox_no", "kind", "file_id", "business_date", "written_at", "written_by", "rows",
           "total_cents", "sha256")  # fmt: skip
KINDS: Mapping[str, tuple[Table, Column[int], tuple[str, ...]]] = {
    "file": (schema.file, schema.file.c.taken_no, _FILE),
    "entry": (schema.entry, schema.entry.c.entry_no, tuple(schema.entry.c.keys())),
    "decision": (schema.decision_made, schema.decision_made.c.decision_no,
                 tuple(schema.decision_made.c.keys())),
    "month": (schema.period_change, schema.period_change.c.change_no,
              tuple(schema.period_change.c.keys())),
    "line_limit": (schema.line_limit, schema.line_limit.c.limit_no,
                   tuple(schema.line_limit.c.keys())),
    "withdrawn": (schema.withdrawn, schema.withdrawn.c.withdrawn_no,
                  tuple(schema.withdrawn.c.keys())),
    "handed_on": (schema.outbox, schema.outbox.c.outbox_no, _OUTBOX),
    "register_audit": (schema.register_audit, schema.register_audit.c.audit_no,
                       tuple(schema.register_audit.c.keys())),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where the log and the books disagree."""

    seq: int | None
    says: str


def logger(settings_digest: str) -> Callable[[Connection], None]:
    """What a store does before each commit: `append` with these settings in force."""

    def before_commit(connection: Connection) -> None:
        append(connection, settings_digest)

    return before_commit


def append(connection: Connection, settings_digest: str) -> None:
    """Add an event for everything that is new since the last one."""
    last = connection.execute(
        select(event.c.seq, event.c.hash).order_by(event.c.seq.desc()).limit(1)
    ).first()
    seq, previous = (last.seq, last.hash) if last else (0, GENESIS)
    known = {kind: _last_object(connection, kind) for kind in (*KINDS, SETTINGS)}
    fresh = [
        (kind, number, digest)
        for kind in KINDS
        for number, digest in _digests(connection, kind, known[kind])
    ]
    in_force = connection.scalar(
        select(event.c.digest).where(event.c.kind == SETTINGS).order_by(event.c.seq.desc()).limit(1)
    )
    if settings_digest != in_force:
        fresh.append((SETTINGS, known[SETTINGS] + 1, settings_digest))
    rows = []
    for kind, number, digest in fresh:
        seq += 1
        own = _hash(previous, seq, kind, number, digest)
        rows.append({"seq": seq, "kind": kind, "object_no": number, "digest": digest,
                     "previous": previous, "hash": own})  # fmt: skip
        previous = own
    if rows:
        connection.execute(insert(event), rows)


def _last_object(connection: Connection, kind: str) -> int:
    last = select(func.max(event.c.object_no)).where(event.c.kind == kind)
    return connection.scalar(last) or 0


def _hash(previous: str, seq: int, kind: str, number: int, digest: str) -> str:
    return sha256(f"{previous}\n{seq}\n{kind}\n{number}\n{digest}\n".encode()).hexdigest()


def _digests(connection: Connection, kind: str, after: int) -> Iterator[tuple[int, str]]:
    """Key and digest of each row of a kind behind a key, in order: as many as people decide,
    files arrive and entries are made, never one a payment."""
    table, key, names = KINDS[kind]
    found = connection.execute(
        select(*(table.c[name] for name in names)).where(key > after).order_by(key)
    ).all()
    lines = _lines(connection, after) if kind == "entry" and found else {}
    for row in found:
        content: list[Any] = [list(row)]
        if kind == "entry":
            content.append(lines.get(row[0], []))
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        yield row[names.index(key.name)], sha256(text.encode()).hexdigest()


def _lines(connection: Connection, after: int) -> dict[int, list[list[Any]]]:
    """The journal lines of the entries behind a number."""
    line = schema.journal_line
    found: dict[int, list[list[Any]]] = {}
    rows = connection.execute(
        select(line).where(line.c.entry_no > after).order_by(line.c.entry_no, line.c.line)
    )
    for row in rows:
        found.setdefault(row.entry_no, []).append(list(row))
    return found


# --- what an entry placed -------------------------------------------------------------------------

PLACED = ("receipt_no", "version", "line", "bucket", "account_key", "item_key", "cents",
          "reverses_version", "reverses_line")  # fmt: skip


def placed_sha256(placements: pa.Table) -> str:
    """The digest of placement rows in the order of their keys: int64 columns, -1 for nothing."""
    digest = sha256()
    for name in PLACED:
        if name in placements.column_names:
            column = pc.fill_null(placements[name].cast(pa.int64()), -1)
        else:
            column = pa.repeat(pa.scalar(-1, pa.int64()), placements.num_rows)
        digest.update(np.ascontiguousarray(column.to_numpy(), dtype="<i8").tobytes())
    return digest.hexdigest()


# --- verifying ------------------------------------------------------------------------------------


def head(connection: Connection) -> str:
    """The hash of the last event."""
    last = select(event.c.hash).order_by(event.c.seq.desc()).limit(1)
    return connection.scalar(last) or GENESIS


def verify(connection: Connection, noted: str | None = None) -> list[Fault]:
    """Every place where the chain is broken, an object differs from its event or has none, and
    where `noted` is no hash of the chain."""
    faults: list[Fault] = []
    previous, hashes = GENESIS, {GENESIS}
    told: dict[str, dict[int, str]] = {kind: {} for kind in (*KINDS, SETTINGS)}
    expected = 0
    for row in connection.execute(select(event).order_by(event.c.seq)):
        expected += 1
        own = _hash(row.previous, row.seq, row.kind, row.object_no, row.digest)
        if row.seq != expected or row.previous != previous or row.hash != own:
            faults.append(Fault(row.seq, "the chain is broken here"))
            expected = row.seq
        previous = row.hash
        hashes.add(row.hash)
        told.setdefault(row.kind, {})[row.object_no] = row.digest
    for kind, (_, key, _) in KINDS.items():
        faults += _compared(connection, kind, told[kind])
        nameless = connection.scalar(select(func.count()).where(key.is_(None))) or 0
        faults += [Fault(None, f"{nameless} rows of {kind} have no event")] * bool(nameless)
    faults += _placements(connection)
    if noted is not None and noted not in hashes:
        faults.append(Fault(None, f"the noted head {noted} is no hash of this log: it was cut"))
    return faults


def _compared(connection: Connection, kind: str, told: dict[int, str]) -> list[Fault]:
    found = dict(_digests(connection, kind, 0))
    faults = []
    for number in sorted(found | told):
        if number not in told:
            faults.append(Fault(None, f"{kind} {number} has no event"))
        elif number not in found:
            faults.append(Fault(None, f"{kind} {number} is gone"))
        elif found[number] != told[number]:
            faults.append(Fault(None, f"{kind} {number} was changed"))
    return faults


def _placements(connection: Connection) -> list[Fault]:
    """Entries whose placements are not those that they were made with."""
    entry, decision, placement = schema.entry, schema.decision, schema.placement
    faults = []
    shape = pa.schema([(name, pa.int64()) for name in PLACED])
    kept = connection.execute(
        select(entry.c.entry_no, entry.c.entry_id, entry.c.placed_sha256)
        .where(entry.c.placed_sha256.is_not(None))
        .order_by(entry.c.entry_no)
    ).all()
    wanted = (
        select(decision.c.entry_no, *(placement.c[name] for name in PLACED))
        .join(placement, (placement.c.receipt_no == decision.c.receipt_no)
              & (placement.c.version == decision.c.version))
        .order_by(decision.c.entry_no, placement.c.receipt_no, placement.c.version,
                  placement.c.line)
    )  # fmt: skip
    everything = pa.schema([("entry_no", pa.int64()), *shape])
    for start in range(0, len(kept), CHUNK):
        part = kept[start : start + CHUNK]
        inside = decision.c.entry_no.between(part[0].entry_no, part[-1].entry_no)
        rows = fetch_arrow(connection, wanted.where(inside), everything).combine_chunks()
        owners = rows["entry_no"].to_numpy()
        for row in part:
            first = int(np.searchsorted(owners, row.entry_no, "left"))
            after = int(np.searchsorted(owners, row.entry_no, "right"))
            if placed_sha256(rows.slice(first, after - first)) != row.placed_sha256:
                faults.append(Fault(None, f"placements of entry {row.entry_id} were changed"))
    return faults
