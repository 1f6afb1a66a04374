"""What a statement line's type code says of the money: which kinds of deposits it may bring.

BAI2 codes (formats.md section 1). Codes of other formats, and general ones (399 miscellaneous
credit), may bring any kind: amount, day and words must tell.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recond.arrays import Ints
from recond.clearing.tables import ACH, ANY, CARD, COUNTER, LOCKBOX, RETURN

NOTHING = 0  # wires and book transfers settle no deposit: they are payments themselves

_CREDITS = {
    LOCKBOX: ("115", "116", "118"),
    CARD: ("147",),
    ACH | CARD: ("142", "143", "145", "164", "165", "166", "169"),
    COUNTER | LOCKBOX: ("172", "173", "174", "175", "176", "301", "362", "366"),
    NOTHING: ("191", "195", "196", "201", "206", "208", "221"),
}
_DEBITS = {
    RETURN: ("555", "557", "558", "566"),
    # corrections of what was credited too much, card batches of more refunds than sales
    LOCKBOX: ("415",),
    COUNTER | LOCKBOX: ("695",),
    ACH | CARD | RETURN: ("451", "455", "466", "468", "469"),
    ANY | RETURN: ("554", "631", "699"),
}
KINDS = {code: bits for bits, codes in _CREDITS.items() for code in codes}
DEBIT_KINDS = {code: bits for bits, codes in _DEBITS.items() for code in codes}
# Debits by which the bank takes back an item that it had credited.
TAKEN_BACK = frozenset((*_DEBITS[RETURN], "554"))
ADJUSTED = frozenset(_DEBITS[LOCKBOX])  # by which it corrects what a lockbox read

DIRECT = frozenset(_CREDITS[NOTHING])
OF_CHANNEL = {
    "LOCKBOX": LOCKBOX,
    "ACH_CREDIT": ACH,
    "ACH_DEBIT": ACH,
    "CARD": CARD,
    "CASHIER": COUNTER,
}
TENDERS = {
    LOCKBOX: "CHECK",
    COUNTER | LOCKBOX: "CHECK",
    ACH | CARD: "ACH",
    NOTHING: "WIRE",
}


def kinds_of(type_codes: pa.ChunkedArray | pa.Array, cents: Ints) -> Ints:
    """The kinds that each line may bring, as bits. Debits bring returned items, and those whose
    code says so take back of a deposit; a fee takes back none, whatever its amount."""
    coded = type_codes.cast(pa.string()).combine_chunks() if isinstance(
        type_codes, pa.ChunkedArray) else type_codes  # fmt: skip
    dictionary = coded.dictionary_encode()
    names = dictionary.dictionary.to_pylist()
    codes = dictionary.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    credit = np.array([*(KINDS.get(code, ANY) for code in names), ANY], np.int64)
    debit = np.array([*(DEBIT_KINDS.get(code, RETURN) for code in names), RETURN], np.int64)
    return np.asarray(np.where(cents < 0, debit[codes], credit[codes]), np.int64)


def may_correct(type_code: str | None) -> bool:
    """Whether a debit may correct what was read of a check: its code may take back of a lockbox
    deposit and returns no whole item, or it is of a format without such codes."""
    kinds = DEBIT_KINDS.get(type_code or "")
    if kinds is None:
        return not (type_code or "").isdecimal()
    return bool(kinds & LOCKBOX) and type_code not in TAKEN_BACK


def tender_of(type_code: str | None) -> str:
    """What kind of payment a line is when nothing else says so."""
    return TENDERS.get(KINDS.get(type_code or "", ANY), "OTHER")
