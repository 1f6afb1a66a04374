"""ISO 20022 camt.052, 053 and 054, versions 1 to 13: bank lines and balances (formats.md section 8).

The root of the message says what a file is. Entries of a statement (053) that are booked and in the
bank's own currency post; those of reports and notifications (052, 054), pending ones and those in
another currency are shown and never posted. The schema of a version is no gate: the sums are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import BinaryIO, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from recond.model import BANK_BALANCES, BANK_LINES, Format, Parsed, Transmission
from recond.money import MAX_CENTS, parse_decimal
from recond.parsers.bai2_state import LARGEST_TOTAL, Controls
from recond.parsers.camt_entries import Entries, day, plain, read_entries
from recond.parsers.camt_paths import MESSAGES, MSG, NUMBERS, PATHS, STMT
from recond.parsers.camt_statement import Balance, Statement, partial, summaries
from recond.parsers.columns import Ints, Mask
from recond.parsers.notes import Notes
from recond.parsers.xmlscan import Elements, Scanner

_SHOWN = ("PDNG", "INFO", "FUTR")
_LOCAL = re.compile(rb"<(?:[^\s<>:/]+:)?([^\s<>:/]+)")
_NAMES = {
    number: key
    for key, number in NUMBERS.items()
    if key.startswith(("STMT/", "GRPHDR/")) or key in ("MSG", "STMT")
}
_HEADING = np.array(sorted(_NAMES), dtype=np.int64)
_ASK = "Ask the bank for a new file."


class Layout(BaseModel):
    """What a bank's profile of camt may say; the defaults are the standard's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reversals: Literal["as_indicated", "turned"] = Field(
        default="as_indicated",
        description="entries with RvslInd: signed by CdtDbtInd alone, or the other way round",
    )
    other_currency: Literal["hold", "show"] = Field(
        default="show", description="entries in another currency: hold the file, or show them"
    )


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """Read a camt file into bank_lines, bank_balances and controls, a chunk a megabyte.

    Controls: opening (OPBD, else PRCD) and booked entries are the closing balance (CLBD); numbers
    and sums of TxsSummry; sums and numbers of details. Never raises for what the file holds.

    Problems that hold: FILE_STRUCTURE, FILE_TRUNCATED, RECORD_UNREADABLE, RECORD_TOO_LONG,
    NUL_BYTES, ENCODING_WRONG, AMOUNT_OUT_OF_RANGE, CURRENCY_WRONG.
    """
    if not isinstance(fmt.layout, Layout):
        raise TypeError(f"format {fmt.name} has no camt layout")
    notes = Notes()
    scanner = Scanner(source, PATHS, "Ntry", notes)
    reader = _Reader(fmt.layout, fmt.currency, notes)
    for elements in scanner.blocks():
        tables = reader.take(elements)
        yield Parsed(tables, notes.drain())
    yield reader.finish(scanner.sound)


class _Reader:
    """What was declared and found; `take` blocks, then `finish`."""

    def __init__(self, layout: Layout, currency: str, notes: Notes) -> None:
        self._layout = layout
        self._currency = currency
        self._notes = notes
        self._controls = Controls()
        self._kind = ""
        self._header: dict[str, str] = {}
        self._statements: list[Statement] = []  # of this block; the first one may be older
        self._identities: list[str] = []
        self._count = self._lines = self._balances = 0
        self._digest = hashlib.sha256()

    def take(self, elements: Elements) -> dict[str, pa.Table]:
        """The tables of a block."""
        carried = len(self._statements)
        heading = np.flatnonzero(np.isin(elements.path, _HEADING))
        for at, line in zip(heading.tolist(), elements.line(elements.start[heading]), strict=True):
            self._heading(elements, at, int(line))
        entries = read_entries(elements)
        rows = self._judged(entries, entries.statement + carried - 1)
        lines = self._bank_lines(entries, rows, entries.statement + carried - 1)
        done, self._statements = self._statements[:-1], self._statements[-1:]
        return {
            "bank_lines": lines,
            "bank_balances": self._closed(done),
            "controls": self._controls.drain(),
        }

    def finish(self, sound: bool) -> Parsed:
        """What can be said at the end of the file, and the transmission."""
        balances = self._closed(self._statements) if sound else BANK_BALANCES.empty_table()
        if sound and not self._kind:
            self._tell("FILE_STRUCTURE", "The file is XML and holds no message camt.052, 053 or "
                       f"054. {_ASK}")  # fmt: skip
        elif sound and not self._count:
            self._tell("FILE_STRUCTURE", f"The message camt.{self._kind} holds no statement. {_ASK}")
        elif sound and not self._lines:
            self._notes.add("NO_ACTIVITY", "The statement has no entries.")
        tables = {"bank_balances": balances, "controls": self._controls.drain()}
        digest = self._digest.hexdigest() if self._lines and self._kind == "053" else None
        identity = self._identity() if self._kind else None
        return Parsed(
            tables, self._notes.drain() + self._notes.rest(), Transmission(identity, digest)
        )

    def _identity(self) -> str | None:
        """MsgId, page and the statements' Ids (formats.md section 0)."""
        message = self._header.get("MsgId", "")
        if not message and not any(self._identities):
            return None
        page = self._header.get("MsgPgntn/PgNb", "1")
        text = "\x1f".join([message, page, *self._identities])
        if len(text) > 200:
            text = hashlib.sha256(text.encode()).hexdigest()
        return f"camt.{self._kind}:{text}".replace("\x1f", ":")

    def _tell(
        self, code: str, message: str, line: int | None = 1, at: int | None = 0,
        field: str | None = None,
    ) -> None:  # fmt: skip
        self._notes.add(code, message, line=line, byte_offset=at, field=field)

    # -- headings ------------------------------------------------------------------------------

    def _heading(self, elements: Elements, at: int, line: int) -> None:
        """One element above the entries."""
        key = _NAMES[int(elements.path[at])]
        start = int(elements.start[at])
        place = (line, elements.offset + start, int(elements.end[at]) - start)
        if key == "MSG":
            self._message(elements.data[start : start + 80].tobytes(), place)
            return
        if key == "STMT":
            self._count += 1
            self._statements.append(Statement(line, place[1]))
            return
        raw = elements.data[int(elements.low[at]) : int(elements.high[at])].tobytes()
        text = " ".join(plain(raw.decode(elements.encoding, "replace")).split())
        if key.startswith("GRPHDR/"):
            self._header.setdefault(key.removeprefix("GRPHDR/"), text)
        elif self._statements:
            currency = elements.currencies[int(elements.currency[at])]
            self._statement(key.removeprefix("STMT/"), text, currency, place)

    def _message(self, tag: bytes, place: tuple[int, int, int]) -> None:
        found = _LOCAL.match(tag)
        kind = MESSAGES[found[1].decode()] if found else ""
        if self._kind:
            self._tell(
                "FILE_STRUCTURE", "A second message stands in the file. Part it, one message each.",
                place[0], place[1],
            )  # fmt: skip
            return
        self._kind = kind
        self._digest.update(kind.encode())

    def _statement(
        self, key: str, text: str, currency: str, place: tuple[int, int, int]
    ) -> None:
        statement = self._statements[-1]
        if key == "Bal":
            statement.balances.append(Balance(place))
        elif key.startswith("Bal/"):
            self._balance(statement.balances[-1], key.removeprefix("Bal/"), text, currency)
        elif key.startswith("TxsSummry/"):
            statement.summary[key] = (text, place[0], place[1])
        elif key == "Id":
            statement.id = text
            self._identities.append(text)
        elif key in ("Acct/Id/IBAN", "Acct/Id/Othr/Id"):
            statement.account = statement.account or text
        elif key == "Acct/Ccy":
            statement.currency = text.upper()
        elif key == "CreDtTm":
            statement.day = day(text)
        elif key.endswith("PgNb"):
            statement.page = text
        else:
            statement.last_page = text

    def _balance(self, balance: Balance, key: str, text: str, currency: str) -> None:
        line, at, _ = balance.place
        if key.startswith("Tp/"):
            balance.code = balance.code or text[:35]
        elif key == "CdtDbtInd":
            balance.sign = {"CRDT": 1, "DBIT": -1}.get(text, 0)
        elif key == "Amt":
            balance.currency = currency.upper()
            try:
                short = re.sub(r"(\.[0-9]{2})0+$", r"\1", text.lstrip("0") or "0")
                short = f"0{short}" if short.startswith(".") else short
                balance.cents = parse_decimal(short, exact=False)
            except ValueError as error:
                self._tell("RECORD_UNREADABLE", f"A balance cannot be read: {error}. {_ASK}",
                           line, at, "Bal/Amt")  # fmt: skip
        else:
            balance.day = balance.day or day(text)

    # -- entries -------------------------------------------------------------------------------

    def _judged(self, entries: Entries, owner: Ints) -> Mask:
        """Which entries post, having told what is wrong and added the others up."""
        booked = _equal(entries.status, ["BOOK"])
        currency = np.array([*entries.currency.to_pylist()], dtype=object)
        own = _equal(entries.currency, [self._currency])
        self._faults(entries, owner, booked, currency)
        for number in np.unique(owner).tolist():
            if number < 0:
                continue
            statement = self._statements[number]
            mine = (owner == number) & ~entries.bad
            statement.currencies.update(entries.currency.filter(pa.array(mine)).unique().to_pylist())
            for side, sign in ((statement.credit, 1), (statement.debit, -1)):
                for chosen, name in ((mine, ""), (mine & booked, "booked_")):
                    cents = entries.cents[chosen & (self._signs(entries) == sign)]
                    total = int(sum(map(int, cents))) if _large(cents) else int(cents.sum())
                    setattr(side, f"{name}count", getattr(side, f"{name}count") + len(cents))
                    setattr(side, f"{name}cents", getattr(side, f"{name}cents") + total)
            turned = mine & booked & entries.reversal
            statement.reversed_cents += int((entries.cents * entries.sign)[turned].sum())
        return booked & own & ~entries.bad

    def _signs(self, entries: Entries) -> Ints:
        if self._layout.reversals == "turned":
            return np.where(entries.reversal, -entries.sign, entries.sign)
        return entries.sign

    def _faults(
        self, entries: Entries, owner: Ints, booked: Mask, currency: np.ndarray[tuple[int], np.dtype[np.object_]]
    ) -> None:
        shown = _equal(entries.status, list(_SHOWN))
        for code, where, message, field in (
            ("RECORD_UNREADABLE", entries.bad, "An entry cannot be read: it needs one Amt, unsigned "
             f"and of whole cents up to {MAX_CENTS // 100:,}, and one CdtDbtInd, CRDT or DBIT. "
             f"{_ASK}", "Ntry/Amt"),
            ("FILE_STRUCTURE", owner < 0, f"An entry stands in no statement. {_ASK}", "Ntry"),
            ("CODE_UNKNOWN", ~booked & ~shown, "The status of an entry is none of BOOK, PDNG, INFO "
             "and FUTR: it is shown and never posted.", "Ntry/Sts"),
            ("DATE_UNUSUAL", entries.odd_day, "The value date of an entry is no date of the "
             "calendar; the booking date or the statement's is taken.", "Ntry/ValDt"),
        ):  # fmt: skip
            for row in np.flatnonzero(where):
                self._entry(entries, int(row), code, message, field)
        for row in np.flatnonzero(entries.declared >= 0):
            self._batch(entries, int(row))
        wrong = entries.summed & (entries.detail_cents != entries.cents) & ~entries.bad
        for row in np.flatnonzero(wrong):
            self._detail_sum(entries, int(row))

    def _entry(
        self, entries: Entries, row: int, code: str, message: str, field: str | None
    ) -> None:
        self._tell(code, message, int(entries.line[row]), int(entries.offset[row]), field)

    def _batch(self, entries: Entries, row: int) -> None:
        """A batch may come with all of its details, with one for all, or with none."""
        declared, found = int(entries.declared[row]), int(entries.details[row])
        if found in (0, declared):
            return
        if found == 1:
            self._entry(entries, row, "SUMMARY_DIFFERS", f"The batch of an entry declares "
                        f"{declared:,} payments and shows one.", "Btch/NbOfTxs")  # fmt: skip
            return
        self._controls.add(
            "FILE_COUNT_WRONG", "number of details of an entry (Btch/NbOfTxs)", "count",
            (declared, found), self._place(entries, row, "Btch/NbOfTxs"),
        )  # fmt: skip

    def _detail_sum(self, entries: Entries, row: int) -> None:
        details = int(entries.details[row])
        if details > 1 and int(entries.same[row]) == details:
            self._entry(entries, row, "RECORD_DEVIATES", "Each detail of an entry repeats the "
                        "amount of the whole entry, so details prove nothing.", "TxDtls")  # fmt: skip
            return
        self._controls.add(
            "FILE_TOTAL_WRONG", "amount of an entry against its details", "cents",
            (int(entries.cents[row]), int(entries.detail_cents[row])),
            self._place(entries, row, "Ntry/Amt"),
        )  # fmt: skip

    def _place(self, entries: Entries, row: int, field: str) -> tuple[int, int, str]:
        return int(entries.line[row]), int(entries.offset[row]), field

    def _bank_lines(self, entries: Entries, posts: Mask, owner: Ints) -> pa.Table:
        kept = np.flatnonzero(~entries.bad & (owner >= 0))
        take = pa.array(kept)
        count = len(kept)
        accounts = pa.array([s.account or None for s in self._statements], pa.string())
        days = pa.array([_statement_day(s) for s in self._statements], pa.date32())
        of = pa.array(owner[kept])
        signed = entries.cents * self._signs(entries)
        shown = ~posts[kept] | (self._kind != "053")
        table = pa.table(
            [
                pa.array(np.arange(self._lines + 1, self._lines + count + 1)),
                pa.array(entries.line[kept]), pa.array(entries.offset[kept]),
                pa.array(entries.length[kept]), accounts.take(of),
                pc.coalesce(entries.day.take(take), days.take(of)),
                entries.type_code.take(take), pa.array(signed[kept]),
                entries.reference.take(take), entries.customer_reference.take(take),
                entries.text.take(take), pa.array(shown),
            ],
            schema=BANK_LINES,
        )  # fmt: skip
        self._lines += count
        self._update_digest(table)
        return table

    def _update_digest(self, table: pa.Table) -> None:
        names = ["bank_account", "value_date", "type_code", "amount_cents", "reference",
                 "customer_reference", "text"]  # fmt: skip
        texts = [pc.fill_null(table[name].cast(pa.string()), "") for name in names]
        joined = pc.binary_join_element_wise(*texts, "\x1e", "\x1f").combine_chunks()
        if len(joined):
            self._digest.update("".join(joined.to_pylist()).encode())

    # -- statements ----------------------------------------------------------------------------

    def _closed(self, statements: list[Statement]) -> pa.Table:
        """Judge statements that ended; their balances."""
        rows: list[dict[str, object]] = []
        for statement in statements:
            self._currencies(statement)
            for sentence in summaries(statement, self._controls):
                self._tell("RECORD_UNREADABLE", f"Of {statement.name} {sentence}. {_ASK}",
                           statement.line, statement.offset, "TxsSummry")  # fmt: skip
            self._equation(statement)
            for balance in statement.balances:
                if not balance.sign or balance.cents is None:
                    self._tell("RECORD_UNREADABLE", f"A balance of {statement.name} has no amount "
                               f"or no CdtDbtInd. {_ASK}", *balance.place[:2], "Bal")  # fmt: skip
                elif self._kind == "053" and balance.currency == self._currency:
                    self._balances += 1
                    rows.append(_balance_row(statement, balance, self._balances))
        return pa.Table.from_pylist(rows, schema=BANK_BALANCES)

    def _currencies(self, statement: Statement) -> None:
        given = statement.currency or next((b.currency for b in statement.balances), "")
        found = statement.currencies | {b.currency for b in statement.balances}
        own = given or min(found, default=self._currency)
        if self._kind == "053" and found - {own}:
            others = ", ".join(sorted(c or "none" for c in found - {own}))
            self._tell("CURRENCY_WRONG", f"{statement.name} is in {own} and has amounts in "
                       f"{others}. {_ASK}", statement.line, statement.offset, "Ccy")  # fmt: skip
        elif found - {self._currency}:
            code = "CURRENCY_OTHER" if self._layout.other_currency == "show" else "CURRENCY_WRONG"
            named = ", ".join(sorted(found - {self._currency}))
            self._tell(code, f"{statement.name} is in {named} and not in {self._currency}: its "
                       "entries are shown and never posted.", statement.line, statement.offset,
                       "Ccy")  # fmt: skip

    def _equation(self, statement: Statement) -> None:
        """Opening and booked entries are the closing balance."""
        if self._kind != "053":
            return
        opening, closing = statement.balance("OPBD", "PRCD"), statement.balance("CLBD")
        pages = (self._header.get("MsgPgntn/PgNb", ""), self._header.get("MsgPgntn/LastPgInd", ""))
        parted = partial(statement, *pages)
        known = [b for b in (opening, closing) if b is not None and b.cents is not None]
        if len(known) < 2 or opening is None or closing is None:
            if statement.credit.count + statement.debit.count:
                self._tell("RECORD_DEVIATES", f"{statement.name} has no opening or no closing "
                           "balance, so nothing proves that its entries are all.",
                           statement.line, statement.offset, "Bal")  # fmt: skip
            return
        declared = closing.sign * (closing.cents or 0)
        found = opening.sign * (opening.cents or 0) + statement.booked
        if parted and declared != found:
            self._tell("RECORD_DEVIATES", f"{statement.name} comes in several pages; the balances "
                       "can only be proved with the others.", statement.line, statement.offset,
                       "PgNb")  # fmt: skip
            return
        self._hint(statement, declared - found)
        if abs(found) < LARGEST_TOTAL:
            self._controls.add(
                "FILE_TOTAL_WRONG",
                f"closing balance {closing.code} of {statement.name} against "
                f"{opening.code} and booked entries",
                "cents", (declared, found), (*closing.place[:2], "Bal"),
            )  # fmt: skip

    def _hint(self, statement: Statement, difference: int) -> None:
        factor = 2 if self._layout.reversals == "turned" else -2
        if difference and statement.reversed_cents * factor == difference:
            other = "as_indicated" if factor == 2 else "turned"
            self._tell("RECORD_DEVIATES", f"{statement.name} would balance with its reversals "
                       f"(RvslInd) the other way round: if the bank means that, set reversals = "
                       f"\"{other}\" in its format file.", statement.line, statement.offset,
                       "RvslInd")  # fmt: skip


def _equal(texts: pa.Array, words: list[str]) -> Mask:
    found: Mask = pc.is_in(texts, value_set=pa.array(words, pa.string())).to_numpy(
        zero_copy_only=False
    )
    return found


def _large(cents: Ints) -> bool:
    """Whether a sum of these could leave int64."""
    return len(cents) * int(cents.max(initial=0)) >= 1 << 62


def _statement_day(statement: Statement) -> object:
    closing = statement.balance("CLBD", "ITBD")
    return closing.day if closing is not None and closing.day else statement.day


def _balance_row(statement: Statement, balance: Balance, ordinal: int) -> dict[str, object]:
    line, offset, length = balance.place
    return {
        "ordinal": ordinal, "line": line, "byte_offset": offset, "byte_length": length,
        "bank_account": statement.account or None, "as_of_date": balance.day,
        "type_code": balance.code, "amount_cents": balance.sign * (balance.cents or 0),
    }  # fmt: skip
