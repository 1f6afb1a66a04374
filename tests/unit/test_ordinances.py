"""The ordinances of domain section 2.1 as docs/operations.md writes them, on the domain's fixture
account: an office can copy each of them and get these cents."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from matching_world import CURRENT, DAY, PAST, SAGUARO, Item, Receipt, World

from recond.config import parse
from recond.matching.policy import ChargeType, Rules
from recond.model import CREDIT, ITEM

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
A = "1000456012"


def examples() -> dict[str, Rules]:
    """Every policy that the docs cite a rule for, loaded as an office's recond.toml is."""
    found = {}
    for text in re.findall(r"```toml\n(\[\[policy\]\].*?)```", DOCS.read_text(), re.DOTALL):
        rules = parse(text, "docs/operations.md", {}).rules()
        (policy,) = rules.policies
        if not policy.cite:
            continue
        # the one that only shows how dates are written has a double with another citation
        found.setdefault((policy.name, policy.cite)[policy.name == "service-first"], rules)
    return found


EXAMPLES = examples()
# What 100.00 pays, in the order in which it is paid.
PAID = {
    "age-first": "PW200 PS150 PG150 1W3150 1S2240 1G2580 2T325 2W1205",  # E2
    "Morgantown IN": "PW200 1W3150 2W4275 2T325 PG150 1G1900",  # E3
    "current-first": "2W4275 2G2680 2S3045",  # E4
    "newest-first": "2W4275 2S3120 2G2605",
    "arrears-first": "1G2580 1W3150 1S2240 PG150 PW200 PS150 2G1530",  # E5
    "trash-first": "2G2680 1G2580 2W4275 2S465",
    "oldest-debt": "1S2240 1W3150 1G2580 PG150 PS150 PW200 2S1530",
    "proportional": "PG150 PS150 PW200 1W3150 1S2240 1G2580 2W629 2S459 2G394 2T48",  # E6
    "penalties-last": "1W3150 1S2240 1G2580 2W2030",
    "priority-then-age": "1W3150 2W4275 1S2240 2S335",
}


def paid(rules: Rules, cents: int, items: list[Item], told: str = A) -> dict[str, int]:
    """Cents by item as they are placed, "credit" for what stands on account."""
    world = World({A: "active"}, items)
    matched = world.match([Receipt(1, cents, (("REFERENCE", told, None),))], rules)
    book = world.book().items
    names = dict(zip(book["item_key"].to_pylist(), book["item_number"].to_pylist(), strict=True))
    assert matched.questions.num_rows == 0
    return {
        names[row["item_key"]] if row["bucket"] == ITEM else "credit": row["cents"]
        for row in matched.placements.to_pylist()
        if row["bucket"] in {ITEM, CREDIT}
    }


def test_every_ordinance_of_the_docs_is_proved() -> None:
    assert set(EXAMPLES) == {*PAID, "City code 52.09"}


@pytest.mark.parametrize("name", PAID)
def test_an_ordinance_pays_in_its_order(name: str) -> None:
    told = dict(re.fullmatch(r"(..)(\d+)", part).groups() for part in PAID[name].split())  # type: ignore[union-attr]
    found = paid(EXAMPLES[name], 10000, SAGUARO)
    assert found == {item: int(cents) for item, cents in told.items()}
    assert sum(found.values()) == 10000
    assert list(found) == list(told) or name == "proportional"


def test_jonesboro_pays_installments_last_and_as_agreed() -> None:
    """Domain example E8: 132.24 pays the current bill and then the first installment."""
    plan = [
        Item("R1", A, 2824, due=DAY, arrangement="A1"),
        Item("R2", A, 2823, due=DAY + dt.timedelta(days=30), arrangement="A1"),
    ]
    current = [item for item in SAGUARO if item.bill == "B2"]
    found = paid(EXAMPLES["trash-first"], 13224, [*plan, *current])
    assert found == {"2G": 2680, "2W": 4275, "2S": 3120, "2T": 325, "R1": 2824}


def test_a_policy_holds_only_in_its_days() -> None:
    """The dated example starts on 2026-04-01: in March the order of a new home pays."""
    march = paid(EXAMPLES["City code 52.09"], 10000, SAGUARO)
    assert march == paid(Rules(), 10000, SAGUARO)


DEPOSITS = Rules(
    charge_types=(
        *Rules().charge_types,
        ChargeType(code="METERDEP", family="HYDRANT", fund="510", kind="DEPOSIT"),
    )
)
HYDRANT = [Item("H1", A, 4000, "WATER", CURRENT), Item("D1", A, 90000, "METERDEP", PAST, "BD")]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (A, {"H1": 4000, "credit": 46000}),
        ("D1", {"D1": 50000}),
        ("BD", {"D1": 50000}),
    ],
)
def test_a_deposit_is_paid_only_by_name(told: str, expected: dict[str, int]) -> None:
    assert paid(DEPOSITS, 50000, HYDRANT, told) == expected
