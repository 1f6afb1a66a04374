"""What an office may let matching do beyond a new home, and what is posted but flagged."""

from __future__ import annotations

import datetime as dt

import pytest
from matching_world import CURRENT, DAY, PAST, Item, Receipt, World, tables

from recond.matching.policy import (
    DEFAULT_CHARGE_TYPES,
    Policy,
    Rules,
    ScanLine,
    Structure,
    Tier,
)
from recond.matching.repairs import repairs
from recond.matching.tables import Matched
from recond.model import CREDIT, ITEM, SUSPENSE

A, B, C = "1000456012", "1000456020", "1000456038"

SAGUARO = [
    Item("PW", A, 200, "PENALTY", PAST, service="WATER"),
    Item("PS", A, 150, "PENALTY", PAST, service="SEWER"),
    Item("PG", A, 150, "PENALTY", PAST, service="SANITATION"),
    Item("1W", A, 3150, "WATER", PAST, "B1"),
    Item("1S", A, 2240, "SEWER", PAST, "B1"),
    Item("1G", A, 2580, "SANITATION", PAST, "B1"),
    Item("2W", A, 4275, "WATER", CURRENT, "B2"),
    Item("2S", A, 3120, "SEWER", CURRENT, "B2"),
    Item("2G", A, 2680, "SANITATION", CURRENT, "B2"),
    Item("2T", A, 325, "STORM", CURRENT, "B2"),
]


def by_account(ordinal: int, cents: int, account: str = A, **more: object) -> Receipt:
    return Receipt(ordinal, cents, (("REFERENCE", account, None),), **more)  # type: ignore[arg-type]


def placed(world: World, matched: Matched) -> dict[str, int]:
    """Cents by item number, `credit` and `suspense`."""
    found: dict[str, int] = {}
    for row in matched.placements.to_pylist():
        names = {ITEM: None, CREDIT: "credit", SUSPENSE: "suspense"}
        name = names[row["bucket"]] or world.items[row["item_key"]].number
        found[name] = found.get(name, 0) + row["cents"]
    return found


def asked(matched: Matched) -> list[str]:
    return matched.questions["code"].to_pylist()


# --- flags: posted, and looked at all the same ----------------------------------------------------


def test_e13_ten_times_the_due_is_posted_and_flagged() -> None:
    world = World({A: "active"}, SAGUARO)
    matched = world.match([by_account(1, 188700)])
    found = placed(world, matched)
    assert found.pop("credit") == 169830
    assert sum(found.values()) == 18870
    assert asked(matched) == ["KEYING_SUSPECTED"]
    (message,) = matched.questions["message"].to_pylist()
    assert "owed 188.70; the payment of 1887.00 is that with a digit too many or few" in message


def test_e13_two_swapped_digits_are_posted_in_part_and_flagged() -> None:
    world = World({A: "active"}, SAGUARO)
    matched = world.match([by_account(1, 18780)])
    assert sum(placed(world, matched).values()) == 18780
    assert "credit" not in placed(world, matched)
    assert asked(matched) == ["KEYING_SUSPECTED"]
    assert "two digits swapped" in matched.questions["message"][0].as_py()


@pytest.mark.parametrize("cents", [18870, 18879, 18861, 9435, 37740, 18807 + 9])
def test_other_amounts_are_not_suspected(cents: int) -> None:
    """18879 and 18861 differ by 9 and are no swap of neighbours."""
    assert asked(World({A: "active"}, SAGUARO).match([by_account(1, cents)])) == []


def test_keying_is_judged_by_what_is_due_when_the_payment_comes() -> None:
    world = World({A: "active"}, [Item("I", A, 5000)])
    matched = world.match([by_account(1, 4000), by_account(2, 10000)])
    assert asked(matched) == ["KEYING_SUSPECTED"]
    assert matched.questions["ordinal"].to_pylist() == [2]


@pytest.mark.parametrize(
    ("tender", "day", "flagged"),
    [
        ("CHECK", DAY, True),
        ("ACH", DAY, True),
        ("CASH", DAY, False),
        ("MONEY_ORDER", DAY, False),
        ("CHECK", DAY + dt.timedelta(days=3), True),
        ("CHECK", DAY + dt.timedelta(days=4), False),
    ],
)
def test_e24_a_check_for_a_cash_only_account_posts_and_is_flagged(
    tender: str, day: dt.date, flagged: bool
) -> None:
    world = World({A: "active"}, [Item("I", A, 900)], cash_only={A: DAY + dt.timedelta(days=3)})
    matched = world.match([by_account(1, 900, tender=tender, day=day)])
    assert placed(world, matched) == {"I": 900}
    assert asked(matched) == (["CASH_ONLY_ACCOUNT"] if flagged else [])


def test_large_payments_are_flagged_from_the_limit_on() -> None:
    world = World({A: "active"}, [Item("I", A, 10_000_00)])
    rules = Rules(large_cents=500_00)
    assert asked(world.match([by_account(1, 500_00)], rules)) == ["LARGE_AMOUNT"]
    assert asked(world.match([by_account(1, 499_99)], rules)) == []


# --- arrangements ---------------------------------------------------------------------------------

CURRENT_THEN_ARRANGEMENT = Rules(
    policies=(
        Policy(
            name="jonesboro",
            cite="Jonesboro IN: the most recent bill first, then as agreed",
            tiers=(Tier(arrangement="none"), Tier(arrangement="only", order=("due_date",))),
        ),
    )
)
ARRANGED = [
    *(item for item in SAGUARO if item.bill == "B2"),
    Item("R1", A, 2824, due=DAY, arrangement="A1"),
    Item("R2", A, 2823, due=DAY + dt.timedelta(days=30), arrangement="A1"),
    Item("R3", A, 2823, due=DAY + dt.timedelta(days=60), arrangement="A1"),
]


def test_e8_current_bill_first_then_the_installment() -> None:
    world = World({A: "active"}, ARRANGED)
    matched = world.match([by_account(1, 13224)], CURRENT_THEN_ARRANGEMENT)
    assert placed(world, matched) == {"2W": 4275, "2S": 3120, "2G": 2680, "2T": 325, "R1": 2824}
    assert asked(matched) == []


def test_e8_a_short_installment_puts_the_arrangement_at_risk() -> None:
    world = World({A: "active"}, ARRANGED)
    matched = world.match([by_account(1, 13000)], CURRENT_THEN_ARRANGEMENT)
    assert placed(world, matched)["R1"] == 2824 - 224
    assert asked(matched) == ["ARRANGEMENT_AT_RISK"]
    (message,) = matched.questions["message"].to_pylist()
    assert message.startswith("The payment leaves 2.24 of item R1 open, an installment")


def test_an_installment_that_is_due_and_not_paid_is_at_risk_too() -> None:
    world = World({A: "active"}, ARRANGED)
    matched = world.match([by_account(1, 10400)], CURRENT_THEN_ARRANGEMENT)
    assert asked(matched) == ["ARRANGEMENT_AT_RISK"]
    later = [Item("R2", A, 2823, due=DAY + dt.timedelta(days=30), arrangement="A1")]
    world = World({A: "active"}, [*ARRANGED[:4], *later])
    assert asked(world.match([by_account(1, 10400)], CURRENT_THEN_ARRANGEMENT)) == []


# --- charges that are only paid in full -----------------------------------------------------------

PERMITS = Rules(
    charge_types=tuple(
        charge.model_copy(update={"exact_only": charge.code == "SANITATION"})
        for charge in DEFAULT_CHARGE_TYPES
    )
)
PERMIT = [Item("BP26-01877", A, 87550, "SANITATION", CURRENT, "P1"), Item("W", A, 5000, "WATER")]


@pytest.mark.parametrize("reference", ["BP26-01877", "P1"])
def test_e11_a_short_payment_of_a_permit_waits(reference: str) -> None:
    world = World({A: "active"}, PERMIT)
    matched = world.match([Receipt(1, 87000, (("REFERENCE", reference, None),))], PERMITS)
    assert placed(world, matched) == {"suspense": 87000}
    assert asked(matched) == ["EXACT_AMOUNT_REQUIRED"]
    assert matched.decisions["rule"].to_pylist() == ["none"]


def test_e11_what_is_too_much_for_a_permit_stands_on_account() -> None:
    world = World({A: "active"}, PERMIT)
    matched = world.match([Receipt(1, 88000, (("REFERENCE", "BP26-01877", None),))], PERMITS)
    assert placed(world, matched) == {"BP26-01877": 87550, "credit": 450}


def test_e11_a_payment_for_an_account_that_owes_nothing_but_a_permit_waits_too() -> None:
    permits = [Item("P1", A, 87550, "SANITATION"), Item("P2", A, 90000, "SANITATION")]
    world = World({A: "active", B: "closed"}, [*permits, Item("P3", B, 87550, "SANITATION")])
    matched = world.match([by_account(1, 87000)], PERMITS)
    assert placed(world, matched) == {"suspense": 87000}
    assert asked(matched) == ["EXACT_AMOUNT_REQUIRED"]
    assert placed(world, world.match([by_account(1, 88000)], PERMITS)) == {
        "P1": 87550, "credit": 450,
    }  # fmt: skip
    assert placed(world, world.match([by_account(1, 500, B)], PERMITS)) == {"credit": 500}
    world = World({A: "active"}, [Item("W", A, 5000), *permits])
    assert placed(world, world.match([by_account(1, 6000)], PERMITS)) == {"W": 5000, "credit": 1000}


def test_a_payment_for_the_account_passes_over_what_it_cannot_pay_in_full() -> None:
    items = [Item("P", A, 8000, "SANITATION", PAST), Item("W", A, 7000)]
    world = World({A: "active"}, items)
    assert placed(world, world.match([by_account(1, 5000)], PERMITS)) == {"W": 5000}
    assert placed(world, world.match([by_account(1, 9000)], PERMITS)) == {"P": 8000, "W": 1000}


def test_two_payments_do_not_pay_half_a_permit_each() -> None:
    items = [Item("P", A, 8000, "SANITATION", PAST), Item("W", A, 7000)]
    world = World({A: "active"}, items)
    matched = world.match([by_account(1, 5000), by_account(2, 10000)], PERMITS)
    first = [row for row in matched.placements.to_pylist() if row["ordinal"] == 1]
    assert [(row["item_key"], row["cents"]) for row in first] == [(1, 5000)]
    assert placed(world, matched) == {"W": 7000, "P": 8000}


# --- leads ----------------------------------------------------------------------------------------


def scan(account: str, cents: int, wrong: str = "") -> str:
    body = f"{account}032826{cents:010d}"
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 * (value > 9)
    line = body + str(-total % 10)
    return wrong + line[len(wrong) :] if wrong else line


REPAIR = Rules(ocr_repair=True)
MISREAD = scan(A, 18870, "100046601")  # one digit of the account was misread


def repaired(world: World, receipts: list[Receipt]) -> list[tuple[int, str, str]]:
    """The leads that the books would give: accounts that there are."""
    rows = repairs(tables(receipts)[1], REPAIR).to_pylist()
    known = {number.lstrip("0"): number for number in world.accounts}
    return [
        (row["ordinal"], known[row["reference_key"]], "scan_repair")
        for row in rows
        if row["reference_key"] in known
    ]


def test_e17_one_wrong_digit_leaves_the_true_line_and_others() -> None:
    rows = repairs(tables([Receipt(1, 1, (("REFERENCE", MISREAD, None),))])[1], REPAIR)
    keys = rows["reference_key"].to_pylist()
    assert A in keys
    assert len(keys) > 1
    assert repairs(tables([by_account(1, 1, scan(A, 18870))])[1], REPAIR).num_rows == 0
    assert repairs(tables([by_account(1, 1, MISREAD)])[1], Rules()).num_rows == 0


def test_e17_eleven_lines_have_a_good_digit() -> None:
    """The page's own count: 10004660123 was 10004560123, and ten other lines are as good."""
    line = ScanLine(length=11, account=(1, 10), due_date=None, amount_due=None, covered=(1, 10),
                    check_digit=11)  # fmt: skip
    rules = Rules(ocr_repair=True, scan_lines=(line,))
    rows = repairs(tables([by_account(1, 1, "10004660123")])[1], rules)
    keys = rows["reference_key"].to_pylist()
    assert len(keys) == 11
    assert {"1000456012", "1000466012"} <= set(keys)  # the last one if the digit itself is wrong


def test_e17_a_misread_line_posts_only_where_one_account_owes_the_amount() -> None:
    receipts = [by_account(1, 18870, MISREAD)]
    world = World({A: "active", B: "active"}, SAGUARO)
    world.leads = repaired(world, receipts)
    matched = world.match(receipts, REPAIR)
    assert sum(placed(world, matched).values()) == 18870
    assert matched.decisions["rule"].to_pylist() == ["scan_repair"]
    assert "one digit was misread" in matched.decisions["evidence"][0].as_py()
    assert asked(matched) == []


@pytest.mark.parametrize("cents", [18869, 18871, 100])
def test_e17_another_amount_does_not_post(cents: int) -> None:
    receipts = [by_account(1, cents, MISREAD)]
    world = World({A: "active"}, SAGUARO)
    world.leads = repaired(world, receipts)
    matched = world.match(receipts, REPAIR)
    assert placed(world, matched) == {"suspense": cents}
    assert asked(matched) == ["CHECK_DIGIT_FAILED"]


def test_two_accounts_that_owe_the_amount_are_none() -> None:
    world = World({A: "active", B: "active"}, [Item("1", A, 500), Item("2", B, 500)])
    for leads in ([(1, A, "payer_memory")], [(1, A, "payer_memory"), (1, B, "payer_memory")]):
        world.leads = leads
        matched = world.match([Receipt(1, 500)], Rules())
        assert (asked(matched) == []) == (len(leads) == 1)


@pytest.mark.parametrize("status", ["active", "closed", "bankruptcy"])
def test_an_amount_never_chooses_between_two_leads(status: str) -> None:
    """Two candidates are two, also where only one of them owes the payment or takes money."""
    world = World({A: "active", B: status}, [Item("1", A, 500), Item("2", B, 300)])
    world.leads = [(1, A, "payer_memory"), (1, B, "payer_memory")]
    assert placed(world, world.match([Receipt(1, 500)])) == {"suspense": 500}


@pytest.mark.parametrize("status", ["closed", "bankruptcy"])
def test_a_lead_to_an_account_that_takes_no_payments_is_none(status: str) -> None:
    world = World({A: status}, [Item("1", A, 500)], leads=[(1, A, "payer_memory")])
    assert placed(world, world.match([Receipt(1, 500)])) == {"suspense": 500}


def test_a_lead_never_overrules_a_reference() -> None:
    world = World({A: "active", B: "active"}, [Item("1", A, 500), Item("2", B, 500)])
    world.leads = [(1, A, "payer_memory"), (2, A, "payer_memory")]
    matched = world.match([by_account(1, 500, B), by_account(2, 500, "9999")])
    assert placed(world, matched) == {"2": 500, "suspense": 500}
    assert asked(matched) == ["ACCOUNT_NOT_FOUND"]


def test_a_lead_heals_only_the_failure_it_is_for() -> None:
    world = World({A: "active"}, [Item("1", A, 500)])
    for rule, receipt, code in (
        ("payer_memory", by_account(1, 500, "9999"), "ACCOUNT_NOT_FOUND"),
        ("reference_memory", Receipt(1, 500), "NO_REFERENCE"),
        ("scan_repair", Receipt(1, 500), "NO_REFERENCE"),
    ):
        world.leads = [(1, A, rule)]
        assert asked(world.match([receipt])) == [code]
    world.leads = [(1, A, "reference_memory")]
    matched = world.match([by_account(1, 500, "CLAIM 77")])
    assert matched.decisions["rule"].to_pylist() == ["reference_memory"]


def test_beside_other_references_a_lead_says_nothing() -> None:
    """One of two stubs was misread: what it was for is not all of the check."""
    world = World({A: "active", B: "active"}, [Item("1", A, 500), Item("2", B, 300)])
    world.leads = [(1, A, "reference_memory"), (2, A, "scan_repair")]
    both = Receipt(1, 500, (("REFERENCE", B, None), ("REFERENCE", "9999", None)))
    lines = Receipt(2, 500, (("REFERENCE", B, None), ("REFERENCE", MISREAD, None)))
    assert asked(world.match([both, lines])) == ["ACCOUNT_NOT_FOUND", "CHECK_DIGIT_FAILED"]


def test_a_lead_needs_the_due_when_its_turn_comes() -> None:
    world = World({A: "active"}, [Item("1", A, 500)], leads=[(2, A, "payer_memory")])
    matched = world.match([by_account(1, 200), Receipt(2, 500)])
    assert placed(world, matched) == {"1": 200, "suspense": 500}
    assert asked(matched) == ["NO_REFERENCE"]


def test_a_lead_follows_what_is_due_at_its_turn_in_one_file_as_in_two() -> None:
    world = World({A: "active"}, [Item("1", A, 500)], leads=[(2, A, "payer_memory")])
    matched = world.match([by_account(1, 200), Receipt(2, 300)])
    assert placed(world, matched) == {"1": 500}
    assert asked(matched) == []


# --- what an amount says inside an account --------------------------------------------------------


def with_structures(*structures: Structure) -> Rules:
    return Rules(
        policies=(Policy(name="autocash", structures=structures, tiers=(Tier(status=("penalty",)),
                                                                        Tier())),)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cents", "structures", "expected"),
    [
        (10400, ("bill",), {"2W": 4275, "2S": 3120, "2G": 2680, "2T": 325}),
        (7970, ("bill",), {"1W": 3150, "1S": 2240, "1G": 2580}),
        (8470, ("bill", "past_due"),
         {"PW": 200, "PS": 150, "PG": 150, "1W": 3150, "1S": 2240, "1G": 2580}),
        (10400, ("current",), {"2W": 4275, "2S": 3120, "2G": 2680, "2T": 325}),
        (18370, ("without_penalty",),
         {"1W": 3150, "1S": 2240, "1G": 2580, "2W": 4275, "2S": 3120, "2G": 2680, "2T": 325}),
        # a bill that bears no penalty is not one without its penalty
        (10400, ("without_penalty",), {"PW": 200, "PS": 150, "PG": 150, "1W": 3150, "1S": 2240,
                                       "1G": 2580, "2W": 1930}),
        (3120, ("item",), {"2S": 3120}),
        # PS and PG are 150 each: what fits twice says nothing
        (150, ("item",), {"PG": 150}),
        (10400, (), {"PW": 200, "PS": 150, "PG": 150, "1W": 3150, "1S": 2240, "1G": 2580,
                     "2W": 1930}),
    ],
)  # fmt: skip
def test_structures(
    cents: int, structures: tuple[Structure, ...], expected: dict[str, int]
) -> None:
    world = World({A: "active"}, SAGUARO)
    matched = world.match([by_account(1, cents)], with_structures(*structures))
    assert placed(world, matched) == expected


def test_a_bill_is_paid_without_its_penalty_just_before_the_penalty_run() -> None:
    items = [Item("L", A, 500, "PENALTY", PAST, "B1"), Item("W", A, 4000, "WATER", PAST, "B1"),
             Item("N", A, 3000, "WATER", CURRENT, "B2")]  # fmt: skip
    world = World({A: "active"}, items)
    found = world.match([by_account(1, 4000)], with_structures("bill", "without_penalty"))
    assert placed(world, found) == {"W": 4000}


def test_the_evidence_says_what_the_amount_said() -> None:
    world = World(
        {A: "active", B: "active"},
        [Item("1", A, 500, bill="X"), Item("2", A, 300, bill="Y"), Item("3", B, 700)],
    )
    both = Receipt(1, 1200, (("REFERENCE", A, 500), ("REFERENCE", B, 700)))
    rules = with_structures("bill", "item")
    evidence = world.match([both, by_account(2, 301)], rules).decisions["evidence"].to_pylist()
    assert evidence[0].endswith(
        f"; the amount is one bill of account {A}, so only that is paid"
        f"; the amount is one item of account {B}, so only that is paid"
    )
    assert "the amount is" not in evidence[1]


def test_equal_installments_are_paid_from_the_earliest() -> None:
    world = World({A: "active"}, ARRANGED)
    found = placed(world, world.match([by_account(1, 2823)], with_structures("installment")))
    assert found == {"R2": 2823}


def test_structures_are_judged_payment_by_payment() -> None:
    world = World({A: "active"}, SAGUARO)
    rules = with_structures("bill")
    matched = world.match([by_account(1, 7970), by_account(2, 10400)], rules)
    assert placed(world, matched) == {
        "1W": 3150, "1S": 2240, "1G": 2580, "2W": 4275, "2S": 3120, "2G": 2680, "2T": 325,
    }  # fmt: skip


def test_many_accounts_at_once_equal_one_at_a_time() -> None:
    rules = with_structures("bill", "past_due", "item")
    items = [
        Item(f"{account}-{n}", account, cents, due=due, bill=f"{account}-{bill}")
        for account in (A, B, C)
        for n, (cents, due, bill) in enumerate(
            [(100, PAST, 1), (250, PAST, 1), (400, CURRENT, 2), (50, CURRENT, 3)]
        )
    ]
    world = World(dict.fromkeys((A, B, C), "active"), items)
    receipts = [
        by_account(number, cents, account)
        for number, (account, cents) in enumerate(
            [(A, 350), (B, 400), (C, 450), (A, 50), (B, 999), (C, 350)], 1
        )
    ]
    together = placed(world, world.match(receipts, rules))
    apart: dict[str, int] = {}
    for receipt in receipts:
        matched = world.match([receipt], rules)
        for name, cents in placed(world, matched).items():
            apart[name] = apart.get(name, 0) + cents
        world = world.after([receipt], matched)
    assert together == apart


# --- words of a text -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "cents", "expected"),
    [
        ((("WORD", A),), 500, "free_text"),
        ((("WORD", A), ("WORD", "1")), 500, "free_text"),  # an item of the same account
        ((("WORD", A),), 499, "NO_REFERENCE"),
        ((("WORD", A), ("WORD", "77812345")), 500, "NO_REFERENCE"),
        ((("WORD", A), ("WORD", B)), 500, "NO_REFERENCE"),
        ((("WORD", A), ("WORD", "2")), 500, "NO_REFERENCE"),
        ((("WORD", C),), 500, "NO_REFERENCE"),  # closed
        ((("REFERENCE", "9999"), ("WORD", A)), 500, "ACCOUNT_NOT_FOUND"),
        ((("REFERENCE", A), ("WORD", A), ("WORD", "77812345")), 500, "account_number"),
        ((("REFERENCE", A), ("WORD", B)), 500, "REFERENCES_CONTRADICT"),
        ((("REFERENCE", A), ("WORD", "2")), 500, "account_number"),
        ((("REFERENCE", "1"), ("WORD", B)), 500, "REFERENCES_CONTRADICT"),
        ((("REFERENCE", "1"), ("HINT", A), ("WORD", A)), 500, "item_reference"),
    ],
)
def test_words_of_a_text_lead_and_contradict(
    told: tuple[tuple[str, str], ...], cents: int, expected: str
) -> None:
    world = World({A: "active", B: "active", C: "closed"},
                  [Item("1", A, 500), Item("2", B, 300), Item("3", C, 500)])  # fmt: skip
    receipt = Receipt(1, cents, tuple((kind, text, None) for kind, text in told))
    matched = world.match([receipt])
    (rule,) = matched.decisions["rule"].to_pylist()
    assert [rule] == [expected] if rule != "none" else asked(matched) == [expected]


# --- a number that means an item and a bill ------------------------------------------------------

INSIDE = [Item("100", A, 500, bill="100"), Item("101", A, 300, bill="100")]
APART = [Item("100", A, 500, bill="B1"), Item("200", A, 300, bill="100"),
         Item("201", A, 100, bill="100")]  # fmt: skip
EQUAL = [Item("100", A, 500, bill="B1"), Item("200", A, 500, bill="100")]
ALONE = [Item("100", A, 500, bill="100"), Item("7", A, 900, bill="B7")]
ASKED = "AMBIGUOUS_REFERENCE"


@pytest.mark.parametrize(
    ("items", "cents", "expected"),
    [
        (INSIDE, 500, {"100": 500}),  # all of the item
        (INSIDE, 800, {"100": 500, "101": 300}),  # all of the bill
        (INSIDE, 200, ASKED),
        (INSIDE, 600, ASKED),
        (INSIDE, 900, ASKED),
        (APART, 500, {"100": 500}),
        (APART, 400, {"200": 300, "201": 100}),
        (APART, 300, ASKED),
        (EQUAL, 500, ASKED),
        (ALONE, 200, {"100": 200}),  # both readings pay the same
        (ALONE, 600, {"100": 500, "credit": 100}),
    ],
)
def test_a_number_of_an_item_and_of_a_bill_is_what_is_paid_to_the_cent(
    items: list[Item], cents: int, expected: dict[str, int] | str
) -> None:
    world = World({A: "active"}, items)
    matched = world.match([by_account(1, cents, "100")])
    if expected == ASKED:
        assert (placed(world, matched), asked(matched)) == ({"suspense": cents}, [ASKED])
        (message,) = matched.questions["message"].to_pylist()
        assert message.startswith(
            f"The reference 100 fits more than one item or bill of account {A};"
        )
        return
    assert (placed(world, matched), asked(matched)) == (expected, [])
    as_bill = "100" not in expected or "101" in expected
    (rule,) = matched.decisions["rule"].to_pylist()
    assert rule == ("bill_reference" if as_bill else "item_reference")
    (evidence,) = matched.decisions["evidence"].to_pylist()
    said = "" if items is ALONE else f"the amount is one {'bill' if as_bill else 'item'} of"
    assert said in evidence


def test_what_a_number_means_is_decided_at_its_turn() -> None:
    """5.00 are the item; then 3.00 are all that is left of the bill; then nothing is."""
    world = World({A: "active"}, INSIDE)
    matched = world.match([by_account(n, cents, "100") for n, cents in ((1, 500), (2, 300))])
    assert placed(world, matched) == {"100": 500, "101": 300}
    assert asked(matched) == []


def test_a_column_of_items_means_the_item() -> None:
    world = World({A: "active"}, INSIDE)
    told = (("ACCOUNT", A, None), ("ITEM", "100", None))
    assert placed(world, world.match([Receipt(1, 200, told)])) == {"100": 200}


def test_a_number_that_means_two_things_stops_its_whole_payment() -> None:
    world = World({A: "active", B: "active"}, [*INSIDE, Item("5", B, 100)])
    for cents, waits in ((800, False), (700, True)):
        told = (("REFERENCE", "100", cents), ("REFERENCE", B, 100))
        matched = world.match([Receipt(1, cents + 100, told)])
        assert (asked(matched) == [ASKED]) is waits
        assert placed(world, matched) == (
            {"suspense": 800} if waits else {"100": 500, "101": 300, "5": 100}
        )
    told = (("REFERENCE", "100", None), ("REFERENCE", B, None))  # no amounts: nothing tells
    assert asked(world.match([Receipt(1, 600, told)])) == [ASKED]


def test_several_bills_of_one_number_are_asked_about() -> None:
    world = World({A: "active"}, [Item("0100", A, 500, bill="X"), Item("7", A, 10, bill="100"),
                                  Item("8", A, 10, bill="00100")])  # fmt: skip
    assert asked(world.match([by_account(1, 500, "000100")])) == [ASKED]


def test_a_closed_account_takes_the_money_whatever_its_number_means() -> None:
    world = World({A: "closed"}, INSIDE)
    assert placed(world, world.match([by_account(1, 200, "100")])) == {"credit": 200}
