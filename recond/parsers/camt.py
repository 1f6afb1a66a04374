"""ISO 20022 camt.052, 053 and 054, versions 1 to 13 (formats.md section 8).

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
from recond.money import parse_decimal
from recond.parsers.camt_checks import ASK, Checks
from recond.parsers.camt_entries import Entries, day, equal, plain, read_entries
from recond.parsers.camt_paths import HOLDS, MESSAGES, NUMBERS, PATHS
from recond.parsers.camt_statement import Balance, Statement, total
from recond.parsers.columns import Ints, Mask
from recond.parsers.notes import Notes
from recond.parsers.xmlscan import Elements, Part, Scanner

_LOCAL = re.compile(rb"<(?:[^\s<>:/]+:)?([^\s<>:/]+)")
_NAMES = {
    number: key
    for key, number in NUMBERS.items()
    if key.startswith(("STMT/", "GRPHDR/")) or key in ("MSG", "STMT", "STRAY")
}
_HEADING = np.array(sorted(_NAMES), dtype=np.int64)


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

    Controls: opening (OPBD, else PRCD) and booked entries make the closing balance (CLBD); numbers
    and sums of TxsSummry; sums and numbers of details. Never raises for what the file holds.

    Problems that hold: NO_STATEMENT, FILE_STRUCTURE, FILE_TRUNCATED, RECORD_UNREADABLE,
    RECORD_TOO_LONG, NUL_BYTES, ENCODING_WRONG, AMOUNT_OUT_OF_RANGE, CURRENCY_WRONG.
    """
    if not isinstance(fmt.layout, Layout):
        raise TypeError(f"format {fmt.name} has no camt layout")
    notes = Notes()
    reader = _Reader(fmt.layout, fmt.currency, notes)
    sizes: tuple[int | None, ...] = getattr(source, "sizes", (None,))
    offset, line, sound = 0, 1, True
    for size in sizes:  # of a zip with several messages; a plain file is one
        part = source if size is None else Part(source, size)
        scanner = Scanner(part, PATHS, "Ntry", notes, (offset, line))
        for elements in scanner.blocks():
            tables = reader.take(elements)
            yield Parsed(tables, notes.drain())
        offset, line = scanner.place
        sound &= scanner.sound
        yield Parsed(reader.end_message(scanner.sound), notes.drain())
        if not sound:
            break
    yield reader.finish()


class _Reader:
    """What was declared and found; `take` blocks, then `finish`."""

    def __init__(self, layout: Layout, currency: str, notes: Notes) -> None:
        shown = layout.other_currency == "show"
        self._checks = Checks(currency, shown, layout.reversals == "turned", notes)
        self._notes = notes
        self._statements: list[Statement] = []  # of this block; the first one may be older
        self._identities: list[str] = []
        self._transmissions: list[str | None] = []
        self._posting = True  # all messages are statements
        self._count = self._entries = 0  # statements and entries of the message
        self._stray: tuple[str, int, int] | None = None  # the first: its name, line and place
        self._lines = 0  # of the file
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
            "bank_balances": self._checks.closed(done),
            "controls": self._checks.controls.drain(),
        }

    def end_message(self, sound: bool) -> dict[str, pa.Table]:
        """What can be said at the end of a message; the tables of its last statement."""
        balances = self._checks.closed(self._statements) if sound else BANK_BALANCES.empty_table()
        kind = self._checks.kind
        if sound and not kind:
            words = "The file is XML and holds no message camt.052, 053 or 054."
            self._checks.tell("NO_STATEMENT", f"{words} {ASK}")
        elif sound and not self._count:
            words = f"The message camt.{kind} holds no statement."
            self._checks.tell("NO_STATEMENT", f"{words} {ASK}")
        elif sound and self._stray is not None:
            name, line, at = self._stray
            words = f"{'An' if name == 'Ntry' else 'A'} {name} stands where none may stand, and"
            self._checks.tell(
                "FILE_STRUCTURE", f"{words} would be passed over. {ASK}", line, at, name
            )
        elif sound and not self._entries:
            self._notes.add("NO_ACTIVITY", "The statement has no entries.")
        self._transmissions.append(self._identity() if kind else None)
        self._posting &= kind == "053"
        self._statements, self._identities = [], []
        self._count = self._entries = 0
        self._stray = None
        self._checks.kind = ""
        self._checks.header.clear()
        return {"bank_balances": balances, "controls": self._checks.controls.drain()}

    def finish(self) -> Parsed:
        """The last chunk: what was counted and not told, and the transmission."""
        known = [one for one in self._transmissions if one is not None]
        identity = None if len(known) < len(self._transmissions) else _short("+".join(known))
        # Reports of the day repeat their entries, and so does the next day's statement.
        digest = self._digest.hexdigest() if self._lines and self._posting else None
        problems = self._notes.drain() + self._notes.rest()
        return Parsed({}, problems, Transmission(identity, digest))

    def _identity(self) -> str | None:
        """MsgId, page and the statements' Ids (formats.md section 0)."""
        message = self._checks.header.get("MsgId", "")
        if not message and not any(self._identities):
            return None
        page = self._checks.header.get("MsgPgntn/PgNb", "1")
        return _short(f"camt.{self._checks.kind}:" + ":".join([message, page, *self._identities]))

    # -- headings ------------------------------------------------------------------------------

    def _heading(self, elements: Elements, at: int, line: int) -> None:
        """One element above the entries."""
        key = _NAMES[int(elements.path[at])]
        start = int(elements.start[at])
        place = (line, elements.offset + start, int(elements.end[at]) - start)
        if key == "MSG":
            self._message(elements.data[start : start + 80].tobytes(), place)
            return
        if key == "STRAY":
            found = _LOCAL.match(elements.data[start : start + 80].tobytes())
            self._stray = self._stray or (found[1].decode() if found else "", line, place[1])
            return
        if key == "STMT":
            self._count += 1
            self._statements.append(Statement(line, place[1]))
            self._wrapped(elements.data[start : start + 80].tobytes(), place)
            return
        raw = elements.data[int(elements.low[at]) : int(elements.high[at])].tobytes()
        text = " ".join(plain(raw.decode(elements.encoding, "replace")).split())
        if key.startswith("GRPHDR/"):
            self._checks.header.setdefault(key.removeprefix("GRPHDR/"), text)
        elif self._statements:
            currency = elements.currencies[int(elements.currency[at])]
            self._statement(key.removeprefix("STMT/"), text, currency, place)

    def _message(self, tag: bytes, place: tuple[int, int, int]) -> None:
        found = _LOCAL.match(tag)
        kind = MESSAGES[found[1].decode()] if found else ""
        if self._checks.kind:
            self._checks.tell(
                "FILE_STRUCTURE", "A second message stands in the file. Part it, one message each.",
                place[0], place[1],
            )  # fmt: skip
            return
        self._checks.kind = kind
        self._digest.update(kind.encode())

    def _wrapped(self, tag: bytes, place: tuple[int, int, int]) -> None:
        """A message holds what its root says: a report of the day in the wrapper of a statement
        would post what the statement brings again."""
        found, kind = _LOCAL.match(tag), self._checks.kind
        name = found[1].decode() if found else ""
        if name != HOLDS[kind]:
            words = f"A message camt.{kind} holds a {name} and no {HOLDS[kind]}. {ASK}"
            self._checks.tell("FILE_STRUCTURE", words, place[0], place[1], name)

    def _statement(self, key: str, text: str, currency: str, place: tuple[int, int, int]) -> None:
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
                self._checks.tell("RECORD_UNREADABLE", f"A balance cannot be read: {error}. {ASK}",
                           line, at, "Bal/Amt")  # fmt: skip
        else:
            balance.day = balance.day or day(text)

    # -- entries -------------------------------------------------------------------------------

    def _judged(self, entries: Entries, owner: Ints) -> Mask:
        """Which entries post, having added all up and told what is wrong."""
        booked = equal(entries.status, ["BOOK"])
        self._checks.entries(entries, owner, booked)
        signs = self._signs(entries)
        for number in np.unique(owner[owner >= 0]).tolist():
            statement = self._statements[number]
            mine = (owner == number) & ~entries.bad
            found = entries.currency.filter(pa.array(mine)).unique()
            statement.currencies.update(found.to_pylist())
            for side, sign in ((statement.credit, 1), (statement.debit, -1)):
                side.add(entries.cents[mine & (signs == sign)], booked=False)
                side.add(entries.cents[mine & booked & (signs == sign)], booked=True)
            turned = mine & booked & entries.reversal
            statement.reversed_cents += total((entries.cents * entries.sign)[turned])
        return booked & equal(entries.currency, [self._checks.currency]) & ~entries.bad

    def _signs(self, entries: Entries) -> Ints:
        if self._checks.turned:
            return np.where(entries.reversal, -entries.sign, entries.sign)
        return entries.sign

    def _bank_lines(self, entries: Entries, posts: Mask, owner: Ints) -> pa.Table:
        kept = np.flatnonzero(~entries.bad & (owner >= 0))
        take = pa.array(kept)
        count = len(kept)
        accounts = pa.array([s.account or None for s in self._statements], pa.string())
        days = pa.array([_statement_day(s) for s in self._statements], pa.date32())
        of = pa.array(owner[kept])
        signed = entries.cents * self._signs(entries)
        shown = ~posts[kept] | (self._checks.kind != "053")
        table = pa.table(
            [
                pa.array(np.arange(self._lines + 1, self._lines + count + 1)),
                pa.array(entries.line[kept]), pa.array(entries.offset[kept]),
                pa.array(entries.length[kept]), accounts.take(of),
                pc.coalesce(entries.day.take(take), days.take(of)),
                entries.type_code.take(take), pa.array(signed[kept]),
                entries.reference.take(take), entries.customer_reference.take(take),
                entries.text.take(take), pa.array(shown), self._line_ids(owner[kept]),
            ],
            schema=BANK_LINES,
        )  # fmt: skip
        self._lines += count
        self._entries += count
        self._update_digest(table)
        return table

    def _line_ids(self, owner: Ints) -> pa.Array:
        """What an entry is called wherever its statement comes (alone, or in another zip): its
        message, statement and page, and its number there; null without any name."""
        first = np.searchsorted(owner, np.arange(len(self._statements)))
        seen = np.array([s.lines for s in self._statements], dtype=np.int64)
        number = np.arange(1, len(owner) + 1) - first[owner] + seen[owner]
        for place, count in enumerate(np.bincount(owner, minlength=len(self._statements)).tolist()):
            self._statements[place].lines += count
        header, kind = self._checks.header, self._checks.kind
        message, page = header.get("MsgId", ""), header.get("MsgPgntn/PgNb", "1")
        names = [
            _short(f"camt.{kind}:{message}:{s.page or page}:{s.id}") if message or s.id else None
            for s in self._statements
        ]
        texts = pa.array(names, pa.string()).take(pa.array(owner))
        return pc.binary_join_element_wise(texts, pa.array(number).cast(pa.string()), ":")

    def _update_digest(self, table: pa.Table) -> None:
        names = ["bank_account", "value_date", "type_code", "amount_cents", "reference",
                 "customer_reference", "text"]  # fmt: skip
        texts = [pc.fill_null(table[name].cast(pa.string()), "") for name in names]
        joined = pc.binary_join_element_wise(*texts, "\x1e", "\x1f").combine_chunks()
        if len(joined):
            self._digest.update("".join(joined.to_pylist()).encode())


def _short(text: str) -> str:
    """An identity as it is, or its hash where it is long."""
    return text if len(text) <= 200 else f"camt:{hashlib.sha256(text.encode()).hexdigest()}"


def _statement_day(statement: Statement) -> object:
    closing = statement.balance("CLBD", "ITBD")
    return closing.day if closing is not None and closing.day else statement.day
