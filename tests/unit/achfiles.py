"""Builds small NACHA files for tests and fixtures, right in every total unless told otherwise."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from recond.controls import compare
from recond.exceptions.codes import CODES
from recond.model import TABLES, Format, Parsed, Problem, Transmission
from recond.parsers import nacha

ROUTING = "021000021"
ODFI = "12209998"
NINES = "9" * 94
CREDITS = {"21", "22", "23", "24", "31", "32", "33", "34", "42", "52", "81", "83"}


@dataclass
class Entry:
    """One entry; `addenda` are whole records in which {seq} and {trace} stand for its numbers."""

    code: str = "22"
    cents: int = 10400
    identity: str = "1000456021"
    name: str = "IRIS IBARRA"
    trace: int = 0  # 0: the number of the entry in its batch
    addenda: tuple[str, ...] = ()
    middle: str | None = None  # columns 40-78 in place of identity and name
    routing: str = ROUTING
    account: str = "566000001"
    odfi: str = ODFI
    indicator: str | None = None


@dataclass
class Batch:
    """One batch; `off` adds to the declared count, hash, debit, credit."""

    entries: list[Entry]
    sec: str = "PPD"
    service: str = "200"
    number: int = 1
    effective: str = "260505"
    company_id: str = "1860001111"
    control_company: str | None = None
    control_service: str | None = None
    control_number: int | None = None
    odfi: str = ODFI
    iat: bool = False
    off: dict[str, int] = field(default_factory=dict)
    control: bool = True


def info(text: str) -> tuple[str, ...]:
    """Addenda 05 that carry a text of any length."""
    pieces = [text[at : at + 80] for at in range(0, len(text), 80)]
    return tuple(f"705{piece:<80}{n:04d}{{seq}}" for n, piece in enumerate(pieces, 1))


def returned(reason: str, original: str) -> tuple[str, ...]:
    """Addenda 99 of a return."""
    return (f"799{reason}{original}      {ROUTING[:8]}{'':44}{{trace}}",)


def changed(reason: str, original: str, corrected: str) -> tuple[str, ...]:
    """Addenda 98 of a notification of change."""
    return (f"798{reason}{original}      {ROUTING[:8]}{corrected:<29}{'':15}{{trace}}",)


def international() -> tuple[str, ...]:
    """Addenda 10 to 16 of an international entry."""
    texts = (
        f"ANN{100000:018d}{'928383-23938':<22}{'BEK ENTERPRISES':<35}",
        f"{'BEK SOLUTIONS':<35}{'15 WEST PLACE STREET':<35}",
        f"{'JACOBSTOWN*PA':<35}{'US*19305':<35}",
        f"{'WELLS FARGO':<35}01{'121042882':<34}US ",
        f"{'CITADEL BANK':<35}01{'231380104':<34}US ",
        f"{'987465493213987':<15}{'2121 FRONT STREET':<35}",
        f"{'LETTERTOWN*AB':<35}{'CA*80014':<35}",
    )
    return tuple(f"7{n}{text:<84}{{seq}}" for n, text in enumerate(texts, 10))


def render_entry(batch: Batch, entry: Entry) -> list[str]:
    """The records of one entry."""
    trace = f"{entry.odfi}{entry.trace:07d}"
    mark = entry.indicator or ("1" if entry.addenda else "0")
    if batch.sec == "ADV":
        record = f"6{entry.code}{entry.routing}{entry.account:<15}{entry.cents:012d}"
        record += (
            f"{'121042882':<9}{'11131':<5} {entry.name:<22}  {mark}01100001050{entry.trace:04d}"
        )
    elif batch.iat:
        record = f"6{entry.code}{entry.routing}{len(entry.addenda):04d}{'':13}{entry.cents:010d}"
        record += f"{entry.account:<35}{'':4}{mark}{trace}"
    else:
        record = f"6{entry.code}{entry.routing}{entry.account:<17}{entry.cents:010d}"
        middle = f"{entry.identity:<15}{entry.name:<22}  " if entry.middle is None else entry.middle
        if batch.sec == "CTX" and entry.middle is None:
            middle = f"{entry.identity:<15}{len(entry.addenda):04d}{entry.name[:16]:<16}    "
        record += f"{middle}{mark}{trace}"
    extra = [text.format(seq=f"{entry.trace:07d}", trace=trace) for text in entry.addenda]
    return [record, *extra]


def sums(batch: Batch) -> dict[str, int]:
    """What a batch adds up to."""
    money = {"debit": 0, "credit": 0}
    for entry in batch.entries:
        money["credit" if entry.code in CREDITS else "debit"] += entry.cents
    count = sum(1 + len(entry.addenda) for entry in batch.entries)
    return {"count": count, "hash": sum(int(e.routing[:8]) for e in batch.entries), **money}


def records(
    batches: list[Batch], off: dict[str, int] | None = None, date: str = "260505"
) -> list[str]:
    """The records of a file, blocked by ten."""
    off = off or {}
    lines = [f"101 122099986 122099999{date}0512A094101{'CITY OF SAGUARO':<23}{'BANK':<23}{'':8}"]
    total = {"count": 0, "hash": 0, "debit": 0, "credit": 0}
    adv = any(batch.sec == "ADV" for batch in batches)
    for batch in batches:
        lines += _batch_records(batch, total)
    total = {name: value + off.get(name, 0) for name, value in total.items()}
    blocks = -(-(len(lines) + 1) // 10)
    width = 20 if adv else 12
    lines.append(
        f"9{len(batches) + off.get('batches', 0):06d}{blocks + off.get('blocks', 0):06d}"
        f"{total['count']:08d}{total['hash'] % 10**10:010d}"
        f"{total['debit']:0{width}d}{total['credit']:0{width}d}".ljust(94)
    )
    return lines + [NINES] * (blocks * 10 - len(lines))


def _batch_records(batch: Batch, total: dict[str, int]) -> list[str]:
    tail = f"{batch.odfi}{batch.number:07d}"
    about = f"{'HOME BANKING':<16}{'':20}{batch.company_id:<10}{batch.sec}{'UTILITY':<10}"
    if batch.iat:
        about = f"{'':16}FF3{'':15}US{batch.company_id:<10}IAT{'TRADEPAYMT':<10}CADUSD"
    else:
        about += f"{'260505':<6}"
    lines = [f"5{batch.service}{about}{batch.effective:<6}   1{tail}"]
    for number, entry in enumerate(batch.entries, 1):
        entry.trace = entry.trace or number
        lines += render_entry(batch, entry)
    declared = {name: value + batch.off.get(name, 0) for name, value in sums(batch).items()}
    for name, value in declared.items():
        total[name] += value
    if batch.control:
        service = batch.control_service or batch.service
        if batch.control_number is not None:
            tail = f"{batch.odfi}{batch.control_number:07d}"
        head = f"8{service}{declared['count']:06d}{declared['hash'] % 10**10:010d}"
        company = batch.company_id if batch.control_company is None else batch.control_company
        if batch.sec == "ADV":
            body = f"{declared['debit']:020d}{declared['credit']:020d}{'':19}"
        else:
            body = f"{declared['debit']:012d}{declared['credit']:012d}{company:<10}{'':25}"
        lines.append(f"{head}{body}{tail}")
    return lines


def build(batches: list[Batch], off: dict[str, int] | None = None, **more: Any) -> bytes:
    """A whole file with line feeds."""
    lines = records(batches, off, **more)
    assert all(len(line) == 94 for line in lines), [len(line) for line in lines]
    return ("\n".join(lines) + "\n").encode("latin-1")


@dataclass
class Read:
    """What the grammar and the controls say of a file."""

    tables: dict[str, pa.Table]
    problems: list[Problem]
    transmission: Transmission

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows of a table as dictionaries."""
        return list(self.tables[table].to_pylist())

    def codes(self, severity: str | None = None) -> list[str]:
        """Codes of the problems (of one severity), each once, sorted."""
        return sorted({p.code for p in self.problems if severity in (None, CODES[p.code].severity)})

    def told(self, code: str) -> Problem:
        """The first problem of a code."""
        return next(problem for problem in self.problems if problem.code == code)


def make_format(**layout: Any) -> Format:
    """The format that ships, with another layout."""
    return Format(
        "nacha", "NACHA", "nacha", "payments", ("ach",), nacha.Layout(**layout), "ACH_CREDIT", "ACH"
    )


def read(data: bytes, fmt: Format | None = None) -> Read:
    """Parse a file and compare its controls, as the corridor does."""
    chunks: list[Parsed] = list(nacha.parse(io.BytesIO(data), fmt or make_format()))
    assert all(chunk.transmission is None for chunk in chunks[:-1])
    last = chunks[-1].transmission
    assert last is not None
    tables = {name: pa.concat_tables([c.table(name) for c in chunks]) for name in TABLES}
    problems = [problem for chunk in chunks for problem in chunk.problems]
    problems += compare(tables["controls"], frozenset())
    return Read(tables, problems, last)
