"""camt: the entries (Ntry) of a block as columns."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import bools, ints, joined_texts
from recond.money import cents_from_text
from recond.parsers.camt_paths import NTRY, NUMBERS, STMT, TX
from recond.parsers.columns import Ints, Mask, blank_to_null
from recond.parsers.spans import joined_text, span_text
from recond.parsers.xmlscan import Elements

_NULL = pa.scalar(None, pa.string())
_ENTITY = re.compile("&(#x[0-9A-Fa-f]{1,6}|#[0-9]{1,7}|amp|lt|gt|quot|apos);")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_BACK = {1: "<", 2: ">", 3: "&", 4: None}  # what xmlscan hides
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T Zz+-].{0,40})?", re.ASCII)
_PARTIES = [
    NUMBERS[f"TX/RltdPties/{who}/{name}"] for who in ("Dbtr", "Cdtr") for name in ("Nm", "Pty/Nm")
]
_TEXTS = [
    *(NUMBERS[f"TX/{name}"] for name in (
        "RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/CdtrRefInf/CdtrRef",
        "RmtInf/Strd/RfrdDocInf/Nb", "RmtInf/Strd/RfrdDocInf/RfrdDocNb", "AddtlTxInf",
        "RtrInf/Rsn/Cd",
    )),
    NUMBERS["NTRY/AddtlNtryInf"],
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entries:
    """One row an entry. `statement` counts the statements that began in the block up to it (0:
    the one that was open before). `cents` is unsigned and 0 where `bad`; `sign` is that of
    CdtDbtInd; `day` is null where there is no date of the calendar and `odd_day` tells of it.
    `declared` is Btch/NbOfTxs (-1: none), `details` the number of TxDtls, `detail_cents` their
    sum (of those entries where `summed`), `same` how many equal the entry's own amount."""

    statement: Ints
    line: Ints
    offset: Ints
    length: Ints
    cents: Ints
    sign: Ints
    bad: Mask
    currency: pa.Array
    status: pa.Array
    reversal: Mask
    day: pa.Array
    odd_day: Mask
    type_code: pa.Array
    reference: pa.Array
    customer_reference: pa.Array
    text: pa.Array
    declared: Ints
    details: Ints
    detail_cents: Ints
    summed: Mask
    same: Ints

    @property
    def size(self) -> int:
        """The number of entries."""
        return len(self.line)


class _Leaves:
    """Leaf texts of a block by the element that owns them."""

    def __init__(self, elements: Elements) -> None:
        self._found = elements
        self.entry = np.cumsum(elements.path == NTRY) - 1
        self.detail = np.cumsum(elements.path == TX) - 1
        data = elements.data
        self._marked = bool((data == 38).any()) or bool((data < 5).any())

    def at(self, name: str) -> Ints:
        """The elements of that path, in file order."""
        return np.flatnonzero(self._found.path == NUMBERS[name])

    def texts(self, at: Ints) -> pa.Array:
        """Texts of elements, blanks around taken off, null where nothing is left."""
        found, _ = span_text(
            self._found.data, self._found.low[at], self._found.high[at], self._found.encoding
        )
        return blank_to_null(pc.utf8_trim_whitespace(self._unmarked(found)))

    def _unmarked(self, texts: pa.Array) -> pa.Array:
        if not self._marked:
            return texts
        marked = pc.match_substring_regex(texts, "[&\\x01-\\x04]")
        rows = [plain(text) for text in texts.filter(marked).to_pylist()]
        return pc.replace_with_mask(texts, marked, pa.array(rows, pa.string())) if rows else texts

    def column(self, names: list[str], owner: Ints, count: int) -> tuple[pa.Array, Mask]:
        """The first of some elements of each owner, in the order of their names, and a mask of
        owners that have one of them twice."""
        whole: pa.Array = pa.nulls(count, pa.string())
        twice = np.zeros(count, dtype=np.bool_)
        for name in names:
            at = self.at(name)
            if not len(at):
                continue
            owners = owner[at]
            first = np.ones(len(at), dtype=np.bool_)
            first[1:] = owners[1:] != owners[:-1]
            twice[owners[~first]] = True
            texts = self.texts(at[first])
            if int(first.sum()) != count:
                place = np.full(count, -1, dtype=np.int64)
                place[owners[first]] = np.arange(int(first.sum()))
                texts = texts.take(pa.array(place, mask=place < 0))
            whole = texts if whole.null_count == count else pc.coalesce(whole, texts)
        return whole, twice


def plain(text: str) -> str:
    """Text as it was meant: references replaced, what the scanner hid put back."""

    def meant(match: re.Match[str]) -> str:
        name = match[1]
        if name in _NAMED:
            return _NAMED[name]
        number = int(name[1:].replace("x", "0x", 1), 0 if name.startswith("#x") else 10)
        return chr(number) if 31 < number < 0x110000 and not 0xD800 <= number < 0xE000 else " "

    return _ENTITY.sub(meant, text.replace("\x04", "")).translate(_BACK)


def equal(texts: pa.Array, words: list[str]) -> Mask:
    """Which texts are one of some words."""
    return bools(pc.is_in(texts, value_set=pa.array(words, pa.string())))


def amounts(texts: pa.Array) -> tuple[Ints, Mask]:
    """Cents of decimal amounts and a mask of what is none (or null, or negative).

    Zeros behind the second decimal are exact and allowed (formats.md section 8: `18.150`); any
    other third decimal is refused, never rounded.
    """
    if pc.any(pc.match_substring_regex(texts, r"\.[0-9]{3}")).as_py():
        texts = pc.replace_substring_regex(texts, r"^([0-9]+\.[0-9]{2})0+$", r"\1")
    if pc.any(pc.match_substring_regex(texts, "^0[0-9]{9}")).as_py():
        texts = pc.replace_substring_regex(texts, "^0+([0-9])", r"\1")
    cents, bad = cents_from_text(texts, exact=False)
    wrong = bools(pc.fill_null(pc.or_(bad, pc.match_substring_regex(texts, "^[+-]")), True))
    return ints(pc.if_else(pa.array(wrong), 0, cents)).copy(), wrong.copy()


def day(text: str | None) -> dt.date | None:
    """The day of an ISO date or date and time, as written in its own zone."""
    found = _DATE.fullmatch(text or "")
    try:
        return dt.date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _days(texts: pa.Array) -> pa.Array:
    coded = texts.dictionary_encode()  # few different dates
    return pa.array([day(t) for t in coded.dictionary.to_pylist()], pa.date32()).take(coded.indices)


def read_entries(elements: Elements) -> Entries:
    """The entries of a block; nothing is judged here but what cannot be read."""
    leaves = _Leaves(elements)
    entry, path = leaves.entry, elements.path
    heads = np.flatnonzero(path == NTRY)
    count = len(heads)

    def column(*names: str) -> tuple[pa.Array, Mask]:
        return leaves.column([f"NTRY/{name}" for name in names], entry, count)

    amount, twice = column("Amt")
    cents, bad = amounts(amount)
    side, again = column("CdtDbtInd")
    status, third = column("Sts/Cd", "Sts/Prtry", "Sts")
    credit = bools(pc.fill_null(pc.equal(side, "CRDT"), False))
    debit = bools(pc.fill_null(pc.equal(side, "DBIT"), False))
    bad |= twice | again | third | ~(credit | debit)
    cents[bad] = 0
    currency = np.zeros(count, dtype=np.int64)
    at = leaves.at("NTRY/Amt")
    currency[entry[at]] = elements.currency[at]
    value_given = column("ValDt/Dt", "ValDt/DtTm")[0]
    value = _days(value_given)
    booked = _days(column("BookgDt/Dt", "BookgDt/DtTm")[0])
    found_day = pc.coalesce(value, booked)
    odd = bools(pc.and_(pc.is_valid(value_given), pc.is_null(value)))
    sign = credit.astype(np.int64) - debit
    declared, details, detail_cents, summed, same = _details(elements, leaves, cents, sign, count)
    refs = _references(leaves, count, np.flatnonzero(path == TX))
    start = elements.start[heads]
    return Entries(
        np.cumsum(path == STMT)[heads], elements.line(start), elements.offset + start,
        elements.end[heads] - start, cents, sign, bad,
        pa.array(elements.currencies, pa.string()).take(pa.array(currency)), status,
        bools(pc.fill_null(pc.is_in(column("RvslInd")[0], pa.array(["true", "1"])), False)),
        found_day, odd, _type_codes(leaves, count), *refs, _texts(elements, leaves, sign, count),
        declared, details, detail_cents, summed, same,
    )  # fmt: skip


def _type_codes(leaves: _Leaves, count: int) -> pa.Array:
    parts = [
        leaves.column([f"NTRY/BkTxCd/{name}"], leaves.entry, count)[0]
        for name in ("Domn/Cd", "Domn/Fmly/Cd", "Domn/Fmly/SubFmlyCd")
    ]
    own, _ = leaves.column(["NTRY/BkTxCd/Prtry/Cd"], leaves.entry, count)
    return pc.coalesce(joined_texts(parts, "-"), own)


def _references(leaves: _Leaves, count: int, details: Ints) -> tuple[pa.Array, pa.Array]:
    """The bank's reference and the customer's: those of the entry, else of its first detail."""

    def first(*names: str) -> pa.Array:
        return leaves.column([f"TX/{name}" for name in names], leaves.entry, count)[0]

    own, _ = leaves.column(["NTRY/AcctSvcrRef"], leaves.entry, count)
    entry, _ = leaves.column(["NTRY/NtryRef"], leaves.entry, count)
    bank = own if not own.null_count else pc.coalesce(own, first("Refs/AcctSvcrRef"), entry)
    if not len(details):
        return bank, pa.nulls(count, pa.string())
    end = first("Refs/EndToEndId")
    given = pc.if_else(pc.equal(end, "NOTPROVIDED"), _NULL, end)
    if given.null_count:
        given = pc.coalesce(given, first("Refs/ChqNb", "Refs/InstrId", "Refs/TxId"))
    return bank, given


def _texts(elements: Elements, leaves: _Leaves, sign: Ints, count: int) -> pa.Array:
    """The other party's names and everything that says what the money is for, in file order."""
    path = elements.path
    wanted = np.isin(path, _TEXTS)
    inside = np.maximum(leaves.entry, 0)
    for place, party in enumerate(_PARTIES):
        payer = place < 2  # the debtor of a credit, the creditor of a debit
        if count:
            wanted |= (path == party) & (sign[inside] == (1 if payer else -1))
    at = np.flatnonzero(wanted & (leaves.entry >= 0))
    texts = leaves.texts(at)
    if pc.any(pc.match_substring_regex(texts, "[\\n\\r\\t]")).as_py():
        texts = pc.replace_substring_regex(texts, "\\s+", " ")
    given = bools(texts.is_valid())
    counts = np.bincount(leaves.entry[at][given], minlength=count)
    return blank_to_null(joined_text(texts.drop_null(), counts))


def _counts(texts: pa.Array) -> Ints:
    """Whole numbers; what is none is larger than any count of details can be."""
    right = pc.match_substring_regex(texts, "^[0-9]{1,9}$")
    figures = pc.cast(pc.if_else(right, texts, _NULL), pa.int64())
    return ints(pc.fill_null(figures, 1 << 40))


def _details(
    elements: Elements, leaves: _Leaves, cents: Ints, sign: Ints, count: int
) -> tuple[Ints, Ints, Ints, Mask, Ints]:
    """Declared and found details of each entry, and their sum in the entry's direction."""
    declared = np.full(count, -1, dtype=np.int64)
    for name in ("NTRY/NtryDtls/Btch/NbOfTxs", "NTRY/Btch/NbOfTxs"):
        at = leaves.at(name)
        rows = leaves.entry[at]
        declared[rows] = np.maximum(declared[rows], 0)
        np.add.at(declared, rows, _counts(leaves.texts(at)))
    at = np.flatnonzero(elements.path == TX)
    owner, number = leaves.entry[at], len(at)
    details = np.bincount(owner, minlength=count)
    totals, same = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    summed = np.zeros(count, dtype=np.bool_)
    if not number:
        return declared, details, totals, summed, same
    named = ["TX/Amt", "TX/AmtDtls/TxAmt/Amt"]
    figures, _ = leaves.column(named, leaves.detail, number)
    given, wrong = amounts(figures)
    side, _ = leaves.column(["TX/CdtDbtInd"], leaves.detail, number)
    own = bools(pc.fill_null(pc.equal(side, "CRDT"), False)).astype(np.int64)
    own -= bools(pc.fill_null(pc.equal(side, "DBIT"), False))
    turned = np.where((own != 0) & (own != sign[owner]), -1, 1)
    np.add.at(totals, owner, given * turned)
    np.add.at(same, owner, ~wrong & (given == cents[owner]))
    # Only where each detail gives an amount in the entry's own currency.
    currency = np.full(number, -1, dtype=np.int64)
    for name in reversed(named):
        places = leaves.at(name)
        currency[leaves.detail[places]] = elements.currency[places]
    entry_currency = np.full(count, -2, dtype=np.int64)
    places = leaves.at("NTRY/Amt")
    entry_currency[leaves.entry[places]] = elements.currency[places]
    poor = wrong | (currency != entry_currency[owner])
    summed = (details > 0) & (np.bincount(owner[poor], minlength=count) == 0)
    return declared, details, totals, summed, same
