"""What each reference means in the books: exactly one thing, or nothing.

Everything that a reference's key could mean is a candidate; candidates that name two accounts
make no answer (contract section 4: two candidates mean none). Strongest first: account number
as written, account number with lost leading zeros restored, old number, item, bill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.arrays import edges, stable
from recond.matching.allocate import ACCOUNT_POOL, BILL_POOL, ITEM_POOL
from recond.matching.openitems import OpenItems, among, find, int64
from recond.matching.ordering import days
from recond.matching.references import Reading, as_numbers, keys

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# What came of a reference.
FOUND, BLANK, UNKNOWN, FAILED, AMBIGUOUS, ELSEWHERE, UNNAMED = range(7)

# The rules by which a reference decides, strongest first; `SEVERAL` and `NONE` of a payment.
RULES = (
    "scan_line",
    "account_number",
    "account_zeros",
    "old_number",
    "item_reference",
    "bill_reference",
    "several_references",
    "none",
    "scan_repair",
    "payer_memory",
    "reference_memory",
    "free_text",
)
OF_ITEM, OF_BILL, SEVERAL, NONE = 4, 5, 6, 7
# Rules of leads: they decide only where nothing else does (see leads.py).
LEADS = (("scan_repair", 8), ("payer_memory", 9), ("reference_memory", 10), ("free_text", 11))
FREE_TEXT = 3  # in LEADS: the words of a payment's own text

KINDS = ("ACCOUNT", "ALIAS", "ITEM", "BILL")  # of BOOK_REFERENCES, strongest first
ITEM, BILL = 2, 3  # in KINDS
_RULE_OF_STRENGTH = np.array([1, 2, 3, 3, 4, 4, 5, 5], dtype=np.int64)
_POOL_OF_KIND = np.array([ACCOUNT_POOL, ACCOUNT_POOL, ITEM_POOL, BILL_POOL], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Resolved:
    """One row a remittance: `outcome`, and where it was FOUND the rule, the account (position in
    OpenItems.keys), the pool and its member (item row, bill code, -1 for an account).

    `number` is the number in the books that the reference was taken for; null where none was.
    `fits` names, of an ambiguous reference, the accounts that it fits (keys, ascending). `other`
    is, of an item number that is also the number of a bill of more or other items of its account,
    that bill's code, else -1.
    """

    outcome: Ints
    rule: Ints
    account: Ints
    pool: Ints
    member: Ints
    number: pa.Array
    fits: dict[int, list[int]]
    other: Ints


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Everything that a reference could mean, ascending by remittance."""

    remittance: Ints
    kind: Ints
    account: Ints
    item: Ints  # row of BOOK_ITEMS, -1
    exact: Bools
    source: Ints  # row of BOOK_REFERENCES

    def keep(self, mask: Bools) -> _Candidates:
        if mask.all():
            return self
        return _Candidates(
            self.remittance[mask],
            self.kind[mask],
            self.account[mask],
            self.item[mask],
            self.exact[mask],
            self.source[mask],
        )


def resolve(
    remittances: pa.Table, payment: Ints, reading: Reading, references: pa.Table, items: OpenItems,
    day: Ints,
) -> Resolved:  # fmt: skip
    """Resolve REMITTANCES (with the payment of each) against BOOK_REFERENCES. `day`: the received
    day of each payment, on which an old number has to be valid.

    A remittance of kind ACCOUNT means an account or old number, of kind ITEM an item (of the
    account that the payment names in an ACCOUNT, if it names one), any other kind anything; a
    good scan line means an account or old number.
    """
    kind = int64(pc.index_in(remittances["kind"], value_set=pa.array(["ACCOUNT", "ITEM"])), -1)
    found = _candidates(reading, references, items)
    found = found.keep(_in_force(found, references, day[payment]))
    meaning = kind[found.remittance]
    of_account = (meaning == 0) | reading.scanned[found.remittance]
    found = found.keep(
        (~of_account | (found.kind <= 1)) & ((meaning != 1) | (found.kind == KINDS.index("ITEM")))
    )
    size = len(remittances)
    first = _decide(found, size, items)
    narrowed = _within_account(found, first, kind, payment)
    resolved = _decide(narrowed, size, items) if len(narrowed.kind) < len(found.kind) else first
    outcome = resolved.outcome
    had = np.zeros(size, dtype=np.bool_)
    had[found.remittance] = True
    outcome[had & (outcome == UNKNOWN)] = ELSEWHERE
    amount = pc.is_valid(remittances["amount_cents"]).to_numpy()
    outcome[reading.blank] = np.where(amount[reading.blank], UNNAMED, BLANK)
    outcome[reading.failed] = FAILED
    resolved.rule[reading.scanned & (outcome == FOUND)] = 0
    taken = pa.array(resolved.member, mask=resolved.member < 0)
    number = _numbers(references, taken)
    return Resolved(
        outcome, resolved.rule, resolved.account, resolved.pool,
        _members(resolved, references, items), number, resolved.fits, resolved.other,
    )  # fmt: skip


def _numbers(references: pa.Table, rows: pa.Array) -> pa.Array:
    return references["number"].combine_chunks().take(rows)


def _members(resolved: Resolved, references: pa.Table, items: OpenItems) -> Ints:
    """From the deciding row of BOOK_REFERENCES to the pool's member."""
    row = _item_rows(references, items)
    found = np.flatnonzero(resolved.outcome == FOUND)
    member = np.full(len(resolved.outcome), -1, dtype=np.int64)
    item = row[resolved.member[found]]
    bill = np.append(items.bill, -1)[item]
    pool = resolved.pool[found]
    member[found] = np.where(pool == ITEM_POOL, item, np.where(pool == BILL_POOL, bill, -1))
    return member


def _item_rows(references: pa.Table, items: OpenItems) -> Ints:
    """Row of BOOK_ITEMS for each row of BOOK_REFERENCES, -1 where it names none."""
    key = int64(references["item_key"], -1)
    if not (key >= 0).any():
        return np.full(len(key), -1, dtype=np.int64)
    item_key = int64(items.table["item_key"])
    order = np.argsort(item_key, kind="stable")
    place = find(item_key[order], key)
    return np.where(place >= 0, np.append(order, -1)[place], -1)


def _candidates(reading: Reading, references: pa.Table, items: OpenItems) -> _Candidates:
    # The keys of the books and those that were read as numbers of one list.
    meant = references["reference_key"].combine_chunks()
    both = pa.concat_arrays([meant, reading.key])
    numbers = as_numbers(both)
    keyed = (both if numbers is None else numbers).dictionary_encode()
    code, wanted = np.split(int64(keyed.indices, -1), [len(meant)])
    order, edge = stable(code), edges(code, len(keyed.dictionary))
    wanted = np.where(reading.failed | reading.blank, -1, wanted)
    start = edge[wanted]
    count = np.append(edge[1:], edge[-1])[wanted] - start
    remittance = np.repeat(np.arange(len(wanted)), count)
    source = order[
        np.arange(len(remittance)) + np.repeat(start - (np.cumsum(count) - count), count)
    ]
    # Of one key, texts differ only in their leading zeros: those of one length are the same.
    normal, _ = keys(references["number"])
    written, length = (int64(pc.binary_length(text), -1) for text in (reading.normal, normal))
    kind = int64(pc.index_in(references["kind"], value_set=pa.array(KINDS)), -1)
    account = find(items.keys, int64(references["account_key"]))
    return _Candidates(
        remittance,
        kind[source],
        account[source],
        _item_rows(references, items)[source],
        written[remittance] == length[source],
        source,
    )


def _in_force(found: _Candidates, references: pa.Table, day: Ints) -> Bools:
    """Candidates that count on the day of their payment (by remittance)."""
    answer = np.ones(len(found.source), dtype=np.bool_)
    for name, sign in (("valid_from", 1), ("valid_until", -1)):
        if references[name].null_count == len(references):
            continue
        limit = days(references[name], -sign * 2**40)[found.source]
        answer &= sign * day[found.remittance] >= sign * limit
    return answer


def _within_account(found: _Candidates, first: Resolved, kind: Ints, payment: Ints) -> _Candidates:
    """Leave out items of other accounts than those that the payment names in ACCOUNT."""
    named = np.flatnonzero((kind == 0) & (first.outcome == FOUND))
    if not len(named):
        return found
    width = np.int64(max(int(found.account.max(initial=0)), int(first.account.max())) + 1)
    allowed = payment[named] * width + first.account[named]
    bound = np.zeros(int(payment.max()) + 1, dtype=np.bool_)
    bound[payment[named]] = True
    who = payment[found.remittance]
    concerned = (kind[found.remittance] == 1) & bound[who]
    if not concerned.any():
        return found
    return found.keep(~concerned | among(who * width + found.account, allowed))


def _decide(found: _Candidates, size: int, items: OpenItems) -> Resolved:
    """The one thing that each reference means. `member` is the deciding source row."""
    empty = np.full(size, -1, dtype=np.int64)
    outcome = np.full(size, UNKNOWN, dtype=np.int64)
    answer = Resolved(outcome, empty.copy(), empty.copy(), empty.copy(), empty.copy(),
                      pa.nulls(0, pa.string()), {}, empty.copy())  # fmt: skip
    found = found.keep(_not_outdone(found, size))
    if not len(found.kind):
        return answer
    strength = 2 * found.kind + ~found.exact
    # Best candidate of each remittance first; the order of the book breaks no tie that counts.
    order = np.arange(len(found.kind))
    if (found.remittance[1:] == found.remittance[:-1]).any():
        order = np.lexsort((found.source, strength, found.remittance))
    who = found.remittance[order]
    start = np.flatnonzero(np.append(True, who[1:] != who[:-1]))
    best, named = order[start], who[start]
    account = found.account[order]
    one = np.minimum.reduceat(account, start) == np.maximum.reduceat(account, start)
    thing = _things(found, items)[order]
    rival = found.kind[order] == np.repeat(found.kind[best], np.diff(np.append(start, len(who))))
    least = np.minimum.reduceat(np.where(rival, thing, np.iinfo(np.int64).max), start)
    one &= least == np.maximum.reduceat(np.where(rival, thing, -2), start)
    stop = np.append(start[1:], len(who))
    if (found.kind == BILL).any() and (found.kind[best] == ITEM).any():
        answer.other[named], several = _bills_too(found, order, start, stop, best, items)
        one &= ~several
    outcome[named] = np.where(one, FOUND, AMBIGUOUS)
    answer.rule[named] = _RULE_OF_STRENGTH[strength[best]]
    answer.account[named] = found.account[best]
    answer.pool[named] = _POOL_OF_KIND[found.kind[best]]
    answer.member[named] = found.source[best]
    # Ambiguous references are few, and a clerk wants to see whom each of them fits.
    for place in np.flatnonzero(~one | (answer.other[named] >= 0)):
        fits = np.unique(account[start[place] : stop[place]])
        answer.fits[int(named[place])] = items.keys[fits].tolist()
    return answer


def _bills_too(
    found: _Candidates, order: Ints, start: Ints, stop: Ints, best: Ints, items: OpenItems
) -> tuple[Ints, Bools]:
    """Of each remittance whose best candidate is an item (`order[start:stop]` are the candidates of
    one): the bill that the number means too, -1 where none or only one of that very item; and
    whether there are several such bills."""
    group = np.repeat(np.arange(len(start)), stop - start)
    bill = np.append(items.bill, -1)[found.item[order]]
    billed = (found.kind[order] == BILL) & (found.kind[best] == ITEM)[group]
    more = np.bincount(
        group[billed & (found.item[order] != found.item[best][group])], minlength=len(start)
    )
    none = np.iinfo(np.int64).max
    least, most = np.full(len(start), none), np.full(len(start), -1)
    np.minimum.at(least, group[billed], bill[billed])
    np.maximum.at(most, group[billed], bill[billed])
    return np.where(more > 0, most, -1), (more > 0) & (least < most)


def _not_outdone(found: _Candidates, size: int) -> Bools:
    """Candidates with other leading zeros give way to one as written of the same or a stronger
    kind: a number that is written in full means itself."""
    written = np.full(size, len(KINDS), dtype=np.int64)
    np.minimum.at(written, found.remittance[found.exact], found.kind[found.exact])
    return found.exact | (found.kind < written[found.remittance])


def _things(found: _Candidates, items: OpenItems) -> Ints:
    """What two candidates of one kind must share to mean the same: the item, the bill."""
    bill = np.append(items.bill, -1)[found.item]
    return np.where(found.kind == 2, found.item, np.where(found.kind == 3, bill, -1))
