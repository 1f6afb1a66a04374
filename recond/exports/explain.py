"""Why a receipt, an application or a question is what it is, down to the bytes it came from.

The explanation is data first (`explain`, the same on every machine, amounts and dates as text)
and prose second (`prose.render`). Source bytes are shown as they stand in the archive, payer
account numbers included: whoever may run `recond explain` may read the archive. What is printed
is one line, control characters escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from recond import ids
from recond.durable import printable
from recond.errors import RefusedError, UsageError
from recond.exceptions.codes import CODES
from recond.exceptions.suggest import SHOWN, suggestions
from recond.exports.behind import behind
from recond.exports.columns import FileIds
from recond.exports.disposed import certificate_of
from recond.exports.prose import render
from recond.exports.receipts import receipts
from recond.exports.trace import ANY_DAY
from recond.exports.tried import Rulebook, free_text, orders, tried
from recond.model import BUCKETS, ITEM
from recond.money import format_cents
from recond.store import schema

__all__ = ["Rulebook", "explain", "render"]

SHOWN_BYTES = 2_000
FACTS = ("channel", "tender", "amount", "received_date", "deposit_date", "batch", "sequence",
         "account_on_item", "reference", "check_number", "trace_number", "payer_name")  # fmt: skip
STANDS = ("state", "applied_amount", "on_account_amount", "suspense_amount", "rule")
ReadSource = Callable[[str, int, int], bytes]
Told = dict[str, Any]


def explain(
    connection: Connection,
    identity: str,
    read_source: ReadSource,
    rulebook: Rulebook | None = None,
) -> Told:
    """Everything that is known of one id, as JSON can hold it.

    `read_source(sha256, offset, length)` reads the archived bytes, offset counted in the unpacked
    file. With a `rulebook` the story of a receipt has what each rule says of it. Raises UsageError
    for an id that nothing has, as every verb does, and RefusedError for an application that is no
    money on an item.
    """
    about: Told = {"id": identity}
    source = _Source(read_source, rulebook)
    if identity.startswith("R"):
        number = ids.find_receipt(connection, identity)
        if number is not None:
            return {**about, "kind": "receipt", **_receipt(connection, number, source)}
    elif identity.startswith("A"):
        key = ids.parse_application(connection, identity)
        if key is not None:
            story = _receipt(connection, key.receipt_no, source)
            chosen = _chosen(story, identity)
            return {**about, "kind": "application", "application": chosen, **story}
    elif identity.startswith("X"):
        return {**about, "kind": "exception", **_exception(connection, identity, source)}
    else:
        raise UsageError(
            f"{identity} is no id of a receipt (R…), an application (A…) or a question (X…);"
            " `recond trace TEXT` finds payments by other words."
        )
    raise UsageError(f"Nothing has the id {identity}; `recond trace TEXT` finds payments.")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the bytes are, and by which rules a receipt is looked at again."""

    read: ReadSource
    rulebook: Rulebook | None


def _chosen(story: Told, identity: str) -> Told:
    placed = [place for one in story["decisions"] for place in one["placements"]]
    chosen: Told = next(
        (dict(place) for place in placed if place["application_id"] == identity), {}
    )
    if not chosen:
        raise RefusedError(f"{identity} is not money on an item; explain its receipt instead.")
    answers = [place["application_id"] for place in placed if place["reverses_id"] == identity]
    chosen["reversed_by"] = answers
    return chosen


def _exception(connection: Connection, identity: str, source: _Source) -> Told:
    row = connection.execute(
        select(schema.exception).where(schema.exception.c.exception_id == identity)
    ).one_or_none()
    if row is None:
        raise UsageError(f"There is no question {identity}; see `recond queue list`.")
    question = _question(connection, row)
    if row.receipt_no is not None:
        return {"question": question, **_receipt(connection, row.receipt_no, source)}
    told: Told = {"question": question, "decisions": [], "questions": []}
    if row.file_no is not None:
        told["source"] = _file(connection, row.file_no)
        told["problems"] = _problems(connection, row, told["source"], source.read)
    return told


def _file(connection: Connection, file_no: int) -> Told:
    file = connection.execute(select(schema.file).where(schema.file.c.file_no == file_no)).one()
    names = ("file_id", "inbox", "name", "sha256", "format", "arrived_at", "state", "message")
    told: Told = {name: getattr(file, name) for name in names}
    gone = certificate_of(connection, file_no)
    return told if gone is None else {**told, "disposed": gone}


def _place(source: Told, row: Row[Any], read_source: ReadSource, length: int) -> Told:
    """Line, offset and the bytes of a record as one printable line."""
    if row.byte_offset is None:
        return {"line": row.line, "byte_offset": None, "bytes": None}
    try:
        data = read_source(source["sha256"], row.byte_offset, min(length, SHOWN_BYTES))
        text = printable(data.decode("utf-8", "surrogateescape").rstrip("\r\n"))
    except OSError as error:
        why = source.get("disposed") or f"the archive cannot be read: {error.strerror}"
        text = f"({why})"
    return {"line": row.line, "byte_offset": row.byte_offset, "bytes": text}


def _problems(
    connection: Connection, row: Row[Any], source: Told, read_source: ReadSource
) -> list[Told]:
    """The problems of the question's code in its file and batch, with their places."""
    problem = schema.problem.c
    statement = select(schema.problem).where(
        problem.file_no == row.file_no, problem.code == row.code
    )
    if row.batch_ord is not None:
        statement = statement.where(problem.batch_ord == row.batch_ord)
    found = connection.execute(statement.order_by(problem.problem_no).limit(20))
    return [
        {"code": one.code, "message": one.message, "field": one.field,
         **_first_line(_place(source, one, read_source, SHOWN_BYTES))}
        for one in found
    ]  # fmt: skip


def _first_line(place: Told) -> Told:
    """A problem has a place and no length: its line is what is shown."""
    text = place["bytes"]
    return place if text is None else {**place, "bytes": text.split("\\x0a")[0].rstrip()}


def _receipt(connection: Connection, number: int, asked: _Source) -> Told:
    row = connection.execute(
        select(schema.receipt).where(schema.receipt.c.receipt_no == number)
    ).one()
    source = _file(connection, number >> schema.ORDINAL_BITS)
    source |= _place(source, row, asked.read, row.byte_length or 0)
    source["behind"] = behind(source, row.byte_length or 0, asked.read)
    shown = next(receipts(connection, ANY_DAY, [number])).to_pylist()[0]
    text = {name: None if value is None else str(value) for name, value in shown.items()}
    stubs = _remittances(connection, number, source, asked.read)
    return {
        "receipt_id": text["receipt_id"],
        "source": source,
        "read": {name: text[name] for name in FACTS},
        "remittances": stubs,
        **_tried(connection, row, stubs, asked.rulebook),
        "stands": {name: text[name] for name in STANDS},
        "decisions": _decisions(connection, number, row.amount_cents),
        "questions": _questions(connection, number),
    }


def _tried(
    connection: Connection, row: Row[Any], stubs: list[Told], rulebook: Rulebook | None
) -> Told:
    """What each rule says, and in which order items are paid where items were paid."""
    if rulebook is None:
        return {}
    words = [stub["reference"] for stub in stubs if stub["kind"] == "WORD"]
    read = [stub["reference"] for stub in stubs if stub["kind"] != "WORD"]
    if not read:  # stubs of a posted payment are in the archive; the receipt keeps what they say
        read = [*(row.account_on_item or "").split(";"), *(row.reference or "").split(";")]
    read = list(dict.fromkeys(text.strip() for text in read if text and text.strip()))
    told: Told = {"tried": tried(connection, row.receipt_no, row.payer_key, read, rulebook)}
    if words:
        told["tried"].insert(-1, {"rule": "free text", "says": free_text(words)})
    placed = schema.placement.c
    paid = connection.scalars(
        select(schema.item.c.account_key)
        .join(schema.placement, placed.item_key == schema.item.c.item_key)
        .where(placed.receipt_no == row.receipt_no)
    ).all()
    if paid and row.received_date:
        told["order"] = orders(connection, paid, row.received_date, rulebook.rules)
    return told


def _remittances(
    connection: Connection, number: int, source: Told, read_source: ReadSource
) -> list[Told]:
    stub = schema.remittance.c
    found = connection.execute(
        select(schema.remittance).where(stub.receipt_no == number).order_by(stub.sequence)
    )
    told = []
    for row in found:
        one = {
            "kind": row.kind, "reference": row.reference, "amount": _amount(row.amount_cents)
        }  # fmt: skip
        if row.file_no is None:
            told.append({**one, **_place(source, row, read_source, row.byte_length or 0)})
        else:  # a line of the payer's advice, which came as a file of its own
            other = _file(connection, row.file_no)
            place = _place(other, row, read_source, row.byte_length or 0)
            told.append({**one, "file_id": other["file_id"], "name": other["name"], **place})
    return told


def _decisions(connection: Connection, number: int, cents: int) -> list[Told]:
    """The decisions in order, each with its placements step by step and its journal entry."""
    decision, entry, account = schema.decision.c, schema.entry.c, schema.account.c
    statement = (
        select(schema.decision, schema.entry, account.account_number, account.customer_name)
        .join(schema.entry, entry.entry_no == decision.entry_no)
        .outerjoin(schema.account, account.account_key == decision.account_key)
        .where(decision.receipt_no == number)
        .order_by(decision.version)
    )
    placed = _placements(connection, number)
    told = []
    for row in connection.execute(statement).mappings():
        left = cents if row[decision.version] == 1 else None
        lines = _journal(connection, row[entry.entry_no])
        total = sum(cents for cents, _ in lines)
        told.append(
            {
                "version": row[decision.version],
                "rule": row[decision.rule],
                "evidence": row[decision.evidence],
                "account_number": row[account.account_number],
                "customer_name": row[account.customer_name],
                "decided_by": row[entry.decided_by],
                "posted_at": row[entry.posted_at],
                "business_date": row[entry.business_date],
                "effective_date": row[entry.effective_date],
                "placements": _steps(placed.get(row[decision.version], []), left),
                "entry_id": row[entry.entry_id],
                "description": row[entry.description],
                "entry_total": format_cents(total),
                "shared_with": _others(connection, row[entry.entry_no], number),
                "journal": [line for _, line in lines],
            }
        )
    return told


def _placements(connection: Connection, number: int) -> dict[int, list[tuple[int, Told]]]:
    """Cents and facts of the placements, by version, in the order in which they were placed."""
    placed, item, account = schema.placement.c, schema.item.c, schema.account.c
    statement = (
        select(schema.placement, account.account_number, item.item_number, item.due_date,
               item.bill_number)
        .outerjoin(schema.item, item.item_key == placed.item_key)
        .outerjoin(
            schema.account,
            account.account_key == func.coalesce(placed.account_key, item.account_key),
        )
        .where(placed.receipt_no == number)
        .order_by(placed.version, placed.line)
    )  # fmt: skip
    file_id = FileIds.load(connection, number >> schema.ORDINAL_BITS).ids[0].as_py()
    found: dict[int, list[tuple[int, Told]]] = {}
    for row in connection.execute(statement):
        key = ids.ApplicationKey(number, row.version, row.line)
        origin = ids.ApplicationKey(number, row.reverses_version or 0, row.reverses_line or 0)
        told = {
            "application_id": ids.application_id(file_id, key) if row.bucket == ITEM else None,
            "to": BUCKETS[row.bucket],
            "amount": format_cents(row.cents),
            "account_number": row.account_number,
            "item_number": row.item_number,
            "charge_type": row.charge_type,
            "fund": row.fund,
            "due_date": row.due_date,
            "bill_number": row.bill_number,
            "reverses_id": ids.application_id(file_id, origin) if row.reverses_version else None,
        }
        found.setdefault(row.version, []).append((row.cents, told))
    return found


def _steps(placed: list[tuple[int, Told]], left: int | None) -> list[Told]:
    """What is left of the payment after each step; of a later move nothing is left or missing."""
    told = []
    for cents, place in placed:
        left = None if left is None else left - cents
        told.append({**place, "left": _amount(left)})
    return told


def _others(connection: Connection, entry_no: int, number: int) -> int:
    """How many other receipts the entry posted."""
    decision = schema.decision.c
    found = connection.scalar(
        select(func.count(func.distinct(decision.receipt_no))).where(
            decision.entry_no == entry_no, decision.receipt_no != number
        )
    )
    return int(found or 0)


def _journal(connection: Connection, entry_no: int) -> list[tuple[int, Told]]:
    """The entry's lines, each with the cents that it debits."""
    line = schema.journal_line.c
    found = connection.execute(
        select(schema.journal_line).where(line.entry_no == entry_no).order_by(line.line)
    )
    return [
        (row.debit_cents,
         {"fund": row.fund, "gl_account": row.gl_account, "debit": format_cents(row.debit_cents),
          "credit": format_cents(row.credit_cents)})
        for row in found
    ]  # fmt: skip


def _questions(connection: Connection, number: int) -> list[Told]:
    question = schema.exception.c
    found = connection.execute(
        select(schema.exception)
        .where(question.receipt_no == number)
        .order_by(question.exception_no)
    )
    return [_question(connection, row) for row in found]


def _question(connection: Connection, row: Row[Any]) -> Told:
    code = CODES.get(row.code)
    names = ("exception_id", "version", "code", "message", "status", "opened_at", "resolved_at",
             "resolved_by", "resolution")  # fmt: skip
    told: Told = {name: getattr(row, name) for name in names}
    told["sentence"] = code.sentence if code else ""
    told["amount"] = _amount(row.amount_cents)
    told["candidates"], told["refused"] = [], []
    told["answers"] = list(code.answers) if code and row.status != "resolved" else []
    if row.status != "resolved":
        made = suggestions(connection, [row.exception_no])
        told["candidates"] = made.candidates["why"].to_pylist()
        told["answers"] = _possible(told["answers"], made.candidates.num_rows)
        if row.status == "pending_approval":
            told["answers"] = ["approve", "deny"]
        told["refused"] = made.refused["why"].to_pylist()
        split = made.combined.get(row.exception_no)
        if split:
            words = f"split {split.split}: {split.why}" if split.parts else split.why
            told["candidates"].append(words)
    return told


def _possible(answers: Sequence[str], suggested: int) -> list[str]:
    """The answers without an `accept_N` that has no suggestion N."""
    none = {f"accept_{rank}" for rank in range(suggested + 1, SHOWN + 1)}
    return [answer for answer in answers if answer not in none]


def _amount(cents: int | None) -> str | None:
    return None if cents is None else format_cents(cents)
