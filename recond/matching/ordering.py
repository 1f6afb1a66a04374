"""In which order items are paid: an application policy as one packed sort key.

The key of an item is group, tier and the tier's order keys, packed into one int64 (one sort of
integers is what makes a million items cheap); only items that still tie are compared by number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recond.matching.policy import DEFAULT_POLICY, STATUSES, Policy, Rules, Tier

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NO_DATE = np.int64(2**31)  # after every date: an item without a due date is never past due
_EPOCH = date(1970, 1, 1).toordinal()


def days(values: pa.Array | pa.ChunkedArray, missing: int) -> Ints:
    """date32 as days since 1970, int64, nulls as `missing`."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    # Filled as int64, not as date32: NO_DATE does not fit there.
    numbers = pc.fill_null(whole.cast(pa.int32()).cast(pa.int64()), int(missing))
    return cast(Ints, numbers.to_numpy(zero_copy_only=False))


def codes(values: pa.ChunkedArray) -> tuple[Ints, list[str | None]]:
    """Text as positions in the list of its distinct values; null is -1."""
    encoded = values.combine_chunks().dictionary_encode()
    numbers = pc.fill_null(encoded.indices.cast(pa.int64()), -1)
    return cast(Ints, numbers.to_numpy(zero_copy_only=False)), encoded.dictionary.to_pylist()


@dataclass(frozen=True, slots=True)
class Charges:
    """What ordering needs of items, in the rows of BOOK_ITEMS: due day, charge type and service
    as codes, whether a penalty, an installment of an arrangement, of a charge that is only paid
    in full or of a deposit, and the item number as text for the last tie."""

    due: Ints
    charge: Ints
    charge_names: list[str | None]
    service: Ints
    service_names: list[str | None]
    penalty: Bools
    arranged: Bools
    exact: Bools
    deposit: Bools
    number: pa.Array

    @classmethod
    def of(cls, items: pa.Table, rules: Rules) -> Charges:
        charge, charge_names = codes(items["charge_type"])
        service, service_names = codes(items["service"])
        own = service < 0  # the service of a charge that is no penalty is its charge type
        if own.any():
            service = np.where(own, charge + len(service_names), service)
            service_names = service_names + charge_names
        late = [c.code for c in rules.charge_types if c.kind == "PENALTY"]
        whole = [c.code for c in rules.charge_types if c.exact_only]
        apart = [c.code for c in rules.charge_types if c.kind == "DEPOSIT"]
        return cls(
            due=days(items["due_date"], int(NO_DATE)),
            charge=charge,
            charge_names=charge_names,
            service=service,
            service_names=service_names,
            penalty=_member(charge_names, late)[charge],
            arranged=_given(items["arrangement_number"]),
            exact=_member(charge_names, whole)[charge],
            deposit=_member(charge_names, apart)[charge],
            number=items["item_number"].combine_chunks(),
        )


def policy_numbers(rules: Rules, families: Sequence[str | None], family: Ints, day: Ints) -> Ints:
    """For each row (code of the account's family, -1 none; received day) the policy that decides:
    a position in `policies_of(rules)`.
    """
    policies = policies_of(rules)
    answer = np.full(len(family), len(policies) - 1, dtype=np.int64)
    ranked = sorted(range(len(policies) - 1), key=lambda p: policies[p].precedence)
    for number in reversed(ranked):
        policy = policies[number]
        fits = np.ones(len(family), dtype=np.bool_)
        if policy.family != "*":
            named = np.array([name == policy.family for name in families] + [False])
            fits &= named[family]
        if policy.effective_from is not None:
            fits &= day >= policy.effective_from.toordinal() - _EPOCH
        if policy.effective_to is not None:
            fits &= day <= policy.effective_to.toordinal() - _EPOCH
        answer[fits] = number
    return answer


def policies_of(rules: Rules) -> tuple[Policy, ...]:
    """The policies in force and, last, the default for accounts that none of them fits."""
    return (*rules.policies, DEFAULT_POLICY)


def _ranks(names: list[str | None], listed: Sequence[str], rules: Rules) -> Ints:
    """Rank of each name: its place in `listed`, else by priority; unknown ones last."""
    by_priority = sorted(rules.charge_types, key=lambda c: c.priority)
    known = list(dict.fromkeys([*listed, *(c.code for c in by_priority)]))
    place = {name: rank for rank, name in enumerate(known)}
    return np.array([place.get(name or "", len(known)) for name in names] + [len(known)])


def _given(values: pa.ChunkedArray) -> Bools:
    given = pc.fill_null(pc.not_equal(values, ""), False)
    return cast(Bools, given.to_numpy(zero_copy_only=False))


def _member(names: list[str | None], listed: Sequence[str]) -> Bools:
    return np.array([name in listed for name in names] + [False], dtype=np.bool_)


def _statuses(charges: Charges, rows: Ints, day: Ints) -> Ints:
    """Positions in STATUSES."""
    late = charges.due[rows] < day
    return np.where(charges.penalty[rows], 0, np.where(late, 1, 2)).astype(np.int64)


def _tier_of(charges: Charges, rows: Ints, status: Ints, policy: Policy) -> Ints:
    """The first tier that takes each item; -1 where none does."""
    answer = np.full(len(rows), -1, dtype=np.int64)
    for number in reversed(range(len(policy.tiers))):
        tier = policy.tiers[number]
        takes = np.ones(len(rows), dtype=np.bool_)
        if tier.status:
            takes &= np.array([s in tier.status for s in STATUSES])[status]
        if tier.charge_types:
            takes &= _member(charges.charge_names, tier.charge_types)[charges.charge[rows]]
        if tier.services:
            takes &= _member(charges.service_names, tier.services)[charges.service[rows]]
        if tier.arrangement != "any":
            takes &= charges.arranged[rows] == (tier.arrangement == "only")
        answer[takes] = number
    return answer


def _slots(charges: Charges, rows: Ints, status: Ints, tier: Tier, rules: Rules) -> list[Ints]:
    """The values of a tier's order keys, most significant first, all at least zero."""
    slots: list[Ints] = []
    for key in tier.order:
        if key in {"due_date", "-due_date"}:
            due = charges.due[rows]
            known = due != NO_DATE
            sign = -1 if key.startswith("-") else 1
            least = int((due[known] * sign).min(initial=int(NO_DATE)))
            most = int((due[known] * sign).max(initial=-int(NO_DATE)))
            slots.append(np.where(known, due * sign - least, max(most - least + 1, 0)))
        elif key == "charge_type":
            ranks = _ranks(charges.charge_names, tier.charge_types, rules)
            slots.append(ranks[charges.charge[rows]])
        elif key == "service":
            ranks = _ranks(charges.service_names, tier.services, rules)
            slots.append(ranks[charges.service[rows]])
        elif key == "status":
            listed = list(dict.fromkeys([*tier.status, *STATUSES]))
            slots.append(np.array([listed.index(s) for s in STATUSES])[status])
        else:
            break  # the item number decides the rest
    return slots


@dataclass(frozen=True, slots=True)
class Ordered:
    """Items in the order in which they are paid: `row` as given, its group and tier."""

    row: Ints
    group: Ints
    tier: Ints


def order(
    charges: Charges, rows: Ints, group: Ints, policy: Policy, day: Ints, rules: Rules
) -> Ordered:
    """Sort item rows (positions in BOOK_ITEMS) into the policy's order within each group.

    `group` is dense from 0; `day` is the received day that tells past due from current. Items
    that no tier takes are left out.
    """
    status = _statuses(charges, rows, day)
    tier = _tier_of(charges, rows, status, policy)
    if (tier < 0).any():
        taken = np.flatnonzero(tier >= 0)
        rows, group, tier, status = rows[taken], group[taken], tier[taken], status[taken]
    used = [n for n in range(len(policy.tiers)) if (tier == n).any()]
    columns = [group, tier]
    # Tiers that sort alike share their columns; the default policy has only one set of them.
    alike: dict[Tier, list[int]] = {}
    for number in used:
        bare = policy.tiers[number].model_copy(update={"method": "sequential"})
        if "status" not in bare.order:
            bare = bare.model_copy(update={"status": ()})
        alike.setdefault(bare, []).append(number)
    by_tier = {
        tuple(numbers): _slots(charges, rows, status, like, rules)
        for like, numbers in alike.items()
    }
    for place in range(max((len(slots) for slots in by_tier.values()), default=0)):
        column = np.zeros(len(rows), dtype=np.int64)
        for numbers, slots in by_tier.items():
            if place < len(slots):
                mine = slots[place]
                column = mine if len(by_tier) == 1 else _where(tier, numbers, mine, column)
        columns.append(column)
    sequence = _sorted(columns, charges.number, rows)
    return Ordered(rows[sequence], group[sequence], tier[sequence])


def _where(tier: Ints, numbers: tuple[int, ...], inside: Ints, outside: Ints) -> Ints:
    return np.where(np.isin(tier, np.array(numbers)), inside, outside)


def _sorted(columns: list[Ints], number: pa.Array, rows: Ints) -> Ints:
    """Positions in order of the columns (most significant first), then of the item number."""
    size = len(rows)
    bits = [int(column.max(initial=0)).bit_length() for column in columns]
    index_bits = max(size - 1, 0).bit_length()
    if sum(bits) > 63:  # too wide to pack: the same order by a sort of several keys
        packed = _dense_pack(columns)
        bits = [int(packed.max(initial=0)).bit_length()]
    else:
        packed = columns[0].copy()
        for column, width in zip(columns[1:], bits[1:], strict=True):
            packed <<= width
            packed |= column
    if sum(bits) + index_bits <= 63:
        # The position in the low bits makes it a sort of plain values, which is much faster.
        packed = np.sort((packed << index_bits) | np.arange(size))
        sequence = packed & ((1 << index_bits) - 1)
        packed >>= index_bits
    else:
        sequence = np.argsort(packed, kind="stable")
        packed = packed[sequence]
    return _break_ties(sequence, packed, number, rows)


def _dense_pack(columns: list[Ints]) -> Ints:
    sequence = np.lexsort(tuple(reversed(columns)))
    change = np.zeros(len(sequence), dtype=np.bool_)
    for column in columns:
        inline = column[sequence]
        change[1:] |= inline[1:] != inline[:-1]
    packed = np.empty(len(sequence), dtype=np.int64)
    packed[sequence] = np.cumsum(change)
    return packed


def _break_ties(sequence: Ints, packed: Ints, number: pa.Array, rows: Ints) -> Ints:
    same = packed[1:] == packed[:-1]
    if not same.any():
        return sequence
    tied = np.zeros(len(sequence), dtype=np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    places = np.flatnonzero(tied)
    texts = pc.fill_null(number.take(pa.array(rows[sequence[places]])), "")
    rank = pc.rank(texts, tiebreaker="dense").to_numpy().astype(np.int64)
    # Items of one number cannot be in one account; the book's own order would be chance.
    again = np.lexsort((rows[sequence[places]], rank, packed[places]))
    sequence = sequence.copy()
    sequence[places] = sequence[places][again]
    return sequence
