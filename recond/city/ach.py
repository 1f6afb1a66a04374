"""Writes NACHA files of credits that a city receives (formats.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from recond.city.text import dollars, routing_number

ODFI = "12209999"  # the bank that sends the file
CITY_ROUTING = routing_number("12209998")
BLOCK = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One record 6. `routing` is the payer's bank with check digit; `payment_info` is the text of
    its addenda, cut into pieces of 80."""

    cents: int
    routing: str
    account: str
    individual_id: str
    name: str
    trace: int
    payment_info: str = ""
    code: str = "22"


@dataclass(frozen=True, slots=True)
class EntryBatch:
    """The entries of one originator; `total_off` cents are added to its declared credit."""

    sec: str
    company: str
    company_id: str
    description: str
    entries: tuple[Entry, ...]
    total_off: int = 0


def remittance(reference: str, qualifier: str, cents: int) -> str:
    """One X12 820 RMR segment: what is paid, and how much of it."""
    return f"RMR*{qualifier}*{reference}*PI*{dollars(cents)}\\"


def remittance_advice(segments: Sequence[str], cents: int, number: int) -> str:
    """A whole 820 (ST to SE) around RMR segments, as a CTX entry carries it."""
    body = [f"ST*820*{number:04d}\\", f"BPR*C*{dollars(cents)}*C*ACH*CTX\\", *segments]
    return "".join(body) + f"SE*{len(body) + 1}*{number:04d}\\"


def _entry_records(batch: EntryBatch, entry: Entry) -> list[str]:
    info = entry.payment_info
    pieces = [info[at : at + 80] for at in range(0, len(info), 80)]
    head = f"6{entry.code}{entry.routing}{entry.account:<17}{entry.cents:010d}"
    if batch.sec == "CTX":
        who = f"{entry.individual_id:<15}{len(pieces):04d}{entry.name[:16]:<16}    "
    else:
        kind = "S " if batch.sec == "WEB" else "  "
        who = f"{entry.individual_id:<15}{entry.name[:22]:<22}{kind}"
    records = [f"{head}{who}{1 if pieces else 0}{ODFI}{entry.trace:07d}"]
    for sequence, piece in enumerate(pieces, 1):
        records.append(f"705{piece:<80}{sequence:04d}{entry.trace:07d}")
    return records


def ach_file(
    day: date, time: str, modifier: str, batches: Sequence[EntryBatch], total_off: int = 0
) -> tuple[bytes, list[int]]:
    """A NACHA file and the physical lines of its entries in file order.

    The file control declares the sum of the batches' declared credits plus `total_off` cents.
    """
    stamp = f"{day:%y%m%d}"
    header = f"101 {CITY_ROUTING} {routing_number(ODFI)}{stamp}{time}{modifier}094101"
    records = [f"{header}{'CITY OF SAGUARO':<23}{'SAGUARO BANK':<23}{'':8}"]
    lines: list[int] = []
    count = hashed = credit = 0
    for number, batch in enumerate(batches, 1):
        tail = f"{ODFI}{number:07d}"
        records.append(
            f"5220{batch.company[:16]:<16}{'':20}{batch.company_id:<10}{batch.sec}"
            f"{batch.description[:10]:<10}{stamp}{stamp}   1{tail}"
        )
        start = len(records)
        for entry in batch.entries:
            lines.append(len(records) + 1)
            records += _entry_records(batch, entry)
        inside = len(records) - start
        batch_hash = sum(int(entry.routing[:8]) for entry in batch.entries) % 10**10
        total = sum(entry.cents for entry in batch.entries) + batch.total_off
        records.append(
            f"8220{inside:06d}{batch_hash:010d}{0:012d}{total:012d}"
            f"{batch.company_id:<10}{'':19}{'':6}{tail}"
        )
        count += inside
        hashed += batch_hash
        credit += total
    blocks = -(-(len(records) + 1) // BLOCK)
    records.append(
        f"9{len(batches):06d}{blocks:06d}{count:08d}{hashed % 10**10:010d}{0:012d}"
        f"{credit + total_off:012d}{'':39}"
    )
    records += ["9" * 94] * (blocks * BLOCK - len(records))
    return ("\n".join(records) + "\n").encode("ascii"), lines
