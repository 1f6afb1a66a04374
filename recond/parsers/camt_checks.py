"""camt: what must hold of entries and statements, and what is told where it does not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from recond.model import BANK_BALANCES
from recond.money import MAX_CENTS
from recond.parsers.bai2_state import LARGEST_TOTAL, Controls
from recond.parsers.camt_entries import Entries, equal
from recond.parsers.camt_statement import Balance, Statement, partial, summaries
from recond.parsers.columns import Ints, Mask
from recond.parsers.notes import Notes

SHOWN = ["PDNG", "INFO", "FUTR"]
ASK = "Ask the bank for a new file."


@dataclass(slots=True)
class Checks:
    """The controls of one file; `kind` is 052, 053 or 054, `header` that of the message."""

    currency: str
    show_others: bool  # entries in another currency are shown; else they hold the file
    turned: bool  # reversals are signed against CdtDbtInd
    notes: Notes
    controls: Controls = field(default_factory=Controls)
    header: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, ...]] = field(default_factory=set)  # statements of the file with entries
    kind: str = ""
    balances: int = 0

    def tell(
        self, code: str, message: str, line: int | None = 1, at: int | None = 0,
        field: str | None = None,
    ) -> None:  # fmt: skip
        """A problem with its place."""
        self.notes.add(code, message, line=line, byte_offset=at, field=field)

    def entries(self, entries: Entries, owner: Ints, booked: Mask) -> None:
        """Tell what is wrong with the entries of a block; `owner` below 0 is no statement."""
        shown = equal(entries.status, SHOWN)
        unreadable = (
            "An entry cannot be read: it needs one Amt, unsigned and of whole cents up to "
            f"{MAX_CENTS // 100:,}, and one CdtDbtInd, CRDT or DBIT. {ASK}"
        )
        status = (
            "The status of an entry is none of BOOK, PDNG, INFO and FUTR: it is shown and never "
            "posted."
        )
        odd_day = (
            "The value date of an entry is no date of the calendar; the booking date or the "
            "statement's is taken."
        )
        for code, where, message, name in (
            ("RECORD_UNREADABLE", entries.bad, unreadable, "Ntry/Amt"),
            ("FILE_STRUCTURE", owner < 0, f"An entry stands in no statement. {ASK}", "Ntry"),
            ("CODE_UNKNOWN", ~booked & ~shown, status, "Ntry/Sts"),
            ("DATE_UNUSUAL", entries.odd_day, odd_day, "Ntry/ValDt"),
        ):
            for row in np.flatnonzero(where):
                self._entry(entries, int(row), code, message, name)
        differs = (entries.declared != entries.details) & (entries.details > 0)
        for row in np.flatnonzero(differs & (entries.declared >= 0)):
            self._batch(entries, int(row))
        wrong = entries.summed & (entries.detail_cents != entries.cents) & ~entries.bad
        for row in np.flatnonzero(wrong):
            self._detail_sum(entries, int(row))

    def _entry(
        self, entries: Entries, row: int, code: str, message: str, field: str | None
    ) -> None:
        self.tell(code, message, int(entries.line[row]), int(entries.offset[row]), field)

    def _batch(self, entries: Entries, row: int) -> None:
        """A batch may come with all of its details, with one for all, or with none."""
        declared, found = int(entries.declared[row]), int(entries.details[row])
        if found == 1:
            self._entry(entries, row, "SUMMARY_DIFFERS", f"The batch of an entry declares "
                        f"{declared:,} payments and shows one.", "Btch/NbOfTxs")  # fmt: skip
            return
        self.controls.add(
            "FILE_COUNT_WRONG", "number of details of an entry (Btch/NbOfTxs)", "count",
            (declared, found), self._place(entries, row, "Btch/NbOfTxs"),
        )  # fmt: skip

    def _detail_sum(self, entries: Entries, row: int) -> None:
        details = int(entries.details[row])
        if details > 1 and int(entries.same[row]) == details:
            words = "Each detail of an entry repeats its whole amount, so details prove nothing."
            self._entry(entries, row, "RECORD_DEVIATES", words, "TxDtls")
            return
        self.controls.add(
            "FILE_TOTAL_WRONG", "amount of an entry against its details", "cents",
            (int(entries.cents[row]), int(entries.detail_cents[row])),
            self._place(entries, row, "Ntry/Amt"),
        )  # fmt: skip

    def _place(self, entries: Entries, row: int, field: str) -> tuple[int, int, str]:
        return int(entries.line[row]), int(entries.offset[row]), field

    # -- statements ----------------------------------------------------------------------------

    def closed(self, statements: list[Statement]) -> pa.Table:
        """Judge statements that ended; their balances."""
        rows: list[dict[str, object]] = []
        for statement in statements:
            self._currencies(statement)
            self._once(statement)
            for sentence in summaries(statement, self.controls):
                self.tell("RECORD_UNREADABLE", f"Of {statement.name} {sentence}. {ASK}",
                           statement.line, statement.offset, "TxsSummry")  # fmt: skip
            self._equation(statement)
            for balance in statement.balances:
                if not balance.sign or balance.cents is None:
                    self.tell("RECORD_UNREADABLE", f"A balance of {statement.name} has no amount "
                               f"or no CdtDbtInd. {ASK}", *balance.place[:2], "Bal")  # fmt: skip
                elif self.kind == "053" and balance.currency == self.currency:
                    self.balances += 1
                    rows.append(_balance_row(statement, balance, self.balances))
        return pa.Table.from_pylist(rows, schema=BANK_BALANCES)

    def _once(self, statement: Statement) -> None:
        """A statement that stands twice in a file (one message twice in a zip) counts once."""
        message, page = self.header.get("MsgId", ""), self.header.get("MsgPgntn/PgNb", "")
        name = (self.kind, message, statement.page or page, statement.id, statement.account)
        if self.kind != "053" or not statement.lines or not statement.id:
            return
        if name in self.seen:
            words = (
                f"{statement.name} stands twice in the file: accepted as found, its entries count "
                "twice. Reject the file and drop each message once."
            )
            self.tell("LINE_REPEATED", f"{words} {ASK}", statement.line, statement.offset, "Id")
        self.seen.add(name)

    def _currencies(self, statement: Statement) -> None:
        given = statement.currency or next((b.currency for b in statement.balances), "")
        found = statement.currencies | {b.currency for b in statement.balances}
        own = given or min(found, default=self.currency)
        if self.kind == "053" and found - {own}:
            others = ", ".join(sorted(c or "none" for c in found - {own}))
            self.tell("CURRENCY_WRONG", f"{statement.name} is in {own} and has amounts in "
                       f"{others}. {ASK}", statement.line, statement.offset, "Ccy")  # fmt: skip
        elif found - {self.currency}:
            code = "CURRENCY_OTHER" if self.show_others else "CURRENCY_WRONG"
            named = ", ".join(sorted(found - {self.currency}))
            self.tell(code, f"{statement.name} is in {named} and not in {self.currency}: its "
                       "entries are shown and never posted.", statement.line, statement.offset,
                       "Ccy")  # fmt: skip

    def _equation(self, statement: Statement) -> None:
        """Opening and booked entries make the closing balance."""
        if self.kind != "053":
            return
        opening, closing = statement.balance("OPBD", "PRCD"), statement.balance("CLBD")
        pages = (self.header.get("MsgPgntn/PgNb", ""), self.header.get("MsgPgntn/LastPgInd", ""))
        parted = partial(statement, *pages)
        known = [b for b in (opening, closing) if b is not None and b.cents is not None]
        if len(known) < 2 or opening is None or closing is None:
            if statement.credit.count + statement.debit.count:
                self.tell("RECORD_DEVIATES", f"{statement.name} has no opening or no closing "
                           "balance, so nothing proves that its entries are all.",
                           statement.line, statement.offset, "Bal")  # fmt: skip
            return
        declared = closing.sign * (closing.cents or 0)
        found = opening.sign * (opening.cents or 0) + statement.booked
        if parted and declared != found:
            self.tell("RECORD_DEVIATES", f"{statement.name} comes in several pages; the balances "
                       "can only be proved with the others.", statement.line, statement.offset,
                       "PgNb")  # fmt: skip
            return
        self._hint(statement, declared - found)
        if abs(found) >= LARGEST_TOTAL:
            words = f"The entries of {statement.name} sum to more than any bank holds."
            self.tell("AMOUNT_OUT_OF_RANGE", words, statement.line, statement.offset)
        else:
            self.controls.add(
                "BALANCE_WRONG",
                f"closing balance {closing.code} of {statement.name} against "
                f"{opening.code} and booked entries",
                "cents", (declared, found), (*closing.place[:2], "Bal"),
            )  # fmt: skip

    def _hint(self, statement: Statement, difference: int) -> None:
        factor = 2 if self.turned else -2
        if difference and statement.reversed_cents * factor == difference:
            other = "as_indicated" if factor == 2 else "turned"
            self.tell("RECORD_DEVIATES", f"{statement.name} would balance with its reversals "
                       f"(RvslInd) the other way round: if the bank means that, set reversals = "
                       f"\"{other}\" in its format file.", statement.line, statement.offset,
                       "RvslInd")  # fmt: skip


def _balance_row(statement: Statement, balance: Balance, ordinal: int) -> dict[str, object]:
    line, offset, length = balance.place
    return {
        "ordinal": ordinal, "line": line, "byte_offset": offset, "byte_length": length,
        "bank_account": statement.account or None, "as_of_date": balance.day,
        "type_code": balance.code, "amount_cents": balance.sign * (balance.cents or 0),
    }  # fmt: skip
