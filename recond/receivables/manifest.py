"""Whether a file of the billing system is believed: its manifest, the last one, what is plausible
(contract section 4, domain section 4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, select

from recond.matching.policy import ChargeType
from recond.model import Problem
from recond.money import format_cents
from recond.sections import Receivables
from recond.store import schema


class Manifest(BaseModel):
    """`NAME.manifest.json`: what the billing system says of the file NAME."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    source: str | None = None
    snapshot: str | None = None
    mode: str = "full"
    as_of: str | None = None
    previous_snapshot: str | None = None
    rows: int | None = None
    open_cents: int | None = None
    last_posting_id: str | None = None


def read_manifest(content: bytes) -> Manifest | Problem:
    """A manifest, or the problem that it has."""
    try:
        manifest = Manifest.model_validate(json.loads(content))
    except (ValueError, ValidationError) as error:
        first = str(error).split("\n", 1)[0]
        return Problem("MANIFEST_WRONG", f"the manifest cannot be read: {first}", line=1)
    if manifest.mode not in {"full", "delta"}:
        return Problem("MANIFEST_WRONG", f"mode {manifest.mode!r} is neither full nor delta")
    return manifest


@dataclass(frozen=True, slots=True)
class Last:
    """The last snapshot that was loaded, and the last full one."""

    snapshot: str | None
    rows: int
    accounts: int
    open_cents: int


def last_snapshot(connection: Connection, *, full: bool) -> Last | None:
    """The latest snapshot (by arrival), or the latest full one."""
    snapshot = schema.snapshot.c
    wanted = select(snapshot.snapshot, snapshot.rows, snapshot.accounts, snapshot.open_cents)
    if full:
        wanted = wanted.where(snapshot.mode == "full")
    row = connection.execute(wanted.order_by(snapshot.file_no.desc()).limit(1)).first()
    return Last(*row) if row else None


def judge(
    connection: Connection,
    rows: pa.Table,
    manifest: Manifest | None,
    limits: Receivables,
    charge_types: Sequence[ChargeType],
) -> list[Problem]:
    """Everything that keeps a receivables file (RECEIVABLES) from being loaded."""
    return [
        *_unknown_charge_types(rows, charge_types),
        *_against_manifest(connection, rows, manifest),
        *_implausible(connection, rows, manifest, limits),
    ]


def _unknown_charge_types(rows: pa.Table, charge_types: Sequence[ChargeType]) -> list[Problem]:
    known = pa.array([charge.code for charge in charge_types], pa.string())
    wrong = rows.filter(pc.invert(pc.is_in(rows["charge_type"], value_set=known)))
    return [
        Problem(
            "CHARGE_TYPE_UNKNOWN",
            f"charge type {row['charge_type']!r} is not in recond.toml:"
            " add a [[charge_type]] for it, then accept the file, which reads it again",
            line=row["line"],
            byte_offset=row["byte_offset"],
            field="charge_type",
        )
        for row in wrong.slice(0, 100).select(["charge_type", "line", "byte_offset"]).to_pylist()
    ]


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)


def _against_manifest(
    connection: Connection, rows: pa.Table, manifest: Manifest | None
) -> list[Problem]:
    if manifest is None:
        return []
    problems = []
    found = _sum(rows["open_cents"])
    if manifest.rows is not None and manifest.rows != rows.num_rows:
        problems.append(f"the manifest declares {manifest.rows} rows, the file has {rows.num_rows}")
    if manifest.open_cents is not None and manifest.open_cents != found:
        declared = format_cents(manifest.open_cents)
        problems.append(
            f"the manifest declares {declared} open, the file has {format_cents(found)}"
        )
    result = [Problem("SNAPSHOT_TOTAL_WRONG", sentence) for sentence in problems]
    last = last_snapshot(connection, full=False)
    follows = manifest.previous_snapshot
    first = last is None and manifest.mode == "full"  # a new home begins with any full snapshot
    if follows is not None and not first and (last is None or last.snapshot != follows):
        here = last.snapshot if last else None
        result.append(
            Problem(
                "SNAPSHOT_SEQUENCE",
                f"the file follows snapshot {follows}, the last one here is {here}:"
                " drop the missing one first, or a full snapshot",
            )
        )
    return result


def _implausible(
    connection: Connection, rows: pa.Table, manifest: Manifest | None, limits: Receivables
) -> list[Problem]:
    if manifest is not None and manifest.mode == "delta":
        return []
    last = last_snapshot(connection, full=True)
    if last is None:
        return []
    problems = []
    accounts = len(pc.unique(rows["account_number"]))
    if accounts * 100 < last.accounts * (100 - limits.accounts_fall_percent):
        problems.append(f"the last file had {last.accounts} accounts, this one has {accounts}")
    found = _sum(rows["open_cents"])
    if abs(found - last.open_cents) * 100 > abs(last.open_cents) * limits.open_move_percent:
        was, now = format_cents(last.open_cents), format_cents(found)
        problems.append(f"the last file had {was} open, this one has {now}")
    hint = "accept it with a reason if the billing system confirms it"
    return [Problem("SNAPSHOT_IMPLAUSIBLE", f"{sentence}: {hint}") for sentence in problems]
