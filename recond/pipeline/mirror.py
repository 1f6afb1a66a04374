"""Files of the billing system: accounts, receivables, and the manifests that vouch for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from recond.exceptions.desk import Question
from recond.intake.containers import slice_of
from recond.ledger import Source
from recond.model import TABLES, Problem
from recond.money import format_cents
from recond.pipeline.reading import Reading
from recond.pipeline.rebilled import to_credit
from recond.pipeline.run import Run
from recond.receivables import history
from recond.receivables.accounts import load_accounts
from recond.receivables.containment import NOTHING, contained
from recond.receivables.drift import Drifted
from recond.receivables.items import load_items
from recond.receivables.manifest import Manifest, judge, read_manifest
from recond.store import schema

if TYPE_CHECKING:
    from recond.pipeline.recognition import Arrived

__all__ = ["KINDS", "Manifest", "believe", "load", "manifests_seen"]

KINDS = ("manifest", "accounts", "receivables")
STATUSES = ("active", "final", "closed", "collections", "bankruptcy")
SUFFIX = ".manifest.json"

file = schema.file


def believe(
    connection: Connection, run: Run, kind: str | None, arrived: Arrived, reading: Reading
) -> tuple[Manifest | None, list[Problem]]:
    """The manifest of a billing file, and every reason not to believe the file."""
    if kind == "manifest":
        found = _read(arrived)
        return (None, [found]) if isinstance(found, Problem) else (found, [])
    if kind not in KINDS:
        return None, []
    manifest = _manifest_of(connection, run, arrived)
    if isinstance(manifest, Problem):
        return None, [manifest]
    if manifest is None and _wanted(connection, run, kind):
        words = f"no {arrived.name}{SUFFIX} came before the file; drop it, or accept without one"
        return None, [Problem("MANIFEST_MISSING", words)]
    if kind == "accounts":
        return manifest, _unknown_statuses(_rows(reading, "accounts"))
    if reading.errors("FILE"):
        return manifest, []
    rows = _rows(reading, "receivables")
    limits = run.home.settings.receivables
    return manifest, judge(connection, rows, manifest, limits, run.rules.charge_types)


def _read(arrived: Arrived) -> Manifest | Problem:
    with arrived.open() as source:
        return read_manifest(source.read(1 << 20))


def manifests_seen(connection: Connection) -> bool:
    """Whether a manifest has ever come: from then on receivables wait for theirs."""
    return (
        connection.scalar(select(file.c.file_no).where(file.c.kind == "manifest").limit(1))
        is not None
    )


def _wanted(connection: Connection, run: Run, kind: str) -> bool:
    required = run.home.settings.receivables.manifest == "required"
    return kind == "receivables" and (required or manifests_seen(connection))


def manifest_names(name: str) -> tuple[str, ...]:
    """What the manifest of a file may be called: `open.csv.manifest.json`, or the file's name
    without its ending, `open.manifest.json` (contract section 4: NAME.manifest.json)."""
    stem, dot, _ = name.rpartition(".")
    return (name + SUFFIX, *([stem + SUFFIX] if dot and stem else []))


def _manifest_hash(connection: Connection, name: str, before: int | None = None) -> str | None:
    """The SHA-256 of the manifest that came since the last file of this name."""
    earlier = select(func.coalesce(func.max(file.c.file_no), 0)).where(
        file.c.name == name, file.c.kind.in_(KINDS)
    )
    if before is not None:
        earlier = earlier.where(file.c.file_no < before)
    return connection.scalar(
        select(file.c.sha256)
        .where(
            file.c.name.in_(manifest_names(name)),
            file.c.kind == "manifest",
            file.c.state.in_(["accepted", "duplicate"]),
            file.c.file_no > earlier.scalar_subquery(),
        )
        .order_by(file.c.file_no.desc())
        .limit(1)
    )


def lacks_manifest(connection: Connection, name: str) -> bool:
    """Whether no manifest came since the last file of this name."""
    return _manifest_hash(connection, name) is None


def _manifest_of(connection: Connection, run: Run, arrived: Arrived) -> Manifest | Problem | None:
    sha256 = _manifest_hash(connection, arrived.name, arrived.file_no)
    return None if sha256 is None else read_manifest(slice_of(run.archived(sha256), 0, 1 << 20))


def _rows(reading: Reading, name: str) -> pa.Table:
    """All rows of a billing file: a snapshot is swapped as one, so it stands in memory as one."""
    return pa.concat_tables(
        [TABLES[name].empty_table(), *(chunk.table(name) for chunk in reading.chunks())]
    )


def _unknown_statuses(rows: pa.Table) -> list[Problem]:
    known = pc.is_in(rows["status"], value_set=pa.array(STATUSES))
    wrong = rows.filter(pc.and_(pc.is_valid(rows["status"]), pc.invert(known)))
    return [
        Problem(
            "ACCOUNT_STATUS_UNKNOWN",
            f"status {row['status']!r} is none of {', '.join(STATUSES)}",
            line=row["line"],
            byte_offset=row["byte_offset"],
            field="status",
        )
        for row in wrong.slice(0, 100).select(["status", "line", "byte_offset"]).to_pylist()
    ]


def load(
    connection: Connection,
    run: Run,
    kind: str,
    arrived: Arrived,
    file_id: str,
    reading: Reading,
    manifest: Manifest | None,
) -> tuple[str, list[Question]]:
    """Swap the mirror; returns the file's message and the questions that the swap raises."""
    if kind == "manifest":
        return f"vouches for {arrived.name.removesuffix(SUFFIX)}", []
    full = manifest is not None and manifest.mode == "full"
    if kind == "accounts":
        rows = _rows(reading, "accounts")
        entry_no = run.ledger(connection).next_entry_no()
        load_accounts(connection, rows, full=full, entry_no=entry_no)
        day = run.today.isoformat()
        history.record_accounts(connection, day, arrived.file_no, every=True)
        return f"{rows.num_rows} accounts", []
    source = Source("snapshot", file_id[1:], arrived.name, arrived.file_no)
    rows = _rows(reading, "receivables")
    contains = contained(connection, manifest, run.home.settings.acknowledgements)
    loaded = load_items(
        connection, rows, manifest, run.rules.charge_types, run.ledger(connection), source,
        contains or NOTHING,
        owners=any(policy.prior_owner == "leave" for policy in run.rules.policies),
    )  # fmt: skip
    history.record_accounts(connection, run.today.isoformat(), arrived.file_no, every=False)
    to_credit(connection, run, loaded.rebilled, arrived.name)
    questions = [_drifted(one, arrived) for one in loaded.drifted]
    if contains is None and manifest is not None:
        words = (
            f"{arrived.name}: its manifest names {manifest.last_posting_id} as the last posting"
            " that it contains, which stands in no posting file of recond; every posting counts"
            " as pending"
        )
        questions.append(Question("POSTING_UNKNOWN", file_id, words, file_no=arrived.file_no))
    message = (
        f"{loaded.rows} open items of {loaded.accounts} accounts,"
        f" {format_cents(loaded.open_cents)} open"
    )
    if loaded.below_zero_cents <= 0:
        return message, questions
    words = (
        f"{arrived.name}: recond has posted {format_cents(loaded.below_zero_cents)} more on its"
        " items than the billing system shows as open; these are shown as zero until a snapshot"
        " says which postings it contains"
    )
    question = Question(
        "OPEN_BELOW_ZERO", file_id, words, loaded.below_zero_cents, file_no=arrived.file_no
    )
    return message, [*questions, question]


def _drifted(one: Drifted, arrived: Arrived) -> Question:
    words = (
        f"{arrived.name} is the second snapshot that shows item {one.item_number} of account"
        f" {one.account_number} with more open than acknowledged postings leave"
        f" ({format_cents(one.expected_cents)}); the postings may be missing in billing"
    )
    subject = f"{one.account_number}/{one.item_number}"
    return Question(
        "SNAPSHOT_DRIFT", subject, words, one.excess_cents, file_no=arrived.file_no,
        account_key=one.account_key,
    )  # fmt: skip
