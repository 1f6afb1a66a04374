"""Headers and controls of a NACHA file: batches, totals, order (formats section 5).

A batch control that is wrong holds its batch (BATCH_* codes), a file control that is wrong the
file (FILE_* codes). A file total is right when it equals its batches' declared totals or what
was found (contract section 5), so that one wrong batch is held alone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from recond.parsers.columns import Ints
from recond.parsers.nacha_records import Rows
from recond.parsers.notes import Notes

if TYPE_CHECKING:
    from hashlib import _Hash

HASH_MODULUS = 10**10
LARGEST = 2**63 - 1
EPOCH = dt.date(1970, 1, 1)
FAR = 366  # days between file and effective date beyond which a date is unusual
PIVOT = 70  # two-digit years from 70 are of the last century
ADVICES = "ADV"  # the entry class of automated accounting advices
SERVICES = {"200", "220", "225", "280"}
MEASURES = ("count", "hash", "debit", "credit")
ASK = "Ask the sender, then accept or reject it."


@dataclass(slots=True)
class Totals:
    """Entries and addenda, entry hash (not cut), debit and credit cents."""

    count: int = 0
    hash: int = 0
    debit: int = 0
    credit: int = 0

    def add(self, other: Totals) -> None:
        """Add another's figures to these."""
        self.count += other.count
        self.hash += other.hash
        self.debit += other.debit
        self.credit += other.credit


@dataclass(slots=True)
class Batch:
    """One batch while it is read: its header and what was found so far."""

    ord: int = 0
    number: str = ""
    line: int = 0
    offset: int = 0
    service: str = ""
    company: str = ""
    company_id: str = ""
    sec: str = ""
    odfi: str = ""
    effective: int | None = None  # days since 1970-01-01
    found: Totals = field(default_factory=Totals)
    last_trace: int = -1
    ascending: bool = True
    traces: list[tuple[Ints, Ints]] = field(default_factory=list)  # traces and their lines
    kinds: dict[int, list[int]] = field(default_factory=dict)  # kind: records, cents

    def add_kind(self, kind: int, records: int, cents: int) -> None:
        """Count entries of a kind."""
        held = self.kinds.setdefault(kind, [0, 0])
        held[0] += records
        held[1] += cents

    @property
    def adv(self) -> bool:
        """Whether records have the layout of automated accounting advices."""
        return self.sec == ADVICES


@dataclass(slots=True)
class Reading:
    """One file while it is read."""

    notes: Notes
    partial: bool  # return files without file records and batch controls are allowed
    identity: str | None = None
    file_date: int | None = None
    batches: int = 0
    open: Batch | None = None
    last: int = 0  # type of the last record, 0 before the first
    ended: bool = False  # the file control was seen
    records: int = 0  # all of them, filler included
    end: tuple[int | None, int | None] = (None, None)  # (line, byte offset) of the last one
    ordinal: int = 0  # receipts so far
    aside: int = 0  # records set aside so far
    adv: bool = False
    detail: int = 0  # entries and addenda in the digest
    digest: _Hash = field(default_factory=sha256)
    found: Totals = field(default_factory=Totals)
    batch_declared: dict[str, int | None] = field(
        default_factory=lambda: dict.fromkeys(MEASURES, 0)
    )
    declared: dict[str, int | None] = field(default_factory=dict)
    batch_rows: list[tuple[Any, ...]] = field(default_factory=list)
    controls: list[tuple[Any, ...]] = field(default_factory=list)


def number(text: str) -> int | None:
    """A number of ASCII digits that fits an int64, else None."""
    if text.isascii() and text.isdigit() and (value := int(text)) <= LARGEST:
        return value
    return None


@lru_cache(maxsize=1024)
def day(text: str) -> int | None:
    """Days since 1970-01-01 of a date YYMMDD, None when it is blank or not of the calendar."""
    if number(text) is None or len(text) != 6:
        return None
    year, month, date = int(text[:2]), int(text[2:4]), int(text[4:])
    century = 1900 if year >= PIVOT else 2000
    try:
        return (dt.date(century + year, month, date) - EPOCH).days
    except ValueError:
        return None


def file_header(reading: Reading, rows: Rows, row: int) -> None:
    """Read record 1: the file's identity, its date, and its constants (HEADER_WRONG).

    A second header is out of order, which is told apart, and says nothing.
    """
    if reading.identity is not None:
        return
    line, offset = int(rows.line[row]), int(rows.offset[row])
    for start, stop, constant, name in (
        (1, 3, "01", "priority code"),
        (34, 37, "094", "record size"),
        (37, 39, "10", "blocking factor"),
        (39, 40, "1", "format code"),
    ):
        text = rows.text(row, start, stop)
        if text != constant:
            reading.notes.add(
                "HEADER_WRONG",
                f"The {name} of the file header reads '{text}' where '{constant}' belongs, so "
                "this is not a NACHA file or its columns have moved. Ask for the file again.",
                line=line,
                byte_offset=offset,
                field=f"{start + 1}-{stop}",
            )
    parts = ((3, 13), (13, 23), (23, 29), (29, 33), (33, 34))
    texts = [rows.text(row, start, stop).strip() for start, stop in parts]
    reading.identity = "nacha:" + ":".join(texts)
    reading.file_date = day(rows.text(row, 23, 29))
    if reading.file_date is None:
        reading.notes.add(
            "DATE_UNUSUAL",
            f"The file date reads '{texts[2]}' and is no date of the calendar.",
            line=line,
            byte_offset=offset,
            field="24-29",
        )


def open_batch(reading: Reading, rows: Rows, row: int) -> Batch:
    """Read record 5 and begin its batch."""
    text = rows.text(row, 0, 94)
    reading.batches += 1
    batch = Batch(
        ord=reading.batches,
        number=text[87:94].strip(),
        line=int(rows.line[row]),
        offset=int(rows.offset[row]),
        service=text[1:4],
        company=text[4:20].strip(),
        company_id=text[40:50].strip(),
        sec=text[50:53],
        odfi=text[79:87],
    )
    reading.adv |= batch.adv
    if batch.service not in SERVICES:
        _structure(reading, batch, f"The service class reads '{batch.service}'", "2-4")
    if not batch.sec.isalpha():
        _structure(reading, batch, f"The entry class reads '{batch.sec}'", "51-53")
    batch.effective = _effective(reading, batch, text[69:75])
    return batch


def _structure(reading: Reading, batch: Batch, what: str, columns: str) -> None:
    reading.notes.add(
        "BATCH_STRUCTURE",
        f"{what} in the header of batch {batch.number}, which the format does not know. {ASK}",
        line=batch.line,
        byte_offset=batch.offset,
        field=columns,
        batch_ord=batch.ord,
    )


def _effective(reading: Reading, batch: Batch, text: str) -> int | None:
    """The batch's effective date; the file's where it is blank or impossible, with a warning."""
    days = day(text)
    place: dict[str, Any] = {"line": batch.line, "byte_offset": batch.offset, "field": "70-75"}
    if days is None and reading.file_date is None:
        reading.notes.add(
            "BATCH_STRUCTURE",
            f"Batch {batch.number} has the effective date '{text}' and the file has no date "
            f"either, so its money has no day. {ASK}",
            batch_ord=batch.ord,
            **place,
        )
    elif days is None:
        reading.notes.add(
            "DATE_UNUSUAL",
            f"The effective date of batch {batch.number} reads '{text}' and is no date of the "
            "calendar; the date of the file was taken.",
            **place,
        )
    elif reading.file_date is not None and abs(days - reading.file_date) > FAR:
        reading.notes.add(
            "DATE_UNUSUAL",
            f"The effective date '{text}' of batch {batch.number} is more than a year from the "
            "date of the file.",
            **place,
        )
    return reading.file_date if days is None else days


def close_batch(reading: Reading, batch: Batch, rows: Rows, row: int) -> None:
    """Read record 8: compare it with the header, declare the batch's totals."""
    text = rows.text(row, 0, 94)
    line, offset = int(rows.line[row]), int(rows.offset[row])
    _same_as_header(reading, batch, text, line, offset)
    found = batch.found
    money = ((20, 40), (40, 60)) if batch.adv else ((20, 32), (32, 44))
    fields = (
        ("count", "BATCH_COUNT_WRONG", "entries and addenda", "count", (4, 10), found.count),
        ("hash", "BATCH_HASH_WRONG", "entry hash", "hash", (10, 20), found.hash % HASH_MODULUS),
        ("debit", "BATCH_TOTAL_WRONG", "debits", "cents", money[0], found.debit),
        ("credit", "BATCH_TOTAL_WRONG", "credits", "cents", money[1], found.credit),
    )
    declared: dict[str, int | None] = {}
    for name, code, measure, unit, (start, stop), value in fields:
        figure = number(text[start:stop])
        declared[name] = figure
        columns = f"{start + 1}-{stop}"
        what = f"{measure} in batch {batch.number}"
        reading.controls.append((code, batch.ord, what, unit, figure, value, line, offset, columns))
        if figure is None:
            reading.notes.add(
                "BATCH_UNREADABLE",
                f"The {what} read '{text[start:stop]}' and are no number. Ask for the file again.",
                line=line,
                byte_offset=offset,
                field=columns,
                batch_ord=batch.ord,
            )
        so_far = reading.batch_declared[name]
        both = None if figure is None or so_far is None else figure + so_far
        reading.batch_declared[name] = both
    _end_batch(reading, batch, declared)


def leave_batch(reading: Reading, batch: Batch) -> None:
    """End a batch that has no control: its totals are not declared."""
    reading.batch_declared = dict.fromkeys(MEASURES)
    _end_batch(reading, batch, {})


def _end_batch(reading: Reading, batch: Batch, declared: dict[str, int | None]) -> None:
    found = batch.found
    reading.batch_rows.append(
        (
            batch.ord,
            batch.number,
            None,
            batch.line,
            declared.get("count"),
            declared.get("credit"),
            found.count,
            found.credit,
            batch.company_id or None,
        )
    )
    if found.count == 0:
        reading.notes.add(
            "BATCH_WARNING",
            f"Batch {batch.number} holds no entries.",
            line=batch.line,
            byte_offset=batch.offset,
            batch_ord=batch.ord,
        )
    _service_class(reading, batch)
    reading.found.add(found)
    reading.open = None


def _service_class(reading: Reading, batch: Batch) -> None:
    """Class 220 holds no debits, 225 no credits; notices of change come in either (COR)."""
    wrong = {"220": batch.found.debit, "225": batch.found.credit}.get(batch.service, 0)
    if wrong and batch.sec != "COR":
        side = "debits" if batch.service == "220" else "credits"
        reading.notes.add(
            "BATCH_STRUCTURE",
            f"Batch {batch.number} is of service class {batch.service} and holds {side}, which "
            f"that class may not. {ASK}",
            line=batch.line,
            byte_offset=batch.offset,
            field="2-4",
            batch_ord=batch.ord,
        )


def _same_as_header(reading: Reading, batch: Batch, text: str, line: int, offset: int) -> None:
    place: dict[str, Any] = {"line": line, "byte_offset": offset}
    for name, header, control, columns in (
        ("service class", batch.service, text[1:4], "2-4"),
        ("originating bank", batch.odfi, text[79:87], "80-87"),
        ("batch number", batch.number, text[87:94].strip(), "88-94"),
    ):
        quirk = batch.sec == "COR" and name == "service class"
        if header != control and not (quirk and {header, control} == {"225", "200"}):
            reading.notes.add(
                "BATCH_STRUCTURE",
                f"Header and control of batch {batch.number} name different values as {name}: "
                f"'{header}' and '{control}'. {ASK}",
                field=columns,
                batch_ord=batch.ord,
                **place,
            )
    company = text[44:54].strip()
    if not batch.adv and company and company != batch.company_id:
        reading.notes.add(
            "ORIGINATOR_MISMATCH",
            f"Header and control of batch {batch.number} name the companies "
            f"'{batch.company_id}' and '{company}'.",
            field="45-54",
            batch_ord=batch.ord,
            **place,
        )


def file_control(reading: Reading, rows: Rows, row: int) -> None:
    """Read the first record 9 and declare the file's totals."""
    text = rows.text(row, 0, 94)
    line, offset = int(rows.line[row]), int(rows.offset[row])
    found = reading.found
    money = ((31, 51), (51, 71)) if reading.adv else ((31, 43), (43, 55))
    code = "FILE_COUNT_WRONG"
    fields = (
        ("batches", code, "batches", "count", (1, 7), reading.batches),
        ("count", code, "entries and addenda", "count", (13, 21), found.count),
        ("hash", "FILE_HASH_WRONG", "entry hash", "hash", (21, 31), found.hash % HASH_MODULUS),
        ("debit", "FILE_TOTAL_WRONG", "debits", "cents", money[0], found.debit),
        ("credit", "FILE_TOTAL_WRONG", "credits", "cents", money[1], found.credit),
    )
    for name, problem, measure, unit, (start, stop), value in fields:
        figure = number(text[start:stop])
        reading.declared[name] = figure
        in_batches = reading.batch_declared.get(name)
        if name == "hash" and in_batches is not None:
            in_batches %= HASH_MODULUS
        shown = figure if figure is not None and figure == in_batches else value
        columns, what = f"{start + 1}-{stop}", f"{measure} in the file"
        reading.controls.append((problem, None, what, unit, figure, shown, line, offset, columns))
        if figure is None:
            reading.notes.add(
                "RECORD_UNREADABLE",
                f"The {what} read '{text[start:stop]}' in the file control and are no number. "
                "Ask for the file again.",
                line=line,
                byte_offset=offset,
                field=columns,
            )
    reading.declared["blocks"] = number(text[7:13])


def blocking(reading: Reading) -> None:
    """Warn when the file is not blocked by ten records as its control says."""
    blocks = -(-reading.records // 10)
    declared = reading.declared.get("blocks")
    if reading.records % 10 or declared != blocks:
        said = "no number of blocks" if declared is None else f"{declared} blocks"
        reading.notes.add(
            "BLOCKING_WRONG",
            f"The file has {reading.records} records, which is {blocks} blocks of ten, and "
            f"declares {said}; nothing needs doing.",
            field="8-13",
        )
