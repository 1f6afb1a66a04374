"""What policies and sources say beside the order of application, in a small world."""

from __future__ import annotations

import datetime as dt

import pytest
from matching_world import CURRENT, DAY, PAST, Item, Receipt, World

from recond.config import parse
from recond.errors import ConfigError
from recond.matching.policy import Policy, Rules
from recond.matching.tables import Matched
from recond.model import BUCKETS

A, B = "1000456012", "1000456020"
WAITS = Rules(policies=(Policy(name="waits", family="PERMIT", overpayment="suspense"),))
LEAVE = Rules(policies=(Policy(name="own", family="UTILITY", prior_owner="leave"),))
AID = Rules(pays_only=("WATER",))


def pay(cents: int, told: str = A, **more: object) -> Receipt:
    return Receipt(1, cents, (("REFERENCE", told, None),), **more)  # type: ignore[arg-type]


def where(world: World, matched: Matched) -> dict[str, int]:
    """Cents by item number, or by bucket."""
    items = dict(enumerate(item.number for item in world.items))
    return {
        items.get(row["item_key"], BUCKETS[row["bucket"]]): row["cents"]
        for row in matched.placements.to_pylist()
    }


def asked(matched: Matched) -> list[tuple[str, int]]:
    rows = matched.questions.to_pylist()
    return [(row["code"], row["amount_cents"]) for row in rows]


GAS_ONLY = '[[charge_type]]\ncode = "GAS"\nname = "Gas"\nfund = "510"\n'


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        (
            '[[policy]]\nname = "x"\n[[policy.tiers]]\nservices = ["WATR"]\n',
            "line 4: policy.0.tiers.0.services: there is no charge type 'WATR'",
            "; did you mean 'WATER'?",
        ),
        (
            '[[source]]\nname = "aid"\npays_only = ["SEWR"]\n',
            "line 3: source.0.pays_only: there is no charge type 'SEWR'",
            "; did you mean 'SEWER'?",
        ),
        (
            f'{GAS_ONLY}[[policy]]\nname = "x"\n[[policy.tiers]]\ncharge_types = ["WATER"]\n',
            "line 8: policy.0.tiers.0.charge_types: there is no charge type 'WATER'",
            "",
        ),
    ],
)
def test_a_charge_type_that_nothing_declares_is_refused_with_its_line(
    text: str, place: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "recond.toml", {})
    assert str(error.value) == f"recond.toml, {place}{hint}"


FILING = '[[filing]]\nname = "tax"\nbegin = "2026-01"\ncharge_types = ["SALESTAX"]\n'
DECLARE = "A family of your own is declared by a [[charge_type]]"


@pytest.mark.parametrize(
    ("text", "place", "meant"),
    [
        ('[[policy]]\nname = "x"\nfamily = "UTILTY"\n',
         "line 3: policy.0.family: there is no family 'UTILTY'", "UTILITY"),
        ('[[policy]]\nname = "x"\nfamily = "utility"\n',
         "line 3: policy.0.family: there is no family 'utility'", "UTILITY"),
        (f'{FILING}family = "SALESTAX"\n',
         "line 5: filing.0.family: there is no family 'SALESTAX'", "SALES_TAX"),
        (f'{GAS_ONLY}family = "GASWORKS"\n[[policy]]\nname = "x"\nfamily = "GASWORK"\n',
         "line 8: policy.0.family: there is no family 'GASWORK'", "GASWORKS"),
    ],
)  # fmt: skip
def test_a_family_that_is_nearly_a_known_one_is_refused_with_its_line(
    text: str, place: str, meant: str
) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "recond.toml", {})
    assert str(error.value) == f"recond.toml, {place}; did you mean '{meant}'? {DECLARE}"


OWN = '[[charge_type]]\ncode = "X"\nfund = "1"\nfamily = "UTILTY"\n'


@pytest.mark.parametrize("more", ["", OWN])
def test_families_that_accounts_or_charge_types_bring_are_taken(more: str) -> None:
    family = "UTILTY" if more else "COMMERCIAL"
    settings = parse(f'{more}[[policy]]\nname = "x"\nfamily = "{family}"\n', "recond.toml", {})
    assert settings.rules().policy_of(family, CURRENT).name == "x"


@pytest.mark.parametrize("family", ["PERMIT", "UTILITY"])
def test_what_is_left_over_waits_where_the_family_says_so(family: str) -> None:
    world = World({A: "active"}, [Item("P", A, 87550)], families={A: family})
    matched = world.match([pay(88000)], WAITS)
    waits = family == "PERMIT"
    assert where(world, matched) == {"P": 87550, "suspense" if waits else "on_account": 450}
    assert asked(matched) == ([("OVERPAID", 450)] if waits else [])
    rows = matched.placements.to_pylist()
    assert [row["account_key"] is None for row in rows] == [False, waits]


def test_a_closed_account_takes_its_money_whatever_the_policy_says() -> None:
    world = World({A: "closed"}, [Item("P", A, 87550)], families={A: "PERMIT"})
    matched = world.match([pay(450)], WAITS)
    assert where(world, matched) == {"on_account": 450}
    assert asked(matched) == [("ACCOUNT_CLOSED", 450)]


def test_one_payment_of_two_families_is_left_over_in_two_places() -> None:
    world = World({A: "active", B: "active"}, [Item("P", A, 100), Item("W", B, 100)],
                  families={A: "PERMIT", B: "UTILITY"})  # fmt: skip
    told = (("REFERENCE", A, 150), ("REFERENCE", B, 160))
    matched = world.match([Receipt(1, 310, told)], WAITS)
    assert where(world, matched) == {"P": 100, "suspense": 50, "W": 100, "on_account": 60}
    assert asked(matched) == [("OVERPAID", 50)]


@pytest.mark.parametrize(
    ("told", "paid"), [(A, {"W": 100, "suspense": 200}), ("S", {"suspense": 300})]
)
def test_restricted_money_pays_its_charges_and_never_stands_on_account(
    told: str, paid: dict[str, int]
) -> None:
    world = World({A: "active"}, [Item("S", A, 500, "SEWER", PAST), Item("W", A, 100)])
    matched = world.match([pay(300, told)], AID)
    assert where(world, matched) == paid
    assert asked(matched) == [("RESTRICTED_MONEY_LEFT", paid["suspense"])]


OWNED = [Item("OLD", A, 500, due=PAST, bill="B1", owner="MARTHA OLDHAM"),
         Item("NEW", A, 400, due=CURRENT, bill="B1")]  # fmt: skip


def owned(family: str = "UTILITY") -> World:
    return World({A: "active"}, OWNED, names={A: "PETER NEWMAN"}, families={A: family})


@pytest.mark.parametrize("told", [A, "B1"])
def test_a_new_owner_never_pays_for_the_one_before(told: str) -> None:
    matched = owned().match([pay(450, told, payer="P NEWMAN PETER")], LEAVE)
    assert where(owned(), matched) == {"NEW": 400, "on_account": 50}
    assert asked(matched) == [("PRIOR_OWNER_BALANCE", 50)]


def test_other_families_pay_the_oldest_whoever_owes_it() -> None:
    matched = owned("MISC").match([pay(450)], LEAVE)
    assert where(owned("MISC"), matched) == {"OLD": 450}


def test_what_is_named_is_paid() -> None:
    matched = owned().match([pay(500, "OLD")], LEAVE)
    assert where(owned(), matched) == {"OLD": 500}
    assert asked(matched) == []


@pytest.mark.parametrize("payer", ["OLDHAM, MARTHA", "MARTHA OLDHAM JR"])
def test_the_owner_before_by_name_is_asked_about(payer: str) -> None:
    matched = owned().match([pay(500, payer=payer)], LEAVE)
    assert where(owned(), matched) == {"suspense": 500}
    assert asked(matched) == [("PRIOR_OWNER_BALANCE", 500)]


def test_a_name_that_is_like_both_owners_is_the_one_of_today() -> None:
    """Father and son: a veto needs a name that is the one and not the other."""
    items = [Item("OLD", A, 500, due=PAST, owner="PETER NEWMANN"), Item("NEW", A, 400)]
    world = World({A: "active"}, items, names={A: "PETER NEWMAN"}, families={A: "UTILITY"})
    matched = world.match([pay(400, payer="PETER NEWMANN")], LEAVE)
    assert where(world, matched) == {"NEW": 400}


@pytest.mark.parametrize(
    ("days", "counts"),
    [
        ((None, None), True),
        ((DAY, DAY), True),
        ((DAY + dt.timedelta(days=1), None), False),
        ((None, DAY - dt.timedelta(days=1)), False),
        ((None, DAY), True),
    ],
)
def test_an_old_number_counts_in_its_days(
    days: tuple[dt.date | None, dt.date | None], counts: bool
) -> None:
    world = World({A: "active"}, [Item("W", A, 100)], {"88001": A}, days={"88001": days})
    matched = world.match([pay(100, "88001")])
    assert where(world, matched) == ({"W": 100} if counts else {"suspense": 100})
    assert asked(matched) == ([] if counts else [("ACCOUNT_NOT_FOUND", 100)])
