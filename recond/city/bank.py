"""Writes prior-day BAI2 statements of the city's bank account (formats.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

SENDER = "122099999"
RECEIVER = "SAGUARO"
ACCOUNT = "0044012345"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One record 16; `cents` is unsigned, the type code says which way it goes."""

    type_code: str
    cents: int
    reference: str
    text: str

    @property
    def signed(self) -> int:
        """Credits positive, debits negative (100-399 credit, 400-699 debit)."""
        return self.cents if self.type_code < "400" else -self.cents


def statement_file(
    as_of: date, created: date, opening: int, lines: Sequence[StatementLine]
) -> tuple[bytes, int]:
    """The statement of one day and its closing balance, in cents.

    The account's control total is the sum of all amounts of records 03 and 16, debits added.
    """
    closing = opening + sum(line.signed for line in lines)
    in_ = [line.cents for line in lines if line.type_code < "400"]
    out = [line.cents for line in lines if line.type_code >= "400"]
    control = opening + closing + 2 * (sum(in_) + sum(out))
    balances = f"010,{opening},,,015,{closing},,"
    summaries = f"100,{sum(in_)},{len(in_)},,400,{sum(out)},{len(out)},"
    records = [
        f"03,{ACCOUNT},USD,{balances},{summaries}/",
        *(f"16,{line.type_code},{line.cents},,{line.reference},,{line.text}" for line in lines),
    ]
    records.append(f"49,{control},{len(records) + 1}/")
    head = [
        f"01,{SENDER},{RECEIVER},{created:%y%m%d},0630,{as_of:%y%m%d},,,2/",
        f"02,{RECEIVER},{SENDER},1,{as_of:%y%m%d},,USD,2/",
    ]
    inside = len(records) + 2
    tail = [f"98,{control},1,{inside}/", f"99,{control},1,{inside + 2}/"]
    return ("\n".join([*head, *records, *tail]) + "\n").encode("ascii"), closing
