"""Second readers of bank statements (see resum.py)."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from tests.fuzz.figures import Sums, cents, lines_of, text_of, whole


def _listed(*names: str) -> frozenset[str]:
    """BAI2 type codes of a kind: data of the format file."""
    file = Path(__file__).parents[2] / "formats" / "bai2.toml"
    codes = tomllib.loads(file.read_text())["layout"]["codes"]
    return frozenset(code for name in names for code in codes.get(name, []))


_NO_LINES = _listed("status", "credit_summary", "debit_summary", "text")
_LINES = _listed("credit_detail", "debit_detail")
_BAI2 = re.compile(  # a 16 on the line of another record needs its type code
    r"(?<=/)[\s\x01-\x03\x1a]+(?=(?:0[123]|16,[0-9]{3}|49|88|98|99),)"
    r"|(?:[\r\n]+|\A)[\s\x01-\x03\x1a]*(?=(?:0[123]|16|49|88|98|99),)"
)


def _bai2_records(data: bytes) -> Iterator[list[str]]:
    logical: list[str] = []
    text = text_of(data).strip(" \r\n\x1a")
    said = text.split("/")[0].split(",")[6:7]
    if "\n" in text or "\r" in text or not said or not said[0].strip().isdigit():
        pieces = _BAI2.split(text_of(data))
    else:  # records of one length
        width = max(int(said[0]), 1)
        text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip(" ")  # bytes count
        pieces = [text[at : at + width] for at in range(0, len(text), width)]
    for piece in pieces:
        record = piece.strip(" \r\n\x1a")
        if record.startswith("88,") and logical:
            before = logical[-1]
            logical[-1] = before.removesuffix("/") + "," + record[3:]
        elif record:
            logical.append(record)
    for record in logical:
        # A record that goes on in the next line ends its field there.
        yield re.split(r",|\r\n|\n|\r", record.removesuffix("/"))


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
    """Lines, a balance or sum that was wrapped made whole again."""
    found: list[str] = []
    for raw in lines_of(data):
        line = raw.strip(" \t\n\v\f\r\x01\x02\x03\x1a")
        wrapped = found and re.match(r":(6[02][FM]|90[CD]):", found[-1]) and line[:1] not in ":-"
        found[-1:] = [found[-1] + line] if wrapped else [*found[-1:], line]
    return found


def mt940(data: bytes) -> Sums:
    """Opening and lines make the closing balance; 90C and 90D are the sums of a 942, in which
    banks count a reversal (RC) by its letter or by its effect."""
    money: Counter[int] = Counter()
    wrong: list[str] = []
    balance: int | None = None
    letter, effect = {"C": 0, "D": 0}, {"C": 0, "D": 0}
    closed = True  # else a :20: is a text of the statement that it stands in
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
            balance, closed = amount, closed or found[1][1] == "2"
        elif line.startswith("-"):
            closed = True
        elif found := _MT_SUM.match(line):
            closed = True
            if cents(found[3]) not in (letter[found[1]], effect[found[1]]):
                wrong.append(f"{line} and the lines make {letter} or {effect}")
        elif line.startswith(":20:") and closed:
            closed = False
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
    """Elements by their local names; namespaces and the declaration are unasked. What is no
    character is a question mark, of which recond warns: it may be the damaged one (`?>`)."""
    tree, parser = ElementTree.TreeBuilder(), expat.ParserCreate("utf-8")
    parser.StartElementHandler = lambda name, _: tree.start(name.rpartition(":")[2], {})
    parser.EndElementHandler = lambda name: tree.end(name.rpartition(":")[2])
    parser.CharacterDataHandler = tree.data
    text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffd]", "?", data.decode(errors="replace"))
    parser.Parse(re.sub(r"\A\s*<\?.*?\?>", "", text, flags=re.DOTALL).encode(), True)
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
