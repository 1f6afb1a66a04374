"""MT940 and MT942: the state machine over the fields of statements (formats.md section 7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recond.parsers import mt940_state as state
from recond.parsers.columns import Ints
from recond.parsers.currencies import places
from recond.parsers.dates import NO_DATE, day_of
from recond.parsers.mt940_fields import END, INFORMATION, LINE, Fields, tag
from recond.parsers.mt940_lines import Lines
from recond.parsers.mt940_state import Balance, Gathered, Statement
from recond.parsers.notes import Notes
from recond.parsers.spans import either

if TYPE_CHECKING:
    from recond.parsers.mt940 import Layout

_NAMES = {
    tag(name): name
    for name in ("12", "13", "13D", "20", "21", "25", "25P", "28", "28C", "34F", "60F", "60M",
                 "61", "62F", "62M", "64", "65", "86", "90C", "90D")
}  # fmt: skip


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
        self._currency = currency
        self._encoding = encoding
        self._notes = notes
        self._open: Statement | None = None
        self._last: dict[str, Statement] = {}  # by account: the statement before
        self._identities: set[str] = set()
        self._statements = self._entries = 0
        self._place = (1, 0)
        self._length = 0

    @property
    def identity(self) -> str | None:
        """That of the transmission: account and number of every statement in it."""
        if not self._identities:
            return None
        names = sorted(self._identities)
        if len(names) == 1:
            return names[0]
        return "mt940s:" + hashlib.sha256("\n".join(names).encode()).hexdigest()

    def walk(self, found: Fields, heads: Ints, nexts: Ints, lines: Lines) -> list[Run]:
        """Take the fields of one chunk, in order; which lines belong to which statement."""
        tags = found.tag[heads]
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
        for before in self._last.values():
            if before.closing is not None and before.closing.intermediate:
                self._tell_at(
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

    def _at(self, found: Fields, head: int, after: int) -> None:
        start = int(found.start[head])
        self._place = (int(found.line[head]), found.offset + start)
        self._length = int(found.end[after - 1]) - start

    def _value(self, found: Fields, head: int, after: int) -> str:
        # A value that a bank wrapped is put together; texts (86) do not come here.
        if int(found.tag[head]) in (INFORMATION, END):
            return ""
        parts = [either(found.content(row), self._encoding) for row in range(head, after)]
        own = next((n for n, part in enumerate(parts) if n and part.startswith(":")), len(parts))
        if own < len(parts):
            self._tell("RECORD_DEVIATES", f"The bank's own field '{parts[own][:20]}' is not read.")
        return "".join(parts[:own]).split(":", 2)[2].strip()

    def _tell(self, code: str, message: str, field: str | None = None) -> None:
        self._tell_at(self._place, code, message, field)

    def _tell_at(self, place: tuple[int, int], code: str, message: str, field: str | None) -> None:
        self._notes.add(code, message, line=place[0], byte_offset=place[1], field=field)

    def _take(self, kind: int, value: str) -> None:
        name = _NAMES.get(kind, "")
        if kind == END:
            if self._open is not None:
                self._open.ended = True
            self._close()
        elif name == "20":
            self._close()
            self._open = Statement(self._place, began=True)
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
            self._opening(statement, name, value)
        elif name in ("62F", "62M"):
            self._closing(statement, name, value)
        elif name in ("90C", "90D"):
            self._total(statement, name, value)
        else:
            self._available(statement, name, value)

    def _statement(self) -> Statement:
        if self._open is None:
            self._tell(
                "FILE_STRUCTURE",
                "A statement begins without its reference (:20:). Ask the bank for the whole file.",
                "20",
            )
            self._open = Statement(self._place)
        return self._open

    def _account(self, statement: Statement, value: str) -> None:
        if statement.account is not None or statement.opening is not None:
            self._tell("FILE_STRUCTURE", "A second account (:25:) inside one statement.", "25")
        elif not value or len(value) > 60:
            self._tell("RECORD_UNREADABLE", "The account (:25:) is blank or too long.", "25")
        else:
            statement.account = value

    def _number(self, statement: Statement, value: str) -> None:
        if statement.number is not None:
            self._tell("FILE_STRUCTURE", "A second number (:28C:) inside one statement.", "28C")
        elif state.NUMBER.match(value) is None:
            shown = value[:30]
            self._tell("RECORD_UNREADABLE", f"The statement number '{shown}' is none.", "28C")
        else:
            statement.number = value

    def _floor(self, statement: Statement, value: str) -> None:
        found = state.FLOOR.match(value)
        if found is None:
            self._tell("RECORD_UNREADABLE", f"The floor limit '{value[:30]}' is none.", "34F")
            return
        statement.interim = statement.opening is None
        self._in_currency(statement, found["currency"])

    # -- money ---------------------------------------------------------------------------------

    def _in_currency(self, statement: Statement, currency: str | None) -> None:
        """The statement's currency, from whichever field gives it first; all must agree."""
        if statement.currency is not None:
            if currency is not None and currency != statement.currency:
                self._tell(
                    "CURRENCY_WRONG",
                    f"The {statement.name} is in {statement.currency}, this field in {currency}.",
                    "currency",
                )
            return
        if currency is None:
            suffix = state.ACCOUNT_CURRENCY.search(statement.account or "")
            currency = suffix.group(1) if suffix else self._currency
            self._tell(
                "RECORD_DEVIATES", f"A balance has no currency; {currency} is taken.", "currency"
            )
        statement.currency = currency
        digits = places(currency)
        statement.scale = 10 ** (3 - digits)
        statement.foreign = currency != self._currency
        if statement.foreign:
            statement.factor = {0: 100, 2: 1, 3: 0}[digits]
            shown = self._layout.other_currency == "show" and statement.factor
            what = "its lines are shown and never posted" if shown else "this cannot be posted"
            self._tell(
                "CURRENCY_OTHER" if shown else "CURRENCY_WRONG",
                f"The {statement.name} is in {currency} and not in {self._currency}: {what}.",
                "currency",
            )

    def _balance(self, statement: Statement, name: str, value: str) -> Balance | None:
        found = state.BALANCE.match(value)
        if found is None:
            self._tell("RECORD_UNREADABLE", f"The balance '{value[:40]}' cannot be read.", name)
            return None
        self._in_currency(statement, found["currency"])
        milli = self._milli(statement, name, found["whole"], found["part"])
        if milli is None:
            return None
        day = day_of(found["day"], "YYMMDD", self._layout.year_pivot)
        if day is None:
            self._tell(
                "DATE_UNUSUAL",
                f"The date '{found['day']}' of a balance is no date of the calendar; that of the "
                "opening balance is taken.",
                name,
            )
        signed = milli if found["mark"] == "C" else -milli
        real = statement.day if day is None else day
        return Balance(signed, real, found["day"], found["currency"], name.endswith("M"))

    def _milli(self, statement: Statement, name: str, whole: str, part: str | None) -> int | None:
        milli = int(whole) * 1000 + int(((part or "") + "000")[:3])
        if milli > state.LARGEST:
            self._tell("AMOUNT_OUT_OF_RANGE", "A balance is larger than any that may be.", name)
            return None
        if milli % statement.scale:
            self._tell(
                "RECORD_UNREADABLE",
                f"The amount has more decimal places than {statement.currency} has.",
                name,
            )
            return None
        return milli

    def _keep(self, statement: Statement, code: str, balance: Balance) -> None:
        if statement.foreign or statement.interim or statement.account is None:
            return
        cents = balance.milli // statement.scale
        place = (*self._place, self._length)
        self.gathered.balance(place, statement.account, balance.day, (code, cents))

    def _opening(self, statement: Statement, name: str, value: str) -> None:
        if statement.opening is not None or statement.entries:
            self._tell("FILE_STRUCTURE", "An opening balance inside an open statement.", name)
            return
        balance = self._balance(statement, name, value)
        if balance is None:
            return
        statement.opening, statement.interim = balance, False
        if not balance.intermediate:
            self._keep(statement, state.OPENING, balance)
        self._joins(statement, balance)

    def _joins(self, statement: Statement, opening: Balance) -> None:
        """Pages must join; a statement that does not open as the last one closed is asked about."""
        before = self._last.get(statement.account or "")
        closed = before.closing if before else None
        if opening.intermediate:
            if closed is None or not closed.intermediate:
                self._tell(
                    "FILE_TRUNCATED",
                    f"The {statement.name} is a later page (60M) and its first page is missing.",
                    "60M",
                )
                return
            self.gathered.control(
                "BALANCE_WRONG", f"opening balance of the next page of {statement.name}", "cents",
                (opening.milli // statement.scale, closed.milli // statement.scale),
                (*self._place, "60M"),
            )  # fmt: skip
            return
        if before is None or closed is None:
            return
        if before.key == statement.key and not statement.foreign and before.entries:
            self._tell(
                "LINE_REPEATED",
                f"The {statement.name} stands twice in the file: its lines would count twice.",
                "28C",
            )
        if closed.intermediate:
            self._tell(
                "FILE_TRUNCATED",
                f"The {before.name} ends with an intermediate balance (62M) and its next page does "
                "not follow.",
                "60F",
            )
        elif closed.milli != opening.milli or before.currency != statement.currency:
            self._tell(
                "STATEMENT_CHAIN_BROKEN",
                f"The {statement.name} opens with {_shown(opening.milli)}, but the one before it "
                f"closed with {_shown(closed.milli)}: a statement may be missing.",
                "60F",
            )
        self._follows(before, statement)

    def _follows(self, before: Statement, statement: Statement) -> None:
        numbers = [state.NUMBER.match(one.number or "") for one in (before, statement)]
        if numbers[0] is None or numbers[1] is None:
            return
        last, this = (int(found["number"]) for found in numbers if found)
        if last and this not in (last + 1, 1) and before.number != statement.number:
            self._tell(
                "STATEMENT_SEQUENCE",
                f"The {statement.name} follows number {before.number}: numbers are missing.",
                "28C",
            )

    def _closing(self, statement: Statement, name: str, value: str) -> None:
        if statement.opening is None or statement.closing is not None:
            self._tell("FILE_STRUCTURE", "A closing balance without its opening balance.", name)
            return
        balance = self._balance(statement, name, value)
        if balance is None:
            return
        statement.closing = balance
        if not balance.intermediate:
            self._keep(statement, state.CLOSING, balance)
        found = statement.opening.milli + statement.milli
        self.gathered.control(
            "BALANCE_WRONG", f"closing balance of {statement.name}", "cents",
            (balance.milli // statement.scale, found // statement.scale), (*self._place, name),
        )  # fmt: skip

    def _available(self, statement: Statement, name: str, value: str) -> None:
        if statement.closing is None:
            self._tell("FILE_STRUCTURE", f"A balance :{name}: before the closing balance.", name)
            return
        balance = self._balance(statement, name, value)
        if balance is not None and name == "64":
            self._keep(statement, state.AVAILABLE, balance)

    def _total(self, statement: Statement, name: str, value: str) -> None:
        found = state.SUM.match(value)
        if found is None:
            self._tell("RECORD_UNREADABLE", f"The sum '{value[:40]}' cannot be read.", name)
            return
        self._in_currency(statement, found["currency"])
        milli = self._milli(statement, name, found["whole"], found["part"])
        if milli is None:
            return
        statement.declared = True
        side = statement.credit if name == "90C" else statement.debit
        count = int(found["count"])
        # Whether a reversal counts by its effect or by its letter is the bank's choice.
        by_letter = (count, milli) == (side.letter_count, side.letter_milli)
        figures = (side.letter_count, side.letter_milli) if by_letter else (side.count, side.milli)
        what = "credits" if name == "90C" else "debits"
        place = (*self._place, name)
        self.gathered.control(
            "FILE_COUNT_WRONG", f"number of {what} in {statement.name}", "count",
            (count, figures[0]), place,
        )  # fmt: skip
        self.gathered.control(
            "FILE_TOTAL_WRONG", f"sum of {what} in {statement.name}", "cents",
            (milli // statement.scale, figures[1] // statement.scale), place,
        )  # fmt: skip

    def _lines(self, lines: Lines, start: int, stop: int) -> list[Run]:
        statement = self._statement()
        if statement.closing is not None or not (statement.opening or statement.interim):
            self._tell(
                "FILE_STRUCTURE",
                "A statement line (61) stands outside opening and closing balance.",
                "61",
            )
            return []
        cut = slice(start, stop)
        milli, sign, letter = lines.milli[cut], lines.sign[cut], lines.by_letter[cut]
        if statement.scale > 1 and bool((milli % statement.scale).any()):
            row = int(np.flatnonzero(milli % statement.scale)[0])
            self._tell(
                "RECORD_UNREADABLE",
                f"Statement line {row + 1} from here has more decimal places than "
                f"{statement.currency} has.",
                "61",
            )
        booked = ~lines.expected[cut]
        if not statement.interim and not booked.all():
            self._tell(
                "RECORD_DEVIATES",
                "An expected entry (EC, ED) in a statement is shown and not counted.",
                "61",
            )
        # Sums of at most a block's lines of at most 1e14 fit int64.
        statement.milli += int((milli * sign)[booked].sum())
        for side, way in ((statement.credit, 1), (statement.debit, -1)):
            side.count += int((sign == way).sum())
            side.milli += int(milli[sign == way].sum())
            side.letter_count += int((letter == way).sum())
            side.letter_milli += int(milli[letter == way].sum())
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
            self._tell_at(
                statement.place, code, f"The {statement.name} {what}. Ask the bank for a new file.",
                None,
            )  # fmt: skip
            return
        self._statements += 1
        self._identities.add(self._name(statement))
        if not statement.interim and statement.account is not None:
            self._last[statement.account] = statement

    def _name(self, statement: Statement) -> str:
        """Account and number; the year as well, in which numbers begin again, or the day where
        a bank does not number."""
        found = state.NUMBER.match(statement.number or "")
        numbered = found is not None and int(found["number"]) > 0
        dated = statement.closing or statement.opening
        day = dated.text if dated else statement.reported or ""
        if numbered and not statement.interim and self._layout.statement_numbers == "year":
            day = day[:2]
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


def _shown(milli: int) -> str:
    """Thousandths as people write them."""
    sign, whole = "-" if milli < 0 else "", abs(milli)
    return f"{sign}{whole // 1000:,}.{whole % 1000 // 10:02d}"


__all__ = ["NO_DATE", "Reader", "Run"]
