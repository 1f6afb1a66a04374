"""X9.37 / X9.100-187 image cash letters: their totals, never their images (formats section 10).

    01 file > 10 cash letter > 20 bundle > 25 check or 31 return … > 70 > 90 > 99

A cash letter is a deposit: the bank credits its amount as one line. It posts nothing by itself;
`IMAGE_DEPOSITS` keeps what a later match with the bank's line needs. Amounts must agree at every
level. Counts may deviate as producers are known for: items that count addenda and images too,
and records that leave credit records (61, 62) out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from recond.model import CONTROLS, IMAGE_DEPOSITS, Format, Parsed, Transmission
from recond.parsers.notes import Notes
from recond.parsers.x12_tables import day8
from recond.parsers.x937_records import Record, records

_ITEMS = {"25": (48, 57), "31": (32, 41)}
_CREDITS = ("61", "62")
_ADDENDA = ("26", "27", "28", "29", "30", "32", "33", "34", "35", "40", "41", "42", "68")
_IMAGES = ("50", "52", "54")
_OTHER = ("12", "13", "75", "77", "78", "85", "86", "87", "88")
_KNOWN = frozenset(("01", "10", "20", "70", "90", "99", *_ITEMS, *_CREDITS, *_ADDENDA, *_IMAGES,
                    *_OTHER))  # fmt: skip
# Where a record may stand: the level that must be open (0 nothing, 1 file, 2 cash letter,
# 3 bundle, 4 behind the end) and the level behind it.
_STEPS = {"01": (0, 1), "10": (1, 2), "20": (2, 3), "70": (3, 2), "90": (2, 1), "99": (1, 4)}
_AGAIN = "Ask the sender for the file again."


class Layout(BaseModel):
    """The `[layout]` table of an X9.37 format; it has no keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(slots=True)
class _Level:
    """A file, a cash letter or a bundle: what was found in it, and its header."""

    header: Record | None = None
    items: int = 0
    cents: int = 0
    returned: int = 0
    addenda: int = 0
    images: int = 0
    parts: int = 0  # bundles of a cash letter, cash letters of a file

    def add(self, inner: _Level) -> None:
        """Count what one of its parts held."""
        self.items += inner.items
        self.cents += inner.cents
        self.returned += inner.returned
        self.addenda += inner.addenda
        self.images += inner.images
        self.parts += 1

    def counts(self) -> tuple[int, ...]:
        """What producers declare as items: the items, or more of their records."""
        items, addenda, images = self.items, self.addenda, self.images
        return items, items + addenda, items + images, items + addenda + images


def parse(source: BinaryIO, fmt: Format) -> Iterator[Parsed]:
    """The deposit of a file, its controls and problems, as one chunk.

    Identity is the header's: destination, origin, date, time and modifier; the digest covers the
    check and return records. Bad data never raises.
    """
    if not isinstance(fmt.layout, Layout):
        raise TypeError(f"format {fmt.name} has no layout of the x937 grammar")
    notes = Notes()
    file = _File(notes)
    for record in records(source, notes):
        file.take(record)
    tables, transmission = file.finish()
    yield Parsed(tables, (*notes.drain(), *notes.rest()), transmission)


@dataclass(slots=True)
class _File:
    notes: Notes
    level: int = 0
    records: int = 0
    credits: int = 0
    file: _Level = field(default_factory=_Level)
    letter: _Level = field(default_factory=_Level)
    bundle: _Level = field(default_factory=_Level)
    declared: tuple[int, int] | None = None
    deposits: list[dict[str, Any]] = field(default_factory=list)
    controls: list[dict[str, Any]] = field(default_factory=list)

    digest: Any = field(default_factory=sha256)

    def take(self, record: Record) -> None:
        """One record in its order."""
        self.records += 1
        kind = record.kind
        if kind not in _KNOWN:
            self._tell("RECORD_UNREADABLE", f"The record begins with '{kind}', which is no record "
                       "of this format.", record, "1-2")  # fmt: skip
            return
        needed, following = _STEPS.get(kind, (3, 3))
        loose = kind in _OTHER or kind in _CREDITS or kind == "68"
        if self.level != needed and not (loose and self.level in (1, 2, 3)):
            self._tell("FILE_STRUCTURE", f"A record {kind} stands where the format does not allow "
                       "it: 01 (10 (20 … 70) 90) 99.", record, "1-2")  # fmt: skip
        if kind in _STEPS:
            self.level = following
        self._count(record)

    def _count(self, record: Record) -> None:
        match record.kind:
            case "01":
                self.file = _Level(record)
                self._header(record)
            case "10":
                self.letter = _Level(record)
            case "20":
                self.bundle = _Level(record)
            case "25" | "31":
                self._item(record)
            case "70":
                self._close(record, self.bundle, "bundle", (3, 6), (7, 18))
                self.letter.add(self.bundle)
                self.bundle = _Level()
            case "90":
                self._close(record, self.letter, "cash letter", (9, 16), (17, 30), (3, 8))
                self._deposit("CASH_LETTER", self.letter, record)
                self.file.add(self.letter)
                self.letter = _Level()
            case "99":
                self._trailer(record)
            case kind:
                self.credits += kind in _CREDITS
                self.bundle.addenda += kind in _ADDENDA
                self.bundle.images += kind in _IMAGES

    def _header(self, record: Record) -> None:
        text = record.text
        if text[4] not in "TP":
            self._tell("HEADER_WRONG", f"Column 5 reads '{text[4]}' and is neither P nor T.",
                       record, "5-5")  # fmt: skip
        elif text[4] == "T":
            self.notes.add(
                "RECORD_DEVIATES",
                "The file is marked as a test (T): it is kept, and is no deposit.",
                line=record.line, byte_offset=record.offset, field="5-5",
            )  # fmt: skip

    def _item(self, record: Record) -> None:
        cents = self._number(record, _ITEMS[record.kind])
        self.digest.update(record.text.encode("utf-8"))
        self.bundle.items += 1
        self.bundle.cents += cents or 0
        if record.kind == "31":
            self.bundle.returned += cents or 0

    def _close(
        self, record: Record, level: _Level, name: str, items: tuple[int, int],
        amount: tuple[int, int], parts: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        """A control record against what its level holds. Amounts must agree."""
        line = level.header.line if level.header else record.line
        words = f"the {name} of line {line}"
        cents = self._number(record, amount)
        self._control("FILE_TOTAL_WRONG", f"items of {words}", "cents", cents, level.cents, record,
                      amount)  # fmt: skip
        said = self._number(record, items)
        found = level.items
        if said is not None and said != found and said in level.counts():
            self._deviates(record, items, f"{words} declares {said} items and holds {found}: it "
                           "counts addenda or images too")  # fmt: skip
            said = found
        self._control("FILE_COUNT_WRONG", f"items of {words}", "count", said, found, record, items)
        if parts is not None:
            held = self._number(record, parts)
            self._control("FILE_COUNT_WRONG", f"bundles of {words}", "count", held, level.parts,
                          record, parts)  # fmt: skip

    def _trailer(self, record: Record) -> None:
        self._close(record, self.file, "file", (17, 24), (25, 40))
        parts = self._number(record, (3, 8))
        self._control("FILE_COUNT_WRONG", "cash letters of the file", "count", parts,
                      self.file.parts, record, (3, 8))  # fmt: skip
        said = self._number(record, (9, 16))
        if said is not None and said != self.records and said == self.records - self.credits:
            self._deviates(record, (9, 16), f"the file declares {said} records and has "
                           f"{self.records}: its credit records are left out")  # fmt: skip
            said = self.records
        self._control("FILE_COUNT_WRONG", "records of the file", "count", said, self.records,
                      record, (9, 16))  # fmt: skip
        cents, items = self._number(record, (25, 40)), self._number(record, (17, 24))
        if cents is not None and items is not None:
            self.declared = items, cents
        self._deposit("FILE", self.file, record)

    def _deposit(self, name: str, level: _Level, record: Record) -> None:
        """What a bank line will be matched with: from the header to its control."""
        header = level.header or record
        text, letter = header.text, name == "CASH_LETTER"
        date = text[22:30] if letter else text[23:31]
        self.deposits.append(
            {
                "ordinal": len(self.deposits) + 1, "line": header.line,
                "byte_offset": header.offset,
                "byte_length": record.offset + record.length - header.offset, "level": name,
                "identity": (text[44:52] if letter else text[72:73]).strip() or None,
                "origin": (text[13:22] if letter else text[14:23]).strip() or None,
                "destination": (text[4:13] if letter else text[5:14]).strip() or None,
                "business_date": self._date(date, header), "amount_cents": level.cents,
                "items": level.items, "returned_cents": level.returned,
                "test": self.file.header is not None and self.file.header.text[4] != "P",
            }
        )  # fmt: skip

    def _date(self, text: str, record: Record) -> Any:
        day = day8(text)
        if day is None:
            self.notes.add(
                "DATE_UNUSUAL", f"'{text}' is no date (CCYYMMDD).", line=record.line,
                byte_offset=record.offset, field="23-30" if record.kind == "10" else "24-31",
            )  # fmt: skip
        return day

    def _number(self, record: Record, columns: tuple[int, int]) -> int | None:
        text = record.text[columns[0] - 1 : columns[1]]
        if text.isascii() and text.isdigit():
            return int(text)
        self._tell("RECORD_UNREADABLE", f"Columns {columns[0]}-{columns[1]} read '{text}' and are "
                   "no number.", record, f"{columns[0]}-{columns[1]}")  # fmt: skip
        return None

    def _control(
        self, code: str, words: str, unit: str, declared: int | None, found: int, record: Record,
        columns: tuple[int, int],
    ) -> None:  # fmt: skip
        self.controls.append(
            {
                "code": code, "batch_ord": None, "measure": words, "unit": unit,
                "declared": declared, "found": found, "line": record.line,
                "byte_offset": record.offset, "field": f"{columns[0]}-{columns[1]}",
            }
        )  # fmt: skip

    def _deviates(self, record: Record, columns: tuple[int, int], words: str) -> None:
        self.notes.add(
            "RECORD_DEVIATES", f"{words[0].upper()}{words[1:]}.", line=record.line,
            byte_offset=record.offset, field=f"{columns[0]}-{columns[1]}",
        )  # fmt: skip

    def _tell(self, code: str, words: str, record: Record, columns: str) -> None:
        self.notes.add(
            code, f"{words} {_AGAIN}", line=record.line, byte_offset=record.offset, field=columns
        )

    def finish(self) -> tuple[dict[str, pa.Table], Transmission]:
        """What only the end of the file shows."""
        if not self.records:
            self.notes.add("EMPTY_FILE", f"The file has no records. {_AGAIN}")
        elif self.level != 4:
            self.notes.add("FILE_TRUNCATED", f"The file ends without its control (99). {_AGAIN}")
        elif not self.file.items:
            self.notes.add("NO_ACTIVITY", "The file holds no checks.")
        header = self.file.header
        declared = self.declared
        transmission = Transmission(
            identity=f"x937:{header.text[5:35]}{header.text[72:73]}" if header else None,
            detail_digest=self.digest.hexdigest() if self.file.items else None,
            declared_count=declared[0] if declared else None,
            declared_cents=declared[1] if declared else None,
            found_count=self.file.items if declared else None,
            found_cents=self.file.cents if declared else None,
        )
        tables = {
            "image_deposits": pa.Table.from_pylist(self.deposits, schema=IMAGE_DEPOSITS),
            "controls": pa.Table.from_pylist(self.controls, schema=CONTROLS),
        }
        return tables, transmission
