"""The cascade: which reference decides, what it pays, and what waits with a question."""

from __future__ import annotations

import datetime as dt
import random
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recond.exceptions.codes import CODES
from recond.matching.credits import CREDITS, apply_credits
from recond.matching.duplicates import Standing, earlier
from recond.matching.policy import Policy, Rules, Tier
from recond.matching.tables import BOOK_ACCOUNTS, DECISIONS, PLACEMENTS, QUESTIONS, Matched
from recond.model import CREDIT, ITEM, SUSPENSE
from tests.unit.matching_world import CURRENT, DAY, PAST, SAGUARO, Item, Receipt, World
from tests.unit.test_references import scan

A, B, C = "1000456012", "0000777001", "1000999003"


def world(*items: Item, **status: str) -> World:
    return World({A: status.get("a", "active"), B: status.get("b", "active"), C: "final"},
                 list(items) or list(SAGUARO))  # fmt: skip


def ref(text: str | None, cents: int | None = None, kind: str = "REFERENCE") -> tuple:
    return (kind, text, cents)


def places(made: World, matched: Matched, ordinal: int = 1) -> list[tuple[str, int]]:
    """(item number, "credit ACCOUNT" or "suspense", cents) of a receipt, in order of its lines."""
    numbers = dict(enumerate(made.accounts, 1))
    answer = []
    for row in matched.placements.to_pylist():
        if row["ordinal"] != ordinal:
            continue
        assert row["line"] == len(answer) + 1
        if row["bucket"] == ITEM:
            item = made.items[row["item_key"]]
            assert (numbers[row["account_key"]], row["charge_type"]) == (item.account, item.charge)
            answer.append((item.number, row["cents"]))
        elif row["bucket"] == CREDIT:
            answer.append((f"credit {numbers[row['account_key']]}", row["cents"]))
        else:
            assert row["bucket"] == SUSPENSE
            assert row["account_key"] is None
            answer.append(("suspense", row["cents"]))
    return answer


def one(made: World, *told: tuple, cents: int = 10000) -> tuple[list, str, list[str]]:
    """(places, rule, question codes) of one receipt."""
    matched = made.match([Receipt(1, cents, told)])
    assert (matched.decisions.schema, matched.placements.schema, matched.questions.schema) == (
        DECISIONS, PLACEMENTS, QUESTIONS,
    )  # fmt: skip
    codes = matched.questions["code"].to_pylist()
    assert set(codes) <= set(CODES)
    return places(made, matched), matched.decisions["rule"][0].as_py(), codes


def waits(made: World, *told: tuple, cents: int = 10000) -> str:
    """The one code of a receipt that stands whole in suspense."""
    found, rule, codes = one(made, *told, cents=cents)
    assert (found, rule) == ([("suspense", cents)], "none")
    assert len(codes) == 1
    return codes[0]


# --- which reference decides ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "rule"),
    [
        (A, "account_number"),
        ("10-0045 6012", "account_number"),
        (scan(A), "scan_line"),
        ("001000456012", "account_zeros"),
        ("OLD-77", "old_number"),
        ("old77", "old_number"),
    ],
)
def test_e1_every_way_to_name_the_account_closes_it(reference: str, rule: str) -> None:
    made = world()
    made.aliases["OLD77"] = A
    found, decided, codes = one(made, ref(reference), cents=18870)
    assert decided == rule
    assert dict(found) == {item.number: item.cents for item in SAGUARO}
    assert codes == []


def test_lost_zeros_are_restored_when_exactly_one_account_fits() -> None:
    made = world()
    assert one(made, ref("777001")) == ([(f"credit {B}", 10000)], "account_zeros", [])
    made.accounts["00777001"] = "active"
    assert waits(made, ref("777001")) == "AMBIGUOUS_REFERENCE"
    # A number that is written in full means itself.
    assert one(made, ref(B))[1] == "account_number"


def test_evidence_says_what_was_read() -> None:
    made = world()
    made.aliases["OLD77"] = A
    told = [ref("777001"), ref(A), ref(scan(A)), ref("OLD77"), ref("2W"), ref("B2"),
            ref(A, kind="ACCOUNT"), ref("2W", 10000)]  # fmt: skip
    receipts = [Receipt(n, 10000, (what,)) for n, what in enumerate(told)]
    receipts.append(Receipt(99, 10000, (ref(A), ref("ghost", kind="HINT"))))
    assert made.match(receipts).decisions["evidence"].to_pylist() == [
        "777001 read as 0000777001, the only account that fits on stub 1",
        "account number 1000456012 on stub 1",
        f"scan line {scan(A)} with a good check digit for account {A} on stub 1",
        f"old number OLD77 of account {A} on stub 1",
        f"item number 2W of account {A} on stub 1",
        f"bill number B2 of account {A} on stub 1",
        "account number 1000456012",
        f"item number 2W of account {A} on stub 1 for 100.00",
        f"account number {A} on stub 1; ghost fits no account, item or bill on stub 2 as a hint",
    ]


def test_e17_a_misread_scan_line_waits_and_is_read_whole() -> None:
    line = scan(A)
    misread = line[:5] + "6" + line[6:]  # 1000456012 read as 1000466012
    assert misread != line
    assert waits(world(), ref(misread)) == "CHECK_DIGIT_FAILED"
    # Not even when it is, as a text, the number of something.
    assert waits(world(*SAGUARO, Item(misread, B, 1)), ref(misread)) == "CHECK_DIGIT_FAILED"
    assert waits(world(), ref(scan("1234567890"))) == "ACCOUNT_NOT_FOUND"
    # A scan line names accounts only.
    assert waits(world(*SAGUARO, Item("1234567890", B, 1)), ref(scan("1234567890"))) == (
        "ACCOUNT_NOT_FOUND"
    )


def test_two_candidates_mean_none() -> None:
    made = world(*SAGUARO, Item(A, B, 500, bill="X9"), Item("9", B, 5), Item("9", C, 5))
    assert waits(made, ref(A)) == "AMBIGUOUS_REFERENCE"  # A's account number, an item of B
    assert waits(made, ref("9")) == "AMBIGUOUS_REFERENCE"
    assert one(made, ref(A, kind="ACCOUNT"))[1] == "account_number"
    assert one(made, ref(A, kind="ITEM"))[0] == [(A, 500), (f"credit {B}", 9500)]
    made.aliases["OLD"] = B
    made.items.append(Item("I7", A, 5, bill="OLD"))
    assert waits(made, ref("OLD")) == "AMBIGUOUS_REFERENCE"  # two tiers, two accounts


def test_two_things_of_one_account_are_two_candidates_too() -> None:
    made = world(Item("1-2", A, 5), Item("12", A, 7), Item("3", A, 1, bill="3"),
                 Item("4", A, 2, bill="B-5"), Item("6", A, 2, bill="B5"))  # fmt: skip
    assert waits(made, ref("12")) == "AMBIGUOUS_REFERENCE"
    assert waits(made, ref("B5")) == "AMBIGUOUS_REFERENCE"
    assert one(made, ref("3"), cents=1) == ([("3", 1)], "item_reference", [])


def test_kinds_restrict_what_a_reference_can_mean() -> None:
    made = world()
    assert waits(made, ref("2W", kind="ACCOUNT")) == "ACCOUNT_NOT_FOUND"
    assert waits(made, ref(A, kind="ITEM")) == "ACCOUNT_NOT_FOUND"
    assert waits(made, ref("B2", kind="ITEM")) == "ACCOUNT_NOT_FOUND"
    assert waits(made, ref(scan(A), kind="ACCOUNT")) == "ACCOUNT_NOT_FOUND"


def test_an_item_column_is_looked_up_inside_the_account_column() -> None:
    made = world(Item("7", A, 4000), Item("7", B, 3000), Item("8", B, 100))
    told = (ref(B, kind="ACCOUNT"), ref("7", kind="ITEM"))
    assert one(made, *told) == ([("7", 3000), (f"credit {B}", 7000)], "item_reference", [])
    assert waits(made, ref("7", kind="ITEM")) == "AMBIGUOUS_REFERENCE"
    assert waits(made, ref(A, kind="ACCOUNT"), ref("8", kind="ITEM")) == "REFERENCES_CONTRADICT"
    assert waits(made, ref(A, kind="ACCOUNT"), ref("8")) == "REFERENCES_CONTRADICT"
    assert waits(made, ref("nobody", kind="ACCOUNT"), ref("8", kind="ITEM")) == "ACCOUNT_NOT_FOUND"


def test_hints_are_weak_beside_others_and_references_alone() -> None:
    made = world()
    assert one(made, ref("ghost", kind="HINT"), ref(A))[1] == "account_number"
    assert one(made, ref(A, kind="HINT"), ref("2W"), cents=4275)[1] == "item_reference"
    assert waits(made, ref(B, kind="HINT"), ref("2W"), cents=4275) == "REFERENCES_CONTRADICT"
    assert one(made, ref(A, kind="HINT"))[1] == "account_number"
    assert waits(made, ref("ghost", kind="HINT")) == "ACCOUNT_NOT_FOUND"
    assert one(made, ref(A, kind="HINT"), ref(None))[1] == "account_number"
    assert waits(made, ref(A, kind="HINT"), ref("ghost")) == "ACCOUNT_NOT_FOUND"


def test_nothing_named_means_suspense() -> None:
    made = world()
    assert waits(made) == "NO_REFERENCE"
    assert waits(made, ref(None), ref("  ")) == "NO_REFERENCE"
    assert waits(made, ref(A), ref("", 10000)) == "NO_REFERENCE"


def test_e18_an_amount_alone_never_posts() -> None:
    made = World({A: "active", B: "active", C: "active"},
                 [Item(f"I{n}", who, 10400) for n, who in enumerate((A, B, C))])  # fmt: skip
    assert waits(made, cents=10400) == "NO_REFERENCE"


# --- what it pays -----------------------------------------------------------------------------


def test_e2_the_default_order_of_a_new_home() -> None:
    found, _, _ = one(world(), ref(A))
    assert found == [
        ("PG", 150), ("PS", 150), ("PW", 200), ("1W", 3150), ("1S", 2240), ("1G", 2580),
        ("2W", 1530),
    ]  # fmt: skip


def test_policies_reach_the_cascade() -> None:
    policy = Policy(name="current_first", tiers=(Tier(status=("current",)), Tier()))
    matched = world().match([Receipt(1, 10000, (ref(A),))], Rules(policies=(policy,)))
    assert places(world(), matched) == [("2W", 4275), ("2S", 3120), ("2G", 2605)]


def test_e12_an_overpayment_stands_on_account_and_pays_the_next_bill() -> None:
    made = world()
    found, _, codes = one(made, ref(A), cents=19000)
    assert found[-1] == (f"credit {A}", 130)
    assert codes == []
    items = made.book().items
    new = items.slice(6, 1).set_column(9, "since_entry", pa.array([5])).set_column(
        0, "item_key", pa.array([77])
    )  # fmt: skip
    old = items.slice(6, 1)
    lots = pa.table([[3, 1, 2], [1, 1, 1], [30, 70, 30], [DAY, PAST, DAY], [4, 4, 5], [""] * 3],
                    schema=CREDITS)  # fmt: skip
    placed = apply_credits(lots, pa.concat_tables([old, new]), Rules())
    # First in, first out; the lot of entry 5 stood when the item came; the old item is not paid.
    assert placed.select(["ordinal", "line", "bucket", "item_key", "cents"]).to_pylist() == [
        {"ordinal": 1, "line": 1, "bucket": ITEM, "item_key": 77, "cents": 70},
        {"ordinal": 3, "line": 1, "bucket": ITEM, "item_key": 77, "cents": 30},
    ]
    for status, stays in (("closed", True), ("bankruptcy", True), ("final", False)):
        known = pa.Table.from_pylist([{"account_key": 1, "status": status}], BOOK_ACCOUNTS)
        assert (len(apply_credits(lots, new, Rules(), known)) == 0) == stays
    assert len(apply_credits(lots.slice(0, 0), new, Rules())) == 0


def test_items_are_paid_as_named_and_the_rest_is_credit() -> None:
    made = world()
    assert one(made, ref("2S"), cents=4000) == (
        [("2S", 3120), (f"credit {A}", 880)], "item_reference", [],
    )  # fmt: skip
    assert one(made, ref("2S", 3000), cents=3000)[0] == [("2S", 3000)]
    assert waits(made, ref("2S", 3000), cents=4000) == "REMITTANCE_SUM_WRONG"


def test_a_bill_pays_its_items_in_policy_order() -> None:
    assert one(world(), ref("B2"), cents=8000) == (
        [("2W", 4275), ("2S", 3120), ("2G", 605)], "bill_reference", [],
    )  # fmt: skip
    assert one(world(), ref("B2"), cents=10500)[0][-1] == (f"credit {A}", 100)


def test_e15_one_check_three_stubs() -> None:
    made = world(Item("a", A, 10000), Item("b", B, 9400), Item("c", C, 7500))
    told = (ref(A, 10000), ref(B, 9400), ref(C, 7000))
    found, rule, codes = one(made, *told, cents=26400)
    assert found == [("a", 10000), ("b", 9400), ("c", 7000)]
    assert (rule, codes) == ("several_references", [])
    short = (ref(A, 10000), ref(B, 9400), ref(C, 6900))
    assert waits(made, *short, cents=26400) == "REMITTANCE_SUM_WRONG"
    assert waits(made, ref(A, 26500), ref(B, -100), cents=26400) == "REMITTANCE_SUM_WRONG"


def test_lines_stand_in_the_order_in_which_the_payer_named_them() -> None:
    made = world(Item("a", A, 10000), Item("b", B, 9400), Item("c", C, 7500))
    found, _, _ = one(made, ref(C, 50), ref(A, 100), ref(B, 70), cents=220)
    assert found == [("c", 50), ("a", 100), ("b", 70)]


def test_several_references_without_amounts_must_add_up() -> None:
    made = world(Item("a", A, 10000), Item("b", B, 9400), Item("c", C, 7500))
    assert one(made, ref(A), ref("b"), cents=19400) == (
        [("a", 10000), ("b", 9400)], "several_references", [],
    )  # fmt: skip
    assert waits(made, ref(A), ref("b"), cents=19500) == "REMITTANCE_SUM_WRONG"
    assert waits(made, ref(A, -100), ref("b"), cents=9300) == "REMITTANCE_SUM_WRONG"
    assert one(made, ref(A, 600), ref("b"), cents=10000)[0] == [("a", 600), ("b", 9400)]


def test_naming_one_thing_twice_is_naming_it_once() -> None:
    made = world()
    assert one(made, ref(A), ref(scan(A)), ref("10-00456012"))[1] == "account_number"
    assert one(made, ref("2W"), ref("2W", kind="ITEM"), cents=4275)[0] == [("2W", 4275)]
    assert one(made, ref("2W", 2000), ref("2W", 2275), cents=4275)[0] == [("2W", 4275)]
    assert one(made, ref(A), ref("2W"), ref("2S"), cents=7395)[0] == [("2W", 4275), ("2S", 3120)]


def test_later_receipts_see_what_earlier_ones_left() -> None:
    made = world(Item("a", A, 100), Item("b", B, 50))
    receipts = [
        Receipt(1, 60, (ref(A),)),
        Receipt(2, 90, (ref(A), ref(B))),  # 40 + 50 are left
        Receipt(3, 90, (ref(A), ref(B))),  # nothing is left
        Receipt(4, 10, (ref("a"),)),
    ]
    matched = made.match(receipts)
    assert [places(made, matched, n) for n in (1, 2, 3, 4)] == [
        [("a", 60)], [("a", 40), ("b", 50)], [("suspense", 90)], [(f"credit {A}", 10)],
    ]  # fmt: skip
    assert matched.questions["message"].to_pylist() == [
        (
            f"What the references name adds up to 0.00, the payment is 0.90: account number {A} "
            f"on stub 1; account number {B} on stub 2; 0.90 waits in suspense."
        )
    ]


def test_an_amount_of_nothing_is_said_to_be_one() -> None:
    """Amounts that add up with a zero among them wait; the sentence does not say 5.00 and 5.00."""
    made = world(Item("a", A, 500), Item("b", B, 300))
    matched = made.match([Receipt(1, 500, (ref(A, 500), ref(B, 0)))])
    assert places(made, matched, 1) == [("suspense", 500)]
    (message,) = matched.questions["message"].to_pylist()
    assert message.startswith("A reference has an amount that is not more than zero: ")


def test_e16_two_checks_one_stub() -> None:
    made = world(Item("a", A, 10400))
    matched = made.match([Receipt(1, 5000, (ref(A),)), Receipt(2, 5400, (ref(A),))])
    assert places(made, matched, 1) == [("a", 5000)]
    assert places(made, matched, 2) == [("a", 5400)]
    assert len(matched.questions) == 0


# --- accounts that are not paid like others ---------------------------------------------------


def test_closed_accounts_take_money_on_account() -> None:
    made = world(Item("a", A, 100), Item("b", B, 50), a="closed")
    assert one(made, ref(A), cents=24286) == (
        [(f"credit {A}", 24286)], "account_number", ["ACCOUNT_CLOSED"],
    )  # fmt: skip
    assert one(made, ref(A, 100), ref(B, 50), cents=150) == (
        [("b", 50), (f"credit {A}", 100)], "several_references", ["ACCOUNT_CLOSED"],
    )  # fmt: skip


def test_bankruptcy_waits_and_final_and_collections_are_paid() -> None:
    made = world(Item("a", A, 100), Item("b", B, 50), Item("c", C, 9), a="bankruptcy",
                 b="collections")  # fmt: skip
    assert waits(made, ref(A)) == "ACCOUNT_IN_BANKRUPTCY"
    assert waits(made, ref(A, 50), ref(B, 50), cents=100) == "ACCOUNT_IN_BANKRUPTCY"
    assert one(made, ref("b"), cents=50)[0] == [("b", 50)]
    assert one(made, ref("c"), cents=9)[0] == [("c", 9)]
    question = made.match([Receipt(1, 100, (ref(A),))]).questions.to_pylist()[0]
    assert (question["account_key"], question["amount_cents"]) == (1, 100)
    assert question["message"] == f"Account {A} is in bankruptcy; 1.00 waits in suspense."


# --- amounts and tenders ----------------------------------------------------------------------


def test_amounts_that_are_no_payment() -> None:
    made = world()
    assert waits(made, ref(A), cents=-500) == "AMOUNT_NOT_POSITIVE"
    assert one(made, ref(A), cents=0) == ([], "none", ["AMOUNT_NOT_POSITIVE"])
    matched = made.match([Receipt(1, 500, (ref(A),), DAY, "p"), Receipt(2, -500, (), DAY, "p")])
    assert places(made, matched, 1) == [("suspense", 500)]
    assert places(made, matched, 2) == [("suspense", -500)]
    assert matched.questions["code"].to_pylist() == ["AMOUNT_NOT_POSITIVE"] * 2


def test_e32_change_comes_back_from_the_last_item() -> None:
    made = world(Item("a", A, 5000, due=PAST), Item("b", A, 3000))
    receipts = [
        Receipt(1, 10000, (ref(A, kind="ACCOUNT"),), DAY, "r1"),
        Receipt(2, -2000, (ref(A, kind="ACCOUNT"),), DAY, "r1"),
    ]
    matched = made.match(receipts)
    assert places(made, matched, 1) == [("a", 5000), ("b", 5000)]
    assert places(made, matched, 2) == [("b", -2000)]
    assert matched.decisions["rule"].to_pylist() == ["account_number"] * 2
    assert len(matched.questions) == 0


def test_tenders_are_placed_in_order_along_the_payment() -> None:
    made = world(Item("a", A, 5000, due=PAST), Item("b", A, 3000), Item("x", B, 7))
    receipts = [
        Receipt(1, 4000, (ref(A, kind="ACCOUNT"),), DAY, "r1"),
        Receipt(5, 7, (ref("x"),)),  # another payment between the tenders
        Receipt(2, 0, (), DAY, "r1"),
        Receipt(3, 6000, (ref("2W", kind="ACCOUNT"),)),
        Receipt(4, 4500, (ref(A, kind="ACCOUNT"),), DAY, "r1"),
    ]
    matched = made.match(receipts)
    assert places(made, matched, 1) == [("a", 4000)]
    assert places(made, matched, 4) == [("a", 1000), ("b", 3000), (f"credit {A}", 500)]
    assert places(made, matched, 2) == []
    assert matched.decisions["ordinal"].to_pylist() == [1, 5, 2, 3, 4]
    assert matched.decisions["rule"].to_pylist() == [
        "account_number", "item_reference", "none", "none", "account_number",
    ]  # fmt: skip
    assert matched.questions["ordinal"].to_pylist() == [3]


# --- equal payments ---------------------------------------------------------------------------


def test_e56_paid_twice_posts_twice_and_flags_the_second() -> None:
    made = world(Item("a", A, 10400))
    made.recent = [(A, 10400, DAY - dt.timedelta(days=1), (3 << 32) | 17)]
    found, rule, codes = one(made, ref(A), cents=10400)
    assert (found, rule) == ([("a", 10400)], "account_number")
    assert codes == ["SUSPECTED_DUPLICATE_PAYMENT"]
    message = made.match([Receipt(1, 10400, (ref(A),))]).questions["message"][0].as_py()
    assert message == (
        f"A payment of 104.00 for account {A} was received on 2026-03-15 already "
        "({other}); this equal one is posted too."
    )


def test_e57_two_equal_payments_of_one_file() -> None:
    made = world(Item("a", A, 10400))
    matched = made.match([Receipt(1, 10400, (ref(A),)), Receipt(2, 10400, (ref("a"),))])
    assert places(made, matched, 1) == [("a", 10400)]
    assert places(made, matched, 2) == [(f"credit {A}", 10400)]
    assert matched.questions.select(["ordinal", "code", "amount_cents"]).to_pylist() == [
        {"ordinal": 2, "code": "SUSPECTED_DUPLICATE_PAYMENT", "amount_cents": 10400}
    ]


@pytest.mark.parametrize(("days", "flagged"), [(10, True), (11, False), (-10, True), (-11, False)])
def test_the_window_of_duplicates(days: int, flagged: bool) -> None:
    made = world()
    made.recent = [(A, 500, DAY - dt.timedelta(days=days), 1), (A, 501, DAY, 2), (B, 500, DAY, 3)]
    assert bool(one(made, ref(A), cents=500)[2]) is flagged
    made.recent.append((A, 500, DAY - dt.timedelta(days=40), 4))  # a nearer record, but older
    assert bool(one(made, ref(A), cents=500)[2]) is flagged


PAID = st.lists(st.tuples(st.integers(-1, 3), st.integers(1, 3), st.integers(0, 9)), max_size=9)


def _standing(paid: list[tuple[int, int, int]]) -> Standing:
    account, cents, day = np.array(paid, np.int64).reshape(-1, 3).T
    return Standing(account, cents, day, np.arange(len(paid)))


@given(PAID, PAID, st.integers(0, 5))
def test_the_earlier_payment_is_what_looking_at_all_says(
    before: list[tuple[int, int, int]], now: list[tuple[int, int, int]], window: int
) -> None:
    everything = [*before, *now]
    expected = []
    for at in range(len(before), len(everything)):
        account, cents, day = everything[at]
        like = [n for n in range(at) if everything[n][:2] == (account, cents)
                and abs(everything[n][2] - day) <= window]  # fmt: skip
        expected.append(max(like, default=-1))
    assert earlier(_standing(before), _standing(now), window).tolist() == expected


def test_money_in_suspense_is_no_duplicate() -> None:
    made = world(Item("a", A, 10400))
    receipts = [Receipt(1, 100, (ref(A), ref("x"))), Receipt(2, 100, (ref(A),))]
    assert made.match(receipts).questions["ordinal"].to_pylist() == [1]


# --- words for clerks -------------------------------------------------------------------------


def test_questions_say_what_was_read_and_how_much_waits() -> None:
    made = world(*SAGUARO, Item("9", B, 5), Item("9", C, 5))
    line = scan(A)[:-1] + "x"
    bad = scan(A)[:-1] + str((int(scan(A)[-1]) + 1) % 10)
    told = [(ref("77-88"),), (ref(bad),), (ref("9"),), (ref(line),),
            (ref(B, kind="ACCOUNT"), ref("2W", kind="ITEM")), (), (ref(None, 5),)]  # fmt: skip
    matched = made.match([Receipt(n, 104 + n, what) for n, what in enumerate(told)])
    assert matched.questions["message"].to_pylist() == [
        "No account, item or bill has the reference 77-88; 1.04 waits in suspense.",
        f"The scan line {bad} fails its check digit; 1.05 waits in suspense.",
        f"The reference 9 fits more than one account: {B}, {C}; 1.06 waits in suspense.",
        f"No account, item or bill has the reference {line}; 1.07 waits in suspense.",
        (
            f"The references name different accounts: account number {B}; item number 2W is of "
            "another account; 1.08 waits in suspense."
        ),
        "Nothing says what the payment is for; 1.09 waits in suspense.",
        "The payment has an amount that no reference stands beside; 1.10 waits in suspense.",
    ]


def test_no_receipts_at_all() -> None:
    matched = world().match([])
    assert [len(t) for t in (matched.decisions, matched.placements, matched.questions)] == [0] * 3
    assert World({}).match([Receipt(1, 5, (ref("x"),))]).questions["code"].to_pylist() == [
        "ACCOUNT_NOT_FOUND"
    ]


# --- what holds for every case ----------------------------------------------------------------

POLICIES = (
    Rules(),
    Rules(policies=(Policy(name="p", tiers=(Tier(method="proportional", order=("due_date",)),)),)),
    Rules(policies=(Policy(name="d", tiers=(Tier(status=("past_due",)), Tier())),)),
)


def random_world(dice: random.Random) -> World:
    status = ["active", "active", "active", "closed", "bankruptcy", "final"]
    accounts = {number: dice.choice(status) for number in ("10", "0020", "030", "30")}
    items = [
        Item(f"{dice.randint(1, 3)}{n:02d}", dice.choice(list(accounts)), dice.randint(0, 9) * 10,
             dice.choice(["WATER", "SEWER", "PENALTY"]), dice.choice([PAST, DAY, CURRENT, None]),
             dice.choice([None, "B1", "B2"]))
        for n in range(dice.randint(0, 10))
    ]  # fmt: skip
    return World(accounts, items, {"OLD": "10"})


def random_receipts(dice: random.Random, made: World) -> list[Receipt]:
    names = [*made.accounts, "20", "OLD", "B1", "B2", "ghost", scan("10"),
             *(item.number for item in made.items)]  # fmt: skip
    receipts = []
    for _ in range(dice.randint(1, 9)):
        count = dice.choice([0, 1, 1, 1, 2, 2, 3])
        given_ = dice.random() < 0.4
        told = tuple(
            ref(dice.choice(names), dice.randint(1, 6) * 10 if given_ else None,
                dice.choice(["REFERENCE", "REFERENCE", "REFERENCE", "ACCOUNT", "ITEM", "HINT"]))
            for _ in range(count)
        )  # fmt: skip
        cents = sum(amount or 0 for _, _, amount in told) if dice.random() < 0.7 and given_ else 0
        cents = cents or dice.choice([*range(10, 160, 10), 35])
        day = dice.choice([DAY, DAY, PAST])
        tenders = dice.choice(
            [(cents,), (cents,), (cents + 20, -20), (5, cents - 5), (-3, 3, cents)]
        )
        name = f"p{len(receipts)}" if len(tenders) > 1 else None
        for tender in tenders:
            receipts.append(Receipt(len(receipts) + 1, tender, told, day, name))
            if all(amount is not None for _, _, amount in told):
                told = ()  # amounts that the first tender gives are not given again
    return receipts


def outcome(matched: list[Matched]) -> tuple[list, list, list]:
    rows = [[row for m in matched for row in getattr(m, name).to_pylist()]
            for name in ("placements", "decisions", "questions")]  # fmt: skip
    return rows[0], rows[1], rows[2]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), data=st.data())
def test_laws_of_matching(seed: int, data: st.DataObject) -> None:
    dice = random.Random(seed)
    made, rules = random_world(dice), dice.choice(POLICIES)
    receipts = random_receipts(dice, made)
    whole = made.match(receipts, rules)
    check_conservation(made, receipts, whole)
    cuts = data.draw(st.lists(st.integers(0, len(receipts)), max_size=3))
    # Tenders of one payment belong in one call.
    names = [receipt.payment for receipt in receipts]
    cuts = [
        c for c in cuts if 0 < c < len(names) and (names[c] is None or names[c] != names[c - 1])
    ]
    parts, now = [], made
    for low, high in pairwise([0, *sorted(cuts), len(receipts)]):
        parts.append(now.match(receipts[low:high], rules))
        now = now.after(receipts[low:high], parts[-1])
    assert outcome(parts) == outcome([whole])


def check_conservation(made: World, receipts: list[Receipt], matched: Matched) -> None:
    placed: dict[int, int] = {}
    taken: dict[int, int] = {}
    for row in matched.placements.to_pylist():
        assert row["cents"] != 0
        assert (row["bucket"] == ITEM) == (row["item_key"] is not None)
        assert (row["account_key"] is None) == (row["bucket"] == SUSPENSE)
        placed[row["ordinal"]] = placed.get(row["ordinal"], 0) + row["cents"]
        if row["bucket"] == ITEM:
            taken[row["item_key"]] = taken.get(row["item_key"], 0) + row["cents"]
            assert made.accounts[made.items[row["item_key"]].account] not in {
                "closed", "bankruptcy",
            }  # fmt: skip
    assert all(0 < cents <= made.items[key].cents for key, cents in taken.items())
    assert placed == {r.ordinal: r.cents for r in receipts if r.cents}
    assert matched.decisions["ordinal"].to_pylist() == [r.ordinal for r in receipts]
    assert matched.decisions["evidence"].null_count == 0
    decided = {row["ordinal"]: row["rule"] for row in matched.decisions.to_pylist()}
    asked = set(matched.questions["ordinal"].to_pylist())
    told = {r.payment or r.ordinal for r in receipts if r.told}
    for row in matched.placements.to_pylist():
        assert (row["bucket"] == SUSPENSE) == (decided[row["ordinal"]] == "none")
        assert row["bucket"] != SUSPENSE or row["ordinal"] in asked
    for receipt in receipts:
        if (receipt.payment or receipt.ordinal) not in told:
            assert decided[receipt.ordinal] == "none"
