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
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

Sums = tuple[Counter[int], list[str]]  # amounts in cents, what is wrong
UNREADABLE = 10**24


def text_of(data: bytes) -> str:
    """Bytes as text, whatever they are."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def lines_of(data: bytes, width: int = 0) -> list[str]:
    """Lines without their ends, blank ones left out; a file that begins with a line of two and
    more times `width` has no lines and is cut by it."""
    text = text_of(data)
    found = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip(" \x1a")]
    if width and found and len(found[0]) > 2 * width:
        text = re.sub(r"[\r\n]", "", text)
        return [text[at : at + width] for at in range(0, len(text), width) if text[at:].strip()]
    return found


def whole(text: str) -> int:
    """Digits, blank for none; UNREADABLE is no amount and makes every sum wrong."""
    bare = text.strip() or "0"
    return int(bare) if re.fullmatch(r"[+-]?[0-9]+", bare) else UNREADABLE


def cents(text: str) -> int:
    """A decimal with a point or a comma, halves of a cent away from zero."""
    try:
        value = Decimal(text.strip().replace(",", "."))
    except ArithmeticError:
        return UNREADABLE
    return int((value * 100).quantize(Decimal(1), ROUND_HALF_UP))


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


def _listed(*names: str) -> frozenset[str]:
    """BAI2 type codes of a kind: data of the format file."""
    file = Path(__file__).parents[2] / "formats" / "bai2.toml"
    codes = tomllib.loads(file.read_text())["layout"]["codes"]
    return frozenset(code for name in names for code in codes.get(name, []))


_NO_LINES = _listed("status", "credit_summary", "debit_summary", "text")
_LINES = _listed("credit_detail", "debit_detail")
_BAI2 = re.compile(r"(?:(?<=/)\s+|[\r\n]+\s*|\A\s*)(?=(?:01|02|03|16|49|88|98|99),)")


def _bai2_records(data: bytes) -> Iterator[list[str]]:
    logical: list[str] = []
    for piece in _BAI2.split(text_of(data)):
        record = piece.strip(" \r\n\x1a")
        if record.startswith("88,") and logical:
            before = logical[-1]
            logical[-1] = before.removesuffix("/") + "," + record[3:]
        elif record:
            logical.append(record)
    for record in logical:
        yield record.removesuffix("/").split(",")


def _bai2_summaries(fields: list[str]) -> Iterator[int]:
    """Amounts of an account record: type, amount, count, funds type and its own fields."""
    rest = [field.strip() for field in fields]
    while rest:
        if not rest[0]:
            rest.pop(0)
            continue
        yield whole(rest[1]) if len(rest) > 1 else 0
        kind, taken = (rest[3] if len(rest) > 3 else ""), 4
        if kind == "S":
            taken = 7
        elif kind == "V":
            taken = 6
        elif kind == "D":
            taken = 5 + 2 * whole(rest[4])
        rest = rest[taken:]


def bai2(data: bytes) -> Sums:
    """Every amount of 03 and 16, signs of 16 left out, against 49, 98 and 99."""
    money: Counter[int] = Counter()
    wrong: list[str] = []
    account = group = file = 0
    default, cents_of_one = "", 1
    for record in _bai2_records(data):
        match record[0]:
            case "02":
                default = record[6].strip() if len(record) > 6 else ""
            case "03":
                own = record[2].strip() if len(record) > 2 else ""
                cents_of_one = 100 if (own or default).upper() == "JPY" else 1  # no decimals
                account = sum(_bai2_summaries(record[3:]))
            case "16":
                written = record[2].strip() if len(record) > 2 else ""
                amount = whole(written)
                kind = record[1].strip()
                # 700 to 929 say no direction: money of those that are not listed is asked about
                # and stands in no line. A blank amount is a line of nothing.
                moves = "100" <= kind < "700" or kind >= "930"
                line = kind in _LINES or (kind not in _NO_LINES and moves)
                money.update([abs(amount) * cents_of_one] if line else [])
                account += amount
            case "49" | "98" | "99":
                found = {"49": account, "98": group, "99": file}[record[0]]
                if whole(record[1]) != found:
                    wrong.append(f"{record[0]} says {record[1]}, holds {found}")
                if record[0] == "49":
                    group += account
                elif record[0] == "98":
                    file, group = file + group, 0
    return money, wrong


_MT_LINE = re.compile(r":61:\d{6}(?:\d{4})? ?([ER]?[CD])[A-Z]? ?(\d*[,.]?\d*)")
_MT_BALANCE = re.compile(r":(60[FM]|62[FM]): ?([CD])\d{6}([A-Z]{3})? ?(\d*[,.]?\d*)")
_MT_SUM = re.compile(r":90([CD]):(\d+)[A-Z]{3}(\d*[,.]?\d*)")


def _mt_lines(data: bytes) -> list[str]:
    """Lines, a balance that was wrapped made whole again."""
    found: list[str] = []
    for raw in lines_of(data):
        line = raw.strip()
        wrapped = found and re.match(r":6[02][FM]:", found[-1]) and line[0] not in ":-"
        found[-1:] = [found[-1] + line] if wrapped else [*found[-1:], line]
    return found


def mt940(data: bytes) -> Sums:
    """Opening and lines make the closing balance; 90C and 90D are the sums of a 942, in which
    banks count a reversal (RC) by its letter or by its effect."""
    money: Counter[int] = Counter()
    wrong: list[str] = []
    balance: int | None = None
    letter, effect = {"C": 0, "D": 0}, {"C": 0, "D": 0}
    for line in _mt_lines(data):
        if found := _MT_LINE.match(line):
            amount, mark = cents(found[2] or "0"), found[1]
            money[amount] += 1
            letter[mark[-1]] += amount
            side = {"RD": "C", "RC": "D"}.get(mark, mark[-1])
            effect[side] += amount
            if mark[0] != "E" and balance is not None:
                balance += amount if side == "C" else -amount
        elif found := _MT_BALANCE.match(line):
            amount = cents(found[4] or "0") * (1 if found[2] == "C" else -1)
            if found[1][1] == "2" and amount != balance:
                wrong.append(f"{line} and the lines make {balance}")
            balance = amount
        elif found := _MT_SUM.match(line):
            if cents(found[3]) not in (letter[found[1]], effect[found[1]]):
                wrong.append(f"{line} and the lines make {letter} or {effect}")
        elif line.startswith(":20:"):
            letter, effect = {"C": 0, "D": 0}, {"C": 0, "D": 0}
    return money, wrong


def _child(element: ElementTree.Element, *names: str) -> str:
    for name in names:
        found = element.find(name)
        if found is None:
            return ""
        element = found
    return (element.text or "").strip()


def _plain_xml(data: bytes) -> ElementTree.Element:
    """Elements by their local names, namespaces unasked. What is no character is a question mark,
    of which recond warns: it may be the one that was damaged (`?>`)."""
    tree, parser = ElementTree.TreeBuilder(), expat.ParserCreate("utf-8")
    parser.StartElementHandler = lambda name, _: tree.start(name.rpartition(":")[2], {})
    parser.EndElementHandler = lambda name: tree.end(name.rpartition(":")[2])
    parser.CharacterDataHandler = tree.data
    text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffd]", "?", data.decode(errors="replace"))
    parser.Parse(text.encode(), True)
    return tree.close()


def camt(data: bytes) -> Sums:
    """Entries of each statement against its balances."""
    money: Counter[int] = Counter()
    wrong: list[str] = []
    for statement in _plain_xml(data).iter():
        if statement.tag not in {"Stmt", "Rpt", "Ntfctn"}:
            continue
        booked, balances = 0, {}
        for part in statement:
            sign = -1 if _child(part, "CdtDbtInd") == "DBIT" else 1
            if part.tag == "Ntry":
                amount = cents(_child(part, "Amt"))
                money[amount] += 1
                state = _child(part, "Sts", "Cd") or _child(part, "Sts")
                booked += sign * amount if state == "BOOK" else 0
            elif part.tag == "Bal":
                code = _child(part, "Tp", "CdOrPrtry", "Cd")
                balances.setdefault(code, sign * cents(_child(part, "Amt")))
        opening = balances.get("OPBD", balances.get("PRCD"))
        closing = balances.get("CLBD")
        whole = statement.tag == "Stmt" and None not in (opening, closing)
        if whole and (opening or 0) + booked != closing:
            wrong.append(f"{opening} and {booked} do not make {closing}")
    return money, wrong


def ofx(data: bytes) -> Sums:
    """Amounts of transactions; OFX has no totals."""
    money: Counter[int] = Counter()
    for piece in re.split(r"(?i)<STMTTRN\s*>", text_of(data))[1:]:
        found = re.search(r"(?i)<TRNAMT\s*>\s*([^<\r\n]*)", piece)
        if found:
            text = found[1].strip()
            if text.count(",") + text.count(".") > 1:
                text = re.sub(r"[,.](?=.*[,.])", "", text)
            money[abs(cents(text))] += 1
    return money, []


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
            kind = fields[1]
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
        stop = text.find(f"{end}IEA", at)
        following = re.compile(r"ISA[^A-Za-z0-9 ]").search(text, max(stop, at + 3))
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
    comma = "Booking Date" in text
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
        named = {f.strip().casefold() for row in csv.reader([line], delimiter=point) for f in row}
        if _is_header(named) and line.count('"') % 2 == 0:
            return "".join(lines[number:])
    return ""


def _is_header(names: set[str]) -> bool:
    """Whether a row is the header: above it a bank may print anything, an "Amount" too."""
    if {"gross_amount", "check_amount"} & names or {"debit", "credit"} <= names:
        return True
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
