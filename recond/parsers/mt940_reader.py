"""MT940 and MT942: the state machine over the fields of statements (formats.md section 7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recond.parsers import mt940_state as state
from recond.parsers.columns import Ints
from recond.parsers.mt940_balances import Balances, Told
from recond.parsers.mt940_fields import END, INFORMATION, LINE, tag
from recond.parsers.mt940_lines import Lines
from recond.parsers.mt940_state import Gathered, Statement
from recond.parsers.notes import Notes
from recond.parsers.records import Records
from recond.parsers.spans import either

if TYPE_CHECKING:
    from recond.parsers.mt940 import Layout

_NAMES = {
    tag(name): name
    for name in ("12", "13", "13D", "20", "21", "25", "25P", "28", "28C", "34F", "60F", "60M",
                 "61", "62F", "62M", "64", "65", "86", "90C", "90D")
}  # fmt: skip


# Of a day YYMMDD, in which span numbers of statements are unique.
_KEPT = {"year": 2, "free": 2, "month": 4, "day": 6}


@dataclass(frozen=True, slots=True)
class Run:
    """Lines `start` to `stop` of a chunk, of one statement; `first` counts those before them."""

    start: int
    stop: int
    account: str | None
    key: str | None
    first: int
    scale: int
    factor: int
    day: int
    shown_only: bool


class Reader:
    """What is open, what was declared and found. Feed it chunks with `walk`, then `finish`."""

    def __init__(self, layout: Layout, currency: str, encoding: str, notes: Notes) -> None:
        self.gathered = Gathered()
        self._layout = layout
        self._encoding = encoding
        self._notes = notes
        self._told = Told(notes)
        self._balances = Balances(layout, currency, self._told, self.gathered)
        self._open: Statement | None = None
        self._identities: set[str] = set()
        self._statements = self._entries = 0

    @property
    def identity(self) -> str | None:
        """That of the transmission: account and number of every statement in it."""
        if not self._identities:
            return None
        names = sorted(self._identities)
        if len(names) == 1:
            return names[0]
        return "mt940s:" + hashlib.sha256("\n".join(names).encode()).hexdigest()

    def walk(self, found: Records, heads: Ints, nexts: Ints, lines: Lines) -> list[Run]:
        """Take the fields of one chunk, in order; which lines belong to which statement."""
        tags = found.code[heads]
        runs: list[Run] = []
        taken = previous = 0
        # Only fields other than 61 come here one by one: a few for each statement.
        for row in [*np.flatnonzero(tags != LINE).tolist(), len(heads)]:
            if row > previous:
                stop = taken + row - previous
                self._at(found, int(heads[previous]), int(heads[previous]) + 1)
                runs += self._lines(lines, taken, stop)
                taken = stop
            previous = row + 1
            if row < len(heads):
                self._at(found, int(heads[row]), int(nexts[row]))
                self._take(int(tags[row]), self._value(found, int(heads[row]), int(nexts[row])))
        return runs

    def finish(self) -> None:
        """Tell what is still missing at the end of the file."""
        self._close()
        for before in self._balances.last.values():
            if before.closing is not None and before.closing.intermediate:
                self._told.tell_at(
                    before.place, "FILE_TRUNCATED",
                    f"The {before.name} ends with an intermediate balance (62M) and its next page "
                    "does not follow. Ask the bank for the whole statement.", "62M",
                )  # fmt: skip
        if not self._statements:
            self._notes.add(
                "NO_STATEMENT",
                "The file holds fields of a bank statement, but no statement from :20: to its "
                "closing balance. Ask the bank for the whole file.",
                line=1,
                byte_offset=0,
            )
        elif not self._entries:
            self._notes.add("NO_ACTIVITY", "The statements have no transactions.")

    # -- fields --------------------------------------------------------------------------------

    def _at(self, found: Records, head: int, after: int) -> None:
        start = int(found.start[head])
        self._told.place = found.place(head)
        self._told.length = int(found.end[after - 1]) - start

    def _value(self, found: Records, head: int, after: int) -> str:
        # A value that a bank wrapped is put together; texts (86) do not come here.
        if int(found.code[head]) in (INFORMATION, END):
            return ""
        parts = [either(found.content(row), self._encoding) for row in range(head, after)]
        own = next((n for n, part in enumerate(parts) if n and part.startswith(":")), len(parts))
        if own < len(parts):
            self._told.tell(
                "RECORD_DEVIATES", f"The bank's own field '{parts[own][:20]}' is not read."
            )
        return "".join(parts[:own]).split(":", 2)[2].strip()

    def _take(self, kind: int, value: str) -> None:
        name = _NAMES.get(kind, "")
        if kind == END:
            if self._open is not None:
                self._open.ended = True
            self._close()
        elif name == "20":
            self._close()
            self._open = Statement(self._told.place)
        elif name in ("86", "12", "13", "21"):
            return
        else:
            self._take_of(self._statement(), name, value)

    def _take_of(self, statement: Statement, name: str, value: str) -> None:
        if name in ("25", "25P"):
            self._account(statement, value)
        elif name in ("28", "28C"):
            self._number(statement, value)
        elif name == "13D":
            statement.reported = value
            statement.interim = statement.opening is None
        elif name == "34F":
            self._floor(statement, value)
        elif name in ("60F", "60M"):
            self._balances.opening(statement, name, value)
        elif name in ("62F", "62M"):
            self._balances.closing(statement, name, value)
        elif name in ("90C", "90D"):
            self._balances.total(statement, name, value)
        else:
            self._balances.available(statement, name, value)

    def _statement(self) -> Statement:
        if self._open is None:
            self._told.tell(
                "FILE_STRUCTURE",
                "A statement begins without its reference (:20:). Ask the bank for the whole file.",
                "20",
            )
            self._open = Statement(self._told.place)
        return self._open

    def _account(self, statement: Statement, value: str) -> None:
        if statement.account is not None or statement.opening is not None:
            self._told.tell("FILE_STRUCTURE", "A second account (:25:) inside one statement.", "25")
        elif not value or len(value) > 60:
            self._told.tell("RECORD_UNREADABLE", "The account (:25:) is blank or too long.", "25")
        else:
            statement.account = value

    def _number(self, statement: Statement, value: str) -> None:
        if statement.number is not None:
            self._told.tell(
                "FILE_STRUCTURE", "A second number (:28C:) inside one statement.", "28C"
            )
        elif state.NUMBER.match(value) is None:
            shown = value[:30]
            self._told.tell("RECORD_UNREADABLE", f"The statement number '{shown}' is none.", "28C")
        else:
            statement.number = value

    def _floor(self, statement: Statement, value: str) -> None:
        found = state.FLOOR.match(value)
        if found is None:
            self._told.tell("RECORD_UNREADABLE", f"The floor limit '{value[:30]}' is none.", "34F")
            return
        statement.interim = statement.opening is None
        self._balances.in_currency(statement, found["currency"])

    def _lines(self, lines: Lines, start: int, stop: int) -> list[Run]:
        statement = self._statement()
        if statement.closing is not None or not (statement.opening or statement.interim):
            self._told.tell(
                "FILE_STRUCTURE",
                "A statement line (61) stands outside opening and closing balance.",
                "61",
            )
            return []
        cut = slice(start, stop)
        milli, sign, letter = lines.milli[cut], lines.sign[cut], lines.by_letter[cut]
        if statement.scale > 1 and bool((milli % statement.scale).any()):
            row = int(np.flatnonzero(milli % statement.scale)[0])
            self._told.tell(
                "RECORD_UNREADABLE",
                f"Statement line {row + 1} from here has more decimal places than "
                f"{statement.currency} has.",
                "61",
            )
        booked = ~lines.expected[cut]
        if not statement.interim and not booked.all():
            self._told.tell(
                "RECORD_DEVIATES",
                "An expected entry (EC, ED) in a statement is shown and not counted.",
                "61",
            )
        # Sums of at most a block's lines of at most 1e14 fit int64.
        statement.milli += int((milli * sign)[booked].sum())
        for side, way in ((statement.credit, 1), (statement.debit, -1)):
            side.count += int((sign == way).sum())
            side.milli += int((milli * (sign == way)).sum())
            side.letter_count += int((letter == way).sum())
            side.letter_milli += int((milli * (letter == way)).sum())
        first, statement.entries = statement.entries, statement.entries + stop - start
        self._entries += stop - start
        key = None if statement.interim else statement.key
        return [
            Run(start, stop, statement.account, key, first, statement.scale, statement.factor,
                statement.day, statement.interim or statement.foreign)
        ]  # fmt: skip

    # -- ends ----------------------------------------------------------------------------------

    def _close(self) -> None:
        """The end of a message: whether all that makes a statement was there."""
        statement, self._open = self._open, None
        if statement is None:
            return
        missing = _missing(statement)
        if missing is not None:
            code, what = missing
            self._told.tell_at(
                statement.place, code, f"The {statement.name} {what}. Ask the bank for a new file.",
                None,
            )  # fmt: skip
            return
        self._statements += 1
        self._identities.add(self._name(statement))
        if not statement.interim and statement.account is not None:
            self._balances.last[statement.account] = statement

    def _name(self, statement: Statement) -> str:
        """Account and number; the year (or month) as well, in which numbers begin again, or the
        day where a bank does not number."""
        numbered = state.numbered(statement.number or "") is not None
        dated = statement.closing or statement.opening
        day = dated.text if dated else statement.reported or ""
        if numbered and not statement.interim:
            day = day[: _KEPT[self._layout.statement_numbers]]
        kind = "mt942" if statement.interim else "mt940"
        return f"{kind}:{statement.account}:{statement.number}:{day}"


def _missing(statement: Statement) -> tuple[str, str] | None:
    if statement.account is None:
        return "FILE_STRUCTURE", "has no account (:25:)"
    if statement.number is None:
        return "FILE_STRUCTURE", "has no number (:28C:)"
    if statement.interim:
        whole = statement.declared or statement.ended
        return None if whole else ("FILE_TRUNCATED", "ends without its sums (:90C:, :90D:)")
    if statement.opening is None:
        return "FILE_STRUCTURE", "has no opening balance (:60F:)"
    if statement.closing is None:
        return "FILE_TRUNCATED", "ends before its closing balance (:62F:)"
    return None
