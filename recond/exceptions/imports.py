"""A work list that came back: what each row is, what it does, and the files that say so.

The whole file is looked at first (keys, checks, repeats, conflicts), then each row has one
transaction of its own. A row that is done is written down with its outcome in that transaction,
so a file that was left half done goes on where it stopped, and its result can be written again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from recond.exceptions import sheet
from recond.exceptions.answers import Answer, AnswerError, decision_id, plain, read_answer
from recond.exceptions.decisions.case import (
    CONFLICT,
    ERROR_ACTION,
    ERROR_EDITED,
    ERROR_KEY,
    NOT_DECIDED,
    STALE,
)
from recond.exceptions.decisions.deciding import Verdict, decide, known, stale_words
from recond.exceptions.questions import read_row_key
from recond.exceptions.queue import Asked, identity_of, questions_named
from recond.exceptions.sheet_read import SheetRow
from recond.pipeline.run import Run
from recond.store import schema

work_row = schema.work_row
READ_BACK = ("row_key", "check", "action", "to_account", "amount_to_apply", "note")
# Evidence that tells a clerk which row this is: compared with what recond wrote, never used.
COMPARED = ("exception_id", "receipt_id", "reason", "amount")


@dataclass(slots=True)
class Row:
    """A row of the file with what is known of it; `verdict` once that is final."""

    number: int
    cells: dict[str, str]
    asked: Asked | None = None
    version: int = 0
    answer: Answer | None = None
    verdict: Verdict | None = None
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All rows of a file with their verdicts, in the order of the file."""

    rows: tuple[Row, ...] = field(default=())


def understand(connection: Connection, key: bytes, rows: Sequence[SheetRow]) -> list[Row]:
    """What each row is, before anything is done: steps 1 to 5 of clerk-sheet 3.2, and answers
    that cannot be read. Rows without a verdict are to be decided."""
    named = [read_row_key(plain(row.cells.get("row_key"))) for row in rows]
    stems = [name[0] for name in named if name is not None]
    known_keys: dict[str, list[Asked]] = {}
    for asked in questions_named(connection, key, stems):
        known_keys.setdefault(asked.question.exception_id[:8], []).append(asked)
    made = [Row(row.number, row.cells) for row in rows]
    for row in made:
        row.verdict = _identify(row, known_keys, key)
        if row.verdict is None:
            row.verdict = _read(connection, row)
    _conflicts(made)
    return made


def _identify(row: Row, known_keys: dict[str, list[Asked]], key: bytes) -> Verdict | None:
    """Which question a row is about; a verdict when that is not certain."""
    named = read_row_key(plain(row.cells.get("row_key")))
    if named is None or named[0] not in known_keys:
        return Verdict(ERROR_KEY, "recond wrote no row with this row_key; it was changed or cut")
    stem, version = named
    check = plain(row.cells.get("check")).upper()
    mine = sheet.EVIDENCE_LETTERS
    for asked in known_keys[stem]:
        written = sheet.check(key, identity_of(asked, version), ())
        if check[:mine] == written[:mine]:
            break
    else:
        return Verdict(
            ERROR_EDITED, "row_key and check do not belong together; a column was sorted or filled"
        )
    if version > asked.question.version:
        return Verdict(ERROR_KEY, "recond wrote no such version of this row")
    row.asked, row.version = asked, version
    return _compare(row, asked)


def _compare(row: Row, asked: Asked) -> Verdict | None:
    """Refuse a row whose evidence is not that of its key: it was edited, or columns were sorted
    apart. Blank and missing cells say nothing."""
    for name in COMPARED:
        if name == "amount" and row.version != asked.question.version:
            continue  # another amount was in question then
        found, wrote = plain(row.cells.get(name)), plain(asked.cells[name])
        if found and found.casefold() != wrote.casefold():
            return Verdict(
                ERROR_EDITED, f"{name} is not what recond wrote ({wrote or 'nothing'}); only"
                " action, to_account, amount_to_apply and note are for answers",
            )  # fmt: skip
    return None


def _read(connection: Connection, row: Row) -> Verdict | None:
    """Read the answer; a verdict when there is none, it was given before, or it is too late."""
    assert row.asked is not None  # noqa: S101 - only identified rows come here
    question = row.asked.question
    unread: str | None = None
    try:
        row.answer = read_answer(row.cells)
    except AnswerError as error:
        unread = str(error)
    if row.answer is not None:
        if not row.answer.action:
            return _undecided(row.answer)
        row.decision = decision_id(
            question.exception_id, row.version, row.answer.action, row.answer.args()
        )
        before = known(connection, row.decision)
        if before is not None:
            return before
    if row.version < question.version:
        return Verdict(STALE, stale_words(question))
    if unread is not None:
        return Verdict(ERROR_ACTION, unread)
    return None if row.answer is None else _suggestions_hold(row, row.answer)


def _undecided(answer: Answer) -> Verdict:
    if answer.target or answer.cents is not None:
        return Verdict(NOT_DECIDED, "action is empty, so to_account and amount count for nothing")
    return Verdict(NOT_DECIDED, "action is empty; the question stays open")


def _suggestions_hold(row: Row, answer: Answer) -> Verdict | None:
    """An `accept_N` counts only while the suggestions are those that the clerk saw."""
    asked = row.asked
    if asked is None or not answer.action.startswith("accept_"):
        return None
    check = plain(row.cells.get("check")).upper()
    if check != asked.cells["check"]:
        return Verdict(STALE, "the suggestions changed meanwhile; take a new work list")
    return None


def _conflicts(rows: Sequence[Row]) -> None:
    """The same question twice with different decisions: none of them counts."""
    decisions: dict[int, set[str]] = {}
    for row in rows:
        if row.verdict is None and row.asked is not None:
            decisions.setdefault(row.asked.question.exception_no, set()).add(row.decision)
    for row in rows:
        if row.verdict is None and row.asked is not None:
            others = len(decisions[row.asked.question.exception_no])
            if others > 1:
                row.verdict = Verdict(
                    CONFLICT, f"this question has {others} different answers in the file"
                )


def decide_row(connection: Connection, run: Run, row: Row) -> Verdict:
    """The outcome of one row, inside the caller's transaction."""
    if row.verdict is not None:
        return row.verdict
    asked, answer = row.asked, row.answer
    if asked is None or answer is None:
        return Verdict(ERROR_ACTION, "the answer cannot be read")
    return decide(connection, run, asked.question, answer, asked.suggested)


def write_row(connection: Connection, work_no: int, row: Row) -> None:
    """Write down what became of a row, in the transaction that did it."""
    verdict = row.verdict
    if verdict is None:
        raise ValueError("the row has no verdict")
    connection.execute(
        insert(work_row).values(
            work_no=work_no,
            row_no=row.number,
            cells=json.dumps({name: row.cells.get(name, "") for name in READ_BACK}),
            exception_no=row.asked.question.exception_no if row.asked else None,
            status=verdict.status,
            message=verdict.message,
            decision_id=verdict.decision_id,
        )
    )


def written_rows(connection: Connection, work_no: int) -> dict[int, Verdict]:
    """The rows of a file that have their outcome already."""
    rows = connection.execute(
        select(work_row.c.row_no, work_row.c.status, work_row.c.message, work_row.c.decision_id)
        .where(work_row.c.work_no == work_no)
        .order_by(work_row.c.row_no)
    )
    return {row.row_no: Verdict(row.status, row.message, row.decision_id) for row in rows}
