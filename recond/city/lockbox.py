"""Writes BAI lockbox files in the contract's default layout (contract section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

ORIGIN = "SAGUARO BK"
ROUTING = "0122099999"


@dataclass(frozen=True, slots=True)
class Stub:
    """One record 4: what a stub says, and how much of the check is for it (None: all of it)."""

    reference: str
    cents: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One record 6 with its stubs; `routing` has 9 digits, `account` and `number` up to 10."""

    cents: int
    routing: str
    account: str
    number: str
    remitter: str
    stubs: tuple[Stub, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckBatch:
    """The checks of one batch; `total_off` cents are added to the total that it declares."""

    number: int
    checks: tuple[Check, ...]
    total_off: int = 0


def _check_records(batch: CheckBatch, item: int, check: Check, day: date) -> list[str]:
    place = f"{batch.number:03d}{item:03d}"
    payer = f"{check.routing:>9}{check.account:>10}{check.number:>10}"
    records = [f"6{place}{check.cents:010d}{payer}{day:%m%d%y}{check.remitter[:30]:<30}"]
    for sequence, stub in enumerate(check.stubs, 1):
        last = "9" if sequence == len(check.stubs) else "0"
        amount = "" if stub.cents is None else f"{stub.cents:010d}"
        records.append(f"4{place}6{sequence:02d}{last}{stub.reference[:30]:<30}{amount}")
    return records


def lockbox_file(
    day: date, time: str, box: str, batches: Sequence[CheckBatch], total_off: int = 0
) -> tuple[bytes, list[int]]:
    """A lockbox file of one box and day, and the physical lines of its records 6 in file order.

    `time` is HHMM, `box` seven digits. Record 8 declares the sum of the batches' declared totals
    plus `total_off` cents.
    """
    stamp = f"{day:%y%m%d}"
    records = [
        f"100{ORIGIN}{ROUTING}{stamp}{time}",
        f"2{ORIGIN}{ROUTING}{'':10}4000800080" + "1",
    ]
    lines: list[int] = []
    checks = declared = 0
    for batch in batches:
        records.append(f"5{batch.number:03d}000{box}{stamp}{ORIGIN}{ROUTING}")
        for item, check in enumerate(batch.checks, 1):
            lines.append(len(records) + 1)
            records += _check_records(batch, item, check, day)
        total = sum(check.cents for check in batch.checks) + batch.total_off
        count = len(batch.checks)
        records.append(f"7{batch.number:03d}{count:03d}{box}{stamp}{count:03d}{total:010d}")
        checks += count
        declared += total
    records.append(f"8000000{box}{stamp}{checks:04d}{declared + total_off:010d}")
    records.append(f"9{len(records) + 1:06d}")
    return ("\n".join(record.rstrip() for record in records) + "\n").encode("ascii"), lines
