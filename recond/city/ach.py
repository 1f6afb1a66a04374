"""Writes NACHA files: credits that a city receives, its own debits, returns and notices of change
(formats.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from recond.city.text import dollars, routing_number

ODFI = "12209999"  # the bank that sends the file
CITY_ROUTING = routing_number("12209998")
BLOCK = 10
DEBITS = ("26", "27", "36", "37")  # entry codes that take money; 26 and 36 are returns of debits


@dataclass(frozen=True, slots=True)
class Entry:
    """One record 6. `routing` is the payer's bank with check digit; `payment_info` is the text of
    its addenda, cut into pieces of 80; `comes_back` a whole addenda 98 or 99 but for its trace."""

    cents: int
    routing: str
    account: str
    individual_id: str
    name: str
    trace: int
    payment_info: str = ""
    code: str = "22"
    comes_back: str = ""


@dataclass(frozen=True, slots=True)
class EntryBatch:
    """The entries of one originator; `total_off` cents are added to its declared credit."""

    sec: str
    company: str
    company_id: str
    description: str
    entries: tuple[Entry, ...]
    total_off: int = 0
    effective: date | None = None  # where it is another day than the file's

    def cents(self, *, debits: bool) -> int:
        """What the entries take, or what they bring."""
        return sum(one.cents for one in self.entries if (one.code in DEBITS) is debits)

    @property
    def service(self) -> str:
        """Service class: 220 credits, 225 debits, 200 both."""
        taken = {one.code in DEBITS for one in self.entries}
        return "200" if len(taken) > 1 else "225" if True in taken else "220"


def trace_number(serial: int) -> str:
    """The trace number of an entry of the city's bank: its routing number and seven digits."""
    return f"{ODFI}{serial % 10**7:07d}"


def returned(reason: str, original: str, bank: str) -> str:
    """Addenda 99: why an entry comes back, its trace, and the bank that sends it back."""
    return f"799{reason}{original}{'':6}{bank[:8]}{'':44}"


def changed(reason: str, original: str, bank: str, corrected: str) -> str:
    """Addenda 98: what to use instead from now on."""
    return f"798{reason}{original}{'':6}{bank[:8]}{corrected:<29}{'':15}"


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
    more = 1 if pieces or entry.comes_back else 0
    records = [f"{head}{who}{more}{trace_number(entry.trace)}"]
    if entry.comes_back:
        records.append(f"{entry.comes_back}{trace_number(entry.trace)}")
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
    count = hashed = credit = debit = 0
    for number, batch in enumerate(batches, 1):
        tail = f"{ODFI}{number:07d}"
        taken = batch.cents(debits=True)
        total = batch.cents(debits=False) + batch.total_off
        service = batch.service
        records.append(
            f"5{service}{batch.company[:16]:<16}{'':20}{batch.company_id:<10}{batch.sec}"
            f"{batch.description[:10]:<10}{stamp}{batch.effective or day:%y%m%d}   1{tail}"
        )
        start = len(records)
        for entry in batch.entries:
            lines.append(len(records) + 1)
            records += _entry_records(batch, entry)
        inside = len(records) - start
        batch_hash = sum(int(entry.routing[:8]) for entry in batch.entries) % 10**10
        records.append(
            f"8{service}{inside:06d}{batch_hash:010d}{taken:012d}{total:012d}"
            f"{batch.company_id:<10}{'':19}{'':6}{tail}"
        )
        count += inside
        hashed += batch_hash
        credit += total
        debit += taken
    blocks = -(-(len(records) + 1) // BLOCK)
    records.append(
        f"9{len(batches):06d}{blocks:06d}{count:08d}{hashed % 10**10:010d}{debit:012d}"
        f"{credit + total_off:012d}{'':39}"
    )
    records += ["9" * 94] * (blocks * BLOCK - len(records))
    return ("\n".join(records) + "\n").encode("ascii"), lines
