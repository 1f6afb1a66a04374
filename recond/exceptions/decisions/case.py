"""One answered question with everything that deciding it needs, and what a decision would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from recond.exceptions.answers import Answer
from recond.exceptions.decisions.targets import Hints
from recond.pipeline import moves
from recond.pipeline.moves import Move, Standing
from recond.pipeline.run import Run
from recond.store import schema

# Row statuses (contract section 6).
APPLIED, PENDING_APPROVAL, NOT_DECIDED = "APPLIED", "PENDING_APPROVAL", "NOT_DECIDED"
ALREADY_DONE, STALE, CONFLICT = "ALREADY_DONE", "STALE", "CONFLICT"
ERROR_KEY, ERROR_EDITED, ERROR_ACTION = "ERROR_KEY", "ERROR_EDITED", "ERROR_ACTION"
ERROR_SELF, PERIOD_CLOSED = "ERROR_SELF", "PERIOD_CLOSED"
STATUSES = (
    APPLIED, PENDING_APPROVAL, NOT_DECIDED, ALREADY_DONE, STALE, CONFLICT, ERROR_KEY,
    ERROR_EDITED, ERROR_ACTION, ERROR_SELF, PERIOD_CLOSED,
)  # fmt: skip


# Questions that are opened by asking for something: the code, and what was asked for.
REQUESTS: Mapping[str, str] = {
    "TRANSFER_REQUESTED": "transfer",
    "WRITE_OFF_REQUESTED": "write_off",
    "RECOVERY_REQUESTED": "recover",
    "DEPOSIT_RELEASE_REQUESTED": "release",
    "UNDO_REQUESTED": "undo",
}


# What recond itself asks for (`drafts`): as whom, and about which questions.
AUTOMATIC, DRAFTED = "recond", "ACCOUNT_CLOSED"


class RefusedAnswerError(Exception):
    """An answer that is understood and not carried out: a row status and a sentence."""

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def refuse(sentence: str) -> RefusedAnswerError:
    """ERROR_ACTION with a sentence."""
    return RefusedAnswerError(ERROR_ACTION, sentence)


@dataclass(frozen=True, slots=True)
class Question:
    """The row of a question."""

    exception_no: int
    exception_id: str
    version: int
    code: str
    scope: str
    amount_cents: int | None
    file_no: int | None
    batch_ord: int | None
    receipt_no: int | None
    account_key: int | None
    status: str
    message: str
    opened_date: str
    assigned_to: str | None = None
    resolved_by: str | None = None
    resolved_at: str | None = None
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What a receipt says of itself, as far as decisions ask."""

    receipt_no: int
    channel: str
    tender: str
    amount_cents: int
    received_date: str
    payer_name: str | None
    taken_by: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """A question, its receipt where it stands, the answer, and who gives it."""

    connection: Connection
    run: Run
    question: Question
    answer: Answer
    actor: str
    suggested: tuple[str, ...] = ()  # account numbers, as the clerk saw them
    record: Record | None = None
    standing: Standing | None = None

    @property
    def hints(self) -> Hints:
        """What speaks for an account that is named without its zeros."""
        record = self.record
        cents = self.question.amount_cents
        if cents is None:
            cents = record.amount_cents if record else 0
        return Hints(cents, record.payer_name if record else None)


Effect = Callable[[Case, str], None]  # the case, and the id of the decision


@dataclass(frozen=True, slots=True)
class Plan:
    """What an answer would do: cents that move or are forgiven, and how.

    `left` cents stay in suspense, so the question stays open over them. `effects` are what is
    done beside the move (or in its place), in the same transaction.
    """

    words: str
    cents: int = 0
    move: Move | None = None
    account_key: int | None = None
    left: int = 0
    status: str = "resolved"  # or on_hold: the question stays
    resolved: tuple[int, ...] = ()  # other questions that this answers too
    effects: tuple[Effect, ...] = field(default=())
    moved: int | None = None  # the payment that effects move, where no `move` does
    along: tuple[Move, ...] = ()  # other payments that go the same way, in the entry of `move`


QUESTION = tuple(Question.__dataclass_fields__)
_RECORD = tuple(Record.__dataclass_fields__)


def question_of(connection: Connection, exception_no: int) -> Question:
    """The question as it stands now."""
    columns = (schema.exception.c[name] for name in QUESTION)
    row = connection.execute(
        select(*columns).where(schema.exception.c.exception_no == exception_no)
    ).one()
    return Question(*row)


def open_case(
    connection: Connection,
    run: Run,
    question: Question,
    answer: Answer,
    actor: str,
    suggested: tuple[str, ...] = (),
) -> Case:
    """A case with its receipt as it stands in this transaction."""
    number = question.receipt_no
    if number is None:
        return Case(connection, run, question, answer, actor, suggested)
    columns = (schema.receipt.c[name] for name in _RECORD)
    row = connection.execute(select(*columns).where(schema.receipt.c.receipt_no == number)).one()
    standing = moves.standing(connection, [number])[number]
    return Case(connection, run, question, answer, actor, suggested, Record(*row), standing)
