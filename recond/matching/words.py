"""Evidence and questions in words, a column at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.matching import resolve
from recond.matching.allocate import Applied, Claims
from recond.matching.openitems import distinct, int64
from recond.matching.policy import STRUCTURES, Structure
from recond.matching.resolve import FOUND, Resolved
from recond.matching.structure import NO_STRUCTURE
from recond.matching.targets import (
    BANKRUPT,
    CHECK,
    CONTRADICT,
    IN_FULL,
    MISSING,
    NOT_FOUND,
    NOT_POSITIVE,
    PRIOR,
    SUM_WRONG,
    TWO,
)
from recond.money import text_from_cents

Ints = npt.NDArray[np.int64]

NOTHING = "no reference"  # the evidence of a payment that says nothing
_FOUND_WORDS = {  # by position in resolve.RULES: before the reference, behind it, what follows
    0: ("scan line ", " with a good check digit for account ", "account"),
    1: ("account number ", "", None),
    2: ("", ", the only account that fits", "number"),
    3: ("old number ", " of account ", "account"),
    4: ("item number ", " of account ", "account"),
    5: ("bill number ", " of account ", "account"),
}
_OTHER_WORDS = {
    resolve.UNKNOWN: ("", " fits no account, item or bill"),
    resolve.FAILED: ("scan line ", " fails its check digit"),
    resolve.AMBIGUOUS: ("", " fits more than one account"),
    resolve.ELSEWHERE: ("item number ", " is of another account"),
}


def joined(*parts: pa.Array | pa.ChunkedArray | str) -> pa.Array:
    """Texts side by side; constants are repeated, nulls are nothing."""
    texts = [pa.scalar(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(
        *texts, pa.scalar(""), null_handling="replace", null_replacement=""
    )


def scattered(parts: list[tuple[Ints, pa.Array]], size: int) -> pa.Array:
    """One column from texts of some rows each; rows that none of them names are null."""
    if len(parts) == 1 and len(parts[0][0]) == size:
        return parts[0][1]
    place = np.full(size, -1, dtype=np.int64)
    at = 0
    for rows, _ in parts:
        place[rows] = np.arange(at, at + len(rows))
        at += len(rows)
    texts = pa.concat_arrays([pa.array([], pa.string()), *(text for _, text in parts)])
    return texts.take(pa.array(place, mask=place < 0))


def _column(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def quoted(remittances: pa.Table) -> pa.Array:
    """The references as read, without the blanks around them."""
    return pc.utf8_trim_whitespace(_column(remittances["reference"]))


def phrases(remittances: pa.Table, resolved: Resolved, numbers: pa.Array) -> pa.Array:
    """What each remittance said and what it was taken for. `numbers`: account numbers in the
    order of OpenItems.keys."""
    size, text = len(remittances), quoted(remittances)
    parts: list[tuple[Ints, pa.Array]] = []
    for outcome in distinct(resolved.outcome):
        rows = np.flatnonzero(resolved.outcome == outcome)
        if outcome == FOUND:
            parts.extend(_found(rows, text, resolved, numbers))
        elif outcome in _OTHER_WORDS:
            ahead, behind = _OTHER_WORDS[int(outcome)]
            parts.append((rows, joined(ahead, text.take(pa.array(rows)), behind)))
        elif outcome == resolve.UNNAMED:
            parts.append((rows, pa.repeat("an amount without a reference", len(rows))))
    said, where = scattered(parts, size), _where(remittances)
    return joined(said, *where) if where or said.null_count else said


def _found(
    rows: Ints, text: pa.Array, resolved: Resolved, numbers: pa.Array
) -> list[tuple[Ints, pa.Array]]:
    parts = []
    for rule in distinct(resolved.rule[rows]):
        mine = rows[resolved.rule[rows] == rule]
        ahead, behind, what = _FOUND_WORDS[int(rule)]
        taken = text.take(pa.array(mine))
        if what == "account":
            words = joined(ahead, taken, behind, numbers.take(pa.array(resolved.account[mine])))
        elif what == "number":
            words = joined(taken, " read as ", resolved.number.take(pa.array(mine)), behind)
        else:
            words = joined(ahead, taken, behind)
        parts.append((mine, words))
    return parts


def _where(remittances: pa.Table) -> list[pa.Array]:
    """Behind a phrase: which stub, and the amount that it gives."""
    kind, none = _column(remittances["kind"]), pa.scalar("", pa.string())
    column = pc.is_in(kind, value_set=pa.array(["ACCOUNT", "ITEM", "WORD"]))
    sequence = _column(remittances["sequence"])
    parts = []
    if not pc.all(column).as_py():
        stub = joined(" on stub ", _small_numbers(sequence))
        parts.append(pc.if_else(column, none, stub))
    for weak, how in (("HINT", " as a hint"), ("WORD", " in the text")):
        mine = pc.equal(kind, weak)
        if pc.any(mine).as_py():
            parts.append(pc.if_else(mine, how, ""))
    amount = _column(remittances["amount_cents"])
    if amount.null_count < len(amount):
        parts.append(
            pc.if_else(pc.is_valid(amount), joined(" for ", text_from_cents(amount)), none)
        )
    return parts


def _small_numbers(values: pa.Array) -> pa.Array:
    """Numbers as text; nearly always the same few, so each is written once."""
    encoded = values.dictionary_encode()
    words = encoded.dictionary.cast(pa.string())
    return words.take(encoded.indices)


def evidence(phrase: pa.Array, counted: Ints, payment: Ints, payments: int) -> pa.Array:
    """The phrases of each payment, "; " between; `counted` are the remittances that say
    something, ascending by payment."""
    who = payment[counted]
    count = np.bincount(who, minlength=payments)
    said = phrase.take(pa.array(counted))
    if payments and count.min() == 1 and count.max() == 1:
        return said
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), said)
    together = pc.binary_join(lists, "; ")
    return pc.if_else(pa.array(count == 0), NOTHING, together)


def suspense_reasons(
    code: Ints,
    fault: Ints,
    named: Ints,
    totals: Ints,
    reference: pa.Array,
    numbers: pa.Array,
    said: pa.Array,
    bankrupt: Ints,
    fits: dict[int, str],
) -> pa.Array:
    """Why a payment waits, without the amount that waits; null for payments that post.

    `fault`: the remittance at fault; `bankrupt`: the position of the account in bankruptcy;
    `fits`: by remittance the numbers of the accounts that an ambiguous reference fits.
    """
    parts: list[tuple[Ints, pa.Array]] = []
    for reason in distinct(code[code > 0]):
        rows = np.flatnonzero(code == reason)
        mine = pa.array(rows)
        what = reference.take(pa.array(fault[rows], mask=fault[rows] < 0))
        if reason == MISSING:
            words = _missing(fault[rows], said.take(mine))
        elif reason == NOT_FOUND:
            words = joined("No account, item or bill has the reference ", what)
        elif reason == CHECK:
            words = joined("The scan line ", what, " fails its check digit")
        elif reason == TWO:
            several = pa.array([fits.get(int(row), "") for row in fault[rows]], pa.string())
            words = joined("The reference ", what, " fits more than one ", several)
        elif reason == CONTRADICT:
            words = joined("The references name different accounts: ", said.take(mine))
        elif reason == SUM_WRONG:
            ours, theirs = (text_from_cents(pa.array(x[rows])) for x in (named, totals))
            words = joined("What the references name adds up to ", ours, ", the payment is ",
                           theirs, ": ", said.take(mine))  # fmt: skip
            nothing = joined("A reference has an amount that is not more than zero: ",
                             said.take(mine))  # fmt: skip
            words = pc.if_else(pa.array(named[rows] == totals[rows]), nothing, words)
        elif reason == BANKRUPT:
            words = joined("Account ", numbers.take(pa.array(bankrupt[rows])),
                           " is in bankruptcy")  # fmt: skip
        elif reason == NOT_POSITIVE:
            words = joined("A payment of ", text_from_cents(pa.array(totals[rows])),
                           " is not more than zero")  # fmt: skip
        elif reason == IN_FULL:
            words = joined("What the payment names is only paid in full, and ",
                           text_from_cents(pa.array(totals[rows])), " is less: ",
                           said.take(mine))  # fmt: skip
        elif reason == PRIOR:
            words = joined("The payer is by name the one who had the account before and left ",
                           text_from_cents(pa.array(named[rows])), " open: ",
                           said.take(mine))  # fmt: skip
        parts.append((rows, words))
    return scattered(parts, len(code))


_LED = {  # few payments are led, so a word a payment costs nothing
    "scan_repair": "; one digit was misread: one other digit leaves one account alone, and ",
    "payer_memory": "; people have put this payer's money on one account before, and ",
    "reference_memory": "; people have put money with this reference on one account before, and ",
    "free_text": "; the text names one account alone, and ",
}


def led_to(said: pa.Array, payment: Ints, rule: Ints, account: Ints, numbers: pa.Array) -> pa.Array:
    """The evidence of each payment; of those that a lead decided, with where it led."""
    if not len(payment):
        return said
    why = pa.array([_LED[resolve.RULES[number]] for number in rule[payment].tolist()], pa.string())
    words = joined(
        said.take(pa.array(payment)), why, numbers.take(pa.array(account[payment])),
        " owes exactly the payment",
    )  # fmt: skip
    mask = np.zeros(len(said), dtype=np.bool_)
    mask[payment] = True
    return pc.replace_with_mask(said, pa.array(mask), words)


_SHAPES: dict[Structure, str] = {
    "installment": "one installment",
    "bill": "one bill",
    "past_due": "all that is past due",
    "current": "all that is not past due",
    "without_penalty": "what is owed but for the penalties",
    "item": "one item",
}


def narrowed(said: pa.Array, claims: Claims, applied: Applied, numbers: pa.Array) -> pa.Array:
    """The evidence of each payment; where the amount said what of an account is paid, with what
    it said."""
    hit = np.flatnonzero(applied.shape != NO_STRUCTURE)
    shapes = pa.array([_SHAPES[name] for name in STRUCTURES])
    while len(hit):  # once, and again for payments of several accounts
        payment, first = np.unique(claims.payment[hit], return_index=True)
        row = hit[first]
        words = joined(
            said.take(pa.array(payment)), "; the amount is ",
            shapes.take(pa.array(applied.shape[row])), " of account ",
            numbers.take(pa.array(claims.account[row])), ", so only that is paid",
        )  # fmt: skip
        mask = np.zeros(len(said), dtype=np.bool_)
        mask[payment] = True
        said = pc.replace_with_mask(said, pa.array(mask), words)
        hit = np.delete(hit, first)
    return said


def _missing(fault: Ints, said: pa.Array) -> pa.Array:
    nothing = pa.array(fault < 0)
    text = joined("Nothing but its text says what the payment is for: ", said)
    silent = pc.or_(pc.equal(said, NOTHING), pc.fill_null(pc.equal(said, ""), True))
    return pc.if_else(
        nothing,
        pc.if_else(silent, "Nothing says what the payment is for", text),
        "The payment has an amount that no reference stands beside",
    )


def ambiguous(resolved: Resolved, keys: Ints, numbers: pa.Array) -> dict[int, str]:
    """Of each ambiguous remittance what it fits: few, and a clerk wants to see them all."""
    answer = {}
    for row, accounts in resolved.fits.items():
        where = pa.array(np.searchsorted(keys, np.array(accounts, dtype=np.int64)))
        names = [name or "?" for name in numbers.take(where).to_pylist()]
        one = f"item or bill of account {names[0]}"
        answer[row] = f"account: {', '.join(names)}" if len(names) > 1 else one
    return answer


def account_numbers(accounts: pa.Table, keys: Ints) -> pa.Array:
    """Account numbers in the order of `keys`; null for an account that the book does not name."""
    return accounts["account_number"].combine_chunks().take(_rows_of(accounts, keys))


def _rows_of(accounts: pa.Table, keys: Ints) -> pa.Array:
    """The row of each key, null where there is none."""
    known = int64(accounts["account_key"])
    if np.array_equal(known, keys):  # nearly always: both ascend and hold the same accounts
        return pa.array(np.arange(len(keys)))
    return pc.index_in(pa.array(keys), value_set=pa.array(known))


def days_of(accounts: pa.Table, keys: Ints, column: str) -> Ints:
    """A date column of accounts in the order of `keys` as days since 1970; none: long ago."""
    whole = accounts[column].combine_chunks().cast(pa.int32()).take(_rows_of(accounts, keys))
    return int64(whole, -(2**31))


def texts_of(accounts: pa.Table, keys: Ints, column: str) -> tuple[Ints, list[str | None]]:
    """A column of accounts in the order of `keys` as codes (-1: none) and their names."""
    encoded = accounts[column].combine_chunks().dictionary_encode()
    return int64(encoded.indices.take(_rows_of(accounts, keys)), -1), encoded.dictionary.to_pylist()
