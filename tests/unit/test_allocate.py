"""Allocation: the ordinances of the domain's examples, and the two rulers against a naive loop."""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.matching.allocate import PAYMENTS, allocate
from recond.matching.ordering import policy_numbers
from recond.matching.policy import DEFAULT_POLICY, ChargeType, Policy, Rules, ScanLine, Tier
from recond.matching.rulers import lay
from recond.matching.tables import BOOK_ITEMS
from recond.matching.waves import waves
from recond.model import CREDIT, ITEM

DAY = dt.date(2026, 3, 16)
PAST, CURRENT = dt.date(2026, 2, 10), dt.date(2026, 3, 28)
FUNDS = {"WATER": "510", "SEWER": "520", "SANITATION": "530", "STORM": "550"}
SAGUARO = [  # number, charge type, service, due date, open cents: fixture account 1000456012
    ("PW", "PENALTY", "WATER", PAST, 200),
    ("PS", "PENALTY", "SEWER", PAST, 150),
    ("PG", "PENALTY", "SANITATION", PAST, 150),
    ("1W", "WATER", None, PAST, 3150),
    ("1S", "SEWER", None, PAST, 2240),
    ("1G", "SANITATION", None, PAST, 2580),
    ("2W", "WATER", None, CURRENT, 4275),
    ("2S", "SEWER", None, CURRENT, 3120),
    ("2G", "SANITATION", None, CURRENT, 2680),
    ("2T", "STORM", None, CURRENT, 325),
]


def items_table(rows: list[tuple], account: int = 1) -> pa.Table:
    return pa.table(
        {
            "item_key": [100 * account + n for n in range(len(rows))],
            "account_key": [account] * len(rows),
            "item_number": [row[0] for row in rows],
            "charge_type": [row[1] for row in rows],
            "fund": [FUNDS[row[2] or row[1]] for row in rows],
            "service": [row[2] for row in rows],
            "bill_number": [None] * len(rows),
            "due_date": [row[3] for row in rows],
            "open_cents": [row[4] for row in rows],
            "since_entry": [0] * len(rows),
            "arrangement_number": [None] * len(rows),
            "prior_owner": [None] * len(rows),
        },
        schema=BOOK_ITEMS,
    )


def payments_table(rows: list[tuple[int, int, int, dt.date]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[], [], [], []]
    return pa.table([*map(list, columns), [None] * len(rows)], schema=PAYMENTS)


def paid(cents: int, policy: Policy = DEFAULT_POLICY, items: list[tuple] = SAGUARO) -> list:
    table = allocate(
        items_table(items), payments_table([(1, 1, cents, DAY)]), Rules(policies=(policy,))
    )
    numbers = [row[0] for row in items]
    assert table["line"].to_pylist() == list(range(1, len(table) + 1))
    assert sum(table["cents"].to_pylist()) == cents
    return [
        (numbers[row["item_key"] - 100] if row["bucket"] == ITEM else "credit", row["cents"])
        for row in table.to_pylist()
    ]


def funds(cents: int, policy: Policy) -> dict[str, int]:
    table = allocate(
        items_table(SAGUARO), payments_table([(1, 1, cents, DAY)]), Rules(policies=(policy,))
    )
    sums: dict[str, int] = {}
    for row in table.to_pylist():
        sums[row["fund"]] = sums.get(row["fund"], 0) + row["cents"]
    return sums


WATERS = ("STORM", "WATER", "SEWER", "SANITATION")
AGE_FIRST = Policy(
    name="age_first",
    cite="Pasco 3.65.030",
    tiers=(
        Tier(status=("penalty",), services=("WATER", "SEWER", "SANITATION"), order=("service",)),
        Tier(charge_types=WATERS, order=("due_date", "charge_type")),
    ),
)


def test_e1_an_exact_payment_closes_everything() -> None:
    lines = paid(18870)
    assert len(lines) == 10
    assert dict(lines) == {row[0]: row[4] for row in SAGUARO}


def test_e2_age_first() -> None:
    # By due date, and inside one the ordinance's own order of services.
    assert paid(10000, AGE_FIRST) == [
        ("PW", 200), ("PS", 150), ("PG", 150), ("1W", 3150), ("1S", 2240), ("1G", 2580),
        ("2T", 325), ("2W", 1205),
    ]  # fmt: skip
    assert funds(10000, AGE_FIRST) == {"510": 4555, "520": 2390, "530": 2730, "550": 325}


def test_e3_service_first_takes_a_penalty_with_its_service() -> None:
    policy = Policy(
        name="service_first",
        tiers=(
            Tier(
                services=("WATER", "STORM", "SANITATION", "SEWER"),
                status=("penalty", "past_due", "current"),
                order=("service", "status", "due_date"),
            ),
        ),
    )
    assert paid(10000, policy) == [
        ("PW", 200), ("1W", 3150), ("2W", 4275), ("2T", 325), ("PG", 150), ("1G", 1900),
    ]  # fmt: skip


def test_e4_current_first() -> None:
    services = ("WATER", "SANITATION", "SEWER", "STORM")
    policy = Policy(
        name="current_first",
        tiers=(
            Tier(status=("current",), charge_types=services, order=("charge_type",)),
            Tier(status=("past_due", "penalty")),
        ),
    )
    assert paid(10000, policy) == [("2W", 4275), ("2G", 2680), ("2S", 3045)]


def test_e5_arrears_first_by_service() -> None:
    services = ("SANITATION", "WATER", "SEWER", "STORM")
    policy = Policy(
        name="arrears_first",
        tiers=tuple(
            Tier(status=(status,), services=services, order=("service", "due_date"))
            for status in ("past_due", "penalty", "current")
        ),
    )
    assert paid(10000, policy) == [
        ("1G", 2580), ("1W", 3150), ("1S", 2240), ("PG", 150), ("PW", 200), ("PS", 150),
        ("2G", 1530),
    ]  # fmt: skip


PROPORTIONAL = Policy(
    name="proportional",
    tiers=tuple(
        Tier(status=(status,), method="proportional", order=("charge_type",))
        for status in ("penalty", "past_due", "current")
    ),
)


def test_e6_proportional_inside_a_tier() -> None:
    lines = paid(10000, PROPORTIONAL)
    assert lines[:6] == [
        ("PG", 150), ("PS", 150), ("PW", 200), ("1W", 3150), ("1S", 2240), ("1G", 2580)
    ]  # fmt: skip
    assert lines[6:] == [("2W", 629), ("2S", 459), ("2G", 394), ("2T", 48)]


def test_e7_the_lost_cent_goes_to_the_largest_remainder() -> None:
    current = [row for row in SAGUARO if row[3] == CURRENT]
    lines = paid(5000, PROPORTIONAL, current)
    assert lines == [("2W", 2055), ("2S", 1500), ("2G", 1289), ("2T", 156)]


def test_e7_ties_are_broken_by_the_configured_order() -> None:
    equal = [(n, c, None, CURRENT, 20000) for n, c in (("c", "STORM"), ("a", "SEWER"),
                                                       ("b", "WATER"))]  # fmt: skip
    assert paid(10000, PROPORTIONAL, equal) == [("b", 3334), ("a", 3333), ("c", 3333)]
    last = Tier(method="proportional", charge_types=("STORM", "SEWER", "WATER"),
                order=("charge_type",))  # fmt: skip
    policy = Policy(name="other", tiers=(last,))
    assert paid(10000, policy, equal) == [("c", 3334), ("a", 3333), ("b", 3333)]


def test_the_default_order_is_penalty_due_date_charge_type_number() -> None:
    rows = [
        ("9", "STORM", None, PAST, 1),
        ("8", "WATER", None, CURRENT, 2),
        ("7", "WATER", None, None, 3),
        ("6", "PENALTY", "SEWER", CURRENT, 4),
        ("5", "SEWER", None, PAST, 5),
        ("10", "WATER", None, PAST, 6),
        ("1", "WATER", None, PAST, 7),
        ("0", "PENALTY", "WATER", CURRENT, 8),
    ]
    # Items without a due date come last; numbers are compared as text.
    assert paid(40, items=rows) == [
        ("0", 8), ("6", 4), ("1", 7), ("10", 6), ("5", 5), ("9", 1), ("8", 2), ("7", 3),
        ("credit", 4),
    ]  # fmt: skip


def test_newest_first_and_an_unknown_charge_type_last() -> None:
    policy = Policy(name="newest", tiers=(Tier(order=("-due_date", "charge_type")),))
    rows = [
        ("a", "WATER", None, PAST, 1),
        ("b", "STORM", None, CURRENT, 2),
        ("c", "WATER", None, None, 3),
        ("d", "WATER", None, CURRENT, 4),
    ]
    rules = Rules(policies=(policy,), charge_types=(ChargeType(code="STORM", fund="550"),))
    table = allocate(items_table(rows), payments_table([(1, 1, 10, DAY)]), rules)
    assert [key - 100 for key in table["item_key"].to_pylist()] == [1, 3, 0, 2]


def test_an_item_that_no_tier_takes_is_left_alone() -> None:
    policy = Policy(name="water_only", tiers=(Tier(charge_types=("WATER",)),))
    assert paid(10000, policy) == [("1W", 3150), ("2W", 4275), ("credit", 2575)]


def test_past_due_means_before_the_received_date_of_each_payment() -> None:
    policy = Policy(
        name="current_first", tiers=(Tier(status=("current",)), Tier(status=("past_due",)))
    )
    rows = [("a", "WATER", None, PAST, 100), ("b", "WATER", None, CURRENT, 100)]
    payments = payments_table([(1, 1, 50, PAST), (2, 1, 50, DAY), (3, 1, 50, CURRENT)])
    table = allocate(items_table(rows), payments, Rules(policies=(policy,)))
    # On the due date itself an item is current.
    assert table["item_key"].to_pylist() == [100, 101, 101]


def test_policies_by_family_and_date() -> None:
    water = Policy(name="w", family="UTILITY", tiers=(Tier(order=("-due_date",)),))
    late = Policy(name="l", effective_from=CURRENT, tiers=(Tier(order=("charge_type",)),))
    rules = Rules(policies=(late, water))
    rows = [("a", "STORM", None, PAST, 100), ("b", "WATER", None, CURRENT, 100)]

    def first(family: str | None, day: dt.date) -> int:
        payments = pa.table([[1], [1], [10], [day], [family]], schema=PAYMENTS)
        return allocate(items_table(rows), payments, rules)["item_key"][0].as_py()

    assert first("UTILITY", CURRENT) == 101  # the family wins over "*"
    assert first(None, PAST) == 100  # no policy fits yet: the default
    assert first(None, CURRENT) == 101


@pytest.mark.parametrize("turned", [False, True])
def test_a_change_of_policy_is_one_more_policy_wherever_it_stands(turned: bool) -> None:
    """The one that began last counts; of two that began together the one that ends first."""
    listed = [
        Policy(name="old"),
        Policy(name="new", effective_from=CURRENT),
        Policy(name="storm", effective_from=CURRENT, effective_to=CURRENT),
        Policy(name="airport", family="AIRPORT"),
    ]
    rules = Rules(policies=tuple(reversed(listed)) if turned else tuple(listed))
    after = CURRENT + dt.timedelta(days=1)
    wanted = {PAST: "old", CURRENT: "storm", after: "new"}
    for day, name in wanted.items():
        assert rules.policy_of("UTILITY", day).name == name
        assert rules.policy_of("AIRPORT", day).name == "airport"
    number = day_number(PAST), day_number(CURRENT), day_number(after)
    chosen = policy_numbers(rules, ["UTILITY"], np.zeros(3, dtype=np.int64), np.array(number))
    assert [rules.policies[n].name for n in chosen.tolist()] == list(wanted.values())


def day_number(day: dt.date) -> int:
    return day.toordinal() - dt.date(1970, 1, 1).toordinal()


def test_rules_refuse_what_cannot_be_meant() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        Policy(name="x", effective_from=CURRENT, effective_to=PAST)
    with pytest.raises(ValueError, match="policy b: one before it is for the same family and days"):
        Rules(policies=(Policy(name="a"), Policy(name="c", family="X"), Policy(name="b")))
    with pytest.raises(ValueError, match="no charge type TRASH"):
        Rules(policies=(Policy(name="x", tiers=(Tier(services=("TRASH",)),)),))
    with pytest.raises(ValueError, match="one length"):
        Rules(scan_lines=(ScanLine(), ScanLine(name="other")))
    with pytest.raises(ValueError, match="declared twice"):
        Rules(charge_types=(ChargeType(code="A", fund="1"), ChargeType(code="A", fund="2")))
    with pytest.raises(ValueError, match="inside 1-27"):
        ScanLine(account=(20, 30))
    with pytest.raises(ValueError, match="cannot stand inside"):
        ScanLine(covered=(1, 27))


def test_amounts_beyond_int64_sums_are_exact() -> None:
    big = 2**62 - 1
    group = np.zeros(4, dtype=np.int64)
    item, cents = np.full(4, big), np.array([big, big, big, 5])
    who, what, amount = lay(group, item, group, cents)
    assert who.tolist() == [0, 1, 2, 3]
    assert what.tolist() == [0, 1, 2, 3]
    assert amount.tolist() == [big, big, big, 5]


# --- the rulers against a loop -------------------------------------------------------------


def naive(items: list[dict], payments: list[tuple], policy: Policy) -> list[tuple]:
    """One payment after the other, one item after the other."""
    left = {item["key"]: item["open"] for item in items}
    answer = []
    for ordinal, account, cents, day in payments:
        mine = [item for item in items if item["account"] == account]
        rest = cents
        for number, tier in enumerate(policy.tiers):
            inside = [i for i in mine if naive_tier(i, day, policy) == number and left[i["key"]]]
            inside.sort(key=lambda i: naive_order(i, day, tier))
            total = sum(left[i["key"]] for i in inside)
            amounts = [left[i["key"]] for i in inside]
            if tier.method == "proportional" and rest < total:
                amounts = naive_split(rest, amounts)
            for item, amount in zip(inside, amounts, strict=True):
                applied = min(rest, amount)
                if applied:
                    answer.append((ordinal, item["key"], applied))
                    left[item["key"]] -= applied
                    rest -= applied
        if rest:
            answer.append((ordinal, None, rest))
    return answer


def naive_split(amount: int, weights: list[int]) -> list[int]:
    total = sum(weights)
    shares = [amount * weight // total for weight in weights]
    rests = [amount * weight % total for weight in weights]
    for place in sorted(range(len(weights)), key=lambda n: (-rests[n], n))[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def naive_status(item: dict, day: dt.date) -> str:
    if item["charge"] == "PENALTY":
        return "penalty"
    return "past_due" if item["due"] is not None and item["due"] < day else "current"


def naive_tier(item: dict, day: dt.date, policy: Policy) -> int | None:
    for number, tier in enumerate(policy.tiers):
        service = item["service"] or item["charge"]
        if (
            (not tier.status or naive_status(item, day) in tier.status)
            and (not tier.charge_types or item["charge"] in tier.charge_types)
            and (not tier.services or service in tier.services)
        ):
            return number
    return None


def naive_order(item: dict, day: dt.date, tier: Tier) -> tuple:
    codes = [charge.code for charge in Rules().charge_types]
    statuses = ["penalty", "past_due", "current"]

    def rank(name: str, listed: tuple[str, ...], default: list[str]) -> int:
        return [*listed, *(c for c in default if c not in listed)].index(name)

    key: list = []
    for part in tier.order:
        if part.endswith("due_date"):
            sign = -1 if part.startswith("-") else 1
            due = item["due"]
            key.append((due is None, 0 if due is None else sign * due.toordinal()))
        elif part == "status":
            key.append(rank(naive_status(item, day), tier.status, statuses))
        elif part == "charge_type":
            key.append(rank(item["charge"], tier.charge_types, codes))
        elif part == "service":
            key.append(rank(item["service"] or item["charge"], tier.services, codes))
        else:
            break
    return (*key, item["number"])


POLICIES = (
    DEFAULT_POLICY,
    AGE_FIRST,
    PROPORTIONAL,
    Policy(name="one", tiers=(Tier(method="proportional", order=("item_number",)),)),
    Policy(
        name="mixed",
        tiers=(
            Tier(status=("current",), order=("service", "-due_date")),
            Tier(status=("past_due",), method="proportional", order=("due_date",)),
            Tier(charge_types=("PENALTY",), order=("status", "service")),
        ),
    ),
    Policy(name="dated", tiers=(Tier(order=("status", "charge_type", "due_date")),)),
)


def random_case(seed: int) -> tuple[list[dict], list[tuple], Policy]:
    dice = random.Random(seed)
    accounts = dice.randint(1, 4)
    days = [DAY + dt.timedelta(days=n) for n in range(-3, 4)]
    items = [
        {
            "key": key,
            "account": dice.randint(1, accounts),
            "number": f"N{dice.randint(0, 20):02d}{key:02d}",
            "charge": dice.choice(["WATER", "SEWER", "STORM", "PENALTY"]),
            "service": dice.choice([None, "WATER", "SEWER"]),
            "due": dice.choice([None, *days]),
            "open": dice.choice([0, 1, 2, 3, dice.randint(1, 50), 10**10]),
        }
        for key in range(1, dice.randint(1, 12))
    ]
    payments = [
        (n, dice.randint(1, accounts), dice.choice([1, 2, dice.randint(1, 99), 10**11]),
         dice.choice(days))
        for n in range(1, dice.randint(2, 9))
    ]  # fmt: skip
    return items, payments, dice.choice(POLICIES)


def as_table(items: list[dict], left: dict[int, int]) -> pa.Table:
    rows = items
    return pa.table(
        {
            "item_key": [i["key"] for i in rows],
            "account_key": [i["account"] for i in rows],
            "item_number": [i["number"] for i in rows],
            "charge_type": [i["charge"] for i in rows],
            "fund": ["510"] * len(rows),
            "service": [i["service"] for i in rows],
            "bill_number": [None] * len(rows),
            "due_date": [i["due"] for i in rows],
            "open_cents": [left[i["key"]] for i in rows],
            "since_entry": [0] * len(rows),
            "arrangement_number": [None] * len(rows),
            "prior_owner": [None] * len(rows),
        },
        schema=BOOK_ITEMS,
    )


def run(items: list[dict], payments: list[tuple], policy: Policy, cuts: list[int]) -> list[tuple]:
    left = {item["key"]: item["open"] for item in items}
    answer = []
    for low, high in pairwise([0, *cuts, len(payments)]):
        table = allocate(
            as_table(items, left), payments_table(payments[low:high]), Rules(policies=(policy,))
        )
        for row in table.to_pylist():
            answer.append((row["ordinal"], row["item_key"], row["cents"]))
            assert row["bucket"] == (CREDIT if row["item_key"] is None else ITEM)
            if row["item_key"] is not None:
                left[row["item_key"]] -= row["cents"]
    assert min(left.values(), default=0) >= 0
    return answer


@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_two_rulers_equal_a_naive_loop(number: int) -> None:
    # A thousand books a policy, laid in one call: each case has accounts and items of its own.
    policy = POLICIES[number]
    items, payments, expected = [], [], []
    for seed in range(1000):
        mine, theirs, _ = random_case(1000 * number + seed)
        for item in mine:
            item.update(key=item["key"] + 100 * seed, account=item["account"] + 10 * seed)
        theirs = [(n + 100 * seed, who + 10 * seed, cents, day) for n, who, cents, day in theirs]
        items, payments = items + mine, payments + theirs
        expected.extend(naive(mine, theirs, policy))
    assert run(items, payments, policy, []) == expected


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(10**6, 10**7), data=st.data())
def test_any_split_into_calls_gives_the_same_cents(seed: int, data: st.DataObject) -> None:
    items, payments, policy = random_case(seed)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(payments)), max_size=4)))
    assert run(items, payments, policy, cuts) == run(items, payments, policy, [])


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2), st.booleans()),
                  max_size=14)
)  # fmt: skip
def test_waves_keep_the_order_of_payments_on_every_account(rows: list[tuple]) -> None:
    pairs = sorted({(payment, account): (code, alone) for payment, account, code, alone in rows})
    info = {(p, a): (c, s) for p, a, c, s in rows}
    count = {p: sum(q == p for q, _ in pairs) for p, _ in pairs}
    alone = [info[pair][1] or count[pair[0]] > 1 for pair in pairs]
    columns = [np.array([pair[n] for pair in pairs], dtype=np.int64) for n in (0, 1)]
    codes = np.array([info[pair][0] for pair in pairs], dtype=np.int64)
    wave = waves(*columns, codes, np.array(alone, dtype=np.bool_), 6)
    for n, (first, account) in enumerate(pairs):
        for m in range(n + 1, len(pairs)):
            if pairs[m][1] == account:
                later = pairs[m][0]
                assert wave[later] >= wave[first]
                between = [k for k in range(n, m + 1) if pairs[k][1] == account]
                if any(alone[k] for k in between) or len({codes[k] for k in between}) > 1:
                    assert wave[later] > wave[first]
