"""What accounts payable and the ERP answer to refunds and journals (domain E47, section 4).

An answer is kept once a refund or journal and status. ACCEPTED and DUPLICATE confirm, PENDING
waits. A rejected refund was never paid: its cents go to suspense with a question. A rejected stop
was paid all the same, and a rejected journal is in no ledger: both ask. An answer that contradicts
an earlier one changes nothing and asks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, func, insert, select

from recond import ids
from recond.exceptions.desk import Question
from recond.exports.journals import JOURNALS, journals_of
from recond.model import REFUNDED, SUSPENSE
from recond.money import format_cents
from recond.pipeline import moves
from recond.pipeline.moves import Move, Stand
from recond.pipeline.run import Run
from recond.store import schema

if TYPE_CHECKING:
    from recond.pipeline.recognition import Arrived

answer, sent, outbox = schema.file_answer, schema.refund_line, schema.outbox
HAS_IT = ("ACCEPTED", "DUPLICATE")
_REFUND = re.compile(r"U([0-9a-f]{12,64})-([0-9]{1,10})-([0-9]{1,6})")


@dataclass(slots=True)
class Taken:
    """What a file of answers held: the statuses that were new, how many said nothing new, the
    rows that name nothing, and what has to be asked."""

    kept: list[str] = field(default_factory=list)
    repeated: int = 0
    unknown: list[dict[str, Any]] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A refund line or a journal that is answered."""

    name: str
    receipt_no: int | None = None
    version: int | None = None
    cents: int = 0
    account_key: int | None = None  # of a letter


def files_named(connection: Connection, file_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """The files of refunds and journals among these ids; the files of one answer are few."""
    rows = connection.execute(
        select(outbox).where(outbox.c.file_id.in_(file_ids), outbox.c.kind != "postings")
    )
    return {row.file_id: row for row in rows}


def take(
    connection: Connection,
    run: Run,
    arrived: Arrived,
    known: dict[str, Row[Any]],
    rows: Sequence[dict[str, Any]],
) -> Taken:
    """Keep the answers (rows of ACKS) to files of refunds and journals, and do what they say.
    One by one: a refund is decided by people, a journal is a day."""
    taken = Taken()
    for row in rows:
        file = known[row["file_id"]]
        subject = _subject(connection, file, row["posting_id"])
        if subject is None:
            taken.unknown.append(row)
            continue
        before = _before(connection, subject.name)
        if _says_nothing_new(before, row["status"]):
            taken.repeated += 1
            continue
        if any(one in {*HAS_IT, "REJECTED"} for one in before):
            words = f"{row['status']} for {subject.name}, which was {before[-1]} before"
            taken.questions.append(
                Question("ACK_CONTRADICTS", f"{file.file_id} {subject.name}",
                         f"{arrived.name}, line {row['line']}: {words}", file_no=arrived.file_no)
            )  # fmt: skip
            continue
        _keep(connection, arrived.file_no, file, subject, row)
        taken.kept.append(row["status"])
        if file.kind == "letters":
            taken.questions += _letter_answered(file, subject, row["status"])
        elif row["status"] == "REJECTED":
            taken.questions.append(_rejected(connection, run, file, subject, row["code"]))
    return taken


def _subject(connection: Connection, file: Row[Any], text: str) -> _Subject | None:
    if file.kind == JOURNALS.name:
        stem, _, number = text.rpartition("-")
        if stem != file.file_id or not number.isdecimal():
            return None
        known = int(number) in journals_of(connection, file.outbox_no)
        return _Subject(text) if known else None
    if file.kind == "collections":
        return _placement(connection, file, text)
    if file.kind == "letters":
        letter = schema.letter_line.c
        one = connection.execute(
            select(letter.receipt_no, letter.account_key, letter.cents).where(
                letter.letter_id == text, letter.outbox_no == file.outbox_no
            )
        ).first()
        return None if one is None else _Subject(text, one.receipt_no, None, one.cents, one[1])
    match = _REFUND.fullmatch(text)
    if match is None:
        return None
    receipt_no = ids.find_receipt(connection, f"R{match[1]}-{match[2]}")
    row = connection.execute(
        select(sent).where(
            sent.c.receipt_no == receipt_no, sent.c.version == int(match[3]),
            sent.c.outbox_no == file.outbox_no,
        )
    ).first()  # fmt: skip
    return None if row is None else _Subject(text, row.receipt_no, row.version, row.cents)


def _placement(connection: Connection, file: Row[Any], text: str) -> _Subject | None:
    """A line of a file for the agency; its number stands where a refund has its version."""
    stem, _, number = text.rpartition("-")
    told, item = schema.agency_line.c, schema.item.c
    if stem != file.file_id or not number.isdecimal():
        return None
    row = connection.execute(
        select(told.line, told.cents, item.account_key)
        .join(schema.item, item.item_key == told.item_key)
        .where(told.outbox_no == file.outbox_no, told.line == int(number))
    ).first()
    return row and _Subject(text, None, row.line, row.cents, row.account_key)


def _before(connection: Connection, subject: str) -> list[str]:
    wanted = select(answer.c.status).where(answer.c.subject == subject)
    return list(connection.scalars(wanted.order_by(answer.c.answer_no)))


def _says_nothing_new(before: Sequence[str], status: str) -> bool:
    """The same again, a resent file called a duplicate, or PENDING after it was settled."""
    settled = [one for one in before if one != "PENDING"]
    return (
        status in before
        or (status == "PENDING" and bool(settled))
        or (status in HAS_IT and any(one in HAS_IT for one in before))
    )


def _keep(
    connection: Connection, file_no: int, file: Row[Any], subject: _Subject, row: dict[str, Any]
) -> None:
    last = connection.scalar(select(func.max(answer.c.answer_no))) or 0
    values = {
        "answer_no": last + 1, "outbox_no": file.outbox_no, "subject": subject.name,
        "receipt_no": subject.receipt_no, "version": subject.version, "file_no": file_no,
        "line": row["line"], "status": row["status"], "code": row["code"],
        "reference": row["billing_transaction_id"],
    }  # fmt: skip
    connection.execute(insert(answer), [values])


def _letter_answered(file: Row[Any], subject: _Subject, status: str) -> list[Question]:
    """The owner of credit answered: it waits for somebody who gives it back. A letter that came
    back asks nothing, and stands in the statement."""
    if status not in HAS_IT or subject.receipt_no is None:
        return []
    words = f"the owner of {format_cents(subject.cents)} on account answered letter {subject.name}"
    words += f" of {file.business_date}; refund it, or put it where it is owed"
    return [
        Question("UNCLAIMED_ANSWERED", subject.name, words, subject.cents,
                 file_no=subject.receipt_no >> schema.ORDINAL_BITS,
                 receipt_no=subject.receipt_no, account_key=subject.account_key)
    ]  # fmt: skip


def _rejected(
    connection: Connection, run: Run, file: Row[Any], subject: _Subject, code: str | None
) -> Question:
    why = f" ({code})" if code else ""
    if file.kind == "collections":
        words = f"the agency rejected line {subject.name} over {format_cents(subject.cents)}{why};"
        words += " it does not have this debt as recond says: put the account or the debt right,"
        words += " and the next export collections tells it again"
        return Question("PLACEMENT_REJECTED", subject.name, words, abs(subject.cents),
                        account_key=subject.account_key)  # fmt: skip
    if subject.receipt_no is None:
        words = f"the ERP rejected journal {subject.name} of {file.business_date}{why}; correct it"
        words += f" there and take {file.file_id}.csv again"
        return Question("JOURNAL_REJECTED", subject.name, words, file.total_cents)
    amount, number = format_cents(abs(subject.cents)), subject.receipt_no
    file_no = number >> schema.ORDINAL_BITS
    if subject.cents < 0:
        words = f"accounts payable did not stop refund {subject.name} over {amount}{why}: it is"
        words += " paid, and its money stands here as if it were not; decide the refund again"
        return Question("STOP_REJECTED", subject.name, words, -subject.cents, file_no=file_no,
                        receipt_no=number)  # fmt: skip
    _back(connection, run, number, subject.cents, why)
    words = f"accounts payable rejected refund {subject.name} over {amount}{why}; its money waits"
    words += " in suspense"
    return Question("REFUND_REJECTED", subject.name, words, subject.cents, file_no=file_no,
                    receipt_no=number)  # fmt: skip


def _back(connection: Connection, run: Run, number: int, asked: int, why: str) -> None:
    """What AP will not pay is owed to nobody that is known: from *refunded* to suspense."""
    owner = moves.standing(connection, [number])[number]
    stands = [stand for stand in owner.stands if stand.bucket == REFUNDED]
    there = sum(stand.cents for stand in stands)
    cents = min(there, asked)
    if cents <= 0:
        return
    placed = [Stand(SUSPENSE, cents), Stand(REFUNDED, there - cents, stands[0].account_key)]
    move = Move(owner.receipt_no, "refund_rejected", f"accounts payable rejected it{why}", stands,
                placed)  # fmt: skip
    moves.write(connection, run, [move], "rejected", "refund rejected by accounts payable")
