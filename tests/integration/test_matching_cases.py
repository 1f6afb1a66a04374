"""Payments that are easily placed wrongly, each on accounts of its own, with cents worked out by
hand from the rules of a new home (contract section 4): one office, one file, one check or more a
case."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest
from office import (
    Office,
    cents,
    check,
    csv_text,
    lockbox_file,
    receivable,
    receivables_csv,
    scan_line,
)

OLD, MID, NEW = "2026-02-10", "2026-03-01", "2026-03-28"
ACCOUNT, SUM, SILENT = "ACCOUNT_NOT_FOUND", "REMITTANCE_SUM_WRONG", "NO_REFERENCE"
TWO, AGAINST, DIGIT = "AMBIGUOUS_REFERENCE", "REFERENCES_CONTRADICT", "CHECK_DIGIT_FAILED"
AGAIN, KEYED = "SUSPECTED_DUPLICATE_PAYMENT", "KEYING_SUSPECTED"

Stub = tuple[str, int | None]
# One item: its name, charge, due date, cents, and what else its row has.
Open = tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """`items` of account {a} ({b}: names that begin with b are of the second one), the checks, what
    is paid by item, what stands `on_account` and in `suspense`, and the questions."""

    items: list[Open]
    checks: list[tuple[int, list[Stub]]]
    paid: dict[str, int]
    on_account: int = 0
    suspense: int = 0
    asked: list[str] = field(default_factory=list)
    status: str = "active"
    old: str = ""  # old account number of {a}
    old_b: str = ""


WATER: list[Open] = [("w1", "WATER", OLD, 3000), ("w2", "WATER", NEW, 4000)]
BILL: list[Open] = [("p", "PENALTY", NEW, 200, {"bill": "{a}B"}),
                    ("s", "SEWER", OLD, 900, {"bill": "{a}B"}),
                    ("w", "WATER", OLD, 1000, {"bill": "{a}B"}),
                    ("x", "WATER", OLD, 50)]  # fmt: skip
BOTH: list[Open] = [("w1", "WATER", OLD, 3000), ("b1", "SEWER", NEW, 500)]


def all_of(reference: str, amount: int | None = None) -> list[Stub]:
    return [(reference, amount)]


CASES = {
    # order of application
    "a penalty that is due last": Case(
        [("w", "WATER", OLD, 1000), ("p", "PENALTY", NEW, 200)], [(300, all_of("{a}"))],
        {"p": 200, "w": 100}),
    "two penalties by due date": Case(
        [("p1", "PENALTY", NEW, 200), ("p2", "PENALTY", OLD, 300)], [(350, all_of("{a}"))],
        {"p2": 300, "p1": 50}),
    "oldest due date before the order of charges": Case(
        [("t", "STORM", OLD, 325), ("w", "WATER", NEW, 1000)], [(500, all_of("{a}"))],
        {"t": 325, "w": 175}),
    "order of charges on one due date": Case(
        [("t", "STORM", OLD, 100), ("g", "SANITATION", OLD, 100), ("s", "SEWER", OLD, 100),
         ("w", "WATER", OLD, 100), ("m", "MISC", OLD, 100)], [(350, all_of("{a}"))],
        {"w": 100, "s": 100, "g": 100, "t": 50}),
    "item number last": Case(
        [("w2", "WATER", OLD, 100), ("w1", "WATER", OLD, 100)], [(150, all_of("{a}"))],
        {"w1": 100, "w2": 50}),
    "one cent": Case(WATER, [(1, all_of("{a}"))], {"w1": 1}),
    "one cent short": Case(WATER, [(6999, all_of("{a}"))], {"w1": 3000, "w2": 3999}),
    "one cent over": Case(WATER, [(7001, all_of("{a}"))], {"w1": 3000, "w2": 4000}, 1),
    "items of one cent": Case(
        [(f"w{n}", "WATER", OLD, 1) for n in range(5)], [(3, all_of("{a}"))],
        {"w0": 1, "w1": 1, "w2": 1}),
    "nothing is owed": Case([("b1", "WATER", NEW, 100)], [(500, all_of("{a}"))], {}, 500),
    # named
    "an item that is not the oldest": Case(WATER, [(4000, all_of("{a}w2"))], {"w2": 4000}),
    "an item in part": Case(WATER, [(1500, all_of("{a}w2"))], {"w2": 1500}),
    "too much for an item": Case(WATER, [(4500, all_of("{a}w2"))], {"w2": 4000}, 500),
    "an item that is paid already": Case(
        WATER, [(4000, all_of("{a}w2")), (4100, all_of("{a}w2"))], {"w2": 4000}, 4100),
    "a bill, its penalty first": Case(
        BILL, [(1300, all_of("{a}B"))], {"p": 200, "w": 1000, "s": 100}),
    "too much for a bill": Case(
        BILL, [(2200, all_of("{a}B"))], {"p": 200, "w": 1000, "s": 900}, 100),
    "the account of a named item": Case(
        WATER, [(4000, [("{a}", None), ("{a}w2", None)])], {"w2": 4000}),
    "an item and its bill": Case(
        BILL, [(2100, [("{a}w", None), ("{a}B", None)])], {}, 0, 2100, [SUM]),
    "an item twice": Case(WATER, [(3500, [("{a}w2", None), ("{a}w2", None)])], {"w2": 3500}),
    "an item twice with amounts": Case(
        WATER, [(3500, [("{a}w2", 1500), ("{a}w2", 2000)])], {"w2": 3500}),
    "in lower case with dashes": Case(WATER, [(4000, all_of("{a}-W2"))], {"w2": 4000}),
    "with blanks inside": Case(WATER, [(3000, all_of("{spaced}"))], {"w1": 3000}),
    # several references
    "amounts that add up": Case(
        BOTH, [(3500, [("{a}", 3000), ("{b}", 500)])], {"w1": 3000, "b1": 500}),
    "amounts that are more than is owed": Case(
        BOTH, [(3600, [("{a}", 3000), ("{b}", 600)])], {"w1": 3000, "b1": 500}, 100),
    "amounts that do not add up": Case(
        BOTH, [(3501, [("{a}", 3000), ("{b}", 500)])], {}, 0, 3501, [SUM]),
    "one amount that is not the check": Case(
        WATER, [(3000, all_of("{a}", 2999))], {}, 0, 3000, [SUM]),
    "an amount of nothing": Case(
        BOTH, [(3000, [("{a}", 3000), ("{b}", 0)])], {}, 0, 3000, [SUM]),
    "no amounts that add up": Case(
        BOTH, [(3500, [("{a}", None), ("{b}", None)])], {"w1": 3000, "b1": 500}),
    "no amounts that do not add up": Case(
        BOTH, [(3400, [("{a}", None), ("{b}", None)])], {}, 0, 3400, [SUM]),
    "an amount beside none": Case(
        BOTH, [(3400, [("{a}", 2900), ("{b}", None)])], {"w1": 2900, "b1": 500}),
    "an amount beside none that does not add up": Case(
        BOTH, [(3500, [("{a}", 2900), ("{b}", None)])], {}, 0, 3500, [SUM]),
    "one of them is unknown": Case(
        BOTH, [(3500, [("{a}", 3000), ("{a}999", 500)])], {}, 0, 3500, [ACCOUNT]),
    "an amount without a reference": Case(
        BOTH, [(3500, [("{a}", 3000), ("", 500)])], {}, 0, 3500, [SILENT]),
    "what an earlier check left adds up": Case(
        BOTH, [(1000, all_of("{a}")), (2500, [("{a}", None), ("{b}", None)])],
        {"w1": 3000, "b1": 500}),
    # nothing decides
    "nothing is said": Case(WATER, [(3000, [("", None)])], {}, 0, 3000, [SILENT]),
    "an unknown number": Case(WATER, [(3000, all_of("{a}777"))], {}, 0, 3000, [ACCOUNT]),
    "nothing but zeros": Case(WATER, [(3000, all_of("0000"))], {}, 0, 3000, [ACCOUNT]),
    "a bad scan line": Case(WATER, [(3000, all_of("{bad}"))], {}, 0, 3000, [DIGIT]),
    "a bad scan line beside a good number": Case(
        WATER, [(3000, [("{a}w1", None), ("{bad}", None)])], {}, 0, 3000, [DIGIT]),
    # numbers
    "a scan line": Case(WATER, [(3000, all_of("{scan}"))], {"w1": 3000}),
    "a scan line and its account": Case(
        WATER, [(3000, [("{scan}", None), ("{a}", None)])], {"w1": 3000}),
    "an old number": Case(WATER, [(3000, all_of("X-{a}"))], {"w1": 3000}, old="X{a}"),
    "an old number of two": Case(
        BOTH, [(3000, all_of("X{a}"))], {}, 0, 3000, [TWO], old="X{a}", old_b="X{a}"),
    "an old number that is another's account": Case(
        BOTH, [(3000, all_of("{b}"))], {}, 0, 3000, [TWO], old="{b}"),
    "an item's number that is another's account": Case(
        [("w1", "WATER", OLD, 3000, {"number": "{b}"}), ("b1", "SEWER", NEW, 500)],
        [(500, all_of("{b}"))], {}, 0, 500, [TWO]),
    "a bill of two accounts": Case(
        [("w1", "WATER", OLD, 3000, {"bill": "{a}T"}), ("b1", "SEWER", NEW, 500, {"bill": "{a}T"})],
        [(3500, all_of("{a}T"))], {}, 0, 3500, [TWO]),
    # accounts that are special
    "closed": Case(WATER, [(3000, all_of("{a}"))], {}, 3000, 0, ["ACCOUNT_CLOSED"], "closed"),
    "closed, by item": Case(
        WATER, [(3000, all_of("{a}w1"))], {}, 3000, 0, ["ACCOUNT_CLOSED"], "closed"),
    "bankruptcy, by item": Case(
        WATER, [(3000, all_of("{a}w1"))], {}, 0, 3000, ["ACCOUNT_IN_BANKRUPTCY"], "bankruptcy"),
    "bankruptcy beside another": Case(
        BOTH, [(3500, [("{a}", 3000), ("{b}", 500)])], {}, 0, 3500, ["ACCOUNT_IN_BANKRUPTCY"],
        "bankruptcy"),
    "final": Case(WATER, [(3100, all_of("{a}"))], {"w1": 3000, "w2": 100}, status="final"),
    "collections": Case(
        WATER, [(3100, all_of("{a}"))], {"w1": 3000, "w2": 100}, status="collections"),
    # more than one payment, and what is looked at
    "two checks, one stub (E16)": Case(WATER, [(3500, all_of("{a}")), (3500, all_of("{a}"))],
                                       {"w1": 3000, "w2": 4000}, asked=[AGAIN]),
    "three checks in turn": Case(
        WATER, [(2000, all_of("{a}")), (2500, all_of("{a}")), (3000, all_of("{a}"))],
        {"w1": 3000, "w2": 4000}, 500),
    "by item, then by account": Case(
        WATER, [(4000, all_of("{a}w2")), (3500, all_of("{a}"))], {"w1": 3000, "w2": 4000}, 500),
    "ten times the due": Case(
        WATER, [(70000, all_of("{a}"))], {"w1": 3000, "w2": 4000}, 63000, asked=[KEYED]),
    "two digits swapped": Case(
        [("w", "WATER", NEW, 18870)], [(18780, all_of("{a}"))], {"w": 18780}, asked=[KEYED]),
    "very large": Case(WATER, [(10_000_000, all_of("{a}"))], {"w1": 3000, "w2": 4000}, 9_993_000,
                       asked=["LARGE_AMOUNT"]),
    "just not large": Case(
        WATER, [(9_999_999, all_of("{a}"))], {"w1": 3000, "w2": 4000}, 9_992_999),
}  # fmt: skip


def names(name: str) -> dict[str, str]:
    """The numbers of a case."""
    place = list(CASES).index(name) + 1
    a, b = f"3{place:04d}00017", f"3{place:04d}00025"
    line = scan_line(a, dt.date(2026, 3, 28), 7000)
    bad = line[:-1] + str((int(line[-1]) + 1) % 10)
    return {"a": a, "b": b, "scan": line, "bad": bad, "spaced": f"{a[:3]} {a[3:6]} {a[6:]}"}


def number_of(item: Open, told: dict[str, str]) -> str:
    more = item[4] if len(item) > 4 else {}
    return more["number"].format(**told) if "number" in more else f"{told['a']}{item[0].upper()}"


Outcome = tuple[dict[str, int], int, int, list[str]]  # paid by item, on account, suspense, asked


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], scope="module"
)
def came(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outcome]:
    """What came of each case."""
    url = request.getfixturevalue("postgres_module_url") if request.param == "postgres" else None
    office = Office(tmp_path_factory.mktemp("cases") / "home", url)
    accounts, items, checks = [], [], []
    for name, case in CASES.items():
        told = names(name)
        for key, status, old in (("a", case.status, case.old), ("b", "active", case.old_b)):
            accounts.append({"account_number": told[key], "customer_name": name, "status": status,
                             "old_account_number": old.format(**told)})  # fmt: skip
        for item in case.items:
            owner = told["b" if item[0].startswith("b") else "a"]
            bill = (item[4] if len(item) > 4 else {}).get("bill", "").format(**told)
            items.append(receivable(owner, number_of(item, told), *item[1:4], bill=bill))
        for place, (amount, stubs) in enumerate(case.checks):
            said = [(text.format(**told), part) for text, part in stubs]
            checks.append(check(amount, *said, number=f"1{told['a'][1:5]}{place}"))
    office.take("receivables", "accounts.csv", csv_text(accounts))
    office.take("receivables", "open.csv", receivables_csv(items))
    assert office.take("lockbox", "all.bai", lockbox_file(checks)).state == "accepted"
    office.prove()
    found = outcomes(office)
    office.close()
    return found


def outcomes(office: Office) -> dict[str, Outcome]:
    by_place = dict(enumerate(CASES, 1))
    case_of: dict[str, str] = {}
    found: dict[str, Outcome] = {}
    for row in office.rows("receipts"):
        name = by_place[int(row["check_number"].lstrip("0")[1:5])]
        case_of[row["receipt_id"]] = name
        paid, credit, suspense, asked = found.get(name, ({}, 0, 0, []))
        credit += cents(row["on_account_amount"])
        found[name] = paid, credit, suspense + cents(row["suspense_amount"]), asked
    items = {number_of(item, names(name)): (name, item[0])
             for name, case in CASES.items() for item in case.items}  # fmt: skip
    for row in office.rows("applications"):
        name, item = items[row["item_number"]]
        assert case_of[row["receipt_id"]] == name, "paid by another case's check"
        paid = found[name][0]
        paid[item] = paid.get(item, 0) + cents(row["amount"])
    for row in office.rows("exceptions"):
        found[case_of[row["receipt_id"]]][3].append(row["code"])
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_cent_is_where_it_belongs(came: dict[str, Outcome], name: str) -> None:
    case = CASES[name]
    assert came[name] == (case.paid, case.on_account, case.suspense, case.asked)
