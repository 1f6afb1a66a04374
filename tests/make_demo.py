"""Builds the files of `recond demo` in fixtures/demo: two business days of a very small city.

    python tests/make_demo.py [FOLDER]

The same bytes each time; tests/unit/test_demo_files.py compares them with what is bundled. What
each payment must come to is written down here by hand, and added up by file in expected.csv.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from recond.city.ach import Entry, EntryBatch, ach_file, remittance, remittance_advice
from recond.city.bank import StatementLine, statement_file
from recond.city.counter import (
    CardRow,
    Close,
    Tender,
    card_fee,
    card_file,
    cashier_file,
    close_file,
    close_of,
)
from recond.city.lockbox import Check, CheckBatch, Stub, lockbox_file
from recond.city.text import csv_bytes, dollars, routing_number, scan_line

ROOT = Path(__file__).resolve().parents[1] / "fixtures" / "demo"
MONDAY, TUESDAY = date(2026, 11, 2), date(2026, 11, 3)
BILLED, DUE = date(2026, 10, 26), date(2026, 11, 20)
BOX = "0004471"
BANK = routing_number("12209991")

# The people of the demo; the first has the items of the domain examples (188.70 in all).
NAMES = (
    "J SAMPLE", "ANA ABBOTT", "BOB BEGAY", "CARLA CHAVEZ", "DEV DIAZ", "ELENA ELLIS",
    "FRANK FORD", "GRACE GOMEZ", "HUGO HALL", "IRIS IBARRA", "JAMES JONES", "KAI KIM",
    "LENA LOPEZ", "MAX MEYER", "NORA NEZ", "OSCAR OWENS", "PAULA PEREZ", "QUINN QUIROZ",
    "ROSA REYES", "SAM SOTO", "TARA TORRES", "UMA URIBE", "VICTOR VEGA", "WANDA WEST",
    "XAVIER XU", "YARA YOUNG", "ZOE ZUNIGA", "PEREZ BUILDERS LLC", "SOTO AVIATION LLC",
    "FORMER RESIDENT",
)  # fmt: skip
SMALL_NUMBERS = {10: "0000412207", 11: "0000412215"}
OLD_NUMBERS = {11: "77-0381", 5: "77-0214"}
# Flat tariffs: three accounts owe the same 104.00, so an amount alone says nothing.
TARIFFS = (
    {"WATER": 4275, "SEWER": 3120, "SANITATION": 2680, "STORM": 325},
    {"WATER": 3120, "SEWER": 2240, "SANITATION": 2680, "STORM": 325},
    {"SANITATION": 2680, "STORM": 325},
)


@dataclass
class Outcome:
    """What the money records of a file must come to, in cents."""

    state: str = "accepted"
    receipts: int = 0
    applied: int = 0
    on_account: int = 0
    suspense: int = 0
    held: int = 0


@dataclass
class Demo:
    """The files by path, and the outcome of each payment file by name."""

    files: dict[str, bytes] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


def number(index: int) -> str:
    """The account number of a person of the demo."""
    return SMALL_NUMBERS.get(index, str(1000456012 + index))


def tariff(index: int) -> dict[str, int]:
    """What a person's bill holds."""
    return TARIFFS[index % 3]


def due(index: int) -> int:
    """What is open on an account at the start."""
    return 18870 if index == 0 else sum(tariff(index).values())


def item_rows(second: bool) -> list[list[str]]:
    """Rows of the receivables; the second snapshot adds new bills for two accounts and still
    shows everything that billing does not know to be paid."""
    rows: list[list[str]] = []

    def item(index: int, name: str, charge: str, bill: str, when: tuple[date, date], cents: int,
             service: str = "", fund: str = "") -> None:  # fmt: skip
        money = dollars(cents)
        days = [day.isoformat() for day in when]
        rows.append([number(index), NAMES[index], name, charge, bill, *days, money, money, fund,
                     service])  # fmt: skip

    past, late = (date(2026, 9, 10), date(2026, 10, 5)), (date(2026, 10, 6), date(2026, 10, 6))
    for letter, service, fund, cents in (
        ("W", "WATER", "510", 200), ("S", "SEWER", "520", 150), ("G", "SANITATION", "530", 150)
    ):  # fmt: skip
        item(0, f"P{letter}2610-00", "PENALTY", "B2609-00", late, cents, service, fund)
    for letter, charge, cents in (
        ("W", "WATER", 3150), ("S", "SEWER", 2240), ("G", "SANITATION", 2580)
    ):  # fmt: skip
        item(0, f"{letter}2609-00", charge, "B2609-00", past, cents)
    for index in range(27):
        for charge, cents in tariff(index).items():
            letter = {"SANITATION": "G", "STORM": "T"}.get(charge, charge[0])
            bill = f"B2610-{index:02d}"
            item(index, f"{letter}2610-{index:02d}", charge, bill, (BILLED, DUE), cents)
    item(27, "BP26-01877", "PERMIT", "V26-0091", (BILLED, DUE), 87550)
    item(27, "BP26-01878", "PERMIT", "V26-0092", (BILLED, DUE), 15000)
    item(28, "AV-2026-044", "AIRPORT", "V26-0093", (BILLED, DUE), 32500)
    if second:
        for index in (3, 17):
            new = (TUESDAY, date(2026, 11, 30))
            item(index, f"G2611-{index:02d}", "SANITATION", f"B2611-{index:02d}", new, 2680)
    return rows


def billing_files(demo: Demo) -> None:
    """Accounts and receivables of both days."""
    status = {29: "closed"}
    accounts = [
        [number(i), NAMES[i], status.get(i, "active"), OLD_NUMBERS.get(i, "")]
        for i in range(len(NAMES))
    ]
    header = ["account_number", "customer_name", "status", "old_account_number"]
    demo.files["day1/receivables/accounts_20261102.csv"] = csv_bytes(header, accounts)
    header = [
        "account_number", "customer_name", "item_number", "charge_type", "bill_number",
        "bill_date", "due_date", "original_amount", "open_amount", "fund", "service",
    ]  # fmt: skip
    for day, stamp, second in (("day1", "20261102", False), ("day2", "20261103", True)):
        path = f"{day}/receivables/receivables_{stamp}.csv"
        demo.files[path] = csv_bytes(header, item_rows(second))


def scan(index: int) -> Stub:
    """The stub of an account's bill with its scan line."""
    return Stub(scan_line(number(index), DUE, due(index)))


def check(serial: int, index: int, cents: int, *stubs: Stub) -> Check:
    """A check of one person."""
    return Check(cents, BANK, f"55{serial:06d}", f"{serial}", NAMES[index], stubs)


def entry(serial: int, index: int, cents: int, identity: str, info: str = "") -> Entry:
    """An ACH credit of one person."""
    return Entry(cents, BANK, f"66{serial:06d}", identity, NAMES[index], serial, info)


def lockbox_files(demo: Demo) -> None:
    """Monday's lockbox file, its bytes again, a late one, Tuesday's, one with a wrong total."""
    misread = scan(9).reference
    misread = misread[:5] + ("8" if misread[5] == "3" else "3") + misread[6:]
    scanned = CheckBatch(1, (
        check(1001, 0, 10000, scan(0)),
        check(1002, 1, due(1), scan(1)),
        check(1003, 2, due(2), scan(2)),
        check(1004, 3, due(3) + 2000, scan(3)),
    ))  # fmt: skip
    dashed = f"{number(7)[:3]}-{number(7)[3:7]}-{number(7)[7:]}"
    other = CheckBatch(2, (
        check(1005, 4, due(4) + due(5) + due(6), Stub(number(4), due(4)), Stub(number(5), due(5)),
              Stub(number(6), due(6))),
        check(1006, 7, due(7), Stub(dashed)),
        check(1007, 8, due(8), Stub("B2610-08")),
        check(1008, 9, due(9), Stub(misread)),
        check(1009, 18, 10400),
    ))  # fmt: skip
    content, _ = lockbox_file(MONDAY, "0430", BOX, [scanned, other])
    demo.files["day1/lockbox/LBX_20261102_01.bai"] = content
    applied = 10000 + sum(due(i) for i in range(1, 9))
    demo.outcomes["LBX_20261102_01.bai"] = Outcome(
        receipts=9, applied=applied + 2000, suspense=due(9) + 10400
    )  # the 20.00 too much stand on account on Monday and pay Tuesday's new bill
    demo.files["day2/lockbox/LBX_20261102_01_resent.bai"] = content
    demo.outcomes["LBX_20261102_01_resent.bai"] = Outcome(state="duplicate")
    late = CheckBatch(3, (check(1011, 19, due(19), scan(19)), check(1012, 20, due(20), scan(20))))
    demo.files["day2/lockbox/LBX_20261102_02.bai"] = lockbox_file(MONDAY, "1640", BOX, [late])[0]
    demo.outcomes["LBX_20261102_02.bai"] = Outcome(receipts=2, applied=due(19) + due(20))
    fine = CheckBatch(1, (check(1013, 17, due(17), scan(17)), check(1014, 18, due(18), scan(18))))
    demo.files["day2/lockbox/LBX_20261103_01.bai"] = lockbox_file(TUESDAY, "0430", BOX, [fine])[0]
    demo.outcomes["LBX_20261103_01.bai"] = Outcome(receipts=2, applied=due(17) + due(18))
    good = CheckBatch(2, (check(1015, 21, due(21), scan(21)),))
    wrong = CheckBatch(
        3, (check(1016, 22, due(22), scan(22)), check(1017, 23, due(23), scan(23))), total_off=100
    )
    demo.files["day2/lockbox/LBX_20261103_02.bai"] = lockbox_file(
        TUESDAY, "0510", BOX, [good, wrong]
    )[0]
    demo.outcomes["LBX_20261103_02.bai"] = Outcome(
        "partly_held", 3, applied=due(21), held=due(22) + due(23)
    )


def ach_files(demo: Demo) -> None:
    """Home banking and a builder that pays two permits at once; next day an unknown account."""
    people = EntryBatch("PPD", "HOME BANKING", "1860001111", "UTILITY", (
        entry(1, 9, due(9), number(9)),
        entry(2, 10, due(10), number(10).lstrip("0")),
        entry(3, 11, due(11), OLD_NUMBERS[11]),
        entry(4, 29, 24286, number(29)),
    ))  # fmt: skip
    permits = [remittance("BP26-01877", "IV", 87550), remittance("BP26-01878", "IV", 15000)]
    advice = remittance_advice(permits, 102550, 1)
    company = EntryBatch("CTX", "PEREZ BUILDERS", "1860004444", "PERMITS", (
        entry(5, 27, 102550, "VN900812", advice),
    ))  # fmt: skip
    demo.files["day1/ach/ACH_20261102_01.ach"] = ach_file(MONDAY, "0512", "A", [people, company])[0]
    applied = due(9) + due(10) + due(11) + 102550
    demo.outcomes["ACH_20261102_01.ach"] = Outcome(receipts=5, applied=applied, on_account=24286)
    later = EntryBatch("WEB", "CITY WEB PAY", "1860002222", "UTILITY", (
        entry(6, 24, due(24), number(24)),
        entry(7, 25, due(25), "1000999999"),
    ))  # fmt: skip
    demo.files["day2/ach/ACH_20261103_01.ach"] = ach_file(TUESDAY, "0512", "A", [later])[0]
    demo.outcomes["ACH_20261103_01.ach"] = Outcome(receipts=2, applied=due(24), suspense=due(25))


def counter_files(demo: Demo) -> list[Close]:
    """Cash, a payment by two tenders, change on a check; the drawer's close."""
    first = ("D1", "alvarez")
    taken = [
        [("09:12", 12, "CASH", due(12), "")],
        [("10:40", 13, "CASH", 4000, ""), ("10:40", 13, "CHECK", due(13) - 4000, "2210")],
        [("14:05", 15, "CHECK", 12000, "871"), ("14:05", 15, "CASH", due(15) - 12000, "")],
    ]
    closes = []
    for day, folder, payments, start in (
        (MONDAY, "day1", taken, 1),
        (TUESDAY, "day2", [[("11:20", 28, "CHECK", 32500, "3054")]], 4),
    ):
        rows = [
            Tender(f"D1-{start + place:06d}", *first, time, number(index),
                   "AV-2026-044" if index == 28 else "", tender, cents, written, NAMES[index])
            for place, payment in enumerate(payments)
            for time, index, tender, cents, written in payment
        ]  # fmt: skip
        stamp = f"{day:%Y%m%d}"
        demo.files[f"{folder}/cashier/cashier_{stamp}.csv"] = cashier_file(day, rows)
        close = close_of(Close(*first, 20000, 0, 0, f"BAG{stamp}", "supervisor"), rows)
        bank_day = TUESDAY if day == MONDAY else date(2026, 11, 4)
        path = f"{folder}/cashier/drawer_close_{stamp}.csv"
        demo.files[path] = close_file(day, bank_day, [close])
        demo.outcomes[f"cashier_{stamp}.csv"] = Outcome(
            receipts=len(rows), applied=sum(row.cents for row in rows)
        )
        closes.append(close)
    return closes


def card_files(demo: Demo) -> int:
    """Sales of both days, one of them by somebody who paid by check on Monday; the first day's
    net settlement in cents."""
    sales = {MONDAY: (14, 16), TUESDAY: (26, 1)}
    net = 0
    for folder, (day, people) in zip(("day1", "day2"), sales.items(), strict=True):
        rows = [
            CardRow(f"T{day:%m%d}{place:04d}", "VISA", day, number(index), due(index),
                    card_fee(due(index)))
            for place, index in enumerate(people, 1)
        ]  # fmt: skip
        stamp = f"{day:%Y%m%d}"
        content = card_file("SAGUARO-WEB", f"CB{stamp}", day, rows)
        demo.files[f"{folder}/card/card_{stamp}.csv"] = content
        twice = due(1) if 1 in people else 0
        gross = sum(row.gross for row in rows)
        demo.outcomes[f"card_{stamp}.csv"] = Outcome(
            receipts=len(rows), applied=gross - twice, on_account=twice
        )
        net = net or gross - sum(row.fee for row in rows)
    return net


def bank_file(demo: Demo, card_net: int) -> None:
    """Monday's statement, as the bank sends it on Tuesday morning."""
    money = {name: o.applied + o.on_account + o.suspense for name, o in demo.outcomes.items()}
    lines = [
        StatementLine("115", money["LBX_20261102_01.bai"], "2611020001", f"LOCKBOX {BOX}"),
        StatementLine("115", money["LBX_20261102_02.bai"], "2611020002", f"LOCKBOX {BOX}"),
        StatementLine("142", money["ACH_20261102_01.ach"], "2611020003", "ACH CREDITS"),
        StatementLine("166", card_net, "2611020004", "CARD CB20261102"),
    ]
    content, _ = statement_file(MONDAY, TUESDAY, 128_000_000, lines)
    demo.files["day2/bank/BAI2_20261102.bai"] = content


def build() -> Demo:
    """All files of the demo."""
    demo = Demo()
    billing_files(demo)
    lockbox_files(demo)
    ach_files(demo)
    counter_files(demo)
    bank_file(demo, card_files(demo))
    rows = [
        [name, one.state, str(one.receipts),
         *(dollars(cents) for cents in (one.applied, one.on_account, one.suspense, one.held))]
        for name, one in sorted(demo.outcomes.items())
    ]  # fmt: skip
    header = ["file", "state", "receipts", "applied", "on_account", "suspense", "held"]
    demo.files["expected.csv"] = csv_bytes(header, rows)
    return demo


def main(arguments: list[str]) -> int:
    """Write the files below FOLDER (default: fixtures/demo)."""
    root = Path(arguments[0]) if arguments else ROOT
    for name, content in build().files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
