"""BAI2: the state machine over records 01 02 03 49 98 99 (formats.md section 1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from recond.model import BANK_BALANCES
from recond.parsers.bai2_balances import Balances, amount_groups
from recond.parsers.bai2_codes import TOTAL_CREDITS, TOTAL_DEBITS, Meanings
from recond.parsers.bai2_details import REPLACED, Details, logical_fields
from recond.parsers.bai2_records import DETAIL
from recond.parsers.bai2_state import COUNT, TOTAL, Account, Controls, Group, Sums, Trailer, close
from recond.parsers.columns import Ints
from recond.parsers.dates import NO_DATE, day_of
from recond.parsers.notes import Notes
from recond.parsers.records import Records

if TYPE_CHECKING:
    from recond.parsers.bai2 import Layout

# Decimal places of currencies that have not two (ISO 4217): minor units to hundredths.
_NO_PLACES = re.compile("BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|X[AOP]F")
_THREE_PLACES = re.compile("BHD|IQD|JOD|KWD|LYD|OMR|TND")
_NO_BALANCES = BANK_BALANCES.empty_table()
_CURRENCY = re.compile(r"^[A-Z]{3}$", re.ASCII)
_STATUS = {"2": "a deletion", "3": "a correction", "4": "a test"}
_NEEDS = {2: "01", 3: "02", 16: "03", 49: "03", 98: "02", 99: "01"}


@dataclass(frozen=True, slots=True)
class Run:
    """Details `start` to `stop` of a chunk, of one account."""

    start: int
    stop: int
    account: str
    scale: int
    day: int
    same_day: bool


class Reader:
    """What is open, what was declared and found. Feed it chunks with `walk`, then `finish`."""

    def __init__(self, layout: Layout, currency: str, encoding: str, notes: Notes) -> None:
        self.layout = layout
        self.controls = Controls()
        self.identity: str | None = None
        self._currency = currency
        self._encoding = encoding
        self._notes = notes
        self._balances = Balances()
        self._file = Sums()
        self._group: Group | None = None
        self._account: Account | None = None
        self._started = self._ended = False
        self._place = (0, 0)

    def balances(self) -> pa.Table:
        """The balances (BANK_BALANCES) since the last call."""
        rows = self._balances.drain()
        if not rows:
            return _NO_BALANCES
        return pa.Table.from_pylist(rows, schema=BANK_BALANCES)

    def begins(self, records: Records, heads: Ints) -> bool:
        """Whether the file begins as BAI2 does; told as HEADER_WRONG where it does not."""
        if self._started or (len(heads) and heads[0] == 0 and int(records.code[0]) == 1):
            return True
        place = records.offset + int(records.start[0])
        self._notes.add(
            "HEADER_WRONG",
            "The file does not begin with a BAI2 file header (record 01), so it is not read. Ask "
            "for the right file.",
            line=int(records.line[0]),
            byte_offset=place,
            field="record code",
        )
        self._started = self._ended = True
        return False

    def refuse(self) -> None:
        """Tell that nothing says where a record ends; the file is not read."""
        self._notes.add(
            "FILE_STRUCTURE",
            "The file has no line breaks, and its header (01) no physical record length: nothing "
            "says where a record ends. Ask the bank for a line break behind each record, or for "
            "records of one length that the header declares.",
            line=1,
            byte_offset=0,
            field="physical record length",
        )
        self._started = self._ended = True

    def walk(
        self, records: Records, heads: Ints, nexts: Ints, details: Details, known: Meanings
    ) -> list[Run]:
        """Take the logical records of one chunk, in order; which details belong to which
        account."""
        sizes = nexts - heads
        loose = records.code == 0
        if loose.any():  # lines without a code are no records
            counted = np.concatenate([[0], np.cumsum(loose)])
            sizes = sizes - (counted[nexts] - counted[heads])
        codes = records.code[heads]
        runs: list[Run] = []
        taken = 0  # details
        previous = 0  # heads
        # Only records other than 16 come here one by one.
        for row in [*np.flatnonzero(codes != DETAIL).tolist(), len(heads)]:
            if row > previous:
                stop = taken + row - previous
                size = int(sizes[previous:row].sum())
                self._at(records, int(heads[previous]))
                runs += self._details(details, known, taken, stop, size)
                taken = stop
            previous = row + 1
            if row < len(heads):
                head, after = int(heads[row]), int(nexts[row])
                self._at(records, head, after)
                joined = ",".join(logical_fields(records, head, after, self._encoding))
                if "\N{REPLACEMENT CHARACTER}" in joined:
                    self._tell("CHARACTER_REPLACED", REPLACED)
                fields = joined.split(",")
                self._take(int(codes[row]), [f.strip() for f in fields], int(sizes[row]), known)
        return runs

    def finish(self, details: int) -> None:
        """Tell what is still missing at the end of the file."""
        if not self._started or not self._ended:
            self._notes.add(
                "FILE_TRUNCATED",
                "The file ends before its trailer (record 99): it is not complete. Wait for the "
                "whole file or ask the bank to send it again.",
                line=self._place[0] or None,
                byte_offset=self._place[1],
            )
        elif self.identity is not None and not details:
            self._notes.add("NO_ACTIVITY", "The statement has no transactions.")

    # -- records -------------------------------------------------------------------------------

    def _at(self, records: Records, head: int, after: int | None = None) -> None:
        start = int(records.start[head])
        self._place = (int(records.line[head]), records.offset + start)
        self._length = int(records.stop[(after or head + 1) - 1]) - start

    def _tell(self, code: str, message: str, field: str | None = None) -> None:
        self._notes.add(code, message, line=self._place[0], byte_offset=self._place[1], field=field)

    def _take(self, code: int, fields: list[str], size: int, known: Meanings) -> None:
        if not self._allowed(code):
            return
        self._file.records += size
        if code != 99 and self._group is not None and code != 2:
            self._group.sums.records += size
        if self._account is not None and code == 49:
            self._account.sums.records += size
        if code == 1:
            self._header(fields)
        elif code == 2:
            self._open_group(fields, size)
        elif code == 3:
            self._open_account(fields, size, known)
        elif code == 49:
            self._close_account(fields)
        elif code == 98:
            self._close_group(fields)
        else:
            self._close_file(fields)

    def _allowed(self, code: int) -> bool:
        """The order of records; what is missing in between is told and closed without figures."""
        if self._ended:
            what = "a second file" if code == 1 else f"a record {code:02d}"
            self._tell(
                "FILE_STRUCTURE",
                f"After the file trailer (record 99) {what} follows. Part the file, one "
                "transmission each, and drop the parts.",
                "record code",
            )
            return False
        if code == 1 and self._started:
            self._tell("FILE_STRUCTURE", "A second file header (01) without a 99 before it.")
            return False
        inner = self._account is not None
        outer = self._group is not None
        needed = {2: self._started, 3: outer, 16: inner, 49: inner, 98: outer, 99: self._started}
        if not needed.get(code, True):
            self._tell(
                "FILE_STRUCTURE",
                f"Record {code:02d} stands where no record {_NEEDS[code]} is open.",
                "record code",
            )
            return False
        if code in (2, 3, 98, 99) and inner:
            self._tell("FILE_STRUCTURE", f"Record {code:02d} comes before the account's 49.")
            self._account = None
        if code in (2, 99) and outer:
            self._tell("FILE_STRUCTURE", f"Record {code:02d} comes before the group's 98.")
            self._group = None
        return True

    def _header(self, fields: list[str]) -> None:
        self._started = True
        sender, receiver, date, _, file_id, _, _, version, *_ = [*fields[1:], *[""] * 8]
        self.identity = f"bai2:{sender}:{receiver}:{date}:{file_id}"
        if version != "2":
            self._tell("HEADER_WRONG", f"The version is '{version}' and not 2.", "version")
        if day_of(date, "YYMMDD", self.layout.year_pivot) is None:
            self._tell(
                "DATE_UNUSUAL", f"The creation date '{date}' is no date of the calendar.",
                "file creation date",
            )  # fmt: skip

    def _open_group(self, fields: list[str], size: int) -> None:
        _, _, status, date, _, currency, modifier, *_ = [*fields[1:], *[""] * 7]
        day = day_of(date, "YYMMDD", self.layout.year_pivot)
        if status in _STATUS:
            self._tell(
                "STATEMENT_NOT_FINAL",
                f"The group is {_STATUS[status]} (status {status}): its lines are shown and never "
                "posted. Compare them with the earlier statement and correct by hand.",
                "group status",
            )
        elif status != "1":
            self._tell("HEADER_WRONG", f"The group status '{status}' is not 1-4.", "group status")
        if day is None:
            self._tell(
                "HEADER_WRONG", f"The as-of date '{date}' is no date of the calendar.",
                "as-of date",
            )  # fmt: skip
        if modifier not in ("", "1", "2", "3", "4"):
            self._tell(
                "HEADER_WRONG", f"The as-of date modifier '{modifier}' is not 1-4.",
                "as-of date modifier",
            )  # fmt: skip
        self._file.parts += 1
        self._group = Group(
            self._file.parts,
            NO_DATE if day is None else day,
            modifier in ("3", "4") or status in _STATUS,
            currency.upper() or self._currency,
            Sums(records=size),
        )

    def _open_account(self, fields: list[str], size: int, known: Meanings) -> None:
        group = self._group
        if group is None:
            return
        group.sums.parts += 1
        number, currency = [*fields[1:3], "", ""][:2]
        if not number:
            self._tell("RECORD_UNREADABLE", "An account has no number.", "account number")
        account = self._account_in(number, currency.upper() or group.currency)
        account.sums.records = size
        self._account = account
        place = (*self._place, self._length)
        for code, amount in self._amounts(fields[3:]):
            if not self.layout.totals_without_summaries:
                account.sums.found += amount
            if code in (TOTAL_CREDITS, TOTAL_DEBITS):
                account.summaries[code] = amount
            if known.status[code] and account.scale and not (account.foreign or group.same_day):
                self._balances.add(place, number, group.day, (code, amount * account.scale))
            if not known.known[code]:
                self._tell(
                    "CODE_UNKNOWN", f"Type code {code:03d} of account {number} is not listed.",
                    "type code",
                )  # fmt: skip

    def _account_in(self, number: str, currency: str) -> Account:
        if currency == self._currency:
            return Account(number, 1, False, self._place[0])
        scale = 100 if _NO_PLACES.fullmatch(currency) else 1
        scale = 0 if _THREE_PLACES.fullmatch(currency) else scale
        shown = self.layout.other_currency == "show" and scale and _CURRENCY.match(currency)
        if shown:
            self._tell(
                "CURRENCY_OTHER",
                f"Account {number} is in {currency} and not in {self._currency}: its lines are "
                "shown and never posted.",
                "currency",
            )
        else:
            self._tell(
                "CURRENCY_WRONG",
                f"Account {number} is in {currency} and not in {self._currency}.",
                "currency",
            )
        return Account(number, scale, True, self._place[0])

    def _amounts(self, fields: list[str]) -> Iterator[tuple[int, int]]:
        """The type codes and amounts of a record 03, blank amounts left out."""
        for found in amount_groups(fields):
            if isinstance(found, tuple):
                yield found
                continue
            code, message, field = found.code, found.message, found.field
            self._tell(code, message, field)

    def _details(
        self, details: Details, known: Meanings, start: int, stop: int, size: int
    ) -> list[Run]:
        group, account = self._group, self._account
        if not self._allowed(DETAIL) or group is None or account is None:
            return []
        amount, code = details.amount[start:stop], details.code[start:stop]
        total = int(amount.sum())  # of at most a block's records of at most 1e13: fits int64
        effect = known.effect[code]
        moved = total if effect.all() else int(amount[effect != 0].sum())
        change = int((amount * effect).sum())
        account.sums.found += total
        account.credits += (moved + change) // 2
        account.debits += (moved - change) // 2
        account.details += stop - start
        for sums in (account.sums, group.sums, self._file):
            sums.records += size
        shown_only = group.same_day or account.foreign
        return [Run(start, stop, account.number, account.scale, group.day, shown_only)]

    # -- trailers ------------------------------------------------------------------------------

    def _trailer(self, fields: list[str], parted: bool) -> Trailer:
        total, *counts = fields[1:] or [""]
        if parted and self.layout.group_without_accounts and fields[0] == "98":
            counts = [*counts[:1]]
            parts: int | None = self._group.sums.parts if self._group else None
        else:
            parts = self._number(counts.pop(0) if counts else "", COUNT) if parted else None
        records = self._number(counts[0] if counts else "", COUNT)
        return Trailer(self._number(total, TOTAL), parts, records, *self._place)

    def _number(self, text: str, pattern: re.Pattern[str]) -> int | None:
        if not text:
            return None
        if not pattern.match(text):
            self._tell(
                "RECORD_UNREADABLE",
                f"The trailer's figure '{text[:30]}' is no whole number that a file of this office "
                "can have. Ask for a new file.",
                "control total" if pattern is TOTAL else "count",
            )
            return None
        return int(text)

    def _close_account(self, fields: list[str]) -> None:
        group, account = self._group, self._account
        if group is None or account is None:
            return
        trailer = self._trailer(fields, parted=False)
        close(self.controls, f"account {account.number}", None, trailer, account.sums)
        group.sums.declared += trailer.total or 0
        group.sums.found += account.sums.found
        for code, found in ((TOTAL_CREDITS, account.credits), (TOTAL_DEBITS, account.debits)):
            declared = account.summaries.get(code)
            if declared is not None and account.details and declared != found:
                self._tell(
                    "SUMMARY_DIFFERS",
                    f"Account {account.number}: summary {code} says {declared}, its details sum "
                    f"to {found} (minor units).",
                )
        self._account = None

    def _close_group(self, fields: list[str]) -> None:
        group = self._group
        if group is None:
            return
        trailer = self._trailer(fields, parted=True)
        close(self.controls, f"group {group.number}", "accounts", trailer, group.sums)
        self._file.declared += trailer.total or 0
        self._file.found += group.sums.found
        self._group = None

    def _close_file(self, fields: list[str]) -> None:
        trailer = self._trailer(fields, parted=True)
        close(self.controls, "the file", "groups", trailer, self._file)
        self._ended = True
