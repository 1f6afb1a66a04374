"""Small gates of matching, each with the case that only it stops (see tests/mutation)."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from matching_world import CURRENT, DAY, PAST, SAGUARO, Item, Receipt, World
from test_policies import LEAVE, OWNED, asked, owned, pay, where
from test_tiers import PERMITS, with_structures

from recond.matching.combine import combine
from recond.matching.credits import CREDITS, apply_credits
from recond.matching.policy import Policy, Rules, Structure, Tier
from recond.model import SUSPENSE

A, B = "1000456012", "1000456020"


def of_two(ordinal: int, cents: int) -> Receipt:
    """A payment that names two accounts, with half of it for each."""
    told = (("REFERENCE", A, cents // 2), ("REFERENCE", B, cents // 2))
    return Receipt(ordinal, cents, told)


# --- what a reference means ------------------------------------------------------------------


def test_an_account_with_other_zeros_is_a_rival_of_an_item_as_written() -> None:
    """A number that is written in full outdoes what is weaker, and what is of its own kind."""
    world = World({"0012": "active", B: "active"}, [Item("12", B, 500)])
    matched = world.match([pay(500, "12")])
    assert asked(matched) == [("AMBIGUOUS_REFERENCE", 500)]
    world = World({"12": "active", B: "active"}, [Item("0012", B, 500)])
    assert where(world, world.match([pay(500, "12")])) == {"on_account": 500}


# --- what is asked, and of whom --------------------------------------------------------------


def test_payments_of_several_accounts_are_no_duplicates_of_one() -> None:
    world = World({A: "active", B: "active"}, [Item("1", A, 500), Item("2", B, 500)])
    matched = world.match([of_two(1, 200), of_two(2, 200)])
    assert matched.decisions["account_key"].to_pylist() == [None, None]
    assert asked(matched) == []


def test_money_that_waits_for_a_court_is_no_duplicate() -> None:
    world = World({A: "bankruptcy"}, [Item("1", A, 500)])
    matched = world.match([pay(500), Receipt(2, 500, (("REFERENCE", A, None),))])
    assert asked(matched) == [("ACCOUNT_IN_BANKRUPTCY", 500)] * 2


def test_an_equal_payment_farther_back_is_found_behind_one_of_another_day() -> None:
    far, near = DAY - dt.timedelta(days=9), DAY - dt.timedelta(days=40)
    world = World({A: "active"}, [], recent=[(A, 500, far, 1), (A, 500, near, 2)])
    assert asked(world.match([pay(500)])) == [("SUSPECTED_DUPLICATE_PAYMENT", 500)]


def test_a_tenth_of_the_due_is_flagged() -> None:
    world = World({A: "active"}, SAGUARO)
    assert asked(world.match([pay(1887)])) == [("KEYING_SUSPECTED", 1887)]


def test_a_payment_for_several_things_is_not_judged_by_one_of_them() -> None:
    world = World({A: "active", B: "active"}, [Item("1", A, 1000), Item("2", B, 9000)])
    told = (("REFERENCE", A, 1000), ("REFERENCE", B, 9000))
    assert asked(world.match([Receipt(1, 10000, told)])) == []


def test_an_installment_is_at_risk_as_it_stands_when_its_payment_comes() -> None:
    """In one call as in three: what one payment leaves short another may pay later."""
    items = [
        Item("R1", A, 1000, due=DAY, arrangement="A1"),
        Item("W", A, 50, due=PAST),
        Item("R2", A, 700, due=CURRENT, arrangement="A1"),
        Item("Q", B, 700, due=CURRENT, arrangement="A2"),
    ]
    world = World({A: "active", B: "active"}, items)
    amounts = ((A, 450), (B, 700), (A, 600), (A, 300), (A, 400))
    receipts = [
        Receipt(number, cents, (("REFERENCE", account, None),))
        for number, (account, cents) in enumerate(amounts, 1)
    ]
    short = [1, 4]  # 600 of R1 are open; R1 is paid; 400 of R2 are open; R2 is paid
    assert world.match(receipts).questions["ordinal"].to_pylist() == short
    found: list[int] = []
    for receipt in receipts:
        matched = world.match([receipt])
        found += matched.questions["ordinal"].to_pylist()
        world = world.after([receipt], matched)
    assert found == short


# --- where cents go --------------------------------------------------------------------------


def test_a_closed_account_takes_what_is_too_little_for_its_permit() -> None:
    world = World({A: "closed"}, [Item("P", A, 8000, "SANITATION")])
    matched = world.match([pay(5000, "P")], PERMITS)
    assert where(world, matched) == {"on_account": 5000}
    assert asked(matched) == [("ACCOUNT_CLOSED", 5000)]


def test_an_amount_says_nothing_inside_a_bill_that_is_named() -> None:
    """31.20 is the sewer of the bill; who names the bill pays it in its order."""
    world = World({A: "active"}, SAGUARO)
    matched = world.match([pay(3120, "B2")], with_structures("item"))
    assert where(world, matched) == {"2W": 3120}


FITS_TWO = [Item("a", A, 200, due=PAST), Item("b", A, 300, due=PAST), Item("c", A, 500)]
TWO_BILLS = [Item("a", A, 300, due=PAST), Item("b", A, 500, bill="B1"),
             Item("c", A, 500, bill="B2")]  # fmt: skip
TWO_ALIKE = [Item("a", A, 300, due=PAST), Item("b", A, 500), Item("c", A, 500)]
PLAN = [Item("R1", A, 400, due=CURRENT, arrangement="A1"),
        Item("R2", A, 400, due=CURRENT, arrangement="A2"), Item("W", A, 900, due=PAST)]  # fmt: skip
LATE_FEE = [Item("W", A, 500), Item("F", A, 100, "PENALTY", CURRENT, service="WATER"),
            Item("O", A, 70, "SEWER", PAST)]  # fmt: skip


@pytest.mark.parametrize(
    ("items", "cents", "structures", "expected"),
    [
        (FITS_TWO, 500, ("item", "past_due"), {"c": 500}),
        (FITS_TWO, 500, ("past_due", "item"), {"a": 200, "b": 300}),
        (FITS_TWO, 400, ("past_due", "current"), {"a": 200, "b": 200}),
        (FITS_TWO, 100, ("current",), {"a": 100}),
        (TWO_ALIKE, 500, ("item",), {"a": 300, "b": 200}),
        (TWO_BILLS, 500, ("bill",), {"a": 300, "b": 200}),
        (PLAN, 400, ("installment",), {"W": 400}),
        (LATE_FEE, 500, ("current",), {"W": 500}),
    ],
)
def test_structures(
    items: list[Item], cents: int, structures: tuple[Structure, ...], expected: dict[str, int]
) -> None:
    world = World({A: "active"}, items)
    assert where(world, world.match([pay(cents)], with_structures(*structures))) == expected


def test_a_late_fee_is_past_due_on_whatever_day_it_is_due() -> None:
    tiers = (Tier(status=("current",)), Tier())
    rules = Rules(policies=(Policy(name="p", structures=("past_due",), tiers=tiers),))
    world = World({A: "active"}, LATE_FEE)
    assert where(world, world.match([pay(170)], rules)) == {"F": 100, "O": 70}
    assert where(world, world.match([pay(171)], rules)) == {"W": 171}


def test_the_credit_that_was_received_first_pays_first() -> None:
    items = World({A: "active"}, [Item("new", A, 150)]).book().items
    came = items.set_column(items.column_names.index("since_entry"), "since_entry", pa.array([5]))
    rows = [[1, 2], [1, 1], [100, 100], [DAY, PAST], [4, 4], ["a", "b"]]
    lots = pa.table(rows, schema=CREDITS)
    placed = apply_credits(lots, came, Rules()).select(["ordinal", "cents"]).to_pylist()
    assert placed == [{"ordinal": 1, "cents": 50}, {"ordinal": 2, "cents": 100}]


@pytest.mark.parametrize("turn", [1, -1])
def test_of_credits_of_one_day_the_smallest_pays_first_then_by_identity(turn: int) -> None:
    """Never by the receipt's number, which says when its file arrived."""
    items = World({A: "active"}, [Item("new", A, 150)]).book().items
    came = items.set_column(items.column_names.index("since_entry"), "since_entry", pa.array([5]))
    told = [("c", 100), ("a", 100), ("d", 20)][::turn]
    rows = [[1, 2, 3], [1] * 3, [cents for _, cents in told], [DAY] * 3, [4] * 3,
            [name for name, _ in told]]  # fmt: skip
    placed = apply_credits(pa.table(rows, schema=CREDITS), came, Rules())
    paid = {told[row["ordinal"] - 1][0]: row["cents"] for row in placed.to_pylist()}
    assert paid == {"d": 20, "a": 100, "c": 30}


# --- owners ----------------------------------------------------------------------------------


def test_who_is_like_neither_owner_pays_for_the_one_of_today() -> None:
    for payer in ("MESA VIEW RENTALS LLC", None):
        assert where(owned(), owned().match([pay(400, payer=payer)], LEAVE)) == {"NEW": 400}


def test_the_owner_before_pays_what_she_names_and_where_nobody_minds() -> None:
    hers = pay(500, "OLD", payer="MARTHA OLDHAM")
    assert where(owned(), owned().match([hers], LEAVE)) == {"OLD": 500}
    hers = pay(500, payer="MARTHA OLDHAM")
    assert where(owned("MISC"), owned("MISC").match([hers], LEAVE)) == {"OLD": 500}
    assert where(owned(), owned().match([hers], LEAVE)) == {"suspense": 500}
    assert OWNED[0].owner == "MARTHA OLDHAM"


# --- policies --------------------------------------------------------------------------------


def test_of_two_policies_that_fit_the_first_decides() -> None:
    rules = Rules(
        policies=(
            Policy(name="waits", overpayment="suspense", effective_to=DAY),
            Policy(name="keeps", overpayment="on_account"),
        )
    )
    world = World({A: "active"}, [Item("W", A, 100)])
    assert where(world, world.match([pay(150)], rules)) == {"W": 100, "suspense": 50}
    later = pay(150, day=DAY + dt.timedelta(days=1))
    assert where(world, world.match([later], rules)) == {"W": 100, "on_account": 50}


@pytest.mark.parametrize(("family", "over"), [("UTILITY", "on_account"), ("MISC", "suspense")])
def test_a_family_has_its_own_policy_wherever_it_stands(family: str, over: str) -> None:
    rules = Rules(
        policies=(
            Policy(name="all", overpayment="suspense"),
            Policy(name="own", family="UTILITY", overpayment="on_account"),
        )
    )
    world = World({A: "active"}, [Item("W", A, 100)], families={A: family})
    assert where(world, world.match([pay(150)], rules)) == {"W": 100, over: 50}


# --- suggestions -----------------------------------------------------------------------------


def test_nine_of_nine_equal_amounts_are_more_than_allowed() -> None:
    assert combine(900, [100] * 9).outcome == "none"
    assert combine(800, [100] * 8).places == tuple(range(8))


def test_nothing_of_a_payment_that_waits_is_placed() -> None:
    """Two stubs of which one is only paid in full: none of it posts."""
    world = World({A: "active"}, [Item("P", A, 8000, "SANITATION"), Item("W", A, 700)])
    told = (("REFERENCE", "P", 5000), ("REFERENCE", "W", 700))
    matched = world.match([Receipt(1, 5700, told)], PERMITS)
    assert matched.placements.select(["bucket", "cents"]).to_pylist() == [
        {"bucket": SUSPENSE, "cents": 5700}
    ]
