"""OFX: the state machine over tags: sign-on, statements, transactions, balances."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from recond.parsers import ofx_values
from recond.parsers.currencies import places
from recond.parsers.notes import Notes
from recond.parsers.ofx_scan import Tag, text

if TYPE_CHECKING:
    from recond.parsers.ofx import Layout

LARGEST = 10**13  # minor units: no payment of a city is larger
STATEMENTS = {"STMTRS", "CCSTMTRS", "INVSTMTRS"}
ACCOUNTS = {"BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"}
BALANCES = {"LEDGERBAL": "015", "AVAILBAL": "045"}  # named as BAI2 names them
INSIDE = {"PAYEE", "BANKACCTTO", "CCACCTTO", "CURRENCY", "ORIGCURRENCY", "IMAGEDATA"}
NEEDED = ("TRNTYPE", "DTPOSTED", "TRNAMT", "FITID")
TYPES = {
    "CREDIT", "DEBIT", "INT", "DIV", "FEE", "SRVCHG", "DEP", "ATM", "POS", "XFER", "CHECK",
    "PAYMENT", "CASH", "DIRECTDEP", "DIRECTDEBIT", "REPEATPMT", "HOLD", "OTHER",
}  # fmt: skip
SIGNS = {"CREDIT": 1, "DIRECTDEP": 1, "DEBIT": -1, "CHECK": -1, "DIRECTDEBIT": -1}
Row = dict[str, object]


@dataclass(slots=True)
class Statement:
    """An account's statement while it is read."""

    place: Tag
    account: str | None = None
    bank: str = ""
    currency: str | None = None
    ends: dt.date | None = None  # DTEND, for transactions whose own date is none
    told: set[str] = field(default_factory=set)  # currencies that were told


@dataclass(slots=True)
class Block:
    """An aggregate of leaves that is open: a transaction, a balance, a status, an account."""

    place: Tag
    values: dict[str, str] = field(default_factory=dict)
    nested: str | None = None  # PAYEE, CURRENCY … inside a transaction
    inner: dict[str, str] = field(default_factory=dict)


class Reader:
    """Feed it tags with `take`, then `finish`; `lines` and `balances` are drained between."""

    def __init__(self, layout: Layout, currency: str, encoding: str, notes: Notes) -> None:
        self.lines: list[Row] = []
        self.balances: list[Row] = []
        self._layout = layout
        self._currency = currency
        self._encoding = encoding
        self._notes = notes
        self._seen: dict[str, set[str]] = {}  # identities by account
        self._statement: Statement | None = None
        self._open: Block | None = None
        self._counts = {"lines": 0, "balances": 0, "statements": 0}
        self._begun = self._ended = self._refused = False
        self._behind = self._second = 0  # tags behind </OFX>, <OFX> among them
        self._first_behind = Tag("", False, b"", 1, 0, 0)
        self._at = Tag("", False, b"", 1, 0, 0)

    def take(self, tag: Tag) -> None:
        """One tag, in file order."""
        self._at = tag
        name = tag.name
        if not self._begun or self._ended:
            self._outside(tag)
        elif b"<!--" in tag.value:
            self._tell("RECORD_UNREADABLE", "A comment inside the file could hide transactions.")
        elif name == "OFX":
            self._ended = tag.closes
            if tag.closes:
                self._end()
            else:
                self._tell("FILE_STRUCTURE", "A second <OFX> inside the first one.")
        elif self._open is not None:
            self._inside(self._open, tag)
        elif name in STATEMENTS:
            self._of_statement(tag)
        elif name in ACCOUNTS or name in BALANCES or name in ("STMTTRN", "STATUS"):
            if tag.closes:
                self._tell("FILE_STRUCTURE", f"</{name}> closes nothing.", name)
            else:
                self._open = Block(tag)
        elif not tag.closes:
            self._leaf(tag)

    def finish(self) -> None:
        """Tell what is still missing at the end of the file, and what stands behind it."""
        self._tell_behind()
        if not self._begun or not self._ended:
            self._tell(
                "FILE_TRUNCATED",
                "The file ends before </OFX>: it is not complete. Download it again.",
            )
        elif not self._counts["statements"] and not self._refused:
            self._tell("NO_STATEMENT", "The file holds no account statement. Download one.")
        elif not self._counts["lines"] and not self._refused:
            self._notes.add("NO_ACTIVITY", "The statements have no transactions.")

    def _tell_behind(self) -> None:
        """What follows </OFX> is told once, however much it is."""
        if not self._behind:
            return
        others = f"{self._second} more download{'s' if self._second > 1 else ''}"
        what = others if self._second else f"{self._behind} tags that are no download"
        end, self._at = self._at, self._first_behind
        self._tell(
            "FILE_STRUCTURE",
            f"Behind </OFX> the file goes on with {what}. Part the file, one download each, and "
            "drop the parts.",
        )
        self._at = end

    # -- tags ----------------------------------------------------------------------------------

    def _tell(self, code: str, message: str, field: str | None = None) -> None:
        at = self._at
        self._notes.add(code, message, line=at.line, byte_offset=at.offset, field=field)

    def _end(self) -> None:
        """What is open at </OFX> was never closed: what it holds would be passed over."""
        owner = self._open or self._statement
        if owner is not None:
            name = owner.place.name
            self._tell("FILE_STRUCTURE", f"</OFX> stands before </{name}>.", name)

    def _outside(self, tag: Tag) -> None:
        if tag.name == "OFX" and not tag.closes and not self._begun:
            self._begun = True
        elif self._ended:
            self._first_behind = self._first_behind if self._behind else tag
            self._behind += 1
            self._second += tag.name == "OFX" and not tag.closes
        else:
            self._tell("FILE_STRUCTURE", f"<{tag.name}> stands before <OFX>.")

    def _inside(self, block: Block, tag: Tag) -> None:
        name, owner = tag.name, block.place.name
        if tag.closes:
            if name == owner:
                self._open = None
                self._close(block, tag)
            elif name == block.nested:
                block.nested = None
            elif name in STATEMENTS or name in BALANCES or name in ACCOUNTS or name == "STMTTRN":
                self._tell("FILE_STRUCTURE", f"</{name}> stands before </{owner}>.", name)
                self._open = None
                if name in STATEMENTS:
                    self._of_statement(tag)
        elif name in STATEMENTS or name in ("STMTTRN", "BANKTRANLIST", *BALANCES):
            self._tell("FILE_STRUCTURE", f"<{name}> stands inside <{owner}>.", name)
            self._open = Block(tag) if name == "STMTTRN" else None
        elif name in INSIDE and not tag.value.strip():
            block.nested = name
        else:
            values = block.inner if block.nested else block.values
            key = f"{block.nested}.{name}" if block.nested else name
            if key in values and name in NEEDED:
                self._tell("RECORD_UNREADABLE", f"A transaction has <{name}> twice.", name)
            values[key] = text(tag.value, self._encoding)

    def _leaf(self, tag: Tag) -> None:
        statement = self._statement
        if tag.name in ("TRNAMT", "FITID", "BALAMT"):
            self._tell("FILE_STRUCTURE", f"<{tag.name}> stands in no transaction.", tag.name)
        elif statement is not None and tag.name == "CURDEF":
            if statement.currency is not None:
                self._tell("FILE_STRUCTURE", "The currency of the account stands twice.", "CURDEF")
            statement.currency = text(tag.value, self._encoding).upper()
        elif statement is not None and tag.name == "DTEND":
            found = ofx_values.day(text(tag.value, self._encoding))
            statement.ends = found[0] if found else None

    def _of_statement(self, tag: Tag) -> None:
        before = self._statement
        if not tag.closes:
            if before is not None:
                self._tell("FILE_STRUCTURE", "A statement begins inside another one.", tag.name)
            self._statement = Statement(tag)
            return
        self._statement = None
        if before is None:
            self._tell("FILE_STRUCTURE", f"</{tag.name}> closes no statement.", tag.name)
        elif before.account is None:
            self._tell(
                "FILE_STRUCTURE",
                "A statement names no account. Ask the bank for a complete file.",
                "ACCTID",
            )
        else:
            self._counts["statements"] += 1

    def _close(self, block: Block, tag: Tag) -> None:
        name = block.place.name
        if name == "STATUS":
            self._status(block)
        elif self._statement is None:
            if name not in ACCOUNTS:
                self._tell("FILE_STRUCTURE", f"<{name}> stands in no statement.", name)
        elif name in ACCOUNTS:
            self._account(self._statement, block)
        elif name == "STMTTRN":
            self._transaction(self._statement, block, tag.end)
        else:
            self._balance(self._statement, block, tag.end)

    def _status(self, block: Block) -> None:
        severity = block.values.get("SEVERITY", "").upper()
        if severity == "ERROR":
            self._refused = True
            said = block.values.get("MESSAGE", "") or "no reason"
            self._at = block.place
            self._tell(
                "BANK_REFUSED",
                f"The bank answered with error {block.values.get('CODE', '?')[:10]}: "
                f"{said[:200]}. Download the statement again.",
                "STATUS",
            )
        elif severity not in ("INFO", "WARN"):
            self._tell("RECORD_DEVIATES", "A status has no severity that is known.", "SEVERITY")

    def _account(self, statement: Statement, block: Block) -> None:
        number = block.values.get("ACCTID", "")
        if not number or statement.account is not None:
            self._at = block.place
            what = "has no number" if not number else "stands twice in one statement"
            self._tell("FILE_STRUCTURE", f"The account {what}.", "ACCTID")
            return
        statement.account = number
        statement.bank = block.values.get("BANKID", "") or block.values.get("BROKERID", "")

    # -- money ---------------------------------------------------------------------------------

    def _money(self, statement: Statement, block: Block) -> tuple[int, bool]:
        """Hundredths in a minor unit of the amount's currency (0: none), and whether the line may
        only be shown."""
        base = statement.currency
        if base is None:
            self._tell("RECORD_DEVIATES", f"No currency; {self._currency} is taken.", "CURDEF")
            base = statement.currency = self._currency
        currency = block.inner.get("CURRENCY.CURSYM", base).upper()
        if currency == self._currency:
            return 1, False
        factor = {0: 100, 2: 1, 3: 0}[places(currency)]
        shown = self._layout.other_currency == "show" and factor
        if currency not in statement.told:
            statement.told.add(currency)
            what = "it is shown and never posted" if shown else "this cannot be posted"
            self._tell(
                "CURRENCY_OTHER" if shown else "CURRENCY_WRONG",
                f"Account {statement.account} is in {currency} and not in {self._currency}: "
                f"{what}.",
                "CURDEF",
            )
        return factor, True

    def _units(self, block: Block, statement: Statement, name: str) -> ofx_values.Amount | str:
        currency = block.inner.get("CURRENCY.CURSYM", statement.currency or self._currency)
        found = ofx_values.minor_units(block.values.get(name, ""), places(currency.upper()))
        if isinstance(found, ofx_values.Amount) and found.grouped:
            self._tell("RECORD_DEVIATES", "An amount has separators of thousands.", name)
        return found

    def _transaction(self, statement: Statement, block: Block, end: int) -> None:
        self._at = block.place
        values = block.values
        missing = [name for name in NEEDED if not values.get(name)]
        if missing:
            self._tell(
                "RECORD_UNREADABLE",
                f"A transaction has no {' and no '.join(missing)}. Ask the bank for a new file.",
                missing[0],
            )
            return
        factor, shown = self._money(statement, block)
        amount = self._units(block, statement, "TRNAMT")
        if isinstance(amount, str):
            self._tell("VALUE_UNREADABLE", f"The amount of a transaction: {amount}.", "TRNAMT")
            return
        if abs(amount.units) > LARGEST:
            self._tell("AMOUNT_OUT_OF_RANGE", "An amount is larger than any may be.", "TRNAMT")
            return
        day = self._day(statement, values)
        if day is None:
            return
        if values["TRNTYPE"].upper() not in TYPES:
            shown_type = values["TRNTYPE"][:20]
            self._tell("CODE_UNKNOWN", f"The type '{shown_type}' is not known.", "TRNTYPE")
        if amount.units * SIGNS.get(values["TRNTYPE"].upper(), 0) < 0:
            self._tell("RECORD_DEVIATES", "Type and sign of a transaction differ.", "TRNAMT")
        if "CORRECTFITID" in values:
            shown = True
            self._corrected(values)
        if amount.rounded:
            shown = True
            self._tell(
                "FRACTION_OF_CENT",
                f"The amount {values['TRNAMT'][:30]} has fractions of a cent; it is shown rounded "
                "and not posted. Ask the bank what it booked.",
                "TRNAMT",
            )
        self._keep(statement, block, end, (day, amount.units * factor, shown))

    def _day(self, statement: Statement, values: dict[str, str]) -> dt.date | None:
        found = ofx_values.day(values["DTPOSTED"])
        if found is not None and not found[1]:
            return found[0]
        shown = values["DTPOSTED"][:30]
        if found is not None:
            self._tell("RECORD_DEVIATES", f"The time in '{shown}' is none.", "DTPOSTED")
            return found[0]
        user = ofx_values.day(values.get("DTUSER", ""))
        instead = user[0] if user else statement.ends
        if instead is None:
            self._tell("VALUE_UNREADABLE", f"The date '{shown}' is none.", "DTPOSTED")
            return None
        self._tell(
            "DATE_UNUSUAL",
            f"The date '{shown}' is no date of the calendar; {instead.isoformat()} is taken.",
            "DTPOSTED",
        )
        return instead

    def _corrected(self, values: dict[str, str]) -> None:
        what = "deletes" if values.get("CORRECTACTION", "").upper() == "DELETE" else "replaces"
        self._tell(
            "LINE_CORRECTED",
            f"Line {values['FITID'][:40]} {what} line {values['CORRECTFITID'][:40]} of an earlier "
            "download; it is shown and not posted.",
            "CORRECTFITID",
        )

    def _keep(
        self, statement: Statement, block: Block, end: int, money: tuple[dt.date, int, bool]
    ) -> None:
        values, inner = block.values, block.inner
        identity = f"{statement.bank}/{values['FITID']}" if statement.bank else values["FITID"]
        seen = self._seen.setdefault(statement.account or "", set())
        if identity in seen:
            self._tell(
                "LINE_REPEATED",
                f"Two transactions of account {statement.account} have the FITID "
                f"{values['FITID'][:40]}. Compare them before the file is accepted.",
                "FITID",
            )
        seen.add(identity)
        self._counts["lines"] += 1
        texts = (values.get("NAME"), inner.get("PAYEE.NAME"), values.get("MEMO"))
        day, cents, shown = money
        self.lines.append(
            {
                "ordinal": self._counts["lines"], "line": block.place.line,
                "byte_offset": block.place.offset, "byte_length": end - block.place.offset,
                "bank_account": statement.account, "value_date": day,
                "type_code": values["TRNTYPE"].upper(), "amount_cents": cents,
                "reference": values["FITID"],
                "customer_reference": values.get("CHECKNUM") or values.get("REFNUM") or None,
                "text": " ".join(part for part in texts if part) or None,
                "same_day": shown, "line_id": identity,
            }
        )  # fmt: skip
        if "\ufffd" in f"{identity}{self.lines[-1]['text']}":
            self._tell("CHARACTER_REPLACED", "A character of a text could not be decoded.")

    def _balance(self, statement: Statement, block: Block, end: int) -> None:
        self._at = block.place
        name = block.place.name
        factor, foreign = self._money(statement, block)
        amount = self._units(block, statement, "BALAMT")
        if isinstance(amount, str) or amount.rounded or abs(amount.units) > LARGEST:
            shown = block.values.get("BALAMT", "")[:30]
            self._tell("RECORD_DEVIATES", f"The balance '{shown}' is none and not kept.", name)
            return
        found = ofx_values.day(block.values.get("DTASOF", ""))
        if found is None:
            self._tell("DATE_UNUSUAL", "The date of a balance is none of the calendar.", "DTASOF")
        if foreign or statement.account is None:
            return
        self._counts["balances"] += 1
        self.balances.append(
            {
                "ordinal": self._counts["balances"], "line": block.place.line,
                "byte_offset": block.place.offset, "byte_length": end - block.place.offset,
                "bank_account": statement.account, "as_of_date": found[0] if found else None,
                "type_code": BALANCES[name], "amount_cents": amount.units * factor,
            }
        )  # fmt: skip
