"""Readers of our own, a screen each: the money of an accepted file, read another way.

Each takes the bytes of a file that recond accepted and returns the amounts that it holds, without
their signs, and what is wrong with its own totals. They read by splitting text and know nothing
of recond; what recond accepts with a warning they must read too. They are no parsers: a file that
recond holds is never shown to them.
"""

from __future__ import annotations

import csv
import io
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

from tests.fuzz.figures import Sums, cents, lines_of, text_of, whole
from tests.fuzz.resum_statements import bai2, camt, mt940, ofx


def nacha(data: bytes) -> Sums:
    """Entries (6) against the totals of batches (8) and of the file (9)."""
    money: Counter[int] = Counter()
    wrong: list[str] = []
    batch, file, adv, count = [0, 0], [0, 0], False, 0
    for raw in lines_of(data, 94):
        line = f"{raw:<94}"
        if line[0] == "5":
            adv, batch, count = line[1:4] == "280", [0, 0], 0
        elif line[0] == "6":
            amount = whole(line[27:39] if adv else line[29:39])
            odd = line[1] == "8" and line[2] in "1357"
            credit = odd or (line[1] != "8" and line[2] in "1234" and line[1:3] != "55")
            money[amount] += 1
            batch[credit] += amount
            count += 1
        elif line[0] == "7":
            count += 1
        elif line[0] == "8":
            at = (20, 40, 60) if adv else (20, 32, 44)
            said = [whole(line[at[0] : at[1]]), whole(line[at[1] : at[2]])]
            file = [file[0] + batch[0], file[1] + batch[1]]
            if said != batch or whole(line[4:10]) != count:
                wrong.append(f"batch says {said}, holds {batch}")
        elif line[0] == "9" and raw.strip("9 "):
            at = (31, 51, 71) if adv else (31, 43, 55)
            said = [whole(line[at[0] : at[1]]), whole(line[at[1] : at[2]])]
            if said != file:
                wrong.append(f"file says {said}, holds {file}")
    return money, wrong


def lockbox(data: bytes) -> Sums:
    """Checks (6) against batches (7) and lockboxes (8)."""
    money: Counter[int] = Counter()
    wrong: list[str] = []
    batch = box = 0
    for line in lines_of(data):
        if line[0] == "6":
            amount = whole(line[7:17])
            money[amount] += 1
            batch, box = batch + amount, box + amount
        elif line[0] == "7":
            if whole(line[23:33]) != batch:
                wrong.append(f"batch says {line[23:33]}, holds {batch}")
            batch = 0
        elif line[0] == "8":
            if whole(line[24:34]) != box:
                wrong.append(f"box says {line[24:34]}, holds {box}")
            batch = box = 0
    return money, wrong


def x12(data: bytes) -> Sums:
    """Payment orders (BPR02); deposits (AMT behind DEP) and batches against their checks."""
    money: Counter[int] = Counter()
    wrong: list[str] = []
    text = text_of(data)
    said: dict[str, int] = {}
    held: dict[str, int] = {}
    inside, kind = "", ""
    for fields in _x12_segments(text):
        if fields[0] in {"ST", "SE", "DEP", "BAT"}:
            for level in ("BAT", "DEP") if fields[0] != "BAT" else ("BAT",):
                if level in said and said.pop(level) != held.get(level, 0):
                    wrong.append(f"{level} is not the sum of its checks")
                held[level] = 0
        if fields[0] == "ST":
            kind = fields[1].strip()
        elif fields[0] == "AMT" and inside in {"DEP", "BAT"} and kind == "823":
            said[inside] = cents(fields[2])
        elif fields[0] == "BPR" and kind in {"820", "823"}:
            amount = cents(fields[2]) if len(fields) > 2 else 0
            money[amount] += 1
            held = {level: found + amount for level, found in held.items()}
        if fields[0] not in {"AMT", "QTY"}:
            inside = fields[0]
    return money, wrong


def _x12_segments(text: str) -> Iterator[list[str]]:
    at = text.find("ISA")
    while at >= 0:
        mark = text[at + 3]
        place = at
        for _ in range(16):
            place = text.index(mark, place) + 1
        end = text[place + 1]
        closed = re.compile(rf"{re.escape(end)}\s*IEA").search(text, at)
        behind = closed.end() if closed else at + 3
        following = re.compile(r"ISA[^A-Za-z0-9 ]").search(text, behind)
        until = following.start() if following else len(text)
        for segment in text[at:until].split(end):
            fields = segment.strip("\r\n ").split(mark)
            if fields[0]:
                yield fields
        at = until if following else -1


def x937(data: bytes) -> Sums:
    """Items (25, 31) against bundles, cash letters and the file; the file's total is the money."""
    wrong: list[str] = []
    items = {"70": 0, "90": 0, "99": 0}
    money: Counter[int] = Counter()
    for record in _x937_records(data):
        if record[:2] in {"25", "31"}:
            amount = whole(record[47:57] if record[0] == "2" else record[31:41])
            items = {level: found + amount for level, found in items.items()}
        elif record[:2] in items:
            at = {"70": (6, 18), "90": (16, 30), "99": (24, 40)}[record[:2]]
            if whole(record[at[0] : at[1]]) != items[record[:2]]:
                wrong.append(f"{record[:2]} says {record[at[0] : at[1]]}, holds {items}")
            if record[:2] == "99":
                money[items["99"]] += 1
            items[record[:2]] = 0
    return money, wrong


def _x937_records(data: bytes) -> Iterator[str]:
    code = "cp037" if b"\xf0\xf1" in data[:6] else "latin-1"
    if data[:2] in {b"01", b"\xf0\xf1"}:
        ends = rb"\x25" if code == "cp037" else rb"\r\n|\n|\r"
        yield from (line.decode(code) for line in re.split(ends, data))
        return
    at = 0
    while at + 4 <= len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 4 + size].decode(code)
        at += 4 + size


def delimited(data: bytes) -> Sums:
    """Amounts of counter, card, bank and lockbox rows; a card row's identity of its three."""
    text = text_of(data)
    comma = "booking date" in text.casefold()
    money: Counter[int] = Counter()
    wrong: list[str] = []
    names: list[str] = []
    checks: dict[tuple[str, ...], int] = {}
    point = ";" if comma else ","
    for row in csv.reader(io.StringIO(_from_header(text, point), newline=""), delimiter=point):
        if not names:
            names = [field.strip().casefold() for field in row]
            continue
        if not row or row[0].strip().casefold().startswith("total"):
            continue
        cells = dict(zip(names, row, strict=False))
        found = {name: _decimal(cells.get(name, ""), comma) for name in names}
        match cells:
            case {"gross_amount": _, "type": kind}:
                gross, fee, net = (found[f"{n}_amount"] or 0 for n in ("gross", "fee", "net"))
                parts = [net] if kind == "FEE" else [gross, *([fee] if fee else [])]
                money.update(abs(part) for part in parts)
                if gross - fee != net:
                    wrong.append(f"{gross} less {fee} is not {net}")
            case {"check_amount": _}:
                key = tuple(field.strip() for field in row[:4])
                if key not in checks:
                    checks[key] = found["check_amount"] or 0
                    money[abs(checks[key])] += 1
            case {"debit": _}:
                money.update(abs(found[n] or 0) for n in ("debit", "credit") if found[n])
            case _:
                given = found.get("amount")
                if given is not None:
                    money[abs(given)] += 1
    return money, wrong


def _from_header(text: str, point: str) -> str:
    """The text from its header on: a quote above it encloses nothing."""
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    for number, line in enumerate(lines):
        try:
            read = list(csv.reader([line], delimiter=point, strict=True))
        except csv.Error:  # a quote that encloses nothing
            continue
        if _is_header({field.strip().casefold() for row in read for field in row}):
            return "".join(lines[number:])
    return ""


def _is_header(names: set[str]) -> bool:
    """Whether a row is the header: above it a bank may print anything, an "Amount" too."""
    if {"gross_amount", "check_amount"} & names or {"booking date", "debit", "credit"} <= names:
        return True
    if "tender" not in names and not {"date", "posting date"} & names:
        return False
    return "amount" in names and bool({"tender", "account", "account number"} & names)


def _decimal(text: str, comma: bool) -> int | None:
    bare = re.sub(r"[$\s()]", "", text)
    bare = bare.replace(".", "").replace(",", ".") if comma else bare.replace(",", "")
    try:
        return int(Decimal(bare) * 100)
    except ArithmeticError:
        return None


_ZONED = str.maketrans("{ABCDEFGHI}JKLMNOPQR", "01234567890123456789")


def zoned(text: str) -> int:
    """An amount whose last digit may carry its sign, as mainframes write it; the sign left out."""
    return whole(text[:-1] + text[-1:].translate(_ZONED))


def fixed(data: bytes) -> Sums:
    """Payments (D) against the one trailer (T) of the Bank of Saguaro."""
    money: Counter[int] = Counter()
    wrong: list[str] = []
    said: list[tuple[int, int]] = []
    for line in lines_of(data):
        if line[0] == "D":
            money[abs(zoned(line[17:26]))] += 1
        elif line[0] == "T":
            said.append((whole(line[1:7]), zoned(line[7:17])))
    found = (sum(money.values()), sum(k * n for k, n in money.items()))
    if said != [found]:
        wrong.append(f"trailers say {said}, holds {found}")
    return money, wrong


READERS: dict[str, Callable[[bytes], Sums]] = {
    "nacha": nacha, "lockbox": lockbox, "bai2": bai2, "mt940": mt940, "camt": camt, "ofx": ofx,
    "x12": x12, "x937": x937, "delimited": delimited, "fixed": fixed,
}  # fmt: skip
