"""What the billing system's answers do (domain section 4, E64).

An answer is kept once a posting and status. ACCEPTED and DUPLICATE settle a posting, PENDING
waits. REJECTED takes the application back here: its cents go to suspense with a question, and
since billing never had it, neither it nor its reversal is told again or counts as pending. An
answer that contradicts an earlier one changes nothing and asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, and_, func, select

from recond import ids
from recond.exceptions.desk import Question
from recond.model import ACKS, CREDIT, ITEM, SUSPENSE, Problem
from recond.money import format_cents
from recond.pipeline import confirmations, moves
from recond.pipeline.moves import Move, Stand
from recond.pipeline.reading import Reading
from recond.pipeline.run import Run
from recond.receivables.items import settle_rejected
from recond.store import schema
from recond.store.engine import fetch_arrow, insert_table, stage

if TYPE_CHECKING:
    from recond.pipeline.recognition import Arrived

ack, posted, outbox = schema.acknowledgement, schema.posted_entry, schema.outbox
decision, placement = schema.decision, schema.placement
SETTLED = ("ACCEPTED", "DUPLICATE", "REJECTED")
SHOWN = 100  # problems of one kind that a file lists

_ID = (
    r"^P(?P<file>[0-9a-f]{12,64})-(?P<ordinal>[0-9]{1,10})"
    r"-(?P<version>[0-9]{1,6})\.(?P<row>[0-9]{1,6})$"
)
_KNOWN = pa.schema(
    [("ordinal", pa.int64()), ("line", pa.int64()), ("receipt_no", pa.int64()),
     ("version", pa.int64()), ("posting_line", pa.int64()), ("status", pa.string()),
     ("code", pa.string()), ("billing_transaction_id", pa.string()), ("settled", pa.string()),
     ("same", pa.int64())]
)  # fmt: skip


def take_acks(
    connection: Connection, run: Run, arrived: Arrived, file_id: str, reading: Reading
) -> tuple[str, list[Problem], list[Question]]:
    """Keep the answers of a file and do what they say; returns its message, the rows that name no
    posting of recond, and the questions that it raises."""
    rows = pa.concat_tables([ACKS.empty_table(), *(c.table("acks") for c in reading.chunks())])
    others = confirmations.files_named(connection, pc.unique(rows["file_id"]).to_pylist())
    of_others = pc.is_in(rows["file_id"], value_set=pa.array(list(others), pa.string()))
    told = confirmations.take(connection, run, arrived, others, rows.filter(of_others).to_pylist())
    rows = rows.filter(pc.invert(of_others))
    known = _known(connection, rows)
    lost = rows.filter(pc.invert(pc.is_in(rows["ordinal"], value_set=known["ordinal"])))
    problems = _unknown([*lost.slice(0, SHOWN).to_pylist(), *told.unknown])
    repeated = _answered_before(known)
    fresh = known.filter(pc.invert(repeated))
    contradicting = fresh.filter(pc.is_valid(fresh["settled"]))
    kept = fresh.filter(pc.is_null(fresh["settled"]))
    _keep(connection, arrived.file_no, kept)
    questions = _ask(connection, run, kept.filter(pc.equal(kept["status"], "REJECTED")))
    questions += told.questions
    if problems:
        words = f"{arrived.name}: {problems[0].message}; {lost.num_rows + len(told.unknown)} in all"
        questions.append(Question("POSTING_UNKNOWN", file_id, words, file_no=arrived.file_no))
    if contradicting.num_rows:
        questions.append(_contradiction(arrived, file_id, contradicting))
    statuses = [*kept["status"].to_pylist(), *told.kept]
    repeats = known.num_rows - fresh.num_rows + told.repeated
    return _words(statuses, repeats), problems, questions


def _known(connection: Connection, rows: pa.Table) -> pa.Table:
    """The rows (_KNOWN) that name a posting in a posting file of recond, with what was answered
    before: `settled` the status that settled it, `same` whether this very answer came."""
    staged = stage(connection, "answers", _keyed(connection, rows), ["ordinal"])
    answer = staged.c
    earlier = and_(
        ack.c.receipt_no == answer.receipt_no,
        ack.c.version == answer.version,
        ack.c.posting_line == answer.posting_line,
    )
    settled = (
        select(func.max(ack.c.status)).where(earlier, ack.c.status.in_(SETTLED)).scalar_subquery()
    )
    same = (
        select(func.count()).select_from(ack).where(earlier, ack.c.status == answer.status)
    ).scalar_subquery()
    wanted = (
        select(
            answer.ordinal, answer.line, answer.receipt_no, answer.version, answer.posting_line,
            answer.status, answer.code, answer.billing_transaction_id, settled.label("settled"),
            same.label("same"),
        )
        .join(placement, and_(placement.c.receipt_no == answer.receipt_no,
                              placement.c.version == answer.version,
                              placement.c.line == answer.posting_line,
                              placement.c.bucket.in_([ITEM, CREDIT])))
        .join(decision, and_(decision.c.receipt_no == answer.receipt_no,
                             decision.c.version == answer.version))
        .join(posted, posted.c.entry_no == decision.c.entry_no)
        .join(outbox, and_(outbox.c.outbox_no == posted.c.outbox_no,
                           outbox.c.file_id == answer.file_id))
        .order_by(answer.ordinal)
    )  # fmt: skip
    return fetch_arrow(connection, wanted, _KNOWN).combine_chunks()


def _answered_before(known: pa.Table) -> pa.ChunkedArray:
    """Which answers say nothing new: the same again, a resent file called a duplicate, or PENDING
    after the posting was settled."""
    has_it = pa.array(["ACCEPTED", "DUPLICATE"])
    agrees = pc.and_(
        pc.is_in(known["settled"], value_set=has_it), pc.is_in(known["status"], value_set=has_it)
    )
    waits = pc.and_(pc.is_valid(known["settled"]), pc.equal(known["status"], "PENDING"))
    return pc.or_(pc.greater(known["same"], 0), pc.or_(agrees, waits))


def _keyed(connection: Connection, rows: pa.Table) -> pa.Table:
    """The rows whose posting id is of recond's shape, with the key that it stands for."""
    parts = pc.extract_regex(rows["posting_id"].combine_chunks(), _ID)
    rows = rows.filter(pc.is_valid(parts)).combine_chunks()
    parts = parts.drop_null()
    named = parts.field("file")
    numbers = _file_numbers(connection, pc.unique(named).to_pylist())
    file_no = pc.take(
        pa.array(list(numbers.values()), pa.int64()),
        pc.index_in(named, value_set=pa.array(list(numbers), pa.string())),
    )
    size = pa.scalar(1 << schema.ORDINAL_BITS, pa.int64())
    key = pc.add(pc.multiply(file_no, size), parts.field("ordinal").cast(pa.int64()))
    made = {
        "receipt_no": key,
        "version": parts.field("version").cast(pa.int64()),
        "posting_line": parts.field("row").cast(pa.int64()),
    }
    for name, column in made.items():
        rows = rows.append_column(name, column)
    return rows.filter(pc.is_valid(rows["receipt_no"])).drop_columns(
        ["byte_offset", "byte_length", "posting_id"]
    )


def _file_numbers(connection: Connection, digits: Sequence[str]) -> dict[str, int]:
    """Arrival numbers by the digits of file ids; the files of one answer are few."""
    found: dict[str, int] = {}
    for start in range(0, len(digits), moves.CHUNK):
        part = [f"F{one}" for one in digits[start : start + moves.CHUNK]]
        query = select(schema.file.c.file_id, schema.file.c.file_no)
        rows = connection.execute(query.where(schema.file.c.file_id.in_(part)))
        found.update({row.file_id[1:]: row.file_no for row in rows})
    return found


def _unknown(lost: Sequence[dict[str, Any]]) -> list[Problem]:
    return [
        Problem(
            "POSTING_UNKNOWN",
            f"posting {row['posting_id']} stands in no file {row['file_id']} of recond; ask whoever"
            " answers which file is meant",
            line=row["line"],
            byte_offset=row["byte_offset"],
            field="posting_id",
        )
        for row in lost[:SHOWN]
    ]


def _keep(connection: Connection, file_no: int, rows: pa.Table) -> None:
    first = (connection.scalar(select(func.max(ack.c.ack_no))) or 0) + 1
    table = rows.drop_columns(["ordinal", "settled", "same"])
    numbers = pa.array(range(first, first + rows.num_rows), pa.int64())
    insert_table(
        connection, ack, table.append_column("ack_no", numbers), constants={"file_no": file_no}
    )


def _ask(connection: Connection, run: Run, rejected: pa.Table) -> list[Question]:
    """Take rejected applications back and ask about them; rejected postings are few, and a
    person answers each."""
    found = rejected.to_pylist()
    if not found:
        return []
    owners = moves.standing(connection, [row["receipt_no"] for row in found])
    amounts = _amounts(connection, found)
    taken: dict[int, list[tuple[Stand, dict[str, Any]]]] = {}
    questions = []
    files = ids.files_of(connection, {row["receipt_no"] >> schema.ORDINAL_BITS for row in found})
    for row in found:
        owner = owners[row["receipt_no"]]
        place = (row["version"], row["posting_line"])
        stand = next((s for s in owner.stands if (s.version, s.line) == place), None)
        if stand is not None and stand.cents > 0:
            taken.setdefault(owner.receipt_no, []).append((stand, row))
        cents = amounts[(owner.receipt_no, *place)]
        questions.append(_question(row, cents, files, stand))
    made = [
        Move(
            number,
            "rejected",
            "; ".join(f"billing rejected it: {row['code'] or 'no code'}" for _, row in stands),
            [stand for stand, _ in stands],
            [Stand(SUSPENSE, sum(stand.cents for stand, _ in stands))],
        )
        for number, stands in taken.items()
    ]
    moves.write(connection, run, made, "rejected", "rejected by the billing system")
    items = sorted({s.item_key for stands in taken.values() for s, _ in stands if s.item_key})
    settle_rejected(connection, run.ledger(connection), items)
    return questions


def _amounts(
    connection: Connection, found: list[dict[str, Any]]
) -> dict[tuple[int, int, int], int]:
    staged = stage(
        connection,
        "rejected",
        pa.table(
            {
                name: pa.array([row[name] for row in found], pa.int64())
                for name in ("receipt_no", "version", "posting_line")
            }
        ),
    )
    rows = connection.execute(
        select(placement.c.receipt_no, placement.c.version, placement.c.line, placement.c.cents)
        .join(staged, and_(staged.c.receipt_no == placement.c.receipt_no,
                           staged.c.version == placement.c.version,
                           staged.c.posting_line == placement.c.line))
    )  # fmt: skip
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def _question(
    row: dict[str, Any], cents: int, files: dict[int, str], stand: Stand | None
) -> Question:
    file_no = row["receipt_no"] >> schema.ORDINAL_BITS
    ordinal = row["receipt_no"] & ((1 << schema.ORDINAL_BITS) - 1)
    receipt_id = ids.receipt_id(files[file_no], ordinal)
    key = ids.ApplicationKey(row["receipt_no"], row["version"], row["posting_line"])
    posting = "P" + ids.application_id(files[file_no], key)[1:]
    why = f"the billing system rejected posting {posting} over {format_cents(cents)}"
    why += f" ({row['code']})" if row["code"] else ""
    if stand is not None and stand.cents > 0:
        words, code = f"{why}; its money waits in suspense", "POSTING_REJECTED"
    elif cents > 0:
        words, code = f"{why}; it was taken back here before", "REVERSAL_REJECTED"
    else:
        words, code = f"{why}, which takes money back here; nothing moved", "REVERSAL_REJECTED"
    subject = receipt_id if code == "POSTING_REJECTED" else posting
    return Question(
        code, subject, words, cents, file_no=file_no, receipt_no=row["receipt_no"],
        account_key=stand.account_key if stand else None,
    )  # fmt: skip


def _contradiction(arrived: Arrived, file_id: str, rows: pa.Table) -> Question:
    first = rows.slice(0, 1).to_pylist()[0]
    words = (
        f"{arrived.name}, line {first['line']}: {first['status']} for a posting that was"
        f" {first['settled']} before; {rows.num_rows} such answers changed nothing"
    )
    return Question("ACK_CONTRADICTS", file_id, words, file_no=arrived.file_no)


def _words(statuses: Sequence[str], repeated: int) -> str:
    counts = sorted(Counter(statuses).items())
    parts = [f"{count} {status.lower()}" for status, count in counts]
    if repeated:
        parts.append(f"{repeated} answered before")
    return ", ".join(parts) or "no answers"
