"""BAI2 type codes: what a three-digit code says of level and direction.

The list is data of the format file (`[layout.codes]`), the ranges for codes that are not in it
are those of the specification (formats.md section 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from recond.parsers.columns import Ints, Mask

NON_MONETARY = 890
TOTAL_CREDITS, TOTAL_DEBITS = 100, 400
CodeText = Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")]


class TypeCodes(BaseModel):
    """The type codes that a bank uses, by level and direction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: tuple[CodeText, ...] = Field(
        default=(), description="balances; they are no lines of a statement"
    )
    credit_summary: tuple[CodeText, ...] = Field(default=(), description="totals of credits")
    debit_summary: tuple[CodeText, ...] = Field(default=(), description="totals of debits")
    credit_detail: tuple[CodeText, ...] = Field(default=(), description="lines that bring money")
    debit_detail: tuple[CodeText, ...] = Field(default=(), description="lines that take money")
    text: tuple[CodeText, ...] = Field(
        default=(), description="details without money; they are no lines of a statement"
    )


@dataclass(frozen=True, slots=True)
class Meanings:
    """Lookup by code 0-999: `sign` is +1 for credits, -1 for debits and 0 where the code has no
    direction; `line` whether a 16 with it is a statement line, `effect` the sign of those, 0 for
    others; `known` whether it is listed;
    `status` whether an 03 amount with it is a balance; `odd` whether a 16 with it needs a word."""

    sign: Ints
    line: Mask
    known: Mask
    status: Mask
    odd: Mask
    effect: Ints


def meanings(codes: TypeCodes) -> Meanings:
    """Level and direction of every code: the list first, then the ranges of the specification.

    A code that is not listed has the direction of its range; where the range has none (loans,
    800-899) it has none, and money must not be booked with it.
    """
    sign = np.zeros(1000, dtype=np.int64)
    sign[100:400] = 1
    sign[400:700] = -1
    sign[930:960] = 1
    sign[960:1000] = -1
    status = np.zeros(1000, dtype=np.bool_)
    status[:100] = True
    status[900:930] = True
    known = np.zeros(1000, dtype=np.bool_)
    line = sign != 0
    for names, direction, is_line, is_status in (
        (codes.status, 0, False, True),
        (codes.credit_summary, 1, False, False),
        (codes.debit_summary, -1, False, False),
        (codes.credit_detail, 1, True, False),
        (codes.debit_detail, -1, True, False),
        (codes.text, 0, False, False),
    ):
        places = [int(name) for name in names]
        sign[places] = direction
        line[places] = is_line
        status[places] = is_status
        known[places] = True
    return Meanings(sign, line, known, status, ~known | ~line, sign * line)
