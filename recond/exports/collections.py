"""Debts that an agency collects (domain examples E45 and E46): what it is to have, and the file
that tells it of the difference to what it was told before.

An agency has what was written off of accounts that billing shows in `collections`, less what was
paid of it since. It knows what it collected itself, its commission included; of everything else a
file tells: PLACE a debt (or more of it), PAID what the office took in, RECALL what it is to give
back. A line that it rejected was never told, and is told again when somebody has answered
`PLACEMENT_REJECTED`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, or_, select

from recond import adjusting
from recond.adjusting import RECOVERED
from recond.exports.outbox import Head, Sums, few_lines
from recond.store import schema
from recond.store.sql import total

COLUMNS = ("placement_id", "type", "account_number", "customer_name", "mailing_address",
           "service_address", "item_number", "charge_type", "due_date", "amount")  # fmt: skip
STATUS = "collections"  # of accounts that are with an agency
BY_AGENCY = "recovered"  # the rule of a payment that an agency brought (`decisions.recovering`)
PLACE, PAID, RECALL = "PLACE", "PAID", "RECALL"
told, outbox, answer = schema.agency_line, schema.outbox, schema.file_answer
changed, decision, entry = schema.adjustment, schema.decision, schema.entry
item, account, asked = schema.item, schema.account, schema.exception


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a debt, and by how much what the agency has of it changes."""

    item_key: int
    kind: str
    cents: int


@dataclass(frozen=True, slots=True)
class Placements:
    """The lines of a file, in order."""

    found: Sequence[Line]
    columns: tuple[str, ...] = COLUMNS

    def names(self) -> list[str]:
        """The debts with their cents."""
        return [f"{line.item_key} {line.kind} {line.cents}" for line in self.found]

    def lines(self, connection: Connection, head: Head, sums: Sums) -> Iterator[bytes]:
        """A line a debt; what is written off is decided by people, so they are few."""
        rows = [
            {**_facts(connection, line.item_key), "placement_id": f"{head.file_id}-{number}",
             "type": line.kind, "amount": line.cents}
            for number, line in enumerate(self.found, 1)
        ]  # fmt: skip
        yield from few_lines(rows, COLUMNS, sums)

    def remember(self, connection: Connection, number: int) -> None:
        """One row a line."""
        rows = [
            {"outbox_no": number, "line": place, "item_key": line.item_key, "kind": line.kind,
             "cents": line.cents}
            for place, line in enumerate(self.found, 1)
        ]  # fmt: skip
        connection.execute(insert(told), rows)


def _facts(connection: Connection, item_key: int) -> dict[str, Any]:
    row = connection.execute(
        select(account.c.account_number, account.c.customer_name, account.c.mailing_address,
               item.c.service_address, item.c.item_number, item.c.charge_type, item.c.due_date)
        .join(account, account.c.account_key == item.c.account_key)
        .where(item.c.item_key == item_key)
    ).one()  # fmt: skip
    return dict(row._mapping)


def again(connection: Connection, row: Row[Any]) -> Placements:
    """The lines of a file that is written already."""
    found = connection.execute(
        select(told.c.item_key, told.c.kind, told.c.cents)
        .where(told.c.outbox_no == row.outbox_no)
        .order_by(told.c.line)
    )
    return Placements([Line(*one) for one in found])


def fresh(connection: Connection, _as_of: dt.date) -> Placements | None:
    """What the agency was not told of yet, as the books stand; None where that is nothing."""
    wanted = _to_have(connection)
    known = {row.item_key: int(row.cents) for row in connection.execute(_known())}
    for row in connection.execute(_brought()):
        known[row.item_key] = known.get(row.item_key, 0) - int(row.cents)
    waiting = _rejected_and_asked(connection)
    found = []
    for key in sorted(wanted.keys() | known.keys()):
        cents = wanted.get(key, 0) - known.get(key, 0)
        if cents > 0 and key in waiting:
            continue
        if cents:
            less = PAID if key in wanted else RECALL
            found.append(Line(key, PLACE if cents > 0 else less, cents))
    return Placements(found) if found else None


def _to_have(connection: Connection) -> dict[int, int]:
    """What of each debt is to be with the agency: of accounts in collections what may still be
    recovered (0 where all of it was paid)."""
    every = adjusting.recoverable()
    rows = connection.execute(
        select(item.c.item_key, func.coalesce(every.c.cents, 0).label("cents"))
        .join(account, account.c.account_key == item.c.account_key)
        .outerjoin(every, every.c.item_key == item.c.item_key)
        .where(
            account.c.status == STATUS,
            or_(every.c.cents > 0, item.c.item_key.in_(select(told.c.item_key))),
        )
    )
    return {row.item_key: int(row.cents) for row in rows}


def was_rejected(until: str = "9999-12-31") -> Any:
    """SQL on `agency_line`: the agency rejected it, by the end of a day."""
    file = schema.file
    return (
        select(answer.c.answer_no)
        .join(file, file.c.file_no == answer.c.file_no)
        .where(answer.c.outbox_no == told.c.outbox_no, answer.c.version == told.c.line,
               answer.c.status == "REJECTED", file.c.business_date <= until)
        .exists()
    )  # fmt: skip


def _known() -> Select[Any]:
    """What the agency was told of each debt and did not reject."""
    return (
        select(told.c.item_key, total(told.c.cents).label("cents"))
        .where(~was_rejected())
        .group_by(told.c.item_key)
    )


def _brought() -> Select[Any]:
    """What the agency collected of each debt itself, with what it kept."""
    return (
        select(changed.c.item_key, total(changed.c.cents).label("cents"))
        .outerjoin(decision, and_(decision.c.receipt_no == changed.c.receipt_no,
                                  decision.c.version == changed.c.version))
        .where(changed.c.kind == RECOVERED, by_agency())
        .group_by(changed.c.item_key)
    )  # fmt: skip


def by_agency() -> Any:
    """SQL on `adjustment` and its `decision`: the agency collected it, or kept it."""
    return or_(changed.c.receipt_no.is_(None), decision.c.rule == BY_AGENCY)


def _rejected_and_asked(connection: Connection) -> set[int]:
    """Debts whose placement was rejected, and nobody has answered why."""
    rows = connection.scalars(
        select(told.c.item_key)
        .join(item, item.c.item_key == told.c.item_key)
        .join(asked, asked.c.account_key == item.c.account_key)
        .where(was_rejected(), asked.c.code == "PLACEMENT_REJECTED",
               asked.c.status != "resolved")
    )  # fmt: skip
    return set(rows)
