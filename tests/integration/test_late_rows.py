"""What comes after the close of its month stands in the pack of the next one: every row of every
dataset of the packs once (contract section 5: `period`; docs/month-end.md)."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from office import NOW, Office, check, lockbox_file, money, receivable, receivables_csv
from office import statement as bai2
from test_monthend import office_in

from recond import periods
from recond.closing import checklist
from recond.exports.datasets import dataset
from recond.exports.monthend import DATASETS
from recond.pipeline import corrections
from recond.pipeline.monthend import close_month, export_month_end

FIRST, MARCH, END = dt.date(2026, 3, 2), dt.date(2026, 3, 16), dt.date(2026, 3, 30)
CLOSED, LATE, MAY = dt.date(2026, 4, 2), dt.date(2026, 4, 14), dt.date(2026, 5, 4)
A, B = "1000456012", "1000456013"
FEE = '\n[[return_fee]]\ncodes = ["*"]\namount = "25.00"\n'
# What names a row of each dataset that has a row once; the others are lists of what is open.
KEYS: Mapping[str, tuple[str, ...]] = {
    "receipts": ("receipt_id",), "applications": ("application_id",),
    "journal": ("entry_id", "line"), "files": ("file_id",), "deposits": ("deposit_id",),
    "bank_lines": ("bank_line_id",), "clearings": ("clearing_id",), "returns": ("return_id",),
    "drawers": ("drawer", "cashier", "business_date", "deposit_bag"),
    "adjustments": ("adjustment_id",), "charges": ("charge_id",),
    "sources": ("entry_id", "kind", "source_id", "line", "fund", "gl_account"),
}  # fmt: skip
LISTS = {"exceptions", "receivables"}
CLOSE = "drawer,cashier,business_date,opening_float,counted_cash,counted_checks,deposit_bag\n"
COUNTER = ("receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,"
           "amount\n")  # fmt: skip


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = begun(tmp_path, url)
    yield made
    made.prove()
    made.close()


def begun(folder: Path, url: str | None = None) -> Office:
    made = office_in(folder, url)
    path = made.home.path / "recond.toml"
    path.write_text(path.read_text() + FEE)
    bills = [receivable(A, "1W", "WATER", "2026-03-28", 900_000),
             receivable(B, "2S", "SEWER", "2026-03-28", 900_000)]  # fmt: skip
    made.take("receivables", "open.csv", receivables_csv(bills), FIRST)
    return made


def close(office: Office, month: str, day: dt.date) -> None:
    run = office.run(day)
    with run.store.write() as connection:
        who = periods.Who("ana", NOW, day)
        close_month(connection, run, month, checklist(connection, run, month), who)


def pack(office: Office, month: str, day: dt.date) -> dict[str, bytes]:
    folder, _ = export_month_end(office.run(day), month)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows(files: Mapping[str, bytes], name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[f"{name}.csv"].decode())))


def every_row_once(office: Office, packs: list[dict[str, bytes]], day: dt.date) -> None:
    """The packs together hold what the whole datasets hold, each row in one of them."""
    for name, key in KEYS.items():
        held = Counter(tuple(row[k] for k in key) for one in packs for row in rows(one, name))
        found = Counter(
            tuple("" if row[k] is None else str(row[k]) for k in key)
            for row in office.rows(name, day)
        )
        assert held == found, name
        if name != "sources":
            assert set(held.values()) <= {1}, name


def lockbox(office: Office, day: dt.date, cents: int, taken: dt.date, number: str = "") -> None:
    content = lockbox_file(
        [check(cents, (A, None), number=number)], day, time=f"{cents % 2400:04d}"
    )
    assert office.take("lockbox", f"{day}-{cents}.bai", content, taken).state == "accepted"


def march(office: Office) -> None:
    """A check of March at the bank, and a receipt of a drawer that nobody closed."""
    lockbox(office, MARCH, 10_000, MARCH, "4711")
    office.take("bank", "m.bai2", bai2(100, [("115", 10_000, "LOCKBOX 0012345")], MARCH), MARCH)
    office.take("cashier", "r.csv", COUNTER + f"1,D1,ana,{END},10:00,{B},,CASH,15.00\n", END)


def late(office: Office) -> None:
    """Of March, but in April: a lockbox file, the bank's statement with the credit for it and the
    return of March's check, and the drawer's close, short by 1.00."""
    lockbox(office, END, 3_000, LATE)
    lines = [("115", 3_000, "LOCKBOX 0012345"), ("555", 10_000, "RETURNED NSF CHECK 4711")]
    office.take("bank", "l.bai2", bai2(10_100, lines, dt.date(2026, 3, 31)), LATE)
    office.take("cashier", "c.csv", CLOSE + f"D1,ana,{END},0.00,14.00,0.00,B1\n", LATE)


def test_every_dataset_of_the_pack_is_looked_at() -> None:
    assert KEYS.keys() | LISTS == DATASETS.keys()


def test_what_is_late_stands_in_the_next_pack_and_only_there(office: Office) -> None:
    march(office)
    close(office, "2026-03", CLOSED)
    frozen = pack(office, "2026-03", CLOSED)
    late(office)
    assert pack(office, "2026-03", LATE) == frozen
    close(office, "2026-04", MAY)
    april = pack(office, "2026-04", MAY)
    assert [(r["business_date"], r["amount"], r["state"]) for r in rows(april, "deposits")] == [
        ("2026-03-30", "30.00", "reconciled"), ("2026-03-30", "14.00", "in_transit"),
    ]  # fmt: skip
    assert [(r["value_date"], r["amount"]) for r in rows(april, "bank_lines")] == [
        ("2026-03-31", "30.00"), ("2026-03-31", "-100.00"),
    ]  # fmt: skip
    assert [r["amount"] for r in rows(april, "clearings")] == ["30.00"]
    (back,) = rows(april, "returns")
    assert (back["return_date"], back["amount"], back["state"]) == (
        "2026-03-31", "100.00", "debited",
    )  # fmt: skip
    (fee,) = rows(april, "charges")
    assert (fee["charge_date"], fee["amount"]) == ("2026-03-31", "25.00")
    (drawer,) = rows(april, "drawers")
    assert (drawer["business_date"], drawer["short"]) == ("2026-03-30", "1.00")
    every_row_once(office, [frozen, april], MAY)


def test_what_is_late_agrees_with_the_statements(office: Office) -> None:
    """The rows behind the deposit register, returned items and over and short are in the pack
    that shows them; the roll-forward calls the same cents prior-period."""
    march(office)
    close(office, "2026-03", CLOSED)
    late(office)
    april = pack(office, "2026-04", LATE)
    for statement, name, key in (
        ("deposit_register", "deposits", "deposit_id"), ("returned_items", "returns", "receipt_id"),
        ("over_short", "drawers", "drawer"),
    ):  # fmt: skip
        listed = [row[key] for row in rows(april, statement)]
        assert listed, statement
        assert listed == [row[key] for row in rows(april, name)], statement
    told = {r["charge_type"]: r["prior_period"] for r in rows(april, "ar_roll_forward")}
    assert told["WATER"] == money(10_000 - 3_000)


def test_a_return_stands_where_the_statement_of_its_entry_shows_it(office: Office) -> None:
    """It came back in April, and its entry is of March, which is open (contract section 5)."""
    march(office)
    day = dt.date(2026, 4, 1)
    lines = [("555", 10_000, "RETURNED NSF CHECK 4711")]
    office.take("bank", "l.bai2", bai2(10_100, lines, day), day)
    packs = [pack(office, month, day) for month in ("2026-03", "2026-04")]
    for name in ("returned_items", "returns"):
        assert [len(rows(one, name)) for one in packs] == [1, 0], name
    assert [len(rows(one, "charges")) for one in packs] == [0, 1], "by its own date"


def test_the_datasets_by_dates_go_by_their_own_dates_as_before(office: Office) -> None:
    march(office)
    close(office, "2026-03", CLOSED)
    late(office)
    run = office.run(LATE)
    days = {"date_from": dt.date(2026, 3, 1), "date_to": dt.date(2026, 3, 31)}
    with run.store.read() as connection:
        counts = {
            name: dataset(connection, name, today=LATE, **days).num_rows
            for name in ("deposits", "bank_lines", "clearings", "returns", "charges", "drawers")
        }
    assert counts == {"deposits": 3, "bank_lines": 3, "clearings": 2, "returns": 1, "charges": 1,
                      "drawers": 1}  # fmt: skip


def test_a_month_that_was_opened_again_takes_what_comes_then(office: Office) -> None:
    """What came while it was closed stays where it is."""
    march(office)
    close(office, "2026-03", CLOSED)
    lockbox(office, END, 3_000, CLOSED)
    run = office.run(CLOSED)
    with run.store.write() as connection:
        for actor in ("ana", "ben"):
            periods.reopen(connection, "2026-03", periods.Who(actor, NOW, CLOSED, "late"))
    office.take("cashier", "c.csv", CLOSE + f"D1,ana,{END},0.00,15.00,0.00,B1\n", CLOSED)
    close(office, "2026-03", CLOSED)
    frozen, april = pack(office, "2026-03", LATE), pack(office, "2026-04", LATE)
    assert [r["amount"] for r in rows(frozen, "deposits")] == ["100.00", "15.00"]
    assert [r["amount"] for r in rows(april, "deposits")] == ["30.00"]
    every_row_once(office, [frozen, april], LATE)


def test_a_held_receipt_waits_for_the_month_of_its_file(office: Office) -> None:
    """Held over the close of the month of its date, it stands in the next pack alone, where it
    posts; so does a file of which nothing ever posts."""
    batch = [check(5_000, (A, None))]
    held = [
        office.take("lockbox", f"h{box}.bai",
                    lockbox_file(batch, END, box, totals={1: 5_001}), CLOSED)
        for box in ("0020001", "0020002")
    ]  # fmt: skip
    close(office, "2026-03", CLOSED)
    frozen = pack(office, "2026-03", CLOSED)
    assert rows(frozen, "receipts") == []
    assert {r["state"] for r in rows(pack(office, "2026-04", CLOSED), "receipts")} == {"held"}
    run = office.run(LATE)
    with run.store.write() as connection:
        corrections.accept(connection, run, held[0].file_id or "", None, "the bank is right")
    with run.store.write() as connection:
        corrections.reject(connection, run, held[1].file_id or "", "never sent")
    april = pack(office, "2026-04", LATE)
    assert sorted(r["state"] for r in rows(april, "receipts")) == ["applied", "held"]
    every_row_once(office, [frozen, april], LATE)


def test_a_file_of_the_day_on_which_its_month_was_closed_is_the_next_ones(office: Office) -> None:
    """Nothing posts on that day any more; the file waits, and both packs tell it apart."""
    last = dt.date(2026, 3, 31)
    close(office, "2026-03", last)
    frozen = pack(office, "2026-03", last)
    content = lockbox_file([check(3_000, (A, None))], last)
    assert office.take("lockbox", "l.bai", content, last).state == "held"
    assert pack(office, "2026-03", last) == frozen
    april = pack(office, "2026-04", LATE)
    assert [r["name"] for r in rows(april, "files")] == ["l.bai"]
    every_row_once(office, [frozen, april], LATE)


# --- any history ----------------------------------------------------------------------------------


def arrivals(dice: random.Random) -> list[tuple[dt.date, int, str, str, str]]:
    """Files of March and April, each some days to two months after its own day; with the number
    of what it is of: (day of arrival, number, inbox, name, content)."""
    made = []
    for number in range(5):
        day = FIRST + dt.timedelta(days=dice.randrange(45))
        cents, box, till = 1_000 + number, f"00123{number:02d}", f"D{number}"
        head = [check(cents, (dice.choice([A, B]), None), number=f"47{number:02d}")]
        lines = [("115", cents, f"LOCKBOX {box}")]
        if dice.random() < 0.6:
            lines.append(("555", cents, f"RETURNED NSF CHECK 47{number:02d}"))
        counter = f"{number},{till},ana,{day},10:00,{B},,CASH,15.00\n"
        closed = f"{till},ana,{day},0.00,{dice.choice([14, 15, 16])}.00,0.00,B{number}\n"
        files = [
            ("lockbox", "x.bai", lockbox_file(head, day, box)),
            ("bank", "s.bai2", bai2(0, lines, day, account=f"00440{number}")),
            ("cashier", "r.csv", COUNTER + counter),
            ("cashier", "z.csv", CLOSE + closed),
        ]
        for inbox, name, content in files:
            arrives = day + dt.timedelta(days=dice.choice([0, 1, 5, 30, 60]))
            made.append((arrives, number, inbox, f"{number}{name}", content))
    return sorted(made)


@pytest.mark.parametrize(
    ("seed", "database"),
    [(1, "sqlite"), pytest.param(1, "postgresql", marks=pytest.mark.postgres)],
)
def test_every_row_stands_in_one_pack_whatever_comes_when(
    tmp_path: Path, request: pytest.FixtureRequest, seed: int, database: str
) -> None:
    """Months are closed on random days of the next one; frozen packs never move."""
    dice = random.Random(seed)
    office = begun(
        tmp_path, None if database == "sqlite" else request.getfixturevalue("postgres_url")
    )
    closes = [(dt.date(2026, n + 1, dice.randrange(1, 12)), f"2026-{n:02d}") for n in (3, 4)]
    frozen: dict[str, dict[str, bytes]] = {}
    coming = arrivals(dice)
    for day in sorted({one[0] for one in coming} | {one[0] for one in closes}):
        for _, _, inbox, name, content in [one for one in coming if one[0] == day]:
            office.drop(inbox, name, content)
        office.process(day)
        for _, month in [one for one in closes if one[0] == day]:
            close(office, month, day)
            frozen[month] = pack(office, month, day)
    last = dt.date(2026, 6, 29)
    assert {month: pack(office, month, last) for month in frozen} == frozen
    packs = [*frozen.values(), *(pack(office, f"2026-{n:02d}", last) for n in (5, 6))]
    every_row_once(office, packs, last)
    moved = sum(
        row["business_date"][:7] != month
        for month, one in frozen.items()
        for row in rows(one, "deposits")
    )
    assert moved, "something was late"
    office.prove()
    office.close()
