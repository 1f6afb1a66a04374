"""What is decided by what was before: a payer's memory, credit, restricted money, arrangements,
equal payments, money that waited for its account. In any order of independent files, in one file
or in many, in one pass or in many, on either database, the same comes of it; and of files that
are not independent, because they pay one bill, the one whose name comes first pays first."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from office import Office, cents, check, csv_text, lockbox_file, receivable, receivables_csv
from test_determinism import Check, outcome
from test_restricted import AID

from recond.exceptions.answers import Answer
from recond.exceptions.decisions import requests
from recond.exceptions.decisions.deciding import decide

PAST, NEXT, CURRENT = "2026-02-10", "2026-03-28", "2026-04-28"
PAYER = "0000555555"
MEMORY, AIDED, CREDIT, PLAN, TWICE, LATE, SMALL = (f"10000000{n}0" for n in range(1, 8))
RULES = f"""{AID}
[[policy]]
name = "bills, then installments"
structures = ["installment", "bill"]
small_balance = "0.99"
[[policy.tiers]]
arrangement = "none"
[[policy.tiers]]
arrangement = "only"
order = ["due_date"]
"""
FIRST = [
    receivable(MEMORY, "M1", "WATER", PAST, 10400),
    receivable(AIDED, "A1", "WATER", PAST, 3000),
    receivable(AIDED, "A2", "SANITATION", PAST, 2000),
    receivable(AIDED, "A3", "SEWER", NEXT, 4000),
    receivable(CREDIT, "C1", "WATER", PAST, 5000),
    receivable(PLAN, "P0", "WATER", NEXT, 6000),
    receivable(PLAN, "P1", "WATER", PAST, 2824, arrangement_number="AR1", installment="1"),
    receivable(PLAN, "P2", "WATER", NEXT, 2823, arrangement_number="AR1", installment="2"),
    receivable(TWICE, "T1", "WATER", PAST, 7500),
    receivable(TWICE, "T2", "SEWER", NEXT, 7500),
    receivable(SMALL, "S1", "WATER", PAST, 5000),
]
# When everything has come: credit pays C2, and LATE is an account.
LAST = [
    *FIRST,
    receivable(CREDIT, "C2", "SEWER", CURRENT, 1100),
    receivable(LATE, "L1", "WATER", PAST, 3000),
    receivable(LATE, "L2", "SANITATION", PAST, 4000),
]


def numbered(*checks: tuple[int, str | None, str]) -> list[Check]:
    """Checks (cents, reference, number), without a reference those of the known payer."""
    return [
        check(cents, *([(told, None)] if told else []), number=number, bank=PAYER)
        if told is None
        else check(cents, (told, None), number=number, bank=f"00001{number:>05}")
        for cents, told, number in checks
    ]


# No account is paid from two of them before it is known.
OWN = [
    numbered((10400, None, "11"), (10400, None, "12")),
    numbered((6000, CREDIT, "31"), (200, CREDIT, "32"), (60, "C1", "33")),
    numbered((2823, PLAN, "41"), (6000, PLAN, "42"), (2800, PLAN, "43")),
    numbered((7500, TWICE, "51"), (7500, TWICE, "52"), (7500, TWICE, "53")),
    numbered((4500, LATE, "61")),
    numbered((4000, SMALL, "71"), (950, SMALL, "72")),
]
AID = [
    numbered((8000, AIDED, "21"), (100, "A2", "22")),
    numbered((2500, LATE, "62")),
]
COLUMNS = [*FIRST[0], "arrangement_number", "installment"]

Pass = Sequence[tuple[str, Sequence[Check]]]  # names and checks of files
T = TypeVar("T")


def bills(office: Office, name: str, rows: Sequence[dict[str, str]]) -> None:
    assert office.take("receivables", name, csv_text(rows, COLUMNS)).state == "accepted"


def begun(folder: Path, url: str | None = None) -> Office:
    """An office in which people put two payments of a payer on one account."""
    office = Office(folder, url, RULES)
    config = folder / "recond.toml"
    text = config.read_text().replace("payer_memory = false", "payer_memory = true")
    config.write_text(text.replace("open_move_percent = 30", "open_move_percent = 900"))
    for number in ("1", "2"):
        bills(office, f"0{number}.csv", [{**row, "item_number": f"{row['item_number']}-{number}"}
                                         for row in FIRST[:1]])  # fmt: skip
        data = lockbox_file(numbered((10400, None, number)), time=f"080{number}")
        office.take("lockbox", f"teach{number}.bai", data)
        (asked,) = [row["exception_id"] for row in office.rows("exceptions")
                    if row["code"] == "NO_REFERENCE" and row["status"] == "open"]  # fmt: skip
        run = replace(office.run(), actor="jane")
        with run.write() as connection:
            question = requests.find_question(connection, asked)
            said = decide(connection, run, question, Answer("assign", MEMORY))
        assert said.status == "APPLIED", said.message
    bills(office, "03.csv", FIRST)
    return office


def finished(office: Office, passes: Sequence[Pass]) -> dict[str, object]:
    """The outcome of passes over files, and of the bills that come behind them."""
    count = itertools.count(900)
    try:
        for files in passes:
            for name, checks in files:
                data = lockbox_file(checks, time=f"{next(count):04d}")
                office.drop("lockbox", f"{name}.bai", data)
            assert {one.state for one in office.process()} == {"accepted"}
        before = outcome(office)
        bills(office, "99.csv", LAST)
        office.prove()
        return {**outcome(office), "before": before["applied"]}
    finally:
        office.close()


def one(parts: Sequence[Sequence[T]]) -> list[T]:
    """All of them in a row."""
    return [single for part in parts for single in part]


def files(order: Callable[[int], int] = int) -> tuple[list[tuple[str, list[Check]]], ...]:
    """The own files and those of aid, named so that they are taken in this order."""
    return (
        [(f"{order(n)}-own", checks) for n, checks in enumerate(OWN)],
        [(f"aid{order(n)}", checks) for n, checks in enumerate(AID)],
    )


PLAIN = "two passes"
LAYOUTS: dict[str, list[Pass]] = {
    PLAIN: [*files()],
    "one pass": [one(files())],
    "backwards": [one(files(lambda n: 9 - n))],
    "one file": [[("aid", one(AID)), ("own", one(OWN))]],
    "a pass each": [[named] for named in reversed(one(files()))],
    "a file for every check": [
        [(f"own{n:02}", [made]) for n, made in enumerate(one(OWN))]
        + [(f"aid{n:02}", [made]) for n, made in enumerate(one(AID))]
    ],
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an office that has begun."""
    folder = tmp_path_factory.mktemp("begun") / "home"
    begun(folder).close()
    return folder


@pytest.fixture(scope="module")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("expected") / "home"
    shutil.copytree(template, folder)
    return finished(Office.of(folder), LAYOUTS[PLAIN])


def test_something_of_everything_happens(expected: dict[str, Any]) -> None:
    rules = {check: rule for check, *_, rule, _ in expected["applied"]}
    assert rules["0000000011"] == "payer_memory"
    cents = {(number, item): str(amount) for number, _, item, amount, *_ in expected["applied"]}
    assert cents["0000000032", "C2"] == "2.00"  # credits of one day: the smaller one first
    assert cents["0000000062", "L1"] == "25.00"  # restricted money first
    assert cents["0000000061", "L1"] == "5.00"
    codes = [code for _, code, *_ in expected["asked"]]
    assert codes.count("SUSPECTED_DUPLICATE_PAYMENT") == 3
    assert {"NO_REFERENCE", "RESTRICTED_MONEY_LEFT", "ARRANGEMENT_AT_RISK",
            "SMALL_BALANCE_WRITTEN_OFF"} <= set(codes)  # fmt: skip


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != PLAIN])
def test_in_any_order_in_one_file_or_in_many(
    layout: str, template: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copytree(template, tmp_path / "home")
    assert finished(Office.of(tmp_path / "home"), LAYOUTS[layout]) == expected


@pytest.mark.postgres
def test_on_the_other_database(expected: dict[str, Any], tmp_path: Path, postgres_url: str) -> None:
    assert finished(begun(tmp_path / "home", postgres_url), LAYOUTS["backwards"]) == expected


# --- files that are not independent --------------------------------------------------------------

BILL = [receivable(CREDIT, "C1", "WATER", PAST, 10000)]
CARD = (
    "merchant_id,batch_number,settlement_date,brand,transaction_id,sale_date,account_number,"
    "gross_amount,fee_amount,net_amount,type\n"
    f"M1,1,2026-03-16,VISA,T1,2026-03-16,{CREDIT},45.00,0.00,45.00,SALE\n"
)


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
def test_two_payments_of_one_bill_in_files_of_one_pass(
    tmp_path: Path, request: pytest.FixtureRequest, url: str, turn: int
) -> None:
    """Whichever came first: by name, whatever the channel. What they leave over pays the next bill
    in the order of the inboxes and names too."""
    office = Office(tmp_path / "home", None if url == "sqlite" else request.getfixturevalue(url))
    office.take("receivables", "1.csv", receivables_csv(BILL))
    files: list[tuple[str, str, str | bytes]] = [
        ("lockbox", "a.bai", lockbox_file(numbered((6000, CREDIT, "1")), time="1000")),
        ("lockbox", "b.bai", lockbox_file(numbered((6000, CREDIT, "2")), time="0900")),
        ("card", "0.csv", CARD),
    ]
    for second, (inbox, name, data) in enumerate(files[::turn], 1_700_000_000):
        office.drop(inbox, name, data)
        os.utime(office.home.inbox(inbox) / name, (second, second))
    office.process()
    later = [*BILL, receivable(CREDIT, "C2", "WATER", NEXT, 2500)]
    office.take("receivables", "2.csv", receivables_csv(later))
    payment = {row["receipt_id"]: row["check_number"] or "card" for row in office.rows("receipts")}
    applied = [(payment[row["receipt_id"]].lstrip("0"), row["item_number"], str(row["amount"]))
               for row in office.rows("applications")]  # fmt: skip
    assert sorted(applied) == [
        ("1", "C1", "55.00"), ("1", "C2", "5.00"), ("2", "C2", "20.00"), ("card", "C1", "45.00"),
    ]  # fmt: skip
    (asked,) = [row for row in office.rows("exceptions")
                if row["code"] == "SUSPECTED_DUPLICATE_PAYMENT"]  # fmt: skip
    assert payment[asked["receipt_id"]].lstrip("0") == "2"
    office.prove()
    office.close()


# --- files of one day in any order ---------------------------------------------------------------

ORDERS = list(itertools.permutations(range(3)))
# Cents of the three payments of an account, and of its two bills that come later.
AMOUNTS = [((3000, 5000, 2000), (4000, 1500)), ((700, 700, 700), (900, 500)),
           ((100, 9000, 8999), (9100, 50))]  # fmt: skip


def permuted(url: str | None, folder: Path) -> dict[tuple[str, int, int], list[Any]]:
    """What becomes of three payments of each account, by kind, amounts and order of the files that
    they came in: three files that arrive one after the other hold accounts for which each of the
    orders is the one of arrival. Accounts of kind "known" owe nothing yet; "unknown" ones wait."""
    kinds = list(itertools.product(("known", "unknown"), range(len(AMOUNTS)), range(len(ORDERS))))
    number = {kind: f"20000{place:05d}" for place, kind in enumerate(kinds)}
    office = Office(folder, url)
    known = [{"account_number": number[kind], "customer_name": "A", "status": "active"}
             for kind in kinds if kind[0] == "known"]  # fmt: skip
    office.take("receivables", "accounts.csv", csv_text(known))
    for turn in range(3):
        checks = []
        for kind in kinds:
            payment = ORDERS[kind[2]][turn]
            cents_ = AMOUNTS[kind[1]][0][payment]
            checks.append(
                check(cents_, (number[kind], None), number=f"{number[kind]}{payment}"[-8:])
            )
        office.take("lockbox", f"{turn}.bai", lockbox_file(checks, time=f"090{turn}"))
    bills = [
        receivable(number[kind], f"{number[kind]}-{place}", "WATER", NEXT, cents_)
        for kind in kinds
        for place, cents_ in enumerate(AMOUNTS[kind[1]][1])
    ]
    office.take("receivables", "bills.csv", receivables_csv(bills))
    office.prove()
    told = {row["receipt_id"]: row["check_number"][-1] for row in office.rows("receipts")}
    found: dict[tuple[str, int, int], list[Any]] = {kind: [] for kind in kinds}
    owner = {account: kind for kind, account in number.items()}
    for row in office.rows("applications"):
        item = row["item_number"].split("-")[1]
        found[owner[row["account_number"]]].append((told[row["receipt_id"]], item, row["amount"]))
    office.close()
    return {kind: sorted(rows) for kind, rows in found.items()}


@pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgres_url", marks=pytest.mark.postgres)]
)
def test_payments_of_one_day_count_in_the_same_order_however_their_files_arrive(
    tmp_path: Path, request: pytest.FixtureRequest, url: str
) -> None:
    found = permuted(None if url == "sqlite" else request.getfixturevalue(url), tmp_path / "home")
    for kind, amounts in itertools.product(("known", "unknown"), range(len(AMOUNTS))):
        outcomes = [found[kind, amounts, order] for order in range(len(ORDERS))]
        assert all(outcome == outcomes[0] for outcome in outcomes), (kind, AMOUNTS[amounts])
        cents_, bills = AMOUNTS[amounts]
        assert sum(cents(row[2]) for row in outcomes[0]) == min(sum(cents_), sum(bills))
    # 20.00 and 30.00 before 50.00; the bills by number: 40.00, then 15.00.
    assert [(*row[:2], str(row[2])) for row in found["known", 0, 0]] == [
        ("0", "0", "20.00"), ("0", "1", "10.00"), ("1", "1", "5.00"), ("2", "0", "20.00"),
    ]  # fmt: skip
    assert found["unknown", 0, 0] == found["known", 0, 0]
