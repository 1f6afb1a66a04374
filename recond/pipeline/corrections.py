"""What people decide about files and applications: always new entries, never edits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Row, func, select, update

from recond import ids, intake
from recond.errors import RefusedError, UsageError
from recond.exceptions.codes import CODES
from recond.exceptions.desk import Question
from recond.intake.containers import open_unpacked
from recond.model import ITEM, PAYMENT_KINDS, SET_ASIDE, SUSPENSE, Transmission
from recond.money import format_cents
from recond.pipeline import acks, advices, deposits, mirror, moves, numbered, restated, voids
from recond.pipeline.file_questions import batch_questions, file_questions
from recond.pipeline.moves import Move, Stand
from recond.pipeline.payments import Arrival, put_off
from recond.pipeline.reading import Reading, read
from recond.pipeline.recognition import Arrived, recognise
from recond.pipeline.rematch import place_stored, stored_receipts
from recond.pipeline.run import Run
from recond.pipeline.take import take, write_records
from recond.store import past, schema
from recond.store.engine import fetch_arrow

file, batch, receipt, problem = schema.file, schema.batch, schema.receipt, schema.problem
TOTALS = frozenset(
    {"FILE_TOTAL_WRONG", "FILE_COUNT_WRONG", "FILE_HASH_WRONG", "BATCH_TOTAL_WRONG",
     "BATCH_COUNT_WRONG", "BATCH_HASH_WRONG", "SNAPSHOT_TOTAL_WRONG", "BALANCE_WRONG",
     "DEPOSIT_TOTAL_WRONG", "DEPOSIT_COUNT_WRONG"}
)  # fmt: skip
FileRow = Row[tuple[object, ...]]


def reverse(connection: Connection, run: Run, application_id: str, reason: str) -> str:
    """Take one application back: its cents go to suspense, its item opens again, a question asks.

    Returns a sentence. Raises UsageError for an unknown id, RefusedError when it is reversed
    already or is itself a reversal.
    """
    key = ids.parse_application(connection, application_id)
    if key is None:
        raise UsageError(f"there is no application {application_id}")
    owner = moves.standing(connection, [key.receipt_no])[key.receipt_no]
    stand = next((s for s in owner.stands if (s.version, s.line) == (key.version, key.line)), None)
    if stand is None or stand.bucket != ITEM:
        raise RefusedError(f"{application_id} does not stand any more: it was reversed before")
    move = Move(key.receipt_no, "reversed", reason, [stand], [Stand(SUSPENSE, stand.cents)], None)
    moves.write(connection, run, [move], "reverse", reason)
    file_no = key.receipt_no >> schema.ORDINAL_BITS
    name = ids.files_of(connection, {file_no})[file_no]
    receipt_id = ids.receipt_id(name, key.receipt_no & ((1 << schema.ORDINAL_BITS) - 1))
    cents = format_cents(stand.cents)
    question = Question(
        "REVERSED",
        receipt_id,
        f"{application_id} over {cents} was reversed by {run.actor}: {reason}",
        stand.cents,
        file_no=file_no,
        receipt_no=key.receipt_no,
        account_key=stand.account_key,
    )
    run.desk(connection).open([question])
    return f"{application_id} reversed: {cents} of {receipt_id} now in suspense"


def find_file(connection: Connection, file_id: str) -> FileRow:
    """The row of a file. Raises UsageError when there is none."""
    row = connection.execute(select(file).where(file.c.file_id == file_id)).first()
    if row is None:
        raise UsageError(f"there is no file {file_id}")
    return row


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held: a whole file, or one batch of it."""

    row: FileRow
    batch_ord: int | None


def accept(
    connection: Connection,
    run: Run,
    file_id: str,
    batch_label: str | None,
    reason: str,
    *,
    replace: bool = False,
) -> str:
    """Post a held file or batch as found; a difference from its totals stays a question.

    With `replace` the receipts of the file that it corrects leave the books in the same
    transaction. A whole file that could not be read is read again, as what formats and settings
    say today. Raises RefusedError when nothing is held there or it cannot be read.
    """
    held = _held(connection, file_id, batch_label)
    row = held.row
    reading = _read_again(run, row)
    errors = _errors(connection, held)
    unreadable = [code for code in errors if "accept" not in CODES[code].answers]
    if unreadable:
        refused = f"{file_id} cannot be accepted ({', '.join(unreadable)}); it can only be rejected"
        whole = row.state == "held" and batch_label is None and not replace
        if not whole or not run.archived(row.sha256).is_file():
            raise RefusedError(refused)
        return _take_anew(connection, run, row, reason, refused)
    replaced = _replace(connection, run, row, reading, reason) if replace else Replaced()
    desk = run.desk(connection)
    asked = desk.open_of_file(row.file_no, held.batch_ord)  # before anything else is asked
    batches = _batches(connection, held)
    done = _post(connection, run, held, reading, replaced.repeated)
    if row.state == "held" and reading is not None:
        arrived = _arrived(run, row)
        desk.open(file_questions(arrived, row.file_id, reading))
        desk.open(batch_questions(arrived, row.file_id, reading, ("question",)))
    _set_state(connection, run, held, "accepted")
    done += _beside_receipts(connection, run, held, batches)
    _answer(connection, run, held, (asked, errors), reason)
    return f"{file_id} accepted as found: {done}{replaced.words}"


def _take_anew(connection: Connection, run: Run, row: FileRow, reason: str, refused: str) -> str:
    """Reject a file that could not be read and take its bytes as a new arrival.

    The first reading stays as it was told: its problems, and receipts that it listed as held. A
    new arrival has its own number, so nothing of either is changed or counted twice. Raises
    RefusedError when it would be held again.
    """
    number = connection.scalar(select(func.max(file.c.file_no))) or 0
    anew = dataclasses.replace(
        _arrived(run, row), file_no=intake.next_number(run.home.path, number)
    )
    reject(connection, run, row.file_id, f"read again: {reason}")
    effect = take(connection, run, recognise(run, anew), anew=True)
    if effect.state == "held":
        raise RefusedError(f"{refused}. Read again today it says {effect.message}")
    return f"{row.file_id} read again as {effect.file_id}: {effect.message}"


def _held(connection: Connection, file_id: str, batch_label: str | None) -> _Held:
    row = find_file(connection, file_id)
    if row.state not in {"held", "partly_held"}:
        raise RefusedError(f"{file_id} is {row.state}; only what is held can be decided")
    if batch_label is None:
        return _Held(row, None)
    found = connection.execute(
        select(batch.c.batch_ord, batch.c.state).where(
            batch.c.file_no == row.file_no, batch.c.batch == batch_label
        )
    ).all()
    waiting = [one.batch_ord for one in found if one.state == "held"]
    if not waiting:
        raise RefusedError(f"{file_id} has no held batch {batch_label}")
    return _Held(row, waiting[0])


def _errors(connection: Connection, held: _Held) -> list[str]:
    """The codes that hold it."""
    scope = "FILE" if held.row.state == "held" else "BATCH"
    wanted = select(problem.c.code).where(
        problem.c.file_no == held.row.file_no,
        problem.c.severity == "error",
        problem.c.scope == scope,
    )
    if held.batch_ord is not None:
        wanted = wanted.where(problem.c.batch_ord == held.batch_ord)
    return sorted(set(connection.scalars(wanted)))


def _read_again(run: Run, row: FileRow) -> Reading | None:
    fmt = run.formats.get(row.format or "")
    if fmt is None:
        return None
    path = run.archived(row.sha256)
    return read(lambda: open_unpacked(path), fmt, run.hash_key, 1 << 62)


def _receipts(held: _Held) -> list[object]:
    """The conditions of the receipts that are held there: neither placed nor waiting for their
    day."""
    row = held.row
    known = [
        ~select(table.c.receipt_no).where(table.c.receipt_no == receipt.c.receipt_no).exists()
        for table in (schema.decision, schema.future_receipt)
    ]
    low, high = schema.receipt_key(row.file_no, 0), schema.receipt_key(row.file_no + 1, 0) - 1
    conditions: list[object] = [receipt.c.receipt_no.between(low, high), *known]
    if held.batch_ord is not None:
        conditions.append(receipt.c.batch_ord == held.batch_ord)
    return conditions


def _post(
    connection: Connection,
    run: Run,
    held: _Held,
    reading: Reading | None,
    repeated: pa.Array | None,
) -> str:
    row = held.row
    if row.kind in mirror.KINDS:
        return _load(connection, run, row, reading)
    if row.kind == "acks" and reading is not None:
        arrived = _arrived(run, row)
        message, _, questions = acks.take_acks(connection, run, arrived, row.file_id, reading)
        run.desk(connection).open(questions)
        return message
    if row.kind not in PAYMENT_KINDS:
        if reading is None:
            return "nothing"
        done, questions = write_records(
            connection, run, row.file_no, row.file_id, reading, repeated
        )
        run.desk(connection).open(questions)
        return done
    tied = advices.believe(connection, row.file_no, held.batch_ord, "waiting")
    dated = select(receipt.c.receipt_no).where(
        *_receipts(held),  # type: ignore[arg-type]
        receipt.c.received_date.is_not(None),
    )
    keys = pa.array(list(connection.scalars(dated.order_by(receipt.c.receipt_no))), pa.int64())
    receipts, _ = stored_receipts(connection, keys)
    _take_numbers(connection, held, receipts)
    if not len(keys):
        return f"no receipts; {tied} advices are tied to payments" if tied else "no receipts"
    label = "" if held.batch_ord is None else f".{held.batch_ord}"
    due = pc.less_equal(receipts["received_date"], pa.scalar(run.today, pa.date32()))
    later = put_off(connection, receipts.filter(pc.invert(due)))
    words = f"; {later} wait for their day" if later else ""
    key, told = f"accept-{row.file_id[1:]}{label}", f"accepted: {row.name}"
    mine = receipts.filter(due)["ordinal"].combine_chunks()
    count = place_stored(connection, run, mine, key, told) if len(mine) else 0
    return f"{count} receipts posted{words}"


def _batches(connection: Connection, held: _Held) -> list[int] | None:
    """The batches that are held; None of a file that is held whole."""
    if held.batch_ord is not None:
        return [held.batch_ord]
    if held.row.state == "held":
        return None
    own = (batch.c.file_no == held.row.file_no) & (batch.c.state == "held")
    return sorted(connection.scalars(select(batch.c.batch_ord).where(own)))


def _beside_receipts(
    connection: Connection, run: Run, held: _Held, batches: list[int] | None
) -> str:
    """What else payments do once they are believed: card batches without a sale make deposits,
    and voids take receipts out."""
    row = held.row
    if row.kind not in PAYMENT_KINDS:
        return ""
    deposits.note_batches(connection, row.file_no, batches)
    voided = voids.take_voids(connection, run, row.file_no, row.file_id, row.name, batches)
    return f"; {voided} voided" if voided else ""


def _take_numbers(connection: Connection, held: _Held, receipts: pa.Table) -> None:
    """The numbers of what is accepted are taken from now on. Raises RefusedError when one is."""
    row, aside = held.row, schema.set_aside
    mine = aside.c.file_no == row.file_no
    batches = _batches(connection, held)
    if batches is not None:
        mine &= aside.c.batch_ord.in_(batches)
    columns = [aside.c[name] for name in SET_ASIDE.names]
    wanted = select(*columns).where(mine).order_by(aside.c.ordinal)
    set_aside = fetch_arrow(connection, wanted, SET_ASIDE)
    arrival = Arrival(row.file_no, row.file_id, row.name, False, frozenset())
    seen = numbered.judge(connection, arrival, receipts, set_aside)
    before = (seen.conflicting, seen.skipped, seen.conflicting_aside, seen.skipped_aside)
    if any(rows.any() for rows in before):
        where = "" if held.batch_ord is None else ", of this batch,"
        words = f"{row.file_id} holds receipt numbers{where} that came before; reject it"
        raise RefusedError(words)


def _arrived(run: Run, row: FileRow) -> Arrived:
    path = run.archived(row.sha256)
    return Arrived(row.file_no, row.inbox, row.name, row.sha256, row.size, path)


def _load(connection: Connection, run: Run, row: FileRow, reading: Reading | None) -> str:
    """Load a held accounts or receivables file after all."""
    arrived = _arrived(run, row)
    clean = Reading((), Transmission(), reading.batches, reading.chunks) if reading else None
    if clean is None:
        raise RefusedError(f"{row.file_id} has no format any more; it can only be rejected")
    manifest, _ = mirror.believe(connection, run, row.kind, arrived, clean)
    message, questions = mirror.load(
        connection, run, row.kind, arrived, row.file_id, clean, manifest
    )
    run.desk(connection).open(questions)
    return message


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a corrected file took the place of, in words, and ordinals of its own bank lines that
    stand already (None: of no statement)."""

    words: str = ""
    repeated: pa.Array | None = None


def _replace(
    connection: Connection, run: Run, row: FileRow, reading: Reading | None, reason: str
) -> Replaced:
    """Take the receipts of the file that this one corrects out of the books; what is held of it
    is rejected, and what waits for its day does not come to it. A bank statement withdraws only
    the lines that it does not repeat."""
    same = (file.c.transmission == row.transmission) & file.c.transmission.is_not(None)
    details = (file.c.detail_digest == row.detail_digest) & file.c.detail_digest.is_not(None)
    earlier = connection.execute(
        select(file)
        .where(
            same | details,
            file.c.file_no < row.file_no,
            file.c.duplicate_of.is_(None),
            file.c.state.in_(["accepted", "partly_held"]),
        )
        .order_by(file.c.file_no.desc())
        .limit(1)
    ).first()
    if earlier is None:
        raise RefusedError(f"{row.file_id} replaces no file: none of its transmission is posted")
    words = f"replaced by {row.name}: {reason}"
    if row.kind == "bank":
        if reading is None:
            raise RefusedError(f"{row.file_id} has no format any more; it can only be rejected")
        lines = pa.concat_tables([chunk.table("bank_lines") for chunk in reading.chunks()])
        mine = (earlier.file_no, row.file_no)
        done = restated.restate(connection, run, mine, lines, words)
        told = f"; {done.withdrawn} lines of the earlier statement are withdrawn"
        return Replaced(told, done.repeated)
    low = schema.receipt_key(earlier.file_no, 0)
    high = schema.receipt_key(earlier.file_no + 1, 0) - 1
    keys = list(
        connection.scalars(
            select(receipt.c.receipt_no).where(receipt.c.receipt_no.between(low, high))
        )
    )
    if earlier.state == "partly_held":
        _set_state(connection, run, _Held(earlier, None), "rejected")
        advices.believe(connection, earlier.file_no, None, "rejected")
        desk = run.desk(connection)
        desk.resolve(desk.open_of_file(earlier.file_no), words)
    left = moves.take_out(connection, run, keys, "replaced", words)
    return Replaced(f"; {left} receipts of the earlier file left the books" if left else "")


def _set_state(connection: Connection, run: Run, held: _Held, state: str) -> None:
    row = held.row
    past.keep_file(connection, row.file_no, run.today)
    of_batch = batch.c.file_no == row.file_no
    if held.batch_ord is not None:
        of_batch &= batch.c.batch_ord == held.batch_ord
    connection.execute(update(batch).where(of_batch, batch.c.state == "held").values(state=state))
    waiting = connection.scalar(
        select(batch.c.batch_ord).where(batch.c.file_no == row.file_no, batch.c.state == "held")
    )
    whole = state if row.state == "held" else "accepted"
    if waiting is None or row.state == "held":
        connection.execute(update(file).where(file.c.file_no == row.file_no).values(state=whole))


def _answer(
    connection: Connection, run: Run, held: _Held, why: tuple[list[int], list[str]], reason: str
) -> None:
    """Close the questions that held it; where totals differ they stay, about the difference. `why`
    are their numbers and the codes of its errors."""
    desk = run.desk(connection)
    numbers, errors = why
    words = f"accepted as found by {run.actor}: {reason}"
    differing = sorted(set(errors) & TOTALS)
    if not differing:
        desk.resolve(numbers, words)
        return
    for number in numbers:
        told = connection.execute(
            select(problem.c.message).where(
                problem.c.file_no == held.row.file_no, problem.c.code == differing[0]
            )
        ).first()
        difference = _difference(connection, held)
        desk.restate(number, f"{words}; {told[0] if told else ''}", difference)


def _difference(connection: Connection, held: _Held) -> int | None:
    """Declared less found, in cents."""
    source = held.row
    if held.batch_ord is not None:
        source = connection.execute(
            select(batch).where(
                batch.c.file_no == held.row.file_no, batch.c.batch_ord == held.batch_ord
            )
        ).one()
    if source.declared_cents is None or source.found_cents is None:
        return None
    return int(source.declared_cents - source.found_cents)


def reject(connection: Connection, run: Run, file_id: str, reason: str) -> str:
    """Reject what is held: nothing of it will ever post; its receipts stay listed as held."""
    held = _held(connection, file_id, None)
    state = "rejected" if held.row.state == "held" else "accepted"
    _set_state(connection, run, held, "rejected")
    advices.believe(connection, held.row.file_no, None, "rejected")
    connection.execute(
        update(file)
        .where(file.c.file_no == held.row.file_no)
        .values(state=state, message=f"rejected by {run.actor}: {reason}")
    )
    desk = run.desk(connection)
    desk.resolve(desk.open_of_file(held.row.file_no), f"rejected by {run.actor}: {reason}")
    return f"{file_id} is now {state}; what was held of it will never post"
