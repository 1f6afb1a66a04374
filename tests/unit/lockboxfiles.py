"""Builds small BAI lockbox files record by record, right in every total unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from recond.formats import read_format
from recond.model import Format
from tests.unit.achfiles import Read
from tests.unit.formatfiles import ROOT
from tests.unit.formatfiles import read as read_as

BOX = "0012345"
DAY = "260316"


@dataclass
class Check:
    """A record 6 with its stubs (reference, amount text of ten columns or blank)."""

    cents: str = "0000005000"
    stubs: tuple[tuple[str, str], ...] = (("1001", ""),)
    routing: str = "091000019"
    account: str = "0000123456"
    number: str = "0000000777"
    payer: str = "A PAYER"
    item: int = 0  # 0: its place in the batch
    dated: str = "031626"


@dataclass
class Batch:
    """A batch; `said_*` replace what its total declares, `header` is the number in record 5."""

    checks: list[Check] = field(default_factory=lambda: [Check()])
    number: str = "001"
    header: str | None = None
    said_count: int | None = None
    said_cents: int | None = None
    total: bool = True
    day: str = DAY
    box: str = BOX


def header(time: str = "0900") -> str:
    """Record 1."""
    return f"100{'CITYREVENU':<10}{'0910000190':<10}{DAY}{time}".ljust(80)


def service() -> str:
    """Record 2."""
    return f"2{'CITYREVENU':<10}{'0910000190':<10}{'REF0000001':<10}400080080".ljust(80)


def opening(batch: Batch) -> str:
    """Record 5."""
    number = batch.number if batch.header is None else batch.header
    return f"5{number}000{batch.box}{batch.day}CITYREVENU0910000190".ljust(80)


def check_records(batch: Batch, overflow_first: bool = False) -> list[str]:
    """Records 6 and 4 of a batch."""
    lines = []
    for place, one in enumerate(batch.checks, 1):
        item = f"{batch.number}{(one.item or place) % 1000:03d}"
        check = f"6{item}{one.cents}{one.routing:<9}{one.account:<10}{one.number:<10}{one.dated}"
        stubs = [
            f"4{item}6{n % 100:02d}{'9' if n == len(one.stubs) else '0'}{text:<30}{amount:<10}"
            for n, (text, amount) in enumerate(one.stubs, 1)
        ]
        check += f"{one.payer:<30}"
        lines += [*stubs, check] if overflow_first else [check, *stubs]
    return lines


def sums(batch: Batch) -> tuple[int, int]:
    """What record 7 declares."""
    cents = sum(int(one.cents) for one in batch.checks if one.cents.isdigit())
    count = len(batch.checks) if batch.said_count is None else batch.said_count
    return count % 1000, cents if batch.said_cents is None else batch.said_cents


def closing(batch: Batch) -> str:
    """Record 7."""
    count, cents = sums(batch)
    return f"7{batch.number}000{batch.box}{batch.day}{count:03d}{cents:010d}".ljust(80)


def box_total(batches: list[Batch], off: tuple[int, int] = (0, 0)) -> str:
    """Record 8; `off` is added to count and cents."""
    figures = [sums(batch) for batch in batches]
    count = sum(figure[0] for figure in figures) + off[0]
    cents = sum(figure[1] for figure in figures) + off[1]
    return f"8000000{batches[0].box if batches else BOX}{DAY}{count:04d}{cents:010d}".ljust(80)


def trailer(lines: list[str], off: int = 0) -> str:
    """Record 9 behind `lines`."""
    return f"9{len(lines) + 1 + off:06d}".ljust(80)


def records(
    batches: list[Batch], off: tuple[int, int] = (0, 0), overflow_first: bool = False
) -> list[str]:
    """A whole file of one lockbox."""
    lines = [header(), service()]
    for batch in batches:
        lines += [opening(batch), *check_records(batch, overflow_first)]
        lines += [closing(batch)] if batch.total else []
    lines.append(box_total(batches, off))
    return [*lines, trailer(lines)]


def text(lines: list[str]) -> bytes:
    """Lines as a file."""
    return ("\n".join(lines) + "\n").encode("latin-1")


@cache
def profile(extra: str = "") -> Format:
    """The format that ships, with lines added to its [layout]."""
    shipped = (ROOT / "formats" / "bai_lockbox.toml").read_text()
    return read_format(
        shipped.replace("[layout.header]", f"[layout]\n{extra}\n[layout.header]"), ""
    )


def read(source: bytes | list[str] | list[Batch], fmt: Format | None = None) -> Read:
    """Parse a file, its lines or its batches, and compare the controls as the corridor does."""
    if isinstance(source, list):
        if source and isinstance(source[0], Batch):
            source = records([batch for batch in source if isinstance(batch, Batch)])
        source = text([line for line in source if isinstance(line, str)])
    return read_as(fmt or profile(), source)
