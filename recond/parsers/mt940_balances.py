"""MT940 and MT942: balances and sums of statements, their currency, and how they join (formats.md
section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recond.parsers import mt940_state as state
from recond.parsers.currencies import places
from recond.parsers.dates import day_of
from recond.parsers.mt940_state import Balance, Gathered, Statement
from recond.parsers.notes import Notes

if TYPE_CHECKING:
    from recond.parsers.mt940 import Layout


class Told:
    """Where the field that is read stands, and problems told there."""

    def __init__(self, notes: Notes) -> None:
        self.place = (1, 0)  # line and byte offset
        self.length = 0
        self._notes = notes

    def tell(self, code: str, message: str, field: str | None = None) -> None:
        """A problem of the field that is read."""
        self.tell_at(self.place, code, message, field)

    def tell_at(self, place: tuple[int, int], code: str, message: str, field: str | None) -> None:
        """A problem of an earlier place."""
        self._notes.add(code, message, line=place[0], byte_offset=place[1], field=field)


class Balances:
    """Takes the fields of money; `last` is the statement before, by account."""

    def __init__(self, layout: Layout, currency: str, told: Told, gathered: Gathered) -> None:
        self.last: dict[str, Statement] = {}
        self.gathered = gathered
        self._layout = layout
        self._consecutive = layout.statement_numbers in ("year", "month")
        self._currency = currency
        self._told = told

    def in_currency(self, statement: Statement, currency: str | None) -> None:
        """The statement's currency, from whichever field gives it first; all must agree."""
        if statement.currency is not None:
            if currency is not None and currency != statement.currency:
                self._told.tell(
                    "CURRENCY_WRONG",
                    f"The {statement.name} is in {statement.currency}, this field in {currency}.",
                    "currency",
                )
            return
        if currency is None:
            suffix = state.ACCOUNT_CURRENCY.search(statement.account or "")
            currency = suffix.group(1) if suffix else self._currency
            self._told.tell(
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
            self._told.tell(
                "CURRENCY_OTHER" if shown else "CURRENCY_WRONG",
                f"The {statement.name} is in {currency} and not in {self._currency}: {what}.",
                "currency",
            )

    def _balance(self, statement: Statement, name: str, value: str) -> Balance | None:
        found = state.BALANCE.match(value)
        if found is None:
            self._told.tell(
                "RECORD_UNREADABLE", f"The balance '{value[:40]}' cannot be read.", name
            )
            return None
        self.in_currency(statement, found["currency"])
        milli = self._milli(statement, name, found["whole"], found["part"])
        if milli is None:
            return None
        day = day_of(found["day"], "YYMMDD", self._layout.year_pivot)
        if day is None:
            self._told.tell(
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
            self._told.tell(
                "AMOUNT_OUT_OF_RANGE", "A balance is larger than any that may be.", name
            )
            return None
        if milli % statement.scale:
            self._told.tell(
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
        place = (*self._told.place, self._told.length)
        number = statement.number or ""
        known = self._consecutive and state.numbered(number) is not None
        kind = (code, cents)
        self.gathered.balance(place, statement, balance.day, kind, number if known else None)

    def opening(self, statement: Statement, name: str, value: str) -> None:
        """60F, 60M: the opening balance, which must join what was closed before."""
        if statement.opening is not None or statement.entries:
            self._told.tell("FILE_STRUCTURE", "An opening balance inside an open statement.", name)
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
        before = self.last.get(statement.account or "")
        closed = before.closing if before else None
        if opening.intermediate:
            if closed is None or not closed.intermediate:
                self._told.tell(
                    "FILE_TRUNCATED",
                    f"The {statement.name} is a later page (60M) and its first page is missing.",
                    "60M",
                )
                return
            self.gathered.control(
                "BALANCE_WRONG", f"opening balance of the next page of {statement.name}", "cents",
                (opening.milli // statement.scale, closed.milli // statement.scale),
                (*self._told.place, "60M"),
            )  # fmt: skip
            return
        if before is None or closed is None:
            return
        if before.key == statement.key and not statement.foreign and before.entries:
            self._told.tell(
                "LINE_REPEATED",
                f"The {statement.name} stands twice in the file: accepted as found, "
                "its lines count twice. Reject the file, and drop each statement once as a file of "
                "its own, or ask the bank for one.",
                "28C",
            )
        if closed.intermediate:
            self._told.tell(
                "FILE_TRUNCATED",
                f"The {before.name} ends with an intermediate balance (62M) and its next page does "
                "not follow.",
                "60F",
            )
        elif closed.milli != opening.milli or before.currency != statement.currency:
            self._told.tell(
                "STATEMENT_CHAIN_BROKEN",
                f"The {statement.name} opens with {_shown(opening.milli)}, but the one before it "
                f"closed with {_shown(closed.milli)}: a statement may be missing.",
                "60F",
            )
        self._follows(before, statement)

    def _follows(self, before: Statement, statement: Statement) -> None:
        last, this = (state.numbered(one.number or "") for one in (before, statement))
        if not self._consecutive or last is None or this is None:
            return
        if not state.follows(last, this) and last != this:
            self._told.tell(
                "STATEMENT_SEQUENCE",
                f"The {statement.name} follows number {before.number}: numbers are missing.",
                "28C",
            )

    def closing(self, statement: Statement, name: str, value: str) -> None:
        """62F, 62M: the closing balance, made by the opening one and the lines."""
        if statement.opening is None or statement.closing is not None:
            self._told.tell(
                "FILE_STRUCTURE", "A closing balance without its opening balance.", name
            )
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
            (balance.milli // statement.scale, found // statement.scale), (*self._told.place, name),
        )  # fmt: skip

    def available(self, statement: Statement, name: str, value: str) -> None:
        """64, 65: a balance behind the closing one."""
        if statement.closing is None:
            self._told.tell(
                "FILE_STRUCTURE", f"A balance :{name}: before the closing balance.", name
            )
            return
        balance = self._balance(statement, name, value)
        if balance is not None and name == "64":
            self._keep(statement, state.AVAILABLE, balance)

    def total(self, statement: Statement, name: str, value: str) -> None:
        """90C, 90D: the sums of an interim report."""
        found = state.SUM.match(value)
        if found is None:
            self._told.tell("RECORD_UNREADABLE", f"The sum '{value[:40]}' cannot be read.", name)
            return
        self.in_currency(statement, found["currency"])
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
        place = (*self._told.place, name)
        self.gathered.control(
            "FILE_COUNT_WRONG", f"number of {what} in {statement.name}", "count",
            (count, figures[0]), place,
        )  # fmt: skip
        self.gathered.control(
            "FILE_TOTAL_WRONG", f"sum of {what} in {statement.name}", "cents",
            (milli // statement.scale, figures[1] // statement.scale), place,
        )  # fmt: skip


def _shown(milli: int) -> str:
    """Thousandths as people write them."""
    sign, whole = "-" if milli < 0 else "", abs(milli)
    return f"{sign}{whole // 1000:,}.{whole % 1000 // 10:02d}"
