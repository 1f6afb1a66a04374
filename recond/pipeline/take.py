"""What one archived file does to the books, inside one transaction.

A recognised file is parsed and judged; then its effect is written by its kind, or it is held
with its reason. Nothing here touches the inbox or the archive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, insert, select, update

from recond import ids
from recond.exceptions.codes import CODES
from recond.exceptions.desk import Question
from recond.ledger import instant
from recond.model import BATCHES, MONEY_KINDS, PAYMENT_KINDS, Problem, Transmission
from recond.money import format_cents
from recond.pipeline import acks, deposits, duplicates, mirror, own, sources, statements, voids
from recond.pipeline.file_questions import batch_questions, cite, file_questions
from recond.pipeline.payments import Arrival, Tally, take_payments
from recond.pipeline.reading import Reading, read
from recond.pipeline.recognition import Arrived, Recognised
from recond.pipeline.run import Run
from recond.pipeline.statement_lines import keep_lines
from recond.store import schema
from recond.store.engine import insert_table


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of a file, and the problems that it has."""

    file_id: str
    state: str
    message: str
    problems: tuple[Problem, ...] = ()
    questions: tuple[Question, ...] = ()


def take(connection: Connection, run: Run, recognised: Recognised, *, anew: bool = False) -> Effect:
    """Write all that a file does: its row, its problems, its effect and its questions.

    The same bytes are taken once; `anew` is for bytes whose earlier reading has been rejected.
    """
    arrived = recognised.arrived
    earlier = duplicates.same_bytes(connection, arrived.sha256) if arrived.sha256 else None
    if earlier is not None and not anew:
        return _take_duplicate(connection, run, recognised, earlier)
    reading = _read(run, recognised)
    found = [*reading.problems]
    if any(one.code == "NOT_YET_HANDLED" for one in found):
        left = own.waits(reading, run.home.settings.ach.company_ids)
        found = [one for one in found if one.code != "NOT_YET_HANDLED" or one.batch_ord in left]
    found += duplicates.resent(connection, reading.transmission)
    found += duplicates.repeated_batches(connection, reading)
    found += duplicates.repeated_box_days(connection, reading)
    manifest, doubts = mirror.believe(connection, run, recognised.kind, arrived, reading)
    reading = replace(reading, problems=(*found, *doubts))
    file_id = ids.new_file_id(connection, arrived.sha256, anew=anew)
    _insert_file(connection, run, recognised, reading.transmission, file_id)
    _insert_batches(connection, arrived.file_no, reading)
    if reading.errors("FILE"):
        effect = _hold(connection, run, recognised, reading, file_id)
    else:
        effect = _write(connection, run, recognised, reading, file_id, manifest)
    _finish(connection, run, arrived, effect)
    return effect


def _read(run: Run, recognised: Recognised) -> Reading:
    if recognised.fmt is None:
        problems = () if recognised.problem is None else (recognised.problem,)
        return Reading(problems, Transmission(), BATCHES.empty_table(), lambda: iter(()))
    found = read(
        recognised.arrived.open, recognised.fmt, run.hash_key, run.chunk_receipts(), run.today
    )
    if recognised.problem is None:
        return found
    return replace(found, problems=(*found.problems, recognised.problem))


def _insert_file(
    connection: Connection,
    run: Run,
    recognised: Recognised,
    transmission: Transmission,
    file_id: str,
    duplicate_of: int | None = None,
) -> None:
    arrived, fmt = recognised.arrived, recognised.fmt
    settings = run.home.settings
    source = settings.source_of(arrived.inbox, fmt.name if fmt else None, arrived.name)
    pays_only = ";".join(source.pays_only) or None
    connection.execute(
        insert(schema.file),
        [
            {
                "file_no": arrived.file_no,
                "file_id": file_id,
                "inbox": arrived.inbox,
                "name": arrived.name,
                "sha256": arrived.sha256,
                "size": arrived.size,
                "format": fmt.name if fmt else recognised.kind,
                "format_digest": fmt.digest if fmt else None,
                "kind": recognised.kind,
                "arrived_at": instant(run.clock()),
                "business_date": run.today.isoformat(),
                "period": run.cutoff(connection).month(run.today.isoformat()),
                "posted_by": source.posted_by,
                "pays_only": pays_only if recognised.kind in MONEY_KINDS else None,
                "state": "held",
                "declared_count": transmission.declared_count,
                "declared_cents": transmission.declared_cents,
                "found_count": transmission.found_count,
                "found_cents": transmission.found_cents,
                "message": "",
                "transmission": transmission.identity,
                "detail_digest": transmission.detail_digest,
                "duplicate_of": duplicate_of,
                "taken_no": (connection.scalar(select(func.max(schema.file.c.taken_no))) or 0) + 1,
            }
        ],
    )


def _insert_batches(connection: Connection, file_no: int, reading: Reading) -> None:
    wrong = pa.array(sorted(reading.held_batches), pa.int32())
    held = pc.is_in(reading.batches["batch_ord"], value_set=wrong)
    state = pc.if_else(held, "held", "accepted")
    table = reading.batches.append_column("state", state)
    insert_table(connection, schema.batch, table, constants={"file_no": file_no})


def _take_duplicate(
    connection: Connection, run: Run, recognised: Recognised, earlier: duplicates.Earlier
) -> Effect:
    """The same bytes again: a row of its own, no effect, no question (contract section 4)."""
    arrived = recognised.arrived
    file_id = ids.new_file_id(connection, arrived.sha256)
    _insert_file(connection, run, recognised, Transmission(), file_id, earlier.file_no)
    message = (
        f"the same bytes as {earlier.name} ({earlier.file_id}), which came"
        f" {earlier.arrived_at}; no effect"
    )
    effect = Effect(file_id, "duplicate", message)
    _finish(connection, run, arrived, effect)
    return effect


def _hold(
    connection: Connection, run: Run, recognised: Recognised, reading: Reading, file_id: str
) -> Effect:
    """The whole file waits: its receipts are listed, nothing posts, one question asks."""
    arrived = recognised.arrived
    tally = Tally()
    if recognised.kind in PAYMENT_KINDS:
        held = Arrival(arrived.file_no, file_id, arrived.name, held=True, held_batches=frozenset())
        tally = take_payments(connection, run, held, reading)
    errors = reading.errors("FILE")
    message = cite(errors)
    cents = reading.transmission.found_cents
    question = Question(
        errors[0].code, file_id, f"{arrived.name}: {message}", cents, file_no=arrived.file_no
    )
    if tally.held:
        message = f"{message} ({tally.held} receipts held)"
    return Effect(file_id, "held", message, reading.problems, (question,))


def _write(
    connection: Connection,
    run: Run,
    recognised: Recognised,
    reading: Reading,
    file_id: str,
    manifest: mirror.Manifest | None,
) -> Effect:
    """The effect of a file that is believed, but for single batches and records."""
    arrived = recognised.arrived
    questions: list[Question] = []
    listed: list[Problem] = []  # asked about once for all of them
    if recognised.kind in PAYMENT_KINDS:
        message = _write_payments(connection, run, arrived, reading, file_id)
    elif recognised.kind in mirror.KINDS:
        message, questions = mirror.load(
            connection, run, recognised.kind, arrived, file_id, reading, manifest
        )
    elif recognised.kind == "acks":
        message, listed, questions = acks.take_acks(connection, run, arrived, file_id, reading)
    else:
        message, questions = write_records(connection, run, arrived.file_no, file_id, reading)
    questions += batch_questions(arrived, file_id, reading)
    questions += file_questions(arrived, file_id, reading)
    state = "partly_held" if reading.held_batches else "accepted"
    return Effect(file_id, state, message, (*reading.problems, *listed), tuple(questions))


def _write_payments(
    connection: Connection, run: Run, arrived: Arrived, reading: Reading, file_id: str
) -> str:
    arrival = Arrival(
        arrived.file_no, file_id, arrived.name, held=False, held_batches=reading.held_batches
    )
    tally = take_payments(connection, run, arrival, reading)
    deposits.note_batches(connection, arrived.file_no)
    voided = voids.take_voids(connection, run, arrived.file_no, file_id, arrived.name)
    return _words(tally, voided)


def _words(tally: Tally, voided: int) -> str:
    parts = [f"{tally.posted} receipts, {format_cents(tally.posted_cents)}"]
    if tally.advices:
        told = (
            f"{tally.advices} remittance advices of {format_cents(tally.advised_cents)},"
            f" {tally.explained} of them for payments that are there; the others wait for theirs"
        )
        parts = [*parts, told] if tally.posted else [told]
    if tally.suspense:
        parts.append(f"{tally.suspense} in suspense, {format_cents(tally.suspense_cents)}")
    for count, words in (
        (tally.held, "held"),
        (tally.future, "waiting for their day"),
        (tally.skipped, "seen before and skipped"),
        (voided, "voided"),
    ):
        if count:
            parts.append(f"{count} {words}")
    return "; ".join(parts)


_RECORDS = {
    "bank_balances": schema.bank_balance,
    "drawer_closes": schema.drawer_close,
    "image_deposits": schema.image_deposit,
}


def write_records(
    connection: Connection,
    run: Run,
    file_no: int,
    file_id: str,
    reading: Reading,
    repeated: pa.Array | None = None,
) -> tuple[str, list[Question]]:
    """Bank lines, balances and drawer closes: kept as they are, until their room takes them.
    `repeated`: ordinals of bank lines that stand already, of the statement that this corrects.

    Returns what was kept, in words, and the questions about lines that contradict known ones.
    """
    counts = dict.fromkeys(("bank_lines", *_RECORDS), 0)
    skipped = 0
    questions: list[Question] = []
    cutoff = run.cutoff(connection)
    for chunk in reading.chunks():
        told = chunk.table("bank_lines")
        sources.note_limits(connection, run, file_no, told)
        lines = keep_lines(connection, cutoff, file_no, file_id, told, repeated)
        counts["bank_lines"] += lines.kept
        skipped += lines.skipped
        questions += lines.questions
        for name, table in _RECORDS.items():
            rows = chunk.table(name)
            counts[name] += insert_table(connection, table, rows, constants={"file_no": file_no})
    if counts["bank_lines"] or counts["bank_balances"]:
        statements.keep(connection, file_no)
    words = [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    if skipped:
        words.append(f"{skipped} bank lines seen before and skipped")
    return ", ".join(words) or "no activity", questions


def _finish(connection: Connection, run: Run, arrived: Arrived, effect: Effect) -> None:
    file = schema.file
    connection.execute(
        update(file)
        .where(file.c.file_no == arrived.file_no)
        .values(state=effect.state, message=effect.message)
    )
    rows = [
        {
            "problem_no": number,
            "code": problem.code,
            "severity": CODES[problem.code].severity,
            "scope": CODES[problem.code].scope,
            "batch_ord": problem.batch_ord,
            "ordinal": problem.ordinal,
            "line": problem.line,
            "byte_offset": problem.byte_offset,
            "field": problem.field,
            "message": problem.message,
        }
        for number, problem in enumerate(effect.problems, 1)
    ]
    if rows:
        table = pa.Table.from_pylist(rows, schema=_PROBLEMS)
        insert_table(connection, schema.problem, table, constants={"file_no": arrived.file_no})
    run.desk(connection).open(effect.questions)


_PROBLEMS = pa.schema(
    [
        pa.field("problem_no", pa.int64()),
        pa.field("code", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("scope", pa.string()),
        pa.field("batch_ord", pa.int64()),
        pa.field("ordinal", pa.int64()),
        pa.field("line", pa.int64()),
        pa.field("byte_offset", pa.int64()),
        pa.field("field", pa.string()),
        pa.field("message", pa.string()),
    ]
)
